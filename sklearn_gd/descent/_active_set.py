"""The minimiser of a quadratic function plus an l1 penalty, by solving for one active set of coefficients after another.

References
----------
H. Lee, A. Battle, R. Raina and A. Y. Ng, "Efficient sparse coding algorithms", 2007, algorithm 1 (feature-sign search). Here
several coefficients may enter at a time.
"""

import numpy as np
from scipy.linalg.lapack import dposv

EXACT = 1e-11  # of the largest slope; a smaller slope counts as zero
ENTERING = 0.5  # of the largest violation; a coefficient enters above it
LENGTHS = 0.5 ** np.arange(8)  # tried along a move on which coefficients change sign
MOST_SETS = 6  # active sets in one call


def l1_minimiser(hessian, gradient, threshold, start, bounded):
    r"""Compute the minimiser over v of ``gradient'(v - start) + (v - start)'hessian (v - start) / 2 + threshold'|v|``.

    Parameters
    ----------
    hessian : ndarray, (n, n)
        Positive definite.
    gradient : ndarray, (n,)
        The gradient at `start`.
    threshold : ndarray, (n,)
        The slope of the l1 penalty in each coefficient; 0 without one.
    start : ndarray, (n,)
        The start of the search.
    bounded : ndarray of bool, (n,)
        Which coefficients must not be negative.

    Returns
    -------
    ndarray, (n,)
        The minimiser, up to rounding; after `MOST_SETS` sets, a point with a lower value than the start.
    """
    v, slope = start.copy(), gradient.copy()
    free = (threshold == 0.0) & ~bounded
    exact = EXACT * max(float(np.abs(gradient).max(initial=0.0)), float(threshold.max(initial=0.0)))
    most_new = max(len(v) // 4, 8)
    for _ in range(MOST_SETS):
        on = (v != 0.0) | free
        sign = np.where(on, np.sign(v), -np.sign(slope))
        excess = np.where(on | (bounded & (slope > 0.0)), 0.0, np.abs(slope) - threshold)
        new = excess > max(exact, ENTERING * float(excess.max()))
        if np.count_nonzero(new) > most_new:
            new &= excess >= np.partition(excess, -most_new)[-most_new]
        residual = slope + threshold * sign
        off_balance = float(np.abs(residual[on]).max(initial=0.0))
        if off_balance <= exact and not new.any():
            break
        index = np.flatnonzero(on | new)
        # 1. the minimiser for these coefficients and signs; a coefficient that would enter against its slope stays at zero
        block = hessian[np.ix_(index, index)]
        while len(index):
            move = -_solved(block, residual[index])
            wrong = new[index] & (move * sign[index] <= 0.0)
            if not wrong.any():
                break
            index, block = index[~wrong], block[np.ix_(~wrong, ~wrong)]
        if not len(index) or (off_balance <= exact and not new[index].any()):
            if most_new == 1:
                break
            most_new = max(most_new // 4, 1)
            continue
        # 2. the lowest point on the way there: a coefficient that changes sign may stop at zero
        moved = _along(v[index], move, slope[index], block, threshold[index], free[index], bounded[index])
        step = np.zeros(len(v))
        step[index] = moved - v[index]
        if not step.any():
            break
        v[index] = moved
        slope = slope + hessian @ step
        most_new *= 2
    return v


def _solved(matrix, right):
    """Solve a positive definite system; a ridge is added to a matrix that is singular by rounding."""
    # LAPACK's function, as SciPy's checks take longer than the solution of a small system.
    _, solution, failed = dposv(matrix, right)
    bump = 0.0
    while failed:
        bump = max(100.0 * bump, 1e-12 * float(np.trace(matrix)) / len(matrix), 1e-300)
        _, solution, failed = dposv(matrix + bump * np.eye(len(matrix)), right)
    return solution


def _along(v, move, slope, hessian, threshold, free, bounded):
    """The lowest point on the path from v along a move, or its end with changed signs set to zero if that is lower."""
    crossing = ~free & (v * (v + move) < 0.0)
    if not crossing.any():
        return v + move
    # The slope along the path jumps where a coefficient crosses zero.
    at = np.flatnonzero(crossing)
    times = -v[at] / move[at]
    order = np.argsort(times, kind="stable")
    at, times = at[order], times[order]
    jumps = np.where(bounded[at], np.inf, 2.0 * threshold[at] * np.abs(move[at]))
    bent = float(move @ hessian @ move)
    begun = float((slope + threshold * np.sign(np.where(v == 0.0, move, v))) @ move)
    before = begun + bent * times + np.append(0.0, np.cumsum(jumps)[:-1])
    first = int(np.argmax(before + jumps >= 0.0)) if (before + jumps >= 0.0).any() else len(at)
    if first < len(at) and before[first] < 0.0:
        lowest = v + times[first] * move
        lowest[at[first]] = 0.0
    else:
        jumped = float(jumps[:first].sum())
        lowest = v + min(max(-(begun + jumped) / bent, 0.0), 1.0) * move
    # Several may stop at the same time: try lengths of a path on which a coefficient stays at zero once it has crossed.
    paths = v + LENGTHS[:, None] * move
    paths[(v * paths < 0.0) & ~free] = 0.0
    paths = np.vstack([lowest, paths])
    away = paths - v
    totals = away @ slope + 0.5 * np.einsum("ij,ij->i", away @ hessian, away) + np.abs(paths) @ threshold
    return paths[int(np.argmin(totals))]
