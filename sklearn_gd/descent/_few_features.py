"""A call of `partial_fit` on the features that its samples have, where all others would only be copied.

A sample of text has some twenty of 2^18 hashed features. The descent is the same as on all features: the samples and the state
keep the features of the call alone, and the state of the stream takes the result in at the end. What is not among them enters F
by sums over all features that the state keeps.
"""

import numpy as np
import scipy.sparse as sp

from ..objective._rows import assembled

LEAST_FEATURES = 4096  # up to which copies of all features cost little compared with a call
FEWER = 8  # features over stored values, from which a call works on the features that its samples have
LARGEST_ROUNDING = 1e-12  # of F, from sums over other features that nearly cancel
EPSILON = float(np.finfo(float).eps)


def has_few(X):
    """Whether samples have few of many features: CSR, with few stored values for the number of features."""
    return sp.issparse(X) and X.shape[1] > max(LEAST_FEATURES, FEWER * X.nnz)


def present(X):
    """The features that CSR samples have, in ascending order, and the place of each stored value among them."""
    # Also the first places, for which NumPy sorts in another way, that is faster for the sorted indices of a sample.
    index, _, place = np.unique(X.indices, return_index=True, return_inverse=True)
    return index, place


def renumbered(X, place, n_features):
    """CSR samples of `n_features` features, whose stored values belong to the features `place`."""
    indices = place.astype(X.indices.dtype, copy=False)
    return assembled(sp.csr_array, (X.data, indices, X.indptr), (X.shape[0], n_features))


class NeedsAllFeatures(Exception):
    """A call has to be made on all features: its steps change other coefficients too, or F is not known to rounding."""


class FewFeatures:
    """The samples of a call, and what their stream has learned of the features that they have.

    Parameters
    ----------
    X : CSR matrix, (n_samples, n_features)
        The samples.
    whole : state
        That of the stream; not changed before `keep`.

    Attributes
    ----------
    X : CSR array, (n_samples, n_present)
        The samples, without the features that none of them has.
    state : state
        The state of these features, to be changed by the descent.
    n_features : int
        How many other features there are.
    """

    def __init__(self, X, whole):
        here, place = present(X)
        self.index = whole.features_to_change(X, here)
        if self.index is not here:
            place = np.searchsorted(self.index, X.indices)
        self.X = renumbered(X, place, len(self.index))
        self.whole, self.state, self.n_features = whole, whole.part(self.index), X.shape[1] - len(self.index)
        # Where all that are not zero are here, nothing is elsewhere.
        self.squares, self.all_squares, self.age = 0.0, 0.0, 0
        self._largest_term = 0.0
        if self.index is here:
            self.all_squares, own, age = whole.squares_and_those_of(self.state)
            self.squares, self.age = self.all_squares - own, age + 1

    @classmethod
    def of(cls, X, state, solver, settings, penalty, alpha):
        """The call on few features; None where it has to work on all."""
        if not has_few(X):
            return None
        form = penalty.elastic_net()
        if form is None or not (form.is_smooth(alpha) and solver.moves_present_features(settings)):
            return None
        few = cls(X, state) if state.has_parts(settings, penalty) else None
        return few if few is not None and np.isfinite(few.squares).all() else None

    def penalty(self, objective):
        """alpha R of the coefficients of all other features."""
        if self.age == 0:
            return 0.0
        half = 0.5 * objective.l2
        total, largest = self.state.sum_of_squares(self.squares, self.all_squares, objective)
        self._largest_term = half * largest
        return half * max(total, 0.0)

    def check_rounding(self, value, objective):
        """Raise `NeedsAllFeatures` where the sums of `penalty` have lost digits of F, which is `value`."""
        if EPSILON * self._largest_term > LARGEST_ROUNDING * abs(value):
            raise NeedsAllFeatures

    def keep(self, objective):
        """Let the state of the stream take in what has been learned; returns it."""
        self.whole.take(self.index, self.state, self.squares, self.age, objective)
        return self.whole
