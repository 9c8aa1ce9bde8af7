r"""Batch descent without a learning rate: the memory gradient method, with a free line search and a preconditioner.

Every iteration moves along ``c_0 (-gradient) + c_1 (last move)``, where (c_0, c_1) minimises the second-order model of F over
that plane, and a line search that costs no pass over X corrects the length: a linear model's scores move along a line when its
coefficients do. The preconditioner centres and scales the columns, in the algebra only: X is never copied, and the minimiser
is that of F in the user's own units.

References
----------
A. Miele and J. W. Cantrell, "Study on a memory gradient method for the minimization of functions", 1969.
G. Narkiss and M. Zibulevsky, "Sequential subspace optimization method for large-scale unconstrained problems", 2005.
"""

import math

import numpy as np

from ..losses._base import weighted_quantiles
from ._monitor import Status

PLANE_STEPS = 30  # on one face, before its support is looked at again
WIDEST = 256  # columns up to which the second moments of squared loss are taken once
REFRESH = 25  # iterations between two computations of the scores from the coefficients


class Coordinates:
    r"""The preconditioned coordinates u of a model: W = u s elementwise, and the intercept absorbs the columns' means.

    s is :math:`1 / \sqrt{h v + \alpha}`, v the column's variance, h the loss's mean curvature at the constant model, for each
    score. A constant column has s = 0: it is left to the intercept.
    """

    def __init__(self, objective, curvature, l2, chunks):
        from .._kernels import epochs

        self.objective, self.rows, self.epochs, self.chunks = objective, objective.rows, epochs, chunks
        self.n_coef, self.n_outputs = objective.n_coef, objective.n_outputs
        moments = objective.moments
        mean, spread = moments.mean, moments.known_variance
        if objective.fit_intercept:
            self.mean, variance = mean, spread
        else:
            self.mean = np.zeros(len(mean))
            variance = moments.variance + mean * mean
        # The l2 penalty's curvature in the user's coefficients.
        l2 = objective.alpha * l2 * (spread if objective.penalty.standardize else np.ones(len(mean)))
        # What would be an empty scale is frozen, penalty or not: such a column cannot lower the loss.
        square = np.outer(curvature, variance) + l2
        scale = np.where((variance == 0.0) | (square <= 0.0), 0.0, 1.0 / np.sqrt(np.where(square > 0.0, square, 1.0)))
        self.scale = self.rows.from_coef(scale)
        self.intercept_scale = 1.0 / np.sqrt(curvature) if objective.fit_intercept else np.zeros(self.n_outputs)
        # The curvature of the l2 penalty in these coordinates.
        l2 = self.rows.from_coef(np.tile(l2, (self.n_outputs, 1)))
        ridge = l2 * self.scale**2
        self.ridge = np.concatenate([ridge, np.zeros(self.n_outputs)])
        # The inverse of that curvature; a frozen coefficient has no slope, and needs none.
        self.loosest = np.divide(1.0, ridge, out=np.where(self.scale > 0.0, np.inf, 0.0), where=ridge > 0.0)

    def model(self, u):
        """theta of the coordinates u."""
        coef = u[: self.n_coef] * self.scale
        return np.concatenate([coef, u[self.n_coef :] * self.intercept_scale - self._centre(coef)])

    def coordinates(self, theta):
        """The coordinates u of theta."""
        coef = theta[: self.n_coef]
        u = np.divide(coef, self.scale, out=np.zeros(self.n_coef), where=self.scale > 0.0)
        intercept = theta[self.n_coef :] + self._centre(u * self.scale)
        by = self.intercept_scale
        return np.concatenate([u, np.divide(intercept, by, out=np.zeros(self.n_outputs), where=by > 0.0)])

    def _centre(self, coef):
        """The columns' means times the coefficients, for each score."""
        matrix = self.rows.view(coef, self.n_outputs)
        return self.mean @ matrix if self.rows.lazy else matrix @ self.mean

    def scores(self, u):
        """The scores of every row under u: one pass."""
        theta = self.model(u)
        raw = np.empty((self.objective.n_samples, self.n_outputs))
        coef, intercept = self.objective.split(theta)
        self.chunks.map(lambda run: self.epochs.scores_pass(self.rows, coef, intercept, raw[run], run.start))
        return raw

    def gradient(self, slope):
        """The loss's gradient in u, from the weighted slopes of the scores: one pass."""

        def part(run):
            gradient = np.zeros(self.n_coef + self.n_outputs)
            self.epochs.accumulate_pass(self.rows, slope[run], *self.objective.split(gradient), run.start)
            return gradient

        return self.turned(sum(self.chunks.map(part)) / self.objective.weight_sum)

    def turned(self, gradient):
        """A gradient in theta, which is overwritten, as one in u."""
        coef, intercept = self.objective.split(gradient)
        coef -= np.outer(self.mean, intercept) if self.rows.lazy else np.outer(intercept, self.mean)
        gradient[: self.n_coef] *= self.scale
        intercept *= self.intercept_scale
        return gradient


def left_to_fall(objective):
    """The function from theta to what one best step from there would lower F by, about; None for an F with kinks.

    It is half the squared gradient in the preconditioned coordinates, where the curvature is about one.
    """
    shrinkage = objective.penalty.shrinkage()
    if not objective.loss.smooth or shrinkage is None or shrinkage[2] or shrinkage[0] * objective.alpha > 0.0:
        return None
    method = MemoryGradient(objective, None, 1)
    _, bend = method.constant_model()
    frame = Coordinates(objective, bend, shrinkage[1], method.chunks)

    def left(theta):
        gradient = frame.turned(objective.gradient(theta))
        return 0.5 * gradient @ gradient

    return left


class MemoryGradient:
    """The method on one objective; `run` descends from a theta.

    Parameters
    ----------
    objective : Objective
        What to minimise.
    monitor : Monitor
        Judges each iteration and keeps the best model.
    max_iter : int
        The most iterations.
    """

    def __init__(self, objective, monitor, max_iter):
        from .._kernels import epochs
        from .._kernels.blocks import descent_blocks
        from .._kernels.chunks import Chunks

        self.objective, self.monitor, self.max_iter = objective, monitor, max_iter
        self.blocks = descent_blocks(objective.functions)
        shape = (objective.n_samples, objective.n_outputs)
        self.epochs = epochs
        values = len(objective.rows.arrays[0]) / shape[0] if objective.rows.lazy else objective.rows.shape[1]
        self.chunks = Chunks(shape[0], shape[1] * (values + 8.0))
        self.raw = np.zeros(shape)
        self.width = 0.0
        self.n_iter = 0

    def run(self, theta=None):
        """Descend from `theta`, or from the constant model; returns the last `Status`."""
        with self.chunks:
            return self._run(theta)

    @np.errstate(over="ignore", invalid="ignore")  # the monitor sees numbers that are not finite
    def _run(self, theta):
        """The stages of the smoothing.

        A loss with kinks is smoothed over a width that shrinks tenfold from stage to stage, until the objective itself gains
        no more from it; a smooth one has one stage.
        """
        objective = self.objective
        shrinkage = objective.penalty.shrinkage()
        for stage, width in enumerate(self._widths()):
            self.monitor.begin_epoch()
            self.width = width
            intercept, bend = self.constant_model()
            if theta is None:
                theta = np.concatenate([np.zeros(objective.n_coef), intercept])
            self.frame = Coordinates(objective, bend, shrinkage[1] if shrinkage else 1.0, self.chunks)
            before = objective.value(theta)
            if self.monitor.best is None:
                self.monitor.start(theta, before)
            self.u = self.frame.coordinates(theta)
            self.raw = self.frame.scores(self.u)
            self.history = []
            if self._has_short_form(shrinkage):
                status = self._quadratic_descent()
            elif shrinkage is None:
                status = self._proximal_descent()
            elif shrinkage[0] * objective.alpha > 0.0 or shrinkage[2]:
                status = self._face_descent(objective.alpha * shrinkage[0], shrinkage[2])
            else:
                status = self._plane_descent()
            theta = self.frame.model(self.u)
            if status is not Status.PLATEAU or self.n_iter >= self.max_iter:
                return status
            if stage >= 3 and before - objective.value(theta) <= self._tolerance():
                return status
        return status

    def constant_value(self):
        """F of the constant model, the loss of the best intercept alone, kinks smoothed as in the first stage."""
        self.width = self._widths()[0]
        return self.constant_model(value=True)

    # --- the loss along a line: no pass over X ---------------------------------------------------------------------------

    def _sum(self, function):
        """The sums over the runs of rows of the numbers that `function` gives for each, per unit of weight."""
        return [sum(parts) / self.objective.weight_sum for parts in zip(*self.chunks.map(function), strict=True)]

    def _scratch(self):
        """Room for three rows of scores."""
        return np.empty((3, self.objective.n_outputs))

    def _loss_along(self, move, t):
        """Mean loss at raw + t move, its derivative and its curvature along the move."""
        y, weight, (trial, _, _, p) = self.objective.data.target, self.objective.data.weight, self.blocks
        return self._sum(lambda run: trial(y[run], self.raw[run], move[run], t, weight[run], self.width, self._scratch(), p))

    def _slopes(self):
        """The weighted slopes of all scores."""
        y, weight, (_, slopes, _, p) = self.objective.data.target, self.objective.data.weight, self.blocks
        out = np.empty(self.raw.shape)
        self.chunks.map(lambda run: slopes(y[run], self.raw[run], weight[run], self.width, out[run], self._scratch(), p))
        return out

    def _forms(self, a, b):
        """The loss's curvature at the scores in hand: a'Ha, a'Hb, b'Hb for two moves of theirs."""
        y, weight, (_, _, forms, p) = self.objective.data.target, self.objective.data.weight, self.blocks
        return self._sum(lambda run: forms(y[run], self.raw[run], weight[run], a[run], b[run], self.width, self._scratch(), p))

    def _combine(self, a, b, s, t):
        """b = s a + t b, in place."""
        self.chunks.map(lambda run: self.epochs.combine(a[run], b[run], float(s), float(t)))

    def _gradient(self):
        """The gradient of loss and l2 penalty at the point in hand."""
        return self.frame.gradient(self._slopes()) + self.frame.ridge * self.u

    @np.errstate(over="ignore", invalid="ignore")
    def constant_model(self, value=False):
        """The best intercept alone, and the mean curvature of each score there, by Newton's method on each score.

        With `value` the objective there instead. Rows of one class are alike: one stands for them.
        """
        objective, n_outputs, (trial, slopes, forms, p) = self.objective, self.objective.n_outputs, self.blocks
        y, weight = objective.data.target, objective.data.weight
        known = objective.loss.best_constant(y, weight, n_outputs)
        centre = self._centre() if known is None else known
        if not objective.loss.scales_with_target:
            kinds, of_row = np.unique(y[:, 0], return_inverse=True)
            y, weight = kinds[:, None].copy(), np.bincount(of_row, weights=weight)
        one, nothing = np.zeros((len(y), n_outputs)), np.zeros((len(y), n_outputs))
        slope, scratch = np.empty(one.shape), self._scratch()

        def look(at):
            raw = np.tile(at, (len(y), 1))
            slopes(y, raw, weight, self.width, slope, scratch, p)
            total, _, _ = trial(y, raw, nothing, 0.0, weight, self.width, scratch, p)
            return total / objective.weight_sum, slope.sum(axis=0) / objective.weight_sum

        def bends(at):
            raw = np.tile(at, (len(y), 1))
            out = np.empty(n_outputs)
            for k in range(n_outputs):
                one[:, k] = 1.0
                out[k] = forms(y, raw, weight, one, nothing, self.width, scratch, p)[0] / objective.weight_sum
                one[:, k] = 0.0
            return out

        intercept = np.zeros(n_outputs)
        if objective.fit_intercept:
            intercept[:] = centre
        best, tilt = look(intercept)
        if not math.isfinite(best):
            intercept[:] = 0.0
            best, tilt = look(intercept)
        bend = bends(intercept)
        for _ in range(50 if objective.fit_intercept and known is None else 0):
            step = -tilt / np.maximum(bend, 1e-10 * max(bend.max(), 1e-300))
            t = 1.0
            new, new_tilt = look(intercept + step)
            while not new < best and t > 1e-9:
                t *= 0.25
                new, new_tilt = look(intercept + t * step)
            if not new < best:
                break
            gain = best - new
            best, tilt, intercept = new, new_tilt, intercept + t * step
            bend = bends(intercept)
            if gain <= 1e-10 * abs(best):
                break
        if value:
            return best
        largest = bend.max()
        return intercept, np.maximum(bend, 1e-8 * largest if largest > 0.0 else 1e-8)

    def _centre(self):
        """Where each score's targets lie: their median in regression, zero in classification."""
        objective = self.objective
        return weighted_quantiles(objective.data.target, objective.data.weight, 0.5) if objective.loss.scales_with_target else 0.0

    def _widths(self):
        """The widths over which kinks are smoothed, one for each stage."""
        objective = self.objective
        if objective.loss.smooth:
            return [0.0]
        unit = 1.0
        if objective.loss.scales_with_target:
            away = np.abs(objective.data.target - self._centre())
            spread = np.average(away, axis=0, weights=objective.data.weight).mean()
            unit = spread if spread > 0.0 else 1.0
        return [unit * 0.1**stage for stage in range(10)]

    # --- iterations ------------------------------------------------------------------------------------------------------

    def _tolerance(self):
        """How much the objective must fall for an iteration to count."""
        return self.monitor.tolerance

    def _finished(self, value):
        """Take note of an iteration whose smoothed objective is `value`; the status that ends the stage, or None."""
        self.n_iter += 1
        theta = self.frame.model(self.u)
        objective = value
        if self.width:
            data = self.objective.data
            loss = self.objective.loss_blocks.value(data.target, self.raw, data.weight, self.objective.loss_blocks.parameters)
            objective = loss / self.objective.weight_sum + self.objective.penalty_value(theta)
        status = self.monitor.update(theta, objective)
        self.history.append(value)
        if status in (Status.DIVERGED, Status.STOPPED):
            return status
        if self.width and self.monitor.validate is None:
            patience = self.monitor.n_iter_no_change
            stalled = len(self.history) > patience and self.history[-1 - patience] - value <= self._tolerance()
            status = Status.PLATEAU if stalled and self.monitor.tol is not None else Status.RUNNING
        if status is Status.PLATEAU or self.n_iter >= self.max_iter:
            return status
        self.monitor.begin_epoch()
        return None

    def _nothing_falls(self, value, drop):
        """The status where no step along a line of derivative `drop` lowers F: its minimum, or the gradient is not F's."""
        promised = -0.5 * drop > max(self._tolerance(), 1e-6 * abs(value))
        return self._finished(value) or (Status.MISLED if promised and not self.width else Status.PLATEAU)

    def _search(self, value, drop, move, along_penalty):
        """A step length along a line on which the scores move by `move`.

        `value` is F now and `drop` its derivative along the line; ``along_penalty(t)`` gives the penalty's value, derivative and
        curvature at t. Accepts a point that has fallen enough and whose slope is at most half as steep; otherwise a Newton step
        in the bracket. Returns (t, F there), t being 0 where nothing falls.
        """
        t, low, high = 1.0, 0.0, math.inf
        for _ in range(30):
            loss, slope, bend = self._loss_along(move, t)
            penalty, penalty_slope, penalty_bend = along_penalty(t)
            new, slope, bend = loss + penalty, slope + penalty_slope, bend + penalty_bend
            fallen = new <= value + 1e-4 * t * drop + 1e-14 * abs(value)
            if fallen and abs(slope) <= 0.5 * abs(drop):
                return t, new
            if fallen and slope <= 0.0:
                low = t
            else:
                high = t
            if not math.isfinite(new) or not math.isfinite(slope):
                t = low + 0.1 * (t - low)
                continue
            newton = t - slope / bend if bend > 0.0 else math.inf
            if not low < newton < high:
                newton = 0.5 * (low + high) if high < math.inf else 4.0 * t
            t = newton
        return (t, new) if fallen else (0.0, value)

    def _plane_descent(self):
        """A smooth F: loss and l2."""
        frame, ridge = self.frame, self.frame.ridge
        last = None
        value = self._value()
        gradient = self._gradient()
        while True:
            if not gradient @ gradient > 0.0:
                return self._finished(value) or Status.PLATEAU
            # 1. the plane of -gradient and the last move  2. the minimiser of the model on it
            direction, move, drop, last = self._plane_step(gradient, frame.scores(-gradient), last, ridge)
            # 3. the length of the step
            t, new = self._search(value, drop, move, _parabola(ridge, self.u, direction))
            if t == 0.0:
                if last is None:
                    return self._nothing_falls(value, drop)
                last = None
                continue
            # 4. move
            self.u = self.u + t * direction
            self._combine(move, self.raw, t, 1.0)
            last, value = (t * direction, move, t), new
            if (self.n_iter + 1) % REFRESH == 0:
                self.raw = frame.scores(self.u)
                value = self._value()
            # 5. stop?
            status = self._finished(value)
            if status is not None:
                return status
            gradient = self._gradient()
            if self._certified(gradient):
                return Status.PLATEAU

    def _has_short_form(self, shrinkage):
        """Whether F is quadratic, and its second moments are cheap beside some passes over the rows."""
        objective = self.objective
        if not objective.loss.is_least_squares or shrinkage is None:
            return False
        n, d = objective.rows.shape
        return not (shrinkage[0] * objective.alpha > 0.0 or shrinkage[2]) and d <= WIDEST and n >= 2 * d

    def _moments(self):
        """The second moments A of the columns in the coordinates u, and those of columns and targets; one pass."""
        objective, frame = self.objective, self.frame
        y, weight = objective.data.target, objective.data.weight
        away = y - np.average(y, axis=0, weights=weight) if objective.fit_intercept else y
        A, B = objective.rows.second_moments(weight, frame.mean, away)
        scale = objective.rows.to_coef(frame.scale, objective.n_outputs)[0]
        return A * np.outer(scale, scale) / objective.weight_sum, B * scale / objective.weight_sum, away

    def _quadratic_descent(self):
        """The same descent on squared loss: with its second moments at hand, an iteration costs no pass over the rows."""
        objective, frame, ridge = self.objective, self.frame, self.frame.ridge
        n_coef = objective.n_coef
        A, B, away = self._moments()
        weight = objective.data.weight / objective.weight_sum
        target = weight @ (objective.data.target - away)
        by = frame.intercept_scale
        constant = 0.5 * float(weight @ (away * away).sum(axis=1)) + 0.5 * target @ target
        rows, n_outputs = objective.rows, objective.n_outputs
        right = np.concatenate([rows.from_coef(B), by * target])

        def bent(v):
            loss = rows.from_coef(rows.to_coef(v[:n_coef], n_outputs) @ A)
            return np.concatenate([loss, by * by * v[n_coef:]]) + ridge * v

        bent_u, last = bent(self.u), None
        while True:
            gradient = bent_u - right
            value = constant + 0.5 * self.u @ bent_u - right @ self.u
            if value < 1e-7 * constant:
                # What is left is too small beside what it is the difference of: go on with the rows themselves.
                self.raw = frame.scores(self.u)
                return self._plane_descent()
            if self.n_iter and self._certified(gradient):
                return Status.PLATEAU
            steep = gradient @ gradient
            bent_gradient = bent(gradient)
            a = gradient @ bent_gradient
            if not (steep > 0.0 and a > 0.0):
                return self._finished(value) or Status.PLATEAU
            move, bent_move = -steep / a * gradient, -steep / a * bent_gradient
            if last is not None:
                b, c, along = -(last[1] @ gradient), last[0] @ last[1], gradient @ last[0]
                determinant = a * c - b * b
                if determinant > 1e-12 * a * c:
                    c_0, c_1 = (c * steep + b * along) / determinant, -(a * along + b * steep) / determinant
                    move, bent_move = c_1 * last[0] - c_0 * gradient, c_1 * last[1] - c_0 * bent_gradient
            new = value + gradient @ move + 0.5 * move @ bent_move
            if not new < value:
                return self._finished(value) or Status.PLATEAU
            self.u, bent_u, last = self.u + move, bent_u + bent_move, (move, bent_move)
            if (self.n_iter + 1) % REFRESH == 0:
                bent_u = bent(self.u)
            status = self._finished(new)
            if status is not None:
                return status

    def _certified(self, gradient):
        """Whether strong convexity proves F to be within the tolerance of its minimum.

        The l2 penalty's curvature r bounds what is left by the sum of g^2 / 2r; the intercept's curvature is about one here.
        """
        if self.monitor.tol is None or self.monitor.validate is not None:
            return False
        n_coef = self.objective.n_coef
        slope, tilt = gradient[:n_coef], gradient[n_coef:]
        # Without any curvature nothing is proven, and the product is infinite or not a number.
        return 0.5 * ((slope * slope) @ self.frame.loosest + tilt @ tilt) <= self._tolerance()

    def _value(self):
        """Loss and l2 penalty at the point in hand."""
        return self._loss_along(self.raw, 0.0)[0] + 0.5 * (self.frame.ridge * self.u) @ self.u

    def _plane_step(self, gradient, move, last, ridge):
        """The minimiser of the second-order model over span{-gradient, last}; `move` has the scores of the former.

        `last` is the last move of u, and that of the scores up to a factor, and the factor; its array of scores is overwritten.
        Returns the direction, the move of the scores, the derivative along it, and `last`, or None where it played no part.
        """
        steep = gradient @ gradient
        if last is None:
            a = self._loss_along(move, 0.0)[2] + (ridge * gradient) @ gradient
        else:
            last_direction, last_move, factor = last
            a, b, c = self._forms(move, last_move)
            b, c = factor * b, factor * factor * c
            a += (ridge * gradient) @ gradient
            b -= (ridge * gradient) @ last_direction
            c += (ridge * last_direction) @ last_direction
            along = gradient @ last_direction
            determinant = a * c - b * b
            if determinant > 1e-12 * a * c:
                c_0 = (c * steep + b * along) / determinant
                c_1 = -(a * along + b * steep) / determinant
                drop = -c_0 * steep + c_1 * along
                if drop < 0.0 and math.isfinite(drop):
                    self._combine(move, last_move, c_0, c_1 * factor)
                    return c_1 * last_direction - c_0 * gradient, last_move, drop, last
        c_0 = steep / a if a > 0.0 and math.isfinite(steep / a) else 1.0
        move *= c_0
        return -c_0 * gradient, move, -c_0 * steep, None

    def _face_descent(self, l1, nonnegative):
        """F with a kink at zero: plane steps on the face of coefficients that are not zero, proximal steps between faces."""
        frame, ridge, n_coef = self.frame, self.frame.ridge, self.objective.n_coef
        unit = self.objective.penalty_blocks.scale
        threshold = np.concatenate([l1 * frame.scale * (unit if len(unit) else 1.0), np.zeros(self.objective.n_outputs)])
        bounded = np.zeros(len(threshold), dtype=bool)
        bounded[:n_coef] = nonnegative

        def prox(v, step):
            moved = np.sign(v) * np.maximum(np.abs(v) - step * threshold, 0.0)
            return np.where(bounded & (moved < 0.0), 0.0, moved)

        def penalty(u):
            return threshold @ np.abs(u)

        self.u = np.where(bounded, np.maximum(self.u, 0.0), self.u)
        self.raw = frame.scores(self.u)
        value = self._value() + penalty(self.u)
        gradient = self._gradient()
        last, on_face, step = None, PLANE_STEPS, 1.0
        while True:
            u = self.u
            free = u != 0.0
            free[n_coef:] = True
            tilt = np.where(free, gradient + threshold * np.sign(u), 0.0)
            off = np.where(free, 0.0, np.sign(gradient) * np.maximum(np.abs(gradient) - threshold, 0.0))
            off = np.where(bounded, np.minimum(off, 0.0), off)
            if self.n_iter and not nonnegative and self._gap(gradient, threshold, value) <= self._tolerance():
                return Status.PLATEAU
            inside, outside = math.sqrt(tilt @ tilt), math.sqrt(off @ off)
            if inside == outside == 0.0:
                return self._finished(value) or Status.PLATEAU
            accepted = False
            if on_face < PLANE_STEPS and inside >= 0.1 * outside:
                accepted, value, last = self._face_step(value, tilt, last, threshold, penalty)
                on_face = on_face + 1 if accepted else PLANE_STEPS
            if not accepted:
                # Between faces: a proximal step chooses the support.
                target = prox(u - step * gradient, step)
                direction = target - u
                drop = gradient @ direction + penalty(target) - penalty(u)
                if not drop < -1e-16 * abs(value):
                    return self._finished(value) or Status.PLATEAU
                move = frame.scores(direction)
                t = 1.0
                while True:
                    new_u = target if t == 1.0 else u + t * direction
                    loss = self._loss_along(move, t)[0]
                    new = loss + 0.5 * (ridge * new_u) @ new_u + penalty(new_u)
                    if new <= value + 1e-4 * t * drop or t < 1e-12:
                        break
                    t *= 0.5
                if not new < value:
                    return self._nothing_falls(value, drop)
                self.u, value, last, on_face = new_u, new, None, 0
                self._combine(move, self.raw, t, 1.0)
                before = gradient
                gradient = self._gradient()
                moved = self.u - u
                bend = moved @ (gradient - before)
                step = float(np.clip(moved @ moved / bend, 1e-10, 1e10)) if bend > 0.0 else 2.0 * step
            if (self.n_iter + 1) % REFRESH == 0:
                self.raw = frame.scores(self.u)
                value = self._value() + penalty(self.u)
            status = self._finished(value)
            if status is not None:
                return status
            if accepted or (self.n_iter % REFRESH == 0):
                gradient = self._gradient()

    def _gap(self, gradient, threshold, value):
        """A bound of what F can still fall by under l1: the duality gap over the models that cost no more than this one.

        F is convex, so it falls by at most g'(u - v) + l1(u) - l1(v) on the way to v; the optimum has l1(v) <= F(u) where no
        loss is negative. The intercept's part is that of `_certified`. Infinite where nothing is known.
        """
        if self.monitor.tol is None or self.monitor.validate is not None or self.objective.loss.curvature_bound is None:
            return math.inf
        n_coef, u = self.objective.n_coef, self.u
        g, l1, held = gradient[:n_coef], threshold[:n_coef], threshold[:n_coef] > 0.0
        beyond = max((np.abs(g[held]) / l1[held]).max(initial=0.0) - 1.0, 0.0)
        return g @ u[:n_coef] + l1 @ np.abs(u[:n_coef]) + beyond * value + 0.5 * gradient[n_coef:] @ gradient[n_coef:]

    def _face_step(self, value, tilt, last, threshold, penalty):
        """One plane step on the face; a coefficient that would change its sign stops at zero.

        Returns whether a step was taken, F after it, and the last move (None where the face changed).
        """
        frame, ridge, n_coef, u = self.frame, self.frame.ridge, self.objective.n_coef, self.u
        direction, move, drop, last = self._plane_step(tilt, frame.scores(-tilt), last, ridge)
        t, new = self._search(value, drop, move, _parabola(ridge, u, direction, threshold * np.sign(u)))
        if t == 0.0:
            return False, value, None
        new_u = u + t * direction
        crossed = u * new_u < 0.0
        crossed[n_coef:] = False
        if not crossed.any():
            self.u = new_u
            self._combine(move, self.raw, t, 1.0)
            return True, new, (t * direction, move, t)
        # Project, if F falls all the same; else go to the first crossing.
        excess = np.where(crossed, new_u, 0.0)
        back = self.raw
        self.raw = back + t * move - frame.scores(excess)
        projected = new_u - excess
        loss = self._loss_along(self.raw, 0.0)[0]
        new = loss + 0.5 * (ridge * projected) @ projected + penalty(projected)
        if not new < value:
            crossings = np.full(len(u), math.inf)
            np.divide(-u, direction, out=crossings, where=crossed)
            first = int(crossings.argmin())
            t = crossings[first]
            self.raw = back + t * move
            projected = u + t * direction
            projected[first] = 0.0
            loss = self._loss_along(self.raw, 0.0)[0]
            new = loss + 0.5 * (ridge * projected) @ projected + penalty(projected)
            if not new < value:
                self.raw = back
                return False, value, None
        self.u = projected
        return True, new, None

    def _proximal_descent(self):
        """A penalty of the user's own: proximal gradient steps with spectral lengths, in the preconditioned coordinates."""
        objective, frame, n_coef = self.objective, self.frame, self.objective.n_coef
        blocks = objective.penalty_blocks
        square = np.where(frame.scale > 0.0, frame.scale**2, 0.0)

        def full_gradient():
            gradient = frame.gradient(self._slopes())
            extra = np.zeros(n_coef)
            blocks.gradient(frame.model(self.u)[:n_coef].copy(), extra, objective.alpha, blocks.scale, blocks.parameters)
            gradient[:n_coef] += extra * frame.scale
            return gradient

        def prox(v, step):
            coef = v[:n_coef] * frame.scale
            blocks.prox(coef, step * square, objective.alpha, blocks.scale, blocks.parameters)
            coef = np.divide(coef, frame.scale, out=np.zeros(n_coef), where=frame.scale > 0.0)
            return np.concatenate([coef, v[n_coef:]])

        def penalty(u):
            return objective.penalty_value(np.ascontiguousarray(u[:n_coef] * frame.scale))

        value = self._loss_along(self.raw, 0.0)[0] + penalty(self.u)
        gradient, step = full_gradient(), 1.0
        while True:
            u = self.u
            target = prox(u - step * gradient, step)
            direction = target - u
            size = direction @ direction
            if not size > 1e-30 * max(u @ u, 1e-300):
                return self._finished(value) or Status.PLATEAU
            move = frame.scores(direction)
            t = 1.0
            while True:
                new_u = target if t == 1.0 else u + t * direction
                new = self._loss_along(move, t)[0] + penalty(new_u)
                if new <= value - 1e-4 * t * size / step or t < 1e-12:
                    break
                t *= 0.5
            if not new < value:
                return self._nothing_falls(value, -size / step)
            self.u, value = new_u, new
            self._combine(move, self.raw, t, 1.0)
            status = self._finished(value)
            if status is not None:
                return status
            before, gradient = gradient, full_gradient()
            moved = self.u - u
            bend = moved @ (gradient - before)
            step = float(np.clip(moved @ moved / bend, 1e-10, 1e10)) if bend > 0.0 else 2.0 * step


def _parabola(ridge, u, direction, linear=None):
    """The penalty along a line as a function of t: its value, derivative and curvature.

    `ridge` is its curvature in each coordinate, `linear` the slope of its other part on the face.
    """
    at, bend = ridge * u, (ridge * direction) @ direction
    start, slope = 0.5 * (at @ u), at @ direction
    if linear is not None:
        start, slope = start + linear @ u, slope + linear @ direction
    return lambda t: (start + t * slope + 0.5 * t * t * bend, slope + t * bend, bend)
