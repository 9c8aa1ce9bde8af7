"""Helpers of the losses' functions, compiled with them."""


def sign(x):
    """-1, 0 or 1."""
    return 1.0 if x > 0 else (-1.0 if x < 0 else 0.0)


def plus_value(u, width):
    """max(0, u), the kink replaced by a parabola over [-width, width]."""
    if u <= -width:
        return 0.0
    if u >= width:
        return u
    return (u + width) * (u + width) / (4.0 * width)


def plus_slope(u, width):
    """Derivative of `plus_value`."""
    if u <= -width:
        return 0.0
    if u >= width:
        return 1.0
    return (u + width) / (2.0 * width)


def plus_curvature(u, width):
    """Curvature of the parabola that touches the smoothed max(0, u) at u and lies above it."""
    return 0.5 / max(abs(u), width, 1e-300)
