"""The imports between modules, from the source, and once from a new process."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_gd

ROOT = Path(sklearn_gd.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}
REGISTRIES = {"REGRESSION_LOSSES", "CLASSIFICATION_LOSSES", "PENALTIES", "OPTIMIZERS", "SCHEDULES", "SOLVERS"}
PARTS = {"losses", "penalties", "optimizers", "schedules"}


def imports_of(file, *, top_level=False):
    """Every (absolute module, name or None) that a file imports; within functions too, unless only the top level counts."""
    tree = ast.parse(FILES[file].read_text())
    package = ["sklearn_gd", *file.split("/")[:-1]]
    found = []
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(each.name, None) for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [(module, each.name) for each in node.names]
    return found


def modules_of(file, **options):
    """The modules that a file imports; a name that is itself a module of the package counts as one."""
    found = set()
    for module, name in imports_of(file, **options):
        inner = f"{module}.{name}".removeprefix("sklearn_gd.").replace(".", "/")
        is_module = name is not None and (f"{inner}.py" in FILES or f"{inner}/__init__.py" in FILES)
        found.add(f"{module}.{name}" if is_module else module)
    return found


def part_of(file):
    """The part of the package of a file: its folder, or its name."""
    return file.split("/")[0].removesuffix(".py")


def tops(file, **options):
    """The first names of the modules from outside the package."""
    return {module.split(".")[0] for module in modules_of(file, **options)} - {"sklearn_gd"}


def test_every_import_is_read():
    """The helpers above find known imports."""
    assert {"penalties.py", "losses/_base.py", "_kernels/blocks.py", "_compile.py", "estimators.py"} <= set(FILES)
    assert ("sklearn_gd._components", "Component") in imports_of("losses/_base.py")
    assert "sklearn_gd._kernels.blocks" in modules_of("objective/_objective.py")
    assert "numba" in tops("_kernels/blocks.py")
    assert not any(module.startswith("sklearn_gd._kernels") for module in modules_of("solvers/_plain.py", top_level=True))


def test_no_batch_descent_imports_the_compiler():
    """No built-in loss, penalty or optimizer needs it, dense or CSR; nor do prediction, validation and `gradient_descent`."""
    code = """
import sys, warnings
import numpy as np, scipy.sparse as sp
from sklearn_gd import GDClassifier, GDRegressor, gradient_descent
from sklearn_gd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from sklearn_gd.optimizers import OPTIMIZERS
from sklearn_gd.penalties import PENALTIES
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
score = X @ [1.0, -1.0, 0.5, 0.0]
for rows in (X, sp.csr_array(X)):
    for loss in REGRESSION_LOSSES:
        GDRegressor(loss, max_iter=30).fit(rows, np.exp(0.1 * score)).predict(rows)
    for loss in CLASSIFICATION_LOSSES:
        for y in (score > 0, np.digitize(score, [-1.0, 1.0])):
            GDClassifier(loss, max_iter=30, early_stopping=True).fit(rows, y).predict(rows)
    for penalty in (*PENALTIES, None):
        GDClassifier(penalty=penalty, alpha=0.01).fit(rows, score > 0)
    for optimizer in OPTIMIZERS:
        GDRegressor(solver="batch", optimizer=optimizer, learning_rate=0.01, max_iter=5, penalty="l1").fit(rows, score)
gradient_descent(lambda x: float(x @ x), [1.0, 2.0], jac=lambda x: 2 * x, optimizer="adam")
print(sorted(name for name in sys.modules if name.split(".")[0] in ("numba", "llvmlite")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_package_does_not_import_the_compiler():
    """Nor does creating estimators and components, or reading their parameters."""
    code = """
import sys
import sklearn_gd
from sklearn_gd import GDClassifier, GDRegressor, losses, optimizers, penalties, schedules, solvers, check_loss
check_loss(losses.Huber())
repr(GDRegressor(loss=losses.Huber(), optimizer=optimizers.Adam()).set_params(loss__delta=2.0))
GDClassifier().get_params()
print(sorted(name for name in sys.modules if name.split(".")[0] in ("numba", "llvmlite")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("file", FILES)
def test_the_compiler_is_imported_by_the_compiling_modules_and_the_kernels_only(file):
    if file not in ("_compile.py", "_leaves.py") and not file.startswith("_kernels/"):
        assert not tops(file) & {"numba", "llvmlite"}
        assert not modules_of(file) & {"sklearn_gd._compile", "sklearn_gd._leaves"}


@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith("_kernels/")])
def test_the_kernels_are_imported_at_need(file):
    """Within functions only: for loops over single samples and batches, and for components in scalar style."""
    assert not {module for module in modules_of(file, top_level=True) if module.startswith("sklearn_gd._kernels")}


@pytest.mark.parametrize("file", [file for file in FILES if part_of(file) in PARTS])
def test_the_parts_never_import_each_other(file):
    inner = {module.split(".")[1] for module in modules_of(file) if module.startswith("sklearn_gd.")}
    assert inner <= {"_components", "_layout", "_mistakes", part_of(file)}


@pytest.mark.parametrize("file", FILES)
def test_only_the_estimators_know_the_registries(file):
    names = {name for _, name in imports_of(file)} & REGISTRIES
    known = {"estimators.py": REGISTRIES, "_docstrings.py": REGISTRIES}
    assert names <= known.get(file, set())


def test_every_registry_is_known_to_an_estimator():
    """Through the functions that read them."""
    names = {name for file in ("base.py", "estimators.py") for _, name in imports_of(file)}
    assert names >= {"resolve_loss", "resolve_penalty", "resolve_optimizer", "resolve_schedule", "resolve_solver"}
    assert {name for _, name in imports_of("minimize.py")} >= {"resolve_optimizer", "resolve_schedule"}


def test_imports_point_one_way():
    """No module imports, at its top level or within functions, a module that imports it."""
    graph = {}
    for file in FILES:
        name = ".".join(["sklearn_gd", *file.removesuffix(".py").removesuffix("__init__").rstrip("/").split("/")]).rstrip(".")
        graph[name] = {module for module in modules_of(file) if module.startswith("sklearn_gd.")} - {name}
    state = {}

    def visit(name, path):
        assert state.get(name) != "open", " -> ".join([*path, name])
        if name not in state:
            state[name] = "open"
            for other in sorted(graph.get(name, ())):
                visit(other, [*path, name])
            state[name] = "closed"

    for name in graph:
        visit(name, [])
    assert {other for others in graph.values() for other in others} <= set(graph)


@pytest.mark.parametrize("file", FILES)
def test_only_what_is_depended_on_is_imported(file):
    """Only the dependencies and the standard library are imported; matplotlib within functions, for plots.

    The modules of integrations, which no other module imports, import their packages.
    """
    depended_on = {"numpy", "scipy", "sklearn", "threadpoolctl", "numba", "llvmlite"}
    optional = {"displays": {"matplotlib"}, "onnx": {"onnx", "skl2onnx"}, "mlflow": {"mlflow"}}
    outside = tops(file) - set(sys.stdlib_module_names)
    engines = {"distributed/_dask.py": {"dask"}, "distributed/_ray.py": {"ray", "pandas"}}
    assert outside <= depended_on | optional.get(part_of(file), set()) | engines.get(file, set())
    assert "matplotlib" not in tops(file, top_level=True)
    assert not modules_of(file) & {"sklearn_gd.onnx", "sklearn_gd.mlflow"}


@pytest.mark.parametrize(("module", "package"), [("onnx", "skl2onnx"), ("mlflow", "mlflow")])
def test_a_module_of_an_integration_says_what_to_install(module, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"sklearn_gd.{module}", raising=False)
    with pytest.raises(ImportError, match=rf'sklearn_gd.{module} requires .*: pip install "sklearn-gd\[integrations\]"'):
        importlib.import_module(f"sklearn_gd.{module}")


@pytest.mark.parametrize("file", FILES)
def test_nothing_private_of_scikit_learn_is_imported(file):
    for module, name in imports_of(file):
        if module.split(".")[0] == "sklearn":
            assert not [each for each in [*module.split("."), name or ""] if each.startswith("_")]


def test_the_public_names_are_those_of_all():
    assert sorted(sklearn_gd.__all__) == sorted(set(sklearn_gd.__all__))
    for name in sklearn_gd.__all__:
        assert getattr(sklearn_gd, name).__module__.split(".")[0] == "sklearn_gd"
