r"""Batch descent without a learning rate: the memory gradient method, preconditioned, for a smooth F.

Every iteration moves along ``c_0 (-gradient) + c_1 (last move)``, where (c_0, c_1) minimises the second-order model of F over
that plane, and a line search for the strong Wolfe conditions corrects the length. The scores of a linear model move along a line
when its coefficients do, so a trial costs no product for the scores; it brings the gradient along, so that an accepted trial has
already begun the next iteration. The preconditioner centres and scales the features in the algebra only: X is never copied, and
the minimiser is that of F in the user's own units.

References
----------
A. Miele and J. W. Cantrell, "Study on a memory gradient method for the minimization of functions", 1969.
G. Narkiss and M. Zibulevsky, "Sequential subspace optimization method for large-scale unconstrained problems", 2005.
"""

from ._line_search import plane_minimiser, strong_wolfe
from ._monitor import Status
from ._preconditioned import REFRESH, Line, PreconditionedMethod, parabola


class Plane:
    """The minimiser of the second-order model over span{-gradient, last move}, at the point in hand of a method.

    Parameters
    ----------
    method : PreconditionedMethod
        Whose point it is.
    gradient : ndarray
        The gradient there, or its part on the support.
    last : tuple of (ndarray, float), or None
        The last move of u, and its length in units of the last direction of the scores.
    advance : bool
        Whether the last look becomes the point in hand first.

    Attributes
    ----------
    direction : ndarray
        The move in u.
    slope : float
        The derivative of F along it.
    remembers : bool
        Whether the last move plays a part.
    """

    def __init__(self, method, gradient, last, advance):
        ridge, parts, coef = method.ridge, method.parts, method.model(-gradient)
        steep = float(gradient @ gradient)
        (forms,) = parts.mean("plane", *coef, last is not None, advance)
        a, b, c = forms.tolist()
        a += float((ridge * gradient) @ gradient)
        along = length = 0.0
        if last is not None:
            move, length = last
            b = length * b - float((ridge * gradient) @ move)
            c = length * length * c + float((ridge * move) @ move)
            along = float(gradient @ move)
        c_0, c_1, self.slope = plane_minimiser(steep, a, b, c, along)
        self.remembers = c_1 != 0.0
        self.direction = c_1 * last[0] - c_0 * gradient if self.remembers else -c_0 * gradient
        self.step = ("step", c_0, c_1 * length)


class MemoryGradient(PreconditionedMethod):
    """The method for a smooth loss and an l2 penalty."""

    def begin_stage(self):
        loss, plain, gradient = self.look_at(self.u)
        self.first_look = loss + self._penalty(), gradient + self.ridge * self.u
        self.stage_value = plain + self._penalty()

    def _penalty(self):
        """The l2 penalty at u."""
        return 0.5 * float((self.ridge * self.u) @ self.u)

    def stage_iterates(self):
        ridge = self.ridge
        (value, gradient), last, advance = self.first_look, None, False
        plain = self.stage_value - self._penalty()
        while True:
            if not gradient @ gradient > 0.0:
                yield self.iterate(value, plain, end=Status.PLATEAU)
                return
            # 1. the plane of -gradient and the last move, and the minimiser of the model on it
            plane = Plane(self, gradient, last, advance)
            # 2. the length of the step
            line = Line(self, plane.step, penalty=parabola(ridge, self.u, plane.direction))
            t, new = strong_wolfe(line, value, plane.slope)
            if t == 0.0:
                if not plane.remembers:
                    yield self.iterate(value, plain, promised=-0.5 * plane.slope, end=Status.PLATEAU)
                    return
                last, advance = None, False
                continue
            line.settle(t)
            # 3. the move, and the gradient that the last look brought
            move = t * plane.direction
            self.u = self.u + move
            last, advance, value, plain = (move, t), True, new, line.plain
            gradient = line.gradient + ridge * self.u
            if (self.n_iter + 1) % REFRESH == 0:
                loss, plain, gradient = self.look_at(self.u)
                value, gradient, advance = loss + self._penalty(), gradient + ridge * self.u, False
            yield self.iterate(value, plain, gap=self.quadratic_gap(gradient))
            if self.stage_is_over:
                return
