"""The exponential, in a form that compiled loops do several of at once."""

import math


def exponential(x):
    """e^x; compiled code has `_compile.quick_exponential` in its place, equal to two units in the last place."""
    return math.exp(x)


exponential.compiled_as = "quick_exponential"
