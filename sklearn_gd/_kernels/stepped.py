"""Steps of any optimizer on single dense samples of one score: the steps of `passes.make_batch_pass` in fewer operations.

The loop calls only the slope of the loss and the optimizer's update; the elastic-net penalty is part of the loop.
"""

import numpy as np

from .._compile import run
from .._layout import ROWS, STEPS, WEIGHT_SUM
from .._leaves import leaf
from .intrinsics import prefetch
from .plain import score, soft_threshold
from .rows import PREFETCH_ROWS, fetch_dense

LANES = 8  # numbers in a vector of the processor
LEAST_VECTOR = 24  # coefficients from which the compiled loops of the optimizers are vectorised
MOST_PADDED = 64  # coefficients above which the last ones, outside the vectors, hardly count


def make_stepped_row_pass(soft_threshold, score, fetch):
    """One pass over dense samples of one score, with one step of the optimizer per sample."""

    def stepped_row_pass(data, order, model, loss, step, plan, decay, rates, counters, work):
        matrix, weight, labels = data.X[0], data.weight, data.target.reshape(data.target.size)
        flat = matrix.reshape(matrix.size)
        w, n_features = model.theta, matrix.shape[1]
        weight_sum, rows, steps = counters[WEIGHT_SUM], counters[ROWS], counters[STEPS]
        l1, l2, gradient, prox_step = plan.l1, plan.l2, work[0], work[1]
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
            raw = score(matrix, row, w, w[n_features])
            g = loss.slope(labels[row], raw, loss.parameters) * weight[row] / (weight_sum / rows)
            # 3. the gradient of loss and l2 penalty
            for j in range(n_features):
                gradient[j] = g * matrix[row, j] + l2[j] * w[j]
            gradient[n_features] = g if plan.fit_intercept else 0.0
            # 4. the optimizer's step
            if decay > 0.0:
                for j in range(n_features):
                    w[j] *= 1.0 - rate * decay
            step.step(w, gradient, model.slots, prox_step, rate, steps, step.parameters)
            # 5. the proximal step of the l1 penalty
            if plan.has_prox:
                for j in range(n_features):
                    w[j] = soft_threshold(w[j], prox_step[j] * l1[j], plan.nonnegative)
            # 6. the average of the iterates
            if steps >= plan.average_from:
                share = 1.0 / (steps - plan.average_from + 1.0)
                for j in range(n_features + 1):
                    model.average[j] += share * (w[j] - model.average[j])
        counters[WEIGHT_SUM], counters[ROWS], counters[STEPS] = weight_sum, rows, steps

    return stepped_row_pass


def stepped_row_pass(data, model, loss, step, pads, plan, decay, counters, order, rates):
    """Run `make_stepped_row_pass`; `loss` is a `SlopeOfOne`, `step` the `StepBlocks` of an optimizer.

    With few features, if it `pads`, the optimizer also moves coefficients that no feature has, at first zero, so that its loop is
    vectorised.
    """
    leaves = (leaf(soft_threshold), leaf(score, fastmath=True), leaf(fetch_dense))
    n = len(model.theta)
    padded = max(-(-n // LANES) * LANES, LEAST_VECTOR) if pads and n <= MOST_PADDED else n
    wide = model
    if padded > n:
        wide = model._replace(theta=np.zeros(padded), slots=np.zeros((len(model.slots), padded)))
        wide.theta[:n], wide.slots[:, :n] = model.theta, model.slots
    arguments = data, order, wide, loss, step, plan, decay, rates, counters, np.zeros((2, padded))
    run(make_stepped_row_pass, leaves, *arguments, allocates=False)
    if padded > n:
        model.theta[:], model.slots[:] = wide.theta[:n], wide.slots[:, :n]
