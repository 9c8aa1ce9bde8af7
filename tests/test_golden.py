"""Models pickled by earlier versions of the package: they load, give the same predictions, and continue learning.

There is a folder for each version; "before" has those of a development version, without a version stamp. ``python
tests/test_golden.py`` writes the folder of the current version. Run it once, when a version is released: a folder that is written
again no longer tests whether the pickles of that version load.
"""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch, __version__
from sklearn_gd.exceptions import InconsistentVersionWarning
from sklearn_gd.losses import Huber
from sklearn_gd.penalties import ElasticNet

FOLDER = Path(__file__).parent / "golden"
FILES = sorted(FOLDER.glob("*/*.pickle"))


def samples():
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(60, 4)), 3)
    return X, np.round(X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * rng.normal(size=60), 3)


def models():
    """A model for each kind of state, by name."""
    X, score = samples()
    several = np.digitize(score, [-1.0, 1.0])
    steps = {"optimizer": "adam", "learning_rate": 0.05, "random_state": 0, "tol": None, "max_iter": 3}
    return {
        "model-state": GDClassifier().fit(X, several),
        "rows-state": GDRegressor(loss=Huber(2.0)).partial_fit(X, score),
        "rows-state-csr": GDClassifier().partial_fit(sp.csr_array(X), score > 0),
        "step-state": GDClassifier(solver=MiniBatch(8), average=5, **steps).fit(X, score > 0),
        "step-state-lazy": GDRegressor(
            solver="sgd", learning_rate=0.01, penalty=ElasticNet(0.5), max_iter=2, tol=None, random_state=0
        ).fit(sp.csr_array(X), score),
        "automatic-state": GDRegressor(solver="minibatch").partial_fit(X, score),
    }


def load(file):
    """The content of a file; a warning is expected if its folder is not that of the current version."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stored = pickle.loads(file.read_bytes())
    assert {each.category for each in caught} == (set() if file.parent.name == __version__ else {InconsistentVersionWarning})
    return stored


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_it_loads_predicts_and_learns_on(file):
    stored = load(file)
    model, (X, score) = stored["model"], samples()
    np.testing.assert_array_equal(model.predict(X), stored["predicted"])
    y = score if isinstance(model, GDRegressor) else model.predict(X)
    before = model.t_
    model.partial_fit(X, y)
    assert model.t_ > before
    assert np.isfinite(model.coef_).all()


def test_every_kind_of_state_is_kept():
    states = {type(load(file)["model"]._state).__name__ for file in FILES if file.parent.name == __version__}
    assert states == {"AutomaticState", "ModelState", "RowsState", "StepState"}


if __name__ == "__main__":
    folder = FOLDER / __version__
    folder.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, model in models().items():
            stored = {"model": model, "predicted": model.predict(samples()[0])}
            (folder / f"{name}.pickle").write_bytes(pickle.dumps(stored, protocol=4))
