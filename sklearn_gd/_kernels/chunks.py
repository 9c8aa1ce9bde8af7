"""Threads over runs of rows. Kernels release the interpreter's lock, so that ordinary threads run them side by side."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

GRAIN = 400_000  # operations that are worth a thread's while
MOST = 8


def available_threads():
    """How many threads may run: ``OMP_NUM_THREADS`` where it is set, as joblib does for its workers, else one for each core."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Chunks:
    """Runs of rows that threads take side by side while the object is entered.

    How the rows are cut does not depend on the number of threads, and results come in the order of the runs, so that sums are
    the same to the last bit on every machine.

    Parameters
    ----------
    n_rows : int
        How many rows there are.
    cost : float
        Operations on each.
    """

    def __init__(self, n_rows, cost):
        count = int(np.clip(n_rows * cost / GRAIN, 1, MOST))
        bounds = np.linspace(0, n_rows, count + 1).astype(int)
        self.runs = [slice(*pair) for pair in zip(bounds[:-1].tolist(), bounds[1:].tolist())]
        self.pool = None

    def __enter__(self):
        threads = min(len(self.runs), available_threads())
        if threads > 1:
            self.pool = ThreadPoolExecutor(threads)
        return self

    def __exit__(self, *_):
        if self.pool is not None:
            self.pool.shutdown()
            self.pool = None

    def map(self, function):
        """What `function` returns for each run, in their order."""
        if self.pool is None:
            return list(map(function, self.runs))
        return list(self.pool.map(function, self.runs))
