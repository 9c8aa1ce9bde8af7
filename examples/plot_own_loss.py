"""
A custom loss
=============

The Welsch loss ignores outliers. It takes ten lines of NumPy; this example checks it
against numeric derivatives, and tunes it by grid search like any built-in loss.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from sklearn_gd import GDRegressor, RegressionLoss, check_loss


class Welsch(RegressionLoss):
    """scale^2 / 2 (1 - exp(-(r / scale)^2)): quadratic, then constant."""

    def __init__(self, scale=1.0):
        self.scale = scale

    @staticmethod
    def value(y, raw, scale):
        return scale**2 / 2 * (1 - np.exp(-(((raw - y) / scale) ** 2)))

    @staticmethod
    def gradient(y, raw, scale):
        return (raw - y) * np.exp(-(((raw - y) / scale) ** 2))


print(
    "largest difference from the numeric derivative: "
    f"{check_loss(Welsch(scale=2.0)):.1e}"
)

# %%
# A linear relation, with 20% of the samples from a different distribution.
rng = np.random.default_rng(0)
X = rng.uniform(0, 10, size=(200, 1))
y = 2.0 + 1.5 * X[:, 0] + 0.5 * rng.normal(size=200)
y[:40] = 25 - X[:40, 0] + rng.normal(size=40)

search = GridSearchCV(
    GDRegressor(loss=Welsch()),
    {"loss__scale": [1.0, 3.0, 10.0]},
    scoring="neg_median_absolute_error",
)
models = {
    "squared error": GDRegressor().fit(X, y),
    "absolute error": GDRegressor(loss="absolute_error").fit(X, y),
    "Welsch": search.fit(X, y).best_estimator_,
}
for name, model in models.items():
    print(
        f"{name:15} slope {model.coef_[0]:6.3f}  intercept {model.intercept_[0]:6.3f}"
    )
print(f"scale chosen by the search: {search.best_params_['loss__scale']}")

# %%
figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
axis.scatter(X[:, 0], y, s=12, color="0.6", label="samples")
ends = np.array([[0.0], [10.0]])
for name, model in models.items():
    axis.plot(ends[:, 0], model.predict(ends), label=name)
axis.set(xlabel="x", ylabel="y", title="Fitted line for three losses")
axis.legend()
