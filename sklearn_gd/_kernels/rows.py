"""Access to the samples by three leaves: scores of some samples, their contribution to a gradient, and their prefetch.

Dense samples have two sets of leaves. In a batch with many scores, and several per sample, the samples are gathered first, so
that several share each load of the coefficients.
"""

from .._leaves import leaf
from .intrinsics import prefetch, values_per_line

PREFETCH_ROWS = 8  # samples between the current one and the one that is prefetched
LEAST_GATHERED = 64  # scores of a batch, with at least two per sample, above which gathered samples are faster


def fetch_dense(flat, row, n_features):
    """Prefetch a row of a dense matrix with the values `flat`."""
    for j in range(0, n_features, values_per_line(flat)):
        prefetch(flat, row * n_features + j)


def fetch_stored(values, indices, begin, end):
    """Prefetch the stored values of a CSR row; a cache line holds 8 values, or 16 indices."""
    for place in range(begin, end, 8):
        prefetch(values, place)
    for place in range(begin, end, 16):
        prefetch(indices, place)


def dense_fetch(X, row):
    """`fetch_dense` for the arrays of dense rows."""
    matrix = X[0]
    fetch_dense(matrix.reshape(matrix.size), row, matrix.shape[1])


def csr_fetch(X, row):
    """`fetch_stored` for the arrays of CSR rows."""
    values, indices, indptr = X
    fetch_stored(values, indices, indptr[row], indptr[row + 1])


def dense_scores(X, rows, coef, intercept, raw):
    """raw[i] = X[rows[i]] W + b; four outputs share each load of a sample."""
    n_outputs, n_features = coef.shape
    matrix = X[0]
    start = 0
    if n_outputs == 1:
        # Four samples share each load of the coefficients.
        w = coef[0]
        while start + 4 <= len(rows):
            x_a, x_b = matrix[rows[start]], matrix[rows[start + 1]]
            x_c, x_e = matrix[rows[start + 2]], matrix[rows[start + 3]]
            a, b, c, e = 0.0, 0.0, 0.0, 0.0
            for j in range(n_features):
                v = w[j]
                a += v * x_a[j]
                b += v * x_b[j]
                c += v * x_c[j]
                e += v * x_e[j]
            raw[start, 0] = a + intercept[0]
            raw[start + 1, 0] = b + intercept[0]
            raw[start + 2, 0] = c + intercept[0]
            raw[start + 3, 0] = e + intercept[0]
            start += 4
    for i in range(start, len(rows)):
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
    """gradient += sum over i of slope[i] X[rows[i]]; four samples share each load of the gradient."""
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


def gathered_scores(X, rows, coef, intercept, raw):
    """`dense_scores` for many scores: the samples are first copied to contiguous float64 memory.

    Four samples and two outputs share their loads. Eight sums fit the registers; a product by BLAS takes 1.6 times as long.
    """
    matrix, buffer = X
    n, n_outputs = len(rows), len(intercept)
    for i in range(n):
        x, b = matrix[rows[i]], buffer[i]
        for j in range(len(b)):
            b[j] = x[j]
    whole, even = n - n % 4, n_outputs - n_outputs % 2
    for i in range(0, whole, 4):
        x_a, x_b, x_c, x_e = buffer[i], buffer[i + 1], buffer[i + 2], buffer[i + 3]
        for k in range(0, even, 2):
            w, v = coef[k], coef[k + 1]
            a, b, c, e = intercept[k], intercept[k], intercept[k], intercept[k]
            f, g, h, q = intercept[k + 1], intercept[k + 1], intercept[k + 1], intercept[k + 1]
            for j in range(len(w)):
                a += x_a[j] * w[j]
                b += x_b[j] * w[j]
                c += x_c[j] * w[j]
                e += x_e[j] * w[j]
                f += x_a[j] * v[j]
                g += x_b[j] * v[j]
                h += x_c[j] * v[j]
                q += x_e[j] * v[j]
            raw[i, k], raw[i + 1, k], raw[i + 2, k], raw[i + 3, k] = a, b, c, e
            raw[i, k + 1], raw[i + 1, k + 1], raw[i + 2, k + 1], raw[i + 3, k + 1] = f, g, h, q
    for i in range(n):
        x = buffer[i]
        for k in range(even if i < whole else 0, n_outputs):
            w, a = coef[k], intercept[k]
            for j in range(len(w)):
                a += x[j] * w[j]
            raw[i, k] = a


def gathered_accumulate(X, rows, slope, gradient):
    """`dense_accumulate` for the samples that `gathered_scores` has copied, also by four samples and two outputs."""
    _, buffer = X
    n, n_outputs = len(rows), len(gradient)
    whole, even = n - n % 4, n_outputs - n_outputs % 2
    for i in range(0, whole, 4):
        x_a, x_b, x_c, x_e = buffer[i], buffer[i + 1], buffer[i + 2], buffer[i + 3]
        for k in range(0, even, 2):
            g, h = gradient[k], gradient[k + 1]
            a, b, c, e = slope[i, k], slope[i + 1, k], slope[i + 2, k], slope[i + 3, k]
            p, q, u, v = slope[i, k + 1], slope[i + 1, k + 1], slope[i + 2, k + 1], slope[i + 3, k + 1]
            for j in range(len(g)):
                g[j] += a * x_a[j] + b * x_b[j] + c * x_c[j] + e * x_e[j]
                h[j] += p * x_a[j] + q * x_b[j] + u * x_c[j] + v * x_e[j]
    for i in range(n):
        x = buffer[i]
        for k in range(even if i < whole else 0, n_outputs):
            g, a = gradient[k], slope[i, k]
            for j in range(len(g)):
                g[j] += a * x[j]


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


LEAVES = {
    "dense": (dense_scores, dense_accumulate, dense_fetch, True),
    "gathered": (gathered_scores, gathered_accumulate, dense_fetch, True),
    "csr": (csr_scores, csr_accumulate, csr_fetch, False),
}


def leaves_of(layout):
    """The leaves of a layout: the scores of some samples, and their contribution to a gradient.

    Sums over CSR rows are not re-associated, as this does not make gathers faster.
    """
    scores, accumulate, _, fastmath = LEAVES[layout]
    return leaf(scores, fastmath=fastmath), leaf(accumulate, fastmath=fastmath)


def fetch_of(layout):
    """The leaf that prefetches a sample of a layout."""
    return leaf(LEAVES[layout][2])
