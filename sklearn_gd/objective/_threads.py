"""The ordered map over the parts of a fit: threads of this process, and the threads of BLAS, which it replaces."""

import contextlib
import functools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from threadpoolctl import ThreadpoolController

from .._shared import Shared


class Threads:
    """An ordered map on threads of this process; BLAS uses one thread within the context.

    The cut into parts does not depend on the number of threads, and sums are taken in the order of the parts, so results are the
    same to the last bit for any number of threads.
    """

    in_process = True

    def __init__(self, n_parts, limits_blas=True):
        self.count = min(n_parts, available_threads()) if n_parts > 1 else 1
        self.limits_blas, self.pool, self.limit = limits_blas, None, None

    def __enter__(self):
        self.limit = single_threaded_blas if self.limits_blas else contextlib.nullcontext()
        self.limit.__enter__()
        if self.count > 1:
            self.pool = ThreadPoolExecutor(self.count)
        return self

    def __exit__(self, *_):
        self.limit.__exit__(None, None, None)
        if self.pool is not None:
            self.pool.shutdown()
            self.pool = None

    def __call__(self, call, parts):
        """The results of `call` for each part, in their order."""
        if self.pool is None:
            return [call(part) for part in parts]
        bounds = np.linspace(0, len(parts), self.count + 1).astype(int).tolist()
        shares = [parts[start:stop] for start, stop in pairwise(bounds)]
        return [result for results in self.pool.map(functools.partial(_in_turn, call), shares) for result in results]


def _in_turn(call, parts):
    """The results of `call` for some parts, without NumPy's warnings, which each new thread enables."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return [call(part) for part in parts]


@functools.cache
def _blas():
    """The libraries whose threads can be limited; the search takes a millisecond."""
    # The C library returns large arrays to the system when they are freed. The next array of that size is then paged in again,
    # which takes longer than the arithmetic of a part. After one array of this size has been freed, it keeps them (mallopt(3),
    # M_MMAP_THRESHOLD).
    np.empty((1 << 25) - (1 << 16), dtype=np.uint8)
    return ThreadpoolController()


@contextlib.contextmanager
def _one_thread():
    """BLAS with one thread; the value is its limit before."""
    before = _limit_of_blas()
    with _blas().limit(limits=1, user_api="blas"):
        yield before


def _limit_of_blas():
    """The present number of threads of BLAS."""
    return max([each.num_threads for each in _blas().lib_controllers if each.user_api == "blas"], default=math.inf)


# The context in which BLAS uses one thread: several slow down short products, and `Threads` already divides long ones.
single_threaded_blas = Shared(_one_thread)


def available_threads():
    """The number of threads: that of the cores, limited by ``OMP_NUM_THREADS`` and by the limit of BLAS outside of fits."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    asked = int(first) if first.isdigit() else 0
    return max(min(cores, asked or cores, single_threaded_blas.value or _limit_of_blas()), 1)
