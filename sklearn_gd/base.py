"""The common base of the two estimators: components -> samples -> objective -> method -> descend -> store."""

import contextlib
import math
import zlib
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ._collections import adapter_of, by_blocks
from ._components import Configurable, Constraints, Flag, Range, check_constraints
from ._devices import check_same_place, place_of, to_host
from ._scoring import check_scoring_parameter, validation_score
from ._sklearn import BaseEstimator, CallbackSupportMixin, has_callbacks, with_callbacks
from ._validation import (
    Held,
    Samples,
    callback_arguments,
    check_features,
    check_initial,
    check_samples,
    check_validation_samples,
    check_weight,
    split_for_validation,
)
from ._warnings import warn_of, warn_of_l1_ratio, warn_of_underflow
from .checkpoint import keeper_of
from .descent._loop import Method, Settings, descend, settled
from .descent._monitor import INTERPOLATED, SEPARATED, Monitor
from .descent._observers import EpochTasks, VerboseLine, printed_log
from .descent._state import ModelState
from .losses import Loss, resolve_loss
from .objective._objective import Objective
from .objective._preconditioner import SMALLEST_VARIANCE
from .optimizers import resolve_optimizer
from .penalties import resolve_penalty
from .schedules import resolve_schedule
from .solvers import check_device, resolve_solver, runs_on_devices

# The constraints of the parameters that are not components.
CONSTRAINTS: Constraints = {
    "alpha": Range(0),
    "l1_ratio": Range(0, 1, none=True),
    "max_iter": Range(1, integer=True),
    "tol": Range(0, none=True),
    "validation_fraction": Range(0, 1, closed="neither"),
    "n_iter_no_change": Range(1, integer=True),
    "fit_intercept": Flag(),
    "shuffle": Flag(),
    "early_stopping": Flag(),
    "warm_start": Flag(),
}
NUMBERS_OR_FLAGS = {"average": Range(0, integer=True), "verbose": Range(0, integer=True)}
MOST_PATIENCE = 0.25  # of `max_iter`: the longest patience that a method may ask for


class BaseGD(CallbackSupportMixin, Configurable, BaseEstimator, metaclass=ABCMeta):
    """Abstract base of the two estimators; a subclass defines the encoding of y and the prediction from a score."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = runs_on_devices(self.solver, self.optimizer, self.learning_rate, self.average)
        return tags

    # --- the interface of subclasses -------------------------------------------------------------------------------------

    # Whether y holds numbers, of one or more outputs; otherwise it holds labels.
    _has_numeric_targets: bool
    # The class of its losses.
    _loss_base: type[Loss]
    # The value for models pickled before this parameter existed, which were validated by their `score`.
    scoring: str | Callable[..., float] | None = None
    # The parameters, documented in the subclasses.
    loss: Any
    solver: Any
    optimizer: Any
    learning_rate: Any
    average: Any
    # The attributes that `fit` and `partial_fit` store.
    coef_: np.ndarray
    intercept_: np.ndarray
    loss_: Any
    validation_scores_: list[float]
    best_iter_: int
    n_features_in_: int
    feature_names_in_: np.ndarray

    @abstractmethod
    def _encode(self, y, weight, loss, coder=None):
        """The `Targets` of validated y; raises if y is outside the loss's domain. Does not change the estimator.

        `coder` has the classes of earlier calls, or of the training samples; None in `fit`, and in regression.
        """

    # --- fitting ---------------------------------------------------------------------------------------------------------

    def _resolve_loss(self):
        """The validated loss object for the parameter: a copy, so that the loss of a fitted model does not change."""
        loss = resolve_loss(self.loss, self._loss_base)
        return clone(loss) if loss is self.loss else loss

    def _resolve_parts(self, streaming):
        """Check all parameters and convert components to objects, before any computation; None stands for "auto"."""
        self._check_parameters()
        loss, penalty = self._resolve_loss(), resolve_penalty(self.penalty, self.l1_ratio)
        warn_of_l1_ratio(self.penalty, self.l1_ratio)
        settings = Settings(
            resolve_optimizer(self.optimizer),
            resolve_schedule(self.learning_rate),
            max_iter=1 if streaming else int(self.max_iter),
            shuffle=bool(self.shuffle) and not streaming,
            rng=None if streaming else check_random_state(self.random_state),
            average_from=float(self.average) if self.average else math.inf,
            streaming=streaming,
        )
        solver = resolve_solver(self.solver, settings)
        solver.check(settings, loss, penalty)
        return loss, penalty, solver, settings

    def _check_parameters(self):
        """Check the parameters that are not components."""
        check_constraints(self, CONSTRAINTS)
        check_scoring_parameter(self.scoring)
        for name, allowed in NUMBERS_OR_FLAGS.items():
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                try:
                    allowed.check(self, name)
                except (TypeError, ValueError) as error:
                    raise type(error)(f"{error}, or True or False") from None
        try:
            check_random_state(self.random_state)
        except ValueError as error:
            raise ValueError(f"random_state={self.random_state!r} must be an int, a RandomState or None") from error

    # Observers of the epochs of `fit`, in addition to the verbose line and the callbacks.
    _observers = ()

    def _known_loss(self):
        """The loss of the last fit; before the first fit, that of the parameter."""
        return self.loss_ if hasattr(self, "loss_") else self._resolve_loss()

    def _objective(self, X, targets, loss, penalty, **more):
        """The objective on the samples of positive weight; `more` are parameters of `Objective`."""
        keep = targets.weight > 0
        if not keep.all():
            X, targets = place_of(X).rows(X, keep), targets.rows(keep)
        return Objective(
            X,
            np.require(targets.y, dtype=np.float64, requirements="CW"),
            targets.weight,
            loss=loss,
            penalty=penalty,
            alpha=self.alpha,
            n_outputs=targets.n_outputs,
            fit_intercept=bool(self.fit_intercept),
            one_vs_rest=targets.one_vs_rest,
            **more,
        )

    def _start(self, n_outputs, n_features, coef_init, intercept_init):
        """The model to start from: the given one, that of the last fit with `warm_start`, or None."""
        shape = (n_outputs, n_features)
        if coef_init is None and intercept_init is None:
            if not (self.warm_start and hasattr(self, "coef_")):
                return None
            coef, intercept = to_host(self._coef_2d()), self._host_intercept()
            if coef.shape != shape:
                raise ValueError(f"warm_start: coef_ of the previous fit has shape {coef.shape}, but these data need {shape}")
            coef_init, intercept_init = coef, intercept
        return ModelState(*check_initial(coef_init, intercept_init, shape, self.fit_intercept))

    @contextlib.contextmanager
    def _unchanged_when_refused(self):
        """Restore all attributes if the call raises."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def fit(
        self,
        X: Samples,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        coef_init: ArrayLike | None = None,
        intercept_init: ArrayLike | None = None,
        X_val: Samples | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The samples. float32 and float64 are used as they are; sparse formats other than CSR are converted.
        y : array-like, (n_samples,) or (n_samples, n_outputs)
            The targets, or the labels of a classifier. Only regression takes several outputs.
        sample_weight : array-like, (n_samples,), optional
            Sample weights >= 0; a sample of weight zero is ignored.
        coef_init, intercept_init : array-like, optional
            Initial coefficients and intercept, in the shapes of `coef_` and `intercept_`. By default both are zero, except that
            the memory gradient method starts from the null model. It also does so if the objective of the given initial model
            is not finite or more than a million times that of the null model.
        X_val, y_val, sample_weight_val : array-like, optional
            Validation samples, scored by `scoring` after every epoch. The fit stops when the score no longer improves, and keeps
            the model with the best score.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an input is invalid. The message names it and its value, and the estimator is left unchanged.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the fit has not converged after `max_iter` epochs, or has diverged. In both cases the best finite model is kept.
        """
        with self._unchanged_when_refused():
            return self._fit(X, y, sample_weight, coef_init, intercept_init, X_val, y_val, sample_weight_val)

    @with_callbacks
    def _fit(self, X, y, sample_weight, coef_init, intercept_init, X_val, y_val, sample_weight_val):
        """Run `fit`: the attributes of the model are stored when the descent has ended."""
        # 1. the components, checked
        loss, penalty, solver, settings = self._resolve_parts(streaming=False)
        # 2. the samples: validated, y encoded, some of them held out for validation
        given, lies_elsewhere = (X, y), adapter_of(X) is not None  # what callbacks receive
        X, y = check_samples(self, X, y, reset=True, numeric_y=self._has_numeric_targets)
        if lies_elsewhere:
            solver = solver.in_blocks(settings)
            if self.early_stopping:
                given = X, y  # of which samples can be held out
        check_device(place_of(X), self.solver, solver, settings)
        weight = check_weight(sample_weight, X.shape[0])
        targets = self._encode(y, weight, loss)
        validation = self._validation(X_val, y_val, sample_weight_val, targets, loss)
        start = self._start(targets.n_outputs, X.shape[1], coef_init, intercept_init)
        keeper = self._checkpointed(settings.rng, X, targets, validation, start)
        train = None
        if validation is None and self.early_stopping:
            rng = check_random_state(self.random_state)
            train, held = split_for_validation(targets, self.validation_fraction, rng)
            rows = place_of(X).rows
            validation = Held(rows(X, held), y[held], targets.rows(held))
            X, targets = rows(X, train), targets.rows(train)
        # Callbacks receive copies of `self`, whose attributes must not include scores of an earlier fit.
        for name in {"validation_scores_", "best_iter_"} & vars(self).keys():
            delattr(self, name)
        context = self._init_callback_context(max_subtasks=int(self.max_iter))
        hooks = callback_arguments(*given, None if sample_weight is None else weight, train)
        context.call_on_fit_task_begin(estimator=self, **hooks)
        with np.errstate(under="ignore"), self._objective(X, targets, loss, penalty) as objective:
            # 3. the method, its monitor and observers
            method = method_of(solver, objective, settings, start)
            tasks = []
            # Without callbacks epochs are not tasks, to save thousands of unused contexts.
            if has_callbacks(self):
                tasks = [EpochTasks(context, self, hooks, lambda: self._fitted(objective, targets, method, monitor))]
            monitor = self._monitor(objective, method, self._validate(objective, validation, targets), tasks)
            # 4. the descent
            with printed_log(self.verbose):
                status = descend(method, monitor, int(self.max_iter), keeper)
            status = settled(objective, method, monitor, status)
            # 5. the fitted attributes
            vars(self).update(self._fitted(objective, targets, method, monitor))
            self._known_model = self._model_in_hand()
            context.call_on_fit_task_end(estimator=self, **hooks, reconstruction_attributes={})
            warn_of(self, status, method, monitor)
            null = math.nan if self.tol is None else objective.null_value()
            warn_of_underflow(self, objective, SMALLEST_VARIANCE, null)
        return self

    def _checkpointed(self, rng, X, targets, validation, start):
        """The keeper of the fit's states: that of a `Checkpoint` among the callbacks, or one that saves nothing."""
        held = (None, None, None) if validation is None else (validation.X, validation.y, validation.targets.weight)
        return keeper_of(
            self,
            rng,
            X=X,
            y=targets.y,
            classes=None if targets.classes is None else np.asarray(targets.classes),
            weights=targets.weight,
            X_val=held[0],
            y_val=held[1],
            weights_val=held[2],
            coef_start=None if start is None else start.coef,
            intercept_start=None if start is None else start.intercept,
        )

    def _validate(self, objective, held, targets):
        """A function that returns the validation score of theta; None without validation samples."""
        if held is None:
            return None
        return validation_score(self, objective, held, lambda theta: self._named(objective, theta, targets))

    def _monitor(self, objective, method, validate, tasks):
        """The monitor of a fit, with all its observers."""
        patience = int(self.n_iter_no_change)
        if validate is None:
            patience = max(patience, min(method.least_patience, int(MOST_PATIENCE * self.max_iter)))
        return Monitor(
            self.tol,
            patience,
            0.0 if self.tol is None else objective.null_value(),
            validate=validate,
            scores_are_losses=validate is not None and validate.is_loss,
            expected_decrease=None if self.tol is None or validate else method.expected_decrease,
            full_batch=method.full_batch,
            least_share=INTERPOLATED if objective.loss.scales_with_target else SEPARATED,
            observers=[*self._verbose_line(objective), *tasks, *self._observers],
        )

    def _verbose_line(self, objective, before=0):
        """The observer that prints, in a list; an empty one without `verbose`."""
        return [VerboseLine(objective, int(self.verbose), before)] if self.verbose else []

    def _fitted(self, objective, targets, method, monitor):
        """The attributes of a fit that ends now, with the best model; None before there is one."""
        if monitor.best is None:
            return None
        n_epochs = len(monitor.objectives)
        state = method.state(monitor.best, monitor.best_objective, n_epochs)
        if objective.penalty.standardize:
            state.seen = objective.moments
        fitted = {"_state": state, "t_": state.steps, "n_iter_": max(n_epochs, 1), "loss_curve_": list(monitor.curve)}
        if monitor.validate is not None:
            fitted |= {"validation_scores_": list(monitor.score_curve), "best_iter_": monitor.best_epoch}
        return fitted | self._named(objective, monitor.best, targets)

    def _validation(self, X_val, y_val, sample_weight_val, training, loss):
        """The given validation samples and their targets; None if none were given."""

        def encode(y, weight):
            return self._encode(y, weight, loss, training.coder and training.coder.for_validation())

        given = X_val, y_val, sample_weight_val
        return check_validation_samples(self, *given, encode, numeric_y=self._has_numeric_targets)

    def _model_in_hand(self):
        """The checksum of the coefficients, where they are stored, and the intercepts."""
        coef = to_host(self._coef_2d()) if "coef_" in vars(self) else np.zeros(0)
        return checksum(coef, self._host_intercept())

    @staticmethod
    def _named(objective, theta, targets):
        """coef_, intercept_, the loss, and the classes if any."""
        (coef, intercept), place = objective.unpack(theta), objective.rows.place
        coef, intercept = place.put(coef[0] if targets.flat_coef else coef), place.put(intercept)
        named = {"coef_": coef, "intercept_": intercept, "loss_": objective.loss}
        if targets.coder is not None:
            named |= {"classes_": place.put_labels(targets.classes), "_class_coder": targets.coder}
        return named

    # --- predicting ------------------------------------------------------------------------------------------------------

    def _raw_scores(self, X, method):
        """Scores for the public `method`, (n_samples, n_outputs), and the place of the scores and X."""
        check_is_fitted(self)
        check_same_place(self, X, method)
        place = place_of(X)
        X, coef = self._model_for(check_features(self, X))
        return place.scores(X, coef, self.intercept_), place

    def _model_for(self, X):
        """X and coef_, (n_outputs, n_features), or less of both with the same product."""
        return X, self._coef_2d()

    @by_blocks
    def _host_scores(self, X):
        """Scores for the public `score`, on the host."""
        return to_host(self._raw_scores(X, "score")[0])

    def _host_intercept(self):
        """intercept_ on the host, (n_outputs,)."""
        return np.atleast_1d(to_host(self.intercept_))

    def _is_flat(self):
        """Whether coef_ has one dimension."""
        return self.coef_.ndim == 1

    def _coef_2d(self):
        """coef_ as (n_outputs, n_features)."""
        return self.coef_[None, :] if self._is_flat() else self.coef_


def method_of(solver: Any, objective: Any, settings: Any, state: Any) -> Method:
    """The solver's method of descent; a TypeError where it returns something else."""
    method = solver.method(objective, settings, state)
    if not isinstance(method, Method):
        raise TypeError(f"{type(solver).__name__}.method returned {method!r}; it must return a sklearn_gd.descent.Method")
    return method


def checksum(coef: Any, intercept: Any) -> int:
    """A number that tells these coefficients and intercepts from others; quick, as every call of a stream asks for it."""
    return zlib.crc32(np.ascontiguousarray(intercept).data, zlib.crc32(np.ascontiguousarray(coef).data))
