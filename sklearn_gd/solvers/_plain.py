"""Batch, stochastic and mini-batch gradient descent, and which of them "auto" selects."""

from typing import Any

from .._components import Constraints, Range
from ..descent._loop import Method, Settings
from ..descent.gram_descent import GramDescent, has_gram
from ..descent.memory_gradient import MemoryGradient
from ..descent.proximal_descent import ProximalDescent
from ..descent.proximal_rows import ProximalRows
from ..descent.quasi_newton import QuasiNewton, is_better
from ..descent.span_descent import Span, SpanDescent
from ..descent.support_descent import SupportDescent, has_cheap_newton
from ..optimizers import GradientDescent
from ._base import Solver


class Batch(Solver):
    """Batch gradient descent: every step uses all samples.

    With ``optimizer="auto"`` and ``learning_rate="auto"`` the memory gradient method is used, which needs neither, or L-BFGS
    for non-smooth losses and if X is large. For squared error with few features the memory gradient method works on the Gram
    matrix. With l1 or `nonnegative`, and for a non-smooth loss with few features, second-order models are minimised on working
    sets of features. With more features than samples, under l2 or no penalty, these methods work on the Cholesky factor of the
    Gram matrix of the samples, if it costs little. With a custom penalty, proximal steps of spectral (Barzilai-Borwein) length
    are used instead. In `partial_fit`, each call takes one step on the samples given.

    Examples
    --------
    >>> from sklearn_gd import Batch, GDRegressor
    >>> parts = {"solver": Batch(), "optimizer": "gd", "learning_rate": 0.5}
    >>> model = GDRegressor(**parts, max_iter=1, tol=None, alpha=0.0)
    >>> print(model.fit([[-1.0], [1.0]], [-2.0, 2.0]).coef_)
    [1.]
    """

    shuffles: bool = False
    full_batch: bool = True

    def batch_rows(self, n_samples: int) -> int:
        return n_samples

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        if not settings.automatic or settings.averages:
            return super().method(objective, settings, state)
        if settings.streaming:
            return ProximalRows(objective, self, settings, state)
        theta = None if state is None else state.predicting(objective)
        span = Span.of(objective)
        if span is None:
            return self._without_rate(objective)(objective, theta)
        # A loss flat beyond its margin has a span only where Newton's method pays.
        method = SupportDescent if objective.is_flat_beyond_margin else self._without_rate(span.objective)
        return SpanDescent(objective, theta, span, method)

    @staticmethod
    def _without_rate(objective):
        """Return the method without learning rate that suits the loss and the penalty."""
        if objective.elastic_net is None:
            return ProximalDescent
        if not objective.has_smooth_penalty or has_cheap_newton(objective):
            return SupportDescent
        if has_gram(objective):
            return GramDescent
        return QuasiNewton if is_better(objective) else MemoryGradient


class SGD(Solver):
    """Stochastic gradient descent: every step uses one sample; samples are shuffled each epoch.

    Parameters
    ----------
    local_epochs : int >= 1, default=1
        If X is a Dask collection, the number of epochs that each block runs on its own before the models are averaged, weighted
        by the sample weights. With more epochs, less is communicated, but the result is farther from the minimum of F if the
        blocks differ.

    References
    ----------
    H. Robbins and S. Monro, "A stochastic approximation method", 1951.

    Examples
    --------
    >>> from sklearn_gd import GDRegressor, SGD
    >>> GDRegressor(solver=SGD(), learning_rate=0.01)
    GDRegressor(learning_rate=0.01, solver=SGD())
    """

    constraints: Constraints = {"local_epochs": Range(1, integer=True)}

    def __init__(self, local_epochs: int = 1) -> None:
        self.local_epochs: int = local_epochs

    def batch_rows(self, n_samples: int) -> int:
        return 1

    def moves_present_features(self, settings: Any) -> bool:
        if type(self).method is not SGD.method:
            return False
        plain = settings.schedule is not None and type(settings.optimizer) in (GradientDescent, type(None))
        return plain or settings.automatic

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        if settings.automatic:
            return ProximalRows(objective, self, settings, state)
        return super().method(objective, settings, state)


class MiniBatch(Solver):
    """Mini-batch gradient descent: every step uses a batch of samples; samples are shuffled each epoch.

    With ``optimizer="auto"`` and ``learning_rate="auto"`` the steps are Adam steps, at a learning rate selected on the data.

    Parameters
    ----------
    batch_size : int >= 1, default=32
        Number of samples per step. The last batch of an epoch may be smaller. If there are fewer samples than `batch_size`, each
        step uses all samples.
    local_epochs : int >= 1, default=1
        If X is a Dask collection, the number of epochs that each block runs on its own before the models are averaged, weighted
        by the sample weights. With more epochs, less is communicated, but the result is farther from the minimum of F if the
        blocks differ.

    Examples
    --------
    >>> from sklearn_gd import GDClassifier, MiniBatch
    >>> GDClassifier(solver=MiniBatch(batch_size=64), optimizer="adam")
    GDClassifier(optimizer='adam', solver=MiniBatch(batch_size=64))
    """

    constraints: Constraints = {"batch_size": Range(1, integer=True), "local_epochs": Range(1, integer=True)}

    def __init__(self, batch_size: int = 32, local_epochs: int = 1) -> None:
        self.batch_size: int = batch_size
        self.local_epochs: int = local_epochs

    def batch_rows(self, n_samples: int) -> int:
        return int(self.batch_size)


def automatic_solver(settings: Settings) -> Solver:
    """Return the solver that "auto" stands for.

    It is `Batch` if optimizer and learning rate are "auto" too, `MiniBatch` if one of them is given, and `SGD` if both are
    "auto" in `partial_fit` or with `average`.
    """
    if not settings.automatic:
        return MiniBatch()
    return SGD() if settings.streaming or settings.averages else Batch()
