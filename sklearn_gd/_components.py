"""What every part of a model shares: its base class, its parameter checks, and how a string becomes an object."""

import functools
import inspect
import math
import sys
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

SITE = "https://sklearn-gd.readthedocs.io/en/latest/"


class Configurable:
    """What estimators and parts share as objects with parameters: `set_params`, and the page that a notebook links to."""

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``part__parameter`` sets a part's.

        Parameters
        ----------
        **params : dict
            The parameters.

        Returns
        -------
        self : object
            The object itself.

        Raises
        ------
        ValueError
            For an unknown name, and for a parameter of a part that is given as a string or a number.
        """
        for name, value in params.items():
            part, _, inner = name.partition("__")
            held = params.get(part, getattr(self, part, self))
            if inner and not hasattr(held, "set_params"):
                raise ValueError(
                    f"{type(self).__name__} cannot set {name}={value!r}: {part}={held!r} has no parameters of its own; give an "
                    f"object in its place"
                )
        return super().set_params(**params)  # type: ignore[misc]

    _doc_link_module = "sklearn_gd"
    _doc_link_template = SITE + "generated/{page}.html"

    def _doc_link_url_param_generator(self):
        """The page: a class has it under the shortest public name."""
        name, package = type(self).__name__, sys.modules["sklearn_gd"]
        offers = package if name in package.__all__ else getattr(package, type(self).__module__.split(".")[1])
        return {"page": f"{offers.__name__}.{name}"}


class Component(Configurable, BaseEstimator):
    """Base class of losses, penalties, solvers, optimizers and schedules.

    The constructor only assigns, as scikit-learn asks of every estimator: `clone`, `set_params`, `repr` and the double
    underscore names of a grid search then work on a part exactly as they do on an estimator.
    """

    def validate(self) -> None:
        """Raise a ValueError or TypeError that names the first parameter out of its range; the base has none."""

    @classmethod
    def written_functions(cls, name: str) -> Callable | None:
        """The plain function called `name` in the class body, with or without ``@staticmethod``; None where absent."""
        function = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
        return function.__func__ if isinstance(function, staticmethod) else function

    @classmethod
    def function_parameters(cls, name: str, n_leading: int) -> list[str]:
        """Names of the constructor parameters that the function `name` asks for after its `n_leading` own arguments.

        Raises
        ------
        TypeError
            If the function is written as a method, has too few arguments, or asks for a name that the constructor lacks.
        """
        arguments = _arguments(cls.written_functions(name))
        known = cls.parameter_names()
        if arguments[:1] == ["self"]:
            raise TypeError(
                f"{cls.__name__}.{name} takes `self`; write it as a static function of its {n_leading} arguments followed by "
                f"any of the constructor's parameters {known}: compiled code has no `self`"
            )
        if len(arguments) < n_leading:
            raise TypeError(f"{cls.__name__}.{name} takes {arguments}; it needs {n_leading} arguments before its parameters")
        for argument in arguments[n_leading:]:
            if argument not in known:
                raise TypeError(
                    f"{cls.__name__}.{name} asks for `{argument}`, which is not a parameter of {cls.__name__}.__init__; "
                    f"those are {known}"
                )
        return arguments[n_leading:]

    def bound_function(self, name: str, n_leading: int) -> Callable | None:
        """The written function `name` as a function of its `n_leading` own arguments, the parameters filled in; None if absent."""
        function = type(self).written_functions(name)
        if function is None:
            return None
        parameters = [getattr(self, each) for each in type(self).function_parameters(name, n_leading)]
        if not parameters:
            return function
        return lambda *leading: function(*leading, *parameters)

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Names of the constructor's parameters."""
        return _names(cls, cls.__init__)  # type: ignore[arg-type]


@functools.cache
def _arguments(function):
    """Names of a function's arguments."""
    return list(inspect.signature(function).parameters)


@functools.cache
def _names(cls, _):
    """As `parameter_names`, looked up once for each constructor."""
    return cls._get_param_names()


def check_number(owner, name, *, above=None, least=None, below=None, most=None, integer=False, none=False):
    """Check that ``owner.name`` is a finite number in its range; the error names owner, parameter, value and range."""
    value = getattr(owner, name)
    if none and value is None:
        return
    kind = "an integer" if integer else "a number"
    bounds = [f"{sign} {bound}" for sign, bound in ((">", above), (">=", least), ("<", below), ("<=", most)) if bound is not None]
    wanted = kind + (" " + " and ".join(bounds) if bounds else "") + (" or None" if none else "")
    right_type = isinstance(value, Integral if integer else Real) and not isinstance(value, bool)
    message = f"{type(owner).__name__}: {name}={value!r} must be {wanted}"
    if not right_type:
        raise TypeError(message)
    inside = (
        math.isfinite(value)
        and (above is None or value > above)
        and (least is None or value >= least)
        and (below is None or value < below)
        and (most is None or value <= most)
    )
    if not inside:
        raise ValueError(message)


def check_flag(owner, name):
    """Check that ``owner.name`` is True or False."""
    value = getattr(owner, name)
    if not isinstance(value, (bool, Integral, np.bool_)) or value not in (True, False):
        raise TypeError(f"{type(owner).__name__}: {name}={value!r} must be True or False")


def resolve(parameter, value, kind, registry, options=(), others=""):
    """The object of class `kind` that `value` stands for: a registry string, or an object of the class.

    Parameters
    ----------
    parameter : str
        The estimator's parameter, for messages.
    value : object
        What the user gave.
    kind : type
        The class that the part must have.
    registry : dict of str to type
        The strings that stand for a class.
    options : sequence of str
        Further strings to list in the message, handled by the caller.
    others : str
        What else the parameter takes, in words, handled by the caller.

    Raises
    ------
    ValueError
        For a string that is not in the registry; the message lists those that are.
    TypeError
        For an object of another kind, or a class instead of an object.
    """
    if isinstance(value, str):
        if value not in registry:
            names = sorted([*registry, *options])
            raise ValueError(f"{parameter}={value!r} is not known; the strings are {names}, or give an object of {kind.__name__}")
        value = registry[value]()
    if isinstance(value, type) and issubclass(value, kind):
        raise TypeError(f"{parameter}={value.__name__} is a class; give an object of it: {value.__name__}()")
    if not isinstance(value, kind):
        allowed = ", ".join(filter(None, [f"one of {sorted([*registry, *options])}", others, f"an object of {kind.__name__}"]))
        raise TypeError(f"{parameter}={value!r} must be {allowed}, not {type(value).__name__}")
    value.validate()
    return value
