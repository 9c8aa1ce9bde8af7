"""Streams without a learning rate: the proximal step, the moments of the features, and the model that predicts."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import brentq
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sklearn_gd import GDClassifier, GDRegressor, Penalty
from sklearn_gd._kernels.blocks import loss_blocks, loss_functions
from sklearn_gd._kernels.row_steps import row_loss
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, LogLoss
from sklearn_gd.penalties import L1, L2, ElasticNet

LAYOUTS = {"dense": np.asarray, "csr": sp.csr_array}
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 6)) * [1.0, 1e4, 1e-3, 1.0, 1.0, 5.0] + [0.0, 3e4, 0.0, 0.0, 0.0, 1.0]
X *= rng.random(X.shape) < 0.6
SCORE = X @ [1.0, 1e-4, 1e3, -1.0, 0.0, 0.2] + rng.normal(size=200)
WEIGHT = rng.uniform(0.2, 2.0, 200)
TARGETS = {"squared_error": SCORE, "huber": SCORE, "absolute_error": SCORE, "quantile": SCORE, "poisson": np.exp(SCORE / 10.0)}
LABELS = {"log_loss": 3, "hinge": 3, "multiclass_hinge": 3, "exponential": 2, "modified_huber": 2}


class Quartic(Penalty):
    """A custom smooth penalty."""

    @staticmethod
    def value(w):
        return 1e-4 * w**4

    @staticmethod
    def gradient(w):
        return 4e-4 * w**3


def estimator(loss, **parameters):
    return (GDRegressor if loss in TARGETS else GDClassifier)(loss, **parameters)


def target(loss):
    return TARGETS[loss] if loss in TARGETS else np.digitize(SCORE, np.quantile(SCORE, np.arange(1, LABELS[loss]) / LABELS[loss]))


def streamed(model, layout, y, rows):
    """One pass in calls of `rows` samples, pickled after each."""
    first = {} if isinstance(model, GDRegressor) else {"classes": np.unique(y)}
    for start in range(0, len(y), rows):
        part = slice(start, start + rows)
        model = pickle.loads(pickle.dumps(model.partial_fit(layout(X[part]), y[part], sample_weight=WEIGHT[part], **first)))
    return model


# --- the step ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("g", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("name", {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES})
def test_the_step_of_a_row_solves_its_equation(name, g):
    """u = -g slope(z + q u), compared with another root finder if the loss is smooth, else with the one-sided slopes."""
    loss = {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES}[name]()
    functions = loss_functions(loss, 1, False)
    compiled = row_loss(functions, loss_blocks(functions), averaged=True, from_null=True)
    slope = loss_blocks(functions).gradient
    for y, z, q in ((1.0, -0.7, 3.0), (1.0, 2.5, 1.0), (1.0, 0.9, 40.0)):

        def at(u, y=y, z=z, q=q):
            out = np.empty((1, 1))
            slope(np.array([[y]]), np.array([[z + q * u]]), out, functions.parameters)
            return u + g * out[0, 0]

        found = np.empty(1)
        compiled.prox(np.array([[y]]), np.array([z]), np.empty(1), g, q, loss.curvature_bound or 1.0, found, functions.parameters)
        low, high = sorted((0.0, -(at(0.0))))
        if at(0.0) == 0.0:
            assert found[0] == 0.0
        elif loss.smooth:
            assert found[0] == pytest.approx(brentq(at, low, high, xtol=1e-14), rel=1e-8, abs=1e-10)
        else:
            step = 1e-9 * max(1.0, abs(found[0]))
            assert at(found[0] - step) <= 1e-6
            assert at(found[0] + step) >= -1e-6


@pytest.mark.parametrize("g", [0.01, 1.0, 30.0])
def test_the_step_of_a_softmax_row_nearly_solves_its_equation(g):
    functions = loss_functions(LogLoss(), 4, True)
    compiled = row_loss(functions, loss_blocks(functions), averaged=True, from_null=True)
    z, q, u, slope = np.array([0.3, -1.0, 2.0, 0.1]), 5.0, np.empty(4), np.empty((1, 4))
    compiled.prox(np.array([[1.0]]), z, z, g, q, 1.0, u, functions.parameters)
    loss_blocks(functions).gradient(np.array([[1.0]]), (z + q * u)[None], slope, functions.parameters)
    explicit = np.empty((1, 4))
    loss_blocks(functions).gradient(np.array([[1.0]]), z[None], explicit, functions.parameters)
    # Much nearer to the root than the explicit step, and not beyond the sample's label.
    assert np.abs(u + g * slope[0]).max() <= 0.5 * g * np.abs(explicit).max()
    assert u[1] > 0.0
    assert (np.delete(u, 1) < 0.0).all()


# --- the pass ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("penalty", ["l2", L1(nonnegative=True), ElasticNet(standardize=True), Quartic()], ids=repr)
@pytest.mark.parametrize("loss", [*TARGETS, *LABELS])
def test_calls_of_any_length_give_one_model(loss, penalty, fit_intercept):
    """The tracks are the same to the last bit for any split into calls; CSR samples give the same model."""
    y = target(loss)
    model = estimator(loss, penalty=penalty, alpha=0.01, fit_intercept=fit_intercept)
    whole, cut, whole_csr, cut_csr = (streamed(clone(model), layout, y, n) for layout in LAYOUTS.values() for n in (200, 7))
    for one, other in ((whole, cut), (whole_csr, cut_csr)):
        for ours, theirs in zip(one._state.models(), other._state.models(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(whole_csr.coef_, whole.coef_, rtol=1e-6, atol=1e-9 * np.abs(whole.coef_).max())


def test_dense_and_csr_calls_alternate():
    y = target("log_loss")
    model, dense = GDClassifier(), GDClassifier()
    for start in range(0, 200, 20):
        part = slice(start, start + 20)
        model.partial_fit(list(LAYOUTS.values())[start // 20 % 2](X[part]), y[part], classes=[0, 1, 2])
        dense.partial_fit(X[part], y[part], classes=[0, 1, 2])
    np.testing.assert_allclose(model.coef_, dense.coef_, rtol=1e-6)


def test_units_of_columns_and_target_play_no_part():
    """Scaled and shifted features and a scaled target give the same predictions, if the penalty is independent of units."""
    y = SCORE
    first = GDRegressor(penalty=L2(standardize=True)).partial_fit(X, y).predict(X)
    factor, shift = 10.0 ** np.arange(-6, 6, 2), 1e3 * np.arange(6)
    moved = X * factor + shift * factor * X.std(axis=0)
    second = GDRegressor(penalty=L2(standardize=True)).partial_fit(moved, 1e5 * y).predict(moved)
    # Zeros are treated like other values here, except that they are not clipped.
    np.testing.assert_allclose(second / 1e5, first, rtol=1e-4, atol=1e-4 * np.abs(first).max())


def test_rows_of_weight_zero_do_not_exist():
    y, weight = target("log_loss"), WEIGHT.copy()
    weight[::3] = 0.0
    one = GDClassifier().partial_fit(X, y, classes=[0, 1, 2], sample_weight=weight)
    keep = weight > 0
    other = GDClassifier().partial_fit(X[keep], y[keep], classes=[0, 1, 2], sample_weight=weight[keep])
    np.testing.assert_array_equal(one.coef_, other.coef_)


@pytest.mark.parametrize(
    ("load", "least"), [(load_wine, 0.95), (load_breast_cancer, 0.92), (load_digits, 0.93), (load_diabetes, 0.3)]
)
def test_one_pass_over_raw_rows_learns(load, least):
    """The test score after a single pass on unscaled samples."""
    options = {"scaled": False} if load is load_diabetes else {}
    X_train, X_test, y_train, y_test = train_test_split(*load(return_X_y=True, **options), random_state=0)
    model = GDRegressor() if load is load_diabetes else GDClassifier()
    for start in range(0, len(y_train), 32):
        model.partial_fit(X_train[start : start + 32], y_train[start : start + 32])
    assert model.score(X_test, y_test) > least


def test_an_outlier_in_a_column_does_not_spoil_it():
    rows = np.random.default_rng(1).normal(size=(3000, 3))
    y = rows @ [1.0, 2.0, -1.0]
    rows[1500, 0] = 1e8
    model = GDRegressor().partial_fit(np.delete(rows, 1500, axis=0)[:1500], np.delete(y, 1500)[:1500])
    model.partial_fit(rows[1500:], y[1500:])
    keep = np.arange(3000) != 1500
    assert model.score(rows[keep], y[keep]) > 0.95


def test_averages_alone_predict_where_asked():
    """Also if the last iterates predict better."""
    model = GDRegressor(average=True).partial_fit(X, SCORE)
    state = model._state
    state.track.losses[:] = [0.0, 0.0, 0.0, 1.0, 2.0, 3.0]
    model.partial_fit(X[:1], SCORE[:1])
    average = state.copy().models()[1]
    assert model._state.averaged_only
    found = model.coef_ / model._state.columns.scale
    assert np.abs(found - average[0]).max() < 0.05 * np.abs(average[0]).max()


def test_a_stream_goes_on_from_a_fit():
    """The first samples after a fit hardly change a converged model."""
    X_train, y_train = load_diabetes(return_X_y=True, scaled=False)
    model = GDRegressor().fit(X_train, y_train)
    before = model.predict(X_train)
    model.partial_fit(X_train[:5], y_train[:5])
    assert np.abs(model.predict(X_train) - before).mean() < 0.1 * before.std()
    assert model.score(X_train, y_train) > 0.5


def test_a_standardised_penalty_without_an_intercept():
    """The steps scale the features about zero, but the penalty uses standard deviations about the mean."""
    parts = {"penalty": L2(standardize=True), "alpha": 0.5, "fit_intercept": False, "tol": None}
    shifted = X + np.arange(6.0)
    exact = GDRegressor(max_iter=1000, **parts).fit(shifted, SCORE)
    rows = GDRegressor(solver="sgd", max_iter=200, random_state=0, **parts).fit(shifted, SCORE)
    assert rows.loss_curve_[-1] <= min(exact.loss_curve_) * (1.0 + 1e-3)


def test_the_state_needs_no_compiler():
    """It can be created and can predict in a process without numba; also with the lasso and a custom penalty."""
    code = """
import sys
import numpy as np
from sklearn_gd import Penalty, losses, penalties
from sklearn_gd.descent import proximal_rows, variance_reduced
from sklearn_gd.descent._rows_state import RowsState
from sklearn_gd.descent._state import ModelState
from sklearn_gd.objective._objective import Objective

class Bounded(Penalty):
    @staticmethod
    def value(w):
        return 0.0 * w

    @staticmethod
    def prox(w, step):
        return np.minimum(w, 1.0)

X, y = np.array([[0.0, 2.0], [2.0, 0.0], [1.0, 1.0]]), np.zeros((3, 1))
for penalty in (penalties.L1(), Bounded(), penalties.L2(standardize=True)):
    parts = dict(loss=losses.Huber(), penalty=penalty, alpha=0.1, n_outputs=1, fit_intercept=True)
    objective = Objective(X, y, np.ones(3), **parts)
    assert not RowsState.begin(objective).predicting(objective).any()
    model = ModelState.of(objective, np.array([0.5, 2.0, 3.0]), 1.0, 3)
    theta = RowsState.at(model, objective).predicting(objective)
    np.testing.assert_allclose(theta, [0.5, 1.0, 4.0] if isinstance(penalty, Bounded) else [0.5, 2.0, 3.0])
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_epoch_without_gain_shortens_the_steps():
    model = GDRegressor(solver="sgd", max_iter=40, tol=None, random_state=0, alpha=1e-3).fit(X, SCORE)
    best = GDRegressor(tol=1e-12, alpha=1e-3).fit(X, SCORE).loss_curve_[-1]
    assert model._state.length < 1.0
    assert model.loss_curve_[-1] < best + 0.02 * (SCORE.var() / 2.0 - best)


@pytest.mark.parametrize("name", {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES})
def test_the_step_of_a_row_never_overshoots_it(name):
    """For all samples, the slope after the step has the same sign as before, or is zero."""
    loss = {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES}[name]()
    functions = loss_functions(loss, 1, False)
    compiled, slope = row_loss(functions, loss_blocks(functions), averaged=True, from_null=True), loss_blocks(functions).gradient
    draw, found, out = np.random.default_rng(0), np.empty(1), np.empty((1, 1))

    def slope_at(y, z):
        slope(np.array([[y]]), np.array([[z]]), out, functions.parameters)
        return out[0, 0]

    for _ in range(500):
        y = draw.choice([-1.0, 1.0]) * 10.0 ** draw.uniform(-6, 12)
        signs = loss.domain == "-1 or +1"
        y = np.sign(y) if signs else (y if loss.in_domain(np.array([-1.0]))[0] else abs(y))
        z, g, q = (
            draw.choice([-1.0, 1.0]) * 10.0 ** draw.uniform(-3, 12),
            10.0 ** draw.uniform(-8, 2),
            10.0 ** draw.uniform(0, 24),
        )
        before = slope_at(y, z)
        if not np.isfinite(before):
            continue
        compiled.prox(np.array([[y]]), np.array([z]), np.empty(1), g, q, loss.curvature_bound or 1.0, found, functions.parameters)
        moved = z + q * found[0]
        rounding = 1e-9 * (
            abs(z) + abs(moved) + (0.0 if loss.domain == "-1 or +1" else abs(y) if loss.scales_with_target else 0.0)
        )
        assert found[0] * before <= 0.0
        assert min(slope_at(y, moved - rounding) * np.sign(before), slope_at(y, moved + rounding) * np.sign(before)) <= abs(
            before
        ) * (1 + 1e-9)
        beyond = moved - rounding if found[0] > 0 else moved + rounding
        assert slope_at(y, beyond) * np.sign(before) >= 0.0


# --- counts, rare classes, outliers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [0.05, 1.0, 100.0])
@pytest.mark.parametrize("loss", ["poisson", "gamma", "tweedie"])
def test_the_total_of_the_predictions_is_that_of_the_targets(loss, mean):
    """After one pass, with exposures as weights, there is no bias by the step length, also for small counts."""
    draw = np.random.default_rng(0)
    rows, exposure = draw.normal(size=(20_000, 4)), draw.uniform(0.1, 1.0, 20_000)
    mu = mean * np.exp(rows @ [0.3, -0.2, 0.2, 0.0])
    y = draw.poisson(mu * exposure) / exposure if loss == "poisson" else mu * draw.gamma(2.0, 0.5, 20_000)
    stream = GDRegressor(loss)
    for start in range(0, len(y), 1000):
        part = slice(start, start + 1000)
        stream.partial_fit(rows[part], y[part], sample_weight=exposure[part])
    fit = GDRegressor(loss).fit(rows, y, sample_weight=exposure)
    assert exposure @ stream.predict(rows) == pytest.approx(exposure @ y, rel=0.05 if mean < 1.0 else 0.02)
    assert stream.score(rows, y, exposure) > fit.score(rows, y, exposure) - 0.004


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_rare_class_has_the_probability_of_its_share(share):
    draw = np.random.default_rng(1)
    rows = draw.normal(size=(20_000, 4))
    z = rows @ [0.5, -0.4, 0.3, 0.0]
    y = draw.random(20_000) < 1.0 / (1.0 + (1.0 / share - 1.0) * np.exp(0.12 - z))
    stream = GDClassifier()
    for start in range(0, len(y), 1000):
        stream.partial_fit(rows[start : start + 1000], y[start : start + 1000], classes=[False, True])
    assert stream.predict_proba(rows)[:, 1].sum() == pytest.approx(y.sum(), rel=0.1 if share < 0.1 else 0.03)
    fit = GDClassifier().fit(rows, y)
    assert log_loss(y, stream.predict_proba(rows)) < 1.01 * log_loss(y, fit.predict_proba(rows))


def test_features_without_an_effect_leave_a_rare_class_to_the_constant():
    draw = np.random.default_rng(2)
    rows, y = draw.normal(size=(3000, 20)), draw.random(3000) < 0.005
    model = GDClassifier()
    for start in range(0, len(y), 100):
        model.partial_fit(rows[start : start + 100], y[start : start + 100], classes=[False, True])
        if start >= 1000:
            p, constant = model.predict_proba(rows)[:, 1], (y[: start + 100].sum() + 0.5) / (start + 101.0)
            assert log_loss(y, p) < 1.02 * log_loss(y, np.full(3000, constant))


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_the_null_model_of_a_very_rare_class_is_the_constant_model(loss):
    """Labels are not clipped as outliers, and the best constant of hinge is a non-differentiable point for every share."""
    draw = np.random.default_rng(5)
    rows, y = draw.normal(size=(20_000, 3)), np.zeros(20_000, int)
    y[[900, 9000, 19_990]] = 1
    model = GDClassifier(loss)
    for start in range(0, len(y), 1000):
        model.partial_fit(rows[start : start + 1000], y[start : start + 1000], classes=[0, 1])
    constant = {"hinge": -1.0, "log_loss": np.log(3.5 / 19_997.5)}[loss]
    np.testing.assert_allclose(model.intercept_, constant, rtol=1e-9)
    assert not model.coef_.any()


@pytest.mark.parametrize("where", [0, 3])
@pytest.mark.parametrize("size", [75.0, 1e12])
def test_an_outlier_in_a_thousand_samples_does_not_ruin_an_exponential_stream(size, where):
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(8000, 5))
    y = draw.random(8000) < 1.0 / (1.0 + np.exp(-3.0 * rows @ [0.5, -0.4, 0.3, 0.2, 0.0]))
    spoiled, wild = rows.copy(), np.arange(500, 8000, 1000)
    spoiled[wild, where] = np.where(np.arange(8) % 2 == 0, size, -size)
    model = GDClassifier("exponential")
    for start in range(0, 8000, 32):
        model.partial_fit(spoiled[start : start + 32], y[start : start + 32], classes=[False, True])
    kept = np.delete(np.arange(8000), wild)
    assert model.score(rows[kept], y[kept]) > GDClassifier("exponential").fit(rows, y).score(rows[kept], y[kept]) - 0.02


@pytest.mark.parametrize("size", [75.0, 1e12])
@pytest.mark.parametrize("loss", ["poisson", "squared_error", "huber", "absolute_error", "log_loss", "hinge"])
def test_a_wild_sample_does_not_ruin_a_stream(loss, size):
    draw = np.random.default_rng(3)
    rows = draw.normal(size=(4000, 4))
    z = rows @ [0.5, -0.4, 0.3, 0.0]
    y = z + 0.3 * draw.normal(size=4000)
    if loss in LABELS:
        y = y > 0.0
    elif loss == "poisson":
        y = draw.poisson(np.exp(z + 1.0)) + 0.0
    clean, wild = estimator(loss), estimator(loss)
    spoiled = rows.copy()
    spoiled[3000, 0] = size
    for start in range(0, 4000, 32):
        part, first = slice(start, start + 32), {"classes": [False, True]} if loss in LABELS else {}
        clean.partial_fit(rows[part], y[part], **first)
        wild.partial_fit(spoiled[part], y[part], **first)
    assert wild.score(rows, y) > clean.score(rows, y) - 0.02


@pytest.mark.parametrize("loss", ["squared_error", "huber", "log_loss", "hinge"])
def test_a_wild_sample_leaves_a_fit_by_rows_where_it_leaves_batch_descent(loss):
    """An outlier of 1e12 in a relevant feature: both fits lose this feature, and keep the others."""
    draw = np.random.default_rng(4)
    rows = draw.normal(size=(2000, 4))
    y = rows @ [0.5, -0.4, 0.3, 0.0] + 0.3 * draw.normal(size=2000)
    if loss in LABELS:
        y = y > 0.0
    spoiled = rows.copy()
    spoiled[700, 0] = 1e12
    batch, by_rows = (clone(estimator(loss)).set_params(solver=solver, random_state=0) for solver in ("batch", "sgd"))
    assert by_rows.fit(spoiled, y).score(rows, y) > batch.fit(spoiled, y).score(rows, y) - 0.02


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_one_pass_learns_under_every_loss_of_amounts(loss):
    """Also for losses that are flat at a residual of zero, such as those with an insensitive tube."""
    draw = np.random.default_rng(5)
    rows = draw.normal(size=(4000, 4))
    z = rows @ [0.5, -0.4, 0.3, 0.0]
    y = np.exp(z + 0.3 * draw.normal(size=4000)) if loss in ("poisson", "gamma", "tweedie") else z + 0.3 * draw.normal(size=4000)
    stream = GDRegressor(loss)
    for start in range(0, 4000, 100):
        stream.partial_fit(rows[start : start + 100], y[start : start + 100])
    assert stream.score(rows, y) > GDRegressor(loss).fit(rows, y).score(rows, y) - 0.02


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", ["poisson", "squared_error"])
def test_a_fit_by_rows_reaches_a_wild_sample(loss, layout):
    """An outlier of 75 standard deviations has the same influence as in batch descent."""
    draw = np.random.default_rng(6)
    rows = draw.normal(size=(4000, 5))
    z = rows @ [0.5, -0.4, 0.3, 0.2, 0.0]
    y = draw.poisson(np.exp(z + 1.0)) + 0.0 if loss == "poisson" else z + 0.3 * draw.normal(size=4000)
    spoiled = rows.copy()
    spoiled[3000, 0] = 75.0
    batch, by_rows = (GDRegressor(loss, solver=solver, random_state=0) for solver in ("batch", "sgd"))
    batch.fit(LAYOUTS[layout](spoiled), y)
    by_rows.fit(LAYOUTS[layout](spoiled), y)
    assert min(by_rows.loss_curve_) < 1.2 * min(batch.loss_curve_)
    assert by_rows.score(rows, y) > batch.score(rows, y) - 0.05


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "tweedie", "squared_hinge"])
def test_values_that_mark_missing_ones_do_not_end_a_fit_at_the_null_model(loss):
    """The loss of such a sample exceeds all others, so the null model predicts new samples best, although its F is not lowest."""
    draw = np.random.default_rng(2)
    rows = np.column_stack([draw.normal(size=(500, 6)), np.where(draw.random((500, 2)) < 0.01, 1e6, draw.normal(size=(500, 2)))])
    z = rows[:, :6] @ [1.0, -1.0, 2.0, 0.5, -0.5, 1.0]
    kind = GDRegressor if loss in REGRESSION_LOSSES else GDClassifier
    if kind is GDClassifier:
        y = z + draw.normal(size=500) > 0.0
    else:
        y = z if loss == "squared_error" else draw.poisson(np.exp(0.5 * z)) + 0.0
    models = kind(loss).fit(rows, y), kind(loss, solver="sgd", random_state=0).fit(rows, y), kind(loss).fit(np.zeros((500, 1)), y)
    least, found, constant = (each.loss_curve_[-1] for each in models)
    assert found - least < 0.02 * (constant - least)


@pytest.mark.parametrize("rows", [1, 32, 1000])
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "log_loss", "squared_hinge"])
def test_values_that_mark_missing_ones_do_not_end_a_stream_at_the_null_model(loss, rows):
    """The scale of a feature follows the first few outlying values, and what they cost does not count against a model."""
    draw = np.random.default_rng(0)
    X = draw.normal(size=(6000, 8))
    z = X @ [1.0, -1.0, 2.0, 0.5, -0.5, 1.0, 0.0, 1.0]
    X[:, 5:][draw.random((6000, 3)) < 0.01] = 1e6
    kind = GDRegressor if loss in REGRESSION_LOSSES else GDClassifier
    noisy = z + draw.normal(size=6000)
    y = {"squared_error": noisy, "poisson": draw.poisson(np.exp(0.5 * z)) + 0.0}.get(loss, noisy > 0.0)
    batch, stream = kind(loss).fit(X[:4000], y[:4000]), kind(loss)
    first = {} if kind is GDRegressor else {"classes": [False, True]}
    for start in range(0, 4000, rows):
        stream.partial_fit(X[start : start + rows], y[start : start + rows], **first)
    assert stream.score(X[4000:], y[4000:]) > batch.score(X[4000:], y[4000:]) - 0.03
