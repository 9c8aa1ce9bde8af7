"""Compile ahead of the first fit, for container images and serverless functions."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone, is_classifier

from ._sklearn import BaseEstimator, without_callbacks
from .estimators import GDClassifier, GDRegressor

LAYOUTS: dict[str, Callable[..., Any]] = {"dense": np.asarray, "csr": sp.csr_array}
DTYPES = ("float64", "float32")


def warm_up(
    *estimators: BaseEstimator,
    layouts: tuple[str, ...] = ("dense",),
    dtypes: tuple[str, ...] = ("float64",),
    n_classes: tuple[int, ...] = (2,),
) -> None:
    """Compile ahead of time what later fits of the given estimators need, and cache it on disk.

    Only loops over single samples and mini-batches, and custom parts in scalar style, are compiled; batch gradient descent with
    the parts of this package needs no compilation. Each estimator is cloned and fitted to a few samples by `fit` and, if its
    solver supports it, by `partial_fit`.

    Parameters
    ----------
    *estimators : GDRegressor or GDClassifier
        The estimators that will be fitted later. Their loss, penalty, solver, optimizer, averaging and intercept determine what
        is compiled. Without arguments, both estimators with ``solver="sgd"``, which `partial_fit` uses by default too.
    layouts : tuple of {"dense", "csr"}, default=("dense",)
        The layouts of X.
    dtypes : tuple of {"float64", "float32"}, default=("float64",)
        The data types of X.
    n_classes : tuple of int >= 2, default=(2,)
        The numbers of classes, for classifiers. The compiled loops are the same for all numbers larger than two.

    Raises
    ------
    TypeError
        If an object is not a GDRegressor or GDClassifier.
    ValueError
        If a layout or data type is unknown, or a number of classes is smaller than two.

    Notes
    -----
    Numba caches compiled code in ``__pycache__`` of the installed package, or in ``NUMBA_CACHE_DIR``. Call this function in the
    image with the same user, processor type and package path as the later processes. Each compilation, here or in a first fit,
    is logged at level INFO by the logger "sklearn_gd".

    Examples
    --------
    >>> from sklearn_gd import GDRegressor, warm_up
    >>> warm_up(GDRegressor("huber", solver="sgd"))
    """
    for name, given, known in (("layouts", layouts, tuple(LAYOUTS)), ("dtypes", dtypes, DTYPES)):
        if not given or set(given) - set(known):
            raise ValueError(f"{name}={given!r} must be a non-empty tuple of values from {known}")
    if not n_classes or min(n_classes) < 2:
        raise ValueError(f"n_classes={n_classes!r} must be a tuple of integers >= 2")
    for each in estimators:
        if not isinstance(each, (GDRegressor, GDClassifier)):
            raise TypeError(f"warm_up takes instances of GDRegressor and GDClassifier, not {each!r}")
    for each in estimators or (GDRegressor(solver="sgd"), GDClassifier(solver="sgd")):
        for layout in layouts:
            for dtype in dtypes:
                for count in n_classes if is_classifier(each) else (2,):
                    _fit(each, LAYOUTS[layout], dtype, count)


def _fit(estimator, layout, dtype, n_classes):
    """Fit a clone by `fit` and `partial_fit`; the targets are class indices, which are valid for every regression loss too."""
    rng = np.random.default_rng(0)
    n = 4 * n_classes
    X, y = layout(rng.uniform(0.5, 1.5, size=(n, 3)).astype(dtype)), np.arange(n) % n_classes + 1
    model = without_callbacks(clone(estimator)).set_params(verbose=0, warm_start=False, early_stopping=False)
    if is_classifier(model):
        model.set_params(class_weight=None)  # weights may be given by label, and are not compiled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(max_iter=1).fit(X, y)
        streaming = without_callbacks(clone(model))
        try:
            streaming._resolve_parts(streaming=True)
        except ValueError:
            return  # SVRG and SAGA have no `partial_fit`
        streaming.partial_fit(X, y)
