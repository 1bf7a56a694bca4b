"""Meshes: read a file, check that it can be rendered, and fit it into the unit sphere.

Each format has its reader, see `ucmgcn.media.readers`. A scene becomes one geometry, with the
transforms of its nodes applied. The up axis is y: glTF defines it so, and COLLADA names its axis
and is rotated accordingly. OBJ, OFF, PLY and STL do not define one and are read as y-up, like the
files of the shape benchmarks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import trimesh

from ucmgcn.core.arrays import Floats
from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.formats import MESH_SUFFIXES
from ucmgcn.media.readers.by_suffix import READERS
from ucmgcn.media.readers.content import other_format
from ucmgcn.media.readers.surfaces import FormatError, Surface

Faces = npt.NDArray[np.int64]

MIN_AREA = 1e-12


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh inside the unit sphere at the origin.

    Attributes
    ----------
    vertices
        Shape (n, 3), float64; each belongs to a face.
    faces
        Indices into `vertices`, shape (m, 3), int64.
    parts
        The same triangles as trimesh geometries with materials; empty unless requested.
    radius
        Of the sphere around it in the file's own scale.
    pieces
        Number of surfaces that it was read from.
    """

    vertices: Floats
    faces: Faces
    parts: tuple[trimesh.Trimesh, ...] = ()
    radius: float = 1.0
    pieces: int = 1


def load_mesh(path: Path, *, textures: bool = False) -> Mesh:
    """Read, check and normalise a mesh.

    Materials and textures are read only from the mesh's folder and below. If one is missing or
    damaged, the mesh is drawn without it, and `warn_item` records that.

    Parameters
    ----------
    path
        A file of one of the formats in `MESH_SUFFIXES`.
    textures
        Keep colours, materials and textures.

    Raises
    ------
    ItemError
        If the file has no surface that can be rendered; the message says why.
    """
    surfaces = _read(Path(path), textures)
    vertices, faces = _merge(surfaces)
    centre, radius = _bounds(vertices)
    vertices = _fit(vertices, centre, radius)
    _check_area(vertices, faces)
    parts = (_fit_part(*surface, centre, radius) for surface in surfaces) if textures else ()
    return Mesh(vertices, faces, tuple(parts), radius, len(surfaces))


def load_shape(path: Path) -> tuple[Floats, Faces]:
    """Read and check a mesh without normalising it.

    Returns
    -------
    Vertices in the file's own scale, shape (n, 3); faces, shape (m, 3).

    Raises
    ------
    ItemError
        As `load_mesh`.
    """
    vertices, faces = _merge(_read(Path(path), textures=False))
    _check_area(_fit(vertices, *_bounds(vertices)), faces)
    return vertices, faces


def _read(path: Path, textures: bool) -> list[Surface]:
    return read_surfaces(path, textures, Companions(path, textures))


def read_surfaces(path: Path, textures: bool, companions: Companions) -> list[Surface]:
    """Read the surfaces of a mesh file as they are, with the reader of its format.

    Parameters
    ----------
    path
        A file of one of the formats in `MESH_SUFFIXES`.
    textures
        Read materials and textures too.
    companions
        Finds the files that it refers to.

    Raises
    ------
    ItemError
        If it cannot be read or has no faces.
    """
    _check_file(path)
    suffix = path.suffix.lower()
    try:
        read = READERS[suffix](path, companions, textures)
        surfaces = [surface for surface in read if len(surface[0].faces)]
        for geometry, _ in surfaces:
            _check_indices(geometry)
    except MemoryError:
        raise
    # Parsers raise any exception on a damaged file: reject this mesh, do not stop the run.
    except Exception as error:
        raise ItemError(_reason(path, error)) from error
    if not surfaces:
        raise ItemError(_reason(path, ItemError("it has no faces")))
    return surfaces


def _reason(path: Path, error: Exception) -> str:
    """Return why a file was not read: another format, what its reader found, or damage."""
    suffix = path.suffix.lower()
    if content := other_format(path):
        return f"it cannot be read as {suffix[1:].upper()}: by its content it is {content}"
    if isinstance(error, ItemError):
        return str(error)
    if isinstance(error, FormatError):
        return f"it cannot be read as {suffix[1:].upper()}: {error}"
    detail = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return f"it cannot be read as {suffix[1:].upper()}: it is damaged or cut off ({detail})"


def _check_file(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise ItemError(
            f"its extension {suffix or '(none)'} is not one of {' '.join(MESH_SUFFIXES)}"
        )
    if not path.is_file():
        raise ItemError("there is no such file")
    if path.stat().st_size == 0:
        raise ItemError("the file is empty")


def _check_indices(geometry: trimesh.Trimesh) -> None:
    count = len(geometry.vertices)
    for what, rows in (("vertices", geometry.vertices), ("faces", geometry.faces)):
        if rows.ndim != 2 or rows.shape[1] != 3:
            raise ItemError(f"its {what} do not have three values each")
    low, high = int(geometry.faces.min()), int(geometry.faces.max())
    if low < 0 or high >= count:
        wrong = low if low < 0 else high
        raise ItemError(f"a face refers to vertex {wrong}, but there are {count}")


def _merge(surfaces: list[Surface]) -> tuple[Floats, Faces]:
    vertices = [_placed(*surface) for surface in surfaces]
    offsets = np.cumsum([0, *map(len, vertices)])
    faces = [np.asarray(g.faces) + n for (g, _), n in zip(surfaces, offsets, strict=False)]
    return _drop_unreferenced(np.concatenate(vertices), np.concatenate(faces))


def _placed(geometry: trimesh.Trimesh, transform: Floats) -> Floats:
    vertices = np.asarray(geometry.vertices, dtype=np.float64)
    if np.array_equal(transform, np.eye(4)):
        return vertices
    return vertices @ transform[:3, :3].T + transform[:3, 3]


def _fit_part(
    geometry: trimesh.Trimesh, transform: Floats, centre: Floats, radius: float
) -> trimesh.Trimesh:
    part = geometry.copy()
    part.vertices = _fit(_placed(geometry, transform), centre, radius)
    return part


def _drop_unreferenced(vertices: Floats, faces: Faces) -> tuple[Floats, Faces]:
    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True
    if used.all():
        return vertices, faces
    return vertices[used], (np.cumsum(used) - 1)[faces]


def _bounds(vertices: Floats) -> tuple[Floats, float]:
    """Return the centre of the bounding box and the largest distance to it, without overflow."""
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


def _fit(vertices: Floats, centre: Floats, radius: float) -> Floats:
    return (vertices - centre) / radius


def _check_area(vertices: Floats, faces: Faces) -> None:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    if np.abs(np.cross(b - a, c - a)).max() <= MIN_AREA:
        raise ItemError("all its triangles are degenerate (no area)")
