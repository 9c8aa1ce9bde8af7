"""Calls of partial_fit on samples with few of many features: as on all features, at the cost of their stored values."""

import copy
import pickle
import warnings
from unittest.mock import patch

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from versions import SEED_OF_MATRIX

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd._layout import NONZEROS, REFRESH_PERIOD
from sklearn_gd.descent import _few_features
from sklearn_gd.descent._few_features import FewFeatures

N, D = 60, 6000
RNG = np.random.default_rng(0)
NORMAL = {"data_sampler": lambda size: RNG.normal(size=size), SEED_OF_MATRIX: RNG}
X = sp.random_array((N, D), density=4 / D, format="csr", **NORMAL).tocsr()
SCORE = X @ RNG.normal(size=D) + 1.0
LABELS = np.digitize(SCORE, [0.5, 1.5])
PLAIN = {"solver": "sgd", "optimizer": "gd", "learning_rate": 0.1, "penalty": "l2", "alpha": 1e-2}

MODELS = {
    "regression": (GDRegressor(**PLAIN), SCORE),
    "two outputs": (GDRegressor(**PLAIN), np.column_stack([SCORE, -SCORE])),
    "two classes": (GDClassifier(**PLAIN), (SCORE > 1.0).astype(int)),
    "three classes": (GDClassifier(**PLAIN), LABELS),
    "no penalty": (GDRegressor(**PLAIN | {"penalty": None}), SCORE),
    "no intercept": (GDRegressor(**PLAIN, fit_intercept=False), SCORE),
    "auto": (GDClassifier(), LABELS),
    "auto, two classes": (GDClassifier(), (SCORE > 1.0).astype(int)),
    "auto, regression": (GDRegressor(), SCORE),
    "auto, l2": (GDRegressor(solver="sgd", penalty="l2"), SCORE),
    "auto, large alpha": (GDRegressor(alpha=0.1), SCORE),
    "auto, no intercept": (GDRegressor(fit_intercept=False), SCORE),
    "auto, average": (GDRegressor(solver="sgd", average=True), SCORE),
    "auto, hinge": (GDClassifier("hinge"), (SCORE > 1.0).astype(int)),
    "a schedule": (GDRegressor(**PLAIN | {"learning_rate": "invscaling"}), SCORE),
}
each_model = pytest.mark.parametrize("name", MODELS)


def calls(model, y, size=3, stored=False, X=X):
    """The model after calls of `size` samples; `stored` sends it through a pickle between any two."""
    labels = {"classes": np.unique(y)} if isinstance(model, GDClassifier) else {}
    for start in range(0, X.shape[0], size):
        if stored:
            model = pickle.loads(pickle.dumps(model))
        model.partial_fit(X[start : start + size], y[start : start + size], **labels)
    return model


def on_all_features(model, y, **more):
    """The same calls, each of which works on all features."""
    with patch.object(_few_features, "LEAST_FEATURES", np.inf):
        return calls(model, y, **more)


def assert_same(model, other):
    """The models are equal to the last bit, and F to rounding."""
    np.testing.assert_array_equal(model.coef_, other.coef_)
    np.testing.assert_array_equal(model.intercept_, other.intercept_)
    assert (model.t_, model.n_iter_) == (other.t_, other.n_iter_)
    np.testing.assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-12)


@each_model
def test_few_features_learn_as_all_do(name):
    model, y = MODELS[name]
    with patch.object(FewFeatures, "keep", autospec=True, side_effect=FewFeatures.keep) as kept:
        few = calls(clone(model), y)
    assert kept.call_count == N // 3 - 1
    assert_same(few, on_all_features(clone(model), y))


@each_model
def test_a_pickle_in_the_middle_changes_no_bit(name):
    model, y = MODELS[name]
    one, other = calls(clone(model), y), calls(clone(model), y, stored=True)
    assert_same(one, other)
    assert one.loss_curve_ == other.loss_curve_


@each_model
def test_calls_are_one_epoch_of_fit(name):
    model, y = MODELS[name]
    if name.startswith("auto"):
        pytest.skip("the weights of the mixture depend on the calls")
    fitted = clone(model).set_params(max_iter=1, tol=None, shuffle=False).fit(X, y)
    np.testing.assert_array_equal(calls(clone(model), y).coef_, fitted.coef_)


def test_coef_is_a_new_array_after_each_call():
    model = calls(GDClassifier(**PLAIN), LABELS)
    before = model.coef_
    kept = before.copy()
    assert model.coef_ is before
    model.partial_fit(X[:3], LABELS[:3])
    assert model.coef_ is not before
    np.testing.assert_array_equal(before, kept)
    assert (model.coef_ != kept).any()
    raw = X @ model.coef_.T + model.intercept_
    np.testing.assert_allclose(model.decision_function(X), raw, rtol=1e-13)


def test_an_estimator_without_a_fit_has_no_coef():
    assert not hasattr(GDRegressor(), "coef_")
    with pytest.raises(AttributeError, match="'GDRegressor' object has no attribute 'coef_'"):
        GDRegressor().coef_  # noqa: B018


@pytest.mark.parametrize("name", ["regression", "two classes"])
def test_what_comes_after_starts_from_that_model(name):
    model, y = MODELS[name]
    few, every = calls(clone(model), y), on_all_features(clone(model), y)
    for each in (few, every):
        each.set_params(warm_start=True, max_iter=2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(few.coef_, every.coef_)
    few, every = calls(clone(model), y), on_all_features(clone(model), y)
    for each in (few, every):
        each.set_params(optimizer="adam", learning_rate=0.01)
    assert_same(calls(few, y), on_all_features(every, y))


def test_a_copy_goes_its_own_way():
    model = calls(GDRegressor(**PLAIN), SCORE)
    other, untouched = copy.copy(model), copy.deepcopy(model)
    calls(model, SCORE)
    assert_same(other, untouched)
    assert_same(calls(other, SCORE), model)


@pytest.mark.parametrize(
    "change",
    [{"X": X[:2] * np.nan}, {"y": SCORE[:3]}, {"X": X[:2, :-1]}, {"sample_weight": [-1.0, 1.0]}, {"y": [np.nan, 1.0]}],
    ids=["NaN", "length of y", "features", "weight", "y"],
)
def test_a_refused_call_changes_nothing(change):
    model = calls(GDRegressor(**PLAIN), SCORE)
    before = pickle.dumps(vars(model))
    with pytest.raises(ValueError):  # noqa: PT011
        model.partial_fit(**{"X": X[:2], "y": SCORE[:2]} | change)
    assert pickle.dumps(vars(model)) == before


@pytest.mark.parametrize("after", [0, 1])
def test_a_diverging_call_changes_nothing(after):
    """After a call on all features, whose sum of squares is not known, and after one on few."""
    model = GDRegressor(**PLAIN).partial_fit(X, SCORE)
    for _ in range(after):
        model.partial_fit(X[:2], SCORE[:2])
    before = pickle.dumps(vars(model))
    model.set_params(learning_rate=1e200)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.partial_fit(X[:2], SCORE[:2])
    model.set_params(learning_rate=PLAIN["learning_rate"])
    assert pickle.dumps(vars(model)) == before


def test_a_call_that_writes_the_scale_out_works_on_all_features():
    """A shrinkage by a half in each step is written out to all coefficients after a dozen."""
    model = GDRegressor(**PLAIN | {"alpha": 5.0})
    assert_same(calls(clone(model), SCORE), on_all_features(clone(model), SCORE))


@pytest.mark.parametrize(
    "parts",
    [{"penalty": "l1"}, {"average": 2}, {"penalty": "auto"}, {"optimizer": "momentum"}, {"solver": "minibatch"}],
    ids=str,
)
def test_other_parts_work_on_all_features(parts):
    model = GDRegressor(**PLAIN | parts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(calls(clone(model), SCORE), on_all_features(clone(model), SCORE))


def test_parts_may_change_between_calls():
    model, other = (calls(GDRegressor(**PLAIN), SCORE) for _ in range(2))
    for change in ({"penalty": "l1"}, {"penalty": "l2"}, {"average": True}, {"average": False}, {"alpha": 0.0}, {"verbose": 1}):
        for each in (model, other):
            each.set_params(**change)
        assert_same(calls(model, SCORE), on_all_features(other, SCORE))


def test_the_sum_of_squares_does_not_drift():
    model = calls(GDRegressor(**PLAIN), SCORE)
    for _ in range(40):
        calls(model, SCORE)
    assert model._state.squares == pytest.approx(model._state.squares_here(), rel=1e-13)
    assert model._state.squares_age <= D + 4 * N


def test_samples_without_a_value():
    model, other = (calls(GDRegressor(**PLAIN), SCORE) for _ in range(2))
    empty = sp.csr_array((3, D))
    model.partial_fit(empty, SCORE[:3])
    with patch.object(_few_features, "LEAST_FEATURES", np.inf):
        other.partial_fit(empty, SCORE[:3])
    assert_same(model, other)


def test_updates_of_all_features_and_of_the_penalty():
    """A long stream: the scales are updated and the penalty acts in the middle of calls, and most features have come."""
    rng = np.random.default_rng(1)
    wide = sp.random_array((500, 4200), density=10 / 4200, format="csr", **{SEED_OF_MATRIX: rng}).tocsr()
    y = wide @ rng.normal(size=4200)
    model, other = GDRegressor(alpha=0.1), GDRegressor(alpha=0.1)
    for _ in range(4):
        assert_same(calls(model, y, X=wide, size=40), on_all_features(other, y, X=wide, size=40))
    counters = model._state.counters
    assert 0.0 < counters[NONZEROS] < wide.nnz


def test_a_fit_goes_on():
    """What a fit knows of the features, not of few of them, is taken over."""
    few, every = (GDClassifier(max_iter=2000).fit(X, LABELS) for _ in range(2))
    assert_same(calls(few, LABELS), on_all_features(every, LABELS))
    few.partial_fit(X.toarray(), LABELS)
    every.partial_fit(X.toarray(), LABELS)
    assert_same(calls(few, LABELS), on_all_features(every, LABELS))


@pytest.mark.parametrize("name", ["two classes", "auto, two classes"])
@pytest.mark.parametrize("change", ["float32", "64-bit indices", "weights"])
def test_other_samples_and_weights(name, change):
    model, y = MODELS[name]
    few, every = (calls(clone(model), y) for _ in range(2))
    rows, weight = X.astype(np.float32 if change == "float32" else np.float64), None
    if change == "64-bit indices":
        rows.indices, rows.indptr = rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
    if change == "weights":
        weight = np.arange(N) % 4.0
    for start in range(0, N, 5):
        some = slice(start, start + 5)
        few.partial_fit(rows[some], y[some], sample_weight=None if weight is None else weight[some])
        with patch.object(_few_features, "LEAST_FEATURES", np.inf):
            every.partial_fit(rows[some], y[some], sample_weight=None if weight is None else weight[some])
    assert_same(few, every)


def test_features_far_from_zero():
    """Their mean is a thousand times their deviation: the sums that F needs would lose six digits."""
    rng = np.random.default_rng(2)
    far = sp.csr_array(1000.0 + rng.normal(size=(N, 2)))
    rows = sp.hstack([far, X], format="csr")
    model, other = GDRegressor(alpha=0.1), GDRegressor(alpha=0.1)
    for _ in range(3):
        assert_same(calls(model, SCORE, X=rows), on_all_features(other, SCORE, X=rows))


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_wide_samples_give_one_model_dense_and_sparse(fit_intercept):
    """Features that come rarely keep their scale meanwhile, in either layout, and in calls of any length."""
    models = [GDRegressor(alpha=0.01, fit_intercept=fit_intercept) for _ in range(4)]
    sparse, cut, dense, cut_dense = models
    for model, rows, size in zip(models, (X, X, X.toarray(), X.toarray()), (60, 7, 60, 7), strict=True):
        for _ in range(3):
            calls(model, SCORE, size=size, X=rows)
    for one, other in ((sparse, cut), (dense, cut_dense)):
        for ours, theirs in zip(one._state.models(), other._state.models(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-6, atol=1e-9 * np.abs(dense.coef_).max())


def test_a_call_changes_what_its_samples_have():
    """Also where 10% more samples have come: means and scales of other features wait until they come."""
    model = GDRegressor().partial_fit(X[:3], SCORE[:3])
    before = model._state.columns.due.copy()
    with patch.object(FewFeatures, "keep", autospec=True, side_effect=FewFeatures.keep) as kept:
        for start in range(3, N, 3):
            model.partial_fit(X[start : start + 3], SCORE[start : start + 3])
            (few, _), _ = kept.call_args
            np.testing.assert_array_equal(few.index, np.unique(X[start : start + 3].indices))
    assert (model._state.columns.due[np.unique(X.indices)] > 0).all()
    others = np.setdiff1d(np.arange(D), X[3:].indices)
    np.testing.assert_array_equal(model._state.columns.due[others], before[others])


def test_all_scales_are_updated_once_so_many_values_have_come():
    first, later = X[:3], X[3:]
    model = GDRegressor().partial_fit(first, SCORE[:3])
    alone = np.setdiff1d(first.indices, later.indices)
    before = model._state.columns.due[alone]
    while model._state.counters[NONZEROS] + later.nnz < REFRESH_PERIOD * D:
        np.testing.assert_array_equal(model.partial_fit(later, SCORE[3:])._state.columns.due[alone], before)
    rows = model._state.rows
    assert (model.partial_fit(later, SCORE[3:])._state.columns.due[alone] > rows).all()


def test_a_pickle_has_the_numbers_of_a_feature_once():
    model = calls(GDRegressor(), SCORE)
    state = pickle.loads(pickle.dumps(model._state))
    assert model._state.columns.mean.base is model._state.table
    assert state.table is None
    assert len(pickle.dumps(model._state)) < 1.1 * model._state.table.nbytes


# --- predictions ---------------------------------------------------------------------------------------------------------


@each_model
def test_predictions_need_the_coefficients_of_their_features_only(name):
    """They are equal to those of `coef_` to the last bit, and `coef_` is not made for them."""
    model, y = MODELS[name]
    model = calls(clone(model), y)
    assert "coef_" not in vars(model)
    asked = X[:3], X[5:6], sp.csr_array((1, D))
    few = [model.predict(samples) for samples in asked]
    raw = model.decision_function(X[:3]) if isinstance(model, GDClassifier) else few[0]
    assert "coef_" not in vars(model)
    assert model.coef_.shape[-1] == D
    for found, samples in zip(few, asked, strict=True):
        np.testing.assert_array_equal(found, model.predict(samples))
    known = (X[:3] @ np.atleast_2d(model.coef_).T + model.intercept_).reshape(raw.shape)
    np.testing.assert_array_equal(raw, known)


def test_predictions_of_many_samples_make_coef():
    model = calls(clone(MODELS["auto"][0]), LABELS)
    dense = model.predict(X.toarray())
    assert "coef_" in vars(model)
    np.testing.assert_array_equal(dense, model.predict(X))


def test_an_assigned_intercept_predicts():
    model = calls(clone(MODELS["auto"][0]), LABELS)
    before = model.decision_function(X[:1])
    model.intercept_ = model.intercept_ + 1.0
    np.testing.assert_allclose(model.decision_function(X[:1]), before + 1.0, rtol=1e-12)
