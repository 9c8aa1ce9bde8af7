"""What the search of the built site names first: Sphinx's searchtools.js in Python, with the points of its scorer.js."""

import json
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
INDEX = DOCS / "_build" / "html" / "searchindex.js"
SCORER = (DOCS / "_extensions" / "scorer.js").read_text(encoding="utf-8")
HALVED = re.compile(re.search(r"/(\^.*\$)/", SCORER)[1])
POINTS = {name: int(points) for name, points in re.findall(r"(\w+): (\d+),", SCORER)}
PRIORITIES = {int(priority): int(points) for priority, points in re.findall(r"(\d): (-?\d+)", SCORER)}


def is_current():
    """Whether the site is built, and no page has been changed since."""
    return INDEX.exists() and INDEX.stat().st_mtime > max(page.stat().st_mtime for page in DOCS.glob("*.md"))


def load():
    """The index that the browser loads."""
    return json.loads(INDEX.read_text(encoding="utf-8").removeprefix("Search.setIndex(").removesuffix(")"))


def by_title(index, query):
    for title, places in index["alltitles"].items():
        if query in title.lower() and 2 * len(query) >= len(title):
            for file, _ in places:
                yield file, round(POINTS["title"] * len(query) / len(title)) + (index["titles"][file] == title)


def by_entry(index, query):
    """Main entries only: the others are shown after all else."""
    for entry, places in index["indexentries"].items():
        if query in entry and 2 * len(query) >= len(entry):
            yield from ((file, round(100 * len(query) / len(entry))) for file, _, main in places if main)


def by_object(index, query):
    words = set(re.split(r"\W+", query))
    for prefix, entries in index["objects"].items():
        for file, kind, priority, _, name in entries:
            full, last = f"{prefix}.{name}".lower(), name.lower().rpartition(".")[2]
            said = f"{prefix} {name} {index['objnames'][str(kind)][2]} {index['titles'][file]}".lower()
            for word in words:
                if word in full and all(other in said for other in words - {word}):
                    exact, part = word in (full, last), word in last
                    points = POINTS["objNameMatch"] if exact else POINTS["objPartialMatch"] if part else 0
                    yield file, points + PRIORITIES[priority]


def by_words(index, query, language):
    """Pages with all words: the points of the best one, in a heading or in the text."""
    words = {language.stem(word) for word in re.split(r"\W+", query) if word not in language.stopwords and not word.isdigit()}
    points = {}
    for word in words:
        for terms, whole, partial in (("terms", "term", "partialTerm"), ("titleterms", "title", "partialTitle")):
            matches = {word: whole} if word in index[terms] else {}
            if not matches and len(word) > 2:
                matches = {term: partial for term in index[terms] if word in term}
            for term, kind in matches.items():
                files = index[terms][term]
                for file in files if isinstance(files, list) else [files]:
                    points.setdefault(file, {})[word] = POINTS[kind]
    for file, of_words in points.items():
        if len(of_words) in (len(words), sum(len(word) > 2 for word in words)):
            yield file, max(of_words.values())


def first_page(index, query, language):
    """The document that the search page names first."""
    query = query.lower().strip()
    found = [*by_title(index, query), *by_entry(index, query), *by_object(index, query), *by_words(index, query, language)]
    ranked = []
    for file, points in found:
        document = index["docnames"][file]
        ranked.append((-points / 2 if HALVED.match(document) else -points, index["titles"][file].lower(), document))
    return min(ranked)[2]
