"""Defaults without tuning on all real data sets: scores and times compared with scikit-learn's, on unscaled features.

python tests/benchmarks/bars.py [a | b | c | d | e | f | g | h | i | j | k | l] [--sets NAME,NAME] [--references FILE]

a  test score of `fit` compared with that of the exact minimiser of F
b  compared with the best of {StandardScaler + SGD tuned over alpha and eta0, StandardScaler + LogisticRegression or Ridge, SGD}
c  the same with `penalty=L2(standardize=True), alpha=1/n`, dense sets
d  time of `fit` as a share of StandardScaler + LogisticRegression or Ridge, and of StandardScaler + SGD
e  the largest change of predictions if features are scaled by 10^k or shifted by 1e6 times their spread
f  one pass of `partial_fit`, compared with the best
g  optimizers at automatic rates, compared with the default fit: unscaled and standardised features, at most `--rows` samples
h  simulated counts and amounts: one pass of `partial_fit` compared with `fit`
i  simulated rare classes: the same, and the running null model
j  simulated outliers: the loss of score of a stream, `fit(solver="sgd")` and `fit`
k  real and simulated streams with drift, by progressive validation: compared with a scaler and SGD, and with river
l  F under l1 at the default `tol`: 4 shapes, from 200 x 5000 to 1000 x 200, x 3 strengths x `--seeds`

The scores of scikit-learn take minutes: `--references` stores them in a file.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import simulated
import streams
from sklearn.base import clone
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from timing import load_data

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd.optimizers import OPTIMIZERS
from sklearn_gd.penalties import L1, L2, ElasticNet

warnings.simplefilter("ignore")
data = load_data()
EXACT = {"tol": 1e-10, "max_iter": 20_000, "n_iter_no_change": 20}
GRID = [
    {"learning_rate": ["adaptive"], "eta0": [1e-3, 1e-2, 1e-1], "alpha": [1e-6, 1e-4, 1e-2]},
    {"learning_rate": ["invscaling"], "eta0": [1e-3, 1e-2, 1e-1], "alpha": [1e-6, 1e-4, 1e-2]},
]


def scaled(model, X):
    """The model after a StandardScaler; sparse features are not centred."""
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
    """Test scores of scikit-learn; SGD's parameters are chosen on a fifth of at most 20,000 training samples."""
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
    """The scores of every data set, from the file if it has them."""
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
    print("b: test score of fit, and the best score of scikit-learn (bar: at most 0.005 below, from 1,000 test samples)")
    compare(names, best_scores, lambda X: {}, lambda n: 0.005 if n >= 1000 else np.inf)


def bar_c(names, best_scores):
    print("c: the same with L2(standardize=True), alpha=1/n, dense sets (bar: at most 0.005 or two test samples below)")
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
    print("e: largest change of the scores if features are scaled by 10^k or shifted by 1e6 times their spread (bar: 1e-3)")
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
    """The largest change of the scores, relative to the largest score, of a model fitted to features in other units."""

    def changed(matrix):
        scaled = matrix.multiply(factor).tocsr() if sp.issparse(matrix) else matrix * factor
        return scaled if shift is None else scaled + shift

    before, after = scores_of(learn(X), X_test), scores_of(learn(changed(X)), changed(X_test))
    return np.abs(after - before).max() / max(np.abs(before).max(), 1e-300)


def scores_of(model, X):
    return model.decision_function(X) if hasattr(model, "decision_function") else model.predict(X)


def streamed(model, X, y, rows, **first):
    """The model after one pass of `partial_fit` in calls of `rows` samples."""
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


def bar_k(names, _):
    print("k: progressive validation in calls of 1 to 1000: ours, scaler + SGD, river (bar: 0.01 below)")
    drifting = ("bike_sharing", "nycflights13", "covtype", "adult", "kdd99")
    jobs = [(name, streams.in_file_order(data, name)) for name in drifting if name in names]
    jobs += [(name, make(np.random.default_rng(0), streams.ROWS)) for name, make in streams.SIMULATED.items()]
    for name, (X, y, is_class) in jobs:
        for rows in (1, 10, 100, 1000):
            parts = (GDClassifier(), SGDClassifier("log_loss", random_state=0)) if is_class else (GDRegressor(), SGDRegressor())
            scores = streams.compare(*parts, X, y, is_class, rows)
            others = [max(score, -9.0) if np.isfinite(score) else -9.0 for score in scores[1:]]
            print(
                f"  {name:14} {rows:5}  {scores[0]:8.4f} {others[0]:8.4f} {others[1]:8.4f}  {scores[0] - max(others):+.4f}"
                f"{verdict(scores[0] >= max(others) - 0.01)}",
                flush=True,
            )


def bar_g(names, _):
    print("g: test score less that of the default fit, for each optimizer (bar: 0.02 below at most in 200 epochs, 0.05 after one")
    print("   pass in calls of 32 or 1000; or two test samples)")
    for name in names:
        raw, raw_test, y, y_test = data.load(name, max_train=arguments.rows)
        raw_test, y_test = raw_test[:20_000], y_test[:20_000]
        scaler = StandardScaler(with_mean=not sp.issparse(raw)).fit(raw)
        for title, X, X_test in (("raw", raw, raw_test), ("standardised", scaler.transform(raw), scaler.transform(raw_test))):
            default = ours(name).fit(X, y).score(X_test, y_test)
            print(f"  {name}, {title}: default {default:.4f}", flush=True)
            for optimizer in ("auto", *OPTIMIZERS):
                line, missed = f"    {optimizer:15}", False
                for way, slack in (("batch", 0.02), ("minibatch", 0.02), ("sgd", 0.02), ("32", 0.05), ("1000", 0.05)):
                    score = with_optimizer(name, optimizer, way, X, y).score(X_test, y_test)
                    missed |= score < default - max(slack, 2.0001 / len(y_test))
                    line += f"  {way} {score - default:+.4f}"
                print(line + verdict(not missed), flush=True)


def with_optimizer(name, optimizer, way, X, y):
    """A model at an automatic rate: of a fit by a solver, or of one pass in calls of `way` samples. "auto" uses mini-batches."""
    if way.isdigit():
        first = {"classes": np.unique(y)} if is_classification(name) else {}
        solver = "minibatch" if optimizer == "auto" else "auto"
        return streamed(ours(name, optimizer=optimizer, solver=solver), X, y, int(way), **first)
    return ours(name, optimizer=optimizer, solver=way, max_iter=200, random_state=0).fit(X, y)


SHAPES = [(200, 5000, 0.02, 0.0), (100, 1000, 0.05, 0.0), (500, 2000, 0.1, 0.9), (1000, 200, 0.2, 0.5)]
SPARSE = {
    "l1": (GDRegressor(penalty="l1"), Lasso()),
    "elastic net": (GDRegressor(penalty=ElasticNet(0.5)), SklearnElasticNet(l1_ratio=0.5)),
    "l1, non-negative": (GDRegressor(penalty=L1(nonnegative=True)), Lasso(positive=True)),
    "l1, standardised": (GDRegressor(penalty=L1(standardize=True)), None),
    "huber, l1": (GDRegressor("huber", penalty="l1"), None),
    "logistic, l1": (GDClassifier(penalty="l1"), None),
    "quantile, l1": (GDRegressor("quantile", penalty="l1"), None),
}


def gaussians(n, d, share, correlation, seed):
    """Features with correlated neighbours, a share of which has an effect, and targets."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    for j in range(1, d):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1.0 - correlation**2) * X[:, j]
    coef = np.zeros(d)
    coef[rng.choice(d, int(share * d), replace=False)] = rng.normal(size=int(share * d))
    y = X @ coef
    y = y + 0.5 * y.std() * rng.normal(size=n)
    return X, 2.0 * (y - y.mean()) / y.std()


def seconds_of(model, X, y):
    """CPU time of a fit."""
    begun = time.process_time()
    model.fit(X, y)
    return time.process_time() - begun


def bar_l(names, _):
    """The reference is scikit-learn's model at tol=1e-8, if any, otherwise a fit with a duality gap of at most 1e-5 of F."""
    try:
        from skglm import Lasso as Peer

        tol = 1e-4  # times alpha: the tolerance of the optimality conditions of each coordinate
    except ImportError:
        Peer, tol = Lasso, None
    print("l: largest F at the default tol over the reference's (bar: all within 1.001); l1 also CPU time over that of")
    print(f"   {Peer.__module__}, geometric mean and largest (bar: 3 times skglm's)")
    Peer(alpha=0.1).fit(*gaussians(50, 60, 0.1, 0.0, 0))  # compiled before it is measured
    for title, (model, other) in SPARSE.items():
        over, ratios = [], []
        for seed in range(arguments.seeds):
            for shape in SHAPES:
                X, y = gaussians(*shape, seed)
                slope = np.sign(y - np.median(y)) / 2.0 if title[0] in "hq" else y
                if title.startswith("logistic"):
                    y, slope = (y > np.median(y)).astype(int), np.sign(y - np.median(y)) / 2.0
                largest = np.abs(X.T @ (slope - slope.mean())).max() / len(y)
                for part in (3, 20, 100):
                    model.set_params(alpha=largest / part)
                    seconds = seconds_of(model, X, y)
                    found = min(model.loss_curve_)
                    if other is None:
                        exact = clone(model).set_params(tol=1e-6, max_iter=5000).fit(X, y)
                        over.append(found / min(exact.loss_curve_))
                        continue
                    other.set_params(alpha=largest / part, tol=1e-8, max_iter=1_000_000).fit(X, y)
                    over.append(found / objective_of(other, X, y))
                    if title == "l1":
                        peer = Peer(alpha=largest / part, **({"tol": tol * largest / part} if tol else {}))
                        ratios.append(seconds / seconds_of(peer, np.asfortranarray(X), y))
        near = int(np.count_nonzero(np.array(over) <= 1.001))
        line = f"  {title:18} {near} of {len(over)} within 1.001, largest {max(over):.6f}"
        if ratios:
            line += f"   time {np.exp(np.mean(np.log(ratios))):.2f} {max(ratios):.2f}"
        print(line + verdict(near == len(over)), flush=True)


def objective_of(model, X, y):
    """F of scikit-learn's Lasso or ElasticNet."""
    coef, ratio = model.coef_, getattr(model, "l1_ratio", 1.0)
    penalty = ratio * np.abs(coef).sum() + 0.5 * (1.0 - ratio) * coef @ coef
    return 0.5 * np.mean((y - model.predict(X)) ** 2) + model.alpha * penalty


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
    print("j: loss of score by outliers: stream, fit by SGD, fit (bar: 0.02 more than fit)")
    for name, (stream, by_rows, fit) in simulated.wild_results():
        met = max(stream, by_rows) <= max(fit, 0.0) + 0.02
        print(f"  {name:48} {stream:.4g}  {by_rows:.4g}  {fit:.4g}{verdict(met)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bars", nargs="*", default=list("abcdefghijkl"))
    parser.add_argument("--sets", default=",".join(data.CLASSIFICATION + data.REGRESSION))
    parser.add_argument("--references", type=Path)
    parser.add_argument("--rows", type=int, default=5000, help="training samples of bar g")
    parser.add_argument("--seeds", type=int, default=4, help="of bar l")
    arguments = parser.parse_args()
    names = arguments.sets.split(",")
    needed = references(names, arguments.references) if set(arguments.bars) & set("bcf") else None
    for bar in arguments.bars:
        globals()[f"bar_{bar}"](names, needed)
