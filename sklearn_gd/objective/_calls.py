"""A verb that is asked of every part, and the ordered sum of what the parts return."""

import functools
import operator
from typing import Any, NamedTuple

# The verbs that change what a part holds: a part that is lost needs some of them once more.
CHANGING = {"start", "plane", "step", "line", "again", "select", "within", "widen", "hessian"}
CHANGING |= {"curvature_moments", "curvature_grams"}


class Call(NamedTuple):
    """A verb of a part, with its arguments; it can be pickled."""

    verb: str
    arguments: tuple[Any, ...]

    def __call__(self, part):
        return getattr(part, self.verb)(*self.arguments)

    @property
    def needs_whole_block(self):
        """Whether the samples of a block must be in one part; a verb is asked of parts that fit the cache."""
        return False

    @property
    def changes(self):
        """Whether the verb is one of `CHANGING`."""
        return self.verb in CHANGING


def ordered_sum(results):
    """The sum of tuples of numbers and arrays, in their order."""
    return [functools.reduce(operator.add, column) for column in zip(*results, strict=True)]
