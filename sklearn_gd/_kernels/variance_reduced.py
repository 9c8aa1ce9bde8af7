"""One pass of variance-reduced descent over the rows: SVRG and SAGA, which differ in one line each.

A table holds a slope for every row and score, and `mean` the mean of the rows' gradients by it. A step moves along the change of
the slopes of its rows, plus `mean`. SAGA then writes the new slopes into the table; SVRG leaves it until its next full gradient.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import types

from .._compile import FLOAT, compiled, derived_leaf, leaf, run
from .blocks import MATRIX, VECTOR
from .epochs import AHEAD, shrunk, tile_rows
from .intrinsics import prefetch

CHANGE = FLOAT(FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, VECTOR)
CHANGES = types.void(MATRIX, MATRIX, MATRIX, VECTOR, VECTOR, VECTOR)


class Memory(NamedTuple):
    """What is remembered of the rows: their slopes (n, scores), and the mean gradient, coefficients then intercept, flat."""

    table: np.ndarray
    mean: np.ndarray


class Metric(NamedTuple):
    """The lengths of a step: `columns` (n_features,) times `outputs` (n_outputs,), and the means that columns are centred by.

    The other three have an entry for each coefficient, in the layout of the rows: both lengths, the column's mean, the output.
    """

    columns: np.ndarray
    outputs: np.ndarray
    centre: np.ndarray
    each: np.ndarray
    each_centre: np.ndarray
    each_output: np.ndarray


class Plan(NamedTuple):
    """What stays the same over a pass.

    `renews` tells SAGA from SVRG. `reach` has a row's weight times its squared norm in the metric, for an implicit step, or is
    empty; `ahead` multiplies the change of the rows against the mean.
    """

    batch_size: int
    renews: bool
    fit_intercept: bool
    ahead: float
    reach: np.ndarray
    mean_weight: float
    alpha: float
    l1: float
    l2: float
    nonnegative: bool


class Changes(NamedTuple):
    """The compiled change of the slopes of some rows, and the loss's parameters."""

    change: object
    parameters: np.ndarray


# --- how far a row's slope changes ---------------------------------------------------------------------------------------


def make_change(gradient):
    """The change of one score's slope from the one in the table, by an explicit or an implicit step."""

    def change(y, raw, old, reach, bend, p):
        """The slope after the step, less `old`, when a change c moves the score by ``-reach * c``.

        A reach of 0 gives the slope before the step. Otherwise ``slope(raw - reach * c) - old - c`` has a root between 0 and its
        value at 0, found by regula falsi; a loss of curvature `bend` has it at the first point that is tried.
        """
        first = gradient(y, raw, p) - old
        damped = first / (1.0 + reach * bend)
        if reach == 0.0 or first == 0.0 or not math.isfinite(first):
            return damped
        low, high, low_value = 0.0, first, first
        high_value = gradient(y, raw - reach * high, p) - old - high
        if high_value == 0.0:
            return high
        if high_value * first > 0.0:  # not convex here
            return damped
        c = damped
        for _ in range(60):
            value = gradient(y, raw - reach * c, p) - old - c
            if abs(value) <= 1e-3 * abs(first) or abs(high - low) <= 1e-9 * abs(first):
                break
            if value * first > 0.0:
                low, low_value = c, value
                high_value *= 0.5
            else:
                high, high_value = c, value
                low_value *= 0.5
            c = (low * high_value - high * low_value) / (high_value - low_value)
            if not (min(low, high) < c < max(low, high)):
                c = 0.5 * (low + high)
        return c

    return change


def make_changes(target, change):
    """`make_change` for every score of a block; `out` holds the table's slopes and receives their changes."""

    def changes(y, raw, out, reach, lengths, p):
        for i in range(raw.shape[0]):
            for k in range(raw.shape[1]):
                bend = 1.0 / lengths[k]
                out[i, k] = change(target(y, i, k), raw[i, k], out[i, k], reach[i] * lengths[k], bend, p)

    return changes


def make_row_changes(gradient):
    """The changes of a block for a loss of the whole row of scores, whose reach and curvature are one for all of them."""

    def changes(y, raw, out, reach, lengths, p):
        n_outputs = raw.shape[1]
        slope, at = np.empty(n_outputs), np.empty(n_outputs)
        error, c, best = np.empty(n_outputs), np.empty(n_outputs), np.empty(n_outputs)
        for i in range(raw.shape[0]):
            label, row = int(y[i, 0]), raw[i]
            gradient(label, row, slope, p)
            far, step = reach[i] * lengths[0], 1.0 / (1.0 + reach[i])
            first = 0.0
            for k in range(n_outputs):
                error[k] = out[i, k] - slope[k]
                first += error[k] * error[k]
                c[k] = best[k] = -step * error[k]
            # The error c + old - slope(raw - far * c) has a symmetric derivative, of eigenvalues from 1 to 1 + reach: steps of
            # Barzilai and Borwein lead to its root, and the best point on the way is kept.
            least = math.inf
            for _ in range(30 if far > 0.0 and math.isfinite(first) else 0):
                for k in range(n_outputs):
                    at[k] = row[k] - far * c[k]
                gradient(label, at, slope, p)
                size, along, square = 0.0, 0.0, 0.0
                for k in range(n_outputs):
                    now = c[k] + out[i, k] - slope[k]
                    move = -step * error[k]
                    along += move * (now - error[k])
                    square += move * move
                    size += now * now
                    error[k] = now
                if size < least:
                    least = size
                    for k in range(n_outputs):
                        best[k] = c[k]
                if not size > 1e-6 * first:
                    break
                step = min(max(square / along if along > 0.0 else 0.0, 1.0 / (1.0 + reach[i])), 1.0)
                for k in range(n_outputs):
                    c[k] -= step * error[k]
            for k in range(n_outputs):
                out[i, k] = best[k]

    return changes


def make_one_change(change):
    """The leaf itself, for loops that see one score."""

    def one_change(y, raw, old, reach, bend, p):
        return change(y, raw, old, reach, bend, p)

    return one_change


def changes_of(functions):
    """The `Changes` of a loss for blocks of rows."""
    if functions.whole_row:
        return Changes(compiled(make_row_changes, CHANGES, functions.gradient), functions.parameters)
    change = derived_leaf(make_change, functions.gradient)
    return Changes(compiled(make_changes, CHANGES, functions.target, change), functions.parameters)


def changes_of_one(functions):
    """The `Changes` of a single score, for loops that see one row at a time."""
    return Changes(compiled(make_one_change, CHANGE, derived_leaf(make_change, functions.gradient)), functions.parameters)


# --- the passes ----------------------------------------------------------------------------------------------------------


def make_reduced_epoch(scores, accumulate):
    """One pass over the rows in `order`, a step for each batch of them; every step costs all the coefficients."""

    def reduced_epoch(data, order, theta, coef, memory, metric, loss, penalty, plan, rates, tile):
        n_outputs = len(metric.outputs)
        n_coef = len(theta) - n_outputs
        n = len(order)
        flat, intercept, mean = theta[:n_coef], theta[n_coef:], memory.mean
        gradient = np.zeros(len(theta))
        gradient_coef, total = gradient[:n_coef].reshape(coef.shape), gradient[n_coef:]
        move, prox_step = np.zeros(n_coef), np.zeros(n_coef)
        raw, change = np.empty((tile, n_outputs)), np.empty((tile, n_outputs))
        target, reach = np.empty((tile, data.target.shape[1])), np.empty(tile)
        for start in range(0, n, plan.batch_size):
            stop = min(start + plan.batch_size, n)
            rate = rates[start // plan.batch_size]
            gradient[:] = 0.0
            for first in range(start, stop, tile):
                rows = order[first : min(first + tile, stop)]
                m = len(rows)
                for i in range(m):
                    row = rows[i]
                    reach[i] = rate / (stop - start) * plan.reach[row] * plan.ahead if len(plan.reach) else 0.0
                    for k in range(target.shape[1]):
                        target[i, k] = data.target[row, k]
                    for k in range(n_outputs):
                        change[i, k] = memory.table[row, k]
                # 1. scores  2. the change of their slopes from the table's  3. its part in the gradient
                scores(data.X, rows, coef, intercept, raw[:m])
                loss.change(target[:m], raw[:m], change[:m], reach[:m], metric.outputs, loss.parameters)
                for i in range(m):
                    relative = data.weight[rows[i]] / plan.mean_weight
                    for k in range(n_outputs):
                        if plan.renews:
                            memory.table[rows[i], k] += change[i, k]
                        change[i, k] *= relative
                        total[k] += change[i, k]
                accumulate(data.X, rows, change[:m], gradient_coef)
            # 4. the step: the rows' mean change and the table's mean, penalty and proximal step as in plain descent
            for k in range(n_outputs):
                if plan.fit_intercept:
                    intercept[k] -= rate * metric.outputs[k] * (plan.ahead * total[k] / (stop - start) + mean[n_coef + k])
                if plan.renews:
                    mean[n_coef + k] += total[k] / n
            for j in range(n_coef):
                gradient[j] -= metric.each_centre[j] * total[metric.each_output[j]]
                move[j] = plan.ahead * gradient[j] / (stop - start) + mean[j]
                intercept[metric.each_output[j]] += metric.each_centre[j] * flat[j]
                prox_step[j] = rate * metric.each[j]
                if plan.renews:
                    mean[j] += gradient[j] / n
            penalty.gradient(flat, move, plan.alpha, penalty.scale, penalty.parameters)
            for j in range(n_coef):
                flat[j] -= prox_step[j] * move[j]
            penalty.prox(flat, prox_step, plan.alpha, penalty.scale, penalty.parameters)
            for j in range(n_coef):
                intercept[metric.each_output[j]] -= metric.each_centre[j] * flat[j]

    return reduced_epoch


def make_reduced_row_epoch(shrunk, centred_dot):
    """`make_reduced_epoch` for dense rows, one row and one score at a time, without its buffers."""

    def reduced_row_epoch(data, order, theta, memory, metric, loss, plan, rates):
        matrix, target, weight, table = data.X[0], data.target, data.weight, memory.table
        flat = matrix.reshape(matrix.size)
        n_features, n = matrix.shape[1], len(order)
        line = max(64 // matrix.itemsize, 1)
        w, mean = theta[:n_features], memory.mean[:n_features]
        step, centre = metric.each, metric.centre
        intercept, intercept_mean = theta[n_features], memory.mean[n_features]
        for j in range(n_features):
            intercept += centre[j] * w[j]
        length, l2, implicit = metric.outputs[0], plan.l2, len(plan.reach) > 0
        kinked = plan.l1 > 0.0 or plan.nonnegative
        for at in range(n):
            if at + AHEAD < n:
                soon = order[at + AHEAD]
                for j in range(0, n_features, line):
                    prefetch(flat, soon * n_features + j)
            row, rate = order[at], rates[at]
            raw = centred_dot(matrix, row, centre, w) + intercept
            reach = rate * plan.reach[row] * plan.ahead * length if implicit else 0.0
            change = loss.change(target[row, 0], raw, table[row, 0], reach, 1.0 / length, loss.parameters)
            if plan.renews:
                table[row, 0] += change
            change *= weight[row] / plan.mean_weight
            share = change / n if plan.renews else 0.0
            change *= plan.ahead
            for j in range(n_features):
                x = matrix[row, j] - centre[j]
                w[j] -= rate * step[j] * (change * x + mean[j] + l2 * w[j])
                mean[j] += share * x
            if plan.fit_intercept:
                intercept -= rate * length * (change + intercept_mean)
            intercept_mean += share
            if kinked:
                for j in range(n_features):
                    w[j] = shrunk(w[j], rate * step[j] * plan.l1, plan.nonnegative)
        for j in range(n_features):
            intercept -= centre[j] * w[j]
        theta[n_features], memory.mean[n_features] = intercept, intercept_mean

    return reduced_row_epoch


def centred_dot(matrix, row, centre, w):
    """A row of X, less the columns' means, times the coefficients."""
    total = 0.0
    for j in range(matrix.shape[1]):
        total += (matrix[row, j] - centre[j]) * w[j]
    return total


def make_lazy_reduced_epoch(advanced):
    """`make_reduced_epoch` on CSR, one row at a time, each step in O(nonzeros of its row); the columns are not centred.

    Between two rows that meet it a coefficient takes the same step again and again, along a mean gradient that stands still:
    `advanced` takes them at once, when the column is next met. The rate is one for the whole pass.
    """

    def lazy_reduced_epoch(data, order, theta, coef, memory, metric, loss, plan, rate):
        values, indices, indptr = data.X
        n_features, n_outputs = coef.shape
        n_coef, n = n_features * n_outputs, len(order)
        intercept, mean = theta[n_coef:], memory.mean[:n_coef].reshape(n_features, n_outputs)
        intercept_mean = memory.mean[n_coef:]
        stamp = np.zeros(n_features, np.int64)
        raw, change = np.empty((1, n_outputs)), np.empty((1, n_outputs))
        reach = np.zeros(1)
        for at in range(n):
            if at + AHEAD < n:
                soon = order[at + AHEAD]
                for place in range(indptr[soon], indptr[soon + 1], 8):
                    prefetch(values, place)
                for place in range(indptr[soon], indptr[soon + 1], 16):
                    prefetch(indices, place)
            row = order[at]
            begin, end = indptr[row], indptr[row + 1]
            for k in range(n_outputs):
                raw[0, k] = intercept[k]
                change[0, k] = memory.table[row, k]
            for place in range(begin, end):
                j = indices[place]
                lag = at - stamp[j]
                if lag > 0:
                    stamp[j] = at
                    for k in range(n_outputs):
                        length = rate * metric.columns[j] * metric.outputs[k]
                        coef[j, k] = advanced(coef[j, k], lag, mean[j, k], length, plan.l1, plan.l2, plan.nonnegative)
                for k in range(n_outputs):
                    raw[0, k] += values[place] * coef[j, k]
            if len(plan.reach):
                reach[0] = rate * plan.reach[row] * plan.ahead
            loss.change(data.target[row : row + 1], raw, change, reach, metric.outputs, loss.parameters)
            relative = data.weight[row] / plan.mean_weight
            for k in range(n_outputs):
                if plan.renews:
                    memory.table[row, k] += change[0, k]
                change[0, k] *= relative
                if plan.fit_intercept:
                    intercept[k] -= rate * metric.outputs[k] * (plan.ahead * change[0, k] + intercept_mean[k])
                if plan.renews:
                    intercept_mean[k] += change[0, k] / n
            # The row's own part first, so divided that the shrinkage that follows leaves it whole; a column may come twice.
            for place in range(begin, end):
                j = indices[place]
                for k in range(n_outputs):
                    length = rate * metric.columns[j] * metric.outputs[k]
                    coef[j, k] -= length * plan.ahead * change[0, k] * values[place] / (1.0 - length * plan.l2)
            for place in range(begin, end):
                j = indices[place]
                if stamp[j] == at:
                    stamp[j] = at + 1
                    for k in range(n_outputs):
                        length = rate * metric.columns[j] * metric.outputs[k]
                        coef[j, k] = advanced(coef[j, k], 1, mean[j, k], length, plan.l1, plan.l2, plan.nonnegative)
                if plan.renews:
                    for k in range(n_outputs):
                        mean[j, k] += change[0, k] * values[place] / n
        for j in range(n_features):
            lag = n - stamp[j]
            if lag > 0:
                for k in range(n_outputs):
                    length = rate * metric.columns[j] * metric.outputs[k]
                    coef[j, k] = advanced(coef[j, k], lag, mean[j, k], length, plan.l1, plan.l2, plan.nonnegative)

    return lazy_reduced_epoch


def advanced(w, steps, mean, length, l1, l2, nonnegative):
    """w after `steps` steps ``w = prox(w - length * (mean + l2 * w))``, without a loop over them; length * l2 < 1."""
    kept, drift, threshold = 1.0 - length * l2, length * mean, length * l1
    if steps == 1:
        moved = kept * w - drift
        return shrunk(moved, threshold, nonnegative) if threshold > 0.0 or nonnegative else moved
    if not (threshold > 0.0 or nonnegative):
        return along(w, steps, drift, length * l2)
    while steps > 0:
        sign = 1.0 if w > 0.0 else -1.0
        if w == 0.0 or (nonnegative and w < 0.0):
            before, w = w, shrunk(kept * w - drift, threshold, nonnegative)
            steps -= 1
            if w == before:
                return w
            continue
        # The iterates of one sign are monotone: either all of them keep it, or there is a last one that does.
        pull = drift + sign * threshold
        last = along(w, steps, pull, length * l2)
        if sign * last > 0.0:
            return last
        low, high = 0, steps
        while high - low > 1:
            middle = (low + high) // 2
            if sign * along(w, middle, pull, length * l2) > 0.0:
                low = middle
            else:
                high = middle
        if low > 0:
            w = along(w, low, pull, length * l2)
        w = shrunk(kept * w - drift, threshold, nonnegative)
        steps -= low + 1
    return w


def along(w, steps, drift, shrink):
    """w after `steps` steps ``w = (1 - shrink) * w - drift``."""
    if shrink == 0.0:
        return w - steps * drift
    x = steps * shrink
    if shrink < 1e-6 and x < 1e-3:
        # The same by its series, to the last digit: logarithm and exponential would cost more than the rest of the step.
        x *= -(1.0 + shrink * (0.5 + shrink / 3.0))
        fall = x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0))))
    else:
        fall = math.expm1(steps * math.log1p(-shrink))
    return w + fall * (w + drift / shrink)


def make_row_reaches(norms):
    """Squared norms of all rows, centred and scaled by column."""

    def row_reaches(X, centre, columns, out):
        norms(X, centre, columns, out)

    return row_reaches


def dense_reaches(X, centre, columns, out):
    """out[i] = sum over j of columns[j] (X[i, j] - centre[j])^2."""
    matrix = X[0]
    for i in range(len(out)):
        total = 0.0
        for j in range(len(centre)):
            v = matrix[i, j] - centre[j]
            total += columns[j] * v * v
        out[i] = total


def csr_reaches(X, centre, columns, out):
    """As `dense_reaches`: the square is expanded, so that zeros cost nothing."""
    data, indices, indptr = X
    empty = 0.0
    for j in range(len(centre)):
        empty += columns[j] * centre[j] * centre[j]
    for i in range(len(out)):
        total = empty
        for at in range(indptr[i], indptr[i + 1]):
            j = indices[at]
            total += columns[j] * data[at] * (data[at] - 2.0 * centre[j])
        out[i] = max(total, 0.0)


def reduced_epoch(rows, data, order, theta, coef, memory, metric, loss, penalty, plan, rates):
    """Run `make_reduced_epoch` on `rows`."""
    tile = min(tile_rows(rows.shape[1]), plan.batch_size)
    leaves = (rows.scores, rows.accumulate)
    run(make_reduced_epoch, leaves, data, order, theta, coef, memory, metric, loss, penalty, plan, rates, tile)


def reduced_row_epoch(data, order, theta, memory, metric, loss, plan, rates):
    """Run `make_reduced_row_epoch`."""
    leaves = (leaf(shrunk), leaf(centred_dot, fastmath=True))
    run(make_reduced_row_epoch, leaves, data, order, theta, memory, metric, loss, plan, rates)


def lazy_reduced_epoch(data, order, theta, coef, memory, metric, loss, plan, rate):
    """Run `make_lazy_reduced_epoch`."""
    run(make_lazy_reduced_epoch, (leaf(advanced),), data, order, theta, coef, memory, metric, loss, plan, rate)


def row_reaches(rows, centre, columns):
    """Squared norms of all rows of `rows`, centred and scaled by column."""
    out = np.empty(rows.shape[0])
    run(make_row_reaches, (leaf(csr_reaches if rows.lazy else dense_reaches),), rows.arrays, centre, columns, out)
    return out
