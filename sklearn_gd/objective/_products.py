"""Products of dense samples with coefficients and with slopes, at the speed at which samples come from memory.

BLAS reads several samples at once, in a pattern that processors do not fetch ahead. As long as the samples are in the cache this
does not matter; from memory it takes up to twice the time of a sequential read. `numpy.einsum` reads one sample after the other.
"""

import numpy as np

LARGE = 1 << 25  # bytes of all samples from which a pass reads them from memory
SHORT, LONG = 256, 8000  # bytes of a sample between which `numpy.einsum` is faster for one score
SEVERAL = 16  # scores up to which reading a tile into the cache before its product saves time
TILE = 3 << 17  # bytes of a tile, which fits the cache of a core


def scores(X, coef, from_memory):
    """X coef' as (n_outputs, n_samples).

    Parameters
    ----------
    X : ndarray, (n_samples, n_features)
        The samples, in C order.
    coef : ndarray, (n_outputs, n_features)
        The coefficients, of the same type.
    from_memory : bool
        Whether the samples are too large for the cache.
    """
    if len(coef) == 1:
        return (np.einsum("ij,j->i", X, coef[0]) if from_memory and _is_sequential(X) else np.dot(X, coef[0]))[None]
    if not from_memory or len(coef) > SEVERAL or _size(X) < SHORT:
        return np.dot(coef, X.T)
    out = np.empty((len(coef), len(X)), dtype=X.dtype)
    for tile in tiles(X, TILE):
        out[:, tile] = np.dot(coef, _read(X[tile]).T)
    return out


def pull_back(slopes, X, from_memory):
    """slopes X, (n_outputs, n_features).

    Parameters
    ----------
    slopes : ndarray, (n_outputs, n_samples)
        The slopes, of the type of X.
    X, from_memory
        As for `scores`.
    """
    if len(slopes) == 1 and from_memory and _is_sequential(X):
        return np.einsum("i,ij->j", slopes[0], X)[None]
    if not from_memory or not 1 < len(slopes) <= SEVERAL:
        return np.dot(slopes, X)
    return sum(np.dot(slopes[:, tile], _read(X[tile])) for tile in tiles(X, TILE))


def _size(X):
    """Bytes of a sample."""
    return X.shape[1] * X.itemsize


def _is_sequential(X):
    """Whether a sample is long enough for a loop over its values, and short enough for BLAS to lose time."""
    return SHORT <= _size(X) <= LONG


def tiles(X, n_bytes):
    """Slices of samples of `n_bytes` each, or of one sample if that is more."""
    size = max(n_bytes // max(_size(X), 1), 1)
    return [slice(start, start + size) for start in range(0, len(X), size)]


def _read(tile):
    """A tile, after its values have been read in their order into the cache."""
    np.add.reduce(tile.ravel())
    return tile
