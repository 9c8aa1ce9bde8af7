r"""Batch descent on working sets: with an l1 penalty or non-negative coefficients F is not differentiable at zero coefficients.

Most coefficients are zero at the minimum. F is minimised over a *working set* of features, the support and those that violate
the optimality conditions most, the other coefficients staying zero; then one look at all features tells how far the minimum may
still be, and the next set is chosen. On the set every step goes to the minimiser of the second-order model plus the l1 part, in
the support and the coefficients that violate the optimality conditions most. Before the second derivatives are cheap compared
with the iterations so far, accelerated proximal steps descend on all coordinates.

A loss that is not smooth, or flat beyond its margin, is minimised in the same way under an l2 penalty, where the second
derivatives are cheap.

The bound is the duality gap, if the loss has a conjugate. Slopes of the losses of the samples give a lower bound on the minimum
if their sums along the features satisfy the bounds of the penalty; the current slopes are scaled until they do.

References
----------
M. Massias, A. Gramfort and J. Salmon, "Celer: a fast solver for the lasso with dual extrapolation", 2018 (working sets and
duality gaps).
Q. Bertrand, Q. Klopfenstein, P.-A. Bannier, G. Gidel and M. Massias, "Beyond L1: faster and better sparse models with skglm",
2022 (the same for other losses).
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._costs import PRODUCT, cost_of_minimiser, is_sparse, squares_of
from ._loop import Iterate
from ._monitor import Status
from ._preconditioned import REFRESH, PreconditionedMethod
from ._working_set import LEAST_DAMPING, LEAST_SMOOTHED, SMALL_DAMPING, WorkingSet, penalty, violation

LEAST_FEATURES, MOST_SELECTED = 32, 64  # of a working set; the latter of sparse samples
ENOUGH = 0.1  # of the possible decrease: the tolerance for a working set and for a stage of smoothing
BALANCED = 1e-12  # of the size of slopes; a smaller sum of slopes counts as zero
LEAST_JUDGED = 2  # stages of smoothing before the decrease in one bounds that of the next ones
CAREFUL = 3.0  # safety factor of the estimates of the possible decrease
LEAST_HALVED = 40  # iterations before the decrease of F in their second half is used as an estimate
SLOWER = 0.7  # largest ratio of the decreases in the fourth and third quarter of a sequence that falls like 1/k
# Samples per coordinate above which Newton's method is better on a non-smooth loss under an l2 penalty: with fewer, classes are
# separable and targets interpolated, and then gradient descent is accurate enough.
LEAST_SAMPLES, LEAST_TARGETS = 2, 1
MOST_FLAT = 2  # samples per feature up to which it is better on a smooth loss that is flat beyond its margin
# Largest cost of a Hessian of all features and its minimiser for either, in multiplications.
MOST_PRODUCTS, FEW_PRODUCTS = 1e8, 1.5e7
STEADY = 20.0  # times the decrease over the second half of the iterations, for a sequence that does not slow down
MOST_STALLS = 3  # consecutive working sets without a decrease of F


def expected_fall(values: list[float]) -> float | None:
    """The further decrease of a sequence that falls like 1/k or faster: three times that over its second half, to be safe.

    For a sequence that does not slow down, the decrease of the same pace over ten times as many iterations; infinite for a short
    one. The duality gap alone is not sufficient: if a penalty in the user's units is almost zero for some features, their bounds
    scale the slopes down to almost zero, and the lower bound stays far below the minimum.
    """
    n = len(values)
    if n < LEAST_HALVED:
        return math.inf
    half, quarter, last = values[n // 2], values[3 * n // 4], values[-1]
    slows_down = quarter - last <= SLOWER * (half - quarter)
    return (CAREFUL if slows_down else STEADY) * (half - last)


def newton_products(objective: Any, n_features: int) -> float:
    """The cost of a Hessian of this many features and its minimiser, in multiplications."""
    n, K, coupled = objective.n_samples, objective.n_outputs, objective.array_loss.coupled
    minimiser = cost_of_minimiser([np.arange(n_features)] * K, n, coupled) / PRODUCT
    return n * (squares_of(np.full(K, float(n_features)), coupled) + minimiser)


def has_cheap_newton(objective: Any) -> bool:
    """Whether the loss is not smooth, or flat beyond its margin, and Newton's method is cheap enough under an l2 penalty.

    Gradient descent on a narrow smoothing is slow, and it stops far from the minimum. With fewer samples, gradient descent also
    finds a model with almost no loss, and only the l2 penalty is left to decrease. On a loss that is flat beyond its margin it
    is slow if there are few samples: each that crosses the margin changes the curvature. The perceptron is excluded, because
    its loss is zero at the null model: a tolerance relative to zero would not end the descent.
    """
    n, d = objective.n_samples, objective.n_features
    if objective.loss.smooth:
        suits, most = d <= n <= MOST_FLAT * d and objective.is_flat_beyond_margin, FEW_PRODUCTS
    else:
        least = LEAST_TARGETS if objective.loss.scales_with_target else LEAST_SAMPLES
        suits, most = n > least * (d + 1), MOST_PRODUCTS
    return suits and newton_products(objective, d) <= most and objective.null_model_has_loss


class SupportDescent(PreconditionedMethod):
    """The method for penalties of the elastic-net family.

    Attributes
    ----------
    some : WorkingSet or None
        The last working set, whose second derivatives may be reused.
    bend : float or None
        The curvature of the smoothed loss where the loss is not differentiable, times the width; None before it is needed.
    stalls : int
        The number of consecutive working sets without a decrease of F.
    values : list of float
        The smoothed objective at the start of the stage and after each of its iterations.
    spent : int
        Steps of the stage without second derivatives.
    spent_on_newton : float
        The cost of the second derivatives of the stage, in such steps.
    steepness : float
        A bound on the curvature of the loss in u along these steps.
    """

    u: NDArray[Any]
    stage_value: float
    seen: tuple[float, float, NDArray[Any]]
    advance: bool
    threshold: NDArray[Any]
    bounded: NDArray[np.bool_]
    free: NDArray[np.bool_]
    some: WorkingSet | None
    least_damping: float
    damping: NDArray[Any]
    bend: float | None = None
    caution: float
    stalls: int
    values: list[float]
    spent: int
    spent_on_newton: float
    steepness: float

    kept: tuple[str, ...] = (
        *PreconditionedMethod.kept,
        *("damping", "bend", "caution", "lower", "stalls", "values", "spent", "spent_on_newton", "steepness"),
    )
    lower: float = -math.inf  # the best lower bound on the minimum of F so far

    def begin_stage(self) -> None:
        objective, frame, n_coef = self.objective, self.frame, self.n_coef
        form = objective.elastic_net
        unit = 1.0 if objective.unit is None else objective.unit
        self.threshold = np.zeros(len(self.u))
        self.threshold[:n_coef] = (objective.alpha * form.l1 * frame.scale * unit).ravel()
        self.bounded = np.zeros(len(self.u), dtype=bool)
        self.bounded[:n_coef] = form.nonnegative
        self.free = (self.threshold == 0.0) & ~self.bounded
        self.free[:n_coef] &= frame.scale.ravel() > 0.0  # the coefficient of a constant feature stays zero
        self.u = np.where(self.bounded, np.maximum(self.u, 0.0), self.u)
        if objective.loss.scales_with_target:
            # Two points where the loss is not differentiable, as those of the epsilon-insensitive loss, are apart in this stage
            # only if its width is small. Those of the hinge losses are far apart, and there may be no sample at one.
            self.bend = None
        self.least_damping = LEAST_SMOOTHED if self.width else LEAST_DAMPING
        self.damping, self.caution = np.full(self.blocks.n_blocks, SMALL_DAMPING), 1.0
        self.stalls, self.values, self.spent, self.spent_on_newton, self.steepness = 0, [], 0, 0.0, 1.0
        self.refresh()
        self.values.append(self.seen[0])
        self.stage_value = self._value(self.seen[1])

    @property
    def peak(self) -> float:
        """The curvature of the smoothed loss where the loss is not differentiable; found when it is first asked for."""
        if not self.width:
            return 0.0
        if self.bend is None:
            self.bend = self.width * self.parts.largest("largest_curvature")
        return self.bend / self.width

    def refresh(self) -> None:
        self._look()
        self.some = None

    def _look(self):
        """Make u the current point; sets `seen`: the smoothed objective, the mean loss without smoothing, the gradient."""
        loss, plain, gradient = self.look_at(self.u)
        self.seen, self.advance = (self._value(loss), plain, gradient + self.ridge * self.u), False

    def _violation(self):
        """Half the squared violation: about the sum of the decreases of the smoothed objective by each coefficient alone."""
        left = violation(self.u, self.seen[2], self.threshold, self.bounded, self.free)
        return 0.5 * float(left @ left)

    def iterates(self) -> Iterator[Iterate]:
        while True:
            if self.stage_is_over:
                self.next_stage()
            value, left = self.seen[0], self._violation()
            # 1. F on the working set
            columns = self._working_set()
            some = self.some
            if some is None or some.columns is not None or columns is not None:
                some = self.some = WorkingSet(self, columns)
            promised = some.minimise(ENOUGH * left)
            # 2. a look at all features
            self.u = self.u.copy()
            self.u[some.index] = some.u
            self.seen, self.advance = some.look_wide(), some.advance
            if (self.n_iter + 1) % REFRESH == 0:
                self.refresh()
            new, plain, gradient = self.seen
            fallen = value - new
            self.stalls = self.stalls + 1 if fallen <= 1e-13 * abs(value) else 0
            left, gap = self._violation(), self._gap(plain, gradient)
            # 3. the end of descent, or of a stage of smoothing
            known, end = gap < math.inf, None
            stuck = left == 0.0 or self.stalls >= MOST_STALLS
            smoothing = new - self._value(plain)
            # While the gap is wide, one iteration without progress may be due to the damping of the last stage.
            earlier = self.values[-2] if len(self.values) > 1 else math.inf
            before = value if gap <= CAREFUL * smoothing else earlier
            if known and self._has_narrower() and (stuck or max(left, before - new) <= ENOUGH * smoothing):
                self.stage_is_over = True
                if self.stage >= LEAST_JUDGED and not stuck:
                    # The next stage should decrease F by a tenth of the decrease in this one, but may decrease it by more.
                    gap = min(gap, CAREFUL * max(abs(self.stage_value - self._value(plain)), smoothing))
            elif stuck:
                end = Status.PLATEAU
            self.values.append(new)
            still = min(gap, expected_fall(self.values)) if known else None if self.width else left
            yield self.iterate(new, plain, gap=gap, left=still, promised=promised, end=end)

    def _value(self, loss):
        """F at u, from the mean loss at u."""
        return loss + penalty(self.u, self.ridge, self.threshold)

    def _has_narrower(self):
        """Whether there is another stage of smoothing."""
        return self.stage + 1 < len(self.objective.widths)

    def _working_set(self):
        """The features of the next working set; None for all."""
        n_coef, (_, n_features) = self.n_coef, self.shape
        u, gradient = self.u[:n_coef], self.seen[2][:n_coef]
        excess = np.where(self.bounded[:n_coef], -gradient, np.abs(gradient)) - self.threshold[:n_coef]
        excess = np.where((u != 0.0) | self.free[:n_coef], math.inf, excess).reshape(self.shape).max(axis=0)
        on_support = int(np.count_nonzero(excess == math.inf))
        size = max(LEAST_FEATURES, on_support + min(on_support, self.objective.n_samples))
        # Zero coefficients of sparse features save little, and the selection of the others costs several iterations.
        most = MOST_SELECTED if is_sparse(self.objective.moments.known_share) else n_features
        if size > most or 2 * size >= n_features:
            return None
        return np.sort(np.argpartition(excess, -size)[-size:])

    def on_plateau(self, tolerance: float) -> bool:
        """Begin the next stage of smoothing, unless a duality gap is known, which then ends the stages."""
        return self.lower == -math.inf and super().on_plateau(tolerance)

    def _gap(self, plain, gradient):
        """The duality gap, F minus the best lower bound on its minimum so far; infinite if none is known."""
        if not self.objective.array_loss.has_conjugate:
            return math.inf
        n_coef = self.n_coef
        u, ridge, threshold, bounded = self.u[:n_coef], self.ridge[:n_coef], self.threshold[:n_coef], self.bounded[:n_coef]
        slopes, shares = gradient[:n_coef] - ridge * u, None
        if self.objective.fit_intercept:
            # The slopes of a dual point add up to zero.
            (sums,) = self.parts.mean("group_sums")
            if np.abs(sums.sum(axis=1)).max() > BALANCED * np.abs(sums).max():
                shares = self.objective.array_loss.balancing_shares(sums)
                slopes = self.gradient(*self.parts.mean("shared_gradient", shares))[:n_coef]
        slopes = np.where(bounded, -np.minimum(slopes, 0.0), np.abs(slopes))
        beyond, bent = slopes > threshold, ridge > 0.0
        if (beyond & ~bent & (threshold == 0.0)).any():
            return math.inf
        # They also satisfy the bounds of the penalty; with an l2 part, exceeding a bound has a finite cost instead.
        for factor in {float((threshold[each] / slopes[each]).min(initial=1.0)) for each in (beyond, beyond & ~bent)}:
            (conjugate,) = self.parts.mean("conjugate", shares, factor)
            price = np.maximum(factor * slopes[bent] - threshold[bent], 0.0)
            found = -float(conjugate) - 0.5 * float(price @ (price / ridge[bent]))
            if math.isfinite(found):
                self.lower = max(self.lower, found)
        return max(self._value(plain) - self.lower, 0.0)
