"""The table as a picture: a bar for each row of work, how many times as fast as each peer."""

import math

import matplotlib.pyplot as plt

OURS, PEER = "#2f6f9f", "#c9ced6"


def draw(result, path):
    """A horizontal bar for each row, the length how many times as fast as the fastest peer; dots are the other peers."""
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
    ax.set_xlabel("times as fast as the fastest peer (bar), as each peer (dots)")
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    plt.close(figure)
