"""A loss on scores on a device: the functions of its class in array style, with another ``np``.

There is no compiler for a device: a function in scalar style (``if``, ``math``) raises an error that names it.
"""

import functools

import numpy as np

from .._array_style import runs_on_arrays
from .._namespaces import under
from ..losses._base import N_ARGUMENTS, pairs, tried_targets
from ._array_functions import WIDTH, ignores_shift
from ._array_loss import ArrayLoss, CoupledLoss, ElementwiseLoss

CLASSWISE = ("classwise_value", "classwise_second_order", "classwise_hessian_product")


def device_loss(loss, n_outputs, one_vs_rest, place):
    """The loss on the arrays of a device.

    Parameters
    ----------
    loss : Loss
        The loss; its parameters are read once, here.
    n_outputs, one_vs_rest : int, bool
        As for `array_loss`.
    place : Device
        The device of the scores.

    Returns
    -------
    ArrayLoss
        The loss bound to its parameters.

    Raises
    ------
    ValueError
        If a function of the loss is in scalar style.
    """
    if one_vs_rest and loss.has_row_functions():
        return DeviceCoupledLoss(loss, n_outputs, place)
    return DeviceElementwiseLoss(loss, n_outputs, one_vs_rest, place)


def _refusal(loss, name, place):
    """The error for a function that needs the compiler."""
    return ValueError(
        f"loss={loss!r}: {name} is in scalar style, or missing, and cannot run on arrays of {place!r}. Write it with np.where, "
        f"np.maximum and similar functions, without `if` and `math`; or pass X as a NumPy array"
    )


class _OnDevice(ArrayLoss):
    """The common base of the two kinds of loss."""

    @property
    def xp(self):
        """The functions of the arrays' library, which take numbers, too."""
        return self.place.namespace

    def _unit(self, k, shape):
        """A direction of the scores: 1 in the score k of each sample."""
        xp, place = self.place.xp, self.place
        one = xp.eye(shape[0], dtype=place.dtype, device=place.device)[:, k]
        return xp.broadcast_to(one[:, None], shape)


class DeviceElementwiseLoss(_OnDevice, ElementwiseLoss):
    """A loss of single scores."""

    def __init__(self, loss, n_outputs, one_vs_rest, place):
        self.place = place
        self._classes = place.put(np.arange(n_outputs))[:, None] if one_vs_rest else None
        self._of_sample = functools.partial(place.xp.sum, axis=0)
        self._bind(loss, functools.partial(_on_device, place, loss), place.namespace)
        if self._value is None:
            raise _refusal(loss, "value", place)

    def encode(self, target):
        """See `ArrayLoss.encode`; `target` is a host array."""
        if self._classes is None:
            return self.place.put(np.ascontiguousarray(target.T))
        return self.place.namespace.where(self.place.put(target[:, 0])[None, :] == self._classes, 1.0, -1.0)

    def group_sums(self, y, slope):
        """See `ArrayLoss.group_sums`."""
        xp, np_ = self.place.xp, self.place.namespace
        return xp.stack([xp.sum(np_.maximum(slope, 0.0), axis=1), xp.sum(np_.minimum(slope, 0.0), axis=1)], axis=1)

    def times_shares(self, y, slope, shares):
        """See `ArrayLoss.times_shares`; `shares` is a host array."""
        shares = self.place.put(shares)
        return slope * self.place.xp.where(slope > 0.0, shares[:, :1], shares[:, 1:])

    def diagonal(self, y, curvature, shape):
        """See `ArrayLoss.diagonal`."""
        return self.place.whole(curvature, shape)


class DeviceCoupledLoss(_OnDevice, CoupledLoss):
    """A loss of all scores of a sample."""

    @staticmethod
    def _of_sample(values):
        """The values themselves: there is one per sample."""
        return values

    def __init__(self, loss, n_outputs, place):
        self.place, self._n_outputs = place, n_outputs
        self.ignores_shift = ignores_shift(loss, n_outputs)
        bound = {name: _bound(loss, name, place) for name in (*CLASSWISE, "classwise_diagonal", "classwise_conjugate")}
        for name in CLASSWISE:
            if bound[name] is None:
                raise _refusal(loss, name, place)
        self._value, self._second_order, self._product = (bound[name] for name in CLASSWISE)
        self._conjugate = bound["classwise_conjugate"]
        of_curvature = bound["classwise_diagonal"]
        self._diagonal = self._diagonal_of_products
        if of_curvature:
            self._diagonal = lambda y, curvature, shape: of_curvature(y, curvature)

    def gradient(self, y, raw):
        """See `ArrayLoss.gradient`."""
        return self._second_order(y, raw, 0.0)[1]

    def encode(self, target):
        """See `ArrayLoss.encode`; `target` is a host array."""
        return self.place.put_index(target[:, 0])

    def group_sums(self, y, slope):
        """See `ArrayLoss.group_sums`."""
        xp, place = self.place.xp, self.place
        own = place.cast(xp.arange(self._n_outputs, dtype=y.dtype, device=place.device)[:, None] == y[None, :])
        return xp.matmul(slope, own.T)

    def times_shares(self, y, slope, shares):
        """See `ArrayLoss.times_shares`; `shares` is a host array."""
        return slope * self.place.xp.take(self.place.put(shares), y, axis=0)[None, :]

    def _columns(self, y, curvature, shape):
        """Yield the columns of each sample's Hessian."""
        return [self._product(y, curvature, self._unit(k, shape)) for k in range(shape[0])]

    def _diagonal_of_products(self, y, curvature, shape):
        return self.place.xp.stack([column[k, :] for k, column in enumerate(self._columns(y, curvature, shape))])

    def hessian_blocks(self, y, curvature, shape):
        """See `ArrayLoss.hessian_blocks`."""
        return self.place.xp.stack(self._columns(y, curvature, shape))[None, ...]


def _bound(loss, name, place):
    """The loss's function `name` with another ``np`` and its parameters; None if the loss has none."""
    written = type(loss).written_functions(name)
    if written is None:
        return None
    function, numbers = under(written, place.namespace), loss.numbers_for(name, N_ARGUMENTS[name])
    return lambda *arrays: function(*arrays, *numbers)


def _on_device(place, loss, name):
    """The loss's function `name` of single scores on arrays of a device; None if the loss has none."""
    function = _bound(loss, name, place)
    if function is None:
        return None
    written, numbers = type(loss).written_functions(name), loss.numbers_for(name, N_ARGUMENTS[name])
    takes_width = name == "second_order"

    def tried(y, raw):
        return written(y, raw, WIDTH, *numbers) if takes_width else written(y, raw, *numbers)

    # If it is in array style with NumPy's arrays, the error has another cause than a scalar style.
    if not runs_on_arrays(tried, *pairs(np.array(tried_targets(loss).tolist() or [1.0]))):
        raise _refusal(loss, name, place)
    if takes_width:

        def second_order(y, raw, width):
            value, slope, curvature = function(y, raw, width)
            return place.whole(value, raw.shape), place.whole(slope, raw.shape), curvature

        return second_order
    return lambda y, raw: place.whole(function(y, raw), raw.shape)
