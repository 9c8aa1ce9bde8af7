"""L-BFGS as a custom solver, which uses public names only."""

from collections import deque

import numpy as np

from sklearn_gd import Solver
from sklearn_gd.descent import Iterate, Method


class LBFGS(Solver):
    """Limited-memory BFGS (Nocedal and Wright, 2006, algorithm 7.5), with backtracking.

    Parameters
    ----------
    memory : int, default=10
        The number of stored moves.
    """

    requires = ("smooth loss", "smooth penalty")

    def __init__(self, memory=10):
        self.memory = memory

    def method(self, objective, settings, state=None):
        theta = np.zeros(objective.n_theta) if state is None else state.predicting(objective)
        return TwoLoops(objective, theta, self.memory)


class TwoLoops(Method):
    full_batch = True

    def __init__(self, objective, theta, memory):
        super().__init__(objective)
        self.theta, self.moves = theta, deque(maxlen=memory)
        self.value, self.gradient = objective.value_and_gradient(theta)

    def start(self):
        return self.theta, self.value

    def direction(self):
        q, shares = self.gradient.copy(), []
        for s, y in reversed(self.moves):
            shares.append(s @ q / (y @ s))
            q -= shares[-1] * y
        if self.moves:
            s, y = self.moves[-1]
            q *= (s @ y) / (y @ y)
        for (s, y), share in zip(self.moves, reversed(shares), strict=True):
            q += (share - y @ q / (y @ s)) * s
        return -q

    def iterates(self):
        while True:
            direction, t = self.direction(), 1.0 if self.moves else 1.0 / max(np.linalg.norm(self.gradient), 1.0)
            slope = direction @ self.gradient
            value, gradient = self.objective.value_and_gradient(self.theta + t * direction)
            while not value <= self.value + 1e-4 * t * slope and t > 1e-12:
                t *= 0.5
                value, gradient = self.objective.value_and_gradient(self.theta + t * direction)
            move, change = t * direction, gradient - self.gradient
            if move @ change > 1e-12 * (move @ move):
                self.moves.append((move, change))
            self.theta, self.value, self.gradient = self.theta + move, value, gradient
            yield Iterate(self.theta, value)
