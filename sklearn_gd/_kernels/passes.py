"""One pass of descent in batches, and the sums over all samples that batch methods need.

Each loop is written once, around the leaves of `rows`, and compiled once for each data layout.
"""

from typing import NamedTuple

import numpy as np

from .._compile import run
from .._layout import ROWS, STEPS, WEIGHT_SUM, rounding_error


class Data(NamedTuple):
    """The training samples: X as `rows` holds it, targets (n, outputs or 1), positive weights (n,)."""

    X: tuple
    target: np.ndarray
    weight: np.ndarray


class Model(NamedTuple):
    """What descent updates. theta is coef then intercept, flat; `coef` and `intercept` are views of it."""

    theta: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    slots: np.ndarray
    average: np.ndarray


class Leaves(NamedTuple):
    """The compiled parts that a step calls."""

    loss: tuple
    penalty: tuple
    step: tuple


class StepPlan(NamedTuple):
    """What stays the same over a run."""

    batch_size: int
    fit_intercept: bool
    alpha: float
    decay: float
    average_from: float


def tile_rows(n_features):
    """Number of rows handled together, small enough for them to stay in cache from their scores to their gradient."""
    return int(min(max(32768 // max(n_features, 1), 16), 256))


def make_batch_pass(scores, accumulate):
    """One pass over the samples in `order`, a step for each batch of them."""

    def batch_pass(data, order, model, leaves, plan, rates, counters, tile):
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
            # The mean over the batch, with weights relative to the mean weight of the samples so far.
            divisor = (stop - start) * (counters[WEIGHT_SUM] / counters[ROWS])
            gradient[:] = 0.0
            for first in range(start, stop, tile):
                rows = order[first : min(first + tile, stop)]
                m = len(rows)
                for i in range(m):
                    for k in range(target.shape[1]):
                        target[i, k] = data.target[rows[i], k]
                # 1. scores  2. slopes of the loss  3. their sum over the samples, the gradient
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

    return batch_pass


def make_value_pass(scores):
    """The weighted sum of the losses over all samples."""

    def value_pass(data, coef, intercept, loss, tile):
        n = len(data.weight)
        raw = np.empty((tile, len(intercept)))
        rows = np.arange(n)
        total = 0.0
        for first in range(0, n, tile):
            last = min(first + tile, n)
            m = last - first
            scores(data.X, rows[first:last], coef, intercept, raw[:m])
            total += loss.value(data.target[first:last], raw[:m], data.weight[first:last], loss.parameters)
        return total

    return value_pass


def make_gradient_pass(scores, accumulate):
    """The weighted sum of the losses' gradients over all samples, added to `gradient_coef` and `gradient_intercept`."""

    def gradient_pass(data, coef, intercept, loss, tile, gradient_coef, gradient_intercept):
        n = len(data.weight)
        raw = np.empty((tile, len(intercept)))
        slope = np.empty((tile, len(intercept)))
        rows = np.arange(n)
        for first in range(0, n, tile):
            last = min(first + tile, n)
            m = last - first
            scores(data.X, rows[first:last], coef, intercept, raw[:m])
            loss.gradient(data.target[first:last], raw[:m], slope[:m], loss.parameters)
            for i in range(m):
                for k in range(len(intercept)):
                    slope[i, k] *= data.weight[first + i]
                    gradient_intercept[k] += slope[i, k]
            accumulate(data.X, rows[first:last], slope[:m], gradient_coef)

    return gradient_pass


def make_scores_pass(scores):
    """The scores of consecutive rows."""

    def scores_pass(X, first, coef, intercept, raw):
        scores(X, np.arange(first, first + raw.shape[0]), coef, intercept, raw)

    return scores_pass


def make_accumulate_pass(accumulate):
    """gradient += X' slope over consecutive rows; slope_sum += the sum of slope."""

    def accumulate_pass(X, first, slope, gradient, slope_sum):
        accumulate(X, np.arange(first, first + slope.shape[0]), slope, gradient)
        for i in range(slope.shape[0]):
            for k in range(slope.shape[1]):
                slope_sum[k] += slope[i, k]

    return accumulate_pass


def make_moments_pass(moments):
    """Weighted sums of x - shift and of its square, for each feature."""

    def moments_pass(X, weight, shift, total, square):
        moments(X, weight, shift, total, square)

    return moments_pass


def make_norms_pass(norms):
    """Squared norms of the rows in `order`."""

    def norms_pass(X, order, out):
        norms(X, order, out)

    return norms_pass


def batch_pass(rows, data, order, model, leaves, plan, rates, counters):
    """Run `make_batch_pass` on `rows`."""
    tile = min(tile_rows(rows.shape[1]), plan.batch_size)
    run(make_batch_pass, (rows.scores, rows.accumulate), data, order, model, leaves, plan, rates, counters, tile)


def value_pass(rows, data, coef, intercept, loss):
    """Run `make_value_pass` on `rows`."""
    return run(make_value_pass, (rows.scores,), data, coef, intercept, loss, tile_rows(rows.shape[1]))


def gradient_pass(rows, data, coef, intercept, loss, gradient_coef, gradient_intercept):
    """Run `make_gradient_pass` on `rows`."""
    tile = tile_rows(rows.shape[1])
    leaves = (rows.scores, rows.accumulate)
    run(make_gradient_pass, leaves, data, coef, intercept, loss, tile, gradient_coef, gradient_intercept)


def scores_pass(rows, coef, intercept, raw, first=0):
    """Run `make_scores_pass` on the rows from `first` on."""
    run(make_scores_pass, (rows.scores,), rows.arrays, first, coef, intercept, raw)


def accumulate_pass(rows, slope, gradient, slope_sum, first=0):
    """Run `make_accumulate_pass` on the rows from `first` on."""
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
    """Weighted mean and variance of each feature; the variance is exactly 0 where it is only rounding error."""
    shift = rows.first_row()
    total, square = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    run(make_moments_pass, (rows.moments,), rows.arrays, weight, shift, total, square)
    weight_sum = weight.sum()
    offset, mean_square = total / weight_sum, square / weight_sum
    mean, variance = shift + offset, mean_square - offset * offset
    return mean, np.where(variance <= rounding_error(mean, mean_square), 0.0, variance)


def row_norms(rows, order):
    """Squared norms of the rows in `order`."""
    out = np.empty(len(order))
    run(make_norms_pass, (rows.norms,), rows.arrays, order, out)
    return out
