r"""Batch descent in the span of the samples, for more features than samples and an l2 penalty or none.

Of all coefficients w with the same scores, the penalty is smallest for a combination of the centred samples. Let e be the
penalty's units of the coefficients or, without a penalty, the sizes of the features. With :math:`Z = (X - mean) / e` this is
:math:`w = Z' t / e`, and its penalty depends on :math:`|Z' t|` alone. The Cholesky factor L of the Gram matrix of the samples,
:math:`Z Z' = L L'`, gives both: with :math:`v = L' t` the scores are :math:`L v`, and :math:`|Z' t| = |v|`. So F is minimised
over v, by any batch method on the matrix L, which has no more columns than there are samples: it fits the cache, and its Gram
matrix costs little.

References
----------
T. Hastie and R. Tibshirani, "Efficient quadratic regularization for expression arrays", 2004.
N. J. Higham, "Analysis of the Cholesky decomposition of a semi-definite matrix", 1990 (pivots).
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpstrf, dtrtrs

from ..objective._objective import QUIET, Objective
from ..objective._preconditioner import SMALLEST_VARIANCE, usable_variance
from ..objective._samples import parts_of, rows_of
from ..penalties import L2
from ._costs import PRODUCT, cost_of_iteration, is_sparse
from ._loop import Iterate, Method
from .support_descent import FEW_PRODUCTS, MOST_PRODUCTS, newton_products

# Most samples per feature for a non-smooth classification loss: the classes are separable, and with more, iterations are not
# cheaper.
MOST_SEPARATED = 0.25
# Newton's method on a loss flat beyond its margin saves this many products with each value of the samples.
NEWTON = 50.0
PRICE = 15.0  # largest cost of the Gram matrix, in iterations on all features
# Largest distance of a feature's mean from zero, in standard deviations, at which centring in the algebra loses no digits of F.
MOST_OFF_CENTRE = 1e5
SIMILAR, SHORTEST = 32.0, 1e-150  # ratio of lengths of samples up to which they are about the same; that of a sample of zeros
RANK = 1e-14  # largest pivot that is rounding, relative to about the squared length of its sample
DEPENDENT = 1e-10  # largest distance of a sample from its combination of others, relative to its length, that is rounding
NEGLIGIBLE = 1e-3  # largest rounding error of the loss's curvature in a direction, relative to the curvature of the penalty
# Up to this many values, and as many samples per feature, copies of samples are merged: a copy is a weight of two.
FEW_VALUES, MOST_COPIES = 1 << 16, 8


def merged(objective: Any) -> Any:
    """The objective with the weights of equal samples added up, in sorted order.

    The objective itself if it is not small or has no fewer distinct samples than features.
    """
    rows, n, d = objective.rows, objective.n_samples, objective.n_features
    if rows.home != "memory" or n * d > FEW_VALUES or n > MOST_COPIES * d:
        return objective
    samples = np.hstack([rows.dense(np.arange(n)), objective.target]) + 0.0  # without negative zeros
    # Sorted as bytes, which nearly always differ at once: `np.unique` compares or copies whole samples, in the time of a fit.
    keys = [sample.tobytes() for sample in samples]
    order = sorted(range(n), key=keys.__getitem__)
    is_first = np.array([True, *(keys[one] != keys[other] for one, other in pairwise(order))])
    first = np.array(order)[is_first]
    if len(first) >= d:
        return objective
    X, target = np.ascontiguousarray(samples[first, :d]), np.ascontiguousarray(samples[first, d:])
    weight = np.bincount(np.cumsum(is_first) - 1, objective.weight[order])
    return _on_same_threads(objective, X, target, weight, objective.problem)


def _on_same_threads(objective, X, target, weight, problem):
    """An objective over other samples, on the threads of the first one."""
    parts = parts_of(rows_of(X), target, weight, objective.array_loss, objective.n_outputs, objective.parts.map)
    return Objective(X, target, weight, **problem, parts=parts)


@QUIET
def has_span(objective: Any) -> bool:
    """Whether the span of the samples represents F, and the Gram matrix costs less than the iterations that it saves."""
    rows, n, d, K = objective.rows, objective.n_samples, objective.n_features, objective.n_outputs
    if rows.home != "memory" or not n < d:
        return False
    loss, most = objective.loss, min(max(FEW_PRODUCTS, NEWTON * n * d * K), MOST_PRODUCTS)
    if objective.is_flat_beyond_margin and newton_products(objective, n) > most:
        return False
    if not (loss.smooth or loss.scales_with_target or n <= MOST_SEPARATED * d):
        return False
    shares = objective.moments.known_share
    if is_sparse(shares) or n * d * PRODUCT > PRICE * K * cost_of_iteration(shares, K):
        return False
    mean, scale, variance = _standardised(objective)
    away, l2 = np.abs(mean) * scale > MOST_OFF_CENTRE * np.sqrt(variance) * scale, objective.l2
    if away.any() or not scale.any() or not np.isfinite(scale * scale).all():
        return False
    return l2 == 0.0 or RANK * float(variance @ (scale * scale)) <= NEGLIGIBLE * l2


@QUIET
def _standardised(objective):
    """For each feature its centre, one over its unit (0 if it cannot lower the loss), and its variance."""
    moments, centred = objective.moments, objective.fit_intercept
    variance = usable_variance(moments, fit_intercept=centred, centred=centred)
    if objective.l2 == 0.0:
        unit = np.sqrt(variance)
    else:
        unit = np.ones(len(variance)) if objective.unit is None else objective.unit
    scale = np.divide(1.0, unit, out=np.zeros(len(unit)), where=variance > SMALLEST_VARIANCE)
    return moments.mean if centred else np.zeros(len(unit)), scale, variance


class Span:
    """Orthonormal coordinates of the span of the centred samples, with coefficients in the penalty's units.

    Parameters
    ----------
    objective : Objective
        The objective.

    Attributes
    ----------
    objective : Objective
        F in these coordinates, of the same samples.
    rows : DenseRows or CsrRows
        The samples.
    mean, scale : ndarray, (n_features,)
        The centre of the features, 0 without an intercept, and one over the units.
    basis : ndarray of int, (rank,)
        Samples that span all others.
    triangle : ndarray, (rank, rank)
        Their coordinates.
    is_whole : bool
        Whether the coordinates represent all samples, up to rounding.
    """

    objective: Any
    rows: Any
    mean: NDArray[Any]
    scale: NDArray[Any]
    basis: NDArray[Any]
    triangle: NDArray[Any]
    is_whole: bool

    def __init__(self, objective: Any) -> None:
        self.rows = objective.rows
        self.mean, self.scale, _ = _standardised(objective)
        gram = self.rows.sample_gram(self.mean, self.scale)
        # Relative to the lengths of the samples, as a long one would hide the others. Of samples of about the same length the
        # longest are the best basis, and of equal ones rounding would choose it.
        length = np.sqrt(gram.diagonal())
        groups = np.floor(np.log(length.max() / np.maximum(length, SHORTEST)) / np.log(SIMILAR))
        length = length.max() * SIMILAR**-groups
        factor, pivots, rank, _ = dpstrf(gram / np.outer(length, length), lower=1, tol=RANK)
        pivots -= 1  # LAPACK counts from one
        factor = np.tril(factor)[:, :rank] * length[pivots, None]
        self.basis, self.triangle = pivots[:rank], np.asfortranarray(factor[:rank])
        # Without a penalty, samples that nearly depend on others may still have any scores.
        self.is_whole = objective.l2 > 0.0 or self._depends(pivots[rank:], factor[rank:], length)
        samples = np.empty((len(factor), rank))
        samples[pivots] = factor
        problem = objective.problem | {"penalty": L2(), "alpha": objective.l2, "unit": None}
        self.objective = _on_same_threads(objective, samples, objective.target, objective.weight, problem)

    def _depends(self, others, factor, length):
        """Whether the samples outside the basis are combinations of it exactly, which their Gram matrix cannot tell."""
        shares = self._shares(factor)
        shares[np.arange(len(others)), others] = -1.0
        return bool((np.linalg.norm(self._combined(shares), axis=1) <= DEPENDENT * length[others]).all())

    def _shares(self, v):
        """The shares of the samples in the combination of the basis that has the coordinates v, (len(v), n_samples)."""
        shares = np.zeros((len(v), self.rows.shape[0]))
        shares[:, self.basis] = dtrtrs(self.triangle, v.T, lower=1, trans=1)[0].T
        return shares

    def _combined(self, shares):
        """Combinations of the centred and scaled samples, (len(shares), n_features)."""
        return (self.rows.pull_back(shares) - shares.sum(axis=1)[:, None] * self.mean) * self.scale

    @classmethod
    def of(cls, objective: Any) -> "Span | None":
        """The span of the samples of an objective; None where another method is better."""
        if not objective.has_smooth_penalty:
            return None
        less = merged(objective)
        span = cls(less) if has_span(less) else None
        return span if span is not None and span.is_whole else None

    def to_coordinates(self, coef: NDArray[Any], intercept: NDArray[Any]) -> NDArray[Any]:
        """theta of the coordinates, for coefficients of the features: their projection onto the span, with the same scores."""
        centre = coef @ self.mean
        scores = self.rows.scores(coef, -centre)
        return self.objective.pack(dtrtrs(self.triangle, scores[:, self.basis].T, lower=1)[0].T, intercept + centre)

    def to_features(self, theta: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Coefficients (n_outputs, n_features) and intercepts, for theta of the coordinates."""
        v, intercept = self.objective.unpack(theta)
        coef = self._combined(self._shares(v)) * self.scale
        return coef, intercept - coef @ self.mean


class SpanDescent(Method):
    """The method for more features than samples and an l2 penalty or none: another method, in the coordinates of `Span`.

    Parameters
    ----------
    objective : Objective
        The objective to minimise.
    theta : ndarray, optional
        The start, whose projection onto the span has the same loss; by default that of the other method.
    span : Span
        The coordinates.
    method : type
        The class of the other method, one of those without learning rate.
    """

    span: Span
    method: Any

    full_batch = True

    def __init__(self, objective: Any, theta: NDArray[Any] | None, span: Span, method: Any) -> None:
        super().__init__(objective)
        self.span = span
        self.method = method(span.objective, None if theta is None else span.to_coordinates(*objective.unpack(theta)))

    def _model(self, theta):
        """theta of the features, for that of the coordinates."""
        return self.objective.pack(*self.span.to_features(theta))

    def start(self) -> tuple[NDArray[Any], float]:
        theta, value = self.method.start()
        return self._model(theta), value

    def iterates(self) -> Iterator[Iterate]:
        for iterate in self.method.iterates():
            yield iterate._replace(model=self._model)

    def on_plateau(self, tolerance: float) -> bool:
        return bool(self.method.on_plateau(tolerance))

    def snapshot(self) -> dict[str, Any]:
        return dict(self.method.snapshot())

    def restore(self, saved: dict[str, Any]) -> None:
        self.method.restore(saved)
