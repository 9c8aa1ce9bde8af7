"""Write the tables of the pages from registries, signatures and docstrings, and the names of api.md.

``python docs/make_tables.py`` rewrites them; with ``--check`` it changes nothing, and fails if one is out of date.
"""

import functools
import inspect
import json
import re
import sys
from pathlib import Path

import sklearn_gd
from sklearn_gd import exceptions, losses, optimizers, penalties, schedules, solvers

PAGES = sorted(Path(__file__).parent.glob("*.md"))
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", flags=re.S)


def main(arguments):
    """Rewrite the pages, or compare them with ``--check``; returns the exit code."""
    stale = []
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new = MARKED.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], old)
        if new != old:
            stale.append(page.name)
            if "--check" not in arguments:
                page.write_text(new, encoding="utf-8")
    if stale and "--check" in arguments:
        print(f"{', '.join(stale)}: out of date, run `python docs/make_tables.py`")
        return 1
    return 0


def public():
    """The public names by module, each under its shortest path."""
    modules = {"sklearn_gd": list(sklearn_gd.__all__)}
    for module in (losses, penalties, solvers, optimizers, schedules, exceptions):
        modules[module.__name__] = [name for name in module.__all__ if name not in modules["sklearn_gd"]]
    return modules


# --- one function for each table -----------------------------------------------------------------------------------------


def names(group):
    """The public names of a group, as an autosummary: a page for each name, and links."""
    place, belongs = GROUPS[group]
    lines = [
        f"   ~{module}.{name}"
        for module, found in public().items()
        for name in found
        if home(module, name) == place and belongs(getattr(sys.modules[module], name))
    ]
    head = [
        "```{eval-rst}",
        ".. autosummary::",
        "   :toctree: generated",
        f"   :caption: {CAPTIONS[group]}",
        "   :nosignatures:",
        "",
    ]
    return "\n".join([*head, *sorted(set(lines), key=lambda line: line.rpartition(".")[2].lower()), "```", ""])


def is_loss_for(base):
    """Whether a public object is a built-in loss that derives from `base`."""
    return lambda thing: isinstance(thing, type) and issubclass(thing, base) and thing not in TO_SUBCLASS


def is_tool(thing):
    """Whether a public object of losses/ is a base class, the registry or a function."""
    return thing in TO_SUBCLASS if isinstance(thing, type) else True


def home(module, name):
    """The file or folder of the package that defines a public name."""
    thing = getattr(sys.modules[module], name)
    return (thing.__module__ if hasattr(thing, "__module__") else module).split(".")[1]


def parts(registry, columns=None, others=None):
    """The table of a registry.

    `columns` maps the heading of a further column to a function that returns the cell of a class; `others` maps descriptions of
    other values of the parameter, besides strings and objects, to the classes that they stand for.
    """
    further = columns or {}
    entries = {literal(string): cls for string, cls in registry.items()} | (others or {})
    head = ["string", "description", "object", *further]  # a phone shows only the first two
    rows = [[string, summary(cls), call(cls), *(cell(cls) for cell in further.values())] for string, cls in entries.items()]
    return "".join("| " + " | ".join(line) + " |\n" for line in [head, ["---"] * len(head), *rows])


# --- reading the package -------------------------------------------------------------------------------------------------


def code(text):
    """Text as Markdown code."""
    return f"`{text}`"


def literal(value):
    """A Python literal as Markdown code, strings in double quotes."""
    return code(f'"{value}"' if isinstance(value, str) else repr(value))


def call(cls):
    """The call of the constructor with its defaults."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()}
    return code(f"{cls.__name__}({', '.join(f'{name}={default!r}' for name, default in defaults.items())})")


def summary(thing):
    """The first paragraph of a docstring."""
    return markdown(inspect.getdoc(thing).split("\n\n")[0])


def markdown(text):
    """Docstring markup as Markdown for a table cell."""
    text = re.sub(r":\w+:`([^`<]*?) <[^`]*`", r"\1", " ".join(text.split()))
    pieces = re.split(r":math:`([^`]*)`", text)
    # A vertical bar would end the cell.
    pieces[0::2] = [piece.replace("``", "`").replace("|", r"\|") for piece in pieces[0::2]]
    pieces[1::2] = ["$" + piece.replace(r"\|", r"\Vert{}").replace("|", r"\vert{}") + "$" for piece in pieces[1::2]]
    return "".join(pieces)


def measured():
    """The stored results of `python tests/benchmarks/speed --json docs/speed.json`."""
    return json.loads((Path(__file__).parent / "speed.json").read_text(encoding="utf-8"))


def digits(number):
    """A number with three significant digits."""
    return f"{number:.3g}" if number < 1000 else f"{number:.0f}"


def speed():
    """The rows of the benchmark: our time and that of every other package."""
    lines = ["", "| task | speed-up | target | ours, ms | others, ms |", "|---|---|---|---|---|"]
    for row in measured()["rows"]:
        if not row["seconds"]:
            continue
        peers = sorted((seconds, name) for name, seconds in row["seconds"].items() if name != "ours")
        told = ", ".join(f"{name} {digits(1e3 * seconds)}" for seconds, name in peers)
        ours = digits(1e3 * row["seconds"]["ours"])
        lines.append(f"| {row['work']} | {row['ratio']:.2f} | {row['bar']:.3g} | {ours} | {told} |")
    return "\n".join([*lines, "", ""])


def figures():
    """The measurements without a counterpart: seconds, ratios, arrays of n float64."""
    lines = ["", "| measurement | value | target |", "|---|---|---|"]
    lines += [f"| {each['work']} | {digits(each['figure'])} | {each['bar']:.3g} |" for each in measured()["figures"]]
    return "\n".join([*lines, "", ""])


def versions():
    """The versions of the measured packages."""
    return "\n" + ", ".join(f"{name} {version}" for name, version in measured()["versions"].items()) + ".\n\n"


SMOOTH = {"smooth": lambda cls: "yes" if cls.smooth else "no"}
OF_CLASSES = {
    "probabilities": lambda cls: "yes" if hasattr(cls, "probability") else "",
    "more than two classes": lambda cls: "jointly" if cls().has_row_functions() else "one-vs-rest",
}
RATE = {"automatic rate": lambda cls: "from the data" if cls.default_rate is None else str(cls.default_rate)}
CAPTIONS = {
    "estimators": "Estimators",
    "regression_loss": "Losses for regression",
    "classification_loss": "Losses for classification",
    "custom_loss": "Losses to subclass",
    "penalties": "Penalties",
    "solvers": "Solvers",
    "optimizers": "Optimizers",
    "schedules": "Schedules",
    "minimize": "Minimisation of a function",
    "checkpoint": "Callbacks",
    "warm": "Deployment",
    "displays": "Displays",
    "exceptions": "Warnings",
}
TO_SUBCLASS = {losses.Loss, losses.RegressionLoss, losses.ClassificationLoss, losses.LogLinkLoss}
GROUPS = {group: (group, lambda thing: True) for group in CAPTIONS} | {
    "regression_loss": ("losses", is_loss_for(losses.RegressionLoss)),
    "classification_loss": ("losses", is_loss_for(losses.ClassificationLoss)),
    "custom_loss": ("losses", is_tool),
}
TABLES = {f"{group}_names": functools.partial(names, group) for group in CAPTIONS} | {
    "speed": speed,
    "figures": figures,
    "versions": versions,
    "regression_losses": functools.partial(parts, losses.REGRESSION_LOSSES, SMOOTH),
    "classification_losses": functools.partial(parts, losses.CLASSIFICATION_LOSSES, SMOOTH | OF_CLASSES),
    "penalties": functools.partial(parts, penalties.PENALTIES, others={code(None): penalties.NoPenalty}),
    "solvers": functools.partial(parts, solvers.SOLVERS),
    "optimizers": functools.partial(parts, optimizers.OPTIMIZERS, RATE),
    "schedules": functools.partial(parts, schedules.SCHEDULES, others={"a function": schedules.CallableSchedule}),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
