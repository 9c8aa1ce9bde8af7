"""Displays of curves over epochs or steps: objective, validation score, and learning rate."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from .._sklearn import BaseEstimator
from ..losses import LogLoss, Loss
from ..schedules import CallableSchedule, Constant, RateLike, Run, resolve_schedule
from ._axes import add_legend, axes_of, colour, dashes, final_step, named, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LossCurveDisplay:
    """Display of the objective and the validation score, if there is one, after each epoch, for one or several estimators.

    Create it with `from_estimator` or `from_estimators`.

    Parameters
    ----------
    objectives : dict of str to list of float
        The `loss_curve_` of each estimator, by name.
    scores : dict of str to list of float, default=None
        The `validation_scores_` of the estimators that have them, by name.
    best_epochs : dict of str to int, default=None
        The epoch to mark, counted from 1: `best_iter_`, or if missing, the epoch with the lowest objective.
    score_name : str, default="validation score"
        Label of the score axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the objective.
    score_ax_ : matplotlib Axes or None
        The axes with the validation score, on the right.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    lines_ : dict of str to Line2D
        The lines of the objectives, by name.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_gd import GDRegressor, LossCurveDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> models = {
    ...     name: GDRegressor(optimizer=name, max_iter=20, tol=None).fit(X, y)
    ...     for name in ("adam", "adagrad")
    ... }
    >>> display = LossCurveDisplay.from_estimators(models)
    >>> print(display.ax_.get_xlabel(), list(display.lines_))
    epoch ['adam', 'adagrad']
    """

    scores: dict[str, Any]
    best_epochs: dict[str, Any]
    ax_: Any
    score_ax_: Any
    figure_: Any
    lines_: dict[str, Any]

    def __init__(
        self,
        *,
        objectives: dict[str, list[float]],
        scores: dict[str, list[float]] | None = None,
        best_epochs: dict[str, int] | None = None,
        score_name: str = "validation score",
    ) -> None:
        self.objectives = objectives
        self.scores = scores or {}
        self.best_epochs = best_epochs or {}
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, *, name: str | None = None, ax: "Axes | None" = None, **kwargs: Any
    ) -> Self:
        """Plot the curves of a fitted estimator.

        Parameters
        ----------
        estimator : GDRegressor, GDClassifier, or a fitted Pipeline or search that holds one
            The fitted estimator.
        name : str, default=None
            Name in the legend; None for the name of its class.
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        **kwargs
            Further arguments of `plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display.
        """
        return cls.from_estimators([estimator] if name is None else {name: estimator}, ax=ax, **kwargs)

    @classmethod
    def from_estimators(
        cls, estimators: dict[str, BaseEstimator] | Sequence[BaseEstimator], *, ax: "Axes | None" = None, **kwargs: Any
    ) -> Self:
        """Plot the curves of several fitted estimators.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of estimators
            Fitted estimators, each as in `from_estimator`. The estimators of a list are named after their classes.
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        **kwargs
            Further arguments of `plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display.
        """
        finals = {
            name: _with_history(final_step(estimator))
            for name, estimator in named(estimators, lambda each, at: type(final_step(each)).__name__).items()
        }
        return cls(
            objectives={name: list(final.loss_curve_) for name, final in finals.items()},
            scores={
                name: list(final.validation_scores_) for name, final in finals.items() if hasattr(final, "validation_scores_")
            },
            best_epochs={name: final.best_iter_ for name, final in finals.items() if hasattr(final, "best_iter_")},
            score_name=_score_name([final.scoring for final in finals.values() if hasattr(final, "validation_scores_")]),
        ).plot(ax, **kwargs)

    def plot(
        self, ax: "Axes | None" = None, *, minimum: float = 0.0, yscale: str | None = None, line_kw: dict[str, Any] | None = None
    ) -> Self:
        """Plot the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        minimum : float, default=0.0
            Value subtracted from the objective. If it is the minimum of F, the curve shows the suboptimality.
        yscale : {"linear", "log"}, default=None
            Scale of the objective. None selects "log" if all values are positive and span more than a factor of ten.
        line_kw : dict, default=None
            Further arguments of `Axes.plot` for the objectives.

        Returns
        -------
        display : LossCurveDisplay
            The display.
        """
        self.ax_, self.score_ax_, self.lines_ = axes_of(ax), None, {}
        self.figure_ = self.ax_.figure
        below = {name: np.asarray(curve, dtype=float) - minimum for name, curve in self.objectives.items()}
        every = np.concatenate(list(below.values()))
        if yscale is None:
            yscale = "log" if len(every) and every.min() > 0 and every.max() > 10 * every.min() else "linear"
        if yscale == "log":  # zero cannot be shown on a logarithmic scale
            below = {name: np.where(curve > 0.0, curve, np.nan) for name, curve in below.items()}
        if self.scores:
            self.score_ax_ = self.ax_.twinx()
            self.score_ax_.set_ylabel(f"{self.score_name} (dashed)")
        for k, (name, curve) in enumerate(below.items()):
            epochs = np.arange(1, len(curve) + 1)
            (self.lines_[name],) = self.ax_.plot(
                epochs, curve, **{"color": colour(k), "linestyle": dashes(k), "label": name} | (line_kw or {})
            )
            scores = self.scores.get(name)
            best = self.best_epochs.get(name, int(np.argmin(self.objectives[name])) + 1)
            at, on = (scores, self.score_ax_) if scores else (curve, self.ax_)
            if scores:
                on.plot(np.arange(1, len(scores) + 1), scores, color=colour(k), linestyle="--")
            if best:  # otherwise the fitted model is not that of an epoch
                on.plot(best, at[best - 1], "o", color=colour(k), markersize=7, markeredgecolor=style("axes.facecolor"), zorder=4)
        self.ax_.plot([], [], "o", color=style("text.color"), label="best epoch")
        self.ax_.set(xlabel="epoch", ylabel="objective F" if not minimum else "objective F - minimum", yscale=yscale)
        self.ax_.grid(alpha=0.3)
        # Above the axes if there is a second scale, as lines of either scale may be anywhere within them.
        above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 2} if self.scores else {}
        add_legend(self.ax_, **above)
        return self


def _score_name(scorings):
    """The label of the validation scores, from the parameter `scoring` of each estimator."""
    name = scorings[0] if scorings and isinstance(scorings[0], str) else None
    if name is None or any(each != name for each in scorings):
        return "validation score"
    return "minus the validation loss" if name == "loss" else f"validation {name}"


def _with_history(final):
    """A fitted estimator with a history, or a ValueError that says how to record one."""
    name = type(final).__name__
    if not hasattr(final, "loss_curve_"):
        if hasattr(final, "optimizer") and hasattr(final, "learning_rate"):
            raise ValueError(f"this {name} is not fitted: call fit(X, y) before plotting its loss curve")
        if hasattr(final, "cv") and hasattr(final, "refit"):
            raise ValueError(f"this {name} has no best_estimator_: fit it with refit=True before plotting its loss curve")
        raise ValueError(f"{name} has no loss curve: pass a fitted GDRegressor or GDClassifier")
    if not len(final.loss_curve_):
        raise ValueError(f"the loss curve of this {name} is empty: its fit diverged in the first epoch; decrease learning_rate")
    return final


class ScheduleDisplay:
    """Display of the learning rate at each step, for one or several schedules.

    Create it with `from_schedule` or `from_schedules`.

    Parameters
    ----------
    rates : dict of str to ndarray
        The learning rates of the steps 1, 2, ..., by name.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the learning rates.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    lines_ : dict of str to Line2D
        The lines, by name.

    Examples
    --------
    >>> from sklearn_gd import ScheduleDisplay
    >>> from sklearn_gd.schedules import CosineDecay
    >>> display = ScheduleDisplay.from_schedules(
    ...     [CosineDecay(0.1), "invscaling", 0.05], n_steps=50
    ... )
    >>> print(list(display.lines_))
    ['CosineDecay', 'invscaling', '0.05']
    """

    ax_: Any
    figure_: Any
    lines_: dict[str, Any]

    def __init__(self, *, rates: dict[str, NDArray[Any]]) -> None:
        self.rates = rates

    @classmethod
    def from_schedule(cls, schedule: RateLike, *, name: str | None = None, ax: "Axes | None" = None, **kwargs: Any) -> Self:
        """Plot one schedule.

        Parameters
        ----------
        schedule : float, str, Schedule or callable
            A value of the parameter `learning_rate`.
        name : str, default=None
            Name in the legend; None for the name of its class.
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        **kwargs
            Further arguments of `from_schedules`.

        Returns
        -------
        display : ScheduleDisplay
            The display.
        """
        return cls.from_schedules([schedule] if name is None else {name: schedule}, ax=ax, **kwargs)

    @classmethod
    def from_schedules(
        cls,
        schedules: dict[str, RateLike] | Sequence[RateLike],
        *,
        n_steps: int = 1000,
        steps_per_epoch: int | None = None,
        alpha: float = 1e-4,
        loss: Loss | None = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Plot several schedules.

        Parameters
        ----------
        schedules : dict of str to schedule, or list of schedules
            Values of the parameter `learning_rate`: floats, strings, objects, callables.
        n_steps : int >= 2, default=1000
            Total number of steps; also the length of schedules whose length is None.
        steps_per_epoch : int >= 1, default=None
            Number of steps per epoch; None means a tenth of `n_steps`.
        alpha : float, default=1e-4
            Regularization strength, used by "optimal".
        loss : Loss, default=None
            The loss, used by "optimal"; None means the log loss.
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        **kwargs
            Further arguments of `plot`.

        Returns
        -------
        display : ScheduleDisplay
            The display.
        """
        if int(n_steps) < 2:
            raise ValueError(f"n_steps={n_steps!r} must be an integer >= 2")
        run = Run(alpha, LogLoss() if loss is None else loss, steps_per_epoch or max(n_steps // 10, 1), n_steps)
        rates = {}
        for name, schedule in named(schedules, _schedule_name).items():
            resolved = resolve_schedule(schedule)
            if resolved is None:
                raise ValueError("learning_rate='auto' depends on the data: there is no schedule to plot")
            rates[name] = resolved.checked_rates(np.arange(1.0, n_steps + 1.0), run)
        return cls(rates=rates).plot(ax, **kwargs)

    def plot(self, ax: "Axes | None" = None, *, yscale: str = "linear", line_kw: dict[str, Any] | None = None) -> Self:
        """Plot the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; None creates a new figure.
        yscale : {"linear", "log"}, default="linear"
            Scale of the learning rates.
        line_kw : dict, default=None
            Further arguments of `Axes.plot`.

        Returns
        -------
        display : ScheduleDisplay
            The display.
        """
        self.ax_ = axes_of(ax)
        self.figure_, self.lines_ = self.ax_.figure, {}
        for k, (name, rates) in enumerate(self.rates.items()):
            steps = np.arange(1, len(rates) + 1)
            settings = {"color": colour(k), "label": name, "linestyle": dashes(k)} | (line_kw or {})
            (self.lines_[name],) = self.ax_.plot(steps, rates, **settings)
        self.ax_.set(xlabel="step", ylabel="learning rate", yscale=yscale)
        self.ax_.grid(alpha=0.3)
        add_legend(self.ax_)
        return self


def _schedule_name(schedule, at):
    """The name of a schedule in the legend."""
    if isinstance(schedule, str):
        return schedule
    if isinstance(schedule, Constant):
        return str(schedule.eta0)
    if isinstance(schedule, CallableSchedule) or not hasattr(schedule, "rate"):
        function = getattr(schedule, "function", schedule)
        if not callable(function):
            return str(function)
        name = getattr(function, "__name__", type(function).__name__)
        return f"function {at}" if name == "<lambda>" else name
    return type(schedule).__name__
