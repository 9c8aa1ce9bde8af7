"""`warm_up` compiles in advance: a later process loads all compiled code from disk."""

import subprocess
import sys

import pytest

from sklearn_gd import GDClassifier, warm_up

USED = """
import logging, sys, warnings
import numpy as np, scipy.sparse as sp
warnings.simplefilter("ignore")
logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s", stream=sys.stdout)
from sklearn_gd import GDClassifier, GDRegressor, MiniBatch, warm_up
model = GDRegressor("huber", solver=MiniBatch(8), optimizer="adam", learning_rate=0.01, max_iter=2)
if sys.argv[1:]:
    warm_up(model, layouts=("dense", "csr"))
rng = np.random.default_rng(1)
X = rng.normal(size=(50, 4))
for layout in (np.asarray, sp.csr_array):
    model.fit(layout(X), X[:, 0]).partial_fit(layout(X), X[:, 0])
"""


def compiled_in(folder, monkeypatch, *arguments):
    """The functions that a new process reports to have compiled, with its cache in `folder`."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    done = subprocess.run([sys.executable, "-c", USED, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("sklearn_gd compiled: ")]


def test_a_new_process_after_it_compiles_nothing(tmp_path, monkeypatch):
    """It reports each compiled function; later fits, and those of the next process, compile nothing."""
    first = compiled_in(tmp_path, monkeypatch, "warm")
    assert first
    assert all(line.endswith(", kept for next time") for line in first)
    assert compiled_in(tmp_path, monkeypatch) == []


def test_what_is_wrong_is_named():
    with pytest.raises(TypeError, match="instances of GDRegressor and GDClassifier, not 'huber'"):
        warm_up("huber")
    with pytest.raises(ValueError, match=r"layouts=\('coo',\) must be a non-empty tuple of values from"):
        warm_up(layouts=("coo",))
    with pytest.raises(ValueError, match=r"dtypes=\('float16',\) must be"):
        warm_up(dtypes=("float16",))
    with pytest.raises(ValueError, match=r"n_classes=\(1,\) must be"):
        warm_up(n_classes=(1,))


def test_class_weights_by_label_are_left_out():
    """The labels of the samples that it fits are not those of the user."""
    warm_up(GDClassifier("hinge", solver="sgd", class_weight={"spam": 2.0, "ham": 1.0}))
