"""The model that predicts in a stream: the mixture of the tracks, and concept drift."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd._kernels.mixture import BOLD_ROWS, LEAST_BOUND, NULL_HANDICAP, PRIOR_ROWS, SHARED_ROWS, compiled_weigh
from sklearn_gd._layout import INFORMATION, MIXED_HORIZON, MIXED_WEIGHT, N_ROW_COUNTERS
from sklearn_gd.descent._rows_arrays import new_mixture

LAYOUTS = {"dense": np.asarray, "csr": sp.csr_array}


def before_learning(model, X, y, rows, layout=np.asarray):
    """Predictions of each call's samples by the model before the call; zeros for the first call."""
    found, first = np.zeros(len(y)), {} if isinstance(model, GDRegressor) else {"classes": np.unique(y)}
    for start in range(0, len(y), rows):
        part = slice(start, start + rows)
        if start:
            found[part] = model.predict(layout(X[part]))
        model.partial_fit(layout(X[part]), y[part], **first)
        first = {}
    return found


def explained(y, found):
    return 1.0 - np.mean((y - found) ** 2) / np.var(y)


# --- the weights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1.0, 40.0, 1000.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_weights_minimise_the_quadratic_model(seed, horizon):
    """Over non-negative weights, with a sum of one over the models and a bound for the first: compared with another solver."""
    draw, mixture, counters = np.random.default_rng(seed), new_mixture(1), np.zeros(N_ROW_COUNTERS)
    counters[INFORMATION] = 1.0
    n = len(mixture.weights)
    terms = draw.normal(size=(50, n))
    mixture.products[:], mixture.right[:] = terms.T @ terms, terms.T @ (draw.normal(size=50) + terms[:, 0])
    mixture.sums[[MIXED_WEIGHT, MIXED_HORIZON]] = 50.0, 50.0 * horizon
    losses = 25.0 + draw.random(n - 1)
    compiled_weigh()(losses, mixture.weights, mixture.products, mixture.right, mixture.sums, np.empty(n), counters)
    unit = losses.min() / 50.0 * (1.0 + horizon / SHARED_ROWS)
    handicap = np.append(np.ones(n - 2), NULL_HANDICAP)
    prior = np.append(np.exp((losses.min() - handicap * losses) / unit), 0.0)
    prior /= prior.sum()
    ridge = (PRIOR_ROWS + horizon) / 50.0 * np.trace(mixture.products) / n

    def value(w):
        return 0.5 * w @ mixture.products @ w - mixture.right @ w + 0.5 * ridge * np.sum((w - prior) ** 2)

    sums_to_one = {"type": "eq", "fun": lambda w: w[:-1].sum() - 1.0}
    bounds = [(0.0, min(max(BOLD_ROWS / horizon, LEAST_BOUND), 1.0)), *[(0.0, 1.0)] * (n - 1)]
    best = minimize(value, prior, bounds=bounds, constraints=sums_to_one, tol=1e-12)
    np.testing.assert_allclose(mixture.weights, best.x, atol=1e-4)


def test_models_that_are_alike_share_the_weight_by_their_losses():
    """Rounding errors do not determine the weights."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X @ [1.0, 2.0, 3.0] + rng.normal(size=300)
    model = GDRegressor().fit(X, y)
    before = model.coef_.copy()
    model.partial_fit(X[:5], y[:5])
    assert np.abs(model.coef_ - before).max() < 0.02
    assert model._state.mixture.weights[:3].max() < 1e-3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_zero_of_the_targets_plays_next_to_no_part(layout):
    """The weights do not depend on the zero of the targets; the first steps of the intercept do."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4)) * (rng.random((2000, 4)) < 0.7)
    y = X @ [1.0, -1.0, 2.0, 0.0] + rng.normal(size=2000)
    parts = {"penalty": None, "alpha": 0.0}
    found = before_learning(GDRegressor(**parts), X, y, 50, LAYOUTS[layout])
    moved = before_learning(GDRegressor(**parts), X, 1e3 * y + 1e5, 50, LAYOUTS[layout])
    np.testing.assert_allclose((moved[500:] - 1e5) / 1e3, found[500:], atol=1e-3)


def test_the_prediction_is_the_mixture_of_the_models():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = np.cumsum(rng.normal(size=500)) + X[:, 0]
    model = GDRegressor(penalty=None).partial_fit(X, y)
    state = model._state
    coef, average, intercept, average_intercept = state.models()
    scaled = (X - state.columns.mean) * state.columns.scale
    null, offset = np.full((500, 1), y.mean()), np.tile(state.mixture.offset, (500, 1))
    scores = np.hstack([scaled @ coef[1:].T + intercept[1:], scaled @ average.T + average_intercept, null, offset])
    np.testing.assert_allclose(scores @ state.mixture.weights, model.predict(X))
    assert state.mixture.weights.min() >= 0.0
    assert state.mixture.weights[:-1].sum() == pytest.approx(1.0)


# --- drift ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rows", [1, 20])
def test_it_recovers_from_an_abrupt_change(rows, layout):
    """The coefficients change half-way; 300 samples later the model has adapted."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(2000, 4))
    w = np.where(np.arange(2000)[:, None] < 1000, [1.0, -2.0, 0.5, 1.0], [-2.0, 1.0, 0.5, -1.0])
    y = (w * X).sum(axis=1) + 0.1 * rng.normal(size=2000)
    found = before_learning(GDRegressor(), X, y, rows, LAYOUTS[layout])
    assert explained(y[500:1000], found[500:1000]) > 0.98
    assert explained(y[1300:], found[1300:]) > 0.95


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("constant", [0.0, 7.0])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_it_learns_after_targets_that_were_constant(loss, constant, layout):
    """Losses next to zero so far are no measure of the following ones, which are no outliers."""
    draw = np.random.default_rng(0)
    X = draw.normal(size=(1200, 5))
    y = X @ draw.normal(size=5) + 0.3 * draw.normal(size=1200) + 3.0
    y[:400] = constant
    found = before_learning(GDRegressor(loss), X, y, 10, layout)
    assert explained(y[450:], found[450:]) > 0.8


def test_it_follows_coefficients_that_wander():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(4000, 5))
    w = 1.0 + 0.03 * np.cumsum(rng.normal(size=(4000, 5)), axis=0)
    y = (w * X).sum(axis=1) + 0.5 * rng.normal(size=4000)
    found = before_learning(GDRegressor(), X, y, 10)
    assert explained(y[1000:], found[1000:]) > 0.9


def test_labels_that_persist_are_predicted_from_the_last_ones():
    """The previous label is more informative than the features: useful in calls of one, not in calls of 100."""
    rng = np.random.default_rng(3)
    y = np.cumsum(rng.random(3000) > 0.9) % 2
    X = rng.normal(size=(3000, 3)) + 0.3 * y[:, None]
    one = before_learning(GDClassifier(), X, y, 1)
    many = before_learning(GDClassifier(), X, y, 100)
    assert np.mean(one[500:] == y[500:]) > 0.87
    # The running null model predicts in some of the calls.
    assert np.mean(many[500:] == y[500:]) > np.mean(GDClassifier().fit(X, y).predict(X[500:]) == y[500:]) - 0.05


@pytest.mark.parametrize("rows", [10, 500])
def test_it_does_not_drift_where_the_rows_do_not(rows):
    """Log loss within 2% of that of `fit` on later samples."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(9000, 5))
    y = (X @ [1.0, -1.0, 0.5, 0.0, 0.0] + rng.logistic(size=9000) > 0).astype(int)

    def log_loss(model):
        return -np.mean(np.log(model.predict_proba(X[6000:])[np.arange(3000), y[6000:]]))

    model = GDClassifier()
    for start in range(0, 6000, rows):
        model.partial_fit(X[start : start + rows], y[start : start + rows], classes=[0, 1])
    assert log_loss(model) < 1.02 * log_loss(GDClassifier().fit(X[:6000], y[:6000]))


def test_a_class_that_begins_at_the_end_of_a_call():
    """All samples of the next call have it; no model at the start of the earlier call could predict it."""
    rng = np.random.default_rng(6)
    y = np.zeros(5000, dtype=int)
    y[:3800][rng.random(3800) < 0.05], y[3800:] = 1, 2
    X = rng.normal(size=(5000, 6)) + np.array([np.zeros(6), np.full(6, -2.0), np.full(6, 3.0)])[y]
    found = before_learning(GDClassifier(), X, y, 1000)
    assert np.mean(found[4000:] == y[4000:]) > 0.95


def test_the_null_model_does_not_predict_after_a_change():
    """A model that was wrong after a change has a larger loss than the null model, but predicts better one call later."""
    rng = np.random.default_rng(8)
    X = rng.normal(size=(20_000, 6))
    w = np.repeat(rng.normal(size=(8, 6)), 2500, axis=0)
    y = (2.0 * (w * X).sum(axis=1) + rng.logistic(size=20_000) > 0).astype(int)
    found = before_learning(GDClassifier(), X, y, 1000)
    assert np.mean(found[1000:] == y[1000:]) > 0.7


def test_a_feature_that_wakes_up_is_standardised_at_once():
    """A feature that is constant for long and then varies: its scale is updated immediately, for the next samples."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(3000, 2))
    X[:, 1] = np.arange(3000) >= 2000
    y = X @ [1.0, 5.0] + 0.1 * rng.normal(size=3000)
    models = {}
    for name, layout in LAYOUTS.items():
        model = GDRegressor()
        found = before_learning(model, X, y, 10, layout)
        assert explained(y[2050:2300], found[2050:2300]) > 0.9
        models[name] = model
    columns = models["dense"]._state.columns
    assert 1.0 / columns.scale[1] > 0.8 * X[:, 1].std()
    np.testing.assert_allclose(models["csr"].coef_, models["dense"].coef_, rtol=1e-6)
