"""A dense design matrix on a device: its products and moments, in the array library of X.

Products are in the widest floating type of the device, or in float32 if X and the other factor are. Results with an entry for
each sample stay on the device; those with an entry for each feature are copied to the host, where descent runs.
"""

import numpy as np

from ._rows import DenseRows

TILE = 1 << 24  # values of X converted or centred at a time: enough to keep a device busy, few compared with its memory


class DeviceRows(DenseRows):
    """A dense matrix of another array library.

    Parameters
    ----------
    X : array, (n_samples, n_features)
        The matrix.
    place : Device
        The device of X.
    """

    home = "device"

    def __init__(self, X, place):
        self.X, self.place = X, place
        self.shape = tuple(X.shape)
        self.n_values = self.shape[0] * self.shape[1]

    @property
    def is_single(self):
        return self.X.dtype == self.place.xp.float32

    @property
    def arrays(self):
        raise ValueError(f"X is in {self.place!r}, but compiled loops over single samples require NumPy arrays or CSR matrices")

    def part(self, start, stop):
        return DeviceRows(self.X[start:stop, :], self.place)

    def columns(self, index):
        columns = self.place.xp.take(self.X, self.place.put_index(index), axis=1)
        return DeviceRows(self.place.cast(columns), self.place)

    def tiles(self):
        """Slices of samples, with their values in the widest floating type; a single slice if that needs no copy."""
        whole = self.X.dtype == self.place.dtype
        return self._tiles(max(self.shape[0], 1)) if whole else self.small_tiles()

    def small_tiles(self, dtype=None):
        """A tile's samples for results as large as the tile, of few values each; in `dtype`, where X has that type."""
        return self._tiles(max(TILE // max(self.shape[1], 1), 1), self.X.dtype == dtype)

    def _tiles(self, size, as_they_are=False):
        """Slices as `tiles`, of `size` samples each."""
        n = self.shape[0]
        for start in range(0, n, size):
            tile = slice(start, min(start + size, n))
            X = self.X[tile, :]
            yield tile, X if as_they_are else self.place.cast(X)

    def scores(self, coef, intercept):
        """X coef' + intercept of host arrays, as (n_outputs, n_samples) on the device."""
        xp, place = self.place.xp, self.place
        b = place.put(intercept)[:, None]
        if self.is_single and coef.dtype == np.float32:
            return place.cast(_times_transposed(xp, place.put(coef, xp.float32), self.X)) + b
        W = place.put(coef)
        found = [_times_transposed(xp, W, X) for _, X in self.tiles()]
        return (found[0] if len(found) == 1 else xp.concat(found, axis=1)) + b

    def pull_back(self, slopes):
        """slopes X, (n_outputs, n_features), all on the device; in float32 if both are."""
        xp = self.place.xp
        if self.X.dtype == slopes.dtype:
            return self.place.cast(_times(xp, slopes, self.X))
        return _summed(_times(xp, slopes[:, tile], X) for tile, X in self.tiles())

    def first_row(self):
        return self.place.take(self.X[0, :])

    def moments(self, weight, shift):
        """Weighted sums of x - shift, of its square, and of ones where x is not zero, for each feature: host arrays."""
        xp, place, shift = self.place.xp, self.place, self.place.put(shift)
        sums = []
        for tile, X in self.small_tiles():
            away, w = X - shift, weight[tile][None, :]
            found = [_times(xp, w, away)]
            away *= away
            found += [_times(xp, w, away), _times(xp, w, place.cast(X != 0.0))]
            sums.append(xp.concat(found, axis=0))
        return tuple(place.take(_summed(sums)))

    def weighted_moments(self, weights, shift):
        """Weighted sums of x - shift and of its square for each row of `weights`, on the device: host arrays.

        They are in float32 where X and the weights are, tile by tile.
        """
        place, sums, shift = self.place, [], self.place.put(shift, weights.dtype)
        for tile, X in self.small_tiles(weights.dtype):
            away, w = X - shift, weights[:, tile]
            total = _times(place.xp, w, away)
            away *= away
            sums.append(place.cast(place.xp.stack([total, _times(place.xp, w, away)])))
        return tuple(place.take(_summed(sums)))

    def gram(self, weight, mean, target):
        """As `DenseRows.gram`, for weights and targets on the device: host arrays."""
        xp, place, mean = self.place.xp, self.place, self.place.put(mean)
        sums = []
        for tile, X in self.small_tiles():
            centred = X - mean
            weighted = centred if weight is None else centred * weight[tile][:, None]
            sums.append(xp.concat([xp.matmul(centred.T, weighted), xp.matmul(target[:, tile], weighted)], axis=0))
        both = place.take(_summed(sums))
        return both[: self.shape[1]], both[self.shape[1] :]

    def hessian(self, weights, mean, columns):
        """As `DenseRows.hessian`, of weights on the device: a host array."""
        xp, place, mean = self.place.xp, self.place, self.place.put(mean)
        index, sums = [place.put_index(each) for each in columns], []
        for tile, X in self.small_tiles():
            X = X - mean
            one = xp.ones((X.shape[0], 1), dtype=place.dtype, device=place.device)
            Z = [xp.concat([xp.take(X, each, axis=1), one], axis=1) for each in index]
            found = []
            for k, left in enumerate(Z):
                weighted = [right * weights[k, j, tile][:, None] for j, right in enumerate(Z)]
                found.append(xp.matmul(left.T, xp.concat(weighted, axis=1)))
            sums.append(xp.concat(found, axis=0))
        return place.take(_summed(sums))

    def grams(self, index, weights, mean, scale, dtype):
        """As the function `grams` of NumPy's rows, for weights on the device: a host array."""
        xp, place = self.place.xp, self.place
        d = self.shape[1]
        mean, scale = place.put(mean), place.put(scale)
        size, sums = max(TILE // (d + 1), 2 * d), []
        for start in range(0, len(index), size):
            some = place.put_index(index[start : start + size])
            X = place.cast(xp.take(self.X, some, axis=0))
            one = xp.ones((X.shape[0], 1), dtype=place.dtype, device=place.device)
            Z = xp.astype(xp.concat([X - mean, one], axis=1) * scale, dtype)
            roots = xp.astype(xp.sqrt(xp.take(weights, some, axis=1)), dtype)
            rooted = [Z * roots[k, :][:, None] for k in range(weights.shape[0])]
            sums.append(xp.stack([place.cast(xp.matmul(each.T, each)) for each in rooted]))
        return place.take(_summed(sums))

    def square_norms(self):
        """|x|^2 of each sample: a host array."""
        xp = self.place.xp
        return np.concatenate([self.place.take(xp.sum(X * X, axis=1)) for _, X in self.small_tiles()])


def _summed(arrays):
    """The sum of arrays, in their order."""
    total = None
    for each in arrays:
        total = each if total is None else total + each
    return total


def _times(xp, A, B):
    """A B; if A has a single row, as a product of matrix and vector."""
    return xp.matmul(A[0, :], B)[None, :] if A.shape[0] == 1 else xp.matmul(A, B)


def _times_transposed(xp, A, B):
    """A B'; if A has a single row, as a product of matrix and vector."""
    return xp.matmul(B, A[0, :])[None, :] if A.shape[0] == 1 else xp.matmul(A, B.T)
