"""Samples in parts: the fit is the same for all parts and maps; no other code computes on scores."""

import ast
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import sklearn_gd
from sklearn_gd import GDClassifier, GDRegressor, RegressionLoss
from sklearn_gd.descent._loop import Settings, descend
from sklearn_gd.descent._monitor import Monitor
from sklearn_gd.losses import Hinge, Huber, LogLoss, SquaredError
from sklearn_gd.objective._array_loss import array_loss
from sklearn_gd.objective._objective import Objective
from sklearn_gd.objective._part import Part
from sklearn_gd.objective._parts import Parts, cut, in_memory
from sklearn_gd.objective._rows import DenseRows, rows_of
from sklearn_gd.objective._threads import Threads
from sklearn_gd.penalties import L1, L2, Penalty
from sklearn_gd.solvers import Batch

SLICES = 7


class Towards(Penalty):
    """A custom penalty that is not an elastic net."""

    @staticmethod
    def value(w):
        return 0.5 * (w - 0.1) ** 2

    @staticmethod
    def gradient(w):
        return w - 0.1


def binary():
    X, y = load_breast_cancer(return_X_y=True)
    return X, np.where(y == 1, 1.0, -1.0)[:, None], 1


def several():
    X, y = load_wine(return_X_y=True)
    return X, y[:, None].astype(float), 3


def real():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    return X, y[:, None].copy(), 1


PROBLEMS = {
    "memory gradient": (binary, LogLoss(), L2(), GDClassifier(penalty="l2")),
    "softmax": (several, LogLoss(), L2(), GDClassifier(penalty="l2")),
    "Gram matrix": (real, SquaredError(), L2(), GDRegressor(penalty="l2")),
    "smoothed": (binary, Hinge(), L2(), GDClassifier(loss="hinge", penalty="l2")),
    "support": (binary, LogLoss(), L1(), GDClassifier(penalty="l1")),
    "proximal": (real, Huber(30.0), Towards(), GDRegressor(loss=Huber(30.0), penalty=Towards())),
}


def remote(call, parts):
    """A map like that of a cluster: the parts stay, and each call and each result is pickled."""
    return [pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(call))(part))) for part in parts]


def fitted(problem, make_map, X_of=lambda X: X):
    """The model of `Batch` over `SLICES` slices: coefficients, intercepts, and the number of iterations."""
    load, loss, penalty, estimator = PROBLEMS[problem]
    X, target, n_outputs = load()
    X, weight = X_of(X), np.ones(len(target))
    on_arrays = array_loss(loss, n_outputs, n_outputs > 1)
    bounds = np.linspace(0, len(target), SLICES + 1).astype(int)
    parts = [Part(rows_of(X[a:b]), target[a:b], weight[a:b], on_arrays) for a, b in pairwise(bounds)]
    objective = Objective(
        X,
        target,
        weight,
        loss=loss,
        penalty=penalty,
        alpha=estimator.alpha,
        n_outputs=n_outputs,
        fit_intercept=True,
        one_vs_rest=n_outputs > 1,
        parts=Parts(parts, float(weight.sum()), make_map),
    )
    with objective:
        method = Batch().method(objective, Settings())
        monitor = Monitor(1e-4, 5, objective.null_model().value)
        descend(method, monitor, 1000)
    return (*objective.unpack(monitor.best), monitor)


def same(one, other, problem):
    """Both fits are equal up to rounding."""
    assert len(one.objectives) == len(other.objectives), problem
    np.testing.assert_allclose(one.objectives, other.objectives, rtol=1e-12)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_seven_memory_mapped_slices_and_the_builtin_map(problem, tmp_path):
    """F of the model equals that of the fit in memory to 1e-12; rounding errors of iterates may be larger before."""

    def mapped(X):
        path = tmp_path / "X.npy"
        np.save(path, X)
        return np.load(path, mmap_mode="r")

    coef, _, monitor = fitted(problem, map, mapped)
    load, _, _, estimator = PROBLEMS[problem]
    X, target, n_outputs = load()
    model = estimator.fit(X, target[:, 0])
    assert model.n_iter_ == len(monitor.objectives)
    np.testing.assert_allclose(min(monitor.objectives), min(model.loss_curve_), rtol=1e-12)
    np.testing.assert_allclose(monitor.objectives, model.loss_curve_, rtol=1e-10)
    np.testing.assert_allclose(model.coef_.reshape(n_outputs, -1), coef, rtol=1e-6, atol=1e-9 * np.abs(coef).max())


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_map_that_pickles_every_call_and_result(problem):
    same(fitted(problem, remote)[2], fitted(problem, map)[2], problem)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_threads_change_no_bit(problem, monkeypatch):
    """Sums are taken in the order of the parts."""
    fits = []
    for count in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", count)
        fits.append(fitted(problem, Threads(SLICES)))
    np.testing.assert_array_equal(fits[0][0], fits[1][0])
    assert fits[0][2].objectives == fits[1][2].objectives


def test_a_lost_part_is_made_again_from_the_model_and_the_last_direction():
    X, target, _ = binary()
    loss, weight = array_loss(LogLoss(), 1, False), np.ones(len(target))
    rng = np.random.default_rng(0)
    coef, direction = 1e-3 * rng.normal(size=(2, 1, X.shape[1]))
    first, again, zero = Part(rows_of(X), target, weight, loss), Part(rows_of(X), target, weight, loss), np.zeros(1)
    first.start(coef, zero, 0.0)
    first.line(direction, zero, 0.5, False)
    again.start(coef + 0.5 * direction, zero, 0.0)
    again.line(direction, zero, 0.0, False)
    for one, other in zip(first.plane(direction, zero, True, True), again.plane(direction, zero, True, True), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


@pytest.mark.parametrize("width", [0.0, 0.5])
def test_a_part_is_extended_from_any_point_of_the_last_direction(width):
    """The loss at the end of the new direction, and then a look along it."""
    X, target, _ = binary()
    loss, weight, zero = array_loss(Hinge() if width else LogLoss(), 1, False), np.linspace(0.5, 2.0, len(target)), np.zeros(1)
    part, other = Part(rows_of(X), target, weight, loss), Part(rows_of(X), target, weight, loss)
    coef, first, second = 1e-3 * np.random.default_rng(0).normal(size=(3, 1, X.shape[1]))
    part.start(coef, zero, width)
    part.line(first, zero, 0.5, False)
    for at, start in ((None, coef + 0.5 * first), (1.0, coef + 0.5 * first + second), (0.0, coef + 0.5 * first + second)):
        (value,) = part.extend(second, zero, at)
        sums, *_ = other.start(start + second, zero, width)
        assert value == pytest.approx(sums[0], rel=1e-12)
        sums, *gradient = part.again(1.3)
        exact, *slopes = other.start(start + 1.3 * second, zero, width)
        assert sums[0] == pytest.approx(exact[0], rel=1e-12)
        np.testing.assert_allclose(gradient[0], slopes[0], rtol=1e-9)


def test_a_part_can_be_sent_to_a_worker():
    X, target, _ = several()
    part = Part(rows_of(sp.csr_array(X)), target, np.ones(len(target)), array_loss(LogLoss(), 3, True))
    copy = pickle.loads(pickle.dumps(part))
    coef = np.full((3, X.shape[1]), 1e-3)
    assert copy.value(coef, np.zeros(3)) == part.value(coef, np.zeros(3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, sp.csr_array])
def test_what_a_part_sums(layout, dtype):
    """Compared with the formulas, with weights, on more samples than a tile."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(5000, 40)) * (rng.random((5000, 40)) < 0.5)).astype(dtype)
    target, weight = rng.normal(size=(5000, 2)), rng.uniform(0.5, 2.0, 5000)
    coef, intercept = rng.normal(size=(2, 40)), rng.normal(size=2)
    parts = in_memory(rows_of(layout(X)), target, weight, array_loss(SquaredError(), 2, False), 2)
    X = X.astype(np.float64)
    residual = X @ coef.T + intercept - target
    np.testing.assert_allclose(parts.total("value", coef, intercept)[0], 0.5 * weight @ (residual**2).sum(axis=1), rtol=1e-12)
    gradient, of_intercept = parts.total("gradient", coef, intercept)
    np.testing.assert_allclose(gradient, (weight[:, None] * residual).T @ X, rtol=1e-9)
    np.testing.assert_allclose(of_intercept, weight @ residual, rtol=1e-9)
    mean = weight @ X / weight.sum()
    gram, cross, square = parts.total("gram", mean, np.array([0.5, -0.5]))
    away = target - [0.5, -0.5]
    np.testing.assert_allclose(gram, ((X - mean) * weight[:, None]).T @ (X - mean), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(cross, (away * weight[:, None]).T @ (X - mean), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(square, weight @ (away**2).sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, sp.csr_array])
def test_moments_weighted_by_the_curvature(layout, n_outputs):
    """Compared with the formulas, with the curvature p (1 - p) of the log loss, at the point of the last look, with weights."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4)) * (rng.random((400, 4)) < 0.5)
    target = rng.integers(0, n_outputs, (400, 1)).astype(float) if n_outputs > 1 else rng.choice([-1.0, 1.0], (400, 1))
    weight, coef, move = rng.uniform(0.5, 2.0, 400), *rng.normal(size=(2, n_outputs, 4))
    zero, mean = np.zeros(n_outputs), weight @ X / weight.sum()
    on_arrays = array_loss(LogLoss(), n_outputs, n_outputs > 1)
    bounds = list(pairwise(np.linspace(0, 400, SLICES + 1).astype(int)))
    cut_rows = [Part(rows_of(layout(X[a:b])), target[a:b], weight[a:b], on_arrays) for a, b in bounds]
    parts = Parts(cut_rows, weight.sum(), map)
    parts.mean("start", coef, zero, 0.0)
    parts.mean("line", move, zero, 0.5, False)
    p = LogLoss().probability(X @ (coef + 0.5 * move).T if n_outputs > 1 else X @ (coef + 0.5 * move)[0])
    curvature = weight[:, None] * (p * (1.0 - p)).reshape(400, n_outputs) / weight.sum()
    shift = 0.0 * mean if layout is sp.csr_array else mean + 1.0
    total, square, of_score = parts.mean("curvature_moments", shift, True)
    np.testing.assert_allclose(of_score, curvature.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(total, curvature.T @ (X - shift), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(square, curvature.T @ (X - shift) ** 2, rtol=1e-10, atol=1e-15)
    scale = np.array([1.0, 2.0, 0.5, 1.0, 3.0])
    *moments, grams = parts.mean("curvature_sums", shift, mean, scale, 1.0, True)
    for one, other in zip(moments, (total, square, of_score), strict=True):
        np.testing.assert_array_equal(one, other)
    Z = np.column_stack([X - mean, np.ones(400)]) * scale
    for k in range(n_outputs):
        np.testing.assert_allclose(grams[k], (Z * curvature[:, [k]]).T @ Z, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, sp.csr_array])
def test_norms_in_a_metric(layout, dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(5000, 40)) * (rng.random((5000, 40)) < 0.5)).astype(dtype)
    mean, lengths = rng.normal(size=40), rng.uniform(0.0, 2.0, 40)
    expected = (lengths * (X.astype(np.float64) - mean) ** 2).sum(axis=1)
    np.testing.assert_allclose(rows_of(layout(X)).metric_norms(mean, lengths), expected, rtol=1e-9)


def test_a_share_of_the_samples_estimates_the_gram_matrix():
    """Every interval of the samples contributes its share, for any order."""
    rng = np.random.default_rng(0)
    X, target, weight = np.sort(rng.normal(size=(20_000, 2)), axis=0), np.ones((20_000, 1)), np.ones(20_000)
    parts = in_memory(rows_of(X), target, weight, array_loss(SquaredError(), 1, False), 1)
    parts.mean("start", np.zeros((1, 2)), np.zeros(1), 0.0)
    zero = np.zeros(2)
    whole, part = (parts.total("curvature_sums", zero, zero, np.ones(3), share, False)[-1] for share in (1.0, 0.1))
    np.testing.assert_allclose(10.0 * part, whole, rtol=0.01, atol=0.01 * 20_000)


def test_samples_are_cut_for_the_cache_and_for_threads_only_where_they_pay():
    assert len(cut(DenseRows(np.empty((1000, 10))), 1)) == 1
    assert len(cut(DenseRows(np.empty((150_000, 2))), 1)) == 2
    assert len(cut(DenseRows(np.empty((20_000, 100))), 1)) == 8
    assert len(cut(rows_of(sp.csr_array((20_000, 100))), 1)) == 1


def test_nothing_under_descent_sees_a_score():
    """Descent calls verbs of the parts, which return sums; arrays with an entry per sample stay with the part."""
    verbs = {"start", "plane", "step", "line", "again", "gram", "gradient", "value", "hessian", "widen"}
    verbs |= {"extend", "group_sums", "shared_gradient", "conjugate", "curvature_moments", "curvature_sums"}
    seen = set()
    for path in (Path(sklearn_gd.__file__).parent / "descent").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("raw", "ahead", "curvature_ahead", "each"), f"{path.name}:{node.lineno}"
                assert not (node.attr == "parts" and isinstance(node.value, ast.Attribute) and node.value.attr == "parts")
            if isinstance(node, ast.ImportFrom):
                assert not {each.name for each in node.names} & {"Part", "DenseRows", "CsrRows"}, path.name
            name = getattr(node.func, "attr", getattr(node.func, "id", None)) if isinstance(node, ast.Call) else None
            called = name in ("mean", "total")
            if called and node.args and isinstance(node.args[0], ast.Constant):
                seen.add(node.args[0].value)
            if isinstance(node, ast.Tuple) and node.elts and isinstance(node.elts[0], ast.Constant):
                seen |= {node.elts[0].value} & verbs
    assert seen <= verbs
    assert seen >= {"start", "plane", "step", "line", "again", "gram", "gradient"}


def test_a_loss_in_scalar_style_goes_through_the_same_parts():
    """A loss with `if` is compiled, called for each element, and gives the same model."""

    class ScalarHuber(RegressionLoss):
        def __init__(self, delta=30.0):
            self.delta = delta

        @staticmethod
        def value(y, raw, delta):
            r = abs(raw - y)
            return 0.5 * r * r if r <= delta else delta * (r - 0.5 * delta)

        @staticmethod
        def gradient(y, raw, delta):
            return min(max(raw - y, -delta), delta)

        @staticmethod
        def second_derivative(y, raw, delta):
            return 1.0 if abs(raw - y) <= delta else 0.0

    X, target, _ = real()
    one, other = (GDRegressor(loss=loss).fit(X, target[:, 0]) for loss in (Huber(30.0), ScalarHuber()))
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-11)
