"""A recipe on a Dask cluster of processes, one of which is killed."""

import os
import signal
import threading
import time

import pytest

import resrel
from test_runs import recipe, records  # noqa: F401

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def client(here):
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_killed_worker_loses_nothing(recipe, client, here):  # noqa: F811
    import resrel.distributed

    path = recipe(20_000)
    out = here / "cluster"
    killed = []
    ended = threading.Event()

    def kill():
        # Half-way: some records are there, and others are not.
        while not list(out.glob("records/*.json")) and not ended.is_set():
            time.sleep(0.01)
        victim = next(iter(client.run(os.getpid).values()))
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        run = resrel.distributed.run(path, client, size="full", realizations=3, out=out)
    finally:
        ended.set()
        killer.join()
    assert killed
    assert run.units == 12
    resrel.reproduce(path, size="full", realizations=3, out="local")
    assert records(out) == records(here / "local")


def test_a_mistake_is_told_before_anything_is_sent(recipe, client, here):  # noqa: F811
    import resrel.distributed

    with pytest.raises(ValueError, match="fig99"):
        resrel.distributed.run("fig99", client, out=here / "out")
    assert not (here / "out").exists()
