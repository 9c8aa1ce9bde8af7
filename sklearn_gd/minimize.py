"""Gradient descent on any function, in the form that `scipy.optimize.minimize` takes as its ``method``."""

import inspect
import math
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import Bounds, OptimizeResult, OptimizeWarning

from ._components import check_flag, check_number
from .optimizers import GradientDescent, Optimizer, resolve_optimizer
from .schedules import Optimal, RateLike, Run, resolve_schedule
from .solvers import checked_rates

DIFFERENCES = ("2-point", "3-point", "cs")

# A value this many times the first one's magnitude, or 1, is on its way to infinity.
EXPLOSION = 1e10

CONVERGED, TOO_MANY, STUCK, DIVERGED, CALLBACK = 0, 1, 2, 3, 99


@dataclass
class Options:
    """The numbers and switches of `gradient_descent`, checked."""

    maxiter: int
    gtol: float
    ftol: float | None
    n_iter_no_change: int
    disp: bool
    return_all: bool

    def __post_init__(self):
        check_number(self, "maxiter", least=1, integer=True)
        check_number(self, "gtol", least=0)
        check_number(self, "ftol", least=0, none=True)
        check_number(self, "n_iter_no_change", least=1, integer=True)
        check_flag(self, "disp")
        check_flag(self, "return_all")


def gradient_descent(
    fun: Callable,
    x0: ArrayLike,
    args: tuple = (),
    *,
    jac: Callable | bool | str | None = None,
    bounds: Bounds | Sequence | None = None,
    callback: Callable | None = None,
    tol: float | None = None,
    constraints: Sequence = (),
    hess: Any = None,
    hessp: Any = None,
    optimizer: str | Optimizer = "gd",
    learning_rate: RateLike = "auto",
    maxiter: int = 1000,
    gtol: float | None = None,
    ftol: float | None = None,
    n_iter_no_change: int = 10,
    finite_diff: str = "2-point",
    disp: bool = False,
    return_all: bool = False,
    **unknown_options: Any,
) -> OptimizeResult:
    r"""Minimise any function by gradient descent, directly or as a ``method`` of `scipy.optimize.minimize`.

    :math:`x_{t+1} = P(u(x_t, \nabla f(x_t), \eta_t))`, with the optimizer's update u, the learning rate :math:`\eta_t` and the
    projection P onto the bounds.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``, a number for x of shape (n,).
    x0 : array-like, (n,) or a number
        Where to begin; within the bounds.
    args : tuple, default=()
        Further arguments of `fun` and `jac`.
    jac : callable, True, {"2-point", "3-point", "cs"} or None, default=None
        The gradient ``jac(x, *args)``; True where `fun` returns value and gradient together; else SciPy's finite differences,
        by the name given or, under None, by that of `finite_diff`. `scipy.optimize.minimize` hands on no names, only None.
    bounds : scipy.optimize.Bounds or sequence of (low, high), default=None
        Where x may be; None in a pair for no bound. Each step is projected onto them.
    callback : callable, default=None
        ``callback(x)``, or ``callback(intermediate_result)`` if its argument has this name, after each step. Raising
        StopIteration ends the descent.
    tol : float >= 0, default=None
        `gtol`, where that is not given.
    constraints : empty
        Must be empty; bounds are all that there is.
    hess, hessp : ignored
        Second derivatives have no use here.
    optimizer : str or Optimizer, default="gd"
        The update rule: a string or an object, as in `GDRegressor`; "auto" means "gd".
    learning_rate : float, str, Schedule or callable, default="auto"
        A float is the textbook update to the last bit. "auto" is the optimizer's own rate, where it has one (0.01 for Adam).
        For "gd" it is a new rate each step, the spectral one, shortened until `fun` falls enough. Rules without a rate of their
        own, such as "momentum", need one given.
    maxiter : int >= 1, default=1000
        The most steps.
    gtol : float >= 0, default=None
        End when no component of the gradient is larger (under bounds: of the projected gradient). None is 1e-5.
    ftol : float >= 0, default=None
        End when the lowest value has fallen by no more than ``ftol * max(1, |lowest value|)`` in `n_iter_no_change` steps; an
        adaptive schedule lowers its rate first. None does not watch the value.
    n_iter_no_change : int >= 1, default=10
        The steps that `ftol` looks back.
    finite_diff : {"2-point", "3-point", "cs"}, default="2-point"
        How to differentiate without a `jac`: forward differences, central ones, or a complex step (for functions that take
        complex numbers, exact to rounding).
    disp : bool, default=False
        Print how it ended.
    return_all : bool, default=False
        Keep the path.
    **unknown_options
        Anything else draws an OptimizeWarning, as in SciPy.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x``, ``fun``, ``jac`` (the gradient at x), ``nit``, ``nfev``, ``njev``, ``success``, ``status`` and ``message``;
        with `return_all` also ``allvecs``, the list of every x from `x0` on. x is the last one, or the mean that the
        optimizer serves in its place; the best one after a divergence and under the spectral rate. The status is 0 for
        convergence, 1 for `maxiter`, 2 where no step along the gradient lowers the function, 3 for divergence, 99 for a
        callback's StopIteration.

    Raises
    ------
    ValueError
        For `fun` that is not finite at x0 or not a number, a gradient of another length, bounds that exclude x0, constraints, or
        a parameter out of its range; the message says what would be right.

    Notes
    -----
    A step is compiled from the same function that trains the estimators. Decay, as AdamW has it, shrinks every component.

    References
    ----------
    A. Cauchy, "Méthode générale pour la résolution des systèmes d'équations simultanées", 1847. The spectral rate: J. Barzilai
    and J. M. Borwein, "Two-point step size gradient methods", 1988, equation 5, in the projected and safeguarded form of E. G.
    Birgin, J. M. Martínez and M. Raydan, "Nonmonotone spectral projected gradient methods on convex sets", 2000, algorithm 2.2.
    In place of their largest rate, a step without positive curvature doubles the last one.

    Examples
    --------
    >>> from scipy.optimize import minimize
    >>> from sklearn_gd import gradient_descent
    >>> def f(x):
    ...     return 6 * x[0] ** 2 - 12 * x[0] + 3
    >>> def slope(x):
    ...     return 12 * x - 12
    >>> found = minimize(f, -0.9, jac=slope, method=gradient_descent, options={"learning_rate": 0.03, "return_all": True})
    >>> print(found.allvecs[1], found.x.round(4), found.message)
    [-0.216] [1.] The gradient is no larger than gtol=1e-05.
    >>> gradient_descent(f, -0.9, jac=slope, learning_rate=0.2).success
    False
    """
    if unknown_options:
        warnings.warn(f"Unknown solver options: {', '.join(unknown_options)}", OptimizeWarning, stacklevel=2)
    if constraints is not None and np.size(constraints):
        raise ValueError("gradient_descent takes no constraints, only bounds; for constraints there is method='SLSQP' of SciPy")
    if gtol is None:
        gtol = 1e-5 if tol is None else tol
    options = Options(maxiter, gtol, ftol, n_iter_no_change, disp, return_all)
    x = _checked_start(x0)
    low, high = _checked_bounds(bounds, x)
    function = _Function(fun, args if isinstance(args, tuple) else (args,), jac, finite_diff, low, high)
    rule = _resolve_rule(optimizer, learning_rate, options, function, x)
    value, gradient = function.value(x), None
    if not math.isfinite(value):
        raise ValueError(f"fun is {value} at x0={x.tolist()}: begin where it is a finite number")
    gradient = function.gradient(x, value)
    if not np.isfinite(gradient).all():
        raise ValueError(f"the gradient at x0={x.tolist()} is {gradient.tolist()}: begin where it is finite")
    result = _descend(function, rule, options, _wrapped(callback), x, value, gradient)
    if options.disp:
        print(result.message, f"fun {result.fun:.8g}, nit {result.nit}, nfev {result.nfev}, njev {result.njev}", sep="\n  ")
    return result


def _descend(function, rule, options, callback, x, value, gradient):
    """The loop over steps."""
    explosion = EXPLOSION * max(1.0, abs(value))
    path, lowest, nit = [x.copy()], [value], 0
    best, first = (value, x, gradient), value
    status, message = (
        TOO_MANY,
        f"maxiter={options.maxiter} steps are done, and the gradient is larger than gtol={options.gtol:.3g}.",
    )
    while True:
        settled = function.largest_free_slope(x, gradient) <= options.gtol
        if settled and rule.served is not None and nit:  # what is served must be settled, too
            served = function.at(rule.served)
            settled = function.largest_free_slope(served[0], served[2]) <= options.gtol
        if settled:
            status, message = CONVERGED, f"The gradient is no larger than gtol={options.gtol:.3g}."
            break
        if _has_stalled(lowest, options):
            if not rule.lowered():
                status = CONVERGED
                message = f"The value has stood still for {options.n_iter_no_change} steps, to within ftol={options.ftol:.3g}."
                break
            lowest = lowest[-1:]
        if nit == options.maxiter:
            break
        # 1. the step, and its projection onto the bounds  2. the value there
        moved = rule.step(x, value, gradient)
        if moved is None:
            status = STUCK
            message = f"Step {nit + 1}: no step against the gradient lowers fun; is jac its gradient, or is this rounding error?"
            break
        nit += 1
        x, value = moved
        if np.isfinite(x).all():
            path.append(x.copy())
        if not (math.isfinite(value) and value <= explosion):
            status, message = DIVERGED, f"Step {nit}: {_how_it_diverged(value, x)} {rule.advice}"
            break
        # 3. the gradient there
        gradient = function.gradient(x, value)
        if value < best[0]:
            best = (value, x, gradient)
        if not np.isfinite(gradient).all():
            status, message = DIVERGED, f"Step {nit}: the gradient is not finite at x={x.tolist()}. {rule.advice}"
            break
        lowest.append(min(value, lowest[-1]))
        if callback is not None:
            try:
                callback(OptimizeResult(x=x.copy(), fun=value, jac=gradient.copy(), nit=nit))
            except StopIteration:
                status, message = CALLBACK, "`callback` raised `StopIteration`."
                break
    if status == DIVERGED or rule.keeps_best:
        value, x, gradient = best
    elif rule.served is not None and nit:
        x, value, gradient = served if settled else function.at(rule.served)
    if status == TOO_MANY and value >= first:
        message += f" fun is no lower than at x0, where it was {first:.3g}: lower learning_rate."
    result = OptimizeResult(
        x=x.copy(),
        fun=value,
        jac=gradient.copy(),
        nit=nit,
        nfev=function.n_values,
        njev=function.n_gradients,
        status=status,
        success=status == CONVERGED,
        message=message,
    )
    if options.return_all:
        result.allvecs = path
    return result


def _has_stalled(lowest, options):
    """Whether the lowest value has all but stood still for the whole patience."""
    if options.ftol is None or len(lowest) <= options.n_iter_no_change:
        return False
    return lowest[-1 - options.n_iter_no_change] - lowest[-1] <= options.ftol * max(1.0, abs(lowest[-1]))


def _how_it_diverged(value, x):
    """The first half of the message."""
    if not np.isfinite(x).all():
        return "x is not finite."
    if value == -math.inf:
        return "fun is -inf: it has no lowest value."
    return f"fun is {value:.3g}" + (", and grows without bound." if math.isfinite(value) else f" at x={x.tolist()}.")


# --- how a step is made --------------------------------------------------------------------------------------------------


class _Ruled:
    """Steps of an optimizer at the rates of a schedule: the compiled update that the estimators run."""

    keeps_best = False

    @property
    def served(self):
        """The point that the rule puts in the place of its last one; None where it does not."""
        slot = getattr(self.optimizer, "served", None)
        return None if slot is None else self.slots[self.optimizer.slots.index(slot)]

    def __init__(self, optimizer, schedule, maxiter, function, n):
        from ._kernels.blocks import step_blocks

        self.optimizer, self.schedule, self.function = optimizer, schedule, function
        self.run = Run(0.0, None, 1, maxiter)
        self.blocks = step_blocks(optimizer)
        self.slots = np.zeros((len(optimizer.slots), n))
        self.prox_step = np.zeros(n)
        self.t, self.scale, self.rate = 0, 1.0, math.inf

    @property
    def advice(self):
        """What to do about divergence."""
        return f"The learning rate was {self.rate:.3g}: lower it. The best x so far is kept."

    def lowered(self):
        """Lower the rate of an adaptive schedule; False where there is no lower one."""
        factor = self.schedule.plateau_factor
        if factor is None or self.rate <= self.schedule.min_rate:
            return False
        self.scale *= factor
        return True

    def step(self, x, value, gradient):
        """The projected step from x, and the value there."""
        self.t += 1
        self.rate = float(checked_rates(self.schedule, np.array([float(self.t)]), self.run)[0]) * self.scale
        x, gradient = x.copy(), np.array(gradient)
        decay = self.optimizer.decay
        if decay > 0.0:
            x *= 1.0 - self.rate * decay
        step, parameters = self.blocks
        step(x, gradient, self.slots, self.prox_step, self.rate, float(self.t), parameters)
        x = self.function.projected(x)
        return x, self.function.value(x) if np.isfinite(x).all() else math.nan


class _Spectral:
    """Steps of the spectral projected gradient method: a rate from the last two gradients, shortened until fun falls."""

    keeps_best = True
    served = None
    advice = "The best x so far is kept."

    # Birgin, Martínez and Raydan's numbers: share of the promised fall, and how many values back a step may climb.
    SHARE, MEMORY = 1e-4, 10
    # A step cut to less than this share of its length meets only rounding errors.
    SHORTEST = 1e-12

    def __init__(self, function):
        self.function = function
        self.recent = deque(maxlen=self.MEMORY)
        self.last = None
        self.rate = None

    def lowered(self):
        """There is no schedule to lower."""
        return False

    def step(self, x, value, gradient):
        """A point that lies low enough, and its value; None where there is none."""
        with np.errstate(over="ignore", invalid="ignore"):  # a function without a lowest value takes x to infinity
            return self._step(x, value, gradient)

    def _step(self, x, value, gradient):
        self.recent.append(value)
        self.rate = self._next_rate(x, gradient)
        self.last = (x, gradient)
        direction = self.function.projected(x - self.rate * gradient) - x
        slope = float(gradient @ direction)
        share, ceiling = 1.0, max(self.recent)
        while True:
            moved = self.function.projected(x + share * direction)
            if share < self.SHORTEST or np.array_equal(moved, x):
                return None
            there = self.function.value(moved) if np.isfinite(moved).all() else math.inf
            if there == -math.inf or there <= ceiling + self.SHARE * share * slope:
                return moved, there
            # The lowest point of the parabola through both values and the slope, within a tenth and a half.
            bend = there - value - share * slope
            best = -0.5 * share * share * slope / bend if math.isfinite(there) and bend > 0.0 else 0.0
            share = min(max(best, 0.1 * share), 0.5 * share)

    def _next_rate(self, x, gradient):
        """The inverse of the curvature along the last move."""
        if self.last is None:
            return 1.0 / max(self.function.largest_free_slope(x, gradient), 1e-300)
        move, change = x - self.last[0], gradient - self.last[1]
        curved = float(move @ change)
        if not curved > 0.0:
            return 2.0 * self.rate
        return min(max(float(move @ move) / curved, 1e-30), 1e30)


def _resolve_rule(optimizer, learning_rate, options, function, x):
    """How steps are made."""
    optimizer, schedule = resolve_optimizer(optimizer), resolve_schedule(learning_rate)
    optimizer = GradientDescent() if optimizer is None else optimizer
    if isinstance(schedule, Optimal):
        raise ValueError("learning_rate='optimal' follows from a penalty's alpha, and a function has none: give another schedule")
    if schedule is None and type(optimizer) is GradientDescent:
        return _Spectral(function)
    if schedule is None:
        if optimizer.default_rate is None:
            name = type(optimizer).__name__
            raise ValueError(f"learning_rate='auto': {name} has no rate of its own on a function; give a number or a schedule")
        schedule = resolve_schedule(optimizer.default_rate)
    if schedule.plateau_factor is not None and options.ftol is None:
        raise ValueError(
            f"{type(schedule).__name__} lowers its rate when the value stands still: say when with ftol, such as 1e-6"
        )
    return _Ruled(optimizer, schedule, options.maxiter, function, len(x))


# --- what the user gave --------------------------------------------------------------------------------------------------


class _Function:
    """fun and its gradient within bounds: checked, counted."""

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
        """What fun returns."""
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
                f"fun returned {len(found)} things; it must return one number, or with jac=True the value and the gradient"
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
        """SciPy's finite differences, over what the bounds leave free, and never outside of them."""
        from scipy.optimize._numdiff import approx_derivative

        free = self.low < self.high

        def of_free(part):
            whole = x.astype(part.dtype)
            whole[free] = part
            return _one_number(self._call(whole))

        gradient = np.zeros(len(x))
        if free.any():
            gradient[free] = approx_derivative(
                of_free, x[free], method=self.differences, f0=np.atleast_1d(value), bounds=(self.low[free], self.high[free])
            )
        return gradient

    def projected(self, x):
        """The nearest point within the bounds."""
        return np.clip(x, self.low, self.high)

    def largest_free_slope(self, x, gradient):
        """The largest component of the gradient, those that point out of the bounds cut to the way that is left."""
        return float(np.abs(self.projected(x - gradient) - x).max()) if self._is_bounded else float(np.abs(gradient).max())

    @property
    def _is_bounded(self):
        return bool(np.isfinite(self.low).any() or np.isfinite(self.high).any())


def _one_number(found):
    """What fun returned as a scalar."""
    number = np.asarray(found)
    if number.size != 1 or number.dtype.kind not in "biufc":
        what = f"an array of shape {number.shape}" if number.size != 1 else f"a {type(found).__name__}"
        raise ValueError(f"fun returned {what}; it must return one number, such as a sum or a mean")
    return number.reshape(())[()]


def _checked_start(x0):
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


def _checked_bounds(bounds, x):
    """Lowest and highest x, infinite where there is none."""
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


def _wrapped(callback):
    """The user's callback as a function of an OptimizeResult."""
    if callback is None:
        return None
    try:
        takes_result = set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except (TypeError, ValueError):
        takes_result = False
    if takes_result:
        return lambda result: callback(intermediate_result=result)
    return lambda result: callback(result.x)
