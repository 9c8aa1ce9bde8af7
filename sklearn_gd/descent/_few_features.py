"""A call of `partial_fit` on the features that its samples have, where all others would only be copied.

A sample of text has some twenty of 2^18 hashed features. The descent is the same as on all features: the samples and the state
keep the features of the call alone, and the state of the stream takes the result in at the end. What is not among them enters F
by sums over all features that the state keeps.
"""

import numpy as np
import scipy.sparse as sp

from ..objective._rows import assembled

LEAST_FEATURES = 4096  # up to which copies of all features cost nothing beside a call
FEWER = 8  # features over stored values, from which a call works on the features that its samples have


class NeedsAllFeatures(Exception):
    """The steps to come change coefficients of other features too. Raised before the first of them."""


class FewFeatures:
    """The samples of a call, and what their stream has learned of the features that they have.

    Parameters
    ----------
    X : CSR matrix, (n_samples, n_features)
        The samples.
    whole : state
        That of the stream; not changed before `keep`.
    l2 : float
        Strength of the l2 penalty, alpha included.

    Attributes
    ----------
    X : CSR array, (n_samples, n_present)
        The samples, without the features that none of them has.
    state : state
        The state of these features, to be changed by the descent.
    """

    def __init__(self, X, whole, l2):
        self.index, place = np.unique(X.indices, return_inverse=True)
        place = place.astype(X.indices.dtype, copy=False)
        self.X = assembled(sp.csr_array, (X.data, place, X.indptr), (X.shape[0], len(self.index)))
        self.whole, self.state, self.l2 = whole, whole.part(self.index), l2
        squares, self.age = whole.known_squares()
        self.others = squares - self.state.sum_of_squares()

    @classmethod
    def of(cls, X, state, solver, settings, penalty, alpha):
        """The call on few features; None where it has to work on all."""
        if not sp.issparse(X) or X.shape[1] <= max(LEAST_FEATURES, FEWER * X.nnz):
            return None
        form = penalty.elastic_net()
        shrinks = form is not None and not (form.l1 * alpha > 0.0 or form.nonnegative or penalty.standardize)
        if shrinks and solver.moves_present_features(settings) and state.has_parts(settings):
            few = cls(X, state, form.l2 * alpha)
            return few if np.isfinite(few.others) else None
        return None

    def penalty_elsewhere(self):
        """alpha R of the coefficients of all other features."""
        return self.state.penalty_of(self.others, self.l2)

    def keep(self):
        """Let the state of the stream take in what has been learned; returns it."""
        self.whole.take(self.index, self.state, self.others + self.state.sum_of_squares(), self.age)
        return self.whole
