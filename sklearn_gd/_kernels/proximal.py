"""Proximal row steps on features standardised as they come: one pass over the samples, dense or CSR.

`descent.proximal_rows` describes the method. A model is v = coef / scale for each score of each track, so that a sample enters as
x~ = (x - mean) * scale. Means and scales come from sums that every sample adds to; those in use are updated when a tenth more
samples have come. On CSR a step costs the stored values of its sample: centring subtracts r = mean * scale from every feature of
every sample, so that all it does to a model is a multiple of r, and `Track` says how that is kept apart.
"""

from typing import NamedTuple

import numpy as np

from .._compile import FLOAT, compiled, derived_leaf, leaf, run
from .._layout import (
    CURVATURE_SUM,
    CURVATURE_WEIGHT,
    ITERATE_WEIGHT,
    MEAN_SQUARE,
    NONZEROS,
    PENDING_WEIGHT,
    R_SQUARE,
    REFRESH_AT,
    ROWS,
    SNAPSHOT_AT,
    STEPS,
    WEIGHT_SUM,
    rounding_error,
)
from .blocks import MATRIX, VECTOR
from .implicit import WORK_ROWS, make_coupled_implicit, make_implicit

PROX = FLOAT(MATRIX, VECTOR, FLOAT, FLOAT, FLOAT, VECTOR, VECTOR)

CLIP = 10.0  # standard deviations from the mean beyond which a value counts no further in the moments of its feature
MEMORY = 0.999  # discount of the progressive losses from sample to sample
REJUDGE_ROWS = 1000.0  # refresh the snapshot that is scored every 25% more samples, at most every 1000
PENALTY_PERIOD = 4  # the penalty acts once this many values per feature, other than zero, have come
LARGEST_RELATIVE_LOSS = 100.0  # of a sample, against the worst model's progressive loss: no single sample decides
LARGEST_RELATIVE_NORM = 100.0  # of a sample, against the mean squared norm: an outlier must not shorten all later steps
# Residual of an implicit step, relative to the explicit one. A single score is solved exactly, so that a stream does not depend on
# the solver. Coupled scores take 3 to 5 evaluations for 0.03 and 3 to 8 for 1e-3, which predicts no better (digits, 12 splits:
# 0.9485 and 0.9480 after one pass).
TOLERANCE = 1e-13
COUPLED_TOLERANCE = 0.03


class Snapshot(NamedTuple):
    """Coefficients and intercepts of the last iterates, then of the averages, as they were some samples ago."""

    coef: np.ndarray
    intercept: np.ndarray


class RowLoss(NamedTuple):
    """The compiled proximal step and value of a loss, and its parameters."""

    prox: object
    value: object
    parameters: np.ndarray


class RowPlan(NamedTuple):
    """What stays the same over a pass.

    `curvature` is the loss's second derivative in a score or a bound of it, unless it is estimated: as the mean met by the steps
    so far, or as one over the standard deviation of the targets, for a loss with a kink in units of y. `l2` is the l2 penalty's
    curvature over that of the loss.
    """

    fit_intercept: bool
    standardize: bool
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
            if q > 0.0:
                total += abs(fall / (g * q * c))
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


def row_loss(functions, value):
    """The compiled proximal step of a loss, with its value."""
    if functions.whole_row:
        prox = compiled(make_coupled_prox, PROX, derived_leaf(make_coupled_implicit, functions.gradient))
    else:
        prox = compiled(make_prox, PROX, functions.target, derived_leaf(make_implicit, functions.gradient))
    return RowLoss(prox, value, functions.parameters)


# --- what dense and CSR share --------------------------------------------------------------------------------------------


def update_scale(columns, j, weight_sum, plan):
    """Update mean, standard deviation and scale of feature j from its sums.

    The formula is that of `objective._preconditioner`: one over the square root of the variance and the l2 penalty's curvature,
    0 for a feature without variance.
    """
    shift, offset = columns.shift[j], columns.total[j] / weight_sum
    mean_square = columns.square[j] / weight_sum
    mean, variance = shift + offset, mean_square - offset * offset
    if variance <= rounding_error(mean, mean_square):
        variance = 0.0
    columns.std[j] = np.sqrt(variance)
    l2 = plan.l2 * variance if plan.standardize else plan.l2
    if not plan.fit_intercept:
        variance = mean_square + shift * (shift + 2.0 * offset)
        mean = 0.0
    columns.mean[j] = mean
    columns.scale[j] = 1.0 / np.sqrt(variance + l2) if variance > 0.0 else 0.0


def add_value(columns, j, x, weight):
    """Add a value to the sums of feature j, clipped to `CLIP` standard deviations from the mean; zeros are never clipped."""
    scale = columns.scale[j]
    if x != 0.0 and scale > 0.0:
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
    unit = columns.std if plan.standardize else np.empty(0)
    coef, step, nearby = np.empty(n), np.empty(n), np.empty(n)
    slope, nearby_slope = np.zeros(n), np.zeros(n)
    for j in range(n):
        coef[j] = v[j] * scale[j]
        step[j] = pending_step * scale[j] * scale[j]
        nearby[j] = coef[j] + 1e-6 * max(abs(coef[j]), 1e-6)
    penalty.gradient(coef, slope, plan.alpha, unit, penalty.parameters)
    penalty.gradient(nearby, nearby_slope, plan.alpha, unit, penalty.parameters)
    for j in range(n):
        curvature = max((nearby_slope[j] - slope[j]) / (nearby[j] - coef[j]), 0.0)
        coef[j] -= step[j] * slope[j] / (1.0 + step[j] * curvature)
    penalty.prox(coef, step, plan.alpha, unit, penalty.parameters)
    for j in range(n):
        if scale[j] > 0.0:
            v[j] = coef[j] / scale[j]


def begin_sample(counters, weight):
    """Count a sample; returns its weight relative to the mean weight so far."""
    counters[STEPS] += 1.0
    counters[ROWS] += 1.0
    counters[WEIGHT_SUM] += weight
    return weight / (counters[WEIGHT_SUM] / counters[ROWS])


def snapshot_is_due(counters):
    """Whether the snapshot is to be refreshed; if so, when it is next."""
    if counters[ROWS] < counters[SNAPSHOT_AT]:
        return False
    counters[SNAPSHOT_AT] = counters[ROWS] + min(max(0.25 * counters[ROWS], 1.0), REJUDGE_ROWS)
    return True


def step_scores(target, raw, snapshot_raw, track, loss, plan, square, relative, counters, u, intercept_step):
    """Take the proximal step of every score of a sample, after scoring the models of the snapshot.

    `raw` has the sample's scores under each track and `snapshot_raw` those under the snapshot; `square` is |x~|^2 and `relative`
    the weight over the mean weight. Writes the steps u along x~ and those of the intercepts.
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
    # 3. the progressive losses; the first samples count less, because the models had hardly begun
    memory = min(MEMORY, 1.0 - 2.0 / (rows + 2.0))
    limit = LARGEST_RELATIVE_LOSS * (1.0 - memory) * track.losses.max() if rows > 100.0 else 1e10
    scored, weight = np.empty((1, n_outputs)), np.ones(1)
    for s in range(n_tracks):
        for kind in range(2):
            for k in range(n_outputs):
                scored[0, k] = snapshot_raw[kind * len(raw) + s * n_outputs + k]
            value = loss.value(target, scored, weight, loss.parameters)
            value = min(relative * value, limit) if np.isfinite(value) else limit
            track.losses[kind, s] = memory * track.losses[kind, s] + value
    # 4. the steps. The intercept's own feature has a value whose square is at least 1, and at first so large that the intercept
    # is a running mean of what the first samples ask for.
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


# --- dense ---------------------------------------------------------------------------------------------------------------


def take_dense_snapshot(track, columns, counters, snapshot):
    """Copy the models as coefficients and intercepts of samples that are not standardised."""
    n_scores, d = track.v.shape
    mean, scale = columns.mean, columns.scale
    weight = max(counters[ITERATE_WEIGHT], 1.0)
    for m in range(n_scores):
        a, b = track.intercept[m], track.intercept_total[m] / weight
        for j in range(d):
            snapshot.coef[m, j] = track.v[m, j] * scale[j]
            snapshot.coef[n_scores + m, j] = track.total[m, j] / weight * scale[j]
            a -= mean[j] * snapshot.coef[m, j]
            b -= mean[j] * snapshot.coef[n_scores + m, j]
        snapshot.intercept[m], snapshot.intercept[n_scores + m] = a, b


def make_dense_pass(begin_sample, update_scale, add_value, penalty_step, step_scores, snapshot_is_due, take_snapshot):
    """One pass over dense samples."""

    def dense_pass(data, order, track, columns, snapshot, loss, penalty, plan, counters):
        matrix = data.X[0]
        d, n_scores = matrix.shape[1], len(track.intercept)
        n_outputs = n_scores // len(plan.lengths)
        x = np.zeros(d)
        raw, snapshot_raw = np.zeros(n_scores), np.zeros(2 * n_scores)
        u, intercept_step = np.zeros(n_scores), np.zeros(n_scores)
        mean, scale = columns.mean, columns.scale
        counters[SNAPSHOT_AT] = counters[ROWS]
        for at in range(len(order)):
            row = order[at]
            values, weight = matrix[row], data.weight[row]
            # 1. the snapshot of the models to be scored
            if snapshot_is_due(counters):
                take_snapshot(track, columns, counters, snapshot)
            # 2. the penalty, for the steps since it last acted
            if counters[NONZEROS] >= PENALTY_PERIOD * d:
                if plan.alpha > 0.0:
                    for m in range(n_scores):
                        penalty_step(track.v[m], columns, plan, track.pending_step[m // n_outputs], penalty)
                track.pending_step[:] = 0.0
                counters[NONZEROS] = 0.0
            # 3. the moments of the features, this sample included
            relative = begin_sample(counters, weight)
            nonzeros = 0
            for j in range(d):
                nonzeros += values[j] != 0.0
                add_value(columns, j, values[j], weight)
            if counters[ROWS] >= counters[REFRESH_AT]:
                for j in range(d):
                    update_scale(columns, j, counters[WEIGHT_SUM], plan)
                counters[REFRESH_AT] = np.floor(1.1 * counters[ROWS]) + 1.0
            else:
                for j in range(d):
                    if scale[j] == 0.0 and values[j] != 0.0:
                        update_scale(columns, j, counters[WEIGHT_SUM], plan)
            # 4. the standardised sample, and its scores
            square = 0.0
            for j in range(d):
                x[j] = (values[j] - mean[j]) * scale[j]
                square += x[j] * x[j]
            for m in range(n_scores):
                a = 0.0
                v = track.v[m]
                for j in range(d):
                    a += x[j] * v[j]
                raw[m] = a + track.intercept[m]
            for m in range(2 * n_scores):
                a = 0.0
                w = snapshot.coef[m]
                for j in range(d):
                    a += values[j] * w[j]
                snapshot_raw[m] = a + snapshot.intercept[m]
            # 5. the proximal step of each score
            target = data.target[row : row + 1]
            step_scores(target, raw, snapshot_raw, track, loss, plan, square, relative, counters, u, intercept_step)
            # 6. the models move along the sample, and their sums take in iterate t with weight t
            t = counters[ROWS]
            counters[ITERATE_WEIGHT] += t
            for m in range(n_scores):
                v, total, step = track.v[m], track.total[m], u[m]
                for j in range(d):
                    v[j] += step * x[j]
                    total[j] += t * v[j]
                track.intercept[m] += intercept_step[m]
                track.intercept_total[m] += t * track.intercept[m]
            counters[NONZEROS] += nonzeros

    return dense_pass


# --- CSR -----------------------------------------------------------------------------------------------------------------


def take_csr_snapshot(track, columns, counters, snapshot):
    """As `take_dense_snapshot`, with the centring that has not been written out."""
    d, n_scores = track.v.shape
    weight, pending = max(counters[ITERATE_WEIGHT], 1.0), counters[PENDING_WEIGHT]
    for m in range(n_scores):
        snapshot.intercept[m] = track.intercept[m]
        snapshot.intercept[n_scores + m] = track.intercept_total[m] / weight
    for j in range(d):
        mean, scale = columns.mean[j], columns.scale[j]
        r = mean * scale
        for m in range(n_scores):
            total = pending * track.v[j, m] + track.total[j, m] - track.centring_total[m] * r
            a, b = (track.v[j, m] - track.centring[m] * r) * scale, total / weight * scale
            snapshot.coef[j, m], snapshot.coef[j, n_scores + m] = a, b
            snapshot.intercept[m] -= mean * a
            snapshot.intercept[n_scores + m] -= mean * b


def write_out(track, columns, counters):
    """Let `v` and `total` hold the models themselves."""
    d, n_scores = track.v.shape
    pending = counters[PENDING_WEIGHT]
    for j in range(d):
        r = columns.mean[j] * columns.scale[j]
        for m in range(n_scores):
            track.total[j, m] += pending * track.v[j, m] - track.centring_total[m] * r
            track.v[j, m] -= track.centring[m] * r
    track.centring[:] = 0.0
    track.centring_total[:] = 0.0
    counters[PENDING_WEIGHT] = 0.0


def sum_over_features(track, columns, counters):
    """The sums over all features that a step on CSR needs, after the models or the scales have changed."""
    d, n_scores = track.v.shape
    track.mean_score[:] = 0.0
    track.mean_score_total[:] = 0.0
    counters[R_SQUARE] = 0.0
    for j in range(d):
        r = columns.mean[j] * columns.scale[j]
        counters[R_SQUARE] += r * r
        for m in range(n_scores):
            track.mean_score[m] += r * track.v[j, m]
            track.mean_score_total[m] += r * track.total[j, m]


def make_csr_pass(
    begin_sample, update_scale, add_value, penalty_step, step_scores, snapshot_is_due, take_snapshot, write_out, sum_over_features
):
    """One pass over CSR samples; a step costs the stored values of its sample.

    Now and then, when the penalty acts or the scales are updated, all coefficients are written out.
    """

    def csr_pass(data, order, track, columns, snapshot, loss, penalty, plan, counters):
        values, indices, indptr = data.X
        d, n_scores = track.v.shape
        n_outputs = n_scores // len(plan.lengths)
        raw, snapshot_raw = np.zeros(n_scores), np.zeros(2 * n_scores)
        u, intercept_step = np.zeros(n_scores), np.zeros(n_scores)
        mean, scale, centring, centring_total = columns.mean, columns.scale, track.centring, track.centring_total
        counters[SNAPSHOT_AT] = counters[ROWS]
        for at in range(len(order)):
            row = order[at]
            begin, end, weight = indptr[row], indptr[row + 1], data.weight[row]
            # 1. the snapshot of the models to be scored
            if snapshot_is_due(counters):
                take_snapshot(track, columns, counters, snapshot)
            penalty_is_due = counters[NONZEROS] >= PENALTY_PERIOD * d
            refresh_is_due = counters[ROWS] + 1.0 >= counters[REFRESH_AT]
            if penalty_is_due or refresh_is_due:
                write_out(track, columns, counters)
            # 2. the penalty, for the steps since it last acted
            if penalty_is_due:
                if plan.alpha > 0.0:
                    for m in range(n_scores):
                        v = track.v[:, m].copy()
                        penalty_step(v, columns, plan, track.pending_step[m // n_outputs], penalty)
                        track.v[:, m] = v
                track.pending_step[:] = 0.0
                counters[NONZEROS] = 0.0
            # 3. the moments of the features, this sample included
            relative = begin_sample(counters, weight)
            for place in range(begin, end):
                add_value(columns, indices[place], values[place], weight)
            if refresh_is_due:
                for j in range(d):
                    update_scale(columns, j, counters[WEIGHT_SUM], plan)
                counters[REFRESH_AT] = np.floor(1.1 * counters[ROWS]) + 1.0
            if penalty_is_due or refresh_is_due:
                sum_over_features(track, columns, counters)
            if not refresh_is_due:
                for place in range(begin, end):
                    j = indices[place]
                    if scale[j] == 0.0 and values[place] != 0.0:
                        # The feature is no longer constant. Its coefficients are zero, and stay zero under the new r.
                        update_scale(columns, j, counters[WEIGHT_SUM], plan)
                        r = mean[j] * scale[j]
                        counters[R_SQUARE] += r * r
                        for m in range(n_scores):
                            track.v[j, m] += centring[m] * r
                            track.total[j, m] += centring_total[m] * r - counters[PENDING_WEIGHT] * centring[m] * r
            # 4. the squared norm of the standardised sample, and its scores
            square, pending = counters[R_SQUARE], counters[PENDING_WEIGHT]
            nonzeros, mean_product = 0, 0.0
            for m in range(n_scores):
                raw[m] = track.intercept[m] - track.mean_score[m]
            for m in range(2 * n_scores):
                snapshot_raw[m] = snapshot.intercept[m]
            for place in range(begin, end):
                j = indices[place]
                nonzeros += values[place] != 0.0
                r, x = mean[j] * scale[j], values[place] * scale[j]
                square += x * (x - 2.0 * r)
                mean_product += x * r
                for m in range(n_scores):
                    raw[m] += x * (track.v[j, m] - centring[m] * r)
                for m in range(2 * n_scores):
                    snapshot_raw[m] += values[place] * snapshot.coef[j, m]
            # 5. the proximal step of each score
            target = data.target[row : row + 1]
            step_scores(
                target, raw, snapshot_raw, track, loss, plan, max(square, 0.0), relative, counters, u, intercept_step
            )
            # 6. the models move along the sample, and their sums take in iterate t with weight t
            t = counters[ROWS]
            counters[ITERATE_WEIGHT] += t
            for place in range(begin, end):
                j = indices[place]
                x = values[place] * scale[j]
                for m in range(n_scores):
                    track.v[j, m] += u[m] * x
                    track.total[j, m] -= pending * u[m] * x
            counters[PENDING_WEIGHT] += t
            for m in range(n_scores):
                centring[m] += u[m]
                centring_total[m] += t * centring[m]
                track.mean_score[m] += u[m] * (mean_product - counters[R_SQUARE])
                track.mean_score_total[m] += t * track.mean_score[m]
                track.intercept[m] += intercept_step[m]
                track.intercept_total[m] += t * track.intercept[m]
            counters[NONZEROS] += nonzeros

    return csr_pass


def row_pass(rows, data, order, track, columns, loss, penalty, plan, counters):
    """Run the pass of the rows' layout, with a snapshot taken at its start."""
    n_scores, d = len(track.intercept), rows.shape[1]
    shared = tuple(map(leaf, (begin_sample, update_scale, add_value, penalty_step, step_scores, snapshot_is_due)))
    if rows.is_csr:
        make, shape = make_csr_pass, (d, 2 * n_scores)
        leaves = (*shared, leaf(take_csr_snapshot), leaf(write_out), leaf(sum_over_features))
    else:
        make, shape = make_dense_pass, (2 * n_scores, d)
        leaves = (*shared, leaf(take_dense_snapshot))
    snapshot = Snapshot(np.empty(shape), np.empty(2 * n_scores))
    run(make, leaves, data, order, track, columns, snapshot, loss, penalty, plan, counters)
