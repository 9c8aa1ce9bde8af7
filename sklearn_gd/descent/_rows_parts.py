"""Some of the features of a state of proximal row steps on CSR, and what F needs to know of all others.

A model is ``scale * (z @ gamma)`` for each score, with z the last iterates, the sums of iterates and r of a feature, and gamma
the same for all features. So the l2 penalty of any features follows from the sums of z z' over them, which change only where a
sample has the feature. The square of the unit that "typical_size" counts a coefficient in is ``a - b / weight`` as long as the
feature is zero in all samples: there is a sum for either.
"""

from dataclasses import replace

import numpy as np

from .._layout import ITERATE_WEIGHT, NONZEROS, PENALTY_PERIOD, PENDING_WEIGHT, REFRESH_PERIOD, Columns, Track
from ._rows_arrays import LENGTHS, N_AVERAGED
from ._state import copied

BY_FEATURE = ("v", "total")  # arrays of `Track` with an entry for each feature
OF_ALL = tuple(name for name in Track._fields if name not in BY_FEATURE)
UNITS = (False, "typical_size")  # `standardize` of the penalties whose unit is known as above


def is_due(state, X):
    """Whether all means and scales are updated, or the penalty is applied, within a call on these samples."""
    before, d = state.counters[NONZEROS], len(state.columns.mean)
    after, period = before + X.nnz, REFRESH_PERIOD * d
    return after >= PENALTY_PERIOD * d or after // period > before // period


def ever_present(state, index):
    """The features `index`, and all that have been other than zero; the others have no scale."""
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


def pack(state):
    """Lay the numbers of a feature next to each other in one table, with the arrays of the state as views of it.

    A call on few of many features reads each of its features from main memory: once then, instead of once for each array.
    """
    state.table = _packed(state)
    _unpack(state, state.table)


def _packed(state):
    """All numbers of the features of a state, (n_features, n_numbers)."""
    models = [getattr(state.track, name) for name in BY_FEATURE]
    others = [*state.columns, *([] if state.seen is None else state.seen.by_feature())]
    end = sum(each.shape[1] for each in models)
    table = np.empty((len(others[0]), end + len(others)))
    np.concatenate(models, axis=1, out=table[:, :end])
    for place, each in enumerate(others):
        table[:, end + place] = each
    return table


def _unpack(state, table, own=np.asarray):
    """Set the arrays of a state that have an entry for each feature to the parts of a table, each given to `own`."""
    widths = [getattr(state.track, name).shape[1] for name in BY_FEATURE]
    ends = np.cumsum(widths).tolist()
    models = [own(table[:, end - width : end]) for end, width in zip(ends, widths, strict=True)]
    others = [own(table[:, place]) for place in range(ends[-1], table.shape[1])]
    n_columns = len(Columns._fields)
    state.track = state.track._replace(**dict(zip(BY_FEATURE, models, strict=True)))
    state.columns = Columns(*others[:n_columns])
    if state.seen is not None:
        state.seen = state.seen.with_features(*others[n_columns:])


def part_of(state, index):
    """A state of some of the features, which shares no array with `state`."""
    if state.table is None:
        pack(state)
    part = replace(
        state,
        track=state.track._replace(**{name: getattr(state.track, name).copy() for name in OF_ALL}),
        mixture=copied(state.mixture),
        counters=state.counters.copy(),
        null=state.null.copy(),
    )
    _unpack(part, state.table.take(index, axis=0), np.ascontiguousarray)
    if part.seen is not None:
        part.seen = part.seen.current()
    return part


def take(state, index, part):
    """Let a state take in the part of the features `index`."""
    state.table[index] = _packed(part)
    for name in OF_ALL:
        getattr(state.track, name)[...] = getattr(part.track, name)
    state.mixture, state.counters, state.null = part.mixture, part.counters, part.null
    state.typical_curvature, state.averaged_only = part.typical_curvature, part.averaged_only
    if state.seen is not None:
        state.seen = replace(state.seen, weight=part.seen.weight, target=part.seen.target)


def squares_of(state, index=slice(None)):
    """The sums of z z' over some features, (2, n_outputs, n_terms, n_terms): weighted by a and by b."""
    seen, k, n_terms = state.seen, state.n_outputs, len(LENGTHS) + N_AVERAGED + 1
    out = np.zeros((2, k, n_terms, n_terms))
    if seen is not None:
        mean, share = seen.mean[index], np.maximum(seen.share[index], 1e-300)
        square = mean * mean / share
        a = seen.variance[index] / share + square
        b = square * (seen.weight if seen.since is None else seen.since[index])
    for output in range(k):
        z = terms(state, output, index)
        if seen is None:
            out[0, output] = z @ z.T
            continue
        weighted = np.empty((2, *z.shape))
        np.multiply(z, a, out=weighted[0])
        np.multiply(z, b, out=weighted[1])
        out[:, output] = weighted @ z.T
    return out


def terms(state, output, index=slice(None)):
    """z of a score, in the unit of the coefficients, (n_terms, n_features)."""
    columns, k = state.columns, state.n_outputs
    scale = columns.scale[index]
    z = np.empty((len(LENGTHS) + N_AVERAGED + 1, len(scale)))
    of_v, of_total = z[: len(LENGTHS)], z[len(LENGTHS) : -1]
    if state.dense_layout:
        of_v[:], of_total[:] = state.track.v[output::k, index], state.track.total[output::k, index]
    else:
        of_v[:], of_total[:] = state.track.v[index, output::k].T, state.track.total[index, output::k].T
    np.multiply(columns.mean[index], scale, out=z[-1])
    z *= scale
    return z


def combined(state, output, gamma, index=slice(None)):
    """The coefficients of a score: z @ gamma, term by term, so that those of some features are the same to the last bit."""
    z = terms(state, output, index)
    coef, term = gamma[0] * z[0], np.empty(z.shape[1])
    for factor, each in zip(gamma[1:], z[1:], strict=True):
        coef += np.multiply(factor, each, out=term)
    return coef


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
    return float((gamma[:, None] @ S @ gamma[:, :, None]).sum())
