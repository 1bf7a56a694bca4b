from __future__ import annotations

import logging
import math
import os
import signal
import subprocess
import sys

import process_tasks
import psutil
import pytest
from waiting import HANG_SECONDS, wait_for

from ucmgcn.core.processes import map_processes


def test_results_keep_the_order_of_the_items() -> None:
    assert map_processes(math.sqrt, [9, 4, 1], 2) == [3, 2, 1]


def test_an_error_in_a_process_is_raised_in_the_parent() -> None:
    with pytest.raises(ValueError, match="math domain"):
        map_processes(math.sqrt, [9, -1, 4], 2)


def test_items_run_in_other_processes_with_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    seen = map_processes(process_tasks.process_and_threads, [8, 8], 2)
    assert os.getpid() not in {process for process, _ in seen}
    assert [threads for _, threads in seen] == [{1}, {1}]


def test_log_records_reach_the_parent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    map_processes(process_tasks.log, ["one", "two"], 2)
    assert {"one", "two"} <= {record.getMessage() for record in caplog.records}


def test_no_process_outlives_its_parent() -> None:
    code = "import time, ucmgcn.core.processes as p; p.map_processes(time.sleep, [5000, 5001], 2)"
    with psutil.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as parent:
        wait_for(lambda: len(workers(parent)) == 2, "two processes work")
        children = workers(parent)
        parent.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(children, timeout=HANG_SECONDS)[1] == []


def workers(parent: psutil.Process) -> list[psutil.Process]:
    """List the pool's worker processes."""
    return [c for c in parent.children() if "spawn_main" in " ".join(c.cmdline())]
