"""Write the conda environments with the pins of requirements.lock; `make lock` calls it."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
NOTES = {
    "cpu": "For `snakemake --sdm conda`; the pins are those of requirements.lock.",
    "gpu": "As cpu.yaml, with CUDA: for `device: cuda`, and for `auto` on a machine with a GPU.",
}


def canonical(name: str) -> str:
    """Name of a package as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Write `envs/cpu.yaml` and `envs/gpu.yaml`."""
    lines = (ROOT / "requirements.lock").read_text().split()
    versions = {canonical(line.split("==")[0]): line for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [canonical(re.split(r"[=<>\[;]", d)[0]) for d in project["dependencies"]]
    missing = [name for name in names if name not in versions]
    if missing:
        sys.exit(f"requirements.lock lacks {', '.join(missing)}")
    for name, note in NOTES.items():
        pins = [versions[package] for package in sorted(names)]
        environment = {
            "channels": ["conda-forge"],
            "dependencies": ["python =3.11", "pip", {"pip": pins}],
        }
        text = f"# {note}\n{yaml.safe_dump(environment, sort_keys=False)}"
        (ROOT / "envs" / f"{name}.yaml").write_text(text)


if __name__ == "__main__":
    main()
