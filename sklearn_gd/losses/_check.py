"""Do a loss's derivatives belong to its value?"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ._base import Loss


def check_loss(
    loss: Loss, y: ArrayLike | None = None, raw: ArrayLike | None = None, *, n_classes: int = 4, rtol: float = 1e-5
) -> float:
    """Compare a loss's written derivatives with numeric ones, and say where they part.

    Parameters
    ----------
    loss : Loss
        The loss to check; its functions are called as plain Python.
    y, raw : array-like, optional
        Targets and scores to try, every pair of them; by default a spread of values within the loss's domain.
    n_classes : int, default=4
        Length of the rows tried where the loss couples the classes.
    rtol : float, default=1e-5
        Largest difference allowed, relative to the larger of 1 and the numeric derivative.

    Returns
    -------
    float
        The largest relative difference found.

    Raises
    ------
    AssertionError
        Where they differ: the message has the function, y, raw, the written and the numeric value at the worst place.
    TypeError
        If `loss` is not a loss object.

    Notes
    -----
    At a kink any value between the two one-sided slopes is right.

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
    if y is None:
        y = np.array([-2.0, -1.0, -0.3, 0.0, 0.4, 1.0, 2.5, 6.0])
        y = y[loss.in_domain(y)]
    raw = np.array([-3.1, -1.03, -0.52, -0.011, 0.0, 0.017, 0.49, 0.99, 1.7, 3.3]) if raw is None else raw
    worst = (0.0, "")

    def compare(name, written, below, above, y_value, raw_value):
        nonlocal worst
        low, high = sorted((below, above))
        distance = max(low - written, written - high, 0.0)
        if not (math.isfinite(written) and math.isfinite(below) and math.isfinite(above)):
            distance = math.inf
        relative = distance / max(1.0, abs(below), abs(above)) if distance < math.inf else math.inf
        if relative > worst[0]:
            place = f"y={y_value!r}, raw={raw_value!r}: written {written!r}, numeric {(below + above) / 2!r}"
            worst = (relative, f"{type(loss).__name__}.{name} at {place}")

    def function_of(name, n_leading):
        written = loss.written_functions(name)
        if written is None:
            return None
        values = [getattr(loss, parameter) for parameter in loss.function_parameters(name, n_leading)]
        return lambda *leading: written(*leading, *values)

    def one_sided(function, y_value, z):
        # The differences on the two sides, each of second order: they part at a kink only.
        h = 1e-5 * max(1.0, abs(z))
        middle = function(y_value, z)
        below = (3 * middle - 4 * function(y_value, z - h) + function(y_value, z - 2 * h)) / (2 * h)
        above = (-3 * middle + 4 * function(y_value, z + h) - function(y_value, z + 2 * h)) / (2 * h)
        return below, above

    value, gradient = function_of("value", 2), function_of("gradient", 2)
    second, together = function_of("second_derivative", 2), function_of("second_order", 3)
    width = 0.3

    def smooth_value(y_value, z):
        return together(y_value, z, width)[0]

    for y_value in np.asarray(y, dtype=float).tolist():
        for z in np.asarray(raw, dtype=float).tolist():
            if gradient is not None:
                compare("gradient", gradient(y_value, z), *one_sided(value, y_value, z), y_value, z)
            if second is not None and gradient is not None:
                below, above = one_sided(gradient, y_value, z)
                if second(y_value, z) >= 0.0:  # a negative one may be written as zero: descent asks for a curvature
                    below, above = max(below, 0.0), max(above, 0.0)
                compare("second_derivative", second(y_value, z), below, above, y_value, z)
            if together is not None:
                smoothed, slope, _ = together(y_value, z, width)
                compare("second_order (its slope)", slope, *one_sided(smooth_value, y_value, z), y_value, z)
                if loss.smooth:
                    compare("second_order (its value)", smoothed, value(y_value, z), value(y_value, z), y_value, z)
    row_value, row_gradient = function_of("multiclass_value", 2), function_of("multiclass_gradient", 3)
    if row_value is not None and row_gradient is not None:
        for seed in range(20):
            z = np.random.default_rng(seed).normal(size=n_classes) * 2
            label, out = seed % n_classes, np.empty(n_classes)
            row_gradient(label, z, out)
            for k in range(n_classes):

                def along(label, score, z=z, k=k):
                    return row_value(label, np.where(np.arange(n_classes) == k, score, z))

                compare("multiclass_gradient", out[k], *one_sided(along, label, z[k]), label, z.tolist())
    if worst[0] > rtol:
        raise AssertionError(f"{worst[1]} (relative difference {worst[0]:.2g})")
    return worst[0]
