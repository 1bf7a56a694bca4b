"""Tables and desks."""

from __future__ import annotations

import numpy as np

from ucmgcn.demo.solids import (
    GAP,
    Part,
    Parts,
    Rng,
    bar,
    box,
    lathe,
    mirrored,
    pick,
    rectangle,
    rod,
    round_corners,
    slab,
    spline,
    squircle,
    sweep,
    tube,
    turn,
)


def _table_top(rng: Rng, w: float, d: float, h: float, finish: str, power: float) -> Part:
    thick = rng.uniform(0.022, 0.05)
    outline = squircle(w, d, power, 48) if power < 20 else rectangle(w, d)
    return slab(outline, h - thick, h, finish, bevel=0.006)


def _four_legs(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Straight, tapered or turned legs with an apron, perhaps a shelf or drawer."""
    x, y, thick = w / 2 * 0.9, d / 2 * 0.86, rng.uniform(0.022, 0.045)
    kind = int(rng.integers(3))
    if kind == 2:
        z = np.array([0, 0.08, 0.14, 0.4, 0.62, 0.66, 0.72, 0.95])
        r = np.array([0.6, 0.75, 0.45, 0.85, 0.6, 1.0, 0.8, 1.0]) * thick
        leg = lathe([(0, 0), *spline(np.column_stack([r, z * h]), 30), (0, z[-1] * h)], finish, 16)
    else:
        scale = [1.0, 1.0] if kind == 0 else [0.45, 1.0]
        leg = sweep(
            [(0, 0, 0), (0, 0, h * 0.97)], rectangle(2 * thick, 2 * thick), finish, scale=scale
        )
    parts = [leg.map(np.eye(3), (sx * x, sy * y, 0)) for sx in (-1, 1) for sy in (-1, 1)]
    apron = rng.uniform(0.06, 0.11)
    parts += mirrored([box((2 * x, 0.02, apron), (0, y, h - 0.03 - apron / 2), finish)], 1)
    parts += mirrored([box((0.02, 2 * y, apron), (x, 0, h - 0.03 - apron / 2), finish)], 0)
    if rng.random() < 0.4:
        parts.append(box((2 * x, 2 * y, 0.02), (0, 0, h * rng.uniform(0.18, 0.35)), finish))
    return parts


def _splayed(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Three or four round legs spread outwards."""
    count, spread = int(rng.integers(3, 5)), rng.uniform(1.0, 1.35)
    parts: Parts = []
    for k in range(count):
        a = 2 * np.pi * (k + 0.5) / count
        x, y = 0.36 * w * np.cos(a) * 1.2, 0.36 * d * np.sin(a) * 1.2
        parts.append(rod((x * spread, y * spread, 0), (x, y, h - 0.02), 0.014, finish, 0.026))
    return parts


def _column(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """One column, turned, on a disc, a trumpet or curved feet."""
    r, foot = rng.uniform(0.03, 0.07), min(w, d) * rng.uniform(0.28, 0.4)
    if rng.random() < 0.5:
        profile = spline(
            [(foot, 0.015), (foot * 0.5, h * 0.06), (r, h * 0.35), (r * 1.4, h * 0.93)], 18
        )
        return [lathe([(0, 0), (foot, 0), *profile, (0, h * 0.95)], finish)]
    z = np.array([0.14, 0.2, 0.3, 0.5, 0.7, 0.8, 0.97]) * h
    radii = r * np.array([1.2, 1.5, 0.8, 1.4, 0.8, 1.1, 1.6])
    parts = [lathe([(0, z[0]), *spline(np.column_stack([radii, z]), 28), (0, z[-1])], finish)]
    curve = spline([(0, 0, h * 0.3), (foot * 0.5, 0, h * 0.17), (foot * 1.1, 0, 0.03)], 10)
    leg = sweep(curve, rectangle(0.05, 0.04), finish, up=(0, 0, 1))
    count = int(rng.integers(3, 5))
    return parts + [p for k in range(count) for p in turn([leg], 360 * k / count + 30)]


def _trestle(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Two A or X frames joined by a beam."""
    x, y, t = w * 0.36, d * 0.42, rng.uniform(0.03, 0.05)
    crossed = rng.random() < 0.5
    y0 = -y if crossed else y * 0.25
    frame = [
        bar((x, y, 0), (x, y0, h - 0.03), t, t, finish),
        bar((x, -y, 0), (x, -y0, h - 0.03), t, t, finish),
    ]
    frame.append(box((t, 2 * y, t), (x, 0, h - 0.05), finish))
    beam = h * (0.5 if crossed else rng.uniform(0.2, 0.5))
    return [*mirrored(frame, 0), box((2 * x, t, t * 1.3), (0, 0, beam), finish)]


def _frame_legs(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Steel loops at both ends: rectangular, trapezoid or hairpin."""
    x, y = w * 0.42, d * 0.42
    inner = y * rng.uniform(0.25, 1.0)
    path = [
        (x, GAP, h - 0.04),
        (x, y, h - 0.04),
        (x, inner, 0.015),
        (x, -inner, 0.015),
        (x, -y, h - 0.04),
        (x, -GAP, h - 0.04),
    ]
    return mirrored(
        [tube(round_corners(path, 0.04), rng.uniform(0.01, 0.022), "metal", sides=8)], 0
    )


def _desk(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Pedestal of drawers on one or both sides."""
    side = rng.uniform(0.3, 0.42)
    x, body = w / 2 - side / 2 - 0.02, h - 0.09
    block = [box((side, d * 0.92, body), (x, 0, 0.05 + body / 2), finish)]
    count = int(rng.integers(2, 5))
    for k in range(count):
        z, tall = 0.05 + body * (k + 0.5) / count, body / count - 0.02
        block.append(box((side - 0.03, 0.02, tall), (x, -d * 0.46, z), finish))
        block.append(box((0.1, 0.02, 0.012), (x, -d * 0.46 - 0.02, z), "metal"))
    parts = [box((w - 0.1, 0.02, h * 0.45), (0, d * 0.4, h * 0.7), finish)]
    if rng.random() < 0.5:
        return parts + mirrored(block, 0)
    leg = bar((-w / 2 + 0.04, 0, 0), (-w / 2 + 0.04, 0, h - 0.03), 0.04, d * 0.85, finish)
    return [*parts, *block, leg]


def _picnic(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """A-frames which also carry two benches."""
    x, reach = w * 0.34, d * 0.5 + 0.32
    frame = mirrored([bar((x, reach * 0.75, 0), (x, d * 0.28, h - 0.03), 0.08, 0.04, finish)], 1)
    frame.append(box((0.04, 2 * reach, 0.08), (x, 0, h * 0.52), finish))
    bench = [box((w, 0.12, 0.035), (0, reach - 0.06 - k * 0.14, h * 0.6), finish) for k in (0, 1)]
    return mirrored(frame, 0) + mirrored(bench, 1)


_SUPPORTS = (_four_legs, _column, _trestle, _frame_legs, _desk, _splayed, _picnic)


def table(rng: Rng, style: int) -> Parts:
    """Table: dining, coffee, side, trestle, desk or picnic."""
    support = _SUPPORTS[style % len(_SUPPORTS)]
    wood = pick(rng, "wood", "wood", "paint")
    h = rng.uniform(0.68, 0.78)
    if support in (_column, _splayed):
        w = rng.uniform(0.6, 1.2)
        d, power = w * rng.uniform(0.75, 1.0), rng.uniform(2, 4)
        h = h if support is _column or rng.random() < 0.4 else rng.uniform(0.38, 0.55)
    else:
        w = rng.uniform(1.1, 1.9)
        d, power = rng.uniform(0.6, 0.9), (30.0 if rng.random() < 0.6 else rng.uniform(3, 8))
        h = (
            rng.uniform(0.38, 0.46)
            if support in (_four_legs, _frame_legs) and rng.random() < 0.35
            else h
        )
    top = pick(rng, wood, "marble", "glasstop") if support in (_column, _frame_legs) else wood
    return [_table_top(rng, w, d, h, top, power), *support(rng, w, d, h - 0.01, wood)]
