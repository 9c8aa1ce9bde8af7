"""Optimizers and penalties on whole arrays: equal to calls for each number, and to the compiled blocks."""

import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from oracle import function_of

from sklearn_gd import Optimizer, Penalty
from sklearn_gd._array_parts import ArrayPenalty, ArrayStep
from sklearn_gd._kernels.blocks import penalty_blocks, penalty_value, step_blocks
from sklearn_gd.optimizers import OPTIMIZERS, DoG, Momentum
from sklearn_gd.penalties import L1, PENALTIES, ElasticNet, NoPenalty

RNG = np.random.default_rng(0)
N = 6
# Steps with special cases of the rules: gradients of zero at first and later, rates of zero, very small gradients.
GRADIENTS = RNG.normal(size=(9, N))
GRADIENTS[:2, 0] = GRADIENTS[4] = 0.0
GRADIENTS[5, 1] = 1e-200
RATE_OF_STEP = [0.1, 0.1, 0.0, 0.07, 0.05, 0.05, 0.0, 0.02, 0.02]
COEF = np.array([-3.0, -0.4, -1e-12, 0.0, 0.3, 7.5])
STEP = np.array([0.5, 0.1, 2.0, 1.0, 3.0, 0.2])
SCALES = {"no scale": None, "scale": np.array([0.5, 2.0, 1.0, 3.0, 0.0, 1e-3])}


class ScalarMomentum(Optimizer):
    """`Momentum` with a branch on its slot."""

    slots = ("velocity",)

    def __init__(self, momentum=0.9):
        self.momentum = momentum

    @staticmethod
    def update(w, g, rate, t, velocity, momentum):
        velocity = momentum * velocity + g if velocity != 0.0 else g
        return w - rate * velocity, rate * (1.0 - momentum**t) / (1.0 - momentum), velocity


class ScalarDoG(DoG):
    """`DoG` with branches and `math`."""

    @staticmethod
    def contributions(w, g, rate, t, start, farthest, square_sum, mean):
        return math.pow(w - start, 2.0), math.pow(g, 2.0)

    @staticmethod
    def update(w, g, rate, t, start, farthest, square_sum, mean, distance_square, gradient_square, initial):
        distance = math.sqrt(distance_square)
        if t == 1.0:
            start, distance = w, initial * (1.0 + distance)
        farthest = max(farthest, distance)
        square_sum = square_sum + gradient_square
        step = rate * farthest / math.sqrt(square_sum) if square_sum > 0.0 else 0.0
        return w - step * g, step, start, farthest, square_sum, mean + 9.0 / (t + 8.0) * (w - mean)


class InPlace(Optimizer):
    """A rule that works on arrays, but changes them."""

    slots = ("total",)

    @staticmethod
    def update(w, g, rate, t, total):
        w -= rate * g
        total += g
        return w, rate, total


class Swapping(Optimizer):
    """A rule that returns its arguments in exchanged positions."""

    slots = ("older", "old")

    @staticmethod
    def update(w, g, rate, t, older, old):
        return w - rate * (g + older), rate, old, w


class ScalarElasticNet(ElasticNet):
    """`ElasticNet` with branches."""

    @staticmethod
    def value(w, l1_ratio):
        return l1_ratio * (w if w > 0.0 else -w) + 0.5 * (1.0 - l1_ratio) * w * w

    @staticmethod
    def gradient(w, l1_ratio):
        return (1.0 - l1_ratio) * w

    @staticmethod
    def prox(w, step, l1_ratio, nonnegative):
        threshold = step * l1_ratio
        if w > threshold:
            return w - threshold
        return w + threshold if w < -threshold and not nonnegative else 0.0


class Quartic(Penalty):
    """A value alone, in array style."""

    def __init__(self, centre=0.5):
        self.centre = centre

    @staticmethod
    def value(w, centre):
        return (w - centre) ** 4


class ScalarQuartic(Quartic):
    """The same penalty in scalar style."""

    @staticmethod
    def value(w, centre):
        return math.pow(w - centre, 4.0)


OBJECTS = [cls() for cls in OPTIMIZERS.values()] + [DoG(averaged=False), ScalarMomentum(), ScalarDoG(), InPlace(), Swapping()]
PENALTY_OBJECTS = [NoPenalty(), NoPenalty(nonnegative=True), Quartic(), ScalarQuartic()]
PENALTY_OBJECTS += [cls(nonnegative=flag) for cls in [*PENALTIES.values(), ScalarElasticNet] for flag in (False, True)]


def walked(optimizer, step):
    """Coefficients, slots and proximal steps after each of the steps of GRADIENTS."""
    theta, slots, prox_step = COEF.copy(), np.zeros((len(optimizer.slots), N)), np.zeros(N)
    path = []
    for t, (gradient, rate) in enumerate(zip(GRADIENTS, RATE_OF_STEP, strict=True), start=1):
        given = gradient.copy()
        step(theta, given, slots, prox_step, rate, t)
        np.testing.assert_array_equal(given, gradient)
        path.append(np.vstack([theta, prox_step, slots]))
    return np.array(path)


def one_by_one(optimizer):
    """A step that calls the functions for each number."""
    n_slots, n_totals = len(optimizer.slots), len(optimizer.totals)
    update = function_of(optimizer, "update", 4 + n_slots + n_totals)
    contributions = function_of(optimizer, "contributions", 4 + n_slots) if n_totals else None

    def step(theta, gradient, slots, prox_step, rate, t):
        columns = [(float(theta[i]), float(gradient[i]), slots[:, i].tolist()) for i in range(N)]
        totals = []
        if n_totals:
            parts = [contributions(w, g, rate, float(t), *held) for w, g, held in columns]
            totals = [math.fsum(column) for column in zip(*parts, strict=True)]
        for i, (w, g, held) in enumerate(columns):
            theta[i], prox_step[i], *slots[:, i] = update(w, g, rate, float(t), *held, *totals)

    return step


def compiled(optimizer):
    """The compiled step."""
    step, parameters = step_blocks(optimizer)
    return lambda theta, gradient, slots, prox_step, rate, t: step(theta, gradient, slots, prox_step, rate, float(t), parameters)


@pytest.mark.parametrize("optimizer", OBJECTS, ids=repr)
def test_a_step_on_arrays_is_that_of_the_numbers(optimizer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = walked(optimizer, ArrayStep(optimizer))
    np.testing.assert_allclose(found, walked(optimizer, one_by_one(optimizer)), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(found, walked(optimizer, compiled(optimizer)), rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize(
    ("written", "twin"), [(Momentum(0.8), ScalarMomentum(0.8)), (DoG(0.05), ScalarDoG(0.05))], ids=["momentum", "dog"]
)
def test_a_twin_in_scalar_style_takes_the_same_steps(written, twin):
    np.testing.assert_allclose(walked(twin, ArrayStep(twin)), walked(written, ArrayStep(written)), rtol=1e-13, atol=1e-300)


def test_an_update_of_too_few_numbers_is_refused():
    class Short(Momentum):
        @staticmethod
        def update(w, g, rate, t, velocity):
            return w - rate * g, rate

    with pytest.raises(TypeError, match=r"Short\.update"):
        ArrayStep(Short())


def blocks_of(penalty, alpha, scale):
    """Value, gradient added to ones, and proximal step by the compiled blocks."""
    blocks = penalty_blocks(penalty, scale)
    out, coef = np.ones(N), COEF.copy()
    blocks.gradient(COEF, out, alpha, blocks.scale, blocks.parameters)
    blocks.prox(coef, STEP, alpha, blocks.scale, blocks.parameters)
    return alpha * penalty_value(penalty)(COEF, blocks.scale, blocks.parameters), out, coef


def numbers_of(penalty, alpha, scale):
    """The same by calls of the functions for each number; the gradient is None if it is numerical."""
    scale = np.ones(N) if scale is None else scale
    value = function_of(penalty, "value", 1)
    slope = function_of(penalty, "gradient", 1) if penalty.has_gradient() else None
    prox = function_of(penalty, "prox", 2) if penalty.has_prox() else None
    rows = list(zip(COEF.tolist(), scale.tolist(), STEP.tolist(), strict=True))
    total = alpha * math.fsum(value(s * w) for w, s, _ in rows)
    moved = [w if prox is None or s == 0.0 else prox(s * w, alpha * s * s * step) / s for w, s, step in rows]
    if slope is None:
        return total, np.ones(N) if prox is not None else None, moved
    return total, [1.0 + alpha * s * slope(s * w) for w, s, _ in rows], moved


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("penalty", PENALTY_OBJECTS, ids=repr)
def test_a_penalty_on_arrays_is_that_of_the_numbers(penalty, scale):
    alpha, out, moved = 0.7, np.ones(N), COEF.copy()
    part = ArrayPenalty(penalty, alpha, scale)
    value = part.value(COEF)
    part.add_gradient(COEF, out)
    part.prox(moved, STEP)
    numeric = type(penalty).written_functions("gradient") is None and not penalty.has_prox()
    assert isinstance(value, float)
    for other in (numbers_of(penalty, alpha, scale), blocks_of(penalty, alpha, scale)):
        assert value == pytest.approx(other[0], rel=1e-13)
        if other[1] is not None:
            np.testing.assert_allclose(out, other[1], rtol=1e-9 if numeric else 1e-13)
        np.testing.assert_allclose(moved, other[2], rtol=1e-13, atol=0.0)


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("penalty", PENALTY_OBJECTS, ids=repr)
def test_the_step_of_a_penalty_may_be_a_number(penalty, scale):
    part, one, many = ArrayPenalty(penalty, 0.7, scale), COEF.copy(), COEF.copy()
    part.prox(one, 0.3)
    part.prox(many, np.full(N, 0.3))
    np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("penalty", [Quartic(1.5), ScalarQuartic(1.5)], ids=repr)
def test_a_penalty_of_a_value_alone_is_differentiated(penalty):
    out = np.zeros(N)
    ArrayPenalty(penalty, 0.5).add_gradient(COEF, out)
    np.testing.assert_allclose(out, 0.5 * 4.0 * (COEF - 1.5) ** 3, rtol=1e-9)


def test_a_zero_made_by_soft_thresholding_has_no_sign():
    coef = np.array([-0.1, 0.1])
    ArrayPenalty(L1(), 1.0).prox(coef, 1.0)
    assert not np.signbit(coef).any()


def test_the_compiler_serves_parts_in_scalar_style_only():
    code = """
import sys
import numpy as np
from sklearn_gd._array_parts import ArrayPenalty, ArrayStep
from sklearn_gd.optimizers import OPTIMIZERS
from sklearn_gd.penalties import PENALTIES, NoPenalty
for cls in OPTIMIZERS.values():
    ArrayStep(cls())(np.ones(3), np.ones(3), np.zeros((len(cls.slots), 3)), np.zeros(3), 0.1, 1)
for cls in [*PENALTIES.values(), NoPenalty]:
    for flag in (False, True):
        penalty = ArrayPenalty(cls(nonnegative=flag), 0.1)
        penalty.value(np.ones(3)), penalty.add_gradient(np.ones(3), np.ones(3)), penalty.prox(np.ones(3), 0.1)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("numba", "llvmlite")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
