r"""
Poisson regression with exposure
================================

This example models insurance claims of policies that were observed for different times
(exposures). The rate of a policy is its count divided by its exposure, and the exposure
is its sample weight, because longer observation is more informative. The Poisson loss
has a logarithmic link, so effects multiply.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_gd import GDRegressor

# %%
# Synthetic policies
# ------------------
# Young drivers have more claims, and so does region 2. The true rates are known.
rng = np.random.default_rng(0)
n = 5000
age, region, exposure = (
    rng.uniform(18, 80, n),
    rng.integers(0, 3, n),
    rng.uniform(0.1, 2.0, n),
)
rate = 0.2 * np.exp(-0.03 * (age - 40)) * np.array([1.0, 0.7, 1.6])[region]
claims = rng.poisson(rate * exposure)
X = np.column_stack([age, region])
print(
    f"{n} policies, {claims.sum()} claims, {exposure.sum():.0f} years; "
    f"{np.mean(claims == 0):.0%} without a claim"
)

# %%
# Fit the rate, weighted by exposure
# ----------------------------------
# Without sample weights, one claim in the single month of a policy would count as
# twelve claims per year, with the same weight as twelve claims in a full year.
columns = make_column_transformer(
    (StandardScaler(), [0]), (OneHotEncoder(drop="first"), [1])
)


def fitted(regressor, **fit_parameters):
    """Fit the yearly rate."""
    model = make_pipeline(columns, regressor)
    step = model.steps[-1][0]
    return model.fit(
        X,
        claims / exposure,
        **{f"{step}__{name}": value for name, value in fit_parameters.items()},
    )


weighted = fitted(
    GDRegressor(loss="poisson", alpha=0, tol=1e-8), sample_weight=exposure
)
reference = fitted(
    PoissonRegressor(alpha=0, tol=1e-8, max_iter=1000), sample_weight=exposure
)
difference = float(np.abs(weighted.predict(X) / reference.predict(X) - 1).max())
factors = np.exp(weighted[-1].coef_)
by_year = np.exp(weighted[-1].coef_[0] / age.std())
print(f"a year of age multiplies the rate by {by_year:.4f} (true {np.exp(-0.03):.4f})")
print(f"regions 1 and 2, against region 0: {factors[1:].round(2)} (true 0.7 and 1.6)")
print(
    f"largest relative difference from PoissonRegressor's predictions: {difference:.1e}"
)

# %%
# Calibration
# -----------
# With an intercept, the predicted number of claims over all exposures equals the
# observed number.
foreseen = float((weighted.predict(X) * exposure).sum())
print(f"{foreseen:.1f} claims predicted, {claims.sum()} observed")
deviance = mean_poisson_deviance(
    claims / exposure, weighted.predict(X), sample_weight=exposure
)
print(f"mean deviance {deviance:.4f}")

figure, axis = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
edges = np.linspace(18, 80, 9)
middle, group = (edges[1:] + edges[:-1]) / 2, np.digitize(age, edges[1:-1])
years = np.bincount(group, exposure)
axis.plot(middle, np.bincount(group, claims) / years, "o", label="observed")
axis.plot(
    middle,
    np.bincount(group, weighted.predict(X) * exposure) / years,
    label="predicted",
)
axis.plot(middle, np.bincount(group, rate * exposure) / years, "--", label="truth")
axis.set(xlabel="age", ylabel="observed", ylim=(0, None))
axis.grid(alpha=0.3)
axis.legend(fontsize="small")
