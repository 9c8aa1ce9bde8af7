"""When descent stands still, and when it explodes: the two rules that estimators and `gradient_descent` share."""

# A value this many times the usual magnitude, such as the first value's, is on its way to infinity.
EXPLOSION = 1e10


def has_stalled(lowest, patience, tolerance):
    """Whether the lowest value has fallen by no more than the tolerance in the last steps.

    Parameters
    ----------
    lowest : sequence of float
        The lowest value so far, after each step.
    patience : int
        How many steps to look back.
    tolerance : float
        The fall that counts as none.

    Returns
    -------
    bool
        False while there are fewer steps than that.
    """
    # Infinite values, whose difference is no number, have not fallen.
    return len(lowest) > patience and not lowest[-1 - patience] - lowest[-1] > tolerance
