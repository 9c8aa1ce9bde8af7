"""The default fit compared with that of another version, and the first fit of a process compared with LogisticRegression.

python tests/benchmarks/against.py warm OTHER [--sets NAME,NAME] [--repeats N]   OTHER: a checkout of the other version
python tests/benchmarks/against.py cold [--repeats N]

warm  two processes, one for each version, fit the same samples alternately; medians, ratios and their geometric mean
cold  new processes with an empty cache of compiled code: import, default fit and predict, both estimators alternately
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import load_data

HERE = Path(__file__).resolve().parents[2]
WORKER = """
import sys, time, warnings
sys.path.insert(0, sys.argv[2])
sys.path.insert(0, sys.argv[3])
warnings.simplefilter("ignore")
from timing import load_data
from sklearn_gd import GDClassifier, GDRegressor
data = load_data()
X, _, y, _ = data.load(sys.argv[1])
make = GDClassifier if sys.argv[1] in data.CLASSIFICATION else GDRegressor
make().fit(X, y)
print("ready", flush=True)
for _ in sys.stdin:
    begun = time.perf_counter()
    model = make().fit(X, y)
    print(time.perf_counter() - begun, model.n_iter_, model.loss_curve_[-1], flush=True)
"""
COLD = """
import warnings
warnings.simplefilter("ignore")
from sklearn.datasets import load_{data}
X, y = load_{data}(return_X_y=True)
from {module} import {name}
{name}({arguments}).fit(X, y).predict(X)
import sys
print("numba" in sys.modules)
"""
JOBS = [
    ("breast_cancer", "GDClassifier", ""),
    ("digits", "GDClassifier", ""),
    ("diabetes", "GDRegressor", ""),
    ("diabetes", "GDRegressor", "loss='huber'"),
    ("breast_cancer", "GDClassifier", "loss='hinge'"),
]


def worker(name, root):
    """A process that fits one data set on request."""
    command = [sys.executable, "-c", WORKER, name, str(Path(__file__).parent), str(root)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "ready"
    return process


def one_fit(process):
    """Seconds, iterations and F of a fit."""
    process.stdin.write("fit\n")
    process.stdin.flush()
    seconds, n_iter, value = process.stdout.readline().split()
    return float(seconds), int(n_iter), float(value)


def warm(names, other, repeats):
    ratios = []
    for name in names:
        processes = [worker(name, HERE), worker(name, other)]
        fits = [[one_fit(process) for process in processes] for _ in range(repeats)]
        for process in processes:
            process.communicate()
        ours, theirs = np.median([[each[0] for each in pair] for pair in fits], axis=0)
        ratios.append(ours / theirs)
        (_, n_ours, F_ours), (_, n_theirs, F_theirs) = fits[0]
        print(
            f"{name:20} {ours:8.4f} s, other {theirs:8.4f} s: {ours / theirs:5.2f}   iterations {n_ours} {n_theirs}, "
            f"F {F_ours / F_theirs - 1.0:+.1e}",
            flush=True,
        )
    print(f"geometric mean {np.exp(np.mean(np.log(ratios))):.2f}, slowest {max(ratios):.2f}")


def cold(repeats):
    for data, name, arguments in JOBS:
        codes = {
            "sklearn_gd": COLD.format(data=data, module="sklearn_gd", name=name, arguments=arguments),
            "scikit-learn": COLD.format(
                data=data, module="sklearn.linear_model", name="LogisticRegression", arguments="max_iter=100"
            ),
        }
        seconds, numba = {key: [] for key in codes}, set()
        for _ in range(repeats):
            for key, code in codes.items():
                with tempfile.TemporaryDirectory() as cache:
                    begun = time.perf_counter()
                    environment = os.environ | {"NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(HERE)}
                    done = subprocess.run(
                        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
                    )
                    seconds[key].append(time.perf_counter() - begun)
                    numba.add((key, done.stdout.strip()))
        ours, theirs = (float(np.median(seconds[key])) for key in codes)
        print(f"{data:14} {name}({arguments}): {ours:.2f} s, LogisticRegression {theirs:.2f} s, {ours - theirs:+.2f} s; {numba}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["warm", "cold"])
    parser.add_argument("other", nargs="?", type=Path)
    parser.add_argument("--sets")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.what == "cold":
        cold(arguments.repeats)
    else:
        data = load_data()
        names = arguments.sets.split(",") if arguments.sets else data.CLASSIFICATION + data.REGRESSION
        warm(names, arguments.other.resolve(), arguments.repeats)
