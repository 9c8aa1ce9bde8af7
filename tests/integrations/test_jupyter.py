"""scikit-learn's progress bar in a notebook: a bar, or a message that says what to install."""

import json

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat comes with the extra `integrations`")
nbclient = pytest.importorskip("nbclient", reason="nbclient comes with the extra `integrations`")
pytest.importorskip("ipykernel", reason="ipykernel comes with the extra `integrations`")
pytest.importorskip("rich", reason="the progress bar needs rich")

FIT = """
from sklearn.callback import ProgressBar
from sklearn_gd import GDRegressor
model = GDRegressor(max_iter=30).set_callbacks(ProgressBar()).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
"""
HIDDEN = "import sys\nsys.modules['ipywidgets'] = None\n"


def outputs(code):
    """The output of a cell, as text."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    return json.dumps(notebook.cells[0].outputs)


def test_without_ipywidgets_a_line_says_what_to_install():
    assert r"install \"ipywidgets\" for" in outputs(HIDDEN + FIT)


def test_with_ipywidgets_there_is_a_bar():
    pytest.importorskip("ipywidgets", reason="ipywidgets comes with the extra `integrations`")
    shown = outputs(FIT)
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert "install" not in shown
