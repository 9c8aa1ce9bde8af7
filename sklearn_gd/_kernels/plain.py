"""Plain stochastic descent, one sample at a time: the steps of `passes.make_batch_pass` in fewer operations.

Dense samples of one score need no buffers. On CSR a step costs only the stored values of its sample.
"""

from typing import NamedTuple

import numpy as np

from .._compile import leaf, prefetch, run
from .._layout import ROWS, SCALE, SCALE_SUM, STEPS, THRESHOLD, WEIGHT_SUM

PREFETCH_ROWS = 8  # samples between the one in hand and the one being fetched
SMALLEST_SCALE = 1e-4  # of lazy coefficients; below it they are written out


class SlopeOfOne(NamedTuple):
    """The compiled slope of a single score, and its parameters."""

    slope: object
    parameters: np.ndarray


class PlainPlan(NamedTuple):
    """What stays the same over a run; the strengths of the penalty include alpha."""

    l1: float
    l2: float
    nonnegative: bool
    fit_intercept: bool
    average_from: float


# --- leaves that other loops use too -------------------------------------------------------------------------------------


def soft_threshold(v, threshold, nonnegative):
    """The proximal step of ``threshold * |v|``, over v >= 0 where `nonnegative`."""
    if nonnegative:
        return max(v - threshold, 0.0)
    if v > threshold:
        return v - threshold
    if v < -threshold:
        return v + threshold
    return 0.0


def fetch_dense(flat, row, n_features):
    """Prefetch a row of a dense matrix, whose values are `flat`."""
    for j in range(0, n_features, max(64 // flat.itemsize, 1)):
        prefetch(flat, row * n_features + j)


def fetch_csr(values, indices, begin, end):
    """Prefetch the stored values of a CSR row; a cache line holds 8 values, or 16 indices."""
    for place in range(begin, end, 8):
        prefetch(values, place)
    for place in range(begin, end, 16):
        prefetch(indices, place)


def dot(matrix, row, w):
    """A row of X times the coefficients."""
    total = 0.0
    for j in range(matrix.shape[1]):
        total += matrix[row, j] * w[j]
    return total


# --- dense ---------------------------------------------------------------------------------------------------------------


def make_row_pass(soft_threshold, dot, fetch):
    """One pass over dense samples with one score."""

    def row_pass(data, model, loss, plan, counters, order, rates):
    """Run `make_row_pass`; `loss` is a `SlopeOfOne`."""
    leaves = (leaf(soft_threshold), leaf(dot, fastmath=True), leaf(fetch_dense))
    run(make_row_pass, leaves, data, order, model, loss, plan, rates, counters)


def lazy_row_pass(data, lazy, loss, plan, counters, order, rates):
    """Run `make_lazy_row_pass`; `loss` is a `SlopeOfOne`."""
    run(make_lazy_row_pass, (leaf(soft_threshold), leaf(fetch_csr)), data, order, lazy, loss, plan, rates, counters)


def lazy_pass(data, lazy, loss, plan, counters, order, rates):
    """Run `make_lazy_pass`; `loss` is a `LossBlocks`."""
    run(make_lazy_pass, (leaf(soft_threshold),), data, order, lazy, loss, plan, rates, counters)
