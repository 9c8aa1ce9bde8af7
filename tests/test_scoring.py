"""The score of validation samples: the loss, or a scorer of scikit-learn; early stopping by the score."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, get_scorer, make_scorer, mean_pinball_loss
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_gd import GDClassifier, GDRegressor, MiniBatch
from sklearn_gd.losses import Quantile

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4))
Y = X @ [1.0, -1.0, 0.5, 0.0] + rng.standard_exponential(300)
LABELS = np.array(["no", "yes"])[(Y > 1.0).astype(int)]
TRAIN, HELD = slice(0, 200), slice(200, 300)
WEIGHT = rng.uniform(0.5, 2.0, 300)


def held(weight=None):
    """The validation samples, as arguments of `fit`."""
    given = {} if weight is None else {"sample_weight_val": weight[HELD]}
    return {"X_val": X[HELD], "y_val": Y[HELD], **given}


def held_labels(weight=None):
    """The validation samples with labels."""
    return held(weight) | {"y_val": LABELS[HELD]}


# --- the loss ------------------------------------------------------------------------------------------------------------


def test_by_default_it_is_minus_the_weighted_loss():
    """The score is minus the mean of the minimised loss, without the penalty."""
    model = GDRegressor(Quantile(0.8), alpha=0.1).fit(X[TRAIN], Y[TRAIN], **held(WEIGHT))
    loss = mean_pinball_loss(Y[HELD], model.predict(X[HELD]), sample_weight=WEIGHT[HELD], alpha=0.8)
    assert max(model.validation_scores_) == pytest.approx(-loss)
    assert model.best_iter_ == np.argmax(model.validation_scores_) + 1


@pytest.mark.parametrize("stop", ["early stopping", "X_val"])
def test_a_quantile_is_covered_where_mini_batches_stop_early(stop):
    """R^2 would select a model of the mean, with a third of the targets above the 0.95 quantile."""
    rng = np.random.default_rng(1)
    A = rng.normal(size=(6000, 5))
    b = A @ [1.0, 2.0, 0.0, -1.0, 0.5] + rng.standard_exponential(6000)
    model = GDRegressor(Quantile(0.95), solver=MiniBatch(32), optimizer="adam", learning_rate=0.01, random_state=0)
    if stop == "X_val":
        model.fit(A[:2700], b[:2700], X_val=A[2700:3000], y_val=b[2700:3000])
    else:
        model.set_params(early_stopping=True).fit(A[:3000], b[:3000])
    assert (b[3000:] <= model.predict(A[3000:])).mean() == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("unit", [1e-6, 1e5])
def test_the_tolerance_has_no_unit(unit):
    """With targets in other units the fit stops at the same epoch."""
    one, other = (GDRegressor(alpha=0.0, early_stopping=True, random_state=0).fit(X, by * Y) for by in (1.0, unit))
    assert other.n_iter_ == one.n_iter_
    np.testing.assert_allclose(other.coef_, unit * one.coef_, rtol=1e-6)
    np.testing.assert_allclose(other.validation_scores_, unit**2 * np.array(one.validation_scores_), rtol=1e-6)


def test_a_single_validation_sample_has_a_loss():
    model = GDRegressor().fit(X, Y, X_val=X[:1], y_val=Y[:1])
    assert max(model.validation_scores_) == pytest.approx(-0.5 * (Y[0] - model.predict(X[:1])[0]) ** 2)


def test_validation_samples_of_one_class():
    model = GDClassifier().fit(X, LABELS, X_val=X[LABELS == "no"], y_val=LABELS[LABELS == "no"])
    expected = np.log(model.predict_proba(X[LABELS == "no"])[:, 0]).mean()
    assert max(model.validation_scores_) == pytest.approx(expected)


@pytest.mark.parametrize("scoring", ["loss", "r2", None])
@pytest.mark.parametrize("far", ["all", "some"])
def test_a_loss_without_end_on_the_validation_samples(far, scoring):
    """Large scores with a log link: if no epoch has a finite score, a warning names the parameters."""
    counts = rng.poisson(np.exp(0.5 * X[:, 0])) + 0.0
    A = X.copy()
    A[250, 0] = 1e4 if far == "all" else 700.0
    model = GDRegressor("poisson", solver="sgd", learning_rate=0.01, scoring=scoring, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(A[TRAIN], counts[TRAIN], X_val=A[HELD], y_val=counts[HELD])
    assert not [each for each in caught if issubclass(each.category, RuntimeWarning)]
    assert np.isfinite(model.coef_).all()
    if far == "all":
        (warning,) = [each for each in caught if issubclass(each.category, ConvergenceWarning)]
        assert "X_val and y_val" in str(warning.message)
        assert model.loss_curve_[-1] < model.loss_curve_[0]
    else:
        assert max(model.validation_scores_) > -1e300


# --- scorers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", "r2", make_scorer(mean_pinball_loss, greater_is_better=False)])
def test_a_scorer_of_a_regression(scoring, weight):
    """A scorer by name or as an object, with the weights."""
    model = GDRegressor("huber", scoring=scoring).fit(X[TRAIN], Y[TRAIN], **held(weight))
    weights = {} if weight is None else {"sample_weight": weight[HELD]}
    score = get_scorer(scoring) if isinstance(scoring, str) else scoring
    assert max(model.validation_scores_) == pytest.approx(score(model, X[HELD], Y[HELD], **weights))


@pytest.mark.parametrize("scoring", ["accuracy", "f1_weighted", "roc_auc", "neg_log_loss", None])
@pytest.mark.parametrize("rows", [np.array, sp.csr_array])
def test_a_scorer_of_a_classifier(scoring, rows):
    """The scorer receives the labels of the user, and predict_proba if needed."""
    settings = {"solver": "sgd", "learning_rate": 0.01, "random_state": 0, "scoring": scoring}
    model = GDClassifier(**settings).fit(rows(X[TRAIN]), LABELS[TRAIN], **held_labels() | {"X_val": rows(X[HELD])})
    score = (lambda model, *given: model.score(*given)) if scoring is None else get_scorer(scoring)
    assert max(model.validation_scores_) == pytest.approx(score(model, X[HELD], LABELS[HELD]))
    early = clone(model).set_params(early_stopping=True).fit(rows(X), LABELS)
    assert early.best_iter_ == np.argmax(early.validation_scores_) + 1


def test_a_callable_and_the_names_of_columns():
    """A function of estimator, X and y; the feature names of a data frame cause no warning."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GDClassifier(scoring=lambda model, X, y: accuracy_score(y, model.predict(X)), early_stopping=True, random_state=0)
        model.fit(frame, LABELS)
    assert 0.6 < max(model.validation_scores_) <= 1.0
    assert list(model.feature_names_in_) == list("abcd")


def test_a_score_that_is_no_number_counts_as_the_lowest():
    """For example a correlation of equal predictions; if all are NaN, a warning is given and the last model is kept."""
    answers = iter([np.nan, np.nan, 0.5, np.nan, 0.25, 0.25, 0.25, 0.25, 0.25])
    model = GDRegressor(scoring=lambda *_: next(answers), solver="sgd", learning_rate=0.01, random_state=0)
    model.fit(X[TRAIN], Y[TRAIN], **held())
    assert model.best_iter_ == 2
    model = GDRegressor(scoring=lambda *_: np.nan, solver="sgd", learning_rate=0.01, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"scoring=<function.*X_val and y_val"):
        model.fit(X[TRAIN], Y[TRAIN], **held())
    assert model.best_iter_ == model.n_iter_


def test_weights_reach_a_scorer_only_where_they_differ():
    """So a function of three arguments works unless there are weights; then the error names the parameter."""

    def scorer(model, X, y):
        return accuracy_score(y, model.predict(X))

    GDClassifier(scoring=scorer).fit(X[TRAIN], LABELS[TRAIN], **held_labels(np.full(300, 2.0)))
    with pytest.raises(ValueError, match=r"scoring=<function .*with sample_weight"):
        GDClassifier(scoring=scorer).fit(X[TRAIN], LABELS[TRAIN], **held_labels(WEIGHT))


@pytest.mark.parametrize(
    ("scoring", "error", "message"),
    [
        ("acuracy", ValueError, r"scoring='acuracy' is not known; it must be 'loss', None, a callable.*'accuracy'"),
        (3, TypeError, r"scoring=3 must be 'loss', None, the name of a scorer, or a callable"),
        (["r2"], TypeError, r"scoring=\['r2'\] must be 'loss'"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_unknown_scoring_is_refused_before_the_data_are_looked_at(scoring, error, message, method):
    with pytest.raises(error, match=message):
        getattr(GDRegressor(scoring=scoring), method)(np.full((3, 2), np.nan), [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("scoring", "loss", "message"),
    [
        ("neg_log_loss", "hinge", r"scoring='neg_log_loss' cannot score the validation samples.*predict_proba"),
        ("neg_mean_gamma_deviance", "hinge", r"scoring='neg_mean_gamma_deviance' cannot score the validation samples"),
        (accuracy_score, "hinge", r"scoring=<function accuracy_score.*make_scorer"),
        (lambda *_: "good", "hinge", r"scoring=<function .* returned 'good'; a scorer must return one number"),
    ],
)
def test_a_scorer_that_does_not_fit_is_refused_before_the_descent(scoring, loss, message):
    """The estimator does not change."""
    model = GDClassifier(loss, scoring=scoring)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X[TRAIN], LABELS[TRAIN], **held_labels())
    assert not hasattr(model, "n_features_in_")


def test_in_a_grid_search_and_after_pickling():
    """`scoring` can be tuned and pickled like any other parameter."""
    A, b = load_iris(return_X_y=True)
    grid = {"scoring": ["loss", "accuracy", None]}
    search = GridSearchCV(GDClassifier(early_stopping=True, random_state=0), grid, cv=3).fit(A, b)
    assert search.best_score_ > 0.85
    again = pickle.loads(pickle.dumps(GDClassifier(scoring="roc_auc")))
    assert repr(again) == "GDClassifier(scoring='roc_auc')"


def test_a_model_that_was_pickled_before_there_was_this_parameter():
    """It is validated by its `score`, as before."""
    model = GDRegressor(early_stopping=True, random_state=0)
    del model.scoring
    assert model.get_params()["scoring"] is None
    assert max(clone(model).fit(X, Y).validation_scores_) > 0.0


# The split selects samples: a sample of weight 2 is held out as a whole.
UNEQUAL = {
    f"check_sample_weight_equivalence_on_{kind}_data": "a row of weight 2 is not split between training and validation"
    for kind in ("dense", "sparse")
}


@parametrize_with_checks(
    [
        GDClassifier(early_stopping=True, scoring=None, max_iter=100),
        GDRegressor(early_stopping=True, scoring="neg_mean_absolute_error", max_iter=100),
    ],
    expected_failed_checks=lambda _: UNEQUAL,
)
def test_the_checks_of_scikit_learn(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)
