"""The differences between the supported versions of scikit-learn, 1.6 and later; only this file checks the version."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

__all__ = [
    "HAS_CALLBACKS",
    "BaseEstimator",
    "CallbackContext",
    "CallbackSupportMixin",
    "ClassifierMixin",
    "InconsistentVersionWarning",
    "RegressorMixin",
    "array_api_compat",
    "has_callbacks",
    "with_callbacks",
    "without_callbacks",
]

# scikit-learn 1.9 introduced callbacks.
HAS_CALLBACKS = find_spec("sklearn.callback") is not None

# scikit-learn 1.7 and later ship array-api-compat; before, array API dispatch needed the package itself.
_NAME = "sklearn.externals.array_api_compat" if find_spec("sklearn.externals.array_api_compat") else "array_api_compat"
array_api_compat: Any = import_module(_NAME) if find_spec(_NAME) else None

if TYPE_CHECKING:
    # scikit-learn has no annotations. A type checker sees these classes; at run time scikit-learn's are used.
    class BaseEstimator:
        """The base class of components and estimators."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            """The parameters by name; with `deep` also those of nested components."""

        def set_params(self, **params: Any) -> Self:
            """Set parameters; those of nested components as ``component__name``."""

        def get_metadata_routing(self) -> Any:
            """The metadata requests."""

        def __sklearn_tags__(self) -> Any:
            """The tags that scikit-learn's tools read."""

    class ClassifierMixin:
        """The mixin of classifiers."""

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
            """The accuracy."""

    class RegressorMixin:
        """The mixin of regressors."""

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
            """R^2."""

    class CallbackContext:
        """A task of a fit, of which callbacks are notified."""

    class CallbackSupportMixin:
        """Adds callbacks to an estimator, from scikit-learn 1.9."""

        def set_callbacks(self, *callbacks: Any) -> Self:
            """Set the callbacks of `fit`."""

        def _init_callback_context(self, max_subtasks: int) -> Any: ...

    def with_callbacks(method: Any) -> Any: ...

    class InconsistentVersionWarning(UserWarning):
        """The warning about an object that another version stored."""

        estimator_name: str

        def __init__(self, *, estimator_name: str, current_sklearn_version: str, original_sklearn_version: str) -> None: ...

elif HAS_CALLBACKS:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.callback import CallbackContext, CallbackSupportMixin, with_callbacks
    from sklearn.exceptions import InconsistentVersionWarning
else:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import InconsistentVersionWarning

    class CallbackContext:
        """Replaces the callback context of a fit when there are no callbacks."""

        def call_on_fit_task_begin(self, **hooks):
            """Do nothing."""

        def call_on_fit_task_end(self, **hooks):
            """Do nothing."""

    class CallbackSupportMixin:
        """Replaces the mixin of later versions, without `set_callbacks`."""

        def _init_callback_context(self, max_subtasks):
            return CallbackContext()

    def with_callbacks(method):
        """The method as it is: there are no callbacks."""
        return method


def has_callbacks(estimator):
    """Whether an estimator has callbacks; scikit-learn has no public function for this."""
    return hasattr(estimator, "_skl_callbacks")


def without_callbacks(estimator):
    """The estimator, after its callbacks have been taken off."""
    return estimator.set_callbacks() if HAS_CALLBACKS else estimator
