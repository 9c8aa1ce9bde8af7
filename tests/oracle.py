"""A slow reference of what sklearn_gd computes: F and the steps of descent, in plain Python and NumPy.

Nothing here is compiled. The functions of the components are called with single numbers, which gives an independent reference for
the compiled loops. It takes dense arrays only: CSR rows must give the same model.
"""

import math

import numpy as np

from sklearn_gd.schedules import Constant, Run


def function_of(component, name, n_leading):
    """The component's function `name` of its leading arguments, with its parameters filled in; None if there is none."""
    written = type(component).written_functions(name)
    if written is None:
        return None
    values = [float(getattr(component, each)) for each in type(component).function_parameters(name, n_leading)]
    return lambda *leading: written(*leading, *values)


def encoded(y, weight=None):
    """(targets, number of scores, whether they are class indices) of labels: -1 and +1, or the indices of several classes."""
    y = np.asarray(y)
    classes = np.unique(y if weight is None else y[np.asarray(weight) > 0])
    code = np.searchsorted(classes, y)
    if len(classes) == 2:
        return np.where(code == 1, 1.0, -1.0)[:, None], 1, False
    return code[:, None].astype(float), len(classes), True


def target_of(target_row, k, one_vs_rest):
    """The target of score k: the k-th target, or whether the class of the sample is k."""
    if one_vs_rest:
        return 1.0 if target_row[0] == k else -1.0
    return float(target_row[k])


def row_loss(loss, one_vs_rest=False):
    """The loss of a sample, as a function of its targets and scores: coupled, or a sum over the scores."""
    if one_vs_rest and loss.has_row_functions():
        coupled = function_of(loss, "multiclass_value", 2)
        return lambda target_row, raw_row: coupled(int(target_row[0]), np.array(raw_row, dtype=float))
    value = function_of(loss, "value", 2)
    return lambda target_row, raw_row: sum(
        value(target_of(target_row, k, one_vs_rest), raw) for k, raw in enumerate(raw_row.tolist())
    )


def row_slopes(loss, one_vs_rest=False):
    """The derivatives of the loss of a sample with respect to its scores, as a function of its targets and scores."""
    if one_vs_rest and loss.has_row_functions():
        coupled = function_of(loss, "multiclass_gradient", 3)

        def slopes(target_row, raw_row):
            out = np.zeros(len(raw_row))
            coupled(int(target_row[0]), np.array(raw_row, dtype=float), out)
            return out

        return slopes
    gradient = function_of(loss, "gradient", 2)
    return lambda target_row, raw_row: np.array(
        [gradient(target_of(target_row, k, one_vs_rest), raw) for k, raw in enumerate(raw_row.tolist())]
    )


def F(X, target, weight, W, b, *, loss, penalty, alpha, one_vs_rest=False):
    """The objective: weighted mean loss plus alpha times the penalty of the coefficients; W is (n_outputs, n_features)."""
    X, W, b = np.asarray(X, dtype=float), np.atleast_2d(W), np.atleast_1d(b)
    raw, cost = X @ W.T + b, row_loss(loss, one_vs_rest)
    total = math.fsum(s * cost(target[i], raw[i]) for i, s in enumerate(weight) if s > 0)
    value = function_of(penalty, "value", 1)
    return total / math.fsum(weight) + alpha * math.fsum(value(float(w)) for w in W.ravel())


def descend(
    X,
    target,
    weight,
    *,
    loss,
    penalty,
    alpha,
    optimizer,
    schedule,
    batch_size,
    epochs,
    n_outputs,
    one_vs_rest=False,
    fit_intercept=True,
    average=False,
):
    """Descend over the samples in their order; returns the models (W, b) that would predict after each epoch.

    Parameters
    ----------
    X, target, weight : ndarray
        Dense samples, encoded targets (n_samples, n_outputs or 1), positive weights.
    loss, penalty, optimizer, schedule : objects of sklearn_gd, or a number for the schedule
        The parts.
    alpha, batch_size, epochs, n_outputs, one_vs_rest, fit_intercept, average
        As in the estimators; `average` is the step from which iterates are averaged, or False.

    Returns
    -------
    models : list of (ndarray (n_outputs, n_features), ndarray (n_outputs,))
        After each epoch.
    size : float
        The largest coefficient or intercept during the descent, as a scale of rounding errors.
    """
    X = np.asarray(X, dtype=float)
    n, d = X.shape
    schedule = schedule if hasattr(schedule, "rate") else Constant(float(schedule))
    slopes_of = row_slopes(loss, one_vs_rest)
    update = function_of(optimizer, "update", 4 + len(optimizer.slots) + len(optimizer.totals))
    contributions = function_of(optimizer, "contributions", 4 + len(optimizer.slots)) if optimizer.totals else None
    penalty_gradient = function_of(penalty, "gradient", 1) if penalty.has_gradient() else None
    penalty_prox = function_of(penalty, "prox", 2) if penalty.has_prox() else None
    steps_per_epoch = -(-n // batch_size)
    run = Run(alpha, loss, steps_per_epoch, steps_per_epoch * epochs)
    W, b = np.zeros((n_outputs, d)), np.zeros(n_outputs)
    mean_W, mean_b = W.copy(), b.copy()
    slots_W = np.zeros((n_outputs, d, len(optimizer.slots)))
    slots_b = np.zeros((n_outputs, len(optimizer.slots)))
    t, weight_seen, rows_seen, size, models = 0, 0.0, 0, 0.0, []
    for _ in range(epochs):
        for start in range(0, n, batch_size):
            batch = np.arange(start, min(start + batch_size, n))
            t += 1
            rate = float(schedule.rate(np.array([float(t)]), run)[0])
            weight_seen += float(weight[batch].sum())
            rows_seen += len(batch)
            # 1. the scores  2. the slopes of the loss
            raw = X[batch] @ W.T + b
            slopes = np.array([slopes_of(target[i], raw[at]) for at, i in enumerate(batch)])
            # 3. their mean over the batch, with weights relative to the mean weight of all samples so far
            slopes *= (weight[batch] / (weight_seen / rows_seen))[:, None] / len(batch)
            gradient_W, gradient_b = slopes.T @ X[batch], slopes.sum(axis=0)
            if not fit_intercept:
                gradient_b[:] = 0.0
            # 4. the smooth part of the penalty, and the decay of some optimizers
            if penalty_gradient is not None:
                gradient_W += alpha * np.vectorize(penalty_gradient, otypes=[float])(W)
            W = W * (1.0 - rate * optimizer.decay)
            # 5. the optimizer updates every coefficient and intercept, after the sums over all of them that it needs
            # 6. the proximal step of the non-smooth part of the penalty
            totals = []
            if contributions is not None:
                coordinates = list(zip(W.ravel(), gradient_W.ravel(), slots_W.reshape(d * n_outputs, -1), strict=True))
                coordinates += list(zip(b, gradient_b, slots_b, strict=True))
                parts = [contributions(float(w), float(g), rate, t, *slots.tolist()) for w, g, slots in coordinates]
                totals = [math.fsum(column) for column in zip(*parts, strict=True)]
            for k in range(n_outputs):
                for j in range(d):
                    W[k, j], step, *slots_W[k, j] = update(
                        float(W[k, j]), float(gradient_W[k, j]), rate, t, *slots_W[k, j].tolist(), *totals
                    )
                    if penalty_prox is not None:
                        W[k, j] = penalty_prox(float(W[k, j]), alpha * step)
                b[k], _, *slots_b[k] = update(float(b[k]), float(gradient_b[k]), rate, t, *slots_b[k].tolist(), *totals)
            size = max(size, float(np.abs(W).max()), float(np.abs(b).max()))
            # 7. the mean of the iterates, from some step on
            if average and t >= int(average):
                share = 1.0 / (t - int(average) + 1)
                mean_W, mean_b = mean_W + share * (W - mean_W), mean_b + share * (b - mean_b)
        # The model that predicts: that mean, the slot of the optimizer, in the domain of the penalty, or the last iterate.
        if average and t >= int(average):
            models.append((mean_W.copy(), mean_b.copy()))
        elif optimizer.evaluated_slot is not None:
            place = optimizer.slots.index(optimizer.evaluated_slot)
            served = slots_W[:, :, place].copy()
            if penalty_prox is not None:
                served = np.vectorize(lambda w: penalty_prox(float(w), 0.0), otypes=[float])(served)
            models.append((served, slots_b[:, place].copy()))
        else:
            models.append((W.copy(), b.copy()))
    return models, size


def descend_reduced(
    X,
    target,
    weight,
    *,
    loss,
    penalty,
    alpha,
    schedule,
    batch_size,
    epochs,
    n_outputs,
    one_vs_rest=False,
    fit_intercept=True,
    passes=None,
):
    """SVRG (`passes` between two full gradients) or SAGA (None) over the samples in their order; returns as `descend`."""
    X, weight = np.asarray(X, dtype=float), np.asarray(weight, dtype=float)
    n, d = X.shape
    schedule = schedule if hasattr(schedule, "rate") else Constant(float(schedule))
    slopes_of = row_slopes(loss, one_vs_rest)
    penalty_gradient = function_of(penalty, "gradient", 1) if penalty.has_gradient() else None
    penalty_prox = function_of(penalty, "prox", 2) if penalty.has_prox() else None
    steps_per_epoch = -(-n // batch_size)
    run = Run(alpha, loss, steps_per_epoch, steps_per_epoch * epochs)
    relative = (weight / weight.mean())[:, None]
    W, b, t, size, models = np.zeros((n_outputs, d)), np.zeros(n_outputs), 0, 0.0, []
    for epoch in range(epochs):
        if epoch == 0 or (passes and epoch % passes == 0):
            # A table of slopes at the current model, whose weighted sum is the full gradient.
            table = np.array([slopes_of(target[i], W @ X[i] + b) for i in range(n)])
        for start in range(0, n, batch_size):
            batch = np.arange(start, min(start + batch_size, n))
            t += 1
            rate = float(schedule.rate(np.array([float(t)]), run)[0])
            mean_W, mean_b = (relative * table).T @ X / n, (relative * table).mean(axis=0)
            slopes = np.array([slopes_of(target[i], W @ X[i] + b) for i in batch])
            change = relative[batch] * (slopes - table[batch]) / len(batch)
            gradient_W, gradient_b = change.T @ X[batch] + mean_W, change.sum(axis=0) + mean_b
            if penalty_gradient is not None:
                gradient_W += alpha * np.vectorize(penalty_gradient, otypes=[float])(W)
            W = W - rate * gradient_W
            if penalty_prox is not None:
                W = np.array([[penalty_prox(float(w), alpha * rate) for w in row] for row in W])
            b = b - rate * gradient_b * fit_intercept
            if passes is None:
                table[batch] = slopes
            size = max(size, float(np.abs(W).max()), float(np.abs(b).max()))
        models.append((W.copy(), b.copy()))
    return models, size
