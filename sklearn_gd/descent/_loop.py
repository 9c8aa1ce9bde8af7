"""The loop of descent: the only one over epochs.

A `Method` yields an `Iterate` after each epoch. The `Monitor` judges it. Where the objective has stalled, the method may know
another way on: a lower learning rate, a narrower smoothing, shorter steps.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._monitor import Status
from ._state import ModelState


@dataclass(frozen=True)
class Settings:
    """What a method may need besides the objective.

    Parameters
    ----------
    optimizer : Optimizer or None
        The update rule; None for "auto".
    schedule : Schedule or None
        The learning rates; None for "auto".
    max_iter : int
        The most epochs.
    shuffle : bool
        Whether to draw a new order of the samples each epoch.
    rng : numpy.random.RandomState or None
        The source of the orders.
    average_from : float
        The first step whose iterate is averaged; infinity for none.
    streaming : bool
        Whether this is `partial_fit`, which knows no number of epochs.
    """

    optimizer: Any = None
    schedule: Any = None
    max_iter: int = 1
    shuffle: bool = False
    rng: Any = None
    average_from: float = math.inf
    streaming: bool = False

    @property
    def automatic(self) -> bool:
        """Whether optimizer and learning rate are both "auto"."""
        return self.optimizer is None and self.schedule is None

    @property
    def averages(self) -> bool:
        """Whether iterates are averaged."""
        return self.average_from < math.inf


class Iterate(NamedTuple):
    """Where a method is after an epoch.

    Parameters
    ----------
    theta : ndarray
        The model that would predict now.
    value : float
        F there.
    rate : float or None
        The epoch's last learning rate; None for a method without one.
    watched : float or None
        The smoothed objective whose stall ends a stage, in the place of F; None where F itself is watched.
    gap : float
        A bound on F less its minimum, in the unit of F, or at the end of a stage of smoothing an estimate; infinite where none
        is known.
    left : float or None
        By how much F can still fall, a bound or an estimate: while it is open, no stall of F ends the descent. None where the
        stall decides.
    promised : float
        By how much F should have fallen where no step along the direction lowers it: a gradient that is not F's promises more
        than rounding errors explain.
    end : Status or None
        Why the method can go no further on its way; None while it can.
    """

    theta: np.ndarray
    value: float
    rate: float | None = None
    watched: float | None = None
    gap: float = math.inf
    left: float | None = None
    promised: float = 0.0
    end: Status | None = None


class Method(ABC):
    """Abstract base of the ways down: subclass it for a solver of your own.

    Parameters
    ----------
    objective : Objective
        What to minimise.

    Attributes
    ----------
    full_batch : bool
        Whether every step sees all samples: a rise of F is then an oscillation and no noise.
    rate : float or None
        The largest learning rate of the last epoch, for messages; None for a method without one.
    finds_rates : bool
        Whether the rate is the method's own choice and no parameter, for messages.
    expected_decrease : callable or None
        Takes theta to an estimate of how far F can still fall; None where the stall of F alone decides.
    """

    full_batch: bool = False
    rate: float | None = None
    finds_rates: bool = False
    expected_decrease: Callable[[NDArray[Any]], float] | None = None

    def __init__(self, objective: Any) -> None:
        self.objective = objective

    @abstractmethod
    def start(self) -> tuple[NDArray[Any], float]:
        """The model before the first epoch.

        Returns
        -------
        theta : ndarray
            The model.
        value : float
            F there.
        """

    @abstractmethod
    def iterates(self) -> Iterator[Iterate]:
        """Descend, an epoch at a time.

        Yields
        ------
        Iterate
            Where the method is after each epoch. The generator is left alone once the descent has ended.
        """

    def on_plateau(self, tolerance: float) -> bool:
        """Whether there is another way on, now that F (or what is watched) has stalled; the method then takes it.

        Parameters
        ----------
        tolerance : float
            How much F must fall to count.

        Returns
        -------
        bool
            False where there is none: the descent ends.
        """
        return False

    def state(self, theta: NDArray[Any], value: float, n_epochs: int) -> Any:
        """What `partial_fit` resumes from, the kept model being `theta`, with F at `value`, after so many epochs.

        Parameters
        ----------
        theta : ndarray
            The model.
        value : float
            F there.
        n_epochs : int
            The epochs that led to it.

        Returns
        -------
        ModelState
            The model itself, unless the method remembers more.
        """
        return ModelState.of(self.objective, theta, value, n_epochs)

    @property
    def has_snapshot(self) -> bool:
        """Whether the method implements `snapshot` and `restore`."""
        return type(self).snapshot is not Method.snapshot

    def snapshot(self) -> dict[str, Any]:
        """All that the epochs to come depend on, besides the objective and the settings: called between two epochs.

        A method that keeps numbers for each sample may compute them anew from the model instead of returning them; it then does
        so in the running descent, too, so that both go on alike to the last bit.

        Returns
        -------
        dict
            Under strings: arrays, numbers, strings, None, or lists and dictionaries of these. What is not copied must be written
            before the next epoch begins.
        """
        raise NotImplementedError

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from a snapshot of the same method on the same objective: called after `start`, before `iterates`.

        Parameters
        ----------
        saved : dict
            What `snapshot` returned.
        """
        raise NotImplementedError

    def stable_rate(self) -> float | None:
        """A learning rate at which the method cannot diverge, for messages; None if unknown or without one.

        Returns
        -------
        float or None
            The rate.
        """
        return None


class Keeper:
    """What becomes of the state between two epochs; the base keeps nothing."""

    def resume(self, method: Any, monitor: Any) -> int:
        """Take method and monitor to the state that was kept last.

        Parameters
        ----------
        method : Method
            The method, which has started.
        monitor : Monitor
            The monitor, which has started.

        Returns
        -------
        int
            How many epochs led to that state: 0 where none was kept.
        """
        return 0

    def keep(self, method: Any, monitor: Any, n_epochs: int) -> None:
        """Keep the state after so many epochs, of which another one is about to begin.

        Parameters
        ----------
        method : Method
            The method.
        monitor : Monitor
            The monitor.
        n_epochs : int
            The epochs so far.
        """


def descend(method: Any, monitor: Any, max_iter: int, keeper: Keeper | None = None) -> Status:
    """Descend until the monitor, the method or `max_iter` ends it; returns the last `Status`."""
    keeper = keeper or Keeper()
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the monitor sees numbers that are not finite
        monitor.start(*method.start(), method.objective)
        done = keeper.resume(method, monitor)
        iterates = method.iterates()
        status = Status.RUNNING
        for n_epochs in range(done, max_iter):
            keeper.keep(method, monitor, n_epochs)
            monitor.begin()
            status = monitor.judge(next(iterates))
            if status is Status.PLATEAU and method.on_plateau(monitor.tolerance):
                monitor.forget_stall()
                status = Status.RUNNING
            if status is not Status.RUNNING:
                break
        return status
