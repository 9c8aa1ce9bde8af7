"""How F is minimised: the loop, what watches it, and the methods.

`Method` and `Iterate` are what a solver of your own needs.
"""

from ._loop import Iterate, Method, Settings, descend

__all__ = ["Iterate", "Method", "Settings", "descend"]
