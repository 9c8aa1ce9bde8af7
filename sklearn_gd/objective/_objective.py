"""F, once and for all.

    F(W, b) = sum_i s_i loss(y_i, x_i W + b) / sum_i s_i  +  alpha R(W)

s_i is the row's weight, sample weight times class weight; rows of weight zero have been left out before. The intercept b is
never penalised. With several scores a row's loss is the sum over them, or the loss's own function of the whole row.
"""

import functools

import numpy as np

from .._kernels import blocks, passes
from .._kernels.rows import rows_of
from ._moments import Moments

POWER_STEPS = 20  # products with X and its transpose from which the largest eigenvalue is taken


class Objective:
    """The value and gradient of F over training rows, dense or CSR.

    Parameters
    ----------
    X : ndarray (C-contiguous) or CSR matrix, (n_samples, n_features)
        The rows, of float32 or float64.
    target : ndarray, (n_samples, n_scores) or (n_samples, 1)
        A target for each score; for several classes the class's index.
    weight : ndarray, (n_samples,)
        Positive weights.
    loss : Loss
        The loss.
    penalty : Penalty
        The penalty.
    alpha : float
        The penalty's strength.
    n_outputs : int
        How many scores a row has.
    fit_intercept : bool
        Whether there is an intercept.
    one_vs_rest : bool
        Whether `target` holds class indices.
    seen : Moments, optional
        Of the rows of earlier calls, which count too where the penalty is one in standard deviations.

    Notes
    -----
    Coefficients travel as `theta`, one flat float64 vector: the coefficients in the layout of the rows, then the intercept.
    """

    def __init__(self, X, target, weight, *, loss, penalty, alpha, n_outputs, fit_intercept, one_vs_rest, seen=None):
        self.rows = rows_of(X)
        self.data = passes.Data(self.rows.arrays, target, weight)
        self.weight_sum = float(weight.sum())
        self.seen = seen
        self.loss = loss
        self.penalty = penalty
        self.alpha = float(alpha)
        self.n_outputs = n_outputs
        self.fit_intercept = fit_intercept
        self.functions = blocks.loss_functions(loss, n_outputs, one_vs_rest)
        self.loss_blocks = blocks.loss_blocks(self.functions)
        spread = None
        if penalty.standardize:
            spread = self.rows.from_coef(np.tile(np.sqrt(self.moments.known_variance), (n_outputs, 1)))
        self.penalty_blocks = blocks.penalty_blocks(penalty, spread)

    @property
    def n_samples(self):
        """How many rows count."""
        return self.rows.shape[0]

    @functools.cached_property
    def moments(self):
        """Weighted mean and variance of every column, over these rows and those seen before."""
        return Moments(self.weight_sum, *passes.column_moments(self.rows, self.data.weight)).merged(self.seen)

    def largest_eigenvalue(self, columns=None, centre=None):
        """That of the rows' weighted second moments, the intercept's column of ones included, by the power method.

        `columns` has a positive factor for the square of each column, `centre` what it is centred by; 1 and 0 where None.
        """
        n, d = self.rows.shape
        factor = np.append(np.ones(d) if columns is None else np.sqrt(columns), float(self.fit_intercept))
        centre = np.zeros(d) if centre is None else centre
        vector = np.random.RandomState(0).normal(size=d + 1) * (factor > 0.0)
        value = 0.0
        for _ in range(POWER_STEPS):
            vector *= factor / np.linalg.norm(vector)
            raw = np.empty((n, 1))
            passes.scores_pass(self.rows, self.rows.view(vector[:d], 1), vector[d:] - centre @ vector[:d], raw)
            raw *= (self.data.weight / self.weight_sum)[:, None]
            vector = np.zeros(d + 1)
            passes.accumulate_pass(self.rows, raw, self.rows.view(vector[:d], 1), vector[d:])
            vector[:d] -= centre * vector[d]
            vector *= factor
            value = float(np.linalg.norm(vector))
            if not 0.0 < value < np.inf:
                return 0.0
        return 1.1 * value

    def row_bounds(self, order):
        """A bound of the loss's curvature along each row: of its second derivative, times the squared norm of the row.

        A loss without a bound is taken to curve with the size of its target.
        """
        square = passes.row_norms(self.rows, order) + float(self.fit_intercept)
        return square * self._score_bounds(self.data.target[order])

    def batch_bound(self):
        """A bound of the loss's curvature over all rows."""
        return self.largest_eigenvalue() * self._score_bounds(self.data.target).max()

    def _score_bounds(self, target):
        """The bound of the loss's second derivative in a score, for each target."""
        loss, bound = self.loss, self.loss.curvature_bound
        bounds = np.full(len(target), (2.0 if self.functions.whole_row else 1.0) * (bound or 1.0))
        if bound is None and loss.smooth and not self.functions.whole_row:
            bounds *= 1.0 + np.abs(target).max(axis=1)
        return bounds

    @property
    def n_coef(self):
        """How many coefficients there are, without the intercept."""
        return self.rows.shape[1] * self.n_outputs

    def split(self, theta):
        """The coefficients in the layout of the rows, and the intercept: views of `theta`."""
        return self.rows.view(theta[: self.n_coef], self.n_outputs), theta[self.n_coef :]

    def pack(self, coef, intercept):
        """theta of coef_ (n_outputs, n_features) and intercept_ (n_outputs,)."""
        return np.concatenate([self.rows.from_coef(coef), intercept])

    def unpack(self, theta):
        """New arrays coef_ (n_outputs, n_features) and intercept_ (n_outputs,)."""
        return self.rows.to_coef(theta[: self.n_coef], self.n_outputs), theta[self.n_coef :].copy()

    def penalty_value(self, theta):
        """alpha R(W)."""
        penalty = self.penalty_blocks
        return self.alpha * penalty.value(theta[: self.n_coef], penalty.scale, penalty.parameters)

    def value(self, theta):
        """F."""
        coef, intercept = self.split(theta)
        loss = passes.value_pass(self.rows, self.data, coef, intercept, self.loss_blocks)
        return loss / self.weight_sum + self.penalty_value(theta)

    def gradient(self, theta):
        """The gradient of F's smooth part, in the layout of theta; zero for an intercept that is not fitted."""
        coef, intercept = self.split(theta)
        gradient = np.zeros(len(theta))
        gradient_coef, gradient_intercept = self.split(gradient)
        passes.gradient_pass(self.rows, self.data, coef, intercept, self.loss_blocks, gradient_coef, gradient_intercept)
        gradient /= self.weight_sum
        if not self.fit_intercept:
            gradient_intercept[:] = 0.0
        penalty = self.penalty_blocks
        penalty.gradient(theta[: self.n_coef], gradient[: self.n_coef], self.alpha, penalty.scale, penalty.parameters)
        return gradient
