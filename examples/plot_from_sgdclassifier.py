"""
Coming from SGDClassifier
=========================

This example shows the parameters that GDClassifier shares with SGDClassifier, a setting
in which both take the same steps, and the differences.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_gd import GDClassifier, LossCurveDisplay

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
scaler = StandardScaler().fit(X_train)

# %%
# The same steps
# --------------
# Loss strings, `alpha`, `penalty`, `max_iter`, `tol` and other parameters have the same
# names; a constant learning rate is a number. With samples in the given order, one at a
# time, the coefficients agree to rounding. The default penalty does not depend on
# units, so the penalty of SGDClassifier must be set explicitly.
shared = {
    "loss": "hinge",
    "penalty": "l2",
    "alpha": 1e-3,
    "shuffle": False,
    "max_iter": 5,
    "tol": None,
}
theirs = SGDClassifier(learning_rate="constant", eta0=0.01, **shared).fit(
    scaler.transform(X_train), y_train
)
ours = GDClassifier(solver="sgd", optimizer="gd", learning_rate=0.01, **shared).fit(
    scaler.transform(X_train), y_train
)
difference = float(abs(ours.coef_ - theirs.coef_).max())
print(f"largest difference of a coefficient: {difference:.0e}")

# %%
# Old and new names
# -----------------
# ``SGDClassifier(learning_rate="constant", eta0=0.01)`` is ``GDClassifier(solver="sgd",
# optimizer="gd", learning_rate=0.01)``, and ``learning_rate="invscaling", eta0=0.1,
# power_t=0.5`` is ``learning_rate=InvScaling(0.1, power_t=0.5)``.
#
# Unscaled features
# -----------------
# On unscaled features of very different scales, SGDClassifier ends far from the minimum
# of its own objective, without a warning. GDClassifier minimises the same objective
# without scaling.
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    raw = SGDClassifier(loss="log_loss", random_state=0).fit(X_train, y_train)
default = GDClassifier(penalty="l2").fit(X_train, y_train)


def objective(model):
    """F of both: mean log loss and half of alpha times the squared norm."""
    margin = np.where(y_train == 1, 1.0, -1.0) * model.decision_function(X_train)
    return float(np.logaddexp(0, -margin).mean() + 0.5e-4 * (model.coef_**2).sum())


objectives = {"SGDClassifier": objective(raw), "GDClassifier": objective(default)}
scores = {
    "SGDClassifier": raw.score(X_test, y_test),
    "GDClassifier": default.score(X_test, y_test),
}
for name in objectives:
    print(
        f"{name:14} on unscaled features: objective {objectives[name]:.4g}, test "
        f"accuracy {scores[name]:.3f}"
    )
print(f"warnings by SGDClassifier: {len(said)}")

# %%
# New options
# -----------
# New are mini-batches, momentum and Adam, softmax, and the training history.
model = GDClassifier(
    solver="minibatch",
    optimizer="adam",
    learning_rate=0.01,
    max_iter=20,
    tol=None,
    random_state=0,
)
model.fit(scaler.transform(X_train), y_train)
print(
    "objective after 1, 5 and 20 epochs: "
    f"{np.round([model.loss_curve_[k] for k in (0, 4, 19)], 4)}"
)

LossCurveDisplay.from_estimators(
    {"Adam, standardised columns": model, "no rate, raw columns": default}
)
plt.show()
