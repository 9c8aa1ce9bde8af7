"""The messages of an iteration: a call for each worker of the cluster, and results of the size of the model."""

import pickle

import numpy as np
import pytest

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


@pytest.mark.parametrize("n_samples", [2_000, 40_000])
def test_an_iteration_sends_two_short_messages_to_each_worker(client, n_samples):
    """For any number of samples: the plane and the step, and sometimes another step length."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 8))
    model, traffic = GDClassifier(max_iter=4, tol=None), Traffic()
    model._observers = (traffic,)
    blocks = 4
    model.fit(da.from_array(X, chunks=(n_samples // blocks, -1)), X[:, 0] + rng.normal(size=n_samples) > 0)
    trips, sent = np.diff(traffic.round_trips), np.diff(traffic.bytes)
    assert (trips >= 4).all()  # two for each of two workers
    assert trips.min() == 4
    assert sent[np.argmin(trips)] < 2 * blocks * 2000
