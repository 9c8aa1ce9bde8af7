"""The version of the package, which every pickle is stamped with."""

__version__ = "0.1.0"
