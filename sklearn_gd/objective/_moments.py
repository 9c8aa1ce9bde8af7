"""Mean, variance and share of non-zero values of each feature, over all samples seen so far."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._layout import rounding_error
from .._stored import stored


@stored
@dataclass(frozen=True)
class Moments:
    """Weighted mean, variance and share of non-zero values of each feature, and the weight of the samples behind them.

    Parameters
    ----------
    weight : float
        Sum of the samples' weights.
    mean, variance : ndarray, (n_features,)
        Of the features.
    share : ndarray, (n_features,), optional
        Weight of the samples in which the feature is not zero, over `weight`. The default is one, also for pickles of versions
        that did not count zeros.
    target : Moments, optional
        The moments of the targets, if the loss is in units of y.
    since : ndarray, (n_features,), optional
        Mean, variance and share of a feature are of samples of this weight; in those that came later, up to `weight`, it was
        zero. By default they are of all samples.
    """

    weight: float
    mean: np.ndarray
    variance: np.ndarray
    share: np.ndarray | None = None
    target: "Moments | None" = None
    since: np.ndarray | None = None

    def copy(self) -> "Moments":
        """Moments that do not change with these: arrays that may be written to are copied."""
        if self.since is None:
            return self
        arrays = {name: getattr(self, name).copy() for name in ("mean", "variance", "share", "since")}
        return replace(self, **arrays)

    def current(self) -> "Moments":
        """The same, each feature's of all samples."""
        if self.since is None:
            return self
        known = self.since / self.weight
        away = self.mean * (1.0 - known)
        moments = known * self.mean, known * (self.variance + away * self.mean), known * self.known_share
        return Moments(self.weight, *moments, target=self.target)

    def by_feature(self) -> tuple[NDArray[np.float64], ...]:
        """The arrays with an entry for each feature: mean, variance, share, since."""
        since = np.full(len(self.mean), self.weight) if self.since is None else self.since
        return self.mean, self.variance, self.known_share, since

    def with_features(
        self, mean: NDArray[np.float64], variance: NDArray[np.float64], share: NDArray[np.float64], since: NDArray[np.float64]
    ) -> "Moments":
        """These with other features, whose arrays `by_feature` has named; the caller may write to them."""
        return Moments(self.weight, mean, variance, share, self.target, since)

    @property
    def known_variance(self) -> NDArray[np.float64]:
        """The variance, exactly 0 for features that are constant up to rounding."""
        with np.errstate(over="ignore"):
            return np.where(self.variance <= rounding_error(self.mean, 0.0), 0.0, self.variance)

    @property
    def known_share(self) -> NDArray[np.float64]:
        """The share of non-zero values, 1 where zeros have not been counted."""
        return np.ones(len(self.mean)) if self.share is None else self.share

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviation, exactly 0 for features that are constant up to rounding."""
        return np.sqrt(self.known_variance)

    def unit(self, penalty: Any, curvature: float) -> NDArray[np.float64] | None:
        """The penalty's unit of the coefficient of each feature, for a loss of this typical curvature."""
        return penalty.unit()(self.deviation, self.known_share, curvature)

    def merged(self, other: "Moments | None") -> "Moments":
        """The moments over all samples of both; `other` may be None.

        References
        ----------
        T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
        1979, eq. 1.5.
        """
        if other is None:
            return self
        other = other.current()
        weight = self.weight + other.weight
        share, away = other.weight / weight, other.mean - self.mean
        variance = (1.0 - share) * self.variance + share * other.variance + share * (1.0 - share) * away * away
        nonzero = (1.0 - share) * self.known_share + share * other.known_share
        target = self.target if self.target is None or other.target is None else self.target.merged(other.target)
        return Moments(weight, self.mean + share * away, variance, nonzero, target)
