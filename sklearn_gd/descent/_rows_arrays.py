"""The arrays of a state of proximal row steps before any sample. Imports no numba."""

import numpy as np

from .._layout import N_MIXTURE_SUMS, Mixture, Track

# Relative step lengths of the tracks: one with short, decreasing steps, one with long ones, and two with constant steps.
LENGTHS = (0.4, 10.0, 0.4, 0.02)
N_AVERAGED = 2  # tracks whose iterates are averaged: the first ones
N_MODELS = len(LENGTHS) + N_AVERAGED  # last iterates but for the first track's, averages, and the null model
FIRST_AVERAGE = len(LENGTHS) - 1  # its index among the models
PAST_LOSSES = 500.0  # samples by which a fit counts in the progressive losses


def new_track(n_outputs, n_features, dense):
    """Models of zeros, in the layout of dense or of CSR rows."""
    n_tracks = len(LENGTHS)
    shapes = [(n * n_outputs, n_features) for n in (n_tracks, N_AVERAGED)]
    last, averaged = shapes if dense else [shape[::-1] for shape in shapes]
    return Track(
        v=np.zeros(last),
        total=np.zeros(averaged),
        intercept=np.zeros(n_tracks * n_outputs),
        intercept_total=np.zeros(N_AVERAGED * n_outputs),
        centring=np.zeros(n_tracks * n_outputs),
        centring_total=np.zeros(N_AVERAGED * n_outputs),
        mean_score=np.zeros(n_tracks * n_outputs),
        mean_score_total=np.zeros(N_AVERAGED * n_outputs),
        pending_step=np.zeros(n_tracks),
        step=np.zeros(n_tracks),
        losses=np.zeros(N_MODELS),
        targets=np.zeros((3, n_outputs)),
    )


def new_mixture(n_outputs):
    """A mixture that has seen no sample: the first average predicts."""
    n_terms = N_MODELS + 1
    weights = np.zeros(n_terms)
    weights[FIRST_AVERAGE] = 1.0
    return Mixture(weights, np.zeros((n_terms, n_terms)), np.zeros(n_terms), np.zeros(n_outputs), np.zeros(N_MIXTURE_SUMS))


def grown_targets(targets, weight, growth):
    """The sums of the targets, of samples of this weight, for the scores of more classes."""
    shift, total, square = targets
    n_outputs = len(growth.mapping)
    if len(shift) == n_outputs == 1:
        sign = growth.mapping[0, 0]
        return np.array([sign * shift, sign * total, square])
    weights, places = total, growth.mapping
    if len(shift) == 1:
        # Targets of -1 and 1 become class indices.
        positive = 0.5 * (weight * (1.0 + shift[0]) + total[0])
        weights = np.array([weight - positive, positive])
        places = np.hstack([growth.mapping < 0.0, growth.mapping > 0.0])
    zeros = np.zeros(n_outputs)
    return np.array([zeros, places @ weights, zeros])
