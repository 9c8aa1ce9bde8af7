"""Samples on a device, as one part: the verbs of `Part` in the array library of X.

Arrays with an entry for each sample stay on the device: scores, slopes, curvatures, directions. Coefficients come from the
host, and gradients and sums return to it, in one transfer per verb.
"""

import numpy as np

from ._device_loss import device_loss
from ._narrowed import largest
from ._part import Part, sampled
from ._parts import Parts
from ._rows import EXACT_FEATURES
from ._threads import Threads


class DevicePart(Part):
    """Samples on a device; the arguments and results of its verbs are host arrays and numbers.

    Parameters
    ----------
    rows : DeviceRows
        The features.
    target, weight : ndarray
        As for `Part`, on the host; they are copied to the device once.
    loss : ArrayLoss
        The loss on arrays of the device.
    """

    def __init__(self, rows, target, weight, loss):
        self.rows, self.loss, self.place = rows, loss, rows.place
        self.y = loss.encode(target)
        self.given_weight = self.place.put(weight)
        self.weight = None if (weight == 1.0).all() else self.given_weight
        self.width, self.dtype = 0.0, np.dtype(np.float64)

    # --- without memory ---------------------------------------------------------------------------------------------------

    def value(self, coef, intercept):
        return self._taken(self._summed(self.loss.value(self.y, self.rows.scores(coef, intercept))))

    def gradient(self, coef, intercept):
        return self._pulled(self._weighted(self.loss.gradient(self.y, self.rows.scores(coef, intercept))))

    def value_and_gradient(self, coef, intercept):
        raw = self.rows.scores(coef, intercept)
        slope = self._weighted(self.loss.gradient(self.y, raw))
        return self._pulled(slope, self._summed(self.loss.value(self.y, raw)))

    def slopes(self, coef, intercept):
        return self.place.take(self.loss.gradient(self.y, self.rows.scores(coef, intercept))).T

    def gram(self, mean, target_mean):
        away = self.y - self.place.put(target_mean)[:, None]
        square = self._summed(self.place.xp.sum(away * away, axis=0))
        return *self.rows.gram(self.weight, mean, away), float(square)

    def normal_product(self, coef, intercept):
        return self._pulled(self._weighted(self.rows.scores(coef, intercept)))

    def squared_slopes(self, coef, intercept, width, limit):
        xp, raw = self.place.xp, self.rows.scores(coef, intercept)
        _, slope, curvature = self.loss.second_order(self.y, raw, width)
        curvature = self.loss.diagonal(self.y, curvature, tuple(raw.shape))
        square = xp.minimum(slope * slope, self.place.put(limit)[:, None])
        return self._taken(xp.sum(self._weighted(square), axis=1), xp.sum(self._weighted(curvature), axis=1))

    def distances(self, coef, intercept):
        xp = self.place.xp
        return self._taken(xp.sum(self._weighted(xp.abs(self.y - self.rows.scores(coef, intercept))), axis=1))

    # --- along lines ------------------------------------------------------------------------------------------------------

    def extend(self, coef, intercept, at):
        return self._taken(*super().extend(coef, intercept, at))

    def again(self, t):
        return super().again(float(t))

    def largest_curvature(self):
        return (largest(self.place.xp, self.loss.hessian_blocks(self.y, self._curvature_here(), tuple(self.raw.shape))),)

    def hessian(self, coordinates, mean, peak, caution, advance):
        self._hold(advance)
        blocks = self.loss.newton_blocks(self.y, self.raw, self._curvature_here(), self.width, peak, caution)
        weights = blocks * self.given_weight
        if weights.shape[1] == 1:
            weights = self.place.namespace.maximum(weights, 0.0)
        return self._hessians(weights, mean, coordinates)

    # --- dual points ------------------------------------------------------------------------------------------------------

    def group_sums(self):
        return self._taken(self.loss.group_sums(self.y, self._weighted(self._slopes_ahead())))

    def shared_gradient(self, shares):
        return self._pulled(self._weighted(self.loss.times_shares(self.y, self._slopes_ahead(), shares)))

    def conjugate(self, shares, factor):
        slope = self._slopes_ahead()
        if shares is not None:
            slope = self.loss.times_shares(self.y, slope, shares)
        return self._taken(self._summed(self.loss.conjugate(self.y, float(factor) * slope)))

    # --- the curvature ----------------------------------------------------------------------------------------------------

    def _moments(self, curvature, shift):
        weight = self.place.take(self.place.xp.sum(curvature, axis=1))
        return *self.rows.weighted_moments(self._narrow(curvature), shift), weight

    def _grams(self, curvature, mean, scale, share):
        index = sampled(self.rows.shape[0], share)
        dtype = self.place.dtype if self.rows.shape[1] <= EXACT_FEATURES else self.place.xp.float32
        return self.rows.grams(index, curvature, mean, scale, dtype)

    def _curvatures(self, advance):
        self._hold(advance)
        diagonal = self.loss.diagonal(self.y, self._curvature_here(), tuple(self.raw.shape))
        # A numerical derivative may be slightly below zero.
        return self._weighted(self.place.namespace.maximum(diagonal, 0.0))

    # ----------------------------------------------------------------------------------------------------------------------

    def _look(self, move=None):
        xp = self.place.xp
        self.curvature, raw = None, self._ahead()
        value, slope, self.curvature = self.loss.second_order(self.y, raw, self.width)
        slope, value = self._weighted(slope), self._summed(value)
        first = second = xp.zeros_like(value)
        if move is not None:
            first, self.bend = xp.sum(slope * move), self._products(self._bent(self.curvature, move), move)
            second = xp.sum(self.bend)
        plain = self._summed(self.loss.value(self.y, raw)) if self.width else value
        return self._pulled(slope, xp.stack([value, first, second, plain]))

    def _pulled(self, slope, *before):
        """`before`, and the gradients with respect to coefficients and intercept that result from slopes of the scores."""
        return self._taken(*before, self.rows.pull_back(self._narrow(slope)), self.place.xp.sum(slope, axis=1))

    def _narrow(self, values):
        """`values` in the type of the products with the samples."""
        single = self.rows.is_single and self.dtype == np.float32
        return self.place.xp.astype(values, self.place.xp.float32) if single else values

    def _taken(self, *arrays):
        """Copies on the host."""
        return self.place.take_all(*arrays)

    def _column(self, factors):
        return self.place.put(factors)[:, None]

    def _forms(self, known):
        return super()._forms(list(self.place.take(self.place.xp.stack(known))))

    def _products(self, a, b):
        xp = self.place.xp
        sums = xp.sum(a * b, axis=1)
        return xp.sum(sums, keepdims=True) if self.loss.coupled else sums

    def _weighted(self, values):
        return values if self.weight is None else values * self.weight

    def _summed(self, value):
        return self.place.xp.sum(value if self.weight is None else value * self.weight)


def on_device(rows, target, weight, loss, n_outputs, map=None):
    """A single part on the device of the rows; as `in_memory`."""
    part = DevicePart(rows, target, weight, device_loss(*loss.made_of, rows.place))
    return Parts([part], float(weight.sum()), map or Threads(1, limits_blas=False))
