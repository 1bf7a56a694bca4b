from __future__ import annotations

import errno
import fcntl
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from waiting import HANG_SECONDS

from ucmgcn.core.errors import UserError
from ucmgcn.pipeline.jobs import SNAKEMAKE_PID, begin_run, check_writable, date_back, lock_run

HOLD = (
    "import sys, time; from pathlib import Path; from ucmgcn.pipeline.jobs import begin_run\n"
    "begin_run(['results/a b'], Path(sys.argv[1])); print('held', flush=True); time.sleep(5000)"
)
JOB = (
    "import time; from ucmgcn.pipeline.jobs import begin_job\n"
    "begin_job(None); print('begun', flush=True); time.sleep(5000)"
)


def started(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout.readline()
    return process


def test_a_lock_is_refused_while_its_process_lives_and_free_when_it_was_killed(
    tmp_path: Path,
) -> None:
    with started(HOLD, tmp_path) as other:
        with pytest.raises(UserError, match="another snakemake is writing results/a b"):
            lock_run(tmp_path, "results/a b")
        lock_run(tmp_path, "results/a")
        other.kill()
    lock_run(tmp_path, "results/a b")


def test_a_file_system_without_locks_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with caplog.at_level(logging.WARNING):
        lock_run(tmp_path, "results/demo")
    assert "make sure that only one run writes" in caplog.text


def test_a_job_ends_with_the_snakemake_that_started_it() -> None:
    with (
        subprocess.Popen(["sleep", "5000"]) as snakemake,
        started(JOB, **{SNAKEMAKE_PID: str(snakemake.pid)}) as job,
    ):
        time.sleep(0.2)
        assert job.poll() is None
        snakemake.kill()
        job.wait(timeout=HANG_SECONDS)
    assert not psutil.pid_exists(job.pid)


def test_a_job_whose_snakemake_is_gone_does_not_begin() -> None:
    with subprocess.Popen(["true"]) as snakemake:
        pass
    done = subprocess.run(
        [sys.executable, "-c", JOB],
        env={**os.environ, SNAKEMAKE_PID: str(snakemake.pid)},
        stdout=subprocess.PIPE,
    )
    assert done.returncode < 0 and not done.stdout


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results" / "tables").mkdir(parents=True)
    check_writable(tmp_path / "results")
    check_writable(tmp_path / "no" / "results")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "tables")
    with pytest.raises(UserError, match=r"results/tables cannot be written\. Make it writable"):
        check_writable(tmp_path / "results")
    with pytest.raises(UserError, match="results/tables cannot be written"):
        check_writable(tmp_path / "results" / "tables" / "no" / "results")


def test_files_of_a_time_to_come_are_dated_back_in_their_order(tmp_path: Path) -> None:
    now = time.time()
    times = {"old": now - 100, "later": now + 7000, "sooner": now + 5000, "latest": now + 9000}
    for name, at in times.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (at, at))
    date_back(tmp_path)
    mended = {name: (tmp_path / name).stat().st_mtime for name in times}
    assert sorted(times, key=mended.__getitem__) == ["old", "sooner", "later", "latest"]
    assert mended["old"] == pytest.approx(now - 100, abs=0.01)
    assert now - 10 < mended["sooner"] <= mended["latest"] <= time.time()


def test_a_run_that_is_refused_changes_no_time(tmp_path: Path) -> None:
    file, coming = tmp_path / "results" / "file", time.time() + 5000
    file.parent.mkdir()
    file.touch()
    os.utime(file, (coming, coming))
    with started(HOLD, tmp_path) as other:
        with pytest.raises(UserError, match="another snakemake"):
            begin_run(["results/a b", str(file.parent)], tmp_path)
        other.kill()
    assert file.stat().st_mtime == pytest.approx(coming)
    begin_run([str(file.parent)], tmp_path)
    assert file.stat().st_mtime <= time.time()
