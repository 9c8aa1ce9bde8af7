"""ONNX: the results of onnxruntime equal those of the estimators, to float32."""

import warnings

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_gd import ClassificationLoss, GDClassifier, GDRegressor, RegressionLoss
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx comes with the extra `integrations`")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime comes with the extra `integrations`")

import sklearn_gd.onnx  # noqa: E402  after the packages that it needs

RNG = np.random.default_rng(0)
# A feature with a large offset: in single precision its product with a coefficient loses the digits that matter.
X = (RNG.normal(size=(200, 4)) * [1.0, 0.1, 10.0, 1.0] + [0.0, 3.0, 0.0, 2000.0]).astype(np.float32)
SCORE = (X - X.mean(axis=0)) @ [1.0, -5.0, 0.1, 0.5] + 0.3 * RNG.normal(size=200)
TARGETS = {
    "two": (SCORE > 0).astype(int),
    "two strings": np.where(SCORE > 0, "yes", "no"),
    "booleans": SCORE > 0,
    "three": np.digitize(SCORE, [-0.7, 0.7]) + 5,
    "five strings": np.array(list("edcba"))[np.digitize(SCORE, [-1.5, -0.5, 0.5, 1.5])],
}
SINGLE = {"rtol": 1e-6, "atol": 1e-7}


def fitted(model, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.set_params(max_iter=60).fit(X, y)


def run(model, rows, **options):
    """The results of onnxruntime for the converted model."""
    if options or hasattr(model, "classes_"):
        options = {id(model): options | ({"zipmap": False} if hasattr(model, "classes_") else {})}
    graph = skl2onnx.to_onnx(model, rows[:1], options=options or None)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": rows})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_every_loss_of_the_regressor(loss, n_outputs, dtype):
    y = np.exp(0.3 * SCORE)
    model = fitted(GDRegressor(loss), y if n_outputs == 1 else np.column_stack([y, 2.0 * y + 1.0]))
    (answer,) = run(model, X.astype(dtype))
    assert answer.dtype == dtype
    np.testing.assert_allclose(answer, model.predict(X).reshape(len(X), n_outputs), **SINGLE)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("loss", CLASSIFICATION_LOSSES)
def test_every_loss_of_the_classifier(loss, target):
    model = fitted(GDClassifier(loss), TARGETS[target])
    label, columns = run(model, X)
    np.testing.assert_array_equal(label, model.predict(X))
    assert columns.dtype == np.float32
    raw = model.decision_function(X)
    raw = np.column_stack([-raw, raw]) if raw.ndim == 1 else raw
    expected = model.predict_proba(X) if hasattr(model, "predict_proba") else raw
    np.testing.assert_allclose(columns, expected, **SINGLE)
    np.testing.assert_allclose(run(model, X, raw_scores=True)[1], raw, **SINGLE)


def test_all_probabilities_at_zero_are_shared():
    """Modified Huber, with every class far on the wrong side."""
    model = fitted(GDClassifier("modified_huber"), TARGETS["three"])
    model.intercept_ = model.intercept_ - 1e4
    _, columns = run(model, X)
    np.testing.assert_allclose(columns, np.full((len(X), 3), 1.0 / 3.0), rtol=1e-6)
    np.testing.assert_allclose(columns, model.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize("target", ["two", "five strings"])
def test_in_a_pipeline(target):
    """After a scaler, whose converter computes in single precision; also with the dictionary of the default option."""
    pipe = make_pipeline(StandardScaler(), GDClassifier("exponential")).fit(X[:, :3], TARGETS[target])
    graph = skl2onnx.to_onnx(pipe, X[:1, :3])
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    label, columns = session.run(None, {"X": X[:, :3]})
    np.testing.assert_array_equal(label, pipe.predict(X[:, :3]))
    by_label = np.array([[row[each] for each in pipe.classes_] for row in columns])
    np.testing.assert_allclose(by_label, pipe.predict_proba(X[:, :3]), rtol=1e-4, atol=1e-5)
    regression = make_pipeline(StandardScaler(), GDRegressor("poisson")).fit(X[:, :3], np.exp(0.3 * SCORE))
    session = onnxruntime.InferenceSession(skl2onnx.to_onnx(regression, X[:1, :3]).SerializeToString())
    (answer,) = session.run(None, {"X": X[:, :3]})
    np.testing.assert_allclose(answer[:, 0], regression.predict(X[:, :3]), rtol=1e-4)


def test_integers_in():
    """Features of int64 are cast."""
    rows = np.rint(X).astype(np.int64)
    model = fitted(GDRegressor(), SCORE)
    np.testing.assert_allclose(run(model, rows)[0][:, 0], model.predict(rows.astype(np.float64)), **SINGLE)


def test_single_precision_on_request():
    """The graph has no tensor of doubles; for centred features the results are the same to float32."""
    model = GDClassifier().fit(X[:, :3], TARGETS["three"])
    graph = skl2onnx.to_onnx(model, X[:1, :3], options={id(model): {"double": False, "zipmap": False}})
    assert 11 not in {each.data_type for each in graph.graph.initializer}  # 11 is TensorProto.DOUBLE
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    np.testing.assert_allclose(session.run(None, {"X": X[:, :3]})[1], model.predict_proba(X[:, :3]), rtol=1e-3, atol=1e-5)


class Cauchy(RegressionLoss):
    """A custom loss without a link."""

    @staticmethod
    def value(y, raw):
        return np.log1p((y - raw) ** 2)


class SquareRoot(Cauchy):
    """A custom loss with a link that the converter does not know."""

    def inverse_link(self, raw):
        return raw * raw


class Savage(ClassificationLoss):
    """A custom loss without probabilities."""

    @staticmethod
    def value(y, raw):
        return 1.0 / (1.0 + np.exp(np.minimum(y * raw, 300.0))) ** 2


def test_a_loss_of_ones_own(monkeypatch):
    """A loss that inherits its link is converted; for another link an error names the loss until the graph is added."""
    model = fitted(GDRegressor(Cauchy()), SCORE)
    np.testing.assert_allclose(run(model, X)[0][:, 0], model.predict(X), **SINGLE)
    classifier = fitted(GDClassifier(Savage()), TARGETS["two"])
    np.testing.assert_array_equal(run(classifier, X)[0], classifier.predict(X))
    model = fitted(GDRegressor(SquareRoot()), SCORE)
    with pytest.raises(NotImplementedError, match=r"LINKS\[SquareRoot.inverse_link\]"):
        run(model, X)

    def square(graph, loss, raw, n_scores):
        return graph(sklearn_gd.onnx.OnnxMul, raw, raw)

    monkeypatch.setitem(sklearn_gd.onnx.LINKS, SquareRoot.inverse_link, square)
    np.testing.assert_allclose(run(model, X)[0][:, 0], model.predict(X), **SINGLE)


def test_labels_that_onnx_has_not():
    model = GDClassifier().partial_fit(X, np.where(SCORE > 0, 0.5, 1.5), classes=[0.5, 1.5])
    with pytest.raises(ValueError, match=r"classes_=\[0.5, 1.5\] must be strings or integers"):
        run(model, X)
    one = GDClassifier().partial_fit(X[:5], np.ones(5, dtype=int))
    with pytest.raises(ValueError, match="only one class"):
        run(one, X)
    assert run(fitted(GDClassifier(), np.where(SCORE > 0, 2.0, 3.0)), X)[0].dtype == np.int64
