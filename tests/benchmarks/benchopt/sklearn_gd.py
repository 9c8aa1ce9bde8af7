"""A solver for benchopt's benchmark of l2-regularised logistic regression, benchmark_logreg_l2: a file for its folder `solvers`.

Its objective is sum_i log(1 + exp(-y_i x_i'w)) + lmbd / 2 |w|^2, without an intercept: n times F with alpha = lmbd / n.
"""

import warnings

from benchopt import BaseSolver
from sklearn.exceptions import ConvergenceWarning

from sklearn_gd import GDClassifier


class Solver(BaseSolver):
    name = "sklearn_gd"
    install_cmd = "conda"
    requirements = ["pip::sklearn-gd"]
    references = ["A. Miele and J. W. Cantrell, 'Study on a memory gradient method for the minimization of functions', 1969."]

    def set_objective(self, X, y, lmbd):
        self.X, self.y, self.alpha = X, y, lmbd / len(y)
        self.run(1)  # imports

    def run(self, n_iter):
        model = GDClassifier(penalty="l2", alpha=self.alpha, fit_intercept=False, tol=None, max_iter=max(n_iter, 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.coef = model.fit(self.X, self.y).coef_

    def get_result(self):
        return {"beta": self.coef.ravel()}
