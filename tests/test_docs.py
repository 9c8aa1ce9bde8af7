"""The documentation: its code runs and prints the output shown, quotations match the source, and links are valid.

The code of a page runs from top to bottom in one namespace. A Python block may be preceded by an invisible HTML comment:

``<!-- setup: ... -->``          Python code that is run at this point
``<!-- needs: a, b -->``         packages without which the rest of the page is not run
``<!-- source: a.dotted.name -->``  the next block is the source of that object, without docstrings
``<!-- excerpt: a.module -->``      the next block is a run of lines of that module, white space aside

A ``text`` block right after a Python block is what that block prints.
"""

import ast
import builtins
import contextlib
import dataclasses
import doctest
import importlib
import inspect
import io
import os
import re
import subprocess
import sys
import textwrap
import tokenize
import types
from pathlib import Path

import pytest
from sklearn.linear_model import SGDClassifier, SGDRegressor
from versions import skip_below

import sklearn_gd
from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd.descent._state import StepState

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]
PIECE = re.compile(
    r"<!-- (?P<kind>setup|needs|source|excerpt):(?P<said>.*?)-->|^```(?P<language>[\w{}-]*)[^\n]*\n(?P<block>.*?)^```$",
    re.M | re.S,
)
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)

# The pages whose code requires the newest versions: the package runs with older ones, these examples do not.
PAGES_NEED = {
    "watching.md": [("scikit-learn", "1.9", "the page shows its callbacks")],
    "index.md": [("scikit-learn", "1.8", "SGD's eta0 and learning_rate have other defaults, and so another score")],
    "coming_from_sgd.md": [("scikit-learn", "1.8", "SGD's eta0 and learning_rate have other defaults")],
    "devices.md": [("scikit-learn", "1.9", "its array API dispatch takes X and y in two libraries")],
    "choosing.md": [("scipy", "1.15", "random_array has no rng")],
}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def pieces(page):
    """(kind, text, line of the text's first character) of the code, quotations and outputs of a page."""
    text = page.read_text(encoding="utf-8")
    found, quoted, last = [], None, None
    for match in PIECE.finditer(text):
        kind, group = (match["kind"], "said") if match["kind"] else (match["language"], "block")
        line = text.count("\n", 0, match.start(group)) + 1
        if kind in ("source", "excerpt"):
            quoted = (kind, match["said"].strip())
            continue
        if kind == "needs":
            found.append((kind, match["said"], line, None))
        elif kind == "python" and quoted:
            found.append((*quoted, line, match["block"]))
            quoted = None
        elif kind in ("setup", "python"):
            found.append((kind, match[group], line, None))
        elif kind == "text" and last and last[0] == "python" and not text[last[1] : match.start()].strip():
            found.append(("output", match["block"], line, None))
        last = (kind, match.end())
    assert quoted is None, f"{page.name}: {quoted} is not followed by a Python block"
    return found


def as_lines(code, page, line):
    """Code compiled so that a traceback shows the line of the page."""
    return compile("\n" * (line - 1) + code, str(page), "exec")


@pages
def test_a_page_runs_and_prints_what_it_shows(page, tmp_path, monkeypatch):
    """Run every Python block in order, in one namespace and an empty folder; a page of docs/ shows all output."""
    for needs in PAGES_NEED.get(page.name, ()):
        skip_below(*needs)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(tmp_path)]))
    module = types.ModuleType(f"page_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # for pickles of the classes of the page
    found, printed = pieces(page), ""
    for at, (kind, code, line, _) in enumerate(found):
        if kind == "needs":
            for package in code.split(","):
                pytest.importorskip(package.strip(), reason=f"{page.name} needs the extra `integrations`: {package.strip()}")
        elif kind in ("setup", "python"):
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(as_lines(textwrap.dedent(code), page, line), vars(module))
            printed = stream.getvalue()
            shows = at + 1 < len(found) and found[at + 1][0] == "output"
            assert shows or not printed or page not in DOCS, f"{page.name}:{line} prints, and shows no output:\n{printed}"
        elif kind == "output":
            options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert doctest.OutputChecker().check_output(code, printed, options), (
                f"{page.name}:{line} shows\n{code}\nand its code prints\n{printed}"
            )


def thing_of(name):
    """The object of a dotted name, and its module."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        thing = module
        for part in parts[n:]:
            thing = getattr(thing, part)
        return thing, sys.modules[getattr(thing, "__module__", module.__name__)]
    raise AssertionError(f"{name} cannot be imported")


class _Unannotated(ast.NodeTransformer):
    """Removes annotations, as custom components, which the pages describe, need none."""

    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_AnnAssign(self, node):
        return ast.Assign([node.target], node.value) if node.value is not None else None


def as_quoted(source):
    """The code of a source text without docstrings and annotations, and its comments."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            del node.body[0]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return ast.unparse(ast.fix_missing_locations(_Unannotated().visit(tree))), comments


def squeezed(code):
    """Code without white space, trailing commas and parentheses around a result, which narrower lines may change."""
    code = re.sub(r",(?=[)\]}])", "", re.sub(r"\s", "", code))
    return re.sub(r"return\((.*?)\)(?=@|def|class|$)", r"return\1", code)


QUOTES = [(page, kind, name, line, block) for page in PAGES for kind, name, line, block in pieces(page) if block is not None]


@pytest.mark.parametrize(("page", "kind", "name", "line", "block"), QUOTES, ids=[f"{each[0].name}:{each[3]}" for each in QUOTES])
def test_a_quotation_is_the_source_of_the_package(page, kind, name, line, block):
    """A quoted object equals its source, and runs in its module; an excerpt equals consecutive lines of its module."""
    thing, module = thing_of(name)
    if kind == "source":
        (quoted, comments), (code, noted) = as_quoted(block), as_quoted(textwrap.dedent(inspect.getsource(thing)))
        assert quoted == code, f"{page.name}:{line} is to quote {name}, which reads now:\n{code}"
        assert comments == noted, f"{page.name}:{line} is to quote {name}, whose comments are {noted}"
        exec(as_lines(block, page, line), dict(vars(module)))
        return
    ast.parse(block)
    assert squeezed(block) in squeezed(inspect.getsource(thing)), f"{page.name}:{line}: no lines of {name} read so"


def slug(heading):
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pages
def test_relative_links_lead_somewhere(page):
    """A linked file exists, and so does a linked heading."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path) if path else page
        assert there.exists(), f"{page.name} links to {target}, which does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", FENCED.sub("", there.read_text(encoding="utf-8")), re.M)
            assert anchor in map(slug, headings), f"{page.name} links to {target}, a heading that does not exist"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_lines_are_short(page):
    """No line is longer than 130 characters, except rows of tables, which cannot be wrapped."""
    text = re.sub(r"<!-- table: .*?<!-- end -->", "", page.read_text(encoding="utf-8"), flags=re.S)
    long = [line for line in text.splitlines() if len(line) > 130 and not line.startswith("|")]
    assert not long, f"{page.name}: {long}"


@pages
def test_code_is_narrow(page):
    """Code and output have at most 88 characters per line, the width of the site's column.

    Comments and strings quoted from the package, and the file tree of how_data_flows.md, may be longer.
    """
    text = re.sub(r"<!-- excerpt: .*?```python.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    code = re.findall(r"^```(?:python|text)\n(.*?)^```$", text, re.M | re.S)
    long = [line for block in code for line in block.splitlines() if len(line) > 88]
    assert not long or page.name == "how_data_flows.md", f"{page.name}: {long}"


EXAMPLES = {
    test.name: test.examples
    for file in sorted((ROOT / "sklearn_gd").rglob("*.py"))
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (text := ast.get_docstring(node)) and ">>>" in text
    for test in [doctest.DocTestParser().get_doctest(text, {}, f"{file.stem}.{getattr(node, 'name', '')}", None, None)]
} | {cls.__name__: doctest.DocTestParser().get_examples(cls.__doc__) for cls in (GDClassifier, GDRegressor)}
docstrings = pytest.mark.parametrize("examples", EXAMPLES.values(), ids=EXAMPLES)


def names(node):
    """What a node of code defines: a variable, a function or class, an argument, an import."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
            return name
        case ast.alias(name=name, asname=asname):
            return asname or name.partition(".")[0]
    return None


@docstrings
def test_an_example_of_a_docstring_imports_what_it_names(examples):
    """Doctest lends an example the names of its module, which a reader who pastes it does not have."""
    nodes = list(ast.walk(ast.parse("".join(example.source for example in examples))))
    known = {names(node) for node in nodes} | set(dir(builtins))
    assert not {node.id for node in nodes if isinstance(node, ast.Name)} - known


@docstrings
def test_an_example_of_a_docstring_is_narrow(examples):
    """With the prompt, 88 characters a line, as in the pages."""
    assert all(len(line) <= 84 for example in examples for line in example.source.splitlines())


@pytest.mark.parametrize("name", sklearn_gd.__all__)
def test_a_docstring_begins_with_a_sentence(name):
    """The reference shows it next to the name, and `help` begins with it."""
    assert re.match(r"[A-Z][^\\]*\.( |\n|$)", inspect.getdoc(getattr(sklearn_gd, name)))


def test_api_tables_are_up_to_date():
    """The tables of the pages equal the output of docs/make_tables.py."""
    script = ROOT / "docs" / "make_tables.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr


def environment(**more):
    """The environment of this process, with the package importable from any folder."""
    return os.environ | {"PYTHONPATH": str(ROOT)} | more


# --- statements of single pages ------------------------------------------------------------------------------------------


def block_after(page, heading):
    """The first block of a section of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return FENCED.search(text, text.index(f"\n## {heading}\n"))[0].splitlines()[1:-1]


def test_house_names_every_file():
    """The file tree of how_data_flows.md has all modules of the package, and no others."""
    house, folder, named = Path(sklearn_gd.__file__).parent, Path(), set()
    for line in block_after("how_data_flows.md", "Package layout")[1:]:
        name = line.split()[0]
        if not line.startswith("    "):
            folder = Path()
        if name.endswith("/"):
            folder = Path(name)
        elif name.endswith(".py"):
            named.add((folder / name).as_posix())
    assert named == {path.relative_to(house).as_posix() for path in house.rglob("*.py")}


def test_arrows_are_the_imports():
    """The arrows of how_data_flows.md are the imports within the package; those in parentheses are within functions."""
    shown = {}
    for line in re.sub(r"\n +", " ", "\n".join(block_after("how_data_flows.md", "Imports point one way"))).split("\n"):
        room, _, others = line.partition(" -> ")
        later = re.search(r"\((.*)\)", others)
        now = re.sub(r"\(.*\)", "", others)
        shown[room.strip()] = [set(re.findall(r"\w+", part)) for part in (now, later[1] if later else "")]
    assert shown == {room: list(imports) for room, imports in rooms().items() if any(imports)}


def rooms():
    """For each module or subpackage, the imports from the package at the top, and within functions."""
    house, found = Path(sklearn_gd.__file__).parent, {}
    for path in house.rglob("*.py"):
        inside = path.relative_to(house).parts
        room = inside[0].removesuffix(".py")
        now, later = found.setdefault(room, (set(), set()))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        at_once = {node for statement in tree.body if isinstance(statement, ast.ImportFrom) for node in [statement]}
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            package = inside[: len(inside) - node.level]
            target = (*package, *(node.module.split(".") if node.module else ()))
            names = [target[0]] if target else [alias.name for alias in node.names]
            (now if node in at_once else later).update(set(names) - {room})
        later -= now
    return found


def first_cells(page):
    """The names in code style in the first cells of a page's tables."""
    rows = re.findall(r"^\| (.*?) \|", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.M)
    return {word for cell in rows for word in re.findall(r"`(\w+)`", cell)}


def test_state_table_has_every_field():
    """The table of how_data_flows.md has the fields of `StepState`."""
    assert first_cells("how_data_flows.md") == {each.name for each in dataclasses.fields(StepState)}


@pytest.mark.parametrize("estimator", [SGDClassifier, SGDRegressor], ids=lambda cls: cls.__name__)
def test_everything_of_sgd_is_mapped(estimator):
    """coming_from_sgd.md has a row for every parameter, fitted attribute and public method of scikit-learn's SGD."""
    fitted = estimator(max_iter=5, tol=None).fit([[0.0], [1.0]], [0, 1])
    attributes = {name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")}
    public = {name for name in dir(estimator) if not name.startswith("_")}
    missing = ({*inspect.signature(estimator).parameters} | attributes | public | {"feature_names_in_"}) - first_cells(
        "coming_from_sgd.md"
    )
    assert not missing, sorted(missing)
