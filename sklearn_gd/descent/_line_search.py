"""How far to go along a direction, and the best direction in a plane: the searches that several methods of descent share."""

import math

# The share of the decrease that a slope promises which counts as enough, and by how much a slope must flatten.
ARMIJO, WOLFE = 1e-4, 0.5
MOST_LOOKS = 30


def strong_wolfe(look, value, slope):
    """A step length that satisfies the strong Wolfe conditions, by Newton's method within a bracket.

    Parameters
    ----------
    look : callable
        Takes a step length t to the function's value, slope and curvature there, along the line.
    value, slope : float
        Those at t = 0; the slope is negative.

    Returns
    -------
    t : float
        The step length; 0 where no point that was looked at lies low enough.
    value : float
        The function there.

    Notes
    -----
    The first length is 1. The value must fall by the share `ARMIJO` of what the slope promises, up to rounding, and the slope be
    at most `WOLFE` times as steep as at the start. A point where the function is not finite lies too far. Where none of
    `MOST_LOOKS` lengths satisfies both, the last one is taken if it falls enough: a search that ends on a point that does not
    is a sign of a slope that is not the value's.

    References
    ----------
    J. Nocedal and S. J. Wright, "Numerical Optimization", second edition, 2006, sections 3.1 and 3.5.
    """
    found, t, low, high = (0.0, value), 1.0, 0.0, math.inf
    for _ in range(MOST_LOOKS):
        new, new_slope, curvature = look(t)
        finite = math.isfinite(new) and math.isfinite(new_slope)
        falls = finite and new <= value + ARMIJO * t * slope + 1e-14 * abs(value)
        found = (t, new) if falls else (0.0, value)
        if falls and abs(new_slope) <= WOLFE * abs(slope):
            return found
        if falls and new_slope <= 0.0:
            low = t
        else:
            high = t
        if not finite:
            t = low + 0.1 * (t - low)
            continue
        newton = t - new_slope / curvature if curvature > 0.0 else math.inf
        if not low < newton < high:
            newton = 0.5 * (low + high) if high < math.inf else 4.0 * t
        t = newton
    return found


def backtrack(look, value, decrease, shortest=1e-12):
    """The first of the step lengths 1, 1/2, 1/4, ... at which a function falls enough.

    Parameters
    ----------
    look : callable
        Takes a step length to the function's value there.
    value : float
        That at t = 0.
    decrease : float
        By how much a step of length 1 lowers the function to first order, at least; positive.
    shortest : float, default=1e-12
        The length under which any decrease is enough, and where the search ends.

    Returns
    -------
    t : float
        The step length; 0 where there is none.
    value : float
        The function there.

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
        How the gradient changed on it.
    last : float
        The last step length, doubled where the curvature is not positive.
    shortest, longest : float, default=1e-10, 1e10
        The limits of an inverse.

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

    With the gradient g, the Hessian H and the last move d, the model at :math:`-c_0 g + c_1 d` falls fastest where its two
    derivatives are zero.

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
        The factors of -g and d; c_1 is 0 where the plane has no minimiser, or one that does not descend.
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
