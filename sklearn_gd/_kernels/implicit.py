r"""The equation of an implicit step: the slope is taken after the step, so that the step cannot overshoot the sample.

A step that changes the slope of a sample's score z from `old` by c moves the score by -q c, where q > 0 is the step length times
the squared norm of the sample. The change that is consistent with the loss solves

.. math:: c = loss'(z - q c) - old

Stochastic proximal steps have old = 0: the minimiser over v of :math:`loss(x v) + |v - v_0|^2 / 2 g` is :math:`v_0 - g c x` with
:math:`q = g |x|^2`. SVRG and SAGA have the slope in their table for `old`.

References
----------
P. Toulis and E. M. Airoldi, "Asymptotic and finite-sample properties of estimators based on stochastic gradients", 2017.
"""

import math

MAX_EVALUATIONS = 120  # of the slope of one score; halving alone reaches `JUMP_WIDTH` in 48, every other time in 96
JUMP_WIDTH = 1e-11  # relative width to which a jump of the slope is located, where no change solves the equation
ROUNDING = 4e-16  # of a score, relative
MAX_COUPLED_EVALUATIONS = 30
WORK_ROWS = 5  # rows of scores that `make_coupled_implicit` works in
RESIDUAL, OLD, BEST = 2, 3, 4  # three of them, addressed by index, because views count references


def make_implicit(slope):
    """Make the solver for one score: regula falsi in its Illinois variant.

    For a convex loss :math:`f(c) = loss'(z - q c) - old - c` falls, with a slope of at most -1, from f(0), the explicit change,
    to f(f(0)) of the opposite sign. The first point tried is exact where the loss is quadratic; secants through the last two
    points lead on to the other side of the root; then the root is bracketed.

    References
    ----------
    M. Dowell and P. Jarratt, "A modified regula falsi method for computing the root of an equation", 1971.
    """

    def implicit(y, raw, old, q, curvature, tolerance, p):
        """Solve for the change c of the slope.

        Parameters
        ----------
        y, raw, old : float
            Target, score, and the slope that the change is counted from.
        q : float
            How far the score moves against a change of one; 0 for an explicit step.
        curvature : float
            The loss's second derivative, or an estimate: where the search begins.
        tolerance : float
            Residual of the equation that is accepted, relative to the change.
        p : ndarray
            Parameters of the loss.

        Returns
        -------
        c : float
            The change; not finite where the slope at `raw` is not.
        fall : float
            slope(raw) - slope(raw - q c). Over q c this is the mean second derivative along the step.
        """
        first = slope(y, raw, p) - old
        damped = first / (1.0 + q * curvature)
        if q == 0.0 or first == 0.0 or not math.isfinite(first):
            return damped, 0.0
        # A change under this does not move the score.
        least = ROUNDING * abs(raw) / q
        low, low_value, high, high_value = 0.0, first, first, 0.0
        bracketed, last_side, residual_at_low = False, 0.0, first
        c, damped_value, before, before_value = damped, first, 0.0, first
        for evaluation in range(MAX_EVALUATIONS):
            value = slope(y, raw - q * c, p) - old - c
            if evaluation == 0:
                damped_value = value
            # The second is the rounding error of the slope, more than the first where the slope is almost zero. A step that is
            # too long is not excused by it: at a kink the slope has no rounding error.
            within_rounding = abs(value) <= ROUNDING * curvature * abs(raw) and value * first >= 0.0
            if abs(value) <= tolerance * abs(c) or within_rounding:
                return c, first - c - value
            side = 1.0 if value * first > 0.0 and math.isfinite(value) else -1.0
            if side > 0.0 and c == first:
                # The loss is not convex here, and the root may be far: take the step of its curvature.
                return damped, first - damped - damped_value
            # 1. keep the points on both sides of the root; the end that stays twice counts half
            if side > 0.0:
                before, before_value = low, low_value
                low, low_value, residual_at_low = c, value, value
                if side == last_side:
                    high_value *= 0.5
            else:
                high, high_value = c, value
                if side == last_side:
                    low_value *= 0.5
                bracketed = True
            last_side = side
            if bracketed and abs(high - low) <= max(JUMP_WIDTH * abs(high), least):
                break
            # 2. the secant, through the two ends or, while there is only one, through the last two points
            if bracketed and high_value != low_value:
                c = high - high_value * (high - low) / (high_value - low_value)
            elif low_value != before_value:
                c = low - low_value * (low - before) / (low_value - before_value)
            # 3. where the slope jumps or explodes, secants come near slowly: halve every other time, the exponents if they differ
            if bracketed:
                if (evaluation > 3 and evaluation % 2 == 0) or not (c - low) * (c - high) < 0.0:
                    c = 0.5 * (low + high)
                    shorter = max(abs(low), least)
                    if abs(high) > 4.0 * shorter > 0.0:
                        c = math.copysign(math.sqrt(shorter) * math.sqrt(abs(high)), first)
            elif evaluation > 3 or not (c - low) * (c - first) < 0.0:
                c = first
        # The end before the root: a step too short is harmless.
        return low, first - low - residual_at_low

    return implicit


def make_coupled_implicit(gradient):
    """Make the solver for a loss of all scores of a sample: steps of Barzilai and Borwein.

    The residual c + old - gradient(raw - q c) has a symmetric derivative in c, of eigenvalues from 1 to 1 + q * curvature, so
    that it is itself the gradient of a convex function of c.

    References
    ----------
    J. Barzilai and J. M. Borwein, "Two-point step size gradient methods", 1988.
    """

    def implicit(label, raw, q, curvature, tolerance, work, p, c):
        """Solve for the changes of all slopes, or keep the best of the points tried.

        Parameters
        ----------
        label : int
            The class.
        raw : ndarray, (n_outputs,)
            Scores.
        q, curvature, tolerance : float
            As for one score; `curvature` must be a bound. The tolerance is one for the norm of the residual.
        work : ndarray, (WORK_ROWS, n_outputs)
            Overwritten.
        p : ndarray
            Parameters of the loss.
        c : ndarray, (n_outputs,)
            The slopes that the changes are counted from; receives the changes.
        """
        n_outputs = len(raw)
        slope, moved = work[0], work[1]
        shortest = 1.0 / (1.0 + q * curvature)
        # 1. the explicit change, damped
        gradient(label, raw, slope, p)
        first, step = 0.0, shortest
        for k in range(n_outputs):
            work[OLD, k] = c[k]
            work[RESIDUAL, k] = work[OLD, k] - slope[k]
            first += work[RESIDUAL, k] * work[RESIDUAL, k]
            c[k] = -step * work[RESIDUAL, k]
        if q == 0.0 or not math.isfinite(first):
            return
        least = math.inf
        for _ in range(MAX_COUPLED_EVALUATIONS):
            # 2. the residual after the step, and how it has changed along the step
            for k in range(n_outputs):
                moved[k] = raw[k] - q * c[k]
            gradient(label, moved, slope, p)
            size, product, square = 0.0, 0.0, 0.0
            for k in range(n_outputs):
                now = c[k] + work[OLD, k] - slope[k]
                move = -step * work[RESIDUAL, k]
                product += move * (now - work[RESIDUAL, k])
                square += move * move
                size += now * now
                work[RESIDUAL, k] = now
            if size <= tolerance * tolerance * first:
                return
            if size < least:
                least = size
                for k in range(n_outputs):
                    work[BEST, k] = c[k]
            if not math.isfinite(size):
                break
            # 3. the next step, no longer than the inverse of the least eigenvalue and no shorter than that of the largest
            step = min(max(square / product if product > 0.0 else 0.0, shortest), 1.0)
            for k in range(n_outputs):
                c[k] -= step * work[RESIDUAL, k]
        if least < math.inf:
            for k in range(n_outputs):
                c[k] = work[BEST, k]

    return implicit
