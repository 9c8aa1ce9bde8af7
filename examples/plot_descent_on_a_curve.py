r"""
Gradient descent in one dimension
=================================

This example runs gradient descent on functions of one variable, step by step. It shows
the effect of the learning rate, and how divergence is reported.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

from sklearn_gd import DescentPathDisplay, gradient_descent


def f(x):
    return 6 * x[0] ** 2 - 12 * x[0] + 3


def slope(x):
    return 12 * x - 12


# %%
# One step by hand
# ----------------
# At :math:`x = -0.9` the derivative of :math:`6x^2 - 12x + 3` is :math:`12 \cdot
# (-0.9) - 12 = -22.8`. A learning rate of 0.03 moves x by :math:`0.03 \cdot 22.8 = 0.684`, to
# -0.216. An explicit learning rate is exactly this update.
start = np.array([-0.9])
good = gradient_descent(f, start, jac=slope, learning_rate=0.03, return_all=True)
print(
    f"slope at the start {slope(start)[0]:.1f}, first step to {good.allvecs[1][0]:.3f}"
)
print(f"x = {good.x[0]:.6f} after {good.nit} steps: {good.message}")

# %%
# Three learning rates
# --------------------
# The second derivative is 12, so a step multiplies the distance to the minimum by
# :math:`1 - 12 \eta`: by 0.64 for a rate of 0.03. For a rate of 0.15 the factor is
# -0.8: every step overshoots, but the distance decreases. For 0.18 it is -1.16: the
# distance increases. The result reports the divergence instead of returning a
# meaningless number.
over = gradient_descent(f, start, jac=slope, learning_rate=0.15, return_all=True)
wild = gradient_descent(f, start, jac=slope, learning_rate=0.18, return_all=True)
print(f"rate 0.15: {over.nit} steps, x = {over.x[0]:.6f}")
print(f"rate 0.18: success={wild.success}. {wild.message}")

figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained", sharey=True)
for axis, (name, result) in zip(
    axes, {"0.03": good, "0.15": over, "0.18": wild}.items(), strict=True
):
    result.allvecs = result.allvecs[:8]
    DescentPathDisplay.from_result(
        result, f, limits=[(-2.5, 4.5)], ax=axis, plot_kw={"legend": False}
    )
    axis.set_title(f"learning rate {name}")

# %%
# The function x^2
# ----------------
# On :math:`x^2` from -1.5 the derivative is -3, and with a rate of 0.1 every step
# reduces x by a fifth.
square = gradient_descent(
    lambda x: x[0] ** 2, -1.5, jac=lambda x: 2 * x, learning_rate=0.1, return_all=True
)
print("x^2 from -1.5:", *(f"{x[0]:.4f}" for x in square.allvecs[:6]), "...")
DescentPathDisplay.from_result(
    square, lambda x: x[0] ** 2, limits=[(-2, 2)], name="rate 0.1"
)

# %%
# As a method of SciPy
# --------------------
# `gradient_descent` is a `method` of `scipy.optimize.minimize`. Without a gradient
# SciPy uses finite differences, and without a learning rate each step determines its
# own step size.
found = minimize(f, start, method=gradient_descent)
print(
    f"without a gradient and a learning rate: x = {found.x[0]:.6f}, {found.nit} "
    f"steps, {found.nfev} evaluations"
)
