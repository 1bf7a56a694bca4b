"""Compare our readers of meshes with Assimp, file by file.

    sudo apt-get install -y assimp-utils
    python benchmarks/second_reader.py FOLDER

FOLDER holds meshes, at any depth. Each is read by `load_shape`, and by Debian's `assimp export`
as triangles with all transforms applied. A line is printed for each file that only one of them
reads, and for each of which extent, area or number of triangles differ; then the counts. Triangles
without area do not count. Files that both reject are not listed. A difference need not be our
mistake: Assimp drops lines, vertices and whole objects of some files.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from ucmgcn.core.errors import ItemError
from ucmgcn.media.formats import MESH_SUFFIXES
from ucmgcn.media.meshes import load_shape

SECONDS = 60
TOLERANCE = 1e-3


class Facts(NamedTuple):
    """Sorted extents, area and number of triangles of a shape, fitted into the unit cube."""

    extent: tuple[float, ...]
    area: float
    triangles: int


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    counts: Counter[str] = Counter()
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in MESH_SUFFIXES):
        ours, theirs = read(path), second(path)
        outcome = compare(ours, theirs)
        counts[outcome.partition(":")[0]] += 1
        if outcome not in ("same", "both reject"):
            print(f"{path.relative_to(folder)}: {outcome}")
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))


def read(path: Path) -> Facts | str:
    """Return the facts of a file, or why it is rejected."""
    try:
        return facts(*load_shape(path))
    except ItemError as error:
        return str(error)


def second(path: Path) -> Facts | str:
    """Return what Assimp makes of a file, or why it rejects it."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "out.stl")
        command = ["assimp", "export", str(path), str(out), "-tri", "-ptv"]
        try:
            said = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"takes longer than {SECONDS} s"
        if said.returncode or not out.exists():
            return said.stdout.decode(errors="replace").strip().rpartition("\n")[2]
        try:
            return facts(*load_shape(out))
        except ItemError as error:
            return str(error)


def facts(vertices: np.ndarray, faces: np.ndarray) -> Facts:
    """Measure triangles; the axes are sorted, because readers differ in the up axis."""
    extent = np.ptp(vertices, axis=0)
    fitted = vertices / extent.max()
    a, b, c = (fitted[faces[:, i]] for i in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    shape = tuple(np.sort(extent / extent.max()).tolist())
    return Facts(shape, float(areas.sum()), int((areas > 1e-12).sum()))


def compare(ours: Facts | str, theirs: Facts | str) -> str:
    """Say in one line how two readings differ."""
    if isinstance(ours, str):
        return "both reject" if isinstance(theirs, str) else f"only assimp reads it: {ours}"
    if isinstance(theirs, str):
        return f"only we read it: {theirs}"
    if not np.allclose(ours.extent, theirs.extent, atol=TOLERANCE):
        return f"extent: {np.round(ours.extent, 3)} against {np.round(theirs.extent, 3)}"
    if not np.isclose(ours.area, theirs.area, rtol=10 * TOLERANCE):
        return f"area: {ours.area:.4f} against {theirs.area:.4f}"
    if abs(ours.triangles - theirs.triangles) > TOLERANCE * ours.triangles:
        return f"triangles: {ours.triangles} against {theirs.triangles}"
    return "same"


if __name__ == "__main__":
    main()
