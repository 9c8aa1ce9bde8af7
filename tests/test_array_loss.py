"""Losses on whole arrays, compared with calls of their functions for each number; losses on arrays of other libraries."""

import math
import subprocess
import sys

import array_api_strict
import numpy as np
import pytest
from test_losses import LOSSES, OBJECTS, ROWS, kinks, of, targets

from sklearn_gd import ClassificationLoss, RegressionLoss, check_loss
from sklearn_gd._kernels.blocks import loss_blocks, loss_functions, loss_value
from sklearn_gd._namespaces import Namespace, under
from sklearn_gd.losses import CLASSIFICATION_LOSSES, Hinge, Huber, LogLoss, MulticlassHinge, Tweedie
from sklearn_gd.losses._base import N_ARGUMENTS
from sklearn_gd.objective._array_loss import ArrayLoss, array_loss
from sklearn_gd.objective._narrowed import largest, narrowed

rng = np.random.default_rng(0)
EXTREME = [0.0, 1.0, -1.0, 50.0, -50.0, 1e3, -1e3, 1e10, -1e10]


@pytest.fixture(autouse=True)
def callers_ignore_floating_point_warnings():
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        yield


def number_by_number(function, y, raw, *width):
    """The results of a function of one target and score, for every pair of two arrays."""
    found = [function(*each, *width) for each in zip(y.ravel().tolist(), raw.ravel().tolist(), strict=True)]
    return np.array(found, dtype=float).T.reshape(-1, *raw.shape)


def scores_for(loss, y):
    """Scores for targets: ordinary ones, non-differentiable points and extremes."""
    raw = rng.normal(scale=3.0, size=y.shape)
    flat = raw.ravel()
    for i, target in enumerate(y.ravel().tolist()):
        at_kinks = kinks(loss, target)
        if at_kinks and i % 5 == 0:
            flat[i] = at_kinks[0]
    flat[: len(EXTREME)] = EXTREME
    return raw


def expected_second_order(loss, y, raw, width):
    """Value, gradient and curvature by the functions of the loss, in any style."""
    if loss.written_functions("second_order") is not None:
        return number_by_number(of(loss, "second_order"), y, raw, width)
    names = "value", "gradient", "second_derivative"
    return np.concatenate([number_by_number(of(loss, name), y, raw) for name in names])


# --- losses of one score -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", OBJECTS, ids=repr)
def test_arrays_give_what_numbers_give(loss, n_outputs):
    arrays = array_loss(loss, n_outputs, False)
    target = rng.choice(targets(loss), size=(60, n_outputs))
    y = arrays.encode(target)
    assert not arrays.coupled
    assert y.flags.c_contiguous
    assert np.shares_memory(y, target) == (n_outputs == 1)
    np.testing.assert_array_equal(y, target.T)
    raw = scores_for(loss, y)
    kept = raw.copy()
    value, gradient = (number_by_number(of(loss, name), y, raw)[0] for name in ("value", "gradient"))
    np.testing.assert_allclose(arrays.value(y, raw), value.sum(axis=0), rtol=1e-14)
    np.testing.assert_allclose(arrays.gradient(y, raw), gradient, rtol=1e-14)
    for width in (0.0, 0.3):
        v, g, h = expected_second_order(loss, y, raw, width)
        found, slope, curvature = arrays.second_order(y, raw, width)
        np.testing.assert_allclose(found, v.sum(axis=0), rtol=1e-14)
        np.testing.assert_allclose(slope, g, rtol=1e-14)
        assert found.shape == (60,)
        move = rng.normal(size=raw.shape)
        product = arrays.hessian_product(y, curvature, move)
        np.testing.assert_allclose(product, h * move, rtol=1e-14)
        for new in (slope, product, arrays.gradient(y, raw)):
            new[...] = np.nan  # the caller may overwrite them, and nothing else changes
        np.testing.assert_array_equal(arrays.hessian_product(y, curvature, move), h * move)
    np.testing.assert_array_equal(raw, kept)


@pytest.mark.parametrize("name", [name for name in CLASSIFICATION_LOSSES if name not in ("log_loss", "multiclass_hinge")])
def test_beyond_two_classes_each_is_set_against_the_rest(name):
    loss = LOSSES[name]()
    arrays = array_loss(loss, 3, True)
    target = np.array([[0.0], [2.0], [1.0], [2.0]])
    y = arrays.encode(target)
    np.testing.assert_array_equal(y, 2.0 * (np.arange(3)[:, None] == target[:, 0]) - 1.0)
    raw = rng.normal(size=(3, 4))
    np.testing.assert_allclose(arrays.gradient(y, raw), number_by_number(of(loss, "gradient"), y, raw)[0], rtol=1e-14)
    np.testing.assert_allclose(arrays.value(y, raw), number_by_number(of(loss, "value"), y, raw)[0].sum(axis=0), rtol=1e-14)


@pytest.mark.parametrize("loss", [each for each in OBJECTS if each.linear_beyond], ids=repr)
def test_a_loss_that_is_linear_far_out_is_smoothed_in_a_unit_of_its_own(loss):
    """The slopes of its tails stay, and value, slope and curvature belong together."""
    arrays = array_loss(loss, 1, False)
    y, raw, width = np.zeros((1, 81)), np.linspace(-397.3, 401.1, 81)[None], 100.0 * loss.linear_beyond
    _, slope, curvature = arrays.second_order(y, raw, width)
    step = 1e-3 * loss.linear_beyond
    above, below = arrays.second_order(y, raw + step, width), arrays.second_order(y, raw - step, width)
    np.testing.assert_allclose(slope[0], (above[0] - below[0]) / (2.0 * step), atol=1e-6)
    np.testing.assert_allclose(curvature[0], (above[1][0] - below[1][0]) / (2.0 * step), atol=1e-3)
    far = np.array([[1e6 * loss.linear_beyond]])
    np.testing.assert_allclose(arrays.second_order(0.0 * far, far, width)[1], arrays.gradient(0.0 * far, far), rtol=1e-12)


@pytest.mark.parametrize("loss", OBJECTS, ids=repr)
def test_extreme_scores_are_never_nan(loss):
    arrays = array_loss(loss, 1, False)
    y = arrays.encode(np.repeat(targets(loss), len(EXTREME))[:, None])
    raw = np.tile(EXTREME, len(targets(loss)))[None]
    value, gradient, curvature = arrays.second_order(y, raw, 0.1)
    results = [
        arrays.value(y, raw),
        value,
        arrays.gradient(y, raw),
        gradient,
        arrays.hessian_product(y, curvature, np.ones_like(raw)),
    ]
    assert not np.isnan(np.concatenate([each.ravel() for each in results])).any()
    assert (results[0] >= -1e-14).all()
    if loss.curvature_bound is not None or not loss.smooth:
        assert all(np.isfinite(each).all() for each in results)


# --- losses that couple the classes --------------------------------------------------------------------------------------


def rows_by_rows(loss, y, raw, width, move):
    """Value, smoothed value, gradient, smoothed gradient and Hessian product by the functions of a row."""
    value, smoothed, columns = [], [], []
    for label, scores, direction in zip(y.tolist(), raw.T.copy(), move.T.copy(), strict=True):
        plain, slope, curvature, product = np.empty((4, len(raw)))
        value.append(of(loss, "multiclass_value")(label, scores))
        of(loss, "multiclass_gradient")(label, scores, plain)
        smoothed.append(of(loss, "multiclass_second_order")(label, scores, width, slope, curvature))
        of(loss, "multiclass_hessian_product")(label, curvature, direction, product)
        columns.append((plain, slope, product))
    return np.array(value), np.array(smoothed), *np.array(columns).transpose(1, 2, 0)


def scores_of_rows(n_classes):
    """Ordinary and extreme scores of 40 samples."""
    raw = rng.normal(scale=2.0, size=(n_classes, 40))
    for i, top in enumerate([1e3, -1e3, 1e10, -1e10]):
        raw[0, i], raw[:, 4 + i] = top, top
    return raw


@pytest.mark.parametrize("width", [0.0, 0.3])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("loss", ROWS, ids=repr)
def test_the_class_axis_gives_what_rows_give(loss, n_classes, width):
    arrays = array_loss(loss, n_classes, True)
    target = rng.integers(n_classes, size=(40, 1)).astype(float)
    y = arrays.encode(target)
    assert arrays.coupled
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, target[:, 0])
    raw, move = scores_of_rows(n_classes), rng.normal(size=(n_classes, 40))
    kept = raw.copy()
    value, smoothed, plain, slope, product = rows_by_rows(loss, y, raw, width, move)
    found, gradient, curvature = arrays.second_order(y, raw, width)
    np.testing.assert_allclose(arrays.value(y, raw), value, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(found, smoothed, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(gradient, slope, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(arrays.gradient(y, raw), plain, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(arrays.hessian_product(y, curvature, move), product, rtol=1e-13, atol=1e-15)
    gradient[...] = np.nan
    np.testing.assert_allclose(arrays.hessian_product(y, curvature, move), product, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(raw, kept)
    assert np.isfinite(found).all()


# --- functions in scalar style -------------------------------------------------------------------------------------------


class ScalarHuber(RegressionLoss):
    def __init__(self, delta=1.0):
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


class ScalarTogether(ScalarHuber):
    @staticmethod
    def second_order(y, raw, width, delta):
        r = abs(raw - y)
        slope = min(max(raw - y, -delta), delta)
        return (0.5 * r * r, slope, 1.0) if r <= delta else (delta * (r - 0.5 * delta), slope, 0.0)


class ScalarLogLoss(ClassificationLoss):
    """The logistic loss and the softmax, with branches and `math`, without functions over the class axis."""

    @staticmethod
    def value(y, raw):
        m = y * raw
        return math.log1p(math.exp(-m)) if m > 0 else math.log1p(math.exp(m)) - m

    @staticmethod
    def gradient(y, raw):
        m = y * raw
        return -y * math.exp(-m) / (1.0 + math.exp(-m)) if m > 0 else -y / (1.0 + math.exp(m))

    @staticmethod
    def second_derivative(y, raw):
        e = math.exp(-abs(raw))
        return e / ((1.0 + e) * (1.0 + e))

    multiclass_value = staticmethod(LogLoss.multiclass_value)
    multiclass_gradient = staticmethod(LogLoss.multiclass_gradient)
    multiclass_second_order = staticmethod(LogLoss.multiclass_second_order)
    multiclass_hessian_product = staticmethod(LogLoss.multiclass_hessian_product)


TWINS = [
    (ScalarHuber(delta=0.7), Huber(delta=0.7), 3, False),
    (ScalarTogether(delta=0.7), Huber(delta=0.7), 1, False),
    (ScalarLogLoss(), LogLoss(), 1, False),
    (ScalarLogLoss(), LogLoss(), 4, True),
]


def found_by(loss, target, raw, move, n_outputs, one_vs_rest):
    """All results of a loss on arrays."""
    arrays = array_loss(loss, n_outputs, one_vs_rest)
    y = arrays.encode(target)
    value, gradient, curvature = arrays.second_order(y, raw, 0.2)
    return arrays.value(y, raw), value, arrays.gradient(y, raw), gradient, arrays.hessian_product(y, curvature, move)


def problem(loss, n_outputs, one_vs_rest):
    """Targets, scores and a direction."""
    target = rng.choice(targets(loss), size=(50, n_outputs))
    if one_vs_rest:
        target = rng.integers(n_outputs, size=(50, 1)).astype(float)
    return target, rng.normal(scale=2.0, size=(n_outputs, 50)), rng.normal(size=(n_outputs, 50))


@pytest.mark.parametrize(("scalar", "built_in", "n_outputs", "one_vs_rest"), TWINS, ids=lambda each: repr(each))
def test_a_twin_in_scalar_style_gives_the_same(scalar, built_in, n_outputs, one_vs_rest):
    target, raw, move = problem(built_in, n_outputs, one_vs_rest)
    for found, want in zip(
        *(found_by(loss, target, raw, move, n_outputs, one_vs_rest) for loss in (scalar, built_in)), strict=True
    ):
        np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12)
        assert found.flags.writeable
    results = []
    for loss in (scalar, built_in):
        functions, out = loss_functions(loss, n_outputs, one_vs_rest), np.empty((50, n_outputs))
        blocks = loss_blocks(functions)
        rows = raw.T.copy()
        blocks.gradient(target, rows, out, blocks.parameters)
        results.append([*out.ravel(), loss_value(functions)(target, rows, np.ones(50), blocks.parameters)])
    np.testing.assert_allclose(*results, rtol=1e-12, atol=1e-12)


def test_read_only_and_transposed_arrays_are_taken_in_scalar_style_too():
    arrays = array_loss(ScalarHuber(), 2, False)
    target, raw, _ = problem(Huber(), 2, False)
    y, expected = arrays.encode(target), arrays.gradient(arrays.encode(target), raw)
    y.flags.writeable = False
    np.testing.assert_array_equal(arrays.gradient(y, np.asfortranarray(raw)), expected)


class MixedStyles(ScalarHuber):
    """A value in array style, a gradient in scalar style, no second derivative."""

    value = staticmethod(Huber.value)
    second_derivative = None

    @classmethod
    def written_functions(cls, name):
        return None if name == "second_derivative" else super().written_functions(name)


def test_each_function_has_its_own_style():
    target, raw, move = problem(Huber(), 1, False)
    raw = raw[:, np.abs(np.abs(raw[0] - target[:, 0]) - 1.0) > 1e-3]
    target, move = target[: raw.shape[1]], move[:, : raw.shape[1]]
    raw = target.T + rng.choice([-3.0, -0.4, 0.2, 1.7], size=raw.shape)
    for found, want in zip(*(found_by(loss, target, raw, move, 1, False) for loss in (MixedStyles(), Huber())), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9)


def test_a_loss_in_array_style_never_imports_the_compiler():
    code = """
import sys
import numpy as np
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from sklearn_gd.objective._array_loss import array_loss
for kind in (REGRESSION_LOSSES | CLASSIFICATION_LOSSES).values():
    for n_outputs, one_vs_rest in ((1, False), (3, issubclass(kind, tuple(CLASSIFICATION_LOSSES.values())))):
        loss = array_loss(kind(), n_outputs, one_vs_rest)
        y = loss.encode(np.ones((5, 1 if one_vs_rest else n_outputs)))
        value, gradient, curvature = loss.second_order(y, np.ones((n_outputs, 5)), 0.1)
        loss.hessian_product(y, curvature, gradient)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("numba", "llvmlite")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- results that are not new arrays -------------------------------------------------------------------------------------


class Aliases(RegressionLoss):
    """Half the squared score: the gradient is the score itself, the second derivative an integer."""

    @staticmethod
    def value(y, raw):
        return 0.5 * raw * raw

    @staticmethod
    def gradient(y, raw):
        return raw

    @staticmethod
    def second_derivative(y, raw):
        return 1


class Linear(RegressionLoss):
    """A gradient that is one integer for all scores."""

    @staticmethod
    def value(y, raw):
        return raw

    @staticmethod
    def second_order(y, raw, width):
        return raw, 1, 0 * raw


@pytest.mark.parametrize("loss", [Aliases(), Linear()], ids=repr)
def test_what_is_returned_is_new_and_whole(loss):
    arrays = array_loss(loss, 2, False)
    raw = rng.normal(size=(2, 5))
    y, kept = arrays.encode(np.ones((5, 2))), raw.copy()
    value, gradient, _ = arrays.second_order(y, raw, 0.0)
    slope = kept if isinstance(loss, Aliases) else np.ones_like(raw)
    np.testing.assert_allclose(gradient, slope, rtol=1e-9)
    np.testing.assert_allclose(arrays.gradient(y, raw), slope, rtol=1e-9)
    gradient *= 0.5
    arrays.gradient(y, raw)[...] = 7.0
    np.testing.assert_array_equal(raw, kept)
    np.testing.assert_allclose(value, (0.5 * kept * kept if isinstance(loss, Aliases) else kept).sum(axis=0))


# --- derivatives that are not written ------------------------------------------------------------------------------------


class ValueOnly(ClassificationLoss):
    """The logistic loss and the softmax, without any derivative."""

    @staticmethod
    def value(y, raw):
        return np.log1p(np.exp(-y * raw))

    @staticmethod
    def multiclass_value(y, raw):
        return np.log(np.exp(raw).sum()) - raw[y]


class ScalarValueOnly(ValueOnly):
    @staticmethod
    def value(y, raw):
        return math.log1p(math.exp(-y * raw))


class WithGradient(ValueOnly):
    gradient = staticmethod(LogLoss.gradient)
    multiclass_gradient = staticmethod(LogLoss.multiclass_gradient)


class WithClasswiseValue(ValueOnly):
    classwise_value = staticmethod(LogLoss.classwise_value)


@pytest.mark.parametrize(("n_outputs", "one_vs_rest"), [(1, False), (3, True)])
@pytest.mark.parametrize("loss", [ValueOnly(), ScalarValueOnly(), WithGradient(), WithClasswiseValue()], ids=repr)
def test_derivatives_that_are_not_written_are_taken_numerically(loss, n_outputs, one_vs_rest):
    target, raw, move = problem(LogLoss(), n_outputs, one_vs_rest)
    move[:, 0] = 0.0
    kept = raw.copy()
    found, want = (found_by(each, target, raw, move, n_outputs, one_vs_rest) for each in (loss, LogLoss()))
    for one, other in zip(found[:4], want[:4], strict=True):
        np.testing.assert_allclose(one, other, atol=2e-9)
    # The error of two successive numerical derivatives: rounding of 2e-16 over steps of 6e-6, twice.
    np.testing.assert_allclose(found[4], want[4], atol=1e-8 if isinstance(loss, WithGradient) else 5e-5)
    np.testing.assert_array_equal(raw, kept)


def test_a_numeric_curvature_is_never_negative():
    class Concave(RegressionLoss):
        @staticmethod
        def value(y, raw):
            return 1.0 - np.exp(-0.5 * (raw - y) ** 2)

    arrays = array_loss(Concave(), 1, False)
    raw = np.linspace(-5.0, 5.0, 41)[None]
    y = np.zeros_like(raw)
    curvature = arrays.hessian_product(y, arrays.second_order(y, raw, 0.0)[2], np.ones_like(raw))
    np.testing.assert_allclose(curvature, np.maximum((1.0 - raw**2) * np.exp(-0.5 * raw**2), 0.0), atol=1e-6)
    assert (curvature >= 0.0).all()


# --- what goes wrong -----------------------------------------------------------------------------------------------------


def test_a_function_that_neither_runs_on_arrays_nor_compiles_is_named():
    class Bad(RegressionLoss):
        @staticmethod
        def value(y, raw):
            return 0.5 * (raw - y) ** 2 if open("no such file").tell() else 0.0

    with pytest.raises(TypeError, match=r"Bad\.value cannot be compiled"):
        array_loss(Bad(), 1, False)


def test_parameters_are_those_of_the_object():
    """The style is cached for a function and its parameters, not for the parameters of another object."""
    target, raw, move = problem(Huber(), 1, False)
    for delta in (0.5, 2.0, 0.5):
        for kind in (Huber, ScalarHuber):
            found = found_by(kind(delta=delta), target, raw, move, 1, False)
            assert np.abs(found[2]).max() == delta


def test_every_loss_on_arrays_answers_to_one_contract():
    for loss, n_outputs, one_vs_rest in ((Hinge(), 1, False), (Hinge(), 3, True), (LogLoss(), 3, True)):
        assert isinstance(array_loss(loss, n_outputs, one_vs_rest), ArrayLoss)


# --- check_loss ----------------------------------------------------------------------------------------------------------


class WrongClasswise(LogLoss):
    @staticmethod
    def classwise_value(y, raw):
        return 2.0 * LogLoss.classwise_value(y, raw)


class WrongClasswiseGradient(LogLoss):
    @staticmethod
    def classwise_second_order(y, raw, width):
        value, _, p = LogLoss.classwise_second_order(y, raw, width)
        return value, p, p


class WrongClasswiseProduct(LogLoss):
    @staticmethod
    def classwise_hessian_product(y, curvature, a):
        return curvature * a


class WrongClasswiseDiagonal(LogLoss):
    @staticmethod
    def classwise_diagonal(y, curvature):
        return curvature


class WrongProduct(LogLoss):
    @staticmethod
    def multiclass_hessian_product(y, curvature, a, out):
        out[:] = curvature * a


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        (WrongClasswise(), r"classwise_value"),
        (WrongClasswiseGradient(), r"classwise_second_order \(its gradient\)"),
        (WrongClasswiseProduct(), r"classwise_hessian_product"),
        (WrongClasswiseDiagonal(), r"classwise_diagonal"),
        (WrongProduct(), r"(multiclass|classwise)_hessian_product"),
    ],
    ids=repr,
)
def test_check_loss_finds_a_mistake_over_the_class_axis(loss, function):
    with pytest.raises(AssertionError, match=rf"^{type(loss).__name__}\.{function} at y=\d, raw=\["):
        check_loss(loss)


def test_check_loss_says_which_functions_are_in_scalar_style(capsys):
    assert check_loss(Huber()) < 1e-6
    assert capsys.readouterr().out == ""
    assert check_loss(ScalarHuber()) < 1e-6
    assert capsys.readouterr().out.startswith(
        "ScalarHuber: written in scalar style: value, gradient, second_derivative. Compilation takes"
    )
    check_loss(ScalarHuber(), verbose=False)
    assert capsys.readouterr().out == ""


class OneAgainstMargins(ClassificationLoss):
    """A loss of all scores that a constant in all of them changes."""

    @staticmethod
    def multiclass_value(y, raw):
        total = 0.0
        for k in range(len(raw)):
            total += np.log1p(np.exp(-raw[k] if k == y else raw[k]))
        return total


@pytest.mark.parametrize(
    ("loss", "ignores"), [(LogLoss(), True), (MulticlassHinge(), True), (OneAgainstMargins(), False), (Hinge(), False)]
)
def test_which_losses_ignore_a_constant_in_all_scores(loss, ignores):
    assert array_loss(loss, 4, True).ignores_shift is ignores
    assert array_loss(loss, 1, False).ignores_shift is False


def test_largest_curvature_is_that_of_one_score_or_of_a_coupled_sample():
    assert (LogLoss().largest_curvature(False), LogLoss().largest_curvature(True)) == (0.25, 0.5)
    assert (Hinge().largest_curvature(False), Hinge().largest_curvature(True)) == (None, None)
    raw, y = np.array([[20.0, 1.0], [20.0, 3.0], [0.0, 0.5]]), np.array([0, 1])
    arrays = array_loss(LogLoss(), 3, True)
    curvature = arrays.second_order(y, raw, 0.0)[2]
    hessian = [arrays.hessian_product(y, curvature, np.repeat(unit[:, None], 2, axis=1)) for unit in np.eye(3)]
    largest = np.linalg.eigvalsh(np.array(hessian).transpose(2, 0, 1)).max(axis=1)
    assert largest[0] == pytest.approx(0.5, rel=1e-8)
    assert largest[1] < 0.5


# --- other libraries -----------------------------------------------------------------------------------------------------

STRICT = Namespace(array_api_strict, array_api_strict.float64)


def pytorch():
    """The namespace of PyTorch, if it is installed."""
    torch = pytest.importorskip("torch")
    return Namespace(torch, torch.float64)


NAMESPACES = [pytest.param(lambda: STRICT, id="array_api_strict"), pytest.param(pytorch, id="torch")]


def to_library(namespace, array):
    return namespace.asarray(array)


def to_numpy(result, shape):
    return np.broadcast_to(np.asarray(result, dtype=float) if isinstance(result, (int, float)) else np.from_dlpack(result), shape)


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("loss", OBJECTS, ids=repr)
def test_a_loss_of_one_score_runs_on_other_arrays(loss, namespace):
    xp = namespace()
    y = rng.choice(targets(loss), size=(1, 40))
    raw = scores_for(loss, y)
    for name in ("value", "gradient", "second_derivative", "second_order"):
        if loss.written_functions(name) is None:
            continue
        parameters = [getattr(loss, each) for each in loss.function_parameters(name, N_ARGUMENTS[name])]
        function, width = under(loss.written_functions(name), xp), (0.2,) * (N_ARGUMENTS[name] - 2)
        found = function(to_library(xp, y), to_library(xp, raw), *width, *parameters)
        expected = loss.bound_function(name, N_ARGUMENTS[name])(y, raw, *width)
        for one, other in zip(*(each if width else (each,) for each in (found, expected)), strict=True):
            np.testing.assert_allclose(to_numpy(one, y.shape), np.broadcast_to(other, y.shape), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("loss", ROWS, ids=repr)
def test_a_coupled_loss_runs_on_other_arrays(loss, namespace):
    xp = namespace()
    y, raw, move = rng.integers(4, size=40), scores_of_rows(4), rng.normal(size=(4, 40))
    there = [to_library(xp, each) for each in (y, raw, move)]
    value, second_order, product = (
        under(loss.written_functions(f"classwise_{name}"), xp) for name in ("value", "second_order", "hessian_product")
    )
    found, expected = second_order(*there[:2], 0.2), type(loss).classwise_second_order(y, raw, 0.2)
    results = [value(*there[:2]), *found, product(there[0], found[2], there[2])]
    wanted = [loss.classwise_value(y, raw), *expected, loss.classwise_hessian_product(y, expected[2], move)]
    for one, other in zip(results, wanted, strict=True):
        np.testing.assert_allclose(to_numpy(one, other.shape), other, rtol=1e-13, atol=1e-13)


OFFSET = 0.5


def helper(r):
    return np.maximum(r, 0) + np.where(r > OFFSET, 1, 0) + np.sqrt(2)


def test_helpers_are_taken_along_and_the_original_stays():
    x = array_api_strict.asarray([-1.0, 0.25, 2.0])

    def function(x):
        return helper(x) + np.pi

    function.__globals__["helper"] = helper
    np.testing.assert_allclose(np.from_dlpack(under(function, STRICT)(x)), function(np.array([-1.0, 0.25, 2.0])), rtol=1e-15)
    assert under(function, STRICT) is under(function, STRICT)
    assert helper.__globals__["np"] is np
    assert STRICT.float64 is array_api_strict.float64
    np.testing.assert_array_equal(np.from_dlpack(STRICT.clip(x, -0.5, 1)), [-0.5, 0.25, 1.0])


def test_tweedie_of_every_power_runs_on_other_arrays():
    y, raw = np.array([[0.5, 3.0]]), np.array([[-120.0, 2.0]])
    for power in (-1.0, 0.0, 1.0, 1.5, 2.0, 3.0):
        found = under(Tweedie.value, STRICT)(to_library(STRICT, y), to_library(STRICT, raw), power)
        np.testing.assert_allclose(np.from_dlpack(found), Tweedie.value(y, raw, power), rtol=1e-13)


def test_narrowed_curvatures_of_single_scores_by_hand():
    """At a kink the curvature itself, at three widths a 27th of the peak: the parabola's third, times a ninth."""
    blocks = np.array([2.0, 2.0 / 3.0, 0.0])[None, None, None, :]
    np.testing.assert_allclose(narrowed(np, blocks, 2.0).ravel(), [2.0, 2.0 / 27.0, 0.0], rtol=1e-15)
    assert largest(np, blocks) == 2.0


def test_narrowed_curvatures_of_several_scores_are_those_of_each_difference():
    """The multiclass hinge bends along differences of two scores: each is narrowed on its own, and the rows still sum to zero."""
    near, far = 1.0, 0.25  # of the own score 0 to the scores 1 and 2
    block = np.array([[near + far, -near, -far], [-near, near, 0.0], [-far, 0.0, far]])
    less = far**3
    expected = np.array([[near + less, -near, -less], [-near, near, 0.0], [-less, 0.0, less]])
    np.testing.assert_allclose(narrowed(np, block[None, :, :, None], 1.0)[0, :, :, 0], expected, rtol=1e-15)
    assert largest(np, block[None, :, :, None]) == near


@pytest.mark.parametrize("loss", [Hinge(), MulticlassHinge()], ids=repr)
def test_second_derivatives_of_a_smoothed_loss_are_differences_of_its_slopes(loss):
    arrays = array_loss(loss, 3, isinstance(loss, MulticlassHinge))
    raw, width = np.random.default_rng(0).normal(size=(3, 50)), 0.5
    y = arrays.encode(np.random.default_rng(1).integers(0, 3, 50)[:, None])
    if not arrays.coupled:
        y = np.where(np.random.default_rng(1).random((3, 50)) < 0.5, -1.0, 1.0)
    blocks, move = arrays.smoothing_blocks(y, raw, width), 1e-7 * np.random.default_rng(2).normal(size=(3, 50))
    change = arrays.second_order(y, raw + move, width)[1] - arrays.second_order(y, raw - move, width)[1]
    if arrays.coupled:
        product = np.einsum("kjn,jn->kn", blocks[0], move)
    else:
        product = blocks[:, 0, 0, :] * move
    # But for samples at the end of a parabola, where the difference sees both sides.
    assert np.mean(np.abs(2.0 * product - change) < 2e-9) > 0.9
