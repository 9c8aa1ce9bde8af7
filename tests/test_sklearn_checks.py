"""scikit-learn's own checks of an estimator: two expected failures, for stochastic solvers."""

import pytest
from packaging.version import Version
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data as on_dense
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_sparse_data as on_sparse
from sklearn.utils.estimator_checks import parametrize_with_checks
from versions import SKLEARN

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES

DETERMINISTIC = [
    GDRegressor(),
    GDClassifier(),
    *[GDRegressor(loss=name, solver="batch") for name in REGRESSION_LOSSES],
    *[GDClassifier(loss=name, solver="batch") for name in CLASSIFICATION_LOSSES],
]
SPARSE = [
    kind(loss=name, penalty=penalty)
    for kind, registry in ((GDRegressor, REGRESSION_LOSSES), (GDClassifier, CLASSIFICATION_LOSSES))
    for name in registry
    for penalty in ("l1", "elasticnet")
    if name != "perceptron"  # its minimum is 0, so no relative tolerance ends the descent early
]
STOCHASTIC = [
    GDRegressor(solver="sgd", max_iter=20, tol=None),
    GDClassifier(solver="sgd", max_iter=20, tol=None),
    GDRegressor(solver=MiniBatch(8), optimizer="adam", learning_rate=0.1, max_iter=20, tol=None),
    GDClassifier(solver=MiniBatch(8), optimizer="adam", learning_rate=0.1, max_iter=20, tol=None),
]
WEIGHTS = (
    "a weight of two makes one step twice as long, a row that stands there twice makes two steps: the same optimum, by "
    "another path of random order"
)


# An expected failure that passes is an error, if scikit-learn has this option.
STRICT = {"xfail_strict": True} if Version("1.8") <= SKLEARN else {}


@pytest.fixture(autouse=True)
def dispatch(monkeypatch):
    """The environment without which scikit-learn skips the checks of arrays of other libraries."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


def skip_without_device(check):
    """Skip a check on a CUDA device if there is none; scikit-learn's test of that raises for float32."""
    if "cuda" in str(getattr(check, "keywords", "")):
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")


@parametrize_with_checks(DETERMINISTIC)
def test_batch_descent_passes_every_check(estimator, check):
    skip_without_device(check)
    check(estimator)


@pytest.mark.parametrize("estimator", SPARSE, ids=repr)
@pytest.mark.parametrize("check", [on_dense, on_sparse])
def test_a_weight_of_two_is_the_sample_twice(estimator, check):
    check(type(estimator).__name__, estimator)


def stochastic_failures(estimator):
    """The two checks that require the same path, not only the same optimum."""
    return {f"check_sample_weight_equivalence_on_{kind}_data": WEIGHTS for kind in ("dense", "sparse")}


@parametrize_with_checks(STOCHASTIC, expected_failed_checks=stochastic_failures, **STRICT)
def test_stochastic_descent_passes_all_others(estimator, check):
    skip_without_device(check)
    check(estimator)
