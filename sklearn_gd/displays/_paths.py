"""Display of the path of descent on the graph of a function of one variable, or on the contours of a function of two."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeResult

from .._sklearn import BaseEstimator
from ..minimize import gradient_descent
from ._animation import Animation
from ._axes import add_legend, axes_of, colour, final_step, named, style, three_digits
from ._recording import Recording, place_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class DescentPathDisplay:
    """Display of paths of descent on the graph of a function of one variable, or on the contours of a function of two.

    Create it with `from_function`, `from_result`, `from_results` or `from_estimator`.

    Parameters
    ----------
    paths : dict of str to ndarray, (n_points, 1) or (n_points, 2)
        The iterates of each path, by name, beginning with the initial point.
    fun : callable
        The function: ``fun(x)`` returns a number for x of shape (1,) or (2,).
    limits : sequence of (low, high), default=None
        Limits of each variable in the plot; None means the bounding box of the paths plus a margin.
    names : sequence of str, default=("x", "y")
        Labels of the axes.
    value_name : str, default="f"
        Name of the function.
    grid_points : int >= 2, default=80
        Number of grid points per variable at which the function is evaluated; five times as many for one variable.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the plot.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    lines_ : dict of str to Line2D
        The lines of the paths, by name.

    Examples
    --------
    >>> from sklearn_gd import DescentPathDisplay
    >>> def f(x):
    ...     return 6 * x[0] ** 2 + 9 * x[1] ** 2 - 12 * x[0] - 14 * x[1] + 3
    >>> display = DescentPathDisplay.from_function(
    ...     f, [[-1.0, 2.0], [2.5, 1.5]], learning_rate=0.03
    ... )
    >>> print([path[-1].round(3).tolist() for path in display.paths.values()])
    [[1.0, 0.778], [1.0, 0.778]]
    """

    paths: dict[str, NDArray[Any]]
    n_dimensions: int
    limits: NDArray[Any]
    grid: Any
    values: NDArray[Any]
    ax_: Any
    figure_: Any
    lines_: dict[str, Any]

    def __init__(
        self,
        *,
        paths: dict[str, NDArray[Any]],
        fun: Callable[..., Any],
        limits: Sequence[tuple[float, float]] | None = None,
        names: Sequence[str] = ("x", "y"),
        value_name: str = "f",
        grid_points: int = 80,
    ) -> None:
        self.paths = {name: _checked_path(path) for name, path in paths.items()}
        self.fun = fun
        self.names = names
        self.value_name = value_name
        self.grid_points = grid_points
        sizes = {path.shape[1] for path in self.paths.values()}
        if len(sizes) != 1:
            raise ValueError(f"all paths must have the same number of dimensions, not {sorted(sizes)}")
        self.n_dimensions = sizes.pop()
        self.limits = self._around_the_paths() if limits is None else np.asarray(limits, dtype=float).reshape(-1, 2)
        if self.limits.shape != (self.n_dimensions, 2):
            raise ValueError(f"limits must have one pair (low, high) per variable, {self.n_dimensions} in total, not {limits!r}")
        self.grid, self.values = self._map()

    # --- constructors -----------------------------------------------------------------------------------------------------

    @classmethod
    def from_function(
        cls,
        fun: Callable[..., Any],
        x0: ArrayLike,
        *,
        jac: Callable[..., Any] | bool | None = None,
        limits: Sequence[tuple[float, float]] | None = None,
        names: Sequence[str] = ("x", "y"),
        value_name: str = "f",
        ax: "Axes | None" = None,
        plot_kw: dict[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """Minimise a function from one or several initial points, and plot the paths.

        Parameters
        ----------
        fun : callable
            The function: ``fun(x)`` returns a number for x of shape (1,) or (2,).
        x0 : float, or array-like (n,) or (n_starts, n)
            One initial point of n numbers, or one row per initial point.
        jac : callable, True or None, default=None
            The gradient, as `gradient_descent` takes it.
        limits, names, value_name
            As in the class.
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        plot_kw : dict, default=None
            Further arguments of `plot`.
        **options
            Further arguments of `gradient_descent`, such as ``optimizer="adam", learning_rate=0.1``.

        Returns
        -------
        display : DescentPathDisplay
            The display.
        """
        starts = np.atleast_2d(np.asarray(x0, dtype=float))
        found = {
            f"from {_point(start)}": gradient_descent(fun, start, jac=jac, **{"return_all": True} | options) for start in starts
        }
        args = options.get("args", ())
        args = args if isinstance(args, tuple) else (args,)
        value = (lambda x: fun(x, *args)[0]) if jac is True else (lambda x: fun(x, *args))
        return cls.from_results(found, value, limits=limits, names=names, value_name=value_name, ax=ax, plot_kw=plot_kw)

    @classmethod
    def from_result(cls, result: OptimizeResult, fun: Callable[..., Any], *, name: str = "path", **kwargs: Any) -> Self:
        """Plot the path of one result.

        Parameters
        ----------
        result : OptimizeResult
            The result, as in `from_results`.
        fun : callable
            The function that was minimised.
        name : str, default="path"
            Name in the legend.
        **kwargs
            Further arguments of `from_results`.

        Returns
        -------
        display : DescentPathDisplay
            The display.
        """
        return cls.from_results({name: result}, fun, **kwargs)

    @classmethod
    def from_results(
        cls,
        results: dict[str, OptimizeResult] | Sequence[OptimizeResult],
        fun: Callable[..., Any],
        *,
        limits: Sequence[tuple[float, float]] | None = None,
        names: Sequence[str] = ("x", "y"),
        value_name: str = "f",
        ax: "Axes | None" = None,
        plot_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Plot the paths of several results.

        Parameters
        ----------
        results : dict of str to OptimizeResult, or list of them
            The results, each with its path in ``allvecs``. Any method of `scipy.optimize.minimize` that supports
            ``return_all=True`` returns such results.
        fun : callable
            The function that was minimised.
        limits, names, value_name
            As in the class.
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        plot_kw : dict, default=None
            Further arguments of `plot`.

        Returns
        -------
        display : DescentPathDisplay
            The display.
        """
        results = named(results, lambda result, at: f"path {at}")
        for name, result in results.items():
            if "allvecs" not in result:
                raise ValueError(f"the result {name!r} has no path: call minimize with options={{'return_all': True}}")
        paths = {name: _path_of(result) for name, result in results.items()}
        return cls(paths=paths, fun=fun, limits=limits, names=names, value_name=value_name).plot(ax, **plot_kw or {})

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        features: Sequence[int | str] | int | str | None = None,
        output: int = 0,
        max_iter: int | None = None,
        fit_params: dict[str, Any] | None = None,
        limits: Sequence[tuple[float, float]] | None = None,
        grid_points: int = 40,
        ax: "Axes | None" = None,
        plot_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Fit a clone of an estimator, and plot its path on its objective F, with one point per epoch.

        F is plotted as a function of the chosen coefficients, with all others fixed at their final values. If there are other
        coefficients, the plotted path is the projection of the real path, and need not be perpendicular to the contours.

        Parameters
        ----------
        estimator : GDRegressor, GDClassifier, or a Pipeline that ends in one
            The estimator; a clone of it is fitted with ``tol=None``.
        X, y : array-like
            The training samples.
        features : one or two of feature index, feature name, or "intercept", default=None
            The coefficients to plot; None for the first two, or, of a single feature, its coefficient and the intercept.
        output : int, default=0
            The row of a 2-D `coef_`: the index of a class or of an output.
        max_iter : int >= 1, default=None
            Number of epochs; None for that of the estimator.
        fit_params : dict, default=None
            Further arguments of `fit`.
        limits, grid_points
            As in the class.
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        plot_kw : dict, default=None
            Further arguments of `plot`.

        Returns
        -------
        display : DescentPathDisplay
            The display.
        """
        recording = Recording(estimator, X, y, max_iter, fit_params)
        last_coef, last_intercept = recording.coef(recording.thetas[-1])
        if not 0 <= output < len(last_coef):
            raise ValueError(f"output={output!r} must be one of the {len(last_coef)} rows of coef_, counted from 0")
        columns = recording.feature_names
        if features is None:
            intercept = ["intercept"] * bool(final_step(recording.fitted).fit_intercept)
            features = (0, 1) if len(columns) > 1 else [0, *intercept]
        features = [features] if isinstance(features, (str, int, np.integer)) else list(features)
        if len(features) not in (1, 2):
            raise ValueError(f"features={features!r} must contain one or two coefficients")
        places = [place_of(feature, columns) for feature in features]
        if len(set(places)) < len(places):
            raise ValueError(f"features={features!r} contains the same coefficient twice")

        def chosen(theta):
            coef, intercept = recording.coef(theta)
            return [intercept[output] if at is None else coef[output, at] for at in places]

        def value(x):
            coef, intercept = last_coef.copy(), last_intercept.copy()
            for at, number in zip(places, x, strict=True):
                if at is None:
                    intercept[output] = number
                else:
                    coef[output, at] = number
            return recording.objective.value(recording.objective.pack(coef, intercept))

        thetas = recording.thetas if recording.start is None else [recording.start, *recording.thetas]
        path = np.array([chosen(theta) for theta in thetas])
        names = ["intercept" if at is None else f"coefficient of {columns[at]}" for at in places]
        return cls(
            paths={f"{recording.n_epochs} epochs": path},
            fun=value,
            limits=limits,
            names=names,
            value_name="objective F",
            grid_points=grid_points,
        ).plot(ax, **plot_kw or {})

    # --- the picture -----------------------------------------------------------------------------------------------------

    def _around_the_paths(self):
        """The bounding box of all points, with a margin of a quarter on each side."""
        points = np.concatenate(list(self.paths.values()))
        low, high = points.min(axis=0), points.max(axis=0)
        width = np.where(high > low, high - low, np.maximum(np.abs(high), 1.0))
        return np.column_stack([low - 0.25 * width, high + 0.25 * width])

    def _map(self):
        """The grid points along each axis, and the function values on the grid."""
        count = 5 * self.grid_points if self.n_dimensions == 1 else self.grid_points
        grid = [np.linspace(low, high, count) for low, high in self.limits]
        if self.n_dimensions == 1:
            return grid, np.array([_number(self.fun(np.array([x]))) for x in grid[0]])
        return grid, np.array([[_number(self.fun(np.array([x, y]))) for x in grid[0]] for y in grid[1]])

    def plot(
        self, ax: "Axes | None" = None, *, levels: int = 14, legend: bool = True, line_kw: dict[str, Any] | None = None
    ) -> Self:
        """Plot the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        levels : int >= 1, default=14
            Number of contours; their levels are denser near the lowest value.
        legend : bool, default=True
            Whether to show a legend of the paths.
        line_kw : dict, default=None
            Further arguments of `Axes.plot` for the paths.

        Returns
        -------
        display : DescentPathDisplay
            The display.
        """
        self.ax_ = axes_of(ax)
        self.figure_, self.lines_, self._ends = self.ax_.figure, {}, {}
        self._draw_map(levels)
        for k, (name, path) in enumerate(self.paths.items()):
            x, y = self._seen(path)
            look = {"color": colour(k), "label": name, "marker": "o", "markersize": 3, "linewidth": 1.3, "zorder": 3}
            (self.lines_[name],) = self.ax_.plot(x, y, **look | (line_kw or {}))
            rim = {"markeredgecolor": style("text.color"), "color": colour(k), "zorder": 4}
            self.ax_.plot(x[:1], y[:1], "s", markersize=6, **rim)
            (self._ends[name],) = self.ax_.plot(x[-1:], y[-1:], "*", markersize=12, **rim)
        if legend:
            add_legend(self.ax_)
        return self

    def _draw_map(self, levels):
        """Draw the curve or the contours."""
        low, high = self.limits[0]
        if self.n_dimensions == 1:
            self.ax_.plot(self.grid[0], self.values, color="0.55", linewidth=1.5, zorder=2)
            finite = self.values[np.isfinite(self.values)]
            margin = 0.08 * (finite.max() - finite.min() or 1.0)
            self.ax_.set_ylim(finite.min() - margin, finite.max() + margin)
            self.ax_.set(xlim=(low, high), xlabel=self.names[0], ylabel=f"{self.value_name}({self.names[0]})")
            self.ax_.locator_params(axis="x", nbins=5)
            if self.value_name.startswith("objective"):
                self.ax_.set_ylabel(self.value_name)
            self.ax_.grid(alpha=0.3)
            return
        finite = np.where(np.isfinite(self.values), self.values, np.nan)
        lowest, highest = np.nanmin(finite), np.nanmax(finite)
        heights = lowest + (highest - lowest) * np.linspace(0.0, 1.0, levels + 2)[1:-1] ** 2.5
        if highest > lowest:
            lines = self.ax_.contour(
                *self.grid, finite, levels=heights, colors="0.55", linestyles="solid", linewidths=0.7, zorder=1
            )
            # Every third contour is labelled; more labels would hide the plot.
            self.ax_.clabel(lines, lines.levels[levels % 3 :: 3], fmt=three_digits, fontsize="small")
        self.ax_.set(xlim=(low, high), ylim=tuple(self.limits[1]), xlabel=self.names[0], ylabel=self.names[1])

    def _seen(self, path):
        """The coordinates of a path's points in the plot."""
        if self.n_dimensions == 2:
            return path[:, 0], path[:, 1]
        with np.errstate(over="ignore"):
            return path[:, 0], np.array([_number(self.fun(point.copy())) for point in path])

    def save_animation(
        self,
        filename: str | Path,
        *,
        fps: float = 10,
        dpi: float = 100,
        max_frames: int = 100,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Path:
        """Save the descent as an animated GIF, with one point per frame.

        Parameters
        ----------
        filename : str or path
            The file; its name should end in ``.gif``.
        fps : float > 0, default=10
            Frames per second.
        dpi : float > 0, default=100
            Dots per inch.
        max_frames : int >= 2, default=100
            Maximum number of frames. In longer paths, points are skipped at regular intervals.
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        **kwargs
            Further arguments of `plot`.

        Returns
        -------
        path : pathlib.Path
            The file.
        """
        animation = Animation(fps, dpi, max_frames)
        self.plot(ax, **kwargs)
        seen = {name: self._seen(path) for name, path in self.paths.items()}

        def draw(count):
            for name, (x, y) in seen.items():
                self.lines_[name].set_data(x[:count], y[:count])
                self._ends[name].set_data(x[:count][-1:], y[:count][-1:])
            return [*self.lines_.values(), *self._ends.values()]

        return animation.save(self.ax_, draw, max(map(len, self.paths.values())), filename)


def _path_of(result):
    """The path of a result; its last point is the result, for optimizers that evaluate a mean of the iterates."""
    path = np.array(result.allvecs)
    if result.success and not np.array_equal(result.x, path[-1]):
        path = np.concatenate([path, np.reshape(result.x, path[:1].shape)])
    return path


def _checked_path(path):
    """A path as an array, (n_points, 1 or 2)."""
    path = np.asarray(path, dtype=float)
    path = path[:, None] if path.ndim == 1 else path
    if path.ndim != 2 or path.shape[1] not in (1, 2) or not len(path):
        raise ValueError(f"a path must have shape (n_points, 1) or (n_points, 2), not {path.shape}")
    return path


def _number(value):
    """The result of a function as a float."""
    return float(np.ravel(value)[0])


def _point(start):
    """A description of an initial point."""
    inner = ", ".join(f"{number:.4g}" for number in start)
    return inner if len(start) == 1 else f"({inner})"
