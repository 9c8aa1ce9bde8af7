"""Costs of an iteration and of second derivatives, by which a method decides whether Newton's method is cheaper.

The unit is a product of a value of a sample with a coefficient, while the value waits in memory. The constants were measured.
The rules depend on the share of values that are not zero, not on the layout, so that dense and CSR samples descend alike.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..objective._rows import DENSE

SPARSE_PRICE = 3.0  # of a product with a stored value, in products with a dense one
PRODUCT = 0.05  # of a product of the Gram matrix, which does not wait for the memory
SELECTED, ASSEMBLED = 500.0, 400.0  # of a stored value, and of a second derivative, of sparse samples, in such products
MINIMISER = 2.0  # of the minimiser of the second-order model, in such products, over the cube of the number of coordinates


def is_sparse(shares: NDArray[Any]) -> bool:
    """Whether products of sparse factors are cheaper, from the share of non-zero values of each feature."""
    return float(shares.sum()) <= DENSE * len(shares)


def cost_of_iteration(shares: NDArray[Any], n_outputs: int) -> float:
    """The cost of an iteration for a sample and score: two products with its values, and the loss.

    Parameters
    ----------
    shares : ndarray, (n_features,)
        The share of non-zero values of each feature.
    n_outputs : int
        Scores of a sample, which share the wait for the values.

    Returns
    -------
    float
        The cost.
    """
    return (0.2 + 1.4 / n_outputs) * min(SPARSE_PRICE * float(shares.sum()), len(shares)) + 25.0


def squares_of(sizes: NDArray[Any], coupled: bool) -> float:
    """The number of second derivatives, from the number of coordinates of each score; those of `coupled` scores share a block."""
    return float(sizes.sum() ** 2 if coupled else sizes @ sizes)


def cost_of_hessian(coordinates: Sequence[NDArray[Any]], shares: NDArray[Any], n_samples: int, coupled: bool) -> float:
    """The cost of the second derivatives in some coordinates for a sample.

    Parameters
    ----------
    coordinates : sequence of ndarray of int
        The features of each score.
    shares : ndarray, (n_features,)
        The share of non-zero values of each feature.
    n_samples : int
        The number of samples.
    coupled : bool
        Whether the scores share a block of second derivatives.

    Returns
    -------
    float
        The cost.
    """
    squares = squares_of(_sizes(coordinates), coupled)
    if not is_sparse(shares):
        return PRODUCT * squares
    stored = squares_of(np.array([shares[features].sum() + 1.0 for features in coordinates]), coupled)
    return PRODUCT * (SELECTED * float(shares.sum()) + SPARSE_PRICE * stored + ASSEMBLED * squares / n_samples)


def cost_of_minimiser(coordinates: Sequence[NDArray[Any]], n_samples: int, coupled: bool) -> float:
    """The cost of the minimiser of the second-order model in some coordinates, divided by the number of samples.

    Parameters
    ----------
    coordinates, n_samples, coupled
        As in `cost_of_hessian`.

    Returns
    -------
    float
        The cost.
    """
    sizes = _sizes(coordinates)
    return PRODUCT * MINIMISER * float(sizes.sum() if coupled else sizes.max()) * squares_of(sizes, coupled) / n_samples


def _sizes(coordinates):
    """The number of coordinates of each score, the intercept included."""
    return np.array([len(features) + 1.0 for features in coordinates])
