"""Schedules: rates by hand, the meaning of None, warm-up, and comparisons with scikit-learn step by step."""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier, SGDRegressor

from sklearn_gd import GDClassifier, GDRegressor, RegressionLoss, Schedule
from sklearn_gd.losses import EpsilonInsensitive, Hinge, Huber, LogLoss, SquaredError
from sklearn_gd.schedules import (
    SCHEDULES,
    Adaptive,
    CallableSchedule,
    Constant,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    InvScaling,
    OneCycle,
    Optimal,
    PolynomialDecay,
    Run,
    StepDecay,
    WarmUp,
)

# A fit of 6 epochs of 4 steps, and a stream, whose length is unknown.
FIT = Run(alpha=0.01, loss=Hinge(), steps_per_epoch=4, total_steps=24)
STREAM = Run(alpha=0.01, loss=Hinge())
ROOT = math.sqrt(0.5)


@dataclass
class Facts:
    """`points` are (parameters, steps, rates), by hand; `lengths` the parameter that may be None and its meaning in `FIT`."""

    points: list
    lengths: tuple = ()
    # Whether the rate never increases.
    falls: bool = True
    bad: tuple = ()


ETA0 = ({"eta0": 0.0}, {"eta0": -0.1})
STEPS = ({"decay_steps": 0}, {"decay_steps": -1})
FACTS = {
    "constant": Facts([({"eta0": 0.5}, [1, 2, 1000], [0.5, 0.5, 0.5]), ({}, [1], [0.01])], bad=ETA0),
    # eta0 / t^p
    "invscaling": Facts(
        [
            ({"eta0": 1.0, "power_t": 0.5}, [1, 4, 9], [1.0, 0.5, 1 / 3]),
            ({"eta0": 3.0, "power_t": 1.0}, [1, 2, 10], [3.0, 1.5, 0.3]),
            ({"power_t": 0.0}, [1, 7], [0.01, 0.01]),
            ({}, [1, 16], [0.01, 0.005]),
        ],
        bad=(*ETA0, {"power_t": -0.1}),
    ),
    # 1 / (alpha (t0 + t - 1)): alpha = 0.01, w = 1 / sqrt(0.1), slope -1: first rate w, t0 = 100 / w = 100 sqrt(0.1)
    "optimal": Facts([({}, [1, 101], [10**0.5, 100.0 / (100.0 * 0.1**0.5 + 100.0)])]),
    "adaptive": Facts(
        [({"eta0": 0.1}, [1, 1000], [0.1, 0.1])],
        bad=(*ETA0, {"factor": 0.0}, {"factor": 1.0}, {"min_rate": 0.0}),
    ),
    # eta0 d^((t - 1) / s)
    "exponential": Facts(
        [
            ({"eta0": 1.0, "decay": 0.25, "decay_steps": 2}, [1, 2, 3, 5], [1.0, 0.5, 0.25, 0.0625]),
            ({"eta0": 1.0, "decay": 0.25, "decay_steps": 2, "staircase": True}, [1, 2, 3, 4, 5], [1.0, 1.0, 0.25, 0.25, 0.0625]),
            ({"decay": 1.0, "decay_steps": 1}, [1, 9], [0.01, 0.01]),
        ],
        lengths=("decay_steps", 4),
        bad=(*ETA0, *STEPS, {"decay": 0.0}, {"decay": 1.5}),
    ),
    # eta0 d^floor((t - 1) / s)
    "step": Facts(
        [
            ({"eta0": 1.0, "decay": 0.5, "decay_steps": 2}, [1, 2, 3, 4, 5], [1.0, 1.0, 0.5, 0.5, 0.25]),
            ({"decay_steps": 3}, [3, 4], [0.01, 0.001]),
        ],
        lengths=("decay_steps", 8),
        bad=(*ETA0, *STEPS, {"decay": 0.0}, {"decay": 1.5}),
    ),
    # (eta0 - end) (1 - (t - 1) / s)^p + end, then end
    "polynomial": Facts(
        [
            ({"eta0": 1.0, "end_rate": 0.0, "decay_steps": 2}, [1, 2, 3, 4], [1.0, 0.5, 0.0, 0.0]),
            ({"eta0": 1.0, "end_rate": 0.5, "power": 2.0, "decay_steps": 4}, [1, 3, 4, 5, 99], [1.0, 0.625, 0.53125, 0.5, 0.5]),
        ],
        lengths=("decay_steps", 24),
        bad=(*ETA0, *STEPS, {"end_rate": -0.1}, {"power": 0.0}),
    ),
    # eta0 (f + (1 - f) (1 + cos(pi (t - 1) / s)) / 2), then eta0 f
    "cosine": Facts(
        [
            ({"eta0": 1.0, "decay_steps": 2}, [1, 2, 3, 4], [1.0, 0.5, 0.0, 0.0]),
            ({"eta0": 2.0, "decay_steps": 4, "floor": 0.5}, [1, 2, 3, 5, 9], [2.0, 1.5 + 0.5 * ROOT, 1.5, 1.0, 1.0]),
        ],
        lengths=("decay_steps", 24),
        bad=(*ETA0, *STEPS, {"floor": -0.1}, {"floor": 1.1}),
    ),
    # half cosines of 2, 4, 8, ... steps; the m-th begins at eta0 m_mul^m
    "cosine_restarts": Facts(
        [
            (
                {"eta0": 1.0, "first_decay_steps": 2},
                [1, 2, 3, 4, 5, 6, 7, 11],
                [1.0, 0.5, 1.0, 0.5 + 0.5 * ROOT, 0.5, 0.5 - 0.5 * ROOT, 1.0, 0.5],
            ),
            ({"eta0": 1.0, "first_decay_steps": 2, "t_mul": 1.0, "m_mul": 0.5}, [1, 2, 3, 4, 5], [1.0, 0.5, 0.5, 0.25, 0.25]),
            ({"eta0": 1.0, "first_decay_steps": 2, "t_mul": 3.0, "floor": 0.5}, [2, 3, 6, 9], [0.75, 1.0, 0.75, 1.0]),
        ],
        lengths=("first_decay_steps", 40),
        falls=False,
        bad=(
            *ETA0,
            {"first_decay_steps": 0},
            {"t_mul": 0.5},
            {"m_mul": 0.0},
            {"m_mul": 1.5},
            {"floor": -0.1},
            {"floor": 1.1},
        ),
    ),
    # up from max / 25 in 0.3 * 10 - 1 = 2 steps, down to max / 250000 in 7 more
    "one_cycle": Facts(
        [
            ({"max_rate": 1.0, "total_steps": 10}, [1, 2, 3, 10, 11], [0.04, 0.52, 1.0, 4e-6, 4e-6]),
            (
                {"max_rate": 3.0, "total_steps": 5, "pct_start": 0.6, "div_factor": 3.0, "final_div_factor": 2.0},
                [1, 2, 3, 4, 5, 6],
                [1.0, 2.0, 3.0, 1.75, 0.5, 0.5],
            ),
        ],
        lengths=("total_steps", 24),
        falls=False,
        bad=(
            {"max_rate": 0.0},
            {"total_steps": 1},
            {"pct_start": 0.0},
            {"pct_start": 1.0},
            {"div_factor": 0.5},
            {"final_div_factor": 0.5},
        ),
    ),
    # t / w of the first rate, then the schedule from its first step
    "warmup": Facts(
        [
            ({"schedule": InvScaling(1.0, 0.5), "warmup_steps": 2}, [1, 2, 3, 6], [0.5, 1.0, 1.0, 0.5]),
            ({"schedule": 2.0, "warmup_steps": 4}, [1, 2, 3, 4, 5, 99], [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]),
            ({}, [1, 50, 100, 101], [0.0001, 0.005, 0.01, 0.01]),
        ],
        falls=False,
        bad=({"warmup_steps": 0}, {"schedule": -1.0}, {"schedule": 0}),
    ),
}
HAND = [(name, *point) for name, facts in FACTS.items() for point in facts.points]
WITH_LENGTHS = [name for name, facts in FACTS.items() if facts.lengths]


def rates(schedule, n=60, run=FIT):
    """The rates of the first `n` steps."""
    return schedule.rate(np.arange(1.0, n + 1.0), run)


# --- by hand -------------------------------------------------------------------------------------------------------------


def test_every_registered_schedule_has_its_facts():
    assert set(FACTS) == set(SCHEDULES)
    for name, facts in FACTS.items():
        parameters = SCHEDULES[name]().get_params(deep=False)
        unbounded = {each for each, value in parameters.items() if isinstance(value, bool)}
        assert {each for bad in facts.bad for each in bad} == set(parameters) - unbounded, name
        assert [each for each, value in parameters.items() if value is None] == list(facts.lengths[:1]), name


@pytest.mark.parametrize(("name", "parameters", "steps", "expected"), HAND)
def test_rates_by_hand(name, parameters, steps, expected):
    schedule = SCHEDULES[name](**parameters)
    schedule.validate()
    found = schedule.rate(np.array(steps, dtype=float), FIT)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize(("name", "parameters", "steps", "expected"), HAND)
def test_a_rate_depends_on_its_step_alone(name, parameters, steps, expected):
    """The rates are the same for a whole epoch, for single steps, and from another first step."""
    schedule = SCHEDULES[name](**parameters)
    together = rates(schedule)
    np.testing.assert_array_equal(together, [schedule.rate(np.array([t]), FIT)[0] for t in range(1, 61)])
    np.testing.assert_array_equal(together[20:], schedule.rate(np.arange(21.0, 61.0), FIT))


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_finite_and_not_negative(name):
    found = rates(SCHEDULES[name](), n=5000)
    assert np.isfinite(found).all()
    assert (found >= 0.0).all()
    assert found.max() <= {"one_cycle": 0.1, "optimal": 10**0.5 * (1.0 + 1e-15)}.get(name, 0.01)


@pytest.mark.parametrize(
    ("name", "parameters"), [(name, point[0]) for name, facts in FACTS.items() if facts.falls for point in facts.points]
)
def test_rates_never_rise(name, parameters):
    assert (np.diff(rates(SCHEDULES[name](**parameters))) <= 0.0).all()


# --- single schedules ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [50, 1000])
@pytest.mark.parametrize(
    ("kind", "parameters", "end"),
    [
        (PolynomialDecay, {"end_rate": 0.2}, 0.2),
        (PolynomialDecay, {"end_rate": 0.0, "power": 2.0}, 0.0),
        (CosineDecay, {}, 0.0),
        (CosineDecay, {"floor": 0.3}, 0.3),
    ],
)
def test_decays_are_continuous_and_end_where_they_say(kind, parameters, end, length):
    """No decrease exceeds twice the mean one, down to the last rate, which then remains constant."""
    found = rates(kind(eta0=1.0, decay_steps=length, **parameters), n=2 * length)
    assert found[0] == 1.0
    assert np.abs(np.diff(found)).max() <= 2.0 / length
    np.testing.assert_allclose(found[length:], end, rtol=0.0, atol=1e-16)


def test_exponential_decay_by_staircase_meets_the_curve_at_whole_multiples():
    curve = rates(ExponentialDecay(decay=0.5, decay_steps=5))
    stairs = rates(ExponentialDecay(decay=0.5, decay_steps=5, staircase=True))
    np.testing.assert_allclose(stairs, np.repeat(curve[::5], 5), rtol=1e-15)
    assert (stairs >= curve).all()


def test_step_decay_is_the_staircase():
    np.testing.assert_array_equal(
        rates(StepDecay(decay=0.5, decay_steps=7)), rates(ExponentialDecay(decay=0.5, decay_steps=7, staircase=True))
    )


@pytest.mark.parametrize("floor", [0.0, 0.2])
@pytest.mark.parametrize(
    ("t_mul", "m_mul", "first"), [(1.0, 1.0, 7), (2.0, 0.5, 3), (1.5, 0.9, 10), (3.0, 1.0, 1), (1.01, 1.0, 4)]
)
def test_cosine_restarts_are_half_cosines_one_after_another(t_mul, m_mul, first, floor):
    """Built from single cycles; restarts are at the sums of the lengths; all cycles end at one floor."""
    n = 3000
    expected, begin, length, height = np.empty(n), 0.0, float(first), 1.0
    for passed in range(n):
        while passed - begin >= length * (1.0 - 1e-9):
            begin, length, height = begin + length, length * t_mul, height * m_mul
        share = max(passed - begin, 0.0) / length
        expected[passed] = floor + (1.0 - floor) * height * 0.5 * (1.0 + math.cos(math.pi * share))
    found = rates(CosineRestarts(eta0=1.0, first_decay_steps=first, t_mul=t_mul, m_mul=m_mul, floor=floor), n=n)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_one_cycle_is_that_of_torch():
    """Two half cosines, over pct_start * n - 1 steps and the rest, as in OneCycleLR."""

    def anneal(start, end, share):
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1.0)

    n, pct_start, top, div, final = 40, 0.25, 0.5, 10.0, 100.0
    peak = pct_start * n - 1.0
    expected = [
        anneal(top / div, top, at / peak) if at <= peak else anneal(top, top / div / final, (at - peak) / (n - 1.0 - peak))
        for at in range(n)
    ]
    schedule = OneCycle(max_rate=top, total_steps=n, pct_start=pct_start, div_factor=div, final_div_factor=final)
    np.testing.assert_allclose(rates(schedule, n=n), expected, rtol=1e-12)
    rise = np.diff(expected) > 0.0
    assert rise[:9].all()
    assert not rise[9:].any()


@pytest.mark.parametrize("total_steps", [2, 3, 4, 10])
def test_a_short_cycle_has_finite_rates_up_to_the_highest(total_steps):
    found = rates(OneCycle(max_rate=1.0, total_steps=total_steps), n=total_steps + 2)
    assert (found > 0.0).all()
    assert (found <= 1.0).all()
    assert found[total_steps - 1] == found[-1] == pytest.approx(4e-6)


def test_a_function_is_called_with_each_step_as_a_float():
    seen = []
    schedule = CallableSchedule(lambda t: seen.append(t) or 1.0 / t)
    np.testing.assert_array_equal(schedule.rate(np.array([1.0, 2.0, 4.0]), None), [1.0, 0.5, 0.25])
    assert seen == [1.0, 2.0, 4.0]
    assert all(type(t) is float for t in seen)


# --- lengths -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_LENGTHS)
def test_none_stands_for_the_length_of_the_run(name):
    parameter, meaning = FACTS[name].lengths
    np.testing.assert_array_equal(rates(SCHEDULES[name]()), rates(SCHEDULES[name](**{parameter: meaning}), run=None))


@pytest.mark.parametrize("name", WITH_LENGTHS)
def test_none_is_refused_where_the_run_has_no_length(name):
    parameter, _ = FACTS[name].lengths
    message = rf"^{SCHEDULES[name].__name__}: {parameter}=None means .*, which is unknown in partial_fit; set a number of steps$"
    for run in (STREAM, None):
        with pytest.raises(ValueError, match=message):
            rates(SCHEDULES[name](), run=run)
    with pytest.raises(ValueError, match=message):
        rates(WarmUp(SCHEDULES[name]()), run=STREAM)


@pytest.mark.parametrize("name", WITH_LENGTHS)
def test_partial_fit_refuses_a_schedule_without_lengths_and_changes_nothing(name):
    X, y = np.array([[-1.0], [1.0], [2.0]]), np.array([-1.0, 1.0, 2.0])
    parameter, _ = FACTS[name].lengths
    model = GDRegressor(learning_rate=name, solver="sgd")
    with pytest.raises(ValueError, match=f"{parameter}=None"):
        model.partial_fit(X, y)
    assert not hasattr(model, "coef_")
    model.set_params(learning_rate=SCHEDULES[name](**{parameter: 5})).partial_fit(X, y)
    before = model.coef_.copy()
    with pytest.raises(ValueError, match=f"{parameter}=None"):
        model.set_params(learning_rate=name).partial_fit(X, y)
    np.testing.assert_array_equal(model.coef_, before)


def test_a_third_of_a_very_short_fit_is_one_step():
    run = Run(alpha=0.0, loss=Hinge(), steps_per_epoch=1, total_steps=2)
    np.testing.assert_allclose(rates(StepDecay(eta0=1.0), n=3, run=run), [1.0, 0.1, 0.01])


# --- warm-up -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("warmup_steps", [1, 3, 20])
@pytest.mark.parametrize("name", SCHEDULES)
def test_warm_up_is_a_line_to_the_first_rate_and_then_the_schedule(name, warmup_steps):
    following, rest = SCHEDULES[name](), replace(FIT, total_steps=max(FIT.total_steps - warmup_steps, 1))
    found, after = rates(WarmUp(following, warmup_steps=warmup_steps)), rates(following, run=rest)
    np.testing.assert_allclose(found[:warmup_steps], after[0] * np.arange(1, warmup_steps + 1) / warmup_steps, rtol=1e-15)
    np.testing.assert_array_equal(found[warmup_steps:], after[: 60 - warmup_steps])


@pytest.mark.parametrize("schedule", [CosineDecay(1.0), OneCycle(1.0), PolynomialDecay(1.0, 0.0)], ids=repr)
def test_the_schedule_after_a_warm_up_has_what_is_left_of_the_run(schedule):
    """The last rate is that of the schedule's last step; the run is 50 steps shorter for it."""
    t = np.arange(1.0, 101.0)
    rates = WarmUp(schedule, warmup_steps=50).rate(t, Run(1e-4, None, 10, 100))
    np.testing.assert_array_equal(rates[50:], schedule.rate(t[:50], Run(1e-4, None, 10, 50)))
    assert rates[-1] < 0.05


def test_a_misspelt_attribute_of_a_function_is_named():
    class Lowered(CallableSchedule):
        plateau_facter = 0.5

    with pytest.raises(TypeError, match="did you mean"):
        Lowered(lambda t: 0.1).validate()


def test_warm_up_before_an_adaptive_schedule_still_adapts():
    schedule = WarmUp(Adaptive(factor=0.5, min_rate=1e-3))
    assert (schedule.plateau_factor, schedule.min_rate) == (0.5, 1e-3)
    assert WarmUp(0.1).plateau_factor is None


@pytest.mark.parametrize("schedule", ["cosine", None, Constant, len, True])
def test_what_follows_a_warm_up_is_a_schedule_or_a_number(schedule):
    with pytest.raises(TypeError, match=r"^WarmUp: schedule=.* must be a Schedule object or a number > 0$"):
        WarmUp(schedule).validate()


# --- parameters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, facts in FACTS.items() for bad in facts.bad])
def test_a_parameter_out_of_its_range_is_named(name, bad):
    ((parameter, value),) = bad.items()
    # A number instead of the schedule after a warm-up is the rate of a constant schedule.
    owner = "Constant: eta0" if parameter == "schedule" else f"{SCHEDULES[name].__name__}: {parameter}"
    with pytest.raises(ValueError, match=rf"^{owner}={value!r} must be an? (number|integer)"):
        SCHEDULES[name](**bad).validate()


NUMBERS = [
    (name, each, value)
    for name in FACTS
    for each, value in SCHEDULES[name]().get_params(deep=False).items()
    if not isinstance(value, bool) and each != "schedule"
]


@pytest.mark.parametrize(("value", "error"), [("1", TypeError), (True, TypeError), (math.nan, None), (math.inf, None)])
@pytest.mark.parametrize(("name", "parameter", "default"), NUMBERS)
def test_a_parameter_that_is_no_finite_number_is_named(name, parameter, default, value, error):
    """An integer parameter must not be a float, finite or not."""
    error = error or (TypeError if default is None or isinstance(default, int) else ValueError)
    with pytest.raises(error, match=rf"^{SCHEDULES[name].__name__}: {parameter}={value!r} must be an? (number|integer)"):
        SCHEDULES[name](**{parameter: value}).validate()


def test_a_flag_that_is_none_is_named():
    with pytest.raises(TypeError, match=r"^ExponentialDecay: staircase='no' must be True or False$"):
        ExponentialDecay(staircase="no").validate()


def test_a_schedule_without_a_rate_is_refused():
    class Nothing(Schedule):
        pass

    with pytest.raises(TypeError, match=r"^Nothing has no method rate\(t, run\): a schedule must define it$"):
        Nothing().validate()
    with pytest.raises(TypeError, match=r"^CallableSchedule: function=3 must be callable$"):
        CallableSchedule(3).validate()


# --- "optimal" -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [Hinge(), LogLoss(), SquaredError(), Huber(delta=0.5)], ids=repr)
@pytest.mark.parametrize("alpha", [1e-4, 0.1, 2.0])
def test_optimal_is_bottous_rule(alpha, loss):
    """None of these slopes exceeds one at a target of one and a much lower score: t0 = alpha^-3/4."""
    found = rates(Optimal(), run=Run(alpha=alpha, loss=loss))
    np.testing.assert_allclose(found, 1.0 / (alpha * (alpha**-0.75 + np.arange(60.0))), rtol=1e-13)


def test_optimal_begins_lower_where_the_loss_is_steep():
    class Steep(RegressionLoss):
        @staticmethod
        def value(y, raw):
            return 3.0 * raw

        @staticmethod
        def gradient(y, raw):
            return 3.0

    class SteepWithoutGradient(RegressionLoss):
        @staticmethod
        def value(y, raw):
            return 3.0 * raw

    for loss in (Steep(), SteepWithoutGradient()):
        assert rates(Optimal(), n=1, run=Run(alpha=1e-4, loss=loss))[0] == pytest.approx(10.0 / 3.0, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.0, -1.0, math.nan])
def test_optimal_needs_a_penalty(alpha):
    with pytest.raises(ValueError, match=f"^learning_rate='optimal' requires alpha > 0, but alpha={alpha}$"):
        rates(Optimal(), run=Run(alpha=alpha, loss=Hinge()))


# --- scikit-learn --------------------------------------------------------------------------------------------------------


def classes():
    """A small scaled problem with noise in the labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 4))
    return X, np.where(X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=40) > 0.3, "yes", "no")


def targets():
    """A small scaled regression problem."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 4))
    return X, X @ [1.0, -2.0, 0.5, 0.0] + 0.5 + rng.normal(size=40)


def assert_same(ours, theirs):
    np.testing.assert_allclose(ours.coef_.ravel(), theirs.coef_.ravel(), rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=0.0, atol=1e-10)


OURS = {"penalty": "l2", "solver": "sgd", "shuffle": False, "tol": None}
THEIRS = {"shuffle": False, "tol": None}
RULES = {
    "optimal": ("optimal", {"learning_rate": "optimal"}),
    "invscaling": (InvScaling(0.1, 0.4), {"learning_rate": "invscaling", "eta0": 0.1, "power_t": 0.4}),
    "constant": (0.05, {"learning_rate": "constant", "eta0": 0.05}),
    "adaptive without a tolerance": (Adaptive(0.05), {"learning_rate": "adaptive", "eta0": 0.05}),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
@pytest.mark.parametrize("loss", ["hinge", "log_loss", "modified_huber", "squared_hinge"])
def test_a_fit_is_scikit_learns(loss, alpha, rule):
    X, y = classes()
    ours, theirs = RULES[rule]
    if loss == "squared_hinge" and rule == "optimal":
        alpha = 1.0  # with a lower one both diverge
    assert_same(
        GDClassifier(loss, alpha=alpha, learning_rate=ours, max_iter=3, **OURS).fit(X, y),
        SGDClassifier(loss=loss, alpha=alpha, max_iter=3, **theirs, **THEIRS).fit(X, y),
    )


@pytest.mark.parametrize("loss", ["hinge", "log_loss"])
def test_optimal_is_scikit_learns_step_for_step(loss):
    X, y = classes()
    ours = GDClassifier(loss, alpha=0.01, learning_rate="optimal", **OURS)
    theirs = SGDClassifier(loss=loss, alpha=0.01, learning_rate="optimal", **THEIRS)
    for row, label in itertools.chain(zip(X, y, strict=True), zip(X, y, strict=True)):
        ours.partial_fit([row], [label], classes=["no", "yes"])
        theirs.partial_fit([row], [label], classes=["no", "yes"])
        assert_same(ours, theirs)
    assert ours.t_ == 80
    assert theirs.t_ == 81


REGRESSION = [
    (SquaredError(), {"loss": "squared_error"}),
    (Huber(delta=0.3), {"loss": "huber", "epsilon": 0.3}),
    (EpsilonInsensitive(epsilon=0.2), {"loss": "epsilon_insensitive", "epsilon": 0.2}),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("loss", "theirs"), REGRESSION, ids=[repr(loss) for loss, _ in REGRESSION])
def test_a_regression_is_scikit_learns(loss, theirs, rule):
    X, y = targets()
    rate, their_rate = RULES[rule]
    assert_same(
        GDRegressor(loss, alpha=0.1, learning_rate=rate, max_iter=3, **OURS).fit(X, y),
        SGDRegressor(alpha=0.1, max_iter=3, **theirs, **their_rate, **THEIRS).fit(X, y),
    )


def adaptive_pair(max_iter):
    """Fits with a tolerance that no epoch satisfies, so that both lower the rate after every epoch from the second."""
    X, y = classes()
    ours = GDClassifier(
        "log_loss",
        penalty="l2",
        solver="sgd",
        shuffle=False,
        learning_rate=Adaptive(0.05),
        alpha=0.01,
        max_iter=max_iter,
        tol=1e10,
        n_iter_no_change=1,
    )
    theirs = SGDClassifier(
        loss="log_loss",
        shuffle=False,
        learning_rate="adaptive",
        eta0=0.05,
        alpha=0.01,
        max_iter=max_iter,
        tol=1e10,
        n_iter_no_change=1,
    )
    return ours.fit(X, y), theirs.fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("max_iter", [1, 2, 3, 6])
def test_adaptive_lowers_the_rate_as_scikit_learns_does(max_iter):
    assert_same(*adaptive_pair(max_iter))


def test_adaptive_ends_where_scikit_learns_does():
    ours, theirs = adaptive_pair(100)
    assert ours.n_iter_ == theirs.n_iter_


def test_adaptive_ends_at_its_least_rate():
    """0.05 twice, as the first plateau needs two epochs; then 0.01, 0.002, 0.0004, and 0.00008 is no higher than 1e-4."""
    X, y = classes()
    model = GDClassifier(
        solver="sgd", shuffle=False, learning_rate=Adaptive(0.05, min_rate=1e-4), max_iter=100, tol=1e10, n_iter_no_change=1
    )
    model.fit(X, y)
    assert model.n_iter_ == 6


@pytest.mark.parametrize(
    ("schedule", "rate", "factor"),
    [
        (Constant(), 0.1, None),
        (Adaptive(factor=0.5, min_rate=0.01), 0.1, 0.5),
        (Adaptive(factor=0.5, min_rate=0.01), 0.01, None),
        (WarmUp(Adaptive(factor=0.5, min_rate=0.01)), 0.1, 0.5),
        (WarmUp(Adaptive(factor=0.5, min_rate=0.01)), 0.01, None),
        (WarmUp(0.1), 0.1, None),
    ],
    ids=repr,
)
def test_a_plateau_lowers_the_rate_down_to_the_lowest(schedule, rate, factor):
    assert schedule.lowered(rate) == factor


def test_a_schedule_of_ones_own_may_lower_its_rate_without_end():
    class Halving(Constant):
        plateau_factor = 0.5

    assert Halving().lowered(1e-300) == 0.5


def fit_with(rate):
    """A fit under a schedule whose method is `rate`, or under the function itself."""
    X, y = classes()
    schedule = rate if getattr(rate, "alone", False) else type("Mine", (Schedule,), {"rate": rate})()
    return GDClassifier(solver="sgd", learning_rate=schedule, max_iter=1, tol=None).fit(X, y)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (lambda self, t, run: None, r"Mine\.rate returned None for \d+ steps; it must return one learning rate per step"),
        (lambda self, t, run: 0.1, r"Mine\.rate returned 0\.1 for \d+ steps; .* an array of shape \(\d+,\), such as np\.full"),
        (lambda self, t, run: t[:2], r"Mine\.rate returned shape \(2,\) for \d+ steps"),
        (lambda self, t, run: "a", r"Mine\.rate returned 'a' for"),
        (lambda self, t, run: -0.1 / t, r"Mine\.rate returned -0\.1 at step 1; learning rates must be finite and >= 0"),
        (lambda self, t: 0.1 / t, r"Mine\.rate\(self, t\) must take \(self, t, run\): too many positional arguments"),
        (
            lambda self, t, run, more: t,
            r"Mine\.rate\(self, t, run, more\) must take \(self, t, run\): missing a required argument: 'more'",
        ),
    ],
)
def test_a_schedule_written_wrongly_is_explained(rate, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        fit_with(rate)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (lambda t: None, r"learning_rate=<function .*> returned None at step 1; it must return a number"),
        (lambda t: "a", r"learning_rate=<function .*> returned 'a' at step 1; it must return a number"),
        (lambda t: np.ones(2), r"learning_rate=<function .*> returned array\(\[1\., 1\.\]\) at step 1; it must return a number"),
        (lambda t, epoch: 0.1, r"learning_rate: <lambda>\(t, epoch\) must take \(t\): missing a required argument: 'epoch'"),
        (lambda: 0.1, r"learning_rate: <lambda>\(\) must take \(t\): too many positional arguments"),
    ],
)
def test_a_function_of_the_step_written_wrongly_is_explained(rate, message):
    rate.alone = True
    with pytest.raises(TypeError, match=f"^{message}"):
        fit_with(rate)


def test_an_error_of_a_schedule_says_how_it_was_called():
    with pytest.raises(AttributeError) as caught:
        fit_with(lambda self, t, run: self.eta / t)
    assert caught.value.__notes__ == [
        f"Mine.rate was called with the steps t, an array of shape ({len(classes()[1])},), and "
        f"Run(alpha=0.0001, loss=LogLoss(), steps_per_epoch={len(classes()[1])}, total_steps={len(classes()[1])})."
    ]


def test_an_integer_beyond_the_largest_float_is_no_rate():
    with pytest.raises(ValueError, match=r"^learning_rate=10+ must be a number > 0, a schedule or 'auto'$"):
        GDClassifier(learning_rate=10**400).fit([[0.0], [1.0]], [0, 1])
