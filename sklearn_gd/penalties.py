r"""Penalties: what large coefficients cost. F adds ``alpha`` times the penalty's sum over the coefficients, never the intercept.

A penalty is a sum over coefficients of one function of a number. It may split into a smooth part, whose slope is added to the
gradient of every step, and a part with a kink, whose proximal step follows the optimizer's: that gives exact zeros.

=====================  ============================================================================================
``value(w, ...)``      the whole penalty of one coefficient; must be there
``gradient(w, ...)``   the slope of its smooth part; numeric where neither it nor `prox` is written
``prox(w, step, ...)`` the minimiser over v of ``step * kinked part(v) + (v - w)**2 / 2``
=====================  ============================================================================================

With ``standardize=True`` the penalty is one of coefficients times the standard deviation of their column, weights honoured, as
if the columns had been standardised beforehand: then no prediction depends on the unit of a column. `coef_` stays in the
units of the data. By default it is one of the coefficients as they are, which is scikit-learn's convention.
"""

from ._components import Component, check_flag, check_number

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

    # A subclass that takes `standardize` as a parameter has it honoured; the coefficients are then in standard deviations.
    standardize = False

    def validate(self) -> None:
        """Raise where `value` is missing or a function asks for an unknown parameter."""
        if self.written_functions("value") is None:
            raise TypeError(f"{type(self).__name__} has no function value(w): a penalty must give one")
        for name, n_leading in {"value": 1, "gradient": 1, "prox": 2}.items():
            if self.written_functions(name) is not None:
                self.function_parameters(name, n_leading)

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

    def shrinkage(self) -> tuple[float, float, bool] | None:
        r"""The shares of l1 and l2, for penalties that are made of them.

        Returns
        -------
        tuple of (float, float, bool), or None
            (a, b, nonnegative) where the penalty is :math:`a |w| + \tfrac{b}{2} w^2`, perhaps over :math:`w \ge 0`; None
            for any other penalty.
        """
        return None


def _soft_threshold(w, threshold):
    """w moved towards zero by the threshold, and no further."""
    if w > threshold:
        return w - threshold
    if w < -threshold:
        return w + threshold
    return 0.0


class NoPenalty(Penalty):
    """No penalty at all; with ``nonnegative=True`` the coefficients are still kept from falling below zero.

    Parameters
    ----------
    nonnegative : bool, default=False
        Keep every coefficient >= 0.

    Examples
    --------
    >>> from sklearn_gd.penalties import NoPenalty
    >>> NoPenalty.value(3.0), NoPenalty.prox(-3.0, 0.1)
    (0.0, 0.0)
    """

    def __init__(self, nonnegative: bool = False) -> None:
        self.nonnegative = nonnegative

    def validate(self) -> None:
        """Raise unless nonnegative is a bool."""
        check_flag(self, "nonnegative")

    def has_prox(self) -> bool:
        """Only to keep coefficients from falling below zero."""
        return bool(self.nonnegative)

    def shrinkage(self) -> tuple[float, float, bool] | None:
        """Nothing shrinks."""
        return 0.0, 0.0, bool(self.nonnegative)

    @staticmethod
    def value(w):
        """Zero."""
        return 0.0

    @staticmethod
    def prox(w, step):
        """The nearest number >= 0."""
        return max(w, 0.0)


class L2(Penalty):
    r"""Half the squared norm, :math:`\tfrac12 \|W\|_2^2`: ridge regression, weight decay.

    Parameters
    ----------
    nonnegative : bool, default=False
        Keep every coefficient >= 0.
    standardize : bool, default=False
        Penalise each coefficient times its column's standard deviation.

    References
    ----------
    A. E. Hoerl and R. W. Kennard, "Ridge regression", 1970.

    Examples
    --------
    >>> from sklearn_gd.penalties import L2
    >>> L2.value(3.0), L2.gradient(3.0)
    (4.5, 3.0)
    """

    def __init__(self, nonnegative: bool = False, standardize: bool = False) -> None:
        self.nonnegative = nonnegative
        self.standardize = standardize

    def validate(self) -> None:
        """Raise unless nonnegative and standardize are bools."""
        check_flag(self, "nonnegative")
        check_flag(self, "standardize")

    def has_prox(self) -> bool:
        """Only to keep coefficients from falling below zero."""
        return bool(self.nonnegative)

    def shrinkage(self) -> tuple[float, float, bool] | None:
        """All of it is quadratic."""
        return 0.0, 1.0, bool(self.nonnegative)

    @staticmethod
    def value(w):
        """Half the square."""
        return 0.5 * w * w

    @staticmethod
    def gradient(w):
        """The coefficient."""
        return w

    @staticmethod
    def prox(w, step):
        """The nearest number >= 0: the quadratic part is in the gradient."""
        return max(w, 0.0)


class L1(Penalty):
    r"""The sum of magnitudes, :math:`\|W\|_1`: the lasso; coefficients that do not earn their place become exactly zero.

    Parameters
    ----------
    nonnegative : bool, default=False
        Keep every coefficient >= 0.
    standardize : bool, default=False
        Penalise each coefficient times its column's standard deviation.

    References
    ----------
    R. Tibshirani, "Regression shrinkage and selection via the lasso", 1996; the proximal step: I. Daubechies, M. Defrise and
    C. De Mol, "An iterative thresholding algorithm for linear inverse problems", 2004, eq. 2.3.

    Examples
    --------
    >>> from sklearn_gd.penalties import L1
    >>> L1.value(-3.0), L1.prox(-3.0, 1.0, nonnegative=False), L1.prox(0.5, 1.0, nonnegative=False)
    (3.0, -2.0, 0.0)
    """

    def __init__(self, nonnegative: bool = False, standardize: bool = False) -> None:
        self.nonnegative = nonnegative
        self.standardize = standardize

    def validate(self) -> None:
        """Raise unless nonnegative and standardize are bools."""
        check_flag(self, "nonnegative")
        check_flag(self, "standardize")

    def shrinkage(self) -> tuple[float, float, bool] | None:
        """All of it is linear."""
        return 1.0, 0.0, bool(self.nonnegative)

    @staticmethod
    def value(w):
        """The magnitude."""
        return abs(w)

    @staticmethod
    def prox(w, step, nonnegative):
        """Soft threshold; with nonnegative, then no less than zero."""
        return max(w - step, 0.0) if nonnegative else _soft_threshold(w, step)


class ElasticNet(Penalty):
    r"""Between lasso and ridge: :math:`\rho \|W\|_1 + \frac{1 - \rho}{2} \|W\|_2^2`, as in scikit-learn's SGD.

    Parameters
    ----------
    l1_ratio : float in [0, 1], default=0.15
        The share :math:`\rho` of the l1 part: 0 is ridge, 1 the lasso.
    nonnegative : bool, default=False
        Keep every coefficient >= 0.
    standardize : bool, default=False
        Penalise each coefficient times its column's standard deviation.

    References
    ----------
    H. Zou and T. Hastie, "Regularization and variable selection via the elastic net", 2005.

    Examples
    --------
    >>> from sklearn_gd.penalties import ElasticNet
    >>> ElasticNet.value(2.0, l1_ratio=0.5), ElasticNet.gradient(2.0, l1_ratio=0.5)
    (2.0, 1.0)
    """

    def __init__(self, l1_ratio: float = 0.15, nonnegative: bool = False, standardize: bool = False) -> None:
        self.l1_ratio = l1_ratio
        self.nonnegative = nonnegative
        self.standardize = standardize

    def validate(self) -> None:
        """Raise unless 0 <= l1_ratio <= 1, and nonnegative and standardize are bools."""
        check_number(self, "l1_ratio", least=0, most=1)
        check_flag(self, "nonnegative")
        check_flag(self, "standardize")

    def shrinkage(self) -> tuple[float, float, bool] | None:
        """The two shares."""
        return float(self.l1_ratio), 1.0 - float(self.l1_ratio), bool(self.nonnegative)

    @staticmethod
    def value(w, l1_ratio):
        """The two parts."""
        return l1_ratio * abs(w) + 0.5 * (1.0 - l1_ratio) * w * w

    @staticmethod
    def gradient(w, l1_ratio):
        """The slope of the quadratic part."""
        return (1.0 - l1_ratio) * w

    @staticmethod
    def prox(w, step, l1_ratio, nonnegative):
        """Soft threshold by the l1 part; with nonnegative, then no less than zero."""
        threshold = step * l1_ratio
        return max(w - threshold, 0.0) if nonnegative else _soft_threshold(w, threshold)


#: What each string of `penalty` stands for.
PENALTIES = {"l2": L2, "l1": L1, "elasticnet": ElasticNet}
