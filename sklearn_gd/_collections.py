"""Which library a collection of samples belongs to, asked without importing that library.

An adapter is a module with three functions: ``samples(estimator, X, y, reset, numeric_y)`` gives `BlockedRows` and y in memory,
``gathered(values)`` an array of something as short as y, ``lazily(predict, X)`` the predictions of blocks that are computed when
they are asked for; and with ``stream(X)``, the blocks one after the other.
"""

import functools
import importlib

from ._devices import to_host

# The adapter of each library, by the first name of its modules.
ADAPTERS = {"dask": "sklearn_gd.distributed._dask", "ray": "sklearn_gd.distributed._ray"}


def adapter_of(values):
    """The adapter of the library whose collection `values` is; None for what is in memory."""
    name = ADAPTERS.get(type(values).__module__.partition(".")[0])
    return None if name is None else importlib.import_module(name)


def in_memory_values(values):
    """`values`, targets or weights, as an array of this process if another library, or a device, has them."""
    adapter = adapter_of(values)
    return to_host(values) if adapter is None else adapter.gathered(values)


def by_blocks(method):
    """Let a method that predicts for X return a lazy collection where X is one."""

    @functools.wraps(method)
    def predict(self, X):
        adapter = adapter_of(X)
        return method(self, X) if adapter is None else adapter.lazily(self, method.__name__, X)

    return predict
