"""What the two estimators share: resolve the parts -> validate -> encode y -> descend -> store."""

import math
import warnings
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, replace
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ._components import Configurable, check_flag, check_number, resolve
from .optimizers import GradientDescent, resolve_optimizer
from .penalties import PENALTIES, ElasticNet, NoPenalty, Penalty
from .descent._rows_state import RowsState
from .descent.proximal_rows import ProximalRows
from .descent._observers import EpochTasks, Reporter
from .schedules import resolve_schedule
from .solvers import SGD, SOLVERS, Batch, MiniBatch, Settings, Solver, stable_rate
from .descent._state import State
from .descent._monitor import Monitor, Status

_FLOATS = [np.float64, np.float32]


@dataclass(frozen=True)
class Targets:
    """What y and the weights have become: a target for each score, or class indices where `one_vs_rest`."""

    y: np.ndarray
    weight: np.ndarray
    n_outputs: int
    one_vs_rest: bool = False
    flat_coef: bool = False
    classes: np.ndarray | None = None
    class_totals: np.ndarray | None = None

    def rows(self, which):
        """Those of some rows."""
        return replace(self, y=self.y[which], weight=self.weight[which])


def held_out(strata, fraction, rng):
    """Which rows early stopping sets aside: rows at even distances, sorted by class and at random within each.

    Every class gives its share to within a row, and keeps a row to learn from. scikit-learn's stratified split refuses classes
    of one row, and fewer validation rows than classes.
    """
    n = len(strata)
    order = rng.permutation(n)
    order = order[np.argsort(strata[order], kind="stable")]
    n_held = math.ceil(fraction * n)
    held = np.zeros(n, dtype=bool)
    held[order[(np.arange(n_held) * n + rng.randint(n)) // n_held]] = True
    classes, code = np.unique(strata, return_inverse=True)
    emptied = np.bincount(code, weights=~held) == 0
    first = order[np.searchsorted(strata[order], classes)]
    held[first[emptied]] = False
    return held


def rows_of_container(values, which):
    """Some rows of a matrix, a list or a data frame, in its own kind."""
    if hasattr(values, "iloc"):
        return values.iloc[which]
    if hasattr(values, "tocsr"):
        return values.tocsr()[which]
    return values[which] if hasattr(values, "shape") else np.asarray(values)[which]


class BaseGD(CallbackSupportMixin, Configurable, BaseEstimator, metaclass=ABCMeta):
    """Abstract base of the two estimators; a subclass says how y is encoded and how a score becomes a prediction."""

    @abstractmethod
    def __init__(
        self,
        loss,
        *,
        penalty,
        alpha,
        l1_ratio,
        fit_intercept,
        solver,
        optimizer,
        learning_rate,
        max_iter,
        tol,
        shuffle,
        early_stopping,
        validation_fraction,
        n_iter_no_change,
        average,
        warm_start,
        random_state,
        verbose,
    ):
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.average = average
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # --- what a subclass knows -------------------------------------------------------------------------------------------

    @abstractmethod
    def _resolve_loss(self):
        """The loss object."""

    @abstractmethod
    def _targets(self, y, weight, loss, classes=None, streaming=False):
        """The `Targets` of validated y; raises where y is outside the loss's domain. Changes nothing on the estimator."""

    @abstractmethod
    def _score_of(self, raw, targets):
        """The validation score of raw scores (n_samples, n_outputs), the higher the better."""

    # --- fitting ---------------------------------------------------------------------------------------------------------

    def _resolve_parts(self, streaming):
        """Check every parameter and turn each part into its object, before any work is done."""
        check_number(self, "alpha", least=0)
        check_number(self, "l1_ratio", least=0, most=1)
        check_number(self, "max_iter", least=1, integer=True)
        check_number(self, "tol", least=0, none=True)
        check_number(self, "validation_fraction", above=0, below=1)
        check_number(self, "n_iter_no_change", least=1, integer=True)
        for name in ("fit_intercept", "shuffle", "early_stopping", "warm_start"):
            check_flag(self, name)
        check_number(self, "verbose", least=0, integer=True) if self.verbose not in (True, False) else None
        average = self.average
        if not (isinstance(average, (bool, np.bool_)) or (isinstance(average, Integral) and average >= 0)):
            raise ValueError(f"{type(self).__name__}: average={average!r} must be a bool, 0 for none, or the step to begin at")
        try:
            check_random_state(self.random_state)
        except ValueError as error:
            raise ValueError(f"random_state={self.random_state!r} must be an int, a RandomState or None") from error
        loss = self._resolve_loss()
        penalty = self._resolve_penalty()
        optimizer = self._resolve_optimizer()
        schedule = self._resolve_schedule()
        solver = self._resolve_solver(optimizer, schedule, streaming)
        return loss, penalty, solver, optimizer, schedule

    def _resolve_penalty(self):
        if self.penalty is None:
            return NoPenalty()
        if isinstance(self.penalty, str) and self.penalty == "elasticnet":
            return ElasticNet(l1_ratio=self.l1_ratio)
        return resolve("penalty", self.penalty, Penalty, PENALTIES)

    def _resolve_optimizer(self):
        """The optimizer, or None for "auto"."""
        return resolve_optimizer(self.optimizer)

    def _resolve_schedule(self):
        """The schedule, or None for "auto"."""
        return resolve_schedule(self.learning_rate)

    def _resolve_solver(self, optimizer, schedule, streaming):
        if isinstance(self.solver, str) and self.solver == "auto":
            if optimizer is not None or schedule is not None:
                return MiniBatch()
            return SGD() if streaming or self.average else Batch()
        solver = resolve("solver", self.solver, Solver, SOLVERS, ["auto"])
        solver.check(optimizer, bool(self.average), streaming)
        return solver

    def _validated(self, X, y, *, reset):
        """X as C-contiguous floats or CSR, y as an array."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None")
        if isinstance(self, RegressorMixin) and np.asarray(y).dtype.kind in "US":
            raise ValueError(f"y holds text, such as {np.asarray(y).flat[0].item()!r}: {type(self).__name__} needs numbers")
        return validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=_FLOATS,
            order="C",
            reset=reset,
            multi_output=isinstance(self, RegressorMixin),
            y_numeric=isinstance(self, RegressorMixin),
        )

    @staticmethod
    def _validated_weight(sample_weight, n_samples, name="sample_weight"):
        """Weights as float64, finite, none negative, not all zero."""
        if sample_weight is None:
            return np.ones(n_samples)
        if isinstance(sample_weight, Real):
            sample_weight = np.full(n_samples, sample_weight, dtype=np.float64)
        weight = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name=name, ensure_min_samples=0)
        if weight.ndim != 1:
            raise ValueError(f"{name} must be 1D: sample weights must be 1D array or scalar, got shape {weight.shape}")
        if len(weight) != n_samples:
            raise ValueError(f"{name}.shape == {weight.shape}, expected {(n_samples,)}!")
        if (weight < 0).any():
            at = int((weight < 0).argmax())
            raise ValueError(
                f"{name}[{at}] is {weight[at].item()!r}: negative values in data passed to {name}; a weight must be >= 0"
            )
        if not weight.any():
            raise ValueError(f"{name} is zero for every row: at least one must be positive")
        return weight

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
        coef = np.zeros(shape)
        if coef_init is not None:
            given = check_array(coef_init, ensure_2d=False, dtype=np.float64, input_name="coef_init")
            if given.shape != shape and not (shape[0] == 1 and given.shape == (shape[1],)):
                raise ValueError(f"coef_init has shape {given.shape}; it must be {shape}")
            coef = given.reshape(shape)
        intercept = np.zeros(shape[0])
        if intercept_init is not None:
            given = check_array(np.atleast_1d(intercept_init), ensure_2d=False, dtype=np.float64, input_name="intercept_init")
            if given.shape != (shape[0],):
                raise ValueError(f"intercept_init has shape {given.shape}; it must be {(shape[0],)}")
            if self.fit_intercept:
                intercept = given
        return objective.pack(coef, intercept)

    @contextmanager
    def _unchanged_when_refused(self):
        """Take every attribute back to what it was if the call raises."""
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
        X, y = self._validated(X, y, reset=True)
        weight = self._validated_weight(sample_weight, X.shape[0])
        targets = self._targets(y, weight, loss)
        validation = self._validation(X_val, y_val, sample_weight_val, targets, loss)
        train = None
        if validation is None and self.early_stopping:
            train, held = self._split(targets)
            validation = X[held], targets.rows(held)
            X, targets = X[train], targets.rows(train)
        objective = self._objective(X, targets, loss, penalty)
        theta = self._initial(objective, coef_init, intercept_init)
        monitor, state = self._monitor(objective, validation), None
        for name in ("validation_scores_", "best_iter_"):
            vars(self).pop(name, None)
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
                return self._score_of(np.asarray(X_val @ coef.T + intercept), targets)

        unit = 0.0 if self.tol is None else self._constant_value(objective)
        return Monitor(self.tol, int(self.n_iter_no_change), unit, validate)

    @staticmethod
    def _constant_value(objective):
        """F of the constant model."""
        from .descent.memory_gradient import MemoryGradient

        return MemoryGradient(objective, None, 1).constant_value()

    def _validation(self, X_val, y_val, sample_weight_val, training, loss):
        """The validation rows that were given and their targets; None where none were."""
        if X_val is None and y_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val was given without X_val and y_val")
            return None
        if X_val is None or y_val is None:
            missing, given = ("X_val", "y_val") if X_val is None else ("y_val", "X_val")
            raise ValueError(f"{given} was given without {missing}: validation needs both")
        try:
            X_val, y_val = self._validated(X_val, y_val, reset=False)
            weight = self._validated_weight(sample_weight_val, X_val.shape[0], "sample_weight_val")
            targets = self._targets(y_val, weight, loss, training.classes)
        except ValueError as error:
            # What it says of X and y is said of these.
            raise ValueError(f"X_val, y_val: {error}") from error
        rows = np.flatnonzero(targets.weight > 0)
        if len(rows) < self._least_validated:
            raise ValueError(f"X_val has {len(rows)} row of positive weight; its score needs {self._least_validated}")
        return X_val[rows], targets.rows(rows)

    @property
    def _least_validated(self):
        """How many validation rows a score needs: R^2 of a single one is not defined."""
        return 2 if isinstance(self, RegressorMixin) else 1

    def _split(self, targets):
        """The indices of the training rows, and of those that early stopping sets aside; all of positive weight."""
        rows = np.flatnonzero(targets.weight > 0)
        strata = targets.y[rows, 0] if isinstance(self, ClassifierMixin) else np.zeros(len(rows))
        held = held_out(strata, self.validation_fraction, check_random_state(self.random_state))
        if held.sum() < self._least_validated:
            raise ValueError(
                f"validation_fraction={self.validation_fraction!r} of {len(rows)} rows leaves {held.sum()} to validate on, and "
                f"early_stopping needs {self._least_validated}: raise it, or give X_val and y_val to fit"
            )
        return rows[~held], rows[held]

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

    def _partial_fit(self, X, y, sample_weight, classes=None):
        """All of `partial_fit`: one pass over the rows given, in their order; a refused call changes nothing."""
        loss, penalty, solver, optimizer, schedule = self._resolve_parts(streaming=True)
        first = not hasattr(self, "coef_")
        X, y = self._validated(X, y, reset=first)
        targets = self._targets(y, self._validated_weight(sample_weight, X.shape[0]), loss, classes, True)
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
            return State.begin(objective, state.predicting(objective), optimizer, self._average_from())
        if not state.serves(optimizer, self._average_from()):
            state = State.begin(objective, state.served.copy(), optimizer, self._average_from())
        return state

    def _growth(self, targets, loss):
        """How the scores grow with the classes; None where there are no new ones."""
        known = getattr(self, "classes_", None)
        if targets.classes is None or known is None or len(known) == len(targets.classes):
            return None
        from ._classes import Growth

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
        """coef_, intercept_ and what the targets are called."""
        coef, intercept = objective.unpack(theta)
        named = {"coef_": coef[0] if targets.flat_coef else coef, "intercept_": intercept}
        if targets.classes is not None:
            named |= {"classes_": targets.classes, "_class_totals": targets.class_totals}
        return named

    # --- predicting ------------------------------------------------------------------------------------------------------

    def _raw_scores(self, X):
        """Scores, (n_samples, n_outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=_FLOATS, reset=False)
        return np.asarray(X @ self._coef_2d().T + self.intercept_)

    def _coef_2d(self):
        """coef_ as (n_outputs, n_features)."""
        return self.coef_.reshape(1, -1) if self.coef_.ndim == 1 else self.coef_
