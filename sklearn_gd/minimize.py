"""Gradient descent for arbitrary functions, usable as ``method`` of `scipy.optimize.minimize`."""

import math
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import Bounds, OptimizeResult, OptimizeWarning

from ._array_parts import ArrayStep
from ._minimize_input import Function, Options, checked_bounds, checked_start, function_of_result
from .descent._line_search import ARMIJO, spectral_length
from .descent._standstill import EXPLOSION, has_stalled
from .optimizers import GradientDescent, Optimizer, resolve_optimizer
from .schedules import Optimal, RateLike, Run, resolve_schedule

CONVERGED, TOO_MANY, STUCK, DIVERGED, CALLBACK = 0, 1, 2, 3, 99


def gradient_descent(
    fun: Callable[..., Any],
    x0: ArrayLike,
    args: tuple[Any, ...] = (),
    *,
    jac: Callable[..., Any] | bool | str | None = None,
    bounds: Bounds | Sequence[Any] | None = None,
    callback: Callable[..., Any] | None = None,
    tol: float | None = None,
    constraints: Sequence[Any] = (),
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
    r"""Minimise a function by gradient descent, directly or as ``method`` of `scipy.optimize.minimize`.

    :math:`x_{t+1} = P(u(x_t, \nabla f(x_t), \eta_t))`, where u is the update of the optimizer, :math:`\eta_t` the learning rate
    and P the projection onto the bounds.

    Parameters
    ----------
    fun : callable
        The function to minimise: ``fun(x, *args)`` returns a number for x of shape (n,).
    x0 : array-like, (n,) or a number
        Initial guess, within the bounds.
    args : tuple, default=()
        Further arguments of `fun` and `jac`.
    jac : callable, True, {"2-point", "3-point", "cs"} or None, default=None
        The gradient ``jac(x, *args)``. True means that `fun` returns value and gradient. A string selects one of SciPy's finite
        difference schemes, and None the scheme `finite_diff`. `scipy.optimize.minimize` passes None instead of a string.
    bounds : scipy.optimize.Bounds or sequence of (low, high), default=None
        Bounds on x; None in a pair means no bound. Each step is projected onto the bounds.
    callback : callable, default=None
        Called after each step as ``callback(x)``, or as ``callback(intermediate_result)`` if its argument has this name. The
        descent stops if it raises StopIteration.
    tol : float >= 0, default=None
        The value of `gtol`, if that is not given.
    constraints : empty
        Must be empty; only bounds are supported.
    hess, hessp : ignored
        Second derivatives are not used; a RuntimeWarning says so.
    optimizer : str or Optimizer, default="gd"
        The update rule: a string or an object, as in `GDRegressor`; "auto" means "gd".
    learning_rate : float, str, Schedule or callable, default="auto"
        A float gives the textbook update, to the last bit. "auto" is the default rate of the optimizer, if it has one (0.01 for
        Adam). For "gd", "auto" computes a spectral (Barzilai-Borwein) rate in each step, and shortens it until `fun` decreases
        sufficiently. Optimizers without a default rate, such as "momentum", need a given rate.
    maxiter : int >= 1, default=1000
        Maximum number of steps.
    gtol : float >= 0, default=None
        Stop when the largest component of the gradient (with bounds, of the projected gradient) is at most `gtol` in absolute
        value. None means 1e-5.
    ftol : float >= 0, default=None
        Stop when the lowest value has decreased by at most ``ftol * max(1, |lowest value|)`` in `n_iter_no_change` steps. An
        adaptive schedule lowers its rate first. With None the value is not monitored.
    n_iter_no_change : int >= 1, default=10
        Number of steps over which `ftol` measures the decrease.
    finite_diff : {"2-point", "3-point", "cs"}, default="2-point"
        Finite difference scheme if `jac` is None: forward differences, central differences, or a complex step, which is exact to
        rounding but requires that `fun` accepts complex numbers.
    disp : bool, default=False
        Whether to print the final message.
    return_all : bool, default=False
        Whether to return all iterates.
    **unknown_options
        Any other option causes an OptimizeWarning, as in SciPy.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x``, ``fun``, ``jac`` (the gradient at x), ``nit``, ``nfev``, ``njev``, ``success``, ``status`` and ``message``. With
        `return_all` also ``allvecs``, the list of all iterates, starting with `x0`. x is the last iterate, or the mean of the
        iterates if the optimizer averages them; after divergence, and with the spectral rate, it is the best iterate. The
        status is 0 for convergence, 1 for `maxiter`, 2 if no step along the negative gradient lowers the function, 3 for
        divergence, and 99 if the callback raised StopIteration.

    Raises
    ------
    ValueError
        If `fun` is not finite at x0 or does not return a number, if the gradient has the wrong length, if the bounds exclude x0,
        if there are constraints, or if a parameter is out of its range. The message describes valid input.

    Notes
    -----
    The estimators are trained by the same update function. The weight decay of AdamW shrinks every component of x, whereas the
    estimators exclude the intercept. If a component, such as an offset, must not be shrunk, use another optimizer and include
    the penalty in `fun`.

    References
    ----------
    A. Cauchy, "Méthode générale pour la résolution des systèmes d'équations simultanées", 1847. The spectral rate: J. Barzilai
    and J. M. Borwein, "Two-point step size gradient methods", 1988, equation 5, in the projected and safeguarded form of E. G.
    Birgin, J. M. Martínez and M. Raydan, "Nonmonotone spectral projected gradient methods on convex sets", 2000, algorithm 2.2.
    Departure: if the curvature is not positive, the last rate is doubled, instead of using the largest rate.

    Examples
    --------
    >>> from scipy.optimize import minimize
    >>> from sklearn_gd import gradient_descent
    >>> def f(x):
    ...     return 6 * x[0] ** 2 - 12 * x[0] + 3
    >>> def slope(x):
    ...     return 12 * x - 12
    >>> found = minimize(
    ...     f,
    ...     -0.9,
    ...     jac=slope,
    ...     method=gradient_descent,
    ...     options={"learning_rate": 0.03, "return_all": True},
    ... )
    >>> print(found.allvecs[1], found.x.round(4), found.message)
    [-0.216] [1.] Converged: the gradient is no larger than gtol=1e-05.
    >>> gradient_descent(f, -0.9, jac=slope, learning_rate=0.2).success
    False
    """
    if unknown_options:
        warnings.warn(f"Unknown solver options: {', '.join(unknown_options)}", OptimizeWarning, stacklevel=2)
    if hess is not None or hessp is not None:
        warnings.warn("gradient_descent does not use second derivatives (hess, hessp)", RuntimeWarning, stacklevel=2)
    if constraints is not None and np.size(constraints):
        raise ValueError("gradient_descent supports bounds but no constraints; use SciPy's method='SLSQP' for constraints")
    if gtol is None:
        gtol = 1e-5 if tol is None else tol
    options = Options(maxiter, gtol, ftol, n_iter_no_change, disp, return_all)
    x = checked_start(x0)
    low, high = checked_bounds(bounds, x)
    function = Function(fun, args if isinstance(args, tuple) else (args,), jac, finite_diff, low, high)
    rule = _resolve_rule(optimizer, learning_rate, options, function, x)
    value = function.value(x)
    if not math.isfinite(value):
        raise ValueError(f"fun is {value} at x0={x.tolist()}; x0 must be a point where fun is finite")
    gradient = function.gradient(x, value)
    if not np.isfinite(gradient).all():
        raise ValueError(f"the gradient at x0={x.tolist()} is {gradient.tolist()}; x0 must be a point where it is finite")
    result = _descend(function, rule, options, function_of_result(callback), x, value, gradient)
    if options.disp:
        print(result.message, f"fun {result.fun:.8g}, nit {result.nit}, nfev {result.nfev}, njev {result.njev}", sep="\n  ")
    return result


def _descend(function, rule, options, callback, x, value, gradient):
    """The loop over steps."""
    first, explosion = value, EXPLOSION * max(1.0, abs(value))
    path, lowest, nit = [x.copy()], [value], 0
    best = value, x, gradient
    while True:
        found = _point_with_small_gradient(function, rule, options, (x, value, gradient), nit)
        if found is not None:
            status, message = CONVERGED, f"Converged: the gradient is no larger than gtol={options.gtol:.3g}."
            break
        if _has_stalled_for_good(rule, options, lowest):
            status = CONVERGED
            message = (
                f"Converged: the lowest value has decreased by no more than ftol={options.ftol:.3g} times max(1, |value|) "
                f"in {options.n_iter_no_change} steps."
            )
            break
        if nit == options.maxiter:
            status = TOO_MANY
            message = f"Reached maxiter={nit} steps; the gradient is still larger than gtol={options.gtol:.3g}."
            break
        # 1. the step, and its projection onto the bounds  2. the value at the new point
        moved = rule.step(x, value, gradient)
        if moved is None:
            status = STUCK
            message = (
                f"Step {nit + 1}: no step along the negative gradient lowers fun. Check that jac is the gradient of fun; "
                f"otherwise the precision of fun is reached."
            )
            break
        nit += 1
        x, value = moved
        if np.isfinite(x).all():
            path.append(x.copy())
        if not (math.isfinite(value) and value <= explosion):
            status, message = DIVERGED, f"Step {nit}: {_how_it_diverged(value, x)} {rule.advice}"
            break
        # 3. the gradient at the new point
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
    elif found is not None:
        x, value, gradient = found
    elif rule.evaluated is not None and nit:
        x, value, gradient = function.at(rule.evaluated)
    if status == TOO_MANY and value >= first:
        message += f" fun is no lower than at x0, where it was {first:.3g}: decrease learning_rate."
    result = OptimizeResult(
        x=x.copy(), fun=value, jac=gradient.copy(), nit=nit, status=status, success=status == CONVERGED, message=message
    )
    result.update(nfev=function.n_values, njev=function.n_gradients)
    if options.return_all:
        result.allvecs = path
    return result


def _point_with_small_gradient(function, rule, options, point, nit):
    """The point to return if the gradient is at most gtol there and at the last iterate, else None."""
    if function.largest_free_slope(point[0], point[2]) > options.gtol:
        return None
    if rule.evaluated is None or not nit:
        return point
    point = function.at(rule.evaluated)
    return None if function.largest_free_slope(point[0], point[2]) > options.gtol else point


def _has_stalled_for_good(rule, options, lowest):
    """Whether the lowest value has stalled and the rule has no lower rate; `lowest` begins again after a lower rate."""
    if options.ftol is None:
        return False
    if not has_stalled(lowest, options.n_iter_no_change, options.ftol * max(1.0, abs(lowest[-1]))):
        return False
    if not rule.lowered():
        return True
    del lowest[:-1]
    return False


def _how_it_diverged(value, x):
    """The first half of the message in case of divergence."""
    if not np.isfinite(x).all():
        return "x is not finite."
    if value == -math.inf:
        return "fun is -inf: it has no minimum."
    return f"fun is {value:.3g}" + (" and grows without bound." if math.isfinite(value) else f" at x={x.tolist()}.")


# --- the steps ----------------------------------------------------------------------------------------------------------


class _Ruled:
    """Steps of an optimizer at the rates of a schedule: the same update as in the estimators."""

    keeps_best = False

    @property
    def evaluated(self):
        """The point that the optimizer evaluates instead of its last iterate; None if it evaluates the last iterate."""
        slot = self.optimizer.evaluated_slot
        return None if slot is None else self.slots[self.optimizer.slots.index(slot)]

    def __init__(self, optimizer, schedule, maxiter, function, n):
        self.optimizer, self.schedule, self.function = optimizer, schedule, function
        self.run = Run(0.0, None, 1, maxiter)
        self.update = ArrayStep(optimizer)
        self.slots = np.zeros((len(optimizer.slots), n))
        self.prox_step = np.zeros(n)
        self.t, self.scale, self.rate = 0, 1.0, math.inf

    @property
    def advice(self):
        """The advice in case of divergence."""
        return f"Decrease the learning rate, which was {self.rate:.3g}. The best x so far is returned."

    def lowered(self):
        """Lower the rate of an adaptive schedule; returns False if there is no lower one."""
        factor = self.schedule.lowered(self.rate)
        if factor is not None:
            self.scale *= factor
        return factor is not None

    def step(self, x, value, gradient):
        """The projected step from x, and the value after it."""
        self.t += 1
        self.rate = float(self.schedule.checked_rates(np.array([float(self.t)]), self.run)[0]) * self.scale
        x = x.copy()
        decay = self.optimizer.decay
        if decay > 0.0:
            x *= 1.0 - self.rate * decay
        self.update(x, gradient, self.slots, self.prox_step, self.rate, self.t)
        x = self.function.projected(x)
        return x, self.function.value(x) if np.isfinite(x).all() else math.nan


class _Spectral:
    """Steps of the spectral projected gradient method: a rate from the last two gradients, lowered until fun decreases."""

    keeps_best = True
    evaluated = None
    advice = "The best x so far is returned."

    # The number of earlier values whose maximum a step may not exceed, from Birgin, Martínez and Raydan.
    MEMORY = 10
    # Differences of fun over a step shorter than this share of its length are rounding errors.
    SHORTEST = 1e-12

    def __init__(self, function):
        self.function = function
        self.recent = deque(maxlen=self.MEMORY)
        self.last = None
        self.rate = None

    def lowered(self):
        """Return False, as there is no schedule."""
        return False

    def step(self, x, value, gradient):
        """A point with a sufficient decrease, and its value; None if there is none."""
        with np.errstate(over="ignore", invalid="ignore"):  # x becomes infinite if the function is unbounded below
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
            if there == -math.inf or there <= ceiling + ARMIJO * share * slope:
                return moved, there
            # The minimiser of the parabola through both values and the slope, limited to the interval from 0.1 to 0.5.
            curved = there - value - share * slope
            best = -0.5 * share * share * slope / curved if math.isfinite(there) and curved > 0.0 else 0.0
            share = min(max(best, 0.1 * share), 0.5 * share)

    def _next_rate(self, x, gradient):
        """The inverse of the curvature along the last move."""
        if self.last is None:
            return 1.0 / max(self.function.largest_free_slope(x, gradient), 1e-300)
        return spectral_length(x - self.last[0], gradient - self.last[1], self.rate, shortest=1e-30, longest=1e30)


def _resolve_rule(optimizer, learning_rate, options, function, x):
    """The step rule for the given optimizer and learning rate."""
    optimizer, schedule = resolve_optimizer(optimizer), resolve_schedule(learning_rate)
    optimizer = GradientDescent() if optimizer is None else optimizer
    if isinstance(schedule, Optimal):
        raise ValueError("learning_rate='optimal' requires the alpha of a penalty, which a function lacks; use another schedule")
    if schedule is None and type(optimizer) is GradientDescent:
        return _Spectral(function)
    if schedule is None:
        if optimizer.default_rate is None:
            name = type(optimizer).__name__
            raise ValueError(f"learning_rate='auto': {name} has no default learning rate; pass a number or a schedule")
        schedule = resolve_schedule(optimizer.default_rate)
    if schedule.plateau_factor is not None and options.ftol is None:
        raise ValueError(
            f"{type(schedule).__name__} lowers its rate when fun stops decreasing, which requires ftol; set it, e.g. to 1e-6"
        )
    return _Ruled(optimizer, schedule, options.maxiter, function, len(x))
