"""Which rows and parts hold the samples: the one place where it matters whether they are in memory or on a device."""

from .._devices import HOST, place_of
from . import _rows
from ._device_part import on_device
from ._device_rows import DeviceRows
from ._parts import in_memory

PARTS = {"memory": in_memory, "device": on_device}


def rows_of(X):
    """The rows of a validated X."""
    place = place_of(X)
    return _rows.rows_of(X) if place is HOST else DeviceRows(X, place)


def parts_of(rows, target, weight, loss, n_outputs):
    """The samples in parts where the rows are.

    Parameters
    ----------
    rows : DenseRows, CsrRows or DeviceRows
        The features.
    target, weight : ndarray
        Targets and weights, on the host.
    loss : ArrayLoss
        The loss on host arrays.
    n_outputs : int
        Scores of a sample.

    Returns
    -------
    Parts
    """
    return PARTS[rows.home](rows, target, weight, loss, n_outputs)
