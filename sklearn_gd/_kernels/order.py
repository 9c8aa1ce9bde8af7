"""The random order of the samples in an epoch."""

import numpy as np

from .._compile import run


def make_exchange():
    """Fisher and Yates's shuffle from the end, as in NumPy's ``RandomState.shuffle``: bits beyond the place are rejected."""

    def exchange(order, draws, last):
        mask = 1
        while mask < last:
            mask = 2 * mask + 1
        for at in range(len(draws)):
            place = np.int64(draws[at]) & mask
            # Without branches, which are hard to predict: a rejected place is exchanged with itself.
            accepted = place <= last
            other = place if accepted else last
            held = order[other]
            order[other] = order[last]
            order[last] = held
            last -= 1 if accepted else 0
            mask = mask >> 1 if last <= mask >> 1 else mask
        return last

    return exchange


def exchange(order, draws, last):
    """Exchange the places `last`, `last` - 1, ... of `order` with earlier ones, by random 32 bits; returns the next place.

    There may be no more draws than `last`.
    """
    return run(make_exchange, (), order, draws, last, allocates=False)
