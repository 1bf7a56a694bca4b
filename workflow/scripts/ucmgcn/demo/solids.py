"""Closed solids that the demo objects are built from (z up, metres).

trimesh and scipy are imported where they are used, because planning needs only the objects' names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Floats

if TYPE_CHECKING:
    import trimesh

Vector = Sequence[float] | Floats
Rng = np.random.Generator
GAP = 0.003  # metres between the ends of a bent tube, hidden inside other parts


def pick(rng: Rng, *names: str) -> str:
    """One of the names at random."""
    return names[int(rng.integers(len(names)))]


@dataclass(frozen=True)
class Part:
    """One closed solid and its material.

    Attributes
    ----------
    vertices : (n, 3) float64
        Metres, z up.
    faces : (m, 3) int64
        Oriented outwards.
    finish : str
        Name of the material, a key of ``textures.FINISHES``.
    """

    vertices: Floats
    faces: npt.NDArray[np.int64]
    finish: str

    def map(self, matrix: Floats, offset: Vector = (0.0, 0.0, 0.0)) -> Part:
        """Apply the linear map ``matrix`` (3, 3), then add ``offset``."""
        faces = self.faces if np.linalg.det(matrix) > 0 else self.faces[:, ::-1]
        return replace(self, vertices=self.vertices @ matrix.T + np.asarray(offset), faces=faces)


Parts = list[Part]


def loft(rings: Floats, finish: str, *, closed: bool = False) -> Part:
    """Surface through rings with equal numbers of points, capped at both ends.

    Parameters
    ----------
    rings : (k, n, 3) float64
        A ring may repeat a single point, which makes a tip.
    finish : str
        Material of the part.
    closed : bool
        Join the last ring to the first one instead of capping.

    Returns
    -------
    Part
        Welded and oriented outwards.
    """
    k, n, _ = rings.shape
    grid = np.arange(k * n).reshape(k, n)
    a = grid if closed else grid[:-1]
    b = np.roll(grid, -1, axis=0) if closed else grid[1:]
    a1, b1 = np.roll(a, -1, axis=1), np.roll(b, -1, axis=1)
    faces = [np.stack([a, a1, b1], -1).reshape(-1, 3), np.stack([a, b1, b], -1).reshape(-1, 3)]
    vertices = [rings.reshape(-1, 3)]
    if not closed:
        vertices.append(np.stack([rings[0].mean(axis=0), rings[-1].mean(axis=0)]))
        first, last = grid[0], grid[-1]
        faces.append(np.stack([np.roll(first, -1), first, np.full(n, k * n)], -1))
        faces.append(np.stack([last, np.roll(last, -1), np.full(n, k * n + 1)], -1))
    return _weld(np.concatenate(vertices), np.concatenate(faces), finish)


def _weld(vertices: Floats, faces: npt.NDArray[np.int64], finish: str) -> Part:
    """Merge equal vertices, drop degenerate faces, orient outwards."""
    _, first, inverse = np.unique(
        np.round(vertices, 6), axis=0, return_index=True, return_inverse=True
    )
    vertices, faces = vertices[first], inverse.reshape(-1)[faces]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    corners = vertices[faces] - vertices.mean(axis=0)
    volume = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return Part(vertices, faces if volume >= 0 else faces[:, ::-1], finish)


def circle(sides: int, radius: float = 1.0) -> Floats:
    """Outline (sides, 2) of a regular polygon."""
    t = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    return radius * np.stack([np.cos(t), np.sin(t)], -1)


def squircle(width: float, depth: float, power: float = 4.0, sides: int = 24) -> Floats:
    """Outline (sides, 2) of a superellipse: power 2 is an ellipse, a large one a rectangle."""
    unit = circle(sides)
    rounded: Floats = np.sign(unit) * np.abs(unit) ** (2 / power)
    rounded *= [width / 2, depth / 2]
    return rounded


def rectangle(width: float, depth: float) -> Floats:
    """Outline (4, 2) of a rectangle around the origin."""
    x, y = width / 2, depth / 2
    return np.array([[-x, -y], [x, -y], [x, y], [-x, y]])


def lift(outline: Floats, z: float, scale: float = 1.0) -> Floats:
    """Ring (n, 3): the scaled outline at height ``z``."""
    return np.column_stack([outline * scale, np.full(len(outline), z)])


def slab(outline: Floats, z0: float, z1: float, finish: str, *, bevel: float = 0.0) -> Part:
    """Prism over an outline between two heights, its edges rounded by ``bevel`` metres."""
    if bevel <= 0:
        return loft(np.stack([lift(outline, z0), lift(outline, z1)]), finish)
    inset = 1 - bevel / np.abs(outline).max()
    levels = [(z0, inset), (z0 + bevel, 1.0), (z1 - bevel, 1.0), (z1, inset)]
    return loft(np.stack([lift(outline, z, s) for z, s in levels]), finish)


def box(size: Vector, at: Vector, finish: str) -> Part:
    """Axis-aligned box of the given size around a centre."""
    part = slab(rectangle(size[0], size[1]), -size[2] / 2, size[2] / 2, finish)
    return part.map(np.eye(3), at)


def pillow(size: Vector, at: Vector, finish: str, power: float = 5.0) -> Part:
    """Superellipsoid around a centre: power 2 is an ellipsoid, 5 a cushion, 12 a rounded box."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, 11)
    c, s = np.cos(latitude), np.sin(latitude)
    reach = np.abs(c) ** (2 / power)
    height = np.sign(s) * np.abs(s) ** (2 / power)
    outline = squircle(size[0], size[1], power, 24)
    rings = [
        lift(outline, h * size[2] / 2, r if 0 < i < 10 else 0.0)
        for i, (r, h) in enumerate(zip(reach, height, strict=True))
    ]
    return loft(np.stack(rings), finish).map(np.eye(3), at)


def ball(radius: float, at: Vector, finish: str) -> Part:
    """Sphere."""
    return pillow([2 * radius] * 3, at, finish, 2.0)


def lathe(profile: Sequence[Vector] | Floats, finish: str, sides: int = 32) -> Part:
    """Solid of revolution around z from a profile (k, 2) of radii and heights."""
    unit = circle(sides)
    return loft(np.stack([lift(unit, z, r) for r, z in np.asarray(profile)]), finish)


def shell(profile: Sequence[Vector] | Floats, wall: float, finish: str, sides: int = 32) -> Part:
    """Thin-walled solid of revolution, whose inner profile is the outer one less ``wall``."""
    outer = np.asarray(profile, dtype=float)
    inner = np.column_stack([np.maximum(outer[::-1, 0] - wall, 1e-4), outer[::-1, 1]])
    unit = circle(sides)
    rings = [lift(unit, z, r) for r, z in np.concatenate([outer, inner])]
    return loft(np.stack(rings), finish, closed=True)


def sweep(
    path: Sequence[Vector] | Floats,
    outline: Floats,
    finish: str,
    *,
    scale: float | Vector = 1.0,
    closed: bool = False,
    up: Vector | None = None,
) -> Part:
    """Sweep an outline along a path without twist.

    Parameters
    ----------
    path : (k, 3)
        Points of the path.
    outline : (n, 2) float64
        Cross-section; its first axis starts along ``up``.
    finish : str
        Material of the part.
    scale : float or (k,)
        Scale of the cross-section at each point.
    closed : bool
        Whether the path is a loop.
    up : (3,), optional
        Direction of the outline's first axis at the first point.
    """
    points = np.asarray(path, dtype=float)
    scales = np.broadcast_to(np.asarray(scale, dtype=float), len(points))
    first, second = _frames(points, closed, up)
    flat = outline[None] * scales[:, None, None]
    rings = points[:, None] + flat[..., :1] * first[:, None] + flat[..., 1:] * second[:, None]
    return loft(rings, finish, closed=closed)


def _frames(points: Floats, closed: bool, up: Vector | None) -> tuple[Floats, Floats]:
    """Parallel-transported axes (k, 3) across the path."""
    if closed:
        tangents = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    else:
        tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    guess = np.eye(3)[np.argmin(np.abs(tangents[0]))] if up is None else np.asarray(up, float)
    first = np.empty_like(points)
    for i, tangent in enumerate(tangents):
        across = guess - tangent * (guess @ tangent)
        first[i] = guess = across / np.linalg.norm(across)
    return first, np.cross(tangents, first)


def tube(
    path: Sequence[Vector] | Floats,
    radius: float | Vector,
    finish: str,
    *,
    sides: int = 12,
    closed: bool = False,
) -> Part:
    """Round bar along a path."""
    return sweep(path, circle(sides), finish, scale=radius, closed=closed)


def rod(p: Vector, q: Vector, r0: float, finish: str, r1: float | None = None) -> Part:
    """Round bar or cone between two points."""
    return tube([p, q], [r0, r0 if r1 is None else r1], finish)


def bar(p: Vector, q: Vector, width: float, depth: float, finish: str) -> Part:
    """Rectangular bar between two points; ``width`` lies in the vertical plane of the bar."""
    along = np.asarray(q, dtype=float) - np.asarray(p, dtype=float)
    up = (1.0, 0.0, 0.0) if abs(along[2]) > 0.8 * np.linalg.norm(along) else (0.0, 0.0, 1.0)
    return sweep([p, q], rectangle(width, depth), finish, up=up)


def torus(
    radius: float, thickness: float, at: Vector, axis: int, finish: str, sides: int = 36
) -> Part:
    """Torus around a coordinate axis."""
    flat = np.insert(circle(sides, radius), axis, 0.0, axis=1)
    return tube(flat + np.asarray(at), thickness, finish, sides=8, closed=True)


def disc(radius: float, thickness: float, at: Vector, axis: int, finish: str) -> Part:
    """Flat cylinder around a coordinate axis."""
    half = np.eye(3)[axis] * thickness / 2
    centre = np.asarray(at, dtype=float)
    return sweep([centre - half, centre + half], circle(24, radius), finish)


def spline(points: Sequence[Vector] | Floats, count: int = 24) -> Floats:
    """Smooth curve (count, d) through points (k, d), parametrised by chord length."""
    from scipy.interpolate import PchipInterpolator

    knots = np.asarray(points, dtype=float)
    chord = np.linalg.norm(np.diff(knots, axis=0), axis=1)
    t = np.concatenate([[0.0], np.cumsum(chord)])
    curve: Floats = PchipInterpolator(t, knots)(np.linspace(0, t[-1], count))
    return curve


def rotation(degrees: float, axis: int) -> Floats:
    """Rotation matrix (3, 3) around a coordinate axis."""
    from scipy.spatial.transform import Rotation

    turned = Rotation.from_rotvec(degrees * np.eye(3)[axis], degrees=True)
    matrix: Floats = turned.as_matrix()
    return matrix


def turn(parts: Iterable[Part], degrees: float, axis: int = 2) -> Parts:
    """Rotate parts around a coordinate axis through the origin."""
    matrix = rotation(degrees, axis)
    return [part.map(matrix) for part in parts]


def shift(parts: Iterable[Part], offset: Vector) -> Parts:
    """Translate parts."""
    return [part.map(np.eye(3), offset) for part in parts]


def mirrored(parts: Iterable[Part], axis: int) -> Parts:
    """Parts and their mirror images across the plane normal to an axis."""
    kept = list(parts)
    flip = np.eye(3)
    flip[axis, axis] = -1
    return kept + [part.map(flip) for part in kept]


def bounds(parts: Iterable[Part]) -> Floats:
    """Lowest and highest corner (2, 3) of all parts."""
    points = np.concatenate([part.vertices for part in parts])
    return np.stack([points.min(axis=0), points.max(axis=0)])


def to_trimesh(parts: Iterable[Part]) -> trimesh.Trimesh:
    """One mesh of all parts, without materials."""
    import trimesh

    meshes = [trimesh.Trimesh(p.vertices, p.faces, process=False) for p in parts]
    joined: trimesh.Trimesh = trimesh.util.concatenate(meshes)  # type: ignore[assignment]
    return joined


def round_corners(path: list[tuple[float, float, float]], radius: float) -> Floats:
    """Replace each inner corner of a polyline with a short quadratic bend."""
    points = np.asarray(path, dtype=float)
    out = [points[:1]]
    t = np.linspace(0, 1, 6)[:, None]
    for a, b, c in zip(points[:-2], points[1:-1], points[2:], strict=True):
        p = b + (a - b) * min(0.45, radius / np.linalg.norm(a - b))
        q = b + (c - b) * min(0.45, radius / np.linalg.norm(c - b))
        out.append((1 - t) ** 2 * p + 2 * t * (1 - t) * b + t**2 * q)
    return np.concatenate([*out, points[-1:]])
