"""Observers of the epochs: the line of `verbose`, and scikit-learn's callbacks, which may end the descent."""

import contextlib
import logging
import sys
import time

import numpy as np

from .._shared import Shared

LOGGER = logging.getLogger("sklearn_gd")


class Observer:
    """Base class of observers, which the `Monitor` notifies of every epoch; does nothing."""

    def start(self, objective, theta, value):
        """The descent on an `Objective` starts at `theta`, where F is `value`."""

    def resume(self, n_epochs):
        """The descent resumes after `n_epochs` epochs of another process."""

    def begin(self):
        """An epoch begins."""

    def end(self, iterate, status, scores):
        """An epoch ended.

        Parameters
        ----------
        iterate : Iterate
            The model after the epoch.
        status : Status
            The status according to the monitor.
        scores : list of float
            The validation scores so far.

        Returns
        -------
        bool
            Whether to end the descent.
        """
        return False


@contextlib.contextmanager
def _printed():
    """Print what the package logs in the meantime."""
    handler, level = logging.StreamHandler(sys.stdout), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)


_PRINTED = Shared(_printed)


def printed_log(verbose):
    """A context in which, with `verbose`, the package's log is printed: one line for each function that is compiled."""
    return _PRINTED if verbose else contextlib.nullcontext()


class VerboseLine(Observer):
    """Prints a line every `verbose` epochs.

    Parameters
    ----------
    objective : Objective
        The objective; its gradient is computed for each printed line, which takes one pass over the samples.
    verbose : int
        The number of epochs between two lines.
    before : int
        The epochs of earlier calls of `partial_fit`.
    """

    def __init__(self, objective, verbose, before=0):
        self.objective = objective
        self.verbose = verbose
        self.epoch = before
        self.begun = time.perf_counter()

    def resume(self, n_epochs):
        self.epoch += n_epochs

    def end(self, iterate, status, scores):
        self.epoch += 1
        if self.epoch % self.verbose == 0:
            print(self._line(iterate, scores), flush=True)
        return False

    def _line(self, iterate, scores):
        """One epoch in columns; "-" if the method has no learning rate."""
        theta, rate = iterate.theta, iterate.rate
        norm = np.linalg.norm(self.objective.gradient(theta)) if np.isfinite(theta).all() else np.nan
        columns = [
            f"epoch {self.epoch:4d}",
            f"objective {iterate.value:<14.8g}",
            f"learning rate {'-' if rate is None else format(rate, '.3g'):<8}",
            f"gradient norm {norm:<9.3g}",
            f"{time.perf_counter() - self.begun:.2f} s",
        ]
        if scores:
            columns.insert(-1, f"validation score {scores[-1]:<8.4g}")
        return "  ".join(columns)


class EpochTasks(Observer):
    """The epochs of a fit as subtasks of its callback context: the protocol of ``sklearn.callback``.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        The task of the whole fit, which may have `max_iter` subtasks.
    estimator : estimator
        The estimator that is being fitted.
    given : dict
        X, y and metadata, as passed to callbacks.
    fitted_attributes : callable
        Returns the attributes that the estimator would have if the fit ended now; called only if a callback asks for
        ``fitted_estimator``.
    """

    def __init__(self, context, estimator, given, fitted_attributes):
        self.context = context
        self.hooks = {"estimator": estimator, **given, "reconstruction_attributes": fitted_attributes}
        self.remaining = context.max_subtasks
        self.running = None

    def resume(self, n_epochs):
        self.remaining -= n_epochs

    def begin(self):
        if self.running is None and self.remaining > 0:
            self.remaining -= 1
            self.running = self.context.subcontext(task_name="epoch")
            self.running.call_on_fit_task_begin(**self.hooks)

    def end(self, iterate, status, scores):
        self.begin()
        task, self.running = self.running, None
        return bool(task is not None and task.call_on_fit_task_end(**self.hooks))
