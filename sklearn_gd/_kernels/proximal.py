"""Proximal row steps on columns standardised in passing: one pass over the rows, dense or CSR.

`sklearn_gd.proximal_rows` has the method in words. A model here is v = spread * coef for each score of each track, so that a
row enters as x~ = (x - mean) / spread. Means and spreads come from sums that every row adds to; those in use are taken anew
as the rows grow by a tenth. On CSR everything is O(nonzeros): centring is a multiple tau of r = mean / spread that all
coefficients share, and the sum of the iterates needs a column only when the column is met.
"""

from typing import NamedTuple

import numpy as np

from .._compile import FLOAT, compiled, leaf, run
from .blocks import MATRIX, VECTOR

PROX = FLOAT(MATRIX, VECTOR, FLOAT, FLOAT, VECTOR, VECTOR)

CLIP = 10.0  # spreads from the mean beyond which a value counts no further in the column's moments
MEMORY = 0.999  # discount of the progressive losses from row to row
AHEAD = 1000.0  # rows after which, or after a quarter more than before, the models that are judged are taken anew
PATIENCE = 4  # the penalty acts when this many times as many values as there are columns have been met

# Places in the array of counters.
ROWS, WEIGHT_SUM, REFRESH_AT, VALUES, MEAN_SQUARE, BEND, BENDS, SHARE, FLUSHED, R_SQUARE, FREEZE_AT = range(11)
N_COUNTERS = FREEZE_AT + 1


class Track(NamedTuple):
    """What a pass moves. Scores are those of all tracks, track by track; dense arrays are (scores, columns), CSR the reverse.

    `frozen` has coefficients of the last iterates, then those of the averages, as they were some rows ago: what is judged.
    """

    v: np.ndarray
    total: np.ndarray
    intercept: np.ndarray
    intercept_total: np.ndarray
    tau: np.ndarray
    tau_total: np.ndarray
    centre: np.ndarray
    centre_total: np.ndarray
    reach: np.ndarray
    step: np.ndarray
    losses: np.ndarray
    targets: np.ndarray
    frozen: np.ndarray
    frozen_intercept: np.ndarray


class Columns(NamedTuple):
    """Sums of x - shift and of its square, and the means and inverse spreads in use, 0 for a column without spread."""

    shift: np.ndarray
    total: np.ndarray
    square: np.ndarray
    mean: np.ndarray
    inverse: np.ndarray


class RowLoss(NamedTuple):
    """The compiled proximal step and value of a loss, and its parameters."""

    prox: object
    value: object
    parameters: np.ndarray


class RowPlan(NamedTuple):
    """What stays the same over a run.

    `bend` bounds the loss's second derivative; 0 stands for its running mean, -1 for one over the spread of the targets. `ridge`
    is the l2 penalty's curvature beside that.
    """

    fit_intercept: bool
    standardize: bool
    alpha: float
    bend: float
    ridge: float
    lengths: np.ndarray


# --- the proximal step of a row ------------------------------------------------------------------------------------------


def make_prox(target, gradient):
    """For each score the u that solves u = -g slope(z + q u); returns the mean second derivative met."""

    def prox(y, raw, g, q, out, p):
        bends, met = 0.0, 0
        for k in range(len(raw)):
            t, z = target(y, 0, k), raw[k]
            slope = gradient(t, z, p)
            out[k] = 0.0
            if slope == 0.0 or not np.isfinite(slope):
                continue
            # u lies between 0 and the explicit step, where the loss is convex: a secant kept in its bracket finds it.
            low, at_low = 0.0, g * slope
            high = -g * slope
            at_high = high + g * gradient(t, z + q * high, p)
            u = high
            if (at_high > 0.0) == (at_low > 0.0) and np.isfinite(at_high):
                out[k] = high
                continue
            smallest = 1e-13 * abs(high)
            for turn in range(100):
                u = high - at_high * (high - low) / (at_high - at_low)
                # A kink is found by halving alone.
                if (turn > 3 and turn % 2 == 0) or not np.isfinite(u) or (u - low) * (u - high) >= 0.0:
                    u = 0.5 * (low + high)
                at = u + g * gradient(t, z + q * u, p)
                if (at > 0.0) == (at_high > 0.0) or not np.isfinite(at):
                    if np.isfinite(at):
                        at_low *= 0.5
                    high, at_high = u, at
                else:
                    low, at_low, high, at_high = high, at_high, u, at
                if abs(at) <= smallest or abs(high - low) <= smallest:
                    break
            out[k] = u
            if u != 0.0 and q > 0.0:
                bends += abs((gradient(t, z + q * u, p) - slope) / (q * u))
                met += 1
        return bends / met if met else 0.0

    return prox


def make_row_prox(gradient):
    """The same for a loss of the whole row of scores: damped steps towards u = -g slope(z + q u)."""

    def prox(y, raw, g, q, out, p):
        n, row = len(raw), int(y[0, 0])
        slope, moved = np.empty(n), np.empty(n)
        gradient(row, raw, slope, p)
        damping = 1.0 + 0.5 * g * q
        for k in range(n):
            out[k] = -g * slope[k] / damping
        for _ in range(3 if g * q > 0.05 else 0):
            for k in range(n):
                moved[k] = raw[k] + q * out[k]
            gradient(row, moved, slope, p)
            for k in range(n):
                out[k] -= (out[k] + g * slope[k]) / damping
        return 0.0

    return prox


def row_loss(functions, value):
    """The compiled proximal step of a loss, beside its value."""
    if functions.whole_row:
        return RowLoss(compiled(make_row_prox, PROX, functions.gradient), value, functions.parameters)
    return RowLoss(compiled(make_prox, PROX, functions.target, functions.gradient), value, functions.parameters)


# --- what dense and CSR share --------------------------------------------------------------------------------------------


def refreshed(columns, j, weight_sum, plan):
    """Take mean and unit of column j from its sums: its spread, and what the l2 penalty adds to its curvature."""
    shift, away = columns.shift[j], columns.total[j] / weight_sum
    square = columns.square[j] / weight_sum
    mean = shift + away
    if plan.fit_intercept:
        variance = square - away * away
        if variance <= 1e-13 * square + 100.0 * (1e-13 * mean) ** 2:
            variance = 0.0
    else:
        variance = square + shift * (shift + 2.0 * away)
        mean = 0.0
    columns.mean[j] = mean
    unit = variance * (1.0 + plan.ridge) if plan.standardize else variance + plan.ridge
    columns.inverse[j] = 1.0 / np.sqrt(unit) if variance > 0.0 else 0.0


def counted(columns, j, x, weight):
    """Add a value to the sums of column j, no further from the mean than `CLIP` spreads."""
    inverse = columns.inverse[j]
    if x != 0.0 and inverse > 0.0:
        away = (x - columns.mean[j]) * inverse
        if away > CLIP:
            x = columns.mean[j] + CLIP / inverse
        elif away < -CLIP:
            x = columns.mean[j] - CLIP / inverse
    away = x - columns.shift[j]
    columns.total[j] += weight * away
    columns.square[j] += weight * away * away


def shrink(v, inverse, plan, reach, penalty):
    """Let the penalty act on one score's coefficients v / spread, over a step of length `reach`; implicit where it is smooth."""
    n = len(v)
    alpha, scale = plan.alpha, np.empty(n if plan.standardize else 0)
    coef, step, slope, beyond, zero = np.empty(n), np.empty(n), np.zeros(n), np.zeros(n), np.empty(n)
    for j in range(n):
        coef[j] = v[j] * inverse[j]
        step[j] = reach * inverse[j] * inverse[j]
        zero[j] = coef[j] + 1e-6 * max(abs(coef[j]), 1e-6)
        if plan.standardize:
            scale[j] = 1.0 / (inverse[j] * np.sqrt(1.0 + plan.ridge)) if inverse[j] > 0.0 else 0.0
    penalty.gradient(coef, slope, alpha, scale, penalty.parameters)
    penalty.gradient(zero, beyond, alpha, scale, penalty.parameters)
    for j in range(n):
        bend = max((beyond[j] - slope[j]) / (zero[j] - coef[j]), 0.0)
        coef[j] -= step[j] * slope[j] / (1.0 + step[j] * bend)
    penalty.prox(coef, step, alpha, scale, penalty.parameters)
    for j in range(n):
        if inverse[j] > 0.0:
            v[j] = coef[j] / inverse[j]


def bounded(square, counters):
    """What a row of this |x~|^2 adds to the mean of |x~|^2 + 1: one row far out must not shorten all later steps."""
    square += 1.0
    if counters[ROWS] > 10.0:
        square = min(square, 100.0 * counters[MEAN_SQUARE])
    return square


def row_steps(target, raw, ahead, track, loss, plan, square, relative, counters, u, added):
    """The proximal step u of every score of a row, and the intercept's; takes note of the losses before it.

    `ahead` has the row's scores under the frozen models, `square` is |x~|^2 of the row. The intercept's own column has a value
    whose square is at least 1, and so large at first that the intercept is a running mean of what the first rows ask for.
    """
    n_tracks = len(plan.lengths)
    n_outputs = len(raw) // n_tracks
    rows = counters[ROWS]
    one = np.empty((1, n_outputs))
    weight = np.ones(1)
    bend = plan.bend
    if bend == 0.0:
        bend = counters[BEND] / counters[BENDS] if counters[BENDS] > 0.0 else 1.0
    elif bend < 0.0:
        spread = 0.0
        for k in range(n_outputs):
            away = target[0, k] - track.targets[0, k]
            track.targets[1, k] += relative * away
            track.targets[2, k] += relative * away * away
            mean = track.targets[1, k] / rows
            spread += np.sqrt(max(track.targets[2, k] / rows - mean * mean, 0.0)) / n_outputs
        bend = 1.0 / spread if spread > 0.0 else 1.0
    # The first rows count less: the model was not yet one.
    memory = min(MEMORY, 1.0 - 2.0 / (rows + 2.0))
    met = 0.0
    # No single row decides which model predicts.
    limit = 1e10
    if rows > 100.0:
        limit = 100.0 * (1.0 - memory) * track.losses.max()
    for s in range(n_tracks):
        at = s * n_outputs
        for kind in range(2):
            for k in range(n_outputs):
                one[0, k] = ahead[kind * len(raw) + at + k]
            value = loss.value(target, one, weight, loss.parameters)
            value = min(relative * value, limit) if np.isfinite(value) else limit
            track.losses[kind, s] = memory * track.losses[kind, s] + value
        g = plan.lengths[s] / (bend * counters[MEAN_SQUARE])
        own = 0.0
        if plan.fit_intercept:
            own = max(1.0, (1.0 / g + counters[MEAN_SQUARE]) / max(rows - 1.0, 0.05))
        met += loss.prox(target, raw[at : at + n_outputs], relative * g, square + own, u[at : at + n_outputs], loss.parameters)
        track.step[s] = g
        track.reach[s] += relative * g
        for k in range(n_outputs):
            added[at + k] = own * u[at + k]
    if met > 0.0:
        counters[BEND] += relative * met / n_tracks
        counters[BENDS] += relative


# --- dense ---------------------------------------------------------------------------------------------------------------


def make_dense_pass(refreshed, counted, shrink, row_steps, bounded):
    """One pass over dense rows."""

    def dense_pass(data, order, track, columns, loss, penalty, plan, counters):
        matrix = data.X[0]
        d, n_scores = matrix.shape[1], len(track.intercept)
        n_outputs = n_scores // len(plan.lengths)
        x = np.zeros(d)
        raw, ahead, u, added = np.zeros(n_scores), np.zeros(2 * n_scores), np.zeros(n_scores), np.zeros(n_scores)
        mean, inverse = columns.mean, columns.inverse
        counters[FREEZE_AT] = counters[ROWS]
        for at in range(len(order)):
            row = order[at]
            values, weight = matrix[row], data.weight[row]
            # 1. the penalty, for the rows since it last acted
            if counters[VALUES] >= PATIENCE * d:
                if plan.alpha > 0.0:
                    for m in range(n_scores):
                        shrink(track.v[m], inverse, plan, track.reach[m // n_outputs], penalty)
                track.reach[:] = 0.0
                counters[VALUES] = 0.0
            if counters[ROWS] >= counters[FREEZE_AT]:
                counters[FREEZE_AT] = counters[ROWS] + min(max(0.25 * counters[ROWS], 1.0), AHEAD)
                share = max(counters[SHARE], 1.0)
                for m in range(n_scores):
                    a, b = track.intercept[m], track.intercept_total[m] / share
                    for j in range(d):
                        track.frozen[m, j] = track.v[m, j] * inverse[j]
                        track.frozen[n_scores + m, j] = track.total[m, j] / share * inverse[j]
                        a -= mean[j] * track.frozen[m, j]
                        b -= mean[j] * track.frozen[n_scores + m, j]
                    track.frozen_intercept[m], track.frozen_intercept[n_scores + m] = a, b
            # 2. the moments of the columns, this row included
            counters[ROWS] += 1.0
            counters[WEIGHT_SUM] += weight
            met = 0
            for j in range(d):
                met += values[j] != 0.0
                counted(columns, j, values[j], weight)
            if counters[ROWS] >= counters[REFRESH_AT]:
                for j in range(d):
                    refreshed(columns, j, counters[WEIGHT_SUM], plan)
                counters[REFRESH_AT] = np.floor(1.1 * counters[ROWS]) + 1.0
            else:
                for j in range(d):
                    if inverse[j] == 0.0 and values[j] != 0.0:
                        refreshed(columns, j, counters[WEIGHT_SUM], plan)
            # 3. the standardised row, its scores under each track, and under the models that are judged
            square = 0.0
            for j in range(d):
                x[j] = (values[j] - mean[j]) * inverse[j]
                square += x[j] * x[j]
            counters[MEAN_SQUARE] += (bounded(square, counters) - counters[MEAN_SQUARE]) / counters[ROWS]
            for m in range(n_scores):
                a = 0.0
                v = track.v[m]
                for j in range(d):
                    a += x[j] * v[j]
                raw[m] = a + track.intercept[m]
            for m in range(2 * n_scores):
                a = 0.0
                w = track.frozen[m]
                for j in range(d):
                    a += values[j] * w[j]
                ahead[m] = a + track.frozen_intercept[m]
            # 4. the proximal step of each score  5. along the row  6. the sum of the iterates, the later ones weighing more
            relative = weight / (counters[WEIGHT_SUM] / counters[ROWS])
            row_steps(data.target[row : row + 1], raw, ahead, track, loss, plan, square, relative, counters, u, added)
            t = counters[ROWS]
            counters[SHARE] += t
            for m in range(n_scores):
                v, total, step = track.v[m], track.total[m], u[m]
                for j in range(d):
                    v[j] += step * x[j]
                    total[j] += t * v[j]
                track.intercept[m] += added[m]
                track.intercept_total[m] += t * track.intercept[m]
            counters[VALUES] += met

    return dense_pass


# --- CSR -----------------------------------------------------------------------------------------------------------------


def make_csr_pass(refreshed, counted, shrink, row_steps, bounded):
    """One pass over CSR rows, a step costing what the row's stored values cost.

    The model of a column is v - tau r, and the sum of its iterates ``flushed * v + total - tau_total * r``, where r = mean /
    spread; `centre` is the sum over columns of r times the model, `centre_total` of r times the sum of iterates.
    """

    def csr_pass(data, order, track, columns, loss, penalty, plan, counters):
        values, indices, indptr = data.X
        d, n_scores = track.v.shape
        n_outputs = n_scores // len(plan.lengths)
        raw, ahead, u, added = np.zeros(n_scores), np.zeros(2 * n_scores), np.zeros(n_scores), np.zeros(n_scores)
        mean, inverse, tau, tau_total = columns.mean, columns.inverse, track.tau, track.tau_total
        counters[FREEZE_AT] = counters[ROWS]
        for at in range(len(order)):
            row = order[at]
            begin, end, weight = indptr[row], indptr[row + 1], data.weight[row]
            if counters[ROWS] >= counters[FREEZE_AT]:
                counters[FREEZE_AT] = counters[ROWS] + min(max(0.25 * counters[ROWS], 1.0), AHEAD)
                share, flushed = max(counters[SHARE], 1.0), counters[FLUSHED]
                for m in range(n_scores):
                    track.frozen_intercept[m] = track.intercept[m]
                    track.frozen_intercept[n_scores + m] = track.intercept_total[m] / share
                for j in range(d):
                    r = mean[j] * inverse[j]
                    for m in range(n_scores):
                        total = flushed * track.v[j, m] + track.total[j, m] - tau_total[m] * r
                        a, b = (track.v[j, m] - tau[m] * r) * inverse[j], total / share * inverse[j]
                        track.frozen[j, m], track.frozen[j, n_scores + m] = a, b
                        track.frozen_intercept[m] -= mean[j] * a
                        track.frozen_intercept[n_scores + m] -= mean[j] * b
            counters[ROWS] += 1.0
            counters[WEIGHT_SUM] += weight
            for place in range(begin, end):
                counted(columns, indices[place], values[place], weight)
            due = counters[ROWS] >= counters[REFRESH_AT]
            if due or counters[VALUES] >= PATIENCE * d:
                # Write out what is put off, let the penalty act, take the moments anew, and begin again.
                acts = counters[VALUES] >= PATIENCE * d
                flushed = counters[FLUSHED]
                for j in range(d):
                    r = mean[j] * inverse[j]
                    for m in range(n_scores):
                        track.total[j, m] += flushed * track.v[j, m] - tau_total[m] * r
                        track.v[j, m] -= tau[m] * r
                if acts:
                    if plan.alpha > 0.0:
                        for m in range(n_scores):
                            own = track.v[:, m].copy()
                            shrink(own, inverse, plan, track.reach[m // n_outputs], penalty)
                            track.v[:, m] = own
                    track.reach[:] = 0.0
                    counters[VALUES] = 0.0
                if due:
                    for j in range(d):
                        refreshed(columns, j, counters[WEIGHT_SUM], plan)
                    counters[REFRESH_AT] = np.floor(1.1 * counters[ROWS]) + 1.0
                tau[:] = 0.0
                tau_total[:] = 0.0
                track.centre[:] = 0.0
                track.centre_total[:] = 0.0
                counters[FLUSHED] = 0.0
                counters[R_SQUARE] = 0.0
                for j in range(d):
                    r = mean[j] * inverse[j]
                    counters[R_SQUARE] += r * r
                    for m in range(n_scores):
                        track.centre[m] += r * track.v[j, m]
                        track.centre_total[m] += r * track.total[j, m]
            if not due:
                for place in range(begin, end):
                    j = indices[place]
                    if inverse[j] == 0.0 and values[place] != 0.0:
                        # A column's first spread: its coefficients so far are zero, and stay so.
                        refreshed(columns, j, counters[WEIGHT_SUM], plan)
                        r = mean[j] * inverse[j]
                        counters[R_SQUARE] += r * r
                        for m in range(n_scores):
                            track.v[j, m] += tau[m] * r
                            track.total[j, m] += tau_total[m] * r - counters[FLUSHED] * tau[m] * r
            square, flushed = counters[R_SQUARE], counters[FLUSHED]
            met, along = 0, 0.0
            for m in range(n_scores):
                raw[m] = track.intercept[m] - track.centre[m]
            for m in range(2 * n_scores):
                ahead[m] = track.frozen_intercept[m]
            for place in range(begin, end):
                j = indices[place]
                met += values[place] != 0.0
                r, x = mean[j] * inverse[j], values[place] * inverse[j]
                square += x * (x - 2.0 * r)
                along += x * r
                for m in range(n_scores):
                    raw[m] += x * (track.v[j, m] - tau[m] * r)
                for m in range(2 * n_scores):
                    ahead[m] += values[place] * track.frozen[j, m]
            square = max(square, 0.0)
            counters[MEAN_SQUARE] += (bounded(square, counters) - counters[MEAN_SQUARE]) / counters[ROWS]
            relative = weight / (counters[WEIGHT_SUM] / counters[ROWS])
            row_steps(data.target[row : row + 1], raw, ahead, track, loss, plan, square, relative, counters, u, added)
            t = counters[ROWS]
            counters[SHARE] += t
            for place in range(begin, end):
                j = indices[place]
                x = values[place] * inverse[j]
                for m in range(n_scores):
                    track.v[j, m] += u[m] * x
                    track.total[j, m] -= flushed * u[m] * x
            counters[FLUSHED] += t
            for m in range(n_scores):
                tau[m] += u[m]
                tau_total[m] += t * tau[m]
                track.centre[m] += u[m] * (along - counters[R_SQUARE])
                track.centre_total[m] += t * track.centre[m]
                track.intercept[m] += added[m]
                track.intercept_total[m] += t * track.intercept[m]
            counters[VALUES] += met

    return csr_pass


def row_pass(rows, data, order, track, columns, loss, penalty, plan, counters):
    """Run the pass of the rows' layout."""
    make = make_csr_pass if rows.is_csr else make_dense_pass
    helpers = (leaf(refreshed), leaf(counted), leaf(shrink), leaf(row_steps), leaf(bounded))
    run(make, helpers, data, order, track, columns, loss, penalty, plan, counters)
