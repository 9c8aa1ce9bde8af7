"""The state of proximal row steps between passes. Pickled with the estimator; imports no numba."""

from dataclasses import dataclass, fields

import numpy as np

from .._array_parts import ArrayPenalty
from .._layout import (
    CURVATURE_SUM,
    CURVATURE_WEIGHT,
    INFORMATION,
    ITERATE_WEIGHT,
    MEAN_SQUARE,
    MIXED_LOSS,
    N_ROW_COUNTERS,
    PAST_WEIGHT,
    PENDING_WEIGHT,
    R_SQUARE,
    REFRESH_AT,
    ROWS,
    STEPS,
    TARGET_WEIGHT,
    WEIGHT_SUM,
    Columns,
    Mixture,
    Track,
)
from .._stored import stored
from ..objective._moments import Moments
from ..objective._null_model import NullModel, balance, running_null_model
from ..objective._preconditioner import feature_scale, l2_of_features, usable_variance
from . import _rows_parts as parts
from ._rows_arrays import FIRST_AVERAGE, LENGTHS, N_AVERAGED, N_MODELS, PAST_LOSSES, alone, grown_targets, new_mixture, new_track
from ._rows_curvature import known_curvature, relative_l2, slopes_at_average
from ._rows_prediction import NULL_UNTIL, weights_to_predict
from ._rows_upgrade import complete
from ._state import ModelState, copied, is_worn

LAST_ITERATE_HANDICAP = 1.05  # after `fit`, whose averages are accurate, a last iterate must predict better by this factor


@stored
@dataclass
class RowsState:
    """The state that one pass of proximal row steps passes on to the next.

    Parameters
    ----------
    n_outputs : int
        Scores of a sample.
    dense_layout : bool
        Whether coefficients are laid out for dense rows.
    track : Track
        The models: the step length of each track, the last iterates, and the averages of the first tracks.
    mixture : Mixture
        The weights by which the models are combined for prediction.
    columns : Columns
        Moments of the features, and the mean and scale in use.
    counters : ndarray, (N_ROW_COUNTERS,)
        Steps, weight and number of the samples, and sums over them; `_layout` names the indices.
    null : ndarray, (n_outputs,)
        Scores of the null model at the last update of the features' scales; NaN before any sample.
    typical_curvature : float
        The typical curvature of the loss for the targets at that update: the unit of the penalty "auto".
    length : float
        The factor on all step lengths, which plateaus of `fit` lower.
    averaged_only : bool
        Predict with an average, even if a last iterate predicts better.
    seen : Moments or None
        Of the features so far, if the unit of the penalty is the size of the features.
    squares : ndarray or None
        The sums of `_rows_parts.squares_of` over all features; None where they are not known.
    squares_age : int
        How many calls have changed them since they were summed.
    predicts : ndarray or None
        The weights of the models that predict.
    """

    n_outputs: int
    dense_layout: bool
    track: Track
    mixture: Mixture
    columns: Columns
    counters: np.ndarray
    null: np.ndarray
    typical_curvature: float = 1.0
    length: float = 1.0
    averaged_only: bool = False
    seen: Moments | None = None
    squares: np.ndarray | None = None
    squares_age: int = 0
    predicts: np.ndarray | None = None
    table = None  # of which the arrays are views, once a call has worked on some of the features; see `_rows_parts.pack`

    @classmethod
    def resumed(cls, state, objective, averaged_only):
        """The state to resume from: `state` itself if it is a `RowsState`, else a new one at its model, or before any sample."""
        if isinstance(state, cls):
            state.averaged_only, state.squares = averaged_only, None
            return state
        if state is None:
            return cls.begin(objective, averaged_only)
        if getattr(state, "moments", None) is None:
            # The samples behind the model are unknown: the current ones are used instead.
            theta = state.predicting(objective)
            state = ModelState.of(objective, theta, objective.value(theta), state.steps)
        return cls.at(state, objective, averaged_only)

    @classmethod
    def begin(cls, objective, averaged_only=False):
        """The state before the first sample.

        Parameters
        ----------
        objective : Objective
            The objective; its first sample is the shift of the moments.
        averaged_only : bool, default=False
            Predict with an average, even if a last iterate predicts better.

        Returns
        -------
        RowsState
        """
        state = cls._empty(objective, averaged_only)
        state.columns.shift[:] = objective.rows.first_row()
        if not objective.one_vs_rest:
            state.track.targets[0] = objective.target[0]
        return state

    @classmethod
    def at(cls, model, objective, averaged_only=False):
        """The state of a stream whose samples, those of a `ModelState`, have led to its model."""
        state = cls._empty(objective, averaged_only)
        state._resume(objective, model)
        return state

    @classmethod
    def _empty(cls, objective, averaged_only):
        """A state of zeros in the layout of the objective's rows."""
        d, n_outputs, dense = objective.n_features, objective.n_outputs, objective.rows.layout == "dense"
        return cls(
            n_outputs,
            dense,
            track=new_track(n_outputs, d, dense),
            mixture=new_mixture(n_outputs),
            columns=Columns(*np.zeros((len(Columns._fields), d))),
            counters=np.zeros(N_ROW_COUNTERS),
            null=np.full(n_outputs, np.nan),
            averaged_only=averaged_only,
        )

    def _resume(self, objective, model):
        """Set a new state as if the samples behind a `ModelState` had led to its model."""
        moments, rows, counters = model.moments, model.rows, self.counters
        # 1. the features: moments, mean and scale
        shift = moments.mean if self.dense_layout else np.zeros(len(moments.mean))
        offset = moments.mean - shift
        centred = objective.fit_intercept
        variance = usable_variance(moments, fit_intercept=centred, centred=centred)
        unit = objective.unit_at(moments)
        l2 = l2_of_features(unit, relative_l2(objective, objective.typical_curvature(moments.target)))
        scale = feature_scale(variance, l2)
        counters[REFRESH_AT] = np.floor(1.1 * rows) + 1.0
        self.columns = Columns(
            shift.copy(),
            moments.weight * offset,
            moments.weight * (moments.variance + offset**2),
            moments.mean.copy() if centred else np.zeros(len(shift)),
            scale,
            unit,
            moments.weight * moments.known_share,
            np.zeros(len(shift)),
            np.full(len(shift), counters[REFRESH_AT]),
        )
        # 2. every track begins at the model, as does its average
        coef, intercept = model.coef, model.intercept
        # The coefficient of a constant feature goes to the intercept.
        intercept = intercept + coef @ moments.mean if centred else np.zeros(self.n_outputs)
        v = np.divide(coef, scale, out=np.zeros(coef.shape), where=scale > 0.0)
        v, intercept = np.tile(v, (len(LENGTHS), 1)), np.tile(intercept, len(LENGTHS))
        weight = 2.0 / 3.0 * rows**1.5
        averaged = slice(0, N_AVERAGED * self.n_outputs)
        self.set_models(v, weight * v[averaged])
        self.track = self.track._replace(intercept=intercept, intercept_total=weight * intercept[averaged])
        counters[[STEPS, WEIGHT_SUM, ROWS, ITERATE_WEIGHT]] = model.steps, moments.weight, rows, weight
        if not objective.one_vs_rest:
            self.track.targets[0], counters[TARGET_WEIGHT] = model.target_mean, moments.weight
            self.null = self.null_model(objective).intercept
        counters[INFORMATION], counters[MEAN_SQUARE] = 1.0, 1.0 + (variance * scale * scale).sum()
        # 3. the progressive losses of the models
        self.track.losses[:] = PAST_LOSSES * max(model.value, 0.0)
        self.track.losses[:FIRST_AVERAGE] *= LAST_ITERATE_HANDICAP
        self.track.losses[-1] = np.inf
        self.mixture.sums[[PAST_WEIGHT, MIXED_LOSS]] = PAST_LOSSES, self.track.losses[FIRST_AVERAGE]

    def __getstate__(self):
        return vars(self.copy())

    def __setstate__(self, stored):
        vars(self).update(stored)
        complete(self)

    @property
    def steps(self):
        """The number of steps so far."""
        return int(self.counters[STEPS])

    @property
    def rows(self):
        """The number of samples behind the model."""
        return self.counters[ROWS]

    def rows_to_refresh(self):
        """The number of samples until the next update of the null model after one that is due."""
        if not np.isfinite(self.null[0]):
            return 1
        rows, due = self.counters[ROWS], self.counters[REFRESH_AT]
        return int((np.floor(1.1 * (rows + 1.0)) + 1.0 if rows + 1.0 >= due else due) - 1.0 - rows)

    def null_model(self, objective):
        """The null model of the samples so far; its intercept is NaN before the first, and 0 without an intercept."""
        if self.counters[TARGET_WEIGHT] == 0.0 or not objective.fit_intercept:
            intercept = np.full(self.n_outputs, np.nan if objective.fit_intercept else 0.0)
            return NullModel(intercept, np.nan, np.full(self.n_outputs, np.nan), np.nan)
        return running_null_model(objective, self.track.targets, self.counters[TARGET_WEIGHT], self.rows)

    def _typical_curvature(self, objective):
        """The loss's typical curvature for the targets so far."""
        weight = self.counters[TARGET_WEIGHT]
        if not objective.loss.scales_with_target or weight == 0.0:
            return 1.0
        shift, total, square = self.track.targets
        away, square = total / weight, square / weight
        return objective.typical_curvature(Moments(weight, shift + away, np.maximum(square - away * away, 0.0)))

    def update_null(self, objective):
        """Update the null model, and set the intercepts to it until the samples provide enough information.

        This happens only when the features' scales get out of date, so that the split of a stream into calls makes no difference.
        """
        counters, track = self.counters, self.track
        if counters[ROWS] + 1.0 < counters[REFRESH_AT] and np.isfinite(self.null[0]):
            return
        # 1. the null model, and the information of a sample, which is low if events are rare
        null, averaged = self.null_model(objective), slopes_at_average(objective)
        self.null, self.typical_curvature = null.intercept, self._typical_curvature(objective)
        counters[INFORMATION] = 1.0
        curvature = known_curvature(objective, self.typical_curvature)
        curvature = counters[CURVATURE_SUM] / max(counters[CURVATURE_WEIGHT], 1e-300) if curvature is None else curvature
        if not objective.loss.scales_with_target:
            counters[INFORMATION] = balance(objective, track.targets, counters[TARGET_WEIGHT])
        elif averaged and curvature > 0.0 and np.isfinite(null.curvature[0]):
            # The null model predicts one target, at which a loss may be flat, such as one with an insensitive tube.
            counters[INFORMATION] = min(max(null.curvature.mean(), self.typical_curvature) / curvature, 1.0)
        # 2. the start; the intercept of a fit is better than the null model
        begun = counters[INFORMATION] * counters[ROWS] >= NULL_UNTIL or np.isinf(track.losses[-1])
        if objective.fit_intercept and averaged and not begun:
            track.intercept[:] = np.tile(self.null, len(LENGTHS))
            if not track.intercept_total.any():
                track.intercept_total[:] = counters[ITERATE_WEIGHT] * np.tile(self.null, N_AVERAGED)

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
            intercepts of both, (scores,), for centred features.
        """
        track = self.track
        v, total = self._by_score(track.v), self._by_score(track.total)
        r = self.columns.mean * self.columns.scale
        weight = max(self.counters[ITERATE_WEIGHT], 1.0)
        average = (self.counters[PENDING_WEIGHT] * v[: len(total)] + total - np.outer(track.centring_total, r)) / weight
        return v - np.outer(track.centring, r), average, track.intercept, track.intercept_total / weight

    def predicting(self, objective):
        """theta of the mixture of the models, after a last step of the penalty's prox."""
        self.predicts = weights_to_predict(self, objective).copy()
        return self._theta(objective, self.predicts)

    def alternatives(self, objective):
        """theta of every model that may predict alone, but for the null model."""
        for model in range(FIRST_AVERAGE if self.averaged_only else 0, N_MODELS - 1):
            yield self._theta(objective, alone(model))

    def _theta(self, objective, weights):
        """theta of the models with these weights, after a last step of the penalty's prox."""
        # 1. the mixture: a sum of models, with the null model and the offset in its intercept
        track, has_prox = self.track, objective.penalty.has_prox()
        coef, intercept = self._mixed(weights), self._mixed_scores(weights, track.intercept, track.intercept_total)
        null = np.nan_to_num(self.null_model(objective).intercept) if weights[-2] > 0.0 else 0.0
        intercept = intercept + weights[-2] * null + weights[-1] * self.mixture.offset
        # 2. a short proximal step, after which the model is in the domain of the penalty and has exact zeros
        if has_prox:
            steps = np.concatenate([track.step[1:], track.step[:N_AVERAGED]])
            coef = self._after_prox(objective, coef, float(weights[:-2] @ steps))
        # 3. the intercept for uncentred features: less the score of the mean sample
        if not objective.fit_intercept:
            intercept = np.zeros(self.n_outputs)
        elif has_prox or self.dense_layout:
            intercept = intercept - coef @ self.columns.mean
        else:
            intercept = intercept - self._mixed_scores(weights, track.mean_score, track.mean_score_total)
        return objective.pack(coef, intercept)

    def _mixed(self, weights, index=slice(None)):
        """The coefficients of the mixture, (n_outputs, n_features), for all or some of the features."""
        gammas = parts.gammas(self, weights)
        return np.stack([parts.combined(self, output, gamma, index) for output, gamma in enumerate(gammas)])

    def _mixed_scores(self, weights, last, total):
        """A number for each score of the mixture, from those of the last iterates and of the sums of iterates."""
        average = total / max(self.counters[ITERATE_WEIGHT], 1.0)
        return weights[:-2] @ np.concatenate([last[self.n_outputs :], average]).reshape(-1, self.n_outputs)

    def leans_on_null(self):
        """Whether the null model had most of the weight in the last prediction."""
        return self.predicts is not None and self.predicts[-2] > 0.5

    def _after_prox(self, objective, coef, length):
        """The coefficients after a proximal step of the tracks' mean length."""
        # The unit comes from the stream so far, not from the objective's samples.
        scale = np.tile(self.columns.unit, self.n_outputs) if objective.penalty.standardize else None
        flat, step = coef.ravel(), np.tile(length * self.columns.scale**2, self.n_outputs)
        ArrayPenalty(objective.penalty, objective.alpha, scale).prox(flat, step)
        return flat.reshape(coef.shape)

    def _by_score(self, coefficients):
        """Coefficients in the layout of the rows as (scores, n_features), or the reverse."""
        return coefficients if self.dense_layout else np.ascontiguousarray(coefficients.T)

    def set_models(self, last, total):
        """Set the last iterates and the sums of all iterates, (scores, n_features), with no pending additions for CSR."""
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

    # --- some of the features, of CSR rows -------------------------------------------------------------------------------

    def has_parts(self, settings, penalty):
        """Whether steps on CSR samples change only what belongs to their features, but for updates of all."""
        return settings.automatic and not self.dense_layout and parts.are_known(self, penalty)

    def features_to_change(self, X, present):
        """The features that a call on these samples changes, of which it has `present`."""
        return parts.ever_present(self, present) if parts.is_due(self, X) else present

    def part(self, index):
        """A state of some of the features, which shares no array with this one."""
        return parts.part_of(self, index)

    def take(self, index, part, squares, age, objective):
        """Take in the part of the features `index`; `squares` are those of the others, `age` is that of the sum of all."""
        parts.take(self, index, part)
        self.squares, self.squares_age, self.predicts = squares + parts.squares_of(part), age, part.predicts

    def squares_and_those_of(self, part):
        """The sums of `_rows_parts.squares_of`, those of a part, and how many calls have changed them since they were taken."""
        squares, age = self.squares, self.squares_age
        if squares is None or is_worn(age, len(self.columns.mean)):
            squares, age = parts.squares_of(self, np.flatnonzero(self.columns.nonzero)), 0
        return squares, parts.squares_of(part), age

    def sum_of_squares(self, squares, all_squares, objective):
        """The squared coefficients that predict, in units of the penalty, summed; their absolute terms, of `all_squares`, too."""
        gamma = parts.gammas(self, self.predicts)
        largest = parts.quadratic_form(np.abs(all_squares), 1.0, np.abs(gamma), objective)
        return parts.quadratic_form(squares, -1.0, gamma, objective), largest

    def coefficients(self, index=slice(None)):
        """The coefficients that predict, (n_outputs, n_features), of all or some of the features."""
        return self._mixed(self.predicts, index)

    # --- other rows, other classes ---------------------------------------------------------------------------------------

    def adapt(self, objective):
        """Change the layout to that of the objective's rows, dense or CSR."""
        dense = objective.rows.layout == "dense"
        if dense == self.dense_layout:
            return
        last, average, _, _ = self.models()
        self.dense_layout = dense
        self.set_models(last, average * max(self.counters[ITERATE_WEIGHT], 1.0))
        if not dense:
            # The sums for CSR rows are relative to a centre of zero.
            columns, weight = self.columns, self.counters[WEIGHT_SUM]
            columns.square[:] += columns.shift * (2.0 * columns.total + weight * columns.shift)
            columns.total[:] += weight * columns.shift
            columns.shift[:] = 0.0

    def grow(self, growth):
        """Add outputs for new classes, with coefficients of zero."""
        n_outputs, weight = self.n_outputs, max(self.counters[ITERATE_WEIGHT], 1.0)
        last, average, intercept, average_intercept = self.models()

        def grown(values, function):
            """Apply `function` to the scores of each track, along the first axis."""
            return np.concatenate([function(values[at : at + n_outputs]) for at in range(0, len(values), n_outputs)])

        self.set_models(grown(last, growth.coefficients), weight * grown(average, growth.coefficients))
        self.n_outputs = len(growth.mapping)
        self.track = self.track._replace(
            intercept=grown(intercept, growth.intercepts),
            intercept_total=weight * grown(average_intercept, growth.intercepts),
            targets=grown_targets(self.track.targets, self.counters[TARGET_WEIGHT], growth),
        )
        self.null = np.full(self.n_outputs, np.nan)
        self.mixture = self.mixture._replace(offset=growth.coefficients(self.mixture.offset[:, None])[:, 0])

    def kept_at(self, objective, theta, value):
        """A copy that predicts with `theta`, the best model, where the objective is `value`."""
        if np.array_equal(theta, self.predicting(objective)):
            return self.copy()
        return RowsState.at(ModelState.of(objective, theta, value, self.steps), objective, self.averaged_only)
