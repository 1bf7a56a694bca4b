"""The same pins everywhere: the lock for pip, the environments for conda."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(root: Path) -> dict[str, str]:
    lines = (root / "requirements.lock").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(name): version for name, version in pairs}


def test_the_lock_is_plain(root: Path) -> None:
    for line in (root / "requirements.lock").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.!]*", line) or line.startswith("#")


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_conda_pins_are_the_locks(root: Path, name: str) -> None:
    environment = yaml.safe_load((root / "envs" / f"{name}.yaml").read_text())
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    pins = {canonical(p.split("==")[0]): p.split("==")[1] for p in pip}
    lock = locked(root)
    assert pins == {package: lock[package] for package in pins}


def test_conda_holds_all_that_the_project_declares(root: Path) -> None:
    text = (root / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)[1]
    declared = {
        canonical(re.match(r"[A-Za-z0-9._-]+", d)[0]) for d in re.findall(r'"(.+?)"', block)
    }
    for name in ("cpu", "gpu"):
        environment = yaml.safe_load((root / "envs" / f"{name}.yaml").read_text())
        pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
        assert declared <= {canonical(p.split("==")[0]) for p in pip}
    assert declared <= set(locked(root))


def test_setup_takes_the_pythons_that_the_project_declares(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    declared = [c.removeprefix(prefix) for c in project["classifiers"] if c.startswith(prefix)]
    script = (root / "envs" / "venv.sh").read_text()
    taken = [f"{major}.{minor}" for major, minor in re.findall(r"\((\d), (\d+)\)", script)]
    assert taken == declared
    first, last = declared[0], declared[-1].split(".")
    assert project["requires-python"] == f">={first},<{last[0]}.{int(last[1]) + 1}"


def test_another_python_is_refused_with_the_way_out(root: Path, tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["bash", root / "envs" / "venv.sh", tmp_path / "venv"],
        env={**os.environ, "PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.fixture
def audit(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("envs_audit", root / "envs" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_known_vulnerability_fails_and_an_unreached_service_says_so(audit: ModuleType) -> None:
    flaw = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
    bad = {"name": "thing", "version": "1.0", "vulns": [flaw]}
    good = {"name": "other", "version": "1.0", "vulns": []}
    unknown = {"name": "own", "skip_reason": "Dependency not found"}
    text, failed = audit.verdict([bad, good, unknown])
    assert failed and text.splitlines()[0] == "thing 1.0: PYSEC-1, mended in 2.0"
    assert "2 of 3 packages looked up, 1 known" in text
    assert not audit.verdict([good])[1]
    text, failed = audit.verdict([unknown])
    assert not failed and "NOT looked up" in text
