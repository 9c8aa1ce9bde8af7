"""The base of all optimizers."""

import numpy as np

from .._components import Component


class Optimizer(Component):
    """Abstract base of all optimizers; subclass it for a custom update rule.

    Attributes
    ----------
    slots : tuple of str
        Names of the numbers stored for each coefficient.
    totals : tuple of str
        Names of the sums over all coefficients that `update` takes; `contributions` returns what each coefficient adds to them.
    evaluated_slot : str or None
        The slot that contains the coefficients used for prediction; None if the coefficients themselves are used.
    default_rate : float or None
        The learning rate around which "auto" searches; None if the search starts from the curvature of the loss.
    decay : float
        Weight decay: before each step, every coefficient except the intercept is multiplied by 1 - learning rate * decay. It is
        not part of F.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gd import GDRegressor, Optimizer
    >>> class SignDescent(Optimizer):
    ...     default_rate = 0.01
    ...
    ...     @staticmethod
    ...     def update(w, g, rate, t):
    ...         return w - rate * np.sign(g), rate
    >>> model = GDRegressor(
    ...     solver="batch",
    ...     optimizer=SignDescent(),
    ...     learning_rate=0.1,
    ...     max_iter=20,
    ...     tol=None,
    ... )
    >>> print(model.fit([[-1.0], [1.0]], [-2.0, 2.0]).coef_.round(6))
    [2.]
    """

    slots: tuple[str, ...] = ()
    totals: tuple[str, ...] = ()
    evaluated_slot: str | None = None
    default_rate: float | None = 0.01

    @property
    def decay(self) -> float:
        """The weight decay, 0 by default."""
        return 0.0

    def gain(self) -> float:
        """Return the step length per step for constant gradients, relative to plain gradient descent.

        Returns
        -------
        float
            1 for plain descent. The stable learning rate of plain descent is divided by it.
        """
        return 1.0

    def validate(self) -> None:
        """Raise an error if `update` is missing or takes an unknown parameter, or if a parameter is out of its range."""
        name = type(self).__name__
        if self.written_functions("update") is None:
            raise TypeError(f"{name} has no function update(w, g, rate, t): an optimizer must define it")
        self.function_parameters("update", 4 + len(self.slots) + len(self.totals))
        if self.totals:
            if self.written_functions("contributions") is None:
                raise TypeError(f"{name} has no function contributions(w, g, rate, t), which defines its totals {self.totals}")
            self.function_parameters("contributions", 4 + len(self.slots))
        if self.evaluated_slot is not None and self.evaluated_slot not in self.slots:
            raise TypeError(f"{name}: evaluated_slot={self.evaluated_slot!r} must be None or one of the slots {self.slots}")
        super().validate()
        self._check_returned()

    def _check_returned(self) -> None:
        """Raise a TypeError where `update` returns another number of values than a step needs."""
        arguments = [1.0] * (4 + len(self.slots) + len(self.totals))
        update = self.bound_function("update", len(arguments))
        try:
            with np.errstate(all="ignore"):
                found = update(*arguments) if update is not None else None
        except (ArithmeticError, AttributeError, NameError, TypeError, ValueError):
            return  # the step itself reports what is wrong, with the numbers that led to it
        count = len(found) if isinstance(found, tuple) else 1
        if count != 2 + len(self.slots):
            wanted = ", ".join(["the new w", "the length of the proximal step", *self.slots])
            raise TypeError(
                f"{type(self).__name__}.update returns {count} value(s); it must return {2 + len(self.slots)}: {wanted}"
            )
