"""What a run of descent hands on to the next: iterate, optimizer slots, average, counts. Pickled with the estimator."""

from dataclasses import dataclass, field, fields

import numpy as np

from .._layout import N_STEP_COUNTERS, ROWS, SCALE, SCALE_SUM, STEPS, THRESHOLD, Lazy
from ..objective._moments import Moments


def new_counters():
    """The counters of a `State` before its first step."""
    counters = np.zeros(N_STEP_COUNTERS)
    counters[SCALE] = 1.0
    return counters


def copied(value):
    """A copy of an array, or of a named tuple of arrays; anything else as it is."""
    if isinstance(value, np.ndarray):
        return value.copy()
    return type(value)(*map(copied, value)) if isinstance(value, tuple) else value


def soft_threshold(v, threshold, nonnegative):
    """The proximal step of ``threshold * |v|``, over v >= 0 where `nonnegative`, for arrays."""
    if nonnegative:
        return np.maximum(v - threshold, 0.0)
    return np.sign(v) * np.maximum(np.abs(v) - threshold, 0.0)


@dataclass
class State:
    """All that a run hands on to the next `partial_fit` call.

    Parameters
    ----------
    theta : ndarray, (n_coef + n_outputs,)
        The last iterate: coefficients in the layout of the rows, then the intercept.
    slots : ndarray, (n_slots, n_coef + n_outputs)
        What the optimizer keeps.
    average : ndarray
        The mean of the iterates since `average_from`; as long as theta where there is averaging, else empty.
    average_from : float
        The step from which iterates are averaged; infinity for never.
    n_outputs : int
        Scores of a row.
    dense_layout : bool
        Whether coefficients are laid out for dense rows.
    rule : str
        The optimizer whose slots these are.
    counters : ndarray, (N_STEP_COUNTERS,)
        Steps taken, weight and number of the samples seen, and three numbers of lazy descent.
    lazy : Lazy or None
        Holds the model instead of theta while descent is lazy.
    rate_scale : float
        What an adaptive schedule has multiplied its rate by.
    largest_norm : float
        Largest curvature bound of a row so far: what the stable learning rate follows.
    seen : Moments or None
        Of the columns so far, where the penalty is one in their standard deviations.
    served_slot : int or None
        Which slot predicts, in the place of theta, once a step has been taken.
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
    largest_norm: float = 0.0
    seen: Moments | None = None
    served_slot: int | None = None

    @classmethod
    def begin(cls, objective, theta, optimizer, average_from):
        """The state before the first step."""
        average = theta.copy() if np.isfinite(average_from) else np.empty(0)
        slots = np.zeros((len(optimizer.slots), len(theta)))
        rule = f"{type(optimizer).__module__}.{type(optimizer).__qualname__}"
        begun = cls(theta, slots, average, float(average_from), objective.n_outputs, not objective.rows.is_csr, rule)
        begun.served_slot = cls._place_served(optimizer)
        return begun

    @staticmethod
    def _place_served(optimizer):
        """Which of the optimizer's slots predicts; None for the coefficients themselves."""
        return None if optimizer.served is None else optimizer.slots.index(optimizer.served)

    def serves(self, optimizer, average_from):
        """Whether `optimizer` can resume from this state: the same slots, and the same averaging."""
        rule = f"{type(optimizer).__module__}.{type(optimizer).__qualname__}"
        same = self.rule == rule and len(self.slots) == len(optimizer.slots) and self.served_slot == self._place_served(optimizer)
        return same and self.average_from == average_from

    @property
    def steps(self):
        """How many steps have been taken."""
        return int(self.counters[STEPS])

    @property
    def averaging(self):
        """Whether the average has begun."""
        return self.steps >= self.average_from

    @property
    def served(self):
        """The model that predicts: the average where it has begun, else the slot that serves, or the last iterate."""
        if self.lazy is not None:
            return self._lazy_average() if self.averaging else self._lazy_iterate()
        if self.averaging:
            return self.average
        return self.theta if self.served_slot is None or not self.steps else self.slots[self.served_slot]

    def copy(self):
        """A state that shares no array with this one."""
        return State(**{each.name: copied(getattr(self, each.name)) for each in fields(self)})

    @property
    def rows(self):
        """How many rows have been seen."""
        return self.counters[ROWS]

    def grow(self, growth):
        """Take in new classes: their scores begin at zero coefficients, their slots empty."""
        self.leave_lazy()
        k = self.n_outputs
        n_coef = len(self.theta) - k

        def grown(flat, intercepts):
            coef = flat[:n_coef].reshape(k, -1) if self.dense_layout else flat[:n_coef].reshape(-1, k).T
            coef = growth.coefficients(coef)
            return np.concatenate([(coef if self.dense_layout else coef.T).ravel(), intercepts(flat[n_coef:])])

        self.theta = grown(self.theta, growth.intercepts)
        if len(self.average):
            self.average = grown(self.average, growth.intercepts)
        shape = (len(self.slots), len(self.theta))
        if growth.one_to_one:
            slots = [grown(slot, lambda intercepts: growth.turn @ intercepts) for slot in self.slots]
            self.slots = np.array(slots).reshape(shape)
        else:
            self.slots = np.zeros(shape)
        self.n_outputs = len(growth.turn)

    def kept_at(self, objective, theta, value):
        """A copy that predicts with `theta`, the best model, and keeps the optimizer's slots."""
        state = self.copy()
        if not state.averaging and not np.array_equal(theta, state.served):
            state.replace(theta)
        return state

    def replace(self, theta):
        """Go on from another model, the optimizer's state as it is."""
        self.leave_lazy()
        self.theta = theta.copy()
        if self.served_slot is not None:
            self.slots[self.served_slot] = theta

    def enter_lazy(self, nonnegative):
        """Let the lazy arrays hold the model; CSR layout."""
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
        """Let theta and the average hold the model again."""
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
        v = soft_threshold(lazy.v, (counters[THRESHOLD] - lazy.stamp)[:, None], lazy.nonnegative)
        return np.concatenate([(counters[SCALE] * v).ravel(), lazy.intercept])

    def _lazy_average(self):
        """The mean of the iterates of lazy descent."""
        lazy, count = self.lazy, self.steps - self.average_from + 1.0
        total = self.counters[SCALE_SUM] * lazy.v - lazy.offset
        return np.concatenate([(total / count).ravel(), lazy.intercept_sum / count])

    def adapt(self, objective):
        """Lay the coefficients out for the objective's rows, dense or CSR."""
        dense = not objective.rows.is_csr
        if dense == self.dense_layout:
            return
        self.leave_lazy()
        n_coef = objective.n_coef
        old = (objective.rows.shape[1], self.n_outputs) if dense else (self.n_outputs, objective.rows.shape[1])

        def turned(flat):
            return np.concatenate([flat[:n_coef].reshape(old).T.ravel(), flat[n_coef:]])

        self.theta = turned(self.theta)
        self.slots = np.array([turned(slot) for slot in self.slots]).reshape(self.slots.shape)
        self.average = turned(self.average) if len(self.average) else self.average
        self.dense_layout = dense
