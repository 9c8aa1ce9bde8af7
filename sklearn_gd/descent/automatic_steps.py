r"""Steps of an optimizer at a learning rate found from the data, in scaled and centred coordinates.

Several *tracks* of the same optimizer descend from the same start, at rates a factor of four apart. In `fit` the tracks with the
higher F are dropped after a few steps, and the rate of the last one is lowered when F stalls; a pass that raises F too far is
undone. In `partial_fit` all tracks are kept, and the one with the lowest progressive loss predicts.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._layout import ROWS, WEIGHT_SUM
from ..optimizers import Adam, Optimizer
from ._automatic_state import AutomaticState, Sizes
from ._compiled_pass import compiled_pass
from ._loop import Iterate, Method
from ._snapshots import from_plain, to_plain
from ._standstill import LOWER, USELESS, least_patience, rises_too_far
from ._state import StepState
from .steps import expected_decrease, full_batch_pass

# The rates of the tracks, relative to the base rate; the first one predicts until another has a lower loss.
FACTORS = (1.0, 0.25, 4.0, 16.0, 64.0)
KEPT = ((6, 2), (30, 1))  # (steps, tracks that are kept after these)
AVERAGE_POWER = 3.0  # the weight of an averaged iterate is this power of its number
SETTLING = 0.3  # share of the epochs, at the end of `max_iter`, in which the rate falls to zero
RECENT, MEMORY = 0.25, 1000.0  # half-life of a stream's losses: share of the samples so far, and at most this many
KEPT_NUMBERS = ("useless", "epoch", "first", "lowest", "lowered_at", "rate", "last_rate")  # in a snapshot
FEW_STEPS, REPEATS = 64, 4  # a stream repeats each batch during its first steps


class AutomaticSteps(Method):
    """Steps on batches with ``learning_rate="auto"``.

    Parameters
    ----------
    objective : Objective
        The objective to minimise.
    solver : Solver
        Determines the number of samples of a step, and whether they are shuffled.
    settings : Settings
        The optimizer (Adam if None) and the limits.
    state : object, optional
        The state to resume from, of any method; by default the null model.
    """

    solver: Any
    settings: Any
    optimizer: Optimizer
    least_patience: int
    batch: int
    n_steps: int
    expected_decrease: Callable[[NDArray[Any]], float] | None
    average_from: float
    average_power: float
    automatic_state: AutomaticState
    best: NDArray[Any]
    first: float
    lowest: float
    lowered_at: float
    lows: Any
    epoch: int
    useless: int
    rate: float | None
    last_rate: float

    finds_rates = True

    def __init__(self, objective: Any, solver: Any, settings: Any, state: Any = None) -> None:
        super().__init__(objective)
        self.solver, self.settings = solver, settings
        self.optimizer = settings.optimizer or Adam()
        n = objective.n_samples
        self.batch = min(solver.checked_batch_rows(n), n)
        self.n_steps = -(-n // self.batch)
        self.expected_decrease = expected_decrease(objective)
        self.average_from, self.average_power = settings.average_from, 0.0
        own_mean = self.optimizer.evaluated_slot is not None
        if not settings.averages and not own_mean and not objective.penalty.has_prox() and not solver.full_batch:
            self.average_from, self.average_power = 1.0, AVERAGE_POWER
        self.automatic_state = self._resumed(state)
        self.useless, self.epoch = 0, 0
        if not solver.full_batch:
            self.least_patience = least_patience(n)

    # --- the state --------------------------------------------------------------------------------------------------------

    def _resumed(self, state):
        """The state to resume from, in the coordinates computed from the samples so far."""
        objective = self.objective
        if isinstance(state, AutomaticState) and self._goes_on(state):
            state.sizes.add(objective)
        else:
            state = self._begun(state)
        coordinates = state.sizes.coordinates(objective)
        for track in state.tracks:
            track.renew_coordinates(coordinates)
        return state

    def _goes_on(self, state):
        """Whether the tracks can continue: those of a fit, in which most have been dropped, cannot be used in a stream."""
        same = all(track.continues(self.optimizer, self.average_from) for track in state.tracks)
        return same and (len(state.tracks) == len(FACTORS) or not self.settings.streaming)

    def _begun(self, state):
        """A state whose tracks all begin at the model of another state; at the best intercept if None."""
        objective = self.objective
        sizes = Sizes.begin(objective, getattr(state, "moments", None))
        theta = sizes.start(objective) if state is None else state.predicting(objective)
        sizes.add(objective)
        tracks = [self._track(theta, factor, 0.0 if state is None else state.rows) for factor in FACTORS]
        return AutomaticState(tracks, np.zeros(len(tracks)), sizes, 0 if state is None else state.steps)

    def _track(self, theta, rate, rows):
        """A track that begins at a model, after `rows` samples."""
        track = StepState.begin(self.objective, theta.copy(), self.optimizer, self.average_from)
        track.rate_scale, track.counters[[WEIGHT_SUM, ROWS]] = rate, rows
        return track

    def _base_rate(self, batch):
        """The default rate of the optimizer, or one over the estimated curvature of a step on `batch` samples."""
        if self.optimizer.default_rate is not None:
            return float(self.optimizer.default_rate)
        # The curvature of one sample is about the number of features; its root is the guess for the largest eigenvalue of F.
        total = 1.0 + np.count_nonzero(self.automatic_state.sizes.moments.known_variance)
        share = 0.0 if self.solver.full_batch else 1.0 / batch
        return 1.0 / ((share * total + (1.0 - share) * math.sqrt(total)) * self.optimizer.gain())

    def state(self, theta: NDArray[Any], value: float, n_epochs: int) -> Any:
        if self.settings.streaming:
            return self.automatic_state
        # A copy, as descent may continue after this epoch.
        state = self.automatic_state.copy()
        if not np.array_equal(theta, state.predicting(self.objective)):
            state.best.replace(theta)
        return state

    def snapshot(self) -> dict[str, Any]:
        kept = {name: getattr(self, name) for name in KEPT_NUMBERS}
        return kept | {"state": to_plain(self.automatic_state), "best": self.best, "lows": np.asarray(self.lows)}

    def restore(self, saved: dict[str, Any]) -> None:
        self.automatic_state = from_plain(AutomaticState, saved["state"])
        self.best, self.lows = saved["best"], saved["lows"]
        vars(self).update({name: saved[name] for name in KEPT_NUMBERS})

    # --- descent ----------------------------------------------------------------------------------------------------------

    def start(self) -> tuple[NDArray[Any], float]:
        theta = self.automatic_state.predicting(self.objective)
        self.first = self.lowest = self.lowered_at = self.objective.value(theta)
        self.best, self.lows = theta, np.full(len(self.automatic_state.tracks), self.first)
        return theta, self.first

    def iterates(self) -> Iterator[Iterate]:
        if self.settings.streaming:
            yield self._one_call()
            return
        n, settings, state = self.objective.n_samples, self.settings, self.automatic_state
        while True:
            order = settings.order(n, self.solver.shuffles)
            self.epoch += 1
            values = [self._epoch(track, order, low) for track, low in zip(state.tracks, self.lows, strict=True)]
            del order  # before the next one is made
            self._keep(values)
            theta = state.predicting(self.objective)
            value = float(state.losses.min())
            if value < self.lowest:
                self.lowest, self.best = value, theta.copy()
            self.rate = self.last_rate = state.best.rate_scale * self._base_rate(self.batch)
            yield Iterate(theta, value, rate=self.rate)

    def _move(self, track, order, batch, factor=1.0):
        """Move a track by steps on batches of the samples in `order`."""
        rates = np.full(-(-len(order) // batch), factor * track.rate_scale * self._base_rate(batch))
        if self.solver.full_batch:
            one_pass = full_batch_pass(self.objective, track, self.optimizer, self.average_power)
        else:
            one_pass = compiled_pass(self.objective, track, self.optimizer, batch, self.average_power)
        one_pass(order, rates)

    def _epoch(self, track, order, low):
        """Move a track by one epoch; returns F. An epoch that raises F too far above `low` is undone, and the rate lowered."""
        before = track.copy()
        settling = min(1.0, (1.0 - (self.epoch - 1.0) / self.settings.max_iter) / SETTLING)
        self._move(track, order, self.batch, settling)
        value = self.objective.value(track.predicting(self.objective))
        if not rises_too_far(value, low, self.first):
            return value
        # Restore the model that predicted; the last iterate may be far from it if the optimizer predicts with a mean.
        theta = before.predicting(self.objective)
        track.restore(before)
        track.replace(theta)
        track.rate_scale *= LOWER
        return self.objective.value(theta)

    def _keep(self, values):
        """Keep the best tracks."""
        state = self.automatic_state
        steps = state.steps
        kept = min([count for after, count in KEPT if steps >= after], default=len(values))
        order = np.argsort(values, kind="stable")[:kept]
        state.tracks = [state.tracks[at] for at in order]
        state.losses = np.asarray(values)[order]
        self.lows = np.minimum(np.asarray(self.lows)[order], state.losses)

    def on_plateau(self, tolerance: float) -> bool:
        """Continue at a lower rate, unless the last lower rates have not decreased F."""
        state = self.automatic_state
        self.useless = self.useless + 1 if self.lowered_at - self.lowest <= tolerance else 0
        if self.useless >= USELESS:
            return False
        self.lowered_at = self.lowest
        if state.losses.min() > self.lowest + tolerance:
            self._begin_afresh()
        for track in state.tracks:
            track.rate_scale *= LOWER
        return True

    def _begin_afresh(self):
        """Restart the optimizer at the best model, with new slots."""
        state, old = self.automatic_state, self.automatic_state.best
        track = self._track(self.best, old.rate_scale, old.rows)
        track.counters[WEIGHT_SUM] = old.counters[WEIGHT_SUM]
        track.renew_coordinates(old.coordinates)
        state.earlier_steps += old.steps
        state.tracks, state.losses, self.lows = [track], np.array([self.lowest]), [self.lowest]

    # --- streams ----------------------------------------------------------------------------------------------------------

    def _one_call(self):
        """One call of `partial_fit`: all tracks predict each piece of it, then learn from it."""
        objective, state = self.objective, self.automatic_state
        n, start = objective.n_samples, 0
        while start < n:
            stop = min(n, start + self._piece(state.rows))
            mean_loss, order = objective.mean_loss_of(start, stop), np.arange(start, stop)
            weight = objective.weight[start:stop].sum()
            repeats = 1 if self.solver.full_batch else max(1, min(REPEATS, FEW_STEPS // (state.steps + 1)))
            forgotten = 0.5 ** ((stop - start) / min(MEMORY, max(RECENT * state.rows, 1.0)))
            for at, track in enumerate(state.tracks):
                loss = weight * mean_loss(track.predicting(objective))
                state.losses[at] = forgotten * state.losses[at] + loss
                for _ in range(repeats):
                    self._move(track, order, min(self.batch, len(order)))
                if not math.isfinite(loss) or not np.isfinite(track.theta).all():
                    state.losses[at] = np.inf
            start = stop
        theta = state.predicting(objective)
        self.rate = self.last_rate = state.best.rate_scale * self._base_rate(self.batch)
        return Iterate(theta, objective.value(theta), rate=self.rate)

    def _piece(self, rows):
        """The number of samples, in whole batches, that the tracks predict before they learn from them, after `rows` samples."""
        return self.batch * max(int(min(RECENT * rows, MEMORY) / self.batch), 1)
