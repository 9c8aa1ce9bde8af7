"""The null model: the best intercept alone. Its F is the unit of all tolerances; its curvature scales the metric."""

import math
from typing import NamedTuple

import numpy as np

from ..losses._base import weighted_quantiles

CONCAVE = 1e-6  # curvature of a smooth loss of margins, relative to the slope, up to which it counts as concave
SMOOTHING_STAGES = 10
NEWTON_STEPS = 50
LONGEST = 1e200  # step of Newton's method: on a loss without a minimum its steps would be infinite, and F not a number
ABRUPT = 100.0  # a smooth loss is smoothed if the spread of the targets is this multiple of its `linear_beyond`
NARROWEST = 10.0  # times `linear_beyond`: the narrowest smoothing
NARROW = 0.01  # width over which the loss of a running null model is smoothed
BLOCK = 65536  # samples whose weights are summed at once
UNBOUNDED = 1e100  # size of a negative value of the null model, relative to the targets, that no loss with a minimum has


class NullModel(NamedTuple):
    """The best intercept of each score, the mean loss there, and the mean curvature of each score."""

    intercept: np.ndarray
    value: float
    curvature: np.ndarray
    plain: float  # the mean loss without smoothing


class TargetsOnly(NamedTuple):
    """The attributes of an objective that the null model needs."""

    loss: object
    array_loss: object
    n_outputs: int
    fit_intercept: bool
    target: np.ndarray
    weight: np.ndarray
    weight_sum: float


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def null_model(objective, width):
    """The `NullModel` of an objective whose loss is smoothed over `width`: a function of targets and weights alone.

    Newton's method on each score, with backtracking, unless the loss has a formula for its best constant. In classification one
    sample of each class is used, with the weight of the class.
    """
    loss, arrays, n_outputs = objective.loss, objective.array_loss, objective.n_outputs
    target, weight = (objective.target, safe_weight(objective)) if loss.scales_with_target else one_of_each(objective)
    known = loss.best_constant(target, weight, n_outputs)
    first = target_centre(objective) if known is None else known
    y, share = arrays.encode(target), weight / weight.sum()
    shape = (n_outputs, len(share))

    def scores(intercept):
        """The scores of all targets at an intercept."""
        return np.repeat(intercept[:, None], len(share), axis=1)

    def look(intercept):
        """Mean loss, slopes and curvatures at an intercept."""
        value, slope, curvature = arrays.second_order(y, scores(intercept), width)
        return float(value @ share), slope @ share, arrays.diagonal(y, curvature, shape) @ share

    intercept = np.zeros(n_outputs)
    if objective.fit_intercept:
        intercept[:] = first
    # A piecewise linear loss of margins has no curvature between its non-differentiable points: steps reach the next one.
    longest = math.inf if loss.smooth or loss.scales_with_target else 1.0
    value, slope, curvature = look(intercept)
    if not math.isfinite(value):
        intercept[:] = 0.0
        value, slope, curvature = look(intercept)
    for _ in range(NEWTON_STEPS if objective.fit_intercept and known is None else 0):
        if is_concave(loss, curvature, slope).any():
            break
        least = np.maximum(1e-10 * max(curvature.max(), 1e-300), np.abs(slope) / longest)
        step = np.clip(-slope / np.maximum(curvature, least), -LONGEST, LONGEST)
        t = 1.0
        new = look(intercept + step)
        while not new[0] < value and t > 1e-9:
            t *= 0.25
            new = look(intercept + t * step)
        if not new[0] < value:
            break
        gain, intercept = value - new[0], intercept + t * step
        value, slope, curvature = new
        if gain <= 1e-10 * abs(value):
            break
    if is_concave(loss, curvature, slope).any():
        size = np.abs(arrays.gradient(y, scores(intercept))) @ share
        curvature = convex_curvature(loss, curvature, slope, size)
    largest = curvature.max()
    plain = float(arrays.value(y, scores(intercept)) @ share) if width else value
    return NullModel(intercept, value, np.maximum(curvature, 1e-8 * largest if largest > 0.0 else 1e-8), plain)


def check_null_model(null, objective):
    """Raise a ValueError that names the loss or y if F of the null model is not finite, or has no minimum."""
    loss = objective.loss
    if math.isnan(null.value):
        raise ValueError(
            f"the mean of {loss!r} is nan for the constant prediction {null.intercept.tolist()}: value(...) must return "
            f"a number for every score; check the loss with sklearn_gd.check_loss"
        )
    largest = float(np.abs(objective.target).max()) if abs(null.value) > UNBOUNDED else 0.0
    if largest < UNBOUNDED and null.value < -UNBOUNDED * max(largest, 1.0):
        raise ValueError(
            f"the mean of {loss!r} decreases without bound: it is {null.value:.3g} for the constant prediction "
            f"{null.intercept.tolist()}; value(...) must have a minimum over the scores"
        )
    if not math.isfinite(null.value) and loss.scales_with_target:
        raise ValueError(
            f"y has values of up to {largest:.3g}, for which the mean of {loss!r} is {null.value} for the best constant "
            f"prediction: divide y by a constant"
        )


def is_concave(loss, curvature, slope):
    """Whether a loss of margins has no positive curvature in a score: a non-convex loss saturates beyond such a point."""
    return loss.smooth & (not loss.scales_with_target) & (curvature <= CONCAVE * np.abs(slope))


def convex_curvature(loss, curvature, slope, size):
    """The curvature in each score; where it `is_concave`, the mean size of slopes, which change over a margin of about one."""
    return np.where(is_concave(loss, curvature, slope), size, curvature)


def running_null_model(objective, targets, weight, rows):
    """The null model of a stream, computed from the sums of its targets.

    It is the best constant of the loss for the classes and their weights so far, or for the mean target; the latter is exact if
    the null model is a function of the mean. To keep it finite, the weight of one more sample is divided among the classes, and
    for a loss of non-negative targets a mean of zero is replaced by 0.5 / rows.
    """
    loss, n_outputs = objective.loss, objective.n_outputs
    shift, total, _ = targets
    unit = weight / max(rows, 1.0)
    if objective.one_vs_rest:
        y, share = np.arange(float(n_outputs))[:, None], total + unit / n_outputs
    elif not loss.scales_with_target:
        positive = 0.5 * (weight * (1.0 + shift[0]) + total[0])
        y, share = np.array([[-1.0], [1.0]]), np.array([weight - positive, positive]) + 0.5 * unit
    else:
        mean = shift + total / weight
        inside = loss.in_domain(mean) & (mean != 0.0)
        y, share = np.where(inside | (not loss.positive_only), mean, 0.5 / rows)[None], np.ones(1)
    only = TargetsOnly(loss, objective.array_loss, n_outputs, True, y, share, float(share.sum()))
    if loss.smooth:
        return null_model(only, 0.0)
    found = null_model(only, NARROW)
    # The best constant of a piecewise linear loss is at a non-differentiable point.
    arrays, nearby = objective.array_loss, [found.intercept, np.round(found.intercept)]
    values = [arrays.value(arrays.encode(y), np.repeat(each[:, None], len(share), axis=1)) @ share for each in nearby]
    return found._replace(intercept=nearby[int(np.argmin(values))])


def balance(objective, targets, weight):
    """The class balance of a stream: the mean of 4 p (1 - p), 1 for two classes of equal weight.

    With many classes each has a small p, but they are rare only where one other class has nearly all samples. The balance is
    therefore at least (N - 1) / (K - 1), with the effective number of classes N = 1 / (the sum of p^2) among K.
    """
    shift, total, _ = targets
    positive = 0.5 * (1.0 + shift[0] + total[0] / weight)
    share = total / weight if objective.one_vs_rest else np.array([positive, 1.0 - positive])
    effective = 1.0 / max(float(share @ share), 1e-300)
    return float(np.clip(max(4.0 * np.mean(share * (1.0 - share)), (effective - 1.0) / (len(share) - 1.0)), 0.0, 1.0))


def safe_weight(objective):
    """The weights divided by a power of two, which changes no digit, so that products with targets are finite."""
    return np.ldexp(objective.weight, -math.frexp(objective.weight_sum)[1])


def one_of_each(objective):
    """One sample of each class, and the weight of the class: target and weights as those of the objective."""
    label = objective.target[:, 0]
    total = class_totals(label, objective.weight, int(label.max()) + 2, first=-1)  # labels are -1 and 1, or indices of classes
    found = np.flatnonzero(total)
    return found[:, None] - 1.0, np.ldexp(total[found], -math.frexp(objective.weight_sum)[1])


def class_totals(labels, weight, n_classes, first=0):
    """The sum of the weights of each class; the labels are integers from `first`.

    The sums are taken block by block, as NumPy copies labels and weights.
    """
    totals = np.zeros(n_classes)
    for start in range(0, len(labels), BLOCK):
        np.add.at(totals, labels[start : start + BLOCK].astype(np.intp) - first, weight[start : start + BLOCK])
    return totals


def target_centre(objective):
    """The start of the search for the best intercept: the median target in regression, zero in classification."""
    return weighted_quantiles(objective.target, safe_weight(objective), 0.5) if objective.loss.scales_with_target else 0.0


@np.errstate(over="ignore", invalid="ignore")
def smoothing_widths(objective):
    """The widths over which the loss is smoothed, one for each stage; a single zero if the loss needs no smoothing.

    The first is one for a loss of margins, and the mean absolute deviation from the median in regression. For a smooth loss that
    is linear beyond a much smaller residual, the last width is zero.
    """
    loss, first = objective.loss, 1.0
    if loss.smooth and not loss.linear_beyond:
        return [0.0]
    if loss.scales_with_target:
        deviation = np.abs(objective.target - target_centre(objective))
        first = float(np.average(deviation, axis=0, weights=safe_weight(objective)).mean()) or 1.0
    widths = [first * 0.1**stage for stage in range(SMOOTHING_STAGES)]
    if not loss.smooth:
        return widths
    return [*[width for width in widths if width > NARROWEST * loss.linear_beyond and first > ABRUPT * loss.linear_beyond], 0.0]
