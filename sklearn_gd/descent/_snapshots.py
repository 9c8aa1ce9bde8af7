"""Conversion of states of a descent to dictionaries of arrays and numbers, the content of a checkpoint's file, and back."""

import typing
from dataclasses import fields, is_dataclass


def to_plain(value):
    """Convert a dataclass or named tuple to the dictionary of its fields, recursively; other objects are returned as they are.

    Parameters
    ----------
    value : object
        A state, or a field of one.

    Returns
    -------
    dict, list, ndarray, number, str or None
        It shares its arrays with `value`.
    """
    names = _fields_of(type(value))
    if names is not None:
        return {name: to_plain(getattr(value, name)) for name in names}
    return [to_plain(each) for each in value] if isinstance(value, list) else value


def from_plain(kind, plain):
    """Invert `to_plain`: build an object of the class `kind`, whose annotations name the classes of its fields.

    Parameters
    ----------
    kind : type
        A dataclass or named tuple, a list of one, a union of one with None; for any other class `plain` is returned.
    plain : object
        The return value of `to_plain`.

    Returns
    -------
    object
        It shares its arrays with `plain`.
    """
    if plain is None:
        return None
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is list:
        return [from_plain(inner[0], each) for each in plain]
    kind = next((each for each in inner if _fields_of(each) is not None), kind)
    names = _fields_of(kind)
    if names is None:
        return plain
    kinds = typing.get_type_hints(kind)
    # What an older version did not store has its default.
    return kind(**{name: from_plain(kinds[name], plain[name]) for name in names if name in plain})


def _fields_of(kind):
    """The names of the fields of a dataclass or named tuple; None for other classes."""
    if is_dataclass(kind):
        return [each.name for each in fields(kind)]
    return getattr(kind, "_fields", None)
