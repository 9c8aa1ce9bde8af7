"""Displays: plots match the fits; matplotlib is imported lazily; errors say what to do."""

import subprocess
import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.optimize import minimize
from sklearn.linear_model import LinearRegression, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import sklearn_gd
from sklearn_gd import (
    CoefficientPathDisplay,
    DescentPathDisplay,
    FitEvolutionDisplay,
    GDClassifier,
    GDRegressor,
    LossCurveDisplay,
    ScheduleDisplay,
    gradient_descent,
)
from sklearn_gd.schedules import CosineDecay, InvScaling

DISPLAYS = [name for name in sklearn_gd.__all__ if name.endswith("Display")]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X @ [3.0, -2.0, 0.5] + 1.0 + 0.1 * RNG.normal(size=60)
LABELS = (Y > 1.0).astype(int)
PLAIN = {"solver": "batch", "optimizer": "gd", "learning_rate": 0.1, "alpha": 0.01, "max_iter": 12, "tol": None}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def bowl(x):
    return 6 * x[0] ** 2 + 9 * x[1] ** 2 - 12 * x[0] - 14 * x[1] + 3


def bowl_slope(x):
    return np.array([12 * x[0] - 12, 18 * x[1] - 14])


MADE = {
    "LossCurveDisplay": lambda **ax: LossCurveDisplay.from_estimator(GDRegressor(**PLAIN).fit(X, Y), **ax),
    "ScheduleDisplay": lambda **ax: ScheduleDisplay.from_schedule("cosine", **ax),
    "CoefficientPathDisplay": lambda **ax: CoefficientPathDisplay.from_estimator(GDRegressor(**PLAIN), X, Y, **ax),
    "DescentPathDisplay": lambda **ax: DescentPathDisplay.from_function(bowl, [0.0, 0.0], jac=bowl_slope, maxiter=3, **ax),
    "FitEvolutionDisplay": lambda ax=None: FitEvolutionDisplay.from_estimator(
        GDRegressor(**PLAIN), X[:, :1], Y, epochs=[12], axes=None if ax is None else [ax]
    ),
}


def test_every_display_is_tried():
    assert sorted(MADE) == sorted(DISPLAYS)


@pytest.mark.parametrize("name", DISPLAYS)
def test_the_convention(name):
    """A new figure or the given axes, as ax_ and figure_; labels on both axes; plot draws again and returns the display."""
    display = MADE[name]()
    assert isinstance(display.figure_, Figure)
    labelled = [
        display.ax_.get_xlabel() or display.figure_.get_supxlabel(),
        display.ax_.get_ylabel() or display.figure_.get_supylabel(),
    ]
    assert all(labelled)
    assert display.plot() is display
    mine = plt.figure().subplots()
    given = MADE[name](ax=mine)
    assert given.ax_ is mine
    assert given.figure_ is mine.figure
    assert mine.get_xlabel()
    assert mine.get_ylabel()
    given.figure_.canvas.draw()


def test_matplotlib_is_imported_when_a_display_is_drawn_and_not_before():
    code = """
import sys
import sklearn_gd
sklearn_gd.LossCurveDisplay(objectives={"a": [2.0, 1.0]})
assert not [name for name in sys.modules if name.split(".")[0] in ("matplotlib", "numba")]
sys.modules["matplotlib"] = sys.modules["matplotlib.pyplot"] = None
try:
    sklearn_gd.LossCurveDisplay(objectives={"a": [2.0, 1.0]}).plot()
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Displays require matplotlib: pip install matplotlib")


# --- loss curves ---------------------------------------------------------------------------------------------------------


def test_loss_curves_of_several_estimators():
    validated = make_pipeline(StandardScaler(), GDClassifier(early_stopping=True, random_state=0, **PLAIN)).fit(X, LABELS)
    search = GridSearchCV(GDClassifier(**PLAIN), {"alpha": [0.1, 0.01]}, cv=2).fit(X, LABELS)
    display = LossCurveDisplay.from_estimators({"validated": validated, "search": search})
    assert list(display.lines_) == ["validated", "search"]
    assert display.lines_["search"].get_ydata().tolist() == search.best_estimator_.loss_curve_
    assert display.lines_["search"].get_xdata().tolist() == list(range(1, 13))
    scores, marked = display.score_ax_.lines
    assert scores.get_ydata().tolist() == validated[-1].validation_scores_
    assert marked.get_xdata().tolist() == [validated[-1].best_iter_]
    assert marked.get_ydata().tolist() == [max(validated[-1].validation_scores_)]
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["validated", "search", "best epoch"]


def test_loss_curve_marks_the_lowest_objective_and_subtracts_the_minimum():
    display = LossCurveDisplay(objectives={"a": [300.0, 2.0, 3.0]}).plot(minimum=1.0)
    assert display.score_ax_ is None
    line, mark, _ = display.ax_.lines
    assert line.get_ydata().tolist() == [299.0, 1.0, 2.0]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (2, 1.0)
    assert display.ax_.get_yscale() == "log"
    assert LossCurveDisplay(objectives={"a": [3.0, 2.0]}).plot().ax_.get_yscale() == "linear"


def test_estimators_in_a_list_have_names_of_their_own():
    models = [GDRegressor(**PLAIN).fit(X, Y), GDRegressor(**PLAIN).fit(X, Y)]
    assert list(LossCurveDisplay.from_estimators(models).lines_) == ["GDRegressor", "GDRegressor (2)"]


# --- schedules -----------------------------------------------------------------------------------------------------------


def test_schedules_are_drawn_as_they_run():
    named = {"a": 0.5, "b": InvScaling(1.0, power_t=1.0), "c": lambda t: 1 / t, "d": "optimal", "e": "exponential"}
    display = ScheduleDisplay.from_schedules(named, n_steps=20, steps_per_epoch=5)
    t = np.arange(1.0, 21.0)
    for name, rates in {"a": np.full(20, 0.5), "b": 1 / t, "c": 1 / t, "e": 0.01 * 0.96 ** ((t - 1) / 5)}.items():
        assert np.allclose(display.lines_[name].get_ydata(), rates, rtol=1e-12, atol=0)
    assert list(ScheduleDisplay.from_schedules([CosineDecay(), "step", 0.5, lambda t: 1.0]).lines_) == [
        "CosineDecay",
        "step",
        "0.5",
        "function 4",
    ]


# --- displays that fit a clone -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learning_rate", [0.1, CosineDecay(0.1)], ids=["constant", "cosine"])
def test_coefficients_by_epoch_are_those_of_fits_that_end_there(learning_rate):
    """A schedule that depends on max_iter does not change if only some epochs are drawn."""
    given = GDRegressor(**PLAIN | {"learning_rate": learning_rate, "tol": 1e-3})
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    display = CoefficientPathDisplay.from_estimator(given, frame, Y, max_iter=5)
    assert display.names == ["a", "b", "c"]
    assert display.epochs.tolist() == [0, 1, 2, 3, 4, 5]
    assert not display.coefficients[0].any()
    if learning_rate == 0.1:
        fitted = GDRegressor(**PLAIN | {"max_iter": 5}).fit(X, Y)
        assert np.array_equal(display.coefficients[-1], fitted.coef_)
    whole = CoefficientPathDisplay.from_estimator(given, frame, Y)
    assert len(whole.epochs) == 13
    assert np.array_equal(whole.coefficients[:6], display.coefficients)
    assert not hasattr(given, "coef_")
    assert given.tol == 1e-3
    assert [line.get_label() for line in whole.lines_] == ["a", "b", "c"]


def test_recorded_coefficients():
    display = CoefficientPathDisplay.from_coefficients([[1.0, 0.0], [2.0, -1.0]], epochs=[10, 20], names=["u", "v"])
    assert display.lines_[1].get_xdata().tolist() == [10, 20]
    assert display.lines_[1].get_ydata().tolist() == [0.0, -1.0]
    few = CoefficientPathDisplay.from_coefficients(np.arange(20.0).reshape(2, 10)).plot(n_named=2)
    assert [text.get_text() for text in few.ax_.get_legend().get_texts()] == ["x9", "x8"]


def test_several_outputs_have_a_path_each():
    targets = np.column_stack([Y, -2 * Y])
    displays = [CoefficientPathDisplay.from_estimator(GDRegressor(**PLAIN), X, targets, output=k) for k in (0, 1)]
    assert np.allclose(displays[1].coefficients, -2 * displays[0].coefficients, rtol=1e-12, atol=1e-15)


def test_the_curve_after_each_epoch_is_that_of_a_fit_that_ends_there():
    model = make_pipeline(PolynomialFeatures(2, include_bias=False), GDRegressor(**PLAIN | {"max_iter": 200}))
    frame = pd.DataFrame({"speed": X[:, 0]})
    display = FitEvolutionDisplay.from_estimator(model, frame, Y, epochs=(1, 4, 9), grid_points=11)
    assert display.epochs.tolist() == [1, 4, 9]
    assert display.figure_.get_supxlabel() == "speed"
    for at, epoch in enumerate(display.epochs):
        model.set_params(gdregressor__max_iter=int(epoch)).fit(frame, Y)
        assert np.array_equal(display.curves[at], model.predict(pd.DataFrame({"speed": display.grid})))
        assert display.objectives[at] == model[-1].loss_curve_[-1]
    assert len(display.axes_) == 3
    assert len(display.axes_[2].lines) == 1 + 2 + 1


def test_the_curve_of_a_classifier_is_a_probability():
    display = FitEvolutionDisplay.from_estimator(GDClassifier(**PLAIN), X[:, :1], LABELS, epochs=(1, 12))
    model = GDClassifier(**PLAIN).fit(X[:, :1], LABELS)
    assert np.array_equal(display.curves[1], model.predict_proba(display.grid[:, None])[:, 1])


@pytest.mark.parametrize("solver", ["auto", "sgd"])
def test_epochs_beyond_the_end_show_the_end(solver):
    """The iterations of the default method can be plotted too, although it may end before the last epoch."""
    model = GDRegressor(solver=solver, alpha=0.1, max_iter=3, random_state=0)
    display = FitEvolutionDisplay.from_estimator(model, X[:, :1], Y, epochs=(1, 2, 3))
    assert display.epochs[-1] <= 3
    expected = GDRegressor(solver=solver, alpha=0.1, max_iter=3, tol=None, random_state=0).fit(X[:, :1], Y)
    assert display.objectives[-1] == expected.loss_curve_[-1]
    assert np.array_equal(display.curves[-1], expected.predict(display.grid[:, None]))


def test_epochs_are_a_sequence():
    with pytest.raises(TypeError, match=r"epochs=3 must be a sequence of integers >= 1, e\.g\. \(3,\)"):
        FitEvolutionDisplay.from_estimator(GDRegressor(**PLAIN), X[:, :1], Y, epochs=3)


# --- paths ---------------------------------------------------------------------------------------------------------------


def test_paths_from_several_starts():
    display = DescentPathDisplay.from_function(
        bowl, [[-1.0, 2.0], [2.5, 1.5]], jac=bowl_slope, learning_rate=0.03, names=("a", "b")
    )
    found = gradient_descent(bowl, [2.5, 1.5], jac=bowl_slope, learning_rate=0.03, return_all=True)
    assert list(display.paths) == ["from (-1, 2)", "from (2.5, 1.5)"]
    assert np.array_equal(display.paths["from (2.5, 1.5)"], found.allvecs)
    line = display.lines_["from (2.5, 1.5)"]
    assert np.array_equal(np.column_stack(line.get_data()), found.allvecs)
    assert display.limits[0].tolist() == [-1.0 - 0.25 * 3.5, 2.5 + 0.25 * 3.5]
    assert display.values[3, 5] == bowl([display.grid[0][5], display.grid[1][3]])
    assert display.ax_.get_xlabel() == "a"


def test_a_path_on_a_curve():
    def square(x):
        return x[0] ** 2

    display = DescentPathDisplay.from_function(square, -1.5, learning_rate=0.25, maxiter=2, limits=[(-2, 2)])
    x, y = display.lines_["from -1.5"].get_data()
    assert x == pytest.approx([-1.5, -0.75, -0.375], abs=1e-7)
    assert y == pytest.approx([2.25, 0.5625, 0.140625], abs=1e-6)
    assert display.ax_.get_xlim() == (-2, 2)
    assert display.ax_.get_ylabel() == "f(x)"
    both = DescentPathDisplay.from_function(
        lambda x: (x[0] ** 2, 2 * x), [[-1.5], [1.0]], jac=True, learning_rate=0.25, maxiter=2
    )
    assert list(both.paths) == ["from -1.5", "from 1"]


def test_paths_of_other_methods_of_scipy():
    results = [minimize(bowl, [0.0, 0.0], method=method, options={"return_all": True}) for method in ("BFGS", gradient_descent)]
    display = DescentPathDisplay.from_results(results, bowl)
    assert list(display.paths) == ["path 1", "path 2"]
    assert np.array_equal(display.paths["path 1"], results[0].allvecs)
    assert list(DescentPathDisplay.from_result(results[1], bowl, name="ours").paths) == ["ours"]


def test_an_estimators_path_lies_on_its_own_objective():
    """There are only two coefficients, so F along the path is the loss curve."""
    model = GDRegressor(**PLAIN)
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"])
    display = DescentPathDisplay.from_estimator(model.set_params(fit_intercept=False), frame, Y, features=("b", 0), grid_points=9)
    (path,) = display.paths.values()
    fitted = model.fit(frame, Y)
    assert np.array_equal(path[-1], fitted.coef_[::-1])
    assert [display.fun(point) for point in path[1:]] == fitted.loss_curve_
    assert display.names == ["coefficient of b", "coefficient of a"]
    one = DescentPathDisplay.from_estimator(GDRegressor(**PLAIN), X, Y, features="intercept", grid_points=9)
    assert one.ax_.get_xlabel() == "intercept"
    assert one.ax_.get_ylabel() == "objective F"


def test_an_animation_has_a_picture_for_each_step(tmp_path):
    from PIL import Image

    display = DescentPathDisplay.from_function(bowl, [0.0, 0.0], jac=bowl_slope, learning_rate=0.03, maxiter=2)
    with Image.open(display.save_animation(tmp_path / "path.gif", fps=5, dpi=30)) as picture:
        assert picture.n_frames == 3
        assert picture.info["duration"] == 200
    with Image.open(display.save_animation(tmp_path / "short.gif", dpi=30, max_frames=2, legend=False)) as picture:
        assert picture.n_frames == 2


def test_one_thing_by_itself_is_a_list_of_one():
    """Also for objects with a length or keys: pipelines, strings and results."""
    model = make_pipeline(StandardScaler(), GDRegressor(**PLAIN)).fit(X, Y)
    assert list(LossCurveDisplay.from_estimators(model).lines_) == ["GDRegressor"]
    assert list(ScheduleDisplay.from_schedules("cosine").lines_) == ["cosine"]
    assert list(ScheduleDisplay.from_schedules(0.1).lines_) == ["0.1"]
    found = gradient_descent(bowl, [0.0, 0.0], return_all=True)
    assert list(DescentPathDisplay.from_results(found, bowl).lines_) == ["path 1"]


def test_the_coefficients_of_a_class_are_called_so():
    labels = np.array(["a", "b", "c"])[np.arange(len(Y)) % 3]
    display = CoefficientPathDisplay.from_estimator(GDClassifier(**PLAIN), X, labels, output=2)
    assert display.ax_.get_ylabel() == "coefficient of class c"


def test_the_mean_that_is_served_ends_the_path():
    found = gradient_descent(lambda x: x @ x, [1.0, -2.0], jac=lambda x: 2 * x, optimizer="dowg", gtol=1e-2, return_all=True)
    path = DescentPathDisplay.from_result(found, lambda x: x @ x).paths["path"]
    assert found.success
    np.testing.assert_array_equal(path[-1], found.x)


def test_a_function_takes_its_arguments():
    display = DescentPathDisplay.from_function(lambda x, a: a * x[0] ** 2, [[1.0]], args=(3.0,), learning_rate=0.1)
    assert display.paths["from 1"][1] == pytest.approx([0.4], abs=1e-6)


def test_a_gap_of_nothing_is_left_out_of_a_logarithmic_axis():
    model = GDRegressor(**PLAIN).fit(X, Y)
    display = LossCurveDisplay.from_estimator(model, minimum=min(model.loss_curve_), yscale="log")
    (line,) = display.lines_.values()
    assert np.isnan(line.get_ydata()).sum() == 1


@pytest.mark.parametrize(("setting", "value"), [("fps", 0), ("dpi", -1), ("max_frames", 1)])
def test_an_animation_with_nothing_to_see_is_refused(setting, value, tmp_path):
    display = DescentPathDisplay.from_function(bowl, [[0.0, 0.0]])
    with pytest.raises(ValueError, match=f"{setting}={value} must be >"):
        display.save_animation(tmp_path / "path.gif", **{setting: value})


# --- errors --------------------------------------------------------------------------------------------------------------


def path_of(features, **more):
    return DescentPathDisplay.from_estimator(GDRegressor(**PLAIN), X, Y, features=features, **more)


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: LossCurveDisplay.from_estimator(GDRegressor()), ValueError, r"not fitted: call fit\(X, y\) before"),
        (lambda: LossCurveDisplay.from_estimator(LinearRegression()), ValueError, "LinearRegression has no loss curve"),
        (lambda: LossCurveDisplay.from_estimator(SGDRegressor()), ValueError, "SGDRegressor has no loss curve"),
        (
            lambda: LossCurveDisplay.from_estimator(GridSearchCV(GDRegressor(), {"alpha": [1e-4]})),
            ValueError,
            "this GridSearchCV has no best_estimator_: fit it with refit=True",
        ),
        (lambda: ScheduleDisplay.from_schedule("cosine", n_steps=1), ValueError, "n_steps=1 must be an integer >= 2"),
        (lambda: path_of((0, 0)), ValueError, r"features=\[0, 0\] contains the same coefficient twice"),
        (lambda: LossCurveDisplay.from_estimators([]), ValueError, "nothing to plot: the list is empty"),
        (lambda: LossCurveDisplay.from_estimators({}), ValueError, "nothing to plot: the dict is empty"),
        (lambda: ScheduleDisplay.from_schedule("auto"), ValueError, "'auto' depends on the data"),
        (lambda: ScheduleDisplay.from_schedule("cosin"), ValueError, "learning_rate='cosin' is not known"),
        (lambda: CoefficientPathDisplay.from_estimator(LinearRegression(), X, Y), TypeError, "LinearRegression is not supported"),
        (lambda: CoefficientPathDisplay.from_estimator(GDRegressor(**PLAIN), X, Y, output=1), ValueError, "output=1 must be one"),
        (lambda: CoefficientPathDisplay.from_coefficients([1.0]), ValueError, r"\(n_epochs, n_features\), not \(1,\)"),
        (lambda: CoefficientPathDisplay.from_coefficients([[1.0]], names="ab"), ValueError, "names has 2 entries"),
        (lambda: CoefficientPathDisplay.from_coefficients([[1.0]], epochs=[1, 2]), ValueError, "epochs has 2 entries"),
        (lambda: FitEvolutionDisplay.from_estimator(GDRegressor(), X, Y), ValueError, r"X has shape \(60, 3\)"),
        (lambda: FitEvolutionDisplay.from_estimator(GDRegressor(), X[:, :1], Y, epochs=[0]), ValueError, "integers >= 1"),
        (
            lambda: FitEvolutionDisplay.from_estimator(GDClassifier("hinge", **PLAIN), X[:, :1], LABELS),
            ValueError,
            "must have two classes and predict_proba",
        ),
        (
            lambda: FitEvolutionDisplay.from_estimator(GDRegressor(**PLAIN), X[:, :1], Y, epochs=[1, 2], axes=[None]),
            ValueError,
            "axes has 1 entries, but there are 2 epochs",
        ),
        (lambda: DescentPathDisplay.from_function(sum, [0.0] * 3), ValueError, r"a path must have shape \(n_points, 1\)"),
        (lambda: DescentPathDisplay.from_result(minimize(bowl, [0.0, 0.0]), bowl), ValueError, "has no path: call minimize with"),
        (
            lambda: DescentPathDisplay(paths={"a": [[0.0, 0.0]]}, fun=bowl, limits=[(0, 1)]),
            ValueError,
            "limits must have one pair",
        ),
        (lambda: DescentPathDisplay(paths={"a": [[0.0]], "b": [[0.0, 0.0]]}, fun=bowl), ValueError, "must have the same number"),
        (lambda: path_of(("a", 1)), ValueError, "features: 'a' is not a feature"),
        (lambda: path_of((0, 3)), ValueError, "features: 3 must be a feature index from 0 to 2"),
        (lambda: path_of((0, 1, 2)), ValueError, "must contain one or two coefficients"),
        (lambda: path_of((0, 1), output=2), ValueError, "output=2 must be one of the 1 rows"),
    ],
)
def test_errors_say_what_to_do(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


def test_a_fit_that_diverges_at_once_has_the_objective_of_the_model_kept():
    wild = {"solver": "batch", "optimizer": "gd", "learning_rate": 1e200}
    with pytest.warns(UserWarning, match="diverged in epoch 1"):
        model = GDRegressor(**wild, early_stopping=True, random_state=0).fit(X, Y)
    assert LossCurveDisplay.from_estimator(model).lines_["GDRegressor"].get_ydata() == model.loss_curve_
    model.loss_curve_ = []  # as in a pickle of an earlier version
    with pytest.raises(ValueError, match="diverged in the first epoch; decrease learning_rate"):
        LossCurveDisplay.from_estimator(model)
    with pytest.raises(ValueError, match="diverged in its first epoch"):
        CoefficientPathDisplay.from_estimator(GDRegressor(**wild), X, Y)


@pytest.mark.parametrize(("fit_intercept", "shown"), [(True, ["coefficient of x0", "intercept"]), (False, ["coefficient of x0"])])
def test_the_path_of_a_single_feature(fit_intercept, shown):
    """Slope and intercept, as in any course."""
    model = GDRegressor(**PLAIN, fit_intercept=fit_intercept)
    display = DescentPathDisplay.from_estimator(model, X[:, :1], Y, grid_points=9)
    assert list(display.names) == shown
    assert len(display.paths["12 epochs"][0]) == len(shown)
