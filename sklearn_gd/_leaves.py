"""Leaves: the small functions that kernels inline.

A *leaf* is a small function in the class body of a component: the value of a loss, or the update of one coordinate by an
optimizer. The functions of this module make leaves of plain functions, of generated source, and of other leaves.

This module imports numba. Only `_kernels` may import it, and only when the first fit begins.
"""

import functools
import hashlib
import types as python_types
import uuid

import numba
from numba import types
from numba.extending import typeof_impl

from ._namespaces import globals_of, with_globals
from ._stamps import Stamped, first_alike, modules_replaced, stamp_of

FLOAT = types.float64
REASSOCIATE = {"reassoc", "contract", "nsz", "arcp"}
# Options of all compiled functions. A division by zero gives an infinity, as on arrays; the monitor detects it.
OPTIONS = {"nogil": True, "error_model": "numpy"}
# Entry points for Python and C take a fifth of the time of compilation. Python must not call a leaf: it has none.
LEAF_OPTIONS = OPTIONS | {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class Leaf(Stamped):
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


def _helpers(function):
    """The plain Python functions that `function` calls by a global name."""
    named = globals_of(function).items()
    return {name: value for name, value in named if isinstance(value, python_types.FunctionType) and value is not function}


def named_by(function, stamp):
    """`function` under a unique name: its own, and a digest of its stamp.

    Machine code loaded from disk is linked by name. Two functions compiled in two processes may have the same name, and a third
    process that loads both would then call the first instead of the second.
    """
    digest = uuid.uuid4().hex if stamp is None else hashlib.sha256(repr(stamp).encode()).hexdigest()[:24]
    function.__name__ = f"{function.__name__}_{digest}"
    function.__qualname__ = f"{function.__qualname__}_{digest}"
    return function


def with_compiled_helpers(function, fastmath=False):
    """A copy of `function`, under a unique name, that calls the leaves of its plain Python helpers."""
    replaced = {name: leaf(helper, fastmath).dispatcher for name, helper in _helpers(function).items()}
    replaced |= {name: other for name, (other, _) in modules_replaced(globals_of(function)).items()}
    return named_by(with_globals(function, replaced), stamp_of(function))


def leaf(function, fastmath=False):
    """The leaf of a plain function."""
    return _leaf(first_alike(function), fastmath)


@functools.cache
def _leaf(function, fastmath):
    jit = functools.partial(numba.njit, fastmath=REASSOCIATE if fastmath else False, **LEAF_OPTIONS)
    return Leaf(jit(with_compiled_helpers(function, fastmath)), stamp_of(function))


def made_stamp(make, leaves, *more):
    """The stamp of ``make(*leaves)``, including the compiler options."""
    stamps = tuple(each.stamp for each in leaves)
    own = stamp_of(make)
    return None if own is None or None in stamps else (own, stamps, repr(OPTIONS), *more)


@functools.cache
def derived_leaf(make, *leaves):
    """The leaf of ``make(*leaves)``, a function that calls other leaves; its stamp includes theirs."""
    stamp = made_stamp(make, leaves)
    written = sum((each.written for each in leaves), ())
    return Leaf(numba.njit(**LEAF_OPTIONS)(named_by(make(*leaves), stamp)), stamp, written)


def leaf_with_parameters(function, leading, positions):
    """The leaf ``bound(*leading, p)`` that passes p[position] for each position to `function` as its parameters.

    `leading` has the types of the arguments before the parameters.
    """
    return _leaf_with_parameters(first_alike(function), leading, positions)


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
    return _update_leaf(first_alike(function), n_slots, places, n_totals)


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
    return _totals_leaf(first_alike(function), n_slots, n_totals, places)


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
    return Leaf(numba.njit(**LEAF_OPTIONS)(named_by(namespace["bound"], stamp)), stamp, ((function, arguments),))
