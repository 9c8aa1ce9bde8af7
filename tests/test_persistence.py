"""Pickles contain the version, copies do not warn, and the list for skops has all classes of a stored model."""

import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning as OfScikitLearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_gd
from sklearn_gd import GDClassifier, GDRegressor, MiniBatch, persistence
from sklearn_gd._components import VERSION_STAMP
from sklearn_gd._stored import public_name
from sklearn_gd.exceptions import InconsistentVersionWarning
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, Huber
from sklearn_gd.optimizers import OPTIMIZERS, Adam
from sklearn_gd.penalties import PENALTIES, ElasticNet
from sklearn_gd.persistence import STATES, TRUSTED_TYPES
from sklearn_gd.schedules import SCHEDULES
from sklearn_gd.solvers import SOLVERS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
SCORE = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * RNG.normal(size=60)
SEVERAL = np.digitize(SCORE, [-1.0, 1.0])
STEPS = {"optimizer": "adam", "learning_rate": 0.05, "random_state": 0, "tol": None, "max_iter": 3}


def models():
    """A fitted model for each kind of state, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "ModelState": (GDClassifier().fit(X, SEVERAL), SEVERAL),
            "RowsState": (GDRegressor(loss=Huber(2.0)).partial_fit(X, SCORE), SCORE),
            "RowsState of CSR": (GDClassifier().partial_fit(sp.csr_array(X), SCORE > 0), SCORE > 0),
            "StepState": (GDClassifier(solver=MiniBatch(8), average=5, **STEPS).fit(X, SCORE > 0), SCORE > 0),
            "StepState, lazy": (
                GDRegressor(solver="sgd", learning_rate=0.01, penalty=ElasticNet(0.5), max_iter=2, tol=None, random_state=0).fit(
                    sp.csr_array(X), SCORE
                ),
                SCORE,
            ),
            "AutomaticState": (GDRegressor(solver="minibatch").partial_fit(X, SCORE), SCORE),
        }


NAMES = ("ModelState", "RowsState", "RowsState of CSR", "StepState", "StepState, lazy", "AutomaticState")
names = pytest.mark.parametrize("name", NAMES)


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model):
    stream = io.BytesIO()
    joblib.dump(model, stream)
    return joblib.load(io.BytesIO(stream.getvalue()))


def by_skops(model):
    skops = pytest.importorskip("skops.io", reason="skops comes with the extra `integrations`")
    return skops.loads(skops.dumps(model), trusted=TRUSTED_TYPES)


ways = pytest.mark.parametrize("way", [by_pickle, by_joblib, by_skops, copy.deepcopy])


@ways
@names
def test_it_predicts_and_learns_on_as_before(name, way):
    """The loaded model predicts and learns the same to the last bit, without a warning."""
    model, y = models()[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stored = way(model)
    np.testing.assert_array_equal(stored.predict(X), model.predict(X))
    np.testing.assert_array_equal(stored.partial_fit(X, y).coef_, model.partial_fit(X, y).coef_)
    assert VERSION_STAMP not in vars(stored)


def another_version(monkeypatch):
    """Simulate an older version of the package while an object is stored."""
    monkeypatch.setattr("sklearn_gd._components.__version__", "0.0.9")


@pytest.mark.parametrize("way", [pickle.dumps, "skops"], ids=["pickle", "skops"])
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_another_version_is_warned_of(way, in_pipeline):
    """There is one warning per object, to which scikit-learn's filters apply; the model predicts the same."""
    if way == "skops":
        skops = pytest.importorskip("skops.io", reason="skops comes with the extra `integrations`")
    model = make_pipeline(StandardScaler(), GDRegressor()) if in_pipeline else GDRegressor()
    model.fit(X, SCORE)
    with pytest.MonkeyPatch.context() as patch:
        another_version(patch)
        stored = skops.dumps(model) if way == "skops" else pickle.dumps(model)
    with pytest.warns(OfScikitLearn) as warned:
        loaded = skops.loads(stored, trusted=TRUSTED_TYPES) if way == "skops" else pickle.loads(stored)
    ours = [each.message for each in warned if isinstance(each.message, InconsistentVersionWarning)]
    assert {each.estimator_name for each in ours} == {"GDRegressor", "SquaredError"}
    for each in ours:
        assert (each.original_version, each.current_version) == ("0.0.9", sklearn_gd.__version__)
        assert "which was stored by sklearn_gd 0.0.9" in str(each)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize("part", [Huber(), MiniBatch(8), ElasticNet(0.3)])
def test_a_part_is_stamped_too(part, monkeypatch):
    assert pickle.loads(pickle.dumps(part)).get_params() == part.get_params()
    another_version(monkeypatch)
    stored = pickle.dumps(part)
    monkeypatch.undo()
    with pytest.warns(InconsistentVersionWarning, match=f"load {type(part).__name__}, which"):
        pickle.loads(stored)


def test_a_pickle_without_a_stamp_is_warned_of():
    """Pickles of development versions before the first release have no version."""
    model = GDRegressor().fit(X, SCORE)
    state = model.__getstate__()
    assert state.pop(VERSION_STAMP) == sklearn_gd.__version__
    with pytest.warns(InconsistentVersionWarning, match=r"GDRegressor, which was stored by sklearn_gd before 0\.1\.0"):
        GDRegressor.__new__(GDRegressor).__setstate__(state)


def test_a_warning_can_be_an_error():
    """With a filter for scikit-learn's class the warning is an error, and nothing is loaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", OfScikitLearn)
        with pytest.raises(InconsistentVersionWarning):
            GDRegressor().__setstate__({VERSION_STAMP: "9.9"})


def test_clones_have_no_stamp():
    assert VERSION_STAMP not in vars(clone(GDRegressor().fit(X, SCORE)))


# --- names ----------------------------------------------------------------------------------------------------------------


def test_states_have_public_names():
    """Pickles contain the public module of the states."""
    for each in STATES:
        assert each.__module__ == "sklearn_gd.persistence"
        assert getattr(persistence, each.__name__) is each
    assert set(persistence.__all__) == {"TRUSTED_TYPES", *(each.__name__ for each in STATES)}


def test_every_part_is_trusted():
    """All classes of the registries are in the list."""
    for registry in (REGRESSION_LOSSES, CLASSIFICATION_LOSSES, PENALTIES, OPTIMIZERS, SCHEDULES, SOLVERS):
        for each in registry.values():
            assert {f"{each.__module__}.{each.__qualname__}", public_name(each)} <= set(TRUSTED_TYPES)


def test_a_part_is_known_by_its_public_name():
    """Whichever file of the package defines it, so that a stream goes on after the file has moved."""
    assert public_name(Adam) == "sklearn_gd.optimizers.Adam"
    assert public_name(Huber) == "sklearn_gd.losses.Huber"
    model = GDRegressor(solver="minibatch", optimizer="adam", learning_rate=0.1).partial_fit(X, SCORE)
    assert model._state.rule == "sklearn_gd.optimizers.Adam"


@names
def test_skops_asks_for_no_more_than_the_list(name):
    skops = pytest.importorskip("skops.io", reason="skops comes with the extra `integrations`")
    model, _ = models()[name]
    assert set(skops.get_untrusted_types(data=skops.dumps(model))) <= set(TRUSTED_TYPES)


def test_the_list_names_what_exists():
    """All names can be imported, except the callback, whose module requires mlflow."""
    for name in set(TRUSTED_TYPES) - {"sklearn_gd.mlflow.MLflowLogger"}:
        module, _, cls = name.rpartition(".")
        assert getattr(__import__(module, fromlist=[cls]), cls).__name__ == cls
