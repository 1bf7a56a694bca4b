"""Read OFF files (Geomview manual, section "OFF Files")."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.media.companions import Companions
from ucmgcn.media.readers.paint import as_colours, coloured
from ucmgcn.media.readers.polygons import triangulate
from ucmgcn.media.readers.surfaces import FormatError, Surface, only_points
from ucmgcn.media.readers.text import COMMENT, Rows, floats, plain

# Texture coordinates, colours, normals, homogeneous, dimension; files without keyword exist.
KEYWORD = re.compile(rb"\s*(?P<st>ST)?(?P<c>C)?(?P<n>N)?(?P<four>4)?(?P<dim>n)?OFF", re.IGNORECASE)


class _Content(NamedTuple):
    """Vertices; vertex of each corner, corners of each face; colours of vertices and faces."""

    vertices: Floats
    corners: Ints
    counts: Ints
    vertex_colours: Floats | None = None
    face_colours: Floats | None = None


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Read an OFF file, with the colours of vertices and faces if wanted; see `Reader`."""
    text = COMMENT.sub(b"", plain(path.read_bytes()))
    keyword = KEYWORD.match(text)
    kind = {k for k, v in keyword.groupdict().items() if v} if keyword else set()
    body = text[keyword.end() :] if keyword else text
    if body.lstrip()[:6].upper() == b"BINARY":
        raise FormatError("it is binary OFF; save it as text")
    if kind & {"four", "dim"}:
        raise FormatError("its vertices have four or more dimensions")
    content = _content(floats(body.strip() + b"\n", "it"), kind)
    if not len(content.counts):
        raise only_points(len(content.vertices))
    triangles = triangulate(content.vertices, content.corners, content.counts)
    if not len(triangles.corners):
        return []
    faces = content.corners[triangles.corners]
    shape = trimesh.Trimesh(content.vertices, faces, process=False)
    if textures:
        of_faces = content.face_colours
        by_face = None if of_faces is None else of_faces[triangles.polygons]
        coloured(shape, content.vertex_colours, by_face)
    return [(shape, np.eye(4))]


def _content(rows: Rows, kind: set[str]) -> _Content:
    rows = Rows(rows.values, rows.counts[rows.counts > 0])
    if len(rows.values) < 2:
        raise FormatError("it does not give its numbers of vertices and faces")
    vertices, faces = _declared(rows.values[0]), _declared(rows.values[1])
    if 3 * vertices + 2 * faces > len(rows.values):
        raise FormatError(f"it declares {vertices} vertices and {faces} faces, but holds fewer")
    if rows.counts[0] in (2, 3) and len(rows.counts) > vertices + faces:
        by_line = _from_lines(rows, vertices, faces, kind)
        if by_line:
            return by_line
    return _from_words(rows.values[2 if rows.counts[0] == 2 else 3 :], vertices, faces, kind)


def _declared(value: float) -> int:
    if not 0 <= value < 2**31:
        raise FormatError(f"it declares {value:g} vertices or faces")
    return int(value)


def _from_lines(rows: Rows, vertices: int, faces: int, kind: set[str]) -> _Content | None:
    """Read a line for each vertex and face; None if they are not laid out so."""
    starts = np.cumsum(rows.counts) - rows.counts
    first, last = 1 + vertices, 1 + vertices + faces
    if vertices and rows.counts[1:first].min() < 3:
        return None
    places, lengths = starts[first:last], rows.counts[first:last]
    counts = rows.values[places].astype(np.int64)
    if ((counts < 0) | (counts >= lengths)).any():
        return None
    corners = np.repeat(places + 1 - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    points = rows.values[starts[1:first, None] + np.arange(3)]
    return _Content(
        points.reshape(-1, 3),
        rows.values[corners].astype(np.int64),
        counts,
        _vertex_colours(rows, starts[1:first], rows.counts[1:first], kind),
        _face_colours(rows.values, places + 1 + counts, lengths - 1 - counts),
    )


def _vertex_colours(rows: Rows, starts: Ints, counts: Ints, kind: set[str]) -> Floats | None:
    before = 3 + 3 * ("n" in kind)
    left = min(counts.tolist(), default=0) - before - 2 * ("st" in kind)
    if "c" not in kind or left < 3:
        return None
    return as_colours(rows.values[starts[:, None] + before + np.arange(min(left, 4))])


def _face_colours(values: Floats, places: Ints, left: Ints) -> Floats | None:
    """Return the colours behind the corners, if all faces have one."""
    width = min(left.tolist(), default=0)
    if width not in (3, 4):  # one number is a place in a colour map, which is not in the file
        return None
    return as_colours(values[places[:, None] + np.arange(width)])


def _from_words(values: Floats, vertices: int, faces: int, kind: set[str]) -> _Content:
    """Read a file whose lines are broken elsewhere; then faces have no colours."""
    stride = 3 + 3 * ("n" in kind) + 4 * ("c" in kind) + 2 * ("st" in kind)
    words = values[vertices * stride :].tolist()
    corners: list[float] = []
    counts: list[int] = []
    at = 0
    for _ in range(faces):
        count = int(words[at]) if at < len(words) else -1
        if not 0 <= count < len(words) - at:
            raise FormatError(f"it declares {faces} faces, but ends within face {len(counts)}")
        corners += words[at + 1 : at + 1 + count]
        counts.append(count)
        at += 1 + count
    points = values[: vertices * stride].reshape(-1, stride)[:, :3]
    return _Content(points, np.array(corners, np.int64), np.array(counts, np.int64))
