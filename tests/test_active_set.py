"""The minimiser of a quadratic function plus an l1 penalty."""

import numpy as np
import pytest

from sklearn_gd.descent._active_set import l1_minimiser


def violation(hessian, gradient, threshold, start, bounded, v):
    """The violation of the optimality conditions at a point."""
    slope = gradient + hessian @ (v - start)
    off = np.maximum(np.where(bounded, -slope, np.abs(slope)) - threshold, 0.0)
    return np.abs(np.where(v != 0.0, slope + threshold * np.sign(v), off)).max()


def problem(n, rank, seed, share):
    """A Hessian of given rank, a gradient, thresholds that leave about a share of the coefficients, a start and bounds."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rank, n)) @ np.linalg.cholesky(0.7 ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))).T
    hessian = X.T @ X / rank + 1e-7 * np.eye(n)
    gradient = X.T @ rng.normal(size=rank) / rank
    threshold = np.full(n, np.quantile(np.abs(gradient), 1.0 - share))
    start = np.where(rng.uniform(size=n) < 0.3, rng.normal(size=n), 0.0)
    return hessian, gradient, threshold, start, np.zeros(n, dtype=bool)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n", "rank"), [(1, 3), (6, 50), (40, 100), (60, 30)])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.7])
def test_the_conditions_of_a_minimiser_hold(n, rank, seed, share):
    given = problem(n, rank, seed, share)
    v = l1_minimiser(*given)
    for _ in range(10):  # each call solves for a limited number of sets
        v = l1_minimiser(given[0], given[1] + given[0] @ (v - given[3]), given[2], v, given[4])
    assert violation(*given, v) < 1e-8


@pytest.mark.parametrize("seed", range(5))
def test_bounded_and_free_coefficients(seed):
    """The first ten are non-negative, the last three are not penalised."""
    hessian, gradient, threshold, start, bounded = problem(30, 60, seed, 0.2)
    bounded[:10], threshold[-3:] = True, 0.0
    start[:10] = np.abs(start[:10])
    v = l1_minimiser(hessian, gradient, threshold, start, bounded)
    assert (v[:10] >= 0.0).all()
    assert violation(hessian, gradient, threshold, start, bounded, v) < 1e-8


def test_one_coefficient_is_a_soft_threshold():
    for slope, expected in ((-3.0, 1.0), (-0.5, 0.0), (3.0, -1.0)):
        found = l1_minimiser(np.array([[2.0]]), np.array([slope]), np.array([1.0]), np.zeros(1), np.zeros(1, dtype=bool))
        np.testing.assert_allclose(found, [expected])


def test_nothing_moves_from_the_minimum():
    given = problem(20, 40, 0, 0.3)
    v = l1_minimiser(*given)
    again = l1_minimiser(given[0], given[1] + given[0] @ (v - given[3]), given[2], v, given[4])
    np.testing.assert_allclose(again, v, rtol=1e-9, atol=1e-12)
