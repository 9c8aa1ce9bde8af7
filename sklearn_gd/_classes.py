"""From labels to targets: codes, class weights, and what changes when a stream brings a class for the first time; from scores to
classes."""

import math
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import compute_class_weight

from ._stored import stored
from ._validation import check_total
from .objective._null_model import class_totals

BLOCK = 65536  # labels that are encoded at once


@dataclass(frozen=True)
class Targets:
    """y and the weights in the form that the objective takes.

    Parameters
    ----------
    y : ndarray, (n_samples, n_scores) or (n_samples, 1)
        The target of each score, or the index of the class if `one_vs_rest`.
    weight : ndarray, (n_samples,)
        Sample weight times class weight.
    n_outputs : int
        Scores of a sample.
    one_vs_rest : bool
        Whether y holds class indices.
    flat_coef : bool
        Whether `coef_` has one dimension.
    coder : ClassCoder or None
        The coder for the samples of later calls; None in regression.
    """

    y: np.ndarray
    weight: np.ndarray
    n_outputs: int
    one_vs_rest: bool = False
    flat_coef: bool = False
    coder: "ClassCoder | None" = None

    def rows(self, which: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "Targets":
        """The targets of some samples."""
        return replace(self, y=self.y[which], weight=self.weight[which])

    @property
    def classes(self) -> NDArray[Any] | None:
        """The labels, sorted; None in regression."""
        return None if self.coder is None else self.coder.classes

    @property
    def strata(self) -> NDArray[np.float64]:
        """The strata of a split: the class of each sample; in regression the same for all."""
        return np.zeros(len(self.y)) if self.coder is None else self.y[:, 0]


@stored
@dataclass(frozen=True)
class ClassCoder:
    """Encodes labels as targets; immutable.

    Parameters
    ----------
    classes : ndarray, (n_classes,)
        The labels so far, sorted; empty before the first.
    totals : ndarray, (n_classes,)
        The sum of the sample weights of each class so far.
    fixed : bool
        Whether a label outside `classes` raises an error; otherwise it becomes a new class.
    fewest : int
        The smallest number of classes.
    """

    classes: np.ndarray = field(default_factory=lambda: np.empty(0))
    totals: np.ndarray = field(default_factory=lambda: np.empty(0))
    fixed: bool = False
    fewest: int = 1

    def naming(self, classes: ArrayLike) -> "ClassCoder":
        """A coder that accepts the given classes only; they must be those known so far, if any."""
        classes = np.unique(classes)
        if len(self.classes) and not np.array_equal(self.classes, classes):
            raise ValueError(f"classes={classes!r} is not the same as on the last call to partial_fit: {self.classes!r}")
        if len(classes) < 2:
            raise ValueError(f"classes={classes!r} must contain at least two classes")
        return replace(self, classes=classes, totals=self.totals if len(self.classes) else np.zeros(len(classes)), fixed=True)

    def expecting(self, y: NDArray[Any]) -> "ClassCoder":
        """A coder that also knows the labels of `y`, without counting these samples."""
        if self.fixed or not len(y):
            return self
        if len(self.classes) and _is_text(y) != _is_text(self.classes):
            return self  # the encoding of these samples will raise an error
        classes = np.unique(np.concatenate([self.classes, y]) if len(self.classes) else y)
        totals = np.zeros(len(classes))
        totals[np.searchsorted(classes, self.classes)] = self.totals
        return replace(self, classes=classes, totals=totals)

    def for_validation(self) -> "ClassCoder":
        """A coder that accepts the same classes only, and has counted no samples."""
        return replace(self, totals=np.zeros(len(self.classes)), fixed=True)

    def knows(self, y: NDArray[Any]) -> bool:
        """Whether all labels are of known classes."""
        known = self.classes
        if not len(known) or _is_text(y) != _is_text(known):
            return False
        return bool((known[class_codes(known, y)] == y).all())

    def encode(
        self,
        y: NDArray[Any],
        weight: NDArray[np.float64],
        class_weight: dict[Any, float] | str | None,
        loss: Any,
    ) -> Targets:
        """Encode the labels of some samples.

        Parameters
        ----------
        y : ndarray, (n_samples,)
            The labels.
        weight : ndarray, (n_samples,)
            The sample weights; samples of weight zero add no class, unless `fewest` are needed and only they have them.
        class_weight : dict, "balanced" or None
            The estimator's parameter.
        loss : ClassificationLoss
            The loss, which must accept -1 and +1 if there are two classes.

        Returns
        -------
        Targets
            The targets, with a coder that includes these samples.
        """
        positive = weight > 0
        counted = slice(None) if positive.all() else positive  # no copies
        known = self.classes
        if len(known) and len(y) and _is_text(y) != _is_text(known):
            raise ValueError(
                f"y has the label {y[:1].tolist()[0]!r}, but the classes are {known.tolist()!r}: labels must be all strings or "
                f"all numbers"
            )
        classes = known
        if not (self.fixed or self.knows(y)):
            classes = np.unique(np.concatenate([known, y[counted]]) if len(known) else y[counted])
        if len(classes) < self.fewest:
            # As if the others had been seen: bootstrap weights may leave out a rare class.
            classes = np.unique(y)
        if len(classes) < self.fewest:
            raise ValueError(f"y has only one class, {classes[:1].tolist()[0]!r}; a classifier needs at least two classes")
        code = class_codes(classes, y)
        # Labels of which all are counted are among their own classes: no comparison, which would take memory.
        may_be_unknown = self.fixed or not isinstance(counted, slice) or not are_labels(y)
        unknown = (classes[code] != y)[counted] if may_be_unknown else np.zeros(0, dtype=bool)
        if unknown.any():
            raise ValueError(
                f"y has the label {y[counted][unknown][:1].tolist()[0]!r}, which is not among the classes {classes.tolist()!r}"
            )
        totals = class_totals(code[counted], weight[counted], len(classes))
        if len(known):
            totals[np.searchsorted(classes, known)] += self.totals
        if class_weight is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                weight = weight * _class_weights(class_weight, classes, totals)[code]
        if not (weight > 0).any():
            raise ValueError(f"class_weight={class_weight!r} leaves no sample of positive weight")
        check_total(weight, f"class_weight={class_weight!r} times sample_weight")
        coder = replace(self, classes=classes, totals=totals, fewest=1)
        if len(classes) > 2:
            return Targets(code[:, None].astype(np.float64), weight, len(classes), one_vs_rest=True, coder=coder)
        # The single class of a stream so far is encoded as the first of two.
        target = np.full((len(code), 1), -1.0)
        np.copyto(target, 1.0, where=(code == 1)[:, None])
        loss.check_targets(target[:0])
        return Targets(target, weight, 1, coder=coder)


def class_codes(classes, y):
    """The index of each label among the sorted classes, or of a neighbour for a label that is not among them.

    The codes take a few bytes for each sample, as they exist together with the target. NumPy's indices, which take eight, are
    converted block by block.
    """
    code = np.empty(len(y), dtype=np.min_scalar_type(len(classes)))
    for start in range(0, len(y), BLOCK):
        stop = start + BLOCK
        np.minimum(np.searchsorted(classes, y[start:stop]), len(classes) - 1, out=code[start:stop], casting="unsafe")
    return code


def are_labels(y):
    """Whether y has integers, flags or text, which are labels whatever their values; NaN is not among them."""
    return y.dtype.kind in "biuUS"


def check_comparable(y):
    """Raise a TypeError that names y if its labels cannot be compared, such as text and numbers, or are bytes."""
    if y.dtype.kind == "S":
        raise TypeError("y has labels of bytes, which scikit-learn does not support: convert them to strings or integers")
    if y.dtype.kind != "O":
        return
    labels = y.tolist()
    try:
        sorted(set(labels))
    except TypeError as error:
        names = sorted({type(label).__name__ for label in labels})
        raise TypeError(
            f"y has labels of types {names}, which cannot be compared: labels must be all strings or all numbers"
        ) from error


def _is_text(labels):
    """Whether labels are strings."""
    return labels.dtype.kind in "OUST"


def _class_weights(class_weight, classes, totals):
    """The weight of each class, given the sum of the sample weights of each."""
    if isinstance(class_weight, str) and class_weight != "balanced":
        raise ValueError(f"class_weight={class_weight!r} must be a dict, 'balanced' or None")
    if not isinstance(class_weight, (str, dict)):
        raise TypeError(f"class_weight={class_weight!r} must be a dict, 'balanced' or None")
    if isinstance(class_weight, dict):
        for label, value in class_weight.items():
            if not (isinstance(value, Real) and math.isfinite(value) and value >= 0):
                raise ValueError(f"class_weight[{label!r}] is {value!r}; it must be a number >= 0")
        return compute_class_weight(class_weight, classes=classes, y=classes)
    return totals.sum() / (len(classes) * np.where(totals > 0, totals, 1.0))


@dataclass(frozen=True)
class Growth:
    """The scores of more classes as a linear function of those of the earlier ones.

    Parameters
    ----------
    mapping : ndarray, (n_outputs now, n_outputs before)
        The scores now are ``mapping @ before``, plus an intercept for those of new classes.
    is_new : ndarray of bool, (n_outputs now,)
        Which scores belong to a new class.
    softmax : bool
        Whether the loss couples the classes of a sample in a softmax; otherwise it is one-vs-rest.
    n_seen : float
        The number of samples so far. None of them had a new class, which therefore starts with a probability of about
        1 / n_seen.
    """

    mapping: np.ndarray
    is_new: np.ndarray
    softmax: bool
    n_seen: float

    @classmethod
    def between(cls, before, now, softmax, n_seen):
        """The growth from the sorted classes `before` to `now`, which include them; None if they are the same."""
        if len(before) == len(now):
            return None
        places = np.searchsorted(now, before)
        is_new = np.ones(len(now), dtype=bool)
        is_new[places] = False
        if len(now) == 2:
            # The single class was encoded as the first of two; it is now the first or the second of two.
            return cls(np.array([[1.0 if places[0] == 0 else -1.0]]), np.zeros(1, dtype=bool), softmax, n_seen)
        mapping = np.zeros((len(now), 1 if len(before) <= 2 else len(before)))
        if len(before) <= 2:
            half = 0.5 if softmax else 1.0
            mapping[places, 0] = (-half, half)[: len(before)]
        else:
            mapping[places, np.arange(len(before))] = 1.0
        return cls(mapping, is_new, softmax, n_seen)

    def coefficients(self, coef):
        """Map coefficients, (n_outputs before, any length), to the new classes, with zeros for a new class."""
        return self.mapping @ coef

    def intercepts(self, intercept):
        """Map intercepts to the new classes; that of a new class reflects that no sample so far had it."""
        out = self.mapping @ intercept
        if self.is_new.any():
            known = out[~self.is_new]
            if self.softmax:
                top = known.max()
                out[self.is_new] = top + math.log(np.exp(known - top).sum()) - math.log(self.n_seen + 1.0)
            else:
                out[self.is_new] = min(known.min(), 0.0) - 1.0
        return out


def most_likely(raw, n_classes, xp):
    """The index of the class with the highest score."""
    if raw.shape[1] > 1:
        return xp.argmax(raw, axis=1)
    positive = xp.astype(raw[:, 0] > 0, xp.int64)
    # A stream that has brought a single class so far has one score for it.
    return positive if n_classes > 1 else 0 * positive


def gives_probabilities(estimator):
    """Whether `predict_proba` exists; an AttributeError that says why where it does not."""
    loss = estimator._known_loss()
    if not hasattr(loss, "probability"):
        raise AttributeError(f"predict_proba is not available with loss={loss!r}: the loss does not define probabilities")
    return True


def probabilities(loss, raw, n_classes, place):
    """The probabilities of the classes, (n_samples, n_classes), in the library of the scores, which is that of `place`."""
    if raw.shape[1] > 1:
        return place.call(loss.probability, raw)
    if n_classes == 1:
        return np.ones((len(raw), 1))
    positive = place.call(loss.probability, raw[:, 0])
    return place.xp.stack([1.0 - positive, positive], axis=1)
