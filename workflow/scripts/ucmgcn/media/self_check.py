"""The self-check of a mesh: what its file declares beside what is drawn, and what looks wrong."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Floats
from ucmgcn.media.declared import declared
from ucmgcn.media.meshes import Mesh

FLAT = 1e-3  # thinnest side by longest
MANY_DEGENERATE = 0.2  # share of the faces
STRAY_SHARE, STRAY_SIZE = 0.02, 0.25  # of the surface; of the extent
CONTACT = 0.01  # share of the height within which the lowest points touch the ground
CLEARLY = 1.25  # by this factor another axis must support better than y
MERGED = 2.0**-20  # vertices of a cell of this size, in a unit sphere, are one
BINS, FEW_FACES = 256, 24

Keys = npt.NDArray[np.uint64]


def check_mesh(path: Path, mesh: Mesh) -> dict[str, Any]:
    """Compare a mesh with what its file declares.

    Parameters
    ----------
    path
        The file.
    mesh
        What was read from it.

    Returns
    -------
    dict
        One row of ``tables/models.csv`` without its id: ``declared_*`` and ``drawn_*`` numbers,
        ``extensions``, the extent in the file's units, ``up_axis`` as it looks, ``watertight``, and
        in ``suspicious`` what looks wrong, empty if nothing does.
    """
    says = asdict(declared(path))
    extensions = says.pop("extensions")
    drawn = {
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "parts": mesh.pieces,
        "textures": _textures(mesh),
    }
    size = np.ptp(mesh.vertices, axis=0)
    corners = _corners(mesh)
    return {
        **{f"declared_{name}": value for name, value in says.items()},
        **{f"drawn_{name}": value for name, value in drawn.items()},
        "extensions": extensions,
        **{
            f"extent_{axis}": float(f"{v * mesh.radius:.6g}")
            for axis, v in zip("xyz", size, strict=True)
        },
        "up_axis": guess_up(mesh.vertices),
        "watertight": is_watertight(corners),
        "suspicious": "; ".join(_suspicions(mesh, says, drawn, size, len(corners))),
    }


def guess_up(vertices: Floats) -> str:
    """Guess the up axis: the one whose low end would stand best; y if none is clearly better.

    An end stands as well as the rectangle around its lowest points fills the footprint. It is a
    hint only: a chair stands on its back nearly as well as on its legs.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    size = np.maximum(high - low, np.finfo(float).tiny)
    support = []
    for axis in range(3):
        touching = vertices[vertices[:, axis] <= low[axis] + CONTACT * size[axis]]
        filled = np.ptp(touching, axis=0) / size
        support.append(float(np.prod(np.delete(filled, axis))))
    best = int(np.argmax(support))
    return "xyz"[best] if support[best] > CLEARLY * support[1] else "y"


def is_watertight(corners: Keys) -> bool:
    """Whether every edge belongs to an even number of faces, so that nothing is open.

    Sums hashes of the edges by XOR, in which an even number of the same cancels out: sorting the
    edges takes longer than drawing the mesh. A mesh with a hole passes once in 2^64.

    Parameters
    ----------
    corners
        A number for the place of each corner, shape (m, 3).
    """
    if not len(corners):
        return False
    hashed = _mixed(corners)
    edges = _mixed(hashed + hashed[:, [1, 2, 0]])
    return int(np.bitwise_xor.reduce(edges, axis=None)) == 0


def _mixed(values: Keys) -> Keys:
    """Hash numbers (SplitMix64: Steele, Lea and Flood, OOPSLA 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _corners(mesh: Mesh) -> Keys:
    """Number the places of the corners of the faces with area, shape (m, 3)."""
    cells = (np.rint(mesh.vertices / MERGED) + 2**20).astype(np.uint64)
    keys = (cells[:, 0] << np.uint64(42)) | (cells[:, 1] << np.uint64(21)) | cells[:, 2]
    corners = keys[mesh.faces]
    a, b, c = corners.T
    return np.asarray(corners[(a != b) & (b != c) & (c != a)])


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _textures(mesh: Mesh) -> int:
    """Count the parts that a texture colours."""
    materials = [getattr(part.visual, "material", None) for part in mesh.parts]
    slots = ("image", "baseColorTexture")
    return sum(any(getattr(m, slot, None) is not None for slot in slots) for m in materials)


def _suspicions(
    mesh: Mesh,
    says: dict[str, int | None],
    drawn: dict[str, int],
    size: npt.NDArray[np.float64],
    with_area: int,
) -> list[str]:
    faces, lost = drawn["faces"], 1 - with_area / drawn["faces"]
    found = []
    if (says["faces"] or 0) > faces:
        found.append(f"{faces} of {says['faces']} faces are drawn")
    if says["textures"] and mesh.parts and not drawn["textures"]:
        found.append(f"none of its {says['textures']} textures is drawn")
    if size.min() < FLAT * size.max():
        found.append("it is flat")
    if lost > MANY_DEGENERATE:
        found.append(f"{lost:.0%} of its faces have no area")
    if _has_stray(mesh):
        found.append("something small lies far from the rest")
    return found


def _has_stray(mesh: Mesh) -> bool:
    """Whether a little of the surface makes the extent much larger than that of the rest."""
    if len(mesh.faces) < FEW_FACES:
        return False  # their centres say too little of where the surface is
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    areas, centres = np.linalg.norm(np.cross(b - a, c - a), axis=1), (a + b + c) / 3
    largest = float(np.ptp(mesh.vertices, axis=0).max())
    return all(_spread(centres[:, axis], areas) < STRAY_SIZE * largest for axis in range(3))


def _spread(places: Floats, areas: Floats) -> float:
    """Return the length within which all but a little of the surface lies."""
    bins, ends = np.histogram(places, BINS, weights=areas)
    share = np.cumsum(bins) / bins.sum()
    first, last = np.searchsorted(share, [STRAY_SHARE / 2, 1 - STRAY_SHARE / 2])
    return float(ends[min(last, BINS - 1) + 1] - ends[first])
