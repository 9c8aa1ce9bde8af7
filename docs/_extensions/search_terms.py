"""Sphinx: the terms that users type, and the section that the search has to name first.

A comment ``<!-- search: early stopping; n_iter_no_change -->`` after a heading makes its terms main entries of the index, which
the search of the site puts before all else. `scorer.js` puts the glossary and the pages on the code after the guide.
"""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform


class IndexSearchTerms(SphinxTransform):
    """Each term of such a comment leads to the section that the comment stands in."""

    default_priority = 450  # after Markdown is read, before the index is collected

    def apply(self):
        for comment in list(self.document.findall(nodes.raw)):
            terms = re.fullmatch(r"<!-- search: (.*) -->", comment.astext().strip())
            if not terms:
                continue
            section = comment.parent
            while not isinstance(section, nodes.section):
                section = section.parent
            entries = [("single", term, section["ids"][0], "main", None) for term in terms[1].split("; ")]
            comment.replace_self(addnodes.index(entries=entries))


def pages_with_terms(app, env, added, changed, removed):
    """Written by every build: the search index has the entries of the pages that a build writes, and no others."""
    entries = env.get_domain("index").entries
    return [page for page, of_page in entries.items() if any(main for *_, main, _ in of_page)]


def setup(app):
    app.add_transform(IndexSearchTerms)
    app.connect("env-get-outdated", pages_with_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
