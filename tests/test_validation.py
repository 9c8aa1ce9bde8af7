"""Validation of user input: single checks; the tests of the estimators use `fit`."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd._classes import Targets
from sklearn_gd._validation import (
    check_features,
    check_initial,
    check_samples,
    check_validation_samples,
    check_weight,
    held_out,
    rows_of_container,
    split_for_validation,
)

X = np.arange(12.0).reshape(6, 2)
Y = np.arange(6.0)


# --- samples -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_that_fit_are_not_copied(dtype):
    rows = X.astype(dtype)
    checked, y = check_samples(GDRegressor(), rows, Y, reset=True, numeric_y=True)
    assert np.shares_memory(checked, rows)
    assert checked.dtype == dtype
    assert y.dtype == np.float64


@pytest.mark.parametrize("given", [X.astype(int), X.tolist(), np.asfortranarray(X), pd.DataFrame(X), sp.coo_array(X)])
def test_other_samples_are_converted(given):
    checked, _ = check_samples(GDRegressor(), given, Y, reset=True, numeric_y=True)
    assert checked.format == "csr" if sp.issparse(given) else checked.flags.c_contiguous
    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked.toarray() if sp.issparse(given) else checked, X)


def repeated(kind=sp.csr_array, dtype=np.float64):
    """X with duplicate entries, and with the columns of each row in descending order."""
    cols, rows = np.tile([1, 1, 0, 0], 6), np.repeat(np.arange(6), 4)
    values = np.column_stack([0.25 * X[:, 1], 0.75 * X[:, 1], 0.5 * X[:, 0], 0.5 * X[:, 0]]).ravel()
    return (
        kind((values.astype(dtype), cols, np.arange(0, 25, 4)), shape=X.shape)
        if kind is sp.csr_array
        else kind((values, (rows, cols)))
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_entries_that_are_stored_twice_are_summed_in_a_copy(dtype):
    """As in SciPy; the arrays of the caller do not change."""
    given = repeated(dtype=np.float64) * 4
    given = given.astype(dtype)
    before = [each.copy() for each in (given.data, given.indices, given.indptr)]
    model = GDRegressor()
    for checked in (check_samples(model, given, Y, reset=True, numeric_y=True)[0], check_features(model, given)):
        np.testing.assert_allclose(checked.toarray(), 4 * X)
        assert checked.nnz == 12
        assert checked.has_canonical_format
    for now, then in zip((given.data, given.indices, given.indptr), before):
        np.testing.assert_array_equal(now, then)


def test_a_canonical_matrix_is_not_copied():
    given = sp.csr_array(X)
    checked, _ = check_samples(GDRegressor(), given, Y, reset=True, numeric_y=True)
    assert np.shares_memory(checked.data, given.data)


def test_pieces_whose_sum_is_infinite():
    given = sp.csr_array((np.array([1.5e308, 1.5e308, 1.0]), np.array([0, 0, 1]), np.array([0, 2, 3, 3, 3, 3, 3])), shape=(6, 2))
    with pytest.raises(ValueError, match=r"X\[0, 0\] has duplicate entries whose sum is infinite"):
        check_samples(GDRegressor(), given, Y, reset=True, numeric_y=True)


def broken(kind, **changed):
    """X as a sparse matrix with modified arrays."""
    matrix = kind(X)
    for name, (at, value) in changed.items():
        getattr(matrix, name)[at] = value
    return matrix


BROKEN = {
    "too large": (sp.csr_array, {"indices": (3, 2)}),
    "negative": (sp.csr_array, {"indices": (0, -1)}),
    "csc": (sp.csc_array, {"indices": (2, 600)}),
    "bsr": (lambda X: sp.bsr_array(X, blocksize=(3, 1)), {"indices": (1, 7)}),
    "coo": (sp.coo_array, {"row": (1, 9)}),
    "descending": (sp.csr_array, {"indptr": (2, 6)}),
    "beyond the values": (sp.csr_array, {"indptr": (6, 40)}),
    "before the values": (sp.csr_array, {"indptr": (0, -3)}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_indices_outside_the_shape_are_refused(name):
    """Compiled code would read and write outside the arrays."""
    kind, changed = BROKEN[name]
    model = GDRegressor()
    check_samples(model, X, Y, reset=True, numeric_y=True)
    for check in (
        lambda rows: check_features(model, rows),
        lambda rows: check_samples(model, rows, Y, reset=True, numeric_y=True),
        lambda rows: given_validation(rows, Y),
    ):
        with pytest.raises(ValueError, match=r"X is an invalid \w+ matrix.*its shape"):
            check(broken(kind, **changed))


def test_text_is_a_label_and_no_number():
    words = list("ababab")
    assert check_samples(GDClassifier(), X, words, reset=True, numeric_y=False)[1].tolist() == words
    with pytest.raises(ValueError, match=r"^y contains strings, such as 'a'; GDRegressor requires numbers$"):
        check_samples(GDRegressor(), X, words, reset=True, numeric_y=True)


def test_the_features_are_those_of_the_fit():
    model = GDRegressor()
    check_samples(model, X, Y, reset=True, numeric_y=True)
    assert model.n_features_in_ == 2
    for check in (
        lambda rows: check_features(model, rows),
        lambda rows: check_samples(model, rows, Y, reset=False, numeric_y=True),
    ):
        with pytest.raises(ValueError, match=r"3 features.*2 features"):
            check(np.ones((6, 3)))


def test_weights():
    np.testing.assert_array_equal(check_weight(None, 3), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(check_weight(2, 3), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(check_weight([0, 1, 2], 3), [0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, -2.0, 1.0], r"w\[1\] is -2.0.*must be >= 0"),
        ([0.0, 0.0, 0.0], "w is zero for every sample"),
        ([1.0, 1.0], r"w.shape == \(2,\), expected \(3,\)!"),
        (np.ones((3, 1)), "w must be 1D"),
        ([1.0, np.nan, 1.0], "Input w contains NaN"),
    ],
)
def test_bad_weights_are_named(weight, message):
    with pytest.raises(ValueError, match=message):
        check_weight(weight, 3, "w")


# --- validation samples --------------------------------------------------------------------------------------------------


def given_validation(X_val, y_val, weight=None):
    """The result of `check_validation_samples` for a regressor with two features."""
    model = GDRegressor()
    check_samples(model, X, Y, reset=True, numeric_y=True)
    encode = lambda y, weight: Targets(y[:, None], weight, 1)  # noqa: E731
    return check_validation_samples(model, X_val, y_val, weight, encode, numeric_y=True)


def test_validation_samples_of_weight_zero_are_left_out():
    assert given_validation(None, None) is None
    rows, y, targets = given_validation(X, Y, [1, 0, 2, 0, 0, 3])
    np.testing.assert_array_equal(rows, X[[0, 2, 5]])
    np.testing.assert_array_equal(y, Y[[0, 2, 5]])
    np.testing.assert_array_equal(targets.y, Y[[0, 2, 5], None])
    np.testing.assert_array_equal(targets.weight, [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, None, Y), "sample_weight_val was given without X_val and y_val"),
        ((X, None), "X_val was given without y_val"),
        ((None, Y), "y_val was given without X_val"),
        ((X[:, :1], Y), "X_val, y_val: X has 1 features"),
        ((X, Y, -Y), r"X_val, y_val: sample_weight_val\[1\]"),
    ],
)
def test_bad_validation_samples_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        given_validation(*given)


def test_a_split_leaves_samples_of_weight_zero_out():
    weight = np.array([1.0, 0.0] * 10)
    targets = Targets(np.zeros((20, 1)), weight, 1)
    training, held = split_for_validation(targets, 0.3, np.random.RandomState(0))
    assert len(held) == 3
    assert sorted([*training, *held]) == list(range(0, 20, 2))
    with pytest.raises(ValueError, match=r"validation_fraction=0.3 of n_samples=1 leaves no validation samples.*pass X_val"):
        split_for_validation(targets.rows([0]), 0.3, np.random.RandomState(0))


def test_a_split_goes_by_the_strata():
    targets = SimpleNamespace(weight=np.ones(40), strata=np.repeat([0.0, 1.0], [10, 30]))
    _, held = split_for_validation(targets, 0.2, np.random.RandomState(0))
    assert np.bincount(targets.strata[held].astype(int)).tolist() == [2, 6]


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(10))
def test_the_rows_set_aside_are_stratified(seed, fraction):
    """Every class contributes its share to within one sample and keeps at least one; the total is rounded up."""
    rng = np.random.default_rng(seed)
    strata = rng.permutation(np.repeat(np.arange(6), [1, 2, 3, 10, 50, 200]))
    held = held_out(strata, fraction, np.random.RandomState(seed))
    for k in range(6):
        of_class = held[strata == k]
        assert abs(of_class.sum() - fraction * len(of_class)) <= 1.0
        assert not of_class.all()
    assert not held[strata == 0].any()
    assert np.ceil(fraction * 266) - 3 <= held.sum() <= np.ceil(fraction * 266)


def test_every_row_may_be_set_aside():
    """With equal probability: 2000 splits of 12 samples in two classes."""
    strata = np.repeat([0.0, 1.0], [4, 8])
    counts = sum(held_out(strata, 0.25, np.random.RandomState(seed)) for seed in range(2000)) / 2000
    np.testing.assert_allclose(counts, 0.25, atol=0.04)  # four standard deviations


# --- containers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [np.asarray, sp.coo_array, sp.csr_matrix, pd.DataFrame, list])
def test_rows_are_selected_in_their_own_container(container):
    given = container(X.tolist() if container is list else X)
    taken = rows_of_container(given, np.array([4, 1]))
    if container is not list:
        assert type(taken) is (sp.csr_array if container is sp.coo_array else type(given))
    np.testing.assert_array_equal(taken.toarray() if sp.issparse(taken) else taken, X[[4, 1]])


# --- the model to start from ---------------------------------------------------------------------------------------------


def test_initial_model():
    coef, intercept = check_initial(None, None, (2, 3), True)
    np.testing.assert_array_equal(coef, np.zeros((2, 3)))
    np.testing.assert_array_equal(intercept, np.zeros(2))
    coef, intercept = check_initial([1, 2, 3], 4, (1, 3), True)
    np.testing.assert_array_equal(coef, [[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(intercept, [4.0])
    np.testing.assert_array_equal(check_initial(None, [4], (1, 3), False)[1], [0.0])


@pytest.mark.parametrize(
    ("coef", "intercept", "message"),
    [
        (np.ones(3), None, r"coef_init has shape \(3,\); it must be \(2, 3\)"),
        (np.ones((3, 2)), None, r"coef_init has shape \(3, 2\)"),
        (np.full((2, 3), np.nan), None, "Input coef_init contains NaN"),
        (None, 1.0, r"intercept_init has shape \(1,\); it must be \(2,\)"),
        (None, np.ones((2, 1)), r"intercept_init has shape \(2, 1\)"),
    ],
)
def test_a_bad_initial_model_is_named(coef, intercept, message):
    with pytest.raises(ValueError, match=message):
        check_initial(coef, intercept, (2, 3), False)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_arrays_that_need_no_conversion_are_checked_for_values_that_are_not_finite(dtype, bad):
    X, y = np.ones((4, 2), dtype=dtype), np.array([0.0, 1.0, 2.0, 3.0])
    wrong = X.copy()
    wrong[2, 1] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        GDRegressor().fit(wrong, y)
    both = X.copy()
    both[1, 0], both[2, 0] = np.inf, -np.inf
    with pytest.raises(ValueError, match="infinity"):
        GDRegressor().fit(both, y)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        GDRegressor().fit(X, np.where(y == 2.0, bad, y))


def test_a_sum_that_overflows_is_no_infinite_value():
    X = np.full((4, 2), 3e38, dtype=np.float32)
    X[0] = 0.0
    assert np.isfinite(GDRegressor().fit(X, np.arange(4.0)).coef_).all()
