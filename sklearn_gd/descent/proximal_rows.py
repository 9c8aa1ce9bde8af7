r"""Stochastic descent without a learning rate: a proximal step on each sample, with features standardised as they come.

Samples come one at a time. A sample x of weight s, standardised by the moments of the features so far to :math:`\tilde x`, moves
the model v = coef / scale to

.. math:: \arg\min_v \; s\, loss(y, \tilde x v + b) + \tfrac{1}{2 g} \|v - v_{old}\|^2

which is :math:`v_{old} + u \tilde x` with u the root of :math:`u = -s g\, loss'(z + q u)`, :math:`q = |\tilde x|^2 + 1`. Such an
implicit step cannot overshoot the sample, whatever its length g = c / (h mean q), with h the loss's second derivative (its bound,
or its running mean).

No fixed c suits every data set. Two tracks with a short and a long step run side by side, each with an average of its iterates in
which iterate t has weight t. The model that predicts is the one of these four with the lowest progressive loss, with exponential
forgetting. Samples are scored by a snapshot of the models taken at the start of the call (refreshed after 25% more samples, at
most 1000). The four models do not depend on how the stream is split into calls; the choice among them may.

References
----------
P. Toulis and E. M. Airoldi, "Asymptotic and finite-sample properties of estimators based on stochastic gradients", 2017 (the
implicit step).
O. Shamir and T. Zhang, "Stochastic gradient descent for non-smooth optimization", 2013, section 4 (the average).
"""

import numpy as np

from ._monitor import Status
from ._rows_state import LENGTHS, known_curvature, relative_l2


class ProximalRows:
    """Proximal row steps on one objective; `run` moves a `RowsState`.

    Parameters
    ----------
    objective : Objective
        What to minimise.
    """

    def __init__(self, objective):
        self.objective = objective

    def one_pass(self, state, order):
        """Take a step on each sample in `order`.

        Parameters
        ----------
        state : RowsState
            Updated in place.
        order : ndarray of int
            Indices of the samples.
        """
        from .._kernels.proximal import row_pass
        from .._kernels.row_steps import RowPlan, row_loss

        objective, loss = self.objective, self.objective.loss
        curvature = known_curvature(objective)
        plan = RowPlan(
            fit_intercept=bool(objective.fit_intercept),
            standardize=bool(objective.penalty.standardize),
            alpha=objective.alpha,
            l2=relative_l2(objective),
            curvature=curvature or 1.0,
            curvature_from_steps=curvature is None and bool(loss.smooth),
            curvature_from_targets=curvature is None and not loss.smooth,
            lengths=state.length * np.array(LENGTHS),
        )
        compiled_loss = row_loss(objective.functions, objective.loss_blocks.value)
        row_pass(
            objective.rows,
            objective.data,
            order,
            state.track,
            state.columns,
            compiled_loss,
            objective.penalty_blocks,
            plan,
            state.counters,
        )

    def run(self, state, settings, monitor):
        """Descend until the monitor or `max_iter` ends it; epochs without improvement shorten the steps to 1/2, 1/3, ...

        Parameters
        ----------
        state : RowsState
            Updated in place.
        settings : Settings
            Limits, and whether to shuffle.
        monitor : Monitor
            Judges each epoch.

        Returns
        -------
        Status
            That of the last epoch.
        """
        n = self.objective.n_samples
        best = np.inf
        for _ in range(settings.max_iter):
            monitor.begin_epoch()
            order = settings.rng.permutation(n) if settings.shuffle else np.arange(n)
            self.one_pass(state, order)
            theta = state.predicting(self.objective)
            value = self.objective.value(theta)
            status = monitor.update(theta, value)
            if status is not Status.RUNNING:
                break
            if not value < best:
                state.length /= 1.0 + state.length
            best = min(best, value)
        return status
