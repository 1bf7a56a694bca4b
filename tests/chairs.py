"""A lop-sided chair of boxes, and its triangles as every file of it must give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ucmgcn.media.meshes import Mesh, load_mesh

BOXES = [
    ((-1, 1.0, -1), (1, 1.2, 1)),
    ((-1, 1.2, -1), (1, 3.0, -0.8)),
    ((-1, 0, -1), (-0.7, 1, -0.7)),
    ((0.7, 0, -1), (1, 1, -0.7)),
    ((0.8, 1.2, -0.8), (1, 1.9, 0.9)),
]
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
VERTICES = np.array(
    [(x, y, z) for lo, hi in BOXES for x in (lo[0], hi[0]) for y in (lo[1], hi[1])
     for z in (lo[2], hi[2])], dtype=float
)  # fmt: skip
QUADS = np.array([[8 * n + i for i in side] for n in range(len(BOXES)) for side in SIDES])
TRIANGLES = QUADS[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)

# An L, from a corner of which a fan leaves the shape, and the same as triangles.
ELL = np.array([(0, 0, 0), (3, 0, 0), (3, 1, 0), (1, 1, 0), (1, 3, 0), (0, 3, 0)], dtype=float)
ELL_POLYGON = (1, 2, 3, 4, 5, 0)
ELL_AREA = 5.0


def soup(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Triangles in the unit sphere, in an order that does not depend on the file's."""
    low, high = vertices[faces].min(axis=(0, 1)), vertices[faces].max(axis=(0, 1))
    moved = vertices - (low + high) / 2
    moved = (moved / np.linalg.norm(moved[np.unique(faces)], axis=1).max()).round(4) + 0.0
    corners = moved[faces]
    order = np.lexsort(corners.transpose(2, 0, 1)[::-1], axis=1)
    rows = np.take_along_axis(corners, order[..., None], axis=1).reshape(-1, 9)
    return rows[np.lexsort(rows.T[::-1])]


CHAIR = soup(VERTICES, TRIANGLES)


def triangles_of(path: Path, **options: bool) -> np.ndarray:
    mesh = load_mesh(path, **options)
    return soup(mesh.vertices, mesh.faces)


def is_chair(path: Path) -> bool:
    """Whether a file, read with and without its colours, shows the chair and nothing else."""
    read = [triangles_of(path), triangles_of(path, textures=True)]
    return all(r.shape == CHAIR.shape and np.allclose(r, CHAIR, atol=2e-4) for r in read)


def relative_area(mesh: Mesh) -> float:
    """Surface in units of the square of the bounding box's longest side."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    total = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    return float(total / np.ptp(mesh.vertices, axis=0).max() ** 2)


def lines(prefix: str, rows: np.ndarray) -> str:
    return "".join(f"{prefix} {' '.join(f'{v:g}' for v in row)}\n" for row in rows)
