"""Camera placements around an object: unit positions, rotations and neighbouring views.

The frame is right-handed with y up; cameras look at the origin. Polyhedron vertices are ordered
from the top down, and by azimuth (from +z towards +x) at equal heights.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Floats
from ucmgcn.core.errors import UserError
from ucmgcn.settings import POLYHEDRON_VIEWS

GOLDEN = (1 + 5**0.5) / 2
PLACEMENTS = (*POLYHEDRON_VIEWS, "ring", "sphere")
POLE = 0.9999


def icosahedron() -> Floats:
    """Return the 12 vertices of a regular icosahedron on the unit sphere, shape (12, 3)."""
    return _ordered(_cyclic([(0.0, a, b * GOLDEN) for a, b in _signs(2)]))


def dodecahedron() -> Floats:
    """Return the 20 vertices of a regular dodecahedron on the unit sphere, shape (20, 3)."""
    rectangles = _cyclic([(0.0, a / GOLDEN, b * GOLDEN) for a, b in _signs(2)])
    return _ordered(np.vstack([np.array(_signs(3)), rectangles]))


def ring(n: int, elevation: float = 30.0) -> Floats:
    """Return n positions at equal azimuths, starting at +z towards +x, shape (n, 3).

    Parameters
    ----------
    n
        Number of positions.
    elevation
        Degrees above the horizontal plane; 30 as in MVCNN (Su et al., ICCV 2015).
    """
    azimuth = 2 * np.pi * np.arange(n) / n
    height = np.radians(elevation)
    flat = np.stack([np.sin(azimuth), np.zeros(n), np.cos(azimuth)], axis=1)
    positions: Floats = flat * np.cos(height) + np.array([0.0, np.sin(height), 0.0])
    return positions


def sphere(n: int) -> Floats:
    """Return n nearly uniform positions, shape (n, 3): the spherical Fibonacci lattice.

    Source: A. Gonzalez, "Measurement of areas on a sphere using Fibonacci and
    latitude-longitude lattices", Mathematical Geosciences 42 (2010).
    """
    i = np.arange(n)
    y = 1 - (2 * i + 1) / n
    azimuth = 2 * np.pi * (i / GOLDEN % 1)
    radius = np.sqrt(1 - y**2)
    return np.stack([radius * np.sin(azimuth), y, radius * np.cos(azimuth)], axis=1)


def camera_positions(placement: str, views: int, elevation: float = 30.0) -> Floats:
    """Return the positions of a named placement, shape (views, 3).

    Raises
    ------
    UserError
        If the placement is unknown, or a polyhedron with another number of vertices.
    """
    if placement not in PLACEMENTS:
        raise UserError(f"cameras: {placement!r} is not one of {', '.join(PLACEMENTS)}")
    expected = POLYHEDRON_VIEWS.get(placement, views)
    if views != expected:
        raise UserError(
            f"cameras: {placement} has {expected} vertices, but views: {views}. "
            f"Set views: {expected}, or cameras: sphere for any number"
        )
    if views < 1:
        raise UserError(f"views: must be at least 1, not {views}")
    if placement == "ring":
        return ring(views, elevation)
    if placement == "sphere":
        return sphere(views)
    return icosahedron() if placement == "icosahedron" else dodecahedron()


def look_at(positions: Floats) -> Floats:
    """Return the rotations from world to eye coordinates, shape (n, 3, 3).

    Rows are the camera's right, up and backward axes, as in OpenGL. The image's up axis is y; at
    a pole, where that is undefined, it is -z from above and +z from below.

    Parameters
    ----------
    positions
        Directions from the origin to the cameras, shape (n, 3), of any non-zero length.
    """
    back = _unit(np.asarray(positions, dtype=np.float64))
    up = np.tile([0.0, 1.0, 0.0], (len(back), 1))
    polar = np.abs(back[:, 1]) > POLE
    up[polar] = np.outer(-np.sign(back[polar, 1]), [0.0, 0.0, 1.0])
    right = _unit(np.cross(up, back))
    return np.stack([right, np.cross(back, right), back], axis=1)


def neighbours(positions: Floats) -> npt.NDArray[np.int64]:
    """Return the pairs of neighbouring views, shape (e, 2), i < j, sorted.

    Two views are neighbours if the angle between them is at most the largest angle between any
    view and its nearest one. So every view has a neighbour. On a polyhedron the pairs are its 30
    edges, on a ring its n segments.
    """
    unit = _unit(np.asarray(positions, dtype=np.float64))
    if len(unit) < 2:
        return np.empty((0, 2), dtype=np.int64)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    near = np.triu(cosine >= cosine.max(axis=1).min() - 1e-9)
    return np.argwhere(near).astype(np.int64)


def _signs(n: int) -> list[tuple[float, ...]]:
    return list(itertools.product((1.0, -1.0), repeat=n))


def _cyclic(corners: list[tuple[float, float, float]]) -> Floats:
    base = np.array(corners)
    return np.vstack([np.roll(base, shift, axis=1) for shift in range(3)])


def _ordered(corners: Floats) -> Floats:
    positions = _unit(corners)
    azimuth = np.arctan2(positions[:, 0], positions[:, 2]) % (2 * np.pi)
    return positions[np.lexsort([azimuth.round(6), -positions[:, 1].round(6)])]


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float64)
