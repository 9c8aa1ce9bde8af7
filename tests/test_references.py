"""Optima and steps compared with other programs: scikit-learn's linear models and SGD, and linear programs.

Each reference minimises the same F with another unit of its strength, which its test states: with n samples, a sum of losses
times C plus 1/2 |w|^2 is F with alpha = 1 / (C n).
"""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from oracle import F, encoded
from scipy.optimize import linprog, minimize
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from versions import L1_OF_LOGISTIC_REGRESSION

from sklearn_gd import GDClassifier, GDRegressor, losses, penalties
from sklearn_gd.losses import (
    AbsoluteError,
    EpsilonInsensitive,
    Exponential,
    Huber,
    LogCosh,
    ModifiedHuber,
    MulticlassHinge,
    Quantile,
    SquaredEpsilonInsensitive,
    Tweedie,
)
from sklearn_gd.penalties import NoPenalty, resolve_penalty

LAYOUTS = {"dense": np.ascontiguousarray, "csr": sp.csr_array}
DIABETES = load_diabetes(return_X_y=True, scaled=False)
SCALED_DIABETES = StandardScaler().fit_transform(DIABETES[0]), DIABETES[1]
CANCER = StandardScaler().fit_transform(load_breast_cancer().data), load_breast_cancer().target
WINE = StandardScaler().fit_transform(load_wine().data), load_wine().target
TIGHT = {"tol": 1e-13, "max_iter": 20_000, "n_iter_no_change": 10}


def fitted(model, X, y, layout="dense", weight=None):
    """The model, fitted without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        return model.set_params(**TIGHT).fit(LAYOUTS[layout](X), y, sample_weight=weight)


def objective(model, X, y, coef, intercept, weight=None):
    """The oracle's F of the model's components at given coefficients."""
    loss = model.loss_
    target, _, one_vs_rest = encoded(y) if isinstance(model, GDClassifier) else (np.reshape(y, (len(y), -1)), 1, False)
    parts = {
        "loss": loss,
        "penalty": resolve_penalty(model.penalty, model.l1_ratio),
        "alpha": model.alpha,
        "one_vs_rest": one_vs_rest,
    }
    return F(X, target, np.ones(len(y)) if weight is None else weight, coef, intercept, **parts)


def assert_same_optimum(model, X, y, coef, intercept, *, same_coefficients, weight=None):
    """F is within 1e-5 of the reference's; so are the coefficients, relative to the largest, if the minimiser is unique."""
    ours = objective(model, X, y, model.coef_, model.intercept_, weight)
    reference = objective(model, X, y, coef, intercept, weight)
    assert ours == pytest.approx(reference, rel=1e-5)
    if same_coefficients:
        np.testing.assert_allclose(np.ravel(model.coef_), np.ravel(coef), rtol=0, atol=1e-5 * np.abs(coef).max())
        np.testing.assert_allclose(model.intercept_, intercept, rtol=1e-5, atol=1e-5 * np.abs(coef).max())


# --- smooth losses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [1e-4, 0.1, 10.0])
def test_ridge(alpha, fit_intercept, layout):
    """scikit-learn's Ridge on unscaled features: |y - Xw|^2 + a |w|^2 is 2 n F with a = n alpha. Weights, two outputs."""
    X, y = DIABETES
    Y = np.column_stack([y, X[:, 2] ** 2 + y])
    weight = np.random.default_rng(0).uniform(0.2, 3.0, len(y))
    model = fitted(GDRegressor(penalty="l2", alpha=alpha, fit_intercept=fit_intercept), X, Y, layout, weight)
    reference = Ridge(alpha=alpha * weight.sum(), fit_intercept=fit_intercept, solver="svd" if not fit_intercept else "auto")
    reference.fit(X, Y, sample_weight=weight)
    target = [objective(model, X, Y, m.coef_, m.intercept_, weight) for m in (model, reference)]
    assert target[0] == pytest.approx(target[1], rel=1e-9)
    size = np.abs(reference.coef_).max()
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=0, atol=1e-5 * size)
    np.testing.assert_allclose(model.intercept_, reference.intercept_, rtol=1e-5, atol=1e-5 * size)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("data", ["cancer", "wine"])
def test_logistic_regression(data, fit_intercept, layout):
    """Two classes and the softmax of three: C = 1 / (alpha n). Intercepts of a softmax are free up to a constant."""
    X, y = {"cancer": CANCER, "wine": WINE}[data]
    alpha = 1e-3
    model = fitted(GDClassifier(penalty="l2", alpha=alpha, fit_intercept=fit_intercept), X, y, layout)
    reference = LogisticRegression(
        C=1.0 / (alpha * len(y)), fit_intercept=fit_intercept, tol=1e-12, solver="newton-cg", max_iter=10_000
    )
    reference.fit(X, y)
    coef, intercept = reference.coef_, reference.intercept_
    if data == "wine":
        # A shift of all intercepts does not change F.
        model.intercept_ = model.intercept_ - model.intercept_.mean()
        intercept = intercept - intercept.mean()
    assert_same_optimum(model, X, y, coef, intercept, same_coefficients=True)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("balanced", [False, True])
def test_squared_hinge(balanced, layout):
    """LinearSVC penalises its intercept, so there is none here. A sum of losses times C: C = 1 / (alpha n)."""
    X, y = CANCER
    alpha = 1e-3
    class_weight = "balanced" if balanced else None
    model = fitted(
        GDClassifier("squared_hinge", penalty="l2", alpha=alpha, fit_intercept=False, class_weight=class_weight), X, y, layout
    )
    weight = np.where(y == 1, 0.5 / np.mean(y == 1), 0.5 / np.mean(y == 0)) if balanced else None
    reference = LinearSVC(
        C=1.0 / (alpha * len(y)), fit_intercept=False, dual=False, tol=1e-12, max_iter=100_000, class_weight=class_weight
    )
    reference.fit(X, y)
    assert_same_optimum(model, X, y, reference.coef_, 0.0, same_coefficients=True, weight=weight)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_squared_hinge_of_three_classes(layout):
    """One-vs-rest in one fit: the three minimisers equal those of three fits."""
    X, y = WINE
    model = fitted(GDClassifier("squared_hinge", penalty="l2", alpha=1e-2, fit_intercept=False), X, y, layout)
    reference = LinearSVC(C=1.0 / (1e-2 * len(y)), fit_intercept=False, dual=False, tol=1e-12, max_iter=100_000).fit(X, y)
    assert_same_optimum(model, X, y, reference.coef_, np.zeros(3), same_coefficients=True)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        ("poisson", PoissonRegressor(solver="newton-cholesky")),
        ("gamma", GammaRegressor(solver="newton-cholesky")),
        (Tweedie(power=1.5), TweedieRegressor(power=1.5, link="log", solver="newton-cholesky")),
        (Tweedie(power=1.0), PoissonRegressor(solver="newton-cholesky")),
        (Tweedie(power=2.0), GammaRegressor(solver="newton-cholesky")),
        (Tweedie(power=3.0), TweedieRegressor(power=3.0, link="log", solver="lbfgs")),
        (Tweedie(power=0.0), TweedieRegressor(power=0.0, link="log", solver="lbfgs")),
    ],
    ids=str,
)
@pytest.mark.parametrize("alpha", [1e-3, 1.0])
def test_generalised_linear_models(loss, reference, alpha, layout):
    """Half a mean deviance and alpha/2 |w|^2: the same units as ours."""
    X, y = SCALED_DIABETES
    weight = np.random.default_rng(0).uniform(0.2, 3.0, len(y))
    model = fitted(GDRegressor(loss, penalty="l2", alpha=alpha), X, y / 100.0, layout, weight)
    with warnings.catch_warnings():
        # lbfgs may warn that it is limited by rounding errors.
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference.set_params(alpha=alpha, tol=1e-12, max_iter=10_000).fit(X, y / 100.0, sample_weight=weight)
    assert_same_optimum(model, X, y / 100.0, reference.coef_, reference.intercept_, same_coefficients=True, weight=weight)
    np.testing.assert_allclose(model.predict(X), reference.predict(X), rtol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_squared_epsilon_insensitive(layout):
    """LinearSVR with squared losses; its intercept is penalised, so there is none. C = 1 / (alpha n)."""
    X, y = SCALED_DIABETES[0], (DIABETES[1] - DIABETES[1].mean()) / DIABETES[1].std()
    model = fitted(
        GDRegressor(SquaredEpsilonInsensitive(epsilon=0.3), penalty="l2", alpha=1e-2, fit_intercept=False), X, y, layout
    )
    reference = LinearSVR(
        C=1.0 / (1e-2 * len(y)),
        epsilon=0.3,
        loss="squared_epsilon_insensitive",
        dual=False,
        fit_intercept=False,
        tol=1e-12,
        max_iter=100_000,
    )
    reference.fit(X, y)
    assert_same_optimum(model, X, y, reference.coef_, 0.0, same_coefficients=True)


def huber(r, delta=0.5):
    """Huber's loss of a residual and its slope."""
    return np.where(np.abs(r) <= delta, 0.5 * r * r, delta * (np.abs(r) - 0.5 * delta)), np.clip(r, -delta, delta)


def log_cosh(r):
    """log cosh of a residual and its slope."""
    return np.logaddexp(r, -r) - np.log(2.0), np.tanh(r)


def exponential(m):
    """exp(-m) of a margin and its slope."""
    return np.exp(-m), -np.exp(-m)


def modified_huber(m):
    """The modified Huber loss of a margin and its slope."""
    inside = np.maximum(1.0 - m, 0.0)
    return np.where(m < -1.0, -4.0 * m, inside**2), np.where(m < -1.0, -4.0, -2.0 * inside)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("loss", "function"),
    [(Huber(delta=0.5), huber), (LogCosh(), log_cosh), (Exponential(), exponential), (ModifiedHuber(), modified_huber)],
    ids=["huber", "log_cosh", "exponential", "modified_huber"],
)
def test_losses_without_a_twin(loss, function, layout):
    """The loss in NumPy, minimised by BFGS."""
    regression = isinstance(loss, losses.RegressionLoss)
    X, y = (SCALED_DIABETES[0], SCALED_DIABETES[1] / 100.0) if regression else CANCER
    alpha, target = 1e-2, y if regression else 2.0 * y - 1.0

    def value_and_slope(theta):
        raw = X @ theta[:-1] + theta[-1]
        value, slope = function(raw - target if regression else raw * target)
        slope = (slope if regression else slope * target) / len(y)
        return value.mean() + 0.5 * alpha * theta[:-1] @ theta[:-1], np.append(X.T @ slope + alpha * theta[:-1], slope.sum())

    best = minimize(
        value_and_slope, np.zeros(X.shape[1] + 1), jac=True, method="BFGS", options={"gtol": 1e-11, "maxiter": 10_000}
    ).x
    model = fitted((GDRegressor if regression else GDClassifier)(loss, penalty="l2", alpha=alpha), X, y, layout)
    assert_same_optimum(model, X, y, best[:-1], best[-1], same_coefficients=True)


# --- l1 and constraints --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("alpha", "l1_ratio"), [(0.01, 1.0), (1.0, 1.0), (10.0, 1.0), (0.1, 0.5), (1.0, 0.15), (1e-3, 0.9)])
@pytest.mark.parametrize("positive", [False, True])
def test_lasso_and_elastic_net(alpha, l1_ratio, fit_intercept, positive, layout):
    """1/2n |y - Xw|^2 + alpha (r |w| + (1 - r)/2 |w|^2): the same units; the same coefficients are exactly zero."""
    X, y = SCALED_DIABETES
    if l1_ratio == 1.0:
        ours, reference = penalties.L1(nonnegative=positive), Lasso(alpha=alpha)
    else:
        ours, reference = penalties.ElasticNet(l1_ratio, nonnegative=positive), ElasticNet(alpha=alpha, l1_ratio=l1_ratio)
    model = fitted(GDRegressor(penalty=ours, alpha=alpha, fit_intercept=fit_intercept), X, y, layout)
    reference.set_params(fit_intercept=fit_intercept, positive=positive, tol=1e-14, max_iter=1_000_000).fit(X, y)
    assert_same_optimum(model, X, y, reference.coef_, reference.intercept_, same_coefficients=True)
    np.testing.assert_array_equal(model.coef_ == 0.0, reference.coef_ == 0.0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_nonnegative_least_squares(fit_intercept, layout):
    """LinearRegression(positive=True), from Lawson and Hanson's method."""
    X, y = SCALED_DIABETES
    model = fitted(GDRegressor(penalty=NoPenalty(nonnegative=True), fit_intercept=fit_intercept), X, y, layout)
    reference = LinearRegression(positive=True, fit_intercept=fit_intercept).fit(X, y)
    assert_same_optimum(model, X, y, reference.coef_, reference.intercept_, same_coefficients=True)
    np.testing.assert_array_equal(model.coef_ == 0.0, reference.coef_ == 0.0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("data", ["cancer", "wine"])
def test_logistic_regression_with_l1(data, layout):
    """liblinear with l1 (two classes, without the intercept, which it penalises) and SAGA (three). C = 1 / (alpha n)."""
    X, y = {"cancer": CANCER, "wine": WINE}[data]
    alpha = 1e-2
    shared = L1_OF_LOGISTIC_REGRESSION | {"C": 1.0 / (alpha * len(y)), "fit_intercept": False, "tol": 1e-9, "max_iter": 100_000}
    reference = LogisticRegression(solver="liblinear" if data == "cancer" else "saga", **shared).fit(X, y)
    model = fitted(GDClassifier(penalty="l1", alpha=alpha, fit_intercept=False), X, y, layout)
    assert_same_optimum(model, X, y, reference.coef_, np.zeros(len(reference.coef_)), same_coefficients=False)


# --- non-smooth losses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("alpha", [1e-3, 1e-2, 0.1])
def test_hinge(alpha, layout):
    """The support vector machine without intercept (which LinearSVC penalises). C = 1 / (alpha n)."""
    X, y = CANCER
    model = fitted(GDClassifier("hinge", penalty="l2", alpha=alpha, fit_intercept=False), X, y, layout)
    reference = LinearSVC(
        C=1.0 / (alpha * len(y)), loss="hinge", fit_intercept=False, tol=1e-10, max_iter=10_000_000, random_state=0
    )
    reference.fit(X, y)
    assert_same_optimum(model, X, y, reference.coef_, 0.0, same_coefficients=False)


@pytest.mark.parametrize("loss", ["hinge", "multiclass_hinge"])
@pytest.mark.parametrize("data", [load_breast_cancer, load_wine], ids=["cancer", "wine"])
def test_hinge_at_the_default_stop(data, loss):
    """On raw features F exceeds its minimum by little; gradients alone stop 12 to 60% above."""
    X, y = data(return_X_y=True)
    curves = [GDClassifier(loss, **settings).fit(X, y).loss_curve_ for settings in ({}, {"tol": 1e-7, "max_iter": 5000})]
    default, least = (np.sum([np.min(curve) for curve in np.atleast_2d(each)]) for each in curves)
    assert default <= 1.01 * least


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("alpha", [1e-2, 0.1])
def test_epsilon_insensitive_with_l2(alpha, layout):
    """Support vector regression without intercept. C = 1 / (alpha n)."""
    X, y = SCALED_DIABETES[0], (DIABETES[1] - DIABETES[1].mean()) / DIABETES[1].std()
    model = fitted(GDRegressor(EpsilonInsensitive(epsilon=0.3), penalty="l2", alpha=alpha, fit_intercept=False), X, y, layout)
    shared = {"C": 1.0 / (alpha * len(y)), "epsilon": 0.3, "fit_intercept": False, "random_state": 0}
    reference = LinearSVR(**shared, tol=1e-10, max_iter=10_000_000).fit(X, y)
    assert_same_optimum(model, X, y, reference.coef_, 0.0, same_coefficients=False)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.1])
def test_quantile_regression(quantile, alpha, layout):
    """QuantileRegressor: a mean of pinball losses and alpha |w|, as a linear program; the same units."""
    X, y = SCALED_DIABETES[0], SCALED_DIABETES[1] / 100.0
    model = fitted(GDRegressor(Quantile(quantile), penalty="l1", alpha=alpha), X, y, layout)
    reference = QuantileRegressor(quantile=quantile, alpha=alpha, solver="highs").fit(X, y)
    assert_same_optimum(model, X, y, reference.coef_, reference.intercept_, same_coefficients=False)


def linear_program(X, y, epsilon, alpha):
    """(coef, intercept) of the least mean of max(0, |residual| - epsilon) plus alpha |w|, exactly."""
    n, d = X.shape
    # Unknowns: w+, w-, b, and the excess of each sample; all except b are non-negative.
    cost = np.concatenate([np.full(2 * d, alpha), [0.0], np.full(n, 1.0 / n)])
    rows = np.hstack([X, -X, np.ones((n, 1))])
    above, below = np.hstack([rows, -np.eye(n)]), np.hstack([-rows, -np.eye(n)])
    bounds = [(0, None)] * (2 * d) + [(None, None)] + [(0, None)] * n
    result = linprog(cost, A_ub=np.vstack([above, below]), b_ub=np.concatenate([y + epsilon, epsilon - y]), bounds=bounds)
    assert result.success
    return result.x[:d] - result.x[d : 2 * d], result.x[2 * d]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("loss", "epsilon"), [(EpsilonInsensitive(epsilon=0.3), 0.3), (AbsoluteError(), 0.0)], ids=str)
@pytest.mark.parametrize("alpha", [0.0, 0.02])
def test_absolute_losses(loss, epsilon, alpha, layout):
    """Support vector regression and least absolute deviations with an l1 penalty or none: linear programs."""
    X, y = SCALED_DIABETES[0], SCALED_DIABETES[1] / 100.0
    model = fitted(GDRegressor(loss, penalty="l1", alpha=alpha), X, y, layout)
    assert_same_optimum(model, X, y, *linear_program(X, y, epsilon, alpha), same_coefficients=False)


def multiclass_program(X, y, alpha):
    """(coef, intercept) of Weston and Watkins's machine of three classes with an l1 penalty, exactly."""
    n, d = X.shape
    # Unknowns: W+, W- of three classes, three intercepts, two excesses a row.
    cost = np.concatenate([np.full(6 * d, alpha), np.zeros(3), np.full(2 * n, 1.0 / n)])
    constraints = []
    for i in range(n):
        for at, k in enumerate(k for k in range(3) if k != y[i]):
            row = np.zeros(len(cost))
            for other, sign in ((k, 1.0), (y[i], -1.0)):
                row[other * d : (other + 1) * d] = sign * X[i]
                row[(3 + other) * d : (4 + other) * d] = -sign * X[i]
                row[6 * d + other] = sign
            row[6 * d + 3 + 2 * i + at] = -1.0
            constraints.append(row)
    bounds = [(0, None)] * (6 * d) + [(None, None)] * 3 + [(0, None)] * (2 * n)
    result = linprog(cost, A_ub=np.array(constraints), b_ub=np.full(2 * n, -1.0), bounds=bounds)
    assert result.success
    return (result.x[: 3 * d] - result.x[3 * d : 6 * d]).reshape(3, d), result.x[6 * d : 6 * d + 3]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_multiclass_hinge(layout):
    """Weston and Watkins's machine with an l1 penalty is a linear program too."""
    X, y = WINE
    model = GDClassifier(MulticlassHinge(), penalty="l1", alpha=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.set_params(**TIGHT | {"tol": 1e-10}).fit(LAYOUTS[layout](X), y)
    assert_same_optimum(model, X, y, *multiclass_program(X, y, 0.1), same_coefficients=False)


def test_a_tight_tolerance_does_not_end_in_a_wide_smoothing():
    """3000 iterations minimise the multi-class hinge with a weak penalty to within 1e-4 of its minimum."""
    X, y = WINE
    model = GDClassifier(MulticlassHinge(), penalty="l1", alpha=0.01, tol=1e-12, max_iter=3000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    ours, least = (objective(model, X, y, *each) for each in ((model.coef_, model.intercept_), multiclass_program(X, y, 0.01)))
    assert ours == pytest.approx(least, rel=1e-4)


# --- step for step -------------------------------------------------------------------------------------------------------

STEPS = {"solver": "sgd", "optimizer": "gd", "max_iter": 3, "tol": None, "shuffle": False}
SGD_STEPS = {"max_iter": 3, "tol": None, "shuffle": False}


def same_rows(layout):
    """Dense samples with and without intercept; CSR without, as scikit-learn uses other intercept steps for CSR."""
    return [True, False] if layout == "dense" else [False]


SGD_CASES = [(layout, intercept) for layout in LAYOUTS for intercept in same_rows(layout)]


@pytest.mark.parametrize(("layout", "fit_intercept"), SGD_CASES)
@pytest.mark.parametrize("penalty", ["l2", None])
@pytest.mark.parametrize("schedule", ["constant", "invscaling"])
@pytest.mark.parametrize(
    ("loss", "parameters"),
    [
        ("squared_error", {}),
        ("huber", {"delta": 0.4}),
        ("epsilon_insensitive", {"epsilon": 0.2}),
        ("squared_epsilon_insensitive", {"epsilon": 0.2}),
    ],
)
def test_every_step_of_sgd_regressor(loss, parameters, schedule, penalty, fit_intercept, layout):
    """The same rates, penalty and order of samples give the same coefficients up to rounding."""
    X, y = SCALED_DIABETES[0], SCALED_DIABETES[1] / 100.0
    shared = {"alpha": 1e-3, "penalty": penalty, "fit_intercept": fit_intercept}
    rate = 0.01 if schedule == "constant" else lambda t: 0.01 / t**0.25
    model = GDRegressor(losses.REGRESSION_LOSSES[loss](**parameters), learning_rate=rate, **shared, **STEPS).fit(
        LAYOUTS[layout](X), y
    )
    epsilon = next(iter(parameters.values()), 0.1)
    reference = SGDRegressor(loss, epsilon=epsilon, learning_rate=schedule, eta0=0.01, power_t=0.25, **shared, **SGD_STEPS)
    reference.fit(LAYOUTS[layout](X), y)
    size = np.abs(reference.coef_).max()
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=0, atol=1e-11 * size)
    np.testing.assert_allclose(model.intercept_, reference.intercept_, rtol=1e-11, atol=1e-11 * size)
    assert model.t_ == reference.t_ - 1


@pytest.mark.parametrize(("layout", "fit_intercept"), SGD_CASES)
@pytest.mark.parametrize("penalty", ["l2", None])
@pytest.mark.parametrize("schedule", ["constant", "optimal"])
@pytest.mark.parametrize("loss", ["log_loss", "hinge", "squared_hinge", "modified_huber", "perceptron"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_step_of_sgd_classifier(loss, schedule, penalty, fit_intercept, layout, n_classes):
    """Two classes, and three one-vs-rest unless ours is a softmax."""
    if loss == "log_loss" and n_classes == 3:
        pytest.skip("ours is the softmax, theirs one against the rest")
    if schedule == "optimal" and loss in ("squared_hinge", "modified_huber"):
        pytest.skip("its first rates overshoot losses that are curved: both programs then amplify their rounding errors")
    X, y = CANCER if n_classes == 2 else WINE
    shared = {"alpha": 1e-2, "penalty": penalty, "fit_intercept": fit_intercept}
    rate = 0.003 if schedule == "constant" else "optimal"
    model = GDClassifier(loss, learning_rate=rate, **shared, **STEPS).fit(LAYOUTS[layout](X), y)
    reference = SGDClassifier(loss, learning_rate=schedule, eta0=0.003, **shared, **SGD_STEPS).fit(LAYOUTS[layout](X), y)
    size = np.abs(reference.coef_).max()
    # scikit-learn approximates the slope of the logistic loss beyond a score of 18, with an error of at most e^-18, 1.5e-8.
    rounding = 1e-7 if loss == "log_loss" else 1e-11
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=0, atol=rounding * size)
    np.testing.assert_allclose(model.intercept_, reference.intercept_, rtol=rounding, atol=rounding * size)


@pytest.mark.parametrize("average", [True, 100])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_averaged_sgd(average, fit_intercept):
    """The mean of the iterates, from the same step."""
    X, y = SCALED_DIABETES[0], SCALED_DIABETES[1] / 100.0
    shared = {"alpha": 1e-3, "penalty": "l2", "fit_intercept": fit_intercept, "average": average}
    model = GDRegressor(learning_rate=0.01, **shared, **STEPS).fit(X, y)
    reference = SGDRegressor(learning_rate="constant", eta0=0.01, **shared, **SGD_STEPS).fit(X, y)
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=0, atol=1e-10 * np.abs(reference.coef_).max())
    np.testing.assert_allclose(model.intercept_, reference.intercept_, rtol=1e-10, atol=1e-10)
