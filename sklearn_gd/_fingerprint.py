"""What a fit depends on, in words: its parameters, and a hash of its samples. Two fits of the same words give the same model."""

import hashlib
import re
import sys

import numpy as np

from ._devices import to_host

SILENT = {"verbose"}  # parameters that change no model
KNOWN = ("sklearn_gd", "sklearn", "numpy", "builtins")  # packages whose classes their version stands for


def fingerprint(estimator, **samples):
    """The words for a fit.

    Parameters
    ----------
    estimator : estimator
        Its class and all parameters count, those of its parts included, but for `verbose`.
    **samples : ndarray, CSR matrix, or None
        What else the fit depends on, by name.

    Returns
    -------
    dict of str to str
        A description under each name.
    """
    words = {"estimator": _of_class(type(estimator)), "version of sklearn_gd": sys.modules["sklearn_gd"].__version__}
    parameters = estimator.get_params(deep=True)
    words |= {name: described(value) for name, value in parameters.items() if name not in SILENT}
    return words | {name: described(to_host(value)) for name, value in samples.items()}


def differences(words, others):
    """What two fingerprints differ in.

    Parameters
    ----------
    words, others : dict of str to str
        The fingerprints.

    Returns
    -------
    list of str
        For each difference its name with both descriptions, those of `others` last.
    """
    names = [name for name in dict.fromkeys([*words, *others]) if words.get(name) != others.get(name)]
    return [f"{name} is {words.get(name, 'absent')} in the file and {others.get(name, 'absent')} here" for name in names]


def described(value):
    """A value in words that are the same in another process: numbers in full, arrays by shape, type and hash."""
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype} {_digest(value)}"
    if hasattr(value, "indptr"):
        return f"{value.shape} CSR {value.dtype} {_digest(value.indptr, value.indices, value.data)}"
    if hasattr(value, "words"):
        return value.words()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{described(key)}: {described(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(map(described, value)) + ")"
    if hasattr(value, "__code__"):
        return f"{value.__module__}.{value.__qualname__} {_of_function(value)}"
    if hasattr(value, "get_params") or isinstance(value, np.random.RandomState):
        # The parameters are described one by one, and the generator's state is kept beside the model.
        return _of_class(type(value))
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _of_class(kind):
    """The name of a class; with a hash of its functions where no version of a package stands for them."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    own = [each for each in kind.__mro__ if each.__module__.split(".")[0] not in KNOWN]
    functions = [getattr(each, "__func__", each) for base in own for each in vars(base).values()]
    written = [_of_function(each) for each in functions if hasattr(each, "__code__")]
    return f"{name} {_digest(*written)}" if written else name


def _of_function(function):
    """A hash of a function's code, defaults, and what it has taken from where it was made."""
    held = [cell.cell_contents for cell in function.__closure__ or ()]
    return _digest(_code(function.__code__), described(function.__defaults__), described(held))


def _code(code):
    """What code does, in words; functions within it are code, too."""
    constants = [_code(each) if hasattr(each, "co_code") else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _digest(*values):
    """A hash of arrays and texts, 16 hexadecimal digits."""
    found = hashlib.blake2b(digest_size=8)
    for value in values:
        # An array of objects has addresses in its memory, and no content.
        text = isinstance(value, str) or value.dtype.hasobject
        found.update(repr(value if isinstance(value, str) else value.tolist()).encode() if text else _bytes(value))
    return found.hexdigest()


def _bytes(array):
    """The content of an array, in place where its order allows it."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
