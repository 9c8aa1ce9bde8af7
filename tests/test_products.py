"""Products of dense samples, by each of the ways in which they are read."""

import numpy as np
import pytest

from sklearn_gd.objective import _products
from sklearn_gd.objective._products import LARGE, LONG, SEVERAL, SHORT, TILE
from sklearn_gd.objective._rows import DenseRows

FEATURES = [1, 7, SHORT // 8, 100, LONG // 8 + 1]  # shorter, and longer, than the samples that are read one after the other
OUTPUTS = [1, 2, 5, SEVERAL, SEVERAL + 1]


@pytest.mark.parametrize("from_memory", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_outputs", OUTPUTS)
@pytest.mark.parametrize("d", FEATURES)
def test_products_are_those_of_the_matrices(d, n_outputs, dtype, from_memory):
    rng = np.random.default_rng(0)
    n = 2 * TILE // (8 * d) + 3  # several tiles, of which the last is short
    X = rng.normal(size=(n, d)).astype(dtype)
    coef, slopes = rng.normal(size=(n_outputs, d)).astype(dtype), rng.normal(size=(n_outputs, n)).astype(dtype)
    scores, gradient = _products.scores(X, coef, from_memory), _products.pull_back(slopes, X, from_memory)
    assert scores.dtype == gradient.dtype == dtype
    precision = 50.0 * np.sqrt(max(n, d)) * np.finfo(dtype).eps
    exact = X.astype(np.float64)
    np.testing.assert_allclose(scores, coef.astype(np.float64) @ exact.T, rtol=0, atol=precision * np.sqrt(d))
    np.testing.assert_allclose(gradient, slopes.astype(np.float64) @ exact, rtol=0, atol=precision * np.sqrt(n))


def test_parts_of_large_samples_are_read_from_memory():
    """What counts is the size of all samples, as a pass reads every part."""
    small, large = np.broadcast_to(1.0, (100, 50)), np.broadcast_to(1.0, (LARGE // 400 + 1, 50))
    assert not DenseRows(small).part(0, 10).from_memory
    assert DenseRows(large).part(0, 10).from_memory
