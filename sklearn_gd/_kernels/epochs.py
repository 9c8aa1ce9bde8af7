"""One pass of descent over the rows, and the sums over all rows that batch methods need.

Each loop is written once, around the two leaves of `rows`, and compiled once for each data layout.
"""

from typing import NamedTuple

import numpy as np

from .._compile import leaf, run
from .intrinsics import prefetch


class Data(NamedTuple):
    """The training rows: X as `rows` holds it, targets (n, outputs or 1), positive weights (n,)."""

    X: tuple
    target: np.ndarray
    weight: np.ndarray


class Model(NamedTuple):
    """What descent moves: theta is coef then intercept, flat; the two are views of it."""

    theta: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    slots: np.ndarray
    average: np.ndarray


class Lazy(NamedTuple):
    """Coefficients of per-row descent on CSR: coef = scale * soft(v, threshold - stamp), so that a step is O(nonzeros)."""

    v: np.ndarray
    intercept: np.ndarray
    stamp: np.ndarray
    offset: np.ndarray
    intercept_sum: np.ndarray


class Leaves(NamedTuple):
    """The compiled parts that a step calls."""

    loss: tuple
    penalty: tuple
    step: tuple


class SlopeOfOne(NamedTuple):
    """The compiled slope of a single score, and its parameters."""

    slope: object
    parameters: np.ndarray


class Plan(NamedTuple):
    """What stays the same over a run."""

    batch_size: int
    fit_intercept: bool
    alpha: float
    decay: float
    average_from: float


class Shrinkage(NamedTuple):
    """Strengths of the penalty of plain per-row descent, alpha included."""

    l1: float
    l2: float
    nonnegative: bool
    fit_intercept: bool
    average_from: float


# Places in the array of counters.
STEPS, WEIGHT_SUM, ROWS, SCALE, THRESHOLD, SCALE_SUM = range(6)


def tile_rows(n_features):
    """Rows handled at a time: few enough to stay in cache between their scores and their part in the gradient."""
    return int(min(max(32768 // max(n_features, 1), 16), 256))


def make_epoch(scores, accumulate):
    """One pass over the rows in `order`, a step for each batch of them."""

    def epoch(data, order, model, leaves, plan, rates, counters, tile):
        penalty = leaves.penalty
        n_outputs = len(model.intercept)
        n_coef = len(model.theta) - n_outputs
        gradient = np.zeros(len(model.theta))
        gradient_coef = gradient[:n_coef].reshape(model.coef.shape)
        gradient_intercept = gradient[n_coef:]
        prox_step = np.zeros(len(model.theta))
        raw = np.empty((tile, n_outputs))
        slope = np.empty((tile, n_outputs))
        target = np.empty((tile, data.target.shape[1]))
        for start in range(0, len(order), plan.batch_size):
            stop = min(start + plan.batch_size, len(order))
            for i in range(start, stop):
                counters[WEIGHT_SUM] += data.weight[order[i]]
            counters[ROWS] += stop - start
            counters[STEPS] += 1.0
            t = counters[STEPS]
            rate = rates[start // plan.batch_size]
            # The mean over the batch, weights relative to the mean weight of the rows so far.
            divisor = (stop - start) * (counters[WEIGHT_SUM] / counters[ROWS])
            gradient[:] = 0.0
            for first in range(start, stop, tile):
                rows = order[first : min(first + tile, stop)]
                m = len(rows)
                for i in range(m):
                    for k in range(target.shape[1]):
                        target[i, k] = data.target[rows[i], k]
                # 1. scores  2. slopes of the loss  3. their sum over the rows, the gradient
                scores(data.X, rows, model.coef, model.intercept, raw[:m])
                leaves.loss.gradient(target[:m], raw[:m], slope[:m], leaves.loss.parameters)
                for i in range(m):
                    for k in range(n_outputs):
                        slope[i, k] = slope[i, k] * data.weight[rows[i]] / divisor
                        if plan.fit_intercept:
                            gradient_intercept[k] += slope[i, k]
                accumulate(data.X, rows, slope[:m], gradient_coef)
            # 4. the smooth part of the penalty  5. the optimizer's step  6. the proximal step of the other part
            penalty.gradient(model.theta[:n_coef], gradient[:n_coef], plan.alpha, penalty.scale, penalty.parameters)
            if plan.decay > 0.0:
                for j in range(n_coef):
                    model.theta[j] *= 1.0 - rate * plan.decay
            leaves.step.step(model.theta, gradient, model.slots, prox_step, rate, t, leaves.step.parameters)
            penalty.prox(model.theta[:n_coef], prox_step[:n_coef], plan.alpha, penalty.scale, penalty.parameters)
            if t >= plan.average_from:
                share = 1.0 / (t - plan.average_from + 1.0)
                for j in range(len(model.theta)):
                    model.average[j] += share * (model.theta[j] - model.average[j])

    return epoch


AHEAD = 8  # rows between the one in hand and the one being fetched


def make_row_epoch(shrunk, dot):
    """One pass of plain descent over dense rows, one row and one score at a time: `make_epoch` without its buffers."""

    def row_epoch(data, order, model, loss, shrinkage, rates, counters):
        matrix, target, weight = data.X[0], data.target, data.weight
        flat = matrix.reshape(matrix.size)
        w, n_features = model.theta, matrix.shape[1]
        line = max(64 // matrix.itemsize, 1)
        weight_sum, rows, steps = counters[WEIGHT_SUM], counters[ROWS], counters[STEPS]
        intercept = w[n_features]
        l2 = shrinkage.l2
        kinked = shrinkage.l1 > 0.0 or shrinkage.nonnegative
        for at in range(len(order)):
            if at + AHEAD < len(order):
                soon = order[at + AHEAD]
                for j in range(0, n_features, line):
                    prefetch(flat, soon * n_features + j)
            row, rate = order[at], rates[at]
            weight_sum += weight[row]
            rows += 1.0
            steps += 1.0
            raw = dot(matrix, row, w) + intercept
            g = loss.slope(target[row, 0], raw, loss.parameters) * (weight[row] / (weight_sum / rows))
            for j in range(n_features):
                w[j] -= rate * (g * matrix[row, j] + l2 * w[j])
            if shrinkage.fit_intercept:
                intercept -= rate * g
            if kinked:
                for j in range(n_features):
                    w[j] = shrunk(w[j], rate * shrinkage.l1, shrinkage.nonnegative)
            if steps >= shrinkage.average_from:
                w[n_features] = intercept
                share = 1.0 / (steps - shrinkage.average_from + 1.0)
                for j in range(n_features + 1):
                    model.average[j] += share * (w[j] - model.average[j])
        w[n_features] = intercept
        counters[WEIGHT_SUM], counters[ROWS], counters[STEPS] = weight_sum, rows, steps

    return row_epoch


def dot(matrix, row, w):
    """A row of X times the coefficients."""
    total = 0.0
    for j in range(matrix.shape[1]):
        total += matrix[row, j] * w[j]
    return total


def make_lazy_row_epoch(shrunk):
    """`make_lazy_epoch` for one score: the same steps, without its loops over scores."""

    def lazy_row_epoch(data, order, lazy, loss, shrinkage, rates, counters):
        values, indices, indptr = data.X
        target, weight = data.target, data.weight
        v, offset, stamp = lazy.v.reshape(lazy.v.size), lazy.offset.reshape(lazy.offset.size), lazy.stamp
        weight_sum, rows, steps = counters[WEIGHT_SUM], counters[ROWS], counters[STEPS]
        scale, threshold, scale_sum = counters[SCALE], counters[THRESHOLD], counters[SCALE_SUM]
        intercept, intercept_sum = lazy.intercept[0], lazy.intercept_sum[0]
        l1, l2, nonnegative = shrinkage.l1, shrinkage.l2, shrinkage.nonnegative
        kinked = l1 > 0.0 or nonnegative
        for at in range(len(order)):
            if at + AHEAD < len(order):
                soon = order[at + AHEAD]
                for place in range(indptr[soon], indptr[soon + 1], 8):
                    prefetch(values, place)
                for place in range(indptr[soon], indptr[soon + 1], 16):
                    prefetch(indices, place)
            row, rate = order[at], rates[at]
            begin, end = indptr[row], indptr[row + 1]
            weight_sum += weight[row]
            rows += 1.0
            steps += 1.0
            raw = 0.0
            if kinked:
                for place in range(begin, end):
                    j = indices[place]
                    lag = threshold - stamp[j]
                    if lag > 0.0 or nonnegative:
                        stamp[j] = threshold
                        v[j] = shrunk(v[j], lag, nonnegative)
                    raw += values[place] * v[j]
            else:
                for place in range(begin, end):
                    raw += values[place] * v[indices[place]]
            g = loss.slope(target[row, 0], raw * scale + intercept, loss.parameters)
            factor = 1.0 - rate * l2
            if scale * factor < 1e-4:
                # The scale is used up: write it out. A factor that is zero or negative is applied then and there.
                for j in range(len(v)):
                    before = v[j]
                    v[j] = shrunk(before, threshold - stamp[j], nonnegative) * scale * factor
                    stamp[j] = 0.0
                    offset[j] += scale_sum * (v[j] - before)
                threshold, scale = 0.0, 1.0
            else:
                scale *= factor
            step = rate * g * (weight[row] / (weight_sum / rows))
            if shrinkage.fit_intercept:
                intercept -= step
            step /= scale
            if steps > shrinkage.average_from:
                for place in range(begin, end):
                    move = step * values[place]
                    v[indices[place]] -= move
                    offset[indices[place]] -= scale_sum * move
            else:
                for place in range(begin, end):
                    v[indices[place]] -= step * values[place]
            threshold += rate * l1 / scale
            if steps >= shrinkage.average_from:
                scale_sum += scale
                intercept_sum += intercept
        counters[WEIGHT_SUM], counters[ROWS], counters[STEPS] = weight_sum, rows, steps
        counters[SCALE], counters[THRESHOLD], counters[SCALE_SUM] = scale, threshold, scale_sum
        lazy.intercept[0], lazy.intercept_sum[0] = intercept, intercept_sum

    return lazy_row_epoch


def make_lazy_epoch(shrunk):
    """One pass of plain per-row descent over CSR rows, each step in O(nonzeros of its row).

    A scalar carries the l2 shrinkage (coef = scale * v); l1 is a running threshold, applied to a coefficient when its column
    is next met, which is exact because soft thresholds add up; the average is kept as scale_sum * v - offset (W. Xu, "Towards
    optimal one pass large scale learning with averaged stochastic gradient descent", 2010).
    """

    def lazy_epoch(data, order, lazy, loss, shrinkage, rates, counters):
        values, indices, indptr = data.X
        n_outputs = len(lazy.intercept)
        raw = np.empty((1, n_outputs))
        slope = np.empty((1, n_outputs))
        for at in range(len(order)):
            row = order[at]
            begin, end = indptr[row], indptr[row + 1]
            rate = rates[at]
            counters[WEIGHT_SUM] += data.weight[row]
            counters[ROWS] += 1.0
            counters[STEPS] += 1.0
            threshold = counters[THRESHOLD]
            raw[0, :] = 0.0
            for place in range(begin, end):
                j = indices[place]
                if shrinkage.l1 > 0.0 or shrinkage.nonnegative:
                    lag = threshold - lazy.stamp[j]
                    lazy.stamp[j] = threshold
                    for k in range(n_outputs):
                        lazy.v[j, k] = shrunk(lazy.v[j, k], lag, shrinkage.nonnegative)
                for k in range(n_outputs):
                    raw[0, k] += values[place] * lazy.v[j, k]
            for k in range(n_outputs):
                raw[0, k] = raw[0, k] * counters[SCALE] + lazy.intercept[k]
            loss.gradient(data.target[row : row + 1], raw, slope, loss.parameters)
            factor = 1.0 - rate * shrinkage.l2
            if counters[SCALE] * factor < 1e-4:
                # The scale is used up: write it out. A factor that is zero or negative is applied then and there.
                for j in range(lazy.v.shape[0]):
                    lag = counters[THRESHOLD] - lazy.stamp[j]
                    lazy.stamp[j] = 0.0
                    for k in range(n_outputs):
                        before = lazy.v[j, k]
                        after = shrunk(before, lag, shrinkage.nonnegative) * counters[SCALE] * factor
                        lazy.offset[j, k] += counters[SCALE_SUM] * (after - before)
                        lazy.v[j, k] = after
                counters[THRESHOLD] = 0.0
                counters[SCALE] = 1.0
            else:
                counters[SCALE] *= factor
            scale = counters[SCALE]
            relative = data.weight[row] / (counters[WEIGHT_SUM] / counters[ROWS])
            for k in range(n_outputs):
                slope[0, k] = slope[0, k] * relative * rate
                if shrinkage.fit_intercept:
                    lazy.intercept[k] -= slope[0, k]
                slope[0, k] /= scale
            for place in range(begin, end):
                j = indices[place]
                for k in range(n_outputs):
                    move = slope[0, k] * values[place]
                    lazy.v[j, k] -= move
                    lazy.offset[j, k] -= counters[SCALE_SUM] * move
            counters[THRESHOLD] += rate * shrinkage.l1 / scale
            if counters[STEPS] >= shrinkage.average_from:
                counters[SCALE_SUM] += scale
                for k in range(n_outputs):
                    lazy.intercept_sum[k] += lazy.intercept[k]

    return lazy_epoch


def shrunk(v, threshold, nonnegative):
    """Soft threshold, and no less than zero where asked."""
    if nonnegative:
        return max(v - threshold, 0.0)
    if v > threshold:
        return v - threshold
    if v < -threshold:
        return v + threshold
    return 0.0


def make_value_pass(scores):
    """The weighted sum of the losses over all rows."""

    def value_pass(data, coef, intercept, loss, tile):
        n = len(data.weight)
        raw = np.empty((tile, len(intercept)))
        every = np.arange(n)
        total = 0.0
        for first in range(0, n, tile):
            last = min(first + tile, n)
            m = last - first
            scores(data.X, every[first:last], coef, intercept, raw[:m])
            total += loss.value(data.target[first:last], raw[:m], data.weight[first:last], loss.parameters)
        return total

    return value_pass


def make_gradient_pass(scores, accumulate):
    """The weighted sums of the losses' gradients over all rows, added to `gradient_coef` and `gradient_intercept`."""

    def gradient_pass(data, coef, intercept, loss, tile, gradient_coef, gradient_intercept):
        n = len(data.weight)
        raw = np.empty((tile, len(intercept)))
        slope = np.empty((tile, len(intercept)))
        every = np.arange(n)
        for first in range(0, n, tile):
            last = min(first + tile, n)
            m = last - first
            scores(data.X, every[first:last], coef, intercept, raw[:m])
            loss.gradient(data.target[first:last], raw[:m], slope[:m], loss.parameters)
            for i in range(m):
                for k in range(len(intercept)):
                    slope[i, k] *= data.weight[first + i]
                    gradient_intercept[k] += slope[i, k]
            accumulate(data.X, every[first:last], slope[:m], gradient_coef)

    return gradient_pass


def make_scores_pass(scores):
    """The scores of a run of rows."""

    def scores_pass(X, first, coef, intercept, raw):
        scores(X, np.arange(first, first + raw.shape[0]), coef, intercept, raw)

    return scores_pass


def make_accumulate_pass(accumulate):
    """gradient += X' slope over a run of rows; `slope_sum` += the sum of slope."""

    def accumulate_pass(X, first, slope, gradient, slope_sum):
        accumulate(X, np.arange(first, first + slope.shape[0]), slope, gradient)
        for i in range(slope.shape[0]):
            for k in range(slope.shape[1]):
                slope_sum[k] += slope[i, k]

    return accumulate_pass


def make_moments_pass(moments):
    """Weighted sums by column of x - centre and of its square."""

    def moments_pass(X, weight, centre, total, square):
        moments(X, weight, centre, total, square)

    return moments_pass


def make_norms_pass(norms):
    """Squared norms of the rows in `order`."""

    def norms_pass(X, order, out):
        norms(X, order, out)

    return norms_pass


def epoch(rows, data, order, model, leaves, plan, rates, counters):
    """Run `make_epoch` on `rows`."""
    tile = min(tile_rows(rows.shape[1]), plan.batch_size)
    run(make_epoch, (rows.scores, rows.accumulate), data, order, model, leaves, plan, rates, counters, tile)


def row_epoch(data, order, model, loss, shrinkage, rates, counters):
    """Run `make_row_epoch`."""
    run(make_row_epoch, (leaf(shrunk), leaf(dot, fastmath=True)), data, order, model, loss, shrinkage, rates, counters)


def lazy_epoch(data, order, lazy, loss, shrinkage, rates, counters):
    """Run `make_lazy_epoch`, or its twin for one score where `loss` is a `SlopeOfOne`."""
    make = make_lazy_row_epoch if isinstance(loss, SlopeOfOne) else make_lazy_epoch
    run(make, (leaf(shrunk),), data, order, lazy, loss, shrinkage, rates, counters)


def value_pass(rows, data, coef, intercept, loss):
    """Run `make_value_pass` on `rows`."""
    return run(make_value_pass, (rows.scores,), data, coef, intercept, loss, tile_rows(rows.shape[1]))


def gradient_pass(rows, data, coef, intercept, loss, gradient_coef, gradient_intercept):
    """Run `make_gradient_pass` on `rows`."""
    tile = tile_rows(rows.shape[1])
    leaves = (rows.scores, rows.accumulate)
    run(make_gradient_pass, leaves, data, coef, intercept, loss, tile, gradient_coef, gradient_intercept)


def scores_pass(rows, coef, intercept, raw, first=0):
    """Run `make_scores_pass` on `rows`, from one of them on."""
    run(make_scores_pass, (rows.scores,), rows.arrays, first, coef, intercept, raw)


def accumulate_pass(rows, slope, gradient, slope_sum, first=0):
    """Run `make_accumulate_pass` on `rows`, from one of them on."""
    run(make_accumulate_pass, (rows.accumulate,), rows.arrays, first, slope, gradient, slope_sum)


def make_combination():
    """b = s a + t b, in place."""

    def combination(a, b, s, t):
        for i in range(a.shape[0]):
            for k in range(a.shape[1]):
                b[i, k] = s * a[i, k] + t * b[i, k]

    return combination


def combine(a, b, s, t):
    """Run `make_combination`."""
    run(make_combination, (), a, b, s, t)


def column_moments(rows, weight):
    """Weighted mean and variance of each column; a constant dense column has a variance of exactly 0."""
    centre = rows.first_row()
    total, square = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    run(make_moments_pass, (rows.moments,), rows.arrays, weight, centre, total, square)
    weight_sum = weight.sum()
    shift = total / weight_sum
    return centre + shift, np.maximum(square / weight_sum - shift * shift, 0.0)


def row_norms(rows, order):
    """Squared norms of the rows in `order`."""
    out = np.empty(len(order))
    run(make_norms_pass, (rows.norms,), rows.arrays, order, out)
    return out
