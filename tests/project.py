"""A copy of the project in a folder of its own, in which Snakemake is called as a user would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
# A small demo set.
TINY = {
    "shards": {"models": 3, "images": 2},
    "demo": {"models_per_category": 3, "photos_per_category": 3},
    "train": {"seeds": [0, 1], "epochs": 4},
}
# Rules with a job for each seed, and what these say.
SEEDED = {
    "train_seed": r"training UCM-GCN with seed (\d+)",
    "baselines": r"embedding the baselines .* with seed (\d+)",
    "probes": r"training without photos of some categories, with seed (\d+)",
}
PROJECT = ("Snakefile", "config.yaml", "rules", "workflow", "envs", "profiles")


@dataclass
class Run:
    """A folder with a copy of the project, in which Snakemake is called."""

    folder: Path

    def snakemake(
        self,
        *arguments: str,
        cores: int | None = 2,
        hash_seed: str = "0",
        check: bool = True,
        prefix: Sequence[str] = (),
    ) -> str:
        """Call Snakemake as a user would; return all that it prints."""
        limit = [] if cores is None else ["--cores", str(cores)]
        done = subprocess.run(
            [*prefix, str(Path(sys.executable).parent / "snakemake"), *limit, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
        )
        output = done.stdout + done.stderr
        if check and done.returncode:
            pytest.fail(f"snakemake {' '.join(arguments)} ended with {done.returncode}:\n{output}")
        return output

    def planned(self, *arguments: str) -> Counter[str]:
        """Which jobs would run, as a count of rules; those of one seed as ``train_seed:1``."""
        output = self.snakemake("-n", *arguments)
        table = re.search(r"^Job stats:\n.*\n[- ]+\n((?:.+\n)*)", output, re.MULTILINE)
        rows = [line.split() for line in table[1].splitlines()] if table else []
        jobs = Counter({rule: int(count) for rule, count in rows})
        targets = ("total", "all", *SEEDED)
        return Counter({k: n for k, n in jobs.items() if k not in targets}) + Counter(
            f"{rule}:{seed}"
            for rule, message in SEEDED.items()
            for seed in re.findall(message, output)
        )

    def configure(self, **changes: dict) -> None:
        """Change keys of the run's `config.yaml`; a dict changes keys of a section."""
        path = self.folder / "config.yaml"
        config = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            config[key] = {**config[key], **value} if isinstance(value, dict) else value
        path.write_text(yaml.safe_dump(config))


def copy_project(folder: Path) -> Run:
    folder.mkdir(parents=True)
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    return Run(folder)


def copy_of(folder: Path, target: Path) -> Run:
    """A copy of a run's folder, times of files included."""
    return Run(shutil.copytree(folder, target, symlinks=True))
