"""How batch descent grows with workers: seconds an iteration, messages and bytes; simulated beyond the workers at hand.

    python tests/benchmarks/clusters.py [--rows 1000000] [--features 50]

The simulation takes an iteration of w workers as two rounds, each: the arithmetic of the rows of one worker, the overhead of one
message for every worker on the driver (a whole round trip, as if none overlapped: an upper bound), and the bytes of a gradient
for every block over the driver's bandwidth.
"""

import argparse
import pickle
import time

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster, wait

from sklearn_gd import GDClassifier
from sklearn_gd.descent._observers import Observer

ITERATIONS = 12
BANDWIDTH = 1e9  # bytes a second of the driver's network, for the simulation


class Clock(Observer):
    """Notes the time, the messages and the bytes after each iteration."""

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


def measured(workers, rows, features, chunk):
    """Median seconds, messages and bytes of an iteration."""
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        X = da.random.default_rng(0).normal(size=(rows, features), chunks=(chunk, -1)).persist()
        wait(X)
        y = (X[:, 0] + 0.5 * X[:, 1] > 0.0).compute()
        clock, model = Clock(), GDClassifier(max_iter=ITERATIONS, tol=None, alpha=1e-3)
        model._observers = (clock,)
        model.fit(X, y)
        del client
    return [float(np.median(np.diff(each))) for each in (clock.times, clock.trips, clock.bytes)]


def main():
    """Measure, and simulate from what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=50)
    options = parser.parse_args()
    found = {}
    print("workers  rows a block  s/iteration  messages     bytes")
    for chunk in (10_000, 100_000, options.rows // 2):
        for workers in (1, 2):
            found[workers, chunk] = measured(workers, options.rows, options.features, chunk)
            seconds, trips, sent = found[workers, chunk]
            print(f"{workers:7d}  {chunk:12d}  {seconds:11.4f}  {trips:8.0f}  {sent:8.0f}")
    overhead = measured(1, 1000, options.features, 1000)[0] / 2.0
    of_row = max(found[1, options.rows // 2][0] - 2.0 * overhead, 0.0) / options.rows
    print(f"a round trip takes {1e3 * overhead:.2f} ms, a row {1e9 * of_row:.1f} ns; simulated, 1e9 rows in blocks of 1e6:")
    for workers in (10, 100, 1000):
        arithmetic = 1e9 / workers * of_row
        messages = 2.0 * workers * overhead
        traffic = 2.0 * 1000 * 8.0 * (options.features + 8) / BANDWIDTH
        print(f"{workers:7d} workers: {arithmetic + messages + traffic:8.3f} s/iteration, {messages:.3f} of them messages")


if __name__ == "__main__":
    main()
