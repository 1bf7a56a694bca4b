"""The README's promises: its commands run, the files that it names are written."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Run

import ucmgcn

PAGES = ("README.md", "docs/encoders.md", "docs/outputs.md", "docs/results.md", "docs/settings.md")
DATA = {
    "models=path/to/meshes": "models=data/models",
    "images=path/to/photos": "images=data/images",
    "models=DIR": "models=data/models",
    "images=DIR": "images=data/images",
}
# Its data are not at hand here.
ELSEWHERE = "dataset=sweethome3d"


def commands(page: Path) -> list[str]:
    """Lines of a page's shell blocks, and the commands in its sentences."""
    text = page.read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`((?:snakemake|make) [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    return [line for block in blocks for line in block.splitlines() if line] + inline


def configurations(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the YAML files that a page shows, by the name in their first line."""
    yield from re.findall(r"```yaml\n# ([\w.]+)\n(.*?)```", page.read_text(), re.DOTALL)


def test_every_make_target_of_the_readme_exists(root: Path) -> None:
    targets = {c.split()[1] for c in commands(root / "README.md") if c.startswith("make ")}
    assert {"demo", "test"} <= targets
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=root, check=True, capture_output=True)


def test_every_snakemake_command_of_the_docs_runs(root: Path, finished: Run, tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text("graph: {k: 5}\n")
    for name, text in (pair for page in PAGES for pair in configurations(root / page)):
        (tmp_path / name).write_text(text)
    lines = {line for page in PAGES for line in commands(root / page)}
    calls = sorted(c for c in lines if c.startswith("snakemake --cores 2") and ELSEWHERE not in c)
    assert len(calls) >= 5
    for call in calls:
        words = [DATA.get(word, word) for word in shlex.split(call)[1:]]
        words = [str(tmp_path / word) if word.endswith(".yaml") else word for word in words]
        finished.snakemake("-n", *words)


@pytest.mark.skipif(not hasattr(ucmgcn, "Library"), reason="the package has no Library yet")
def test_the_python_lines_of_the_readme_run(root: Path, finished: Run) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    photo = "data/images/sofa/sofa_photo_01.jpg"
    code = block.replace("results/demo", "results/tiny").replace("photo.jpg", photo)
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=finished.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ranks = [line.split()[0] for line in done.stdout.splitlines()]
    assert ranks == ["1", "2", "3", "4", "5"]


def test_files_that_the_docs_name_are_written(root: Path, finished: Run) -> None:
    results = finished.folder / "results" / "tiny"
    named = r"`((?:tables|report|views)/[\w.-]+)`"
    for page in ("README.md", "docs/outputs.md"):
        for name in re.findall(named, (root / page).read_text()):
            assert (results / name).exists(), name
