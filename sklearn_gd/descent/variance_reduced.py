r"""Variance-reduced descent: stochastic steps that go to the exact optimum, without a rate that falls to zero.

The slopes of the loss at every row are kept in a table T, with the mean g of the rows' gradients by it. A step on the rows B is

.. math::
    W \leftarrow \mathrm{prox}\Big(W - \eta \Big(\frac{1}{|B|} \sum_{i \in B} s_i (l_i' - T_i) x_i + g + \alpha R'(W)\Big)\Big)

s being weights of mean one. As the slopes settle, the noise of the rows leaves the step. SAGA then writes the slopes of the rows
into T; SVRG leaves T until it takes a whole new one at the model in hand.

With a rate of the user's this is all. With "auto" the step is taken in the metric that the columns' variances give, on centred
columns, and is *implicit*: l_i' is the slope after the step, not before it. Such a step cannot overshoot a row, however long
the row and whatever its weight, so that its length may follow the mean row instead of the longest one. A pass that raises F is
taken back, and the step shortened.
"""

import math

import numpy as np

SHORTER = 0.25  # what a pass that was taken back leaves of the step
RISE = 0.1  # how far above its lowest so far F may come to lie, as a share of all that it has fallen
# The step is multiplied by LONGER where the cosine between the moves of two passes is over AGREEMENT, divided under DISCORD.
LONGER, AGREEMENT, DISCORD = 1.3, 0.8, 0.6


class VarianceReduction:
    """The passes of SVRG and SAGA over one objective.

    Parameters
    ----------
    objective : Objective
        What to minimise.
    state : State
        Where to begin; moved on.
    batch : int
        Rows in a step.
    passes_per_table : int or None
        Passes between two full gradients of SVRG; None for SAGA.
    automatic : bool
        Whether step and metric are ours to choose.
    """

    def __init__(self, objective, state, batch, passes_per_table, automatic):
        from .._kernels import epochs
        from .._kernels import variance_reduced as kernels

        self.objective, self.state, self.batch, self.passes_per_table = objective, state, batch, passes_per_table
        self.epochs, self.kernels, self.automatic = epochs, kernels, automatic
        n, self.n_outputs = objective.n_samples, objective.n_outputs
        self.relative = objective.data.weight * (n / objective.weight_sum)
        self.form = None if objective.penalty.standardize else objective.penalty.elastic_net()
        l1, l2, nonnegative = self.form or (0.0, 0.0, False)
        alpha = objective.alpha
        columns, lengths = np.ones(objective.rows.shape[1]), np.ones(self.n_outputs)
        centre, reach = np.zeros(len(columns)), np.empty(0)
        self.step = math.nan
        if automatic:
            intercept, lengths = self._constant_model()
            if not state.theta.any():
                state.theta[objective.n_coef :] = intercept
            # The lazy loop cannot centre the columns; it pays where most of a row is zero.
            centred = objective.fit_intercept and not self._is_wide()
            columns, centre = self._metric(centred, alpha * (l2 if self.form else 1.0) * lengths.max())
            reach = kernels.row_reaches(objective.rows, centre, columns) + float(objective.fit_intercept)
            curvature = float(self.relative @ reach) / n
            reach *= self.relative
        rows, ones = objective.rows, np.ones(self.n_outputs)
        self.metric = kernels.Metric(
            columns,
            lengths,
            centre,
            rows.from_coef(np.outer(lengths, columns)),
            rows.from_coef(np.outer(ones, centre)),
            rows.from_coef(np.outer(np.arange(self.n_outputs), np.ones(len(columns)))).astype(np.int64),
        )
        renews = passes_per_table is None
        # An implicit step sees the mean as it will be once its own change is in: Point-SAGA.
        ahead = 1.0 + batch / n if renews and automatic else 1.0
        self.plan = kernels.Plan(
            batch,
            renews,
            objective.fit_intercept,
            ahead,
            reach,
            objective.weight_sum / n,
            alpha,
            alpha * l1,
            alpha * l2,
            nonnegative,
        )
        self.memory = kernels.Memory(np.zeros((n, self.n_outputs)), np.zeros(len(state.theta)))
        self.passes = 0
        if automatic:
            if batch > 1:
                curvature += (batch - 1) * objective.largest_eigenvalue(columns, centre)
            self.step = batch / curvature if curvature > 0.0 else 1.0
            self.last_move, self.longest = None, math.inf
            self.value = self.first = self.lowest = objective.value(state.theta)
        single = batch == 1 and self.form is not None
        self.row_by_row = single and self.n_outputs == 1 and not rows.lazy
        self.lazily = single and rows.lazy and not centre.any()
        one = self.row_by_row and not objective.functions.whole_row
        self.changes = (kernels.changes_of_one if one else kernels.changes_of)(objective.functions)

    def rates(self, order):
        """The automatic rate of each step; that of a last, smaller batch is less by as much."""
        rates = np.full(-(-len(order) // self.batch), self.step)
        rates[-1] *= (len(order) - (len(rates) - 1) * self.batch) / self.batch
        return rates

    def one_pass(self, order, rates):
        """Move the state by one pass over the rows; returns F where it had to be known, else None."""
        state = self.state
        if not self.automatic:
            self._descend(order, rates)
            return None
        before = state.theta.copy()
        for _ in range(40):
            self._descend(order, rates)
            self.value = self.objective.value(state.theta)
            if self.value <= self.lowest + RISE * (self.first - self.lowest):
                self.lowest = min(self.lowest, self.value)
                self._adapt(state.theta - before)
                return self.value
            state.theta[:] = before
            self.longest = 0.5 * self.step
            self.step *= SHORTER
            rates = rates * SHORTER
            self.passes = 0
        return self.value

    def _adapt(self, move):
        """Lengthen the step while the moves of two passes agree, shorten it where they have little in common.

        The optimum does not depend on the step. Too short a one goes the same way pass after pass; too long a one is led by the
        order of the rows.
        """
        n_coef, each = self.objective.n_coef, self.metric.each
        move = np.divide(move[:n_coef], np.sqrt(each), out=np.zeros(n_coef), where=each > 0.0)
        size = np.linalg.norm(move)
        if not size > 0.0:
            return
        move /= size
        cosine = None if self.last_move is None else float(self.last_move @ move)
        self.last_move = move
        if cosine is not None and cosine > AGREEMENT:
            self.step = min(self.step * LONGER, self.longest)
        elif cosine is not None and cosine < DISCORD:
            self.step /= LONGER

    def _descend(self, order, rates):
        """One compiled pass, after a full gradient where the table needs one."""
        if self.passes == 0 or (self.passes_per_table and self.passes % self.passes_per_table == 0):
            self._fill_table()
        self.passes += 1
        objective, theta, kernels = self.objective, self.state.theta, self.kernels
        coef = objective.split(theta)[0]
        shared = (self.memory, self.metric, self.changes)
        if self.row_by_row:
            kernels.reduced_row_epoch(objective.data, order, theta, *shared, self.plan, rates)
        elif self.lazily and self._same_for_all(rates):
            kernels.lazy_reduced_epoch(objective.data, order, theta, coef, *shared, self.plan, float(rates[0]))
        else:
            penalty = objective.penalty_blocks
            kernels.reduced_epoch(objective.rows, objective.data, order, theta, coef, *shared, penalty, self.plan, rates)
        self.state.counters[:3] += len(rates), objective.weight_sum, len(order)

    def _same_for_all(self, rates):
        """Whether the steps of a pass are alike, and shrink no coefficient beyond zero: what the lazy loop asks for."""
        return rates.min() == rates.max() and rates[0] * self.metric.each.max() * self.plan.l2 < 0.5

    def _fill_table(self):
        """The slopes at the model in hand, and their mean gradient."""
        objective, (table, mean) = self.objective, self.memory
        theta = self.state.theta
        raw = np.empty(table.shape)
        self.epochs.scores_pass(objective.rows, *objective.split(theta), raw)
        loss = objective.loss_blocks
        loss.gradient(objective.data.target, raw, table, loss.parameters)
        mean[:] = 0.0
        coef, intercept = objective.split(mean)
        slope = table * (self.relative / len(table))[:, None]
        self.epochs.accumulate_pass(objective.rows, slope, coef, intercept)
        mean[: objective.n_coef] -= self.metric.each_centre * intercept[self.metric.each_output]

    # --- the automatic step ----------------------------------------------------------------------------------------------

    def _constant_model(self):
        """The best intercept alone, and a step length for each score: one over the bound of the loss's curvature.

        A loss without a bound gives its mean curvature at that model, smoothed if it has kinks.
        """
        from .memory_gradient import MemoryGradient
        from ._monitor import Monitor

        objective = self.objective
        method = MemoryGradient(objective, Monitor(None, 1, 0.0), 1)
        intercept, bend = method.constant_model()
        bound = objective.loss.curvature_bound
        if objective.functions.whole_row:
            bend = np.full(len(bend), 2.0 * bound if bound is not None else bend.max())
        elif bound is not None:
            bend = np.full(len(bend), bound)
        return intercept, 1.0 / bend

    def _is_wide(self):
        """Whether a step on one CSR row costs far less than one on all the coefficients."""
        rows = self.objective.rows
        return rows.lazy and self.batch == 1 and len(rows.arrays[0]) * 8 < rows.shape[0] * rows.shape[1]

    def _metric(self, centred, ridge):
        """A length for every column, one over its variance and the ridge, and what it is centred by."""
        moments = self.objective.moments
        mean, variance = moments.mean, moments.variance
        constant = moments.known_variance == 0.0
        if self.objective.penalty.standardize:
            ridge = ridge * moments.known_variance
        if not centred:
            if not self.objective.fit_intercept:
                constant = variance + mean * mean == 0.0
            variance, mean = variance + mean * mean, np.zeros(len(mean))
        square = np.where(constant, 0.0, variance + ridge)
        return np.where(square > 0.0, 1.0 / np.where(square > 0.0, square, 1.0), 0.0), mean
