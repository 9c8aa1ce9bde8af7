"""Small calls: prediction, one sample learned, hashed features."""

import numpy as np
import scipy.sparse as sp
from _work import Work, two_classes
from sklearn.linear_model import LogisticRegression, SGDClassifier

from sklearn_gd import GDClassifier


def predict(quick):
    X, y = two_classes(1_000_000, 20)
    ours, theirs = GDClassifier().fit(X[:5000], y[:5000]), LogisticRegression().fit(X[:5000], y[:5000])
    for n, times in ((1, 200), (1_000_000, 1)):
        rows = X[:n]
        yield Work(
            f"predict, {counted(n)}",
            1.0 / 1.1,
            lambda rows=rows, times=times: [ours.predict(rows) for _ in range(times)],
            {"LogisticRegression": lambda rows=rows, times=times: [theirs.predict(rows) for _ in range(times)]},
        )


def counted(n):
    """A number of samples, as part of a name."""
    return "1 sample" if n == 1 else f"{n} samples"


def streams(parts, X, y, calls, size):
    """A job that continues one stream by `calls` calls of `size` samples."""
    model = parts
    model.partial_fit(X[:size], y[:size], classes=[0, 1])
    at = [0]

    def job():
        for _ in range(calls):
            model.partial_fit(X[at[0] : at[0] + size], y[at[0] : at[0] + size])
            at[0] = (at[0] + size) % (X.shape[0] - size)

    return job


def partial_fit(quick):
    """One sample of 20 features, then 1 and 100 samples of 20 non-zeros among 2^18 hashed features."""
    X, y = two_classes(20_000, 20)
    plain = {"solver": "sgd", "optimizer": "gd", "learning_rate": 1e-2, "penalty": "l2"}
    yield Work(
        "partial_fit, 1 sample, 20 features, plain",
        1.0 / 1.3,
        streams(GDClassifier(**plain), X, y, 200, 1),
        {"SGDClassifier": streams(SGDClassifier("log_loss", learning_rate="constant", eta0=1e-2), X, y, 200, 1)},
    )
    rng = np.random.default_rng(0)
    n, d = 20_000, 2**18
    indices = np.sort(rng.integers(0, d, size=(n, 20)), axis=1).astype(np.int32).ravel()
    S = sp.csr_matrix((np.ones(n * 20), indices, np.arange(0, n * 20 + 1, 20)), shape=(n, d))
    S.sum_duplicates()
    for size, bar, calls in ((1, 0.7, 30), (100, 1.0, 10)):
        for name, parts in (("auto", {}), ("plain", plain)):
            yield Work(
                f"partial_fit, {counted(size)}, 2^18 hashed features, {name}",
                bar,
                streams(GDClassifier(**parts), S, y, calls, size),
                {"SGDClassifier": streams(SGDClassifier("log_loss", learning_rate="constant", eta0=1e-2), S, y, calls, size)},
                repeats=3,
            )
