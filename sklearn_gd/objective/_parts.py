"""Samples in parts: how they are cut, and the ordered map and sum over them."""

from itertools import pairwise

import numpy as np

from ._calls import Call, ordered_sum
from ._part import Part
from ._threads import Threads

CACHED = 1 << 24  # bytes of the dense samples of a part
BLOCK = 65536  # scores in a part: with fewer the overhead of Python counts, with more they do not fit the cache
THREADED = 1_500_000  # values of a dense X, or scores of a sparse one, above which a second thread is faster
LEAST_PARTS = 8  # of such an X, for the threads to share
FEW_VALUES = 2048  # up to which BLAS uses one thread anyway, and a limit would take as long as the products of a small call


class Parts:
    """Parts in a fixed order: the ordered map over them, and the ordered sum.

    Parameters
    ----------
    parts : sequence of Part
        The parts that hold the samples.
    weight_sum : float
        The sum of all weights.
    map : callable
        ``map(call, parts)`` returns the results of ``call(part)`` in the order of the parts: the builtin, `Threads`, or that of
        a cluster. The call and its results can be pickled; a part stays where it is.
    """

    def __init__(self, parts, weight_sum, map=map):
        self.parts, self.weight_sum, self.map = list(parts), weight_sum, map
        self.is_single = len(self.parts) == 1 and getattr(map, "in_process", False)
        self.turn = 1

    def each(self, verb, *arguments):
        """The results of a verb for each part.

        Calls take the parts in their order and in reverse by turns: a call begins with the samples that the last one has left in
        the cache, or, of a file, in memory.
        """
        if self.is_single:
            return [getattr(self.parts[0], verb)(*arguments)]
        turn, self.turn = self.turn, -self.turn
        return list(self.map(Call(verb, arguments), self.parts[::turn]))[::turn]

    def summed(self, call):
        """The sum, as for a verb, of the results of another call: a function of a part that can be pickled."""
        return ordered_sum(list(self.map(call, self.parts)))

    def select(self, columns):
        """The samples with some of their features."""
        self.each("select", columns)
        return Selected(self)

    def total(self, verb, *arguments):
        """The sum, in the order of the parts, of a verb's results; the caller suppresses floating point warnings."""
        return ordered_sum(self.each(verb, *arguments))

    def largest(self, verb, *arguments):
        """The largest of one number of each part."""
        return max(number for (number,) in self.each(verb, *arguments))

    def mean(self, verb, *arguments):
        """The sum of a verb's results divided by the sum of the weights."""
        by = self.weight_sum
        sums = getattr(self.parts[0], verb)(*arguments) if self.is_single else self.total(verb, *arguments)
        return [each / by for each in sums]


class Selected:
    """The samples with the features that each part has selected: the same verbs for smaller models."""

    def __init__(self, parts):
        self.parts = parts

    def mean(self, verb, *arguments):
        """See `Parts.mean`."""
        return self.parts.mean("within", verb, *arguments)


def is_threaded(rows, n_outputs):
    """Whether a second thread is faster; SciPy's CSR products hold the interpreter lock, so there only the loss counts."""
    if rows.layout == "dense":
        return rows.n_values >= THREADED
    return rows.shape[0] * n_outputs >= THREADED


def cut(rows, n_outputs):
    """The parts that fit the cache and, if faster, occupy the threads: pairs (start, stop) of samples."""
    n, d = rows.shape
    # A part is at least as large as the gradient that it returns.
    count = max(round(n * n_outputs / max(BLOCK, d * n_outputs)), 1)
    if rows.layout == "dense" and rows.from_memory:
        # `line` needs the samples of a part twice: the second time they are in the cache.
        count = max(count, -(-rows.X.nbytes // CACHED))
    if is_threaded(rows, n_outputs):
        # A multiple of the usual numbers of threads, so that no thread waits for another.
        count = -(-count // LEAST_PARTS) * LEAST_PARTS
    if count == 1 and n:
        return [(0, n)]
    bounds = np.linspace(0, n, min(count, n) + 1).astype(int).tolist()
    return list(pairwise(bounds))


def in_memory(rows, target, weight, loss, n_outputs, map=None):
    """Parts over samples in this process, as views; their map is that of other parts, or new threads."""
    bounds = cut(rows, n_outputs)
    if len(bounds) == 1:
        parts = [Part(rows, target, weight, loss)]
    else:
        parts = [
            Part(rows.part(start, stop), target[start:stop], weight[start:stop], loss, (start, len(target)))
            for start, stop in bounds
        ]
    if map is None:
        large = rows.n_values * n_outputs > FEW_VALUES
        map = Threads(len(parts) if is_threaded(rows, n_outputs) else 1, limits_blas=large)
    return Parts(parts, float(weight.sum()), map)
