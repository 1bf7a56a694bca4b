"""Triangulate polygons, concave ones too."""

from __future__ import annotations

from typing import NamedTuple

import mapbox_earcut
import numpy as np

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.core.errors import ItemError
from ucmgcn.media.mesh_warnings import FEW_CORNERS, warn_of

BENT = 0.01  # depth of a polygon, as a share of its size


class Triangles(NamedTuple):
    """Triangles of a list of polygons, in the order of the polygons.

    Attributes
    ----------
    corners
        Places in the list of the polygons' corners, shape (t, 3). So they select the vertices,
        texture coordinates and colours of the corners alike.
    polygons
        The polygon of each triangle, shape (t,).
    """

    corners: Ints
    polygons: Ints


def triangulate(vertices: Floats, corners: Ints, counts: Ints) -> Triangles:
    """Cut polygons into triangles.

    Convex polygons become fans around their first corner, concave ones are cut by ear clipping
    (mapbox_earcut) in the plane of their normal (Newell's method: Sutherland et al., "A
    Characterization of Ten Hidden-Surface Algorithms", 1974). Polygons of fewer than three corners
    are left out with a warning.

    Parameters
    ----------
    vertices
        Shape (n, 3).
    corners
        The vertex of each corner, polygon after polygon, shape (k,).
    counts
        Corners of each polygon, shape (m,); they add up to k.

    Raises
    ------
    ItemError
        If a corner refers to a vertex that is not there.
    """
    check_indices(corners, len(vertices))
    if (counts == 3).all():
        return Triangles(np.arange(len(corners)).reshape(-1, 3), np.arange(len(counts)))
    few = int((counts < 3).sum())
    if few:
        warn_of(FEW_CORNERS, few)
    found = fans(counts)
    if counts.max() > 3:
        _mend_concave(found.corners, vertices, corners, counts)
    whole = found.corners[:, 0] >= 0
    return found if whole.all() else Triangles(found.corners[whole], found.polygons[whole])


def check_indices(indices: Ints, count: int) -> None:
    """Check that indices refer to one of `count` vertices.

    Raises
    ------
    ItemError
        If one does not.
    """
    if not len(indices):
        return
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= count:
        wrong = low if low < 0 else high
        raise ItemError(f"a face refers to vertex {wrong}, but there are {count}")


def fans(counts: Ints) -> Triangles:
    """Return fans around the first corner of polygons of so many corners."""
    starts = np.cumsum(counts) - counts
    sizes = np.maximum(counts - 2, 0)
    polygons = np.repeat(np.arange(len(counts)), sizes)
    within = np.arange(len(polygons)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    first = starts[polygons]
    return Triangles(np.stack([first, first + within + 1, first + within + 2], axis=1), polygons)


def strip_triangles(strip: Ints) -> Ints:
    """Return the triangles of a strip, shape (t, 3); every second one is turned round."""
    triangles = np.stack([strip[:-2], strip[1:-1], strip[2:]], axis=1)
    triangles[1::2] = triangles[1::2, ::-1]
    return triangles


def holed(vertices: Floats, corners: Ints, ends: Ints) -> Ints:
    """Cut a polygon with holes into triangles.

    Parameters
    ----------
    vertices
        Shape (n, 3).
    corners
        The vertex of each corner, of the outline and then of each hole, shape (k,).
    ends
        Where each of these rings ends in `corners`; the last is k.

    Returns
    -------
    Places in `corners`, shape (t, 3).
    """
    check_indices(corners, len(vertices))
    points = vertices[corners]
    if not len(ends) or ends[0] < 3:
        return np.empty((0, 3), np.int64)
    flat = _in_plane(points, _fan_normals(points[None, : ends[0]]).sum(axis=(0, 1)))
    cut = mapbox_earcut.triangulate_float64(flat, ends.astype(np.uint32))
    return cut.astype(np.int64).reshape(-1, 3)


def _mend_concave(cuts: Ints, vertices: Floats, corners: Ints, counts: Ints) -> None:
    """Replace, in place, the fans of concave polygons; -1 marks a triangle too many."""
    sizes = np.maximum(counts - 2, 0)
    rows = np.cumsum(sizes) - sizes
    starts = np.cumsum(counts) - counts
    for count in np.unique(counts[counts > 3]):
        chosen = np.flatnonzero(counts == count)
        places = starts[chosen, None] + np.arange(count)
        points = vertices[corners[places]]
        normals = _fan_normals(points)
        wholes = normals.sum(axis=1)
        concave = (np.einsum("pti,pi->pt", normals, wholes) < 0).any(axis=1)
        for polygon in np.flatnonzero(concave):
            cut = _ears(points[polygon], wholes[polygon])
            if len(cut) < count - 2 and _is_bent(points[polygon], wholes[polygon]):
                continue  # flattened, a part of it has no area; its fan covers that too
            row = rows[chosen[polygon]]
            cuts[row : row + count - 2] = -1
            cuts[row : row + len(cut)] = places[polygon][cut]


def _fan_normals(points: Floats) -> Floats:
    """Return the area vectors of fans' triangles, up to scale: (p, c, 3) gives (p, c - 2, 3)."""
    sides = points[:, 1:] - points[:, :1]
    sides /= np.maximum(np.abs(sides).max(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    return np.cross(sides[:, :-1], sides[:, 1:])


def _ears(points: Floats, normal: Floats) -> Ints:
    """Cut a polygon of shape (c, 3) by ear clipping; return shape (at most c - 2, 3)."""
    flat = _in_plane(points, normal)
    cut = mapbox_earcut.triangulate_float64(flat, np.array([len(flat)], np.uint32))
    triangles = cut.astype(np.int64).reshape(-1, 3)[: len(points) - 2]
    # Ear clipping gives one orientation, whatever the polygon's.
    return triangles if _turns_left(flat, triangles) else triangles[:, ::-1]


def _is_bent(points: Floats, normal: Floats) -> bool:
    """Whether a polygon lies off its plane by more than a hundredth of its size."""
    sides = points - points[0]
    off = sides @ (normal / max(float(np.linalg.norm(normal)), np.finfo(float).tiny))
    return bool(np.ptp(off) > BENT * np.ptp(sides, axis=0).max())


def _in_plane(points: Floats, normal: Floats) -> Floats:
    """Project along the greatest axis of the normal, so that the polygon turns left."""
    axis = int(np.abs(normal).argmax())
    first, second = (axis + 1) % 3, (axis + 2) % 3
    if normal[axis] < 0:
        first, second = second, first
    return np.ascontiguousarray((points - points[0])[:, [first, second]])


def _turns_left(flat: Floats, triangles: Ints) -> bool:
    a, b, c = (flat[triangles[:, i]] for i in range(3))
    (ux, uy), (wx, wy) = (b - a).T, (c - a).T
    return bool((ux * wy - uy * wx).sum() >= 0)
