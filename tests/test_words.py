"""The words of the documentation and of the code: terms of art, and pages that users find by the terms that they type."""

import ast
import inspect
import io
import re
import tokenize
from pathlib import Path

import pytest
import site_search

import sklearn_gd
from sklearn_gd import exceptions, losses, optimizers, penalties, schedules, solvers

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SOURCES = sorted((ROOT / "sklearn_gd").rglob("*.py"))

# Words to avoid, as regular expressions of whole words, and the terms to use.
WORDS = {
    "kinks?|kinked": "non-differentiable point, non-smooth",
    "lots? of (rows|samples)|each lot|one lot": "batch",
    "doors?": "component, interface",
    "walls?": "constraint",
    "wild": "outlier, divergent",
    "swings?": "oscillation",
    "shadow": "projection",
    "beside": "next to, compared with, in addition to",
    "constant model": "null model",
    "one against the rest|each against the rest": "one-vs-rest",
    "by far|all but|next to nothing|a trifle": "a number, or nearly",
    "earn|earns|earned": "is useful",
    "raw columns|raw rows": "unscaled features, unscaled samples",
    "in silence": "without a warning",
    "of your own": "custom",
    "ways? down": "methods",
    "goes on|go on|going on": "continue, resume",
    "in hand|at hand": "current, given",
    "anew|made again|taken again": "again, recomputed, recreated",
    "so many": "the number",
    "what is left": "the rest, remaining",
    "a tenth more|a quarter more": "10% more, 25% more",
    "an? \\w+ of (its|their) own": "separate, custom",
    "side by side": "in parallel, contiguous",
    "far out": "at large scores, outlying",
    "as it stands|as they stand": "unchanged",
    "meanwhile": "at the same time",
    "no less than": "at least",
    "worked out": "computed",
    "where asked|where there is none|where there is any": "if",
    "descended": "fitted, minimised",
    "learnt": "fitted",
    "per-row": "stochastic, single-sample",
}
# In pages these are samples and features, unless the sentence is about a table, a matrix or a storage format.
ROWS = "rows?|columns?"
ROWS_ARE_MEANT = (
    r"csr|table|row of x\b|column of x\b|data frame|\brow applies|last column|first row|second column|rows of this kind"
)
INTERNALS = {"how_data_flows.md", "api.md", "changelog.md"}  # pages about the code, whose names contain row; lists
# A docstring begins with a noun phrase or a verb, not with a relative clause or a reference to another docstring.
OPENINGS = re.compile(r"(What|How|Where|Whose|Which|Of|The same) ")

FENCED = re.compile(r"^```.*?^```$", re.M | re.S)


def prose(path):
    """The prose of a page or an example, one paragraph per string: no code, generated tables, links or comments."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        docstring = re.match(r'r?"""(.*?)"""', text, re.S)[1]
        comments = re.findall(r"^# (?!%%)(.*)$", text, re.M)
        return [*docstring.split("\n\n"), " ".join(comments)]
    text = re.sub(r"<!-- table: .*?<!-- end -->", "", text, flags=re.S)
    text = FENCED.sub("", re.sub(r"<!--.*?-->", "", text, flags=re.S))
    text = re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "", text))
    return re.split(r"\n\n|\n(?=[|-])", text)


def found(pattern, paragraphs):
    """The paragraphs with a whole word."""
    return [each for each in paragraphs if re.search(rf"\b(?:{pattern})\b", each, re.I)]


@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES], ids=lambda page: page.name)
def test_words_do_not_come_back(page):
    paragraphs = prose(page)
    for pattern, term in WORDS.items():
        assert not found(pattern, paragraphs), f"{page.name}: write {term!r} for {pattern!r}: {found(pattern, paragraphs)}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in INTERNALS], ids=lambda page: page.name)
def test_samples_and_features_are_called_so(page):
    wrong = [each for each in found(ROWS, prose(page)) if not re.search(ROWS_ARE_MEANT, each, re.I)]
    assert not wrong, f"{page.name}: write 'sample' or 'feature': {wrong}"


def public_docstrings():
    """The docstrings of public modules, functions and classes, and of the public methods that these define, by name."""
    for module in (sklearn_gd, losses, penalties, solvers, optimizers, schedules, exceptions):
        yield module.__name__, module.__doc__
        for name in module.__all__:
            thing = getattr(module, name)
            if not getattr(thing, "__module__", "").startswith("sklearn_gd"):
                continue
            yield name, inspect.getdoc(thing)
            if inspect.isclass(thing):
                for inner, function in inspect.getmembers(thing, inspect.isroutine):
                    if not inner.startswith("_") and str(getattr(function, "__module__", "")).startswith("sklearn_gd"):
                        yield f"{name}.{inner}", inspect.getdoc(function)


def test_words_do_not_come_back_in_docstrings():
    for name, text in public_docstrings():
        for pattern, term in WORDS.items():
            assert not found(pattern, [text or ""]), f"{name}: write {term!r} for {pattern!r} in the docstring"


def private_prose(path):
    """The docstrings and comments of a module, names in code style left out, with their lines."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            yield node.body[0].lineno, re.sub(r"`[^`]*`", "", ast.get_docstring(node)).strip()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], re.sub(r"`[^`]*`", "", token.string)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT / "sklearn_gd")))
def test_words_do_not_come_back_in_the_code(source):
    for line, text in private_prose(source):
        assert not OPENINGS.match(text), f"{source.name}:{line}: begin with a noun or a verb: {text[:60]!r}"
        for pattern, term in WORDS.items():
            assert not found(pattern, [text]), f"{source.name}:{line}: write {term!r} for {pattern!r}: {text!r}"


# What users type, and the page that the search of the site has to name first: the page says so in a comment.
SEARCH = re.compile(r"^<!-- search: (.*) -->$", re.M)
TERMS = [
    pytest.param(term, page, id=f"{page.stem}-{term}")
    for page in PAGES
    for terms in SEARCH.findall(page.read_text(encoding="utf-8"))
    for term in terms.split("; ")
]


def opening(page):
    """What a reader sees first: the title, the headings, and the first paragraphs of each section."""
    text = FENCED.sub("", SEARCH.sub("", page.read_text(encoding="utf-8")))
    chosen = re.findall(r"^#+ .*$", text, re.M)
    for section in re.split(r"^#+ .*$", text, flags=re.M):
        chosen += [paragraph for paragraph in section.split("\n\n") if paragraph.strip()][:2]
    return " ".join("\n".join(chosen).lower().split())


def test_a_term_leads_to_one_page():
    terms = [each.values[0].lower() for each in TERMS]
    assert sorted(terms) == sorted(set(terms))


@pytest.mark.parametrize(("term", "page"), TERMS)
def test_the_right_page_has_the_term(term, page):
    missing = [word for word in term.split() if not re.search(rf"(?<!\w){re.escape(word)}", opening(page), re.I)]
    assert not missing, f"{page.name} does not begin with {missing}"


@pytest.mark.skipif(not site_search.is_current(), reason="the site is not built, or a page is newer")
@pytest.mark.parametrize(("term", "page"), TERMS)
def test_the_right_page_is_first_in_the_search_of_the_site(term, page):
    language = pytest.importorskip("sphinx.search.en").SearchEnglish({})
    assert site_search.first_page(site_search.load(), term, language) == page.stem
