"""What the two estimators share: resolve the parts -> validate -> encode y -> descend -> store."""

import math
import warnings
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ._classes import Growth
from ._components import Configurable, check_flag, check_number, resolve
from ._validation import (
    check_features,
    check_initial,
    check_samples,
    check_validation_samples,
    check_weight,
    rows_of_container,
    split_for_validation,
)
from .descent._monitor import Monitor, Status
from .descent._observers import EpochTasks, Reporter
from .descent._state import State
from .descent.proximal_rows import ProximalRows, RowsState
from .optimizers import GradientDescent, resolve_optimizer
from .penalties import PENALTIES, ElasticNet, NoPenalty, Penalty
from .schedules import resolve_schedule
from .solvers import SGD, SOLVERS, Batch, MiniBatch, Settings, Solver, stable_rate

# What each parameter that is not a part may be.
NUMBERS = {
    "alpha": {"least": 0},
    "l1_ratio": {"least": 0, "most": 1},
    "max_iter": {"least": 1, "integer": True},
    "tol": {"least": 0, "none": True},
    "validation_fraction": {"above": 0, "below": 1},
    "n_iter_no_change": {"least": 1, "integer": True},
}
NUMBERS_OR_FLAGS = {"average": {"least": 0, "integer": True}, "verbose": {"least": 0, "integer": True}}
FLAGS = ("fit_intercept", "shuffle", "early_stopping", "warm_start")


class BaseGD(CallbackSupportMixin, Configurable, BaseEstimator, metaclass=ABCMeta):
    """Abstract base of the two estimators; a subclass says how y is encoded and how a score becomes a prediction."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # --- what a subclass knows -------------------------------------------------------------------------------------------

    # Whether y holds numbers, of one or more outputs; else labels.
    _has_numeric_targets: bool
    # How many validation samples a score needs.
    _fewest_validated: int

    @abstractmethod
    def _resolve_loss(self):
        """The loss object that the parameter stands for, validated: a copy, so that a fitted model's loss stays as it is."""

    @abstractmethod
    def _encode(self, y, weight, loss, coder=None):
        """The `Targets` of validated y; raises where y is outside the loss's domain. Changes nothing on the estimator.

        `coder` knows the classes of earlier calls, or of the training samples; None in `fit`, and in regression.
        """

    @abstractmethod
    def _score(self, raw, targets, loss):
        """The validation score of raw scores (n_samples, n_outputs), the higher the better."""

    # --- fitting ---------------------------------------------------------------------------------------------------------

    def _resolve_parts(self, streaming):
        """Check every parameter and turn each part into its object, before any work; None stands for "auto"."""
        self._check_parameters()
        loss = self._resolve_loss()
        penalty = self._resolve_penalty()
        optimizer = resolve_optimizer(self.optimizer)
        schedule = resolve_schedule(self.learning_rate)
        solver = self._resolve_solver(optimizer, schedule, streaming)
        return loss, penalty, solver, optimizer, schedule

    def _check_parameters(self):
        """Check the parameters that are not parts."""
        for name, allowed in NUMBERS.items():
            check_number(self, name, **allowed)
        for name in FLAGS:
            check_flag(self, name)
        for name, allowed in NUMBERS_OR_FLAGS.items():
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                try:
                    check_number(self, name, **allowed)
                except (TypeError, ValueError) as error:
                    raise type(error)(f"{error}, True or False") from None
        try:
            check_random_state(self.random_state)
        except ValueError as error:
            raise ValueError(f"random_state={self.random_state!r} must be an int, a RandomState or None") from error

    def _known_loss(self):
        """The loss of the last fit; before any fit, that of the parameter."""
        return self.loss_ if hasattr(self, "loss_") else self._resolve_loss()

    def _resolve_penalty(self):
        if self.penalty is None:
            return NoPenalty()
        if isinstance(self.penalty, str) and self.penalty == "elasticnet":
            return ElasticNet(l1_ratio=self.l1_ratio)
        return resolve("penalty", self.penalty, Penalty, PENALTIES)

    def _resolve_solver(self, optimizer, schedule, streaming):
        if isinstance(self.solver, str) and self.solver == "auto":
            if optimizer is not None or schedule is not None:
                return MiniBatch()
            return SGD() if streaming or self.average else Batch()
        solver = resolve("solver", self.solver, Solver, SOLVERS, ["auto"])
        solver.check(optimizer, bool(self.average), streaming)
        return solver

    def _objective(self, X, targets, loss, penalty, seen=None):
        """The objective on the rows of positive weight; `seen` has the columns' moments of earlier calls."""
        from .objective._objective import Objective

        keep = targets.weight > 0
        if not keep.all():
            X, targets = X[keep], targets.rows(keep)
        return Objective(
            X,
            np.require(targets.y, dtype=np.float64, requirements="CW"),
            np.require(targets.weight, requirements="CW"),
            loss=loss,
            penalty=penalty,
            alpha=self.alpha,
            n_outputs=targets.n_outputs,
            fit_intercept=bool(self.fit_intercept),
            one_vs_rest=targets.one_vs_rest,
            seen=seen,
        )

    def _average_from(self):
        """The first step that is averaged; infinity for none."""
        return float(self.average) if self.average else math.inf

    def _initial(self, objective, coef_init, intercept_init):
        """theta to begin from: what was given, or the last fit's where it is warm, else None."""
        shape = (objective.n_outputs, objective.rows.shape[1])
        if coef_init is None and intercept_init is None:
            if not (self.warm_start and hasattr(self, "coef_")):
                return None
            coef, intercept = self._coef_2d(), np.atleast_1d(self.intercept_)
            if coef.shape != shape:
                raise ValueError(f"warm_start: the last fit's coef_ has shape {coef.shape}, these data need {shape}")
            return objective.pack(coef, intercept)
        return objective.pack(*check_initial(coef_init, intercept_init, shape, self.fit_intercept))

    @contextmanager
    def _unchanged_when_refused(self):
        """Restore all attributes if the call raises."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    @with_callbacks
    def _fit(self, X, y, sample_weight, coef_init, intercept_init, X_val, y_val, sample_weight_val):
        """All of `fit`: nothing is stored before the descent has ended."""
        loss, penalty, solver, optimizer, schedule = self._resolve_parts(streaming=False)
        given = X, y
        X, y = check_samples(self, X, y, reset=True, numeric_y=self._has_numeric_targets)
        weight = check_weight(sample_weight, X.shape[0])
        targets = self._encode(y, weight, loss)
        validation = self._validation(X_val, y_val, sample_weight_val, targets, loss)
        train = None
        if validation is None and self.early_stopping:
            rng = check_random_state(self.random_state)
            train, held = split_for_validation(targets, self.validation_fraction, rng, at_least=self._fewest_validated)
            validation = X[held], targets.rows(held)
            X, targets = X[train], targets.rows(train)
        objective = self._objective(X, targets, loss, penalty)
        theta = self._initial(objective, coef_init, intercept_init)
        monitor, state = self._monitor(objective, validation), None
        # Callbacks are given copies of `self`: no scores of an earlier fit may be among its attributes.
        for name in {"validation_scores_", "best_iter_"} & vars(self).keys():
            delattr(self, name)
        context = self._init_callback_context(max_subtasks=int(self.max_iter))
        hooks = self._hooks(*given, None if sample_weight is None else weight, train)
        context.call_on_fit_task_begin(estimator=self, **hooks)
        tasks = None
        # Where no callback is set, epochs are no tasks: thousands of contexts would be made for nobody.
        if hasattr(self, "_skl_callbacks"):
            tasks = EpochTasks(context, self, hooks, lambda: self._learned(objective, targets, monitor, state))
        monitor.reporter = Reporter(objective, int(self.verbose), tasks)
        if isinstance(solver, Batch) and optimizer is None and schedule is None and not self.average:
            from .descent.memory_gradient import MemoryGradient

            method = MemoryGradient(objective, monitor, int(self.max_iter))
            status, rate = method.run(theta), None
        else:
            start = np.zeros(objective.n_coef + objective.n_outputs) if theta is None else theta
            monitor.start(start, objective.value(start))
            rng = check_random_state(self.random_state)
            settings = Settings(optimizer or GradientDescent(), schedule, int(self.max_iter), bool(self.shuffle), rng)
            if self._goes_by_rows(solver, optimizer, schedule, streaming=False):
                state = RowsState.begin(objective, theta, value=monitor.first, averaged_only=bool(self.average))
                status, rate = ProximalRows(objective).run(state, settings, monitor), None
            else:
                state = State.begin(objective, start, settings.optimizer, self._average_from())
                # A schedule that goes by the objective takes a swing as its sign to lower the rate.
                adapts = getattr(schedule, "plateau_factor", None) is not None
                monitor.exact = solver.batch_rows(objective.n_samples) >= objective.n_samples and not adapts
                if self.tol is not None and validation is None:
                    from .descent.memory_gradient import left_to_fall

                    monitor.left = left_to_fall(objective)
                status, rate = solver.run(objective, state, settings, monitor)
                if monitor.never_fell() and monitor.is_useless(self._constant_value(objective)):
                    status, monitor.best = Status.DIVERGED, monitor.begun_at
        vars(self).update(self._learned(objective, targets, monitor, state))
        if tasks is not None:
            tasks.close()
        context.call_on_fit_task_end(estimator=self, **hooks, reconstruction_attributes={})
        self._warn(status, rate, monitor, lambda: self._stable_rate(objective, solver, optimizer), stacklevel=5)
        return self

    def _hooks(self, X, y, weight, train):
        """What callbacks are given of the rows that are learned from: X and y in the user's containers, the weights given."""
        if train is not None:
            X, y = rows_of_container(X, train), rows_of_container(y, train)
            weight = None if weight is None else weight[train]
        return {"X": X, "y": y, "metadata": {} if weight is None else {"sample_weight": weight}}

    def _learned(self, objective, targets, monitor, state):
        """The attributes of a fit that ends now, those of the model worth keeping; None where there is no model yet.

        `state` is None under the memory gradient method, which has none of its own; it is not changed.
        """
        if monitor.best is None:
            return None
        n_epochs = len(monitor.objectives)
        if state is None:
            state = RowsState.begin(objective, monitor.best, value=monitor.best_objective, steps=n_epochs)
        else:
            state = state.kept_at(objective, monitor.best, monitor.best_objective)
        if objective.penalty.standardize:
            state.seen = objective.moments
        learned = {"_state": state, "t_": state.steps, "n_iter_": max(n_epochs, 1), "loss_curve_": list(monitor.objectives)}
        if monitor.validate is not None:
            learned |= {"validation_scores_": list(monitor.scores), "best_iter_": monitor.best_epoch}
        return learned | self._named(objective, monitor.best, targets)

    def _monitor(self, objective, validation):
        """The monitor of a fit; its unit is the objective of the constant model."""
        validate = None
        if validation is not None:
            X_val, targets = validation

            def validate(theta):
                coef, intercept = objective.unpack(theta)
                return self._score(np.asarray(X_val @ coef.T + intercept), targets, objective.loss)

        unit = 0.0 if self.tol is None else self._constant_value(objective)
        return Monitor(self.tol, int(self.n_iter_no_change), unit, validate)

    @staticmethod
    def _constant_value(objective):
        """F of the constant model."""
        from .descent.memory_gradient import MemoryGradient

        return MemoryGradient(objective, None, 1).constant_value()

    def _validation(self, X_val, y_val, sample_weight_val, training, loss):
        """The validation samples that were given and their targets; None where none were."""

        def encode(y, weight):
            return self._encode(y, weight, loss, training.coder and training.coder.for_validation())

        given = X_val, y_val, sample_weight_val
        return check_validation_samples(
            self, *given, encode, numeric_y=self._has_numeric_targets, at_least=self._fewest_validated
        )

    @staticmethod
    def _goes_by_rows(solver, optimizer, schedule, streaming):
        """Whether descent is by proximal steps on single rows: nothing but how many rows to see was asked for."""
        kinds = SGD | MiniBatch | Batch if streaming else SGD | MiniBatch
        return optimizer is None and schedule is None and isinstance(solver, kinds)

    @staticmethod
    def _stable_rate(objective, solver, optimizer):
        """A learning rate that would not have diverged; None where nobody knows one."""
        return stable_rate(objective, optimizer or GradientDescent(), solver.batch_rows(objective.n_samples))

    def _warn(self, status, rate, monitor, find_stable, stacklevel=4):
        """Say what went wrong, if anything did; `find_stable` is called for a stable rate where one was too high."""
        name = type(self).__name__
        if status is Status.DIVERGED:
            if rate is None:
                how, advice = "", "Scale the targets and columns; of a loss of your own, see whether sklearn_gd.check_loss passes"
            else:
                stable, how = find_stable(), f" with a learning rate of up to {rate:.3g}"
                advice = "Lower learning_rate"
                if stable is not None and rate <= stable:
                    advice = "See whether the loss passes sklearn_gd.check_loss, lower learning_rate"
                elif stable is not None:
                    advice = f"A learning rate of {stable:.2g} would be stable on these rows: lower learning_rate"
                advice += ", scale the columns, or leave learning_rate and optimizer at 'auto'"
            warnings.warn(
                f"{name} diverged in epoch {len(monitor.objectives) + 1}{how}: its objective was not finite, grew without bound, "
                f"swung without a gain, or never fell below that of the constant model. The best model before is kept. {advice}.",
                ConvergenceWarning,
                stacklevel=stacklevel,
            )
        elif status is Status.MISLED:
            warnings.warn(
                f"{name} found no step against the gradient that lowers its objective. Either the gradient of the loss does not "
                f"belong to its value (sklearn_gd.check_loss tells), or it jumps, where `smooth` denies it.",
                ConvergenceWarning,
                stacklevel=stacklevel,
            )
        elif status is Status.RUNNING and self.tol is not None:
            warnings.warn(
                f"{name} has not converged in max_iter={self.max_iter} epochs: the objective can still fall by more than "
                f"tol={self.tol} of the constant model's. Raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=stacklevel,
            )

    def _partial_fit(self, X, y, sample_weight, coder=None):
        """All of `partial_fit`: one pass over the rows given, in their order; a refused call changes nothing."""
        loss, penalty, solver, optimizer, schedule = self._resolve_parts(streaming=True)
        first = not hasattr(self, "coef_")
        X, y = check_samples(self, X, y, reset=first, numeric_y=self._has_numeric_targets)
        targets = self._encode(y, check_weight(sample_weight, X.shape[0]), loss, coder)
        growth = self._growth(targets, loss)
        seen = self._state.seen if penalty.standardize and hasattr(self, "_state") else None
        objective = self._objective(X, targets, loss, penalty, seen)
        if not first and growth is None and self._coef_2d().shape[0] != targets.n_outputs:
            raise ValueError(f"y has {targets.n_outputs} outputs; the earlier calls had {self._coef_2d().shape[0]}")
        settings = Settings(optimizer or GradientDescent(), schedule, 1, False, None, streaming=True)
        reporter = Reporter(objective, int(self.verbose), before=getattr(self, "n_iter_", 0))
        monitor = Monitor(None, 1, 0.0, reporter=reporter)
        if self._goes_by_rows(solver, optimizer, schedule, streaming=True):
            state = self._resumed_rows(objective, growth)
            status, rate = ProximalRows(objective).run(state, settings, monitor), None
        else:
            state = self._resumed_state(objective, settings.optimizer, growth)
            monitor.start(state.served, objective.value(state.served))
            status, rate = solver.run(objective, state, settings, monitor)
        if status is Status.DIVERGED:
            self._warn(status, rate, monitor, lambda: self._stable_rate(objective, solver, optimizer))
            if not first:
                return self
            if monitor.best is None:
                monitor.best = np.zeros(objective.n_coef + objective.n_outputs)
            state = State.begin(objective, monitor.best, settings.optimizer, self._average_from())
        if penalty.standardize:
            state.seen = objective.moments
        self._state = state
        self.loss_curve_ = getattr(self, "loss_curve_", []) + monitor.objectives
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1
        self.t_ = state.steps
        vars(self).update(self._named(objective, monitor.best, targets))
        return self

    def _resumed_rows(self, objective, growth):
        """A copy of the last call's row state, laid out for these rows; one that begins at the model where there is none."""
        state = getattr(self, "_state", None)
        averaged_only = bool(self.average)
        if state is None:
            return RowsState.begin(objective, averaged_only=averaged_only)
        state = self._copied_state(objective, growth)
        if isinstance(state, RowsState):
            state.averaged_only = averaged_only
            return state
        value = objective.value(state.served)
        return RowsState.begin(objective, state.served, value=value, averaged_only=averaged_only, steps=state.steps)

    def _resumed_state(self, objective, optimizer, growth):
        """A copy of the last call's state, laid out for these rows; one that begins anew where the optimizer is another."""
        n_theta = objective.n_coef + objective.n_outputs
        state = getattr(self, "_state", None)
        if state is None:
            return State.begin(objective, np.zeros(n_theta), optimizer, self._average_from())
        state = self._copied_state(objective, growth)
        if isinstance(state, RowsState):
            return State.begin(objective, state.served(objective), optimizer, self._average_from())
        if not state.serves(optimizer, self._average_from()):
            state = State.begin(objective, state.served.copy(), optimizer, self._average_from())
        return state

    def _growth(self, targets, loss):
        """How the scores grow with the classes; None where there are no new ones."""
        known = getattr(self, "classes_", None)
        if known is None:
            return None
        return Growth.between(known, targets.classes, loss.has_row_functions(), self._state.rows)

    def _copied_state(self, objective, growth):
        """A copy of the last call's state, with room for new classes, laid out for these rows."""
        state = self._state.copy()
        if growth is not None:
            state.grow(growth)
        state.adapt(objective)
        return state

    @staticmethod
    def _named(objective, theta, targets):
        """coef_, intercept_, the loss, and the classes if any."""
        coef, intercept = objective.unpack(theta)
        named = {"coef_": coef[0] if targets.flat_coef else coef, "intercept_": intercept, "loss_": objective.loss}
        if targets.coder is not None:
            named |= {"classes_": targets.classes, "_class_coder": targets.coder}
        return named

    # --- predicting ------------------------------------------------------------------------------------------------------

    def _raw_scores(self, X):
        """Scores, (n_samples, n_outputs)."""
        check_is_fitted(self)
        return np.asarray(check_features(self, X) @ self._coef_2d().T + self.intercept_)

    def _coef_2d(self):
        """coef_ as (n_outputs, n_features)."""
        return self.coef_.reshape(1, -1) if self.coef_.ndim == 1 else self.coef_
