"""The protocol of an engine, and parts that live beside their blocks and survive the loss of a worker.

An engine has three verbs: `Engine.blocks` (where the samples are), `Engine.map` (run something at each block), and
`Engine.total` (the sum in the order of the blocks). The rest of this file is the same for every engine.

The state of a part (scores, moves, curvatures) is kept in the process that the part was last called in, under the name of the fit
and the place of the block. A call that does not find it there, or finds it older or newer than it should be, answers `Stale`; the
part is then made again from the block, the targets, and a few calls: those since the last `start`, and the last direction. So an
engine may run a call anywhere and lose a worker at any time, and the model is the same to rounding.
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
from ..objective._parts import Part, cut
from ..objective._rows import rows_of
from ._history import History

RESIDENTS: dict[tuple, "Resident"] = {}  # of this process, by the name of the fit and the place of the block
IDLE = 24 * 3600.0  # seconds after which a part is given up whose fit has not called: the process of the fit may have ended
LOSSES = 10  # how often in a row a part is made again for a single call


class Engine(ABC):
    """Abstract base of the engines: what runs calls where blocks are.

    A block is anything that scikit-learn's `check_array` takes for a matrix: an array, a CSR matrix, a data frame.
    """

    @abstractmethod
    def blocks(self):
        """The handles of the blocks of X, in their order.

        Returns
        -------
        list
            What `map` takes; a handle holds no samples in this process unless the block is here.
        """

    @abstractmethod
    def map(self, calls, blocks):
        """Run a call at each block.

        Parameters
        ----------
        calls : list of callable
            Each can be pickled and takes the block itself. It runs best in the process where the block's last call ran.
        blocks : list
            As many handles.

        Returns
        -------
        list
            The results, in the order of the blocks. A call itself raises nothing (`Raised` stands for its error); an error in
            making a block is raised, or is a `Raised`.
        """

    def total(self, results):
        """The sum, in the order of the blocks, of results that are tuples of numbers and arrays."""
        return ordered_sum(results)

    @abstractmethod
    def forget(self, fit):
        """Call `drop` where the blocks are. Nothing depends on it: what is left is dropped after a day."""


class Stale(NamedTuple):
    """The answer of a call that did not find the part in the state that it must have."""


class Raised(NamedTuple):
    """The answer of a call that raised."""

    error: Exception

    def at(self, place):
        """The error, with the index of the block in its message."""
        if type(self.error) in (ValueError, TypeError):
            return type(self.error)(f"block {place} of X: {self.error}")
        self.error.add_note(f"It was raised in block {place} of X.")
        return self.error


@dataclass(frozen=True)
class Guarded:
    """A call whose error is an answer."""

    call: Any

    def __call__(self, block):
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                return self.call(block)
        except Exception as error:
            return Raised(error)


def mapped(engine, calls, blocks, places):
    """The results of calls at some blocks; raises the error of the first that raised, with its index among all blocks."""
    results = engine.map([Guarded(call) for call in calls], blocks)
    for place, result in zip(places, results, strict=True):
        if isinstance(result, Raised):
            raise result.at(place) from result.error
    return results


@dataclass(frozen=True)
class Seed:
    """What a part is made of, beside its block.

    Parameters
    ----------
    place : int
        The index of the block.
    which : ndarray of int or None
        The samples of the block that count; None for all.
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
        The number of the first of the samples among those of all blocks, and their number.
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
    """The parts over one block, in the process that has the block; the block itself comes with each call."""

    def __init__(self, seed, rows):
        self.seed, self.version, self.called = seed, 0, time.monotonic()
        # Ones that take no memory.
        self.weight = np.broadcast_to(1.0, rows.shape[0]) if seed.weight is None else seed.weight
        # Parts that fit the cache, as in memory.
        self.bounds = cut(rows, seed.n_outputs)
        self.parts = [self._part(None, start, stop) for start, stop in self.bounds]

    def _part(self, rows, start, stop):
        """A part over the samples `start` to `stop` of the block."""
        seed = self.seed
        place = seed.first + start, seed.total
        return Part(rows, seed.target[start:stop], self.weight[start:stop], seed.loss, place)

    def answer(self, call, rows, version):
        """What the parts return, summed in their order."""
        if call.needs_whole_block:
            results = [call(self._part(rows, 0, rows.shape[0]))]
        else:
            results = [self._asked(call, rows, at) for at in range(len(self.parts))]
        self.version, self.called = version, time.monotonic()
        return tuple(ordered_sum(results))

    def _asked(self, call, rows, at):
        """What one of the parts returns; it holds the samples only meanwhile."""
        part, (start, stop) = self.parts[at], self.bounds[at]
        part.rows = rows if len(self.parts) == 1 else rows.part(start, stop)
        try:
            return call(part)
        finally:
            part.rows = None


def as_matrix(block, dtype):
    """A block that has been checked before, as an array in C order or a CSR matrix of the given type."""
    matrix = check_array(
        block, accept_sparse="csr", dtype=dtype, order="C", ensure_all_finite=False, ensure_min_samples=0, input_name="X"
    )
    return summed(matrix)


def block_rows(block, which, dtype):
    """The rows of a block that has been checked: without a copy, unless some are left out or of another type."""
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
    """Make a part anew, take it through the calls that led to its state, and then do the one that is due."""

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
    """Drop what this process keeps for a fit."""
    for key in [key for key in RESIDENTS if key[0] == fit]:
        RESIDENTS.pop(key, None)


class Residents:
    """The map of `Parts` whose parts are `Seed`s here, and live beside their blocks.

    Parameters
    ----------
    engine : Engine
        Runs the calls.
    blocks : list
        The handles of the blocks of the seeds.
    """

    def __init__(self, engine, blocks):
        self.engine, self.blocks = engine, blocks
        self.fit, self.version, self.history = uuid.uuid4().hex, 0, History()
        self.renewed = 0  # parts that have been made again

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.forget(self.fit)

    def __call__(self, call, seeds):
        """What `call` returns for the parts, in the order of the blocks."""
        places = [seed.place for seed in seeds]
        calls = [Turn(self.fit, place, self.version, call) for place in places]
        results = mapped(self.engine, calls, self.blocks, places)
        for _ in range(LOSSES):
            stale = [at for at, result in enumerate(results) if isinstance(result, Stale)]
            if not stale:
                break
            self.renewed += len(stale)
            known = self.history.calls
            calls = [Renewal(self.fit, seeds[at], known, self.version, call) for at in stale]
            again = mapped(self.engine, calls, [self.blocks[at] for at in stale], [places[at] for at in stale])
            for at, result in zip(stale, again):
                results[at] = result
        if any(isinstance(result, Stale) for result in results):
            raise RuntimeError(f"parts of X were lost {LOSSES} times in a row during {call.verb!r}")
        if call.changes:
            self.history.add(call)
            self.version += 1
        return results
