"""A loss on whole arrays of scores, for batch descent. Scores are (n_outputs, n_samples): those of an output are contiguous."""

import functools
import operator
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ..losses._base import N_ARGUMENTS, tried_targets
from ._array_functions import (
    compiled,
    ignores_shift,
    numeric_gradient,
    numeric_gradient_of_classes,
    numeric_product,
    numeric_second,
    numeric_second_of_value,
    on_arrays,
    scores,
    together,
)
from ._narrowed import narrowed


class ArrayLoss(ABC):
    """A loss on arrays, with its parameters bound.

    Callers suppress floating point warnings, as one of the two sides of an ``np.where`` may overflow.

    Attributes
    ----------
    coupled : bool
        Whether the loss is a function of all scores of a sample; otherwise it is a sum over the scores.
    ignores_shift : bool
        Whether the loss stays the same when a number is added to all scores of a sample.
    xp : module
        The array functions of the library of the scores.
    """

    coupled = False
    ignores_shift = False
    xp: Any = np

    @abstractmethod
    def encode(self, target):
        """Convert the targets to the form that the other methods take.

        Parameters
        ----------
        target : ndarray, (n_samples, n_outputs), or (n_samples, 1) of class indices
            Targets in the form of the estimators.

        Returns
        -------
        ndarray
            float64 of shape (n_outputs, n_samples), -1 or +1 in one-vs-rest; class indices of shape
            (n_samples,) for a coupled loss. Read-only: it may be a view of the target.
        """

    @abstractmethod
    def value(self, y, raw):
        """The loss of each sample, summed over its scores, (n_samples,)."""

    @abstractmethod
    def gradient(self, y, raw):
        """The derivative of the loss, never smoothed: a new array (n_outputs, n_samples)."""

    @abstractmethod
    def second_order(self, y, raw, width):
        """Value, gradient and curvature of the loss, smoothed over `width` on each side of non-differentiable points.

        Returns
        -------
        value : ndarray, (n_samples,)
            As `value`; read-only.
        gradient : ndarray, (n_outputs, n_samples)
            A new array.
        curvature : object
            The curvature in the form that `hessian_product` takes; it stays valid when raw changes.
        """

    @abstractmethod
    def hessian_product(self, y, curvature, a):
        """The curvature applied to directions `a` of the scores: a new array (n_outputs, n_samples)."""

    @abstractmethod
    def diagonal(self, y, curvature, shape):
        """The second derivative with respect to each score alone, a read-only array (n_outputs, n_samples)."""

    @abstractmethod
    def hessian_blocks(self, y, curvature, shape):
        """The Hessian of each sample's loss, in blocks of scores that share a loss: (n_blocks, size, size, n_samples)."""

    def smoothing_blocks(self, y, raw, width):
        """The Hessian blocks of a smoothed loss, for which the curvature of `second_order` is that of an upper bound."""
        h, shape = 0.01 * width, tuple(raw.shape)

        def slopes(step):
            """The change of the slopes along a step of the scores, per unit of the step."""
            above, below = (self.second_order(y, each, width)[1] for each in (raw + step, raw - step))
            return (above - below) / (2.0 * h)

        if not self.coupled:
            # A score changes its own slope alone.
            return slopes(h)[:, None, None, :]
        return self.xp.stack([slopes(h * self._unit(k, shape)) for k in range(shape[0])], axis=1)[None, ...]

    def newton_blocks(self, y, raw, curvature, width, peak, caution):
        """The Hessian blocks for Newton's method; for a smoothed loss they are mixed with the `narrowed` ones by `caution`."""
        blocks = self.hessian_blocks(y, curvature, tuple(raw.shape))
        if not width:
            return blocks
        return caution * narrowed(self.xp, blocks, peak) + (1.0 - caution) * self.smoothing_blocks(y, raw, width)

    def _unit(self, k, shape):
        """A direction of the scores: 1 in the score k of each sample."""
        return np.eye(shape[0])[:, k, None]

    @property
    def has_conjugate(self):
        """Whether the loss has a convex conjugate."""
        return self._conjugate is not None

    def conjugate(self, y, slope):
        """The convex conjugate of each sample's loss, summed over its scores, (n_samples,), at slopes within their range."""
        return self._of_sample(self._conjugate(y, slope))

    @abstractmethod
    def group_sums(self, y, slope):
        """The sums of slopes over groups of samples, (n_outputs, n_groups); see `balancing_shares`."""

    @abstractmethod
    def balancing_shares(self, sums):
        """A share between 0 and 1 for each group, such that its sums, times the shares, add up to zero for each output."""

    @abstractmethod
    def times_shares(self, y, slope, shares):
        """Slopes times the shares of their groups: a new array."""

    def __reduce__(self):
        return array_loss, self.made_of


def array_loss(loss, n_outputs, one_vs_rest):
    """The loss on arrays.

    Parameters
    ----------
    loss : Loss
        The loss; its parameters are read once, here.
    n_outputs : int
        Scores of a sample.
    one_vs_rest : bool
        Whether targets are class indices; a loss that does not couple the classes is then used one-vs-rest.

    Returns
    -------
    ArrayLoss
        The loss bound to its parameters.
    """
    coupled = one_vs_rest and loss.has_row_functions()
    made = CoupledLoss(loss, n_outputs) if coupled else ElementwiseLoss(loss, n_outputs, one_vs_rest)
    made.made_of = (loss, n_outputs, one_vs_rest)
    return made


class ElementwiseLoss(ArrayLoss):
    """A loss of single scores."""

    def __init__(self, loss, n_outputs, one_vs_rest):
        self._classes = np.arange(n_outputs, dtype=np.float64)[:, None] if one_vs_rest else None
        self._of_sample = operator.itemgetter(0) if n_outputs == 1 else functools.partial(np.sum, axis=0)
        self._bind(loss, functools.partial(on_arrays, loss, tuple(tried_targets(loss).tolist())), np)

    def _bind(self, loss, find, xp):
        """Bind the functions that the methods call; `find` maps a name to a function of arrays of the library `xp`."""
        self._value, self._conjugate = find("value"), find("conjugate")
        self._linear_beyond = loss.linear_beyond
        written = find("gradient")
        self._gradient = written or numeric_gradient(self._value, xp)
        self._second_order = find("second_order")
        if self._second_order is None:
            second = find("second_derivative")
            if second is None:
                second = numeric_second(written, xp) if written else numeric_second_of_value(self._value, xp)
            self._second_order = together(self._value, self._gradient, second)

    def encode(self, target):
        """One row for each output; the signs of the classes in one-vs-rest."""
        if self._classes is None:
            return np.ascontiguousarray(target.T, dtype=np.float64)
        return np.where(target[:, 0] == self._classes, 1.0, -1.0)

    def value(self, y, raw):
        """See `ArrayLoss.value`."""
        return self._of_sample(self._value(y, raw))

    def gradient(self, y, raw):
        """See `ArrayLoss.gradient`."""
        return self._gradient(y, raw)

    def second_order(self, y, raw, width):
        """See `ArrayLoss.second_order`; the curvature is an array with that of each score, or one number for all.

        A loss with `linear_beyond` is smoothed by a change of its unit: w loss(y / w, raw / w) has the same slopes far from zero.
        """
        if self._linear_beyond and width > self._linear_beyond:
            unit = width / self._linear_beyond
            value, gradient, curvature = self._second_order(y / unit, raw / unit, 0.0)
            return self._of_sample(unit * value), gradient, curvature / unit
        value, gradient, curvature = self._second_order(y, raw, width)
        return self._of_sample(value), gradient, curvature

    def group_sums(self, y, slope):
        """See `ArrayLoss.group_sums`: positive and negative slopes."""
        return np.stack([np.maximum(slope, 0.0).sum(axis=1), np.minimum(slope, 0.0).sum(axis=1)], axis=1)

    def balancing_shares(self, sums):
        """See `ArrayLoss.balancing_shares`: the larger sum is reduced to the smaller one."""
        sizes = np.abs(sums)
        return np.divide(sizes.min(axis=1, keepdims=True), sizes, out=np.zeros(sizes.shape), where=sizes > 0.0)

    def times_shares(self, y, slope, shares):
        """See `ArrayLoss.times_shares`."""
        return slope * np.where(slope > 0.0, shares[:, :1], shares[:, 1:])

    def hessian_product(self, y, curvature, a):
        """See `ArrayLoss.hessian_product`."""
        return curvature * a

    def diagonal(self, y, curvature, shape):
        """See `ArrayLoss.diagonal`."""
        return np.broadcast_to(curvature, shape)

    def hessian_blocks(self, y, curvature, shape):
        """See `ArrayLoss.hessian_blocks`: one block for each score."""
        return self.diagonal(y, curvature, shape)[:, None, None, :]


class CoupledLoss(ArrayLoss):
    """A loss of all scores of a sample."""

    coupled = True
    _of_sample = staticmethod(np.asarray)

    def __init__(self, loss, n_outputs):
        self.ignores_shift = ignores_shift(loss, n_outputs)
        bound = {name: loss.bound_function(name, N_ARGUMENTS[name]) for name in N_ARGUMENTS if not name.startswith("second")}
        self._value = bound["classwise_value"] or compiled("values_of_rows", loss)
        second_order, product = bound["classwise_second_order"], bound["classwise_hessian_product"]
        if second_order and product:
            self._gradient = lambda y, raw: second_order(y, raw, 0.0)[1]
        elif bound["multiclass_gradient"]:
            self._gradient = compiled("gradients_of_rows", loss)
        else:
            self._gradient = numeric_gradient_of_classes(self._value)
        if not (second_order and product):
            if bound["multiclass_second_order"] and bound["multiclass_hessian_product"]:
                second_order, product = compiled("second_orders_of_rows", loss), compiled("products_of_rows", loss)
            else:
                second_order, product = together(self._value, self._gradient, scores), numeric_product(self._gradient)
        self._second_order, self._product = second_order, product
        of_curvature = bound["classwise_diagonal"] if second_order is bound["classwise_second_order"] else None
        self._diagonal = self._diagonal_of_products
        if of_curvature:
            self._diagonal = lambda y, curvature, shape: of_curvature(y, curvature)
        self._conjugate = bound["classwise_conjugate"]

    def encode(self, target):
        """The class indices."""
        return target[:, 0].astype(np.int64)

    def value(self, y, raw):
        """See `ArrayLoss.value`."""
        return self._value(y, raw)

    def gradient(self, y, raw):
        """See `ArrayLoss.gradient`."""
        return self._gradient(y, raw)

    def second_order(self, y, raw, width):
        """See `ArrayLoss.second_order`; the curvature is the object that the loss's function returns."""
        return self._second_order(y, raw, width)

    def group_sums(self, y, slope):
        """See `ArrayLoss.group_sums`: samples of one class."""
        return np.stack([slope[:, y == k].sum(axis=1) for k in range(len(slope))], axis=1)

    def balancing_shares(self, sums):
        """See `ArrayLoss.balancing_shares`.

        The slope of a sample is negative in its class only, and its slopes add up to zero. So the sums are the generator of a
        Markov chain, and its stationary distribution balances them.
        """
        n = len(sums)
        shares = np.linalg.lstsq(np.vstack([sums / np.abs(sums).max(), np.ones(n)]), np.append(np.zeros(n), 1.0), rcond=None)[0]
        return np.maximum(shares, 0.0) / shares.max()

    def times_shares(self, y, slope, shares):
        """See `ArrayLoss.times_shares`."""
        return slope * shares[y]

    def hessian_product(self, y, curvature, a):
        """See `ArrayLoss.hessian_product`."""
        return self._product(y, curvature, a)

    def diagonal(self, y, curvature, shape):
        """See `ArrayLoss.diagonal`."""
        return self._diagonal(y, curvature, shape)

    def _diagonal_of_products(self, y, curvature, shape):
        """The diagonal, from the columns of the Hessian."""
        return np.stack([column[k] for k, column in enumerate(self._columns(y, curvature, shape))])

    def hessian_blocks(self, y, curvature, shape):
        """See `ArrayLoss.hessian_blocks`: a single block."""
        return np.stack(list(self._columns(y, curvature, shape)))[None]

    def _columns(self, y, curvature, shape):
        """Yield the columns of each sample's Hessian."""
        one = np.zeros(shape)
        for k in range(len(one)):
            one[k] = 1.0
            yield self._product(y, curvature, one)
            one[k] = 0.0
