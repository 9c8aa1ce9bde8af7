"""The state that steps at an automatic rate keep between calls of `partial_fit`. Pickled with the estimator."""

from dataclasses import dataclass, fields

import numpy as np

from .._stored import stored
from ..objective._coordinates import Coordinates
from ..objective._moments import Moments
from ..objective._null_model import convex_curvature
from ._state import StepState, copied

OUTLYING = 100.0  # a squared slope is clipped at this multiple of the mean square, after SAMPLES samples
SAMPLES = 100.0
# In classification descent starts at zero if the curvature at the best intercept is at most this share of that at zero.
DEGENERATE = 1e-3


@stored
@dataclass
class Sizes:
    """Statistics of features and scores so far, from which the coordinates are computed.

    Parameters
    ----------
    reference : ndarray, (n_outputs,)
        The intercept of the model without features at which slopes and curvatures are evaluated.
    moments : Moments or None
        Of the features.
    square, curvature : ndarray, (n_outputs,)
        The means of the squared slopes and of the curvatures.
    weight : float
        The weight of the samples in these means.
    distance : ndarray, (n_outputs,), or None
        The mean distance of the targets from the reference, if the curvature is that of the loss smoothed over it.
    """

    reference: np.ndarray
    moments: Moments | None
    square: np.ndarray
    curvature: np.ndarray
    weight: float = 0.0
    distance: np.ndarray | None = None

    @classmethod
    def begin(cls, objective, moments=None):
        """The statistics before any sample, except those whose `moments` are known."""
        k, unlimited = objective.n_outputs, np.full(objective.n_outputs, np.inf)
        null, zero = objective.null_model(), np.zeros(objective.n_theta)
        _, at_zero = objective.squared_slopes(zero, unlimited, objective.widths_of(None))
        # There is no best intercept if a class has no samples, or if all counts are zero. In regression the curvatures are not
        # compared: under a log link they depend on the unit of the targets.
        exists = objective.loss.scales_with_target & objective.target.any(axis=0)
        usable = np.isfinite(null.intercept) & (exists | (null.curvature > DEGENERATE * at_zero))
        return cls(null.intercept.copy() if usable.all() else np.zeros(k), moments, np.zeros(k), np.zeros(k))

    def start(self, objective):
        """theta of the model without features."""
        return objective.pack(np.zeros((objective.n_outputs, objective.n_features)), self.reference)

    def add(self, objective):
        """Add the samples of an objective."""
        limit = OUTLYING * self.square if self.weight >= SAMPLES else np.full(len(self.square), np.inf)
        start, share = self.start(objective), objective.weight_sum / (self.weight + objective.weight_sum)
        if objective.has_flat_curvature:
            # The targets of an output may all be far from its reference, and several outputs may have different units.
            distance = objective.distances(start)
            self.distance = distance if self.distance is None else self.distance + share * (distance - self.distance)
        square, curvature = objective.squared_slopes(start, limit, objective.widths_of(self.distance))
        self.square = self.square + share * (square - self.square)
        self.curvature = self.curvature + share * (curvature - self.curvature)
        self.weight += objective.weight_sum
        self.moments = objective.moments if objective.seen is not None else objective.moments.merged(self.moments)

    def coordinates(self, objective):
        """The coordinates of the objective's model."""
        slope = np.sqrt(self.square)
        curvature = convex_curvature(objective.loss, self.curvature, slope, slope)
        curvature = np.maximum(curvature, 1e-8 * max(curvature.max(), 1e-300))
        curvature = np.where(curvature > 0.0, curvature, 1.0)
        spread = np.where(slope > 0.0, slope, curvature) / curvature
        return Coordinates.of(objective, self.moments, curvature, spread)


@stored
@dataclass
class AutomaticState:
    """The tracks of a descent that searches for its learning rate.

    Parameters
    ----------
    tracks : list of StepState
        Models that the same optimizer updates at different rates; `rate_scale` is the rate of each.
    losses : ndarray, (n_tracks,)
        Progressive losses of the tracks: on samples not yet learned, discounted with age.
    sizes : Sizes
        The statistics from which the coordinates are computed.
    earlier_steps : int
        The steps before the last restart of the optimizer.
    seen : Moments or None
        Of the features so far, if the unit of the penalty is the size of the features.
    """

    tracks: list[StepState]
    losses: np.ndarray
    sizes: Sizes
    earlier_steps: int = 0
    seen: Moments | None = None

    @property
    def best(self):
        """The track that predicts."""
        return self.tracks[int(np.argmin(self.losses))]

    @property
    def steps(self):
        """The number of steps so far."""
        return self.earlier_steps + self.best.steps

    @property
    def rows(self):
        """The number of samples so far."""
        return self.best.rows

    def predicting(self, objective):
        """theta of the track that predicts."""
        return self.best.predicting(objective)

    def copy(self):
        """A state that shares no array with this one."""
        sizes = Sizes(**{each.name: copied(getattr(self.sizes, each.name)) for each in fields(Sizes)})
        return AutomaticState([track.copy() for track in self.tracks], self.losses.copy(), sizes, self.earlier_steps, self.seen)

    def grow(self, growth):
        """Add outputs for new classes; slopes and curvatures are collected again from the start."""
        for track in self.tracks:
            track.grow(growth)
        sizes, k = self.sizes, len(growth.mapping)
        self.sizes = Sizes(growth.intercepts(sizes.reference), sizes.moments, np.zeros(k), np.zeros(k))

    def adapt(self, objective):
        """Convert the coefficients to the layout of the objective's rows, dense or CSR."""
        for track in self.tracks:
            track.adapt(objective)
