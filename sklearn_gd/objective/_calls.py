"""The call of a verb on every part, and the ordered sum of the results."""

import functools
import operator
from typing import Any, NamedTuple

# The verbs that change the state of a part; some of them are repeated to recreate a part that is lost.
CHANGING = {"start", "plane", "step", "rescale", "line", "extend", "again", "select", "within", "widen", "hessian"}
CHANGING |= {"curvature_moments", "curvature_sums"}


class Call(NamedTuple):
    """A verb of a part, with its arguments; it can be pickled."""

    verb: str
    arguments: tuple[Any, ...]

    def __call__(self, part):
        return getattr(part, self.verb)(*self.arguments)

    @property
    def needs_whole_block(self):
        """Whether the samples of a block must be in one part; verbs use parts that fit the cache."""
        return False

    @property
    def changes(self):
        """Whether the verb is one of `CHANGING`."""
        return self.verb in CHANGING


def ordered_sum(results):
    """The sum of tuples of numbers and arrays, in their order."""
    return [functools.reduce(operator.add, column) for column in zip(*results, strict=True)]
