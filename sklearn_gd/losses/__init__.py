r"""Losses: what one row costs, as a function of its target y and its raw score (or scores).

A loss sees (y, raw) only, never X. Its functions are plain Python functions, written in the class body; after their own
arguments they may ask for any of the constructor's parameters by name:

===========================================  ==================================================================================
``value(y, raw, ...)``                       the loss of one score; the only one that must be there
``gradient(y, raw, ...)``                    its derivative with respect to raw; taken numerically where absent
``second_derivative(y, raw, ...)``           its second derivative; taken numerically where absent
``second_order(y, raw, width, ...)``         (value, gradient, curvature) at once. A loss with kinks (``smooth = False``) gives
                                             here its smoothing over `width` on each side of a kink, and the curvature of a
                                             quadratic upper bound
``conjugate(y, slope, ...)``                 the convex conjugate, the largest ``slope * raw - value(y, raw)``, at slopes of the
                                             loss and shares of them; under l1 it tells how far F may still fall
===========================================  ==================================================================================

`width` is a number. These functions are best written in *array style*: no ``if`` on y or raw, but ``np.where``, ``np.maximum``,
``np.exp`` and the like. The same code then serves a number in a compiled row loop and a whole array in batch descent, where
nothing is compiled. `np.where` evaluates both of its sides: the one that is not chosen may overflow, but it must not raise. A
function in *scalar style* (``if``, ``math``) works too: batch descent has it compiled, which takes seconds at first use, and
calls it for one element after the other.

In classification y is -1 or +1; beyond two classes each class is set against the rest, unless the loss couples the classes.
Then these functions of one row are compiled; y is the class's index, raw and the other arrays have an entry for each class:

====================================================================  =========================================================
``multiclass_value(y, raw, ...)``                                     the loss of a row of scores
``multiclass_gradient(y, raw, out, ...)``                             fills out with its gradient
``multiclass_second_order(y, raw, width, gradient, curvature, ...)``  returns the value; fills the gradient and whatever
                                                                      `multiclass_hessian_product` needs
``multiclass_hessian_product(y, curvature, a, out, ...)``             fills out with H a for a direction a of the row's scores
====================================================================  =========================================================

Only the first must be there. A coupled loss may also be written over all samples at once, in NumPy with reductions along the
first axis; batch descent then compiles nothing. y are class indices of shape (n_samples,), raw and a are (n_classes, n_samples):

==================================================  ===========================================================================
``classwise_value(y, raw, ...)``                    the loss of each sample
``classwise_second_order(y, raw, width, ...)``      (value, gradient, curvature): (n_samples,), a new array of raw's shape, and
                                                    whatever `classwise_hessian_product` needs
``classwise_hessian_product(y, curvature, a, ...)`` H a of each sample, a new array of a's shape
``classwise_conjugate(y, slope, ...)``              the convex conjugate of each sample
``classwise_diagonal(y, curvature, ...)``           the diagonal of H of each sample, (n_classes, n_samples); without it a product
                                                    for each class gives it
==================================================  ===========================================================================
"""

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

#: The losses of `GDRegressor`: what each string stands for.
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
#: The losses of `GDClassifier`: what each string stands for.
CLASSIFICATION_LOSSES: dict[str, type[ClassificationLoss]] = {
    "log_loss": LogLoss,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "modified_huber": ModifiedHuber,
    "perceptron": Perceptron,
    "exponential": Exponential,
    "multiclass_hinge": MulticlassHinge,
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
