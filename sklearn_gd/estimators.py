"""The two estimators: how y is encoded, and how a score becomes a prediction."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from ._classes import ClassCoder, Targets
from ._components import resolve
from .base import BaseGD
from .losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, ClassificationLoss, RegressionLoss

_SHARED_PARAMETERS = """\
penalty : {"l2", "l1", "elasticnet"}, Penalty or None, default="l2"
        What large coefficients cost. An object, such as ``L1(nonnegative=True)`` or one of your own, gives more choice.
    alpha : float >= 0, default=1e-4
        Strength of the penalty in F.
    l1_ratio : float in [0, 1], default=0.15
        Share of the l1 part under ``penalty="elasticnet"``; a penalty object has its own.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised.
    solver : {"auto", "batch", "sgd", "minibatch", "svrg", "saga"} or Solver, default="auto"
        How many rows a step sees. "auto" is batch descent where `optimizer` and `learning_rate` are "auto" too, mini-batches of
        32 rows where one of them is given; one row at a time where both are "auto" in `partial_fit` or with `average`. "sgd" and
        "minibatch" take proximal steps on single rows where both are "auto".
    optimizer : {"auto", "gd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "amsgrad", "nadam", \
            "lion", "ftrl", "dog", "dowg", "coordinate_dog", "cocob", "schedule_free"} or Optimizer, default="auto"
        What a step does with a gradient. "auto" is the memory gradient method in batch descent where `learning_rate` is "auto"
        too, and plain gradient descent elsewhere.
    learning_rate : float, str, Schedule or callable, default="auto"
        The learning rate. A number is a constant rate, and means the textbook update: no scaling, nothing hidden. A string is one
        of "constant", "invscaling", "optimal", "adaptive", "exponential", "step", "polynomial", "cosine", "cosine_restarts",
        "one_cycle" and "warmup", with that schedule's defaults; a callable takes the step count 1, 2, ... "auto" needs no rate
        with the memory gradient method; elsewhere it takes the optimizer's `default_rate`, or, for gradient descent with or
        without momentum, the largest rate at which no step can overshoot a row, lowered slowly.
    max_iter : int >= 1, default=1000
        The most passes over the rows in `fit` (iterations of the memory gradient method).
    tol : float >= 0 or None, default=1e-4
        `fit` ends when `n_iter_no_change` epochs together have lowered F by no more than `tol` times the objective of the
        constant model (the best intercept alone), or of 100 times F itself where that is less, or when F is known to be that
        near its minimum. It is a share, free of units: the default stops where a further 0.01% of the constant model's could not
        be had in five epochs, nor 1% of F. With validation rows the score itself must rise by more than `tol`. None runs
        `max_iter` epochs and keeps the last model.
    shuffle : bool, default=True
        Draw a new order of the rows for each epoch of `fit`; `partial_fit` takes rows as they come.
    early_stopping : bool, default=False
        Set rows aside and stop when the score on them no longer rises; the model of the best epoch is kept. The score is accuracy
        or R^2, by the weights of the rows; classes are split in proportion, and each keeps at least one row to learn from. Rows
        given to `fit` as `X_val` and `y_val` do the same without setting any aside.
    validation_fraction : float in (0, 1), default=0.1
        Share of the rows that `early_stopping` sets aside.
    n_iter_no_change : int >= 1, default=5
        Epochs without improvement before the fit ends.
    """

_SHARED_PARAMETERS_2 = """\
average : bool or int, default=False
        Predict with the mean of the iterates (Polyak and Ruppert) of all steps, or of those from the given step on.
    warm_start : bool, default=False
        Begin `fit` at the last fit's coefficients.
    random_state : int, RandomState or None, default=None
        Source of the orders of rows and of the split of `early_stopping`.
    verbose : int, default=0
        Print a line every so many epochs (calls of `partial_fit`), 0 for none: the objective, the last learning rate, the norm of
        the gradient of F's smooth part, the validation score where there is one, and the seconds since the descent began. The
        norm costs a pass over the rows for every line.
    """

_SHARED_ATTRIBUTES = """\
n_iter_ : int
        Epochs of the last fit, or calls of `partial_fit`.
    t_ : int
        Steps taken.
    loss_curve_ : list of float
        F after each epoch (after each call of `partial_fit`, on its rows).
    validation_scores_ : list of float
        Score on the validation rows after each epoch, where there were any.
    best_iter_ : int
        The epoch whose model was kept, counted from 1, where there were validation rows.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns, where X had string names for all.
    """


class GDRegressor(RegressorMixin, BaseGD):
    __doc__ = rf"""A linear model of a real target, trained by gradient descent.

    It minimises

    .. math:: F(W, b) = \frac{{\sum_i s_i\, loss(y_i, x_i W + b)}}{{\sum_i s_i}} + \alpha R(W)

    with the rows' weights s and the penalty R, by batch, per-row or mini-batch descent.

    Parameters
    ----------
    loss : str or RegressionLoss, default="squared_error"
        What a row costs: "squared_error", "absolute_error", "huber", "quantile", "log_cosh", "epsilon_insensitive",
        "squared_epsilon_insensitive", "poisson", "gamma", "tweedie", an object such as ``Huber(delta=2.0)``, or one of your own.
    {_SHARED_PARAMETERS}{_SHARED_PARAMETERS_2}
    Attributes
    ----------
    coef_ : ndarray, (n_features,) or (n_outputs, n_features) for a 2-D y
        The coefficients.
    intercept_ : ndarray, (n_outputs,)
        The intercept.
    {_SHARED_ATTRIBUTES}
    See Also
    --------
    GDClassifier : The same for classes.

    Notes
    -----
    Whatever goes on inside, the minimiser is that of F in the units of the data, for dense and CSR input alike. Rows of weight
    zero do not exist.

    `set_callbacks` takes callbacks of :mod:`sklearn.callback`: `fit` tells them of every epoch, with the model that it would
    return if it ended there, and stops where one of them asks for it. `partial_fit` calls none.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_gd import GDRegressor
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> print(round(GDRegressor().fit(X, y).score(X, y), 3))
    0.518
    >>> print(round(GDRegressor(loss="poisson").fit(X, y).score(X, y), 3))
    0.524
    """

    _has_numeric_targets = True
    _fewest_validated = 2  # R^2 of a single sample is not defined

    def __init__(
        self,
        loss="squared_error",
        *,
        penalty="l2",
        alpha=1e-4,
        l1_ratio=0.15,
        fit_intercept=True,
        solver="auto",
        optimizer="auto",
        learning_rate="auto",
        max_iter=1000,
        tol=1e-4,
        shuffle=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        average=False,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
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
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.average = average
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # The tags cannot say "several outputs, all positive": such a loss is tagged for one, and takes several all the same.
        loss = self.loss
        if isinstance(loss, str) and loss in REGRESSION_LOSSES:
            loss = REGRESSION_LOSSES[loss]()
        tags.target_tags.positive_only = isinstance(loss, RegressionLoss) and _needs_positive_targets(loss)
        tags.target_tags.multi_output = not tags.target_tags.positive_only
        return tags

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        coef_init=None,
        intercept_init=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the model.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The rows. float32 and float64 are taken as they are; sparse formats other than CSR are converted.
        y : array-like, (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like, (n_samples,), optional
            Weights >= 0 of the rows; a row of weight zero does not exist.
        coef_init, intercept_init : array-like, optional
            Where to begin, in the shapes of `coef_` and `intercept_`; by default at zero (batch descent by "auto": at the best
            intercept).
        X_val, y_val, sample_weight_val : array-like, optional
            Validation rows, scored after every epoch: the fit stops when the score no longer rises, and keeps the best model.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            For a parameter or input that is not right, before any work; the message names it and its value.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            Where `max_iter` ended a fit that had not converged, or the descent diverged; then the best finite model is kept.
        """
        with self._unchanged_when_refused():
            return self._fit(X, y, sample_weight, coef_init, intercept_init, X_val, y_val, sample_weight_val)

    def partial_fit(self, X, y, sample_weight=None):
        """Go on learning from more rows: one pass over them, in their order.

        With optimizer and learning rate at "auto" each row takes a proximal step on columns standardised in passing, whatever
        their units, and the track that has predicted best so far serves (docs/auto.md). With a rate of your own,
        calls over the same batches in the same order do what one epoch of ``fit(shuffle=False)`` does, bit for bit: optimizer,
        schedule, penalty and averaging go on where they were, also after pickling. A refused call leaves the model as it was; so
        does one that diverges, with a warning.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The rows.
        y : array-like, (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like, (n_samples,), optional
            Weights >= 0 of the rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with self._unchanged_when_refused():
            return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """Predict the targets: the scores, or the means under a loss with a link.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray, (n_samples,) or (n_samples, n_outputs)
            The predictions.
        """
        raw = self._raw_scores(X)
        prediction = self.loss_.inverse_link(raw)
        return prediction[:, 0] if self.coef_.ndim == 1 else prediction

    def _resolve_loss(self):
        return resolve_loss(
            self.loss, RegressionLoss, REGRESSION_LOSSES, ClassificationLoss, CLASSIFICATION_LOSSES, "GDClassifier"
        )

    def _encode(self, y, weight, loss, coder=None):
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", ensure_min_samples=0)
        loss.check_targets(y)
        if y.ndim == 2 and y.shape[1] == 1 and _needs_positive_targets(loss):
            y = column_or_1d(y, warn=True)
        target = y.reshape(len(y), -1)
        return Targets(target, weight, target.shape[1], flat_coef=y.ndim == 1)

    def _score(self, raw, targets, loss):
        return r2_score(targets.y, loss.inverse_link(raw), sample_weight=targets.weight)


def _loss_gives_probability(estimator):
    """Whether `predict_proba` exists; an AttributeError that says why where it does not."""
    loss = estimator._known_loss()
    if not hasattr(loss, "probability"):
        raise AttributeError(f"predict_proba is not available with loss={loss!r}: the loss defines no probability")
    return True


class GDClassifier(ClassifierMixin, BaseGD):
    __doc__ = rf"""A linear model of classes, trained by gradient descent.

    It minimises

    .. math:: F(W, b) = \frac{{\sum_i s_i\, loss(y_i, x_i W + b)}}{{\sum_i s_i}} + \alpha R(W)

    with s the product of sample and class weights and R the penalty, by batch, per-row or mini-batch descent. Two classes
    have one score. Beyond two, "log_loss" is the softmax and "multiclass_hinge" the hinge of Weston and Watkins; the other losses
    set each class against the rest, all in one pass over the data, their F being the sum over the classes.

    Parameters
    ----------
    loss : str or ClassificationLoss, default="log_loss"
        What a row costs: "log_loss", "hinge", "squared_hinge", "modified_huber", "perceptron", "exponential", "multiclass_hinge",
        or an object of your own.
    {_SHARED_PARAMETERS}class_weight : dict, "balanced" or None, default=None
        A weight for each class, times the sample weights; "balanced" gives each class the same total, in `partial_fit` by the
        weights seen so far.
    {_SHARED_PARAMETERS_2}
    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        The labels, sorted.
    coef_ : ndarray, (1, n_features) or (n_classes, n_features)
        The coefficients; with two classes, of the second one.
    intercept_ : ndarray, (1,) or (n_classes,)
        The intercept.
    {_SHARED_ATTRIBUTES}
    See Also
    --------
    GDRegressor : The same for real targets.

    Notes
    -----
    Whatever goes on inside, the minimiser is that of F in the units of the data, for dense and CSR input alike. Rows of weight
    zero do not exist.

    `set_callbacks` takes callbacks of :mod:`sklearn.callback`: `fit` tells them of every epoch, with the model that it would
    return if it ended there, and stops where one of them asks for it. `partial_fit` calls none.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_gd import GDClassifier, MiniBatch
    >>> X, y = load_digits(return_X_y=True)
    >>> print(round(GDClassifier().fit(X, y).score(X, y), 2))
    1.0
    >>> model = GDClassifier(solver=MiniBatch(64), optimizer="adam", learning_rate=0.01, max_iter=20, random_state=0)
    >>> print(round(model.fit(X, y).score(X, y), 2))
    1.0
    """

    _has_numeric_targets = False
    _fewest_validated = 1

    def __init__(
        self,
        loss="log_loss",
        *,
        penalty="l2",
        alpha=1e-4,
        l1_ratio=0.15,
        fit_intercept=True,
        solver="auto",
        optimizer="auto",
        learning_rate="auto",
        max_iter=1000,
        tol=1e-4,
        shuffle=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        class_weight=None,
        average=False,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
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
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.average = average
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        coef_init=None,
        intercept_init=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the model.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The rows. float32 and float64 are taken as they are; sparse formats other than CSR are converted.
        y : array-like, (n_samples,)
            The labels.
        sample_weight : array-like, (n_samples,), optional
            Weights >= 0 of the rows; a row of weight zero does not exist.
        coef_init, intercept_init : array-like, optional
            Where to begin, in the shapes of `coef_` and `intercept_`; by default at zero (batch descent by "auto": at the best
            intercept).
        X_val, y_val, sample_weight_val : array-like, optional
            Validation rows, scored after every epoch: the fit stops when the score no longer rises, and keeps the best model.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            For a parameter or input that is not right, before any work; the message names it and its value.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            Where `max_iter` ended a fit that had not converged, or the descent diverged; then the best finite model is kept.
        """
        with self._unchanged_when_refused():
            return self._fit(X, y, sample_weight, coef_init, intercept_init, X_val, y_val, sample_weight_val)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Go on learning from more rows: one pass over them, in their order.

        With optimizer and learning rate at "auto" each row takes a proximal step on columns standardised in passing, whatever
        their units, and the track that has predicted best so far serves (docs/auto.md). With a rate of your own,
        calls over the same batches in the same order do what one epoch of ``fit(shuffle=False)`` does, bit for bit: optimizer,
        schedule, penalty and averaging go on where they were, also after pickling. A refused call leaves the model as it was; so
        does one that diverges, with a warning.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The rows.
        y : array-like, (n_samples,)
            The labels.
        classes : array-like, optional
            All labels that will ever come, in the first call. Without it the classes grow: a label that comes for the first time
            gets coefficients of zero, and under softmax a probability of one in the number of rows seen so far.
        sample_weight : array-like, (n_samples,), optional
            Weights >= 0 of the rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with self._unchanged_when_refused():
            coder = getattr(self, "_class_coder", ClassCoder())
            return self._partial_fit(X, y, sample_weight, coder if classes is None else coder.naming(classes))

    def decision_function(self, X):
        """The raw scores.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray, (n_samples,) or (n_samples, n_classes)
            With two classes the score of the second one; beyond, that of each.
        """
        raw = self._raw_scores(X)
        return raw[:, 0] if raw.shape[1] == 1 else raw

    def predict(self, X):
        """Predict the label with the highest score.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray, (n_samples,)
            The labels.
        """
        raw = self._raw_scores(X)
        return self.classes_[np.minimum(_winner(raw), len(self.classes_) - 1)]

    @available_if(_loss_gives_probability)
    def predict_proba(self, X):
        """Probabilities of the classes, where the loss defines them.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray, (n_samples, n_classes)
            Rows that sum to one, in the order of `classes_`.
        """
        raw = self._raw_scores(X)
        probability = self.loss_.probability
        if raw.shape[1] > 1:
            return probability(raw)
        if len(self.classes_) == 1:
            return np.ones((len(raw), 1))
        positive = probability(raw[:, 0])
        return np.column_stack([1.0 - positive, positive])

    @available_if(_loss_gives_probability)
    def predict_log_proba(self, X):
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray, (n_samples, n_classes)
            In the order of `classes_`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _resolve_loss(self):
        return resolve_loss(
            self.loss, ClassificationLoss, CLASSIFICATION_LOSSES, RegressionLoss, REGRESSION_LOSSES, "GDRegressor"
        )

    def _encode(self, y, weight, loss, coder=None):
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        coder = ClassCoder(fewest=2) if coder is None else coder
        return coder.encode(y, weight, self.class_weight, loss)

    def _score(self, raw, targets, loss):
        truth = targets.y[:, 0] if targets.one_vs_rest else targets.y[:, 0] > 0
        return accuracy_score(truth, _winner(raw), sample_weight=targets.weight)


def _needs_positive_targets(loss):
    """Whether a loss refuses negative targets."""
    return not loss.in_domain(np.array([-1.0]))[0]


def _winner(raw):
    """The index of the class with the highest score."""
    return raw.argmax(axis=1) if raw.shape[1] > 1 else (raw[:, 0] > 0).astype(int)


def resolve_loss(value, kind, registry, other_kind, other_registry, other_estimator):
    """A copy of the loss object; the error for a loss of the other estimator names that estimator."""
    if isinstance(value, str) and value in other_registry:
        raise ValueError(f"loss={value!r} is for {other_estimator}; the strings are {sorted(registry)}")
    if isinstance(value, other_kind):
        raise TypeError(f"loss={value!r} is for {other_estimator}; this estimator takes a {kind.__name__}")
    return clone(resolve("loss", value, kind, registry))
