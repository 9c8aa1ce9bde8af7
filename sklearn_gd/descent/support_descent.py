r"""Batch descent under an l1 penalty or non-negative coefficients: F is not differentiable where a coefficient is zero.

Between changes of the support (the coefficients that are not zero) F is smooth, and the memory gradient method descends on it
alone; a coefficient that would change its sign stops at zero. A proximal step of spectral length chooses the next support once
the gradient on the present one is small beside the violation of the optimality conditions off it.

References
----------
G. Andrew and J. Gao, "Scalable training of L1-regularized log-linear models", 2007 (descent within an orthant).
S. J. Wright, R. D. Nowak and M. A. T. Figueiredo, "Sparse reconstruction by separable approximation", 2009 (the step between).
"""

import math

import numpy as np

from ._line_search import backtrack, spectral_length, strong_wolfe
from ._monitor import Status
from ._preconditioned import REFRESH, Line, PreconditionedMethod, parabola
from .memory_gradient import plane_step

SUPPORT_STEPS = 30  # on one support, before it is chosen anew
SUPPORT_SHARE = 0.1  # of the violation off the support that the gradient on it must exceed for descent there to go on


class SupportDescent(PreconditionedMethod):
    """The method for penalties of the elastic-net family."""

    def begin_stage(self):
        objective, frame = self.objective, self.frame
        form = objective.penalty.elastic_net()
        unit = 1.0 if objective.unit is None else objective.unit
        self.threshold = np.zeros(len(self.u))
        self.threshold[: self.n_coef] = (objective.alpha * form.l1 * frame.scale * unit).ravel()
        self.nonnegative = form.nonnegative
        self.bounded = np.zeros(len(self.u), dtype=bool)
        self.bounded[: self.n_coef] = form.nonnegative
        self.u = np.where(self.bounded, np.maximum(self.u, 0.0), self.u)
        self.first_look = self._look()
        _, plain, _ = self.first_look
        self.stage_value = plain + self._penalty(self.u)

    def _look(self):
        """F as it is descended on, the mean loss without smoothing, and the gradient of loss and l2 at u."""
        loss, plain, gradient = self.look_at(self.u)
        return loss + self._penalty(self.u), plain, gradient + self.ridge * self.u

    def _penalty(self, u):
        """The penalty at u."""
        return 0.5 * float((self.ridge * u) @ u) + float(self.threshold @ np.abs(u))

    def _prox(self, v, step):
        """The soft threshold of the l1 part over a step, and the bound at zero."""
        moved = np.sign(v) * np.maximum(np.abs(v) - step * self.threshold, 0.0)
        return np.where(self.bounded & (moved < 0.0), 0.0, moved)

    def iterates(self):
        (value, plain, gradient), last, on_support, step, advance = self.first_look, None, SUPPORT_STEPS, 1.0, False
        while True:
            if self.stage_is_over:
                (value, plain, gradient), last, on_support, step, advance = self.next_stage(), None, SUPPORT_STEPS, 1.0, False
            threshold = self.threshold
            # 1. the gradient on the support, and the violation of the optimality conditions off it
            u = self.u
            free = u != 0.0
            free[self.n_coef :] = True
            inside = np.where(free, gradient + threshold * np.sign(u), 0.0)
            off = np.where(free, 0.0, np.sign(gradient) * np.maximum(np.abs(gradient) - threshold, 0.0))
            off = np.where(self.bounded, np.minimum(off, 0.0), off)
            on_norm, off_norm = math.sqrt(inside @ inside), math.sqrt(off @ off)
            if on_norm == off_norm == 0.0:
                yield self.iterate(value, plain, end=Status.PLATEAU)
                continue
            accepted = False
            if on_support < SUPPORT_STEPS and on_norm >= SUPPORT_SHARE * off_norm:
                # 2. a plane step on the support
                accepted, line, new, last = self._support_step(value, inside, last, advance)
                on_support = on_support + 1 if accepted else SUPPORT_STEPS
                advance = accepted
            if not accepted:
                # 3. or a proximal step that chooses the support
                target = self._prox(u - step * gradient, step)
                direction = target - u
                slope = float(gradient @ direction) + float(threshold @ (np.abs(target) - np.abs(u)))
                if not slope < -1e-16 * abs(value):
                    yield self.iterate(value, plain, end=Status.PLATEAU)
                    continue
                line = Line(self, ("line", *self.model(direction)), (advance,))
                t, new = backtrack(self._along(line, u, direction, target), value, -slope)
                if t == 0.0:
                    yield self.iterate(value, plain, promised=-0.5 * slope, end=Status.PLATEAU)
                    continue
                self.u = target if t == 1.0 else u + t * direction
                last, on_support, advance = None, 0, True
            before, gradient = gradient, line.gradient + self.ridge * self.u
            value, plain = new, line.plain
            if not accepted:
                step = spectral_length(self.u - u, gradient - before, step)
            if (self.n_iter + 1) % REFRESH == 0:
                (value, plain, gradient), advance = self._look(), False
            yield self.iterate(value, plain, gap=self._gap(gradient, value))

    def _along(self, line, u, direction, target):
        """F along a line, as the backtracking asks for it."""

        def look(t):
            loss = line(t)[0]
            return loss + self._penalty(target if t == 1.0 else u + t * direction)

        return look

    def _support_step(self, value, inside, last, advance):
        """One plane step on the support; a coefficient that would change its sign stops at zero.

        Returns whether a step was taken, the line whose last look is there, F after it, and the last move (None where the
        support changed).
        """
        u, ridge = self.u, self.ridge
        (forms,) = self.parts.mean("plane", *self.model(-inside), last is not None, advance)
        direction, slope, step = plane_step(self, inside, last, forms)
        line = Line(self, step, penalty=parabola(ridge, u, direction, self.threshold * np.sign(u)))
        t, new = strong_wolfe(line, value, slope)
        if t == 0.0:
            return False, line, value, None
        moved = u + t * direction
        crossed = u * moved < 0.0
        crossed[self.n_coef :] = False
        if not crossed.any():
            line.settle(t)
            self.u = moved
            return True, line, new, (t * direction, t)
        # Project onto the orthant if F falls all the same; else stop at the first crossing.
        projected = np.where(crossed, 0.0, moved)
        line = Line(self, ("line", *self.model(projected - u)), (False,))
        new = line(1.0)[0] + self._penalty(projected)
        if not new < value:
            crossings = np.full(len(u), math.inf)
            np.divide(-u, direction, out=crossings, where=crossed)
            first = int(crossings.argmin())
            projected = u + crossings[first] * direction
            projected[first] = 0.0
            line = Line(self, ("line", *self.model(projected - u)), (False,))
            new = line(1.0)[0] + self._penalty(projected)
            if not new < value:
                return False, line, value, None
        self.u = projected
        return True, line, new, None

    def _gap(self, gradient, value):
        """A bound on F less its minimum under l1: the duality gap over the models whose penalty is no larger than F here.

        F is convex, so it falls by at most g'(u - v) + l1(u) - l1(v) on the way to v; the optimum has l1(v) <= F(u) where no
        loss is negative. The intercept's part is that of `quadratic_gap`. Infinite where nothing is known.
        """
        if self.nonnegative or self.objective.loss.curvature_bound is None:
            return math.inf
        g, l1, u = gradient[: self.n_coef], self.threshold[: self.n_coef], self.u[: self.n_coef]
        held, intercept = l1 > 0.0, gradient[self.n_coef :]
        beyond = max((np.abs(g[held]) / l1[held]).max(initial=0.0) - 1.0, 0.0)
        return float(g @ u + l1 @ np.abs(u) + beyond * value + 0.5 * intercept @ intercept)
