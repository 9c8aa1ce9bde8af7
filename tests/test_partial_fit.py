"""partial_fit: the same descent as fit for any split into calls, and no change by a call that raises."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from matrix import ALPHA, LAYOUTS, LOSSES, PENALTY_OBJECTS, RATES, SCHEDULE_OBJECTS, D, N, covering, data, estimator, targets
from oracle import F, row_slopes
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_gd import SGD, Batch, GDClassifier, GDRegressor, MiniBatch
from sklearn_gd.optimizers import OPTIMIZERS
from sklearn_gd.penalties import NoPenalty
from sklearn_gd.schedules import CallableSchedule

# Samples in a call: any number for SGD, a multiple of the batch for the others, so that only the last batch is smaller.
CALL_ROWS = {"sgd": 7, "minibatch(3)": 6, "minibatch(5)": 10}
SOLVERS = {"sgd": SGD(), "minibatch(3)": MiniBatch(3), "minibatch(5)": MiniBatch(5)}


def some_rate(t):
    """A schedule as a plain function, which can be pickled."""
    return 0.1 / (1.0 + 0.1 * t)


def streamed(model, X, y, weight, n_rows):
    """The model after partial_fit calls of `n_rows` samples each, pickled and unpickled between calls."""
    labels = {"classes": np.unique(y)} if isinstance(model, GDClassifier) else {}
    for start in range(0, X.shape[0], n_rows):
        rows = slice(start, start + n_rows)
        model = pickle.loads(pickle.dumps(model))
        model.partial_fit(X[rows], y[rows], sample_weight=None if weight is None else weight[rows], **labels)
    return model


def assert_same_bits(one, other):
    """Coefficients, intercepts and step counts are equal to the last bit."""
    assert np.array_equal(one.coef_, other.coef_), one.coef_ - other.coef_
    assert np.array_equal(one.intercept_, other.intercept_)
    assert one.t_ == other.t_


def check_calls(model, X, y, weight, solver, layout):
    """Calls, one fit, and calls after either of them agree to the last bit."""
    X = LAYOUTS[layout](X)
    called = streamed(clone(model), X, y, weight, CALL_ROWS[solver])
    fitted = clone(model).set_params(max_iter=1).fit(X, y, sample_weight=weight)
    assert_same_bits(called, fitted)
    assert_same_bits(streamed(called, X, y, weight, CALL_ROWS[solver]), streamed(fitted, X, y, weight, CALL_ROWS[solver]))


# One loss for each kind of y and of kernel.
SOME_LOSSES = ["huber", "poisson", "log_loss-2", "log_loss-3", "hinge-3", "multiclass_hinge-3"]
AXES = [
    list(SOLVERS),
    SOME_LOSSES,
    list(PENALTY_OBJECTS),
    list(OPTIMIZERS),
    list(LAYOUTS),
    ["weights", "no weights"],
    [False, 1, 4],
]


@pytest.mark.parametrize("point", covering(AXES), ids=lambda point: "-".join(map(str, point)))
def test_calls_are_one_epoch_of_fit(point):
    """Every pair of solver, loss, penalty, optimizer, layout, weights and averaging."""
    solver, loss, penalty, optimizer, layout, weights, average = point
    X, y, weight = data(loss)
    parts = {"solver": SOLVERS[solver], "penalty": PENALTY_OBJECTS[penalty], "average": average}
    model = estimator(loss, optimizer=OPTIMIZERS[optimizer](), learning_rate=RATES[optimizer], **parts)
    check_calls(model, X, y, weight if weights == "weights" else None, solver, layout)


NO_STREAM = ("exponential", "step", "polynomial", "cosine", "cosine_restarts", "one_cycle")


STREAMED_SCHEDULES = [name for name in SCHEDULE_OBJECTS if name not in (*NO_STREAM, "callable")] + ["function"]


@pytest.mark.parametrize(
    ("schedule", "solver", "optimizer", "layout"),
    covering([STREAMED_SCHEDULES, list(SOLVERS), ["gd", "momentum"], list(LAYOUTS)]),
)
def test_schedules_go_on_between_calls(schedule, solver, optimizer, layout):
    """The step count, and all other state of a schedule, is kept between calls and in pickles."""
    rate = {"function": CallableSchedule(some_rate)}.get(schedule) or SCHEDULE_OBJECTS[schedule]
    model = estimator("log_loss-2", solver=SOLVERS[solver], optimizer=optimizer, learning_rate=rate, penalty="l2")
    check_calls(model, *data("log_loss-2"), solver, layout)


@pytest.mark.parametrize("schedule", NO_STREAM)
def test_schedules_that_need_the_length_of_the_run(schedule):
    """A length relative to the whole fit raises an error in partial_fit that names it, and works in fit."""
    X, y, _ = data("huber")
    model = estimator("huber", solver="sgd", learning_rate=schedule)
    model.fit(X, y)
    with pytest.raises(ValueError, match=r"steps=None means .* is unknown in partial_fit; set a number of steps"):
        model.partial_fit(X, y)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", [SGD(), Batch(), MiniBatch(5)], ids=repr)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("average", [False, 2])
def test_a_fit_goes_on(optimizer, solver, layout, average):
    """One epoch of fit and a call with the same samples equal two epochs of fit."""
    X, y, weight = data("log_loss-3")
    X = LAYOUTS[layout](X)
    parts = {"solver": solver, "optimizer": optimizer, "learning_rate": RATES[optimizer], "penalty": "elasticnet"}
    model = estimator("log_loss-3", average=average, **parts)
    once = clone(model).set_params(max_iter=1).fit(X, y, sample_weight=weight)
    twice = clone(model).set_params(max_iter=2).fit(X, y, sample_weight=weight)
    assert_same_bits(pickle.loads(pickle.dumps(once)).partial_fit(X, y, sample_weight=weight), twice)


ALTERNATING = covering([list(SOLVERS), list(OPTIMIZERS), list(PENALTY_OBJECTS), [False, 3]])


@pytest.mark.parametrize(("solver", "optimizer", "penalty", "average"), ALTERNATING)
def test_dense_and_csr_calls_alternate(optimizer, solver, penalty, average):
    """Each call may have dense or CSR samples: the model equals that of dense samples up to rounding."""
    X, y, weight = data("log_loss-3")
    parts = {"solver": SOLVERS[solver], "penalty": PENALTY_OBJECTS[penalty], "average": average}
    dense = estimator("log_loss-3", optimizer=OPTIMIZERS[optimizer](), learning_rate=RATES[optimizer], **parts)
    mixed = clone(dense)
    for call, start in enumerate(range(0, 2 * N, CALL_ROWS[solver])):
        rows = np.arange(start, min(start + CALL_ROWS[solver], 2 * N)) % N
        layout = (sp.csr_array, np.ascontiguousarray, sp.csr_array, sp.csc_array)[call % 4]
        dense.partial_fit(X[rows], y[rows], classes=[0, 1, 2], sample_weight=weight[rows])
        mixed.partial_fit(layout(X[rows]), y[rows], classes=[0, 1, 2], sample_weight=weight[rows])
        size = np.abs(dense.coef_).max()
        np.testing.assert_allclose(mixed.coef_, dense.coef_, rtol=0, atol=1e-11 * size)
        np.testing.assert_allclose(mixed.intercept_, dense.intercept_, rtol=0, atol=1e-11 * size)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", SOME_LOSSES)
def test_what_a_call_notes(loss, layout):
    """loss_curve_ is F of the new model on the samples of the call; n_iter_ counts calls and t_ steps."""
    X, y, weight = data(loss)
    target, _, one_vs_rest = targets(loss)
    model = estimator(loss, solver=MiniBatch(5), learning_rate=0.05, penalty="l2")
    labels = {} if LOSSES[loss][1] is None else {"classes": np.unique(y)}
    for call, rows in enumerate((slice(0, 10), slice(10, 18), slice(18, N)), start=1):
        model.partial_fit(LAYOUTS[layout](X[rows]), y[rows], sample_weight=weight[rows], **labels)
        parts = {"loss": model.loss, "penalty": PENALTY_OBJECTS["l2"], "alpha": ALPHA, "one_vs_rest": one_vs_rest}
        value = F(X[rows], target[rows], weight[rows], model.coef_, model.intercept_, **parts)
        assert model.n_iter_ == len(model.loss_curve_) == call
        assert model.loss_curve_[-1] == pytest.approx(value, rel=1e-12)
    assert model.t_ == 2 + 2 + 1


def test_a_batch_call_is_one_step():
    """With batch descent a call takes one step on all its samples."""
    X, y, weight = data("huber")
    parts = {"optimizer": "adam", "learning_rate": 0.1, "penalty": "l2"}
    one, other = (estimator("huber", solver=solver, **parts) for solver in ("batch", MiniBatch(8)))
    for start in range(0, N, 8):
        rows = slice(start, start + 8)
        one.partial_fit(X[rows], y[rows], sample_weight=weight[rows])
    other.set_params(max_iter=1).fit(X, y, sample_weight=weight)
    assert one.t_ == other.t_ == 3
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-12)


def test_auto_is_stochastic_and_learns():
    """Calls with all components at "auto" use single samples and approach the fit, from scratch or after a fit."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5)) * [1.0, 2.0, 0.5, 1.0, 1.0]
    y = X @ [1.0, -2.0, 3.0, 0.0, 0.5] + 4.0 + 0.1 * rng.normal(size=2000)
    model = GDRegressor()
    for start in range(0, 2000, 100):
        model.partial_fit(X[start : start + 100], y[start : start + 100])
    assert model.t_ == 2000
    assert model.score(X, y) > 0.99
    fitted = GDRegressor().fit(X, y)
    before = fitted.score(X, y)
    fitted.partial_fit(X[:200], y[:200])
    assert fitted.score(X, y) > before - 0.01


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_call_goes_on_from_the_model_that_was_kept(layout):
    """If validation selected an earlier epoch, the next step starts at the model of that epoch, not at the last iterate."""
    X, y, _ = data("squared_error")
    model = GDRegressor(solver="batch", optimizer="gd", learning_rate=0.2, penalty="l2", tol=0.0, n_iter_no_change=3)
    # Half of every effect: the validation score is best on the way to the optimum.
    model.fit(LAYOUTS[layout](X), y, X_val=X, y_val=0.5 * y)
    assert model.best_iter_ < model.n_iter_
    kept, bias = model.coef_.copy(), model.intercept_.copy()
    slopes = np.array([row_slopes(LOSSES["squared_error"][0]())([t], raw)[0] for t, raw in zip(y, (X @ kept + bias)[:, None])])
    model.partial_fit(LAYOUTS[layout](X), y)
    np.testing.assert_allclose(model.coef_, kept - 0.2 * (slopes @ X / N + 1e-4 * kept), rtol=1e-11)
    np.testing.assert_allclose(model.intercept_, bias - 0.2 * slopes.mean(), rtol=1e-11)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("average", [False, True, 2000])
@pytest.mark.parametrize("stream", [{"solver": "minibatch"}, {"solver": "sgd", "learning_rate": 0.05}, {"optimizer": "adam"}])
def test_the_state_of_a_fit_has_the_model_that_was_kept(stream, average, layout):
    """Whether the last iterate or an average predicts: the next call resumes from the best model of the fit."""
    rng = np.random.default_rng(0)
    X, X_val = rng.normal(size=(80, 60)), rng.normal(size=(500, 60))
    y, y_val = (each[:, 0] + 0.5 * rng.normal(size=len(each)) > 0 for each in (X, X_val))
    model = GDClassifier(**stream, average=average, alpha=1e-6, max_iter=100, tol=None, random_state=0)
    X = LAYOUTS[layout](X)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert model.best_iter_ < 100
    theta = np.concatenate([model.coef_[0], model.intercept_])
    np.testing.assert_allclose(model._state.predicting(None), theta, rtol=1e-12, atol=1e-12 * np.abs(theta).max())


def test_zero_weight_rows_in_a_call_do_not_exist():
    """Removing samples of weight zero changes nothing."""
    X, y, weight = data("huber")
    weight = np.where(np.arange(N) % 3 == 0, 0.0, weight)
    one, other = (estimator("huber", solver="sgd", optimizer="adam", learning_rate=0.05, average=3) for _ in range(2))
    for rows in np.array_split(np.arange(N), 3):
        kept = rows[weight[rows] > 0]
        one.partial_fit(X[rows], y[rows], sample_weight=weight[rows])
        other.partial_fit(X[kept], y[kept], sample_weight=weight[kept])
        assert_same_bits(one, other)
        assert one.loss_curve_ == other.loss_curve_


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("adam", "gd"),
        ("ftrl", "adadelta"),
        ("gd", "adam"),
        ("momentum", "adam"),
        ("adam", "adadelta"),
        ("momentum", "adagrad"),
        ("dog", "dowg"),
        ("schedule_free", "cocob"),
        ("adam", "schedule_free"),
    ],
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_optimizer_begins_anew(first, second, layout):
    """An optimizer does not use the slots of another one: it starts at the model with slots of zero."""
    X, y, _ = data("huber")
    X = LAYOUTS[layout](X)
    changed = estimator("huber", solver="sgd", optimizer=first, learning_rate=0.02).partial_fit(X, y)
    fresh = estimator("huber", solver="sgd", optimizer=second, learning_rate=0.02, max_iter=1)
    changed.set_params(optimizer=second)
    fresh.fit(X, y, coef_init=changed.coef_, intercept_init=changed.intercept_)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        changed.partial_fit(X, y)
    np.testing.assert_allclose(changed.coef_, fresh.coef_, rtol=1e-11)


@pytest.mark.parametrize("name", ["dog", "dowg", "coordinate_dog", "schedule_free"])
def test_after_a_fit_that_kept_an_earlier_model_descent_goes_on_from_it(name):
    """If a mean predicts, it starts at that model too."""
    X, y, _ = data("huber")
    rate = lambda t: RATES[name] if t <= 5 else 1e3  # noqa: E731
    model = estimator("huber", solver="batch", optimizer=name, learning_rate=rate, max_iter=8, tol=0.0, n_iter_no_change=8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    assert len(model.loss_curve_) == 8
    assert model.loss_curve_[-1] > min(model.loss_curve_)
    before = model.coef_.copy()
    np.testing.assert_array_equal(model._state.theta[:D], before)
    model.set_params(learning_rate=1e-300).partial_fit(X, y)
    np.testing.assert_allclose(model.coef_, before, rtol=1e-12)


@pytest.mark.parametrize("name", ["dog", "dowg", "coordinate_dog"])
def test_letting_another_of_its_models_predict_begins_anew(name):
    X, y, _ = data("huber")
    changed = estimator("huber", solver="sgd", optimizer=OPTIMIZERS[name](), learning_rate=1.0).partial_fit(X, y)
    fresh = estimator("huber", solver="sgd", optimizer=OPTIMIZERS[name](averaged=False), learning_rate=1.0, max_iter=1)
    fresh.fit(X, y, coef_init=changed.coef_, intercept_init=changed.intercept_)
    changed.set_params(optimizer__averaged=False).partial_fit(X, y)
    np.testing.assert_allclose(changed.coef_, fresh.coef_, rtol=1e-11)


# --- refused and diverging calls -----------------------------------------------------------------------------------------

X_GOOD, Y_GOOD, W_GOOD = data("poisson")


def with_value(array, at, value):
    """A copy of a float array in which one value is replaced."""
    out = np.array(array, dtype=float)
    out[at] = value
    return out


REFUSED = {
    "wrong number of columns": ({"X": X_GOOD[:, :3]}, "features"),
    "NaN in X": ({"X": with_value(X_GOOD, (3, 1), np.nan)}, "NaN"),
    "infinity in X": ({"X": with_value(X_GOOD, (3, 1), np.inf)}, "infinity"),
    "strings in X": ({"X": np.full((N, D), "a")}, "could not convert|Unable to convert|dtype"),
    "1-D X": ({"X": X_GOOD[:, 0]}, "2D array"),
    "no rows": ({"X": X_GOOD[:0], "y": Y_GOOD[:0], "sample_weight": W_GOOD[:0]}, "0 sample"),
    "y too short": ({"y": Y_GOOD[:-1]}, "inconsistent numbers of samples"),
    "no y": ({"y": None}, "requires y to be passed"),
    "negative weight": ({"sample_weight": with_value(W_GOOD, 2, -1.0)}, r"sample_weight\[2\] is .*-1"),
    "weights all zero": ({"sample_weight": np.zeros(N)}, "sample_weight is zero for every sample"),
    "NaN among the weights": ({"sample_weight": with_value(W_GOOD, 2, np.nan)}, "sample_weight contains NaN"),
    "weights too short": ({"sample_weight": W_GOOD[:-1]}, "sample_weight.shape"),
    "2-D weights": ({"sample_weight": W_GOOD[:, None]}, "sample_weight must be 1D"),
}
REFUSED_REGRESSION = REFUSED | {
    "NaN in y": ({"y": with_value(Y_GOOD, 2, np.nan)}, "NaN"),
    "y outside the domain": ({"y": with_value(Y_GOOD, 2, -1.0)}, r"Poisson needs numbers >= 0 as y; y\[2\] is .*-1"),
    "another number of outputs": ({"y": np.column_stack([Y_GOOD, Y_GOOD])}, "outputs"),
}
LABELS = np.array(["a", "b", "c"])[data("log_loss-3")[1]]
REFUSED_CLASSIFICATION = {case: call for case, call in REFUSED.items() if case != "no rows"} | {
    "unknown label": ({"y": np.where(np.arange(N) == 5, "d", LABELS)}, "'d'.*not among the classes"),
    "other classes": ({"classes": ["a", "b"]}, "classes"),
    "numbers in the place of labels": ({"y": np.arange(N) * 0.5}, "continuous"),
}


def begun(classifier, layout, n_calls=2):
    """An estimator after some valid calls."""
    if classifier:
        model = GDClassifier(solver="sgd", optimizer="gd", learning_rate=0.05, average=3)
    else:
        model = GDRegressor("poisson", solver="sgd", optimizer="gd", learning_rate=0.05, average=3)
    for _ in range(n_calls):
        labels = {"classes": ["a", "b", "c"]} if classifier else {}
        model.partial_fit(LAYOUTS[layout](X_GOOD), LABELS if classifier else Y_GOOD, sample_weight=W_GOOD, **labels)
    return model


REFUSED_CALLS = [(False, case) for case in REFUSED_REGRESSION] + [(True, case) for case in REFUSED_CLASSIFICATION]


@pytest.mark.parametrize(("classifier", "case"), REFUSED_CALLS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_refused_call_changes_nothing(classifier, case, layout):
    """All attributes, including the private state, are unchanged, and the next valid call has the same result."""
    model = begun(classifier, layout)
    untouched = copy.deepcopy(model)
    before = pickle.dumps(vars(model))
    change, message = (REFUSED_CLASSIFICATION if classifier else REFUSED_REGRESSION)[case]
    call = {"X": X_GOOD, "y": LABELS if classifier else Y_GOOD, "sample_weight": W_GOOD} | change
    with pytest.raises(ValueError, match=message):
        model.partial_fit(**call)
    assert pickle.dumps(vars(model)) == before
    np.testing.assert_array_equal(model.predict(X_GOOD), untouched.predict(X_GOOD))
    for each in (model, untouched):
        each.partial_fit(LAYOUTS[layout](X_GOOD), LABELS if classifier else Y_GOOD, sample_weight=W_GOOD)
    assert_same_bits(model, untouched)


# Errors that can only occur in a later call.
LATER = {"wrong number of columns", "another number of outputs", "other classes"}


@pytest.mark.parametrize(("classifier", "case"), [call for call in REFUSED_CALLS if call[1] not in LATER])
def test_a_refused_first_call_leaves_nothing_behind(classifier, case):
    """An estimator whose first call raised an error has no new attribute."""
    model = GDClassifier() if classifier else GDRegressor("poisson")
    before = set(vars(model))
    change, message = (REFUSED_CLASSIFICATION if classifier else REFUSED_REGRESSION)[case]
    call = {"X": X_GOOD, "y": LABELS if classifier else Y_GOOD, "sample_weight": W_GOOD} | change
    labels = {"classes": ["a", "b", "c"]} if classifier else {}
    with pytest.raises(ValueError, match=message):
        model.partial_fit(**call, **labels)
    assert set(vars(model)) == before


@pytest.mark.parametrize(
    ("parameter", "value"), [("alpha", -1.0), ("learning_rate", 0.0), ("optimizer", "unknown"), ("loss", "hinge"), ("solver", 3)]
)
def test_a_parameter_out_of_range_between_calls(parameter, value):
    """An invalid parameter raises an error that names it; after a correction the stream continues."""
    model = begun(False, "csr")
    untouched = copy.deepcopy(model)
    right = getattr(model, parameter)
    with pytest.raises((ValueError, TypeError), match=parameter):
        model.set_params(**{parameter: value}).partial_fit(X_GOOD, Y_GOOD)
    model.set_params(**{parameter: right})
    assert_same_bits(model.partial_fit(X_GOOD, Y_GOOD), untouched.partial_fit(X_GOOD, Y_GOOD))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", ["sgd", "minibatch", "batch"])
@pytest.mark.parametrize("optimizer", ["gd", "momentum"])
@pytest.mark.parametrize("average", [False, 3])
def test_a_diverging_call_keeps_the_model_and_warns(solver, layout, optimizer, average):
    """The warning names the rate; coefficients, state and counts are those before the call."""
    X, y, _ = data("squared_error")
    X = LAYOUTS[layout](X)
    model = GDRegressor(solver=solver, optimizer=optimizer, learning_rate=0.05, average=average).partial_fit(X, y)
    untouched = copy.deepcopy(model)
    model.set_params(learning_rate=1e6)
    before = pickle.dumps(vars(model))
    with pytest.warns(ConvergenceWarning, match=r"diverged .*1e\+06"):
        model.partial_fit(X, y)
    assert pickle.dumps(vars(model)) == before
    model.set_params(learning_rate=0.05)
    assert_same_bits(model.partial_fit(X, y), untouched.partial_fit(X, y))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_diverging_first_call(layout):
    """The model is finite, a warning is given, and a lower rate learns from there."""
    X, y, _ = data("squared_error")
    X = LAYOUTS[layout](X)
    model = GDRegressor(solver="sgd", optimizer="gd", learning_rate=1e6)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.partial_fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    model.set_params(learning_rate=0.05)
    for _ in range(20):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize("size", [1e155, 1e300])
def test_a_first_call_with_numbers_that_cannot_be_squared(size):
    """An error that says what to do, and a stream that begins with the next call."""
    model = GDRegressor()
    with pytest.raises(ValueError, match=r"y has values of up to .*divide y by a constant"):
        model.partial_fit([[1.0], [2.0]], [size, -size])
    assert not hasattr(model, "coef_")
    for _ in range(20):
        model.partial_fit([[1.0], [2.0], [3.0]], [2.0, 4.0, 6.0])
    np.testing.assert_allclose(model.predict([[5.0]]), 10.0, rtol=0.1)


def test_zero_alpha_penalty_object_is_no_penalty():
    """A penalty of strength zero has no effect, also in lazy descent."""
    X, y, weight = data("huber")
    models = [
        estimator("huber", solver="sgd", optimizer="gd", learning_rate=0.05, penalty=penalty, alpha=0.0)
        for penalty in (NoPenalty(), "l2", "l1", "elasticnet")
    ]
    for model in models:
        streamed_model = streamed(model, sp.csr_array(X), y, weight, 7)
        np.testing.assert_array_equal(streamed_model.coef_, streamed(clone(models[0]), sp.csr_array(X), y, weight, 7).coef_)


def test_small_calls_with_many_classes_draw_no_warning():
    """scikit-learn warns of labels with many values, which may be numbers; here `classes` defines the labels."""
    X = np.random.default_rng(0).normal(size=(32, 3))
    model = GDClassifier()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(X, np.arange(32) % 30, classes=range(30))
        model.partial_fit(X, np.arange(32) % 30)


def test_a_stream_after_an_exact_fit_stays_exact():
    """The null model, whose loss is not known after a fit, had a weight in the mixture."""
    X = np.random.default_rng(0).normal(size=(5000, 3))
    y = X @ [1.0, 2.0, 3.0] + 1.0
    model = GDRegressor(alpha=0.0).fit(X, y).partial_fit(X[:50], y[:50]).partial_fit(X[50:90], y[50:90])
    np.testing.assert_allclose(model.coef_, [1.0, 2.0, 3.0], rtol=1e-10)


# --- a model that was assigned -------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(200, 3)), RNG.normal(size=200)
STREAMS = {
    "auto": {},
    "gd": {"solver": "sgd", "learning_rate": 0.05, "alpha": 0.0},
    "adam": {"optimizer": "adam", "learning_rate": 0.01, "average": 2},
    "automatic adam": {"solver": "minibatch"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_goes_on_from_coefficients_that_were_assigned(stream, layout):
    """As from the mean of several workers' models: also where they were changed in place, and after a pickle."""
    X = LAYOUTS[layout](A)
    model = GDRegressor(**STREAMS[stream]).partial_fit(X, A @ [1.0, -1.0, 0.5])
    far = np.array([1e3, -1e3, 1e3])
    unchanged = copy.deepcopy(model).partial_fit(X[:2], B[:2]).coef_
    assert np.abs(unchanged).max() < 10.0
    replaced, in_place = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    replaced.coef_ = far
    in_place.coef_[:] = far
    for each in (replaced, pickle.loads(pickle.dumps(replaced)), in_place):
        each.partial_fit(X[:2], B[:2])
        assert np.abs(each.coef_).max() > 300.0
    np.testing.assert_array_equal(replaced.coef_, in_place.coef_)


def test_a_step_from_assigned_coefficients_is_the_textbook_update():
    model = GDRegressor(solver="sgd", learning_rate=0.1, alpha=0.0, fit_intercept=False).partial_fit([[1.0]], [1.0])
    model.coef_ = np.array([3.0])
    model.partial_fit([[2.0]], [1.0])
    assert model.coef_[0] == 3.0 - 0.1 * (2.0 * 3.0 - 1.0) * 2.0
    assert model.t_ == 1  # a new state, as after another optimizer


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_begins_at_coefficients_that_were_assigned(stream, layout):
    """Before any fit, as a server of federated learning assigns them: as from `coef_init` of one epoch of fit."""
    X, far = LAYOUTS[layout](A), np.array([1e3, -1e3, 1e3])
    for model in (GDRegressor(**STREAMS[stream]), GDClassifier(**STREAMS[stream])):
        y = B if isinstance(model, GDRegressor) else B > 0
        model.coef_, model.intercept_ = (far, np.zeros(1)) if y is B else (far[None], np.zeros(1))
        if y is not B:
            model.classes_ = np.array([False, True])
        model.partial_fit(X[:2], y[:2])
        assert np.abs(model.coef_).max() > 300.0
        assert model.n_features_in_ == 3


def test_assigned_coefficients_predict_before_any_fit():
    regressor, classifier = GDRegressor("poisson"), GDClassifier()
    regressor.coef_, regressor.intercept_ = np.array([1.0, -2.0]), np.array([0.5])
    classifier.coef_, classifier.intercept_, classifier.classes_ = np.array([[1.0, -2.0]]), np.array([0.5]), np.array([0, 1])
    X = np.array([[1.0, 1.0], [2.0, 0.0]])
    np.testing.assert_allclose(regressor.predict(X), np.exp([-0.5, 2.5]))
    assert regressor.score(X, regressor.predict(X)) == 1.0
    np.testing.assert_allclose(classifier.predict_proba(X)[:, 1], 1.0 / (1.0 + np.exp([0.5, -2.5])))
    np.testing.assert_array_equal(classifier.predict(X), [0, 1])


def test_a_first_step_from_assigned_coefficients_is_the_textbook_update():
    model = GDRegressor(solver="sgd", learning_rate=0.1, alpha=0.0, fit_intercept=False)
    model.coef_, model.intercept_ = np.array([3.0]), np.zeros(1)
    model.partial_fit([[2.0]], [1.0])
    assert model.coef_[0] == 3.0 - 0.1 * (2.0 * 3.0 - 1.0) * 2.0


def test_coefficients_that_were_assigned_alone_are_named():
    model = GDRegressor()
    model.coef_ = np.ones(3)
    with pytest.raises(ValueError, match="coef_ was assigned, but intercept_ was not"):
        model.partial_fit(A, B)


def test_assigned_coefficients_of_another_shape_are_named():
    model = GDRegressor().partial_fit(A, B)
    model.coef_ = np.ones(4)
    with pytest.raises(ValueError, match=r"coef_init has shape \(1, 4\); it must be \(1, 3\)"):
        model.partial_fit(A, B)


def test_new_classes_and_assigned_coefficients():
    labels = np.arange(200) % 2
    model = GDClassifier(learning_rate=0.01).partial_fit(A, labels).partial_fit(A, labels + 1)
    model.coef_ = 100.0 * np.ones((3, 3))
    model.partial_fit(A[:4], [0, 1, 2, 3])
    assert model.coef_.shape == (4, 3)
    assert model.coef_[:3].min() > 50.0


@pytest.mark.parametrize("n_classes", [50, 100, 200])
def test_a_stream_of_many_classes_learns_from_a_few_samples_of_each(n_classes):
    """Each of a hundred equal classes has 1% of the samples, but none is rare: no other class has nearly all of them."""
    rng = np.random.default_rng(0)
    centres = 2.0 * rng.normal(size=(n_classes, 60))
    y = rng.integers(0, n_classes, 3 * n_classes + 1000)
    X = centres[y] + 2.0 * rng.normal(size=(len(y), 60))
    model = GDClassifier()
    for start in range(0, 3 * n_classes, 10):
        rows = slice(start, min(start + 10, 3 * n_classes))
        model.partial_fit(X[rows], y[rows], classes=np.arange(n_classes))
    assert model.score(X[3 * n_classes :], y[3 * n_classes :]) > 0.5
