r"""
Multi-class hinge loss
======================

The multi-class hinge loss requires the score of a sample's class to exceed every other
score by a margin. The example compares it with softmax and with the one-vs-rest hinge
loss.

The loss of a sample is :math:`\sum_{j \ne y} \max(0, s_j - s_y + 1)`. An l2 penalty
keeps the coefficients small.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gd import GDClassifier
from sklearn_gd.losses import MulticlassHinge

# %%
# The loss of one sample by hand
# ------------------------------
# The sample belongs to the first class. The score of the second class violates the
# margin by 0.5, that of the third does not.
scores = np.array([2.0, 1.5, -1.0])
value, slope = MulticlassHinge.multiclass_value(0, scores), np.empty(3)
MulticlassHinge.multiclass_gradient(0, scores, slope)
print(f"loss {value}, gradient {slope}")

# %%
# A spiral that is not linearly separable
# ---------------------------------------
# The data have three arms with a hundred samples each. Any linear model classifies
# about half of them correctly, and its decision boundaries are straight.
rng = np.random.default_rng(0)
arm, r = np.repeat(np.arange(3), 100), np.tile(np.linspace(0.05, 1, 100), 3)
angle = np.repeat([0.0, 4.0, 8.0], 100) + 4 * r + 0.2 * rng.normal(size=300)
X = np.column_stack([r * np.sin(angle), r * np.cos(angle)])
models = {
    loss: GDClassifier(loss, alpha=1e-3).fit(X, arm)
    for loss in ("multiclass_hinge", "log_loss", "hinge")
}
accuracy = {loss: model.score(X, arm) for loss, model in models.items()}
for loss, share in accuracy.items():
    print(f"{loss:17} accuracy {share:.3f}, F = {models[loss].loss_curve_[-1]:.4f}")

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained", sharey=True)
line = np.linspace(-1.2, 1.2, 150)
mesh = np.column_stack([each.ravel() for each in np.meshgrid(line, line)])
for axis, (loss, model) in zip(axes, models.items(), strict=True):
    axis.contourf(
        line,
        line,
        model.predict(mesh).reshape(150, 150),
        levels=[-0.5, 0.5, 1.5, 2.5],
        alpha=0.25,
        cmap="viridis",
    )
    axis.scatter(X[:, 0], X[:, 1], c=arm, s=8, cmap="viridis")
    axis.set(title=loss, xlabel="x0", aspect="equal")
axes[0].set_ylabel("x1")

# %%
# Effect of the penalty
# ---------------------
# A stronger penalty gives smaller coefficients and a larger loss.
norms = {}
for alpha in (1e-3, 1e-2, 1e-1):
    model = GDClassifier("multiclass_hinge", alpha=alpha).fit(X, arm)
    norms[alpha] = float(np.linalg.norm(model.coef_))
    print(
        f"alpha {alpha:<6} |W| = {norms[alpha]:.3f}, accuracy {model.score(X, arm):.3f}"
    )
