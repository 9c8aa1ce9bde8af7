"""Checkpoints of a fit: a scikit-learn callback that writes the state of a fit to a file, and resumes the fit from it."""

import os
from typing import Any

from ._callback import Callback
from ._checkpoint_file import read, write
from ._components import Range
from ._fingerprint import differences, fingerprint
from ._sklearn import BaseEstimator
from .descent._loop import Keeper

MOST_NAMED = 5  # maximum number of differences in an error message


class Checkpoint(Callback):
    r"""Callback that writes the state of a fit to a file, from which a later fit resumes.

    If the process is killed and the same code is run again, the fit resumes from the last checkpoint and gives the same model as
    an uninterrupted fit, bit for bit, on the same machine with the same versions of all packages. The file contains the state
    after epoch k, where k is a multiple of `every`: the model, the internal state of the method of descent, the optimizer's
    slots, the learning rate of an adaptive schedule, averages, the best model, the curves, and the state of the random number
    generator.

    Parameters
    ----------
    path : str or path-like
        The file; its folder must exist. If the file exists, `fit` resumes from it; otherwise `fit` starts from the beginning.
        Use each path for one fit at a time.
    every : int >= 1, default=10
        Number of epochs (iterations, in batch gradient descent) between two checkpoints. With a larger number the fit spends
        less time on checkpoints, and repeats more epochs after an interruption. A fit that ends earlier writes no file.

    Raises
    ------
    TypeError
        The constructor raises it if `path` or `every` has the wrong type. `fit` raises it if the callback is set on an estimator
        other than `GDRegressor` or `GDClassifier`, or if a custom solver returns a `Method` without `snapshot`.
    ValueError
        `fit` raises it if the file belongs to another fit (the message names the differences), if the file is damaged, or if two
        such callbacks are set.
    FileNotFoundError
        `fit` raises it if the folder does not exist.

    Notes
    -----
    The file is an archive of NumPy arrays and a JSON text. Reading it does not execute code, because `pickle` is not used. The
    file is first written under another name (`path` with ".tmp" appended) and then renamed, so that an interruption leaves either
    the old or the new file intact. The file contains a fingerprint of the fit: the class, all parameters except `verbose`, the
    version of this package, and shape, type and a hash of X, y, weights and validation samples.

    The file remains after the fit. If the same fit is run again, it repeats only the epochs after the last checkpoint. Delete
    the file to get a new random run with ``random_state=None``.

    While batch gradient descent with "auto" runs, it stores one number per sample. These numbers are not in the file: at each
    checkpoint they are recomputed from the coefficients, in the running fit as well as in a resumed one, which takes the time
    of one or two iterations. Therefore the model equals that of a fit without this callback, or with a different `every`, only
    up to rounding errors. With all other methods the models are equal bit for bit. The file of SAGA contains one number per
    sample and score.

    Callbacks need scikit-learn 1.9 or later; with an older version an estimator has no `set_callbacks`.

    Other callbacks receive only the epochs after the checkpoint. `partial_fit` does not call callbacks.

    Examples
    --------
    The first fit is interrupted after 25 epochs, and the second resumes after epoch 20:

    >>> import os, tempfile
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn.callback import CallbackContext
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_gd import Checkpoint, GDRegressor, MiniBatch
    >>> X, y = load_diabetes(return_X_y=True)
    >>> class Interrupt:
    ...     def __init__(self, epoch):
    ...         self.left = epoch
    ...
    ...     def setup(self, estimator, context):
    ...         pass
    ...
    ...     def teardown(self, estimator, context):
    ...         pass
    ...
    ...     def on_fit_task_begin(self, estimator, context):
    ...         pass
    ...
    ...     def on_fit_task_end(self, estimator, context):
    ...         self.left -= 1
    ...         if self.left == 0:
    ...             raise KeyboardInterrupt
    >>> def new_model():
    ...     return GDRegressor(
    ...         solver=MiniBatch(32),
    ...         optimizer="adam",
    ...         learning_rate=0.1,
    ...         max_iter=40,
    ...         tol=None,
    ...         random_state=0,
    ...     )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(os.path.join(folder, "fit.npz"))
    ...     try:
    ...         new_model().set_callbacks(checkpoint, Interrupt(25)).fit(X, y)
    ...     except KeyboardInterrupt:
    ...         resumed = new_model().set_callbacks(checkpoint).fit(X, y)
    >>> bool((resumed.coef_ == new_model().fit(X, y).coef_).all())
    True
    """

    path: str
    every: int

    def __init__(self, path: str | os.PathLike[str], every: int = 10) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"Checkpoint: path={path!r} must be a string or a path")
        self.path = os.path.abspath(os.fspath(path))
        self.every = every
        Range(1, integer=True).check(self, "every")

    def __repr__(self) -> str:
        return f"Checkpoint({self.path!r}, every={self.every})"

    def setup(self, estimator: BaseEstimator, context: Any) -> None:
        if not hasattr(estimator, "_checkpointed"):
            raise TypeError(
                f"Checkpoint is set on {type(estimator).__name__}: set it on the GDRegressor or GDClassifier itself, e.g. on the "
                f"last step of a pipeline, pipe[-1].set_callbacks(Checkpoint(path))"
            )


class FileKeeper(Keeper):
    """Reads and writes the checkpoints of one fit.

    Parameters
    ----------
    checkpoint : Checkpoint
        The callback.
    words : dict of str to str
        The fingerprint of the fit.
    rng : numpy.random.RandomState
        The random number generator of the fit. It is set to the initial state of the fit in the file.

    Raises
    ------
    ValueError
        If the file belongs to another fit.
    FileNotFoundError
        If the folder of the file does not exist.
    """

    path: str
    every: int
    rng: Any
    rng_at_start: Any
    saved: Any
    words: dict[str, str]

    def __init__(self, checkpoint: Checkpoint, words: dict[str, str], rng: Any) -> None:
        self.path, self.every, self.rng = checkpoint.path, checkpoint.every, rng
        self.words = words | {"every": str(int(checkpoint.every))}
        if not os.path.isdir(os.path.dirname(self.path)):
            raise FileNotFoundError(f"Checkpoint: the folder of path={self.path!r} does not exist")
        if os.path.isdir(self.path):
            raise IsADirectoryError(f"Checkpoint: path={self.path!r} is a folder; it must be a file, e.g. fit.npz in that folder")
        self.saved = read(self.path) if os.path.exists(self.path) else None
        if self.saved is None:
            self.rng_at_start = rng.get_state(legacy=False)
            return
        found = differences(self.saved.get("fingerprint", {}), self.words)
        if found:
            more = f", and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
            raise ValueError(
                f"{self.path} is the checkpoint of another fit: {'; '.join(found[:MOST_NAMED])}{more}. Delete the file to start "
                f"from the beginning, or use another path"
            )
        self.rng_at_start = self.saved["rng_at_start"]
        rng.set_state(self.rng_at_start)

    def resume(self, method: Any, monitor: Any) -> int:
        if not method.has_snapshot:
            raise TypeError(
                f"Checkpoint: {type(method).__name__} does not implement `snapshot` and `restore`, which resuming a fit requires"
            )
        if self.saved is None:
            return 0
        saved, self.saved = self.saved, None
        method.restore(saved["method"])
        self.rng.set_state(saved["rng"])
        return monitor.restore(saved["monitor"])

    def keep(self, method: Any, monitor: Any, n_epochs: int) -> None:
        if n_epochs == 0 or n_epochs % self.every:
            return
        tree = {
            "fingerprint": self.words,
            "rng_at_start": self.rng_at_start,
            "rng": self.rng.get_state(legacy=False),
            "monitor": monitor.snapshot(),
            "method": method.snapshot(),
        }
        write(self.path, tree)


def keeper_of(estimator: Any, rng: Any, **samples: Any) -> Keeper:
    """Return the keeper for a fit: that of its `Checkpoint`, or one that does nothing.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    rng : numpy.random.RandomState
        The random number generator of the fit.
    **samples : ndarray, CSR matrix, or None
        The arrays on which the fit depends.

    Returns
    -------
    Keeper

    Raises
    ------
    ValueError
        If there are two checkpoints, or the file is that of another fit.
    """
    found = [each for each in getattr(estimator, "_skl_callbacks", ()) if isinstance(each, Checkpoint)]
    if not found:
        return Keeper()
    if len(found) > 1:
        raise ValueError(f"{found[0]} and {found[1]} are both set on this {type(estimator).__name__}: set only one Checkpoint")
    return FileKeeper(found[0], fingerprint(estimator, **samples), rng)
