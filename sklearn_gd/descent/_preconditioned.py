"""The common base of the four batch methods: preconditioned coordinates, stages of smoothing, and evaluations of F."""

import math
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..objective._preconditioner import Preconditioner
from ._blocks import Blocks
from ._loop import Iterate, Method

# F of a start, as a multiple of that of the null model, above which descent begins at the null model. The rounding errors of such
# a start, for example one in other units, exceed the differences between all better models.
USELESS = 1e6
REFRESH = 25  # iterations between two recomputations of the scores from the coefficients
NEGLIGIBLE = 0.1  # of the tolerance, what the smoothed F may exceed F by without a narrower stage
LEAST_STAGES = 3  # of smoothing, before F decides whether another, narrower one follows


class ScaledCoordinates:
    """The coordinates u of a model: one flat vector, the coefficients (n_outputs, n_features) over their scales, then intercepts.

    Attributes
    ----------
    parts : Parts or Selected
        The samples, with the features that u has.
    frame : Preconditioner
        The scales of the coordinates.
    shape : tuple of int
        Outputs and features.
    width : float
        The width over which the loss is smoothed.
    """

    parts: Any
    frame: Preconditioner
    shape: tuple[int, int]
    width: float

    @property
    def n_coef(self) -> int:
        """The number of coefficients in u, without the intercepts."""
        return self.shape[0] * self.shape[1]

    def model(self, u: NDArray[Any]) -> Any:
        """The coefficients and intercepts of the coordinates u."""
        return self.frame.to_theta(u[: self.n_coef].reshape(self.shape), u[self.n_coef :])

    def gradient(self, coef: NDArray[Any], intercept: NDArray[Any]) -> NDArray[Any]:
        """The gradient of the loss in u, from the gradient in coefficients and intercepts."""
        U, b = self.frame.gradient_to_u(coef, intercept)
        return np.concatenate([U.ravel(), b])

    def look_at(self, u: NDArray[Any]) -> tuple[float, float, NDArray[Any]]:
        """Make u the current point; returns (mean loss, mean loss without smoothing, gradient in u)."""
        sums, *gradient = self.parts.mean("start", *self.model(u), self.width)
        return float(sums[0]), float(sums[3]), self.gradient(*gradient)


class PreconditionedMethod(ScaledCoordinates, Method):
    """Abstract base of the batch methods: descent in coordinates u of about unit curvature, F itself untouched.

    u is one flat vector: the coefficients (n_outputs, n_features) over their scales, then the intercepts. A non-smooth loss is
    smoothed over a width that shrinks tenfold from stage to stage, until F itself no longer improves; a smooth one has one
    stage.

    Parameters
    ----------
    objective : Objective
        The objective to minimise.
    theta : ndarray, optional
        The start; by default the null model, which also replaces a start where F is not finite or more than `USELESS` times
        that of the null model.
    """

    parts: Any
    frame: Preconditioner
    shape: tuple[int, int]
    blocks: Blocks
    width: float
    theta: NDArray[Any]
    u: NDArray[Any]
    ridge: NDArray[Any]
    inverse_ridge: NDArray[Any]
    value: float
    stage: int
    stage_value: float
    stage_is_over: bool
    excess: float
    n_iter: int

    full_batch = True
    kept: tuple[str, ...] = ("stage", "n_iter", "stage_is_over", "stage_value", "value", "theta", "u")  # in a snapshot

    def __init__(self, objective: Any, theta: NDArray[Any] | None = None) -> None:
        super().__init__(objective)
        self.parts = objective.parts
        self.shape = (objective.n_outputs, objective.n_features)
        self.blocks = Blocks(*self.shape, objective.array_loss.coupled)
        if theta is None:
            theta = objective.null_theta()
        self.theta = theta
        self.stage, self.n_iter, self.stage_is_over = 0, 0, False

    # --- stages -----------------------------------------------------------------------------------------------------------

    def start(self) -> tuple[NDArray[Any], float]:
        self._enter_stage()
        null = self.objective.null_model()
        if not self.stage_value <= USELESS * abs(null.value):
            self.theta = self.objective.null_theta()
            self._enter_stage()
        return self.theta, self.stage_value

    def next_stage(self) -> None:
        """Begin the next, narrower stage of smoothing."""
        self.stage += 1
        self._enter_stage()

    def _enter_stage(self):
        """Set width, frame, u, ridge, the results of the first look at u, and `stage_value`, F at the start of the stage."""
        objective = self.objective
        self.width, self.stage_is_over = objective.widths[self.stage], False
        self.frame = Preconditioner.from_moments(
            objective.moments,
            objective.null_model(self.width).curvature,
            objective.l2,
            fit_intercept=objective.fit_intercept,
            unit=objective.unit,
            ignores_shift=objective.array_loss.ignores_shift,
        )
        self.ridge = np.concatenate([self.frame.ridge.ravel(), np.zeros(objective.n_outputs)])
        self.inverse_ridge = np.concatenate([self.frame.inverse_ridge.ravel(), np.ones(objective.n_outputs)])
        coef, intercept = objective.unpack(self.theta)
        U, b = self.frame.to_u(coef, intercept)
        self.u = np.concatenate([U.ravel(), b])
        self.begin_stage()

    @abstractmethod
    def begin_stage(self) -> None:
        """Take a look at u; sets `stage_value` and all attributes from which `iterates` continues."""

    # --- snapshots --------------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        saved = {name: getattr(self, name) for name in self.kept}
        self.refresh()
        return saved

    def restore(self, saved: dict[str, Any]) -> None:
        if saved["stage"] != self.stage:
            self.stage = saved["stage"]
            self._enter_stage()
        self._take(saved)
        self.refresh()

    def _take(self, saved):
        """Set the attributes that a snapshot has."""
        vars(self).update({name: saved[name] for name in self.kept})

    @abstractmethod
    def refresh(self) -> None:
        """Recompute scores and curvatures of the samples from u, so that the parts depend on nothing but the snapshot."""

    def on_plateau(self, tolerance: float) -> bool:
        """The next, narrower stage of smoothing, unless F has gained nothing from this one or can gain nothing from the next.

        The minimum of the smoothed F exceeds that of F by no more than the smoothed F exceeds F at F's minimiser, which is about
        what it exceeds it by here.
        """
        if self.stage + 1 >= len(self.objective.widths):
            return False
        gain, excess = self.stage_value - self.value, self.excess
        if self.stage >= LEAST_STAGES and (gain <= tolerance or excess <= NEGLIGIBLE * tolerance):
            return False
        self.stage_is_over = True
        return True

    # ----------------------------------------------------------------------------------------------------------------------

    def iterate(self, value: float, plain: float, **more: Any) -> Iterate:
        """The `Iterate` at u; `value` is the smoothed objective, `plain` the mean loss without smoothing."""
        self.theta = self.objective.pack(*self.model(self.u))
        self.value = value if not self.width else plain + self.objective.penalty_value(self.theta)
        self.excess = value - self.value
        self.n_iter += 1
        return Iterate(self.theta, self.value, watched=value if self.width else None, **more)

    def quadratic_gap(self, gradient: NDArray[Any]) -> float:
        """A bound on F minus its minimum, by strong convexity: the sum of g^2 / 2r, with the curvature r of the l2 penalty.

        The intercept's curvature is about one here. A non-smooth loss may have none in it: F falls by its slope at most, as far
        as the widest smoothing reaches. Infinite without a ridge.
        """
        inverse, beyond = self.inverse_ridge, 0.0
        if self.width:
            slopes, scale = gradient[self.n_coef :], self.frame.intercept_scale
            slopes = np.divide(slopes, scale, out=np.zeros(len(slopes)), where=scale > 0.0)
            gradient, inverse = gradient[: self.n_coef], inverse[: self.n_coef]
            beyond = self.objective.widths[0] * float(np.abs(slopes).sum())
        gap = 0.5 * float((gradient * gradient) @ inverse) + beyond
        return gap if math.isfinite(gap) else math.inf


class Line:
    """Looks along one direction, and the parabola of the penalty along it.

    Parameters
    ----------
    method : PreconditionedMethod
        The method whose current point is the start of the line.
    first : tuple
        The verb of the first look with its leading arguments: ``("step", c_0, c_1)``, ``("line", coef, intercept)`` or
        ``("rescale", factors)``.
    last : tuple
        The trailing arguments of the verb.
    penalty : tuple of float
        The penalty at t = 0, its derivative, and its curvature along the line.

    Attributes
    ----------
    plain, gradient : float, ndarray
        The results of the last look: the mean loss without smoothing, and the gradient of the loss in u.
    """

    def __init__(self, method: Any, first: tuple[Any, ...], last: Any = (), penalty=(0.0, 0.0, 0.0)) -> None:
        self.method, self.first, self.last, self.penalty = method, first, last, penalty
        self.at = None

    def __call__(self, t):
        """Value, derivative and curvature at t, where the scores then are."""
        mean = self.method.parts.mean
        if self.at is None:
            sums, *gradient = mean(*self.first, t, *self.last)
        else:
            sums, *gradient = mean("again", t)
        self.at, self.seen = t, gradient
        loss, slope, curvature, self.plain = sums.tolist()
        value, first, second = self.penalty
        return loss + value + t * first + 0.5 * t * t * second, slope + first + t * second, curvature + second

    def settle(self, t: float):
        """Move the scores to t."""
        if t != self.at:
            self(t)

    @property
    def gradient(self) -> NDArray[Any]:
        """The gradient of the loss in u at the last look."""
        return self.method.gradient(*self.seen)


def parabola(ridge, u: NDArray[Any], direction, linear=None):
    """Value, derivative and curvature of the penalty along a line, at its start.

    `ridge` is the curvature of the penalty in each coordinate, `linear` the slope of its l1 part on the support.
    """
    at = ridge * u
    value, slope = 0.5 * float(at @ u), float(at @ direction)
    if linear is not None:
        value, slope = value + float(linear @ u), slope + float(linear @ direction)
    return value, slope, float((ridge * direction) @ direction)
