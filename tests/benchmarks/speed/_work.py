"""A task whose time is measured: ours and the other packages, alternately in one run."""

import importlib
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))
timing = importlib.import_module("timing")
medians, load_data = timing.medians, timing.load_data


@dataclass
class Work:
    """A row of the table.

    Parameters
    ----------
    name : str
    bar : float
        The target for the speed relative to the fastest peer; NaN for none.
    ours : callable
    peers : dict of str to callable
    epochs : tuple of int, optional
        The numbers of epochs of a short and a long fit, if the jobs take one; the result is the difference per epoch.
    repeats : int, default=5
    """

    name: str
    bar: float
    ours: object
    peers: dict
    epochs: tuple | None = None
    repeats: int = 5
    seconds: dict = field(default_factory=dict)

    def measure(self):
        """Set `seconds`, the median of each job."""
        jobs = {"ours": self.ours, **self.peers}
        if self.epochs is None:
            self.seconds = medians(self.repeats, jobs)
            return self
        few, many = self.epochs
        timed = {(name, n): (lambda job=job, n=n: job(n)) for name, job in jobs.items() for n in self.epochs}
        taken = medians(self.repeats, timed)
        self.seconds = {name: (taken[name, many] - taken[name, few]) / (many - few) for name in jobs}
        return self

    @property
    def fastest_peer(self):
        return min((name for name in self.seconds if name != "ours"), key=self.seconds.get)

    @property
    def ratio(self):
        """The speed relative to the fastest peer."""
        return self.seconds[self.fastest_peer] / self.seconds["ours"]


def installed(name):
    """The module, or None if it is not installed; its peers are then left out."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def two_classes(n, d, seed=0, condition=1.0):
    """Dense samples of two classes that overlap; the condition number of the features' covariance is that squared."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = (X[:, 0] + rng.normal(size=n) > 0.0).astype(int)
    if condition > 1.0:
        rotation, _ = np.linalg.qr(rng.normal(size=(d, d)))
        X = (X @ rotation * np.geomspace(1.0, 1.0 / condition, d)) @ rotation.T
    return X, y
