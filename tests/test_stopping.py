"""The monitor: plateaus, patience, the best model so far, and the guard against divergence."""

import logging
import math
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from matrix import WrongSign
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor
from sklearn.metrics import log_loss, mean_pinball_loss
from sklearn.preprocessing import StandardScaler

from sklearn_gd import GDClassifier, GDRegressor, RegressionLoss
from sklearn_gd.descent._loop import Iterate
from sklearn_gd.descent._monitor import SEPARATED, Monitor, Status
from sklearn_gd.descent._observers import printed_log
from sklearn_gd.descent._smooth_descent import SmoothDescent
from sklearn_gd.descent.support_descent import SupportDescent
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, Huber, Quantile
from sklearn_gd.objective._objective import Objective
from sklearn_gd.penalties import L1, L2, ElasticNet
from sklearn_gd.schedules import Adaptive

RUNNING, PLATEAU, DIVERGED = Status.RUNNING, Status.PLATEAU, Status.DIVERGED


def watch(objectives, tol=0.1, patience=2, unit=1.0, start=10.0, scores=None):
    """A monitor after these objectives, where the model of epoch k is [k], and its status for each."""
    validate = None if scores is None else lambda theta: scores[int(theta[0]) - 1]
    monitor = Monitor(tol, patience, unit, validate=validate)
    monitor.start(np.zeros(1), start)
    said = [monitor.judge(Iterate(np.array([float(epoch)]), objective)) for epoch, objective in enumerate(objectives, 1)]
    return monitor, said


# --- plateaus ------------------------------------------------------------------------------------------------------------


def test_it_stops_when_the_last_epochs_together_gained_too_little():
    """From 2, decreases of 1/16 and 1/16 in two epochs are 1/8, not more than the tolerance."""
    _, said = watch([5.0, 3.0, 2.0, 1.9375, 1.875], tol=0.125)
    assert said == [RUNNING, RUNNING, RUNNING, RUNNING, PLATEAU]


def test_it_goes_on_while_the_last_epochs_together_gained_enough():
    """None of these epochs alone decreases F by more than the tolerance."""
    _, said = watch([5.0 - 0.0625 * epoch for epoch in range(20)], tol=0.12)
    assert said == [RUNNING] * 20


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_patience_is_counted_from_the_first_epoch(patience):
    _, said = watch([1.0] * 8, patience=patience)
    assert said.index(PLATEAU) == patience
    assert said[:patience] == [RUNNING] * patience


def test_an_epoch_that_rises_counts_as_no_gain():
    _, said = watch([3.0, 4.0, 2.0, 4.0, 4.0])
    assert said == [RUNNING, RUNNING, RUNNING, RUNNING, PLATEAU]


def test_the_tolerance_is_a_share_of_the_unit():
    falling = [500.0, 400.0, 350.0, 345.0, 341.0]
    assert watch(falling, unit=100.0)[1][-1] is PLATEAU
    assert watch(falling, unit=10.0)[1][-1] is RUNNING
    assert watch(falling, unit=-100.0)[1][-1] is PLATEAU


def test_a_tolerance_of_zero_stops_where_nothing_is_gained_at_all():
    _, said = watch([3.0, 2.0, 2.0 - 1e-15, 2.0 - 1e-15, 2.0 - 1e-15], tol=0.0)
    assert said == [RUNNING, RUNNING, RUNNING, RUNNING, PLATEAU]


def test_without_a_tolerance_it_never_stops():
    assert set(watch([1.0] * 50, tol=None)[1]) == {RUNNING}


def test_a_stall_is_no_end_while_the_method_knows_that_f_can_fall():
    """Until the rest is below the tolerance, relative to ten times F if that is less than the null model's."""

    def said(left, tol=0.1, gap=math.inf):
        monitor = Monitor(tol, 2, 10.0)
        monitor.start(np.zeros(1), 5.0)
        return [monitor.judge(Iterate(np.zeros(1), 0.5, left=left, gap=gap)) for _ in range(4)]

    assert said(0.51) == [RUNNING] * 4
    assert said(0.5) == [RUNNING, RUNNING, PLATEAU, PLATEAU]
    assert said(0.51, gap=0.51) == [RUNNING] * 4
    assert said(0.5, gap=0.5) == [PLATEAU] * 4
    assert said(0.51, tol=0.0) == [RUNNING, RUNNING, PLATEAU, PLATEAU]


def test_a_forgotten_stall_begins_the_patience_anew_with_the_best_value():
    monitor, said = watch([2.0, 1.0, 1.0, 1.0])
    assert said[-1] is PLATEAU
    monitor.forget_stall()
    more = [monitor.judge(Iterate(np.array([5.0 + k]), objective)) for k, objective in enumerate((1.5, 1.5))]
    assert more == [RUNNING, PLATEAU]
    assert monitor.best[0] == 2.0
    assert monitor.objectives == [2.0, 1.0, 1.0, 1.0, 1.5, 1.5]


# --- the best model ------------------------------------------------------------------------------------------------------


def test_the_best_model_is_kept():
    monitor, _ = watch([3.0, 1.0, 2.0, 1.0])
    assert monitor.best[0] == 2.0
    assert monitor.best_epoch == 2


def test_without_a_tolerance_the_last_model_is_kept():
    monitor, _ = watch([3.0, 1.0, 2.0], tol=None)
    assert monitor.best[0] == 3.0
    assert monitor.best_epoch == 3


def test_the_model_is_copied():
    monitor, theta = Monitor(0.1, 2, 1.0), np.zeros(1)
    monitor.start(theta, 5.0)
    theta[0] = 7.0
    assert monitor.best[0] == 0.0
    monitor.judge(Iterate(theta, 1.0))
    theta[0] = 8.0
    assert monitor.best[0] == 7.0


@pytest.mark.parametrize("tol", [0.1, None])
def test_with_validation_rows_the_best_score_decides(tol):
    """For any objective, with or without a tolerance; the first of equal scores is kept."""
    monitor, _ = watch([3.0, 2.0, 1.0, 0.5], tol=tol, scores=[0.1, 0.9, 0.3, 0.9])
    assert monitor.best[0] == 2.0
    assert monitor.best_epoch == 2
    assert monitor.scores == [0.1, 0.9, 0.3, 0.9]
    assert monitor.objectives == [3.0, 2.0, 1.0, 0.5]


def test_a_score_is_compared_as_it_is():
    """A score must increase by more than the tolerance itself."""
    scores = [0.1, 0.5, 0.55, 0.59]
    assert watch([1.0] * 4, scores=scores, unit=1e6)[1] == [RUNNING, RUNNING, RUNNING, PLATEAU]
    assert watch([1.0] * 4, scores=scores, unit=1e-6, tol=0.08)[1] == [RUNNING] * 4


# --- divergence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", [math.inf, -math.inf, math.nan, 1.1e11, -1.1e11])
def test_an_objective_that_is_not_finite_or_explodes_has_diverged(objective):
    monitor, said = watch([5.0, 4.0, objective], start=10.0)
    assert said == [RUNNING, RUNNING, DIVERGED]
    assert monitor.objectives == [5.0, 4.0]
    assert monitor.best[0] == 2.0


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_a_model_that_is_not_finite_has_diverged(bad):
    monitor, _ = watch([5.0])
    assert monitor.judge(Iterate(np.array([bad]), 1.0)) is DIVERGED
    assert monitor.best[0] == 1.0


def test_the_start_is_restored_when_the_first_epoch_diverges():
    monitor, said = watch([math.inf])
    assert said == [DIVERGED]
    assert monitor.best[0] == 0.0
    assert monitor.objectives == []
    assert monitor.curve == [10.0]


@pytest.mark.parametrize(("unit", "start"), [(1.0, 50.0), (50.0, 1.0), (0.0, 50.0), (50.0, math.inf), (-50.0, math.nan)])
def test_what_explodes_is_judged_by_the_unit_and_the_first_objective(unit, start):
    assert watch([49e10], unit=unit, start=start)[1] == [RUNNING]
    assert watch([51e10], unit=unit, start=start)[1] == [DIVERGED]


def test_where_unit_and_first_objective_are_zero_the_first_epoch_sets_the_measure():
    """As with the perceptron loss, which is zero at zero coefficients."""
    assert watch([1e300], unit=0.0, start=0.0)[1] == [RUNNING]
    assert watch([0.5, 4e9], unit=0.0, start=0.0)[1] == [RUNNING, RUNNING]
    assert watch([0.5, 6e9], unit=0.0, start=0.0)[1] == [RUNNING, DIVERGED]
    assert watch([0.0, 0.0, 0.5], unit=0.0, start=0.0)[1] == [RUNNING, RUNNING, PLATEAU]
    assert watch([1.0, 0.5, 0.25, 0.2], unit=0.0, start=0.0)[1] == [RUNNING] * 4


def test_an_objective_below_zero_is_sound_where_the_first_one_was_zero():
    assert watch([-1.0, -1.5], unit=0.0, start=0.0)[1] == [RUNNING, RUNNING]


class FallsFromZero(RegressionLoss):
    """A loss that is 0 at a score of 0 for every target, and lower at the best score."""

    @staticmethod
    def value(y, raw):
        return 0.5 * raw * raw - y * raw

    @staticmethod
    def gradient(y, raw):
        return raw - y


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_may_begin_at_zero_and_fall():
    X, y = np.array([[-1.0], [0.0], [1.0]]), np.array([-2.0, 0.5, 2.0])
    settings = {"solver": "sgd", "learning_rate": 0.1, "shuffle": False, "max_iter": 20, "tol": None}
    ours, theirs = (GDRegressor(loss=loss, **settings).fit(X, y) for loss in (FallsFromZero(), "squared_error"))
    np.testing.assert_array_equal(ours.coef_, theirs.coef_)


def test_a_model_from_elsewhere_is_kept_where_it_is_better():
    """By the objective, or by the score if there are validation samples."""
    monitor, _ = watch([5.0, math.inf])
    monitor.offer(np.array([7.0]), 6.0)
    assert (monitor.best[0], monitor.best_objective, monitor.best_epoch) == (1.0, 5.0, 1)
    monitor.offer(np.array([7.0]), 4.0)
    assert (monitor.best[0], monitor.best_objective, monitor.best_epoch) == (7.0, 4.0, 0)
    for better, kept in ((9.0, 2.0), (0.0, 1.0)):
        monitor, _ = watch([5.0, math.inf], scores=[0.5, better])
        monitor.offer(np.array([2.0]), 6.0)
        assert monitor.best[0] == kept


def test_where_the_first_epoch_diverges_the_curve_is_that_of_the_model_kept():
    monitor, _ = watch([math.inf], scores=[0.6, 0.7, 0.5])
    monitor.offer(np.array([2.0]), 3.0)
    assert (monitor.curve, monitor.score_curve, monitor.best_epoch) == ([3.0], [0.7], 0)
    monitor, _ = watch([5.0, math.inf], scores=[0.5])
    assert (monitor.curve, monitor.score_curve) == ([5.0], [0.5])


# --- in a fit ------------------------------------------------------------------------------------------------------------


def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    return X, X @ [1.0, -2.0, 0.5] + 0.5 + 0.3 * rng.normal(size=60)


@pytest.mark.parametrize("loss", ["perceptron", "hinge"])
def test_a_fit_of_zero_unit_converges(loss):
    """The loss of the perceptron's null model is zero: without an improvement during the patience, the fit ends."""
    X, _ = data()
    y = X @ [1.0, -2.0, 0.5] > 0.5
    model = GDClassifier(loss, solver="sgd", learning_rate=0.1, alpha=0.0, random_state=0).fit(X, y)
    assert model.n_iter_ < 1000
    assert model.score(X, y) > 0.9


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("parts", [{}, {"learning_rate": 1.0, "penalty": None}, {"solver": "minibatch"}, {"solver": "auto"}])
def test_the_perceptron_learns_although_its_null_model_has_no_loss(parts):
    """Proximal steps left coefficients of zero unchanged, and with a rate the null model counted as better than any other."""
    X, y = load_breast_cancer(return_X_y=True)
    model = GDClassifier("perceptron", **{"solver": "sgd", "random_state": 0, **parts}).fit(X, y)
    assert model.score(X, y) > 0.85
    stream = GDClassifier("perceptron")
    for start in range(0, len(X), 50):
        stream.partial_fit(X[start : start + 50], y[start : start + 50], classes=[0, 1])
    assert stream.score(X, y) > 0.93


def test_a_fit_keeps_the_best_epoch():
    X, y = data()
    settings = {"solver": "sgd", "learning_rate": 0.1, "random_state": 0}
    best = GDRegressor(tol=0.0, n_iter_no_change=10, max_iter=12, **settings).fit(X, y)
    last = GDRegressor(tol=None, max_iter=12, **settings).fit(X, y)
    at = int(np.argmin(last.loss_curve_)) + 1
    assert at + 10 == 12
    assert best.loss_curve_ == last.loss_curve_
    shorter = GDRegressor(tol=None, max_iter=at, **settings).fit(X, y)
    np.testing.assert_array_equal(best.coef_, shorter.coef_)
    assert np.abs(best.coef_ - last.coef_).max() > 1e-3


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("rate", [1e3, 1e200])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_after_a_divergence_the_constant_model_is_kept_where_it_is_better_than_the_start(rate, validated):
    """The initial model predicts "no" for a hundred samples, most of which are "yes"."""
    rng = np.random.default_rng(0)
    X, y = 1e3 * rng.normal(size=(100, 3)), np.repeat(["no", "yes"], [20, 80])
    given = {"X_val": X[10:60], "y_val": y[10:60]} if validated else {}
    model = GDClassifier(solver="batch", optimizer="gd", learning_rate=rate, max_iter=50).fit(X, y, **given)
    assert model.score(X, y) == 0.8
    assert not model.coef_.any()
    if rate == 1e200:
        assert model.loss_curve_ == [pytest.approx(-0.8 * math.log(0.8) - 0.2 * math.log(0.2))]
        assert len(getattr(model, "validation_scores_", [0.0])) == model.n_iter_ == 1
    stream = GDClassifier(optimizer="gd", learning_rate=1e200).partial_fit(X, y)
    assert stream.score(X, y) == 0.8
    assert len(stream.loss_curve_) == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_start_that_is_better_than_the_constant_model_is_kept_after_a_divergence():
    X, y = data()
    good = GDRegressor().fit(X, y)
    wild = GDRegressor(solver="batch", optimizer="gd", learning_rate=1e200)
    wild.fit(X, y, coef_init=good.coef_, intercept_init=good.intercept_)
    np.testing.assert_array_equal(wild.coef_, good.coef_)
    assert wild.loss_curve_ == [pytest.approx(good.loss_curve_[-1])]


def test_a_fit_that_diverges_keeps_the_best_finite_model():
    X, y = data()
    model = GDRegressor(solver="batch", optimizer="gd", learning_rate=50.0, max_iter=400, tol=None)
    with pytest.warns(ConvergenceWarning, match=r"GDRegressor diverged in epoch \d+ with a learning rate of up to 50"):
        model.fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.loss_curve_).all()


WITH_CONJUGATE = [
    (kind, name, n_classes)
    for kind, registry, numbers in ((GDRegressor, REGRESSION_LOSSES, (0,)), (GDClassifier, CLASSIFICATION_LOSSES, (2, 3)))
    for name, loss in registry.items()
    for n_classes in numbers
    if loss().written_functions("conjugate") is not None
]


def targets_of(loss, score, n_classes):
    """Targets within the loss's domain that depend on a score: numbers, counts, or classes of about the same size."""
    if loss in CLASSIFICATION_LOSSES:
        return np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))
    return score if REGRESSION_LOSSES[loss]().in_domain(np.array([-1.0])).all() else np.exp(score / score.std()) + 0.1


def gaps_on_the_way(model, X, y, monkeypatch, least):
    """The duality gap after each iteration of a fit, and the distance of F from its minimum."""
    seen, original = [], SupportDescent._gap

    def gap(self, plain, gradient):
        seen.append((original(self, plain, gradient), self._value(plain) - least))
        return seen[-1][0]

    monkeypatch.setattr(SupportDescent, "_gap", gap)
    model.fit(X, y)
    monkeypatch.undo()
    return np.array(seen).T


@pytest.mark.parametrize("penalty", ["l1", "elasticnet", L1(nonnegative=True, standardize=True)], ids=str)
@pytest.mark.parametrize(("estimator", "loss", "n_classes"), WITH_CONJUGATE)
def test_the_duality_gap_bounds_what_is_left(estimator, loss, penalty, n_classes, monkeypatch):
    """It is at least the distance of F from its minimum in every iteration, and about zero at the end."""
    rng = np.random.default_rng(0)
    X_data = rng.normal(size=(60, 8)) * np.logspace(-1, 1, 8)
    score = X_data @ (rng.normal(size=8) / np.logspace(-1, 1, 8)) + rng.normal(size=60)
    y = targets_of(loss, score, n_classes)
    model = estimator(loss, penalty=penalty, alpha=0.03, max_iter=300)
    least = min(clone(model).set_params(tol=1e-9).fit(X_data, y).loss_curve_)
    bounds, left = gaps_on_the_way(model, X_data, y, monkeypatch, least)
    assert (bounds >= left - 1e-9 * max(1.0, abs(least))).all()
    # The perceptron's minimum is 0: the least tolerance is a share of `tol` times F of the null model.
    assert left[-1] <= max(1e-3 * least, SEPARATED * model.tol)
    assert bounds[-1] < 0.1 * bounds[0] or bounds[0] < 1e-3 * least


@pytest.mark.parametrize(("loss", "penalty"), [("squared_hinge", ElasticNet(l1_ratio=0.5)), ("hinge", L2(nonnegative=True))])
def test_a_fit_that_separates_the_classes_ends(loss, penalty):
    """F is about 1e-7 of that of the null model and flat: a tolerance relative to F would not end the fit in 1000 epochs."""
    rng = np.random.default_rng(2)
    X = rng.integers(0, 1000, size=(20, 40)).astype(float)
    y = rng.random(20) > 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GDClassifier(loss, penalty=penalty).fit(X, y)
    assert model.n_iter_ < 100
    assert model.score(X, y) == 1.0
    assert min(model.loss_curve_) < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_the_minimum_with_hardly_more_samples_than_features(seed):
    """Correlated features, 1.5 samples for each: compared with the linear program."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 40)) @ rng.normal(size=(40, 40)) + rng.normal(size=(60, 1)) * 10
    y = X @ rng.normal(size=40) + rng.normal(size=60) * 30
    best = mean_pinball_loss(y, QuantileRegressor(alpha=0.0).fit(X, y).predict(X))
    null = mean_pinball_loss(y, np.full(60, np.median(y)))
    assert min(GDRegressor("quantile", alpha=0.0).fit(X, y).loss_curve_) <= best + 1e-4 * null


def test_the_minimum_on_powers_of_a_feature():
    """Collinear features, fewer than two samples for each: the correlations come from all samples."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 3, 20)
    X, y = np.stack([x ** (j + 1) for j in range(12)], 1), x + rng.logistic(size=20) > 1
    model = {"loss": "squared_hinge", "penalty": L2(standardize=True), "alpha": 1e-6}
    best = min(GDClassifier(**model, tol=1e-10, max_iter=100_000).fit(X, y).loss_curve_)
    assert min(GDClassifier(**model).fit(X, y).loss_curve_) <= best + 1e-4


@pytest.mark.parametrize(("loss", "most"), [("log_loss", 1.5e-3), ("hinge", 2e-2)])
@pytest.mark.parametrize("solver", ["sgd", "minibatch"])
def test_stochastic_descent_on_few_samples_does_not_stop_at_noise(loss, most, solver):
    """After five epochs without improvement F was up to .005 and .05 above the minimum."""
    X, y = load_iris(return_X_y=True)
    which = np.random.default_rng(0).permutation(len(y))[:60]
    X, y = X[which], y[which]
    least = GDClassifier(loss).fit(X, y).loss_curve_[-1]
    for seed in range(3):
        fitted = GDClassifier(loss, solver=solver, random_state=seed).fit(X, y)
        assert min(fitted.loss_curve_) <= least + most, seed


def test_the_patience_of_few_samples_is_a_share_of_the_epochs_and_not_that_of_validation_samples():
    X, y = load_iris(return_X_y=True)
    shuffled = np.random.default_rng(0).permutation(len(y))
    model = GDClassifier(solver="sgd", random_state=0, tol=1e9)
    for settings, epochs in (({}, 20), ({"max_iter": 40}, 10), ({"n_iter_no_change": 30}, 30), ({"early_stopping": True}, 5)):
        fitted = clone(model).set_params(**settings).fit(X[shuffled], y[shuffled])
        assert fitted.n_iter_ == epochs + 1, settings


@pytest.mark.parametrize("solver", ["saga", "minibatch"])
def test_the_null_model_has_the_loss_without_smoothing(solver):
    """F of the smoothed null model was less than that of any model: the fits warned of it, and mini-batches never ended."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GDRegressor("huber", solver=solver, random_state=0).fit(X, 100.0 * y)
    assert model.score(X, 100.0 * y) > 0.4


def test_the_null_model_does_not_replace_a_perceptron():
    """Coefficients of zero minimise its loss, and classify nothing."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5))
    y = X[:, 0] + 0.5 * rng.logistic(size=2000) > 0.0
    assert GDClassifier("perceptron", solver="sgd", random_state=0).fit(X, y).score(X, y) > 0.75


def test_stochastic_descent_without_a_rate_ends_at_the_null_model_at_worst():
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X[:100], y[:100]
    parts = {"penalty": L1(standardize=True), "alpha": 1.0}
    null, fitted = GDClassifier(**parts).fit(X, y), GDClassifier(**parts, solver="sgd", random_state=0).fit(X, y)
    assert (null.coef_ == 0.0).all()
    np.testing.assert_allclose(log_loss(y, fitted.predict_proba(X)), log_loss(y, null.predict_proba(X)), rtol=1e-4)


@pytest.mark.parametrize("model", [GDClassifier("hinge"), GDRegressor("log_cosh", penalty="l1", alpha=0.01)], ids=str)
def test_a_fit_does_not_depend_on_numpys_errors(model):
    X, y = load_iris(return_X_y=True) if isinstance(model, GDClassifier) else load_diabetes(return_X_y=True)
    usual = clone(model).fit(X, y).coef_
    with np.errstate(all="raise"):
        raising = clone(model).fit(X, y).coef_
        clone(model).partial_fit(X, y)
    np.testing.assert_array_equal(raising, usual)


# --- a gradient that does not match the objective, and oscillations ------------------------------------------------------


class HiddenKink(RegressionLoss):
    """The absolute error, declared as smooth."""

    @staticmethod
    def value(y, raw):
        return abs(raw - y)

    @staticmethod
    def gradient(y, raw):
        return 1.0 if raw > y else -1.0


def a_line():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    return X, X @ [1.0, -2.0, 3.0] + 2.0 + rng.normal(scale=0.1, size=200)


@pytest.mark.parametrize("penalty", ["l2", "l1", L2(standardize=True), None], ids=str)
def test_a_descent_that_finds_no_way_down_says_so(penalty):
    """The warning is not about convergence if the gradient predicts a decrease that does not occur."""
    with pytest.warns(ConvergenceWarning, match=r"no step along the negative gradient.*check_loss"):
        GDRegressor(WrongSign(), penalty=penalty, alpha=1e-3).fit(*a_line())


@pytest.mark.parametrize("penalty", ["l2", "l1", L2(standardize=True), None], ids=str)
def test_a_loss_that_hides_its_kink_is_minimised_or_the_fit_says_so(penalty):
    """Without a warning, F must be within the tolerance of that of the smoothed descent."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hidden = GDRegressor(HiddenKink(), penalty=penalty, alpha=1e-3).fit(*a_line())
    best = min(GDRegressor("absolute_error", penalty=penalty, alpha=1e-3, tol=1e-8).fit(*a_line()).loss_curve_)
    assert caught or min(hidden.loss_curve_) <= 1.01 * best


def test_a_batch_descent_that_only_climbs_keeps_its_start():
    """Also if F increases slowly."""
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model = GDRegressor(WrongSign(), solver="batch", learning_rate=0.01, max_iter=50).fit(*a_line())
    np.testing.assert_array_equal(model.coef_, 0.0)


@pytest.mark.parametrize("optimizer", ["momentum", "nesterov"])
def test_a_swing_is_waited_out(optimizer):
    """Momentum overshoots the minimum and returns: the objective increases for more epochs than the patience."""
    X, y = a_line()
    model = GDRegressor(optimizer=optimizer, learning_rate=0.05, solver="batch", max_iter=500).fit(X, y)
    assert min(model.loss_curve_) == pytest.approx(GDRegressor(tol=1e-9).fit(X, y).loss_curve_[-1], rel=0.01)
    assert model.n_iter_ < 500


def test_a_swing_without_an_end_is_no_convergence():
    """The objective decreases at first, then oscillates permanently: the fit ends after ten times the patience."""
    monitor = Monitor(0.01, 3, 1.0, expected_decrease=lambda theta: 0.5, full_batch=True)
    monitor.start(np.zeros(1), 10.0)
    said = [monitor.judge(Iterate(np.ones(1), 2.0 + (epoch % 2))) for epoch in range(100)]
    assert said.index(DIVERGED) == 31
    assert set(said[:31]) == {RUNNING}
    monitor.full_batch = False
    assert monitor.judge(Iterate(np.ones(1), 2.0)) is PLATEAU


@pytest.mark.parametrize("rate", [1.5, 1.8, 2.1])
def test_an_adaptive_schedule_lowers_the_rate_of_a_swing(rate):
    X, y = a_line()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GDRegressor(solver="batch", optimizer="gd", learning_rate=Adaptive(rate), max_iter=2000).fit(X, y)
    assert min(model.loss_curve_) == pytest.approx(GDRegressor(tol=1e-9).fit(X, y).loss_curve_[-1], rel=0.05)


def test_a_batch_descent_from_the_minimum_is_content():
    """At the minimum, an increase by rounding is not divergence."""
    X, y = a_line()
    best = GDRegressor(tol=1e-12, max_iter=5000).fit(X, y)
    model = GDRegressor(solver="batch", optimizer="momentum", learning_rate=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y, coef_init=best.coef_, intercept_init=best.intercept_)
    np.testing.assert_allclose(model.coef_, best.coef_, atol=1e-3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("alpha", [1e-4, 1e-2])
def test_a_smooth_fit_estimates_what_is_left(alpha, monkeypatch):
    """From the metric on, half the gradient times the step to the minimum of the second-order model."""
    X, y = load_breast_cancer(return_X_y=True)
    model = GDClassifier(alpha=alpha, tol=0.0, max_iter=60, n_iter_no_change=60)
    seen, original = [], SmoothDescent.iterate

    def iterate(self, value, plain, **more):
        seen.append((value, more.get("expected", 0.0)))
        return original(self, value, plain, **more)

    monkeypatch.setattr(SmoothDescent, "iterate", iterate)
    model.fit(X, y)
    value, left = np.array(seen).T
    fall = (value - value.min())[5:12]
    assert (left[5:12] > fall / 30.0).all()
    assert (left[5:12] < 3.0 * fall).all()


@pytest.mark.parametrize("rare_feature", [False, True])
def test_a_kinked_loss_without_useful_features_reaches_the_null_model(rare_feature):
    """Between its kinks the loss has no curvature in the intercept, so that a small slope of F is no bound on its fall."""
    X = np.ones((10_000, 3)) * [1.0, 5.0, -2.0]
    if rare_feature:
        X = (np.random.default_rng(0).uniform(size=X.shape) < 0.002).astype(float)
    y = np.arange(10_000) < 10
    model = GDClassifier("hinge").fit(X, y)
    assert min(model.loss_curve_) <= 1.001 * 2.0 * np.mean(y)  # each of the rare class at a loss of 2


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array])
def test_the_metric_is_renewed_where_the_curvature_has_changed(layout):
    """With the curvature of the null model only, these nearly separable classes take 81 iterations, to a higher F."""
    X, y = load_breast_cancer(return_X_y=True)
    model = GDClassifier(penalty="l2").fit(layout(X), y)
    exact = GDClassifier(penalty="l2", tol=1e-12, max_iter=10_000).fit(X, y)
    assert model.n_iter_ < 30
    assert model.loss_curve_[-1] < 1.001 * exact.loss_curve_[-1]


@pytest.mark.filterwarnings("ignore:GDClassifier did not converge")  # to a tolerance of 1e-9
@pytest.mark.parametrize("apart", [1e-3, 1e-4])
@pytest.mark.parametrize("loss", ["log_loss", "exponential", "modified_huber"])
def test_a_fit_of_nearly_collinear_features_reaches_the_minimum(loss, apart):
    """The labels follow the small differences of two copies of each feature, whose curvature is `apart` squared."""
    rng = np.random.default_rng(0)
    Z, difference = rng.normal(size=(2, 1000, 4))
    X = np.hstack([Z, Z + apart * difference])
    y = difference.sum(axis=1) + Z[:, 0] + rng.logistic(size=1000) > 0.0
    fits = [GDClassifier(loss, penalty=None, **exact).fit(X, y) for exact in ({}, {"tol": 1e-9, "n_iter_no_change": 10})]
    values = [fit.loss_curve_[-1] for fit in fits]
    assert values[0] <= 1.002 * values[1]
    if loss == "log_loss":
        scaled = np.hstack([Z, difference])
        reference = LogisticRegression(C=np.inf, tol=1e-8, max_iter=10_000).fit(scaled, y)
        assert values[1] == pytest.approx(log_loss(y, reference.predict_proba(scaled)), rel=1e-4)


@pytest.mark.parametrize("apart", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("n_targets", [1, 2])
def test_least_squares_of_nearly_collinear_features_are_those_of_linear_regression(apart, n_targets):
    rng = np.random.default_rng(0)
    Z, difference = rng.normal(size=(2, 2000, 60))
    X = np.hstack([Z, Z + apart * difference])
    y = (difference.sum(axis=1) + Z[:, 0])[:, None] + rng.normal(size=(2000, n_targets))
    y = y[:, 0] if n_targets == 1 else y
    ours, exact = GDRegressor(penalty=None).fit(X, y), LinearRegression().fit(X, y)
    assert ours.score(X, y) == pytest.approx(exact.score(X, y), abs=1e-4)


def test_a_divergence_is_in_an_epoch_that_there_was():
    """The rate is too high in the first epoch: F decreases from then on, but not below the start."""
    X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 1.0]]) * 1e3
    model = GDRegressor(solver="batch", optimizer="gd", learning_rate=1.0, max_iter=1, tol=1e-3)
    with pytest.warns(ConvergenceWarning, match="diverged in epoch 1 "):
        model.fit(X, [0.0, 1.0, 2.0, 3.0])


class NanLoss(RegressionLoss):
    """A loss that is nan for scores near the target."""

    def value(y, raw):
        return np.sqrt(raw - y - 10.0)

    def gradient(y, raw):
        return 0.5 / np.sqrt(raw - y - 10.0)


def test_a_loss_that_is_nan_is_named():
    with pytest.raises(ValueError, match=r"the mean of NanLoss\(\) is nan .*check_loss"):
        GDRegressor(NanLoss()).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 5.0])


@pytest.mark.parametrize("verbose", [0, 1])
def test_what_is_compiled_is_printed_with_verbose(verbose, capsys):
    logger = logging.getLogger("sklearn_gd")
    before = list(logger.handlers), logger.level
    with printed_log(verbose):
        logger.info("compiled: a loop")
    logger.info("compiled: another one")
    assert capsys.readouterr().out == "compiled: a loop\n" * verbose
    assert (list(logger.handlers), logger.level) == before


@pytest.mark.parametrize("validated", [False, True])
def test_without_a_tolerance_smoothing_reaches_the_loss_itself(validated):
    """The stages of smoothing end by the default tolerance."""
    X, y = np.random.default_rng(0).normal(size=(20, 50)), np.random.default_rng(1).normal(size=20)
    given = {"X_val": X, "y_val": y} if validated else {}
    model = GDRegressor(Quantile(quantile=0.95), penalty=None, tol=None).fit(X, y, **given)
    assert model.n_iter_ == model.max_iter
    assert model.loss_curve_[-1] < 1e-8
    two = GDClassifier("hinge", penalty="l2", alpha=0.1, tol=None).fit(np.eye(2), [0, 1])
    np.testing.assert_allclose(two.coef_, [[-1.0, 1.0]], rtol=1e-6)


# --- fewer samples than features -----------------------------------------------------------------------------------------

# The first ten flies of a table: companions and their type, which do not vary, longevity, length of the thorax; hours of sleep.
FLIES = np.full((10, 4), [8.0, 0.0, 0.0, 0.0])
FLIES[:, 2] = [35, 37, 49, 46, 63, 39, 46, 56, 63, 65]
FLIES[:, 3] = [0.64, 0.68, 0.68, 0.72, 0.72, 0.76, 0.76, 0.76, 0.76, 0.76]
SLEEP = np.array([22.0, 9.0, 49.0, 1.0, 23.0, 83.0, 23.0, 15.0, 9.0, 81.0])


@pytest.mark.parametrize("alpha", [1e-4, 1e-6])
@pytest.mark.parametrize("seed", [4, 12, 13])
@pytest.mark.parametrize("loss", [Huber(8.0), "absolute_error", "log_cosh", "poisson", "squared_epsilon_insensitive"], ids=str)
def test_a_fit_of_few_samples_with_collinear_features_ends_at_the_minimum(loss, seed, alpha):
    """Squares of the features are nearly multiples of them: F falls slowly along their differences, but by half."""
    X = StandardScaler().fit_transform(np.hstack([FLIES, np.random.default_rng(seed).normal(size=(10, 4)), FLIES**2]))
    found = min(GDRegressor(loss, alpha=alpha).fit(X, SLEEP).loss_curve_)
    least = min(GDRegressor(loss, alpha=alpha, tol=1e-9, max_iter=20000).fit(X, SLEEP).loss_curve_)
    null = min(GDRegressor(loss).fit(np.zeros((10, 1)), SLEEP).loss_curve_)
    assert found - least < 0.005 * null


B, BENIGN = load_breast_cancer(return_X_y=True)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("loss", ["squared_error", "huber", "log_cosh", "absolute_error"])
@pytest.mark.parametrize("n", [10, 20, 30])
def test_a_fit_that_interpolates_the_targets_ends(n, loss):
    """Without a penalty F falls to rounding errors, which are no reason for a warning."""
    for seed in range(4):
        index = np.random.default_rng(seed).permutation(len(BENIGN))[:n]
        model = GDRegressor(loss, penalty=None).fit(B[index], BENIGN[index].astype(float))
        assert np.abs(model.predict(B[index]) - BENIGN[index]).mean() < 1e-3


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("penalty", ["auto", "l2", "l1", None])
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "gamma", "tweedie"])
@pytest.mark.parametrize("y", [1e-3, 0.7, 3.0, 1e5])
def test_constant_targets_are_fitted_by_the_intercept_without_a_warning(y, loss, penalty):
    model = GDRegressor(loss, penalty=penalty).fit(B[:100], np.full(100, y))
    assert np.abs(model.coef_ * B[:100].std(axis=0)).max() < 1e-12 * max(y, 1.0)
    np.testing.assert_allclose(model.predict(B[:3]), y, rtol=1e-7)


def heavy_tails(n, d, seed):
    """Samples of very different length."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.exp(np.clip(rng.standard_cauchy(n), -4.0, 4.0))[:, None]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("loss", ["squared_hinge", "modified_huber"])
@pytest.mark.parametrize("seed", [5, 7])
def test_few_samples_of_different_length_are_separated(seed, loss):
    """F ended at up to eighty times its minimum, with samples on the wrong side."""
    X, y = heavy_tails(50, 100, seed), np.random.default_rng(seed).integers(0, 2, 50)
    fits = [GDClassifier(loss, penalty="l2", alpha=1e-5, tol=tol, max_iter=5000).fit(X, y) for tol in (1e-4, 1e-8)]
    assert fits[0].loss_curve_[-1] <= 1.01 * fits[1].loss_curve_[-1]
    assert fits[0].score(X, y) == 1.0


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_absolute_error_of_few_samples_of_different_length_is_that_of_linear_programming(seed, fit_intercept):
    """More features than samples, of which some are collinear: the mean error was three times the least."""
    X = heavy_tails(50, 40, seed)
    X = np.hstack([X, np.round(X[:, :20])])
    y = np.random.default_rng(seed).normal(size=50) + X[:, 0]
    X[40:] = X[:10]  # targets cannot be interpolated
    ours = GDRegressor("absolute_error", penalty=None, fit_intercept=fit_intercept).fit(X, y)
    least = QuantileRegressor(alpha=0.0, fit_intercept=fit_intercept).fit(X / X.std(axis=0), y)
    error = np.abs(least.predict(X / X.std(axis=0)) - y).mean()
    assert np.abs(ours.predict(X) - y).mean() <= 1.005 * error


def test_losses_that_are_flat_beyond_the_margin():
    X, target = np.ones((4, 1)), np.array([[-1.0], [1.0], [1.0], [-1.0]])
    flat = set()
    for name, loss in CLASSIFICATION_LOSSES.items():
        if not loss().has_row_functions():
            settings = {"penalty": L2(), "alpha": 1e-4, "n_outputs": 1, "fit_intercept": True}
            if Objective(X, target, np.ones(4), loss=loss(), **settings).is_flat_beyond_margin:
                flat.add(name)
    assert flat == {"squared_hinge", "modified_huber"}
