"""The two estimators as a user sees them: shapes, weights, containers, warnings, stopping, error messages."""

import ast
import copy
import inspect
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from matrix import LAYOUTS, LOSSES, PENALTY_OBJECTS, RATES, SOLVER_OBJECTS, D, N, covering, data, targets
from oracle import F, encoded
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, d2_tweedie_score, r2_score
from sklearn.utils.class_weight import compute_sample_weight
from versions import skip_below

from sklearn_gd import SGD, Batch, GDClassifier, GDRegressor, MiniBatch
from sklearn_gd._validation import held_out
from sklearn_gd.descent import steps
from sklearn_gd.descent._order import sample_order
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, Hinge, Huber, LogLoss, Quantile, SquaredError, Tweedie
from sklearn_gd.optimizers import OPTIMIZERS, Adam
from sklearn_gd.penalties import L1, L2, PENALTIES, ElasticNet, NoPenalty
from sklearn_gd.schedules import SCHEDULES, Adaptive, Constant, Run, WarmUp
from sklearn_gd.solvers import SOLVERS

# One set of components for each method of a fit.
WAYS = {
    "auto": {},
    "batch": {"solver": "batch", "optimizer": "nesterov", "learning_rate": 0.05, "max_iter": 20, "tol": None},
    "sgd": {"solver": "sgd", "optimizer": "gd", "learning_rate": 0.02, "max_iter": 5, "tol": None, "random_state": 0},
    "minibatch": {
        "solver": MiniBatch(4),
        "optimizer": "momentum",
        "learning_rate": 0.01,
        "max_iter": 5,
        "tol": None,
        "random_state": 0,
    },
    "auto rate": {"solver": "minibatch", "max_iter": 5, "tol": None, "random_state": 0},
    "proximal": {"solver": "sgd", "max_iter": 5, "tol": None, "random_state": 0},
}
X, SCORE, WEIGHT = data("huber")
LABELS = {2: np.array(["no", "yes"])[data("hinge-2")[1]], 3: np.array(["a", "b", "c"])[data("hinge-3")[1]]}


def each_kind():
    """(an estimator, its y) for regression with one and two outputs, two classes and three."""
    return {
        "regression": (GDRegressor(), SCORE),
        "regression of two": (GDRegressor(), np.column_stack([SCORE, X[:, 0] - SCORE])),
        "two classes": (GDClassifier(), LABELS[2]),
        "three classes": (GDClassifier(), LABELS[3]),
    }


def same_bits(one, other):
    """Whether two models are equal to the last bit."""
    return np.array_equal(one.coef_, other.coef_) and np.array_equal(one.intercept_, other.intercept_)


def assert_close(one, other, rtol=1e-9):
    """Two models are the same up to rounding."""
    size = max(np.abs(one.coef_).max(), np.abs(one.intercept_).max())
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=0, atol=rtol * size)
    np.testing.assert_allclose(one.intercept_, other.intercept_, rtol=0, atol=rtol * size)


# --- shapes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "coef", "intercept", "prediction"),
    [
        ("regression", (D,), (1,), (N,)),
        ("regression of two", (2, D), (2,), (N, 2)),
        ("two classes", (1, D), (1,), (N,)),
        ("three classes", (3, D), (3,), (N,)),
    ],
)
def test_shapes(kind, coef, intercept, prediction, way, layout):
    """coef_, intercept_, predictions and scores have the shapes of scikit-learn's linear models."""
    model, y = each_kind()[kind]
    rows = LAYOUTS[layout](X)
    model.set_params(**WAYS[way]).fit(rows, y)
    assert model.coef_.shape == coef
    assert model.coef_.dtype == np.float64
    assert model.intercept_.shape == intercept
    assert model.predict(rows).shape == prediction
    assert model.n_features_in_ == D
    assert 1 <= model.n_iter_ == len(model.loss_curve_)
    assert all(isinstance(value, float) for value in model.loss_curve_)
    if isinstance(model, GDClassifier):
        n_classes = len(np.unique(y))
        assert list(model.classes_) == sorted(set(y))
        assert model.decision_function(rows).shape == ((N,) if n_classes == 2 else (N, n_classes))
        assert model.predict_proba(rows).shape == model.predict_log_proba(rows).shape == (N, n_classes)
        assert set(model.predict(rows)) <= set(y)


def test_a_column_of_targets_keeps_its_column():
    """A 2-D y of one column gives 2-D coefficients and predictions, and the same numbers."""
    flat, column = GDRegressor().fit(X, SCORE), GDRegressor().fit(X, SCORE[:, None])
    assert column.coef_.shape == (1, D)
    assert column.predict(X).shape == (N, 1)
    np.testing.assert_array_equal(column.predict(X)[:, 0], flat.predict(X))


@pytest.mark.parametrize("n_features", [1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_few_columns(n_features, way):
    """One feature is enough."""
    model = GDRegressor(**WAYS[way]).fit(X[:, :n_features], SCORE)
    assert model.coef_.shape == (n_features,)
    assert GDClassifier(**WAYS[way]).fit(X[:, :n_features], LABELS[3]).coef_.shape == (3, n_features)


@pytest.mark.parametrize("loss", [name for name, cls in CLASSIFICATION_LOSSES.items() if hasattr(cls, "probability")])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities(loss, n_classes):
    """Probabilities sum to one, and the most probable class is predicted, also for large scores."""
    model = GDClassifier(loss).fit(X, LABELS[n_classes])
    far = np.concatenate([X, 1e6 * X, np.zeros((1, D))])
    probability = model.predict_proba(far)
    assert (probability >= 0.0).all()
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(model.classes_[model.predict_proba(X).argmax(axis=1)], model.predict(X))
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(model.predict_log_proba(far), np.log(probability))


@pytest.mark.parametrize("loss", CLASSIFICATION_LOSSES)
def test_probabilities_are_there_where_the_loss_defines_them(loss):
    """hasattr returns the right value, and the error says why."""
    model = GDClassifier(loss).fit(X, LABELS[3])
    defined = hasattr(CLASSIFICATION_LOSSES[loss], "probability")
    for method in ("predict_proba", "predict_log_proba"):
        assert hasattr(model, method) == defined
    if not defined:
        with pytest.raises(AttributeError, match="predict_proba") as caught:
            model.predict_proba(X)
        assert f"loss={CLASSIFICATION_LOSSES[loss]()!r}: the loss does not define probabilities" in str(caught.value.__cause__)


def test_a_fitted_model_keeps_its_loss():
    """`loss_` is the loss of the last fit: changing the parameter, or the given object, does not change predictions."""
    counts = data("poisson")[1]
    loss = Tweedie(power=1.5)
    for model, y in ((GDRegressor("poisson"), counts), (GDRegressor(), counts), (GDRegressor(loss), counts)):
        for fitted in (clone(model).fit(X, y), clone(model).partial_fit(X, y)):
            before, kept = fitted.predict(X), repr(fitted.loss_)
            fitted.set_params(loss="squared_error" if model.loss == "poisson" else "poisson")
            np.testing.assert_array_equal(fitted.predict(X), before)
            assert repr(fitted.loss_) == kept
    model = GDRegressor(loss).fit(X, counts)
    model.set_params(loss__power=0.0)
    assert model.loss_ is not loss
    assert model.loss_.power == 1.5
    before = model.predict(X)
    model.set_params(loss="no_such_loss")
    np.testing.assert_array_equal(model.predict(X), before)
    with pytest.raises(ValueError, match="no_such_loss"):
        model.fit(X, counts)
    assert model.loss_.power == 1.5


def test_probabilities_are_those_of_the_fitted_loss():
    """Before a fit the parameter determines whether there are probabilities, after it `loss_`."""
    model = GDClassifier("hinge")
    assert not hasattr(model, "predict_proba")
    assert hasattr(model.set_params(loss="log_loss"), "predict_proba")
    before = model.fit(X, LABELS[3]).predict_proba(X)
    for loss in ("hinge", "modified_huber", "no_such_loss"):
        np.testing.assert_array_equal(model.set_params(loss=loss).predict_proba(X), before)
    model.set_params(loss="hinge").fit(X, LABELS[3])
    assert not hasattr(model.set_params(loss="log_loss"), "predict_proba")


def test_score():
    """R^2 of the predictions, D^2 of the means with a link, or accuracy; with sample weights if given."""
    regressor = GDRegressor().fit(X, SCORE)
    assert regressor.score(X, SCORE, WEIGHT) == pytest.approx(r2_score(SCORE, regressor.predict(X), sample_weight=WEIGHT))
    counts = data("poisson")[1]
    regressor = GDRegressor("poisson").fit(X, counts)
    expected = d2_tweedie_score(counts, regressor.predict(X), sample_weight=WEIGHT, power=1)
    assert regressor.score(X, counts, WEIGHT) == pytest.approx(expected)
    np.testing.assert_allclose(regressor.predict(X), np.exp(X @ regressor.coef_ + regressor.intercept_))
    classifier = GDClassifier().fit(X, LABELS[3])
    assert classifier.score(X, LABELS[3], WEIGHT) == accuracy_score(LABELS[3], classifier.predict(X), sample_weight=WEIGHT)


def test_before_fit():
    """Nothing predicts before it is fitted."""
    for model, methods in ((GDRegressor(), ["predict"]), (GDClassifier(), ["predict", "decision_function", "predict_proba"])):
        for method in methods:
            with pytest.raises(NotFittedError):
                getattr(model, method)(X)


# --- weights -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", each_kind())
@pytest.mark.parametrize("average", [False, 2])
def test_rows_of_weight_zero_do_not_exist(kind, way, layout, average):
    """The model equals that without these samples to the last bit, whatever their values."""
    model, y = each_kind()[kind]
    model.set_params(**{"max_iter": 20} | WAYS[way] | {"average": average, "tol": None, "random_state": 0})
    weight = np.where(np.arange(N) % 3 == 1, 0.0, WEIGHT)
    kept = weight > 0
    wild = np.where(kept[:, None], X, 1e3 * X + 7.0)
    y_wild = y.copy()
    y_wild[~kept] = y[0]
    zeros = clone(model).fit(LAYOUTS[layout](wild), y_wild, sample_weight=weight)
    without = clone(model).fit(LAYOUTS[layout](wild[kept]), y[kept], sample_weight=weight[kept])
    assert same_bits(zeros, without)
    assert zeros.loss_curve_ == without.loss_curve_
    assert (zeros.n_iter_, zeros.t_) == (without.n_iter_, without.t_)


def test_rows_of_weight_zero_do_not_exist_for_early_stopping():
    """Samples of weight zero are not held out either."""
    weight = np.where(np.arange(N) % 3 == 1, 0.0, WEIGHT)
    kept = weight > 0
    for model, y in ((GDRegressor(), SCORE), (GDClassifier(), LABELS[2])):
        model.set_params(early_stopping=True, validation_fraction=0.3, random_state=3)
        zeros = clone(model).fit(X, y, sample_weight=weight)
        without = clone(model).fit(X[kept], y[kept], sample_weight=weight[kept])
        assert same_bits(zeros, without)
        assert zeros.validation_scores_ == without.validation_scores_


def test_a_label_of_weight_zero_is_no_class():
    """classes_ has the labels of samples of positive weight only."""
    y = np.where(np.arange(N) == 3, "never", LABELS[2])
    model = GDClassifier().fit(X, y, sample_weight=np.where(np.arange(N) == 3, 0.0, 1.0))
    assert list(model.classes_) == ["no", "yes"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", each_kind())
def test_only_proportions_of_weights_count(kind, way, layout):
    """Weights times a constant give the same model; a power of two, in stochastic descent, the same bits."""
    model, y = each_kind()[kind]
    model.set_params(**WAYS[way])
    rows = LAYOUTS[layout](X)
    plain = clone(model).fit(rows, y, sample_weight=WEIGHT)
    assert_close(plain, clone(model).fit(rows, y, sample_weight=WEIGHT * 1e-7), rtol=1e-7 if way == "auto" else 1e-9)
    doubled = clone(model).fit(rows, y, sample_weight=WEIGHT * 1024.0)
    assert same_bits(plain, doubled)
    assert_close(clone(model).fit(rows, y), clone(model).fit(rows, y, sample_weight=5.0), rtol=1e-7 if way == "auto" else 1e-9)


def test_a_weight_of_two_is_two_rows():
    """In batch descent a sample weight is equivalent to a number of copies, also for the optimum."""
    weight = np.arange(N) % 3 + 1
    for kind, (model, y) in each_kind().items():
        for way in ("auto", "batch"):
            model.set_params(**WAYS[way] | ({"tol": 1e-12} if way == "auto" else {}))
            weighted = clone(model).fit(X, y, sample_weight=weight)
            repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0))
            assert_close(weighted, repeated, rtol=1e-4 if way == "auto" else 1e-9), kind


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_class_weights_are_weights(way, n_classes):
    """A dict and "balanced" are equivalent to the same factors in the sample weights, also in addition to these."""
    y = LABELS[n_classes]
    by_label = dict(zip(np.unique(y), [0.5, 2.0, 1.25]))
    model = GDClassifier(**WAYS[way])
    rtol = 1e-7 if way == "auto" else 1e-9
    for weight in (None, WEIGHT):
        one = np.ones(N) if weight is None else weight
        by_dict = clone(model).set_params(class_weight=by_label).fit(X, y, sample_weight=weight)
        assert_close(by_dict, clone(model).fit(X, y, sample_weight=one * [by_label[label] for label in y]), rtol)
        balanced = clone(model).set_params(class_weight="balanced").fit(X, y, sample_weight=weight)
        total = {label: one[y == label].sum() for label in by_label}
        assert_close(balanced, clone(model).fit(X, y, sample_weight=one / [total[label] for label in y]), rtol)
    unweighted = clone(model).set_params(class_weight="balanced").fit(X, y)
    assert_close(unweighted, clone(model).fit(X, y, sample_weight=compute_sample_weight("balanced", y)), rtol)


def test_a_class_of_weight_zero():
    """A class of weight zero is still in `classes_`, and its samples have no effect."""
    model = GDClassifier(class_weight={"c": 0.0}).fit(X, LABELS[3])
    assert list(model.classes_) == ["a", "b", "c"]
    assert set(model.predict(X)) <= {"a", "b"}


# --- where to begin ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", each_kind())
@pytest.mark.parametrize("optimizer", ["gd", "adam", "dowg", "schedule_free"])
@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
def test_coef_init_and_intercept_init(kind, layout, optimizer, solver):
    """Descent begins at the given model: steps of length zero stay there."""
    model, y = each_kind()[kind]
    rows = LAYOUTS[layout](X)
    model.set_params(solver=SOLVER_OBJECTS[solver], optimizer=optimizer, learning_rate=1e-300, max_iter=1, tol=None)
    coef_shape, n_outputs = {"regression": ((D,), 1), "regression of two": ((2, D), 2), "two classes": ((1, D), 1)}.get(
        kind, ((3, D), 3)
    )
    coef = np.arange(1.0, 1.0 + np.prod(coef_shape)).reshape(coef_shape)
    intercept = np.arange(5.0, 5.0 + n_outputs)
    for given, W, b in (
        ({"coef_init": coef, "intercept_init": intercept}, coef, intercept),
        ({"coef_init": coef}, coef, 0.0),
        ({"intercept_init": intercept}, 0.0, intercept),
    ):
        model.fit(rows, y, **given)
        np.testing.assert_allclose(model.coef_, np.broadcast_to(W, coef_shape), rtol=0, atol=1e-200)
        np.testing.assert_allclose(model.intercept_, np.broadcast_to(b, n_outputs), rtol=0, atol=1e-200)


def test_inits_in_every_form():
    """Lists, a flat vector for one output, a number for one intercept; the given arrays do not change."""
    model = GDRegressor(solver="sgd", learning_rate=0.1, max_iter=1, tol=None, shuffle=False)
    coef, intercept = np.ones(D), np.ones(1)
    fits = [
        clone(model).fit(X, SCORE, coef_init=c, intercept_init=b)
        for c, b in ((coef, intercept), ([1] * D, 1.0), (np.ones((1, D)), [1]), (np.ones(D, dtype=np.float32), np.float32(1)))
    ]
    assert all(same_bits(fits[0], each) for each in fits)
    np.testing.assert_array_equal(coef, np.ones(D))
    np.testing.assert_array_equal(intercept, np.ones(1))


def test_intercept_init_is_left_out_without_an_intercept():
    """fit_intercept=False means zero."""
    model = GDRegressor(solver="sgd", learning_rate=0.1, max_iter=1, tol=None, fit_intercept=False)
    assert model.fit(X, SCORE, intercept_init=3.0).intercept_ == 0.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"coef_init": np.zeros(D + 1)}, "coef_init has shape"),
        ({"coef_init": np.zeros((2, D))}, "coef_init has shape"),
        ({"coef_init": np.full(D, np.nan)}, "coef_init contains NaN"),
        ({"intercept_init": np.zeros(2)}, "intercept_init has shape"),
        ({"intercept_init": np.inf}, "intercept_init contains infinity"),
    ],
)
def test_wrong_inits_are_named(given, message):
    """The error names the argument and the required shape."""
    with pytest.raises(ValueError, match=message):
        GDRegressor().fit(X, SCORE, **given)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", each_kind())
def test_warm_start(kind, layout):
    """The fit starts at the last coefficients, with a new optimizer state; without warm start it starts from scratch."""
    model, y = each_kind()[kind]
    rows = LAYOUTS[layout](X)
    model.set_params(solver="sgd", optimizer="momentum", learning_rate=0.02, max_iter=1, tol=None, shuffle=False)
    first = clone(model).fit(rows, y)
    assert same_bits(first, copy.deepcopy(first).fit(rows, y))
    warm = clone(model).set_params(warm_start=True).fit(rows, y).fit(rows, y)
    by_hand = clone(model).fit(rows, y, coef_init=first.coef_, intercept_init=first.intercept_)
    assert same_bits(warm, by_hand)
    assert not same_bits(warm, first)
    given = (
        clone(model).set_params(warm_start=True).fit(rows, y).fit(rows, y, coef_init=first.coef_, intercept_init=first.intercept_)
    )
    assert same_bits(given, by_hand)


def test_warm_start_of_the_memory_gradient_method():
    """A fit that starts at its minimum ends immediately."""
    X_data, y = load_diabetes(return_X_y=True)
    model = GDRegressor(warm_start=True, tol=1e-9, n_iter_no_change=1).fit(X_data, y)
    first = model.n_iter_
    model.fit(X_data, y)
    assert model.n_iter_ < first / 2


def test_warm_start_with_other_shapes_is_refused():
    """The error names both shapes."""
    model = GDRegressor(warm_start=True).fit(X, SCORE)
    with pytest.raises(
        ValueError, match=r"warm_start: coef_ of the previous fit has shape \(1, 4\), but these data need \(1, 3\)"
    ):
        model.fit(X[:, :3], SCORE)


# --- containers of X and y -----------------------------------------------------------------------------------------------


def test_frames_of_pandas_and_polars():
    """Feature names are stored, other names raise an error, and the model equals that of the array."""
    plain = GDRegressor().fit(X, SCORE)
    names = [f"x{j}" for j in range(D)]
    for frame in (pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)):
        series = pd.Series(SCORE, index=range(100, 100 + N)) if isinstance(frame, pd.DataFrame) else pl.Series(SCORE)
        model = GDRegressor().fit(frame, series)
        assert same_bits(plain, model)
        # scikit-learn 1.6 does not find the names in frames of recent versions of polars.
        by_scikit_learn = getattr(LinearRegression().fit(frame, SCORE), "feature_names_in_", None)
        assert list(getattr(model, "feature_names_in_", ())) == ([] if by_scikit_learn is None else names)
        np.testing.assert_allclose(model.predict(frame), plain.predict(X), rtol=1e-12)
    model = GDRegressor().fit(pd.DataFrame(X, columns=names), SCORE)
    assert list(model.feature_names_in_) == names
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(pd.DataFrame(X, columns=names[::-1]))
    labels = pd.Series(pd.Categorical(LABELS[3]))
    weights = pd.Series(WEIGHT, index=range(7, 7 + N))
    assert same_bits(GDClassifier().fit(X, labels, weights), GDClassifier().fit(X, LABELS[3], WEIGHT))
    assert same_bits(GDClassifier().fit(X, pl.Series(LABELS[3])), GDClassifier().fit(X, LABELS[3]))


def test_a_frame_of_mixed_dtypes():
    """Integers and booleans become floats."""
    frame = pd.DataFrame({"a": X[:, 0], "b": np.arange(N) % 5, "c": np.arange(N) % 2 == 0})
    assert same_bits(GDRegressor().fit(frame, SCORE), GDRegressor().fit(frame.to_numpy(dtype=float), SCORE))


def memory_mapped(array, path):
    """A read-only array in a file."""
    np.save(path, array)
    return np.load(path, mmap_mode="r")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", each_kind())
def test_any_memory_gives_the_same_bits(kind, way, tmp_path):
    """Read-only, memory-mapped, Fortran-ordered, strided, reversed, byte-swapped: no input is modified, the model is the same."""
    model, y = each_kind()[kind]
    model.set_params(**WAYS[way])
    plain = clone(model).fit(X, y, sample_weight=WEIGHT)
    frozen = [array.copy() for array in (X, y, WEIGHT)]
    for array in frozen:
        array.flags.writeable = False
    mapped = memory_mapped(X, tmp_path / "X.npy"), memory_mapped(y, tmp_path / "y.npy"), memory_mapped(WEIGHT, tmp_path / "w.npy")
    strided = [np.repeat(array, 2, axis=0)[::2] for array in (X, y, WEIGHT)]
    others = {
        "read-only": frozen,
        "memory-mapped": mapped,
        "Fortran": (np.asfortranarray(X), np.asfortranarray(y), WEIGHT),
        "strided": strided,
        "a part of a wider matrix": (np.pad(X, ((0, 0), (1, 2)))[:, 1:-2], y, WEIGHT),
        "reversed": (X[::-1].copy()[::-1], y[::-1].copy()[::-1], WEIGHT[::-1].copy()[::-1]),
        "byte-swapped": (X.astype(">f8"), y, WEIGHT.astype(">f8")),
        "lists": (X.tolist(), y.tolist(), WEIGHT.tolist()),
        "long doubles": (X.astype(np.longdouble), y, WEIGHT.astype(np.longdouble)),
    }
    for name, (X_other, y_other, weight) in others.items():
        fitted = clone(model).fit(X_other, y_other, sample_weight=weight)
        assert same_bits(plain, fitted), name
        if kind.startswith("regression"):
            np.testing.assert_allclose(fitted.predict(X_other), plain.predict(X), rtol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(fitted.predict(X_other), plain.predict(X), err_msg=name)
    np.testing.assert_array_equal(X, frozen[0])
    np.testing.assert_array_equal(WEIGHT, frozen[2])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", each_kind())
def test_any_sparse_format_gives_the_same_bits(kind, way):
    """COO, CSC, LIL, matrices and arrays, 64-bit indices, read-only parts; dense samples give the same up to rounding."""
    model, y = each_kind()[kind]
    model.set_params(**WAYS[way])
    csr = sp.csr_array(X)
    plain = clone(model).fit(csr, y, sample_weight=WEIGHT)
    wide = sp.csr_array((csr.data, csr.indices.astype(np.int64), csr.indptr.astype(np.int64)), shape=X.shape)
    wide.indices, wide.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    frozen = csr.copy()
    for part in (frozen.data, frozen.indices, frozen.indptr):
        part.flags.writeable = False
    others = [
        sp.csr_matrix(X),
        sp.coo_array(X),
        sp.coo_matrix(X),
        sp.csc_array(X),
        sp.csc_matrix(X),
        sp.lil_array(X),
        wide,
        frozen,
    ]
    for other in others:
        fitted = clone(model).fit(other, y, sample_weight=WEIGHT)
        assert same_bits(plain, fitted), type(other)
        np.testing.assert_array_equal(fitted.predict(other), plain.predict(csr))
    assert wide.indices.dtype == np.int64
    dense = clone(model).fit(X, y, sample_weight=WEIGHT)
    assert_close(plain, dense, rtol=1e-5 if way == "auto" else 1e-11)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, bool, np.float16, object])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_dtypes_of_X(dtype, layout, way):
    """Types other than float32 and float64 are converted to float64."""
    if layout == "csr" and dtype in (np.float16, object):
        pytest.skip("scipy has no such sparse matrices")
    counts = np.abs(np.round(X * 2))
    model = GDClassifier(**WAYS[way])
    converted = counts.astype(dtype)
    fitted = clone(model).fit(LAYOUTS[layout](converted), LABELS[3])
    assert same_bits(fitted, clone(model).fit(LAYOUTS[layout](converted.astype(np.float64)), LABELS[3]))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_float32_X(layout, way):
    """Single-precision samples give the same coefficients as the same numbers in double precision."""
    single = X.astype(np.float32)
    model = GDRegressor(**WAYS[way])
    fitted = clone(model).fit(LAYOUTS[layout](single), SCORE)
    assert fitted.coef_.dtype == np.float64
    assert_close(
        fitted, clone(model).fit(LAYOUTS[layout](single.astype(np.float64)), SCORE), rtol=1e-5 if way == "auto" else 1e-11
    )


@pytest.mark.parametrize("labels", [[0, 1], [False, True], [-5, 7], [1.0, 2.0], ["ä", "ö"]], ids=str)
def test_any_labels(labels):
    """predict returns the given labels, in their dtype."""
    y = np.array(labels)[(LABELS[2] == "yes").astype(int)]
    model = GDClassifier().fit(X, y)
    assert model.predict(X).dtype == y.dtype
    assert model.score(X, y) == GDClassifier().fit(X, LABELS[2]).score(X, LABELS[2])
    assert same_bits(model, GDClassifier().fit(X, LABELS[2]))


@pytest.mark.parametrize(
    "y", [np.arange(N), np.arange(N) % 2 == 0, np.arange(N, dtype=np.float32), list(range(N))], ids=lambda y: str(type(y))
)
def test_other_dtypes_of_a_target(y):
    """Integers and booleans are numbers."""
    assert same_bits(GDRegressor().fit(X, y), GDRegressor().fit(X, np.asarray(y, dtype=float)))


# --- training history ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "way", "layout"), covering([[each for each in LOSSES if each != "perceptron-3"], list(WAYS), list(LAYOUTS)])
)
def test_loss_curve_is_F(loss, way, layout):
    """The last entry is F of the final model, and a shorter fit has the same curve up to its last epoch."""
    X_data, y, weight = data(loss)
    cls, n_classes = LOSSES[loss]
    target, _, one_vs_rest = targets(loss)
    model = (GDRegressor if n_classes is None else GDClassifier)(cls(), alpha=0.01, penalty="elasticnet")
    model.set_params(**WAYS[way] | {"tol": None, "learning_rate": WAYS[way].get("learning_rate", "auto")})
    curve = []
    for epochs in (1, 2, 3, 5):
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            model.set_params(max_iter=epochs).fit(LAYOUTS[layout](X_data), y, sample_weight=weight)
        parts = {"loss": model.loss, "penalty": ElasticNet(), "alpha": 0.01, "one_vs_rest": one_vs_rest}
        value = F(X_data, target, weight, model.coef_, model.intercept_, **parts)
        assert model.loss_curve_[-1] == pytest.approx(value, rel=1e-9)
        assert model.loss_curve_[: len(curve)] == pytest.approx(curve, rel=1e-12)
        curve = model.loss_curve_


@pytest.mark.parametrize("way", WAYS)
def test_steps_are_counted(way):
    """t_ counts steps, n_iter_ epochs."""
    model = GDRegressor(**WAYS[way]).fit(X, SCORE)
    steps = {"auto": 1, "batch": 1, "sgd": N, "minibatch": -(-N // 4), "auto rate": 1, "proximal": N}[way]
    assert model.t_ == steps * model.n_iter_


@pytest.mark.parametrize("layout", LAYOUTS)
def test_averaging_predicts_with_the_mean_of_the_iterates(layout):
    """The loss curve is F of the mean, and stochastic descent ends nearer to the optimum with averaging."""
    rng = np.random.default_rng(0)
    X_data = rng.normal(size=(400, 5))
    y = X_data @ [1.0, 2.0, -1.0, 0.5, 0.0] + rng.normal(size=400)
    model = GDRegressor(solver="sgd", optimizer="gd", learning_rate=0.05, max_iter=20, tol=None, random_state=0, alpha=0.01)
    best = GDRegressor(alpha=0.01, tol=1e-12).fit(X_data, y).loss_curve_[-1]
    last = clone(model).fit(LAYOUTS[layout](X_data), y).loss_curve_[-1] - best
    mean = clone(model).set_params(average=400).fit(LAYOUTS[layout](X_data), y).loss_curve_[-1] - best
    assert mean < 0.1 * last


LINE = re.compile(
    r"epoch +(?P<epoch>\d+)  objective (?P<objective>\S+) +learning rate (?P<rate>\S+) +gradient norm (?P<norm>\S+) +"
    r"(validation score (?P<score>\S+) +)?(?P<seconds>\d+\.\d\d) s"
)


@pytest.mark.parametrize("verbose", [1, 2, True])
@pytest.mark.parametrize("way", WAYS)
def test_verbose(way, verbose, capsys):
    """A line every `verbose` epochs, and none with ``verbose=0``."""
    model = GDRegressor(**WAYS[way] | {"verbose": verbose}).fit(X, SCORE)
    lines = [LINE.fullmatch(line) for line in capsys.readouterr().out.splitlines()]
    assert [int(line["epoch"]) for line in lines] == list(range(int(verbose), model.n_iter_ + 1, int(verbose)))
    GDRegressor(**WAYS[way]).fit(X, SCORE)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_a_line_says(layout, capsys):
    """The objective and the norm of its gradient after the epoch, and the last learning rate, in aligned columns."""
    parts = {"solver": "batch", "optimizer": "gd", "learning_rate": "exponential", "alpha": 0.1, "tol": None}
    model = GDRegressor(**parts, max_iter=12, verbose=1).fit(LAYOUTS[layout](X), SCORE, sample_weight=WEIGHT)
    out = capsys.readouterr().out.splitlines()
    lines = [LINE.fullmatch(line) for line in out]
    assert [float(line["objective"]) for line in lines] == pytest.approx(model.loss_curve_, rel=1e-7)
    slope = WEIGHT / WEIGHT.sum() * (X @ model.coef_ + model.intercept_ - SCORE)
    gradient = np.append(X.T @ slope + 0.1 * model.coef_, slope.sum())
    assert float(lines[-1]["norm"]) == pytest.approx(np.linalg.norm(gradient), rel=5e-3)
    rates = SCHEDULES["exponential"]().rate(np.arange(1.0, 13.0), Run(0.1, None, 1, 12))
    assert [float(line["rate"]) for line in lines] == pytest.approx(rates, rel=5e-3)
    assert len({line.index(name) for line in out for name in ("gradient norm",)}) == 1
    assert all(line["score"] is None for line in lines)


def test_a_line_without_a_rate_and_one_with_a_score(capsys):
    """The memory gradient method has no learning rate; validation samples have a score."""
    model = GDClassifier(verbose=1).fit(X, LABELS[2], X_val=X, y_val=LABELS[2])
    lines = [LINE.fullmatch(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["rate"] for line in lines} == {"-"}
    assert [float(line["score"]) for line in lines] == pytest.approx(model.validation_scores_, abs=1e-4)


def test_verbose_in_a_stream_counts_the_calls(capsys):
    model = GDRegressor(verbose=2)
    for _ in range(4):
        model.partial_fit(X, SCORE)
    assert [int(LINE.fullmatch(line)["epoch"]) for line in capsys.readouterr().out.splitlines()] == [2, 4]


def test_a_notebook_shows_every_parameter():
    """The HTML representation has the parameters of components, documentation, and whether the estimator is fitted."""
    skip_below("scikit-learn", "1.9", "its table of parameters links to their documentation")
    model = GDRegressor(Huber(delta=2.5), solver=MiniBatch(7))
    page = model._repr_html_()
    shown = re.findall(r'<td class="param">\s*(?:<a [^>]*>)?\s*(\w+)\b', page)
    assert sorted(shown) == sorted(model.get_params())
    assert page.count('class="param-doc-link"') == len(model.get_params(deep=False))
    assert "Not fitted" in page
    assert "<span>Fitted</span>" in model.fit(X, SCORE)._repr_html_()


def test_random_state_decides_everything():
    """The same seed gives the same model to the last bit, another seed another order of the samples."""
    model = GDRegressor(solver="sgd", learning_rate=0.05, max_iter=3, tol=None)
    one, same, other = (clone(model).set_params(random_state=seed).fit(X, SCORE) for seed in (1, 1, 2))
    assert same_bits(one, same)
    assert not same_bits(one, other)
    generator = clone(model).set_params(random_state=np.random.RandomState(1)).fit(X, SCORE)
    assert same_bits(one, generator)
    batch = [clone(model).set_params(solver="batch", random_state=seed).fit(X, SCORE) for seed in (1, 2)]
    assert same_bits(*batch)


@pytest.mark.parametrize("n", [1, 2, 3, 999, 1000, 1001, 1024, 1025, 5000, 65_537, 200_000])
def test_an_order_is_that_of_numpy(n):
    """A shuffle is that of the generator, whose later numbers are the same too."""
    ours, theirs = np.random.RandomState(n), np.random.RandomState(n)
    for _ in range(2):
        np.testing.assert_array_equal(sample_order(n, ours), theirs.permutation(n))
    assert ours.randint(1 << 30) == theirs.randint(1 << 30)
    np.testing.assert_array_equal(sample_order(n), np.arange(n))


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("solver", ["sgd", MiniBatch(3)])
@pytest.mark.parametrize("layout", [np.asarray, sp.csr_matrix])
def test_an_epoch_in_blocks_is_that_in_one(layout, solver, average, monkeypatch):
    """An epoch calls its compiled loop on blocks of samples; the model is the same to the last bit."""
    parts = {"solver": solver, "learning_rate": "invscaling", "max_iter": 3, "tol": None, "random_state": 0, "average": average}
    one = GDRegressor(optimizer="gd", penalty="l2", **parts).fit(layout(X), SCORE)
    monkeypatch.setattr(steps, "BLOCK", 7)
    assert same_bits(one, GDRegressor(optimizer="gd", penalty="l2", **parts).fit(layout(X), SCORE))


def test_fit_does_not_touch_parameters():
    """A fit changes no parameter and no component."""
    parts = {"solver": MiniBatch(4), "optimizer": Adam(), "learning_rate": WarmUp(Adaptive(0.1), warmup_steps=3), "penalty": L1()}
    model = GDClassifier(Hinge(), **parts, max_iter=3, tol=None, class_weight={"a": 2.0})
    before = pickle.dumps(model.get_params())
    model.fit(X, LABELS[3]).partial_fit(X, LABELS[3])
    assert pickle.dumps(model.get_params()) == before


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", each_kind())
def test_pickle(kind, way):
    """An unpickled model has the same predictions."""
    model, y = each_kind()[kind]
    model.set_params(**WAYS[way]).fit(X, y)
    other = pickle.loads(pickle.dumps(model))
    assert same_bits(model, other)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


def test_a_refused_fit_leaves_the_last_one():
    """Parameters and data are checked before anything is stored."""
    model = GDClassifier().fit(X, LABELS[3])
    before = pickle.dumps(vars(model))
    for refused in ({"X": np.full((N, D), np.nan)}, {"y": LABELS[3][:-1]}):
        with pytest.raises(ValueError, match=r"NaN|inconsistent"):
            model.fit(**{"X": X, "y": LABELS[3]} | refused)
        assert pickle.dumps(vars(model)) == before
    with pytest.raises(ValueError, match="alpha"):
        model.set_params(alpha=-1.0).fit(X, LABELS[3])
    assert pickle.dumps(vars(model.set_params(alpha=1e-4))) == before


@pytest.mark.parametrize(
    "refused",
    [{"y": np.full(N, "a")}, {"sample_weight": np.full(N, -1.0)}, {"coef_init": np.zeros(2)}, {"X_val": X[:, :3]}],
    ids=lambda refused: next(iter(refused)),
)
def test_a_fit_refused_after_the_rows_were_seen_leaves_the_last_one(refused):
    """A model fitted on 4 features still predicts after a fit on 3 features raised an error for its targets or weights."""
    model = GDClassifier().fit(X, LABELS[3])
    before = model.predict(X)
    with pytest.raises(ValueError, match=r"one class|sample_weight|coef_init|X_val"):
        model.fit(**{"X": X[:, :3], "y": LABELS[3]} | refused)
    np.testing.assert_array_equal(model.predict(X), before)


# --- stopping ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "way", [{}, {"solver": "batch", "optimizer": "gd", "learning_rate": 0.05}, {"solver": "sgd", "learning_rate": 0.001}]
)
@pytest.mark.parametrize("classifier", [False, True])
def test_a_warning_where_a_fit_has_not_converged(classifier, way, layout):
    """The warning is given if max_iter ended the fit, but not if the fit converged, nor with tol=None."""
    model, y = (GDClassifier(**way), LABELS[3]) if classifier else (GDRegressor(**way), SCORE)
    model.set_params(random_state=0, n_iter_no_change=2)
    rows = LAYOUTS[layout](X)
    with pytest.warns(ConvergenceWarning, match=f"{type(model).__name__} did not converge in max_iter=2 epochs.*tol=0.0001"):
        clone(model).set_params(max_iter=2).fit(rows, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(model).set_params(max_iter=2, tol=None).fit(rows, y)
        converged = clone(model).set_params(max_iter=10_000, tol=1e-2).fit(rows, y)
    assert converged.n_iter_ < 10_000


def test_a_fit_keeps_its_best_epoch():
    """With a tolerance the model is that of the lowest F, not the last; without one, the last."""
    parts = {"solver": "sgd", "optimizer": "gd", "learning_rate": 0.25, "penalty": "l2"}
    model = GDRegressor(**parts, random_state=0, n_iter_no_change=20)
    target = SCORE[:, None]

    def value(fitted):
        parts = {"loss": SquaredError(), "penalty": L2(), "alpha": 1e-4}
        return F(X, target, np.ones(N), fitted.coef_, fitted.intercept_, **parts)

    best = clone(model).fit(X, SCORE)
    assert value(best) == pytest.approx(min(best.loss_curve_), rel=1e-12)
    assert best.loss_curve_[-1] > min(best.loss_curve_)
    last = clone(model).set_params(tol=None, max_iter=best.n_iter_).fit(X, SCORE)
    assert value(last) == pytest.approx(last.loss_curve_[-1], rel=1e-12)


@pytest.mark.parametrize("classifier", [False, True])
def test_the_tolerance_is_free_of_units(classifier):
    """Targets in other units (powers of two, so that no rounding differs) stop after the same number of epochs."""
    if classifier:
        X_data, y = load_wine(return_X_y=True)
        one, other = GDClassifier().fit(X_data, y), GDClassifier().fit(X_data, y, sample_weight=np.full(len(y), 2.0**20))
    else:
        X_data, y = load_diabetes(return_X_y=True)
        one, other = GDRegressor(alpha=1e-3).fit(X_data, y), GDRegressor(alpha=1e-3).fit(X_data, y * 2.0**20)
    assert one.n_iter_ == other.n_iter_


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", ["batch", "sgd", "minibatch"])
@pytest.mark.parametrize("kind", each_kind())
def test_divergence(kind, solver, layout):
    """A rate of a million gives a finite model, the best one before the divergence, and a warning that names the rate."""
    model, y = each_kind()[kind]
    if isinstance(model, GDClassifier):
        model.set_params(loss="squared_hinge")
    model.set_params(solver=solver, optimizer="gd", learning_rate=1e6, random_state=0)
    with pytest.warns(
        ConvergenceWarning, match=r"diverged in epoch \d+ with a learning rate of up to 1e\+06.*lower learning_rate"
    ):
        model.fit(LAYOUTS[layout](X), y)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.intercept_).all()
    assert np.isfinite(model.loss_curve_).all()
    assert model.n_iter_ < 50
    model.predict(X)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("solver", ["batch", "sgd", "minibatch"])
@pytest.mark.parametrize("average", [False, True])
def test_no_optimizer_ends_in_infinity(optimizer, solver, layout, average):
    """For all optimizers at a rate of a million, the final model is finite, and no error is raised."""
    X_data, y, _ = data("poisson")
    model = GDRegressor(
        "poisson", solver=solver, optimizer=optimizer, learning_rate=1e6, random_state=0, max_iter=20, average=average
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(LAYOUTS[layout](X_data), y)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.intercept_).all()


def test_divergence_keeps_the_best_model():
    """A schedule whose rate explodes later: the model before that is kept."""
    with pytest.warns(ConvergenceWarning, match="diverged in epoch 11 "):
        model = GDRegressor(solver="batch", optimizer="gd", learning_rate=lambda t: 0.1 if t <= 10 else 1e200).fit(X, SCORE)
    steady = GDRegressor(solver="batch", optimizer="gd", learning_rate=0.1, max_iter=10, tol=None).fit(X, SCORE)
    assert same_bits(model, steady)


@pytest.mark.parametrize("way", ["batch", "sgd", "minibatch"])
def test_adaptive_rates_are_lowered_where_a_constant_one_stalls(way):
    """The curve is the same up to the plateau, then lower, and the fit ends before max_iter."""
    rng = np.random.default_rng(0)
    X_data = rng.normal(size=(200, 3))
    y = X_data @ [1.0, 2.0, -1.0] + rng.normal(size=200)
    shared = WAYS[way] | {"tol": 1e-4, "max_iter": 2000, "random_state": 0, "optimizer": "gd"}
    constant = GDRegressor(**shared | {"learning_rate": Constant(0.1)}).fit(X_data, y)
    adaptive = GDRegressor(**shared | {"learning_rate": Adaptive(0.1)}).fit(X_data, y)
    assert adaptive.loss_curve_[: constant.n_iter_] == constant.loss_curve_
    assert adaptive.n_iter_ > constant.n_iter_
    assert min(adaptive.loss_curve_) <= min(constant.loss_curve_)


# --- validation ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scoring", ["loss", None])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", ["auto", "batch", "sgd", "minibatch"])
@pytest.mark.parametrize("classifier", [False, True])
def test_validation_rows_choose_the_model(classifier, way, layout, scoring):
    """The final model has the best score: minus the weighted loss, or the score of the estimator."""
    rng = np.random.default_rng(1)
    X_data = rng.normal(size=(60, 20))
    signal = X_data @ np.r_[1.0, -1.0, np.zeros(18)] + rng.normal(size=60)
    y = np.digitize(signal, [-0.7, 0.7]) if classifier else signal
    train, held, weight = slice(0, 30), slice(30, 60), rng.uniform(0.2, 2.0, 30)
    model = (GDClassifier if classifier else GDRegressor)(**WAYS[way] | {"tol": 0.0, "max_iter": 300, "random_state": 0})
    model.set_params(scoring=scoring)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(
            LAYOUTS[layout](X_data[train]),
            y[train],
            X_val=LAYOUTS[layout](X_data[held]),
            y_val=y[held],
            sample_weight_val=weight,
        )
    scores = np.array(model.validation_scores_)
    assert len(scores) == model.n_iter_ == len(model.loss_curve_)
    assert model.best_iter_ == scores.argmax() + 1
    loss = LogLoss() if classifier else SquaredError()
    target, _, one_vs_rest = encoded(y[held]) if classifier else (y[held, None], 1, False)
    parts = {"loss": loss, "penalty": NoPenalty(), "alpha": 0.0, "one_vs_rest": one_vs_rest}
    risk = F(X_data[held], target, weight, model.coef_, model.intercept_, **parts)
    expected = model.score(X_data[held], y[held], weight) if scoring is None else -risk
    assert scores.max() == pytest.approx(expected, abs=1e-9)
    if model.n_iter_ < 300:
        assert scores[-model.n_iter_no_change :].max() <= scores.max()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", ["auto", "batch", "sgd", "minibatch"])
@pytest.mark.parametrize("kind", ["regression", "two classes", "three classes"])
def test_early_stopping_sets_rows_aside(kind, way, layout):
    """The fit stops, records the scores, keeps the best model, and depends on random_state only."""
    X_data, y = {"regression": load_diabetes, "two classes": load_breast_cancer, "three classes": load_wine}[kind](
        return_X_y=True
    )
    X_data = (X_data - X_data.mean(axis=0)) / X_data.std(axis=0)
    model = (GDRegressor if kind == "regression" else GDClassifier)(**WAYS[way] | {"tol": 1e-3, "max_iter": 200})
    model.set_params(early_stopping=True, validation_fraction=0.25, random_state=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        first = clone(model).fit(LAYOUTS[layout](X_data), y)
    again = clone(model).fit(LAYOUTS[layout](X_data), y)
    assert same_bits(first, again)
    assert first.n_iter_ < 200
    assert first.best_iter_ == np.argmax(first.validation_scores_) + 1
    assert first.score(X_data, y) > 0.4


@pytest.mark.parametrize("way", ["auto", "batch", "sgd", "minibatch", "auto rate", "proximal"])
@pytest.mark.parametrize("kind", ["regression", "two classes", "three classes"])
def test_dense_and_csr_rows_stop_at_the_same_epoch(kind, way):
    """Both hold out the same samples, have the same scores, and keep the same epoch."""
    model, y = each_kind()[kind]
    model.set_params(**WAYS[way] | {"tol": 1e-2, "max_iter": 500, "n_iter_no_change": 3})
    model.set_params(early_stopping=True, validation_fraction=0.3, random_state=1)
    dense, csr = (clone(model).fit(layout(X), y, sample_weight=WEIGHT) for layout in LAYOUTS.values())
    assert dense.n_iter_ < 500
    assert (dense.n_iter_, dense.best_iter_) == (csr.n_iter_, csr.best_iter_)
    assert dense.validation_scores_ == pytest.approx(csr.validation_scores_, rel=1e-9)
    assert_close(dense, csr)


def test_a_class_of_one_row_is_learned_from():
    """Early stopping neither raises an error nor holds out the sample; there may be more classes than validation samples."""
    y = np.append(np.arange(N - 1) % 11, 99)
    model = GDClassifier(early_stopping=True, random_state=0, max_iter=3, tol=None).fit(X, y)
    assert list(model.classes_) == [*range(11), 99]


def test_too_few_rows_to_set_aside():
    """The message names the parameter and the remedy."""
    with pytest.raises(
        ValueError, match=r"validation_fraction=0.1 of n_samples=1 leaves no validation samples: increase it.*pass X_val"
    ):
        GDRegressor(early_stopping=True).fit(X[:1], SCORE[:1])
    with pytest.raises(ValueError, match=r"validation_fraction=0.1 of n_samples=3 leaves no validation samples.*pass X_val"):
        GDClassifier(early_stopping=True).fit(X[:3], ["a", "b", "c"])


@pytest.mark.parametrize("given", [False, True])
def test_class_weights_count_in_the_validation_score(given):
    """The score uses sample weight times class weight, also with scikit-learn's scorer."""
    class_weight, weight = {"no": 5.0, "yes": 1.0}, np.where(LABELS[2] == "no", 5.0, 1.0) * WEIGHT
    model = GDClassifier(class_weight=class_weight, early_stopping=not given, validation_fraction=0.5, random_state=0)
    model.set_params(scoring="accuracy")
    validation = {"X_val": X, "y_val": LABELS[2], "sample_weight_val": WEIGHT} if given else {}
    model.fit(X, LABELS[2], sample_weight=WEIGHT, **validation)
    held = np.ones(N, dtype=bool) if given else held_out(LABELS[2], 0.5, np.random.RandomState(0))
    expected = model.score(X[held], LABELS[2][held], sample_weight=weight[held])
    assert model.validation_scores_[model.best_iter_ - 1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["regression", "three classes"])
def test_a_warm_start_sets_the_same_rows_aside(kind):
    """With a seed, no training sample becomes a validation sample later."""
    model, y = each_kind()[kind]
    model.set_params(early_stopping=True, validation_fraction=0.3, warm_start=True, random_state=4, max_iter=200)
    scores = model.set_params(scoring=None).fit(X, y).validation_scores_
    assert model.fit(X, y).validation_scores_[0] >= scores[0]
    held = held_out(y if kind != "regression" else np.zeros(N), 0.3, np.random.RandomState(4))
    assert model.score(X[held], y[held]) == pytest.approx(max(model.validation_scores_), rel=1e-9)


def test_early_stopping_gives_way_to_rows_that_were_given():
    """With X_val no training sample is held out."""
    one = GDRegressor(early_stopping=True, random_state=0).fit(X, SCORE, X_val=X, y_val=SCORE)
    other = GDRegressor(early_stopping=False, random_state=0).fit(X, SCORE, X_val=X, y_val=SCORE)
    assert same_bits(one, other)


def test_labels_of_the_validation_rows():
    """They are scored by their labels; an unknown label raises an error that names it."""
    model = GDClassifier(scoring=None).fit(X, LABELS[2], X_val=X, y_val=LABELS[2])
    assert model.validation_scores_[model.best_iter_ - 1] == model.score(X, LABELS[2])
    with pytest.raises(ValueError, match=r"'maybe'.*not among the classes"):
        GDClassifier().fit(X, LABELS[2], X_val=X[:2], y_val=["yes", "maybe"])
    some = GDClassifier().fit(X, LABELS[3], X_val=X[:1], y_val=LABELS[3][:1])
    assert list(some.classes_) == ["a", "b", "c"]


def test_rows_of_weight_zero_among_the_validation_rows():
    """Validation samples of weight zero have no effect either."""
    weight = np.where(np.arange(N) % 2 == 0, 0.0, WEIGHT)
    kept = weight > 0
    one = GDRegressor().fit(X, SCORE, X_val=X, y_val=SCORE + 100.0 * ~kept, sample_weight_val=weight)
    other = GDRegressor().fit(X, SCORE, X_val=X[kept], y_val=SCORE[kept], sample_weight_val=weight[kept])
    assert one.validation_scores_ == other.validation_scores_
    assert same_bits(one, other)


def test_attributes_of_validation_do_not_outlive_it():
    """A fit without validation samples removes the scores of an earlier one."""
    model = GDRegressor().fit(X, SCORE, X_val=X, y_val=SCORE)
    assert hasattr(model, "validation_scores_")
    model.fit(X, SCORE)
    assert not hasattr(model, "validation_scores_")
    assert not hasattr(model, "best_iter_")


@pytest.mark.parametrize("kind", ["regression", "three classes"])
@pytest.mark.parametrize("standardize", [False, True])
def test_pieces_of_an_entry_are_summed(standardize, kind):
    """A document-term matrix as in SciPy's documentation, with one entry for each occurrence of a word."""
    model, y = each_kind()[kind]
    model.set_params(penalty=L1(standardize=standardize), alpha=0.01)
    whole = sp.csr_array(np.round(4 * np.abs(X)))
    counts = whole.data.astype(int)
    pieces = (np.ones(counts.sum()), np.repeat(whole.indices, counts), np.append(0, np.cumsum(counts))[whole.indptr])
    pieces = sp.csr_array(pieces, shape=X.shape)
    for solver in ("auto", "sgd", "saga"):
        one, other = (clone(model).set_params(solver=solver, random_state=0).fit(rows, y) for rows in (whole, pieces))
        np.testing.assert_array_equal(one.coef_, other.coef_)
    one, other = (clone(model).partial_fit(rows, y) for rows in (whole, pieces))
    np.testing.assert_array_equal(one.coef_, other.coef_)
    np.testing.assert_array_equal(one.predict(whole), one.predict(pieces))
    one, other = (clone(model).fit(X, y, X_val=rows, y_val=y) for rows in (whole, pieces))
    assert one.validation_scores_ == other.validation_scores_
    assert pieces.nnz == counts.sum()


# --- errors --------------------------------------------------------------------------------------------------------------


def with_value(array, at, value):
    """A copy of a float array in which one value is replaced."""
    out = np.array(array, dtype=float)
    out[at] = value
    return out


BAD_INPUT = {
    "NaN in X": ({"X": with_value(X, (3, 1), np.nan)}, "Input X contains NaN"),
    "infinity in X": ({"X": with_value(X, (3, 1), np.inf)}, "Input X contains infinity"),
    "NaN in sparse X": ({"X": sp.csr_array(with_value(X, (3, 1), np.nan))}, "Input X contains NaN"),
    "no rows": ({"X": X[:0], "y": SCORE[:0]}, "0 sample"),
    "no columns": ({"X": X[:, :0]}, "0 feature"),
    "1-D X": ({"X": X[:, 0]}, "Expected 2D array"),
    "3-D X": ({"X": np.zeros((N, 2, 2))}, "dim 3|3 dim|Found array with dim"),
    "complex X": ({"X": X * 1j}, "Complex data not supported"),
    "y of another length": ({"y": SCORE[:-1]}, "inconsistent numbers of samples"),
    "no y": ({"y": None}, "requires y to be passed, but the target y is None"),
    "negative weight": ({"sample_weight": with_value(WEIGHT, 2, -1.5)}, r"sample_weight\[2\] is .*-1\.5"),
    "weights all zero": ({"sample_weight": np.zeros(N)}, "sample_weight is zero for every sample"),
    "NaN among the weights": ({"sample_weight": with_value(WEIGHT, 2, np.nan)}, "sample_weight contains NaN"),
    "infinity among the weights": ({"sample_weight": with_value(WEIGHT, 2, np.inf)}, "sample_weight contains infinity"),
    "weights of another length": ({"sample_weight": WEIGHT[:-1]}, r"sample_weight.shape == \(22,\), expected \(23,\)"),
    "2-D weights": ({"sample_weight": WEIGHT[:, None]}, "sample_weight must be 1D"),
    "negative weight for all": ({"sample_weight": -1.0}, "sample_weight"),
    "X_val without y_val": ({"X_val": X}, "X_val was given without y_val"),
    "y_val without X_val": ({"y_val": SCORE}, "y_val was given without X_val"),
    "sample_weight_val alone": ({"sample_weight_val": WEIGHT}, "sample_weight_val was given without X_val and y_val"),
    "X_val with other columns": ({"X_val": X[:, :2], "y_val": SCORE}, "X_val, y_val: .*2 features.*expecting 4 features"),
    "NaN in X_val": ({"X_val": with_value(X, (0, 0), np.nan), "y_val": SCORE}, "X_val, y_val: .*NaN"),
    "y_val of another length": ({"X_val": X, "y_val": SCORE[:-1]}, "X_val, y_val: .*inconsistent numbers of samples"),
    "negative weight in validation": ({"X_val": X, "y_val": SCORE, "sample_weight_val": -WEIGHT}, r"sample_weight_val\[0\] is"),
}
BAD_TARGETS = {
    "NaN in y": ({"y": with_value(SCORE, 2, np.nan)}, "NaN"),
    "infinity in y": ({"y": with_value(SCORE, 2, np.inf)}, "infinity"),
    "words for numbers": ({"y": np.full(N, "a")}, "could not convert string to float|dtype='numeric'|a"),
    "3-D y": ({"y": np.zeros((N, 2, 2))}, "dim 3|dimension|Found array with dim"),
}
BAD_LABELS = {
    "one class": ({"y": np.full(N, "a")}, r"one class, .*'a'.*two classes"),
    "numbers for labels": ({"y": SCORE}, "Unknown label type.*continuous"),
    "2-D labels": ({"y": np.column_stack([LABELS[2], LABELS[2]])}, "1d array|multi"),
    "a matrix of indicators": ({"y": np.eye(N, 3, dtype=int)}, "1d array|multi|Unknown label type"),
    "None among the labels": ({"y": np.where(np.arange(N) == 0, None, LABELS[2])}, "NaN|None|label|not supported"),
}


@pytest.mark.parametrize(
    ("classifier", "case"),
    [(kind, case) for kind in (False, True) for case in BAD_INPUT | (BAD_LABELS if kind else BAD_TARGETS)],
)
def test_bad_input_is_refused_by_name(classifier, case):
    """A ValueError (TypeError for a wrong type) that names the argument and its value, before any computation."""
    change, message = (BAD_INPUT | (BAD_LABELS if classifier else BAD_TARGETS))[case]
    good = {"X": X, "y": LABELS[2] if classifier else SCORE}
    if classifier:
        # The cases for both estimators are written with numbers for y.
        in_words = {name: LABELS[2][: len(change[name])] for name in ("y", "y_val") if change.get(name) is not None}
        change = change | in_words if case in BAD_INPUT else change
    model = GDClassifier() if classifier else GDRegressor()
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(**good | change)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("method", ["predict", "score"])
def test_rows_to_predict_are_checked(method):
    """Errors for other features, NaN, and one dimension."""
    for model, y in ((GDRegressor().fit(X, SCORE), SCORE), (GDClassifier().fit(X, LABELS[3]), LABELS[3])):
        more = (y,) if method == "score" else ()
        for bad, message in ((X[:, :3], "3 features.*4 features"), (with_value(X, (0, 0), np.nan), "NaN"), (X[:, 0], "2D array")):
            with pytest.raises(ValueError, match=message):
                getattr(model, method)(bad, *more)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("poisson", -1.0, r"Poisson needs numbers >= 0 as y; y\[2\] is .*-1\.0"),
        ("gamma", 0.0, r"Gamma needs numbers > 0 as y; y\[2\] is .*0\.0"),
        (Tweedie(power=1.2), -0.5, r"Tweedie needs numbers >= 0 as y; y\[2\] is .*-0\.5"),
        (Tweedie(power=3.0), 0.0, r"Tweedie needs numbers > 0 as y; y\[2\] is .*0\.0"),
    ],
)
def test_targets_outside_the_domain_are_named(loss, y, message):
    """The error names the loss, its domain, the sample and its value; for validation samples too."""
    bad = with_value(np.ones(N), 2, y)
    with pytest.raises(ValueError, match=message):
        GDRegressor(loss).fit(X, bad)
    with pytest.raises(ValueError, match=message):
        GDRegressor(loss).fit(X, np.ones(N), X_val=X, y_val=bad)


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_sample_of_weight_zero_may_be_outside_the_domain(outputs):
    """It does not exist; the index in the message counts it."""
    y = np.tile(np.abs(SCORE)[:, None] + 0.1, outputs).squeeze()
    bad, weight = with_value(y, 0, -1.0), with_value(np.ones(N), 0, 0.0)
    model = GDRegressor("poisson").fit(X, bad, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, GDRegressor("poisson").fit(X[1:], y[1:]).coef_, rtol=1e-9)
    with pytest.raises(ValueError, match=r"y\[2(, 0)?\] is -1"):
        GDRegressor("poisson").fit(X, with_value(bad, 2, -1.0), sample_weight=weight)


PARTS = {"loss": None, "penalty": PENALTIES, "solver": SOLVERS, "optimizer": OPTIMIZERS, "learning_rate": SCHEDULES}


@pytest.mark.parametrize("estimator", [GDRegressor, GDClassifier])
def test_the_docstring_has_every_parameter_its_default_and_its_strings(estimator):
    """Parameters are in the order of the signature; the strings are those of the registries, and "auto" if allowed."""
    documented = dict(re.findall(r"^(\w+) : (.*)$", inspect.getdoc(estimator).partition("\nAttributes\n")[0], re.M))
    assert list(documented) == list(inspect.signature(estimator).parameters)
    for name, value in estimator().get_params(deep=False).items():
        assert ast.literal_eval(documented[name].partition("default=")[2]) == value, name
    for part in PARTS:
        known = PARTS[part] or (REGRESSION_LOSSES if estimator is GDRegressor else CLASSIFICATION_LOSSES)
        strings = re.findall(r'"(\w+)"', documented[part].partition("default=")[0])
        assert strings == [*(["auto"] if part != "loss" else []), *known], part


@pytest.mark.parametrize("kind", ["regression", "two classes"])
def test_the_docstring_has_every_fitted_attribute(kind):
    """The attributes of `fit` and `partial_fit`, on data with feature names and validation samples."""
    model, y = each_kind()[kind]
    rows = pd.DataFrame(X, columns=list("abcd"))
    fitted = {name for name in vars(model.fit(rows, y, X_val=rows, y_val=y)) if re.fullmatch(r"[^_].*_", name)}
    attributes = inspect.getdoc(type(model)).partition("\nAttributes\n")[2].partition("\nSee Also\n")[0]
    assert fitted == set(re.findall(r"^(\w+) : ", attributes, re.M))


@pytest.mark.parametrize("estimator", [GDRegressor, GDClassifier])
@pytest.mark.parametrize("part", PARTS)
def test_an_unknown_string_is_answered_with_the_known_ones(part, estimator):
    """The error names the parameter and the string, and lists the valid strings."""
    known = PARTS[part] or (REGRESSION_LOSSES if estimator is GDRegressor else CLASSIFICATION_LOSSES)
    with pytest.raises(ValueError, match=f"{part}='unknown'") as caught:
        estimator(**{part: "unknown"}).fit(X, LABELS[2] if estimator is GDClassifier else SCORE)
    assert all(repr(name) in str(caught.value) for name in known)
    if part != "loss":
        assert "'auto'" in str(caught.value)


@pytest.mark.parametrize("estimator", [GDRegressor, GDClassifier])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("value", [[], {}, 3j, b"bytes", Adam, SGD, LogLoss, SquaredError, L2, Constant, True])
def test_an_object_of_the_wrong_kind(part, value, estimator):
    """A TypeError names the parameter, also for a class instead of an object."""
    if part == "learning_rate" and callable(value) and not isinstance(value, type):
        pytest.skip("a callable is a schedule")
    with pytest.raises(TypeError, match=f"{part}="):
        estimator(**{part: value}).fit(X, LABELS[2] if estimator is GDClassifier else SCORE)


def test_a_part_in_the_place_of_another():
    """A component of another kind raises an error."""
    parts = {"loss": Huber(), "penalty": L2(), "solver": SGD(), "optimizer": Adam(), "learning_rate": Constant()}
    for place in parts:
        for own, part in parts.items():
            if place != own:
                with pytest.raises(TypeError, match=f"{place}="):
                    GDRegressor(**{place: part}).fit(X, SCORE)


@pytest.mark.parametrize(
    ("estimator", "loss", "other"), [(GDRegressor, Hinge(), "GDClassifier"), (GDClassifier, Huber(), "GDRegressor")]
)
def test_the_loss_of_the_other_estimator(estimator, loss, other):
    """The error names the estimator of the loss, for an object and for a string."""
    with pytest.raises(TypeError, match=f"loss={loss!r} is for {other}".replace("(", r"\(").replace(")", r"\)")):
        estimator(loss).fit(X, LABELS[2])
    name = {"Hinge": "hinge", "Huber": "huber"}[type(loss).__name__]
    with pytest.raises(ValueError, match=f"loss='{name}' is for {other}"):
        estimator(name).fit(X, LABELS[2])


OUT_OF_RANGE = {
    "alpha": [-1e-9, np.nan, np.inf, "much", None, True, [1.0]],
    "l1_ratio": [-0.1, 1.1, np.nan, "half"],
    "max_iter": [0, -1, 2.5, "many", None, True],
    "tol": [-1e-9, np.nan, np.inf, "small"],
    "validation_fraction": [0.0, 1.0, -0.5, 1.5, np.nan, "some", None],
    "n_iter_no_change": [0, -3, 2.5, None],
    "fit_intercept": ["yes", None, 2, 0.5],
    "shuffle": ["yes", None, 2],
    "early_stopping": ["yes", None, 2],
    "warm_start": ["yes", None, 2],
    "average": [-1, 2.5, "yes", None],
    "verbose": [-1, 2.5, "yes", None],
    "learning_rate": [0.0, -0.1, np.nan, np.inf, True],
}


@pytest.mark.parametrize("estimator", [GDRegressor, GDClassifier])
@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_a_parameter_out_of_range_is_named_with_its_value(name, estimator):
    """In fit and in partial_fit, before the samples are checked."""
    y = LABELS[2] if estimator is GDClassifier else SCORE
    for value in OUT_OF_RANGE[name]:
        model = estimator(**{name: value})
        with pytest.raises((ValueError, TypeError)) as caught:
            model.fit(np.full((N, D), np.nan), y)
        assert f"{name}={value!r}" in str(caught.value), value
        labels = {"classes": ["no", "yes"]} if estimator is GDClassifier else {}
        with pytest.raises((ValueError, TypeError), match=name):
            model.partial_fit(X, y, **labels)


OUT_OF_RANGE_PARTS = [
    ("loss", Huber(delta=0.0), "Huber: delta=0.0"),
    ("loss", Quantile(quantile=1.0), "Quantile: quantile=1.0"),
    ("loss", Tweedie(power=0.5), "Tweedie: power=0.5"),
    ("penalty", ElasticNet(l1_ratio=2.0), "ElasticNet: l1_ratio=2.0"),
    ("penalty", L1(nonnegative="yes"), "L1: nonnegative='yes'"),
    ("penalty", NoPenalty(nonnegative=None), "NoPenalty: nonnegative=None"),
    ("solver", MiniBatch(batch_size=0), "MiniBatch: batch_size=0"),
    ("solver", MiniBatch(batch_size=2.5), "MiniBatch: batch_size=2.5"),
    ("optimizer", Adam(beta_1=1.0), "Adam: beta_1=1.0"),
    ("optimizer", Adam(epsilon=0.0), "Adam: epsilon=0.0"),
    ("learning_rate", Constant(eta0=0.0), "Constant: eta0=0.0"),
    ("learning_rate", WarmUp(Constant(-1.0)), "Constant: eta0=-1.0"),
]


@pytest.mark.parametrize(("part", "value", "message"), OUT_OF_RANGE_PARTS, ids=[message for _, _, message in OUT_OF_RANGE_PARTS])
def test_a_parameter_of_a_part_out_of_range(part, value, message):
    """The error names the component's class, its parameter and the value."""
    with pytest.raises((ValueError, TypeError), match=message):
        GDRegressor(**{part: value}).fit(X, SCORE)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("even", "class_weight='even' must be a dict, 'balanced' or None"),
        (3.0, "class_weight=3.0 must be a dict, 'balanced' or None"),
        ([1, 2], r"class_weight=\[1, 2\] must be a dict, 'balanced' or None"),
        ({"no": -1.0}, r"class_weight\['no'\] is -1.0"),
        ({"no": np.nan}, r"class_weight\['no'\] is .*nan"),
        ({"no": "a"}, r"class_weight\['no'\] is 'a'"),
        ({"no": 0.0, "yes": 0.0}, "class_weight=.* leaves no sample of positive weight"),
        ({"other": 2.0}, "are not in class_weight"),
    ],
)
def test_bad_class_weights(class_weight, message):
    """Each error names class_weight and the problem."""
    with pytest.raises((ValueError, TypeError), match=message):
        GDClassifier(class_weight=class_weight).fit(X, LABELS[2])


@pytest.mark.parametrize("random_state", ["seed", 1.5])
def test_bad_random_state(random_state):
    """It raises an error if it would be used."""
    for model in (GDRegressor(solver="sgd"), GDRegressor(early_stopping=True)):
        with pytest.raises(ValueError, match=f"{random_state}"):
            model.set_params(random_state=random_state).fit(X, SCORE)


@pytest.mark.parametrize("rates", [lambda t: -1.0, lambda t: np.nan, lambda t: np.inf])
def test_a_callable_that_gives_no_rate(rates):
    """The error names the step and the returned value."""
    with pytest.raises(ValueError, match=r"CallableSchedule.rate returned .* at step 1; learning rates must be finite and >= 0"):
        GDRegressor(solver="batch", learning_rate=rates).fit(X, SCORE)


# --- every part as a string, an object, a subclass -----------------------------------------------------------------------


@pytest.mark.parametrize("way", ["batch", "sgd", "minibatch"])
def test_a_string_is_the_object_of_that_name(way):
    """Each string of a registry gives the same model as its object, to the last bit."""
    for part, registry in (PARTS | {"loss": REGRESSION_LOSSES}).items():
        for name, cls in registry.items():
            shared = WAYS[way] | {"learning_rate": 0.01, "random_state": 0}
            shared |= {"optimizer": "gd"} if name in ("svrg", "saga") else {}
            y = data(name)[1] if part == "loss" else SCORE
            with warnings.catch_warnings():
                # The default rates of some schedules are too high for these data: both fits then diverge in the same way.
                warnings.simplefilter("ignore", ConvergenceWarning)
                one, other = (GDRegressor(**shared | {part: value}).fit(X, y) for value in (name, cls()))
            assert same_bits(one, other), (part, name)


def test_elasticnet_takes_the_share_of_the_estimator():
    """The string uses l1_ratio of the estimator, the object its parameter."""
    one = GDRegressor(penalty="elasticnet", l1_ratio=0.7, alpha=0.1).fit(X, SCORE)
    other = GDRegressor(penalty=ElasticNet(l1_ratio=0.7), alpha=0.1).fit(X, SCORE)
    assert same_bits(one, other)


@pytest.mark.parametrize("penalty", ["auto", "l1", None, ElasticNet(l1_ratio=0.7)], ids=repr)
def test_a_share_that_the_penalty_does_not_use_warns(penalty):
    message = rf"^l1_ratio=0\.5 is not used: it belongs to penalty='elasticnet', but penalty is {re.escape(repr(penalty))}$"
    for fit in (GDRegressor.fit, GDRegressor.partial_fit):
        model, line = GDRegressor(penalty=penalty, l1_ratio=0.5), inspect.currentframe().f_lineno + 2
        with pytest.warns(UserWarning, match=message) as caught:
            fit(model, X, SCORE)
        assert (caught[0].filename, caught[0].lineno) == (__file__, line)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for l1_ratio in (None, 0.15):
            GDRegressor(penalty=penalty, l1_ratio=l1_ratio, alpha=0.1).fit(X, SCORE)


def test_no_penalty_has_many_names():
    """None, NoPenalty() and alpha=0 give the same model."""
    models = [
        GDRegressor(penalty=None),
        GDRegressor(penalty=NoPenalty()),
        GDRegressor(alpha=0.0),
        GDRegressor(penalty="l1", alpha=0.0),
    ]
    fits = [
        model.set_params(solver="sgd", learning_rate=0.05, random_state=0, max_iter=3, tol=None).fit(X, SCORE) for model in models
    ]
    assert all(same_bits(fits[0], each) for each in fits)


@pytest.mark.parametrize("penalty", [each for each in PENALTY_OBJECTS if "nonnegative" in each])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_nonnegative_coefficients(penalty, way, layout):
    """No coefficient is negative, some are positive, and those that would be negative are zero."""
    free = GDRegressor(**WAYS[way], alpha=1e-3).fit(X, SCORE)
    model = GDRegressor(**WAYS[way], penalty=PENALTY_OBJECTS[penalty], alpha=1e-3).fit(LAYOUTS[layout](X), SCORE)
    assert (free.coef_ < -0.1).any()
    assert (model.coef_ >= 0.0).all()
    assert (model.coef_ > 0.1).any()
    if way in ("auto", "batch"):
        assert (model.coef_[free.coef_ < -0.5] == 0.0).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_l1_gives_exact_zeros(way, layout):
    """Most of twenty uninformative features get a coefficient of exactly zero; with single samples some do."""
    rng = np.random.default_rng(0)
    X_data = rng.normal(size=(300, 22))
    y = 3.0 * X_data[:, 0] - 2.0 * X_data[:, 1] + 0.1 * rng.normal(size=300)
    model = GDRegressor(**WAYS[way] | {"max_iter": 60}, penalty="l1", alpha=0.1).fit(LAYOUTS[layout](X_data), y)
    assert (model.coef_[2:] == 0.0).sum() >= (1 if way in ("sgd", "auto rate", "proximal") else 15)
    assert (model.coef_[:2] != 0.0).all()


def test_inputs_that_cannot_be_separated_from_an_intercept():
    """A constant feature does no harm with an intercept; without one it acts as the intercept."""
    rows = np.column_stack([X, np.full(N, 3.0)])
    beside = GDRegressor(tol=1e-10).fit(rows, SCORE)
    np.testing.assert_allclose(beside.predict(rows), GDRegressor(tol=1e-10).fit(X, SCORE).predict(X), atol=1e-4)
    instead = GDRegressor(fit_intercept=False, tol=1e-12, alpha=1e-10).fit(rows, SCORE)
    np.testing.assert_allclose(instead.predict(rows), GDRegressor(tol=1e-12, alpha=1e-10).fit(X, SCORE).predict(X), atol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", WAYS)
def test_X_of_zeros(way, layout):
    """Only the intercept is fitted."""
    model = GDRegressor(**WAYS[way]).fit(LAYOUTS[layout](np.zeros((N, D))), SCORE)
    np.testing.assert_array_equal(model.coef_, 0.0)
    assert model.intercept_ != 0.0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_single_row(way, layout):
    """One sample is enough for a regressor, and two for a classifier."""
    rows = LAYOUTS[layout](X[:1])
    assert np.isfinite(GDRegressor(**WAYS[way]).fit(rows, SCORE[:1]).predict(rows)).all()
    pair = [list(LABELS[2]).index(label) for label in ("no", "yes")]
    assert np.isfinite(GDClassifier(**WAYS[way]).fit(LAYOUTS[layout](X[pair]), LABELS[2][pair]).coef_).all()


def test_encoding_of_labels_in_the_oracle():
    """The encoding of labels in the oracle, on which other tests depend."""
    target, n_outputs, one_vs_rest = encoded(LABELS[2])
    np.testing.assert_array_equal(target[:, 0], np.where(LABELS[2] == "yes", 1.0, -1.0))
    assert (n_outputs, one_vs_rest) == (1, False)
    assert encoded(LABELS[3])[1:] == (3, True)


def test_sizes_beyond_a_tile():
    """More samples, features and classes than any block of the kernels: batch descent on dense and CSR samples agrees."""
    rng = np.random.default_rng(0)
    X_data = rng.normal(size=(700, 40)) * (rng.random((700, 40)) < 0.3)
    y = rng.integers(0, 7, 700)
    for way in ("batch", "sgd", "minibatch"):
        model = GDClassifier(**WAYS[way] | {"max_iter": 3})
        assert_close(clone(model).fit(X_data, y), clone(model).fit(sp.csr_array(X_data), y), rtol=1e-10)
        assert RATES  # the rates of the matrix are for small data: WAYS has other rates


def test_solver_objects_are_the_strings():
    """The objects Batch() and SGD() equal their strings."""
    for string, solver in (("batch", Batch()), ("sgd", SGD()), ("minibatch", MiniBatch())):
        shared = {"learning_rate": 0.05, "max_iter": 2, "tol": None, "random_state": 0}
        assert same_bits(GDRegressor(solver=string, **shared).fit(X, SCORE), GDRegressor(solver=solver, **shared).fit(X, SCORE))
