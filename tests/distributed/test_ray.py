"""Ray datasets: the model of the samples in memory."""

import os
import signal
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd.descent._observers import Observer

ray = pytest.importorskip("ray", reason="needs sklearn-gd[ray]")
pytest.importorskip("ray.data", reason="needs sklearn-gd[ray]")

rng = np.random.default_rng(0)
N = 900
X = rng.normal(size=(N, 6))
SCORE = X @ [1.0, -1.0, 0.5, 0.0, 2.0, 0.0] + rng.normal(size=N)
LABELS = np.array(["no", "yes"])[(SCORE > 0).astype(int)]
SEVERAL = np.array(["a", "b", "c"])[np.digitize(SCORE, [-1.0, 1.0])]
WEIGHT = rng.integers(0, 3, N).astype(float)
TIGHT = {"tol": 1e-10, "max_iter": 3000}
BOUNDS = (0, 400, 450, N)

PROBLEMS = {
    "two classes": (GDClassifier(**TIGHT), LABELS),
    "softmax": (GDClassifier(**TIGHT), SEVERAL),
    "smoothed": (GDClassifier(loss="hinge", max_iter=60), LABELS),
    "squared": (GDRegressor(**TIGHT), SCORE),
    "two outputs": (GDRegressor(loss="huber", **TIGHT), np.column_stack([SCORE, -SCORE + X[:, 0]])),
    "l1": (GDClassifier(penalty="l1", alpha=0.01, **TIGHT), LABELS),
    "optimizer": (GDRegressor(solver="batch", optimizer="adam", learning_rate=0.05, max_iter=50, tol=None), SCORE),
}


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """A cluster on this machine, whose workers run only the tasks of the tests."""
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def blocks_of(values, bounds=BOUNDS):
    """A dataset of one column in blocks."""
    return ray.data.from_numpy([values[a:b] for a, b in pairwise(bounds)])


def same(one, other, rtol=1e-8):
    """Both models are equal to 1e-8 of their largest coefficient."""
    for name in ("coef_", "intercept_"):
        a, b = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * max(1.0, np.abs(other.coef_).max()))
    if hasattr(one, "classes_"):
        np.testing.assert_array_equal(one.classes_, other.classes_)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_model_is_that_of_the_samples_in_memory(problem):
    model, y = PROBLEMS[problem]
    known = type(model)(**model.get_params()).fit(X, y, WEIGHT)
    fits = [type(model)(**model.get_params()).fit(blocks_of(X), y, WEIGHT) for _ in range(2)]
    same(fits[0], known)
    np.testing.assert_array_equal(fits[0].coef_, fits[1].coef_)
    assert fits[0].n_features_in_ == 6


def test_targets_and_weights_of_a_dataset():
    """Targets and weights in other blocks than X."""
    known = GDClassifier(**TIGHT).fit(X, SEVERAL, WEIGHT)
    same(GDClassifier(**TIGHT).fit(blocks_of(X), blocks_of(SEVERAL, (0, 200, N)), blocks_of(WEIGHT, (0, 700, N))), known)


def test_columns_and_blocks_without_rows():
    """Features by name; a filter leaves a block empty."""
    frame = pd.DataFrame(X, columns=list("uvwxyz")).assign(label=SEVERAL, at=np.arange(N))
    rows = ray.data.from_pandas([frame[a:b] for a, b in pairwise(BOUNDS)]).filter(
        lambda row: not 400 <= row["at"] < 450 and row["x"] > -1.0
    )
    features, labels = rows.select_columns(list("uvwxyz")), rows.select_columns(["label"])
    chosen = frame[~frame["at"].between(400, 449) & (frame["x"] > -1.0)]
    known = GDClassifier(**TIGHT).fit(chosen[list("uvwxyz")], chosen["label"])
    found = GDClassifier(**TIGHT).fit(features, labels)
    same(found, known)
    assert list(found.feature_names_in_) == list("uvwxyz")
    assert found.score(features, labels) == known.score(chosen[list("uvwxyz")], chosen["label"])
    with pytest.raises(ray.exceptions.RayTaskError, match="feature names"):
        found.predict(rows.select_columns(list("vuwxyz"))).materialize()


def test_blocks_keep_their_order_whichever_is_ready_first():
    def slowly(batch):
        import time

        time.sleep(0.5 * (batch["data"][0, 0] == X[0, 0]))
        return batch

    A = blocks_of(X).map_batches(slowly, batch_size=None)
    before = A.context.execution_options.preserve_order
    same(GDRegressor(**TIGHT).fit(A, SCORE), GDRegressor(**TIGHT).fit(X, SCORE))
    assert A.context.execution_options.preserve_order == before


def test_predictions_are_lazy(tmp_path):
    A, model = blocks_of(X), GDClassifier().fit(X, SEVERAL)
    for method in ("predict", "predict_proba", "decision_function"):
        lazy = getattr(model, method)(A)
        assert isinstance(lazy, ray.data.Dataset)
        found = np.concatenate([batch[method] for batch in lazy.iter_batches(batch_format="numpy")])
        np.testing.assert_allclose(found, getattr(model, method)(X), rtol=1e-12) if found.dtype.kind == "f" else (
            np.testing.assert_array_equal(found, model.predict(X))
        )
    reached = tmp_path / "reached"
    model.predict(A.map_batches(lambda batch: reached.touch() or batch, batch_size=None))
    assert not reached.exists()
    assert model.score(A, blocks_of(SEVERAL), blocks_of(WEIGHT)) == model.score(X, SEVERAL, WEIGHT)
    real = GDRegressor().fit(A, SCORE)
    np.testing.assert_allclose(real.score(A, SCORE), real.score(X, SCORE), rtol=1e-12)


def test_partial_fit_takes_the_blocks_in_their_order():
    model, blocks = GDClassifier(), GDClassifier()
    for a, b in pairwise(BOUNDS):
        blocks.partial_fit(X[a:b], SEVERAL[a:b], classes=["a", "b", "c"])
    model.partial_fit(blocks_of(X), blocks_of(SEVERAL), classes=["a", "b", "c"])
    np.testing.assert_array_equal(model.coef_, blocks.coef_)


def test_early_stopping():
    known = GDClassifier(early_stopping=True, random_state=0).fit(X, LABELS)
    found = GDClassifier(early_stopping=True, random_state=0).fit(blocks_of(X), LABELS)
    same(found, known)
    np.testing.assert_allclose(found.validation_scores_, known.validation_scores_, rtol=1e-8)


class Killer(Observer):
    """Ends the process of an actor after the fifth iteration."""

    def start(self, objective, theta, value):
        self.residents, self.epochs = objective.parts.map, 0

    def end(self, iterate, status, scores):
        self.epochs += 1
        if self.epochs == 5:
            engine, blocks = self.residents.engine, self.residents.blocks
            pid = engine.map([lambda block: os.getpid()] * len(blocks), blocks)[0]
            os.kill(pid, signal.SIGKILL)
        return False


def test_an_actor_that_dies():
    known, found, killer = GDClassifier(**TIGHT).fit(X, LABELS), GDClassifier(**TIGHT), Killer()
    found._observers = (killer,)
    same(found.fit(blocks_of(X), LABELS), known)
    assert killer.epochs > 5
    assert killer.residents.renewed > len(BOUNDS) - 1


def test_stochastic_solvers_work_in_rounds():
    found = GDClassifier(solver="minibatch", random_state=0).fit(blocks_of(X), LABELS)
    assert min(found.loss_curve_) < 1.02 * min(GDClassifier().fit(X, LABELS).loss_curve_)


def test_what_is_refused():
    bad = X.copy()
    bad[420, 2] = np.inf
    with pytest.raises(ValueError, match=r"block 1 of X: .*infinity"):
        GDClassifier().fit(blocks_of(bad), LABELS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples: X has 900, y has 800"):
        GDClassifier().fit(blocks_of(X), LABELS[:800])
    with pytest.raises(ValueError, match="'data' has 1 dimensions a sample"):
        GDClassifier().fit(blocks_of(X).add_column("more", lambda batch: np.ones(len(batch))), LABELS)
    with pytest.raises(ValueError, match="0 sample"):
        GDClassifier().fit(blocks_of(X).filter(lambda row: False), [])
