"""Sphinx: link public names in code style to their pages, and warn about public names without a page.

Pages link to examples as files, for readers of the repository; on the site these links lead to the gallery.
"""

import re
from pathlib import Path

from docutils import nodes
from make_tables import public
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMED = {name: f"{module}.{name}" for module, names in reversed(public().items()) for name in names}
logger = logging.getLogger(__name__)


class LinkPublicNames(SphinxTransform):
    """Link ``Huber`` and ``Huber(delta=2.0)`` in the text of a page to the page of Huber."""

    default_priority = 450  # after Markdown is read, before references are resolved

    def apply(self):
        for literal in list(self.document.findall(nodes.literal)):
            name = re.fullmatch(r"(\w+)(\(.*\))?", literal.astext(), flags=re.S)
            if not name or name[1] not in NAMED or inside(literal, nodes.title, nodes.reference, addnodes.pending_xref):
                continue
            link = addnodes.pending_xref(
                "", refdomain="py", reftype="obj", reftarget=NAMED[name[1]], refdoc=self.env.docname, refwarn=True
            )
            literal.replace_self(link)
            link += literal


def inside(node, *kinds):
    """Whether a node has an ancestor of one of these kinds."""
    while node := node.parent:
        if isinstance(node, kinds):
            return True
    return False


def warn_of_missing(app, env):
    """Warn about each public name that no page describes."""
    described = {entry[0] for entry in env.get_domain("py").get_objects()}
    for name in sorted(set(NAMED.values()) - described):
        logger.warning("%s is public and has no page: run `python docs/make_tables.py`", name)


def gallery_order(path):
    """The position of an example in the gallery: that of its first mention on the gallery's front page."""
    return (EXAMPLES / "index.rst").read_text(encoding="utf-8").index(Path(path).stem)


def link_the_gallery(app, docname, source):
    """Replace links to ``../examples/plot_*.py`` by links to the gallery."""
    source[0] = re.sub(r"\]\(\.\./examples/(plot_\w+)\.py\)", r"](auto_examples/\1.rst)", source[0])


def keep_initials(app, what, name, obj, options, lines):
    """A paragraph that begins with an author's initial, ``P. J. Huber``, is not an item of a list."""
    lines[:] = [re.sub(r"^(\s*)([A-Z])\. ", r"\1\\\2. ", line) for line in lines]


def source_of_inherited(app, module):
    """The source of `fit`, which both estimators inherit: their pages link to it, as to the methods of their own."""
    if module != "sklearn_gd.base":
        return None
    analyzer = ModuleAnalyzer.for_module(module)
    tags = dict(analyzer.find_tags())
    tags |= {f"{name}.fit": tags["BaseGD.fit"] for name in ("GDRegressor", "GDClassifier")}
    return analyzer.code, tags


def setup(app):
    app.add_transform(LinkPublicNames)
    app.connect("source-read", link_the_gallery)
    app.connect("autodoc-process-docstring", keep_initials)
    app.connect("viewcode-find-source", source_of_inherited)
    app.connect("env-check-consistency", warn_of_missing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
