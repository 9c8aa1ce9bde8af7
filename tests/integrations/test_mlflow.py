"""mlflow: models in its default format; parameters, scores and the loss curve of a fit."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd.persistence import TRUSTED_TYPES

mlflow = pytest.importorskip("mlflow", reason="mlflow comes with the extra `integrations`")

from sklearn_gd.mlflow import MLflowLogger  # noqa: E402  after the package that it needs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
SCORE = X @ [1.0, -2.0, 0.5] + 0.1 * RNG.normal(size=90)
LABELS = np.where(SCORE > 0, "yes", "no")


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory):
    """One store for the module, so that mlflow creates its tables once."""
    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("mlflow"))  # artifacts are written to the current folder
        mlflow.set_tracking_uri("sqlite:///runs.db")
        yield
    mlflow.set_tracking_uri(before)


@pytest.fixture
def _autolog():
    mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
    yield
    mlflow.sklearn.autolog(disable=True)


def run_of(logger):
    return mlflow.MlflowClient().get_run(logger.run_id_)


def curve(logger, name="loss"):
    return [each.value for each in mlflow.MlflowClient().get_metric_history(logger.run_id_, name)]


# --- models ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        GDClassifier().fit(X, LABELS),
        GDRegressor(loss="huber", penalty="l1").partial_fit(X, SCORE),
        make_pipeline(StandardScaler(), GDClassifier(solver="minibatch", random_state=0).set_callbacks(MLflowLogger())),
    ],
    ids=["batch", "stream", "pipeline"],
)
def test_the_default_format_saves_and_loads(model, tmp_path):
    """With the list of the package; the loaded model predicts the same."""
    if not hasattr(model, "n_features_in_"):
        model.fit(X, LABELS)
    path = tmp_path / "model"
    mlflow.sklearn.save_model(model, path, skops_trusted_types=TRUSTED_TYPES, pip_requirements=["sklearn-gd"])
    assert (path / "model.skops").exists()
    np.testing.assert_array_equal(mlflow.sklearn.load_model(str(path)).predict(X), model.predict(X))


def test_a_logged_model_serves_by_pyfunc():
    model = GDClassifier().fit(X, LABELS)
    with mlflow.start_run():
        told = mlflow.sklearn.log_model(model, name="model", skops_trusted_types=TRUSTED_TYPES, pip_requirements=["sklearn-gd"])
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(told.model_uri).predict(X), model.predict(X))


# --- runs -----------------------------------------------------------------------------------------------------------------


def test_a_bare_fit_has_a_run_of_its_own():
    logger = MLflowLogger()
    model = GDClassifier(alpha=0.01).set_callbacks(logger).fit(X, LABELS, X_val=X[:30], y_val=LABELS[:30])
    run = run_of(logger)
    assert run.info.status == "FINISHED"
    assert mlflow.active_run() is None
    assert run.data.params == {name: str(value) for name, value in model.get_params().items()}
    assert run.data.metrics["training_score"] == model.score(X, LABELS)
    assert run.data.metrics["n_iter"] == model.n_iter_
    assert curve(logger) == model.loss_curve_
    assert curve(logger, "validation_score") == model.validation_scores_


def test_a_fit_within_a_run_is_logged_to_it():
    logger = MLflowLogger()
    with mlflow.start_run() as run:
        model = GDRegressor("poisson").set_callbacks(logger).fit(X, np.exp(SCORE), sample_weight=np.arange(90.0))
        assert mlflow.active_run() is not None
    assert logger.run_id_ == run.info.run_id
    assert run_of(logger).data.params["loss"] == "poisson"
    assert run_of(logger).data.metrics["training_score"] == model.score(X, np.exp(SCORE), np.arange(90.0))


def test_more_epochs_than_the_server_takes_at_once():
    logger = MLflowLogger()
    GDRegressor(solver="batch", learning_rate=1e-3, tol=None, max_iter=1100).set_callbacks(logger).fit(X, SCORE)
    assert len(curve(logger)) == 1100


@pytest.mark.usefixtures("_autolog")
def test_a_pipeline_under_autolog():
    """One run has the Pipeline's parameters and scores, logged by mlflow, and the loss curve."""
    logger = MLflowLogger()
    pipe = make_pipeline(StandardScaler(), GDRegressor(alpha=0.01).set_callbacks(logger)).fit(X, SCORE)
    run = run_of(logger)
    assert run.data.params["gdregressor__alpha"] == run.data.params["GDRegressor__alpha"] == "0.01"
    assert run.data.params["verbose"] == "False"
    assert run.data.metrics["training_r2_score"] == pytest.approx(pipe.score(X, SCORE))
    assert curve(logger) == pipe[-1].loss_curve_


def test_each_fit_of_a_search_has_a_run():
    """The runs are children of the active run."""
    with mlflow.start_run() as parent:
        search = GridSearchCV(GDRegressor().set_callbacks(MLflowLogger()), {"alpha": [0.1, 1.0]}, cv=2).fit(X, SCORE)
        assert mlflow.active_run().info.run_id == parent.info.run_id
    runs = mlflow.search_runs(output_format="list", filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert sorted(each.data.params["alpha"] for each in runs) == sorted(["0.1", "1.0"] * 2 + [str(search.best_params_["alpha"])])
    assert {each.info.status for each in runs} == {"FINISHED"}


def test_a_fit_that_fails_ends_its_run():
    class Broken:
        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            raise KeyError("broken")

        def on_fit_task_end(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

    with pytest.raises(KeyError, match="broken"):
        GDRegressor().set_callbacks(MLflowLogger(), Broken()).fit(X, SCORE)
    assert mlflow.active_run() is None
