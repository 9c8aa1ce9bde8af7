"""Some of the features of a state of proximal row steps on CSR, and what F needs to know of all others.

A model is ``scale * (z @ gamma)`` for each score, with z the last iterates, the sums of iterates and r of a feature, and gamma
the same for all features. So the l2 penalty of any features follows from the sums of z z' over them, which change only where a
sample has the feature. The square of the unit that "typical_size" counts a coefficient in is ``a - b / weight`` as long as the
feature is zero in all samples: there is a sum for either.
"""

from dataclasses import replace

import numpy as np

from .._layout import ITERATE_WEIGHT, NONZEROS, PENALTY_PERIOD, PENDING_WEIGHT, REFRESH_AT, ROWS, Columns, Track
from ._rows_arrays import LENGTHS, N_AVERAGED
from ._state import copied

BY_FEATURE = ("v", "total")  # arrays of `Track` with an entry for each feature
UNITS = (False, "typical_size")  # `standardize` of the penalties whose unit is known as above


def is_due(state, X):
    """Whether means and scales, or the penalty, are to be updated within a call on these samples: for all features then."""
    counters, d = state.counters, len(state.columns.mean)
    return counters[ROWS] + X.shape[0] >= counters[REFRESH_AT] or counters[NONZEROS] + X.nnz >= PENALTY_PERIOD * d


def ever_present(state, index):
    """The features `index`, and all that have been other than zero; an update leaves the others without a scale."""
    found = state.columns.nonzero > 0.0
    found[index] = True
    return np.flatnonzero(found)


def are_known(state, penalty):
    """Whether the squares of the coefficients can be kept up to date, and the arrays of the state."""
    seen = state.seen
    if penalty.standardize not in UNITS or bool(penalty.standardize) != (seen is not None):
        return False
    counted = seen is None or seen.share is not None
    return counted and all(each.flags.writeable for each in (*state.track, *state.columns))


def part_of(state, index):
    """A state of some of the features, which shares no array with `state`."""
    names = state.track._fields
    track = [each[index] if name in BY_FEATURE else each.copy() for name, each in zip(names, state.track, strict=True)]
    return replace(
        state,
        track=Track(*track),
        columns=Columns(*[each[index] for each in state.columns]),
        mixture=copied(state.mixture),
        counters=state.counters.copy(),
        null=state.null.copy(),
        seen=None if state.seen is None else state.seen.part(index),
    )


def take(state, index, part):
    """Let a state take in the part of the features `index`."""
    for name, each, new in zip(state.track._fields, state.track, part.track, strict=True):
        each[index if name in BY_FEATURE else ...] = new
    for each, new in zip(state.columns, part.columns, strict=True):
        each[index] = new
    state.mixture, state.counters, state.null = part.mixture, part.counters, part.null
    state.typical_curvature, state.averaged_only = part.typical_curvature, part.averaged_only
    if state.seen is not None:
        state.seen = state.seen.take(index, part.seen)


def squares_of(state, index=slice(None)):
    """The sums of z z' over some features, (2, n_outputs, n_terms, n_terms): weighted by a and by b."""
    columns, seen, k = state.columns, state.seen, state.n_outputs
    scale = columns.scale[index]
    a, b = np.ones(len(scale)), np.zeros(len(scale))
    if seen is not None:
        mean, share = seen.mean[index], np.maximum(seen.share[index], 1e-300)
        square = mean * mean / share
        a = seen.variance[index] / share + square
        b = square * (seen.weight if seen.since is None else seen.since[index])
    v, total, r = state.track.v[index], state.track.total[index], (columns.mean[index] * scale)[:, None]
    out = np.empty((2, k, len(LENGTHS) + N_AVERAGED + 1, len(LENGTHS) + N_AVERAGED + 1))
    for output in range(k):
        z = np.concatenate([v[:, output::k], total[:, output::k], r], axis=1) * scale[:, None]
        out[0, output], out[1, output] = (a[:, None] * z).T @ z, (b[:, None] * z).T @ z
    return out


def gammas(state, weights):
    """gamma of each score, (n_outputs, n_terms), for the weights of the models."""
    track, counters, k = state.track, state.counters, state.n_outputs
    last, averaged = np.append(0.0, weights[: len(LENGTHS) - 1]), weights[len(LENGTHS) - 1 : -2]
    averaged = averaged / max(counters[ITERATE_WEIGHT], 1.0)
    of_v = last.copy()
    of_v[:N_AVERAGED] += averaged * counters[PENDING_WEIGHT]
    of_r = -(last @ track.centring.reshape(-1, k) + averaged @ track.centring_total.reshape(-1, k))
    return np.concatenate([np.tile(np.append(of_v, averaged), (k, 1)), of_r[:, None]], axis=1)


def quadratic_form(squares, sign, gamma, objective):
    """The sum over the scores of gamma' S gamma, S in the units of the penalty: the sums with a, and with `sign` those with b."""
    S = squares[0]
    if objective.unit is not None:
        moments = objective.moments
        S = (S + sign * squares[1] / moments.weight) * objective.typical_curvature(moments.target)
    return float(np.einsum("ki,kij,kj->", gamma, S, gamma))
