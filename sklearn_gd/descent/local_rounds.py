r"""Stochastic descent on samples in blocks that live elsewhere: local epochs from a common model, averaged round by round.

In a round every part of the samples runs a few epochs of the solver from the common model :math:`W` on its own samples, in
compiled loops where they are. The next common model is the mean of the models that result, weighted by the samples:

.. math:: W \leftarrow \sum_p s_p W_p \Big/ \sum_p s_p, \qquad s_p = \sum_{i \in p} s_i

A round sends the model to each part and receives one model and two numbers. Nothing is kept between rounds, so a part that is
lost costs its own epochs. Every part minimises F over its own samples; where these are alike, a fixed point is near the minimum
of F, and it moves away where blocks differ (samples sorted by label, for example).

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

FAR = 0.02  # of F of the null model: what F may be above its minimum, as far as is known, without a warning


class Resumed(Schedule):
    """The rates of a schedule from a later step on, times a factor.

    Parameters
    ----------
    schedule : Schedule
        The schedule.
    steps : int
        The steps so far.
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
    """What a part is called with in a round: the samples of the part, descended from the common model.

    Parameters
    ----------
    problem : dict
        Keywords of `Objective`, but for the samples.
    solver : Solver
        How the part descends.
    settings : Settings
        Optimizer, schedule and limits; its generator is made from `seed`.
    theta : ndarray or None
        The common model; None before the first round, where none is given.
    rounds : int
        The rounds so far.
    scale : float
        What the rates of the schedule are multiplied by.
    seed : int
        From which each part draws the order of its samples.
    """

    problem: dict[str, Any]
    solver: Any
    settings: Settings
    theta: NDArray[Any] | None
    rounds: int
    scale: float
    seed: int

    # As of a `Call`: the part holds what it held before.
    verb: ClassVar[str] = "local epochs"
    changes: ClassVar[bool] = False
    needs_whole_block: ClassVar[bool] = True

    def __call__(self, part: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """The model times the weight of the samples, and the sums of weight and of weight times the last rate and the local F."""
        weight, epochs = float(part.given_weight.sum()), self.solver.local_epochs
        n = part.rows.shape[0]
        # The compiled loops take arrays in C order.
        with Objective(part.rows, part.target, np.ascontiguousarray(part.given_weight), **self.problem) as objective:
            schedule, start = self.settings.schedule, None
            if schedule is not None:
                steps = self.rounds * epochs * -(-n // self.solver.checked_batch_rows(n))
                schedule = Resumed(schedule, steps, self.scale)
            if self.theta is not None:
                start = ModelState(*objective.unpack(self.theta))
            rng = np.random.RandomState((self.seed + part.first) % 2**32)
            method = self.solver.method(objective, replace(self.settings, schedule=schedule, rng=rng), start)
            method.start()
            *_, last = islice(method.iterates(), epochs)
        return weight * last.theta, weight * np.array([1.0, method.rate or 0.0, last.value])


class LocalRounds(Method):
    """Rounds of local epochs, averaged.

    Parameters
    ----------
    objective : Objective
        What to minimise; its samples are in parts.
    solver : Solver
        How each part descends, for `Solver.local_epochs` epochs a round.
    settings : Settings
        Optimizer, schedule and limits. A round counts as an epoch.
    state : object, optional
        Where to start; zeros where None.
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
        problem = {name: getattr(objective, name) for name in objective.PROBLEM}
        settings = replace(self.settings, rng=None, max_iter=self.settings.max_iter * self.solver.local_epochs)
        while True:
            seed = int(self.settings.rng.randint(2**31))
            call = LocalEpochs(problem, self.solver, settings, self.theta, self.rounds, self.scale, seed)
            total, (weight, rate, local) = objective.parts.summed(call)
            self.theta, self.rate = total / weight, float(rate / weight)
            self.rounds += 1
            value = objective.value(self.theta)
            # No model has a lower F than the mean of the minima of the parts.
            self.gap = value - float(local / weight)
            yield Iterate(self.theta, value, rate=self.rate)

    def on_plateau(self, tolerance: float) -> bool:
        """Lower the rate of an adaptive schedule, as far as it goes."""
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
