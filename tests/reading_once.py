"""The method for samples larger than the cache, as a solver for samples of any size."""

from sklearn_gd import Solver
from sklearn_gd.descent.quasi_newton import QuasiNewton


class ReadingOnce(Solver):
    """L-BFGS."""

    full_batch = True

    def method(self, objective, settings, state=None):
        return QuasiNewton(objective, None if state is None else state.predicting(objective))
