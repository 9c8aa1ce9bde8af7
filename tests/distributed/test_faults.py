"""Workers that are lost during a fit: their blocks are recomputed, and the model is the same."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from reading_once import ReadingOnce

from sklearn_gd import GDClassifier, GDRegressor
from sklearn_gd.descent._observers import Observer
from sklearn_gd.distributed import _engine
from sklearn_gd.distributed._engine import Engine
from sklearn_gd.distributed._history import History
from sklearn_gd.objective._calls import CHANGING, Call
from sklearn_gd.objective._part import Part

da = pytest.importorskip("dask.array", reason="needs sklearn-gd[dask]")
distributed = pytest.importorskip("distributed", reason="clusters need Dask's distributed")

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 5))
SCORE = X @ [1.0, -1.0, 0.5, 0.0, 2.0] + rng.normal(size=1000)
MODELS = {
    "memory gradient": GDClassifier(tol=1e-10),
    "reading once": GDClassifier(tol=1e-10, solver=ReadingOnce()),
    "smoothed": GDClassifier(loss="hinge", max_iter=300),
    "support": GDClassifier(penalty="l1", alpha=0.01, tol=1e-10),
    "Gram matrix": GDRegressor(tol=1e-10),
}


def targets(name):
    return SCORE if name == "Gram matrix" else SCORE > 0


class Forgetful(Engine):
    """Blocks in this process, which drops a part from time to time."""

    def __init__(self, every):
        self.every, self.count = every, 0

    def blocks(self):
        return [X[:300], X[300:350], X[350:]]

    def map(self, calls, blocks):
        self.count += 1
        if self.every and self.count % self.every == 0 and _engine.RESIDENTS:
            _engine.RESIDENTS.pop(list(_engine.RESIDENTS)[self.count // self.every % len(_engine.RESIDENTS)])
        return [call(block) for call, block in zip(calls, blocks, strict=True)]

    def forget(self, fit):
        _engine.drop(fit)


def fitted(name, every, monkeypatch):
    """A fit with an engine that drops a part after every `every` calls."""
    from sklearn_gd.distributed import _dask

    engine = Forgetful(every)
    monkeypatch.setattr(_dask, "engine_of", lambda X: engine)
    return type(MODELS[name])(**MODELS[name].get_params()).fit(da.from_array(X), targets(name))


@pytest.mark.parametrize("every", [2, 3, 7])
@pytest.mark.parametrize("name", MODELS)
def test_a_part_that_is_forgotten_at_any_time_is_made_again(name, every, monkeypatch):
    known, found = fitted(name, 0, monkeypatch), fitted(name, every, monkeypatch)
    np.testing.assert_allclose(found.coef_, known.coef_, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.loss_curve_, known.loss_curve_, rtol=1e-10)


def test_the_history_is_short():
    """It has the calls since the last look at a model, every few iterations, not those of the whole descent."""
    history, model = History(), (np.ones((1, 4)), np.zeros(1))
    part = np.ones((1, 2)), np.zeros(1)
    for _ in range(100):
        history.add(Call("start", (*model, 0.0)))
        for _ in range(5):
            history.add(Call("plane", (*model, False, True)))
            history.add(Call("step", (1.0, 0.5 if history.outer.last else 0.0, 1.0)))
        history.add(Call("select", (np.array([1, 3]),)))
        history.add(Call("within", ("start", *part, 0.0)))
        history.add(Call("within", ("line", *part, 0.5, False)))
        history.add(Call("widen", ()))
    assert [call.verb for call in history.calls] == ["start", "line", "start", "select", "within", "within"]
    np.testing.assert_array_equal(history.calls[0].arguments[0], [[0.0, 1.5, 0.0, 1.5]])


def test_the_verbs_that_change_a_part_are_known():
    """A verb that assigns to attributes of the part, directly or in another method, is one of `CHANGING`."""
    import ast
    import inspect
    import textwrap

    tree = ast.parse(textwrap.dedent(inspect.getsource(Part))).body[0]
    methods = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}

    def is_self(node):
        return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"

    changing = {
        name for name, method in methods.items() for node in ast.walk(method) if is_self(node) and isinstance(node.ctx, ast.Store)
    }
    while True:
        more = {
            name
            for name, method in methods.items()
            for node in ast.walk(method)
            if isinstance(node, ast.Call) and is_self(node.func) and node.func.attr in changing
        }
        if more <= changing:
            break
        changing |= more
    public = {name for name in changing if not name.startswith("_")}
    assert public | {"within"} == CHANGING


class Killer(Observer):
    """Kills a worker once, after some epochs."""

    def __init__(self, client, epoch):
        self.client, self.epoch, self.seen, self.killed = client, epoch, 0, None

    def start(self, objective, theta, value):
        self.residents = objective.parts.map

    def begin(self):
        pass

    def end(self, iterate, status, scores):
        self.seen += 1
        if self.seen == self.epoch:
            pids = self.client.run(os.getpid)
            self.killed = pids[min(self.residents.engine.places.values())]
            os.kill(self.killed, signal.SIGKILL)
        return False


@pytest.mark.parametrize("name", ["memory gradient", "support"])
def test_a_worker_that_is_killed_costs_recomputation_and_nothing_else(client, name):
    A = da.from_array(X, chunks=(125, -1))
    model = type(MODELS[name])(**MODELS[name].get_params())
    known = type(model)(**model.get_params()).fit(A, targets(name))
    killer = Killer(client, epoch=3)
    model._observers = (killer,)
    model.fit(A, targets(name))
    assert killer.killed is not None
    assert killer.residents.renewed > 0
    np.testing.assert_allclose(model.coef_, known.coef_, rtol=0, atol=1e-8)
    np.testing.assert_allclose(model.loss_curve_, known.loss_curve_, rtol=1e-10)


def total(block):
    """The sum of a block, and the process where it was computed."""
    return float(block.sum()), os.getpid()


def test_a_block_that_is_not_where_it_was_is_found(client):
    """One is at another worker, and the worker of another is gone."""
    from sklearn_gd.distributed._dask import DaskCluster

    engine = DaskCluster(da.from_array(X, chunks=(250, -1)), client)
    blocks, calls = engine.blocks(), [total] * 4
    known = engine.map(calls, blocks)
    assert [found for found, _ in known] == [float(X[at : at + 250].sum()) for at in range(0, 1000, 250)]
    assert engine.round_trips == 2  # for two workers
    one, other = client.nthreads()
    wrong = other if engine.places[blocks[0].key] == one else one
    engine.places |= {blocks[0].key: wrong, blocks[1].key: "tcp://127.0.0.1:1"}
    assert [found for found, _ in engine.map(calls, blocks)] == [found for found, _ in known]
    assert "tcp://127.0.0.1:1" not in engine.places.values()
    before = engine.round_trips
    assert [found for found, _ in engine.map(calls, blocks)] == [found for found, _ in known]
    assert engine.round_trips == before + 2


def test_the_scheduler_sees_that_the_cluster_is_in_use(client, monkeypatch):
    """A task from time to time, besides the messages."""
    from sklearn_gd.distributed import _dask

    engine = _dask.DaskCluster(da.from_array(X, chunks=(250, -1)), client)
    blocks = engine.blocks()
    engine.map([total] * 4, blocks)
    assert engine.sign is None
    monkeypatch.setattr(_dask, "SIGN", 0.0)
    engine.map([total] * 4, blocks)
    assert engine.sign.result(timeout=60) == 0


def test_a_fit_may_be_a_task(cluster):
    """It holds the only thread that its worker has for tasks."""
    with distributed.Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)

        def fit():
            return GDClassifier().fit(da.from_array(X, chunks=(125, -1)), SCORE > 0).coef_

        np.testing.assert_allclose(client.submit(fit).result(timeout=120), GDClassifier().fit(X, SCORE > 0).coef_, rtol=1e-8)


def slow(block):
    """The block, after a delay."""
    time.sleep(0.2)
    return block


def test_a_worker_that_is_killed_while_it_computes(client):
    """The worker is killed from another thread at any time, including while blocks are computed for the first time."""
    A = da.from_array(X, chunks=(125, -1)).map_blocks(slow)
    known = GDClassifier(tol=1e-10).fit(X, SCORE > 0)
    pids = client.run(os.getpid)
    timer = threading.Timer(0.3, os.kill, (min(pids.values()), signal.SIGKILL))
    timer.start()
    found = GDClassifier(tol=1e-10).fit(A, SCORE > 0)
    timer.join()
    np.testing.assert_allclose(found.coef_, known.coef_, rtol=0, atol=1e-8)


def test_nothing_stays_on_the_workers(client):
    """After a fit, the workers have neither parts nor blocks."""
    A = da.from_array(X, chunks=(125, -1))
    GDClassifier().fit(A, SCORE > 0)
    GDClassifier().fit(A, SCORE > 0, X_val=A[:500], y_val=SCORE[:500] > 0)
    assert not any(client.run(lambda: len(_engine.RESIDENTS)).values())
