"""Meshes: read a file, check that it can be rendered, and fit it into the unit sphere.

All formats go through trimesh. A scene becomes one geometry, with its nodes' transforms applied.
Up is y: glTF says so, COLLADA says which axis it is (and is turned accordingly), and the formats
that do not say (OBJ, OFF, PLY, STL) are taken as y-up, as the shape benchmarks are distributed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import trimesh
from trimesh.resolvers import FilePathResolver

from ucmgcn.errors import ItemError

Array = npt.NDArray[np.float64]
Faces = npt.NDArray[np.int64]

SUFFIXES = (".obj", ".off", ".ply", ".stl", ".glb", ".gltf", ".dae")
MIN_AREA = 1e-12

# Turns that bring a COLLADA file's up axis to y (COLLADA 1.5, table of <up_axis>).
TO_Y_UP = {
    b"X": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    b"Y": np.eye(3),
    b"Z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh inside the unit sphere at the origin.

    Attributes
    ----------
    vertices
        Shape (n, 3), float64; every one belongs to a face.
    faces
        Indices into `vertices`, shape (m, 3), int64.
    parts
        The same triangles as trimesh geometries with their materials; empty unless asked for.
    """

    vertices: Array
    faces: Faces
    parts: tuple[trimesh.Trimesh, ...] = ()


def load_mesh(path: Path, *, textures: bool = False) -> Mesh:
    """Read, check and normalise a mesh.

    Materials and textures are looked for in the mesh's own folder and below it, nowhere else.

    Parameters
    ----------
    path
        A file of one of the formats in `SUFFIXES`.
    textures
        Keep colours, materials and textures.

    Raises
    ------
    ItemError
        If the file holds no surface that can be rendered; the message says why.
    """
    path = Path(path)
    parts = [_checked(part) for part in _read_parts(path, textures)]
    vertices, faces = _merge(parts)
    vertices, faces = _drop_unreferenced(vertices, faces)
    centre, radius = _bounds(vertices)
    vertices = _fit(vertices, centre, radius)
    if not _has_area(vertices, faces):
        raise ItemError("all its triangles are degenerate (no area)")
    for part in parts if textures else []:
        part.vertices = _fit(part.vertices, centre, radius)
    return Mesh(vertices, faces, tuple(parts) if textures else ())


def _read_parts(path: Path, textures: bool) -> list[trimesh.Trimesh]:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ItemError(f"its extension {suffix or '(none)'} is not one of {' '.join(SUFFIXES)}")
    if not path.is_file():
        raise ItemError("there is no such file")
    if path.stat().st_size == 0:
        raise ItemError("the file is empty")
    scene = _load_scene(path, textures)
    parts = _surfaces(scene)
    if not parts:
        points = sum(len(g.vertices) for g in scene.geometry.values() if hasattr(g, "vertices"))
        raise ItemError(f"it has no faces ({points} points only)" if points else "it has no faces")
    turn = _up_turn(path)
    for part in parts:
        part.vertices = part.vertices @ turn.T
    return parts


def _load_scene(path: Path, textures: bool) -> trimesh.Scene:
    try:
        with path.open("rb") as file:
            return trimesh.load_scene(
                file,
                file_type=path.suffix.lower()[1:],
                resolver=FilePathResolver(str(path)),
                process=False,
                skip_materials=not textures,
            )
    except Exception as error:
        # A parser may fail in any way on a damaged file; that costs this one mesh, not the run.
        reason = " ".join(str(error).split())[:200]
        raise ItemError(
            f"it cannot be read as {path.suffix.lower()[1:].upper()}: {type(error).__name__}"
            + (f" ({reason})" if reason else "")
        ) from error


def _surfaces(scene: trimesh.Scene) -> list[trimesh.Trimesh]:
    """Return the triangle geometries, each instance with its node's transform applied."""
    parts = []
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        geometry = scene.geometry[name]
        if isinstance(geometry, trimesh.Trimesh) and len(geometry.faces):
            part = geometry.copy() if scene.geometry else geometry
            part.vertices = trimesh.transform_points(geometry.vertices, transform)
            parts.append(part)
    return parts


def _up_turn(path: Path) -> Array:
    if path.suffix.lower() != ".dae":
        return TO_Y_UP[b"Y"]
    named = re.search(rb"<up_axis>\s*([XYZ])_UP", path.read_bytes())
    return TO_Y_UP[named[1] if named else b"Y"]


def _checked(part: trimesh.Trimesh) -> trimesh.Trimesh:
    count = len(part.vertices)
    low, high = int(part.faces.min()), int(part.faces.max())
    if low < 0 or high >= count:
        wrong = low if low < 0 else high
        raise ItemError(f"a face refers to vertex {wrong}, but there are {count}")
    return part


def _merge(parts: list[trimesh.Trimesh]) -> tuple[Array, Faces]:
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = [np.asarray(p.faces) + o for p, o in zip(parts, offsets, strict=False)]
    vertices = [np.asarray(part.vertices, dtype=np.float64) for part in parts]
    return np.concatenate(vertices), np.concatenate(faces)


def _drop_unreferenced(vertices: Array, faces: Faces) -> tuple[Array, Faces]:
    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True
    if used.all():
        return vertices, faces
    return vertices[used], (np.cumsum(used) - 1)[faces]


def _bounds(vertices: Array) -> tuple[Array, float]:
    """Return the box's centre and the distance of the farthest vertex; safe from overflow."""
    if not np.isfinite(vertices).all():
        raise ItemError("it has coordinates that are not finite numbers")
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    half = high / 2 - low / 2
    extent = float(half.max())
    if extent <= np.finfo(np.float64).tiny:
        raise ItemError("it has no extent: all its vertices coincide")
    centre = low + half
    distances = np.linalg.norm((vertices - centre) / extent, axis=1)
    return centre, float(distances.max()) * extent


def _fit(vertices: Array, centre: Array, radius: float) -> Array:
    fitted: Array = (np.asarray(vertices) - centre) / radius
    return fitted


def _has_area(vertices: Array, faces: Faces) -> bool:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return bool(np.abs(np.cross(b - a, c - a)).max() > MIN_AREA)
