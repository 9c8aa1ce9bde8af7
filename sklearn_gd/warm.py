"""Compile ahead of the first fit, for container images and serverless functions."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone, is_classifier

from ._sklearn import BaseEstimator
from .estimators import GDClassifier, GDRegressor

LAYOUTS: dict[str, Callable[..., Any]] = {"dense": np.asarray, "csr": sp.csr_array}
DTYPES = ("float64", "float32")


def warm_up(
    *estimators: BaseEstimator,
    layouts: tuple[str, ...] = ("dense",),
    dtypes: tuple[str, ...] = ("float64",),
    n_classes: tuple[int, ...] = (2,),
) -> None:
    """Compile what the fits of some estimators need, and keep it on disk for the processes to come.

    Only the loops over single samples and mini-batches are compiled, and parts of your own in scalar style: batch descent with
    the parts of this package compiles nothing. Each estimator is cloned and fitted to eight samples, by `fit` and, where its
    solver allows, by `partial_fit`.

    Parameters
    ----------
    *estimators : GDRegressor or GDClassifier
        What will be fitted later: loss, penalty, solver, optimizer, averaging and intercept decide on what is compiled. Without
        any, both estimators with ``solver="sgd"``, which is what `partial_fit` uses by default, too.
    layouts : tuple of {"dense", "csr"}, default=("dense",)
        The layouts of X.
    dtypes : tuple of {"float64", "float32"}, default=("float64",)
        The types of X.
    n_classes : tuple of int >= 2, default=(2,)
        The numbers of classes, for classifiers; the loops are the same for all numbers beyond two.

    Raises
    ------
    TypeError
        For an object that is no GDRegressor or GDClassifier.
    ValueError
        For an unknown layout or type, or fewer than two classes.

    Notes
    -----
    The compiler keeps its code in ``__pycache__`` of the installed package, or in ``NUMBA_CACHE_DIR``. Run this in the image with
    the user, the processor type and the path of the package that the later processes have. What is compiled, here or at the first
    fit, is logged at level INFO by the logger "sklearn_gd".

    Examples
    --------
    >>> from sklearn_gd import GDRegressor, warm_up
    >>> warm_up(GDRegressor("huber", solver="sgd"))
    """
    for name, given, known in (("layouts", layouts, tuple(LAYOUTS)), ("dtypes", dtypes, DTYPES)):
        if not given or set(given) - set(known):
            raise ValueError(f"{name}={given!r} must be a tuple of some of {known}")
    if not n_classes or min(n_classes) < 2:
        raise ValueError(f"n_classes={n_classes!r} must be a tuple of integers >= 2")
    for each in estimators:
        if not isinstance(each, (GDRegressor, GDClassifier)):
            raise TypeError(f"warm_up takes objects of GDRegressor and GDClassifier, not {each!r}")
    for each in estimators or (GDRegressor(solver="sgd"), GDClassifier(solver="sgd")):
        for layout in layouts:
            for dtype in dtypes:
                for count in n_classes if is_classifier(each) else (2,):
                    _fit(each, LAYOUTS[layout], dtype, count)


def _fit(estimator, layout, dtype, n_classes):
    """Fit a clone by both doors; the targets are indices of classes, and good for every loss of a real target."""
    rng = np.random.default_rng(0)
    n = 4 * n_classes
    X, y = layout(rng.uniform(0.5, 1.5, size=(n, 3)).astype(dtype)), np.arange(n) % n_classes + 1
    model = clone(estimator).set_callbacks().set_params(verbose=0, warm_start=False, early_stopping=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(max_iter=1).fit(X, y)
        try:
            clone(model).set_callbacks().partial_fit(X, y)
        except ValueError:
            return  # SVRG and SAGA do not stream
