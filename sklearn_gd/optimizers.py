r"""Optimizers: rules that compute a step from a gradient.

An optimizer defines the update of one coefficient, a plain Python function::

    update(w, g, rate, t, *slots, *parameters) -> (new w, proximal step, *new slots)

w is the coefficient, g its gradient, and rate the learning rate of step t = 1, 2, ...; each *slot* is a number that the optimizer
stores for each coefficient. It is 0 initially, and its name is in the class attribute ``slots``. The *proximal step* is the step
length with which the proximal operator of a non-smooth penalty is applied to this coefficient. It is the learning rate of plain
descent, divided by whatever the rule divides the gradient by; then the fixed point of the steps is the minimiser of F.

The rules of this module are written in array style: w, g and the slots may be numbers or arrays, so the rules use ``np.where``
instead of ``if`` on them; rate, t, parameters and totals are always numbers.

Where papers leave a choice, the rules follow torch.optim: epsilon is added outside the square root, a momentum buffer starts as
the first gradient, and there is no dampening.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._components import Component, Constraints, Flag, Numbers, Range, resolve

__all__ = [
    "COCOB",
    "FTRL",
    "OPTIMIZERS",
    "AMSGrad",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "CoordinateDoG",
    "DoG",
    "DoWG",
    "GradientDescent",
    "Lion",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "ScheduleFree",
]


class Optimizer(Component):
    """Abstract base of all optimizers; subclass it for a custom update rule.

    Attributes
    ----------
    slots : tuple of str
        Names of the numbers stored for each coefficient.
    totals : tuple of str
        Names of the sums over all coefficients that `update` takes; `contributions` returns what each coefficient adds to them.
    evaluated_slot : str or None
        The slot that contains the coefficients used for prediction; None if the coefficients themselves are used.
    default_rate : float or None
        The learning rate around which "auto" searches; None if the search starts from the curvature of the loss.
    decay : float
        Weight decay: before each step, every coefficient except the intercept is multiplied by 1 - learning rate * decay. It is
        not part of F.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd import GDRegressor, Optimizer
    >>> class SignDescent(Optimizer):
    ...     default_rate = 0.01
    ...
    ...     @staticmethod
    ...     def update(w, g, rate, t):
    ...         return w - rate * np.sign(g), rate
    >>> model = GDRegressor(solver="batch", optimizer=SignDescent(), learning_rate=0.1, max_iter=20, tol=None)
    >>> print(model.fit([[-1.0], [1.0]], [-2.0, 2.0]).coef_.round(6))
    [2.]
    """

    slots: tuple[str, ...] = ()
    totals: tuple[str, ...] = ()
    evaluated_slot: str | None = None
    default_rate: float | None = 0.01

    @property
    def decay(self) -> float:
        """The weight decay, 0 by default."""
        return 0.0

    def gain(self) -> float:
        """Return the step length per step for constant gradients, relative to plain gradient descent.

        Returns
        -------
        float
            1 for plain descent. The stable learning rate of plain descent is divided by it.
        """
        return 1.0

    def validate(self) -> None:
        """Raise an error if `update` is missing or takes an unknown parameter, or if a parameter is out of its range."""
        name = type(self).__name__
        if self.written_functions("update") is None:
            raise TypeError(f"{name} has no function update(w, g, rate, t): an optimizer must define it")
        self.function_parameters("update", 4 + len(self.slots) + len(self.totals))
        if self.totals:
            if self.written_functions("contributions") is None:
                raise TypeError(f"{name} has no function contributions(w, g, rate, t), which defines its totals {self.totals}")
            self.function_parameters("contributions", 4 + len(self.slots))
        if self.evaluated_slot is not None and self.evaluated_slot not in self.slots:
            raise TypeError(f"{name}: evaluated_slot={self.evaluated_slot!r} must be None or one of the slots {self.slots}")
        super().validate()
        self._check_returned()

    def _check_returned(self) -> None:
        """Raise a TypeError if `update` returns another number of values than a step needs."""
        arguments = [1.0] * (4 + len(self.slots) + len(self.totals))
        update = self.bound_function("update", len(arguments))
        try:
            with np.errstate(all="ignore"):
                found = update(*arguments) if update is not None else None
        except (ArithmeticError, AttributeError, NameError, TypeError, ValueError):
            return  # the step itself raises the error, with the values that caused it
        count = len(found) if isinstance(found, tuple) else 1
        if count != 2 + len(self.slots):
            wanted = ", ".join(["the new w", "the length of the proximal step", *self.slots])
            raise TypeError(
                f"{type(self).__name__}.update returns {count} value(s); it must return {2 + len(self.slots)}: {wanted}"
            )


def _quotient(above, below):
    """Return above / below if `below` is positive, else zero."""
    positive = below > 0.0
    return np.where(positive, above / np.where(positive, below, 1.0), 0.0)


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
        return w - rate * velocity, rate * (1.0 - momentum**t) / (1.0 - momentum), velocity


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
    >>> print(round(AdaDelta.update(1.0, 2.0, 1.0, 1, 0.0, 0.0, rho=0.0, epsilon=4.0)[0], 6))
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


class _TwoMoments(Optimizer):
    """Abstract base of the rules that store running means of the gradients and of their squares."""

    slots: tuple[str, ...] = ("mean", "square_mean")
    constraints: Constraints = {
        "beta_1": Range(0, 1, closed="left"),
        "beta_2": Range(0, 1, closed="left"),
        "epsilon": Range(0, closed="neither"),
    }

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8) -> None:
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon


class Adam(_TwoMoments):
    r"""Adam: momentum and a learning rate per coefficient, both with bias correction.

    :math:`m \leftarrow \beta_1 m + (1-\beta_1) g`, :math:`v \leftarrow \beta_2 v + (1-\beta_2) g^2`,
    :math:`w \leftarrow w - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)` with
    :math:`\hat m = m / (1 - \beta_1^t)`, :math:`\hat v = v / (1 - \beta_2^t)`.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Decay rate of the running mean of the gradients.
    beta_2 : float in [0, 1), default=0.999
        Decay rate of the running mean of the squared gradients.
    epsilon : float > 0, default=1e-8
        Added to the denominator to avoid division by zero.

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.

    Examples
    --------
    >>> from sklearn_gd.optimizers import Adam
    >>> print(round(Adam.update(1.0, 2.0, 0.1, 1, 0.0, 0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-8)[0], 6))
    0.9
    """

    @staticmethod
    def update(
        w: Numbers,
        g: Numbers,
        rate: float,
        t: float,
        mean: Numbers,
        square_mean: Numbers,
        beta_1: float,
        beta_2: float,
        epsilon: float,
    ) -> tuple[Numbers, ...]:
        """Divide the bias-corrected mean by the root mean square."""
        mean = beta_1 * mean + (1.0 - beta_1) * g
        square_mean = beta_2 * square_mean + (1.0 - beta_2) * g * g
        step = rate / (np.sqrt(square_mean) / np.sqrt(1.0 - beta_2**t) + epsilon)
        return w - step * mean / (1.0 - beta_1**t), step, mean, square_mean


class AdamW(_TwoMoments):
    r"""Adam with decoupled weight decay: :math:`w \leftarrow (1 - \eta \lambda) w`, then the step of Adam.

    Weight decay is not an l2 penalty: its fixed point depends on the scale of the gradients and is not the minimiser of F. It is
    applied in addition to the penalty, and disabled with ``weight_decay=0``. The intercept does not decay.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Decay rate of the running mean of the gradients.
    beta_2 : float in [0, 1), default=0.999
        Decay rate of the running mean of the squared gradients.
    epsilon : float > 0, default=1e-8
        Added to the denominator to avoid division by zero.
    weight_decay : float >= 0, default=0.01
        Weight decay :math:`\lambda`.

    References
    ----------
    I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2019, algorithm 2 (with the rate as in torch.optim).

    Examples
    --------
    >>> from sklearn_gd.optimizers import AdamW
    >>> AdamW(weight_decay=0.1).decay
    0.1
    """

    update: Callable[..., tuple[Numbers, ...]] = staticmethod(Adam.update)
    constraints: Constraints = {"weight_decay": Range(0)}

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, weight_decay: float = 0.01) -> None:
        super().__init__(beta_1, beta_2, epsilon)
        self.weight_decay = weight_decay

    @property
    def decay(self) -> float:
        """The parameter `weight_decay`."""
        return float(self.weight_decay)


class AMSGrad(_TwoMoments):
    r"""AMSGrad: Adam whose mean square never decreases, :math:`\bar v \leftarrow \max(\bar v, v)` replaces v.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Decay rate of the running mean of the gradients.
    beta_2 : float in [0, 1), default=0.999
        Decay rate of the running mean of the squared gradients.
    epsilon : float > 0, default=1e-8
        Added to the denominator to avoid division by zero.

    References
    ----------
    S. J. Reddi, S. Kale and S. Kumar, "On the convergence of Adam and beyond", 2018, algorithm 2; with bias correction as in
    torch.optim.

    Examples
    --------
    >>> from sklearn_gd.optimizers import AMSGrad
    >>> print(round(AMSGrad.update(1.0, 2.0, 0.1, 1, 0.0, 0.0, 0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-8)[0], 6))
    0.9
    """

    slots: tuple[str, ...] = ("mean", "square_mean", "largest")

    @staticmethod
    def update(
        w: Numbers,
        g: Numbers,
        rate: float,
        t: float,
        mean: Numbers,
        square_mean: Numbers,
        largest: Numbers,
        beta_1: float,
        beta_2: float,
        epsilon: float,
    ) -> tuple[Numbers, ...]:
        """Divide the bias-corrected mean by the largest root mean square so far."""
        mean = beta_1 * mean + (1.0 - beta_1) * g
        square_mean = beta_2 * square_mean + (1.0 - beta_2) * g * g
        largest = np.maximum(largest, square_mean)
        step = rate / (np.sqrt(largest) / np.sqrt(1.0 - beta_2**t) + epsilon)
        return w - step * mean / (1.0 - beta_1**t), step, mean, square_mean, largest


class Nadam(Optimizer):
    r"""Adam with Nesterov's momentum.

    With :math:`\mu_t = \beta_1 (1 - \tfrac12 0.96^{t \psi})`:
    :math:`w \leftarrow w - \frac{\eta}{\sqrt{\hat v} + \epsilon} \left( \frac{1 - \mu_t}{1 - \prod_{i \le t} \mu_i} g +
    \frac{\mu_{t+1}}{1 - \prod_{i \le t+1} \mu_i} m \right)`.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Decay rate of the running mean of the gradients.
    beta_2 : float in [0, 1), default=0.999
        Decay rate of the running mean of the squared gradients.
    epsilon : float > 0, default=1e-8
        Added to the denominator to avoid division by zero.
    momentum_decay : float >= 0, default=0.004
        Rate :math:`\psi` at which the momentum increases towards `beta_1`.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", 2016, algorithm 2; the defaults are torch.optim's.

    Examples
    --------
    >>> from sklearn_gd.optimizers import Nadam
    >>> parameters = dict(beta_1=0.9, beta_2=0.999, epsilon=1e-8, momentum_decay=0.004)
    >>> print(round(Nadam.update(1.0, 2.0, 0.1, 1, 0.0, 0.0, 0.0, **parameters)[0], 4))
    0.8944
    """

    slots: tuple[str, ...] = ("mean", "square_mean", "product")
    constraints: Constraints = {
        "beta_1": Range(0, 1, closed="left"),
        "beta_2": Range(0, 1, closed="left"),
        "epsilon": Range(0, closed="neither"),
        "momentum_decay": Range(0),
    }

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, momentum_decay: float = 0.004) -> None:
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.momentum_decay = momentum_decay

    @staticmethod
    def update(
        w: Numbers,
        g: Numbers,
        rate: float,
        t: float,
        mean: Numbers,
        square_mean: Numbers,
        product: Numbers,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        momentum_decay: float,
    ) -> tuple[Numbers, ...]:
        """Take one step; the slot `product` is the product of the momenta so far, initially one."""
        now = beta_1 * (1.0 - 0.5 * 0.96 ** (t * momentum_decay))
        following = beta_1 * (1.0 - 0.5 * 0.96 ** ((t + 1.0) * momentum_decay))
        product = now if t == 1.0 else product * now
        mean = beta_1 * mean + (1.0 - beta_1) * g
        square_mean = beta_2 * square_mean + (1.0 - beta_2) * g * g
        step = rate / (np.sqrt(square_mean / (1.0 - beta_2**t)) + epsilon)
        new, old = (1.0 - now) / (1.0 - product), following / (1.0 - product * following)
        prox_step = step * (new + old * (1.0 - beta_1**t))
        return w - step * (new * g + old * mean), prox_step, mean, square_mean, product


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
    non-smooth penalty is the learning rate divided by the magnitude of the momentum. Therefore l1 produces exact zeros, and the
    fixed point is the minimiser of F.

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
        step = rate / np.maximum(np.abs(blend), 1e-30)
        return w - rate * np.sign(blend), step, beta_2 * mean + (1.0 - beta_2) * g


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


class _DistanceOverGradients(Optimizer):
    """Abstract base of the rules whose learning rate is the largest distance so far divided by a norm of all gradients."""

    totals: tuple[str, ...] = ("distance_square", "gradient_square")
    default_rate: float | None = 1.0
    constraints: Constraints = {"initial": Range(0, closed="neither"), "averaged": Flag()}

    def __init__(self, initial: float = 0.01, averaged: bool = True) -> None:
        self.initial = initial
        self.averaged = averaged

    @property
    def evaluated_slot(self) -> str | None:
        """The slot of the averaged iterates, or None for the last iterate."""
        return "mean" if self.averaged else None


class DoG(_DistanceOverGradients):
    r"""DoG (distance over gradients): plain descent whose learning rate grows with the distance from the initial point.

    :math:`w \leftarrow w - \eta\, r_t\, g_t / \sqrt{\sum_{s \le t} \Vert g_s \Vert^2}` with
    :math:`r_t = \max(r_0, \max_{s \le t} \Vert w_s - w_0 \Vert)` and :math:`r_0 = \rho\, (1 + \Vert w_0 \Vert)`. Norms include
    all coefficients and intercepts. Predictions use a weighted mean of the iterates,
    :math:`\bar w \leftarrow \bar w + \tfrac{9}{t + 8} (w_t - \bar w)`, in which later iterates have larger weights.

    All coefficients share one learning rate: scale the features beforehand.

    Parameters
    ----------
    initial : float > 0, default=0.01
        The length :math:`\rho` of the first step, relative to 1 + the norm of the initial coefficients. If it is much too small,
        many steps are needed until the learning rate has grown; if it is much too large, many steps are needed until the sum of
        the squared gradients has compensated for it.
    averaged : bool, default=True
        Whether to predict with the mean of the iterates; if False, with the last iterate. With an l1 penalty, the iterates have
        exact zeros; in the mean, a coefficient is exactly zero only if it was zero in all iterates.

    References
    ----------
    M. Ivgi, O. Hinder and Y. Carmon, "DoG is SGD's best friend: a parameter-free dynamic step size schedule", 2023, eq. 2 and 3;
    the mean is their polynomial-decay averaging with gamma = 8. Departures: they use an initial length of 1e-6, which needs more
    steps than a small fit has, and add 1e-8 under the square root; here the step is zero if all gradients are zero.

    Examples
    --------
    >>> from sklearn_gd.optimizers import DoG
    >>> w, step, *_ = DoG.update(1.0, 3.0, 1.0, 1, 0.0, 0.0, 0.0, 0.0, distance_square=1.0, gradient_square=25.0, initial=0.25)
    >>> print(w, step)
    0.7 0.1
    """

    slots: tuple[str, ...] = ("start", "farthest", "square_sum", "mean")

    @staticmethod
    def contributions(
        w: Numbers, g: Numbers, rate: float, t: float, start: Numbers, farthest: Numbers, square_sum: Numbers, mean: Numbers
    ) -> tuple[Numbers, ...]:
        """Return the squared distance and squared gradient; at step 1 `start` is 0, so the distance is the initial norm."""
        return (w - start) * (w - start), g * g

    @staticmethod
    def update(
        w: Numbers,
        g: Numbers,
        rate: float,
        t: float,
        start: Numbers,
        farthest: Numbers,
        square_sum: Numbers,
        mean: Numbers,
        distance_square: Numbers,
        gradient_square: Numbers,
        initial: float,
    ) -> tuple[Numbers, ...]:
        """Take one step; the mean averages w, to which the proximal step was already applied, instead of the new point."""
        distance = np.sqrt(distance_square)
        if t == 1.0:
            start = w
            distance = initial * (1.0 + distance)
        farthest = np.maximum(farthest, distance)
        square_sum = square_sum + gradient_square
        step = _quotient(rate * farthest, np.sqrt(square_sum))
        return w - step * g, step, start, farthest, square_sum, mean + 9.0 / (t + 8.0) * (w - mean)


class DoWG(_DistanceOverGradients):
    r"""DoWG (distance over weighted gradients): as `DoG`, but each gradient is weighted by the distance at its step.

    :math:`w \leftarrow w - \eta\, r_t^2\, g_t / \sqrt{\sum_{s \le t} r_s^2 \Vert g_s \Vert^2}`, with :math:`r_t` as in `DoG`.
    Steps are longer than those of `DoG` and depend less on the length of the first steps. Predictions use the mean of the
    iterates with weights :math:`r_t^2`.

    All coefficients share one learning rate: scale the features beforehand.

    Parameters
    ----------
    initial : float > 0, default=0.01
        The length of the first step, relative to 1 + the norm of the initial coefficients.
    averaged : bool, default=True
        Whether to predict with the mean of the iterates; if False, with the last iterate, which has exact zeros with an l1
        penalty.

    References
    ----------
    A. Khaled, K. Mishchenko and C. Jin, "DoWG unleashed: an efficient universal parameter-free gradient descent method", 2023,
    algorithm 1 and its output. There the user gives the absolute initial distance; here it is relative to the initial
    coefficients, as in `DoG`.

    Examples
    --------
    >>> from sklearn_gd.optimizers import DoWG
    >>> slots = (0.0, 0.0, 0.0, 0.0, 0.0)
    >>> w, step, *_ = DoWG.update(1.0, 3.0, 1.0, 1, *slots, distance_square=1.0, gradient_square=25.0, initial=0.25)
    >>> print(w, step)
    0.7 0.1
    """

    slots: tuple[str, ...] = ("start", "farthest", "square_sum", "weight_sum", "mean")

    @staticmethod
    def contributions(
        w: Numbers,
        g: Numbers,
        rate: float,
        t: float,
        start: Numbers,
        farthest: Numbers,
        square_sum: Numbers,
        weight_sum: Numbers,
        mean: Numbers,
    ) -> tuple[Numbers, ...]:
        """Return the squared distance and squared gradient; at step 1 `start` is 0, so the distance is the initial norm."""
        return (w - start) * (w - start), g * g

    @staticmethod
    def update(
        w: Numbers,
        g: Numbers,
        rate: float,
        t: float,
        start: Numbers,
        farthest: Numbers,
        square_sum: Numbers,
        weight_sum: Numbers,
        mean: Numbers,
        distance_square: Numbers,
        gradient_square: Numbers,
        initial: float,
    ) -> tuple[Numbers, ...]:
        """Take one step; the mean averages w, to which the proximal step was already applied, instead of the new point."""
        distance = np.sqrt(distance_square)
        if t == 1.0:
            start = w
            distance = initial * (1.0 + distance)
        farthest = np.maximum(farthest, distance)
        weight = farthest * farthest
        square_sum = square_sum + weight * gradient_square
        weight_sum = weight_sum + weight
        step = _quotient(rate * weight, np.sqrt(square_sum))
        return w - step * g, step, start, farthest, square_sum, weight_sum, mean + weight / weight_sum * (w - mean)


class CoordinateDoG(_DistanceOverGradients):
    r"""Coordinate-wise `DoG`: each coefficient has its own distance and its own sum of squared gradients.

    :math:`w \leftarrow w - \eta\, r_t\, g_t / \sqrt{\sum_{s \le t} g_s^2}` with
    :math:`r_t = \max(r_0, \max_{s \le t} |w_s - w_0|)` and :math:`r_0 = \rho\, (1 + |w_0|)`. This is AdaGrad with the largest
    distance so far as learning rate. Predictions use the same mean as `DoG`. Features may differ in scale.

    Parameters
    ----------
    initial : float > 0, default=0.01
        The length of the first step of a coefficient, relative to 1 + its initial magnitude.
    averaged : bool, default=True
        Whether to predict with the mean of the iterates; if False, with the last iterate, which has exact zeros with an l1
        penalty.

    References
    ----------
    M. Ivgi, O. Hinder and Y. Carmon, "DoG is SGD's best friend: a parameter-free dynamic step size schedule", 2023: their L-DoG,
    which applies DoG to each layer of a network, with one layer per coefficient.

    Examples
    --------
    >>> from sklearn_gd.optimizers import CoordinateDoG
    >>> print(round(CoordinateDoG.update(1.0, 3.0, 1.0, 1, 0.0, 0.0, 0.0, 0.0, initial=0.25)[0], 6))
    0.5
    """

    slots: tuple[str, ...] = ("start", "farthest", "square_sum", "mean")
    totals: tuple[str, ...] = ()

    @staticmethod
    def update(
        w: Numbers,
        g: Numbers,
        rate: float,
        t: float,
        start: Numbers,
        farthest: Numbers,
        square_sum: Numbers,
        mean: Numbers,
        initial: float,
    ) -> tuple[Numbers, ...]:
        """Take one step; the mean averages w, to which the proximal step was already applied, instead of the new point."""
        if t == 1.0:
            start = w
            farthest = initial * (1.0 + np.abs(w))
        farthest = np.maximum(farthest, np.abs(w - start))
        square_sum = square_sum + g * g
        step = _quotient(rate * farthest, np.sqrt(square_sum))
        return w - step * g, step, start, farthest, square_sum, mean + 9.0 / (t + 8.0) * (w - mean)


class COCOB(Optimizer):
    r"""Coin betting: each coefficient bets a fraction of its accumulated winnings, so no learning rate is needed.

    :math:`L \leftarrow \max(L, |g|)`, :math:`G \leftarrow G + |g|`, :math:`R \leftarrow \max(R - (w - w_0) g, 0)`,
    :math:`\theta \leftarrow \theta - g`, :math:`w \leftarrow w_0 + \theta\, (\eta L + R) / (L \max(G + L, \alpha L))`.

    The length of the first steps, :math:`\eta / \alpha`, depends neither on the scale of the loss nor on that of a feature.
    Winnings are reinvested, so step lengths grow while the gradient keeps its sign. The learning rate :math:`\eta` is the initial
    wealth, 1 in the paper; a schedule changes the wealth.

    Parameters
    ----------
    alpha : float > 0, default=10.0
        Approximate number of steps during which bets, and therefore steps, remain short.

    References
    ----------
    F. Orabona and T. Tommasi, "Training deep networks without learning rates through coin betting", 2017, algorithm 2
    (COCOB-Backprop). There alpha is 100, for deep networks. Because w is computed from the sum of all gradients, the length of
    the penalty's proximal step grows with the number of steps t, as in `FTRL`: zeros are exact, and the distance of the other
    coefficients to the minimiser of F decreases as :math:`1 / t^2`.

    Examples
    --------
    >>> from sklearn_gd.optimizers import COCOB
    >>> w, step, *_ = COCOB.update(0.0, 3.0, 1.0, 1, *[0.0] * 6, alpha=10.0)
    >>> print(w, round(step, 6))
    -0.1 0.033333
    """

    slots: tuple[str, ...] = ("start", "largest", "magnitude_sum", "reward", "leader", "steps")
    default_rate: float | None = 1.0
    constraints: Constraints = {"alpha": Range(0, closed="neither")}

    def __init__(self, alpha: float = 10.0) -> None:
        self.alpha = alpha

    @staticmethod
    def update(
        w: Numbers,
        g: Numbers,
        rate: float,
        t: float,
        start: Numbers,
        largest: Numbers,
        magnitude_sum: Numbers,
        reward: Numbers,
        leader: Numbers,
        steps: Numbers,
        alpha: float,
    ) -> tuple[Numbers, ...]:
        """Take one step; a coefficient starts with its first non-zero gradient, because before that its scale is unknown."""
        start = np.where(largest == 0.0, w, start)
        if rate == 0.0:
            return w, 0.0, start, largest, magnitude_sum, reward, leader, steps
        steps = steps + 1.0
        largest = np.maximum(largest, np.abs(g))
        magnitude_sum = magnitude_sum + np.abs(g)
        reward = np.maximum(reward - (w - start) * g, 0.0)
        leader = leader - g
        step = _quotient(rate * largest + reward, largest * np.maximum(magnitude_sum + largest, alpha * largest))
        return start + step * leader, step * steps, start, largest, magnitude_sum, reward, leader, steps


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
    >>> y, _, x, z, share, _ = ScheduleFree.update(1.0, 2.0, 0.25, 1, 0.0, 0.0, 0.0, 0.0, beta=0.5)
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


#: The optimizers by the strings of the parameter `optimizer`.
OPTIMIZERS: dict[str, type[Optimizer]] = {
    "gd": GradientDescent,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adadelta": AdaDelta,
    "adam": Adam,
    "adamw": AdamW,
    "amsgrad": AMSGrad,
    "nadam": Nadam,
    "lion": Lion,
    "ftrl": FTRL,
    "dog": DoG,
    "dowg": DoWG,
    "coordinate_dog": CoordinateDoG,
    "cocob": COCOB,
    "schedule_free": ScheduleFree,
}


def resolve_optimizer(value: Any) -> Optimizer | None:
    """Return the optimizer object for a string or object; None for "auto"."""
    if isinstance(value, str) and value == "auto":
        return None
    return resolve("optimizer", value, Optimizer, OPTIMIZERS, ["auto"])
