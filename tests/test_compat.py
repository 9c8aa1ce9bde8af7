"""The compiled loops against the oracle, over solver x loss x penalty x optimizer x layout.

The matrix is generated from the registries. The default run covers every pair of values of any two axes; ``-m extended`` runs
the full product.

Two correct programs differ by rounding alone: sums are associated in another order, and lazy descent keeps scale times v in the
place of a coefficient. A relative difference of RTOL times the largest coefficient of the way is some 4000 times what 70 steps
of well-behaved descent were seen to give, and far below what any wrong formula gives.
"""

import functools
import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from oracle import F, descend, encoded

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from sklearn_gd.optimizers import OPTIMIZERS
from sklearn_gd.penalties import PENALTIES, NoPenalty
from sklearn_gd.schedules import SCHEDULES, Adaptive, Constant, InvScaling, WarmUp
from sklearn_gd.solvers import SOLVERS

RTOL = 1e-9
N, D, EPOCHS, ALPHA = 23, 4, 3, 0.05
LAYOUTS = {"dense": np.ascontiguousarray, "csr": sp.csr_array}

# Rates at which 70 steps on these data neither stand still nor blow up.
RATES = {
    "gd": 0.1,
    "momentum": 0.02,
    "nesterov": 0.02,
    "adagrad": 0.2,
    "rmsprop": 0.02,
    "adadelta": 3.0,
    "adam": 0.05,
    "adamw": 0.05,
    "amsgrad": 0.05,
    "nadam": 0.05,
    "lion": 0.02,
    "ftrl": 0.3,
}

LOSSES = {name: (cls, None) for name, cls in REGRESSION_LOSSES.items()}
LOSSES |= {f"{name}-{k}": (cls, k) for name, cls in CLASSIFICATION_LOSSES.items() for k in (2, 3)}
SOLVER_OBJECTS = {name: cls() for name, cls in SOLVERS.items()} | {"minibatch": MiniBatch(batch_size=5)}
PENALTY_OBJECTS = {"none": None, "nonnegative": NoPenalty(nonnegative=True)}
PENALTY_OBJECTS |= {name: cls() for name, cls in PENALTIES.items()}
PENALTY_OBJECTS |= {f"{name}-nonnegative": cls(nonnegative=True) for name, cls in PENALTIES.items()}
AXES = (list(SOLVER_OBJECTS), list(LOSSES), list(PENALTY_OBJECTS), list(OPTIMIZERS), list(LAYOUTS))


def covering(axes):
    """Points of the product of `axes` that hold every pair of values of any two of them; always the same ones."""

    def pairs(point):
        return set(itertools.combinations(enumerate(point), 2))

    missing = set().union(*(pairs(point) for point in itertools.product(*axes)))
    largest, second = sorted(range(len(axes)), key=lambda axis: -len(axes[axis]))[:2]
    # Every pair of the two longest axes needs a point of its own: its other values are those that cover the most.
    chosen = []
    for values in itertools.product(axes[largest], axes[second]):
        fixed = dict(zip((largest, second), values))
        free = itertools.product(*([fixed[axis]] if axis in fixed else axes[axis] for axis in range(len(axes))))
        best = max(free, key=lambda point: len(pairs(point) & missing))
        chosen.append(best)
        missing -= pairs(best)
    while missing:
        best = max(itertools.product(*axes), key=lambda point: len(pairs(point) & missing))
        chosen.append(best)
        missing -= pairs(best)
    return chosen


@functools.cache
def data(loss_name):
    """X with zeros in it and an empty row, y in the loss's domain, uneven weights."""
    cls, n_classes = LOSSES[loss_name]
    rng = np.random.default_rng(7)
    X = np.round(rng.normal(size=(N, D)), 2) * (rng.random((N, D)) < 0.7)
    X[4] = 0.0
    weight = rng.uniform(0.3, 2.0, size=N)
    score = X @ rng.normal(size=D) + 0.3 * rng.normal(size=N)
    if n_classes is not None:
        return X, np.searchsorted(np.quantile(score, np.arange(1, n_classes) / n_classes), score), weight
    candidates = score, np.round(np.exp(0.5 * score)), np.exp(0.5 * score)
    return X, next(y for y in candidates if cls().in_domain(y).all()), weight


def targets(loss_name):
    """What `oracle.descend` takes for y: targets, number of scores, whether they are class indices."""
    y = data(loss_name)[1]
    return encoded(y) if LOSSES[loss_name][1] is not None else (y[:, None], 1, False)


@functools.cache
def expected(solver, loss, penalty, optimizer):
    """The oracle's models, their F after each epoch, and the size that rounding is measured by."""
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


def estimator(loss, **parameters):
    """The estimator of a loss, set to descend through the rows in their order for EPOCHS epochs."""
    cls, n_classes = LOSSES[loss]
    parameters = {"alpha": ALPHA, "max_iter": EPOCHS, "tol": None, "shuffle": False} | parameters
    return (GDRegressor if n_classes is None else GDClassifier)(cls(), **parameters)


def assert_same_model(model, W, b, size, what=""):
    """The fitted coefficients are those of the oracle, to rounding."""
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


COVERING = covering(AXES)


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
