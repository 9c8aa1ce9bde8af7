"""The two estimators: the public interface, the encoding of y, and the prediction from a score."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from ._classes import ClassCoder, Targets, are_labels, check_comparable, gives_probabilities, most_likely, probabilities
from ._collections import by_blocks, in_memory_values
from ._devices import to_host
from ._docstrings import CLASSIFIER, REGRESSOR
from ._partial_fit import StreamingGD
from ._sklearn import ClassifierMixin, RegressorMixin
from ._validation import Samples, check_weight
from .losses import REGRESSION_LOSSES, ClassificationLoss, RegressionLoss
from .optimizers import Optimizer
from .penalties import Penalty
from .schedules import RateLike
from .solvers import Solver, can_stream


class GDRegressor(RegressorMixin, StreamingGD):
    __doc__ = REGRESSOR

    _has_numeric_targets = True
    _loss_base = RegressionLoss

    def __init__(
        self,
        loss: str | RegressionLoss = "squared_error",
        *,
        penalty: str | Penalty | None = "auto",
        alpha: float = 1e-4,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        solver: str | Solver = "auto",
        optimizer: str | Optimizer = "auto",
        learning_rate: RateLike = "auto",
        max_iter: int = 1000,
        tol: float | None = 1e-4,
        shuffle: bool = True,
        early_stopping: bool = False,
        scoring: str | Callable[..., Any] | None = "loss",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        average: bool | int = False,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.average = average
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # The tags cannot express "several outputs, all positive", so such a loss is tagged for one output, but accepts several.
        loss = self.loss
        if isinstance(loss, str) and loss in REGRESSION_LOSSES:
            loss = REGRESSION_LOSSES[loss]()
        tags.target_tags.positive_only = isinstance(loss, RegressionLoss) and loss.positive_only
        tags.target_tags.multi_output = not tags.target_tags.positive_only
        return tags

    @available_if(can_stream)
    def partial_fit(self, X: Samples, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Update the model by one pass over more samples, in the order given.

        If `optimizer` and `learning_rate` are "auto", the model takes a proximal step for each sample, on features standardized
        by the samples seen so far, and predicts with a mixture of several models. If only `learning_rate` is "auto", or with
        ``solver="minibatch"``, five learning rates are tried in parallel, and the model that has predicted best so far is used.
        A stream resumes where it stopped, also after pickling. With a given learning rate and a penalty in the units of the
        data, calls on successive batches give the same model as one epoch of ``fit(shuffle=False)``, bit for bit. A call that
        raises an error leaves the model unchanged. A call that diverges also leaves it unchanged, and warns.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The samples.
        y : array-like, (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like, (n_samples,), optional
            Sample weights >= 0.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with self._unchanged_when_refused():
            return self._partial_fit(X, y, sample_weight)

    @by_blocks
    def predict(self, X: Samples) -> NDArray[Any]:
        """Predict the targets: the raw scores, or the predicted means if the loss has a link function.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray, (n_samples,) or (n_samples, n_outputs)
            The predictions.
        """
        raw, place = self._raw_scores(X, "predict")
        prediction = place.call(self._known_loss().inverse_link, raw)
        return prediction[:, 0] if self._is_flat() else prediction

    def score(self, X: Samples, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Score the predictions: R^2, or D^2 if the loss has a logarithmic link.

        D^2 is the fraction of deviance explained, as in `PoissonRegressor`, `GammaRegressor` and `TweedieRegressor`.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The samples.
        y : array-like, (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like, (n_samples,), optional
            Sample weights.

        Returns
        -------
        float
            The score: 1 for exact predictions, 0 for the best constant prediction.
        """
        raw = in_memory_values(self._host_scores(X))
        y, sample_weight = in_memory_values(y), in_memory_values(sample_weight)
        target = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        check_consistent_length(raw, target, sample_weight)
        weight = None if sample_weight is None else check_weight(sample_weight, len(target))
        return self._known_loss().score(target, raw[:, 0] if target.ndim == 1 and raw.shape[1] == 1 else raw, weight)

    def _encode(self, y, weight, loss, coder=None):
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", ensure_min_samples=0)
        counted = weight > 0.0
        # Samples of weight zero may be outside the domain; they stay in place, as the message has the index of the sample.
        loss.check_targets(y if counted.all() else np.where(counted.reshape(-1, *[1] * (y.ndim - 1)), y, y[counted.argmax()]))
        if y.ndim == 2 and y.shape[1] == 1 and loss.positive_only:
            y = column_or_1d(y, warn=True)
        target = y.reshape(len(y), -1)
        return Targets(target, weight, target.shape[1], flat_coef=y.ndim == 1)


class GDClassifier(ClassifierMixin, StreamingGD):
    __doc__ = CLASSIFIER

    _has_numeric_targets = False
    _loss_base = ClassificationLoss
    # The attributes that `fit` stores in addition to those of both estimators.
    classes_: np.ndarray

    def __init__(
        self,
        loss: str | ClassificationLoss = "log_loss",
        *,
        penalty: str | Penalty | None = "auto",
        alpha: float = 1e-4,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        solver: str | Solver = "auto",
        optimizer: str | Optimizer = "auto",
        learning_rate: RateLike = "auto",
        max_iter: int = 1000,
        tol: float | None = 1e-4,
        shuffle: bool = True,
        early_stopping: bool = False,
        scoring: str | Callable[..., Any] | None = "loss",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: dict[str, Any] | str | None = None,
        average: bool | int = False,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.average = average
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @available_if(can_stream)
    def partial_fit(
        self, X: Samples, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Update the model by one pass over more samples, in the order given.

        If `optimizer` and `learning_rate` are "auto", the model takes a proximal step for each sample, on features standardized
        by the samples seen so far, and predicts with a mixture of several models. If only `learning_rate` is "auto", or with
        ``solver="minibatch"``, five learning rates are tried in parallel, and the model that has predicted best so far is used.
        A stream resumes where it stopped, also after pickling. With a given learning rate and a penalty in the units of the
        data, calls on successive batches give the same model as one epoch of ``fit(shuffle=False)``, bit for bit. A call that
        raises an error leaves the model unchanged. A call that diverges also leaves it unchanged, and warns.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The samples.
        y : array-like, (n_samples,)
            The labels.
        classes : array-like, optional
            In the first call, all labels that will occur in the stream. If it is not given, each new label adds a class, whose
            coefficients start at zero; with the softmax loss, its initial probability is 1 / (number of samples seen so far).
        sample_weight : array-like, (n_samples,), optional
            Sample weights >= 0.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with self._unchanged_when_refused():
            coder = getattr(self, "_class_coder", None)
            if coder is None:
                # Classes may have been assigned, together with coefficients.
                coder = ClassCoder().naming(to_host(self.classes_)) if hasattr(self, "classes_") else ClassCoder()
            return self._partial_fit(X, y, sample_weight, coder if classes is None else coder.naming(in_memory_values(classes)))

    @by_blocks
    def decision_function(self, X: Samples) -> NDArray[Any]:
        """Compute the raw scores.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray, (n_samples,) or (n_samples, n_classes)
            With two classes, the score of the second class; otherwise, the score of each class.
        """
        raw, _ = self._raw_scores(X, "decision_function")
        return raw[:, 0] if raw.shape[1] == 1 else raw

    def score(self, X: Samples, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of the predictions.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The samples.
        y : array-like, (n_samples,)
            The labels.
        sample_weight : array-like, (n_samples,), optional
            Sample weights.

        Returns
        -------
        float
            The weighted fraction of samples whose label is predicted correctly.
        """
        predicted = in_memory_values(self.predict(X))
        return accuracy_score(in_memory_values(y), predicted, sample_weight=in_memory_values(sample_weight))

    @by_blocks
    def predict(self, X: Samples) -> NDArray[Any]:
        """Predict the class with the highest score.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray, (n_samples,)
            The labels.
        """
        raw, place = self._raw_scores(X, "predict")
        return place.labels(self.classes_, most_likely(raw, self.classes_.shape[0], place.xp))

    @available_if(gives_probabilities)
    @by_blocks
    def predict_proba(self, X: Samples) -> NDArray[Any]:
        """Predict class probabilities. Available only if the loss defines them.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray, (n_samples, n_classes)
            The probabilities, in the order of `classes_`; each row sums to one.
        """
        return self._probabilities(X, "predict_proba")[0]

    @available_if(gives_probabilities)
    @by_blocks
    def predict_log_proba(self, X: Samples) -> NDArray[Any]:
        """Predict the logarithms of class probabilities. Available only if the loss defines them.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray, (n_samples, n_classes)
            The logarithms, in the order of `classes_`.
        """
        probability, place = self._probabilities(X, "predict_log_proba")
        with np.errstate(divide="ignore"):
            return place.xp.log(probability)

    def _probabilities(self, X, method):
        """The probabilities for the public `method`, and their place."""
        raw, place = self._raw_scores(X, method)
        return probabilities(self._known_loss(), raw, self.classes_.shape[0], place), place

    def _encode(self, y, weight, loss, coder=None):
        check_comparable(y)
        whole = coder is None
        # scikit-learn warns of many labels.
        if whole and not are_labels(y):
            check_classification_targets(y)
        elif not whole and not coder.knows(y):
            # A call of a stream may have few samples per class, for which scikit-learn warns that labels look like numbers, but
            # not with three copies of each.
            check_classification_targets(np.tile(y, 3))
        coder = ClassCoder(fewest=2) if whole else coder
        targets = coder.encode(y, weight, self.class_weight, loss)
        if whole and are_labels(y) and 2 * len(targets.classes) > len(y):
            check_classification_targets(y)
        loss.try_probability(targets.n_outputs)
        return targets
