"""The end of descent: convergence, patience, the best model so far, and the detection of divergence."""

import enum
import math
from itertools import pairwise

import numpy as np

from ._standstill import EXPLOSION, has_stalled

# The `least_share` of classification and regression: once F has fallen so far, the classes are separated, or the targets
# interpolated.
SEPARATED, INTERPOLATED = 1e-4, 1e-8
STAGE_TOL = 1e-4  # of a stage of smoothing if `tol` is None, relative to the smoothed objective
# The attributes of a monitor in a snapshot.
CURVES = ("objectives", "scores", "best_values", "watched")
KEPT = ("best", "first_model", "best_epoch", "best_objective", "first", "_expected_at", "_expected")


class Status(enum.Enum):
    """The state of the descent after an epoch."""

    RUNNING = "running"
    PLATEAU = "plateau"
    DIVERGED = "diverged"
    STOPPED = "stopped"  # an observer asked for it
    MISLED = "misled"  # no step along the direction lowers F, although its gradient promises a decrease


class Monitor:
    r"""Watches F (or a validation score) from epoch to epoch, and keeps the best model.

    A fit has converged when the best value has not improved by more than the tolerance over `n_iter_no_change` epochs. The
    tolerance is ``tol * min(null value, 100 * best F)``: a share of what the features can explain. The same rule applies to a
    validation score that is a negated loss; any other score is compared with `tol` itself.

    Parameters
    ----------
    tol : float or None
        The relative tolerance; None never stops, and keeps the last model instead of the best.
    n_iter_no_change : int
        The patience, in epochs.
    null_value : float
        F of the null model.
    validate : callable, optional
        Returns the validation score of theta, the higher the better; by default F is watched. A score that is not finite counts
        as the lowest; the last model is kept until there is a finite one.
    scores_are_losses : bool, default=False
        Whether the validation score is a negated loss, in the unit of F.
    expected_decrease : callable, optional
        Returns an estimate of how far F can still fall from theta. Descent that improves F in every epoch continues while this
        exceeds the tolerance.
    full_batch : bool, default=False
        Whether every step sees all samples. A rise of F is then an oscillation (momentum), not noise, and up to `OSCILLATION`
        patiences are allowed for it.
    least_share : float, default=0.0
        The least tolerance, as a share of `tol` times F of the null model, for a nearly perfect fit.
    observers : sequence of Observer
        Notified of every epoch; any of them may end the descent.
    """

    FAR = 1e3
    NEAR_ZERO = 100.0
    NEAR_MINIMUM = 10.0
    OSCILLATION = 10

    def __init__(
        self,
        tol,
        n_iter_no_change,
        null_value,
        *,
        validate=None,
        scores_are_losses=False,
        expected_decrease=None,
        full_batch=False,
        least_share=0.0,
        observers=(),
    ):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.null_value = abs(null_value)
        self.validate = validate
        self.scores_are_losses = scores_are_losses
        self.expected_decrease = expected_decrease
        self.full_batch = full_batch
        self.least_share = least_share
        self.observers = tuple(observers)
        self.objectives, self.scores, self.best_values, self.watched = [], [], [], []
        self.best = None
        self.best_epoch, self.best_objective, self.first = 0, 0.0, 0.0
        self._expected_at, self._expected = None, 0.0

    @property
    def best(self):
        """theta of the best model; None before there is one. It is computed from other coordinates when it is asked for."""
        theta, model = self._kept  # as in `Iterate`
        if model is not None:
            self._kept = model(theta), None
        return self._kept[0]

    @best.setter
    def best(self, theta):
        self._kept = theta, None

    def start(self, theta, value, objective=None):
        """Set the model before the first epoch, which is restored if that epoch diverges."""
        self.best = self.first_model = theta.copy()
        self.best_objective = self.first = float(value)
        for observer in self.observers:
            observer.start(objective, theta, value)

    def snapshot(self):
        """The attributes on which later epochs depend: a dictionary of arrays and numbers."""
        curves = {name: np.array(getattr(self, name), dtype=float) for name in CURVES}
        return curves | {name: getattr(self, name) for name in KEPT}

    def restore(self, saved):
        """Resume from a `snapshot`; returns the number of its epochs."""
        for name in CURVES:
            setattr(self, name, saved[name].tolist())
        for name in KEPT:
            setattr(self, name, saved[name])
        for observer in self.observers:
            observer.resume(len(self.objectives))
        return len(self.objectives)

    def begin(self):
        """An epoch begins."""
        for observer in self.observers:
            observer.begin()

    def judge(self, iterate):
        """Record an epoch's `Iterate`; returns the `Status`."""
        if self.observers or self.validate is not None:
            iterate = iterate.resolved()
        status = self._judged(iterate)
        # Every observer is notified, whatever the others return.
        stop = [observer.end(iterate, status, self.scores) for observer in self.observers]
        return Status.STOPPED if any(stop) and status is not Status.DIVERGED else status

    def _judged(self, iterate):
        """The status after this iterate, which is kept if it is the best."""
        theta, value = iterate.theta, iterate.value
        if not self.is_sound(theta, value):
            return Status.DIVERGED
        self.objectives.append(float(value))
        if self.validate is not None:
            self.scores.append(float(self.validate(theta)))
        value = self._rank()
        keeps_last = (self.tol is None and self.validate is None) or self.best_values[-1:] == [value] == [math.inf]
        if keeps_last or not self.best_values or value < self.best_values[-1]:
            self._kept = theta.copy(), iterate.model
            self.best_epoch, self.best_objective = len(self.objectives), self.objectives[-1]
        self.best_values.append(min(value, self.best_values[-1]) if self.best_values else value)
        is_open = self._is_open(iterate)
        status = Status.RUNNING if is_open else self._stall(iterate)
        if status is not Status.RUNNING:
            return status
        if self.tol is not None and self.validate is None and iterate.gap <= self.tolerance and not is_open:
            return Status.PLATEAU
        if iterate.end is None:
            return Status.RUNNING
        rounding = 1e-12 * self.null_value
        promises = iterate.promised > max(self.tolerance, 1e-6 * abs(iterate.value), rounding)
        # If F of the null model is zero, it is no unit by which a promise could be told from rounding errors.
        has_unit = self.null_value > 0.0 or self.tol is None
        return Status.MISLED if promises and has_unit and iterate.watched is None else iterate.end

    def _rank(self):
        """The value by which the last epoch is compared with the others, the lower the better."""
        if self.validate is None:
            return self.objectives[-1]
        return -self.scores[-1] if math.isfinite(self.scores[-1]) else math.inf

    def _is_open(self, iterate):
        """Whether F can still fall by more than the tolerance according to the method: then a stall of F is no convergence."""
        if self.tol is None or self.validate is not None:
            return False
        left = 0.0 if iterate.left is None else iterate.left
        return left > self._share_of_null(self.NEAR_MINIMUM) > 0.0 or iterate.expected > self.tolerance > 0.0

    def _stall(self, iterate):
        """Whether descent has stalled: the smoothed objective within a stage of smoothing, otherwise the best value."""
        if iterate.watched is not None and (self.validate is None or self.tol is None):
            self.watched.append(iterate.watched)
            tolerance = STAGE_TOL * abs(iterate.watched) if self.tol is None else self.tolerance
            return Status.PLATEAU if has_stalled(self.watched, self.n_iter_no_change, tolerance) else Status.RUNNING
        return self._classified() if self._has_stalled() else Status.RUNNING

    def _classified(self):
        """Classify a stall of the best value: converged, still improving slowly, oscillating, or diverged."""
        recent = self.best_values[-1 - self.n_iter_no_change :]
        steady = all(later < earlier for earlier, later in pairwise(recent))
        oscillates = self.full_batch and self.best_values[-1] < self.first
        if not (steady or oscillates) or not self._can_fall():
            return Status.PLATEAU
        if steady:
            self.forget_stall()
            return Status.RUNNING
        allowed = self.OSCILLATION * self.n_iter_no_change
        return Status.RUNNING if len(self.objectives) - self.best_epoch <= allowed else Status.DIVERGED

    def _can_fall(self):
        """Whether F is expected to fall further from the best model; one sweep over the samples for each best model."""
        if self.expected_decrease is None or self.validate is not None:
            return False
        if self._expected_at != self.best_epoch:
            self._expected_at, self._expected = self.best_epoch, self.expected_decrease(self.best)
        return self._expected > self.tolerance

    def is_sound(self, theta, value):
        """Whether the model is finite and F neither infinite nor exploding."""
        first = abs(self.first) if math.isfinite(self.first) else 0.0
        usual = max(self.null_value, first) or (abs(self.objectives[0]) if self.objectives else 0.0) or math.inf
        return math.isfinite(value) and abs(value) <= EXPLOSION * usual and bool(np.isfinite(theta).all())

    @property
    def tolerance(self):
        """The smallest decrease of F that counts; for nearly perfect fits it is relative to F itself."""
        return self._share_of_null(self.NEAR_ZERO)

    def _share_of_null(self, near_zero):
        """`tol` times the smaller of F of the null model and `near_zero` times F itself, or times `least_share` of the former."""
        best = self.best_values[-1] if self.best_values and self._values_are_losses else math.inf
        share = max(min(self.null_value, near_zero * best), self.least_share * self.null_value) if best > 0.0 else self.null_value
        return (self.tol or 0.0) * share

    def _has_stalled(self):
        """Whether the best value has improved by no more than the tolerance over the whole patience."""
        if self.tol is None:
            return False
        return has_stalled(self.best_values, self.n_iter_no_change, self.tolerance if self._values_are_losses else self.tol)

    @property
    def _values_are_losses(self):
        """Whether the watched values are in the unit of F."""
        return self.validate is None or self.scores_are_losses

    def restart(self):
        """Return to the model before the first epoch, as no epoch has improved on it."""
        self.best, self.best_epoch, self.best_objective = self.first_model, 0, self.first

    def offer(self, theta, value):
        """Keep a model from another source if it is better than the best; returns whether it is. `value` is its F."""
        if self.validate is None:
            better = not value >= self.best_objective
        else:
            better = not self.validate(theta) <= self.score_curve[self.best_epoch - 1]
        if better:
            self.best, self.best_epoch, self.best_objective = theta, 0, value
        return better

    @property
    def curve(self):
        """F after each epoch; if the first one diverged, F of the model that is kept."""
        return self.objectives or [self.best_objective]

    @property
    def score_curve(self):
        """The validation score after each epoch; if the first one diverged, that of the model that is kept."""
        return self.scores or [float(self.validate(self.best))]

    def never_fell(self):
        """Whether F has stayed above its value at the start in all epochs."""
        return bool(self.objectives) and min(self.objectives) > self.first

    def is_useless(self, null_value):
        """Whether every epoch is far worse than the start and the null model: oscillation without progress.

        With validation samples the score decides which model is useful, and this returns False.
        With ``tol=None`` the threshold is higher, as the user may want a step or two to overshoot. With a tolerance, every
        increase counts in full-batch descent.
        """
        if self.validate is not None:
            return False
        if self.full_batch and self.tol is not None:
            return min(self.objectives) > self.first + self.tolerance
        return min(self.objectives) > (self.FAR if self.tol is None else 2.0) * max(self.first, null_value, 0.0)

    def is_no_better_than_null(self):
        """Whether F of the kept model is above that of the null model; False if `tol` is None, as no quality is asked for."""
        return self.tol is not None and self.validate is None and self.best_objective > self.null_value > 0.0

    def forget_stall(self):
        """Restart the patience, for example after the learning rate was lowered."""
        self.best_values, self.watched = self.best_values[-1:], []
