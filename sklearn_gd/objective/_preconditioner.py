r"""The diagonal preconditioner: features centred and scaled in the algebra only, so that X is never copied.

The scale of a feature is :math:`1 / \sqrt{h v + r}` with v its variance, h the curvature of the loss in a score and r the
curvature of the l2 penalty in the coefficient. In the scaled coordinates the diagonal of F's second derivative is about one.
"""

import functools
from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs

from ._moments import Moments

LEAST_CURVATURE = 1e-6  # in a coordinate, as a share of the largest one: steps stay finite if the loss is flat
SHRINKAGE = 1e-2  # of correlations, which come from a part of the samples or from an earlier model
# What the shrinkage is multiplied by where features are so collinear that it hides most of what F can still fall by, and its
# lower limit for a factorisation in float64.
SHARPER, LEAST_SHRINKAGE = 1e-4, 1e-9

Array = NDArray[np.float64]
SMALLEST_VARIANCE = 1e-290  # of a feature that a model can use, for which the square of the scale is finite


def usable_variance(moments, *, fit_intercept, centred):
    """The variance for the scale of a feature, 0 if the feature cannot lower the loss.

    Parameters
    ----------
    moments : Moments
        Of the features.
    fit_intercept : bool
        With an intercept, a constant feature adds nothing to the model, and its variance counts as 0. Without one, only a
        feature that is zero in every sample does.
    centred : bool
        Whether the variance is about the mean, or about zero.

    Returns
    -------
    ndarray, (n_features,)
        The variances.
    """
    variance = moments.known_variance
    if centred:
        return variance
    about_zero = moments.variance + moments.mean**2
    return np.where(variance > 0.0, about_zero, 0.0) if fit_intercept else about_zero


def l2_of_features(unit, l2):
    """The curvature of the l2 penalty in each coefficient: `l2` times the square of the penalty's unit (None for 1)."""
    return l2 if unit is None else l2 * unit * unit


def feature_scale(variance, l2):
    """One over the square root of ``variance + l2``; 0 if the variance is 0 or has few significant digits."""
    usable = variance > SMALLEST_VARIANCE
    return np.where(usable, 1.0 / np.sqrt(np.where(usable, variance + l2, 1.0)), 0.0)


@dataclass(frozen=True)
class Preconditioner:
    """Diagonal metric with centring: coef = U * scale, and the intercept absorbs the feature means.

    Parameters
    ----------
    scale : ndarray, (n_outputs, n_features)
        One over the square root of the curvature of F in each coefficient; 0 for a constant feature.
    mean : ndarray, (n_features,)
        Subtracted from the features; 0 without an intercept.
    intercept_scale : ndarray, (n_outputs,)
        One over the square root of the loss's curvature; 0 without an intercept.
    ridge : ndarray, (n_outputs, n_features)
        Curvature of the l2 penalty in U.
    inverse_ridge : ndarray, (n_outputs, n_features)
        One over `ridge`: infinite without a penalty, 0 for a constant feature, whose gradient in U is 0.
    ignores_shift : bool
        Whether F stays the same when a number is added to all intercepts. Then the model is the one of all such models whose
        scores of the mean sample add up to zero; otherwise the sum would depend on the path and on rounding.
    """

    scale: Array
    mean: Array
    intercept_scale: Array
    ridge: Array
    inverse_ridge: Array
    ignores_shift: bool = False

    @classmethod
    def from_moments(
        cls,
        moments: Moments,
        curvature: Array,
        l2: float,
        *,
        fit_intercept: bool,
        unit: Array | None,
        ignores_shift: bool = False,
    ) -> Self:
        """Build the preconditioner of an objective.

        Parameters
        ----------
        moments : Moments
            Of the features.
        curvature : ndarray, (n_outputs,)
            Curvature of the loss in each score, positive.
        l2 : float
            Strength of the l2 penalty, alpha included.
        fit_intercept : bool
            Whether an intercept absorbs the means; without one the features are scaled about zero.
        unit : ndarray, (n_features,), or None
            The penalty's unit of each feature's coefficient; None for 1.
        ignores_shift : bool, default=False
            Whether F stays the same when a number is added to all intercepts.

        Returns
        -------
        Preconditioner
        """
        variance = usable_variance(moments, fit_intercept=fit_intercept, centred=fit_intercept)
        l2 = l2_of_features(unit, l2)
        scale = feature_scale(np.outer(curvature, variance), l2)
        ridge = l2 * scale**2
        mean, intercept_scale = np.zeros(len(moments.mean)), np.zeros(len(curvature))
        if fit_intercept:
            mean, intercept_scale = moments.mean, 1.0 / np.sqrt(curvature)
        inverse_ridge = np.divide(1.0, ridge, out=np.where(scale > 0.0, np.inf, 0.0), where=ridge > 0.0)
        return cls(scale, mean, intercept_scale, ridge, inverse_ridge, ignores_shift)

    def columns(self, index: NDArray[np.intp]) -> "Preconditioner":
        """The preconditioner of some of the features."""
        some = {name: getattr(self, name)[:, index] for name in ("scale", "ridge", "inverse_ridge")}
        return replace(self, mean=self.mean[index], **some)

    def to_theta(self, U: Array, b: Array) -> tuple[Array, Array]:
        """The model of the scaled coordinates.

        Parameters
        ----------
        U : ndarray, (n_outputs, n_features)
            Scaled coefficients.
        b : ndarray, (n_outputs,)
            Scaled intercept.

        Returns
        -------
        tuple of ndarray, (n_outputs, n_features) and (n_outputs,)
            Coefficients and intercept in the units of X.
        """
        coef, centred = U * self.scale, b * self.intercept_scale
        if self.ignores_shift:
            centred -= centred.mean()
        return coef, centred - coef @ self.mean

    def to_u(self, coef: Array, intercept: Array) -> tuple[Array, Array]:
        """The scaled coordinates of a model, the inverse of `to_theta`.

        The coefficient of a constant feature is dropped; with `ignores_shift`, `to_theta` drops the mean of the scores.

        Parameters
        ----------
        coef : ndarray, (n_outputs, n_features)
            Coefficients in the units of X.
        intercept : ndarray, (n_outputs,)
            The intercept.

        Returns
        -------
        tuple of ndarray, (n_outputs, n_features) and (n_outputs,)
            Scaled coefficients and scaled intercept.
        """
        U = np.divide(coef, self.scale, out=np.zeros(coef.shape), where=self.scale > 0.0)
        centred = intercept + (U * self.scale) @ self.mean
        return U, np.divide(centred, self.intercept_scale, out=np.zeros(len(centred)), where=self.intercept_scale > 0.0)

    def shift(self, U: Array) -> Array:
        """The part of U whose coefficients are the same for all outputs."""
        return np.add.reduce(U * self.scale, axis=0) * self._inverse_scale

    @functools.cached_property
    def _inverse_scale(self):
        """One over the scale and the number of outputs; 0 for a constant feature."""
        return np.divide(1.0, len(self.scale) * self.scale, out=np.zeros(self.scale.shape), where=self.scale > 0.0)

    def gradient_to_u(self, G: Array, g: Array) -> tuple[Array, Array]:
        """A gradient in the scaled coordinates, by the chain rule.

        Parameters
        ----------
        G : ndarray, (n_outputs, n_features)
            Gradient in the coefficients.
        g : ndarray, (n_outputs,)
            Gradient in the intercept.

        Returns
        -------
        tuple of ndarray, (n_outputs, n_features) and (n_outputs,)
            Gradient in U and b.
        """
        return (G - g[:, None] * self.mean) * self.scale, g * self.intercept_scale


# --- the metric of a gradient ------------------------------------------------------------------------------------------------
# The curvature in these coordinates is about one at the null model only. A metric is the curvature of F at a later model: the
# direction of descent is its inverse times the negative gradient.


class Metric(ABC):
    """Abstract base of the metrics, in the scaled coordinates of a `Preconditioner`.

    Attributes
    ----------
    shrinkage : float
        The share of the correlations between coordinates that it ignores.
    """

    shrinkage: float = 1.0

    @abstractmethod
    def inverse(self, gradient: Array) -> Array:
        """The inverse of the metric times a gradient, (n_coef + n_outputs,): a direction of ascent."""

    def sharper(self) -> "Metric | None":
        """This metric with less shrinkage of correlations, or None if there is none."""
        return None

    def snapshot(self) -> dict[str, Any]:
        """The name of its class, and its arrays."""
        return {"kind": type(self).__name__, "arrays": dict(vars(self))}

    @staticmethod
    def restored(saved: dict[str, Any]) -> "Metric":
        """The metric of a `snapshot`."""
        kind = {each.__name__: each for each in (UnitMetric, DiagonalMetric, BlockMetric)}[saved["kind"]]
        metric = kind.__new__(kind)
        vars(metric).update(saved["arrays"])
        return metric


class UnitMetric(Metric):
    """The identity, which is the metric at the null model."""

    def inverse(self, gradient):
        """See `Metric.inverse`."""
        return gradient


class DiagonalMetric(Metric):
    """The curvature of F in each coordinate alone.

    Parameters
    ----------
    frame : Preconditioner
        The coordinates.
    shift : ndarray, (n_features,)
        The shift of the features.
    total, square : ndarray, (n_outputs, n_features)
        Weighted means of x - shift and its square; the weights are the loss's curvature in each score.
    weight : ndarray, (n_outputs,)
        Mean curvature in each score.

    Attributes
    ----------
    of_loss, of_all : ndarray, (n_outputs, n_features + 1)
        Curvature of the loss, and of F, in the coefficients and the intercept of each score.
    """

    def __init__(self, frame, shift, total, square, weight):
        away = frame.mean - shift
        about_mean = np.maximum(square - 2.0 * away * total + away * away * weight[:, None], 0.0)
        self.of_loss = np.column_stack([about_mean * frame.scale**2, weight * frame.intercept_scale**2])
        of_all = self.of_loss + np.column_stack([frame.ridge, np.zeros(len(weight))])
        self.of_all = np.maximum(of_all, LEAST_CURVATURE * of_all.max() or 1.0)
        self.inverse_diagonal = 1.0 / _flat(self.of_all)

    def inverse(self, gradient):
        """See `Metric.inverse`."""
        return self.inverse_diagonal * gradient


class BlockMetric(Metric):
    """The curvature of F in the coordinates of each score, without that between scores.

    The diagonal comes from all samples; the correlations may come from a part of them.

    Parameters
    ----------
    of_loss, of_all : ndarray, (n_outputs, n_features + 1)
        As in `DiagonalMetric`.
    grams : ndarray, (n_outputs, n_features + 1, n_features + 1)
        Weighted sums of products of (x - mean, 1), in any units; the weights are the loss's curvature in each score.
    shrinkage : float, default=SHRINKAGE
        The share by which the correlations are too small: a lower limit of the curvature in directions in which the features
        hardly differ, where the model or the samples of the Gram matrices may mislead.
    """

    def __init__(self, of_loss, of_all, grams, shrinkage=SHRINKAGE):
        self.scale = 1.0 / np.sqrt(of_all)
        self.correlations = _correlations(grams, of_loss / of_all)
        self._factorise(shrinkage)

    def _factorise(self, shrinkage):
        self.shrinkage = shrinkage
        # In C order, as restored from a file: products in another order differ in the last bits.
        self.factors = np.ascontiguousarray(np.stack([_inverse_factor(each, shrinkage) for each in self.correlations]))

    def sharper(self):
        """See `Metric.sharper`."""
        if self.correlations.dtype != np.float64 or self.shrinkage <= LEAST_SHRINKAGE:
            return None
        metric = copy(self)
        metric._factorise(max(SHARPER * self.shrinkage, LEAST_SHRINKAGE))
        return metric

    def inverse(self, gradient):
        """See `Metric.inverse`."""
        block = (_blocks(gradient, len(self.scale)) * self.scale).astype(self.factors.dtype, copy=False)[..., None]
        return _flat(np.matmul(self.factors.transpose(0, 2, 1), np.matmul(self.factors, block))[..., 0] * self.scale)


def _flat(block):
    """Coefficients and intercept of each score, (n_outputs, n_features + 1), as the flat vector of the batch methods."""
    return block[0] if len(block) == 1 else np.concatenate([block[:, :-1].ravel(), block[:, -1]])


def _blocks(flat, n_outputs):
    """The inverse of `_flat`."""
    if n_outputs == 1:
        return flat[None]
    return np.column_stack([flat[:-n_outputs].reshape(n_outputs, -1), flat[-n_outputs:]])


def _correlations(grams, shares):
    """The matrices with unit diagonal that Gram matrices are multiples of, times the share of each coordinate."""
    diagonals = grams.diagonal(axis1=1, axis2=2)
    unit = np.sqrt(np.divide(shares, diagonals, out=np.zeros(diagonals.shape), where=diagonals > 0.0)).astype(grams.dtype)
    return grams * unit[:, None, :] * unit[:, :, None]


def _inverse_factor(correlations, shrinkage):
    """R with R'R the inverse of a matrix with unit diagonal, and `correlations` times 1 - shrinkage off the diagonal."""
    matrix = correlations * correlations.dtype.type(1.0 - shrinkage)
    np.fill_diagonal(matrix, 1.0)
    potrf, trtri = get_lapack_funcs(("potrf", "trtri"), (matrix,))
    factor, failed = potrf(matrix, lower=1, clean=1)
    if failed:  # by rounding errors
        return _inverse_factor(correlations, min(100.0 * shrinkage, 1.0))
    return trtri(factor, lower=1)[0]
