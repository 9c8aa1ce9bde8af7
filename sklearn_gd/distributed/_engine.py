"""The protocol of an engine, and parts that are kept next to their blocks and survive the loss of a worker.

An engine has three verbs: `Engine.blocks` (the blocks of samples), `Engine.map` (run a call at each block), and
`Engine.total` (the sum in the order of the blocks). The rest of this file is the same for every engine.

The state of a part (scores, moves, curvatures) is kept in the process of the part's last call, under the name of the fit and the
index of the block. A call that does not find it there, or finds another version than it needs, returns `Stale`. The part is then
recreated from the block, the targets, and a few calls: those since the last `start`, and the last direction. So an engine may run
a call anywhere and lose a worker at any time, and the model is the same up to rounding.
"""

import time
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array

from .._validation import summed
from ..objective._calls import ordered_sum
from ..objective._part import Part
from ..objective._parts import cut
from ..objective._rows import rows_of
from ._history import History

RESIDENTS: dict[tuple, "Resident"] = {}  # of this process, by the name of the fit and the index of the block
IDLE = 24 * 3600.0  # seconds without a call after which a part is dropped: the process of its fit may have ended
LOSSES = 10  # consecutive times that a part is recreated for a single call


class Engine(ABC):
    """Abstract base of the engines, which run calls at blocks.

    A block is any matrix that scikit-learn's `check_array` accepts: an array, a CSR matrix, a data frame.
    """

    @abstractmethod
    def blocks(self):
        """The handles of the blocks of X, in their order.

        Returns
        -------
        list
            The handles, for `map`; a handle holds no samples in this process unless the block is here.
        """

    @abstractmethod
    def map(self, calls, blocks):
        """Run a call at each block.

        Parameters
        ----------
        calls : list of callable
            Calls that can be pickled and take the block. A call should run in the process of the block's last call.
        blocks : list
            The handles of the blocks, one per call.

        Returns
        -------
        list
            The results, in the order of the blocks. A call does not raise, but returns `Raised` instead; an error in
            making a block is raised, or returned as `Raised`.
        """

    def total(self, results):
        """The sum, in the order of the blocks, of results that are tuples of numbers and arrays."""
        return ordered_sum(results)

    @abstractmethod
    def forget(self, fit):
        """Call `drop` at the blocks. This is optional: parts that are left are dropped after a day."""


class Stale(NamedTuple):
    """The result of a call that did not find the part in the required state."""


class Raised(NamedTuple):
    """The result of a call that raised an error."""

    error: Exception

    def at(self, place):
        """The error, with the index of the block in its message."""
        if type(self.error) in (ValueError, TypeError):
            return type(self.error)(f"block {place} of X: {self.error}")
        self.error.add_note(f"It was raised in block {place} of X.")
        return self.error


@dataclass(frozen=True)
class Guarded:
    """A call whose error is returned instead of raised."""

    call: Any

    def __call__(self, block):
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                return self.call(block)
        except Exception as error:
            return Raised(error)


def mapped(engine, calls, blocks, places):
    """The results of calls at some blocks; raises the first error, with the index of its block among all blocks."""
    results = engine.map([Guarded(call) for call in calls], blocks)
    for place, result in zip(places, results, strict=True):
        if isinstance(result, Raised):
            raise result.at(place) from result.error
    return results


@dataclass(frozen=True)
class Seed:
    """The data of a part, except its block.

    Parameters
    ----------
    place : int
        The index of the block.
    which : ndarray of int or None
        The selected samples of the block; None for all.
    target : ndarray, (n_samples, n_outputs or 1)
        The targets of those samples.
    weight : ndarray, (n_samples,) or None
        Their weights; None for ones.
    loss : ArrayLoss
        The loss.
    n_outputs : int
        Scores of a sample.
    dtype : numpy.dtype
        float32 or float64, the type of X in all blocks.
    first, total : int
        The index of the first of the samples among those of all blocks, and the number of these.
    """

    place: int
    which: np.ndarray | None
    target: np.ndarray
    weight: np.ndarray | None
    loss: Any
    n_outputs: int
    dtype: np.dtype
    first: int
    total: int


class Resident:
    """The parts over one block, in the process that has the block; the block is passed with each call."""

    def __init__(self, seed, rows):
        self.seed, self.version, self.called = seed, 0, time.monotonic()
        # Ones that take no memory.
        self.weight = np.broadcast_to(1.0, rows.shape[0]) if seed.weight is None else seed.weight
        # Parts that fit the cache, as for samples in memory.
        self.bounds = cut(rows, seed.n_outputs)
        self.parts = [self._part(None, start, stop) for start, stop in self.bounds]

    def _part(self, rows, start, stop):
        """A part over the samples `start` to `stop` of the block."""
        seed = self.seed
        place = seed.first + start, seed.total
        return Part(rows, seed.target[start:stop], self.weight[start:stop], seed.loss, place)

    def answer(self, call, rows, version):
        """The results of the parts, summed in their order."""
        if call.needs_whole_block:
            results = [call(self._part(rows, 0, rows.shape[0]))]
        else:
            results = [self._asked(call, rows, at) for at in range(len(self.parts))]
        self.version, self.called = version, time.monotonic()
        return tuple(ordered_sum(results))

    def _asked(self, call, rows, at):
        """The result of one of the parts, which holds the samples only during the call."""
        part, (start, stop) = self.parts[at], self.bounds[at]
        part.rows = rows if len(self.parts) == 1 else rows.part(start, stop)
        try:
            return call(part)
        finally:
            part.rows = None


def as_matrix(block, dtype):
    """A checked block as an array in C order or a CSR matrix of the given type."""
    matrix = check_array(
        block, accept_sparse="csr", dtype=dtype, order="C", ensure_all_finite=False, ensure_min_samples=0, input_name="X"
    )
    return summed(matrix)


def block_rows(block, which, dtype):
    """The rows of a checked block, copied only if some are left out or have another type."""
    matrix = as_matrix(block, dtype)
    return rows_of(matrix if which is None else matrix[which])


@dataclass(frozen=True)
class Turn:
    """One verb at one block; `version` counts the calls so far that have changed the part."""

    fit: str
    place: int
    version: int
    call: Any

    def __call__(self, block):
        resident = RESIDENTS.get((self.fit, self.place))
        if resident is None or resident.version != self.version:
            return Stale()
        rows = block_rows(block, resident.seed.which, resident.seed.dtype)
        return resident.answer(self.call, rows, self.version + self.call.changes)


@dataclass(frozen=True)
class Renewal:
    """Recreate a part, repeat the calls that led to its state, and then run the current call."""

    fit: str
    seed: Seed
    calls: tuple
    version: int
    call: Any

    def __call__(self, block):
        for key in [key for key, each in RESIDENTS.items() if time.monotonic() - each.called > IDLE]:
            RESIDENTS.pop(key, None)
        rows = block_rows(block, self.seed.which, self.seed.dtype)
        resident = Resident(self.seed, rows)
        for call in self.calls:
            resident.answer(call, rows, 0)
        result = resident.answer(self.call, rows, self.version + self.call.changes)
        RESIDENTS[self.fit, self.seed.place] = resident
        return result


def drop(fit):
    """Drop the parts of a fit in this process."""
    for key in [key for key in RESIDENTS if key[0] == fit]:
        RESIDENTS.pop(key, None)


class Residents:
    """The map of `Parts` whose parts are `Seed`s in this process, and are kept next to their blocks.

    Parameters
    ----------
    engine : Engine
        Runs the calls.
    blocks : list
        The handles of all blocks of X.
    """

    def __init__(self, engine, blocks):
        self.engine, self.blocks = engine, blocks
        self.fit, self.version, self.history = uuid.uuid4().hex, 0, History()
        self.renewed = 0  # parts that have been recreated

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.forget(self.fit)

    def __call__(self, call, seeds):
        """The results of `call` for the parts, in the order of the seeds."""
        places = [seed.place for seed in seeds]
        blocks = [self.blocks[place] for place in places]
        calls = [Turn(self.fit, place, self.version, call) for place in places]
        results = mapped(self.engine, calls, blocks, places)
        for _ in range(LOSSES):
            stale = [at for at, result in enumerate(results) if isinstance(result, Stale)]
            if not stale:
                break
            self.renewed += len(stale)
            known = self.history.calls
            calls = [Renewal(self.fit, seeds[at], known, self.version, call) for at in stale]
            again = mapped(self.engine, calls, [blocks[at] for at in stale], [places[at] for at in stale])
            for at, result in zip(stale, again):
                results[at] = result
        if any(isinstance(result, Stale) for result in results):
            raise RuntimeError(f"parts of X were lost {LOSSES} times in a row in {call.verb!r}: the workers may lack memory")
        if call.changes:
            self.history.add(call)
            self.version += 1
        return results
