"""A fit that was killed goes on from its checkpoint to the same model, to the last bit; a file of another fit is refused."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_gd.descent._loop as loop
from sklearn_gd import SAGA, SGD, SVRG, Batch, Checkpoint, GDClassifier, GDRegressor, MiniBatch
from sklearn_gd._checkpoint_file import read, write
from sklearn_gd.losses import Huber
from sklearn_gd.optimizers import GradientDescent
from sklearn_gd.penalties import L1, Penalty
from sklearn_gd.schedules import Adaptive

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

D, DIABETES = load_diabetes(return_X_y=True)
B, BENIGN = load_breast_cancer(return_X_y=True)
B = StandardScaler().fit_transform(B)
THREE = np.digitize(DIABETES, [100.0, 180.0])
SPARSE = sp.random_array((200, 30), density=0.2, format="csr", rng=np.random.default_rng(0))
SPARSE_Y = np.asarray(SPARSE @ np.linspace(-1.0, 1.0, 30)) + 0.1


class Cubic(Penalty):
    """A penalty of the user's own: no named method of ours takes it but proximal descent."""

    @staticmethod
    def value(w):
        return np.abs(w) ** 3

    @staticmethod
    def gradient(w):
        return 3.0 * w * np.abs(w)


SHORT = {"max_iter": 12, "tol": None, "random_state": 0}
STREAM = {**SHORT, "max_iter": 8}
# A fit for each method of descent, and for each kind of state.
FITS = {
    "memory gradient": (GDClassifier(**SHORT), B, BENIGN),
    "memory gradient, metric of blocks": (GDClassifier(alpha=1e-9, max_iter=30, tol=None), B[:, :8], BENIGN),
    "memory gradient, float32": (GDClassifier("modified_huber", **SHORT), B.astype(np.float32), BENIGN),
    "memory gradient, three classes": (GDClassifier(**SHORT), D, THREE),
    "memory gradient, refreshed": (GDRegressor("huber", max_iter=60, tol=1e-12, alpha=1e-6), D, DIABETES),
    "smoothing in stages": (GDRegressor("absolute_error", max_iter=60), D, DIABETES),
    "smoothing in stages, l1": (GDRegressor("quantile", penalty="l1", alpha=0.1, max_iter=60), D, DIABETES),
    "gram": (GDRegressor(**SHORT), D, DIABETES),
    "gram, cancelled": (GDRegressor(alpha=1e-14, max_iter=40, tol=1e-12), D[:, :4], D[:, :4] @ [1.0, 2.0, 3.0, 4.0]),
    "support": (GDClassifier(penalty="l1", alpha=0.01, **SHORT), B, BENIGN),
    "support, plane steps": (GDClassifier(penalty="l1", alpha=1e-4, **SHORT), np.hstack([B] * 12)[:, :350], BENIGN),
    "proximal": (GDRegressor("log_cosh", penalty=Cubic(), alpha=1e-4, **SHORT), D, DIABETES),
    "explicit batch": (GDClassifier(solver="batch", optimizer="nesterov", learning_rate=0.1, **SHORT), B, BENIGN),
    "adaptive batch": (GDRegressor(solver="batch", learning_rate=Adaptive(1.0, factor=0.5), max_iter=60), D, DIABETES),
    "automatic batch": (GDClassifier(solver=Batch(), optimizer="adam", **SHORT), B, BENIGN),
    "mini-batch": (GDClassifier(solver=MiniBatch(32), optimizer="adamw", learning_rate=0.01, **STREAM), B, BENIGN),
    "mini-batch, automatic": (GDClassifier(solver=MiniBatch(32), optimizer="adam", max_iter=25, random_state=0), B, BENIGN),
    "one sample": (GDRegressor(solver="sgd", optimizer="rmsprop", learning_rate=0.01, **STREAM), D, DIABETES),
    "one sample, plain": (GDRegressor(solver="sgd", learning_rate="invscaling", **STREAM), D, DIABETES),
    "lazy": (GDRegressor(solver="sgd", penalty="l1", learning_rate=0.01, alpha=0.01, **STREAM), SPARSE, SPARSE_Y),
    "lazy average": (GDRegressor(solver="sgd", penalty="l2", learning_rate=0.01, average=300, **STREAM), SPARSE, SPARSE_Y),
    "averaged": (GDClassifier(solver=MiniBatch(16), learning_rate=0.1, average=40, **STREAM), B, BENIGN),
    "schedule-free": (GDRegressor(solver=MiniBatch(16), optimizer="schedule_free", learning_rate=0.1, **STREAM), D, DIABETES),
    "rows": (GDClassifier(solver="sgd", max_iter=15, random_state=0), B, BENIGN),
    "rows, sparse": (GDRegressor("huber", solver="sgd", max_iter=15, random_state=0), SPARSE, SPARSE_Y),
    "rows, three classes": (GDClassifier(solver="sgd", max_iter=10, random_state=0), D, THREE),
    "svrg": (GDClassifier(solver=SVRG(), **STREAM), B, BENIGN),
    "svrg, explicit": (GDClassifier(solver=SVRG(), learning_rate=0.01, **STREAM), B, BENIGN),
    "saga": (GDClassifier(solver=SAGA(), penalty="l1", **STREAM), B, BENIGN),
    "saga, explicit": (GDRegressor(solver=SAGA(), learning_rate=0.01, **STREAM), D, DIABETES),
    "early stopping": (GDClassifier(solver="sgd", early_stopping=True, max_iter=12, random_state=0), B, BENIGN),
    "early stopping, batch": (GDClassifier("hinge", early_stopping=True, max_iter=40, random_state=0), B, BENIGN),
}
fits = pytest.mark.parametrize("name", FITS)
# Methods whose samples keep scores, which a checkpoint makes anew.
WITH_SCORES = ("memory gradient", "smoothing", "support", "proximal", "gram, cancelled", "early stopping, batch")


class Ended(BaseException):
    """Ends a fit as a kill would, but within this process."""


class EndsBefore:
    """A callback that ends the fit as epoch `k`, counted from 0, begins."""

    def __init__(self, k):
        self.left = k

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch":
            self.left -= 1
            if self.left < 0:
                raise Ended

    def on_fit_task_end(self, estimator, context):
        return False


def told(model):
    """All that a fit leaves, as lists of numbers."""
    names = ("coef_", "intercept_", "loss_curve_", "validation_scores_", "best_iter_", "n_iter_", "t_")
    return {name: np.asarray(getattr(model, name)).tolist() for name in names if hasattr(model, name)}


@fits
def test_it_goes_on_after_any_epoch(name, tmp_path):
    """From every k, by a new estimator, to the same attributes; and the next `partial_fit` to the same model."""
    model, X, y = FITS[name]
    model = clone(model)
    whole = clone(model).set_callbacks(Checkpoint(tmp_path / "whole.npz", every=1)).fit(X, y)
    assert whole.n_iter_ > 3
    for k in range(1, whole.n_iter_):
        path = tmp_path / f"{k}.npz"
        with pytest.raises(Ended):
            clone(model).set_callbacks(Checkpoint(path, every=1), EndsBefore(k)).fit(X, y)
        resumed = clone(model).set_callbacks(Checkpoint(path, every=1)).fit(X, y)
        assert told(resumed) == told(whole), k
    # SVRG and SAGA need all samples at hand.
    streams = [each.set_params(solver="sgd") if name.startswith(("svrg", "saga")) else each for each in (resumed, whole)]
    assert told(streams[0].partial_fit(X, y)) == told(streams[1].partial_fit(X, y))


@fits
def test_a_checkpoint_changes_the_model_at_most_by_rounding_errors(name, tmp_path):
    model, X, y = FITS[name]
    alone = clone(model).fit(X, y)
    kept = clone(model).set_callbacks(Checkpoint(tmp_path / "fit.npz", every=3)).fit(X, y)
    if name.startswith(WITH_SCORES):
        assert min(kept.loss_curve_) == pytest.approx(min(alone.loss_curve_), rel=1e-3)
    else:
        assert told(kept) == told(alone)
