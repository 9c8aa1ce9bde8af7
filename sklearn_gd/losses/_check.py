"""Check that the derivatives of a loss match its value."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._base import N_ARGUMENTS, SCORES, Loss, pairs, tried_targets

WIDTH = 0.3  # of the smoothing in the test of `second_order`


def check_loss(
    loss: Loss,
    y: ArrayLike | None = None,
    raw: ArrayLike | None = None,
    *,
    n_classes: int = 4,
    rtol: float = 1e-5,
    verbose: bool = True,
) -> float:
    """Compare the derivatives that a loss defines with numerical derivatives, and report differences.

    Parameters
    ----------
    loss : Loss
        The loss to check; its functions are called as plain Python.
    y, raw : array-like, optional
        Targets and scores; all pairs are tried. By default a range of values in the domain of the loss.
    n_classes : int, default=4
        Number of classes to try if the loss couples the classes.
    rtol : float, default=1e-5
        Largest difference allowed, relative to the larger of 1 and the numeric derivative.
    verbose : bool, default=True
        Whether to print which functions are written in scalar style, if any. Such functions must be compiled; functions in array
        style run without compilation.

    Returns
    -------
    float
        The largest relative difference found.

    Raises
    ------
    AssertionError
        If they differ. The message contains the function, y, raw, the returned and the numeric value where the difference is
        largest.
    TypeError
        If `loss` is not a loss object.

    Notes
    -----
    At a non-differentiable point, any value between the two one-sided derivatives is accepted. If a loss couples the classes,
    its functions over all samples (`classwise_value`, ...) are compared with its functions of one sample.

    Examples
    --------
    >>> from sklearn_gd import check_loss
    >>> from sklearn_gd.losses import Huber
    >>> check_loss(Huber(delta=0.5)) < 1e-6
    True
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"check_loss takes a Loss object, not {loss!r}")
    loss.validate()
    y = tried_targets(loss) if y is None else np.asarray(y, dtype=float)
    raw = SCORES if raw is None else np.asarray(raw, dtype=float)
    worst = Worst(loss)
    with np.errstate(all="ignore"):
        check_single_scores(loss, y.tolist(), raw.tolist(), worst)
        if loss.has_row_functions():
            check_rows(loss, n_classes, worst)
    if worst.difference > rtol:
        raise AssertionError(f"{worst.place} (relative difference {worst.difference:.2g})")
    scalar = in_scalar_style(loss)
    if verbose and scalar:
        print(
            f"{type(loss).__name__}: written in scalar style: {', '.join(scalar)}. Compilation takes seconds at first use; "
            f"functions in array style (np.where instead of if) need none"
        )
    return float(worst.difference)


def in_scalar_style(loss):
    """The names of the functions that must be compiled for batch descent."""
    arrays, found = pairs(tried_targets(loss)), []
    for name in ("value", "gradient", "second_derivative", "second_order", "conjugate"):
        width = (WIDTH,) * (N_ARGUMENTS[name] - 2)
        if loss.written_functions(name) is not None and not loss.in_array_style(name, *arrays, numbers=width):
            found.append(name)
    return found


class Worst:
    """The largest difference so far, and its position."""

    def __init__(self, loss) -> None:
        self.loss, self.difference, self.place = loss, 0.0, ""

    def compare(self, name: str, written, below, above, y: NDArray[Any], raw: NDArray[Any]):
        """Record the distance of `written` from the interval of two numbers, relative to their size."""
        written, (low, high) = float(written), sorted((float(below), float(above)))
        distance = max(low - written, written - high, 0.0)
        if not (math.isfinite(written) and math.isfinite(low) and math.isfinite(high)):
            distance = math.inf
        relative = distance / max(1.0, abs(low), abs(high)) if distance < math.inf else math.inf
        if relative > self.difference:
            place = f"y={y!r}, raw={raw!r}: returned {written!r}, numeric {(low + high) / 2!r}"
            self.difference, self.place = relative, f"{type(self.loss).__name__}.{name} at {place}"


def one_sided(function, y, z):
    """The one-sided difference quotients of second order, which differ only at a non-differentiable point."""
    h = 1e-5 * max(1.0, abs(z))
    middle = function(y, z)
    below = (3 * middle - 4 * function(y, z - h) + function(y, z - 2 * h)) / (2 * h)
    above = (-3 * middle + 4 * function(y, z + h) - function(y, z + 2 * h)) / (2 * h)
    return below, above


def check_single_scores(loss, targets, scores, worst):
    """Check the functions of one score at every pair."""
    names = ("value", "gradient", "second_derivative", "second_order", "conjugate")
    value, gradient, second, together, conjugate = (loss.bound_function(name, N_ARGUMENTS[name]) for name in names)

    def smooth_value(y, z):
        return together(y, z, WIDTH)[0]

    for y in targets:
        for z in scores:
            if gradient is not None:
                worst.compare("gradient", gradient(y, z), *one_sided(value, y, z), y, z)
                if conjugate is not None:
                    at_slope = gradient(y, z) * z - value(y, z)
                    worst.compare("conjugate", conjugate(y, gradient(y, z)), at_slope, at_slope, y, z)
            if second is not None and gradient is not None:
                below, above = one_sided(gradient, y, z)
                if second(y, z) >= 0.0:  # a loss may return zero for a negative one, as descent needs a curvature
                    below, above = max(below, 0.0), max(above, 0.0)
                worst.compare("second_derivative", second(y, z), below, above, y, z)
            if together is not None:
                smoothed, slope, _ = together(y, z, WIDTH)
                worst.compare("second_order (its slope)", slope, *one_sided(smooth_value, y, z), y, z)
                if loss.smooth:
                    worst.compare("second_order (its value)", smoothed, value(y, z), value(y, z), y, z)


def check_rows(loss, n_classes, worst):
    """Check the functions of one sample at random scores, and compare those over all samples with them."""
    bound = {name: loss.bound_function(name, n) for name, n in N_ARGUMENTS.items()}
    rows = np.array([np.random.default_rng(seed).normal(size=n_classes) * 2 for seed in range(20)])
    moves = np.random.default_rng(20).normal(size=rows.shape)
    labels = np.arange(len(rows)) % n_classes
    found = [_check_row(bound, *each, loss.smooth, worst) for each in zip(labels.tolist(), rows, moves)]

    def compare(name, together, key, found=found):
        for i, one in enumerate(found):
            if key in one:
                for own, other in zip(np.ravel(together[..., i]), np.ravel(one[key])):
                    worst.compare(name, own, other, other, int(labels[i]), rows[i].tolist())

    if bound["classwise_value"] is not None:
        compare("classwise_value", bound["classwise_value"](labels, rows.T.copy()), "value")
    if bound["classwise_second_order"] is not None:
        value, gradient, curvature = bound["classwise_second_order"](labels, rows.T.copy(), WIDTH)
        compare("classwise_second_order (its value)", value, "smoothed")
        compare("classwise_second_order (its gradient)", gradient, "slope")
        if bound["classwise_conjugate"] is not None:
            value, gradient, _ = bound["classwise_second_order"](labels, rows.T.copy(), 0.0)
            at_slope = [{"conjugate": each} for each in (gradient * rows.T).sum(axis=0) - value]
            compare("classwise_conjugate", bound["classwise_conjugate"](labels, gradient), "conjugate", at_slope)
        if bound["classwise_hessian_product"] is not None:
            product = bound["classwise_hessian_product"](labels, curvature, moves.T.copy())
            compare("classwise_hessian_product", product, "product")
            if bound["classwise_diagonal"] is not None:
                _check_diagonal(bound, labels, rows, curvature, worst)


def _check_diagonal(bound, labels, rows, curvature, worst):
    """Compare the diagonal of the Hessians of all samples with the products with unit vectors."""
    diagonal = bound["classwise_diagonal"](labels, curvature)
    for k, found in enumerate(diagonal):
        one = np.zeros(diagonal.shape)
        one[k] = 1.0
        for i, expected in enumerate(bound["classwise_hessian_product"](labels, curvature, one)[k]):
            worst.compare("classwise_diagonal", found[i], expected, expected, int(labels[i]), rows[i].tolist())


def _check_row(bound, label, z, move, smooth, worst):
    """Compare the functions of one sample with numerical derivatives; returns their results, for `check_rows`."""
    place, n_classes = (label, z.tolist()), len(z)
    value, gradient = bound["multiclass_value"], bound["multiclass_gradient"]
    together, product = bound["multiclass_second_order"], bound["multiclass_hessian_product"]
    found = {"value": value(label, z)}

    def along(function, k):
        return one_sided(lambda label, score: function(label, np.where(np.arange(n_classes) == k, score, z)), label, z[k])

    if gradient is not None:
        out = np.empty(n_classes)
        gradient(label, z, out)
        for k in range(n_classes):
            worst.compare("multiclass_gradient", out[k], *along(value, k), *place)
    if together is None:
        return found

    def smooth_value(label, scores):
        return together(label, scores, WIDTH, np.empty(n_classes), np.empty(n_classes))

    slope, curvature = np.empty(n_classes), np.empty(n_classes)
    found |= {"smoothed": together(label, z, WIDTH, slope, curvature), "slope": slope}
    for k in range(n_classes):
        worst.compare("multiclass_second_order (its gradient)", slope[k], *along(smooth_value, k), *place)
    if smooth:
        worst.compare("multiclass_second_order (its value)", found["smoothed"], found["value"], found["value"], *place)
    if product is not None:
        found["product"] = np.empty(n_classes)
        product(label, curvature, move, found["product"])
        if smooth:  # otherwise the curvature is that of an upper bound
            for k in range(n_classes):

                def slope_along(label, t, k=k):
                    out = np.empty(n_classes)
                    together(label, z + t * move, WIDTH, out, np.empty(n_classes))
                    return out[k]

                worst.compare("multiclass_hessian_product", found["product"][k], *one_sided(slope_along, label, 0.0), *place)
    return found
