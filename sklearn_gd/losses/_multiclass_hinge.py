"""The multi-class hinge loss."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._components import Numbers
from ._base import ClassificationLoss, is_own
from ._classification import Hinge
from ._smoothing import plus_curvature, plus_slope, plus_value


class MulticlassHinge(ClassificationLoss):
    r"""The multi-class hinge loss of Weston and Watkins: each other class must score at least 1 less than the sample's class.

    :math:`\sum_{j \ne y} \max(0, raw_j - raw_y + 1)`. Gradient: 1 for each other class inside the margin, and minus their number
    for the sample's class. With two classes there is one score, and the loss is the binary hinge loss.

    References
    ----------
    J. Weston and C. Watkins, "Support vector machines for multi-class pattern recognition", 1999, eq. 8.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd.losses import MulticlassHinge
    >>> print(MulticlassHinge.multiclass_value(0, np.array([1.0, 0.5, -3.0])))
    0.5
    """

    smooth: bool = False
    value: Callable[..., Any] = staticmethod(Hinge.value)
    gradient: Callable[..., Any] = staticmethod(Hinge.gradient)
    second_order: Callable[..., Any] = staticmethod(Hinge.second_order)
    conjugate: Callable[..., Any] = staticmethod(Hinge.conjugate)

    @staticmethod
    def multiclass_value(y: Numbers, raw: Numbers) -> Numbers:
        """Return the sum of the hinge losses against the other classes."""
        total = 0.0
        for k in range(len(raw)):
            if k != y:
                total += max(raw[k] - raw[y] + 1.0, 0.0)
        return total

    @staticmethod
    def multiclass_gradient(y: Numbers, raw: Numbers, out: Numbers) -> Numbers:
        """Fill out with 1 for each class inside the margin, and minus their number for the sample's class."""
        inside = 0.0
        for k in range(len(raw)):
            out[k] = 1.0 if k != y and raw[k] - raw[y] + 1.0 > 0.0 else 0.0
            inside += out[k]
        out[y] = -inside

    @staticmethod
    def multiclass_second_order(y: Numbers, raw: Numbers, width: Numbers, gradient: Numbers, curvature: Numbers) -> Numbers:
        """Return the value with each hinge smoothed, and fill the gradient and the curvatures of the hinges."""
        total, inside = 0.0, 0.0
        for k in range(len(raw)):
            if k != y:
                u = raw[k] - raw[y] + 1.0
                total += plus_value(u, width)
                gradient[k] = plus_slope(u, width)
                curvature[k] = plus_curvature(u, width)
                inside += gradient[k]
        gradient[y] = -inside
        curvature[y] = 0.0
        return total

    @staticmethod
    def multiclass_hessian_product(y: Numbers, curvature: Numbers, a: Numbers, out: Numbers) -> Numbers:
        """Compute H a: curvature_k (a_k - a_y) for each other class k, and minus their sum for the sample's class y."""
        total = 0.0
        for k in range(len(a)):
            out[k] = curvature[k] * (a[k] - a[y])
            total += out[k]
        out[y] = -total

    @staticmethod
    def classwise_value(y: Numbers, raw: Numbers) -> Numbers:
        """Return the sum of the hinge losses against the other classes."""
        return np.sum(np.maximum(lacking(y, raw), 0.0), axis=0)

    @staticmethod
    def classwise_second_order(y: Numbers, raw: Numbers, width: Numbers) -> tuple[Numbers, ...]:
        """Return value and gradient with each hinge smoothed, and the curvatures of the hinges."""
        u = lacking(y, raw)
        slope = plus_slope(u, width)
        slope = np.where(is_own(y, raw), -np.sum(slope, axis=0), slope)
        return np.sum(plus_value(u, width), axis=0), slope, plus_curvature(u, width)

    @staticmethod
    def classwise_hessian_product(y: Numbers, curvature: Numbers, a: Numbers) -> Numbers:
        """Compute H a: curvature_k (a_k - a_y) for each other class k, and minus their sum for the sample's class y."""
        product = curvature * (a - a[y, np.arange(a.shape[1])])
        return np.where(is_own(y, a), -np.sum(product, axis=0), product)

    @staticmethod
    def classwise_diagonal(y: Numbers, curvature: Numbers) -> Numbers:
        """Return the diagonal of H: the curvature of each other class, and their sum for the sample's class y."""
        return np.where(is_own(y, curvature), np.sum(curvature, axis=0), curvature)

    @staticmethod
    def classwise_conjugate(y: Numbers, slope: Numbers) -> Numbers:
        """Return the convex conjugate, the slope of the sample's class, if the slopes of the other classes are in [0, 1]."""
        return slope[y, np.arange(slope.shape[1])]


def lacking(y, raw):
    """Return raw_k - raw_y + 1 for each other class k; minus infinity for the sample's class y."""
    return np.where(is_own(y, raw), -np.inf, raw - raw[y, np.arange(raw.shape[1])] + 1.0)
