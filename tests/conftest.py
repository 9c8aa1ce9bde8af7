"""The selection of tests: the extended matrix only with ``-m extended``; ``-m smoke`` selects a few tests of each module."""

import pytest

# Scripts, and a file for another project, which import packages that the tests do not need.
collect_ignore = ["benchmarks"]

# In each module, the first case of this many test functions is a smoke test, except in these slow modules and functions.
# They take too long.
SMOKE_FUNCTIONS = 4
NOT_SMOKE = {
    "test_compile",
    "test_cost",
    "test_docs",
    "test_examples",
    "test_imports",
    "test_sklearn",
    "test_sklearn_checks",
    "test_warm",
    "test_a_process_that_is_killed",
    "test_the_model_of_an_epoch_is_that_of_a_fit_that_ends_there",
    "test_matplotlib_is_imported_when_a_display_is_drawn_and_not_before",
    "test_a_quantile_is_covered_where_mini_batches_stop_early",
}


def mark_smoke(items):
    """Mark the smoke tests, but no doctests or tests marked `extended`."""
    chosen = {}
    for item in items:
        function = getattr(item, "originalname", None)
        module = getattr(getattr(item, "module", None), "__name__", "").rpartition(".")[2]
        if function is None or {module, function} & NOT_SMOKE or item.get_closest_marker("extended"):
            continue
        functions = chosen.setdefault(module, set())
        if function not in functions and len(functions) < SMOKE_FUNCTIONS:
            functions.add(function)
            item.add_marker(pytest.mark.smoke)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(config, items):
    """Mark the smoke tests; deselect those marked `extended` unless the command line names them."""
    mark_smoke(items)
    if "extended" in config.getoption("markexpr"):
        return
    extended = [item for item in items if item.get_closest_marker("extended")]
    if extended:
        config.hook.pytest_deselected(items=extended)
        items[:] = [item for item in items if not item.get_closest_marker("extended")]
