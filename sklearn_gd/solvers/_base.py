"""The base of all solvers; rounds of one on samples in blocks elsewhere."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

from .._components import Component
from .._mistakes import check_takes
from ..descent._loop import Method
from ..descent.automatic_steps import AutomaticSteps
from ..descent.local_rounds import LocalRounds
from ..descent.steps import Steps
from ..losses import Loss
from ..penalties import Penalty

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

    A subclass defines either `batch_rows`, to take the steps of an optimizer on batches of that size, or `method`, to use
    another minimisation method.

    Attributes
    ----------
    shuffles : bool
        Whether the samples are shuffled before each epoch.
    full_batch : bool
        Whether every step uses all samples, however many there are.
    streams : bool
        Whether `partial_fit` is possible; if False, estimators have no such method.
    local_epochs : int
        If X is in blocks elsewhere, the number of epochs that each block runs on its own before the models are averaged.
    requires : tuple of str
        Requirements on loss and penalty: any of "smooth loss", "smooth penalty", "elastic-net penalty" and "curvature bound".
        `fit` raises a ValueError that names the missing one if loss or penalty do not meet them.
    """

    shuffles: bool = True
    full_batch: bool = False
    streams: bool = True
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

    def moves_present_features(self, settings: Any) -> bool:
        """Whether `partial_fit` on CSR samples may be given only the features that the samples have.

        Parameters
        ----------
        settings : Settings
            The settings, as for `method`.

        Returns
        -------
        bool
            True if a step changes no coefficient of other features, except by a factor common to all. By default False.
        """
        return False

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
        """Raise an error if a parameter is out of its range, or if the class lacks or misstates what a solver must define."""
        super().validate()
        name = type(self).__name__
        if type(self).batch_rows is Solver.batch_rows and type(self).method is Solver.method:
            raise TypeError(f"{name} has no method batch_rows(n_samples): a solver must define it, or override method(...)")
        unknown = [each for each in self.requires if each not in REQUIREMENTS]
        if unknown:
            raise ValueError(f"{name}.requires has {unknown[0]!r}; it may have any of {sorted(REQUIREMENTS)}")
        with self.once("as written") as due:
            if due:
                check_takes(self.batch_rows, f"{name}.batch_rows", ("n_samples",))
                check_takes(self.method, f"{name}.method", ("objective", "settings", "state"))

    def checked_batch_rows(self, n_samples: int) -> int:
        """Return the number of samples per step, after checking it.

        Parameters
        ----------
        n_samples : int
            Number of samples.

        Returns
        -------
        int
            What `batch_rows` returns.

        Raises
        ------
        TypeError, ValueError
            If it returns no integer >= 1.
        """
        found: Any = self.batch_rows(n_samples)
        if not isinstance(found, Integral) or found < 1:
            kind = ValueError if isinstance(found, Integral) else TypeError
            raise kind(f"{type(self).__name__}.batch_rows({n_samples}) returned {found!r}; it must return an integer >= 1")
        return int(found)

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
