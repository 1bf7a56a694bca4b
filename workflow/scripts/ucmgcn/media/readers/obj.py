"""Read Wavefront OBJ files (B1. Object Files, Advanced Visualizer's manual, appendix B1).

An own reader, because each library that was tried draws wrong shapes without a word: trimesh with
relative indices and concave polygons, tinyobjloader with decimal commas and single precision,
Assimp with line elements among the faces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.mesh_warnings import NOT_DRAWN, ZERO_BASED, warn_of
from ucmgcn.media.readers.mtl import read_materials
from ucmgcn.media.readers.paint import Part, painted
from ucmgcn.media.readers.polygons import Triangles, triangulate
from ucmgcn.media.readers.surfaces import FormatError, Surface, only_points, shape_of
from ucmgcn.media.readers.text import (
    Lines,
    Rows,
    as_points,
    floats,
    integers,
    lenient_floats,
    plain,
    words,
)

# A line that goes on in the next one. A byte above ASCII before it is part of a character whose
# second byte looks like a backslash, in Shift JIS and GBK.
CONTINUED = re.compile(rb"(?<![\x80-\xff])\\ *(?:\n|\Z)")
COMMENTS = re.compile(rb"^ *#.*$", re.MULTILINE)
INDENTED = re.compile(rb"^ +", re.MULTILINE)
SLASH = ord("/")
ABSENT = np.iinfo(np.int64).min


@dataclass(frozen=True)
class _Faces:
    """Polygons: per corner the vertex and the texture coordinate (or ABSENT), counted from 0."""

    vertex: Ints
    texture: Ints
    counts: Ints
    lines: Ints


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Read an OBJ file; see `Reader`. Each material is a surface if they are wanted."""
    lines = Lines(_joined(plain(path.read_bytes())))
    vertex_lines = lines.having(b"v")
    rows, damage = lenient_floats(lines.numbers(vertex_lines, b"v"), "a vertex")
    vertices = as_points(rows, "vertices")
    texture_lines = lines.having(b"vt")
    faces = _faces(lines, vertex_lines, texture_lines)
    if not len(faces.counts):
        raise _without_faces(lines, len(vertices))
    _warn_of_lines(lines)
    triangles = triangulate(vertices, faces.vertex, faces.counts)
    if not len(triangles.corners):
        return []
    corners = faces.vertex[triangles.corners]
    if damage and not np.isfinite(vertices[corners]).all():
        raise damage
    if not textures:
        return [shape_of(vertices, corners)]
    uv = _texture_coordinates(lines, texture_lines)
    shape = _Shape(vertices, _colours(rows), uv, faces, triangles)
    return _parts(lines, shape, companions)


def _joined(text: bytes) -> bytes:
    if b"\\" in text:
        text = CONTINUED.sub(b" ", COMMENTS.sub(b"", text) if b"#" in text else text)
    if text[:1] == b" " or b"\n " in text:
        text = INDENTED.sub(b"", text)
    return text.replace(b"\nfo ", b"\nf ")  # faces of the format's version 2


def _faces(lines: Lines, vertex_lines: Ints, texture_lines: Ints) -> _Faces:
    at = lines.having(b"f")
    vertex, texture, counts = _corners(lines.numbers(at, b"f"))
    at_corner = np.repeat(at, counts)
    shift = 1
    if (vertex == 0).any():
        if vertex.max(initial=0) >= len(vertex_lines):
            raise ItemError("a face refers to vertex 0, but OBJ counts vertices from 1")
        warn_of(ZERO_BASED)
        shift = 0
    vertex = _absolute(vertex, shift, at_corner, vertex_lines)
    return _Faces(vertex, _absolute(texture, shift, at_corner, texture_lines), counts, at)


def _corners(text: bytes) -> tuple[Ints, Ints, Ints]:
    """Return vertex and texture index of each corner as they are written, and corners per face."""
    if b"/" not in text:
        rows = integers(text, "a face")
        return rows.values, np.full(len(rows.values), ABSENT), rows.counts
    if 2 * text.count(b"//") == text.count(b"/"):
        # Vertex and normal everywhere, as in the largest files: with less memory.
        rows, (_, counts) = integers(text.replace(b"//", b" "), "a face"), words(text)
        if (rows.counts == 2 * counts).all():
            return rows.values[::2], np.full(counts.sum(), ABSENT), counts
    text = text.replace(b"//", b"/%d/" % ABSENT)
    text = text.replace(b"/ ", b" ").replace(b"/\n", b"\n")  # nothing after the slash
    starts, counts = words(text)
    slashes = np.add.reduceat(np.frombuffer(text, np.uint8) == SLASH, starts, dtype=np.int64)
    values = integers(text.replace(b"/", b" "), "a face").values
    places = np.cumsum(slashes + 1) - slashes - 1
    if len(values) != (slashes + 1).sum():
        raise FormatError("a corner of a face has no vertex before its slash")
    texture = np.full(len(places), ABSENT)
    has = slashes > 0
    texture[has] = values[places[has] + 1]
    return values[places], texture, counts


def _absolute(indices: Ints, shift: int, at: Ints, defined: Ints) -> Ints:
    """Count indices from 0; negative ones count back from the definitions above their line."""
    back = (indices < 0) & (indices != ABSENT)
    counted = np.where(indices == ABSENT, ABSENT, indices - shift)
    counted[back] = np.searchsorted(defined, at[back]) + indices[back]
    return counted


def _without_faces(lines: Lines, points: int) -> ItemError:
    if len(lines.having(b"surf")) or len(lines.having(b"curv")):
        return ItemError("it has free-form surfaces or curves only; export it as polygons")
    return only_points(points)


def _warn_of_lines(lines: Lines) -> None:
    others = {"lines": len(lines.having(b"l")), "points": len(lines.having(b"p"))}
    if any(others.values()):
        warn_of(NOT_DRAWN, ", ".join(f"{n} {what}" for what, n in others.items() if n))


@dataclass(frozen=True)
class _Shape:
    vertices: Floats
    colours: Floats | None
    uv: Floats
    faces: _Faces
    triangles: Triangles


def _colours(rows: Rows) -> Floats | None:
    """Return the colours behind the coordinates, from 0 to 1, shape (n, 3), if all have one."""
    if not len(rows.counts) or rows.counts.min() < 6:
        return None
    colours = np.asarray(rows.columns(6)[:, 3:], dtype=np.float64)
    colours = colours / 255 if colours.max() > 1 else colours
    return colours if np.isfinite(colours).all() and colours.min() >= 0 else None


def _texture_coordinates(lines: Lines, at: Ints) -> Floats:
    rows = floats(lines.numbers(at, b"vt"), "a texture coordinate")
    if not len(at):
        return np.empty((0, 2))
    if rows.counts.min() < 2:  # one value: a row of a picture
        return np.stack([rows.columns(1)[:, 0], np.zeros(len(at))], axis=1)
    return np.asarray(rows.columns(2), dtype=np.float64)


def _parts(lines: Lines, shape: _Shape, companions: Companions) -> list[Surface]:
    """Return a surface for each material, split where texture coordinates are absent."""
    uses = lines.having(b"usemtl")
    names = [b"", *lines.rests(uses, b"usemtl")]
    known = {name: number for number, name in reversed(list(enumerate(names)))}
    numbers = np.array([known[name] for name in names])
    used = numbers[np.searchsorted(uses, shape.faces.lines)][shape.triangles.polygons]
    libraries = lines.rests(lines.having(b"mtllib"), b"mtllib")
    materials = read_materials(libraries, [n for n in known if n], companions)
    texture = shape.faces.texture[shape.triangles.corners]
    bare = ((texture < 0) | (texture >= len(shape.uv))).any(axis=1)
    keys, firsts = np.unique(group := 2 * used + bare, return_index=True)
    order = np.argsort(group, kind="stable")
    members = np.split(order, np.searchsorted(group[order], keys)[1:])
    parts = []
    for place in np.argsort(firsts):  # in the order of the file
        number, without = divmod(int(keys[place]), 2)
        part = _part(shape, members[place], textured=not without)
        parts.append((painted(part, materials.get(names[number])), np.eye(4)))
    return parts


def _part(shape: _Shape, chosen: Ints, textured: bool) -> Part:
    """Return the chosen triangles with their own vertices, one for each texture coordinate."""
    corners = shape.triangles.corners[chosen]
    vertex, texture = shape.faces.vertex[corners], shape.faces.texture[corners]
    width = len(shape.uv) if textured else 1
    keys, faces = np.unique(vertex * width + (texture if textured else 0), return_inverse=True)
    used = keys // width
    return Part(
        trimesh.Trimesh(shape.vertices[used], faces.reshape(-1, 3), process=False),
        shape.uv[keys % width] if textured else None,
        None if shape.colours is None else shape.colours[used],
    )
