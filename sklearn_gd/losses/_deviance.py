"""Losses with a logarithmic link: half the deviance of a distribution whose mean is the exponential of the score."""

import warnings

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import UndefinedMetricWarning

from .._components import Constraints, Numbers, Range
from ._base import RegressionLoss, xlogx


class LogLinkLoss(RegressionLoss):
    """Abstract base of losses whose raw score is the logarithm of the predicted mean."""

    def inverse_link(self, raw: np.ndarray) -> np.ndarray:
        """Return the mean, exp(raw)."""
        return np.exp(raw)

    def typical_scores(self, mean: np.ndarray, deviation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logarithm of the mean, minus and plus 0.001, which gives the second derivative at the mean."""
        centre = np.log(np.maximum(mean, 1e-300))
        return centre - 1e-3, centre + 1e-3

    def best_constant(self, y: np.ndarray, weight: np.ndarray, n_outputs: int) -> np.ndarray:
        """Return the logarithm of the weighted mean of each output."""
        mean = np.average(y, axis=0, weights=weight)
        return np.log(np.where(mean > 0.0, mean, 1e-10))

    def score(self, y: np.ndarray, raw: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        r"""Return D^2, the fraction of deviance explained: :math:`1 - dev(y, \mu) / dev(y, \bar y)`.

        The generalized linear models of scikit-learn and ``sklearn.metrics.d2_tweedie_score`` return the same score. For several
        outputs, the score is the mean over the outputs. For constant targets it is 1 or 0, as for R^2.

        Parameters
        ----------
        y : ndarray, (n_samples,) or (n_samples, n_outputs)
            The targets.
        raw : ndarray, the shape of y
            The raw scores, the logarithms of the predicted means.
        sample_weight : ndarray, (n_samples,), optional
            The sample weights.

        Returns
        -------
        float
            D^2; NaN for a single sample.
        """
        self.check_targets(y)
        if len(y) < 2:
            warnings.warn("D^2 score is not well-defined with less than two samples.", UndefinedMetricWarning, stacklevel=3)
            return float("nan")
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        numbers = self.numbers_for("value", 2)
        y, raw = y.reshape(len(y), -1), raw.reshape(len(y), -1)
        constant = np.broadcast_to(self.best_constant(y, weight, y.shape[1]), y.shape)
        with np.errstate(over="ignore"):
            value = self.value  # type: ignore[attr-defined]
            left, total = (np.average(value(y, each, *numbers), axis=0, weights=weight) for each in (raw, constant))
        varies = (y != y[:1]).any(axis=0)
        return float(np.where(varies, 1.0 - left / np.where(varies, total, 1.0), left <= np.finfo(float).eps).mean())


def best_poisson(y):
    """The term that makes the Poisson loss 0 at the best score of a target; 0 for a target of 0."""
    return y * np.log(np.maximum(y, 1e-300)) - y


class Poisson(LogLinkLoss):
    r"""Half the Poisson deviance, for counts, with a logarithmic link: the mean is :math:`e^{raw}`.

    :math:`e^{raw} - y\,raw + y \log y - y`; the last two terms make the loss 0 if the prediction is exact.
    Gradient: :math:`e^{raw} - y`. Second derivative: :math:`e^{raw}`. `predict` returns the mean.

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized linear models", 1989, table 2.3.

    Examples
    --------
    >>> from sklearn_gd.losses import Poisson
    >>> print(Poisson.value(2.0, 0.0).round(6), Poisson.gradient(2.0, 0.0))
    0.386294 -1.0
    """

    domain: str = "numbers >= 0"

    def in_domain(self, y: ArrayLike) -> np.ndarray:
        """Return a mask of the targets >= 0."""
        return np.asarray(y) >= 0

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return half the deviance."""
        return np.exp(raw) - y * raw + best_poisson(y)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return the mean minus the target."""
        return np.exp(raw) - y

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers) -> Numbers:
        """Return the mean, exp(raw)."""
        return np.exp(raw)

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers) -> tuple[Numbers, ...]:
        """Return value, gradient and second derivative from one exponential; `width` is unused, because the loss is smooth."""
        mean = np.exp(raw)
        return mean - y * raw + best_poisson(y), mean - y, mean

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, m log m - slope - y log y with the mean m = y + slope."""
        return xlogx(y + slope) - slope - xlogx(y)


class Gamma(LogLinkLoss):
    r"""Half the gamma deviance, for positive targets, with a logarithmic link: the mean is :math:`e^{raw}`.

    :math:`y e^{-raw} + raw - \log y - 1`. Gradient: :math:`1 - y e^{-raw}`. Second derivative: :math:`y e^{-raw}`.
    `predict` returns the mean. The loss depends on the ratio y / mean only: it measures relative errors.

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized linear models", 1989, table 2.3.

    Examples
    --------
    >>> from sklearn_gd.losses import Gamma
    >>> print(Gamma.value(1.0, 0.0), Gamma.gradient(3.0, 0.0))
    0.0 -2.0
    """

    domain: str = "numbers > 0"

    def in_domain(self, y: ArrayLike) -> np.ndarray:
        """Return a mask of the targets > 0."""
        return np.asarray(y) > 0

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return half the deviance."""
        return y * np.exp(-raw) + raw - np.log(y) - 1.0

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return 1 minus the ratio of target to mean."""
        return 1.0 - y * np.exp(-raw)

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers) -> Numbers:
        """Return the ratio of target to mean."""
        return y * np.exp(-raw)

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers) -> tuple[Numbers, ...]:
        """Return value, gradient and second derivative from one exponential; `width` is unused, because the loss is smooth."""
        ratio = y * np.exp(-raw)
        return ratio + raw - np.log(y) - 1.0, 1.0 - ratio, ratio

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, slope log y + r log r + slope, with the ratio of target to mean r = 1 - slope."""
        return slope * np.log(y) + xlogx(1.0 - slope) + slope


class Tweedie(LogLinkLoss):
    r"""Half the Tweedie deviance, with a logarithmic link: the mean is :math:`\mu = e^{raw}`.

    :math:`\frac{\max(y, 0)^{2-p}}{(1-p)(2-p)} - \frac{y \mu^{1-p}}{1-p} + \frac{\mu^{2-p}}{2-p}`, and its limits for p = 1
    (Poisson) and p = 2 (gamma). Gradient: :math:`\mu^{2-p} - y \mu^{1-p}`.
    Second derivative: :math:`(2-p) \mu^{2-p} - (1-p) y \mu^{1-p}`. `predict` returns the mean.

    Parameters
    ----------
    power : float, <= 0 or >= 1, default=1.5
        The variance is proportional to this power of the mean. 0 is the normal distribution, 1 Poisson, between 1 and 2
        compound Poisson-gamma (zeros allowed), 2 gamma, 3 inverse Gaussian.

    References
    ----------
    B. Jørgensen, "Exponential dispersion models", 1987, section 4.

    Examples
    --------
    >>> from sklearn_gd.losses import Tweedie
    >>> print(Tweedie.value(1.0, 0.0, power=1.5), Tweedie.gradient(3.0, 0.0, power=1.5))
    0.0 -2.0
    """

    constraints: Constraints = {"power": Range()}

    def __init__(self, power: float = 1.5) -> None:
        self.power = power

    def validate(self) -> None:
        """Raise a ValueError if 0 < power < 1, because no such distribution exists."""
        super().validate()
        if 0 < self.power < 1:
            raise ValueError(
                f"Tweedie: power={self.power!r} must be <= 0 or >= 1; no Tweedie distribution has a power between 0 and 1"
            )

    @property
    def domain(self) -> str:
        """Any real number if power <= 0, numbers >= 0 if power < 2, numbers > 0 otherwise."""
        return "any real number" if self.power <= 0 else ("numbers >= 0" if self.power < 2 else "numbers > 0")

    def in_domain(self, y: ArrayLike) -> np.ndarray:
        """Return a mask of the targets that are allowed for this power."""
        y = np.asarray(y)
        return np.ones(y.shape, dtype=bool) if self.power <= 0 else (y >= 0 if self.power < 2 else y > 0)

    @staticmethod
    def value(y: Numbers, raw: Numbers, power: float) -> Numbers:
        """Return half the deviance."""
        if power == 1.0:
            return np.exp(raw) - y * raw + best_poisson(y)
        if power == 2.0:
            return y * np.exp(-raw) + raw - np.log(y) - 1.0
        one, two = 1.0 - power, 2.0 - power
        constant = 0.5 * y * y if power == 0.0 else np.maximum(y, 0.0) ** two / (one * two)
        first, second = np.exp(one * raw), np.exp(two * raw)
        # At large scores both terms may overflow, so the larger power is factored out.
        near, shrunk = np.abs(raw) < 100.0, np.exp(-np.abs(raw))
        above, below = second * (1.0 / two - y * shrunk / one), first * (shrunk / two - y / one)
        far = np.where(y == 0.0, second / two, np.where(raw > 0.0, above, below))
        return np.where(near, constant - y * first / one, constant) + np.where(near, second / two, far)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers, power: float) -> Numbers:
        """Return (mean - target) * mean^(1 - power), with the larger power of the mean factored out against overflow."""
        one, two = 1.0 - power, 2.0 - power
        shrunk = np.exp(-np.abs(raw))
        difference = np.where(y == 0.0, 1.0, np.where(raw > 0.0, 1.0 - y * shrunk, shrunk - y))
        return np.exp(np.where((raw > 0.0) | (y == 0.0), two, one) * raw) * difference

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers, power: float) -> Numbers:
        """Return the second derivative, but at least 0: it can be negative only if power < 1 or power > 2."""
        one, two = 1.0 - power, 2.0 - power
        shrunk = np.exp(-np.abs(raw))
        difference = np.where(y == 0.0, two, np.where(raw > 0.0, two - one * y * shrunk, two * shrunk - one * y))
        return np.maximum(np.exp(np.where((raw > 0.0) | (y == 0.0), two, one) * raw) * difference, 0.0)
