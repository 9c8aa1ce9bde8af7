"""Pictures of descent in scikit-learn's Display convention; matplotlib is imported when one is drawn."""

from ._coefficients import CoefficientPathDisplay
from ._curves import LossCurveDisplay, ScheduleDisplay
from ._evolution import FitEvolutionDisplay
from ._paths import DescentPathDisplay

__all__ = ["CoefficientPathDisplay", "DescentPathDisplay", "FitEvolutionDisplay", "LossCurveDisplay", "ScheduleDisplay"]
