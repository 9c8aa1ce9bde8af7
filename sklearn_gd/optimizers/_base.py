"""The base of all optimizers."""

import numpy as np

from .._components import Component, Range


def total_weight(decay, t):
    """The sum of the weights of a running mean after t steps, ``1 - decay**t`` with 0 <= decay < 1.

    Exponential and logarithm are inlined in compiled steps. A power is a call, and takes longer than a step of ten coefficients.
    """
    return -np.expm1(t * np.log1p(np.maximum(decay, 1e-16) - 1.0))


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
    _optional: tuple[str, ...] = ("update", "contributions")

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
        for kind in ("slots", "totals"):
            if isinstance(getattr(self, kind), str):
                raise TypeError(f"{name}: {kind}={getattr(self, kind)!r} must be a tuple of names: ({getattr(self, kind)!r},)")
        self._check_arguments("update", [*self.slots, *self.totals])
        if self.totals:
            if self.written_functions("contributions") is None:
                raise TypeError(f"{name} has no function contributions(w, g, rate, t), which defines its totals {self.totals}")
            self._check_arguments("contributions", self.slots)
        if self.evaluated_slot is not None and self.evaluated_slot not in self.slots:
            raise TypeError(f"{name}: evaluated_slot={self.evaluated_slot!r} must be None or one of the slots {self.slots}")
        super().validate()
        with self.once("as written") as due:
            if due:
                self._try_functions()

    def _try_functions(self):
        """Raise a TypeError where a function does not return what a step needs."""
        Range(0, closed="neither", none=True).check(self, "default_rate")
        kept = [1.0] * len(self.slots)
        self.try_function("contributions", 1.0, 1.0, 1.0, 1.0, *kept, returns=tuple(self.totals))
        returns = ("the new w", "the length of the proximal step", *self.slots)
        for t in (1.0, 2.0):  # the first step may take a separate branch
            self.try_function("update", 1.0, 1.0, 1.0, t, *kept, *[1.0] * len(self.totals), returns=returns)

    def _check_arguments(self, name, kept):
        """Raise a TypeError where a function does not take w, g, rate, t and what is `kept`, and parameters after that."""
        try:
            self.function_parameters(name, 4 + len(kept))
        except TypeError as error:
            raise TypeError(
                f"{error}. An optimizer with slots={self.slots} takes {', '.join(['w, g, rate, t', *kept])}"
            ) from None
