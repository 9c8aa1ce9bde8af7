"""Helpers of the benchmarks: interleaved repeats, medians, and the data sets in the folder next to the checkout."""

import importlib.util
import statistics
import sys
import time
from pathlib import Path

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def medians(repeats, jobs):
    """Median seconds of each job of a dictionary, measured alternately so that slow periods of the machine affect all."""
    for job in jobs.values():
        job()
    seconds = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            begun = time.perf_counter()
            job()
            seconds[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in seconds.items()}


def report(title, ours, theirs, of_ours=None, of_theirs=None):
    """One line: both medians and their ratio."""
    names = f"{of_ours or 'sklearn_gd'} {ours * 1e3:9.2f} ms   {of_theirs or 'scikit-learn'} {theirs * 1e3:9.2f} ms"
    print(f"{title:52} {names}   ratio {ours / theirs:6.3f}", flush=True)


def load_data():
    """The loader of the real data sets, or None with a message."""
    path = DATA / "load_data.py"
    if not path.exists():
        print("skipped: shared/data does not lie beside the checkout", file=sys.stderr)
        return None
    spec = importlib.util.spec_from_file_location("load_data", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
