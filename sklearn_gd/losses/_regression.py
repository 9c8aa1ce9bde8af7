"""Losses of a real target."""

import math

import numpy as np
from numpy.typing import NDArray

from .._components import check_number
from ._base import RegressionLoss, weighted_quantiles
from ._smoothing import plus_curvature, plus_slope, plus_value, sign


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
    quadratic = True

    def best_constant(self, y: NDArray, weight: NDArray, n_outputs: int) -> NDArray | None:
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

    def best_constant(self, y: NDArray, weight: NDArray, n_outputs: int) -> NDArray | None:
        """The median."""
        return weighted_quantiles(y, weight, 0.5)

    @staticmethod
    def value(y, raw):
        """The distance to the target."""
        return abs(raw - y)

    @staticmethod
    def gradient(y, raw):
        """The side of the target."""
        return sign(raw - y)

    @staticmethod
    def second_order(y, raw, width):
        """Smoothed as the sum of two smoothed max(0, .)."""
        r = raw - y
        value = plus_value(r, width) + plus_value(-r, width)
        return value, plus_slope(r, width) - plus_slope(-r, width), 2.0 * plus_curvature(r, width)


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

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def validate(self) -> None:
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

    def __init__(self, quantile: float = 0.5) -> None:
        self.quantile = quantile

    def validate(self) -> None:
        """Raise unless 0 < quantile < 1."""
        super().validate()
        check_number(self, "quantile", above=0, below=1)

    def best_constant(self, y: NDArray, weight: NDArray, n_outputs: int) -> NDArray | None:
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
        value = quantile * plus_value(-r, width) + (1.0 - quantile) * plus_value(r, width)
        slope = (1.0 - quantile) * plus_slope(r, width) - quantile * plus_slope(-r, width)
        return value, slope, plus_curvature(r, width)


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

    def __init__(self, epsilon: float = 0.1) -> None:
        self.epsilon = epsilon

    def validate(self) -> None:
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
        return 0.0 if abs(raw - y) <= epsilon else sign(raw - y)

    @staticmethod
    def second_order(y, raw, width, epsilon):
        """Smoothed as the sum of two smoothed max(0, .)."""
        above, under = raw - y - epsilon, y - raw - epsilon
        value = plus_value(above, width) + plus_value(under, width)
        slope = plus_slope(above, width) - plus_slope(under, width)
        return value, slope, plus_curvature(above, width) + plus_curvature(under, width)


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

    def __init__(self, epsilon: float = 0.1) -> None:
        self.epsilon = epsilon

    def validate(self) -> None:
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
        return 2.0 * max(abs(raw - y) - epsilon, 0.0) * sign(raw - y)

    @staticmethod
    def second_derivative(y, raw, epsilon):
        """Two outside, zero inside."""
        return 2.0 if abs(raw - y) >= epsilon else 0.0


class LogLinkLoss(RegressionLoss):
    """Abstract base of losses whose raw score is the logarithm of the predicted mean."""

    def inverse_link(self, raw: NDArray) -> NDArray:
        """The mean, exp(raw)."""
        return np.exp(raw)

    def best_constant(self, y: NDArray, weight: NDArray, n_outputs: int) -> NDArray | None:
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

    def in_domain(self, y: NDArray) -> NDArray[np.bool_]:
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

    def in_domain(self, y: NDArray) -> NDArray[np.bool_]:
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

    def __init__(self, power: float = 1.5) -> None:
        self.power = power

    def validate(self) -> None:
        """Raise where 0 < power < 1: no such distribution exists."""
        super().validate()
        check_number(self, "power")
        if 0 < self.power < 1:
            raise ValueError(f"Tweedie: power={self.power!r} must be <= 0 or >= 1; no distribution has a power between 0 and 1")

    @property
    def domain(self) -> str:
        """Any real where power <= 0, >= 0 where power < 2, > 0 beyond."""
        return "any real number" if self.power <= 0 else ("numbers >= 0" if self.power < 2 else "numbers > 0")

    def in_domain(self, y: NDArray) -> NDArray[np.bool_]:
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
        if y == 0.0:
            return math.exp(two * raw) / two
        constant = 0.5 * y * y if power == 0.0 else (y**two / (one * two) if y > 0 else 0.0)
        if abs(raw) < 100.0:
            return constant - y * math.exp(one * raw) / one + math.exp(two * raw) / two
        # Far out the two terms may overflow together: the larger one stands outside.
        if raw > 0.0:
            return constant + math.exp(two * raw) * (1.0 / two - y * math.exp(-raw) / one)
        return constant + math.exp(one * raw) * (math.exp(raw) / two - y / one)

    @staticmethod
    def gradient(y, raw, power):
        """Mean minus target, over the variance function, times the mean; the larger power of the mean stands outside."""
        one, two = 1.0 - power, 2.0 - power
        if y == 0.0:
            return math.exp(two * raw)
        if raw > 0.0:
            return math.exp(two * raw) * (1.0 - y * math.exp(-raw))
        return math.exp(one * raw) * (math.exp(raw) - y)

    @staticmethod
    def second_derivative(y, raw, power):
        """Not negative where 1 <= power <= 2; elsewhere negative far from the target, and then floored at 0."""
        one, two = 1.0 - power, 2.0 - power
        if y == 0.0:
            h = two * math.exp(two * raw)
        elif raw > 0.0:
            h = math.exp(two * raw) * (two - one * y * math.exp(-raw))
        else:
            h = math.exp(one * raw) * (two * math.exp(raw) - one * y)
        return max(h, 0.0)
