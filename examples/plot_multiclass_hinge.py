r"""
Three classes, one margin
=========================

The multi-class hinge asks that a row's own class score a margin above every other, :math:`\sum_{j \ne y} \max(0, s_j - s_y + 1)`,
with an l2 penalty that keeps the scores from growing to satisfy it. Beside it softmax, and the hinge of each class against the
rest.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gd import GDClassifier
from sklearn_gd.losses import MulticlassHinge

# %%
# By hand
# -------
# Scores of one row, whose class is the first: the second class is 0.5 short of the margin, the third is clear of it.
scores = np.array([2.0, 1.5, -1.0])
value, slope = MulticlassHinge.multiclass_value(0, scores), np.empty(3)
MulticlassHinge.multiclass_gradient(0, scores, slope)
print(f"loss {value}, gradient {slope}")

# %%
# A spiral that no line can follow
# --------------------------------
# Three arms, a hundred rows each. A linear model gets about half of it right whatever its loss, and its borders are straight.
rng = np.random.default_rng(0)
arm, r = np.repeat(np.arange(3), 100), np.tile(np.linspace(0.05, 1, 100), 3)
angle = np.repeat([0.0, 4.0, 8.0], 100) + 4 * r + 0.2 * rng.normal(size=300)
X = np.column_stack([r * np.sin(angle), r * np.cos(angle)])
models = {loss: GDClassifier(loss, alpha=1e-3).fit(X, arm) for loss in ("multiclass_hinge", "log_loss", "hinge")}
accuracy = {loss: model.score(X, arm) for loss, model in models.items()}
for loss, share in accuracy.items():
    print(f"{loss:17} {share:.3f} of the rows right, F = {models[loss].loss_curve_[-1]:.4f}")

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained", sharey=True)
line = np.linspace(-1.2, 1.2, 150)
mesh = np.column_stack([each.ravel() for each in np.meshgrid(line, line)])
for axis, (loss, model) in zip(axes, models.items(), strict=True):
    axis.contourf(line, line, model.predict(mesh).reshape(150, 150), levels=[-0.5, 0.5, 1.5, 2.5], alpha=0.25, cmap="viridis")
    axis.scatter(X[:, 0], X[:, 1], c=arm, s=8, cmap="viridis")
    axis.set(title=loss, xlabel="x0", aspect="equal")
axes[0].set_ylabel("x1")

# %%
# What the penalty does
# ---------------------
# The stronger it is, the smaller the coefficients and the larger the loss.
norms = {}
for alpha in (1e-3, 1e-2, 1e-1):
    model = GDClassifier("multiclass_hinge", alpha=alpha).fit(X, arm)
    norms[alpha] = float(np.linalg.norm(model.coef_))
    print(f"alpha {alpha:<6} |W| = {norms[alpha]:.3f}, accuracy {model.score(X, arm):.3f}")
