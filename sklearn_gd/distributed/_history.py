"""The calls to repeat with a part that is recreated: a few, however long the descent has been.

The current point, the last direction and the point of the last look are known as coefficients. So all calls before the last look
at a model are replaced by that look: `start`, then `line` for the last direction. The part is the same up to rounding.
"""

import numpy as np

from ..objective._calls import Call

ADVANCING = {"plane", "line", "hessian", "curvature_moments", "curvature_sums"}  # whose last argument is `advance`

# Verbs that look along the last direction: the place of the step length among the arguments.
LENGTHS = {"line": 2, "step": 2, "again": 0, "rescale": 1}


class Level:
    """The calls that lead to the current state of parts with all features, or with the selected ones.

    Attributes
    ----------
    calls : list of Call
        The calls since the last `start`, including it.
    raw, ahead, move, last : tuple of (ndarray, ndarray) or None
        The models of the current point and of the last look, and the directions of the last plane and of the last line.
    width : float
        The width of the smoothing.
    """

    def __init__(self):
        self.calls, self.width = [], 0.0
        self.raw = self.ahead = self.move = self.last = None

    def begin(self, coef, intercept, width):
        """Begin with a look at a model, which becomes the current point; the last direction is kept."""
        look = Call("start", (coef, intercept, width))
        # `line` needs a current point, which a step of length 0 does not move.
        self.calls = [look] if self.last is None else [look, Call("line", (*self.last, 0.0, False)), look]
        self.raw = self.ahead = (coef, intercept)
        self.width = width

    def add(self, verb, arguments):
        """Record a call."""
        if verb == "start":
            self.begin(*arguments)
            return
        self.calls.append(Call(verb, arguments))
        if verb in ADVANCING and arguments[-1]:
            self.raw = self.ahead
        if verb == "extend":
            at = arguments[2]
            self.raw = self.ahead if at is None else _sum(1.0, self.raw, at, self.last or self.raw)
            self.last = arguments[:2]
            self.ahead = _sum(1.0, self.raw, 1.0, self.last)
        elif verb == "plane":
            self.move = arguments[:2]
        elif verb == "line":
            self.last = arguments[:2]
        elif verb == "step":
            c_0, c_1, _ = arguments
            self.last = _sum(c_0, self.move, c_1, self.last or self.move)
        elif verb == "rescale":
            self.last = _sum(arguments[0], self.last, 0.0, self.last)
        if verb in LENGTHS:
            self.ahead = _sum(1.0, self.raw, arguments[LENGTHS[verb]], self.last)


def _sum(a, x, b, y):
    """The linear combination a x + b y of two models; a factor may be an array with one for each block of scores."""
    return tuple((one.T * a + other.T * b).T for one, other in zip(x, y))


class History:
    """The calls that lead to the current state of every part."""

    def __init__(self):
        self.outer, self.inner, self.columns = Level(), Level(), None

    def add(self, call):
        """Record a call that has changed the parts."""
        if call.verb == "select":
            (self.columns,), self.inner = call.arguments, Level()
        elif call.verb == "within":
            self.inner.add(call.arguments[0], call.arguments[1:])
        elif call.verb == "widen":
            coef, intercept = self.inner.ahead
            wide = np.zeros((len(coef), self.outer.raw[0].shape[1]))
            wide[:, self.columns] = coef
            self.outer.begin(wide, intercept, self.inner.width)
        else:
            self.outer.add(call.verb, call.arguments)

    @property
    def calls(self):
        """The calls, in their order."""
        if self.columns is None:
            return tuple(self.outer.calls)
        within = [Call("within", (call.verb, *call.arguments)) for call in self.inner.calls]
        return (*self.outer.calls, Call("select", (self.columns,)), *within)
