r"""Batch descent without a learning rate: the memory gradient method, preconditioned, for a smooth F.

Every iteration moves along ``c_0 (-gradient) + c_1 (last move)``, where (c_0, c_1) minimises the second-order model of F over
that plane, and a line search for the strong Wolfe conditions corrects the length. The gradient is multiplied by the inverse of a
metric, the curvature of F at an earlier model; the last move is not transformed.

References
----------
A. Miele and J. W. Cantrell, "Study on a memory gradient method for the minimization of functions", 1969.
G. Narkiss and M. Zibulevsky, "Sequential subspace optimization method for large-scale unconstrained problems", 2005.
"""

from ._smooth_descent import SmoothDescent, Step


class MemoryGradient(SmoothDescent):
    """The method for a smooth loss and an l2 penalty."""

    def _step(self) -> Step:
        return self._step_in_plane(self.last)
