"""Linear models for scikit-learn, trained by gradient descent."""

from . import persistence  # noqa: F401  pickles name the states' classes by this module
from ._version import __version__ as __version__
from .checkpoint import Checkpoint
from .displays import (
    CoefficientPathDisplay,
    DescentPathDisplay,
    FitEvolutionDisplay,
    LossCurveDisplay,
    ScheduleDisplay,
)
from .estimators import GDClassifier, GDRegressor
from .losses import ClassificationLoss, Loss, RegressionLoss, check_loss
from .minimize import gradient_descent
from .optimizers import Optimizer
from .penalties import Penalty
from .schedules import Schedule
from .solvers import SAGA, SGD, SVRG, Batch, MiniBatch, Solver
from .warm import warm_up

__all__ = [
    "SAGA",
    "SGD",
    "SVRG",
    "Batch",
    "Checkpoint",
    "ClassificationLoss",
    "CoefficientPathDisplay",
    "DescentPathDisplay",
    "FitEvolutionDisplay",
    "GDClassifier",
    "GDRegressor",
    "Loss",
    "LossCurveDisplay",
    "MiniBatch",
    "Optimizer",
    "Penalty",
    "RegressionLoss",
    "Schedule",
    "ScheduleDisplay",
    "Solver",
    "check_loss",
    "gradient_descent",
    "warm_up",
]
