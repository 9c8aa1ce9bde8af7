"""Batch descent on the device of X, by array API dispatch: array-api-strict and PyTorch, compared with NumPy's fit.

scikit-learn requires ``SCIPY_ARRAY_API=1`` in the environment for dispatch. These tests do not need SciPy's dispatch, so a
fixture sets it for these tests only; one test starts a new process with it, as a user does.
"""

import os
import pickle
import subprocess
import sys
import warnings

import array_api_strict as strict
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import config_context
from sklearn.base import clone
from versions import skip_below

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch, RegressionLoss
from sklearn_gd._devices import HOST, place_of, to_host
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, LogLoss, SquaredHinge
from sklearn_gd.objective import _device_rows
from sklearn_gd.objective._array_loss import array_loss
from sklearn_gd.objective._part import Part
from sklearn_gd.objective._rows import DenseRows
from sklearn_gd.objective._samples import parts_of, rows_of
from sklearn_gd.penalties import Penalty

skip_below("scikit-learn", "1.9", "its checks of X and y in two libraries are new there")
from sklearn.utils.estimator_checks import check_array_api_input_and_values, check_array_api_mixed_inputs  # noqa: E402


@pytest.fixture(autouse=True)
def dispatch(monkeypatch, request):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    call = getattr(request.node, "callspec", None)
    with config_context(array_api_dispatch=True):
        if call and call.params.get("to") is on_torch_apart:
            monkeypatch.setattr(place_of(on_torch(X)), "in_memory", False)
        yield


def on_strict(array, device="device1"):
    return strict.asarray(array, device=strict.Device(device))


def on_torch(array, device="cpu"):
    torch = pytest.importorskip("torch")
    return torch.asarray(array, device=device)


def on_torch_apart(array):
    """Tensors that NumPy cannot read, as far as a fit knows: the fixture sees to it."""
    return on_torch(array)


def on_cuda(array):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return on_torch(array, "cuda")


def on_mps(array):
    torch = pytest.importorskip("torch")
    if not torch.backends.mps.is_available():
        pytest.skip("no MPS device")
    return on_torch(array.astype(np.float32) if array.dtype == np.float64 else array, "mps")


def on_cupy(array):
    cupy = pytest.importorskip("cupy")
    try:
        return cupy.asarray(array)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"CuPy finds no device: {error}")


EVERYWHERE = [pytest.param(each, id=each.__name__[3:]) for each in (on_strict, on_torch_apart, on_torch, on_cuda, on_cupy)]
HERE = EVERYWHERE[:3]

rng = np.random.default_rng(0)
X = rng.normal(size=(160, 6)) * [1.0, 10.0, 0.1, 1.0, 3.0, 1.0] + [0.0, 5.0, 0.0, 1.0, 0.0, 0.0]
SCORE = X @ [1.0, 0.1, -3.0, 0.0, 0.2, 0.0] + rng.normal(size=160)
WEIGHT = rng.uniform(0.5, 2.0, size=160)
WEIGHT[:5] = 0.0
TARGET, TWO, THREE = np.exp(0.2 * SCORE), np.where(SCORE > 0.5, 4, 2), np.digitize(SCORE, [-1.0, 1.5]) + 5
CASES = [
    *[(GDRegressor(loss), TARGET) for loss in REGRESSION_LOSSES],
    *[(GDClassifier(loss), y) for loss in CLASSIFICATION_LOSSES for y in (TWO, THREE)],
]
IDS = [f"{estimator.loss}-{len(np.unique(y)) if y is not TARGET else 1}" for estimator, y in CASES]


def fitted(estimator, *arrays):
    """A clone, fitted without convergence warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(estimator).fit(*arrays)


def assert_same_model(one, other, rtol=1e-6):
    for name in ("coef_", "intercept_"):
        found, want = to_host(getattr(one, name)), getattr(other, name)
        np.testing.assert_allclose(found, want, rtol=rtol, atol=rtol * np.abs(want).max())


# --- the model is that of NumPy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", EVERYWHERE)
@pytest.mark.parametrize("penalty", ["auto", "l1", "elasticnet"])
@pytest.mark.parametrize(("estimator", "y"), CASES, ids=IDS)
def test_every_loss_and_penalty_gives_the_model_of_numpy(estimator, y, penalty, to):
    estimator = clone(estimator).set_params(penalty=penalty, alpha=0.01)
    there = fitted(estimator, to(X), to(y), to(WEIGHT))
    here = fitted(estimator, X, y, WEIGHT)
    assert_same_model(there, here)
    assert type(there.coef_) is type(to(X)) is type(there.predict(to(X)))
    assert there.n_iter_ == here.n_iter_
    np.testing.assert_allclose(to_host(there.predict(to(X))), here.predict(X), rtol=1e-6)
    assert there.score(to(X), to(y)) == pytest.approx(here.score(X, y), rel=1e-6)


@pytest.mark.parametrize("to", EVERYWHERE)
@pytest.mark.parametrize("loss", ["log_loss", "modified_huber", "exponential"])
@pytest.mark.parametrize("y", [TWO, THREE])
def test_scores_and_probabilities_are_where_x_is(loss, y, to):
    there, here = fitted(GDClassifier(loss), to(X), to(y)), fitted(GDClassifier(loss), X, y)
    for method in ("decision_function", "predict_proba", "predict_log_proba"):
        found = getattr(there, method)(to(X))
        assert type(found) is type(to(X))
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(to_host(found), getattr(here, method)(X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("to", HERE)
@pytest.mark.parametrize(
    "estimator",
    [
        GDClassifier(alpha=1e-3, tol=1e-9, max_iter=200),  # metrics from moments and Gram matrices
        GDClassifier("hinge", penalty="l1", alpha=1e-3, fit_intercept=False),
        GDClassifier(penalty=None, tol=1e-8, max_iter=50),
        GDClassifier(solver="batch", optimizer="adam", learning_rate=0.05, max_iter=20, tol=None),
        GDClassifier(solver="batch", optimizer="adam", max_iter=20, tol=None),
        GDClassifier(solver="batch", average=True, max_iter=20, tol=None),
        GDClassifier(class_weight="balanced", early_stopping=True, random_state=0),
        GDClassifier(early_stopping=True, scoring="accuracy", random_state=0),
    ],
    ids=str,
)
def test_every_way_of_batch_descent_gives_the_model_of_numpy(estimator, to):
    features = np.column_stack([X, rng.normal(size=(160, 3))])
    assert_same_model(fitted(estimator, to(features), to(THREE), to(WEIGHT)), fitted(estimator, features, THREE, WEIGHT))


@pytest.mark.parametrize("to", HERE)
def test_a_scorer_that_cannot_score_is_named(to):
    model = GDRegressor(early_stopping=True, scoring="neg_mean_squared_log_error", random_state=0)
    with pytest.raises(ValueError, match="scoring='neg_mean_squared_log_error' cannot score the validation samples"):
        fitted(model, to(X), to(SCORE))


@pytest.mark.parametrize("to", HERE)
def test_a_working_set_of_few_features_gives_the_model_of_numpy(to):
    wide = np.random.default_rng(1).normal(size=(60, 300))
    for estimator, y in (
        (GDRegressor(penalty="l1", alpha=0.1), wide[:, 0] - wide[:, 7]),
        (GDClassifier(penalty="l1", alpha=0.02), THREE[:60]),
    ):
        assert_same_model(fitted(estimator, to(wide), to(y)), fitted(estimator, wide, y))


@pytest.mark.parametrize("to", HERE)
def test_a_penalty_of_the_users_own_and_several_targets(to):
    class Quartic(Penalty):
        @staticmethod
        def value(w):
            return 0.25 * w**4

        @staticmethod
        def gradient(w):
            return w**3

    Y = np.column_stack([TARGET, SCORE])
    for estimator in (GDRegressor(penalty=Quartic(), alpha=0.1), GDRegressor("huber")):
        assert_same_model(fitted(estimator, to(X), to(Y)), fitted(estimator, X, Y))


@pytest.mark.parametrize(("estimator", "y"), CASES, ids=IDS)
@pytest.mark.parametrize("to", HERE[1:])
def test_samples_in_float32_give_nearly_the_model_of_numpy(estimator, y, to):
    single = X.astype(np.float32)
    there, here = fitted(estimator, to(single), to(y)), fitted(estimator, single, y)
    if estimator.loss == "perceptron":
        # Zero coefficients are its minimum: those of both are below the rounding of scores of about one, and share no digit.
        assert max(abs(there.coef_).max(), abs(here.coef_).max()) < 1e-6
        return
    assert_same_model(there, here, rtol=2e-3)


@pytest.mark.parametrize(
    "to", [pytest.param(lambda array: on_strict(array, "no_float64"), id="strict"), pytest.param(on_mps, id="mps")]
)
@pytest.mark.parametrize(("estimator", "y"), [(GDRegressor(), TARGET), (GDClassifier(), TWO), (GDClassifier(), THREE)])
def test_a_device_without_float64_descends_in_float32(estimator, y, to):
    single = X.astype(np.float32)
    y = y.astype(np.float32) if y.dtype == np.float64 else y
    there, here = fitted(estimator, to(single), to(y)), fitted(estimator, X, y)
    assert str(there.coef_.dtype).endswith("float32")
    assert there.loss_curve_[-1] == pytest.approx(here.loss_curve_[-1], rel=1e-4)


@pytest.mark.parametrize("to", HERE)
def test_samples_in_tiles_give_the_model_of_one_tile(to, monkeypatch):
    single, estimator = X.astype(np.float32), GDClassifier(alpha=1e-3, tol=1e-9, max_iter=100)
    whole = fitted(estimator, to(single), to(THREE))
    monkeypatch.setattr(_device_rows, "TILE", 100)
    tiled = fitted(estimator, to(single), to(THREE))
    np.testing.assert_allclose(to_host(tiled.coef_), to_host(whole.coef_), rtol=1e-3, atol=1e-4)


# --- location of inputs and results ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", HERE)
def test_y_and_weights_from_elsewhere_follow_x(to):
    here = fitted(GDClassifier(), X, THREE, WEIGHT)
    for y, weight in ((THREE, WEIGHT), (THREE.tolist(), on_strict(WEIGHT)), (on_strict(THREE), None)):
        there = fitted(GDClassifier(), to(X), y, weight)
        assert_same_model(there, here if weight is not None else fitted(GDClassifier(), X, THREE))
        assert type(there.classes_) is type(there.predict(to(X))) is type(to(THREE))
    assert_same_model(fitted(GDClassifier(), X, to(THREE), to(WEIGHT)), here)


@pytest.mark.parametrize("to", HERE)
def test_labels_that_are_text_are_numpys(to):
    model = fitted(GDClassifier(), to(X), np.array(["a", "b", "c"])[THREE - 5])
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert isinstance(model.predict(to(X)), np.ndarray)


@pytest.mark.parametrize("to", HERE)
def test_a_model_starts_from_coefficients_of_anywhere(to):
    model = fitted(GDClassifier(warm_start=True, max_iter=2), to(X), to(THREE))
    again = clone(model).set_params(max_iter=1).fit(to(X), to(THREE), coef_init=model.coef_, intercept_init=model.intercept_)
    assert again.loss_curve_[-1] <= model.loss_curve_[-1]
    before = model.loss_curve_[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert model.fit(to(X), to(THREE)).loss_curve_[-1] <= before


@pytest.mark.parametrize("to", HERE)
def test_validation_samples_follow_too(to):
    model = GDClassifier(random_state=0).fit(
        to(X), to(TWO), X_val=to(X[:40]), y_val=to(TWO[:40]), sample_weight_val=to(WEIGHT[:40])
    )
    here = GDClassifier(random_state=0).fit(X, TWO, X_val=X[:40], y_val=TWO[:40], sample_weight_val=WEIGHT[:40])
    np.testing.assert_allclose(model.validation_scores_, here.validation_scores_, rtol=1e-9)


def test_prediction_elsewhere_is_refused_and_says_so():
    model = GDClassifier().fit(on_strict(X), on_strict(TWO))
    for method in ("predict", "decision_function", "predict_proba", "predict_log_proba"):
        with pytest.raises(ValueError, match=rf"GDClassifier\.{method}\(\) must use the same namespace.*array_api_strict"):
            getattr(model, method)(X)
    with pytest.raises(ValueError, match="device1"):
        model.predict(on_strict(X, "CPU_DEVICE"))


def test_without_dispatch_a_model_of_a_device_serves_numpy():
    model, here = GDClassifier().fit(on_strict(X), on_strict(TWO)), GDClassifier().fit(X, TWO)
    with config_context(array_api_dispatch=False):
        np.testing.assert_allclose(model.decision_function(X), here.decision_function(X), rtol=1e-9)


@pytest.mark.parametrize("to", HERE)
def test_a_stream_in_numpy_goes_on_from_a_model_of_a_device(to):
    there, here = fitted(GDClassifier(), to(X), to(THREE)), fitted(GDClassifier(), X, THREE)
    for model in (there, here):
        model.partial_fit(X, THREE)
    np.testing.assert_allclose(there.coef_, here.coef_, rtol=1e-6, atol=1e-9)


def test_torch_model_pickles_and_keeps_no_record_of_derivatives():
    samples = on_torch(X).requires_grad_()
    model = GDClassifier().fit(samples, on_torch(TWO))
    assert not model.coef_.requires_grad
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(on_torch(X)) == model.predict(on_torch(X))).all()


def test_numpy_under_dispatch_is_what_it_was():
    model = GDClassifier().fit(X, THREE)
    with config_context(array_api_dispatch=False):
        np.testing.assert_array_equal(GDClassifier().fit(X, THREE).coef_, model.coef_)
    assert GDClassifier().fit(sp.csr_array(X), THREE).coef_.shape == (3, 6)


# --- transfers -----------------------------------------------------------------------------------------------------------


def test_nothing_as_long_as_the_samples_travels_in_the_descent(monkeypatch):
    """An iteration has two transfers to the host: the forms of the plane, and sums with a gradient."""
    place = place_of(on_strict(X))
    model, sizes = GDClassifier(max_iter=6, tol=None), []
    take = type(place).take

    def counted(self, array):
        sizes.append(int(np.prod(array.shape)))
        return take(self, array)

    monkeypatch.setattr(type(place), "take", counted)
    fitted(model, on_strict(X), on_strict(TWO))
    at_start = [size for size in sizes if size > 6 * 10]
    assert at_start == []
    short, long = (fitted_transfers(model, n, sizes) for n in (3, 4))
    assert long - short == 2


def fitted_transfers(model, n_iter, sizes):
    """The number of transfers in a fit of `n_iter` iterations."""
    sizes.clear()
    fitted(clone(model).set_params(max_iter=n_iter), on_strict(X), on_strict(TWO))
    return len(sizes)


@pytest.mark.parametrize("to", HERE)
@pytest.mark.parametrize(("of_score", "n_outputs"), [(LogLoss(), 1), (LogLoss(), 3), (SquaredHinge(), 3)])
def test_every_verb_answers_as_that_of_numpy(of_score, n_outputs, to):
    """Verbs that no fit above uses are tested too."""
    target = (THREE[:, None] - 5.0) if n_outputs > 1 else np.where(TWO == 4, 1.0, -1.0)[:, None]
    weight = WEIGHT + 0.1
    loss = array_loss(of_score, n_outputs, n_outputs > 1)
    n_blocks = 1 if loss.coupled else n_outputs
    shares = np.full(n_outputs if loss.coupled else (n_outputs, 2), 0.9)
    here = Part(DenseRows(X), target, weight, loss)
    (there,) = parts_of(rows_of(to(X)), target, weight, loss, n_outputs).parts
    coef, intercept = rng.normal(size=(n_outputs, 6)), rng.normal(size=n_outputs)
    limit = np.full(n_outputs, 0.1)
    calls = [
        ("value", coef, intercept),
        ("gradient", coef, intercept),
        ("value_and_gradient", coef, intercept),
        ("slopes", coef, intercept),
        ("moments", X[0]),
        ("normal_product", coef, intercept),
        ("squared_slopes", coef, intercept, 0.2, limit),
        *([] if loss.coupled else [("distances", coef, intercept)]),
        ("start", coef, intercept, 0.0),
        ("plane", 0.1 * coef, intercept, False, False),
        ("step", np.full(n_blocks, -1.0), np.zeros(n_blocks), 1.0),
        ("again", 0.5),
        ("rescale", np.linspace(0.5, 2.0, n_blocks), 1.0),
        ("plane", 0.2 * coef, 0.1 * intercept, True, True),
        ("step", np.full(n_blocks, -0.5), np.full(n_blocks, 0.3), 1.0),
        ("line", 0.1 * coef, intercept, 0.7, True),
        ("curvature_moments", X[0], False),
        ("curvature_sums", X[0], X[0], np.ones(7), 0.5, False),
        ("hessian", [np.arange(5), np.array([1, 3]), np.array([], dtype=int)][:n_outputs], X[0], 0.0, 1.0, False),
        ("group_sums",),
        ("shared_gradient", shares),
        ("conjugate", None, 0.9),
    ]
    for verb, *arguments in calls:
        found, want = getattr(there, verb)(*arguments), getattr(here, verb)(*arguments)
        for one, other in zip(*((found, want) if isinstance(want, tuple) else ((found,), (want,))), strict=True):
            assert isinstance(one, (np.ndarray, float)), verb
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=verb)
    np.testing.assert_allclose(there.rows.square_norms(), here.rows.square_norms(), rtol=1e-12)


@pytest.mark.parametrize("to", HERE)
def test_moments_in_float32_are_those_in_float64(to):
    """A metric of float32 samples need not be exact, and what it takes from them is not converted."""
    loss = array_loss(LogLoss(), 1, False)
    single, signs = X.astype(np.float32), np.where(TWO == 4, 1.0, -1.0)[:, None]
    (part,) = parts_of(rows_of(to(single)), signs, np.ones(160), loss, 1).parts
    part.start(np.full((1, 6), 0.1), np.zeros(1), 0.0)
    exact = part.curvature_moments(X[0], False)
    part.plane(np.full((1, 6), 0.1, dtype=np.float32), np.zeros(1), False, False)
    for found, want in zip(part.curvature_moments(X[0], False), exact, strict=True):
        assert found.dtype == want.dtype == np.float64
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-5)


# --- tensors in memory ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contiguous", [True, False])
def test_tensors_in_memory_are_read_in_place(contiguous):
    """The arithmetic is NumPy's, so the model is that of the array to the last bit, and a custom loss may be in any style."""
    samples = on_torch(X) if contiguous else on_torch(np.ascontiguousarray(X.T)).T
    rows = rows_of(samples)
    assert np.shares_memory(rows.X, samples.numpy()) == contiguous
    assert rows.X.flags.c_contiguous
    for estimator, y in ((GDClassifier(), THREE), (GDRegressor(ScalarStyle(), max_iter=5), TARGET)):
        there, here = fitted(estimator, samples, on_torch(y)), fitted(estimator, X, y)
        np.testing.assert_array_equal(to_host(there.coef_), here.coef_)
        assert type(there.coef_) is type(samples)


@pytest.mark.parametrize(
    "model", [GDClassifier("hinge", solver=MiniBatch(8)), GDClassifier(optimizer="adam"), GDClassifier(average=True)], ids=str
)
def test_every_solver_takes_tensors_in_memory(model):
    model.set_params(random_state=0, max_iter=3, tol=None)
    there, here = fitted(model, on_torch(X), on_torch(THREE), on_torch(WEIGHT)), fitted(model, X, THREE, WEIGHT)
    np.testing.assert_array_equal(to_host(there.coef_), here.coef_)
    for each, samples, labels in ((there, on_torch(X), on_torch(THREE)), (here, X, THREE)):
        each.partial_fit(samples, labels).partial_fit(samples, labels)
    np.testing.assert_array_equal(to_host(there.coef_), here.coef_)
    assert (to_host(there.predict(on_torch(X))) == here.predict(X)).all()


# --- errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (GDClassifier(solver="sgd"), r"solver=SGD\(\) takes"),
        (GDClassifier(solver=MiniBatch(8)), r"solver=MiniBatch\(batch_size=8\) takes"),
        (GDClassifier(solver="saga"), r"solver=SAGA\(\) takes"),
        (GDClassifier(optimizer="adam"), r"solver='auto' stands for MiniBatch\(\) here"),
        (GDClassifier(average=True), r"solver='auto' stands for SGD\(\) here"),
    ],
    ids=str,
)
def test_steps_on_single_samples_are_refused_with_a_way_out(model, names):
    with pytest.raises(ValueError, match=names + r".*array_api_strict.*device1.*solver='batch'.*NumPy"):
        model.fit(on_strict(X), on_strict(TWO))
    assert not hasattr(model, "coef_")
    assert not model.__sklearn_tags__().array_api_support


def test_partial_fit_is_refused_with_a_way_out():
    with pytest.raises(ValueError, match=r"partial_fit takes steps on single samples.*array_api_strict"):
        GDClassifier().partial_fit(on_strict(X), on_strict(TWO))


def test_sparse_tensors_are_refused_with_a_way_out():
    samples = on_torch(X).to_sparse_csr()
    with pytest.raises(ValueError, match=r"X is a sparse tensor \(torch.sparse_csr\).*to_dense\(\).*SciPy CSR"):
        GDClassifier().fit(samples, on_torch(TWO))


class ScalarStyle(RegressionLoss):
    @staticmethod
    def value(y, raw):
        return 0.5 * (raw - y) ** 2 if raw < y else raw - y


def test_a_loss_in_scalar_style_is_refused_by_name():
    with pytest.raises(ValueError, match=r"loss=ScalarStyle\(\): value is in scalar style.*np.where.*NumPy array"):
        GDRegressor(ScalarStyle()).fit(on_strict(X), on_strict(TARGET))


class ValueOnly(RegressionLoss):
    @staticmethod
    def value(y, raw):
        return np.sqrt(1.0 + (raw - y) ** 2) - 1.0


@pytest.mark.parametrize("to", HERE)
def test_derivatives_that_are_not_written_are_taken_there(to):
    assert_same_model(fitted(GDRegressor(ValueOnly()), to(X), to(TARGET)), fitted(GDRegressor(ValueOnly()), X, TARGET), 1e-5)


def test_bad_values_are_named():
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        GDClassifier().fit(on_strict(bad), on_strict(TWO))
    with pytest.raises(ValueError, match=r"sample_weight\[2\] is -1.0"):
        GDClassifier().fit(on_strict(X), on_strict(TWO), on_strict(np.where(np.arange(160) == 2, -1.0, 1.0)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        GDClassifier().fit(on_strict(X), on_strict(TWO[:-1]))


def test_lists_and_frames_are_on_the_host():
    assert place_of(X.tolist()) is place_of(sp.csr_array(X)) is HOST
    with config_context(array_api_dispatch=False):
        assert place_of(on_strict(X)) is HOST
    assert place_of(on_strict(X)) is place_of(on_strict(X))
    assert place_of(on_strict(X)) is not place_of(on_strict(X, "CPU_DEVICE"))


# --- scikit-learn's own checks -------------------------------------------------------------------------------------------

CHECKED = [GDRegressor(), GDClassifier(), GDRegressor("huber", penalty="l1"), GDClassifier("hinge", penalty="elasticnet")]
PLACES = [
    ("array_api_strict", "CPU_DEVICE", "float64"),
    ("array_api_strict", "device1", "float32"),
    ("torch", "cpu", "float64"),
    ("torch", "cpu", "float32"),
    ("torch", "cuda", "float64"),
    ("torch", "mps", "float32"),
    ("cupy", None, "float64"),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("estimator", CHECKED, ids=str)
def test_scikit_learns_check_of_values(estimator, place, weighted):
    with config_context(array_api_dispatch=False):
        check_array_api_input_and_values(type(estimator).__name__, estimator, *place, check_sample_weight=weighted)


@pytest.mark.parametrize("estimator", CHECKED, ids=str)
def test_scikit_learns_check_of_mixed_inputs(estimator):
    pytest.importorskip("torch")
    from sklearn.utils._array_api import NamespaceAndDevice

    pair = NamespaceAndDevice("array_api_strict", "device1"), NamespaceAndDevice("torch", "cpu")
    with config_context(array_api_dispatch=False):
        check_array_api_mixed_inputs(type(estimator).__name__, estimator, *pair, check_values=True)


def test_in_a_new_process_as_a_user_does():
    code = """
import array_api_strict as xp
import numpy as np
import sklearn
from sklearn_gd import GDClassifier
sklearn.set_config(array_api_dispatch=True)
X = np.random.default_rng(0).normal(size=(50, 3))
model = GDClassifier().fit(xp.asarray(X), xp.asarray((X[:, 0] > 0).astype(int)))
print(type(model.coef_).__module__, model.score(xp.asarray(X), xp.asarray((X[:, 0] > 0).astype(int))) > 0.9)
import sys
print([name for name in ("numba", "torch", "cupy") if name in sys.modules])
"""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split("\n")[:2] == ["array_api_strict._array_object True", "[]"]
