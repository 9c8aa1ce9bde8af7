"""Dask arrays and data frames: on the workers of the current `distributed.Client`, otherwise on threads of this process.

With a client each block is computed once and stays on its worker. Without one the blocks are recomputed in every pass, so
that a file larger than memory is read block by block; ``X.persist()`` keeps them in memory.
"""

import asyncio
import contextlib
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import dask
import dask.array as da
import numpy as np
from dask.delayed import Delayed
from dask.utils import is_arraylike

from ..objective._threads import available_threads, single_threaded_blas
from ._blocked import Predict, check_blocked_samples
from ._engine import Engine, Raised, drop

SIGN = 60.0  # seconds after which a task without work shows the scheduler that the cluster is in use


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
        with single_threaded_blas:
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

    The calls of an iteration go to a worker in one message, outside Dask's tasks, whose scheduling takes longer than their work.
    """

    def __init__(self, X, client):
        self.client, self.delayed = client, _delayed_blocks(X)
        self.places = None  # the worker of each block, once known
        self.round_trips = 0  # messages to workers so far, each with its reply
        self.sign, self.signed = None, time.monotonic()

    def blocks(self):
        futures = self.client.compute(self.delayed, optimize_graph=True)
        sys.modules["distributed"].wait(futures)
        for place, future in enumerate(futures):
            if future.status == "error":
                error = future.exception()
                raise Raised(error).at(place) from error
        return futures

    def map(self, calls, blocks):
        self._show_use()
        of_worker, results = self._of_worker(blocks), {}
        self.round_trips += len(of_worker)
        answers = self.client.sync(self._ask, calls, blocks, of_worker)
        for (worker, own), answer in zip(of_worker.items(), answers, strict=True):
            results |= {own[number]: result for number, result in answer.get(worker, {}).items()}
        left = [at for at in range(len(blocks)) if at not in results]
        if left:
            results |= self._submit(calls, blocks, left)
        return [results[at] for at in range(len(blocks))]

    def _show_use(self):
        """Submit a task from time to time: a scheduler with an idle timeout counts tasks, not messages."""
        if time.monotonic() - self.signed > SIGN:
            self.sign, self.signed = self.client.submit(int, pure=False), time.monotonic()

    async def _ask(self, calls, blocks, of_worker):
        """What `answered` returns at each of the workers; nothing of one that is lost."""
        asked = [
            self.client.run(answered, [(blocks[at].key, calls[at]) for at in own], workers=[worker], on_error="ignore")
            for worker, own in of_worker.items()
        ]
        return await asyncio.gather(*asked)

    def _submit(self, calls, blocks, left):
        """The results of the calls whose blocks are not where they were, as tasks: Dask moves a block, or computes it again."""
        self.round_trips += len(left)
        sent = [
            self.client.submit(
                run_one, calls[at], blocks[at], workers=self._known(blocks[at]), allow_other_workers=True, pure=False
            )
            for at in left
        ]
        found = dict(zip(left, self.client.gather(sent), strict=True))
        self.places |= {blocks[at].key: address for at, (address, _) in found.items()}
        return {at: result for at, (_, result) in found.items()}

    def _known(self, block):
        """The worker of a block, for `Client.submit`."""
        place = self.places[block.key]
        return [place] if place else None

    def _of_worker(self, blocks):
        """The indices of the blocks that each of the present workers has, or had when it was asked last."""
        if self.places is None:
            self.places = {}
        if any(block.key not in self.places for block in blocks):
            holders = self.client.who_has(blocks)
            for block in blocks:
                workers = holders.get(block.key, ())
                self.places.setdefault(block.key, min(workers) if workers else "")
        present, of_worker = self.client.nthreads(), defaultdict(list)
        for at, block in enumerate(blocks):
            if self.places[block.key] in present:
                of_worker[self.places[block.key]].append(at)
        return of_worker

    def forget(self, fit):
        with contextlib.suppress(OSError, TimeoutError):  # a lost worker holds nothing
            self.client.run(drop, fit, on_error="ignore")


async def answered(asked, dask_worker):
    """On a worker: the results of calls, by their position, for the blocks that are there.

    Each thread that the worker has for tasks takes a share of them. These are threads of their own: a fit may itself be a task.
    """
    held = [(at, call, dask_worker.data[key]) for at, (key, call) in enumerate(asked) if key in dask_worker.data]
    count = dask_worker.state.nthreads
    shares = [held[start::count] for start in range(min(count, len(held)))]
    found = await asyncio.gather(*[asyncio.to_thread(run_all, share) for share in shares])
    return {at: result for share in found for at, result in share}


def run_all(share):
    """In a thread of a worker: the results of calls for their blocks, with their positions."""
    with single_threaded_blas:
        return [(at, call(block)) for at, call, block in share]


def run_one(call, block):
    """In a task: the address of the worker, and the result of a call for its block."""
    with single_threaded_blas:
        return sys.modules["distributed"].get_worker().address, call(block)
