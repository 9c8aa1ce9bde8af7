"""Data structures of the compiled loops that the rest of the package uses too: array indices, groups of arrays. No numba.

Each state of descent keeps its numbers in one float array, ``counters``, which the loops update in place. The names below are
indices into it. The first three are the same for every state.
"""

from typing import NamedTuple

import numpy as np

from ._stored import stored

# In scaled coordinates a slope is a correlation, at most 1: a value below this is rounding error and counts as 0. Adam and sign
# updates would take a full step for it.
LEAST_GRADIENT = 1e-12

DIFFERENCE = 6e-6  # relative step of a central difference: it balances rounding and truncation

STEPS, WEIGHT_SUM, ROWS = range(3)  # steps taken; weight and number of the samples seen

# Explicit steps (`passes`); the last three belong to lazy descent.
SCALE, THRESHOLD, SCALE_SUM = range(3, 6)
N_STEP_COUNTERS = 6

# Implicit steps (`proximal`).
REFRESH_AT = 3  # number of samples from which on mean and scale of the features are out of date
SNAPSHOT_AT = 4  # number of samples at which the next snapshot of the models is taken
NONZEROS = 5  # non-zero values since the penalty was last applied
MEAN_SQUARE = 6  # mean of |x|^2 + 1 over the standardised samples
CURVATURE_SUM = 7  # weighted sum of the samples' mean curvatures from the null model, the weight, and the number of samples
CURVATURE_WEIGHT = 8
ITERATE_WEIGHT = 9  # sum of the weights of the averaged iterates
PENDING_WEIGHT = 10  # the part of it that is not added to `Track.total` on CSR
R_SQUARE = 11  # CSR: sum over the features of r^2, r = mean * scale
CURVATURE_ROWS = 12
INFORMATION = 13  # of a sample: the mean curvature at the null model, relative to the curvature that steps use
TARGET_WEIGHT = 14  # weight of the samples in `Track.targets`
N_ROW_COUNTERS = 15

# The features up to which all means and scales are updated at `REFRESH_AT`: that costs less than a few samples.
REFRESHED_AT_ONCE = 4096
REFRESH_PERIOD = 1  # those of more features are updated each time that this many values per feature, other than zero, have come
PENALTY_PERIOD = 4  # the penalty acts once this many values per feature, other than zero, have come

# Indices of `Mixture.sums`. All except the last two are discounted with each sample.
MIXED_WEIGHT = 0  # weight of the samples
MIXED_HORIZON = 1  # weight times 1 + twice the age of the snapshot; the mean is the number of samples predicted at once
PAST_WEIGHT = 2  # weight of earlier samples with known losses only
MIXED_CURVATURE = 3  # squared slope times second derivative, and squared slope
MIXED_SLOPE = 4
MIXED_LOSS = 5  # progressive loss of the mixture
TAKEN_AT = 6  # number of samples at the last snapshot
EXCEEDED = 7  # number of successive samples, up to the last one, whose losses all exceeded their limit
N_MIXTURE_SUMS = 8


@stored
class Lazy(NamedTuple):
    """Coefficients of plain descent on single CSR samples, updated only when a sample has the feature.

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
    """The models that proximal row steps move: the tracks, one for each step length.

    The scores are those of all tracks, one track after the other. The first tracks are averaged, and `total` and the fields that
    belong to it have the scores of these only. Dense coefficients are (scores, features), CSR (features, scores).
    `v` has the last iterates, coef / scale; `total` and `intercept_total` have the sums of the iterates with the weights sqrt(n).
    On CSR the model is ``v - centring * r`` with r = mean * scale, and the sum of the iterates
    ``PENDING_WEIGHT * v + total - centring_total * r``. `mean_score` is the score of the mean sample, the sum over features of r
    times the model, and `mean_score_total` is that of the sum of the iterates.
    """

    v: np.ndarray
    total: np.ndarray
    intercept: np.ndarray
    intercept_total: np.ndarray
    centring: np.ndarray
    centring_total: np.ndarray
    mean_score: np.ndarray
    mean_score_total: np.ndarray
    pending_step: np.ndarray  # (tracks,): length of the steps since the penalty was last applied
    step: np.ndarray  # (tracks,): length of the last step
    losses: np.ndarray  # (models,): discounted progressive losses; the models are in the order of `Mixture.weights`
    # (3, n_outputs): shift of the targets, and weighted sums of y - shift and of its square; if targets are class indices, the
    # second row has the weight of each class
    targets: np.ndarray


@stored
class Mixture(NamedTuple):
    """The weights by which the scores of the models are combined for prediction.

    The terms are the last iterates of all tracks but the first, the averages, the null model, and an offset. All weights but the
    last are those of models, and add up to one. `products` and `right` are sums over the samples of the quadratic model of
    the loss in the weights.
    """

    weights: np.ndarray  # (terms,)
    products: np.ndarray  # (terms, terms): second derivative of the loss times the product of two terms
    right: np.ndarray  # (terms,): second derivative of the loss times the minimiser of its quadratic model times the term
    offset: np.ndarray  # (n_outputs,): an intercept that follows the last residuals
    sums: np.ndarray  # (N_MIXTURE_SUMS,)


@stored
class Columns(NamedTuple):
    """Sums of x - shift, of its square, and of ones where x is not zero, for each feature; mean, scale and unit in use.

    `outlying` is the number of samples after which the last outlying value is forgotten. The scale is that of the
    preconditioner, 0 for a constant feature; the unit is the penalty's unit of the coefficient. Mean, scale and unit are out of
    date after 10% more samples: from `due` samples on. Those of few features are then updated at once. With more features than
    `REFRESHED_AT_ONCE` each is updated with the next sample in which it is not zero, as a sample may cost only what its own
    features do, or with all others after a `REFRESH_PERIOD`.
    """

    shift: np.ndarray
    total: np.ndarray
    square: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    unit: np.ndarray
    nonzero: np.ndarray = np.empty(0)  # not counted in pickles of older versions
    outlying: np.ndarray = np.empty(0)  # as above
    due: np.ndarray = np.empty(0)  # in older versions that of all features was `REFRESH_AT`


def rounding_error(mean, mean_square):
    """Bound of the rounding error of a variance; a feature with a variance up to this counts as constant.

    The first term covers the cancellation in ``mean_square - offset^2``, both relative to some shift; the second covers the
    rounding error of the mean, which remains if the shift is one of the values. Summing 10^6 values loses about 10^3 units in the
    last place, hence 1e-13; a mean with a relative error of 1e-12 adds the square of that.

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
    r"""A penalty of the form :math:`a |w| + \tfrac{b}{2} w^2`, optionally with the constraint :math:`w \ge 0`."""

    l1: float
    l2: float
    nonnegative: bool

    def is_smooth(self, alpha: float) -> bool:
        """Whether `alpha` times the penalty has no threshold and no constraint: it is an l2 penalty, or none."""
        return not (self.l1 * alpha > 0.0 or self.nonnegative)
