"""Tensors of torch instead of arrays."""

import numpy as np
import pytest

from sklearn_gd import GDClassifier, GDRegressor

torch = pytest.importorskip("torch", reason="torch comes with the extra `integrations`")

RNG = np.random.default_rng(0)
X = np.round(RNG.normal(size=(80, 3)), 2)
SCORE = np.round(X @ [1.0, -2.0, 0.5], 2)
LABELS = np.digitize(SCORE, [-1.0, 1.0])
WEIGHT = RNG.uniform(0.5, 1.5, size=80)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.int64], ids=str)
def test_the_model_is_that_of_the_array(dtype):
    """Fit with weights, validation and early stopping; partial_fit; predictions are arrays."""
    rows = torch.tensor(10.0 * X).to(dtype)
    array, y, labels = rows.numpy(), torch.tensor(SCORE), torch.tensor(LABELS)
    one = GDRegressor().fit(rows, y, sample_weight=torch.tensor(WEIGHT), X_val=rows, y_val=y)
    other = GDRegressor().fit(array, SCORE, sample_weight=WEIGHT, X_val=array, y_val=SCORE)
    np.testing.assert_array_equal(one.coef_, other.coef_)
    assert isinstance(one.predict(rows), np.ndarray)
    assert one.score(rows, y) == other.score(array, SCORE)
    one = GDClassifier(early_stopping=True, random_state=0).fit(rows, labels).partial_fit(rows, labels)
    other = GDClassifier(early_stopping=True, random_state=0).fit(array, LABELS).partial_fit(array, LABELS)
    np.testing.assert_array_equal(one.coef_, other.coef_)
    np.testing.assert_array_equal(one.predict_proba(rows), other.predict_proba(array))


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_tensors_that_are_no_arrays_are_refused():
    """The messages of torch say what to call first; the estimator is not fitted. torch also notes that CSR is in beta."""
    rows, y = torch.tensor(X), torch.tensor(SCORE)
    model = GDRegressor()
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        model.fit(rows.clone().requires_grad_(), y)
    with pytest.raises(TypeError, match="BFloat16"):
        model.fit(rows.to(torch.bfloat16), y)
    with pytest.raises(TypeError, match="to_dense"):
        model.fit(rows.to_sparse_csr(), y)
    assert not hasattr(model, "coef_")
