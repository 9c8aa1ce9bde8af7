"""The cost of a fit in deterministic numbers: products with X, Python calls, peak memory."""

import sys
import tracemalloc
from unittest.mock import patch

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_gd import GDClassifier, MiniBatch
from sklearn_gd.objective._rows import DenseRows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4000, 20)) @ RNG.normal(size=(20, 20))
Y = (X[:, 0] + 3.0 * RNG.normal(size=4000) > 0.0).astype(int)


class Counted:
    """Counts of the products with X, in samples."""

    def __init__(self):
        self.samples = {"scores": 0, "pull_back": 0}

    def fit(self, model, X, y):
        def counting(name):
            product = getattr(DenseRows, name)

            def counted(rows, *arguments):
                self.samples[name] += rows.shape[0]
                return product(rows, *arguments)

            return patch.object(DenseRows, name, counted)

        with counting("scores"), counting("pull_back"):
            model.fit(X, y)
        return {name: samples / len(X) for name, samples in self.samples.items()}


def test_an_iteration_of_batch_descent_takes_two_products_with_X():
    model = GDClassifier(tol=1e-10)
    passes = Counted().fit(model, X, Y)
    assert model.n_iter_ >= 5
    # In addition to the start, and to further looks of line searches.
    assert passes["scores"] <= model.n_iter_ + 3
    assert passes["pull_back"] <= 1.5 * model.n_iter_ + 3


@pytest.mark.parametrize("parts", [{"solver": "sgd"}, {"solver": MiniBatch(), "optimizer": "adam"}], ids=repr)
def test_an_epoch_of_steps_takes_one_product_more_for_F(parts):
    model = GDClassifier(learning_rate=1e-3, max_iter=4, tol=None, **parts)
    assert Counted().fit(model, X, Y) == {"scores": 4.0 + 1.0, "pull_back": 0.0}


def calls_of(function):
    """The number of calls of Python functions of this package by `function`."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += event == "call" and "sklearn_gd" in frame.f_code.co_filename

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_a_call_of_partial_fit_is_short_however_long_the_stream():
    model = GDClassifier(solver="sgd", learning_rate=0.01, penalty="l2")
    model.partial_fit(X[:1], Y[:1], classes=[0, 1])
    early = calls_of(lambda: model.partial_fit(X[1:2], Y[1:2]))
    for at in range(2, 200):
        model.partial_fit(X[at : at + 1], Y[at : at + 1])
    late = calls_of(lambda: model.partial_fit(X[200:201], Y[200:201]))
    assert early == late <= 700


def arrays_of_n(model, X, y):
    """The peak memory of a fit in addition to X, in arrays of n float64."""
    model.fit(X[:500], y[:500])  # imports and compiles
    tracemalloc.start()
    model.fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / (8.0 * len(y))


@pytest.mark.parametrize("layout", ["float64", "float32", "csr"])
@pytest.mark.parametrize(
    ("parts", "most", "most_csr"),  # of CSR with the temporary memory for the moments of the features of a part
    [({"max_iter": 3}, 6.5, 8.0), ({"solver": "sgd", "learning_rate": 1e-3, "max_iter": 2}, 3.0, 7.0)],
    ids=["batch", "single samples"],
)
def test_a_fit_holds_few_arrays_beside_X(layout, parts, most, most_csr):
    n = 200_000
    if layout == "csr":
        indices = RNG.integers(0, 50, size=(n, 10)).astype(np.int32)
        indices.sort(axis=1)
        Z = sp.csr_matrix((np.ones(10 * n), indices.ravel(), np.arange(0, 10 * n + 1, 10)), shape=(n, 50))
        Z.sum_duplicates()
        most = most_csr
    else:
        Z = RNG.normal(size=(n, 20)).astype(layout)
    y = RNG.integers(0, 2, n)
    assert arrays_of_n(GDClassifier(tol=None, **parts), Z, y) <= most
