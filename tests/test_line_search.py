"""Line searches: values by hand, and concave, flat and non-finite functions."""

import math

import numpy as np
import pytest

from sklearn_gd.descent._line_search import (
    MOST_LOOKS,
    WOLFE,
    backtrack,
    plane_minimiser,
    plane_minimisers,
    spectral_length,
    strong_wolfe,
)


def counted(look):
    """`look`, and the list of the step lengths at which it was called."""
    lengths = []

    def counting(t):
        lengths.append(t)
        return look(t)

    return counting, lengths


def parabola(t, lowest=0.25, curvature=4.0):
    """Half the curvature times the squared distance from the minimum: value, slope, curvature."""
    return 0.5 * curvature * (t - lowest) ** 2, curvature * (t - lowest), curvature


# --- strong Wolfe --------------------------------------------------------------------------------------------------------


def test_newton_finds_the_minimum_of_a_parabola_in_one_step():
    """At t = 1 the slope is 3 and the curvature 4: the next length is 1 - 3/4."""
    look, lengths = counted(parabola)
    value, slope, _ = parabola(0.0)
    assert strong_wolfe(look, value, slope) == (0.25, 0.0)
    assert lengths == [1.0, 0.25]


@pytest.mark.parametrize(("lowest", "looks"), [(0.7, 1), (1.0, 1), (1.9, 1), (0.6, 2), (2.1, 2)])
def test_a_first_length_within_the_wolfe_interval_is_taken(lowest, looks):
    """The slope at 1 is at most half that at 0 if |1 - m| <= m / 2: the minimum m is between 2/3 and 2."""
    look, lengths = counted(lambda t: parabola(t, lowest))
    value, slope, _ = parabola(0.0, lowest)
    t, new = strong_wolfe(look, value, slope)
    assert len(lengths) == looks
    assert t == pytest.approx(1.0 if looks == 1 else lowest, rel=1e-15)
    assert new == parabola(t, lowest)[0]


def test_both_conditions_hold_on_a_function_that_is_no_parabola():
    """t^4 / 4 - 20 t falls up to the cube root of 20; at t = 1 it is still too steep."""

    def look(t):
        return 0.25 * t**4 - 20.0 * t, t**3 - 20.0, 3.0 * t * t

    t, new = strong_wolfe(look, 0.0, -20.0)
    assert new == look(t)[0] <= 1e-4 * t * -20.0
    assert abs(look(t)[1]) <= 10.0


@pytest.mark.parametrize("lowest", [1e-3, 1e-9, 1e-20, 1e-31])
def test_a_first_length_may_be_too_long_by_any_factor(lowest):
    """The square root of 1 + (1 - t / m)^2, a smoothed absolute value, is linear at both 0 and 1, and has no curvature there."""

    def look(t):
        away = t / lowest - 1.0
        value = math.hypot(1.0, 1e3 * away)
        return value, 1e6 * away / value / lowest, 1e6 / value**3 / lowest**2

    counting, lengths = counted(look)
    value, slope, _ = look(0.0)
    t, new = strong_wolfe(counting, value, slope)
    assert new < 0.6 * value
    assert t == pytest.approx(lowest, rel=0.6)
    assert len(lengths) < 20


def test_a_concave_function_is_followed_four_times_as_far_each_time():
    """The function is -t^2 / 2 - t up to 100, then steep upwards."""

    def look(t):
        return (-0.5 * t * t - t, -1.0 - t, -1.0) if t < 100.0 else (1e6 * t, 1e6, 1.0)

    look, lengths = counted(look)
    t, new = strong_wolfe(look, 0.0, -1.0)
    assert lengths[:5] == [1.0, 4.0, 16.0, 64.0, 256.0]
    assert lengths[5] == 0.5 * (64.0 + 256.0)
    assert len(lengths) == MOST_LOOKS
    assert 99.0 < t < 100.0  # the slope never flattens, so the last length with a decrease is returned
    assert new == -0.5 * t * t - t


@pytest.mark.parametrize("rate", [3.0, 30.0, 300.0, 700.0])
def test_on_the_steep_side_of_an_exponential_the_search_does_not_creep(rate):
    """Newton's method lowers exp(rate t) by a factor of e a step only; an outlying sample of a count has such a loss."""

    def function(t):
        return math.exp(rate * t) - 2.0 * rate * t, rate * math.exp(rate * t) - 2.0 * rate, rate**2 * math.exp(rate * t)

    look, lengths = counted(function)
    value, slope, _ = function(0.0)
    t, new = strong_wolfe(look, value, slope)
    assert new < value
    assert abs(function(t)[1]) <= 0.5 * abs(slope)
    assert len(lengths) <= 10


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_where_a_function_is_not_finite_a_tenth_of_the_way_is_tried(bad):
    look, lengths = counted(lambda t: parabola(t, lowest=0.005) if t < 0.05 else (bad, bad, bad))
    value, slope, _ = parabola(0.0, lowest=0.005)
    t, new = strong_wolfe(look, value, slope)
    assert lengths[:3] == pytest.approx([1.0, 0.1, 0.01], rel=1e-15)
    assert t == pytest.approx(0.005, rel=1e-12)
    assert new == pytest.approx(0.0, abs=1e-20)


@pytest.mark.parametrize("new", [(1.0, 1.0, 0.0), (math.nan, math.nan, math.nan), (-math.inf, -1.0, 0.0)])
def test_where_nothing_falls_the_length_is_zero(new):
    look, lengths = counted(lambda t: new)
    assert strong_wolfe(look, 0.5, -1.0) == (0.0, 0.5)
    assert len(lengths) == MOST_LOOKS


def test_rounding_errors_count_as_no_rise():
    """The last bits of a value of 1e3 are noise."""
    assert strong_wolfe(lambda t: (1e3 + 1e-12, 0.0, 1.0), 1e3, -1e-11) == (1.0, 1e3 + 1e-12)


# --- backtracking --------------------------------------------------------------------------------------------------------


def test_lengths_are_halved_until_the_function_falls_enough():
    """(t - 1/4)^2 is 1/16 at 0, 9/16 at 1, 1/16 at 1/2 (no lower) and 0 at 1/4."""
    look, lengths = counted(lambda t: (t - 0.25) ** 2)
    assert backtrack(look, 0.0625, 0.5) == (0.25, 0.0)
    assert lengths == [1.0, 0.5, 0.25]


def test_a_decrease_of_less_than_the_share_is_not_enough():
    assert backtrack(lambda t: 1.0 - 0.9e-4 * t if t > 0.3 else 0.5, 1.0, 1.0) == (0.25, 0.5)
    assert backtrack(lambda t: 1.0 - 1.1e-4 * t, 1.0, 1.0) == (1.0, 1.0 - 1.1e-4)


@pytest.mark.parametrize("bad", [2.0, math.nan, math.inf])
def test_backtracking_ends_at_the_shortest_length(bad):
    look, lengths = counted(lambda t: bad)
    assert backtrack(look, 1.0, 1.0) == (0.0, 1.0)
    assert lengths[-1] < 1e-12 <= lengths[-2]
    look, lengths = counted(lambda t: bad)
    assert backtrack(look, 1.0, 1.0, shortest=0.1) == (0.0, 1.0)
    assert lengths == [1.0, 0.5, 0.25, 0.125, 0.0625]


def test_at_the_shortest_length_any_decrease_is_enough():
    assert backtrack(lambda t: 0.999999 if t < 0.1 else 2.0, 1.0, 1e9, shortest=0.1) == (0.0625, 0.999999)


# --- spectral lengths ----------------------------------------------------------------------------------------------------


def test_the_spectral_length_is_the_inverse_of_the_curvature():
    """Moves (1, 2) under the Hessian diag(2, 4): 5 / 18."""
    move = np.array([1.0, 2.0])
    assert spectral_length(move, np.array([2.0, 8.0]), 7.0) == 5.0 / 18.0


@pytest.mark.parametrize("change", [[0.0, 0.0], [-1.0, 0.0], [math.nan, 0.0]])
def test_without_positive_curvature_the_last_length_is_doubled(change):
    assert spectral_length(np.array([1.0, 1.0]), np.array(change), 3.0) == 6.0


def test_the_spectral_length_has_limits():
    one = np.ones(1)
    assert spectral_length(one, 1e-20 * one, 1.0) == 1e10
    assert spectral_length(one, 1e20 * one, 1.0) == 1e-10
    assert spectral_length(one, 1e-20 * one, 1.0, longest=1e30) == 1e20
    assert spectral_length(one, 1e20 * one, 1.0, shortest=1e-30) == 1e-20


# --- the plane -----------------------------------------------------------------------------------------------------------


def test_the_plane_holds_the_newton_step_of_two_coordinates():
    """With two coordinates the plane is the whole space: the direction is -H^-1 g."""
    H, g, d = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([1.0, -2.0]), np.array([0.5, 0.25])
    c_0, c_1, slope = plane_minimiser(g @ g, g @ H @ g, -(g @ H @ d), d @ H @ d, g @ d)
    np.testing.assert_allclose(-c_0 * g + c_1 * d, -np.linalg.solve(H, g), rtol=1e-14)
    assert slope == pytest.approx(-g @ np.linalg.solve(H, g), rel=1e-14)


def test_without_a_last_move_it_is_the_cauchy_step():
    assert plane_minimiser(5.0, 10.0) == (0.5, 0.0, -2.5)


@pytest.mark.parametrize("a", [0.0, -1.0, math.nan, 1e-320])
def test_without_curvature_the_gradient_is_the_step(a):
    assert plane_minimiser(5.0, a) == (1.0, 0.0, -5.0)


def test_a_last_move_along_the_gradient_spans_no_plane():
    """d = -2 g: the determinant is zero."""
    assert plane_minimiser(1.0, 4.0, 2.0 * 4.0, 4.0 * 4.0, -2.0) == (0.25, 0.0, -0.25)


def test_a_stationary_point_that_does_not_descend_is_not_taken():
    """If the curvature is -1 along both directions, the stationary point is a maximum."""
    assert plane_minimiser(1.0, -1.0, 0.0, -1.0, 0.0) == (1.0, 0.0, -1.0)


def test_several_planes_are_independent():
    forms = np.array([[5.0, 1.0, 1.0], [10.0, 4.0, -1.0], [0.0, 8.0, 0.0], [0.0, 16.0, -1.0], [0.0, -2.0, 0.0]])
    np.testing.assert_array_equal(plane_minimisers(*forms), np.array([plane_minimiser(*each) for each in forms.T]).T)


# --- a smoothed loss: the curvature at a point is not that of the line ---------------------------------------------------


def jagged(scale, peak):
    """A sum of smoothed hinges that together are like a parabola with its minimum at `scale`; curved at its hinges only.

    The curvature is `peak` times that of the parabola wherever one looks.
    """
    looks = []

    def look(t):
        looks.append(t)
        s = t / scale
        return 0.5 * (s - 1.0) ** 2 * scale, s - 1.0, peak / scale

    return look, looks


@pytest.mark.parametrize("peak", [20.0, 1e3])
@pytest.mark.parametrize("scale", [5.0, 400.0])
def test_a_curvature_that_is_too_large_does_not_make_the_search_creep(scale, peak):
    """Newton's steps ahead would be a thousandth as long as the way; the secant of two slopes, exact here, replaces them."""
    look, looks = jagged(scale, peak)
    t, value = strong_wolfe(look, 0.5 * scale, -1.0)
    assert abs(t / scale - 1.0) <= WOLFE
    assert value < 0.5 * scale
    assert len(looks) <= 8


def test_a_curvature_that_is_too_large_behind_the_minimum():
    """The bracket is divided instead of Newton's short steps back."""
    look, looks = jagged(1e-3, 1e3)
    t, _ = strong_wolfe(look, 0.5e-3, -1.0)
    assert abs(t / 1e-3 - 1.0) <= WOLFE
    assert len(looks) <= 14  # ten halves of the bracket, one Newton step from its new end each


def test_after_the_last_look_the_best_bracket_counts():
    """None satisfies both conditions, and the last one has no decrease: the longest with a decrease is returned."""
    seen = []

    def look(t):
        seen.append(t)
        if t < 0.7:
            return -1e-3 * t, -1.0, 1.0
        return 1.0, 1.0, 1.0

    t, value = strong_wolfe(look, 0.0, -1.0)
    assert len(seen) == MOST_LOOKS
    assert value == -1e-3 * t < 0.0


def test_a_slope_that_does_not_matter_is_followed_as_far_as_newton_goes():
    """On a nearly flat F rounding errors would decide how far a secant reaches."""
    look, looks = jagged(400.0, 1e3)
    strong_wolfe(lambda t: tuple(1e-9 * each for each in look(t)), 1e-4, -1e-9)
    assert len(looks) == MOST_LOOKS
    assert max(looks) < 40.0
