"""The version of the package, which is stored in every pickle."""

__version__ = "0.1.0"
