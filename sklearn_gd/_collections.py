"""The library that a collection of samples belongs to, determined without importing that library.

An adapter is a module with four functions: ``samples(estimator, X, y, reset, numeric_y)`` returns `BlockedRows` and y in memory,
``gathered(values)`` an array of targets, weights or predictions, ``lazily(predict, X)`` lazy predictions of the blocks, and
``stream(X)`` iterates over the blocks.
"""

import functools
import importlib

from ._devices import to_host

# The adapter of each library, by the first name of its modules.
ADAPTERS = {"dask": "sklearn_gd.distributed._dask", "ray": "sklearn_gd.distributed._ray"}


def adapter_of(values):
    """The adapter of the library to which the collection `values` belongs; None if it is in memory."""
    name = ADAPTERS.get(type(values).__module__.partition(".")[0])
    return None if name is None else importlib.import_module(name)


def in_memory_values(values):
    """Targets or weights, as an array of this process if they are in another library or on a device."""
    adapter = adapter_of(values)
    return to_host(values) if adapter is None else adapter.gathered(values)


def by_blocks(method):
    """Let a method that predicts for X return a lazy collection if X is one."""

    @functools.wraps(method)
    def predict(self, X):
        adapter = adapter_of(X)
        return method(self, X) if adapter is None else adapter.lazily(self, method.__name__, X)

    return predict
