"""Defaults that need no tuning, on every real set: scores and times beside scikit-learn's, raw columns, every parameter default.

python tests/benchmarks/bars.py [a | b | c | d | e | f | h | i | j] [--sets NAME,NAME] [--references FILE]

a  test score of `fit` beside that of F's exact minimiser
b  beside the best of {StandardScaler + SGD tuned over alpha and eta0, StandardScaler + LogisticRegression or Ridge, SGD}
c  the same with `penalty=L2(standardize=True), alpha=1/n`, dense sets
d  time of `fit` as a share of StandardScaler + LogisticRegression or Ridge, and of StandardScaler + SGD
e  the largest change of predictions when columns are scaled by 10^k or moved by 1e6 of their spread
f  one pass of `partial_fit`, beside the best; progressive scores of three streams in file order
h  counts and amounts, simulated: one pass of `partial_fit` beside `fit`
i  rare classes, simulated: the same, and the running constant model
j  wild rows, simulated: what they cost a stream, `fit(solver="sgd")` and `fit`

The scores of scikit-learn's side take minutes: `--references` keeps them in a file.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import simulated
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from timing import load_data

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd.penalties import L2

warnings.simplefilter("ignore")
data = load_data()
EXACT = {"tol": 1e-10, "max_iter": 20_000, "n_iter_no_change": 20}
GRID = [
    {"learning_rate": ["adaptive"], "eta0": [1e-3, 1e-2, 1e-1], "alpha": [1e-6, 1e-4, 1e-2]},
    {"learning_rate": ["invscaling"], "eta0": [1e-3, 1e-2, 1e-1], "alpha": [1e-6, 1e-4, 1e-2]},
]


def scaled(model, X):
    """The model behind a StandardScaler; sparse columns are not centred."""
    return make_pipeline(StandardScaler(with_mean=not sp.issparse(X)), model)


def is_classification(name):
    return name in data.CLASSIFICATION


def ours(name, **parameters):
    return (GDClassifier if is_classification(name) else GDRegressor)(**parameters)


def linear(name):
    return LogisticRegression() if is_classification(name) else Ridge()


def sgd(name, **parameters):
    if is_classification(name):
        return SGDClassifier("log_loss", random_state=0, **parameters)
    return SGDRegressor(random_state=0, **parameters)


def reference_scores(name):
    """Test scores of scikit-learn's side; SGD's parameters are chosen on a fifth of at most 20,000 training rows."""
    X, X_test, y, y_test = data.load(name)
    few = data.load(name, max_train=20_000)
    scores = {"linear": scaled(linear(name), X).fit(X, y).score(X_test, y_test)}
    scores["sgd raw"] = sgd(name).fit(X, y).score(X_test, y_test)
    scores["sgd"] = scaled(sgd(name), X).fit(X, y).score(X_test, y_test)
    estimator = sgd(name, max_iter=100)
    prefix = type(estimator).__name__.lower()
    grid = [{f"{prefix}__{key}": values for key, values in each.items()} for each in GRID]
    grid.append({f"{prefix}__alpha": [1e-6, 1e-5, 1e-4, 1e-3, 1e-2]})
    search = GridSearchCV(scaled(estimator, X), grid, cv=ShuffleSplit(1, test_size=0.2, random_state=0), refit=False)
    search.fit(few[0], few[2])
    scores["sgd tuned"] = scaled(estimator, X).set_params(**search.best_params_).fit(X, y).score(X_test, y_test)
    return scores


def references(names, path):
    """The scores of every set, from the file where they are known."""
    known = json.loads(path.read_text()) if path and path.exists() else {}
    for name in names:
        if name not in known:
            known[name] = reference_scores(name)
            print(f"  {name}: " + ", ".join(f"{key} {value:.4f}" for key, value in known[name].items()), flush=True)
            if path:
                path.write_text(json.dumps(known, indent=1))
    return {name: max(known[name].values()) for name in names}


def verdict(ok):
    return "" if ok else "  MISSED"


def bar_a(names, _):
    print("a: test score of fit, and of F's exact minimiser (bar: within 0.003)")
    for name in names:
        X, X_test, y, y_test = data.load(name)
        model = ours(name).fit(X, y)
        score = model.score(X_test, y_test)
        exact = ours(name, **EXACT).fit(X, y)
        value = exact.score(X_test, y_test)
        print(
            f"  {name:20} {score:.4f} {value:.4f}  {score - value:+.4f}  epochs {model.n_iter_} {exact.n_iter_}"
            f"{verdict(abs(score - value) <= 0.003)}",
            flush=True,
        )


def compare(names, best_scores, parameters, slack):
    for name in names:
        X, X_test, y, y_test = data.load(name)
        score = ours(name, **parameters(X)).fit(X, y).score(X_test, y_test)
        print(
            f"  {name:20} {score:.4f}  best {best_scores[name]:.4f}  {score - best_scores[name]:+.4f}"
            f"{verdict(score >= best_scores[name] - slack(len(y_test)))}",
            flush=True,
        )


def bar_b(names, best_scores):
    print("b: test score of fit, and the best of scikit-learn's side (bar: 0.005 below at most, from 1,000 test rows on)")
    compare(names, best_scores, lambda X: {}, lambda n: 0.005 if n >= 1000 else np.inf)


def bar_c(names, best_scores):
    print("c: the same with L2(standardize=True), alpha=1/n, dense sets (bar: 0.005 or two test rows below at most)")
    dense = [name for name in names if not sp.issparse(data.load(name)[0])]

    def parameters(X):
        return {"penalty": L2(standardize=True), "alpha": 1.0 / X.shape[0]}

    compare(dense, best_scores, parameters, lambda n: max(0.005, 2.0 / n))


def bar_d(names, _):
    print("d: seconds of fit; as shares of the linear model's and of SGD's, both behind a scaler (medians of 3)")
    shares = []
    for name in names:
        X, _, y, _ = data.load(name)
        jobs = {"ours": ours(name), "linear": scaled(linear(name), X), "sgd": scaled(sgd(name), X)}
        ours(name, max_iter=2).fit(X, y)
        seconds = {key: [] for key in jobs}
        for _ in range(3 if len(y) < 300_000 else 1):
            for key, job in jobs.items():
                begun = time.perf_counter()
                job.fit(X, y)
                seconds[key].append(time.perf_counter() - begun)
        medians = {key: float(np.median(value)) for key, value in seconds.items()}
        shares.append(medians["ours"] / medians["sgd"])
        missed = len(y) > 5000 and medians["ours"] >= medians["linear"]
        print(
            f"  {name:20} {medians['ours']:8.3f} s   {medians['ours'] / medians['linear']:6.2f} of linear"
            f"   {shares[-1]:6.2f} of sgd{verdict(not missed)}",
            flush=True,
        )
    mean = float(np.exp(np.mean(np.log(shares))))
    print(f"  geometric mean of the shares of SGD's time: {mean:.2f}{verdict(mean <= 0.3)}")


def bar_e(names, _):
    print("e: largest change of the scores when columns are scaled by 10^k or moved by 1e6 of their spread (bar: 1e-3)")
    for name in names:
        X, X_test, y, _ = data.load(name, max_train=5000)
        rng = np.random.default_rng(0)
        factor = 10.0 ** rng.integers(-6, 7, X.shape[1])
        first = {"classes": np.unique(y)} if is_classification(name) else {}
        changes = {}
        for each in (factor, 1e-6, 1e6):
            changes["fit, each" if np.ndim(each) else f"fit, all {each:.0e}"] = change_of(
                lambda Z: ours(name).fit(Z, y), X, X_test, each
            )
        changes["partial_fit, each"] = change_of(lambda Z: streamed(ours(name), Z, y, 100, **first), X, X_test, factor)
        if not sp.issparse(X):
            shift = 1e6 * X.std(axis=0) * rng.integers(0, 2, X.shape[1])
            for title, parameters in (("alpha=0", {"alpha": 0.0}), ("standardize", {"penalty": L2(standardize=True)})):
                steady = parameters | {"max_iter": 50, "tol": None}
                changes[f"{title}, moved"] = change_of(lambda Z, p=steady: ours(name, **p).fit(Z, y), X, X_test, 1.0, shift)
        print(
            f"  {name:20} "
            + "  ".join(f"{key} {value:.1e}" for key, value in changes.items())
            + verdict(max(changes.values()) < 1e-3),
            flush=True,
        )


def change_of(learn, X, X_test, factor, shift=None):
    """The largest change of the scores, relative to the largest score, of a model that learns from columns in another unit."""

    def changed(matrix):
        scaled = matrix.multiply(factor).tocsr() if sp.issparse(matrix) else matrix * factor
        return scaled if shift is None else scaled + shift

    before, after = scores_of(learn(X), X_test), scores_of(learn(changed(X)), changed(X_test))
    return np.abs(after - before).max() / max(np.abs(before).max(), 1e-300)


def scores_of(model, X):
    return model.decision_function(X) if hasattr(model, "decision_function") else model.predict(X)


def streamed(model, X, y, rows, **first):
    """The model after one pass of `partial_fit` in calls of so many rows."""
    for start in range(0, len(y), rows):
        model.partial_fit(X[start : start + rows], y[start : start + rows], **first)
        first = {}
    return model


def bar_f(names, best_scores):
    print("f: test score after one pass of partial_fit (bar: 0.03 below the best at most)")
    for name in names:
        X, X_test, y, y_test = data.load(name)
        first = {"classes": np.unique(y)} if is_classification(name) else {}
        scores = {rows: streamed(ours(name), X, y, rows, **first).score(X_test, y_test) for rows in (32, 1000)}
        if len(y) <= 5000:
            scores[1] = streamed(ours(name), X, y, 1, **first).score(X_test, y_test)
        print(
            f"  {name:20} "
            + "  ".join(f"{rows}: {score:.4f}" for rows, score in sorted(scores.items()))
            + f"  best {best_scores[name]:.4f}  {min(scores.values()) - best_scores[name]:+.4f}"
            f"{verdict(min(scores.values()) >= best_scores[name] - 0.03)}",
            flush=True,
        )
    for name in ("bike_sharing", "adult", "covtype"):
        if name in names:
            for rows, most in ((1, 20_000), (100, None)):
                print(
                    f"  {name} in file order, calls of {rows}, progressive: " + progressive_scores(name, rows, most), flush=True
                )


def progressive_scores(name, rows, most):
    """Predict each batch before learning from it: ours, and a running scaler with SGD; the first `most` rows."""
    stored = np.load(Path(data.__file__).parent / f"{name}.npz")
    X, y = stored["X"].astype(np.float64), stored["y"]
    known = np.isfinite(X).all(axis=1)
    X, y = X[known][:most], y[known][:most]
    first = {"classes": np.unique(y)} if is_classification(name) else {}
    model, scaler, other = ours(name), StandardScaler(), sgd(name)
    predicted = {"ours": [], "scaler + sgd": []}
    for start in range(0, len(y), rows):
        rows_of_call, targets = X[start : start + rows], y[start : start + rows]
        if start:
            predicted["ours"].append(model.predict(rows_of_call))
            predicted["scaler + sgd"].append(other.predict(scaler.transform(rows_of_call)))
        model.partial_fit(rows_of_call, targets, **first)
        other.partial_fit(scaler.partial_fit(rows_of_call).transform(rows_of_call), targets, **first)
        first = {}
    truth = y[rows:]
    scores = {}
    for key, parts in predicted.items():
        values = np.concatenate(parts)
        error = np.sum((truth - values) ** 2.0) / np.sum((truth - truth.mean()) ** 2.0) if not is_classification(name) else 0
        scores[key] = np.mean(truth == values) if is_classification(name) else 1.0 - error
    return ", ".join(f"{key} {value:.4f}" for key, value in scores.items()) + verdict(scores["ours"] > scores["scaler + sgd"])


def bar_h(names, _):
    print("h: total of the predictions over that of the targets (bar: 0.98 to 1.02), D^2 of stream and fit (bar: 0.002 below)")
    for name, total, stream, fit in simulated.count_results():
        met = abs(total - 1.0) <= 0.02 and stream >= fit - 0.002
        print(f"  {name:24} total {total:.4f}  stream {stream:.4f}  fit {fit:.4f}{verdict(met)}", flush=True)


def bar_i(names, _):
    print(
        "i: mean probability over the share (bar: 0.95 to 1.05), risk over fit's (bar: 1.01), worst over the constant's (bar: 1)"
    )
    for name, ratio, of_fit, of_constant in simulated.rare_results():
        met = not abs(ratio - 1.0) > 0.05 and of_fit <= 1.01 and of_constant <= 1.0
        print(f"  {name:48} {ratio:.4f}  {of_fit:.4f}  {of_constant:.4f}{verdict(met)}", flush=True)


def bar_j(names, _):
    print("j: loss of score by wild rows: stream, fit by SGD, fit (bar: 0.02 more than fit)")
    for name, (stream, by_rows, fit) in simulated.wild_results():
        met = max(stream, by_rows) <= max(fit, 0.0) + 0.02
        print(f"  {name:48} {stream:.4g}  {by_rows:.4g}  {fit:.4g}{verdict(met)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bars", nargs="*", default=list("abcdef"))
    parser.add_argument("--sets", default=",".join(data.CLASSIFICATION + data.REGRESSION))
    parser.add_argument("--references", type=Path)
    arguments = parser.parse_args()
    names = arguments.sets.split(",")
    needed = references(names, arguments.references) if set(arguments.bars) & set("bcf") else None
    for bar in arguments.bars:
        globals()[f"bar_{bar}"](names, needed)
