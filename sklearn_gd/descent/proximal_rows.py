r"""Stochastic descent without a learning rate: a proximal step on each row, on columns standardised in passing.

Rows come one at a time. A row x of weight s, standardised by the means and spreads seen so far to :math:`\tilde x`, moves the
model v = spread * coef to

.. math:: v \leftarrow \arg\min_v \; s\, loss(y, \tilde x v + b) + \tfrac{1}{2 g} \|v - v_{old}\|^2

that is by :math:`u \tilde x` with u the root of :math:`u = -s g\, loss'(z + q u)`, :math:`q = |\tilde x|^2 + 1`. Such a step
cannot overshoot the row, whatever its length g = c / (h mean q), with h the loss's second derivative (its bound, or its running
mean). No fixed c suits every data set, so two lengths run side by side, a cautious and a bold one, and each keeps the average of
its iterates too, in which step t weighs t. The model that predicts is the one of these four that has predicted best so far: rows
of a call by the model before the call (a quarter more rows, and 1000 rows, at most), older rows forgotten slowly. So the
four do not depend on how the rows are cut into calls; which of them predicts may, as what lies ahead does.

References
----------
P. Toulis and E. M. Airoldi, "Asymptotic and finite-sample properties of estimators based on stochastic gradients", 2017 (the
implicit step); O. Shamir and T. Zhang, "Stochastic gradient descent for non-smooth optimization", 2013, section 4 (the average).
"""

from dataclasses import dataclass, fields

import numpy as np

from ..objective._moments import Moments
from ._monitor import Status

LENGTHS = (0.4, 10.0)  # the steps' lengths c of the two tracks


def bend_of(objective):
    """The loss's second derivative: its bound, 0 for the running mean, -1 for that of a kink in units of y."""
    loss = objective.loss
    if objective.functions.whole_row:
        return 2.0 * (loss.curvature_bound or 0.5)
    if loss.curvature_bound is not None:
        return float(loss.curvature_bound)
    if loss.smooth:
        return 0.0
    return -1.0 if loss.scales_with_target else 1.0


def ridge_of(objective):
    """The curvature of the l2 penalty beside that of the loss, which is taken to be 1 where nobody knows it."""
    shrinkage, bend = objective.penalty.shrinkage(), bend_of(objective)
    return objective.alpha * (shrinkage[1] if shrinkage else 0.0) / (bend if bend > 0.0 else 1.0)


@dataclass
class RowsState:
    """What one pass hands on to the next; arrays of all tracks, in the layout of the rows (`_kernels.proximal`).

    Parameters
    ----------
    n_outputs : int
        Scores of a row.
    dense_layout : bool
        Whether coefficients are laid out for dense rows.
    v, total : ndarray, (tracks * n_outputs, n_features), or the reverse for CSR
        Last iterates in standardised units, and the weighted sums of all iterates.
    intercept, intercept_total : ndarray, (tracks * n_outputs,)
        The same of the intercepts, of centred columns.
    tau, tau_total, centre, centre_total : ndarray, (tracks * n_outputs,)
        What CSR puts off.
    reach : ndarray, (tracks,)
        Length of the steps since the penalty last acted.
    step : ndarray, (tracks,)
        Length of the last step.
    losses : ndarray, (2, tracks)
        Discounted progressive losses of the last iterates and of the averages.
    columns : ndarray, (5, n_features)
        Shift, sum and sum of squares of each column; the mean and the inverse spread in use.
    targets : ndarray, (3, n_outputs)
        The same of the targets.
    counters : ndarray
        Rows, sum of weights and the like.
    length : float
        What plateaus of `fit` have multiplied the lengths by.
    averaged_only : bool
        Predict with an average, whatever the last iterates are worth.
    before : int
        Steps before the first row, less the rows that stand for them.
    seen : Moments or None
        Of the columns so far, where the penalty is one in their standard deviations.
    """

    n_outputs: int
    dense_layout: bool
    v: np.ndarray
    total: np.ndarray
    intercept: np.ndarray
    intercept_total: np.ndarray
    tau: np.ndarray
    tau_total: np.ndarray
    centre: np.ndarray
    centre_total: np.ndarray
    reach: np.ndarray
    step: np.ndarray
    losses: np.ndarray
    columns: np.ndarray
    targets: np.ndarray
    counters: np.ndarray
    length: float = 1.0
    averaged_only: bool = False
    before: int = 0
    seen: Moments | None = None

    @classmethod
    def begin(cls, objective, theta=None, *, value=0.0, averaged_only=False, steps=0):
        """The state before the first row, or at a model `theta` to which the objective's rows have led in so many steps.

        `value` is the objective there.
        """
        from .._kernels.proximal import MEAN_SQUARE, N_COUNTERS, REFRESH_AT, ROWS, SHARE, WEIGHT_SUM

        d, n_scores = objective.rows.shape[1], len(LENGTHS) * objective.n_outputs
        dense = not objective.rows.lazy
        shape = (n_scores, d) if dense else (d, n_scores)
        zeros = [np.zeros(n_scores) for _ in range(6)]
        state = cls(
            objective.n_outputs,
            dense,
            np.zeros(shape),
            np.zeros(shape),
            *zeros,
            reach=np.zeros(len(LENGTHS)),
            step=np.zeros(len(LENGTHS)),
            losses=np.zeros((2, len(LENGTHS))),
            columns=np.zeros((5, d)),
            targets=np.zeros((3, objective.n_outputs)),
            counters=np.zeros(N_COUNTERS),
            averaged_only=averaged_only,
        )
        if theta is None:
            state.columns[0] = objective.rows.first_row()
            state.targets[0] = objective.data.target[0]
            return state
        moments, rows = objective.moments, float(objective.n_samples)
        state.before = steps - objective.n_samples
        coef, intercept = objective.unpack(theta)
        mean, variance = moments.mean, moments.known_variance
        if not objective.fit_intercept:
            mean, variance = np.zeros(d), moments.variance + moments.mean**2
        ridge = ridge_of(objective)
        unit = variance * (1.0 + ridge) if objective.penalty.standardize else variance + ridge
        spread = np.where(variance > 0.0, np.sqrt(unit), 0.0)
        state.columns[0] = moments.mean if dense else 0.0
        away = moments.mean - state.columns[0]
        state.columns[1] = moments.weight * away
        state.columns[2] = moments.weight * (moments.variance + away**2)
        state.columns[3] = mean
        state.columns[4] = np.divide(1.0, spread, out=np.zeros(d), where=spread > 0.0)
        state.targets[0] = objective.data.target.mean(axis=0)
        # A column without spread is left to the intercept.
        b = intercept + coef @ moments.mean if objective.fit_intercept else np.zeros(objective.n_outputs)
        v, b = np.tile(coef * spread, (len(LENGTHS), 1)), np.tile(b, len(LENGTHS))
        share = 0.5 * rows * (rows + 1.0)
        state.v, state.total = (v, share * v) if dense else (np.ascontiguousarray(v.T), np.ascontiguousarray(share * v.T))
        state.intercept, state.intercept_total = b, share * b
        state._sum_up(v, share * v)
        state.counters[[ROWS, WEIGHT_SUM, SHARE]] = rows, moments.weight, share
        state.counters[REFRESH_AT] = np.floor(1.1 * rows) + 1.0
        state.counters[MEAN_SQUARE] = 1.0 + (variance[spread > 0.0] / unit[spread > 0.0]).sum()
        # The model has been averaged enough: a last iterate must show that it predicts better.
        state.losses[:] = 500.0 * max(value, 0.0)
        state.losses[0] *= 1.05
        return state

    @property
    def steps(self):
        """How many rows have been learned from."""
        return int(self.counters[0]) + self.before

    @property
    def rows(self):
        """How many rows stand behind the model."""
        return self.counters[0]

    def copy(self):
        """A state that shares no array with this one."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return RowsState(**{name: value.copy() if isinstance(value, np.ndarray) else value for name, value in values.items()})

    def models(self):
        """Last iterates and averages of all tracks, in standardised units: two of (scores, n_features), two of (scores,)."""
        from .._kernels.proximal import FLUSHED, SHARE

        v, total = (self.v, self.total) if self.dense_layout else (self.v.T, self.total.T)
        r = self.columns[3] * self.columns[4]
        share = max(self.counters[SHARE], 1.0)
        average = (self.counters[FLUSHED] * v + total - np.outer(self.tau_total, r)) / share
        return v - np.outer(self.tau, r), average, self.intercept, self.intercept_total / share

    def served(self, objective):
        """theta of the model that has predicted best so far."""
        # Of models that have predicted alike, an average.
        losses = self.losses[1:] if self.averaged_only else self.losses[::-1]
        kind, track = np.unravel_index(int(losses.argmin()), losses.shape)
        kind = 1 - kind
        models = self.models()
        own = slice(track * self.n_outputs, (track + 1) * self.n_outputs)
        coef = models[kind][own] * self.columns[4]
        if objective.penalty.has_prox():
            # A last, cautious step of the penalty: what predicts lies in its domain, and has its zeros.
            penalty, flat = objective.penalty_blocks, objective.rows.from_coef(coef)
            square = np.tile(self.columns[4] ** 2, (self.n_outputs, 1))
            scale = np.empty(0)
            if objective.penalty.standardize:
                variance = np.divide(1.0, square * (1.0 + ridge_of(objective)), out=np.zeros(square.shape), where=square > 0.0)
                scale = objective.rows.from_coef(np.sqrt(variance))
            step = objective.rows.from_coef(self.step[0] * square)
            penalty.prox(flat, step, objective.alpha, scale, penalty.parameters)
            coef = objective.rows.to_coef(flat, self.n_outputs)
        intercept = models[2 + kind][own] - coef @ self.columns[3]
        return objective.pack(coef, intercept if objective.fit_intercept else np.zeros(self.n_outputs))

    def written_out(self):
        """Let the arrays hold what CSR puts off."""
        from .._kernels.proximal import FLUSHED, SHARE

        last, average, _, _ = self.models()
        total = average * max(self.counters[SHARE], 1.0)
        self.v, self.total = (last, total) if self.dense_layout else (np.ascontiguousarray(last.T), np.ascontiguousarray(total.T))
        self.tau, self.tau_total = np.zeros(len(self.tau)), np.zeros(len(self.tau))
        self.counters[FLUSHED] = 0.0
        self._sum_up(last, total)

    def _sum_up(self, last, total):
        """The sums over the columns that CSR rows need, from last iterates and sums of iterates, (scores, n_features)."""
        from .._kernels.proximal import R_SQUARE

        r = self.columns[3] * self.columns[4]
        self.centre, self.centre_total, self.counters[R_SQUARE] = last @ r, total @ r, r @ r

    def adapt(self, objective):
        """Lay the model out for the objective's rows, dense or CSR."""
        dense = not objective.rows.lazy
        if dense == self.dense_layout:
            return
        self.written_out()
        self.v, self.total = np.ascontiguousarray(self.v.T), np.ascontiguousarray(self.total.T)
        self.dense_layout = dense
        if not dense:
            # Sparse rows add to sums about zero.
            from .._kernels.proximal import WEIGHT_SUM

            shift, total, square = self.columns[:3]
            weight = self.counters[WEIGHT_SUM]
            self.columns[2] = square + shift * (2.0 * total + weight * shift)
            self.columns[1] = total + weight * shift
            self.columns[0] = 0.0

    def grow(self, growth):
        """Take in new classes, whose coefficients begin at zero."""
        from .._kernels.proximal import SHARE

        self.written_out()
        k, n_new, share = self.n_outputs, len(growth.turn), max(self.counters[SHARE], 1.0)

        def grown(values, function):
            """`function` of the scores of each track, which lie along the first axis."""
            return np.concatenate([function(values[at : at + k]) for at in range(0, len(values), k)])

        if self.dense_layout:
            self.v, self.total = grown(self.v, growth.coefficients), grown(self.total, growth.coefficients)
        else:
            self.v = np.ascontiguousarray(grown(self.v.T, growth.coefficients).T)
            self.total = np.ascontiguousarray(grown(self.total.T, growth.coefficients).T)
        self.intercept = grown(self.intercept, growth.intercepts)
        self.intercept_total = share * grown(self.intercept_total / share, growth.intercepts)
        for name in ("tau", "tau_total"):
            setattr(self, name, np.zeros(len(self.intercept)))
        for name in ("centre", "centre_total"):
            setattr(self, name, grown(getattr(self, name), growth.coefficients))
        self.targets = np.zeros((3, n_new))
        self.n_outputs = n_new

    def kept_at(self, objective, theta, value):
        """A copy that goes on from the model worth keeping, where F is `value`: this one's own, or another."""
        if np.array_equal(theta, self.served(objective)):
            return self.copy()
        return RowsState.begin(objective, theta, value=value, averaged_only=self.averaged_only, steps=self.steps)


class ProximalRows:
    """The method on one objective; `run` moves a `RowsState` on.

    Parameters
    ----------
    objective : Objective
        What to minimise.
    """

    def __init__(self, objective):
        from .._kernels.proximal import row_loss

        self.objective = objective
        self.loss = row_loss(objective.functions, objective.loss_blocks.value)

    def one_pass(self, state, order):
        """Learn from the rows in `order`, one after the other."""
        from .._kernels import proximal

        objective = self.objective
        n_scores, d = len(state.intercept), objective.rows.shape[1]
        frozen = np.empty((2 * n_scores, d) if state.dense_layout else (d, 2 * n_scores)), np.empty(2 * n_scores)
        kept = [getattr(state, name) for name in proximal.Track._fields[:-2]]
        track = proximal.Track(*kept, *frozen)
        columns = proximal.Columns(*state.columns)
        plan = proximal.RowPlan(
            bool(objective.fit_intercept),
            bool(objective.penalty.standardize),
            objective.alpha,
            bend_of(objective),
            ridge_of(objective),
            state.length * np.array(LENGTHS),
        )
        proximal.row_pass(
            objective.rows, objective.data, order, track, columns, self.loss, objective.penalty_blocks, plan, state.counters
        )

    def run(self, state, settings, monitor):
        """Descend until the monitor or `max_iter` ends it; each epoch that gains nothing shortens the steps: 1, 1/2, 1/3, ...

        Returns
        -------
        Status
            The last epoch's.
        """
        n = self.objective.n_samples
        best = np.inf
        for _ in range(settings.max_iter):
            monitor.begin_epoch()
            order = settings.rng.permutation(n) if settings.shuffle else np.arange(n)
            self.one_pass(state, order)
            theta = state.served(self.objective)
            value = self.objective.value(theta)
            status = monitor.update(theta, value)
            if status is not Status.RUNNING:
                break
            if not value < best:
                state.length /= 1.0 + state.length
            best = min(best, value)
        return status
