# ruff: noqa: RUF005 (vertices are NumPy arrays: plus adds them and does not join lists)
"""Chairs: the back is at +y, the sitter looks towards -y."""

from __future__ import annotations

import numpy as np

from ucmgcn.demo.solids import (
    GAP,
    Parts,
    Rng,
    ball,
    bar,
    box,
    disc,
    lathe,
    loft,
    mirrored,
    pick,
    pillow,
    rectangle,
    rod,
    rotation,
    round_corners,
    slab,
    spline,
    squircle,
    sweep,
    torus,
    tube,
    turn,
)


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
        parts += [torus(0.16, 0.01, (0, -0.04, h * 0.42), 2, finish)]
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
    return mirrored([tube(round_corners(path, 0.06), 0.013, finish)], 0)


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
    return mirrored([tube(round_corners(path, 0.05), 0.011, finish)], 0)


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
    finish = pick(rng, "chrome", "metal") if metal else pick(rng, "wood", "wood", "paint")
    pad = (
        pick(rng, "fabric", "leather", "plastic") if metal else pick(rng, "wood", "fabric", finish)
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
