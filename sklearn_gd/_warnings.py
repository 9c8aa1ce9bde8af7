"""Warnings about fits that diverged or did not converge."""

import inspect
import math
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .descent._monitor import Status
from .penalties import DEFAULT_L1_RATIO

# The modules whose frames are not the user's: this package, and scikit-learn's wrappers of methods.
INSIDE = ("sklearn_gd.", "sklearn.callback.", "sklearn.utils.")
SMALLEST_LOSS, SMALLEST_SPREAD = 1e-300, 1e-150  # of targets whose squares do not underflow


def warn_caller(message, category):
    """Warn at the line that called this package."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and f"{frame.f_globals.get('__name__')}.".startswith(INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def warn_of_l1_ratio(penalty, l1_ratio):
    """Warn of an `l1_ratio` that was set without effect: it belongs to elastic net."""
    if l1_ratio not in (None, DEFAULT_L1_RATIO) and not (isinstance(penalty, str) and penalty == "elasticnet"):
        warn_caller(
            f"l1_ratio={l1_ratio!r} is not used: it belongs to penalty='elasticnet', but penalty is {penalty!r}", UserWarning
        )


def warn_of(estimator, status, method, monitor):
    """Warn of a fit that diverged, has an inconsistent loss, or has not converged; the message says what to do."""
    name, message = type(estimator).__name__, None
    if status is Status.DIVERGED:
        epoch = min(len(monitor.objectives) + 1, estimator.max_iter)
        message = (
            f"{name} diverged in epoch {epoch}{_at_rate(method)}: the objective was not finite, grew "
            f"without bound, oscillated without progress, or never fell below that of the null model. The best model before the "
            f"divergence is kept. {_advice(method)}."
        )
    elif status is Status.MISLED:
        message = (
            f"{name} found no step along the negative gradient that lowers its objective. Either a derivative of the loss or of "
            f"the penalty does not match its value (check the loss with sklearn_gd.check_loss), or the loss is not "
            f"differentiable and must set smooth=False."
        )
    elif status is Status.RUNNING and estimator.tol is not None:
        message = (
            f"{name} did not converge in max_iter={estimator.max_iter} epochs: the objective may still decrease by more than "
            f"tol={estimator.tol} times the smaller of a hundredfold of itself and the objective of the null model. Increase "
            f"max_iter or tol."
        )
    compares = method.rate is not None and method.objective.null_model_has_loss
    if status not in (Status.DIVERGED, Status.MISLED) and compares and monitor.is_no_better_than_null():
        message = f"{name} ended with an objective no lower than that of the null model (the best intercept alone). "
        if method.finds_rates:
            message += "No learning rate tried lowers it: if the loss is your own, verify it with sklearn_gd.check_loss."
        else:
            message += (
                f"A learning rate of up to {method.rate:.3g} does not suit these data. Use learning_rate='auto', which adapts to "
                f"the scale of features and targets, or increase learning_rate, or scale features and targets to about unit "
                f"variance."
            )
    if message is None:
        caveat = method.caveat(monitor.best)
        message = None if caveat is None else f"{name}: {caveat}."
    if message is None and monitor.scores and not any(map(math.isfinite, monitor.scores)):
        message = (
            f"{name}: the validation score (scoring={estimator.scoring!r}) was not finite in any epoch; the model of the last "
            f"epoch is kept. Check X_val and y_val, or the samples set aside by early_stopping, for extreme values."
        )
    if message is not None:
        warn_caller(message, ConvergenceWarning)


def warn_of_underflow(estimator, objective, least, null):
    """Warn of features or targets that are so small that their squares or losses underflow.

    Parameters
    ----------
    estimator : estimator
        The estimator, whose class the warning names.
    objective : Objective
        The objective over the samples.
    least : float
        The smallest mean square of a feature, about any of its values, that does not count as too small.
    null : float
        F of the null model; nan where it is not known.
    """
    squares, target, message = objective.squares, objective.target, None
    if squares is not None and squares.min() < least:
        message = (
            f"X[:, {int(squares.argmin())}] has values whose squares underflow, so that the model may ignore the feature: "
            f"multiply it by a constant"
        )
    elif null < SMALLEST_LOSS and objective.loss.scales_with_target:
        spread = np.abs(target - target[0]).max()
        if 0.0 < spread < SMALLEST_SPREAD:
            message = (
                f"y has values that differ by no more than {spread:.3g}, whose losses underflow, so that the model may ignore "
                f"the features: multiply y by a constant"
            )
    if message is not None:
        warn_caller(f"{type(estimator).__name__}: {message}.", ConvergenceWarning)


def _at_rate(method):
    """The learning rate as part of a message."""
    return "" if method.rate is None else f" with a learning rate of up to {method.rate:.3g}"


def _advice(method):
    """The advice in case of divergence."""
    check = "verify it with sklearn_gd.check_loss"
    if method.rate is None or method.finds_rates:
        return f"Scale the targets and the features; if the loss is your own, {check}"
    stable, advice = method.stable_rate(), "Lower learning_rate"
    if stable is not None and method.rate <= stable:
        advice = f"If the loss is your own, {check}; lower learning_rate"
    elif stable is not None:
        advice = f"A learning rate of {stable:.2g} would be stable on these samples: lower learning_rate"
    return f"{advice}, scale the features, or leave learning_rate and optimizer at 'auto'"
