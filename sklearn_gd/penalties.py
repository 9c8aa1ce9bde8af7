r"""Penalties: the regularization term R of F, multiplied by ``alpha``. It applies to the coefficients, not to the intercept.

A penalty is the sum over all coefficients of a function of one coefficient. It may consist of a smooth part, whose gradient is
added to the gradient of every step, and a non-smooth part (with non-differentiable points), whose proximal step follows the step
of the optimizer and produces exact zeros.

=====================  ============================================================================================
``value(w, ...)``      the whole penalty of one coefficient; required
``gradient(w, ...)``   the derivative of the smooth part; computed numerically if neither it nor `prox` is defined
``prox(w, step, ...)`` the minimiser over v of ``step * non-smooth part(v) + (v - w)**2 / 2``
=====================  ============================================================================================

In the functions of this module w may be a number or an array, so they use ``np.where`` and similar functions instead of ``if``.

A penalty multiplies each coefficient by a unit u: R is the sum of ``value(u * w)``. `coef_` remains in the units of the data.

==============================  ==============================================================================================
``standardize=False``           u = 1: the coefficients in the units of the data, as in scikit-learn
``standardize=True``            u is the standard deviation of the feature, as if the features had been standardized
``standardize="typical_size"``  u is the standard deviation divided by the square root of the fraction of samples in which the
                                feature is not zero
==============================  ==============================================================================================

With the last two, predictions do not depend on the units of the features. The typical size of a feature that is rarely zero is
approximately its standard deviation. The typical size of an indicator or a word count is approximately the size of its non-zero
values, however rare they are, so that the coefficients of rare and frequent words are penalized alike. The typical size is also
multiplied by the square root of the typical curvature of the loss (1 for squared error and for classification losses; see
`RegressionLoss.typical_scores`), so that predictions do not depend on the unit of y either. Sample weights are taken into
account in all of these quantities.
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
    """Abstract base of all penalties; subclass it for a custom penalty.

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
    >>> model = GDRegressor(penalty=TowardsOne(), alpha=1.0, tol=1e-10)
    >>> print(model.fit(X, y).coef_.round(3))
    [2.]
    """

    # If a subclass has `standardize` as a parameter, its functions are called with u * w.
    standardize: bool | str = False
    _optional: tuple[str, ...] = ("value", "gradient", "prox")

    def validate(self) -> None:
        """Raise an error if `value` is missing, a function takes an unknown parameter, or a parameter is out of its range."""
        if self.written_functions("value") is None:
            raise TypeError(f"{type(self).__name__} has no function value(w): a penalty must define it")
        tried = {"value": (0.5,), "gradient": (0.5,), "prox": (0.5, 0.25)}
        for name, leading in tried.items():
            if self.written_functions(name) is not None:
                self.function_parameters(name, len(leading))
        super().validate()
        with self.once("as written") as due:
            if due:
                Flag(("typical_size",)).check(self, "standardize")
                for name, leading in tried.items():
                    self.try_function(name, *leading)

    def unit(self) -> Callable[..., Any]:
        """Return the function that computes the unit of a coefficient.

        Returns
        -------
        callable
            A function of the standard deviation of the feature, its fraction of non-zero values, and the typical curvature of
            the loss; it returns u.
        """
        return UNITS[self.standardize]

    def has_gradient(self) -> bool:
        """Whether the penalty has a smooth part with these parameters.

        Returns
        -------
        bool
            True if `gradient` is defined.
        """
        return self.written_functions("gradient") is not None

    def has_prox(self) -> bool:
        """Whether the penalty has a non-smooth part with these parameters.

        Returns
        -------
        bool
            True if `prox` is defined.
        """
        return self.written_functions("prox") is not None

    def needs_numeric_gradient(self) -> bool:
        """Whether only `value` is defined, which is then differentiated numerically.

        Returns
        -------
        bool
            True if neither `gradient` nor `prox` is defined, whatever the parameters.
        """
        return type(self).written_functions("gradient") is None and not (self.has_gradient() or self.has_prox())

    def elastic_net(self) -> ElasticNetForm | None:
        r"""Return the weights of the l1 and l2 terms, if the penalty consists of them.

        Returns
        -------
        ElasticNetForm or None
            (l1, l2, nonnegative) if the penalty is :math:`l_1 |w| + \tfrac{l_2}{2} w^2`, with the constraint :math:`w \ge 0` if
            nonnegative; None for any other penalty.
        """
        return None


def one(deviation: Any, share: Any, curvature: Any) -> Any:
    """Return 1: the coefficients in the units of the data."""
    return np.where(share >= 0.0, 1.0, 1.0)


def standard_deviation(deviation: Any, share: Any, curvature: Any) -> Any:
    """Return the standard deviation of the feature."""
    return deviation


def typical_size(deviation: Any, share: Any, curvature: Any) -> Any:
    """Return standard deviation * sqrt(curvature of the loss / fraction of non-zero values)."""
    return deviation * (np.sqrt(curvature) / np.sqrt(np.maximum(share, SMALLEST_SHARE)))


SMALLEST_SHARE = 1e-300  # of a feature that is zero so far, whose standard deviation is 0

#: The unit of coefficients for each value of `standardize`.
UNITS: dict[bool | str, Callable[..., Any]] = {False: one, True: standard_deviation, "typical_size": typical_size}


def soft_threshold(w: Any, threshold: Any) -> Any:
    """Return w moved towards zero by the threshold, at most to zero; for numbers and arrays."""
    return np.maximum(w - threshold, 0.0) + np.minimum(w + threshold, 0.0)


class NoPenalty(Penalty):
    """No penalty. With ``nonnegative=True`` the coefficients are constrained to be >= 0.

    Parameters
    ----------
    nonnegative : bool, default=False
        Whether to constrain all coefficients to be >= 0.

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
        """True if the coefficients are constrained to be >= 0."""
        return bool(self.nonnegative)

    def elastic_net(self) -> ElasticNetForm:
        """Return l1 = 0 and l2 = 0."""
        return ElasticNetForm(0.0, 0.0, bool(self.nonnegative))

    @staticmethod
    def value(w: Numbers) -> Numbers:
        """Return 0."""
        return 0.0

    @staticmethod
    def gradient(w: Numbers) -> Numbers:
        """Return 0."""
        return 0.0

    @staticmethod
    def prox(w: Numbers, step: Numbers) -> Numbers:
        """Return w, or 0 if w is negative."""
        return np.maximum(w, 0.0)


class L2(Penalty):
    r"""Half the squared l2 norm, :math:`\tfrac12 \|W\|_2^2`: the penalty of ridge regression, also called weight decay.

    Parameters
    ----------
    nonnegative : bool, default=False
        Whether to constrain all coefficients to be >= 0.
    standardize : bool or "typical_size", default=False
        The unit by which the penalty multiplies each coefficient: 1 (False), the standard deviation of the feature (True), or its
        typical size, standard deviation / sqrt(fraction of non-zero values). With True and "typical_size", predictions do not
        depend on the units of the features; with "typical_size" and l2, they do not depend on the unit of y either.

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
        """True if the coefficients are constrained to be >= 0."""
        return bool(self.nonnegative)

    def elastic_net(self) -> ElasticNetForm:
        """Return l1 = 0 and l2 = 1."""
        return ElasticNetForm(0.0, 1.0, bool(self.nonnegative))

    @staticmethod
    def value(w: Numbers) -> Numbers:
        """Return w^2 / 2."""
        return 0.5 * w * w

    @staticmethod
    def gradient(w: Numbers) -> Numbers:
        """Return w."""
        return w

    @staticmethod
    def prox(w: Numbers, step: Numbers) -> Numbers:
        """Return w, or 0 if w is negative; the quadratic term is part of the gradient."""
        return np.maximum(w, 0.0)


class L1(Penalty):
    r"""The l1 norm, :math:`\|W\|_1`: the penalty of the lasso, which sets uninformative coefficients exactly to zero.

    Parameters
    ----------
    nonnegative : bool, default=False
        Whether to constrain all coefficients to be >= 0.
    standardize : bool or "typical_size", default=False
        The unit by which the penalty multiplies each coefficient: 1 (False), the standard deviation of the feature (True), or its
        typical size, standard deviation / sqrt(fraction of non-zero values). With True and "typical_size", predictions do not
        depend on the units of the features; with "typical_size" and l2, they do not depend on the unit of y either.

    References
    ----------
    R. Tibshirani, "Regression shrinkage and selection via the lasso", 1996; the proximal step: I. Daubechies, M. Defrise and
    C. De Mol, "An iterative thresholding algorithm for linear inverse problems", 2004, eq. 2.3.

    Examples
    --------
    >>> from sklearn_gd.penalties import L1
    >>> print(
    ...     L1.value(-3.0),
    ...     L1.prox(-3.0, 1.0, nonnegative=False),
    ...     L1.prox(0.5, 1.0, nonnegative=False),
    ... )
    3.0 -2.0 0.0
    """

    constraints: Constraints = {"nonnegative": Flag(), "standardize": Flag(("typical_size",))}

    def __init__(self, nonnegative: bool = False, standardize: bool | str = False) -> None:
        self.nonnegative = nonnegative
        self.standardize = standardize

    def elastic_net(self) -> ElasticNetForm:
        """Return l1 = 1 and l2 = 0."""
        return ElasticNetForm(1.0, 0.0, bool(self.nonnegative))

    @staticmethod
    def value(w: Numbers) -> Numbers:
        """Return abs(w)."""
        return np.abs(w)

    @staticmethod
    def prox(w: Numbers, step: Numbers, nonnegative: bool) -> Numbers:
        """Return w soft-thresholded by step; with nonnegative, negative results become 0."""
        return np.maximum(w - step, 0.0) if nonnegative else soft_threshold(w, step)


class ElasticNet(Penalty):
    r"""The elastic net, :math:`\rho \|W\|_1 + \frac{1 - \rho}{2} \|W\|_2^2`, as in scikit-learn's SGD.

    Parameters
    ----------
    l1_ratio : float in [0, 1], default=0.15
        The weight :math:`\rho` of the l1 term: 0 is ridge, 1 is the lasso.
    nonnegative : bool, default=False
        Whether to constrain all coefficients to be >= 0.
    standardize : bool or "typical_size", default=False
        The unit by which the penalty multiplies each coefficient: 1 (False), the standard deviation of the feature (True), or its
        typical size, standard deviation / sqrt(fraction of non-zero values). With True and "typical_size", predictions do not
        depend on the units of the features; with "typical_size" and l2, they do not depend on the unit of y either.

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
        """Return l1 = l1_ratio and l2 = 1 - l1_ratio."""
        return ElasticNetForm(float(self.l1_ratio), 1.0 - float(self.l1_ratio), bool(self.nonnegative))

    @staticmethod
    def value(w: Numbers, l1_ratio: float) -> Numbers:
        """Return the weighted sum of the l1 and l2 terms."""
        return l1_ratio * np.abs(w) + 0.5 * (1.0 - l1_ratio) * w * w

    @staticmethod
    def gradient(w: Numbers, l1_ratio: float) -> Numbers:
        """Return the derivative of the quadratic term."""
        return (1.0 - l1_ratio) * w

    @staticmethod
    def prox(w: Numbers, step: Numbers, l1_ratio: float, nonnegative: bool) -> Numbers:
        """Return w soft-thresholded by step * l1_ratio; with nonnegative, negative results become 0."""
        threshold = step * l1_ratio
        return np.maximum(w - threshold, 0.0) if nonnegative else soft_threshold(w, threshold)


DEFAULT_L1_RATIO = 0.15  # of the estimators; any other one is meant for elastic net

#: The penalties by the strings of the parameter `penalty`, except "auto".
PENALTIES: dict[str, type[Penalty]] = {"l2": L2, "l1": L1, "elasticnet": ElasticNet}


def resolve_penalty(value: Any, l1_ratio: float | None) -> Penalty:
    """Return the penalty object for the parameters `penalty` and `l1_ratio`."""
    if value is None:
        return NoPenalty()
    if isinstance(value, str) and value == "auto":
        return L2(standardize="typical_size")
    if isinstance(value, str) and value == "elasticnet":
        if l1_ratio is None:
            raise ValueError("l1_ratio=None with penalty='elasticnet': l1_ratio must be a number >= 0 and <= 1")
        return ElasticNet(l1_ratio=l1_ratio)
    return resolve("penalty", value, Penalty, PENALTIES, ["auto"], "None")
