"""The score of validation samples: the loss of the model, or a scorer of scikit-learn."""

import copy
import math
from numbers import Real

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names

from ._devices import to_host


def check_scoring_parameter(scoring):
    """Raise if `scoring` is neither "loss", nor the name of a scorer, nor a callable, nor None."""
    if isinstance(scoring, str):
        if scoring != "loss" and scoring not in get_scorer_names():
            raise ValueError(
                f"scoring={scoring!r} is not known; it must be 'loss', None, a callable scorer(estimator, X, y), or one of "
                f"{get_scorer_names()}"
            )
    elif scoring is not None and not callable(scoring):
        raise TypeError(
            f"scoring={scoring!r} must be 'loss', None, the name of a scorer, or a callable scorer(estimator, X, y), not "
            f"{type(scoring).__name__}"
        )


def validation_score(estimator, objective, held, named):
    """A function that returns the validation score of theta, the higher the better.

    Parameters
    ----------
    estimator : BaseGD
        The estimator, with its parameter `scoring`.
    objective : Objective
        The objective over the training samples.
    held : Held
        The validation samples.
    named : callable
        Returns the fitted attributes of the model theta.

    Returns
    -------
    LossScore or ScorerScore
    """
    if isinstance(estimator.scoring, str) and estimator.scoring == "loss":
        return LossScore(objective, held)
    if getattr(held.X, "home", "memory") == "blocks":
        raise ValueError(
            f"scoring={estimator.scoring!r} requires predictions for the validation samples, which are in blocks elsewhere: use "
            f"scoring='loss', or pass X_val and y_val as arrays in the memory of this process"
        )
    return ScorerScore(estimator, objective, held, named)


class LossScore:
    """The negated mean loss of the validation samples, without the penalty."""

    is_loss = True

    def __init__(self, objective, held):
        self.mean_loss = objective.mean_loss_on(held.X, held.targets.y, held.targets.weight)

    def __call__(self, theta):
        return -self.mean_loss(theta)


class ScorerScore:
    """The score of the model on the validation samples by a scorer of scikit-learn, or by the estimator's `score`.

    The scorer is passed the weights of the samples, unless they are all equal. It is called with the null model first, so that a
    scorer that cannot score these samples raises an error before the descent.
    """

    is_loss = False

    def __init__(self, estimator, objective, held, named):
        self.scoring, self.held, self.named = estimator.scoring, held, named
        try:
            self.scorer = check_scoring(estimator, scoring=estimator.scoring)
        except ValueError as error:
            raise ValueError(f"scoring={self.scoring!r}: {error}") from error
        self.model = copy.copy(estimator)
        # At this point the samples are arrays, without feature names.
        vars(self.model).pop("feature_names_in_", None)
        weight = held.targets.weight
        self.weights = {} if (weight == weight[0]).all() else {"sample_weight": weight}
        self(objective.null_theta())

    def __call__(self, theta):
        vars(self.model).update(self.named(theta))
        try:
            score = self.scorer(self.model, self.held.X, self.held.y, **self.weights)
        except (TypeError, ValueError, AttributeError) as error:
            if not self._predicts_finite():
                return math.nan
            given = " with sample_weight" if self.weights else ""
            raise ValueError(f"scoring={self.scoring!r} cannot score the validation samples{given}: {error}") from error
        if not isinstance(score, (Real, np.number)):
            raise TypeError(f"scoring={self.scoring!r} returned {score!r}; a scorer must return one number")
        return score

    def _predicts_finite(self):
        """Whether the predictions are finite, as scorers require; with a log link large scores can overflow."""
        predicted = to_host(self.model.predict(self.held.X))
        return predicted.dtype.kind != "f" or bool(np.isfinite(predicted).all())
