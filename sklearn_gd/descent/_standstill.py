"""The rules for stalls and for divergence that estimators and `gradient_descent` share."""

# A value this many times the usual magnitude, such as that of the first value, is taken for divergence.
EXPLOSION = 1e10
# A stochastic method with automatic steps has stalled only after this many samples without improvement: in an epoch of few
# samples F decreases by less than its noise.
LEAST_SAMPLES = 3000
# A pass at an automatic rate is undone if it raises F above its lowest value by more than this share of the decrease so far; its
# rate is then multiplied by `LOWER`.
RISE = 0.1
LOWER = 0.25
USELESS = 2  # successive lower rates without an improvement, after which descent ends


def has_stalled(lowest, patience, tolerance):
    """Whether the lowest value has fallen by no more than the tolerance in the last steps.

    Parameters
    ----------
    lowest : sequence of float
        The lowest value so far, after each step.
    patience : int
        The number of steps to look back.
    tolerance : float
        The largest decrease that counts as a stall.

    Returns
    -------
    bool
        False while there are fewer steps than `patience`.
    """
    # The difference of infinite values is NaN: they have not decreased.
    return len(lowest) > patience and not lowest[-1 - patience] - lowest[-1] > tolerance


def rises_too_far(value: float, lowest: float, first: float) -> bool:
    """Whether a pass is to be undone, after which F is `value`; NaN is too far. See `RISE`."""
    return not value <= lowest + RISE * (first - lowest)


def least_patience(n_samples: int) -> int:
    """The number of epochs of this many samples that have `LEAST_SAMPLES` together."""
    return -(-LEAST_SAMPLES // n_samples)
