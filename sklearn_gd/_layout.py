"""Names for the places of small tuples that several parts of the package read."""

from typing import NamedTuple


class ElasticNetForm(NamedTuple):
    r"""A penalty of the form :math:`a |w| + \tfrac{b}{2} w^2`, perhaps over :math:`w \ge 0` only."""

    l1: float
    l2: float
    nonnegative: bool
