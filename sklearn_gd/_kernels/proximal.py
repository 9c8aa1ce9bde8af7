"""Proximal row steps on features standardised online: one pass over the samples, dense or CSR.

`descent.proximal_rows` describes the method. A model is v = coef / scale for each score of each track, so that a sample enters as
x~ = (x - mean) * scale. Means and scales come from sums to which every sample is added; those in use are out of date after 10%
more samples, and are then updated: all at once if they are few, else each with the next sample in which it is not zero. On CSR a
step costs the stored values of its sample: centring subtracts r = mean * scale from every feature of every sample, so its effect
on a model is a multiple of r, which `Track` stores separately.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from .._compile import run
from .._layout import (
    ITERATE_WEIGHT,
    NONZEROS,
    PENALTY_PERIOD,
    PENDING_WEIGHT,
    R_SQUARE,
    REFRESHED_AT_ONCE,
    ROWS,
    SNAPSHOT_AT,
    TAKEN_AT,
)
from .._leaves import derived_leaf, leaf
from .centring import rescale, sum_over_features, take_csr_snapshot, write_out
from .features import (
    FAR,
    PENALTY_VECTORS,
    add_value,
    all_are_refreshed,
    begin_sample,
    is_due,
    penalty_step,
    update_scale,
)
from .mixture import N_JUDGED, compiled_weigh, follow, judge, samples_judged
from .row_steps import add_target, information_share, make_step_scores

REJUDGE_ROWS = 1000.0  # refresh the snapshot that is scored every 25% more samples, at most every 1000


class Snapshot(NamedTuple):
    """Earlier last iterates of all tracks but the first, averages and offset, by which samples are scored."""

    coef: np.ndarray
    intercept: np.ndarray
    offset: np.ndarray


class Workspace(NamedTuple):
    """Arrays that a pass writes. The pass itself allocates nothing, so its slices cost no reference counting."""

    features: np.ndarray  # vectors of the features: the standardised sample, and those of `penalty_step`
    terms: np.ndarray  # of `judge`
    raw: np.ndarray
    centre: np.ndarray
    snapshot_raw: np.ndarray
    u: np.ndarray
    intercept_step: np.ndarray
    prior: np.ndarray
    null_terms: np.ndarray
    one: np.ndarray


def begin_snapshot(mixture, offset, counters):
    """Whether the snapshot is due for a refresh; if so, set its offset, and the time of the next one."""
    if counters[ROWS] < counters[SNAPSHOT_AT]:
        return False
    counters[SNAPSHOT_AT] = counters[ROWS] + min(max(0.25 * counters[ROWS], 1.0), REJUDGE_ROWS)
    mixture.sums[TAKEN_AT] = counters[ROWS]
    for k in range(len(offset)):
        offset[k] = mixture.offset[k]
    return True


# --- dense ---------------------------------------------------------------------------------------------------------------


def take_dense_snapshot(track, columns, counters, snapshot):
    """Copy the models as coefficients and intercepts for unstandardised samples."""
    n_scores, d = track.v.shape
    n_outputs = len(snapshot.offset)
    weight = max(counters[ITERATE_WEIGHT], 1.0)
    for m in range(n_outputs, n_scores + len(track.intercept_total)):
        averaged = m >= n_scores
        a = track.intercept_total[m - n_scores] / weight if averaged else track.intercept[m]
        coef = snapshot.coef[m - n_outputs]
        for j in range(d):
            v = track.total[m - n_scores, j] / weight if averaged else track.v[m, j]
            coef[j] = v * columns.scale[j]
            a -= columns.mean[j] * coef[j]
        snapshot.intercept[m - n_outputs] = a


def make_dense_pass(
    begin_sample,
    update_scale,
    is_due,
    all_are_refreshed,
    add_value,
    penalty_step,
    step_scores,
    follow,
    samples_judged,
    judge,
    begin_snapshot,
    take_snapshot,
):
    """One pass over dense samples."""

    def dense_pass(data, order, track, mixture, columns, snapshot, loss, penalty, weigh, plan, work, counters):
        matrix = data.X[0]
        d, n_scores = matrix.shape[1], len(track.intercept)
        n_outputs, n_terms = n_scores // len(plan.lengths), len(mixture.weights)
        x, scored, slope = work.features[0], work.terms[n_terms], work.terms[n_terms + 1]
        raw, centre, snapshot_raw, u, intercept_step = work.raw, work.centre, work.snapshot_raw, work.u, work.intercept_step
        mean, scale, losses = columns.mean, columns.scale, track.losses
        for at in range(len(order)):
            row = order[at]
            values, weight = matrix[row], data.weight[row]
            # 1. the snapshot of the models to be scored
            if begin_snapshot(mixture, snapshot.offset, counters):
                weigh(losses, mixture.weights, mixture.products, mixture.right, mixture.sums, work.prior, counters)
                take_snapshot(track, columns, counters, snapshot)
            # 2. the penalty, for all steps since its last application
            penalty_is_due = counters[NONZEROS] >= PENALTY_PERIOD * d
            nonzeros = 0
            for j in range(d):
                nonzeros += values[j] != 0.0
            all_are_due = penalty_is_due or all_are_refreshed(counters, float(nonzeros), d)
            if penalty_is_due:
                if plan.alpha > 0.0:
                    for m in range(n_scores):
                        pending_step = track.pending_step[m // n_outputs]
                        penalty_step(track.v[m], scale, columns.unit, plan.alpha, pending_step, penalty, work.features[1:])
                for s in range(len(track.pending_step)):
                    track.pending_step[s] = 0.0
                counters[NONZEROS] = 0.0
            # 3. the moments of the features, this sample included
            if d > REFRESHED_AT_ONCE:
                for j in range(d):
                    if scale[j] > 0.0 and is_due(columns, j, values[j], counters[ROWS], math.inf):
                        update_scale(columns, j, counters, plan)
            relative, largest = begin_sample(counters, weight, plan.clip)
            rows = counters[ROWS]
            outlying = 0.0
            for j in range(d):
                outlying += add_value(columns, j, values[j], weight, largest, rows)
            for j in range(d):
                if (all_are_due and rows >= columns.due[j]) or is_due(columns, j, values[j], rows, FAR):
                    update_scale(columns, j, counters, plan)
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
            # 5. the curvature and the proximal step of each score; the progressive losses of the models
            target = data.target[row : row + 1]
            curvature = step_scores(target, track, loss, plan, square, relative, outlying, work, counters)
            follow(target, raw, mixture.offset, loss, plan, relative, curvature, scored, slope)
            times = samples_judged(mixture, outlying, counters)
            if times > 0.0:
                for m in range(len(snapshot_raw)):
                    a = 0.0
                    w = snapshot.coef[m]
                    for j in range(d):
                        a += values[j] * w[j]
                    snapshot_raw[m] = a + snapshot.intercept[m]
                judge(
                    target,
                    snapshot_raw,
                    snapshot.offset,
                    losses,
                    mixture,
                    loss,
                    plan,
                    relative,
                    times,
                    curvature,
                    work.terms,
                    work.one,
                    counters,
                )
            # 6. the models move along the sample; iterate n is added to their sums with the weight t, the root of n
            t = math.sqrt(counters[ROWS])
            counters[ITERATE_WEIGHT] += t
            for m in range(n_scores):
                v, step = track.v[m], u[m]
                for j in range(d):
                    v[j] += step * x[j]
                track.intercept[m] += intercept_step[m]
            for m in range(len(track.intercept_total)):
                v, total = track.v[m], track.total[m]
                for j in range(d):
                    total[j] += t * v[j]
                track.intercept_total[m] += t * track.intercept[m]
            counters[NONZEROS] += nonzeros
        weigh(losses, mixture.weights, mixture.products, mixture.right, mixture.sums, work.prior, counters)

    return dense_pass


# --- CSR -----------------------------------------------------------------------------------------------------------------


def make_csr_pass(
    begin_sample,
    update_scale,
    is_due,
    all_are_refreshed,
    add_value,
    penalty_step,
    step_scores,
    follow,
    samples_judged,
    judge,
    begin_snapshot,
    take_snapshot,
    write_out,
    sum_over_features,
    rescale,
):
    """One pass over CSR samples; a step costs the stored values of its sample.

    All coefficients are written out when the penalty is applied or all scales are updated, which is rare.
    """

    def csr_pass(data, order, track, mixture, columns, snapshot, loss, penalty, weigh, plan, work, counters):
        values, indices, indptr = data.X
        d, n_scores = track.v.shape
        n_averaged, n_outputs = len(track.intercept_total), n_scores // len(plan.lengths)
        n_terms = len(mixture.weights)
        v, scored, slope = work.features[0], work.terms[n_terms], work.terms[n_terms + 1]
        raw, centre, snapshot_raw, u, intercept_step = work.raw, work.centre, work.snapshot_raw, work.u, work.intercept_step
        mean, scale, centring, centring_total = columns.mean, columns.scale, track.centring, track.centring_total
        losses = track.losses
        for at in range(len(order)):
            row = order[at]
            begin, end, weight = indptr[row], indptr[row + 1], data.weight[row]
            # 1. the snapshot of the models to be scored
            if begin_snapshot(mixture, snapshot.offset, counters):
                weigh(losses, mixture.weights, mixture.products, mixture.right, mixture.sums, work.prior, counters)
                take_snapshot(track, columns, counters, snapshot)
            penalty_is_due = counters[NONZEROS] >= PENALTY_PERIOD * plan.n_features
            nonzeros = 0
            for place in range(begin, end):
                nonzeros += values[place] != 0.0
            all_are_due = penalty_is_due or all_are_refreshed(counters, float(nonzeros), plan.n_features)
            if all_are_due:
                write_out(track, columns, counters)
            # 2. the penalty, for all steps since its last application
            if penalty_is_due:
                if plan.alpha > 0.0:
                    for m in range(n_scores):
                        for j in range(d):
                            v[j] = track.v[j, m]
                        pending_step = track.pending_step[m // n_outputs]
                        penalty_step(v, scale, columns.unit, plan.alpha, pending_step, penalty, work.features[1:])
                        for j in range(d):
                            track.v[j, m] = v[j]
                for s in range(len(track.pending_step)):
                    track.pending_step[s] = 0.0
                counters[NONZEROS] = 0.0
            # 3. the moments of the features, this sample included
            for place in range(begin, end):
                j = indices[place]
                if scale[j] > 0.0 and is_due(columns, j, values[place], counters[ROWS], math.inf):
                    rescale(track, columns, j, counters, plan)
            relative, largest = begin_sample(counters, weight, plan.clip)
            rows = counters[ROWS]
            outlying = 0.0
            for place in range(begin, end):
                outlying += add_value(columns, indices[place], values[place], weight, largest, rows)
            if all_are_due:
                for j in range(d):
                    if rows >= columns.due[j]:
                        update_scale(columns, j, counters, plan)
                sum_over_features(track, columns, counters)
            for place in range(begin, end):
                if is_due(columns, indices[place], values[place], rows, FAR):
                    rescale(track, columns, indices[place], counters, plan)
            # 4. the squared norm of the standardised sample, and its scores
            square, pending = counters[R_SQUARE], counters[PENDING_WEIGHT]
            mean_product = 0.0
            for m in range(n_scores):
                raw[m] = track.intercept[m] - track.mean_score[m]
            for m in range(n_outputs):
                centre[m] = track.intercept_total[m] - track.mean_score_total[m]
            for place in range(begin, end):
                j = indices[place]
                r, x = mean[j] * scale[j], values[place] * scale[j]
                square += x * (x - 2.0 * r)
                mean_product += x * r
                for m in range(n_scores):
                    raw[m] += x * (track.v[j, m] - centring[m] * r)
                for m in range(n_outputs):
                    centre[m] += x * (pending * track.v[j, m] + track.total[j, m] - centring_total[m] * r)
            for m in range(n_outputs):
                centre[m] /= max(counters[ITERATE_WEIGHT], 1.0)
            # 5. the curvature and the proximal step of each score; the progressive losses of the models
            target = data.target[row : row + 1]
            square = max(square, 0.0)
            curvature = step_scores(target, track, loss, plan, square, relative, outlying, work, counters)
            follow(target, raw, mixture.offset, loss, plan, relative, curvature, scored, slope)
            times = samples_judged(mixture, outlying, counters)
            if times > 0.0:
                for m in range(len(snapshot_raw)):
                    snapshot_raw[m] = snapshot.intercept[m]
                for place in range(begin, end):
                    for m in range(len(snapshot_raw)):
                        snapshot_raw[m] += values[place] * snapshot.coef[indices[place], m]
                judge(
                    target,
                    snapshot_raw,
                    snapshot.offset,
                    losses,
                    mixture,
                    loss,
                    plan,
                    relative,
                    times,
                    curvature,
                    work.terms,
                    work.one,
                    counters,
                )
            # 6. the models move along the sample; iterate n is added to their sums with the weight t, the root of n
            t = math.sqrt(counters[ROWS])
            counters[ITERATE_WEIGHT] += t
            for place in range(begin, end):
                j = indices[place]
                x = values[place] * scale[j]
                for m in range(n_scores):
                    track.v[j, m] += u[m] * x
                for m in range(n_averaged):
                    track.total[j, m] -= pending * u[m] * x
            counters[PENDING_WEIGHT] += t
            for m in range(n_scores):
                centring[m] += u[m]
                track.mean_score[m] += u[m] * (mean_product - counters[R_SQUARE])
                track.intercept[m] += intercept_step[m]
            for m in range(n_averaged):
                centring_total[m] += t * centring[m]
                track.mean_score_total[m] += t * track.mean_score[m]
                track.intercept_total[m] += t * track.intercept[m]
            counters[NONZEROS] += nonzeros
        weigh(losses, mixture.weights, mixture.products, mixture.right, mixture.sums, work.prior, counters)

    return csr_pass


def new_snapshot(rows, track, n_outputs):
    """An empty snapshot in the layout of the rows, filled when it is due."""
    n_scores, d = len(track.intercept) - n_outputs + len(track.intercept_total), rows.shape[1]
    coef = np.empty((d, n_scores) if rows.layout == "csr" else (n_scores, d))
    return Snapshot(coef, np.empty(n_scores), np.empty(n_outputs))


def new_workspace(rows, track, mixture, snapshot):
    """The workspace of the passes over some rows."""
    n_scores, n_outputs, n_terms, d = len(track.intercept), len(snapshot.offset), len(mixture.weights), rows.shape[1]
    return Workspace(
        features=np.empty((1 + PENALTY_VECTORS, d)),
        terms=np.empty((n_terms + N_JUDGED, n_outputs)),
        raw=np.empty(n_scores),
        centre=np.empty(n_outputs),
        snapshot_raw=np.empty(len(snapshot.intercept)),
        u=np.empty(n_scores),
        intercept_step=np.empty(n_scores),
        prior=np.empty(n_terms),
        null_terms=np.empty(2),
        one=np.ones(1),
    )


def row_pass(rows, data, order, track, mixture, columns, snapshot, loss, penalty, plan, curvature_of, work, counters):
    """Run the pass for the layout of the rows over the samples in `order`."""
    make, leaves = _pass_of(rows.layout, curvature_of)
    weigh = compiled_weigh()
    run(make, leaves, data, order, track, mixture, columns, snapshot, loss, penalty, weigh, plan, work, counters, allocates=False)


@functools.cache
def _pass_of(layout, curvature_of):
    """The maker of the pass for a layout of the rows, and its leaves."""
    step_scores = derived_leaf(make_step_scores, *map(leaf, (add_target, curvature_of, information_share)))
    first = (begin_sample, update_scale, is_due, all_are_refreshed, add_value, penalty_step)
    more = (follow, samples_judged, judge, begin_snapshot)
    if layout == "csr":
        make, more = make_csr_pass, (*more, take_csr_snapshot, write_out, sum_over_features, rescale)
    else:
        make, more = make_dense_pass, (*more, take_dense_snapshot)
    return make, (*map(leaf, first), step_scores, *map(leaf, more))
