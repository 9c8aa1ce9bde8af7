"""Which modules of the package the doctests leave out: those of packages, or of callbacks, that are not installed."""

from importlib.util import find_spec

NEEDS = {
    "sklearn_gd/onnx.py": "skl2onnx",
    "sklearn_gd/mlflow.py": "mlflow",
    "sklearn_gd/distributed/_dask.py": "dask",
    "sklearn_gd/distributed/_ray.py": "ray",
    "sklearn_gd/checkpoint.py": "sklearn.callback",  # scikit-learn 1.9
}
collect_ignore = [file for file, package in NEEDS.items() if find_spec(package) is None]
