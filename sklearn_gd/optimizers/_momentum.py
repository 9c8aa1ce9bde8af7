"""Optimizers with one learning rate for all coefficients: plain descent, and momentum."""

import numpy as np

from .._components import Constraints, Numbers, Range
from ._base import Optimizer, total_weight


class GradientDescent(Optimizer):
    r"""Plain gradient descent, :math:`w \leftarrow w - \eta g`.

    References
    ----------
    A. Cauchy, "Méthode générale pour la résolution des systèmes d'équations simultanées", 1847; one sample at a time: H. Robbins
    and S. Monro, "A stochastic approximation method", 1951.

    Examples
    --------
    >>> from sklearn_gd.optimizers import GradientDescent
    >>> GradientDescent.update(1.0, 2.0, 0.25, 1)
    (0.5, 0.25)
    """

    default_rate: float | None = None

    @staticmethod
    def update(w: Numbers, g: Numbers, rate: float, t: float) -> tuple[Numbers, ...]:
        """Take one step along the negative gradient."""
        return w - rate * g, rate


class Momentum(Optimizer):
    r"""Heavy-ball momentum, :math:`v \leftarrow \beta v + g`, :math:`w \leftarrow w - \eta v`.

    Parameters
    ----------
    momentum : float in [0, 1), default=0.9
        Momentum coefficient :math:`\beta`. For constant gradients, steps are :math:`1 / (1 - \beta)` times as long as those of
        plain descent.

    References
    ----------
    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964. The rate multiplies the whole
    buffer, as in torch.optim.

    Examples
    --------
    >>> from sklearn_gd.optimizers import Momentum
    >>> w, _, buffer = Momentum.update(1.0, 2.0, 0.25, 1, 4.0, momentum=0.5)
    >>> w, buffer
    (0.0, 4.0)
    """

    slots: tuple[str, ...] = ("velocity",)
    default_rate: float | None = None
    constraints: Constraints = {"momentum": Range(0, 1, closed="left")}

    def __init__(self, momentum: float = 0.9) -> None:
        self.momentum = momentum

    def gain(self) -> float:
        """Return 1 / (1 - momentum)."""
        return 1.0 / (1.0 - self.momentum)

    @staticmethod
    def update(w: Numbers, g: Numbers, rate: float, t: float, velocity: Numbers, momentum: float) -> tuple[Numbers, ...]:
        """Take one step; the proximal step is the total step length so far of a gradient that stays constant."""
        velocity = momentum * velocity + g
        return w - rate * velocity, rate * total_weight(momentum, t) / (1.0 - momentum), velocity


class Nesterov(Optimizer):
    r"""Nesterov's accelerated gradient, :math:`v \leftarrow \beta v + g`, :math:`w \leftarrow w - \eta (g + \beta v)`.

    Parameters
    ----------
    momentum : float in [0, 1), default=0.9
        Momentum coefficient :math:`\beta`.

    References
    ----------
    Y. Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k^2)", 1983, in the form of
    I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013, as torch.optim has it.

    Examples
    --------
    >>> from sklearn_gd.optimizers import Nesterov
    >>> w, _, buffer = Nesterov.update(1.0, 2.0, 0.25, 1, 4.0, momentum=0.5)
    >>> w, buffer
    (0.0, 4.0)
    """

    slots: tuple[str, ...] = ("velocity",)
    default_rate: float | None = None
    constraints: Constraints = {"momentum": Range(0, 1, closed="left")}

    def __init__(self, momentum: float = 0.9) -> None:
        self.momentum = momentum

    def gain(self) -> float:
        """Return 1 / (1 - momentum)."""
        return 1.0 / (1.0 - self.momentum)

    @staticmethod
    def update(w: Numbers, g: Numbers, rate: float, t: float, velocity: Numbers, momentum: float) -> tuple[Numbers, ...]:
        """Take one step along the gradient plus the momentum of the next step."""
        velocity = momentum * velocity + g
        prox_step = rate * (1.0 - momentum ** (t + 1.0)) / (1.0 - momentum)
        return w - rate * (g + momentum * velocity), prox_step, velocity


class Lion(Optimizer):
    r"""Lion: steps of equal length for all coefficients, along the sign of a momentum.

    :math:`w \leftarrow w - \eta \operatorname{sign}(\beta_1 m + (1-\beta_1) g)`, :math:`m \leftarrow \beta_2 m + (1-\beta_2) g`.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Weight of the momentum in the sign.
    beta_2 : float in [0, 1), default=0.99
        Decay rate of the momentum.
    weight_decay : float >= 0, default=0.0
        Weight decay: before the step, each coefficient is multiplied by 1 - learning rate * weight_decay. It is not part of F.

    References
    ----------
    X. Chen et al., "Symbolic discovery of optimization algorithms", 2023, program 1. In addition, the proximal step of a
    non-smooth penalty is the learning rate divided by the magnitude of the momentum, corrected for its start at zero. Therefore
    l1 produces exact zeros, and the fixed point is the minimiser of F.

    Examples
    --------
    >>> from sklearn_gd.optimizers import Lion
    >>> print(round(Lion.update(1.0, 2.0, 0.1, 1, 0.0, beta_1=0.9, beta_2=0.99)[0], 6))
    0.9
    """

    slots: tuple[str, ...] = ("mean",)
    default_rate: float | None = 0.001
    constraints: Constraints = {
        "beta_1": Range(0, 1, closed="left"),
        "beta_2": Range(0, 1, closed="left"),
        "weight_decay": Range(0),
    }

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.99, weight_decay: float = 0.0) -> None:
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.weight_decay = weight_decay

    @property
    def decay(self) -> float:
        """The parameter `weight_decay`."""
        return float(self.weight_decay)

    @staticmethod
    def update(w: Numbers, g: Numbers, rate: float, t: float, mean: Numbers, beta_1: float, beta_2: float) -> tuple[Numbers, ...]:
        """Take one step along the sign of the momentum, i.e. the momentum divided by its magnitude."""
        blend = beta_1 * mean + (1.0 - beta_1) * g
        known = beta_1 * (1.0 - beta_2 ** (t - 1.0)) + 1.0 - beta_1  # of the gradient: the momentum begins at zero
        step = rate * known / np.maximum(np.abs(blend), 1e-30)
        return w - rate * np.sign(blend), step, beta_2 * mean + (1.0 - beta_2) * g


class ScheduleFree(Optimizer):
    r"""Schedule-free descent: a constant learning rate, with averaging of the iterates instead of a schedule.

    :math:`y = (1 - \beta) z + \beta x`, :math:`z \leftarrow z - \eta\, g(y)`, :math:`x \leftarrow (1 - c) x + c z` with
    :math:`c = \eta_t^2 / \sum_{s \le t} \eta_s^2`. Gradients are computed at y, and predictions use x. The mean x is as good as
    the result of the best decreasing schedule, and the number of steps need not be known in advance. The rule needs a learning
    rate; a good one is often larger than the best learning rate of plain descent.

    Parameters
    ----------
    beta : float in [0, 1), default=0.9
        Weight of the mean x in the point y where gradients are computed; 0 is plain descent with averaging.

    References
    ----------
    A. Defazio et al., "The road less scheduled", 2024, eq. 3 to 5, with the weights of its section 4 if the learning rate
    changes. In addition, the proximal step of a penalty is applied to y, and z and x are moved with it, so that the minimiser of
    F is a fixed point of all three. Because x is a mean, its zeros with an l1 penalty are only approximate.

    Examples
    --------
    >>> from sklearn_gd.optimizers import ScheduleFree
    >>> y, _, x, z, share, _ = ScheduleFree.update(
    ...     1.0, 2.0, 0.25, 1, 0.0, 0.0, 0.0, 0.0, beta=0.5
    ... )
    >>> print(x, z, share, y)
    0.5 0.5 1.0 0.5
    >>> print(ScheduleFree.update(y, 2.0, 0.25, 2, x, z, share, 0.0625, beta=0.5)[0])
    0.125
    """

    slots: tuple[str, ...] = ("mean", "base", "share", "square_sum")
    evaluated_slot: str | None = "mean"
    default_rate: float | None = None
    constraints: Constraints = {"beta": Range(0, 1, closed="left")}

    def __init__(self, beta: float = 0.9) -> None:
        self.beta = beta

    @staticmethod
    def update(
        w: Numbers,
        g: Numbers,
        rate: float,
        t: float,
        mean: Numbers,
        base: Numbers,
        share: Numbers,
        square_sum: Numbers,
        beta: float,
    ) -> tuple[Numbers, ...]:
        """Take one step, after moving `base` and the mean by the proximal step that was applied to y since the last update."""
        mean = mean + np.where(square_sum == 0.0, w - mean, 0.0)
        if rate == 0.0:
            return w, 0.0, mean, base, share, square_sum
        # If y is the mean, so is z: at the start, and when descent resumes from an earlier model.
        base = np.where(w == mean, w, base)
        moved = (w - (base + beta * (mean - base))) / (1.0 - beta + beta * share)
        base, mean = base + moved, mean + share * moved
        square_sum = square_sum + rate * rate
        share = rate * rate / np.maximum(square_sum, 1e-300)
        base = base - rate * g
        mean = mean + share * (base - mean)
        prox_step = (1.0 - beta + beta * share) * rate
        return base + beta * (mean - base), prox_step, mean, base, share, square_sum
