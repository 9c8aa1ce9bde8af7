r"""Optimizers: rules that compute a step from a gradient.

An optimizer defines the update of one coefficient, a plain Python function::

    update(w, g, rate, t, *slots, *parameters) -> (new w, proximal step, *new slots)

w is the coefficient, g its gradient, and rate the learning rate of step t = 1, 2, ...; each *slot* is a number that the optimizer
stores for each coefficient. It is 0 initially, and its name is in the class attribute ``slots``. The *proximal step* is the step
length with which the proximal operator of a non-smooth penalty is applied to this coefficient. It is the learning rate of plain
descent, divided by whatever the rule divides the gradient by; then the fixed point of the steps is the minimiser of F.

The rules of this module are written in array style: w, g and the slots may be numbers or arrays, so the rules use ``np.where``
instead of ``if`` on them; rate, t, parameters and totals are always numbers.

Where papers leave a choice, the rules follow torch.optim: epsilon is added outside the square root, a momentum buffer starts as
the first gradient, and there is no dampening.
"""

from typing import Any

from .._components import resolve
from ._adam import Adam, AdamW, AMSGrad, Nadam
from ._adaptive import FTRL, AdaDelta, AdaGrad, RMSprop
from ._base import Optimizer
from ._momentum import GradientDescent, Lion, Momentum, Nesterov, ScheduleFree
from ._parameter_free import COCOB, CoordinateDoG, DoG, DoWG

__all__ = [
    "COCOB",
    "FTRL",
    "OPTIMIZERS",
    "AMSGrad",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "CoordinateDoG",
    "DoG",
    "DoWG",
    "GradientDescent",
    "Lion",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "ScheduleFree",
]

#: The optimizers by the strings of the parameter `optimizer`.
OPTIMIZERS: dict[str, type[Optimizer]] = {
    "gd": GradientDescent,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adadelta": AdaDelta,
    "adam": Adam,
    "adamw": AdamW,
    "amsgrad": AMSGrad,
    "nadam": Nadam,
    "lion": Lion,
    "ftrl": FTRL,
    "dog": DoG,
    "dowg": DoWG,
    "coordinate_dog": CoordinateDoG,
    "cocob": COCOB,
    "schedule_free": ScheduleFree,
}


def resolve_optimizer(value: Any) -> Optimizer | None:
    """Return the optimizer object for a string or object; None for "auto"."""
    if isinstance(value, str) and value == "auto":
        return None
    return resolve("optimizer", value, Optimizer, OPTIMIZERS, ["auto"])
