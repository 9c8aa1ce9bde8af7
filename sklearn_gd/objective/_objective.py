"""The definition of F.

    F(W, b) = sum_i s_i loss(y_i, x_i W + b) / sum_i s_i  +  alpha R(W)

s_i is the weight of sample i, sample weight times class weight; samples of weight zero have been removed before. The intercept
b is never penalised. With several scores the loss of a sample is the sum over them, or the loss's own function of all of them.
"""

import functools
from typing import NamedTuple

import numpy as np

from .._array_parts import ArrayPenalty
from .._layout import rounding_error
from ._array_loss import array_loss
from ._moments import Moments
from ._null_model import check_null_model, null_model, smoothing_widths
from ._samples import parts_of, rows_of

QUIET = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # the monitor sees numbers that are not finite
FAR = 4.0  # a score far beyond the margin
POWER_STEPS = 20  # iterations of the power method, each a product with X and one with its transpose


class Data(NamedTuple):
    """The data of the compiled loops: X in the form of its rows, targets (n, n_outputs or 1), positive weights (n,).

    Weights of one may be n views of a single number.
    """

    X: tuple
    target: np.ndarray
    weight: np.ndarray

    @staticmethod
    def strided():
        """The fields whose arrays need not be contiguous."""
        return ("weight",)


class Objective:
    """F over the training samples, its gradient, and the moments of the features.

    Parameters
    ----------
    X : ndarray (C-contiguous), CSR matrix or array on a device, (n_samples, n_features)
        The samples, of float32 or float64.
    target : ndarray, (n_samples, n_outputs) or (n_samples, 1)
        One target per score; with several classes, the index of the class.
    weight : ndarray, (n_samples,)
        Positive weights.
    loss : Loss
        The loss.
    penalty : Penalty
        The penalty.
    alpha : float
        The regularization strength.
    n_outputs : int
        Number of scores per sample.
    fit_intercept : bool
        Whether an intercept is fitted.
    one_vs_rest : bool
        Whether `target` holds class indices.
    seen : Moments, optional
        Moments of the samples of earlier calls, which are included if the penalty is standardized.
    parts : Parts, optional
        The samples in parts; by default X is cut into parts.
    unit : ndarray, optional
        The penalty's unit of each feature's coefficient; by default it is computed from these samples.
    elsewhere : FewFeatures, optional
        Knows the features that X leaves out: their number, and the penalty of their coefficients.

    Notes
    -----
    A model is represented by `theta`, a flat float64 vector of the coefficients, in the layout of the rows, and the intercept.
    Use the objective as a context manager (``with objective:``) around a descent, which keeps its threads alive.
    """

    def __init__(
        self,
        X,
        target,
        weight,
        *,
        loss,
        penalty,
        alpha,
        n_outputs,
        fit_intercept,
        one_vs_rest=False,
        seen=None,
        parts=None,
        unit=None,
        elsewhere=None,
    ):
        self.rows = rows_of(X)
        self.target, self.weight = target, weight
        self.weight_sum = float(weight.sum())
        self.seen, self._null_models, self._validation_maps = seen, {}, []
        self.squares = None  # mean squares of the features about one of their values, known with the moments
        self.loss, self.penalty, self.alpha = loss, penalty, float(alpha)
        self.elastic_net = penalty.elastic_net()  # the penalty in this form; None if it has another one
        self.n_outputs, self.fit_intercept, self.one_vs_rest = n_outputs, fit_intercept, one_vs_rest
        self.array_loss = array_loss(loss, n_outputs, one_vs_rest)
        self.parts = parts or parts_of(self.rows, target, weight, self.array_loss, n_outputs)
        # The penalty's unit of each feature's coefficient, and of each coefficient in theta; None for 1.
        self.unit = self.unit_at(self.moments) if penalty.standardize and unit is None else unit
        self.scale = None if self.unit is None else self.rows.from_coef(np.tile(self.unit, (n_outputs, 1)))
        self.array_penalty = ArrayPenalty(penalty, self.alpha, self.scale)
        self.elsewhere = elsewhere

    def __enter__(self):
        if hasattr(self.parts.map, "__enter__"):
            self.parts.map.__enter__()
        return self

    def __exit__(self, *raised):
        for each in (self.parts.map, *self._validation_maps):
            if hasattr(each, "__exit__"):
                each.__exit__(*raised)

    @property
    def problem(self):
        """The arguments for an objective of the same model over other samples."""
        names = ("loss", "penalty", "alpha", "n_outputs", "fit_intercept", "one_vs_rest", "unit")
        return {name: getattr(self, name) for name in names}

    # --- sizes and layouts ------------------------------------------------------------------------------------------------

    @property
    def n_samples(self):
        """Number of samples."""
        return self.rows.shape[0]

    @property
    def n_features(self):
        """Number of features."""
        return self.rows.shape[1]

    @property
    def n_all_features(self):
        """Number of features, those that X leaves out included."""
        return self.n_features + (0 if self.elsewhere is None else self.elsewhere.n_features)

    @property
    def n_coef(self):
        """Number of coefficients, without the intercept."""
        return self.rows.shape[1] * self.n_outputs

    @property
    def n_theta(self):
        """The length of theta."""
        return self.n_coef + self.n_outputs

    def split(self, theta):
        """The coefficients in the layout of the rows, and the intercept: views of `theta`."""
        return self.rows.view(theta[: self.n_coef], self.n_outputs), theta[self.n_coef :]

    def pack(self, coef, intercept):
        """theta of coef_ (n_outputs, n_features) and intercept_ (n_outputs,)."""
        return np.concatenate([self.rows.from_coef(coef), intercept])

    def unpack(self, theta):
        """New arrays coef_ (n_outputs, n_features) and intercept_ (n_outputs,)."""
        return self.rows.to_coef(theta[: self.n_coef], self.n_outputs), theta[self.n_coef :].copy()

    @property
    def l2(self):
        """The second derivative of the penalty in a coefficient with the unit 1; alpha if it has no elastic-net form."""
        return self.alpha * (1.0 if self.elastic_net is None else self.elastic_net.l2)

    @property
    def has_smooth_penalty(self):
        """Whether the penalty is known to be smooth: an l2 penalty, or none."""
        return self.elastic_net is not None and self.elastic_net.is_smooth(self.alpha)

    # --- F ----------------------------------------------------------------------------------------------------------------

    def penalty_value(self, theta):
        """alpha R(W)."""
        here = self.array_penalty.value(theta[: self.n_coef])
        return here if self.elsewhere is None else here + self.elsewhere.penalty(self)

    @QUIET
    def value(self, theta):
        """F at theta."""
        value = float(self.parts.mean("value", *self.unpack(theta))[0]) + self.penalty_value(theta)
        if self.elsewhere is not None:
            self.elsewhere.check_rounding(value, self)
        return value

    @QUIET
    def gradient(self, theta, divisor=None):
        """The gradient of the smooth part of F, in the layout of theta; zero for an intercept that is not fitted.

        The sum over the samples is divided by the sum of their weights, or by `divisor`.
        """
        coef, intercept = self.parts.total("gradient", *self.unpack(theta))
        divisor = divisor or self.weight_sum
        return self._with_penalty(theta, coef / divisor, intercept / divisor)

    @QUIET
    def value_and_gradient(self, theta):
        """F at theta and the gradient of its smooth part, from one pass over the samples."""
        value, *gradient = self.parts.mean("value_and_gradient", *self.unpack(theta))
        return float(value) + self.penalty_value(theta), self._with_penalty(theta, *gradient)

    def _with_penalty(self, theta, coef, intercept):
        """The gradient in theta: that of the loss plus that of the smooth part of the penalty."""
        gradient = self.pack(coef, intercept if self.fit_intercept else np.zeros(self.n_outputs))
        self.array_penalty.add_gradient(theta[: self.n_coef], gradient[: self.n_coef])
        return gradient

    def prox(self, theta, step):
        """The proximal step of the non-smooth part of the penalty, of length `step`: a new theta."""
        moved = theta.copy()
        self.array_penalty.prox(moved[: self.n_coef], step)
        return moved

    def mean_loss_on(self, X, target, weight):
        """A function that returns the weighted mean loss of other samples at theta, on the threads of the descent."""
        return self._mean_loss(rows_of(X), target, weight)

    def mean_loss_of(self, start, stop):
        """A function that returns the weighted mean loss of the samples `start` to `stop` at theta, on the same threads."""
        return self._mean_loss(self.rows.part(start, stop), self.target[start:stop], self.weight[start:stop])

    def _mean_loss(self, rows, target, weight):
        """A function that returns the weighted mean loss of some samples at theta."""
        entered = self.parts.map if getattr(self.parts.map, "in_process", False) else map
        parts = parts_of(rows, target, weight, self.array_loss, self.n_outputs, entered)
        if parts.map is not entered:
            self._validation_maps.append(parts.map)

        @QUIET
        def mean_loss(theta):
            return float(parts.mean("value", *self.unpack(theta))[0])

        return mean_loss

    @QUIET
    def slopes(self, theta):
        """The derivative of each sample's loss with respect to its scores, (n_samples, n_outputs)."""
        return np.concatenate(self.parts.each("slopes", *self.unpack(theta)))

    @QUIET
    def squared_slopes(self, theta, limit, widths):
        """For each score, the mean squared slope, clipped at `limit`, and the mean curvature; (n_outputs,) both.

        `widths` has the width over which the loss of each score is smoothed; those of scores that share a loss are equal.
        """
        square, curvature = np.empty((2, self.n_outputs))
        for width in np.unique(widths):
            alike = widths == width
            found = self.parts.mean("squared_slopes", *self.unpack(theta), float(width), limit)
            square[alike], curvature[alike] = (each[alike] for each in found)
        return square, curvature

    @QUIET
    def distances(self, theta):
        """For each score, the mean distance from the target, (n_outputs,)."""
        return self.parts.mean("distances", *self.unpack(theta))[0]

    def widths_of(self, distance):
        """The widths over which the loss of each score is smoothed, given its mean distance from the target, or None."""
        widths = np.full(self.n_outputs, self.widths[0])
        return widths if distance is None else np.where(distance > 0.0, distance, widths)

    @property
    def has_flat_curvature(self):
        """Whether the loss of a residual has no curvature far from zero: it is linear there, or not smooth."""
        return self.loss.scales_with_target and bool(self.loss.linear_beyond or not self.loss.smooth)

    @functools.cached_property
    @QUIET
    def is_flat_beyond_margin(self):
        """Whether a smooth loss of margins has no curvature at samples far on the right side, as the squared hinge loss."""
        if not self.loss.smooth or self.loss.scales_with_target or self.array_loss.coupled:
            return False
        y = self.array_loss.encode(np.repeat(self.target[:1], 2, axis=0))
        raw = np.outer(np.ones(self.n_outputs), [-FAR, FAR])
        return not bool((self.array_loss.second_order(y, raw, 0.0)[2] > 0.0).all())

    # --- statistics of the samples ----------------------------------------------------------------------------------------

    @functools.cached_property
    @QUIET
    def moments(self):
        """The `Moments` of these samples and those seen before."""
        shift = self.rows.first_row()
        total, square, share = self.parts.mean("moments", shift)
        mean, variance = shift + total, square - total * total
        wild = ~np.isfinite(square + mean * mean)
        if wild.any():
            column = int(wild.argmax())
            raise ValueError(
                f"X[:, {column}] has values whose weighted sum of squares overflows: divide the feature by a constant"
            )
        self.squares = np.where(total != 0.0, square, np.inf)
        variance = np.where(variance <= rounding_error(mean, square), 0.0, variance)
        return Moments(self.weight_sum, mean, variance, share, self._target_moments()).merged(self.seen)

    def _target_moments(self):
        """The `Moments` of the targets; None for a loss whose scores are not in units of y."""
        if not self.loss.scales_with_target:
            return None
        first = self.target[0]
        away = self.target - first
        mean, square = self.weight @ away / self.weight_sum, self.weight @ (away * away) / self.weight_sum
        return Moments(self.weight_sum, first + mean, np.maximum(square - mean * mean, 0.0))

    def unit_at(self, moments):
        """The penalty's unit of the coefficient of each feature, from the moments of the samples."""
        return moments.unit(self.penalty, self.typical_curvature(moments.target))

    @QUIET
    def typical_curvature(self, target):
        """The typical curvature of the loss in a score for targets with these moments, or 1 for None.

        It is the harmonic mean over the outputs: in a mean, an output in the smallest unit would set the penalty of all.
        """
        if target is None:
            return 1.0
        raw = np.array(self.loss.typical_scores(target.mean, target.deviation)).T
        if not (np.isfinite(raw).all() or self.loss.is_least_squares):
            raise ValueError(
                f"y has values of up to {np.abs(self.target).max():.3g}, whose weighted sum of squares overflows: divide y by a "
                f"constant"
            )
        y = self.array_loss.encode(np.repeat(target.mean[None], 2, axis=0))
        slope = self.array_loss.gradient(y, raw)
        curvatures = (slope[:, 1] - slope[:, 0]) / (raw[:, 1] - raw[:, 0])
        curvature = 1.0 / float(np.mean(1.0 / curvatures[curvatures > 0.0])) if (curvatures > 0.0).any() else 0.0
        return curvature if 0.0 < curvature < np.inf else 1.0

    @functools.cached_property
    def widths(self):
        """The widths over which the loss is smoothed in each stage; a single 0 if it is smooth."""
        return smoothing_widths(self)

    def null_model(self, width=None):
        """The null model, with the loss smoothed over `width`, by default that of the first stage. Its F must be finite."""
        null = self._null_model(self.widths[0] if width is None else width)
        check_null_model(null, self)
        return null

    def _null_model(self, width):
        """The null model, computed once for each width."""
        if width not in self._null_models:
            self._null_models[width] = null_model(self, width)
        return self._null_models[width]

    @property
    def null_model_has_loss(self):
        """Whether F of the null model says something about other models: the perceptron loss of the null model is zero."""
        return self.null_model(0.0).value != 0.0

    def null_value(self):
        """The loss of the null model, the unit of tolerances; of the smoothed loss where it is zero without smoothing."""
        null = self.null_model()
        return null.plain if self.null_model_has_loss else null.value

    def null_theta(self):
        """theta of the null model, even if its F is not finite."""
        return self.pack(np.zeros((self.n_outputs, self.n_features)), self._null_model(self.widths[0]).intercept)

    @functools.cached_property
    @QUIET
    def square_norms(self):
        """|x|^2 of each sample, and 1 for the intercept."""
        norms = self.rows.square_norms()
        if not np.isfinite(norms).all():
            raise ValueError("X has a sample whose sum of squares overflows: divide the features with large values by a constant")
        return norms + float(self.fit_intercept)

    @QUIET
    def largest_eigenvalue(self, lengths=None, mean=None):
        """The largest eigenvalue of the weighted second moments of features and intercept, by the power method.

        `lengths` has a positive factor for the square of each feature, by default 1; `mean` its centre, by default 0.
        """
        d = self.n_features
        factor = np.append(np.ones(d) if lengths is None else np.sqrt(lengths), float(self.fit_intercept))
        mean = np.zeros(d) if mean is None else mean
        vector = np.random.RandomState(0).normal(size=d + 1) * (factor > 0.0)
        value = 0.0
        for _ in range(POWER_STEPS):
            vector *= factor / np.linalg.norm(vector)
            coef, intercept = self.parts.mean("normal_product", vector[None, :d], vector[d:] - mean @ vector[:d])
            vector = np.append(coef[0] - mean * intercept[0], intercept[0]) * factor
            value = float(np.linalg.norm(vector))
            if not 0.0 < value < np.inf:
                return 0.0
        return 1.1 * value

    @QUIET
    def curvature_bounds(self):
        """A bound of the curvature of each sample's loss: of the second derivative, times the squared norm of the sample."""
        return self.square_norms * self._score_bounds(self.target)

    def curvature_bound(self):
        """A bound of the loss's curvature over all samples."""
        return self.largest_eigenvalue() * self._score_bounds(self.target).max()

    def _score_bounds(self, target):
        """The bound of the loss's second derivative in a score, for each target.

        Without a known bound, 1 is assumed, and for a smooth loss 1 plus the size of the target.
        """
        coupled = self.array_loss.coupled
        bound = self.loss.largest_curvature(coupled)
        if bound is not None:
            return np.full(len(target), bound)
        if coupled:
            return np.full(len(target), 2.0)
        return 1.0 + np.abs(target).max(axis=1) if self.loss.smooth else np.ones(len(target))

    # --- for the compiled loops -------------------------------------------------------------------------------------------

    @functools.cached_property
    def data(self):
        """The samples in the form that the compiled loops read."""
        return Data(self.rows.arrays, self.target, self.weight)

    @functools.cached_property
    def functions(self):
        """The functions of the loss as leaves."""
        from .._kernels.blocks import loss_functions

        return loss_functions(self.loss, self.n_outputs, self.one_vs_rest)

    @functools.cached_property
    def loss_blocks(self):
        """The compiled functions of the loss."""
        from .._kernels.blocks import loss_blocks

        return loss_blocks(self.functions)

    @functools.cached_property
    def penalty_blocks(self):
        """The compiled functions of the penalty."""
        from .._kernels.blocks import penalty_blocks

        return penalty_blocks(self.penalty, self.scale)
