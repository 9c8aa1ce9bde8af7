"""An epoch of single samples and of mini-batches, at a constant learning rate."""

import numpy as np
import scipy.sparse as sp
from _work import Work, installed, load_data, two_classes
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch, RegressionLoss

SHAPES = ((200_000, 10), (200_000, 50), (100_000, 100), (50_000, 500), (20_000, 2_000))
BARS = {
    "plain": (5.0, 4.0, 3.3, 2.3, 2.5),
    "momentum": (2.5, 1.8, 1.6, 1.2, 0.85),
    "adam": (2.5, 1.8, 1.6, 1.2, 0.85),
}
OPTIMIZERS = {"plain": "gd", "momentum": "momentum", "adam": "adam"}


def ours(X, y, **parts):
    return lambda epochs: GDClassifier(max_iter=epochs, tol=None, random_state=0, **parts).fit(X, y)


def sgd(X, y, loss="log_loss", eta0=1e-3, penalty="l2"):
    return lambda epochs: SGDClassifier(
        loss, learning_rate="constant", eta0=eta0, penalty=penalty, max_iter=epochs, tol=None, random_state=0
    ).fit(X, y)


def rows(quick):
    """Single samples, dense; each optimizer compared with scikit-learn's plain descent."""
    for at, (n, d) in enumerate(SHAPES):
        if quick and at not in (1, 3):
            continue
        X, y = two_classes(n, d)
        for name, optimizer in OPTIMIZERS.items():
            yield Work(
                f"epoch, single samples, {n} x {d}, {name}",
                BARS[name][at],
                ours(X, y, solver="sgd", optimizer=optimizer, learning_rate=1e-3, penalty="l2"),
                {"SGDClassifier": sgd(X, y)},
                epochs=(2, 8),
                repeats=3,
            )


def sparse(n, n_features, per_row, seed=0):
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, n_features, size=n * per_row).astype(np.int32)
    X = sp.csr_matrix((rng.random(n * per_row), indices, np.arange(0, n * per_row + 1, per_row)), shape=(n, n_features))
    X.sum_duplicates()
    return X, (X @ rng.normal(size=n_features) > 0).astype(int)


def csr(quick):
    """Single samples, CSR, and SAGA."""
    for at, (n, n_features, per_row, bar) in enumerate(
        ((100_000, 50_000, 75, 2.5), (200_000, 5_000, 20, 3.0), (30_000, 200_000, 300, 1.5))
    ):
        if quick and at:
            continue
        X, y = sparse(n, n_features, per_row)
        for penalty in ("l2",) if quick else ("l2", "l1", "elasticnet"):
            yield Work(
                f"epoch, single samples, CSR {per_row} in {n_features}, {penalty}",
                bar,
                ours(X, y, solver="sgd", optimizer="gd", learning_rate=1e-2, penalty=penalty),
                {"SGDClassifier": sgd(X, y, eta0=1e-2, penalty=penalty)},
                epochs=(2, 8),
                repeats=3,
            )
        if at == 0:
            yield Work(
                f"epoch, SAGA, CSR {per_row} in {n_features}",
                1.2,
                ours(X, y, solver="saga", learning_rate=1e-3, penalty="l2"),
                {
                    "LogisticRegression saga": lambda epochs, X=X, y=y: LogisticRegression(
                        solver="saga", C=1.0 / (1e-4 * len(y)), tol=0.0, max_iter=epochs, random_state=0
                    ).fit(X, y)
                },
                epochs=(2, 6),
                repeats=3,
            )


def mlp(X, y, batch):
    return lambda epochs: MLPClassifier(
        (), batch_size=batch, max_iter=epochs, learning_rate_init=1e-3, n_iter_no_change=10_000, tol=0.0, random_state=0
    ).fit(X, y)


def in_torch(X, y, batch, name):
    """The usual loop over shuffled batches."""
    torch = installed("torch")

    def fit(epochs):
        torch.manual_seed(0)
        samples, labels = torch.from_numpy(X), torch.from_numpy(y)
        model = torch.nn.Linear(X.shape[1], int(y.max()) + 1, dtype=samples.dtype)
        cross_entropy = torch.nn.CrossEntropyLoss()
        make = torch.optim.Adam if name == "adam" else torch.optim.SGD
        optimizer = make(model.parameters(), lr=1e-3, weight_decay=1e-4)
        for _ in range(epochs):
            for picked in torch.randperm(len(labels)).split(batch):
                optimizer.zero_grad()
                cross_entropy(model(samples[picked]), labels[picked]).backward()
                optimizer.step()

    return {"torch": fit} if torch else {}


def minibatch(quick):
    """Mini-batches of 32 and 256: two classes of 100,000 x 100, ten of Fashion-MNIST."""
    sets = [("100000 x 100", *two_classes(100_000, 100), {32: (10.0, 10.0), 256: (4.0, 4.0)})]
    data = load_data()
    if data is not None:
        X, _, y, _ = data.load("fashion_mnist", max_train=10_000 if quick else None)
        sets.append((f"Fashion-MNIST, {len(y)} samples", X / 255.0, y.astype(np.int64), {32: (4.0, 3.0), 256: (1.5, 1.5)}))
    for title, X, y, bars in sets:
        for batch in (32, 256):
            for name, bar in zip(("plain", "adam"), bars[batch], strict=True):
                yield Work(
                    f"epoch, mini-batches of {batch}, {title}, {name}",
                    bar,
                    ours(X, y, solver=MiniBatch(batch), optimizer=OPTIMIZERS[name], learning_rate=1e-3, penalty="l2"),
                    {"MLPClassifier": mlp(X, y, batch), **in_torch(X, y, batch, name)},
                    epochs=(1, 3),
                    repeats=3,
                )


def ten_classes(quick):
    """Single samples of Fashion-MNIST: softmax and hinge, compared with one-vs-rest."""
    data = load_data()
    if data is None:
        return
    X, _, y, _ = data.load("fashion_mnist", max_train=10_000)
    for loss, peer in (("log_loss", "log_loss"), ("hinge", "hinge")):
        yield Work(
            f"epoch, single samples, Fashion-MNIST, ten classes, {loss}",
            5.0,
            ours(X / 255.0, y, solver="sgd", optimizer="gd", learning_rate=1e-3, penalty="l2", loss=loss),
            {"SGDClassifier": sgd(X / 255.0, y, loss=peer)},
            epochs=(1, 3),
            repeats=3,
        )


class OwnHuber(RegressionLoss):
    """The built-in Huber loss as a custom loss."""

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


def own_loss(quick):
    """A custom loss compared with the same built-in loss."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 20))
    y = X @ rng.normal(size=20) + rng.standard_t(2, size=len(X))
    for name, parts in {
        "single samples": {"solver": "sgd", "learning_rate": 1e-3, "max_iter": 5, "tol": None},
        "mini-batch Adam": {"optimizer": "adam", "learning_rate": 1e-3, "max_iter": 5, "tol": None},
        "default fit": {},
    }.items():
        yield Work(
            f"custom Huber loss, {name}, 200000 x 20",
            0.9,
            lambda parts=parts: GDRegressor(loss=OwnHuber(), random_state=0, **parts).fit(X, y),
            {"built-in": lambda parts=parts: GDRegressor(loss="huber", random_state=0, **parts).fit(X, y)},
        )
