"""Optimizers: every update compared with its paper in NumPy, fixed points with a non-smooth penalty, parameters.

The reference formulas are vectorised over the coefficients and share no code with the package. Where papers leave a choice,
they follow torch.optim (epsilon outside the root, momentum buffers that start as the first gradient, no dampening).
"""

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_gd import GDRegressor, Optimizer
from sklearn_gd._kernels.blocks import penalty_blocks, step_blocks
from sklearn_gd.optimizers import COCOB, FTRL, OPTIMIZERS, AdamW, CoordinateDoG, DoG, DoWG, Lion, Momentum, Nesterov, ScheduleFree
from sklearn_gd.penalties import L1, ElasticNet

# --- the papers ----------------------------------------------------------------------------------------------------------
# A reference is a generator that is sent (theta, gradient, rate) and yields (new theta, proximal step of each coefficient).


def gradient_descent():
    theta, g, rate = yield
    while True:
        theta, g, rate = yield theta - rate * g, np.full(len(theta), rate)


def momentum(momentum):
    theta, g, rate = yield
    buffer, weight = g, 1.0
    while True:
        step = rate * weight
        theta, g, rate = yield theta - rate * buffer, np.full(len(theta), step)
        buffer, weight = momentum * buffer + g, momentum * weight + 1.0


def nesterov(momentum):
    theta, g, rate = yield
    buffer, weight = g, 1.0
    while True:
        step = rate * (1.0 + momentum * weight)
        theta, g, rate = yield theta - rate * (g + momentum * buffer), np.full(len(theta), step)
        buffer, weight = momentum * buffer + g, momentum * weight + 1.0


def adagrad(epsilon):
    theta, g, rate = yield
    total = np.zeros(len(theta))
    while True:
        total = total + g**2
        scale = np.sqrt(total) + epsilon
        theta, g, rate = yield theta - rate * g / scale, rate / scale


def rmsprop(rho, epsilon):
    theta, g, rate = yield
    mean = np.zeros(len(theta))
    while True:
        mean = rho * mean + (1.0 - rho) * g**2
        scale = np.sqrt(mean) + epsilon
        theta, g, rate = yield theta - rate * g / scale, rate / scale


def adadelta(rho, epsilon):
    theta, g, rate = yield
    squares, moves = np.zeros(len(theta)), np.zeros(len(theta))
    while True:
        squares = rho * squares + (1.0 - rho) * g**2
        ratio = np.sqrt((moves + epsilon) / (squares + epsilon))
        moves = rho * moves + (1.0 - rho) * (ratio * g) ** 2
        theta, g, rate = yield theta - rate * ratio * g, rate * ratio


def adam(beta_1, beta_2, epsilon, weight_decay=0.0, largest=False):
    theta, g, rate = yield
    m, v, top = np.zeros((3, len(theta)))
    for t in itertools.count(1):
        m = beta_1 * m + (1.0 - beta_1) * g
        v = beta_2 * v + (1.0 - beta_2) * g**2
        top = np.maximum(top, v)
        scale = np.sqrt((top if largest else v) / (1.0 - beta_2**t)) + epsilon
        theta, g, rate = yield theta - rate * weight_decay * theta - rate * m / (1.0 - beta_1**t) / scale, rate / scale


def amsgrad(**parameters):
    return adam(**parameters, largest=True)


def nadam(beta_1, beta_2, epsilon, momentum_decay):
    theta, g, rate = yield
    m, v = np.zeros((2, len(theta)))
    product = 1.0
    for t in itertools.count(1):
        mu, following = (beta_1 * (1.0 - 0.5 * 0.96 ** (s * momentum_decay)) for s in (t, t + 1))
        product *= mu
        m = beta_1 * m + (1.0 - beta_1) * g
        v = beta_2 * v + (1.0 - beta_2) * g**2
        scale = np.sqrt(v / (1.0 - beta_2**t)) + epsilon
        new, old = (1.0 - mu) / (1.0 - product), following / (1.0 - product * following)
        # The proximal step is that of constant gradients, whose mean is g (1 - beta_1^t).
        theta, g, rate = yield theta - rate * (new * g + old * m) / scale, rate / scale * (new + old * (1.0 - beta_1**t))


def lion(beta_1, beta_2, weight_decay):
    theta, g, rate = yield
    m, known = np.zeros(len(theta)), 0.0
    while True:
        blend = beta_1 * m + (1.0 - beta_1) * g
        # Of constant gradients the blend has the same share as of ones.
        share = beta_1 * known + (1.0 - beta_1)
        m, known = beta_2 * m + (1.0 - beta_2) * g, beta_2 * known + (1.0 - beta_2)
        step = rate * share / np.maximum(np.abs(blend), 1e-30)
        theta, g, rate = yield theta - rate * (np.sign(blend) + weight_decay * theta), step


def ftrl(beta):
    """The minimiser of sum g_s w + sum sigma_s (w - w_s)^2 / 2, the sigma summing to (beta + sqrt(sum g^2)) / rate."""
    theta, g, rate = yield
    gradients, squares, strength, centres = np.zeros((4, len(theta)))
    for t in itertools.count(1):
        gradients, squares = gradients + g, squares + g**2
        sigma = (beta + np.sqrt(squares)) / rate - strength
        strength, centres = strength + sigma, centres + sigma * theta
        theta, g, rate = yield (centres - gradients) / strength, t / strength


def far(start, points, initial):
    """The distance of the farthest point from the start, but at least the first move."""
    return max([initial * (1.0 + np.linalg.norm(start)), *(np.linalg.norm(point - start) for point in points)])


def dog(initial, averaged):
    """Each step from the whole history; another test has the mean that predicts."""
    points, squares = [], []
    theta, g, rate = yield
    while True:
        points, squares = [*points, theta], [*squares, g @ g]
        step = rate * far(points[0], points, initial) / np.sqrt(sum(squares))
        theta, g, rate = yield theta - step * g, np.full(len(theta), step)


def dowg(initial, averaged):
    points, weighted = [], []
    theta, g, rate = yield
    while True:
        points = [*points, theta]
        weight = far(points[0], points, initial) ** 2
        weighted = [*weighted, weight * (g @ g)]
        step = rate * weight / np.sqrt(sum(weighted))
        theta, g, rate = yield theta - step * g, np.full(len(theta), step)


def coordinate_dog(initial, averaged):
    points, squares = [], []
    theta, g, rate = yield
    while True:
        points, squares = [*points, theta], [*squares, g**2]
        total = np.sum(squares, axis=0)
        distance = np.max([initial * (1.0 + np.abs(points[0])), *np.abs(np.array(points) - points[0])], axis=0)
        step = np.divide(rate * distance, np.sqrt(total), out=np.zeros(len(theta)), where=total > 0.0)
        theta, g, rate = yield theta - step * g, step


def cocob(alpha):
    theta, g, rate = yield
    start = theta
    gradients, wealth = np.zeros((0, len(theta))), np.zeros(len(theta))
    while True:
        gradients = np.vstack([gradients, g])
        largest, total = np.abs(gradients).max(axis=0), np.abs(gradients).sum(axis=0)
        wealth = np.maximum(wealth - (theta - start) * g, 0.0)
        share = np.zeros(len(theta))
        np.divide(rate * largest + wealth, largest * np.maximum(total + largest, alpha * largest), out=share, where=largest > 0.0)
        theta, g, rate = yield start - share * gradients.sum(axis=0), share * len(gradients)


def schedule_free(beta):
    """The mean of all z so far, weighted by the squared rates, instead of a recursion."""
    theta, g, rate = yield
    z, rates = [theta], []
    while True:
        z, rates = [*z, z[-1] - rate * g], [*rates, rate]
        share = rate**2 / np.sum(np.square(rates))
        x = np.average(z[1:], axis=0, weights=np.square(rates))
        step = (1.0 - beta + beta * share) * rate
        theta, g, rate = yield (1.0 - beta) * z[-1] + beta * x, np.full(len(theta), step)


# --- facts of each optimizer ---------------------------------------------------------------------------------------------


@dataclass
class Facts:
    """The reference, further parameters to test, and a rate at which steps on `bowl` converge."""

    reference: object
    parameters: dict = field(default_factory=dict)
    # With a non-smooth penalty: a rate, and parameters with which the fixed point is the minimiser of F.
    rate: float = 0.1
    at_rest: dict = field(default_factory=dict)
    rest_rtol: float = 1e-11
    # Parameters out of their range.
    bad: tuple = ()
    # Whether the first gradient defines the unit of length, which is unknown before.
    unit_of_gradient: bool = False


BETAS = ({"beta_1": 1.0}, {"beta_1": -0.1}, {"beta_2": 1.0}, {"beta_2": -0.1})
EPSILON = ({"epsilon": 0.0}, {"epsilon": -1e-8})
RHO = ({"rho": 1.0}, {"rho": -0.1})
MOMENTUM = ({"momentum": 1.0}, {"momentum": -0.1})
DECAY = ({"weight_decay": -0.1},)
INITIAL = ({"initial": 0.0}, {"initial": -1.0})

FACTS = {
    "gd": Facts(gradient_descent, rate=0.3),
    "momentum": Facts(momentum, {"momentum": 0.5}, bad=MOMENTUM),
    "nesterov": Facts(nesterov, {"momentum": 0.5}, bad=MOMENTUM),
    "adagrad": Facts(adagrad, {"epsilon": 0.1}, rate=0.5, bad=EPSILON),
    "rmsprop": Facts(rmsprop, {"rho": 0.5, "epsilon": 0.1}, bad=RHO + EPSILON),
    "adadelta": Facts(adadelta, {"rho": 0.5, "epsilon": 0.1}, rate=0.5, bad=RHO + EPSILON),
    "adam": Facts(adam, {"beta_1": 0.5, "beta_2": 0.8, "epsilon": 0.1}, bad=BETAS + EPSILON),
    # Its decay is not part of F.
    "adamw": Facts(
        adam,
        {"beta_1": 0.5, "beta_2": 0.8, "epsilon": 0.1, "weight_decay": 0.3},
        at_rest={"weight_decay": 0.0},
        bad=BETAS + EPSILON + DECAY,
    ),
    "amsgrad": Facts(amsgrad, {"beta_1": 0.5, "beta_2": 0.8, "epsilon": 0.1}, bad=BETAS + EPSILON),
    "nadam": Facts(
        nadam,
        {"beta_1": 0.5, "beta_2": 0.8, "epsilon": 0.1, "momentum_decay": 0.5},
        bad=BETAS + EPSILON + ({"momentum_decay": -0.1},),
    ),
    "lion": Facts(lion, {"beta_1": 0.5, "beta_2": 0.8, "weight_decay": 0.3}, rate=0.3, bad=BETAS + DECAY),
    "ftrl": Facts(ftrl, {"beta": 3.0}, rate=0.5, bad=({"beta": 0.0}, {"beta": -1.0})),
    "dog": Facts(dog, {"initial": 0.3, "averaged": False}, rate=1.0, bad=INITIAL, unit_of_gradient=True),
    "dowg": Facts(dowg, {"initial": 0.3, "averaged": False}, rate=1.0, bad=INITIAL, unit_of_gradient=True),
    "coordinate_dog": Facts(
        coordinate_dog, {"initial": 0.3, "averaged": False}, rate=1.0, rest_rtol=1e-8, bad=INITIAL, unit_of_gradient=True
    ),
    # All gradients so far determine the coefficients: the error decreases as one over the squared number of steps.
    "cocob": Facts(cocob, {"alpha": 2.0}, rate=1.0, rest_rtol=1e-4, bad=({"alpha": 0.0}, {"alpha": -1.0}), unit_of_gradient=True),
    "schedule_free": Facts(schedule_free, {"beta": 0.5}, rate=0.3, bad=({"beta": 1.0}, {"beta": -0.1})),
}
FLAGS = {"averaged"}
OBJECTS = [
    OPTIMIZERS[name](**parameters)
    for name, facts in FACTS.items()
    for parameters in ([{}, facts.parameters] if facts.parameters else [{}])
]
NAMES = {kind: name for name, kind in OPTIMIZERS.items()}
N_STEPS = 6


def reference_of(optimizer):
    """The reference of the optimizer with the object's parameters, before the first step."""
    generator = FACTS[NAMES[type(optimizer)]].reference(**optimizer.get_params())
    next(generator)
    return generator


def run():
    """A start, and for each step gradients and a rate: signs change, and one gradient is always zero."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(N_STEPS, 5)) * [1.0, 1e-4, 1e3, 1.0, 0.0]
    gradients[2] = 0.0
    return np.array([1.0, -2.0, 0.0, 0.5, 3.0]), gradients, rng.uniform(0.01, 0.2, N_STEPS)


def updated(optimizer, theta, gradient, rate, t, slots):
    """One step of the optimizer's function for each coefficient; updates `theta` and `slots`."""
    update = type(optimizer).update
    parameters = [
        getattr(optimizer, name) for name in optimizer.function_parameters("update", 4 + len(slots) + len(optimizer.totals))
    ]
    prox_step = np.empty(len(theta))
    theta *= 1.0 - rate * optimizer.decay
    totals = []
    if optimizer.totals:
        asked = [getattr(optimizer, name) for name in optimizer.function_parameters("contributions", 4 + len(slots))]
        given = type(optimizer).contributions
        totals = np.sum([given(theta[i], gradient[i], rate, t, *slots[:, i], *asked) for i in range(len(theta))], axis=0)
    for i in range(len(theta)):
        theta[i], prox_step[i], *slots[:, i] = update(theta[i], gradient[i], rate, t, *slots[:, i], *totals, *parameters)
    return prox_step


# --- steps ---------------------------------------------------------------------------------------------------------------


def test_every_registered_optimizer_has_its_facts():
    assert set(FACTS) == set(OPTIMIZERS)
    for name, facts in FACTS.items():
        known = set(OPTIMIZERS[name]().get_params())
        assert set(facts.parameters) == known, name
        assert {each for bad in facts.bad for each in bad} == known - FLAGS, name


@pytest.mark.parametrize("optimizer", OBJECTS, ids=repr)
def test_steps_are_those_of_the_paper(optimizer):
    start, gradients, rates = run()
    theta, slots, reference = start.copy(), np.zeros((len(optimizer.slots), len(start))), reference_of(optimizer)
    expected = start
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        prox_step = updated(optimizer, theta, g, rate, float(t), slots)
        expected, expected_prox_step = reference.send((expected, g, rate))
        np.testing.assert_allclose(theta, expected, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(prox_step, expected_prox_step, rtol=1e-13)


@pytest.mark.parametrize("optimizer", OBJECTS, ids=repr)
def test_compiled_steps_are_the_written_ones(optimizer):
    start, gradients, rates = run()
    blocks = step_blocks(optimizer)
    theta, slots, prox_step = start.copy(), np.zeros((len(optimizer.slots), len(start))), np.zeros(len(start))
    expected, expected_slots = theta.copy(), slots.copy()
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        # The training loop applies the decay.
        theta *= 1.0 - rate * optimizer.decay
        blocks.step(theta, g.copy(), slots, prox_step, rate, float(t), blocks.parameters)
        expected_prox_step = updated(optimizer, expected, g, rate, float(t), expected_slots)
        np.testing.assert_allclose(theta, expected, rtol=1e-14, atol=1e-16)
        np.testing.assert_allclose(slots, expected_slots, rtol=1e-14, atol=1e-300)
        np.testing.assert_allclose(prox_step, expected_prox_step, rtol=1e-14)


@pytest.mark.parametrize("optimizer", OBJECTS, ids=repr)
def test_a_fit_takes_the_steps_of_the_paper(optimizer):
    """Batch descent on a squared error: the gradient of all samples, and a decay that excludes the intercept."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    rows = np.column_stack([X, np.ones(12)])
    model = GDRegressor(
        solver="batch", optimizer=optimizer, learning_rate=lambda t: 0.05 / t, alpha=0.0, max_iter=N_STEPS, tol=None
    )
    model.fit(X, y, coef_init=[0.5, -0.5, 1.0], intercept_init=[2.0])
    theta, reference = np.array([0.5, -0.5, 1.0, 2.0]), reference_of(optimizer)
    for t in range(1, N_STEPS + 1):
        before = theta[-1]
        theta, _ = reference.send((theta, rows.T @ (rows @ theta - y) / 12, 0.05 / t))
        theta[-1] += 0.05 / t * optimizer.decay * before
    np.testing.assert_allclose(model._state.theta, theta, rtol=1e-12)
    if optimizer.evaluated_slot is None:
        np.testing.assert_array_equal([*model.coef_, *model.intercept_], model._state.theta)


def batch_steps(optimizer, rate, n_steps, start):
    """Models of batch descent on a squared error: the iterate before each step, and the model that predicts at the end."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    model = GDRegressor(solver="batch", optimizer=optimizer, learning_rate=rate, alpha=0.0, max_iter=1, tol=None)
    points = [np.array(start)]
    model.fit(X, y, coef_init=start[:3], intercept_init=start[3:])
    for _ in range(n_steps - 1):
        points.append(model._state.theta.copy())
        model.partial_fit(X, y)
    return np.array(points), np.array([*model.coef_, *model.intercept_]), model


@pytest.mark.parametrize("optimizer", [DoG(initial=0.1), DoWG(initial=0.1), CoordinateDoG(initial=0.1)], ids=repr)
def test_the_mean_that_predicts_has_the_weights_of_the_paper(optimizer):
    """The mean of the points of the gradients, weighted by polynomial decay in closed form, or by squared distances."""
    points, served, model = batch_steps(optimizer, 1.0, 12, [0.5, -0.5, 1.0, 2.0])
    weights = [math.comb(s + 7, 8) for s in range(1, 13)]
    if isinstance(optimizer, DoWG):
        weights = [far(points[0], points[:s], 0.1) ** 2 for s in range(1, 13)]
    np.testing.assert_allclose(served, np.average(points, axis=0, weights=weights), rtol=1e-12)
    last = batch_steps(type(optimizer)(initial=0.1, averaged=False), 1.0, 12, [0.5, -0.5, 1.0, 2.0])[1]
    np.testing.assert_array_equal(last, model._state.theta)


def test_schedule_free_serves_the_mean_of_the_steps_at_their_gradients():
    """Its z are computed from the gradients at y, the points of descent."""
    rate, beta = 0.2, 0.75
    points, served, model = batch_steps(ScheduleFree(beta=beta), lambda t: rate / t, 9, [0.5, -0.5, 1.0, 2.0])
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    rows = np.column_stack([X, np.ones(12)])
    rates = rate / np.arange(1, 10)
    gradients = (points @ rows.T - y) @ rows / 12
    z = points[0] - np.cumsum(rates[:, None] * gradients, axis=0)
    x = np.average(z, axis=0, weights=rates**2)
    np.testing.assert_allclose(served, x, rtol=1e-12)
    np.testing.assert_allclose(model._state.theta, (1.0 - beta) * z[-1] + beta * x, rtol=1e-12)


@pytest.mark.parametrize("optimizer", OBJECTS, ids=repr)
def test_zero_gradients_move_nothing(optimizer):
    theta, slots = np.array([1.5, 0.0]), np.zeros((len(optimizer.slots), 2))
    for t in range(1, 4):
        before = theta * (1.0 - 0.1 * optimizer.decay)
        prox_step = updated(optimizer, theta, np.zeros(2), 0.1, float(t), slots)
        np.testing.assert_array_equal(theta, before)
        # If the gradient defines the unit of length, it is not known yet.
        assert (prox_step == 0.0).all() if FACTS[NAMES[type(optimizer)]].unit_of_gradient else (prox_step > 0.0).all()
        assert np.isfinite(prox_step).all()


@pytest.mark.parametrize("optimizer", OBJECTS, ids=repr)
def test_a_first_step_goes_against_the_gradient(optimizer):
    for g in (-3.0, 1e-4, 1e4):
        theta, slots = np.zeros(1), np.zeros((len(optimizer.slots), 1))
        updated(optimizer, theta, np.array([g]), 0.1, 1.0, slots)
        assert np.sign(theta[0]) == -np.sign(g)


@pytest.mark.parametrize(
    "optimizer",
    OBJECTS,
    ids=repr,
)
def test_a_rate_of_zero_holds_a_coefficient_and_the_next_step_is_a_step(optimizer):
    """A schedule may return 0: the next step continues from the same coefficient."""
    theta, slots = np.array([100.0]), np.zeros((len(optimizer.slots), 1))
    for t in range(1, 5):
        updated(optimizer, theta, np.array([1.0]), 0.1, float(t), slots)
    held = theta.copy()
    updated(optimizer, theta, np.array([1.0]), 0.0, 5.0, slots)
    np.testing.assert_allclose(theta, held, rtol=1e-15)
    updated(optimizer, theta, np.array([1.0]), 0.1, 6.0, slots)
    assert 0.0 < held[0] - theta[0] < 10.0


@pytest.mark.parametrize(
    "optimizer", [each for each in OBJECTS if each.default_rate is None and each.evaluated_slot is None], ids=repr
)
def test_gain_is_how_far_equal_gradients_move_a_coefficient_in_the_long_run(optimizer):
    """For the optimizers whose automatic rate is divided by the gain."""
    theta, slots = np.zeros(1), np.zeros((len(optimizer.slots), 1))
    for t in range(1, 501):
        before = theta[0]
        prox_step = updated(optimizer, theta, np.ones(1), 0.01, float(t), slots)
    assert before - theta[0] == pytest.approx(0.01 * optimizer.gain(), rel=1e-12)
    assert prox_step[0] == pytest.approx(0.01 * optimizer.gain(), rel=1e-12)


@pytest.mark.parametrize("kind", [Momentum, Nesterov])
def test_without_momentum_it_is_gradient_descent(kind):
    assert kind.update(1.0, 2.0, 0.25, 3.0, 4.0, momentum=0.0) == (0.5, 0.25, 2.0)
    assert kind(momentum=0.0).gain() == 1.0


def test_ftrl_with_an_l1_penalty_is_the_minimiser_of_all_gradients_so_far():
    """The l1 terms of all steps in one sum: the closed form of the papers, with the non-differentiable points."""
    start, gradients, rates = run()
    beta, strength = 1.0, 0.8
    theta, slots = start.copy(), np.zeros((3, len(start)))
    total, squares, sigma_sum, centres = np.zeros((4, len(start)))
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        total, squares = total + g, squares + g**2
        sigma = (beta + np.sqrt(squares)) / rate - sigma_sum
        sigma_sum, centres = sigma_sum + sigma, centres + sigma * theta
        leader = total - centres
        expected = np.where(np.abs(leader) <= t * strength, 0.0, -(leader - np.sign(leader) * t * strength) / sigma_sum)
        steps = updated(FTRL(beta=beta), theta, g, rate, float(t), slots)
        theta = np.array([L1.prox(w, strength * step, nonnegative=False) for w, step in zip(theta, steps, strict=True)])
        np.testing.assert_allclose(theta, expected, rtol=1e-12, atol=1e-14)


# --- fixed points --------------------------------------------------------------------------------------------------------


CURVATURE = np.array([[2.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.5]])
CENTRE = np.array([1.0, 0.1, -0.7])
ALPHA = 0.4


def minimiser(penalty):
    """Of (w - c)' A (w - c) / 2 + alpha penalty(w), by plain proximal descent with a safe rate."""
    l1, l2, nonnegative = penalty.elastic_net()
    w = np.zeros(3)
    for _ in range(2000):
        v = w - 0.3 * (CURVATURE @ (w - CENTRE) + ALPHA * l2 * w)
        w = np.sign(v) * np.maximum(np.abs(v) - 0.3 * ALPHA * l1, 0.0)
        w = np.maximum(w, 0.0) if nonnegative else w
    return w


def rest(optimizer, rate, penalty, start, n_steps=4000):
    """The point after compiled steps with full gradients, each followed by the penalty's proximal step.

    The rate is a number, or a function of the step.
    """
    return rest_with_slots(optimizer, rate, penalty, start, n_steps)[0]


def rest_with_slots(optimizer, rate, penalty, start, n_steps):
    """As `rest`, with the slots of the optimizer."""
    rate_of = rate if callable(rate) else lambda t: rate
    step, shrink = step_blocks(optimizer), penalty_blocks(penalty)
    theta, slots, prox_step = np.array(start), np.zeros((len(optimizer.slots), 3)), np.zeros(3)
    for t in range(1, n_steps + 1):
        gradient = CURVATURE @ (theta - CENTRE)
        shrink.gradient(theta, gradient, ALPHA, shrink.scale, shrink.parameters)
        theta *= 1.0 - rate_of(t) * optimizer.decay
        step.step(theta, gradient, slots, prox_step, rate_of(t), float(t), step.parameters)
        shrink.prox(theta, prox_step, ALPHA, shrink.scale, shrink.parameters)
    return theta, slots


PROBLEMS = [L1(), L1(nonnegative=True), ElasticNet(l1_ratio=0.9)]


@pytest.mark.parametrize("start", [(0.0, 0.0, 0.0), (0.7, -0.8, 0.3)], ids=["from zero", "from elsewhere"])
@pytest.mark.parametrize("penalty", PROBLEMS, ids=repr)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_come_to_rest_at_the_minimiser_with_exact_zeros(name, penalty, start):
    """The proximal step has the same length as the gradient step, so that F is minimised and no other objective."""
    facts, exact = FACTS[name], minimiser(penalty)
    found = rest(OPTIMIZERS[name](**facts.at_rest), facts.rate, penalty, start)
    np.testing.assert_allclose(found, exact, rtol=facts.rest_rtol)
    zero = exact == 0.0
    assert zero.any()
    assert not zero.all()
    assert (found[zero] == 0.0).all()


@pytest.mark.parametrize("penalty", PROBLEMS, ids=repr)
def test_coin_betting_comes_to_the_minimiser_with_the_square_of_the_steps(penalty):
    """The l1 terms of all steps act on the sum of all gradients: zeros are exact, the other coefficients converge."""
    errors = [np.abs(rest(COCOB(), 1.0, penalty, (0.7, -0.8, 0.3), n) - minimiser(penalty)).max() for n in (1000, 4000)]
    assert errors[0] / errors[1] == pytest.approx(16.0, rel=0.05)


@pytest.mark.parametrize("penalty", PROBLEMS, ids=repr)
@pytest.mark.parametrize(
    ("optimizer", "rate"), [(DoG(), 1.0), (DoWG(), 1.0), (CoordinateDoG(), 1.0), (ScheduleFree(), 0.3)], ids=repr
)
def test_the_mean_that_predicts_goes_to_the_minimiser_too(optimizer, rate, penalty):
    """The error decreases as one over the number of steps, or faster."""
    assert optimizer.evaluated_slot == "mean"
    errors = []
    for n_steps in (1000, 4000):
        _, slots = rest_with_slots(optimizer, rate, penalty, (0.7, -0.8, 0.3), n_steps)
        errors.append(np.abs(slots[optimizer.slots.index("mean")] - minimiser(penalty)).max())
    assert errors[1] < 1e-3
    assert errors[1] < max(0.3 * errors[0], 1e-13)


@pytest.mark.parametrize("optimizer", [AdamW(weight_decay=0.3), Lion(weight_decay=0.3)], ids=repr)
def test_weight_decay_moves_the_point_of_rest(optimizer):
    """The decay is not part of F, as documented."""
    found = rest(optimizer, 0.1, L1(), (0.0, 0.0, 0.0))
    assert np.abs(found - minimiser(L1())).max() > 0.01


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.xfail(strict=True, reason="a step of rate 0 counts in the l1 of all steps, its gradient does not"),
        )
        if name == "ftrl"
        else name
        for name in OPTIMIZERS
    ],
)
def test_steps_of_rate_zero_leave_the_point_of_rest_where_it_is(name):
    """As with a schedule that pauses."""
    facts = FACTS[name]
    found = rest(OPTIMIZERS[name](**facts.at_rest), lambda t: facts.rate if t % 2 else 0.0, L1(), (0.0, 0.0, 0.0))
    np.testing.assert_allclose(found, minimiser(L1()), rtol=facts.rest_rtol)


# --- parameters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OBJECTS, ids=repr)
def test_a_default_rate_is_a_number_above_zero_or_follows_from_the_curvature(optimizer):
    optimizer.validate()
    assert optimizer.default_rate is None or optimizer.default_rate > 0.0
    assert optimizer.decay == optimizer.get_params().get("weight_decay", 0.0)


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, facts in FACTS.items() for bad in facts.bad])
def test_a_parameter_out_of_its_range_is_named(name, bad):
    ((parameter, value),) = bad.items()
    with pytest.raises(ValueError, match=rf"^{OPTIMIZERS[name].__name__}: {parameter}={value!r} must be a number"):
        OPTIMIZERS[name](**bad).validate()


@pytest.mark.parametrize(
    ("value", "error"), [("1", TypeError), (True, TypeError), (None, TypeError), (math.nan, ValueError), (math.inf, ValueError)]
)
@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, each) for name, kind in OPTIMIZERS.items() for each in kind().get_params() if each not in FLAGS],
)
def test_a_parameter_that_is_no_finite_number_is_named(name, parameter, value, error):
    with pytest.raises(error, match=rf"^{OPTIMIZERS[name].__name__}: {parameter}={value!r} must be a number"):
        OPTIMIZERS[name](**{parameter: value}).validate()


def test_an_optimizer_without_an_update_is_refused():
    class Nothing(Optimizer):
        pass

    with pytest.raises(TypeError, match=r"^Nothing has no function update\(w, g, rate, t\): an optimizer must define it$"):
        Nothing().validate()


def test_an_update_that_leaves_out_a_slot_is_refused():
    class Forgetful(Optimizer):
        slots = ("mean", "square_mean")

        @staticmethod
        def update(w, g, rate, t, mean):
            return w, rate, mean

    with pytest.raises(TypeError, match=r"^Forgetful\.update takes .*; it needs 6 arguments before its parameters\."):
        Forgetful().validate()


def test_totals_need_their_contributions():
    class Alone(Optimizer):
        totals = ("gradient_square",)

        @staticmethod
        def update(w, g, rate, t, gradient_square):
            return w, rate

    with pytest.raises(
        TypeError, match=r"^Alone has no function contributions\(w, g, rate, t\), which defines its totals \('gradient_square',\)"
    ):
        Alone().validate()


def test_an_update_that_leaves_out_a_total_is_refused():
    class Deaf(Optimizer):
        totals = ("gradient_square",)

        @staticmethod
        def contributions(w, g, rate, t):
            return (g * g,)

        @staticmethod
        def update(w, g, rate, t):
            return w, rate

    with pytest.raises(TypeError, match=r"^Deaf\.update takes .*; it needs 5 arguments before its parameters\."):
        Deaf().validate()


def test_what_predicts_must_be_a_slot():
    class Nobody(ScheduleFree):
        evaluated_slot = "average"

    with pytest.raises(TypeError, match=r"^Nobody: evaluated_slot='average' must be None or one of the slots \('mean', "):
        Nobody().validate()


@pytest.mark.parametrize("value", ["yes", 2, None])
@pytest.mark.parametrize("kind", [DoG, DoWG, CoordinateDoG])
def test_a_flag_is_true_or_false(kind, value):
    with pytest.raises(TypeError, match=rf"^{kind.__name__}: averaged={value!r} must be True or False$"):
        kind(averaged=value).validate()


def test_an_update_may_ask_for_one_total_and_contributions_for_a_parameter():
    """Plain descent along the normalised gradient: the length of a step is the rate."""

    class Normalised(Optimizer):
        totals = ("gradient_square",)

        def __init__(self, floor=0.0, scale=1.0):
            self.floor = floor
            self.scale = scale

        @staticmethod
        def contributions(w, g, rate, t, scale):
            return (scale * g * g,)

        @staticmethod
        def update(w, g, rate, t, gradient_square, floor):
            step = rate / max(math.sqrt(gradient_square), floor)
            return w - step * g, step

    blocks = step_blocks(Normalised(floor=1e-3, scale=4.0))
    theta, prox_step = np.array([1.0, 2.0]), np.zeros(2)
    blocks.step(theta, np.array([3.0, 4.0]), np.zeros((0, 2)), prox_step, 0.5, 1.0, blocks.parameters)
    np.testing.assert_allclose(theta, [1.0 - 0.15, 2.0 - 0.2], rtol=1e-15)
    np.testing.assert_allclose(prox_step, 0.05, rtol=1e-15)


@pytest.mark.parametrize("penalty", [L1(), ElasticNet(l1_ratio=0.3), ElasticNet(l1_ratio=0.3, nonnegative=True)])
@pytest.mark.parametrize("average", [False, 5])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_single_dense_samples_and_the_loop_for_batches_take_the_same_steps(name, average, penalty):
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(40, 11)), rng.uniform(0.5, 2.0, size=40)
    y = X @ rng.normal(size=11) + 1.0
    model = GDRegressor(solver="sgd", optimizer=name, learning_rate=0.01, penalty=penalty, alpha=0.05, max_iter=3, tol=None)
    model.set_params(average=average, random_state=0)
    dense = model.fit(X, y, sample_weight=weight).coef_.copy()
    # Only plain descent has a separate loop for CSR.
    assert np.abs(dense).max() > 1e-4
    np.testing.assert_allclose(model.fit(sp.csr_matrix(X), y, sample_weight=weight).coef_, dense, rtol=1e-8, atol=1e-12)


class Forgetful(Optimizer):
    """Momentum whose slot is not returned."""

    slots = ("m",)

    def update(w, g, rate, t, m):
        return w - rate * (m + g), rate


def test_an_update_that_forgets_a_slot_is_named():
    message = r"Forgetful.update returns 2 value\(s\); it must return 3: the new w, the length of the proximal step, m"
    with pytest.raises(TypeError, match=message):
        GDRegressor(optimizer=Forgetful(), learning_rate=0.1).fit([[0.0], [1.0]], [0.0, 1.0])


def step(w, g, rate, t):
    return w - rate * g, rate


def step_with_a_slot(w, g, rate, t, v):
    return w - rate * g, rate, v


def first_step_alone_has_slots(w, g, rate, t, v):
    return (w - rate * g, rate, v) if t == 1 else (w - rate * g, rate)


def contribution(w, g, rate, t):
    return g * g


def step_with_a_total(w, g, rate, t, total):
    return w - rate * g, rate


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"update": lambda w, g, rate, t: None}, r"\.update returns 1 value\(s\); it must return 2: the new w, the length"),
        ({"update": lambda w, g, rate, t: [w, rate]}, r"\.update returns 1 value\(s\); it must return 2"),
        (
            {"update": lambda w, g, rate, t: (w, None)},
            r"\.update\(w=1\.0, g=1\.0, .*\) returned None as the length of the proximal step; it must be a number",
        ),
        ({"update": step_with_a_slot}, r"\.update takes `v`.*An optimizer with slots=\(\) takes w, g, rate, t$"),
        ({"update": step, "slots": ("v",)}, r"\.update takes .*needs 5 arguments.*slots=\('v',\) takes w, g, rate, t, v$"),
        ({"update": step_with_a_slot, "slots": "v"}, r": slots='v' must be a tuple of names: \('v',\)$"),
        ({"update": first_step_alone_has_slots, "slots": ("v",)}, r"\.update returns 2 value\(s\); it must return 3"),
        (
            {"update": step_with_a_total, "totals": ("total",), "contributions": contribution},
            r"\.contributions returns 1.0, which is no tuple; it must return 1: total$",
        ),
    ],
)
def test_an_optimizer_written_wrongly_is_explained(written, message):
    statics = {name: staticmethod(each) if callable(each) else each for name, each in written.items()}
    with pytest.raises(TypeError, match=f"^Mine{message}"):
        GDRegressor(optimizer=type("Mine", (Optimizer,), statics)(), learning_rate=0.1).fit([[0.0], [1.0]], [0.0, 1.0])
