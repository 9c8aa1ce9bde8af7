"""
Empirical risk and early stopping
=================================

Gradient descent reduces the mean loss on the training samples. The goal is a low error
rate on other samples. This example compares training loss, test loss and test error
over the epochs, and uses validation samples to choose when to stop.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklearn_gd import GDClassifier, LossCurveDisplay

# %%
# A model that can overfit
# ------------------------
# The features are products of two of 30 original features, 495 in all, for only 170
# training samples: the training loss can become arbitrarily small.
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=0.3, random_state=0, stratify=y
)
columns = make_pipeline(
    StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler()
)
X_train, X_test = columns.fit_transform(X_train), columns.transform(X_test)
print(f"{X_train.shape[0]} samples, {X_train.shape[1]} features")

# %%
# Learning curves
# ---------------
# A call of `partial_fit` is one epoch, and the model is evaluated after each. The
# training loss decreases throughout. The test loss has a minimum.


def risk(model, X, y):
    """Mean log loss and error rate."""
    probabilities = model.predict_proba(X)[np.arange(len(y)), y]
    return -np.log(probabilities).mean(), np.mean(probabilities < 0.5)


def learn(X_learn, y_learn, X_watch, y_watch, epochs):
    """The last model; training loss, evaluation loss and error rate by epoch."""
    model, rng, history = (
        GDClassifier(optimizer="adam", learning_rate=0.006, alpha=0),
        np.random.default_rng(0),
        [],
    )
    for _ in range(epochs):
        order = rng.permutation(len(y_learn))
        model.partial_fit(X_learn[order], y_learn[order], classes=[0, 1])
        history.append(
            (risk(model, X_learn, y_learn)[0], *risk(model, X_watch, y_watch))
        )
    return model, *np.array(history).T


epochs = 60
last, train_risk, test_risk, mistakes = learn(X_train, y_train, X_test, y_test, epochs)
turn, fewest = int(np.argmin(test_risk)) + 1, int(np.argmin(mistakes)) + 1
print(f"training loss falls to {train_risk[-1]:.4f}")
print(
    f"test loss is lowest in epoch {turn}: {test_risk.min():.4f}; at the end "
    f"{test_risk[-1]:.4f}"
)
print(
    f"error rate is lowest in epoch {fewest}: {mistakes.min():.4f}; at the end "
    f"{mistakes[-1]:.4f}"
)
figure, axis = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
for name, curve in {
    "training loss": train_risk,
    "test loss": test_risk,
    "test mistakes (0/1 loss)": mistakes,
}.items():
    axis.plot(np.arange(1, epochs + 1), curve, label=name)
axis.axvline(turn, color="0.55", linewidth=0.8)
axis.set(xlabel="epoch", ylabel="mean over the samples", yscale="log", xscale="log")
axis.grid(alpha=0.3)
axis.legend(fontsize="small")

# %%
# Early stopping
# --------------
# The test samples must not be used to choose the epoch. A third of the training samples
# is held out instead: their loss gives the number of epochs, and the final model is
# trained on all training samples for that number.
X_learn, X_watch, y_learn, y_watch = train_test_split(
    X_train, y_train, test_size=0.33, random_state=0, stratify=y_train
)
_, _, watched_risk, _ = learn(X_learn, y_learn, X_watch, y_watch, epochs)
stop = int(np.argmin(watched_risk)) + 1
stopped, _, stopped_risk, _ = learn(X_train, y_train, X_test, y_test, stop)
print(f"stopped after epoch {stop}: test loss {stopped_risk[-1]:.4f}")

# %%
# `early_stopping` automates the first part of this: it monitors the loss of the samples
# that it holds out, and keeps the model of the best epoch.
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
print(
    f"early_stopping: epoch {automatic.best_iter_} of {automatic.n_iter_} kept, test "
    f"loss {automatic_risk:.4f}"
)
LossCurveDisplay.from_estimator(automatic)
