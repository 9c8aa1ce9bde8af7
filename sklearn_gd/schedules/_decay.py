"""Schedules whose learning rate is constant or decreases."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._components import Constraints, Flag, Range
from ._base import Run, Schedule


class Constant(Schedule):
    """A constant learning rate; a float as `learning_rate` means this schedule.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        The learning rate.

    Examples
    --------
    >>> import numpy as np
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
        The power p. Stochastic gradient descent converges to the minimum for 0.5 < p <= 1.

    References
    ----------
    H. Robbins and S. Monro, "A stochastic approximation method", 1951. The name and default are those of scikit-learn's SGD.

    Examples
    --------
    >>> import numpy as np
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
    >>> import numpy as np
    >>> from sklearn_gd.losses import Hinge
    >>> from sklearn_gd.schedules import Optimal, Run
    >>> run = Run(alpha=0.0001, loss=Hinge())
    >>> print(Optimal().rate(np.array([1.0, 10001.0]), run).round(3))
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
    >>> import numpy as np
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
    >>> import numpy as np
    >>> from sklearn_gd.schedules import ExponentialDecay
    >>> schedule = ExponentialDecay(eta0=1.0, decay=0.25, decay_steps=2)
    >>> print(schedule.rate(np.arange(1.0, 4.0), None))
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
    >>> import numpy as np
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
    >>> import numpy as np
    >>> from sklearn_gd.schedules import PolynomialDecay
    >>> schedule = PolynomialDecay(eta0=1.0, end_rate=0.0, decay_steps=2)
    >>> print(schedule.rate(np.arange(1.0, 5.0), None))
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
