"""The mixture of the models of proximal row steps, weighted by their progressive losses.

`descent.proximal_rows` describes the method, `proximal` has the passes that call `judge` and `weigh`.
"""

import numpy as np

from .._layout import MIXED_CURVATURE, MIXED_HORIZON, MIXED_LOSS, MIXED_SLOPE, MIXED_WEIGHT, PAST_WEIGHT, ROWS, TAKEN_AT
from .row_steps import information_share

MEMORY = 2000.0  # information after which all sums have been discounted by a factor of e
LARGEST_RELATIVE_LOSS = 100.0  # limit of a sample's loss, relative to the worst model's progressive loss, against outliers
WORST_OF_USE = 10.0  # largest progressive loss used there in streams, relative to the best model's
LARGEST_MIXED_LOSS = 1000.0  # largest loss of a sample for the weights, relative to the best model's progressive loss
OVERFLOW = 1e200  # limit of the losses of the first hundred samples
PRIOR_ROWS = 10.0  # information by which the Bayesian weights count, in addition to the samples predicted at once
SHARED_ROWS = 10.0  # number of samples predicted at once that halves the information in their losses
NULL_HANDICAP = 1.05  # factor by which the null model must predict better than another model for an equal weight
FIRST_ROW = 10.0  # number of samples before weights are learned
FOLLOWING = 9.0  # relative step length of the offset: for squared loss a step removes 0.9 of a residual
LEAST_CURVATURE = 0.1  # lower limit of a sample's curvature, relative to the mean
SMALLEST_CURVATURE = 1e-3  # lower limit of the mean, relative to the bound, against division by zero
FIRST_SLOPES = 10.0  # samples by which the bound of the curvature counts
EVERY_AGE = 10.0  # age of a snapshot up to which all samples are scored; later one in `JUDGE_PERIOD`, for all of them
JUDGE_PERIOD = 3.0
SWEEPS = 100
ACCURACY = 1e-6
SMALLEST = 1e-300
NEGLIGIBLE = 1e-6  # squared difference of two scores, relative to the squared residual, below which models count as equal


def gain(mixture, prior, ridge, c):
    """The negative derivative of the quadratic model of the loss with respect to weight c."""
    slope = mixture.right[c] + ridge * (prior[c] - mixture.weights[c])
    for e in range(len(prior)):
        slope -= mixture.products[c, e] * mixture.weights[e]
    return slope


def weigh(losses, mixture, counters):
    """Set the weights to the minimum of the quadratic model of the loss over non-negative weights.

    The weights of the models add up to one. The squared distance from the weights of a Bayesian mixture, which depend on the
    losses alone, is added: it determines the weights if models are similar or samples are few.
    """
    n_models, n_terms = len(losses), len(mixture.weights)
    weights, products = mixture.weights, mixture.products
    rows = mixture.sums[MIXED_WEIGHT]
    if not rows > 0.0:
        return
    # 1. weights by the losses alone; losses of samples that are predicted at once have less information
    horizon = mixture.sums[MIXED_HORIZON] / rows
    least = losses[0]
    for c in range(n_models):
        least = min(least, losses[c])
    unit = least / (rows + mixture.sums[PAST_WEIGHT]) * (1.0 + horizon / SHARED_ROWS)
    prior, total = np.zeros(n_terms), 0.0
    trace = NEGLIGIBLE * mixture.sums[MIXED_SLOPE] ** 2 / max(mixture.sums[MIXED_CURVATURE], SMALLEST)
    for c in range(n_models):
        handicap = NULL_HANDICAP if c == n_models - 1 else 1.0
        prior[c] = np.exp(-(handicap * losses[c] - least) / max(unit, SMALLEST))
        total += prior[c]
    for c in range(n_terms):
        prior[c] /= total
        trace += products[c, c] / n_terms
        weights[c] = prior[c]
    ridge = (PRIOR_ROWS / information_share(counters) + horizon + mixture.sums[PAST_WEIGHT]) / rows * trace
    if not (ridge > 0.0 and np.isfinite(ridge)):
        return
    # 2. the minimum, by coordinate descent: weight moves between pairs of models; that of the offset is at most one
    for _ in range(SWEEPS):
        largest = 0.0
        for c in range(n_models):
            for e in range(c):
                moved = gain(mixture, prior, ridge, c) - gain(mixture, prior, ridge, e)
                moved /= products[c, c] + products[e, e] - 2.0 * products[c, e] + 2.0 * ridge
                moved = min(max(moved, -weights[c]), weights[e])
                weights[c] += moved
                weights[e] -= moved
                largest = max(largest, abs(moved))
        for c in range(n_models, n_terms):
            before = weights[c]
            weights[c] = min(max(before + gain(mixture, prior, ridge, c) / (products[c, c] + ridge), 0.0), 1.0)
            largest = max(largest, abs(weights[c] - before))
        if largest <= ACCURACY:
            break


def samples_judged(mixture, counters):
    """The number of samples that the current one represents when it is scored; 0 if it is not scored."""
    if counters[ROWS] - mixture.sums[TAKEN_AT] <= EVERY_AGE:
        return 1.0
    return JUDGE_PERIOD if counters[ROWS] % JUDGE_PERIOD == 0.0 else 0.0


def follow(target, raw, mixture, loss, plan, relative, curvature):
    """Move the offset by a proximal step of an intercept that is added to the track with the shortest steps.

    `raw` has the sample's scores by each track; `relative` is the weight over the mean weight, and `curvature` the loss's
    second derivative or a bound.
    """
    if not plan.fit_intercept:
        return
    n_outputs = len(mixture.offset)
    first = 0
    for s in range(len(plan.lengths)):
        if plan.lengths[s] < plan.lengths[first]:
            first = s
    scored, step = np.empty(n_outputs), np.empty(n_outputs)
    for k in range(n_outputs):
        scored[k] = raw[first * n_outputs + k] + mixture.offset[k]
    loss.prox(target, scored, scored, relative * FOLLOWING / curvature, 1.0, curvature, step, loss.parameters)
    for k in range(n_outputs):
        mixture.offset[k] += step[k]


def judge(target, snapshot_raw, offset, track, mixture, loss, plan, relative, times, curvature, counters):
    """Add the loss of a sample, for the models of the snapshot and for their mixture, to the sums, `times` times.

    `snapshot_raw` has the sample's scores by the snapshot, whose offset is `offset`; `relative` is the weight over the mean
    weight, and `curvature` the loss's second derivative or a bound.
    """
    # Before any sample there is no model to score.
    if not np.isfinite(plan.null[0]):
        return
    relative = relative * times
    n_outputs, n_models, n_terms, sums = len(offset), len(track.losses), len(mixture.weights), mixture.sums
    anchor, rows = (len(plan.lengths) - 1) * n_outputs, counters[ROWS]
    least, worst = track.losses[0], track.losses[0]
    for c in range(n_models - 1):
        least, worst = min(least, track.losses[c]), max(worst, track.losses[c])
    best = min(least, track.losses[n_models - 1]) / max(sums[MIXED_WEIGHT] + sums[PAST_WEIGHT], 1.0)
    # 1. discount the sums; the first samples most, as the models were not trained yet
    # Rare events have much information each, so the memory is measured in information, and their losses may be larger.
    share = information_share(counters)
    memory = min(1.0 - times * share / MEMORY, 1.0 - 2.0 / (rows + 2.0))
    for place in range(TAKEN_AT):
        sums[place] *= memory
    for c in range(n_terms):
        mixture.right[c] *= memory
        for e in range(n_terms):
            mixture.products[c, e] *= memory
    sums[MIXED_WEIGHT] += relative
    sums[MIXED_HORIZON] += relative * (1.0 + 2.0 * (rows - 1.0 - sums[TAKEN_AT]))
    # 2. the losses of the models
    usual = worst
    if np.isfinite(plan.clip):
        # A model that an outlier has spoilt must not set the limit. In `fit` F includes the outliers, so there the worst may.
        usual = min(worst, WORST_OF_USE * least)
    limit = LARGEST_RELATIVE_LOSS / share * (1.0 - memory) * usual if rows > 100.0 else OVERFLOW
    scored, weight = np.empty((1, n_outputs)), np.ones(1)
    terms = np.empty((n_terms, n_outputs))
    for k in range(n_outputs):
        for c in range(n_models - 1):
            terms[c, k] = snapshot_raw[c * n_outputs + k]
        terms[n_models - 1, k] = plan.null[k]
        terms[n_models, k] = offset[k]
    for c in range(n_models):
        for k in range(n_outputs):
            scored[0, k] = terms[c, k]
        value = loss.value(target, scored, weight, loss.parameters)
        value = min(relative * value, limit) if np.isfinite(value) else limit
        track.losses[c] = memory * track.losses[c] + value
    # 3. the terms: the offset, and the models minus the first average, as their weights add up to one; the score of the mixture,
    # and slope and curvature of the loss there
    slope, nearby, nearby_slope = np.empty((1, n_outputs)), np.empty((1, n_outputs)), np.empty((1, n_outputs))
    for k in range(n_outputs):
        scored[0, k] = snapshot_raw[anchor + k]
        for c in range(n_models):
            terms[c, k] -= snapshot_raw[anchor + k]
        for c in range(n_terms):
            scored[0, k] += mixture.weights[c] * terms[c, k]
    value = loss.value(target, scored, weight, loss.parameters)
    sums[MIXED_LOSS] += min(relative * value, limit) if np.isfinite(value) else limit
    loss.gradient(target, scored, slope, loss.parameters)
    square, fall = 0.0, 0.0
    for k in range(n_outputs):
        square += slope[0, k] * slope[0, k]
    if np.isfinite(value) and np.isfinite(square) and rows > FIRST_ROW:
        if sums[MIXED_SLOPE] == 0.0:
            sums[MIXED_SLOPE], sums[MIXED_CURVATURE] = FIRST_SLOPES * square, FIRST_SLOPES * square * curvature
        mean = curvature
        if sums[MIXED_SLOPE] > 0.0:
            mean = max(sums[MIXED_CURVATURE] / sums[MIXED_SLOPE], SMALLEST_CURVATURE * curvature)
        bend = LEAST_CURVATURE * mean
        if square > 0.0:
            for k in range(n_outputs):
                nearby[0, k] = scored[0, k] - slope[0, k] / mean
            loss.gradient(target, nearby, nearby_slope, loss.parameters)
            for k in range(n_outputs):
                fall += (slope[0, k] - nearby_slope[0, k]) * slope[0, k]
            if np.isfinite(fall):
                bend = max(fall * mean / square, bend)
                sums[MIXED_SLOPE] += relative * square
                sums[MIXED_CURVATURE] += relative * square * bend
        # 4. the quadratic model of the loss in the weights
        counted = relative * min(1.0, LARGEST_MIXED_LOSS / share * best / value) if value > 0.0 else relative
        for c in range(n_terms):
            for k in range(n_outputs):
                wanted = bend * (scored[0, k] - snapshot_raw[anchor + k]) - slope[0, k]
                mixture.right[c] += counted * terms[c, k] * wanted
                for e in range(n_terms):
                    mixture.products[c, e] += counted * bend * terms[c, k] * terms[e, k]
