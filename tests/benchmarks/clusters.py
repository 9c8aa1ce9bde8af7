"""How batch descent grows with workers, beside dask-ml's LogisticRegression and dask-glm; simulated beyond the workers at hand.

    python tests/benchmarks/clusters.py [--samples 400000] [--features 100] [--blocks 8] [--classes 2]

With two classes reading the samples takes most of the time, and workers of one machine share its memory; with ten the
arithmetic does.

Workers are processes of this machine with one thread each. Seconds, messages and bytes are medians over iterations.

"To 1e-4" is the time of the shortest fit of all those with 1, 2, 4, 8, ... iterations whose objective is at most 1.0001 times its
minimum; all libraries minimise the same objective (L2, no intercept) of the same blocks, which lie on the workers. The solvers of
dask-ml are those of dask-glm, which is called without dask-ml's wrapper, too.

The simulation models an iteration with w workers as one round. It has the arithmetic of the samples of one worker, a round
trip, the driver's time for one more message per worker (measured with many messages at once, which carry no work), and the bytes
of a gradient for every block over the driver's bandwidth.
"""

import argparse
import asyncio
import pickle
import time
import warnings

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster, wait

from sklearn_gd import GDClassifier
from sklearn_gd.descent._observers import Observer

ITERATIONS = 12
ALPHA = 1e-3
LIMIT = 15.0  # seconds; a solver whose fit takes longer is not given more iterations
BANDWIDTH = 1e9  # bytes per second of the driver's network, for the simulation
ROWS_FAR, BLOCK_FAR = 1e9, 1e6  # samples, and samples of a block, of the simulation
MESSAGES = 500
# The solvers of dask-glm that have a penalty, with the tolerance that lets them go on.
PEERS = {"lbfgs": {"tol": 1e-12}, "admm": {"abstol": 1e-12}, "proximal_grad": {"tol": 1e-12}}


class Clock(Observer):
    """Records the time, the messages and the bytes after each iteration."""

    def start(self, objective, theta, value):
        self.times, self.trips, self.bytes, self.sent = [], [], [], 0
        self.engine = objective.parts.map.engine
        inner = self.engine.map

        def counting(calls, blocks):
            results = inner(calls, blocks)
            self.sent += len(pickle.dumps(calls)) + len(pickle.dumps(results))
            return results

        self.engine.map = counting

    def end(self, iterate, status, scores):
        self.times.append(time.perf_counter())
        self.trips.append(self.engine.round_trips)
        self.bytes.append(self.sent)
        return False


def problem(rows, features, blocks):
    """X on the workers, with correlated features of unit variance, and the scores of a true model plus noise."""
    near = 0.8 ** np.abs(np.subtract.outer(np.arange(features), np.arange(features)))
    X = da.random.default_rng(0).normal(size=(rows, features), chunks=(-(-rows // blocks), -1))
    X = (X @ np.linalg.cholesky(near).T).persist()
    wait(X)
    scores = (X @ np.random.default_rng(2).normal(size=features)).compute()
    return X, 2.0 * scores / scores.std() + np.random.default_rng(1).logistic(size=rows)


def measured(workers, rows, features, blocks, classes):
    """Median seconds, messages and bytes of an iteration; the classes are of equal size."""
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        X, scores = problem(rows, features, blocks)
        clock, model = Clock(), GDClassifier(max_iter=ITERATIONS, tol=None, alpha=ALPHA)
        model._observers = (clock,)
        model.fit(X, np.digitize(scores, np.quantile(scores, np.arange(1, classes) / classes)))
    return [float(np.median(np.diff(each))) for each in (clock.times, clock.trips, clock.bytes)]


def seconds_a_message():
    """The driver's time for one more of many simultaneous messages."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        seconds, workers = [], list(client.nthreads())

        async def ask():
            await asyncio.gather(*[client.run(abs, -1, workers=[workers[at % 2]]) for at in range(MESSAGES)])

        for _ in range(5):
            start = time.perf_counter()
            client.sync(ask)
            seconds.append((time.perf_counter() - start) / MESSAGES)
    return float(np.median(seconds))


def time_to(near, fit, value):
    """Seconds and iterations of the shortest fit with 1, 2, 4, 8, ... iterations whose objective is at most `near`."""
    n_iter, seconds = 1, 0.0
    while seconds < LIMIT and n_iter <= 256:
        start = time.perf_counter()
        coef = fit(n_iter)
        seconds = time.perf_counter() - start
        if value(coef) <= near:
            return seconds, n_iter
        n_iter *= 2
    return np.inf, n_iter // 2


def against_dask_ml(rows, features, blocks):
    """Time to 1e-4 of the minimum with two workers, and the results for three classes."""
    try:
        import dask_glm.algorithms
        from dask_ml.linear_model import LogisticRegression
    except ImportError as error:
        print(f"dask-ml is left out: {error}")
        return
    warnings.filterwarnings("ignore", module="dask")
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        client.run(warnings.simplefilter, "ignore")
        X, scores = problem(rows, features, blocks)
        y = scores > 0.0
        targets = da.from_array(y.astype(int), chunks=X.chunks[0]).persist()
        wait(targets)
        signs = np.where(y, 1.0, -1.0)

        def value(coef):
            return float(np.logaddexp(0.0, -signs * (X @ coef).compute()).mean() + 0.5 * ALPHA * coef @ coef)

        def ours(n_iter):
            model = GDClassifier(penalty="l2", alpha=ALPHA, fit_intercept=False, max_iter=n_iter, tol=None)
            return model.fit(X, y).coef_[0]

        # Without normalisation, which would change the objective; the features have unit variance.
        options = {"C": 1.0 / (ALPHA * rows), "solver_kwargs": {"normalize": False}}

        def theirs(solver):
            def fit(n_iter):
                model = LogisticRegression(**options, fit_intercept=False, solver=solver, max_iter=n_iter, tol=1e-12)
                return model.fit(X, targets).coef_

            return fit

        def of_dask_glm(solver):
            def fit(n_iter):
                own = {"regularizer": "l2", "lamduh": ALPHA * rows, "normalize": False, **PEERS[solver]}
                return np.asarray(getattr(dask_glm.algorithms, solver)(X, targets, max_iter=n_iter, **own))

            return fit

        lowest = value(GDClassifier(penalty="l2", alpha=ALPHA, fit_intercept=False, tol=1e-9).fit(X, y).coef_[0])
        ours(1)  # connections and imports of the workers
        print("to 1e-4 of the minimum                  seconds  iterations")
        fits = {"GDClassifier()": ours, **{f"dask-ml LogisticRegression, {solver}": theirs(solver) for solver in PEERS}}
        fits |= {f"dask-glm, {solver}": of_dask_glm(solver) for solver in PEERS}
        for name, fit in fits.items():
            seconds, n_iter = time_to(1.0001 * lowest, fit, value)
            told = f"{seconds:.2f}" if seconds < np.inf else "never"
            print(f"{name:38}  {told:>7}  {n_iter:10d}", flush=True)
        several = np.digitize(scores, [-1.0, 1.0])
        print("three classes                           accuracy  labels")
        model = LogisticRegression(**options, solver="lbfgs", max_iter=30)
        model.fit(X, da.from_array(several, chunks=X.chunks[0]))
        for name, found in (
            ("GDClassifier()", GDClassifier(alpha=ALPHA).fit(X, several).predict(X).compute()),
            ("dask-ml LogisticRegression, lbfgs", model.predict(X).compute()),
        ):
            print(f"{name:38}  {np.mean(found == several):8.3f}  {np.unique(found).tolist()}", flush=True)


def main():
    """Measure, and simulate from the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=400_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--classes", type=int, default=2)
    options = parser.parse_args()
    size = options.samples, options.features, options.blocks
    found = {}
    print("workers  s/iteration  messages     bytes")
    for workers in (1, 2):
        found[workers] = measured(workers, *size, options.classes)
        seconds, trips, sent = found[workers]
        print(f"{workers:7d}  {seconds:11.4f}  {trips:8.0f}  {sent:8.0f}", flush=True)
    few = measured(1, 1000, options.features, 1, 2)
    latency, message = few[0] / few[1], seconds_a_message()
    of_row = max(found[1][0] - found[1][1] * latency, 0.0) / options.samples
    print(f"a round trip takes {1e3 * latency:.2f} ms, one more message {1e3 * message:.2f} ms, a sample {1e9 * of_row:.1f} ns")
    print(f"simulated, {ROWS_FAR:.0e} samples in blocks of {BLOCK_FAR:.0e}:")
    for workers in (10, 100, 1000):
        arithmetic = ROWS_FAR / workers * of_row
        messages = latency + workers * message
        traffic = ROWS_FAR / BLOCK_FAR * 8.0 * (options.features + 8) / BANDWIDTH
        print(f"{workers:7d} workers: {arithmetic + messages + traffic:8.3f} s/iteration, {messages:.3f} of them messages")
    against_dask_ml(*size)


if __name__ == "__main__":
    main()
