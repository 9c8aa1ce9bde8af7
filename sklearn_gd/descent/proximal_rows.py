r"""Stochastic descent without a learning rate: a proximal step on each sample, with features standardised online.

Samples come one at a time. A sample x of weight s, standardised by the moments of the features so far to :math:`\tilde x`, moves
the model v = coef / scale to

.. math:: \arg\min_v \; s\, loss(y, \tilde x v + b) + \tfrac{1}{2 g} \|v - v_{old}\|^2

which is :math:`v_{old} + u \tilde x` with u the root of :math:`u = -s g\, loss'(z + q u)`, :math:`q = |\tilde x|^2 + 1`. Such an
implicit step cannot overshoot the sample, whatever its length g = c / (h mean q). Here h is a bound on the second derivative of
the loss or, without a bound, its mean between the null model and the minima of the samples.

No fixed c suits every data set. Four tracks are trained in parallel: a cautious one with short, decreasing steps, a bold one with
long steps, and two with steps of constant length. The first two have an average of their iterates, in which iterate n has the
weight sqrt(n). With steps of constant length, the mean of the iterates differs from the minimiser if the loss is not quadratic:
rare events and counts would be predicted at a fraction of their rate. If the loss is smooth, the cautious track therefore takes
its steps on the second-order model of the sample's loss about the score of its average. These steps are linear in the iterate, so
the average has no such bias. A step is never longer than an implicit one of ten times its length.

Until the samples provide enough information, the intercepts are those of the null model. A sample provides less information if
events are rare: if 1% of the samples are positive, a 25th of what it provides if half of them are. The progressive losses below
have a memory of 1000 units of information. The null model predicts until another model is clearly better if events are rare;
otherwise it has a weight like the other models.

The model that predicts is a convex combination of the last iterates, the averages and the null model, and so is linear too. Its
weights minimise a quadratic model of the progressive loss with exponential forgetting, plus a squared distance from the weights
of a Bayesian mixture. An offset is added: an intercept that follows the last residuals, with a separate weight from 0 to 1. It
helps if successive labels are alike. Samples are scored by a snapshot of the models taken at the start of the call (refreshed
after 25% more samples, at most 1000), with which the caller would predict: calls of one sample weight the models by their
predictions one sample ahead, calls of 100 by their predictions 100 ahead. The last sixteenth of a call is scored by a new
snapshot: a model at the start of the call cannot predict what begins late in it, such as a class, so all would be equally wrong.
The last iterate of the longest steps follows single samples, so it has a tenth of the weight at most in calls of 100. The models
do not depend on how the stream is split into calls; the weights do.

References
----------
P. Toulis and E. M. Airoldi, "Asymptotic and finite-sample properties of estimators based on stochastic gradients", 2017 (the
implicit step).
F. Bach and E. Moulines, "Non-strongly-convex smooth stochastic approximation with convergence rate O(1/n)", 2013, section 3
(slopes at the average).
A. Dieuleveut, A. Durmus and F. Bach, "Bridging the gap between constant step size stochastic gradient descent and Markov
chains", 2020 (the bias of constant steps).
L. Breiman, "Stacked regressions", 1996 (non-negative weights, from predictions of samples not yet learned).
M. Herbster and M. K. Warmuth, "Tracking the best expert", 1998 (forgetting).
O. Shamir and T. Zhang, "Stochastic gradient descent for non-smooth optimization", 2013, section 4 (the average).
"""

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._layout import ROWS, SNAPSHOT_AT
from ._loop import Iterate, Method
from ._rows_arrays import LENGTHS
from ._rows_curvature import known_curvature, relative_l2, slopes_at_average
from ._rows_state import RowsState
from ._snapshots import from_plain, to_plain
from ._standstill import least_patience
from ._state import ModelState

# The standardised value at which values are clipped in the moments of a stream. In `fit` they are not clipped: F is minimised
# over outlying samples too, and the features are scaled accordingly.
CLIP = 10.0
# A sample of `fit` is outlying if its squared norm is this multiple of the mean. A plateau shortens all steps by `SHORTER` until
# the explicit step of an outlying sample would cover no more than the share `NEAR` of the distance to the minimum of its loss.
OUTLYING = 100.0
LARGEST = 1e200  # the mean loss up to which products of losses stay finite
LARGE_TARGET = 1e50  # targets above it may be the reason for a mean loss above `LARGEST`
NEAR = 0.1
LATEST = 16  # the last of this many parts of a call is scored by a new snapshot
SHORTER = 0.25
CLEARLY = 0.01  # relative fall of F for which averages that predict better than the null model are given up


class ProximalRows(Method):
    """Proximal steps on single samples; an epoch of `fit` without improvement shortens the steps to 1/2, 1/3, ...

    With outlying samples, descent continues after a plateau from the best model, with steps a quarter as long.

    Parameters
    ----------
    objective : Objective
        The objective to minimise.
    solver : Solver
        Determines whether the samples are shuffled.
    settings : Settings
        The limits; with `averages`, only averages predict.
    state : object, optional
        The state to resume from.
    """

    solver: Any
    settings: Any
    rows_state: RowsState
    least_patience: int
    kept: tuple[NDArray[Any], float]
    first: float
    best: float
    last_value: float | None

    def __init__(self, objective: Any, solver: Any, settings: Any, state: Any = None) -> None:
        super().__init__(objective)
        self.solver, self.settings = solver, settings
        self.rows_state = RowsState.resumed(state, objective, settings.averages)
        self.best, self.last_value = np.inf, None
        self.least_patience = least_patience(objective.n_samples)

    def start(self) -> tuple[NDArray[Any], float]:
        # A call of `partial_fit` compares no values of F, so none is computed.
        if self.settings.streaming:
            return np.zeros(self.objective.n_theta), np.nan
        theta = self.rows_state.predicting(self.objective)
        value = self.objective.value(theta)
        # Coefficients of zero minimise the perceptron loss, but are no model to return to.
        self.first = value if value else math.inf
        self.kept = theta, self.first
        return theta, value

    def iterates(self) -> Iterator[Iterate]:
        while True:
            if self.last_value is not None:
                if not self.last_value < self.best:
                    self.rows_state.length /= 1.0 + self.rows_state.length
                self.best = min(self.best, self.last_value)
            theta, self.last_value = self._one_epoch()
            yield Iterate(theta, self.last_value)

    def snapshot(self) -> dict[str, Any]:
        theta, value = self.kept
        numbers = {"kept_value": value, "first": self.first, "best": self.best, "last_value": self.last_value}
        return numbers | {"state": to_plain(self.rows_state), "kept_theta": theta}

    def restore(self, saved: dict[str, Any]) -> None:
        self.rows_state = from_plain(RowsState, saved["state"])
        self.kept = saved["kept_theta"], saved["kept_value"]
        self.first, self.best, self.last_value = saved["first"], saved["best"], saved["last_value"]

    def _one_epoch(self):
        """One pass over the samples; returns the model that predicts after it, and F.

        In `fit` the fit of an outlying sample may be lost before its next step, and F is then enormous if the loss grows
        exponentially. Such a pass is undone and repeated with shorter steps.
        """
        n, settings = self.objective.n_samples, self.settings
        while True:
            self._one_pass(settings.order(n, self.solver.shuffles))
            theta = self.rows_state.predicting(self.objective)
            value = self.objective.value(theta)
            # A feature may be the reason, too: such a sample does not end a stream.
            largest = float(np.abs(self.objective.target).max(initial=0.0))
            if self.objective.loss.scales_with_target and value > LARGEST and largest > LARGE_TARGET:
                raise ValueError(
                    f"y has values of up to {largest:.3g}, for which the mean of "
                    f"{self.objective.loss!r} is {value:.3g}: divide y by a constant"
                )
            if settings.streaming or value <= self.first or not self._has_long_steps():
                break
            self._shorten()
        if settings.streaming:
            # The loss of an outlying sample may overflow; that is no divergence, as the steps are bounded.
            return theta, float(np.fmin(value, LARGEST))
        falls = value < self.kept[1]
        if falls:
            self.kept = theta, value
        leans = self.rows_state.leans_on_null()
        if (leans or not falls) and self._finds_better_model(0.0 if leans else CLEARLY):
            return self.kept
        return theta, value

    def on_plateau(self, tolerance: float) -> bool:
        # The implicit step of an outlying sample is much shorter than those of the others, although F weights all samples
        # equally: the iterates stay away from the minimum until no step has to be shortened.
        if not self._has_long_steps():
            return False
        self._shorten()
        return True

    def _finds_better_model(self, share):
        """Continue from the model of lowest F, if it is below the best so far by more than this share; returns whether it is.

        The mixture is weighted by predictions of samples before their steps. If the loss of an outlying sample exceeds those of
        all others together, these favour the null model, or short steps, long after F of another model has fallen.
        """
        models = [(theta, self.objective.value(theta)) for theta in self.rows_state.alternatives(self.objective)]
        best = min(models, key=lambda each: each[1])
        if not best[1] < self.kept[1] - share * abs(self.kept[1]):
            return False
        self.kept = best
        self._continue_from_kept(self.rows_state.length)
        return True

    def _shorten(self):
        """Take shorter steps from the best model."""
        self._continue_from_kept(SHORTER * self.rows_state.length)

    def _continue_from_kept(self, length):
        """Continue from the best model, with steps of this length."""
        objective = self.objective
        model = ModelState.of(objective, *self.kept, self.rows_state.steps)
        self.rows_state = RowsState.at(model, objective, self.settings.averages)
        self.rows_state.length = length

    def _has_long_steps(self):
        """Whether there are outlying samples, and steps so long that theirs are shortened."""
        objective, state = self.objective, self.rows_state
        norms = objective.rows.metric_norms(state.columns.mean, state.columns.scale**2) + float(objective.fit_intercept)
        norms *= objective.weight * (objective.n_samples / objective.weight_sum)
        largest, mean = norms.max(), norms.mean()
        return bool(largest > OUTLYING * mean and state.length * LENGTHS[0] * largest > NEAR * mean)

    def state(self, theta: NDArray[Any], value: float, n_epochs: int) -> Any:
        return self.rows_state if self.settings.streaming else self.rows_state.kept_at(self.objective, theta, value)

    @functools.cached_property
    def _loss(self):
        """The compiled proximal step of the loss."""
        from .._kernels.blocks import loss_blocks, loss_functions
        from .._kernels.row_steps import null_curvature, row_loss

        objective, from_null = self.objective, self._curvature_of is null_curvature
        functions = loss_functions(objective.loss.proximal_loss(), objective.n_outputs, objective.one_vs_rest)
        return row_loss(functions, loss_blocks(functions), slopes_at_average(objective), from_null)

    @functools.cached_property
    def _curvature_of(self):
        """The function that returns the curvature at a sample."""
        from .._kernels.row_steps import curvature_function

        is_known = known_curvature(self.objective, self.rows_state.typical_curvature) is not None
        return curvature_function(is_known, bool(self.objective.loss.smooth))

    def _one_pass(self, order):
        """Take a step on each sample in `order`, from one update of the features' scales to the next."""
        from .._kernels.proximal import new_snapshot, new_workspace, row_pass
        from .._kernels.row_steps import RowPlan, compiled_unit

        objective, state = self.objective, self.rows_state
        plan = RowPlan(
            fit_intercept=bool(objective.fit_intercept),
            unit=compiled_unit(objective.penalty),
            alpha=objective.alpha,
            l2=0.0,
            curvature=1.0,
            slopes_at_average=slopes_at_average(objective),
            lengths=state.length * np.array(LENGTHS),
            null=np.empty(0),
            typical_curvature=1.0,
            clip=CLIP if self.settings.streaming else math.inf,
            n_features=objective.n_all_features,
        )
        snapshot = new_snapshot(objective.rows, state.track, state.n_outputs)
        work = new_workspace(objective.rows, state.track, state.mixture, snapshot)
        state.counters[SNAPSHOT_AT] = state.counters[ROWS]
        at, n = 0, len(order)
        latest = n - n // LATEST if self.settings.streaming else n
        while at < n:
            if at == latest:
                state.counters[SNAPSHOT_AT] = state.counters[ROWS]
            end = min(at + state.rows_to_refresh(), n)
            part = order[at : latest if at < latest < end else end]
            row_pass(
                objective.rows,
                objective.data,
                part,
                state.track,
                state.mixture,
                state.columns,
                snapshot,
                self._loss,
                objective.penalty_blocks,
                plan._replace(
                    null=state.null,
                    curvature=known_curvature(objective, state.typical_curvature) or 1.0,
                    typical_curvature=state.typical_curvature,
                    l2=relative_l2(objective, state.typical_curvature),
                ),
                self._curvature_of,
                work,
                state.counters,
            )
            state.update_null(objective)
            at += len(part)
