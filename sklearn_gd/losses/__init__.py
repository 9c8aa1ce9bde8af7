r"""Loss functions of a sample's target y and its raw score (or scores).

A loss depends on (y, raw) only, never on X. Its functions are plain Python functions, defined in the class body. After their own
arguments they may take any of the constructor's parameters by name:

===========================================  ==================================================================================
``value(y, raw, ...)``                       the loss of one score; the only required function
``gradient(y, raw, ...)``                    the derivative of value with respect to raw; computed numerically if absent
``second_derivative(y, raw, ...)``           the second derivative; computed numerically if absent
``second_order(y, raw, width, ...)``         (value, gradient, curvature) at once. A non-smooth loss (``smooth = False``)
                                             returns a smooth approximation, which differs from the loss within `width` of a
                                             non-differentiable point, and the curvature of a quadratic upper bound
``conjugate(y, slope, ...)``                 the convex conjugate, the maximum over raw of ``slope * raw - value(y, raw)``, for
                                             slopes that are gradients of the loss, or fractions of them. With an l1 penalty it
                                             gives the duality gap, a bound on how far F can still decrease
===========================================  ==================================================================================

`width` is a number. Preferably write these functions in *array style*: without ``if`` on y or raw, but with ``np.where``,
``np.maximum``, ``np.exp`` and similar functions. The same code then works on numbers in a compiled loop over samples, and on
whole arrays in batch gradient descent, without compilation. `np.where` evaluates both alternatives: the one that is not
selected may overflow, but it must not raise an error. A function in *scalar style* (``if``, ``math``) works too, but batch
gradient descent must compile it, which takes seconds at first use, and calls it for each element in turn.

In classification y is -1 or +1. With more than two classes, the loss is applied one-vs-rest, unless it couples the classes. A
loss that couples the classes defines the following functions of one sample, which are compiled. y is the index of the class; raw
and the other arrays have one entry per class:

====================================================================  =========================================================
``multiclass_value(y, raw, ...)``                                     the loss of the scores of a sample
``multiclass_gradient(y, raw, out, ...)``                             fills out with the gradient
``multiclass_second_order(y, raw, width, gradient, curvature, ...)``  returns the value; fills gradient, and curvature with
                                                                      whatever `multiclass_hessian_product` needs
``multiclass_hessian_product(y, curvature, a, out, ...)``             fills out with H a for a direction a of the scores
====================================================================  =========================================================

Only the first is required. A coupled loss may also be defined over all samples at once, in NumPy, with reductions along the
first axis; batch gradient descent then needs no compilation. y contains class indices, (n_samples,); raw and a are (n_classes,
n_samples):

==================================================  ===========================================================================
``classwise_value(y, raw, ...)``                    the loss of each sample
``classwise_second_order(y, raw, width, ...)``      (value, gradient, curvature): (n_samples,), a new array of raw's shape, and
                                                    whatever `classwise_hessian_product` needs
``classwise_hessian_product(y, curvature, a, ...)`` H a of each sample, a new array of a's shape
``classwise_conjugate(y, slope, ...)``              the convex conjugate of each sample
``classwise_diagonal(y, curvature, ...)``           the diagonal of H of each sample, (n_classes, n_samples); if absent, it is
                                                    computed from one product per class
==================================================  ===========================================================================
"""

from collections.abc import Mapping
from typing import Any

from .._components import resolve
from ._base import ClassificationLoss, Loss, RegressionLoss
from ._check import check_loss
from ._classification import (
    Exponential,
    Hinge,
    LogLoss,
    ModifiedHuber,
    Perceptron,
    SquaredHinge,
)
from ._deviance import Gamma, LogLinkLoss, Poisson, Tweedie
from ._multiclass_hinge import MulticlassHinge
from ._regression import (
    AbsoluteError,
    EpsilonInsensitive,
    Huber,
    LogCosh,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
)

#: The losses of `GDRegressor` by their strings.
REGRESSION_LOSSES: dict[str, type[RegressionLoss]] = {
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
#: The losses of `GDClassifier` by their strings.
CLASSIFICATION_LOSSES: dict[str, type[ClassificationLoss]] = {
    "log_loss": LogLoss,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "modified_huber": ModifiedHuber,
    "perceptron": Perceptron,
    "exponential": Exponential,
    "multiclass_hinge": MulticlassHinge,
}
# Which estimator takes the losses of a kind.
OF_ESTIMATORS: dict[type[Loss], tuple[str, Mapping[str, type[Loss]]]] = {
    RegressionLoss: ("GDRegressor", REGRESSION_LOSSES),
    ClassificationLoss: ("GDClassifier", CLASSIFICATION_LOSSES),
}

__all__ = [
    "CLASSIFICATION_LOSSES",
    "REGRESSION_LOSSES",
    "AbsoluteError",
    "ClassificationLoss",
    "EpsilonInsensitive",
    "Exponential",
    "Gamma",
    "Hinge",
    "Huber",
    "LogCosh",
    "LogLinkLoss",
    "LogLoss",
    "Loss",
    "ModifiedHuber",
    "MulticlassHinge",
    "Perceptron",
    "Poisson",
    "Quantile",
    "RegressionLoss",
    "SquaredEpsilonInsensitive",
    "SquaredError",
    "SquaredHinge",
    "Tweedie",
    "check_loss",
]


def resolve_loss(value: Any, kind: type[Loss]) -> Loss:
    """Return the loss object for the parameter `loss` of the estimator that takes losses of this kind."""
    for each, (estimator, registry) in OF_ESTIMATORS.items():
        if each is kind:
            continue
        if isinstance(value, str) and value in registry:
            raise ValueError(f"loss={value!r} is for {estimator}; allowed strings are {sorted(OF_ESTIMATORS[kind][1])}")
        if isinstance(value, each):
            raise TypeError(f"loss={value!r} is for {estimator}; this estimator takes a {kind.__name__}")
    return resolve("loss", value, kind, OF_ESTIMATORS[kind][1])
