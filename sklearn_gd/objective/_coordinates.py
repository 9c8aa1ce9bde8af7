r"""The coordinates of the model for an optimizer: those of the data, or scaled and centred ones, in the algebra only.

In scaled coordinates u a coefficient is :math:`w = D u`, and the intercept absorbs the means of the features. D is the size of
the coefficient in a model of this feature alone that explains the whole target. The optimizer receives the gradient in w times E,
with :math:`D E = 1 / (h v + r)`: v is the variance of the feature, h the curvature of the loss in a score, r that of the l2
penalty in the coefficient. So a coordinate is at most about one, and its curvature is about one, whatever the units of feature
and target.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np

from .._layout import LEAST_GRADIENT
from .._stored import stored
from ._moments import Moments
from ._preconditioner import SMALLEST_VARIANCE, Array, l2_of_features, usable_variance


@stored
class Coordinates(NamedTuple):
    """A diagonal change of coordinates with centring, in the layout of theta; empty arrays mean the coordinates of the data.

    The compiled loops read these arrays, and may depend on nothing else of this class.

    Parameters
    ----------
    size : ndarray, (n_theta,)
        A coefficient, or the intercept for centred features, over its coordinate; 0 for a feature that is constant.
    gradient_size : ndarray, (n_theta,)
        The gradient that the optimizer receives, over that in theta.
    mean : ndarray, (n_coef,)
        The centre of the feature of each coefficient.
    output : ndarray of int64, (n_coef,)
        The score of each coefficient.
    """

    size: np.ndarray = np.empty(0)
    gradient_size: np.ndarray = np.empty(0)
    mean: np.ndarray = np.empty(0)
    output: np.ndarray = np.empty(0, dtype=np.int64)

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")
    def of(cls, objective: Any, moments: Moments, curvature: Array, spread: Array) -> Self:
        """The scaled coordinates of an objective.

        Parameters
        ----------
        objective : Objective
            The objective: its penalty, and the layout of theta.
        moments : Moments
            Of the features.
        curvature : ndarray, (n_outputs,)
            Curvature of the loss in each score, positive.
        spread : ndarray, (n_outputs,)
            The size of the scores, positive.

        Returns
        -------
        Coordinates
        """
        centred = objective.fit_intercept
        spread = np.where(np.isfinite(spread), spread, 1.0)
        variance = usable_variance(moments, fit_intercept=centred, centred=centred)
        l2 = l2_of_features(objective.unit, objective.l2)
        usable = variance > SMALLEST_VARIANCE
        deviation, variance = np.where(usable, np.sqrt(variance), 0.0), np.where(usable, variance, 1.0)
        explained = np.outer(curvature, deviation)
        size = spread[:, None] * explained / (np.outer(curvature, variance) + l2)
        gradient_size = np.divide(1.0, spread[:, None] * explained, out=np.zeros(size.shape), where=usable)
        # Neither can a feature be used whose scale is near the limits of a float.
        sound = np.isfinite(size) & np.isfinite(gradient_size)
        size, gradient_size = np.where(sound, size, 0.0), np.where(sound, gradient_size, 0.0)
        ones = np.ones(len(spread)) * float(centred)
        output = np.outer(np.arange(len(spread)), np.ones(len(variance)))
        mean = np.tile(moments.mean * float(centred), (len(spread), 1))
        return cls(
            objective.pack(size, spread * ones),
            objective.pack(gradient_size, ones / (spread * curvature)),
            objective.rows.from_coef(mean),
            objective.rows.from_coef(output).astype(np.int64),
        )

    def theta(self, point: Array) -> Array:
        """The model whose coordinates are `point`; in the coordinates of the data, `point` itself."""
        if not len(self.size):
            return point
        n_coef = len(self.mean)
        theta = self.size * point
        theta[n_coef:] -= np.bincount(self.output, theta[:n_coef] * self.mean, len(point) - n_coef)
        return theta

    def point(self, theta: Array) -> Array:
        """The coordinates of a model, the inverse of `theta`; the coefficient of a constant feature is dropped."""
        if not len(self.size):
            return theta
        n_coef = len(self.mean)
        point = np.where(self.size > 0.0, theta, 0.0)
        point[n_coef:] += np.bincount(self.output, point[:n_coef] * self.mean, len(point) - n_coef)
        return np.divide(point, self.size, out=np.zeros(len(point)), where=self.size > 0.0)

    def gradient(self, gradient: Array) -> Array:
        """The gradient for the optimizer, from that in theta; in scaled coordinates rounding errors are set to 0."""
        if not len(self.size):
            return gradient
        n_coef = len(self.mean)
        centred = gradient.copy()
        centred[:n_coef] -= self.mean * gradient[n_coef:][self.output]
        scaled = centred * self.gradient_size
        return np.where(np.abs(scaled) < LEAST_GRADIENT, 0.0, scaled)

    def prox(self, point: Array, step: Array, prox: Callable[[Array, Array], Any]) -> None:
        """Apply the penalty's proximal step to the coordinates of the coefficients, in place.

        Parameters
        ----------
        point : ndarray, (n_coef,)
            The coordinates, overwritten.
        step : ndarray, (n_coef,)
            The step length in each coordinate.
        prox : callable
            The proximal step: takes coefficients and step lengths, and overwrites the coefficients.
        """
        if not len(self.size):
            prox(point, step)
            return
        size, gradient_size = self.size[: len(point)], self.gradient_size[: len(point)]
        coef = size * point
        prox(coef, size * gradient_size * step)
        point[:] = np.divide(coef, size, out=np.zeros(len(point)), where=size > 0.0)


OF_THE_DATA = Coordinates()
