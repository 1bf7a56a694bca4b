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
    return [(_coloured(ply, vertices, corners, triangles, companions), np.eye(4))]


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
    found = next((lists[name] for name in CORNERS if name in lists), None)
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
) -> trimesh.Trimesh:
    vertex, face = ply.elements["vertex"], ply.elements.get("face")
    picture = _picture(ply, companions)
    by_vertex, by_face = _colours(vertex), _colours(face) if face else None
    of_corners = _corner_coordinates(face, len(corners)) if face and picture else None
    if picture and of_corners is not None:
        flat = triangles.corners.reshape(-1)
        part = Part(_soup(vertices[corners[flat]]), of_corners[flat])
        return painted(part, Material("TextureFile", image=picture))
    shape = trimesh.Trimesh(vertices, corners[triangles.corners], process=False)
    uv = next((t for names in COORDINATES if (t := vertex.table(*names)) is not None), None)
    if picture and uv is not None:
        return painted(Part(shape, uv), Material("TextureFile", image=picture))
    return coloured(shape, by_vertex, None if by_face is None else by_face[triangles.polygons])


def _soup(points: Floats) -> trimesh.Trimesh:
    return trimesh.Trimesh(points, np.arange(len(points)).reshape(-1, 3), process=False)


def _colours(element: Element) -> Floats | None:
    for names in COLOURS:
        if (table := element.table(*names)) is not None and len(table):
            kind = element.scalars[names[0]].dtype
            whole = np.iinfo(kind).max if kind.kind in "iu" else None
            return table / whole if whole else as_colours(table)
    return None


def _corner_coordinates(face: Element, count: int) -> Floats | None:
    """Return the texture coordinates of corners, shape (count, 2), if there is one for each."""
    lists = face.lists.get("texcoord")
    if lists is None or len(lists.values) != 2 * count:
        return None
    return lists.values.astype(np.float64).reshape(-1, 2)


def _picture(ply: Ply, companions: Companions) -> Image.Image | None:
    """Return the texture that a comment names, as MeshLab writes it."""
    for comment in ply.comments:
        word, _, name = comment.partition(" ")
        if word.lower() == "texturefile" and name.strip():
            return find_texture(companions, [name.strip()])
    return None
