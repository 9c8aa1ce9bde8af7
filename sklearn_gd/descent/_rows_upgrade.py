"""Upgrade of states of proximal row steps that an older version pickled. Imports no numba."""

import numpy as np

from .._layout import (
    CURVATURE_SUM,
    CURVATURE_WEIGHT,
    INFORMATION,
    ITERATE_WEIGHT,
    MIXED_LOSS,
    N_MIXTURE_SUMS,
    N_ROW_COUNTERS,
    PAST_WEIGHT,
    REFRESH_AT,
    WEIGHT_SUM,
)
from ._rows_arrays import LENGTHS, N_MODELS, PAST_LOSSES, new_mixture


def complete(state):
    """Add to a `RowsState` what its version lacked.

    That may be the null model, the counts of values, the times of updates, the mixture, or the last of its sums.
    """
    if len(state.counters) < N_ROW_COUNTERS:
        _add_null_model(state)
    columns = state.columns
    if len(columns.nonzero) < len(columns.total):
        state.columns = columns._replace(nonzero=np.full(len(columns.total), state.counters[WEIGHT_SUM]))
        state.counters[REFRESH_AT] = 0.0  # update the units at the next sample
    if len(columns.outlying) < len(columns.total):
        state.columns = state.columns._replace(outlying=np.zeros(len(columns.total)))
    if len(columns.due) < len(columns.total):
        state.columns = state.columns._replace(due=np.full(len(columns.total), state.counters[REFRESH_AT]))
    if not hasattr(state, "mixture"):
        _add_mixture(state)
    missing = N_MIXTURE_SUMS - len(state.mixture.sums)
    if missing:
        state.mixture = state.mixture._replace(sums=np.append(state.mixture.sums, np.zeros(missing)))


def _add_null_model(state):
    """Initialise the missing counters, and the null model, before any target."""
    state.counters = counters = np.append(state.counters, np.zeros(N_ROW_COUNTERS - len(state.counters)))
    counters[[CURVATURE_SUM, CURVATURE_WEIGHT]] = 0.0
    counters[INFORMATION] = 1.0
    state.track.targets[1:] = 0.0
    state.null = np.full(state.track.targets.shape[1], np.nan)


def _add_mixture(state):
    """Complete a state of two tracks, both averaged, where the one with the lowest of (2, tracks) losses predicted."""
    last, average, intercept, average_intercept = state.models()
    added, weight = slice(0, state.n_outputs), max(state.counters[ITERATE_WEIGHT], 1.0)
    state.set_models(np.concatenate([last, last[added], average[added]]), weight * average)
    (cautious, bold), averages = state.track.losses
    state.track = state.track._replace(
        intercept=np.concatenate([intercept, intercept[added], average_intercept[added]]),
        pending_step=np.append(state.track.pending_step, np.zeros(len(LENGTHS) - 2)),
        step=np.append(state.track.step, np.zeros(len(LENGTHS) - 2)),
        losses=np.array([bold, cautious, averages[0], *averages, np.inf]),
    )
    state.mixture = new_mixture(state.n_outputs)
    state.mixture.weights[:-1] = np.arange(N_MODELS) == state.track.losses.argmin()
    state.mixture.sums[[PAST_WEIGHT, MIXED_LOSS]] = min(state.rows, PAST_LOSSES), state.track.losses.min()
