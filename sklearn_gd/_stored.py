"""The public names under which files that were stored know the classes of a fitted model."""

from typing import TypeVar

T = TypeVar("T")

# Stored files remain readable when a class moves to another file of the package.
PUBLIC_MODULE = "sklearn_gd.persistence"


def stored(cls: type[T]) -> type[T]:
    """Class decorator: name the class as a member of the public module."""
    cls.__module__ = PUBLIC_MODULE
    return cls


def public_name(cls: type) -> str:
    """The full name of a class; of a class of this package, without the private file that defines it."""
    module = cls.__module__
    public = module.partition("._")[0] if module.startswith("sklearn_gd.") else module
    return f"{public}.{cls.__qualname__}"
