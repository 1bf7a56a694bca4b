"""The container image: its steps are the project's own scripts, and it runs as nobody special."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import ucmgcn


@pytest.fixture
def steps(root: Path) -> list[tuple[str, str]]:
    """Instructions of the Containerfile, with what follows each."""
    lines = (root / "Containerfile").read_text().splitlines()
    return [(w, rest) for w, _, rest in (line.partition(" ") for line in lines) if w.isupper()]


def test_its_steps_are_the_scripts_of_a_clone_in_their_order(root: Path, steps) -> None:
    run = [rest for word, rest in steps if word == "RUN"]
    scripts = [re.match(r"bash (envs/\w+\.sh)", line) for line in run]
    called = [found[1] for found in scripts if found]
    assert called == ["envs/apt.sh", "envs/venv.sh", "envs/system.sh"]
    assert all((root / name).is_file() for name in called)
    # As `make setup` calls them, which CI calls.
    makefile = (root / "Makefile").read_text()
    system, venv = "bash envs/system.sh $(BIN)/python", "bash envs/venv.sh .venv"
    assert makefile.index(system) < makefile.index(venv)
    assert "setup: $(READY)" in makefile
    assert {"bash envs/venv.sh .venv", "bash envs/system.sh .venv/bin/python"} < set(run)


def test_it_is_slim_and_runs_as_no_root(steps) -> None:
    words = [word for word, _ in steps]
    assert words[0] == "FROM" and re.fullmatch(r"debian:\w+-slim", steps[0][1])
    assert words[-1] == "CMD" and words.index("USER") > max(
        at for at, word in enumerate(words) if word == "RUN"
    )
    assert dict(steps)["USER"] == "ucmgcn"


def test_no_result_or_environment_is_copied_into_it(root: Path) -> None:
    ignored = set((root / ".dockerignore").read_text().split())
    kept = {line for line in (root / ".gitignore").read_text().split() if line[0] != "!"}
    assert {line.strip("/") for line in kept} <= {line.removeprefix("**/") for line in ignored}


@pytest.mark.parametrize("engine", ["podman", "docker", "buildah"])
def test_make_image_takes_the_engine_that_is_there(root: Path, tmp_path: Path, engine: str) -> None:
    program = tmp_path / engine
    program.write_text('#!/bin/sh\necho "$0 $*"\n')
    program.chmod(0o755)
    for name in ("bash", "sed", "dirname"):
        (tmp_path / name).symlink_to(Path("/usr/bin") / name)
    done = subprocess.run(
        [tmp_path / "bash", root / "envs/image.sh"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    built = f"{program} build --file Containerfile --tag ucmgcn:{ucmgcn.__version__} ."
    assert done.stdout.strip() == built
