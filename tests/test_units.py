"""The defaults on data in any unit: predictions do not depend on the scale of features or y."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score

from sklearn_gd import GDClassifier, GDRegressor, losses
from sklearn_gd.losses import Huber
from sklearn_gd.objective._objective import Objective
from sklearn_gd.penalties import NoPenalty

LAYOUTS = {"dense": np.ascontiguousarray, "csr": sp.csr_array}
MODELS = {name: GDRegressor(name) for name in losses.REGRESSION_LOSSES} | {
    name: GDClassifier(name) for name in losses.CLASSIFICATION_LOSSES
}


def samples():
    """Indicators, counts and measurements, some of them rarely non-zero; positive targets."""
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [
            rng.normal(size=(300, 3)) + [0.0, 3.0, -20.0],
            rng.random((300, 3)) < [0.5, 0.1, 0.02],
            rng.poisson([0.3, 2.0], (300, 2)),
        ]
    )
    score = 0.4 * X @ rng.normal(size=X.shape[1])
    return X, np.exp(0.3 * (score - score.mean()) + 0.2 * rng.normal(size=300))


def learned(model, X, y, how):
    if how == "fit":
        return model.fit(X, y)
    more = {"classes": np.unique(y)} if isinstance(model, GDClassifier) else {}
    for start in range(0, len(y), 50):
        model.partial_fit(X[start : start + 50], y[start : start + 50], **more)
    return model


def scores(model, X):
    return model.decision_function(X) if isinstance(model, GDClassifier) else model.predict(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", MODELS)
def test_the_unit_of_a_feature_does_not_matter(name, layout, how):
    X, y = samples()
    if isinstance(MODELS[name], GDClassifier):
        y = np.digitize(y, np.quantile(y, [0.3, 0.7]))
    factor = 10.0 ** np.array([-6, 5, 3, -2, 6, -4, 1, 0])
    before = scores(learned(clone(MODELS[name]), LAYOUTS[layout](X), y, how), X)
    for scale in (factor, 1e-6, 1e6):
        model = clone(MODELS[name])
        after = scores(learned(model, LAYOUTS[layout](X * scale), y, how), X * scale)
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-3 * np.abs(before).max())


# Losses without a parameter in units of y.
WITHOUT_UNITS = ["squared_error", "absolute_error", "quantile", "poisson", "gamma", "tweedie"]


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize("loss", WITHOUT_UNITS)
def test_the_unit_of_y_does_not_matter(loss, how):
    X, y = samples()
    before = learned(GDRegressor(loss), X, y, how).predict(X)
    for factor in (1e-4, 1e6):
        after = learned(GDRegressor(loss), X, factor * y, how).predict(X) / factor
        np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3 * np.abs(before).max())


def test_prices_under_a_bounded_slope():
    """Targets of 1e5 with a loss that grows linearly: the penalty does not dominate."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    for loss in ("absolute_error", Huber(100.0), "epsilon_insensitive"):
        assert GDRegressor(loss).fit(X, 1e3 * y).score(X, 1e3 * y) > 0.48


@pytest.mark.parametrize("how", ["partial_fit", "sgd"])
@pytest.mark.parametrize("loss", ["huber", "log_cosh"])
def test_single_samples_under_a_loss_that_is_linear_at_the_size_of_y(loss, how):
    """With targets of 1e5 Huber's loss is about 1.35 times the absolute error, and a step of that error's length is right."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    models = [GDRegressor(each, **({"solver": "sgd"} if how == "sgd" else {})) for each in (loss, "absolute_error")]
    errors = [np.abs(1e3 * y - learned(model, X, 1e3 * y, "fit" if how == "sgd" else how).predict(X)).mean() for model in models]
    assert errors[0] <= 1.03 * errors[1]


@pytest.mark.parametrize(
    ("loss", "curvature"),
    [
        ("squared_error", 1.0),
        ("absolute_error", 1.0 / 3.0),
        (Huber(1.5), 0.5),
        (Huber(9.0), 1.0),
        ("quantile", 0.5 / 3.0),
        ("poisson", 7.0),
        ("gamma", 1.0),
        ("tweedie", 7.0**0.5),
    ],
    ids=str,
)
def test_the_typical_curvature_of_a_loss(loss, curvature):
    """For targets of mean 7 and deviation 3."""
    loss = losses.REGRESSION_LOSSES[loss]() if isinstance(loss, str) else loss
    y = np.array([[4.0], [10.0]])
    parts = {"loss": loss, "penalty": NoPenalty(), "alpha": 0.0, "n_outputs": 1, "fit_intercept": True}
    objective = Objective(np.ones((2, 1)), y, np.ones(2), **parts)
    assert objective.typical_curvature(objective.moments.target) == pytest.approx(curvature, rel=1e-6)


@pytest.mark.parametrize("penalty", ["auto", "l1"])
@pytest.mark.parametrize("loss", ["huber", "log_cosh"])
def test_a_loss_that_is_all_but_a_kink_is_minimised(loss, penalty):
    """Targets of 1e6: the loss is linear above a millionth of their size. Warnings are errors here."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GDRegressor(loss, penalty=penalty).fit(X, 1e4 * y)
        absolute = GDRegressor("absolute_error", penalty=penalty).fit(X, 1e4 * y)
    assert np.mean(abs(model.predict(X) - 1e4 * y)) <= 1.001 * np.mean(abs(absolute.predict(X) - 1e4 * y))


@pytest.mark.parametrize("solver", ["auto", "sgd"])
@pytest.mark.parametrize("loss", ["huber", "absolute_error", "quantile", "log_cosh", "squared_error"])
def test_outputs_may_have_different_units(loss, solver):
    """The default penalty counts in the curvature of the loss, of which an output in a small unit has the most."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 5))
    Y = (X[:, :3] + 0.1 * rng.normal(size=(500, 3))) * [1e-3, 1.0, 1e4]
    model = GDRegressor(loss, solver=solver, random_state=0).fit(X, Y)
    assert r2_score(Y, model.predict(X), multioutput="raw_values").min() > 0.98
