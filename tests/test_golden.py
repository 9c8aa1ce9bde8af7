"""Models pickled by an earlier state of the package: they load, predict what they predicted, and learn on.

``python tests/test_golden.py`` writes the files anew. Do so only where a release is to break old pickles, and say it in the
changelog.
"""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch
from sklearn_gd.losses import Huber
from sklearn_gd.penalties import ElasticNet

FOLDER = Path(__file__).parent / "golden"


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
    }


NAMES = ("model-state", "rows-state", "rows-state-csr", "step-state", "step-state-lazy")


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_predicts_and_learns_on(name):
    stored = pickle.loads((FOLDER / f"{name}.pickle").read_bytes())
    model, (X, score) = stored["model"], samples()
    np.testing.assert_array_equal(model.predict(X), stored["predicted"])
    y = score if isinstance(model, GDRegressor) else model.predict(X)
    before = model.t_
    model.partial_fit(X, y)
    assert model.t_ > before
    assert np.isfinite(model.coef_).all()


def test_every_kind_of_state_is_kept():
    states = {type(pickle.loads((FOLDER / f"{name}.pickle").read_bytes())["model"]._state).__name__ for name in NAMES}
    assert states == {"ModelState", "RowsState", "StepState"}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, model in models().items():
            stored = {"model": model, "predicted": model.predict(samples()[0])}
            (FOLDER / f"{name}.pickle").write_bytes(pickle.dumps(stored, protocol=4))
