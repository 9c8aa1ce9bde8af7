"""Array style beyond NumPy: a loss's functions run on the arrays of another library with another ``np``.

The library has the functions of the array API standard: PyTorch, CuPy, array_api_strict.
"""

import functools
import types

import numpy as np


class Namespace:
    """What ``np`` stands for: the library's functions, which here also take what NumPy's take.

    The standard wants arrays where NumPy takes numbers, and numbers where NumPy takes truth values.

    Parameters
    ----------
    library : module
        The library.
    dtype : object
        Its floating type, that of targets and scores.
    device : object or None
        Where its arrays are; None where it has one place only.
    """

    def __init__(self, library, dtype, device=None):
        self._library, self._place = library, {} if device is None else {"device": device}
        self._array = functools.partial(library.asarray, dtype=dtype, **self._place)
        self.inf, self.nan, self.pi = float("inf"), float("nan"), 3.141592653589793
        for name in ("exp", "expm1", "log", "log1p", "sqrt", "abs", "sign", "tanh", "sin", "cos", "floor"):
            setattr(self, name, self._taking_numbers(getattr(library, name)))
        for name in ("add", "maximum", "minimum", "subtract"):
            setattr(self, name, self._taking_numbers(getattr(library, name)))
        self.add.reduce, self.maximum.reduce = library.sum, self.max
        self.absolute = self.abs

    def _taking_numbers(self, function):
        """`function` with its arguments made into arrays of the floating type; `out` only says what may be overwritten."""
        return lambda *arguments, out=None: function(*map(self._array, arguments))

    def where(self, condition, x, y):
        """x where the condition holds, else y."""
        return self._library.where(condition, self._array(x), self._array(y))

    def clip(self, x, low, high):
        """x, no less than `low` and no more than `high`."""
        return self.minimum(self.maximum(x, low), high)

    def arange(self, n):
        """The integers below n."""
        return self._library.arange(n, **self._place)

    def max(self, x, axis):
        """The largest entries along an axis; of PyTorch, `amax`."""
        return getattr(self._library, "amax", self._library.max)(x, axis=axis)

    def __getattr__(self, name):
        return getattr(self._library, name)


def globals_of(function):
    """What `function` reads by a global name."""
    return {name: function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__}


def with_globals(function, replaced):
    """A copy of `function` that finds the objects `replaced` under their global names."""
    copy = types.FunctionType(
        function.__code__, {**function.__globals__, **replaced}, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__qualname__, copy.__module__, copy.__kwdefaults__ = function.__qualname__, function.__module__, function.__kwdefaults__
    return copy


@functools.cache
def under(function, namespace):
    """The same code with another ``np``, plain functions that it calls by a global name included.

    Parameters
    ----------
    function : function
        Plain Python; it may not call itself.
    namespace : Namespace
        What takes the place of NumPy.

    Returns
    -------
    function
        The copy.
    """
    named = globals_of(function)
    helpers = {name: under(each, namespace) for name, each in named.items() if isinstance(each, types.FunctionType)}
    return with_globals(function, helpers | {name: namespace for name, each in named.items() if each is np})
