"""Persistence: the classes that a stored model contains, under stable names, and the list of all of them.

skops, which is also the default format of mlflow, loads only classes that the reader trusts. `TRUSTED_TYPES` lists the classes
of this package::

    skops.io.load("model.skops", trusted=TRUSTED_TYPES)
    mlflow.sklearn.log_model(model, name="model", skops_trusted_types=TRUSTED_TYPES)

Add a custom loss, penalty, optimizer or schedule to the list: ``[*TRUSTED_TYPES, "my_module.MyLoss"]``.
"""

import inspect

from . import losses, optimizers, penalties, schedules, solvers
from ._classes import ClassCoder
from ._components import Component
from ._layout import Columns, Lazy, Mixture, Track
from ._stored import public_name
from .descent._automatic_state import AutomaticState, Sizes
from .descent._rows_state import RowsState
from .descent._state import ModelState, StepState
from .estimators import GDClassifier, GDRegressor
from .objective._coordinates import Coordinates
from .objective._moments import Moments

STATES = (
    AutomaticState,
    ClassCoder,
    Columns,
    Coordinates,
    Lazy,
    Mixture,
    ModelState,
    Moments,
    RowsState,
    Sizes,
    StepState,
    Track,
)


def _parts():
    """The public classes of losses, penalties, solvers, optimizers and schedules."""
    for module in (losses, penalties, solvers, optimizers, schedules):
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) and issubclass(thing, Component):
                yield thing


#: The full names of all classes of this package that a stored model may contain, sorted, as strings for skops.
#: The mlflow callback is listed by name only, because importing its module requires mlflow.
TRUSTED_TYPES: list[str] = sorted(
    {f"{each.__module__}.{each.__qualname__}" for each in (GDClassifier, GDRegressor, *STATES, *_parts())}
    | {public_name(each) for each in _parts()}  # by which earlier versions stored some of them
    | {"sklearn_gd.mlflow.MLflowLogger"}
)

__all__ = ["TRUSTED_TYPES", *(each.__name__ for each in STATES)]
