"""The namespace ``np`` of a compiled leaf: NumPy, with functions of single numbers that neither branch nor call.

Numba's ``np.where``, ``np.maximum`` and similar functions are made for arrays; on numbers they branch, so that loops with them
are not vectorised. Here these functions of numbers compile to select instructions, and exponential and logarithm are polynomials,
correct to a few units in the last place. On arrays they are NumPy's functions, as compiled by numba.
"""

import types as python_types

import numpy as np
from numba import types
from numba.extending import overload

from .._stamps import stand_in
from .intrinsics import as_float, as_integer

LOG_2_HIGH, LOG_2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10


def exponential(x):
    """e^x; 0 below -708.

    e^x = 2^n e^r with n the nearest integer to x / ln 2, read from the low bits of x / ln 2 + 1.5 * 2^52; e^r, |r| <= ln 2 / 2,
    by its Taylor polynomial of degree 13. The polynomial here is twice that, and the power half of 2^n: n = 1024, of e^709.7, is
    one more than an exponent can hold.
    """
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = (x - n * LOG_2_HIGH) - n * LOG_2_LOW
    square = r * r
    fourth = square * square
    low = (2.0 + r * 2.0) + (1.0 + r * (1.0 / 3.0)) * square
    middle = (1.0 / 12.0 + r * (1.0 / 60.0)) + (1.0 / 360.0 + r * (1.0 / 2520.0)) * square
    high = (1.0 / 20160.0 + r * (1.0 / 181440.0)) + (1.0 / 1814400.0 + r * (1.0 / 19958400.0)) * square
    high = high + (1.0 / 239500800.0 + r * (1.0 / 3113510400.0)) * fourth
    out = (low + (middle + high * fourth) * fourth) * as_float((as_integer(shifted) + 1022) << 52)
    out = 0.0 if x < -708.0 else out
    return np.inf if x > 710.0 else out


def exponential_less_one(x):
    """e^x - 1 without cancellation; -1 below -708.

    2^n (e^r - 1) + (2^n - 1), with n and r as in `exponential`; here too the power is half of 2^n.
    """
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = (x - n * LOG_2_HIGH) - n * LOG_2_LOW
    square = r * r
    fourth = square * square
    low = (1.0 / 2.0 + r * (1.0 / 6.0)) + (1.0 / 24.0 + r * (1.0 / 120.0)) * square
    middle = (1.0 / 720.0 + r * (1.0 / 5040.0)) + (1.0 / 40320.0 + r * (1.0 / 362880.0)) * square
    high = (1.0 / 3628800.0 + r * (1.0 / 39916800.0)) + (1.0 / 479001600.0 + r * (1.0 / 6227020800.0)) * square
    power = as_float((as_integer(shifted) + 1022) << 52)
    out = 2.0 * (power * (r + (low + (middle + high * fourth) * fourth) * square) + (power - 0.5))
    out = -1.0 if x < -708.0 else out
    return np.inf if x > 710.0 else out


def log_of_one_plus(x):
    """log(1 + x) for every x; -infinity at -1, nan below.

    1 + x = 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2); k is read from the exponent of 1 + x. Where k = 0, f is x
    itself, so a small x loses no digits. log(1 + f) is twice the series of artanh at f / (2 + f), at most 0.172.
    """
    biased = (as_integer(1.0 + x) + 0x0009_5F61_9980_C433) >> 52
    k = as_float(biased + 0x4330_0000_0000_0000) - (4503599627370496.0 + 1023.0)
    # 2^-k as two factors: a single one would underflow for the largest x.
    half = biased >> 1
    first, second = as_float((1534 - half) << 52), as_float((1535 - (biased - half)) << 52)
    f = (x * first) * second + (first * second - 1.0)
    s = f / (2.0 + f)
    q = s * s
    q2 = q * q
    q4 = q2 * q2
    low = (1.0 / 3.0 + q * (1.0 / 5.0)) + (1.0 / 7.0 + q * (1.0 / 9.0)) * q2
    middle = (1.0 / 11.0 + q * (1.0 / 13.0)) + (1.0 / 15.0 + q * (1.0 / 17.0)) * q2
    high = 1.0 / 19.0 + q * (1.0 / 21.0)
    tail = (low + (middle + high * q4) * q4) * q
    out = k * LOG_2_HIGH + ((s + s) + ((s + s) * tail + k * LOG_2_LOW))
    out = out if x < np.inf else x
    return out if x > -1.0 else (-np.inf if x == -1.0 else np.nan)


def absolute(x):
    """|x|."""
    return abs(x)


def sign(x):
    """-1, 0 or 1; nan of nan."""
    return 1.0 if x > 0 else (-1.0 if x < 0 else x + 0.0)


def maximum(x, y):
    """The larger one; nan if any is nan."""
    return x if x > y or x != x else y


def minimum(x, y):
    """The smaller one; nan if any is nan."""
    return x if x < y or x != x else y


def clip(x, low, high):
    """x, limited to the interval from `low` to `high`."""
    raised = x if x > low or x != x else low
    return raised if raised < high or raised != raised else high


def where(condition, x, y):
    """x if the condition holds, else y."""
    return x if condition else y


def _of_arrays(function, n_arguments):
    """NumPy's function, to be compiled for arrays, under a unique name, as machine code on disk is linked by name."""
    of_arrays = {1: lambda x: function(x), 2: lambda x, y: function(x, y), 3: lambda x, y, z: function(x, y, z)}[n_arguments]
    of_arrays.__name__ = of_arrays.__qualname__ = f"{function.__name__}_of_arrays"
    return of_arrays


def _made_for_numbers(function, of_arrays):
    """A function that compiled code resolves to `function` for numbers, and to `of_arrays` for all other types."""

    def chosen(*arguments):
        return function if all(isinstance(each, (types.Number, types.Boolean)) for each in arguments) else of_arrays

    overload(function, strict=False, jit_options={"fastmath": {"contract"}, "nogil": True, "forceinline": True})(chosen)
    return function


NUMPY = python_types.ModuleType("numpy_of_numbers")
vars(NUMPY).update({name: getattr(np, name) for name in dir(np) if not name.startswith("_")})
for name, function, n_arguments in [
    ("exp", exponential, 1),
    ("expm1", exponential_less_one, 1),
    ("log1p", log_of_one_plus, 1),
    ("absolute", absolute, 1),
    ("sign", sign, 1),
    ("maximum", maximum, 2),
    ("minimum", minimum, 2),
    ("clip", clip, 3),
    ("where", where, 3),
]:
    setattr(NUMPY, name, _made_for_numbers(function, _of_arrays(getattr(np, name), n_arguments)))
NUMPY.abs = NUMPY.absolute
stand_in(np, NUMPY, __file__)
