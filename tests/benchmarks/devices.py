"""Seconds per iteration of batch descent on a device, relative to one read of X: ``python tests/benchmarks/devices.py``.

The read is the sum of the entries of X on the same device, which measures its bandwidth. For comparison: L-BFGS of PyTorch on the
same F, including a strong Wolfe search, per evaluation of F, and logistic regression of cuML if it is installed.
On the CPU the fit of the same samples as a NumPy array is timed, too.

``--device cuda`` (or mps, cpu), ``--rows``, ``--features``, ``--dtype float32`` change the problem. Its features are so
correlated that the descent is still going on after 20 iterations.
"""

import argparse
import os
import statistics
import time
import warnings

os.environ.setdefault("SCIPY_ARRAY_API", "1")

import torch
from sklearn import config_context

from sklearn_gd import GDClassifier

BAR = 2.2  # reads of X per iteration
ALPHA = 1e-6
NEAR = 0.99  # correlation of neighbouring features
SPANS = (1, 5), (5, 20)  # iterations that are timed; a metric is taken in the 4th and in the 12th
WAIT = {"cuda": lambda: torch.cuda.synchronize(), "mps": lambda: torch.mps.synchronize()}


def seconds(job, device, repeats=5):
    """Median seconds of a job, including the work on the device."""
    wait, times = WAIT.get(device, lambda: None), []
    job()
    wait()
    for _ in range(repeats):
        begun = time.perf_counter()
        job()
        wait()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def an_iteration(X, y, device, few, many):
    """Our seconds per iteration, from the difference of two fits, so that one-time costs do not count."""

    def fit(n_iter):
        model = GDClassifier(penalty="l2", alpha=ALPHA, max_iter=n_iter, tol=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)

    return (seconds(lambda: fit(many), device, 3) - seconds(lambda: fit(few), device, 3)) / (many - few)


def an_evaluation(X, y, device):
    """Seconds of PyTorch's L-BFGS for each value and gradient of F, including its own work."""
    signs, calls = (2.0 * y - 1.0).to(X.dtype), 0

    def fit():
        nonlocal calls
        w = torch.zeros(X.shape[1] + 1, dtype=X.dtype, device=device, requires_grad=True)
        method = torch.optim.LBFGS([w], max_iter=20, line_search_fn="strong_wolfe", tolerance_grad=0.0, tolerance_change=0.0)
        calls = 0

        def closure():
            nonlocal calls
            calls += 1
            method.zero_grad()
            loss = torch.nn.functional.softplus(-signs * (X @ w[:-1] + w[-1])).mean() + 0.5 * ALPHA * (w[:-1] ** 2).sum()
            loss.backward()
            return loss

        method.step(closure)

    return seconds(fit, device, 3) / calls


def cuml_fit(X, y):
    """Seconds per iteration of cuML's logistic regression; None if it is not installed."""
    try:
        from cuml.linear_model import LogisticRegression
    except ImportError:
        return None
    model = LogisticRegression(C=1.0 / (ALPHA * len(y)), max_iter=20, tol=0.0)
    return seconds(lambda: model.fit(X, y), "cuda", 3) / 20


def main():
    """Print a line for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    given = parser.parse_args()
    device, dtype = given.device, getattr(torch, given.dtype)
    torch.manual_seed(0)
    apart = torch.arange(given.features, dtype=torch.float64)
    mixed = torch.linalg.cholesky(NEAR ** torch.abs(apart[:, None] - apart)).T.to(dtype).to(device)
    X = torch.randn(given.rows, given.features, dtype=dtype, device=device) @ mixed
    y = (X[:, :5].sum(1) + 0.1 * torch.randn(given.rows, dtype=dtype, device=device) > 0).to(torch.int64)
    card = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    read = seconds(lambda: X.sum(), device)
    size = X.numel() * X.element_size()
    print(f"{given.rows} x {given.features} {given.dtype} on {device} ({card}), log loss, l2")
    print(f"one read of X: {read * 1e3:.2f} ms, {size / read / 1e9:.1f} GB/s")
    with config_context(array_api_dispatch=True):
        report = [(f"sklearn_gd, iterations {few + 1}-{many}", an_iteration(X, y, device, few, many)) for few, many in SPANS]
    if device == "cpu":
        arrays = X.numpy(), y.numpy()
        report += [(f"of a NumPy array, {few + 1}-{many}", an_iteration(*arrays, device, few, many)) for few, many in SPANS]
    report.append(("torch L-BFGS, an evaluation", an_evaluation(X, y, device)))
    cuml = cuml_fit(X, y) if device == "cuda" else None
    report += [("cuML, an iteration", cuml)] if cuml else []
    for name, each in report:
        print(f"{name:30} {each * 1e3:9.2f} ms   {each / read:6.2f} reads of X   (bar {BAR})")
    if cuml is None:
        print("cuML is not installed, or there is no CUDA: left out")


if __name__ == "__main__":
    main()
