"""Stamps: values that change whenever the machine code compiled from a function changes.

Numba keys its disk cache on a kernel's file and on the pickled closure. A leaf therefore pickles to a stamp of its sources: its
code, its constants, the functions that it calls. An edit of any of them changes the key. The compiler treats two functions with
the same stamp as one, so a class from a notebook or a script, which is pickled by value for the processes of a grid search, is
compiled once.
"""

import hashlib
import os
import types
import weakref
from typing import Any

import numpy as np

# For a module that leaves may name, its replacement in compiled code, and the stamp of the replacement's source.
_stand_ins: dict[Any, Any] = {}


def stand_in(module, other, *files):
    """Replace `module` by `other`, whose source is in `files`, in compiled leaves."""
    status = [os.stat(file) for file in files]
    _stand_ins[module] = other, tuple((each.st_mtime_ns, each.st_size) for each in status)


def modules_replaced(named):
    """The modules among the `named` objects that are replaced: their names, with the replacement and its stamp."""
    modules = {name: value for name, value in named.items() if isinstance(value, types.ModuleType)}
    return {name: _stand_ins[value] for name, value in modules.items() if value in _stand_ins}


# Modules whose functions numba implements: they depend on its version, which is part of numba's key.
_COMPILERS_OWN = {"builtins", "math", "cmath", "numpy", "numba"}


class Stamped:
    """An object that knows its stamp: the base of leaves."""

    stamp: Any


def stamp_of(value, named=frozenset(), within=()):
    """A value that changes whenever the machine code compiled from `value` changes; None if there is no such value.

    That of a function consists of its code, its constants, the values that it closes over or reads by a global name. Two
    functions with the same stamp have the same machine code, wherever they are defined. That of a module consists of its members
    with the names in `named`; `within` are the functions around the value.
    """
    value = getattr(value, "py_func", value)  # the user may have compiled a helper
    if isinstance(value, Stamped):
        return value.stamp
    if isinstance(value, types.FunctionType):
        return "itself" if value in within else _stamp_of_function(value, (*within, value))
    if isinstance(value, types.ModuleType):
        return _stamp_of_module(value, named, within)
    if isinstance(value, (bool, int, float, complex, str, bytes, np.generic, type(None))):
        return type(value).__name__, repr(value)
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    if isinstance(value, tuple):
        return all_or_none([stamp_of(each, named, within) for each in value])
    if isinstance(value, frozenset):
        return all_or_none(sorted([stamp_of(each, named, within) for each in value], key=repr))
    if isinstance(value, types.CodeType):
        names = value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars, value.co_argcount
        return all_or_none([value.co_code, names, stamp_of(value.co_consts, named, within)])
    if isinstance(value, np.ufunc):
        return "ufunc", value.__name__
    if hasattr(value, "__name__") and hasattr(value, "__module__"):
        # A class, a builtin function: its name, and the order of its fields.
        return value.__module__, value.__name__, getattr(value, "_fields", ())
    return None


def all_or_none(stamps):
    """The stamps as a tuple, or None if one is None."""
    return None if None in stamps else tuple(stamps)


def _stamp_of_function(function, within):
    named = _named_in(function.__code__)
    read = {name: function.__globals__[name] for name in sorted(named) if name in function.__globals__}
    own = [function.__code__, function.__defaults__, *(function.__kwdefaults__ or {}).items()]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    stamps = [stamp_of(each, named, within) for each in (*own, *cells, *read.values())]
    # Code loaded from disk imports its original module, so a script that is also imported is cached under both names.
    return all_or_none([function.__module__ or "", tuple(read), *stamps])


def _named_in(code):
    """The names that some code and the functions in it may read."""
    inner = [_named_in(each) for each in code.co_consts if isinstance(each, types.CodeType)]
    return frozenset(code.co_names).union(*inner)


def _stamp_of_module(module, named, within):
    """The module's name, and the stamps of its members with the names in `named`."""
    if module in _stand_ins:
        return _stand_ins[module][1]
    if module.__name__.partition(".")[0] in _COMPILERS_OWN:
        return module.__name__
    found = [(name, stamp_of(getattr(module, name), named, within)) for name in sorted(named) if hasattr(module, name)]
    return None if None in [stamp for _, stamp in found] else (module.__name__, *found)


_known: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_first_of: dict[Any, Any] = {}


def first_alike(function):
    """The first function with the same stamp, as a class that is pickled by value is a new one after each unpickling."""
    if function not in _known:
        found = stamp_of(function)
        _known[function] = function if found is None else _first_of.setdefault(found, function)
    return _known[function]
