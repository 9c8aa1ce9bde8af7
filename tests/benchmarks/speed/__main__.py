"""Speed compared with other packages: a table with a column for the bar.

python tests/benchmarks/speed [SECTION ...] [--quick] [--json FILE] [--picture FILE] [--summary FILE]

Each row is one task: the median seconds of this package and of every other package that is installed, measured alternately in
one run, and the speed relative to the fastest other package. `pip install -e ".[bench]"` installs the other packages. Tasks use
one thread, unless the row says otherwise. All sections take about 15 minutes on two cores, `--quick` two minutes. No other
program should run at the same time.
"""

import argparse
import importlib.metadata
import json
import platform
import time
import warnings
from pathlib import Path

import calls
import epochs
import fits
import machine
import processes
from threadpoolctl import threadpool_limits

warnings.simplefilter("ignore")

SECTIONS = {
    "rows": epochs.rows,
    "csr": epochs.csr,
    "minibatch": epochs.minibatch,
    "ten_classes": epochs.ten_classes,
    "own_loss_epochs": epochs.own_loss,
    "optimum": fits.optimum,
    "defaults": fits.defaults,
    "bandwidth": machine.bandwidth,
    "threads": machine.threads,
    "float32": machine.single_precision,
    "predict": calls.predict,
    "partial_fit": calls.partial_fit,
}
ON_ALL_THREADS = {"bandwidth", "threads"}
FIGURES = {"first_fits": processes.first_fits, "own_loss": processes.own_loss, "memory": machine.memory}
PEERS = ("scikit-learn", "numpy", "numba", "torch", "skglm", "celer", "glum", "cyanure", "scikit-learn-intelex")


def versions():
    """The versions of Python and of the installed packages."""
    found = {"python": platform.python_version()}
    for name in PEERS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def rows_of(section, quick):
    """Measured rows of a section, as dictionaries."""
    for work in SECTIONS[section](quick):
        if not work.peers or work.ours is None:
            yield {"work": work.name, "bar": work.bar, "ratio": float("nan"), "seconds": {}}
            continue
        with threadpool_limits(None if section in ON_ALL_THREADS else 1):
            work.measure()
        yield {"work": work.name, "bar": work.bar, "ratio": work.ratio, "seconds": work.seconds}


def show(row):
    peers = sorted((seconds, name) for name, seconds in row["seconds"].items() if name != "ours")
    told = ", ".join(f"{name} {seconds * 1e3:.4g}" for seconds, name in peers)
    verdict = "" if row["ratio"] >= row["bar"] else "  below"
    ours = row["seconds"].get("ours", float("nan")) * 1e3
    print(f"{row['work']:74} {row['ratio']:6.2f} {row['bar']:6.2f}{verdict:7}  ours {ours:.4g} ms; {told}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join([*SECTIONS, *FIGURES]))
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--json", type=Path, help="keep the figures")
    parser.add_argument("--picture", type=Path, help="draw the table (SVG)")
    parser.add_argument("--summary", type=Path, help="draw the tasks of the front page (SVG)")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS) - set(FIGURES)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}: there are {', '.join([*SECTIONS, *FIGURES])}")
    chosen = options.sections or [*SECTIONS, *FIGURES]
    print(", ".join(f"{name} {version}" for name, version in versions().items()))
    print(f"{'work':74} {'times':>6} {'bar':>6}")
    begun, rows, figures = time.perf_counter(), [], []
    for section in SECTIONS:
        if section in chosen:
            for row in rows_of(section, options.quick):
                rows.append({"section": section, **row})
                show(row)
    for section in FIGURES:
        if section in chosen and not (options.quick and section == "memory"):
            for name, figure, bar in FIGURES[section]():
                figures.append({"work": name, "figure": figure, "bar": bar})
                print(f"{name:74} {figure:6.2f} {bar:6.2f}{'' if figure <= bar else '  above':7}", flush=True)
    print(f"{time.perf_counter() - begun:.0f} s")
    result = {"versions": versions(), "quick": options.quick, "rows": rows, "figures": figures}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    if options.picture:
        from picture import draw

        draw(result, options.picture)
    if options.summary:
        from picture import draw_summary

        draw_summary(result, options.summary)


if __name__ == "__main__":
    main()
