r"""Losses: what one row costs, as a function of its target y and its raw score (or scores).

A loss sees (y, raw) only, never X. Its functions are plain Python functions of numbers, written in the class body and compiled
at first use; after their own arguments they may ask for any of the constructor's parameters by name:

===========================================  ==================================================================================
``value(y, raw, ...)``                       the loss of one score; the only one that must be there
``gradient(y, raw, ...)``                    its derivative with respect to raw; taken numerically where absent
``second_derivative(y, raw, ...)``           its second derivative; taken numerically where absent
``second_order(y, raw, width, ...)``         (value, gradient, curvature) at once. A loss with kinks (``smooth = False``) gives
                                             here its smoothing over `width` on each side of a kink, and the curvature of a
                                             quadratic upper bound
===========================================  ==================================================================================

In classification y is -1 or +1; beyond two classes each class is set against the rest, unless the loss couples the classes:

====================================================================  =========================================================
``multiclass_value(y, raw, ...)``                                     the loss of a row of scores, y being the class's index
``multiclass_gradient(y, raw, out, ...)``                             fills out with its gradient
``multiclass_second_order(y, raw, width, gradient, curvature, ...)``  returns the value; fills the gradient and whatever
                                                                      `multiclass_quadratic` needs
``multiclass_quadratic(y, curvature, a, b, ...)``                     a' H b for two directions of the row's scores
====================================================================  =========================================================
"""

import math

import numpy as np
from scipy.special import expit, softmax

from ._components import Component, check_number


class Loss(Component):
    """Abstract base of all losses; subclass `RegressionLoss` or `ClassificationLoss`.

    Attributes
    ----------
    smooth : bool
        False where the loss has kinks: "auto" then descends on a smoothing of it that shrinks stage by stage.
    curvature_bound : float or None
        The largest second derivative with respect to a score, where there is one: it bounds the stable learning rate.
    domain : str
        The targets that the loss admits, in words.
    """

    smooth = True
    curvature_bound = None
    domain = "any real number"
    # Whether kinks lie at a distance in units of y, and not of the score.
    in_units_of_y = True

    def validate(self):
        """Raise where `value` is missing, a function asks for an unknown parameter, or a parameter is out of its range."""
        if self.written_functions("value") is None:
            raise TypeError(f"{type(self).__name__} has no function value(y, raw): a loss must give one")
        functions = {"value": 2, "gradient": 2, "second_derivative": 2, "second_order": 3}
        functions |= {"multiclass_value": 2, "multiclass_gradient": 3, "multiclass_second_order": 5, "multiclass_quadratic": 4}
        for name, n_leading in functions.items():
            if self.written_functions(name) is not None:
                self.function_parameters(name, n_leading)

    def in_domain(self, y):
        """Mask of the targets that the loss admits, (n_samples,) or (n_samples, n_outputs)."""
        return np.ones(np.shape(y), dtype=bool)

    def best_constant(self, y, weight, n_outputs):
        """The best raw score of each output without any feature, (n_outputs,); None to have it searched for.

        `y` is (n_samples, n_outputs), or (n_samples, 1) class indices; `weight` is (n_samples,).
        """

    def check_targets(self, y):
        """Raise a ValueError that names the loss and the first target outside its domain."""
        outside = ~self.in_domain(y)
        if outside.any():
            row = np.argwhere(outside)[0]
            raise ValueError(
                f"{type(self).__name__} needs {self.domain} as y; y[{', '.join(map(str, row))}] is {np.asarray(y)[tuple(row)]!r}"
            )

    def has_row_functions(self):
        """Whether the loss couples the classes of a row, instead of setting each against the rest."""
        return self.written_functions("multiclass_value") is not None


class RegressionLoss(Loss):
    """Abstract base of losses of a real target; subclass it for a loss of your own.

    Examples
    --------
    >>> import math
    >>> from sklearn_gd import GDRegressor, RegressionLoss
    >>> class Welsch(RegressionLoss):
    ...     def __init__(self, scale=2.0):
    ...         self.scale = scale
    ...
    ...     @staticmethod
    ...     def value(y, raw, scale):
    ...         return scale**2 / 2 * (1 - math.exp(-(((raw - y) / scale) ** 2)))
    ...
    ...     @staticmethod
    ...     def gradient(y, raw, scale):
    ...         return (raw - y) * math.exp(-(((raw - y) / scale) ** 2))
    >>> model = GDRegressor(loss=Welsch(scale=3.0)).fit([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0])
    >>> print(model.predict([[4.0]]).round(1))
    [4.]
    """

    def inverse_link(self, raw):
        """The prediction of a raw score: the score itself, unless the loss has a link."""
        return raw


class ClassificationLoss(Loss):
    """Abstract base of losses of a class; y is -1 or +1.

    A subclass that defines ``probability(raw)`` gives its estimator `predict_proba`: scores of shape (n_samples,) to the
    probability of the positive class, or (n_samples, n_classes) to that of each class.

    Examples
    --------
    >>> from sklearn_gd import ClassificationLoss, GDClassifier
    >>> class Savage(ClassificationLoss):
    ...     @staticmethod
    ...     def value(y, raw):
    ...         return 1 / (1 + math.exp(min(y * raw, 300.0))) ** 2
    >>> model = GDClassifier(loss=Savage()).fit([[-2.0], [-1.0], [1.0], [2.0]], ["a", "a", "b", "b"])
    >>> print(model.predict([[1.5]]))
    ['b']
    """

    domain = "-1 or +1"
    in_units_of_y = False

    def in_domain(self, y):
        """Mask of the targets that are -1 or +1."""
        return np.isin(y, (-1.0, 1.0))


# --- helpers of the functions below: compiled with them ------------------------------------------------------------------


def _sign(x):
    """-1, 0 or 1."""
    return 1.0 if x > 0 else (-1.0 if x < 0 else 0.0)


def _plus_value(u, width):
    """max(0, u), the kink replaced by a parabola over [-width, width]."""
    if u <= -width:
        return 0.0
    if u >= width:
        return u
    return (u + width) * (u + width) / (4.0 * width)


def _plus_slope(u, width):
    """Derivative of `_plus_value`."""
    if u <= -width:
        return 0.0
    if u >= width:
        return 1.0
    return (u + width) / (2.0 * width)


def _plus_curvature(u, width):
    """Curvature of the parabola that touches the smoothed max(0, u) at u and lies above it."""
    return 0.5 / max(abs(u), width, 1e-300)


# --- regression ----------------------------------------------------------------------------------------------------------


class SquaredError(RegressionLoss):
    r"""Half the squared error, :math:`\tfrac12 (raw - y)^2`, as in scikit-learn's SGD.

    Gradient: :math:`raw - y`. Second derivative: 1. Estimates the conditional mean.

    References
    ----------
    C. F. Gauss, "Theoria motus corporum coelestium", 1809.

    Examples
    --------
    >>> from sklearn_gd.losses import SquaredError
    >>> SquaredError.value(1.0, 3.0), SquaredError.gradient(1.0, 3.0)
    (2.0, 2.0)
    """

    curvature_bound = 1.0

    def best_constant(self, y, weight, n_outputs):
        """The mean."""
        return np.average(y, axis=0, weights=weight)

    @staticmethod
    def value(y, raw):
        """Half the squared residual."""
        return 0.5 * (raw - y) * (raw - y)

    @staticmethod
    def gradient(y, raw):
        """The residual."""
        return raw - y

    @staticmethod
    def second_derivative(y, raw):
        """One."""
        return 1.0


class AbsoluteError(RegressionLoss):
    r"""The absolute error, :math:`|raw - y|`; estimates the conditional median.

    Gradient: :math:`\operatorname{sign}(raw - y)`, 0 at the kink.

    References
    ----------
    P. S. Laplace, "Théorie analytique des probabilités", 1812.

    Examples
    --------
    >>> from sklearn_gd.losses import AbsoluteError
    >>> AbsoluteError.value(1.0, 3.0), AbsoluteError.gradient(1.0, 3.0)
    (2.0, 1.0)
    """

    smooth = False

    def best_constant(self, y, weight, n_outputs):
        """The median."""
        return weighted_quantiles(y, weight, 0.5)

    @staticmethod
    def value(y, raw):
        """The distance to the target."""
        return abs(raw - y)

    @staticmethod
    def gradient(y, raw):
        """The side of the target."""
        return _sign(raw - y)

    @staticmethod
    def second_order(y, raw, width):
        """Smoothed as the sum of two smoothed max(0, .)."""
        r = raw - y
        value = _plus_value(r, width) + _plus_value(-r, width)
        return value, _plus_slope(r, width) - _plus_slope(-r, width), 2.0 * _plus_curvature(r, width)


class Huber(RegressionLoss):
    r"""Squared near the target, linear beyond `delta`.

    With :math:`r = raw - y`: :math:`\tfrac12 r^2` where :math:`|r| \le \delta`, else :math:`\delta (|r| - \delta / 2)`.
    Gradient: r, clipped to :math:`[-\delta, \delta]`. Second derivative: 1 inside, 0 outside.

    Parameters
    ----------
    delta : float > 0, default=1.0
        Residual, in units of y, beyond which a row counts linearly. A small one nears the median, a large one the mean.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", 1964, eq. 1.7.

    Examples
    --------
    >>> from sklearn_gd.losses import Huber
    >>> Huber.value(0.0, 3.0, delta=1.0), Huber.gradient(0.0, 3.0, delta=1.0)
    (2.5, 1.0)
    """

    curvature_bound = 1.0

    def __init__(self, delta=1.0):
        self.delta = delta

    def validate(self):
        """Raise unless delta > 0."""
        super().validate()
        check_number(self, "delta", above=0)

    @staticmethod
    def value(y, raw, delta):
        """Squared, then linear."""
        r = abs(raw - y)
        return 0.5 * r * r if r <= delta else delta * (r - 0.5 * delta)

    @staticmethod
    def gradient(y, raw, delta):
        """The clipped residual."""
        return min(max(raw - y, -delta), delta)

    @staticmethod
    def second_derivative(y, raw, delta):
        """One inside, zero outside."""
        return 1.0 if abs(raw - y) <= delta else 0.0


class Quantile(RegressionLoss):
    r"""The pinball loss; estimates a conditional quantile.

    :math:`q \max(0, y - raw) + (1 - q) \max(0, raw - y)`. Gradient: -q below the target, 1 - q above it, 0 at the kink.

    Parameters
    ----------
    quantile : float in (0, 1), default=0.5
        The quantile q to estimate; 0.5 is the median (and half the absolute error).

    References
    ----------
    R. Koenker and G. Bassett, "Regression quantiles", 1978, eq. 2.1.

    Examples
    --------
    >>> from sklearn_gd.losses import Quantile
    >>> Quantile.value(1.0, 0.0, quantile=0.75), Quantile.gradient(1.0, 0.0, quantile=0.75)
    (0.75, -0.75)
    """

    smooth = False

    def __init__(self, quantile=0.5):
        self.quantile = quantile

    def validate(self):
        """Raise unless 0 < quantile < 1."""
        super().validate()
        check_number(self, "quantile", above=0, below=1)

    def best_constant(self, y, weight, n_outputs):
        """The quantile."""
        return weighted_quantiles(y, weight, self.quantile)

    @staticmethod
    def value(y, raw, quantile):
        """The pinball."""
        return quantile * max(y - raw, 0.0) + (1.0 - quantile) * max(raw - y, 0.0)

    @staticmethod
    def gradient(y, raw, quantile):
        """Minus the quantile below, its complement above."""
        return 1.0 - quantile if raw > y else (-quantile if raw < y else 0.0)

    @staticmethod
    def second_order(y, raw, width, quantile):
        """Smoothed as the sum of two smoothed max(0, .)."""
        r = raw - y
        value = quantile * _plus_value(-r, width) + (1.0 - quantile) * _plus_value(r, width)
        slope = (1.0 - quantile) * _plus_slope(r, width) - quantile * _plus_slope(-r, width)
        return value, slope, _plus_curvature(r, width)


class LogCosh(RegressionLoss):
    r"""The logarithm of the hyperbolic cosine, :math:`\log\cosh(raw - y)`: squared near the target, absolute far from it.

    Gradient: :math:`\tanh(raw - y)`. Second derivative: :math:`1 - \tanh^2(raw - y)`.

    References
    ----------
    P. J. Green, "Bayesian reconstructions from emission tomography data using a modified EM algorithm", 1990, section II.

    Examples
    --------
    >>> from sklearn_gd.losses import LogCosh
    >>> round(LogCosh.value(0.0, 1.0), 6), round(LogCosh.gradient(0.0, 1.0), 6)
    (0.433781, 0.761594)
    """

    curvature_bound = 1.0

    @staticmethod
    def value(y, raw):
        """Written so that it neither overflows far from the target nor loses its digits near it."""
        r = abs(raw - y)
        if r < 1e-2:
            square = r * r
            return square * (0.5 - square * (1.0 / 12.0 - square / 45.0))
        return r + math.log1p(math.exp(-2.0 * r)) - math.log(2.0)

    @staticmethod
    def gradient(y, raw):
        """The hyperbolic tangent of the residual."""
        return math.tanh(raw - y)

    @staticmethod
    def second_derivative(y, raw):
        """One minus the squared slope."""
        slope = math.tanh(raw - y)
        return 1.0 - slope * slope


class EpsilonInsensitive(RegressionLoss):
    r"""The absolute error beyond a tube of free residuals, :math:`\max(0, |raw - y| - \epsilon)`: support vector regression.

    Gradient: :math:`\operatorname{sign}(raw - y)` outside the tube, 0 inside.

    Parameters
    ----------
    epsilon : float >= 0, default=0.1
        Half the tube's width, in units of y; 0 gives the absolute error.

    References
    ----------
    V. Vapnik, "The nature of statistical learning theory", 1995, eq. 6.1.

    Examples
    --------
    >>> from sklearn_gd.losses import EpsilonInsensitive
    >>> EpsilonInsensitive.value(0.0, 2.0, epsilon=0.5), EpsilonInsensitive.gradient(0.0, 2.0, epsilon=0.5)
    (1.5, 1.0)
    """

    smooth = False

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon

    def validate(self):
        """Raise unless epsilon >= 0."""
        super().validate()
        check_number(self, "epsilon", least=0)

    @staticmethod
    def value(y, raw, epsilon):
        """The distance to the tube."""
        return max(abs(raw - y) - epsilon, 0.0)

    @staticmethod
    def gradient(y, raw, epsilon):
        """The side of the tube."""
        return 0.0 if abs(raw - y) <= epsilon else _sign(raw - y)

    @staticmethod
    def second_order(y, raw, width, epsilon):
        """Smoothed as the sum of two smoothed max(0, .)."""
        above, under = raw - y - epsilon, y - raw - epsilon
        value = _plus_value(above, width) + _plus_value(under, width)
        slope = _plus_slope(above, width) - _plus_slope(under, width)
        return value, slope, _plus_curvature(above, width) + _plus_curvature(under, width)


class SquaredEpsilonInsensitive(RegressionLoss):
    r"""The squared distance to a tube of free residuals, :math:`\max(0, |raw - y| - \epsilon)^2`, as in scikit-learn's SGD.

    Gradient: :math:`2 \max(0, |raw - y| - \epsilon) \operatorname{sign}(raw - y)`. Second derivative: 2 outside, 0 inside.

    Parameters
    ----------
    epsilon : float >= 0, default=0.1
        Half the tube's width, in units of y; 0 gives the squared error (not halved).

    References
    ----------
    C.-H. Ho and C.-J. Lin, "Large-scale linear support vector regression", 2012, eq. 3.

    Examples
    --------
    >>> from sklearn_gd.losses import SquaredEpsilonInsensitive
    >>> SquaredEpsilonInsensitive.value(0.0, 2.0, epsilon=0.5), SquaredEpsilonInsensitive.gradient(0.0, 2.0, epsilon=0.5)
    (2.25, 3.0)
    """

    curvature_bound = 2.0

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon

    def validate(self):
        """Raise unless epsilon >= 0."""
        super().validate()
        check_number(self, "epsilon", least=0)

    @staticmethod
    def value(y, raw, epsilon):
        """The squared distance to the tube."""
        r = max(abs(raw - y) - epsilon, 0.0)
        return r * r

    @staticmethod
    def gradient(y, raw, epsilon):
        """Twice the signed distance."""
        return 2.0 * max(abs(raw - y) - epsilon, 0.0) * _sign(raw - y)

    @staticmethod
    def second_derivative(y, raw, epsilon):
        """Two outside, zero inside."""
        return 2.0 if abs(raw - y) > epsilon else 0.0


class LogLinkLoss(RegressionLoss):
    """Abstract base of losses whose raw score is the logarithm of the predicted mean."""

    def inverse_link(self, raw):
        """The mean, exp(raw)."""
        return np.exp(raw)

    def best_constant(self, y, weight, n_outputs):
        """The logarithm of the mean."""
        mean = np.average(y, axis=0, weights=weight)
        return np.log(np.where(mean > 0.0, mean, 1e-10))


class Poisson(LogLinkLoss):
    r"""Half the Poisson deviance of a count, with a logarithmic link: the mean is :math:`e^{raw}`.

    :math:`e^{raw} - y\,raw + y \log y - y`; the last two terms make it 0 where the prediction is exact.
    Gradient: :math:`e^{raw} - y`. Second derivative: :math:`e^{raw}`. `predict` returns the mean.

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized linear models", 1989, table 2.3.

    Examples
    --------
    >>> from sklearn_gd.losses import Poisson
    >>> round(Poisson.value(2.0, 0.0), 6), Poisson.gradient(2.0, 0.0)
    (0.386294, -1.0)
    """

    domain = "numbers >= 0"

    def in_domain(self, y):
        """Mask of the targets >= 0."""
        return np.asarray(y) >= 0

    @staticmethod
    def value(y, raw):
        """Half the deviance."""
        constant = y * math.log(y) - y if y > 0 else 0.0
        return math.exp(raw) - y * raw + constant

    @staticmethod
    def gradient(y, raw):
        """Mean minus count."""
        return math.exp(raw) - y

    @staticmethod
    def second_derivative(y, raw):
        """The mean."""
        return math.exp(raw)


class Gamma(LogLinkLoss):
    r"""Half the gamma deviance of a positive amount, with a logarithmic link: the mean is :math:`e^{raw}`.

    :math:`y e^{-raw} + raw - \log y - 1`. Gradient: :math:`1 - y e^{-raw}`. Second derivative: :math:`y e^{-raw}`.
    `predict` returns the mean; errors count relative to it.

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized linear models", 1989, table 2.3.

    Examples
    --------
    >>> from sklearn_gd.losses import Gamma
    >>> Gamma.value(1.0, 0.0), Gamma.gradient(3.0, 0.0)
    (0.0, -2.0)
    """

    domain = "numbers > 0"

    def in_domain(self, y):
        """Mask of the targets > 0."""
        return np.asarray(y) > 0

    @staticmethod
    def value(y, raw):
        """Half the deviance."""
        return y * math.exp(-raw) + raw - math.log(y) - 1.0

    @staticmethod
    def gradient(y, raw):
        """One minus the ratio of target to mean."""
        return 1.0 - y * math.exp(-raw)

    @staticmethod
    def second_derivative(y, raw):
        """The ratio of target to mean."""
        return y * math.exp(-raw)


class Tweedie(LogLinkLoss):
    r"""Half the Tweedie deviance of an amount, with a logarithmic link: the mean is :math:`\mu = e^{raw}`.

    :math:`\frac{\max(y, 0)^{2-p}}{(1-p)(2-p)} - \frac{y \mu^{1-p}}{1-p} + \frac{\mu^{2-p}}{2-p}`, its limits at p = 1 (Poisson)
    and p = 2 (gamma). Gradient: :math:`\mu^{2-p} - y \mu^{1-p}`.
    Second derivative: :math:`(2-p) \mu^{2-p} - (1-p) y \mu^{1-p}`. `predict` returns the mean.

    Parameters
    ----------
    power : float, <= 0 or >= 1, default=1.5
        The variance grows as the mean to this power: 0 normal, 1 Poisson, between 1 and 2 a sum of a Poisson number of gamma
        amounts (zeros allowed), 2 gamma, 3 inverse Gaussian.

    References
    ----------
    B. Jørgensen, "Exponential dispersion models", 1987, section 4.

    Examples
    --------
    >>> from sklearn_gd.losses import Tweedie
    >>> Tweedie.value(1.0, 0.0, power=1.5), Tweedie.gradient(3.0, 0.0, power=1.5)
    (0.0, -2.0)
    """

    def __init__(self, power=1.5):
        self.power = power

    def validate(self):
        """Raise where 0 < power < 1: no such distribution exists."""
        super().validate()
        check_number(self, "power")
        if 0 < self.power < 1:
            raise ValueError(f"Tweedie: power={self.power!r} must be <= 0 or >= 1; no distribution has a power between 0 and 1")

    @property
    def domain(self):
        """Any real where power <= 0, >= 0 where power < 2, > 0 beyond."""
        return "any real number" if self.power <= 0 else ("numbers >= 0" if self.power < 2 else "numbers > 0")

    def in_domain(self, y):
        """Mask of the targets that the power admits."""
        y = np.asarray(y)
        return np.ones(y.shape, dtype=bool) if self.power <= 0 else (y >= 0 if self.power < 2 else y > 0)

    @staticmethod
    def value(y, raw, power):
        """Half the deviance."""
        if power == 1.0:
            constant = y * math.log(y) - y if y > 0 else 0.0
            return math.exp(raw) - y * raw + constant
        if power == 2.0:
            return y * math.exp(-raw) + raw - math.log(y) - 1.0
        one, two = 1.0 - power, 2.0 - power
        constant = y**two / (one * two) if y > 0 else 0.0
        return constant - y * math.exp(one * raw) / one + math.exp(two * raw) / two

    @staticmethod
    def gradient(y, raw, power):
        """Mean minus target, over the variance function, times the mean."""
        return math.exp((2.0 - power) * raw) - y * math.exp((1.0 - power) * raw)

    @staticmethod
    def second_derivative(y, raw, power):
        """Not negative where 1 <= power <= 2; elsewhere negative far from the target, and then floored at 0."""
        h = (2.0 - power) * math.exp((2.0 - power) * raw) - (1.0 - power) * y * math.exp((1.0 - power) * raw)
        return max(h, 0.0)


# --- classification ------------------------------------------------------------------------------------------------------


class LogLoss(ClassificationLoss):
    r"""Minus the log likelihood of the class: logistic regression; beyond two classes the true softmax.

    Two classes: :math:`\log(1 + e^{-y\,raw})`, gradient :math:`-y / (1 + e^{y\,raw})`, second derivative p (1 - p).
    Beyond: :math:`\log \sum_k e^{raw_k} - raw_y`, gradient :math:`p_k - [k = y]`, Hessian diag(p) - p p'.

    References
    ----------
    D. R. Cox, "The regression analysis of binary sequences", 1958; J. S. Bridle, "Probabilistic interpretation of feedforward
    classification network outputs", 1990.

    Examples
    --------
    >>> from sklearn_gd.losses import LogLoss
    >>> round(LogLoss.value(1.0, 0.0), 6), LogLoss.gradient(1.0, 0.0)
    (0.693147, -0.5)
    """

    curvature_bound = 0.25

    def best_constant(self, y, weight, n_outputs):
        """The log odds of the classes; their logarithms less the mean of these, beyond two."""
        if n_outputs == 1:
            share = np.average(y[:, 0] > 0, weights=weight)
            return [math.log(share / (1.0 - share))] if 0.0 < share < 1.0 else None
        share = np.bincount(y[:, 0].astype(int), weights=weight, minlength=n_outputs) / weight.sum()
        logarithm = np.log(np.maximum(share, 1e-10))
        return logarithm - logarithm.mean()

    @staticmethod
    def value(y, raw):
        """Written so that no exponential overflows."""
        m = y * raw
        return math.log1p(math.exp(-m)) if m > 0 else math.log1p(math.exp(m)) - m

    @staticmethod
    def gradient(y, raw):
        """Minus y times the probability of the other class."""
        m = y * raw
        if m > 0:
            e = math.exp(-m)
            return -y * e / (1.0 + e)
        return -y / (1.0 + math.exp(m))

    @staticmethod
    def second_derivative(y, raw):
        """p (1 - p)."""
        e = math.exp(-abs(raw))
        return e / ((1.0 + e) * (1.0 + e))

    @staticmethod
    def second_order(y, raw, width):
        """Value, slope and curvature from one exponential; the loss is smooth, so width plays no part."""
        m = y * raw
        e = math.exp(-abs(m))
        other = (e if m > 0 else 1.0) / (1.0 + e)
        return math.log1p(e) + max(-m, 0.0), -y * other, e / ((1.0 + e) * (1.0 + e))

    @staticmethod
    def multiclass_value(y, raw):
        """Log of the sum of exponentials, less the class's score."""
        top = raw[0]
        for k in range(1, len(raw)):
            top = max(top, raw[k])
        total = 0.0
        for k in range(len(raw)):
            total += math.exp(raw[k] - top)
        return math.log(total) + top - raw[y]

    @staticmethod
    def multiclass_gradient(y, raw, out):
        """Probability less the one-hot target."""
        top = raw[0]
        for k in range(1, len(raw)):
            top = max(top, raw[k])
        total = 0.0
        for k in range(len(raw)):
            out[k] = math.exp(raw[k] - top)
            total += out[k]
        for k in range(len(raw)):
            out[k] /= total
        out[y] -= 1.0

    @staticmethod
    def multiclass_second_order(y, raw, width, gradient, curvature):
        """The curvature kept is the probabilities."""
        top = raw[0]
        for k in range(1, len(raw)):
            top = max(top, raw[k])
        total = 0.0
        for k in range(len(raw)):
            curvature[k] = math.exp(raw[k] - top)
            total += curvature[k]
        for k in range(len(raw)):
            curvature[k] /= total
            gradient[k] = curvature[k]
        gradient[y] -= 1.0
        return math.log(total) + top - raw[y]

    @staticmethod
    def multiclass_quadratic(y, curvature, a, b):
        """a' (diag(p) - p p') b, centred first so that no digits cancel."""
        mean_a, mean_b = 0.0, 0.0
        for k in range(len(a)):
            mean_a += curvature[k] * a[k]
            mean_b += curvature[k] * b[k]
        total = 0.0
        for k in range(len(a)):
            total += curvature[k] * (a[k] - mean_a) * (b[k] - mean_b)
        return total

    def probability(self, raw):
        """Sigmoid of one score, softmax of several."""
        return expit(raw) if raw.ndim == 1 else softmax(raw, axis=1)


class Hinge(ClassificationLoss):
    r"""The hinge of the support vector machine, :math:`\max(0, 1 - y\,raw)`.

    Gradient: -y where :math:`y\,raw \le 1`, else 0.

    References
    ----------
    C. Cortes and V. Vapnik, "Support-vector networks", 1995.

    Examples
    --------
    >>> from sklearn_gd.losses import Hinge
    >>> Hinge.value(1.0, 0.25), Hinge.gradient(1.0, 0.25)
    (0.75, -1.0)
    """

    smooth = False

    @staticmethod
    def value(y, raw):
        """What the margin lacks."""
        return max(1.0 - y * raw, 0.0)

    @staticmethod
    def gradient(y, raw):
        """Minus the label inside the margin."""
        return -y if y * raw <= 1.0 else 0.0

    @staticmethod
    def second_order(y, raw, width):
        """Smoothed max(0, .) of what the margin lacks."""
        u = 1.0 - y * raw
        return _plus_value(u, width), -y * _plus_slope(u, width), _plus_curvature(u, width)


class SquaredHinge(ClassificationLoss):
    r"""The squared hinge, :math:`\max(0, 1 - y\,raw)^2`.

    Gradient: :math:`-2 y \max(0, 1 - y\,raw)`. Second derivative: 2 inside the margin, 0 outside.

    References
    ----------
    K.-W. Chang, C.-J. Hsieh and C.-J. Lin, "Coordinate descent method for large-scale L2-loss linear support vector
    machines", 2008, eq. 3.

    Examples
    --------
    >>> from sklearn_gd.losses import SquaredHinge
    >>> SquaredHinge.value(1.0, 0.5), SquaredHinge.gradient(1.0, 0.5)
    (0.25, -1.0)
    """

    curvature_bound = 2.0

    @staticmethod
    def value(y, raw):
        """The square of what the margin lacks."""
        u = max(1.0 - y * raw, 0.0)
        return u * u

    @staticmethod
    def gradient(y, raw):
        """Minus twice the label times what the margin lacks."""
        return -2.0 * y * max(1.0 - y * raw, 0.0)

    @staticmethod
    def second_derivative(y, raw):
        """Two inside the margin."""
        return 2.0 if y * raw < 1.0 else 0.0


class ModifiedHuber(ClassificationLoss):
    r"""Squared hinge near the margin, linear for rows far on the wrong side.

    With m = y raw: :math:`\max(0, 1 - m)^2` where :math:`m \ge -1`, else :math:`-4m`.
    Gradient: :math:`-2y \max(0, 1 - m)`, then :math:`-4y`.

    References
    ----------
    T. Zhang, "Solving large scale linear prediction problems using stochastic gradient descent algorithms", 2004, section 4.

    Examples
    --------
    >>> from sklearn_gd.losses import ModifiedHuber
    >>> ModifiedHuber.value(1.0, -2.0), ModifiedHuber.gradient(1.0, -2.0)
    (8.0, -4.0)
    """

    curvature_bound = 2.0

    @staticmethod
    def value(y, raw):
        """Squared, then linear."""
        m = y * raw
        if m < -1.0:
            return -4.0 * m
        u = max(1.0 - m, 0.0)
        return u * u

    @staticmethod
    def gradient(y, raw):
        """The slope of the two parts."""
        m = y * raw
        return -4.0 * y if m < -1.0 else -2.0 * y * max(1.0 - m, 0.0)

    @staticmethod
    def second_derivative(y, raw):
        """Two between -1 and 1."""
        return 2.0 if -1.0 <= y * raw < 1.0 else 0.0

    def probability(self, raw):
        """The score clipped to [-1, 1], as a probability; classes normalised, all alike where every one is at zero."""
        one = (np.clip(raw, -1.0, 1.0) + 1.0) / 2.0
        if raw.ndim == 1:
            return one
        return _normalised(one)


class Perceptron(ClassificationLoss):
    r"""The perceptron's loss, :math:`\max(0, -y\,raw)`.

    Gradient: -y where :math:`y\,raw \le 0`, else 0. Zero coefficients minimise it: what matters is the way that descent takes.
    "auto" therefore descends on its smoothing, which asks for a margin.

    References
    ----------
    F. Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in the brain", 1958.

    Examples
    --------
    >>> from sklearn_gd.losses import Perceptron
    >>> Perceptron.value(1.0, -2.0), Perceptron.gradient(1.0, 0.0)
    (2.0, -1.0)
    """

    smooth = False

    @staticmethod
    def value(y, raw):
        """The distance on the wrong side."""
        return max(-y * raw, 0.0)

    @staticmethod
    def gradient(y, raw):
        """Minus the label on the wrong side."""
        return -y if y * raw <= 0.0 else 0.0

    @staticmethod
    def second_order(y, raw, width):
        """Smoothed max(0, .) of the wrong side; at zero it has a slope, so that descent begins."""
        u = -y * raw
        return _plus_value(u, width), -y * _plus_slope(u, width), _plus_curvature(u, width)


class Exponential(ClassificationLoss):
    r"""The exponential loss of boosting, :math:`e^{-y\,raw}`.

    Gradient: :math:`-y e^{-y\,raw}`. Second derivative: :math:`e^{-y\,raw}`. One row far on the wrong side can outweigh all others.

    References
    ----------
    J. Friedman, T. Hastie and R. Tibshirani, "Additive logistic regression: a statistical view of boosting", 2000, eq. 9 (its
    minimiser is half the log odds: hence the probabilities).

    Examples
    --------
    >>> from sklearn_gd.losses import Exponential
    >>> Exponential.value(1.0, 0.0), Exponential.gradient(1.0, 0.0)
    (1.0, -1.0)
    """

    @staticmethod
    def value(y, raw):
        """The exponential of minus the margin."""
        return math.exp(-y * raw)

    @staticmethod
    def gradient(y, raw):
        """Minus the label times the value."""
        return -y * math.exp(-y * raw)

    @staticmethod
    def second_derivative(y, raw):
        """The value."""
        return math.exp(-y * raw)

    def probability(self, raw):
        """Sigmoid of twice the score; classes normalised."""
        one = expit(2.0 * raw)
        return one if raw.ndim == 1 else _normalised(one)


class MulticlassHinge(ClassificationLoss):
    r"""The multi-class hinge: every other class must stay a margin below the row's own.

    :math:`\sum_{j \ne y} \max(0, raw_j - raw_y + 1)`. Gradient: 1 for each class inside the margin, minus their number for the
    row's own. With two classes there is one score, and it is the hinge.

    References
    ----------
    J. Weston and C. Watkins, "Support vector machines for multi-class pattern recognition", 1999, eq. 8.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd.losses import MulticlassHinge
    >>> MulticlassHinge.multiclass_value(0, np.array([1.0, 0.5, -3.0]))
    0.5
    """

    smooth = False
    value = staticmethod(Hinge.value)
    gradient = staticmethod(Hinge.gradient)
    second_order = staticmethod(Hinge.second_order)

    @staticmethod
    def multiclass_value(y, raw):
        """The sum of what the margins lack."""
        total = 0.0
        for k in range(len(raw)):
            if k != y:
                total += max(raw[k] - raw[y] + 1.0, 0.0)
        return float(total)

    @staticmethod
    def multiclass_gradient(y, raw, out):
        """One for each class inside the margin."""
        inside = 0.0
        for k in range(len(raw)):
            out[k] = 1.0 if k != y and raw[k] - raw[y] + 1.0 > 0.0 else 0.0
            inside += out[k]
        out[y] = -inside

    @staticmethod
    def multiclass_second_order(y, raw, width, gradient, curvature):
        """Each margin smoothed as the hinge is; the curvature kept is theirs."""
        total, inside = 0.0, 0.0
        for k in range(len(raw)):
            if k != y:
                u = raw[k] - raw[y] + 1.0
                total += _plus_value(u, width)
                gradient[k] = _plus_slope(u, width)
                curvature[k] = _plus_curvature(u, width)
                inside += gradient[k]
        gradient[y] = -inside
        curvature[y] = 0.0
        return total

    @staticmethod
    def multiclass_quadratic(y, curvature, a, b):
        """The sum over classes of the curvature times the two moves' differences from the row's own class."""
        total = 0.0
        for k in range(len(a)):
            total += curvature[k] * (a[k] - a[y]) * (b[k] - b[y])
        return total


def weighted_quantiles(y, weight, quantile):
    """The weighted quantile of each column of y."""
    out = np.empty(y.shape[1])
    for k in range(y.shape[1]):
        order = np.argsort(y[:, k], kind="stable")
        reached = np.cumsum(weight[order])
        out[k] = y[order[np.searchsorted(reached, quantile * reached[-1])], k]
    return out


def _normalised(scores):
    """Rows that sum to one; a row of zeros becomes the same share for every class."""
    total = scores.sum(axis=1, keepdims=True)
    return np.where(total > 0, scores / np.where(total > 0, total, 1.0), 1.0 / scores.shape[1])


REGRESSION_LOSSES = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "log_cosh": LogCosh,
    "epsilon_insensitive": EpsilonInsensitive,
    "squared_epsilon_insensitive": SquaredEpsilonInsensitive,
    "poisson": Poisson,
    "gamma": Gamma,
    "tweedie": Tweedie,
}
CLASSIFICATION_LOSSES = {
    "log_loss": LogLoss,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "modified_huber": ModifiedHuber,
    "perceptron": Perceptron,
    "exponential": Exponential,
    "multiclass_hinge": MulticlassHinge,
}


def check_loss(loss, y=None, raw=None, *, n_classes=4, rtol=1e-5):
    """Compare a loss's written derivatives with numeric ones, and say where they part.

    Parameters
    ----------
    loss : Loss
        The loss to check; its functions are called as plain Python.
    y, raw : array-like, optional
        Targets and scores to try, every pair of them; by default a spread of values within the loss's domain.
    n_classes : int, default=4
        Length of the rows tried where the loss couples the classes.
    rtol : float, default=1e-5
        Largest difference allowed, relative to the larger of 1 and the numeric derivative.

    Returns
    -------
    float
        The largest relative difference found.

    Raises
    ------
    AssertionError
        Where they differ: the message has the function, y, raw, the written and the numeric value at the worst place.
    TypeError
        If `loss` is not a loss object.

    Notes
    -----
    At a kink any value between the two one-sided slopes is right.

    Examples
    --------
    >>> from sklearn_gd import check_loss
    >>> from sklearn_gd.losses import Huber
    >>> check_loss(Huber(delta=0.5)) < 1e-6
    True
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"check_loss takes a Loss object, not {loss!r}")
    loss.validate()
    if y is None:
        y = np.array([-2.0, -1.0, -0.3, 0.0, 0.4, 1.0, 2.5, 6.0])
        y = y[loss.in_domain(y)]
    raw = np.array([-3.1, -1.03, -0.52, -0.011, 0.0, 0.017, 0.49, 0.99, 1.7, 3.3]) if raw is None else raw
    worst = (0.0, "")

    def compare(name, written, below, above, y_value, raw_value):
        nonlocal worst
        low, high = sorted((below, above))
        distance = max(low - written, written - high, 0.0)
        if not math.isfinite(written):
            distance = math.inf
        relative = distance / max(1.0, abs(below), abs(above))
        if relative > worst[0]:
            place = f"y={y_value!r}, raw={raw_value!r}: written {written!r}, numeric {(below + above) / 2!r}"
            worst = (relative, f"{type(loss).__name__}.{name} at {place}")

    def function_of(name, n_leading):
        written = loss.written_functions(name)
        if written is None:
            return None
        values = [getattr(loss, parameter) for parameter in loss.function_parameters(name, n_leading)]
        return lambda *leading: written(*leading, *values)

    def one_sided(function, y_value, z):
        # The differences on the two sides, each of second order: they part at a kink only.
        h = 1e-5 * max(1.0, abs(z))
        middle = function(y_value, z)
        below = (3 * middle - 4 * function(y_value, z - h) + function(y_value, z - 2 * h)) / (2 * h)
        above = (-3 * middle + 4 * function(y_value, z + h) - function(y_value, z + 2 * h)) / (2 * h)
        return below, above

    value, gradient = function_of("value", 2), function_of("gradient", 2)
    second = function_of("second_derivative", 2)
    for y_value in np.asarray(y, dtype=float).tolist():
        for z in np.asarray(raw, dtype=float).tolist():
            if gradient is not None:
                compare("gradient", gradient(y_value, z), *one_sided(value, y_value, z), y_value, z)
            if second is not None and gradient is not None:
                below, above = one_sided(gradient, y_value, z)
                compare("second_derivative", second(y_value, z), max(below, 0.0), max(above, 0.0), y_value, z)
    row_value, row_gradient = function_of("multiclass_value", 2), function_of("multiclass_gradient", 3)
    if row_value is not None and row_gradient is not None:
        for seed in range(20):
            z = np.random.default_rng(seed).normal(size=n_classes) * 2
            label, out = seed % n_classes, np.empty(n_classes)
            row_gradient(label, z, out)
            for k in range(n_classes):

                def along(label, score, z=z, k=k):
                    return row_value(label, np.where(np.arange(n_classes) == k, score, z))

                compare("multiclass_gradient", out[k], *one_sided(along, label, z[k]), label, z.tolist())
    if worst[0] > rtol:
        raise AssertionError(f"{worst[1]} (relative difference {worst[0]:.2g})")
    return worst[0]
