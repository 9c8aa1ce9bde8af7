"""
Empirical risk, and when to stop
================================

What descent lowers is the mean loss of the rows it has seen. What matters is the share of mistakes on rows it has not. The three
curves part, and rows set aside say where to stop.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklearn_gd import GDClassifier, LossCurveDisplay

# %%
# A model that can learn by heart
# -------------------------------
# All products of two of 30 columns, 495 in all, and only 170 rows to learn from: the training loss can fall as far as it likes.
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.3, random_state=0, stratify=y)
columns = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler())
X_train, X_test = columns.fit_transform(X_train), columns.transform(X_test)
print(f"{X_train.shape[0]} rows, {X_train.shape[1]} columns")

# %%
# Three curves
# ------------
# `partial_fit` is one epoch: here the model is looked at after each. The training loss falls for ever. The test loss turns.


def risk(model, X, y):
    """Mean log loss and share of mistakes."""
    probabilities = model.predict_proba(X)[np.arange(len(y)), y]
    return -np.log(probabilities).mean(), np.mean(probabilities < 0.5)


def learn(X_learn, y_learn, X_watch, y_watch, epochs):
    """The model after the last epoch; training loss, watched loss and watched share of mistakes after each."""
    model, rng, history = GDClassifier(optimizer="adam", learning_rate=0.006, alpha=0), np.random.default_rng(0), []
    for _ in range(epochs):
        order = rng.permutation(len(y_learn))
        model.partial_fit(X_learn[order], y_learn[order], classes=[0, 1])
        history.append((risk(model, X_learn, y_learn)[0], *risk(model, X_watch, y_watch)))
    return model, *np.array(history).T


epochs = 60
last, train_risk, test_risk, mistakes = learn(X_train, y_train, X_test, y_test, epochs)
turn, fewest = int(np.argmin(test_risk)) + 1, int(np.argmin(mistakes)) + 1
print(f"training loss falls to {train_risk[-1]:.4f}")
print(f"test loss is lowest in epoch {turn}: {test_risk.min():.4f}; at the end {test_risk[-1]:.4f}")
print(f"share of mistakes is lowest in epoch {fewest}: {mistakes.min():.4f}; at the end {mistakes[-1]:.4f}")
figure, axis = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
for name, curve in {"training loss": train_risk, "test loss": test_risk, "test mistakes (0/1 loss)": mistakes}.items():
    axis.plot(np.arange(1, epochs + 1), curve, label=name)
axis.axvline(turn, color="0.55", linewidth=0.8)
axis.set(xlabel="epoch", ylabel="mean over the rows", yscale="log", xscale="log")
axis.grid(alpha=0.3)
axis.legend(fontsize="small")

# %%
# When to stop
# ------------
# The test rows must not choose the epoch. A third of the training rows is set aside instead; their loss says how many epochs
# to learn for, and then all training rows are learned for as many.
X_learn, X_watch, y_learn, y_watch = train_test_split(X_train, y_train, test_size=0.33, random_state=0, stratify=y_train)
_, _, watched_risk, _ = learn(X_learn, y_learn, X_watch, y_watch, epochs)
stop = int(np.argmin(watched_risk)) + 1
stopped, _, stopped_risk, _ = learn(X_train, y_train, X_test, y_test, stop)
print(f"stopped after epoch {stop}: test loss {stopped_risk[-1]:.4f}")

# %%
# `early_stopping` does the first half of this by itself: it goes by the loss of the rows that it sets aside, and keeps the
# model of its best epoch.
automatic = GDClassifier(
    optimizer="adam",
    learning_rate=0.006,
    alpha=0,
    early_stopping=True,
    validation_fraction=0.33,
    n_iter_no_change=20,
    random_state=0,
).fit(X_train, y_train)
automatic_risk, _ = risk(automatic, X_test, y_test)
print(f"early_stopping: epoch {automatic.best_iter_} of {automatic.n_iter_} kept, test loss {automatic_risk:.4f}")
LossCurveDisplay.from_estimator(automatic)
