"""What an epoch tells the outside: the line of `verbose`, and scikit-learn's callbacks, which may end the descent."""

import time

import numpy as np


class Reporter:
    """Told of every epoch by the `Monitor`; prints its line, and hands it on to the callbacks where any are set.

    Parameters
    ----------
    objective : Objective
        What is minimised; asked for a gradient, one pass over the rows, only for a line that is printed.
    verbose : int
        Print a line every `verbose` epochs; 0 for none.
    tasks : EpochTasks or None
        The callbacks' side; None where no callback is set.
    before : int
        Epochs that have been counted before: those of the earlier calls of `partial_fit`.
    """

    def __init__(self, objective, verbose, tasks=None, before=0):
        self.objective = objective
        self.verbose = verbose
        self.tasks = tasks
        self.epoch = before
        self.begun = time.perf_counter()

    def begin(self):
        """An epoch begins."""
        if self.tasks is not None:
            self.tasks.begin()

    def end(self, theta, value, rate, scores):
        """An epoch ended at `theta`, where the objective is `value`; returns whether a callback asks to stop."""
        self.epoch += 1
        if self.verbose and self.epoch % self.verbose == 0:
            print(self._line(theta, value, rate, scores), flush=True)
        return self.tasks is not None and self.tasks.end()

    def _line(self, theta, value, rate, scores):
        """One epoch in columns; "-" for a rate that the method does not have."""
        norm = np.linalg.norm(self.objective.gradient(theta)) if np.isfinite(theta).all() else np.nan
        columns = [
            f"epoch {self.epoch:4d}",
            f"objective {value:<14.8g}",
            f"learning rate {'-' if rate is None else format(rate, '.3g'):<8}",
            f"gradient norm {norm:<9.3g}",
            f"{time.perf_counter() - self.begun:.2f} s",
        ]
        if scores:
            columns.insert(-1, f"validation score {scores[-1]:<8.4g}")
        return "  ".join(columns)


class EpochTasks:
    """The epochs of a fit as subtasks of its callback context: the protocol of ``sklearn.callback``.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        The task of the whole fit, which may have `max_iter` subtasks.
    estimator : estimator
        Whose fit it is.
    given : dict
        X, y and metadata, as callbacks are given them.
    learned : callable
        Gives the attributes that the estimator would have if the fit ended now; called only where a callback asks for
        ``fitted_estimator``.
    """

    def __init__(self, context, estimator, given, learned):
        self.context = context
        self.hooks = {"estimator": estimator, **given, "reconstruction_attributes": learned}
        self.left = context.max_subtasks
        self.running = None

    def begin(self):
        """The next epoch begins, unless one is running or no more may come."""
        if self.running is None and self.left > 0:
            self.left -= 1
            self.running = self.context.subcontext(task_name="epoch")
            self.running.call_on_fit_task_begin(**self.hooks)

    def end(self):
        """The running epoch ends; returns whether a callback asks to stop."""
        self.begin()
        task, self.running = self.running, None
        return task is not None and task.call_on_fit_task_end(**self.hooks)

    def close(self):
        """The descent is over: an epoch that was begun and never run ends without a model, as each begun task must end."""
        if self.running is not None:
            self.running.call_on_fit_task_end(estimator=self.hooks["estimator"])
            self.running = None
