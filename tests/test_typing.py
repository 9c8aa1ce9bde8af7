"""The public API is annotated; mypy checks the annotations, and `.ci/types` their completeness."""

import importlib
import inspect
from pathlib import Path

import pytest

import sklearn_gd

MODULES = ("", ".losses", ".penalties", ".optimizers", ".schedules", ".solvers", ".displays")


def public_things():
    """The members of the public modules' `__all__`."""
    modules = [importlib.import_module(f"sklearn_gd{each}") for each in MODULES]
    return [getattr(module, name) for module in modules for name in module.__all__]


def public_classes():
    """By name: the public classes, and their bases in the package."""
    classes = [thing for thing in public_things() if inspect.isclass(thing)]
    return {base.__name__: base for each in classes for base in each.__mro__ if base.__module__.startswith("sklearn_gd")}


def public_callables():
    """By name: the public functions, and the constructors and public methods of public classes, their bases' included."""
    found = {thing.__qualname__: thing for thing in public_things() if inspect.isfunction(thing)}
    for each in public_classes().values():
        for name, member in vars(each).items():
            # `available_if` keeps the method that it guards in `fn`.
            member = getattr(member, "fget", None) or getattr(member, "fn", None) or member
            member = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
            if inspect.isfunction(member) and (name == "__init__" or not name.startswith("_")):
                found[member.__qualname__] = member
    return found


@pytest.mark.parametrize("name", public_classes())
def test_every_public_attribute_of_a_class_is_annotated(name):
    each = public_classes()[name]
    plain = [
        key for key, value in vars(each).items() if not (key.startswith("_") or callable(value) or hasattr(value, "__get__"))
    ]
    # From Python 3.14, annotations are evaluated lazily.
    assert set(plain) <= set(inspect.get_annotations(each))


@pytest.mark.parametrize("name", public_callables())
def test_every_public_signature_is_annotated(name):
    signature = inspect.signature(public_callables()[name])
    bare = [each.name for each in signature.parameters.values() if each.annotation is each.empty]
    assert set(bare) <= {"self", "cls"}
    assert signature.return_annotation is not signature.empty


def test_the_list_is_not_empty():
    assert {"BaseGD.fit", "GDClassifier.predict_proba", "Huber.__init__", "Adam.update", "gradient_descent"} <= set(
        public_callables()
    )
    assert {"Component", "Optimizer", "GDClassifier", "LossCurveDisplay"} <= set(public_classes())


def test_the_package_says_that_it_is_typed():
    assert (Path(sklearn_gd.__file__).parent / "py.typed").exists()
