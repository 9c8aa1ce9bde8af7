"""Display of the coefficients after each epoch."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier

from .._sklearn import BaseEstimator
from ._axes import axes_of, colour, dashes, shortened, style
from ._recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CoefficientPathDisplay:
    """Display of the coefficients after each epoch.

    Create it with `from_estimator`, or from recorded coefficients with `from_coefficients`.

    Parameters
    ----------
    epochs : ndarray, (n_epochs,)
        The epochs.
    coefficients : ndarray, (n_epochs, n_features)
        The coefficients after these epochs.
    names : list of str
        Names of the features.
    value_name : str, default="coefficient"
        Label of the vertical axis; with several classes or outputs, it names the class or output.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the coefficients.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    lines_ : list of Line2D
        One line per feature.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_gd import CoefficientPathDisplay, GDRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> display = CoefficientPathDisplay.from_estimator(GDRegressor(max_iter=20), X, y)
    >>> print(display.coefficients.shape[1], display.names[2])
    10 bmi
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]

    def __init__(
        self, *, epochs: NDArray[Any], coefficients: NDArray[Any], names: list[str], value_name: str = "coefficient"
    ) -> None:
        self.epochs = epochs
        self.coefficients = coefficients
        self.names = names
        self.value_name = value_name

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        max_iter: int | None = None,
        output: int = 0,
        fit_params: dict[str, Any] | None = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Fit a clone of an estimator, and plot its coefficients.

        Parameters
        ----------
        estimator : GDRegressor, GDClassifier, or a Pipeline that ends in one
            The estimator; a clone of it is fitted with ``tol=None``. Set an integer `random_state` for reproducible paths.
        X, y : array-like
            The training samples.
        max_iter : int >= 1, default=None
            Number of epochs; None for that of the estimator.
        output : int, default=0
            The row of a 2-D `coef_`: the index of a class or of an output.
        fit_params : dict, default=None
            Further arguments of `fit`.
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        **kwargs
            Further arguments of `plot`.

        Returns
        -------
        display : CoefficientPathDisplay
            The display.
        """
        recording = Recording(estimator, X, y, max_iter, fit_params)
        thetas = recording.thetas if recording.start is None else [recording.start, *recording.thetas]
        coefficients = np.array([recording.coef(theta)[0] for theta in thetas])
        if not 0 <= output < coefficients.shape[1]:
            raise ValueError(f"output={output!r} must be one of the {coefficients.shape[1]} rows of coef_, counted from 0")
        epochs = np.arange(recording.n_epochs + 1)[-len(thetas) :]
        which = ""
        if coefficients.shape[1] > 1:
            fitted = recording.fitted
            which = f" of class {fitted.classes_[output]}" if is_classifier(fitted) else f" of output {output}"
        display = cls(
            epochs=epochs,
            coefficients=coefficients[:, output],
            names=recording.feature_names,
            value_name=f"coefficient{which}",
        )
        return display.plot(ax, **kwargs)

    @classmethod
    def from_coefficients(
        cls,
        coefficients: ArrayLike,
        *,
        epochs: ArrayLike | None = None,
        names: list[str] | None = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Plot recorded coefficients.

        Parameters
        ----------
        coefficients : array-like, (n_epochs, n_features)
            The coefficients, one row per epoch.
        epochs : array-like, (n_epochs,), default=None
            The epochs; None means 1, 2, ...
        names : list of str, default=None
            Names of the features; None means x0, x1, ...
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        **kwargs
            Further arguments of `plot`.

        Returns
        -------
        display : CoefficientPathDisplay
            The display.
        """
        coefficients = np.asarray(coefficients, dtype=float)
        if coefficients.ndim != 2 or not len(coefficients):
            raise ValueError(f"coefficients must have shape (n_epochs, n_features), not {coefficients.shape}")
        epochs = np.arange(1, len(coefficients) + 1) if epochs is None else np.asarray(epochs)
        if len(epochs) != len(coefficients):
            raise ValueError(f"epochs has {len(epochs)} entries; coefficients has {len(coefficients)} rows")
        names = [f"x{j}" for j in range(coefficients.shape[1])] if names is None else [str(name) for name in names]
        if len(names) != coefficients.shape[1]:
            raise ValueError(f"names has {len(names)} entries; coefficients has {coefficients.shape[1]} columns")
        return cls(epochs=epochs, coefficients=coefficients, names=names).plot(ax, **kwargs)

    def plot(
        self, ax: "Axes | None" = None, *, n_named: int = 6, xscale: str = "linear", line_kw: dict[str, Any] | None = None
    ) -> Self:
        """Plot the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        n_named : int, default=6
            Number of coefficients drawn in colour and named: those with the largest final magnitude. The others are grey.
        xscale : str, default="linear"
            Scale of the horizontal axis.
        line_kw : dict, default=None
            Further arguments of `Axes.plot`.

        Returns
        -------
        display : CoefficientPathDisplay
            The display.
        """
        self.ax_ = axes_of(ax)
        self.figure_, self.lines_ = self.ax_.figure, []
        largest = np.argsort(-np.abs(self.coefficients[-1]), kind="stable")[:n_named].tolist()
        ranks = {j: k for k, j in enumerate(sorted(largest, key=lambda j: -self.coefficients[-1, j]))}
        for j, name in enumerate(self.names):
            look = {"color": "0.55", "linewidth": 0.8, "zorder": 1}
            if j in ranks:
                look = {"color": colour(ranks[j]), "linestyle": dashes(ranks[j]), "label": shortened(name)}
            self.lines_ += self.ax_.plot(self.epochs, self.coefficients[:, j], **look | (line_kw or {}))
        self.ax_.axhline(0.0, color=style("text.color"), linewidth=0.6)
        self.ax_.set(xlabel="epoch", ylabel=self.value_name, xscale=xscale)
        self.ax_.grid(alpha=0.3)
        if ranks:
            lines = [self.lines_[j] for j in sorted(ranks, key=ranks.get)]
            self.ax_.legend(handles=lines, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return self
