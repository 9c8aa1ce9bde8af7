"""A cluster of real processes for the tests of a module."""

import pytest


@pytest.fixture(scope="module")
def client():
    """Two workers, each a process with one thread."""
    distributed = pytest.importorskip("distributed", reason="clusters need Dask's distributed")
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, distributed.Client(cluster) as client:
        yield client
