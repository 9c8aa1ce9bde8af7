"""Solvers: how many rows a step sees, and the loop of descent that all of them share."""

from dataclasses import dataclass

import numpy as np

from ._components import Component, check_number
from .optimizers import GradientDescent
from .schedules import Run
from .stopping import Status


@dataclass(frozen=True)
class Settings:
    """What a run needs besides the objective.

    Parameters
    ----------
    optimizer : Optimizer
        The update rule.
    schedule : Schedule or None
        The learning rates; None for those of `stable_rates`.
    max_iter : int
        The most epochs.
    shuffle : bool
        Draw a new order of the rows each epoch.
    rng : numpy.random.RandomState
        The source of the orders.
    streaming : bool
        Whether this is `partial_fit`, which knows no number of epochs.
    """

    optimizer: object
    schedule: object
    max_iter: int
    shuffle: bool
    rng: object
    streaming: bool = False


class Solver(Component):
    """Abstract base of the solvers: `batch_rows` says how many rows a step sees, `shuffles` whether their order is drawn."""

    shuffles = True

    def batch_rows(self, n_samples):
        """Rows in a step, of `n_samples` in all."""
        raise NotImplementedError(f"{type(self).__name__} has no method batch_rows(n_samples)")

    def validate(self):
        """Raise where `batch_rows` is missing."""
        if type(self).batch_rows is Solver.batch_rows:
            raise TypeError(f"{type(self).__name__} has no method batch_rows(n_samples): a solver must give one")

    def run(self, objective, state, settings, monitor):
        """Descend until the monitor or `max_iter` ends it.

        Parameters
        ----------
        objective : Objective
            What to minimise.
        state : State
            Where to begin; moved on.
        settings : Settings
            The parts and limits.
        monitor : Monitor
            Judges each epoch; holds the best model afterwards.

        Returns
        -------
        status : Status
            The last epoch's.
        rate : float
            The largest learning rate of the last epoch.
        """
        n = objective.n_samples
        batch = min(self.batch_rows(n), n)
        steps = -(-n // batch)
        run = Run(objective.alpha, objective.loss)
        if not settings.streaming:
            run = Run(objective.alpha, objective.loss, steps, steps * settings.max_iter)
        one_pass = _pass_over(objective, state, settings, batch)
        for _ in range(settings.max_iter):
            monitor.begin_epoch()
            # 1. an order of the rows
            order = settings.rng.permutation(n) if settings.shuffle and self.shuffles else np.arange(n)
            # 2. a learning rate for every step
            if settings.schedule is None:
                rates = stable_rates(objective, settings.optimizer, state, order, batch)
            else:
                t = np.arange(state.steps + 1.0, state.steps + steps + 1.0)
                rates = checked_rates(settings.schedule, t, run) * state.rate_scale
            # 3. one compiled pass: scores, slopes, gradient, penalty, optimizer, proximal step, for each batch
            one_pass(order, rates)
            # 4. the objective of the model that would predict now
            theta = state.served
            value = objective.value(theta)
            status = monitor.update(theta, value, rates[-1])
            # 5. stop, unless a plateau asks for a lower rate first
            if status is Status.PLATEAU and lowered(settings.schedule, rates[-1], state):
                monitor.forget_stall()
                status = Status.RUNNING
            if status is not Status.RUNNING:
                break
        return status, float(rates.max())


def lowered(schedule, rate, state):
    """Lower the rate of an adaptive schedule; False where the schedule has no lower one."""
    factor = getattr(schedule, "plateau_factor", None)
    if factor is None or rate <= schedule.min_rate:
        return False
    state.rate_scale *= factor
    return True


def checked_rates(schedule, t, run):
    """The schedule's rates of the steps `t`: as many finite numbers >= 0, or a ValueError that names the schedule."""
    rates = np.asarray(schedule.rate(t, run), dtype=np.float64)
    if rates.shape != t.shape:
        raise ValueError(f"{type(schedule).__name__}.rate gave shape {rates.shape} for {len(t)} steps; it must give {t.shape}")
    bad = ~(np.isfinite(rates) & (rates >= 0))
    if bad.any():
        at = int(bad.argmax())
        raise ValueError(f"{type(schedule).__name__}.rate gave {rates[at]!r} at step {int(t[at])}; a rate is finite, >= 0")
    return np.ascontiguousarray(rates)


def stable_rates(objective, optimizer, state, order, batch):
    r"""Learning rates of ``learning_rate="auto"`` for an explicit optimizer or a stochastic solver.

    An optimizer that scales its own steps has a `default_rate`. For the others the rate of a step is
    :math:`1 / (h q + \alpha)`, over the optimizer's `gain`, times :math:`(1 + r / 1000)^{-1/2}`: h bounds the loss's second
    derivative, q is the largest squared norm of a row so far (1 added for the intercept), r the rows seen. No step can
    overshoot a row of a loss whose curvature is bounded; of one that is not, h grows with the target.
    """
    n_steps = -(-len(order) // batch)
    if optimizer.default_rate is not None:
        return np.full(n_steps, float(optimizer.default_rate))
    from ._kernels.epochs import row_norms

    bound = objective.loss.curvature_bound
    h = row_norms(objective.rows, order) + float(objective.fit_intercept)
    if objective.functions.whole_row:
        h *= 2.0 * (bound or 1.0)
    elif bound is not None:
        h *= bound
    elif objective.loss.smooth:
        h *= 1.0 + np.abs(objective.data.target[order]).max(axis=1)
    largest = np.maximum.accumulate(np.append(h, 0.0))[:-1]
    largest = np.maximum(largest, state.largest_norm)
    state.largest_norm = float(largest[-1])
    last = np.minimum(np.arange(1, n_steps + 1) * batch, len(order)) - 1
    seen = state.counters[2] + last
    return 1.0 / ((largest[last] + objective.alpha) * optimizer.gain() * np.sqrt(1.0 + seen / 1000.0))


def _pass_over(objective, state, settings, batch):
    """The function of (order, rates) that moves `state` by one pass over the rows."""
    from ._kernels import blocks, epochs

    plain = batch == 1 and type(settings.optimizer) is GradientDescent
    shrinkage = objective.penalty.shrinkage() if plain and not objective.penalty.standardize else None
    single = objective.n_outputs == 1
    lazily = shrinkage is not None and objective.rows.lazy and _can_be_lazy(shrinkage, objective.alpha, state)
    if not lazily:
        state.leave_lazy()
    model = epochs.Model(state.theta, *objective.split(state.theta), state.slots, state.average)
    if lazily or (shrinkage is not None and single and not objective.rows.lazy):
        # Plain descent on one row at a time has loops of its own, which on CSR cost only the row's nonzeros.
        l1, l2, nonnegative = shrinkage
        strengths = epochs.Shrinkage(
            l1 * objective.alpha, l2 * objective.alpha, nonnegative, objective.fit_intercept, state.average_from
        )
        loss = objective.loss_blocks
        if single:
            loss = epochs.SlopeOfOne(blocks.slope_of_one(objective.functions), objective.functions.parameters)
        if lazily:
            state.enter_lazy(nonnegative)
            held = state.lazy
            model = epochs.Lazy(held.v, held.intercept, held.stamp, held.offset, held.intercept_sum)
        one_pass = epochs.lazy_epoch if lazily else epochs.row_epoch

        def row_pass(order, rates):
            one_pass(objective.data, order, model, loss, strengths, rates, state.counters)

        return row_pass
    leaves = epochs.Leaves(objective.loss_blocks, objective.penalty_blocks, blocks.step_blocks(settings.optimizer))
    plan = epochs.Plan(batch, objective.fit_intercept, objective.alpha, settings.optimizer.decay, state.average_from)

    def batch_pass(order, rates):
        epochs.epoch(objective.rows, objective.data, order, model, leaves, plan, rates, state.counters)

    return batch_pass


def _can_be_lazy(shrinkage, alpha, state):
    """Whether a threshold that is applied late leaves the average of the iterates as it is."""
    l1, _, nonnegative = shrinkage
    return np.isinf(state.average_from) or not (l1 * alpha or nonnegative)


class Batch(Solver):
    """Batch descent: every step sees all rows.

    With ``optimizer="auto"`` and ``learning_rate="auto"`` it descends by the memory gradient method, which needs neither.
    In `partial_fit` a call is one step on the rows that it is given.

    Examples
    --------
    >>> from sklearn_gd import Batch, GDRegressor
    >>> model = GDRegressor(solver=Batch(), optimizer="gd", learning_rate=0.5, max_iter=1, tol=None, alpha=0.0)
    >>> print(model.fit([[-1.0], [1.0]], [-2.0, 2.0]).coef_)
    [1.]
    """

    shuffles = False

    def batch_rows(self, n_samples):
        """All of them."""
        return n_samples


class SGD(Solver):
    """Stochastic descent: every step sees one row; the rows come in a new order each epoch.

    References
    ----------
    H. Robbins and S. Monro, "A stochastic approximation method", 1951.

    Examples
    --------
    >>> from sklearn_gd import GDRegressor, SGD
    >>> GDRegressor(solver=SGD(), learning_rate=0.01)
    GDRegressor(learning_rate=0.01, solver=SGD())
    """

    def batch_rows(self, n_samples):
        """One."""
        return 1


class MiniBatch(Solver):
    """Mini-batch descent: every step sees a few rows; they come in a new order each epoch.

    Parameters
    ----------
    batch_size : int >= 1, default=32
        Rows in a step; the last batch of an epoch may have fewer. More than there are rows means all of them.

    Examples
    --------
    >>> from sklearn_gd import GDClassifier, MiniBatch
    >>> GDClassifier(solver=MiniBatch(batch_size=64), optimizer="adam")
    GDClassifier(optimizer='adam', solver=MiniBatch(batch_size=64))
    """

    def __init__(self, batch_size=32):
        self.batch_size = batch_size

    def validate(self):
        """Raise unless batch_size is an integer >= 1."""
        check_number(self, "batch_size", least=1, integer=True)

    def batch_rows(self, n_samples):
        """The batch size."""
        return int(self.batch_size)


SOLVERS = {"batch": Batch, "sgd": SGD, "minibatch": MiniBatch}
