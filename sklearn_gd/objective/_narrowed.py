"""The second derivatives of smoothed losses for Newton's method, from the curvatures of parabolas above the losses."""


def narrowed(xp, blocks, peak):
    """Hessian blocks for Newton's method on a smoothed loss, from those of the parabolas that lie above it.

    Away from the points where the loss is not differentiable its second derivative is zero, and Newton's steps with it are too
    long; with the curvature c of the parabolas they are too short. In place of c, ``c (c / peak)^2`` is taken: the peak at such
    a point, and the share ``1 / u^3`` of it at u widths from there, as for the second derivative of ``sqrt(1 + u^2)``.

    Parameters
    ----------
    xp : module
        NumPy, or another namespace of the array API.
    blocks : array, (n_blocks, size, size, n_samples)
        Of the parabolas.
    peak : float
        The curvature at such a point.

    Returns
    -------
    array, (n_blocks, size, size, n_samples)
        Positive semidefinite where each diagonal entry is at least the sum of its row's others.
    """

    def of(curvature):
        share = xp.minimum(abs(curvature) / peak, 1.0)
        return curvature * share * share

    size = blocks.shape[1]
    if size == 1:
        return of(blocks)
    rows = []
    for k in range(size):
        row = [of(blocks[:, k, j, :]) for j in range(size)]
        others = [j for j in range(size) if j != k]
        alone = blocks[:, k, k, :] - sum(abs(blocks[:, k, j, :]) for j in others)
        row[k] = of(xp.maximum(alone, 0.0)) + sum(abs(row[j]) for j in others)
        rows.append(xp.stack(row, axis=1))
    return xp.stack(rows, axis=1)


def largest(xp, blocks):
    """The largest curvature of a pair of scores in Hessian blocks: off the diagonal where a block has several scores."""
    size = blocks.shape[1]
    pairs = [(k, j) for k in range(size) for j in range(k)] or [(0, 0)]
    return max(float(xp.max(abs(blocks[:, k, j, :]))) for k, j in pairs)
