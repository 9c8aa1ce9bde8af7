"""Helpers for the versions of scikit-learn and SciPy: checks, and differences in the names of arguments."""

import pytest
import scipy
import sklearn
from packaging.version import Version

SKLEARN = Version(Version(sklearn.__version__).base_version)
SCIPY = Version(Version(scipy.__version__).base_version)

# The arguments for l1 in LogisticRegression, and for the seed in SciPy's functions and in its random matrices.
L1_OF_LOGISTIC_REGRESSION = {"l1_ratio": 1.0} if Version("1.8") <= SKLEARN else {"penalty": "l1"}
SEED = "rng" if Version("1.15") <= SCIPY else "seed"
SEED_OF_MATRIX = "rng" if Version("1.15") <= SCIPY else "random_state"


def skip_below(package, version, reason):
    """Skip the test, or the module if called during import, below a version of scikit-learn or SciPy."""
    installed = {"scikit-learn": SKLEARN, "scipy": SCIPY}[package]
    if installed < Version(version):
        pytest.skip(f"needs {package} {version}, found {installed}: {reason}", allow_module_level=True)
