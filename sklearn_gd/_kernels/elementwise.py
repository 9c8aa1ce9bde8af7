"""Functions of numbers applied to whole arrays, for batch descent with a loss that is not written in array style.

Arrays of scores are (n_outputs, n_samples). The returned arrays are always new.
"""

import numpy as np
from numba import types

from .._compile import array, compiled
from .._leaves import FLOAT
from .blocks import INDEX, MATRIX, VECTOR, bound_leaf, parameter_vector

CLASSES = array(1, types.int64)
ONE = types.void(MATRIX, MATRIX, MATRIX, VECTOR)
THREE = types.void(MATRIX, MATRIX, FLOAT, MATRIX, MATRIX, MATRIX, VECTOR)
ROW_VALUES = types.void(CLASSES, MATRIX, VECTOR, VECTOR)
ROW_GRADIENTS = types.void(CLASSES, MATRIX, MATRIX, VECTOR)
ROW_SECOND_ORDERS = types.void(CLASSES, MATRIX, FLOAT, VECTOR, MATRIX, MATRIX, VECTOR)
ROW_PRODUCTS = types.void(CLASSES, MATRIX, MATRIX, MATRIX, VECTOR)


# --- losses of one score -------------------------------------------------------------------------------------------------


def make_one(function):
    """Apply a function of target and score to every pair."""

    def one(y, raw, out, p):
        for k in range(raw.shape[0]):
            for i in range(raw.shape[1]):
                out[k, i] = function(y[k, i], raw[k, i], p)

    return one


def make_three(function):
    """Apply a function of target, score and width, with three results, to every pair."""

    def three(y, raw, width, first, second, third, p):
        for k in range(raw.shape[0]):
            for i in range(raw.shape[1]):
                first[k, i], second[k, i], third[k, i] = function(y[k, i], raw[k, i], width, p)

    return three


def of_pairs(loss, name):
    """The loss's `value`, `gradient` or `second_derivative` as a function of arrays (y, raw)."""
    parameters = parameter_vector(loss)
    kernel = compiled(make_one, ONE, bound_leaf(loss, name, (FLOAT, FLOAT)))

    def function(y, raw):
        out = np.empty(raw.shape)
        kernel(_plain(y), _plain(raw), out, parameters)
        return out

    return function


def second_order_of_pairs(loss):
    """The loss's `second_order` as a function of arrays y and raw and a number `width`."""
    parameters = parameter_vector(loss)
    kernel = compiled(make_three, THREE, bound_leaf(loss, "second_order", (FLOAT, FLOAT, FLOAT)))

    def second_order(y, raw, width):
        out = np.empty(raw.shape), np.empty(raw.shape), np.empty(raw.shape)
        kernel(_plain(y), _plain(raw), width, *out, parameters)
        return out

    return second_order


def _plain(array):
    """The array itself, or a copy that compiled code accepts."""
    return np.require(array, requirements=["C", "W"])


# --- losses that couple the classes --------------------------------------------------------------------------------------


def make_row_values(value):
    """The loss of each sample."""

    def values(y, raw, out, p):
        scores = np.empty(raw.shape[0])
        for i in range(raw.shape[1]):
            for k in range(raw.shape[0]):
                scores[k] = raw[k, i]
            out[i] = value(y[i], scores, p)

    return values


def make_row_gradients(gradient):
    """The gradient of each sample's loss."""

    def gradients(y, raw, out, p):
        scores, slope = np.empty(raw.shape[0]), np.empty(raw.shape[0])
        for i in range(raw.shape[1]):
            for k in range(raw.shape[0]):
                scores[k] = raw[k, i]
            gradient(y[i], scores, slope, p)
            for k in range(raw.shape[0]):
                out[k, i] = slope[k]

    return gradients


def make_row_second_orders(second_order):
    """Value, gradient and curvature of each sample's loss."""

    def second_orders(y, raw, width, value, out, curvature, p):
        scores, slope, kept = np.empty(raw.shape[0]), np.empty(raw.shape[0]), np.empty(raw.shape[0])
        for i in range(raw.shape[1]):
            for k in range(raw.shape[0]):
                scores[k] = raw[k, i]
            value[i] = second_order(y[i], scores, width, slope, kept, p)
            for k in range(raw.shape[0]):
                out[k, i], curvature[k, i] = slope[k], kept[k]

    return second_orders


def make_row_products(product):
    """The Hessian of each sample's loss times the direction of its scores."""

    def products(y, curvature, a, out, p):
        kept, direction, bent = np.empty(a.shape[0]), np.empty(a.shape[0]), np.empty(a.shape[0])
        for i in range(a.shape[1]):
            for k in range(a.shape[0]):
                kept[k], direction[k] = curvature[k, i], a[k, i]
            product(y[i], kept, direction, bent, p)
            for k in range(a.shape[0]):
                out[k, i] = bent[k]

    return products


def values_of_rows(loss):
    """The loss's `multiclass_value` as a function of class indices and scores (n_classes, n_samples)."""
    parameters = parameter_vector(loss)
    kernel = compiled(make_row_values, ROW_VALUES, bound_leaf(loss, "multiclass_value", (INDEX, VECTOR)))

    def value(y, raw):
        out = np.empty(raw.shape[1])
        kernel(_plain(y), _plain(raw), out, parameters)
        return out

    return value


def gradients_of_rows(loss):
    """The loss's `multiclass_gradient` as a function of the same arrays."""
    parameters = parameter_vector(loss)
    kernel = compiled(make_row_gradients, ROW_GRADIENTS, bound_leaf(loss, "multiclass_gradient", (INDEX, VECTOR, VECTOR)))

    def gradient(y, raw):
        out = np.empty(raw.shape)
        kernel(_plain(y), _plain(raw), out, parameters)
        return out

    return gradient


def second_orders_of_rows(loss):
    """The loss's `multiclass_second_order` as a function of the same arrays: value, gradient and curvature."""
    parameters = parameter_vector(loss)
    leaf = bound_leaf(loss, "multiclass_second_order", (INDEX, VECTOR, FLOAT, VECTOR, VECTOR))
    kernel = compiled(make_row_second_orders, ROW_SECOND_ORDERS, leaf)

    def second_order(y, raw, width):
        out = np.empty(raw.shape[1]), np.empty(raw.shape), np.empty(raw.shape)
        kernel(_plain(y), _plain(raw), width, *out, parameters)
        return out

    return second_order


def products_of_rows(loss):
    """The loss's `multiclass_hessian_product`, as a function of directions and the curvature that its second order returns."""
    parameters = parameter_vector(loss)
    leaf = bound_leaf(loss, "multiclass_hessian_product", (INDEX, VECTOR, VECTOR, VECTOR))
    kernel = compiled(make_row_products, ROW_PRODUCTS, leaf)

    def hessian_product(y, curvature, a):
        out = np.empty(a.shape)
        kernel(_plain(y), _plain(curvature), _plain(a), out, parameters)
        return out

    return hessian_product
