"""Sphinx-Gallery: show the animations that an example writes on its page, with the plots."""

import shutil
from pathlib import Path

from sphinx_gallery.scrapers import figure_rst


def animations(block, block_vars, gallery_conf):
    """Move the GIFs that a block has written to the images of the gallery, and show them."""
    moved = []
    for file in sorted(Path(block_vars["src_file"]).parent.glob("*.gif")):
        place = Path(next(block_vars["image_path_iterator"])).with_suffix(".gif")
        shutil.move(file, place)
        moved.append(str(place))
    return figure_rst(moved, gallery_conf["src_dir"], "an animation")


def _get_sg_image_scraper():
    return animations
