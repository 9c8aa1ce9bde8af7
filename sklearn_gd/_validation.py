"""Validation of the arguments of `fit`, `partial_fit` and `predict`, and their conversion to arrays."""

import math
from numbers import Real
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from ._collections import adapter_of, in_memory_values
from ._devices import FLOATS, place_of, to_host

ONE = np.ones(1).data.toreadonly()
SMALLEST_TOTAL = 1e-100  # smallest sum of weights; the largest is its inverse


class SparseLike(Protocol):
    """A sparse matrix or array for type checkers, as SciPy has no annotations."""

    def tocsr(self) -> Any:
        """The matrix in CSR form."""


# The types of X: an array of NumPy or another library, a data frame, sequences of numbers, or sparse.
Samples = ArrayLike | SparseLike


class Held(NamedTuple):
    """Validation samples: X, y as given by the user (numbers or labels), and their `Targets`."""

    X: Any
    y: np.ndarray
    targets: Any


def check_samples(estimator, X, y, *, reset, numeric_y):
    """Validate X and y.

    Parameters
    ----------
    estimator : estimator
        Whose `n_features_in_` and `feature_names_in_` are set or compared.
    X, y : array-like
        The samples and their targets.
    reset : bool
        Whether to set the number and the names of the features; otherwise they must match those of earlier samples.
    numeric_y : bool
        Whether y holds numbers, in one or more columns; otherwise it holds labels.

    Returns
    -------
    X : ndarray (C-contiguous), CSR matrix, array on a device or BlockedRows, (n_samples, n_features)
        The samples, of float32 or float64.
    y : ndarray
        The targets, on the host.
    """
    name, place = type(estimator).__name__, place_of(X)
    X = place.checked(X)
    if y is None:
        raise ValueError(f"This {name} estimator requires y to be passed, but the target y is None")
    y = in_memory_values(y)
    if numeric_y and np.asarray(y).dtype.kind in "US":
        raise ValueError(f"y contains strings, such as {np.asarray(y).flat[0].item()!r}; {name} requires numbers")
    adapter = adapter_of(X)
    if adapter is not None:
        return adapter.samples(estimator, X, y, reset=reset, numeric_y=numeric_y)
    check_indices(X)
    is_checked = _is_checked(X, y)
    if reset or not is_checked or not _has_known_features(estimator, X):
        X, y = validate_data(
            estimator,
            X,
            y,
            accept_sparse="csr",
            dtype=place.floats,
            order="C",
            reset=reset,
            multi_output=numeric_y,
            y_numeric=numeric_y,
            skip_check_array=is_checked,
        )
    return summed(X), y


def _has_known_features(estimator, X):
    """Whether the features of an array are as many as those of earlier samples, which had no names either."""
    return not hasattr(estimator, "feature_names_in_") and getattr(estimator, "n_features_in_", None) == X.shape[1]


def _is_checked(X, y):
    """Whether scikit-learn's checks of the values would return these arrays unchanged.

    Asked of plain arrays of numbers and of CSR only. The checks look for data frames first, which takes longer than a step on a
    sample.
    """
    if type(X) is np.ndarray:
        sound, values = X.ndim == 2 and X.flags.c_contiguous, X
    elif type(X) in (sp.csr_matrix, sp.csr_array):
        sound, values = X.ndim == 2 and X.indices.dtype == X.indptr.dtype, X.data
    else:
        return False
    sound = sound and type(y) is np.ndarray and X.dtype in FLOATS and min(X.shape) > 0
    if not (sound and y.ndim == 1 and len(y) == X.shape[0] and y.dtype.kind in "iuf"):
        return False
    with np.errstate(over="ignore", invalid="ignore"):  # if the sum overflows, scikit-learn's checks decide
        return bool(np.isfinite(values.sum()) and np.isfinite(y.sum()))


def check_features(estimator, X):
    """Validate the X of a fitted estimator's predictions: an array or CSR matrix of float32 or float64."""
    check_indices(X)
    place = place_of(X)
    return summed(validate_data(estimator, place.checked(X), accept_sparse="csr", dtype=place.floats, reset=False))


def check_indices(X):
    """Raise a ValueError if indices of a sparse matrix are outside its shape, as compiled code does not check them."""
    if not sp.issparse(X) or X.format not in ("csr", "csc", "bsr", "coo"):
        return
    if X.format == "coo":
        sound = len(X.shape) == 2 and all(_within(index, n) for index, n in zip((X.row, X.col), X.shape))
    else:
        block = np.array(getattr(X, "blocksize", (1, 1)))
        n_outer, n_inner = (X.shape // block)[:: -1 if X.format == "csc" else 1]
        steps, stored = np.diff(X.indptr), min(len(X.indices), len(X.data))
        sound = len(X.indptr) == n_outer + 1 and X.indptr[0] == 0 and X.indptr[-1] <= stored and bool((steps >= 0).all())
        sound = sound and _within(X.indices[: X.indptr[-1]], n_inner)
    if not sound:
        raise ValueError(f"X is an invalid {X.format} matrix: its indices exceed its shape {X.shape} or its stored values")


def _within(index, n):
    """Whether all indices are among 0, ..., n - 1."""
    return not len(index) or (int(index.min()) >= 0 and int(index.max()) < n)


def summed(X):
    """X, or a copy in which duplicate entries of a CSR matrix are summed."""
    if not sp.issparse(X) or X.has_canonical_format:
        return X
    X = X.copy()
    X.sum_duplicates()
    if not np.isfinite(X.data).all():
        at = int(np.isinf(X.data).argmax())
        row = int(np.searchsorted(X.indptr, at, side="right")) - 1
        raise ValueError(f"X[{row}, {X.indices[at]}] has duplicate entries whose sum is infinite")
    return X


def check_weight(sample_weight, n_samples, name="sample_weight"):
    """Sample weights as float64: finite, non-negative, not all zero; ones if `sample_weight` is None.

    The ones are a read-only view of a single number.
    """
    if sample_weight is None:
        return np.ndarray((n_samples,), np.float64, ONE, strides=(0,))
    sample_weight = in_memory_values(sample_weight)
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight, dtype=np.float64)
    weight = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name=name, ensure_min_samples=0)
    if weight.ndim != 1:
        raise ValueError(f"{name} must be 1D: sample weights must be 1D array or scalar, got shape {weight.shape}")
    if len(weight) != n_samples:
        raise ValueError(f"{name}.shape == {weight.shape}, expected {(n_samples,)}!")
    if (weight < 0).any():
        at = int((weight < 0).argmax())
        raise ValueError(
            f"{name}[{at}] is {weight[at].item()!r}: negative values in data passed to {name}; a weight must be >= 0"
        )
    if not weight.any():
        raise ValueError(f"{name} is zero for every sample: at least one weight must be positive")
    check_total(weight, name)
    return weight


def check_total(weight, name):
    """Raise a ValueError if the sum of the weights is so small or large that products with losses may under- or overflow."""
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not SMALLEST_TOTAL <= total <= 1.0 / SMALLEST_TOTAL:
        raise ValueError(
            f"{name}: the sum of the weights, {total:.3g}, must be between {SMALLEST_TOTAL} and {1.0 / SMALLEST_TOTAL:.0e}; "
            f"multiply the weights by a constant"
        )


def check_validation_samples(estimator, X_val, y_val, sample_weight_val, encode, *, numeric_y):
    """Validate the validation samples passed to `fit`.

    Parameters
    ----------
    estimator : estimator
        The estimator, whose number and names of features the samples must have.
    X_val, y_val, sample_weight_val : array-like or None
        As given to `fit`.
    encode : callable
        Returns the `Targets` of y and the weights.
    numeric_y : bool
        Whether y holds numbers.

    Returns
    -------
    Held or None
        The samples of positive weight; None if none were given.
    """
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val was given without X_val and y_val")
        return None
    if X_val is None or y_val is None:
        missing, given = ("X_val", "y_val") if X_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was given without {missing}: validation requires both")
    try:
        X_val, y_val = check_samples(estimator, X_val, y_val, reset=False, numeric_y=numeric_y)
        targets = encode(y_val, check_weight(sample_weight_val, X_val.shape[0], "sample_weight_val"))
    except (TypeError, ValueError) as error:
        # The error messages of scikit-learn name X and y.
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"X_val, y_val: {error}") from error
    counted = np.flatnonzero(targets.weight > 0)
    return Held(place_of(X_val).rows(X_val, counted), y_val[counted], targets.rows(counted))


def split_for_validation(targets, fraction, rng):
    """Split the samples of positive weight into training samples and validation samples for early stopping.

    Parameters
    ----------
    targets : Targets
        Targets and weights of all samples.
    fraction : float
        The share to set aside.
    rng : RandomState
        Draws the samples.

    Returns
    -------
    training, held : ndarray of int
        The indices of each part.
    """
    counted = np.flatnonzero(targets.weight > 0)
    held = held_out(targets.strata[counted], fraction, rng)
    if not held.any():
        raise ValueError(
            f"validation_fraction={fraction!r} of n_samples={len(counted)} leaves no validation samples: increase it, or pass "
            f"X_val and y_val to fit"
        )
    return counted[~held], counted[held]


def held_out(strata, fraction, rng):
    """Draw the validation samples for early stopping, stratified.

    The samples are sorted by stratum, in random order within each, and selected at equal intervals. So every stratum contributes
    its share, up to one sample; at least one sample of each is kept for training. scikit-learn's stratified split raises an error
    for classes with a single sample, and for fewer validation samples than classes.

    Parameters
    ----------
    strata : ndarray, (n_samples,)
        The stratum of each sample.
    fraction : float
        The share of validation samples; their number is rounded up.
    rng : RandomState
        The random generator for the order.

    Returns
    -------
    ndarray of bool, (n_samples,)
        True for validation samples.
    """
    n = len(strata)
    order = rng.permutation(n)
    order = order[np.argsort(strata[order], kind="stable")]
    n_held = math.ceil(fraction * n)
    held = np.zeros(n, dtype=bool)
    held[order[(np.arange(n_held) * n + rng.randint(n)) // n_held]] = True
    values, code = np.unique(strata, return_inverse=True)
    emptied = np.bincount(code, weights=~held) == 0
    first = order[np.searchsorted(strata[order], values)]
    held[first[emptied]] = False
    return held


def rows_of_container(values, which):
    """Select rows of a matrix, a list or a data frame; the result is of the same kind."""
    if hasattr(values, "iloc"):
        return values.iloc[which]
    if hasattr(values, "tocsr"):
        return values.tocsr()[which]
    return place_of(values).rows(values if hasattr(values, "shape") else np.asarray(values), which)


def check_initial(coef_init, intercept_init, shape, fit_intercept):
    """Validate the initial model of `fit`.

    Parameters
    ----------
    coef_init, intercept_init : array-like or None
        As given to `fit`; None stands for zeros.
    shape : (int, int)
        n_outputs and n_features.
    fit_intercept : bool
        Without an intercept, `intercept_init` is checked and then ignored.

    Returns
    -------
    coef : ndarray, (n_outputs, n_features)
    intercept : ndarray, (n_outputs,)
    """
    coef, intercept = np.zeros(shape), np.zeros(shape[0])
    if coef_init is not None:
        given = check_array(to_host(coef_init), ensure_2d=False, dtype=np.float64, input_name="coef_init")
        if given.shape != shape and not (shape[0] == 1 and given.shape == (shape[1],)):
            raise ValueError(f"coef_init has shape {given.shape}; it must be {shape}")
        coef = given.reshape(shape)
    if intercept_init is not None:
        given = check_array(
            np.atleast_1d(to_host(intercept_init)), ensure_2d=False, dtype=np.float64, input_name="intercept_init"
        )
        if given.shape != (shape[0],):
            raise ValueError(f"intercept_init has shape {given.shape}; it must be {(shape[0],)}")
        if fit_intercept:
            intercept = given
    return coef, intercept


def callback_arguments(X, y, weight, train):
    """The training samples for callbacks: X and y in the user's containers, and the weights if given.

    Parameters
    ----------
    X, y : array-like
        As given to `fit`.
    weight : ndarray or None
        The sample weights; None if none were given.
    train : ndarray of int or None
        The training samples; None for all.

    Returns
    -------
    dict
        X, y and metadata.
    """
    if train is not None:
        X, y = rows_of_container(X, train), rows_of_container(y, train)
        weight = None if weight is None else weight[train]
    return {"X": X, "y": y, "metadata": {} if weight is None else {"sample_weight": weight}}
