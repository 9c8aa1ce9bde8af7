"""The functions of a loss as functions of arrays.

A function in array style runs unchanged; one in scalar style is compiled and called for each element; a missing derivative is
approximated by central differences.
"""

import functools
from numbers import Real

import numpy as np

from .._array_style import runs_on_arrays
from .._layout import DIFFERENCE
from ..losses._base import N_ARGUMENTS, pairs

WIDTH = 0.25  # of the smoothing in the test for the style of `second_order`
TRIED, SHIFTS = 3, (0.0, 1.0, -2.0)  # samples, and numbers that are added to their scores
SECOND_DIFFERENCE = 1e-4  # relative step of a second difference, as `DIFFERENCE` is of a first one
ROUNDING = 1e-12  # of the largest value; a smaller difference counts as zero


def compiled(name, *arguments):
    """The function `name` of `_kernels.elementwise`, imported here because it imports the compiler."""
    from .._kernels import elementwise

    return getattr(elementwise, name)(*arguments)


def on_arrays(loss, targets, name):
    """The loss's function `name` of single scores as a function of arrays, tried on `targets`; None if the loss has none."""
    function = loss.bound_function(name, N_ARGUMENTS[name])
    if function is None:
        return None
    written, parameters = type(loss).written_functions(name), loss.numbers_for(name, N_ARGUMENTS[name])
    return _style(written, parameters, name == "second_order", targets)(loss, name, function)


@functools.lru_cache(maxsize=512)
def _style(written, parameters, takes_width, targets):
    """The way to apply a function to arrays: `_as_written`, `_made_whole` or `_element_by_element`."""

    def function(y, raw):
        return written(y, raw, WIDTH, *parameters) if takes_width else written(y, raw, *parameters)

    y, raw = pairs(np.array(targets or (1.0,)))
    if not runs_on_arrays(function, y, raw):
        return _element_by_element
    with np.errstate(all="ignore"):
        results = function(y, raw)
    results = results if takes_width else (results,)
    if not all(isinstance(each, (np.ndarray, Real)) for each in results) or len(results) != (3 if takes_width else 1):
        raise TypeError(
            f"{written.__qualname__} returns a wrong number or type of values; see its documentation for what it must return"
        )
    # The curvature may be one number for all scores, and the value may be an argument; gradients are overwritten.
    whole = [_is_whole(each, y, raw) for each in results[:2]]
    kept = np.ndim(results[-1]) == 0 or _is_whole(results[-1], y, raw)
    apart = len(results) == 1 or not any(np.shares_memory(results[1], each) for each in (results[0], results[2]))
    return _as_written if all(whole) and kept and apart else _made_whole


def _is_whole(result, y, raw):
    """Whether a result is an array of float64 in the shape of the scores, and not y or raw themselves."""
    right = isinstance(result, np.ndarray) and result.shape == raw.shape and result.dtype == np.float64
    return right and not np.shares_memory(result, raw) and not np.shares_memory(result, y)


def _as_written(loss, name, function):
    """The function itself."""
    return function


def _made_whole(loss, name, function):
    """The function with results copied to the shape of the scores, for one that returns a number or one of its arguments."""
    if name == "second_order":
        return lambda y, raw, width: tuple([_whole(each, raw) for each in function(y, raw, width)])
    return lambda y, raw: _whole(function(y, raw), raw)


def _whole(result, raw):
    """A copy of a result in the shape of the scores."""
    return np.array(np.broadcast_to(result, raw.shape), dtype=np.float64)


def _element_by_element(loss, name, function):
    """The function compiled and called for each number."""
    return compiled("second_order_of_pairs", loss) if name == "second_order" else compiled("of_pairs", loss, name)


def ignores_shift(loss, n_outputs):
    """Whether a loss of all scores of a sample stays the same when a number is added to all of them; found by a trial."""
    written = type(loss).written_functions("multiclass_value")
    return _stays(written, loss.numbers_for("multiclass_value", N_ARGUMENTS["multiclass_value"]), n_outputs)


@functools.lru_cache(maxsize=512)
def _stays(value, parameters, n_outputs):
    """Whether the value is the same for shifted scores, at random scores."""
    scores = np.random.RandomState(0).standard_normal((TRIED, n_outputs))
    try:
        with np.errstate(all="ignore"):
            values = [[value(k % n_outputs, raw + shift, *parameters) for shift in SHIFTS] for k, raw in enumerate(scores)]
            return bool(np.allclose(np.ptp(values, axis=1), 0.0, rtol=0.0, atol=ROUNDING * float(np.max(np.abs(values)))))
    except Exception:
        return False  # a mistake in the function, which is reported where it is compiled


def together(value, gradient, curvature):
    """A function that returns value, gradient and curvature, for a smooth loss without `second_order`."""

    def second_order(y, raw, width):
        return value(y, raw), gradient(y, raw), curvature(y, raw)

    return second_order


# --- numerical derivatives -----------------------------------------------------------------------------------------------
# `np` may be another namespace.


def numeric_gradient(value, np=np):
    """The central difference of a value."""

    def gradient(y, raw):
        h = DIFFERENCE * np.maximum(1.0, np.abs(raw))
        return (value(y, raw + h) - value(y, raw - h)) / (2.0 * h)

    return gradient


def numeric_second(gradient, np=np):
    """The central difference of a gradient, but at least 0."""

    def second(y, raw):
        h = DIFFERENCE * np.maximum(1.0, np.abs(raw))
        return np.maximum((gradient(y, raw + h) - gradient(y, raw - h)) / (2.0 * h), 0.0)

    return second


def numeric_second_of_value(value, np=np):
    """The second difference of a value, for a loss without a gradient; at least 0."""

    def second(y, raw):
        h = SECOND_DIFFERENCE * np.maximum(1.0, np.abs(raw))
        return np.maximum((value(y, raw + h) - 2.0 * value(y, raw) + value(y, raw - h)) / (h * h), 0.0)

    return second


def numeric_gradient_of_classes(value):
    """The central differences of a value of all scores of a sample, for each class."""

    def gradient(y, raw):
        moved, out = raw.copy(), np.empty(raw.shape)
        for k in range(len(raw)):
            h = DIFFERENCE * np.maximum(1.0, np.abs(raw[k]))
            moved[k] = raw[k] + h
            above = value(y, moved)
            moved[k] = raw[k] - h
            out[k] = (above - value(y, moved)) / (2.0 * h)
            moved[k] = raw[k]
        return out

    return gradient


def scores(y, raw):
    """The curvature in the form that `numeric_product` takes: the scores themselves."""
    return raw.copy()


def numeric_product(gradient):
    """The Hessian times a direction, from the change of the gradient along it."""

    def product(y, raw, a):
        length = np.max(np.abs(a), axis=0)
        h = DIFFERENCE / np.where(length > 0.0, length, 1.0)
        return (gradient(y, raw + h * a) - gradient(y, raw - h * a)) / (2.0 * h)

    return product
