"""A proximal row step on one sample, dense or CSR: its length, from targets and curvature, and the step of every score.

`descent.proximal_rows` describes the method, `proximal` has the passes that call these functions.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import types

from .._compile import compiled
from .._layout import (
    CURVATURE_ROWS,
    CURVATURE_SUM,
    CURVATURE_WEIGHT,
    INFORMATION,
    MEAN_SQUARE,
    ROWS,
    TARGET_WEIGHT,
    WEIGHT_SUM,
)
from .._leaves import FLOAT, derived_leaf, leaf
from .blocks import MATRIX, VECTOR, loss_value
from .implicit import WORK_ROWS, make_coupled_implicit, make_implicit

UNIT = FLOAT(FLOAT, FLOAT, FLOAT)
PROX = types.void(MATRIX, VECTOR, VECTOR, FLOAT, FLOAT, FLOAT, VECTOR, VECTOR)
NULL_TERMS = types.void(MATRIX, VECTOR, VECTOR, VECTOR)

LEAST_INFORMATION = 1e-5  # lower limit of a sample's information in the memory of its loss
# The standardised target at which targets are clipped, as their deviation sets the step length; or the root of the number of
# samples, if larger.
TARGET_CLIP = 30.0
LARGEST_RELATIVE_NORM = 100.0  # of a sample, relative to the mean squared norm: an outlier must not shorten all later steps
LARGEST_RELATIVE_TERM = 100.0  # of a sample in the curvature, relative to the mean: as above
FARTHEST = 10.0  # an averaged step is limited to the move of an implicit step of this relative length
CENTRED_FROM = 50.0  # information above which slopes are taken at the average, which is too far from the minimum before
CONSTANT_LENGTH = 1000.0  # information up to which the cautious steps are about constant; then they decrease as its inverse root
EVERY_CURVATURE = 1000.0  # samples up to which all are used for the curvature; later one in `CURVATURE_PERIOD` is
CURVATURE_PERIOD = 8.0
# Residual of an implicit step, relative to the explicit one. A single score is solved exactly, so that a stream does not depend
# on the solver. Coupled scores take 3 to 5 evaluations for 0.03 and 3 to 8 for 1e-3, which predicts no better (digits, 12
# splits: 0.9485 and 0.9480 after one pass).
TOLERANCE = 1e-13
COUPLED_TOLERANCE = 0.03
NEARBY = 1e-3  # distance between scores in the difference for the Hessian of coupled scores


class RowLoss(NamedTuple):
    """The compiled steps, value and gradient of a loss, and its parameters.

    `averaged_prox` is the step of the cautious track, `prox` that of the others.
    """

    averaged_prox: object
    prox: object
    null_terms: object
    value: object
    gradient: object
    parameters: np.ndarray


class RowPlan(NamedTuple):
    """The constants of a pass.

    `unit` returns the penalty's unit of a coefficient from the standard deviation and the share of non-zeros of its feature.
    `curvature` is the loss's second derivative in a score or a bound of it, unless it is estimated: as the mean between the null
    model and the minima of the samples or, for a non-smooth loss, as one over the standard deviation of the targets. `l2` is the
    curvature of the l2 penalty over that of the loss. `null` has the scores of the null model, NaN before any sample;
    `typical_curvature` is that of the loss for the targets so far, the last argument of `unit`. Standardised values up to `clip`
    are never clipped in the moments of their feature. `n_features` counts those that the samples leave out, too.
    """

    fit_intercept: bool
    unit: object
    alpha: float
    l2: float
    curvature: float
    slopes_at_average: bool
    lengths: np.ndarray
    null: np.ndarray
    typical_curvature: float
    clip: float
    n_features: int


# --- the proximal step of a sample ---------------------------------------------------------------------------------------


def make_prox(target, implicit):
    """The implicit step of each score: the solution u of u = -g slope(z + q u)."""

    def prox(y, raw, centre, g, q, curvature, out, p):
        """Write u to `out`."""
        for k in range(len(raw)):
            c, _ = implicit(target(y, 0, k), raw[k], 0.0, g * q, curvature, TOLERANCE, p)
            out[k] = -g * c if math.isfinite(c) else 0.0

    return prox


def make_averaged_prox(target, slope, implicit):
    r"""The step of each score on the second-order model of the loss about `centre`, the score by the average.

    With h the mean second derivative over the step and L = `curvature`, :math:`u = -g (l' + h (raw - centre)) / (1 + g q L)`:
    linear in the iterate, so the mean of the iterates has no bias, whatever the step length.
    """

    def averaged_prox(y, raw, centre, g, q, curvature, out, p):
        """Write u to `out`."""
        length = g * q
        damping = 1.0 + length * curvature
        for k in range(len(raw)):
            y_k, h = target(y, 0, k), 0.0
            first = slope(y_k, centre[k], p)
            c = first / damping
            if not math.isfinite(c):
                out[k] = 0.0
                continue
            if length * c != 0.0:
                fall = first - slope(y_k, centre[k] - length * c, p)
                if (first - fall) * math.copysign(1.0, c) >= abs(c) / FARTHEST:
                    h = fall / (length * c)
                else:
                    # The curvature of the loss exceeds L: take an implicit step, which cannot overshoot the sample.
                    c, fall = implicit(y_k, centre[k], 0.0, FARTHEST * length, curvature, TOLERANCE, p)
                    c *= FARTHEST
                    h = fall / (length * c) if length * c != 0.0 else 0.0
            h = min(max(h, 0.0), curvature)
            out[k] = -g * (c + h * (raw[k] - centre[k]) / damping)

    return averaged_prox


def make_coupled_prox(implicit):
    """`make_prox` for a loss of all scores of a sample."""

    def prox(y, raw, centre, g, q, curvature, out, p):
        work = np.empty((WORK_ROWS, len(raw)))
        for k in range(len(raw)):
            out[k] = 0.0
        implicit(int(y[0, 0]), raw, g * q, curvature, COUPLED_TOLERANCE, work, p, out)
        for k in range(len(raw)):
            out[k] = -g * out[k] if math.isfinite(out[k]) else 0.0

    return prox


def make_unit(unit):
    """The unit of a coefficient as a function that a plan can hold."""

    def unit_of(deviation, share, curvature):
        return unit(deviation, share, curvature)

    return unit_of


def compiled_unit(penalty):
    """The unit in which a penalty counts coefficients, compiled."""
    return compiled(make_unit, UNIT, leaf(penalty.unit()))


def make_coupled_averaged_prox(gradient):
    """`make_averaged_prox` for a loss of all scores of a sample whose curvature is bounded."""

    def averaged_prox(y, raw, centre, g, q, curvature, out, p):
        n_outputs, label = len(raw), int(y[0, 0])
        slope, nearby, nearby_slope = np.empty(n_outputs), np.empty(n_outputs), np.empty(n_outputs)
        gradient(label, centre, slope, p)
        damping = 1.0 + g * q * curvature
        # 1. the slope at a point towards the iterate, for the Hessian
        largest = 0.0
        for k in range(n_outputs):
            largest = max(largest, abs(raw[k] - centre[k]))
        share = min(1.0, NEARBY / largest) if largest > 0.0 else 0.0
        for k in range(n_outputs):
            nearby[k] = centre[k] + share * (raw[k] - centre[k])
        gradient(label, nearby, nearby_slope, p)
        # 2. the step
        for k in range(n_outputs):
            change = (nearby_slope[k] - slope[k]) / share if share > 0.0 else 0.0
            u = -g * (slope[k] + change) / damping
            out[k] = u if math.isfinite(u) else 0.0

    return averaged_prox


def make_null_terms(target, slope, implicit):
    """At the null model: the sum of the squared slopes, and the sum of these times the curvature down to the minimum."""

    def null_terms(y, null, out, p):
        out[0] = out[1] = 0.0
        for k in range(len(null)):
            y_k = target(y, 0, k)
            first = slope(y_k, null[k], p)
            if first == 0.0 or not math.isfinite(first):
                continue
            # A step of this length ends near the minimum.
            length = 1e3 / abs(first)
            c, fall = implicit(y_k, null[k], 0.0, length, abs(first), 1e-6, p)
            if length * c != 0.0:
                out[0] += first * first
                out[1] += first * first * max(fall / (length * c), 0.0)

    return null_terms


def make_no_null_terms():
    """The null terms of a loss whose curvature is not estimated at the null model."""

    def no_null_terms(y, null, out, p):
        out[0] = out[1] = 0.0

    return no_null_terms


def row_loss(functions, blocks, averaged, from_null):
    """The compiled steps of a loss, with its value and gradient.

    `averaged` says whether slopes can be taken at the average, `from_null` whether the curvature is estimated at the null model.
    """
    if functions.whole_row:
        prox = compiled(make_coupled_prox, PROX, derived_leaf(make_coupled_implicit, functions.gradient))
        averaged_prox = compiled(make_coupled_averaged_prox, PROX, functions.gradient) if averaged else prox
    else:
        implicit = derived_leaf(make_implicit, functions.gradient)
        prox = compiled(make_prox, PROX, functions.target, implicit)
        averaged_prox = compiled(make_averaged_prox, PROX, functions.target, functions.gradient, implicit) if averaged else prox
    if from_null and not functions.whole_row:
        null_terms = compiled(make_null_terms, NULL_TERMS, functions.target, functions.gradient, implicit)
    else:
        null_terms = compiled(make_no_null_terms, NULL_TERMS)
    return RowLoss(averaged_prox, prox, null_terms, loss_value(functions), blocks.gradient, functions.parameters)


# --- targets, curvature, step --------------------------------------------------------------------------------------------


def add_target(target, targets, counters, weight):
    """Add a sample to the sums of the targets, with its distance from their mean clipped at `TARGET_CLIP` standard deviations.

    One target among n can be sqrt(n) standard deviations from the mean without being an outlier, for example that of a rare
    class. Such a target is not clipped.
    """
    shift, total, square = targets[0], targets[1], targets[2]
    before = counters[TARGET_WEIGHT]
    counters[TARGET_WEIGHT] += weight
    if target.shape[1] < len(total):
        total[int(target[0, 0])] += weight
        return
    for k in range(len(total)):
        offset = target[0, k] - shift[k]
        if counters[ROWS] > 10.0 and before > 0.0:
            mean = total[k] / before
            widest = max(TARGET_CLIP, math.sqrt(counters[ROWS])) * math.sqrt(max(square[k] / before - mean * mean, 0.0))
            if widest > 0.0:
                offset = min(max(offset, mean - widest), mean + widest)
        total[k] += weight * offset
        square[k] += weight * offset * offset


def target_deviation(targets, counters):
    """The standard deviation of the targets, averaged over the outputs; if it is 0, the size of their mean, or 1."""
    n_outputs, weight = targets.shape[1], counters[TARGET_WEIGHT]
    deviation, size = 0.0, 0.0
    for k in range(n_outputs):
        mean = targets[1, k] / weight
        deviation += math.sqrt(max(targets[2, k] / weight - mean * mean, 0.0)) / n_outputs
        size += abs(targets[0, k] + mean) / n_outputs
    if deviation > 0.0:
        return deviation
    return size if size > 0.0 else 1.0


def plan_curvature(target, targets, loss, plan, relative, terms, counters):
    """The curvature of the plan."""
    return plan.curvature


def target_curvature(target, targets, loss, plan, relative, terms, counters):
    """One over the standard deviation of the targets."""
    return 1.0 / target_deviation(targets, counters)


def null_curvature(target, targets, loss, plan, relative, terms, counters):
    """The mean over samples of the curvature from the null model to the sample's minimum, weighted by the squared slope."""
    rows = counters[ROWS]
    if math.isfinite(plan.null[0]) and (rows <= EVERY_CURVATURE or rows % CURVATURE_PERIOD == 0.0):
        loss.null_terms(target, plan.null, terms, loss.parameters)
        if terms[0] > 0.0 and math.isfinite(terms[1]):
            weight, curvature = relative * relative * terms[0], relative * terms[1] / terms[0]
            count, weight_sum = counters[CURVATURE_ROWS], counters[CURVATURE_WEIGHT]
            if count > 10.0:
                weight = min(weight, LARGEST_RELATIVE_TERM * weight_sum / count)
                curvature = min(curvature, LARGEST_RELATIVE_TERM * counters[CURVATURE_SUM] / weight_sum)
            counters[CURVATURE_ROWS] += 1.0
            counters[CURVATURE_WEIGHT] += weight
            counters[CURVATURE_SUM] += weight * curvature
    return counters[CURVATURE_SUM] / counters[CURVATURE_WEIGHT] if counters[CURVATURE_SUM] > 0.0 else 1.0


def curvature_function(known, smooth):
    """The function that returns the curvature at a sample, by whether the loss's is known, and whether the loss is smooth.

    Passes are compiled for one of them, without the code of the others.
    """
    if known:
        return plan_curvature
    return null_curvature if smooth else target_curvature


def information_share(counters):
    """The information of a sample, from 0 to 1: low if most samples are predicted with certainty."""
    return min(max(counters[INFORMATION], LEAST_INFORMATION), 1.0)


def make_step_scores(add_target, curvature_of, information_share):
    """The steps of all scores on a sample, which do not depend on the layout of X."""

    def step_scores(target, track, loss, plan, square, relative, outlying, work, counters):
        """Add the target to its sums, take the proximal step of every score, and return the curvature of the loss.

        `work.raw` has the sample's scores by each track, `work.centre` those by the average of the cautious one; `square` is
        |x~|^2, `relative` the weight over the mean weight, and `outlying` the number of outlying values. Writes the steps u along
        x~ and those of the intercepts.
        """
        raw, centre, u, intercept_step = work.raw, work.centre, work.u, work.intercept_step
        step, pending_step = track.step, track.pending_step
        n_tracks = len(plan.lengths)
        n_outputs = len(raw) // n_tracks
        rows = counters[ROWS]
        # 1. the mean squared norm, which sets the length of the steps
        norm = square + 1.0
        if rows > 10.0:
            norm = min(norm, LARGEST_RELATIVE_NORM * counters[MEAN_SQUARE])
        if outlying == 0.0 or counters[MEAN_SQUARE] == 0.0:
            counters[MEAN_SQUARE] += (norm - counters[MEAN_SQUARE]) / rows
        # 2. the loss's curvature
        add_target(target, track.targets, counters, relative * counters[WEIGHT_SUM] / rows)
        curvature = curvature_of(target, track.targets, loss, plan, relative, work.null_terms, counters)
        # 3. the steps, once a null model is known. If slopes are not taken at an average, the intercept begins as the coefficient
        # of a feature with so large a squared value that it is a running mean of the intercepts that the first samples require.
        for m in range(len(raw)):
            u[m] = intercept_step[m] = 0.0
        if plan.slopes_at_average and not math.isfinite(plan.null[0]):
            return curvature
        information = information_share(counters) * rows
        for s in range(n_tracks):
            scores = slice(s * n_outputs, (s + 1) * n_outputs)
            g = plan.lengths[s] / (curvature * counters[MEAN_SQUARE])
            if s == 0:
                g /= math.sqrt(1.0 + information / CONSTANT_LENGTH)
            intercept_square = 1.0 if plan.fit_intercept else 0.0
            if plan.fit_intercept and not plan.slopes_at_average:
                intercept_square = max(1.0, (1.0 / (g * curvature) + counters[MEAN_SQUARE]) / max(rows - 1.0, 0.05))
            q = square + intercept_square
            if s == 0:
                about = centre if information >= CENTRED_FROM else raw[scores]
                loss.averaged_prox(target, raw[scores], about, relative * g, q, curvature, u[scores], loss.parameters)
            else:
                loss.prox(target, raw[scores], centre, relative * g, q, curvature, u[scores], loss.parameters)
            step[s] = g
            pending_step[s] += relative * g
            for k in range(s * n_outputs, (s + 1) * n_outputs):
                intercept_step[k] = intercept_square * u[k]
        return curvature

    return step_scores
