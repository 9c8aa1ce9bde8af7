r"""Batch descent without a learning rate, on samples larger than the cache and for smoothed losses: L-BFGS, preconditioned.

Every iteration moves along :math:`-H g`, where H approximates the inverse of F's second derivatives: the inverse of the metric
of `SmoothDescent`, updated by the last `MOST_PAIRS` moves and the changes of the gradient along them. A step of length one
nearly always satisfies the strong Wolfe conditions. One pass over the samples computes the scores of the direction and the
gradient at its end, where the memory gradient method needs two: both take two products with X, but L-BFGS reads it once. The
first step goes to the minimiser of the second-order model along the gradient.

A smoothed loss curves where the loss is not differentiable, and nowhere else. The changes of the gradient along moves, which are
means over many such points, describe it better than the second derivatives at one point, from which the plane of the memory
gradient method comes.

References
----------
D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", 1989.
J. Nocedal and S. J. Wright, "Numerical Optimization", second edition, 2006, algorithm 7.4. Here the initial matrix is a multiple
of the inverse of a metric.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..objective._preconditioner import Metric
from ._preconditioned import Line, parabola
from ._smooth_descent import SmoothDescent, Step

MOST_PAIRS = 10  # moves that are kept
CACHED = 1 << 22  # values of all samples up to which two passes take no longer than one
SMALL_SHARE = 8  # the pairs take at most one of this many parts of the memory of the samples,
FEW = 1 << 22  # or this number of values
FLATTER = 0.9  # as in `strong_wolfe`: a longer search costs more than it gains (Nocedal and Wright, section 3.1)
LEAST_CURVATURE = 1e-10  # along a move, as the cosine of move and change, for the pair to be kept


def is_better(objective: Any) -> bool:
    """Whether the method is better than that of the memory gradient: for smoothed losses, and where reading takes most time.

    The pairs must take little memory. With fewer samples than features a smoothed loss becomes almost flat, and rounding errors
    of the changes of the gradient would decide about the way.
    """
    values = objective.n_samples * float(objective.moments.known_share.sum())
    pairs = 2 * MOST_PAIRS * objective.n_outputs * objective.n_features
    if SMALL_SHARE * pairs > max(values, SMALL_SHARE * FEW):
        return False
    return values > CACHED or (not objective.loss.smooth and objective.n_samples >= objective.n_features)


class Pairs:
    """The last moves of u and the changes of the gradient along them.

    Parameters
    ----------
    moves, changes : sequence of ndarray
        The oldest first.
    """

    moves: list[NDArray[Any]]
    changes: list[NDArray[Any]]

    def __init__(self, moves: Iterable[NDArray[Any]] = (), changes: Iterable[NDArray[Any]] = ()) -> None:
        self.moves, self.changes = list(moves), list(changes)

    def __len__(self) -> int:
        return len(self.moves)

    def add(self, move: NDArray[Any], change: NDArray[Any]) -> None:
        """Add a pair, unless F has no curvature along the move up to rounding, and drop the oldest of too many."""
        if float(move @ change) > LEAST_CURVATURE * np.sqrt(float(move @ move) * float(change @ change)):
            self.moves, self.changes = [*self.moves, move][-MOST_PAIRS:], [*self.changes, change][-MOST_PAIRS:]

    def inverse(self, metric: Metric, gradient: NDArray[Any]) -> NDArray[Any]:
        """The inverse of a metric, updated by the pairs, times a gradient: the two-loop recursion."""
        if not self.moves:
            return metric.inverse(gradient)
        curvatures = [float(move @ change) for move, change in zip(self.moves, self.changes)]
        pairs = list(zip(self.moves, self.changes, curvatures))
        rest, shares = gradient, []
        for move, change, curvature in reversed(pairs):
            shares.append(float(move @ rest) / curvature)
            rest = rest - shares[-1] * change
        last = self.changes[-1]
        found = metric.inverse(rest) * (curvatures[-1] / float(last @ metric.inverse(last)))
        for move, change, curvature in pairs:
            found = found + (shares.pop() - float(change @ found) / curvature) * move
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
        self.pairs = Pairs(saved["moves"], saved["changes"])

    def _inverse(self, gradient):
        return self.pairs.inverse(self.metric, gradient)

    def _step(self) -> Step:
        if not self.pairs:
            return self._step_in_plane(None)
        self._renew_metric(self.advance)
        gradient, ascent = self.seen[2], self._ascent()
        slope = -float(gradient @ ascent)
        if not slope < 0.0:
            self._forget()
            return self._step_in_plane(None)
        coef, intercept = self.model(-ascent)
        first = "line", coef.astype(self.dtype, copy=False), intercept
        line = Line(self, first, (self.advance,), penalty=parabola(self.ridge, self.u, -ascent))
        return Step(line, -ascent, slope, from_past=True)

    def _remember(self, move, t, change):
        self.pairs.add(move, change)

    def _forget(self):
        super()._forget()
        self.pairs, self.known = Pairs(), None


def _stacked(vectors):
    """Vectors as the rows of a matrix, possibly none."""
    return np.stack(vectors) if vectors else np.empty((0, 0))
