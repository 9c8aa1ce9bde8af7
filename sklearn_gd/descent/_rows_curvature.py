"""The curvature of the loss that proximal row steps assume before the first sample. Imports no numba."""


def known_curvature(objective, typical_curvature):
    """The loss's second derivative in a score, or a bound of it; None if it has to be estimated from the stream.

    A loss such as Huber's is linear at residuals of the size of the targets, and has its typical curvature there.
    """
    loss, coupled = objective.loss, objective.array_loss.coupled
    bound = loss.largest_curvature(coupled)
    if bound is not None:
        bounded = loss.smooth and loss.scales_with_target and not loss.is_least_squares
        return min(float(bound), typical_curvature) if bounded else float(bound)
    if coupled:
        return 1.0
    return None if loss.smooth or loss.scales_with_target else 1.0


def slopes_at_average(objective):
    """Whether the cautious track takes slopes at its average: for smooth losses; with coupled scores, for bounded curvature."""
    loss, coupled = objective.loss, objective.array_loss.coupled
    return bool(loss.smooth) and not (coupled and loss.largest_curvature(True) is None)


def relative_l2(objective, typical_curvature):
    """The curvature of the l2 penalty over that of the loss, if known, or over the loss's typical curvature for the targets."""
    return objective.l2 / (known_curvature(objective, typical_curvature) or typical_curvature)
