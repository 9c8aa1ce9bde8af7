r"""
Maximum likelihood of a mixture
===============================

The likelihood of a mixture of two normal distributions has no closed-form maximum. The
negative log likelihood is a function of five parameters, and `gradient_descent`
minimises any function.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from sklearn_gd import gradient_descent

# %%
# Five unconstrained parameters
# -----------------------------
# The parameters are two means, two standard deviations and a share. The standard
# deviations are written as :math:`e^{a}` and the share as :math:`1/(1+e^{-b})`, so that
# every parameter vector is a density. The function returns its value and its gradient.
# By the chain rule, each sample contributes to a component in proportion to its
# *responsibility*, the probability that it comes from this component.
rng = np.random.default_rng(0)
rows = np.concatenate([rng.normal(-2.0, 0.6, size=150), rng.normal(1.5, 1.2, size=350)])


def parts(x):
    """Means, deviations and shares."""
    share = expit(x[4])
    return x[:2], np.exp(x[2:4]), np.array([share, 1 - share])


def minus_log_likelihood(x):
    mean, deviation, share = parts(x)
    z = (rows[:, None] - mean) / deviation
    logs = np.log(share) - 0.5 * z**2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)
    total = logsumexp(logs, axis=1)
    responsibility = np.exp(logs - total[:, None])
    gradient = np.concatenate(
        [
            -(responsibility * z / deviation).mean(axis=0),
            -(responsibility * (z**2 - 1)).mean(axis=0),
            [-(responsibility[:, 0] - share[0]).mean()],
        ]
    )
    return -total.mean(), gradient


# %%
# Minimise
# --------
# The same minimum is found with the automatic learning rate, with Adam, and with
# SciPy's BFGS.
start = np.array([-1.0, 1.0, 0.0, 0.0, 0.0])
found = {
    "auto": minimize(minus_log_likelihood, start, jac=True, method=gradient_descent),
    "adam": gradient_descent(
        minus_log_likelihood,
        start,
        jac=True,
        optimizer="adam",
        learning_rate=0.05,
        maxiter=2000,
        gtol=1e-4,
        return_all=True,
    ),
    "BFGS": minimize(minus_log_likelihood, start, jac=True, method="BFGS"),
}
for name, result in found.items():
    mean, deviation, share = parts(result.x)
    print(
        f"{name:5} {result.nit:4d} steps: means {mean.round(3)}, deviations "
        f"{deviation.round(3)}, "
        f"first share {share[0]:.3f}, value {result.fun:.6f}"
    )

# %%
# The true parameters are means -2 and 1.5, standard deviations 0.6 and 1.2, and a share
# of 0.3.
figure, axis = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
axis.hist(rows, bins=40, density=True, color="0.8")
line = np.linspace(-5, 6, 300)
for step in (0, 5, 20, len(found["adam"].allvecs) - 1):
    mean, deviation, share = parts(found["adam"].allvecs[step])
    density = (
        share
        * np.exp(-0.5 * ((line[:, None] - mean) / deviation) ** 2)
        / deviation
        / np.sqrt(2 * np.pi)
    ).sum(axis=1)
    axis.plot(line, density, label=f"Adam, step {step}")
axis.set(xlabel="x", ylabel="density")
axis.legend(fontsize="small")
