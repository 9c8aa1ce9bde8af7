r"""
The roller coaster
==================

The speed of a roller coaster car over twenty seconds: slow at the top of the hill, fast on both sides. A parabola is fitted by
descent on the mean squared error, as lessons do it: with a small rate, because the raw columns t and :math:`t^2` allow no larger
one. Then with the rate left to the package, and with the mean absolute error.
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
    return make_pipeline(PolynomialFeatures(2, include_bias=False), GDRegressor(alpha=0, **parameters))


# %%
# Steep, then creeping
# --------------------
# The lesson's rate is 1e-5 on the mean squared error. Our loss is half the squared error, so that its slope is the residual: half
# the objective, half the gradient. The same steps need twice the rate, 2e-5, and the mean squared error is twice F.
#
# The first step takes off most of what it ever will. After that almost nothing happens: the rate is as high as the steep
# direction (:math:`t^2`, up to 361) allows, and the flat ones (the intercept) hardly move at it. A lesson's run, begun at
# random weights, went 679, 359, 298, 287, ..., 284. This one begins at zero.
lesson = quadratic(solver="batch", optimizer="gd", learning_rate=2e-5, max_iter=400, tol=None).fit(X, speed)
squared = [np.mean(speed**2), *(2 * np.array(lesson[-1].loss_curve_))]
print("mean squared error:", *(f"{squared[step]:.0f}" for step in (0, 1, 2, 3, 4, 5, 10)), f"... {squared[400]:.1f} at step 400")
FitEvolutionDisplay.from_estimator(lesson, X, speed, epochs=(1, 2, 10, 400))

# %%
# The rate left to the package
# ----------------------------
# With nothing said about solver and rate, descent scales the columns in its algebra and chooses its own step lengths.
auto = quadratic().fit(X, speed)
best = np.polyfit(t, speed, 2)
auto_error = mean_squared_error(speed, auto.predict(X))
exact_error = mean_squared_error(speed, np.polyval(best, t))
print(f"auto: mean squared error {auto_error:.4f} after {auto[-1].n_iter_} iterations; least squares has {exact_error:.4f}")
FitEvolutionDisplay.from_estimator(quadratic(), X, speed, epochs=(1, 2))

# %%
# The mean absolute error in its place
# ------------------------------------
# One word changes the loss. One car in five stops for a photograph: the absolute error lets it be. Its minimum need not be unique
# and has kinks, and descent finds it all the same.
photographed = speed.copy()
photographed[::5] = 0.0
fits = {loss: quadratic(loss=loss).fit(X, photographed) for loss in ("squared_error", "absolute_error")}
errors = {
    loss: mean_absolute_error(np.delete(speed, np.s_[::5]), np.delete(fit.predict(X), np.s_[::5])) for loss, fit in fits.items()
}
for loss, error in errors.items():
    print(f"{loss:15} misses the moving cars by {error:.2f} on average")
curves = LossCurveDisplay.from_estimators({"rate 2e-5": lesson, "auto": auto})
curves.ax_.set_xscale("log")
