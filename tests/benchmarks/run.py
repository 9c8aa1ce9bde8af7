"""Ratios of medians against scikit-learn: an epoch of each kind, import, first fit, a user's own loss.

python tests/benchmarks/run.py [epochs | start | own_loss | variance_reduced | fashion] ...
"""

import os
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from timing import load_data, medians, report

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch, RegressionLoss

warnings.simplefilter("ignore")


def epochs():
    """Seconds of an epoch: the difference of two fits that differ in their number of epochs."""
    rng = np.random.default_rng(0)

    def per_epoch(title, ours, theirs, few=2, many=12, repeats=5):
        seconds = {}
        for n in (few, many):
            jobs = medians(repeats, {"ours": lambda n=n: ours(n), "theirs": lambda n=n: theirs(n)})
            seconds[n] = jobs
        difference = {name: (seconds[many][name] - seconds[few][name]) / (many - few) for name in ("ours", "theirs")}
        report(title, difference["ours"], difference["theirs"])

    for n, d in ((200_000, 10), (200_000, 100)):
        X = rng.normal(size=(n, d))
        y = (X[:, 0] + rng.normal(size=n) > 0).astype(int)
        common = {"loss": "log_loss", "tol": None, "random_state": 0}
        per_epoch(
            f"per-row epoch, dense {n} x {d}, log loss",
            lambda e: GDClassifier(solver="sgd", learning_rate=1e-3, max_iter=e, **common).fit(X, y),
            lambda e: SGDClassifier(learning_rate="constant", eta0=1e-3, max_iter=e, **common).fit(X, y),
        )
    n, d = 100_000, 50_000
    indices = rng.integers(0, d, size=n * 75).astype(np.int32)
    X = sp.csr_matrix((rng.random(n * 75), indices, np.arange(0, n * 75 + 1, 75)), shape=(n, d))
    X.sum_duplicates()
    y = (X @ rng.normal(size=d) > 0).astype(int)
    for penalty in ("l2", "l1"):
        common = {"loss": "log_loss", "tol": None, "random_state": 0, "penalty": penalty}
        per_epoch(
            f"per-row epoch, CSR 100000 x 75 nonzeros, {penalty}",
            lambda e: GDClassifier(solver="sgd", learning_rate=1e-2, max_iter=e, **common).fit(X, y),
            lambda e: SGDClassifier(learning_rate="constant", eta0=1e-2, max_iter=e, **common).fit(X, y),
        )
    X = rng.normal(size=(20_000, 100))
    y = (X @ rng.normal(size=(100, 5))).argmax(axis=1)
    for batch in (32, 256):
        common = {"learning_rate_init": 1e-3, "alpha": 1e-4, "n_iter_no_change": 10_000, "tol": 0.0, "random_state": 0}
        per_epoch(
            f"mini-batch {batch} epoch, Adam, 20000 x 100, 5 classes",
            lambda e: GDClassifier(
                solver=MiniBatch(batch), optimizer="adam", learning_rate=1e-3, max_iter=e, tol=None, random_state=0
            ).fit(X, y),
            lambda e: MLPClassifier(hidden_layer_sizes=(), batch_size=batch, max_iter=e, **common).fit(X, y),
            many=7,
        )


def _seconds_of(code, environment=None):
    """Seconds that a line of Python reports of itself, in a new process."""
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **(environment or {})}
    )
    return float(out.stdout.split()[-1])


def start():
    """Import beside sklearn.linear_model's; the first fit with a cold and a warm compile cache."""
    timed = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    ours = sorted(_seconds_of(timed.format("import sklearn_gd")) for _ in range(5))[2]
    theirs = sorted(_seconds_of(timed.format("import sklearn.linear_model")) for _ in range(5))[2]
    report("import, beside sklearn.linear_model", ours, theirs)
    loaded = _seconds_of("import sklearn_gd, sys; print(int('numba' in sys.modules))")
    print(f"numba imported by importing the package: {bool(loaded)}")
    fits = {
        "GDClassifier()": "GDClassifier().fit(X, y)",
        "GDClassifier(solver='sgd')": "GDClassifier(solver='sgd', learning_rate=.01).fit(X, y)",
        "mini-batch Adam": "GDClassifier(optimizer='adam', learning_rate=.01).fit(X, y)",
    }
    setup = "from sklearn_gd import GDClassifier; import numpy as np, time; X = np.eye(8); y = [0, 1] * 4; import warnings; "
    setup += "warnings.simplefilter('ignore'); t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    for name, fit in fits.items():
        with tempfile.TemporaryDirectory() as cache:
            environment = {"NUMBA_CACHE_DIR": cache}
            cold = _seconds_of(setup.format(fit), environment)
            warm = sorted(_seconds_of(setup.format(fit), environment) for _ in range(3))[1]
        print(f"first fit, {name:30} cold cache {cold:6.2f} s   warm cache {warm:6.2f} s")


class OwnHuber(RegressionLoss):
    """The built-in huber, written as a user would."""

    def __init__(self, delta=1.0):
        self.delta = delta

    @staticmethod
    def value(y, raw, delta):
        r = abs(raw - y)
        return 0.5 * r * r if r <= delta else delta * (r - 0.5 * delta)

    @staticmethod
    def gradient(y, raw, delta):
        return min(max(raw - y, -delta), delta)

    @staticmethod
    def second_derivative(y, raw, delta):
        return 1.0 if abs(raw - y) <= delta else 0.0


def own_loss():
    """A user's own loss beside the same one built in, under each kind of solver."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 20))
    y = X @ rng.normal(size=20) + rng.standard_t(2, size=len(X))
    for name, parts in {
        "per row": {"solver": "sgd", "learning_rate": 1e-3, "max_iter": 5, "tol": None},
        "mini-batch Adam": {"optimizer": "adam", "learning_rate": 1e-3, "max_iter": 5, "tol": None},
        "auto": {},
    }.items():
        result = medians(
            5,
            {
                "ours": lambda parts=parts: GDRegressor(loss=OwnHuber(), random_state=0, **parts).fit(X, y),
                "theirs": lambda parts=parts: GDRegressor(loss="huber", random_state=0, **parts).fit(X, y),
            },
        )
        report(f"a user's huber beside the built-in, {name}", result["ours"], result["theirs"], "own", "built in")


def variance_reduced():
    """Seconds of an epoch of SAGA beside scikit-learn's, and beside per-row descent of this package."""
    rng = np.random.default_rng(0)
    n, d = 100_000, 50
    X = rng.normal(size=(n, d))
    y = (X[:, 0] + rng.normal(size=n) > 0).astype(int)
    indices = rng.integers(0, 50_000, size=n * 75).astype(np.int32)
    S = sp.csr_matrix((rng.random(n * 75), indices, np.arange(0, n * 75 + 1, 75)), shape=(n, 50_000))
    S.sum_duplicates()
    t = (S @ rng.normal(size=50_000) > 0).astype(int)

    def fits(rows, labels, **parts):
        return lambda e: GDClassifier(max_iter=e, tol=None, random_state=0, **parts).fit(rows, labels)

    def per_epoch(fit, few=2, many=8):
        seconds = [medians(3, {"ours": lambda e=e: fit(e)})["ours"] for e in (few, many)]
        return (seconds[1] - seconds[0]) / (many - few)

    for title, rows, labels in ((f"dense {n} x {d}", X, y), (f"CSR {n} x 75 nonzeros", S, t)):
        theirs = per_epoch(
            lambda e, rows=rows, labels=labels: LogisticRegression(
                solver="saga", C=1 / (1e-4 * len(labels)), tol=0.0, max_iter=e, random_state=0
            ).fit(rows, labels)
        )
        sgd = per_epoch(fits(rows, labels, solver="sgd", learning_rate=1e-3))
        for name, parts in {
            "saga": {"solver": "saga", "learning_rate": 1e-3},
            "saga, auto": {"solver": "saga"},
            "svrg, auto": {"solver": "svrg"},
        }.items():
            ours = per_epoch(fits(rows, labels, **parts))
            report(f"{name} epoch, {title}, scikit-learn's saga", ours, theirs)
            report(f"{name} epoch, {title}, per-row descent", ours, sgd, "ours", "sgd")


def fashion():
    """Softmax with mini-batch Adam on Fashion-MNIST / 255, ten epochs: the bar is 0.84."""
    data = load_data()
    if data is None:
        return
    X_train, X_test, y_train, y_test = data.load("fashion_mnist")
    for seed in range(3):
        model = GDClassifier(
            solver=MiniBatch(128), optimizer="adam", learning_rate=1e-3, max_iter=10, tol=None, random_state=seed
        )
        begun = time.perf_counter()
        model.fit(X_train / 255, y_train)
        seconds = time.perf_counter() - begun
        print(f"Fashion-MNIST, seed {seed}: test accuracy {model.score(X_test / 255, y_test):.4f} in {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    sections = {"epochs": epochs, "start": start, "own_loss": own_loss, "variance_reduced": variance_reduced, "fashion": fashion}
    for name in sys.argv[1:] or sections:
        print(f"--- {name}")
        sections[name]()
