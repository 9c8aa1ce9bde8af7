r"""
Softmax regression on digits
============================

This example treats softmax regression as one layer of a neural network: logits, one-hot
targets, loss, forward pass, backward pass, step. It first computes one step in NumPy,
which equals the step of the estimator; then it trains the estimator and plots the
coefficients as images.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_gd import GDClassifier, LossCurveDisplay, MiniBatch
from sklearn_gd.schedules import CosineDecay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
print(f"{len(y_train)} training images of 8 x 8 pixels, {len(y_test)} test images")

# %%
# One step in NumPy
# -----------------
n, n_classes, rate = len(y_train), 10, 0.5
W, b = np.zeros((n_classes, X_train.shape[1])), np.zeros(n_classes)
one_hot = np.eye(n_classes)[y_train]

# Forward pass: logits, probabilities, loss.
# With zero coefficients every class has probability 0.1,
# and the loss is log(10) = 2.3026.
logits = X_train @ W.T + b
exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
loss = -np.log((probabilities * one_hot).sum(axis=1)).mean()

# Backward pass: the derivative of the loss with respect to the logits is probabilities
# minus one-hot targets; the chain rule gives the gradient of the coefficients.
logits_gradient = (probabilities - one_hot) / n
W_gradient, b_gradient = logits_gradient.T @ X_train, logits_gradient.sum(axis=0)

# Step.
W, b = W - rate * W_gradient, b - rate * b_gradient
print(f"loss before the first step {loss:.4f}")

model = GDClassifier(
    solver="batch",
    optimizer="gd",
    learning_rate=rate,
    penalty=None,
    max_iter=1,
    tol=None,
).fit(X_train, y_train)
difference = max(abs(model.coef_ - W).max(), abs(model.intercept_ - b).max())
print(f"largest difference from the estimator's first step: {difference:.0e}")

# %%
# Training
# --------
trained = GDClassifier(
    optimizer="adam",
    learning_rate=0.01,
    max_iter=100,
    early_stopping=True,
    random_state=0,
).fit(X_train, y_train)
accuracy = trained.score(X_test, y_test)
print(
    f"test accuracy {accuracy:.3f} after {trained.n_iter_} epochs of mini-batches; "
    f"best epoch {trained.best_iter_}"
)
LossCurveDisplay.from_estimator(trained)


# %%
# Coefficients
# ------------
# A row of `coef_` has one coefficient per pixel. Red pixels increase the score of the
# class, blue pixels decrease it.
def draw_coefficients(model, names):
    """One image per class."""
    side = int(model.n_features_in_**0.5)
    _, axes = plt.subplots(2, 5, figsize=(7, 3), layout="constrained")
    largest = np.quantile(abs(model.coef_), 0.999)
    for coefficients, name, axis in zip(model.coef_, names, axes.ravel(), strict=True):
        axis.imshow(
            coefficients.reshape(side, side), cmap="RdBu_r", vmin=-largest, vmax=largest
        )
        axis.set(title=name, xticks=[], yticks=[])
    plt.show()


draw_coefficients(trained, [str(label) for label in trained.classes_])

# %%
# Fashion-MNIST
# -------------
# The same model on Fashion-MNIST, 60,000 images of 28 x 28 pixels, if a folder
# ``shared/data`` next to the repository contains the data.
places = [Path(up, "shared", "data", "fashion_mnist.npz") for up in ("..", "../..")]
file = next((place for place in places if place.exists()), None)
if file is None:
    print("skipped: shared/data/fashion_mnist.npz does not exist")
else:
    with np.load(file) as data:
        F_train, F_test = (
            data[name].astype(np.float32) / 255 for name in ("X_train", "X_test")
        )
        f_train, f_test = data["y_train"], data["y_test"]
    clothes = GDClassifier(
        solver=MiniBatch(64),
        optimizer="adam",
        learning_rate=CosineDecay(0.003),
        max_iter=10,
        tol=None,
    )
    clothes.set_params(random_state=0).fit(F_train, f_train)
    print(
        f"test accuracy {clothes.score(F_test, f_test):.3f} after {clothes.n_iter_} "
        "epochs"
    )
    words = [
        "T-shirt",
        "trousers",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "boot",
    ]
    draw_coefficients(clothes, words)
