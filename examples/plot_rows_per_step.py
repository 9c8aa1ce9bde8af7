r"""
All samples, one sample, or a few
=================================

This example trains one model on the same data with steps on 1, 32, 64, 128 or all
samples. It shows the progress per epoch and per second, the noise of the gradient, and
why stochastic steps need a decaying learning rate.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from sklearn_gd import GDClassifier, LossCurveDisplay, MiniBatch
from sklearn_gd.schedules import InvScaling

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
parts = {"alpha": 0.01, "optimizer": "gd", "tol": None, "random_state": 0}
lowest = GDClassifier(alpha=0.01, tol=1e-10, max_iter=5000).fit(X, y).loss_curve_[-1]

# %%
# Progress per epoch and per second
# ---------------------------------
# Fewer samples per step mean more steps per epoch, so F is much lower after the first
# epoch with small batches. A step on n samples is cheaper than n steps on single
# samples, so the curves over seconds are closer to each other.
solvers = {
    "1 sample": MiniBatch(1),
    "32 samples": MiniBatch(32),
    "64 samples": MiniBatch(64),
    "128 samples": MiniBatch(128),
    "all samples": "batch",
}
figure, (by_epoch, by_second) = plt.subplots(
    1, 2, figsize=(9, 3.6), layout="constrained", sharey=True
)
fits, seconds = {}, {}
for name, solver in solvers.items():
    model = GDClassifier(solver=solver, learning_rate=0.1, max_iter=40, **parts).fit(
        X, y
    )
    begun = time.perf_counter()
    fits[name] = model.fit(X, y)
    seconds[name] = time.perf_counter() - begun
    gap = np.array(model.loss_curve_) - lowest
    by_second.plot(seconds[name] * np.arange(1, 41) / 40, gap)
    print(
        f"{name:11} {model.t_:6d} steps, {gap[0]:.1e} above the minimum after 1 "
        f"epoch, {gap[-1]:.1e} after 40"
    )
LossCurveDisplay.from_estimators(fits, minimum=lowest, ax=by_epoch)
by_second.set(xlabel="seconds", xscale="log")
by_second.grid(alpha=0.3)

# %%
# Noise of the gradient
# ---------------------
# The gradient of a step is a mean over its samples, so its standard deviation around
# the full gradient is proportional to one over the square root of the batch size. The
# example draws random samples at a fixed model, and compares their gradients with the
# norm of the full gradient.
start = GDClassifier(solver="batch", learning_rate=0.1, max_iter=5, **parts).fit(X, y)
score = start.decision_function(X)
sign = np.where(y == 1, 1.0, -1.0)
slopes = -sign / (1 + np.exp(sign * score))
row_gradients = slopes[:, None] * X
whole = row_gradients.mean(axis=0)
rng = np.random.default_rng(0)
noise = {}
for size in (1, 32, 64, 128):
    drawn = [
        row_gradients[rng.integers(len(y), size=size)].mean(axis=0) for _ in range(2000)
    ]
    noise[size] = float(
        np.sqrt(np.mean(np.sum((np.array(drawn) - whole) ** 2, axis=1)))
        / np.linalg.norm(whole)
    )
    print(
        f"{size:4d} samples: noise {noise[size]:.3f} of the gradient, times the root "
        f"of the size {noise[size] * size**0.5:.2f}"
    )

# %%
# Decaying learning rates
# -----------------------
# Near the minimum the full gradient vanishes, but the noise does not: at a constant
# learning rate stochastic gradient descent keeps fluctuating. With a rate that decays
# like :math:`1/\sqrt t` the fluctuations vanish, and F becomes as low as with batch
# gradient descent, or lower.
rates = {"constant rate": 0.1, "decaying rate": InvScaling(0.3, power_t=0.5)}
settled = {
    name: GDClassifier(solver="sgd", learning_rate=rate, max_iter=100, **parts).fit(
        X, y
    )
    for name, rate in rates.items()
}
settled["all samples"] = GDClassifier(
    solver="batch", learning_rate=0.5, max_iter=100, **parts
).fit(X, y)
ends = {name: model.loss_curve_[-1] - lowest for name, model in settled.items()}
for name, end in ends.items():
    print(f"{name:14} {end:.1e} above the minimum after 100 epochs")
LossCurveDisplay.from_estimators(settled, minimum=lowest)
