from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from waiting import HANG_SECONDS, wait_for

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.core.worker import Worker, Workers
from ucmgcn.settings import Limits

TESTS = str(Path(__file__).parents[2])
ACTS = "worker_tasks:acts"


@pytest.fixture(autouse=True)
def find_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker(ACTS, {}, Limits(seconds=HANG_SECONDS, memory=1024)) as worker:
        yield worker


def test_arrays_come_back_even_if_the_task_prints(worker: Worker) -> None:
    (numbers, none), warnings = worker("chatter")
    np.testing.assert_array_equal(numbers, [0, 1, 2])
    assert none.shape == (0, 2) and none.dtype == np.float32
    assert warnings == []


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("swell", r"more than 1024 MiB of memory \(limits.memory\)"),
        ("crash", "the loader crashed .SIGSEGV"),
        ("be_killed", "the loader crashed .SIGKILL"),
        ("fail", "cannot be processed: RuntimeError .nobody foresaw this"),
    ],
)
def test_a_failure_rejects_the_item_and_replaces_the_process(
    worker: Worker, act: str, reason: str
) -> None:
    before = int(worker("who").arrays[0])
    with pytest.raises(ItemError, match=reason):
        worker(act)
    assert int(worker("who").arrays[0]) != before


def test_a_timeout_rejects_the_item_and_stops_the_process() -> None:
    with Worker(ACTS, {}, Limits(seconds=2, memory=1024)) as worker:
        with pytest.raises(ItemError, match=r"longer than 2 s \(limits.seconds\)"):
            worker("hang")
        assert worker._process is None


def test_a_rejected_item_keeps_the_process(worker: Worker) -> None:
    before = int(worker("who").arrays[0])
    with pytest.raises(ItemError, match="it is no good"):
        worker("reject")
    assert int(worker("who").arrays[0]) == before


def test_a_process_killed_between_items_is_replaced(worker: Worker) -> None:
    first = int(worker("who").arrays[0])
    os.kill(first, signal.SIGKILL)
    while psutil.Process(first).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert int(worker("who").arrays[0]) != first


def test_an_error_when_the_task_starts_is_a_user_error() -> None:
    with (
        Worker("worker_tasks:refused", {}, Limits()) as worker,
        pytest.raises(UserError, match="install something first"),
    ):
        worker("who")


def test_a_pool_lends_each_worker_to_one_thread_and_stops_them_all() -> None:
    with Workers(2, ACTS, {}, Limits()) as workers, ThreadPoolExecutor(4) as threads:
        pids = {int(answer.arrays[0]) for answer in threads.map(workers, ["who"] * 20)}
    assert 1 <= len(pids) <= 2
    assert not any(map(psutil.pid_exists, pids))


def test_a_worker_ends_when_its_parent_is_killed() -> None:
    code = (
        "from ucmgcn.core.worker import Worker; from ucmgcn.settings import Limits\n"
        f"with Worker({ACTS!r}, {{}}, Limits()) as worker:\n"
        "    print(worker('who').arrays[0], flush=True); worker('hang')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        worker = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.kill()
    wait_for(lambda: not psutil.pid_exists(worker), "the worker has ended")


def test_output_before_the_task_starts_is_a_user_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('good morning')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), TESTS]))
    with (
        Worker(ACTS, {}, Limits(memory=1024)) as worker,
        pytest.raises(UserError, match="does not start"),
    ):
        worker("chatter")
