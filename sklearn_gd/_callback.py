"""The base of this package's callbacks: the four calls by which scikit-learn tells a callback of a fit."""

from typing import Any


class Callback:
    """A callback that does nothing; a subclass overrides what it needs."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Do what the callback does before a fit.

        Parameters
        ----------
        estimator : estimator
            The estimator whose fit begins.
        context : sklearn.callback.CallbackContext
            The task of the fit.
        """

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do what the callback does after a fit.

        Parameters
        ----------
        estimator : estimator
            The estimator whose fit has ended.
        context : sklearn.callback.CallbackContext
            The task of the fit.
        """

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do what the callback does before a task, which is a fit or one of its epochs.

        Parameters
        ----------
        estimator : estimator
            The estimator whose task begins.
        context : sklearn.callback.CallbackContext
            The task.
        """

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Do what the callback does after a task, which is a fit or one of its epochs.

        Parameters
        ----------
        estimator : estimator
            The estimator whose task has ended.
        context : sklearn.callback.CallbackContext
            The task.

        Returns
        -------
        bool
            False: the fit continues.
        """
        return False
