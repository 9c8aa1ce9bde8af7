"""Schedules made of something else: another schedule after a warm-up, a function of the step number."""

from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._components import Constraints, Range
from .._mistakes import check_takes, is_number
from ._base import Run, Schedule
from ._decay import Constant


class WarmUp(Schedule):
    r"""Linear warm-up from zero to the initial learning rate of a schedule, followed by that schedule.

    Parameters
    ----------
    schedule : Schedule or float, default=0.01
        The schedule after the warm-up. Its step number starts at 1 after the warm-up, and its length is the rest of the fit.
    warmup_steps : int >= 1, default=100
        Number of steps w of the warm-up; the learning rate of step t is t / w times the initial learning rate.

    References
    ----------
    P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd.schedules import InvScaling, WarmUp
    >>> schedule = WarmUp(InvScaling(1.0, 0.5), warmup_steps=2)
    >>> print(schedule.rate(np.arange(1.0, 5.0), None).round(3))
    [0.5   1.    1.    0.707]
    """

    constraints: Constraints = {"warmup_steps": Range(1, integer=True)}

    def __init__(self, schedule: Schedule | float = 0.01, warmup_steps: int = 100) -> None:
        self.schedule = schedule
        self.warmup_steps = warmup_steps

    def validate(self) -> None:
        """Raise an error unless schedule is a Schedule or a float > 0, and warmup_steps >= 1."""
        super().validate()
        self._following().validate()

    def _following(self):
        """The schedule after the warm-up."""
        if isinstance(self.schedule, Schedule):
            return self.schedule
        if isinstance(self.schedule, Real) and not isinstance(self.schedule, bool):
            return Constant(self.schedule)
        raise TypeError(f"WarmUp: schedule={self.schedule!r} must be a Schedule object or a number > 0")

    @property
    def plateau_factor(self) -> float | None:
        """The attribute of the schedule after the warm-up."""
        return self._following().plateau_factor

    @property
    def min_rate(self) -> float:
        """The attribute of the schedule after the warm-up."""
        return self._following().min_rate

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return the linear warm-up, followed by the schedule."""
        if run is not None and run.total_steps is not None:
            run = replace(run, total_steps=max(run.total_steps - self.warmup_steps, 1))
        later = np.maximum(t - self.warmup_steps, 1.0)
        return self._following().rate(later, run) * np.minimum(t / self.warmup_steps, 1.0)


class CallableSchedule(Schedule):
    """A function of the step number; a callable as `learning_rate` means this schedule.

    Parameters
    ----------
    function : callable
        Takes the step number t = 1, 2, ... as a float and returns the learning rate.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd.schedules import CallableSchedule
    >>> print(CallableSchedule(lambda t: 1 / t).rate(np.array([1.0, 2.0]), None))
    [1.  0.5]
    """

    def __init__(self, function: Callable[[int], float] | None = None) -> None:
        self.function = function

    def validate(self) -> None:
        """Raise a TypeError unless function is callable, with the step as its argument."""
        super().validate()
        if not callable(self.function):
            raise TypeError(f"CallableSchedule: function={self.function!r} must be callable")
        check_takes(self.function, "learning_rate: " + getattr(self.function, "__name__", repr(self.function)), ("t",))

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return the value of the function for each step."""
        rates = list(map(self.function, t.tolist()))  # type: ignore[arg-type]
        for step, rate in zip(t, rates):
            if not is_number(rate):
                raise TypeError(f"learning_rate={self.function!r} returned {rate!r} at step {int(step)}; it must return a number")
        return np.array(rates, dtype=np.float64)
