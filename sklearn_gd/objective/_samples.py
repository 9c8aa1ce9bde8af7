"""The choice of rows and parts for samples in memory, on a device or in blocks."""

from .._devices import place_of, to_host
from . import _rows
from ._device_part import on_device
from ._device_rows import DeviceRows
from ._parts import in_memory


def in_blocks(rows, target, weight, loss, n_outputs, map=None):
    """Parts next to the blocks that hold the samples, with the map of their engine."""
    return rows.parts(target, weight, loss, n_outputs)


PARTS = {"memory": in_memory, "device": on_device, "blocks": in_blocks}


def rows_of(X):
    """The rows of a validated X; those of another library that are in memory are read there, as NumPy's are."""
    place = place_of(X)
    return _rows.rows_of(to_host(X), place) if place.in_memory else DeviceRows(X, place)


def parts_of(rows, target, weight, loss, n_outputs, map=None):
    """The samples in parts, at the location of the rows.

    Parameters
    ----------
    rows : DenseRows, CsrRows, DeviceRows or BlockedRows
        The features.
    target, weight : ndarray
        Targets and weights, on the host.
    loss : ArrayLoss
        The loss on host arrays.
    n_outputs : int
        Scores of a sample.
    map : callable, optional
        The map of other parts, which have entered its context: for samples in this process, instead of one of their own.

    Returns
    -------
    Parts
    """
    return PARTS[rows.home](rows, target, weight, loss, n_outputs, map)
