"""The common base of the batch methods for a smooth or smoothed F: the metric of the gradient, and steps of strong Wolfe length.

A subclass chooses the direction. After some iterations it begins from the inverse of a metric, the curvature of F at the current
model, times the gradient. The scores of a linear model are linear along a direction, so a trial step needs no product with X for
the scores. It computes the gradient too, with which the next iteration begins once the step is accepted. The preconditioner
centres and scales the features in the algebra only: X is never copied, and the minimiser is that of F in the user's units.
"""

import functools
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..objective._preconditioner import SHRINKAGE, BlockMetric, DiagonalMetric, Metric, UnitMetric
from ._costs import PRODUCT, cost_of_iteration
from ._line_search import WOLFE, plane_minimisers, strong_wolfe
from ._loop import Iterate
from ._monitor import Status
from ._preconditioned import REFRESH, Line, PreconditionedMethod, parabola

FIRST_METRIC = 4  # iterations before the first metric; the number doubles for each further one
MOST_GRAMS = 1 << 23  # largest number of values in the Gram matrices of all scores
GRAM_SHARE = 0.5  # largest cost of the Gram matrices, relative to that of the iterations so far
FEW_FEATURES = 256  # up to which the factorisation of a Gram matrix is cheap, however few the samples
LEAST_SAMPLES, MOST_SAMPLES = 2, 200  # per feature: with fewer there are no correlations, and more add little

MOST_OFF_CENTRE = 30.0  # largest distance of a feature's mean from zero, in standard deviations, for products in float32
SINGLE_SIZES = 1e-12, 1e12  # limits of the standard deviations: products and sums stay within the range of float32


def plane_step(
    method: Any, gradient: NDArray[Any], ascent: NDArray[Any], last: Any, forms: NDArray[Any]
) -> tuple[NDArray[Any], float, tuple[Any, ...]]:
    """Compute the minimiser of the second-order model over span{-ascent, last move} of each block, at the current point.

    Parameters
    ----------
    method : PreconditionedMethod
        The method.
    gradient : ndarray
        The gradient at the point, or its part on the support.
    ascent : ndarray
        The direction of ascent: the gradient, or the inverse of a metric times the gradient.
    last : tuple of (ndarray, float), or None
        The last move of u, and its length in units of the last direction of the scores.
    forms : ndarray, (3, n_blocks)
        The quadratic forms of the loss in the two directions of the scores, as returned by `Part.plane`.

    Returns
    -------
    direction : ndarray
        The move in u.
    slope : float
        The derivative of F along it.
    step : tuple
        The verb of the first look along it, with the leading arguments.
    """
    blocks, bent, (a, b, c) = method.blocks, method.ridge * ascent, forms
    a, along = a + blocks.products(bent, ascent), np.zeros(len(a))
    if last is not None:
        move, length = last
        b = length * b - blocks.products(bent, move)
        c = length * length * c + blocks.products(method.ridge * move, move)
        along = blocks.products(gradient, move)
    c_0, c_1, slope = plane_minimisers(blocks.products(gradient, ascent), a, b, c, along)
    direction = -blocks.spread(c_0) * ascent
    if last is not None and c_1.any():
        direction, c_1 = direction + blocks.spread(c_1) * last[0], c_1 * last[1]
    return direction, float(slope.sum()), ("step", c_0, c_1)


def is_single(objective: Any) -> bool:
    """Whether products of directions and slopes with float32 samples may be computed in float32.

    Their rounding errors matter little: any direction of descent is valid, the decrease of F is quadratic in the gradient, and
    the scores are recomputed in float64 every `REFRESH` iterations. But centring a feature whose mean is far from zero cancels
    digits.
    """
    if not objective.rows.is_single:
        return False
    moments = objective.moments
    mean, deviation = np.abs(moments.mean), moments.deviation
    usable = deviation > 0.0
    mean, deviation = mean[usable], deviation[usable]
    small, large = SINGLE_SIZES
    return bool(((mean <= MOST_OFF_CENTRE * deviation) & (deviation >= small) & (deviation <= large)).all())


class Step(NamedTuple):
    """A step before its length is known.

    Attributes
    ----------
    line : Line
        Looks along the direction.
    direction : ndarray
        The move of u for a length of 1.
    slope : float
        The derivative of F along it.
    from_past : bool
        Whether the direction depends on earlier moves, without which another one may be better.
    """

    line: Line
    direction: NDArray[Any]
    slope: float
    from_past: bool


class SmoothDescent(PreconditionedMethod):
    """Abstract base of the methods for a smooth or smoothed loss and an l2 penalty.

    Attributes
    ----------
    seen : tuple of (float, float, ndarray)
        The smoothed objective, the mean loss without smoothing, and the gradient, at u.
    last : tuple of (ndarray, float), or None
        The last move of u, and its length in units of the last direction of the scores.
    advance : bool
        Whether u is the point of the last look of the parts, but not yet their current point.
    """

    u: NDArray[Any]
    stage_value: float
    seen: tuple[float, float, NDArray[Any]]
    advance: bool

    kept: tuple[str, ...] = (*PreconditionedMethod.kept, "metric_after", "metric_due")
    last: tuple[NDArray[Any], float] | None = None
    known: tuple[NDArray[Any], Metric, NDArray[Any]] | None = None
    metric: Metric = UnitMetric()
    metric_after: int = FIRST_METRIC
    metric_due: int = FIRST_METRIC
    flatter: float = WOLFE  # as in `strong_wolfe`

    @functools.cached_property
    def dtype(self) -> Any:
        """The dtype of directions and slopes in products with the samples."""
        return np.float32 if is_single(self.objective) else np.float64

    def begin_stage(self) -> None:
        self._forget()
        self.seen, self.advance = self._look(), False
        self.stage_value = self.seen[1] + self._penalty()
        self.metric, self.metric_after, self.metric_due = UnitMetric(), FIRST_METRIC, self.n_iter + FIRST_METRIC

    def snapshot(self) -> dict[str, Any]:
        more = {"metric": self.metric.snapshot(), "last_move": None if self.last is None else self.last[0]}
        return super().snapshot() | more

    def _take(self, saved):
        super()._take(saved)
        self.metric = Metric.restored(saved["metric"])
        self.last = None if saved["last_move"] is None else (saved["last_move"], 1.0)

    def refresh(self) -> None:
        self.seen, self.advance = self._look(), False
        if self.last is not None:
            # The scores of the last move become the last direction; u remains the current point.
            self.parts.mean("line", *self.model(self.last[0]), 0.0, False)
            self.last = self.last[0], 1.0

    def _renew_metric(self):
        """Compute a new metric at u if it is due."""
        if self.n_iter < self.metric_due:
            return
        frame, share, shift = self.frame, self._share_for_grams(), self.objective.rows.first_row()
        grams = []
        if share > 0.0:
            scale = np.append(frame.scale.max(axis=0), 1.0)
            *moments, grams = self.parts.mean("curvature_sums", shift, frame.mean, scale, share, self.advance)
        else:
            moments = self.parts.mean("curvature_moments", shift, self.advance)
        if all(np.isfinite(each).all() for each in moments):
            shrinkage = min(self.metric.shrinkage, SHRINKAGE)
            self.metric = diagonal = DiagonalMetric(frame, shift, *moments)
            if share > 0.0 and np.isfinite(grams).all():
                self.metric = BlockMetric(diagonal.of_loss, diagonal.of_all, grams, shrinkage)
        self.metric_after *= 2
        self.metric_due = self.n_iter + self.metric_after

    def _share_for_grams(self):
        """The share of the samples from which to compute the correlations of the features; 0 if they cost too much."""
        n, d, K = self.objective.n_samples, self.objective.n_features, self.objective.n_outputs
        cost = d * d * PRODUCT / cost_of_iteration(self.objective.moments.known_share, K)  # of all samples
        count = min(n, MOST_SAMPLES * (d + 20), n * GRAM_SHARE * self.n_iter / cost)
        # A subsample with few samples for its features would mislead; the correlations of all samples are those of F. With fewer
        # samples than features, all of them end at the margin, and if the curvature jumps there, rounding decides which have one.
        few = 0 if self.objective.is_flat_beyond_margin else FEW_FEATURES
        is_enough = count >= LEAST_SAMPLES * d or (count == n and (n >= d or d <= few))
        return count / n if is_enough and K * (d + 1) ** 2 <= MOST_GRAMS else 0.0

    def on_plateau(self, tolerance: float) -> bool:
        """Continue in a metric that shrinks correlations less, if F is to fall by more than the tolerance in it."""
        gradient, best, most = self.current_gradient(), None, tolerance
        if not self.width and self.quadratic_gap(gradient) > tolerance:
            metric = self.sharper_metric()
            while metric is not None:
                fall = 0.5 * float(gradient @ metric.inverse(gradient))
                if fall > most:
                    best, most = metric, 2.0 * fall
                metric = metric.sharper()
        if best is None:
            return super().on_plateau(tolerance)
        self.metric = best
        return True

    def current_gradient(self) -> NDArray[Any]:
        """The gradient of F at u."""
        return self.seen[2]

    def sharper_metric(self) -> Metric | None:
        """The next metric with less shrinkage of correlations."""
        return self.metric.sharper()

    def _ascent(self):
        """The negative of the direction of descent at u; half its product with the gradient is F's decrease to second order."""
        gradient = self.seen[2]
        if self.known is None or self.known[0] is not gradient or self.known[1] is not self.metric:
            self.known = gradient, self.metric, self._inverse(gradient)
        return self.known[2]

    def _inverse(self, gradient):
        """The inverse of the curvature, as far as it is known, times a gradient."""
        return self.metric.inverse(gradient)

    def _drop_shift(self, move):
        """Change a move so that the coefficients at its end add up to zero over the outputs; returns by how much F falls.

        The loss, which ignores what is the same for all outputs, stays the same, and the l2 penalty falls.
        """
        n_coef = self.n_coef
        end = self.u[:n_coef] + move[:n_coef]
        shift = self.frame.shift(end.reshape(self.shape)).ravel()
        move[:n_coef] -= shift
        return float((self.ridge[:n_coef] * shift) @ (end - 0.5 * shift))

    def _look(self):
        """The smoothed objective, the mean loss without smoothing, and the gradient, at u."""
        loss, plain, gradient = self.look_at(self.u)
        return loss + self._penalty(), plain, gradient + self.ridge * self.u

    def _penalty(self):
        """The l2 penalty at u."""
        return 0.5 * float((self.ridge * self.u) @ self.u)

    @abstractmethod
    def _step(self) -> Step:
        """The step from the current point."""

    def _step_in_plane(self, last):
        """The step to the minimiser of the second-order model on the plane of the direction of descent and a move, if any."""
        ascent = self._ascent()
        coef, intercept = self.model(-ascent)
        (forms,) = self.parts.mean("plane", coef.astype(self.dtype, copy=False), intercept, last is not None, self.advance)
        direction, slope, first = plane_step(self, self.seen[2], ascent, last, forms)
        line = Line(self, first, penalty=parabola(self.ridge, self.u, direction))
        return Step(line, direction, slope, from_past=bool(first[2].any()))

    def _remember(self, move, t, change):
        """Keep what the next step needs of a move of length t, along which the gradient has changed by `change`."""
        self.last = move, t

    def _forget(self):
        """Drop what is kept of earlier moves."""
        self.last = None

    def iterates(self) -> Iterator[Iterate]:
        while True:
            if self.stage_is_over:
                self.next_stage()
            value, plain, gradient = self.seen
            if not gradient @ gradient > 0.0:
                yield self.iterate(value, plain, end=Status.PLATEAU)
                continue
            # 1. the direction
            self._renew_metric()
            step = self._step()
            # 2. the length of the step
            t, new = strong_wolfe(step.line, value, step.slope, self.flatter)
            if t == 0.0 and step.from_past:
                self._forget()
                self.advance = False
                continue
            if t == 0.0:
                yield self.iterate(value, plain, promised=-0.5 * step.slope, end=Status.PLATEAU)
                continue
            step.line.settle(t)
            # 3. the move, and the gradient of the last look
            move = t * step.direction
            if self.frame.ignores_shift:
                new -= self._drop_shift(move)
            self.u = self.u + move
            self.seen, self.advance = (new, step.line.plain, step.line.gradient + self.ridge * self.u), True
            self._remember(move, t, self.seen[2] - gradient)
            if (self.n_iter + 1) % REFRESH == 0:
                self.seen, self.advance = self._look(), False
            value, plain, gradient = self.seen
            gap = self.quadratic_gap(gradient)
            expected = 0.0 if self.width else min(gap, 0.5 * float(gradient @ self._ascent()))
            yield self.iterate(value, plain, gap=gap, expected=expected)
