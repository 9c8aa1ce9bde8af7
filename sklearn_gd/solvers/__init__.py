"""Solvers: the number of samples of each step, and the method that minimises F."""

import math
from typing import Any

from .._components import resolve
from ..descent._loop import Settings
from ..optimizers import GradientDescent
from ._base import Solver
from ._plain import SGD, Batch, MiniBatch, automatic_solver
from ._variance_reduced import SAGA, SVRG

__all__ = [
    "SAGA",
    "SGD",
    "SOLVERS",
    "SVRG",
    "Batch",
    "MiniBatch",
    "Solver",
]

#: The solvers by the strings of the parameter `solver`.
SOLVERS: dict[str, type[Solver]] = {"batch": Batch, "sgd": SGD, "minibatch": MiniBatch, "svrg": SVRG, "saga": SAGA}


def resolve_solver(value: Any, settings: Settings) -> Solver:
    """Return the solver object for the parameter `solver`; the settings determine what "auto" is."""
    if isinstance(value, str) and value == "auto":
        return automatic_solver(settings)
    return resolve("solver", value, Solver, SOLVERS, ["auto"])


def can_stream(estimator: Any) -> bool:
    """Whether `partial_fit` exists; an AttributeError that says why where it does not."""
    solver = estimator.solver
    if not getattr(SOLVERS.get(solver) if isinstance(solver, str) else solver, "streams", True):
        raise AttributeError(
            f"partial_fit is not available with solver={solver!r}, which needs all samples at once. Call fit, or use another "
            f"solver, such as 'sgd' or 'minibatch'"
        )
    return True


def runs_on_devices(solver: Any, optimizer: Any, learning_rate: Any, average: Any) -> bool:
    """Whether `fit` with these parameters of an estimator, not yet checked, takes X on a device."""
    automatic = all(isinstance(each, str) and each == "auto" for each in (optimizer, learning_rate))
    settings = Settings(None if automatic else GradientDescent(), average_from=1.0 if average else math.inf)
    if isinstance(solver, str):
        solver = SOLVERS[solver]() if solver in SOLVERS else automatic_solver(settings)
    return isinstance(solver, Solver) and solver.needs_only_sums(settings)


def check_device(place: Any, given: Any, solver: Solver, settings: Settings) -> None:
    """Raise a ValueError if X is on a device and the solver, `given` by the user, takes steps on single samples."""
    if place.in_memory or solver.needs_only_sums(settings):
        return
    what = "partial_fit takes" if settings.streaming else f"solver={solver!r} takes"
    if isinstance(given, str) and given == "auto" and not settings.streaming:
        what = f"solver='auto' stands for {solver!r} here, which takes"
    raise ValueError(
        f"{what} steps on single samples or small batches, in compiled loops over NumPy arrays and CSR matrices, but X is in "
        f"{place!r}. Call fit with solver='auto', optimizer='auto', learning_rate='auto' and average=False, or with "
        f"solver='batch', which run on the device of X; or convert X to NumPy"
    )
