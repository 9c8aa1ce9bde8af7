"""F on a working set of features, with zero coefficients for all others: the subproblem of `SupportDescent`."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._accelerated import AcceleratedSteps
from ._active_set import l1_minimiser
from ._blocks import Blocks
from ._costs import cost_of_hessian, cost_of_iteration, cost_of_minimiser, is_sparse
from ._line_search import ARMIJO, MOST_LOOKS
from ._preconditioned import Line, ScaledCoordinates

MOST_STEPS = 30  # on one set, before another one is chosen
KEEPING = 0.1  # the second derivatives are reused if a step has reduced the squared violation to less than this share
STEEP = 0.5  # a step is doubled while F falls more steeply at its end than this share of the slope at its start
NEGLIGIBLE = 1e-9  # slope of a block, relative to that of all, up to which rounding would determine its length
LEAST_CAUTION = 1e-6  # weight of the `narrowed` curvatures in the second derivatives of a smoothed loss
MOST_DAMPING = 1e3  # of the second derivatives, whose diagonal is about one at the null model
# Lower limits of the damping: of a smooth loss; of a smoothed one, whose curvature jumps; on the first `PATIENCE` working sets,
# as it keeps rounding small where F is flat.
LEAST_DAMPING, LEAST_SMOOTHED, SMALL_DAMPING = 1e-15, 1e-9, 1e-6
PATIENCE = 10
OFF_SINGULAR = 1e-9  # relative increase of the diagonal besides: it may be tiny where the loss has become flat
LEAST_COORDINATES = 32  # in which they are taken
# Second derivatives may cost a number of iterations, or a share of those so far, and all of them together a multiple of these.
PRICE, SHARE, MOST_SHARE = 3.0, 0.5, 4.0
CHEAP, CHEAP_SMOOTHED = 5e6, 1e7  # costs that are always accepted; the latter, for a smoothed loss, with that of the minimiser


def violation(u, gradient, threshold, bounded, free):
    """The element of the subdifferential nearest to zero: the gradient of the smooth part plus slopes of the l1 part."""
    on = (u != 0.0) | free
    off = np.sign(gradient) * np.maximum(np.abs(gradient) - threshold, 0.0)
    found = np.where(on, gradient + threshold * np.sign(u), off)
    return np.where(bounded & ~on, np.minimum(found, 0.0), found)


def penalty(u, ridge, threshold):
    """The penalty at u: l2 with the curvature `ridge`, and l1 with the slopes `threshold`."""
    return 0.5 * float((ridge * u) @ u) + float(threshold @ np.abs(u))


class WorkingSet(ScaledCoordinates):
    """F as a function of the coefficients of some features, and of the intercepts.

    Parameters
    ----------
    method : SupportDescent
        The method, at its current point u.
    columns : ndarray of int, or None
        The features; None for all, in which case the last look of the method is reused.
    """

    index: Any

    def __init__(self, method: Any, columns: NDArray[Any] | None) -> None:
        self.method, self.columns, self.width = method, columns, method.width
        n_outputs, n_features = method.shape
        if columns is None:
            self.parts, self.frame, self.shape, self.index = method.parts, method.frame, method.shape, slice(None)
        else:
            self.parts, self.frame = method.parts.select(columns), method.frame.columns(columns)
            self.shape = n_outputs, len(columns)
            coefs = np.add.outer(n_features * np.arange(n_outputs), columns).ravel()
            self.index = np.concatenate([coefs, n_features * n_outputs + np.arange(n_outputs)])
        self.u, self.ridge, self.threshold = method.u[self.index], method.ridge[self.index], method.threshold[self.index]
        self.bounded, self.free = method.bounded[self.index], method.free[self.index]
        self.blocks = Blocks(*self.shape, method.objective.array_loss.coupled)
        self.hessians, self.steep, self.accelerated = None, math.inf, AcceleratedSteps(self)
        if columns is None:
            self.value, self.plain, self.slopes = method.seen
            self.advance = method.advance
        else:
            loss, self.plain, gradient = self.look_at(self.u)
            self.value, self.slopes, self.advance = loss + self.penalty(self.u), gradient + self.ridge * self.u, False

    def penalty(self, u):
        """See the function of this name."""
        return penalty(u, self.ridge, self.threshold)

    def violation(self):
        """See the function of this name."""
        return violation(self.u, self.slopes, self.threshold, self.bounded, self.free)

    def minimise(self, enough):
        """Descend until half the squared violation is `enough`.

        Returns 0, or the predicted decrease of F if the last step has failed to decrease it.
        """
        if not self._is_cheap(self._coordinates()):
            return self.accelerated.minimise(enough)
        self.accelerated = AcceleratedSteps(self)  # its last move is not the last one of the scores after other steps
        for _, promised in zip(range(MOST_STEPS), self._newton_steps()):
            if promised:
                return promised
            left = self.violation()
            if 0.5 * float(left @ left) <= enough:
                break
        return 0.0

    def _coordinates(self):
        """The features of each score in which F is minimised by second derivatives: the support, and what violates most."""
        on = ((self.u != 0.0) | self.free)[: self.n_coef]
        rank = np.where(on, math.inf, np.abs(self.violation()[: self.n_coef]))
        size = max(LEAST_COORDINATES, 2 * np.count_nonzero(on))
        if 3 * size < 2 * len(rank):
            rank[np.argpartition(rank, -size)[:-size]] = 0.0  # not more: copies of a feature violate alike
        else:
            rank[:] = math.inf
        return [np.flatnonzero(each) for each in rank.reshape(self.shape)]

    def _costs(self, coordinates):
        """The cost of second derivatives in some coordinates, that of the whole step, and the latter in iterations."""
        objective, n_outputs = self.method.objective, self.shape[0]
        shares = objective.moments.known_share if self.columns is None else objective.moments.known_share[self.columns]
        n, coupled = objective.n_samples, objective.array_loss.coupled
        hessian = cost_of_hessian(coordinates, shares, n, coupled)
        step = hessian + cost_of_minimiser(coordinates, n, coupled)
        return hessian, step, step / (n_outputs * cost_of_iteration(shares, n_outputs))

    def _is_cheap(self, coordinates):
        """Whether the second derivatives are cheap in themselves, or compared with the iterations so far."""
        method, n = self.method, self.method.objective.n_samples
        hessian, step, price = self._costs(coordinates)
        if price <= PRICE or (price <= SHARE * method.spent and method.spent_on_newton + price <= MOST_SHARE * method.spent):
            return True
        if self.width:
            return n * step <= CHEAP_SMOOTHED
        return n * hessian <= CHEAP and not (self.columns is None and is_sparse(method.objective.moments.known_share))

    # --- steps ------------------------------------------------------------------------------------------------------------
    # Each generator takes one step at a time. It yields 0, or the predicted decrease of a step that has failed to decrease F.

    def _newton_steps(self):
        """Steps to the minimiser of the second-order model plus the l1 part, each block of scores on its own."""
        method, (n_outputs, n) = self.method, self.shape
        scales = np.append(self.frame.scale.ravel(), self.frame.intercept_scale)
        while True:
            left = self.violation()
            steep = float(left @ left)
            if self.hessians is None or steep > KEEPING * self.steep:
                chosen, curvature = self._coordinates(), (method.peak, method.caution)
                if not self._is_cheap(chosen):
                    return
                method.spent_on_newton += self._costs(chosen)[-1]
                self.hessians = self.parts.mean("hessian", chosen, self.frame.mean, *curvature, self.advance)
                self.advance = False
                own = [np.append(k * n + features, n_outputs * n + k) for k, features in enumerate(chosen)]
                size = n_outputs // len(self.hessians)
                self.own = [np.concatenate(own[start : start + size]) for start in range(0, n_outputs, size)]
            self.steep, target = steep, self.u.copy()
            for hessian, own, damping in zip(self.hessians, self.own, method.damping, strict=True):
                hessian = hessian * np.outer(scales[own], scales[own])
                diagonal = np.diag_indices(len(own))
                hessian[diagonal] = (1.0 + OFF_SINGULAR) * hessian[diagonal] + self.ridge[own] + damping
                target[own] = l1_minimiser(hessian, self.slopes[own], self.threshold[own], self.u[own], self.bounded[own])
            t, promised = self._towards(target)
            least = SMALL_DAMPING if method.n_iter < PATIENCE else method.least_damping
            damped = np.where(t >= 1.0, np.maximum(0.1 * method.damping, least), method.damping)
            method.damping = np.where(t < 0.5, np.clip(10.0 * method.damping, 1e-3, MOST_DAMPING), damped)
            if (t < 0.5).any():
                self.hessians = None
                method.caution = min(10.0 * method.caution, 1.0)
            elif (t >= 1.0).all():
                method.caution = max(0.3 * method.caution, LEAST_CAUTION)
            yield promised

    def prox(self, v, curvature):
        """The minimiser of ``curvature / 2 * u^2 - v * u`` plus the l1 part and the bound at zero, in each coordinate."""
        moved = np.sign(v) * np.maximum(np.abs(v) - self.threshold, 0.0) / curvature
        return np.where(self.bounded & (moved < 0.0), 0.0, moved)

    def _towards(self, target):
        """Move each block towards a target by backtracking, and beyond the target while F falls steeply.

        Beyond it, coefficients stop at zero. Returns the step length of each block, and 0 or the predicted decrease of a step
        that has failed.
        """
        products, spread = self.blocks.products, self.blocks.spread
        u, direction = self.u, target - self.u
        slope = products(self.slopes, direction) + products(self.threshold, np.abs(target) - np.abs(u))
        if not slope.sum() < -1e-15 * abs(self.value):
            return np.zeros(len(slope)), max(-0.5 * float(slope.sum()), 1e-300)
        falls = slope < NEGLIGIBLE * slope.sum()
        # 1. as long as F does not fall sufficiently, the blocks that rise at their ends are halved
        line = Line(self, ("line", *self.model(direction)), (self.advance,))
        t, end, new = np.ones(len(slope)), target, line(1.0)[0] + self.penalty(target)
        along = self._slopes_along(end, direction, line)
        for _ in range(MOST_LOOKS):
            far = falls & ~(along <= 0.0)
            if new <= self.value + ARMIJO * float(t @ slope) or not far.any():
                break
            factors = np.where(far, 0.5, 1.0)
            t = factors * t
            end = np.where(spread(t) == 1.0, target, u + spread(t) * direction)
            line = Line(self, ("rescale", factors))
            new = line(1.0)[0] + self.penalty(end)
            along = self._slopes_along(end, direction, line)
        self.advance = False
        if not new < self.value:
            return np.zeros(len(slope)), -0.5 * float(slope.sum())
        # 2. beyond the target, where F still falls steeply; coefficients that are zero there stay zero
        steep = falls & (t == 1.0) & (self._slopes_along(end, self._moving(end, direction), line) <= STEEP * slope)
        while steep.any():
            longer = np.where(steep, 2.0 * t, t)
            beyond = np.where(spread(steep), u + spread(longer) * direction, end)
            beyond[spread(steep) & (beyond * target <= 0.0) & ~self.free] = 0.0
            further = Line(self, ("line", *self.model(beyond - u)), (False,))
            lower = further(1.0)[0] + self.penalty(beyond)
            if not lower < new:
                line = Line(self, ("line", *self.model(end - u)), (False,))
                line(1.0)
                break
            t, new, end, line = longer, lower, beyond, further
            steep &= self._slopes_along(end, self._moving(end, direction), line) <= STEEP * slope
        self._arrive(end, new, line)
        return t, 0.0

    def _slopes_along(self, end, direction, line):
        """The derivative of F along a direction in each block, as the last look of a line is reached.

        A coefficient that reaches zero has the sign that it had.
        """
        sign = np.where((end == 0.0) & (self.u != 0.0), np.sign(self.u), np.sign(end))
        return self.blocks.products(line.gradient + self.ridge * end + self.threshold * sign, direction)

    def _moving(self, u, direction):
        """The direction of the coefficients that are not zero at u."""
        return np.where((u != 0.0) | self.free, direction, 0.0)

    def _arrive(self, u, value, line):
        """Make the point of the last look along a line the current one."""
        self.u, self.value, self.plain, self.advance = u, value, line.plain, True
        self.slopes = line.gradient + self.ridge * u

    # ----------------------------------------------------------------------------------------------------------------------

    def look_wide(self):
        """F, the mean loss without smoothing and the gradient of all features, at the current point of this set."""
        if self.columns is None:
            return self.value, self.plain, self.slopes
        sums, *gradient = self.method.parts.mean("widen")
        u = self.method.u
        return self.value, float(sums[3]), self.method.gradient(*gradient) + self.method.ridge * u
