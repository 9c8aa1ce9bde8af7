"""A fit whose coefficients are recorded after every epoch."""

import copy
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from ..base import BaseGD
from ..descent._monitor import Status
from ..descent._observers import Observer
from ._axes import final_step


class Recording:
    """The coefficients and objective of a fit after each epoch.

    Parameters
    ----------
    estimator : GDRegressor, GDClassifier, or a Pipeline that ends in one
        A clone of it is fitted, with ``tol=None``, so that all epochs are recorded.
    X, y : array-like
        The training samples.
    last_epoch : int or None
        The last epoch; None for the `max_iter` of the estimator.
    fit_params : dict or None
        Further arguments of `fit`.
    """

    def __init__(self, estimator, X, y, last_epoch=None, fit_params=None):
        self.fitted = clone(estimator)
        final = final_step(self.fitted)
        if not isinstance(final, BaseGD):
            raise TypeError(
                f"{type(final).__name__} is not supported: pass a GDRegressor, a GDClassifier, or a Pipeline ending in one"
            )
        last_epoch = int(final.max_iter if last_epoch is None else last_epoch)
        # Schedules that depend on max_iter do not change unless they end too early.
        final.set_params(tol=None, max_iter=max(last_epoch, final.max_iter))
        self.thetas, self.values, self.start = [], [], None
        final._observers = (_Recorder(self, last_epoch),)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                self.fitted.fit(X, y, **(fit_params or {}))
        finally:
            del final._observers
        if not self.thetas:
            raise ValueError("there is no epoch to plot: the fit diverged in its first epoch; decrease learning_rate")

    @property
    def n_epochs(self):
        """The number of epochs."""
        return len(self.thetas)

    @property
    def feature_names(self):
        """The names of the features of the coefficients."""
        final = final_step(self.fitted)
        if hasattr(self.fitted, "steps") and len(self.fitted.steps) > 1:
            try:
                return [str(name) for name in self.fitted[:-1].get_feature_names_out()]
            except (AttributeError, ValueError):
                pass
        if hasattr(final, "feature_names_in_"):
            return [str(name) for name in final.feature_names_in_]
        return [f"x{j}" for j in range(final.n_features_in_)]

    def coef(self, theta):
        """The coefficients in theta, (n_outputs, n_features), and the intercepts, (n_outputs,)."""
        return self.objective.unpack(theta)

    def model_at(self, epoch):
        """The fitted estimator after an epoch, counted from 1."""
        final = copy.copy(final_step(self.fitted))
        coef, final.intercept_ = self.coef(self.thetas[epoch - 1])
        final.coef_ = coef.reshape(np.shape(final.coef_))
        if not hasattr(self.fitted, "steps"):
            return final
        pipeline = copy.copy(self.fitted)
        pipeline.steps = [*self.fitted.steps[:-1], (self.fitted.steps[-1][0], final)]
        return pipeline


class _Recorder(Observer):
    """Stores the model of every epoch in a `Recording`, and ends the descent after the last one."""

    def __init__(self, recording, last_epoch):
        self.recording, self.last_epoch = recording, last_epoch

    def start(self, objective, theta, value):
        self.recording.objective, self.recording.start = objective, theta.copy()

    def end(self, iterate, status, scores):
        if status is not Status.DIVERGED and len(self.recording.thetas) < self.last_epoch:
            self.recording.thetas.append(iterate.theta.copy())
            self.recording.values.append(float(iterate.value))
        return len(self.recording.thetas) >= self.last_epoch


def place_of(feature, columns):
    """The index of a coefficient; None for the intercept."""
    if isinstance(feature, str):
        if feature == "intercept":
            return None
        if feature not in columns:
            raise ValueError(f"features: {feature!r} is not a feature; the features are {columns}, and 'intercept'")
        return columns.index(feature)
    if not 0 <= feature < len(columns):
        raise ValueError(f"features: {feature!r} must be a feature index from 0 to {len(columns) - 1}, a name, or 'intercept'")
    return int(feature)
