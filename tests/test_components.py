"""Common properties of all components: helpful errors, and the conventions of a scikit-learn estimator."""

import ast
import inspect
import math
import pickle
import re
import tomllib
from fractions import Fraction
from pathlib import Path
from types import FunctionType

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone

import sklearn_gd
from sklearn_gd import ClassificationLoss, GDClassifier, GDRegressor, Loss, Optimizer, Penalty, RegressionLoss, Schedule, Solver
from sklearn_gd._components import SITE, Component, Flag, Range, resolve
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, Hinge, Huber
from sklearn_gd.optimizers import OPTIMIZERS, Adam
from sklearn_gd.penalties import L1, PENALTIES, NoPenalty
from sklearn_gd.schedules import SCHEDULES, CallableSchedule, Constant, WarmUp
from sklearn_gd.solvers import SOLVERS, MiniBatch

ROOT = Path(__file__).parents[1]
REGISTRIES = {
    Loss: {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES},
    Penalty: PENALTIES,
    Optimizer: OPTIMIZERS,
    Schedule: SCHEDULES,
    Solver: SOLVERS,
}
KINDS = [*(kind for registry in REGISTRIES.values() for kind in registry.values()), NoPenalty, CallableSchedule]
# Values that differ from the defaults, for parameters that are not numbers.
OTHERS = {"schedule": Constant(0.5), "function": math.sqrt}


def parameters_unlike_the_defaults(kind):
    """Valid parameters, all of which differ from the defaults."""
    changed = {}
    for name, value in kind().get_params(deep=False).items():
        if name in OTHERS:
            changed[name] = OTHERS[name]
        elif isinstance(value, bool):
            changed[name] = not value
        elif value is None or isinstance(value, int):
            changed[name] = 7
        elif (name == "power" and kind is REGRESSION_LOSSES["tweedie"]) or name in ("t_mul", "div_factor", "final_div_factor"):
            changed[name] = 3.0
        else:
            changed[name] = 0.625
    return changed


def same(one, other):
    """Whether two objects have the same class and parameters, including those of nested components."""
    ours, theirs = one.get_params(), other.get_params()
    if type(one) is not type(other) or set(ours) != set(theirs):
        return False
    parts = {name for name, value in ours.items() if isinstance(value, BaseEstimator)}
    return all(ours[name] == theirs[name] for name in set(ours) - parts)


# --- a part is an estimator ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_constructor_only_assigns(kind):
    """The constructor stores every parameter as the same object, and nothing else."""
    given = {name: object() for name in kind().get_params(deep=False)}
    part = kind(**given)
    assert vars(part) == given


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_and_other_values_are_valid(kind):
    if kind is not CallableSchedule:
        kind().validate()
    kind(**parameters_unlike_the_defaults(kind)).validate()


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_a_default_and_its_lines_in_the_docstring(kind):
    documented = dict(re.findall(r"^(\w+) : (.*)$", inspect.getdoc(kind), re.MULTILINE))
    assert list(documented) == list(inspect.signature(kind).parameters)
    for name, value in kind().get_params(deep=False).items():
        if name != "function":
            assert ast.literal_eval(documented[name].partition("default=")[2]) == value


@pytest.mark.parametrize("kind", KINDS)
def test_validate_changes_nothing(kind):
    part = kind(**parameters_unlike_the_defaults(kind))
    before = dict(vars(part))
    part.validate()
    assert vars(part) == before


@pytest.mark.parametrize("kind", KINDS)
def test_clone_pickle_and_set_params_give_the_same_part(kind):
    changed = parameters_unlike_the_defaults(kind)
    part = kind(**changed)
    assert part.get_params(deep=False) == changed
    for other in (clone(part), pickle.loads(pickle.dumps(part)), kind().set_params(**changed)):
        assert other is not part
        assert same(other, part)
    with pytest.raises(ValueError, match="Invalid parameter 'no_such_parameter'"):
        part.set_params(no_such_parameter=1)


@pytest.mark.parametrize("kind", KINDS)
def test_repr_is_what_one_would_write(kind):
    assert repr(kind()) == f"{kind.__name__}()"
    part = kind(**{name: value for name, value in parameters_unlike_the_defaults(kind).items() if name != "function"})
    names = {each.__name__: each for each in KINDS}
    assert same(eval(repr(part), names), part)


@pytest.mark.parametrize("kind", KINDS)
def test_two_objects_share_no_state(kind):
    one, other = kind(), kind()
    one.set_params(**parameters_unlike_the_defaults(kind))
    assert other.get_params(deep=False) == kind().get_params(deep=False)


def test_parameters_of_a_part_are_reached_through_the_estimator():
    model = GDRegressor(loss=Huber(), learning_rate=WarmUp(Constant(0.1)), solver=MiniBatch())
    model.set_params(loss__delta=3.0, learning_rate__schedule__eta0=0.2, solver__batch_size=8)
    assert (model.loss.delta, model.learning_rate.schedule.eta0, model.solver.batch_size) == (3.0, 0.2, 8)
    copy = clone(model)
    assert copy.loss is not model.loss
    assert same(copy.loss, model.loss)
    assert "loss=Huber(delta=3.0)" in repr(model)


def test_every_registered_class_is_public_and_abstract_bases_are_not_registered():
    for base, registry in REGISTRIES.items():
        assert base.__name__ in sklearn_gd.__all__
        for kind in registry.values():
            assert issubclass(kind, base)
            assert not kind.__name__.startswith("_")
    assert len(set(KINDS)) == len(KINDS)


# --- a string, an object, or an error ------------------------------------------------------------------------------------

PARTS = {
    "loss": (RegressionLoss, REGRESSION_LOSSES, []),
    "penalty": (Penalty, PENALTIES, ["auto"]),
    "optimizer": (Optimizer, OPTIMIZERS, ["auto"]),
    "learning_rate": (Schedule, SCHEDULES, ["auto"]),
    "solver": (Solver, SOLVERS, ["auto"]),
}
X, Y = np.array([[-1.0], [0.0], [1.0]]), np.array([-1.0, 0.5, 1.0])


@pytest.mark.parametrize(("base", "name"), [(base, name) for base, registry in REGISTRIES.items() for name in registry])
def test_a_string_stands_for_an_object_with_its_defaults(base, name):
    registry = REGISTRIES[base]
    part = resolve("part", name, base, registry)
    assert type(part) is registry[name]
    assert same(part, registry[name]())
    assert resolve("part", name, base, registry) is not part


@pytest.mark.parametrize("base", REGISTRIES)
def test_an_object_stands_for_itself(base):
    part = next(iter(REGISTRIES[base].values()))()
    assert resolve("part", part, base, REGISTRIES[base]) is part


ALSO = {"penalty": "None", "learning_rate": "a number, a function of the step number"}  # besides strings and objects


@pytest.mark.parametrize("parameter", PARTS)
def test_an_unknown_string_is_answered_with_those_that_are_known(parameter):
    kind, registry, options = PARTS[parameter]
    known = sorted([*registry, *options])
    others = f"{ALSO[parameter]}, or " if parameter in ALSO else ""
    objects = f"{others}an instance of {kind.__name__}"
    message = f"{parameter}='no_such_part' is not known; allowed strings are {known}; or pass {objects}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        GDRegressor(**{parameter: "no_such_part"}).fit(X, Y)


@pytest.mark.parametrize("parameter", PARTS)
def test_a_class_is_answered_with_how_to_make_an_object(parameter):
    _, registry, _ = PARTS[parameter]
    part = next(iter(registry.values()))
    message = f"{parameter}={part.__name__} is a class; pass an instance: {part.__name__}()"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        GDRegressor(**{parameter: part}).fit(X, Y)


OF_ANOTHER_KIND = [
    (parameter, wrong)
    for parameter, (kind, _, _) in PARTS.items()
    for wrong in (Adam(), MiniBatch(), L1(), Huber(), Constant(), 3, None, Adam, [])
    if not isinstance(wrong, kind) and (parameter, wrong) not in (("penalty", None), ("learning_rate", 3), ("optimizer", Adam))
]


@pytest.mark.parametrize(("parameter", "wrong"), OF_ANOTHER_KIND)
def test_a_part_of_another_kind_is_named(parameter, wrong):
    kind, registry, options = PARTS[parameter]
    others = f"{ALSO[parameter]}, " if parameter in ALSO else ""
    message = (
        f"{parameter}={wrong!r} must be one of {sorted([*registry, *options])}, {others}or an instance of {kind.__name__}, not "
    )
    with pytest.raises(TypeError, match=f"^{re.escape(message + type(wrong).__name__)}$"):
        GDRegressor(**{parameter: wrong}).fit(X, Y)


def test_a_loss_of_the_other_estimator_is_sent_there():
    with pytest.raises(TypeError, match=r"^loss=Hinge\(\) is for GDClassifier; this estimator takes a RegressionLoss$"):
        GDRegressor(loss=Hinge()).fit(X, Y)
    with pytest.raises(TypeError, match=r"^loss=Huber\(\) is for GDRegressor; this estimator takes a ClassificationLoss$"):
        GDClassifier(loss=Huber()).fit(X, [0, 1, 1])
    with pytest.raises(ValueError, match=r"^loss='hinge' is for GDClassifier; allowed strings are \['absolute_error'"):
        GDRegressor(loss="hinge").fit(X, Y)


@pytest.mark.parametrize("kind", KINDS)
def test_the_error_for_an_unknown_parameter_names_the_class(kind):
    """Not a private base class that defines the constructor, which is what Python's error names."""
    with pytest.raises(TypeError, match=rf"^{kind.__name__}(\.__init__)?\(\) (got an unexpected|takes no)"):
        kind(wrong=1)


def test_a_part_is_validated_when_it_is_resolved():
    with pytest.raises(ValueError, match=r"^Huber: delta=-1 must be a number > 0$"):
        resolve("loss", Huber(delta=-1), Loss, REGRESSION_LOSSES)
    with pytest.raises(ValueError, match=r"^Huber: delta=-1 must be a number > 0$"):
        GDRegressor(loss=Huber(delta=-1)).fit(X, Y)


def test_a_constructor_never_raises():
    """Errors are raised by fit, as scikit-learn requires."""
    model = GDRegressor(loss="no_such_loss", penalty=3, alpha=-1, solver=Adam, optimizer="", learning_rate=-1, tol="x")
    assert clone(model).get_params() == model.get_params()


# --- numbers and flags ---------------------------------------------------------------------------------------------------


class Owner:
    """An object with one parameter."""

    def __init__(self, value):
        self.value = value


@pytest.mark.parametrize(
    ("value", "limits", "wanted"),
    [
        (0, Range(0, closed="neither"), "a number > 0"),
        (-0.5, Range(0), "a number >= 0"),
        (1.0, Range(None, 1, closed="neither"), "a number < 1"),
        (1.5, Range(None, 1), "a number <= 1"),
        (1.0, Range(0, 1, closed="left"), "a number >= 0 and < 1"),
        (0, Range(1, integer=True), "an integer >= 1"),
        (0, Range(1, integer=True, none=True), "an integer >= 1 or None"),
        (math.nan, Range(), "a number"),
        (math.inf, Range(0, closed="neither"), "a number > 0"),
        (np.float64(-1.0), Range(0, closed="neither"), "a number > 0"),
    ],
)
def test_a_number_out_of_its_range_is_named_with_the_range(value, limits, wanted):
    with pytest.raises(ValueError, match=f"^{re.escape(f'Owner: value={value!r} must be {wanted}')}$"):
        limits.check(Owner(value), "value")


@pytest.mark.parametrize(
    ("value", "limits", "wanted"),
    [
        ("1", Range(), "a number"),
        (True, Range(), "a number"),
        (np.True_, Range(), "a number"),
        (None, Range(0, closed="neither"), "a number > 0"),
        (1j, Range(), "a number"),
        (np.array([1.0]), Range(), "a number"),
        (1.0, Range(integer=True), "an integer"),
        (True, Range(integer=True), "an integer"),
        ("all", Range(1, integer=True, none=True), "an integer >= 1 or None"),
    ],
)
def test_a_number_of_a_wrong_type_is_named(value, limits, wanted):
    with pytest.raises(TypeError, match=f"^{re.escape(f'Owner: value={value!r} must be {wanted}')}$"):
        limits.check(Owner(value), "value")


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.float64(0.5), np.int8(1), Fraction(1, 2)])
def test_numbers_of_every_type_pass(value):
    Range(0, 1, closed="right").check(Owner(value), "value")


@pytest.mark.parametrize("value", [1, np.int64(3), np.uint8(3)])
def test_integers_of_every_type_pass(value):
    Range(1, integer=True).check(Owner(value), "value")
    Range(1, integer=True, none=True).check(Owner(None), "value")


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_, 0, 1])
def test_flags_pass(value):
    Flag().check(Owner(value), "value")


@pytest.mark.parametrize("value", ["True", None, 2, 1.0, 0.0, [], [True]])
def test_a_flag_of_a_wrong_type_is_named(value):
    with pytest.raises(TypeError, match=f"^{re.escape(f'Owner: value={value!r} must be True or False')}$"):
        Flag().check(Owner(value), "value")


def test_a_flag_that_is_an_array_is_named():
    with pytest.raises(TypeError, match="must be True or False"):
        Flag().check(Owner(np.array([True, False])), "value")


# --- constraints ---------------------------------------------------------------------------------------------------------

CONSTRAINED = [(kind, name, constraint) for kind in KINDS for name, constraint in kind.merged_constraints().items()]
RANGES = [
    (Range(), "float", "a number"),
    (Range(0), "float >= 0", "a number >= 0"),
    (Range(0, closed="neither"), "float > 0", "a number > 0"),
    (Range(high=1), "float <= 1", "a number <= 1"),
    (Range(high=1, closed="left"), "float < 1", "a number < 1"),
    (Range(0, 1), "float in [0, 1]", "a number >= 0 and <= 1"),
    (Range(0, 1, closed="left"), "float in [0, 1)", "a number >= 0 and < 1"),
    (Range(0, 1, closed="right"), "float in (0, 1]", "a number > 0 and <= 1"),
    (Range(-1, 1, closed="neither", none=True), "float in (-1, 1) or None", "a number > -1 and < 1 or None"),
    (Range(1, integer=True), "int >= 1", "an integer >= 1"),
    (Range(2, integer=True, none=True), "int >= 2 or None", "an integer >= 2 or None"),
]


@pytest.mark.parametrize(("allowed", "words", "wanted"), RANGES, ids=[words for _, words, _ in RANGES])
def test_a_range_in_words_and_in_errors(allowed, words, wanted):
    assert allowed.words() == words
    for value in allowed.bad_values():
        with pytest.raises((ValueError, TypeError), match=f"^{re.escape(f'Owner: value={value!r} must be {wanted}')}$"):
            allowed.check(Owner(value), "value")


@pytest.mark.parametrize(
    ("allowed", "values"),
    [
        (Range(0, 1), [0, 0.5, 1]),
        (Range(0, 1, closed="left"), [0.0, math.nextafter(1.0, 0.0)]),
        (Range(0, 1, closed="right"), [math.ulp(0.0), 1]),
        (Range(0, 1, closed="neither"), [math.ulp(0.0), math.nextafter(1.0, 0.0)]),
        (Range(1, integer=True, none=True), [1, np.int32(7), None]),
        (Range(), [-1e308, 0, 1e308]),
    ],
    ids=repr,
)
def test_the_ends_of_a_range(allowed, values):
    for value in values:
        allowed.check(Owner(value), "value")


@pytest.mark.parametrize("bad", Flag().bad_values(), ids=repr)
def test_what_is_no_flag(bad):
    with pytest.raises(TypeError, match=f"^{re.escape(f'Owner: value={bad!r} must be True or False')}$"):
        Flag().check(Owner(bad), "value")


@pytest.mark.parametrize(
    ("kind", "name", "constraint"), CONSTRAINED, ids=[f"{each[0].__name__}-{each[1]}" for each in CONSTRAINED]
)
def test_every_constrained_parameter_refuses_bad_values(kind, name, constraint):
    assert constraint.bad_values()
    for value in constraint.bad_values():
        with pytest.raises((ValueError, TypeError), match=f"^{kind.__name__}: {name}={re.escape(repr(value))} must be "):
            kind(**{name: value}).validate()


@pytest.mark.parametrize(
    ("kind", "name", "constraint"), CONSTRAINED, ids=[f"{each[0].__name__}-{each[1]}" for each in CONSTRAINED]
)
def test_docstrings_have_the_words_of_the_constraints(kind, name, constraint):
    documented = dict(re.findall(r"^(\w+) : (.*), default=", inspect.getdoc(kind), re.MULTILINE))
    assert documented[name].partition(", <=")[0] == constraint.words()  # Tweedie's power also has a gap


def test_every_parameter_that_is_a_number_or_a_flag_is_constrained():
    free = {(kind.__name__, name) for kind in KINDS for name in set(kind.parameter_names()) - set(kind.merged_constraints())}
    assert free == {("WarmUp", "schedule"), ("CallableSchedule", "function")}


def test_constraints_are_those_of_the_base_classes_too():
    class Below(Adam):
        constraints = {"weight": Range(0), "beta_1": Range(0, 0.5)}

        def __init__(self, weight=1.0, beta_1=0.2, epsilon=1e-8):
            self.weight, self.beta_1, self.epsilon = weight, beta_1, epsilon

    assert set(Below.merged_constraints()) == {"weight", "beta_1", "epsilon"}
    assert Below.merged_constraints()["beta_1"] == Range(0, 0.5)
    assert Below.merged_constraints()["epsilon"] == Adam.merged_constraints()["epsilon"]
    assert Adam.merged_constraints()["beta_1"] == Range(0, 1, closed="left")


# --- functions of a part -------------------------------------------------------------------------------------------------


class Scaled(RegressionLoss):
    """Valid and invalid functions."""

    def __init__(self, scale=2.0, shift=0.0):
        self.scale = scale
        self.shift = shift

    @staticmethod
    def value(y, raw, shift, scale):
        return scale * abs(raw - y - shift)

    def plain(y, raw, scale):
        return scale * (raw - y)


def test_a_function_asks_for_parameters_by_name_in_any_order():
    assert Scaled.function_parameters("value", 2) == ["shift", "scale"]
    assert Scaled.function_parameters("plain", 2) == ["scale"]


def test_a_function_is_found_with_or_without_staticmethod():
    assert Scaled.written_functions("value") is Scaled.value
    assert Scaled.written_functions("plain") is Scaled.__dict__["plain"]
    assert Scaled.written_functions("gradient") is None

    class Below(Scaled):
        pass

    assert Below.written_functions("value") is Scaled.value


@pytest.mark.parametrize(
    ("base", "function", "n_leading"), [(RegressionLoss, "value", 2), (Penalty, "value", 1), (Optimizer, "update", 4)]
)
def test_a_function_with_self_is_explained(base, function, n_leading):
    def method(self, y, raw):
        return 0.0

    kind = type("Mine", (base,), {function: method})
    message = (
        f"Mine.{function} takes `self`, which compiled code cannot use; write it as a static function of its {n_leading} "
        f"arguments followed by any of the constructor's parameters []"
    )
    with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
        kind().validate()


def test_a_gradient_with_self_is_explained_by_fit():
    class Mine(RegressionLoss):
        @staticmethod
        def value(y, raw):
            return abs(raw - y)

        def gradient(self, y, raw):
            return np.sign(raw - y)

    with pytest.raises(
        TypeError, match=r"^Mine\.gradient takes `self`, which compiled code cannot use; write it as a static function"
    ):
        GDRegressor(loss=Mine()).fit(X, Y)


def test_a_function_with_too_few_arguments_is_named():
    class Mine(RegressionLoss):
        @staticmethod
        def value(y):
            return y

    with pytest.raises(TypeError, match=r"^Mine\.value takes \['y'\]; it needs 2 arguments before its parameters$"):
        Mine().validate()


def test_a_parameter_that_the_constructor_lacks_is_named():
    class Mine(RegressionLoss):
        def __init__(self, scale=1.0):
            self.scale = scale

        @staticmethod
        def value(y, raw, scales):
            return scales * abs(raw - y)

    message = r"^Mine\.value takes `scales`, which is not a parameter of Mine\.__init__; the parameters are \['scale'\]$"
    with pytest.raises(TypeError, match=message):
        GDRegressor(loss=Mine()).fit(X, Y)


@pytest.mark.parametrize("scale", ["wide", None, np.array([1.0])], ids=repr)
def test_a_parameter_that_is_no_number_is_named(scale):
    """A compiled function takes numbers only."""

    class Mine(RegressionLoss):
        def __init__(self, scale=1.0):
            self.scale = scale

        @staticmethod
        def value(y, raw, scale):
            return scale * abs(raw - y)

    with pytest.raises(TypeError, match=r"Mine.*scale"):
        GDRegressor(loss=Mine(scale=scale)).fit(X, Y)


def test_a_parameter_may_be_a_number_of_any_type():
    """Every value that passes `validate` is accepted."""
    exact, plain = (GDRegressor(loss=Huber(delta=delta)).fit(X, Y) for delta in (Fraction(1, 2), 0.5))
    np.testing.assert_array_equal(exact.coef_, plain.coef_)


def test_a_loss_without_a_value_is_refused():
    class Mine(RegressionLoss):
        pass

    with pytest.raises(TypeError, match=r"^Mine has no function value\(y, raw\): a loss must define it$"):
        GDRegressor(loss=Mine()).fit(X, Y)


def test_a_solver_without_batch_rows_is_refused():
    class Mine(Solver):
        pass

    with pytest.raises(
        TypeError, match=r"^Mine has no method batch_rows\(n_samples\): a solver must define it, or override method"
    ):
        GDRegressor(solver=Mine()).fit(X, Y)


def test_the_base_of_all_parts_accepts_everything():
    Component().validate()
    assert repr(Component()) == "Component()"


# --- mistakes in a part of one's own -------------------------------------------------------------------------------------


def own(base, **written):
    """An object of a class `Mine` with these functions and attributes."""
    statics = {name: staticmethod(each) if isinstance(each, FunctionType) else each for name, each in written.items()}
    return type("Mine", (base,), statics)()


def squared(y, raw):
    return 0.5 * (raw - y) ** 2


def size(w):
    return np.abs(w)


def unknown_name(y, raw):
    return undefined * raw  # noqa: F821


def writes_into(y, raw):
    return np.multiply(raw, raw, out=raw)


RETURNS = {
    "nothing": (lambda *_: None, "None"),
    "a list": (lambda *_: [1.0], r"\[1\.0\]"),
    "text": (lambda *_: "a", "'a'"),
    "a pair": (lambda *_: (1.0, 2.0), r"\(1\.0, 2\.0\)"),
    "a complex number": (lambda *_: 1j, "1j"),
    "an array": (lambda *_: np.ones(1), r"array\(\[1\.\]\)"),
}


@pytest.mark.parametrize("returned", RETURNS)
@pytest.mark.parametrize("name", ["value", "gradient", "second_derivative"])
def test_a_loss_that_returns_no_number_is_explained(name, returned):
    function, shown = RETURNS[returned]
    loss = own(RegressionLoss, **{"value": squared, name: lambda y, raw: function()})
    with pytest.raises(TypeError, match=rf"^Mine\.{name}\(y=1\.0, raw=0\.5\) returned {shown}; it must return one number$"):
        GDRegressor(loss=loss).fit(X, Y)


@pytest.mark.parametrize("returned", RETURNS)
@pytest.mark.parametrize(("name", "call"), [("value", "w=0.5"), ("gradient", "w=0.5"), ("prox", "w=0.5, step=0.25")])
def test_a_penalty_that_returns_no_number_is_explained(name, call, returned):
    function, shown = RETURNS[returned]
    wrong = (lambda w, step: function()) if name == "prox" else (lambda w: function())
    penalty = own(Penalty, **{"value": size, name: wrong})
    with pytest.raises(TypeError, match=rf"^Mine\.{name}\({call}\) returned {shown}; it must return one number$"):
        GDRegressor(penalty=penalty).fit(X, Y)


@pytest.mark.parametrize(
    ("function", "raised"),
    [
        (unknown_name, "NameError: name 'undefined' is not defined"),
        (writes_into, "TypeError: return arrays must be of ArrayType"),
        (lambda y, raw: raw.shape, "AttributeError: 'float' object has no attribute 'shape'"),
    ],
)
def test_a_function_that_raises_is_named_with_what_it_raised(function, raised):
    with pytest.raises(TypeError, match=rf"^Mine\.value\(y=1\.0, raw=0\.5\) raised {raised}") as caught:
        GDRegressor(loss=own(RegressionLoss, value=function)).fit(X, Y)
    assert caught.value.__cause__ is not None


def test_numbers_of_any_type_are_numbers():
    """Also those that are outside of what a function can do: the fit says where they occur."""
    for number in (1, True, np.float32(1.0), np.array(1.0), np.nan, Fraction(1, 2)):
        own(RegressionLoss, value=lambda y, raw: 1.0, gradient=eval("lambda y, raw: number", {"number": number})).validate()
    own(RegressionLoss, value=lambda y, raw: math.log(-y)).validate()
    own(RegressionLoss, value=lambda y, raw: y / (raw - 0.5)).validate()


@pytest.mark.parametrize(
    ("base", "written", "name", "meant"),
    [
        (RegressionLoss, {"value": squared, "grad": lambda y, raw: raw - y}, "grad", "gradient"),
        (RegressionLoss, {"value": squared, "derivative": lambda y, raw: raw - y}, "derivative", "gradient"),
        (RegressionLoss, {"value": squared, "gradiant": lambda y, raw: raw - y}, "gradiant", "gradient"),
        (RegressionLoss, {"value": squared, "curvature_bounds": 1.0}, "curvature_bounds", "curvature_bound"),
        (RegressionLoss, {"value": squared, "inverse_links": np.exp}, "inverse_links", "inverse_link"),
        (ClassificationLoss, {"value": squared, "predict_proba": np.exp}, "predict_proba", "probability"),
        (Penalty, {"value": size, "proximal": lambda w, step: w}, "proximal", "prox"),
        (Optimizer, {"update": lambda w, g, rate, t: (w, rate), "slot": ("v",)}, "slot", "slots"),
        (Schedule, {"rate": lambda t, run: 0.1 / t, "plateau_factors": 0.5}, "plateau_factors", "plateau_factor"),
        (Solver, {"batch_row": lambda n: 1}, "batch_row", "batch_rows"),
    ],
)
def test_a_misspelt_name_is_no_silent_helper(base, written, name, meant):
    message = rf"^Mine\.{name} is not used: did you mean {meant}\? Rename it; the name of a helper begins with an underscore$"
    with pytest.raises(TypeError, match=message):
        own(base, **written).validate()


def test_a_helper_may_have_any_other_name():
    gradient = lambda y, raw: raw - y  # noqa: E731
    own(RegressionLoss, value=squared, _grad=gradient, residual=gradient, grad=gradient, gradient=gradient).validate()

    class Steeper(Adam):
        beta = 2.0

        def __init__(self, slot=1.0):
            super().__init__()
            self.slot = slot

        @staticmethod
        def update(w, g, rate, t, mean, square_mean, slot):
            return w - slot * rate * g, rate, mean, square_mean

    Steeper.slot = 3.0
    Steeper().validate()


# --- what a notebook links to --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [GDClassifier, GDRegressor, *KINDS], ids=lambda cls: cls.__name__)
def test_the_html_of_a_notebook_links_to_the_page_of_the_class(cls):
    page = cls()._get_doc_link().removeprefix(SITE).removeprefix("generated/").removesuffix(".html")
    assert re.search(rf"^ +~{re.escape(page)}$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), flags=re.M)
    assert f'href="{SITE}generated/{page}.html"' in cls()._repr_html_()


def test_a_part_of_ones_own_links_nowhere():
    class Own(RegressionLoss):
        pass

    assert Own()._get_doc_link() == ""


def test_the_site_has_one_address():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Documentation"] == SITE
