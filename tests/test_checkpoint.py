"""A killed fit resumes from its checkpoint to the same model, to the last bit; a file of another fit raises an error."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from lbfgs import LBFGS
from reading_once import ReadingOnce
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from versions import SEED_OF_MATRIX, skip_below

from sklearn_gd import SAGA, SVRG, Batch, Checkpoint, GDClassifier, GDRegressor, MiniBatch
from sklearn_gd._checkpoint_file import read, write
from sklearn_gd._fingerprint import fingerprint
from sklearn_gd.descent import Method
from sklearn_gd.losses import Huber
from sklearn_gd.optimizers import GradientDescent
from sklearn_gd.penalties import Penalty
from sklearn_gd.schedules import Adaptive

skip_below("scikit-learn", "1.9", "callbacks are new there")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

D, DIABETES = load_diabetes(return_X_y=True)
B, BENIGN = load_breast_cancer(return_X_y=True)
B = StandardScaler().fit_transform(B)
WIDE = PolynomialFeatures(2, include_bias=False).fit_transform(B[:40])
THREE = np.digitize(DIABETES, [100.0, 180.0])
SPARSE = sp.random_array((200, 30), density=0.2, format="csr", **{SEED_OF_MATRIX: np.random.default_rng(0)})
SPARSE_Y = np.asarray(SPARSE @ np.linspace(-1.0, 1.0, 30)) + 0.1


class Cubic(Penalty):
    """A custom penalty, for proximal descent."""

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
    "reading once": (GDClassifier(solver=ReadingOnce(), alpha=1e-9, max_iter=30, tol=None), B[:, :8], BENIGN),
    "reading once, in stages": (GDRegressor("absolute_error", solver=ReadingOnce(), max_iter=60), D, DIABETES),
    "smoothing in stages": (GDRegressor("absolute_error", max_iter=60), D, DIABETES),
    "smoothing in stages, l1": (GDRegressor("quantile", penalty="l1", alpha=0.1, max_iter=60), D, DIABETES),
    "gram": (GDRegressor(**SHORT), D, DIABETES),
    "gram, cancelled": (GDRegressor(alpha=1e-14, max_iter=40, tol=1e-12), D[:, :4], D[:, :4] @ [1.0, 2.0, 3.0, 4.0]),
    "in the span": (GDClassifier(**SHORT), WIDE, BENIGN[:40]),
    "in the span, smoothing in stages": (GDRegressor("absolute_error", max_iter=60), WIDE, DIABETES[:40]),
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
    "early stopping, batch": (GDClassifier("squared_hinge", early_stopping=True, max_iter=40, random_state=0), B, BENIGN),
}
fits = pytest.mark.parametrize("name", FITS)
# Methods whose parts keep scores, which a checkpoint recomputes.
WITH_SCORES = (
    "memory gradient",
    "in the span",
    "reading once",
    "smoothing",
    "support",
    "proximal",
    "gram, cancelled",
    "early stopping, batch",
)


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
    """All results of a fit, as lists of numbers."""
    names = ("coef_", "intercept_", "loss_curve_", "validation_scores_", "best_iter_", "n_iter_", "t_")
    return {name: np.asarray(getattr(model, name)).tolist() for name in names if hasattr(model, name)}


@fits
def test_it_goes_on_after_any_epoch(name, tmp_path):
    """A new estimator resumes from every k and ends with the same attributes; so does the next `partial_fit`."""
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
    # SVRG and SAGA have no `partial_fit`.
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


# --- a real process, killed ----------------------------------------------------------------------------------------------

# The process fits until it is killed, or to the end, and prints all results of the fit.
PROGRAM = """
    import sys, time
    sys.path.insert(0, {tests!r})
    from test_checkpoint import Checkpoint, FITS, clone, told
    class Slowly:
        def setup(self, estimator, context): pass
        def teardown(self, estimator, context): pass
        def on_fit_task_begin(self, estimator, context): pass
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                print("epoch", flush=True)
                time.sleep({pause})
    model, X, y = FITS[{name!r}]
    model = clone(model).set_params(verbose=0).set_callbacks(Checkpoint({path!r}, every=2), Slowly()).fit(X, y)
    print(told(model))
"""
KILLED = (
    "memory gradient, metric of blocks",
    "reading once",
    "gram",
    "support",
    "proximal",
    "smoothing in stages",
    "explicit batch",
    "automatic batch",
    "mini-batch",
    "mini-batch, automatic",
    "one sample",
    "lazy",
    "averaged",
    "rows",
    "svrg",
    "saga",
    "early stopping",
)


def process(name, path, pause):
    """A process that fits."""
    program = textwrap.dedent(PROGRAM.format(tests=str(Path(__file__).parent), name=name, path=str(path), pause=pause))
    command = [sys.executable, "-W", "ignore", "-c", program]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
@pytest.mark.parametrize("name", KILLED)
def test_a_process_that_is_killed(name, tmp_path):
    """A process is killed after three epochs, between or within epochs; the next one ends like an uninterrupted one."""
    path = tmp_path / "fit.npz"
    with process(name, path, pause=0.2) as killed:
        for _ in range(3):
            assert killed.stdout.readline() == "epoch\n"
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
    assert path.exists()
    after = process(name, path, pause=0).communicate()
    model, X, y = FITS[name]
    whole = clone(model).set_callbacks(Checkpoint(tmp_path / "whole.npz", every=2)).fit(X, y)
    lines = after[0].splitlines()
    assert lines[-1] == str(told(whole)), after[1]
    assert len(lines) - 1 <= whole.n_iter_ - 2  # the epochs before the checkpoint are not repeated


def test_a_kill_while_the_file_is_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = str(tmp_path / "fit.npz")
    write(path, {"number": 1.0})

    def killed(*_):
        raise Ended

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(Ended):
        write(path, {"number": 2.0})
    assert read(path) == {"number": 1.0}


# --- the random generator ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 3, "generator"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_order_of_the_samples_goes_on(seed, early_stopping, tmp_path):
    """For every kind of seed; the validation samples of early stopping are the same too."""
    model = GDClassifier(solver=MiniBatch(20), learning_rate=0.1, early_stopping=early_stopping, max_iter=8, tol=None)

    def run(path, *callbacks, state=7):
        model.set_params(random_state=np.random.RandomState(state) if seed == "generator" else seed)
        np.random.seed(state)  # noqa: NPY002
        return clone(model).set_callbacks(Checkpoint(path, every=1), *callbacks).fit(B, BENIGN)

    whole = run(tmp_path / "whole.npz")
    with pytest.raises(Ended):
        run(tmp_path / "fit.npz", EndsBefore(3))
    # The process that resumes starts with another state of the generator.
    assert told(run(tmp_path / "fit.npz", state=99)) == told(whole)


def test_a_fit_that_has_ended_ends_alike_again(tmp_path):
    model = GDRegressor(solver="sgd", max_iter=7, tol=None).set_callbacks(Checkpoint(tmp_path / "fit.npz", every=2))
    first = told(clone(model).fit(D, DIABETES))
    assert told(clone(model).fit(D, DIABETES)) == first


def test_the_verbose_line_goes_on_counting(tmp_path, capsys):
    model = GDRegressor("huber", max_iter=5, tol=None)
    with pytest.raises(Ended):
        clone(model).set_callbacks(Checkpoint(tmp_path / "fit.npz", every=2), EndsBefore(3)).fit(D, DIABETES)
    clone(model).set_params(verbose=1).set_callbacks(Checkpoint(tmp_path / "fit.npz", every=2)).fit(D, DIABETES)
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["3", "4", "5"]


# --- what is refused -----------------------------------------------------------------------------------------------------


def own_schedule(t):
    return 0.1 / t


WEIGHTS = np.linspace(0.5, 1.5, len(DIABETES))
OTHERS = {
    "alpha": ({"alpha": 0.5}, {}),
    "loss__delta": ({"loss__delta": 2.0}, {}),
    "optimizer": ({"optimizer": "adam"}, {}),
    "learning_rate": ({"learning_rate": own_schedule}, {}),
    "X": ({}, {"X": D + 1e-12}),
    "y": ({}, {"y": DIABETES[::-1]}),
    "weights": ({}, {"sample_weight": WEIGHTS}),
    "coef_start": ({}, {"coef_init": np.ones(10)}),
    "X_val": ({}, {"X_val": D[:9], "y_val": DIABETES[:9]}),
    "every": ({}, {"every": 3}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_fit_is_refused(name, tmp_path):
    path = tmp_path / "fit.npz"
    model = GDRegressor(Huber(1.0), solver=MiniBatch(50), optimizer=GradientDescent(), learning_rate=0.01, max_iter=4, tol=None)
    clone(model).set_callbacks(Checkpoint(path, every=2)).fit(D, DIABETES)
    before = path.read_bytes()
    parameters, given = OTHERS[name]
    given = {"X": D, "y": DIABETES} | given
    other = clone(model).set_params(**parameters).set_callbacks(Checkpoint(path, every=given.pop("every", 2)))
    with pytest.raises(ValueError, match=rf"checkpoint of another fit: (.*; )?{name} is .* in the file and .* here"):
        other.fit(**given)
    assert not hasattr(other, "coef_")
    assert path.read_bytes() == before


def test_what_changes_no_model_is_no_difference(tmp_path, capsys):
    path = tmp_path / "fit.npz"
    GDRegressor("huber", max_iter=5).set_callbacks(Checkpoint(path, every=2)).fit(D, DIABETES)
    GDRegressor("huber", max_iter=5, verbose=1).set_callbacks(Checkpoint(path, every=2)).fit(np.asfortranarray(D), DIABETES)


def test_another_version_is_refused(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "fit.npz", every=2)
    GDRegressor("huber", max_iter=5).set_callbacks(checkpoint).fit(D, DIABETES)
    monkeypatch.setattr("sklearn_gd.__version__", "99")
    with pytest.raises(ValueError, match=r"version of sklearn_gd is .* in the file and '?99'? here"):
        GDRegressor("huber", max_iter=5).set_callbacks(checkpoint).fit(D, DIABETES)


def test_an_edited_loss_of_the_users_is_another_fit(tmp_path):
    path = tmp_path / "fit.npz"
    GDRegressor(penalty=Cubic(), max_iter=5).set_callbacks(Checkpoint(path, every=2)).fit(D, DIABETES)

    class Edited(Cubic):
        @staticmethod
        def value(w):
            return 2.0 * np.abs(w) ** 3

    Edited.__qualname__ = "Cubic"
    with pytest.raises(ValueError, match="penalty is"):
        GDRegressor(penalty=Edited(), max_iter=5).set_callbacks(Checkpoint(path, every=2)).fit(D, DIABETES)


def test_a_damaged_file_or_one_with_objects_is_refused(tmp_path):
    path = tmp_path / "fit.npz"
    model = GDRegressor("huber", max_iter=5).set_callbacks(Checkpoint(path, every=2))
    model.fit(D, DIABETES)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"text"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"fit\.npz is not a checkpoint, or is damaged"):
            clone(model).fit(D, DIABETES)
    np.savez(path, tree=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="not a checkpoint"):
        clone(model).fit(D, DIABETES)


def test_a_recursive_function_has_a_fingerprint(tmp_path):
    """Its closure contains itself."""

    def halved(factor):
        def rate(t):
            return 0.1 if t <= 1 else factor * rate(t - 1)

        return rate

    texts = [fingerprint(GDRegressor(learning_rate=halved(factor)))["learning_rate"] for factor in (0.5, 0.5, 0.9)]
    assert texts[0] == texts[1] != texts[2]


def test_arguments(tmp_path):
    with pytest.raises(ValueError, match="every=0 must be an integer >= 1"):
        Checkpoint(tmp_path / "fit.npz", every=0)
    with pytest.raises(TypeError, match=r"every=1\.5 must be an integer"):
        Checkpoint(tmp_path / "fit.npz", every=1.5)
    with pytest.raises(TypeError, match="path=3 must be a string or a path"):
        Checkpoint(3)
    with pytest.raises(IsADirectoryError, match=r"path=.* is a folder; it must be a file"):
        GDRegressor().set_callbacks(Checkpoint(tmp_path)).fit(D, DIABETES)
    with pytest.raises(FileNotFoundError, match="the folder of path="):
        GDRegressor().set_callbacks(Checkpoint(tmp_path / "none" / "fit.npz")).fit(D, DIABETES)
    with pytest.raises(ValueError, match="set only one"):
        GDRegressor().set_callbacks(Checkpoint(tmp_path / "1"), Checkpoint(tmp_path / "2")).fit(D, DIABETES)


def test_in_a_pipeline_it_is_set_on_the_last_step(tmp_path):
    pipe = make_pipeline(StandardScaler(), GDRegressor("huber", max_iter=5))
    with pytest.raises(TypeError, match="set it on the GDRegressor or GDClassifier itself"):
        pipe.set_callbacks(Checkpoint(tmp_path / "fit.npz", every=2)).fit(D, DIABETES)
    pipe.set_callbacks()
    pipe[-1].set_callbacks(Checkpoint(tmp_path / "fit.npz", every=2))
    pipe.fit(D, DIABETES)
    assert (tmp_path / "fit.npz").exists()


def test_a_method_without_snapshots_is_refused_by_name(tmp_path):
    model = GDRegressor("huber", solver=LBFGS()).set_callbacks(Checkpoint(tmp_path / "fit.npz"))
    with pytest.raises(TypeError, match="does not implement `snapshot` and `restore`"):
        model.fit(D, DIABETES)


def test_every_method_of_ours_has_snapshots():
    """A new method must be added to `FITS` too."""

    def below(cls):
        return {cls, *(each for sub in cls.__subclasses__() for each in below(sub))}

    ours = {each for each in below(Method) if each.__module__.startswith("sklearn_gd.")} - {Method}
    assert {each.__name__ for each in ours if each.snapshot is Method.snapshot} == set()
