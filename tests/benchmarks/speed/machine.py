"""Limits of the machine: bandwidth, two threads compared with one, float32 with float64, memory in addition to the samples."""

import subprocess
import sys

import numpy as np
from _work import Work, two_classes
from threadpoolctl import threadpool_limits

from sklearn_gd import GDClassifier, MiniBatch


def fit(X, y, **parts):
    return lambda epochs: GDClassifier(max_iter=epochs, tol=None, random_state=0, **parts).fit(X, y)


def bandwidth(quick):
    """An iteration of batch descent relative to one product that reads X once, on all threads and on one; the bar is 1.25."""
    X, y = two_classes(50_000, 500, condition=1e3)
    v = np.ones(500)
    for threads in (1, 2):

        def limited(job, threads=threads):
            def run(epochs):
                with threadpool_limits(threads):
                    job(epochs)

            return run

        yield Work(
            f"iteration of batch descent, 50000 x 500, {threads} thread{'s' * (threads > 1)}, relative to one read of X",
            1.0 / 1.25,
            limited(fit(X, y)),
            {"X @ v": limited(lambda epochs: [X @ v for _ in range(epochs)])},
            epochs=(5, 25),
            repeats=3,
        )


def threads(quick):
    """Two threads compared with one."""
    X, y = two_classes(200_000, 100, condition=1e3)
    rng = np.random.default_rng(0)
    many = (X[:, :10] @ rng.normal(size=(10, 10))).argmax(axis=1)
    jobs = {
        "batch descent, 200000 x 100": (1.7, fit(X, y), (5, 25)),
        "single samples with F after each epoch, 200000 x 100": (1.2, fit(X, y, solver="sgd", learning_rate=1e-3), (1, 5)),
        "batch descent, hinge of ten classes, 200000 x 100": (1.7, fit(X, many, loss="hinge"), (5, 15)),
        "mini-batches of 1024, 200000 x 100, ten classes": (
            1.4,
            fit(X, many, solver=MiniBatch(1024), optimizer="adam", learning_rate=1e-3),
            (1, 5),
        ),
    }
    for name, (bar, job, epochs) in jobs.items():

        def alone(epochs, job=job):
            with threadpool_limits(1):
                job(epochs)

        yield Work(f"two threads: {name}", bar, job, {"one thread": alone}, epochs=epochs, repeats=3)


def single_precision(quick):
    """float32 samples compared with float64."""
    X, y = two_classes(200_000, 100, condition=1e3)
    narrow = X.astype(np.float32)
    for name, parts, epochs in (
        ("batch descent", {}, (1, 4)),  # before it converges, which is soon
        ("single samples", {"solver": "sgd", "learning_rate": 1e-3}, (1, 5)),
    ):
        yield Work(
            f"float32: {name}, 200000 x 100", 1.5, fit(narrow, y, **parts), {"float64": fit(X, y, **parts)}, epochs, repeats=3
        )


PEAK = """
import warnings
import numpy as np
import scipy.sparse as sp
from sklearn_gd import GDClassifier
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
n, d = 1_000_000, 50
if {sparse}:
    indices = rng.integers(0, 5000, n * 10).astype(np.int32)
    X = sp.csr_matrix((rng.random(n * 10), indices, np.arange(0, n * 10 + 1, 10)), (n, 5000))
    X.sum_duplicates()
else:
    X = rng.normal(size=(n, d)).astype("{dtype}")
y = rng.integers(0, 2, n)
GDClassifier({parts}max_iter=3, tol=None).fit(X[:1000], y[:1000])

def resident(key):
    (line,) = [line for line in open("/proc/self/status") if line.startswith(key)]
    return int(line.split()[1]) * 1024

open("/proc/self/clear_refs", "w").write("5")  # forget the peak
start = resident("VmRSS")
GDClassifier({parts}max_iter=3, tol=None).fit(X, y)
print((resident("VmHWM") - start) / (8.0 * n))
"""


def memory():
    """Arrays of n scores, in addition to the samples, at the peak of a fit of a million samples, in a new process (Linux)."""
    for dtype, sparse in (("float64", False), ("float32", False), ("float64", True)):
        for name, parts, bar in (("batch", "", 7), ("single samples", "solver='sgd', learning_rate=.001, ", 2)):
            code = PEAK.format(dtype=dtype, sparse=sparse, parts=parts)
            out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            yield f"memory: {name}, {'CSR' if sparse else dtype}", float(out.stdout), bar
