"""Warning classes of the package that scikit-learn does not provide."""

from ._sklearn import InconsistentVersionWarning as _OfScikitLearn
from ._version import __version__

__all__ = ["InconsistentVersionWarning"]


class InconsistentVersionWarning(_OfScikitLearn):
    """Warning that an object was stored by a different version of sklearn_gd than the one that loads it.

    It is a subclass of :exc:`sklearn.exceptions.InconsistentVersionWarning`, so warning filters for that class apply to it too.

    Parameters
    ----------
    estimator_name : str
        The name of the object's class.
    original_version : str
        The version that stored it.
    current_version : str, default=the installed version
        The version that loads it.

    Examples
    --------
    >>> from sklearn_gd.exceptions import InconsistentVersionWarning
    >>> warning = InconsistentVersionWarning(
    ...     estimator_name="GDRegressor", original_version="0.0.9"
    ... )
    >>> print(warning.original_version)
    0.0.9
    """

    def __init__(self, *, estimator_name: str, original_version: str, current_version: str = __version__) -> None:
        # The base class's text is about scikit-learn and is replaced; its attributes hold the versions of this package.
        super().__init__(
            estimator_name=estimator_name,
            original_sklearn_version=original_version,
            current_sklearn_version=current_version,
        )
        self.original_version = original_version
        self.current_version = current_version

    def __str__(self) -> str:
        return (
            f"Trying to load {self.estimator_name}, which was stored by sklearn_gd {self.original_version}, with sklearn_gd "
            f"{self.current_version}. Predictions or further fits may differ or fail: check predictions on known samples, or "
            f"refit the model. See https://scikit-learn.org/stable/model_persistence.html"
        )
