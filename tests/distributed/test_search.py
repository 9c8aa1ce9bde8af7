"""Searches whose fits run on the workers of a cluster, and the wrappers of dask-ml."""

import joblib
import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV

from sklearn_gd import GDClassifier
from sklearn_gd.losses import ModifiedHuber

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4))
y = np.where(X @ [1.0, -1.0, 0.5, 0.0] + 0.3 * rng.normal(size=300) > 0, "yes", "no")


def test_searches_on_the_workers_find_what_they_find_here(client):
    grid = GridSearchCV(GDClassifier(penalty="l2"), {"alpha": [1e-4, 1e-1, 10.0], "penalty": ["l2", "l1"]}, cv=3)
    halving = HalvingRandomSearchCV(
        GDClassifier(loss=ModifiedHuber()),
        {"alpha": [1e-5, 1e-3, 1e-1, 10.0]},
        random_state=0,
        cv=3,
        max_resources=300,
        n_candidates=4,
    )
    for search in (grid, halving):
        here = search.fit(X, y).cv_results_["mean_test_score"]
        with joblib.parallel_config("dask"):
            there = search.fit(X, y).cv_results_["mean_test_score"]
        np.testing.assert_array_equal(here, there)


def test_the_wrappers_of_dask_ml():
    wrappers = pytest.importorskip("dask_ml.wrappers", reason="dask-ml is not installed")
    da = pytest.importorskip("dask.array")
    A, b = da.from_array(X, chunks=(100, -1)), da.from_array(y, chunks=100)
    post = wrappers.ParallelPostFit(GDClassifier()).fit(X, y)
    np.testing.assert_array_equal(post.predict(A).compute(), GDClassifier().fit(X, y).predict(X))
    np.testing.assert_array_equal(post.predict_proba(A).compute(), GDClassifier().fit(X, y).predict_proba(X))
    streamed = wrappers.Incremental(GDClassifier(), shuffle_blocks=False).fit(A, b, classes=["no", "yes"])
    model = GDClassifier()
    for start in (0, 100, 200):
        model.partial_fit(X[start : start + 100], y[start : start + 100], classes=["no", "yes"])
    np.testing.assert_allclose(streamed.estimator_.coef_, model.coef_)
