"""
Gradient descent in seven steps
===============================

This example implements what `fit` does at an explicit learning rate in plain Python,
with the loss's own `value` and `gradient` and the optimizer's own `update`. The result
is the same, bit for bit.

(The inputs are powers of two: products with them are exact, so fused multiply-add
instructions do not change the rounding.)
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gd import GDRegressor, LossCurveDisplay
from sklearn_gd.losses import LogCosh
from sklearn_gd.optimizers import Momentum

x, y = [0.5, -1.0, 2.0, 4.0], [1.0, -0.5, 2.5, 4.0]
rate, beta, n = 0.2, 0.5, 4

# %%
# 1. **Initialise** coefficient, intercept, and the momentum of each at zero.
w = b = w_velocity = b_velocity = 0.0
curve = []

# %%
# The other six steps form a loop.
for step in range(1, 1000):
    # 2. Predict: the score of every sample.
    raw = [x[i] * w + b for i in range(n)]
    # 3. Loss: it does not affect the steps, but determines when to stop.
    curve.append(sum(LogCosh.value(y[i], raw[i]) for i in range(n)) / n)
    # 7. Stop when five steps have decreased the loss by less than a millionth.
    if step > 5 and curve[-6] - curve[-1] <= 1e-6:
        break
    # 4. Gradient: the mean derivative of the loss; for the coefficient, times x.
    w_gradient = b_gradient = 0.0
    for i in range(n):
        slope = LogCosh.gradient(y[i], raw[i]) / n
        w_gradient += slope * x[i]
        b_gradient += slope
    # 5. Step: the optimizer's update, for each parameter.
    w, _, w_velocity = Momentum.update(w, w_gradient, rate, step, w_velocity, beta)
    b, _, b_velocity = Momentum.update(b, b_gradient, rate, step, b_velocity, beta)
    # 6. Repeat.
steps = step - 1
print(
    f"by hand: w = {w!r}, b = {b!r}, loss {curve[0]:.4f} before, {curve[-1]:.6f} "
    f"after {steps} steps"
)

# %%
# The estimator, with the same components.
model = GDRegressor(
    loss="log_cosh",
    penalty=None,
    solver="batch",
    optimizer=Momentum(beta),
    learning_rate=rate,
    max_iter=steps,
    tol=None,
).fit(np.array(x)[:, None], y)
print(
    f"by fit:  w = {model.coef_[0].item()!r}, b = {model.intercept_[0].item()!r}, "
    f"loss {model.loss_curve_[-1]:.6f}"
)
same = bool(model.coef_[0] == w and model.intercept_[0] == b)
print("the same bits:", same)

# %%
# The plot shows both loss curves. Step 0 is the initial model, which `loss_curve_` does
# not include.
display = LossCurveDisplay.from_estimator(model, name="fit")
display.ax_.plot(range(len(curve)), curve, "x", color="0.5", label="by hand")
display.ax_.set(xlabel="step")
display.ax_.legend()
plt.show()
