"""The tutorial's commands, run in their order on the small finished run."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trimesh
from project import Run

BIN = Path(sys.executable).parent
REPLACED = {
    "results/demo": "results/tiny",
    "results/furniture": "results/tiny",
    "resources/demo": "data",
    "--dataset demo": "--dataset tiny",
    "--dataset furniture": "--dataset tiny",
    "dataset=furniture": "dataset=tiny",
    "path/to/models": "data/models",
    "path/to/photos": "data/images",
    "path/to/photo.jpg": "data/images/sofa/sofa_photo_01.jpg",
    "path/to/": "",
}


@pytest.fixture(scope="module")
def tutorial(root: Path) -> str:
    return (root / "docs" / "tutorial.md").read_text()


def blocks(text: str) -> list[tuple[str, str]]:
    return re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)


def adapted(text: str, port: int) -> str:
    for old, new in {**REPLACED, ":8000": f":{port}"}.items():
        text = text.replace(old, new)
    return text


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextmanager
def serving(run: Run, line: str, port: int) -> Iterator[None]:
    """Run the tutorial's server until the commands after it are through, as its reader does."""
    words = [*shlex.split(line), "--port", str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=run.folder, stdout=pipe, text=True, env=environment()) as it:
        assert f"http://127.0.0.1:{port}/" in it.stdout.readline()
        yield
        it.terminate()


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}


def shell(folder: Path, line: str) -> str:
    words = ["bash", "-euo", "pipefail", "-c", line]
    done = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def carry_out(root: Path, run: Run, line: str) -> str:
    """Run one command; what a run would take minutes for is planned only."""
    if line.startswith("make "):
        return shell(root, line.replace("make", "make -n", 1))
    if line.startswith("snakemake ") and "--report" not in line:
        return run.snakemake("-n", *shlex.split(line)[1:], cores=None)
    return shell(run.folder, line)


def carry_out_all(root: Path, run: Run, tutorial: str) -> list[tuple[str, str]]:
    """Run every command in its order; return each, as the tutorial has it, and what it printed."""
    port, printed = free_port(), []
    for language, block in blocks(tutorial):
        if language == "python":
            (run.folder / "mine.py").write_text(adapted(block, port))
            continue
        for line in block.splitlines():
            if line == ". .venv/bin/activate":
                assert "BIN := .venv/bin" in (root / "Makefile").read_text()
            elif line.startswith("ucmgcn serve "):
                server = serving(run, adapted(line, port), port)
            elif line.startswith("curl "):
                with server:
                    printed.append((line, carry_out(root, run, adapted(line, port))))
            else:
                printed.append((line, carry_out(root, run, adapted(line, port))))
    return printed


def test_every_command_of_the_tutorial_runs(root: Path, copy: Run, tutorial: str) -> None:
    trimesh.creation.annulus(0.2, 0.3, 0.4).export(copy.folder / "stool.obj")
    printed = carry_out_all(root, copy, tutorial)

    def of(words: str) -> str:
        return next(text for line, text in printed if words in line)

    assert "ucm-gcn" in of("ucmgcn table")
    assert of("chair_photo_00.jpg").splitlines()[1].startswith("rank  model")
    assert len(json.loads(of("curl"))["hits"]) == 3
    with (copy.folder / "found.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2 * 3 * 3
    assert len(json.loads((copy.folder / "found.json").read_text())) == 3
    for name in ("found.html", "snakemake-report.html"):
        assert "<html" in (copy.folder / name).read_text()
    for form in ("npy", "parquet", "faiss"):
        assert (copy.folder / f"results/tiny/export/models.{form}").is_file()
    assert of("ucmgcn evaluate").startswith("metric")
    assert "chair/stool: searchable now" in of("ucmgcn add")
    assert "sofa" in of("path/to/photo.jpg")
    assert "rendering the models of shard" in printed[-1][1]


def test_files_that_the_tutorial_names_exist(root: Path, finished: Run, tutorial: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)", tutorial):
        assert (root / "docs" / target).exists(), target
    for name in re.findall(r"results/(?:demo|furniture)/([\w./-]+\.\w+)", tutorial):
        assert (finished.folder / "results" / "tiny" / name).exists(), name
