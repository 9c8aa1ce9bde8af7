"""Solvers: how many rows a step sees and what it remembers of the others, and the loop of descent that all of them share."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._components import Component, check_number
from .descent._monitor import Status
from .optimizers import GradientDescent, Optimizer
from .schedules import Run

__all__ = [
    "SAGA",
    "SGD",
    "SOLVERS",
    "SVRG",
    "Batch",
    "MiniBatch",
    "Solver",
]


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

    def batch_rows(self, n_samples: int) -> int:
        """Rows in a step.

        Parameters
        ----------
        n_samples : int
            Rows in all.

        Returns
        -------
        int
            Between 1 and `n_samples`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method batch_rows(n_samples)")

    def validate(self) -> None:
        """Raise where `batch_rows` is missing."""
        if type(self).batch_rows is Solver.batch_rows:
            raise TypeError(f"{type(self).__name__} has no method batch_rows(n_samples): a solver must give one")

    def check(self, optimizer: Optimizer | None, averages: bool, streaming: bool) -> None:
        """Raise a ValueError where the solver does not go with the other parts.

        Parameters
        ----------
        optimizer : Optimizer or None
            The optimizer; None for "auto".
        averages : bool
            Whether the mean of the iterates is asked for.
        streaming : bool
            Whether this is `partial_fit`.
        """

    def prepared(self, objective: Any, state: Any, settings: Any, batch: int) -> tuple[Callable, Callable]:
        """Make the two functions that `run` calls in every epoch.

        Parameters
        ----------
        objective : Objective
            What to minimise.
        state : State
            What the passes move on.
        settings : Settings
            The parts and limits.
        batch : int
            Rows in a step.

        Returns
        -------
        one_pass : callable
            A function of the rows' order and the steps' rates: it moves `state`, and returns F where it knows it, else None.
        rates : callable
            A function of the rows' order: the rates of ``learning_rate="auto"``.
        """
        rates = functools.partial(stable_rates, objective, settings.optimizer, state, batch=batch)
        if settings.schedule is None and batch >= objective.n_samples and not settings.streaming:
            stable = stable_rate(objective, settings.optimizer, batch)
            rates = rates if stable is None else lambda order: np.full(1, stable)
        return _pass_over(objective, state, settings, batch), rates

    def run(self, objective: Any, state: Any, settings: Any, monitor: Any) -> tuple[Any, float | None]:
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
        one_pass, own_rates = self.prepared(objective, state, settings, batch)
        for _ in range(settings.max_iter):
            monitor.begin_epoch()
            # 1. an order of the rows
            order = settings.rng.permutation(n) if settings.shuffle and self.shuffles else np.arange(n)
            # 2. a learning rate for every step
            if settings.schedule is None:
                rates = own_rates(order)
            else:
                t = np.arange(state.steps + 1.0, state.steps + steps + 1.0)
                rates = checked_rates(settings.schedule, t, run) * state.rate_scale
            # 3. one compiled pass: scores, slopes, gradient, penalty, optimizer, proximal step, for each batch
            value = one_pass(order, rates)
            # 4. the objective of the model that would predict now
            theta = state.served
            value = objective.value(theta) if value is None else value
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
    try:
        rates = np.asarray(schedule.rate(t, run), dtype=np.float64)
    except ValueError as error:
        if "truth value" in str(error):
            error.add_note(f"{type(schedule).__name__}.rate is given many steps at once, as an array: np.where does for `if`.")
        raise
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
    h = objective.row_bounds(order)
    largest = np.maximum.accumulate(np.append(h, 0.0))[:-1]
    largest = np.maximum(largest, state.largest_norm)
    state.largest_norm = float(largest[-1])
    last = np.minimum(np.arange(1, n_steps + 1) * batch, len(order)) - 1
    seen = state.counters[2] + last
    return 1.0 / ((largest[last] + objective.alpha) * optimizer.gain() * np.sqrt(1.0 + seen / 1000.0))


def stable_rate(objective, optimizer, batch):
    """A learning rate at which descent cannot diverge where the loss's curvature is bounded; None where nobody knows one.

    One over the largest curvature: of F for steps that see all rows, of a single row for the others.
    """
    if optimizer.default_rate is not None:
        return None
    if batch >= objective.n_samples:
        h = objective.batch_bound()
    else:
        relative = objective.data.weight * (objective.n_samples / objective.weight_sum)
        h = (objective.row_bounds(np.arange(objective.n_samples)) * relative).max()
    unit = objective.penalty_blocks.scale.max(initial=1.0) if objective.penalty.standardize else 1.0
    rate = 1.0 / ((h + objective.alpha * unit * unit) * optimizer.gain())
    return rate if 0.0 < rate < np.inf else None


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

    def batch_rows(self, n_samples: int) -> int:
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

    def batch_rows(self, n_samples: int) -> int:
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

    def __init__(self, batch_size: int = 32) -> None:
        self.batch_size = batch_size

    def validate(self) -> None:
        """Raise unless batch_size is an integer >= 1."""
        check_number(self, "batch_size", least=1, integer=True)

    def batch_rows(self, n_samples: int) -> int:
        return int(self.batch_size)


class _VarianceReduced(Solver):
    """What SVRG and SAGA share: plain descent only, and the rows all at hand."""

    def __init__(self, batch_size: int = 1) -> None:
        self.batch_size = batch_size

    def validate(self) -> None:
        """Raise unless batch_size is an integer >= 1."""
        check_number(self, "batch_size", least=1, integer=True)

    def batch_rows(self, n_samples: int) -> int:
        return int(self.batch_size)

    def check(self, optimizer: Optimizer | None, averages: bool, streaming: bool) -> None:
        name = type(self).__name__
        if streaming:
            raise ValueError(
                f"solver={self!r} needs all the rows at hand: it remembers a slope for each. Call fit, or give partial_fit "
                f"another solver, such as 'sgd' or 'minibatch'"
            )
        if optimizer is not None and type(optimizer) is not GradientDescent:
            raise ValueError(
                f"optimizer={optimizer!r} does not go with solver={self!r}: the step of {name} is plain descent, "
                f"optimizer='gd' or 'auto'"
            )
        if averages:
            raise ValueError(f"average does not go with solver={self!r}: its last iterate goes to the optimum; use average=False")

    def _passes_per_table(self):
        """Passes over the rows between two full gradients; None where the table is renewed row by row."""

    def prepared(self, objective: Any, state: Any, settings: Any, batch: int) -> tuple[Callable, Callable]:
        from .descent.variance_reduced import VarianceReduction

        reduction = VarianceReduction(objective, state, batch, self._passes_per_table(), settings.schedule is None)
        return reduction.one_pass, reduction.rates


class SVRG(_VarianceReduced):
    r"""Stochastic variance-reduced gradient descent: a full gradient now and then takes the noise out of the steps between.

    From a full gradient g at the model :math:`\tilde W` on, a step on the rows B, of weights :math:`s_i` with mean one, is

    .. math::
        W \leftarrow \mathrm{prox}\Big(W - \eta \Big(\frac{1}{|B|} \sum_{i \in B} s_i (l_i'(W) - l_i'(\tilde W)) x_i
        + g + \alpha R'(W)\Big)\Big)

    It goes to the minimiser of F at a constant rate, where plain stochastic descent keeps a distance. With
    ``learning_rate="auto"`` the step is chosen, the columns are centred and scaled in the algebra, and the slope is that after
    the step, so that no row can be overshot; a pass that raises F is taken back and its step shortened.

    Parameters
    ----------
    batch_size : int >= 1, default=1
        Rows in a step.
    passes : int >= 1, default=1
        Passes over the rows between two full gradients, the m of the paper over n; the paper takes 2 for a convex F. An epoch is
        one of these passes.

    References
    ----------
    R. Johnson and T. Zhang, "Accelerating stochastic gradient descent using predictive variance reduction", 2013, figure 1 with
    option I; with a proximal step: L. Xiao and T. Zhang, "A proximal stochastic gradient method with progressive variance
    reduction", 2014. Departures: the rows come in a new order each epoch instead of being drawn with replacement, and the l2 part
    of the penalty is taken at W in every step. The implicit step of "auto": C. Traore, V. Apidopoulos, S. Salzo and S. Villa,
    "Variance reduction techniques for stochastic proximal point algorithms", 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd import GDRegressor, SVRG
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + rng.normal(size=200)
    >>> model = GDRegressor(solver=SVRG(), alpha=0.0, tol=1e-12, max_iter=200, random_state=0).fit(X, y)
    >>> exact = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), y)[0]
    >>> bool(abs(model.coef_ - exact[:3]).max() < 1e-5)
    True
    """

    def __init__(self, batch_size: int = 1, passes: int = 1) -> None:
        super().__init__(batch_size)
        self.passes = passes

    def validate(self) -> None:
        """Raise unless batch_size and passes are integers >= 1."""
        super().validate()
        check_number(self, "passes", least=1, integer=True)

    def _passes_per_table(self):
        return int(self.passes)


class SAGA(_VarianceReduced):
    r"""SAGA: the last slope of every row is remembered, and their mean takes the noise out of the steps.

    T holds the slopes, g the mean of the rows' gradients by them. A step on the rows B, of weights :math:`s_i` with mean one, is

    .. math::
        W \leftarrow \mathrm{prox}\Big(W - \eta \Big(\frac{1}{|B|} \sum_{i \in B} s_i (l_i'(W) - T_i) x_i + g
        + \alpha R'(W)\Big)\Big), \qquad T_i \leftarrow l_i'(W)

    T begins with a pass at the first model. The steps go to the minimiser of F at a constant rate, where those of plain
    stochastic descent keep a distance; after that pass an epoch reads every row once. With ``learning_rate="auto"`` the step is
    chosen, the columns are centred and scaled in the algebra, and it is a step of Point-SAGA: the slope is that after the step,
    so that no row can be overshot. A pass that raises F is taken back and its step shortened.

    Parameters
    ----------
    batch_size : int >= 1, default=1
        Rows in a step.

    References
    ----------
    A. Defazio, F. Bach and S. Lacoste-Julien, "SAGA: a fast incremental gradient method with support for non-strongly convex
    composite objectives", 2014, eq. 1 and 2. Departures: the rows come in a new order each epoch instead of being drawn with
    replacement, and the l2 part of the penalty is taken at W in every step. The step of "auto": A. Defazio, "A simple practical
    accelerated method for finite sums", 2016; in the order of K. Mishchenko and P. Richtarik, "A stochastic decoupling method
    for minimizing the sum of smooth and non-smooth functions", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd import GDRegressor, SAGA
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + rng.normal(size=200)
    >>> model = GDRegressor(solver=SAGA(), alpha=0.0, tol=1e-12, max_iter=200, random_state=0).fit(X, y)
    >>> exact = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), y)[0]
    >>> bool(abs(model.coef_ - exact[:3]).max() < 1e-5)
    True
    """


#: What each string of `solver` stands for.
SOLVERS = {"batch": Batch, "sgd": SGD, "minibatch": MiniBatch, "svrg": SVRG, "saga": SAGA}
