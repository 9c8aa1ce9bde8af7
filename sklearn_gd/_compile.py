"""Compilation of kernels to machine code that is cached on disk and never stale.

A *kernel* is a loop of this package. Kernels are written as factories: ``make(leaf_a, leaf_b)`` returns the function to compile,
with the leaves as its closure, so that the compiler inlines them. The disk cache is keyed on the stamps of the leaves.

This module imports numba. Only `_kernels` may import it, and only when the first fit begins.
"""

import functools
import logging
import time
import warnings

import numba
import numpy as np
from numba import types
from numba.experimental.function_type import _get_wrapper_address

from ._leaves import FLOAT, OPTIONS, REASSOCIATE, made_stamp, named_by, with_compiled_helpers

LOGGER = logging.getLogger("sklearn_gd")
ENTRY_OPTIONS = OPTIONS | {"no_cfunc_wrapper": True}


def _described(signature):
    """The types of a signature as text, with the field names of named tuples, as kernels read fields by name."""
    fields, left = [], list(getattr(signature, "args", signature))
    while left:
        each = left.pop()
        fields.append(getattr(each, "fields", ()))
        left.extend(getattr(each, "types", ()))
    return f"{signature} {fields}"


def array(ndim, dtype=FLOAT):
    """The type of a C-contiguous array."""
    return types.Array(dtype, ndim, "C")


def compiled(make, signature, *leaves, fastmath=False, allocates=True):
    """``make(*leaves)`` compiled for one signature, cached on disk if every leaf has a stamp.

    ``allocates=False`` asserts that neither kernel nor leaves allocate an array: slices then need no reference counting.

    Raises
    ------
    TypeError
        If a leaf cannot be compiled; the message names its function, file and line.
    """
    # The lookup is by identity of leaves and signature: `leaf` and the related functions return one leaf for a function, and the
    # hash of a signature takes longer than a step on a sample.
    key = make, id(signature), leaves, fastmath, allocates
    if key not in _kernels:
        _kernels[key] = _compiled(make, signature, leaves, fastmath, allocates), signature  # which keeps its identity
    return _kernels[key][0]


_kernels = {}


@functools.cache
def _compiled(make, signature, leaves, fastmath, allocates):
    stamp = made_stamp(make, leaves, fastmath, allocates, _described(signature))
    options = OPTIONS | {"fastmath": REASSOCIATE if fastmath else False}
    options |= {} if allocates else {"_nrt": False}

    def build(cache):
        begun = time.perf_counter()
        dispatcher = numba.njit(signature, cache=cache, **options)(named_by(make(*leaves), stamp))
        _tell(make, dispatcher, cache, begun)
        return dispatcher

    try:
        kernel = _kept(build, stamp)
    except Exception as error:  # numba raises other errors besides its own
        raise _explained(error, leaves) from error
    return _quickly_passed(kernel, signature)


def _kept(build, stamp):
    """``build(cache)``, loaded from or saved to disk if there are a stamp and a writable folder.

    Code whose original module no longer exists is not loaded.
    """
    if stamp is None:
        return build(False)
    try:
        return build(True)
    except ImportError:
        return build(False)
    except (OSError, RuntimeError):  # no folder, or a full one; raised again below if there is another reason
        kernel = build(False)
        _warn_not_kept()
        return kernel


def _tell(make, dispatcher, cache, begun):
    """Log the compilation since `begun`, unless the code was loaded from disk."""
    if cache and not dispatcher.stats.cache_misses:
        return
    name, kept = make.__name__.strip("_").removeprefix("make_").replace("_", " "), ", kept for next time" if cache else ""
    LOGGER.info("compiled: %s, in %.1f s%s", name, time.perf_counter() - begun, kept)


@functools.cache
def _warn_not_kept():
    """Warn, once per process, that compiled code is lost when the process ends."""
    warnings.warn(
        "Compiled code cannot be cached: neither the folder of sklearn_gd nor the user's cache folder is writable. Every process "
        "compiles it again, which takes seconds. Set the environment variable NUMBA_CACHE_DIR to a folder that only this user "
        "can write to.",
        stacklevel=2,
    )


def _quickly_passed(kernel, signature):
    """The kernel, with the results cached that numba recomputes whenever it is passed as a first-class function."""
    (result,) = kernel.overloads.values()
    result.library.get_pointer_to_function = functools.cache(result.library.get_pointer_to_function)
    address = _get_wrapper_address(kernel, signature)
    kernel.get_compile_result = lambda _: result
    kernel.__wrapper_address__ = lambda: address
    kernel.function_type = _function_type(signature)
    return kernel


@functools.cache
def _function_type(signature):
    """The type of first-class functions of a signature, always the same object."""
    return types.FunctionType(signature)


def _explained(error, leaves):
    """A TypeError that names the faulty function and line, for an error of numba."""
    written = sum((each.written for each in leaves), ())
    for function, arguments in written:
        try:
            numba.njit(with_compiled_helpers(function)).compile(arguments)
        except Exception as own:
            code, text, location = function.__code__, str(own), getattr(own, "loc", None)
            line = code.co_firstlineno if location is None else location.line
            return TypeError(
                f"{function.__qualname__} cannot be compiled ({code.co_filename}, line {line}). Compiled functions use numbers, "
                f"`math` and NumPy's functions of numbers. The compiler says: {' '.join(text.split())[:600]}"
            )
    names = ", ".join(function.__qualname__ for function, _ in written)
    reason = next((line.strip() for line in str(error).splitlines() if line.strip() and "Failed in" not in line), "")
    return TypeError(
        f"{names or 'a kernel'} returns a wrong number or type of values; see its documentation for what it must return. The "
        f"compiler says: {reason[:300]}"
    )


def abi(value):
    """The numba type with which `value` is passed to a kernel; a compiled leaf is passed as a first-class function."""
    if hasattr(value, "dtype"):
        return types.Array(numba.from_dtype(value.dtype), value.ndim, "C")
    if isinstance(value, bool):
        return types.boolean
    if isinstance(value, int):
        return types.int64
    if isinstance(value, float):
        return FLOAT
    if isinstance(value, tuple):
        members = tuple(abi(each) for each in value)
        for name in value.strided() if hasattr(value, "strided") else ():
            at = value._fields.index(name)
            members = (*members[:at], members[at].copy(layout="A"), *members[at + 1 :])
        return types.NamedTuple(members, type(value)) if hasattr(value, "_fields") else types.BaseTuple.from_types(members)
    return value.function_type


def _layout(value):
    """A key that determines the type of an argument and is faster to compare than the type."""
    if isinstance(value, np.ndarray):
        return value.dtype.char, value.ndim
    if isinstance(value, tuple):
        # Most members are arrays: a call for each would take as long as a step on a sample.
        members = [(each.dtype.char, each.ndim) if type(each) is np.ndarray else _layout(each) for each in value]
        return (type(value), *members)
    return id(value.function_type) if hasattr(value, "function_type") else type(value)


_entries = {}


def run(make, leaves, *arguments, allocates=True):
    """Call the kernel ``make(*leaves)``, compiled once for each layout of the `arguments`; `allocates` as in `compiled`."""
    key = (make, leaves, *[_layout(value) for value in arguments])
    entry = _entries.get(key)
    if entry is None:
        entry = _entries[key] = _entry_point(make, leaves, tuple([abi(value) for value in arguments]), allocates)
    return entry(*arguments)


def _entry_point(make, leaves, types_of_arguments, allocates):
    stamp = made_stamp(make, leaves, allocates, _described(types_of_arguments))
    options = ENTRY_OPTIONS if allocates else ENTRY_OPTIONS | {"_nrt": False}

    def build(cache):
        dispatcher = numba.njit(cache=cache, **options)(named_by(make(*leaves), stamp))
        begun = time.perf_counter()
        dispatcher.compile(types_of_arguments)
        _tell(make, dispatcher, cache, begun)
        return dispatcher.get_overload(types_of_arguments)

    return _kept(build, stamp)
