"""The mixture of the models of proximal row steps, weighted by their progressive losses.

`descent.proximal_rows` describes the method, `proximal` has the passes that call `judge` and `weigh`.
"""

import math

from numba import types

from .._compile import compiled
from .._layout import EXCEEDED, MIXED_CURVATURE, MIXED_HORIZON, MIXED_LOSS, MIXED_SLOPE, MIXED_WEIGHT, PAST_WEIGHT, ROWS, TAKEN_AT
from .._leaves import leaf
from .blocks import MATRIX, VECTOR
from .row_steps import information_share

MEMORY = 2000.0  # information after which all sums have been discounted by a factor of e
LARGEST_RELATIVE_LOSS = 100.0  # limit of a sample's loss, relative to the worst model's progressive loss, against outliers
RAISED = 10.0  # factor on this limit for each successive sample that exceeds it: these are no outliers
WORST_OF_USE = 10.0  # largest progressive loss used there in streams, relative to the best model's
LARGEST_MIXED_LOSS = 1000.0  # largest loss of a sample for the weights, relative to the best model's progressive loss
OVERFLOW = 1e200  # limit of the losses of the first hundred samples
PRIOR_ROWS = 10.0  # information by which the Bayesian weights count, in addition to the samples predicted at once
SHARED_ROWS = 10.0  # number of samples predicted at once that halves the information in their losses
NULL_HANDICAP = 1.05  # factor by which the null model must predict better than another model for an equal weight
BOLD_ROWS = 10.0  # number of samples predicted at once above which the last iterate of the longest steps has a bounded weight
LEAST_BOUND = 0.1  # lower limit of this bound, which is otherwise `BOLD_ROWS` over the number of samples predicted at once
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
N_JUDGED = 4  # scores and slopes in the workspace of `judge`, after the terms
NEGLIGIBLE = 1e-6  # squared difference of two scores, relative to the squared residual, below which models count as equal


WEIGH = types.void(VECTOR, VECTOR, MATRIX, VECTOR, VECTOR, VECTOR, VECTOR)


def gain(weights, products, right, prior, ridge, c):
    """The negative derivative of the quadratic model of the loss with respect to weight c."""
    slope = right[c] + ridge * (prior[c] - weights[c])
    for e in range(len(prior)):
        slope -= products[c, e] * weights[e]
    return slope


def make_weigh(gain, information_share):
    """The weights of the models. Passes call this function by its address: it is called rarely, and they share its code."""

    def weigh(losses, weights, products, right, sums, prior, counters):
        """Set the weights to the minimum of the quadratic model of the loss over non-negative weights.

        The weights of the models add up to one, and that of the first is bounded: with the longest steps it depends on few
        samples, so an outlying one just before a call could spoil all predictions of the call. The squared distance from the
        weights of a Bayesian mixture, which depend on the losses alone, is added: it determines the weights if models are similar
        or samples are few. They are written to `prior`.
        """
        n_models, n_terms = len(losses), len(weights)
        rows = sums[MIXED_WEIGHT]
        if not rows > 0.0:
            return
        # 1. weights by the losses alone; losses of samples that are predicted at once have less information
        horizon = sums[MIXED_HORIZON] / rows
        most = max(BOLD_ROWS / horizon, LEAST_BOUND)
        least = losses[0]
        for c in range(n_models):
            least = min(least, losses[c])
        unit = least / (rows + sums[PAST_WEIGHT]) * (1.0 + horizon / SHARED_ROWS)
        total, slopes = 0.0, sums[MIXED_SLOPE]
        trace = NEGLIGIBLE * (slopes * slopes) / max(sums[MIXED_CURVATURE], SMALLEST)
        for c in range(n_models, n_terms):
            prior[c] = 0.0
        for c in range(n_models):
            handicap = NULL_HANDICAP if c == n_models - 1 else 1.0
            prior[c] = math.exp(-(handicap * losses[c] - least) / max(unit, SMALLEST))
            total += prior[c]
        for c in range(n_terms):
            prior[c] /= total
            trace += products[c, c] / n_terms
            weights[c] = prior[c]
        ridge = (PRIOR_ROWS / information_share(counters) + horizon + sums[PAST_WEIGHT]) / rows * trace
        if not (ridge > 0.0 and math.isfinite(ridge)):
            return
        # 2. the minimum, by coordinate descent: weight moves between pairs of models; that of the offset is at most one
        # After a fit that is better than the null model, the loss of the null model is infinite: it gets no weight.
        n_mixed = n_models if math.isfinite(losses[n_models - 1]) else n_models - 1
        for _ in range(SWEEPS):
            largest = 0.0
            for c in range(n_mixed):
                for e in range(c):
                    moved = gain(weights, products, right, prior, ridge, c) - gain(weights, products, right, prior, ridge, e)
                    moved /= products[c, c] + products[e, e] - 2.0 * products[c, e] + 2.0 * ridge
                    moved = min(max(moved, -weights[c]), weights[e])
                    if e == 0:
                        moved = max(moved, weights[0] - most)
                    weights[c] += moved
                    weights[e] -= moved
                    largest = max(largest, abs(moved))
            for c in range(n_models, n_terms):
                before = weights[c]
                moved = gain(weights, products, right, prior, ridge, c) / (products[c, c] + ridge)
                weights[c] = min(max(before + moved, 0.0), 1.0)
                largest = max(largest, abs(weights[c] - before))
            if largest <= ACCURACY:
                break

    return weigh


def compiled_weigh():
    """The function of `make_weigh`, compiled."""
    return compiled(make_weigh, WEIGH, leaf(gain), leaf(information_share), allocates=False)


def samples_judged(mixture, outlying, counters):
    """The number of samples that the current one represents when it is scored; 0 if it is not scored.

    A sample with outlying values is not scored: its loss would exceed those of all others, before the scales follow.
    """
    if outlying > 0.0:
        return 0.0
    if counters[ROWS] - mixture.sums[TAKEN_AT] <= EVERY_AGE:
        return 1.0
    return JUDGE_PERIOD if counters[ROWS] % JUDGE_PERIOD == 0.0 else 0.0


def follow(target, raw, offset, loss, plan, relative, curvature, scored, step):
    """Move the offset by a proximal step of an intercept that is added to the track with the shortest steps.

    `raw` has the sample's scores by each track; `relative` is the weight over the mean weight, and `curvature` the loss's
    second derivative or a bound. `scored` and `step` are workspaces.
    """
    if not plan.fit_intercept:
        return
    n_outputs = len(offset)
    first = 0
    for s in range(len(plan.lengths)):
        if plan.lengths[s] < plan.lengths[first]:
            first = s
    for k in range(n_outputs):
        scored[k] = raw[first * n_outputs + k] + offset[k]
    loss.prox(target, scored, scored, relative * FOLLOWING / curvature, 1.0, curvature, step, loss.parameters)
    for k in range(n_outputs):
        offset[k] += step[k]


def judge(target, snapshot_raw, offset, losses, mixture, loss, plan, relative, times, curvature, terms, one, counters):
    """Add the loss of a sample, for the models of the snapshot and for their mixture, to the sums, `times` times.

    `snapshot_raw` has the sample's scores by the snapshot, whose offset is `offset`; `relative` is the weight over the mean
    weight, and `curvature` the loss's second derivative or a bound. `terms` is a workspace of `N_JUDGED` samples more than there
    are terms, and `one` has the weight one.
    """
    # Before any sample there is no model to score.
    if not math.isfinite(plan.null[0]):
        return
    relative = relative * times
    n_outputs, n_models, n_terms, sums = len(offset), len(losses), len(mixture.weights), mixture.sums
    anchor, rows = (len(plan.lengths) - 1) * n_outputs, counters[ROWS]
    least, worst = losses[0], losses[0]
    for c in range(n_models - 1):
        least, worst = min(least, losses[c]), max(worst, losses[c])
    best = min(least, losses[n_models - 1]) / max(sums[MIXED_WEIGHT] + sums[PAST_WEIGHT], 1.0)
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
    if math.isfinite(plan.clip):
        # A model that an outlier has spoilt must not set the limit. In `fit` F includes the outliers, so there the worst may.
        usual = min(worst, WORST_OF_USE * least)
    limit = OVERFLOW
    if rows > 100.0 and usual > 0.0:
        limit = min(LARGEST_RELATIVE_LOSS / share * (1.0 - memory) * usual * RAISED ** sums[EXCEEDED], OVERFLOW)
    scored, slope = terms[n_terms : n_terms + 1], terms[n_terms + 1 : n_terms + 2]
    nearby, nearby_slope = terms[n_terms + 2 : n_terms + 3], terms[n_terms + 3 : n_terms + 4]
    for k in range(n_outputs):
        for c in range(n_models - 1):
            terms[c, k] = snapshot_raw[c * n_outputs + k]
        terms[n_models - 1, k] = plan.null[k]
        terms[n_models, k] = offset[k]
    all_exceed = True
    for c in range(n_models):
        for k in range(n_outputs):
            scored[0, k] = terms[c, k]
        value = loss.value(target, scored, one, loss.parameters)
        value = min(relative * value, limit) if math.isfinite(value) else limit
        losses[c] = memory * losses[c] + value
        all_exceed = all_exceed and value >= limit
    sums[EXCEEDED] = sums[EXCEEDED] + 1.0 if all_exceed else 0.0
    # 3. the terms: the offset, and the models minus the first average, as their weights add up to one; the score of the mixture,
    # and slope and curvature of the loss there
    for k in range(n_outputs):
        scored[0, k] = snapshot_raw[anchor + k]
        for c in range(n_models):
            terms[c, k] -= snapshot_raw[anchor + k]
        for c in range(n_terms):
            scored[0, k] += mixture.weights[c] * terms[c, k]
    value = loss.value(target, scored, one, loss.parameters)
    sums[MIXED_LOSS] += min(relative * value, limit) if math.isfinite(value) else limit
    loss.gradient(target, scored, slope, loss.parameters)
    square, fall = 0.0, 0.0
    for k in range(n_outputs):
        square += slope[0, k] * slope[0, k]
    if math.isfinite(value) and math.isfinite(square) and rows > FIRST_ROW:
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
            if math.isfinite(fall):
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
