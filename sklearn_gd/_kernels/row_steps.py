"""What a proximal row step does to one sample, dense or CSR: the step itself, the moments of the features, the penalty.

`descent.proximal_rows` describes the method, `proximal` has the passes that call these functions.
"""

from typing import NamedTuple

import numpy as np

from .._compile import FLOAT, compiled, derived_leaf, leaf
from .._layout import CURVATURE_SUM, CURVATURE_WEIGHT, MEAN_SQUARE, ROWS, STEPS, WEIGHT_SUM, rounding_error
from .blocks import MATRIX, VECTOR
from .implicit import WORK_ROWS, make_coupled_implicit, make_implicit

UNIT = FLOAT(FLOAT, FLOAT, FLOAT)
PROX = FLOAT(MATRIX, VECTOR, FLOAT, FLOAT, FLOAT, VECTOR, VECTOR)

CLIP = 10.0  # largest standardised value, up to which a value counts in the moments of its feature
FAR = 6.0  # standardised value from which on its feature is standardised anew at once
LARGEST_RELATIVE_NORM = 100.0  # of a sample, against the mean squared norm: an outlier must not shorten all later steps
# Residual of an implicit step, relative to the explicit one. A single score is solved exactly, so that a stream does not depend
# on the solver. Coupled scores take 3 to 5 evaluations for 0.03 and 3 to 8 for 1e-3, which predicts no better (digits, 12
# splits: 0.9485 and 0.9480 after one pass).
TOLERANCE = 1e-13
COUPLED_TOLERANCE = 0.03


class RowLoss(NamedTuple):
    """The compiled proximal step, value and gradient of a loss, and its parameters."""

    prox: object
    value: object
    gradient: object
    parameters: np.ndarray


class RowPlan(NamedTuple):
    """What stays the same over a pass.

    `unit` gives the unit in which the penalty counts a coefficient, of the feature's standard deviation and share of non-zeros.
    `curvature` is the loss's second derivative in a score or a bound of it, unless it is estimated: as the mean along the steps
    so far, or as one over the standard deviation of the targets, for a loss with a kink in units of y. `l2` is the l2 penalty's
    curvature over that of the loss.
    """

    fit_intercept: bool
    unit: object
    alpha: float
    l2: float
    curvature: float
    curvature_from_steps: bool
    curvature_from_targets: bool
    lengths: np.ndarray


# --- the proximal step of a sample ---------------------------------------------------------------------------------------


def make_prox(target, implicit):
    """For each score the u that solves u = -g slope(z + q u)."""

    def prox(y, raw, g, q, curvature, out, p):
        """Write u to `out`; return the mean second derivative along the steps, 0 where no step was taken."""
        total, count = 0.0, 0
        for k in range(len(raw)):
            c, fall = implicit(target(y, 0, k), raw[k], 0.0, g * q, curvature, TOLERANCE, p)
            if c == 0.0 or not np.isfinite(c):
                out[k] = 0.0
                continue
            out[k] = -g * c
            moved = g * q * c
            if moved != 0.0:
                total += abs(fall / moved)
                count += 1
        return total / count if count else 0.0

    return prox


def make_coupled_prox(implicit):
    """`make_prox` for a loss of all scores of a sample, whose second derivative is not asked for."""

    def prox(y, raw, g, q, curvature, out, p):
        work = np.empty((WORK_ROWS, len(raw)))
        out[:] = 0.0
        implicit(int(y[0, 0]), raw, g * q, curvature, COUPLED_TOLERANCE, work, p, out)
        for k in range(len(raw)):
            out[k] = -g * out[k] if np.isfinite(out[k]) else 0.0
        return 0.0

    return prox


def make_unit(unit):
    """The unit of a coefficient as a function that a plan can hold."""

    def unit_of(deviation, share, curvature):
        return unit(deviation, share, curvature)

    return unit_of


def compiled_unit(penalty):
    """The unit in which a penalty counts coefficients, compiled."""
    return compiled(make_unit, UNIT, leaf(penalty.unit()))


def row_loss(functions, blocks):
    """The compiled proximal step of a loss, with its value and gradient."""
    if functions.whole_row:
        prox = compiled(make_coupled_prox, PROX, derived_leaf(make_coupled_implicit, functions.gradient))
    else:
        prox = compiled(make_prox, PROX, functions.target, derived_leaf(make_implicit, functions.gradient))
    return RowLoss(prox, blocks.value, blocks.gradient, functions.parameters)


# --- features, penalty, step ---------------------------------------------------------------------------------------------


def update_scale(columns, j, weight_sum, plan):
    """Update mean, unit and scale of feature j from its sums.

    The formula is that of `objective._preconditioner`: one over the square root of the variance and the l2 penalty's curvature,
    0 for a feature without variance.
    """
    shift, offset = columns.shift[j], columns.total[j] / weight_sum
    mean_square = columns.square[j] / weight_sum
    mean, variance = shift + offset, mean_square - offset * offset
    if variance <= rounding_error(mean, mean_square):
        variance = 0.0
    columns.unit[j] = plan.unit(np.sqrt(variance), columns.nonzero[j] / weight_sum, 1.0)
    l2 = plan.l2 * columns.unit[j] * columns.unit[j]
    if not plan.fit_intercept:
        variance = mean_square + shift * (shift + 2.0 * offset)
        mean = 0.0
    columns.mean[j] = mean
    columns.scale[j] = 1.0 / np.sqrt(variance + l2) if variance > 0.0 else 0.0


def is_far(x, mean, scale):
    """Whether a value tells that its feature is no longer standardised by `mean` and `scale`; zeros are not asked."""
    return x != 0.0 and (scale == 0.0 or abs(x - mean) * scale > FAR)


def add_value(columns, j, x, weight):
    """Add a value to the sums of feature j, its distance from the mean clipped to `CLIP` / scale; zeros are not clipped."""
    scale = columns.scale[j]
    if x != 0.0:
        columns.nonzero[j] += weight
        if scale > 0.0:
            standardised = (x - columns.mean[j]) * scale
            if standardised > CLIP:
                x = columns.mean[j] + CLIP / scale
            elif standardised < -CLIP:
                x = columns.mean[j] - CLIP / scale
    offset = x - columns.shift[j]
    columns.total[j] += weight * offset
    columns.square[j] += weight * offset * offset


def penalty_step(v, columns, plan, pending_step, penalty):
    """Apply the penalty to one score's v over a step of length `pending_step`: implicit in its smooth part, then its prox."""
    n = len(v)
    scale = columns.scale
    coef, step, nearby = np.empty(n), np.empty(n), np.empty(n)
    slope, nearby_slope = np.zeros(n), np.zeros(n)
    for j in range(n):
        coef[j] = v[j] * scale[j]
        step[j] = pending_step * scale[j] * scale[j]
        nearby[j] = coef[j] + 1e-6 * max(abs(coef[j]), 1e-6)
    penalty.gradient(coef, slope, plan.alpha, columns.unit, penalty.parameters)
    penalty.gradient(nearby, nearby_slope, plan.alpha, columns.unit, penalty.parameters)
    for j in range(n):
        curvature = max((nearby_slope[j] - slope[j]) / (nearby[j] - coef[j]), 0.0)
        coef[j] -= step[j] * slope[j] / (1.0 + step[j] * curvature)
    penalty.prox(coef, step, plan.alpha, columns.unit, penalty.parameters)
    for j in range(n):
        if scale[j] > 0.0:
            v[j] = coef[j] / scale[j]


def begin_sample(counters, weight):
    """Count a sample; returns its weight relative to the mean weight so far."""
    counters[STEPS] += 1.0
    counters[ROWS] += 1.0
    counters[WEIGHT_SUM] += weight
    return weight / (counters[WEIGHT_SUM] / counters[ROWS])


def step_scores(target, raw, track, loss, plan, square, relative, counters, u, intercept_step):
    """Take the proximal step of every score of a sample.

    `raw` has the sample's scores under each track; `square` is |x~|^2 and `relative` the weight over the mean weight. Writes the
    steps u along x~ and those of the intercepts; returns the loss's curvature.
    """
    n_tracks = len(plan.lengths)
    n_outputs = len(raw) // n_tracks
    rows = counters[ROWS]
    # 1. the mean squared norm, which sets the length of the steps
    norm = square + 1.0
    if rows > 10.0:
        norm = min(norm, LARGEST_RELATIVE_NORM * counters[MEAN_SQUARE])
    counters[MEAN_SQUARE] += (norm - counters[MEAN_SQUARE]) / rows
    # 2. the loss's curvature
    curvature = plan.curvature
    if plan.curvature_from_steps:
        curvature = counters[CURVATURE_SUM] / counters[CURVATURE_WEIGHT] if counters[CURVATURE_WEIGHT] > 0.0 else 1.0
    elif plan.curvature_from_targets:
        std = 0.0
        for k in range(n_outputs):
            offset = target[0, k] - track.targets[0, k]
            track.targets[1, k] += relative * offset
            track.targets[2, k] += relative * offset * offset
            mean = track.targets[1, k] / rows
            std += np.sqrt(max(track.targets[2, k] / rows - mean * mean, 0.0)) / n_outputs
        curvature = 1.0 / std if std > 0.0 else 1.0
    # 3. the steps. The intercept is the coefficient of a feature whose squared value is at least 1. At first it is so large
    # that the intercept is a running mean of the values that the first samples ask for.
    mean_curvature = 0.0
    for s in range(n_tracks):
        scores = slice(s * n_outputs, (s + 1) * n_outputs)
        g = plan.lengths[s] / (curvature * counters[MEAN_SQUARE])
        intercept_square = 0.0
        if plan.fit_intercept:
            intercept_square = max(1.0, (1.0 / g + counters[MEAN_SQUARE]) / max(rows - 1.0, 0.05))
        q = square + intercept_square
        mean_curvature += loss.prox(target, raw[scores], relative * g, q, curvature, u[scores], loss.parameters) / n_tracks
        track.step[s] = g
        track.pending_step[s] += relative * g
        for k in range(s * n_outputs, (s + 1) * n_outputs):
            intercept_step[k] = intercept_square * u[k]
    if mean_curvature > 0.0:
        counters[CURVATURE_SUM] += relative * mean_curvature
        counters[CURVATURE_WEIGHT] += relative
    return curvature
