r"""Optimizers: what a step does with a gradient.

An optimizer is the update of one coefficient, a plain Python function compiled at first use::

    update(w, g, rate, t, *slots, *parameters) -> (new w, proximal step, *new slots)

w is the coefficient, g its gradient, rate the learning rate of step t = 1, 2, ...; each *slot* is a number that the optimizer
keeps for each coefficient, 0 at first, named in the class attribute ``slots``. The *proximal step* is the length by which a
penalty's kink acts on this coefficient: the learning rate of plain descent, divided by whatever the rule divides the gradient
by, so that the point where the steps come to rest is the minimiser of F and not of some other objective.

Where papers leave a choice the rules are those of torch.optim: epsilon is added outside the root, a momentum buffer starts as
the first gradient, there is no dampening.
"""

import math

from ._components import Component, check_number, resolve


class Optimizer(Component):
    """Abstract base of all optimizers; subclass it for an update rule of your own.

    Attributes
    ----------
    slots : tuple of str
        Names of the numbers kept for each coefficient.
    default_rate : float or None
        The learning rate that "auto" takes; None where it follows from the curvature of the loss.
    decay : float
        Share of each coefficient, never the intercept, taken off before the step, times the learning rate; no part of F.

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

    slots = ()
    default_rate = 0.01

    @property
    def decay(self):
        """No decay beside the penalty, unless the rule has one."""
        return 0.0

    def gain(self):
        """How many times its learning rate a long series of equal gradients moves a coefficient, each step."""
        return 1.0

    def validate(self):
        """Raise where `update` is missing or asks for an unknown parameter."""
        if self.written_functions("update") is None:
            raise TypeError(f"{type(self).__name__} has no function update(w, g, rate, t): an optimizer must give one")
        self.function_parameters("update", 4 + len(self.slots))


class GradientDescent(Optimizer):
    r"""Plain gradient descent, :math:`w \leftarrow w - \eta g`.

    References
    ----------
    A. Cauchy, "Méthode générale pour la résolution des systèmes d'équations simultanées", 1847; one row at a time: H. Robbins
    and S. Monro, "A stochastic approximation method", 1951.

    Examples
    --------
    >>> from sklearn_gd.optimizers import GradientDescent
    >>> GradientDescent.update(1.0, 2.0, 0.25, 1)
    (0.5, 0.25)
    """

    default_rate = None

    @staticmethod
    def update(w, g, rate, t):
        """One step against the gradient."""
        return w - rate * g, rate


class Momentum(Optimizer):
    r"""Heavy-ball momentum, :math:`v \leftarrow \beta v + g`, :math:`w \leftarrow w - \eta v`.

    Parameters
    ----------
    momentum : float in [0, 1), default=0.9
        How much of the last move goes on; steady gradients move :math:`1 / (1 - \beta)` times as far as plain descent.

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

    slots = ("velocity",)
    default_rate = None

    def __init__(self, momentum=0.9):
        self.momentum = momentum

    def validate(self):
        """Raise unless 0 <= momentum < 1."""
        super().validate()
        check_number(self, "momentum", least=0, below=1)

    def gain(self):
        """The sum of the powers of momentum."""
        return 1.0 / (1.0 - self.momentum)

    @staticmethod
    def update(w, g, rate, t, velocity, momentum):
        """The proximal step is that of equal gradients summed so far."""
        velocity = momentum * velocity + g
        return w - rate * velocity, rate * (1.0 - momentum**t) / (1.0 - momentum), velocity


class Nesterov(Optimizer):
    r"""Nesterov's accelerated gradient, :math:`v \leftarrow \beta v + g`, :math:`w \leftarrow w - \eta (g + \beta v)`.

    Parameters
    ----------
    momentum : float in [0, 1), default=0.9
        How much of the last move goes on.

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

    slots = ("velocity",)
    default_rate = None

    def __init__(self, momentum=0.9):
        self.momentum = momentum

    def validate(self):
        """Raise unless 0 <= momentum < 1."""
        super().validate()
        check_number(self, "momentum", least=0, below=1)

    def gain(self):
        """The sum of the powers of momentum."""
        return 1.0 / (1.0 - self.momentum)

    @staticmethod
    def update(w, g, rate, t, velocity, momentum):
        """The gradient, and what the buffer will do next."""
        velocity = momentum * velocity + g
        prox_step = rate * (1.0 - momentum ** (t + 1.0)) / (1.0 - momentum)
        return w - rate * (g + momentum * velocity), prox_step, velocity


class AdaGrad(Optimizer):
    r"""A rate for each coefficient that falls with the sum of its squared gradients.

    :math:`s \leftarrow s + g^2`, :math:`w \leftarrow w - \eta\, g / (\sqrt s + \epsilon)`.

    Parameters
    ----------
    epsilon : float > 0, default=1e-10
        Keeps the first division finite.

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

    slots = ("square_sum",)
    default_rate = 0.1

    def __init__(self, epsilon=1e-10):
        self.epsilon = epsilon

    def validate(self):
        """Raise unless epsilon > 0."""
        super().validate()
        check_number(self, "epsilon", above=0)

    @staticmethod
    def update(w, g, rate, t, square_sum, epsilon):
        """Each coefficient by the root of its own sum."""
        square_sum = square_sum + g * g
        step = rate / (math.sqrt(square_sum) + epsilon)
        return w - step * g, step, square_sum


class RMSprop(Optimizer):
    r"""A rate for each coefficient that follows the running mean of its squared gradients.

    :math:`v \leftarrow \rho v + (1 - \rho) g^2`, :math:`w \leftarrow w - \eta\, g / (\sqrt v + \epsilon)`.

    Parameters
    ----------
    rho : float in [0, 1), default=0.99
        Memory of the running mean (torch.optim's default; G. Hinton's lecture has 0.9).
    epsilon : float > 0, default=1e-8
        Keeps the division finite.

    References
    ----------
    T. Tieleman and G. Hinton, "Lecture 6.5: rmsprop", 2012.

    Examples
    --------
    >>> from sklearn_gd.optimizers import RMSprop
    >>> print(round(RMSprop.update(1.0, 2.0, 0.1, 1, 0.0, rho=0.75, epsilon=1e-8)[0], 6))
    0.8
    """

    slots = ("square_mean",)
    default_rate = 0.01

    def __init__(self, rho=0.99, epsilon=1e-8):
        self.rho = rho
        self.epsilon = epsilon

    def validate(self):
        """Raise unless 0 <= rho < 1 and epsilon > 0."""
        super().validate()
        check_number(self, "rho", least=0, below=1)
        check_number(self, "epsilon", above=0)

    @staticmethod
    def update(w, g, rate, t, square_mean, rho, epsilon):
        """Each coefficient by the root of its own running mean."""
        square_mean = rho * square_mean + (1.0 - rho) * g * g
        step = rate / (math.sqrt(square_mean) + epsilon)
        return w - step * g, step, square_mean


class AdaDelta(Optimizer):
    r"""Steps in the coefficient's own units: root mean square of past moves over that of past gradients.

    :math:`v \leftarrow \rho v + (1-\rho) g^2`, :math:`\delta = \sqrt{u + \epsilon} / \sqrt{v + \epsilon}\; g`,
    :math:`u \leftarrow \rho u + (1-\rho) \delta^2`, :math:`w \leftarrow w - \eta\, \delta`.

    Parameters
    ----------
    rho : float in [0, 1), default=0.9
        Memory of both running means.
    epsilon : float > 0, default=1e-6
        Size of the first moves, squared. It stands inside the root here, as in the paper and in torch.optim.

    References
    ----------
    M. D. Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1 (where the rate is 1).

    Examples
    --------
    >>> from sklearn_gd.optimizers import AdaDelta
    >>> print(round(AdaDelta.update(1.0, 2.0, 1.0, 1, 0.0, 0.0, rho=0.0, epsilon=4.0)[0], 6))
    -0.414214
    """

    slots = ("square_mean", "move_mean")
    default_rate = 1.0

    def __init__(self, rho=0.9, epsilon=1e-6):
        self.rho = rho
        self.epsilon = epsilon

    def validate(self):
        """Raise unless 0 <= rho < 1 and epsilon > 0."""
        super().validate()
        check_number(self, "rho", least=0, below=1)
        check_number(self, "epsilon", above=0)

    @staticmethod
    def update(w, g, rate, t, square_mean, move_mean, rho, epsilon):
        """The ratio of two roots."""
        square_mean = rho * square_mean + (1.0 - rho) * g * g
        ratio = math.sqrt(move_mean + epsilon) / math.sqrt(square_mean + epsilon)
        move = ratio * g
        return w - rate * move, rate * ratio, square_mean, rho * move_mean + (1.0 - rho) * move * move


class _TwoMoments(Optimizer):
    """Abstract base of the rules that keep a running mean of gradients and one of their squares."""

    slots = ("mean", "square_mean")

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def validate(self):
        """Raise unless both betas are in [0, 1) and epsilon > 0."""
        super().validate()
        check_number(self, "beta_1", least=0, below=1)
        check_number(self, "beta_2", least=0, below=1)
        check_number(self, "epsilon", above=0)


class Adam(_TwoMoments):
    r"""Momentum over a rate for each coefficient, both corrected for their start at zero.

    :math:`m \leftarrow \beta_1 m + (1-\beta_1) g`, :math:`v \leftarrow \beta_2 v + (1-\beta_2) g^2`,
    :math:`w \leftarrow w - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)` with
    :math:`\hat m = m / (1 - \beta_1^t)`, :math:`\hat v = v / (1 - \beta_2^t)`.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Memory of the mean gradient.
    beta_2 : float in [0, 1), default=0.999
        Memory of the mean square.
    epsilon : float > 0, default=1e-8
        Keeps the division finite.

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
    def update(w, g, rate, t, mean, square_mean, beta_1, beta_2, epsilon):
        """Mean over root mean square."""
        mean = beta_1 * mean + (1.0 - beta_1) * g
        square_mean = beta_2 * square_mean + (1.0 - beta_2) * g * g
        step = rate / (math.sqrt(square_mean) / math.sqrt(1.0 - beta_2**t) + epsilon)
        return w - step * mean / (1.0 - beta_1**t), step, mean, square_mean


class AdamW(_TwoMoments):
    r"""Adam with weight decay apart from the gradient: :math:`w \leftarrow (1 - \eta \lambda) w`, then Adam's step.

    The decay is not an l2 penalty: its point of rest depends on the gradients' scale and is not the minimiser of F. It comes
    beside ``alpha``, and is off at ``weight_decay=0``. The intercept does not decay.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Memory of the mean gradient.
    beta_2 : float in [0, 1), default=0.999
        Memory of the mean square.
    epsilon : float > 0, default=1e-8
        Keeps the division finite.
    weight_decay : float >= 0, default=0.01
        Share :math:`\lambda` of each coefficient taken off, times the learning rate.

    References
    ----------
    I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2019, algorithm 2 (with the rate as in torch.optim).

    Examples
    --------
    >>> from sklearn_gd.optimizers import AdamW
    >>> AdamW(weight_decay=0.1).decay
    0.1
    """

    update = staticmethod(Adam.update)

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.01):
        super().__init__(beta_1, beta_2, epsilon)
        self.weight_decay = weight_decay

    def validate(self):
        """Raise unless the betas are in [0, 1), epsilon > 0 and weight_decay >= 0."""
        super().validate()
        check_number(self, "weight_decay", least=0)

    @property
    def decay(self):
        """The weight decay."""
        return float(self.weight_decay)


class AMSGrad(_TwoMoments):
    r"""Adam whose mean square never falls: :math:`\bar v \leftarrow \max(\bar v, v)` takes the place of v.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Memory of the mean gradient.
    beta_2 : float in [0, 1), default=0.999
        Memory of the mean square.
    epsilon : float > 0, default=1e-8
        Keeps the division finite.

    References
    ----------
    S. J. Reddi, S. Kale and S. Kumar, "On the convergence of Adam and beyond", 2018, algorithm 2; corrected for the start at
    zero as in torch.optim.

    Examples
    --------
    >>> from sklearn_gd.optimizers import AMSGrad
    >>> print(round(AMSGrad.update(1.0, 2.0, 0.1, 1, 0.0, 0.0, 0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-8)[0], 6))
    0.9
    """

    slots = ("mean", "square_mean", "largest")

    @staticmethod
    def update(w, g, rate, t, mean, square_mean, largest, beta_1, beta_2, epsilon):
        """Mean over the largest root mean square so far."""
        mean = beta_1 * mean + (1.0 - beta_1) * g
        square_mean = beta_2 * square_mean + (1.0 - beta_2) * g * g
        largest = max(largest, square_mean)
        step = rate / (math.sqrt(largest) / math.sqrt(1.0 - beta_2**t) + epsilon)
        return w - step * mean / (1.0 - beta_1**t), step, mean, square_mean, largest


class Nadam(Optimizer):
    r"""Adam with Nesterov's momentum.

    With :math:`\mu_t = \beta_1 (1 - \tfrac12 0.96^{t \psi})`:
    :math:`w \leftarrow w - \frac{\eta}{\sqrt{\hat v} + \epsilon} \left( \frac{1 - \mu_t}{1 - \prod_{i \le t} \mu_i} g +
    \frac{\mu_{t+1}}{1 - \prod_{i \le t+1} \mu_i} m \right)`.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Memory of the mean gradient.
    beta_2 : float in [0, 1), default=0.999
        Memory of the mean square.
    epsilon : float > 0, default=1e-8
        Keeps the division finite.
    momentum_decay : float >= 0, default=0.004
        How fast the momentum warms up, :math:`\psi`.

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

    slots = ("mean", "square_mean", "product")

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-8, momentum_decay=0.004):
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.momentum_decay = momentum_decay

    def validate(self):
        """Raise unless the betas are in [0, 1), epsilon > 0 and momentum_decay >= 0."""
        super().validate()
        check_number(self, "beta_1", least=0, below=1)
        check_number(self, "beta_2", least=0, below=1)
        check_number(self, "epsilon", above=0)
        check_number(self, "momentum_decay", least=0)

    @staticmethod
    def update(w, g, rate, t, mean, square_mean, product, beta_1, beta_2, epsilon, momentum_decay):
        """The slot `product` is that of the momenta so far; it starts at one."""
        now = beta_1 * (1.0 - 0.5 * 0.96 ** (t * momentum_decay))
        following = beta_1 * (1.0 - 0.5 * 0.96 ** ((t + 1.0) * momentum_decay))
        product = now if t == 1.0 else product * now
        mean = beta_1 * mean + (1.0 - beta_1) * g
        square_mean = beta_2 * square_mean + (1.0 - beta_2) * g * g
        step = rate / (math.sqrt(square_mean / (1.0 - beta_2**t)) + epsilon)
        new, old = (1.0 - now) / (1.0 - product), following / (1.0 - product * following)
        prox_step = step * (new + old * (1.0 - beta_1**t))
        return w - step * (new * g + old * mean), prox_step, mean, square_mean, product


class Lion(Optimizer):
    r"""Steps of one length for every coefficient, in the direction of a momentum's sign.

    :math:`w \leftarrow w - \eta \operatorname{sign}(\beta_1 m + (1-\beta_1) g)`, :math:`m \leftarrow \beta_2 m + (1-\beta_2) g`.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Weight of the momentum in the sign.
    beta_2 : float in [0, 1), default=0.99
        Memory of the momentum.
    weight_decay : float >= 0, default=0.0
        Share of each coefficient taken off before the step, times the learning rate; not part of F.

    References
    ----------
    X. Chen et al., "Symbolic discovery of optimization algorithms", 2023, program 1. A penalty's kink acts by the rate over
    the momentum's magnitude, so that l1 gives zeros and the point of rest is F's.

    Examples
    --------
    >>> from sklearn_gd.optimizers import Lion
    >>> print(round(Lion.update(1.0, 2.0, 0.1, 1, 0.0, beta_1=0.9, beta_2=0.99)[0], 6))
    0.9
    """

    slots = ("mean",)
    default_rate = 0.001

    def __init__(self, beta_1=0.9, beta_2=0.99, weight_decay=0.0):
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.weight_decay = weight_decay

    def validate(self):
        """Raise unless the betas are in [0, 1) and weight_decay >= 0."""
        super().validate()
        check_number(self, "beta_1", least=0, below=1)
        check_number(self, "beta_2", least=0, below=1)
        check_number(self, "weight_decay", least=0)

    @property
    def decay(self):
        """The weight decay."""
        return float(self.weight_decay)

    @staticmethod
    def update(w, g, rate, t, mean, beta_1, beta_2):
        """The sign of the momentum, as a division by its magnitude."""
        blend = beta_1 * mean + (1.0 - beta_1) * g
        move = rate if blend > 0 else (-rate if blend < 0 else 0.0)
        return w - move, rate / max(abs(blend), 1e-30), beta_2 * mean + (1.0 - beta_2) * g


class FTRL(Optimizer):
    r"""Follow the proximally regularised leader: AdaGrad's rates, and l1 that acts on the sum of all gradients so far.

    :math:`n \leftarrow n + g^2`, :math:`\sigma = s' - s` with :math:`s = (\beta + \sqrt n) / \eta`,
    :math:`z \leftarrow z + g - \sigma w`, :math:`w \leftarrow -z / s`, then the penalty's proximal step of length t / s:
    sparser online than a proximal step of each gradient.

    Parameters
    ----------
    beta : float > 0, default=1.0
        Keeps the first steps short.

    References
    ----------
    H. B. McMahan et al., "Ad click prediction: a view from the trenches", 2013, algorithm 1. There l1 enters once for all
    steps; here once for each, as in H. B. McMahan, "Follow-the-regularized-leader and mirror descent", 2011, eq. 5, so that the
    point of rest is the minimiser of F; an l2 penalty enters through the gradient.

    Examples
    --------
    >>> from sklearn_gd.optimizers import FTRL
    >>> FTRL.update(0.0, 3.0, 1.0, 1, 0.0, 0.0, 0.0, beta=1.0)[:2]
    (-0.75, 0.25)
    """

    slots = ("leader", "square_sum", "inverse_step")
    default_rate = 0.1

    def __init__(self, beta=1.0):
        self.beta = beta

    def validate(self):
        """Raise unless beta > 0."""
        super().validate()
        check_number(self, "beta", above=0)

    @staticmethod
    def update(w, g, rate, t, leader, square_sum, inverse_step, beta):
        """The minimiser of all gradients so far, held near the past coefficients."""
        if rate == 0.0:
            return w, 0.0, leader, square_sum, inverse_step
        square_sum = square_sum + g * g
        following = (beta + math.sqrt(square_sum)) / rate
        leader = leader + g - (following - inverse_step) * w
        return -leader / following, t / following, leader, square_sum, following


OPTIMIZERS = {
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
}


def resolve_optimizer(value):
    """The optimizer that a string or object stands for; None for "auto"."""
    if isinstance(value, str) and value == "auto":
        return None
    return resolve("optimizer", value, Optimizer, OPTIMIZERS, ["auto"])
