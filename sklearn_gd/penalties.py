r"""Penalties: what large coefficients cost. F adds ``alpha`` times the penalty's sum over the coefficients, never the intercept.

A penalty is a sum over coefficients of one function of a number. It may split into a smooth part, whose slope is added to the
gradient of every step, and a part with a kink, whose proximal step follows the optimizer's: that gives exact zeros.

=====================  ============================================================================================
``value(w, ...)``      the whole penalty of one coefficient; must be there
``gradient(w, ...)``   the slope of its smooth part; numeric where neither it nor `prox` is written
``prox(w, step, ...)`` the minimiser over v of ``step * kinked part(v) + (v - w)**2 / 2``
=====================  ============================================================================================

w may be a number or an array in the functions of this module, so that a choice by its value is an ``np.where`` or the like.

A penalty counts each coefficient in a unit u, so that R is the sum of ``value(u * w)``. `coef_` stays in the units of the data.

==============================  ====================================================================================
``standardize=False``           u = 1: the coefficients as they are, scikit-learn's convention
``standardize=True``            u is the standard deviation of the feature, as if the features had been standardized
``standardize="typical_size"``  u is the standard deviation over the root of the share of samples in which it is not zero
==============================  ====================================================================================

With the last two no prediction depends on the unit of a feature. The typical size of a feature that is rarely zero is its
standard deviation. That of an indicator or a word count is about the size of its non-zero values, however rare they are, so
that a rare word costs what a frequent one does. It also has the root of the loss's typical curvature as a factor (1 for squared
error and for losses of classes; see `RegressionLoss.typical_scores`): then the unit of y does not matter either. Sample weights
count in all of these.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._components import Component, Constraints, Flag, Numbers, Range, resolve
from ._layout import ElasticNetForm

__all__ = [
    "L1",
    "L2",
    "PENALTIES",
    "ElasticNet",
    "NoPenalty",
    "Penalty",
]


class Penalty(Component):
    """Abstract base of all penalties; subclass it for a penalty of your own.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd import GDRegressor, Penalty
    >>> class TowardsOne(Penalty):
    ...     @staticmethod
    ...     def value(w):
    ...         return 0.5 * (w - 1.0) ** 2
    ...
    ...     @staticmethod
    ...     def gradient(w):
    ...         return w - 1.0
    >>> X, y = np.array([[-1.0], [1.0]]), np.array([-3.0, 3.0])
    >>> print(GDRegressor(penalty=TowardsOne(), alpha=1.0, tol=1e-10).fit(X, y).coef_.round(3))
    [2.]
    """

    # A subclass that takes `standardize` as a parameter has it honoured: the functions below are given u * w.
    standardize: bool | str = False

    def validate(self) -> None:
        """Raise where `value` is missing, a function asks for an unknown parameter, or a parameter is out of its range."""
        if self.written_functions("value") is None:
            raise TypeError(f"{type(self).__name__} has no function value(w): a penalty must give one")
        for name, n_leading in {"value": 1, "gradient": 1, "prox": 2}.items():
            if self.written_functions(name) is not None:
                self.function_parameters(name, n_leading)
        super().validate()

    def unit(self) -> Callable[..., Any]:
        """The unit of a coefficient, as a function of what is known of its feature.

        Returns
        -------
        callable
            From the feature's standard deviation and share of non-zero values, and the loss's typical curvature, to u.
        """
        return UNITS[self.standardize]

    def has_gradient(self) -> bool:
        """Whether the smooth part is there for these parameters.

        Returns
        -------
        bool
            True where `gradient` is written.
        """
        return self.written_functions("gradient") is not None

    def has_prox(self) -> bool:
        """Whether the kinked part is there for these parameters.

        Returns
        -------
        bool
            True where `prox` is written.
        """
        return self.written_functions("prox") is not None

    def elastic_net(self) -> ElasticNetForm | None:
        r"""The weights of l1 and l2, for penalties that are made of them.

        Returns
        -------
        ElasticNetForm or None
            (l1, l2, nonnegative) where the penalty is :math:`l_1 |w| + \tfrac{l_2}{2} w^2`, perhaps over :math:`w \ge 0`; None
            for any other penalty.
        """
        return None


def one(deviation: Any, share: Any, curvature: Any) -> Any:
    """Coefficients as they are."""
    return np.where(share >= 0.0, 1.0, 1.0)


def standard_deviation(deviation: Any, share: Any, curvature: Any) -> Any:
    """The standard deviation of the feature."""
    return deviation


def typical_size(deviation: Any, share: Any, curvature: Any) -> Any:
    """The standard deviation over the root of the share of non-zero values, times the root of the loss's curvature."""
    return deviation * (np.sqrt(curvature) / np.sqrt(np.maximum(share, SMALLEST_SHARE)))


SMALLEST_SHARE = 1e-300  # of a feature that has not been other than zero: its deviation is 0

#: What each value of `standardize` counts coefficients in.
UNITS: dict[bool | str, Callable[..., Any]] = {False: one, True: standard_deviation, "typical_size": typical_size}


def soft_threshold(w: Any, threshold: Any) -> Any:
    """w moved towards zero by the threshold, and no further; numbers or arrays."""
    return np.maximum(w - threshold, 0.0) + np.minimum(w + threshold, 0.0)


class NoPenalty(Penalty):
    """No penalty at all; with ``nonnegative=True`` the coefficients are still kept from falling below zero.

    Parameters
    ----------
    nonnegative : bool, default=False
        Keep every coefficient >= 0.

    Examples
    --------
    >>> from sklearn_gd.penalties import NoPenalty
    >>> print(NoPenalty.value(3.0), NoPenalty.prox(-3.0, 0.1))
    0.0 0.0
    """

    constraints: Constraints = {"nonnegative": Flag()}

    def __init__(self, nonnegative: bool = False) -> None:
        self.nonnegative = nonnegative

    def has_prox(self) -> bool:
        """Only to keep coefficients from falling below zero."""
        return bool(self.nonnegative)

    def elastic_net(self) -> ElasticNetForm:
        """Neither l1 nor l2."""
        return ElasticNetForm(0.0, 0.0, bool(self.nonnegative))

    @staticmethod
    def value(w: Numbers) -> Numbers:
        """Zero."""
        return 0.0

    @staticmethod
    def gradient(w: Numbers) -> Numbers:
        """Zero."""
        return 0.0

    @staticmethod
    def prox(w: Numbers, step: Numbers) -> Numbers:
        """The nearest number >= 0."""
        return np.maximum(w, 0.0)


class L2(Penalty):
    r"""Half the squared norm, :math:`\tfrac12 \|W\|_2^2`: ridge regression, weight decay.

    Parameters
    ----------
    nonnegative : bool, default=False
        Keep every coefficient >= 0.
    standardize : bool or "typical_size", default=False
        The unit in which the penalty counts coefficients: 1, the standard deviation of the feature (True), or its typical size,
        standard deviation / sqrt(share of non-zero values). With True and "typical_size" no prediction depends on the unit of a
        feature; with "typical_size" nor, under l2, on that of y.

    References
    ----------
    A. E. Hoerl and R. W. Kennard, "Ridge regression", 1970.

    Examples
    --------
    >>> from sklearn_gd.penalties import L2
    >>> L2.value(3.0), L2.gradient(3.0)
    (4.5, 3.0)
    """

    constraints: Constraints = {"nonnegative": Flag(), "standardize": Flag(("typical_size",))}

    def __init__(self, nonnegative: bool = False, standardize: bool | str = False) -> None:
        self.nonnegative = nonnegative
        self.standardize = standardize

    def has_prox(self) -> bool:
        """Only to keep coefficients from falling below zero."""
        return bool(self.nonnegative)

    def elastic_net(self) -> ElasticNetForm:
        """l2 alone."""
        return ElasticNetForm(0.0, 1.0, bool(self.nonnegative))

    @staticmethod
    def value(w: Numbers) -> Numbers:
        """Half the square."""
        return 0.5 * w * w

    @staticmethod
    def gradient(w: Numbers) -> Numbers:
        """The coefficient."""
        return w

    @staticmethod
    def prox(w: Numbers, step: Numbers) -> Numbers:
        """The nearest number >= 0: the quadratic part is in the gradient."""
        return np.maximum(w, 0.0)


class L1(Penalty):
    r"""The sum of magnitudes, :math:`\|W\|_1`: the lasso; coefficients that do not earn their place become exactly zero.

    Parameters
    ----------
    nonnegative : bool, default=False
        Keep every coefficient >= 0.
    standardize : bool or "typical_size", default=False
        The unit in which the penalty counts coefficients: 1, the standard deviation of the feature (True), or its typical size,
        standard deviation / sqrt(share of non-zero values). With True and "typical_size" no prediction depends on the unit of a
        feature; with "typical_size" nor, under l2, on that of y.

    References
    ----------
    R. Tibshirani, "Regression shrinkage and selection via the lasso", 1996; the proximal step: I. Daubechies, M. Defrise and
    C. De Mol, "An iterative thresholding algorithm for linear inverse problems", 2004, eq. 2.3.

    Examples
    --------
    >>> from sklearn_gd.penalties import L1
    >>> print(L1.value(-3.0), L1.prox(-3.0, 1.0, nonnegative=False), L1.prox(0.5, 1.0, nonnegative=False))
    3.0 -2.0 0.0
    """

    constraints: Constraints = {"nonnegative": Flag(), "standardize": Flag(("typical_size",))}

    def __init__(self, nonnegative: bool = False, standardize: bool | str = False) -> None:
        self.nonnegative = nonnegative
        self.standardize = standardize

    def elastic_net(self) -> ElasticNetForm:
        """l1 alone."""
        return ElasticNetForm(1.0, 0.0, bool(self.nonnegative))

    @staticmethod
    def value(w: Numbers) -> Numbers:
        """The magnitude."""
        return np.abs(w)

    @staticmethod
    def prox(w: Numbers, step: Numbers, nonnegative: bool) -> Numbers:
        """Soft threshold; with nonnegative, then no less than zero."""
        return np.maximum(w - step, 0.0) if nonnegative else soft_threshold(w, step)


class ElasticNet(Penalty):
    r"""Between lasso and ridge: :math:`\rho \|W\|_1 + \frac{1 - \rho}{2} \|W\|_2^2`, as in scikit-learn's SGD.

    Parameters
    ----------
    l1_ratio : float in [0, 1], default=0.15
        The share :math:`\rho` of the l1 part: 0 is ridge, 1 the lasso.
    nonnegative : bool, default=False
        Keep every coefficient >= 0.
    standardize : bool or "typical_size", default=False
        The unit in which the penalty counts coefficients: 1, the standard deviation of the feature (True), or its typical size,
        standard deviation / sqrt(share of non-zero values). With True and "typical_size" no prediction depends on the unit of a
        feature; with "typical_size" nor, under l2, on that of y.

    References
    ----------
    H. Zou and T. Hastie, "Regularization and variable selection via the elastic net", 2005.

    Examples
    --------
    >>> from sklearn_gd.penalties import ElasticNet
    >>> print(ElasticNet.value(2.0, l1_ratio=0.5), ElasticNet.gradient(2.0, l1_ratio=0.5))
    2.0 1.0
    """

    constraints: Constraints = {"l1_ratio": Range(0, 1), "nonnegative": Flag(), "standardize": Flag(("typical_size",))}

    def __init__(self, l1_ratio: float = 0.15, nonnegative: bool = False, standardize: bool | str = False) -> None:
        self.l1_ratio = l1_ratio
        self.nonnegative = nonnegative
        self.standardize = standardize

    def elastic_net(self) -> ElasticNetForm:
        """The two shares."""
        return ElasticNetForm(float(self.l1_ratio), 1.0 - float(self.l1_ratio), bool(self.nonnegative))

    @staticmethod
    def value(w: Numbers, l1_ratio: float) -> Numbers:
        """The two parts."""
        return l1_ratio * np.abs(w) + 0.5 * (1.0 - l1_ratio) * w * w

    @staticmethod
    def gradient(w: Numbers, l1_ratio: float) -> Numbers:
        """The slope of the quadratic part."""
        return (1.0 - l1_ratio) * w

    @staticmethod
    def prox(w: Numbers, step: Numbers, l1_ratio: float, nonnegative: bool) -> Numbers:
        """Soft threshold by the l1 part; with nonnegative, then no less than zero."""
        threshold = step * l1_ratio
        return np.maximum(w - threshold, 0.0) if nonnegative else soft_threshold(w, threshold)


#: What each string of `penalty` stands for, beside "auto".
PENALTIES: dict[str, type[Penalty]] = {"l2": L2, "l1": L1, "elasticnet": ElasticNet}


def resolve_penalty(value: Any, l1_ratio: float | None) -> Penalty:
    """The penalty that the estimators' parameters stand for."""
    if value is None:
        return NoPenalty()
    if isinstance(value, str) and value == "auto":
        return L2(standardize="typical_size")
    if isinstance(value, str) and value == "elasticnet":
        if l1_ratio is None:
            raise ValueError("l1_ratio=None with penalty='elasticnet': it needs a number >= 0 and <= 1")
        return ElasticNet(l1_ratio=l1_ratio)
    return resolve("penalty", value, Penalty, PENALTIES, ["auto"])
