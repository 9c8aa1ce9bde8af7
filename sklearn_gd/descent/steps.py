"""Textbook steps: an optimizer moves the model by the gradient of a batch, at the learning rates of a schedule."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._array_parts import ArrayStep
from .._layout import ROWS, STEPS, WEIGHT_SUM
from ..objective._preconditioner import Preconditioner
from ..optimizers import GradientDescent, Optimizer
from ..schedules import Run
from ._compiled_pass import compiled_pass
from ._loop import Iterate, Method
from ._snapshots import from_plain, to_plain
from ._state import StepState

BLOCK = 65536  # samples of a call of a pass, about; with more, the rates of its steps do not fit the cache
Pass = Callable[[NDArray[Any], NDArray[Any]], float | None]  # from the order of the samples and the rates to F, if known


class Steps(Method):
    """Epochs of steps on batches at given rates: one compiled pass over the samples, or one step on whole arrays.

    Parameters
    ----------
    objective : Objective
        The objective to minimise.
    solver : Solver
        Determines the number of samples of a step, and whether they are shuffled.
    settings : Settings
        The optimizer (plain gradient descent if None), the schedule and the limits.
    state : object, optional
        The state to resume from, of any method; by default zeros.
    """

    solver: Any
    settings: Any
    optimizer: Optimizer
    schedule: Any
    steps_state: StepState
    run: Run
    batch: int
    full_batch: bool
    expected_decrease: Callable[[NDArray[Any]], float] | None
    rate: float | None
    last_rate: float

    def __init__(self, objective: Any, solver: Any, settings: Any, state: Any = None) -> None:
        super().__init__(objective)
        self.solver, self.settings, self.schedule = solver, settings, settings.schedule
        self.optimizer = settings.optimizer or GradientDescent()
        self.steps_state = StepState.resumed(state, objective, self.optimizer, settings.average_from)
        n = objective.n_samples
        self.batch = min(solver.checked_batch_rows(n), n)
        self.run = Run(objective.alpha, objective.loss)
        if not settings.streaming:
            n_steps = -(-n // self.batch)
            self.run = Run(objective.alpha, objective.loss, n_steps, n_steps * settings.max_iter)
        # An adaptive schedule must react to an oscillation by lowering the rate.
        adapts = self.schedule is not None and self.schedule.plateau_factor is not None
        self.full_batch = self.batch >= n and not adapts
        self.expected_decrease = expected_decrease(objective)

    def start(self) -> tuple[NDArray[Any], float]:
        theta = self.steps_state.predicting(self.objective)
        return theta, self.objective.value(theta)

    def iterates(self) -> Iterator[Iterate]:
        n, state, settings = self.objective.n_samples, self.steps_state, self.settings
        one_pass, block = self.make_pass(), self.rows_at_once()
        while True:
            # 1. an order of the samples
            order = settings.order(n, self.solver.shuffles)
            self.rate = 0.0
            for start in range(0, n, block):
                taken = order[start : start + block]
                # 2. a learning rate for every step
                rates = self.rates(taken)
                self.rate, self.last_rate = max(self.rate, float(rates.max())), float(rates[-1])
                # 3. scores, slopes, gradient, penalty, optimizer, proximal step, for each batch
                value = one_pass(taken, rates)
            del order, taken  # before the next order is made
            # 4. F of the model that would predict now
            theta = state.predicting(self.objective)
            yield Iterate(theta, self.objective.value(theta) if value is None else value, rate=self.last_rate)

    def on_plateau(self, tolerance: float) -> bool:
        """Lower the rate of an adaptive schedule, unless it is at its minimum."""
        factor = None if self.schedule is None else self.schedule.lowered(self.last_rate)
        if factor is None:
            return False
        self.steps_state.rate_scale *= factor
        return True

    def state(self, theta: NDArray[Any], value: float, n_epochs: int) -> Any:
        # A call of `partial_fit` has one pass, and the model after it is the best.
        return self.steps_state if self.settings.streaming else self.steps_state.kept_at(self.objective, theta)

    def snapshot(self) -> dict[str, Any]:
        return {"state": to_plain(self.steps_state), "rate": self.rate, "last_rate": self.last_rate}

    def restore(self, saved: dict[str, Any]) -> None:
        self.steps_state = from_plain(StepState, saved["state"])
        self.rate, self.last_rate = saved["rate"], saved["last_rate"]

    def rows_at_once(self) -> int:
        """The number of samples of a call of the pass; their rates are in memory."""
        return self.batch * max(max(BLOCK, self.objective.n_features) // self.batch, 1)

    def make_pass(self) -> Pass:
        """The function of (order, rates) that moves the state by steps on these samples; it returns F if known, else None."""
        if self.solver.full_batch:
            return full_batch_pass(self.objective, self.steps_state, self.optimizer)
        # The requested size even if there are fewer samples: it determines how products are computed, to the last bit.
        batch = self.solver.checked_batch_rows(self.objective.n_samples)
        return compiled_pass(self.objective, self.steps_state, self.optimizer, batch)

    def rates(self, order: NDArray[Any]) -> NDArray[Any]:
        """The learning rate of each step over the samples in `order`."""
        state = self.steps_state
        n_steps = -(-len(order) // self.batch)
        rates = self.schedule.checked_rates(np.arange(state.steps + 1.0, state.steps + n_steps + 1.0), self.run)
        return rates if state.rate_scale == 1.0 else rates * state.rate_scale

    def stable_rate(self) -> float | None:
        """A learning rate at which descent cannot diverge if the curvature of the loss is bounded; None if unknown.

        One over the largest curvature: that of F for steps on all samples, of a single sample for the others.
        """
        if not hasattr(self, "_stable"):
            self._stable = stable_rate(self.objective, self.optimizer, self.batch)
        return self._stable


def full_batch_pass(objective: Any, state: Any, optimizer: Any, average_power: float = 0.0) -> Callable[..., Any]:
    """One step on all samples, in array operations; nothing is compiled."""
    step, prox_step = ArrayStep(optimizer), np.zeros(objective.n_theta)
    n_coef, penalty = objective.n_coef, objective.array_penalty

    def one_pass(order, rates):
        state.leave_lazy()
        theta, coordinates, counters, rate = state.theta, state.coordinates, state.counters, float(rates[0])
        counters[WEIGHT_SUM] += objective.weight_sum
        counters[ROWS] += objective.n_samples
        counters[STEPS] += 1.0
        # The mean over the batch, with weights relative to the mean weight of the samples so far.
        divisor = objective.n_samples * (counters[WEIGHT_SUM] / counters[ROWS])
        gradient = coordinates.gradient(objective.gradient(coordinates.theta(theta), divisor))
        if optimizer.decay > 0.0:
            theta[:n_coef] *= 1.0 - rate * optimizer.decay
        step(theta, gradient, state.slots, prox_step, rate, counters[STEPS])
        coordinates.prox(theta[:n_coef], prox_step[:n_coef], penalty.prox)
        if counters[STEPS] >= state.averaged_from:
            count = counters[STEPS] - state.averaged_from + 1.0
            state.average += (1.0 + average_power) * (theta - state.average) / (count + average_power)

    return one_pass


def expected_decrease(objective: Any) -> Callable[[NDArray[Any]], float] | None:
    """A function that estimates the decrease of F by a Newton step from theta; None for a non-smooth F.

    The estimate is half the squared gradient in preconditioned coordinates, where the curvature is about one: half the squared
    Newton decrement.
    """
    if not (objective.loss.smooth and objective.has_smooth_penalty):
        return None
    frame = None

    def decrease(theta):
        nonlocal frame
        if frame is None:
            frame = Preconditioner.from_moments(
                objective.moments,
                objective.null_model().curvature,
                objective.l2,
                fit_intercept=objective.fit_intercept,
                unit=objective.unit,
            )
        coef, intercept = frame.gradient_to_u(*objective.unpack(objective.gradient(theta)))
        return 0.5 * float(np.vdot(coef, coef) + intercept @ intercept)

    return decrease


@np.errstate(over="ignore")
def stable_rate(objective: Any, optimizer: Any, batch: int) -> float | None:
    """One over the largest curvature of a step on `batch` samples; None if unknown."""
    if optimizer.default_rate is not None:
        return None
    if batch >= objective.n_samples:
        h = objective.curvature_bound()
    else:
        relative = objective.weight * (objective.n_samples / objective.weight_sum)
        h = (objective.curvature_bounds() * relative).max()
    unit = 1.0 if objective.scale is None else objective.scale.max(initial=1.0)
    curvature = float((h + objective.alpha * unit * unit) * optimizer.gain())
    return 1.0 / curvature if np.finfo(float).tiny < curvature < math.inf else None
