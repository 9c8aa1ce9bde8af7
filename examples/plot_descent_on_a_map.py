r"""
Gradient descent in two dimensions
==================================

This example plots gradient descent on the contours of functions of two variables: from
several initial points, with two minima, compared with random search, and with six
optimizers.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gd import DescentPathDisplay, gradient_descent


def bowl(x):
    return 6 * x[0] ** 2 + 9 * x[1] ** 2 - 12 * x[0] - 14 * x[1] + 3


def bowl_slope(x):
    return np.array([12 * x[0] - 12, 18 * x[1] - 14])


# %%
# Three initial points, one minimum
# ---------------------------------
# Both partial derivatives are zero at :math:`x = 12 / 12 = 1` and :math:`y = 14 / 18 =
# 7/9`. All paths end there.
starts = [[-1.0, 2.0], [2.5, 1.5], [0.0, -1.0]]
display = DescentPathDisplay.from_function(
    bowl, starts, jac=bowl_slope, learning_rate=0.03
)
ends = {name: path[-1] for name, path in display.paths.items()}
for name, end in ends.items():
    print(f"{name:16} to ({end[0]:.6f}, {end[1]:.6f})")
print(f"7/9 is {7 / 9:.6f}")


# %%
# Two minima
# ----------
# If a function has two minima, the initial point determines the result. These minima
# are near x = -1 and x = 1, and the left one is lower.
def valleys(x):
    return (x[0] ** 2 - 1) ** 2 + 0.3 * x[0] + x[1] ** 2


def valleys_slope(x):
    return np.array([4 * x[0] * (x[0] ** 2 - 1) + 0.3, 2 * x[1]])


two = DescentPathDisplay.from_function(
    valleys,
    [[-0.2, 1.0], [0.2, 1.0]],
    jac=valleys_slope,
    learning_rate=0.05,
    limits=[(-1.8, 1.8), (-0.8, 1.3)],
)
valley_ends = [path[-1] for path in two.paths.values()]
for (name, path), end in zip(two.paths.items(), valley_ends, strict=True):
    print(
        f"{name:16} to ({end[0]:.3f}, {end[1]:.3f}), where f is {valleys(path[-1]):.3f}"
    )

# %%
# Comparison with random search
# -----------------------------
# Random search evaluates points in the square from -3 to 3 and keeps the best. It needs
# no gradient. With as many evaluations as gradient descent, counting values and
# gradients, it is still far from the minimum.
found = gradient_descent(bowl, [-1.0, 2.0], jac=bowl_slope, learning_rate=0.05)
budget = found.nfev + found.njev
rng = np.random.default_rng(0)
lowest = 3 - 6 - 49 / 9
gaps = [
    min(bowl(x) for x in rng.uniform(-3, 3, size=(budget, 2))) - lowest
    for _ in range(100)
]
descent_gap, chance_gap = found.fun - lowest, float(np.median(gaps))
print(
    f"{budget} evaluations: descent is {descent_gap:.1e} above the minimum, random "
    f"search {chance_gap:.2f} (median of 100)"
)

# %%
# Six optimizers on one function
# -------------------------------
# The curvature of this function is forty times as large in one direction as in the
# other. Plain gradient descent reaches the bottom of the valley and then makes slow
# progress. Momentum accelerates along it and oscillates; Nesterov's variant oscillates
# less. RMSprop and AdaGrad have one learning rate per coordinate and move diagonally.
# Adam combines both.


def valley(x):
    return 0.5 * x[0] ** 2 + 20 * x[1] ** 2


def valley_slope(x):
    return np.array([x[0], 40 * x[1]])


rules = {
    "gd": 0.02,
    "momentum": 0.005,
    "nesterov": 0.005,
    "rmsprop": 0.05,
    "adagrad": 0.5,
    "adam": 0.2,
}
results = {
    f"{name}, {rate}": gradient_descent(
        valley,
        [-4.0, 0.8],
        jac=valley_slope,
        optimizer=name,
        learning_rate=rate,
        maxiter=60,
        return_all=True,
    )
    for name, rate in rules.items()
}
figure, axes = plt.subplots(
    3, 2, figsize=(7, 7.5), layout="constrained", sharex=True, sharey=True
)
for axis, (name, result) in zip(axes.ravel(), results.items(), strict=True):
    one = {
        "limits": [(-4.6, 1.5), (-1.2, 1.2)],
        "ax": axis,
        "plot_kw": {"legend": False, "levels": 10},
    }
    DescentPathDisplay.from_result(result, valley, **one)
    axis.set_title(
        f"{name.partition(',')[0]}, learning rate{name.partition(',')[2]}",
        fontsize="medium",
    )
    print(f"{name:16} f = {valley(result.allvecs[-1]):.2e} after {result.nit} steps")
plt.show()

# %%
# Animation
# ---------
# An animation of momentum and Adam as a GIF.
chosen = {name: results[name] for name in ("momentum, 0.005", "adam, 0.2")}
display = DescentPathDisplay.from_results(
    chosen, valley, limits=[(-4.6, 1.5), (-1.2, 1.2)]
)
plt.close()
file = display.save_animation("descent.gif", fps=8, dpi=70, max_frames=40)
plt.close()
print(file)
