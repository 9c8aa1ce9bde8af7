"""Which modules of the package the doctests leave out: those of packages, or of callbacks, that are not installed; and which
tests share a process."""

from importlib.util import find_spec

import pytest

NEEDS = {
    "sklearn_gd/onnx.py": "skl2onnx",
    "sklearn_gd/mlflow.py": "mlflow",
    "sklearn_gd/distributed/_dask.py": "dask",
    "sklearn_gd/distributed/_ray.py": "ray",
    "sklearn_gd/checkpoint.py": "sklearn.callback",  # scikit-learn 1.9
}
collect_ignore = [file for file, package in NEEDS.items() if find_spec(package) is None]


def pytest_ignore_collect(collection_path, config):
    """A smoke run has no doctests."""
    return True if config.getoption("markexpr") == "smoke" and collection_path.name == "sklearn_gd" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With ``-n 2``, a file's tests run in one process, and so do all that share a cluster.

    Tests of a file need the same compiled loops: two processes would compile them twice, at the same time.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            return "tests/distributed" if file.startswith("tests/distributed/") else file

    # The longest files come first; those with the most tests are not the longest.
    config.option.loadscopereorder = False
    return ByFile(config, log)
