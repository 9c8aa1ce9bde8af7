"""How a classifier's scores change when classes come that it has not met before."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Growth:
    """The scores of more classes as a linear function of those of the earlier ones.

    Parameters
    ----------
    turn : ndarray, (n_outputs now, n_outputs before)
        The new scores are ``turn @ old``, plus an intercept for those of new classes.
    fresh : ndarray of bool, (n_outputs now,)
        Which scores belong to a class that was never met.
    softmax : bool
        Whether the loss couples the classes of a row in a softmax; else each is set against the rest.
    rows : float
        How many rows have been seen: a class that none of them had gets a probability of about one in so many.
    """

    turn: np.ndarray
    fresh: np.ndarray
    softmax: bool
    rows: float

    @classmethod
    def between(cls, before, now, softmax, rows):
        """The growth from the sorted classes `before` to `now`, which hold all of them."""
        places = np.searchsorted(now, before)
        fresh = np.ones(len(now), dtype=bool)
        fresh[places] = False
        if len(now) == 2:
            # One class had the score of a second one, still unknown: it is the first of the two, or the second.
            return cls(np.array([[1.0 if places[0] == 0 else -1.0]]), np.zeros(1, dtype=bool), softmax, rows)
        turn = np.zeros((len(now), 1 if len(before) <= 2 else len(before)))
        if len(before) <= 2:
            half = 0.5 if softmax else 1.0
            turn[places, 0] = (-half, half)[: len(before)]
        else:
            turn[places, np.arange(len(before))] = 1.0
        return cls(turn, fresh, softmax, rows)

    @property
    def one_to_one(self):
        """Whether each earlier score is still one of its own, so that what an optimizer keeps of it stays right."""
        return bool((self.turn >= 0.0).all())

    def coefficients(self, coef):
        """coef, (n_outputs before, anything), of the classes now: zero for a new one."""
        return self.turn @ coef

    def intercepts(self, intercept):
        """The intercepts now; a new class begins as one that was not seen in so many rows."""
        out = self.turn @ intercept
        if self.fresh.any():
            known = out[~self.fresh]
            if self.softmax:
                top = known.max()
                out[self.fresh] = top + math.log(np.exp(known - top).sum()) - math.log(self.rows + 1.0)
            else:
                out[self.fresh] = min(known.min(), 0.0) - 1.0
        return out
