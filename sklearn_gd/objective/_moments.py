"""Means and variances of the columns, over all rows seen so far."""

from dataclasses import dataclass

import numpy as np

from .._layout import rounding_error


@dataclass(frozen=True)
class Moments:
    """Weighted mean and variance of every column, and the weight that they stand for.

    Parameters
    ----------
    weight : float
        Sum of the rows' weights.
    mean, variance : ndarray, (n_features,)
        Of the columns.
    """

    weight: float
    mean: np.ndarray
    variance: np.ndarray

    @property
    def known_variance(self):
        """The variance, exactly 0 for features that are constant up to rounding."""
        with np.errstate(over="ignore"):
            return np.where(self.variance <= rounding_error(self.mean, 0.0), 0.0, self.variance)

    def merged(self, other):
        """Those of the rows of both; `other` may be None.

        References
        ----------
        T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
        1979, eq. 1.5.
        """
        if other is None:
            return self
        weight = self.weight + other.weight
        share, away = other.weight / weight, other.mean - self.mean
        variance = (1.0 - share) * self.variance + share * other.variance + share * (1.0 - share) * away * away
        return Moments(weight, self.mean + share * away, variance)
