"""A fit that goes on where a process that was killed has left it: scikit-learn's callback, and what it keeps of one fit."""

import os
from typing import Any

from ._checkpoint_file import read, write
from ._components import Range
from ._fingerprint import differences, fingerprint
from ._sklearn import BaseEstimator, CallbackContext
from .descent._loop import Keeper

MOST_NAMED = 5  # differences that an error lists


class Checkpoint:
    r"""Callback that writes the state of a fit to a file, from which a later fit goes on.

    A fit that is killed at any moment, and started again by the same code, ends with the same model as one that was not killed,
    to the last bit, on the same machine with the same versions of all packages. The file holds the state after the k-th epoch,
    k a multiple of `every`: the model, what the method of descent remembers, the optimizer's slots, the rate of an adaptive
    schedule, averages, the best model, the curves, and the state of the random generator.

    Parameters
    ----------
    path : str or path-like
        The file; its folder must exist. Where there is a file, `fit` goes on from it; else it starts from the beginning. A file
        belongs to one fit: do not use a path for two at a time.
    every : int >= 1, default=10
        How many epochs (of batch descent: iterations) lie between two checkpoints. A larger number costs less time during the
        fit, and more after a kill.

    Raises
    ------
    TypeError
        By the constructor for a path or `every` of another type; by `fit` where the callback is set on another estimator than
        `GDRegressor` or `GDClassifier`, or the solver is one of your own whose `Method` does not implement `snapshot`.
    ValueError
        By `fit`, if the file is that of another fit (the message names what differs), or is damaged, or if there are two
        callbacks of this kind.
    FileNotFoundError
        By `fit`, if the folder does not exist.

    Notes
    -----
    The file is an archive of NumPy arrays and a text in JSON. Reading it runs no code: `pickle` is not involved. It is written
    as a whole under another name (`path` with ".tmp" appended) and then renamed, so that a kill leaves the old file or the new
    one. Its fingerprint has the class, all parameters except `verbose`, the version of this package, and shape, type and a hash
    of X, y, weights and validation samples.

    The file remains after the fit has ended. The same fit, run again, repeats its last epochs only; delete the file for another
    run with ``random_state=None``.

    Batch descent under "auto" keeps one number for each sample while it runs. The file does without: a checkpoint computes these
    anew from the coefficients, in the running fit as in the one that goes on, which takes the time of one or two iterations.
    The model of such a fit therefore equals that of a fit without this callback, or with another `every`, up to rounding errors
    only. With all other methods it is the same to the last bit. SAGA's file has one number for each sample and score.

    Callbacks need scikit-learn 1.9 or later; with an older version an estimator has no `set_callbacks`.

    Other callbacks are told of the epochs after the checkpoint alone. `partial_fit` calls no callbacks.

    Examples
    --------
    The first fit is interrupted after 25 epochs, and the second goes on from the 20th:

    >>> import os, tempfile
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn.callback import CallbackContext
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_gd import Checkpoint, GDRegressor, MiniBatch
    >>> X, y = load_diabetes(return_X_y=True)
    >>> class Interrupt:
    ...     def __init__(self, epoch):
    ...         self.left = epoch
    ...     def setup(self, estimator: BaseEstimator, context: CallbackContext): pass
    ...     def teardown(self, estimator: BaseEstimator, context: CallbackContext): pass
    ...     def on_fit_task_begin(self, estimator: BaseEstimator, context: CallbackContext): pass
    ...     def on_fit_task_end(self, estimator: BaseEstimator, context: CallbackContext):
    ...         self.left -= 1
    ...         if self.left == 0:
    ...             raise KeyboardInterrupt
    >>> def new_model():
    ...     return GDRegressor(solver=MiniBatch(32), optimizer="adam", learning_rate=0.1, max_iter=40, tol=None, random_state=0)
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

    def setup(self, estimator: BaseEstimator, context: CallbackContext) -> None:
        """Refuse an estimator that does not descend.

        Parameters
        ----------
        estimator : estimator
            Whose fit begins.
        context : sklearn.callback.CallbackContext
            The task of the fit.
        """
        if not hasattr(estimator, "_checkpointed"):
            raise TypeError(
                f"Checkpoint is set on {type(estimator).__name__}: set it on the GDRegressor or GDClassifier itself, such as the "
                f"last step of a pipeline, pipe[-1].set_callbacks(Checkpoint(path))"
            )

    def teardown(self, estimator: BaseEstimator, context: CallbackContext) -> None:
        """Do nothing.

        Parameters
        ----------
        estimator : estimator
            Whose fit has ended.
        context : sklearn.callback.CallbackContext
            The task of the fit.
        """

    def on_fit_task_begin(self, estimator: BaseEstimator, context: CallbackContext) -> None:
        """Do nothing: the descent itself asks for a checkpoint, between two epochs.

        Parameters
        ----------
        estimator : estimator
            Whose task begins.
        context : sklearn.callback.CallbackContext
            The task.
        """

    def on_fit_task_end(self, estimator: BaseEstimator, context: CallbackContext) -> bool:
        """Do nothing.

        Parameters
        ----------
        estimator : estimator
            Whose task has ended.
        context : sklearn.callback.CallbackContext
            The task.

        Returns
        -------
        bool
            False: the fit goes on.
        """
        return False


class FileKeeper(Keeper):
    """What a `Checkpoint` does for one fit.

    Parameters
    ----------
    checkpoint : Checkpoint
        The callback.
    words : dict of str to str
        The fingerprint of the fit.
    rng : numpy.random.RandomState
        The generator that the fit draws from; set to the state that the fit in the file began with.

    Raises
    ------
    ValueError
        If the file is that of another fit.
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
        self.saved = read(self.path) if os.path.exists(self.path) else None
        if self.saved is None:
            self.rng_at_start = rng.get_state(legacy=False)
            return
        found = differences(self.saved.get("fingerprint", {}), self.words)
        if found:
            more = f", and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
            raise ValueError(
                f"{self.path} is the checkpoint of another fit: {'; '.join(found[:MOST_NAMED])}{more}. Delete the file to start "
                f"from the beginning, or give another path"
            )
        self.rng_at_start = self.saved["rng_at_start"]
        rng.set_state(self.rng_at_start)

    def resume(self, method: Any, monitor: Any) -> int:
        if not method.has_snapshot:
            raise TypeError(
                f"Checkpoint: {type(method).__name__} does not implement `snapshot` and `restore`, from which a fit could go on"
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
    """The keeper for a fit: that of its `Checkpoint`, or one that keeps nothing.

    Parameters
    ----------
    estimator : estimator
        Whose fit it is.
    rng : numpy.random.RandomState
        The generator that the fit draws from.
    **samples : ndarray, CSR matrix, or None
        What the fit depends on besides the parameters.

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
        raise ValueError(f"{found[0]} and {found[1]} are both set on this {type(estimator).__name__}: one is enough")
    return FileKeeper(found[0], fingerprint(estimator, **samples), rng)
