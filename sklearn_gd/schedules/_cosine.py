"""Schedules along a cosine."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._components import Constraints, Range
from ._base import Run, Schedule


class CosineDecay(Schedule):
    r"""Cosine decay, :math:`\eta_0 (f + (1 - f)\tfrac12 (1 + \cos(\pi \min(t-1, s)/s)))`.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        Initial learning rate.
    decay_steps : int >= 1 or None, default=None
        Number of steps s until the final learning rate; None means all steps of `fit` (not allowed in `partial_fit`).
    floor : float in [0, 1], default=0.0
        Final learning rate as a fraction f of the initial one.

    References
    ----------
    I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, eq. 5, without restarts.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd.schedules import CosineDecay
    >>> print(CosineDecay(eta0=1.0, decay_steps=2).rate(np.arange(1.0, 5.0), None).round(6))
    [1.  0.5 0.  0. ]
    """

    constraints: Constraints = {
        "eta0": Range(0, closed="neither"),
        "decay_steps": Range(1, integer=True, none=True),
        "floor": Range(0, 1),
    }

    def __init__(self, eta0: float = 0.01, decay_steps: int | None = None, floor: float = 0.0) -> None:
        self.eta0 = eta0
        self.decay_steps = decay_steps
        self.floor = floor

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return half a cosine up to decay_steps, and the final learning rate afterwards."""
        steps = self._steps("decay_steps", run and run.total_steps, "all the steps of fit")
        return self.eta0 * _half_cosine(np.minimum(t - 1.0, steps) / steps, self.floor)


class CosineRestarts(Schedule):
    r"""Cosine decay with warm restarts: each cycle is `t_mul` times as long as the last and starts `m_mul` times as high.

    Parameters
    ----------
    eta0 : float > 0, default=0.01
        Initial learning rate.
    first_decay_steps : int >= 1 or None, default=None
        Number of steps of the first cycle; None means ten epochs (not allowed in `partial_fit`).
    t_mul : float >= 1, default=2.0
        Factor by which the length of each cycle is multiplied.
    m_mul : float in (0, 1], default=1.0
        Factor by which the initial learning rate of each cycle is multiplied.
    floor : float in [0, 1], default=0.0
        Lowest learning rate as a fraction of the initial one.

    References
    ----------
    I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, eq. 5.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd.schedules import CosineRestarts
    >>> schedule = CosineRestarts(eta0=1.0, first_decay_steps=2)
    >>> print(schedule.rate(np.arange(1.0, 5.0), None).round(3))
    [1.    0.5   1.    0.854]
    """

    constraints: Constraints = {
        "eta0": Range(0, closed="neither"),
        "first_decay_steps": Range(1, integer=True, none=True),
        "t_mul": Range(1),
        "m_mul": Range(0, 1, closed="right"),
        "floor": Range(0, 1),
    }

    def __init__(
        self, eta0: float = 0.01, first_decay_steps: int | None = None, t_mul: float = 2.0, m_mul: float = 1.0, floor: float = 0.0
    ) -> None:
        self.eta0 = eta0
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.floor = floor

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return the learning rate within the cycle of each step."""
        ten = run.steps_per_epoch and 10 * run.steps_per_epoch if run else None
        passed = (t - 1.0) / self._steps("first_decay_steps", ten, "ten epochs")
        if self.t_mul == 1.0:
            restart = np.floor(passed)
            share = passed - restart
        else:
            # The restarts are at 1, 1 + q, 1 + q + q^2, ...; 1e-9 keeps the step of a restart out of the cycle before it.
            restart = np.floor(np.log1p(passed * (self.t_mul - 1.0)) / math.log(self.t_mul) + 1e-9)
            length = np.float_power(self.t_mul, restart)
            begin = (length - 1.0) / (self.t_mul - 1.0)
            share = np.maximum(passed - begin, 0.0) / length
        height = np.float_power(self.m_mul, restart)
        return self.eta0 * (self.floor + (1.0 - self.floor) * height * _half_cosine(share, 0.0))


class OneCycle(Schedule):
    r"""One-cycle policy: the learning rate increases to `max_rate` along half a cosine, then decreases to nearly zero.

    Parameters
    ----------
    max_rate : float > 0, default=0.1
        Maximum learning rate.
    total_steps : int >= 2 or None, default=None
        Number of steps of the cycle; None means all steps of `fit` (not allowed in `partial_fit`).
    pct_start : float in (0, 1), default=0.3
        Fraction of the steps in which the learning rate increases.
    div_factor : float >= 1, default=25.0
        The initial learning rate is ``max_rate / div_factor``.
    final_div_factor : float >= 1, default=1e4
        The final learning rate is the initial one divided by this factor.

    References
    ----------
    L. N. Smith and N. Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018; the
    two cosines and the defaults are those of torch.optim.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd.schedules import OneCycle
    >>> schedule = OneCycle(max_rate=1.0, total_steps=10, pct_start=0.2)
    >>> print(schedule.rate(np.arange(1.0, 4.0), None).round(6))
    [0.04    1.      0.96194]
    """

    constraints: Constraints = {
        "max_rate": Range(0, closed="neither"),
        "total_steps": Range(2, integer=True, none=True),
        "pct_start": Range(0, 1, closed="neither"),
        "div_factor": Range(1),
        "final_div_factor": Range(1),
    }

    def __init__(
        self,
        max_rate: float = 0.1,
        total_steps: int | None = None,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        self.max_rate = max_rate
        self.total_steps = total_steps
        self.pct_start = pct_start
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        """Return the two half cosines, and the final learning rate after the cycle."""
        steps = self._steps("total_steps", run and run.total_steps, "all the steps of fit")
        top = max(self.pct_start * steps - 1.0, 1e-9)
        last = max(steps - 1.0, top + 1e-9)
        at = np.minimum(t - 1.0, last)
        first_rate = self.max_rate / self.div_factor
        last_rate = first_rate / self.final_div_factor
        up = self.max_rate + (first_rate - self.max_rate) * _half_cosine(np.minimum(at / top, 1.0), 0.0)
        down = last_rate + (self.max_rate - last_rate) * _half_cosine((np.maximum(at, top) - top) / (last - top), 0.0)
        return np.where(at <= top, up, down)


def _half_cosine(share, floor):
    """Return half a cosine from 1 at share 0 to `floor` at share 1."""
    return floor + (1.0 - floor) * 0.5 * (1.0 + np.cos(np.pi * share))
