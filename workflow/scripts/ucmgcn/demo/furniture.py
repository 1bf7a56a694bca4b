# ruff: noqa: RUF005 (vertices are NumPy arrays: plus adds them and does not join lists)
"""Parametric furniture: chairs, tables and sofas."""

from __future__ import annotations

import numpy as np

from ucmgcn.demo.solids import (
    Array,
    Part,
    Parts,
    ball,
    bar,
    box,
    circle,
    disc,
    lathe,
    loft,
    mirrored,
    pillow,
    rectangle,
    ring,
    rod,
    rotation,
    shift,
    slab,
    spline,
    squircle,
    sweep,
    tube,
    turn,
)

Rng = np.random.Generator
GAP = 0.003  # metres between the ends of a bent tube, hidden in the seat or table top


def _pick(rng: Rng, *names: str) -> str:
    return names[int(rng.integers(len(names)))]


# --- chairs: the back is at +y, the sitter looks towards -y -------------------------------------


def _straight_legs(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Four legs, splayed or upright, square or round, perhaps with stretchers."""
    splay, taper = rng.uniform(0, 0.08), rng.uniform(0.5, 1.0)
    thick, square = rng.uniform(0.016, 0.028), rng.random() < 0.5
    x, y = w / 2 - thick, d / 2 - thick
    parts: Parts = []
    for sx, sy in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        top, foot = (sx * x, sy * y, h), (sx * (x + splay), sy * (y + splay), 0)
        if square:
            outline = rectangle(2 * thick, 2 * thick)
            parts.append(sweep([foot, top], outline, finish, scale=[taper, 1.0], up=(1, 0, 0)))
        else:
            parts.append(rod(foot, top, thick * taper, finish, thick))
    if rng.random() < 0.6:
        z, r = h * rng.uniform(0.25, 0.6), thick * 0.5
        s = splay * (1 - z / h)
        parts += mirrored([rod((x + s, -y - s, z), (x + s, y + s, z), r, finish)], 0)
        parts.append(rod((-x - s, 0, z), (x + s, 0, z), r, finish))
    return parts


def _pedestal(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Trumpet foot of a tulip chair or disc foot of a bar chair."""
    foot, neck = w * rng.uniform(0.4, 0.52), rng.uniform(0.02, 0.035)
    curve = rng.uniform(0.1, 0.45)
    profile = spline([(foot, 0.012), (foot * 0.45, h * 0.08), (neck, h * curve), (neck, h)], 14)
    parts = [lathe([(0, 0), (foot, 0), *profile, (0, h)], finish)]
    if h > 0.6:
        parts += [ring(0.16, 0.01, (0, -0.04, h * 0.42), 2, finish)]
    return parts


def _star(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Five-armed office base on castors."""
    reach = w * rng.uniform(0.55, 0.65)
    arm = [bar((0, 0, 0.1), (reach, 0, 0.075), 0.03, 0.045, finish)]
    arm += mirrored([disc(0.03, 0.018, (reach, 0.018, 0.03), 1, "rubber")], 1)
    arm.append(rod((reach, 0, 0.03), (reach, 0, 0.08), 0.012, finish))
    parts = [p for k in range(5) for p in turn(arm, 72 * k + 18)]
    parts.append(
        lathe([(0, 0.06), (0.04, 0.06), (0.04, 0.2), (0.025, 0.2), (0.025, h), (0, h)], finish)
    )
    return [*parts, box((0.2, 0.2, 0.03), (0, 0, h - 0.015), "plastic")]


def _cantilever(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """One bent tube: floor loop, front rise, seat rails, back posts."""
    x, front, rear = w / 2 - 0.015, -d / 2 + 0.02, d / 2 + rng.uniform(-0.02, 0.06)
    path = [(0, rear, 0.015), (x, rear, 0.015), (x, front, 0.015), (x, front, h), (x, d / 2, h)]
    return mirrored([tube(_round_corners(path, 0.06), 0.013, finish)], 0)


def _round_corners(path: list[tuple[float, float, float]], radius: float) -> Array:
    """Replace each inner corner of a polyline with a short quadratic bend."""
    points = np.asarray(path, dtype=float)
    out = [points[:1]]
    t = np.linspace(0, 1, 6)[:, None]
    for a, b, c in zip(points[:-2], points[1:-1], points[2:], strict=True):
        p = b + (a - b) * min(0.45, radius / np.linalg.norm(a - b))
        q = b + (c - b) * min(0.45, radius / np.linalg.norm(c - b))
        out.append((1 - t) ** 2 * p + 2 * t * (1 - t) * b + t**2 * q)
    return np.concatenate([*out, points[-1:]])


def _sled(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Two closed side frames."""
    x, y = w / 2 - 0.01, d / 2 - 0.02
    lean = rng.uniform(-0.02, 0.06)
    path = [
        (x, -GAP, h),
        (x, -y, h),
        (x, -y - lean, 0.012),
        (x, y + lean, 0.012),
        (x, y, h),
        (x, GAP, h),
    ]
    return mirrored([tube(_round_corners(path, 0.05), 0.011, finish)], 0)


def _rockers(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Straight legs on two curved runners."""
    radius, x = rng.uniform(0.8, 1.1), w / 2 - 0.025
    angles = np.radians(np.linspace(-34, 36, 16))
    path = np.stack(
        [np.full(16, x), radius * np.sin(angles), radius * (1 - np.cos(angles)) + 0.02], -1
    )
    runner = sweep(path, rectangle(0.035, 0.03), finish, up=(0, 0, 1))
    legs = [
        rod((x, y, radius - np.sqrt(radius**2 - y**2) + 0.02), (x, y, h), 0.018, finish)
        for y in (-d / 2 + 0.03, d / 2 - 0.03)
    ]
    return mirrored([runner, *legs], 0)


def _folding(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    """Crossed legs of a folding or director's chair."""
    x, y = w / 2 - 0.012, d / 2
    sides = [
        bar((x, -y, 0), (x, y * 0.9, h), 0.035, 0.02, finish),
        bar((x - 0.025, y * 1.1, 0), (x - 0.025, -y * 0.9, h), 0.035, 0.02, finish),
    ]
    rungs = [rod((-x, s * y, 0.1), (x, s * y, 0.1), 0.01, finish) for s in (-0.8, 0.9)]
    return mirrored(sides, 0) + rungs


def _panel_back(rng: Rng, w: float, top: float, finish: str, pad: str) -> Parts:
    rise = top * rng.uniform(0.55, 0.95)
    back = pillow((w * rng.uniform(0.85, 1.0), 0.05, rise), (0, 0, top - rise / 2), pad, 5)
    return [
        back,
        *mirrored([rod((w * 0.3, 0.012, 0), (w * 0.3, 0.012, top * 0.7), 0.012, finish)], 0),
    ]


def _slat_back(rng: Rng, w: float, top: float, finish: str, pad: str) -> Parts:
    count, x = int(rng.integers(3, 8)), w / 2 - 0.02
    parts = mirrored([bar((x, 0, 0), (x, 0, top), 0.035, 0.03, finish)], 0)
    parts += [
        box((w, 0.03, 0.07), (0, 0, top - 0.02), finish),
        box((w, 0.025, 0.03), (0, 0, 0.1), finish),
    ]
    for t in np.linspace(-x, x, count + 2)[1:-1]:
        parts.append(box((0.022, 0.014, top - 0.1), (t, 0, top / 2 + 0.03), finish))
    return parts


def _ladder_back(rng: Rng, w: float, top: float, finish: str, pad: str) -> Parts:
    count, x = int(rng.integers(2, 6)), w / 2 - 0.015
    parts = mirrored([rod((x, 0, 0), (x, 0, top + 0.03), 0.016, finish, 0.012)], 0)
    parts += mirrored([ball(0.02, (x, 0, top + 0.04), finish)], 0)
    height = min(0.09, 0.6 * top / count)
    for z in np.linspace(top, 0.14, count):
        curve = [(t * x, 0.03 * (1 - t**2), z - height / 2) for t in np.linspace(-1, 1, 9)]
        parts.append(sweep(curve, rectangle(height, 0.014), finish, up=(0, 0, 1)))
    return parts


def _spindle_back(rng: Rng, w: float, top: float, finish: str, pad: str) -> Parts:
    """Windsor hoop with spindles."""
    half = w * rng.uniform(0.42, 0.5)
    angle = np.linspace(0, np.pi, 25)
    hoop = np.stack([half * np.cos(angle), 0 * angle, top * np.sin(angle) ** 0.7], -1)
    parts = [tube(hoop, 0.013, finish)]
    for t in np.linspace(-0.8, 0.8, int(rng.integers(4, 9))):
        z = top * np.sin(np.arccos(t)) ** 0.7
        parts.append(rod((t * half * 0.8, 0, 0), (t * half, 0, z), 0.007, finish))
    return parts


def _oval_back(rng: Rng, w: float, top: float, finish: str, pad: str) -> Parts:
    """Medallion, padded, in a frame."""
    rise = top * rng.uniform(0.6, 0.78)
    centre = (0, 0, top - rise / 2)
    oval = squircle(w * 0.88, rise, rng.uniform(2, 3.2), 36)
    path = np.column_stack([oval[:, 0], np.zeros(36), oval[:, 1]]) + np.array(centre)
    posts = mirrored([rod((w * 0.25, 0, 0), (w * 0.28, 0, top - rise * 0.8), 0.014, finish)], 0)
    return [
        tube(path, 0.018, finish, closed=True),
        pillow((w * 0.84, 0.05, rise * 0.95), centre, pad, 2.3),
        *posts,
    ]


def _shell_back(rng: Rng, w: float, top: float, finish: str, pad: str) -> Parts:
    """Moulded shell curving around the sitter."""
    wrap = rng.uniform(0.12, 0.3)
    rings = []
    for z, width in zip(
        np.linspace(-0.03, top, 9), spline([(0, 0.94), (0.5, 1.0), (1, 0.66)], 9)[:, 1], strict=True
    ):
        t = np.linspace(-1, 1, 15)
        y = -wrap * np.abs(t) ** 2.2 * (1 - 0.55 * max(z, 0) / top)
        outer = np.stack([t * w / 2 * width, y, np.full(15, z)], -1)
        rings.append(np.concatenate([outer, outer[::-1] + [0, -0.016, 0]]))
    return [loft(np.stack(rings), pad)]


_BASES = (_straight_legs, _star, _cantilever, _rockers, _pedestal, _sled, _folding)
_BACKS = (_slat_back, _panel_back, _ladder_back, _spindle_back, _oval_back, _shell_back)


def _arms(rng: Rng, w: float, d: float, h: float, finish: str) -> Parts:
    z, x = h + rng.uniform(0.18, 0.26), w / 2 + 0.01
    rest = pillow((0.05, d * 0.85, 0.03), (x, 0.02, z), finish, 4)
    return mirrored([rest, rod((x, -d * 0.3, h - 0.02), (x, -d * 0.3, z), 0.013, finish)], 0)


def chair(rng: Rng, style: int) -> Parts:
    """Chair: one of seven bases with one of six backs, perhaps arms, dining or bar height."""
    base = _BASES[style % len(_BASES)]
    back = _BACKS[int(rng.integers(len(_BACKS)))]
    if base in (_star, _cantilever, _sled, _pedestal):
        back = (_panel_back, _shell_back, _oval_back, _panel_back)[int(rng.integers(4))]
    tall = base in (_straight_legs, _pedestal, _sled) and rng.random() < 0.25
    w, d = rng.uniform(0.4, 0.52), rng.uniform(0.4, 0.48)
    h = rng.uniform(0.64, 0.76) if tall else rng.uniform(0.4, 0.47)
    metal = base in (_star, _cantilever, _sled, _pedestal)
    finish = _pick(rng, "chrome", "metal") if metal else _pick(rng, "wood", "wood", "paint")
    pad = (
        _pick(rng, "fabric", "leather", "plastic")
        if metal
        else _pick(rng, "wood", "fabric", finish)
    )
    top = rng.uniform(0.22, 0.35) if tall else rng.uniform(0.38, 0.6)
    parts = base(rng, w, d, h, finish) + _seat(rng, w, d, h, pad)
    lean = rotation(-rng.uniform(4, 16), 0)
    parts += [p.map(lean, (0, d / 2 - 0.03, h)) for p in back(rng, w, top, finish, pad)]
    if not tall and rng.random() < (0.7 if base in (_star, _rockers, _folding) else 0.3):
        parts += _arms(rng, w, d, h, finish)
    return parts


def _seat(rng: Rng, w: float, d: float, h: float, pad: str) -> Parts:
    thick = rng.uniform(0.05, 0.09) if pad in ("fabric", "leather") else rng.uniform(0.02, 0.035)
    if pad in ("fabric", "leather"):
        return [pillow((w, d, thick), (0, 0, h + thick / 2 - 0.02), pad, rng.uniform(4, 8))]
    outline = squircle(w, d, rng.uniform(2.2, 9), 32)
    return [slab(outline, h - 0.01, h - 0.01 + thick, pad, bevel=0.007)]


# --- tables ------------------------------------------------------------------------------------


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
        [tube(_round_corners(path, 0.04), rng.uniform(0.01, 0.022), "metal", sides=8)], 0
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
    wood = _pick(rng, "wood", "wood", "paint")
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
    top = _pick(rng, wood, "marble", "glasstop") if support in (_column, _frame_legs) else wood
    return [_table_top(rng, w, d, h, top, power), *support(rng, w, d, h - 0.01, wood)]


# --- sofas: the back is at +y -------------------------------------------------------------------


def _sofa_arm(
    rng: Rng, kind: int, d: float, h: float, rise: float, pad: str
) -> tuple[Parts, float]:
    """Right arm at x = 0 and its width."""
    thick = rng.uniform(0.1, 0.24)
    if kind == 0:
        return [pillow((thick, d, rise), (thick / 2, 0, 0.1 + rise / 2), pad, 10)], thick
    if kind == 1:
        roll = sweep(
            [(thick / 2, -d / 2, rise), (thick / 2, d / 2, rise)], circle(24, thick * 0.62), pad
        )
        return [
            pillow((thick * 0.8, d, rise), (thick / 2, 0, 0.1 + rise / 2 - 0.05), pad, 10),
            roll,
        ], thick
    if kind == 2:
        slope = [
            (thick / 2, -d / 2 + 0.03, 0.12 + rise * 0.55),
            (thick / 2, d / 2, 0.15 + rise * 1.1),
        ]
        side = sweep(slope, squircle(0.1, thick, 5), pad, up=(0, 0, 1))
        return [
            side,
            pillow((thick * 0.8, d, rise * 0.7), (thick / 2, 0, 0.1 + rise * 0.35), pad, 10),
        ], thick
    frame = [
        bar((0.03, s * d * 0.44, 0), (0.03, s * d * 0.44, rise + 0.1), 0.04, 0.04, "wood")
        for s in (-1, 1)
    ]
    return [*frame, box((0.07, d, 0.03), (0.03, 0, rise + 0.11), "wood")], 0.07


def _sofa_feet(rng: Rng, w: float, d: float) -> Parts:
    x, y, r = w / 2 - 0.08, d / 2 - 0.08, rng.uniform(0.018, 0.035)
    splay, finish = rng.uniform(0, 0.04), _pick(rng, "wood", "chrome")
    feet = [rod((x + splay, y + splay, 0), (x, y, 0.14), r * 0.6, finish, r)]
    feet.append(rod((x + splay, -y - splay, 0), (x, -y, 0.14), r * 0.6, finish, r))
    return mirrored(feet, 0)


def _cushions(rng: Rng, count: int, inner: float, d: float, seat: float, pad: str) -> Parts:
    unit, power = inner / count, rng.uniform(5, 9)
    x = (np.arange(count) - (count - 1) / 2) * unit
    return [pillow((unit * 0.99, d * 0.82, 0.17), (t, -d * 0.08, seat), pad, power) for t in x]


def _sofa_back(
    rng: Rng, kind: int, count: int, inner: float, y: float, seat: float, top: float, pad: str
) -> Parts:
    """Loose cushions, one tight pad, a camel hump, or buttoned roll."""
    tall = top - seat
    if kind == 0:
        unit = inner / count
        x = (np.arange(count) - (count - 1) / 2) * unit
        lean = rotation(-12, 0)
        cushion = pillow((unit * 0.97, 0.2, tall * 0.95), (0, 0, 0), pad, 4)
        return [cushion.map(lean, (t, y - 0.12, seat + tall * 0.52)) for t in x]
    if kind == 1:
        return [pillow((inner, 0.16, tall), (0, y - 0.05, seat + tall / 2), pad, 7)]
    t = np.linspace(-1, 1, 17)
    if kind == 2:
        crest = seat + tall * (0.75 + 0.4 * np.cos(t * np.pi / 2) ** 2)
        half = np.stack([t * inner / 2, np.full(17, y), (crest + seat) / 2], -1)
        rings = [
            np.column_stack([np.full(16, p[0]), o[:, 0] + y - 0.04, o[:, 1] + p[2]])
            for p, o in zip(
                half, (squircle(0.16, c - seat + 0.1, 4, 16) for c in crest), strict=True
            )
        ]
        return [loft(np.stack(rings), pad)]
    roll = sweep([(-inner / 2, y, top), (inner / 2, y, top)], circle(24, 0.09), pad)
    buttons = [
        disc(0.016, 0.02, (s, y - 0.085, seat + tall * v), 1, "dark")
        for v in (0.4, 0.65)
        for s in np.linspace(-inner / 2, inner / 2, 4 * count)[1:-1]
    ]
    return [pillow((inner, 0.16, tall), (0, y, seat + tall / 2), pad, 9), roll, *buttons]


def _chaise(rng: Rng, pad: str) -> Parts:
    """Reclining day bed: bent pad on a frame."""
    w, length = rng.uniform(0.6, 0.8), rng.uniform(1.5, 1.8)
    path = spline(
        [
            (-length / 2, 0, 0.3),
            (-length * 0.1, 0, 0.38),
            (length * 0.25, 0, 0.36),
            (length / 2, 0, 0.85),
        ],
        20,
    )
    pad_part = sweep(path, squircle(0.13, w, 6), pad, up=(0, 0, 1))
    roll = sweep(
        [path[-1] + [0.02, -w / 2, 0.04], path[-1] + [0.02, w / 2, 0.04]], circle(20, 0.09), pad
    )
    return turn(shift([pad_part, roll, *_sofa_feet(rng, length * 0.85, w)], (0, 0, 0.1)), 0) + [
        box((length * 0.85, w * 0.9, 0.1), (0, 0, 0.26), "wood")
    ]


def sofa(rng: Rng, style: int) -> Parts:
    """Sofa: one to four seats, four kinds of arm and of back, corner sofas and day beds."""
    pad = _pick(rng, "fabric", "fabric", "leather")
    if style % 6 == 5:
        return _chaise(rng, pad)
    count = int(rng.integers(1, 3)) if style % 6 == 4 else int(rng.integers(2, 5))
    inner, d = count * rng.uniform(0.55, 0.7), rng.uniform(0.78, 0.95)
    seat, rise = rng.uniform(0.36, 0.44), rng.uniform(0.4, 0.55)
    top = rng.uniform(0.72, 0.95)
    arm, thick = _sofa_arm(rng, style % 4, d, seat, rise, pad)
    w = inner + 2 * thick
    parts = mirrored(shift(arm, (inner / 2, 0, 0)), 0) + _sofa_feet(rng, w, d)
    parts.append(box((inner + thick, d * 0.92, 0.2), (0, 0, 0.22), pad))
    parts += _cushions(rng, count, inner, d, seat, pad)
    parts.append(
        pillow(
            (inner + thick * 0.3, 0.16, top - 0.14), (0, d / 2 - 0.08, (top + 0.12) / 2), pad, 10
        )
    )
    back = (0, 3, 2, 1, 0)[style % 6]
    parts += _sofa_back(rng, back, count, inner, d / 2 - 0.1, seat + 0.05, top, pad)
    if style % 6 == 3:
        parts += _corner(rng, inner / count, d, seat, pad, inner / 2 - inner / count / 2)
    if count > 1 and rng.random() < 0.5:
        parts += _throw_pillows(rng, inner, d, seat)
    return parts


def _corner(rng: Rng, unit: float, d: float, seat: float, pad: str, x: float) -> Parts:
    """Long seat which turns a sofa into a corner sofa."""
    reach = rng.uniform(0.6, 0.9)
    y = -d / 2 - reach / 2 + 0.05
    return [
        box((unit, reach, 0.2), (x, y, 0.22), pad),
        pillow((unit, reach + 0.1, 0.17), (x, y, seat), pad, 8),
        rod((x, y - reach * 0.4, 0), (x, y - reach * 0.4, 0.15), 0.025, "wood"),
    ]


def _throw_pillows(rng: Rng, inner: float, d: float, seat: float) -> Parts:
    """One to three scatter cushions leaning on the back."""
    tilt = rotation(-25, 0) @ rotation(rng.uniform(-20, 20), 1)
    return [
        pillow((0.38, 0.14, 0.38), (0, 0, 0), "accent", 3).map(tilt, (x, d * 0.08, seat + 0.25))
        for x in rng.uniform(-inner / 2 + 0.2, inner / 2 - 0.2, int(rng.integers(1, 4)))
    ]
