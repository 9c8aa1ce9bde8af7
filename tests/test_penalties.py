"""Penalties: values by hand, proximal steps compared with a numerical minimiser, and compiled functions."""

import math
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from sklearn_gd import GDRegressor, Penalty
from sklearn_gd._kernels.blocks import penalty_blocks, penalty_value
from sklearn_gd.penalties import L1, L2, PENALTIES, ElasticNet, NoPenalty

EVERY = {**PENALTIES, "none": NoPenalty}

# By hand: (parameters, w, value, slope of the smooth part or None).
VALUES = {
    "l2": [({}, 3.0, 4.5, 3.0), ({}, -2.0, 2.0, -2.0), ({}, 0.0, 0.0, 0.0), ({"nonnegative": True}, 3.0, 4.5, 3.0)],
    "l1": [({}, 3.0, 3.0, None), ({}, -2.0, 2.0, None), ({}, 0.0, 0.0, None), ({"nonnegative": True}, 3.0, 3.0, None)],
    "elasticnet": [
        ({}, 2.0, 0.3 + 1.7, 1.7),
        ({"l1_ratio": 0.5}, -2.0, 1.0 + 1.0, -1.0),
        ({"l1_ratio": 0.0}, 3.0, 4.5, 3.0),
        ({"l1_ratio": 1.0}, -3.0, 3.0, 0.0),
        ({"l1_ratio": 0.25, "nonnegative": True}, 0.0, 0.0, 0.0),
    ],
    "none": [({}, 3.0, 0.0, 0.0), ({}, -3.0, 0.0, 0.0), ({"nonnegative": True}, 2.0, 0.0, 0.0)],
}
# By hand: (parameters, w, step, result of the proximal step), for penalties with a proximal step.
STEPS = {
    "l2": [({"nonnegative": True}, 3.0, 0.5, 3.0), ({"nonnegative": True}, -3.0, 0.5, 0.0)],
    "l1": [
        ({}, 3.0, 0.5, 2.5),
        ({}, -3.0, 0.5, -2.5),
        ({}, 0.5, 0.5, 0.0),
        ({}, -0.25, 0.5, 0.0),
        ({}, 0.0, 0.5, 0.0),
        ({}, 3.0, 0.0, 3.0),
        ({"nonnegative": True}, 3.0, 0.5, 2.5),
        ({"nonnegative": True}, -3.0, 0.5, 0.0),
    ],
    "elasticnet": [
        ({"l1_ratio": 0.5}, 3.0, 1.0, 2.5),
        ({"l1_ratio": 0.5}, -3.0, 1.0, -2.5),
        ({"l1_ratio": 0.5}, 0.5, 1.0, 0.0),
        ({"l1_ratio": 0.0}, 0.5, 1.0, 0.5),
        ({"l1_ratio": 1.0}, 3.0, 1.0, 2.0),
        ({"l1_ratio": 0.5, "nonnegative": True}, -3.0, 1.0, 0.0),
        ({"l1_ratio": 0.5, "nonnegative": True}, 3.0, 1.0, 2.5),
    ],
    "none": [({"nonnegative": True}, 3.0, 0.5, 3.0), ({"nonnegative": True}, -3.0, 0.5, 0.0)],
}
OBJECTS = [
    EVERY[name](**{"nonnegative": nonnegative, **dict(rest)})
    for name, points in VALUES.items()
    for rest in dict.fromkeys(tuple((k, v) for k, v in point[0].items() if k != "nonnegative") for point in points)
    for nonnegative in (False, True)
]
COEF = np.array([-3.0, -0.4, -1e-12, 0.0, 1e-12, 0.3, 1.0, 7.5])


def of(penalty, name):
    """A function of the penalty with the object's parameters bound, in plain Python."""
    function = getattr(type(penalty), name)
    values = [getattr(penalty, each) for each in penalty.function_parameters(name, {"value": 1, "gradient": 1, "prox": 2}[name])]
    return lambda *leading: function(*leading, *values)


def slope(penalty):
    """The slope of the smooth part, zero if there is none."""
    return of(penalty, "gradient") if penalty.has_gradient() else lambda w: 0.0


def kinked_part(penalty, v):
    """The non-smooth part of the value."""
    return of(penalty, "value")(v) - quad(slope(penalty), 0.0, v)[0]


# --- by hand -------------------------------------------------------------------------------------------------------------


def test_every_registered_penalty_has_its_rows():
    assert set(VALUES) == set(STEPS) == set(EVERY)
    assert all(len(points) >= 3 for points in VALUES.values())


@pytest.mark.parametrize(
    ("name", "parameters", "w", "value", "gradient"), [(name, *point) for name, points in VALUES.items() for point in points]
)
def test_values_and_slopes_by_hand(name, parameters, w, value, gradient):
    penalty = EVERY[name](**parameters)
    penalty.validate()
    assert of(penalty, "value")(w) == pytest.approx(value, rel=1e-15)
    assert penalty.has_gradient() == (gradient is not None)
    if gradient is not None:
        assert of(penalty, "gradient")(w) == pytest.approx(gradient, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "parameters", "w", "step", "expected"), [(name, *point) for name, points in STEPS.items() for point in points]
)
def test_proximal_steps_by_hand(name, parameters, w, step, expected):
    penalty = EVERY[name](**parameters)
    assert penalty.has_prox()
    assert of(penalty, "prox")(w, step) == expected


@pytest.mark.parametrize("penalty", [NoPenalty(), L2()], ids=repr)
def test_a_penalty_without_a_kink_has_no_proximal_step(penalty):
    assert not penalty.has_prox()


# --- what they are -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", OBJECTS, ids=repr)
def test_the_elastic_net_form_says_what_the_functions_do(penalty):
    """For l1 |w| + l2/2 w^2 the smooth part is the second term, and the proximal step is that of the first."""
    l1, l2, nonnegative = penalty.elastic_net()
    assert nonnegative is penalty.nonnegative
    for w in COEF.tolist():
        assert of(penalty, "value")(w) == pytest.approx(l1 * abs(w) + 0.5 * l2 * w * w, rel=1e-15)
        assert slope(penalty)(w) == pytest.approx(l2 * w, rel=1e-15)
        if penalty.has_prox():
            shrunk = math.copysign(max(abs(w) - 0.7 * l1, 0.0), w)
            assert of(penalty, "prox")(w, 0.7) == pytest.approx(max(shrunk, 0.0) if nonnegative else shrunk, rel=1e-15)
        else:
            assert l1 == 0.0
            assert not nonnegative


@pytest.mark.parametrize("step", [0.0, 1e-3, 0.5, 2.0])
@pytest.mark.parametrize("penalty", [each for each in OBJECTS if each.has_prox()], ids=repr)
def test_proximal_step_is_the_true_minimiser(penalty, step):
    """It minimises ``step * non-smooth part(v) + (v - w)^2 / 2``, over v >= 0 with `nonnegative`."""
    prox = of(penalty, "prox")
    for w in COEF.tolist():

        def objective(v, w=w):
            return step * kinked_part(penalty, v) + 0.5 * (v - w) ** 2

        bounds = (0.0 if penalty.nonnegative else -10.0, 10.0)
        found = minimize_scalar(objective, bounds=bounds, options={"xatol": 1e-9})
        assert objective(prox(w, step)) <= found.fun * (1.0 + 1e-14) + 1e-15
        assert prox(w, step) == pytest.approx(found.x, abs=1e-6)


@pytest.mark.parametrize("penalty", [each for each in OBJECTS if each.nonnegative], ids=repr)
def test_nonnegative_leaves_no_coefficient_below_zero(penalty):
    prox = of(penalty, "prox")
    assert all(prox(w, step) >= 0.0 for w in COEF.tolist() for step in (0.0, 0.5, 100.0))


@pytest.mark.parametrize("penalty", [L1(), L1(nonnegative=True), ElasticNet(0.5), ElasticNet(0.5, nonnegative=True)], ids=repr)
def test_a_proximal_step_gives_exact_zeros(penalty):
    prox = of(penalty, "prox")
    assert all(prox(w, 10.0) == 0.0 for w in COEF.tolist() if abs(w) <= 5.0)


@pytest.mark.parametrize("penalty", OBJECTS, ids=repr)
def test_thresholds_of_two_steps_add_up(penalty):
    """This holds for all non-smooth parts here, and allows lazy application on sparse samples."""
    if penalty.has_prox():
        prox = of(penalty, "prox")
        for w in COEF.tolist():
            assert prox(prox(w, 0.25), 0.5) == pytest.approx(prox(w, 0.75), rel=1e-15)


@pytest.mark.parametrize("nonnegative", [False, True])
def test_elastic_net_ends_at_ridge_and_lasso(nonnegative):
    for l1_ratio, other in ((0.0, L2(nonnegative=nonnegative)), (1.0, L1(nonnegative=nonnegative))):
        mixed = ElasticNet(l1_ratio=l1_ratio, nonnegative=nonnegative)
        assert mixed.elastic_net() == other.elastic_net()
        for w in COEF.tolist():
            assert of(mixed, "value")(w) == of(other, "value")(w)
            assert slope(mixed)(w) == slope(other)(w)
            if other.has_prox():
                assert of(mixed, "prox")(w, 0.5) == of(other, "prox")(w, 0.5)


# --- parameters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_l1_ratio_out_of_its_range_is_named(value):
    with pytest.raises(ValueError, match=rf"^ElasticNet: l1_ratio={value!r} must be a number >= 0 and <= 1$"):
        ElasticNet(l1_ratio=value).validate()


@pytest.mark.parametrize("value", ["0.5", None, True])
def test_l1_ratio_that_is_no_number_is_named(value):
    with pytest.raises(TypeError, match=rf"^ElasticNet: l1_ratio={value!r} must be a number"):
        ElasticNet(l1_ratio=value).validate()


@pytest.mark.parametrize("value", ["yes", None, 0.0, 2, -1])
@pytest.mark.parametrize("kind", EVERY.values())
def test_nonnegative_that_is_no_flag_is_named(kind, value):
    with pytest.raises(TypeError, match=rf"^{kind.__name__}: nonnegative={value!r} must be True or False$"):
        kind(nonnegative=value).validate()


@pytest.mark.parametrize("l1_ratio", [0, 1, np.float32(0.5), np.int64(1)])
def test_numbers_of_other_types_are_numbers(l1_ratio):
    ElasticNet(l1_ratio=l1_ratio, nonnegative=np.True_).validate()


# --- compiled ------------------------------------------------------------------------------------------------------------


def compiled(penalty, coef, alpha, steps, scale=None):
    """Compiled value, gradient added to ones, and coefficients after the proximal step."""
    blocks = penalty_blocks(penalty, scale)
    gradient, moved = np.ones(len(coef)), coef.copy()
    blocks.gradient(coef, gradient, alpha, blocks.scale, blocks.parameters)
    blocks.prox(moved, steps, alpha, blocks.scale, blocks.parameters)
    return penalty_value(penalty)(coef, blocks.scale, blocks.parameters), gradient, moved


@pytest.mark.parametrize("penalty", OBJECTS, ids=repr)
def test_compiled_functions_are_the_written_ones(penalty):
    rng = np.random.default_rng(0)
    coef = np.concatenate([COEF, rng.normal(size=20)])
    alpha, steps = 0.3, rng.uniform(0.0, 3.0, len(coef))
    value, gradient, moved = compiled(penalty, coef, alpha, steps)
    assert value == pytest.approx(sum(map(of(penalty, "value"), coef.tolist())), rel=1e-14)
    np.testing.assert_allclose(gradient, [1.0 + alpha * slope(penalty)(w) for w in coef.tolist()], rtol=1e-15)
    expected = coef
    if penalty.has_prox():
        expected = [of(penalty, "prox")(w, alpha * step) for w, step in zip(coef.tolist(), steps.tolist(), strict=True)]
    np.testing.assert_allclose(moved, expected, rtol=1e-15)


def test_a_numpy_bool_is_a_flag_to_the_compiled_functions_too():
    _, _, moved = compiled(L1(nonnegative=np.True_), np.array([-1.0, 2.0]), 1.0, np.full(2, 0.5))
    assert moved.tolist() == [0.0, 1.5]


class Quartic(Penalty):
    """A value alone."""

    def __init__(self, centre=0.5):
        self.centre = centre

    @staticmethod
    def value(w, centre):
        return (w - centre) ** 4


class Nearest(Penalty):
    """A penalty |w - 1|: the proximal step is a soft threshold around one."""

    @staticmethod
    def value(w):
        return abs(w - 1.0)

    @staticmethod
    def prox(w, step):
        return w - step if w > 1.0 + step else (w + step if w < 1.0 - step else 1.0)


def test_a_slope_that_is_not_written_is_taken_numerically():
    coef = np.array([-2.0, 0.0, 0.5, 30.0])
    value, gradient, moved = compiled(Quartic(centre=1.5), coef, 0.25, np.ones(4))
    assert value == pytest.approx(((coef - 1.5) ** 4).sum(), rel=1e-15)
    np.testing.assert_allclose(gradient, 1.0 + 0.25 * 4.0 * (coef - 1.5) ** 3, rtol=1e-9, atol=1e-10)
    np.testing.assert_array_equal(moved, coef)


def test_a_penalty_with_a_proximal_step_and_no_slope_has_no_smooth_part():
    coef = np.array([-2.0, 0.75, 1.0, 3.0])
    value, gradient, moved = compiled(Nearest(), coef, 2.0, np.full(4, 0.25))
    assert value == 3.0 + 0.25 + 0.0 + 2.0
    np.testing.assert_array_equal(gradient, np.ones(4))
    np.testing.assert_array_equal(moved, [-1.5, 1.0, 1.0, 2.5])


@pytest.mark.parametrize("penalty", [Quartic(), Nearest()], ids=repr)
def test_a_penalty_of_ones_own_is_of_no_known_shape(penalty):
    penalty.validate()
    assert penalty.elastic_net() is None


def test_a_penalty_without_a_value_is_refused():
    class Nothing(Penalty):
        pass

    with pytest.raises(TypeError, match=r"^Nothing has no function value\(w\): a penalty must define it$"):
        Nothing().validate()


# --- in standard deviations of the features ------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [L2(), L1(nonnegative=True), ElasticNet(), Quartic(), Nearest()], ids=repr)
def test_a_scale_makes_it_the_penalty_of_scaled_coefficients(penalty):
    """Value and slope are those of s w by the chain rule; the proximal step minimises its defining function."""
    rng = np.random.default_rng(0)
    coef, scale, steps, alpha = rng.normal(size=9), rng.uniform(0.2, 3.0, 9), rng.uniform(0.1, 2.0, 9), 0.3
    value, gradient, moved = compiled(penalty, coef, alpha, steps, scale)
    plain_value, _, _ = compiled(penalty, scale * coef, alpha, steps)
    assert value == pytest.approx(plain_value, rel=1e-14)
    if penalty.has_gradient():
        np.testing.assert_allclose(gradient - 1.0, alpha * scale * [slope(penalty)(w) for w in scale * coef], rtol=1e-13)
    if type(penalty) in (L1, Nearest):

        def cost(v, j):
            bound = np.inf if getattr(penalty, "nonnegative", False) and v < 0.0 else 0.0
            return bound + alpha * steps[j] * of(penalty, "value")(scale[j] * v) + 0.5 * (v - coef[j]) ** 2

        for j, v in enumerate(moved):
            assert all(cost(v, j) <= cost(v + away, j) + 1e-12 for away in (-1e-3, 1e-3, -0.3, 0.3))


def test_a_column_of_no_spread_costs_nothing():
    value, gradient, moved = compiled(L1(), np.array([3.0, -2.0]), 1.0, np.ones(2), np.array([0.0, 1.0]))
    assert value == 2.0
    assert moved.tolist() == [3.0, -1.0]
    assert np.isfinite(gradient).all()


STANDARDIZED = {
    "l2": lambda flag: L2(standardize=flag),
    "l1": lambda flag: L1(standardize=flag),
    "l1-nonnegative": lambda flag: L1(nonnegative=True, standardize=flag),
    "elasticnet": lambda flag: ElasticNet(l1_ratio=0.4, standardize=flag),
}


def problem(weighted=True):
    """Features of very different units, unequal weights; the unit of coefficients for each value of `standardize`."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(150, 4)) * [1.0, 1e3, 1e-3, 20.0] + [0.0, 5e3, 0.0, -7.0]
    X[rng.random(X.shape) < [0.1, 0.8, 0.3, 0.0]] = 0.0
    y = X @ [1.0, 2e-3, 0.0, -0.05] + rng.normal(size=150)
    weight = rng.uniform(0.2, 3.0, 150) if weighted else np.ones(150)
    mean = np.average(X, axis=0, weights=weight)
    spread = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    share = np.average(X != 0.0, axis=0, weights=weight)
    return X, y, weight, {True: spread, "typical_size": spread / np.sqrt(share)}


@pytest.mark.parametrize("standardize", [True, "typical_size"])
@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("penalty", STANDARDIZED)
def test_standardize_is_the_plain_penalty_on_scaled_columns(penalty, layout, standardize):
    X, y, weight, units = problem()
    unit = units[standardize]
    tight = {"alpha": 0.1, "tol": 1e-13, "max_iter": 10_000}
    ours = GDRegressor(penalty=STANDARDIZED[penalty](standardize), **tight).fit(layout(X), y, sample_weight=weight)
    plain = GDRegressor(penalty=STANDARDIZED[penalty](False), **tight).fit(X / unit, y, sample_weight=weight)
    np.testing.assert_allclose(ours.coef_ * unit, plain.coef_, rtol=1e-5, atol=1e-7)
    assert ours.loss_curve_[-1] == pytest.approx(plain.loss_curve_[-1], rel=1e-9)


@pytest.mark.parametrize("solver", ["batch", "sgd", "minibatch"])
@pytest.mark.parametrize("penalty", STANDARDIZED)
@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array], ids=["dense", "csr"])
def test_standardize_in_steps_of_an_explicit_rate(penalty, solver, layout):
    """If all standard deviations are one, as here, each step is that of the plain penalty."""
    X, y, _, _ = problem(weighted=False)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    shared = {
        "solver": solver,
        "optimizer": "gd",
        "learning_rate": 0.01,
        "alpha": 0.1,
        "max_iter": 3,
        "tol": None,
        "random_state": 0,
    }
    ours, plain = (GDRegressor(penalty=STANDARDIZED[penalty](flag), **shared).fit(layout(X), y) for flag in (True, False))
    np.testing.assert_allclose(ours.coef_, plain.coef_, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("standardize", [True, "typical_size"])
def test_standardize_in_a_stream_counts_all_rows_so_far(standardize):
    """The unit of the penalty in a call is that of all samples so far, also after a pickle."""
    X, y, weight, units = problem()
    penalty = L2(standardize=standardize)
    model = GDRegressor(penalty=penalty, alpha=0.1, solver="sgd", optimizer="gd", learning_rate=1e-9)
    for start in range(0, 150, 50):
        part = slice(start, start + 50)
        model = pickle.loads(pickle.dumps(model.partial_fit(X[part], y[part], sample_weight=weight[part])))
    moments = model._state.seen
    mean = np.average(X, axis=0, weights=weight)
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(moments.unit(penalty, 1.0), units[standardize], rtol=1e-12)


@pytest.mark.parametrize(("standardize", "shift"), [(True, np.array([0.0, 1e9, 1e-1, 0.0])), ("typical_size", 0.0)])
def test_standardize_lets_no_prediction_depend_on_a_unit(standardize, shift):
    X, y, _, _ = problem(weighted=False)
    model = GDRegressor(penalty=L2(standardize=standardize), alpha=0.1)
    before = model.fit(X, y).predict(X)
    factor = np.array([1e-6, 1e6, 1.0, 1e3])
    after = model.fit(X * factor + shift, y).predict(X * factor + shift)
    np.testing.assert_allclose(after, before, rtol=1e-5)


@pytest.mark.parametrize("penalty", [L2, L1, ElasticNet])
def test_standardize_must_be_known(penalty):
    with pytest.raises(TypeError, match="standardize='yes' must be True, False or 'typical_size'"):
        penalty(standardize="yes").validate()


@pytest.mark.parametrize("standardize", [True, "typical_size"])
@pytest.mark.parametrize("penalty", STANDARDIZED)
@pytest.mark.parametrize("solver", ["sgd", "saga", "svrg"])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("nonzeros", ["few", "many"])
def test_standardize_row_by_row_is_the_same_on_csr(penalty, solver, standardize, outputs, nonzeros):
    """Loops at the cost of the stored values of a sample shrink coefficients lazily, to the same value."""
    X, y, weight, _ = problem()
    X /= X.std(axis=0)
    if nonzeros == "few":
        X = X * (np.random.default_rng(0).random(X.shape) < 0.1)
    y = np.column_stack([y, -y])[:, :outputs].squeeze()
    shared = {
        "penalty": STANDARDIZED[penalty](standardize),
        "solver": solver,
        "optimizer": "gd",
        "learning_rate": 0.003 if solver != "sgd" else "invscaling",
        "alpha": 0.003,
        "max_iter": 3,
        "tol": None,
        "random_state": 0,
    }
    dense = GDRegressor(**shared).fit(X, y, sample_weight=weight)
    sparse = GDRegressor(**shared).fit(sp.csr_array(X), y, sample_weight=weight)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-9, atol=1e-12)
