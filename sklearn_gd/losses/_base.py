"""What every loss shares."""

import numpy as np
from numpy.typing import NDArray

from .._components import Component


class Loss(Component):
    """Abstract base of all losses; subclass `RegressionLoss` or `ClassificationLoss`.

    Attributes
    ----------
    smooth : bool
        False where the loss has kinks: "auto" then descends on a smoothing of it that shrinks stage by stage.
    curvature_bound : float or None
        The largest second derivative with respect to a score, where there is one: it bounds the stable learning rate.
    quadratic : bool
        Whether it is half the squared distance of score and target.
    domain : str
        The targets that the loss admits, in words.
    """

    smooth = True
    curvature_bound: float | None = None
    quadratic = False
    domain = "any real number"
    # Whether kinks lie at a distance in units of y, and not of the score.
    in_units_of_y = True

    def validate(self) -> None:
        """Raise where `value` is missing, a function asks for an unknown parameter, or a parameter is out of its range."""
        if self.written_functions("value") is None:
            raise TypeError(f"{type(self).__name__} has no function value(y, raw): a loss must give one")
        functions = {"value": 2, "gradient": 2, "second_derivative": 2, "second_order": 3}
        functions |= {"multiclass_value": 2, "multiclass_gradient": 3, "multiclass_second_order": 5, "multiclass_quadratic": 4}
        for name, n_leading in functions.items():
            if self.written_functions(name) is not None:
                self.function_parameters(name, n_leading)

    def in_domain(self, y: NDArray) -> NDArray[np.bool_]:
        """Which targets the loss admits.

        Parameters
        ----------
        y : ndarray, (n_samples,) or (n_samples, n_outputs)
            The targets.

        Returns
        -------
        ndarray of bool, the shape of y
            True where the target is in the loss's domain.
        """
        return np.ones(np.shape(y), dtype=bool)

    def best_constant(self, y: NDArray, weight: NDArray, n_outputs: int) -> NDArray | None:
        """The best raw score of each output without any feature.

        Parameters
        ----------
        y : ndarray, (n_samples, n_outputs), or (n_samples, 1) of class indices
            The targets.
        weight : ndarray, (n_samples,)
            The weights of the rows.
        n_outputs : int
            Scores of a row.

        Returns
        -------
        ndarray, (n_outputs,), or None
            The scores; None to have them searched for.
        """

    def check_targets(self, y: NDArray) -> None:
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
        """Whether the loss couples the classes of a row, instead of setting each against the rest.

        Returns
        -------
        bool
            True for a loss with `multiclass_value`.
        """
        return self.written_functions("multiclass_value") is not None


class RegressionLoss(Loss):
    """Abstract base of losses of a real target; subclass it for a loss of your own.

    Examples
    --------
    >>> import math
    >>> from sklearn_gd import GDRegressor, RegressionLoss
    >>> class Welsch(RegressionLoss):
    ...     def __init__(self, scale=2.0):
    ...         self.scale = scale
    ...
    ...     @staticmethod
    ...     def value(y, raw, scale):
    ...         return scale**2 / 2 * (1 - math.exp(-(((raw - y) / scale) ** 2)))
    ...
    ...     @staticmethod
    ...     def gradient(y, raw, scale):
    ...         return (raw - y) * math.exp(-(((raw - y) / scale) ** 2))
    >>> model = GDRegressor(loss=Welsch(scale=3.0)).fit([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0])
    >>> print(model.predict([[4.0]]).round(1))
    [4.]
    """

    def inverse_link(self, raw: NDArray) -> NDArray:
        """The prediction of a raw score: the score itself, unless the loss has a link.

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


class ClassificationLoss(Loss):
    """Abstract base of losses of a class; y is -1 or +1.

    A subclass that defines ``probability(raw)`` gives its estimator `predict_proba`: scores of shape (n_samples,) to the
    probability of the positive class, or (n_samples, n_classes) to that of each class.

    Examples
    --------
    >>> import math
    >>> from sklearn_gd import ClassificationLoss, GDClassifier
    >>> class Savage(ClassificationLoss):
    ...     @staticmethod
    ...     def value(y, raw):
    ...         return 1 / (1 + math.exp(min(y * raw, 300.0))) ** 2
    >>> model = GDClassifier(loss=Savage()).fit([[-2.0], [-1.0], [1.0], [2.0]], ["a", "a", "b", "b"])
    >>> print(model.predict([[1.5]]))
    ['b']
    """

    domain = "-1 or +1"
    in_units_of_y = False

    def in_domain(self, y: NDArray) -> NDArray[np.bool_]:
        """Which targets are -1 or +1.

        Parameters
        ----------
        y : ndarray, (n_samples,) or (n_samples, n_outputs)
            The targets.

        Returns
        -------
        ndarray of bool, the shape of y
            True where the target is in the loss's domain.
        """
        return np.isin(y, (-1.0, 1.0))


def weighted_quantiles(y, weight, quantile):
    """The weighted quantile of each column of y."""
    out = np.empty(y.shape[1])
    for k in range(y.shape[1]):
        order = np.argsort(y[:, k], kind="stable")
        reached = np.cumsum(weight[order])
        out[k] = y[order[np.searchsorted(reached, quantile * reached[-1])], k]
    return out
