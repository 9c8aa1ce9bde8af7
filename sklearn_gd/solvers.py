"""Solvers: how many samples a step sees, what it remembers of the others, and by which method F is minimised."""

import math
from collections.abc import Callable
from typing import Any

from ._components import Component, Constraints, Range, resolve
from ._devices import HOST
from .descent._loop import Method, Settings
from .descent.automatic_steps import AutomaticSteps
from .descent.gram_descent import GramDescent, has_gram
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

# What a solver may require of loss and penalty: a test of the two, and what is said of them where it fails.
REQUIREMENTS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "smooth loss": (lambda loss, penalty: loss.smooth, "a differentiable loss, and loss={loss!r} has smooth=False"),
    "smooth penalty": (
        lambda loss, penalty: not penalty.has_prox(),
        "a differentiable penalty, and penalty={penalty!r} has a proximal step",
    ),
    "elastic-net penalty": (
        lambda loss, penalty: penalty.elastic_net() is not None,
        "a penalty made of l1 and l2, and penalty={penalty!r} has no elastic_net()",
    ),
    "curvature bound": (
        lambda loss, penalty: loss.curvature_bound is not None,
        "a bound on the second derivative of the loss, and loss={loss!r} has curvature_bound=None",
    ),
}


class Solver(Component):
    """Abstract base of the solvers; subclass it for a solver of your own.

    A subclass gives either `batch_rows`, and so descends by the steps of an optimizer on batches of that size, or `method`, and
    so descends in a way of its own.

    Attributes
    ----------
    shuffles : bool
        Whether the order of the samples is drawn anew each epoch.
    full_batch : bool
        Whether every step sees all samples, however many there are.
    requires : tuple of str
        What the solver needs of loss and penalty: any of "smooth loss", "smooth penalty", "elastic-net penalty" and
        "curvature bound". A fit with parts that lack it raises, and says what is missing.
    """

    shuffles: bool = True
    full_batch: bool = False
    requires: tuple[str, ...] = ()

    def batch_rows(self, n_samples: int) -> int:
        """Samples in a step.

        Parameters
        ----------
        n_samples : int
            Samples in all.

        Returns
        -------
        int
            Between 1 and `n_samples`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method batch_rows(n_samples)")

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        """The way down: an object that yields an iterate after each epoch.

        Parameters
        ----------
        objective : Objective
            What to minimise.
        settings : Settings
            Optimizer, schedule and limits.
        state : object, optional
            Where to start, or what an earlier call of `partial_fit` left; a solver of your own asks it for
            ``predicting(objective)``, a theta.

        Returns
        -------
        Method
            By default the steps of the optimizer on batches of `batch_rows` samples.
        """
        steps = AutomaticSteps if settings.schedule is None else Steps
        return steps(objective, self, settings, state)

    def on_devices(self, settings: Any) -> bool:
        """Whether the descent takes all samples at once, and so runs where an array library has put them.

        Parameters
        ----------
        settings : Settings
            As of `method`.

        Returns
        -------
        bool
            By default `full_batch`, outside of `partial_fit`.
        """
        return self.full_batch and not settings.streaming

    def validate(self) -> None:
        """Raise where a parameter is out of its range, or both `batch_rows` and `method` are missing."""
        super().validate()
        name = type(self).__name__
        if type(self).batch_rows is Solver.batch_rows and type(self).method is Solver.method:
            raise TypeError(f"{name} has no method batch_rows(n_samples): a solver must give one, or a method(...) of its own")

    def check(self, settings: Any, loss: Loss, penalty: Penalty) -> None:
        """Raise a ValueError where the solver does not go with the other parts.

        Parameters
        ----------
        settings : Settings
            The optimizer and schedule, None for "auto"; whether iterates are averaged; whether this is `partial_fit`.
        loss : Loss
            The loss.
        penalty : Penalty
            The penalty.
        """
        for name in self.requires:
            holds, missing = REQUIREMENTS[name]
            if not holds(loss, penalty):
                raise ValueError(f"solver={self!r} needs " + missing.format(loss=loss, penalty=penalty))


class Automatic(Solver):
    """The solver "auto".

    It is `Batch` where optimizer and learning rate are "auto" too, `MiniBatch` where one of them is given, and `SGD` where both
    are "auto" in `partial_fit` or with `average`.
    """

    def chosen(self, settings: Any) -> Solver:
        """The solver that it stands for."""
        if not settings.automatic:
            return MiniBatch()
        return SGD() if settings.streaming or settings.averages else Batch()

    def on_devices(self, settings: Any) -> bool:
        return self.chosen(settings).on_devices(settings)

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        return self.chosen(settings).method(objective, settings, state)


class Batch(Solver):
    """Batch descent: every step sees all samples.

    With ``optimizer="auto"`` and ``learning_rate="auto"`` it descends by the memory gradient method, which needs neither: on the
    Gram matrix for squared loss with few features, on working sets of features under l1 or `nonnegative`, and by
    proximal steps of spectral length under a penalty of your own. In `partial_fit` a call is one step on the samples that it is
    given.

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
        """Which descent without a learning rate goes with the loss and the penalty."""
        form = objective.penalty.elastic_net()
        if form is None:
            return ProximalDescent
        if form.l1 * objective.alpha > 0.0 or form.nonnegative:
            return SupportDescent
        return GramDescent if has_gram(objective) else MemoryGradient


class SGD(Solver):
    """Stochastic descent: every step sees one sample; the samples come in a new order each epoch.

    References
    ----------
    H. Robbins and S. Monro, "A stochastic approximation method", 1951.

    Examples
    --------
    >>> from sklearn_gd import GDRegressor, SGD
    >>> GDRegressor(solver=SGD(), learning_rate=0.01)
    GDRegressor(learning_rate=0.01, solver=SGD())
    """

    def batch_rows(self, n_samples: int) -> int:
        return 1

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        if settings.automatic:
            return ProximalRows(objective, self, settings, state)
        return super().method(objective, settings, state)


class MiniBatch(Solver):
    """Mini-batch descent: every step sees a few samples; they come in a new order each epoch.

    With ``optimizer="auto"`` and ``learning_rate="auto"`` the steps are those of Adam, at a rate that is found from the data.

    Parameters
    ----------
    batch_size : int >= 1, default=32
        Samples in a step; the last batch of an epoch may have fewer. More than there are samples means all of them.

    Examples
    --------
    >>> from sklearn_gd import GDClassifier, MiniBatch
    >>> GDClassifier(solver=MiniBatch(batch_size=64), optimizer="adam")
    GDClassifier(optimizer='adam', solver=MiniBatch(batch_size=64))
    """

    constraints: Constraints = {"batch_size": Range(1, integer=True)}

    def __init__(self, batch_size: int = 32) -> None:
        self.batch_size = batch_size

    def batch_rows(self, n_samples: int) -> int:
        return int(self.batch_size)


class _VarianceReduced(Solver):
    """What SVRG and SAGA share: plain descent only, and the rows all at hand."""

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
                f"solver={self!r} needs all the samples at hand: it remembers a slope for each. Call fit, or give partial_fit "
                f"another solver, such as 'sgd' or 'minibatch'"
            )
        if optimizer is not None and type(optimizer) is not GradientDescent:
            raise ValueError(
                f"optimizer={optimizer!r} does not go with solver={self!r}: the step of {name} is plain descent, "
                f"optimizer='gd' or 'auto'"
            )
        if settings.averages:
            raise ValueError(f"average does not go with solver={self!r}: its last iterate goes to the optimum; use average=False")

    def passes_per_table(self) -> int | None:
        """Passes over the samples between two full gradients; None where the table is renewed sample by sample."""

    def method(self, objective: Any, settings: Any, state: Any = None) -> Method:
        return ReducedSteps(objective, self, settings, state)


class SVRG(_VarianceReduced):
    r"""Stochastic variance-reduced gradient descent: a full gradient now and then takes the noise out of the steps between.

    From a full gradient g at the model :math:`\tilde W` on, a step on the rows B, of weights :math:`s_i` with mean one, is

    .. math::
        W \leftarrow \mathrm{prox}\Big(W - \eta \Big(\frac{1}{|B|} \sum_{i \in B} s_i (l_i'(W) - l_i'(\tilde W)) x_i
        + g + \alpha R'(W)\Big)\Big)

    It goes to the minimiser of F at a constant rate, where plain stochastic descent keeps a distance. With
    ``learning_rate="auto"`` the step is chosen, the columns are centred and scaled in the algebra, and the slope is that after
    the step, so that no row can be overshot; a pass that raises F is taken back and its step shortened.

    Parameters
    ----------
    batch_size : int >= 1, default=1
        Samples in a step.
    passes : int >= 1, default=1
        Passes over the rows between two full gradients, the m of the paper over n; the paper takes 2 for a convex F. An epoch is
        one of these passes.

    References
    ----------
    R. Johnson and T. Zhang, "Accelerating stochastic gradient descent using predictive variance reduction", 2013, figure 1 with
    option I; with a proximal step: L. Xiao and T. Zhang, "A proximal stochastic gradient method with progressive variance
    reduction", 2014. Departures: the samples come in a new order each epoch instead of being drawn with replacement, and the
    l2 part of the penalty is taken at W in every step. The implicit step of "auto": C. Traore, V. Apidopoulos, S. Salzo and
    S. Villa, "Variance reduction techniques for stochastic proximal point algorithms", 2024.

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
    r"""SAGA: the last slope of every row is remembered, and their mean takes the noise out of the steps.

    T holds the slopes, g the mean of the rows' gradients by them. A step on the rows B, of weights :math:`s_i` with mean one, is

    .. math::
        W \leftarrow \mathrm{prox}\Big(W - \eta \Big(\frac{1}{|B|} \sum_{i \in B} s_i (l_i'(W) - T_i) x_i + g
        + \alpha R'(W)\Big)\Big), \qquad T_i \leftarrow l_i'(W)

    T begins with a pass at the first model. The steps go to the minimiser of F at a constant rate, where those of plain
    stochastic descent keep a distance; after that pass an epoch reads every row once. With ``learning_rate="auto"`` the step is
    chosen, the columns are centred and scaled in the algebra, and it is a step of Point-SAGA: the slope is that after the step,
    so that no row can be overshot. A pass that raises F is taken back and its step shortened.

    Parameters
    ----------
    batch_size : int >= 1, default=1
        Samples in a step.

    References
    ----------
    A. Defazio, F. Bach and S. Lacoste-Julien, "SAGA: a fast incremental gradient method with support for non-strongly convex
    composite objectives", 2014, eq. 1 and 2. Departures: the samples come in a new order each epoch instead of being drawn with
    replacement, and the l2 part of the penalty is taken at W in every step. The step of "auto": A. Defazio, "A simple practical
    accelerated method for finite sums", 2016; in the order of K. Mishchenko and P. Richtarik, "A stochastic decoupling method
    for minimizing the sum of smooth and non-smooth functions", 2019.

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


#: What each string of `solver` stands for.
SOLVERS: dict[str, type[Solver]] = {"batch": Batch, "sgd": SGD, "minibatch": MiniBatch, "svrg": SVRG, "saga": SAGA}


def resolve_solver(value: Any) -> Solver:
    """The solver that the estimators' parameter stands for; "auto" is one too."""
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
    return isinstance(solver, Solver) and solver.on_devices(settings)


def check_device(place: Any, solver: Solver, settings: Any) -> None:
    """Raise a ValueError where X is on a device and the solver takes steps on single samples."""
    if place is HOST or solver.on_devices(settings):
        return
    what = "partial_fit takes" if settings.streaming else f"solver={solver!r} takes"
    if isinstance(solver, Automatic) and not settings.streaming:
        what = f"solver='auto' stands for {solver.chosen(settings)!r} here, which takes"
    raise ValueError(
        f"{what} steps on single samples or small batches, in compiled loops over NumPy arrays and CSR matrices, and X is in "
        f"{place!r}. Call fit with solver='auto', optimizer='auto', learning_rate='auto' and average=False, or with "
        f"solver='batch', which descend where X is; or move X to NumPy"
    )
