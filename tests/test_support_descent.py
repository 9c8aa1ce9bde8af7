"""l1, elastic net and non-negativity, more features than samples: F at the default tolerance compared with other solvers."""

import itertools
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, QuantileRegressor
from versions import L1_OF_LOGISTIC_REGRESSION

from sklearn_gd import GDClassifier, GDRegressor, penalties
from sklearn_gd.descent import _working_set
from sklearn_gd.descent._accelerated import AcceleratedSteps
from sklearn_gd.descent._costs import MINIMISER, PRODUCT, cost_of_hessian, cost_of_minimiser, squares_of
from sklearn_gd.descent._working_set import LEAST_COORDINATES, WorkingSet
from sklearn_gd.descent.support_descent import expected_fall
from sklearn_gd.losses import Huber, Quantile, RegressionLoss
from sklearn_gd.objective._rows import rows_of

CLOSE = 1.001  # times the minimum of F
SHAPES = [(60, 600, 0.0), (50, 200, 0.9), (200, 60, 0.5)]  # samples, features, correlation of neighbours


def samples(n, d, correlation, seed=0):
    """Features, 5% of which have an effect, and targets."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    for j in range(1, d):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1.0 - correlation**2) * X[:, j]
    coef = np.where(rng.uniform(size=d) < 0.05, rng.normal(size=d), 0.0)
    score = X @ coef
    return X, score + 0.5 * score.std() * rng.normal(size=n) + 3.0


def largest_alpha(X, slope):
    """The strength above which all coefficients are zero, from the slopes of the losses at the null model."""
    return np.abs(X.T @ (slope - slope.mean())).max() / len(X)


def in_silence(model, X, y, weight=None):
    """The model, fitted without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return model.fit(X, y, weight)


def objective(value, penalty, coef, intercept, X, y):
    """F of a model: mean loss plus penalty."""
    return float(np.mean(value(y, X @ np.ravel(coef) + intercept)) + penalty(np.ravel(coef)))


def half_square(y, raw):
    return 0.5 * (y - raw) ** 2


@pytest.mark.parametrize("share", [3, 20, 100])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("positive", [False, True])
def test_lasso_and_elastic_net(shape, share, layout, ratio, positive):
    X, y = samples(*shape)
    alpha = largest_alpha(X, y) / share / ratio
    ours = penalties.ElasticNet(ratio, nonnegative=positive)
    model = in_silence(GDRegressor(penalty=ours, alpha=alpha), layout(X), y)
    kind = Lasso(alpha=alpha) if ratio == 1.0 else ElasticNet(alpha=alpha, l1_ratio=ratio)
    other = kind.set_params(tol=1e-8, max_iter=1_000_000, positive=positive).fit(X, y)

    def penalty(w):
        return alpha * (ratio * np.abs(w).sum() + 0.5 * (1.0 - ratio) * w @ w)

    found, least = (objective(half_square, penalty, m.coef_, m.intercept_, X, y) for m in (model, other))
    assert found <= CLOSE * least
    assert np.count_nonzero(model.coef_) <= 1.2 * np.count_nonzero(other.coef_) + 3


def test_classes_and_features_of_many_sizes():
    """Under softmax the scores curve together, and features in many units leave the penalty next to nothing for some."""
    rng = np.random.default_rng(0)
    X = np.exp(2.0 * rng.normal(size=(1500, 30))) * 10.0 ** rng.integers(-2, 6, 30)
    X[rng.uniform(size=X.shape) < 0.6] = 0.0
    centred = np.log1p(X) - np.log1p(X).mean(axis=0)
    raw = centred[:, :12] @ rng.normal(size=(12, 6)) / 2.0 + np.log(np.arange(1, 7) ** 3.0)
    y = (raw + rng.gumbel(size=raw.shape)).argmax(axis=1)
    model = in_silence(GDClassifier(penalty="l1"), X, y)
    assert model.n_iter_ <= 30
    exact = in_silence(GDClassifier(penalty="l1", tol=1e-9, max_iter=5000), X, y)
    assert min(model.loss_curve_) <= 1.00001 * min(exact.loss_curve_)


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_second_derivatives(share):
    """Those of some coefficients of each score, dense and sparse."""
    rng = np.random.default_rng(0)
    X = np.where(rng.uniform(size=(400, 9)) < share, rng.normal(size=(400, 9)), 0.0)
    weights, mean = rng.normal(size=(2, 2, 400)), X.mean(axis=0)
    weights[0, 1] = weights[1, 0]
    columns = [np.array([1, 4, 7]), np.array([0, 4])]
    Z = [np.column_stack([X[:, each] - mean[each], np.ones(400)]) for each in columns]
    want = np.block([[left.T @ (right * weights[k, j][:, None]) for j, right in enumerate(Z)] for k, left in enumerate(Z)])
    for matrix in (X, sp.csr_array(X)):
        np.testing.assert_allclose(rows_of(matrix).hessian(weights, mean, columns), want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_standardised(shape):
    """The lasso on standardised features."""
    X, y = samples(*shape)
    X = X * np.logspace(-2, 2, X.shape[1])
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    alpha = largest_alpha(scaled, y) / 20
    model = in_silence(GDRegressor(penalty=penalties.L1(standardize=True), alpha=alpha), X, y)
    other = Lasso(alpha=alpha, tol=1e-8, max_iter=1_000_000).fit(scaled, y)
    ours = objective(half_square, lambda w: alpha * np.abs(w * X.std(axis=0)).sum(), model.coef_, model.intercept_, X, y)
    assert ours <= CLOSE * objective(half_square, lambda w: alpha * np.abs(w).sum(), other.coef_, other.intercept_, scaled, y)


@pytest.mark.parametrize("share", [3, 20])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_quantiles(shape, share):
    """A linear program, exactly."""
    X, y = samples(*shape)
    alpha = largest_alpha(X, np.where(y < np.quantile(y, 0.3), 0.7, -0.3)) / share
    model = in_silence(GDRegressor(Quantile(0.3), penalty="l1", alpha=alpha), X, y)
    other = QuantileRegressor(quantile=0.3, alpha=alpha).fit(X, y)

    def value(y, raw):
        return Quantile.value(y, raw, 0.3)

    found, least = (objective(value, lambda w: alpha * np.abs(w).sum(), m.coef_, m.intercept_, X, y) for m in (model, other))
    assert found <= CLOSE * least


@pytest.mark.parametrize("seed", range(4))
def test_the_absolute_error_of_few_samples_under_a_weak_l1_penalty(seed):
    """A linear program whose targets are interpolated: F ended at twice its minimum, the penalty of other coefficients."""
    X, y = load_breast_cancer(return_X_y=True)
    index = np.random.default_rng(seed).permutation(len(y))[:20]
    X, y = X[index], y[index].astype(float)
    models = [GDRegressor("absolute_error", penalty="l1", alpha=1e-5), QuantileRegressor(alpha=0.5e-5)]
    found, least = (np.abs(m.fit(X, y).predict(X) - y).mean() + 1e-5 * np.abs(m.coef_).sum() for m in models)
    assert found <= CLOSE * least


@pytest.mark.parametrize("share", [3, 20])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_hinge(shape, share):
    """A linear program too."""
    X, y = samples(*shape)
    sign = np.where(y > np.median(y), 1.0, -1.0)
    n, d = X.shape
    alpha = largest_alpha(X, -sign) / share
    rows = sign[:, None] * np.hstack([X, -X, np.ones((n, 1))])
    cost = np.concatenate([np.full(2 * d, alpha), [0.0], np.full(n, 1.0 / n)])
    bounds = [(0, None)] * (2 * d) + [(None, None)] + [(0, None)] * n
    least = linprog(cost, A_ub=-np.hstack([rows, np.eye(n)]), b_ub=-np.ones(n), bounds=bounds).fun
    model = in_silence(GDClassifier("hinge", penalty="l1", alpha=alpha), X, sign)
    assert model.loss_curve_[-1] <= CLOSE * least


@pytest.mark.parametrize("share", [3, 20, 100])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_logistic_regression(shape, share):
    """Compared with liblinear, without the intercept, which it penalises."""
    X, y = samples(*shape)
    positive = y > y.mean()
    alpha = np.abs(X.T @ np.where(positive, -0.5, 0.5)).max() / len(y) / share
    model = in_silence(GDClassifier(penalty="l1", alpha=alpha, fit_intercept=False), X, positive)
    other = LogisticRegression(
        C=1.0 / (alpha * len(y)),
        solver="liblinear",
        fit_intercept=False,
        tol=1e-8,
        max_iter=100_000,
        **L1_OF_LOGISTIC_REGRESSION,
    ).fit(X, positive)

    def value(y, raw):
        return np.logaddexp(0.0, np.where(y, -raw, raw))

    found, least = (objective(value, lambda w: alpha * np.abs(w).sum(), m.coef_, 0.0, X, positive) for m in (model, other))
    assert found <= CLOSE * least


class Unknown(RegressionLoss):
    """Huber's loss without a conjugate."""

    value = staticmethod(lambda y, raw: np.where(np.abs(raw - y) < 1.0, 0.5 * (raw - y) ** 2, np.abs(raw - y) - 0.5))
    gradient = staticmethod(lambda y, raw: np.minimum(np.maximum(raw - y, -1.0), 1.0))


@pytest.mark.parametrize("share", [3, 20, 100])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_loss_without_a_conjugate_comes_as_far_as_one_with(shape, share):
    """Without a certificate, the violation of the optimality conditions prevents stopping too early."""
    X, y = samples(*shape)
    y = 2.0 * (y - y.mean()) / y.std()
    alpha = largest_alpha(X, np.clip(y, -1.0, 1.0)) / share
    known, unknown = (in_silence(GDRegressor(loss, penalty="l1", alpha=alpha), X, y) for loss in (Huber(), Unknown()))
    assert unknown.loss_curve_[-1] <= CLOSE * known.loss_curve_[-1]


def test_several_classes():
    """Softmax with weights: a weight of two equals two copies, and the default tolerance is close to a tight one."""
    X, y = samples(60, 300, 0.3)
    y, weight = np.digitize(y, np.quantile(y, [0.3, 0.7])), np.random.default_rng(0).integers(0, 3, size=60)
    fits = [
        in_silence(GDClassifier(penalty="l1", alpha=0.02, tol=tol), *data)
        for tol, data in ((1e-4, (np.repeat(X, weight, axis=0), np.repeat(y, weight))), (1e-8, (X, y, weight)))
    ]
    assert fits[0].loss_curve_[-1] <= CLOSE * fits[1].loss_curve_[-1]
    assert np.count_nonzero(fits[1].coef_) < 150


def words(n=400, d=3000, seed=0):
    """Counts of rare words, with labels that some of them decide, as CSR."""
    rng = np.random.default_rng(seed)
    X = sp.random(n, d, 0.01, "csr", random_state=seed, data_rvs=lambda size: rng.integers(1, 4, size).astype(float))
    score = X @ np.where(rng.uniform(size=d) < 0.1, rng.normal(size=d), 0.0) + 0.5 * rng.normal(size=n)
    return X, score, (score > np.median(score)).astype(int)


@pytest.mark.parametrize("penalty", ["l1", penalties.L1(nonnegative=True), penalties.ElasticNet(0.5)], ids=str)
@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge", "modified_huber"])
def test_accelerated_steps_on_sparse_samples_reach_the_minimum(penalty, loss, monkeypatch):
    """Compared with Newton steps, at a much smaller tolerance."""
    X, _, y = words()
    fits = {"penalty": penalty, "loss": loss, "alpha": 1e-3}
    exact = GDClassifier(**fits, tol=1e-9, max_iter=5000).fit(X.toarray()[:, np.asarray(X.sum(axis=0)).ravel() > 0.0], y)
    monkeypatch.setattr(_working_set, "PRICE", 0.0)
    monkeypatch.setattr(_working_set, "SHARE", 0.0)
    monkeypatch.setattr(_working_set, "CHEAP", 0.0)
    monkeypatch.setattr(_working_set, "CHEAP_SMOOTHED", 0.0)
    steps = []
    monkeypatch.setattr(AcceleratedSteps, "_step", counted(AcceleratedSteps._step, steps))
    model = in_silence(GDClassifier(**fits), X, y)
    assert len(steps) > 10
    assert model.loss_curve_[-1] <= CLOSE * exact.loss_curve_[-1]
    assert (np.diff(model.loss_curve_) <= 1e-15).all()


def counted(function, calls):
    """The function, which also appends to a list of its calls."""

    def call(*arguments):
        calls.append(arguments)
        return function(*arguments)

    return call


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array], ids=["dense", "csr"])
def test_accelerated_steps_after_newton_steps_begin_at_the_current_model(layout, monkeypatch):
    """The parts have the scores of the model, whichever steps come next; F of the last iteration is that of the model."""
    X, y = samples(200, 60, 0.5)
    y = (y > np.median(y)).astype(int)
    turns = itertools.cycle([False, True, True, False])
    monkeypatch.setattr(WorkingSet, "_is_cheap", lambda self, coordinates: next(turns))
    exact = _working_set.l1_minimiser
    # Targets twice as far as the minimiser, so that steps have half the length.
    monkeypatch.setattr(_working_set, "l1_minimiser", lambda *model: 2.0 * exact(*model) - model[3])
    model = GDClassifier(penalty="l1", alpha=1e-3, tol=1e-12, max_iter=15)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(layout(X), y)
    assert model.n_iter_ > 4
    value = np.logaddexp(0.0, np.where(y > 0, -1.0, 1.0) * model.decision_function(X)).mean()
    assert min(model.loss_curve_) == pytest.approx(value + 1e-3 * np.abs(model.coef_).sum(), rel=1e-12)


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("penalty", ["l1", "elasticnet"])
@pytest.mark.parametrize("loss", ["squared_hinge", "modified_huber", "exponential", "hinge"])
def test_one_versus_the_rest_goes_to_the_minimum_of_each_class(loss, penalty, layout):
    """F is a sum over the classes, whose steps have different lengths."""
    X, y = load_wine(return_X_y=True)
    X = layout(X)
    together = GDClassifier(loss, penalty=penalty, tol=1e-6).fit(X, y)
    apart = sum(GDClassifier(loss, penalty=penalty, tol=1e-6).fit(X, y == k).loss_curve_[-1] for k in range(3))
    assert together.loss_curve_[-1] == pytest.approx(apart, rel=1e-3)
    assert together.n_iter_ < 100


def test_features_without_a_value_cost_nothing():
    """The vocabulary of a text is often that of more documents than the training samples."""
    X, _, y = words()
    wide = sp.hstack([X, sp.csr_array((X.shape[0], 5000))]).tocsr()
    few, many = (GDClassifier(penalty="l1", alpha=1e-3).fit(each, y) for each in (X, wide))
    np.testing.assert_allclose(many.loss_curve_, few.loss_curve_, rtol=1e-12)
    np.testing.assert_allclose(many.coef_[:, : X.shape[1]], few.coef_, atol=1e-10)
    assert not many.coef_[:, X.shape[1] :].any()


def test_copies_of_a_feature_are_not_all_coordinates_of_a_step(monkeypatch):
    """Their violations are equal, so that a threshold on the violation would select all of them."""
    X, y = samples(60, 300, 0.0)
    X = np.hstack([X, np.repeat(X[:, -1:], 300, axis=1)])
    sizes, coordinates = [], WorkingSet._coordinates

    def recorded(self):
        found = coordinates(self)
        sizes.append((len(found[0]), np.count_nonzero(self.u)))
        return found

    monkeypatch.setattr(WorkingSet, "_coordinates", recorded)
    GDRegressor(penalty="l1", alpha=largest_alpha(X, y) / 3).fit(X, y)
    assert sizes
    assert all(size <= max(LEAST_COORDINATES, 2 * support) for size, support in sizes)


def test_the_cost_of_second_derivatives():
    """In the products of a matrix product; those of scores that share a block grow with the square of their number."""
    features = [np.arange(9), np.arange(4)]
    assert squares_of(np.array([10.0, 5.0]), coupled=False) == 125.0
    assert squares_of(np.array([10.0, 5.0]), coupled=True) == 225.0
    assert cost_of_hessian(features, np.ones(20), 100, False) == pytest.approx(PRODUCT * 125.0)
    few, many = (cost_of_hessian(features, np.full(1000, share), 10**9, False) for share in (0.001, 0.01))
    assert few < many
    assert cost_of_minimiser(features, 100, True) == pytest.approx(PRODUCT * MINIMISER * 15.0**3 / 100)
    assert cost_of_minimiser(features, 100, False) == pytest.approx(PRODUCT * MINIMISER * 10.0 * 125.0 / 100)


def test_a_gap_that_cannot_close_is_no_reason_to_go_on():
    """In the user's units the penalty of a large feature is tiny, and the dual point is scaled down for its bound."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 30)) @ rng.normal(size=(30, 30)) * np.geomspace(1e-2, 1e5, 30)
    y = (X / np.geomspace(1e-2, 1e5, 30))[:, :4].argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GDClassifier(penalty="l1").fit(X, y)
    assert model.n_iter_ < 200
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        least = min(GDClassifier(penalty="l1", tol=1e-9, max_iter=300).fit(X, y).loss_curve_)
    assert min(model.loss_curve_) <= least + 1e-4 * np.log(4.0)


def test_the_fall_of_a_sequence_is_told_by_its_second_half():
    k = np.arange(1.0, 61.0)
    for values in (1.0 / k, 0.9**k, 1.0 / k**2):
        assert values[-1] <= expected_fall(values.tolist()) < 4.0 * values[29]
    steady = (1.0 - 1e-3 * k).tolist()
    assert expected_fall(steady) == pytest.approx(20.0 * (steady[len(k) // 2] - steady[-1]))  # the same pace, ten times as long
    assert expected_fall((1.0 / k[:39]).tolist()) == np.inf  # too short


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n", "d"), [(10, 7), (100, 60)])
def test_two_points_without_a_derivative_close_to_each_other(n, d, seed):
    """In wide stages of smoothing the edges of the tube are one point, of twice the curvature; Newton's steps must not use it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = X @ rng.normal(size=d)
    y = y / y.std() + 0.4 * rng.normal(size=n)
    model = GDRegressor("epsilon_insensitive").fit(X, y)
    assert model.n_iter_ <= 20
    tight = GDRegressor("epsilon_insensitive", tol=1e-7).fit(X, y)
    assert min(model.loss_curve_) - min(tight.loss_curve_) < 1e-3 * np.abs(y - np.median(y)).mean()
