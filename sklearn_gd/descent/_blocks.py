"""The blocks of coordinates that F is a sum over: those of each output, unless the loss couples the outputs.

F has no curvature between blocks, so each block may have step lengths and curvatures of its own.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Blocks:
    """The blocks of a vector of coefficients, (n_outputs, n_features) in C order, and intercepts, (n_outputs,).

    Parameters
    ----------
    n_outputs, n_features : int
        The shape of the coefficients.
    coupled : bool
        Whether the loss is a function of all scores of a sample, so that there is a single block.
    """

    shape: tuple[int, int]
    is_single: bool

    def __init__(self, n_outputs: int, n_features: int, coupled: bool) -> None:
        self.shape, self.is_single = (n_outputs, n_features), coupled or n_outputs == 1

    @property
    def n_blocks(self) -> int:
        """The number of blocks."""
        return 1 if self.is_single else self.shape[0]

    def products(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """The product of two vectors in each block."""
        if self.is_single:
            return np.array([a @ b])
        both = a * b
        return both[: -self.shape[0]].reshape(self.shape).sum(axis=1) + both[-self.shape[0] :]

    def spread(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Numbers, one for each block, as factors of a vector."""
        return numbers if self.is_single else np.concatenate([np.repeat(numbers, self.shape[1]), numbers])
