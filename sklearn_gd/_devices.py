"""The place of arrays: NumPy, or with array API dispatch another library and one of its devices.

Fitted attributes and predictions are in the place of X; y and the weights are copied there. This is the only file that uses
array-api-compat, in the copy that scikit-learn includes.
"""

import functools

import numpy as np
from sklearn import get_config

from ._namespaces import Namespace, under
from ._sklearn import array_api_compat

FLOATS = [np.float64, np.float32]


class Host:
    """NumPy's arrays, SciPy's sparse matrices, and all objects that scikit-learn converts to them."""

    xp = np
    floats = FLOATS
    in_memory = True

    def put(self, array):
        """A host array in this place: the array itself."""
        return array

    put_labels = put

    def checked(self, X):
        """X, or the array of a tensor in memory, because scikit-learn would convert tensors of every type to float64."""
        foreign = hasattr(X, "__array__") and hasattr(X, "dtype") and not hasattr(X.dtype, "kind")
        return np.asarray(X) if foreign else X

    def rows(self, X, which):
        """The rows `which` of X, indices or a mask."""
        return X[which]

    def labels(self, classes, index):
        """The classes of these indices."""
        return classes[index]

    def scores(self, X, coef, intercept):
        """X coef' + intercept, (n_samples, n_outputs); the model may be on a device."""
        return np.asarray(X @ to_host(coef).T + to_host(intercept))

    def call(self, method, *arrays):
        """Call a component's method in array style with arrays in this place."""
        return method(*arrays)


class Device:
    """Arrays of one library on one of its devices.

    Parameters
    ----------
    library : module
        The namespace of the library, from array-api-compat.
    device : object
        The device.

    Attributes
    ----------
    dtype : object
        The widest floating type of the device: that of scores, sums and fitted attributes.
    floats : list
        The floating types that X may have.
    namespace : Namespace
        The replacement of ``np`` in functions in array style.
    in_memory : bool
        Whether NumPy can read the arrays where they are, without a copy: those of PyTorch on the CPU.
    """

    def __init__(self, library, device):
        self.xp, self.device = library, device
        self.in_memory = getattr(device, "type", None) == "cpu"
        self.has_float64 = _has_float64(library, device)
        self.floats = [library.float64, library.float32] if self.has_float64 else [library.float32]
        self.dtype = self.floats[0]
        self.namespace = Namespace(library, self.dtype, device)

    def __repr__(self):
        return f"{self.xp.__name__.removeprefix('sklearn.externals.array_api_compat.')} on device {self.device}"

    def put(self, array, dtype=None):
        """A copy of a host array, in floating type `dtype`, by default the widest."""
        array = np.asarray(array)
        # An array of a type that the device lacks must not be sent to it.
        dtype = dtype or self.dtype
        narrow = dtype == self.xp.float32
        return self.xp.asarray(array.astype(np.float32 if narrow else np.float64, copy=False), dtype=dtype, device=self.device)

    def put_index(self, index):
        """A copy of host indices."""
        return self.xp.asarray(np.asarray(index, dtype=np.int64), device=self.device)

    def put_labels(self, labels):
        """A copy of numeric labels; other labels stay on the host."""
        if labels is None or labels.dtype.kind not in "biuf":
            return labels
        return self.put(labels) if labels.dtype.kind == "f" else self.xp.asarray(labels, device=self.device)

    def take(self, array):
        """A copy as a host array, float64 for floating types."""
        found = to_host(array)
        return found.astype(np.float64, copy=False) if found.dtype.kind == "f" else found

    def take_all(self, *arrays):
        """Copies of floating arrays and numbers as host arrays, in a single transfer."""
        xp = self.xp
        flat = [xp.reshape(self.cast(each), (-1,)) for each in arrays]
        found, at, out = self.take(xp.concat(flat)), 0, []
        for each, values in zip(arrays, flat, strict=True):
            size = values.shape[0]
            out.append(found[at : at + size].reshape(tuple(each.shape)))
            at += size
        return tuple(out)

    def cast(self, array):
        """The array in the widest floating type."""
        return array if array.dtype == self.dtype else self.xp.astype(array, self.dtype)

    def whole(self, result, shape):
        """The result of an array-style function, which may be a number, in the shape of the scores."""
        result = self.xp.asarray(result, dtype=self.dtype, device=self.device)
        return result if tuple(result.shape) == tuple(shape) else self.xp.broadcast_to(result, shape)

    def checked(self, X):
        """X detached from automatic differentiation; raises a ValueError if it is sparse."""
        layout = str(getattr(X, "layout", "torch.strided"))
        if layout != "torch.strided":
            raise ValueError(
                f"X is a sparse tensor ({layout}), but on a device X must be dense. Pass X.to_dense(), or a SciPy CSR matrix, "
                f"with which the model is fitted on the host"
            )
        return X.detach() if hasattr(X, "detach") else X

    def rows(self, X, which):
        """The rows `which` of X, host indices or a host mask."""
        which = np.asarray(which)
        return self.xp.take(X, self.put_index(np.flatnonzero(which) if which.dtype == bool else which), axis=0)

    def labels(self, classes, index):
        """The classes of these indices: on the device, unless the classes are text."""
        if isinstance(classes, np.ndarray):
            return classes[to_host(index)]
        return self.xp.take(classes, index, axis=0)

    def scores(self, X, coef, intercept):
        """X coef' + intercept, (n_samples, n_outputs), of a model on this device."""
        xp = self.xp
        return xp.matmul(self.cast(X), coef.T) + intercept[None, :]

    def call(self, method, *arrays):
        """Call a component's method in array style with arrays in this place."""
        function, bound = getattr(method, "__func__", method), hasattr(method, "__func__")
        return under(function, self.namespace)(*([method.__self__] if bound else []), *arrays)


HOST = Host()


def place_of(X):
    """The place of X: `HOST`, unless array API dispatch is enabled and X is an array of another library.

    Parameters
    ----------
    X : object
        As given by the user.

    Returns
    -------
    Host or Device
    """
    if type(X) is np.ndarray or not get_config()["array_api_dispatch"]:
        return HOST
    if type(X).__module__.split(".")[0] == "cupyx":
        raise ValueError(
            f"X is a {type(X).__name__} of CuPy, but on a device X must be dense. Pass X.toarray(), or a SciPy CSR matrix, with "
            f"which the model is fitted on the host"
        )
    if not _is_foreign(X):
        return HOST
    library, device = array_api_compat.array_namespace(X), array_api_compat.device(X)
    return _device(library, str(device), Holder(device))


def to_host(array):
    """A NumPy array of the same values if `array` is an array of another library; otherwise the object itself."""
    if type(array) is np.ndarray or not _is_foreign(array):
        return array
    if array_api_compat.is_torch_array(array):
        return array.detach().cpu().numpy()
    if array_api_compat.is_cupy_array(array):
        return array.get()
    library = array_api_compat.array_namespace(array)
    return np.asarray(array_api_compat.to_device(array, library.__array_namespace_info__().default_device()))


def check_same_place(estimator, X, method):
    """Raise a ValueError if X and the fitted model are in different places; without dispatch all models take host arrays."""
    if not get_config()["array_api_dispatch"]:
        return
    here, there = place_of(X), place_of(estimator.coef_)
    if here is not there:
        name = type(estimator).__name__
        raise ValueError(
            f"Inputs passed to {name}.{method}() must use the same namespace and the same device as those passed to fit(): X is "
            f"in {_named(here)}, but coef_ is in {_named(there)}. Move X there, or fit on arrays like X"
        )


def _named(place):
    """A description of a place, for messages."""
    return "NumPy" if place is HOST else repr(place)


def _is_foreign(array):
    """Whether this is an array of another library than NumPy with eager execution."""
    if array_api_compat is None:
        return False
    known = array_api_compat.is_array_api_obj(array)
    return known and not array_api_compat.is_numpy_array(array) and not array_api_compat.is_lazy_array(array)


class Holder:
    """A device as an argument of a cached function, as CuPy's devices are not hashable."""

    def __init__(self, device):
        self.device = device

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


@functools.cache
def _device(library, name, holder):
    """The `Device`, one object per library and name, as converted functions of losses are cached for each."""
    return Device(library, holder.device)


def _has_float64(library, device):
    """Whether the device has float64; Apple's does not."""
    try:
        library.zeros(1, dtype=library.float64, device=device)
    except (TypeError, ValueError, RuntimeError):
        return False
    return True
