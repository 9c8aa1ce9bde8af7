"""The public name under which pickles and skops files know the classes of a fitted model."""

# Files that were stored stay readable when a class moves to another file of the package.
PUBLIC_MODULE = "sklearn_gd.persistence"


def stored(cls):
    """Class decorator: name the class as a member of the public module."""
    cls.__module__ = PUBLIC_MODULE
    return cls
