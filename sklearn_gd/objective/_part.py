"""A part of the samples, and the operations on it that descent needs: its verbs.

A `Part` holds some of the samples: in this process, in a chunk of a file, or on a worker. Arrays with one entry per sample
(scores, slopes, curvatures) stay with their part. In batch descent only data of the size of the model are sent: coefficients,
gradients, a few numbers. The state of a part after a look can be recreated from the model and the last direction (`start`, then
`line`), so a part that is lost can be replaced. `slopes`, which returns an entry for each sample, is used for samples in memory
only: for the table of SVRG and SAGA.
"""

import copy
import math

import numpy as np

from ._narrowed import largest
from ._rows import grams


class Part:
    """Some of the samples, and the operations on them that descent needs.

    Parameters
    ----------
    rows : DenseRows or CsrRows
        The features, n samples.
    target : ndarray, (n, n_outputs) or (n, 1)
        The target of each score, or the index of the class if the loss takes classes.
    weight : ndarray, (n,)
        Positive weights.
    loss : ArrayLoss
        The loss on arrays of scores.
    place : (int, int), optional
        The index of the first sample among all, and the number of samples in all parts; by default this part has all.

    Notes
    -----
    A *look* is the result of one pass over the samples at a point: an array of four sums (loss, its derivative and its curvature
    along the line, the loss without smoothing), and the gradient with respect to coefficients and intercept.

    Attributes
    ----------
    raw : ndarray, (n_outputs, n)
        The scores of the current point.
    last, move : ndarray, (n_outputs, n), or None
        The last direction of the scores, and that of a plane until a step is taken on it.
    t : float
        The last look was at ``raw + t * last``.
    curvature : object
        The curvature of the loss there, in the form of `ArrayLoss.second_order`; None if that point has been left.
    bend : ndarray, (n_blocks,)
        The curvature of the loss along the last direction, at the last look.
    """

    def __init__(self, rows, target, weight, loss, place=None):
        self.rows, self.loss = rows, loss
        self.first, self.total = place or (0, len(target))
        self.target, self.y = target, loss.encode(target)
        self.given_weight = weight
        # Weights of one, the usual case, need no multiplication.
        self.weight = None if (weight == 1.0).all() else weight
        self.width, self.dtype = 0.0, np.dtype(np.float64)

    # --- without memory ---------------------------------------------------------------------------------------------------

    def value(self, coef, intercept):
        """The sum of the losses."""
        return (self._summed(self.loss.value(self.y, self.rows.scores(coef, intercept))),)

    def gradient(self, coef, intercept):
        """The sum of the gradients, with respect to coefficients and intercept."""
        slope = self._weighted(self.loss.gradient(self.y, self.rows.scores(coef, intercept)))
        return self.rows.pull_back(slope), slope.sum(axis=1)

    def value_and_gradient(self, coef, intercept):
        """The sum of the losses and of the gradients, in one pass."""
        raw = self.rows.scores(coef, intercept)
        slope = self._weighted(self.loss.gradient(self.y, raw))
        return self._summed(self.loss.value(self.y, raw)), self.rows.pull_back(slope), slope.sum(axis=1)

    def slopes(self, coef, intercept):
        """The derivative of each loss with respect to its scores, (n, n_outputs), unweighted."""
        return self.loss.gradient(self.y, self.rows.scores(coef, intercept)).T

    def moments(self, shift):
        """Weighted sums of x - shift, of its square, and of ones where x is not zero, for each feature."""
        return self.rows.moments(self.given_weight, shift)

    def gram(self, mean, target_mean):
        """Weighted sums of (x - mean)(x - mean)', of r (x - mean)' and of r^2, with r = y - target_mean."""
        away = self.y - target_mean[:, None]
        return *self.rows.gram(self.weight, mean, away), self._summed((away * away).sum(axis=0))

    def normal_product(self, coef, intercept):
        """The weighted product X' X v with a direction v, for the power method."""
        raw = self._weighted(self.rows.scores(coef, intercept))
        return self.rows.pull_back(raw), raw.sum(axis=1)

    def squared_slopes(self, coef, intercept, width, limit):
        """For each score, sums of the squared slope, clipped at `limit`, and of the curvature; the loss smoothed over `width`."""
        raw = self.rows.scores(coef, intercept)
        _, slope, curvature = self.loss.second_order(self.y, raw, width)
        curvature = self.loss.diagonal(self.y, curvature, raw.shape)
        square = np.minimum(slope * slope, limit[:, None])
        return self._weighted(square).sum(axis=1), self._weighted(curvature * np.ones(raw.shape)).sum(axis=1)

    def distances(self, coef, intercept):
        """For each score, the sum of the distances from the target."""
        return (self._weighted(np.abs(self.y - self.rows.scores(coef, intercept))).sum(axis=1),)

    # --- along lines ------------------------------------------------------------------------------------------------------

    def start(self, coef, intercept, width):
        """Look at a model, with the loss smoothed over `width`, and make it the current point; the last direction is kept."""
        self.width, self.dtype = width, coef.dtype
        self.raw, self.t = self.rows.scores(coef, intercept), 0.0
        return self._look()

    def plane(self, coef, intercept, with_last, advance):
        """The quadratic forms a'Ha, a'Hb, b'Hb of a direction a and the last direction b, at the current point, (3, n_blocks).

        There is one of each for every block of scores that share a loss. With `advance` the point of the last look first becomes
        the current one. If the coefficients are in float32, the later products of looks with float32 samples are in float32 too.
        """
        self._hold(advance)
        self.dtype = coef.dtype
        a = self.move = self.rows.scores(coef, intercept)
        curvature = self._curvature_here()
        bent = self._bent(curvature, a)
        forms = [self._products(bent, a)]
        if with_last:
            # The last look, at what is now the current point, has computed the curvature along the last direction.
            along = self.bend if advance else self._products(self._bent(curvature, self.last), self.last)
            forms += [self._products(bent, self.last), along]
        return (self._forms(forms),)

    def step(self, c_0, c_1, t):
        """Look t along the direction c_0 a + c_1 b of the plane, which becomes the last one.

        The factors are arrays with one for each block of scores.
        """
        self.move *= self._column(c_0)
        if c_1.any():
            self.last *= self._column(c_1)
            self.last += self.move
        else:
            self.last = self.move
        self.move = None  # a look needs room of its own
        return self.again(t)

    def line(self, coef, intercept, t, advance):
        """Look t along a direction, which becomes the last one; `advance` as in `plane`."""
        self._hold(advance)
        self.dtype = coef.dtype
        self.last = self.rows.scores(coef, intercept)
        return self.again(t)

    def extend(self, coef, intercept, at):
        """The loss at the end of a direction, which becomes the last one.

        The current point first moves to `at` along the last direction, or, where that is None, to the point of the last look.
        """
        self.t = self.t if at is None else at
        self._hold(True)
        self.dtype = coef.dtype
        self.last, self.t, self.curvature = self.rows.scores(coef, intercept), 1.0, None
        raw = self._ahead()
        value = self.loss.second_order(self.y, raw, self.width)[0] if self.width else self.loss.value(self.y, raw)
        return (self._summed(value),)

    def rescale(self, factors, t):
        """Look t along the last direction, which is first multiplied by a factor for each block of scores."""
        self.last *= self._column(factors)
        return self.again(t)

    def again(self, t):
        """Look t along the last direction."""
        self.t = t
        return self._look(self.last)

    # --- on some of the features ------------------------------------------------------------------------------------------

    def select(self, columns):
        """Select some features for `within`, by a copy of their values."""
        self.selected = copy.copy(self)
        self.selected.rows = self.rows.columns(columns)
        return ()

    def within(self, verb, *arguments):
        """Run any verb on the selected features."""
        return getattr(self.selected, verb)(*arguments)

    def widen(self):
        """Look with all features at the point of the last look with the selected ones."""
        self.width = self.selected.width
        self.raw, self.t = self.selected._ahead(), 0.0
        return self._look()

    def largest_curvature(self):
        """The largest curvature of a pair of scores at the current point; see `largest`."""
        return (largest(np, self.loss.hessian_blocks(self.y, self._curvature_here(), self.raw.shape)),)

    def hessian(self, coordinates, mean, peak, caution, advance):
        """The second derivatives of the losses at the current point, a matrix for each block of scores that share a loss.

        `coordinates` has the features of each score, an index for each; a score of a block has these, less `mean`, and then its
        intercept. Those of a smoothed loss are mixed with the `narrowed` ones, whose share is `caution`; `peak` is the
        curvature where the loss is not differentiable. `advance` as in `plane`.
        """
        self._hold(advance)
        blocks = self.loss.newton_blocks(self.y, self.raw, self._curvature_here(), self.width, peak, caution)
        weights, own = blocks * self.given_weight, np.arange(blocks.shape[1])
        # A derivative that is taken numerically may be a little below zero.
        weights[:, own, own] = np.maximum(weights[:, own, own], 0.0)
        return self._hessians(weights, mean, coordinates)

    def _hessians(self, weights, mean, coordinates):
        """The matrix of each block of scores, from the weights of pairs of scores, (n_blocks, size, size, n)."""
        size = weights.shape[1]
        return tuple(
            self.rows.hessian(weights[at, ...], mean, coordinates[at * size : (at + 1) * size]) for at in range(weights.shape[0])
        )

    # --- dual points: the slopes of the last look, times shares -----------------------------------------------------------

    def _slopes_ahead(self):
        """The slopes of the last look."""
        return self.loss.second_order(self.y, self._ahead(), self.width)[1]

    def group_sums(self):
        """The sums of the slopes over the groups of samples of `ArrayLoss.balancing_shares`."""
        return (self.loss.group_sums(self.y, self._weighted(self._slopes_ahead())),)

    def shared_gradient(self, shares):
        """The gradient, with respect to coefficients and intercept, of the slopes times the shares of their groups."""
        slope = self._weighted(self.loss.times_shares(self.y, self._slopes_ahead(), shares))
        return self.rows.pull_back(slope), slope.sum(axis=1)

    def conjugate(self, shares, factor):
        """The sum of the losses' conjugates at the slopes, times the shares of their groups (None for 1), times a factor."""
        slope = self._slopes_ahead()
        if shares is not None:
            slope = self.loss.times_shares(self.y, slope, shares)
        return (self._summed(self.loss.conjugate(self.y, factor * slope)),)

    # --- the curvature ----------------------------------------------------------------------------------------------------

    def curvature_moments(self, shift, advance):
        """For each score, sums of x - shift, of its square, and of 1, weighted by the loss's curvature in that score.

        They are computed at the current point; `advance` as in `plane`.
        """
        return self._moments(self._curvatures(advance), shift)

    def curvature_sums(self, shift, mean, scale, share, advance):
        """The sums of `curvature_moments`, and of z z' with z = (x - mean, 1) * scale, weighted alike.

        The latter are over a random share of the samples, always the same.
        """
        curvature = self._curvatures(advance)
        return *self._moments(curvature, shift), self._grams(curvature, mean, scale, share)

    def _moments(self, curvature, shift):
        """See `curvature_moments`."""
        return *self.rows.weighted_moments(curvature.astype(self.dtype, copy=False), shift), curvature.sum(axis=1)

    def _grams(self, curvature, mean, scale, share):
        """See `curvature_sums`."""
        # The selection does not depend on how the samples are cut into parts.
        index = sampled(self.total, share)
        index = index[(index >= self.first) & (index < self.first + self.rows.shape[0])] - self.first
        return grams(self.rows, index, curvature[:, index], mean, scale)

    def _curvatures(self, advance):
        """The loss's curvature in each score at the current point, times the weights, (n_outputs, n)."""
        self._hold(advance)
        # A numerical derivative may be slightly below zero.
        return self._weighted(np.maximum(self.loss.diagonal(self.y, self._curvature_here(), self.raw.shape), 0.0))

    def _ahead(self):
        """The scores at the last look, computed on demand: an array of them would be kept between looks."""
        if self.t == 0.0:
            return self.raw
        return self.raw + self.last if self.t == 1.0 else self.raw + self.t * self.last

    def _hold(self, advance):
        """With `advance`, make the point of the last look the current one; otherwise leave it for the current one."""
        if advance:
            self.raw = self._ahead()
        elif self.t != 0.0:
            self.curvature = None
        self.t = 0.0

    def _curvature_here(self):
        """The curvature at the current point, which is that of the last look unless a line search has failed."""
        return self.loss.second_order(self.y, self.raw, self.width)[2] if self.curvature is None else self.curvature

    def _look(self, move=None):
        """Take a look at t, along the direction `move`; the curvature is kept for the next plane."""
        self.curvature, raw = None, self._ahead()  # one curvature at a time
        value, slope, self.curvature = self.loss.second_order(self.y, raw, self.width)
        slope = self._weighted(slope)
        sums = np.zeros(4)
        sums[0] = sums[3] = self._summed(value)
        if move is not None:
            sums[1] = np.vdot(slope, move)
            self.bend = self._products(self._bent(self.curvature, move), move)
            sums[2] = self.bend.sum()
        if self.width:
            sums[3] = self._summed(self.loss.value(self.y, raw))
        return sums, self.rows.pull_back(slope.astype(self.dtype, copy=False)), np.add.reduce(slope, axis=1)

    def _column(self, factors):
        """Factors of the scores, one for each block."""
        return factors[:, None]

    def _forms(self, known):
        """The result of `plane`; forms that are not known are zero."""
        forms = np.zeros((3, len(known[0])))
        forms[: len(known)] = known
        return forms

    def _products(self, a, b):
        """The sums of the products of two arrays of scores, one for each block of scores that share a loss."""
        if self.loss.coupled or len(a) == 1:
            return np.array([np.vdot(a, b)])
        return np.einsum("ki,ki->k", a, b)

    def _bent(self, curvature, a):
        """The weighted Hessian of the losses times a direction of the scores."""
        return self._weighted(self.loss.hessian_product(self.y, curvature, a))

    def _weighted(self, values):
        """`values`, a new array, times the weights."""
        if self.weight is not None:
            values *= self.weight
        return values

    def _summed(self, value):
        """The weighted sum over the samples of an array."""
        return float(np.add.reduce(value) if self.weight is None else self.weight @ value)


def sampled(n, share):
    """The indices of a random share of n samples, always the same."""
    count = math.ceil(share * n)
    if count >= n:
        return np.arange(n)
    # One sample from each of equal intervals, so that sorted samples are sampled evenly.
    return ((np.arange(count) + np.random.RandomState(0).random_sample(count)) * (n / count)).astype(int)
