"""One pass of descent on batches of samples.

The loop is written once, calls the leaves of `rows`, and is compiled once for each data layout.
"""

from typing import NamedTuple

import numpy as np

from .._compile import run
from .._layout import LEAST_GRADIENT, ROWS, STEPS, WEIGHT_SUM
from .._leaves import leaf
from .rows import LEAST_GATHERED, PREFETCH_ROWS, fetch_of, leaves_of


class Model(NamedTuple):
    """The model that descent updates. theta is a flat vector of coef, then intercept; `coef` and `intercept` are views of it.

    The optimizer moves `point`, the coordinates of theta; in the coordinates of the data it is theta itself.
    """

    theta: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    point: np.ndarray
    slots: np.ndarray
    average: np.ndarray


class Leaves(NamedTuple):
    """The compiled parts that a step calls."""

    loss: tuple
    penalty: tuple
    step: tuple


class Workspace(NamedTuple):
    """Arrays that a pass writes: the gradient, the length of the proximal step of each coordinate, and the scores, slopes and
    targets of a tile of samples. The pass itself allocates nothing, so its slices cost no reference counting."""

    gradient: np.ndarray
    prox_step: np.ndarray
    raw: np.ndarray
    slope: np.ndarray
    target: np.ndarray


class StepPlan(NamedTuple):
    """The constants of a run."""

    batch_size: int
    fit_intercept: bool
    alpha: float
    decay: float
    average_from: float
    average_power: float


def to_theta(point, coordinates, theta):
    """Overwrite theta with the model whose coordinates are `point`."""
    n_coef = len(coordinates.mean)
    for i in range(len(point)):
        theta[i] = coordinates.size[i] * point[i]
    for i in range(n_coef):
        theta[n_coef + coordinates.output[i]] -= coordinates.mean[i] * theta[i]


def tile_rows(n_features):
    """The number of samples in a tile, small enough to stay in the cache between their scores and their gradient."""
    return int(min(max(32768 // max(n_features, 1), 16), 256))


def make_batch_pass(scores, accumulate, fetch, to_theta):
    """One pass over the samples in `order`, with one step per batch."""

    def batch_pass(data, order, model, coordinates, leaves, plan, rates, counters, work):
        penalty, point = leaves.penalty, model.point
        changed = len(coordinates.size) > 0
        if changed:
            to_theta(point, coordinates, model.theta)
        n_outputs = len(model.intercept)
        n_coef = len(model.theta) - n_outputs
        gradient, prox_step, raw, slope, target = work
        gradient_coef = gradient[:n_coef].reshape(model.coef.shape)
        gradient_intercept = gradient[n_coef:]
        tile = len(raw)
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
                    if first + i + PREFETCH_ROWS < len(order):
                        fetch(data.X, order[first + i + PREFETCH_ROWS])
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
            if changed:
                for j in range(n_coef):
                    gradient[j] -= coordinates.mean[j] * gradient_intercept[coordinates.output[j]]
                for j in range(len(gradient)):
                    gradient[j] *= coordinates.gradient_size[j]
                    if abs(gradient[j]) < LEAST_GRADIENT:
                        gradient[j] = 0.0
            if plan.decay > 0.0:
                for j in range(n_coef):
                    point[j] *= 1.0 - rate * plan.decay
            leaves.step.step(point, gradient, model.slots, prox_step, rate, t, leaves.step.parameters)
            if changed:
                for j in range(n_coef):
                    point[j] *= coordinates.size[j]
                    prox_step[j] *= coordinates.size[j] * coordinates.gradient_size[j]
            penalty.prox(point[:n_coef], prox_step[:n_coef], plan.alpha, penalty.scale, penalty.parameters)
            if changed:
                for j in range(n_coef):
                    point[j] = point[j] / coordinates.size[j] if coordinates.size[j] > 0.0 else 0.0
                to_theta(point, coordinates, model.theta)
            if t >= plan.average_from:
                share = (1.0 + plan.average_power) / (t - plan.average_from + 1.0 + plan.average_power)
                for j in range(len(point)):
                    model.average[j] += share * (point[j] - model.average[j])

    return batch_pass


def batch_pass(rows, data, model, coordinates, leaves, plan, counters, order, rates):
    """Run `make_batch_pass` over the samples in `order`, at the rate of each step."""
    tile, n_outputs = min(tile_rows(rows.shape[1]), plan.batch_size), len(model.intercept)
    gradient, prox_step = np.zeros((2, len(model.theta)))
    work = Workspace(gradient, prox_step, *np.empty((2, tile, n_outputs)), np.empty((tile, data.target.shape[1])))
    layout, d = rows.layout, rows.shape[1]
    if layout == "dense" and n_outputs > 1 and plan.batch_size * n_outputs >= LEAST_GATHERED:
        layout = "gathered"
        data = data._replace(X=(*data.X, np.empty((tile, d))))
    inlined = (*leaves_of(layout), fetch_of(layout), leaf(to_theta))
    run(make_batch_pass, inlined, data, order, model, coordinates, leaves, plan, rates, counters, work, allocates=False)
