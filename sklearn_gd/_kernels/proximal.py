"""Proximal row steps on features standardised as they come: one pass over the samples, dense or CSR.

`descent.proximal_rows` describes the method. A model is v = coef / scale for each score of each track, so that a sample enters as
x~ = (x - mean) * scale. Means and scales come from sums that every sample adds to; those in use are updated when a tenth more
samples have come. On CSR a step costs the stored values of its sample: centring subtracts r = mean * scale from every feature of
every sample, so that all it does to a model is a multiple of r, and `Track` says how that is kept apart.
"""

from typing import NamedTuple

import numpy as np

from .._compile import leaf, run
from .._layout import (
    ITERATE_WEIGHT,
    NONZEROS,
    PENDING_WEIGHT,
    R_SQUARE,
    REFRESH_AT,
    ROWS,
    SNAPSHOT_AT,
    WEIGHT_SUM,
)
from .row_steps import add_value, begin_sample, penalty_step, step_scores, update_scale

REJUDGE_ROWS = 1000.0  # refresh the snapshot that is scored every 25% more samples, at most every 1000
PENALTY_PERIOD = 4  # the penalty acts once this many values per feature, other than zero, have come


class Snapshot(NamedTuple):
    """Coefficients and intercepts of the last iterates, then of the averages, as they were some samples ago."""

    coef: np.ndarray
    intercept: np.ndarray


def snapshot_is_due(counters):
    """Whether the snapshot is to be refreshed; if so, when it is next."""
    if counters[ROWS] < counters[SNAPSHOT_AT]:
        return False
    counters[SNAPSHOT_AT] = counters[ROWS] + min(max(0.25 * counters[ROWS], 1.0), REJUDGE_ROWS)
    return True


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
        raw, centre, snapshot_raw = np.zeros(n_scores), np.zeros(n_outputs), np.zeros(2 * n_scores)
        u, intercept_step = np.zeros(n_scores), np.zeros(n_scores)
        mean, scale = columns.mean, columns.scale
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
            relative, largest = begin_sample(counters, weight)
            nonzeros = 0
            for j in range(d):
                nonzeros += values[j] != 0.0
                add_value(columns, j, values[j], weight, largest)
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
            weight_sum = max(counters[ITERATE_WEIGHT], 1.0)
            for m in range(n_outputs):
                a = 0.0
                total = track.total[m]
                for j in range(d):
                    a += x[j] * total[j]
                centre[m] = (a + track.intercept_total[m]) / weight_sum
            for m in range(2 * n_scores):
                a = 0.0
                w = snapshot.coef[m]
                for j in range(d):
                    a += values[j] * w[j]
                snapshot_raw[m] = a + snapshot.intercept[m]
            # 5. the proximal step of each score
            target = data.target[row : row + 1]
            step_scores(target, raw, centre, snapshot_raw, track, loss, plan, square, relative, counters, u, intercept_step)
            # 6. the models move along the sample, and their sums take in iterate n with weight t, the root of n
            t = np.sqrt(counters[ROWS])
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
        raw, centre, snapshot_raw = np.zeros(n_scores), np.zeros(n_outputs), np.zeros(2 * n_scores)
        u, intercept_step = np.zeros(n_scores), np.zeros(n_scores)
        mean, scale, centring, centring_total = columns.mean, columns.scale, track.centring, track.centring_total
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
            relative, largest = begin_sample(counters, weight)
            for place in range(begin, end):
                add_value(columns, indices[place], values[place], weight, largest)
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
            for m in range(n_outputs):
                centre[m] = track.intercept_total[m] - track.mean_score_total[m]
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
                for m in range(n_outputs):
                    centre[m] += x * (pending * track.v[j, m] + track.total[j, m] - centring_total[m] * r)
                for m in range(2 * n_scores):
                    snapshot_raw[m] += values[place] * snapshot.coef[j, m]
            for m in range(n_outputs):
                centre[m] /= max(counters[ITERATE_WEIGHT], 1.0)
            # 5. the proximal step of each score
            target = data.target[row : row + 1]
            square = max(square, 0.0)
            step_scores(target, raw, centre, snapshot_raw, track, loss, plan, square, relative, counters, u, intercept_step)
            # 6. the models move along the sample, and their sums take in iterate n with weight t, the root of n
            t = np.sqrt(counters[ROWS])
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


def new_snapshot(rows, track):
    """Room for a snapshot in the layout of the rows; it is taken when a sample finds it due."""
    n_scores, d = len(track.intercept), rows.shape[1]
    return Snapshot(np.empty((d, 2 * n_scores) if rows.layout == "csr" else (2 * n_scores, d)), np.empty(2 * n_scores))


def row_pass(rows, data, order, track, columns, snapshot, loss, penalty, plan, counters):
    """Run the pass of the rows' layout over the samples in `order`."""
    shared = tuple(map(leaf, (begin_sample, update_scale, add_value, penalty_step, step_scores, snapshot_is_due)))
    if rows.layout == "csr":
        make, leaves = make_csr_pass, (*shared, leaf(take_csr_snapshot), leaf(write_out), leaf(sum_over_features))
    else:
        make, leaves = make_dense_pass, (*shared, leaf(take_dense_snapshot))
    run(make, leaves, data, order, track, columns, snapshot, loss, penalty, plan, counters)
