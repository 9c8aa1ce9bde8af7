"""SVRG and SAGA."""

from typing import Any

from .._components import Constraints, Range
from ..descent._loop import Method
from ..descent.variance_reduced import ReducedSteps
from ..losses import Loss
from ..optimizers import GradientDescent
from ..penalties import Penalty
from ._base import Solver


class _VarianceReduced(Solver):
    """Abstract base of SVRG and SAGA, which take plain gradient steps and need all samples in memory."""

    streams: bool = False
    constraints: Constraints = {"batch_size": Range(1, integer=True)}

    def __init__(self, batch_size: int = 1) -> None:
        self.batch_size = batch_size

    def batch_rows(self, n_samples: int) -> int:
        return int(self.batch_size)

    def check(self, settings: Any, loss: Loss, penalty: Penalty) -> None:
        super().check(settings, loss, penalty)
        optimizer, name = settings.optimizer, type(self).__name__
        if optimizer is not None and type(optimizer) is not GradientDescent:
            raise ValueError(
                f"optimizer={optimizer!r} is not compatible with solver={self!r}: {name} takes plain gradient steps; use "
                f"optimizer='gd' or 'auto'"
            )
        if settings.averages:
            raise ValueError(
                f"average is not compatible with solver={self!r}, whose last iterate converges to the minimum; use average=False"
            )

    def passes_per_table(self) -> int | None:
        """Return the number of passes between two full gradients; None if stored gradients are updated sample by sample."""

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        return ReducedSteps(objective, self, settings, state)


class SVRG(_VarianceReduced):
    r"""Stochastic variance-reduced gradient (SVRG): a periodic full gradient reduces the variance of the stochastic gradients.

    After a full gradient g at the model :math:`\tilde W`, a step on the samples B, with weights :math:`s_i` of mean one, is

    .. math::
        W \leftarrow \mathrm{prox}\Big(W - \eta \Big(\frac{1}{|B|} \sum_{i \in B} s_i (l_i'(W) - l_i'(\tilde W)) x_i
        + g + \alpha R'(W)\Big)\Big)

    It converges to the minimiser of F at a constant learning rate, whereas plain stochastic descent keeps a distance to it. With
    ``learning_rate="auto"`` the step length is selected automatically, and features are centred and scaled implicitly. The step
    is then implicit (the gradient is evaluated after the step), so it cannot overshoot a sample. If a pass increases F, it is
    undone and repeated with shorter steps.

    Parameters
    ----------
    batch_size : int >= 1, default=1
        Number of samples per step.
    passes : int >= 1, default=1
        Number of passes over the samples between two full gradients, m / n in the paper, which uses 2 for a convex F. An epoch
        is one of these passes.

    References
    ----------
    R. Johnson and T. Zhang, "Accelerating stochastic gradient descent using predictive variance reduction", 2013, figure 1 with
    option I; with a proximal step: L. Xiao and T. Zhang, "A proximal stochastic gradient method with progressive variance
    reduction", 2014. Departures: the samples are shuffled each epoch instead of being drawn with replacement, and the gradient of
    the l2 term of the penalty is evaluated at W in every step. The implicit step of "auto": C. Traore, V. Apidopoulos, S. Salzo
    and S. Villa, "Variance reduction techniques for stochastic proximal point algorithms", 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd import GDRegressor, SVRG
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + rng.normal(size=200)
    >>> model = GDRegressor(
    ...     solver=SVRG(), alpha=0.0, tol=1e-12, max_iter=200, random_state=0
    ... ).fit(X, y)
    >>> exact = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), y)[0]
    >>> bool(abs(model.coef_ - exact[:3]).max() < 1e-5)
    True
    """

    constraints: Constraints = {"passes": Range(1, integer=True)}

    def __init__(self, batch_size: int = 1, passes: int = 1) -> None:
        super().__init__(batch_size)
        self.passes = passes

    def passes_per_table(self) -> int | None:
        return int(self.passes)


class SAGA(_VarianceReduced):
    r"""SAGA: the last gradient of every sample is stored, and their mean reduces the variance of the stochastic gradients.

    T contains the last derivative of the loss of each sample with respect to its score, and g the mean gradient computed from
    them. A step on the samples B, with weights :math:`s_i` of mean one, is

    .. math::
        W \leftarrow \mathrm{prox}\Big(W - \eta \Big(\frac{1}{|B|} \sum_{i \in B} s_i (l_i'(W) - T_i) x_i + g
        + \alpha R'(W)\Big)\Big), \qquad T_i \leftarrow l_i'(W)

    T is initialized by one pass over the samples at the initial model; after that, each epoch reads every sample once. SAGA
    converges to the minimiser of F at a constant learning rate, whereas plain stochastic descent keeps a distance to it. With
    ``learning_rate="auto"`` the step length is selected automatically, and features are centred and scaled implicitly. The step
    is then that of Point-SAGA, which is implicit (the gradient is evaluated after the step), so it cannot overshoot a sample.
    If a pass increases F, it is undone and repeated with shorter steps.

    Parameters
    ----------
    batch_size : int >= 1, default=1
        Number of samples per step.

    References
    ----------
    A. Defazio, F. Bach and S. Lacoste-Julien, "SAGA: a fast incremental gradient method with support for non-strongly convex
    composite objectives", 2014, eq. 1 and 2. Departures: the samples are shuffled each epoch instead of being drawn with
    replacement, and the gradient of the l2 term of the penalty is evaluated at W in every step. The step of "auto": A. Defazio,
    "A simple practical accelerated method for finite sums", 2016; in the order of K. Mishchenko and P. Richtarik, "A stochastic
    decoupling method for minimizing the sum of smooth and non-smooth functions", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd import GDRegressor, SAGA
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + rng.normal(size=200)
    >>> model = GDRegressor(
    ...     solver=SAGA(), alpha=0.0, tol=1e-12, max_iter=200, random_state=0
    ... ).fit(X, y)
    >>> exact = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), y)[0]
    >>> bool(abs(model.coef_ - exact[:3]).max() < 1e-5)
    True
    """

    def __init__(self, batch_size: int = 1) -> None:
        super().__init__(batch_size)
