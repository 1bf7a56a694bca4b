"""The README's promises: its commands run, its tables say what the code says."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from ucmgcn.pipeline.config import keys


def commands(root: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    inline = re.findall(r"`((?:snakemake|make) [^`]+)`", (root / "README.md").read_text())
    return [line for block in blocks for line in block.splitlines() if line] + inline


def test_every_make_target_of_the_readme_exists(root: Path) -> None:
    targets = {c.split()[1] for c in commands(root) if c.startswith("make ")}
    assert {"demo", "test"} <= targets
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=root, check=True, capture_output=True)


def test_every_snakemake_command_of_the_readme_runs(root: Path, finished, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("graph: {k: 5}\n")
    replaced = {
        "models=path/to/meshes": "models=data/models",
        "images=path/to/photos": "images=data/images",
        "models=DIR": "models=data/models",
        "images=DIR": "images=data/images",
        "mine.yaml": str(tmp_path / "mine.yaml"),
    }
    blocks = re.findall(r"```sh\n(.*?)```", (root / "docs/encoders.md").read_text(), re.DOTALL)
    lines = [*commands(root), *(line for block in blocks for line in block.splitlines())]
    calls = [c for c in lines if c.startswith("snakemake ") and "--cores N" not in c]
    assert len(calls) >= 3
    for call in calls:
        words = [replaced.get(word, word) for word in shlex.split(call)[1:]]
        finished.snakemake("-n", *words)


def test_the_settings_table_holds_every_key_and_default(root: Path) -> None:
    text = (root / "README.md").read_text()
    for name, default, description in keys():
        assert f"| `{name}` | `{shown(default)}` | {description} |" in text, name


def test_files_that_the_readme_names_exist(root: Path, finished) -> None:
    text = (root / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (root / target).exists(), target
    results = finished.folder / "results" / "tiny"
    for name in re.findall(r"`((?:tables|report|views)/[\w.-]+)`", text):
        assert (results / name).exists(), name


def shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list | tuple):
        return "[" + ", ".join(map(str, default)) + "]"
    return '""' if default == "" else str(default)
