"""A cluster of real processes, and a client of it for the tests that ask for one."""

import pytest


@pytest.fixture(scope="session")
def cluster():
    """Two workers, each a process with one thread; they start once, which takes seconds."""
    distributed = pytest.importorskip("distributed", reason="clusters need Dask's distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    """A client while one test runs: where there is a client, Dask computes everything on its cluster."""
    import distributed

    with distributed.Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)  # a test before may have killed one
        yield client
