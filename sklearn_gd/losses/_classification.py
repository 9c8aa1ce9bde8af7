"""Classification losses."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._components import Numbers
from ._base import ClassificationLoss, is_own, xlogx
from ._smoothing import plus_curvature, plus_slope, plus_value


class LogLoss(ClassificationLoss):
    r"""The log loss (negative log likelihood) of logistic regression; with more than two classes, of softmax regression.

    Two classes: :math:`\log(1 + e^{-y\,raw})`, gradient :math:`-y / (1 + e^{y\,raw})`, second derivative p (1 - p).
    More classes: :math:`\log \sum_k e^{raw_k} - raw_y`, gradient :math:`p_k - [k = y]`, Hessian diag(p) - p p'.

    References
    ----------
    D. R. Cox, "The regression analysis of binary sequences", 1958; J. S. Bridle, "Probabilistic interpretation of feedforward
    classification network outputs", 1990.

    Examples
    --------
    >>> from sklearn_gd.losses import LogLoss
    >>> print(LogLoss.value(1.0, 0.0).round(6), LogLoss.gradient(1.0, 0.0))
    0.693147 -0.5
    """

    curvature_bound: float | None = 0.25
    # The largest eigenvalue of diag(p) - p p', for two classes with a probability of 1/2 each.
    multiclass_curvature_bound: float | None = 0.5

    def best_constant(self, y: NDArray[Any], weight: NDArray[Any], n_outputs: int) -> NDArray[Any] | None:
        """Return the log odds of the positive class; with more than two classes, the centred logarithms of class frequencies."""
        if n_outputs == 1:
            share = np.average(y[:, 0] > 0, weights=weight)
            return np.array([math.log(share / (1.0 - share))]) if 0.0 < share < 1.0 else None
        share = np.bincount(y[:, 0].astype(int), weights=weight, minlength=n_outputs) / weight.sum()
        logarithm = np.log(np.maximum(share, 1e-10))
        return logarithm - logarithm.mean()

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return the log loss, computed without overflow."""
        m = y * raw
        return np.log1p(np.exp(-np.abs(m))) + np.maximum(-m, 0.0)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return -y times the probability of the other class."""
        m = y * raw
        e = np.exp(-np.abs(m))
        return -y * np.where(m > 0.0, e, 1.0) / (1.0 + e)

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers) -> Numbers:
        """Return p (1 - p), where p is the predicted probability."""
        e = np.exp(-np.abs(raw))
        return e / ((1.0 + e) * (1.0 + e))

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers) -> tuple[Numbers, ...]:
        """Return value, gradient and second derivative from one exponential; `width` is unused, because the loss is smooth."""
        m = y * raw
        e = np.exp(-np.abs(m))
        share = 1.0 / (1.0 + e)
        other = np.where(m > 0.0, e, 1.0) * share
        return np.log1p(e) + np.maximum(-m, 0.0), -y * other, e * share * share

    @staticmethod
    def multiclass_value(y: Numbers, raw: Numbers) -> Numbers:
        """Return the logarithm of the sum of exponentials minus the score of the sample's class."""
        top = raw[0]
        for k in range(1, len(raw)):
            top = max(top, raw[k])
        total = 0.0
        for k in range(len(raw)):
            total += np.exp(raw[k] - top)
        return math.log(total) + (top - raw[y])

    @staticmethod
    def multiclass_gradient(y: Numbers, raw: Numbers, out: Numbers) -> Numbers:
        """Fill out with the probabilities minus the one-hot encoded target."""
        top = raw[0]
        for k in range(1, len(raw)):
            top = max(top, raw[k])
        total = 0.0
        for k in range(len(raw)):
            out[k] = np.exp(raw[k] - top)
        for k in range(len(raw)):
            total += out[k]
        for k in range(len(raw)):
            out[k] /= total
        out[y] -= 1.0

    @staticmethod
    def multiclass_second_order(y: Numbers, raw: Numbers, width: Numbers, gradient: Numbers, curvature: Numbers) -> Numbers:
        """Return the value, and fill gradient and curvature; curvature stores the probabilities."""
        top = raw[0]
        for k in range(1, len(raw)):
            top = max(top, raw[k])
        total = 0.0
        for k in range(len(raw)):
            curvature[k] = np.exp(raw[k] - top)
        for k in range(len(raw)):
            total += curvature[k]
        share = 1.0 / total
        for k in range(len(raw)):
            curvature[k] *= share
            gradient[k] = curvature[k]
        gradient[y] -= 1.0
        return math.log(total) + (top - raw[y])

    @staticmethod
    def multiclass_hessian_product(y: Numbers, curvature: Numbers, a: Numbers, out: Numbers) -> Numbers:
        """Compute (diag(p) - p p') a; a is centred first to avoid cancellation."""
        mean = 0.0
        for k in range(len(a)):
            mean += curvature[k] * a[k]
        for k in range(len(a)):
            out[k] = curvature[k] * (a[k] - mean)

    @staticmethod
    def classwise_value(y: Numbers, raw: Numbers) -> Numbers:
        """Return the logarithm of the sum of exponentials minus the score of the sample's class."""
        shifted = raw - np.maximum.reduce(raw, axis=0)
        own = shifted[y, np.arange(raw.shape[1])]
        return np.log(np.add.reduce(np.exp(shifted, out=shifted), axis=0)) - own

    @staticmethod
    def classwise_second_order(y: Numbers, raw: Numbers, width: Numbers) -> tuple[Numbers, ...]:
        """Return value, gradient and curvature; the curvature array stores the probabilities."""
        shifted = raw - np.maximum.reduce(raw, axis=0)
        own = shifted[y, np.arange(raw.shape[1])]
        p = np.exp(shifted, out=shifted)
        total = np.add.reduce(p, axis=0)
        p *= 1.0 / total
        return np.log(total) - own, np.subtract(p, is_own(y, raw)), p

    @staticmethod
    def classwise_hessian_product(y: Numbers, curvature: Numbers, a: Numbers) -> Numbers:
        """Compute (diag(p) - p p') a; a is centred first to avoid cancellation."""
        product = curvature * a
        product = np.subtract(a, np.add.reduce(product, axis=0), out=product)
        product *= curvature
        return product

    @staticmethod
    def classwise_diagonal(y: Numbers, curvature: Numbers) -> Numbers:
        """Return p (1 - p) for each class."""
        return curvature * (1.0 - curvature)

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, the negative entropy of the two class probabilities."""
        return xlogx(-y * slope) + xlogx(1.0 + y * slope)

    @staticmethod
    def classwise_conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, the negative entropy of the class probabilities."""
        return np.add.reduce(xlogx(np.add(slope, is_own(y, slope))), axis=0)

    def probability(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Return the sigmoid of one score, or the softmax of several."""
        return _sigmoid(raw) if raw.ndim == 1 else _softmax(raw)


class Hinge(ClassificationLoss):
    r"""The hinge loss of the support vector machine, :math:`\max(0, 1 - y\,raw)`.

    Gradient: -y where :math:`y\,raw \le 1`, else 0.

    References
    ----------
    C. Cortes and V. Vapnik, "Support-vector networks", 1995.

    Examples
    --------
    >>> from sklearn_gd.losses import Hinge
    >>> print(Hinge.value(1.0, 0.25), Hinge.gradient(1.0, 0.25))
    0.75 -1.0
    """

    smooth: bool = False

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return the hinge loss, max(0, 1 - y raw)."""
        return np.maximum(1.0 - y * raw, 0.0)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return -y inside the margin, 0 outside."""
        return -y * np.where(y * raw <= 1.0, 1.0, 0.0)

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers) -> tuple[Numbers, ...]:
        """Return value, slope and curvature of the smoothed hinge loss."""
        u = 1.0 - y * raw
        return plus_value(u, width), -y * plus_slope(u, width), plus_curvature(u, width)

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, y slope, for -y slope in [0, 1]."""
        return y * slope


class SquaredHinge(ClassificationLoss):
    r"""The squared hinge loss, :math:`\max(0, 1 - y\,raw)^2`.

    Gradient: :math:`-2 y \max(0, 1 - y\,raw)`. Second derivative: 2 inside the margin, 0 outside.

    References
    ----------
    K.-W. Chang, C.-J. Hsieh and C.-J. Lin, "Coordinate descent method for large-scale L2-loss linear support vector
    machines", 2008, eq. 3.

    Examples
    --------
    >>> from sklearn_gd.losses import SquaredHinge
    >>> print(SquaredHinge.value(1.0, 0.5), SquaredHinge.gradient(1.0, 0.5))
    0.25 -1.0
    """

    curvature_bound: float | None = 2.0

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return the squared hinge loss."""
        u = np.maximum(1.0 - y * raw, 0.0)
        return u * u

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return -2 y max(0, 1 - y raw)."""
        return -2.0 * y * np.maximum(1.0 - y * raw, 0.0)

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers) -> Numbers:
        """Return 2 inside the margin, 0 outside."""
        return 2.0 * np.where(y * raw < 1.0, 1.0, 0.0)

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, y slope + slope^2 / 4, for -y slope >= 0."""
        return y * slope + 0.25 * slope * slope


class ModifiedHuber(ClassificationLoss):
    r"""The modified Huber loss: a squared hinge near the margin, linear for samples far on the wrong side.

    With m = y raw: :math:`\max(0, 1 - m)^2` where :math:`m \ge -1`, else :math:`-4m`.
    Gradient: :math:`-2y \max(0, 1 - m)`, then :math:`-4y`.

    References
    ----------
    T. Zhang, "Solving large scale linear prediction problems using stochastic gradient descent algorithms", 2004, section 4.

    Examples
    --------
    >>> from sklearn_gd.losses import ModifiedHuber
    >>> print(ModifiedHuber.value(1.0, -2.0), ModifiedHuber.gradient(1.0, -2.0))
    8.0 -4.0
    """

    curvature_bound: float | None = 2.0

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return the squared hinge, continued linearly where y raw < -1."""
        u = np.maximum(1.0 - y * raw, 0.0)
        inside = np.minimum(u, 2.0)
        return inside * (2.0 * u - inside)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return -2 y max(0, 1 - y raw), with the maximum limited to 2."""
        return -2.0 * y * np.minimum(np.maximum(1.0 - y * raw, 0.0), 2.0)

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers) -> Numbers:
        """Return 2 where -1 <= y raw < 1, 0 elsewhere."""
        m = y * raw
        return 2.0 * np.where((m >= -1.0) & (m < 1.0), 1.0, 0.0)

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, that of the squared hinge, for -y slope in [0, 4]."""
        return y * slope + 0.25 * slope * slope

    def probability(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Return (clip(raw, -1, 1) + 1) / 2; several classes are normalized, with equal probabilities if all are zero."""
        one = (np.clip(raw, -1.0, 1.0) + 1.0) / 2.0
        if raw.ndim == 1:
            return one
        return _normalised(one)


class Perceptron(ClassificationLoss):
    r"""The perceptron loss, :math:`\max(0, -y\,raw)`.

    Gradient: -y where :math:`y\,raw \le 0`, else 0. Coefficients of zero minimise the loss, so the fitted model depends on the
    path of descent. Therefore "auto" minimises a smooth approximation, which also penalizes samples with a small margin. Its
    steps on single samples are those of the hinge loss.

    References
    ----------
    F. Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in the brain", 1958.

    Examples
    --------
    >>> from sklearn_gd.losses import Perceptron
    >>> print(Perceptron.value(1.0, -2.0), Perceptron.gradient(1.0, 0.0))
    2.0 -1.0
    """

    smooth: bool = False

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return the perceptron loss, max(0, -y raw)."""
        return np.maximum(-y * raw, 0.0)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return -y on the wrong side of the boundary, 0 on the right side."""
        return -y * np.where(y * raw <= 0.0, 1.0, 0.0)

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers) -> tuple[Numbers, ...]:
        """Return value, slope and curvature of the smoothed loss; its slope at a score of zero is not zero."""
        u = -y * raw
        return plus_value(u, width), -y * plus_slope(u, width), plus_curvature(u, width)

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, 0, for -y slope in [0, 1]."""
        return 0.0 * slope

    def proximal_loss(self) -> ClassificationLoss:
        """Return the hinge loss: a proximal step of the perceptron loss leaves coefficients of zero unchanged."""
        return Hinge()


class Exponential(ClassificationLoss):
    r"""The exponential loss of boosting, :math:`e^{-y\,raw}`.

    Gradient: :math:`-y e^{-y\,raw}`. Second derivative: :math:`e^{-y\,raw}`.
    The loss is not robust to outliers: one sample far on the wrong side can outweigh all others.

    References
    ----------
    J. Friedman, T. Hastie and R. Tibshirani, "Additive logistic regression: a statistical view of boosting", 2000, eq. 9 (its
    minimiser is half the log odds: hence the probabilities).

    Examples
    --------
    >>> from sklearn_gd.losses import Exponential
    >>> print(Exponential.value(1.0, 0.0), Exponential.gradient(1.0, 0.0))
    1.0 -1.0
    """

    @staticmethod
    def value(y: Numbers, raw: Numbers) -> Numbers:
        """Return exp(-y raw)."""
        return np.exp(-y * raw)

    @staticmethod
    def gradient(y: Numbers, raw: Numbers) -> Numbers:
        """Return -y exp(-y raw)."""
        return -y * np.exp(-y * raw)

    @staticmethod
    def second_derivative(y: Numbers, raw: Numbers) -> Numbers:
        """Return exp(-y raw)."""
        return np.exp(-y * raw)

    @staticmethod
    def second_order(y: Numbers, raw: Numbers, width: Numbers) -> tuple[Numbers, ...]:
        """Return value, gradient and second derivative from one exponential; `width` is unused, because the loss is smooth."""
        e = np.exp(-y * raw)
        return e, -y * e, e

    @staticmethod
    def conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, v log v - v with v = -y slope."""
        return xlogx(-y * slope) + y * slope

    def probability(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Return the sigmoid of twice the score; several classes are normalized."""
        one = _sigmoid(2.0 * raw)
        return one if raw.ndim == 1 else _normalised(one)


def _normalised(scores):
    """Rows divided by their sums; a row of zeros becomes equal probabilities."""
    total = np.sum(scores, axis=1)[:, None]
    return np.where(total > 0, scores / np.where(total > 0, total, 1.0), 1.0 / scores.shape[1])


def _sigmoid(raw):
    """1 / (1 + exp(-raw)), without overflow."""
    e = np.exp(-np.abs(raw))
    return np.where(raw > 0.0, 1.0, e) / (1.0 + e)


def _softmax(raw):
    """The softmax of each row."""
    shares = np.exp(raw - np.max(raw, axis=1)[:, None])
    return shares / np.sum(shares, axis=1)[:, None]
