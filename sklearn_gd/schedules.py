r"""Learning rate schedules: the learning rate of each step.

A schedule has one method, ``rate(t, run)``, which returns the learning rates of the steps t = 1, 2, ... as an array of floats;
`run` contains what is known about the fit. The method is called once per epoch, with all steps of the epoch, and is plain NumPy.

Powers are computed by ``np.float_power``, which computes one number at a time. In some versions of NumPy, the last bit of ``**``
depends on the position of a number in its array, so that `partial_fit` would not reproduce `fit`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._components import Component, Constraints, Flag, Range, resolve

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
        super().validate()

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
        ValueError
            If `rate` returns a different number of rates, or a rate that is not finite or negative.
        """
        try:
            rates = np.asarray(self.rate(t, run), dtype=np.float64)
        except ValueError as error:
            if "truth value" in str(error):
                error.add_note(f"{type(self).__name__}.rate receives many steps as an array: use np.where instead of `if`.")
            raise
        if rates.shape != t.shape:
            raise ValueError(
                f"{type(self).__name__}.rate returned shape {rates.shape} for {len(t)} steps; it must return shape {t.shape}"
            )
        bad = ~(np.isfinite(rates) & (rates >= 0))
        if bad.any():
            at = int(bad.argmax())
            raise ValueError(
                f"{type(self).__name__}.rate returned {rates[at]!r} at step {int(t[at])}; learning rates must be finite and >= 0"
            )
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


class Constant(Schedule):
    """A constant learning rate; a float as `learning_rate` means this schedule.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        The learning rate.

    Examples
    --------
    >>> from sklearn_gd.schedules import Constant
    >>> print(Constant(0.5).rate(np.arange(1.0, 4.0), None))
    [0.5 0.5 0.5]
    """

    constraints: Constraints = {"eta0": Range(0, closed="neither")}

    def __init__(self, eta0: float = 0.01) -> None:
        self.eta0 = eta0

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return eta0 for every step."""
        return np.full(len(t), float(self.eta0))


class InvScaling(Schedule):
    r"""Inverse scaling: a power of the step number, :math:`\eta_0 / t^p`.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        Initial learning rate.
    power_t : float >= 0, default=0.25
        The power p. Stochastic descent converges to the minimum for 0.5 < p <= 1.

    References
    ----------
    H. Robbins and S. Monro, "A stochastic approximation method", 1951. The name and default are those of scikit-learn's SGD.

    Examples
    --------
    >>> from sklearn_gd.schedules import InvScaling
    >>> print(InvScaling(eta0=1.0, power_t=0.5).rate(np.array([1.0, 4.0]), None))
    [1.  0.5]
    """

    constraints: Constraints = {"eta0": Range(0, closed="neither"), "power_t": Range(0)}

    def __init__(self, eta0: float = 0.01, power_t: float = 0.25) -> None:
        self.eta0 = eta0
        self.power_t = power_t

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return eta0 / t^power_t."""
        return self.eta0 / np.float_power(t, self.power_t)


class Optimal(Schedule):
    r"""Bottou's schedule, :math:`1 / (\alpha (t_0 + t - 1))`, where :math:`t_0` follows from the expected size of coefficients.

    :math:`t_0 = 1 / (\alpha \eta_1)` with :math:`\eta_1 = w / \max(1, loss'(1, -w))` and
    :math:`w = 1 / \sqrt{\sqrt\alpha}`. The schedule has no parameters; it requires `alpha` > 0.

    References
    ----------
    L. Bottou, "Stochastic gradient descent tricks", 2012, section 5.2; :math:`t_0` as in scikit-learn's SGD.

    Examples
    --------
    >>> from sklearn_gd.losses import Hinge
    >>> from sklearn_gd.schedules import Optimal, Run
    >>> print(Optimal().rate(np.array([1.0, 10001.0]), Run(alpha=0.0001, loss=Hinge())).round(3))
    [10.     0.909]
    """

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return 1 / (alpha (t_0 + t - 1))."""
        if not run.alpha > 0:
            raise ValueError(f"learning_rate='optimal' requires alpha > 0, but alpha={run.alpha!r}")
        typical = 1.0 / math.sqrt(math.sqrt(run.alpha))
        first = typical / max(1.0, self._slope(run.loss, typical))
        start = 1.0 / (first * run.alpha)
        # If t is far larger than the start, adding the start has no effect in floating point.
        return 1.0 / (run.alpha * np.maximum(start + t - 1.0, start))

    @staticmethod
    def _slope(loss, typical):
        """The slope of the loss of the target 1 at the score -typical; -inf if it overflows."""
        gradient, value = loss.written_functions("gradient"), loss.written_functions("value")
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                if gradient is not None:
                    return float(gradient(1.0, -typical, *loss.numbers_for("gradient", 2)))
                h, numbers = 1e-5 * typical, loss.numbers_for("value", 2)
                return float(value(1.0, h - typical, *numbers) - value(1.0, -h - typical, *numbers)) / (2 * h)
        except OverflowError:  # raised by Python's numbers if the loss is too steep that far below the target
            return -math.inf


class Adaptive(Schedule):
    """A constant learning rate that is lowered each time the objective stops decreasing.

    If the objective (or the validation score) has not improved by `tol` in `n_iter_no_change` epochs, the learning rate is
    multiplied by `factor`; if it is `min_rate` or lower already, the fit stops. In `partial_fit` the learning rate is constant.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        Initial learning rate.
    factor : float in (0, 1), default=0.2
        Factor by which the learning rate is multiplied.
    min_rate : float > 0, default=1e-6
        The fit stops when the objective stops decreasing at a learning rate of `min_rate` or lower.

    References
    ----------
    scikit-learn's ``SGDClassifier(learning_rate="adaptive")`` uses the same factor and minimum.

    Examples
    --------
    >>> from sklearn_gd.schedules import Adaptive
    >>> print(Adaptive(eta0=0.1).rate(np.arange(1.0, 3.0), None))
    [0.1 0.1]
    """

    constraints: Constraints = {
        "eta0": Range(0, closed="neither"),
        "factor": Range(0, 1, closed="neither"),
        "min_rate": Range(0, closed="neither"),
    }

    def __init__(self, eta0: float = 0.01, factor: float = 0.2, min_rate: float = 1e-6) -> None:
        self.eta0 = eta0
        self.factor = factor
        self.min_rate = min_rate

    @property
    def plateau_factor(self) -> float | None:
        """The parameter `factor`."""
        return self.factor

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return eta0 for every step; the training loop lowers it."""
        return np.full(len(t), float(self.eta0))


class ExponentialDecay(Schedule):
    r"""Exponential decay, :math:`\eta_0 d^{(t-1)/s}`.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        Initial learning rate.
    decay : float in (0, 1], default=0.96
        Factor d by which the learning rate decreases every `decay_steps` steps.
    decay_steps : int >= 1 or None, default=None
        Number of steps s; None means one epoch (not allowed in `partial_fit`).
    staircase : bool, default=False
        Whether to lower the learning rate only at multiples of `decay_steps`.

    Examples
    --------
    >>> from sklearn_gd.schedules import ExponentialDecay
    >>> print(ExponentialDecay(eta0=1.0, decay=0.25, decay_steps=2).rate(np.arange(1.0, 4.0), None))
    [1.   0.5  0.25]
    """

    constraints: Constraints = {
        "eta0": Range(0, closed="neither"),
        "decay": Range(0, 1, closed="right"),
        "decay_steps": Range(1, integer=True, none=True),
        "staircase": Flag(),
    }

    def __init__(self, eta0: float = 0.01, decay: float = 0.96, decay_steps: int | None = None, staircase: bool = False) -> None:
        self.eta0 = eta0
        self.decay = decay
        self.decay_steps = decay_steps
        self.staircase = staircase

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return eta0 times a power of decay."""
        passed = (t - 1.0) / self._steps("decay_steps", run and run.steps_per_epoch, "one epoch")
        return self.eta0 * np.float_power(self.decay, np.floor(passed) if self.staircase else passed)


class StepDecay(Schedule):
    r"""Step decay, :math:`\eta_0 d^{\lfloor (t-1)/s \rfloor}`.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        Initial learning rate.
    decay : float in (0, 1], default=0.1
        Factor d by which the learning rate is multiplied every `decay_steps` steps.
    decay_steps : int >= 1 or None, default=None
        Number of steps s; None means a third of all steps of `fit` (not allowed in `partial_fit`).

    Examples
    --------
    >>> from sklearn_gd.schedules import StepDecay
    >>> print(StepDecay(eta0=1.0, decay=0.5, decay_steps=2).rate(np.arange(1.0, 6.0), None))
    [1.   1.   0.5  0.5  0.25]
    """

    constraints: Constraints = {
        "eta0": Range(0, closed="neither"),
        "decay": Range(0, 1, closed="right"),
        "decay_steps": Range(1, integer=True, none=True),
    }

    def __init__(self, eta0: float = 0.01, decay: float = 0.1, decay_steps: int | None = None) -> None:
        self.eta0 = eta0
        self.decay = decay
        self.decay_steps = decay_steps

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return eta0 times an integer power of decay."""
        third = run.total_steps and max(run.total_steps // 3, 1) if run else None
        passed = np.floor((t - 1.0) / self._steps("decay_steps", third, "a third of the fit"))
        return self.eta0 * np.float_power(self.decay, passed)


class PolynomialDecay(Schedule):
    r"""Polynomial decay, :math:`(\eta_0 - \eta_1)(1 - \min(t-1, s)/s)^p + \eta_1`.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        Initial learning rate.
    end_rate : float >= 0, default=0.0001
        Final learning rate :math:`\eta_1`.
    power : float > 0, default=1.0
        The power p; 1 is a linear decay.
    decay_steps : int >= 1 or None, default=None
        Number of steps s until the final learning rate; None means all steps of `fit` (not allowed in `partial_fit`).

    Examples
    --------
    >>> from sklearn_gd.schedules import PolynomialDecay
    >>> print(PolynomialDecay(eta0=1.0, end_rate=0.0, decay_steps=2).rate(np.arange(1.0, 5.0), None))
    [1.  0.5 0.  0. ]
    """

    constraints: Constraints = {
        "eta0": Range(0, closed="neither"),
        "end_rate": Range(0),
        "power": Range(0, closed="neither"),
        "decay_steps": Range(1, integer=True, none=True),
    }

    def __init__(self, eta0: float = 0.01, end_rate: float = 0.0001, power: float = 1.0, decay_steps: int | None = None) -> None:
        self.eta0 = eta0
        self.end_rate = end_rate
        self.power = power
        self.decay_steps = decay_steps

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return the polynomial up to decay_steps, and end_rate afterwards."""
        steps = self._steps("decay_steps", run and run.total_steps, "all the steps of fit")
        left = 1.0 - np.minimum(t - 1.0, steps) / steps
        return (self.eta0 - self.end_rate) * np.float_power(left, self.power) + self.end_rate


class CosineDecay(Schedule):
    r"""Cosine decay, :math:`\eta_0 (f + (1 - f)\tfrac12 (1 + \cos(\pi \min(t-1, s)/s)))`.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        Initial learning rate.
    decay_steps : int >= 1 or None, default=None
        Number of steps s until the final learning rate; None means all steps of `fit` (not allowed in `partial_fit`).
    floor : float in [0, 1], default=0.0
        Final learning rate as a fraction f of the initial one.

    References
    ----------
    I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, eq. 5, without restarts.

    Examples
    --------
    >>> from sklearn_gd.schedules import CosineDecay
    >>> print(CosineDecay(eta0=1.0, decay_steps=2).rate(np.arange(1.0, 5.0), None).round(6))
    [1.  0.5 0.  0. ]
    """

    constraints: Constraints = {
        "eta0": Range(0, closed="neither"),
        "decay_steps": Range(1, integer=True, none=True),
        "floor": Range(0, 1),
    }

    def __init__(self, eta0: float = 0.01, decay_steps: int | None = None, floor: float = 0.0) -> None:
        self.eta0 = eta0
        self.decay_steps = decay_steps
        self.floor = floor

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return half a cosine up to decay_steps, and the final learning rate afterwards."""
        steps = self._steps("decay_steps", run and run.total_steps, "all the steps of fit")
        return self.eta0 * _half_cosine(np.minimum(t - 1.0, steps) / steps, self.floor)


class CosineRestarts(Schedule):
    r"""Cosine decay with warm restarts: each cycle is `t_mul` times as long as the last and starts `m_mul` times as high.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        Initial learning rate.
    first_decay_steps : int >= 1 or None, default=None
        Number of steps of the first cycle; None means ten epochs (not allowed in `partial_fit`).
    t_mul : float >= 1, default=2.0
        Factor by which the length of each cycle is multiplied.
    m_mul : float in (0, 1], default=1.0
        Factor by which the initial learning rate of each cycle is multiplied.
    floor : float in [0, 1], default=0.0
        Lowest learning rate as a fraction of the initial one.

    References
    ----------
    I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, eq. 5.

    Examples
    --------
    >>> from sklearn_gd.schedules import CosineRestarts
    >>> print(CosineRestarts(eta0=1.0, first_decay_steps=2).rate(np.arange(1.0, 5.0), None).round(3))
    [1.    0.5   1.    0.854]
    """

    constraints: Constraints = {
        "eta0": Range(0, closed="neither"),
        "first_decay_steps": Range(1, integer=True, none=True),
        "t_mul": Range(1),
        "m_mul": Range(0, 1, closed="right"),
        "floor": Range(0, 1),
    }

    def __init__(
        self, eta0: float = 0.01, first_decay_steps: int | None = None, t_mul: float = 2.0, m_mul: float = 1.0, floor: float = 0.0
    ) -> None:
        self.eta0 = eta0
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.floor = floor

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return the learning rate within the cycle of each step."""
        ten = run.steps_per_epoch and 10 * run.steps_per_epoch if run else None
        passed = (t - 1.0) / self._steps("first_decay_steps", ten, "ten epochs")
        if self.t_mul == 1.0:
            restart = np.floor(passed)
            share = passed - restart
        else:
            # The restarts are at 1, 1 + q, 1 + q + q^2, ...; 1e-9 keeps the step of a restart out of the cycle before it.
            restart = np.floor(np.log1p(passed * (self.t_mul - 1.0)) / math.log(self.t_mul) + 1e-9)
            length = np.float_power(self.t_mul, restart)
            begin = (length - 1.0) / (self.t_mul - 1.0)
            share = np.maximum(passed - begin, 0.0) / length
        height = np.float_power(self.m_mul, restart)
        return self.eta0 * (self.floor + (1.0 - self.floor) * height * _half_cosine(share, 0.0))


class OneCycle(Schedule):
    r"""One-cycle policy: the learning rate increases to `max_rate` along half a cosine, then decreases to nearly zero.

    Parameters
    ----------
    max_rate : float > 0, default=0.1
        Maximum learning rate.
    total_steps : int >= 2 or None, default=None
        Number of steps of the cycle; None means all steps of `fit` (not allowed in `partial_fit`).
    pct_start : float in (0, 1), default=0.3
        Fraction of the steps in which the learning rate increases.
    div_factor : float >= 1, default=25.0
        The initial learning rate is ``max_rate / div_factor``.
    final_div_factor : float >= 1, default=1e4
        The final learning rate is the initial one divided by this factor.

    References
    ----------
    L. N. Smith and N. Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018; the
    two cosines and the defaults are those of torch.optim.

    Examples
    --------
    >>> from sklearn_gd.schedules import OneCycle
    >>> print(OneCycle(max_rate=1.0, total_steps=10, pct_start=0.2).rate(np.arange(1.0, 4.0), None).round(6))
    [0.04    1.      0.96194]
    """

    constraints: Constraints = {
        "max_rate": Range(0, closed="neither"),
        "total_steps": Range(2, integer=True, none=True),
        "pct_start": Range(0, 1, closed="neither"),
        "div_factor": Range(1),
        "final_div_factor": Range(1),
    }

    def __init__(
        self,
        max_rate: float = 0.1,
        total_steps: int | None = None,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        self.max_rate = max_rate
        self.total_steps = total_steps
        self.pct_start = pct_start
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return the two half cosines, and the final learning rate after the cycle."""
        steps = self._steps("total_steps", run and run.total_steps, "all the steps of fit")
        top = max(self.pct_start * steps - 1.0, 1e-9)
        last = max(steps - 1.0, top + 1e-9)
        at = np.minimum(t - 1.0, last)
        first_rate = self.max_rate / self.div_factor
        last_rate = first_rate / self.final_div_factor
        up = self.max_rate + (first_rate - self.max_rate) * _half_cosine(np.minimum(at / top, 1.0), 0.0)
        down = last_rate + (self.max_rate - last_rate) * _half_cosine((np.maximum(at, top) - top) / (last - top), 0.0)
        return np.where(at <= top, up, down)


class WarmUp(Schedule):
    r"""Linear warm-up from zero to the initial learning rate of a schedule, followed by that schedule.

    Parameters
    ----------
    schedule : Schedule or float, default=0.01
        The schedule after the warm-up; its step number starts at 1 after the warm-up.
    warmup_steps : int >= 1, default=100
        Number of steps w of the warm-up; the learning rate of step t is t / w times the initial learning rate.

    References
    ----------
    P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2.

    Examples
    --------
    >>> from sklearn_gd.schedules import InvScaling, WarmUp
    >>> print(WarmUp(InvScaling(1.0, 0.5), warmup_steps=2).rate(np.arange(1.0, 5.0), None).round(3))
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
        following = self._following()
        later = np.maximum(t - self.warmup_steps, 1.0)
        return following.rate(later, run) * np.minimum(t / self.warmup_steps, 1.0)


class CallableSchedule(Schedule):
    """A function of the step number; a callable as `learning_rate` means this schedule.

    Parameters
    ----------
    function : callable
        Takes the step number t = 1, 2, ... as a float and returns the learning rate.

    Examples
    --------
    >>> from sklearn_gd.schedules import CallableSchedule
    >>> print(CallableSchedule(lambda t: 1 / t).rate(np.array([1.0, 2.0]), None))
    [1.  0.5]
    """

    def __init__(self, function: Callable[[int], float] | None = None) -> None:
        self.function = function

    def validate(self) -> None:
        """Raise a TypeError unless function is callable."""
        if not callable(self.function):
            raise TypeError(f"CallableSchedule: function={self.function!r} must be callable")

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return the value of the function for each step."""
        rates = map(self.function, t.tolist())  # type: ignore[arg-type]
        return np.fromiter(rates, dtype=np.float64, count=len(t))


def _half_cosine(share, floor):
    """Return half a cosine from 1 at share 0 to `floor` at share 1."""
    return floor + (1.0 - floor) * 0.5 * (1.0 + np.cos(np.pi * share))


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
        if not (math.isfinite(value) and float(value) > 0):
            raise ValueError(f"learning_rate={value!r} must be a number > 0, a schedule or 'auto'")
        return Constant(float(value))
    if callable(value) and not isinstance(value, (type, Schedule)):
        return CallableSchedule(value)
    return resolve("learning_rate", value, Schedule, SCHEDULES, ["auto"], "a number, a function of the step number")
