"""Losses: values by hand, numerical derivatives, smoothing, domains, extremes, and compiled functions."""

import itertools
import math
import re
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np
import pytest
from matrix import WrongSign
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_gd import ClassificationLoss, GDClassifier, GDRegressor, RegressionLoss, check_loss
from sklearn_gd._kernels.blocks import loss_blocks, loss_functions, loss_value
from sklearn_gd.losses import (
    CLASSIFICATION_LOSSES,
    REGRESSION_LOSSES,
    Gamma,
    Huber,
    LogCosh,
    LogLinkLoss,
    LogLoss,
    MulticlassHinge,
    Poisson,
    Tweedie,
)
from sklearn_gd.losses._base import N_ARGUMENTS
from sklearn_gd.objective._array_loss import array_loss

LOSSES = {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES}
E = math.e
LOG2 = math.log(2.0)
BELOW, ABOVE = math.nextafter(1.0, 0.0), math.nextafter(1.0, 2.0)


def _nowhere(y, **parameters):
    return ()


def _at_minus_one_and_one(y):
    return -1.0, 1.0


@dataclass
class Facts:
    """The facts of a loss for the tests: `points` are (parameters, y, raw, value, gradient), computed by hand."""

    points: list
    # Raw scores at which the slope or the curvature jumps, as a function of y and the parameters.
    kinks: object = _nowhere
    # Parameter values out of their range; wrong types are tested for every parameter.
    bad: tuple = ()
    # Targets outside the domain for given parameters.
    outside: tuple = ()


FACTS = {
    # (raw - y)^2 / 2; raw - y
    "squared_error": Facts([({}, 1.0, 3.0, 2.0, 2.0), ({}, 1.0, 1.0, 0.0, 0.0), ({}, 1.0, -2.0, 4.5, -3.0)]),
    # |raw - y|; its sign, 0 at the non-differentiable point
    "absolute_error": Facts(
        [({}, 1.0, 3.0, 2.0, 1.0), ({}, 1.0, 1.0, 0.0, 0.0), ({}, 1.0, -2.0, 3.0, -1.0)],
        kinks=lambda y: (y,),
    ),
    # r^2 / 2 up to delta, then delta (|r| - delta / 2); r clipped
    "huber": Facts(
        [
            ({}, 0.0, 0.5, 0.125, 0.5),
            ({}, 0.0, 1.0, 0.5, 1.0),
            ({}, 0.0, 3.0, 2.5, 1.0),
            ({}, 0.0, -3.0, 2.5, -1.0),
            ({"delta": 0.5}, 1.0, 1.25, 0.03125, 0.25),
            ({"delta": 0.5}, 1.0, 0.5, 0.125, -0.5),
            ({"delta": 0.5}, 1.0, -1.0, 0.875, -0.5),
        ],
        kinks=lambda y, delta: (y - delta, y + delta),
        bad=({"delta": 0.0}, {"delta": -1.0}),
    ),
    # q (y - raw) below, (1 - q) (raw - y) above; -q, 0 at the non-differentiable point, 1 - q
    "quantile": Facts(
        [
            ({}, 1.0, 3.0, 1.0, 0.5),
            ({"quantile": 0.75}, 1.0, -1.0, 1.5, -0.75),
            ({"quantile": 0.75}, 1.0, 1.0, 0.0, 0.0),
            ({"quantile": 0.75}, 1.0, 3.0, 0.5, 0.25),
        ],
        kinks=lambda y, quantile: (y,),
        bad=({"quantile": 0.0}, {"quantile": 1.0}, {"quantile": -0.1}),
    ),
    # log cosh r; tanh r: at r = log 2 the cosine is 5/4, the tangent 3/5
    "log_cosh": Facts(
        [
            ({}, 1.0, 1.0, 0.0, 0.0),
            ({}, 0.0, LOG2, math.log(1.25), 0.6),
            ({}, 0.0, -LOG2, math.log(1.25), -0.6),
            ({}, 2.0, 1002.0, 1000.0 - LOG2, 1.0),
        ]
    ),
    # max(0, |r| - epsilon); its side, 0 within and on the edge
    "epsilon_insensitive": Facts(
        [
            ({"epsilon": 0.5}, 0.0, 2.0, 1.5, 1.0),
            ({"epsilon": 0.5}, 0.0, 0.25, 0.0, 0.0),
            ({"epsilon": 0.5}, 0.0, 0.5, 0.0, 0.0),
            ({"epsilon": 0.5}, 0.0, -0.5, 0.0, 0.0),
            ({"epsilon": 0.5}, 0.0, -2.0, 1.5, -1.0),
            ({"epsilon": 0.0}, 1.0, 3.0, 2.0, 1.0),
        ],
        kinks=lambda y, epsilon: (y - epsilon, y + epsilon),
        bad=({"epsilon": -0.1},),
    ),
    # the same, squared
    "squared_epsilon_insensitive": Facts(
        [
            ({"epsilon": 0.5}, 0.0, 2.0, 2.25, 3.0),
            ({"epsilon": 0.5}, 0.0, 0.25, 0.0, 0.0),
            ({"epsilon": 0.5}, 0.0, 0.5, 0.0, 0.0),
            ({"epsilon": 0.5}, 0.0, -2.0, 2.25, -3.0),
            ({"epsilon": 0.0}, 1.0, 3.0, 4.0, 4.0),
        ],
        kinks=lambda y, epsilon: (y - epsilon, y + epsilon),
        bad=({"epsilon": -0.1},),
    ),
    # e^raw - y raw + y log y - y; e^raw - y
    "poisson": Facts(
        [
            ({}, 2.0, 0.0, 2.0 * LOG2 - 1.0, -1.0),
            ({}, 0.0, 0.0, 1.0, 1.0),
            ({}, 2.0, LOG2, 0.0, 0.0),
            ({}, 1.0, 1.0, E - 2.0, E - 1.0),
        ],
        outside=(({}, -1.0), ({}, -1e-9)),
    ),
    # y e^-raw + raw - log y - 1; 1 - y e^-raw
    "gamma": Facts(
        [
            ({}, 1.0, 0.0, 0.0, 0.0),
            ({}, 3.0, 0.0, 2.0 - math.log(3.0), -2.0),
            ({}, 1.0, -1.0, E - 2.0, 1.0 - E),
            ({}, 2.0, LOG2, 0.0, 0.0),
        ],
        outside=(({}, 0.0), ({}, -2.0)),
    ),
    # with m = e^raw: p = 1.5: 4 sqrt(y) (-1) + 2 y / sqrt(m) + 2 sqrt(m); sqrt(m) - y / sqrt(m), and likewise
    "tweedie": Facts(
        [
            ({}, 1.0, 0.0, 0.0, 0.0),
            ({}, 0.0, 2.0, 2.0 * E, E),
            ({}, 4.0, 0.0, 2.0, -3.0),
            ({}, 4.0, 2.0, -8.0 + 8.0 / E + 2.0 * E, E - 4.0 / E),
            ({"power": 1.0}, 2.0, 0.0, 2.0 * LOG2 - 1.0, -1.0),
            ({"power": 1.0}, 0.0, 1.0, E, E),
            ({"power": 2.0}, 3.0, 0.0, 2.0 - math.log(3.0), -2.0),
            ({"power": 3.0}, 2.0, LOG2, 0.0, 0.0),
            ({"power": 3.0}, 2.0, 0.0, 0.25, -1.0),
            ({"power": 0.0}, 3.0, 0.0, 2.0, -2.0),
            ({"power": -1.0}, 1.0, LOG2, 5.0 / 6.0, 4.0),
        ],
        bad=({"power": 0.5}, {"power": 1e-9}),
        outside=(({}, -1.0), ({"power": 1.0}, -1.0), ({"power": 2.0}, 0.0), ({"power": 3.0}, 0.0)),
    ),
    # log(1 + e^-m) with m = y raw; -y / (1 + e^m)
    "log_loss": Facts(
        [
            ({}, 1.0, 0.0, LOG2, -0.5),
            ({}, 1.0, math.log(3.0), math.log(4.0 / 3.0), -0.25),
            ({}, -1.0, math.log(3.0), math.log(4.0), 0.75),
            ({}, 1.0, -1000.0, 1000.0, -1.0),
            ({}, -1.0, -1000.0, 0.0, 0.0),
        ],
        outside=(({}, 0.0), ({}, 2.0)),
    ),
    # max(0, 1 - m); -y up to m = 1
    "hinge": Facts(
        [
            ({}, 1.0, 0.25, 0.75, -1.0),
            ({}, 1.0, 1.0, 0.0, -1.0),
            ({}, 1.0, ABOVE, 0.0, 0.0),
            ({}, 1.0, 3.0, 0.0, 0.0),
            ({}, -1.0, 2.0, 3.0, 1.0),
        ],
        kinks=lambda y: (y,),
        outside=(({}, 0.0), ({}, 0.5)),
    ),
    # the same, squared
    "squared_hinge": Facts(
        [
            ({}, 1.0, 0.5, 0.25, -1.0),
            ({}, 1.0, 1.0, 0.0, 0.0),
            ({}, 1.0, 3.0, 0.0, 0.0),
            ({}, -1.0, 2.0, 9.0, 6.0),
        ],
        kinks=lambda y: (y,),
        outside=(({}, 0.0),),
    ),
    # max(0, 1 - m)^2 from m = -1 on, -4 m before
    "modified_huber": Facts(
        [
            ({}, 1.0, 0.5, 0.25, -1.0),
            ({}, 1.0, 1.0, 0.0, 0.0),
            ({}, 1.0, 2.0, 0.0, 0.0),
            ({}, 1.0, -1.0, 4.0, -4.0),
            ({}, 1.0, -2.0, 8.0, -4.0),
            ({}, -1.0, 3.0, 12.0, 4.0),
        ],
        kinks=_at_minus_one_and_one,
        outside=(({}, 0.0),),
    ),
    # max(0, -m); -y up to m = 0
    "perceptron": Facts(
        [
            ({}, 1.0, -2.0, 2.0, -1.0),
            ({}, 1.0, 0.0, 0.0, -1.0),
            ({}, 1.0, 2.0, 0.0, 0.0),
            ({}, -1.0, 3.0, 3.0, 1.0),
        ],
        kinks=lambda y: (0.0,),
        outside=(({}, 0.0),),
    ),
    # e^-m; -y e^-m
    "exponential": Facts(
        [({}, 1.0, 0.0, 1.0, -1.0), ({}, 1.0, LOG2, 0.5, -0.5), ({}, 1.0, -1.0, E, -E), ({}, -1.0, 1.0, E, E)],
        outside=(({}, 0.0),),
    ),
    # of one score: the hinge
    "multiclass_hinge": Facts(
        [
            ({}, 1.0, 0.25, 0.75, -1.0),
            ({}, 1.0, 1.0, 0.0, -1.0),
            ({}, 1.0, 3.0, 0.0, 0.0),
            ({}, -1.0, 2.0, 3.0, 1.0),
        ],
        kinks=lambda y: (y,),
        outside=(({}, 0.0),),
    ),
}
# Losses of all scores of a sample: (y, raw, value, gradient), by hand.
ROW_POINTS = {
    "log_loss": [
        (0, (0.0, 0.0), LOG2, (-0.5, 0.5)),
        (1, (0.0, LOG2, 0.0), LOG2, (0.25, -0.5, 0.25)),
        (2, (0.0, LOG2, 0.0), math.log(4.0), (0.25, 0.5, -0.75)),
        (0, (1000.0, 0.0, 0.0), 0.0, (0.0, 0.0, 0.0)),
        (1, (1000.0, 0.0, 0.0), 1000.0, (1.0, -1.0, 0.0)),
    ],
    "multiclass_hinge": [
        (0, (1.0, 0.5, -3.0), 0.5, (-1.0, 1.0, 0.0)),
        (1, (1.0, 0.5, -3.0), 1.5, (1.0, -1.0, 0.0)),
        (2, (0.0, 0.0, 0.0), 2.0, (1.0, 1.0, -2.0)),
        (2, (0.0, 1.0, 3.0), 0.0, (0.0, 0.0, 0.0)),
    ],
}
HAND = [(name, *point) for name, facts in FACTS.items() for point in facts.points]
# Every parameter set of the values by hand, once for each loss.
OBJECTS = [
    LOSSES[name](**dict(parameters))
    for name, facts in FACTS.items()
    for parameters in dict.fromkeys([(), *(tuple(point[0].items()) for point in facts.points)])
]
SMOOTH = [loss for loss in OBJECTS if loss.smooth]
KINKED = [loss for loss in OBJECTS if not loss.smooth]
ROWS = [LOSSES[name]() for name in ROW_POINTS]
NAMES = {kind: name for name, kind in LOSSES.items()}
TARGETS = np.array([-2.0, -1.0, -0.3, 0.0, 0.4, 1.0, 2.5, 6.0])


def of(loss, name):
    """A function of the loss with the object's parameters bound, in plain Python."""
    return loss.bound_function(name, N_ARGUMENTS[name])


def product(loss, y, curvature, a):
    """The Hessian of a sample's loss times a direction, in plain Python."""
    out = np.empty(len(a))
    of(loss, "multiclass_hessian_product")(y, curvature, a, out)
    return out


def targets(loss):
    """A range of targets within the loss's domain."""
    return TARGETS[loss.in_domain(TARGETS)].tolist()


def kinks(loss, y):
    """The scores at which the loss's slope or curvature jumps."""
    return FACTS[NAMES[type(loss)]].kinks(y, **loss.get_params())


def smooth_points(loss, distance=0.05, n=40):
    """(y, raw) pairs, at least `distance` from every non-differentiable point."""
    raws = np.random.default_rng(0).uniform(-4.0, 4.0, n).tolist()
    pairs = itertools.product(targets(loss), raws)
    return [(y, raw) for y, raw in pairs if all(abs(raw - kink) > distance for kink in kinks(loss, y))]


def slope_of(function, at, h=1e-3):
    """The central difference of fourth order."""
    near, far = function(at + h) - function(at - h), function(at + 2.0 * h) - function(at - 2.0 * h)
    return (8.0 * near - far) / (12.0 * h)


def on_arrays(loss, y, raw, width):
    """Value, slope and curvature of one score, as in batch descent."""
    arrays = array_loss(loss, 1, False)
    y, raw = np.array([[y]]), np.array([[raw]])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value, slope, curvature = arrays.second_order(y, raw, width)
        return value[0], slope[0, 0], arrays.hessian_product(y, curvature, np.ones((1, 1)))[0, 0]


def rounding_of(loss, y, raw):
    """The rounding error of a value: exponentials that differ in their last digits are subtracted."""
    if not isinstance(loss, LogLinkLoss):
        return 1e-15
    power = loss.get_params().get("power", 1.0)
    return 1e-15 * (1.0 + abs(y)) * math.exp(max(abs(1.0 - power), abs(2.0 - power)) * abs(raw))


def compiled_value_and_gradient(loss):
    """The compiled value and gradient of one score, as a function of (y, raw)."""
    functions = loss_functions(loss, 1, False)
    blocks = loss_blocks(functions)
    out = np.empty((1, 1))

    def both(y, raw):
        y, raw = np.array([[y]]), np.array([[raw]])
        blocks.gradient(y, raw, out, blocks.parameters)
        return loss_value(functions)(y, raw, np.ones(1), blocks.parameters), out[0, 0]

    return both


# --- by hand -------------------------------------------------------------------------------------------------------------


def test_every_registered_loss_has_its_row():
    assert set(FACTS) == set(LOSSES)
    assert {name for name, kind in LOSSES.items() if kind().has_row_functions()} == set(ROW_POINTS)
    for name, facts in FACTS.items():
        assert len(facts.points) >= 3, name
        assert bool(facts.outside) == (LOSSES[name]().domain != "any real number"), name
        assert {each for bad in facts.bad for each in bad} == set(LOSSES[name]().get_params()), name


@pytest.mark.parametrize(("name", "parameters", "y", "raw", "value", "gradient"), HAND)
def test_values_and_gradients_by_hand(name, parameters, y, raw, value, gradient):
    loss = LOSSES[name](**parameters)
    loss.validate()
    assert of(loss, "value")(y, raw) == pytest.approx(value, rel=1e-15, abs=4e-16)
    assert of(loss, "gradient")(y, raw) == pytest.approx(gradient, rel=1e-15, abs=4e-16)


@pytest.mark.parametrize(
    ("name", "y", "raw", "value", "gradient"), [(name, *point) for name, points in ROW_POINTS.items() for point in points]
)
def test_values_and_gradients_of_a_row_of_scores_by_hand(name, y, raw, value, gradient):
    loss, raw, out = LOSSES[name](), np.array(raw), np.empty(len(raw))
    assert of(loss, "multiclass_value")(y, raw) == pytest.approx(value, rel=1e-15, abs=4e-16)
    of(loss, "multiclass_gradient")(y, raw, out)
    np.testing.assert_allclose(out, gradient, rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize("loss", OBJECTS, ids=repr)
def test_a_convex_loss_is_not_negative_and_zero_at_its_best_score(loss):
    """Every loss except those whose infimum is at infinity attains its lower bound of 0."""
    value = of(loss, "value")
    for y in targets(loss):
        if isinstance(loss, Tweedie) and loss.power <= 0 and y < 0:
            continue  # no mean e^raw comes near a negative target
        values = [value(y, raw) for raw in np.linspace(-5.0, 5.0, 101).tolist()]
        assert min(values) >= -4e-15
        found = minimize_scalar(lambda raw, y=y: value(y, raw), bounds=(-40.0, 40.0), options={"xatol": 1e-10})
        assert found.fun == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("margin", [BELOW, 1.0, ABOVE, -BELOW, -1.0, -ABOVE])
@pytest.mark.parametrize("y", [-1.0, 1.0])
@pytest.mark.parametrize("name", sorted(CLASSIFICATION_LOSSES))
def test_both_classes_are_treated_alike(name, y, margin):
    loss = LOSSES[name]()
    assert of(loss, "value")(y, y * margin) == of(loss, "value")(1.0, margin)
    assert of(loss, "gradient")(y, y * margin) == y * of(loss, "gradient")(1.0, margin)


# --- derivatives ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    OBJECTS,
    ids=repr,
)
def test_check_loss_passes(loss):
    assert check_loss(loss) < 1e-7


@pytest.mark.parametrize("loss", OBJECTS, ids=repr)
def test_gradient_is_the_derivative_of_the_value(loss):
    value, gradient = of(loss, "value"), of(loss, "gradient")
    for y, raw in smooth_points(loss):
        assert gradient(y, raw) == pytest.approx(slope_of(lambda z, y=y: value(y, z), raw), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("loss", SMOOTH, ids=repr)
def test_second_derivative_is_the_derivative_of_the_gradient(loss):
    gradient, second = of(loss, "gradient"), of(loss, "second_derivative")
    for y, raw in smooth_points(loss):
        numeric = slope_of(lambda z, y=y: gradient(y, z), raw)
        # A Tweedie loss outside 1 <= power <= 2 is not convex everywhere; its curvature is at least 0.
        floored = isinstance(loss, Tweedie) and not 1.0 <= loss.power <= 2.0
        assert second(y, raw) == pytest.approx(max(numeric, 0.0) if floored else numeric, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("loss", [loss for loss in OBJECTS if loss.curvature_bound is not None], ids=repr)
def test_curvature_bound_is_the_largest_second_derivative(loss):
    """The bound is not exceeded on a grid with the non-differentiable points, and is attained."""
    second = of(loss, "second_derivative")
    found = [second(y, raw) for y in targets(loss) for raw in [*np.linspace(-8.0, 8.0, 161).tolist(), *kinks(loss, y), y]]
    assert max(found) == loss.curvature_bound


@pytest.mark.parametrize("loss", [loss for loss in SMOOTH if loss.curvature_bound is None], ids=repr)
def test_a_loss_without_a_curvature_bound_grows_without_one(loss):
    second = of(loss, "second_derivative")
    assert max(second(y, raw) for y in targets(loss) for raw in (-20.0, 20.0)) > 100.0


@pytest.mark.parametrize("loss", SMOOTH, ids=repr)
def test_second_order_of_a_smooth_loss_is_value_gradient_and_second_derivative(loss):
    """Also for a loss that defines it, and for all widths."""
    value, gradient, second = of(loss, "value"), of(loss, "gradient"), of(loss, "second_derivative")
    for y, raw in smooth_points(loss, n=10):
        together = value(y, raw), gradient(y, raw), second(y, raw)
        for width in (0.0, 0.5):
            assert on_arrays(loss, y, raw, width) == pytest.approx(together, rel=2e-15, abs=rounding_of(loss, y, raw))
            if loss.written_functions("second_order") is not None:
                assert of(loss, "second_order")(y, raw, width) == pytest.approx(together, rel=2e-15, abs=1e-300)


CONJUGATES = [loss for loss in OBJECTS if loss.written_functions("conjugate") is not None]


@pytest.mark.parametrize("loss", CONJUGATES, ids=repr)
def test_the_conjugate_is_the_largest_difference_of_slope_times_score_and_value(loss):
    """At the slopes of the loss the maximum is attained at the score of the slope; also at shares of slopes."""
    value, gradient, conjugate = of(loss, "value"), of(loss, "gradient"), of(loss, "conjugate")
    scores = np.linspace(-12.0, 12.0, 4801)
    for y in targets(loss):
        values = value(np.full(scores.shape, y), scores)
        for raw in scores[1200:3600:171]:
            slope = float(gradient(y, raw))
            assert float(conjugate(y, slope)) == pytest.approx(slope * raw - float(value(y, raw)), rel=1e-9, abs=1e-9)
            for share in (0.3, 0.9):
                largest = (share * slope * scores - values).max()
                assert float(conjugate(y, share * slope)) == pytest.approx(largest, rel=1e-3, abs=2e-3)


@pytest.mark.parametrize("loss", [loss for loss in ROWS if loss.written_functions("classwise_conjugate")], ids=repr)
def test_the_conjugate_of_a_row_is_that_of_its_slopes(loss):
    """Slope times score minus value at the slopes of the loss; at least that at shares of them."""
    labels, scores = np.arange(30) % 4, np.random.default_rng(0).normal(size=(4, 30)) * 2.0
    value, slope, _ = of(loss, "classwise_second_order")(labels, scores, 0.0)
    conjugate = of(loss, "classwise_conjugate")
    np.testing.assert_allclose(conjugate(labels, slope), (slope * scores).sum(axis=0) - value, atol=1e-12)
    for share in (0.2, 0.7):
        assert (conjugate(labels, share * slope) >= share * (slope * scores).sum(axis=0) - value - 1e-12).all()


@pytest.mark.parametrize("loss", KINKED, ids=repr)
def test_second_order_of_a_kinked_loss_tends_to_the_loss_as_the_width_shrinks(loss):
    """The error is at most a quarter of the width per unit of a slope's jump, and zero away from the jumps."""
    value, gradient, smoothed = of(loss, "value"), of(loss, "gradient"), of(loss, "second_order")
    for y in targets(loss):
        at_kinks = kinks(loss, y)
        for width in (1.0, 1e-2, 1e-5, 1e-9, 0.0):
            for raw in [*np.linspace(-4.0, 4.0, 33).tolist(), *at_kinks]:
                v, g, h = smoothed(y, raw, width)
                assert -1e-15 <= v - value(y, raw) <= 0.5 * width + 1e-15
                assert h >= 0.0
                if all(abs(raw - kink) > width for kink in at_kinks):
                    assert v == pytest.approx(value(y, raw), rel=1e-15, abs=1e-15)
                    assert g == pytest.approx(gradient(y, raw), rel=1e-15)


@pytest.mark.parametrize("loss", KINKED, ids=repr)
def test_smoothing_is_differentiable_and_its_gradient_is_its_slope(loss):
    smoothed, width = of(loss, "second_order"), 0.3
    for y in targets(loss):
        edges = [kink + side for kink in kinks(loss, y) for side in (-width, width)]
        for raw in np.random.default_rng(1).uniform(-4.0, 4.0, 40).tolist():
            if all(abs(raw - edge) > 0.01 for edge in edges):
                numeric = slope_of(lambda z, y=y: smoothed(y, z, width)[0], raw)
                assert smoothed(y, raw, width)[1] == pytest.approx(numeric, abs=1e-11)
        for edge in edges:
            slopes = [smoothed(y, edge + step, width)[1] for step in (-1e-9, 1e-9)]
            assert slopes[0] == pytest.approx(slopes[1], abs=1e-7)


@pytest.mark.parametrize("width", [0.0, 1e-3, 0.3, 2.0])
@pytest.mark.parametrize("loss", KINKED, ids=repr)
def test_curvature_of_a_kinked_loss_makes_a_quadratic_upper_bound(loss, width):
    smoothed = of(loss, "second_order")
    grid = np.linspace(-6.0, 6.0, 241)
    for y in targets(loss):
        values = np.array([smoothed(y, raw, width)[0] for raw in grid.tolist()])
        for raw in np.random.default_rng(2).uniform(-4.0, 4.0, 30):
            v, g, h = smoothed(y, raw, width)
            bound = v + g * (grid - raw) + 0.5 * h * (grid - raw) ** 2
            assert (bound - values >= -1e-12 * np.maximum(1.0, bound)).all()


# --- a row of scores -----------------------------------------------------------------------------------------------------


def rows(n_classes, seed):
    """A class and the scores of a sample."""
    rng = np.random.default_rng(seed)
    return int(rng.integers(n_classes)), rng.normal(size=n_classes) * 2.0


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("loss", ROWS, ids=repr)
def test_gradient_of_a_row_is_the_derivative_of_its_value(loss, n_classes):
    out = np.empty(n_classes)
    for seed in range(10):
        y, raw = rows(n_classes, seed)
        of(loss, "multiclass_gradient")(y, raw, out)
        for k, unit in enumerate(np.eye(n_classes)):
            if loss.smooth or min(abs(raw - raw[y] + 1.0)) > 0.01:
                numeric = slope_of(lambda t, y=y, raw=raw, unit=unit: of(loss, "multiclass_value")(y, raw + t * unit), 0.0)
                assert out[k] == pytest.approx(numeric, abs=1e-11)
        assert out.sum() == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_softmax_loss_is_that_of_scipy(n_classes):
    loss, out = LogLoss(), np.empty(n_classes)
    for seed in range(10):
        y, raw = rows(n_classes, seed)
        assert of(loss, "multiclass_value")(y, raw) == pytest.approx(-log_softmax(raw)[y], rel=4e-15)
        of(loss, "multiclass_gradient")(y, raw, out)
        np.testing.assert_allclose(out, softmax(raw) - np.eye(n_classes)[y], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("loss", ROWS, ids=repr)
def test_second_order_of_a_row_agrees_with_its_value_and_gradient(loss):
    """At width 0 the smoothing of a non-smooth loss is the loss itself."""
    for seed in range(10):
        y, raw = rows(4, seed)
        gradient, curvature, out = np.empty((3, 4))
        value = of(loss, "multiclass_second_order")(y, raw, 0.0, gradient, curvature)
        assert value == pytest.approx(of(loss, "multiclass_value")(y, raw), rel=1e-15)
        of(loss, "multiclass_gradient")(y, raw, out)
        np.testing.assert_allclose(gradient, out, rtol=1e-15, atol=1e-16)


def test_hessian_product_of_the_softmax_is_its_hessian():
    loss = LogLoss()
    for seed in range(5):
        y, raw = rows(4, seed)
        gradient, curvature = np.empty((2, 4))
        of(loss, "multiclass_second_order")(y, raw, 0.0, gradient, curvature)

        def gradient_at(z, y=y):
            out = np.empty(4)
            of(loss, "multiclass_gradient")(y, z, out)
            return out

        h = 1e-5
        hessian = np.array([(gradient_at(raw + h * unit) - gradient_at(raw - h * unit)) / (2.0 * h) for unit in np.eye(4)])
        np.testing.assert_allclose([product(loss, y, curvature, a) for a in np.eye(4)], hessian, atol=1e-10)
        # A shift of all scores changes nothing, so the curvature along it must be zero.
        np.testing.assert_allclose(product(loss, y, curvature, np.full(4, 1e3)), 0.0, atol=1e-12)


@pytest.mark.parametrize("width", [0.0, 1e-3, 0.5])
def test_smoothed_multiclass_hinge_has_a_gradient_and_a_quadratic_upper_bound(width):
    loss, rng = MulticlassHinge(), np.random.default_rng(3)

    def smoothed(y, raw):
        gradient, curvature = np.empty((2, len(raw)))
        value = of(loss, "multiclass_second_order")(y, raw, width, gradient, curvature)
        return value, gradient, curvature

    for seed in range(10):
        y, raw = rows(4, seed)
        value, gradient, curvature = smoothed(y, raw)
        exact = of(loss, "multiclass_value")(y, raw)
        assert -1e-15 <= value - exact <= 3 * 0.25 * width + 1e-15
        for _ in range(30):
            move = rng.normal(size=4) * rng.choice([1e-3, 1.0, 5.0])
            bound = value + gradient @ move + 0.5 * move @ product(loss, y, curvature, move)
            assert smoothed(y, raw + move)[0] <= bound + 1e-12 * max(1.0, bound)
        if width and min(abs(abs(raw - raw[y] + 1.0) - width)) > 1e-4:
            for k, unit in enumerate(np.eye(4)):
                numeric = slope_of(lambda t, y=y, raw=raw, unit=unit: smoothed(y, raw + t * unit)[0], 0.0, h=1e-5)
                assert gradient[k] == pytest.approx(numeric, abs=1e-9)


def test_two_scores_of_the_multiclass_hinge_are_the_hinge_of_their_difference():
    for raw in (-1.5, -0.5, 0.0, 0.25, 0.75):
        scores = np.array([-raw, raw])
        for index, y in ((0, -1.0), (1, 1.0)):
            assert MulticlassHinge.multiclass_value(index, scores) == MulticlassHinge.value(y, 2.0 * raw)


# --- extremes ------------------------------------------------------------------------------------------------------------

EXTREMES = [sign * size for size in (1e3, 1e10) for sign in (1.0, -1.0)]


@pytest.mark.parametrize("raw", EXTREMES)
@pytest.mark.parametrize("loss", OBJECTS, ids=repr)
def test_extreme_scores_are_never_nan(loss, raw):
    both = compiled_value_and_gradient(loss)
    for y in targets(loss):
        value, gradient = both(y, raw)
        assert value >= 0.0
        assert not math.isnan(gradient)
        assert not any(map(math.isnan, on_arrays(loss, y, raw, 0.1)))
        if loss.curvature_bound is not None or not loss.smooth:
            assert math.isfinite(value)
            assert math.isfinite(gradient)


@pytest.mark.parametrize(
    ("power", "y", "raw", "value"), [(1.5, 0.0, -2e3, 0.0), (3.0, 2.0, -1e3, math.inf), (0.0, 3.0, 1e3, math.inf)]
)
def test_tweedie_is_never_nan(power, y, raw, value):
    assert compiled_value_and_gradient(Tweedie(power=power))(y, raw)[0] == value


@pytest.mark.parametrize("top", [1e3, 1e10])
@pytest.mark.parametrize("loss", ROWS, ids=repr)
def test_extreme_rows_of_scores_are_finite(loss, top):
    for raw in ([top, 0.0, -top], [top, top, top], [-top, -top, 0.0], [-top, -top, -top]):
        for y in range(3):
            scores = np.array(raw)
            gradient, curvature, out = np.empty((3, 3))
            value = of(loss, "multiclass_value")(y, scores)
            of(loss, "multiclass_gradient")(y, scores, out)
            second = of(loss, "multiclass_second_order")(y, scores, 0.1, gradient, curvature)
            assert np.isfinite([value, second, *out, *gradient, *curvature]).all()
            assert max(0.0, max(raw) - raw[y]) <= value


def exactly(function, *arguments):
    """A formula of `decimal` numbers in hundreds of digits, rounded once."""
    with localcontext(prec=700, Emin=-(10**17), Emax=10**17):
        return float(function(*map(Decimal, arguments)))


MAGNITUDES = [1e-12, 1e-6, 1e-3, 9.9e-3, 1.01e-2, 0.1, 0.5, 1.0, 3.0, 20.0, 36.0, 37.0, 100.0, 700.0, 745.0]


@pytest.mark.parametrize("margin", [sign * size for size in MAGNITUDES for sign in (1.0, -1.0)])
def test_log_loss_is_exact_to_the_last_digits(margin):
    value = exactly(lambda m: (1 + (-m).exp()).ln(), margin)
    gradient = exactly(lambda m: -1 / (1 + m.exp()), margin)
    for y in (-1.0, 1.0):
        for found, exact in zip(
            (LogLoss.value(y, y * margin), LogLoss.gradient(y, y * margin), *LogLoss.second_order(y, y * margin, 0.0)[:2]),
            (value, y * gradient, value, y * gradient),
            strict=True,
        ):
            assert found == pytest.approx(exact, rel=5e-16, abs=5e-324)
        bend = exactly(lambda m: m.exp() / (1 + m.exp()) ** 2, margin)
        assert LogLoss.second_derivative(y, y * margin) == pytest.approx(bend, rel=1e-15, abs=5e-324)


@pytest.mark.parametrize("residual", [sign * size for size in MAGNITUDES for sign in (1.0, -1.0)])
def test_log_cosh_keeps_its_digits_near_and_far(residual):
    """Near the target the series is accurate to 14 digits; farther away the error is the rounding of a number of size one."""
    exact = exactly(lambda r: ((r.exp() + (-r).exp()) / 2).ln(), residual)
    near = abs(residual) < 1e-2
    assert LogCosh.value(0.0, residual) == pytest.approx(exact, rel=2e-14 if near else 5e-16, abs=0.0 if near else 2e-16)
    slope = exactly(lambda r: (r.exp() - (-r).exp()) / (r.exp() + (-r).exp()), residual)
    assert LogCosh.gradient(0.0, residual) == pytest.approx(slope, rel=5e-16)


@pytest.mark.parametrize("y", [0.0, 1.0, 3.0, 1e6])
@pytest.mark.parametrize("raw", [-700.0, -5.0, -1e-3, 0.0, 1e-9, 2.0, 13.8, 100.0, 700.0])
def test_poisson_is_exact_to_the_rounding_of_its_terms(raw, y):
    exact = exactly(lambda y, raw: raw.exp() - y * raw + (y * y.ln() - y if y else 0), y, raw)
    terms = [math.exp(raw), y * raw, y * math.log(y) if y else 0.0, y]
    assert Poisson.value(y, raw) == pytest.approx(exact, rel=0.0, abs=4e-16 * sum(map(abs, terms)))
    assert Poisson.gradient(y, raw) == pytest.approx(exactly(lambda y, raw: raw.exp() - y, y, raw), abs=4e-16 * max(terms))


# --- scikit-learn's own --------------------------------------------------------------------------------------------------


def _tweedie(power):
    return lambda y, raw: metrics.mean_tweedie_deviance(y, np.exp(raw), power=power) / 2.0


def _of_classes(metric):
    """A metric of labels -1 and +1 for one sample, with a second, perfect sample, as the metric requires both labels."""
    return lambda y, raw: 2.0 * metric(np.append(y, -y), np.append(raw, -y * 1e9), labels=[-1.0, 1.0])


METRICS = [
    (LOSSES["squared_error"](), lambda y, raw: metrics.mean_squared_error(y, raw) / 2.0),
    (LOSSES["absolute_error"](), metrics.mean_absolute_error),
    *[(LOSSES["quantile"](quantile=q), lambda y, raw, q=q: metrics.mean_pinball_loss(y, raw, alpha=q)) for q in (0.1, 0.5, 0.75)],
    (LOSSES["poisson"](), lambda y, raw: metrics.mean_poisson_deviance(y, np.exp(raw)) / 2.0),
    (LOSSES["gamma"](), lambda y, raw: metrics.mean_gamma_deviance(y, np.exp(raw)) / 2.0),
    *[(Tweedie(power=power), _tweedie(power)) for power in (-1.0, 1.0, 1.3, 1.5, 2.0, 2.5, 3.0)],
    (LOSSES["hinge"](), _of_classes(metrics.hinge_loss)),
    (LOSSES["multiclass_hinge"](), _of_classes(metrics.hinge_loss)),
    (LOSSES["log_loss"](), _of_classes(lambda y, raw, labels: metrics.log_loss(y, expit(raw), labels=labels))),
]


@pytest.mark.parametrize(("loss", "metric"), METRICS, ids=[repr(loss) for loss, _ in METRICS])
def test_values_are_those_of_scikit_learns_metrics(loss, metric):
    for y in targets(loss):
        for raw in np.linspace(-3.0, 3.0, 13).tolist():
            assert of(loss, "value")(y, raw) == pytest.approx(metric(np.array([y]), np.array([raw])), rel=1e-12, abs=1e-12)


def test_tweedie_of_power_zero_is_half_the_squared_error_of_the_mean():
    assert Tweedie.value(-1.0, 0.0, power=0.0) == pytest.approx(_tweedie(0.0)(np.array([-1.0]), np.array([0.0])))


def test_tweedie_at_its_named_powers_is_continuous():
    """Powers 1 and 2 are limits with separate code."""
    for power, y, raw in itertools.product((1.0, 2.0), (0.5, 3.0), (-1.0, 0.3)):
        value = Tweedie.value(y, raw, power=power)
        assert Tweedie.value(y, raw, power=power + 1e-6) == pytest.approx(value, rel=1e-4)
        assert Tweedie.gradient(y, raw, power=power) == pytest.approx(Tweedie.gradient(y, raw, power=power + 1e-9), rel=1e-7)


def test_softmax_loss_is_that_of_scikit_learns_metric():
    rng = np.random.default_rng(4)
    raw, y = rng.normal(size=(20, 4)) * 2.0, rng.integers(4, size=20)
    mean = np.mean([LogLoss.multiclass_value(int(label), row) for label, row in zip(y, raw, strict=True)])
    assert mean == pytest.approx(metrics.log_loss(y, softmax(raw, axis=1), labels=range(4)), rel=1e-13)


# --- constants and links -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", OBJECTS, ids=repr)
def test_best_constant_minimises_the_mean_loss(loss):
    rng = np.random.default_rng(5)
    y = rng.choice(targets(loss), size=(15, 1))
    weight = rng.uniform(0.5, 2.0, 15)
    best = loss.best_constant(y, weight, 1)
    if best is None:
        return
    if isinstance(loss, Tweedie) and loss.power <= 0:
        y = np.abs(y)
        best = loss.best_constant(y, weight, 1)
    value = of(loss, "value")

    def mean(raw):
        return sum(w * value(each, raw) for w, each in zip(weight, y[:, 0].tolist(), strict=True))

    found = minimize_scalar(mean, bounds=(-7.0, 7.0), options={"xatol": 1e-9})
    assert mean(float(best[0])) <= found.fun * (1.0 + 1e-12)


def test_best_constant_of_softmax_is_the_class_frequencies():
    y, weight = np.array([[0.0], [1.0], [1.0], [2.0]]), np.array([1.0, 1.0, 1.0, 2.0])
    best = LogLoss().best_constant(y, weight, 3)
    np.testing.assert_allclose(softmax(best), [0.2, 0.4, 0.4], rtol=1e-14)
    assert best.sum() == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("name", sorted(REGRESSION_LOSSES))
def test_the_link_takes_the_best_score_to_the_target(name):
    """The score at which the loss of a sample is zero predicts the target."""
    loss = LOSSES[name]()
    for y in (0.7, 2.5):
        best = minimize_scalar(lambda raw, y=y: of(loss, "value")(y, raw), bounds=(-5.0, 5.0), options={"xatol": 1e-12}).x
        tolerance = loss.get_params().get("epsilon", 0.0) + 1e-6
        assert loss.inverse_link(np.array([best]))[0] == pytest.approx(y, abs=tolerance)


@pytest.mark.parametrize("name", [name for name in CLASSIFICATION_LOSSES if hasattr(CLASSIFICATION_LOSSES[name], "probability")])
def test_probabilities_minimise_the_expected_loss(name):
    """The best score for samples that are positive with probability p has the probability p."""
    loss = LOSSES[name]()
    for p in (0.1, 0.5, 0.8):
        value = of(loss, "value")
        best = minimize_scalar(
            lambda raw, p=p: p * value(1.0, raw) + (1.0 - p) * value(-1.0, raw), bounds=(-5.0, 5.0), options={"xatol": 1e-12}
        ).x
        assert loss.probability(np.array([best]))[0] == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize("name", [name for name in CLASSIFICATION_LOSSES if hasattr(CLASSIFICATION_LOSSES[name], "probability")])
def test_probabilities_of_several_classes_sum_to_one(name):
    raw = np.array([[0.3, -2.0, 5.0], [-9.0, -9.0, -9.0], [1e3, -1e3, 0.0], [0.0, 0.0, 0.0]])
    found = LOSSES[name]().probability(raw)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(found[[1, 3]], 1.0 / 3.0, rtol=1e-15)
    assert (found >= 0.0).all()
    assert (found.argmax(axis=1)[[0, 2]] == [2, 0]).all()


# --- domains and parameters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "bad"), [(name, *each) for name, facts in FACTS.items() for each in facts.outside]
)
def test_a_target_outside_the_domain_is_named(name, parameters, bad):
    loss = LOSSES[name](**parameters)
    good = targets(loss)[0]
    message = re.escape(f"{type(loss).__name__} needs {loss.domain} as y; y[")
    with pytest.raises(ValueError, match=message + rf"2\] is .*{re.escape(repr(bad))}"):
        loss.check_targets(np.array([good, good, bad, bad - 1.0]))
    with pytest.raises(ValueError, match=message + rf"1, 0\] is .*{re.escape(repr(bad))}"):
        loss.check_targets(np.array([[good, good], [bad, good]]))
    assert loss.in_domain(np.array([good, bad])).tolist() == [True, False]


@pytest.mark.parametrize("loss", OBJECTS, ids=repr)
def test_targets_within_the_domain_pass(loss):
    loss.check_targets(np.array(targets(loss)))
    loss.check_targets(np.array([targets(loss)]))
    assert len(targets(loss)) >= 2


def test_zero_is_in_the_domain_of_counts_only():
    assert Poisson().in_domain(np.array([0.0]))[0]
    assert Tweedie(power=1.9).in_domain(np.array([0.0]))[0]
    assert not Tweedie(power=2.0).in_domain(np.array([0.0]))[0]


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, facts in FACTS.items() for bad in facts.bad])
def test_a_parameter_out_of_its_range_is_named(name, bad):
    ((parameter, value),) = bad.items()
    with pytest.raises(ValueError, match=rf"^{LOSSES[name].__name__}: {parameter}={re.escape(repr(value))} must be"):
        LOSSES[name](**bad).validate()


@pytest.mark.parametrize(
    ("value", "error"), [("1", TypeError), (True, TypeError), (None, TypeError), (math.nan, ValueError), (math.inf, ValueError)]
)
@pytest.mark.parametrize(("name", "parameter"), [(name, each) for name, kind in LOSSES.items() for each in kind().get_params()])
def test_a_parameter_that_is_no_finite_number_is_named(name, parameter, value, error):
    with pytest.raises(error, match=rf"^{LOSSES[name].__name__}: {parameter}={value!r} must be"):
        LOSSES[name](**{parameter: value}).validate()


class Linear(RegressionLoss):
    """A loss that decreases without bound."""

    @staticmethod
    def value(y, raw):
        return -y * raw

    @staticmethod
    def gradient(y, raw):
        return -y


class Profit(Linear):
    """The same for scores alone, so that Newton's method reaches minus infinity."""

    @staticmethod
    def value(y, raw):
        return -raw

    @staticmethod
    def gradient(y, raw):
        return -1.0


@pytest.mark.parametrize("loss", [Linear(), Profit()], ids=repr)
@pytest.mark.parametrize("settings", [{}, {"solver": "sgd"}, {"solver": "minibatch"}, {"optimizer": "adam"}], ids=repr)
def test_a_loss_without_a_minimum_is_an_error(loss, settings):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = X[:, 0] + rng.normal(size=60)
    with pytest.raises(ValueError, match=r"the mean of \w+\(\) decreases without bound: .*must have a minimum over the scores"):
        GDRegressor(loss, **settings).fit(X, y)


# --- check_loss ----------------------------------------------------------------------------------------------------------


class WrongFactor(RegressionLoss):
    @staticmethod
    def value(y, raw):
        return (raw - y) ** 2

    @staticmethod
    def gradient(y, raw):
        return raw - y


class WrongBeyondDelta(RegressionLoss):
    def __init__(self, delta=1.0):
        self.delta = delta

    value = staticmethod(Huber.value)

    @staticmethod
    def gradient(y, raw):
        return raw - y


class WrongSecond(LogLoss):
    @staticmethod
    def second_derivative(y, raw):
        e = math.exp(-abs(raw))
        return e / (1.0 + e)


class WrongRow(LogLoss):
    @staticmethod
    def multiclass_gradient(y, raw, out):
        out[:] = softmax(raw)


class NanGradient(WrongSign):
    @staticmethod
    def gradient(y, raw):
        return raw - y if raw < 3.0 else math.nan


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        (WrongSign(), "gradient"),
        (WrongFactor(), "gradient"),
        (WrongBeyondDelta(), "gradient"),
        (WrongBeyondDelta(delta=5.0), "gradient"),
        (WrongSecond(), "second_derivative"),
        (WrongRow(), "multiclass_gradient"),
        (NanGradient(), "gradient"),
    ],
    ids=lambda each: each if isinstance(each, str) else repr(each),
)
def test_check_loss_finds_a_planted_mistake_and_says_where(loss, function):
    number = r"-?(?:\d+\.?\d*(?:e-?\d+)?|nan)"
    pattern = (
        rf"^{type(loss).__name__}\.{function} at y=(?P<y>{number}), raw=(?P<raw>\[.*\]|{number}): "
        rf"returned (?P<written>\S+), numeric \S+ \(relative difference \S+\)$"
    )
    with pytest.raises(AssertionError) as raised:
        check_loss(loss)
    found = re.match(pattern, str(raised.value))
    assert found, str(raised.value)
    if function == "gradient":
        at = float(found["y"]), float(found["raw"])
        assert of(loss, "gradient")(*at) == pytest.approx(float(found["written"]), nan_ok=True)
        if isinstance(loss, WrongBeyondDelta):
            assert abs(at[1] - at[0]) > loss.delta
        if isinstance(loss, NanGradient):
            assert at[1] >= 3.0


def test_check_loss_tries_the_points_it_is_given():
    far = WrongBeyondDelta(delta=50.0)
    assert check_loss(far) < 1e-7
    with pytest.raises(AssertionError, match=r"WrongBeyondDelta\.gradient at y=0\.0, raw=60\.0"):
        check_loss(far, y=[0.0], raw=[1.0, 60.0])
    assert check_loss(WrongFactor(), y=[1.0], raw=[1.0]) < 1e-7
    assert check_loss(WrongSign(), rtol=3.0) > 0.5


def test_check_loss_wants_a_loss_object():
    for wrong in (Huber, "huber", None):
        with pytest.raises(TypeError, match="check_loss takes a Loss object"):
            check_loss(wrong)
    with pytest.raises(ValueError, match="Huber: delta"):
        check_loss(Huber(delta=-1.0))


def test_check_loss_accepts_either_slope_at_a_kink():
    assert check_loss(LOSSES["hinge"](), y=[1.0], raw=[1.0]) < 1e-7
    assert check_loss(LOSSES["absolute_error"](), y=[0.5], raw=[0.5]) < 1e-7


def test_check_loss_finds_a_value_that_is_nan():
    class NanValue(WrongSign):
        @staticmethod
        def value(y, raw):
            return math.nan

    with pytest.raises(AssertionError, match="NanValue"):
        check_loss(NanValue())


def test_check_loss_finds_a_mistake_in_second_order():
    class WrongTogether(RegressionLoss):
        @staticmethod
        def value(y, raw):
            return 0.5 * (raw - y) ** 2

        @staticmethod
        def second_order(y, raw, width):
            return 0.5 * (raw - y) ** 2, y - raw, 1.0

    with pytest.raises(AssertionError, match=r"WrongTogether\.second_order"):
        check_loss(WrongTogether())


def test_check_loss_passes_the_second_derivative_of_a_loss_that_is_not_convex():
    class Welsch(RegressionLoss):
        @staticmethod
        def value(y, raw):
            return 1.0 - math.exp(-0.5 * (raw - y) ** 2)

        @staticmethod
        def gradient(y, raw):
            return (raw - y) * math.exp(-0.5 * (raw - y) ** 2)

        @staticmethod
        def second_derivative(y, raw):
            return (1.0 - (raw - y) ** 2) * math.exp(-0.5 * (raw - y) ** 2)

    assert check_loss(Welsch()) < 1e-7


# --- compiled ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", OBJECTS, ids=repr)
def test_compiled_functions_are_the_written_ones(loss):
    value, gradient, both = of(loss, "value"), of(loss, "gradient"), compiled_value_and_gradient(loss)
    rng = np.random.default_rng(6)
    for y in targets(loss):
        for raw in [*rng.normal(scale=3.0, size=20).tolist(), *kinks(loss, y), 0.0]:
            v, g = both(y, raw)
            assert v == pytest.approx(value(y, raw), rel=1e-15, abs=rounding_of(loss, y, raw))
            assert g == pytest.approx(gradient(y, raw), rel=1e-15, abs=rounding_of(loss, y, raw))
            if not loss.smooth:
                assert on_arrays(loss, y, raw, 0.1) == pytest.approx(of(loss, "second_order")(y, raw, 0.1), rel=1e-15, abs=1e-15)


@pytest.mark.parametrize("loss", OBJECTS, ids=repr)
def test_a_compiled_block_takes_every_row_and_output_with_its_weight(loss):
    functions = loss_functions(loss, 3, False)
    blocks = loss_blocks(functions)
    rng = np.random.default_rng(7)
    y, raw = rng.choice(targets(loss), size=(5, 3)), rng.normal(size=(5, 3))
    weight, out = rng.uniform(0.5, 2.0, 5), np.full((5, 3), np.nan)
    blocks.gradient(y, raw, out, blocks.parameters)
    value, gradient = np.vectorize(of(loss, "value"))(y, raw), np.vectorize(of(loss, "gradient"), otypes=[float])(y, raw)
    np.testing.assert_allclose(out, gradient, rtol=1e-15, atol=1e-15)
    found = loss_value(functions)(y, raw, weight, blocks.parameters)
    assert found == pytest.approx((weight * value.sum(axis=1)).sum(), rel=1e-14)


@pytest.mark.parametrize("name", [name for name in CLASSIFICATION_LOSSES if name not in ROW_POINTS])
def test_beyond_two_classes_each_is_set_against_the_rest(name):
    loss = LOSSES[name]()
    functions = loss_functions(loss, 3, True)
    blocks = loss_blocks(functions)
    raw, y, out = np.random.default_rng(8).normal(size=(4, 3)), np.array([[0.0], [2.0], [1.0], [2.0]]), np.empty((4, 3))
    signs = 2.0 * np.eye(3)[y[:, 0].astype(int)] - 1.0
    blocks.gradient(y, raw, out, blocks.parameters)
    np.testing.assert_allclose(out, np.vectorize(of(loss, "gradient"))(signs, raw), rtol=1e-15)
    value = np.vectorize(of(loss, "value"))(signs, raw).sum()
    assert loss_value(functions)(y, raw, np.ones(4), blocks.parameters) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("loss", ROWS, ids=repr)
def test_compiled_functions_of_a_row_are_the_written_ones(loss):
    functions = loss_functions(loss, 4, True)
    blocks = loss_blocks(functions)
    rng = np.random.default_rng(9)
    raw, y, weight = rng.normal(size=(6, 4)), np.arange(6.0)[:, None] % 4, rng.uniform(1, 2, 6)
    out, plain, value = np.empty((6, 4)), np.empty(4), 0.0
    blocks.gradient(y, raw, out, blocks.parameters)
    for i in range(6):
        label = int(y[i, 0])
        of(loss, "multiclass_gradient")(label, raw[i], plain)
        np.testing.assert_allclose(out[i], plain, rtol=1e-14, atol=1e-15)
        value += weight[i] * of(loss, "multiclass_value")(label, raw[i])
    assert loss_value(functions)(y, raw, weight, blocks.parameters) == pytest.approx(value, rel=1e-14)


class ValueOnly(ClassificationLoss):
    """The logistic loss and the softmax, without any derivative."""

    @staticmethod
    def value(y, raw):
        return math.log1p(math.exp(-y * raw))

    @staticmethod
    def multiclass_value(y, raw):
        return np.log(np.exp(raw).sum()) - raw[y]


def test_derivatives_that_are_not_written_are_taken_numerically():
    both, loss = compiled_value_and_gradient(ValueOnly()), LogLoss()
    for y, raw in itertools.product((-1.0, 1.0), (-3.0, -0.1, 0.0, 2.0)):
        assert both(y, raw) == pytest.approx((loss.value(y, raw), loss.gradient(y, raw)), abs=2e-10)


def test_derivatives_of_a_row_that_are_not_written_are_taken_numerically():
    functions = loss_functions(ValueOnly(), 3, True)
    blocks = loss_blocks(functions)
    raw, y, out = np.random.default_rng(10).normal(size=(4, 3)), np.array([[0.0], [2.0], [1.0], [2.0]]), np.empty((4, 3))
    before = raw.copy()
    blocks.gradient(y, raw, out, blocks.parameters)
    np.testing.assert_array_equal(raw, before)
    np.testing.assert_allclose(out, softmax(raw, axis=1) - np.eye(3)[y[:, 0].astype(int)], atol=2e-10)


# --- how well scores predict ---------------------------------------------------------------------------------------------

DEVIANCES = {"poisson": (Poisson(), 1), "gamma": (Gamma(), 2), "tweedie": (Tweedie(), 1.5), "inverse": (Tweedie(3.0), 3)}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", DEVIANCES)
def test_a_log_link_scores_by_the_share_of_the_deviance(name, weighted):
    """The score equals scikit-learn's metric; for several outputs it is the mean."""
    loss, power = DEVIANCES[name]
    rng = np.random.default_rng(3)
    y, raw = rng.poisson(3.0, size=(50, 2)) + float(power >= 2), rng.normal(1.0, 0.3, size=(50, 2))
    weight = rng.uniform(size=50) if weighted else None
    expected = [metrics.d2_tweedie_score(y[:, k], np.exp(raw[:, k]), sample_weight=weight, power=power) for k in range(2)]
    assert loss.score(y[:, 0], raw[:, 0], weight) == pytest.approx(expected[0], rel=1e-12)
    assert loss.score(y, raw, weight) == pytest.approx(np.mean(expected), rel=1e-12)


def test_the_share_of_the_deviance_at_its_ends():
    """1 for exact predictions, 0 for the mean; constant targets count as for R^2; the score is unbounded below."""
    y = np.array([1.0, 2.0, 6.0])
    assert Poisson().score(y, np.log(y)) == pytest.approx(1.0)
    assert Poisson().score(y, np.full(3, math.log(3.0))) == pytest.approx(0.0, abs=1e-15)
    assert Poisson().score(np.full(3, 2.0), np.full(3, LOG2)) == 1.0
    assert Poisson().score(np.full(3, 2.0), np.full(3, 0.5)) == 0.0
    assert Poisson().score(y, np.array([0.0, 0.0, 1e4])) == -math.inf
    with pytest.warns(UndefinedMetricWarning, match=r"D\^2"):
        assert math.isnan(Poisson().score(y[:1], y[:1]))
    with pytest.raises(ValueError, match=r"Poisson needs numbers >= 0 as y; y\[1\] is -1.0"):
        Poisson().score(np.array([0.0, -1.0]), np.zeros(2))


# --- mistakes in a loss of one's own -------------------------------------------------------------------------------------


def own(base, **written):
    """An object of a class `Mine` with a squared loss and what is written."""
    value = staticmethod(lambda y, raw: 0.5 * (raw - y) ** 2)
    return type("Mine", (base,), {"value": value, **written})()


FEW, FLOATS = np.arange(12.0).reshape(6, 2), np.arange(6.0)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            {"inverse_link": lambda self, raw: None},
            r"\.inverse_link returned None .*; it must return an",
        ),
        ({"inverse_link": lambda self, raw: list(raw)}, r"\.inverse_link returned \[.*\] for an array of shape \(3,\)"),
        ({"inverse_link": lambda self, raw: raw.sum()}, r"\.inverse_link returned .* for an array of shape"),
        ({"inverse_link": lambda raw: raw}, r"\.inverse_link\(\) must take \(array\): too many positional arguments"),
        ({"inverse_link": lambda self, raw: raw.nothing}, r"\.inverse_link raised AttributeError for an array of shape \(3,\): "),
        (
            {"in_domain": lambda self, y: True},
            r"\.in_domain returned True .*; it must return an array of bool",
        ),
        (
            {"in_domain": lambda self, y: y},
            r"\.in_domain returned shape \(3,\) of float64 .*bool",
        ),
        ({"smooth": "no"}, r": smooth='no' must be True or False"),
        ({"curvature_bound": -1.0}, r": curvature_bound=-1.0 must be a number >= 0 or None"),
        ({"linear_beyond": "far"}, r": linear_beyond='far' must be a number >= 0 or None"),
        (
            {"value": staticmethod(lambda y_pred, y: 0.0)},
            r"\.value\(y_pred, y\) is called as value\(y, raw\): the target",
        ),
        (
            {"gradient": staticmethod(lambda raw, y: 0.0)},
            r"\.gradient\(raw, y\) is called as gradient\(y, raw\)",
        ),
    ],
)
def test_a_loss_written_wrongly_is_explained(written, message):
    with pytest.raises((TypeError, ValueError), match=f"^Mine{message}"):
        GDRegressor(own(RegressionLoss, **written)).fit(FEW, FLOATS)


@pytest.mark.parametrize("labels", [[0, 1, 0, 1, 0, 1], [0, 1, 2, 0, 1, 2]])
@pytest.mark.parametrize(
    ("probability", "message"),
    [
        (lambda self, raw: None, r"probability returned None for an array of shape"),
        (lambda self, raw: np.ones(2), r"probability returned shape \(2,\) of float64 for an array of shape"),
        (lambda self, raw: 5.0 * raw, r"probability returned -\d+\.\d+; probabilities must be >= 0 and <= 1"),
        (lambda raw: raw, r"probability\(\) must take \(array\)"),
    ],
)
def test_a_probability_written_wrongly_is_explained(probability, message, labels):
    with pytest.raises((TypeError, ValueError), match=rf"^Mine\.{message}"):
        GDClassifier(own(ClassificationLoss, probability=probability)).fit(FEW, labels)


def test_a_probability_for_two_classes_only_is_explained():
    """A function of each score alone does for two classes."""
    loss = own(ClassificationLoss, probability=lambda self, raw: 1.0 / (1.0 + np.exp(-raw)))
    GDClassifier(loss).fit(FEW, [0, 1, 0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"^Mine\.probability returned probabilities that sum to \S+ for the scores of a sample"):
        GDClassifier(loss).fit(FEW, [0, 1, 2, 0, 1, 2])


# --- losses that are not convex -------------------------------------------------------------------------------------------


class SigmoidLoss(ClassificationLoss):
    """The probability of the other class."""

    @staticmethod
    def value(y, raw):
        return 1.0 / (1.0 + np.exp(y * raw))


class RampLoss(ClassificationLoss):
    """The hinge loss, at most 2."""

    @staticmethod
    def value(y, raw):
        return np.minimum(np.maximum(1.0 - y * raw, 0.0), 2.0)


@pytest.mark.parametrize("parameters", [{}, {"optimizer": "adam", "random_state": 0}], ids=str)
@pytest.mark.parametrize("loss", [SigmoidLoss(), RampLoss()], ids=repr)
def test_descent_does_not_begin_where_a_loss_saturates(loss, parameters):
    """The best intercept alone is infinite; the best model is not near it."""
    X = np.random.default_rng(0).normal(size=(400, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.3 > 0.0
    model = GDClassifier(loss, **parameters).fit(X, y)
    assert abs(model.intercept_[0]) < 10.0
    assert model.score(X, y) > 0.98
