"""
Learning from a stream
======================

Rows arrive a few at a time and are gone afterwards. Each lot is first predicted, then learned: the progressive score. In
the middle the model is pickled and loaded again, which changes nothing.
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
        lot = slice(start, start + 20)
        if start:
            right.extend(model.predict(X[lot]) == y[lot])
        model.partial_fit(X[lot], y[lot], classes=np.arange(10))
        if start == 900:
            model = pickle.loads(pickle.dumps(model))
    print(f"{optimizer:9} {np.mean(right):.3f} of the rows predicted right before they were learned, {model.t_} steps")
    axis.plot(np.cumsum(right) / np.arange(1, len(right) + 1), label=f"{optimizer}, rate {rate}")
axis.set(xlabel="rows seen", ylabel="share right so far", title="Digits, 20 at a time", ylim=(0, 1))
axis.grid(alpha=0.3)
axis.legend()
