"""The memory gradient method for squared loss with a Gram matrix: an iteration needs no pass over the samples."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..objective._preconditioner import BlockMetric, Metric
from ._line_search import plane_minimisers
from ._loop import Iterate
from ._monitor import Status
from ._preconditioned import REFRESH
from ._smooth_descent import SmoothDescent, Step

MOST_FEATURES = 256  # up to which the Gram matrix costs little compared with some passes over the samples
CANCELLED = 1e-7  # share of the null model's F below which F is a small difference of large terms


def has_gram(objective: Any) -> bool:
    """Whether the loss is quadratic and its Gram matrix costs little compared with some passes over the samples."""
    n, d = objective.n_samples, objective.n_features
    return objective.loss.is_least_squares and d <= MOST_FEATURES and n >= 2 * d


class GramDescent(SmoothDescent):
    """The memory gradient method for half the squared error and an l2 penalty, after one pass that computes the second moments.

    Attributes
    ----------
    Hu, Hlast : ndarray
        The Hessian of F times u, and times the last move.
    cancelled : bool
        Whether F has become a small difference of large terms, so that descent continues with passes over the samples.
    """

    u: NDArray[Any]
    last: tuple[NDArray[Any], float] | None
    stage_value: float
    gram: NDArray[Any]
    diagonal: NDArray[Any]
    constant: float
    right: NDArray[Any]
    Hu: NDArray[Any]

    kept: tuple[str, ...] = (*SmoothDescent.kept, "Hu", "Hlast", "cancelled")
    Hlast: NDArray[Any] | None = None
    cancelled: bool = False

    def begin_stage(self) -> None:
        objective, frame = self.objective, self.frame
        target = objective.null_model().intercept if objective.fit_intercept else np.zeros(objective.n_outputs)
        gram, cross, square = self.parts.mean("gram", frame.mean, target)
        scale = frame.scale[0]
        self.gram = gram * np.outer(scale, scale)
        # F = constant + u'Hu / 2 - right'u, with H u = hessian_product(u).
        by = frame.intercept_scale
        self.diagonal = np.concatenate([frame.ridge.ravel(), by * by])
        self.constant = 0.5 * float(square) + 0.5 * float(target @ target)
        self.right = np.concatenate([(cross * scale).ravel(), by * target])
        self.Hu = self.hessian_product(self.u)
        self.stage_value = self._value(self.u, self.Hu)

    def refresh(self) -> None:
        # Without passes over the samples, the parts keep nothing to refresh.
        if self.cancelled:
            super().refresh()

    def current_gradient(self) -> NDArray[Any]:
        return super().current_gradient() if self.cancelled else self.Hu - self.right

    def sharper_metric(self) -> Metric | None:
        return super().sharper_metric() if self.cancelled or self.metric.shrinkage < 1.0 else self._curvature()

    def _curvature(self):
        """The metric of F's second derivatives, the same at all u."""
        K, d = self.shape
        grams = np.zeros((K, d + 1, d + 1))
        grams[:, :d, :d], grams[:, d, d] = self.gram, 1.0
        of_loss = np.column_stack([np.tile(self.gram.diagonal(), (K, 1)), self.diagonal[-K:]])
        ridge = np.column_stack([self.diagonal[:-K].reshape(K, d), np.zeros(K)])
        of_all = of_loss + ridge
        return BlockMetric(of_loss, np.where(of_all > 0.0, of_all, 1.0), grams)

    def hessian_product(self, v: NDArray[Any]) -> NDArray[Any]:
        """The Hessian of F times v."""
        product = self.diagonal * v
        product[: self.n_coef] += (v[: self.n_coef].reshape(self.shape) @ self.gram).ravel()
        return product

    def _value(self, u, Hu):
        """F at u."""
        return float(self.constant + 0.5 * u @ Hu - self.right @ u)

    def _step(self) -> Step:
        return self._step_in_plane(self.last)

    def iterates(self) -> Iterator[Iterate]:
        while not self.cancelled:
            Hu, last, Hlast = self.Hu, self.last, self.Hlast
            gradient = Hu - self.right
            value = self._value(self.u, Hu)
            if value < CANCELLED * self.constant:
                # Catastrophic cancellation: F is a small difference of large terms. Continue with passes over the samples.
                super().begin_stage()
                self.cancelled = True
                break
            ascent, products, spread = self.metric.inverse(gradient), self.blocks.products, self.blocks.spread
            steep = products(gradient, ascent)
            Ha = self.hessian_product(ascent)
            a = products(ascent, Ha)
            if not (steep.sum() > 0.0 and a.sum() > 0.0):
                yield self.iterate(value, value, end=Status.PLATEAU)
                continue
            # 1. the minimiser on the plane of -ascent and the last move; it is exact, so no line search is needed
            b = c = along = np.zeros(len(a))
            if last is not None and Hlast is not None:
                b, c, along = -products(Hlast, ascent), products(last[0], Hlast), products(gradient, last[0])
            c_0, c_1, _ = plane_minimisers(steep, a, b, c, along)
            move, Hmove = -spread(c_0) * ascent, -spread(c_0) * Ha
            if last is not None and c_1.any():
                move, Hmove = move + spread(c_1) * last[0], Hmove + spread(c_1) * Hlast
            new = value + float(gradient @ move + 0.5 * move @ Hmove)
            if not new < value:
                yield self.iterate(value, value, end=Status.PLATEAU)
                continue
            # 2. the move
            self.u, self.Hu, self.last, self.Hlast = self.u + move, Hu + Hmove, (move, 1.0), Hmove
            if (self.n_iter + 1) % REFRESH == 0:
                self.Hu = self.hessian_product(self.u)
            yield self.iterate(new, new, gap=self.quadratic_gap(self.Hu - self.right))
        yield from super().iterates()
