"""The messages of an iteration: a call for each worker of the cluster, and results of the size of the model."""

import pickle

import numpy as np
import pytest
from reading_once import ReadingOnce

from sklearn_gd import GDClassifier
from sklearn_gd.descent._observers import Observer

da = pytest.importorskip("dask.array", reason="needs sklearn-gd[dask]")


class Traffic(Observer):
    """Records messages and bytes after every epoch."""

    def start(self, objective, theta, value):
        self.engine = objective.parts.map.engine
        self.round_trips, self.bytes, self.maps = [], [], 0
        engine_map, traffic = self.engine.map, self
        self.sent = 0

        def counting(calls, blocks):
            results = engine_map(calls, blocks)
            traffic.sent += len(pickle.dumps(calls)) + len(pickle.dumps(results))
            return results

        self.engine.map = counting

    def end(self, iterate, status, scores):
        self.round_trips.append(self.engine.round_trips)
        self.bytes.append(self.sent)
        return False


def traffic_of(solver, X, blocks):
    """The messages and bytes of the second and later iterations, of a fit on blocks."""
    rng = np.random.default_rng(1)
    model, traffic = GDClassifier(solver=solver, max_iter=4, tol=None), Traffic()
    model._observers = (traffic,)
    y = X[:, 0] + rng.normal(size=len(X)) > 0
    model.fit(da.from_array(X, chunks=(len(X) // blocks, -1)), y)
    return np.diff(traffic.round_trips), np.diff(traffic.bytes)


@pytest.mark.parametrize("n_samples", [2_000, 40_000])
@pytest.mark.parametrize(("solver", "expected"), [("auto", 2), (ReadingOnce(), 1)])
def test_the_short_messages_of_an_iteration(client, n_samples, solver, expected):
    """For any number of samples: the plane and the step, or one for both, and sometimes another step length."""
    workers, blocks = 2, 4
    trips, sent = traffic_of(solver, np.random.default_rng(0).normal(size=(n_samples, 8)), blocks)
    assert (trips >= expected * workers).all()
    assert trips.min() == expected * workers
    assert sent[np.argmin(trips)] < expected * blocks * 2000
