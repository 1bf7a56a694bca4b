"""Gather what the steps of gpu.sh have found: one JSON, one Markdown table with the card's name.

python benchmarks/gpu_report.py WORK OUT
"""

from __future__ import annotations

import csv
import json
import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import click

PACKAGES = ("numpy", "torch", "dgl", "onnxruntime", "pyrender2", "snakemake")
COLUMNS = ("part", "gpu", "cpu", "ratio", "difference")


@click.command(help=__doc__)
@click.argument("work", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(work: Path, out: Path) -> None:
    with (work / "steps.tsv").open(newline="", encoding="utf-8") as file:
        steps = list(csv.DictReader(file, ["name", "status", "seconds"], delimiter="\t"))
    found = {step["name"]: {**step, **content(work / f"{step['name']}.json")} for step in steps}
    about = machine()
    (out / "gpu.json").write_text(json.dumps({"machine": about, "steps": found}, indent=1))
    (out / "gpu.md").write_text(markdown(about, found))


def content(path: Path) -> dict[str, Any]:
    """Read what a step has written, if it has."""
    if not path.exists():
        return {"rows": [], "facts": {}}
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def machine() -> dict[str, str]:
    """Describe the card, the machine and the packages; torch takes seconds to import."""
    return {
        "card": card(),
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        **{name: installed(name) for name in PACKAGES},
    }


def card() -> str:
    """Name the GPU and its driver."""
    if shutil.which("nvidia-smi") is None:
        return "no GPU: the CPU against itself"
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    said = subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines()
    name, _, driver = (said or [""])[0].partition(", ")
    return f"{name}, driver {driver}" if name else "a GPU that nvidia-smi does not name"


def installed(name: str) -> str:
    """Return a package's version, if it is installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def markdown(about: dict[str, str], steps: dict[str, dict[str, Any]]) -> str:
    """Write the table; below it, each step's time, and whether it failed."""
    facts = ", ".join(f"{name} {value}" for name, value in about.items() if name != "card")
    rows = [row for step in steps.values() for row in step["rows"]]
    lines = [f"**{about['card']}**; {facts}.", "", "| part | GPU | CPU | GPU is | difference |"]
    lines += ["|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row[name] for name in COLUMNS)} |" for row in rows]
    taken = (f"{name} {step['seconds']} s{failure(step)}" for name, step in steps.items())
    return "\n".join([*lines, "", f"Steps: {', '.join(taken)}.", ""])


def failure(step: dict[str, str]) -> str:
    """Say how a step failed, if it did."""
    known = {"0": "", "124": " (OUT OF TIME)", "137": " (KILLED)", "no time": " (NOT RUN: no time)"}
    return known.get(step["status"], f" (FAILED: {step['status']})")


if __name__ == "__main__":
    main()
