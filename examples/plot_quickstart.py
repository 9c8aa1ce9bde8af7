"""
Quick start
===========

This example trains both estimators with several losses and solvers on three unscaled
data sets from scikit-learn, and compares them with ``SGDClassifier`` and
``SGDRegressor``. It then shows a pipeline, a nested grid search and a stream, and ends
with a table and a plot of the loss curves.
"""

import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch
from sklearn_gd.losses import Huber
from sklearn_gd.schedules import CosineDecay

warnings.simplefilter(
    "ignore"
)  # SGD on unscaled features may warn, or diverge without a warning: see the table
rows, curves = [], {}


def compete(data, name, model, X_train, X_test, y_train, y_test):
    """Fit, time and score one model; one line of output and one entry of the table."""
    print(f"  {data:13} {name} ...", end=" ", flush=True)
    begun = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - begun
    score = model.score(X_test, y_test)
    print(f"{score:.4g}", flush=True)
    rows.append((data, name, score, seconds))
    return model


# %%
# The first fit of a session compiles the loops, or loads them from disk. Its time is
# measured separately.
begun = time.perf_counter()
GDRegressor().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 3.0])
print(
    f"first fit, including compilation or loading: {time.perf_counter() - begun:.2f} s"
)

# %%
# Unscaled data, default parameters
# ---------------------------------
# The defaults need no feature scaling and no learning rate. The loss is set by a
# string.
print("unscaled data")
sets = {
    "digits": load_digits(return_X_y=True),
    "breast cancer": load_breast_cancer(return_X_y=True),
    "diabetes": load_diabetes(return_X_y=True, scaled=False),
}
parts = {name: train_test_split(*data, random_state=0) for name, data in sets.items()}
for data in ("digits", "breast cancer"):
    for name, model in {
        "SGDClassifier()": SGDClassifier(random_state=0),
        "GDClassifier()": GDClassifier(),
        "GDClassifier(loss='hinge')": GDClassifier(loss="hinge"),
        "GDClassifier(loss='modified_huber')": GDClassifier(loss="modified_huber"),
    }.items():
        compete(data, name, model, *parts[data])
for name, model in {
    "SGDRegressor()": SGDRegressor(random_state=0),
    "GDRegressor()": GDRegressor(),
    "GDRegressor(loss='huber')": GDRegressor(loss="huber"),
    "GDRegressor(loss='poisson')": GDRegressor(loss="poisson"),
}.items():
    compete("diabetes", name, model, *parts["diabetes"])

# %%
# Solvers, optimizers and schedules
# ---------------------------------
# An explicit learning rate means the textbook update, so these models follow a scaler
# in a pipeline.
print("the same digits with several solvers and optimizers")
choices = {
    "batch, memory gradient": GDClassifier(),
    "batch, momentum": GDClassifier(
        solver="batch", optimizer="momentum", learning_rate=0.1, max_iter=100
    ),
    "single samples, gradient descent": GDClassifier(
        solver="sgd", learning_rate=0.05, max_iter=30, random_state=0
    ),
    "mini-batch 64, Adam, cosine": GDClassifier(
        solver=MiniBatch(64),
        optimizer="adam",
        learning_rate=CosineDecay(0.02),
        max_iter=30,
        tol=None,
        random_state=0,
    ),
}
for name, model in choices.items():
    fitted = compete(
        "digits", name, make_pipeline(MinMaxScaler(), model), *parts["digits"]
    )
    curves[name] = fitted[-1].loss_curve_

# %%
# Grid search over the components
# -------------------------------
# Every component is an object with parameters, which a grid search can tune; an outer
# cross-validation gives an unbiased score.
print("nested grid search ...", flush=True)
X_train, X_test, y_train, y_test = parts["diabetes"]
search = GridSearchCV(
    make_pipeline(StandardScaler(), GDRegressor(loss=Huber())),
    {
        "gdregressor__loss__delta": [1.0, 30.0, 100.0],
        "gdregressor__alpha": [1e-3, 1e-1],
    },
    cv=3,
)
outer = cross_val_score(search, X_train, y_train, cv=3)
print(f"  R^2 in the outer folds: {np.round(outer, 3)}")
compete("diabetes", "grid search over huber's delta", search, *parts["diabetes"])
print(f"  chosen: {search.best_params_}")

# %%
# Online learning
# ---------------
# `partial_fit` learns from samples as they arrive, and resumes from its previous state.
print("streaming digits, 50 samples at a time")
X_train, X_test, y_train, y_test = parts["digits"]
stream = GDClassifier(optimizer="adam", learning_rate=0.01)
begun = time.perf_counter()
for start in range(0, len(y_train), 50):
    batch = slice(start, start + 50)
    stream.partial_fit(X_train[batch], y_train[batch], classes=range(10))
    if start % 300 == 0:
        print(
            f"  after {start + 50:4d} samples: {stream.score(X_test, y_test):.3f}",
            flush=True,
        )
rows.append(
    (
        "digits",
        "one pass of partial_fit",
        stream.score(X_test, y_test),
        time.perf_counter() - begun,
    )
)

# %%
# The table
# ---------
# The score is the accuracy for classification, R^2 for regression, and D^2, the
# explained fraction of the deviance, under the Poisson loss.
print(f"\n{'data':14}{'model':40}{'test score':>12}{'seconds':>10}")
for data, name, score, seconds in rows:
    print(f"{data:14}{name:40}{score:12.4g}{seconds:10.3f}")

# %%
# The loss curves
# ---------------
figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
for name, curve in curves.items():
    axis.plot(np.arange(1, len(curve) + 1), curve, label=name)
axis.set(
    xscale="log",
    yscale="log",
    xlabel="epoch",
    ylabel="objective F",
    title="Digits, softmax: four optimizers",
)
axis.grid(alpha=0.3)
axis.legend()
picture = Path("quickstart_loss_curves.png")
figure.savefig(picture, dpi=150)
print(f"\nthe loss curves are in {picture}")
