"""Read STL files, binary and text (StL Interface Specification, 3D Systems, 1988)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ucmgcn.core.arrays import Floats
from ucmgcn.media.companions import Companions
from ucmgcn.media.readers.polygons import triangulate
from ucmgcn.media.readers.surfaces import FormatError, Surface, shape_of
from ucmgcn.media.readers.text import Lines, as_points, floats, plain

HEAD = 84  # bytes: the title, and the number of triangles
TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
INDENTED = re.compile(rb"^ +| +$", re.MULTILINE)
# A text file in one line, or with several statements in one.
STATEMENTS = re.compile(rb" +(?=(?:facet|outer|vertex|endloop|endfacet|endsolid)\b)")


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Read an STL file; see `Reader`. The format has no colours."""
    data = path.read_bytes()
    return _from_text(data) if _is_text(data) else _from_binary(data)


def _is_text(data: bytes) -> bool:
    """Whether a file is text. Binary ones may begin with "solid" too."""
    if len(data) >= HEAD and len(data) == HEAD + _declared(data) * TRIANGLE.itemsize:
        return False
    head = plain(data[:1024])
    return b"\0" not in head and re.match(rb"\s*(solid|facet)\b", head, re.IGNORECASE) is not None


def _declared(data: bytes) -> int:
    return int.from_bytes(data[80:HEAD], "little")


def _from_binary(data: bytes) -> list[Surface]:
    held = max(len(data) - HEAD, 0) // TRIANGLE.itemsize
    # Programs that write to a stream leave the number at 0.
    count = _declared(data) or held
    if not held:
        raise FormatError("it holds no triangles, neither as text nor binary")
    if count > held:
        raise FormatError(f"it declares {count} triangles, but holds {held}")
    triangles = np.frombuffer(data, TRIANGLE, count, offset=HEAD)
    return _soup(triangles["corners"].reshape(-1, 3).astype(np.float64))


def _from_text(data: bytes) -> list[Surface]:
    text = INDENTED.sub(b"", plain(data)).lower()
    lines = Lines(text)
    if not len(lines.having(b"vertex")):
        lines = Lines(STATEMENTS.sub(b"\n", text))
    at = lines.having(b"vertex")
    points = as_points(floats(lines.numbers(at, b"vertex"), "a vertex"), "vertices")
    if not len(points):
        return []
    loops = lines.having(b"outer")
    counts = np.diff(np.searchsorted(at, loops), append=len(at))
    if not len(loops) or counts.sum() != len(at) or (counts == 3).all():
        if len(points) % 3:
            raise FormatError(f"it ends within a triangle, after {len(points)} corners")
        return _soup(points)
    corners = np.arange(len(points))
    return [shape_of(points, triangulate(points, corners, counts).corners)]


def _soup(points: Floats) -> list[Surface]:
    return [shape_of(points, np.arange(len(points)).reshape(-1, 3))]
