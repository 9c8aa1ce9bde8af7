"""Base classes of the losses."""

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import r2_score

from .._components import Component, Constraints, Flag, Range, check_constraints, once_for_each_class
from .._mistakes import try_on_array

# The number of arguments of each function before the parameters that it takes.
N_ARGUMENTS = {
    "value": 2,
    "gradient": 2,
    "second_derivative": 2,
    "second_order": 3,
    "multiclass_value": 2,
    "multiclass_gradient": 3,
    "multiclass_second_order": 5,
    "multiclass_hessian_product": 4,
    "classwise_value": 2,
    "classwise_second_order": 3,
    "classwise_hessian_product": 3,
    "classwise_diagonal": 2,
    "conjugate": 2,
    "classwise_conjugate": 2,
}
# What the attributes of a loss may be.
ATTRIBUTES: Constraints = {
    "smooth": Flag(),
    "linear_beyond": Range(0, none=True),
    "curvature_bound": Range(0, none=True),
    "multiclass_curvature_bound": Range(0, none=True),
    "is_least_squares": Flag(),
    "scales_with_target": Flag(),
}
# Names that authors give to a prediction, in lower case.
PREDICTIONS = {"raw", "y_pred", "ypred", "y_hat", "yhat", "pred", "preds", "prediction", "predictions", "input"}
# The scores for tests of the functions of a loss.
TARGETS = np.array([-2.0, -1.0, -0.3, 0.0, 0.4, 1.0, 2.5, 6.0])
SCORES = np.array([-3.1, -1.03, -0.52, -0.011, 0.0, 0.017, 0.49, 0.99, 1.7, 3.3])


class Loss(Component):
    """Abstract base of all losses; subclass `RegressionLoss` or `ClassificationLoss`.

    Attributes
    ----------
    smooth : bool
        Whether the loss is differentiable. If False, "auto" minimises a sequence of increasingly accurate smooth approximations.
    curvature_bound : float or None
        An upper bound on the second derivative with respect to a score, which bounds the stable learning rate; None if there is
        no bound.
    multiclass_curvature_bound : float or None
        An upper bound on the eigenvalues of the Hessian with respect to the scores of a sample, for a loss that couples the
        classes.
    is_least_squares : bool
        Whether the loss is half the squared difference between score and target.
    scales_with_target : bool
        Whether residuals, and therefore the positions of non-differentiable points, are in units of y. False if scores do not
        have the units of y.
    linear_beyond : float or None
        The residual, in units of y, beyond which a smooth loss is approximately linear; None if there is none. If the spread of
        the targets is much larger, the loss is nearly non-differentiable, and "auto" first minimises versions with a larger
        threshold.
    domain : str
        Description of the targets that the loss accepts.
    """

    smooth: bool = True
    linear_beyond: float | None = None
    curvature_bound: float | None = None
    multiclass_curvature_bound: float | None = None
    is_least_squares: bool = False
    scales_with_target: bool = True
    domain: str = "any real number"
    _optional: tuple[str, ...] = (*N_ARGUMENTS, "probability")

    def validate(self) -> None:
        """Raise an error if `value` is missing, a function takes an unknown parameter, or a parameter is out of its range."""
        self._check_functions()
        super().validate()
        with self.once("as written") as due:
            if not due:
                return
            self._check_order()
            for name in ("value", "gradient", "second_derivative"):
                self.try_function(name, 1.0, 0.5)
            self.try_function("second_order", 1.0, 0.5, 0.25, returns=("the value", "the slope", "the curvature"))
            check_constraints(self, ATTRIBUTES)
            self._try_methods(f"{type(self).__name__}.")

    @classmethod
    @once_for_each_class
    def _check_functions(cls):
        """Raise a TypeError where `value` is missing, or a function takes an unknown parameter."""
        if cls.written_functions("value") is None:
            raise TypeError(f"{cls.__name__} has no function value(y, raw): a loss must define it")
        for name, n_leading in N_ARGUMENTS.items():
            if cls.written_functions(name) is not None:
                cls.function_parameters(name, n_leading)

    @classmethod
    def _check_order(cls):
        """Raise a TypeError where a function's first argument has the name of a prediction: the target comes first."""
        for name in ("value", "gradient"):
            function = cls.written_functions(name)
            first, second, *_ = inspect.signature(function).parameters if function else ("y", "raw")
            if first.lower() in PREDICTIONS and second.lower() not in PREDICTIONS:
                raise TypeError(f"{cls.__name__}.{name}({first}, {second}) is called as {name}(y, raw): the target comes first")

    def _try_methods(self, prefix: str) -> None:
        """Raise an error where a method does not take and return arrays."""
        try_on_array(prefix + "in_domain", self.in_domain, np.array([1.0, 1.0, -1.0]), dtype=bool)

    def largest_curvature(self, coupled: bool) -> float | None:
        """Return an upper bound on the curvature with respect to the scores.

        Parameters
        ----------
        coupled : bool
            True if `multiclass_value` couples the scores of a sample; False if each score has a separate loss.

        Returns
        -------
        float or None
            An upper bound on the eigenvalues of the Hessian of a sample's loss; None if unknown.
        """
        return self.multiclass_curvature_bound if coupled else self.curvature_bound

    def proximal_loss(self) -> "Loss":
        """Return the loss whose proximal steps "auto" takes on single samples, and by which it compares models in a stream.

        Returns
        -------
        Loss
            This loss, unless coefficients of zero minimise it for every sample.
        """
        return self

    @property
    def positive_only(self) -> bool:
        """Whether negative targets are outside the domain."""
        return not self.in_domain(np.array([-1.0]))[0]

    def in_domain(self, y: NDArray[Any]) -> NDArray[np.bool_]:
        """Return a mask of the targets that the loss accepts.

        Parameters
        ----------
        y : ndarray, (n_samples,) or (n_samples, n_outputs)
            The targets.

        Returns
        -------
        ndarray of bool, the shape of y
            True where the target is in the domain of the loss.
        """
        return np.ones(np.shape(y), dtype=bool)

    def best_constant(self, y: NDArray[Any], weight: NDArray[Any], n_outputs: int) -> NDArray[Any] | None:
        """Return the constant raw score of each output that minimises the mean loss: the null model.

        Parameters
        ----------
        y : ndarray, (n_samples, n_outputs), or (n_samples, 1) of class indices
            The targets.
        weight : ndarray, (n_samples,)
            The sample weights.
        n_outputs : int
            Number of scores per sample.

        Returns
        -------
        ndarray, (n_outputs,), or None
            The scores. If None, they are found numerically.
        """

    def check_targets(self, y: NDArray[Any]) -> None:
        """Raise a ValueError that names the loss and the first target outside its domain.

        Parameters
        ----------
        y : ndarray, (n_samples,) or (n_samples, n_outputs)
            The targets.
        """
        outside = ~self.in_domain(y)
        if outside.any():
            row = tuple(np.argwhere(outside)[0].tolist())
            value = np.asarray(y)[row].item()
            raise ValueError(f"{type(self).__name__} needs {self.domain} as y; y[{', '.join(map(str, row))}] is {value!r}")

    def has_row_functions(self) -> bool:
        """Whether the loss couples the classes of a sample, instead of being applied one-vs-rest.

        Returns
        -------
        bool
            True for a loss with `multiclass_value`.
        """
        return self.written_functions("multiclass_value") is not None


class RegressionLoss(Loss):
    """Abstract base of regression losses; subclass it for a custom loss.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd import GDRegressor, RegressionLoss
    >>> class Welsch(RegressionLoss):
    ...     def __init__(self, scale=2.0):
    ...         self.scale = scale
    ...
    ...     @staticmethod
    ...     def value(y, raw, scale):
    ...         return scale**2 / 2 * (1 - np.exp(-(((raw - y) / scale) ** 2)))
    ...
    ...     @staticmethod
    ...     def gradient(y, raw, scale):
    ...         return (raw - y) * np.exp(-(((raw - y) / scale) ** 2))
    >>> model = GDRegressor(loss=Welsch(scale=3.0)).fit(
    ...     [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
    ... )
    >>> print(model.predict([[4.0]]).round(1))
    [4.]
    """

    def typical_scores(self, mean: NDArray[Any], deviation: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return two scores that define the typical curvature of the loss, by a difference quotient of its gradient.

        The gradient is evaluated at both scores, for a target equal to the mean. The penalty "auto" is proportional to the
        typical curvature, so that the units of y do not change the fit. The curvature is 1 for squared error, 1 / standard
        deviation for absolute error, and the mean for Poisson.

        Parameters
        ----------
        mean, deviation : ndarray, (n_outputs,)
            Weighted mean and standard deviation of each target.

        Returns
        -------
        tuple of ndarray, (n_outputs,)
            Two scores, the lower one first; by default one standard deviation below and above the mean. A loss with a link
            function overrides this method.
        """
        return mean - deviation, mean + deviation

    def _try_methods(self, prefix: str) -> None:
        super()._try_methods(prefix)
        try_on_array(prefix + "inverse_link", self.inverse_link, np.array([0.25, 0.5, 0.75]))
        try_on_array(prefix + "inverse_link", self.inverse_link, np.array([[0.25], [0.5]]))

    def inverse_link(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Return the predictions for raw scores: the scores themselves, unless the loss has a link function.

        Parameters
        ----------
        raw : ndarray
            Raw scores, of any shape.

        Returns
        -------
        ndarray, the shape of raw
            The predictions.
        """
        return raw

    def score(self, y: NDArray[Any], raw: NDArray[Any], sample_weight: NDArray[Any] | None = None) -> float:
        """Score raw scores against targets; ``GDRegressor.score`` returns this value.

        Parameters
        ----------
        y : ndarray, (n_samples,) or (n_samples, n_outputs)
            The targets.
        raw : ndarray, the shape of y
            The raw scores.
        sample_weight : ndarray, (n_samples,), optional
            The sample weights.

        Returns
        -------
        float
            R^2 of the predictions, unless a subclass defines another score.
        """
        return r2_score(y, self.inverse_link(raw), sample_weight=sample_weight)


class ClassificationLoss(Loss):
    """Abstract base of classification losses; y is -1 or +1. Subclass it for a custom loss.

    If a subclass defines ``probability(raw)``, the estimator has `predict_proba`. The method maps scores of shape (n_samples,)
    to the probability of the positive class, and scores of shape (n_samples, n_classes) to the probability of each class.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd import ClassificationLoss, GDClassifier
    >>> class Savage(ClassificationLoss):
    ...     @staticmethod
    ...     def value(y, raw):
    ...         return 1 / (1 + np.exp(np.minimum(y * raw, 300.0))) ** 2
    >>> model = GDClassifier(loss=Savage()).fit(
    ...     [[-2.0], [-1.0], [1.0], [2.0]], ["a", "a", "b", "b"]
    ... )
    >>> print(model.predict([[1.5]]))
    ['b']
    """

    domain: str = "-1 or +1"
    scales_with_target: bool = False

    def try_probability(self, n_outputs: int) -> None:
        """Raise an error if `probability` does not return probabilities for scores of this shape.

        Parameters
        ----------
        n_outputs : int
            Number of scores per sample.
        """
        with self.once(("probability", n_outputs)) as due:
            if due and hasattr(self, "probability"):
                scores = np.array([-3.0, 0.5, 2.0])
                scores = scores if n_outputs == 1 else np.add.outer(scores, np.linspace(-1.0, 1.0, n_outputs))
                try_on_array(f"{type(self).__name__}.probability", self.probability, scores, share=True)

    def in_domain(self, y: NDArray[Any]) -> NDArray[np.bool_]:
        """Return a mask of the targets that are -1 or +1.

        Parameters
        ----------
        y : ndarray, (n_samples,) or (n_samples, n_outputs)
            The targets.

        Returns
        -------
        ndarray of bool, the shape of y
            True where the target is in the domain of the loss.
        """
        y = np.asarray(y)
        return (y == -1.0) | (y == 1.0)


def tried_targets(loss):
    """Targets within the domain of the loss, for tests of its functions."""
    return TARGETS[loss.in_domain(TARGETS)]


def pairs(targets):
    """All pairs of targets and scores."""
    y, raw = np.meshgrid(targets, SCORES, indexing="ij")
    return y.ravel(), raw.ravel()


def weighted_quantiles(y, weight, quantile):
    """The weighted quantile of each column of y."""
    out = np.empty(y.shape[1])
    for k in range(y.shape[1]):
        order = np.argsort(y[:, k], kind="stable")
        reached = np.cumsum(weight[order])
        out[k] = y[order[np.searchsorted(reached, quantile * reached[-1])], k]
    return out


def is_own(y, raw):
    """A mask of each sample's class, in the shape of raw."""
    return np.arange(raw.shape[0])[:, None] == y


def xlogx(x):
    """x log x, 0 if x is zero or negative by rounding."""
    x = np.maximum(x, 0.0)
    return x * np.log(np.maximum(x, 1e-300))
