"""Mugs."""

from __future__ import annotations

import numpy as np

from ucmgcn.core.arrays import Floats
from ucmgcn.demo.solids import Part, Parts, Rng, disc, lathe, spline, squircle, sweep, torus


def _mug_profile(kind: int, r: float, h: float, rng: Rng) -> Floats:
    """Outer profile (k, 2) of the cup."""
    shapes = (
        [(1.0, 0), (1.0, 0.5), (1.0, 1.0)],
        [(0.68, 0), (0.8, 0.3), (0.92, 0.65), (1.0, 1.0)],
        [(0.7, 0), (1.05, 0.25), (1.12, 0.5), (1.0, 0.8), (0.98, 1.0)],
        [(0.55, 0), (0.8, 0.12), (0.98, 0.5), (1.08, 0.85), (1.14, 1.0)],
        [(1.1, 0), (1.06, 0.2), (0.92, 0.6), (0.88, 1.0)],
        [(0.45, 0), (0.5, 0.05), (0.85, 0.25), (1.05, 0.55), (1.1, 1.0)],
        [(0.9, 0), (0.78, 0.35), (0.85, 0.7), (1.0, 1.0)],
    )
    return spline(np.array(shapes[kind % len(shapes)]) * [r, h], 18)


def _handle_paths(
    lower: tuple[float, float], upper: tuple[float, float], out: float, reach: float, h: float
) -> tuple[list[tuple[float, float]], ...]:
    """Paths (5, 2) of the handles, from where they meet the cup above to where below."""
    (x0, low), (x1, high) = lower, upper
    return (
        [
            (x1, high),
            (x1 + reach * 0.7, high),
            (out, (low + high) / 2),
            (x0 + reach * 0.7, low),
            (x0, low),
        ],
        [
            (x1, high),
            (out, high - 0.004),
            (out + 0.002, (low + high) / 2),
            (out - 0.002, low + 0.004),
            (x0, low),
        ],
        [
            (x1, high),
            (x1 + reach * 0.9, high + h * 0.06),
            (out, high - h * 0.16),
            (x0 + reach * 0.5, low + h * 0.1),
            (x0, low),
        ],
        [
            (x1, high),
            (x1 + reach * 0.6, high),
            (x1 + reach * 0.75, high - h * 0.14),
            (x1 + reach * 0.4, high - h * 0.28),
            (x1, high - h * 0.27),
        ],
    )


def _handle(rng: Rng, kind: int, profile: Floats, r: float, h: float) -> Parts:
    """Handle at +x: C, D, ear, square or finger ring."""
    from scipy.interpolate import CubicSpline

    low, high = h * rng.uniform(0.16, 0.3), h * rng.uniform(0.74, 0.86)
    x0, x1 = (np.interp(z, profile[:, 1], profile[:, 0]) - 0.002 for z in (low, high))
    reach = r * rng.uniform(0.5, 0.75)
    out = max(x0, x1) + reach
    paths = _handle_paths((x0, low), (x1, high), out, reach, h)
    knots = np.array(paths[kind % len(paths)])
    t = np.linspace(0, len(knots) - 1, 28)
    curve = CubicSpline(np.arange(len(knots)), knots)(t)
    path = np.column_stack([curve[:, 0], np.zeros(28), curve[:, 1]])
    outline = squircle(r * rng.uniform(0.14, 0.22), r * rng.uniform(0.22, 0.36), 2.6, 14)
    return [sweep(path, outline, "ceramic", up=(1, 0, 0))]


def _saucer(s: float) -> Part:
    return lathe(
        [
            (0, -0.006),
            (s * 0.55, -0.006),
            (s, 0.008),
            (s * 0.98, 0.011),
            (s * 0.5, 0.001),
            (0, 0.001),
        ],
        "ceramic",
    )


def mug(rng: Rng, style: int) -> Parts:
    """Mug or cup: seven profiles, four handles, faceted or round, perhaps saucer, foot or drink."""
    r = rng.uniform(0.036, 0.046)
    h = r * (rng.uniform(1.3, 1.7) if style % 7 in (3, 5) else rng.uniform(1.9, 2.9))
    profile, wall = _mug_profile(style, r, h, rng), rng.uniform(0.003, 0.0045)
    sides = int(rng.choice([6, 8, 10])) if rng.random() < 0.18 else 40
    inner = np.column_stack([np.maximum(profile[:, 0] - wall, 0.004), profile[:, 1]])[:0:-1]
    floor = wall * 1.5
    inner[:, 1] = np.maximum(inner[:, 1], floor)
    cup = lathe([(0, 0), *profile, *inner, (0, floor)], "ceramic", sides)
    parts = [cup, *_handle(rng, int(rng.integers(4)), profile, r, h)]
    if rng.random() < 0.6:
        level = h * rng.uniform(0.75, 0.9)
        parts.append(
            disc(
                np.interp(level, profile[:, 1], profile[:, 0]) - wall * 0.9,
                0.002,
                (0, 0, level),
                2,
                "drink",
            )
        )
    if style % 7 in (3, 5) and rng.random() < 0.8:
        parts.append(_saucer(r * rng.uniform(1.75, 2.1)))
    elif rng.random() < 0.4:
        band = h * rng.uniform(0.2, 0.8)
        parts.append(
            torus(
                np.interp(band, profile[:, 1], profile[:, 0]), 0.0018, (0, 0, band), 2, "accent", 48
            )
        )
    return parts
