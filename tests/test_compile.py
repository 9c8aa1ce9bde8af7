"""Compilation of plain functions: errors for unsupported code, the cache on disk, and its invalidation."""

import importlib.util
import json
import math
import os
import pickle
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numba
import numpy as np
import pytest

import sklearn_gd
from sklearn_gd import ClassificationLoss, GDClassifier, GDRegressor, Optimizer, Penalty, RegressionLoss, _compile, _stamps
from sklearn_gd._compile import compiled
from sklearn_gd._kernels.blocks import GRADIENT, VECTOR, loss_functions, make_gradient, make_numeric_gradient
from sklearn_gd._leaves import derived_leaf, leaf, leaf_with_parameters
from sklearn_gd.losses import SquaredError

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 2))
Y = X @ [1.0, -2.0] + 0.5 + rng.normal(size=30)
LABELS = np.arange(30) % 3
ONE_PASS = {"solver": "sgd", "learning_rate": 0.05, "shuffle": False, "max_iter": 1, "tol": None}
# A loop that takes the functions of the loss by their addresses.
BATCHES = {"solver": "minibatch", "learning_rate": 0.05, "shuffle": False, "max_iter": 2, "tol": None}


def line_of(function, mark):
    """The line of this file that contains `mark`, within the function."""
    code = function.__code__
    lines = Path(__file__).read_text().splitlines()
    return next(n for n in range(code.co_firstlineno, len(lines) + 1) if lines[n - 1].endswith(f"# {mark}"))


# --- what cannot be compiled ---------------------------------------------------------------------------------------------


class BadValue(RegressionLoss):
    @staticmethod
    def value(y, raw):
        r = raw - y
        return r * eval("r")  # BadValue


class BadGradient(RegressionLoss):
    @staticmethod
    def value(y, raw):
        return 0.5 * (raw - y) ** 2

    @staticmethod
    def gradient(y, raw):
        table = {1: "a"}
        return (raw - y) * eval("len(table)", {}, {"table": table})  # BadGradient


class BadSecond(RegressionLoss):
    value = staticmethod(SquaredError.value)
    gradient = staticmethod(SquaredError.gradient)

    @staticmethod
    def second_derivative(y, raw):
        if raw > y:
            return 1.0
        return eval("1.0")  # BadSecond


class BadRow(ClassificationLoss):
    @staticmethod
    def value(y, raw):
        return max(0.0, 1.0 - y * raw)

    @staticmethod
    def multiclass_value(y, raw):
        return raw[y].no_such_attribute  # BadRow


class BadPenalty(Penalty):
    @staticmethod
    def value(w):
        return np.sort(w)[0]  # BadPenalty


class BadOverload(Penalty):
    @staticmethod
    def value(w):
        return sorted(w)


class BadUpdate(Optimizer):
    @staticmethod
    def update(w, g, rate, t):
        return w - rate * eval("g"), rate  # BadUpdate


def bad_helper(r):
    return r * eval("r")


class BadHelper(RegressionLoss):
    @staticmethod
    def value(y, raw):
        return bad_helper(raw - y)


class BadReturn(ClassificationLoss):
    @staticmethod
    def value(y, raw):
        return max(0.0, 1.0 - y * raw)

    @staticmethod
    def multiclass_value(y, raw):
        return raw, y


@pytest.mark.parametrize(
    ("part", "function", "estimator"),
    [
        (BadValue, "value", lambda part: GDRegressor(loss=part, **ONE_PASS)),
        (BadGradient, "gradient", lambda part: GDRegressor(loss=part, **ONE_PASS)),
        (BadSecond, "second_derivative", lambda part: GDRegressor(loss=part)),
        (BadRow, "multiclass_value", lambda part: GDClassifier(loss=part)),
        (BadPenalty, "value", lambda part: GDRegressor(penalty=part)),
        (BadUpdate, "update", lambda part: GDRegressor(optimizer=part, **ONE_PASS)),
    ],
)
def test_a_function_that_cannot_be_compiled_is_named_with_its_line(part, function, estimator):
    line = line_of(getattr(part, function), part.__name__)
    message = rf"^{part.__name__}\.{function} cannot be compiled \({re.escape(__file__)}, line {line}\)\. Compiled functions use"
    model = estimator(part())
    with pytest.raises(TypeError, match=message):
        model.fit(X, LABELS if isinstance(model, GDClassifier) else Y)
    assert not hasattr(model, "coef_")


def test_a_function_whose_helper_cannot_be_compiled_is_named():
    with pytest.raises(TypeError, match=r"^BadHelper\.value cannot be compiled .*bad_helper"):
        GDRegressor(loss=BadHelper(), **ONE_PASS).fit(X, Y)


def test_a_function_at_which_the_compiler_itself_fails_is_named():
    with pytest.raises(TypeError, match=r"^BadOverload\.value"):
        GDRegressor(penalty=BadOverload()).fit(X, Y)


def test_a_function_that_returns_something_else_is_named():
    with pytest.raises(TypeError, match=r"^BadReturn\.multiclass_value.* returns a wrong number or type of values"):
        GDClassifier(loss=BadReturn()).fit(X, LABELS)


# --- what can ------------------------------------------------------------------------------------------------------------


def inner(r):
    return 0.5 * r * r


def outer(r):
    return inner(r) if r > 0.0 else inner(-r)


HALF = 0.5


class Squared(RegressionLoss):
    """The squared error with helpers that call each other, a function of NumPy, and a constant of the module."""

    @staticmethod
    def value(y, raw):
        return outer(raw - y)

    @staticmethod
    def gradient(y, raw):
        return 2.0 * HALF * np.sign(raw - y) * math.fabs(raw - y)


class ValueOnly(RegressionLoss):
    @staticmethod
    def value(y, raw):
        return 0.5 * (raw - y) ** 2


def one_pass(loss, settings=ONE_PASS):
    """Coefficients and intercept after one pass of stochastic descent, or with other settings."""
    model = GDRegressor(loss=loss, **settings).fit(X, Y)
    return np.append(model.coef_, model.intercept_)


@pytest.mark.parametrize(("loss", "tolerance"), [(Squared(), 1e-14), (ValueOnly(), 1e-8)], ids=repr)
def test_a_loss_of_ones_own_does_what_the_built_in_one_does(loss, tolerance):
    np.testing.assert_allclose(one_pass(loss), one_pass("squared_error"), rtol=tolerance)
    ours, theirs = (GDRegressor(loss=each, tol=1e-12).fit(X, Y) for each in (loss, "squared_error"))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6)


def test_a_closure_is_compiled():
    def scaled(scale):
        class Scaled(RegressionLoss):
            @staticmethod
            def value(y, raw):
                return scale * (raw - y) ** 2

            @staticmethod
            def gradient(y, raw):
                return 2.0 * scale * (raw - y)

        return Scaled()

    np.testing.assert_allclose(one_pass(scaled(0.5)), one_pass("squared_error"), rtol=1e-14)
    assert np.abs(one_pass(scaled(1.0)) - one_pass("squared_error")).max() > 0.01


def test_a_redefined_class_of_the_same_name_is_another():
    """As in a notebook in which a cell is run again."""
    results = []
    for factor in ("1.0", "2.0"):
        namespace = {"RegressionLoss": RegressionLoss}
        exec(loss_source(f"{factor} * (raw - y)").split("\n", 1)[1], namespace)
        results.append(one_pass(namespace["Mine"]()))
    np.testing.assert_allclose(results[0], one_pass("squared_error"), rtol=1e-14)
    assert np.abs(results[1] - results[0]).max() > 0.01


# --- what NumPy is in compiled code ----------------------------------------------------------------------------------------

SPECIAL = [0.0, 1.0, -1.0, 0.5, -0.75, 1e-9, -1e-9, 3.0, 40.0, -40.0, 700.0, 709.75, 800.0, -800.0, 1e300, 1.7e308]
SPECIAL += [math.inf, -math.inf, math.nan, -2.0]
ONE = {"exp": lambda x: np.exp(x), "log1p": lambda x: np.log1p(x), "abs": lambda x: np.abs(x), "sign": lambda x: np.sign(x)}
ONE |= {
    "absolute": lambda x: np.absolute(x),
    "expm1": lambda x: np.expm1(x),
    "log": lambda x: np.log(x),
    "sqrt": lambda x: np.sqrt(x),
    "tanh": lambda x: np.tanh(x),
}
ONE |= {"clip": lambda x: np.clip(x, -0.5, 2), "where": lambda x: np.where(x > 0, 1, x)}
TWO = {"maximum": lambda x, y: np.maximum(x, y), "minimum": lambda x, y: np.minimum(x, y)}


def callable_leaf(function):
    """A function that calls the leaf of `function`, which Python cannot call itself."""
    inner = leaf(function).dispatcher
    return numba.njit(lambda *arguments: inner(*arguments), error_model="numpy")


@pytest.mark.parametrize("name", ONE)
def test_a_function_of_a_number_is_that_of_numpy(name):
    function, kernel = ONE[name], callable_leaf(ONE[name])
    spread = np.concatenate([rng.uniform(-1, 1, 500), rng.normal(size=500) * 100.0, 10.0 ** rng.uniform(-300, 300, 500)])
    with np.errstate(all="ignore"):
        for x in [*SPECIAL, *spread.tolist()]:
            np.testing.assert_allclose(kernel(x), function(x), rtol=5e-16, atol=1e-307)
    assert kernel(1) == pytest.approx(function(1.0), rel=5e-16)


@pytest.mark.parametrize("name", TWO)
def test_the_larger_and_the_smaller_of_two_are_those_of_numpy(name):
    kernel = callable_leaf(TWO[name])
    for x in SPECIAL:
        for y in (*SPECIAL, 2):
            np.testing.assert_array_equal(kernel(x, y), TWO[name](x, y))


def of_arrays(x):
    chosen = np.where(np.maximum(np.exp(x), 1.0) > 2.0, np.sign(x), 0.0)
    return chosen.sum() + np.pi + np.empty(3).size + np.clip(x, 0.0, 1.0).sum() + np.minimum(np.abs(np.log1p(x * x)), x).sum()


def test_arrays_and_the_rest_of_numpy_are_there_too():
    x = rng.normal(size=20)
    assert callable_leaf(of_arrays)(x) == pytest.approx(of_arrays(x), rel=1e-14)


def test_a_helper_and_another_name_of_numpy_are_served_alike(directory):
    text = loss_source("numpy.where(raw > y, positive_part(raw - y), 0.0)", "import numpy\nfrom near import positive_part")
    written(directory / "near.py", "import numpy as np\ndef positive_part(x):\n    return np.maximum(x, 0.0)\n")
    path = written(directory / "mine.py", text)
    assert slope(loaded(path).Mine()) == (1.0, False)
    assert slope(loaded(path).Mine()) == (1.0, True)


def test_an_edit_of_the_functions_of_numbers_is_seen(directory, monkeypatch):
    path = written(directory / "mine.py", loss_source("np.abs(raw - y)", "import numpy as np"))
    plain = written(directory / "plain.py", loss_source("raw - y"))
    for hit in (False, True):
        assert slope(loaded(path).Mine()) == (1.0, hit)
        assert slope(loaded(plain).Mine()) == (1.0, hit)
    monkeypatch.setitem(_stamps._stand_ins, np, (_stamps._stand_ins[np][0], "edited"))
    assert slope(loaded(path).Mine()) == (1.0, False)
    assert slope(loaded(plain).Mine()) == (1.0, True)


# --- kept on disk --------------------------------------------------------------------------------------------------------


def loss_source(gradient, before=""):
    """A module with a squared error whose gradient is given as text."""
    return textwrap.dedent("""\
        from sklearn_gd import RegressionLoss
        {before}

        class Mine(RegressionLoss):
            @staticmethod
            def value(y, raw):
                return 0.5 * (raw - y) ** 2

            @staticmethod
            def gradient(y, raw):
                return {gradient}
        """).format(gradient=gradient, before=before)


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A directory for modules, which can import each other, with a separate disk cache."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


def loaded(path):
    """The module of a file as in a new process: modules in its folder are reloaded too, and no function is known."""
    _stamps._known.clear()
    _stamps._first_of.clear()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(path.parent)):
            del sys.modules[name]
    importlib.invalidate_caches()
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


def written(path, text):
    """Write a file whose time stamp differs from that of the last version."""
    last = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    if path.stat().st_mtime_ns == last:
        os.utime(path, ns=(last + 1, last + 1))
    return path


def slope(loss):
    """The compiled gradient at a residual of one, and whether its machine code was loaded from disk."""
    functions = loss_functions(loss, 1, False)
    gradient = compiled(make_gradient, GRADIENT, functions.target, functions.gradient)
    out = np.empty((1, 1))
    gradient(np.array([[1.0]]), np.array([[2.0]]), out, functions.parameters)
    return out[0, 0], bool(gradient.stats.cache_hits)


def test_machine_code_is_read_from_disk_while_its_source_stays(directory):
    path = written(directory / "mine.py", loss_source("raw - y"))
    assert slope(loaded(path).Mine()) == (1.0, False)
    files = sorted((directory / "cache").rglob("*"))
    assert slope(loaded(path).Mine()) == (1.0, True)
    assert sorted((directory / "cache").rglob("*")) == files


def test_an_edit_is_seen(directory):
    path = written(directory / "mine.py", loss_source("raw - y"))
    assert slope(loaded(path).Mine()) == (1.0, False)
    written(path, loss_source("y - raw"))
    assert slope(loaded(path).Mine()) == (-1.0, False)
    assert slope(loaded(path).Mine()) == (-1.0, True)


def test_an_edit_of_a_helper_in_another_file_is_seen(directory):
    """An edit is detected also if only a helper calls the edited function."""
    far = written(directory / "far.py", "def far(r):\n    return 2.0 * r\n")
    near = written(directory / "near.py", "from far import far\ndef near(r):\n    return far(r)\n")
    path = written(directory / "mine.py", loss_source("near(raw - y)", "from near import near"))
    assert slope(loaded(path).Mine()) == (2.0, False)
    assert slope(loaded(path).Mine()) == (2.0, True)
    written(far, "def far(r):\n    return 3.0 * r\n")
    assert slope(loaded(path).Mine()) == (3.0, False)
    written(near, "from far import far\ndef near(r):\n    return -far(r)\n")
    assert slope(loaded(path).Mine()) == (-3.0, False)


def test_a_constant_of_the_same_file_is_seen(directory):
    path = written(directory / "mine.py", loss_source("SCALE * (raw - y)", "SCALE = 2.0"))
    assert slope(loaded(path).Mine()) == (2.0, False)
    written(path, loss_source("SCALE * (raw - y)", "SCALE = 3.0"))
    assert slope(loaded(path).Mine()) == (3.0, False)


@pytest.mark.parametrize(
    ("value", "gradient", "imported"),
    [
        ("{}", "SCALE * (raw - y)", "from constants import SCALE"),
        ("({}, 1.0)", "SCALE[0] * (raw - y)", "from constants import SCALE"),
        ("np.float64({})", "SCALE * (raw - y)", "from constants import SCALE"),
        ("np.float32({})", "SCALE * (raw - y)", "from constants import SCALE"),
        ("np.array([{}])", "SCALE[0] * (raw - y)", "from constants import SCALE"),
        ("{}", "constants.SCALE * (raw - y)", "import constants"),
    ],
)
def test_a_constant_of_another_file_is_seen(directory, value, gradient, imported):
    text = "import numpy as np\nSCALE = " + value + "\n"
    constants = written(directory / "constants.py", text.format(2.0))
    path = written(directory / "mine.py", loss_source(gradient, imported))
    assert slope(loaded(path).Mine())[0] == 2.0
    written(constants, text.format(3.0))
    assert slope(loaded(path).Mine())[0] == 3.0


def test_an_edit_of_a_compiled_helper_in_another_file_is_seen(directory):
    text = "import numba\n@numba.njit\ndef helper(r):\n    return {} * r\n"
    helper = written(directory / "helper.py", text.format(2.0))
    path = written(directory / "mine.py", loss_source("helper(raw - y)", "from helper import helper"))
    assert slope(loaded(path).Mine())[0] == 2.0
    written(helper, text.format(3.0))
    assert slope(loaded(path).Mine())[0] == 3.0


def test_two_projects_with_modules_alike_are_told_apart(directory):
    """Same module, class, line, size and time stamp, as in unpacked archives: only the code differs."""
    found = []
    for project, gradient in (("one", "raw - y"), ("two", "y - raw")):
        (directory / project).mkdir()
        path = written(directory / project / "mine.py", loss_source(gradient))
        os.utime(path, ns=(10**18, 10**18))
        found.append(slope(loaded(path).Mine())[0])
    assert found == [1.0, -1.0]


def test_two_losses_of_one_file_are_told_apart(directory):
    other = loss_source("y - raw").split("\n", 1)[1].replace("Mine", "Other")
    path = written(directory / "mine.py", loss_source("raw - y") + other)
    for hit in (False, True):
        module = loaded(path)
        assert slope(module.Mine()) == (1.0, hit)
        assert slope(module.Other()) == (-1.0, hit)


def in_a_new_process(source, name="Mine"):
    """A class of a module without a file, as in a notebook cell, or as a grid search sends it to its processes."""
    _stamps._known.clear()
    _stamps._first_of.clear()
    namespace = {"RegressionLoss": RegressionLoss, "np": np, "ValueOnly": ValueOnly, "__name__": "__main__"}
    exec(source, namespace)
    return namespace[name]()


def test_what_has_no_file_or_closes_over_a_number_is_kept_too(directory):
    cell = loss_source("raw - y").split("\n", 1)[1]
    for hit in (False, True):
        assert slope(in_a_new_process(cell)) == (1.0, hit)
    assert slope(in_a_new_process(cell.replace("return raw - y", "return y - raw"))) == (-1.0, False)
    closed = """
def scaled(scale):
    class Closed(ValueOnly):
        @staticmethod
        def gradient(y, raw):
            return scale * (raw - y)
    return Closed
"""
    assert slope(in_a_new_process(closed + "Mine = scaled(3.0)")) == (3.0, False)
    assert slope(in_a_new_process(closed + "Mine = scaled(3.0)")) == (3.0, True)
    assert slope(in_a_new_process(closed + "Mine = scaled(2.0)")) == (2.0, False)


def test_a_class_that_travels_by_value_is_compiled_once():
    cell = loss_source("raw - y").split("\n", 1)[1]
    first, second = {"RegressionLoss": RegressionLoss}, {"RegressionLoss": RegressionLoss}
    exec(cell, first)
    exec(cell, second)
    assert first["Mine"].gradient is not second["Mine"].gradient
    assert leaf(first["Mine"].gradient) is leaf(second["Mine"].gradient)


def test_what_nothing_tells_apart_is_not_kept(directory):
    """A function that closes over an object without a comparable value."""
    unknown = object()

    class Opaque(ValueOnly):
        @staticmethod
        def gradient(y, raw):
            return raw - y if unknown is not None else 0.0

    assert leaf(Opaque.gradient).stamp is None
    assert leaf(Opaque.gradient) is leaf(Opaque.gradient)


def test_a_leaf_pickles_to_the_stamp_of_its_source():
    one, other = leaf(Squared.value), leaf(Squared.gradient)
    assert leaf(Squared.value) is one
    assert pickle.loads(pickle.dumps(one)).stamp == one.stamp != other.stamp
    assert pickle.loads(pickle.dumps(one)).dispatcher is None
    # The sources of the helpers are part of the stamp.
    assert len(one.stamp) > len(leaf(ValueOnly.value).stamp)


def test_a_leaf_built_around_another_goes_stale_with_it():
    bound = leaf_with_parameters(Squared.value, (numba.float64, numba.float64), ())
    assert leaf(Squared.value).stamp in bound.stamp
    assert bound.stamp in derived_leaf(make_numeric_gradient, bound).stamp[1]
    assert leaf_with_parameters(Squared.value, (numba.float64, numba.float64), ()) is bound

    def nowhere(unknown):
        return lambda y, raw: raw if unknown is None else y

    closed = leaf_with_parameters(nowhere(object()), (numba.float64, VECTOR), ())
    assert closed.stamp is None
    assert derived_leaf(make_numeric_gradient, closed).stamp is None


# --- other processes -----------------------------------------------------------------------------------------------------


SCRIPT = '''\
"""Fit each of the losses that are named, in turn, and print the models."""
import json
import sys

import numpy as np
from sklearn_gd import GDRegressor, RegressionLoss


class First(RegressionLoss):
    @staticmethod
    def value(y, raw):
        return 0.5 * (raw - y) ** 2

    @staticmethod
    def gradient(y, raw):
        return raw - y


class Second(RegressionLoss):
    @staticmethod
    def value(y, raw):
        return abs(raw - y)

    @staticmethod
    def gradient(y, raw):
        return np.sign(raw - y)


class Third(RegressionLoss):
    @staticmethod
    def value(y, raw):
        return max(abs(raw - y) - 0.1, 0.0)

    @staticmethod
    def gradient(y, raw):
        return np.sign(raw - y) if abs(raw - y) > 0.1 else 0.0


X, Y = np.array({X}), np.array({Y})
found = []
for name in {names}:
    model = GDRegressor(loss=globals()[name](), **{settings}).fit(X, Y)
    found.append([*model.coef_, *model.intercept_])
print(json.dumps(found))
'''


def script(names):
    """The text of a script that fits the losses of these names; `names` is an expression."""
    values = {"{X}": repr(X.tolist()), "{Y}": repr(Y.tolist()), "{names}": names, "{settings}": repr(BATCHES)}
    return re.sub("|".join(map(re.escape, values)), lambda found: values[found[0]], SCRIPT)


def run(arguments, **environment):
    """The output of a new process."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout))


def test_a_loss_of_a_command_line_is_compiled():
    """The loss has no file, as in an interactive session."""
    (found,) = run(["-c", script("['First']")])
    np.testing.assert_allclose(found, one_pass("squared_error", BATCHES), rtol=1e-14)


def test_losses_of_a_script_are_compiled_kept_and_never_mixed_up(tmp_path):
    """Each in a separate process, then together in one that compiles nothing, then after an edit of the script.

    The second and the third compile the same functions in the same order, so that a counter would give them the same names.
    """
    path = written(tmp_path / "script.py", script("sys.argv[1:]"))
    cache = tmp_path / "cache"

    def fits(*names):
        return run([str(path), *names], NUMBA_CACHE_DIR=str(cache))

    (first,), (second,), (third,) = fits("First"), fits("Second"), fits("Third")
    np.testing.assert_allclose(first, one_pass("squared_error", BATCHES), rtol=1e-14)
    np.testing.assert_allclose(second, one_pass("absolute_error", BATCHES), rtol=1e-14)
    np.testing.assert_allclose(third, one_pass("epsilon_insensitive", BATCHES), rtol=1e-14)
    files = sorted(cache.rglob("*"))
    names, expected = ["Second", "Third", "First", "Second", "Third"], [second, third, first, second, third]
    np.testing.assert_array_equal(fits(*names), expected)
    assert sorted(cache.rglob("*")) == files
    written(path, path.read_text().replace("return raw - y", "return 0.0 * y"))
    np.testing.assert_array_equal(fits("First"), np.zeros((1, 3)))


@pytest.mark.parametrize(
    "code",
    [
        "import runpy; runpy.run_path({path!r}, run_name={name!r})",
        "exec(compile(open({path!r}).read(), {path!r}, 'exec'), {{'__name__': {name!r}, '__file__': {path!r}}})",
    ],
    ids=["as a module", "as no module"],
)
def test_a_script_that_was_run_under_another_name_runs(tmp_path, code):
    """Machine code on disk contains the name of its original module, which need not exist any longer."""
    path, cache = str(written(tmp_path / "script.py", script("sys.argv[1:]"))), str(tmp_path / "cache")
    for name in ("gone_module", "__main__", "other_module", "other_module"):
        found = run(["-c", code.format(path=path, name=name), "Third"], NUMBA_CACHE_DIR=cache)
        np.testing.assert_allclose(found[0], one_pass("epsilon_insensitive", BATCHES), rtol=1e-14)


COMPILED = """\
import json
from collections import Counter

from numba.core import event
from sklearn_gd import GDClassifier, MiniBatch

found = Counter()


class Compilations(event.Listener):
    def on_start(self, event):
        function = event.data["dispatcher"].py_func
        found[function.__qualname__] += not (function.__module__ or "").startswith("numba.")

    def on_end(self, event):
        pass


event.register("numba:compile", Compilations())
GDClassifier({parts}, max_iter=1, tol=None).fit([[0.0, 1.0], [1.0, 0.0]] * 8, [0, 1] * 8)
print(json.dumps([sum(found.values()), max(found.values())]))
"""


@pytest.mark.parametrize(
    ("parts", "most"),
    [
        ("solver='sgd', learning_rate=0.01", 10),
        ("solver=MiniBatch(), optimizer='adam', learning_rate=0.01", 25),
        ("solver='sgd'", 44),
    ],
)
def test_a_first_fit_compiles_what_it_runs_and_nothing_twice(parts, most, tmp_path):
    """The time of a first fit grows with the number of functions. A helper may be compiled for two kinds of arguments."""
    n_compiled, most_of_one = run(["-c", COMPILED.format(parts=parts)], NUMBA_CACHE_DIR=str(tmp_path))
    assert n_compiled <= most
    assert most_of_one <= 2


READ_ONLY = """\
import json
import warnings

import numpy as np
from sklearn_gd import GDRegressor

X, Y = np.array({X}), np.array({Y})
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    found = [GDRegressor(solver=solver, learning_rate=0.01, max_iter=1, tol=None, shuffle=False).fit(X, Y).coef_.tolist()
             for solver in ("sgd", "minibatch")]
print(json.dumps([found, [str(each.message) for each in caught]]))
"""


def test_where_no_folder_can_be_written_code_is_compiled_and_not_kept(tmp_path):
    """As in a container with a read-only package and no home folder. One warning names the variable to set."""
    copy = tmp_path / "sklearn_gd"
    shutil.copytree(Path(sklearn_gd.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [copy, *(each for each in copy.rglob("*") if each.is_dir())]:
        (folder / "__pycache__").write_text("a file in the place of the folder, which not even root can write to")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(tmp_path), "HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}
    code = READ_ONLY.format(X=X.tolist(), Y=Y.tolist())
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    found, messages = json.loads(done.stdout)
    for coef, solver in zip(found, ("sgd", "minibatch")):
        settings = {"solver": solver, "learning_rate": 0.01, "max_iter": 1, "tol": None, "shuffle": False}
        np.testing.assert_allclose(coef, GDRegressor(**settings).fit(X, Y).coef_, rtol=1e-14)
    (message,) = messages
    assert "NUMBA_CACHE_DIR" in message


def test_a_folder_that_fills_up_keeps_no_fit_from_its_end():
    """Numba raises an error if it cannot write compiled code."""
    asked = []
    _compile._warn_not_kept.cache_clear()

    def build(cache):
        asked.append(cache)
        if cache:
            raise OSError(28, "No space left on device")
        return "built"

    with pytest.warns(UserWarning, match="NUMBA_CACHE_DIR"):
        assert _compile._kept(build, ("stamp",)) == "built"
    assert asked == [True, False]
