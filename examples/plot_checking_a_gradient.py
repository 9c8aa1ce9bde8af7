r"""
Check the gradient of a loss
============================

If the gradient of a loss does not match its value, gradient descent ends at a wrong
model without raising an error. `check_loss` compares the two. In this example it finds
a mistake.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gd import GDRegressor, RegressionLoss, check_loss


class Cauchy(RegressionLoss):
    """log(1 + r^2), which grows slowly with the residual r."""

    @staticmethod
    def value(y, raw):
        return np.log1p((raw - y) ** 2)

    @staticmethod
    def gradient(y, raw):
        return 2 * (raw - y) / (1 + (raw - y) ** 2)


class Mistaken(Cauchy):
    """The same value; the factor 2 of the inner derivative is missing."""

    @staticmethod
    def gradient(y, raw):
        return (raw - y) / (1 + (raw - y) ** 2)


# %%
# Compare with numeric derivatives
# --------------------------------
# `check_loss` compares the gradient with finite differences of the value, over a range
# of targets and scores.
difference = check_loss(Cauchy())
print(f"Cauchy: largest relative difference {difference:.1e}")
try:
    check_loss(Mistaken())
except AssertionError as error:
    complaint = str(error)
print(f"Mistaken: {complaint}")

# %%
# The step of a finite difference
# -------------------------------
# The error of the central difference :math:`(f(z+h) - f(z-h)) / 2h` comes from higher
# derivatives for large h, and from rounding for small h. In between it is accurate to
# ten digits.
steps = 10.0 ** np.arange(-13, 0.5, 0.25)
exact = Cauchy.gradient(0.0, 0.7)
errors = [
    abs((Cauchy.value(0.0, 0.7 + h) - Cauchy.value(0.0, 0.7 - h)) / (2 * h) - exact)
    for h in steps
]
best = float(steps[int(np.argmin(errors))])
print(f"smallest error {min(errors):.0e}, with h = {best:.0e}")
figure, axis = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
axis.loglog(steps, errors)
axis.set(xlabel="h", ylabel="error of the central difference")
axis.grid(alpha=0.3)

# %%
# A loss without a gradient
# -------------------------
# If the gradient is missing, it is computed numerically. This is slower, but it always
# matches the value.


class ValueAlone(RegressionLoss):
    """The same loss without a gradient."""

    @staticmethod
    def value(y, raw):
        return np.log1p((raw - y) ** 2)


rng = np.random.default_rng(0)
X = rng.normal(size=(100, 2))
y = X @ [1.0, 2.0] + rng.standard_cauchy(100) * 0.1
with_gradient, without = (
    GDRegressor(loss=loss, tol=1e-8).fit(X, y).coef_
    for loss in (Cauchy(), ValueAlone())
)
print(
    "coefficients with a gradient",
    with_gradient.round(4),
    "and without",
    without.round(4),
)
