"""Optimizers without a learning rate on real data sets, compared with Adam and plain descent at the best rate of a grid.

python tests/benchmarks/optimizers.py [minibatch | row] [standardised | raw]

Each line has, after 1, 5 and 20 passes, the median and the worst over the sets of (F - F*) / (F of the null model - F*), and
on how many sets that is within 0.01 of plain descent at its best rate, which is chosen for each set and each number of passes.
"Standardised" means dense features of mean 0 and deviation 1; CSR sets and targets are unchanged. All else is at its defaults.
"""

import math
import sys
import warnings

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import StandardScaler
from timing import load_data

from sklearn_gd import SGD, GDClassifier, GDRegressor, MiniBatch, Optimizer
from sklearn_gd.optimizers import Adam, DoG, DoWG, GradientDescent, ScheduleFree

warnings.simplefilter("ignore")

SETS = ["diabetes", "california_housing", "bike_sharing", "breast_cancer", "wine", "digits", "adult", "a9a", "sms_spam"]
SETS += ["subjectivity"]
WIDE = ["sms_spam", "subjectivity"]  # left out if a step uses one sample
PASSES = (1, 5, 20)
RATES = [10.0 ** (k / 2) for k in range(-8, 3)]
RAW_RATES = [10.0 ** (k / 2) for k in range(-24, 3)]


class Prodigy(Optimizer):
    """K. Mishchenko and A. Defazio, "Prodigy: an expeditiously adaptive parameter-free learner", 2023, algorithm 4."""

    slots = ("start", "distance", "numerator", "gradient_sum", "mean", "square_mean")
    totals = ("inner", "length")
    default_rate = 1.0

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-8, initial=1e-6):
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.initial = initial

    @staticmethod
    def contributions(w, g, rate, t, start, distance, numerator, gradient_sum, mean, square_mean, beta_2, initial):
        if t == 1.0:
            start, distance = w, initial
        root = math.sqrt(beta_2)
        return g * (start - w), abs(root * gradient_sum + (1.0 - root) * rate * distance**2 * g)

    @staticmethod
    def update(
        w,
        g,
        rate,
        t,
        start,
        distance,
        numerator,
        gradient_sum,
        mean,
        square_mean,
        inner,
        length,
        beta_1,
        beta_2,
        epsilon,
        initial,
    ):
        if t == 1.0:
            start, distance = w, initial
        root = math.sqrt(beta_2)
        weight = (1.0 - root) * rate * distance**2
        mean = beta_1 * mean + (1.0 - beta_1) * distance * g
        square_mean = beta_2 * square_mean + (1.0 - beta_2) * (distance * g) ** 2
        numerator = root * numerator + weight * inner
        gradient_sum = root * gradient_sum + weight * g
        step = rate * distance**2 / (math.sqrt(square_mean) + distance * epsilon)
        w = w - step * mean / distance
        if length > 0.0:
            distance = max(distance, numerator / length)
        return w, step, start, distance, numerator, gradient_sum, mean, square_mean


class ScheduleFreeAdam(Optimizer):
    """A. Defazio et al., "The road less scheduled", 2024, algorithm 1, without warm-up and decay."""

    slots = ("average", "square_mean")
    evaluated_slot = "average"
    default_rate = 0.0025

    @staticmethod
    def update(w, g, rate, t, average, square_mean):
        if t == 1.0:
            average = w
        base = (w - 0.9 * average) / 0.1
        square_mean = 0.999 * square_mean + 0.001 * g * g
        step = rate / (math.sqrt(square_mean / (1.0 - 0.999**t)) + 1e-8)
        base = base - step * g
        average = average + (base - average) / t
        return 0.1 * base + 0.9 * average, 0.1 * step, average, square_mean


RULES = {name: (name, {}) for name in ("adam", "adagrad", "dog", "dowg", "coordinate_dog", "cocob")}
RULES["last iterate of dog"] = DoG(averaged=False), {}
RULES["last iterate of dowg"] = DoWG(averaged=False), {}
RULES["Prodigy"] = Prodigy(), {}
RULES["Prodigy, initial=1e-2"] = Prodigy(initial=1e-2), {}
RULES["schedule-free Adam, 0.0025"] = ScheduleFreeAdam(), {}
RULES["schedule-free Adam, 0.03"] = ScheduleFreeAdam(), {"learning_rate": 0.03}
RULES["schedule_free, auto rate"] = "schedule_free", {}
TUNED = {"gd": GradientDescent(), "schedule_free": ScheduleFree(), "adam": Adam()}


def rows_of(loader, name, way, columns):
    """The training samples: fewer if a step uses one sample, as each step updates all coefficients."""
    X, _, y, _ = loader.load(name, {"minibatch": 20_000, "row": 3000}[way])
    if columns == "standardised" and not sp.issparse(X):
        X = StandardScaler().fit_transform(X)
    return X, y


def main(way="minibatch", columns="standardised"):
    """Print the table for one kind of steps and features."""
    loader = load_data()
    if loader is None:
        return
    solver = {"minibatch": MiniBatch(32), "row": SGD()}[way]
    gaps = {}
    sets = [name for name in SETS if way != "row" or name not in WIDE]
    for name in sets:
        X, y = rows_of(loader, name, way, columns)
        kind = GDRegressor if name in loader.REGRESSION else GDClassifier
        constant = kind(tol=1e-9, max_iter=100).fit(np.zeros((len(y), 1)), y).loss_curve_[-1]
        least = min(kind(tol=1e-12, max_iter=3000).fit(X, y).loss_curve_)

        def gap(optimizer, X=X, y=y, kind=kind, constant=constant, least=least, **parameters):
            model = kind(solver=solver, optimizer=optimizer, max_iter=max(PASSES), tol=None, random_state=0)
            curve = model.set_params(**parameters).fit(X, y).loss_curve_
            curve = curve + [math.inf] * (max(PASSES) - len(curve))
            return [(curve[e - 1] - least) / (constant - least) for e in PASSES]

        rates = RATES if columns == "standardised" else RAW_RATES
        for rule, optimizer in TUNED.items() if columns == "standardised" else [("gd", GradientDescent())]:
            best = np.min([gap(optimizer, learning_rate=rate) for rate in rates], axis=0)
            gaps.setdefault(f"{rule} at the best rate", []).append(best)
        for rule, (optimizer, parameters) in RULES.items():
            gaps.setdefault(rule, []).append(gap(optimizer, **parameters))
        print(f"{name} {X.shape}", file=sys.stderr, flush=True)
    reference = np.array(gaps["gd at the best rate"])
    print(f"{way}, {columns} features, {len(sets)} sets: median / worst gap, sets near plain descent at its best rate")
    for rule, values in gaps.items():
        values = np.array(values)
        cells = [f"{np.median(values[:, k]):8.2g} / {values[:, k].max():7.2g}" for k in range(len(PASSES))]
        near = [f"{int((values[:, k] <= reference[:, k] + 0.01).sum()):2d}" for k in range(len(PASSES))]
        print(f"{rule:28} {'  '.join(cells)}   near {', '.join(near)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
