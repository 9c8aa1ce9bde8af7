"""The Sphinx configuration; ``python -m sphinx -W --keep-going docs docs/_build/html`` builds the site.

A warning fails the build. Warnings include broken references, examples that raise an error, and public names
without a page or a docstring (see ``_extensions/public_names.py``).
"""

import os
import sys
import tomllib
import zlib
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "_extensions")]
os.environ.setdefault("MPLBACKEND", "Agg")

import sklearn_gd  # noqa: E402
from sklearn_gd._components import SITE  # noqa: E402

project = "sklearn_gd"
author = "The developers of sklearn_gd"
copyright = f"2026, {author}"
version = release = sklearn_gd.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "public_names",
    "search_terms",
]
exclude_patterns = ["_build", "_templates", "inventories"]
templates_path = ["_templates"]
nitpicky = True
smartquotes = False  # "log_loss" is a string literal in prose too
default_role = "literal"
toc_object_entries_show_parents = "hide"

# --- pages in Markdown ---------------------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"  # do not copy the output of a console

# --- the reference, from docstrings --------------------------------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
# A missing docstring; a parameter without a description, a description without a parameter, parameters in another order; an
# error or a result without a description.
numpydoc_validation_checks = {"GL08", "PR01", "PR02", "PR03", "PR07", "RT01", "RT03", "SS01", "SS03"}
numpydoc_validation_exclude = {
    r"\.[A-Z_]+S$",
    r"\.set_\w+_request$",
    "get_metadata_routing",
}  # registries; methods of scikit-learn

# Names of other projects in docstrings. The lists of names are stored here, so that a build needs no network.
OTHERS = {
    "numpy": "https://numpy.org/doc/stable",
    "scipy": "https://docs.scipy.org/doc/scipy",
    "sklearn": "https://scikit-learn.org/stable",
    "matplotlib": "https://matplotlib.org/stable",
}


def inventory(name):
    """Write the list of a project's names in the compressed format of intersphinx; returns its path.

    A dollar sign at the end of an address stands for the name.
    """
    lines = (HERE / "inventories" / f"{name}.txt").read_bytes()
    head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version:\n# The remainder is compressed using zlib.\n"
    path = HERE / "_build" / "inventories" / f"{name}.inv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + zlib.compress(lines))
    return str(path)


intersphinx_mapping = {name: (address, inventory(name)) for name, address in OTHERS.items()}

# --- the examples --------------------------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "copyfile_regex": r"index\.rst",  # the front page of the gallery
    "doc_module": ("sklearn_gd",),
    "backreferences_dir": "generated/backreferences",
    "abort_on_example_error": True,
    "show_signature": False,
    "capture_repr": (),
    "min_reported_time": 10,
    "within_subsection_order": "public_names.gallery_order",
    "minigallery_sort_order": "public_names.gallery_order",
    "write_computation_times": False,
    "image_scrapers": ("matplotlib", "animations"),
}

# Links of the header to the repository, if the package metadata has one.
URLS = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]

# --- the site ------------------------------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_gd"
html_baseurl = SITE
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(HERE / "_extensions" / "scorer.js")
html_favicon = "_static/mark.svg"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "sklearn_gd", "image_light": "_static/mark.svg", "image_dark": "_static/mark.svg"},
    "header_links_before_dropdown": 6,  # one line at 1300 pixels, with the search field
    "external_links": [{"name": name, "url": URLS[name]} for name in ("Source", "Issues") if name in URLS],
    "navbar_align": "left",
    "show_prev_next": True,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], "search": [], "genindex": []},
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {page: [] for page in ("index", "changelog", "quickstart", "benchmarks", "why")}
