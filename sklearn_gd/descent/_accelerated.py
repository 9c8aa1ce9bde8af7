r"""Accelerated proximal steps on a working set, where the second derivatives of its features would cost too much.

Each step minimises, from a point :math:`v` on the line through the last two models,

.. math::  g' u + \frac{L}{2} \lVert u - v \rVert^2 + \text{penalty}(u),

with the gradient g of the mean loss at v. L is raised until this bounds F at the minimiser, and lowered a little after every
step. The extrapolation restarts after a step that raises F, and when the step points against the last move.

References
----------
A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems", 2009, section 4.
B. O'Donoghue and E. Candès, "Adaptive restart for accelerated gradient schemes", 2015 (both restarts).
"""

import math
from typing import Any

from numpy.typing import NDArray

MOST_STEPS, MOST_SMOOTHED = 100, 1000  # between two looks at all features; the latter for a smoothed loss
CLOSE = 0.01  # of half the squared violation that is asked for, as a smoothed loss may be steeper elsewhere
EASED = 0.9  # factor on L after each step
STEEPEST = 1e12  # largest L: beyond it the loss does not match its gradient


class AcceleratedSteps:
    """Descent of one working set by accelerated proximal steps.

    Parameters
    ----------
    some : WorkingSet
        The set, at its current point.

    Attributes
    ----------
    weight : float
        Grows with the number of steps since the extrapolation began; one at its start.
    move : ndarray or None
        The last move, at whose end the scores are; None before the first one.
    """

    weight: float = 1.0
    move: NDArray[Any] | None = None

    def __init__(self, some: Any) -> None:
        self.some = some

    def minimise(self, enough: float) -> float:
        """Descend until half the squared violation is about `enough`.

        Parameters
        ----------
        enough : float
            Half the squared violation to reach.

        Returns
        -------
        float
            0, or the predicted decrease of F if no step has decreased it.
        """
        some, method = self.some, self.some.method
        start = u = some.u
        value = some.value
        if self.move is None:
            point, loss, slopes = u, value - some.penalty(u), some.slopes - some.ridge * u
            at = None if some.advance else 0.0  # where the scores are to be; None for the point of the last look
        else:
            point, loss, slopes = self._extrapolated(u)
            at = 1.0
        promised = 0.0
        for _ in range(MOST_SMOOTHED if some.width else MOST_STEPS):
            method.spent += 1
            target, end = self._step(point, loss, slopes, at, u)
            away, new = point - target, end + some.penalty(target)
            promised = 0.5 * method.steepness * float(away @ away)
            if not new < value:
                self.weight = 1.0
                if point is u:
                    break
                point, (loss, slopes), at = u, self._gradient_along(0.0), 0.0
                continue
            self.move, u, value = target - u, target, new
            if float(away @ self.move) > 0.0:
                self.weight = 1.0
            if method.steepness * promised <= (CLOSE * enough if some.width else enough):
                break
            point, loss, slopes = self._extrapolated(u)
            at = 1.0
            method.steepness *= EASED
        if u is not target:
            self.move = None
        if u is start:
            some.advance = False  # the scores are at the start, not at the last look
            return promised
        sums, *gradient = some.parts.mean("again", 1.0 if u is target else 0.0)
        some.u, some.value, some.plain, some.advance = u, float(sums[0]) + some.penalty(u), float(sums[3]), True
        some.slopes = some.gradient(*gradient) + some.ridge * u
        return 0.0

    def _extrapolated(self, u):
        """A point ahead of u on the line of the last move; the loss and its gradient there."""
        before = self.weight
        self.weight = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * before * before))
        ahead = (before - 1.0) / self.weight
        loss, slopes = self._gradient_along(1.0 + ahead)
        return u + ahead * self.move, loss, slopes

    def _gradient_along(self, t):
        """The mean loss and its gradient t along the last direction of the scores."""
        sums, *gradient = self.some.parts.mean("again", t)
        return float(sums[0]), self.some.gradient(*gradient)

    def _step(self, point, loss, slopes, at, u):
        """The end of the proximal step from a point with the smallest tried L that bounds the loss there, and the loss there."""
        some, method = self.some, self.some.method
        while True:
            target = some.prox(method.steepness * point - slopes, method.steepness + some.ridge)
            end = float(some.parts.mean("extend", *some.model(target - u), at)[0])
            away, at = target - point, 0.0
            bound = loss + float(slopes @ away) + 0.5 * method.steepness * float(away @ away)
            if end <= bound + 1e-14 * abs(loss) or not method.steepness < STEEPEST:
                return target, end
            method.steepness *= 2.0
