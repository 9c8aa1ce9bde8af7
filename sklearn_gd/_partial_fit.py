"""`partial_fit` of the two estimators: one pass over samples that arrive in batches, from the state of the last call."""

import contextlib
import functools
import math
from abc import ABCMeta
from typing import Any

import numpy as np

from ._classes import Growth, check_comparable
from ._collections import adapter_of, in_memory_values
from ._devices import place_of, to_host
from ._validation import check_initial, check_samples, check_weight
from ._warnings import warn_of, warn_of_underflow
from .base import BaseGD, checksum, method_of
from .descent._few_features import FewFeatures, NeedsAllFeatures, has_few, present, renumbered
from .descent._loop import descend, offer_null_model
from .descent._monitor import Monitor, Status
from .descent._observers import printed_log
from .descent._state import ModelState
from .solvers import check_device

STREAMED_VARIANCE = 1e-307  # of a feature that a stream can use: the smallest normal number, about


class StreamingGD(BaseGD, metaclass=ABCMeta):
    """Abstract base of the two estimators, with `partial_fit` in addition to `fit`."""

    # The state from which the next call resumes, and whether `coef_` has one dimension if it is made of the state.
    _state: Any
    _has_flat_coef: bool
    # The attributes that every call updates.
    n_iter_: int
    t_: int
    loss_curve_: list[float]

    @functools.cached_property
    def coef_(self) -> np.ndarray:
        """The coefficients: stored by `fit`; made of the state after a call of `partial_fit` on few of the features."""
        if "_state" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'coef_'")
        coef = self._state.coefficients()
        coef = coef[0] if self._has_flat_coef else coef
        if not self._has_assigned_model():
            self._known_model = checksum(coef, self._host_intercept())
        return coef

    def _coef_is_due(self):
        """Whether `coef_` has yet to be made of the state."""
        return "coef_" not in vars(self) and "_state" in vars(self)

    def _is_flat(self):
        return self._has_flat_coef if self._coef_is_due() else super()._is_flat()

    def _model_for(self, X):
        """X and coef_; both with the features of X only, if these are few and `coef_` has yet to be made of the state."""
        if not (self._coef_is_due() and has_few(X)):
            return super()._model_for(X)
        index, place = present(X)
        return renumbered(X, place, len(index)), self._state.coefficients(index)

    def __copy__(self) -> Any:
        """A copy that continues its stream separately: a call may change the state in place."""
        copied = object.__new__(type(self))
        vars(copied).update(vars(self))
        for name in {"_state", "loss_curve_"} & vars(self).keys():
            setattr(copied, name, getattr(self, name).copy())
        return copied

    def _partial_fit(self, X, y, sample_weight, coder=None):
        """Run `partial_fit`: one pass over the samples, in their order; a call that raises changes nothing."""
        adapter = adapter_of(X)
        if adapter is not None:
            return self._partial_fit_blocks(adapter.stream(X), in_memory_values(y), in_memory_values(sample_weight), coder)
        loss, penalty, solver, settings = self._resolve_parts(streaming=True)
        started = "_state" in vars(self)
        first = not (started or hasattr(self, "coef_"))
        unknown = first or not hasattr(self, "n_features_in_")
        if not (first or hasattr(self, "intercept_")):
            raise ValueError("coef_ was assigned, but intercept_ was not: assign both, or neither")
        X, y = check_samples(self, X, y, reset=unknown, numeric_y=self._has_numeric_targets)
        check_device(place_of(X), self.solver, solver, settings)
        targets = self._encode(y, check_weight(sample_weight, X.shape[0]), loss, coder)
        growth = self._growth(targets, loss)
        known = None if first else len(self._host_intercept())
        if known is not None and growth is None and known != targets.n_outputs:
            raise ValueError(f"y has {targets.n_outputs} outputs; it must have {known}, as in earlier calls")
        call = functools.partial(self._learn, targets=targets, parts=(loss, penalty, solver, settings), first=first)
        assigned = not first and (not started or self._has_assigned_model())
        if started and growth is None and not self.verbose and not assigned:
            few = FewFeatures.of(X, self._state, solver, settings, penalty, self.alpha)
            if few is not None:
                with contextlib.suppress(NeedsAllFeatures):
                    return call(few.X, few.state, few)
        return call(X, self._resumed(growth, (targets.n_outputs, X.shape[1]) if assigned else None))

    def _learn(self, X, state, few=None, *, targets, parts, first):
        """One pass over the samples, from the given state; on few features, the state of the stream then takes in the result."""
        loss, penalty, solver, settings = parts
        seen = state.seen if penalty.standardize and state is not None else None
        with np.errstate(under="ignore"), self._objective(X, targets, loss, penalty, seen=seen, elsewhere=few) as objective:
            if state is not None:
                state.adapt(objective)
            method = method_of(solver, objective, settings, state)
            monitor = Monitor(None, 1, 0.0, observers=self._verbose_line(objective, getattr(self, "n_iter_", 0)))
            with printed_log(self.verbose):
                status = descend(method, monitor, 1)
            if status is Status.DIVERGED:
                warn_of(self, status, method, monitor)
                if not first:
                    return self
                offer_null_model(objective, monitor)
                state = ModelState(*objective.unpack(monitor.best))
            else:
                state = method.state(monitor.best, monitor.best_objective, 1)
            if penalty.standardize:
                state.seen = objective.moments
            warn_of_underflow(self, objective, STREAMED_VARIANCE, math.nan)
            named = self._named(objective, monitor.best, targets)
            if few is not None:
                state = few.keep(objective)
                # `coef_` is made of the state when it is asked for.
                vars(self).pop("coef_", None)
                self._has_flat_coef = named.pop("coef_").ndim == 1
        self._state, self.t_ = state, state.steps
        # In place, as a copy in each of a million calls would take longer than the calls.
        self.loss_curve_ = getattr(self, "loss_curve_", [])
        self.loss_curve_ += monitor.curve
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1
        vars(self).update(named)
        self._known_model = self._model_in_hand()
        return self

    def _partial_fit_blocks(self, blocks, y, sample_weight, coder):
        """Run `partial_fit` on each block; all labels are known before the first one."""
        if coder is not None:
            check_comparable(y)
            counted = slice(None) if sample_weight is None or np.ndim(sample_weight) == 0 else np.asarray(sample_weight) > 0
            coder = coder.expecting(np.asarray(y)[counted])
        # Blocks change the curve and the state in place, and a refused call must leave the old ones.
        self.loss_curve_ = list(getattr(self, "loss_curve_", []))
        if "_state" in vars(self):
            self._state = self._state.copy()
        y, stop = np.asarray(y), 0
        for place, X in enumerate(blocks):
            start, stop = stop, stop + X.shape[0]
            if stop == start:
                continue
            if stop > len(y):
                break
            weight = sample_weight if sample_weight is None or np.ndim(sample_weight) == 0 else sample_weight[start:stop]
            try:
                self._partial_fit(X, y[start:stop], weight, coder)
            except (TypeError, ValueError) as error:
                raise type(error)(f"block {place} of X: {error}") from error
            coder = coder and self._class_coder
        if not stop:
            raise ValueError("X has no samples; partial_fit needs at least one")
        if stop != len(y):
            raise ValueError(f"y has {len(y)} samples, but X has {'more' if stop > len(y) else stop}")
        return self

    def _resumed(self, growth, assigned):
        """A copy of the last call's state, with room for new classes; None before the first.

        If the user has assigned coefficients, such as the mean of several models, `assigned` is their expected shape, and a new
        state starts from them.
        """
        state = self._state.copy() if "_state" in vars(self) else None
        if assigned is not None:
            coef = to_host(self._coef_2d())
            shape = assigned if growth is None else (coef.shape[0], assigned[1])
            given = ModelState(*check_initial(coef, self._host_intercept(), shape, self.fit_intercept))
            if state is not None:
                given.steps, given.seen = state.steps, state.seen
            state = given
        if growth is not None:
            state.grow(growth)
        return state

    def _has_assigned_model(self):
        """Whether the user has assigned or changed coefficients or intercepts since the last call."""
        return getattr(self, "_known_model", None) not in (None, self._model_in_hand())

    def _growth(self, targets, loss):
        """The growth of the scores with the classes; None without new classes."""
        known = to_host(getattr(self, "classes_", None))
        if known is None or "_state" not in vars(self):
            return None
        return Growth.between(known, targets.classes, loss.has_row_functions(), self._state.rows)
