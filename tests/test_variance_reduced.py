"""SVRG and SAGA: textbook steps compared with the oracle, implicit steps of "auto", linear convergence to the optimum."""

import functools
import inspect
import itertools
import math

import numpy as np
import pytest
import scipy.sparse as sp
from matrix import ALPHA, EPOCHS, LAYOUTS, LOSSES, PENALTY_OBJECTS, N, covering, data, estimator, targets
from matrix import SOLVER_OBJECTS as OTHERS
from oracle import F, descend_reduced, row_slopes
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler, scale

from sklearn_gd import SAGA, SVRG, GDClassifier, GDRegressor, Penalty
from sklearn_gd._kernels import blocks
from sklearn_gd._kernels import variance_reduced as kernels
from sklearn_gd.optimizers import GradientDescent
from sklearn_gd.penalties import L1, L2, ElasticNet, NoPenalty
from sklearn_gd.schedules import InvScaling
from sklearn_gd.solvers import SOLVERS

RTOL = 1e-12
RATE = 0.05
SOLVER_OBJECTS = {
    "saga": SAGA(),
    "saga(5)": SAGA(batch_size=5),
    "svrg": SVRG(),
    "svrg(2 passes)": SVRG(passes=2),
    "svrg(5)": SVRG(batch_size=5),
}
AXES = (list(SOLVER_OBJECTS), list(LOSSES), list(PENALTY_OBJECTS), list(LAYOUTS))


def test_every_solver_has_a_matrix():
    """A new solver is either in the matrix of test_compat.py or in this one."""
    assert set(SOLVERS) == set(OTHERS) | {"svrg", "saga"}


# --- textbook steps ------------------------------------------------------------------------------------------------------


def compare(loss, solver, penalty, layout, rate=RATE, dtype=np.float64, rows=None, **more):
    """Fit, and compare the models of every epoch with the oracle's."""
    X, y, weight = data(loss)
    if rows is not None:
        weight = weight * rows
    X = X.astype(dtype)
    parts = {"solver": solver, "penalty": penalty, "learning_rate": rate, "max_iter": more.pop("epochs", EPOCHS)} | more
    model = estimator(loss, **parts).fit(LAYOUTS[layout](X), y, sample_weight=weight)
    target, n_outputs, one_vs_rest = targets(loss)
    kept = weight > 0
    X, target, weight = X[kept].astype(float), target[kept], weight[kept]
    shared = {
        "loss": model.loss,
        "penalty": penalty or NoPenalty(),
        "alpha": more.get("alpha", ALPHA),
        "one_vs_rest": one_vs_rest,
    }
    models, size = descend_reduced(
        X,
        target,
        weight,
        **shared,
        schedule=rate,
        batch_size=min(solver.batch_size, len(X)),
        epochs=parts["max_iter"],
        n_outputs=n_outputs,
        fit_intercept=more.get("fit_intercept", True),
        passes=getattr(solver, "passes", None),
    )
    W, b = models[-1]
    assert max(np.abs(model.coef_ - W).max(), np.abs(model.intercept_ - b).max()) <= RTOL * size
    np.testing.assert_allclose(model.loss_curve_, [F(X, target, weight, *each, **shared) for each in models], rtol=1e-11)
    assert model.t_ == parts["max_iter"] * -(-len(X) // min(solver.batch_size, len(X)))
    return model


@pytest.mark.parametrize("point", covering(AXES), ids="-".join)
def test_every_pair(point):
    """The compiled steps equal the oracle's at points that cover every pair of solver, loss, penalty and layout."""
    solver, loss, penalty, layout = point
    compare(loss, SOLVER_OBJECTS[solver], PENALTY_OBJECTS[penalty], layout)


@pytest.mark.extended
@pytest.mark.parametrize("loss", LOSSES)
def test_full_product(loss):
    """The compiled steps equal the oracle's at every point."""
    for solver, penalty, layout in itertools.product(SOLVER_OBJECTS, PENALTY_OBJECTS, LAYOUTS):
        compare(loss, SOLVER_OBJECTS[solver], PENALTY_OBJECTS[penalty], layout)


VARIANTS = {
    "no intercept": {"fit_intercept": False},
    "float32": {"dtype": np.float32},
    "rows of weight zero": {"rows": np.arange(N) % 4 != 1},
    "a schedule": {"rate": InvScaling(eta0=0.1, power_t=0.5)},
    "more epochs": {"epochs": 9},
}


@pytest.mark.parametrize(
    ("variant", "solver", "loss", "layout"),
    covering([list(VARIANTS), list(SOLVER_OBJECTS), ["huber", "log_loss-3"], list(LAYOUTS)]),
)
def test_variants(loss, variant, solver, layout):
    """Without an intercept, on float32 samples, with samples of weight zero, at decreasing rates."""
    compare(loss, SOLVER_OBJECTS[solver], ElasticNet(0.5), layout, **VARIANTS[variant])


class Quartic(Penalty):
    """A custom penalty."""

    @staticmethod
    def value(w):
        return 0.25 * w**4

    @staticmethod
    def gradient(w):
        return w**3


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
@pytest.mark.parametrize(("penalty", "alpha"), [(Quartic(), 0.3), (L2(), 9.0), (L2(), 20.0), (L1(), 1.0)])
def test_penalties_of_all_sizes(penalty, alpha, solver, layout):
    """A custom penalty; l2 that removes half of a coefficient per step, or more than all of it; l1 that removes all."""
    compare("huber", SOLVER_OBJECTS[solver], penalty, layout, alpha=alpha)


def test_a_step_by_hand():
    """Samples x = 1 and 3 with y = 1 and -3, squared error, no intercept, rate 0.1, from w = 0.

    The table is initially -1 and 3, the mean gradient (-1 + 9) / 2 = 4.
    Sample 1: slope -1, no change: w = -0.4.
    Sample 2: slope -1.2 + 3 = 1.8, change -1.2, times x -3.6: w = -0.4 - 0.1 * 0.4 = -0.44.
    """
    parts = {"learning_rate": 0.1, "alpha": 0.0, "fit_intercept": False, "shuffle": False, "tol": None}
    for solver in ("saga", "svrg"):
        model = GDRegressor(solver=solver, max_iter=1, **parts).fit([[1.0], [3.0]], [1.0, -3.0])
        assert model.coef_[0] == pytest.approx(-0.44, abs=1e-15)
    # SAGA continues with the table -1, 1.8: mean gradient (-1 + 5.4) / 2 = 2.2. Sample 1: slope -1.44, change -0.44.
    model = GDRegressor(solver="saga", max_iter=2, **parts).fit([[1.0], [3.0]], [1.0, -3.0])
    w = -0.44 - 0.1 * (-0.44 + 2.2)
    w -= 0.1 * ((3 * w + 3 - 1.8) * 3 + (-1.44 + 5.4) / 2)
    assert model.coef_[0] == pytest.approx(w, abs=1e-15)


@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
def test_csr_rows_in_any_order_and_with_duplicates(solver):
    """A feature that is stored twice in a sample counts twice, but is updated once."""
    X, y, weight = data("huber")
    canonical = sp.csr_array(X)
    rows, columns = np.repeat(np.arange(N), np.diff(canonical.indptr)), canonical.indices
    rows, columns = np.concatenate([rows, rows]), np.concatenate([columns, columns])
    values = np.concatenate([canonical.data * 0.25, canonical.data * 0.75])
    order = np.lexsort((np.random.default_rng(0).random(len(rows)), rows))
    messy = sp.csr_array((values[order], columns[order], 2 * canonical.indptr), shape=X.shape)
    parts = {"solver": SOLVER_OBJECTS[solver], "penalty": "elasticnet", "learning_rate": RATE}
    one, other = (estimator("huber", **parts).fit(each, y, weight) for each in (canonical, messy))
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-11)


# --- pieces of the kernels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.0, 0.1), (0.3, 0.0), (0.3, 0.1)])
@pytest.mark.parametrize("mean", [-1.0, -0.2, 0.0, 0.2, 1.0])
def test_many_steps_at_once(mean, l1, l2, nonnegative):
    """`advanced` equals a loop of proximal steps, also through zero."""
    for start, steps in itertools.product([-2.0, -0.05, 0.0, 0.05, 2.0], [1, 2, 3, 17, 200]):
        w = start
        for _ in range(steps):
            w = w - 0.1 * (mean + l2 * w)
            if l1 or nonnegative:
                w = math.copysign(max(abs(w) - 0.1 * l1, 0.0), w) if not nonnegative else max(w - 0.1 * l1, 0.0)
        assert kernels.advanced(start, steps, mean, 0.1, l1, l2, nonnegative) == pytest.approx(w, abs=1e-12, rel=1e-12)


@pytest.mark.parametrize("reach", [0.0, 0.1, 10.0, 1e4])
@pytest.mark.parametrize("loss", [name for name, (cls, _) in LOSSES.items() if cls.smooth])
def test_an_implicit_step_ends_where_its_slope_is_taken(loss, reach):
    """The change c of each slope satisfies old + c = slope(raw - reach * c), to a thousandth of the change."""
    target, n_outputs, one_vs_rest = targets(loss)
    cls, _ = LOSSES[loss]
    rng = np.random.default_rng(0)
    raw, old = rng.normal(size=(N, n_outputs)), 0.1 * rng.normal(size=(N, n_outputs))
    functions = blocks.loss_functions(cls(), n_outputs, one_vs_rest)
    if functions.whole_row:
        reach = min(reach, 10.0)  # beyond this, coupled scores need too many evaluations
    changes, c = kernels.changes_of(functions), old.copy()
    changes.change(np.require(target, float, "CW"), raw, c, np.full(N, reach), np.ones(n_outputs), changes.parameters)
    slopes = row_slopes(cls(), one_vs_rest)
    before = np.array([slopes(target[i], raw[i]) for i in range(N)]) - old
    left = np.array([slopes(target[i], raw[i] - reach * c[i]) for i in range(N)]) - old - c
    size = np.linalg.norm(before, axis=1) if functions.whole_row else np.abs(before).max(axis=1)
    assert (np.abs(left).max(axis=1) <= (1e-3 if reach else 0.0) * size + 1e-12).all()


# --- the exact optimum ---------------------------------------------------------------------------------------------------


@functools.cache
def problems():
    """Name to (estimator, X, y, sufficient number of epochs)."""
    cancer, diabetes = load_breast_cancer(return_X_y=True), load_diabetes(return_X_y=True, scaled=False)
    digits = tuple(part[:200] for part in load_digits(return_X_y=True))
    rng = np.random.default_rng(0)
    sizes = np.logspace(-2, 2, 8)
    Z = rng.normal(size=(500, 8))
    counts = (Z * sizes + 5.0, rng.poisson(np.exp(1.0 + Z @ rng.normal(size=8) * 0.3)))
    two = np.column_stack([diabetes[1], diabetes[1] * rng.uniform(0.5, 1.5, len(diabetes[1]))])
    return {
        "breast cancer, standardised": (GDClassifier(alpha=1e-2), StandardScaler().fit_transform(cancer[0]), cancer[1], 60),
        "breast cancer": (GDClassifier(alpha=1e-2), *cancer, 200),
        "diabetes": (GDRegressor(), *diabetes, 150),
        "diabetes, l1": (GDRegressor(penalty="l1", alpha=0.1), *diabetes, 150),
        "diabetes, two outputs": (GDRegressor(), diabetes[0], two, 150),
        "diabetes, coefficients >= 0": (GDRegressor(penalty=L2(nonnegative=True)), *diabetes, 100),
        "digits, softmax": (GDClassifier(alpha=1.0), *digits, 100),
        "digits, one against the rest": (GDClassifier("squared_hinge", alpha=1.0), *digits, 100),
        "counts, poisson": (GDRegressor("poisson"), *counts, 100),
    }


@functools.cache
def optimum(name):
    """F at its minimum by the memory gradient method, and F of the null model."""
    model, X, y, _ = problems()[name]
    model = clone(model).set_params(max_iter=5000, tol=1e-15).fit(X, y, weights(len(y)))
    return min(model.loss_curve_), model.loss_curve_[0]


def weights(n):
    """Unequal weights."""
    return np.random.default_rng(5).uniform(0.1, 3.0, n)


def gaps(name, solver, layout, epochs=None):
    """Relative distances of F from its minimum, epoch by epoch."""
    model, X, y, enough = problems()[name]
    parameters = {"solver": solver, "max_iter": epochs or enough, "tol": None, "random_state": 0}
    model = clone(model).set_params(**parameters)
    model.fit(LAYOUTS[layout](X), y, weights(len(y)))
    least = optimum(name)[0]
    return (np.array(model.loss_curve_) - least) / abs(least)


def half_epochs(gap):
    """Epochs from a gap of a hundredth to one of 1e-8, over the halvings between them."""
    first, last = int(np.argmax(gap < 1e-2)), int(np.argmax(gap < 1e-8))
    return (last - first) / math.log2(max(gap[first] / max(gap[last], 1e-17), 2.0))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", problems())
def test_saga_goes_to_the_exact_optimum(name, layout):
    """On unscaled features, without a rate: F converges to within 1e-8 of its minimum, and the gap halves every few epochs."""
    gap = gaps(name, SAGA(), layout)
    assert gap.min() <= 1e-8
    assert gap[-1] <= 1e-8
    assert half_epochs(gap) <= 5


# On the other two these converge slowly, as the steps of SVRG and of batches must be shorter.
EXACT = [name for name in problems() if name not in ("breast cancer", "digits, one against the rest")]


@pytest.mark.parametrize("solver", [SVRG(), SVRG(passes=2), SVRG(batch_size=8), SAGA(batch_size=8)], ids=repr)
@pytest.mark.parametrize("name", EXACT)
def test_svrg_and_batches_go_to_the_exact_optimum(name, solver):
    """With periodic full gradients, and with a few samples per step."""
    gap = gaps(name, solver, "dense", epochs=100)
    assert gap.min() <= 1e-8
    assert half_epochs(gap) <= 5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("solver", ["saga", "svrg"])
def test_an_oscillation_is_no_convergence(solver, seed):
    """With separable classes long steps make F oscillate; they are shortened until F no longer falls."""
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    start, *_, least = GDClassifier(tol=1e-10).fit(X, y).loss_curve_
    model = GDClassifier(solver=solver, tol=1e-7, max_iter=3000, random_state=seed).fit(X, y)
    assert min(model.loss_curve_) <= least + 1e-5 * start


@pytest.mark.parametrize("step", [3, 9])
@pytest.mark.parametrize("solver", ["saga", "svrg"])
def test_steps_on_a_non_smooth_loss_do_not_vanish(solver, step):
    """The moves of two passes never agree near a non-differentiable point: SVRG ended .05 and .07 above the minimum."""
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X[::step], y[::step]
    least = GDClassifier("hinge").fit(X, y).loss_curve_[-1]
    model = GDClassifier("hinge", solver=solver, max_iter=500, tol=None, random_state=0).fit(X, y)
    assert min(model.loss_curve_) <= least + 0.02


@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("solver", ["saga", "svrg"])
def test_wide_sparse_rows(solver, penalty):
    """The lazy loop, without centring, converges to the optimum of the same samples in dense form; l1 gives zeros."""
    rng = np.random.default_rng(0)
    X = sp.csr_array(rng.random((400, 150)) * (rng.random((400, 150)) < 0.03))
    y = (X @ rng.normal(size=150) + 0.1 * rng.normal(size=400) > 0).astype(int)
    parameters = {"penalty": penalty, "alpha": 3e-3, "tol": None}
    model = GDClassifier(solver=solver, max_iter=60, random_state=0, **parameters).fit(X, y)
    exact = GDClassifier(max_iter=2000, **parameters).fit(X.toarray(), y)
    assert model.loss_curve_[-1] <= min(exact.loss_curve_) * (1 + 1e-8)
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=1e-3 * np.abs(exact.coef_).max())
    if penalty == "l1":
        assert ((model.coef_ == 0.0) == (exact.coef_ == 0.0)).all()
        assert 10 < (model.coef_ == 0.0).sum() < 140


# --- difficult data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", ["saga", "svrg"])
@pytest.mark.parametrize("loss", ["poisson", "gamma", "exponential-2", "squared_error", "hinge-3", "log_loss-3"])
def test_no_step_of_its_own_choosing_diverges(loss, solver, layout):
    """Features of sizes 1e-6 to 1e6, one sample of a thousand times the norm, and one of a thousand times the weight."""
    X, y, weight = data(loss)
    X, weight = X * [1e-6, 1.0, 1e3, 1e6], weight.copy()
    X[3] *= 1e3
    weight[7] *= 1e3
    model = estimator(loss, solver=solver, max_iter=40, alpha=1e-3).fit(LAYOUTS[layout](X), y, sample_weight=weight)
    curve = np.array(model.loss_curve_)
    assert len(curve) == 40
    assert np.isfinite(curve).all()
    constant = estimator(loss, solver="batch", learning_rate="auto", max_iter=1).fit(np.zeros_like(X), y, sample_weight=weight)
    assert curve[-1] < constant.loss_curve_[-1]


@pytest.mark.parametrize("solver", ["saga", "svrg"])
def test_columns_and_rows_without_spread(solver):
    """Constant features, empty samples, a single sample: no division by zero."""
    for X, y in ((np.ones((5, 2)), np.arange(5.0)), (np.zeros((5, 2)), np.arange(5.0)), (np.array([[2.0]]), np.array([3.0]))):
        for fit_intercept in (True, False):
            for rows in (X, sp.csr_array(X)):
                model = GDRegressor(solver=solver, fit_intercept=fit_intercept, max_iter=30, tol=None, alpha=1e-3).fit(rows, y)
                assert np.isfinite(model.coef_).all()
                assert np.isfinite(model.intercept_).all()
                assert model.loss_curve_[-1] <= 0.5 * np.mean(y**2) + 1e-12


@pytest.mark.parametrize("solver", ["saga", "svrg"])
def test_stopping_is_that_of_every_solver(solver):
    """tol ends the fit; early stopping keeps the epoch of the best validation score; a high rate ends with the warning."""
    X, y = load_breast_cancer(return_X_y=True)
    model = GDClassifier(solver=solver, random_state=0, max_iter=500, tol=1e-3).fit(X, y)
    assert model.n_iter_ < 500
    model = GDClassifier(solver=solver, random_state=0, max_iter=500, early_stopping=True).fit(X, y)
    assert model.best_iter_ <= model.n_iter_ < 500
    assert model.validation_scores_[model.best_iter_ - 1] == max(model.validation_scores_)
    with pytest.warns(ConvergenceWarning, match="diverged in epoch .* with a learning rate of up to 1e\\+06"):
        model = GDClassifier("squared_hinge", solver=solver, learning_rate=1e6, random_state=0).fit(X, y)
    assert np.isfinite(model.coef_).all()


# --- incompatible parameters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["saga", "svrg", SAGA(4), SVRG(4)])
def test_what_does_not_go_together_is_named_before_any_work(solver):
    """Errors for another optimizer, averaging, and partial_fit."""
    bad = [[np.nan]]  # would raise an error later
    name = "SAGA" if "saga" in str(solver).lower() else "SVRG"
    with pytest.raises(ValueError, match=rf"optimizer=Adam\(\) is not compatible with solver={name}.*'gd' or 'auto'"):
        GDRegressor(solver=solver, optimizer="adam").fit(bad, [1.0])
    with pytest.raises(ValueError, match=f"average is not compatible with solver={name}.*average=False"):
        GDRegressor(solver=solver, average=True).fit(bad, [1.0])
    assert not hasattr(GDRegressor(solver=solver), "partial_fit")
    with pytest.raises(AttributeError, match="'partial_fit'") as raised:
        GDClassifier(solver=solver).partial_fit(bad, [1.0])
    assert f"partial_fit is not available with solver={solver!r}" in str(raised.value.__cause__)
    model = GDRegressor(solver=solver, optimizer=GradientDescent(), max_iter=3, tol=None).fit([[0.0], [1.0]], [0.0, 1.0])
    assert model.n_iter_ == 3


@pytest.mark.parametrize(("cls", "name"), [(SAGA, "batch_size"), (SVRG, "batch_size"), (SVRG, "passes")])
@pytest.mark.parametrize("value", [0, -1, 1.5, None, "2", True])
def test_parameters_out_of_range_are_named(cls, name, value):
    """Only integers >= 1 are valid."""
    assert name in inspect.signature(cls).parameters
    with pytest.raises((ValueError, TypeError), match=rf"{cls.__name__}: {name}={value!r} must be an integer >= 1"):
        GDRegressor(solver=cls(**{name: value})).fit([[0.0], [1.0]], [0.0, 1.0])
