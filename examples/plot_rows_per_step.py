"""
All rows, one row, or a few
===========================

The same data and the same optimizer, with steps that see one row, 32 rows, or all of them. Fewer rows a step make more steps
an epoch, and noisier ones.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_gd import GDClassifier, MiniBatch

X, y = load_breast_cancer(return_X_y=True)
solvers = {"one row": "sgd", "32 rows": MiniBatch(32), "all rows": "batch"}
figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
for name, solver in solvers.items():
    model = GDClassifier(solver=solver, optimizer="gd", learning_rate=0.1, max_iter=30, tol=None, random_state=0)
    fitted = make_pipeline(StandardScaler(), model).fit(X, y)[-1]
    print(f"{name:9} {fitted.t_:6d} steps in {fitted.n_iter_} epochs, objective {fitted.loss_curve_[-1]:.4f}")
    axis.plot(np.arange(1, 31), fitted.loss_curve_, label=f"a step sees {name}")
axis.set(yscale="log", xlabel="epoch", ylabel="objective F", title="Breast cancer, log loss, rate 0.1")
axis.grid(alpha=0.3)
axis.legend()
