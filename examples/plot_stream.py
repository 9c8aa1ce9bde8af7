"""
Learning from a stream
======================

Samples arrive in small batches. Each batch is predicted before the model learns from
it, which gives the progressive accuracy. In the middle the model is pickled and
unpickled, which does not change it.
"""

import pickle

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_gd import GDClassifier

X, y = load_digits(return_X_y=True)
figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
for optimizer, rate in {"gd": 0.002, "momentum": 0.0005, "adam": 0.01}.items():
    model = GDClassifier(optimizer=optimizer, learning_rate=rate)
    right = []
    for start in range(0, len(y), 20):
        batch = slice(start, start + 20)
        if start:
            right.extend(model.predict(X[batch]) == y[batch])
        model.partial_fit(X[batch], y[batch], classes=np.arange(10))
        if start == 900:
            model = pickle.loads(pickle.dumps(model))
    print(
        f"{optimizer:9} progressive accuracy {np.mean(right):.3f} after {model.t_} "
        "steps"
    )
    axis.plot(
        np.cumsum(right) / np.arange(1, len(right) + 1),
        label=f"{optimizer}, rate {rate}",
    )
axis.set(
    xlabel="samples seen",
    ylabel="progressive accuracy",
    title="Digits, batches of 20",
    ylim=(0, 1),
)
axis.grid(alpha=0.3)
axis.legend()
