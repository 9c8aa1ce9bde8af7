"""What the compiled loops share with the rest of the package: places in arrays, and groups of arrays. No numba here.

Each state of descent keeps its numbers in one float array, ``counters``, which the loops update in place. The names below are
the places in it. The first three are the same for every state.
"""

from typing import NamedTuple

import numpy as np

from ._stored import stored

# In scaled coordinates a slope is a correlation, of 1 at most: below this it is rounding error and counts as 0. Adam and sign
# updates would make a step of full length of it.
LEAST_GRADIENT = 1e-12

STEPS, WEIGHT_SUM, ROWS = range(3)  # steps taken; weight and number of the samples seen

# Explicit steps (`passes`); the last three belong to lazy descent.
SCALE, THRESHOLD, SCALE_SUM = range(3, 6)
N_STEP_COUNTERS = 6

# Implicit steps (`proximal`).
REFRESH_AT = 3  # number of samples at which mean and scale of the features are updated next
SNAPSHOT_AT = 4  # number of samples at which the models to be scored are copied next
NONZEROS = 5  # values other than zero since the penalty last acted
MEAN_SQUARE = 6  # mean of |x|^2 + 1 over the standardised samples
CURVATURE_SUM = 7  # sum of the mean curvatures of samples from the null model, and the weight and number of these
CURVATURE_WEIGHT = 8
ITERATE_WEIGHT = 9  # sum of the weights of the averaged iterates
PENDING_WEIGHT = 10  # the part of it that CSR has not added to `Track.total`
R_SQUARE = 11  # CSR: sum over the features of r^2, r = mean * scale
CURVATURE_ROWS = 12
INFORMATION = 13  # of a sample: the mean curvature at the null model, relative to the one that steps count with
TARGET_WEIGHT = 14  # weight of the samples in `Track.targets`
N_ROW_COUNTERS = 15

PENALTY_PERIOD = 4  # the penalty acts once this many values per feature, other than zero, have come

# `Mixture.sums`, all but the last discounted from sample to sample.
MIXED_WEIGHT = 0  # weight of the samples
MIXED_HORIZON = 1  # weight times 1 + twice the age of the snapshot: the mean of this is how many samples are predicted at once
PAST_WEIGHT = 2  # weight of earlier samples, of which only the losses are known
MIXED_CURVATURE = 3  # squared slope times second derivative, and squared slope
MIXED_SLOPE = 4
MIXED_LOSS = 5  # progressive loss of the mixture
TAKEN_AT = 6  # number of samples at the last snapshot
N_MIXTURE_SUMS = 7


@stored
class Lazy(NamedTuple):
    """Coefficients of plain descent on CSR, one sample at a time, updated only when a sample has the feature.

    The model is coef = scale * soft(v, threshold - stamp), with `SCALE` and `THRESHOLD` among the counters; the sum of the
    iterates is `SCALE_SUM` * v - offset.
    """

    v: np.ndarray
    intercept: np.ndarray
    stamp: np.ndarray
    offset: np.ndarray
    intercept_sum: np.ndarray
    nonnegative: bool


@stored
class Track(NamedTuple):
    """The models that proximal row steps move: a step length each, the tracks, side by side.

    Scores are those of all tracks, track by track. The first tracks are averaged: `total` and what belongs to it have the scores
    of these alone. Dense coefficients are (scores, features), CSR (features, scores).
    `v` has the last iterates, coef / scale; `total` and `intercept_total` the sums of the iterates, the n-th times the root of n.
    On CSR the model is ``v - centring * r`` with r = mean * scale, and the sum of the iterates
    ``PENDING_WEIGHT * v + total - centring_total * r``; `mean_score` is the score of the mean sample, sum over the features of r
    times the model, and `mean_score_total` the same of the sum of the iterates.
    """

    v: np.ndarray
    total: np.ndarray
    intercept: np.ndarray
    intercept_total: np.ndarray
    centring: np.ndarray
    centring_total: np.ndarray
    mean_score: np.ndarray
    mean_score_total: np.ndarray
    pending_step: np.ndarray  # (tracks,): length of the steps since the penalty last acted
    step: np.ndarray  # (tracks,): length of the last step
    losses: np.ndarray  # (models,): discounted progressive losses; the models are in the order of `Mixture.weights`
    # (3, n_outputs): shift of the targets, and weighted sums of y - shift and of its square; where targets are class indices, the
    # second row has the weight of each class
    targets: np.ndarray


@stored
class Mixture(NamedTuple):
    """How the scores of the models are weighed into the one that predicts.

    The terms are the last iterates of all tracks but the first, the averages, the null model, and an offset. The weights of the
    models, which are all but the last, add up to one. `products` and `right` are sums over the samples of the quadratic model of
    the loss in the weights.
    """

    weights: np.ndarray  # (terms,)
    products: np.ndarray  # (terms, terms): second derivative of the loss times the product of two terms
    right: np.ndarray  # (terms,): second derivative of the loss times the score that it asks for times the term
    offset: np.ndarray  # (n_outputs,): an intercept that follows the last residuals
    sums: np.ndarray  # (N_MIXTURE_SUMS,)


@stored
class Columns(NamedTuple):
    """Sums of x - shift, of its square, and of ones where x is not zero, for each feature; mean, scale and unit in use.

    The scale is that of the preconditioner, 0 for a constant feature; the unit is that in which the penalty counts the
    coefficient. Mean, scale and unit are updated when a tenth more samples have come.
    """

    shift: np.ndarray
    total: np.ndarray
    square: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    unit: np.ndarray
    nonzero: np.ndarray = np.empty(0)  # not counted in pickles of older versions


def rounding_error(mean, mean_square):
    """Bound of the rounding error of a variance: at or below this the feature counts as constant.

    The first term covers the cancellation in ``mean_square - offset^2``, both taken about some shift; the second the rounding
    of the mean itself, which is all that is left where the shift is one of the values. Summing 10^6 values loses about
    10^3 units in the last place, hence 1e-13; a mean that is off by 1e-12 of itself adds the square of that.

    Parameters
    ----------
    mean : float or ndarray
        Mean of the feature.
    mean_square : float or ndarray
        Mean square about the shift.

    Returns
    -------
    float or ndarray
        The bound.
    """
    return 1e-13 * mean_square + 1e-24 * mean * mean


class ElasticNetForm(NamedTuple):
    r"""A penalty of the form :math:`a |w| + \tfrac{b}{2} w^2`, perhaps over :math:`w \ge 0` only."""

    l1: float
    l2: float
    nonnegative: bool
