r"""Steps of an optimizer at a rate that is found from the data, in scaled and centred coordinates.

Several *tracks*, the same optimizer at rates a factor of four apart, descend from the same start. In `fit` the tracks with the
higher F are given up after a few steps, and the rate of the last one is lowered where F stalls; a pass that raises F by much is
undone. In `partial_fit` all tracks are kept, and the one that has predicted best so far predicts.
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
from ._plain import from_plain, to_plain
from ._state import StepState
from .steps import expected_decrease, full_batch_pass

# The rates of the tracks, over that in the middle; the first one predicts while none has proved better.
FACTORS = (1.0, 0.25, 4.0, 16.0, 64.0)
KEPT = ((6, 2), (30, 1))  # after so many steps, so many tracks are left
RISE = 0.1  # by how much F may exceed its lowest value so far, relative to its total decrease
LOWER = 0.25  # factor on the rate where F stalls
USELESS = 2  # lower rates one after the other that gain nothing: the end
AVERAGE_POWER = 3.0  # the weight of an averaged iterate grows with this power of its number
SETTLING = 0.3  # share of the epochs, at the end of `max_iter`, in which the rate falls to zero
RECENT, MEMORY = 0.25, 1000.0  # a stream's losses count half after this share of the samples so far, and at most so many
KEPT_NUMBERS = ("useless", "epoch", "first", "lowest", "lowered_at", "rate", "last_rate")  # in a snapshot
FEW_STEPS, REPEATS = 64, 4  # a stream takes each batch several times while it has had few steps


class AutomaticSteps(Method):
    """Steps on batches under ``learning_rate="auto"``.

    Parameters
    ----------
    objective : Objective
        What to minimise.
    solver : Solver
        Says how many samples a step sees, and whether their order is drawn.
    settings : Settings
        The optimizer (Adam where it is None), the limits.
    state : object, optional
        The state to resume from, of any method; the null model where None.
    """

    solver: Any
    settings: Any
    optimizer: Optimizer
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

    # --- the state --------------------------------------------------------------------------------------------------------

    def _resumed(self, state):
        """The state to go on from, in the coordinates that follow from the samples so far."""
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
        """Whether the tracks can go on: those of a fit, in which most have been given up, cannot serve a stream."""
        same = all(track.continues(self.optimizer, self.average_from) for track in state.tracks)
        return same and (len(state.tracks) == len(FACTORS) or not self.settings.streaming)

    def _begun(self, state):
        """A state whose tracks all begin at the model of another one; at the best intercept where None."""
        objective = self.objective
        sizes = Sizes.begin(objective, getattr(state, "moments", None))
        theta = sizes.start(objective) if state is None else state.predicting(objective)
        sizes.add(objective)
        tracks = [self._track(theta, factor, 0.0 if state is None else state.rows) for factor in FACTORS]
        return AutomaticState(tracks, np.zeros(len(tracks)), sizes, 0 if state is None else state.steps)

    def _track(self, theta, rate, rows):
        """A track that begins at a model, after so many samples."""
        track = StepState.begin(self.objective, theta.copy(), self.optimizer, self.average_from)
        track.rate_scale, track.counters[[WEIGHT_SUM, ROWS]] = rate, rows
        return track

    def _base_rate(self, batch):
        """The optimizer's own rate, or one over the curvature that a step on so many samples meets."""
        if self.optimizer.default_rate is not None:
            return float(self.optimizer.default_rate)
        # A sample has one unit of curvature for each feature; the largest eigenvalue of all is guessed as the root of that.
        total = 1.0 + np.count_nonzero(self.automatic_state.sizes.moments.known_variance)
        share = 0.0 if self.solver.full_batch else 1.0 / batch
        return 1.0 / ((share * total + (1.0 - share) * math.sqrt(total)) * self.optimizer.gain())

    def state(self, theta: NDArray[Any], value: float, n_epochs: int) -> Any:
        if self.settings.streaming:
            return self.automatic_state
        # A copy: descent may go on after this epoch.
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
            order = settings.rng.permutation(n) if settings.shuffle and self.solver.shuffles else np.arange(n)
            self.epoch += 1
            values = [self._epoch(track, order, low) for track, low in zip(state.tracks, self.lows, strict=True)]
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
        """Move a track by one epoch; returns F. What raises F too far above its `low` is undone, and the rate lowered."""
        before = track.copy()
        settling = min(1.0, (1.0 - (self.epoch - 1.0) / self.settings.max_iter) / SETTLING)
        self._move(track, order, self.batch, settling)
        value = self.objective.value(track.predicting(self.objective))
        if value <= low + RISE * (self.first - low):
            return value
        # Back to the model before; not to the last iterate, which may be what the optimizer's mean is led astray by.
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
        """Go on at a lower rate, unless F has gained nothing from the last ones."""
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
        """Go on from the best model with an optimizer that has forgotten the way that led on from there."""
        state, old = self.automatic_state, self.automatic_state.best
        track = self._track(self.best, old.rate_scale, old.rows)
        track.counters[WEIGHT_SUM] = old.counters[WEIGHT_SUM]
        track.renew_coordinates(old.coordinates)
        state.earlier_steps += old.steps
        state.tracks, state.losses, self.lows = [track], np.array([self.lowest]), [self.lowest]

    # --- streams ----------------------------------------------------------------------------------------------------------

    def _one_call(self):
        """A call of `partial_fit`: each piece of it is predicted by all tracks, then learned from."""
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
        """How many samples the tracks predict before they learn from them, after so many samples: whole batches."""
        return self.batch * max(int(min(RECENT * rows, MEMORY) / self.batch), 1)
