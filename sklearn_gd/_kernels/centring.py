"""The models of proximal row steps on CSR samples, of which `Track` stores the effect of centring separately.

Centring subtracts r = mean * scale from every feature of every sample, so its effect on a model is a multiple of r. These
functions add it to the models, and leave the models unchanged when r changes.
"""

from .._layout import ITERATE_WEIGHT, PENDING_WEIGHT, R_SQUARE
from .features import update_scale


def take_csr_snapshot(track, columns, counters, snapshot):
    """As `take_dense_snapshot`, with the pending terms of the centring."""
    d, n_scores = track.v.shape
    n_outputs = len(snapshot.offset)
    n_last = n_scores - n_outputs
    n_averaged = len(track.intercept_total)
    weight, pending = max(counters[ITERATE_WEIGHT], 1.0), counters[PENDING_WEIGHT]
    for m in range(n_last):
        snapshot.intercept[m] = track.intercept[n_outputs + m] - track.mean_score[n_outputs + m]
    for m in range(n_averaged):
        snapshot.intercept[n_last + m] = (track.intercept_total[m] - track.mean_score_total[m]) / weight
    for j in range(d):
        scale = columns.scale[j]
        r = columns.mean[j] * scale
        for m in range(n_last):
            snapshot.coef[j, m] = (track.v[j, n_outputs + m] - track.centring[n_outputs + m] * r) * scale
        for m in range(n_averaged):
            total = pending * track.v[j, m] + track.total[j, m] - track.centring_total[m] * r
            snapshot.coef[j, n_last + m] = total / weight * scale


def write_out(track, columns, counters):
    """Add the pending terms to `v` and `total`, which then hold the models."""
    d, n_scores = track.v.shape
    pending = counters[PENDING_WEIGHT]
    for j in range(d):
        r = columns.mean[j] * columns.scale[j]
        for m in range(len(track.centring_total)):
            track.total[j, m] += pending * track.v[j, m] - track.centring_total[m] * r
        for m in range(n_scores):
            track.v[j, m] -= track.centring[m] * r
    for m in range(n_scores):
        track.centring[m] = 0.0
    for m in range(len(track.centring_total)):
        track.centring_total[m] = 0.0
    counters[PENDING_WEIGHT] = 0.0


def sum_over_features(track, columns, counters):
    """Compute the sums over all features for the steps on CSR, after a change of the models or the scales."""
    d, n_scores = track.v.shape
    for m in range(n_scores):
        track.mean_score[m] = 0.0
    for m in range(len(track.mean_score_total)):
        track.mean_score_total[m] = 0.0
    counters[R_SQUARE] = 0.0
    for j in range(d):
        r = columns.mean[j] * columns.scale[j]
        counters[R_SQUARE] += r * r
        for m in range(n_scores):
            track.mean_score[m] += r * track.v[j, m]
        for m in range(len(track.mean_score_total)):
            track.mean_score_total[m] += r * track.total[j, m]


def rescale(track, columns, j, counters, plan):
    """Update mean and scale of feature j, and so its r, with the models of CSR unchanged."""
    r_before = columns.mean[j] * columns.scale[j]
    update_scale(columns, j, counters, plan)
    r = columns.mean[j] * columns.scale[j]
    change = r - r_before
    counters[R_SQUARE] += r * r - r_before * r_before
    pending = counters[PENDING_WEIGHT]
    for m in range(len(track.centring_total)):
        total = pending * track.v[j, m] + track.total[j, m] - track.centring_total[m] * r_before
        track.mean_score_total[m] += change * total
        track.total[j, m] += change * (track.centring_total[m] - pending * track.centring[m])
    for m in range(len(track.centring)):
        track.mean_score[m] += change * (track.v[j, m] - track.centring[m] * r_before)
        track.v[j, m] += change * track.centring[m]
