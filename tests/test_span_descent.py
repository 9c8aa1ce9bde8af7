"""Descent in the span of the samples: its coordinates, its minimum, and for which objectives it is chosen."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd.descent import Settings
from sklearn_gd.descent.memory_gradient import MemoryGradient
from sklearn_gd.descent.span_descent import Span, SpanDescent, has_span
from sklearn_gd.losses import Hinge, LogLoss, SquaredError, SquaredHinge
from sklearn_gd.objective._objective import Objective
from sklearn_gd.penalties import L1, L2, ElasticNet, NoPenalty
from sklearn_gd.solvers import Batch

CUBES = PolynomialFeatures(3, include_bias=False)
B, BENIGN = (each[::8] for each in load_breast_cancer(return_X_y=True))
D, DIABETES = (each[::4] for each in load_diabetes(return_X_y=True, scaled=False))
B, D = CUBES.fit_transform(B[:, :12]), CUBES.fit_transform(D)
PIXELS, DIGITS = (each[:60] for each in load_digits(return_X_y=True))
PIXELS = PolynomialFeatures(2, include_bias=False).fit_transform(PIXELS)
RNG = np.random.default_rng(0)
WEIGHT = RNG.uniform(0.2, 3.0, size=500)
AUTO = L2(standardize="typical_size")


def objective_of(X, y, loss, *, penalty=AUTO, alpha=1e-4, fit_intercept=True, weight=None):
    """An objective of one score for each class, if there are more than two, or for each column of y."""
    several = not loss.scales_with_target and len(np.unique(y)) > 2
    y = np.asarray(y, dtype=float).reshape(len(y), -1)
    if not loss.scales_with_target and not several:
        y = 2.0 * y - 1.0
    weight = np.ones(len(y)) if weight is None else weight[: len(y)]
    n_outputs = len(np.unique(y)) if several else y.shape[1]
    more = {"n_outputs": n_outputs, "fit_intercept": fit_intercept, "one_vs_rest": several}
    return Objective(X, y, weight, loss=loss, penalty=penalty, alpha=alpha, **more)


TASKS = {
    "log loss": (B, BENIGN, LogLoss()),
    "ten classes": (PIXELS, DIGITS, LogLoss()),
    "squared error": (D, DIABETES, SquaredError()),
    "two targets": (D, np.column_stack([DIABETES, 5.0 - 3.0 * np.log(DIABETES)]), SquaredError()),
}


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("layout", ["dense", "float32", "csr"])
@pytest.mark.parametrize("task", TASKS)
def test_the_coordinates_keep_scores_and_penalty(task, layout, fit_intercept):
    X, y, loss = TASKS[task]
    size = X.std(axis=0)
    X = {"dense": np.asarray, "float32": np.float32, "csr": sp.csr_array}[layout](X / np.where(size > 0.0, size, 1.0))
    objective = objective_of(X, y, loss, fit_intercept=fit_intercept)
    span = Span(objective)
    samples = span.objective.rows.X
    v = RNG.normal(size=(objective.n_outputs, len(samples))) @ samples  # coordinates of almost no variance are rounding
    coef, intercept = span.to_features(span.objective.pack(v, np.ones(objective.n_outputs)))
    scores = X @ coef.T + intercept
    atol = 1e-9 * np.abs(scores).max()
    np.testing.assert_allclose(samples @ v.T + 1.0, scores, atol=atol)
    np.testing.assert_allclose(objective.unit**2 @ coef.T**2, (v * v).sum(axis=1), rtol=1e-6)
    v, intercept = span.objective.unpack(span.to_coordinates(coef, intercept))
    np.testing.assert_allclose(samples @ v.T + intercept, scores, atol=atol)


@pytest.mark.parametrize("task", TASKS)
def test_it_is_chosen_and_reaches_the_minimum_of_another_method(task):
    X, y, loss = TASKS[task]
    objective = objective_of(X, y, loss, weight=WEIGHT)
    assert has_span(objective)
    estimator = GDRegressor if loss.scales_with_target else GDClassifier
    model = estimator(tol=1e-9, max_iter=20_000).fit(X, y, WEIGHT[: len(y)])
    theta = objective.pack(model.coef_.reshape(objective.n_outputs, -1), np.atleast_1d(model.intercept_))
    with objective:
        value, other = objective.value(theta), MemoryGradient(objective)
        other.start()
        iterates = other.iterates()
        lowest = min(next(iterates).value for _ in range(600))
    assert value == pytest.approx(model.loss_curve_[-1], rel=1e-10)
    assert value <= lowest * (1.0 + 1e-7)


@pytest.mark.parametrize("alpha", [1e-2, 1e-4, 1e-6])
def test_the_minimum_is_that_of_ridge_and_logistic_regression(alpha):
    X = StandardScaler().fit_transform(D)
    ours = GDRegressor(penalty="l2", alpha=alpha, tol=1e-12).fit(X, DIABETES)
    theirs = Ridge(alpha=alpha * len(X), solver="svd").fit(X, DIABETES)
    assert isinstance(method_of(GDRegressor(penalty="l2", alpha=alpha), X, DIABETES), SpanDescent)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-4 * DIABETES.std())
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3 * np.abs(theirs.coef_).max())
    X = StandardScaler().fit_transform(B)
    ours = GDClassifier(penalty="l2", alpha=alpha, tol=1e-12).fit(X, BENIGN)
    theirs = LogisticRegression(C=1.0 / (alpha * len(X)), solver="newton-cg", tol=1e-12, max_iter=10_000).fit(X, BENIGN)
    np.testing.assert_allclose(ours.coef_[0], theirs.coef_[0], atol=2e-3 * np.abs(theirs.coef_).max())


def method_of(model, X, y):
    """The method of a fit."""
    found = []

    class Noted(Batch):
        def method(self, objective, settings, state=None):
            found.append(super().method(objective, settings, state))
            return found[-1]

    type(model)(**(model.get_params(deep=False) | {"solver": Noted()})).fit(X, y)
    return found[0]


def test_constant_features_have_coefficients_of_zero_and_copies_share_one():
    X = np.hstack([B, np.full((len(B), 3), 7.0), B[:, :1], B[:, :1]])
    model = GDClassifier().fit(X, BENIGN)
    assert not model.coef_[0, -5:-2].any()
    np.testing.assert_allclose(model.coef_[0, -2:], model.coef_[0, 0], rtol=1e-6)


@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge", "modified_huber", "exponential"])
@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array])
def test_copies_of_samples_are_weights(layout, loss):
    """Also where they are more than the features: equal samples are merged."""
    X, count = B[:, :80] / B[:, :80].std(axis=0), np.arange(len(B)) % 4
    copies = RNG.permutation(np.repeat(np.arange(len(B)), count))
    weighted = GDClassifier(loss).fit(layout(X), BENIGN, count)
    copied = GDClassifier(loss).fit(layout(X[copies]), BENIGN[copies])
    assert len(copies) > X.shape[1]
    assert copied.n_iter_ == weighted.n_iter_
    np.testing.assert_allclose(copied.decision_function(X), weighted.decision_function(X), rtol=1e-6)


def test_a_start_keeps_its_scores():
    objective = objective_of(B, BENIGN, LogLoss())
    coef = RNG.normal(size=(1, B.shape[1])) / np.where(objective.unit > 0.0, objective.unit, 1.0) / 30.0
    theta = objective.pack(coef, np.array([0.3]))
    with objective:
        start, value = Batch().method(objective, Settings(), Start(theta)).start()
    np.testing.assert_allclose(B @ objective.unpack(start)[0][0] + start[-1], B @ coef[0] + 0.3, atol=1e-6)
    assert value < objective.value(theta)


class Start:
    """A state that predicts with a model."""

    def __init__(self, theta):
        self.theta = theta

    def predicting(self, objective):
        return self.theta


def test_warm_start_begins_at_the_minimum():
    model = GDClassifier(warm_start=True).fit(B, BENIGN)
    first = model.n_iter_
    assert model.fit(B, BENIGN).n_iter_ < first / 2


NOT_CHOSEN = {
    "more samples than features": (np.vstack([B] * 8), {}),
    "a loss that separates the classes": (np.vstack([B] * 2), {"loss": Hinge()}),
    "a loss flat beyond its margin": (np.vstack([B] * 3), {"loss": SquaredHinge()}),
    "mostly zeros": (np.where(RNG.random(B.shape) < 0.05, B, 0.0), {}),
    "means far from zero": (B / B.std(axis=0) + 1e7, {}),
    "hardly any penalty": (B, {"alpha": 1e-11}),
    "features in other units": (B, {"penalty": L2()}),
}


@pytest.mark.parametrize("case", NOT_CHOSEN)
def test_it_is_not_chosen_where_it_would_be_slow_or_inaccurate(case):
    X, more = NOT_CHOSEN[case]
    y = np.resize(BENIGN, len(X))
    assert all(has_span(objective_of(B, BENIGN, loss())) for loss in (LogLoss, Hinge, SquaredHinge))
    assert not has_span(objective_of(X, y, **({"loss": LogLoss()} | more)))


def test_it_is_not_chosen_for_other_penalties():
    assert Span.of(objective_of(B, BENIGN, LogLoss())) is not None
    for penalty in (L1(), ElasticNet(0.5), L2(nonnegative=True)):
        assert Span.of(objective_of(B, BENIGN, LogLoss(), penalty=penalty)) is None


def test_without_a_penalty_the_coefficients_are_the_shortest_of_standardized_features():
    X = RNG.normal(size=(40, 300)) * np.logspace(-3, 3, 300)
    y = RNG.normal(size=40)
    assert has_span(objective_of(X, y, SquaredError(), penalty=NoPenalty()))
    model = GDRegressor(penalty=None, tol=1e-10).fit(X, y)
    shortest = np.linalg.lstsq(StandardScaler().fit_transform(X), y - y.mean(), rcond=None)[0]
    np.testing.assert_allclose(model.coef_ * X.std(axis=0), shortest, atol=1e-6 * np.abs(shortest).max())


def test_a_loss_flat_beyond_its_margin_reaches_its_minimum_by_newtons_method():
    model = GDClassifier("squared_hinge").fit(B, BENIGN)
    assert model.n_iter_ < 20
    objective = objective_of(B, BENIGN, SquaredHinge())
    with objective:
        gradient = objective.gradient(objective.pack(model.coef_, model.intercept_))
    scaled = gradient[:-1][objective.unit > 0.0] / objective.unit[objective.unit > 0.0]
    assert np.abs(scaled).max() < 1e-6


@pytest.mark.parametrize("apart", [0.0, 1e-8, 1e-7])
def test_near_copies_may_have_other_targets_without_a_penalty(apart):
    """Their difference is lost to rounding in the Gram matrix."""
    X = RNG.normal(size=(10, 60))
    X = np.vstack([X, X + apart * RNG.normal(size=X.shape)])
    y = RNG.normal(size=20)
    model = GDRegressor(penalty=None, tol=1e-10).fit(X, y)
    least = 0.25 * np.square((y[:10] - y[10:]) / np.sqrt(2.0)).mean() if apart == 0.0 else 1e-3
    assert model.loss_curve_[-1] <= 1.001 * least


@pytest.mark.parametrize("weight", [1.0, 1e-16])
@pytest.mark.parametrize("penalty", [None, "l2"])
def test_a_long_sample_hides_no_others(penalty, weight):
    X = np.random.default_rng(3).normal(size=(20, 60))
    y, weights = X[:, 0] + X[:, 1], np.ones(20)
    X[0] *= 1e8
    weights[0] = weight
    model = GDRegressor(penalty=penalty, alpha=1e-2, max_iter=3000).fit(X, y, weights)
    assert np.average((model.predict(X) - y)[1:] ** 2) < 0.02 * y[1:].var()


def test_what_has_no_span_is_fitted_without_a_warning(capfd):
    """A single sample, equal samples, constant features, and an unpenalised constant feature without an intercept."""
    X = RNG.normal(size=(4, 9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GDRegressor().fit(X[:1], [1.0])
        GDRegressor().fit(np.ones((4, 9)), [1.0, 2.0, 3.0, 4.0])
        GDClassifier("squared_hinge").fit(np.ones((4, 9)), [0, 1, 0, 1])
        GDClassifier(fit_intercept=False, max_iter=5000).fit(np.hstack([X, np.full((4, 1), 7.0)]), [0, 1, 0, 1])
    assert not any(capfd.readouterr())
