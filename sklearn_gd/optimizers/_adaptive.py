"""Optimizers with a learning rate per coefficient."""

import numpy as np

from .._components import Constraints, Numbers, Range
from ._base import Optimizer


class AdaGrad(Optimizer):
    r"""AdaGrad: a learning rate per coefficient, which decreases with the sum of its squared gradients.

    :math:`s \leftarrow s + g^2`, :math:`w \leftarrow w - \eta\, g / (\sqrt s + \epsilon)`.

    Parameters
    ----------
    epsilon : float > 0, default=1e-10
        Added to the denominator to avoid division by zero.

    References
    ----------
    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011,
    figure 1 (diagonal form).

    Examples
    --------
    >>> from sklearn_gd.optimizers import AdaGrad
    >>> print(round(AdaGrad.update(1.0, 2.0, 0.25, 1, 0.0, epsilon=1e-10)[0], 6))
    0.75
    """

    slots: tuple[str, ...] = ("square_sum",)
    default_rate: float | None = 0.1
    constraints: Constraints = {"epsilon": Range(0, closed="neither")}

    def __init__(self, epsilon: float = 1e-10) -> None:
        self.epsilon = epsilon

    @staticmethod
    def update(w: Numbers, g: Numbers, rate: float, t: float, square_sum: Numbers, epsilon: float) -> tuple[Numbers, ...]:
        """Divide the learning rate by the square root of the sum of squared gradients."""
        square_sum = square_sum + g * g
        step = rate / (np.sqrt(square_sum) + epsilon)
        return w - step * g, step, square_sum


class RMSprop(Optimizer):
    r"""RMSprop: a learning rate per coefficient, adapted to the running mean of its squared gradients.

    :math:`v \leftarrow \rho v + (1 - \rho) g^2`, :math:`w \leftarrow w - \eta\, g / (\sqrt v + \epsilon)`.

    Parameters
    ----------
    rho : float in [0, 1), default=0.99
        Decay rate of the running mean. The default is that of torch.optim; G. Hinton's lecture uses 0.9.
    epsilon : float > 0, default=1e-8
        Added to the denominator to avoid division by zero.

    References
    ----------
    T. Tieleman and G. Hinton, "Lecture 6.5: rmsprop", 2012.

    Examples
    --------
    >>> from sklearn_gd.optimizers import RMSprop
    >>> print(round(RMSprop.update(1.0, 2.0, 0.1, 1, 0.0, rho=0.75, epsilon=1e-8)[0], 6))
    0.8
    """

    slots: tuple[str, ...] = ("square_mean",)
    default_rate: float | None = 0.01
    constraints: Constraints = {"rho": Range(0, 1, closed="left"), "epsilon": Range(0, closed="neither")}

    def __init__(self, rho: float = 0.99, epsilon: float = 1e-8) -> None:
        self.rho = rho
        self.epsilon = epsilon

    @staticmethod
    def update(
        w: Numbers, g: Numbers, rate: float, t: float, square_mean: Numbers, rho: float, epsilon: float
    ) -> tuple[Numbers, ...]:
        """Divide the learning rate by the square root of the running mean."""
        square_mean = rho * square_mean + (1.0 - rho) * g * g
        step = rate / (np.sqrt(square_mean) + epsilon)
        return w - step * g, step, square_mean


class AdaDelta(Optimizer):
    r"""AdaDelta: steps in the units of the coefficient, the ratio of root mean square past steps and past gradients.

    :math:`v \leftarrow \rho v + (1-\rho) g^2`, :math:`\delta = \sqrt{u + \epsilon} / \sqrt{v + \epsilon}\; g`,
    :math:`u \leftarrow \rho u + (1-\rho) \delta^2`, :math:`w \leftarrow w - \eta\, \delta`.

    Parameters
    ----------
    rho : float in [0, 1), default=0.9
        Decay rate of both running means.
    epsilon : float > 0, default=1e-6
        Added inside both square roots, as in the paper and in torch.optim. Its square root determines the length of the first
        steps.

    References
    ----------
    M. D. Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1 (there the learning rate is 1).

    Examples
    --------
    >>> from sklearn_gd.optimizers import AdaDelta
    >>> w, *_ = AdaDelta.update(1.0, 2.0, 1.0, 1, 0.0, 0.0, rho=0.0, epsilon=4.0)
    >>> print(round(w, 6))
    -0.414214
    """

    slots: tuple[str, ...] = ("square_mean", "move_mean")
    default_rate: float | None = 1.0
    constraints: Constraints = {"rho": Range(0, 1, closed="left"), "epsilon": Range(0, closed="neither")}

    def __init__(self, rho: float = 0.9, epsilon: float = 1e-6) -> None:
        self.rho = rho
        self.epsilon = epsilon

    @staticmethod
    def update(
        w: Numbers, g: Numbers, rate: float, t: float, square_mean: Numbers, move_mean: Numbers, rho: float, epsilon: float
    ) -> tuple[Numbers, ...]:
        """Multiply the gradient by the ratio of the two root mean squares."""
        square_mean = rho * square_mean + (1.0 - rho) * g * g
        ratio = np.sqrt(move_mean + epsilon) / np.sqrt(square_mean + epsilon)
        move = ratio * g
        return w - rate * move, rate * ratio, square_mean, rho * move_mean + (1.0 - rho) * move * move


class FTRL(Optimizer):
    r"""FTRL-proximal (follow the regularized leader): AdaGrad's learning rates, and l1 applied to the sum of all gradients.

    :math:`n \leftarrow n + g^2`, :math:`\sigma = s' - s` with :math:`s = (\beta + \sqrt n) / \eta`,
    :math:`z \leftarrow z + g - \sigma w`, :math:`w \leftarrow -z / s`, then the penalty's proximal step of length t / s. On
    streams, the coefficients are sparser than with a proximal step after each gradient.

    Parameters
    ----------
    beta : float > 0, default=1.0
        Larger values shorten the first steps.

    References
    ----------
    H. B. McMahan et al., "Ad click prediction: a view from the trenches", 2013, algorithm 1. There the l1 term is counted once
    for all steps; here it is counted once per step, as in H. B. McMahan, "Follow-the-regularized-leader and mirror descent",
    2011, eq. 5. Therefore the fixed point is the minimiser of F. An l2 penalty is part of the gradient.

    Examples
    --------
    >>> from sklearn_gd.optimizers import FTRL
    >>> print(*FTRL.update(0.0, 3.0, 1.0, 1, 0.0, 0.0, 0.0, beta=1.0)[:2])
    -0.75 0.25
    """

    slots: tuple[str, ...] = ("leader", "square_sum", "inverse_step")
    default_rate: float | None = 0.1
    constraints: Constraints = {"beta": Range(0, closed="neither")}

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    @staticmethod
    def update(
        w: Numbers, g: Numbers, rate: float, t: float, leader: Numbers, square_sum: Numbers, inverse_step: Numbers, beta: float
    ) -> tuple[Numbers, ...]:
        """Return the minimiser of the linearized losses so far plus proximal terms around the past coefficients."""
        if rate == 0.0:
            return w, 0.0, leader, square_sum, inverse_step
        square_sum = square_sum + g * g
        following = (beta + np.sqrt(square_sum)) / rate
        leader = leader + g - (following - inverse_step) * w
        return -leader / following, t / following, leader, square_sum, following
