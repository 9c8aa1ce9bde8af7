"""scikit-learn's callbacks: their calls and arguments in each epoch, and stopping a fit."""

import copy
import pickle
import warnings
from unittest.mock import patch

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from matrix import LAYOUTS, N, data
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from versions import skip_below

import sklearn_gd.base
from sklearn_gd import GDClassifier, GDRegressor, MiniBatch
from sklearn_gd.base import BaseGD
from sklearn_gd.schedules import Adaptive

skip_below("scikit-learn", "1.9", "callbacks are new there")
from sklearn.callback import FitCallback, ProgressBar, ScoringMonitor  # noqa: E402

X, SCORE, WEIGHT = data("huber")
LABELS = np.array(["no", "yes"])[data("hinge-2")[1]]

# An estimator and its y for each loop of a fit.
FITS = {
    "memory gradient": (GDRegressor(max_iter=8, tol=None), SCORE),
    "l1": (GDRegressor("absolute_error", penalty="l1", alpha=0.01, max_iter=8, tol=None), SCORE),
    "kinks": (GDClassifier("hinge", max_iter=8, tol=None), LABELS),
    "batch": (GDClassifier(solver="batch", optimizer="nesterov", learning_rate=0.1, max_iter=8, tol=None), LABELS),
    "one row": (GDRegressor(solver="sgd", learning_rate=0.05, max_iter=8, tol=None, random_state=0), SCORE),
    "mini-batch": (GDClassifier(solver=MiniBatch(5), optimizer="adam", max_iter=8, tol=None, random_state=0), LABELS),
    "average": (GDRegressor(solver="sgd", learning_rate=0.05, average=30, max_iter=8, tol=None, random_state=0), SCORE),
    "best epoch": (GDRegressor(solver="sgd", learning_rate=0.3, max_iter=8, random_state=0), SCORE),
    "validation": (GDClassifier(solver="sgd", early_stopping=True, validation_fraction=0.3, max_iter=8, random_state=0), LABELS),
}
fits = pytest.mark.parametrize("fit", FITS)
quietly = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Recorder:
    """Records every hook; stops the fit after epoch `stop_at`, counted from 1, and raises after epoch `raise_at`."""

    def __init__(self, stop_at=None, raise_at=None):
        self.stop_at, self.raise_at = stop_at, raise_at
        self.hooks, self.models, self.given = [], [], []

    def setup(self, estimator, context):
        self.hooks.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.hooks.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context):
        self.hooks.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.hooks.append(("end", context.task_name))
        if context.task_name != "epoch" or fitted_estimator is None:
            return False
        self.models.append(fitted_estimator)
        self.given.append((X, y, metadata))
        if len(self.models) == self.raise_at:
            raise KeyError("this callback is broken")
        return len(self.models) == self.stop_at


def same_model(one, other):
    """Whether two fits have the same model and history to the last bit."""
    told = [(each.n_iter_, each.t_, each.loss_curve_, getattr(each, "best_iter_", None)) for each in (one, other)]
    return told[0] == told[1] and np.array_equal(one.coef_, other.coef_) and np.array_equal(one.intercept_, other.intercept_)


def test_the_recorder_is_a_callback():
    assert isinstance(Recorder(), FitCallback)


# --- epochs as tasks -----------------------------------------------------------------------------------------------------


@quietly
@fits
def test_every_epoch_begins_and_ends(fit):
    """Epochs are subtasks of the fit in order; their count matches the model, and no task is left open."""
    model, y = FITS[fit]
    recorder = Recorder()
    model = clone(model).set_callbacks(recorder).fit(X, y)
    assert recorder.hooks[:2] == [("setup", "fit"), ("begin", "fit")]
    assert recorder.hooks[-2:] == [("end", "fit"), ("teardown", "fit")]
    epochs = recorder.hooks[2:-2]
    assert epochs == [("begin", "epoch"), ("end", "epoch")] * (len(epochs) // 2)
    assert len(recorder.models) == model.n_iter_
    assert 0 <= len(epochs) // 2 - model.n_iter_ <= 1  # one that a stop left without work
    assert same_model(recorder.models[-1], model)


def test_a_fit_that_proves_its_minimum_begins_no_further_epoch():
    """Every epoch that begins has a model."""
    recorder = Recorder()
    model = GDRegressor(alpha=0.1, n_iter_no_change=1000).set_callbacks(recorder).fit(X, SCORE)
    assert model.n_iter_ == len(recorder.models)
    assert recorder.hooks.count(("begin", "epoch")) == recorder.hooks.count(("end", "epoch")) == model.n_iter_


@quietly
@fits
def test_the_model_of_an_epoch_is_that_of_a_fit_that_ends_there(fit):
    """fitted_estimator predicts, continues learning, and equals the model of a fit that is stopped there to the last bit.

    It also equals that of fit(max_iter=k), unless the rate decreases to zero at the end of `max_iter`.
    """
    model, y = FITS[fit]
    recorder = Recorder()
    clone(model).set_callbacks(recorder).fit(X, y)
    for k in (1, 2, 5):
        ended = [clone(model).set_callbacks(Recorder(stop_at=k)).fit(X, y)]
        if fit != "mini-batch":
            ended.append(clone(model).set_params(max_iter=k).fit(X, y))
        for alone in ended:
            seen = copy.deepcopy(recorder.models[k - 1])
            assert same_model(seen, alone)
            np.testing.assert_array_equal(seen.predict(X), alone.predict(X))
            assert same_model(seen.partial_fit(X, y), alone.partial_fit(X, y))


def test_a_refitted_model_shows_nothing_of_its_last_fit():
    """The copies have the scores of this fit, or none."""
    recorder = Recorder()
    model = GDRegressor().fit(X, SCORE, X_val=X, y_val=SCORE).set_callbacks(recorder).fit(X, SCORE)
    assert model.n_iter_ == len(recorder.models)
    assert not any(hasattr(each, "validation_scores_") for each in recorder.models)


@quietly
def test_a_warm_start_tells_of_its_own_epochs():
    recorder = Recorder()
    model = GDRegressor(solver="sgd", learning_rate=0.01, max_iter=3, warm_start=True, random_state=0).fit(X, SCORE)
    model.set_callbacks(recorder).fit(X, SCORE)
    assert [each.n_iter_ for each in recorder.models] == [1, 2, 3]
    assert same_model(recorder.models[-1], model)


# --- stopping ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@fits
def test_a_callback_that_asks_to_stop_stops(fit, layout):
    """The fit stops after that epoch without a warning, with the model of max_iter=3."""
    model, y = FITS[fit]
    rows = LAYOUTS[layout](X)
    recorder = Recorder(stop_at=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stopped = clone(model).set_callbacks(recorder).fit(rows, y)
    assert stopped.n_iter_ == len(stopped.loss_curve_) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert same_model(stopped, clone(model).set_params(max_iter=3).fit(rows, y))


@pytest.mark.parametrize("stop_at", [1, 6, 12])
@pytest.mark.parametrize(
    "model",
    [GDRegressor(solver="sgd", learning_rate=Adaptive(0.5), tol=1e-8, random_state=0), GDRegressor("quantile", tol=1e-9)],
    ids=["an adaptive rate", "stages"],
)
def test_a_stop_is_no_plateau(model, stop_at):
    """Neither a lower rate nor another stage of smoothing follows it."""
    model = clone(model).set_params(n_iter_no_change=2, max_iter=1000)
    assert clone(model).fit(X, SCORE).n_iter_ > 12
    assert model.set_callbacks(Recorder(stop_at)).fit(X, SCORE).n_iter_ == stop_at


def test_the_best_epoch_is_kept_when_a_callback_stops():
    """The best model is kept, as at any other end of a fit."""
    model = FITS["best epoch"][0]
    stopped = clone(model).set_callbacks(Recorder(stop_at=5)).fit(X, SCORE)
    assert stopped.loss_curve_[-1] > min(stopped.loss_curve_)
    kept = 1 + int(np.argmin(stopped.loss_curve_))
    np.testing.assert_array_equal(stopped.coef_, clone(model).set_params(max_iter=kept, tol=None).fit(X, SCORE).coef_)


def test_divergence_is_told_all_the_same():
    """The diverging epoch ends with the model before it."""
    recorder = Recorder()
    model = GDRegressor(solver="batch", learning_rate=1e4, max_iter=50).set_callbacks(recorder)
    with pytest.warns(ConvergenceWarning, match="diverged in epoch"):
        model.fit(X, SCORE)
    assert len(recorder.models) == len(model.loss_curve_) + 1
    assert np.isfinite(recorder.models[-1].coef_).all()
    assert recorder.hooks[-1] == ("teardown", "fit")


# --- what they are given -------------------------------------------------------------------------------------------------


@quietly
@pytest.mark.parametrize("frame", [list, pd.DataFrame, pl.DataFrame, sp.csr_array])
def test_rows_come_in_the_containers_of_the_user(frame):
    """Callbacks receive the objects that were passed to fit, and weights if there are any."""
    recorder = Recorder()
    rows, y = frame(X), list(SCORE)
    GDRegressor(max_iter=1).set_callbacks(recorder).fit(rows, y)
    (one,) = recorder.given
    assert one[0] is rows
    assert one[1] is y
    assert one[2] == {}


@quietly
@pytest.mark.parametrize("frame", [list, pd.DataFrame, pl.DataFrame, sp.coo_array])
def test_with_early_stopping_they_are_the_rows_that_are_learned_from(frame):
    """The training samples are in their original container, with their targets and weights."""
    recorder = Recorder()
    rows = frame(np.column_stack([X, np.arange(N)]))
    weight = np.where(np.arange(N) % 4 == 0, 0.0, WEIGHT)
    model = GDRegressor(max_iter=1, early_stopping=True, validation_fraction=0.4, random_state=0).set_callbacks(recorder)
    model.fit(rows, pd.Series(SCORE, index=np.arange(N) + 100), sample_weight=weight)
    ((some, y, metadata),) = recorder.given
    assert isinstance(some, np.ndarray if frame is list else sp.csr_array if frame is sp.coo_array else frame)
    which = np.asarray(some.toarray() if sp.issparse(some) else some)[:, -1].astype(int)
    assert len(which) == (N - 6) - 7  # 17 rows of positive weight, of which ceil(0.4 * 17) are set aside
    np.testing.assert_array_equal(y, SCORE[which])
    np.testing.assert_array_equal(metadata["sample_weight"], weight[which])
    assert (metadata["sample_weight"] > 0).all()


@pytest.mark.parametrize("set_one", [False, True])
def test_a_model_is_built_for_those_who_ask(set_one):
    """Without callbacks no epoch is a task; if none asks for the model, only the final one is created."""

    class Blind(Recorder):
        def on_fit_task_end(self, estimator, context):
            self.hooks.append(("end", context.task_name))

    model, blind = GDRegressor(max_iter=5, tol=None), Blind()
    with (
        patch.object(BaseGD, "_fitted", autospec=True, side_effect=BaseGD._fitted) as learned,
        patch.object(sklearn_gd.base, "EpochTasks", side_effect=sklearn_gd.base.EpochTasks) as tasks,
    ):
        (model.set_callbacks(blind) if set_one else model).fit(X, SCORE)
    assert learned.call_count == 1
    assert tasks.call_count == set_one
    assert blind.hooks.count(("end", "epoch")) == 5 * set_one


# --- when things go wrong ------------------------------------------------------------------------------------------------


def test_a_callback_that_raises_leaves_the_last_fit():
    """It is torn down, and the model does not change."""
    recorder = Recorder(raise_at=2)
    model = GDRegressor().fit(X, SCORE)
    before = pickle.dumps(vars(model))
    with pytest.raises(KeyError, match="broken"):
        model.set_callbacks(recorder).fit(X[:, :2], SCORE)
    assert recorder.hooks[-1] == ("teardown", "fit")
    assert pickle.dumps(vars(model.set_callbacks())) == before


def test_a_refused_fit_begins_no_task():
    recorder = Recorder()
    with pytest.raises(ValueError, match="alpha"):
        GDRegressor(alpha=-1.0).set_callbacks(recorder).fit(X, SCORE)
    assert recorder.hooks == []


def test_partial_fit_calls_no_callback():
    recorder = Recorder()
    GDRegressor().set_callbacks(recorder).partial_fit(X, SCORE)
    assert recorder.hooks == []


def test_nothing_of_a_fit_stays_behind():
    """Apart from the callbacks, the fitted model has the same attributes as without them."""
    watched, plain = GDRegressor().set_callbacks(Recorder()).fit(X, SCORE), GDRegressor().fit(X, SCORE)
    assert set(vars(watched)) - set(vars(plain)) == set(vars(GDRegressor().set_callbacks(Recorder()))) - set(vars(GDRegressor()))
    assert same_model(watched, plain)


# --- scikit-learn's own --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "y", "scoring"), [(GDRegressor(), SCORE, "r2"), (GDClassifier(), LABELS, "accuracy")])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_scoring_monitor(model, y, scoring, weight):
    """It has the weighted score of every epoch; the models that it scores have the names of a data frame."""
    monitor = ScoringMonitor(scoring=scoring)
    frame = pd.DataFrame(X, columns=list("abcd"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = clone(model).set_callbacks(monitor).fit(frame, y, sample_weight=weight)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["task_id"] for row in rows] == list(range(model.n_iter_))
    for k in (1, model.n_iter_):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            alone = clone(model).set_callbacks().set_params(max_iter=k).fit(frame, y, sample_weight=weight)
        assert rows[k - 1][scoring] == alone.score(frame, y, sample_weight=weight)


def test_scoring_monitor_in_a_pipeline():
    """On the last step, it scores the samples that this step receives."""
    monitor = ScoringMonitor(scoring="r2")
    pipe = make_pipeline(StandardScaler(), GDRegressor().set_callbacks(monitor)).fit(X, SCORE)
    (log,) = monitor.get_logs(select="all")
    assert log.estimator_name == "Pipeline"
    epochs = [row for row in log.data if row["task_name"] == "epoch"]
    assert len(epochs) == pipe[-1].n_iter_
    assert epochs[-1]["r2"] == pytest.approx(pipe.score(X, SCORE), rel=1e-12)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(("model", "y", "scoring"), [(GDRegressor(), SCORE, "r2"), (GDClassifier(), LABELS, "accuracy")])
def test_scoring_monitor_under_a_grid_search(model, y, scoring, n_jobs):
    """One log has every fit of the search, including those in other processes."""
    monitor = ScoringMonitor(scoring=scoring)
    model = clone(model).set_params(max_iter=3, tol=None).set_callbacks(monitor)
    search = GridSearchCV(make_pipeline(StandardScaler(), model), {f"{type(model).__name__.lower()}__alpha": [0.1, 1.0]}, cv=3)
    search.set_params(n_jobs=n_jobs).fit(X, y)
    (log,) = monitor.get_logs(select="all")
    assert log.estimator_name == "GridSearchCV"
    epochs = [row for row in log.data if row["task_name"] == "epoch"]
    assert len(epochs) == (2 * 3 + 1) * 3  # candidates times folds, and the refit; epochs of each
    refit = [row for row in epochs if len(row["task_id_path"]) == min(len(row["task_id_path"]) for row in epochs)]
    assert [row["task_id"] for row in refit] == [0, 1, 2]
    assert refit[-1][scoring] == pytest.approx(search.score(X, y), rel=1e-12)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_bar(n_jobs, capsys):
    """Alone, in a pipeline and in a grid search, each bar is shown and reaches its end."""
    pytest.importorskip("rich")
    GDClassifier().set_callbacks(ProgressBar()).fit(X, LABELS)
    alone = capsys.readouterr().out
    assert "GDClassifier - fit" in alone
    assert "100%" in alone
    pipe = make_pipeline(StandardScaler(), GDRegressor())
    clone(pipe).set_callbacks(ProgressBar()).fit(X, SCORE)
    assert "GDRegressor - fit #1" in capsys.readouterr().out
    search = GridSearchCV(pipe, {"gdregressor__alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, SCORE)
    out = capsys.readouterr().out
    assert out.count("GDRegressor - fit") == 2 * 2 + 1
    assert out.count("100%") == len([line for line in out.splitlines() if " - " in line])
