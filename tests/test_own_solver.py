"""A custom solver: fits, streams, grid search, and errors for incompatible components."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from lbfgs import LBFGS
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch, Solver
from sklearn_gd.descent import Iterate, Method
from sklearn_gd.penalties import L2

X, Y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("penalty", ["l2", L2(standardize=True)], ids=str)
def test_it_finds_the_minimum_of_F(layout, penalty):
    own, ours = (
        GDClassifier(solver=solver, penalty=penalty, alpha=1e-2, tol=1e-10, max_iter=5000).fit(layout(X), Y)
        for solver in (LBFGS(), "auto")
    )
    assert min(own.loss_curve_) == pytest.approx(min(ours.loss_curve_), rel=1e-6)


def test_several_classes_weights_and_validation():
    features, labels = load_wine(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(labels))
    own, ours = (
        GDClassifier(solver=solver, alpha=1e-2, tol=1e-10, max_iter=5000).fit(features, labels, weight)
        for solver in (LBFGS(), "auto")
    )
    assert min(own.loss_curve_) == pytest.approx(min(ours.loss_curve_), rel=1e-6)
    stopped = GDClassifier(solver=LBFGS(), early_stopping=True, random_state=0).fit(features, labels)
    assert stopped.best_iter_ <= stopped.n_iter_


def test_it_is_tuned_warm_started_pickled_and_streamed_from():
    search = GridSearchCV(GDClassifier(solver=LBFGS()), {"solver__memory": [2, 10]}, cv=3).fit(X, Y)
    model = pickle.loads(pickle.dumps(search.best_estimator_))
    again = model.set_params(warm_start=True).fit(X, Y)
    assert again.n_iter_ <= search.best_estimator_.n_iter_
    model.set_params(solver="auto").partial_fit(X, Y)
    assert model.score(X, Y) > 0.95


@pytest.mark.parametrize(
    ("parameters", "missing"),
    [
        ({"loss": "hinge"}, r"solver=LBFGS\(\) requires a differentiable loss, but loss=Hinge\(\) has smooth=False"),
        ({"penalty": "l1"}, r"solver=LBFGS\(\) requires a differentiable penalty, but penalty=L1\(\) has a proximal step"),
    ],
)
def test_what_it_requires_is_named(parameters, missing):
    with pytest.raises(ValueError, match=missing):
        GDClassifier(solver=LBFGS(), **parameters).fit(X, Y)


def test_another_way_on_after_a_plateau():
    """`on_plateau` may continue the descent; the loop calls it at each plateau, and ends when it returns False."""
    asked = []

    class Stairs(Method):
        def start(self):
            return np.zeros(self.objective.n_theta), 10.0

        def iterates(self):
            while True:
                yield Iterate(np.zeros(self.objective.n_theta), 5.0 - len(asked))

        def on_plateau(self, tolerance):
            asked.append(tolerance)
            return len(asked) < 3

    class Climber(Solver):
        def method(self, objective, settings, state=None):
            return Stairs(objective)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GDRegressor(solver=Climber(), n_iter_no_change=2).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 4.0])
    assert len(asked) == 3
    assert model.loss_curve_[::3] == [5.0, 4.0, 3.0]
    assert model.t_ == model.n_iter_


@pytest.mark.parametrize(
    ("written", "error", "message"),
    [
        ({"batch_rows": lambda self, n: None}, TypeError, r"batch_rows\(6\) returned None; it must return an integer >= 1"),
        ({"batch_rows": lambda self, n: 2.5}, TypeError, r"batch_rows\(6\) returned 2\.5; it must return an integer >= 1"),
        ({"batch_rows": lambda self, n: 0}, ValueError, r"batch_rows\(6\) returned 0; it must return an integer >= 1"),
        ({"batch_rows": lambda self: 3}, TypeError, r"batch_rows\(\) must take \(n_samples\): too many positional arguments"),
        (
            {"method": lambda self, objective: None},
            TypeError,
            r"method\(objective\) must take \(objective, settings, state\): too many positional arguments",
        ),
        ({"method": lambda self, *rest: None}, TypeError, r"method returned None; it must return a sklearn_gd\.descent\.Method"),
    ],
)
def test_a_solver_written_wrongly_is_explained(written, error, message):
    solver = type("Mine", (Solver,), written)()
    with pytest.raises(error, match=rf"^Mine\.{message}$"):
        GDRegressor(solver=solver, learning_rate=0.01).fit(np.arange(12.0).reshape(6, 2), np.arange(6.0))


def test_a_requirement_that_does_not_exist_is_named():
    solver = type("Mine", (Solver,), {"requires": ("smooth los",), "batch_rows": lambda self, n: 1})()
    with pytest.raises(ValueError, match=r"Mine\.requires has 'smooth los'; it may have any of \['curvature bound'"):
        GDRegressor(solver=solver).fit(np.arange(12.0).reshape(6, 2), np.arange(6.0))


@pytest.mark.parametrize(
    ("iterates", "error", "message"),
    [
        (lambda self: None, TypeError, r"returned None; it must be a generator that yields an Iterate"),
        (lambda self: [1.0], TypeError, r"returned \[1\.0\]; it must be a generator that yields an Iterate"),
        (
            lambda self: iter([self.start()[0]]),
            TypeError,
            r"yielded array\(\[0\., 0\., 0\.\]\); it must yield Iterate\(theta, value\)",
        ),
        (lambda self: iter([Iterate(*self.start())] * 2), RuntimeError, r"ended after 2 epochs; it must yield as long"),
    ],
    ids=["None", "list", "theta", "two epochs"],
)
def test_a_method_written_wrongly_is_explained(iterates, error, message):
    def start(self):
        theta = np.zeros(self.objective.n_theta)
        return theta, self.objective.value(theta)

    written = type("Descent", (Method,), {"start": start, "iterates": iterates})
    solver = type("Mine", (Solver,), {"method": lambda self, objective, settings, state=None: written(objective)})()
    with pytest.raises(error, match=rf"^Descent\.iterates {message}"):
        GDRegressor(solver=solver).fit(np.arange(12.0).reshape(6, 2), np.arange(6.0))


def test_a_batch_size_may_be_an_integer_of_numpy():
    solver = type("Mine", (Solver,), {"batch_rows": lambda self, n: np.int64(4)})()
    rows, y = np.arange(12.0).reshape(6, 2), np.arange(6.0)
    settings = {"learning_rate": 0.001, "max_iter": 2, "tol": None, "random_state": 0}
    own, ours = (GDRegressor(solver=each, **settings).fit(rows, y) for each in (solver, MiniBatch(4)))
    np.testing.assert_array_equal(own.coef_, ours.coef_)
