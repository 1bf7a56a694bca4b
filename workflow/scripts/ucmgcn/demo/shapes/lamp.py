# ruff: noqa: RUF005 (vertices are NumPy arrays: plus adds them and does not join lists)
"""Lamps that stand or hang."""

from __future__ import annotations

import numpy as np

from ucmgcn.demo.solids import (
    Part,
    Parts,
    Rng,
    ball,
    disc,
    lathe,
    loft,
    mirrored,
    pick,
    pillow,
    rod,
    rotation,
    shell,
    shift,
    spline,
    torus,
    tube,
    turn,
)

HUNG = (0.0, 0.0, 1.5)


def _shade(rng: Rng, radius: float, z: float, kind: str) -> Parts:
    """Drum, cone, bell, pleated or globe shade around a bulb, its lower rim at ``z``."""
    tall = radius * rng.uniform(0.9, 1.5)
    if kind == "globe":
        return [ball(radius * 0.85, (0, 0, z + radius * 0.8), "shade")]
    top = {
        "drum": rng.uniform(0.85, 1.0),
        "cone": rng.uniform(0.25, 0.55),
        "bell": 0.4,
        "pleat": 0.6,
    }[kind]
    profile = [(radius, z), (radius * top, z + tall)]
    if kind == "bell":
        profile = [
            tuple(p)
            for p in spline(
                [(radius, z), (radius * 0.55, z + tall * 0.5), (radius * 0.4, z + tall)], 10
            )
        ]
    cover = shell(profile, 0.006, "shade", 40)
    if kind == "pleat":
        cover = _pleat(cover)
    rims = [torus(r, 0.004, (0, 0, h), 2, "metal") for r, h in (profile[0], profile[-1])]
    return [cover, *rims, ball(0.04, (0, 0, z + tall * 0.4), "lamp")]


def _pleat(part: Part) -> Part:
    """Ripple a surface of revolution around z."""
    angle = np.arctan2(part.vertices[:, 1], part.vertices[:, 0])
    ripple = 1 + 0.05 * np.sign(np.sin(angle * 20 + 0.1))
    return Part(
        part.vertices * np.column_stack([ripple, ripple, np.ones_like(ripple)]),
        part.faces,
        part.finish,
    )


def _table_lamp(rng: Rng) -> Parts:
    """Foot turned, gourd-shaped or a block, under a fabric shade."""
    h, r = rng.uniform(0.26, 0.42), rng.uniform(0.05, 0.1)
    z = np.linspace(0, 1, 9)
    shapes = (
        [1.0, 0.9, 0.4, 0.7, 1.0, 0.7, 0.35, 0.25, 0.15],
        [0.8, 1.0, 1.25, 1.3, 1.1, 0.8, 0.55, 0.5, 0.15],
        [1.1, 0.5, 0.2, 0.16, 0.15, 0.15, 0.16, 0.2, 0.12],
        [0.9, 1.25, 0.9, 0.55, 0.85, 0.55, 0.4, 0.5, 0.12],
    )
    kind = int(rng.integers(len(shapes) + 1))
    finish = pick(rng, "ceramic", "ceramic", "wood", "metal")
    if kind == len(shapes):
        foot: Parts = [pillow((2 * r, 2 * r, h * 0.9), (0, 0, h * 0.45), finish, 9)]
    else:
        radii = np.array(shapes[kind]) * r * rng.uniform(0.85, 1.15, 9)
        foot = [lathe([(0, 0), *spline(np.column_stack([radii, z * h]), 36), (0, h)], finish)]
    foot += [
        disc(r * 1.25, 0.015, (0, 0, 0.0075), 2, finish),
        rod((0, 0, h * 0.9), (0, 0, h + 0.08), 0.008, "metal"),
    ]
    kind_of_shade = pick(rng, "drum", "cone", "bell", "pleat", "cone")
    return foot + _shade(rng, rng.uniform(0.13, 0.21), h + 0.02, kind_of_shade)


def _desk_lamp(rng: Rng) -> Parts:
    """Two-armed task lamp with springs and a reflector."""
    finish = pick(rng, "paint", "chrome", "plastic")
    lower, upper = rng.uniform(0.28, 0.4), rng.uniform(0.25, 0.38)
    a, b = np.radians(rng.uniform(60, 110)), np.radians(rng.uniform(-10, 45))
    elbow = np.array([-np.cos(a) * lower, 0, 0.04 + np.sin(a) * lower])
    head = elbow + np.array([np.cos(b), 0, np.sin(b)]) * upper
    foot = rng.uniform(0.075, 0.11)
    parts = [lathe([(0, 0), (foot, 0), (foot, 0.015), (foot * 0.3, 0.035), (0, 0.04)], finish)]
    for p, q in (((0, 0, 0.03), elbow), (elbow, head)):
        ends = np.asarray(p), np.asarray(q)
        parts += mirrored([rod(ends[0] + [0, 0.014, 0], ends[1] + [0, 0.014, 0], 0.006, finish)], 1)
    parts += [disc(0.018, 0.05, elbow, 1, "dark"), disc(0.016, 0.05, head, 1, "dark")]
    r = rng.uniform(0.065, 0.095)
    profile = spline([(r, 0), (r * 0.92, 0.04), (r * 0.42, 0.1), (r * 0.35, 0.15)], 12)
    hood = [
        shell(profile, 0.004, finish),
        disc(r * 0.36, 0.01, (0, 0, 0.15), 2, finish),
        ball(0.033, (0, 0, 0.045), "lamp"),
    ]
    tilt = rotation(rng.uniform(-35, 10), 1)
    return parts + [p.map(tilt, head + tilt @ [0, 0, -0.15]) for p in hood]


def _floor_lamp(rng: Rng, kind: int) -> Parts:
    """Standing lamp: straight pole, tripod, arc or uplighter."""
    h = rng.uniform(1.2, 1.55)
    finish = pick(rng, "metal", "chrome", "dark", "wood")
    base = lathe([(0, 0), (0.15, 0), (0.15, 0.02), (0.03, 0.04), (0, 0.05)], finish)
    if kind == 0:
        pole = rod((0, 0, 0.03), (0, 0, h + 0.05), 0.014, finish)
        return [
            base,
            pole,
            *_shade(rng, rng.uniform(0.18, 0.27), h, pick(rng, "drum", "cone", "bell", "pleat")),
        ]
    if kind == 1:
        leg = rod((rng.uniform(0.24, 0.34), 0, 0), (0.02, 0, h * 0.97), 0.013, "wood", 0.016)
        legs = [p for k in range(3) for p in turn([leg], 120 * k)]
        return [
            *legs,
            disc(0.05, 0.04, (0, 0, h * 0.97), 2, "metal"),
            *_shade(rng, rng.uniform(0.2, 0.28), h, "drum"),
        ]
    if kind == 2:
        return [base, *_arched(rng, h, finish)]
    bowl = spline([(0.03, 0), (0.12, 0.03), (0.19, 0.1), (0.21, 0.13)], 12) + [0, h]
    return [
        base,
        rod((0, 0, 0.03), (0, 0, h + 0.01), 0.014, finish),
        shell(bowl, 0.006, "shade"),
        disc(0.05, 0.01, (0, 0, h + 0.005), 2, finish),
    ]


def _arched(rng: Rng, h: float, finish: str) -> Parts:
    """Arched pole, with a hood at its end."""
    reach = rng.uniform(0.6, 0.9)
    path = spline(
        [
            (0, 0, 0.03),
            (0, 0, h * 0.6),
            (reach * 0.35, 0, h),
            (reach * 0.85, 0, h * 0.98),
            (reach, 0, h * 0.82),
        ],
        30,
    )
    bowl = spline([(0.17, 0), (0.15, 0.06), (0.08, 0.12), (0.02, 0.14)], 12)
    hood = [shell(bowl, 0.005, "metal"), ball(0.05, (0, 0, 0.03), "lamp")]
    return [tube(path, 0.013, finish), *shift(hood, path[-1] - [0, 0, 0.13])]


def _pendant(rng: Rng) -> Parts:
    """Hanging lamp with canopy and cord, or a chandelier."""
    drop = rng.uniform(0.4, 0.7)
    parts = [
        disc(0.06, 0.025, (0, 0, drop + 0.2), 2, "metal"),
        rod((0, 0, 0.1), (0, 0, drop + 0.2), 0.006, "dark"),
    ]
    if rng.random() < 0.4:
        return shift(parts + _chandelier(rng), HUNG)
    r = rng.uniform(0.15, 0.26)
    dome = spline([(r, 0), (r * 0.96, r * 0.25), (r * 0.6, r * 0.65), (0.03, r * 0.8)], 16)
    cup = [
        shell(dome, 0.006, pick(rng, "paint", "shade", "metal")),
        disc(0.032, 0.03, (0, 0, r * 0.81), 2, "metal"),
    ]
    return shift([*parts, *cup, ball(0.05, (0, 0, r * 0.2), "lamp")], HUNG)


def _chandelier(rng: Rng) -> Parts:
    count, reach = int(rng.integers(5, 9)), rng.uniform(0.22, 0.34)
    path = spline(
        [(0.02, 0, 0.12), (reach * 0.5, 0, 0.0), (reach * 0.95, 0, 0.03), (reach, 0, 0.1)], 16
    )
    cup = [tube(path, 0.008, "metal"), disc(0.03, 0.012, (reach, 0, 0.1), 2, "metal")]
    cup += [
        rod((reach, 0, 0.1), (reach, 0, 0.18), 0.011, "ceramic"),
        pillow((0.03, 0.03, 0.05), (reach, 0, 0.205), "lamp", 2),
    ]
    arms = [p for k in range(count) for p in turn(cup, 360 * k / count)]
    return [*arms, ball(0.045, (0, 0, 0.12), "metal"), ball(0.025, (0, 0, 0.06), "metal")]


def _mushroom(rng: Rng) -> Parts:
    """One-piece modern lamp, or a banker's lamp with a trough shade."""
    r = rng.uniform(0.14, 0.2)
    return _dome(rng, r) if rng.random() < 0.5 else _trough(rng, r)


def _dome(rng: Rng, r: float) -> Parts:
    h = r * rng.uniform(1.3, 1.9)
    stem = lathe(
        [
            (0, 0),
            (r * 0.55, 0),
            *spline([(r * 0.55, 0.01), (r * 0.22, h * 0.5), (r * 0.2, h)], 12),
            (0, h),
        ],
        "ceramic",
    )
    dome = lathe(
        [
            (0, h * 0.85),
            (r, h * 0.85),
            *spline([(r, h * 0.87), (r * 0.8, h * 1.15), (0.02, h * 1.3)], 14),
            (0, h * 1.3),
        ],
        "shade",
    )
    return [stem, dome]


def _trough(rng: Rng, r: float) -> Parts:
    h = rng.uniform(0.28, 0.36)
    half = np.stack(
        [0.09 * np.cos(np.linspace(0, np.pi, 14)), 0.09 * np.sin(np.linspace(0, np.pi, 14))], -1
    )
    outline = np.concatenate([half, half[::-1] * 0.94])
    rings = [np.column_stack([outline[:, 0], np.full(28, y), outline[:, 1] + h]) for y in (-r, r)]
    foot = lathe(
        [
            (0, 0),
            (0.1, 0),
            (0.1, 0.015),
            (0.03, 0.04),
            (0.012, 0.06),
            (0.012, h + 0.08),
            (0, h + 0.08),
        ],
        "metal",
    )
    return [
        foot,
        loft(np.stack(rings), "shade"),
        rod((0, -r * 0.8, h + 0.04), (0, r * 0.8, h + 0.04), 0.015, "lamp"),
    ]


def lamp(rng: Rng, style: int) -> Parts:
    """Lamp: table, desk, floor (pole, tripod, arc, uplighter), hanging, mushroom or banker's."""
    kinds = (
        lambda: _table_lamp(rng),
        lambda: _desk_lamp(rng),
        lambda: _floor_lamp(rng, 0),
        lambda: _pendant(rng),
        lambda: _table_lamp(rng),
        lambda: _floor_lamp(rng, 1),
        lambda: _mushroom(rng),
        lambda: _floor_lamp(rng, 2),
        lambda: _desk_lamp(rng),
        lambda: _floor_lamp(rng, 3),
    )
    return kinds[style % len(kinds)]()
