"""The samples of a fit in blocks outside this process, in the form that the objective takes."""

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from .._devices import FLOATS, HOST
from .._fingerprint import described
from .._validation import check_indices, summed
from ..objective._parts import Parts
from ..objective._rows import CsrRows, DenseRows
from ._engine import Residents, Seed, as_matrix, mapped


class Description(NamedTuple):
    """The properties of a block that has been checked."""

    shape: tuple
    layout: str
    dtype: np.dtype
    n_values: int


@dataclass(frozen=True)
class Describe:
    """Check the values of a block, and describe it."""

    name: str

    def __call__(self, block):
        check_indices(block)
        matrix = check_array(
            block, accept_sparse="csr", dtype=FLOATS, order="C", ensure_min_samples=0, input_name="X", estimator=self.name
        )
        matrix = summed(matrix)
        is_sparse = sp.issparse(matrix)
        return Description(matrix.shape, "csr" if is_sparse else "dense", matrix.dtype, matrix.nnz if is_sparse else matrix.size)


@dataclass(frozen=True)
class OneRow:
    """A sample of a block, in float64."""

    at: int

    def __call__(self, block):
        row = block.iloc[self.at : self.at + 1] if hasattr(block, "iloc") else block[self.at : self.at + 1]
        return as_matrix(row, np.float64)[0].copy()  # a view would keep the block in memory


@dataclass(frozen=True)
class Words:
    """A textual fingerprint of a block, equal for equal values."""

    def __call__(self, block):
        return described(as_matrix(block, FLOATS))


class Predict:
    """A method of a fitted estimator, applied to blocks, some of which may be empty."""

    def __init__(self, estimator, method):
        self.estimator, self.method = estimator, method

    def __call__(self, block):
        if block.shape[0]:
            return getattr(self.estimator, self.method)(block)
        # scikit-learn raises an error for zero samples.
        single = np.zeros((1, block.shape[1]))
        if hasattr(block, "columns"):
            single = type(block)(single, columns=block.columns)
        return getattr(self.estimator, self.method)(single)[:0]


class BlockedRows:
    """X in blocks, of which this process has only the sizes.

    Parameters
    ----------
    engine : Engine
        Has the blocks, and runs calls there.
    blocks : list
        Its handles, in the order of the blocks.
    described : list of Description
        The description of each block.
    which : ndarray of int, optional
        The selected samples, in ascending order; None for all.
    """

    home, place = "blocks", HOST

    def __init__(self, engine, blocks, described, which=None):
        self.engine, self.blocks, self.described, self.which = engine, blocks, described, which
        self.bounds = list(pairwise(np.cumsum([0, *[each.shape[0] for each in described]]).tolist()))
        first = next(each for each in described if each.shape[0])
        self.layout, self.dtype = first.layout, np.result_type(*[each.dtype for each in described])
        n = self.bounds[-1][1] if which is None else len(which)
        self.shape = (n, first.shape[1])
        self.is_single = self.layout == "dense" and self.dtype == np.float32
        self.n_values = sum(each.n_values for each in described)
        self._kind = {"dense": DenseRows, "csr": CsrRows}[self.layout]

    def __getitem__(self, which):
        """Select samples by a mask, or by their indices in ascending order."""
        which = np.asarray(which)
        which = np.flatnonzero(which) if which.dtype == bool else which
        return BlockedRows(self.engine, self.blocks, self.described, which if self.which is None else self.which[which])

    def within(self, place):
        """The selected samples of a block, None for all, and their positions among all selected ones."""
        start, stop = self.bounds[place]
        if self.which is None:
            return None, slice(start, stop)
        a, b = np.searchsorted(self.which, (start, stop)).tolist()
        return (None if b - a == stop - start else self.which[a:b] - start), slice(a, b)

    def parts(self, target, weight, loss, n_outputs):
        """`Parts` next to the blocks; a block without selected samples has no part."""
        uniform, seeds = bool((weight == 1.0).all()), []
        for place in range(len(self.blocks)):
            which, span = self.within(place)
            if span.stop > span.start:
                own = None if uniform else weight[span]
                seeds.append(Seed(place, which, target[span], own, loss, n_outputs, self.dtype, span.start, len(target)))
        return Parts(seeds, float(weight.sum()), Residents(self.engine, self.blocks))

    def words(self):
        """The textual fingerprint of the samples: shape, type and hash of each block."""
        told = mapped(self.engine, [Words()] * len(self.blocks), self.blocks, range(len(self.blocks)))
        return f"blocks ({', '.join(told)}), of which {'all' if self.which is None else described(self.which)}"

    # --- the interface of rows in this process ----------------------------------------------------------------------------

    def first_row(self):
        """See `DenseRows.first_row`."""
        if self.layout == "csr":
            return np.zeros(self.shape[1])
        first = 0 if self.which is None else int(self.which[0])
        place = next(place for place, (start, stop) in enumerate(self.bounds) if start <= first < stop)
        return mapped(self.engine, [OneRow(first - self.bounds[place][0])], [self.blocks[place]], [place])[0]

    def view(self, flat, n_outputs):
        """`flat` as the coefficient matrix in the layout of the blocks."""
        return self._kind.view(self, flat, n_outputs)

    def to_coef(self, flat, n_outputs):
        """A new coef_ array, (n_outputs, n_features)."""
        return self._kind.to_coef(self, flat, n_outputs)

    def from_coef(self, coef):
        """coef_ as a new flat array in the layout of the blocks."""
        return self._kind.from_coef(self, coef)


def check_blocks(engine, name):
    """`BlockedRows` over the blocks of an engine; raises if a block does not match the others, or has invalid values.

    Parameters
    ----------
    engine : Engine
        Has the blocks.
    name : str
        The name of the estimator, for messages.
    """
    blocks = engine.blocks()
    described = mapped(engine, [Describe(name)] * len(blocks), blocks, range(len(blocks)))
    filled = [(place, each) for place, each in enumerate(described) if each.shape[0]]
    if not filled:
        raise ValueError(
            f"Found array with 0 sample(s) in all {len(blocks)} blocks of X while a minimum of 1 is required by {name}"
        )
    at, first = filled[0]
    for place, each in filled:
        if each.shape[1] != first.shape[1]:
            raise ValueError(f"block {place} of X has {each.shape[1]} features, but block {at} has {first.shape[1]}")
        if each.layout != first.layout:
            raise ValueError(f"block {place} of X is {each.layout}, but block {at} is {first.layout}: all must be the same")
    return BlockedRows(engine, blocks, described)


def check_blocked_samples(estimator, engine, features, y, *, reset, numeric_y):
    """Validate X in blocks, and y, as `check_samples` does.

    Parameters
    ----------
    estimator : estimator
        The estimator whose `n_features_in_` and `feature_names_in_` are set or compared.
    engine : Engine
        Has the blocks of X.
    features : ndarray or data frame of no rows, or None
        No samples, with the features of X and their names, if any; None if only the blocks have them.
    y : array-like
        The targets, in this process.
    reset, numeric_y : bool
        As for `check_samples`.

    Returns
    -------
    X : BlockedRows
    y : ndarray
    """
    # With a copy, as scikit-learn forgets the names of the features where it validates y alone.
    y = validate_data(copy.copy(estimator), y=y, multi_output=numeric_y, y_numeric=numeric_y)
    rows = check_blocks(engine, type(estimator).__name__)
    if features is not None and features.shape[1] != rows.shape[1]:
        raise ValueError(f"the blocks of X have {rows.shape[1]} features, but the shape of X has {features.shape[1]}")
    features = np.empty((0, rows.shape[1])) if features is None else features
    validate_data(estimator, features, reset=reset, skip_check_array=True)
    if len(y) != rows.shape[0]:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: X has {rows.shape[0]}, y has {len(y)}")
    return rows, y
