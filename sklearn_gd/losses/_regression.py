"""Regression losses."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._components import Constraints, Numbers, Range
from ._base import RegressionLoss, weighted_quantiles, xlogx
from ._smoothing import plus_curvature, plus_slope, plus_value

LOG_2 = 0.6931471805599453


class SquaredError(RegressionLoss):
    r"""Half the squared error, :math:`\tfrac12 (raw - y)^2`, as in scikit-learn's SGD.

    Gradient: :math:`raw - y`. Second derivative: 1. The loss estimates the conditional mean.

    References
    ----------
    C. F. Gauss, "Theoria motus corporum coelestium", 1809.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd.losses import SquaredError
    >>> SquaredError.value(1.0, 3.0), SquaredError.gradient(1.0, 3.0)
    (2.0, 2.0)
    >>> SquaredError.value(1.0, np.array([3.0, 4.0]))
    array([2. , 4.5])
    """

    curvature_bound: float | None = 1.0
    is_least_squares: bool = True

    def best_constant(self, y: NDArray[Any], weight: NDArray[Any], n_outputs: int) -> NDArray[Any] | None:
        """Return the weighted mean of each output."""
        return np.average(y, axis=0, weights=weight)

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return half the squared residual."""
        return 0.5 * (raw - y) * (raw - y)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return the residual, raw - y."""
        return raw - y

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers) -> Numbers:
        """Return the constant 1."""
        return 1.0

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers) -> tuple[Numbers, ...]:
        """Return value, gradient and second derivative; `width` is unused, because the loss is smooth."""
        r = raw - y
        return 0.5 * r * r, r, 1.0

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, slope * y + slope^2 / 2."""
        return slope * (y + 0.5 * slope)


class AbsoluteError(RegressionLoss):
    r"""The absolute error, :math:`|raw - y|`; it estimates the conditional median.

    Gradient: :math:`\operatorname{sign}(raw - y)`, and 0 at the non-differentiable point.

    References
    ----------
    P. S. Laplace, "Théorie analytique des probabilités", 1812.

    Examples
    --------
    >>> from sklearn_gd.losses import AbsoluteError
    >>> print(AbsoluteError.value(1.0, 3.0), AbsoluteError.gradient(1.0, 3.0))
    2.0 1.0
    """

    smooth: bool = False

    def best_constant(self, y: NDArray[Any], weight: NDArray[Any], n_outputs: int) -> NDArray[Any] | None:
        """Return the weighted median of each output."""
        return weighted_quantiles(y, weight, 0.5)

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return the absolute residual."""
        return np.abs(raw - y)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return the sign of the residual."""
        return np.sign(raw - y)

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers) -> tuple[Numbers, ...]:
        """Return value, slope and curvature of the smoothed loss, a sum of two smoothed max(0, .)."""
        r = raw - y
        value = plus_value(r, width) + plus_value(-r, width)
        return value, plus_slope(r, width) - plus_slope(-r, width), 2.0 * plus_curvature(r, width)

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, slope * y, for slopes in [-1, 1]."""
        return slope * y


class Huber(RegressionLoss):
    r"""The Huber loss: quadratic for residuals up to `delta`, linear beyond; it is robust to outliers.

    With :math:`r = raw - y`: :math:`\tfrac12 r^2` where :math:`|r| \le \delta`, else :math:`\delta (|r| - \delta / 2)`.
    Gradient: r, clipped to :math:`[-\delta, \delta]`. Second derivative: 1 inside, 0 outside.

    Parameters
    ----------
    delta : float > 0, default=1.0
        Residual, in units of y, beyond which the loss is linear. With a small `delta` the loss estimates approximately the
        median, with a large one approximately the mean.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", 1964, eq. 1.7.

    Examples
    --------
    >>> from sklearn_gd.losses import Huber
    >>> print(Huber.value(0.0, 3.0, delta=1.0), Huber.gradient(0.0, 3.0, delta=1.0))
    2.5 1.0
    """

    curvature_bound: float | None = 1.0
    constraints: Constraints = {"delta": Range(0, closed="neither")}

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    @property
    def linear_beyond(self) -> float:
        return self.delta

    @staticmethod
    def value(y: Numbers, raw: Numbers, delta: float) -> Numbers:
        """Return the Huber loss of the residual."""
        distance = np.abs(raw - y)
        inside = np.minimum(distance, delta)
        return inside * (distance - 0.5 * inside)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers, delta: float) -> Numbers:
        """Return the residual clipped to [-delta, delta]."""
        return np.minimum(np.maximum(raw - y, -delta), delta)

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers, delta: float) -> Numbers:
        """Return 1 for residuals up to delta, and 0 beyond."""
        return 1.0 - np.where(np.abs(raw - y) > delta, 1.0, 0.0)

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers, delta: float) -> tuple[Numbers, ...]:
        """Return value, gradient and second derivative; `width` is unused, because the loss is smooth."""
        r = raw - y
        slope = np.minimum(np.maximum(r, -delta), delta)
        return slope * (r - 0.5 * slope), slope, 1.0 - np.where(np.abs(r) > delta, 1.0, 0.0)

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers, delta: float) -> Numbers:
        """Return the convex conjugate, that of the squared error, for slopes in [-delta, delta]."""
        return slope * (y + 0.5 * slope)


class Quantile(RegressionLoss):
    r"""The pinball (quantile) loss; it estimates a conditional quantile.

    :math:`q \max(0, y - raw) + (1 - q) \max(0, raw - y)`. Gradient: -q below the target, 1 - q above it, and 0 at the
    non-differentiable point.

    Parameters
    ----------
    quantile : float in (0, 1), default=0.5
        The quantile q to estimate. With 0.5 the loss is half the absolute error and estimates the median.

    References
    ----------
    R. Koenker and G. Bassett, "Regression quantiles", 1978, eq. 2.1.

    Examples
    --------
    >>> from sklearn_gd.losses import Quantile
    >>> print(
    ...     Quantile.value(1.0, 0.0, quantile=0.75),
    ...     Quantile.gradient(1.0, 0.0, quantile=0.75),
    ... )
    0.75 -0.75
    """

    smooth: bool = False
    constraints: Constraints = {"quantile": Range(0, 1, closed="neither")}

    def __init__(self, quantile: float = 0.5) -> None:
        self.quantile = quantile

    def best_constant(self, y: NDArray[Any], weight: NDArray[Any], n_outputs: int) -> NDArray[Any] | None:
        """Return the weighted quantile of each output."""
        return weighted_quantiles(y, weight, self.quantile)

    @staticmethod
    def value(y: Numbers, raw: Numbers, quantile: float) -> Numbers:
        """Return the pinball loss of the residual."""
        return quantile * np.maximum(y - raw, 0.0) + (1.0 - quantile) * np.maximum(raw - y, 0.0)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers, quantile: float) -> Numbers:
        """Return -quantile below the target and 1 - quantile above it."""
        return (1.0 - quantile) * np.where(raw > y, 1.0, 0.0) - quantile * np.where(raw < y, 1.0, 0.0)

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers, quantile: float) -> tuple[Numbers, ...]:
        """Return value, slope and curvature of the smoothed loss, a sum of two smoothed max(0, .)."""
        r = raw - y
        value = quantile * plus_value(-r, width) + (1.0 - quantile) * plus_value(r, width)
        slope = (1.0 - quantile) * plus_slope(r, width) - quantile * plus_slope(-r, width)
        return value, slope, plus_curvature(r, width)

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers, quantile: float) -> Numbers:
        """Return the convex conjugate, slope * y, for slopes in [-quantile, 1 - quantile]."""
        return slope * y


class LogCosh(RegressionLoss):
    r"""The logarithm of the hyperbolic cosine, :math:`\log\cosh(raw - y)`: quadratic near the target, linear far from it.

    Gradient: :math:`\tanh(raw - y)`. Second derivative: :math:`1 - \tanh^2(raw - y)`.

    References
    ----------
    P. J. Green, "Bayesian reconstructions from emission tomography data using a modified EM algorithm", 1990, section II.

    Examples
    --------
    >>> from sklearn_gd.losses import LogCosh
    >>> print(LogCosh.value(0.0, 1.0).round(6), LogCosh.gradient(0.0, 1.0).round(6))
    0.433781 0.761594
    """

    curvature_bound: float | None = 1.0
    linear_beyond: float | None = 1.0

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return log cosh of the residual, without overflow for large residuals or loss of precision for small ones."""
        distance = np.abs(raw - y)
        near = distance < 1e-2
        square = np.minimum(distance, 1e-2) ** 2
        series = square * (0.5 - square * (1.0 / 12.0 - square / 45.0))
        return np.where(near, series, distance + np.log1p(np.exp(-2.0 * distance))) - np.where(near, 0.0, LOG_2)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return the hyperbolic tangent of the residual."""
        return np.tanh(raw - y)

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers) -> Numbers:
        """Return 1 - tanh^2 of the residual."""
        return 1.0 - np.tanh(raw - y) ** 2

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, slope * y + ((1 + slope) log(1 + slope) + (1 - slope) log(1 - slope)) / 2."""
        return slope * y + 0.5 * (xlogx(1.0 + slope) + xlogx(1.0 - slope))


class EpsilonInsensitive(RegressionLoss):
    r"""The epsilon-insensitive loss of support vector regression, :math:`\max(0, |raw - y| - \epsilon)`.

    Gradient: :math:`\operatorname{sign}(raw - y)` outside the epsilon tube, 0 inside.

    Parameters
    ----------
    epsilon : float >= 0, default=0.1
        Half the width of the tube, in units of y: residuals up to epsilon have no loss. 0 gives the absolute error.

    References
    ----------
    V. Vapnik, "The nature of statistical learning theory", 1995, eq. 6.1.

    Examples
    --------
    >>> from sklearn_gd.losses import EpsilonInsensitive
    >>> print(
    ...     EpsilonInsensitive.value(0.0, 2.0, epsilon=0.5),
    ...     EpsilonInsensitive.gradient(0.0, 2.0, epsilon=0.5),
    ... )
    1.5 1.0
    """

    smooth: bool = False
    constraints: Constraints = {"epsilon": Range(0)}

    def __init__(self, epsilon: float = 0.1) -> None:
        self.epsilon = epsilon

    @staticmethod
    def value(y: Numbers, raw: Numbers, epsilon: float) -> Numbers:
        """Return the distance to the epsilon tube."""
        return np.maximum(np.abs(raw - y) - epsilon, 0.0)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers, epsilon: float) -> Numbers:
        """Return the sign of the residual outside the tube, 0 inside."""
        return np.sign(raw - y) * np.where(np.abs(raw - y) <= epsilon, 0.0, 1.0)

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers, epsilon: float) -> tuple[Numbers, ...]:
        """Return value, slope and curvature of the smoothed loss, a sum of two smoothed max(0, .)."""
        above, under = raw - y - epsilon, y - raw - epsilon
        value = plus_value(above, width) + plus_value(under, width)
        slope = plus_slope(above, width) - plus_slope(under, width)
        return value, slope, plus_curvature(above, width) + plus_curvature(under, width)

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers, epsilon: float) -> Numbers:
        """Return the convex conjugate, slope * y + epsilon * abs(slope), for slopes in [-1, 1]."""
        return slope * y + epsilon * np.abs(slope)


class SquaredEpsilonInsensitive(RegressionLoss):
    r"""The squared epsilon-insensitive loss, :math:`\max(0, |raw - y| - \epsilon)^2`, as in scikit-learn's SGD.

    Gradient: :math:`2 \max(0, |raw - y| - \epsilon) \operatorname{sign}(raw - y)`. Second derivative: 2 outside, 0 inside.

    Parameters
    ----------
    epsilon : float >= 0, default=0.1
        Half the width of the tube, in units of y: residuals up to epsilon have no loss. 0 gives the squared error (not halved).

    References
    ----------
    C.-H. Ho and C.-J. Lin, "Large-scale linear support vector regression", 2012, eq. 3.

    Examples
    --------
    >>> from sklearn_gd.losses import SquaredEpsilonInsensitive
    >>> loss = SquaredEpsilonInsensitive
    >>> print(loss.value(0.0, 2.0, epsilon=0.5), loss.gradient(0.0, 2.0, epsilon=0.5))
    2.25 3.0
    """

    curvature_bound: float | None = 2.0
    constraints: Constraints = {"epsilon": Range(0)}

    def __init__(self, epsilon: float = 0.1) -> None:
        self.epsilon = epsilon

    @staticmethod
    def value(y: Numbers, raw: Numbers, epsilon: float) -> Numbers:
        """Return the squared distance to the epsilon tube."""
        distance = np.maximum(np.abs(raw - y) - epsilon, 0.0)
        return distance * distance

    @staticmethod
    def gradient(y: Numbers, raw: Numbers, epsilon: float) -> Numbers:
        """Return twice the signed distance to the tube."""
        return 2.0 * np.maximum(np.abs(raw - y) - epsilon, 0.0) * np.sign(raw - y)

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers, epsilon: float) -> Numbers:
        """Return 2 outside the tube, 0 inside."""
        return 2.0 * np.where(np.abs(raw - y) >= epsilon, 1.0, 0.0)

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers, epsilon: float) -> Numbers:
        """Return the convex conjugate, slope * y + slope^2 / 4 + epsilon * abs(slope)."""
        return slope * (y + 0.25 * slope) + epsilon * np.abs(slope)
