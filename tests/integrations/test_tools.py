"""SHAP, Optuna, river, dask-ml and Ray with the estimators: the results equal those of the estimators."""

import numpy as np
import pytest

from sklearn_gd import GDClassifier, GDRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
SCORE = X @ [1.0, 2.0, 3.0, 0.0] + 0.1 * RNG.normal(size=200)
LABELS = np.where(SCORE > 0, "b", "a")


def optional(name):
    return pytest.importorskip(name, reason=f"{name} comes with the extra `integrations`")


@pytest.mark.parametrize(
    ("model", "y", "explained"),
    [
        (GDRegressor(), SCORE, "predict"),
        (GDRegressor(), np.column_stack([SCORE, 2.0 * SCORE]), "predict"),
        (GDRegressor("poisson"), np.exp(SCORE / 4), "log of predict"),
        (GDClassifier(), LABELS, "decision_function"),
        (GDClassifier(), np.digitize(SCORE, [-1.0, 1.0]), "decision_function"),
    ],
    ids=["one target", "two targets", "a link", "two classes", "three classes"],
)
def test_shap_values_add_up_to_the_raw_score(model, y, explained):
    """The sum includes the base value; with a link the values explain the raw score."""
    explainer = optional("shap").LinearExplainer(model.fit(X, y), X)
    explanation = explainer(X)
    raw = np.log(model.predict(X)) if explained == "log of predict" else getattr(model, explained)(X)
    assert explanation.values.shape == (200, 4, *raw.shape[1:])
    # The base values of a single score may have a further axis.
    base = np.reshape(explanation.base_values, raw.shape)
    np.testing.assert_allclose(explanation.values.sum(axis=1) + base, raw, rtol=1e-9, atol=1e-9)


def test_optuna_prunes_between_calls_of_partial_fit():
    """The best trial beats the pruned ones, at the call at which they were pruned."""
    optuna = optional("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial):
        model = GDClassifier(alpha=trial.suggest_float("alpha", 1e-6, 1e2, log=True))
        for call, rows in enumerate(np.split(np.arange(150), 5)):
            model.partial_fit(X[rows], LABELS[rows], classes=["a", "b"])
            score = model.score(X[150:], LABELS[150:])
            trial.report(score, call)
            if trial.should_prune():
                raise optuna.TrialPruned
        return score

    pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=0)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0), pruner=pruner)
    study.optimize(objective, n_trials=20)
    pruned = [each for each in study.trials if each.state is optuna.trial.TrialState.PRUNED]
    assert pruned
    assert study.best_value > 0.9
    for each in pruned:
        last = max(each.intermediate_values)
        assert each.intermediate_values[last] <= study.best_trial.intermediate_values[last]


def test_river_learns_one_sample_at_a_time():
    """The wrapped models equal those of `partial_fit` with one sample per call, and of one call with many."""
    compat, pandas = optional("river.compat"), pytest.importorskip("pandas")
    # Numbers as names, as river's first sample has no names, but its frames have.
    frame = pandas.DataFrame(X, columns=range(4))
    samples = frame.to_dict("records")
    classifier = compat.SKL2RiverClassifier(GDClassifier(), classes=["a", "b"])
    regressor = compat.SKL2RiverRegressor(GDRegressor())
    alone, alone_regressor = GDClassifier(), GDRegressor()
    for i, sample in enumerate(samples[:100]):
        classifier.learn_one(sample, LABELS[i])
        regressor.learn_one(sample, SCORE[i])
        alone.partial_fit(X[i : i + 1], LABELS[i : i + 1], classes=["a", "b"])
        alone_regressor.partial_fit(X[i : i + 1], SCORE[i : i + 1])
    rest = frame[100:150]
    classifier.learn_many(rest, pandas.Series(LABELS[100:150]))
    regressor.learn_many(rest, pandas.Series(SCORE[100:150]))
    alone.partial_fit(X[100:150], LABELS[100:150])
    alone_regressor.partial_fit(X[100:150], SCORE[100:150])
    last = samples[-1]
    assert classifier.predict_one(last) == alone.predict(X[-1:])[0]
    assert classifier.predict_proba_one(last) == pytest.approx(dict(zip("ab", alone.predict_proba(X[-1:])[0])))
    assert regressor.predict_one(last) == pytest.approx(alone_regressor.predict(X[-1:])[0])


def test_dask_ml_trains_by_blocks():
    """`Incremental` calls `partial_fit` on each block; `ParallelPostFit` predicts block by block."""
    wrappers, array = optional("dask_ml.wrappers"), optional("dask.array")
    blocks, labels = array.from_array(X, chunks=(50, 4)), array.from_array(LABELS, chunks=50)
    wrapped = wrappers.Incremental(GDClassifier(), shuffle_blocks=False).fit(blocks, labels, classes=["a", "b"])
    alone = GDClassifier()
    for rows in np.split(np.arange(200), 4):
        alone.partial_fit(X[rows], LABELS[rows], classes=["a", "b"])
    np.testing.assert_array_equal(wrapped.estimator_.coef_, alone.coef_)
    np.testing.assert_array_equal(wrapped.predict(blocks).compute(), alone.predict(X))
    fitted = wrappers.ParallelPostFit(alone)
    np.testing.assert_allclose(fitted.predict_proba(blocks).compute(), alone.predict_proba(X), rtol=1e-12)


def test_ray_runs_a_search():
    """With Ray as a backend of joblib, the fits of a cross-validation run on its workers."""
    ray, joblib = optional("ray"), pytest.importorskip("joblib")
    from ray.util.joblib import register_ray
    from sklearn.model_selection import cross_val_score

    ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR")
    try:
        register_ray()
        with joblib.parallel_backend("ray", n_jobs=1):
            scores = cross_val_score(GDRegressor(), X, SCORE, cv=2)
    finally:
        ray.shutdown()
    np.testing.assert_allclose(scores, cross_val_score(GDRegressor(), X, SCORE, cv=2), rtol=1e-9)
