"""The public names of the classes of a fitted model in pickles and skops files."""

# Stored files remain readable when a class moves to another file of the package.
PUBLIC_MODULE = "sklearn_gd.persistence"


def stored(cls):
    """Class decorator: name the class as a member of the public module."""
    cls.__module__ = PUBLIC_MODULE
    return cls
