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
    "test_memory",
    "test_search",
    "test_sklearn",
    "test_sklearn_checks",
    "test_traffic",
    "test_warm",
    "test_a_process_that_is_killed",
    "test_a_worker_that_is_killed_costs_recomputation_and_nothing_else",
    "test_a_worker_that_is_killed_while_it_computes",
    "test_nothing_stays_on_the_workers",
    "test_optuna_prunes_between_calls_of_partial_fit",
    "test_ray_runs_a_search",
    "test_rounds_on_csr_blocks_with_a_client",
    "test_the_model_of_an_epoch_is_that_of_a_fit_that_ends_there",
    "test_matplotlib_is_imported_when_a_display_is_drawn_and_not_before",
    "test_a_quantile_is_covered_where_mini_batches_stop_early",
}

# The functions of each module whose cases a smoke run has made.
MADE: dict[str, list[str]] = {}


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


def pytest_ignore_collect(collection_path, config):
    """In a smoke run, do not even import a module without smoke tests."""
    return True if config.getoption("markexpr") == "smoke" and collection_path.stem in NOT_SMOKE else None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector, name, obj):
    """In a smoke run, make the cases of no more functions than are chosen: those of all functions are thousands."""
    if collector.config.getoption("markexpr") != "smoke" or not name.startswith("test_") or not callable(obj):
        return None
    functions = MADE.setdefault(collector.nodeid, [])
    if len(functions) == SMOKE_FUNCTIONS:
        return []
    if name not in NOT_SMOKE and not any(mark.name == "extended" for mark in getattr(obj, "pytestmark", ())):
        functions.append(name)
    return None


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
