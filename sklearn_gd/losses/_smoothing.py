"""Helpers for smooth approximations of losses: a differentiable max(0, u), for numbers and arrays u and a number `width`."""

import numpy as np


def plus_value(u, width):
    """Return max(0, u), replaced by a parabola over [-width, width]."""
    if width == 0.0:
        return np.maximum(u, 0.0)
    bent = np.minimum(np.maximum(u + width, 0.0), 2.0 * width)
    return bent * bent / (4.0 * width) + np.maximum(u - width, 0.0)


def plus_slope(u, width):
    """Return the derivative of `plus_value`."""
    if width == 0.0:
        return np.maximum(np.sign(u), 0.0)
    return np.minimum(np.maximum(u + width, 0.0), 2.0 * width) / (2.0 * width)


def plus_curvature(u, width):
    """Return the curvature of the parabola that touches the smoothed max(0, u) at u and lies above it."""
    return 0.5 / np.maximum(np.abs(u), max(width, 1e-300))
