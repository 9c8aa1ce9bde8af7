"""The compiled loops compared with the oracle, over solver x loss x penalty x optimizer x layout.

The matrix is generated from the registries. The default run covers every pair of values of any two axes; ``-m extended`` runs
the full product.

Two correct programs differ by rounding only: sums are associated in another order, and lazy descent stores scale times v instead
of a coefficient. Over the full product the largest difference was 4e-15 of the largest coefficient during the descent. RTOL
allows for other processors, and is far below the effect of any wrong formula. It has no exceptions: the data are such that no
sample is at a non-differentiable point, and that no gradient whose sign Lion uses is zero by cancellation.
"""

import functools
import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from matrix import (
    ALPHA,
    EPOCHS,
    LAYOUTS,
    LOSSES,
    PENALTY_OBJECTS,
    RATES,
    SCHEDULE_OBJECTS,
    SOLVER_OBJECTS,
    D,
    N,
    covering,
    data,
    estimator,
    targets,
)
from oracle import F, descend, encoded

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch
from sklearn_gd._kernels import blocks
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from sklearn_gd.optimizers import OPTIMIZERS
from sklearn_gd.penalties import PENALTIES, NoPenalty
from sklearn_gd.schedules import SCHEDULES
from sklearn_gd.solvers import SOLVERS

RTOL = 1e-11

AXES = (list(SOLVER_OBJECTS), list(LOSSES), list(PENALTY_OBJECTS), list(OPTIMIZERS), list(LAYOUTS))
COVERING = covering(AXES)


@functools.cache
def expected(solver, loss, penalty, optimizer):
    """The models of the oracle, their F after each epoch, and the scale of rounding errors."""
    X, _, weight = data(loss)
    target, n_outputs, one_vs_rest = targets(loss)
    parts = {"loss": LOSSES[loss][0](), "penalty": PENALTY_OBJECTS[penalty] or NoPenalty(), "alpha": ALPHA}
    models, size = descend(
        X,
        target,
        weight,
        **parts,
        optimizer=OPTIMIZERS[optimizer](),
        schedule=RATES[optimizer],
        batch_size=min(SOLVER_OBJECTS[solver].batch_rows(N), N),
        epochs=EPOCHS,
        n_outputs=n_outputs,
        one_vs_rest=one_vs_rest,
    )
    return models, [F(X, target, weight, *model, **parts, one_vs_rest=one_vs_rest) for model in models], size


def assert_same_model(model, W, b, size, what=""):
    """The fitted coefficients equal those of the oracle up to rounding."""
    apart = max(np.abs(model.coef_ - W).max(), np.abs(model.intercept_ - b).max())
    assert apart <= RTOL * size, f"{what} differs by {apart / size:.2g} of the largest coefficient"


def check(point):
    """Fit one point of the matrix and compare."""
    solver, loss, penalty, optimizer, layout = point
    X, y, weight = data(loss)
    model = estimator(
        loss,
        solver=SOLVER_OBJECTS[solver],
        penalty=PENALTY_OBJECTS[penalty],
        optimizer=OPTIMIZERS[optimizer](),
        learning_rate=RATES[optimizer],
    )
    model.fit(LAYOUTS[layout](X), y, sample_weight=weight)
    models, curve, size = expected(solver, loss, penalty, optimizer)
    assert size > 1e-4 or "nonnegative" in penalty, f"{point} never moved: nothing is tested"
    assert_same_model(model, *models[-1], size, point)
    np.testing.assert_allclose(model.loss_curve_, curve, rtol=RTOL, err_msg=str(point))
    assert model.t_ == EPOCHS * -(-N // min(SOLVER_OBJECTS[solver].batch_rows(N), N))


def test_covering_selection_holds_every_pair():
    """The points of the default run cover every pair of values of any two axes."""
    for first, second in itertools.combinations(range(len(AXES)), 2):
        assert {(point[first], point[second]) for point in COVERING} == set(itertools.product(AXES[first], AXES[second]))


@pytest.mark.parametrize("point", COVERING, ids="-".join)
def test_every_pair(point):
    """The compiled loop agrees with the oracle at the points that cover every pair."""
    check(point)


@pytest.mark.extended
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
def test_full_product(solver, loss):
    """The compiled loop agrees with the oracle at every point."""
    wrong = []
    for point in itertools.product([solver], [loss], *AXES[2:]):
        try:
            check(point)
        except AssertionError as error:
            wrong.append(str(error).splitlines()[0])
    assert not wrong, f"{len(wrong)} points:\n" + "\n".join(wrong)


# --- beyond the matrix ---------------------------------------------------------------------------------------------------


def compare(X, y, weight, *, cls=GDRegressor, layout="dense", dtype=np.float64, epochs=EPOCHS, **parameters):
    """Fit `cls` and the oracle with the same components on the samples of positive weight, and compare every epoch."""
    given = {"loss": REGRESSION_LOSSES["squared_error"](), "penalty": PENALTIES["l2"](), "alpha": ALPHA}
    given |= {"optimizer": OPTIMIZERS["gd"](), "learning_rate": 0.05, "solver": MiniBatch(5)} | parameters
    X = X.astype(dtype)
    model = cls(**given, max_iter=epochs, tol=None, shuffle=False)
    model.fit(LAYOUTS[layout](X), y, sample_weight=weight)
    kept = weight > 0
    X, y, weight = X[kept].astype(np.float64), np.asarray(y)[kept], weight[kept]
    target, n_outputs, one_vs_rest = encoded(y) if cls is GDClassifier else (y.reshape(len(y), -1), y[0].size, False)
    shared = {name: given[name] for name in ("loss", "penalty", "alpha")}
    models, size = descend(
        X,
        target,
        weight,
        **shared,
        optimizer=given["optimizer"],
        schedule=given["learning_rate"],
        batch_size=min(given["solver"].batch_rows(len(X)), len(X)),
        epochs=epochs,
        n_outputs=n_outputs,
        one_vs_rest=one_vs_rest,
        fit_intercept=given.get("fit_intercept", True),
        average=given.get("average", False),
    )
    assert_same_model(model, *models[-1], size)
    curve = [F(X, target, weight, *each, **shared, one_vs_rest=one_vs_rest) for each in models]
    np.testing.assert_allclose(model.loss_curve_, curve, rtol=RTOL)
    return model


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
@pytest.mark.parametrize("average", [True, 2, 9, 10_000])
@pytest.mark.parametrize(
    ("optimizer", "penalty"),
    [("gd", "none"), ("gd", "l2"), ("gd", "elasticnet"), ("gd", "l1-nonnegative"), ("adam", "elasticnet")],
)
def test_averaging(layout, solver, average, optimizer, penalty):
    """The mean of the iterates, from the first step, from within an epoch, or from a step beyond the end."""
    parts = {"optimizer": OPTIMIZERS[optimizer](), "learning_rate": RATES[optimizer], "solver": SOLVER_OBJECTS[solver]}
    compare(*data("huber"), layout=layout, average=average, penalty=PENALTY_OBJECTS[penalty] or NoPenalty(), **parts)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "log_loss-2", "log_loss-3", "hinge-3"])
def test_float32_rows_are_computed_in_float64(layout, solver, loss):
    """float32 samples give the model of the same numbers in float64, as only X is in single precision."""
    cls, n_classes = LOSSES[loss]
    estimator_class = GDRegressor if n_classes is None else GDClassifier
    compare(*data(loss), cls=estimator_class, loss=cls(), layout=layout, dtype=np.float32, solver=SOLVER_OBJECTS[solver])


def test_every_schedule_is_tested():
    """Each name of the registry has an entry in the table."""
    assert set(SCHEDULES) <= set(SCHEDULE_OBJECTS)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
@pytest.mark.parametrize("schedule", SCHEDULE_OBJECTS)
def test_every_schedule(schedule, solver, layout):
    """The rates of a whole epoch equal those of single steps."""
    parts = {"learning_rate": SCHEDULE_OBJECTS[schedule], "solver": SOLVER_OBJECTS[solver]}
    X, y, weight = data("log_loss-2")
    compare(X, y, weight, cls=GDClassifier, loss=CLASSIFICATION_LOSSES["log_loss"](), layout=layout, **parts)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_without_intercept(optimizer, solver, layout):
    """No optimizer changes an intercept that is not fitted."""
    parts = {"optimizer": OPTIMIZERS[optimizer](), "learning_rate": RATES[optimizer], "solver": SOLVER_OBJECTS[solver]}
    model = compare(*data("squared_error"), layout=layout, fit_intercept=False, **parts)
    assert model.intercept_ == 0.0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
@pytest.mark.parametrize("n_outputs", [1, 2, 5, 8])
def test_several_outputs(n_outputs, solver, layout):
    """A 2-D y: four outputs share a load of a sample, the others are handled singly."""
    X, y, weight = data("squared_error")
    compare(
        X,
        np.column_stack([y + 0.1 * k * X[:, 1] for k in range(n_outputs)]),
        weight,
        layout=layout,
        solver=SOLVER_OBJECTS[solver],
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
def test_rows_of_weight_zero(solver, layout):
    """The oracle is not passed samples of weight zero, and batches, means and counts must not depend on them."""
    X, y, weight = data("squared_error")
    weight = np.where(np.arange(N) % 4 == 1, 0.0, weight)
    model = compare(X, y, weight, layout=layout, solver=SOLVER_OBJECTS[solver])
    n = int((weight > 0).sum())
    assert model.t_ == EPOCHS * -(-n // min(SOLVER_OBJECTS[solver].batch_rows(n), n))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [32, 33, 35])
@pytest.mark.parametrize("n_outputs", [2, 5, 10])
def test_blocks_of_samples_and_outputs(n_outputs, batch_size, dtype):
    """Four samples and two outputs share their loads in a batch of many scores; the others are handled singly."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(150, D))
    y = X @ rng.normal(size=(D, n_outputs)) + rng.normal(size=(150, n_outputs))
    weight = rng.uniform(0.3, 2.0, 150)
    compare(X, y, weight, dtype=dtype, solver=MiniBatch(batch_size), learning_rate=0.05, epochs=2)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("batch_size", [256, 300, 600, 1000])
@pytest.mark.parametrize("loss", ["huber", "log_loss"])
def test_more_rows_in_a_batch_than_are_handled_at_a_time(loss, batch_size, layout):
    """Batches larger than the tile of samples that fits the cache."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(600, D)) * (rng.random((600, D)) < 0.7)
    score = X @ rng.normal(size=D) + 0.3 * rng.normal(size=600)
    regression = loss in REGRESSION_LOSSES
    parts = {"cls": GDRegressor, "loss": REGRESSION_LOSSES[loss]()} if regression else {"cls": GDClassifier}
    parts |= {} if regression else {"loss": CLASSIFICATION_LOSSES[loss]()}
    y = score if regression else np.digitize(score, [-0.5, 0.5])
    compare(X, y, rng.uniform(0.3, 2.0, 600), layout=layout, solver=MiniBatch(batch_size), learning_rate=0.3, epochs=2, **parts)


@pytest.mark.parametrize("penalty", PENALTY_OBJECTS)
@pytest.mark.parametrize("average", [False, 30])
@pytest.mark.parametrize(("alpha", "rate"), [(1.0, 0.5), (2.0, 0.5), (3.0, 0.5), (1e-3, 0.1)])
def test_lazy_shrinkage(penalty, average, alpha, rate):
    """Single CSR samples, with a scale that is too small after 30 steps or after each step, or turns negative."""
    X, y, weight = data("huber")
    parts = {"penalty": PENALTY_OBJECTS[penalty] or NoPenalty(), "alpha": alpha, "learning_rate": rate, "average": average}
    compare(X, y, weight, layout="csr", solver=SOLVERS["sgd"](), loss=REGRESSION_LOSSES["huber"](), epochs=8, **parts)


@pytest.mark.parametrize("solver", SOLVER_OBJECTS)
def test_csr_rows_in_any_order_and_with_duplicates(solver):
    """Stored values need not be sorted, unique or different from zero."""
    X, y, weight = data("huber")
    canonical = sp.csr_array(X)
    rng = np.random.default_rng(0)
    rows, columns = np.repeat(np.arange(N), np.diff(canonical.indptr)), canonical.indices
    rows, columns = np.concatenate([rows, rows, [0, 5]]), np.concatenate([columns, columns, [1, 2]])
    values = np.concatenate([canonical.data * 0.25, canonical.data * 0.75, [0.0, 0.0]])
    order = np.lexsort((rng.random(len(rows)), rows))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=N))])
    messy = sp.csr_array((values[order], columns[order], indptr), shape=X.shape)
    assert not messy.has_canonical_format
    fitted = [
        estimator("huber", solver=SOLVER_OBJECTS[solver], learning_rate=0.05, penalty="elasticnet").fit(rows, y, weight)
        for rows in (canonical, messy)
    ]
    np.testing.assert_allclose(fitted[0].coef_, fitted[1].coef_, rtol=RTOL)
    np.testing.assert_allclose(fitted[0].intercept_, fitted[1].intercept_, rtol=RTOL)


# --- names of the compiled functions -------------------------------------------------------------------------------------


def test_every_kernel_has_a_name_of_its_own():
    """Machine code cached by several processes is linked by name: names with counters would confuse two components."""
    kernels = []
    for cls, n_classes in LOSSES.values():
        several = n_classes == 3
        functions = blocks.loss_functions(cls(), 3 if several else 1, several)
        kernels += [*blocks.loss_blocks(functions), blocks.loss_value(functions)]
    for penalty in PENALTY_OBJECTS.values():
        kernels += [*blocks.penalty_blocks(penalty or NoPenalty()), blocks.penalty_value(penalty or NoPenalty())]
    for optimizer in OPTIMIZERS.values():
        kernels += blocks.step_blocks(optimizer())
    names = {id(kernel): kernel.py_func.__qualname__ for kernel in kernels if hasattr(kernel, "py_func")}
    assert len(names) > 60
    assert len(set(names.values())) == len(names)
