"""The rows of X, dense or CSR, behind leaves: the scores of some rows, their part in a gradient, moments, norms."""

import numpy as np
import scipy.sparse as sp

from .._compile import leaf


def dense_scores(X, rows, coef, intercept, raw):
    """raw[i] = X[rows[i]] W + b; four outputs share each load of a row."""
    n_outputs, n_features = coef.shape
    matrix = X[0]
    for i in range(len(rows)):
        x = matrix[rows[i]]
        k = 0
        while k + 4 <= n_outputs:
            a, b, c, e = 0.0, 0.0, 0.0, 0.0
            w_a, w_b, w_c, w_e = coef[k], coef[k + 1], coef[k + 2], coef[k + 3]
            for j in range(n_features):
                v = x[j]
                a += v * w_a[j]
                b += v * w_b[j]
                c += v * w_c[j]
                e += v * w_e[j]
            raw[i, k] = a + intercept[k]
            raw[i, k + 1] = b + intercept[k + 1]
            raw[i, k + 2] = c + intercept[k + 2]
            raw[i, k + 3] = e + intercept[k + 3]
            k += 4
        while k < n_outputs:
            a = 0.0
            w = coef[k]
            for j in range(n_features):
                a += x[j] * w[j]
            raw[i, k] = a + intercept[k]
            k += 1


def dense_accumulate(X, rows, slope, gradient):
    """gradient += sum over i of slope[i] X[rows[i]]; four rows share each load of the gradient."""
    n_outputs, n_features = gradient.shape
    matrix = X[0]
    n = len(rows)
    i = 0
    while i + 4 <= n:
        x_a, x_b, x_c, x_e = matrix[rows[i]], matrix[rows[i + 1]], matrix[rows[i + 2]], matrix[rows[i + 3]]
        for k in range(n_outputs):
            a, b, c, e = slope[i, k], slope[i + 1, k], slope[i + 2, k], slope[i + 3, k]
            g = gradient[k]
            for j in range(n_features):
                g[j] += a * x_a[j] + b * x_b[j] + c * x_c[j] + e * x_e[j]
        i += 4
    while i < n:
        x = matrix[rows[i]]
        for k in range(n_outputs):
            a = slope[i, k]
            g = gradient[k]
            for j in range(n_features):
                g[j] += a * x[j]
        i += 1


def dense_moments(X, weight, shift, total, square):
    """Weighted sums of x - shift and of its square, for each feature."""
    matrix = X[0]
    for i in range(matrix.shape[0]):
        x, s = matrix[i], weight[i]
        for j in range(len(total)):
            v = x[j] - shift[j]
            total[j] += s * v
            square[j] += s * v * v


def dense_norms(X, rows, out):
    """out[i] = |X[rows[i]]|^2."""
    matrix = X[0]
    for i in range(len(rows)):
        x = matrix[rows[i]]
        total = 0.0
        for j in range(len(x)):
            v = np.float64(x[j])
            total += v * v
        out[i] = total


def csr_scores(X, rows, coef, intercept, raw):
    """raw[i] = X[rows[i]] W + b over the stored values; W is (n_features, n_outputs)."""
    data, indices, indptr = X
    n_outputs = coef.shape[1]
    for i in range(len(rows)):
        row = rows[i]
        if n_outputs == 1:
            a = 0.0
            for at in range(indptr[row], indptr[row + 1]):
                a += data[at] * coef[indices[at], 0]
            raw[i, 0] = a + intercept[0]
        else:
            for k in range(n_outputs):
                raw[i, k] = intercept[k]
            for at in range(indptr[row], indptr[row + 1]):
                v, w = data[at], coef[indices[at]]
                for k in range(n_outputs):
                    raw[i, k] += v * w[k]


def csr_accumulate(X, rows, slope, gradient):
    """gradient += sum over i of X[rows[i]]^T slope[i], over the stored values."""
    data, indices, indptr = X
    n_outputs = gradient.shape[1]
    for i in range(len(rows)):
        row = rows[i]
        if n_outputs == 1:
            a = slope[i, 0]
            if a != 0.0:
                for at in range(indptr[row], indptr[row + 1]):
                    gradient[indices[at], 0] += a * data[at]
        else:
            for at in range(indptr[row], indptr[row + 1]):
                v, g = data[at], gradient[indices[at]]
                for k in range(n_outputs):
                    g[k] += v * slope[i, k]


def csr_moments(X, weight, shift, total, square):
    """Weighted sums of x and of its square over the stored values; `shift` is zero."""
    data, indices, indptr = X
    for i in range(len(weight)):
        s = weight[i]
        for at in range(indptr[i], indptr[i + 1]):
            v = data[at]
            total[indices[at]] += s * v
            square[indices[at]] += s * v * v


def csr_norms(X, rows, out):
    """out[i] = |X[rows[i]]|^2."""
    data, _, indptr = X
    for i in range(len(rows)):
        total = 0.0
        for at in range(indptr[rows[i]], indptr[rows[i] + 1]):
            v = np.float64(data[at])
            total += v * v
        out[i] = total


BLOCK = 4096  # dense rows centred together


class DenseRows:
    """A C-contiguous matrix. Coefficients are laid out (n_outputs, n_features): a product runs along two rows."""

    is_csr = False

    def __init__(self, X):
        self.shape = X.shape
        self.arrays = (X,)
        self.scores, self.accumulate = leaf(dense_scores, fastmath=True), leaf(dense_accumulate, fastmath=True)
        self.moments, self.norms = leaf(dense_moments, fastmath=True), leaf(dense_norms, fastmath=True)

    def first_row(self):
        """The shift of the moments: with one of the values, a constant feature has a variance of exactly zero."""
        return self.arrays[0][0].astype(np.float64)

    def second_moments(self, weight, mean, target):
        """Weighted sums over the rows of (x - mean)(x - mean)' and of target (x - mean)'."""
        X, d = self.arrays[0], self.shape[1]
        A, B = np.zeros((d, d)), np.zeros((target.shape[1], d))
        for first in range(0, len(X), BLOCK):
            rows = slice(first, first + BLOCK)
            centred = X[rows] - mean
            weighted = centred * weight[rows, None]
            A += centred.T @ weighted
            B += target[rows].T @ weighted
        return A, B

    def view(self, flat, n_outputs):
        """`flat` as the coefficient matrix that the leaves take."""
        return flat.reshape(n_outputs, self.shape[1])

    def to_coef(self, flat, n_outputs):
        """A new coef_ array, (n_outputs, n_features)."""
        return flat.reshape(n_outputs, self.shape[1]).copy()

    def from_coef(self, coef):
        """coef_ as a new flat array in this layout."""
        return np.array(coef, dtype=np.float64, order="C").ravel()


class CsrRows:
    """A CSR matrix. Coefficients are laid out (n_features, n_outputs): a stored value multiplies a row of them."""

    is_csr = True

    def __init__(self, X):
        self.shape = X.shape
        # Unsigned views: indices that cannot be negative need no wrap-around test.
        index = np.uint64 if X.indices.dtype.itemsize == 8 else np.uint32
        self.arrays = (X.data, X.indices.view(index), X.indptr.astype(np.int64))
        self.scores, self.accumulate = leaf(csr_scores), leaf(csr_accumulate)
        self.moments, self.norms = leaf(csr_moments), leaf(csr_norms)

    def first_row(self):
        """The shift of the moments, zero: any other would make the matrix dense."""
        return np.zeros(self.shape[1])

    def second_moments(self, weight, mean, target):
        """Weighted sums over the rows of (x - mean)(x - mean)' and of target (x - mean)'."""
        data, indices, indptr = self.arrays
        X = sp.csr_array((data.astype(np.float64), indices.astype(np.int64), indptr), shape=self.shape)
        weighted = sp.csr_array((data * np.repeat(weight, np.diff(indptr)), X.indices, indptr), shape=self.shape)
        A = (X.T @ weighted).toarray() - weight.sum() * np.outer(mean, mean)
        return A, (weighted.T @ target).T - np.outer(weight @ target, mean)

    def view(self, flat, n_outputs):
        """`flat` as the coefficient matrix that the leaves take."""
        return flat.reshape(self.shape[1], n_outputs)

    def to_coef(self, flat, n_outputs):
        """A new coef_ array, (n_outputs, n_features)."""
        return np.ascontiguousarray(flat.reshape(self.shape[1], n_outputs).T)

    def from_coef(self, coef):
        """coef_ as a new flat array in this layout."""
        return np.ascontiguousarray(np.asarray(coef, dtype=np.float64).T).ravel()


def rows_of(X):
    """The rows of a validated matrix."""
    return CsrRows(X) if sp.issparse(X) else DenseRows(X)
