"""
Concept drift in a stream
=========================

In this stream the data change: half-way through, two features swap their coefficients.
A model with a decaying learning rate no longer adapts, one with a constant rate does,
and the average of all iterates adapts slowly.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gd import GDClassifier
from sklearn_gd.schedules import InvScaling

rng = np.random.default_rng(0)
n, size = 10000, 200
X = rng.normal(size=(n, 5))
before, after = (
    np.array([2.0, -2.0, 0.5, 0.0, 0.0]),
    np.array([-2.0, 2.0, 0.5, 0.0, 0.0]),
)
w = np.where(np.arange(n)[:, None] < n // 2, before, after)
y = ((X * w).sum(axis=1) + rng.logistic(size=n) > 0).astype(int)

# %%
# Progressive validation
# ----------------------
models = {
    "constant rate": GDClassifier(optimizer="gd", learning_rate=0.1, alpha=0),
    "decaying rate, 1 / t": GDClassifier(
        optimizer="gd", learning_rate=InvScaling(1.0, power_t=1.0), alpha=0
    ),
    "constant rate, averaged": GDClassifier(
        optimizer="gd", learning_rate=0.1, alpha=0, average=True
    ),
    "Adam": GDClassifier(optimizer="adam", learning_rate=0.01, alpha=0),
}
right = {name: [] for name in models}
for start in range(0, n, size):
    rows = slice(start, start + size)
    for name, model in models.items():
        if start:
            right[name].append(model.score(X[rows], y[rows]))
        model.partial_fit(X[rows], y[rows], classes=[0, 1])

# %%
# The true model would have an accuracy of 83% at any time.
truth = float(np.mean(((X * w).sum(axis=1) > 0) == y))
half = n // 2 // size
shares = {
    name: (
        np.mean(each[half - 11 : half - 1]),
        np.mean(each[half - 1 : half + 4]),
        np.mean(each[-10:]),
    )
    for name, each in right.items()
}
print(f"{'':25}before  just after  at the end    (true model: {truth:.3f})")
for name, share in shares.items():
    print(f"{name:25}{share[0]:6.3f}{share[1]:10.3f}{share[2]:12.3f}")

figure, axis = plt.subplots(figsize=(5, 3.4), layout="constrained")
window = np.ones(5) / 5
for name, each in right.items():
    axis.plot(
        np.arange(6, len(each) + 2) * size,
        np.convolve(each, window, "valid"),
        label=name,
    )
axis.axvline(n // 2, color="0.55", linewidth=0.8)
axis.set(xlabel="samples seen", ylabel="accuracy on the last 1000 samples")
axis.grid(alpha=0.3)
axis.legend(fontsize="small")
