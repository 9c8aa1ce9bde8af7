"""
Learning rates, schedules and optimizers
========================================

This example shows learning rates that are too high or too low, plots every schedule,
and compares all optimizers on badly scaled features.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sklearn_gd import GDRegressor, LossCurveDisplay, ScheduleDisplay
from sklearn_gd.optimizers import OPTIMIZERS
from sklearn_gd.schedules import SCHEDULES, WarmUp

X, y = load_diabetes(return_X_y=True, scaled=False)
scaled = StandardScaler().fit_transform(X)
y = (y - y.mean()) / y.std()
batch = {"solver": "batch", "alpha": 0.01, "max_iter": 40, "tol": None}

# %%
# Learning rates that are too high or too low
# -------------------------------------------
# The largest curvature is about 4, so gradient descent diverges at rates above 2/4. The
# estimator then warns, names the epoch and the rate, and keeps the best model so far.
curves = {}
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for rate in (0.6, 0.4, 0.04, 0.0004):
        curves[f"rate {rate}"] = GDRegressor(
            optimizer="gd", learning_rate=rate, **batch
        ).fit(scaled, y)
diverged = [
    str(each.message) for each in said if issubclass(each.category, ConvergenceWarning)
]
print(*diverged, sep="\n")
for name, model in curves.items():
    print(
        f"{name:12} best objective {min(model.loss_curve_):.4f} in {model.n_iter_} "
        "epochs"
    )
display = LossCurveDisplay.from_estimators(curves)
display.ax_.set_ylim(0.2, 2)

# %%
# Every schedule
# --------------
# The plot shows each schedule with its defaults, over 1000 steps with 100 steps per
# epoch; "optimal" is for alpha=0.01.
named = {
    name: WarmUp(0.01, warmup_steps=200) if name == "warmup" else name
    for name in SCHEDULES
}
schedules = ScheduleDisplay.from_schedules(
    named, n_steps=1000, steps_per_epoch=100, alpha=0.01
)
schedules.ax_.set(yscale="log", ylim=(1e-5, 20))
print(f"{len(schedules.rates)} schedules: {', '.join(schedules.rates)}")

# %%
# Every optimizer, on unscaled features
# -------------------------------------
# The standard deviations of the features differ by a factor of a hundred. Optimizers
# with one rate for all coefficients are limited by the feature with the largest scale;
# those with one rate per coefficient are less affected. Each optimizer uses the best of
# four rates and its own default, if it has one. The last line is the default fit, which
# needs no rate.
centred = X - X.mean(axis=0)
print(
    f"standard deviations from {X.std(axis=0).min():.2g} to {X.std(axis=0).max():.2g}"
)
lowest = (
    GDRegressor(alpha=0.01, tol=1e-12, max_iter=5000).fit(centred, y).loss_curve_[-1]
)
gaps, runs = {}, {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, rule in OPTIMIZERS.items():
        rates = sorted({0.0001, 0.001, 0.01, 0.1, rule.default_rate or 0.01})
        tried = [
            GDRegressor(optimizer=name, learning_rate=rate, **batch).fit(centred, y)
            for rate in rates
        ]
        best = min(
            tried,
            key=lambda model: (
                model.loss_curve_[-1] if len(model.loss_curve_) == 40 else np.inf
            ),
        )
        runs[name], gaps[name] = best, best.loss_curve_[-1] - lowest
        print(
            f"{name:14} rate {best.learning_rate:<7g} {gaps[name]:.1e} above the "
            "minimum after 40 epochs"
        )
default = GDRegressor(alpha=0.01, max_iter=100).fit(centred, y)
gaps["auto"] = default.loss_curve_[-1] - lowest
print(
    f"auto                        {gaps['auto']:.1e} above the minimum after "
    f"{default.n_iter_}"
)
figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
LossCurveDisplay.from_estimators(
    {name: runs[name] for name in sorted(runs, key=gaps.get)}, minimum=lowest, ax=axis
)
