"""Helpers of the displays: lazy import of matplotlib, axes that are legible at small sizes, and names in legends."""

from numbers import Real

from scipy.optimize import OptimizeResult
from sklearn.base import BaseEstimator

# Inches: text of the default size is legible if the picture is 300 pixels wide.
SIZE = (4.2, 3.2)


def pyplot():
    """matplotlib.pyplot, or an ImportError that says how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('Displays require matplotlib: pip install matplotlib, or pip install "sklearn-gd[plot]"') from error
    return plt


def axes_of(ax):
    """The given axes, or those of a new figure."""
    if ax is not None:
        return ax
    return pyplot().subplots(figsize=SIZE, layout="constrained")[1]


def colour(k):
    """The k-th colour of the current style's cycle."""
    colours = pyplot().rcParams["axes.prop_cycle"].by_key()["color"]
    return colours[k % len(colours)]


def dashes(k):
    """The dashes of the k-th line: solid until every colour of the cycle is used."""
    return ("-", "--", ":", "-.")[k // len(pyplot().rcParams["axes.prop_cycle"].by_key()["color"]) % 4]


def style(name):
    """A colour of the current style, such as that of its text, so that pictures match dark pages too."""
    value = pyplot().rcParams[name]
    return style("text.color") if value == "inherit" else value


def add_legend(ax, **where):
    """Add a legend in a corner of the axes, or next to them if there are many names."""
    if len(ax.get_legend_handles_labels()[0]) > 6 and not where:
        where = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    ax.legend(fontsize="small", **where)


def named(things, name_of):
    """`things` as a dict: a dict is returned unchanged, a list (or a single one) gets unique names from `name_of`."""
    if isinstance(things, OptimizeResult):
        things = [things]
    elif isinstance(things, dict):
        if not things:
            raise ValueError("there is nothing to plot: the dict is empty")
        return dict(things)
    # A single one, although pipelines and strings have a length too.
    alone = isinstance(things, (str, Real, BaseEstimator)) or callable(things)
    things = [things] if alone else list(things)
    if not things:
        raise ValueError("there is nothing to plot: the list is empty")
    found = {}
    for at, thing in enumerate(things, start=1):
        name = name_of(thing, at)
        found[name if name not in found else f"{name} ({at})"] = thing
    return found


def three_digits(number):
    """A number with three digits, without an exponent unless it is large."""
    return f"{float(f'{number:.3g}'):g}"


def shortened(name, most=16):
    """A name, shortened to leave space for the plot."""
    name = str(name)
    return name if len(name) <= most else name[: most - 1] + "…"


def final_step(estimator):
    """The estimator itself, the last step of a pipeline, or the best estimator of a search."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        else:
            return estimator
