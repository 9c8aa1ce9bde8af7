r"""Learning rate schedules: the learning rate of each step.

A schedule has one method, ``rate(t, run)``, which returns the learning rates of the steps t = 1, 2, ... as an array of floats;
`run` contains what is known about the fit. The method is called once per epoch, with all steps of the epoch, and is plain NumPy.

Powers are computed by ``np.float_power``, which computes one number at a time. In some versions of NumPy, the last bit of ``**``
depends on the position of a number in its array, so that `partial_fit` would not reproduce `fit`.
"""

from collections.abc import Callable
from numbers import Real
from typing import Any

from .._components import is_finite, resolve
from ._base import Run, Schedule
from ._composed import CallableSchedule, WarmUp
from ._cosine import CosineDecay, CosineRestarts, OneCycle
from ._decay import Adaptive, Constant, ExponentialDecay, InvScaling, Optimal, PolynomialDecay, StepDecay

__all__ = [
    "SCHEDULES",
    "Adaptive",
    "CallableSchedule",
    "Constant",
    "CosineDecay",
    "CosineRestarts",
    "ExponentialDecay",
    "InvScaling",
    "OneCycle",
    "Optimal",
    "PolynomialDecay",
    "Run",
    "Schedule",
    "StepDecay",
    "WarmUp",
]

#: The schedules by the strings of the parameter `learning_rate`.
SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "invscaling": InvScaling,
    "optimal": Optimal,
    "adaptive": Adaptive,
    "exponential": ExponentialDecay,
    "step": StepDecay,
    "polynomial": PolynomialDecay,
    "cosine": CosineDecay,
    "cosine_restarts": CosineRestarts,
    "one_cycle": OneCycle,
    "warmup": WarmUp,
}

# The types of `learning_rate`.
RateLike = float | str | Schedule | Callable[[int], float]


def resolve_schedule(value: Any) -> Schedule | None:
    """Return the schedule object for a number, string, object or callable; None for "auto"."""
    if isinstance(value, str) and value == "auto":
        return None
    if isinstance(value, Real) and not isinstance(value, bool):
        if not (is_finite(value) and float(value) > 0):
            raise ValueError(f"learning_rate={value!r} must be a number > 0, a schedule or 'auto'")
        return Constant(float(value))
    if callable(value) and not isinstance(value, (type, Schedule)):
        value = CallableSchedule(value)
    return resolve("learning_rate", value, Schedule, SCHEDULES, ["auto"], "a number, a function of the step number")
