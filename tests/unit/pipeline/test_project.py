from __future__ import annotations

from pathlib import Path

import pytest
from project import ROOT

from ucmgcn.core.errors import UserError
from ucmgcn.pipeline import project


def test_a_clone_has_the_workflow_beside_the_library() -> None:
    assert project.project_folder() == ROOT


def test_an_installed_package_has_it_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "lib" / "site-packages" / "ucmgcn"
    monkeypatch.setattr(project, "PACKAGE", package)
    with pytest.raises(UserError, match=r"there is no Snakefile in .*; install ucmgcn again"):
        project.project_folder()
    inside = package / "project"
    inside.mkdir(parents=True)
    (inside / "Snakefile").touch()
    assert project.project_folder() == inside
