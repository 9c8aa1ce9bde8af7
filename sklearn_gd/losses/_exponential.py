"""Exponential and logarithm, in a form that compiled loops do several of at once.

Compiled code has the functions of `_compile` named here in their place; they are equal to a few units in the last place.
"""

import math


def exponential(x):
    """e^x."""
    return math.exp(x)


def log_of_one_plus(x):
    """log(1 + x), for 0 <= x <= 1."""
    return math.log1p(x)


exponential.compiled_as = "quick_exponential"
log_of_one_plus.compiled_as = "quick_log_of_one_plus"
