"""The diagonal preconditioner: change of coordinates, gradient, and constant features."""

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_gd import GDClassifier, penalties
from sklearn_gd.descent._smooth_descent import is_single
from sklearn_gd.losses import LogLoss, SquaredError
from sklearn_gd.objective._moments import Moments
from sklearn_gd.objective._objective import Objective
from sklearn_gd.objective._preconditioner import SHRINKAGE, BlockMetric, DiagonalMetric, Preconditioner, usable_variance
from sklearn_gd.penalties import NoPenalty

N, D, K = 60, 5, 3
CONSTANT = 2  # a constant feature
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)) * 10.0 ** np.arange(-2, 3) + [1.0, -3.0, 0.0, 50.0, 0.0]
X[:, CONSTANT] = 0.1
MOMENTS = Moments(float(N), X.mean(axis=0), np.where(np.arange(D) == CONSTANT, 0.0, X.var(axis=0)), np.linspace(0.2, 1.0, D))
CURVATURE = np.array([0.25, 1.0, 4.0])
L2 = 0.3
UNITS = {
    False: None,
    True: np.sqrt(MOMENTS.variance),
    "typical_size": MOMENTS.unit(penalties.L2(standardize="typical_size"), 1.0),
}


def preconditioner(*, fit_intercept=True, standardize=False, l2=L2):
    return Preconditioner.from_moments(MOMENTS, CURVATURE, l2, fit_intercept=fit_intercept, unit=UNITS[standardize])


def objective(coef, intercept, standardize, l2=L2):
    """The mean over the samples of h/2 score^2 - score, and the l2 penalty; the curvature in each score is h."""
    raw = X @ coef.T + intercept
    unit = UNITS[standardize] if standardize else 1.0
    return (0.5 * CURVATURE * raw**2 - raw).sum(axis=1).mean() + 0.5 * l2 * ((coef * unit) ** 2).sum()


@pytest.mark.parametrize("standardize", list(UNITS))
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_there_and_back(fit_intercept, standardize):
    """`to_u` and `to_theta` are inverse, and do not change scores."""
    metric = preconditioner(fit_intercept=fit_intercept, standardize=standardize)
    coef, intercept = RNG.normal(size=(K, D)), RNG.normal(size=K) if fit_intercept else np.zeros(K)
    if fit_intercept:
        coef[:, CONSTANT] = 0.0
    U, b = metric.to_u(coef, intercept)
    again, intercept_again = metric.to_theta(U, b)
    np.testing.assert_allclose(again, coef, rtol=1e-14)
    np.testing.assert_allclose(intercept_again, intercept, rtol=1e-12, atol=1e-12)
    scores = (X - metric.mean) @ (U * metric.scale).T + b * metric.intercept_scale
    np.testing.assert_allclose(scores, X @ coef.T + intercept, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("standardize", list(UNITS))
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_gradient_is_that_of_finite_differences(fit_intercept, standardize):
    metric = preconditioner(fit_intercept=fit_intercept, standardize=standardize)
    U, b = RNG.normal(size=(K, D)), RNG.normal(size=K)
    coef, intercept = metric.to_theta(U, b)
    slope = CURVATURE * (X @ coef.T + intercept) - 1.0
    GU, gb = metric.gradient_to_u(slope.T @ X / N, slope.mean(axis=0))
    flat, found = np.append(U, b), np.append(GU + metric.ridge * U, gb)
    for at in range(len(flat)):
        step = np.zeros(len(flat))
        step[at] = 1e-4
        ends = []
        for point in (flat + step, flat - step):
            ends.append(objective(*metric.to_theta(point[: K * D].reshape(K, D), point[K * D :]), standardize))
        assert found[at] == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("standardize", list(UNITS))
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_diagonal_of_the_second_derivative_is_one(fit_intercept, standardize):
    metric = preconditioner(fit_intercept=fit_intercept, standardize=standardize)
    centred = (X - metric.mean)[:, None, :] * metric.scale
    diagonal = CURVATURE[:, None] * (centred**2).mean(axis=0) + metric.ridge
    expected = np.ones((K, D))
    if fit_intercept:
        expected[:, CONSTANT] = 0.0
    np.testing.assert_allclose(diagonal, expected, rtol=1e-12, atol=1e-20)
    np.testing.assert_allclose(CURVATURE * metric.intercept_scale**2, float(fit_intercept))


def test_a_constant_feature_is_left_to_the_intercept():
    metric = preconditioner()
    assert (metric.scale[:, CONSTANT] == 0.0).all()
    assert (metric.ridge[:, CONSTANT] == 0.0).all()
    assert (metric.inverse_ridge[:, CONSTANT] == 0.0).all()
    coef, _ = metric.to_theta(np.ones((K, D)), np.zeros(K))
    assert (coef[:, CONSTANT] == 0.0).all()
    assert (metric.gradient_to_u(np.ones((K, D)), np.ones(K))[0][:, CONSTANT] == 0.0).all()


def test_without_an_intercept_a_constant_feature_is_a_feature():
    metric = preconditioner(fit_intercept=False)
    assert (metric.scale > 0.0).all()
    assert (metric.mean == 0.0).all()
    assert (metric.intercept_scale == 0.0).all()
    assert (metric.to_theta(np.ones((K, D)), np.ones(K))[1] == 0.0).all()


def test_standardised_features_are_scaled_alike():
    """With a penalty in standard deviations, scale times standard deviation is the same for all features."""
    metric = preconditioner(standardize=True)
    product = np.delete(metric.scale * np.sqrt(MOMENTS.variance), CONSTANT, axis=1)
    np.testing.assert_allclose(product, (1.0 / np.sqrt(CURVATURE + L2))[:, None] * np.ones(D - 1))


def test_without_a_penalty_nothing_bounds_what_is_left():
    metric = preconditioner(l2=0.0)
    assert np.isinf(np.delete(metric.inverse_ridge, CONSTANT, axis=1)).all()
    assert (metric.inverse_ridge[:, CONSTANT] == 0.0).all()


def objective_of(X, weight, seen=None):
    """An objective, for its moments."""
    parts = {"loss": SquaredError(), "penalty": NoPenalty(), "alpha": 1.0, "n_outputs": 1, "fit_intercept": True}
    return Objective(X, np.zeros((len(weight), 1)), weight, seen=seen, **parts)


@pytest.mark.parametrize("layout", [np.array, sp.csr_array])
@pytest.mark.parametrize("value", [0.1, 3.3e8, 1e-9])
def test_a_constant_feature_is_found_in_both_layouts(layout, value):
    """Also if all values are stored in CSR, so that the variance is a difference of two large sums."""
    rows = np.full((1001, 2), value)
    rows[:, 1] *= 1.0 + 1e-4 * np.arange(1001)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, 1001)
    moments = objective_of(layout(rows), weight).moments
    two_calls = objective_of(layout(rows[:7]), weight[:7], moments).moments
    for each in (moments, two_calls):
        variance = usable_variance(each, fit_intercept=True, centred=True)
        assert variance[0] == 0.0
        assert variance[1] > 0.0
        assert (usable_variance(each, fit_intercept=True, centred=False) > 0.0).tolist() == [False, True]
        assert (usable_variance(each, fit_intercept=False, centred=False) > 0.0).all()


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_metric_is_the_curvature_of_each_score(fit_intercept):
    """Compared with the second derivative of F in scaled coordinates; correlations shrink, constant features have no effect."""
    frame = preconditioner(fit_intercept=fit_intercept)
    curvature = RNG.uniform(0.1, 1.0, (K, N))
    shift = frame.mean + 1.0
    sums = curvature @ (X - shift) / N, curvature @ (X - shift) ** 2 / N, curvature.sum(axis=1) / N
    diagonal = DiagonalMetric(frame, shift, *sums)
    ones = np.column_stack([X - frame.mean, np.ones(N)])
    grams = np.stack([(ones * each[:, None]).T @ ones for each in curvature])
    blocks = BlockMetric(diagonal.of_loss, diagonal.of_all, grams)
    gradient = RNG.normal(size=K * (D + 1))
    if fit_intercept:
        gradient[: K * D].reshape(K, D)[:, CONSTANT] = 0.0
    else:
        gradient[K * D :] = 0.0
    used = np.array([not fit_intercept or j != CONSTANT for j in range(D)] + [fit_intercept])
    for k in range(K):
        scaled = (ones * np.append(frame.scale[k], frame.intercept_scale[k]))[:, used]
        hessian = (scaled * curvature[k][:, None]).T @ scaled / N + np.diag(np.append(frame.ridge[k], 0.0)[used])
        own = np.append(gradient[: K * D].reshape(K, D)[k], gradient[K * D + k])[used]
        shrunk = hessian - SHRINKAGE * (hessian - np.diag(np.diag(hessian)))
        for metric, matrix in ((diagonal, np.diag(np.diag(hessian))), (blocks, shrunk)):
            ascent = metric.inverse(gradient)
            found = np.append(ascent[: K * D].reshape(K, D)[k], ascent[K * D + k])[used]
            np.testing.assert_allclose(found, np.linalg.solve(matrix, own), rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_sharper_metric_shrinks_correlations_less(dtype):
    """Down to a limit in float64, with nearly equal features; in float32 rounding errors are too large."""
    frame = preconditioner()
    ones = np.column_stack([X - frame.mean, np.ones(N)])
    ones[:, 1] = ones[:, 0] * (1.0 + 1e-13 * np.arange(N))
    sums = np.stack([ones.sum(axis=0)[:D]] * K), np.stack([(ones**2).sum(axis=0)[:D]] * K), np.ones(K)
    diagonal = DiagonalMetric(frame, frame.mean, *sums)
    metric = BlockMetric(diagonal.of_loss, diagonal.of_all, np.stack([ones.T @ ones] * K).astype(dtype))
    shrinkages = []
    while metric is not None:
        assert np.isfinite(metric.factors).all()
        shrinkages.append(metric.shrinkage)
        metric = metric.sharper()
    assert shrinkages == pytest.approx([1e-2, 1e-6, 1e-9] if dtype is np.float64 else [1e-2], rel=1e-12)


@pytest.mark.parametrize("centre", [0.0, 1e3])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_samples_in_float32_lead_to_the_minimum_of_the_same_in_float64(n_classes, centre):
    """Also if features far from zero must be centred in the algebra, for which float32 is not accurate enough."""
    rng = np.random.default_rng(0)
    X = (centre + rng.normal(size=(3000, 12)) @ rng.normal(size=(12, 12))).astype(np.float32)
    y = ((X - centre) @ rng.normal(size=(12, n_classes)) + rng.gumbel(size=(3000, n_classes))).argmax(axis=1)
    single, double = [GDClassifier(tol=1e-8).fit(X.astype(dtype), y) for dtype in (np.float32, np.float64)]
    assert min(single.loss_curve_) == pytest.approx(min(double.loss_curve_), rel=1e-6)
    np.testing.assert_allclose(single.decision_function(X), double.decision_function(X), atol=2e-3)


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("penalty", ["auto", "l1"])
@pytest.mark.parametrize("loss", ["log_loss", "multiclass_hinge"])
def test_a_constant_in_all_scores_does_not_depend_on_the_path(loss, penalty, layout):
    """F of softmax and of the multi-class hinge ignores it: the scores of the mean sample add up to zero."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(60, 8)) * [1.0, 1.0, 1.0, 1.0, 1e3, 1.0, 1.0, 1e-3]
    y = np.digitize(X[:, 0] + X[:, 5] + 0.3 * rng.normal(size=60), [0.8, 1.1])
    model = GDClassifier(loss, penalty=penalty).fit(layout(X), y)
    scores = model.decision_function(X)
    assert np.ptp(scores) > 1.0
    assert abs(scores.mean()) < 1e-13 * np.abs(model.coef_ * X.mean(axis=0)).sum()


def test_which_samples_have_products_in_float32():
    def objective(X):
        y = np.where(np.arange(len(X)) % 2, 1.0, -1.0)[:, None]
        parts = {"loss": LogLoss(), "penalty": penalties.L2(), "alpha": 0.01, "n_outputs": 1, "fit_intercept": True}
        return Objective(np.ascontiguousarray(X), y, np.ones(len(X)), **parts)

    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    assert is_single(objective(X))
    assert not is_single(objective(X.astype(np.float64)))
    assert not is_single(objective(X + np.float32(1e3) * (np.arange(3) == 1).astype(np.float32)))
    assert not is_single(objective(X * np.float32(1e20)))
    assert is_single(objective(np.hstack([X, np.ones((50, 1), np.float32)])))  # a constant feature has no effect
