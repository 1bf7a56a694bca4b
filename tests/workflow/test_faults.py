"""Runs that are killed, interrupted, or started twice: what a user does next must simply work."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import layouts
import psutil
import pytest
from command import bound_by_permissions, ucmgcn
from project import TINY, Run, copy_project
from waiting import HANG_SECONDS, wait_for

VIEWS = Path("results", "tiny", "views")


def family(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes of the session that a run leads, it included."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == run.pid and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return members


@contextmanager
def running(run: Run, marker: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A run in a session of its own, as a terminal's, that has a process so marked by now."""
    command = [str(Path(sys.executable).parent / "snakemake"), "--cores", "2", *arguments]
    with (run.folder / "output.txt").open("w+") as output:
        started = subprocess.Popen(
            command, cwd=run.folder, stdout=output, stderr=output, start_new_session=True
        )
        try:
            wait_for(lambda: has_process(started, marker), f"there is a process {marker}")
            yield started
        finally:
            for process in family(started):
                process.kill()
            started.wait()


def has_process(run: subprocess.Popen[str], marker: str) -> bool:
    assert run.poll() is None, "the run has ended too early"
    for process in family(run):
        try:
            if marker in " ".join(process.cmdline()):
                return True
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return False


def interrupt(run: subprocess.Popen[str]) -> None:
    """Ctrl-C: the terminal sends it to every process in the foreground."""
    os.killpg(run.pid, signal.SIGINT)


def kill_the_main_process(run: subprocess.Popen[str]) -> None:
    os.kill(run.pid, signal.SIGKILL)


def kill_all_of_it(run: subprocess.Popen[str]) -> None:
    os.killpg(run.pid, signal.SIGKILL)


def end_and_look(run: subprocess.Popen[str], end: Callable[[subprocess.Popen[str]], None]) -> None:
    """End a run, and wait until no process of it is left."""
    end(run)
    run.wait(timeout=HANG_SECONDS)
    wait_for(lambda: not family(run), f"no process is left after {end.__name__}")


READS_MESHES, READS_PICTURES = "ucmgcn.render.stage:views_task", "ucmgcn.media.photos:photo_task"
POOL = "multiprocessing.spawn"


@pytest.mark.slow
def test_a_plain_run_mends_what_broken_runs_have_left(copy: Run, finished: Run) -> None:
    for end in (interrupt, kill_the_main_process, kill_all_of_it):
        shutil.rmtree(copy.folder / VIEWS, ignore_errors=True)
        with running(copy, READS_MESHES) as run:
            end_and_look(run, end)
    copy.snakemake("render")
    # What follows is a function of these; benchmarks/soak.py goes on to the tables.
    for shard in sorted((finished.folder / VIEWS).glob("*.h5")):
        assert (copy.folder / VIEWS / shard.name).read_bytes() == shard.read_bytes(), shard.name


@pytest.fixture
def fresh(tmp_path: Path) -> Run:
    """A project that has made nothing yet, with small data sets of two kinds."""
    run = copy_project(tmp_path / "project")
    layouts.mi3dor(run.folder / "MI3DOR")
    layouts.three_d_future(run.folder / "future")
    run.configure(**TINY)
    return run


MI3DOR = "dataset=x kind=mi3dor models=MI3DOR/model images=MI3DOR/image"


# Every stage that starts processes. The demo set is not there yet.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("marker", "words"),
    [
        (POOL, "demo"),
        (READS_PICTURES, f"render --config {MI3DOR}"),
        (
            "ucmgcn.evaluate.points:points_task",
            "results/x/points/shard-000.h5 --config dataset=x kind=3d-future "
            "models=future/model images=future/photos",
        ),
        (
            READS_PICTURES,
            f"results/x/features/efficientnet-lite0/images/shard-000.h5 --config {MI3DOR}",
        ),
    ],
    ids=["demo", "given views", "points", "photos"],
)
def test_no_process_outlives_its_run(fresh: Run, marker: str, words: str) -> None:
    with running(fresh, marker, *words.split()) as run:
        end_and_look(run, kill_the_main_process)
    fresh.snakemake(*words.split())
    assert not list(fresh.folder.rglob(".partial-*"))


@pytest.mark.slow
def test_no_training_outlives_its_run(copy: Run) -> None:
    copy.configure(train={"seeds": [7], "epochs": 50})
    with running(copy, POOL, "train") as run:
        end_and_look(run, kill_the_main_process)


@pytest.mark.slow
def test_a_second_run_is_refused_in_a_line_and_the_first_goes_on(copy: Run) -> None:
    shutil.rmtree(copy.folder / VIEWS, ignore_errors=True)
    with running(copy, READS_MESHES) as run:
        # It plans first, and files come and go meanwhile, which on a busy machine it may trip over.
        told = "another snakemake is writing results/tiny. Wait until it has ended"
        outputs = (copy.snakemake(check=False) for _ in range(3))
        output = next((output for output in outputs if told in output), "")
        assert told in output
        assert "Traceback" not in output and "common.smk" not in output
        # To look is always allowed.
        assert copy.planned()["evaluate"] == 1
        assert run.poll() is None
        wait_for(lambda: any((copy.folder / VIEWS).glob("*.h5")), "a shard")


@pytest.fixture
def read_only(copy: Run) -> Iterator[Run]:
    """A run whose report is to be made anew, in results that cannot be written."""
    results = copy.folder / "results"
    (results / "tiny/report/index.html").unlink()
    folders = [Path(folder) for folder, _, _ in os.walk(results)]
    for folder in folders:
        folder.chmod(0o555)
    yield copy
    for folder in folders:
        folder.chmod(0o755)


@pytest.mark.slow
def test_read_only_results_are_named_and_can_be_searched(read_only: Run) -> None:
    bound = bound_by_permissions()
    output = read_only.snakemake(check=False, prefix=bound)
    assert "results/tiny cannot be written. Make it writable (chmod u+w" in output
    assert "Traceback" not in output
    photo = next((read_only.folder / "data/images").rglob("*.jpg"))
    found = ucmgcn(read_only.folder, "query", photo, "--dataset", "tiny", "--csv", prefix=bound)
    assert found.returncode == 0, found.stderr
    assert len(found.stdout.splitlines()) == 11


@pytest.mark.slow
def test_after_the_clock_was_set_back_a_plain_run_goes_on(copy: Run) -> None:
    report = copy.folder / "results/tiny/report/index.html"
    tables = {path: path.read_bytes() for path in (copy.folder / "results/tiny/tables").iterdir()}
    report.unlink()
    for path in (copy.folder / "results").rglob("*"):
        at = path.stat().st_mtime + 86400
        os.utime(path, (at, at))
    copy.snakemake()
    assert report.exists()
    assert {path: path.read_bytes() for path in tables} == tables
    assert not copy.planned()
