"""Geometries of COLLADA: polygons of each kind as triangles (COLLADA 1.4.1, chapter 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.media.mesh_warnings import BAD_PART, NOT_DRAWN, warn_of
from ucmgcn.media.readers.dae_document import Document, children, indices
from ucmgcn.media.readers.polygons import check_indices, fans, holed, strip_triangles, triangulate

SURFACES = ("triangles", "polylist", "polygons", "tristrips", "trifans")
LINES = ("lines", "linestrips")


class Primitive(NamedTuple):
    """Triangles of one material.

    Attributes
    ----------
    points
        Shape (n, 3).
    faces
        Rows of `points`, shape (t, 3).
    material
        Symbol that the instance binds to a material.
    uv
        Texture coordinates of the corners by the number of their set, shape (t, 3, 2).
    colours
        Lists of colours of the corners, shape (t, 3, 3 or 4).
    """

    points: Floats
    faces: Ints
    material: str | None
    uv: dict[int, Floats]
    colours: list[Floats]


class _Input(NamedTuple):
    kind: str
    source: str | None
    offset: int
    set: int


def read_geometry(document: Document, element: Element) -> list[Primitive]:
    """Read the surfaces of a <geometry>; damaged ones are left out with a warning."""
    mesh = next(children(element, "mesh", "convex_mesh"), None)
    hull = None if mesh is None else document.find(mesh.get("convex_hull_of"), "geometry")
    if hull is not None and hull is not element:
        mesh = next(children(hull, "mesh"), None)
    if next(children(mesh, *LINES), None) is not None:
        warn_of(NOT_DRAWN, f"lines of {element.get('id', '')!r}")
    found = []
    for primitive in children(mesh, *SURFACES):
        read = _primitive(document, primitive)
        if read is None:
            warn_of(BAD_PART, f"{primitive.tag} of {element.get('id', '')!r} without positions")
        elif len(read.faces):
            found.append(read)
    return found


def morphed(
    document: Document, morph: Element, read: Callable[[Element], list[Primitive]]
) -> list[Primitive]:
    """Return the surfaces of a <morph> at its default weights (COLLADA 1.4.1, "morph").

    Parameters
    ----------
    read
        Reads a geometry.
    """
    sources = {i.get("semantic"): i.get("source") for i in morph.iterfind("targets/input")}
    base = document.find(morph.get("source"), "geometry")
    weights = document.source(sources.get("MORPH_WEIGHT"))
    shapes = [] if base is None else read(base)
    relative = morph.get("method") == "RELATIVE"
    flat = [] if weights is None else weights.reshape(-1).tolist()
    targets = document.names(sources.get("MORPH_TARGET"))
    left = 1.0 if relative else 1 - sum(flat)
    points = [left * shape.points for shape in shapes]
    for name, weight in zip(targets, flat, strict=False):
        target = document.find(name, "geometry") if weight else None
        for at, one in enumerate(read(target) if target is not None else []):
            if at < len(points) and one.points.shape == points[at].shape:
                points[at] = points[at] + weight * one.points
    return [shape._replace(points=p) for shape, p in zip(shapes, points, strict=True)]


def _primitive(document: Document, element: Element) -> Primitive | None:
    inputs = _inputs(document, element)
    position = next((i for i in inputs if i.kind == "POSITION"), None)
    points = None if position is None else document.source(position.source)
    if position is None or points is None or points.shape[1] < 3:
        return None
    stride = 1 + max(i.offset for i in inputs)
    rows, corners = _corners(element, stride, points, position.offset)
    check_indices(rows[corners, position.offset].reshape(-1), len(points))
    primitive = Primitive(
        np.ascontiguousarray(points[:, :3]),
        rows[corners, position.offset],
        element.get("material"),
        {},
        [],
    )
    for one in inputs:
        if one.kind in ("TEXCOORD", "COLOR"):
            values, places = document.source(one.source), rows[corners, one.offset]
            if values is None or values.shape[1] < 2 or not _within(places, len(values)):
                warn_of(BAD_PART, f"{one.kind} of {element.tag}")
            elif one.kind == "TEXCOORD":
                primitive.uv.setdefault(one.set, values[places][..., :2])
            elif values.shape[1] > 2:
                primitive.colours.append(values[places][..., :4])
    return primitive


def _within(places: Ints, count: int) -> bool:
    return not places.size or (places.min() >= 0 and places.max() < count)


def _inputs(document: Document, element: Element) -> list[_Input]:
    """Return the inputs of a primitive, with those of its vertices."""
    found = []
    for one in children(element, "input"):
        offset, number = (int(one.get(key) or 0) for key in ("offset", "set"))
        if one.get("semantic") != "VERTEX":
            found.append(_Input(one.get("semantic", ""), one.get("source"), offset, number))
            continue
        vertices = document.find(one.get("source"))
        if vertices is not None and vertices.tag == "source":  # the positions themselves
            found.append(_Input("POSITION", one.get("source"), offset, 0))
        for shared in children(vertices, "input"):
            kind, source = shared.get("semantic", ""), shared.get("source")
            found.append(_Input(kind, source, offset, int(shared.get("set") or 0)))
    return found


def _corners(element: Element, stride: int, points: Floats, at: int) -> tuple[Ints, Ints]:
    """Return the index rows of a primitive, and its triangles as numbers of rows, shape (t, 3)."""
    lists = [_rows(p.text, stride) for p in children(element, "p")]
    rows = np.concatenate([np.empty((0, stride), np.int64), *lists])
    sizes = np.array([len(one) for one in lists], np.int64)
    starts = np.cumsum(sizes) - sizes
    match element.tag:
        case "tristrips":
            found = [strip_triangles(a + np.arange(n)) for a, n in _pairs(starts, sizes) if n > 2]
            return rows, np.concatenate([np.empty((0, 3), np.int64), *found])
        case "triangles":
            sizes = np.full(len(rows) // 3, 3)
        case "polylist":
            vcount = next(children(element, "vcount"), None)
            sizes = indices(None if vcount is None else vcount.text)
    used = int(sizes.sum())
    if used > len(rows):
        warn_of(BAD_PART, f"{element.tag} with fewer corners than it declares")
        sizes = sizes[np.cumsum(sizes) <= len(rows)]
        used = int(sizes.sum())
    if element.tag == "trifans":
        return rows, fans(sizes).corners
    triangles = triangulate(points, rows[:used, at], sizes).corners
    return _with_holes(element, stride, points, at, (rows, triangles))


def _pairs(starts: Ints, sizes: Ints) -> list[tuple[int, int]]:
    return list(zip(starts.tolist(), sizes.tolist(), strict=True))


def _rows(text: str | None, stride: int) -> Ints:
    values = indices(text)
    return values[: len(values) // stride * stride].reshape(-1, stride)


def _with_holes(
    element: Element, stride: int, points: Floats, at: int, whole: tuple[Ints, Ints]
) -> tuple[Ints, Ints]:
    """Add the polygons with holes, <ph>, to those without."""
    rows, triangles = [whole[0]], [whole[1]]
    count = len(whole[0])
    for holder in children(element, "ph"):
        rings = [_rows(ring.text, stride) for ring in children(holder, "p", "h")]
        joined = np.concatenate([np.empty((0, stride), np.int64), *rings])
        cut = holed(points, joined[:, at], np.cumsum([len(ring) for ring in rings]))
        rows.append(joined)
        triangles.append(cut + count)
        count += len(joined)
    return np.concatenate(rows), np.concatenate(triangles)
