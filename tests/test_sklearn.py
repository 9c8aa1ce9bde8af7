"""The differences between versions of scikit-learn: each test runs with all of them."""

import subprocess
import sys

import numpy as np
import pytest
from versions import SKLEARN, Version

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd._sklearn import HAS_CALLBACKS, has_callbacks

X = np.random.default_rng(0).normal(size=(60, 3))
Y = X @ [1.0, -2.0, 0.5]


def test_callbacks_are_there_where_scikit_learn_has_them():
    assert (Version("1.9") <= SKLEARN) == HAS_CALLBACKS
    for model in (GDRegressor(), GDClassifier()):
        assert hasattr(model, "set_callbacks") == HAS_CALLBACKS
        assert not has_callbacks(model)


def test_a_fit_without_callbacks_of_scikit_learn_is_the_same_fit():
    """A separate process simulates an older scikit-learn: the callback module is hidden before the package is imported."""
    code = """
import sys, warnings
import numpy as np
import sklearn.pipeline
sys.modules["sklearn.callback"] = None
from sklearn_gd import GDRegressor
X = np.random.default_rng(0).normal(size=(60, 3))
y = X @ [1.0, -2.0, 0.5]
assert not hasattr(GDRegressor, "set_callbacks")
print(GDRegressor(verbose=0).fit(X, y).coef_.tolist())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")  # a call from here must be what they name
    GDRegressor(max_iter=1).fit(X, y)
assert [each.filename for each in caught] == ["<string>"], [str(each) for each in caught]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(GDRegressor().fit(X, Y).coef_.tolist())


@pytest.mark.parametrize("model", [GDRegressor(max_iter=1), GDClassifier(max_iter=1)], ids=repr)
def test_a_warning_points_to_the_caller_of_fit(model):
    y = Y if isinstance(model, GDRegressor) else Y > 0
    with pytest.warns(match="did not converge") as caught:
        model.fit(X, y)
    assert [each.filename for each in caught] == [__file__]
