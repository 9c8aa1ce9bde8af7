"""The examples: each runs in an empty folder without a display, and its numbers match its text."""

import inspect
import math
import runpy
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

EXAMPLES = {path.stem.removeprefix("plot_"): path for path in sorted((Path(__file__).parents[1] / "examples").glob("*.py"))}


class Names:
    """The variables of an example."""

    def __init__(self, found, printed):
        vars(self).update(found)
        self.printed = printed


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_tells_the_truth(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        found = runpy.run_path(str(EXAMPLES[name]))
        assert plt.get_fignums()
        CHECKS[name](Names(found, capsys.readouterr().out))
    finally:
        plt.close("all")


def test_every_example_is_checked():
    assert set(CHECKS) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_begins_with_a_title(name):
    """As sphinx-gallery needs it: a docstring that is a heading, its line, and sentences that the gallery shows as plain text."""
    text = EXAMPLES[name].read_text(encoding="utf-8")
    heading, about = inspect.cleandoc(text.split('"""')[1]).split("\n\n")[:2]
    title, line = heading.splitlines()
    assert line == "=" * len(title)
    assert about[0].isupper()
    assert about.endswith(".")
    assert ":math:" not in about


# --- numbers of each example ---------------------------------------------------------------------------------------------


def descent_on_a_curve(it):
    assert it.slope(-0.9) == pytest.approx(-22.8, abs=1e-12)
    assert it.good.allvecs[1][0] == pytest.approx(-0.216, abs=1e-12)
    assert it.good.x[0] == pytest.approx(1.0, abs=1e-6)
    assert it.good.success
    factors = {name: np.diff(np.ravel(result.allvecs[:4])) for name, result in (("over", it.over), ("wild", it.wild))}
    assert factors["over"][1:] / factors["over"][:-1] == pytest.approx(-0.8)
    assert factors["wild"][1:] / factors["wild"][:-1] == pytest.approx(-1.16)
    assert it.over.x[0] == pytest.approx(1.0, abs=1e-6)
    assert not it.wild.success
    assert "grows without bound. Decrease the learning rate, which was 0.18." in it.wild.message
    assert np.ravel(it.square.allvecs[:5]) == pytest.approx(-1.5 * 0.8 ** np.arange(5))
    assert it.found.x[0] == pytest.approx(1.0, abs=1e-6)


def descent_on_a_map(it):
    for end in it.ends.values():
        assert end == pytest.approx([1.0, 7 / 9], abs=2e-6)
    left, right = it.valley_ends
    assert left == pytest.approx([-1.036, 0.0], abs=5e-4)
    assert right == pytest.approx([0.960, 0.0], abs=5e-4)
    assert it.valleys(left) < it.valleys(right) - 0.5
    assert 0 <= it.descent_gap < 1e-10
    assert it.chance_gap > 1
    heights = {name.split(",")[0]: it.valley(result.allvecs[-1]) for name, result in it.results.items()}
    assert list(heights) == ["gd", "momentum", "nesterov", "rmsprop", "adagrad", "adam"]
    assert max(heights, key=heights.get) == "gd"
    assert max(heights.values()) < it.valley([-4.0, 0.8]) / 10


def relu_neuron(it):
    assert it.before == pytest.approx([0.0, 1.0, 0.0], abs=1e-12)
    assert it.moved == pytest.approx([0.0, 0.0002, 0.0003], abs=1e-15)
    assert it.start[1] + 0.0002 == pytest.approx(0.0002 - 3000 / 11600000, abs=1e-18)
    assert it.after == pytest.approx([0.43, 1.0, 1.3], abs=1e-12)
    assert np.round(it.losses, 3).tolist() == [0.092, 0.0, 0.045]
    assert it.losses[0] == pytest.approx(0.43**2 / 2)
    assert it.final == pytest.approx([0.0, 1.0, 1.0], abs=5e-4)


def roller_coaster(it):
    assert np.round(it.squared)[[0, 1, 2, 3, 4, 5, 10]].tolist() == [547, 363, 328, 322, 320, 320, 320]
    assert it.squared[400] == pytest.approx(319.4, abs=0.05)
    assert it.auto_error == pytest.approx(it.exact_error, rel=1e-6)
    assert it.auto_error == pytest.approx(5.3251, abs=5e-5)
    assert it.errors == {"squared_error": pytest.approx(5.14, abs=5e-3), "absolute_error": pytest.approx(2.03, abs=5e-3)}
    # The update of the lesson, on the mean squared error at the rate of the lesson.
    columns, w = np.column_stack([it.t, it.t**2, np.ones(20)]), np.zeros(3)
    for _ in range(10):
        w -= 1e-5 * 2 * columns.T @ (columns @ w - it.speed) / 20
    assert it.squared[10] == pytest.approx(np.mean((columns @ w - it.speed) ** 2), rel=1e-12)


def seven_steps(it):
    assert it.same
    assert it.curve[1:] == pytest.approx(it.model.loss_curve_, rel=1e-14)
    assert 10 < it.steps < 100
    assert it.curve[-1] < it.curve[0] / 50


def rows_per_step(it):
    first = [fit.loss_curve_[0] - it.lowest for fit in it.fits.values()]
    assert first == sorted(first)
    assert [fit.t_ for fit in it.fits.values()] == [40 * n for n in (569, 18, 9, 5, 1)]
    constants = [noise * size**0.5 for size, noise in it.noise.items()]
    assert max(constants) < 1.15 * min(constants)
    assert it.ends["decaying rate"] < it.ends["all samples"] < it.ends["constant rate"]


def rates_and_schedules(it):
    (message,) = it.diverged
    assert "learning rate of up to 0.6" in message
    lowest = {name: min(model.loss_curve_) for name, model in it.curves.items()}
    assert min(lowest, key=lowest.get) == "rate 0.4"
    assert lowest["rate 0.04"] < 1.02 * lowest["rate 0.4"]
    assert lowest["rate 0.0004"] > 1.5 * lowest["rate 0.4"]
    assert set(it.schedules.lines_) == set(it.SCHEDULES)
    assert min(gap for name, gap in it.gaps.items() if name != "auto") > 1e-5
    assert it.gaps["auto"] < 1e-10
    assert it.gaps["momentum"] < it.gaps["gd"] / 2
    for name in ("adagrad", "rmsprop", "adam", "nadam", "ftrl"):
        assert it.gaps[name] < it.gaps["momentum"]


def checking_a_gradient(it):
    assert it.difference < 1e-7
    assert it.complaint.startswith("Mistaken.gradient at ")
    assert 1e-7 < it.best < 1e-4
    assert min(it.errors) < 1e-10
    assert it.with_gradient == pytest.approx(it.without, abs=1e-4)


def multiclass_hinge(it):
    assert it.value == 0.5
    assert it.slope.tolist() == [-1.0, 1.0, 0.0]
    assert all(0.5 < share < 0.6 for share in it.accuracy.values())
    assert list(it.norms.values()) == sorted(it.norms.values(), reverse=True)


def empirical_risk(it):
    assert it.X_train.shape == (170, 495)
    assert np.all(np.diff(it.train_risk) < 0)
    assert 10 < it.turn < it.epochs - 10
    assert it.test_risk[-1] > it.test_risk.min()
    assert it.stopped_risk[-1] < 1.05 * it.test_risk.min()
    assert it.automatic.best_iter_ < it.stop
    assert it.automatic_risk > it.stopped_risk[-1]


def density(it):
    for result in it.found.values():
        assert result.success
        mean, deviation, share = it.parts(result.x)
        assert [*mean, *deviation, share[0]] == pytest.approx([-2.0, 1.422, 0.582, 1.214, 0.297], abs=1e-3)
        assert result.fun == pytest.approx(it.found["BFGS"].fun, abs=1e-6)


def digits_softmax(it):
    assert it.loss == pytest.approx(math.log(10), rel=1e-14)
    assert it.difference < 1e-14
    assert it.accuracy == pytest.approx(0.972, abs=5e-3)
    assert it.trained.best_iter_ < it.trained.n_iter_ < 100


def counts(it):
    assert it.difference < 1e-5
    assert it.foreseen == pytest.approx(it.claims.sum(), rel=1e-5)
    assert it.by_year == pytest.approx(math.exp(-0.03), abs=2e-3)
    assert it.factors[1:] == pytest.approx([0.7, 1.6], rel=0.1)


def quantile_bands(it):
    assert it.below == {0.1: pytest.approx(0.1, abs=0.02), 0.5: pytest.approx(0.5, abs=0.03), 0.9: pytest.approx(0.9, abs=0.02)}
    assert it.widths == pytest.approx(2.563 * (0.2 + 0.2 * it.ends[:, 0]), rel=0.15)


def text(it):
    assert it.lowest == {"lunch", "train", "tonight", "mum"}
    assert it.highest == {"prize", "winner", "urgent", "free"}
    assert it.kept["l1"] == 8
    assert it.kept["SGD, l1"] < it.kept["default"] / 5
    assert min(it.scores.values()) > 0.85
    assert it.difference < 1e-9


def drift(it):
    assert it.truth == pytest.approx(0.83, abs=5e-3)
    for name, (before, just_after, end) in it.shares.items():
        assert before > 0.82
        assert just_after < 0.4
        assert (end > 0.75) == (name in ("constant rate", "Adam"))


def nested_search(it):
    assert len(it.search.cv_results_["params"]) == 10
    assert it.chosen["alpha"] == 0.01
    assert it.within < it.around.mean() < 47
    assert "always the median: 65.04" in it.printed


def from_sgdclassifier(it):
    assert it.difference < 1e-12
    assert it.objectives["GDClassifier"] < 0.1
    assert it.objectives["SGDClassifier"] > 1000
    assert len(it.said) == 0


def own_loss(it):
    slopes = {name: model.coef_[0] for name, model in it.models.items()}
    assert slopes["Welsch"] == pytest.approx(1.5, abs=0.05)
    assert slopes["squared error"] < 1.2


def stream(it):
    assert np.mean(it.right) > 0.8
    assert it.model.t_ == 90


def larger_than_memory(it):
    assert "10 files, 4.8 MB" in it.printed
    assert "(30000, 20) 0" in it.printed
    assert 1.5 < it.sweeps / it.model.n_iter_ < 5.0
    assert it.difference < 1e-8
    assert it.accuracy == pytest.approx(0.867, abs=5e-3)


def quickstart(it):
    scores = {(data, name): score for data, name, score, _ in it.rows}
    assert scores["digits", "GDClassifier()"] > 0.94
    assert scores["breast cancer", "GDClassifier()"] > 0.93
    for data in ("digits", "breast cancer"):
        assert scores[data, "GDClassifier()"] > scores[data, "SGDClassifier()"]
    assert it.picture.name == "quickstart_loss_curves.png"
    assert "the loss curves are in quickstart_loss_curves.png" in it.printed


CHECKS = {
    check.__name__: check
    for check in (
        descent_on_a_curve,
        descent_on_a_map,
        relu_neuron,
        roller_coaster,
        seven_steps,
        rows_per_step,
        rates_and_schedules,
        checking_a_gradient,
        multiclass_hinge,
        empirical_risk,
        density,
        digits_softmax,
        counts,
        quantile_bands,
        text,
        drift,
        nested_search,
        from_sgdclassifier,
        own_loss,
        stream,
        larger_than_memory,
        quickstart,
    )
}
