"""The order in which an epoch takes the samples."""

import numpy as np

DRAWN = 65536  # random numbers at once
FEW = 1000  # samples up to which NumPy's shuffle is as fast


def sample_order(n, rng=None):
    """The indices of n samples, in half the memory of NumPy's: as they are, or shuffled by a RandomState.

    It is the order of ``rng.permutation(n)``, which takes twice as long.
    """
    order = np.arange(n, dtype=np.uint32)
    if rng is None:
        return order
    last = n - 1
    if last >= FEW:
        from .._kernels.order import exchange

        while last >= FEW:
            last = exchange(order, rng.randint(0, 1 << 32, size=min(last, DRAWN), dtype=np.uint32), last)
    rng.shuffle(order[: last + 1])
    return order
