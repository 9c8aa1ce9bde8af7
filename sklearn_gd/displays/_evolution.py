"""Display of the predictions of a model with one feature after several epochs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier

from .._sklearn import BaseEstimator
from ._axes import SIZE, colour, pyplot, style, three_digits
from ._recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class FitEvolutionDisplay:
    """Display of the predictions of a model with one feature after several epochs, with one panel per epoch.

    Create it with `from_estimator`.

    Parameters
    ----------
    x, y : ndarray, (n_samples,)
        The training samples.
    grid : ndarray, (n_points,)
        Values of the feature at which the predictions are plotted.
    curves : ndarray, (n_epochs, n_points)
        The predictions at these values.
    epochs : ndarray of int, (n_epochs,)
        The epochs.
    objectives : ndarray, (n_epochs,)
        F after these epochs.
    names : (str, str), default=("x", "y")
        Labels of the axes.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, (n_epochs,)
        The panels.
    ax_ : matplotlib Axes
        The last panel.
    figure_ : matplotlib Figure
        The figure that contains the panels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sklearn_gd import FitEvolutionDisplay, GDRegressor
    >>> t = np.arange(20.0)
    >>> model = make_pipeline(PolynomialFeatures(2, include_bias=False), GDRegressor())
    >>> display = FitEvolutionDisplay.from_estimator(
    ...     model, t[:, None], 0.5 * (t - 9.5) ** 2 + 1, epochs=(1, 2)
    ... )
    >>> first, second = display.objectives
    >>> print(display.curves.shape, bool(second < 0.01 * first))
    (2, 200) True
    """

    axes_: NDArray[Any]
    ax_: Any
    figure_: Any

    def __init__(
        self,
        *,
        x: NDArray[Any],
        y: NDArray[Any],
        grid: NDArray[Any],
        curves: NDArray[Any],
        epochs: NDArray[Any],
        objectives: NDArray[Any],
        names: Sequence[str] = ("x", "y"),
    ) -> None:
        self.x = x
        self.y = y
        self.grid = grid
        self.curves = curves
        self.epochs = epochs
        self.objectives = objectives
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        epochs: Sequence[int] = (1, 3, 10, 100),
        grid_points: int = 200,
        fit_params: dict[str, Any] | None = None,
        axes: "Sequence[Axes] | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Fit a clone of an estimator once, and plot its predictions after each of `epochs`.

        Parameters
        ----------
        estimator : GDRegressor, GDClassifier of two classes, or a Pipeline that ends in one
            The estimator; a clone of it is fitted with ``tol=None``. For a classifier, the probability of the second class is
            plotted.
        X : array-like, (n_samples, 1)
            The training samples, with one feature.
        y : array-like, (n_samples,)
            The targets.
        epochs : sequence of int >= 1, default=(1, 3, 10, 100)
            The epochs to plot. Epochs after the end of the fit are replaced by its last epoch, which is plotted once.
        grid_points : int >= 2, default=200
            Number of points of each curve.
        fit_params : dict, default=None
            Further arguments of `fit`.
        axes : sequence of matplotlib Axes, default=None
            One axes per epoch; None creates a new figure.
        **kwargs
            Further arguments of `plot`.

        Returns
        -------
        display : FitEvolutionDisplay
            The display.
        """
        columns = getattr(X, "columns", None)
        rows, target = np.asarray(X, dtype=float), np.asarray(y)
        if rows.ndim != 2 or rows.shape[1] != 1:
            raise ValueError(f"X has shape {rows.shape}; it must have one feature, i.e. shape (n_samples, 1)")
        if not np.iterable(epochs):
            raise TypeError(f"epochs={epochs!r} must be a sequence of integers >= 1, e.g. ({epochs!r},)")
        wanted = sorted({int(epoch) for epoch in epochs})
        if not wanted or wanted[0] < 1:
            raise ValueError(f"epochs={epochs!r} must be integers >= 1")
        recording = Recording(estimator, X, y, wanted[-1], fit_params)
        shown = sorted({min(epoch, recording.n_epochs) for epoch in wanted})
        grid = np.linspace(rows.min(), rows.max(), grid_points)
        as_given = grid[:, None] if columns is None else type(X)({columns[0]: grid})
        classes = getattr(recording.fitted, "classes_", None)
        if is_classifier(recording.fitted):
            if len(classes) != 2 or not hasattr(recording.fitted, "predict_proba"):
                raise ValueError("a classifier must have two classes and predict_proba to be plotted as a curve")
            target = (target == classes[1]).astype(float)
        curves = []
        for epoch in shown:
            model = recording.model_at(epoch)
            curves.append(model.predict_proba(as_given)[:, 1] if classes is not None else model.predict(as_given))
        return cls(
            x=rows[:, 0],
            y=target,
            grid=grid,
            curves=np.array(curves),
            epochs=np.array(shown),
            objectives=np.array([recording.values[epoch - 1] for epoch in shown]),
            names=(
                "x" if columns is None else str(columns[0]),
                _target_name(y) if classes is None else f"probability of {classes[1]}",
            ),
        ).plot(axes, **kwargs)

    def plot(self, axes: "Sequence[Axes] | None" = None, *, columns: int = 2, line_kw: dict[str, Any] | None = None) -> Self:
        """Plot the display.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, default=None
            One axes per epoch; None creates a new figure.
        columns : int >= 1, default=2
            Number of panels per row in a new figure.
        line_kw : dict, default=None
            Further arguments of `Axes.plot` for the curves.

        Returns
        -------
        display : FitEvolutionDisplay
            The display.
        """
        n = len(self.epochs)
        if axes is None:
            columns = min(columns, n)
            lines = -(-n // columns)
            size = (SIZE[0] * max(columns / 2, 1.0), SIZE[1] * max(lines / 2, 1.0))
            figure, grid = pyplot().subplots(
                lines, columns, figsize=size, layout="constrained", sharex=True, sharey=True, squeeze=False
            )
            for spare in grid.ravel()[n:]:
                spare.remove()
            # If the last row of panels is incomplete, the panel above has the axis label.
            for above in grid.ravel()[max(n - columns, 0) : n]:
                above.xaxis.set_tick_params(labelbottom=True)
            axes = grid.ravel()[:n]
            figure.supxlabel(self.names[0], fontsize="medium")
            figure.supylabel(self.names[1], fontsize="medium")
        elif len(np.ravel(axes)) != n:
            raise ValueError(f"axes has {len(np.ravel(axes))} entries, but there are {n} epochs: pass one for each, or None")
        else:
            axes = np.ravel(axes)
            for ax in axes:
                ax.set(xlabel=self.names[0], ylabel=self.names[1])
        low, high = self._range()
        for at, ax in enumerate(axes):
            ax.plot(self.x, self.y, ".", color="0.55", markersize=4, zorder=1)
            for earlier in self.curves[:at]:
                ax.plot(self.grid, earlier, color=colour(0), alpha=0.5, linewidth=0.8, zorder=2)
            ax.plot(self.grid, self.curves[at], **{"color": colour(1), "linewidth": 2.0, "zorder": 3} | (line_kw or {}))
            title = f"epoch {self.epochs[at]}: F = {three_digits(self.objectives[at])}"
            ax.set_title(title, fontsize="small" if len(title) > 20 else "medium", color=style("text.color"))
            ax.set_ylim(low, high)
            ax.grid(alpha=0.3)
        self.axes_, self.ax_, self.figure_ = np.array(axes), axes[-1], axes[0].figure
        return self

    def _range(self):
        """The range of the samples and of the last curve, with a margin."""
        seen = np.concatenate([self.y, self.curves[-1]])
        margin = 0.1 * (seen.max() - seen.min() or 1.0)
        return seen.min() - margin, seen.max() + margin


def _target_name(y):
    """The name of the targets, if they are a named column."""
    return str(getattr(y, "name", None) or "y")
