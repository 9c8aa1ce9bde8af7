"""Real and simulated streams with drift, and other models on them, by progressive validation."""

from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import StandardScaler

ROWS = 20_000


# --- streams: X, y, whether y is a class ---------------------------------------------------------------------------------


def in_file_order(data, name, rows=ROWS):
    """The first samples of a stored set in the order of its file, without those with missing values."""
    with np.load(Path(data.__file__).parent / f"{name}.npz") as stored:
        y = stored["y"]
        if "X__indptr" in stored:
            parts = (stored["X__data"].astype(np.float64), stored["X__indices"].astype(np.int32), stored["X__indptr"])
            X = sp.csr_array(parts, shape=tuple(stored["X__shape"]))[:rows].toarray()
        else:
            X = stored["X"].astype(np.float64)
            known = np.isfinite(X).all(axis=1)
            X, y = X[known][:rows], y[known]
    return X, y[:rows], name in data.CLASSIFICATION


def rotating(rng, rows):
    """Classes on both sides of a rotating plane."""
    X = rng.random((rows, 10))
    w = rng.normal(size=10) + 1e-3 * np.arange(rows)[:, None] * rng.normal(size=10)
    return X, ((w * (X - 0.5)).sum(axis=1) > 0) != (rng.random(rows) < 0.05), True


def abrupt(rng, rows):
    """A new plane every 2,500 samples."""
    X = rng.normal(size=(rows, 6))
    w = np.repeat(rng.normal(size=(-(-rows // 2500), 6)), 2500, axis=0)[:rows]
    return X, 2.0 * (w * X).sum(axis=1) + rng.logistic(size=rows) > 0, True


def random_walk(rng, rows):
    """Coefficients that follow a random walk."""
    X = rng.normal(size=(rows, 8))
    w = rng.normal(size=8) + 0.01 * np.cumsum(rng.normal(size=(rows, 8)), axis=0)
    return X, (w * X).sum(axis=1) + 0.5 * rng.normal(size=rows), False


def persistent(rng, rows):
    """Labels of which 85% equal the previous one; the features have little information."""
    y = np.cumsum(rng.random(rows) > 0.85) % 2
    return rng.normal(size=(rows, 6)) + 0.2 * np.outer(2 * y - 1, rng.normal(size=6)), y, True


def market(rng, rows):
    """A half-hourly price with a daily pattern and autocorrelated noise: is it above its mean over the day before?"""
    t = np.arange(rows)
    hour, weekend = t % 48 / 47.0, (t // 48 % 7 >= 5).astype(float)
    shape = np.sin(2 * np.pi * hour + rng.normal()) + rng.normal() * np.sin(4 * np.pi * hour)
    noise, swing = np.zeros(rows), np.zeros(rows)
    for i in range(1, rows):
        noise[i] = 0.95 * noise[i - 1] + 0.3 * rng.standard_t(4)
        swing[i] = 0.9 * swing[i - 1] + 0.43 * rng.normal()
    demand = shape - 0.5 * weekend + 0.3 * swing
    price = shape - 0.4 * weekend + 0.5 * noise + 0.01 * np.cumsum(rng.normal(size=rows))
    total = np.append(0.0, np.cumsum(price))
    before = np.array([(total[i] - total[max(0, i - 48)]) / max(1, min(i, 48)) for i in range(rows)])
    other = np.exp(0.35 * price + 0.2 * rng.normal(size=rows))
    X = np.column_stack(
        [t / rows, t // 48 % 7, hour, np.exp(0.5 * price), demand, other, 0.6 * demand + 0.4 * rng.normal(size=rows)]
    )
    return X, price > before, True


def seasons(rng, rows):
    """Hourly counts with daily, weekly and yearly patterns, a trend, and autocorrelated noise."""
    t = np.arange(rows)
    noise = np.zeros(rows)
    for i in range(1, rows):
        noise[i] = 0.9 * noise[i - 1] + 0.44 * rng.normal()
    day = np.sin(2 * np.pi * t / 24 + 1) + 0.6 * np.sin(4 * np.pi * t / 24)
    warmth = 10 * np.sin(2 * np.pi * t / 8760) + 3 * np.sin(2 * np.pi * t / 24) + rng.normal(size=rows)
    y = 100 * (1 + t / rows) * (1.5 + day + 0.05 * warmth + 0.4 * (t // 24 % 7 < 5) + 0.5 * noise)
    return np.column_stack([np.eye(24)[t % 24], np.eye(7)[t // 24 % 7], warmth]), y, False


def stationary(rng, rows):
    """A stream without drift."""
    X = rng.normal(size=(rows, 8)) @ rng.normal(size=(8, 8))
    return X * 10.0 ** rng.integers(-3, 4, 8), X @ rng.normal(size=8) + 2.0 * rng.logistic(size=rows) > 0, True


SIMULATED = {each.__name__: each for each in (rotating, abrupt, random_walk, persistent, market, seasons, stationary)}


# --- predicted first, learned afterwards ---------------------------------------------------------------------------------


def predicted(model, X, y, rows):
    """The predictions of each call's samples by the model before the call."""
    found, first = [], {"classes": np.unique(y)} if hasattr(model, "decision_function") else {}
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(y), rows):
            part = slice(start, start + rows)
            if start:
                found.append(model.predict(X[part]))
            model.partial_fit(X[part], y[part], **first)
            first = {}
    return np.concatenate(found)


class Scaled:
    """A model after a scaler that is updated online."""

    def __init__(self, model):
        self.model, self.scaler = model, StandardScaler()

    def partial_fit(self, X, y, **first):
        self.model.partial_fit(self.scaler.partial_fit(X).transform(X), y, **first)

    def predict(self, X):
        return self.model.predict(self.scaler.transform(X))

    def __getattr__(self, name):
        return getattr(self.model, name)


class OneByOne:
    """river's StandardScaler and linear model at its defaults, one-vs-rest: plain steps of 0.01 on single samples."""

    def __init__(self, classes, n_features):
        self.classes, self.n = classes, 0
        self.mean, self.square = np.zeros(n_features), np.zeros(n_features)
        n_outputs = 1 if classes is None or len(classes) == 2 else len(classes)
        self.coef, self.intercept = np.zeros((n_outputs, n_features)), np.zeros(n_outputs)

    def scaled(self, X):
        spread = np.sqrt(self.square / max(self.n, 1))
        return np.divide(X - self.mean, spread, out=np.zeros(X.shape), where=spread > 0)

    def partial_fit(self, X, y):
        for x, target in zip(X, y, strict=True):
            self.n += 1
            change = x - self.mean
            self.mean += change / self.n
            self.square += change * (x - self.mean)
            x = self.scaled(x)
            raw = self.coef @ x + self.intercept
            if self.classes is None:
                slope = 2.0 * (raw - target)
            else:
                hits = self.classes == target
                slope = 1.0 / (1.0 + np.exp(-np.clip(raw, -500.0, 500.0))) - (hits[1:] if len(hits) == 2 else hits)
            slope = 0.01 * np.clip(slope, -1e12, 1e12)
            self.coef -= np.outer(slope, x)
            self.intercept -= slope

    def predict(self, X):
        raw = self.scaled(X) @ self.coef.T + self.intercept
        if self.classes is None:
            return raw[:, 0]
        return self.classes[(raw[:, 0] > 0).astype(int) if len(self.classes) == 2 else raw.argmax(axis=1)]


def score(y, found, is_class):
    """Accuracy, or R^2."""
    truth = y[len(y) - len(found) :]
    if is_class:
        return float(np.mean(truth == found))
    with np.errstate(over="ignore"):
        return float(1.0 - np.sum((truth - found) ** 2.0) / np.sum((truth - truth.mean()) ** 2.0))


def compare(ours, sgd, X, y, is_class, rows):
    """The scores of our model, of a scaler with SGD, and of river's update, in calls of `rows` samples."""
    classes = np.unique(y) if is_class else None
    models = ours, Scaled(sgd), OneByOne(classes, X.shape[1])
    return [score(y, predicted(model, X, y, rows), is_class) for model in models]
