"""What the supported versions of scikit-learn, 1.6 and later, do not have in common; no other file asks for the version."""

import functools
from importlib.util import find_spec

# scikit-learn 1.9 brought callbacks.
HAS_CALLBACKS = find_spec("sklearn.callback") is not None

if HAS_CALLBACKS:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
else:

    class NoContext:
        """Stands in for the callback context of a fit; there is no callback to tell."""

        def call_on_fit_task_begin(self, **hooks):
            """Do nothing."""

        def call_on_fit_task_end(self, **hooks):
            """Do nothing."""

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for the mixin of later versions, without `set_callbacks`."""

        def _init_callback_context(self, max_subtasks):
            return NoContext()

    def with_callbacks(method):
        """The method, one frame away as under later versions: warnings count frames to the caller of `fit`."""

        @functools.wraps(method)
        def unmanaged(estimator, *args, **kwargs):
            return method(estimator, *args, **kwargs)

        return unmanaged


def has_callbacks(estimator):
    """Whether callbacks are set on an estimator; scikit-learn has no public way to ask."""
    return hasattr(estimator, "_skl_callbacks")
