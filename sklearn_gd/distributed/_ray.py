"""Ray datasets: blocks in the object store of a Ray cluster, and parts in actors next to them.

A dataset has one column of rows (a tensor column, as of ``ray.data.from_numpy``), or one column of numbers for each feature.
"""

import contextlib
from collections import defaultdict

import numpy as np
import pandas as pd
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ..objective._threads import single_threaded_blas
from ._blocked import Predict, check_blocked_samples
from ._engine import Engine, Raised, drop


def samples(estimator, X, y, *, reset, numeric_y):
    """See `check_samples`."""
    with in_order(X):
        X = X.materialize()
    features = None if X.count() == 0 else as_samples({name: values[:0] for name, values in X.take_batch(1).items()})
    return check_blocked_samples(estimator, RayActors(X), features, y, reset=reset, numeric_y=numeric_y)


def gathered(values):
    """Targets, weights or predictions as an array of this process."""
    with in_order(values):
        blocks = [block for block in ray.get(values.to_numpy_refs()) if block]
    columns = [np.concatenate([block[name] for block in blocks]) for name in (blocks[0] if blocks else ())]
    return columns[0] if len(columns) == 1 else np.column_stack(columns) if columns else np.empty(0)


def lazily(estimator, method, X):
    """The predictions of a method, as a dataset of one column with the name of the method."""
    predict = Predict(estimator, method)
    return X.map_batches(lambda batch: {method: predict(as_samples(batch))}, batch_size=None, batch_format="numpy")


def stream(X):
    """The blocks of X in their order, one at a time in this process."""
    with in_order(X):
        for batch in X.iter_batches(batch_size=None, batch_format="numpy"):
            yield as_samples(batch)


@contextlib.contextmanager
def in_order(X):
    """Compute the blocks of a dataset in their order; by default Ray returns them in the order of completion."""
    options = X.context.execution_options
    before, options.preserve_order = options.preserve_order, True
    try:
        yield
    finally:
        options.preserve_order = before


def as_samples(columns):
    """The columns of a block as a matrix if they are one column of rows, or as a data frame."""
    if len(columns) == 1:
        (values,) = columns.values()
        if values.ndim == 2:
            return values
    several = [name for name, values in columns.items() if values.ndim != 1]
    if several:
        raise ValueError(
            f"X must be one column of rows, or one column of numbers for each feature; among {len(columns)} columns "
            f"{several[0]!r} has {columns[several[0]].ndim - 1} dimensions a sample"
        )
    return pd.DataFrame(columns)


def as_block(columns, n_columns):
    """On a worker: a block as a matrix, or the error that it raised."""
    try:
        found = as_samples(columns) if columns else np.empty((0, max(n_columns, 1)))
        # Converted to C order once, not in every pass.
        return np.ascontiguousarray(found), None
    except Exception as error:
        return None, Raised(error)


class Worker:
    """An actor that holds the parts of some blocks, which it reads from the shared memory of its machine."""

    def run(self, calls, *blocks):
        """The result of each call for its block."""
        with single_threaded_blas:
            return [call(block) for call, block in zip(calls, blocks, strict=True)]

    def forget(self, fit):
        """See `Engine.forget`."""
        drop(fit)


class RayActors(Engine):
    """Blocks in the object store, with an actor for each processor of the machines that have them.

    Ray restarts a lost actor and repeats its call, and recomputes lost blocks.
    """

    def __init__(self, X):
        self.dataset = X
        self.actors, self.actor_of = [], {}

    def blocks(self):
        names = self.dataset.schema().names if self.dataset.count() else []
        make = ray.remote(as_block).options(num_returns=2)
        pairs = [make.remote(columns, len(names)) for columns in self.dataset.to_numpy_refs()]
        for place, error in enumerate(ray.get([error for _, error in pairs])):
            if error is not None:
                raise error.at(place) from error.error
        blocks = [block for block, _ in pairs]
        self._place(blocks)
        return blocks

    def map(self, calls, blocks):
        groups = defaultdict(list)
        for at, block in enumerate(blocks):
            groups[self.actor_of[block]].append(at)
        sent = [
            self.actors[actor].run.remote([calls[at] for at in own], *[blocks[at] for at in own]) for actor, own in groups.items()
        ]
        results = [None] * len(blocks)
        for own, answers in zip(groups.values(), ray.get(sent), strict=True):
            for at, answer in zip(own, answers, strict=True):
                results[at] = answer
        return results

    def forget(self, fit):
        for actor in self.actors:
            actor.forget.remote(fit)

    def _place(self, blocks):
        """Start the actors, each on the machine of its blocks."""
        ray.wait(blocks, num_returns=len(blocks), fetch_local=False)
        where = ray.experimental.get_object_locations(blocks)
        of_node = defaultdict(list)
        for block in blocks:
            # A small block is kept in the calling process, and sent with the calls.
            of_node[min(where.get(block, {}).get("node_ids") or [""])].append(block)
        processors = {node["NodeID"]: int(node["Resources"].get("CPU", 1)) for node in ray.nodes() if node["Alive"]}
        for node, own in of_node.items():
            count = max(1, min(processors.get(node, sum(processors.values())), len(own)))
            strategy = NodeAffinitySchedulingStrategy(node, soft=True) if node else "SPREAD"
            kind = ray.remote(Worker).options(max_restarts=-1, max_task_retries=-1, scheduling_strategy=strategy)
            first = len(self.actors)
            self.actors += [kind.remote() for _ in range(count)]
            self.actor_of.update({block: first + number % count for number, block in enumerate(own)})
