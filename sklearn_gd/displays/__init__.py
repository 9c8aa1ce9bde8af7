"""Visualizations of training as scikit-learn Display objects; matplotlib is imported when a display is plotted."""

from ._coefficients import CoefficientPathDisplay
from ._curves import LossCurveDisplay, ScheduleDisplay
from ._evolution import FitEvolutionDisplay
from ._paths import DescentPathDisplay

__all__ = ["CoefficientPathDisplay", "DescentPathDisplay", "FitEvolutionDisplay", "LossCurveDisplay", "ScheduleDisplay"]
