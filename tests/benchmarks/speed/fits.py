"""Whole fits: to 1e-4 of one minimum, and the defaults on unscaled features."""

import functools
import time
import warnings

import numpy as np
import scipy.sparse as sp
from _work import Work, installed, load_data
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd.penalties import L1, L2

TOLERANCES = np.logspace(-1, -9, 17)
CLOSE = 1e-4


def value(X, y, coef, intercept, alpha, l1_ratio):
    """F of a model of standardised features: the mean log loss, and the penalty."""
    raw = X @ coef.T + intercept
    if raw.shape[1] == 1:
        loss = np.logaddexp(0.0, np.where(y > 0, -1.0, 1.0) * raw[:, 0])
    else:
        top = raw.max(axis=1)
        loss = top + np.log(np.exp(raw - top[:, None]).sum(axis=1)) - raw[np.arange(len(y)), y]
    return loss.mean() + alpha * (l1_ratio * abs(coef).sum() + 0.5 * (1.0 - l1_ratio) * (coef**2).sum())


class Race:
    """Fits of one F by several packages, each at the loosest tolerance that reaches 1e-4 of the minimum.

    Ours uses unscaled features and a penalty with ``standardize=True``. The time of the peers includes a StandardScaler.
    """

    def __init__(self, X, y, alpha, l1_ratio):
        self.X, self.y, self.alpha, self.l1_ratio = X, y, alpha, l1_ratio
        self.scaler = StandardScaler(with_mean=not sp.issparse(X)).fit(X)
        self.Z = self.scaler.transform(X)
        penalty = L1(standardize=True) if l1_ratio else L2(standardize=True)
        self.make = functools.partial(GDClassifier, penalty=penalty, alpha=alpha)
        exact = self.make(tol=1e-12, max_iter=5000, n_iter_no_change=20).fit(X, y)
        self.minimum = self.value_of_ours(exact)

    def value_of_ours(self, model):
        coef = model.coef_ * self.scaler.scale_
        # A scaler that does not centre knows the means too.
        mean = self.scaler.mean_ if self.scaler.with_mean else 0.0
        return self._value(coef, model.intercept_ + model.coef_ @ np.broadcast_to(mean, coef.shape[1]))

    def _value(self, coef, intercept):
        coef = np.atleast_2d(coef)
        return value(self.Z, self.y, coef, np.atleast_1d(intercept), self.alpha, self.l1_ratio)

    def ours(self, tol):
        return self.make(tol=tol, max_iter=5000).fit(self.X, self.y)

    def peer(self, make, tol):
        return make(tol).fit(self.scaler.fit_transform(self.X), self.y)

    def value_of_peer(self, model):
        coef = np.atleast_2d(model.coef_)
        # Cyanure's coefficients of several classes are transposed.
        return self._value(coef if coef.shape[1] == self.Z.shape[1] else coef.T, model.intercept_)

    def loosest(self, fit, value_of, limit=15.0):
        """A job at the loosest tolerance that is close enough, or None."""
        try:
            fit(TOLERANCES[0])  # the first fit of a peer may compile it
        except Exception:  # a peer that fails on this set is left out of the table
            return None
        for tol in TOLERANCES:
            begun = time.perf_counter()
            model = fit(tol)
            reached = value_of(model)
            self.minimum = min(self.minimum, reached)
            if reached <= self.minimum * (1.0 + CLOSE):
                return lambda tol=tol: fit(tol)
            if time.perf_counter() - begun > limit:
                return None
        return None

    def work(self, name, bar, peers):
        """The row of the table; peers that do not reach the accuracy within 15 s per fit are left out."""
        ours = self.loosest(self.ours, self.value_of_ours)
        jobs = {each: self.loosest(functools.partial(self.peer, make), self.value_of_peer) for each, make in peers.items()}
        jobs = {each: job for each, job in jobs.items() if job is not None}
        return Work(name, bar, ours, jobs, repeats=3)


def l2_peers(n, alpha, n_classes, d):
    """Makers of estimators, by name."""
    C = 1.0 / (n * alpha)

    def logistic(solver, **more):
        return lambda tol: LogisticRegression(C=C, solver=solver, tol=tol, max_iter=2000, random_state=0, **more)

    peers = {solver: logistic(solver) for solver in ("lbfgs", "sag", "saga")}
    if n_classes * d <= 500:
        peers["newton-cholesky"] = logistic("newton-cholesky")
    intel = installed("sklearnex.linear_model")
    if intel:
        peers["scikit-learn-intelex"] = lambda tol: intel.LogisticRegression(C=C, tol=tol, max_iter=2000)
    glum = installed("glum")
    if glum and n_classes == 2:
        peers["glum"] = lambda tol: glum.GeneralizedLinearRegressor(
            family="binomial", alpha=alpha, l1_ratio=0.0, gradient_tol=tol, max_iter=500
        )
    cyanure = installed("cyanure.estimators")
    if cyanure:
        peers["cyanure"] = lambda tol: cyanure.Classifier(
            loss="logistic" if n_classes == 2 else "multiclass-logistic",
            penalty="l2",
            lambda_1=alpha,
            fit_intercept=True,
            tol=tol,
            max_iter=2000,
            verbose=False,
        )
    return peers


def l1_peers(n, alpha):
    C = 1.0 / (n * alpha)
    peers = {
        "saga": lambda tol: LogisticRegression(l1_ratio=1.0, C=C, solver="saga", tol=tol, max_iter=1000, random_state=0),
        "liblinear": lambda tol: LogisticRegression(
            l1_ratio=1.0, C=C, solver="liblinear", tol=tol, max_iter=1000, intercept_scaling=1e4, random_state=0
        ),
    }
    skglm = installed("skglm")
    if skglm:
        peers["skglm"] = lambda tol: skglm.SparseLogisticRegression(alpha=alpha, tol=tol, fit_intercept=True)
    cyanure = installed("cyanure.estimators")
    if cyanure:
        peers["cyanure"] = lambda tol: cyanure.Classifier(
            loss="logistic", penalty="l1", lambda_1=alpha, fit_intercept=True, tol=tol, max_iter=2000, verbose=False
        )
    return peers


def races(quick):
    """Sets, two classes or more, and the bars of l2 and l1."""
    data = load_data()
    if data is None:
        return
    for name, binary, l1_bar, most in (
        ("adult", True, 2.0, None),
        ("covtype", True, 2.0, 100_000),
        ("subjectivity", True, 1.0, None),
        ("kdd99", True, None, 100_000),
        ("covtype", False, None, 100_000),
        ("fashion_mnist", False, None, 10_000),
    ):
        if quick and name != "adult":
            continue
        X, _, y, _ = data.load(name, max_train=most)
        classes, y = np.unique(y, return_inverse=True)
        y = (y == np.bincount(y).argmax()).astype(int) if binary and len(classes) > 2 else y
        yield f"{name}{' binary' if binary and len(classes) > 2 else ''}, {len(y)} samples", X, y, l1_bar


def optimum(quick):
    """Time to 1e-4 of the minimum, l2 with alpha 1e-4 and l1 with alpha 1e-3, of standardised features."""
    for name, X, y, l1_bar in races(quick):
        n, n_classes = len(y), int(y.max()) + 1
        race = Race(X, y, 1e-4, 0.0)
        yield race.work(f"to 1e-4 of the minimum, l2, {name}", 1.5, l2_peers(n, 1e-4, n_classes, X.shape[1]))
        if l1_bar:
            race = Race(X, y, 1e-3, 1.0)
            yield race.work(f"to 1e-4 of the minimum, l1, {name}", l1_bar, l1_peers(n, 1e-3))
    if not quick:
        rng = np.random.default_rng(0)
        X = rng.normal(size=(500, 10_000))
        y = (X[:, :20] @ rng.normal(size=20) + rng.normal(size=500) > 0.0).astype(int)
        alpha = 0.1 * abs(X.T @ (y - y.mean())).max() / len(y)
        yield Race(X, y, alpha, 1.0).work("to 1e-4 of the minimum, l1, 500 x 10000", 1.0, l1_peers(len(y), alpha))


def defaults(quick):
    """The default fit of unscaled features, compared with StandardScaler and LogisticRegression or Ridge."""
    data = load_data()
    names = [] if data is None else [*data.CLASSIFICATION, *data.REGRESSION]
    for name in ("breast_cancer", "adult", "california_housing") if quick and names else names:
        X, _, y, _ = data.load(name, max_train=10_000 if name == "fashion_mnist" else None)
        yield default_fit(f"{name}, {len(y)} samples", X, y, name in data.CLASSIFICATION)
    # More features than samples: all products of two pixels of the digits, of three measurements of the cells.
    for name, load, degree, n in (("digits", load_digits, 2, 400), ("breast_cancer", load_breast_cancer, 3, 400)):
        X, y = load(return_X_y=True)
        X = PolynomialFeatures(degree, include_bias=False).fit_transform(X[:n])
        yield default_fit(f"products of {name}, {n} x {X.shape[1]}", X, y[:n], True)


def default_fit(name, X, y, classes):
    """The default fit of a data set."""

    def peer():
        scaler = StandardScaler(with_mean=not sp.issparse(X))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make_pipeline(scaler, LogisticRegression() if classes else Ridge()).fit(X, y)

    make = GDClassifier if classes else GDRegressor
    return Work(
        f"default fit, {name}",
        1.0,
        lambda: make().fit(X, y),
        {"scaler + LogisticRegression or Ridge": peer},
        repeats=5 if len(y) < 50_000 else 3,
    )
