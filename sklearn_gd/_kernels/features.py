"""The features of a proximal row step: the moments of their values, their means and scales, the penalty of their coefficients.

The functions are the same for dense and CSR samples; the passes of `proximal` call them.
"""

import math

from .._layout import NONZEROS, REFRESH_AT, REFRESH_PERIOD, REFRESHED_AT_ONCE, ROWS, STEPS, WEIGHT_SUM, rounding_error

FAR = 6.0  # standardised value above which mean and scale of its feature are updated before they are out of date
# Times the root of the number of samples: the standardised value at which values are clipped, if above `RowPlan.clip`.
CLIP_GROWTH = 0.3
OUTLYING = 10.0  # times that limit: the value that counts as outlying
MOST_OUTLYING = 20.0  # outlying values of a feature that raise the limit
REMEMBERED = 300.0  # samples after which an outlying value is forgotten
PENALTY_VECTORS = 5  # in the workspace of `penalty_step`


def begin_sample(counters, weight, clip):
    """Count a sample; returns its weight relative to the mean weight so far, and the standardised value at which to clip.

    One value among n can be sqrt(n) standard deviations from the mean without being an outlier, for example if few samples have
    the feature. It is clipped at a share of that, which raises the variance by a tenth at most; after about ten samples with the
    feature it is not clipped.
    """
    counters[STEPS] += 1.0
    counters[ROWS] += 1.0
    counters[WEIGHT_SUM] += weight
    if counters[ROWS] >= counters[REFRESH_AT]:
        counters[REFRESH_AT] = math.floor(1.1 * counters[ROWS]) + 1.0
    return weight / (counters[WEIGHT_SUM] / counters[ROWS]), max(clip, CLIP_GROWTH * math.sqrt(counters[ROWS]))


def add_value(columns, j, x, weight, largest, rows):
    """Add a value to the sums of feature j, with its distance from the mean clipped at `largest` / scale, unless it is 0.

    Returns 1 if the value is outlying, else 0. A single outlying value of a feature may be an error; several among a few hundred
    samples, `rows` so far, are how the feature is distributed, as with a code for missing values. So each raises the limit by a
    factor of `OUTLYING` for as many samples, and the scale follows.
    """
    scale, outlying = columns.scale[j], 0.0
    if x != 0.0:
        columns.nonzero[j] += weight
        if scale > 0.0:
            standardised = (x - columns.mean[j]) * scale
            if abs(standardised) > largest:
                forgotten = max(columns.outlying[j], rows)
                limit = largest * OUTLYING ** min((forgotten - rows) / REMEMBERED, MOST_OUTLYING)
                if abs(standardised) > OUTLYING * largest:
                    outlying = 1.0
                    columns.outlying[j] = forgotten + REMEMBERED
                x = columns.mean[j] + min(max(standardised, -limit), limit) / scale
    offset = x - columns.shift[j]
    columns.total[j] += weight * offset
    columns.square[j] += weight * offset * offset
    return outlying


def is_due(columns, j, x, rows, far):
    """Whether mean and scale of feature j are to be updated for a value other than 0: after `rows` samples, or `far` from it."""
    scale = columns.scale[j]
    return x != 0.0 and (rows >= columns.due[j] or scale == 0.0 or abs(x - columns.mean[j]) * scale > far)


def all_are_refreshed(counters, nonzeros, n_features):
    """Whether all means and scales out of date are updated with the next sample, whose number of values is `nonzeros`."""
    if n_features <= REFRESHED_AT_ONCE:
        return counters[ROWS] + 1.0 >= counters[REFRESH_AT]
    before, period = counters[NONZEROS], REFRESH_PERIOD * n_features
    return math.floor((before + nonzeros) / period) > math.floor(before / period)


def update_scale(columns, j, counters, plan):
    """Update mean, unit and scale of feature j from its sums.

    The formula is that of `objective._preconditioner`: one over the square root of variance plus curvature of the l2 penalty,
    0 for a feature without variance.
    """
    weight_sum = counters[WEIGHT_SUM]
    shift, offset = columns.shift[j], columns.total[j] / weight_sum
    mean_square = columns.square[j] / weight_sum
    mean, variance = shift + offset, mean_square - offset * offset
    if variance <= rounding_error(mean, mean_square):
        variance = 0.0
    columns.unit[j] = plan.unit(math.sqrt(variance), columns.nonzero[j] / weight_sum, plan.typical_curvature)
    l2 = plan.l2 * columns.unit[j] * columns.unit[j]
    if not plan.fit_intercept:
        variance = mean_square + shift * (shift + 2.0 * offset)
        mean = 0.0
    columns.mean[j], columns.due[j] = mean, counters[REFRESH_AT]
    columns.scale[j] = 1.0 / math.sqrt(variance + l2) if variance > 0.0 else 0.0


def penalty_step(v, scale, unit, alpha, pending_step, penalty, work):
    """Apply the penalty to v of one score over a step of `pending_step`: an implicit step of the smooth part, then the prox.

    `work` is a workspace of `PENALTY_VECTORS` vectors.
    """
    n = len(v)
    coef, step, nearby, slope, nearby_slope = work[0], work[1], work[2], work[3], work[4]
    for j in range(n):
        slope[j] = nearby_slope[j] = 0.0
        coef[j] = v[j] * scale[j]
        step[j] = pending_step * scale[j] * scale[j]
        nearby[j] = coef[j] + 1e-6 * max(abs(coef[j]), 1e-6)
    penalty.gradient(coef, slope, alpha, unit, penalty.parameters)
    penalty.gradient(nearby, nearby_slope, alpha, unit, penalty.parameters)
    for j in range(n):
        curvature = max((nearby_slope[j] - slope[j]) / (nearby[j] - coef[j]), 0.0)
        coef[j] -= step[j] * slope[j] / (1.0 + step[j] * curvature)
    penalty.prox(coef, step, alpha, unit, penalty.parameters)
    for j in range(n):
        if scale[j] > 0.0:
            v[j] = coef[j] / scale[j]
