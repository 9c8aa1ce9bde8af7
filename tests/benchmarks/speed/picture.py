"""The table as a picture: how many times as fast as each peer a task is; and a short one, legible on a phone."""

import math

import matplotlib.pyplot as plt

OURS, PEER = "#2f6f9f", "#c9ced6"

# The tasks of the front page, fast and slow ones, and their labels.
SUMMARY = {
    "epoch, mini-batches of 32, 100000 x 100, adam": "mini-batch Adam, one epoch",
    "epoch, single samples, Fashion-MNIST, ten classes, log_loss": "SGD, softmax, one epoch",
    "epoch, single samples, 100000 x 100, plain": "SGD, dense, one epoch",
    "epoch, single samples, CSR 75 in 50000, l2": "SGD, sparse, one epoch",
    "epoch, SAGA, CSR 75 in 50000": "SAGA, sparse, one epoch",
    "to 1e-4 of the minimum, l2, adult, 24420 samples": "l2, adult, to 1e-4",
    "to 1e-4 of the minimum, l1, adult, 24420 samples": "l1, adult, to 1e-4",
    "to 1e-4 of the minimum, l2, covtype binary, 100000 samples": "l2, covtype, to 1e-4",
    "to 1e-4 of the minimum, l1, covtype binary, 100000 samples": "l1, covtype, to 1e-4",
    "default fit, wine, 133 samples": "default fit, 133 samples",
    "default fit, adult, 24420 samples": "default fit, 24,420 samples",
    "default fit, covtype, 435759 samples": "default fit, 435,759 samples",
    "partial_fit, 1 sample, 20 features, plain": "partial_fit, one sample",
    "partial_fit, 1 sample, 2^18 hashed features, plain": "partial_fit, one hashed sample",
}


def draw_summary(result, path):
    """Draw the speed relative to the fastest other package, with its name, for each task of `SUMMARY`."""
    rows = {row["work"]: row for row in result["rows"] if row["seconds"]}
    rows = [(SUMMARY[work], rows[work]) for work in SUMMARY if work in rows]
    figure, ax = plt.subplots(figsize=(4.4, 0.27 * len(rows) + 0.8), layout="constrained")
    for place, (_, row) in enumerate(reversed(rows)):
        ratio = row["ratio"]
        ax.barh(place, ratio - 1.0, left=1.0, height=0.7, color=OURS if ratio >= 1.0 else PEER)
        peer = min((seconds, name) for name, seconds in row["seconds"].items() if name != "ours")[1]
        peer = peer.removeprefix("scaler + ").replace(" or Ridge", "")
        ax.text(max(ratio, 1.0) * 1.06, place, f"{ratio:.2g}x {peer}", va="center", fontsize=8)
    ax.set_yticks(range(len(rows)), [label for label, _ in reversed(rows)], fontsize=9)
    ax.set_xscale("log")
    ax.set_xlim(0.2, 1000.0)
    ax.axvline(1.0, color="#333333", linewidth=0.8)
    ax.set_xticks([0.25, 1, 4, 16], ["0.25x", "1x", "4x", "16x"], fontsize=9)
    ax.minorticks_off()
    ax.margins(y=0.01)
    ax.set_xlabel("speed, relative to the fastest other", fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    plt.close(figure)


def draw(result, path):
    """Draw a bar for each row: the speed relative to the fastest other package; dots are all other packages."""
    rows = [row for row in result["rows"] if row["seconds"] and math.isfinite(row["ratio"]) and row["ratio"] > 0.0]
    figure, ax = plt.subplots(figsize=(9.0, 0.17 * len(rows) + 0.8), layout="constrained")
    for place, row in enumerate(reversed(rows)):
        ours = row["seconds"]["ours"]
        ax.barh(place, row["ratio"] - 1.0, left=1.0, height=0.7, color=OURS if row["ratio"] >= 1.0 else PEER)
        others = [seconds / ours for name, seconds in row["seconds"].items() if name != "ours"]
        ax.plot(others, [place] * len(others), "o", markersize=2.5, color="#333333")
    ax.set_yticks(range(len(rows)), [row["work"] for row in reversed(rows)], fontsize=6.5)
    ax.set_xscale("log")
    ax.axvline(1.0, color="#333333", linewidth=0.8)
    ticks = [0.1, 0.3, 1, 3, 10, 30, 100]
    ax.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    ax.minorticks_off()
    ax.margins(y=0.01)
    ax.set_xlabel("speed relative to the fastest other package (bar) and to each package (dots)", fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    plt.close(figure)
