"""Compilation of the Python functions of a component to machine code that is cached on disk and never stale.

A *leaf* is a small function in the class body of a component: the value of a loss, or the update of one coordinate by an
optimizer. A *kernel* is a loop of this package. Kernels are written as factories: ``make(leaf_a, leaf_b)`` returns the function
to compile, with the leaves as its closure, so that the compiler inlines them.

Numba keys its disk cache on the kernel's file and on the pickled closure. A leaf therefore pickles to a stamp of its sources: its
code, its constants, the functions that it calls. An edit of any of them changes the key. The compiler treats two functions with
the same stamp as one, so a class from a notebook or a script, which is pickled by value for the processes of a grid search, is
compiled once.

This module imports numba. Only `_kernels` may import it, and only when the first fit begins.
"""

import functools
import hashlib
import logging
import os
import time
import types as python_types
import uuid
import warnings
import weakref

import numba
import numpy as np
from numba import types
from numba.experimental.function_type import _get_wrapper_address
from numba.extending import typeof_impl

from ._namespaces import globals_of, with_globals

LOGGER = logging.getLogger("sklearn_gd")
FLOAT = types.float64
REASSOCIATE = {"reassoc", "contract", "nsz", "arcp"}
# Options of all compiled functions. A division by zero gives an infinity, as on arrays; the monitor detects it.
OPTIONS = {"nogil": True, "error_model": "numpy"}
ENTRY_OPTIONS = OPTIONS | {"no_cfunc_wrapper": True}
# Entry points for Python and C take a fifth of the time of compilation. Python must not call a leaf: it has none.
LEAF_OPTIONS = OPTIONS | {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class Leaf:
    """A function to be inlined into a kernel, which Python cannot call, pickled as the stamp of its sources.

    `written` has the functions of the component's author with the types of their arguments, for error messages.
    """

    def __init__(self, dispatcher, stamp, written=()):
        self.dispatcher = dispatcher
        self.stamp = stamp
        self.written = written

    def __reduce__(self):
        return Leaf, (None, self.stamp)


@typeof_impl.register(Leaf)
def _leaf_type(leaf, context):
    return numba.typeof(leaf.dispatcher)


# For a module that leaves may name, its replacement in compiled code, and the stamp of the replacement's source.
_stand_ins = {}


def stand_in(module, other, *files):
    """Replace `module` by `other`, whose source is in `files`, in compiled leaves."""
    status = [os.stat(file) for file in files]
    _stand_ins[module] = other, tuple((each.st_mtime_ns, each.st_size) for each in status)


def _modules_replaced(named):
    """The modules among the `named` objects that are replaced: their names, with the replacement and its stamp."""
    modules = {name: value for name, value in named.items() if isinstance(value, python_types.ModuleType)}
    return {name: _stand_ins[value] for name, value in modules.items() if value in _stand_ins}


# Modules whose functions numba implements: they depend on its version, which is part of numba's key.
_COMPILERS_OWN = {"builtins", "math", "cmath", "numpy", "numba"}


def _stamp(value, named=frozenset(), within=()):
    """A value that changes whenever the machine code compiled from `value` changes; None if there is no such value.

    That of a function consists of its code, its constants, the values that it closes over or reads by a global name. Two
    functions with the same stamp have the same machine code, wherever they are defined. That of a module consists of its members
    with the names in `named`; `within` are the functions around the value.
    """
    value = getattr(value, "py_func", value)  # the user may have compiled a helper
    if isinstance(value, Leaf):
        return value.stamp
    if isinstance(value, python_types.FunctionType):
        return "itself" if value in within else _stamp_of_function(value, (*within, value))
    if isinstance(value, python_types.ModuleType):
        return _stamp_of_module(value, named, within)
    if isinstance(value, (bool, int, float, complex, str, bytes, np.generic, type(None))):
        return type(value).__name__, repr(value)
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    if isinstance(value, tuple):
        return _all_or_none([_stamp(each, named, within) for each in value])
    if isinstance(value, frozenset):
        return _all_or_none(sorted([_stamp(each, named, within) for each in value], key=repr))
    if isinstance(value, python_types.CodeType):
        names = value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars, value.co_argcount
        return _all_or_none([value.co_code, names, _stamp(value.co_consts, named, within)])
    if isinstance(value, np.ufunc):
        return "ufunc", value.__name__
    if hasattr(value, "__name__") and hasattr(value, "__module__"):
        # A class, a builtin function: its name, and the order of its fields.
        return value.__module__, value.__name__, getattr(value, "_fields", ())
    return None


def _all_or_none(stamps):
    """The stamps as a tuple, or None if one is None."""
    return None if None in stamps else tuple(stamps)


def _stamp_of_function(function, within):
    named = _named_in(function.__code__)
    read = {name: function.__globals__[name] for name in sorted(named) if name in function.__globals__}
    own = [function.__code__, function.__defaults__, *(function.__kwdefaults__ or {}).items()]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    stamps = [_stamp(each, named, within) for each in (*own, *cells, *read.values())]
    # Code loaded from disk imports its original module, so a script that is also imported is cached under both names.
    return _all_or_none([function.__module__ or "", tuple(read), *stamps])


def _named_in(code):
    """The names that some code and the functions in it may read."""
    inner = [_named_in(each) for each in code.co_consts if isinstance(each, python_types.CodeType)]
    return frozenset(code.co_names).union(*inner)


def _stamp_of_module(module, named, within):
    """The module's name, and the stamps of its members with the names in `named`."""
    if module in _stand_ins:
        return _stand_ins[module][1]
    if module.__name__.partition(".")[0] in _COMPILERS_OWN:
        return module.__name__
    found = [(name, _stamp(getattr(module, name), named, within)) for name in sorted(named) if hasattr(module, name)]
    return None if None in [stamp for _, stamp in found] else (module.__name__, *found)


_known = weakref.WeakKeyDictionary()
_first_of = {}


def _first_alike(function):
    """The first function with the same stamp, as a class that is pickled by value is a new one after each unpickling."""
    if function not in _known:
        stamp = _stamp(function)
        _known[function] = function if stamp is None else _first_of.setdefault(stamp, function)
    return _known[function]


def _helpers(function):
    """The plain Python functions that `function` calls by a global name."""
    named = globals_of(function).items()
    return {name: value for name, value in named if isinstance(value, python_types.FunctionType) and value is not function}


def _named(function, stamp):
    """`function` under a unique name: its own, and a digest of its stamp.

    Machine code loaded from disk is linked by name. Two functions compiled in two processes may have the same name, and a third
    process that loads both would then call the first instead of the second.
    """
    digest = uuid.uuid4().hex if stamp is None else hashlib.sha256(repr(stamp).encode()).hexdigest()[:24]
    function.__name__ = f"{function.__name__}_{digest}"
    function.__qualname__ = f"{function.__qualname__}_{digest}"
    return function


def _with_compiled_helpers(function, fastmath=False):
    """A copy of `function`, under a unique name, that calls the leaves of its plain Python helpers."""
    replaced = {name: leaf(helper, fastmath).dispatcher for name, helper in _helpers(function).items()}
    replaced |= {name: other for name, (other, _) in _modules_replaced(globals_of(function)).items()}
    return _named(with_globals(function, replaced), _stamp(function))


def leaf(function, fastmath=False):
    """The leaf of a plain function."""
    return _leaf(_first_alike(function), fastmath)


@functools.cache
def _leaf(function, fastmath):
    jit = functools.partial(numba.njit, fastmath=REASSOCIATE if fastmath else False, **LEAF_OPTIONS)
    return Leaf(jit(_with_compiled_helpers(function, fastmath)), _stamp(function))


def _stamp_of(make, leaves, *more):
    """The stamp of ``make(*leaves)``, including the compiler options."""
    stamps = tuple(each.stamp for each in leaves)
    own = _stamp(make)
    return None if own is None or None in stamps else (own, stamps, repr(OPTIONS), *more)


def _described(signature):
    """The types of a signature as text, with the field names of named tuples, as kernels read fields by name."""
    fields, left = [], list(getattr(signature, "args", signature))
    while left:
        each = left.pop()
        fields.append(getattr(each, "fields", ()))
        left.extend(getattr(each, "types", ()))
    return f"{signature} {fields}"


@functools.cache
def derived_leaf(make, *leaves):
    """The leaf of ``make(*leaves)``, a function that calls other leaves; its stamp includes theirs."""
    stamp = _stamp_of(make, leaves)
    written = sum((each.written for each in leaves), ())
    return Leaf(numba.njit(**LEAF_OPTIONS)(_named(make(*leaves), stamp)), stamp, written)


def leaf_with_parameters(function, leading, positions):
    """The leaf ``bound(*leading, p)`` that passes p[position] for each position to `function` as its parameters.

    `leading` has the types of the arguments before the parameters.
    """
    return _leaf_with_parameters(_first_alike(function), leading, positions)


@functools.cache
def _leaf_with_parameters(function, leading, positions):
    names = [f"a{k}" for k in range(len(leading))]
    call = ", ".join(names + [f"p[{k}]" for k in positions])
    source = f"def bound({', '.join([*names, 'p'])}):\n    return f({call})\n"
    return _generated(source, function, ("parameters", positions), leading + (FLOAT,) * len(positions))


def update_leaf(function, n_slots, places, n_totals=0):
    """The leaf of the update of all coordinates, which reads and writes coefficient, slots and proximal step of each.

    Its parameters are p[place] for each place. They are read before the loop, so that terms that depend only on them and on t,
    such as the powers in Adam's bias correction, are computed once for all coordinates.
    """
    return _update_leaf(_first_alike(function), n_slots, places, n_totals)


@functools.cache
def _update_leaf(function, n_slots, places, n_totals):
    slots = [f"slots[{k}, i]" for k in range(n_slots)]
    constants = [f"total_{k}" for k in range(n_totals)] + [f"p_{k}" for k in range(len(places))]
    read = [f"totals[{k}]" for k in range(n_totals)] + [f"p[{place}]" for place in places]
    call = ", ".join(["theta[i]", "gradient[i]", "rate", "t", *slots, *constants])
    lines = [f"def bound(theta, gradient, slots, prox_step, rate, t, {'totals, p' if n_totals else 'p'}):"]
    lines += [f"    {name} = {value}" for name, value in zip(constants, read, strict=True)]
    lines += ["    for i in range(len(theta)):", f"        {', '.join(['theta[i]', 'prox_step[i]', *slots])} = f({call})", ""]
    kind = ("update", n_slots, places, n_totals)
    return _generated("\n".join(lines), function, kind, (FLOAT,) * (4 + n_slots + n_totals + len(places)))


def totals_leaf(function, n_slots, n_totals, places):
    """The leaf of an optimizer's totals: the sums over all coordinates of the numbers that `function` returns for each."""
    return _totals_leaf(_first_alike(function), n_slots, n_totals, places)


@functools.cache
def _totals_leaf(function, n_slots, n_totals, places):
    slots = [f"slots[{k}, i]" for k in range(n_slots)]
    call = ", ".join(["theta[i]", "gradient[i]", "rate", "t", *slots, *[f"p_{k}" for k in range(len(places))]])
    lines = ["def bound(theta, gradient, slots, rate, t, p):"]
    lines += [f"    p_{k} = p[{place}]" for k, place in enumerate(places)]
    lines += [f"    total_{k} = 0.0" for k in range(n_totals)]
    lines += ["    for i in range(len(theta)):", f"        {''.join(f'part_{k}, ' for k in range(n_totals))}= f({call})"]
    lines += [f"        total_{k} += part_{k}" for k in range(n_totals)]
    lines += [f"    return ({''.join(f'total_{k}, ' for k in range(n_totals))})", ""]
    kind = ("totals", n_slots, n_totals, places)
    return _generated("\n".join(lines), function, kind, (FLOAT,) * (4 + n_slots + len(places)))


def _generated(source, function, kind, arguments):
    """The leaf of generated source that calls `function` as ``f``."""
    inner = leaf(function)
    namespace = {"f": inner.dispatcher}
    exec(source, namespace)
    stamp = None if inner.stamp is None else (*kind, inner.stamp)
    return Leaf(numba.njit(**LEAF_OPTIONS)(_named(namespace["bound"], stamp)), stamp, ((function, arguments),))


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
    stamp = _stamp_of(make, leaves, fastmath, allocates, _described(signature))
    options = OPTIONS | {"fastmath": REASSOCIATE if fastmath else False}
    options |= {} if allocates else {"_nrt": False}

    def build(cache):
        begun = time.perf_counter()
        dispatcher = numba.njit(signature, cache=cache, **options)(_named(make(*leaves), stamp))
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
            numba.njit(_with_compiled_helpers(function)).compile(arguments)
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
    stamp = _stamp_of(make, leaves, allocates, _described(types_of_arguments))
    options = ENTRY_OPTIONS if allocates else ENTRY_OPTIONS | {"_nrt": False}

    def build(cache):
        dispatcher = numba.njit(cache=cache, **options)(_named(make(*leaves), stamp))
        begun = time.perf_counter()
        dispatcher.compile(types_of_arguments)
        _tell(make, dispatcher, cache, begun)
        return dispatcher.get_overload(types_of_arguments)

    return _kept(build, stamp)
