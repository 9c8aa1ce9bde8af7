"""The null model: the best intercept alone. Its objective is the unit of all tolerances, its curvature that of the metric."""

import math
from typing import NamedTuple

import numpy as np

from ..losses._base import weighted_quantiles

SMOOTHING_STAGES = 10
NEWTON_STEPS = 50
KINKED = 100.0  # times the residual beyond which a smooth loss is linear: from such a spread of the targets on it is smoothed
NARROWEST = 10.0  # times that residual: the narrowest smoothing
NARROW = 0.01  # width over which the loss of a running constant is smoothed


class NullModel(NamedTuple):
    """The best intercept of each score, the mean loss there, and the mean curvature of each score."""

    intercept: np.ndarray
    value: float
    curvature: np.ndarray


class TargetsOnly(NamedTuple):
    """What the null model needs of an objective."""

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

    Newton's method on each score, with halved steps, unless the loss knows its best constant. Samples of one class are alike:
    one stands for all of them.
    """
    loss, arrays, n_outputs = objective.loss, objective.array_loss, objective.n_outputs
    target, weight = objective.target, safe_weight(objective)
    known = loss.best_constant(target, weight, n_outputs)
    first = target_centre(objective) if known is None else known
    if not loss.scales_with_target:
        # Labels are -1 and 1, or the indices of classes.
        of_label = np.bincount(target[:, 0].astype(np.int64) + 1, weights=weight)
        labels = np.flatnonzero(of_label)
        target, weight = labels[:, None] - 1.0, of_label[labels]
    y, share = arrays.encode(target), weight / weight.sum()
    shape = (n_outputs, len(share))

    def look(intercept):
        """Mean loss, slopes and curvatures at an intercept."""
        raw = np.empty(shape)
        raw[:] = intercept[:, None]
        value, slope, curvature = arrays.second_order(y, raw, width)
        return float(value @ share), slope @ share, arrays.diagonal(y, curvature, shape) @ share

    intercept = np.zeros(n_outputs)
    if objective.fit_intercept:
        intercept[:] = first
    # Between its kinks a loss of margins has no curvature: steps reach as far as one of them.
    longest = math.inf if loss.smooth or loss.scales_with_target else 1.0
    value, slope, curvature = look(intercept)
    if not math.isfinite(value):
        intercept[:] = 0.0
        value, slope, curvature = look(intercept)
    for _ in range(NEWTON_STEPS if objective.fit_intercept and known is None else 0):
        least = np.maximum(1e-10 * max(curvature.max(), 1e-300), np.abs(slope) / longest)
        step = -slope / np.maximum(curvature, least)
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
    largest = curvature.max()
    return NullModel(intercept, value, np.maximum(curvature, 1e-8 * largest if largest > 0.0 else 1e-8))


def running_null_model(objective, targets, weight, rows):
    """The null model of a stream, from the sums of its targets.

    The loss's best constant for the classes and their weights so far, or for the mean target: exact where the null model is a
    function of that. Where it has none, or one out of reach, all is as if one more sample had been shared by the classes, or the
    mean target is raised by half a sample's.
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
    # The best constant of a loss with kinks is at one of them.
    arrays, nearby = objective.array_loss, [found.intercept, np.round(found.intercept)]
    values = [arrays.value(arrays.encode(y), np.repeat(each[:, None], len(share), axis=1)) @ share for each in nearby]
    return found._replace(intercept=nearby[int(np.argmin(values))])


def balance(objective, targets, weight):
    """How evenly the samples of a stream are spread over the classes: the mean of 4 p (1 - p), 1 for two classes alike."""
    shift, total, _ = targets
    share = total / weight if objective.one_vs_rest else np.array([0.5 * (1.0 + shift[0] + total[0] / weight)])
    return float(np.clip(4.0 * np.mean(share * (1.0 - share)), 0.0, 1.0))


def safe_weight(objective):
    """The weights over a power of two, which changes no digit: none so large that its product with a target is infinite."""
    return np.ldexp(objective.weight, -math.frexp(objective.weight_sum)[1])


def target_centre(objective):
    """Where the search for the best intercept begins: the targets' median in regression, zero in classification."""
    return weighted_quantiles(objective.target, safe_weight(objective), 0.5) if objective.loss.scales_with_target else 0.0


@np.errstate(over="ignore", invalid="ignore")
def smoothing_widths(objective):
    """The widths over which the loss is smoothed, one for each stage; a single zero for a loss that needs no smoothing.

    The first is one for a loss of margins, and the mean absolute deviation from the median in regression. A smooth loss that is
    linear beyond a residual much smaller than that ends with itself, of width zero.
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
    return [*[width for width in widths if width > NARROWEST * loss.linear_beyond and first > KINKED * loss.linear_beyond], 0.0]
