"""Batch descent with a custom penalty: proximal gradient steps of spectral length, in preconditioned coordinates."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._line_search import backtrack, spectral_length
from ._loop import Iterate
from ._monitor import Status
from ._preconditioned import REFRESH, Line, PreconditionedMethod


class ProximalDescent(PreconditionedMethod):
    """The method for any penalty with a gradient, a proximal step, or both.

    Attributes
    ----------
    seen : tuple of (float, float, ndarray)
        The smoothed objective, the mean loss without smoothing, and the gradient, at u.
    step : float
        The length of the next step.
    advance : bool
        Whether u is the point of the last look of the parts, but not yet their current point.
    """

    u: NDArray[Any]
    stage_value: float
    seen: tuple[float, float, NDArray[Any]]
    advance: bool
    scale: NDArray[Any]
    square: NDArray[Any]
    step: float

    kept: tuple[str, ...] = (*PreconditionedMethod.kept, "step")

    def begin_stage(self) -> None:
        objective = self.objective
        self.scale = objective.rows.from_coef(self.frame.scale)
        self.square = self.scale**2
        self.refresh()
        self.step = 1.0
        self.stage_value = self.seen[1] + self._penalty(self.u)

    def refresh(self) -> None:
        self.seen, self.advance = self._look(), False

    def _coef(self, u):
        """The coefficients of u in the layout of theta."""
        return self.objective.rows.from_coef(u[: self.n_coef].reshape(self.shape) * self.frame.scale)

    def _u(self, coef, u):
        """u with its coefficients replaced by others in the layout of theta."""
        inner = np.divide(coef, self.scale, out=np.zeros(self.n_coef), where=self.scale > 0.0)
        return np.concatenate([self.objective.rows.to_coef(inner, self.shape[0]).ravel(), u[self.n_coef :]])

    def _penalty(self, u):
        """The penalty at u."""
        return self.objective.array_penalty.value(self._coef(u))

    def _with_penalty(self, gradient):
        """The gradient of the loss at u plus that of the smooth part of the penalty."""
        slope = np.zeros(self.n_coef)
        self.objective.array_penalty.add_gradient(self._coef(self.u), slope)
        inner = self.objective.rows.to_coef(slope * self.scale, self.shape[0]).ravel()
        return np.concatenate([gradient[: self.n_coef] + inner, gradient[self.n_coef :]])

    def _prox(self, v, step):
        """The proximal step of the non-smooth part of the penalty."""
        coef = self._coef(v)
        self.objective.array_penalty.prox(coef, step * self.square)
        return self._u(coef, v)

    def _look(self):
        """The smoothed objective, the mean loss without smoothing, and the gradient at u."""
        loss, plain, gradient = self.look_at(self.u)
        return loss + self._penalty(self.u), plain, self._with_penalty(gradient)

    def iterates(self) -> Iterator[Iterate]:
        while True:
            if self.stage_is_over:
                self.next_stage()
            u, step, (value, plain, gradient) = self.u, self.step, self.seen
            target = self._prox(u - step * gradient, step)
            direction = target - u
            size = float(direction @ direction)
            if not size > 1e-30 * max(float(u @ u), 1e-300):
                yield self.iterate(value, plain, end=Status.PLATEAU)
                continue
            line = Line(self, ("line", *self.model(direction)), (self.advance,))

            def look(t, line=line, u=u, direction=direction, target=target):
                return line(t)[0] + self._penalty(target if t == 1.0 else u + t * direction)

            t, new = backtrack(look, value, size / step)
            if t == 0.0:
                yield self.iterate(value, plain, promised=0.5 * size / step, end=Status.PLATEAU)
                continue
            self.u = target if t == 1.0 else u + t * direction
            before, gradient = gradient, self._with_penalty(line.gradient)
            self.seen, self.advance = (new, line.plain, gradient), True
            self.step = spectral_length(self.u - u, gradient - before, step)
            if (self.n_iter + 1) % REFRESH == 0:
                self.refresh()
            yield self.iterate(*self.seen[:2])
