from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock
from project import TINY, Run, copy_of, copy_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Run:
    """A small demo set that has gone through the whole pipeline, in folders of its own.

    Where several processes test, the first to want it makes it, and each takes a copy.
    """
    own = tmp_path_factory.getbasetemp()
    if worker_id == "master":
        return finish(own / "finished")
    shared = own.parent / "finished"
    with FileLock(shared.with_suffix(".lock")):
        if not shared.exists():
            finish(own / "making").folder.rename(shared)
    return copy_of(shared, own / "finished")


def finish(folder: Path) -> Run:
    run = copy_project(folder)
    run.configure(**TINY)
    run.snakemake("demo")
    (run.folder / "resources" / "demo").rename(run.folder / "data")
    run.configure(dataset="tiny", models="data/models", images="data/images")
    run.snakemake()
    return run


@pytest.fixture
def copy(finished: Run, tmp_path: Path) -> Run:
    """A copy of the finished run that a test may spoil."""
    return copy_of(finished.folder, tmp_path / "project")
