r"""
One ReLU neuron by hand
=======================

A single ReLU neuron learns three samples one after another. The calculation fits on a
page, and the estimator reproduces it to the last digit.

The neuron, :math:`\max(0, w \cdot x)`, is a custom loss that maps the raw score to the
output.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gd import GDRegressor, RegressionLoss


class NeuronError(RegressionLoss):
    """Half the squared error of max(0, raw).

    The gradient passes if raw >= 0, up to the rounding of a sum that is zero.
    """

    @staticmethod
    def value(y, raw):
        return 0.5 * (max(raw, 0.0) - y) ** 2

    @staticmethod
    def gradient(y, raw):
        return max(raw, 0.0) - y if raw >= -1e-12 else 0.0

    def inverse_link(self, raw):
        """The prediction: the output of the neuron."""
        return np.maximum(raw, 0.0)


X = np.array([[100.0, 2000.0, 100.0], [200.0, 0.0, 0.0], [0.0, 2000.0, 3000.0]])
y = np.array([0.0, 1.0, 1.0])
start = np.array([1 / 200, -3000 / 11600000, 1 / 5800])

# %%
# Initial outputs
# ---------------
# The outputs are 0, 1 and 0: the first two samples are correct, the third is not.
before = np.maximum(X @ start, 0.0)
print("outputs before:", np.abs(before).round(6))

# %%
# One epoch
# ---------
# The samples are used one at a time, in order, at a learning rate of :math:`10^{-7}`.
# Sample 1: output 0, target 0, so the weights do not change. Sample 2: output 1, target
# 1, so the weights do not change. Sample 3: output 0, target 1; the score is 0, where
# the gradient still passes: it is :math:`(0 - 1) x`, and the weights change by
# :math:`10^{-7} \cdot (0, 2000, 3000) = (0, 0.0002, 0.0003)`.
model = GDRegressor(
    loss=NeuronError(),
    penalty=None,
    fit_intercept=False,
    solver="sgd",
    optimizer="gd",
    learning_rate=1e-7,
    shuffle=False,
    max_iter=1,
    tol=None,
)
model.fit(X, y, coef_init=start)
moved = model.coef_ - start
print("weights moved by", moved.round(12))

# %%
# Outputs after one epoch
# -----------------------
# The third output has overshot its target, to 1.3, and the first has increased to 0.43,
# because the samples share their second and third features.
after = model.predict(X)
losses = [
    NeuronError.value(target, raw)
    for target, raw in zip(y, X @ model.coef_, strict=True)
]
print("outputs after: ", after.round(6))
print("losses:        ", np.round(losses, 3))

# %%
# The outputs converge in further epochs.
trained = model.set_params(max_iter=500).fit(X, y, coef_init=start)
final = trained.predict(X)
print("outputs after 500 epochs:", final.round(3))

# %%
# The plot shows the outputs after each epoch. The third sample increases the output of
# the first, whose own error decreases it again.
epochs = np.arange(60)
outputs = [
    before,
    *(
        model.set_params(max_iter=int(n)).fit(X, y, coef_init=start).predict(X)
        for n in epochs[1:]
    ),
]
_, ax = plt.subplots(layout="constrained")
for row, (of_row, target) in enumerate(
    zip(np.transpose(outputs), y, strict=True), start=1
):
    (line,) = ax.plot(
        epochs,
        of_row,
        label=f"sample {row}, target {target:.0f}",
        linestyle=["-", "--", "-."][row - 1],
    )
ax.set(xlabel="epoch", ylabel="output of the neuron")
ax.grid(alpha=0.3)
ax.legend()
plt.show()
