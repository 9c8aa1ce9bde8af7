"""The base of all schedules, and what one may know of the fit."""

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._components import Component, once_for_each_class
from .._mistakes import check_takes


@dataclass(frozen=True)
class Run:
    """Information about a fit that is available to a schedule.

    Parameters
    ----------
    alpha : float
        The regularization strength.
    loss : Loss
        The loss being minimised.
    steps_per_epoch, total_steps : int or None
        Number of steps of one epoch and of all `max_iter` epochs; None in `partial_fit`, where both are unknown.
    """

    alpha: float
    loss: Any
    steps_per_epoch: int | None = None
    total_steps: int | None = None


class Schedule(Component):
    """Abstract base of all schedules; subclass it for a custom schedule.

    Attributes
    ----------
    plateau_factor : float or None
        If not None, the learning rate is multiplied by this factor when the objective stops decreasing, instead of stopping the
        fit.
    min_rate : float
        If the learning rate is at most `min_rate` when the objective stops decreasing, the fit stops.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd import GDRegressor, Schedule
    >>> class HalveAfter(Schedule):
    ...     def __init__(self, eta0=0.1, steps=100):
    ...         self.eta0 = eta0
    ...         self.steps = steps
    ...
    ...     def rate(self, t, run):
    ...         return np.where(t <= self.steps, self.eta0, self.eta0 / 2)
    >>> GDRegressor(learning_rate=HalveAfter(steps=50)).get_params()["learning_rate__steps"]
    50
    """

    plateau_factor: float | None = None
    min_rate: float = 0.0

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return the learning rates of the steps t.

        Parameters
        ----------
        t : ndarray of float, (n_steps,)
            The steps, counted from 1.
        run : Run
            Information about the fit.

        Returns
        -------
        ndarray, (n_steps,)
            One learning rate per step, finite and >= 0.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method rate(t, run)")

    def validate(self) -> None:
        """Raise an error if `rate` is missing, or if a parameter is out of its range."""
        if type(self).rate is Schedule.rate:
            raise TypeError(f"{type(self).__name__} has no method rate(t, run): a schedule must define it")
        self._check_rate()
        super().validate()

    @classmethod
    @once_for_each_class
    def _check_rate(cls):
        """Raise a TypeError where `rate` does not take t and run."""
        owner = () if isinstance(inspect.getattr_static(cls, "rate"), staticmethod) else ("self",)
        check_takes(cls.rate, f"{cls.__name__}.rate", (*owner, "t", "run"))

    def checked_rates(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return the learning rates of the steps t, after checking them.

        Parameters
        ----------
        t : ndarray of float, (n_steps,)
            The steps, counted from 1.
        run : Run
            Information about the fit.

        Returns
        -------
        ndarray of float64, (n_steps,)
            The values that `rate` returns.

        Raises
        ------
        ValueError, TypeError
            If `rate` returns anything but one number per step, or a rate that is not finite or negative.
        """
        name, found = f"{type(self).__name__}.rate", None
        try:
            found = self.rate(t, run)
        except Exception as error:
            error.add_note(f"{name} was called with the steps t, an array of shape {t.shape}, and {run}.")
            if "truth value" in str(error):
                error.add_note(f"{name} receives many steps as an array: use np.where instead of `if`.")
            raise
        try:
            rates = np.asarray(found, dtype=np.float64)
        except (TypeError, ValueError):
            rates = None
        if found is None or rates is None or rates.shape != t.shape:
            what = f"shape {rates.shape}" if isinstance(found, np.ndarray) and rates is not None else f"{found!r:.80}"
            raise ValueError(
                f"{name} returned {what} for {len(t)} steps; it must return one learning rate per step, an array of shape "
                f"{t.shape}, such as np.full(len(t), 0.1)"
            )
        bad = ~(np.isfinite(rates) & (rates >= 0))
        if bad.any():
            at = int(bad.argmax())
            raise ValueError(f"{name} returned {rates[at].item()!r} at step {int(t[at])}; learning rates must be finite and >= 0")
        return np.ascontiguousarray(rates)

    def lowered(self, rate: float) -> float | None:
        """Return the factor by which to multiply the learning rate when the objective has stopped decreasing.

        Parameters
        ----------
        rate : float
            The last learning rate.

        Returns
        -------
        float or None
            The factor; None if the rate is not lowered, and the fit stops.
        """
        factor = self.plateau_factor
        return None if factor is None or rate <= self.min_rate else factor

    def _steps(self, name, run_value, meaning):
        """The parameter `name`, or the length of the run if it is None."""
        steps = getattr(self, name)
        if steps is None:
            steps = run_value
        if steps is None:
            raise ValueError(
                f"{type(self).__name__}: {name}=None means {meaning}, which is unknown in partial_fit; set a number of steps"
            )
        return steps
