"""Dask arrays and data frames: the model equals that of samples in memory, wherever the blocks are."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from sklearn_gd import GDClassifier, GDRegressor

pytest.importorskip("dask.array", reason="needs sklearn-gd[dask]")
import dask
import dask.array as da

rng = np.random.default_rng(0)
N = 1200
X = rng.normal(size=(N, 6))
SPARSE = X * (rng.random(X.shape) < 0.4)
SCORE = X @ [1.0, -1.0, 0.5, 0.0, 2.0, 0.0] + rng.normal(size=N)
LABELS = np.array(["no", "yes"])[(SCORE > 0).astype(int)]
SEVERAL = np.array(["a", "b", "c"])[np.digitize(SCORE, [-1.0, 1.0])]
WEIGHT = rng.integers(0, 3, N).astype(float)
TIGHT = {"tol": 1e-10, "max_iter": 3000}


def csr_blocks(A, chunks):
    """A Dask array whose blocks are CSR matrices."""
    return da.from_array(A, chunks=(chunks, -1)).map_blocks(sp.csr_array)


PROBLEMS = {
    "two classes": (GDClassifier(**TIGHT), LABELS),
    "balanced": (GDClassifier(class_weight="balanced", **TIGHT), LABELS),
    "softmax": (GDClassifier(**TIGHT), SEVERAL),
    "hinge": (GDClassifier(loss="squared_hinge", class_weight={"a": 2.0}, **TIGHT), SEVERAL),
    "squared": (GDRegressor(**TIGHT), SCORE),
    "two outputs": (GDRegressor(loss="huber", **TIGHT), np.column_stack([SCORE, -SCORE + X[:, 0]])),
    "l1": (GDClassifier(penalty="l1", alpha=0.01, **TIGHT), LABELS),
    "optimizer": (GDRegressor(solver="batch", optimizer="adam", learning_rate=0.05, max_iter=50, tol=None), SCORE),
    "automatic rate": (GDRegressor(solver="batch", optimizer="momentum", max_iter=50, tol=None), SCORE),
}


def same(one, other, rtol=1e-8):
    """Both models are equal to 1e-8 of their largest coefficient."""
    for name in ("coef_", "intercept_"):
        a, b = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * max(1.0, np.abs(other.coef_).max()))
    if hasattr(one, "classes_"):
        np.testing.assert_array_equal(one.classes_, other.classes_)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_without_a_cluster_the_model_is_that_of_the_samples_in_memory(problem, weighted):
    model, y = PROBLEMS[problem]
    weight = WEIGHT if weighted else None
    known = model.fit(X, y, weight)
    here = type(model)(**model.get_params())
    for chunks in (N, 500, (100, 0, 700, 400)):
        A, b = da.from_array(X, chunks=(chunks, 2)), da.from_array(y, chunks=333)
        w = None if weight is None else da.from_array(weight, chunks=77)
        same(here.fit(A, b, w), known)
        assert here.n_features_in_ == 6


@pytest.mark.parametrize("problem", ["two classes", "softmax", "squared", "l1"])
def test_sparse_blocks(problem):
    model, y = PROBLEMS[problem]
    known = type(model)(**model.get_params()).fit(sp.csr_array(SPARSE), y)
    same(model.fit(csr_blocks(SPARSE, 500), y), known)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_on_a_cluster(client, problem):
    """The model equals that in memory to 1e-8, and that of a second fit to the last bit."""
    model, y = PROBLEMS[problem]
    known = type(model)(**model.get_params()).fit(X, y, WEIGHT)
    A = da.from_array(X, chunks=(250, -1))
    fits = [type(model)(**model.get_params()).fit(A, da.from_array(y, chunks=600), da.from_array(WEIGHT)) for _ in range(2)]
    same(fits[0], known)
    np.testing.assert_array_equal(fits[0].coef_, fits[1].coef_)
    assert fits[0].loss_curve_ == fits[1].loss_curve_


def test_sparse_blocks_on_a_cluster(client):
    _, y = PROBLEMS["softmax"]
    known = GDClassifier(**TIGHT).fit(sp.csr_array(SPARSE), y)
    same(GDClassifier(**TIGHT).fit(csr_blocks(SPARSE, 500), da.from_array(y)), known)


def test_float32_blocks_stay_float32():
    """Looks at the blocks equal those at samples in memory, up to rounding in float32."""
    A = X.astype(np.float32)
    known, found = GDClassifier(**TIGHT).fit(A, LABELS), GDClassifier(**TIGHT).fit(da.from_array(A, chunks=(500, -1)), LABELS)
    same(found, known, rtol=1e-4)


@pytest.mark.parametrize("with_client", [False, True])
def test_data_frames(request, with_client):
    """Columns of several types, names, and unknown chunk sizes."""
    if with_client:
        request.getfixturevalue("client")
    frame = pd.DataFrame(X, columns=list("uvwxyz"))
    frame["w"] = frame["w"].round().astype(int)
    frame["label"], frame["weight"] = SEVERAL, WEIGHT
    import dask.dataframe as dd

    ddf = dd.from_pandas(frame, npartitions=4)
    features = ddf[list("uvwxyz")][ddf["x"] > -1.0]
    chosen = frame[frame["x"] > -1.0]
    known = GDClassifier(**TIGHT).fit(chosen[list("uvwxyz")], chosen["label"], chosen["weight"])
    rows = ddf[ddf["x"] > -1.0]
    found = GDClassifier(**TIGHT).fit(features, rows["label"], rows["weight"])
    same(found, known)
    assert list(found.feature_names_in_) == list("uvwxyz")
    np.testing.assert_array_equal(found.predict(features).compute(), known.predict(chosen[list("uvwxyz")]))
    with pytest.raises(ValueError, match="feature names"):
        found.fit(features, rows["label"]).predict(features[list("vuwxyz")])
    # Validation samples of a collection have names too.
    found.fit(features, rows["label"], X_val=features, y_val=rows["label"])
    assert list(found.feature_names_in_) == list("uvwxyz")


def test_the_classes_of_a_stream_may_be_a_collection():
    A, y = da.from_array(X, chunks=(500, 6)), da.from_array(SEVERAL, chunks=500)
    model = GDClassifier().partial_fit(A, y, classes=np.unique(y))
    np.testing.assert_array_equal(model.classes_, ["a", "b", "c"])


def test_callbacks_receive_the_collection():
    from sklearn.callback import ScoringMonitor

    A, y = da.from_array(X, chunks=(500, 6)), da.from_array(SCORE, chunks=500)
    monitor = ScoringMonitor(scoring="r2")
    model = GDRegressor(max_iter=3, tol=None).set_callbacks(monitor).fit(A, y)
    assert monitor.get_logs().data[-1]["r2"] == pytest.approx(model.score(X, SCORE))


def test_predictions_are_lazy():
    A = da.from_array(X, chunks=(500, 3))
    model = GDClassifier().fit(A, SEVERAL)
    for method in ("predict", "predict_proba", "decision_function", "predict_log_proba"):
        lazy = getattr(model, method)(A)
        assert isinstance(lazy, da.Array)
        expected = getattr(model, method)(X)
        assert lazy.shape == expected.shape
        assert lazy.dtype == expected.dtype
        np.testing.assert_array_equal(lazy.compute(), expected)
    assert model.score(A, da.from_array(SEVERAL)) == model.score(X, SEVERAL)
    reached = []
    never = da.from_array(X, chunks=(500, -1)).map_blocks(lambda block: reached.append(1) or block, dtype=float, meta=X[:0])
    model.predict(never)
    assert not reached
    real = GDRegressor().fit(A, SCORE)
    np.testing.assert_array_equal(real.predict(A).compute(), real.predict(X))
    assert real.score(A, da.from_array(SCORE), da.from_array(WEIGHT)) == real.score(X, SCORE, WEIGHT)


def test_partial_fit_without_samples_is_refused():
    model = GDRegressor()
    with pytest.raises(ValueError, match="X has no samples"):
        model.partial_fit(da.from_array(np.empty((0, 3)), chunks=(1, 3)), np.empty(0))
    assert not hasattr(model, "loss_curve_")


def test_partial_fit_takes_the_blocks_in_their_order():
    model, blocks = GDClassifier(), GDClassifier()
    for start in range(0, N, 400):
        blocks.partial_fit(X[start : start + 400], SEVERAL[start : start + 400], classes=["a", "b", "c"])
    model.partial_fit(da.from_array(X, chunks=(400, -1)), da.from_array(SEVERAL, chunks=100), classes=["a", "b", "c"])
    np.testing.assert_array_equal(model.coef_, blocks.coef_)
    assert model.loss_curve_ == blocks.loss_curve_
    in_order = np.argsort(SEVERAL, kind="stable")
    grown = GDClassifier().partial_fit(da.from_array(X[in_order], chunks=(400, -1)), SEVERAL[in_order])
    assert list(grown.classes_) == ["a", "b", "c"]
    real = GDRegressor().partial_fit(da.from_array(X, chunks=(400, -1)), SCORE, WEIGHT)
    before = dict(vars(real), loss_curve_=list(real.loss_curve_))
    bad = X.copy()
    bad[1000, 0] = np.nan
    with pytest.raises(ValueError, match=r"block 2 of X: .*NaN"):
        real.partial_fit(da.from_array(bad, chunks=(400, -1)), SCORE)
    assert real.loss_curve_ == before["loss_curve_"]
    np.testing.assert_array_equal(real.coef_, before["coef_"])
    with pytest.raises(ValueError, match="samples"):
        real.partial_fit(da.from_array(X, chunks=(400, -1)), SCORE[:-1])


def test_early_stopping_and_validation_samples():
    A = da.from_array(X, chunks=(500, -1))
    known = GDClassifier(early_stopping=True, random_state=0).fit(X, LABELS)
    found = GDClassifier(early_stopping=True, random_state=0).fit(A, LABELS)
    same(found, known)
    np.testing.assert_allclose(found.validation_scores_, known.validation_scores_, rtol=1e-8)
    known = GDClassifier().fit(X[:800], LABELS[:800], X_val=X[800:], y_val=LABELS[800:])
    for held in (X[800:], A[800:]):
        same(GDClassifier().fit(A[:800], LABELS[:800], X_val=held, y_val=LABELS[800:]), known)
    with pytest.raises(ValueError, match="scoring"):
        GDClassifier(scoring="accuracy").fit(A[:800], LABELS[:800], X_val=A[800:], y_val=LABELS[800:])
    model = GDClassifier(scoring="accuracy").fit(A[:800], LABELS[:800], X_val=X[800:], y_val=LABELS[800:])
    assert max(model.validation_scores_) > 0.8


class Broken(RuntimeError):
    """An error raised by a block of the user."""


def breaking(block, block_info=None):
    if block_info and block_info[0]["chunk-location"][0] == 1:
        raise Broken("the file is gone")
    return block


@pytest.mark.parametrize("with_client", [False, True])
def test_what_is_refused(request, with_client):
    """Errors are raised before training, name the block, and do not change the model."""
    if with_client:
        request.getfixturevalue("client")
    A = da.from_array(X, chunks=(400, -1))
    model = GDClassifier().fit(X, LABELS)
    before = dict(vars(model))
    bad = X.copy()
    bad[500, 2] = np.inf
    blocks = [da.from_delayed(dask.delayed(X[a : a + 400, : 6 - (a == 400)]), (400, 6), float) for a in (0, 400, 800)]
    mixed = [da.from_delayed(dask.delayed(sp.csr_array(X[:400]) if a else X[:400]), (400, 6), float) for a in (0, 1)]
    with pytest.raises(ValueError, match=r"block 1 of X: .*infinity"):
        model.fit(da.from_array(bad, chunks=(400, -1)), LABELS)
    with pytest.raises(ValueError, match="block 1 of X has 5 features, but block 0 has 6"):
        model.fit(da.concatenate(blocks), LABELS)
    with pytest.raises(ValueError, match="block 1 of X is csr, but block 0 is dense"):
        model.fit(da.concatenate(mixed), LABELS[:800])
    with pytest.raises(ValueError, match="inconsistent numbers of samples: X has 1200, y has 1100"):
        model.fit(A, da.from_array(LABELS[:1100]))
    with pytest.raises(ValueError, match=r"sample_weight.shape"):
        model.fit(A, LABELS, da.from_array(WEIGHT[:7]))
    with pytest.raises(ValueError, match="0 sample"):
        model.fit(da.from_array(X[:0], chunks=(400, -1)), LABELS[:0])
    with pytest.raises(ValueError, match="2D array"):
        model.fit(da.from_array(SCORE), LABELS)
    with pytest.raises(Broken, match="gone") as caught:
        model.fit(A.map_blocks(breaking, dtype=float, meta=X[:0]), LABELS)
    assert any("block 1" in note for note in caught.value.__notes__)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)


def test_unknown_chunk_sizes():
    A = da.from_array(X, chunks=(500, -1))
    unknown = A[A[:, 0] > 0.0]
    assert np.isnan(unknown.shape[0])
    chosen = X[:, 0] > 0.0
    same(GDRegressor(**TIGHT).fit(unknown, SCORE[chosen]), GDRegressor(**TIGHT).fit(X[chosen], SCORE[chosen]))


def test_dask_is_imported_by_whoever_passes_it():
    """Neither the package nor a fit to an array imports it."""
    code = """
import sys
from sklearn_gd import GDClassifier
GDClassifier().fit([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 1.0]], [0, 0, 1, 1])
print(sorted(name for name in sys.modules if name.split(".")[0] in ("dask", "distributed", "ray")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
