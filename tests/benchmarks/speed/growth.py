"""The growth of the cost of a fit with samples, features and classes: seconds, and the exponent between neighbours.

python tests/benchmarks/speed/growth.py [--quick] [--picture FILE]
"""

import argparse
import time
import warnings

import numpy as np

from sklearn_gd import GDClassifier

WAYS = {
    "default fit": {},
    "single samples, 3 epochs": {"solver": "sgd", "learning_rate": 1e-3, "max_iter": 3, "tol": None},
    "mini-batch Adam, 3 epochs": {"optimizer": "adam", "learning_rate": 1e-3, "max_iter": 3, "tol": None},
}
# For each axis its index in (samples, features, classes), and the sizes.
AXES = {
    "samples (20 features, 2 classes)": (0, [(n, 20, 2) for n in (1_000, 10_000, 100_000, 1_000_000, 10_000_000)]),
    "features (2,000 samples, 2 classes)": (1, [(2_000, d, 2) for d in (10, 100, 1_000, 10_000, 100_000)]),
    "classes (10,000 samples, 50 features)": (2, [(10_000, 50, K) for K in (2, 10, 50, 200, 500)]),
}


def samples(n, d, n_classes):
    """Overlapping classes, in float32 if there are many values."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32)
    X = X if n * d > 100_000_000 else X.astype(np.float64)
    if n_classes == 2:
        return X, (X[:, 0] + rng.normal(size=n) > 0.0).astype(int)
    scores = X @ rng.normal(size=(d, n_classes)).astype(X.dtype) / np.sqrt(d)
    return X, np.unique((scores + rng.gumbel(size=scores.shape)).argmax(axis=1), return_inverse=True)[1]


def seconds(X, y, parts):
    """The shorter of two fits, as the first one may compile."""
    taken = []
    for _ in range(2):
        begun = time.perf_counter()
        GDClassifier(random_state=0, **parts).fit(X, y)
        taken.append(time.perf_counter() - begun)
    return min(taken)


def measured(quick):
    """Seconds by axis and solver."""
    found = {}
    for axis, (place, sizes) in AXES.items():
        for size in sizes[:3] if quick else sizes:
            X, y = samples(*size)
            for way, parts in WAYS.items():
                found.setdefault((axis, way), []).append((size[place], seconds(X, y, parts)))
    return found


def show(found):
    for (axis, way), points in found.items():
        (sizes, times) = np.array(points).T
        exponents = np.diff(np.log(times)) / np.diff(np.log(sizes))
        told = "  ".join(f"{int(size)}: {taken:.3g} s" for size, taken in points)
        print(f"{axis:40} {way:28} {told}   exponents {' '.join(f'{each:.2f}' for each in exponents)}", flush=True)


def draw(found, path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.6), layout="constrained", sharey=True)
    for ax, axis in zip(axes, AXES, strict=True):
        for way in WAYS:
            sizes, times = zip(*found[axis, way], strict=True)
            ax.plot(sizes, times, "o-", markersize=3.0, label=way)
        ax.set(xscale="log", yscale="log", xlabel=axis)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("seconds")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--picture")
    options = parser.parse_args()
    result = measured(options.quick)
    show(result)
    if options.picture:
        draw(result, options.picture)
