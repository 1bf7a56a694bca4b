from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from project import TINY, Run, copy_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small demo set that has gone through the whole pipeline, in folders of its own."""
    run = copy_project(tmp_path_factory.mktemp("finished") / "project")
    run.configure(**TINY)
    run.snakemake("demo")
    (run.folder / "resources" / "demo").rename(run.folder / "data")
    run.configure(dataset="tiny", models="data/models", images="data/images")
    run.snakemake()
    return run


@pytest.fixture
def copy(finished: Run, tmp_path: Path) -> Run:
    """A copy of the finished run, times of files included, that a test may spoil."""
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    return Run(tmp_path / "project")
