"""A callback that logs a fit to mlflow: parameters, scores and the loss curve.

``mlflow.sklearn.autolog`` logs fits of scikit-learn's own classes, including a Pipeline that contains an estimator of this
package, but it logs neither a bare `GDRegressor` or `GDClassifier` nor loss curves. `MLflowLogger` logs both. The module requires
the package mlflow, which ``pip install "sklearn-gd[integrations]"`` installs.
"""

import time
from typing import Any

try:
    import mlflow
    from mlflow.entities import Metric, Param
except ImportError as _error:  # one line on what to install, instead of the name of a module that the user never typed
    raise ImportError('sklearn_gd.mlflow requires mlflow: pip install "sklearn-gd[integrations]"') from _error

from ._callback import Callback

__all__ = ["MLflowLogger"]

# The limits of the server: metrics and parameters per call, and characters of a parameter's value.
LARGEST_BATCH, LONGEST_VALUE = 1000, 6000


class MLflowLogger(Callback):
    """Scikit-learn callback that logs the fits of an estimator of this package to mlflow.

    It logs the parameters returned by `get_params`, the objective of each epoch as ``loss``, the validation score of each epoch
    as ``validation_score`` if there is one, ``n_iter``, and the score on the training samples as ``training_score``.

    If a run is active, such as that of ``mlflow.sklearn.autolog``, the fit is logged to that run; otherwise a new run is started.
    Within a meta-estimator other than a Pipeline, such as a grid search, each fit has its own run, a child of the active run.
    Within a Pipeline, parameters are logged as class__parameter, because the run may contain parameters of the Pipeline.

    Set the callback on the estimator of this package, even if that is a step of a Pipeline.

    Attributes
    ----------
    run_id_ : str
        The ID of the run of the last fit.

    Examples
    --------
    >>> from sklearn_gd import GDRegressor
    >>> from sklearn_gd.mlflow import MLflowLogger
    >>> model = GDRegressor().set_callbacks(MLflowLogger())
    """

    run_id_: str

    def __init__(self) -> None:
        self._started = False

    def setup(self, estimator: Any, context: Any) -> None:
        run: Any = mlflow.active_run()
        self._started = run is None or bool(_outer_estimators(context) - {"Pipeline"})
        if self._started:
            run = mlflow.start_run(run_name=type(estimator).__name__, nested=True)
        self.run_id_ = run.info.run_id

    def on_fit_task_end(self, estimator: Any, context: Any, *, X: Any = None, y: Any = None, metadata: Any = None) -> bool:
        """Log the fit of an estimator of this package when it ends.

        Parameters
        ----------
        estimator : estimator
            The estimator whose task ends.
        context : sklearn.callback.CallbackContext
            The task.
        X, y : array-like
            The training samples.
        metadata : dict
            Contains sample_weight, if sample weights were given.

        Returns
        -------
        bool
            False: the fit continues.
        """
        if context.task_name == "fit":
            prefix = f"{type(estimator).__name__}__" if _outer_estimators(context) and not self._started else ""
            _log(self.run_id_, estimator, estimator.score(X, y, **(metadata or {})), prefix)
        return False

    def teardown(self, estimator: Any, context: Any) -> None:
        if self._started:
            self._started = False
            mlflow.end_run()


def _outer_estimators(context):
    """The names of the estimators whose fits contain a task."""
    names, own = set(), context.estimator_name
    while context is not None:
        names.add(context.estimator_name)
        context = context.parent
    return names - {own}


def _log(run_id, estimator, training_score, prefix):
    """Log the parameters and the metrics of a fitted estimator to a run, in few calls."""
    client, now = mlflow.MlflowClient(), int(1000 * time.time())
    curves = {"loss": estimator.loss_curve_, "validation_score": getattr(estimator, "validation_scores_", [])}
    last = {"n_iter": estimator.n_iter_, "training_score": training_score}
    metrics = [Metric(name, float(value), now, step) for name, curve in curves.items() for step, value in enumerate(curve)]
    metrics += [Metric(name, float(value), now, 0) for name, value in last.items()]
    for start in range(0, len(metrics), LARGEST_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + LARGEST_BATCH])
    params = [Param(prefix + name, str(value)[:LONGEST_VALUE]) for name, value in estimator.get_params().items()]
    client.log_batch(run_id, params=params)
