"""The estimators in scikit-learn's tools, on its data sets."""

import logging
import pickle
import threading
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud, load_wine
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingRegressor, VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFE, SelectFromModel, SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_info

from sklearn_gd import SGD, Batch, GDClassifier, GDRegressor, MiniBatch
from sklearn_gd.losses import Hinge, Huber, LogLoss, Poisson, Quantile, SquaredError, SquaredHinge
from sklearn_gd.objective._threads import available_threads
from sklearn_gd.optimizers import Adam, GradientDescent, Momentum
from sklearn_gd.penalties import L1, L2, ElasticNet
from sklearn_gd.schedules import Constant, CosineDecay, InvScaling, WarmUp

DIABETES = load_diabetes(return_X_y=True, scaled=False)
CANCER = load_breast_cancer(return_X_y=True)
WINE = load_wine(return_X_y=True)
IRIS = load_iris(return_X_y=True)

pytestmark = pytest.mark.filterwarnings("error::sklearn.exceptions.FitFailedWarning")


def adam(**parameters):
    """A stochastic classifier that converges in a few epochs."""
    parts = {"solver": MiniBatch(32), "optimizer": Adam(), "learning_rate": Constant(0.02), "max_iter": 15, "tol": None}
    return GDClassifier(**parts | {"random_state": 0} | parameters)


# --- pipelines -----------------------------------------------------------------------------------------------------------


def test_pipelines():
    """Scaled features; the optimum equals that of scikit-learn's model in the same pipeline."""
    X, y = WINE
    ours = make_pipeline(StandardScaler(), GDClassifier(alpha=1e-2, tol=1e-12)).fit(X, y)
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=1.0 / (1e-2 * len(y)), tol=1e-10, max_iter=10_000)).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), reference.predict_proba(X), atol=1e-4)
    np.testing.assert_array_equal(ours.predict(X), reference.predict(X))
    assert cross_val_score(make_pipeline(StandardScaler(), adam()), X, y).mean() > 0.95


def test_a_column_transformer_and_pandas():
    """Scaled numbers and one-hot encoded words (a sparse matrix); feature names are kept."""
    frame, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    frame = frame.assign(sex=frame["sex"].map({1.0: "a", 2.0: "b"}), age=pd.cut(frame["age"], 5).astype(str))
    numbers = (StandardScaler(), make_column_selector(dtype_include="number"))
    words = (OneHotEncoder(), ["sex", "age"])
    for threshold in (0.0, 1.0):
        columns = ColumnTransformer([("numbers", *numbers), ("words", *words)], sparse_threshold=threshold)
        pipe = make_pipeline(columns, GDRegressor(penalty="l2", alpha=1e-2, tol=1e-12)).fit(frame, y)
        reference = make_pipeline(clone(columns), Ridge(alpha=1e-2 * len(y), tol=1e-12)).fit(frame, y)
        np.testing.assert_allclose(pipe.predict(frame), reference.predict(frame), rtol=1e-4)
    dense = clone(pipe).set_params(columntransformer__words__sparse_output=False).set_output(transform="pandas").fit(frame, y)
    assert list(dense[-1].feature_names_in_) == list(dense[0].get_feature_names_out())
    np.testing.assert_allclose(dense.predict(frame), pipe.predict(frame), rtol=1e-4)


def test_a_transformed_target():
    """The model is fitted to the logarithm of y."""
    X, y = DIABETES
    model = TransformedTargetRegressor(GDRegressor(), func=np.log, inverse_func=np.exp).fit(X, y)
    assert model.score(X, y) > 0.4


def test_output_in_a_pipeline_of_functions():
    """Feature names are kept if the steps keep them."""
    frame, y = load_wine(return_X_y=True, as_frame=True)
    pipe = make_pipeline(StandardScaler(), FunctionTransformer(), GDClassifier()).set_output(transform="pandas").fit(frame, y)
    assert list(pipe[-1].feature_names_in_) == list(frame.columns)


def test_tags():
    """scikit-learn recognises classifier and regressor."""
    assert is_regressor(GDRegressor())
    assert is_classifier(GDClassifier())


# --- searches ------------------------------------------------------------------------------------------------------------

REGRESSION_GRID = {
    "loss__delta": [20.0, 100.0],
    "solver__batch_size": [16, 64],
    "optimizer__beta_1": [0.5, 0.9],
    "learning_rate__eta0": [0.1, 1.0],
}


def searched_regressor():
    """A regressor whose components are all objects with parameters."""
    parts = {"loss": Huber(), "solver": MiniBatch(), "optimizer": Adam(), "learning_rate": Constant()}
    return make_pipeline(StandardScaler(), GDRegressor(**parts, max_iter=8, tol=None, random_state=0))


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
def test_searches_over_the_parameters_of_parts(search):
    """Double underscores name parameters of components; the best estimator has the best ones, the given objects do not change."""
    X, y = DIABETES
    model = searched_regressor()
    before = pickle.dumps(model)
    grid = {f"gdregressor__{name}": values for name, values in REGRESSION_GRID.items()}
    more = {"random_state": 0} if search is HalvingGridSearchCV else {}
    found = search(model, grid, cv=2, error_score="raise", **more).fit(X, y)
    assert found.best_estimator_.get_params()["gdregressor__learning_rate__eta0"] == 1.0
    assert all(found.best_estimator_.get_params()[name] == value for name, value in found.best_params_.items())
    assert found.best_estimator_.score(X, y) > 0.3
    assert pickle.dumps(model) == before


def test_a_search_over_whole_objects():
    """Components are values of a grid, like strings, numbers and parameters of the components that they replace."""
    X, y = CANCER
    model = make_pipeline(StandardScaler(), GDClassifier(max_iter=10, tol=None, random_state=0))
    grid = [
        {"gdclassifier__loss": ["log_loss", Hinge(), SquaredHinge()], "gdclassifier__penalty": [L1(), L2(), None, "elasticnet"]},
        {
            "gdclassifier__solver": [SGD(), MiniBatch(16)],
            "gdclassifier__optimizer": [GradientDescent(), Momentum(0.5)],
            "gdclassifier__learning_rate": [0.01, "invscaling", CosineDecay(0.05), WarmUp(InvScaling(0.1), warmup_steps=20)],
        },
        {
            "gdclassifier__penalty": [ElasticNet()],
            "gdclassifier__penalty__l1_ratio": [0.1, 0.9],
            "gdclassifier__alpha": [1e-3, 1e-2],
        },
    ]
    found = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert len(found.cv_results_["params"]) == 12 + 16 + 4
    assert found.best_score_ > 0.95
    assert (found.cv_results_["mean_test_score"] > 0.85).all()


def test_a_randomized_search_and_curves():
    """Random draws, validation curves and learning curves (these call partial_fit)."""
    X, y = load_iris(return_X_y=True)
    found = RandomizedSearchCV(
        GDClassifier(), {"alpha": np.logspace(-6, 0, 50)}, n_iter=4, cv=3, random_state=0, error_score="raise"
    )
    assert found.fit(X, y).best_score_ > 0.9
    train, _ = validation_curve(GDClassifier(), X, y, param_name="alpha", param_range=[1e-4, 10.0], cv=3)
    assert train[0].mean() > train[1].mean()
    scaled = StandardScaler().fit_transform(WINE[0])
    _, _, held = learning_curve(
        adam(learning_rate=0.1), scaled, WINE[1], cv=3, exploit_incremental_learning=True, shuffle=True, random_state=0
    )
    assert held[-1].mean() > 0.85


def test_get_and_set_params():
    """All parameters of all components are listed, and clone copies components without sharing them."""
    model = GDRegressor(Quantile(0.2), solver=MiniBatch(8), optimizer=Adam(beta_1=0.5), learning_rate=WarmUp(Constant(0.3)))
    parameters = model.get_params()
    assert parameters["loss__quantile"] == 0.2
    assert parameters["solver__batch_size"] == 8
    assert parameters["optimizer__beta_1"] == 0.5
    assert parameters["learning_rate__schedule__eta0"] == 0.3
    other = clone(model).set_params(loss__quantile=0.9, learning_rate__schedule__eta0=1.0)
    assert (model.loss.quantile, model.learning_rate.schedule.eta0) == (0.2, 0.3)
    assert (other.loss.quantile, other.learning_rate.schedule.eta0) == (0.9, 1.0)
    with pytest.raises(ValueError, match="Invalid parameter 'delta'"):
        model.set_params(loss__delta=1.0)
    assert model.set_params(loss=Huber(), loss__delta=3.0).loss.delta == 3.0
    assert eval(repr(other), {**globals()}).get_params()["optimizer__beta_1"] == 0.5


@pytest.mark.parametrize(
    ("model", "name", "held"),
    [
        (GDRegressor(optimizer="adam"), "optimizer__beta_1", "optimizer='adam'"),
        (GDClassifier(), "penalty__standardize", "penalty='auto'"),
        (GDRegressor(learning_rate=0.1), "learning_rate__eta0", "learning_rate=0.1"),
        (WarmUp(0.3), "schedule__eta0", "schedule=0.3"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_string_or_a_number_has_no_parameters_to_set(model, name, held):
    """The error says what to pass instead, and no parameter is set."""
    with pytest.raises(ValueError, match=rf"{name}=0.5: {held} .* pass an object"):
        model.set_params(**{name: 0.5, "verbose": 3} if hasattr(model, "verbose") else {name: 0.5})
    assert getattr(model, "verbose", 0) == 0


# --- meta-estimators -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("loss", ["hinge", "log_loss"])
def test_calibration(loss, method):
    """Margins are calibrated to probabilities."""
    X, y = CANCER
    X_train, X_test, y_train, y_test = train_test_split(StandardScaler().fit_transform(X), y, random_state=0)
    model = CalibratedClassifierCV(GDClassifier(loss, alpha=1e-2), method=method, cv=3).fit(X_train, y_train)
    probability = model.predict_proba(X_test)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    assert accuracy_score(y_test, probability[:, 1] > 0.5) > 0.93


@pytest.mark.parametrize("wrapper", [OneVsRestClassifier, OneVsOneClassifier, OutputCodeClassifier])
def test_classes_one_by_one(wrapper):
    """In a one-vs-rest wrapper squared hinge gives the same model as without; other wrappers work too."""
    X, y = StandardScaler().fit_transform(WINE[0]), WINE[1]
    model = GDClassifier("squared_hinge", alpha=1e-2, tol=1e-12)
    more = {"random_state": 0} if wrapper is OutputCodeClassifier else {}
    wrapped = wrapper(model, **more).fit(X, y)
    assert wrapped.score(X, y) > 0.95
    if wrapper is OneVsRestClassifier:
        coef = np.vstack([each.coef_ for each in wrapped.estimators_])
        np.testing.assert_allclose(coef, clone(model).fit(X, y).coef_, atol=1e-5)


def test_bagging_boosting_and_voting():
    """Weights reach the members; a bag scores like a single estimator."""
    X, y = StandardScaler().fit_transform(CANCER[0]), CANCER[1]
    assert BaggingClassifier(GDClassifier(alpha=1e-2), n_estimators=5, random_state=0).fit(X, y).score(X, y) > 0.97
    assert BaggingClassifier(adam(), n_estimators=3, max_features=0.5, random_state=0).fit(X, y).score(X, y) > 0.95
    assert AdaBoostClassifier(GDClassifier(alpha=1e-2), n_estimators=3, random_state=0).fit(X, y).score(X, y) > 0.97
    voters = [("ours", GDClassifier(alpha=1e-2)), ("adam", adam()), ("theirs", LogisticRegression())]
    assert VotingClassifier(voters, voting="soft").fit(X, y).score(X, y) > 0.97


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("loss", ["log_loss", "hinge", "modified_huber"])
def test_bootstrap_samples_without_a_rare_class(loss):
    """Bagging passes them as weights of zero; a model of one class predicts it everywhere."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 5)), np.where(np.arange(100) < 2, "rare", "usual")
    model = BaggingClassifier(GDClassifier(loss), n_estimators=20, random_state=0).fit(X, y)
    assert model.classes_.tolist() == ["rare", "usual"]
    assert any((each.predict(X) == 1).all() for each in model.estimators_)
    assert model.score(X, y) >= 0.95


def test_stacking():
    """Regressors with several losses, stacked by a regressor of this package."""
    X, y = StandardScaler().fit_transform(DIABETES[0]), DIABETES[1]
    members = [("mean", GDRegressor()), ("median", GDRegressor("absolute_error")), ("log", GDRegressor(Poisson()))]
    assert StackingRegressor(members, final_estimator=GDRegressor(), cv=3).fit(X, y).score(X, y) > 0.5


def test_selection_of_columns():
    """Selection by exact zeros, by magnitude, and sequentially."""
    rng = np.random.default_rng(0)
    X, y = StandardScaler().fit_transform(DIABETES[0]), DIABETES[1]
    noisy = np.hstack([X, rng.normal(size=(len(y), 5))])
    chosen = SelectFromModel(GDRegressor(penalty="l1", alpha=6.0)).fit(noisy, y)
    assert chosen.get_support()[:10].sum() >= 3
    assert not chosen.get_support()[10:].any()
    ranked = RFE(GDRegressor(), n_features_to_select=4).fit(noisy, y)
    assert ranked.get_support()[10:].sum() <= 1
    assert ranked.estimator_.coef_.shape == (4,)
    several = RFE(GDClassifier(), n_features_to_select=5).fit(StandardScaler().fit_transform(WINE[0]), WINE[1])
    assert several.estimator_.coef_.shape == (3, 5)
    one_by_one = SequentialFeatureSelector(GDRegressor(), n_features_to_select=2, cv=2).fit(X, y)
    assert one_by_one.get_support()[2]


def test_several_targets():
    """Several numbers directly; several labels separately or in a chain."""
    X, Y = load_linnerud(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    wrapped = MultiOutputRegressor(GDRegressor(tol=1e-12)).fit(X, Y)
    np.testing.assert_allclose(GDRegressor(tol=1e-12).fit(X, Y).predict(X), wrapped.predict(X), rtol=1e-4)
    rows, label = StandardScaler().fit_transform(WINE[0]), WINE[1]
    labels = np.column_stack([label, rows[:, 0] > 0])
    assert MultiOutputClassifier(GDClassifier()).fit(rows, labels).score(rows, labels) > 0.9
    streamed = MultiOutputClassifier(adam())
    for _ in range(30):
        streamed.partial_fit(rows, labels, classes=[[0, 1, 2], [0, 1]])
    assert streamed.score(rows, labels) > 0.9
    assert ClassifierChain(GDClassifier(), random_state=0).fit(rows, (labels > 0).astype(int)).score(rows, labels > 0) > 0.9


def test_importance_of_columns():
    """Shuffling a relevant feature lowers the score."""
    X, y = StandardScaler().fit_transform(DIABETES[0]), DIABETES[1]
    model = GDRegressor().fit(X, y)
    importance = permutation_importance(model, X, y, n_repeats=5, random_state=0).importances_mean
    assert set(np.argsort(importance)[-2:]) <= {2, 4, 5, 8}


def test_predictions_across_folds():
    """Probabilities and margins of held-out samples."""
    X, y = StandardScaler().fit_transform(CANCER[0]), CANCER[1]
    for method, shape in (("predict_proba", (len(y), 2)), ("decision_function", (len(y),)), ("predict_log_proba", (len(y), 2))):
        assert cross_val_predict(GDClassifier(), X, y, cv=3, method=method).shape == shape
    assert cross_val_score(GDClassifier(), X, y, scoring="roc_auc").mean() > 0.98


# --- metadata routing ----------------------------------------------------------------------------------------------------


@pytest.fixture
def routing():
    """Metadata routing, enabled for a test."""
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_weights_through_a_pipeline():
    """Requested weights are passed; a scaler that requests none gets none."""
    X, y = CANCER
    weight = np.random.default_rng(0).uniform(0.1, 2.0, len(y))
    model = GDClassifier(alpha=1e-2).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
    pipe.fit(X, y, sample_weight=weight)
    by_hand = GDClassifier(alpha=1e-2).fit(StandardScaler().fit_transform(X), y, sample_weight=weight)
    np.testing.assert_array_equal(pipe[-1].coef_, by_hand.coef_)
    assert pipe.score(X, y, sample_weight=weight) == by_hand.score(StandardScaler().fit_transform(X), y, weight)
    scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
    search = GridSearchCV(pipe, {"gdclassifier__alpha": [1e-2, 1e-1]}, scoring=scorer, cv=3)
    assert search.fit(X, y, sample_weight=weight).best_score_ > 0.9


@pytest.mark.usefixtures("routing")
def test_weights_that_nobody_asked_for():
    """scikit-learn raises an error."""
    X, y = CANCER
    with pytest.raises(ValueError, match="sample_weight"):
        GridSearchCV(GDClassifier(), {"alpha": [0.1]}).fit(X, y, sample_weight=np.ones(len(y)))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (GDRegressor(solver="sgd", scoring=None, random_state=0, max_iter=50), DIABETES),
        (
            GDClassifier(solver=MiniBatch(16), optimizer="adam", learning_rate=0.05, scoring=None, random_state=0, max_iter=50),
            WINE,
        ),
    ],
    ids=["regressor", "classifier"],
)
def test_validation_rows_through_a_pipeline(model, rows):
    """Validation samples are transformed like training samples, and select the model; weights of both are used."""
    X_train, X_val, y_train, y_val = train_test_split(*rows, random_state=0)
    rng = np.random.default_rng(0)
    weights = {"sample_weight": rng.uniform(0.1, 2.0, len(y_train)), "sample_weight_val": rng.uniform(0.1, 2.0, len(y_val))}
    asking = clone(model).set_fit_request(sample_weight=True, X_val=True, y_val=True, sample_weight_val=True)
    pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asking, transform_input=["X_val"])
    pipe.fit(X_train, y_train, X_val=X_val, y_val=y_val, **weights)
    scaled = StandardScaler().fit(X_train)
    by_hand = clone(model).fit(scaled.transform(X_train), y_train, X_val=scaled.transform(X_val), y_val=y_val, **weights)
    np.testing.assert_array_equal(pipe[-1].coef_, by_hand.coef_)
    assert pipe[-1].validation_scores_ == by_hand.validation_scores_
    assert max(by_hand.validation_scores_) == pytest.approx(pipe.score(X_val, y_val), abs=0.1)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize(("model", "rows", "scoring"), [(GDRegressor(), DIABETES, "r2"), (GDClassifier(), WINE, "accuracy")])
def test_weights_through_cross_validation(model, rows, scoring):
    """Each fold is fitted and scored with the weights of its samples, also with early stopping."""
    X, y = rows
    weight = np.random.default_rng(0).uniform(0.0, 2.0, len(y)).round(1)
    model = clone(model).set_params(early_stopping=True, random_state=0).set_fit_request(sample_weight=True)
    scorer = get_scorer(scoring).set_score_request(sample_weight=True)
    folds = KFold(3, shuffle=True, random_state=0)
    found = cross_validate(
        model, X, y, cv=folds, scoring=scorer, params={"sample_weight": weight}, return_estimator=True, error_score="raise"
    )
    for (train, test), fitted, score in zip(folds.split(X), found["estimator"], found["test_score"]):
        by_hand = clone(model).fit(X[train], y[train], sample_weight=weight[train])
        np.testing.assert_array_equal(fitted.coef_, by_hand.coef_)
        assert score == by_hand.score(X[test], y[test], sample_weight=weight[test])
    search = GridSearchCV(model, {"alpha": [1e-3, 1e-1]}, scoring=scorer, cv=folds).fit(X, y, sample_weight=weight)
    by_hand = clone(model).set_params(**search.best_params_).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(search.best_estimator_.coef_, by_hand.coef_)


@pytest.mark.usefixtures("routing")
def test_requests_name_every_argument():
    """All arguments of fit, partial_fit and score can be requested."""
    request = GDClassifier().get_metadata_routing().fit.requests
    assert set(request) == {"sample_weight", "coef_init", "intercept_init", "X_val", "y_val", "sample_weight_val"}
    assert set(GDClassifier().get_metadata_routing().partial_fit.requests) == {"classes", "sample_weight"}
    assert set(GDRegressor().get_metadata_routing().partial_fit.requests) == {"sample_weight"}


# --- processes, threads, streams -----------------------------------------------------------------------------------------

PARALLEL = [
    GDClassifier(),
    GDClassifier("hinge", penalty="l1", alpha=1e-2),
    GDClassifier(solver="sgd", optimizer="gd", learning_rate=0.01, max_iter=5, tol=None, random_state=0),
    adam(),
    GDClassifier(solver=Batch(), optimizer=Momentum(), learning_rate=0.05, max_iter=20, tol=None),
]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_jobs_in_processes_and_in_threads(backend):
    """Two parallel jobs give the same scores as sequential ones, for all components."""
    X, y = StandardScaler().fit_transform(WINE[0]), WINE[1]
    grid = [{"loss": [model.loss], "solver": [model.solver], "optimizer": [model.optimizer]} for model in PARALLEL]
    base = GDClassifier(learning_rate=0.02, max_iter=5, tol=None, random_state=0)
    alone = GridSearchCV(base, grid, cv=2, error_score="raise", n_jobs=1).fit(X, y)
    with joblib.parallel_backend(backend, n_jobs=2):
        together = GridSearchCV(base, grid, cv=2, error_score="raise", n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(alone.cv_results_["mean_test_score"], together.cv_results_["mean_test_score"])


def test_many_threads_at_once():
    """Repeated fits with different components in threads equal sequential fits."""
    X, y = StandardScaler().fit_transform(CANCER[0]), CANCER[1]
    alone = [clone(model).fit(X, y).coef_ for model in PARALLEL]
    jobs = [(k, model) for _ in range(4) for k, model in enumerate(PARALLEL)]
    fitted = joblib.Parallel(n_jobs=4, backend="threading")(joblib.delayed(clone(model).fit)(X, y) for _, model in jobs)
    for (k, _), model in zip(jobs, fitted):
        # The number of threads of BLAS, which a fit sets for the process, changes the last bits.
        np.testing.assert_allclose(model.coef_, alone[k], rtol=1e-9, atol=1e-13)


def threads_of_blas():
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


def test_fits_in_threads_leave_the_process_as_it_was(capsys):
    """The threads of BLAS, the filters of warnings and the level of the log, if the fit that began first ends first."""
    both, X, y = threading.Barrier(2, timeout=60.0), StandardScaler().fit_transform(CANCER[0]), CANCER[1]

    def rate_of_first(t):
        if t == 2.0:
            both.wait()
        return 0.1

    def rate_of_second(t):
        if t == 2.0:
            both.wait()
            thread.join(60.0)
        return 0.1

    model = GDClassifier(solver="batch", optimizer="adam", max_iter=3, tol=None, verbose=1)
    before = threads_of_blas(), available_threads(), list(warnings.filters), logging.getLogger("sklearn_gd").level
    thread = threading.Thread(target=clone(model).set_params(learning_rate=rate_of_first).fit, args=(X, y))
    thread.start()
    clone(model).set_params(learning_rate=rate_of_second).fit(X, y)
    assert not thread.is_alive()
    assert (threads_of_blas(), available_threads(), list(warnings.filters), logging.getLogger("sklearn_gd").level) == before
    assert capsys.readouterr().out.count("epoch    3") == 2


def test_a_model_fitted_in_a_thread_predicts_in_another_process():
    """A pickled model works in another process."""
    X, y = StandardScaler().fit_transform(WINE[0]), WINE[1]
    model = adam().fit(X, y)
    (predicted,) = joblib.Parallel(n_jobs=2, backend="loky")([joblib.delayed(model.predict)(X)])
    np.testing.assert_array_equal(predicted, model.predict(X))


def test_a_stream_with_a_model_kept_on_disk(tmp_path):
    """A model that is loaded, updated and saved for each batch equals one in a single process."""
    X, y = load_digits(return_X_y=True)
    X = X / 16.0
    path = tmp_path / "model.joblib"
    model = GDClassifier(solver=MiniBatch(50), optimizer="adam", learning_rate=0.02)
    joblib.dump(clone(model), path)
    for start in range(0, 1700, 100):
        rows = slice(start, start + 100)
        joblib.dump(joblib.load(path).partial_fit(X[rows], y[rows], classes=np.arange(10)), path)
        model.partial_fit(X[rows], y[rows], classes=np.arange(10))
    stored = joblib.load(path)
    np.testing.assert_array_equal(stored.coef_, model.coef_)
    assert stored.t_ == 34
    assert stored.score(X[1700:], y[1700:]) > 0.8


def test_clones_are_unfitted_and_equal():
    """The clone of a fitted model has its parameters, but is not fitted."""
    X, y = IRIS
    model = GDClassifier(LogLoss(), solver=MiniBatch(8), optimizer=Adam(), learning_rate=Constant(0.1)).fit(X, y)
    copy = clone(model)
    assert not hasattr(copy, "coef_")
    assert {name for name in vars(copy) if name.endswith("_")} == set()
    assert repr(copy) == repr(model)


def test_deep_regularisation_paths_by_warm_start():
    """A path of warm-started fits over alpha equals the path of independent fits."""
    X, y = StandardScaler().fit_transform(DIABETES[0]), DIABETES[1]
    warm = GDRegressor(SquaredError(), penalty="l1", warm_start=True, tol=1e-12, max_iter=10_000)
    for alpha in np.logspace(1, -2, 8):
        cold = GDRegressor(penalty="l1", alpha=alpha, tol=1e-12, max_iter=10_000).fit(X, y)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            warm.set_params(alpha=alpha).fit(X, y)
        np.testing.assert_allclose(warm.coef_, cold.coef_, atol=1e-4)
