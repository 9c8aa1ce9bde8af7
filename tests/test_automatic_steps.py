"""An optimizer with ``learning_rate="auto"``: scaled coordinates, rates in parallel, mini-batches without a rate."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from matrix import LAYOUTS
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch
from sklearn_gd.losses import Huber, Quantile, SquaredError
from sklearn_gd.objective._coordinates import Coordinates
from sklearn_gd.objective._objective import Objective
from sklearn_gd.optimizers import OPTIMIZERS, Momentum
from sklearn_gd.penalties import L1, L2, NoPenalty

WAYS = {"batch": 150, "minibatch": 30, "sgd": 15}  # solvers, and epochs


def features(n=400, seed=0):
    """Unscaled features: correlated, far from zero, of sizes 1e-3 to 1e3; one of them rarely non-zero."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6)) @ (np.eye(6) + 0.4)
    X[:, 5] = rng.random(n) < 0.1
    return X * 10.0 ** np.arange(-3, 3) + [0.0, 1.0, -5.0, 100.0, 0.0, 0.0]


def regression(n=400, seed=0):
    """Targets of about 1e5, of which a linear model explains half the variance."""
    X = features(n, seed)
    away = (X - X.mean(axis=0)) / X.std(axis=0)
    return X, 1e5 + 1e4 * (away @ [1.0, -0.5, 0.5, 0.0, 0.3, 0.4] + np.random.default_rng(1).normal(size=n))


def classification(n=400, seed=0, shares=(0.1, 0.6)):
    """Three classes of unequal shares."""
    X, y = regression(n, seed)
    return X, np.digitize(y, np.quantile(y, shares))


PROBLEMS = {"regression": (GDRegressor, regression), "classes": (GDClassifier, classification)}


def scores(model, X):
    """The scores or predictions of the model for X, as an array."""
    return model.decision_function(X) if isinstance(model, GDClassifier) else model.predict(X)


def streamed(model, X, y, rows=32):
    """The model after one pass in calls of `rows` samples, pickled and unpickled between calls."""
    first = {"classes": np.unique(y)} if isinstance(model, GDClassifier) else {}
    for start in range(0, X.shape[0], rows):
        model = pickle.loads(pickle.dumps(model))
        model.partial_fit(X[start : start + rows], y[start : start + rows], **first)
    return model


def quietly(model, X, y, **more):
    """A fit of few epochs, without convergence warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **more)


# --- every optimizer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("problem", "layout"), [("regression", "csr"), ("classes", "dense")])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_near_the_default_fit_on_raw_columns(name, problem, way, layout):
    kind, made = PROBLEMS[problem]
    X, y = made()
    model = quietly(kind(optimizer=name, solver=way, max_iter=WAYS[way], random_state=0), LAYOUTS[layout](X), y)
    assert model.score(X, y) > kind().fit(X, y).score(X, y) - 0.02


@pytest.mark.parametrize("rows", [32, 1000])
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", [*OPTIMIZERS, "auto"])
def test_so_is_one_pass_of_partial_fit(name, problem, rows):
    kind, made = PROBLEMS[problem]
    X, y = made(2000)
    model = streamed(kind(optimizer=name, solver="minibatch"), X, y, rows)
    assert model.score(X, y) > kind().fit(X, y).score(X, y) - 0.05


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", ["gd", "adam", "dog", "auto"])
def test_no_unit_of_a_feature_or_of_y_matters(name, problem):
    kind, made = PROBLEMS[problem]
    X, y = made()
    shift, factor = X.std(axis=0) * [0.0, 5.0, -1.0, 10.0, 0.0, 0.0], 10.0 ** np.array([3, -3, 5, 0, -6, 1])
    changed = (X + shift) * factor
    parts = {"optimizer": name, "solver": "minibatch", "max_iter": 3, "tol": None, "penalty": L2(standardize=True)}
    model = kind(**parts, random_state=0).fit(X, y)
    other, expected = kind(**parts, random_state=0).fit(changed, y), scores(model, X)
    np.testing.assert_allclose(scores(other, changed), expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    if problem == "regression":
        third = kind(**parts, random_state=0).fit(X, 1e-7 * y)
        np.testing.assert_allclose(scores(third, X), 1e-7 * scores(model, X), rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-4, 1e4, 1e6])
@pytest.mark.parametrize("loss", ["gamma", "poisson", "tweedie"])
@pytest.mark.parametrize("optimizer", ["auto", "gd", "nesterov"])
def test_nor_does_it_under_a_log_link(optimizer, loss, unit):
    """The curvature at a score of zero changes with the unit, so descent begins at the best intercept, in fits and streams."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    y = np.exp(0.3 * X[:, 0]) * rng.gamma(5.0, 0.2, 100)

    def fitted(factor):
        model = GDRegressor(loss, solver="minibatch", optimizer=optimizer, penalty=None, random_state=0)
        stream = clone(model)
        for start in range(0, 100, 10):
            stream.partial_fit(X[start : start + 10], factor * y[start : start + 10])
        return model.fit(X, factor * y), stream

    for known, found in zip(fitted(1.0), fitted(unit), strict=True):
        np.testing.assert_allclose(found.predict(X), unit * known.predict(X), rtol=1e-2)


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize("penalty", ["auto", L1(), None], ids=repr)
@pytest.mark.parametrize("name", ["adam", "ftrl", "dog", "schedule_free"])
def test_dense_and_csr_agree(name, penalty, call):
    X, y = classification()
    models = []
    parts = {"optimizer": name, "solver": "minibatch", "penalty": penalty, "alpha": 1e-3, "max_iter": 3, "tol": None}
    for rows in (X, sp.csr_array(X)):
        model = GDClassifier(**parts, random_state=0)
        models.append(model.fit(rows, y) if call == "fit" else streamed(model, rows, y))
    np.testing.assert_allclose(scores(models[1], X), scores(models[0], X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("solver", ["batch", "minibatch"])
@pytest.mark.parametrize("name", ["adam", "lion", "rmsprop"])
def test_no_step_is_made_of_rounding_errors(name, solver):
    """The slope of the intercept at the null model is zero up to rounding, which differs for CSR and for other weights."""
    X, y = regression(30)
    parts = {"optimizer": name, "solver": solver, "max_iter": 5, "tol": None, "random_state": 0}
    model = GDRegressor(**parts).fit(X, y)
    for other in (GDRegressor(**parts).fit(sp.csr_array(X), y), GDRegressor(**parts).fit(X, y, sample_weight=np.full(30, 1e-3))):
        np.testing.assert_allclose(scores(other, X), scores(model, X), rtol=1e-9)


@pytest.mark.parametrize("name", ["gd", "adam"])
def test_a_weight_of_two_is_the_row_twice_and_a_weight_of_zero_no_row(name):
    X, y = classification()
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    parts = {"optimizer": name, "solver": "batch", "max_iter": 20, "tol": None}
    weighted = GDClassifier(**parts).fit(X, y, sample_weight=weight)
    repeated = GDClassifier(**parts).fit(np.repeat(X, weight.astype(int), axis=0), np.repeat(y, weight.astype(int)))
    np.testing.assert_allclose(scores(weighted, X), scores(repeated, X), rtol=1e-6, atol=1e-8)


def test_the_best_epoch_is_kept_and_f_is_that_of_the_estimator():
    X, y = regression()
    model = GDRegressor(optimizer="adam", solver="minibatch", random_state=0).fit(X, y)
    assert model.loss_curve_[0] < 0.5 * np.var(y)
    assert min(model.loss_curve_) < 1.001 * GDRegressor(tol=1e-10).fit(X, y).loss_curve_[-1]
    again = quietly(GDRegressor(optimizer="adam", solver="batch", max_iter=1, tol=None), X, y)
    assert again.loss_curve_[-1] <= 0.5 * np.var(y) * (1 + 1e-12)


def test_a_heavy_row_or_a_rare_feature_does_not_ruin_a_fit():
    X, y = classification()
    X[3] *= 1e6
    for name in ("gd", "momentum", "adam"):
        model = quietly(GDClassifier(optimizer=name, solver="minibatch", max_iter=50, random_state=0), X, y)
        assert np.isfinite(model.coef_).all()
        assert model.loss_curve_[-1] < quietly(GDClassifier(), np.zeros_like(X), y).loss_curve_[-1] + 1e-9


# --- mini-batches without an optimizer or a rate ---------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_size_of_a_batch_matters(layout):
    X, y = classification()
    X = LAYOUTS[layout](X)
    fits = [GDClassifier(solver=MiniBatch(size), max_iter=3, tol=None, random_state=0).fit(X, y) for size in (8, 64)]
    assert fits[0].t_ % 50 == 0
    assert fits[1].t_ % 7 == 0
    assert not np.allclose(fits[0].coef_, fits[1].coef_)
    streams = [GDClassifier(solver=MiniBatch(size)).partial_fit(X, y) for size in (8, 64)]
    assert streams[0].t_ > streams[1].t_
    assert not np.allclose(streams[0].coef_, streams[1].coef_)


@pytest.mark.parametrize("loss", ["huber", "absolute_error", "quantile", "poisson", "gamma"])
def test_mini_batches_serve_every_kind_of_loss(loss):
    X, y = regression()
    y = np.exp((y - y.mean()) / y.std())
    model = quietly(GDRegressor(loss=loss, solver="minibatch", max_iter=100, random_state=0), X, y)
    best = GDRegressor(loss=loss, tol=1e-8).fit(X, y)
    null = quietly(GDRegressor(loss=loss), np.zeros_like(X), y).loss_curve_[-1]
    assert min(model.loss_curve_) - best.loss_curve_[-1] < 0.02 * (null - best.loss_curve_[-1])


# --- streams ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["auto", "adam", "ftrl", "dog"])
def test_a_stream_takes_other_layouts_new_classes_and_constant_features(name):
    X, y = classification()
    X[:64, 2] = 7.0
    model = GDClassifier(optimizer=name, solver="minibatch")
    order = np.argsort(y == 2, kind="stable")  # the third class comes last
    for start in range(0, 400, 40):
        rows = order[start : start + 40]
        layout = LAYOUTS["csr" if start % 80 else "dense"]
        model = pickle.loads(pickle.dumps(model)).partial_fit(layout(X[rows]), y[rows])
        assert np.isfinite(model.coef_).all()
    assert set(model.classes_) == {0, 1, 2}
    assert model.t_ >= 20


@pytest.mark.parametrize("name", ["auto", "adam", "lion"])
def test_calls_of_one_row(name):
    X, y = classification(300)
    model = streamed(GDClassifier(optimizer=name, solver="minibatch"), X, y, 1)
    assert model.score(X, y) > np.mean(y == 1) + 0.05


def test_a_stream_goes_on_from_a_fit_and_from_explicit_rates():
    X, y = regression()
    for first in ({}, {"optimizer": "adam"}, {"optimizer": "adam", "learning_rate": 0.1}):
        model = quietly(GDRegressor(**first, max_iter=20, random_state=0), X, y)
        before, steps = model.score(X, y), model.t_
        model.set_params(optimizer="adam", learning_rate="auto").partial_fit(X[:64], y[:64])
        assert model.t_ > steps
        assert model.score(X, y) > min(before, 0.5) - 0.1


# --- explicit rates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["sgd", "batch"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_an_explicit_rate_is_the_textbook_to_the_last_bit(solver, momentum):
    """One feature with few binary digits, so that the order of sums does not matter."""
    x, y = np.array([1.5, -0.25, 3.0, 0.5]), np.array([2.0, 1.0, -1.0, 0.25])
    rate, w, velocity = 0.125, 0.0, 0.0
    for _ in range(3):
        for rows in [[0], [1], [2], [3]] if solver == "sgd" else [[0, 1, 2, 3]]:
            slope = 0.0
            for i in rows:
                slope += x[i] * (x[i] * w - y[i])
            velocity = momentum * velocity + slope / len(rows)
            w = w - rate * velocity
    parts = {"solver": solver, "learning_rate": rate, "penalty": None, "fit_intercept": False, "shuffle": False}
    optimizer = Momentum(momentum) if momentum else "gd"
    model = GDRegressor(optimizer=optimizer, **parts, max_iter=3, tol=None).fit(x[:, None], y)
    assert model.coef_[0] == w


def test_a_fit_that_a_rate_has_left_useless_says_so():
    """Steps of 0.01 towards a target of 1e5: the warning does not advise more epochs."""
    X, y = regression()
    model = GDRegressor(optimizer="adam", learning_rate=0.01, max_iter=30, random_state=0)
    message = r"no lower than that of the null model.*learning rate of up to 0\.01 does not suit"
    with pytest.warns(ConvergenceWarning, match=message):
        model.fit((X - X.mean(axis=0)) / X.std(axis=0), y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(learning_rate="auto", max_iter=200).fit(X, y)


# --- coordinates -----------------------------------------------------------------------------------------------------------


def objective_of(X, fit_intercept=True):
    y = np.linspace(-1.0, 1.0, X.shape[0])[:, None]
    parts = {"loss": SquaredError(), "penalty": L2(), "alpha": 0.1, "n_outputs": 2, "fit_intercept": fit_intercept}
    return Objective(X, np.hstack([y, y**2]), np.ones(X.shape[0]), **parts)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_coordinates_are_a_linear_change(layout, fit_intercept):
    X = features(50)
    X[:, 4] = 3.0 if fit_intercept else 0.0
    objective = objective_of(LAYOUTS[layout](X), fit_intercept)
    coordinates = Coordinates.of(objective, objective.moments, np.array([1.0, 2.0]), np.array([3.0, 0.5]))
    rng = np.random.default_rng(0)
    point = rng.normal(size=objective.n_theta) * (coordinates.size > 0.0)
    np.testing.assert_allclose(coordinates.point(coordinates.theta(point)), point, rtol=1e-9, atol=1e-12)
    move = 1e-6 * rng.normal(size=objective.n_theta) * (coordinates.size > 0.0)
    slope = (objective.value(coordinates.theta(point + move)) - objective.value(coordinates.theta(point - move))) / 2.0
    given = coordinates.gradient(objective.gradient(coordinates.theta(point)))
    step = np.divide(coordinates.size, coordinates.gradient_size, out=np.zeros(len(point)), where=coordinates.size > 0.0)
    np.testing.assert_allclose(given * step @ move, slope, rtol=1e-5)


def test_the_coordinates_of_the_data_change_nothing():
    own, theta = Coordinates(), np.arange(3.0)
    assert own.theta(theta) is theta
    assert own.point(theta) is theta
    assert own.gradient(theta) is theta


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize(("centre", "spread"), [(288.0, 8.0), (1013.0, 9.0), (2005.0, 5.0), (50.0, 0.02), (1.7e9, 1e5)])
def test_a_stream_keeps_its_intercept_whatever_the_offset_of_y(centre, spread, average):
    """The coordinate of the intercept is relative to the spread of y, whose estimate changes from call to call."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 4))
    y = centre + spread * (X[:, 0] + 0.4 * rng.normal(size=4000))
    for loss in ("squared_error", "huber", "absolute_error"):
        model = GDRegressor(loss, solver="minibatch", average=average, random_state=0)
        for start in range(0, 3000, 10):
            model.partial_fit(X[start : start + 10], y[start : start + 10])
        assert model.score(X[3000:], y[3000:]) > 0.84


@pytest.mark.parametrize("settings", [{"solver": "minibatch"}, {"solver": "batch", "optimizer": "gd"}], ids=str)
@pytest.mark.parametrize(("fit_intercept", "unit"), [(False, 1.0), (True, 100.0)])
def test_a_loss_without_curvature_at_the_null_model_is_minimised(settings, fit_intercept, unit):
    """No target is within the quadratic part of the Huber loss there: coefficients stayed zero."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    y = y if unit == 1.0 else (y > 140.0) * unit
    parts = {"loss": Huber(10.0), "fit_intercept": fit_intercept}
    least = GDRegressor(**parts).fit(X, y).loss_curve_[-1]
    fitted = GDRegressor(**parts, **settings, max_iter=300, tol=None, random_state=0).fit(X, y)
    assert min(fitted.loss_curve_) <= 1.1 * least


@pytest.mark.parametrize("loss", ["absolute_error", Quantile(0.3)], ids=str)
@pytest.mark.parametrize(
    "settings",
    [{"optimizer": "gd"}, {"optimizer": "dog"}, {"solver": "batch", "optimizer": "gd"}, {"solver": "saga"}, {"solver": "svrg"}],
    ids=str,
)
def test_outputs_may_have_different_units(loss, settings):
    """The second output had an R2 of down to -397."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    one = GDRegressor(loss, random_state=0).fit(X, y).predict(X)
    two = GDRegressor(loss, random_state=0, **settings).fit(X, np.c_[y, 1e-5 * y]).predict(X)
    for predicted in (two[:, 0], 1e5 * two[:, 1]):
        assert np.sqrt(np.mean((predicted - one) ** 2)) <= 0.3 * one.std()


@pytest.mark.parametrize("solver", ["batch", "minibatch"])
def test_coefficients_are_non_negative_whatever_predicts(solver):
    X, y = load_diabetes(return_X_y=True, scaled=False)
    model = GDRegressor(penalty=NoPenalty(nonnegative=True), optimizer="schedule_free", solver=solver, random_state=0)
    assert (model.fit(X, y).coef_ >= 0.0).all()
    stream = clone(model)
    for start in range(0, 200, 40):
        assert (stream.partial_fit(X[start : start + 40], y[start : start + 40]).coef_ >= 0.0).all()


@pytest.mark.parametrize("alpha", [1.0, 10.0])
def test_lion_finds_the_minimum_under_l1(alpha):
    """Its momentum begins at zero, and the threshold was ten times too high in the first steps."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    model = GDRegressor(penalty=L1(standardize=True), alpha=alpha, random_state=0)
    least = model.fit(X, y).loss_curve_[-1]
    lion = clone(model).set_params(solver="batch", optimizer="lion").fit(X, y)
    assert min(lion.loss_curve_) - least <= 0.01 * 0.5 * y.var()
