"""Samples that are larger than memory: the peak memory of a fit, measured in a separate process."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_gd import GDClassifier

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# The private memory of the process, without the pages of a mapped file, which can be dropped at any time.
PEAK = """
import threading, time

def own():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) * 1024

class Peak:
    def __enter__(self):
        self.first = self.most = own()
        self.running = True
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self
    def watch(self):
        while self.running:
            self.most = max(self.most, own())
            time.sleep(0.002)
    def __exit__(self, *_):
        self.running = False
        self.thread.join()
    @property
    def grown(self):
        return self.most - self.first
"""
WARM = """
import numpy as np
from sklearn_gd import GDClassifier
tiny = np.random.default_rng(0).normal(size=(200, 8))
GDClassifier().fit(tiny, tiny[:, 0] > 0)
"""


def run(code, *arguments):
    """The numbers that a script prints."""
    script = PEAK + WARM + textwrap.dedent(code)
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """A file of 384 MB, and the labels of its samples."""
    folder = tmp_path_factory.mktemp("rows")
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float64, (48_000, 1000))
    rng = np.random.default_rng(0)
    for start in range(0, len(X), 4000):
        X[start : start + 4000] = rng.normal(size=(4000, 1000))
    X.flush()
    np.save(folder / "y.npy", X[:, 0] + X[:, 1] > 0.5 * rng.normal(size=len(X)))
    return folder


def test_a_mapped_array_is_not_copied(rows):
    """The memory stays below a third of the array: a fit stores a few numbers per sample."""
    (grown,) = run(
        """
        import sys
        X, y = np.load(sys.argv[1] + "/X.npy", mmap_mode="r"), np.load(sys.argv[1] + "/y.npy")
        with Peak() as peak:
            GDClassifier(max_iter=2, tol=None).fit(X, y)
        print(peak.grown)
        """,
        rows,
    )
    assert grown < 384e6 / 3


def test_under_a_limit_of_the_kernel(rows):
    """The process may use at most a third of the array, in addition to its memory before the fit."""
    (score,) = run(
        """
        import resource, sys
        X, y = np.load(sys.argv[1] + "/X.npy", mmap_mode="r"), np.load(sys.argv[1] + "/y.npy")
        with open("/proc/self/status") as status:
            data = next(int(line.split()[1]) for line in status if line.startswith("VmData")) * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (data + X.nbytes // 3, data + X.nbytes // 3))
        try:
            np.ones(X.nbytes // 8)
        except MemoryError:
            print(GDClassifier(max_iter=2, tol=None).fit(X, y).score(X[:5000], y[:5000]))
        """,
        rows,
    )
    assert score > 0.8


def test_three_mapped_files_of_a_sparse_matrix(tmp_path):
    """The CSR matrix of memory-mapped values, indices and pointers."""
    n, stored = 200_000, 60
    indices = np.arange(stored, dtype=np.int32) * 33 + np.arange(n, dtype=np.int32)[:, None] % 33
    data = np.random.default_rng(0).normal(size=(n, stored))
    y = data[:, 0] > 0.3 * data[:, 1]
    X = sp.csr_array((data.ravel(), indices.ravel(), np.arange(n + 1) * stored), shape=(n, 2000))
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / f"{name}.npy", getattr(X, name))
    np.save(tmp_path / "y.npy", y)
    grown, norm = run(
        """
        import sys
        import scipy.sparse as sp
        tiny = sp.csr_array(tiny)
        GDClassifier().fit(tiny, tiny.toarray()[:, 0] > 0)
        arrays = [np.load(f"{sys.argv[1]}/{name}.npy", mmap_mode="r") for name in ("data", "indices", "indptr")]
        X, y = sp.csr_array(tuple(arrays), shape=(200_000, 2000)), np.load(sys.argv[1] + "/y.npy")
        with Peak() as peak:
            model = GDClassifier(max_iter=3, tol=None).fit(X, y)
        print(peak.grown, np.linalg.norm(model.coef_))
        """,
        tmp_path,
    )
    known = GDClassifier(max_iter=3, tol=None).fit(X, y)
    np.testing.assert_allclose(norm, np.linalg.norm(known.coef_), rtol=1e-10)
    assert grown < X.data.nbytes, "X was copied"


def test_blocks_of_a_zarr_array_are_read_one_at_a_time(rows, tmp_path):
    """Through Dask, without a cluster and on one thread: a fit of Zarr blocks holds far less than the array."""
    da = pytest.importorskip("dask.array", reason="needs sklearn-gd[dask]")
    pytest.importorskip("zarr", reason="needs zarr")
    X = np.load(rows / "X.npy", mmap_mode="r")
    da.from_array(X, chunks=(800, -1)).to_zarr(str(tmp_path / "X.zarr"))
    (grown,) = run(
        """
        import sys, dask
        import dask.array as da
        dask.config.set(num_workers=1)
        GDClassifier().fit(da.from_array(tiny, chunks=(100, -1)), tiny[:, 0] > 0)
        X, y = da.from_zarr(sys.argv[1] + "/X.zarr"), np.load(sys.argv[2] + "/y.npy")
        with Peak() as peak:
            model = GDClassifier(max_iter=2, tol=None).fit(X, y)
        print(peak.grown)
        """,
        tmp_path,
        rows,
    )
    assert grown < X.nbytes / 3


@pytest.mark.parametrize("workers", [1, 2])
def test_at_most_one_block_of_each_thread_is_in_memory(rows, workers):
    """The peak of a fit is 1.3 blocks for each thread at most; the blocks are copies, as of a file that is not mapped."""
    pytest.importorskip("dask.array", reason="needs sklearn-gd[dask]")
    (grown,) = run(
        """
        import sys, dask
        import dask.array as da
        workers = int(sys.argv[2])
        dask.config.set(num_workers=workers)
        GDClassifier().fit(da.from_array(tiny, chunks=(100, -1)), tiny[:, 0] > 0)
        mapped, y = np.load(sys.argv[1] + "/X.npy", mmap_mode="r"), np.load(sys.argv[1] + "/y.npy")
        class File:
            shape, dtype, ndim = mapped.shape, mapped.dtype, 2
            def __getitem__(self, key):
                return np.array(mapped[key])
        X = da.from_array(File(), chunks=(6000, -1))
        with Peak() as peak:
            GDClassifier(max_iter=2, tol=None).fit(X, y)
        print(peak.grown / (6000 * 1000 * 8 * workers))
        """,
        rows,
        workers,
    )
    assert grown < 1.3


def test_parquet_files_are_read_one_at_a_time(tmp_path):
    """A data frame of files of unknown lengths, with the labels in a separate column."""
    pytest.importorskip("dask.dataframe", reason="needs sklearn-gd[dask]")
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    import pandas as pd

    rng, parts, total = np.random.default_rng(0), [], 0
    for number in range(32):
        values = rng.normal(size=(2500 + 100 * (number % 5), 160))
        frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(160)])
        frame["label"] = np.where(values[:, 0] + values[:, 1] > 0.5 * rng.normal(size=len(values)), "yes", "no")
        frame.to_parquet(tmp_path / f"{number:02d}.parquet")
        total += values.nbytes
        parts.append(frame)
    grown, norm = run(
        """
        import sys, dask
        import dask.dataframe as dd
        import pyarrow
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())  # returns what it does not use
        dask.config.set(num_workers=1)
        rows = dd.read_parquet(sys.argv[1] + "/*.parquet")
        names = [name for name in rows.columns if name != "label"]
        assert np.isnan(rows[names].to_dask_array().shape[0])
        GDClassifier(max_iter=1, tol=None).fit(rows.partitions[:2][names], rows.partitions[:2]["label"])
        with Peak() as peak:
            model = GDClassifier(max_iter=3, tol=None).fit(rows[names], rows["label"])
        print(peak.grown, np.linalg.norm(model.coef_))
        """,
        tmp_path,
    )
    whole = pd.concat(parts, ignore_index=True)
    known = GDClassifier(max_iter=3, tol=None).fit(whole.drop(columns="label"), whole["label"])
    np.testing.assert_allclose(norm, np.linalg.norm(known.coef_), rtol=1e-8)
    assert grown < total / 3
