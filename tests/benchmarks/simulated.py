"""Simulated streams: counts, rare classes and outliers. `bars.py` h, i and j print the results."""

import numpy as np
import scipy.sparse as sp

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES

MEANS = {"poisson": (0.01, 0.1, 1.0, 100.0), "gamma": (0.01, 1.0, 100.0), "tweedie": (0.01, 1.0, 100.0)}
SHARES = (0.001, 0.01, 0.1, 0.5)
N_TEST = 50_000


def normal(rng, n):
    """Ten correlated features."""
    return rng.normal(size=(n, 10)) @ (np.eye(10) + 0.3 * rng.normal(size=(10, 10)))


def claims(rng, n):
    """Features of motor claims, CSR: age, a bonus-malus scale, a density with a heavy tail, and four one-hot categories."""
    age, bonus, density = rng.gamma(8.0, 6.0, n), 50.0 + rng.exponential(15.0, n), rng.lognormal(6.0, 1.8, n)
    hot = []
    for k in (12, 22, 6, 2):
        category = rng.choice(k, n, p=rng.dirichlet(np.ones(k)))
        hot.append(sp.csr_array((np.ones(n), (np.arange(n), category)), shape=(n, k)))
    return sp.csr_array(sp.hstack([sp.csr_array(np.column_stack([age, bonus, np.log(density), density])), *hot]))


def scores(rng, X, spread):
    """A random linear function of the features without the heavy tail, of mean 0 and standard deviation `spread`."""
    dense = X.toarray() if sp.issparse(X) else X
    used = dense.std(axis=0) > 0
    if sp.issparse(X):
        used[3] = False
    z = (dense[:, used] - dense[:, used].mean(axis=0)) / dense[:, used].std(axis=0) @ rng.normal(size=used.sum())
    return spread * (z - z.mean()) / z.std()


def counts(loss, mean, features, seed, n=100_000, n_test=N_TEST):
    """Features, targets and exposures of training and test samples."""
    rng = np.random.default_rng(seed)
    X = features(rng, n + n_test)
    mu = np.exp(scores(rng, X, 0.6))
    mu *= mean / mu.mean()
    exposure = np.clip(rng.beta(1.0, 0.7, n + n_test), 0.01, 1.0) if loss == "poisson" else np.ones(n + n_test)
    if loss == "poisson":
        y = rng.poisson(mu * exposure) / exposure
    elif loss == "gamma":
        y = mu * rng.gamma(1.0, 1.0, n + n_test)
    else:  # power 1.5, dispersion 1: a Poisson number of exponential amounts
        number = rng.poisson(2.0 * np.sqrt(mu))
        y = np.where(number > 0, rng.gamma(np.maximum(number, 1), 0.5 * np.sqrt(mu)), 0.0)
    return X[:n], y[:n], exposure[:n], X[n:], y[n:], exposure[n:]


def classes(share, n_classes, seed, n=100_000, n_test=N_TEST):
    """Features and labels; with two classes the positive one has the share, with more, each but the first a part of it."""
    rng = np.random.default_rng(seed)
    X = normal(rng, n + n_test)
    z = np.column_stack([np.zeros(n + n_test), *[scores(rng, X, 1.0) for _ in range(n_classes - 1)]])
    wanted = np.array([1.0 - share, *np.full(n_classes - 1, share / (n_classes - 1))])
    offset = np.log(wanted)
    for _ in range(50):
        p = np.exp(z + offset)
        p /= p.sum(axis=1, keepdims=True)
        offset += np.log(wanted) - np.log(p.mean(axis=0))
    y = (rng.random(n + n_test)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    return X[:n], np.minimum(y[:n], n_classes - 1), X[n:], np.minimum(y[n:], n_classes - 1)


def streamed(model, X, y, rows, weight=None, **first):
    """The model after one pass in calls of `rows` samples."""
    for start in range(0, len(y), rows):
        part = slice(start, start + rows)
        model.partial_fit(X[part], y[part], sample_weight=None if weight is None else weight[part], **first)
        first = {}
    return model


def count_results(n=100_000, seeds=(0,), rows=1000):
    """Name, total of the predictions over that of the targets, and D^2 of the stream and of `fit`."""
    for features in (normal, claims):
        for loss, means in MEANS.items():
            for mean in means:
                for seed in seeds:
                    X, y, w, X_test, y_test, w_test = counts(loss, mean, features, seed, n)
                    stream = streamed(GDRegressor(loss), X, y, rows, w)
                    fit = GDRegressor(loss).fit(X, y, sample_weight=w)
                    total = (w @ stream.predict(X)) / (w @ y)
                    yield (
                        f"{loss} {mean:g} {features.__name__}",
                        total,
                        stream.score(X_test, y_test, w_test),
                        fit.score(X_test, y_test, w_test),
                    )


def risk(model, X, y):
    """The mean loss of a classifier on labels that are class indices."""
    raw = model.decision_function(X)
    if raw.ndim == 1:
        return float(np.mean(model.loss_.value(np.where(y == 1, 1.0, -1.0), raw)))
    return float(np.mean(model.loss_.classwise_value(y, raw.T)))


def constant_risk(loss, y, y_test, n_classes):
    """The mean loss of the null model of the labels `y`."""
    model = GDClassifier(loss)
    known = np.concatenate([y, np.arange(n_classes)]) if len(np.unique(y)) < n_classes else y
    return risk(model.fit(np.zeros((len(known), 1)), known), np.zeros((len(y_test), 1)), y_test)


def rare_results(n=100_000, seed=0, calls=(1, 32, 1000), losses=("log_loss", "hinge", "squared_hinge", "modified_huber")):
    """Name, mean probability over the share (or NaN), risk over that of `fit`, largest risk over the constant's."""
    for n_classes in (2, 10):
        for share in SHARES:
            X, y, X_test, y_test = classes(share, n_classes, seed, n)
            for loss in losses if n_classes == 2 else ("log_loss",):
                fitted = risk(GDClassifier(loss).fit(X, y), X_test, y_test)
                for rows in calls:
                    model, worst, at = GDClassifier(loss), 0.0, 0
                    for end in (*range(1000, min(n, 10_000), 1000), *range(10_000, n + 1, 10_000)):
                        streamed(model, X[at:end], y[at:end], rows, **({} if at else {"classes": np.arange(n_classes)}))
                        constant = constant_risk(loss, y[:end], y_test, n_classes)
                        worst, at = max(worst, risk(model, X_test, y_test) / constant), end
                    ratio = np.nan
                    if loss == "log_loss":
                        ratio = model.predict_proba(X)[:, 1:].sum() / np.sum(y > 0)
                    yield (
                        f"{loss} {n_classes} classes {share:g} calls of {rows}",
                        ratio,
                        risk(model, X_test, y_test) / fitted,
                        worst,
                    )


def plain(loss, seed, n):
    """Five features, one without an effect, and targets in the domain of the loss."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    z = X @ [0.5, -0.4, 0.3, 0.2, 0.0]
    if loss in CLASSIFICATION_LOSSES:
        return X, np.where(rng.random(n) < 1.0 / (1.0 + np.exp(-3.0 * z)), 1, 0)
    if loss == "poisson":
        return X, rng.poisson(np.exp(z + 1.0)).astype(float)
    if loss in ("gamma", "tweedie"):
        return X, np.exp(z + 1.0) * rng.gamma(2.0, 0.5, n)
    return X, z + 0.3 * rng.normal(size=n)


def spoiled(X, y, where, size, wild, positive):
    """A copy with outliers: in a feature, or in y."""
    X, y = X.copy(), y.copy()
    signs = np.where((np.arange(len(wild)) % 2 == 0) | positive, 1.0, -1.0)
    if where == "y":
        y[wild] = signs * size * y.std()
    else:
        X[wild, where] = signs * size
    return X, y


def wild_results(losses=(*REGRESSION_LOSSES, *CLASSIFICATION_LOSSES), sizes=(75.0, 1e4, 1e12), rows=32):
    """Name, and the loss of score on clean samples due to outliers: of a stream, `fit` by SGD, and `fit`."""
    for loss in losses:
        classify = loss in CLASSIFICATION_LOSSES
        positive = not classify and REGRESSION_LOSSES[loss]().in_domain(np.array([-1.0])).sum() == 0
        X, y = plain(loss, 0, 8000)
        test = plain(loss, 1, 4000)
        first = {"classes": [0, 1]} if classify else {}

        def model(loss=loss, classify=classify, **parameters):
            return (GDClassifier if classify else GDRegressor)(loss, **parameters)

        def learned(X, y, model=model, first=first, test=test):
            models = streamed(model(), X, y, rows, **first), model(solver="sgd", random_state=0).fit(X, y), model().fit(X, y)
            with np.errstate(all="ignore"):
                return np.array([max(each.score(*test), -1e300) for each in models])

        for title, wild in (("one", np.array([3000])), ("one in 1000", np.arange(500, 8000, 1000))):
            n = 4000 if len(wild) == 1 else 8000
            clean = learned(X[:n], y[:n])
            for where in (0, 4) if classify else (0, 4, "y"):
                for size in sizes:
                    yield (
                        f"{loss} {title} in {where} size {size:g}",
                        clean - learned(*spoiled(X[:n], y[:n], where, size, wild, positive)),
                    )
