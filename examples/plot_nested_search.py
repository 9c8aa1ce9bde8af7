"""
Nested cross-validation
=======================

A grid search can tune the parameters of every component, and choose between components.
Its best score is optimistic, because the candidate was selected for it; an outer
cross-validation gives an unbiased estimate.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_gd import GDRegressor
from sklearn_gd.losses import Huber, Quantile, SquaredError
from sklearn_gd.penalties import L1, L2, ElasticNet

X, y = load_diabetes(return_X_y=True, scaled=False)
model = make_pipeline(StandardScaler(), GDRegressor())

# %%
# Search over components and their parameters
# -------------------------------------------
# Double underscores separate the names of pipeline step, component and parameter. Each
# dict of the list is a separate grid.
grid = [
    {
        "gdregressor__loss": [SquaredError(), Quantile(0.5)],
        "gdregressor__penalty": [L1(), L2()],
        "gdregressor__alpha": [0.01],
    },
    {
        "gdregressor__loss": [Huber()],
        "gdregressor__loss__delta": [20.0, 60.0],
        "gdregressor__alpha": [0.01, 0.1],
    },
    {
        "gdregressor__penalty": [ElasticNet()],
        "gdregressor__penalty__l1_ratio": [0.2, 0.8],
        "gdregressor__alpha": [0.1],
    },
]
inner, outer = (
    KFold(3, shuffle=True, random_state=0),
    KFold(3, shuffle=True, random_state=1),
)
search = GridSearchCV(model, grid, cv=inner, scoring="neg_mean_absolute_error").fit(
    X, y
)
chosen = {
    name.removeprefix("gdregressor__"): value
    for name, value in search.best_params_.items()
}
print(f"{len(search.cv_results_['params'])} candidates; chosen: {chosen}")

# %%
# Unbiased estimate of the error
# ------------------------------
within = -search.best_score_
around = -cross_val_score(search, X, y, cv=outer, scoring="neg_mean_absolute_error")
print(
    f"mean absolute error: {within:.2f} by the inner folds, {around.mean():.2f} by "
    f"the outer folds {around.round(1)}"
)
print(f"always the median: {np.abs(y - np.median(y)).mean():.2f}")

# %%
# The plot shows the error of every candidate in the inner folds, and the estimate for
# the selected one.
found = search.cv_results_
labels = [
    ", ".join(
        f"{name.removeprefix('gdregressor__')}={value}"
        for name, value in candidate.items()
    )
    for candidate in found["params"]
]
_, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ax.errorbar(
    -found["mean_test_score"],
    labels,
    xerr=found["std_test_score"],
    fmt="o",
    label="candidates, inner folds",
)
ax.axvline(
    around.mean(), color="tab:orange", linestyle="--", label="selected, outer folds"
)
ax.tick_params(axis="y", labelsize=8)
ax.set(xlabel="mean absolute error")
ax.grid(alpha=0.3, axis="x")
ax.legend()
plt.show()
