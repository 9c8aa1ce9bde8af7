"""
Coming from SGDClassifier
=========================

The same names, the same steps where the two agree, and what changes where they do not.
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
# Loss strings, `alpha`, `penalty`, `max_iter`, `tol` and the rest are called alike; a constant rate is a number. With samples in
# their order, one at a time, the coefficients agree to rounding. The default penalty here is free of units, so that
# SGDClassifier's has to be named.
shared = {"loss": "hinge", "penalty": "l2", "alpha": 1e-3, "shuffle": False, "max_iter": 5, "tol": None}
theirs = SGDClassifier(learning_rate="constant", eta0=0.01, **shared).fit(scaler.transform(X_train), y_train)
ours = GDClassifier(solver="sgd", optimizer="gd", learning_rate=0.01, **shared).fit(scaler.transform(X_train), y_train)
difference = float(abs(ours.coef_ - theirs.coef_).max())
print(f"largest difference of a coefficient: {difference:.0e}")

# %%
# What it was called, and is called now
# -------------------------------------
# ``SGDClassifier(learning_rate="constant", eta0=0.01)`` is ``GDClassifier(solver="sgd", optimizer="gd",
# learning_rate=0.01)``, and ``learning_rate="invscaling", eta0=0.1, power_t=0.5`` is ``learning_rate=InvScaling(0.1,
# power_t=0.5)``.
#
# Raw columns
# -----------
# SGDClassifier on raw columns of very different sizes ends in a model far from the minimum of its own objective, and says
# nothing. The same objective is minimised here without a scaler.
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    raw = SGDClassifier(loss="log_loss", random_state=0).fit(X_train, y_train)
default = GDClassifier(penalty="l2").fit(X_train, y_train)


def objective(model):
    """F of both: mean log loss and half of alpha times the squared norm."""
    margin = np.where(y_train == 1, 1.0, -1.0) * model.decision_function(X_train)
    return float(np.logaddexp(0, -margin).mean() + 0.5e-4 * (model.coef_**2).sum())


objectives = {"SGDClassifier": objective(raw), "GDClassifier": objective(default)}
scores = {"SGDClassifier": raw.score(X_test, y_test), "GDClassifier": default.score(X_test, y_test)}
for name in objectives:
    print(f"{name:14} on raw columns: objective {objectives[name]:.4g}, test accuracy {scores[name]:.3f}")
print(f"warnings that SGDClassifier gave: {len(said)}")

# %%
# What was not there before
# -------------------------
# Mini-batches, momentum and Adam, true softmax, the history of the fit.
model = GDClassifier(solver="minibatch", optimizer="adam", learning_rate=0.01, max_iter=20, tol=None, random_state=0)
model.fit(scaler.transform(X_train), y_train)
print(f"objective after 1, 5 and 20 epochs: {np.round([model.loss_curve_[k] for k in (0, 4, 19)], 4)}")

LossCurveDisplay.from_estimators({"Adam, standardised columns": model, "no rate, raw columns": default})
plt.show()
