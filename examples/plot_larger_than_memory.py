"""
A file larger than memory
=========================

This example fits samples that are read from files block by block. A Dask array loads
one block at a time, and the model is the same as that of samples in memory. The files
are small here; the example assumes that the memory holds a single block.
"""

import tempfile
from pathlib import Path

import dask
import dask.array as da
import matplotlib.pyplot as plt
import numpy as np

from sklearn_gd import GDClassifier

# %%
# The file
# --------
# There are ten blocks, each in a separate file. At most one is in memory at a time.
folder = Path(tempfile.mkdtemp())
rng = np.random.default_rng(0)
n_blocks, size, n_features = 10, 3_000, 20
true_coef = rng.normal(size=n_features)
labels = []
for number in range(n_blocks):
    block = rng.normal(size=(size, n_features))
    score = block @ true_coef + rng.logistic(size=size)
    labels.append(np.where(score > 0, "yes", "no"))
    np.save(folder / f"{number}.npy", block)
y = np.concatenate(labels)
total = sum(path.stat().st_size for path in folder.iterdir())
print(f"{n_blocks} files, {total / 1e6:.1f} MB")

# %%
# The array
# ---------
# Each block of the array is a call that reads a file. ``reads`` counts these calls.
reads = []


def read(path):
    reads.append(path.name)
    return np.load(path)


X = da.concatenate(
    [
        da.from_delayed(dask.delayed(read)(path), (size, n_features), float)
        for path in sorted(folder.iterdir())
    ]
)
print(X.shape, len(reads))

# %%
# Training
# --------
# ``num_workers`` is the number of blocks that are in memory at a time. An iteration
# reads each block about twice, which takes a long time for large files. scikit-learn's
# `ProgressBar` shows the progress; it requires scikit-learn 1.9 and ``rich``.
model = GDClassifier(tol=1e-8)
try:
    from sklearn.callback import ProgressBar

    model.set_callbacks(ProgressBar())
except ImportError:
    model.set_params(verbose=1)
with dask.config.set(num_workers=1):
    model.fit(X, y)
sweeps = len(reads) / n_blocks
print(f"{model.n_iter_} iterations, each block read {sweeps:.0f} times")

# %%
# The model is that of the samples in memory.
known = GDClassifier(tol=1e-8).fit(X.compute(), y)
difference = np.abs(model.coef_ - known.coef_).max()
print(f"largest difference of a coefficient: {difference:.0e}")

# %%
# Predictions are lazy, and are also computed block by block.
predicted = model.predict(X)
accuracy = float((predicted == y).mean().compute())
print(f"{type(predicted).__name__}, accuracy {accuracy:.3f}")

figure, axis = plt.subplots(figsize=(5, 3.4), layout="constrained")
iterations = np.arange(1, model.n_iter_ + 1)
axis.plot(iterations, model.loss_curve_, marker="o", label="from the file")
axis.plot(iterations, known.loss_curve_, linestyle="--", label="in memory")
axis.set(xlabel="iteration", ylabel="objective")
axis.legend()
axis.grid(alpha=0.3)
