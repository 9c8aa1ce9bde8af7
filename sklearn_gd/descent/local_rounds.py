r"""Stochastic descent on distributed blocks of samples: local epochs from a common model, averaged round by round.

In a round every part runs a few epochs of the solver on its own samples, starting from the common model :math:`W`, in
compiled loops on the worker. The next common model is the mean of the resulting models, weighted by the samples:

.. math:: W \leftarrow \sum_p s_p W_p \Big/ \sum_p s_p, \qquad s_p = \sum_{i \in p} s_i

A round sends the model to each part and receives one model and two numbers. Nothing is kept between rounds, so losing a part
costs only its own epochs. Every part minimises F over its own samples. If the parts are similar, the fixed point is near the
minimum of F; it is farther away if they differ (samples sorted by label, for example).

References
----------
R. McDonald, K. Hall and G. Mann, "Distributed training strategies for the structured perceptron", 2010 (iterative parameter
mixing).
S. U. Stich, "Local SGD converges fast and communicates little", 2019.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..objective._objective import Objective
from ..schedules import Run, Schedule
from ._loop import Iterate, Method, Settings
from ._state import ModelState
from .steps import expected_decrease

FAR = 0.02  # of F of the null model: the excess of F over its minimum, as estimated, above which a warning is given


class Resumed(Schedule):
    """A schedule that continues another one from a given step, times a factor.

    Parameters
    ----------
    schedule : Schedule
        The schedule.
    steps : int
        The number of steps so far.
    scale : float
        The factor.
    """

    def __init__(self, schedule: Schedule, steps: int, scale: float) -> None:
        self.schedule: Schedule = schedule
        self.steps: int = steps
        self.scale: float = scale

    def rate(self, t: NDArray[Any], run: Run) -> NDArray[Any]:
        return self.scale * self.schedule.rate(t + self.steps, run)


@dataclass(frozen=True)
class LocalEpochs:
    """The call on a part in a round: descent on the samples of the part from the common model.

    Parameters
    ----------
    problem : dict
        Keyword arguments of `Objective`, except the samples.
    solver : Solver
        The solver of the part.
    settings : Settings
        Optimizer, schedule and limits; the random generator is seeded by `seed`.
    theta : ndarray or None
        The common model; None before the first round, if none is given.
    rounds : int
        The number of rounds so far.
    scale : float
        The factor on the rates of the schedule.
    seed : int
        The seed from which each part draws the order of its samples.
    """

    problem: dict[str, Any]
    solver: Any
    settings: Settings
    theta: NDArray[Any] | None
    rounds: int
    scale: float
    seed: int

    # The interface of a `Call`; the state of the part does not change.
    verb: ClassVar[str] = "local epochs"
    changes: ClassVar[bool] = False
    needs_whole_block: ClassVar[bool] = True

    def __call__(self, part: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """The model times the weight of the samples, and the sums of weight and of weight times the last rate and the local F."""
        weight, epochs = float(part.given_weight.sum()), self.solver.local_epochs
        n = part.rows.shape[0]
        # The compiled loops take arrays in C order.
        with Objective(part.rows, part.target, np.ascontiguousarray(part.given_weight), **self.problem) as objective:
            settings, start = self.settings, None
            if settings.schedule is not None or settings.averages:
                # The steps of a round are counted from one; schedule and average count those of earlier rounds, too.
                steps = self.rounds * epochs * -(-n // self.solver.checked_batch_rows(n))
                schedule = settings.schedule and Resumed(settings.schedule, steps, self.scale)
                settings = replace(settings, schedule=schedule, average_from=max(settings.average_from - steps, 1.0))
            if self.theta is not None:
                start = ModelState(*objective.unpack(self.theta))
            rng = np.random.RandomState((self.seed + part.first) % 2**32)
            method = self.solver.method(objective, replace(settings, rng=rng), start)
            method.start()
            *_, last = islice(method.iterates(), epochs)
        return weight * last.resolved().theta, weight * np.array([1.0, method.rate or 0.0, last.value])


class LocalRounds(Method):
    """Rounds of local epochs, averaged.

    Parameters
    ----------
    objective : Objective
        The objective to minimise; its samples are in parts.
    solver : Solver
        The solver of each part, which runs `Solver.local_epochs` epochs per round.
    settings : Settings
        Optimizer, schedule and limits. A round counts as an epoch.
    state : object, optional
        The state to resume from; by default zeros.
    """

    rate: float | None
    finds_rates: bool

    def __init__(self, objective: Any, solver: Any, settings: Settings, state: Any = None) -> None:
        super().__init__(objective)
        self.solver: Any = solver
        self.settings: Settings = settings
        self.theta: NDArray[Any] | None = None if state is None else state.predicting(objective)
        self.rounds: int = 0
        self.scale: float = 1.0
        self.gap: float = 0.0
        self.left: Any = expected_decrease(objective)
        self.finds_rates = settings.schedule is None

    def start(self) -> tuple[NDArray[Any], float]:
        theta = np.zeros(self.objective.n_theta) if self.theta is None else self.theta
        return theta, self.objective.value(theta)

    def iterates(self) -> Iterator[Iterate]:
        objective = self.objective
        problem = objective.problem
        settings = replace(self.settings, rng=None, max_iter=self.settings.max_iter * self.solver.local_epochs)
        while True:
            seed = int(self.settings.rng.randint(2**31))
            call = LocalEpochs(problem, self.solver, settings, self.theta, self.rounds, self.scale, seed)
            total, (weight, rate, local) = objective.parts.summed(call)
            self.theta, self.rate = total / weight, float(rate / weight)
            self.rounds += 1
            value = objective.value(self.theta)
            # The mean of the minima of the parts is a lower bound on F.
            self.gap = value - float(local / weight)
            yield Iterate(self.theta, value, rate=self.rate)

    def on_plateau(self, tolerance: float) -> bool:
        """Lower the rate of an adaptive schedule, unless it is at its minimum."""
        factor = None if self.settings.schedule is None else self.settings.schedule.lowered(self.rate)
        if factor is None:
            return False
        self.scale *= factor
        return True

    def caveat(self, theta: NDArray[Any]) -> str | None:
        left = self.gap if self.left is None else min(self.left(theta), self.gap)
        null = abs(self.objective.null_model(0.0 if self.left else None).value)
        if not left > FAR * null:
            return None
        return (
            f"the objective is about {left:.2g} above its minimum, {left / null:.0%} of that of the null model. The blocks of X "
            f"differ, so the mean of their models is not the minimum: distribute the samples over the blocks at random, or use "
            f"solver='auto', which minimises over all blocks at once"
        )

    def snapshot(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("theta", "rounds", "scale", "rate", "gap")}

    def restore(self, saved: dict[str, Any]) -> None:
        vars(self).update(saved)
