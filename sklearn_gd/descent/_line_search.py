"""Step lengths along a direction, and the best direction in a plane: searches that several methods of descent share."""

import math

import numpy as np

# Sufficient decrease, as a share of what the slope predicts, and the factor by which the slope must become flatter.
ARMIJO, WOLFE = 1e-4, 0.5
MOST_LOOKS = 30
FIRST_SHARE = 0.5  # of a length that is too long, the next one, as long as no length with a sufficient decrease is known
MOST_SQUARED = 9  # times that this share is squared, at most
WIDE = 16.0  # ratio of the ends of a bracket above which it is divided at their geometric mean
LONGER = 4.0  # largest ratio of two lengths before the minimum along the line is bracketed
SLOW = 0.5  # the slope after a Newton step, as a share of the last one on the same side, above which it converges slowly
CREEPING = 0.7  # the same for the length of a Newton step back
# Slope at the start, relative to the value, up to which slow convergence is accepted: rounding errors would determine the length.
NEGLIGIBLE = 1e-4


def strong_wolfe(look, value, slope, flatter=WOLFE):
    """A step length that satisfies the strong Wolfe conditions, by Newton's method within a bracket.

    Parameters
    ----------
    look : callable
        Returns value, slope and curvature of the function along the line at a step length t.
    value, slope : float
        Those at t = 0; the slope is negative.
    flatter : float, default=WOLFE
        The factor by which the slope must become flatter, above `ARMIJO` and below 1.

    Returns
    -------
    t : float
        The step length; 0 if no evaluated point has a sufficient decrease.
    value : float
        The value at t.

    Notes
    -----
    The first trial is t = 1. The value must decrease by the share `ARMIJO` of what the slope predicts, up to rounding, and the
    slope must be at most `flatter` times as steep as at the start. A point where the function is not finite counts as too far.
    From a point that is too far on a function that grows exponentially, Newton steps have a constant length, and hundreds may
    be necessary. A step that is not much shorter than the one before is therefore replaced by nine tenths of the way back. A
    smoothed loss may curve much more at a point than on average, so that Newton steps hardly change the slope. From such a point
    ahead of the minimum, the secant of the last two slopes replaces the curvature if it reaches farther; behind the minimum, or
    if Newton's method leaves the bracket, the next length is by turns the point where the tangents at the two ends meet, and a
    mean of the ends or a share of the longer one. Slow convergence is accepted if the slope is at most `NEGLIGIBLE` times the
    value. Where a loss is linear its curvature says nothing about the length, and the first trial may be too long by any factor.
    If none of `MOST_LOOKS` lengths satisfies both conditions, the last one is
    returned if its decrease is sufficient, or else the longest one with a sufficient decrease and a negative slope.

    References
    ----------
    J. Nocedal and S. J. Wright, "Numerical Optimization", second edition, 2006, sections 3.1 and 3.5.
    """
    found, t, low, high, before = (0.0, value), 1.0, (0.0, value, slope), (math.inf, math.inf, math.inf), math.inf
    divisions, matters = 0, -slope > NEGLIGIBLE * abs(value)
    for _ in range(MOST_LOOKS):
        new, new_slope, curvature = look(t)
        finite = math.isfinite(new) and math.isfinite(new_slope)
        falls = finite and new <= value + ARMIJO * t * slope + 1e-14 * abs(value)
        found = (t, new) if falls else (0.0, value)
        if falls and abs(new_slope) <= flatter * abs(slope):
            return found
        secant, creeps = 0.0, False
        if falls and new_slope <= 0.0:
            if matters and new_slope < SLOW * low[2]:
                secant = min(_secant(low, t, new_slope), LONGER * t)
            low = t, new, new_slope
        else:
            creeps = matters and abs(new_slope) > SLOW * abs(high[2])
            high = t, new, new_slope
        if not finite:
            t = low[0] + 0.1 * (t - low[0])
            continue
        newton = max(t - new_slope / curvature if curvature > 0.0 else math.inf, secant)
        leaves = not low[0] < newton < high[0]
        if leaves and high[0] == math.inf:
            newton = LONGER * t
        elif leaves or creeps:
            newton, divisions = _divided(low, high, divisions), divisions + 1
        elif t == high[0] and t - newton > CREEPING * before:
            newton = low[0] + 0.1 * (t - low[0])
        before, t = abs(newton - t), newton
    return low[:2] if found[0] == 0.0 and low[1] < value else found


def _secant(low, t, slope):
    """The zero of the line through the slopes at the lower end of a bracket and at t; infinite if the slope does not rise."""
    start, _, first = low
    return t - slope * (t - start) / (slope - first) if slope > first else math.inf


def _divided(low, high, divisions):
    """A length between the ends of a bracket, each given by its length, value and slope; `divisions` counts the earlier calls.

    The tangents of a parabola meet in the middle, those of an absolute value at its minimum.
    """
    (a, value_a, slope_a), (b, value_b, slope_b) = low, high
    if divisions % 2 == 0 and slope_a < slope_b:
        meeting = a + (value_b - value_a - (b - a) * slope_b) / (slope_a - slope_b)
        if a < meeting < b:
            return meeting
    if a == 0.0:
        return b * FIRST_SHARE ** (1 << min(divisions // 2, MOST_SQUARED))
    return 0.5 * (a + b) if b < WIDE * a else math.sqrt(a) * math.sqrt(b)


def backtrack(look, value, decrease, shortest=1e-12):
    """Return the first of the step lengths 1, 1/2, 1/4, ... with a sufficient decrease.

    Parameters
    ----------
    look : callable
        Returns the value of the function at a step length.
    value : float
        The value at t = 0.
    decrease : float
        A lower bound of the first-order decrease of a step of length 1; positive.
    shortest : float, default=1e-12
        The length below which any decrease is sufficient, and at which the search ends.

    Returns
    -------
    t : float
        The step length; 0 if there is none.
    value : float
        The value at t.

    References
    ----------
    J. Nocedal and S. J. Wright, "Numerical Optimization", second edition, 2006, algorithm 3.1.
    """
    t = 1.0
    while True:
        new = look(t)
        if new <= value - ARMIJO * t * decrease or t < shortest:
            return (t, new) if new < value else (0.0, value)
        t *= 0.5


def spectral_length(move, change, last, shortest=1e-10, longest=1e10):
    """The step length of Barzilai and Borwein: the inverse of the curvature along the last move.

    Parameters
    ----------
    move : ndarray, (n,)
        The last move.
    change : ndarray, (n,)
        The change of the gradient along it.
    last : float
        The last step length; twice this is returned if the curvature is not positive.
    shortest, longest : float, default=1e-10, 1e10
        The limits of the inverse.

    Returns
    -------
    float
        The step length.

    References
    ----------
    J. Barzilai and J. M. Borwein, "Two-point step size gradient methods", 1988, equation 5.
    """
    curvature = float(move @ change)
    if not curvature > 0.0:
        return 2.0 * last
    return min(max(float(move @ move) / curvature, shortest), longest)


def plane_minimiser(steep, a, b=0.0, c=0.0, along=0.0):
    r"""The minimiser of a second-order model over the plane of the negative gradient and the last move.

    With the gradient g, the Hessian H and the last move d, the minimiser :math:`-c_0 g + c_1 d` is the point where the two
    partial derivatives of the model are zero.

    Parameters
    ----------
    steep : float
        g'g.
    a, b, c : float
        g'Hg, -g'Hd, d'Hd; without a last move the last two are 0.
    along : float
        g'd.

    Returns
    -------
    c_0, c_1 : float
        The factors of -g and d; c_1 is 0 if the plane has no minimiser, or one that is no descent direction.
    slope : float
        The derivative of the function along the direction: negative.
    """
    determinant = a * c - b * b
    if determinant > 1e-12 * a * c:
        c_0, c_1 = (c * steep + b * along) / determinant, -(a * along + b * steep) / determinant
        slope = -c_0 * steep + c_1 * along
        if slope < 0.0 and math.isfinite(slope):
            return c_0, c_1, slope
    c_0 = steep / a if a > 0.0 and math.isfinite(steep / a) else 1.0
    return c_0, 0.0, -c_0 * steep


def plane_minimisers(*forms):
    """The results of `plane_minimiser` for several functions: arrays of c_0, c_1 and slope, from arrays of its arguments."""
    return np.array([plane_minimiser(*each) for each in zip(*[form.tolist() for form in forms], strict=True)]).T
