"""L-BFGS: its matrix, its minimum, its reads of the samples, and for which objectives it is chosen."""

import numpy as np
import pytest
import scipy.sparse as sp
from reading_once import ReadingOnce
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd.descent import quasi_newton
from sklearn_gd.descent._blocks import Blocks
from sklearn_gd.descent.memory_gradient import MemoryGradient
from sklearn_gd.descent.quasi_newton import MOST_PAIRS, Pairs, QuasiNewton, is_better
from sklearn_gd.losses import Hinge, LogLoss
from sklearn_gd.objective._objective import Objective
from sklearn_gd.objective._parts import Parts, cut
from sklearn_gd.objective._preconditioner import UnitMetric
from sklearn_gd.objective._products import LARGE
from sklearn_gd.objective._rows import DenseRows
from sklearn_gd.penalties import L2
from sklearn_gd.solvers import Batch

B, BENIGN = load_breast_cancer(return_X_y=True)
W, WINE = load_wine(return_X_y=True)
D, DIABETES = load_diabetes(return_X_y=True, scaled=False)
RNG = np.random.default_rng(0)


class Diagonal:
    """A metric with this diagonal."""

    def __init__(self, diagonal):
        self.diagonal = diagonal

    def inverse(self, gradient):
        return gradient / self.diagonal


ONE = Blocks(1, 4, False)  # a single block, of any size


def pairs_of(hessian, n_pairs):
    moves = list(RNG.normal(size=(n_pairs, len(hessian))))
    pairs = Pairs(ONE)
    for move in moves:
        pairs.add(move, hessian @ move)
    return pairs


def hessian_of(d):
    A = RNG.normal(size=(2 * d, d))
    return A.T @ A / d


@pytest.mark.parametrize("n_pairs", [1, 4, MOST_PAIRS + 3])
def test_the_matrix_is_that_of_the_update_formula(n_pairs):
    """Nocedal and Wright, equation 6.17, from a multiple of the inverse metric; the oldest of too many pairs are dropped."""
    d, diagonal = 20, RNG.uniform(0.5, 2.0, 20)
    hessian = hessian_of(d)
    pairs = pairs_of(hessian, n_pairs)
    assert len(pairs) == min(n_pairs, MOST_PAIRS)
    s, y = pairs.moves[-1], pairs.changes[-1]
    H = np.diag(1.0 / diagonal) * (s @ y) / (y @ (y / diagonal))
    for s, y in zip(pairs.moves, pairs.changes, strict=True):
        V = np.eye(d) - np.outer(y, s) / (y @ s)
        H = V.T @ H @ V + np.outer(s, s) / (y @ s)
    g = RNG.normal(size=d)
    np.testing.assert_allclose(pairs.inverse(Diagonal(diagonal), g), H @ g, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(pairs.inverse(Diagonal(diagonal), y), s, rtol=1e-9, atol=1e-12)  # the secant equation


def test_without_pairs_it_is_the_inverse_of_the_metric():
    g = RNG.normal(size=5)
    np.testing.assert_array_equal(Pairs(ONE).inverse(Diagonal(np.full(5, 4.0)), g), g / 4.0)


@pytest.mark.parametrize("curvature", [0.0, -1.0, 1e-14])
def test_a_move_without_curvature_is_not_kept(curvature):
    pairs, move = Pairs(ONE), np.array([1.0, 0.0])
    pairs.add(move, np.array([curvature, 1.0]))
    assert len(pairs) == 0


def test_each_output_has_a_matrix_of_its_own():
    """F is a sum over the outputs. A move along which F has no curvature in one of them does not count there."""
    K, d, n_pairs = 3, 5, 4
    pairs, alone = Pairs(Blocks(K, d, False)), [Pairs(ONE) for _ in range(K)]
    hessians = [hessian_of(d + 1) for _ in range(K)]
    diagonal = RNG.uniform(0.5, 2.0, (K, d + 1))

    def flat(rows):
        return np.concatenate([np.stack(rows)[:, :d].ravel(), np.stack(rows)[:, d]])

    for turn in range(n_pairs):
        moves = RNG.normal(size=(K, d + 1))
        changes = [hessian @ move for hessian, move in zip(hessians, moves, strict=True)]
        if turn == 1:
            changes[2] = -changes[2]
        pairs.add(flat(moves), flat(changes))
        for each, move, change in zip(alone, moves, changes, strict=True):
            each.add(move, change)
    assert [len(each) for each in alone] == [4, 4, 3]
    gradient = RNG.normal(size=(K, d + 1))
    want = [each.inverse(Diagonal(by), g) for each, by, g in zip(alone, diagonal, gradient, strict=True)]
    np.testing.assert_allclose(pairs.inverse(Diagonal(flat(diagonal)), flat(gradient)), flat(want), rtol=1e-12)


def test_a_coupled_loss_has_one_matrix():
    blocks = Blocks(3, 5, True)
    a, b = RNG.normal(size=(2, 18))
    np.testing.assert_array_equal(blocks.products(a, b), [a @ b])
    np.testing.assert_array_equal(blocks.spread(np.array([2.0])) * a, 2.0 * a)


def test_outputs_without_a_common_loss_take_the_steps_of_each_alone():
    """The first two iterations of two targets are those of each target, as a step of length one is accepted."""
    y = np.column_stack([DIABETES, D[:, 2]]) / [200.0, 20.0]  # small residuals, where the loss is nearly quadratic
    model = GDRegressor("log_cosh", max_iter=2, tol=None, penalty="l2")
    both, each = model.fit(D[:, 3:], y).coef_, [clone(model).fit(D[:, 3:], one).coef_ for one in y.T]
    np.testing.assert_allclose(both, each, rtol=1e-9)


FITS = {
    "log_loss": (GDClassifier(), B, BENIGN),
    "three classes": (GDClassifier(), W, WINE),
    "squared_hinge": (GDClassifier("squared_hinge"), B, BENIGN),
    "hinge": (GDClassifier("hinge", max_iter=2000), B[:, :8], BENIGN),
    "squared_error": (GDRegressor(), D, DIABETES),
    "huber": (GDRegressor("huber"), D, DIABETES),
    "absolute_error": (GDRegressor("absolute_error", max_iter=2000), D, DIABETES),
    "poisson": (GDRegressor("poisson"), D, DIABETES),
    "gamma": (GDRegressor("gamma"), D, DIABETES),
}


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", FITS)
def test_it_finds_the_minimum_of_F(name, weighted, layout):
    """The minimum at a small tolerance, and nearly it at the default one."""
    model, X, y = FITS[name]
    weight = np.random.default_rng(1).integers(1, 4, len(y)).astype(float) if weighted else None

    def lowest(**parameters):
        each = type(model)(**(model.get_params() | parameters)).fit(layout(X), y, sample_weight=weight)
        return min(each.loss_curve_), each.loss_curve_[0]

    (best, start), (found, _), (soon, _) = lowest(tol=1e-9), lowest(tol=1e-9, solver=ReadingOnce()), lowest(solver=ReadingOnce())
    assert found <= best + 1e-6 * (start - best)
    assert soon <= best + 5e-3 * (start - best)


def test_float32_samples():
    """Products are in float32, so the model is the same to single precision."""
    known, found = (GDClassifier(solver=ReadingOnce()).fit(B.astype(dtype), BENIGN) for dtype in (float, np.float32))
    np.testing.assert_allclose(found.loss_curve_[-1], known.loss_curve_[-1], rtol=1e-3)


# --- reads of the samples ------------------------------------------------------------------------------------------------


def reads(solver, monkeypatch, X, y):
    """The calls for the samples in the second half of 20 iterations."""
    seen, mean = [], Parts.mean

    def counting(self, verb, *arguments):
        seen.append(verb)
        return mean(self, verb, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "mean", counting)
        n_calls = []
        for max_iter in (10, 20):
            seen.clear()
            model = GDClassifier(solver=solver, max_iter=max_iter, tol=None, alpha=1e-6).fit(X, y)
            assert model.n_iter_ == max_iter
            n_calls.append(len(seen))
    return n_calls[1] - n_calls[0]


def test_an_iteration_reads_the_samples_once(monkeypatch):
    """The memory gradient method reads them twice; both renew the metric once in these iterations."""
    X = RNG.normal(size=(2000, 30))
    y = X @ RNG.normal(size=30) + RNG.normal(size=2000) > 0
    assert reads(ReadingOnce(), monkeypatch, X, y) <= 12
    assert reads("auto", monkeypatch, X, y) >= 21


def objective(n_samples, n_features, n_outputs=1, share=1.0, loss=None):
    X = np.zeros((n_samples, n_features))
    X[: int(share * n_samples)] = 1.0
    target = np.zeros((n_samples, 1)) if n_outputs > 1 else np.ones((n_samples, 1))
    loss, weight = loss or LogLoss(), np.ones(n_samples)
    return Objective(X, target, weight, loss=loss, penalty=L2(), alpha=1.0, n_outputs=n_outputs, fit_intercept=True)


def test_for_which_objectives_it_is_chosen(monkeypatch):
    """Smoothed losses, and samples larger than the cache, in stored values, unless the pairs take much memory."""
    monkeypatch.setattr(quasi_newton, "CACHED", 1000)
    with objective(200, 5) as small, objective(201, 5) as large, objective(402, 5, share=0.4) as sparse:
        assert [is_better(each) for each in (small, large, sparse)] == [False, True, False]
        assert [Batch._without_rate(each) for each in (small, large)] == [MemoryGradient, QuasiNewton]
    with objective(20, 15, loss=Hinge()) as smoothed:
        assert Batch._without_rate(smoothed) is QuasiNewton
    with objective(10, 15, loss=Hinge()) as flat:
        assert Batch._without_rate(flat) is MemoryGradient
    monkeypatch.setattr(quasi_newton, "FEW", 0)
    with objective(2000, 5, 4) as few, objective(2000, 5, 13) as many:
        assert [is_better(each) for each in (few, many)] == [True, False]


def test_samples_are_cut_for_the_cache():
    """A look at a new direction needs those of a part twice."""
    X = np.empty((LARGE // 800 + 1, 100))
    assert len(cut(DenseRows(X), 1)) == 8
    assert max(stop - start for start, stop in cut(DenseRows(np.empty((4 * len(X), 100))), 1)) * 800 <= 1 << 24


def test_a_step_of_rounding_errors_ends_the_fit():
    """From the minimum to rounding, no direction lowers F: the pairs are dropped, and descent ends without a warning."""
    model = GDRegressor("huber", solver=ReadingOnce(), tol=1e-14, max_iter=5000).fit(D, DIABETES)
    assert model.n_iter_ < 5000


def test_an_indefinite_change_does_not_point_uphill():
    """With pairs that say nothing about F here, the direction is that of the gradient."""
    pairs = Pairs(ONE)
    pairs.pairs.extend((move, -move, np.array([-1.0])) for move in np.eye(2))  # `add` would not keep them
    gradient = np.array([1.0, 0.0])
    assert pairs.inverse(UnitMetric(), gradient) @ gradient < 0.0
    with objective(10, 1) as F:
        method = QuasiNewton(F)
        method.start()
        method.pairs = pairs
        step = method._step()
        assert step.slope < 0.0
        assert not method.pairs


@pytest.mark.parametrize("features", [slice(None), slice(0, 6)])
@pytest.mark.parametrize("penalty", ["auto", "l2", None])
def test_the_coefficients_of_the_softmax_add_up_to_zero(penalty, features):
    """Of all models with the same probabilities, that has the least l2 penalty."""
    X = W[:, features] if penalty == "auto" else StandardScaler().fit_transform(W[:, features])
    model = GDClassifier(penalty=penalty, max_iter=60).fit(X, WINE)
    np.testing.assert_allclose(model.coef_.sum(axis=0), 0.0, atol=1e-12 * np.abs(model.coef_).max())
    if penalty == "l2":
        other = LogisticRegression(C=1.0 / (1e-4 * len(X)), tol=1e-10, max_iter=10_000).fit(X, WINE)
        np.testing.assert_allclose(model.coef_, other.coef_, atol=0.05 * np.abs(other.coef_).max())
