"""Stochastic solvers on samples in blocks: local epochs, averaged round by round."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_gd import SGD, GDClassifier, GDRegressor, MiniBatch
from sklearn_gd.descent._loop import Settings
from sklearn_gd.descent.local_rounds import LocalEpochs, LocalRounds
from sklearn_gd.losses import SquaredError
from sklearn_gd.objective._objective import Objective
from sklearn_gd.objective._part import Part
from sklearn_gd.objective._parts import Parts
from sklearn_gd.objective._rows import rows_of
from sklearn_gd.optimizers import GradientDescent
from sklearn_gd.penalties import L2
from sklearn_gd.schedules import InvScaling

pytest.importorskip("dask.array", reason="needs sklearn-gd[dask]")
import dask.array as da

rng = np.random.default_rng(0)
N = 4000
X = rng.normal(size=(N, 4)) * [1.0, 100.0, 0.01, 1.0]
SCORE = X @ [1.0, 0.01, 100.0, -1.0] + rng.logistic(size=N)
LABELS = np.where(SCORE > 0.0, "yes", "no")
SEVERAL = np.array(["a", "b", "c"])[np.digitize(SCORE, [-1.0, 1.5])]
WEIGHT = rng.integers(0, 3, N).astype(float)
BLOCKS = da.from_array(X, chunks=(1000, -1))

MODELS = {
    "sgd": (GDClassifier(solver="sgd"), LABELS),
    "softmax": (GDClassifier(solver="sgd"), SEVERAL),
    "mini-batches": (GDClassifier(solver="minibatch"), LABELS),
    "two epochs a round": (GDClassifier(solver=MiniBatch(batch_size=64, local_epochs=2)), LABELS),
    "an average": (GDClassifier(solver="sgd", average=True), LABELS),
    "saga": (GDClassifier(solver="saga"), LABELS),
    "l1": (GDClassifier(solver="minibatch", penalty="l1", alpha=1e-3), LABELS),
    "hinge": (GDClassifier("hinge", solver="sgd"), LABELS),
    "regression": (GDRegressor(solver="sgd"), SCORE),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_rounds_come_within_one_percent_of_the_minimum(name, weighted):
    model, y = MODELS[name]
    weight = WEIGHT if weighted else None
    exact = clone(model).set_params(solver="auto", average=False).fit(X, y, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = clone(model).set_params(random_state=0).fit(BLOCKS, y, weight)
    assert min(found.loss_curve_) < 1.01 * min(exact.loss_curve_)
    again = clone(found).fit(BLOCKS, y, weight)
    np.testing.assert_array_equal(again.coef_, found.coef_)


def test_rounds_on_csr_blocks_with_a_client(request):
    sparse = X * (rng.random(X.shape) < 0.5)
    dense = da.from_array(sparse, chunks=(1000, -1))
    blocks = dense.map_blocks(sp.csr_array)
    model = GDClassifier(solver="sgd", random_state=0)
    here = clone(model).fit(blocks, LABELS)
    assert min(here.loss_curve_) == pytest.approx(min(clone(model).fit(dense, LABELS).loss_curve_), rel=1e-2)
    request.getfixturevalue("client")
    np.testing.assert_array_equal(model.fit(blocks, LABELS).coef_, here.coef_)


@pytest.mark.parametrize("solver", ["sgd", "minibatch", "saga"])
def test_blocks_that_differ_draw_a_warning(solver):
    """The mean of models of single classes is not a minimum."""
    order = np.argsort(LABELS, kind="stable")
    with pytest.warns(ConvergenceWarning, match="The blocks of X differ"):
        GDClassifier(solver=solver, random_state=0).fit(da.from_array(X[order], chunks=(1000, -1)), LABELS[order])


def test_a_round_is_the_weighted_mean_of_the_epochs_of_the_parts():
    """A calculation by hand, with plain steps at a decaying rate that continues in later rounds."""
    few, y, weight = X[:6, :2] * [1.0, 0.01], SCORE[:6, None], np.array([1.0, 2.0, 1.0, 1.0, 3.0, 1.0])
    more = {"loss": SquaredError(), "penalty": L2(), "alpha": 0.1, "n_outputs": 1, "fit_intercept": True}
    whole = Objective(few, y, weight, **more)
    cuts = [(0, 2), (2, 6)]
    parts = [Part(rows_of(few[a:b]), y[a:b], weight[a:b], whole.array_loss, (a, 6)) for a, b in cuts]
    objective = Objective(few, y, weight, **more, parts=Parts(parts, weight.sum()))
    settings = Settings(GradientDescent(), InvScaling(eta0=0.1, power_t=0.5), max_iter=3, rng=np.random.RandomState(0))
    iterates = LocalRounds(objective, SGD(), settings).iterates()
    theta = np.zeros(3)
    for done in range(3):
        models = []
        for a, b in cuts:
            w, relative = theta.copy(), weight[a:b] / weight[a:b].mean()
            seen = np.cumsum(weight[a:b]) / np.arange(1, b - a + 1)
            for i in range(b - a):
                rate = 0.1 / np.sqrt(done * (b - a) + i + 1.0)
                x = np.append(few[a + i], 1.0)
                slope = relative[i] * relative.mean() * weight[a:b].mean() / seen[i] * (x @ w - y[a + i, 0])
                w -= rate * (slope * x + 0.1 * w * [1.0, 1.0, 0.0])
            models.append(w)
        theta = np.average(models, axis=0, weights=[weight[a:b].sum() for a, b in cuts])
        np.testing.assert_allclose(next(iterates).theta, theta, rtol=1e-12)


def test_a_round_keeps_nothing_on_the_parts():
    assert LocalEpochs.changes is False


def test_an_average_begins_at_its_step_of_the_fit():
    """The steps of a round are counted from one, those from which iterates are averaged from the first round on."""
    never, late, always = (
        GDRegressor(solver=SGD(), learning_rate=0.01, average=average, max_iter=4, tol=None, random_state=0)
        for average in (False, 2500, True)
    )
    for model in (never, late, always):
        model.fit(da.from_array(X[:, [0, 3]], chunks=(1000, -1)), SCORE)
    assert late.loss_curve_[:2] == never.loss_curve_[:2]
    assert late.loss_curve_[3:] != never.loss_curve_[3:]
    assert min(late.loss_curve_) < min(never.loss_curve_)
