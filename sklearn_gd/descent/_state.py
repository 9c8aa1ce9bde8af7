"""The states from which `partial_fit` resumes a descent. Pickled with the estimator.

Every state has `steps` and `rows` (counts), `predicting(objective)` (a theta), `copy()`, `grow(growth)` (new classes),
`adapt(objective)` (other rows, dense or CSR), `has_parts(settings, penalty)` (whether a call may work on some of the features)
and `seen` (moments of the features so far, or None).
"""

import math
from dataclasses import dataclass, field, fields, replace

import numpy as np

from .._layout import N_STEP_COUNTERS, ROWS, SCALE, SCALE_SUM, STEPS, THRESHOLD, Lazy
from .._stored import public_name, stored
from ..objective._coordinates import OF_THE_DATA, Coordinates
from ..objective._moments import Moments
from ..optimizers import GradientDescent
from ..penalties import soft_threshold

FEATURES_PER_CHANGE = 64  # of a sum over all features, after which it is computed again


def new_counters():
    """The counters of a `StepState` before its first step."""
    counters = np.zeros(N_STEP_COUNTERS)
    counters[SCALE] = 1.0
    return counters


def is_worn(age, n_features):
    """Whether a sum over all features is to be computed again after `age` changes, as each has left a rounding error."""
    return age > n_features // FEATURES_PER_CHANGE


def copied(value):
    """A copy of an array, of moments, or of a named tuple of arrays; anything else as it is."""
    if isinstance(value, (np.ndarray, Moments)):
        return value.copy()
    return type(value)(*map(copied, value)) if isinstance(value, tuple) else value


@stored
@dataclass
class ModelState:
    """A model, and the statistics of its training samples that a stream needs.

    Parameters
    ----------
    coef : ndarray, (n_outputs, n_features)
        The coefficients.
    intercept : ndarray, (n_outputs,)
        The intercept.
    value : float
        F of the model on those samples.
    steps : int
        The number of steps (iterations, epochs) that led to it.
    rows : float
        The number of training samples; 0 for a model that was given.
    moments : Moments or None
        Of the features; None for a model that was given.
    target_mean : ndarray or None
        The mean of each target; None for a model that was given.
    seen : Moments or None
        As `moments`, if the unit of the penalty is the size of the features.
    """

    coef: np.ndarray
    intercept: np.ndarray
    value: float = 0.0
    steps: int = 0
    rows: float = 0.0
    moments: Moments | None = None
    target_mean: np.ndarray | None = None
    seen: Moments | None = None

    @classmethod
    def of(cls, objective, theta, value, steps):
        """The state after a fit to the objective's samples."""
        known = float(objective.n_samples), objective.moments, objective.target.mean(axis=0)
        return cls(*objective.unpack(theta), value, steps, *known)

    def predicting(self, objective):
        """theta of the model."""
        return objective.pack(self.coef, self.intercept)

    def copy(self):
        """A state that shares no array with this one."""
        return ModelState(**{each.name: copied(getattr(self, each.name)) for each in fields(self)})

    def grow(self, growth):
        """Add outputs for new classes, with coefficients of zero."""
        self.coef, self.intercept = growth.coefficients(self.coef), growth.intercepts(self.intercept)
        if self.target_mean is not None:
            self.target_mean = np.zeros(len(growth.mapping) if len(self.target_mean) > 1 else 1)

    def adapt(self, objective):
        """Nothing to do: the layout does not depend on the rows."""

    def has_parts(self, settings, penalty):
        """Whether steps on CSR samples change only what belongs to their features."""
        return False


@stored
@dataclass
class StepState:
    """The state that the steps of an optimizer pass on to the next `partial_fit` call.

    Parameters
    ----------
    theta : ndarray, (n_coef + n_outputs,)
        The last iterate: coefficients in the layout of the rows, then the intercept; in `coordinates`, like slots and average.
    slots : ndarray, (n_slots, n_coef + n_outputs)
        The state of the optimizer for each coefficient.
    average : ndarray
        The mean of the iterates since `average_from`, as long as theta; empty without averaging.
    average_from : float
        The step from which iterates are averaged; infinity for never.
    n_outputs : int
        Scores of a sample.
    dense_layout : bool
        Whether coefficients are laid out for dense rows.
    rule : str
        The optimizer whose slots these are.
    counters : ndarray, (N_STEP_COUNTERS,)
        Steps taken, weight and number of the samples seen, and three numbers of lazy descent.
    lazy : Lazy or None
        Holds the model instead of theta while descent is lazy.
    rate_scale : float
        The factor that an adaptive schedule has applied to its rate; with an automatic rate, the rate itself.
    seen : Moments or None
        Of the features so far, if the unit of the penalty is the size of the features.
    evaluated_slot : int or None
        Which slot predicts instead of theta, once a step has been taken.
    coordinates : Coordinates
        Those that the optimizer moves.
    squares : float
        The sum of the squares of `Lazy.v`; NaN where it is not known.
    squares_age : int
        How many calls have changed some of the coefficients since the squares of all were summed.
    earlier_steps : int
        The steps before the last restart of the optimizer, which its own count, `counters[STEPS]`, leaves out.
    """

    theta: np.ndarray
    slots: np.ndarray
    average: np.ndarray
    average_from: float
    n_outputs: int
    dense_layout: bool
    rule: str
    counters: np.ndarray = field(default_factory=new_counters)
    lazy: Lazy | None = None
    rate_scale: float = 1.0
    seen: Moments | None = None
    evaluated_slot: int | None = None
    coordinates: Coordinates = OF_THE_DATA
    squares: float = np.nan
    squares_age: int = 0
    earlier_steps: int = 0

    @classmethod
    def resumed(cls, state, objective, optimizer, average_from):
        """The state to resume from: `state` itself if the optimizer can use it, else a new one at its model, or at zero."""
        if isinstance(state, cls) and state.continues(optimizer, average_from):
            state.squares = np.nan
            state.leave_coordinates()
            return state
        theta = np.zeros(objective.n_theta) if state is None else state.predicting(objective).copy()
        return cls.begin(objective, theta, optimizer, average_from)

    @classmethod
    def begin(cls, objective, theta, optimizer, average_from):
        """The state before the first step."""
        average = theta.copy() if np.isfinite(average_from) else np.empty(0)
        slots = np.zeros((len(optimizer.slots), len(theta)))
        rule = public_name(type(optimizer))
        begun = cls(theta, slots, average, float(average_from), objective.n_outputs, objective.rows.layout == "dense", rule)
        begun.evaluated_slot = cls._evaluated_place(optimizer)
        return begun

    @staticmethod
    def _evaluated_place(optimizer):
        """The index of the optimizer's slot that predicts; None for the coefficients themselves."""
        return None if optimizer.evaluated_slot is None else optimizer.slots.index(optimizer.evaluated_slot)

    def continues(self, optimizer, average_from):
        """Whether `optimizer` can resume from this state: it has the same slots and the same averaging."""
        rule = public_name(type(optimizer))
        same = (
            self.rule == rule
            and len(self.slots) == len(optimizer.slots)
            and self.evaluated_slot == self._evaluated_place(optimizer)
        )
        return same and self.average_from == average_from

    @property
    def steps(self):
        """The number of steps so far."""
        return self.earlier_steps + int(self.counters[STEPS])

    @property
    def averaged_from(self):
        """The step from which iterates are averaged, in the optimizer's own count."""
        return self.average_from - self.earlier_steps

    @property
    def averaging(self):
        """Whether the average has begun."""
        return self.steps >= self.average_from

    def predicting(self, objective):
        """The model that predicts: the average once it has begun, else the slot named by the optimizer, or the last iterate."""
        if self.lazy is not None:
            return self._lazy_average() if self.averaging else self._lazy_iterate()
        if self.averaging:
            return self.coordinates.theta(self.average)
        if self.evaluated_slot is None or not self.steps:
            return self.coordinates.theta(self.theta)
        theta = self.coordinates.theta(self.slots[self.evaluated_slot])
        if objective.penalty.has_prox():
            # A mean may be outside the domain of the penalty; a proximal step of length zero is the projection.
            theta = theta.copy()
            objective.array_penalty.prox(theta[: objective.n_coef], 0.0)
        return theta

    def copy(self):
        """A state that shares no array with this one."""
        return StepState(**{each.name: copied(getattr(self, each.name)) for each in fields(self)})

    @property
    def rows(self):
        """The number of samples so far."""
        return self.counters[ROWS]

    def grow(self, growth):
        """Add outputs for new classes, with coefficients of zero.

        An optimizer with slots restarts, from the model that predicts if this is one of its slots: a slot of zero is not the
        state of a new coefficient after many steps, such as the point where DoG began.
        """
        self.leave_lazy()
        self.leave_coordinates()
        k = self.n_outputs
        n_coef = len(self.theta) - k

        def grown(flat):
            coef = flat[:n_coef].reshape(k, -1) if self.dense_layout else flat[:n_coef].reshape(-1, k).T
            coef = growth.coefficients(coef)
            return np.concatenate([(coef if self.dense_layout else coef.T).ravel(), growth.intercepts(flat[n_coef:])])

        predicts = self.evaluated_slot is not None and self.steps
        self.theta = grown(self.slots[self.evaluated_slot] if predicts else self.theta)
        if len(self.average):
            self.average = grown(self.average)
        self.n_outputs = len(growth.mapping)
        self.slots = np.zeros((len(self.slots), len(self.theta)))
        if len(self.slots):
            self.earlier_steps, self.counters[STEPS] = self.steps, 0.0
        if predicts:
            self.slots[self.evaluated_slot] = self.theta

    def kept_at(self, objective, theta):
        """A copy that resumes from `theta`, the best model, with the optimizer's slots as they are."""
        state = self.copy()
        if not np.array_equal(theta, state.predicting(objective)):
            state.replace(theta)
        return state

    def replace(self, theta):
        """Continue from another model, with the optimizer's state unchanged."""
        self.leave_lazy()
        self.theta = self.coordinates.point(theta).copy()
        if len(self.average):
            self.average[:] = self.theta
        if self.evaluated_slot is not None:
            self.slots[self.evaluated_slot] = self.theta

    def restore(self, earlier):
        """Restore a copy taken earlier, in the arrays of this state."""
        for name in ("theta", "slots", "average", "counters"):
            getattr(self, name)[...] = getattr(earlier, name)

    def enter_coordinates(self, coordinates):
        """Convert theta, the average and the slot that predicts to other coordinates of the same model."""
        for point in self._points():
            point[:] = coordinates.point(self.coordinates.theta(point))
        self.coordinates = coordinates

    def renew_coordinates(self, coordinates):
        """Continue in other scaled coordinates, with the same model if these are the first ones.

        The coordinates of the coefficients do not change, so that coefficients follow the scales of their features. The
        intercepts keep their values: where y is far from zero, a small relative change of an intercept is a large error.
        """
        if not len(self.coordinates.size):
            self.enter_coordinates(coordinates)
            return
        n_coef = len(coordinates.mean)
        before, now = self.coordinates.size[n_coef:], coordinates.size[n_coef:]
        ratio = np.divide(before, now, out=np.ones(len(now)), where=now > 0.0)
        for point in self._points():
            point[n_coef:] *= ratio
        self.coordinates = coordinates

    def _points(self):
        """The arrays that hold a model: theta, the average, and the slot that predicts."""
        held = [self.theta, self.average] if len(self.average) else [self.theta]
        return held if self.evaluated_slot is None else [*held, self.slots[self.evaluated_slot]]

    def leave_coordinates(self):
        """Convert to the coordinates of the data."""
        if len(self.coordinates.size):
            self.enter_coordinates(OF_THE_DATA)

    def enter_lazy(self, nonnegative):
        """Move the model to the lazy arrays; CSR layout."""
        if self.lazy is not None and self.lazy.nonnegative == nonnegative:
            return
        self.leave_lazy()
        n_coef = len(self.theta) - self.n_outputs
        v = self.theta[:n_coef].reshape(-1, self.n_outputs).copy()
        lazy = Lazy(v, self.theta[n_coef:].copy(), np.zeros(len(v)), np.zeros(v.shape), np.zeros(self.n_outputs), nonnegative)
        if self.averaging:
            count = self.steps - self.average_from + 1.0
            lazy.offset[:] = -count * self.average[:n_coef].reshape(v.shape)
            lazy.intercept_sum[:] = count * self.average[n_coef:]
        self.lazy = lazy

    def leave_lazy(self):
        """Move the model back to theta and the average."""
        if self.lazy is None:
            return
        if len(self.average):
            self.average = self._lazy_average() if self.averaging else self._lazy_iterate()
        self.theta = self._lazy_iterate()
        self.lazy = None
        self.counters[[SCALE, THRESHOLD, SCALE_SUM]] = 1.0, 0.0, 0.0

    def _lazy_iterate(self):
        """The last iterate of lazy descent."""
        lazy, counters = self.lazy, self.counters
        theta = np.empty(lazy.v.size + len(lazy.intercept))
        v, theta[lazy.v.size :] = lazy.v, lazy.intercept
        if counters[THRESHOLD] > 0.0 or lazy.nonnegative:
            lag = (counters[THRESHOLD] - lazy.stamp)[:, None]
            v = np.maximum(v - lag, 0.0) if lazy.nonnegative else soft_threshold(v, lag)
        np.multiply(counters[SCALE], v.ravel(), out=theta[: v.size])
        return theta

    def _lazy_average(self):
        """The mean of the iterates of lazy descent."""
        lazy, count = self.lazy, self.steps - self.average_from + 1.0
        total = self.counters[SCALE_SUM] * lazy.v - lazy.offset
        return np.concatenate([(total / count).ravel(), lazy.intercept_sum / count])

    # --- some of the features, while descent is lazy ---------------------------------------------------------------------

    def has_parts(self, settings, penalty):
        """Whether steps on CSR samples change only what belongs to their features, and a factor of all coefficients."""
        lazy = self.lazy
        if settings.schedule is None or settings.averages or penalty.standardize:
            return False
        if lazy is None or lazy.nonnegative or self.counters[THRESHOLD] > 0.0 or not lazy.v.flags.writeable:
            return False
        return self.continues(settings.optimizer or GradientDescent(), settings.average_from)

    def features_to_change(self, X, present):
        """The features that a call on these samples changes, of which it has `present`."""
        return present

    def part(self, index):
        """A state of some of the features, which shares no array with this one."""
        lazy, k = self.lazy, self.n_outputs
        v = lazy.v[index]
        # Without threshold and average there is nothing in stamps and offsets.
        held = Lazy(v, lazy.intercept.copy(), np.zeros(len(v)), np.zeros(v.shape), np.zeros(k), lazy.nonnegative)
        theta = np.zeros(v.size + k)
        return replace(self, theta=theta, slots=np.zeros((0, len(theta))), counters=self.counters.copy(), lazy=held)

    def take(self, index, part, squares, age, objective):
        """Take in the part of the features `index`; `squares` are those of the others, `age` is that of the sum of all."""
        self.lazy.v[index], self.lazy.intercept[:], self.counters[:] = part.lazy.v, part.lazy.intercept, part.counters
        self.squares, self.squares_age = squares + part.squares_here(), age

    def squares_and_those_of(self, part):
        """The sum of the squares of `Lazy.v`, that of a part, and how many calls have changed it since it was summed."""
        squares, age = self.squares, self.squares_age
        if is_worn(age, len(self.lazy.v)) or not math.isfinite(squares):
            squares, age = self.squares_here(), 0
        return squares, part.squares_here(), age

    def squares_here(self):
        """The sum of the squares of `Lazy.v`, summed now."""
        return float(np.vdot(self.lazy.v, self.lazy.v))

    def sum_of_squares(self, squares, all_squares, objective):
        """The sum of the squares of coefficients whose `Lazy.v` have the sum `squares`, and that for `all_squares`."""
        factor = float(self.counters[SCALE]) ** 2
        return squares * factor, all_squares * factor

    def coefficients(self, index=slice(None)):
        """The coefficients that predict, (n_outputs, n_features), of all or some of the features.

        They are computed after calls on few of the features, in which no threshold applies to coefficients.
        """
        return np.ascontiguousarray((self.counters[SCALE] * self.lazy.v[index]).T)

    # --- other rows ------------------------------------------------------------------------------------------------------

    def adapt(self, objective):
        """Convert the coefficients to the layout of the objective's rows, dense or CSR."""
        dense = objective.rows.layout == "dense"
        if dense == self.dense_layout:
            return
        self.leave_lazy()
        self.leave_coordinates()
        n_coef = objective.n_coef
        old = (objective.rows.shape[1], self.n_outputs) if dense else (self.n_outputs, objective.rows.shape[1])

        def turned(flat):
            return np.concatenate([flat[:n_coef].reshape(old).T.ravel(), flat[n_coef:]])

        self.theta = turned(self.theta)
        self.slots = np.array([turned(slot) for slot in self.slots]).reshape(self.slots.shape)
        self.average = turned(self.average) if len(self.average) else self.average
        self.dense_layout = dense
