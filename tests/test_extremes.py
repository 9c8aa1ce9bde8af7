"""Numbers near the limits of a float: a finite model, or an error that names the argument that is too large."""

import math
import re
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from matrix import LAYOUTS
from sklearn.exceptions import ConvergenceWarning

from sklearn_gd import GDClassifier, GDRegressor, RegressionLoss
from sklearn_gd._validation import check_weight
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from sklearn_gd.optimizers import OPTIMIZERS
from sklearn_gd.penalties import L1, L2
from sklearn_gd.schedules import Optimal, Run

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
Y = X @ [1.0, -1.0, 0.5] + 0.1 * rng.normal(size=40)
LABELS = Y > 0
FAST = {"max_iter": 5, "tol": None}


def is_finite(model):
    """Whether the model and its history are finite."""
    return all(np.isfinite(each).all() for each in (model.coef_, model.intercept_, model.loss_curve_))


# --- weights -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", [1e308, 1e201, 1e-310])
def test_weights_whose_sum_has_no_room_are_named(each):
    with pytest.raises(ValueError, match=r"w: the sum of the weights, \S+, must be between 1e-100 and 1e\+100"):
        check_weight(np.full(3, each), 3, "w")
    with pytest.raises(ValueError, match=r"^sample_weight: the sum"):
        GDRegressor().fit(X, Y, sample_weight=np.full(40, each))
    with pytest.raises(ValueError, match=r"sample_weight_val: the sum"):
        GDRegressor().fit(X, Y, X_val=X, y_val=Y, sample_weight_val=np.full(40, each))


def test_class_weights_times_sample_weights_are_named():
    with pytest.raises(ValueError, match=r"class_weight={.*} times sample_weight: the sum of the weights"):
        GDClassifier(class_weight={False: 1e90, True: 1e90}).fit(X, LABELS, sample_weight=np.full(40, 1e90))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "log_cosh"])
def test_weights_of_any_size_give_the_model_of_ones(loss):
    """The weights are powers of four, whose products and square roots are exact."""
    two, small, large = (GDRegressor(loss).fit(X, 1e10 * Y, sample_weight=np.full(40, 2.0**k)) for k in (2, -300, 300))
    np.testing.assert_array_equal(small.coef_, two.coef_)
    np.testing.assert_array_equal(large.coef_, two.coef_)


@pytest.mark.parametrize("solver", ["saga", "svrg"])
@pytest.mark.parametrize("loss", ["hinge", "multiclass_hinge", "absolute_error", "quantile"])
def test_kinks_and_weights_far_apart(loss, solver):
    """Weights from 1 to 1e10 with non-smooth losses."""
    weight = np.where(np.arange(40) % 3, 1.0, 1e10)
    if loss in REGRESSION_LOSSES:
        model, y = GDRegressor(loss, solver=solver, random_state=0, **FAST), Y
    else:
        model, y = GDClassifier(loss, solver=solver, random_state=0, **FAST), np.digitize(Y, [-0.5, 0.5])
    assert is_finite(model.fit(X, y, sample_weight=weight))


# --- features and targets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scale", [1e155, 1e300])
@pytest.mark.parametrize("solver", ["auto", "saga"])
def test_a_column_without_a_finite_variance_is_named(solver, scale, layout):
    rows = X * [1.0, scale, 1.0]
    with pytest.raises(ValueError, match=r"X\[:, 1\] has values whose weighted sum of squares overflows.*divide the feature"):
        GDRegressor(solver=solver).fit(LAYOUTS[layout](rows), Y)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_row_without_a_finite_length_is_named(layout):
    with pytest.raises(ValueError, match=r"X(\[:, 1\] has values whose weighted| has a sample whose) sum of squares overflows"):
        GDRegressor(solver="sgd", optimizer="gd", penalty=None, **FAST).fit(LAYOUTS[layout](X * [1.0, 1e200, 1.0]), Y)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", ["auto", "sgd", "svrg"])
@pytest.mark.parametrize("scale", [1e-310, 1e-165, 1e-155, 1e150])
def test_a_column_of_any_other_size(scale, solver, layout):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GDRegressor(solver=solver, fit_intercept=False, alpha=0.0, random_state=0, **FAST)
        assert is_finite(model.fit(LAYOUTS[layout](X * [1.0, scale, 1.0]), Y))


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_targets_whose_null_model_is_infinite_are_named(loss):
    with pytest.raises(ValueError, match=r"y has values of up to 1e\+200, for which the mean of SquaredError\(\) is inf"):
        GDRegressor().fit(X, np.append(Y[1:], 1e200))
    assert is_finite(GDRegressor("huber").fit(X, 1e120 * Y))
    with pytest.raises(
        ValueError, match=r"y has values of up to \S+e\+160, whose weighted sum of squares overflows: divide y by a"
    ):
        GDRegressor("huber").fit(X, 1e160 * Y)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scale", [1e-146, 1e-160, 1e-200, 1e-300])
@pytest.mark.parametrize("penalty", ["auto", "l1"])
def test_features_whose_squares_underflow_are_named(penalty, scale, layout):
    message = (
        r"GDRegressor: X\[:, 1\] has values whose squares underflow, so that the model may ignore the feature: multiply it by a"
    )
    rows = LAYOUTS[layout](X * [1.0, scale, 1.0])
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        GDRegressor(penalty=penalty).fit(rows, Y)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_stream_of_features_whose_squares_underflow_warns(layout):
    with pytest.warns(ConvergenceWarning, match=r"X\[:, 1\] has values whose squares underflow") as caught:
        GDRegressor().partial_fit(LAYOUTS[layout](X * [1.0, 1e-200, 1.0]), Y)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("solver", ["batch", "sgd"])
@pytest.mark.parametrize("scale", [1e-162, 1e-200, 1e-300])
def test_targets_whose_squares_underflow_are_named(scale, solver):
    with pytest.warns(
        ConvergenceWarning, match=r"y has values that differ by no more than \S+, whose losses underflow.*multiply y"
    ):
        GDRegressor(solver=solver, random_state=0).fit(X, scale * Y)


@pytest.mark.parametrize(
    ("layout", "values"), [*((layout, value) for layout in LAYOUTS for value in (0.0, 1.0)), ("dense", 1e-300)]
)
def test_constants_do_not_underflow(layout, values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GDRegressor().fit(LAYOUTS[layout](X * [1.0, 0.0, 1.0] + [0.0, values, 0.0]), Y)
        GDRegressor().fit(X, np.full(40, values))
        GDRegressor("absolute_error").fit(X, 1e-290 * Y)


def test_a_stream_of_targets_whose_losses_have_no_finite_product_is_named():
    """The model stays as it was."""
    model = GDRegressor().partial_fit(X, Y)
    before = model.coef_.copy()
    for refused in (model, GDRegressor()):
        with pytest.raises(
            ValueError, match=r"y has values of up to \S+e\+120, for which the mean of SquaredError\(\) is \S+: divide y"
        ):
            refused.partial_fit(X, 1e120 * Y)
    np.testing.assert_array_equal(model.coef_, before)
    with pytest.raises(ValueError, match=r"divide y by a constant"):
        GDRegressor(solver="sgd").fit(X, 1e145 * Y)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("optimizer", ["gd", "momentum", "cocob", "auto"])
@pytest.mark.parametrize("solver", ["batch", "sgd", "minibatch"])
def test_rows_of_zeros_without_an_intercept(solver, optimizer, layout):
    """Without curvature and gradient the coefficients stay at zero; also if only the first sample is zero."""
    model = GDRegressor(solver=solver, optimizer=optimizer, fit_intercept=False, alpha=0.0, shuffle=False, **FAST)
    assert not model.fit(LAYOUTS[layout](np.zeros((40, 3))), Y).coef_.any()
    rows = X.copy()
    rows[:10] = 0.0
    assert is_finite(model.fit(LAYOUTS[layout](rows), Y))
    assert model.coef_.any()
    assert is_finite(model.partial_fit(LAYOUTS[layout](np.zeros((40, 3))), Y))


@pytest.mark.parametrize("scale", [1e-160, 1e-163, 1e-200, 1e-300])
@pytest.mark.parametrize("optimizer", ["cocob", "dog", "coordinate_dog", "gd"])
@pytest.mark.parametrize("solver", ["batch", "sgd"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_gradients_whose_squares_are_zero(solver, optimizer, scale):
    assert is_finite(GDRegressor(solver=solver, optimizer=optimizer, random_state=0, **FAST).fit(X, scale * Y))


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("solver", ["batch", "sgd", "minibatch"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_targets_whose_slopes_have_no_finite_square(solver, validated):
    """Targets of 1e155, with a loss whose mean is finite there."""
    settings = {"solver": solver, "optimizer": "cocob", "early_stopping": validated, "fit_intercept": False, "random_state": 0}
    assert is_finite(GDRegressor("poisson", **settings, **FAST).fit(1e-310 * X, 1e155 * np.exp(Y)))


# --- parameters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", L2(standardize=True), L1(standardize=True)], ids=repr)
@pytest.mark.parametrize("alpha", [1e-310, 1e-200, 1e100, 1e200])
@pytest.mark.parametrize("solver", ["auto", "sgd", "saga"])
def test_a_penalty_of_any_strength(solver, alpha, penalty):
    """A strong penalty gives the null model, up to the noise of stochastic steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GDRegressor(penalty=penalty, alpha=alpha, solver=solver, random_state=0).fit(X, Y)
    assert is_finite(model)
    assert model.score(X, Y) == pytest.approx(0.0, abs=1e-3) if alpha > 1.0 else model.score(X, Y) > 0.95


class OfMath(RegressionLoss):
    """The gamma loss with Python's numbers, which raise an error on overflow."""

    @staticmethod
    def value(y, raw):
        return y * math.exp(-raw) + raw


@pytest.mark.parametrize("loss", [*CLASSIFICATION_LOSSES.values(), *REGRESSION_LOSSES.values(), OfMath])
@pytest.mark.parametrize("alpha", [1e-310, 1e-12, 1e100, 1e200])
def test_the_optimal_rate_of_any_penalty(alpha, loss):
    """The rates are finite, positive and decreasing, also if the slope is evaluated at a large score."""
    rates = Optimal().checked_rates(np.array([1.0, 2.0, 1e6]), Run(alpha=alpha, loss=loss()))
    assert (rates > 0.0).all()
    assert (np.diff(rates) <= 0.0).all()
    assert rates[0] == pytest.approx(1.0 / np.sqrt(np.sqrt(alpha)), rel=1e-9) or alpha < 1.0


# --- labels and the like -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [1, None])
def test_labels_of_several_types_are_named(label):
    mixed = np.array(["a", label] * 20, dtype=object)
    with pytest.raises(TypeError, match=r"^y has labels of types \['\w+', 'str'\], which cannot be compared"):
        GDClassifier().fit(X, mixed)
    with pytest.raises(TypeError, match=r"^y has labels of types"):
        GDClassifier().partial_fit(X, mixed)
    with pytest.raises((TypeError, ValueError), match=r"^X_val, y_val: y has"):
        GDClassifier().fit(X, LABELS, X_val=X, y_val=mixed)


def test_no_share_of_l1_is_needed_where_it_is_not_used():
    """l1_ratio may be None, as in SGDClassifier."""
    np.testing.assert_array_equal(GDRegressor(l1_ratio=None).fit(X, Y).coef_, GDRegressor().fit(X, Y).coef_)
    with pytest.raises(ValueError, match="l1_ratio=None with penalty='elasticnet'"):
        GDRegressor(l1_ratio=None, penalty="elasticnet").fit(X, Y)


# --- anything with anything ----------------------------------------------------------------------------------------------

SIZES = [1e-310, 1e-163, 1e-100, 1e-8, 1e8, 1e100, 1e155, 1e300]
NAMED = re.compile(
    r"(X\[:, \d+\] has|X has a sample|y has values|y has only one class|sample_weight: the sum|sample_weight is zero)"
)


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_random_fit_is_finite_or_refused_by_name(seed):
    """If the fit raises an error, the estimator does not change."""
    rng = np.random.default_rng(seed)
    n, d = rng.choice([2, 7, 40]), rng.choice([1, 5])
    rows, y, weight = rng.normal(size=(n, d)), rng.normal(size=n), None
    if rng.random() < 0.4:
        rows[:, rng.integers(d)] *= rng.choice(SIZES)
    if rng.random() < 0.4:
        weight = [10.0 ** rng.uniform(-10, 10, n), np.full(n, 1e307), np.where(rng.random(n) < 0.3, 0.0, 1.0)][rng.integers(3)]
    given = {
        "penalty": [None, "auto", "l2", "l1", "elasticnet", L2(standardize=True), L1(nonnegative=True)][rng.integers(7)],
        "alpha": rng.choice([0.0, 1e-310, 1e-4, 1.0, 1e200]),
        "solver": "batch",
        "optimizer": "auto" if rng.random() < 0.5 else str(rng.choice(list(OPTIMIZERS))),
        "fit_intercept": bool(rng.random() < 0.7),
        "max_iter": 10,
    }
    if rng.random() < 0.5:
        model = GDClassifier(str(rng.choice(list(CLASSIFICATION_LOSSES))), **given)
        y = np.append([0, 1], rng.integers(0, rng.choice([2, 3]), n - 2))
    else:
        loss = str(rng.choice(list(REGRESSION_LOSSES)))
        y = np.exp(y) if loss in ("poisson", "gamma", "tweedie") else y * rng.choice([1.0, *SIZES])
        model = GDRegressor(loss, **given)
    before, refused = dict(vars(model)), None
    try:
        model.fit(sp.csr_array(rows) if rng.random() < 0.4 else rows, y, sample_weight=weight)
    except ValueError as error:
        refused = str(error)
    assert is_finite(model) if refused is None else NAMED.match(refused) and vars(model) == before, refused


# --- starts far from the minimum -----------------------------------------------------------------------------------------

FAR_STARTS = {
    "huber": (GDRegressor, {"loss": "huber"}),
    "log_cosh": (GDRegressor, {"loss": "log_cosh", "penalty": "l2"}),
    "poisson": (GDRegressor, {"loss": "poisson"}),
    "log_loss": (GDClassifier, {}),
    "softmax": (GDClassifier, {}),
    "modified_huber": (GDClassifier, {"loss": "modified_huber"}),
    "squared_hinge": (GDClassifier, {"loss": "squared_hinge"}),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [30.0, 1e3, -1e5, 1e8, 1e12, 1e100, 1e300])
@pytest.mark.parametrize("name", FAR_STARTS)
def test_batch_descent_returns_from_a_start_where_the_loss_is_flat_or_linear(name, size):
    kind, parameters = FAR_STARTS[name]
    classes = np.digitize(Y, [-0.5, 0.5]) if name == "softmax" else LABELS
    y = classes if kind is GDClassifier else np.exp(Y) if name == "poisson" else 10.0 * Y
    cold = kind(**parameters).fit(X, y)
    far = kind(**parameters).fit(X, y, coef_init=size * np.arange(1.0, 1.0 + cold.coef_.size).reshape(cold.coef_.shape))
    assert far.loss_curve_[-1] <= cold.loss_curve_[-1] + 1e-3 * abs(cold.loss_curve_[0])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("loss", ["huber", "log_cosh", "epsilon_insensitive"])
def test_a_warm_start_follows_targets_that_have_moved_far(loss):
    model = GDRegressor(loss, warm_start=True).fit(X, Y)
    cold = GDRegressor(loss).fit(X, Y + 1e4)
    assert model.fit(X, Y + 1e4).loss_curve_[-1] <= cold.loss_curve_[-1] + 1e-3 * cold.loss_curve_[0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("alpha", [1e-4, 1e-8, 1e-12, 0.0])
def test_targets_far_from_zero_without_an_intercept(alpha):
    """At zero all residuals are on the linear part of the loss: its only curvature is that of the penalty."""
    features = 1.0 + 0.1 * X[:, :2]
    model = GDRegressor("huber", alpha=alpha, penalty="l2", fit_intercept=False).fit(features, 1000.0 + Y)
    assert model.loss_curve_[-1] < 0.2 * 1000.0


@pytest.mark.parametrize("name", ["coef_", "intercept_"])
def test_a_warm_start_from_a_model_that_is_not_finite_is_refused(name):
    model = GDClassifier(warm_start=True).fit(X, LABELS)
    getattr(model, name)[...] = np.nan
    with pytest.raises(ValueError, match=f"{name}init contains NaN"):
        model.fit(X, LABELS)
