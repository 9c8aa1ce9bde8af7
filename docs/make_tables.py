"""Write the tables of api.md from the package itself: registries, signatures and docstrings.

``python docs/make_tables.py`` rewrites them; with ``--check`` it changes nothing, and fails where one is out of date.
"""

import inspect
import re
import sys
from pathlib import Path

import sklearn_gd
from sklearn_gd import GDClassifier, GDRegressor, losses, optimizers, penalties, schedules, solvers

PAGE = Path(__file__).parent / "api.md"


def main(arguments):
    """Rewrite the page, or compare it where asked; returns the exit code."""
    old = PAGE.read_text(encoding="utf-8")
    marked = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", flags=re.S)
    new = marked.sub(lambda found: found[1] + table(*TABLES[found[2]]()) + found[3], old)
    if new == old:
        return 0
    if "--check" in arguments:
        print("docs/api.md is out of date: run `python docs/make_tables.py`")
        return 1
    PAGE.write_text(new, encoding="utf-8")
    return 0


def table(head, rows):
    """A Markdown table."""
    return "".join("| " + " | ".join(line) + " |\n" for line in [head, ["---"] * len(head), *rows])


# --- one function for each table: its head and its rows ------------------------------------------------------------------


def public_names():
    """What ``import sklearn_gd`` offers."""
    return ["name", "what it is"], [[code(name), summary(getattr(sklearn_gd, name))] for name in sklearn_gd.__all__]


def parameters():
    """Those of the constructors; one that both do not have alike gets a row for each that has it."""
    rows = []
    for name in signature(GDClassifier):
        owners = [cls for cls in (GDClassifier, GDRegressor) if name in signature(cls)]
        alike = len(owners) == 2 and len({repr(signature(cls)[name]) for cls in owners}) == 1
        for cls in owners[:1] if alike else owners:
            takes, meaning = section(cls, "Parameters")[name]
            head = code(name) if alike else f"{code(name)} of {code(cls.__name__)}"
            rows.append([head, takes.split(", default=")[0], literal(signature(cls)[name]), meaning])
    return ["parameter", "takes", "default", "meaning"], rows


def attributes():
    """Those of a fitted estimator."""
    return ["attribute", "meaning"], [[code(name), text] for name, (_, text) in section(GDClassifier, "Attributes").items()]


def methods():
    """The public ones that are not scikit-learn's own."""
    rows = []
    for name in (name for name in vars(GDClassifier) if not name.startswith("_")):
        only = "" if hasattr(GDRegressor, name) else " `GDClassifier` only."
        rows.append([code(name), summary(getattr(GDClassifier, name)) + only])
    return ["method", "what it does"], rows


def parts(registry, columns=None, others=None):
    """The function of a registry's table.

    `columns` maps the heading of a further column to the function that gives a class's cell; `others` maps what a parameter
    takes besides strings and objects, in words, to the class that this stands for.
    """

    def rows():
        entries = {literal(string): cls for string, cls in registry.items()} | (others or {})
        cells = [[string, call(cls), *(cell(cls) for cell in further.values()), summary(cls)] for string, cls in entries.items()]
        return ["string", "object", *further, "what it is"], cells

    further = columns or {}
    return rows


# --- reading the package -------------------------------------------------------------------------------------------------


def code(text):
    """Text as Markdown code."""
    return f"`{text}`"


def literal(value):
    """A Python literal as Markdown code, strings in double quotes."""
    return code(f'"{value}"' if isinstance(value, str) else repr(value))


def signature(cls):
    """The constructor's parameters and their defaults."""
    return {name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()}


def call(cls):
    """The constructor as it would be called with its defaults."""
    return code(f"{cls.__name__}({', '.join(f'{name}={default!r}' for name, default in signature(cls).items())})")


def summary(thing):
    """The first paragraph of a docstring."""
    return markdown(inspect.getdoc(thing).split("\n\n")[0])


def section(cls, title):
    """The entries of a section of a numpydoc docstring: name to (what follows the colon, first sentence)."""
    text = re.search(rf"\n{title}\n-+\n(.*?)(\n\n\S|\Z)", inspect.getdoc(cls), flags=re.S)[1] + "\n"
    entries = re.findall(r"^(\w+) : (.*)\n((?:\s+.*\n?)+)", text, flags=re.M)
    return {name: (markdown(takes), markdown(re.split(r"(?<=\.)\s+(?=[A-Z\"])", body)[0])) for name, takes, body in entries}


def markdown(text):
    """Docstring markup as Markdown that may stand in a table."""
    text = re.sub(r":\w+:`([^`<]*?) <[^`]*`", r"\1", " ".join(text.split()))
    pieces = re.split(r":math:`([^`]*)`", text)
    # A bar would end the cell.
    pieces[0::2] = [piece.replace("``", "`").replace("|", r"\|") for piece in pieces[0::2]]
    pieces[1::2] = ["$" + piece.replace(r"\|", r"\Vert{}").replace("|", r"\vert{}") + "$" for piece in pieces[1::2]]
    return "".join(pieces)


KINKS = {"kinks": lambda cls: "" if cls.smooth else "yes"}
TABLES = {
    "names": public_names,
    "parameters": parameters,
    "attributes": attributes,
    "methods": methods,
    "regression_losses": parts(losses.REGRESSION_LOSSES, KINKS),
    "classification_losses": parts(
        losses.CLASSIFICATION_LOSSES,
        KINKS
        | {
            "probabilities": lambda cls: "yes" if hasattr(cls, "probability") else "",
            "beyond two classes": lambda cls: "all at once" if cls().has_row_functions() else "one against the rest",
        },
    ),
    "penalties": parts(penalties.PENALTIES, others={code(None): penalties.NoPenalty}),
    "solvers": parts(solvers.SOLVERS),
    "optimizers": parts(
        optimizers.OPTIMIZERS,
        {'rate under "auto"': lambda cls: "from the rows" if cls.default_rate is None else str(cls.default_rate)},
    ),
    "schedules": parts(schedules.SCHEDULES, others={"a function": schedules.CallableSchedule}),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
