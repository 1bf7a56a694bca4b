# ruff: noqa: RUF005 (vertices are NumPy arrays: plus adds them and does not join lists)
"""Parametric household things: lamps, mugs, bottles and guitars."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from ucmgcn.demo.solids import (
    Array,
    Part,
    Parts,
    ball,
    bar,
    box,
    disc,
    lathe,
    lift,
    loft,
    mirrored,
    pillow,
    rectangle,
    ring,
    rod,
    rotation,
    shell,
    shift,
    spline,
    squircle,
    sweep,
    tube,
    turn,
)

Rng = np.random.Generator
HUNG = (0.0, 0.0, 1.5)


def _pick(rng: Rng, *names: str) -> str:
    return names[int(rng.integers(len(names)))]


# --- lamps -------------------------------------------------------------------------------------


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
    rims = [ring(r, 0.004, (0, 0, h), 2, "metal") for r, h in (profile[0], profile[-1])]
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
    finish = _pick(rng, "ceramic", "ceramic", "wood", "metal")
    if kind == len(shapes):
        foot: Parts = [pillow((2 * r, 2 * r, h * 0.9), (0, 0, h * 0.45), finish, 9)]
    else:
        radii = np.array(shapes[kind]) * r * rng.uniform(0.85, 1.15, 9)
        foot = [lathe([(0, 0), *spline(np.column_stack([radii, z * h]), 36), (0, h)], finish)]
    foot += [
        disc(r * 1.25, 0.015, (0, 0, 0.0075), 2, finish),
        rod((0, 0, h * 0.9), (0, 0, h + 0.08), 0.008, "metal"),
    ]
    kind_of_shade = _pick(rng, "drum", "cone", "bell", "pleat", "cone")
    return foot + _shade(rng, rng.uniform(0.13, 0.21), h + 0.02, kind_of_shade)


def _desk_lamp(rng: Rng) -> Parts:
    """Two-armed task lamp with springs and a reflector."""
    finish = _pick(rng, "paint", "chrome", "plastic")
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
    finish = _pick(rng, "metal", "chrome", "dark", "wood")
    base = lathe([(0, 0), (0.15, 0), (0.15, 0.02), (0.03, 0.04), (0, 0.05)], finish)
    if kind == 0:
        pole = rod((0, 0, 0.03), (0, 0, h + 0.05), 0.014, finish)
        return [
            base,
            pole,
            *_shade(rng, rng.uniform(0.18, 0.27), h, _pick(rng, "drum", "cone", "bell", "pleat")),
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
        return [base, tube(path, 0.013, finish), *shift(hood, path[-1] - [0, 0, 0.13])]
    bowl = spline([(0.03, 0), (0.12, 0.03), (0.19, 0.1), (0.21, 0.13)], 12) + [0, h]
    return [
        base,
        rod((0, 0, 0.03), (0, 0, h + 0.01), 0.014, finish),
        shell(bowl, 0.006, "shade"),
        disc(0.05, 0.01, (0, 0, h + 0.005), 2, finish),
    ]


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
        shell(dome, 0.006, _pick(rng, "paint", "shade", "metal")),
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
    if rng.random() < 0.5:
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


# --- mugs --------------------------------------------------------------------------------------


def _mug_profile(kind: int, r: float, h: float, rng: Rng) -> Array:
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


def _handle(rng: Rng, kind: int, profile: Array, r: float, h: float) -> Parts:
    """Handle at +x: C, D, ear, square or finger ring."""
    low, high = h * rng.uniform(0.16, 0.3), h * rng.uniform(0.74, 0.86)
    x0, x1 = (np.interp(z, profile[:, 1], profile[:, 0]) - 0.002 for z in (low, high))
    reach = r * rng.uniform(0.5, 0.75)
    out = max(x0, x1) + reach
    paths = (
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
    knots = np.array(paths[kind % len(paths)])
    t = np.linspace(0, len(knots) - 1, 28)
    curve = CubicSpline(np.arange(len(knots)), knots)(t)
    path = np.column_stack([curve[:, 0], np.zeros(28), curve[:, 1]])
    outline = squircle(r * rng.uniform(0.14, 0.22), r * rng.uniform(0.22, 0.36), 2.6, 14)
    return [sweep(path, outline, "ceramic", up=(1, 0, 0))]


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
        s = r * rng.uniform(1.75, 2.1)
        saucer = lathe(
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
        parts.append(saucer)
    elif rng.random() < 0.4:
        band = h * rng.uniform(0.2, 0.8)
        parts.append(
            ring(
                np.interp(band, profile[:, 1], profile[:, 0]), 0.0018, (0, 0, band), 2, "accent", 48
            )
        )
    return parts


# --- bottles -----------------------------------------------------------------------------------

_BOTTLES = {
    "bordeaux": (
        [(0.9, 0), (1.0, 0.03), (1.0, 0.6), (0.9, 0.68), (0.4, 0.76), (0.36, 1.0)],
        0.037,
        0.3,
    ),
    "burgundy": (
        [(0.9, 0), (1.0, 0.03), (1.0, 0.42), (0.75, 0.6), (0.38, 0.78), (0.33, 1.0)],
        0.041,
        0.3,
    ),
    "longneck": (
        [(0.92, 0), (1.0, 0.03), (1.0, 0.52), (0.85, 0.62), (0.45, 0.76), (0.4, 1.0)],
        0.031,
        0.235,
    ),
    "contour": (
        [(0.95, 0), (1.0, 0.1), (0.78, 0.3), (0.98, 0.5), (0.92, 0.62), (0.45, 0.8), (0.4, 1.0)],
        0.033,
        0.24,
    ),
    "water": (
        [(0.85, 0), (1.0, 0.04), (1.0, 0.62), (0.98, 0.7), (0.45, 0.9), (0.42, 1.0)],
        0.033,
        0.22,
    ),
    "whisky": (
        [(0.97, 0), (1.0, 0.03), (1.0, 0.62), (0.85, 0.7), (0.36, 0.76), (0.34, 1.0)],
        0.045,
        0.25,
    ),
    "champagne": (
        [(0.88, 0), (1.0, 0.05), (1.0, 0.36), (0.8, 0.55), (0.42, 0.78), (0.3, 1.0)],
        0.045,
        0.31,
    ),
    "jug": ([(0.9, 0), (1.0, 0.06), (1.03, 0.4), (0.9, 0.62), (0.4, 0.8), (0.34, 1.0)], 0.07, 0.26),
    "flask": (
        [(0.95, 0), (1.0, 0.03), (1.0, 0.78), (0.95, 0.82), (0.75, 0.88), (0.72, 1.0)],
        0.037,
        0.26,
    ),
    "milk": (
        [(0.95, 0), (1.0, 0.03), (1.0, 0.5), (0.9, 0.6), (0.55, 0.78), (0.55, 0.92), (0.62, 1.0)],
        0.042,
        0.22,
    ),
}


def bottle(rng: Rng, style: int) -> Parts:
    """Bottle: wine, beer, soft drink, water, spirits, sparkling wine, jug, flask or milk."""
    kind = list(_BOTTLES)[style % len(_BOTTLES)]
    shape, radius, height = _BOTTLES[kind]
    r, h = radius * rng.uniform(0.88, 1.14), height * rng.uniform(0.88, 1.12)
    knots = np.array(shape) * [r, h]
    knots[1:-2, 0] *= rng.uniform(0.95, 1.05, len(knots) - 3)
    profile = spline(knots, 48)
    finish = {"water": "clear", "flask": "steel", "milk": "milk"}.get(kind, "bottle")
    if kind == "water":
        grooves = (profile[:, 1] > 0.1 * h) & (profile[:, 1] < 0.6 * h)
        profile[:, 0] *= 1 - 0.04 * grooves * (np.sin(profile[:, 1] / h * 75) > 0)
    body = (
        _square(profile, finish)
        if kind == "whisky"
        else lathe([(0, 0), *profile, (0, h)], finish, 36)
    )
    neck = profile[-1, 0]
    parts = [body, ring(neck, neck * 0.16, (0, 0, h * 0.97), 2, finish)]
    parts += _stopper(rng, kind, neck, h)
    if kind == "jug":
        path = spline(
            [
                (neck, 0, h * 0.9),
                (r * 0.95, 0, h * 0.93),
                (r * 1.25, 0, h * 0.75),
                (r * 0.93, 0, h * 0.58),
            ],
            18,
        )
        parts.append(tube(path, r * 0.1, finish))
    if kind not in ("flask", "milk") and rng.random() < 0.85:
        parts.append(_label(rng, profile, r, h, kind))
    return parts


def _square(profile: Array, finish: str) -> Part:
    """Bottle with a square body running into a round neck."""
    top = profile[:, 1].max()
    rings = [
        lift(squircle(2 * q, 2 * q, 7 - 5 * float(np.clip((z / top - 0.6) * 7, 0, 1)), 36), z)
        for q, z in profile
    ]
    return loft(np.stack(rings), finish)


def _label(rng: Rng, profile: Array, r: float, h: float, kind: str) -> Part:
    """Paper band a hair above the glass."""
    low, high = h * rng.uniform(0.1, 0.2), h * rng.uniform(0.34, 0.46)
    z = np.linspace(low, high, 8)
    radii = np.interp(z, profile[:, 1], profile[:, 0]) + r * 0.015
    band = np.column_stack([radii, z])
    if kind == "whisky":
        side = squircle(2 * radii.max(), 2 * radii.max(), 7, 36)
        return loft(np.stack([lift(side, low), lift(side, high)]), "label")
    return lathe([(0, low), *band, (0, high)], "label", 36)


def _stopper(rng: Rng, kind: str, neck: float, h: float) -> Parts:
    """Cork, crown cap, screw cap or foil."""
    if kind in ("bordeaux", "burgundy", "champagne"):
        foil = lathe(
            [(0, h * 0.8), (neck * 1.12, h * 0.8), (neck * 1.12, h * 1.005), (0, h * 1.01)],
            "foil",
            28,
        )
        return (
            [foil]
            if rng.random() < 0.7
            else [rod((0, 0, h * 0.95), (0, 0, h + 0.015), neck * 0.8, "wood")]
        )
    if kind in ("longneck", "contour") and rng.random() < 0.6:
        return [
            lathe(
                [(0, h), (neck * 1.25, h - 0.004), (neck * 1.15, h + 0.003), (0, h + 0.004)],
                "foil",
                21,
            )
        ]
    tall = 0.04 if kind == "flask" else 0.018
    wide = neck * (1.08 if kind == "flask" else 1.2)
    return [
        lathe(
            [
                (0, h - 0.008),
                (wide, h - 0.008),
                (wide, h + tall),
                (wide * 0.9, h + tall + 0.002),
                (0, h + tall + 0.002),
            ],
            "plastic",
            24,
        )
    ]


# --- guitars: upright, the strings face -y -----------------------------------------------------

_BOUTS = {
    "dreadnought": [
        (0.55, 0),
        (0.93, 0.1),
        (1.0, 0.25),
        (0.82, 0.55),
        (0.8, 0.66),
        (0.78, 0.85),
        (0.45, 1),
    ],
    "classical": [
        (0.5, 0),
        (0.9, 0.1),
        (1.0, 0.26),
        (0.68, 0.58),
        (0.66, 0.65),
        (0.75, 0.85),
        (0.42, 1),
    ],
    "jumbo": [
        (0.6, 0),
        (0.97, 0.12),
        (1.0, 0.28),
        (0.62, 0.58),
        (0.6, 0.64),
        (0.7, 0.84),
        (0.42, 1),
    ],
    "single": [
        (0.5, 0),
        (0.92, 0.1),
        (1.0, 0.25),
        (0.66, 0.58),
        (0.66, 0.66),
        (0.74, 0.84),
        (0.4, 1),
    ],
    "double": [
        (0.5, 0),
        (0.9, 0.1),
        (0.98, 0.25),
        (0.7, 0.58),
        (0.7, 0.68),
        (0.78, 0.82),
        (0.72, 0.9),
        (0.35, 0.93),
    ],
}


def _body(
    bouts: list[tuple[float, float]],
    width: float,
    length: float,
    depth: float,
    finish: str,
    cutaway: bool,
) -> Part:
    """Guitar body from its outline; a cutaway takes the upper bout of one side away."""
    half = spline(np.array(bouts)[:, ::-1] * [length, width / 2], 40)
    z, right = half[:, 0], half[:, 1].copy()
    if cutaway:
        scoop = np.clip((z / length - 0.8) / 0.2, 0, 1)
        right = right * (1 - scoop) + np.minimum(right, width * 0.13) * scoop
    levels = [(-0.5, 0.97), (-0.42, 1.0), (0.42, 1.0), (0.5, 0.97)]
    rings = []
    for h, left, r in zip(z, half[:, 1], right, strict=True):
        front = [(-left * s, t * depth) for t, s in levels]
        back = [(r * s, t * depth) for t, s in levels[::-1]]
        rings.append([(x, y, h) for x, y in front + back])
    return loft(np.array(rings), finish)


def _neck(length: float, z: float, width: float, y: float, frets: int) -> Parts:
    """Neck, fingerboard, frets and nut from ``z`` upwards."""
    top = z + length
    back = sweep(
        [(0, y + 0.012, z - 0.03), (0, y + 0.012, top)],
        squircle(0.03, width, 2.5),
        "wood",
        scale=[1.1, 0.9],
        up=(0, 1, 0),
    )
    board = bar((0, y - 0.006, z - 0.12), (0, y - 0.006, top), width, 0.008, "darkwood")
    bars = [
        box(
            (width, 0.003, 0.002),
            (0, y - 0.011, top - length * 1.25 * (1 - 2 ** (-k / 12))),
            "metal",
        )
        for k in range(1, frets)
    ]
    return [back, board, *bars]


def _headstock(rng: Rng, z: float, y: float, width: float, kind: int, pegs: int) -> Parts:
    """Head with tuners: slotted, in line, or three a side."""
    tall, lean = rng.uniform(0.15, 0.19), rotation(8, 0)
    head: Parts = [box((width * 1.5, 0.016, tall), (0, 0, tall / 2), "wood")]
    if kind == 1:
        head = [
            sweep(
                [(0, 0, 0), (width * 0.2, 0, tall * 0.5), (width * 0.45, 0, tall)],
                rectangle(0.016, width * 1.25),
                "wood",
                up=(0, 1, 0),
            )
        ]
    sides = [-1] if kind == 1 else [-1, 1]
    for s in sides:
        for t in np.linspace(0.18, 0.85, pegs // len(sides)):
            x = s * width * 0.75 + (width * 0.4 * t if kind == 1 else 0)
            head.append(rod((x, 0, tall * t), (x + s * 0.022, 0, tall * t), 0.003, "chrome"))
            head.append(pillow((0.012, 0.008, 0.018), (x + s * 0.026, 0, tall * t), "chrome", 3))
    return [p.map(lean, (0, y, z)) for p in head]


def _strings(low: float, high: float, y: float, width: float, count: int) -> Parts:
    x = np.linspace(-0.4, 0.4, count) * width
    return [tube([(t, y, low), (t * 0.8, y + 0.002, high)], 0.0012, "chrome", sides=4) for t in x]


def _acoustic(rng: Rng, kind: str, small: bool) -> Parts:
    """Hollow guitar with a sound hole; the small one is a ukulele."""
    k = rng.uniform(0.52, 0.6) if small else rng.uniform(0.94, 1.06)
    length, width, depth = 0.5 * k, 0.4 * k * rng.uniform(0.93, 1.05), 0.1 * k
    neck, board = 0.36 * k, 0.052 * (k + 0.3 if small else k)
    front = -depth / 2
    parts = [
        _body(_BOUTS[kind], width, length, depth, "wood", kind == "jumbo" or rng.random() < 0.25)
    ]
    hole = 0.05 * k
    parts += [
        disc(hole, 0.004, (0, front, length * 0.66), 1, "dark"),
        ring(hole * 1.15, 0.003, (0, front, length * 0.66), 1, "darkwood"),
    ]
    parts.append(box((0.17 * k, 0.012, 0.03 * k), (0, front - 0.004, length * 0.3), "darkwood"))
    if kind != "classical" and not small:
        parts.append(
            pillow((0.09 * k, 0.004, 0.15 * k), (hole * 1.5, front, length * 0.55), "dark", 2.5)
        )
    count = 4 if small else 6
    parts += _neck(neck, length, board, front + 0.0, 13 if small else 18)
    parts += _headstock(rng, length + neck, front + 0.01, board, 0, count)
    return parts + _strings(length * 0.3, length + neck, front - 0.014, board, count)


def _electric(rng: Rng, kind: str) -> Parts:
    """Solid body: single cut, double cut with horns, V, or bass."""
    bass = kind == "bass"
    length, width, depth = rng.uniform(0.38, 0.44), rng.uniform(0.31, 0.35), 0.045
    neck, board = (0.56 if bass else 0.42) * rng.uniform(0.96, 1.05), 0.05
    parts = _solid_body(rng, kind, width, length, depth)
    parts += _fittings(rng, kind, width, length, -depth / 2)
    front, long_scale = -depth / 2, kind in ("double", "bass")
    count, top = 4 if bass else 6, length * 0.92
    parts += _neck(neck, top, board, front, 22)
    parts += _headstock(rng, top + neck, front + 0.01, board, int(long_scale), count)
    return parts + _strings(length * 0.24, top + neck, front - 0.016, board, count)


def _solid_body(rng: Rng, kind: str, width: float, length: float, depth: float) -> Parts:
    """Solid body: a V, one rounded cutaway, or two horns."""
    if kind == "v":
        limb = sweep(
            [(0.02, 0, length * 0.95), (rng.uniform(0.16, 0.2), 0, 0)],
            squircle(depth, 0.13, 8),
            "paint",
            scale=[0.75, 1.15],
            up=(0, 1, 0),
        )
        return mirrored([limb], 0)
    if kind == "single":
        return [_body(_BOUTS["single"], width, length, depth, "paint", True)]
    parts = [_body(_BOUTS["double"], width, length, depth, "paint", False)]
    outline, taper = squircle(depth * 0.98, 0.1, 4), np.linspace(1, 0.3, 10)
    for s, reach in ((-1, rng.uniform(0.07, 0.11)), (1, 0.055)):
        x, z = s * width * 0.3, length * 0.85
        horn = spline([(x, 0, z - 0.06), (x * 1.05, 0, z + 0.03), (x * 0.85, 0, z + reach)], 10)
        parts.append(sweep(horn, outline, "paint", scale=taper, up=(0, 1, 0)))
    return parts


def _fittings(rng: Rng, kind: str, width: float, length: float, front: float) -> Parts:
    """Pickups and bridge; a guard and knobs on all but the V."""
    parts = [
        pillow((0.085, 0.014, 0.03), (0, front, length * z), "dark", 5)
        for z in (0.36, 0.5, 0.64)[: int(rng.integers(2, 4))]
    ]
    parts.append(box((0.08, 0.014, 0.025), (0, front - 0.005, length * 0.24), "chrome"))
    if kind == "v":
        return parts
    size, middle = (width * 0.5, 0.005, length * 0.55), (width * 0.1, front, length * 0.5)
    knobs = [
        disc(0.011, 0.02, (width * 0.32, front - 0.006, length * z), 1, "chrome")
        for z in (0.14, 0.22, 0.3)
    ]
    return [*parts, pillow(size, middle, "accent", 2.6), *knobs]


def guitar(rng: Rng, style: int) -> Parts:
    """Guitar: three acoustic bodies, ukulele, four electric ones."""
    kinds = (
        lambda: _acoustic(rng, "dreadnought", False),
        lambda: _electric(rng, "double"),
        lambda: _acoustic(rng, "classical", False),
        lambda: _electric(rng, "single"),
        lambda: _acoustic(rng, "jumbo", False),
        lambda: _electric(rng, "v"),
        lambda: _acoustic(rng, "classical", True),
        lambda: _electric(rng, "bass"),
    )
    return kinds[style % len(kinds)]()
