"""Mistakes in the functions that a user writes for a part, and the errors that say what would be right."""

import difflib
import inspect
from numbers import Real

import numpy as np

# What authors call a function of a part, and its name here.
ALSO_CALLED = {
    "grad": "gradient",
    "derivative": "gradient",
    "first_derivative": "gradient",
    "hessian": "second_derivative",
    "proximal": "prox",
    "proximal_operator": "prox",
    "predict_proba": "probability",
}
SIMILAR = 0.85  # the similarity, as difflib has it, from which a name is taken for another one, misspelt


def check_names(cls, kind, optional, parameters):
    """Raise a TypeError where a user's class has a name that is nearly one that is used: it would be ignored.

    Parameters
    ----------
    cls : type
        The class; of its bases those outside of this package are the user's.
    kind : type
        The base class of all parts.
    optional : sequence of str
        Names of the functions that a class may define.
    parameters : sequence of str
        Names of the constructor's parameters, which a class may have as attributes.
    """
    bodies = [base for base in cls.__mro__ if not f"{base.__module__}.".startswith(f"{__package__}.")]
    own = [name for base in bodies if issubclass(base, kind) for name in vars(base)]
    base = next(base for base in cls.__mro__ if base not in bodies)
    known = {name for name in [*dir(base), *optional] if not name.startswith("_")}
    missing = sorted(known.difference(own))
    for name in own:
        if name.startswith("_") or name in known or name in parameters:
            continue
        also = ALSO_CALLED.get(name)
        meant = [also] if also in missing else difflib.get_close_matches(name, missing, 1, SIMILAR)
        if meant:
            raise TypeError(
                f"{cls.__name__}.{name} is not used: did you mean {meant[0]}? Rename it; the name of a helper begins with an "
                f"underscore"
            )


def try_call(name, function, arguments, returns):
    """Raise a TypeError where a function does not take numbers, or does not return what it must.

    Errors that depend on the values of the numbers are left to the fit.

    Parameters
    ----------
    name : str
        What to call the function in the message.
    function : callable
        The function.
    arguments : dict of str to float
        What to call it with, in turn, and the names of its arguments.
    returns : tuple of str
        What each number of the tuple that it must return is; without any, it must return one number.
    """
    call = ", ".join(f"{argument}={value!r}" for argument, value in arguments.items())
    try:
        with np.errstate(all="ignore"):
            found = function(*arguments.values())
    except (ArithmeticError, ValueError):
        return
    except Exception as error:
        raise TypeError(f"{name}({call}) raised {type(error).__name__}: {error}") from error
    _check_returned(name, call, found, returns)


def try_on_array(name, function, array, *, dtype=np.float64, share=False):
    """Raise a TypeError where a method does not give, for an array of scores or targets, another one of its shape.

    Parameters
    ----------
    name : str
        What to call the method in the message.
    function : callable
        The method.
    array : ndarray
        What to call it with.
    dtype : type, default=float64
        What its result must consist of.
    share : bool, default=False
        Whether the results are probabilities, from 0 to 1; those of a sample with several scores sum to 1.
    """
    check_takes(function, name, ("array",))
    try:
        with np.errstate(all="ignore"):
            found = function(array.copy())
    except (ArithmeticError, ValueError):
        return
    except Exception as error:
        raise TypeError(f"{name} raised {type(error).__name__} for an array of shape {array.shape}: {error}") from error
    shape, kind = np.shape(found), getattr(getattr(found, "dtype", None), "kind", "O")
    if shape != array.shape or not (kind == "b" if dtype is bool else kind in "biuf"):
        wanted = f"an array of {np.dtype(dtype).name} of that shape"
        what = f"shape {shape} of {found.dtype}" if isinstance(found, np.ndarray) else f"{found!r:.80}"
        raise TypeError(f"{name} returned {what} for an array of shape {array.shape}; it must return {wanted}")
    if not share:
        return
    if not ((found >= 0.0) & (found <= 1.0)).all():
        raise ValueError(
            f"{name} returned {float(found[(found < 0.0) | (found > 1.0)][0])!r}; probabilities must be >= 0 and <= 1"
        )
    if array.ndim == 2 and not np.allclose(found.sum(axis=1), 1.0, atol=1e-6):
        total = float(found.sum(axis=1)[0])
        raise ValueError(f"{name} returned probabilities that sum to {total:.3g} for the scores of a sample; they must sum to 1")


def _check_returned(name, call, found, returns):
    """Raise a TypeError where a function returned something else than one number, or the numbers of `returns`."""
    if not returns:
        if not is_number(found):
            raise TypeError(f"{name}({call}) returned {found!r}; it must return one number")
        return
    wanted = f"it must return {len(returns)}: {', '.join(returns)}"
    count = len(found) if isinstance(found, tuple) else 1
    if count != len(returns):
        raise TypeError(f"{name} returns {count} value(s); {wanted}")
    if not isinstance(found, tuple):
        raise TypeError(f"{name} returns {found!r}, which is no tuple; {wanted}")
    for each, what in zip(found, returns):
        if not is_number(each):
            raise TypeError(f"{name}({call}) returned {each!r} as {what}; it must be a number")


def is_number(value):
    """Whether a value is a real number, or an array of NumPy that holds one without an axis."""
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "biuf"
    return isinstance(value, (Real, np.bool_))


def check_takes(function, name, arguments):
    """Raise a TypeError where a function or method cannot be called with as many values as there are names in `arguments`."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # a builtin that does not tell
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise TypeError(f"{name}{signature} must take ({', '.join(arguments)}): {error}") from None
