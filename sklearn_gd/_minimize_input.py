"""Validation of the arguments of `gradient_descent`: the function and its gradient, x0, bounds, options, and the callback."""

import inspect
from dataclasses import dataclass
from numbers import Real

import numpy as np

from ._components import Flag, Range, check_constraints

DIFFERENCES = ("2-point", "3-point", "cs")


@dataclass
class Options:
    """The checked options of `gradient_descent`."""

    maxiter: int
    gtol: float
    ftol: float | None
    n_iter_no_change: int
    disp: bool
    return_all: bool

    constraints = {
        "maxiter": Range(1, integer=True),
        "gtol": Range(0),
        "ftol": Range(0, none=True),
        "n_iter_no_change": Range(1, integer=True),
        "disp": Flag(),
        "return_all": Flag(),
    }

    def __post_init__(self):
        check_constraints(self, self.constraints)


class Function:
    """fun and its gradient within bounds, with checks and counts of evaluations."""

    def __init__(self, fun, args, jac, finite_diff, low, high):
        if not callable(fun):
            raise TypeError(f"fun={fun!r} must be a function of x")
        if not (jac is None or jac is False or jac is True or callable(jac) or jac in DIFFERENCES):
            raise ValueError(f"jac={jac!r} must be a function, True, None, or one of {list(DIFFERENCES)}")
        if finite_diff not in DIFFERENCES:
            raise ValueError(f"finite_diff={finite_diff!r} must be one of {list(DIFFERENCES)}")
        self.fun, self.args, self.jac = fun, args, jac
        self.differences = jac if isinstance(jac, str) else finite_diff
        self.low, self.high = low, high
        self.n_values = self.n_gradients = 0
        self.together = None

    def _call(self, x):
        """The result of fun."""
        self.n_values += 1
        try:
            return self.fun(x.copy(), *self.args)
        except Exception as error:
            if self.n_values == 1:
                error.add_note(f"gradient_descent called fun with x = {x}, of shape {x.shape}.")
            raise

    def value(self, x):
        """fun as a float."""
        found = self._call(x)
        if self.jac is True:
            if not (isinstance(found, (tuple, list)) and len(found) == 2):
                raise ValueError(f"jac=True: fun must return (value, gradient), not {type(found).__name__}")
            found, self.together = found[0], (x.copy(), found[1])
        elif isinstance(found, tuple):
            raise ValueError(
                f"fun returned {len(found)} values; it must return one number, or with jac=True the value and the gradient"
            )
        number = _one_number(found)
        if number.dtype.kind == "c":
            raise ValueError(f"fun returned the complex number {number!s} for a real x; it must return a real one")
        return float(number)

    def gradient(self, x, value):
        """The gradient, (n,); `value` is that of x."""
        self.n_gradients += 1
        if self.jac is True:
            found = self.together[1] if np.array_equal(self.together[0], x) else self._call(x)[1]
        elif callable(self.jac):
            found = self.jac(x.copy(), *self.args)
        else:
            return self._difference(x, value)
        gradient = np.asarray(found, dtype=np.float64)
        if gradient.shape != x.shape and not (gradient.size == len(x) == 1):
            raise ValueError(f"the gradient has shape {gradient.shape}; it must be {x.shape}, a number for each of x")
        return gradient.reshape(x.shape).copy()

    def at(self, x):
        """The nearest point within the bounds, the value and the gradient there."""
        x = self.projected(x)
        value = self.value(x)
        return x, value, self.gradient(x, value)

    def _difference(self, x, value):
        """SciPy's finite differences over the variables that the bounds do not fix, always within the bounds."""
        free = self.low < self.high

        def of_free(part):
            whole = x.astype(part.dtype)
            whole[free] = part
            return _one_number(self._call(whole))

        gradient = np.zeros(len(x))
        if free.any():
            gradient[free] = _finite_differences(of_free, x[free], self.differences, value, self.low[free], self.high[free])
        return gradient

    def projected(self, x):
        """The nearest point within the bounds."""
        return np.clip(x, self.low, self.high)

    def largest_free_slope(self, x, gradient):
        """The largest component of the gradient; those that point out of the bounds are limited to the distance from them."""
        return float(np.abs(self.projected(x - gradient) - x).max()) if self._is_bounded else float(np.abs(gradient).max())

    @property
    def _is_bounded(self):
        return bool(np.isfinite(self.low).any() or np.isfinite(self.high).any())


def _finite_differences(function, x, method, value, low, high):
    """The gradient of a function at x, (n,), by differences within bounds; `value` is that of the function at x.

    This is the only use of a private module of SciPy: its public `approx_fprime` has forward differences without bounds, and
    `scipy.differentiate` requires vectorised functions. `scipy.optimize.minimize` uses the same private function.
    """
    from scipy.optimize._numdiff import approx_derivative

    return approx_derivative(function, x, method=method, f0=np.atleast_1d(value), bounds=(low, high))


def _one_number(found):
    """The result of fun as a scalar."""
    number = np.asarray(found)
    if number.size != 1 or number.dtype.kind not in "biufc":
        what = f"an array of shape {number.shape}" if number.size != 1 else f"a {type(found).__name__}"
        raise ValueError(f"fun returned {what}; it must return one number, such as a sum or a mean")
    return number.reshape(())[()]


def checked_start(x0):
    """x0 as a new float64 vector."""
    if isinstance(x0, Real):
        x0 = [x0]
    x = np.atleast_1d(np.array(x0))
    if x.dtype.kind not in "biuf" or x.ndim != 1 or not len(x):
        raise ValueError(f"x0 must be a vector of real numbers; it has shape {x.shape} and type {x.dtype}")
    x = x.astype(np.float64)
    if not np.isfinite(x).all():
        raise ValueError(f"x0={x.tolist()} must be finite")
    return x


def checked_bounds(bounds, x):
    """Lower and upper bounds of x, infinite if there are none."""
    if bounds is None:
        return np.full(len(x), -np.inf), np.full(len(x), np.inf)
    if hasattr(bounds, "lb"):
        low, high = bounds.lb, bounds.ub
    else:
        pairs = list(bounds)
        if len(pairs) != len(x) or any(np.size(pair) != 2 for pair in pairs):
            raise ValueError(f"bounds must be a scipy.optimize.Bounds, or a pair (low, high) for each of x, {len(x)} in all")
        low = [-np.inf if pair[0] is None else pair[0] for pair in pairs]
        high = [np.inf if pair[1] is None else pair[1] for pair in pairs]
    try:
        low, high = (np.broadcast_to(np.asarray(each, dtype=np.float64), x.shape).copy() for each in (low, high))
    except ValueError as error:
        raise ValueError(f"bounds of shape {np.shape(low)} and {np.shape(high)} do not fit x0 of shape {x.shape}") from error
    wrong = ~(low <= high)
    if wrong.any():
        at = int(wrong.argmax())
        raise ValueError(f"bounds[{at}] = ({low[at]:g}, {high[at]:g}) must be two numbers, the lower one first")
    outside = ~((low <= x) & (x <= high))
    if outside.any():
        at = int(outside.argmax())
        raise ValueError(
            f"bounds exclude x0: x0[{at}]={float(x[at])!r} is not in [{float(low[at])!r}, {float(high[at])!r}]; begin inside, or "
            f"widen them"
        )
    return low, high


def function_of_result(callback):
    """The user's callback as a function of an OptimizeResult; None for none."""
    if callback is None:
        return None
    try:
        takes_result = set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except (TypeError, ValueError):
        takes_result = False
    if takes_result:
        return lambda result: callback(intermediate_result=result)
    return lambda result: callback(result.x)
