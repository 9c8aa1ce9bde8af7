"""The public surface is annotated; the type checker of .ci/run says whether the annotations are right."""

import importlib
import inspect
from pathlib import Path

import pytest

import sklearn_gd

MODULES = ("", ".losses", ".penalties", ".optimizers", ".schedules", ".solvers", ".displays")


def public_callables():
    """By name: the public functions, and the constructors and public methods of public classes, their bases' included.

    Static methods are left out: they are compiled, and take numbers and arrays alike.
    """
    found = {}
    for module in (importlib.import_module(f"sklearn_gd{each}") for each in MODULES):
        for thing in (getattr(module, name) for name in module.__all__):
            if inspect.isfunction(thing):
                found[thing.__qualname__] = thing
            elif inspect.isclass(thing):
                for base in (base for base in thing.__mro__ if base.__module__.startswith("sklearn_gd")):
                    for name, member in vars(base).items():
                        # `available_if` keeps the method that it guards in `fn`.
                        member = getattr(member, "fget", None) or getattr(member, "fn", None) or member
                        member = member.__func__ if isinstance(member, classmethod) else member
                        if inspect.isfunction(member) and (name == "__init__" or not name.startswith("_")):
                            found[member.__qualname__] = member
    return found


@pytest.mark.parametrize("name", public_callables())
def test_every_public_signature_is_annotated(name):
    signature = inspect.signature(public_callables()[name])
    bare = [each.name for each in signature.parameters.values() if each.annotation is each.empty]
    assert set(bare) <= {"self", "cls"}
    assert signature.return_annotation is not signature.empty


def test_the_list_is_not_empty():
    assert {"GDRegressor.fit", "GDClassifier.predict_proba", "Huber.__init__", "gradient_descent"} <= set(public_callables())


def test_the_package_says_that_it_is_typed():
    assert (Path(sklearn_gd.__file__).parent / "py.typed").exists()
