"""What proximal row steps keep from one pass to the next. Pickled with the estimator; imports no numba."""

from dataclasses import dataclass, fields

import numpy as np

from .._array_parts import ArrayPenalty
from .._layout import (
    ITERATE_WEIGHT,
    MEAN_SQUARE,
    N_MIXTURE_SUMS,
    N_ROW_COUNTERS,
    PAST_WEIGHT,
    PENDING_WEIGHT,
    R_SQUARE,
    REFRESH_AT,
    ROWS,
    STEPS,
    WEIGHT_SUM,
    Columns,
    Mixture,
    Track,
)
from ..objective._moments import Moments
from ..objective._preconditioner import feature_scale, l2_of_features, usable_variance
from ._state import ModelState, copied

LENGTHS = (0.4, 10.0, 0.02)  # relative step lengths of the tracks: a cautious one, a bold one, and one that drifts slowly
N_AVERAGED = 2  # tracks whose iterates are averaged: the first ones
LAST_ITERATE_HANDICAP = 1.05  # after a fit, which has averaged enough, a last iterate must predict better by this factor
PAST_LOSSES = 500.0  # samples whose loss a fit contributes to the progressive losses


def known_curvature(objective):
    """The loss's second derivative in a score, or a bound of it; None if it has to be estimated from the stream."""
    loss, coupled = objective.loss, objective.array_loss.coupled
    bound = loss.largest_curvature(coupled)
    if bound is not None:
        return float(bound)
    if coupled:
        return 1.0
    return None if loss.smooth or loss.scales_with_target else 1.0


def relative_l2(objective):
    """The l2 penalty's curvature over that of the loss, which counts as 1 if it is unknown."""
    form = objective.penalty.elastic_net()
    return objective.alpha * (form.l2 if form else 0.0) / (known_curvature(objective) or 1.0)


def new_mixture(n_outputs):
    """A mixture that has seen no sample: the first average predicts."""
    n_models = len(LENGTHS) + N_AVERAGED
    n_terms = n_models + 1
    mixture = Mixture(
        weights=np.zeros(n_terms),
        products=np.zeros((n_terms, n_terms)),
        right=np.zeros(n_terms),
        offset=np.zeros(n_outputs),
        sums=np.zeros(N_MIXTURE_SUMS),
    )
    mixture.weights[len(LENGTHS)] = 1.0
    return mixture


@dataclass
class RowsState:
    """What one pass of proximal row steps hands on to the next.

    Parameters
    ----------
    n_outputs : int
        Scores of a sample.
    dense_layout : bool
        Whether coefficients are laid out for dense rows.
    track : Track
        The models: a step length for each track, their last iterates, and the averages of the first tracks.
    mixture : Mixture
        How the models are weighed into the one that predicts.
    columns : Columns
        Moments of the features, and the mean and scale in use.
    counters : ndarray, (N_ROW_COUNTERS,)
        Steps, weight and number of the samples, and sums over them; the places are named in `_layout`.
    length : float
        Factor on all step lengths, which plateaus of `fit` lower.
    averaged_only : bool
        Predict with an average, even if a last iterate predicts better.
    seen : Moments or None
        Of the features so far, where the penalty counts coefficients in standard deviations.
    """

    n_outputs: int
    dense_layout: bool
    track: Track
    mixture: Mixture
    columns: Columns
    counters: np.ndarray
    length: float = 1.0
    averaged_only: bool = False
    seen: Moments | None = None

    def __setstate__(self, stored):
        vars(self).update(stored)
        columns = self.columns
        if len(columns.nonzero) < len(columns.total):
            # A pickle of a version that did not count zeros, nor kept units: these are updated with the next sample.
            self.columns = columns._replace(nonzero=np.full(len(columns.total), self.counters[WEIGHT_SUM]))
            self.counters[REFRESH_AT] = 0.0
        if "mixture" not in stored:
            self._add_mixture()

    @classmethod
    def resumed(cls, state, objective, averaged_only):
        """The state to go on from: `state` itself where it is one of rows, else a new one at its model, or before any sample."""
        if isinstance(state, cls):
            state.averaged_only = averaged_only
            return state
        if state is None:
            return cls.begin(objective, averaged_only)
        if getattr(state, "moments", None) is None:
            # Nothing is known of the samples behind the model: those in hand stand for them.
            theta = state.predicting(objective)
            state = ModelState.of(objective, theta, objective.value(theta), state.steps)
        return cls.at(state, objective, averaged_only)

    @classmethod
    def begin(cls, objective, averaged_only=False):
        """The state before the first sample.

        Parameters
        ----------
        objective : Objective
            Its first sample shifts the moments.
        averaged_only : bool, default=False
            Predict with an average, even if a last iterate predicts better.

        Returns
        -------
        RowsState
        """
        state = cls._empty(objective, averaged_only)
        state.columns.shift[:] = objective.rows.first_row()
        state.track.targets[0] = objective.target[0]
        return state

    @classmethod
    def at(cls, model, objective, averaged_only=False):
        """The state of a stream that the samples of a `ModelState` would have led to its model."""
        state = cls._empty(objective, averaged_only)
        state._resume(objective, model)
        return state

    @classmethod
    def _empty(cls, objective, averaged_only):
        """A state of zeros in the layout of the objective's rows."""
        d, n_outputs, n_tracks = objective.n_features, objective.n_outputs, len(LENGTHS)
        dense = objective.rows.layout == "dense"
        last, averaged = [(n * n_outputs, d) if dense else (d, n * n_outputs) for n in (n_tracks, N_AVERAGED)]
        track = Track(
            v=np.zeros(last),
            total=np.zeros(averaged),
            intercept=np.zeros(n_tracks * n_outputs),
            intercept_total=np.zeros(N_AVERAGED * n_outputs),
            centring=np.zeros(n_tracks * n_outputs),
            centring_total=np.zeros(N_AVERAGED * n_outputs),
            mean_score=np.zeros(n_tracks * n_outputs),
            mean_score_total=np.zeros(N_AVERAGED * n_outputs),
            pending_step=np.zeros(n_tracks),
            step=np.zeros(n_tracks),
            losses=np.zeros(n_tracks + N_AVERAGED),
            targets=np.zeros((3, n_outputs)),
        )
        columns, counters = Columns(*np.zeros((len(Columns._fields), d))), np.zeros(N_ROW_COUNTERS)
        return cls(n_outputs, dense, track, new_mixture(n_outputs), columns, counters, averaged_only=averaged_only)

    def _resume(self, objective, model):
        """Set a new state as if the samples behind a `ModelState` had led to its model."""
        moments, rows, counters = model.moments, model.rows, self.counters
        # 1. the features: moments, mean and scale
        shift = moments.mean if self.dense_layout else np.zeros(len(moments.mean))
        offset = moments.mean - shift
        centred = objective.fit_intercept
        variance = usable_variance(moments, fit_intercept=centred, centred=centred)
        unit = objective.unit_at(moments)
        l2 = l2_of_features(unit, relative_l2(objective))
        scale = feature_scale(variance, l2)
        self.columns = Columns(
            shift.copy(),
            moments.weight * offset,
            moments.weight * (moments.variance + offset**2),
            moments.mean.copy() if centred else np.zeros(len(shift)),
            scale,
            unit,
            moments.weight * moments.known_share,
        )
        # 2. every track begins at the model, with an average that has been there all along
        coef, intercept = model.coef, model.intercept
        # The coefficient of a constant feature goes to the intercept.
        intercept = intercept + coef @ moments.mean if centred else np.zeros(self.n_outputs)
        v = np.divide(coef, scale, out=np.zeros(coef.shape), where=scale > 0.0)
        v, intercept = np.tile(v, (len(LENGTHS), 1)), np.tile(intercept, len(LENGTHS))
        weight = 0.5 * rows * (rows + 1.0)
        averaged = slice(0, N_AVERAGED * self.n_outputs)
        self._set_models(v, weight * v[averaged])
        self.track = self.track._replace(intercept=intercept, intercept_total=weight * intercept[averaged])
        self.track.targets[0] = model.target_mean
        counters[[STEPS, WEIGHT_SUM, ROWS, ITERATE_WEIGHT]] = model.steps, moments.weight, rows, weight
        counters[REFRESH_AT] = np.floor(1.1 * rows) + 1.0
        counters[MEAN_SQUARE] = 1.0 + (variance * scale**2).sum()
        # 3. what the models have predicted so far
        self.track.losses[:] = PAST_LOSSES * max(model.value, 0.0)
        self.track.losses[: len(LENGTHS)] *= LAST_ITERATE_HANDICAP
        self.mixture.sums[PAST_WEIGHT] = PAST_LOSSES

    def _add_mixture(self):
        """Complete a state of two tracks, both averaged, where the one with the lowest of (2, tracks) losses predicted."""
        last, average, intercept, average_intercept = self.models()
        added, weight = slice(0, self.n_outputs), max(self.counters[ITERATE_WEIGHT], 1.0)
        self._set_models(np.concatenate([last, average[added]]), weight * average)
        losses = self.track.losses.ravel()
        self.track = self.track._replace(
            intercept=np.concatenate([intercept, average_intercept[added]]),
            pending_step=np.append(self.track.pending_step, 0.0),
            step=np.append(self.track.step, 0.0),
            losses=np.insert(losses, N_AVERAGED, losses[N_AVERAGED]),
        )
        self.mixture = new_mixture(self.n_outputs)
        self.mixture.weights[:-1] = np.arange(len(self.track.losses)) == self.track.losses.argmin()
        self.mixture.sums[PAST_WEIGHT] = min(self.rows, PAST_LOSSES)

    @property
    def steps(self):
        """How many steps have been taken."""
        return int(self.counters[STEPS])

    @property
    def rows(self):
        """How many samples the model stands for."""
        return self.counters[ROWS]

    def copy(self):
        """A state that shares no array with this one."""
        return RowsState(**{each.name: copied(getattr(self, each.name)) for each in fields(self)})

    # --- models ----------------------------------------------------------------------------------------------------------

    def models(self):
        """Last iterates of all tracks and averages of the first, in scaled coordinates.

        Returns
        -------
        tuple of ndarray
            Coefficients over `Columns.scale`, (scores, n_features), of the last iterates and of the averages; then the
            intercepts of both, (scores,), for centred features. Scores are those of all tracks, track by track.
        """
        track = self.track
        v, total = self._by_score(track.v), self._by_score(track.total)
        r = self.columns.mean * self.columns.scale
        weight = max(self.counters[ITERATE_WEIGHT], 1.0)
        average = (self.counters[PENDING_WEIGHT] * v[: len(total)] + total - np.outer(track.centring_total, r)) / weight
        return v - np.outer(track.centring, r), average, track.intercept, track.intercept_total / weight

    def predicting(self, objective):
        """theta of the mixture of the models, after a last step of the penalty's prox."""
        # 1. the mixture: a sum of models with an intercept of its own
        weights = self._weights()
        coef, average, intercept, average_intercept = self.models()
        coef, intercept = np.concatenate([coef, average]), np.concatenate([intercept, average_intercept])
        coef = np.tensordot(weights[:-1], coef.reshape(-1, self.n_outputs, coef.shape[1]), 1) * self.columns.scale
        intercept = weights[:-1] @ intercept.reshape(-1, self.n_outputs) + weights[-1] * self.mixture.offset
        # 2. a short proximal step, so that it lies in the penalty's domain and has its exact zeros
        if objective.penalty.has_prox():
            coef = self._after_prox(objective, coef)
        # 3. the intercept for features that are not centred
        intercept = intercept - coef @ self.columns.mean if objective.fit_intercept else np.zeros(self.n_outputs)
        return objective.pack(coef, intercept)

    def _weights(self):
        """The weights of the models and of the offset: those of the mixture, or all on the better of the averages."""
        if not self.averaged_only:
            return self.mixture.weights
        weights = np.zeros(len(self.mixture.weights))
        weights[len(LENGTHS) + self.track.losses[len(LENGTHS) :].argmin()] = 1.0
        return weights

    def _after_prox(self, objective, coef):
        """The coefficients after a proximal step of the cautious track's length."""
        # The unit is that of the stream so far, not of the objective's samples.
        scale = np.tile(self.columns.unit, self.n_outputs) if objective.penalty.standardize else None
        flat, step = coef.ravel(), np.tile(self.track.step[0] * self.columns.scale**2, self.n_outputs)
        ArrayPenalty(objective.penalty, objective.alpha, scale).prox(flat, step)
        return flat.reshape(coef.shape)

    def _by_score(self, coefficients):
        """Coefficients in the layout of the rows as (scores, n_features), or the reverse."""
        return coefficients if self.dense_layout else np.ascontiguousarray(coefficients.T)

    def _set_models(self, last, total):
        """Set the last iterates and the sums of all iterates, (scores, n_features), with nothing left to add for CSR."""
        r = self.columns.mean * self.columns.scale
        self.track = self.track._replace(
            v=self._by_score(last),
            total=self._by_score(total),
            centring=np.zeros(len(last)),
            centring_total=np.zeros(len(total)),
            mean_score=last @ r,
            mean_score_total=total @ r,
        )
        self.counters[PENDING_WEIGHT], self.counters[R_SQUARE] = 0.0, r @ r

    # --- other rows, other classes ---------------------------------------------------------------------------------------

    def adapt(self, objective):
        """Change the layout to that of the objective's rows, dense or CSR."""
        dense = objective.rows.layout == "dense"
        if dense == self.dense_layout:
            return
        last, average, _, _ = self.models()
        self.dense_layout = dense
        self._set_models(last, average * max(self.counters[ITERATE_WEIGHT], 1.0))
        if not dense:
            # The sums of CSR rows are about zero.
            columns, weight = self.columns, self.counters[WEIGHT_SUM]
            columns.square[:] += columns.shift * (2.0 * columns.total + weight * columns.shift)
            columns.total[:] += weight * columns.shift
            columns.shift[:] = 0.0

    def grow(self, growth):
        """Make room for new classes, whose coefficients begin at zero."""
        n_outputs, weight = self.n_outputs, max(self.counters[ITERATE_WEIGHT], 1.0)
        last, average, intercept, average_intercept = self.models()

        def grown(values, function):
            """`function` of the scores of each track, which lie along the first axis."""
            return np.concatenate([function(values[at : at + n_outputs]) for at in range(0, len(values), n_outputs)])

        self._set_models(grown(last, growth.coefficients), weight * grown(average, growth.coefficients))
        self.n_outputs = len(growth.mapping)
        self.track = self.track._replace(
            intercept=grown(intercept, growth.intercepts),
            intercept_total=weight * grown(average_intercept, growth.intercepts),
            targets=np.zeros((3, self.n_outputs)),
        )
        self.mixture = self.mixture._replace(offset=growth.coefficients(self.mixture.offset[:, None])[:, 0])

    def kept_at(self, objective, theta, value):
        """A copy that predicts with `theta`, the best model, where the objective is `value`."""
        if np.array_equal(theta, self.predicting(objective)):
            return self.copy()
        return RowsState.at(ModelState.of(objective, theta, value, self.steps), objective, self.averaged_only)
