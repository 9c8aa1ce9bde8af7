"""Labels as targets, and new classes in a stream: scores, probabilities and the state of the optimizer."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_digits, load_wine
from sklearn.preprocessing import StandardScaler

from sklearn_gd import GDClassifier
from sklearn_gd._classes import ClassCoder, Growth, Targets
from sklearn_gd.losses import LogLoss
from sklearn_gd.optimizers import OPTIMIZERS, DoG, DoWG, resolve_optimizer

X, Y = StandardScaler().fit_transform(load_wine().data), np.array(["b", "d", "f"])[load_wine().target]
WAYS = {
    "auto": {},
    "gd": {"solver": "sgd", "optimizer": "gd", "learning_rate": 0.01},
    "adam": {"solver": "minibatch", "optimizer": "adam", "learning_rate": 0.01},
    "average": {"solver": "sgd", "optimizer": "momentum", "learning_rate": 0.001, "average": 5},
}
LAYOUTS = {"dense": np.asarray, "csr": sp.csr_array}


def softmax(raw):
    e = np.exp(raw - raw.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# --- labels as targets ---------------------------------------------------------------------------------------------------


def encoded(labels, coder=None, weight=None, class_weight=None):
    """The targets of some labels."""
    labels = np.asarray(labels)
    weight = np.ones(len(labels)) if weight is None else np.asarray(weight, dtype=float)
    return (ClassCoder() if coder is None else coder).encode(labels, weight, class_weight, LogLoss())


def test_two_classes_are_minus_and_plus_one():
    targets = encoded(["no", "yes", "yes"], weight=[1, 2, 3])
    np.testing.assert_array_equal(targets.y, [[-1.0], [1.0], [1.0]])
    assert (targets.n_outputs, targets.one_vs_rest, targets.classes.tolist()) == (1, False, ["no", "yes"])
    assert targets.coder.totals.tolist() == [1.0, 5.0]
    np.testing.assert_array_equal(targets.strata, targets.y[:, 0])


def test_more_classes_are_indices():
    targets = encoded([7, 3, 5, 7])
    np.testing.assert_array_equal(targets.y, [[2.0], [0.0], [1.0], [2.0]])
    assert (targets.n_outputs, targets.one_vs_rest, targets.classes.tolist()) == (3, True, [3, 5, 7])


def test_a_coder_goes_on_from_call_to_call_and_never_changes():
    first = encoded([5, 3], weight=[1, 2]).coder
    second = encoded([4, 5], first, weight=[10, 20]).coder
    assert (first.classes.tolist(), first.totals.tolist()) == ([3, 5], [2.0, 1.0])
    assert (second.classes.tolist(), second.totals.tolist()) == ([3, 4, 5], [2.0, 10.0, 21.0])


def test_a_sample_of_weight_zero_brings_no_class():
    targets = encoded([1, 2, 3], weight=[1, 0, 1])
    assert targets.classes.tolist() == [1, 3]
    assert targets.coder.totals.tolist() == [1.0, 1.0]


def test_the_classes_of_samples_of_weight_zero_count_if_only_one_class_is_left():
    targets = encoded([1, 2, 1], ClassCoder(fewest=2), weight=[1, 0, 3])
    assert targets.classes.tolist() == [1, 2]
    assert targets.coder.totals.tolist() == [4.0, 0.0]
    with pytest.raises(ValueError, match="y has only one class, 1; a classifier needs at least two classes"):
        encoded([1, 1], ClassCoder(fewest=2), weight=[1, 0])


def test_named_classes_admit_no_other():
    coder = ClassCoder().naming(["c", "a"])
    assert encoded(["c"], coder).y.tolist() == [[1.0]]
    with pytest.raises(ValueError, match=r"label 'b', which is not among the classes \['a', 'c'\]"):
        encoded(["c", "b"], coder)
    with pytest.raises(ValueError, match="is not the same as on the last call to partial_fit"):
        coder.naming(["a", "b"])


def test_validation_samples_have_the_classes_but_not_the_totals():
    training = encoded(["a", "b", "b"])
    coder = training.coder.for_validation()
    targets = encoded(["b", "b"], coder)
    assert targets.classes.tolist() == ["a", "b"]
    assert targets.coder.totals.tolist() == [0.0, 2.0]
    with pytest.raises(ValueError, match="not among the classes"):
        encoded(["z"], coder)


def test_class_weights_multiply_sample_weights():
    weight = encoded(["a", "b", "b"], weight=[1, 2, 3], class_weight={"a": 10.0}).weight
    np.testing.assert_array_equal(weight, [10.0, 2.0, 3.0])
    balanced = encoded(["a", "b", "b"], weight=[1, 2, 3], class_weight="balanced").weight
    np.testing.assert_allclose([balanced[0], balanced[1:].sum()], 3.0)


def test_balanced_weights_go_by_all_that_a_stream_has_brought():
    coder = encoded(["a", "a", "a"]).coder
    np.testing.assert_allclose(encoded(["b"], coder, class_weight="balanced").weight, [2.0])


def test_targets_of_some_samples():
    targets = Targets(np.arange(4.0)[:, None], np.arange(4.0), 1)
    some = targets.rows(np.array([3, 1]))
    assert some.y[:, 0].tolist() == some.weight.tolist() == [3.0, 1.0]
    assert targets.classes is None
    np.testing.assert_array_equal(targets.strata, np.zeros(4))


# --- growth --------------------------------------------------------------------------------------------------------------


def test_no_new_class_is_no_growth():
    assert Growth.between(np.array([1, 3]), np.array([1, 3]), softmax=True, n_seen=9) is None


@pytest.mark.parametrize("new", ["a", "c", "e"])
def test_two_classes_become_three_with_the_same_odds(new):
    """One score s becomes -s/2 and s/2 of a softmax; the probability of the new class is one in the number of samples."""
    before, now = np.array(["b", "d"]), np.unique(["b", "d", new])
    growth = Growth.between(before, now, softmax=True, n_seen=99)
    raw = np.array([0.7])
    scores = growth.intercepts(raw)
    probability = softmax(scores[None])[0]
    known = probability[np.searchsorted(now, before)]
    assert known[1] / known.sum() == pytest.approx(1.0 / (1.0 + np.exp(-0.7)), rel=1e-12)
    assert probability[growth.is_new] == pytest.approx(1.0 / 101.0, rel=1e-12)


def test_more_classes_keep_their_scores():
    growth = Growth.between(np.array([1, 3, 5]), np.array([0, 1, 3, 4, 5]), softmax=True, n_seen=9)
    coef = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(growth.coefficients(coef), [[0, 0], [0, 1], [2, 3], [0, 0], [4, 5]])
    probability = softmax(growth.intercepts(np.array([0.0, 1.0, -1.0]))[None])[0]
    np.testing.assert_allclose(probability[[0, 3]], 1.0 / 12.0, rtol=1e-12)


def test_one_against_the_rest_sets_a_new_class_outside():
    growth = Growth.between(np.array([0, 1]), np.array([0, 1, 2]), softmax=False, n_seen=9)
    np.testing.assert_array_equal(growth.coefficients(np.array([[2.0]])), [[-2.0], [2.0], [0.0]])
    assert growth.intercepts(np.array([0.5]))[2] == -1.5


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("loss", ["log_loss", "hinge", "multiclass_hinge"])
def test_a_stream_that_names_no_classes_learns_them_all(loss, way, layout):
    """Single samples, sorted by class, then mixed: the final model is as good as that of a stream with named classes."""
    rng = np.random.default_rng(0)
    calls = [[i] for i in np.argsort(Y, kind="stable")[::20]] + [rng.permutation(len(Y)) for _ in range(4)]
    model, named = (GDClassifier(loss, **WAYS[way]) for _ in range(2))
    seen = set()
    for rows in calls:
        model = pickle.loads(pickle.dumps(model.partial_fit(LAYOUTS[layout](X[rows]), Y[rows])))
        named.partial_fit(LAYOUTS[layout](X[rows]), Y[rows], classes=["b", "d", "f"])
        if Y[rows[0]] not in seen:
            seen.add(Y[rows[0]])
            assert model.classes_.tolist() == sorted(seen)
            assert set(model.predict(X)) <= seen
            assert np.isfinite(model.decision_function(X)).all()
            if loss == "log_loss":
                np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert model.coef_.shape == (3, X.shape[1])
    assert model.score(X, Y) >= named.score(X, Y) - 0.03


@pytest.mark.parametrize("way", ["auto", "gd", "average"])
def test_the_odds_of_known_classes_do_not_jump(way):
    """A call with tiny weights adds a class, and hardly changes the probabilities of the others."""
    known = Y != "f"
    model = GDClassifier(**WAYS[way])
    for _ in range(5):
        model.partial_fit(X[known], Y[known])
    before = model.predict_proba(X)
    model.partial_fit(X[~known][:1], Y[~known][:1], sample_weight=[1e-9])
    after = model.predict_proba(X)
    np.testing.assert_allclose(after[:, :2] / after[:, :2].sum(axis=1, keepdims=True), before, atol=1e-3)
    assert 1e-5 < after[:, 2].mean() < 0.1


CENTRES = np.array([[2.0, 0.0], [0.0, 2.0], [-2.0, -2.0], [3.0, 3.0]])
ADAPTIVE = ("adam", "adamw", "nadam", "lion", "rmsprop", "momentum", "nesterov")


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, DoG(averaged=False), DoWG(averaged=False)], ids=str)
@pytest.mark.parametrize("average", [False, 3])
def test_a_new_class_leaves_the_others_as_they_are(optimizer, n_classes, average):
    """Its first sample is one among a thousand: an optimizer restarts from the model that has predicted so far."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_classes, 3000)
    X = CENTRES[y] + rng.normal(size=(3000, 2))
    rate = resolve_optimizer(optimizer).default_rate or (0.005 if optimizer in ADAPTIVE else 0.05)
    model = GDClassifier(solver="sgd", optimizer=optimizer, learning_rate=rate, average=average)
    model.partial_fit(X[:1000], y[:1000])
    steps, accuracy = model.t_, model.score(X[1000:], y[1000:])
    model.partial_fit(CENTRES[n_classes : n_classes + 1], [n_classes])
    assert model.t_ == steps + 1
    assert model.score(X[1000:], y[1000:]) > accuracy - 0.02
    assert model.predict_proba(X[1000:])[:, n_classes].mean() < 0.02


def test_the_first_step_after_a_new_class_is_that_of_a_new_optimizer():
    """Adam's bias correction begins again with its means: the first step has the length of the rate."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    model = GDClassifier(solver="sgd", optimizer="adam", learning_rate=1e-4, fit_intercept=False, alpha=0.0)
    model.partial_fit(X, X[:, 0] > 0)
    half = model.coef_[0] / 2
    model.partial_fit(X[:1], [2])
    np.testing.assert_allclose(np.abs(model.coef_ - [-half, half, 0 * half]), 1e-4, rtol=1e-3)


def test_a_fitted_model_grows_too():
    X_digits, y_digits = load_digits(return_X_y=True)
    few = y_digits < 7
    model = GDClassifier().fit(X_digits[few][:600], y_digits[few][:600])
    for start in range(0, len(X_digits), 100):
        model.partial_fit(X_digits[start : start + 100], y_digits[start : start + 100])
    assert model.classes_.tolist() == list(range(10))
    assert model.score(X_digits, y_digits) > 0.9


def test_balanced_weights_count_new_classes():
    model = GDClassifier(class_weight="balanced")
    for label in ("b", "d", "f"):
        model.partial_fit(X[label == Y][:7], Y[label == Y][:7])
    assert model._class_coder.totals.tolist() == [7.0, 7.0, 7.0]


def test_named_classes_do_not_grow():
    model = GDClassifier().partial_fit(X[Y != "f"], Y[Y != "f"], classes=["b", "d"])
    before = pickle.dumps(vars(model))
    with pytest.raises(ValueError, match=r"label 'f', which is not among the classes \['b', 'd'\]"):
        model.partial_fit(X, Y)
    assert pickle.dumps(vars(model)) == before


def test_one_class_must_not_be_named_alone():
    with pytest.raises(ValueError, match="must contain at least two classes"):
        GDClassifier().partial_fit(X, Y, classes=["b"])


@pytest.mark.parametrize(("first", "later"), [([0, 1], ["spam", "ham"]), (["ham", "spam"], [0, 1]), ([0.0, 1.0], ["0.0", "1.0"])])
@pytest.mark.parametrize("named", [False, True])
def test_text_and_numbers_are_no_labels_of_one_stream(first, later, named):
    """NumPy would convert both to text, and no number could be predicted."""
    model = GDClassifier().partial_fit(X[:2], first, classes=first if named else None)
    classes, coef = model.classes_.copy(), model.coef_.copy()
    with pytest.raises(ValueError, match=r"labels must be all strings or all numbers"):
        model.partial_fit(X[:2], later)
    np.testing.assert_array_equal(model.classes_, classes)
    np.testing.assert_array_equal(model.coef_, coef)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_labels_of_bytes_are_refused(method):
    with pytest.raises(TypeError, match="y has labels of bytes"):
        getattr(GDClassifier(), method)(X, Y.astype("S1"))
