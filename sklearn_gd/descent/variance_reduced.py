r"""Variance-reduced descent, SVRG and SAGA: stochastic steps that converge to the exact optimum at a constant rate.

The slopes of the loss for every sample are stored in a table T, and g is the mean gradient that T gives. A step on the batch
B is

.. math::
    W \leftarrow \mathrm{prox}\Big(W - \eta \Big(\frac{1}{|B|} \sum_{i \in B} s_i (l_i' - T_i) x_i + g + \alpha R'(W)\Big)\Big)

with weights s of mean one. As the slopes converge, the variance of the step goes to zero. SAGA then writes the slopes of the
batch into T; SVRG keeps T until it computes a new one at the current model.

With given learning rates, this is `VarianceReduction`. With "auto", `AutomaticVarianceReduction` takes the step in the
metric of the features' variances, on centred features, and makes it *implicit*: l_i' is the slope after the step, so that no step
overshoots a sample, whatever its norm and weight. The step length can then be chosen for the mean norm of the samples instead of
the largest one. A pass that raises F is undone, and the step shortened.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._layout import ROWS, STEPS, WEIGHT_SUM, ElasticNetForm
from ..objective._preconditioner import feature_scale, l2_of_features, usable_variance
from ._standstill import LOWER, USELESS, least_patience, rises_too_far
from .steps import Pass, Steps

# The step is multiplied by LONGER if the cosine between the moves of two passes is over AGREEMENT, divided if under DISCORD.
LONGER, AGREEMENT, DISCORD = 1.3, 0.8, 0.6
LONGEST = 1e150  # largest scale of a feature, so that its square, a step length, is finite
MOST_TRIALS = 40  # of one pass, each with shorter steps
WIDE = 8  # features per stored value above which features stay uncentred, so that a CSR step updates stored values only


class ReducedSteps(Steps):
    """The steps of SVRG and SAGA: `Steps` with another pass and other automatic rates."""

    _reduction: Any
    least_patience: int

    def __init__(self, objective: Any, solver: Any, settings: Any, state: Any = None) -> None:
        super().__init__(objective, solver, settings, state)
        if self.schedule is None:
            self.least_patience = least_patience(objective.n_samples)

    def make_pass(self) -> Pass:
        return self._reduction.one_pass

    def rows_at_once(self) -> int:
        return self.objective.n_samples

    def rates(self, order: NDArray[Any]) -> NDArray[Any]:
        return super().rates(order) if self.schedule is not None else self._reduction.rates(order)

    def start(self) -> tuple[NDArray[Any], float]:
        kind = VarianceReduction if self.schedule is not None else AutomaticVarianceReduction
        self._reduction = kind(self.objective, self.steps_state, self.batch, self.solver.passes_per_table())
        return super().start()

    def on_plateau(self, tolerance: float) -> bool:
        """Continue with shorter steps from the best model, unless these have gained no more than the tolerance before."""
        if self.schedule is not None:
            return super().on_plateau(tolerance)
        return self._reduction.shorten(tolerance)

    def snapshot(self) -> dict[str, Any]:
        return super().snapshot() | {"reduction": self._reduction.snapshot()}

    def restore(self, saved: dict[str, Any]) -> None:
        super().restore(saved)
        self._reduction.restore(saved["reduction"], self.steps_state)


class VarianceReduction:
    """The passes of SVRG and SAGA over one objective, with explicit steps at given rates.

    Parameters
    ----------
    objective : Objective
        What to minimise.
    state : StepState
        Where to begin; updated in place.
    batch : int
        Samples in a step.
    passes_per_table : int or None
        Passes between two full gradients of SVRG; None for SAGA.
    """

    objective: Any
    state: Any
    batch: int
    passes_per_table: int | None
    relative: NDArray[Any]
    metric: Any
    memory: Any
    passes_of_table: int
    table_theta: NDArray[Any]

    kept: tuple[str, ...] = ("passes_of_table",)  # numbers and arrays of a snapshot

    def __init__(self, objective: Any, state: Any, batch: int, passes_per_table: int | None) -> None:
        ones = np.ones(objective.n_outputs)
        n_features = objective.rows.shape[1]
        self._prepare(objective, state, batch, passes_per_table, np.ones(n_features), ones, np.zeros(n_features))

    def _prepare(self, objective, state, batch, passes_per_table, features, outputs, mean, *, row_norms=None, change_factor=1.0):
        """Set the attributes of a pass: the metric, the table, and the compiled loop.

        Parameters
        ----------
        objective, state, batch, passes_per_table
            As for the class.
        features, outputs : ndarray, (n_features,) and (n_outputs,)
            Step lengths; the products are the step lengths of the coefficients.
        mean : ndarray, (n_features,)
            The centres of the features.
        row_norms : ndarray, (n_samples,), default=None
            Weights times squared norms of the samples in the metric, for implicit steps; None for explicit steps.
        change_factor : float, default=1.0
            The factor of the change of the slopes relative to the mean.
        """
        from .._kernels import variance_reduced as kernels

        n, rows = objective.n_samples, objective.rows
        self.objective, self.state, self.batch, self.passes_per_table = objective, state, batch, passes_per_table
        self.relative = objective.weight * (n / objective.weight_sum)
        self.passes_of_table = 0
        output = np.outer(np.arange(len(outputs)), np.ones(len(features)))
        self.metric = kernels.Metric(
            features,
            outputs,
            mean,
            rows.from_coef(np.outer(outputs, features)),
            rows.from_coef(np.tile(mean, (len(outputs), 1))),
            rows.from_coef(output).astype(np.int64),
        )
        unit = np.ones(len(features)) if objective.unit is None else objective.unit
        form = objective.elastic_net or ElasticNetForm(0.0, 0.0, False)
        plan = kernels.ReducedPlan(
            batch_size=batch,
            renews=passes_per_table is None,
            fit_intercept=objective.fit_intercept,
            change_factor=change_factor,
            row_norms=np.empty(0) if row_norms is None else row_norms,
            mean_weight=objective.weight_sum / n,
            alpha=objective.alpha,
            l1=objective.alpha * form.l1 * unit,
            l2=objective.alpha * form.l2 * unit * unit,
            nonnegative=form.nonnegative,
        )
        self.memory = kernels.Memory(np.zeros((n, len(outputs))), np.zeros(len(state.theta)))
        self._compiled_pass = _compiled_pass(objective, self.metric, self.memory, plan)

    def snapshot(self) -> dict[str, Any]:
        """The attributes on which later passes depend, in addition to the state.

        The table of SVRG follows from one model; SAGA's has slopes of many models, one for each sample and score.
        """
        saved = {name: getattr(self, name) for name in self.kept}
        if self.passes_per_table is not None:
            return saved | {"table_theta": self.table_theta}
        return saved | {"table": self.memory[0], "mean": self.memory[1]}

    def restore(self, saved: dict[str, Any], state: Any) -> None:
        """Resume from a snapshot, and from the state that belongs to it."""
        self.state = state
        vars(self).update({name: saved[name] for name in self.kept})
        if self.passes_per_table is not None:
            self._fill_table(saved["table_theta"])
        else:
            self.memory[0][:], self.memory[1][:] = saved["table"], saved["mean"]

    def one_pass(self, order: NDArray[Any], rates: NDArray[Any]) -> float | None:
        """Move the state by one pass over the samples in `order`, at the rate of each step; returns None, as F is unknown."""
        self._descend(order, rates)
        return None

    def _descend(self, order, rates):
        """One compiled pass, after a full gradient if the table is due for an update."""
        if self.passes_of_table == 0 or self.passes_of_table == self.passes_per_table:
            self._fill_table(self.state.theta.copy())
            self.passes_of_table = 0
        self.passes_of_table += 1
        self._compiled_pass(self.state.theta, order, rates)
        self.state.counters[[STEPS, WEIGHT_SUM, ROWS]] += len(rates), self.objective.weight_sum, len(order)

    def _fill_table(self, theta):
        """Set the table to the slopes at a model, and set the mean gradient."""
        objective, (table, mean) = self.objective, self.memory
        self.table_theta, n_coef = theta, objective.n_coef
        table[:] = objective.slopes(theta)
        coef, intercept = objective.parts.mean("gradient", *objective.unpack(theta))
        mean[:] = objective.pack(coef, intercept)
        mean[:n_coef] -= self.metric.coef_mean * intercept[self.metric.coef_output]


class AutomaticVarianceReduction(VarianceReduction):
    """The passes of SVRG and SAGA without a learning rate: implicit steps in a metric, of adaptive length.

    Parameters
    ----------
    objective : Objective
        What to minimise.
    state : StepState
        Where to begin; updated in place. A model of zeros begins at the best intercept.
    batch : int
        Samples in a step.
    passes_per_table : int or None
        Passes between two full gradients of SVRG; None for SAGA.
    """

    step: float
    longest: float
    first: float
    lowest: float
    best: NDArray[Any]
    lowest_before: float
    last_move: NDArray[Any] | None
    passes: int
    shortest: float
    useless: int

    kept: tuple[str, ...] = (
        *("passes_of_table", "step", "last_move", "longest", "first", "lowest", "best", "lowest_before"),
        *("passes", "shortest", "useless"),
    )

    def __init__(self, objective: Any, state: Any, batch: int, passes_per_table: int | None) -> None:
        n = objective.n_samples
        intercept, curvature = _null_model(objective)
        if not state.theta.any():
            state.theta[objective.n_coef :] = intercept
        # 1. the metric: the inverses of the curvature of the loss, and of the variances of the features plus the l2 curvature
        centred = objective.fit_intercept and not _is_wide(objective.rows, batch)
        features, mean, ridge = _feature_lengths(objective, curvature, centred=centred)
        norms = objective.rows.metric_norms(mean, features) + float(objective.fit_intercept)
        # 2. SAGA's implicit step uses the mean gradient after its own update, as in Point-SAGA
        change_factor = 1.0 + batch / n if passes_per_table is None else 1.0
        relative = objective.weight * (n / objective.weight_sum)
        self._prepare(
            objective,
            state,
            batch,
            passes_per_table,
            features,
            1.0 / curvature,
            mean,
            row_norms=relative * norms,
            change_factor=change_factor,
        )
        # 3. the first step length is chosen for the mean norm, and for batches for the largest curvature over all samples; the l2
        #    penalty is not part of the implicit equation, so it limits the length too
        step_curvature = float(relative @ norms) / n
        if batch > 1:
            step_curvature += (batch - 1) * objective.largest_eigenvalue(features, mean)
        step_curvature = max(step_curvature, batch * ridge)
        self.step = batch / step_curvature if step_curvature > 0.0 else 1.0
        self.last_move, self.longest, self.passes, self.useless = None, math.inf, 0, 0
        # Slopes do not converge near a point where the loss is not differentiable. Steps must decrease slowly to reach it.
        self.shortest = 0.0 if objective.loss.smooth else self.step
        self.first = self.lowest = objective.value(state.theta)
        self.best, self.lowest_before = state.theta.copy(), math.inf

    def rates(self, order: NDArray[Any]) -> NDArray[Any]:
        """The rate of each step over the samples in `order`, proportionally lower for a smaller last batch."""
        rates = np.full(-(-len(order) // self.batch), self.step)
        rates[-1] *= (len(order) - (len(rates) - 1) * self.batch) / self.batch
        return rates

    def one_pass(self, order: NDArray[Any], rates: NDArray[Any]) -> float | None:
        """Move the state by one pass over the samples in `order`; returns F.

        A pass that raises F beyond `RISE` is undone and repeated with shorter steps.
        """
        state = self.state
        before = state.theta.copy()
        for _ in range(MOST_TRIALS):
            self._descend(order, rates)
            value = self.objective.value(state.theta)
            if not rises_too_far(value, self.lowest, self.first):
                if value < self.lowest:
                    self.lowest, self.best = value, state.theta.copy()
                self._adapt(state.theta - before)
                return value
            state.theta[:] = before
            self._shorten()
            rates = rates * LOWER
        return value

    def shorten(self, tolerance: float) -> bool:
        """Return to the best model, with shorter steps; False if this has failed to lower F `USELESS` times in succession."""
        self.useless = 0 if self.lowest < self.lowest_before - tolerance else self.useless + 1
        if self.useless >= USELESS:
            return False
        self.lowest_before, self.state.theta[:] = self.lowest, self.best
        self._shorten()
        return True

    def _shorten(self):
        """Shorten the step, limit later ones to half of it, and renew the table."""
        self.longest = 0.5 * self.step
        self.step *= LOWER
        self.passes_of_table = 0

    def _adapt(self, move):
        """Lengthen the step if the moves of two passes have similar directions, shorten it if not.

        The optimum does not depend on the step. If it is too short, the moves of successive passes agree; if it is too long,
        they depend on the order of the samples.
        """
        self.passes += 1
        n_coef, length = self.objective.n_coef, self.metric.coef_length
        move = np.divide(move[:n_coef], np.sqrt(length), out=np.zeros(n_coef), where=length > 0.0)
        size = np.linalg.norm(move)
        if not size > 0.0:
            return
        move /= size
        cosine = None if self.last_move is None else float(self.last_move @ move)
        self.last_move = move
        if cosine is not None and cosine > AGREEMENT:
            self.step = min(self.step * LONGER, self.longest)
        elif cosine is not None and cosine < DISCORD:
            self.step = max(self.step / LONGER, min(self.step, self.shortest / math.sqrt(self.passes)))


# --- which compiled loop -------------------------------------------------------------------------------------------------


def _compiled_pass(objective, metric, memory, plan):
    """The fastest compiled loop that applies, as a function of (theta, order, rates).

    There are separate loops for single samples with an elastic-net penalty: dense ones of one score, and CSR rows whose features
    are not centred, at one rate for the whole pass.
    """
    from .._kernels import variance_reduced as kernels

    rows, data = objective.rows, objective.data
    changes = kernels.changes_of(objective.functions)

    def batch_pass(theta, order, rates):
        coef, blocks = objective.split(theta)[0], objective.penalty_blocks
        kernels.reduced_pass(rows, data, order, theta, coef, memory, metric, changes, blocks, plan, rates)

    if plan.batch_size > 1 or objective.elastic_net is None:
        return batch_pass

    if rows.layout == "csr":

        def lazy_pass(theta, order, rates):
            shrinks = rates[0] * metric.outputs.max() * (metric.features * plan.l2).max()
            if rates.min() < rates.max() or shrinks >= 0.5:
                batch_pass(theta, order, rates)
                return
            coef = objective.split(theta)[0]
            kernels.lazy_reduced_pass(data, order, theta, coef, memory, metric, changes, plan, float(rates[0]))

        return batch_pass if metric.mean.any() else lazy_pass

    if objective.n_outputs > 1:
        return batch_pass
    changes_of_one = kernels.changes_of_one(objective.functions)

    def row_pass(theta, order, rates):
        kernels.reduced_row_pass(data, order, theta, memory, metric, changes_of_one, plan, rates)

    return row_pass


# --- the automatic metric ------------------------------------------------------------------------------------------------


def _null_model(objective):
    """The best intercept alone, and the curvature of the loss in each score.

    The curvature is the bound of the loss. Without a bound it is the mean curvature at that model, of the smoothed loss if
    needed: in regression, each output is smoothed over the mean distance of its targets, as outputs may have different units.
    """
    null = objective.null_model()
    coupled = objective.array_loss.coupled
    bound = objective.loss.largest_curvature(coupled)
    if bound is None and objective.has_flat_curvature:
        theta = objective.null_theta()
        _, curvature = objective.squared_slopes(
            theta, np.full(len(null.curvature), np.inf), objective.widths_of(objective.distances(theta))
        )
        return null.intercept, np.maximum(curvature, 1e-8 * curvature.max())
    if bound is None:
        return null.intercept, np.full(len(null.curvature), null.curvature.max()) if coupled else null.curvature
    return null.intercept, np.full(len(null.curvature), bound)


def _is_wide(rows, batch):
    """Whether a step on the stored values of a CSR row costs far less than one on all coefficients, as centring requires."""
    return rows.layout == "csr" and batch == 1 and rows.n_values * WIDE < rows.shape[0] * rows.shape[1]


def _feature_lengths(objective, curvature, *, centred):
    """Step lengths of the features, one over variance plus l2 curvature; their centres; the l2 curvature in that metric."""
    moments = objective.moments
    l2 = objective.l2 / curvature.min()
    variance = usable_variance(moments, fit_intercept=objective.fit_intercept, centred=centred)
    l2 = l2_of_features(objective.unit, l2)
    lengths = np.minimum(feature_scale(variance, l2), LONGEST) ** 2
    return lengths, moments.mean if centred else np.zeros(len(lengths)), float((l2 * lengths).max())
