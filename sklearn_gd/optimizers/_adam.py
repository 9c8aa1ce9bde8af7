"""Adam and its variants: momentum and a learning rate per coefficient."""

from collections.abc import Callable

import numpy as np

from .._components import Constraints, Numbers, Range
from ._base import Optimizer, total_weight


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
    >>> parameters = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    >>> w, *_ = Adam.update(1.0, 2.0, 0.1, 1, 0.0, 0.0, **parameters)
    >>> print(round(w, 6))
    0.9
    """

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8) -> None:
        super().__init__(beta_1, beta_2, epsilon)

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
        unbiased = mean * (1.0 / total_weight(beta_1, t))
        root = np.sqrt(square_mean) * (1.0 / np.sqrt(total_weight(beta_2, t)))
        step = rate / (root + epsilon)
        return w - step * unbiased, step, mean, square_mean


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
    >>> parameters = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    >>> w, *_ = AMSGrad.update(1.0, 2.0, 0.1, 1, 0.0, 0.0, 0.0, **parameters)
    >>> print(round(w, 6))
    0.9
    """

    slots: tuple[str, ...] = ("mean", "square_mean", "largest")

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8) -> None:
        super().__init__(beta_1, beta_2, epsilon)

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
        unbiased = mean * (1.0 / total_weight(beta_1, t))
        root = np.sqrt(largest) * (1.0 / np.sqrt(total_weight(beta_2, t)))
        step = rate / (root + epsilon)
        return w - step * unbiased, step, mean, square_mean, largest


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
        step = rate / (np.sqrt(square_mean * (1.0 / total_weight(beta_2, t))) + epsilon)
        new, old = (1.0 - now) / (1.0 - product), following / (1.0 - product * following)
        prox_step = step * (new + old * total_weight(beta_1, t))
        return w - step * (new * g + old * mean), prox_step, mean, square_mean, product
