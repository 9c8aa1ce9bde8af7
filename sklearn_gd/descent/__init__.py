"""The minimisation of F: the loop over epochs, its monitor and observers, and the methods.

A custom solver needs `Method` and `Iterate`.
"""

from ._loop import Iterate, Method, Settings, descend

__all__ = ["Iterate", "Method", "Settings", "descend"]
