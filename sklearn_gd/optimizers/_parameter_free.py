"""Optimizers that need no learning rate."""

import numpy as np

from .._components import Constraints, Flag, Numbers, Range
from ._base import Optimizer


def _quotient(above, below):
    """Return above / below if `below` is positive, else zero."""
    positive = below > 0.0
    return np.where(positive, above / np.where(positive, below, 1.0), 0.0)


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
    >>> totals = {"distance_square": 1.0, "gradient_square": 25.0}
    >>> slots = (0.0, 0.0, 0.0, 0.0)
    >>> w, step, *_ = DoG.update(1.0, 3.0, 1.0, 1, *slots, **totals, initial=0.25)
    >>> print(w, step)
    0.7 0.1
    """

    slots: tuple[str, ...] = ("start", "farthest", "square_sum", "mean")

    def __init__(self, initial: float = 0.01, averaged: bool = True) -> None:
        super().__init__(initial, averaged)

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
    >>> totals = {"distance_square": 1.0, "gradient_square": 25.0}
    >>> w, step, *_ = DoWG.update(1.0, 3.0, 1.0, 1, *slots, **totals, initial=0.25)
    >>> print(w, step)
    0.7 0.1
    """

    slots: tuple[str, ...] = ("start", "farthest", "square_sum", "weight_sum", "mean")

    def __init__(self, initial: float = 0.01, averaged: bool = True) -> None:
        super().__init__(initial, averaged)

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
    >>> slots = (0.0, 0.0, 0.0, 0.0)
    >>> w, *_ = CoordinateDoG.update(1.0, 3.0, 1.0, 1, *slots, initial=0.25)
    >>> print(round(w, 6))
    0.5
    """

    slots: tuple[str, ...] = ("start", "farthest", "square_sum", "mean")
    totals: tuple[str, ...] = ()

    def __init__(self, initial: float = 0.01, averaged: bool = True) -> None:
        super().__init__(initial, averaged)

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
