"""The choice of the model of proximal row steps that predicts: a last iterate, an average, the null model, or a mixture."""

import numpy as np

from .._layout import INFORMATION, MIXED_LOSS, ROWS
from ._rows_arrays import FIRST_AVERAGE, N_MODELS, alone
from ._rows_curvature import slopes_at_average

NULL_UNTIL = 50.0  # information of all samples below which the intercept is that of the null model
NULL_MEMORY = 1000.0  # largest information behind the progressive losses
CLEAR_GAIN = 0.003  # smallest relative gain of the mixture over the cautious average, whose predictions have the right total
CHANCE = 20.0  # over the information of all samples: the relative gain that is attributed to chance if events are rare
RARE = 0.1  # information of a sample below which events are rare: a class of less than 3%


def weights_to_predict(state, objective):
    """The weights of the models and of the offset: those of the mixture, or all on one model.

    Parameters
    ----------
    state : RowsState
        The models, and their progressive losses.
    objective : Objective
        The objective.

    Returns
    -------
    ndarray, (N_MODELS + 1,)
    """
    losses = state.track.losses
    # After a change the mixture's loss is due to earlier weights; the present ones are those of a model that did better.
    least = min(state.mixture.sums[MIXED_LOSS], losses[:-1].min())
    unbiased = slopes_at_average(objective) and not objective.loss.is_least_squares
    if _null_leads(state):
        best = N_MODELS - 1
    elif state.averaged_only:
        best = FIRST_AVERAGE + losses[FIRST_AVERAGE:].argmin()
    elif unbiased and not least < (1.0 - _clear_gain(state)) * losses[FIRST_AVERAGE]:
        best = FIRST_AVERAGE
    else:
        return state.mixture.weights
    return alone(best)


def _null_leads(state):
    """Whether events are rare or samples few, and no model has predicted better than the null model by more than chance."""
    if state.counters[INFORMATION] >= RARE and _information(state) >= NULL_UNTIL:
        return False
    information = min(_information(state), NULL_MEMORY)
    *others, null = state.track.losses
    return bool(np.isfinite(null) and null * (1.0 - 1.0 / information) <= min(others))


def _clear_gain(state):
    """The relative gain above which the mixture counts as better; larger if events are rare, as a few of them decide."""
    rarity = max(1.0 - state.counters[INFORMATION] / RARE, 0.0)
    return CLEAR_GAIN + CHANCE * rarity / _information(state)


def _information(state):
    """The information of all samples, but at least that of one."""
    return max(state.counters[INFORMATION] * state.counters[ROWS], 1.0)
