"""New processes: the first fit, which compiles, and a custom loss in GridSearchCV with two processes."""

import os
import subprocess
import sys
import tempfile

FIRST = """
import time
import numpy as np
from sklearn_gd import GDClassifier, MiniBatch
X, y = np.random.default_rng(0).normal(size=(64, 4)), [0, 1] * 32
begun = time.perf_counter()
GDClassifier({parts}, max_iter=1, tol=None).fit(X, y)
print(time.perf_counter() - begun)
"""

FIRST_FITS = {
    "single samples": "solver='sgd', learning_rate=.01",
    "single samples, no learning rate": "solver='sgd'",
    "mini-batch Adam": "solver=MiniBatch(), optimizer='adam', learning_rate=.01",
}

GRID = """
import time, warnings
import numpy as np
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV
from sklearn_gd import GDRegressor, RegressionLoss

warnings.simplefilter("ignore")

class Own(RegressionLoss):
    @staticmethod
    def value(y, raw):
        return 0.5 * (raw - y) * (raw - y)
    @staticmethod
    def gradient(y, raw):
        return raw - y

def started():
    # A process that has imported the packages, and compiled nothing.
    import sklearn_gd, sklearn.model_selection
    time.sleep(0.5)

rng = np.random.default_rng(0)
X = rng.normal(size=(2000, 20))
y = X @ rng.normal(size=20) + rng.normal(size=2000)
model = GDRegressor(loss=Own(), solver="sgd", learning_rate=.001, max_iter=20, tol=None)
search = GridSearchCV(model, {{"alpha": np.logspace(-5, 0, 8)}}, cv=4, n_jobs={jobs}, refit=False)
if {jobs} == 1:
    model.fit(X, y)  # compile
else:
    Parallel(2)(delayed(started)() for _ in range(4))
begun = time.perf_counter()
search.fit(X, y)
print(time.perf_counter() - begun)
"""


def seconds(code, environment):
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return float(out.stdout.split()[-1])


def first_fits():
    """Name, seconds, bar: the first fit of a process with an empty cache, and with cached code."""
    for name, parts in FIRST_FITS.items():
        with tempfile.TemporaryDirectory() as cache:
            environment = {"NUMBA_CACHE_DIR": cache}
            yield f"first fit, {name}, empty cache", seconds(FIRST.format(parts=parts), environment), 3.0
            kept = sorted(seconds(FIRST.format(parts=parts), environment) for _ in range(3))[1]
            yield f"first fit, {name}, from the disk cache", kept, 0.4


def own_loss():
    """Name, time relative to one process with compiled code, bar: 32 small fits of a loss of `__main__` with two processes."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {"NUMBA_CACHE_DIR": cache}
        alone = seconds(GRID.format(jobs=1), environment)
        both = seconds(GRID.format(jobs=2), environment)
    yield "custom loss, GridSearchCV of 32 fits, 2 processes relative to 1 with compiled code", both / alone, 3.0
