"""The way down: on a curve, or on the contours of a function of two numbers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeResult

from .._sklearn import BaseEstimator
from ..minimize import gradient_descent
from ._axes import add_legend, axes_of, colour, named, style, three_digits
from ._recording import Recording, place_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class DescentPathDisplay:
    """Paths of descent on the curve of a function of one number, or on the contours of a function of two.

    Make it with `from_function`, `from_result`, `from_results` or `from_estimator`.

    Parameters
    ----------
    paths : dict of str to ndarray, (n_points, 1) or (n_points, 2)
        The points by name, the start first.
    fun : callable
        ``fun(x)``, a number for x of shape (1,) or (2,).
    limits : sequence of (low, high), default=None
        What the map shows along each axis; None for the box around the paths and a margin.
    names : sequence of str, default=("x", "y")
        What the axes are called.
    value_name : str, default="f"
        What the function is called.
    grid_points : int >= 2, default=80
        Points of the map along an axis (of a curve, five times as many).

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the map.
    figure_ : matplotlib Figure
        Around it.
    lines_ : dict of str to Line2D
        The paths.

    Examples
    --------
    >>> from sklearn_gd import DescentPathDisplay
    >>> def f(x):
    ...     return 6 * x[0] ** 2 + 9 * x[1] ** 2 - 12 * x[0] - 14 * x[1] + 3
    >>> display = DescentPathDisplay.from_function(f, [[-1.0, 2.0], [2.5, 1.5]], learning_rate=0.03)
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
            raise ValueError(f"paths in {sorted(sizes)} dimensions cannot share a map")
        self.n_dimensions = sizes.pop()
        self.limits = self._around_the_paths() if limits is None else np.asarray(limits, dtype=float).reshape(-1, 2)
        if self.limits.shape != (self.n_dimensions, 2):
            raise ValueError(f"limits must have a pair (low, high) for each axis, {self.n_dimensions} in all, not {limits!r}")
        self.grid, self.values = self._map()

    # --- ways to make one ------------------------------------------------------------------------------------------------

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
        """Descend on a function from one or several starts, and draw the paths.

        Parameters
        ----------
        fun : callable
            ``fun(x)``, a number for x of shape (1,) or (2,).
        x0 : float, or array-like (n,) or (n_starts, n)
            A start of n numbers, or a row for each start.
        jac : callable, True or None, default=None
            The gradient, as `gradient_descent` takes it.
        limits, names, value_name
            As in the class.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        plot_kw : dict, default=None
            Further arguments of `plot`.
        **options
            Of `gradient_descent`, such as ``optimizer="adam", learning_rate=0.1``.

        Returns
        -------
        display : DescentPathDisplay
            The display, drawn.
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
        """Draw the path of one result.

        Parameters
        ----------
        result : OptimizeResult
            As in `from_results`.
        fun : callable
            The function that was minimised.
        name : str, default="path"
            Its name in the legend.
        **kwargs
            Of `from_results`.

        Returns
        -------
        display : DescentPathDisplay
            The display, drawn.
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
        """Draw the paths of several results.

        Parameters
        ----------
        results : dict of str to OptimizeResult, or list of them
            Each with its path in ``allvecs``: of any method of `scipy.optimize.minimize` that takes ``return_all=True``.
        fun : callable
            The function that was minimised.
        limits, names, value_name
            As in the class.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        plot_kw : dict, default=None
            Further arguments of `plot`.

        Returns
        -------
        display : DescentPathDisplay
            The display, drawn.
        """
        results = named(results, lambda result, at: f"path {at}")
        for name, result in results.items():
            if "allvecs" not in result:
                raise ValueError(f"the result {name!r} has no path: minimise with options={{'return_all': True}}")
        paths = {name: _path_of(result) for name, result in results.items()}
        return cls(paths=paths, fun=fun, limits=limits, names=names, value_name=value_name).plot(ax, **plot_kw or {})

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        features: Sequence[int | str] = (0, 1),
        output: int = 0,
        max_iter: int | None = None,
        fit_params: dict[str, Any] | None = None,
        limits: Sequence[tuple[float, float]] | None = None,
        grid_points: int = 40,
        ax: "Axes | None" = None,
        plot_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Fit a clone of an estimator, and draw its way over its own objective F, a point for each epoch.

        F is drawn over the chosen coefficients; all others stay as they are at the end. Where there are others, the path is
        the shadow of the real one, and need not cross the contours as steps against a gradient do.

        Parameters
        ----------
        estimator : GDRegressor, GDClassifier, or a Pipeline that ends in one
            Its clone is fitted with ``tol=None``.
        X, y : array-like
            The rows.
        features : one or two of column number, column name, or "intercept", default=(0, 1)
            The coefficients of the map.
        output : int, default=0
            The row of a 2-D `coef_`: a class, or a target.
        max_iter : int >= 1, default=None
            Epochs; None for the estimator's own.
        fit_params : dict, default=None
            Further arguments of `fit`.
        limits, grid_points
            As in the class.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        plot_kw : dict, default=None
            Further arguments of `plot`.

        Returns
        -------
        display : DescentPathDisplay
            The display, drawn.
        """
        recording = Recording(estimator, X, y, max_iter, fit_params)
        last_coef, last_intercept = recording.coef(recording.thetas[-1])
        if not 0 <= output < len(last_coef):
            raise ValueError(f"output={output!r} must be one of the {len(last_coef)} rows of coef_, counted from 0")
        columns = recording.feature_names
        features = [features] if isinstance(features, (str, int, np.integer)) else list(features)
        if len(features) not in (1, 2):
            raise ValueError(f"features={features!r} must name one or two coefficients")
        places = [place_of(feature, columns) for feature in features]
        if len(set(places)) < len(places):
            raise ValueError(f"features={features!r} names one coefficient twice")

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
        """The box around all points, and a quarter of it on each side."""
        points = np.concatenate(list(self.paths.values()))
        low, high = points.min(axis=0), points.max(axis=0)
        width = np.where(high > low, high - low, np.maximum(np.abs(high), 1.0))
        return np.column_stack([low - 0.25 * width, high + 0.25 * width])

    def _map(self):
        """The points of the map along each axis, and the function on them."""
        count = 5 * self.grid_points if self.n_dimensions == 1 else self.grid_points
        grid = [np.linspace(low, high, count) for low, high in self.limits]
        if self.n_dimensions == 1:
            return grid, np.array([_number(self.fun(np.array([x]))) for x in grid[0]])
        return grid, np.array([[_number(self.fun(np.array([x, y]))) for x in grid[0]] for y in grid[1]])

    def plot(
        self, ax: "Axes | None" = None, *, levels: int = 14, legend: bool = True, line_kw: dict[str, Any] | None = None
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        levels : int >= 1, default=14
            Contours; they lie closer to each other towards the lowest value.
        legend : bool, default=True
            Whether to name the paths.
        line_kw : dict, default=None
            Further arguments of the paths' `Axes.plot`.

        Returns
        -------
        display : DescentPathDisplay
            The display, drawn.
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
        """The curve, or the contours."""
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
            # Every third contour says its height; more would hide the map.
            self.ax_.clabel(lines, lines.levels[levels % 3 :: 3], fmt=three_digits, fontsize="small")
        self.ax_.set(xlim=(low, high), ylim=tuple(self.limits[1]), xlabel=self.names[0], ylabel=self.names[1])

    def _seen(self, path):
        """The coordinates on the picture of a path's points."""
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
        """Write the descent as a GIF, point after point.

        Parameters
        ----------
        filename : str or path
            Where to; it should end in ``.gif``.
        fps : float > 0, default=10
            Pictures a second.
        dpi : float > 0, default=100
            Pixels an inch.
        max_frames : int >= 2, default=100
            The most pictures; of longer paths some points are skipped, evenly.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        **kwargs
            Of `plot`.

        Returns
        -------
        path : pathlib.Path
            The file.
        """
        from matplotlib.animation import FuncAnimation, PillowWriter

        for name, number, least in (("fps", fps, 0), ("dpi", dpi, 0), ("max_frames", max_frames, 1)):
            if not number > least:
                raise ValueError(f"{name}={number!r} must be > {least}")

        self.plot(ax, **kwargs)
        seen = {name: self._seen(path) for name, path in self.paths.items()}
        longest = max(len(path) for path in self.paths.values())
        shown = np.unique(np.linspace(1, longest, min(max_frames, longest)).round().astype(int))

        def draw(count):
            for name, (x, y) in seen.items():
                self.lines_[name].set_data(x[:count], y[:count])
                self._ends[name].set_data(x[:count][-1:], y[:count][-1:])
            self.ax_.set_title(f"step {count - 1}")
            return [*self.lines_.values(), *self._ends.values()]

        # The layout is found once, with a title, and then stands still.
        self.ax_.set_title("step 0")
        self.figure_.canvas.draw()
        self.figure_.set_layout_engine("none")
        filename = Path(filename)
        FuncAnimation(self.figure_, draw, frames=shown.tolist()).save(filename, writer=PillowWriter(fps=fps), dpi=dpi)
        return filename


def _path_of(result):
    """The path of a result; it ends at the mean that an optimizer evaluates instead of its last step."""
    path = np.array(result.allvecs)
    if result.success and not np.array_equal(result.x, path[-1]):
        path = np.concatenate([path, np.reshape(result.x, path[:1].shape)])
    return path


def _checked_path(path):
    """A path as an array, (n_points, 1 or 2)."""
    path = np.asarray(path, dtype=float)
    path = path[:, None] if path.ndim == 1 else path
    if path.ndim != 2 or path.shape[1] not in (1, 2) or not len(path):
        raise ValueError(f"a path on a map has points of one or two numbers; this has shape {path.shape}")
    return path


def _number(value):
    """What a function returned as a float."""
    return float(np.ravel(value)[0])


def _point(start):
    """A start in words."""
    inner = ", ".join(f"{number:.4g}" for number in start)
    return inner if len(start) == 1 else f"({inner})"
