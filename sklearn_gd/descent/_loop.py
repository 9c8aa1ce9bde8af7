"""The training loop over epochs.

A `Method` yields an `Iterate` after each epoch, and the `Monitor` decides whether to continue. If the objective has stalled, the
method may continue differently: with a lower learning rate, a more accurate smooth approximation, or shorter steps.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._monitor import Status
from ._order import sample_order
from ._state import ModelState


@dataclass(frozen=True)
class Settings:
    """The settings of a fit that a method may need besides the objective.

    Parameters
    ----------
    optimizer : Optimizer or None
        The update rule; None for "auto".
    schedule : Schedule or None
        The learning rates; None for "auto".
    max_iter : int
        Maximum number of epochs.
    shuffle : bool
        Whether to shuffle the samples before each epoch.
    rng : numpy.random.RandomState or None
        The random number generator for shuffling.
    average_from : float
        The first step whose iterate is averaged; infinity for no averaging.
    streaming : bool
        Whether this is `partial_fit`, where the number of epochs is unknown.
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

    def order(self, n_samples: int, shuffles: bool = True) -> NDArray[Any]:
        """Return the order of the samples in the next epoch, shuffled where the solver `shuffles` and the user agrees.

        Parameters
        ----------
        n_samples : int
            The number of samples.
        shuffles : bool
            Whether the solver shuffles.

        Returns
        -------
        ndarray of uint32, (n_samples,)
            Their indices.
        """
        return sample_order(n_samples, self.rng if self.shuffle and shuffles else None)

    @property
    def averages(self) -> bool:
        """Whether iterates are averaged."""
        return self.average_from < math.inf


class Iterate(NamedTuple):
    """The state of a method after an epoch.

    Parameters
    ----------
    theta : ndarray
        The model that would be used for prediction, or its coordinates: see `model`.
    value : float
        F at theta.
    rate : float or None
        The last learning rate of the epoch; None for a method without learning rate.
    watched : float or None
        The smoothed objective, if the monitor must watch it for a stall instead of F; None if F itself is watched.
    gap : float
        A bound on F minus its minimum, in the unit of F; at the end of a smoothing stage, an estimate of it. Infinite if unknown.
    left : float or None
        A bound on, or an estimate of, the remaining decrease of F. While it exceeds the tolerance, a stall of F does not end the
        descent. None if a stall of F alone ends the descent.
    expected : float
        The decrease of F that a second-order model at theta predicts. While it exceeds the tolerance of a stall, which is less
        strict than that of `left`, a stall does not end the descent either.
    promised : float
        The decrease of F predicted by the gradient, if no step along the direction lowers F. If it exceeds rounding errors, the
        gradient does not match F.
    end : Status or None
        Why the method cannot continue; None if it can.
    model : callable or None
        A function that returns the model from `theta`, if the method works in other coordinates; None if `theta` is the model.
    """

    theta: np.ndarray
    value: float
    rate: float | None = None
    watched: float | None = None
    gap: float = math.inf
    left: float | None = None
    expected: float = 0.0
    promised: float = 0.0
    end: Status | None = None
    model: Callable[[NDArray[Any]], NDArray[Any]] | None = None

    def resolved(self) -> "Iterate":
        """The iterate whose `theta` is the model."""
        return self if self.model is None else self._replace(theta=self.model(self.theta), model=None)


class Method(ABC):
    """Abstract base of minimisation methods; subclass it for a custom solver.

    Parameters
    ----------
    objective : Objective
        The objective to minimise.

    Attributes
    ----------
    full_batch : bool
        Whether every step uses all samples. If so, an increase of F is an oscillation, not noise.
    rate : float or None
        The largest learning rate of the last epoch, for messages; None for a method without learning rate.
    finds_rates : bool
        Whether the method selects the learning rate itself, for messages.
    expected_decrease : callable or None
        A function of theta that estimates the remaining decrease of F; None if a stall of F alone ends the descent.
    least_patience : int
        The smallest number of epochs without improvement that count as a stall of F, if `n_iter_no_change` is less.
    """

    full_batch: bool = False
    least_patience: int = 1
    rate: float | None = None
    finds_rates: bool = False
    expected_decrease: Callable[[NDArray[Any]], float] | None = None

    def __init__(self, objective: Any) -> None:
        self.objective = objective

    @abstractmethod
    def start(self) -> tuple[NDArray[Any], float]:
        """Return the initial model.

        Returns
        -------
        theta : ndarray
            The model.
        value : float
            F at theta.
        """

    @abstractmethod
    def iterates(self) -> Iterator[Iterate]:
        """Run the method, one epoch at a time.

        Yields
        ------
        Iterate
            The state of the method after each epoch. The generator is not resumed after the descent has ended.
        """

    def on_plateau(self, tolerance: float) -> bool:
        """Change how the method continues after F (or the watched objective) has stalled, e.g. lower the learning rate.

        Parameters
        ----------
        tolerance : float
            The smallest decrease of F that counts as an improvement.

        Returns
        -------
        bool
            True if the method continues; False if the descent ends.
        """
        return False

    def caveat(self, theta: NDArray[Any]) -> str | None:
        """Return a caveat about the final model, for a warning; None if there is none.

        Parameters
        ----------
        theta : ndarray
            The model.

        Returns
        -------
        str or None
            A sentence without its full stop.
        """
        return None

    def state(self, theta: NDArray[Any], value: float, n_epochs: int) -> Any:
        """Return the state from which `partial_fit` resumes.

        Parameters
        ----------
        theta : ndarray
            The model that is kept.
        value : float
            F at theta.
        n_epochs : int
            The number of epochs so far.

        Returns
        -------
        ModelState
            By default, the model only.
        """
        return ModelState.of(self.objective, theta, value, n_epochs)

    @property
    def has_snapshot(self) -> bool:
        """Whether the method implements `snapshot` and `restore`."""
        return type(self).snapshot is not Method.snapshot

    def snapshot(self) -> dict[str, Any]:
        """Return everything on which later epochs depend, besides the objective and the settings; called between two epochs.

        A method that stores numbers for each sample may recompute them from the model instead of returning them. It must then
        recompute them in the running fit too, so that the running and the resumed fit are equal bit for bit.

        Returns
        -------
        dict
            The keys are strings; the values are arrays, numbers, strings, None, or lists and dictionaries of these. Arrays need
            not be copied, because they are written before the next epoch begins.
        """
        raise NotImplementedError

    def restore(self, saved: dict[str, Any]) -> None:
        """Restore a snapshot of the same method on the same objective; called after `start` and before `iterates`.

        Parameters
        ----------
        saved : dict
            What `snapshot` returned.
        """
        raise NotImplementedError

    def stable_rate(self) -> float | None:
        """Return a learning rate at which the method cannot diverge, for messages; None if unknown or not applicable.

        Returns
        -------
        float or None
            The rate.
        """
        return None


class Keeper:
    """Saves the state between two epochs; this base class saves nothing."""

    def resume(self, method: Any, monitor: Any) -> int:
        """Restore the last saved state of method and monitor.

        Parameters
        ----------
        method : Method
            The method, after `start`.
        monitor : Monitor
            The monitor, after `start`.

        Returns
        -------
        int
            The number of epochs of the saved state; 0 if there is none.
        """
        return 0

    def keep(self, method: Any, monitor: Any, n_epochs: int) -> None:
        """Save the state before the next epoch begins.

        Parameters
        ----------
        method : Method
            The method.
        monitor : Monitor
            The monitor.
        n_epochs : int
            The number of epochs so far.
        """


def checked_iterates(method: Any) -> Iterator[Iterate]:
    """Yield the iterates of a method, which may be a user's, after checking them.

    Raises
    ------
    TypeError
        If its `iterates` is no generator, or yields anything but an `Iterate`.
    RuntimeError
        If it ends by itself.
    """
    name, iterates = f"{type(method).__name__}.iterates", method.iterates()
    if not isinstance(iterates, Iterator):
        raise TypeError(f"{name} returned {iterates!r:.80}; it must be a generator that yields an Iterate after each epoch")
    n_epochs = 0
    for iterate in iterates:
        if not isinstance(iterate, Iterate):
            raise TypeError(f"{name} yielded {iterate!r:.80}; it must yield Iterate(theta, value)")
        n_epochs += 1
        yield iterate
    raise RuntimeError(f"{name} ended after {n_epochs} epochs; it must yield as long as it is asked, as the loop ends the fit")


def descend(method: Any, monitor: Any, max_iter: int, keeper: Keeper | None = None) -> Status:
    """Descend until the monitor, the method or `max_iter` ends it; returns the last `Status`."""
    keeper = keeper or Keeper()
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the monitor sees numbers that are not finite
        monitor.start(*method.start(), method.objective)
        done = keeper.resume(method, monitor)
        iterates = checked_iterates(method)
        status = Status.RUNNING
        for n_epochs in range(done, max_iter):
            keeper.keep(method, monitor, n_epochs)
            monitor.begin()
            iterate = next(iterates)
            status = monitor.judge(iterate)
            # With tol=None a stall is the end of a stage at most, and only the method ends the descent.
            goes_on = monitor.tol is None and iterate.end is None
            if status is Status.PLATEAU and (method.on_plateau(monitor.tolerance) or goes_on):
                monitor.forget_stall()
                status = Status.RUNNING
            if status is not Status.RUNNING:
                break
        return status


def settled(objective: Any, method: Any, monitor: Any, status: Status) -> Status:
    """The status of a fit that has ended; it has also diverged if F oscillated without progress."""
    compares = objective.null_model_has_loss
    nowhere = method.rate is not None and monitor.never_fell() and compares
    if nowhere and monitor.is_useless(objective.null_value()):
        status = Status.DIVERGED
        monitor.restart()
    if status is Status.DIVERGED or (nowhere and monitor.validate is not None):
        status = Status.DIVERGED if offer_null_model(objective, monitor) else status
    elif status is Status.MISLED or (method.rate is None and compares and monitor.is_no_better_than_null()):
        offer_null_model(objective, monitor)
    return status


def offer_null_model(objective: Any, monitor: Any) -> bool:
    """After divergence, keep the null model if it is better than the best model; returns whether it is."""
    theta = objective.null_theta()
    return bool(monitor.offer(theta, objective.value(theta)))
