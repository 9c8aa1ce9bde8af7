"""
Fit a parabola: a roller coaster
================================

The data are the speed of a roller coaster car over twenty seconds: slow at the top of
the hill, fast on both sides. The example fits a parabola by gradient descent on the
mean squared error, as textbooks do: with a low learning rate, because the unscaled
features t and t² do not allow a higher one. Then it uses the automatic method,
and the mean absolute error.
"""

import numpy as np
from sklearn.metrics import mean_absolute_error, mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from sklearn_gd import FitEvolutionDisplay, GDRegressor, LossCurveDisplay

rng = np.random.default_rng(0)
t = np.arange(20.0)
speed = 3 * rng.normal(size=20) + 0.5 * (t - 9.5) ** 2 + 1
X = t[:, None]


def quadratic(**parameters):
    """A parabola in t."""
    return make_pipeline(
        PolynomialFeatures(2, include_bias=False), GDRegressor(alpha=0, **parameters)
    )


# %%
# Ill-conditioned features
# ------------------------
# The textbook's learning rate is 1e-5 on the mean squared error. Our loss is half the
# squared error, so its derivative is the residual: the objective and its gradient are
# half as large. The same steps therefore need twice the learning rate, 2e-5, and the
# mean squared error is twice F.
#
# The first step achieves most of the total decrease. After that there is little
# progress: the learning rate is limited by the direction of largest curvature
# (:math:`t^2`, up to 361), and is too low for the directions of small curvature (the
# intercept). The textbook's run from random weights gave 679, 359, 298, 287, ..., 284.
# This one starts at zero.
lesson = quadratic(
    solver="batch", optimizer="gd", learning_rate=2e-5, max_iter=400, tol=None
).fit(X, speed)
squared = [np.mean(speed**2), *(2 * np.array(lesson[-1].loss_curve_))]
print(
    "mean squared error:",
    *(f"{squared[step]:.0f}" for step in (0, 1, 2, 3, 4, 5, 10)),
    f"... {squared[400]:.1f} at step 400",
)
FitEvolutionDisplay.from_estimator(lesson, X, speed, epochs=(1, 2, 10, 400))

# %%
# Without a learning rate
# -----------------------
# With solver and learning rate at their defaults, the fit scales the features
# algebraically and determines its own step sizes.
auto = quadratic().fit(X, speed)
best = np.polyfit(t, speed, 2)
auto_error = mean_squared_error(speed, auto.predict(X))
exact_error = mean_squared_error(speed, np.polyval(best, t))
print(
    f"auto: mean squared error {auto_error:.4f} after {auto[-1].n_iter_} iterations; "
    f"least squares has {exact_error:.4f}"
)
FitEvolutionDisplay.from_estimator(quadratic(), X, speed, epochs=(1, 2))

# %%
# Mean absolute error
# -------------------
# The loss is set by a string. One car in five stops for a photograph, which makes it an
# outlier; the absolute error is robust to outliers. Its minimum need not be unique, and
# it is not differentiable everywhere, but the fit converges nevertheless.
photographed = speed.copy()
photographed[::5] = 0.0
fits = {
    loss: quadratic(loss=loss).fit(X, photographed)
    for loss in ("squared_error", "absolute_error")
}
errors = {
    loss: mean_absolute_error(
        np.delete(speed, np.s_[::5]), np.delete(fit.predict(X), np.s_[::5])
    )
    for loss, fit in fits.items()
}
for loss, error in errors.items():
    print(f"{loss:15} misses the moving cars by {error:.2f} on average")
curves = LossCurveDisplay.from_estimators({"rate 2e-5": lesson, "auto": auto})
curves.ax_.set_xscale("log")
