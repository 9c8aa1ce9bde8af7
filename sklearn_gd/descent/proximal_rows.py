r"""Stochastic descent without a learning rate: a proximal step on each sample, with features standardised as they come.

Samples come one at a time. A sample x of weight s, standardised by the moments of the features so far to :math:`\tilde x`, moves
the model v = coef / scale to

.. math:: \arg\min_v \; s\, loss(y, \tilde x v + b) + \tfrac{1}{2 g} \|v - v_{old}\|^2

which is :math:`v_{old} + u \tilde x` with u the root of :math:`u = -s g\, loss'(z + q u)`, :math:`q = |\tilde x|^2 + 1`. Such
an implicit step cannot overshoot the sample, whatever its length g = c / (h mean q), with h the loss's second derivative: its
bound or, without one, the mean from the null model to the samples' own minima.

No fixed c suits every data set. Four tracks run side by side: a cautious one whose steps shrink, a bold one, and two that follow
at a constant pace. The first two have an average of their iterates, in which iterate n has the root of n as weight. With steps of
constant length the mean of the iterates rests off the minimum wherever the loss is not quadratic: rare events and counts would be
predicted at a fraction of their rate. Where the loss is smooth, the cautious track therefore takes its steps on the second-order
model of the sample's loss about the score under its own average. They are linear in the iterate, so that the average has no such
bias. A step is never longer than an implicit one of ten times its length.

Before the samples tell much, the intercepts are those of the null model. How much they tell falls where events are rare: where 1%
of the samples are positive, a sample tells a 25th of what it does where half of them are. The progressive losses below are
remembered over 1000 units of it, and the null model serves until another is clearly better.

What predicts is a convex combination of the last iterates, the averages and the null model: linear models, so that it is one too.
Its weights minimise a quadratic model of the progressive loss with exponential forgetting, plus a squared distance from the
weights of a Bayesian mixture. An offset is added: an intercept that follows the last residuals, with a weight of its own from 0
to 1, which tells where a label resembles the label before. Samples are scored by a snapshot of the models taken at the start of
the call (refreshed after 25% more samples, at most 1000), which is what the caller predicts with: calls of one sample weigh the
models by how they predict one sample ahead, calls of 100 by how they predict 100 ahead. The models do not depend on how the
stream is split into calls; the weights do.

References
----------
P. Toulis and E. M. Airoldi, "Asymptotic and finite-sample properties of estimators based on stochastic gradients", 2017 (the
implicit step).
F. Bach and E. Moulines, "Non-strongly-convex smooth stochastic approximation with convergence rate O(1/n)", 2013, section 3
(slopes at the average).
A. Dieuleveut, A. Durmus and F. Bach, "Bridging the gap between constant step size stochastic gradient descent and Markov
chains", 2020 (the bias of constant steps).
L. Breiman, "Stacked regressions", 1996 (weights that are not negative, from predictions of samples not yet learned).
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
from ._plain import from_plain, to_plain
from ._rows_arrays import LENGTHS
from ._rows_curvature import known_curvature, relative_l2, slopes_at_average
from ._rows_state import RowsState
from ._state import ModelState

# The standardised value up to which a value counts in the moments of a stream. In `fit` every value counts: F is minimised over
# the wild samples, too, and their features are scaled accordingly.
CLIP = 10.0
# A sample of `fit` is wild from so many mean squared norms on. A plateau makes all steps `SHORTER` until the explicit one of a
# wild sample would go no more than `NEAR` of the way to its own minimum.
WILD = 100.0
LARGEST = 1e200  # the mean loss up to which products of losses stay finite
NEAR = 0.1
SHORTER = 0.25


class ProximalRows(Method):
    """Proximal steps on single samples; an epoch of `fit` without improvement shortens the steps to 1/2, 1/3, ...

    Where there are wild samples, a plateau goes on from the best model with steps a quarter as long.

    Parameters
    ----------
    objective : Objective
        What to minimise.
    solver : Solver
        Says whether the order of the samples is drawn.
    settings : Settings
        The limits; with `averages` only averages predict.
    state : object, optional
        The state to resume from.
    """

    solver: Any
    settings: Any
    rows_state: RowsState
    kept: tuple[NDArray[Any], float]
    first: float
    best: float
    last_value: float | None

    def __init__(self, objective: Any, solver: Any, settings: Any, state: Any = None) -> None:
        super().__init__(objective)
        self.solver, self.settings = solver, settings
        self.rows_state = RowsState.resumed(state, objective, settings.averages)
        self.best, self.last_value = np.inf, None

    def start(self) -> tuple[NDArray[Any], float]:
        # A call of `partial_fit` needs no value to compare with: it does not pay for one.
        if self.settings.streaming:
            return np.zeros(self.objective.n_theta), np.nan
        theta = self.rows_state.predicting(self.objective)
        self.kept = theta, self.objective.value(theta)
        self.first = self.kept[1]
        return self.kept

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

        In `fit` a wild sample may be forgotten before its turn comes again, and F is enormous there under a loss of exponential
        growth. Such a pass is undone and repeated with shorter steps.
        """
        n, settings = self.objective.n_samples, self.settings
        while True:
            drawn = settings.shuffle and self.solver.shuffles
            self._one_pass(settings.rng.permutation(n) if drawn else np.arange(n))
            theta = self.rows_state.predicting(self.objective)
            value = self.objective.value(theta)
            if self.objective.loss.scales_with_target and value > LARGEST:
                raise ValueError(
                    f"y has values of up to {np.abs(self.objective.target).max():.3g}, for which the mean of "
                    f"{self.objective.loss!r} is {value:.3g}: divide y by a constant"
                )
            if settings.streaming or value <= self.first or not self._has_long_steps():
                break
            self._shorten()
        if not settings.streaming and value < self.kept[1]:
            self.kept = theta, value
        return theta, value

    def on_plateau(self, tolerance: float) -> bool:
        # The implicit step of a wild sample is much shorter than those of the others, for all of which F counts alike: the
        # iterates rest off the minimum until no step has to be shortened.
        if not self._has_long_steps():
            return False
        self._shorten()
        return True

    def _shorten(self):
        """Go on from the best model with shorter steps."""
        objective, length = self.objective, self.rows_state.length
        model = ModelState.of(objective, *self.kept, self.rows_state.steps)
        self.rows_state = RowsState.at(model, objective, self.settings.averages)
        self.rows_state.length = SHORTER * length

    def _has_long_steps(self):
        """Whether there are wild samples, and steps so long that theirs are cut short."""
        from .._kernels.variance_reduced import metric_norms

        objective, state = self.objective, self.rows_state
        norms = metric_norms(objective.rows, state.columns.mean, state.columns.scale**2) + float(objective.fit_intercept)
        norms *= objective.weight * (objective.n_samples / objective.weight_sum)
        largest, mean = norms.max(), norms.mean()
        return bool(largest > WILD * mean and state.length * LENGTHS[0] * largest > NEAR * mean)

    def state(self, theta: NDArray[Any], value: float, n_epochs: int) -> Any:
        return self.rows_state if self.settings.streaming else self.rows_state.kept_at(self.objective, theta, value)

    @functools.cached_property
    def _loss(self):
        """The compiled proximal step of the loss."""
        from .._kernels.row_steps import row_loss

        return row_loss(self.objective.functions, self.objective.loss_blocks, slopes_at_average(self.objective))

    def _one_pass(self, order):
        """Take a step on each sample in `order`, from one update of the features' scales to the next."""
        from .._kernels.proximal import new_snapshot, row_pass
        from .._kernels.row_steps import RowPlan, compiled_unit

        objective, state = self.objective, self.rows_state
        curvature, smooth = known_curvature(objective), bool(objective.loss.smooth)
        plan = RowPlan(
            fit_intercept=bool(objective.fit_intercept),
            unit=compiled_unit(objective.penalty),
            alpha=objective.alpha,
            l2=0.0,
            curvature=curvature or 1.0,
            curvature_from_null=curvature is None and smooth,
            curvature_from_targets=curvature is None and not smooth,
            slopes_at_average=slopes_at_average(objective),
            lengths=state.length * np.array(LENGTHS),
            null=np.empty(0),
            typical_curvature=1.0,
            clip=CLIP if self.settings.streaming else math.inf,
            n_features=objective.n_all_features,
        )
        snapshot = new_snapshot(objective.rows, state.track, state.n_outputs)
        state.counters[SNAPSHOT_AT] = state.counters[ROWS]
        at = 0
        while at < len(order):
            part = order[at : at + state.rows_to_refresh()]
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
                    typical_curvature=state.typical_curvature,
                    l2=relative_l2(objective, state.typical_curvature),
                ),
                state.counters,
            )
            state.update_null(objective)
            at += len(part)
