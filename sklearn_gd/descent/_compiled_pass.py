"""The choice of the compiled loop for the steps of an epoch."""

import functools
import math

import numpy as np

from .._layout import SCALE
from ..optimizers import GradientDescent
from ._few_features import NeedsAllFeatures


def compiled_pass(objective, state, optimizer, batch, average_power=0.0):
    """The function of (order, rates) that moves a `StepState` by one pass over the samples, in batches of `batch`.

    The weight of an averaged iterate is the power `average_power` of its number. In the coordinates of the data, with
    an elastic-net penalty and single samples, there are faster loops. On CSR rows those of plain descent cost only the
    stored values of a sample; that of the other optimizers takes dense samples of one score.
    """
    form = objective.elastic_net
    own = not len(state.coordinates.size) and average_power == 0.0
    if own and min(batch, objective.n_samples) == 1 and form is not None:
        fewer = _plain_pass if type(optimizer) is GradientDescent else _stepped_pass
        found = fewer(objective, state, optimizer, form)
        if found is not None:
            return found
    return _batch_pass(objective, state, optimizer, batch, average_power)


def _batch_pass(objective, state, optimizer, batch, average_power=0.0):
    """The general loop, for every optimizer, penalty and batch size; each step updates all coefficients."""
    from .._kernels import passes
    from .._kernels.blocks import step_blocks

    leaves = passes.Leaves(objective.loss_blocks, objective.penalty_blocks, step_blocks(optimizer))
    plan = passes.StepPlan(batch, objective.fit_intercept, objective.alpha, optimizer.decay, state.averaged_from, average_power)
    return functools.partial(
        passes.batch_pass,
        objective.rows,
        objective.data,
        _model(objective, state),
        state.coordinates,
        leaves,
        plan,
        state.counters,
    )


def _model(objective, state):
    """The model that a loop updates in place, with all coefficients up to date."""
    from .._kernels.passes import Model

    state.leave_lazy()
    theta = np.zeros(len(state.theta)) if len(state.coordinates.size) else state.theta
    return Model(theta, *objective.split(theta), state.theta, state.slots, state.average)


def _stepped_pass(objective, state, optimizer, form):
    """The loop of any optimizer on dense samples of one score; None for others."""
    from .._kernels import blocks, plain, stepped

    if objective.n_outputs > 1 or objective.rows.layout != "dense":
        return None
    functions = objective.functions
    loss = plain.SlopeOfOne(blocks.slope_of_one(functions), functions.parameters)
    step, plan = blocks.step_blocks(optimizer), _plain_plan(objective, state, form, _units(objective))
    # A total would include coefficients that no feature has.
    more = not optimizer.totals, plan, float(optimizer.decay), state.counters
    return functools.partial(stepped.stepped_row_pass, objective.data, _model(objective, state), loss, step, *more)


def _plain_plan(objective, state, form, units):
    """The plan for a penalty that counts coefficients in `units`: a number for all of them, or one for each feature."""
    from .._kernels.plain import PlainPlan

    l1, l2 = form.l1 * objective.alpha, form.l2 * objective.alpha
    more = not form.is_smooth(objective.alpha), form.nonnegative, objective.fit_intercept, state.averaged_from
    return PlainPlan(l1 * units, l2 * units * units, *more)


def _units(objective):
    """The unit of each coefficient, for loops that read one for each feature."""
    return np.ones(objective.n_features) if objective.unit is None else objective.unit


def _plain_pass(objective, state, optimizer, form):
    """The loop of plain descent on single samples; None if no such loop applies."""
    from .._kernels import blocks, plain

    functions, single, unit = objective.functions, objective.n_outputs == 1, objective.unit
    csr, averages = objective.rows.layout == "csr", state.average_from < math.inf
    has_l1 = form.l1 * objective.alpha > 0.0
    if single:
        loss = plain.SlopeOfOne(blocks.slope_of_one(functions), functions.parameters)
    else:
        loss = objective.loss_blocks
    # A threshold that is applied late changes the average of the iterates.
    if csr and unit is None and not (averages and not form.is_smooth(objective.alpha)):
        plan = _plain_plan(objective, state, form, 1.0)
        state.enter_lazy(form.nonnegative)
        lazy_pass = plain.lazy_row_pass if single else plain.lazy_pass
        steps = functools.partial(lazy_pass, objective.data, state.lazy, loss, plan, state.counters)
        return steps if objective.elsewhere is None else functools.partial(_steps_on_few, steps, state, plan)
    plan = _plain_plan(objective, state, form, _units(objective))
    if single and not csr:
        return functools.partial(plain.row_pass, objective.data, _model(objective, state), loss, plan, state.counters)
    if not csr:
        return functools.partial(plain.rows_pass, objective.data, _model(objective, state), loss, plan, state.counters)
    if not averages and not has_l1:
        return functools.partial(_shrinking_pass, objective, state, plan)
    return None


def _steps_on_few(steps, state, plan, order, rates):
    """Lazy descent on a part of the features, where no step of it writes the scale out to all coefficients."""
    from .._kernels.plain import SMALLEST_SCALE

    # Twice, because the product is rounded in another order here.
    if state.counters[SCALE] * np.cumprod(1.0 - rates * plan.l2).min() < 2.0 * SMALLEST_SCALE:
        raise NeedsAllFeatures
    steps(order, rates)


def _shrinking_pass(objective, state, plan, order, rates):
    """The loop for CSR under an l2 penalty with one shrinkage per feature; very long steps use the general loop."""
    from .._kernels import plain

    if rates.max() * plan.l2.max() > plain.LARGEST_SHRINKAGE:
        _batch_pass(objective, state, GradientDescent(), 1)(order, rates)
    else:
        plain.shrinking_pass(objective.data, _model(objective, state), objective.loss_blocks, plan, state.counters, order, rates)
