"""Array style with other libraries than NumPy: the functions of a loss run on their arrays with another ``np``.

The library must have the functions of the array API standard, like PyTorch, CuPy and array_api_strict.
"""

import functools
import types

import numpy as np


class Namespace:
    """The replacement of ``np``: the functions of the library, extended to the arguments that NumPy's functions take.

    The standard requires arrays where NumPy also takes numbers, and numbers where NumPy also takes booleans.

    Parameters
    ----------
    library : module
        The library.
    dtype : object
        The floating type of targets and scores.
    device : object or None
        The device of the arrays; None if the library has only one.
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
        """`function` with its arguments converted to arrays of the floating type; `out` is ignored."""
        return lambda *arguments, out=None: function(*map(self._array, arguments))

    def where(self, condition, x, y):
        """x if the condition holds, else y."""
        return self._library.where(condition, self._array(x), self._array(y))

    def clip(self, x, low, high):
        """x, limited to the interval from `low` to `high`."""
        return self.minimum(self.maximum(x, low), high)

    def arange(self, n):
        """The integers below n."""
        return self._library.arange(n, **self._place)

    def max(self, x, axis):
        """The largest entries along an axis; `amax` for PyTorch."""
        return getattr(self._library, "amax", self._library.max)(x, axis=axis)

    def __getattr__(self, name):
        return getattr(self._library, name)


def globals_of(function):
    """The objects that `function` reads by a global name."""
    return {name: function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__}


def with_globals(function, replaced):
    """A copy of `function` in which the global names in `replaced` refer to other objects."""
    copy = types.FunctionType(
        function.__code__, {**function.__globals__, **replaced}, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__qualname__, copy.__module__, copy.__kwdefaults__ = function.__qualname__, function.__module__, function.__kwdefaults__
    return copy


@functools.cache
def under(function, namespace):
    """A copy of the code with another ``np``, including plain functions that it calls by a global name.

    Parameters
    ----------
    function : function
        A plain Python function; it must not be recursive.
    namespace : Namespace
        The replacement of NumPy.

    Returns
    -------
    function
        The copy.
    """
    named = globals_of(function)
    helpers = {name: under(each, namespace) for name, each in named.items() if isinstance(each, types.FunctionType)}
    return with_globals(function, helpers | {name: namespace for name, each in named.items() if each is np})
