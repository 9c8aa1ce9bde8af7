"""Dask arrays and data frames: on the workers of the current `distributed.Client`, otherwise on threads of this process.

With a client each block is computed once and stays on its worker. Without one the blocks are recomputed in every pass, so
that a file larger than memory is read block by block; ``X.persist()`` keeps them in memory.
"""

import contextlib
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import dask
import dask.array as da
import numpy as np
from dask.delayed import Delayed
from dask.utils import is_arraylike

from ..objective._parts import available_threads, single_threaded_blas
from ._blocked import Predict, check_blocked_samples
from ._engine import Engine, Raised, drop


def samples(estimator, X, y, *, reset, numeric_y):
    """See `check_samples`."""
    features = _features(X)
    return check_blocked_samples(estimator, engine_of(X), features, y, reset=reset, numeric_y=numeric_y)


def gathered(values):
    """Targets or weights as an array of this process."""
    values = values.compute()
    return values if is_arraylike(values) or hasattr(values, "iloc") else np.asarray(values)


def lazily(estimator, method, X):
    """The predictions of a method, a Dask array with a block for each block of X."""
    predict = Predict(estimator, method)
    like = predict(_example(X))
    sizes = X.chunks[0] if hasattr(X, "chunks") else (np.nan,) * X.npartitions
    parts = [
        da.from_delayed(dask.delayed(predict, pure=True)(block), shape=(size, *like.shape[1:]), dtype=like.dtype)
        for block, size in zip(_delayed_blocks(X), sizes, strict=True)
    ]
    return da.concatenate(parts, axis=0, allow_unknown_chunksizes=True)


def stream(X):
    """The blocks of X in their order, one at a time in this process."""
    engine = DaskThreads(X) if _client() is None else None
    for place, block in enumerate(_delayed_blocks(X)):
        yield engine.load(place) if engine is not None else block.compute()


def _example(X):
    """Zero samples, with the features of X."""
    features = _features(X)
    return np.empty((0, X.shape[1])) if features is None else features


def _features(X):
    """An empty array or data frame with the features of X."""
    if hasattr(X, "columns"):
        return X._meta
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead: X is a Dask array of shape {X.shape}")
    return None if np.isnan(X.shape[1]) else np.empty((0, X.shape[1]))


def _delayed_blocks(X):
    """The blocks of rows of X, each a `Delayed`."""
    if hasattr(X, "columns"):
        return list(X.to_delayed())
    if X.numblocks[1] > 1:
        X = X.rechunk({1: -1})
    return list(X.to_delayed().ravel())


def _client():
    """The current client, or None."""
    if "distributed" not in sys.modules:
        return None
    try:
        return sys.modules["distributed"].get_client()
    except ValueError:
        return None


def engine_of(X):
    """The engine for X: the current client, or threads."""
    client = _client()
    return DaskThreads(X) if client is None else DaskCluster(X, client)


class DaskThreads(Engine):
    """Blocks that threads of this process compute on demand, one per thread at a time."""

    def __init__(self, X):
        self.delayed: list[Delayed] = _delayed_blocks(X)
        # A separate graph for each block, as the whole one would be searched in every pass.
        self.graphs = [_graph(each) for each in self.delayed]

    def blocks(self):
        return list(range(len(self.graphs)))

    def load(self, block):
        """Compute a block in this thread."""
        return dask.get(*self.graphs[block])

    def map(self, calls, blocks):
        def run(call, block):
            try:
                loaded = self.load(block)
            except Exception as error:
                return Raised(error)
            return call(loaded)

        count = dask.config.get("num_workers", None) or available_threads()
        with single_threaded_blas():
            if count == 1 or len(blocks) == 1:
                return [run(call, block) for call, block in zip(calls, blocks, strict=True)]
            with ThreadPoolExecutor(count) as pool:
                return list(pool.map(run, calls, blocks))

    def forget(self, fit):
        drop(fit)


def _graph(block):
    """The tasks that make a block, and its key."""
    (optimized,) = dask.optimize(block)
    graph = dict(optimized.__dask_graph__())
    key = optimized.key
    needed, waiting = {}, [key]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = graph[name]
            waiting += [each for each in dask.core.get_dependencies(graph, name) if each not in needed]
    return needed, key


class DaskCluster(Engine):
    """Blocks on the workers of a cluster: computed once, and recomputed by Dask when their worker is lost.

    The calls of an iteration go to a worker in one message for each of its threads.
    """

    def __init__(self, X, client):
        self.client, self.delayed = client, _delayed_blocks(X)
        self.places = None  # the worker of each block, once known
        self.round_trips = 0  # messages to workers so far, each with its reply

    def blocks(self):
        futures = self.client.compute(self.delayed, optimize_graph=True)
        sys.modules["distributed"].wait(futures)
        for place, future in enumerate(futures):
            if future.status == "error":
                error = future.exception()
                raise Raised(error).at(place) from error
        return futures

    def map(self, calls, blocks):
        results = [None] * len(blocks)
        groups = self._groups(blocks)
        self.round_trips += len(groups)
        sent = [
            self.client.submit(
                run_all,
                [calls[at] for at in group],
                *[blocks[at] for at in group],
                workers=[worker],
                allow_other_workers=True,
                pure=False,
            )
            for worker, group in groups
        ]
        for (worker, group), (address, answers) in zip(groups, self.client.gather(sent), strict=True):
            for at, answer in zip(group, answers, strict=True):
                results[at] = answer
                if address != worker:
                    self.places[blocks[at].key] = address
        return results

    def _groups(self, blocks):
        """Pairs of a worker and the indices of the blocks that one of its threads processes."""
        if self.places is None:
            self.places = {}
        if any(block.key not in self.places for block in blocks):
            holders = self.client.who_has(blocks)
            for block in blocks:
                workers = holders.get(block.key, ())
                self.places.setdefault(block.key, min(workers) if workers else "")
        of_worker = defaultdict(list)
        for at, block in enumerate(blocks):
            of_worker[self.places[block.key]].append(at)
        threads = self.client.nthreads()
        groups = []
        for worker, own in of_worker.items():
            count = min(threads.get(worker, 1), len(own))
            groups += [(worker, own[start::count]) for start in range(count)]
        return groups

    def forget(self, fit):
        with contextlib.suppress(OSError, TimeoutError):  # a lost worker holds nothing
            self.client.run(drop, fit, on_error="ignore")


def run_all(calls, *blocks):
    """On a worker: its address, and the result of each call for its block."""
    with single_threaded_blas():
        answers = [call(block) for call, block in zip(calls, blocks, strict=True)]
    return sys.modules["distributed"].get_worker().address, answers
