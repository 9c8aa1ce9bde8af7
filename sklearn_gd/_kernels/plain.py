"""Plain stochastic descent on single samples: the steps of `passes.make_batch_pass` in fewer operations.

Dense samples of one score need no buffers. On CSR a step costs only the stored values of its sample.
"""

from typing import NamedTuple

import numpy as np

from .._compile import run
from .._layout import ROWS, SCALE, SCALE_SUM, STEPS, THRESHOLD, WEIGHT_SUM
from .._leaves import leaf
from .intrinsics import prefetch
from .rows import PREFETCH_ROWS, fetch_dense, fetch_of, fetch_stored, leaves_of

LARGEST_SHRINKAGE = 1e-4  # of a coefficient in one step, up to which `kept` is exact to rounding
SMALLEST_SCALE = 1e-4  # of lazy coefficients; at a smaller scale they are written out


class SlopeOfOne(NamedTuple):
    """The compiled slope of a single score, and its parameters."""

    slope: object
    parameters: np.ndarray


class PlainPlan(NamedTuple):
    """The constants of a run.

    The strengths of the penalty include alpha. They are numbers if one scalar holds the shrinkage of all coefficients, else
    arrays with an entry for each feature. `has_prox` says whether there is an l1 part or a bound at zero.
    """

    l1: object
    l2: object
    has_prox: bool
    nonnegative: bool
    fit_intercept: bool
    average_from: float


# --- leaves that other loops use too -------------------------------------------------------------------------------------


def soft_threshold(v, threshold, nonnegative):
    """The proximal step of ``threshold * |v|``, over v >= 0 where `nonnegative`."""
    if nonnegative:
        return max(v - threshold, 0.0)
    # Without branches, which are hard to predict: one of the two terms is zero.
    return max(v - threshold, 0.0) + min(v + threshold, 0.0)


def fetch_csr(values, indices, indptr, labels, n_labels, weight, order, at):
    """Prefetch the CSR sample `PREFETCH_ROWS` steps ahead of step `at`, and the row pointer of a sample further ahead.

    `labels` is the flat array of targets, `n_labels` per sample.
    """
    if at + 2 * PREFETCH_ROWS < len(order):
        prefetch(indptr, order[at + 2 * PREFETCH_ROWS])
        soon = order[at + PREFETCH_ROWS]
        fetch_stored(values, indices, indptr[soon], indptr[soon + 1])
        prefetch(labels, soon * n_labels)
        prefetch(weight, soon)


def score(matrix, row, w, intercept):
    """The score of a row of X."""
    total = intercept
    for j in range(matrix.shape[1]):
        total += matrix[row, j] * w[j]
    return total


# --- dense ---------------------------------------------------------------------------------------------------------------


def make_row_pass(soft_threshold, score, fetch):
    """One pass over dense samples with one score."""

    def row_pass(data, order, model, loss, plan, rates, counters):
        matrix, target, weight = data.X[0], data.target, data.weight
        flat, labels = matrix.reshape(matrix.size), target.reshape(target.size)
        w, n_features = model.theta, matrix.shape[1]
        weight_sum, rows, steps = counters[WEIGHT_SUM], counters[ROWS], counters[STEPS]
        intercept = w[n_features]
        l1, l2 = plan.l1, plan.l2
        for at in range(len(order)):
            if at + PREFETCH_ROWS < len(order):
                soon = order[at + PREFETCH_ROWS]
                fetch(flat, soon, n_features)
                prefetch(labels, soon)
                prefetch(weight, soon)
            row, rate = order[at], rates[at]
            weight_sum += weight[row]
            rows += 1.0
            steps += 1.0
            # 1. the score  2. its slope, by the weight relative to the mean weight so far
            raw = score(matrix, row, w, intercept)
            g = loss.slope(labels[row], raw, loss.parameters) * (weight[row] / (weight_sum / rows))
            # 3. the step along the gradient of loss and l2 penalty
            for j in range(n_features):
                w[j] -= rate * (g * matrix[row, j] + l2[j] * w[j])
            if plan.fit_intercept:
                intercept -= rate * g
            # 4. the proximal step of the l1 penalty
            if plan.has_prox:
                for j in range(n_features):
                    w[j] = soft_threshold(w[j], rate * l1[j], plan.nonnegative)
            # 5. the average of the iterates
            if steps >= plan.average_from:
                w[n_features] = intercept
                share = 1.0 / (steps - plan.average_from + 1.0)
                for j in range(n_features + 1):
                    model.average[j] += share * (w[j] - model.average[j])
        w[n_features] = intercept
        counters[WEIGHT_SUM], counters[ROWS], counters[STEPS] = weight_sum, rows, steps

    return row_pass


def make_rows_pass(soft_threshold, scores, fetch):
    """`make_row_pass` for several scores."""

    def rows_pass(data, order, model, loss, plan, rates, counters, raw, slope, target):
        matrix, weight = data.X[0], data.weight
        coef, intercept = model.coef, model.intercept
        n_outputs, n_features = coef.shape
        weight_sum, rows, steps = counters[WEIGHT_SUM], counters[ROWS], counters[STEPS]
        l1, l2 = plan.l1, plan.l2
        for at in range(len(order)):
            if at + PREFETCH_ROWS < len(order):
                fetch(data.X, order[at + PREFETCH_ROWS])
            row, rate = order[at], rates[at]
            weight_sum += weight[row]
            rows += 1.0
            steps += 1.0
            # 1. the scores  2. their slopes, by the weight relative to the mean weight so far
            for k in range(target.shape[1]):
                target[0, k] = data.target[row, k]
            scores(data.X, order[at : at + 1], coef, intercept, raw)
            loss.gradient(target, raw, slope, loss.parameters)
            relative = weight[row] / (weight_sum / rows)
            for k in range(n_outputs):
                g, w = slope[0, k] * relative, coef[k]
                # 3. the step along the gradient of loss and l2 penalty
                for j in range(n_features):
                    w[j] -= rate * (g * matrix[row, j] + l2[j] * w[j])
                if plan.fit_intercept:
                    intercept[k] -= rate * g
                # 4. the proximal step of the l1 penalty
                if plan.has_prox:
                    for j in range(n_features):
                        w[j] = soft_threshold(w[j], rate * l1[j], plan.nonnegative)
            # 5. the average of the iterates
            if steps >= plan.average_from:
                share = 1.0 / (steps - plan.average_from + 1.0)
                for j in range(len(model.theta)):
                    model.average[j] += share * (model.theta[j] - model.average[j])
        counters[WEIGHT_SUM], counters[ROWS], counters[STEPS] = weight_sum, rows, steps

    return rows_pass


# --- CSR -----------------------------------------------------------------------------------------------------------------


def make_lazy_row_pass(soft_threshold, fetch):
    """`make_lazy_pass` for one score: the same steps without loops over scores."""

    def lazy_row_pass(data, order, lazy, loss, plan, rates, counters):
        values, indices, indptr = data.X
        labels, weight = data.target.reshape(data.target.size), data.weight
        v, offset, stamp = lazy.v.reshape(lazy.v.size), lazy.offset.reshape(lazy.offset.size), lazy.stamp
        weight_sum, rows, steps = counters[WEIGHT_SUM], counters[ROWS], counters[STEPS]
        scale, threshold, scale_sum = counters[SCALE], counters[THRESHOLD], counters[SCALE_SUM]
        intercept, intercept_sum = lazy.intercept[0], lazy.intercept_sum[0]
        l1, l2, nonnegative = plan.l1, plan.l2, plan.nonnegative
        for at in range(len(order)):
            fetch(values, indices, indptr, labels, data.target.shape[1], weight, order, at)
            row, rate = order[at], rates[at]
            begin, end = indptr[row], indptr[row + 1]
            weight_sum += weight[row]
            rows += 1.0
            steps += 1.0
            # 1. the score, thresholds applied to the features that the sample has
            raw = 0.0
            if plan.has_prox:
                for place in range(begin, end):
                    j = indices[place]
                    v[j] = soft_threshold(v[j], threshold - stamp[j], nonnegative)
                    stamp[j] = threshold
                    raw += values[place] * v[j]
            else:
                for place in range(begin, end):
                    raw += values[place] * v[indices[place]]
            # 2. its slope
            g = loss.slope(labels[row], raw * scale + intercept, loss.parameters)
            # 3. the l2 penalty, in the scale; a factor that is zero or negative is applied at once
            factor = 1.0 - rate * l2
            if scale * factor < SMALLEST_SCALE:
                for j in range(len(v)):
                    before = v[j]
                    v[j] = soft_threshold(before, threshold - stamp[j], nonnegative) * scale * factor
                    stamp[j] = 0.0
                    offset[j] += scale_sum * (v[j] - before)
                threshold, scale = 0.0, 1.0
            else:
                scale *= factor
            # 4. the step along the sample
            step = rate * g * (weight[row] / (weight_sum / rows))
            if plan.fit_intercept:
                intercept -= step
            step /= scale
            if steps > plan.average_from:
                for place in range(begin, end):
                    move = step * values[place]
                    v[indices[place]] -= move
                    offset[indices[place]] -= scale_sum * move
            else:
                for place in range(begin, end):
                    v[indices[place]] -= step * values[place]
            # 5. the l1 penalty, in the threshold  6. the average of the iterates
            threshold += rate * l1 / scale
            if steps >= plan.average_from:
                scale_sum += scale
                intercept_sum += intercept
        counters[WEIGHT_SUM], counters[ROWS], counters[STEPS] = weight_sum, rows, steps
        counters[SCALE], counters[THRESHOLD], counters[SCALE_SUM] = scale, threshold, scale_sum
        lazy.intercept[0], lazy.intercept_sum[0] = intercept, intercept_sum

    return lazy_row_pass


def make_lazy_pass(soft_threshold, fetch):
    """One pass over CSR samples; a step costs the stored values of its sample.

    A scalar carries the l2 shrinkage (coef = scale * v). The l1 penalty is a running threshold, applied to a coefficient when
    the next sample has its feature; this is exact, because soft thresholds add up. The average is kept as scale_sum * v - offset.

    References
    ----------
    W. Xu, "Towards optimal one pass large scale learning with averaged stochastic gradient descent", 2010.
    """

    def lazy_pass(data, order, lazy, loss, plan, rates, counters):
        values, indices, indptr = data.X
        labels, weight = data.target.reshape(data.target.size), data.weight
        n_outputs = len(lazy.intercept)
        raw = np.empty((1, n_outputs))
        slope = np.empty((1, n_outputs))
        for at in range(len(order)):
            fetch(values, indices, indptr, labels, data.target.shape[1], weight, order, at)
            row = order[at]
            begin, end = indptr[row], indptr[row + 1]
            rate = rates[at]
            counters[WEIGHT_SUM] += data.weight[row]
            counters[ROWS] += 1.0
            counters[STEPS] += 1.0
            # 1. the scores, thresholds applied to the features that the sample has
            threshold = counters[THRESHOLD]
            raw[0, :] = 0.0
            for place in range(begin, end):
                j = indices[place]
                if plan.l1 > 0.0 or plan.nonnegative:
                    lag = threshold - lazy.stamp[j]
                    lazy.stamp[j] = threshold
                    for k in range(n_outputs):
                        lazy.v[j, k] = soft_threshold(lazy.v[j, k], lag, plan.nonnegative)
                for k in range(n_outputs):
                    raw[0, k] += values[place] * lazy.v[j, k]
            for k in range(n_outputs):
                raw[0, k] = raw[0, k] * counters[SCALE] + lazy.intercept[k]
            # 2. their slopes
            loss.gradient(data.target[row : row + 1], raw, slope, loss.parameters)
            # 3. the l2 penalty, in the scale; a factor that is zero or negative is applied at once
            factor = 1.0 - rate * plan.l2
            if counters[SCALE] * factor < SMALLEST_SCALE:
                for j in range(lazy.v.shape[0]):
                    lag = counters[THRESHOLD] - lazy.stamp[j]
                    lazy.stamp[j] = 0.0
                    for k in range(n_outputs):
                        before = lazy.v[j, k]
                        after = soft_threshold(before, lag, plan.nonnegative) * counters[SCALE] * factor
                        lazy.offset[j, k] += counters[SCALE_SUM] * (after - before)
                        lazy.v[j, k] = after
                counters[THRESHOLD] = 0.0
                counters[SCALE] = 1.0
            else:
                counters[SCALE] *= factor
            # 4. the step along the sample
            scale = counters[SCALE]
            relative = data.weight[row] / (counters[WEIGHT_SUM] / counters[ROWS])
            for k in range(n_outputs):
                slope[0, k] = slope[0, k] * relative * rate
                if plan.fit_intercept:
                    lazy.intercept[k] -= slope[0, k]
                slope[0, k] /= scale
            for place in range(begin, end):
                j = indices[place]
                for k in range(n_outputs):
                    move = slope[0, k] * values[place]
                    lazy.v[j, k] -= move
                    lazy.offset[j, k] -= counters[SCALE_SUM] * move
            # 5. the l1 penalty, in the threshold  6. the average of the iterates
            counters[THRESHOLD] += rate * plan.l1 / scale
            if counters[STEPS] >= plan.average_from:
                counters[SCALE_SUM] += scale
                for k in range(n_outputs):
                    lazy.intercept_sum[k] += lazy.intercept[k]

    return lazy_pass


def kept(decay, total, squares):
    """The product of 1 - rate * decay over steps, from the sums of their rates and squared rates.

    The logarithm of a factor is taken to second order: (rate * decay)^3 / 3 is missing, 3e-13 at `LARGEST_SHRINKAGE`.
    """
    x = decay * (total + 0.5 * decay * squares)
    if x < 1e-2:
        # The series, by products only, because a division costs as much as all the other operations.
        return 1.0 - x * (1.0 - x * (0.5 - x * (1.0 / 6.0 - x * (1.0 / 24.0 - x * (1.0 / 120.0)))))
    return np.exp(-x)


def make_shrinking_pass(kept, fetch):
    """One pass over CSR samples with an l2 penalty that has a separate shrinkage for each feature.

    A coefficient is shrunk when the next sample has its feature, for all steps since the last update, and at the end of the pass.
    A feature must not be stored twice in a sample.
    """

    def shrinking_pass(data, order, model, loss, plan, rates, counters):
        values, indices, indptr = data.X
        labels, weight = data.target.reshape(data.target.size), data.weight
        coef, intercept, l2 = model.coef, model.intercept, plan.l2
        n_outputs = len(intercept)
        raw, slope = np.empty((1, n_outputs)), np.empty((1, n_outputs))
        stamps = np.zeros((coef.shape[0], 2))
        total, squares = 0.0, 0.0
        for at in range(len(order)):
            fetch(values, indices, indptr, labels, data.target.shape[1], weight, order, at)
            row, rate = order[at], rates[at]
            begin, end = indptr[row], indptr[row + 1]
            counters[WEIGHT_SUM] += data.weight[row]
            counters[ROWS] += 1.0
            counters[STEPS] += 1.0
            # 1. the coefficients of the sample's features, shrunk up to the step before; the scores
            for k in range(n_outputs):
                raw[0, k] = intercept[k]
            for place in range(begin, end):
                j = indices[place]
                factor = kept(l2[j], total - stamps[j, 0], squares - stamps[j, 1])
                stamps[j, 0], stamps[j, 1] = total + rate, squares + rate * rate
                for k in range(n_outputs):
                    coef[j, k] *= factor
                    raw[0, k] += values[place] * coef[j, k]
            # 2. their slopes
            loss.gradient(data.target[row : row + 1], raw, slope, loss.parameters)
            # 3. the step along the sample and the l2 penalty  4. the bound at zero, if there is one
            relative = data.weight[row] / (counters[WEIGHT_SUM] / counters[ROWS])
            for k in range(n_outputs):
                slope[0, k] = slope[0, k] * relative * rate
                if plan.fit_intercept:
                    intercept[k] -= slope[0, k]
            for place in range(begin, end):
                j = indices[place]
                factor = 1.0 - rate * l2[j]
                for k in range(n_outputs):
                    w = coef[j, k] * factor - slope[0, k] * values[place]
                    coef[j, k] = max(w, 0.0) if plan.nonnegative else w
            total += rate
            squares += rate * rate
        for j in range(coef.shape[0]):
            factor = kept(l2[j], total - stamps[j, 0], squares - stamps[j, 1])
            for k in range(n_outputs):
                coef[j, k] *= factor

    return shrinking_pass


# --- entry points --------------------------------------------------------------------------------------------------------


def row_pass(data, model, loss, plan, counters, order, rates):
    """Run `make_row_pass`; `loss` is a `SlopeOfOne`."""
    leaves = (leaf(soft_threshold), leaf(score, fastmath=True), leaf(fetch_dense))
    run(make_row_pass, leaves, data, order, model, loss, plan, rates, counters, allocates=False)


def rows_pass(data, model, loss, plan, counters, order, rates):
    """Run `make_rows_pass`; `loss` is a `LossBlocks`."""
    raw, slope = np.empty((2, 1, len(model.intercept)))
    target = np.empty((1, data.target.shape[1]))
    leaves = (leaf(soft_threshold), leaves_of("dense")[0], fetch_of("dense"))
    run(make_rows_pass, leaves, data, order, model, loss, plan, rates, counters, raw, slope, target, allocates=False)


def lazy_row_pass(data, lazy, loss, plan, counters, order, rates):
    """Run `make_lazy_row_pass`; `loss` is a `SlopeOfOne`."""
    leaves = (leaf(soft_threshold), leaf(fetch_csr))
    run(make_lazy_row_pass, leaves, data, order, lazy, loss, plan, rates, counters, allocates=False)


def lazy_pass(data, lazy, loss, plan, counters, order, rates):
    """Run `make_lazy_pass`; `loss` is a `LossBlocks`."""
    run(make_lazy_pass, (leaf(soft_threshold), leaf(fetch_csr)), data, order, lazy, loss, plan, rates, counters)


def shrinking_pass(data, model, loss, plan, counters, order, rates):
    """Run `make_shrinking_pass`; `loss` is a `LossBlocks`."""
    leaves = (leaf(kept), leaf(fetch_csr))
    run(make_shrinking_pass, leaves, data, order, model, loss, plan, rates, counters)
