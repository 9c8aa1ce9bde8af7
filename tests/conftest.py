"""Leave the extended matrix out unless it is asked for with ``-m extended``."""

# A file for the folder of another project, whose package it imports.
collect_ignore = ["benchmarks/benchopt"]


def pytest_collection_modifyitems(config, items):
    """Deselect the tests marked `extended` where the command line has no marker expression that names them."""
    if "extended" in config.getoption("markexpr"):
        return
    extended = [item for item in items if item.get_closest_marker("extended")]
    if extended:
        config.hook.pytest_deselected(items=extended)
        items[:] = [item for item in items if not item.get_closest_marker("extended")]
