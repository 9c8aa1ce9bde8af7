r"""The equation of an implicit step: the slope is evaluated after the step, so the step cannot overshoot the sample.

A step that changes the slope of a sample's score z from `old` by c moves the score by -q c, where q > 0 is the step length times
the squared norm of the sample. The change that is consistent with the loss solves

.. math:: c = loss'(z - q c) - old

Stochastic proximal steps have old = 0: the minimiser over v of :math:`loss(x v) + |v - v_0|^2 / 2 g` is :math:`v_0 - g c x` with
:math:`q = g |x|^2`. In SVRG and SAGA `old` is the slope in their table.

References
----------
P. Toulis and E. M. Airoldi, "Asymptotic and finite-sample properties of estimators based on stochastic gradients", 2017.
"""

import math

MAX_EVALUATIONS = 120  # of the slope of one score; bisection reaches `JUMP_WIDTH` in 48, every second evaluation in 96
JUMP_WIDTH = 1e-11  # relative width to which a jump of the slope is located if no change solves the equation
ROUNDING = 4e-16  # relative rounding error of a score
MAX_COUPLED_EVALUATIONS = 30
WORK_ROWS = 5  # rows of scores in the workspace of `make_coupled_implicit`
RESIDUAL, OLD, BEST = 2, 3, 4  # three of these rows, accessed by index because views need reference counting


def make_implicit(slope):
    """Make the solver for one score: the Illinois variant of regula falsi.

    For a convex loss :math:`f(c) = loss'(z - q c) - old - c` falls, with a slope of at most -1, from f(0), the explicit change,
    to f(f(0)) of the opposite sign. The first trial is exact if the loss is quadratic. Then secants through the last two points
    lead to the other side of the root, after which it is bracketed.

    References
    ----------
    M. Dowell and P. Jarratt, "A modified regula falsi method for computing the root of an equation", 1971.
    """

    def implicit(y, raw, old, q, curvature, tolerance, p):
        """Solve for the change c of the slope.

        Parameters
        ----------
        y, raw, old : float
            Target, score, and the slope relative to which the change is measured.
        q : float
            The decrease of the score for a change of one; 0 for an explicit step.
        curvature : float
            The second derivative of the loss, or an estimate, for the first trial.
        tolerance : float
            The accepted residual of the equation, relative to the change.
        p : ndarray
            Parameters of the loss.

        Returns
        -------
        c : float
            The change; not finite if the slope at `raw` is not.
        fall : float
            slope(raw) - slope(raw - q c). Divided by q c it is the mean second derivative along the step.
        """
        first = slope(y, raw, p) - old
        damped = first / (1.0 + q * curvature)
        if q == 0.0 or first == 0.0 or not math.isfinite(first):
            return damped, 0.0
        # A change smaller than this does not move the score.
        least = ROUNDING * abs(raw) / q
        low, low_value, high, high_value = 0.0, first, first, 0.0
        bracketed, last_side, residual_at_low = False, 0.0, first
        c, damped_value, before, before_value = damped, first, 0.0, first
        for evaluation in range(MAX_EVALUATIONS):
            value = slope(y, raw - q * c, p) - old - c
            if evaluation == 0:
                damped_value = value
            # The second condition is the rounding error of the slope, which exceeds the first if the slope is almost zero. It
            # does not apply to a step that is too long: where the slope jumps, it has no rounding error.
            within_rounding = abs(value) <= ROUNDING * curvature * abs(raw) and value * first >= 0.0
            if abs(value) <= tolerance * abs(c) or within_rounding:
                return c, first - c - value
            side = 1.0 if value * first > 0.0 and math.isfinite(value) else -1.0
            if side > 0.0 and c == first:
                # The loss is not convex here, and the root may be far: return the step given by its curvature.
                return damped, first - damped - damped_value
            # 1. keep the points on both sides of the root; halve the value at an end that stays twice
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
            # 2. the secant through both ends or, until the root is bracketed, through the last two points
            if bracketed and high_value != low_value:
                c = high - high_value * (high - low) / (high_value - low_value)
            elif low_value != before_value:
                c = low - low_value * (low - before) / (low_value - before_value)
            # 3. if the slope jumps or explodes, secants converge slowly: bisect every second time, in exponents if these differ
            if bracketed:
                if (evaluation > 3 and evaluation % 2 == 0) or not (c - low) * (c - high) < 0.0:
                    c = 0.5 * (low + high)
                    shorter = max(abs(low), least)
                    if abs(high) > 4.0 * shorter > 0.0:
                        c = math.copysign(math.sqrt(shorter) * math.sqrt(abs(high)), first)
            elif evaluation > 3 or not (c - low) * (c - first) < 0.0:
                c = first
        # Return the end before the root, as a step that is too short does no harm.
        return low, first - low - residual_at_low

    return implicit


def make_coupled_implicit(gradient):
    """Make the solver for a loss of all scores of a sample, by Barzilai-Borwein steps.

    The residual c + old - gradient(raw - q c) has a symmetric derivative in c with eigenvalues from 1 to 1 + q * curvature, so it
    is the gradient of a convex function of c.

    References
    ----------
    J. Barzilai and J. M. Borwein, "Two-point step size gradient methods", 1988.
    """

    def implicit(label, raw, q, curvature, tolerance, work, p, c):
        """Solve for the changes of all slopes; if that fails, return the best trial.

        Parameters
        ----------
        label : int
            The class.
        raw : ndarray, (n_outputs,)
            Scores.
        q, curvature, tolerance : float
            As for one score; `curvature` must be a bound, and the tolerance applies to the norm of the residual.
        work : ndarray, (WORK_ROWS, n_outputs)
            The workspace, which is overwritten.
        p : ndarray
            Parameters of the loss.
        c : ndarray, (n_outputs,)
            The slopes relative to which the changes are measured; receives the changes.
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
            # 2. the residual after the step, and its change along the step
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
            # 3. the next step length, between the inverses of the largest and the smallest eigenvalue
            step = min(max(square / product if product > 0.0 else 0.0, shortest), 1.0)
            for k in range(n_outputs):
                c[k] -= step * work[RESIDUAL, k]
        if least < math.inf:
            for k in range(n_outputs):
                c[k] = work[BEST, k]

    return implicit
