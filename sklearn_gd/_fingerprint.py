"""Textual fingerprints of fits: parameters, and a hash of the samples. Two fits with the same one give the same model."""

import hashlib
import re
import sys

import numpy as np

from ._devices import to_host
from ._stored import public_name

SILENT = {"verbose"}  # parameters that do not affect the model
KNOWN = ("sklearn_gd", "sklearn", "numpy", "builtins")  # packages whose classes are identified by the version


def fingerprint(estimator, **samples):
    """The fingerprint of a fit.

    Parameters
    ----------
    estimator : estimator
        The estimator: its class and all parameters count, including those of components, except `verbose`.
    **samples : ndarray, CSR matrix, or None
        The other inputs of the fit, by name.

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
    """The differences between two fingerprints.

    Parameters
    ----------
    words, others : dict of str to str
        The fingerprints.

    Returns
    -------
    list of str
        For each difference the name and both descriptions, that of `others` last.
    """
    names = [name for name in dict.fromkeys([*words, *others]) if words.get(name) != others.get(name)]
    return [f"{name} is {words.get(name, 'absent')} in the file and {others.get(name, 'absent')} here" for name in names]


def described(value, within=()):
    """A description of a value that is the same in other processes: numbers in full, arrays by shape, type and hash.

    `within` has the functions whose closures it is part of: that of a recursive function contains the function itself.
    """
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype} {_digest(value)}"
    if hasattr(value, "indptr"):
        return f"{value.shape} CSR {value.dtype} {_digest(value.indptr, value.indices, value.data)}"
    if hasattr(value, "words"):
        return value.words()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{described(key)}: {described(each, within)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(described(each, within) for each in value) + ")"
    if hasattr(value, "__code__"):
        name = f"{value.__module__}.{value.__qualname__}"
        return name if value in within else f"{name} {_of_function(value, within)}"
    if hasattr(value, "get_params") or isinstance(value, np.random.RandomState):
        # Parameters are described separately, and the state of the generator is stored with the model.
        return _of_class(type(value))
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _of_class(kind):
    """The name of a class, with a hash of its functions if no package version identifies them."""
    name = public_name(kind)
    own = [each for each in kind.__mro__ if each.__module__.split(".")[0] not in KNOWN]
    functions = [getattr(each, "__func__", each) for base in own for each in vars(base).values()]
    written = [_of_function(each) for each in functions if hasattr(each, "__code__")]
    return f"{name} {_digest(*written)}" if written else name


def _of_function(function, within=()):
    """A hash of a function's code, defaults and closure."""
    held, within = [cell.cell_contents for cell in function.__closure__ or ()], (*within, function)
    return _digest(_code(function.__code__), described(function.__defaults__, within), described(held, within))


def _code(code):
    """A description of a code object, including nested functions."""
    constants = [_code(each) if hasattr(each, "co_code") else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _digest(*values):
    """A hash of arrays and texts, 16 hexadecimal digits."""
    found = hashlib.blake2b(digest_size=8)
    for value in values:
        # The memory of an array of objects has addresses, not content.
        text = isinstance(value, str) or value.dtype.hasobject
        found.update(repr(value if isinstance(value, str) else value.tolist()).encode() if text else _bytes(value))
    return found.hexdigest()


def _bytes(array):
    """The bytes of an array, without a copy if it is contiguous."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
