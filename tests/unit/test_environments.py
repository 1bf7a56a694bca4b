"""The same pins everywhere: the lock for pip, the environments for conda."""

from __future__ import annotations

import re
from pathlib import Path

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
