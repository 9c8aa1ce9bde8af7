"""When descent ends: convergence, patience, the best model so far, and the guard against divergence."""

import enum
import math
from itertools import pairwise

import numpy as np

from ._standstill import EXPLOSION, has_stalled


class Status(enum.Enum):
    """How things stand after an epoch."""

    RUNNING = "running"
    PLATEAU = "plateau"
    DIVERGED = "diverged"
    STOPPED = "stopped"  # a callback asked for it
    MISLED = "misled"  # no step against the gradient lowers the objective, which promises to fall


class Monitor:
    r"""Watches the objective (or a validation score) from epoch to epoch, and keeps the model worth keeping.

    A fit has converged when the best value has not improved by `tol` times a natural unit over `n_iter_no_change` epochs. The
    unit of the objective is its value at the constant model, the best intercept alone, or a hundred times its own where that is
    less: `tol` is then the share of it that the last epochs together must still explain. A validation score is compared as it is.

    Parameters
    ----------
    tol : float or None
        The tolerance; None never stops, and keeps the last model instead of the best.
    n_iter_no_change : int
        The patience, in epochs.
    unit : float
        The objective of the constant model.
    validate : callable or None
        Takes theta to a validation score, the higher the better; None watches the objective.

    Attributes
    ----------
    left : callable or None
        Takes theta to an estimate of how much the objective can still fall. A steady descent that is merely slow does not end
        while that is more than the tolerance.
    exact : bool
        Whether every step sees all rows: a rise is then a swing, which is waited out for a while, and no noise.
    reporter : Reporter or None
        Is told of every epoch, and may ask to stop.
    """

    FAR = 1e3
    NEAR_ZERO = 100.0
    # Patiences that a swing may last.
    SWING = 10

    def __init__(self, tol, n_iter_no_change, unit, validate=None, reporter=None):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.unit = abs(unit)
        self.validate = validate
        self.reporter = reporter
        self.objectives = []
        self.scores = []
        self.best_values = []
        self.best = None
        self.best_epoch = 0
        self.begun_at = None
        self.first = 0.0
        self.left = None
        self.exact = False
        self.looked_at, self.promised = None, 0.0

    def start(self, theta, objective):
        """The model before the first epoch: what is restored when even that epoch diverges."""
        self.best = self.begun_at = theta.copy()
        self.first = objective

    def begin_epoch(self):
        """An epoch begins. A solver need not say so; callbacks then hear of it only when it has ended."""
        if self.reporter is not None:
            self.reporter.begin()

    def update(self, theta, objective, rate=None):
        """Take note of an epoch's model, its objective and its last learning rate, if any; returns a `Status`."""
        status = self._judged(theta, objective)
        stop = self.reporter is not None and self.reporter.end(theta, objective, rate, self.scores)
        return Status.STOPPED if stop and status is not Status.DIVERGED else status

    def _judged(self, theta, objective):
        """How things stand with this model; it is kept if it is the best."""
        if not self.is_sound(theta, objective):
            return Status.DIVERGED
        self.objectives.append(float(objective))
        if self.validate is not None:
            self.scores.append(float(self.validate(theta)))
        value = -self.scores[-1] if self.validate is not None else self.objectives[-1]
        keeps_last = self.tol is None and self.validate is None
        if keeps_last or not self.best_values or value < self.best_values[-1]:
            self.best = theta.copy()
            self.best_epoch = len(self.objectives)
        self.best_values.append(min(value, self.best_values[-1]) if self.best_values else value)
        return self._standstill() if self._has_stalled() else Status.RUNNING

    def _standstill(self):
        """What it means that the best value has all but stood still: the end, unless the gradient there promises more.

        A steady descent is then merely slow; one that sees all rows, and rises after a fall, may swing back.
        """
        recent = self.best_values[-1 - self.n_iter_no_change :]
        steady = all(later < earlier for earlier, later in pairwise(recent))
        swings = self.exact and self.best_values[-1] < self.first
        if not (steady or swings) or not self._promises_more():
            return Status.PLATEAU
        if steady:
            self.forget_stall()
            return Status.RUNNING
        return Status.RUNNING if len(self.objectives) - self.best_epoch <= self.SWING * self.n_iter_no_change else Status.DIVERGED

    def _promises_more(self):
        """Whether the objective can still fall from the best model; a pass over the rows, so once for each of them."""
        if self.left is None:
            return False
        if self.looked_at != self.best_epoch:
            self.looked_at, self.promised = self.best_epoch, self.left(self.best)
        return self.promised > self.tolerance

    def is_sound(self, theta, objective):
        """Whether the model is finite and its objective neither infinite nor exploding."""
        first = abs(self.first) if math.isfinite(self.first) else 0.0
        usual = max(self.unit, first) or (abs(self.objectives[0]) if self.objectives else 0.0) or math.inf
        return math.isfinite(objective) and abs(objective) <= EXPLOSION * usual and bool(np.isfinite(theta).all())

    @property
    def tolerance(self):
        """How little a gain is none: `tol` of the constant model's objective, or of `NEAR_ZERO` times the best one if less.

        Where the model explains all but a trifle, the trifle is what is left to learn from.
        """
        best = self.best_values[-1] if self.best_values and self.validate is None else math.inf
        return (self.tol or 0.0) * (min(self.unit, self.NEAR_ZERO * best) if best > 0.0 else self.unit)

    def _has_stalled(self):
        """Whether the best value has all but stood still for the whole patience."""
        if self.tol is None:
            return False
        return has_stalled(self.best_values, self.n_iter_no_change, self.tolerance if self.validate is None else self.tol)

    @property
    def best_objective(self):
        """The objective of the best model so far."""
        return self.objectives[self.best_epoch - 1] if self.best_epoch else self.first

    def never_fell(self):
        """Whether no epoch has come below the objective of the start."""
        return bool(self.objectives) and self.validate is None and min(self.objectives) > self.first

    def is_useless(self, constant):
        """Whether every epoch is far worse than the start and the constant model: steps that leap about and never settle.

        Where nothing is to end the descent (`tol` None), that takes more: a step or two may well be meant to overshoot. Where it
        sees all rows, and has ended by itself, any rise is enough.
        """
        if self.exact and self.tol is not None:
            return min(self.objectives) > self.first + self.tolerance
        return min(self.objectives) > (self.FAR if self.tol is None else 2.0) * max(self.first, constant, 0.0)

    def forget_stall(self):
        """Begin the patience anew, as after the learning rate was lowered."""
        self.best_values = self.best_values[-1:]
