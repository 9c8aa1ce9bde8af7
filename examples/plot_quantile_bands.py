"""
Prediction intervals by quantile regression
===========================================

Three fits of the pinball loss give the median and an interval that contains 80% of the
samples, in data whose standard deviation grows with x. A model of the mean cannot
provide this.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from sklearn_gd import GDRegressor
from sklearn_gd.losses import Quantile

rng = np.random.default_rng(0)
x = rng.uniform(0, 10, 2000)
y = 3 * np.sin(x / 2) + x + (0.2 + 0.2 * x) * rng.normal(size=2000)
X_train, X_test, y_train, y_test = train_test_split(x[:, None], y, random_state=0)

# %%
# With spline features, a linear model fits a curve.
levels = (0.1, 0.5, 0.9)
models = {
    level: make_pipeline(
        SplineTransformer(n_knots=6), GDRegressor(loss=Quantile(level), alpha=1e-6)
    ).fit(X_train, y_train)
    for level in levels
}
below = {
    level: float(np.mean(y_test < model.predict(X_test)))
    for level, model in models.items()
}
for level, share in below.items():
    print(f"quantile {level}: {share:.3f} of the test samples lie below")
inside = below[0.9] - below[0.1]
print(f"coverage of the interval: {inside:.3f}, nominal 0.8")

# %%
# The width of the interval follows the standard deviation: the 10% and 90% quantiles of
# a normal distribution are 2.563 standard deviations apart.
ends = np.array([[1.0], [9.0]])
widths = models[0.9].predict(ends) - models[0.1].predict(ends)
print(
    f"width at x = 1 and 9: {widths.round(2)}; true {2.563 * (0.2 + 0.2 * ends[:, 0])}"
)
figure, axis = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
axis.plot(X_test[:, 0], y_test, ".", color="0.55", markersize=3)
line = np.linspace(0, 10, 200)[:, None]
axis.fill_between(
    line[:, 0],
    models[0.1].predict(line),
    models[0.9].predict(line),
    alpha=0.3,
    label="10% to 90%",
)
axis.plot(line[:, 0], models[0.5].predict(line), label="median")
axis.set(xlabel="x", ylabel="y")
axis.legend(fontsize="small")
