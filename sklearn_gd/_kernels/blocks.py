"""The leaves of each component as functions of a block of samples or coefficients, with one fixed signature per purpose.

The loops of `passes` take these as first-class functions, so a loop is compiled once for all losses.
"""

import functools
from typing import NamedTuple

import numpy as np
from numba import types

from .._compile import array, compiled
from .._layout import DIFFERENCE
from .._leaves import FLOAT, derived_leaf, leaf, leaf_with_parameters, totals_leaf, update_leaf

VECTOR, MATRIX, INDEX = array(1), array(2), types.int64
GRADIENT = types.void(MATRIX, MATRIX, MATRIX, VECTOR)
VALUE = FLOAT(MATRIX, MATRIX, VECTOR, VECTOR)
SLOPE = FLOAT(FLOAT, FLOAT, VECTOR)
PENALTY_VALUE = FLOAT(VECTOR, VECTOR, VECTOR)
PENALTY_GRADIENT = types.void(VECTOR, VECTOR, FLOAT, VECTOR, VECTOR)
PENALTY_PROX = types.void(VECTOR, VECTOR, FLOAT, VECTOR, VECTOR)
STEP = types.void(VECTOR, VECTOR, MATRIX, VECTOR, FLOAT, FLOAT, VECTOR)


class LossBlocks(NamedTuple):
    """The compiled slopes of a loss, and its parameters."""

    gradient: object
    parameters: np.ndarray


class PenaltyBlocks(NamedTuple):
    """The compiled functions of a step, the unit of each coefficient (empty if all are 1), and the parameters."""

    gradient: object
    prox: object
    scale: np.ndarray
    parameters: np.ndarray


class StepBlocks(NamedTuple):
    """The compiled update of an optimizer, and its parameters."""

    step: object
    parameters: np.ndarray


# --- targets -------------------------------------------------------------------------------------------------------------


def target_of_output(y, i, k):
    """The target of output k of sample i: in regression, or the sign of a binary label."""
    return y[i, k]


def target_one_vs_rest(y, i, k):
    """The target of output k of sample i in one-vs-rest: +1 if the class is k, else -1."""
    return 1.0 if y[i, 0] == k else -1.0


# --- losses of one score -------------------------------------------------------------------------------------------------


def make_gradient(target, gradient):
    """The slope of each score of a block."""

    def gradient_block(y, raw, out, p):
        for i in range(raw.shape[0]):
            for k in range(raw.shape[1]):
                out[i, k] = gradient(target(y, i, k), raw[i, k], p)

    return gradient_block


def make_slope(gradient):
    """The slope of one score."""

    def slope(y, raw, p):
        return gradient(y, raw, p)

    return slope


def make_value(target, value):
    """The weighted sum of the losses of a block."""

    def value_block(y, raw, weight, p):
        total = 0.0
        for i in range(raw.shape[0]):
            row = 0.0
            for k in range(raw.shape[1]):
                row += value(target(y, i, k), raw[i, k], p)
            total += weight[i] * row
        return total

    return value_block


def make_numeric_gradient(value):
    """The central difference of a value; its step balances rounding and truncation."""

    def numeric_gradient(y, raw, p):
        h = DIFFERENCE * max(1.0, abs(raw))
        return (value(y, raw + h, p) - value(y, raw - h, p)) / (2.0 * h)

    return numeric_gradient


# --- losses of all scores of a sample ------------------------------------------------------------------------------------


def make_row_gradient(gradient):
    """The slopes of a block, for a loss of all scores of a sample."""

    def gradient_block(y, raw, out, p):
        for i in range(raw.shape[0]):
            gradient(int(y[i, 0]), raw[i], out[i], p)

    return gradient_block


def make_row_value(value):
    """The weighted sum of the losses of a block, for a loss of all scores of a sample."""

    def value_block(y, raw, weight, p):
        total = 0.0
        for i in range(raw.shape[0]):
            total += weight[i] * value(int(y[i, 0]), raw[i], p)
        return total

    return value_block


def make_row_numeric_gradient(value):
    """The central differences of a value of all scores of a sample."""

    def numeric_gradient(y, raw, out, p):
        for k in range(len(raw)):
            z = raw[k]
            h = DIFFERENCE * max(1.0, abs(z))
            raw[k] = z + h
            above = value(y, raw, p)
            raw[k] = z - h
            out[k] = (above - value(y, raw, p)) / (2.0 * h)
            raw[k] = z

    return numeric_gradient


# --- from a component to its blocks --------------------------------------------------------------------------------------


def _parameters(component, names):
    """The values of the parameters, as the leaves take them; 0 for one that is not a number, which no leaf may read."""
    return np.array([_number(component, name) or 0.0 for name in names], dtype=np.float64)


def _number(component, name):
    """A parameter as a float; None if it is not a number."""
    value = getattr(component, name)
    try:
        return None if isinstance(value, (str, np.ndarray)) else float(value)
    except (TypeError, ValueError):
        return None


def bound_leaf(component, name, leading):
    """The leaf of the component's function `name`, which reads its parameters from `parameter_vector`; None if absent.

    `leading` has the types of the arguments before the parameters.
    """
    cls = type(component)
    function = cls.written_functions(name)
    if function is None:
        return None
    names, all_names = cls.function_parameters(name, len(leading)), cls.parameter_names()
    component.numbers_for(name, len(leading))
    return leaf_with_parameters(function, leading, tuple(all_names.index(each) for each in names))


def parameter_vector(component):
    """The values of all parameters of the constructor, as the leaves take them."""
    return _parameters(component, component.parameter_names())


class LossFunctions(NamedTuple):
    """The leaves of a loss for one coding of the targets; `target` is used by losses of one score."""

    whole_row: bool
    target: object
    value: object
    gradient: object
    parameters: np.ndarray


def loss_functions(loss, n_outputs, one_vs_rest):
    """The leaves of `loss`, with a numerical gradient if it has none."""
    parameters = parameter_vector(loss)
    if one_vs_rest and loss.has_row_functions():
        value = bound_leaf(loss, "multiclass_value", (INDEX, VECTOR))
        gradient = bound_leaf(loss, "multiclass_gradient", (INDEX, VECTOR, VECTOR))
        return LossFunctions(True, None, value, gradient or derived_leaf(make_row_numeric_gradient, value), parameters)
    target = leaf(target_one_vs_rest if one_vs_rest else target_of_output)
    value = bound_leaf(loss, "value", (FLOAT, FLOAT))
    gradient = bound_leaf(loss, "gradient", (FLOAT, FLOAT))
    return LossFunctions(False, target, value, gradient or derived_leaf(make_numeric_gradient, value), parameters)


def loss_blocks(functions):
    """The compiled slopes of a loss; steps do not need its value, whose compilation would delay the first fit."""
    if functions.whole_row:
        gradient = compiled(make_row_gradient, GRADIENT, functions.gradient)
    else:
        gradient = compiled(make_gradient, GRADIENT, functions.target, functions.gradient)
    return LossBlocks(gradient, functions.parameters)


def loss_value(functions):
    """The compiled value of a loss."""
    if functions.whole_row:
        return compiled(make_row_value, VALUE, functions.value)
    return compiled(make_value, VALUE, functions.target, functions.value)


def slope_of_one(functions):
    """The compiled slope of a single score, for loops over single samples."""
    return compiled(make_slope, SLOPE, functions.gradient)


# --- penalties -----------------------------------------------------------------------------------------------------------


def make_penalty_value(value):
    """The sum of a penalty over the coefficients, each times its scale if there are scales."""

    def penalty_value(coef, scale, p):
        total = 0.0
        if len(scale):
            for j in range(len(coef)):
                total += value(scale[j] * coef[j], p)
        else:
            for j in range(len(coef)):
                total += value(coef[j], p)
        return total

    return penalty_value


def make_penalty_gradient(gradient):
    """gradient += alpha times the gradient of the smooth part of the penalty."""

    def penalty_gradient(coef, out, alpha, scale, p):
        if len(scale):
            for j in range(len(coef)):
                out[j] += alpha * scale[j] * gradient(scale[j] * coef[j], p)
        else:
            for j in range(len(coef)):
                out[j] += alpha * gradient(coef[j], p)

    return penalty_gradient


def make_penalty_prox(prox):
    """The proximal step of the non-smooth part of the penalty, with a step length for each coefficient.

    In units of a scale s the minimiser over v of step k(s v) + (v - w)^2 / 2 is prox(s w, s^2 step) / s.
    """

    def penalty_prox(coef, step, alpha, scale, p):
        if len(scale):
            for j in range(len(coef)):
                s = scale[j]
                if s > 0.0:
                    coef[j] = prox(s * coef[j], alpha * s * s * step[j], p) / s
        else:
            for j in range(len(coef)):
                coef[j] = prox(coef[j], alpha * step[j], p)

    return penalty_prox


def make_numeric_penalty_gradient(value):
    """The central difference of a penalty's value."""

    def numeric_gradient(coef, p):
        h = DIFFERENCE * max(1.0, abs(coef))
        return (value(coef + h, p) - value(coef - h, p)) / (2.0 * h)

    return numeric_gradient


def nothing_to_add(coef, out, alpha, scale, p):
    """The block of a penalty without a smooth part, or without a non-smooth one."""


def make_nothing(function):
    """A kernel that is the leaf itself."""

    def nothing(coef, out, alpha, scale, p):
        function(coef, out, alpha, scale, p)

    return nothing


def penalty_blocks(penalty, scale=None):
    """The compiled functions of a penalty's step; one that it lacks costs a call that returns immediately.

    `scale` has the unit of each coefficient, None for 1; a coefficient with the scale zero is not penalised.
    """
    prox = bound_leaf(penalty, "prox", (FLOAT, FLOAT)) if penalty.has_prox() else None
    gradient = bound_leaf(penalty, "gradient", (FLOAT,)) if penalty.has_gradient() else None
    if penalty.needs_numeric_gradient():
        gradient = derived_leaf(make_numeric_penalty_gradient, bound_leaf(penalty, "value", (FLOAT,)))
    empty = leaf(nothing_to_add)
    return PenaltyBlocks(
        compiled(make_penalty_gradient, PENALTY_GRADIENT, gradient)
        if gradient is not None
        else compiled(make_nothing, PENALTY_GRADIENT, empty),
        compiled(make_penalty_prox, PENALTY_PROX, prox) if prox is not None else compiled(make_nothing, PENALTY_PROX, empty),
        np.empty(0) if scale is None else scale,
        parameter_vector(penalty),
    )


def penalty_value(penalty):
    """The compiled value of a penalty."""
    return compiled(make_penalty_value, PENALTY_VALUE, bound_leaf(penalty, "value", (FLOAT,)))


# --- optimizers ----------------------------------------------------------------------------------------------------------


def make_step(update):
    """One step of every coefficient."""

    def step(theta, gradient, slots, prox_step, rate, t, p):
        update(theta, gradient, slots, prox_step, rate, t, p)

    return step


def make_step_with_totals(totals_of, update):
    """One step of every coefficient by an update that needs sums over all of them, which are computed first."""

    def step(theta, gradient, slots, prox_step, rate, t, p):
        totals = totals_of(theta, gradient, slots, rate, t, p)
        update(theta, gradient, slots, prox_step, rate, t, totals, p)

    return step


@functools.cache
def _step(update, contributions, n_slots, n_totals, places):
    """The compiled step of `update` and `contributions`; `places` are the indices of the parameters of each."""
    if not n_totals:
        return compiled(make_step, STEP, update_leaf(update, n_slots, places[0]))
    totals_of = totals_leaf(contributions, n_slots, n_totals, places[1])
    return compiled(make_step_with_totals, STEP, totals_of, update_leaf(update, n_slots, places[0], n_totals))


def step_blocks(optimizer):
    """The compiled update of an optimizer."""
    cls, n_slots, n_totals = type(optimizer), len(optimizer.slots), len(optimizer.totals)
    n_leading = {"update": 4 + n_slots + n_totals}
    if n_totals:
        n_leading["contributions"] = 4 + n_slots
    asked = {function: cls.function_parameters(function, n) for function, n in n_leading.items()}
    for function, n in n_leading.items():
        optimizer.numbers_for(function, n)
    # The vector of parameters: those of `update`, then those that only `contributions` takes.
    names = list(dict.fromkeys(name for function in asked.values() for name in function))
    places = tuple(tuple(names.index(each) for each in function) for function in asked.values())
    written = [cls.written_functions(function) for function in asked]
    step = _step(written[0], written[-1], n_slots, n_totals, places)
    return StepBlocks(step, _parameters(optimizer, names))
