"""Optimizers and penalties on whole arrays of coefficients, without a compiler if their functions are in array style.

Batch descent and `gradient_descent` take few, large steps, for which NumPy is as fast as compiled loops and needs no compilation.
A custom function in scalar style (`if`, `math`) is compiled, as elsewhere.
"""

import functools

import numpy as np

from ._array_style import runs_on_arrays
from ._layout import DIFFERENCE

# Coefficients, gradients and lengths of proximal steps for the test whether a function works on arrays.
_PROBES = np.array([-2.5, -0.3, 0.2, 1.7]), np.array([0.7, -1.1, 2.0, -0.4]), np.array([0.5, 0.2, 1.5, 0.1])


class ArrayStep:
    """An optimizer's step on whole arrays.

    Parameters
    ----------
    optimizer : Optimizer
        The update rule. The caller applies its `decay` before the step.
    """

    def __init__(self, optimizer):
        n_slots, n_totals = len(optimizer.slots), len(optimizer.totals)
        self._update = optimizer.bound_function("update", 4 + n_slots + n_totals)
        self._contributions = optimizer.bound_function("contributions", 4 + n_slots) if n_totals else None
        self._compiled = None
        if not self._is_in_array_style(n_slots, n_totals):
            from ._kernels.blocks import step_blocks

            self._compiled = step_blocks(optimizer)

    def __call__(self, theta, gradient, slots, prox_step, rate, t):
        """Take one step, in place.

        Parameters
        ----------
        theta : ndarray, (n,)
            The coefficients, overwritten.
        gradient : ndarray, (n,)
            Their gradient.
        slots : ndarray, (n_slots, n)
            The slots of the optimizer, overwritten.
        prox_step : ndarray, (n,)
            Overwritten with the lengths of the penalty's proximal step.
        rate : float
            The learning rate.
        t : float
            The number of the step, from 1.
        """
        rate, t = float(rate), float(t)
        if self._compiled is not None:
            step, parameters = self._compiled
            step(theta, gradient, slots, prox_step, rate, t, parameters)
            return
        with np.errstate(all="ignore"):  # no warnings, as in compiled code; the caller checks for non-finite numbers
            totals = self._totals(theta, gradient, slots, rate, t)
            # Copies, as a function may return one argument in the position of another.
            new, step, *kept = self._update(theta.copy(), gradient, rate, t, *slots.copy(), *totals)
        theta[:] = new
        prox_step[:] = step
        for slot, value in zip(slots, kept, strict=True):
            slot[:] = value

    def _totals(self, theta, gradient, slots, rate, t):
        """The sums over all coefficients that `update` takes."""
        if self._contributions is None:
            return []
        parts = self._contributions(theta, gradient, rate, t, *slots)
        return [float(np.broadcast_to(part, theta.shape).sum()) for part in parts]

    def _is_in_array_style(self, n_slots, n_totals):
        """Whether the functions of the optimizer take arrays: a test with two steps, beginning with empty slots."""
        theta, gradient, _ = _PROBES
        rate = 0.1
        slots = np.zeros((n_slots, len(theta)))
        for t in (1.0, 2.0):

            def contributions(w, g, *slots, t=t):
                return self._contributions(w, g, rate, t, *slots)

            if self._contributions is not None and not runs_on_arrays(contributions, theta, gradient, *slots):
                return False
            totals = self._totals(theta, gradient, slots, rate, t)
            if len(totals) != n_totals:
                return False

            def update(w, g, *slots, t=t, totals=totals):
                return self._update(w, g, rate, t, *slots, *totals)

            if not runs_on_arrays(update, theta, gradient, *slots):
                return False
            found = update(theta, gradient, *slots.copy())
            if not isinstance(found, tuple) or len(found) != 2 + n_slots:
                return False
            theta, gradient = np.array(np.broadcast_to(found[0], theta.shape)), 0.5 * gradient[::-1]
            for slot, value in zip(slots, found[2:], strict=True):
                slot[:] = value
        return True


class ArrayPenalty:
    r"""A penalty on whole arrays of coefficients, times its strength.

    Parameters
    ----------
    penalty : Penalty
        The penalty.
    alpha : float
        Its strength.
    scale : ndarray, (n,), optional
        The unit of each coefficient: the penalty is that of scale times coefficient. With scale zero it is not penalised.
    """

    def __init__(self, penalty, alpha, scale=None):
        self.alpha, self.scale = float(alpha), scale
        with np.errstate(over="ignore"):
            self._strengths = self.alpha if scale is None else self.alpha * scale * scale
        value = penalty.bound_function("value", 1)
        gradient = penalty.bound_function("gradient", 1) if penalty.has_gradient() else None
        prox = penalty.bound_function("prox", 2) if penalty.has_prox() else None
        tried = [("value", 1)] + [("gradient", 1)] * (gradient is not None) + [("prox", 2)] * (prox is not None)
        if all(_takes_arrays(type(penalty).written_functions(name), n, penalty.numbers_for(name, n)) for name, n in tried):
            if penalty.needs_numeric_gradient():
                gradient = _numeric_gradient(value)
            self._total, self._gradient, self._prox = _total(value), gradient, prox
        else:
            compiled = _CompiledPenalty(penalty)
            self._total, self._gradient, self._prox = compiled.total, compiled.gradient, compiled.prox

    def value(self, coef):
        """The penalty of the coefficients.

        Parameters
        ----------
        coef : ndarray, (n,)
            The coefficients.

        Returns
        -------
        float
            alpha R.
        """
        with np.errstate(all="ignore"):
            return self.alpha * float(self._total(coef if self.scale is None else self.scale * coef))

    def add_gradient(self, coef, out):
        """Add alpha times the gradient of the smooth part of the penalty to a gradient.

        Parameters
        ----------
        coef : ndarray, (n,)
            The coefficients.
        out : ndarray, (n,)
            The gradient.
        """
        if self._gradient is None:
            return
        with np.errstate(all="ignore"):
            if self.scale is None:
                out += self.alpha * self._gradient(coef)
            else:
                out += self.alpha * self.scale * self._gradient(self.scale * coef)

    def prox(self, coef, step):
        """Take the proximal step of the non-smooth part of the penalty, in place.

        Parameters
        ----------
        coef : ndarray, (n,)
            The coefficients, overwritten.
        step : ndarray, (n,), or float
            The length of the step.

        Notes
        -----
        With a scale s the minimiser over v of step k(s v) + (v - w)^2 / 2 is prox(s w, s^2 step) / s.
        """
        if self._prox is None:
            return
        with np.errstate(all="ignore"):
            if self.scale is None:
                coef[:] = self._prox(coef, self._strengths * step)
            else:
                moved = self._prox(self.scale * coef, self._strengths * step)
                np.divide(moved, self.scale, out=coef, where=self.scale > 0.0)


@functools.lru_cache(maxsize=256)
def _takes_arrays(written, n_leading, parameters):
    """Whether a penalty's function, of coefficients or of coefficients and steps, takes arrays."""
    coef, _, step = _PROBES
    return runs_on_arrays(lambda *leading: written(*leading, *parameters), *(coef, step)[:n_leading])


def _total(value):
    """The sum of a penalty's values; a function may return one number for all coefficients."""

    def total(coef):
        values = value(coef)
        return values.sum() if np.ndim(values) else len(coef) * values

    return total


def _numeric_gradient(value):
    """The central difference of a penalty's value."""

    def gradient(coef):
        h = DIFFERENCE * np.maximum(1.0, np.abs(coef))
        return (value(coef + h) - value(coef - h)) / (2.0 * h)

    return gradient


class _CompiledPenalty:
    """The functions of a penalty in scalar style, compiled, as functions of arrays."""

    def __init__(self, penalty):
        from ._kernels.blocks import penalty_blocks, penalty_value

        self._blocks, self._value = penalty_blocks(penalty), penalty_value(penalty)

    def total(self, coef):
        """The sum of the values."""
        return self._value(np.ascontiguousarray(coef), self._blocks.scale, self._blocks.parameters)

    def gradient(self, coef):
        """The slopes of the smooth part."""
        out = np.zeros(len(coef))
        self._blocks.gradient(np.ascontiguousarray(coef), out, 1.0, self._blocks.scale, self._blocks.parameters)
        return out

    def prox(self, coef, step):
        """The coefficients after the proximal step."""
        moved, step = np.array(coef), np.array(np.broadcast_to(step, coef.shape))
        self._blocks.prox(moved, step, 1.0, self._blocks.scale, self._blocks.parameters)
        return moved
