"""What an epoch tells the outside: the line of `verbose`, and scikit-learn's callbacks, which may end the descent."""

import contextlib
import logging
import sys
import time

import numpy as np

LOGGER = logging.getLogger("sklearn_gd")


class Observer:
    """Told of every epoch by the `Monitor`; the base does nothing."""

    def start(self, objective, theta, value):
        """The descent on an `Objective` starts at `theta`, where F is `value`."""

    def resume(self, n_epochs):
        """The descent goes on where another process has left it, after so many epochs."""

    def begin(self):
        """An epoch begins."""

    def end(self, iterate, status, scores):
        """An epoch ended.

        Parameters
        ----------
        iterate : Iterate
            Where the descent is.
        status : Status
            What the monitor says of it.
        scores : list of float
            The validation scores so far.

        Returns
        -------
        bool
            Whether to end the descent.
        """
        return False


@contextlib.contextmanager
def printed_log(verbose):
    """With `verbose`, print what the package logs meanwhile: a line for all that is compiled."""
    handler, level = logging.StreamHandler(sys.stdout), LOGGER.level
    if verbose:
        LOGGER.addHandler(handler)
        LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        if verbose:
            LOGGER.removeHandler(handler)
            LOGGER.setLevel(level)


class VerboseLine(Observer):
    """Prints a line every `verbose` epochs.

    Parameters
    ----------
    objective : Objective
        What is minimised; asked for a gradient, one sweep over the samples, for each line that is printed.
    verbose : int
        The epochs between two lines.
    before : int
        Epochs that have been counted before: those of the earlier calls of `partial_fit`.
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
        """One epoch in columns; "-" for a rate that the method does not have."""
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
        Whose fit it is.
    given : dict
        X, y and metadata, as callbacks are given them.
    fitted_attributes : callable
        Gives the attributes that the estimator would have if the fit ended now; called only where a callback asks for
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
