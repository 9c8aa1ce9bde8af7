"""Solvers: the number of samples of each step, and the method that minimises F."""

import math
from collections.abc import Callable
from typing import Any

from ._components import Component, Constraints, Range, resolve
from ._devices import HOST
from .descent._loop import Method, Settings
from .descent.automatic_steps import AutomaticSteps
from .descent.gram_descent import GramDescent, has_gram
from .descent.local_rounds import LocalRounds
from .descent.memory_gradient import MemoryGradient
from .descent.proximal_descent import ProximalDescent
from .descent.proximal_rows import ProximalRows
from .descent.steps import Steps
from .descent.support_descent import SupportDescent
from .descent.variance_reduced import ReducedSteps
from .losses import Loss
from .optimizers import GradientDescent
from .penalties import Penalty

__all__ = [
    "SAGA",
    "SGD",
    "SOLVERS",
    "SVRG",
    "Batch",
    "MiniBatch",
    "Solver",
]

# Requirements of a solver on loss and penalty: a test of the two, and the message if it fails.
REQUIREMENTS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "smooth loss": (lambda loss, penalty: loss.smooth, "a differentiable loss, but loss={loss!r} has smooth=False"),
    "smooth penalty": (
        lambda loss, penalty: not penalty.has_prox(),
        "a differentiable penalty, but penalty={penalty!r} has a proximal step",
    ),
    "elastic-net penalty": (
        lambda loss, penalty: penalty.elastic_net() is not None,
        "a penalty that consists of l1 and l2 terms, but elastic_net() of penalty={penalty!r} returns None",
    ),
    "curvature bound": (
        lambda loss, penalty: loss.curvature_bound is not None,
        "a bound on the second derivative of the loss, but loss={loss!r} has curvature_bound=None",
    ),
}


class Solver(Component):
    """Abstract base of the solvers; subclass it for a custom solver.

    A subclass defines either `batch_rows`, to take the steps of an optimizer on batches of that size, or `method`, to use a
    minimisation method.

    Attributes
    ----------
    shuffles : bool
        Whether the samples are shuffled before each epoch.
    full_batch : bool
        Whether every step uses all samples, however many there are.
    local_epochs : int
        If X is in blocks elsewhere, the number of epochs that each block runs on its own before the models are averaged.
    requires : tuple of str
        Requirements on loss and penalty: any of "smooth loss", "smooth penalty", "elastic-net penalty" and "curvature bound".
        `fit` raises a ValueError that names the missing one if loss or penalty do not meet them.
    """

    shuffles: bool = True
    full_batch: bool = False
    requires: tuple[str, ...] = ()
    local_epochs: int = 1

    def batch_rows(self, n_samples: int) -> int:
        """Return the number of samples per step.

        Parameters
        ----------
        n_samples : int
            Total number of samples.

        Returns
        -------
        int
            Between 1 and `n_samples`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method batch_rows(n_samples)")

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        """Return the minimisation method: an object that yields an iterate after each epoch.

        Parameters
        ----------
        objective : Objective
            The objective to minimise.
        settings : Settings
            Optimizer, schedule and limits.
        state : object, optional
            The initial model, or the state of an earlier call of `partial_fit`. A custom solver calls
            ``state.predicting(objective)`` to get the initial theta.

        Returns
        -------
        Method
            By default, the steps of the optimizer on batches of `batch_rows` samples.
        """
        steps = AutomaticSteps if settings.schedule is None else Steps
        return steps(objective, self, settings, state)

    def needs_only_sums(self, settings: Any) -> bool:
        """Whether the method needs only sums over all samples, so that the samples may be on a device or in blocks.

        Parameters
        ----------
        settings : Settings
            The settings, as for `method`.

        Returns
        -------
        bool
            By default the value of `full_batch`, and False in `partial_fit`.
        """
        return self.full_batch and not settings.streaming

    def in_blocks(self, settings: Any) -> "Solver":
        """Return the solver for samples in blocks elsewhere.

        Parameters
        ----------
        settings : Settings
            The settings, as for `method`.

        Returns
        -------
        Solver
            The solver itself if it needs only sums; otherwise a solver that averages the models of local epochs in rounds.
        """
        return self if self.needs_only_sums(settings) else Rounds(self)

    def validate(self) -> None:
        """Raise an error if a parameter is out of its range, or if both `batch_rows` and `method` are missing."""
        super().validate()
        name = type(self).__name__
        if type(self).batch_rows is Solver.batch_rows and type(self).method is Solver.method:
            raise TypeError(f"{name} has no method batch_rows(n_samples): a solver must define it, or override method(...)")

    def check(self, settings: Any, loss: Loss, penalty: Penalty) -> None:
        """Raise a ValueError if the solver is incompatible with the other parts.

        Parameters
        ----------
        settings : Settings
            The optimizer and the schedule (None for "auto"), whether iterates are averaged, and whether this is `partial_fit`.
        loss : Loss
            The loss.
        penalty : Penalty
            The penalty.
        """
        for name in self.requires:
            holds, missing = REQUIREMENTS[name]
            if not holds(loss, penalty):
                raise ValueError(f"solver={self!r} requires " + missing.format(loss=loss, penalty=penalty))


class Rounds(Solver):
    """Rounds of local epochs of another solver, on samples in blocks elsewhere.

    Parameters
    ----------
    solver : Solver
        The solver of each part of the samples, for `Solver.local_epochs` epochs per round.
    """

    def __init__(self, solver: Solver) -> None:
        self.solver = solver

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        return LocalRounds(objective, self.solver, settings, state)


class Automatic(Solver):
    """The solver "auto".

    It is `Batch` if optimizer and learning rate are "auto" too, `MiniBatch` if one of them is given, and `SGD` if both are
    "auto" in `partial_fit` or with `average`.
    """

    def chosen(self, settings: Any) -> Solver:
        """Return the solver that "auto" selects."""
        if not settings.automatic:
            return MiniBatch()
        return SGD() if settings.streaming or settings.averages else Batch()

    def needs_only_sums(self, settings: Any) -> bool:
        return self.chosen(settings).needs_only_sums(settings)

    def in_blocks(self, settings: Any) -> Solver:
        return self.chosen(settings).in_blocks(settings)

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        return self.chosen(settings).method(objective, settings, state)


class Batch(Solver):
    """Batch descent: every step uses all samples.

    With ``optimizer="auto"`` and ``learning_rate="auto"`` the memory gradient method is used, which needs neither. For squared
    error with few features it works on the Gram matrix. With l1 or `nonnegative` it works on an active set of features. With a
    custom penalty, proximal steps of spectral (Barzilai-Borwein) length are used instead. In `partial_fit`, each call takes
    one step on the samples given.

    Examples
    --------
    >>> from sklearn_gd import Batch, GDRegressor
    >>> model = GDRegressor(solver=Batch(), optimizer="gd", learning_rate=0.5, max_iter=1, tol=None, alpha=0.0)
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
        return self._without_rate(objective)(objective, theta)

    @staticmethod
    def _without_rate(objective):
        """Return the method without learning rate that suits the loss and the penalty."""
        form = objective.penalty.elastic_net()
        if form is None:
            return ProximalDescent
        if form.l1 * objective.alpha > 0.0 or form.nonnegative:
            return SupportDescent
        return GramDescent if has_gram(objective) else MemoryGradient


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

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        if settings.automatic:
            return ProximalRows(objective, self, settings, state)
        return super().method(objective, settings, state)


class MiniBatch(Solver):
    """Mini-batch descent: every step uses a batch of samples; samples are shuffled each epoch.

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


class _VarianceReduced(Solver):
    """Abstract base of SVRG and SAGA, which take plain gradient steps and need all samples in memory."""

    constraints: Constraints = {"batch_size": Range(1, integer=True)}

    def __init__(self, batch_size: int = 1) -> None:
        self.batch_size = batch_size

    def batch_rows(self, n_samples: int) -> int:
        return int(self.batch_size)

    def check(self, settings: Any, loss: Loss, penalty: Penalty) -> None:
        super().check(settings, loss, penalty)
        optimizer, name = settings.optimizer, type(self).__name__
        if settings.streaming:
            raise ValueError(
                f"solver={self!r} does not support partial_fit, because it stores a gradient for each sample. Call fit, or use "
                f"another solver, such as 'sgd' or 'minibatch'"
            )
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
    is then implicit (the gradient is evaluated after the step), so it cannot overshoot a sample. A pass that increases F is
    undone, and repeated with shorter steps.

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
    >>> model = GDRegressor(solver=SVRG(), alpha=0.0, tol=1e-12, max_iter=200, random_state=0).fit(X, y)
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
    is then that of Point-SAGA, which is implicit (the gradient is evaluated after the step), so it cannot overshoot a sample. A
    pass that increases F is undone, and repeated with shorter steps.

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
    >>> model = GDRegressor(solver=SAGA(), alpha=0.0, tol=1e-12, max_iter=200, random_state=0).fit(X, y)
    >>> exact = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), y)[0]
    >>> bool(abs(model.coef_ - exact[:3]).max() < 1e-5)
    True
    """


#: The solvers by the strings of the parameter `solver`.
SOLVERS: dict[str, type[Solver]] = {"batch": Batch, "sgd": SGD, "minibatch": MiniBatch, "svrg": SVRG, "saga": SAGA}


def resolve_solver(value: Any) -> Solver:
    """Return the solver object for the parameter `solver`; "auto" is a solver too."""
    if isinstance(value, str) and value == "auto":
        return Automatic()
    return resolve("solver", value, Solver, SOLVERS, ["auto"])


def runs_on_devices(solver: Any, optimizer: Any, learning_rate: Any, average: Any) -> bool:
    """Whether `fit` with these parameters of an estimator, not yet checked, takes X on a device."""
    if isinstance(solver, str):
        solver = SOLVERS.get(solver, Automatic)()
    automatic = all(isinstance(each, str) and each == "auto" for each in (optimizer, learning_rate))
    given = None if automatic else "given"
    settings = Settings(given, given, average_from=1.0 if average else math.inf)
    return isinstance(solver, Solver) and solver.needs_only_sums(settings)


def check_device(place: Any, solver: Solver, settings: Any) -> None:
    """Raise a ValueError if X is on a device and the solver takes steps on single samples."""
    if place is HOST or solver.needs_only_sums(settings):
        return
    what = "partial_fit takes" if settings.streaming else f"solver={solver!r} takes"
    if isinstance(solver, Automatic) and not settings.streaming:
        what = f"solver='auto' stands for {solver.chosen(settings)!r} here, which takes"
    raise ValueError(
        f"{what} steps on single samples or small batches, in compiled loops over NumPy arrays and CSR matrices, but X is in "
        f"{place!r}. Call fit with solver='auto', optimizer='auto', learning_rate='auto' and average=False, or with "
        f"solver='batch', which run on the device of X; or convert X to NumPy"
    )
