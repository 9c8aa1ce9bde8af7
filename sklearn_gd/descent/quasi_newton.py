r"""Batch descent without a learning rate, on samples larger than the cache and for smoothed losses: L-BFGS, preconditioned.

Every iteration moves along :math:`-H g`, where H approximates the inverse of F's second derivatives: the inverse of the metric
of `SmoothDescent`, updated by the last `MOST_PAIRS` moves and the changes of the gradient along them. A step of length one
nearly always satisfies the strong Wolfe conditions. One pass over the samples computes the scores of the direction and the
gradient at its end, where the memory gradient method needs two: both take two products with X, but L-BFGS reads it once. The
first step goes to the minimiser of the second-order model along the gradient.

A smoothed loss has curvature only near the points where the loss is not differentiable. A change of the gradient along a move
covers many of them, and so describes the loss better than the second derivatives at one point, which the memory gradient method
uses.

References
----------
D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", 1989.
J. Nocedal and S. J. Wright, "Numerical Optimization", second edition, 2006, algorithm 7.4. Here the initial matrix is a multiple
of the inverse of a metric.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..objective._preconditioner import Metric
from ..objective._products import LARGE
from ._blocks import Blocks
from ._preconditioned import Line, parabola
from ._smooth_descent import SmoothDescent, Step

MOST_PAIRS = 10  # moves that are kept
CACHED = LARGE // 8  # values of all samples, in float64, up to which two passes take no longer than one
# Largest number of values in the pairs: this share of those of the samples, or `FEW` if that is more.
SHARE, FEW = 0.125, 1 << 22
FLATTER = 0.9  # as in `strong_wolfe`: a longer search costs more than it gains (Nocedal and Wright, section 3.1)
LEAST_CURVATURE = 1e-10  # along a move, as the cosine of move and change, for the pair to be kept


def is_better(objective: Any) -> bool:
    """Whether the method is better than that of the memory gradient: for smoothed losses, and where reading takes most time.

    The pairs must take little memory. With no more samples than coordinates a smoothed loss becomes almost flat, and the rounding
    errors of the changes of the gradient would determine the path.
    """
    values = objective.n_samples * float(objective.moments.known_share.sum())
    pairs = 2 * MOST_PAIRS * objective.n_outputs * objective.n_features
    if pairs > max(SHARE * values, FEW):
        return False
    return values > CACHED or (not objective.loss.smooth and objective.n_samples > objective.n_features + 1)


class Pairs:
    """The last moves of u and the changes of the gradient along them.

    Parameters
    ----------
    blocks : Blocks
        The blocks of u that F is a sum over; each has an approximation of its second derivatives.
    moves, changes : sequence of ndarray
        The oldest first.
    """

    blocks: Blocks
    pairs: deque[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]

    def __init__(self, blocks: Blocks, moves: Iterable[NDArray[Any]] = (), changes: Iterable[NDArray[Any]] = ()) -> None:
        self.blocks = blocks
        self.pairs = deque(maxlen=MOST_PAIRS)
        for move, change in zip(moves, changes):
            self.add(move, change)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def moves(self) -> list[NDArray[Any]]:
        """The moves, the oldest first."""
        return [move for move, _, _ in self.pairs]

    @property
    def changes(self) -> list[NDArray[Any]]:
        """The changes of the gradient, the oldest first."""
        return [change for _, change, _ in self.pairs]

    def add(self, move: NDArray[Any], change: NDArray[Any]) -> None:
        """Add a pair, and drop the oldest of too many; in blocks where F has no curvature along the move it does not count."""
        products = self.blocks.products
        curvature = products(move, change)
        usable = curvature > LEAST_CURVATURE * np.sqrt(products(move, move) * products(change, change))
        if usable.any():
            self.pairs.append((move, change, np.divide(1.0, curvature, out=np.zeros(len(curvature)), where=usable)))

    def inverse(self, metric: Metric, gradient: NDArray[Any]) -> NDArray[Any]:
        """The inverse of a metric, updated by the pairs, times a gradient: the two-loop recursion."""
        if not self.pairs:
            return metric.inverse(gradient)
        products, spread = self.blocks.products, self.blocks.spread
        rest, shares = gradient, []
        for move, change, flatness in reversed(self.pairs):
            shares.append(flatness * products(move, rest))
            rest = rest - spread(shares[-1]) * change
        _, last, flatness = self.pairs[-1]
        ratio = flatness * products(last, metric.inverse(last))
        found = metric.inverse(rest) * spread(np.divide(1.0, ratio, out=np.ones(len(ratio)), where=ratio > 0.0))
        for move, change, flatness in self.pairs:
            found = found + spread(shares.pop() - flatness * products(change, found)) * move
        return found


class QuasiNewton(SmoothDescent):
    """The method for a smooth or smoothed loss and an l2 penalty.

    Attributes
    ----------
    pairs : Pairs
        The last moves, and the changes of the gradient along them.
    """

    pairs: Pairs
    known: tuple[NDArray[Any], Metric, NDArray[Any]] | None = None
    flatter: float = FLATTER

    def snapshot(self) -> dict[str, Any]:
        return super().snapshot() | {"moves": _stacked(self.pairs.moves), "changes": _stacked(self.pairs.changes)}

    def _take(self, saved):
        super()._take(saved)
        self.pairs = Pairs(self.blocks, saved["moves"], saved["changes"])

    def _inverse(self, gradient):
        return self.pairs.inverse(self.metric, gradient)

    def _step(self) -> Step:
        ascent = self._ascent()
        slope = -float(self.seen[2] @ ascent)
        if not slope < 0.0:
            self._forget()
        if not self.pairs:
            return self._step_in_plane(None)
        coef, intercept = self.model(-ascent)
        first = "line", coef.astype(self.dtype, copy=False), intercept
        line = Line(self, first, (self.advance,), penalty=parabola(self.ridge, self.u, -ascent))
        return Step(line, -ascent, slope, from_past=True)

    def _remember(self, move, t, change):
        self.pairs.add(move, change)

    def _forget(self):
        super()._forget()
        self.pairs, self.known = Pairs(self.blocks), None


def _stacked(vectors):
    """Vectors as the rows of a matrix, possibly none."""
    return np.stack(vectors) if vectors else np.empty((0, 0))
