"""The common parts of all components: base class, parameter checks, and the conversion of strings to objects."""

import functools
import inspect
import math
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._array_style import runs_on_arrays
from ._mistakes import check_names, try_call
from ._sklearn import BaseEstimator
from ._version import __version__
from .exceptions import InconsistentVersionWarning

VERSION_STAMP = "_sklearn_gd_version"  # the key among an object's pickled attributes
SITE = "https://sklearn-gd.readthedocs.io/en/latest/"


class Configurable:
    """Base of estimators and components: `set_params`, a version stamp in pickles, and the page that a notebook links to."""

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``component__parameter`` sets a parameter of a component.

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
            If a name is unknown, or if the component whose parameter is set was given as a string or a number.
        """
        for name, value in params.items():
            part, _, inner = name.partition("__")
            held = params.get(part, getattr(self, part, self))
            if inner and not hasattr(held, "set_params"):
                raise ValueError(
                    f"{type(self).__name__} cannot set {name}={value!r}: {part}={held!r} has no parameters; pass an object "
                    f"instead of a string or number"
                )
        return super().set_params(**params)  # type: ignore[misc]

    def __getstate__(self) -> dict[str, Any]:
        """The attributes, with a version stamp, as scikit-learn stamps only its own classes."""
        return {**super().__getstate__(), VERSION_STAMP: __version__}  # type: ignore[dict-item]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the attributes; warn if another version stored them."""
        state = dict(state)
        version = state.pop(VERSION_STAMP, "before 0.1.0")
        if version != __version__:
            # The caller is the line that unpickles.
            warning = InconsistentVersionWarning(estimator_name=type(self).__name__, original_version=version)
            warnings.warn(warning, stacklevel=2)
        super().__setstate__(state)  # type: ignore[misc]

    _doc_link_module = "sklearn_gd"
    _doc_link_template = SITE + "generated/{page}.html"

    def _doc_link_url_param_generator(self):
        """The page of the class, under its shortest public name."""
        name, package = type(self).__name__, sys.modules["sklearn_gd"]
        offers = package if name in package.__all__ else getattr(package, type(self).__module__.split(".")[1])
        return {"page": f"{offers.__name__}.{name}"}


@dataclass(frozen=True)
class Range:
    """Constraint on a numeric parameter: a finite number in a range.

    Parameters
    ----------
    low, high : float or None, default=None
        The bounds; None for no bound.
    closed : {"both", "left", "right", "neither"}, default="both"
        Which of the bounds belong to the range.
    integer : bool, default=False
        Whether the number must be an integer.
    none : bool, default=False
        Whether None is allowed.
    """

    low: float | None = None
    high: float | None = None
    closed: str = "both"
    integer: bool = False
    none: bool = False

    def check(self, owner: object, name: str) -> None:
        """Raise a TypeError or ValueError that names owner, parameter, value and range if ``owner.name`` is outside."""
        value = getattr(owner, name)
        if self.none and value is None:
            return
        right_type = isinstance(value, Integral if self.integer else Real) and not isinstance(value, bool)
        if not (right_type and self._holds(value)):
            message = f"{type(owner).__name__}: {name}={value!r} must be {self._wanted()}"
            raise ValueError(message) if right_type else TypeError(message)

    def words(self) -> str:
        """Return the range as written in docstrings."""
        kind, (left, right) = "int" if self.integer else "float", self._closed()
        if self.low is not None and self.high is not None:
            kind += f" in {'[' if left else '('}{self.low}, {self.high}{']' if right else ')'}"
        elif self.low is not None:
            kind += f" >{'=' * left} {self.low}"
        elif self.high is not None:
            kind += f" <{'=' * right} {self.high}"
        return kind + " or None" * self.none

    def bad_values(self) -> list[Any]:
        """Return values that must be rejected: other types, non-finite numbers, and numbers just outside the range."""
        left, right = self._closed()
        bad = ["1", True, 1j, [], math.nan, math.inf, -math.inf, 10**400]
        bad += [] if self.none else [None]
        bad += [0.5] if self.integer else []
        for end, belongs, away in ((self.low, left, -1), (self.high, right, 1)):
            if end is not None:
                bad += [end + away] if belongs else [end, end + away]
        return bad

    def _closed(self):
        """Whether the low end belongs to the range, and whether the high one does."""
        return self.closed in ("both", "left"), self.closed in ("both", "right")

    def _holds(self, value):
        """Whether a number is finite and between the ends."""
        left, right = self._closed()
        above = self.low is None or value > self.low or (left and value == self.low)
        below = self.high is None or value < self.high or (right and value == self.high)
        return is_finite(value) and above and below

    def _wanted(self):
        """The range, as written in error messages."""
        left, right = self._closed()
        ends = [
            f"{sign}{'=' * belongs} {end}"
            for sign, belongs, end in ((">", left, self.low), ("<", right, self.high))
            if end is not None
        ]
        kind = " ".join(["an integer" if self.integer else "a number", " and ".join(ends)]).rstrip()
        return kind + " or None" * self.none


def is_finite(value):
    """Whether a number is finite as a float."""
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the largest float
        return False


@dataclass(frozen=True)
class Flag:
    """Constraint on a parameter that is True or False, or one of `strings`; the integers 1 and 0 are allowed."""

    strings: tuple[str, ...] = ()

    def check(self, owner: object, name: str) -> None:
        """Raise a TypeError that names owner, parameter and value if ``owner.name`` has another type."""
        value = getattr(owner, name)
        if isinstance(value, str) and value in self.strings:
            return
        if not isinstance(value, (bool, Integral, np.bool_)) or value not in (True, False):
            allowed = ", ".join(["True", "False", *map(repr, self.strings)])
            head, _, last = allowed.rpartition(", ")
            raise TypeError(f"{type(owner).__name__}: {name}={value!r} must be {head} or {last}")

    def words(self) -> str:
        """Return the type as written in docstrings."""
        return " or ".join(["bool", *map('"{}"'.format, self.strings)])

    def bad_values(self) -> list[Any]:
        """Return values that must be rejected."""
        return ["True", None, 2, 1.0, 0.0, [], [True]]


# A number or an array, of NumPy or another library: the arguments of a component's functions for each sample or coefficient.
Numbers = Any
#: The constraints of a component's parameters, by name.
Constraints = dict[str, Range | Flag]
Method = TypeVar("Method", bound=Callable[..., Any])


def once_for_each_class(function: Method) -> Method:
    """Cache a function of a class and further arguments for the lifetime of the class."""
    known: Any = weakref.WeakKeyDictionary()

    @functools.wraps(function)
    def kept(cls, *arguments):
        try:
            return known[cls][arguments]
        except KeyError:
            pass
        # Outside the handler, so that an error of the function is not chained to the KeyError of the lookup.
        result = known.setdefault(cls, {})[arguments] = function(cls, *arguments)
        return result

    return kept  # type: ignore[return-value]


class Component(Configurable, BaseEstimator):
    """Base class of losses, penalties, solvers, optimizers and schedules.

    The constructor only assigns, as scikit-learn requires of every estimator. Therefore `clone`, `set_params`, `repr` and the
    double-underscore parameter names of a grid search work with a component exactly as with an estimator.

    Attributes
    ----------
    constraints : dict of str to Range or Flag
        The allowed values of the constructor's parameters; the constraints of base classes apply too.
    """

    constraints: Constraints = {}
    # Names of the functions that a class may define; the base class of a kind of part lists them.
    _optional: tuple[str, ...] = ()

    def validate(self) -> None:
        """Raise a ValueError or TypeError that names a misspelt function, or the first parameter that violates its constraint."""
        self._check_names()
        check_constraints(self, type(self).merged_constraints())

    @classmethod
    @once_for_each_class
    def _check_names(cls):
        """Raise a TypeError where a user's class has a name that is nearly one of its base class: it would be ignored."""
        check_names(cls, Component, cls._optional, cls.parameter_names())

    def try_function(self, name: str, *leading: float, returns: tuple[str, ...] = ()) -> None:
        """Raise a TypeError if the function `name` does not take numbers, or does not return what it must.

        Errors that depend on the values of the numbers are left to the fit.

        Parameters
        ----------
        name : str
            The function; nothing happens if it is absent.
        *leading : float
            What to call it with, before its parameters.
        returns : tuple of str
            What each number of the tuple that it must return is; without any, it must return one number.
        """
        function = self.bound_function(name, len(leading))
        if function is not None:
            names = _arguments(type(self).written_functions(name))
            try_call(f"{type(self).__name__}.{name}", function, dict(zip(names, leading)), returns)

    @contextmanager
    def once(self, check: Any) -> Iterator[bool]:
        """Whether a check, known by this key, is due for the class of the object: until it has ended without an error.

        Parameters
        ----------
        check : hashable
            The key.

        Yields
        ------
        bool
            True if it is due.
        """
        passed = _passed.setdefault(type(self), set())
        yield check not in passed
        passed.add(check)

    @classmethod
    def merged_constraints(cls) -> Constraints:
        """Return the constraints of the class and its bases on the constructor's parameters."""
        return _merged_constraints(cls, cls.__init__)  # type: ignore[arg-type]

    @classmethod
    @once_for_each_class
    def written_functions(cls, name: str) -> Callable[..., Any] | None:
        """Return the plain function `name` of the class body, with or without ``@staticmethod``; None if absent."""
        function = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
        return function.__func__ if isinstance(function, staticmethod) else function

    @classmethod
    @once_for_each_class
    def function_parameters(cls, name: str, n_leading: int) -> list[str]:
        """Return the names of the constructor parameters that the function `name` takes after its first `n_leading` arguments.

        Raises
        ------
        TypeError
            If the function is written as a method, has too few arguments, or takes a name that the constructor lacks.
        """
        arguments = _arguments(cls.written_functions(name))
        known = cls.parameter_names()
        if arguments[:1] == ["self"]:
            raise TypeError(
                f"{cls.__name__}.{name} takes `self`, which compiled code cannot use; write it as a static function of its "
                f"{n_leading} arguments followed by any of the constructor's parameters {known}"
            )
        if len(arguments) < n_leading:
            raise TypeError(f"{cls.__name__}.{name} takes {arguments}; it needs {n_leading} arguments before its parameters")
        for argument in arguments[n_leading:]:
            if argument not in known:
                raise TypeError(
                    f"{cls.__name__}.{name} takes `{argument}`, which is not a parameter of {cls.__name__}.__init__; the "
                    f"parameters are {known}"
                )
        return arguments[n_leading:]

    def bound_function(self, name: str, n_leading: int) -> Callable[..., Any] | None:
        """Return the function `name` with its parameters filled in, as a function of `n_leading` arguments; None if absent."""
        function = type(self).written_functions(name)
        if function is None:
            return None
        parameters = self.numbers_for(name, n_leading)
        if not parameters:
            return function
        return lambda *leading: function(*leading, *parameters)

    def numbers_for(self, name: str, n_leading: int) -> tuple[Any, ...]:
        """Return the values of the parameters that the function `name` takes, as floats and booleans.

        Raises
        ------
        TypeError
            If a value is neither; the message names the parameter and the function.
        """
        values = []
        for each in type(self).function_parameters(name, n_leading):
            value = getattr(self, each)
            if not isinstance(value, (Real, np.bool_)):
                cls = type(self).__name__
                raise TypeError(f"{cls}: {each}={value!r} must be a number, because {cls}.{name} takes it")
            values.append(bool(value) if isinstance(value, (bool, np.bool_)) else float(value))
        return tuple(values)

    def in_array_style(self, name: str, *arrays: NDArray[Any], numbers: tuple[Any, ...] = ()) -> bool:
        """Whether the function `name` of `arrays`, then `numbers`, returns the same for arrays as for each of their entries."""
        function = self.bound_function(name, len(arrays) + len(numbers))
        if function is None:
            return True
        return runs_on_arrays(lambda *each: function(*each, *numbers), *arrays)

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Return the names of the constructor's parameters."""
        return _names(cls, cls.__init__)  # type: ignore[arg-type]


# Of each class, the checks that it has passed.
_passed: Any = weakref.WeakKeyDictionary()


@functools.cache
def _merged_constraints(cls, _):
    """As `merged_constraints`, cached for each constructor."""
    known = {}
    for base in reversed(cls.__mro__):
        known |= vars(base).get("constraints", {})
    return {name: known[name] for name in cls.parameter_names() if name in known}


@functools.cache
def _arguments(function):
    """The names of a function's arguments."""
    return list(inspect.signature(function).parameters)


@functools.cache
def _names(cls, _):
    """As `parameter_names`, cached for each constructor."""
    return cls._get_param_names()


def check_constraints(owner, constraints):
    """Check the parameters of `owner` in turn, each by the constraint under its name."""
    for name, constraint in constraints.items():
        constraint.check(owner, name)


def resolve(parameter, value, kind, registry, options=(), others=""):
    """The object of class `kind` that `value` stands for: a registry string, or an object of the class.

    Parameters
    ----------
    parameter : str
        The estimator's parameter, for messages.
    value : object
        The value given by the user.
    kind : type
        The required class of the component.
    registry : dict of str to type
        The strings that stand for a class.
    options : sequence of str
        Further strings to list in the message, handled by the caller.
    others : str
        A description of the other values that the parameter takes, handled by the caller.

    Raises
    ------
    ValueError
        For a string that is not in the registry; the message lists the valid ones.
    TypeError
        For an object of another kind, or a class instead of an object.
    """
    if isinstance(value, str):
        if value not in registry:
            names, instance = sorted([*registry, *options]), f"an instance of {kind.__name__}"
            objects = ", or ".join(filter(None, [others, instance]))
            raise ValueError(f"{parameter}={value!r} is not known; allowed strings are {names}; or pass {objects}")
        value = registry[value]()
    if isinstance(value, type) and issubclass(value, kind):
        raise TypeError(f"{parameter}={value.__name__} is a class; pass an instance: {value.__name__}()")
    if not isinstance(value, kind):
        strings = f"one of {sorted([*registry, *options])}"
        allowed = ", ".join(filter(None, [strings, others, f"or an instance of {kind.__name__}"]))
        raise TypeError(f"{parameter}={value!r} must be {allowed}, not {type(value).__name__}")
    value.validate()
    return value
