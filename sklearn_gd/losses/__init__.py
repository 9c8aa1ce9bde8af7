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

from ._base import ClassificationLoss, Loss, RegressionLoss
from ._check import check_loss
from ._classification import (
    Exponential,
    Hinge,
    LogLoss,
    ModifiedHuber,
    MulticlassHinge,
    Perceptron,
    SquaredHinge,
)
from ._regression import (
    AbsoluteError,
    EpsilonInsensitive,
    Gamma,
    Huber,
    LogCosh,
    LogLinkLoss,
    Poisson,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    Tweedie,
)

#: The losses of `GDRegressor`: what each string stands for.
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
#: The losses of `GDClassifier`: what each string stands for.
CLASSIFICATION_LOSSES = {
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
