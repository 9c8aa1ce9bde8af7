"""What the tests ask of the installed scikit-learn and SciPy: which version, and how one thing is spelled in each."""

import pytest
import scipy
import sklearn
from packaging.version import Version

SKLEARN = Version(Version(sklearn.__version__).base_version)
SCIPY = Version(Version(scipy.__version__).base_version)

# l1 of LogisticRegression, and the seed of SciPy's functions.
L1_OF_LOGISTIC_REGRESSION = {"l1_ratio": 1.0} if Version("1.8") <= SKLEARN else {"penalty": "l1"}
SEED = "rng" if Version("1.15") <= SCIPY else "seed"


def skip_below(package, version, reason):
    """Skip the test, or the module that calls it as it is imported, below a version of scikit-learn or SciPy."""
    installed = {"scikit-learn": SKLEARN, "scipy": SCIPY}[package]
    if installed < Version(version):
        pytest.skip(f"needs {package} {version}, found {installed}: {reason}", allow_module_level=True)
