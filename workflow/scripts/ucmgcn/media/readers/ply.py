"""Read PLY files: polygons and triangle strips, with colours or textures if wanted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.readers.paint import Material, Part, as_colours, coloured, painted
from ucmgcn.media.readers.ply_elements import Element, Lists, Ply, read_ply
from ucmgcn.media.readers.polygons import Triangles, check_indices, strip_triangles, triangulate
from ucmgcn.media.readers.surfaces import FormatError, Surface, only_points
from ucmgcn.media.readers.textures import find_texture

CORNERS = ("vertex_indices", "vertex_index", "vertex_indexes", "vertexindices")
COORDINATES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
COLOURS = (
    ("red", "green", "blue", "alpha"), ("red", "green", "blue"), ("r", "g", "b"),
    ("diffuse_red", "diffuse_green", "diffuse_blue"),
)  # fmt: skip


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Read a PLY file; see `Reader`."""
    ply = read_ply(path.read_bytes())
    vertices = ply.elements["vertex"].table("x", "y", "z") if "vertex" in ply.elements else None
    if vertices is None:
        raise FormatError("it has no element 'vertex' with x, y and z")
    corners, triangles = _triangles(ply, vertices)
    if not len(triangles.corners):
        raise _without_faces(ply, len(vertices))
    if not textures:
        shape = trimesh.Trimesh(vertices, corners[triangles.corners], process=False)
        return [(shape, np.eye(4))]
    shapes = _coloured(ply, vertices, corners, triangles, companions)
    return [(shape, np.eye(4)) for shape in shapes]


def _triangles(ply: Ply, vertices: Floats) -> tuple[Ints, Triangles]:
    """Return the vertex of each corner, and the triangles of the corners."""
    faces = _corners(ply.elements.get("face"))
    if len(faces.values):
        corners = faces.values.astype(np.int64)
        return corners, triangulate(vertices, corners, faces.counts)
    strips = _strips(_corners(ply.elements.get("tristrips")))
    check_indices(strips.reshape(-1), len(vertices))
    places = np.arange(strips.size).reshape(-1, 3)
    return strips.reshape(-1), Triangles(places, np.arange(len(places)))


def _corners(element: Element | None) -> Lists:
    lists = element.lists if element else {}
    # Programs differ in the name; the others are lists of fractions, such as "texcoord".
    names = [*CORNERS, *(name for name, one in lists.items() if one.values.dtype.kind in "iu")]
    found = next((lists[name] for name in names if name in lists), None)
    return found or Lists(np.empty(0, np.int64), np.empty(0, np.int64))


def _strips(strips: Lists) -> Ints:
    """Return the triangles of strips, shape (t, 3); in a list, -1 ends a strip."""
    ends = np.cumsum(strips.counts)[:-1]
    found = [np.empty((0, 3), np.int64)]
    for row in np.split(strips.values.astype(np.int64), ends):
        for strip in np.split(row, np.flatnonzero(row == -1)):
            strip = strip[strip != -1]
            if len(strip) > 2:
                found.append(strip_triangles(strip))
    return np.concatenate(found)


def _without_faces(ply: Ply, points: int) -> ItemError:
    if "f_dc_0" in ply.elements["vertex"].scalars:
        return ItemError(f"it is a Gaussian splat: {points} points without a surface")
    return only_points(points)


def _coloured(
    ply: Ply, vertices: Floats, corners: Ints, triangles: Triangles, companions: Companions
) -> list[trimesh.Trimesh]:
    vertex, face = ply.elements["vertex"], ply.elements.get("face")
    pictures = _pictures(ply, companions)
    places = triangles.corners.reshape(-1)
    if any(pictures) and (uv := _coordinates(vertex, face, corners)) is not None:
        numbers = _numbers(face, triangles, len(pictures))
        found = []
        for number, picture in enumerate(pictures):
            chosen = places.reshape(-1, 3)[numbers == number].reshape(-1)
            if len(chosen):
                part = Part(_soup(vertices[corners[chosen]]), uv[chosen])
                found.append(painted(part, Material("TextureFile", image=picture)))
        return found
    shape = trimesh.Trimesh(vertices, corners[triangles.corners], process=False)
    by_face = _colours(face) if face else None
    by_face = None if by_face is None else by_face[triangles.polygons]
    return [coloured(shape, _colours(vertex), by_face)]


def _numbers(face: Element | None, triangles: Triangles, count: int) -> Ints:
    """Return the number of each triangle's picture, of so many."""
    if face is None or "texnumber" not in face.scalars:
        return np.zeros(len(triangles.polygons), np.int64)
    numbers = face.scalars["texnumber"].astype(np.int64)[triangles.polygons]
    return np.where((numbers >= 0) & (numbers < count), numbers, 0)


def _coordinates(vertex: Element, face: Element | None, corners: Ints) -> Floats | None:
    """Return the texture coordinates of corners, shape (k, 2), of the faces or the vertices."""
    lists = face.lists.get("texcoord") if face else None
    if lists is not None and len(lists.values) == 2 * len(corners):
        return lists.values.astype(np.float64).reshape(-1, 2)
    tables = (vertex.table(*names) for names in COORDINATES)
    table = next((t for t in tables if t is not None), None)
    return None if table is None else table[corners]


def _soup(points: Floats) -> trimesh.Trimesh:
    return trimesh.Trimesh(points, np.arange(len(points)).reshape(-1, 3), process=False)


def _colours(element: Element) -> Floats | None:
    for names in COLOURS:
        if (table := element.table(*names)) is not None and len(table):
            kind = element.scalars[names[0]].dtype
            whole = np.iinfo(kind).max if kind.kind in "iu" else None
            return table / whole if whole else as_colours(table)
    return None


def _pictures(ply: Ply, companions: Companions) -> list[Image.Image | None]:
    """Return the textures that comments name, as MeshLab writes them."""
    found = []
    for comment in ply.comments:
        word, _, name = comment.partition(" ")
        if word.lower() == "texturefile" and name.strip():
            found.append(find_texture(companions, [name.strip()]))
    return found
