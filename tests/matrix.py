"""The cases of the tests: all components of the registries by name, data for every loss, points that cover all pairs."""

import functools
import itertools

import numpy as np
import scipy.sparse as sp
from oracle import encoded

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch, RegressionLoss
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from sklearn_gd.penalties import PENALTIES, NoPenalty
from sklearn_gd.schedules import (
    Adaptive,
    CallableSchedule,
    Constant,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    InvScaling,
    OneCycle,
    Optimal,
    PolynomialDecay,
    StepDecay,
    WarmUp,
)
from sklearn_gd.solvers import SOLVERS

N, D, EPOCHS, ALPHA = 23, 4, 3, 0.05
LAYOUTS = {"dense": np.ascontiguousarray, "csr": sp.csr_array}

# Rates at which 70 steps on these data neither stall nor diverge.
RATES = {
    "gd": 0.1,
    "momentum": 0.02,
    "nesterov": 0.02,
    "adagrad": 0.2,
    "rmsprop": 0.02,
    "adadelta": 3.0,
    "adam": 0.05,
    "adamw": 0.05,
    "amsgrad": 0.05,
    "nadam": 0.05,
    "lion": 0.02,
    "ftrl": 0.3,
    "dog": 1.0,
    "dowg": 1.0,
    "coordinate_dog": 1.0,
    "cocob": 1.0,
    "schedule_free": 0.1,
}

LOSSES = {name: (cls, None) for name, cls in REGRESSION_LOSSES.items()}
LOSSES |= {f"{name}-{k}": (cls, k) for name, cls in CLASSIFICATION_LOSSES.items() for k in (2, 3)}
# SVRG and SAGA support no other optimizer, no averaging and no streams: test_variance_reduced.py has a matrix for them.
SOLVER_OBJECTS = {name: cls() for name, cls in SOLVERS.items() if name not in ("svrg", "saga")}
SOLVER_OBJECTS |= {"minibatch": MiniBatch(batch_size=5)}
PENALTY_OBJECTS = {"none": None, "nonnegative": NoPenalty(nonnegative=True)}
PENALTY_OBJECTS |= {name: cls() for name, cls in PENALTIES.items()}
PENALTY_OBJECTS |= {f"{name}-nonnegative": cls(nonnegative=True) for name, cls in PENALTIES.items()}

SCHEDULE_OBJECTS = {
    "constant": Constant(eta0=0.03),
    "invscaling": InvScaling(eta0=0.1, power_t=0.5),
    "optimal": Optimal(),
    "adaptive": Adaptive(eta0=0.05),
    "exponential": ExponentialDecay(eta0=0.1, decay=0.5),
    "exponential of a length": ExponentialDecay(eta0=0.1, decay=0.5, decay_steps=3, staircase=True),
    "step": StepDecay(eta0=0.1, decay=0.5),
    "step of a length": StepDecay(eta0=0.1, decay=0.5, decay_steps=4),
    "polynomial": PolynomialDecay(eta0=0.1, end_rate=0.01, power=2.0),
    "polynomial of a length": PolynomialDecay(eta0=0.1, end_rate=0.01, decay_steps=6),
    "cosine": CosineDecay(eta0=0.1, floor=0.1),
    "cosine of a length": CosineDecay(eta0=0.1, decay_steps=6),
    "cosine_restarts": CosineRestarts(eta0=0.1),
    "cosine_restarts of a length": CosineRestarts(eta0=0.1, first_decay_steps=2, t_mul=1.5, m_mul=0.9),
    "one_cycle": OneCycle(max_rate=0.1),
    "one_cycle of a length": OneCycle(max_rate=0.1, total_steps=6),
    "warmup": WarmUp(0.05, warmup_steps=4),
    "warmup of a schedule": WarmUp(InvScaling(eta0=0.1), warmup_steps=4),
    "callable": CallableSchedule(lambda t: 0.1 / (1.0 + 0.1 * t)),
}


class WrongSign(RegressionLoss):
    """A deliberate mistake: half the squared error with the sign of the gradient reversed."""

    @staticmethod
    def value(y, raw):
        return 0.5 * (raw - y) ** 2

    @staticmethod
    def gradient(y, raw):
        return y - raw


def covering(axes):
    """Points of the product of `axes` that contain every pair of values of any two axes; deterministic."""
    sizes = [len(axis) for axis in axes]
    product = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, len(axes))
    missing = {(i, j): np.ones((sizes[i], sizes[j]), dtype=bool) for i, j in itertools.combinations(range(len(axes)), 2)}
    chosen = []

    def take_best(points):
        """Take the first of those points that hold the most missing pairs."""
        held = sum(pairs[points[:, i], points[:, j]].astype(int) for (i, j), pairs in missing.items())
        best = points[held.argmax()]
        chosen.append(tuple(axis[at] for axis, at in zip(axes, best)))
        for (i, j), pairs in missing.items():
            pairs[best[i], best[j]] = False

    largest, second = sorted(range(len(axes)), key=lambda axis: -len(axes[axis]))[:2]
    # Every pair of the two longest axes needs a separate point, whose other values are chosen to cover the most pairs.
    for first, other in itertools.product(range(sizes[largest]), range(sizes[second])):
        take_best(product[(product[:, largest] == first) & (product[:, second] == other)])
    while any(pairs.any() for pairs in missing.values()):
        take_best(product)
    return chosen


@functools.cache
def data(loss_name):
    """X with zeros and an empty sample, y in the loss's domain, unequal weights."""
    cls, n_classes = LOSSES[loss_name]
    rng = np.random.default_rng(7)
    X = np.round(rng.normal(size=(N, D)), 2) * (rng.random((N, D)) < 0.7)
    X[4] = 0.0
    weight = rng.uniform(0.3, 2.0, size=N)
    score = X @ rng.normal(size=D) + 0.3 * rng.normal(size=N)
    if n_classes is not None:
        return X, np.searchsorted(np.quantile(score, np.arange(1, n_classes) / n_classes), score), weight
    candidates = score, np.round(np.exp(0.5 * score)), np.exp(0.5 * score)
    return X, next(y for y in candidates if cls().in_domain(y).all()), weight


def targets(loss_name):
    """The arguments of `oracle.descend` for y: targets, number of scores, whether they are class indices."""
    y = data(loss_name)[1]
    return encoded(y) if LOSSES[loss_name][1] is not None else (y[:, None], 1, False)


def estimator(loss, **parameters):
    """The estimator of a loss, with EPOCHS epochs over the samples in the given order."""
    cls, n_classes = LOSSES[loss]
    parameters = {"alpha": ALPHA, "max_iter": EPOCHS, "tol": None, "shuffle": False} | parameters
    return (GDRegressor if n_classes is None else GDClassifier)(cls(), **parameters)
