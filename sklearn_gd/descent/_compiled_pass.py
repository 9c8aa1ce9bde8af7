"""Which compiled loop takes the steps of an epoch."""

import functools
import math

from ..optimizers import GradientDescent


def compiled_pass(objective, state, optimizer, batch):
    """The function of (order, rates) that moves a `StepState` by one pass over the samples.

    Plain descent under a penalty of the elastic-net family, one sample at a time, has loops of its own. On CSR they cost only
    the stored values of a sample.
    """
    from .._kernels import passes
    from .._kernels.blocks import step_blocks

    form = None if objective.penalty.standardize else objective.penalty.elastic_net()
    if batch == 1 and type(optimizer) is GradientDescent and form is not None:
        plain = _plain_pass(objective, state, form)
        if plain is not None:
            return plain
    state.leave_lazy()
    model = passes.Model(state.theta, *objective.split(state.theta), state.slots, state.average)
    leaves = passes.Leaves(objective.loss_blocks, objective.penalty_blocks, step_blocks(optimizer))
    plan = passes.StepPlan(batch, objective.fit_intercept, objective.alpha, optimizer.decay, state.average_from)
    return functools.partial(passes.batch_pass, objective.rows, objective.data, model, leaves, plan, state.counters)


def _plain_pass(objective, state, form):
    """The loop of plain descent on single samples; None where there is none for these."""
    from .._kernels import blocks, passes, plain

    alpha, functions, single = objective.alpha, objective.functions, objective.n_outputs == 1
    csr = objective.rows.layout == "csr"
    # A threshold that is applied late changes the average of the iterates.
    if csr and state.average_from < math.inf and (form.l1 * alpha or form.nonnegative):
        return None
    if not csr and not single:
        return None
    loss = objective.loss_blocks
    if single:
        loss = plain.SlopeOfOne(blocks.slope_of_one(functions), functions.parameters)
    plan = plain.PlainPlan(form.l1 * alpha, form.l2 * alpha, form.nonnegative, objective.fit_intercept, state.average_from)
    if csr:
        state.enter_lazy(form.nonnegative)
        return functools.partial(
            plain.lazy_row_pass if single else plain.lazy_pass, objective.data, state.lazy, loss, plan, state.counters
        )
    state.leave_lazy()
    model = passes.Model(state.theta, *objective.split(state.theta), state.slots, state.average)
    return functools.partial(plain.row_pass, objective.data, model, loss, plan, state.counters)
