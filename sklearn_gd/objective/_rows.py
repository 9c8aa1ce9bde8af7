"""The design matrix X, dense or CSR: its products, its moments, and the layout of coefficients for the compiled loops.

Only this file and the loops of `_kernels` compute on dense and CSR matrices; other code depends on `layout` at most. Products
are NumPy's and SciPy's, in float64 for every type of X, unless X and the other factor are both float32. ``np.dot`` releases the
interpreter lock, unlike ``@``.
"""

import copy
import functools
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from .._devices import HOST
from ._products import LARGE, pull_back, scores, tiles

EXACT_FEATURES = 256  # up to which the Gram matrices of a metric are in float64
DENSE = 0.1  # share of stored values from which products of two sparse factors take longer than those of dense ones
TILE = 1 << 17  # values of X converted to float64, or centred, at a time, which fit the cache


class DenseRows:
    """A C-contiguous matrix; the compiled loops take coefficients as (n_outputs, n_features), contiguous like a sample.

    `place` is where the user has X, and wants the model; `from_memory` says whether X is too large for the cache, so that a pass
    reads it from memory.
    """

    layout, home = "dense", "memory"

    def __init__(self, X, place=HOST, from_memory=None):
        self.X, self.place = X, place
        self.from_memory = X.nbytes > LARGE if from_memory is None else from_memory
        self.shape = X.shape
        self.arrays = (X,)
        self.n_values = X.size

    @property
    def is_single(self):
        """Whether the values are float32, so that products may be too."""
        return self.X.dtype == np.float32

    def part(self, start, stop):
        """Samples `start` to `stop`: a view."""
        return DenseRows(self.X[start:stop], from_memory=self.from_memory)

    def columns(self, index):
        """Some of the features: a copy, in float64."""
        return DenseRows(np.ascontiguousarray(self.X[:, index], dtype=np.float64))

    def tiles(self):
        """Slices of samples whose values fit the cache."""
        return tiles(self.X, TILE * self.X.itemsize)

    def scores(self, coef, intercept):
        """X coef' + intercept, as (n_outputs, n_samples), in float64; the products are in float32 if X and coef are."""
        if self.X.dtype == coef.dtype:
            out = scores(self.X, coef, self.from_memory).astype(np.float64, copy=False)
        else:
            out = np.empty((len(coef), self.shape[0]))
            for tile in self.tiles():
                out[:, tile] = np.dot(coef, self.X[tile].astype(np.float64).T)
        out += intercept[:, None]
        return out

    def pull_back(self, slopes):
        """slopes X, (n_outputs, n_features), for slopes (n_outputs, n_samples); in float32 if both are."""
        if self.X.dtype == slopes.dtype:
            return pull_back(slopes, self.X, self.from_memory).astype(np.float64, copy=False)
        return sum(np.dot(slopes[:, tile], self.X[tile].astype(np.float64)) for tile in self.tiles())

    def first_row(self):
        """The first sample: as shift of the moments it gives constant features a variance of exactly zero."""
        return self.X[0].astype(np.float64)

    def moments(self, weight, shift):
        """Weighted sums of x - shift, of its square, and of ones where x is not zero, for each feature."""
        total, square, nonzero = np.zeros((3, self.shape[1]))
        for tile in self.tiles():
            away = self.X[tile] - shift
            total += np.dot(weight[tile], away)
            away *= away
            square += np.dot(weight[tile], away)
            known = self.X[tile] != 0.0
            nonzero += weight[tile].sum() if known.all() else np.dot(weight[tile], known)
        return total, square, nonzero

    def weighted_moments(self, weights, shift):
        """Weighted sums of x - shift and of its square, (n_weights, n_features), for each row of `weights`.

        They are in float32 where X and the weights are, tile by tile.
        """
        total, square = np.zeros((2, len(weights), self.shape[1]))
        shift = shift.astype(weights.dtype, copy=False)
        for tile in self.tiles():
            away = self.X[tile] - shift
            total += np.dot(weights[:, tile], away)
            away *= away
            square += np.dot(weights[:, tile], away)
        return total, square

    def dense(self, index):
        """Some samples as a new array."""
        return self.X[index].astype(np.float64, copy=False)

    def gram(self, weight, mean, target):
        """Weighted sums of (x - mean)(x - mean)' and target (x - mean)', target (n_outputs, n_samples); None weighs all by 1."""
        d = self.shape[1]
        gram, cross = np.zeros((d, d)), np.zeros((len(target), d))
        for tile in self.tiles():
            centred = self.X[tile] - mean
            weighted = centred if weight is None else centred * weight[tile, None]
            gram += np.dot(centred.T, weighted)
            cross += np.dot(target[:, tile], weighted)
        return gram, cross

    def sample_gram(self, mean, scale):
        """The products z_i'z_j of all pairs of samples, (n_samples, n_samples), with z = (x - mean) * scale."""
        n, d = self.shape
        gram, width = np.zeros((n, n)), max(TILE // n, n)  # features at a time; the products cost more than the sum
        for start in range(0, d, width):
            Z = self.X[:, start : start + width] - mean[start : start + width]
            Z *= scale[start : start + width]
            gram += np.dot(Z, Z.T)
        return gram

    def hessian(self, weights, mean, columns):
        """Weighted sums of z_k z_j', in blocks; z_k has the features `columns[k]`, less `mean`, and then 1.

        The weights are those of each pair, (len(columns), len(columns), n_samples).
        """
        blocks = SymmetricSum(columns)
        for tile in self.tiles():
            X = self.X[tile] - mean
            one = np.ones((len(X), 1))
            Z = [np.hstack([X[:, index], one]) for index in columns]
            for k, j in blocks.pairs:
                blocks.add(k, j, np.dot(Z[k].T, Z[j] * weights[k, j, tile, None]))
        return blocks.symmetric()

    def square_norms(self):
        """|x|^2 of each sample."""
        out = np.empty(self.shape[0])
        for tile in self.tiles():
            X = self.X[tile].astype(np.float64, copy=False)
            np.einsum("ij,ij->i", X, X, out=out[tile])
        return out

    def metric_norms(self, mean, lengths):
        """For each sample, the sum over the features of lengths * (x - mean)^2."""
        out = np.empty(self.shape[0])
        for tile in self.tiles():
            away = self.X[tile] - mean
            away *= away
            np.dot(away, lengths, out=out[tile])
        return out

    def view(self, flat, n_outputs):
        """`flat` as the coefficient matrix that the compiled loops take."""
        return flat.reshape(n_outputs, self.shape[1])

    def to_coef(self, flat, n_outputs):
        """A new coef_ array, (n_outputs, n_features)."""
        return flat.reshape(n_outputs, self.shape[1]).copy()

    def from_coef(self, coef):
        """coef_ as a new flat array in this layout."""
        return np.array(coef, dtype=np.float64, order="C").ravel()


class CsrRows:
    """A CSR matrix without duplicate entries.

    The compiled loops take coefficients as (n_features, n_outputs), so that those of a stored value are contiguous.
    """

    layout, home, place, is_single = "csr", "memory", HOST, False

    def __init__(self, X):
        self.given = X
        self.shape = X.shape
        self.n_values = X.nnz

    def part(self, start, stop):
        """Samples `start` to `stop`: views of values and indices."""
        X, pointers = self.given, self.given.indptr
        begin, end = pointers[start], pointers[stop]
        own = (X.data[begin:end], X.indices[begin:end], pointers[start : stop + 1] - begin)
        return CsrRows(assembled(sp.csr_array, own, (stop - start, self.shape[1])))

    def columns(self, index):
        """Some of the features: a copy, in float64."""
        return CsrRows(sp.csr_array(self.X[:, index]))

    @functools.cached_property
    def arrays(self):
        """Values, indices and pointers as the compiled loops take them."""
        # Unsigned views: numba tests signed indices for negative values in every access.
        index = np.uint64 if self.given.indices.dtype.itemsize == 8 else np.uint32
        return self.given.data, self.given.indices.view(index), self.given.indptr

    @functools.cached_property
    def X(self):
        """The matrix in float64, as SciPy would convert it in every product."""
        X = self.given
        if type(X) is sp.csr_array and X.dtype == np.float64:
            return X
        return assembled(sp.csr_array, (X.data.astype(np.float64, copy=False), X.indices, X.indptr), self.shape)

    @functools.cached_property
    def transposed(self):
        """X', a view."""
        return self._like(sp.csc_array, self.X.data)

    def scores(self, coef, intercept):
        """X coef' + intercept, as (n_outputs, n_samples)."""
        out = (self.X @ coef[0])[None] if len(coef) == 1 else np.ascontiguousarray((self.X @ coef.T).T)
        out += intercept[:, None]
        return out

    def pull_back(self, slopes):
        """slopes X, (n_outputs, n_features), for slopes (n_outputs, n_samples)."""
        if len(slopes) == 1:
            return (self.transposed @ slopes[0])[None]
        return np.ascontiguousarray((self.transposed @ slopes.T).T)

    def first_row(self):
        """Zero: shifting by a sample would make the matrix dense."""
        return np.zeros(self.shape[1])

    def _like(self, kind, values):
        """A matrix with other values in the places of X, or of X' as a CSC matrix."""
        shape = self.shape if kind is sp.csr_array else self.shape[::-1]
        return assembled(kind, (values, self.X.indices, self.X.indptr), shape)

    def moments(self, weight, shift):
        """Weighted sums of x, of its square, and of ones where x is not zero, for each feature; `shift` is zero."""
        squared = self._like(sp.csc_array, self.X.data * self.X.data)
        square = squared @ weight
        # In place, as the temporary matrix has the size of the part.
        np.not_equal(squared.data, 0.0, out=squared.data)
        return self.transposed @ weight, square, squared @ weight

    def weighted_moments(self, weights, shift):
        """Weighted sums of x and of its square, (n_weights, n_features), for each row of `weights`; `shift` is zero."""
        squared = self._like(sp.csc_array, self.X.data * self.X.data)
        return (self.transposed @ weights.T).T, (squared @ weights.T).T

    def dense(self, index):
        """Some samples as a new array."""
        return self.X[index].toarray()

    def gram(self, weight, mean, target):
        """Weighted sums of (x - mean)(x - mean)' and target (x - mean)', target (n_outputs, n_samples); None weighs all by 1."""
        X, weight = self.X, np.ones(self.shape[0]) if weight is None else weight
        weighted = sp.csr_array((X.data * np.repeat(weight, np.diff(X.indptr)), X.indices, X.indptr), shape=self.shape)
        total = weighted.T @ np.ones(self.shape[0])
        gram = (X.T @ weighted).toarray() - np.outer(total, mean) - np.outer(mean, total)
        gram += weight.sum() * np.outer(mean, mean)
        return gram, (weighted.T @ target.T).T - np.outer(target @ weight, mean)

    def sample_gram(self, mean, scale):
        """As `DenseRows.sample_gram`."""
        return DenseRows(self.X.toarray()).sample_gram(mean, scale)

    def hessian(self, weights, mean, columns):
        """As `DenseRows.hessian`."""
        n, d = self.shape
        if self.n_values > DENSE * n * d:
            return DenseRows(self.X.toarray()).hessian(weights, mean, columns)
        X, blocks = self.X.tocsc(), SymmetricSum(columns)
        some = [sp.csr_array(X[:, index]) for index in columns]
        for k, j in blocks.pairs:
            left, right, weight = some[k], some[j], weights[k, j]
            values = right.data * np.repeat(weight, np.diff(right.indptr))
            weighted = assembled(sp.csr_array, (values, right.indices, right.indptr), right.shape)
            # Centred in the algebra: neither factor becomes dense.
            total, sums, of_left = weight.sum(), weighted.T @ np.ones(n), left.T @ weight
            before, after = mean[columns[k]], mean[columns[j]]
            block = (left.T @ weighted).toarray() - np.outer(before, sums) - np.outer(of_left - total * before, after)
            blocks.add(k, j, np.block([[block, (of_left - total * before)[:, None]], [sums - total * after, total]]))
        return blocks.symmetric()

    def square_norms(self):
        """|x|^2 of each sample."""
        return self._like(sp.csr_array, self.X.data * self.X.data) @ np.ones(self.shape[1])

    def metric_norms(self, mean, lengths):
        """As `DenseRows.metric_norms`, with the square expanded so that zeros cost nothing."""
        values = self.X.data * (self.X.data - 2.0 * mean[self.X.indices])
        return np.maximum(self._like(sp.csr_array, values) @ lengths + (lengths * mean) @ mean, 0.0)

    def view(self, flat, n_outputs):
        """`flat` as the coefficient matrix that the compiled loops take."""
        return flat.reshape(self.shape[1], n_outputs)

    def to_coef(self, flat, n_outputs):
        """A new coef_ array, (n_outputs, n_features)."""
        return np.ascontiguousarray(flat.reshape(self.shape[1], n_outputs).T)

    def from_coef(self, coef):
        """coef_ as a new flat array in this layout."""
        return np.ascontiguousarray(np.asarray(coef, dtype=np.float64).T).ravel()


class SymmetricSum:
    """A symmetric matrix as a sum of blocks, each of two lists of features with one coordinate more.

    Parameters
    ----------
    columns : sequence of ndarray of int
        The lists.

    Attributes
    ----------
    pairs : list of (int, int)
        The blocks of the lower triangle.
    """

    def __init__(self, columns):
        ends = np.cumsum([0] + [len(each) + 1 for each in columns])
        self.slices = [slice(*each) for each in pairwise(ends.tolist())]
        self.pairs = [(k, j) for k in range(len(columns)) for j in range(k + 1)]
        self.sum = np.zeros((ends[-1], ends[-1]))

    def add(self, k, j, block):
        """Add to a block."""
        self.sum[self.slices[k], self.slices[j]] += block

    def symmetric(self):
        """The whole matrix."""
        for k, j in self.pairs:
            self.sum[self.slices[j], self.slices[k]] = self.sum[self.slices[k], self.slices[j]].T
        return self.sum


def assembled(kind, arrays, shape):
    """A sparse matrix that shares these values, indices and pointers; SciPy's constructor copies views of longer arrays."""
    matrix = copy.copy(_empty(kind, shape))
    matrix.data, matrix.indices, matrix.indptr = arrays
    return matrix


@functools.lru_cache(maxsize=1024)
def _empty(kind, shape):
    """A sparse matrix of a shape, without values: SciPy's constructor takes longer than a product with a sample."""
    matrix = kind(shape)
    matrix.indptr = matrix.indptr[:0].copy()  # no memory is kept
    return matrix


def grams(rows, index, weights, mean, scale):
    """For each row of `weights`, the weighted sum over the samples `index` of z z' with z = (x - mean, 1) * scale.

    The result is (n_weights, n_features + 1, n_features + 1); with many features in float32, which takes half the time.
    """
    d = rows.shape[1]
    dtype = np.float64 if d <= EXACT_FEATURES else np.float32
    out = np.zeros((len(weights), d + 1, d + 1), dtype)
    size = max(TILE // (d + 1), 2 * d)  # at least as many samples as make the product cost more than the sum of the results
    for start in range(0, len(index), size):
        some = index[start : start + size]
        Z = np.empty((len(some), d + 1), dtype)
        np.multiply(rows.dense(some) - mean, scale[:-1], out=Z[:, :d], casting="same_kind")
        Z[:, d] = scale[-1]
        rooted = np.empty_like(Z)
        roots = np.sqrt(weights[:, start : start + size]).astype(dtype)
        for gram, root in zip(out, roots, strict=True):
            np.multiply(Z, root[:, None], out=rooted)
            gram += np.dot(rooted.T, rooted)
    return out


def rows_of(X, place=HOST):
    """The rows of a validated matrix, which the user has in `place`; rows that live elsewhere are returned as they are."""
    if hasattr(X, "home"):
        return X
    return CsrRows(X) if sp.issparse(X) else DenseRows(np.ascontiguousarray(X), place)
