"""gradient_descent: by hand, compared with the estimators, through SciPy, and its errors."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import Bounds, OptimizeResult, OptimizeWarning, basinhopping, minimize, rosen, rosen_der
from versions import SEED

from sklearn_gd import GDRegressor, Optimizer, gradient_descent
from sklearn_gd.losses import SquaredError
from sklearn_gd.objective._objective import Objective
from sklearn_gd.optimizers import OPTIMIZERS, AdamW
from sklearn_gd.penalties import NoPenalty
from sklearn_gd.schedules import Adaptive, InvScaling


def parabola(x):
    return 6 * x[0] ** 2 - 12 * x[0] + 3


def parabola_slope(x):
    return 12 * x - 12


def bowl(x):
    """A quadratic function of two scales with its minimum at (1, -2)."""
    return float((x[0] - 1) ** 2 + 10 * (x[1] + 2) ** 2)


def bowl_slope(x):
    return np.array([2 * (x[0] - 1), 20 * (x[1] + 2)])


def test_the_textbook_step():
    """By hand: the slope at -0.9 is -22.8, and a rate of 0.03 leads to -0.216."""
    found = gradient_descent(parabola, -0.9, jac=parabola_slope, learning_rate=0.03, return_all=True)
    x = -0.9
    for at in found.allvecs:
        assert at[0] == x
        x = x - 0.03 * (12 * x - 12)
    assert found.allvecs[1][0] == pytest.approx(-0.216, abs=1e-15)
    assert found.success
    assert found.status == 0
    assert abs(found.jac[0]) <= 1e-5 < abs(parabola_slope(found.allvecs[-2])[0])
    assert found.fun == parabola(found.x)
    assert found.jac[0] == parabola_slope(found.x)[0]
    assert found.nit == len(found.allvecs) - 1
    assert (found.nfev, found.njev) == (found.nit + 1, found.nit + 1)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_the_estimators_steps(name):
    """On F of a regression the coefficients equal those of `fit` to the last bit (a mean over 16 samples is exact)."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(16, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=16)
    parts = {"optimizer": name, "learning_rate": "invscaling"}
    model = GDRegressor(penalty=None, solver="batch", fit_intercept=False, max_iter=7, tol=None, **parts).fit(X, y)
    F = Objective(
        X,
        y[:, None],
        np.ones(16),
        loss=SquaredError(),
        penalty=NoPenalty(),
        alpha=0.0,
        n_outputs=1,
        fit_intercept=False,
        one_vs_rest=False,
    )
    found = gradient_descent(F.value, np.zeros(4), jac=F.gradient, maxiter=7, gtol=0.0, **parts)
    assert np.array_equal(found.x[:3], model.coef_)
    assert found.fun == model.loss_curve_[-1]


def test_an_update_rule_of_ones_own():
    class SignDescent(Optimizer):
        default_rate = 0.25

        @staticmethod
        def update(w, g, rate, t):
            return w - rate * np.sign(g), rate

    found = gradient_descent(bowl, [0.0, 0.0], jac=bowl_slope, optimizer=SignDescent(), maxiter=100)
    assert found.success
    assert found.x.tolist() == [1.0, -2.0]
    assert found.nit == 8


@pytest.mark.parametrize("optimizer", ["dog", "dowg", "coordinate_dog", "schedule_free"])
def test_what_is_evaluated_has_converged(optimizer):
    """Success means that the gradient is small at x, not only at the points of the steps."""
    rate = {"learning_rate": 0.05} if optimizer == "schedule_free" else {}
    found = gradient_descent(
        lambda x: x[0] ** 2 + 10 * x[1] ** 2,
        [1.0, -2.0],
        jac=lambda x: np.array([2 * x[0], 20 * x[1]]),
        optimizer=optimizer,
        maxiter=20_000,
        gtol=1e-3,
        **rate,
    )
    assert found.success == (np.abs(found.jac).max() <= 1e-3)
    assert found.success or found.nit == 20_000
    assert found.jac == pytest.approx([2 * found.x[0], 20 * found.x[1]])


def test_a_descent_that_never_fell_is_told_to_lower_its_rate():
    """Slow divergence, and an oscillation of constant size."""
    for rate in (1.01, 1.0):
        found = gradient_descent(lambda x: x[0] ** 2, [1.0], jac=lambda x: 2 * x, learning_rate=rate, maxiter=100)
        assert not found.success
        assert "fun is no lower than at x0, where it was 1: decrease learning_rate." in found.message
    slow = gradient_descent(lambda x: x[0] ** 2, [1.0], jac=lambda x: 2 * x, learning_rate=1e-6, maxiter=100)
    assert "no lower" not in slow.message


def test_an_error_of_the_first_call_tells_what_was_called():
    with pytest.raises(TypeError) as caught:
        gradient_descent(lambda x: "a" + x, 1.0)
    assert "gradient_descent called fun with x = [1.], of shape (1,)." in caught.value.__notes__


def test_a_mean_may_be_evaluated():
    class Averaged(Optimizer):
        slots = ("mean",)
        evaluated_slot = "mean"

        @staticmethod
        def update(w, g, rate, t, mean):
            w = w - rate * g
            return w, rate, mean + (w - mean) / t

    options = {"jac": bowl_slope, "learning_rate": 0.05, "maxiter": 7, "return_all": True}
    found = gradient_descent(bowl, [0.0, 0.0], optimizer=Averaged(), **options)
    plain = gradient_descent(bowl, [0.0, 0.0], **options)
    assert np.array_equal(found.allvecs, plain.allvecs)
    assert found.x == pytest.approx(np.mean(plain.allvecs[1:], axis=0), rel=1e-14)
    assert found.fun == bowl(found.x)
    assert found.jac.tolist() == bowl_slope(found.x).tolist()


def test_decay_shrinks_every_component():
    found = gradient_descent(
        lambda x: float(x.sum()), [2.0, 4.0], jac=np.ones_like, optimizer=AdamW(weight_decay=0.5), learning_rate=0.1, maxiter=1
    )
    assert found.x == pytest.approx([2.0 * 0.95 - 0.1, 4.0 * 0.95 - 0.1], abs=1e-8)


# --- through SciPy -------------------------------------------------------------------------------------------------------


def both(x):
    return rosen(x), rosen_der(x)


@pytest.mark.parametrize("options", [{}, {"optimizer": "adam", "learning_rate": 0.03, "maxiter": 20}], ids=["auto", "adam"])
def test_scipy_calls_it_with_every_form_of_gradient(options):
    x0, start = np.array([-1.2, 1.0]), {"gtol": 1e-6, "return_all": True} | options
    direct = gradient_descent(rosen, x0, jac=rosen_der, **start)
    for fun, jac in ((rosen, rosen_der), (both, True)):
        for found in (
            minimize(fun, x0, jac=jac, method=gradient_descent, options=start),
            gradient_descent(fun, x0, jac=jac, **start),
        ):
            assert isinstance(found, OptimizeResult)
            assert np.array_equal(found.allvecs, direct.allvecs)
            assert np.array_equal(found.jac, direct.jac)
            assert (found.nit, found.nfev, found.njev) == (direct.nit, direct.nfev, direct.njev)
    for jac in (None, False):
        found = minimize(rosen, x0, jac=jac, method=gradient_descent, options=start | {"finite_diff": "cs"})
        assert np.allclose(found.x, direct.x, rtol=0, atol=1e-5)
    assert options or np.allclose(direct.x, 1.0, rtol=0, atol=1e-5)


def test_value_and_gradient_together_are_asked_for_once_a_point():
    calls = []

    def fun(x):
        calls.append(x)
        return rosen(x), rosen_der(x)

    found = gradient_descent(fun, [-1.2, 1.0], jac=True, learning_rate=1e-3, maxiter=5)
    assert len(calls) == found.nfev == 6
    assert found.njev == 6


@pytest.mark.parametrize(("how", "largest"), [("2-point", 1e-4), ("3-point", 1e-7), ("cs", 1e-13)])
def test_finite_differences(how, largest):
    """Each by its name as jac, and as an option when SciPy has replaced it by None; each has its documented accuracy."""
    x0 = [-1.2, 1.0]
    found = gradient_descent(rosen, x0, jac=how, learning_rate=1e-3, maxiter=3)
    assert abs(found.jac - rosen_der(found.x)).max() <= largest * abs(found.jac).max()
    again = minimize(rosen, x0, method=gradient_descent, options={"finite_diff": how, "learning_rate": 1e-3, "maxiter": 3})
    assert np.array_equal(found.x, again.x)
    assert found.nfev == again.nfev == 4 + 4 * {"2-point": 2, "3-point": 4, "cs": 2}[how]


@pytest.mark.parametrize("name", ["hess", "hessp"])
def test_second_derivatives_are_not_used(name):
    with pytest.warns(RuntimeWarning, match="does not use second derivatives"):
        assert gradient_descent(lambda x: float(x @ x), np.ones(2), **{name: lambda x, *p: 2.0 * np.eye(2)}).success


def test_arguments_tolerance_and_unknown_options():
    def fun(x, a, b):
        return a * (x[0] - b) ** 2

    found = minimize(fun, [0.0], args=(2.0, 3.0), tol=0.5, method=gradient_descent, options={"learning_rate": 0.1})
    assert 0.05 < abs(found.jac[0]) <= 0.5
    assert gradient_descent(lambda x, a: (x[0] - a) ** 2, 0.0, 3.0).x == pytest.approx(3.0, abs=1e-4)
    with pytest.warns(OptimizeWarning, match="Unknown solver options: learing_rate"):
        minimize(fun, [0.0], args=(2.0, 3.0), method=gradient_descent, options={"learing_rate": 0.1})
    given = gradient_descent(fun, [0.0], (2.0, 3.0), tol=0.5, gtol=1e-3, learning_rate=0.1)
    assert abs(given.jac[0]) <= 1e-3


def test_it_serves_another_frontend():
    """basinhopping finds the lower of two minima."""

    def two_valleys(x):
        return float(x[0] ** 4 - 4 * x[0] ** 2 + x[0])

    options = {"niter": 10, "stepsize": 3.0, "minimizer_kwargs": {"method": gradient_descent}, SEED: 0}
    found = basinhopping(two_valleys, [1.5], **options)
    assert found.x[0] == pytest.approx(-1.473, abs=1e-3)


def test_callbacks():
    seen, results = [], []

    def stops(x):
        seen.append(x)
        if len(seen) == 3:
            raise StopIteration

    def takes_result(intermediate_result):
        results.append(intermediate_result)

    found = minimize(rosen, [-1.2, 1.0], jac=rosen_der, method=gradient_descent, callback=stops, options={"return_all": True})
    assert (found.status, found.success, found.nit) == (99, False, 3)
    assert np.array_equal(seen, found.allvecs[1:])
    found = gradient_descent(parabola, 0.0, jac=parabola_slope, learning_rate=0.01, callback=takes_result, maxiter=4)
    assert [each.nit for each in results] == [1, 2, 3, 4]
    assert [each.fun for each in results] == [parabola(each.x) for each in results]
    assert results[-1].jac[0] == found.jac[0]


def test_disp_prints_how_it_ended(capsys):
    gradient_descent(parabola, 0.0, jac=parabola_slope, learning_rate=1 / 12, disp=True)
    assert capsys.readouterr().out == "Converged: the gradient is no larger than gtol=1e-05.\n  fun -3, nit 1, nfev 2, njev 2\n"


def test_functions_cannot_change_the_descent():
    def careless(x):
        value = bowl(x)
        x[:] = 0.0
        return value

    held = np.zeros(2)

    def careless_slope(x):
        held[:] = bowl_slope(x)
        x[:] = 0.0
        return held

    options = {"learning_rate": 0.01, "maxiter": 5, "return_all": True}
    found = gradient_descent(careless, [3.0, 1.0], jac=careless_slope, **options)
    assert np.array_equal(found.allvecs, gradient_descent(bowl, [3.0, 1.0], jac=bowl_slope, **options).allvecs)


# --- rates and ends ------------------------------------------------------------------------------------------------------


def test_schedules_give_the_rates():
    rates = [0.05, 0.02, 0.04]
    for rate in (lambda t: rates[int(t) - 1], "invscaling", InvScaling(0.05, power_t=1.0)):
        found = gradient_descent(parabola, -0.9, jac=parabola_slope, learning_rate=rate, maxiter=3, return_all=True)
        x = -0.9
        for t in (1, 2, 3):
            eta = rates[t - 1] if callable(rate) else 0.01 / t**0.25 if rate == "invscaling" else 0.05 / t
            x = x - eta * (12 * x - 12)
            assert found.allvecs[t][0] == x


def test_an_adaptive_rate_falls_where_the_value_stands_still():
    """|x| from 1.05 in steps of 0.1 oscillates around zero; a fifth of the rate ends nearer."""
    options = {"jac": np.sign, "ftol": 1e-9, "n_iter_no_change": 3, "gtol": 0.0}
    fixed = gradient_descent(lambda x: abs(x[0]), 1.05, learning_rate=0.1, **options)
    found = gradient_descent(lambda x: abs(x[0]), 1.05, learning_rate=Adaptive(0.1, min_rate=0.01), **options)
    assert fixed.success
    assert fixed.fun == pytest.approx(0.05)
    assert found.success
    assert "in 3 steps" in found.message
    assert found.fun <= 0.0101
    with pytest.raises(ValueError, match="Adaptive lowers its rate when fun stops decreasing, which requires ftol"):
        gradient_descent(bowl, [0.0, 0.0], learning_rate="adaptive")


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("bounded", [False, True])
def test_the_automatic_rate_finds_the_minimum(n, bounded):
    """For Rosenbrock's function; within bounds, the same minimum as L-BFGS-B."""
    x0 = np.full(n, -1.2)
    bounds = [(-2.0, 0.5)] + [(None, None)] * (n - 1) if bounded else None
    found = gradient_descent(rosen, x0, jac=rosen_der, bounds=bounds, maxiter=3000)
    assert found.success
    theirs = minimize(rosen, x0, jac=rosen_der, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-8})
    assert np.allclose(found.x, theirs.x, rtol=0, atol=1e-4)
    assert (found.x[0] == 0.5) == bounded


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_automatic_rate_has_no_units(scale):
    found = gradient_descent(
        lambda x: bowl(x / scale), [0.0, 0.0], jac=lambda x: bowl_slope(x / scale) / scale, gtol=1e-6 / scale
    )
    assert found.success
    assert found.nit < 30
    assert found.x / scale == pytest.approx([1.0, -2.0], abs=1e-5)


def test_a_start_at_the_minimum_takes_no_step():
    found = gradient_descent(parabola, 1.0, jac=parabola_slope, return_all=True)
    assert (found.nit, found.nfev, found.success, len(found.allvecs)) == (0, 1, True, 1)


def test_the_most_steps():
    found = gradient_descent(parabola, 0.0, jac=parabola_slope, learning_rate=1e-4, maxiter=3)
    assert (found.success, found.status, found.nit) == (False, 1, 3)
    assert "maxiter=3" in found.message


# --- bounds --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [[(None, 0.5), (-1.0, np.inf)], Bounds([-np.inf, -1.0], [0.5, np.inf])])
@pytest.mark.parametrize("rate", ["auto", 0.04])
def test_steps_are_projected_onto_the_bounds(bounds, rate):
    inside = []

    def watched(x):
        inside.append(x[0] <= 0.5 and x[1] >= -1.0)
        return bowl(x)

    for jac in (bowl_slope, None):
        found = minimize(
            watched, [0.0, 0.0], jac=jac, bounds=bounds, method=gradient_descent, options={"learning_rate": rate}, tol=1e-6
        )
        assert found.success
        assert found.x.tolist() == [0.5, -1.0]
    assert all(inside)


def test_a_component_that_the_bounds_fix():
    found = gradient_descent(bowl, [3.0, 0.0], bounds=[(3.0, 3.0), (None, None)])
    assert found.success
    assert found.x == pytest.approx([3.0, -2.0], abs=1e-5)
    assert gradient_descent(bowl, [3.0, 0.0], bounds=[(3.0, 3.0), (0.0, 0.0)]).nit == 0


# --- what goes wrong -----------------------------------------------------------------------------------------------------


def test_a_rate_that_is_too_high_ends_in_a_message():
    """The error of a step is multiplied by 1 - 12 * 0.2 = -1.4; from 1.9 it takes 31 steps to 3 + 1e10."""
    found = gradient_descent(parabola, -0.9, jac=parabola_slope, learning_rate=0.2, return_all=True)
    assert (found.success, found.status) == (False, 3)
    steps = next(k for k in range(1, 99) if 6 * (1.9 * 1.4**k) ** 2 - 3 > 1e10 * abs(parabola([-0.9])))
    assert found.nit == steps
    assert found.message.startswith(f"Step {steps}: fun is 1")
    assert "Decrease the learning rate, which was 0.2" in found.message
    assert found.x[0] == -0.9
    assert len(found.allvecs) == steps + 1


@pytest.mark.parametrize(
    ("fun", "jac", "rate", "message"),
    [
        (lambda x: math.sqrt(x[0]) if x[0] >= 0 else math.nan, lambda x: [9.0], 1.0, "Step 1: fun is nan at x="),
        (lambda x: x[0], lambda x: [1.0] if x[0] > 0.5 else [math.inf], 1.0, "Step 1: the gradient is not finite at x="),
        (lambda x: -(x[0] ** 2), lambda x: -2 * x, "auto", "fun is -inf: it has no minimum"),
        (lambda x: 1.0, lambda x: [1e308], 10.0, "Step 1: x is not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_what_is_not_finite_on_the_way(fun, jac, rate, message):
    found = gradient_descent(fun, 1.0, jac=jac, learning_rate=rate)
    assert (found.success, found.status) == (False, 3)
    assert message in found.message
    assert math.isfinite(found.fun)
    assert np.isfinite(found.x).all()


def test_a_gradient_that_is_not_that_of_the_function():
    found = gradient_descent(bowl, [0.0, 0.0], jac=lambda x: -bowl_slope(x))
    assert (found.success, found.status, found.nit) == (False, 2, 0)
    assert "Check that jac is the gradient" in found.message


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"fun": 3}, TypeError, "fun=3 must be a function"),
        ({"fun": lambda x: x}, ValueError, r"fun returned an array of shape \(2,\); it must return one number"),
        ({"fun": lambda x: None}, ValueError, "fun returned a NoneType; it must return one number"),
        ({"fun": lambda x: math.nan}, ValueError, r"fun is nan at x0=\[0.0, 0.0\]; x0 must be"),
        ({"fun": lambda x: 1j}, ValueError, "fun returned the complex number"),
        ({"jac": lambda x: [1.0]}, ValueError, r"the gradient has shape \(1,\); it must be \(2,\)"),
        ({"jac": lambda x: [1.0, math.nan]}, ValueError, r"the gradient at x0=\[0.0, 0.0\] is \[1.0, nan\]"),
        ({"jac": True}, ValueError, r"fun must return \(value, gradient\), not float"),
        ({"jac": "4-point"}, ValueError, "jac='4-point' must be a function, True, None, or one of"),
        ({"finite_diff": "4-point"}, ValueError, "finite_diff='4-point' must be one of"),
        ({"x0": [[0.0, 0.0]]}, ValueError, r"x0 must be a vector of real numbers; it has shape \(1, 2\)"),
        ({"x0": ["a"]}, ValueError, "x0 must be a vector of real numbers"),
        ({"x0": [0.0, math.inf]}, ValueError, "must be finite"),
        (
            {"fun": lambda x: (bowl(x), bowl_slope(x))},
            ValueError,
            "fun returned 2 values.*with jac=True the value and",
        ),
        ({"bounds": [(2.0, 1.0), (None, None)]}, ValueError, r"bounds\[0\] = \(2, 1\) must be two numbers, the lower one first"),
        ({"bounds": [(math.nan, 1.0), (None, None)]}, ValueError, r"bounds\[0\] = \(nan, 1\) must be two numbers"),
        (
            {"learning_rate": None},
            TypeError,
            "learning_rate=None must be one of .*, a number, a function of the step number",
        ),
        ({"bounds": [(1.0, 2.0), (None, None)]}, ValueError, r"bounds exclude x0: x0\[0\]=.*0.0.* is not in \[.*1.0.*, .*2.0"),
        ({"bounds": [(1.0, 2.0)]}, ValueError, r"a pair \(low, high\) for each of x, 2 in all"),
        ({"bounds": Bounds([0.0] * 3, [1.0] * 3)}, ValueError, r"bounds of shape \(3,\)"),
        ({"constraints": [{"type": "eq", "fun": bowl}]}, ValueError, "supports bounds but no constraints"),
        ({"optimizer": "adm"}, ValueError, "optimizer='adm' is not known"),
        ({"optimizer": "momentum"}, ValueError, "learning_rate='auto': Momentum has no default learning rate"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate=-1.0 must be a number > 0"),
        ({"learning_rate": "optimal"}, ValueError, "requires the alpha of a penalty"),
        ({"maxiter": 0}, ValueError, "maxiter=0 must be an integer >= 1"),
        ({"gtol": -1.0}, ValueError, "gtol=-1.0 must be a number >= 0"),
        ({"ftol": -1.0}, ValueError, "ftol=-1.0 must be a number >= 0 or None"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change=0 must be"),
        ({"disp": 2}, TypeError, "disp=2 must be True or False"),
        ({"return_all": "yes"}, TypeError, "return_all='yes' must be True or False"),
    ],
)
def test_errors_say_what_would_be_right(parameters, error, message):
    with pytest.raises(error, match=message):
        gradient_descent(**{"fun": bowl, "x0": [0.0, 0.0]} | parameters)


# --- without the compiler ------------------------------------------------------------------------------------------------


def test_no_built_in_optimizer_needs_the_compiler():
    code = """
import sys
import numpy as np
from sklearn_gd import gradient_descent
from sklearn_gd.optimizers import OPTIMIZERS
gradient_descent(lambda x: x @ x, np.ones(3), bounds=[(0.5, None)] * 3)
for name in OPTIMIZERS:
    gradient_descent(lambda x: x @ x, np.ones(3), jac=lambda x: 2 * x, optimizer=name, learning_rate=0.01, maxiter=5)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("numba", "llvmlite")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_optimizer_in_scalar_style_takes_the_same_steps():
    class Signs(Optimizer):
        @staticmethod
        def update(w, g, rate, t):
            return w - rate * np.sign(g), rate

    class ScalarSigns(Optimizer):
        @staticmethod
        def update(w, g, rate, t):
            return w - (rate if g > 0.0 else -rate if g < 0.0 else 0.0), rate

    options = {"jac": bowl_slope, "learning_rate": 0.3, "maxiter": 20, "return_all": True}
    one, other = (gradient_descent(bowl, [0.1, 0.0], optimizer=each(), **options) for each in (Signs, ScalarSigns))
    assert np.array_equal(one.allvecs, other.allvecs)
