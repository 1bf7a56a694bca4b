# ruff: noqa: RUF005 (vertices are NumPy arrays: plus adds them and does not join lists)
"""Parametric vehicles: cars, airplanes and bicycles (nose towards -x)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ucmgcn.demo.solids import (
    Array,
    Part,
    Parts,
    bar,
    box,
    disc,
    lathe,
    loft,
    mirrored,
    pillow,
    rectangle,
    ring,
    rod,
    shift,
    spline,
    squircle,
    sweep,
    tube,
    turn,
)

Rng = np.random.Generator


# --- cars --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _CarPlan:
    """Proportions of a car body; stations are fractions of the length from the nose."""

    length: float
    width: float
    belt: float
    roof: float
    hood: float
    tail: float
    screen: tuple[float, float]
    rear: tuple[float, float]
    wheel: float
    clearance: float
    round: float


_CARS = {
    "sedan": _CarPlan(
        4.6, 1.8, 0.92, 1.44, 0.80, 0.93, (0.29, 0.43), (0.71, 0.86), 0.32, 0.20, 5.0
    ),
    "hatchback": _CarPlan(
        3.9, 1.7, 0.95, 1.50, 0.84, 0.92, (0.25, 0.41), (0.86, 0.97), 0.30, 0.20, 4.5
    ),
    "suv": _CarPlan(4.6, 1.9, 1.12, 1.75, 1.03, 1.10, (0.27, 0.37), (0.90, 0.975), 0.39, 0.31, 7.0),
    "pickup": _CarPlan(
        5.2, 1.9, 1.10, 1.76, 1.03, 1.02, (0.27, 0.37), (0.57, 0.60), 0.40, 0.34, 8.0
    ),
    "van": _CarPlan(
        4.9, 1.9, 1.15, 1.98, 1.00, 1.15, (0.09, 0.22), (0.955, 0.985), 0.34, 0.23, 7.0
    ),
    "sports": _CarPlan(
        4.3, 1.9, 0.80, 1.16, 0.66, 0.84, (0.34, 0.50), (0.66, 0.93), 0.33, 0.13, 3.6
    ),
    "beetle": _CarPlan(
        4.0, 1.6, 0.90, 1.48, 0.78, 0.72, (0.31, 0.40), (0.62, 0.86), 0.32, 0.22, 2.8
    ),
    "limousine": _CarPlan(
        5.9, 1.85, 0.92, 1.43, 0.82, 0.90, (0.22, 0.31), (0.80, 0.89), 0.33, 0.20, 6.0
    ),
}


def _vary(plan: _CarPlan, rng: Rng) -> _CarPlan:
    """Other proportions of the same body type."""
    f = rng.uniform(0.94, 1.07, 6)
    return _CarPlan(
        plan.length * f[0],
        plan.width * f[1],
        plan.belt * f[2],
        plan.roof * f[2] * f[3],
        plan.hood * f[2] * f[4],
        plan.tail * f[2] * f[5],
        plan.screen,
        plan.rear,
        plan.wheel * rng.uniform(0.95, 1.1),
        plan.clearance * rng.uniform(0.9, 1.15),
        plan.round * rng.uniform(0.8, 1.3),
    )


def _car_body(c: _CarPlan) -> Part:
    """Lower body: superelliptic sections along x, narrowing at nose and tail."""
    low = c.clearance
    nose = low + (c.hood - low) * 0.62
    s = [0.0, 0.012, 0.06, c.screen[0], (c.screen[0] + c.rear[1]) / 2, c.rear[1], 0.95, 0.99, 1.0]
    top = [
        nose * 0.9,
        nose,
        c.hood * 0.93,
        c.belt,
        c.belt * 1.0,
        c.belt,
        c.tail,
        c.tail * 0.93,
        c.tail * 0.8,
    ]
    wide = [0.72, 0.84, 0.95, 1.0, 1.0, 1.0, 0.95, 0.86, 0.74]
    curve = spline(np.column_stack([s, top, wide]), 40)
    rings = []
    for t, z, w in curve:
        outline = squircle(c.width * w, z - low, c.round, 32)
        x = np.full(32, (t - 0.5) * c.length)
        rings.append(np.column_stack([x, outline[:, 0], outline[:, 1] + (z + low) / 2]))
    return loft(np.stack(rings), "paint")


def _cabin_ring(c: _CarPlan, level: float, inset: float = 0.0) -> Array:
    """Plan of the glasshouse at a level between belt (0) and roof (1)."""
    bend = level**1.35
    x0 = (c.screen[0] * (1 - bend) + c.screen[1] * bend - 0.5) * c.length + inset
    x1 = (c.rear[1] * (1 - bend) + c.rear[0] * bend - 0.5) * c.length - inset
    width = c.width * (0.93 - 0.2 * level) - 2 * inset
    outline = squircle(x1 - x0, width, 9, 32) + [(x0 + x1) / 2, 0]
    z = (c.belt - 0.06) * (1 - level) + (c.roof - 0.03) * level
    return np.column_stack([outline, np.full(32, z)])


def _car_cabin(c: _CarPlan, pillars: list[float]) -> Parts:
    """Glass, roof and the pillars between the windows."""
    levels = np.linspace(0, 1, 5)
    parts = [loft(np.stack([_cabin_ring(c, v) for v in levels]), "glass")]
    crown = [(1.0, -0.01, -0.05), (1.0, -0.015, 0.0), (1.0, 0.05, 0.03), (1.0, 0.25, 0.045)]
    rings = [_cabin_ring(c, v, i) + [0, 0, dz] for v, i, dz in crown]
    parts.append(loft(np.stack(rings), "paint"))
    for t in (0.0, *pillars, 1.0):
        parts += mirrored([_pillar(c, t)], 1)
    return parts


def _pillar(c: _CarPlan, t: float) -> Part:
    """Bar along the side window, at a fraction of the window's length."""
    path = []
    for level in np.linspace(0, 1, 5):
        r = _cabin_ring(c, level)
        x0, x1 = r[:, 0].min(), r[:, 0].max()
        edge = 0.06 * (x1 - x0) if t in (0.0, 1.0) else 0.0
        x = x0 * (1 - t) + x1 * t + (edge if t == 0 else -edge) * 0.4
        path.append((x, r[:, 1].max() * (0.955 if t in (0.0, 1.0) else 0.995), r[0, 2]))
    return sweep(path, rectangle(0.07, 0.05), "paint", up=(1, 0, 0))


def _wheel(rng: Rng, radius: float, spokes: int) -> Parts:
    """Wheel in the plane y = 0, its outside towards -y."""
    w = radius * 0.62
    rim = radius * rng.uniform(0.6, 0.72)
    profile = [
        (0, -w / 2),
        (rim, -w / 2),
        (radius * 0.95, -w / 2),
        (radius, -w / 4),
        (radius, w / 4),
        (radius * 0.95, w / 2),
        (0, w / 2),
    ]
    tyre = turn([lathe(profile, "rubber", 36)], 90, 0)
    face = [
        disc(rim, 0.012, (0, -w / 2, 0), 1, "dark"),
        ring(rim, 0.016, (0, -w / 2, 0), 1, "chrome"),
    ]
    face.append(disc(rim * 0.28, 0.05, (0, -w / 2, 0), 1, "chrome"))
    arm = bar((0, -w / 2 - 0.008, rim * 0.1), (0, -w / 2 - 0.008, rim), rim * 0.24, 0.025, "chrome")
    face += [p for k in range(spokes) for p in turn([arm], 360 * k / spokes, 1)]
    return tyre + face


def _car_wheels(rng: Rng, c: _CarPlan) -> Parts:
    y, parts = c.width / 2 - c.wheel * 0.28, []
    wheel = _wheel(rng, c.wheel, int(rng.integers(5, 11)))
    for s in (rng.uniform(0.17, 0.2), rng.uniform(0.79, 0.82)):
        x = (s - 0.5) * c.length
        parts += shift(wheel, (x, -y, c.wheel))
        arch = c.width / 2 - 0.006
        parts.append(disc(c.wheel * 1.16, 0.06, (x, -arch + 0.02, c.wheel * 1.05), 1, "dark"))
        lip = arc_xz(c.wheel * 1.17, x, -arch - 0.005, c.wheel * 1.05)
        parts.append(tube(lip, 0.025, "paint", sides=8))
    return mirrored(parts, 1)


def arc_xz(radius: float, x: float, y: float, z: float) -> Array:
    """Upper half circle (17, 3) in a plane of constant y."""
    t = np.linspace(-0.25, np.pi + 0.25, 17)
    return np.stack([x + radius * np.cos(t), np.full(17, y), z + radius * np.sin(t)], -1)


def _car_details(rng: Rng, c: _CarPlan) -> Parts:
    """Lamps, grille, bumpers, plates, mirrors, door lines and handles."""
    nose, tail = -c.length / 2, c.length / 2
    low, z = c.clearance, c.clearance + (c.hood - c.clearance) * 0.52
    y = c.width * 0.31
    lamp = [0.09, rng.uniform(0.2, 0.36), rng.uniform(0.12, 0.2)]
    side: Parts = [pillow(lamp, (nose + 0.04, -y, z), "lamp", 2.5)]
    side.append(pillow((0.08, 0.22, 0.16), (tail - 0.04, -y * 1.02, c.tail * 0.78), "taillight", 5))
    side.append(
        pillow(
            (0.12, 0.2, 0.13),
            (nose + c.length * (c.screen[0] + 0.05), -c.width / 2 - 0.05, c.belt + 0.06),
            "paint",
            3,
        )
    )
    middle: Parts = [
        box((0.04, c.width * 0.42, rng.uniform(0.1, 0.2)), (nose + 0.01, 0, z - 0.02), "dark")
    ]
    for s, x in ((1, nose), (-1, tail)):
        middle.append(
            pillow((0.14, c.width * 0.86, 0.16), (x + s * 0.05, 0, low + 0.14), "plastic", 5)
        )
        middle.append(box((0.02, 0.5, 0.11), (x - s * 0.025, 0, low + 0.2), "paper"))
    for t in (c.screen[0] + 0.04, 0.52):
        x = nose + t * c.length
        side.append(box((0.012, 0.012, c.belt * 0.5), (x, -c.width / 2, c.belt * 0.62), "dark"))
        side.append(
            box((0.16, 0.03, 0.03), (x + 0.72, -c.width / 2 - 0.004, c.belt * 0.84), "chrome")
        )
    return mirrored(side, 1) + middle


def _car_extras(rng: Rng, kind: str, c: _CarPlan) -> Parts:
    """Add what only this body type has: a bed, a spoiler, roof rails, a taxi sign."""
    if kind == "pickup":
        x0, x1 = (c.rear[1] + 0.02 - 0.5) * c.length, 0.47 * c.length
        bed = box((x1 - x0, c.width * 0.8, 0.06), ((x0 + x1) / 2, 0, c.belt + 0.0), "dark")
        rail = bar(
            (x0, c.width * 0.42, c.belt + 0.03),
            (x1, c.width * 0.42, c.tail + 0.05),
            0.12,
            0.08,
            "paint",
        )
        gate = box((0.07, c.width * 0.86, 0.14), (x1, 0, c.tail + 0.03), "paint")
        return [bed, gate, *mirrored([rail], 1)]
    if kind == "sports" and rng.random() < 0.7:
        wing = pillow((0.26, c.width * 0.85, 0.05), (c.length * 0.45, 0, c.tail + 0.18), "paint", 4)
        post = rod(
            (c.length * 0.45, c.width * 0.3, c.tail - 0.1),
            (c.length * 0.45, c.width * 0.3, c.tail + 0.18),
            0.025,
            "dark",
        )
        return [wing, *mirrored([post], 1)]
    if kind in ("suv", "van") and rng.random() < 0.6:
        x0, x1 = (c.screen[1] - 0.48) * c.length, (c.rear[0] - 0.52) * c.length
        y, z = c.width * 0.33, c.roof
        path = [(x0, y, z), (x0 + 0.1, y, z + 0.07), (x1 - 0.1, y, z + 0.07), (x1, y, z)]
        return mirrored([tube(path, 0.022, "chrome", sides=8)], 1)
    if kind == "sedan" and rng.random() < 0.35:
        return [box((0.18, 0.5, 0.15), (0.1, 0, c.roof + 0.08), "lamp")]
    return []


def car(rng: Rng, style: int) -> Parts:
    """Car: sedan, hatchback, off-roader, pick-up, van, sports car, beetle or limousine."""
    kind = list(_CARS)[style % len(_CARS)]
    c = _vary(_CARS[kind], rng)
    pillars = {
        "van": [0.33, 0.66],
        "suv": [0.36, 0.68],
        "limousine": [0.33, 0.66],
        "pickup": [0.55],
    }
    parts = [_car_body(c), *_car_cabin(c, pillars.get(kind, [rng.uniform(0.45, 0.55)]))]
    return parts + _car_wheels(rng, c) + _car_details(rng, c) + _car_extras(rng, kind, c)


# --- airplanes ---------------------------------------------------------------------------------


def _fuselage(
    length: float, radius: float, nose: float, tail: float, up: float, finish: str
) -> Part:
    """Body of revolution with a pointed, rising tail; the nose is at -length / 2."""
    s = np.array([0, 0.01, nose * 0.35, nose, tail, (1 + tail) / 2 + 0.05, 1.0])
    r = np.array([0.02, 0.22, 0.72, 1.0, 1.0, 0.55, 0.1]) * radius
    z = np.array([-0.25, -0.22, -0.1, 0, 0, up * 0.45, up]) * radius
    curve = spline(np.column_stack([s * length, r, z]), 40)
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rings = [
        np.stack([np.full(24, x - length / 2), q * np.cos(t), q * np.sin(t) + h], -1)
        for x, q, h in curve
    ]
    return loft(np.stack(rings), finish)


def _wing(
    root: tuple[float, float, float],
    tip: tuple[float, float, float],
    chord: tuple[float, float],
    finish: str,
    thick: float = 0.11,
) -> Part:
    """Tapered wing from root to tip, given by their leading edges; works for fins as well."""
    a, b = np.asarray(root), np.asarray(tip)
    upright = abs(b[2] - a[2]) > abs(b[1] - a[1])
    t = np.array([0, 0.04, 0.2, 0.45, 1, 0.45, 0.2, 0.04])
    h = np.array([0, 0.45, 0.95, 0.8, 0, -0.6, -0.65, -0.35]) * thick
    rings = []
    for s in (0.0, 0.5, 0.97, 1.0):
        p, c = a * (1 - s) + b * s, chord[0] * (1 - s) + chord[1] * s
        squeeze = 0.3 if s == 1.0 else 1.0
        flat, high = c * t + p[0], c * h * squeeze
        if upright:
            rings.append(np.stack([flat, p[1] + high, np.full(8, p[2])], -1))
        else:
            rings.append(np.stack([flat, np.full(8, p[1]), p[2] + high], -1))
    return loft(np.stack(rings), finish)


def _jet(length: float, radius: float, at: tuple[float, float, float]) -> Parts:
    profile = spline([(0.78, 0), (0.98, 0.05), (1.0, 0.35), (0.85, 0.75), (0.5, 1.0)], 14) * [
        radius,
        length,
    ]
    cowl = turn([lathe([(0, 0.02), *profile, (0, length * 0.99)], "paint", 20)], 90, 1)
    intake = turn(
        [lathe([(0, 0), (radius * 0.72, -0.002), (radius * 0.72, 0.03), (0, 0.03)], "dark", 20)],
        90,
        1,
    )
    spinner = pillow((radius * 0.6, radius * 0.4, radius * 0.4), (0, 0, 0), "metal", 2)
    return shift([*cowl, *intake, spinner], at)


def _propeller(radius: float, at: tuple[float, float, float], blades: int) -> Parts:
    blade = pillow((radius * 0.05, radius * 0.13, radius), (0, 0, radius / 2), "dark", 2.5)
    parts = [p for k in range(blades) for p in turn([blade], 360 * k / blades + 20, 0)]
    return shift(
        [*parts, pillow((radius * 0.4, radius * 0.22, radius * 0.22), (0, 0, 0), "metal", 2)], at
    )


def _gear(x: float, y: float, top: float, bottom: float, radius: float) -> Parts:
    leg = rod((x, y, top), (x, y, bottom + radius), radius * 0.18, "metal")
    return [
        leg,
        disc(radius, radius * 0.6, (x, y, bottom + radius), 1, "rubber"),
        disc(radius * 0.5, radius * 0.66, (x, y, bottom + radius), 1, "chrome"),
    ]


def _cabin_windows(length: float, radius: float, start: float, stop: float, count: int) -> Parts:
    x = np.linspace(start - 0.5, stop - 0.5, count) * length
    size = (radius * 0.16, radius * 0.1, radius * 0.24)
    side = [box(size, (t, radius * 0.95, radius * 0.22), "glass") for t in x]
    return mirrored(side, 1)


def _tail(length: float, span: float, fin: float, z: float, kind: str, sweep_back: float) -> Parts:
    """Fin and tailplane: conventional, T-tail or twin."""
    x, c = length * 0.36, length * 0.12
    high = fin if kind == "t" else 0.0
    lead = length * 0.1 * sweep_back
    plane_x = x + lead * 0.9 if kind == "t" else x + 0.02 * length
    plane = _wing(
        (plane_x, 0, z + high), (plane_x + lead, span, z + high), (c * 0.85, c * 0.45), "paint"
    )
    if kind == "twin":
        f = _wing(
            (x, span * 0.35, z), (x + lead, span * 0.5, z + fin), (c, c * 0.5), "accent", 0.08
        )
        return mirrored([plane, f], 1)
    upright = _wing(
        (x, 0, z * 0.9), (x + lead * 1.15, 0, z + fin), (c * 1.3, c * 0.6), "accent", 0.09
    )
    return [*mirrored([plane], 1), upright]


def _airliner(rng: Rng, engines: int) -> Parts:
    """Swept low wing, jets below it or at the rear, row of windows."""
    length, radius = rng.uniform(32, 48), rng.uniform(1.8, 2.6)
    half, rear = length * rng.uniform(0.42, 0.5), engines == 3
    parts = [_fuselage(length, radius, 0.13, 0.68, 0.75, "paint")]
    root = (-length * rng.uniform(0.1, 0.16), radius * 0.5, -radius * 0.55)
    tip = (root[0] + half * rng.uniform(0.45, 0.65), half, root[2] + half * rng.uniform(0.07, 0.13))
    chords = (length * rng.uniform(0.17, 0.22), length * 0.045)
    parts += mirrored([_wing(root, tip, chords, "metal")], 1)
    parts += _tail(
        length,
        half * 0.36,
        length * rng.uniform(0.14, 0.18),
        radius * 0.6,
        "t" if rear else "low",
        1.1,
    )
    size = (length * 0.1, radius * rng.uniform(0.5, 0.65))
    if rear:
        parts += mirrored(
            _jet(size[0], size[1] * 0.9, (length * 0.2, radius * 1.45, radius * 0.4)), 1
        )
    for share in {2: (0.33,), 4: (0.3, 0.58), 3: ()}[engines]:
        x, y = root[0] + (tip[0] - root[0]) * share, half * share
        z = root[2] + (tip[2] - root[2]) * share - size[1] * 1.2
        parts += mirrored(_jet(size[0], size[1], (x - size[0] * 0.55, y, z)), 1)
    parts += _cabin_windows(length, radius, 0.16, 0.74, int(rng.integers(22, 36)))
    parts.append(
        pillow(
            (radius * 0.5, radius * 1.1, radius * 0.32),
            (-length * 0.455, 0, radius * 0.35),
            "glass",
            4,
        )
    )
    if rng.random() < 0.6:
        down = -radius * 2.1
        parts += mirrored(_gear(0.03 * length, radius * 1.1, -radius * 0.5, down, radius * 0.3), 1)
        parts += _gear(-length * 0.38, 0, -radius * 0.5, down, radius * 0.25)
    return parts


def _light(rng: Rng, high: bool) -> Parts:
    """Single propeller, straight wing above (with struts) or below the cabin, fixed gear."""
    length, radius = rng.uniform(7, 8.5), rng.uniform(0.55, 0.68)
    half, z = rng.uniform(4.8, 5.6), (0.95 if high else -0.6) * radius
    parts = [_fuselage(length, radius, 0.18, 0.42, 0.55, "paint")]
    chord = rng.uniform(1.3, 1.7)
    root, tip = (
        (-length * 0.22, 0.1, z),
        (-length * 0.22 + rng.uniform(0, 0.3), half, z + half * 0.06),
    )
    parts += mirrored([_wing(root, tip, (chord, chord * rng.uniform(0.6, 1.0)), "paint")], 1)
    parts += _tail(length, 1.6, rng.uniform(1.1, 1.4), radius * 0.5, "low", rng.uniform(0.4, 1))
    parts += _propeller(
        rng.uniform(0.85, 1.05), (-length * 0.51, 0, -radius * 0.2), int(rng.integers(2, 4))
    )
    size = (length * 0.24, radius * 1.75, radius * 1.15)
    parts.append(pillow(size, (-length * 0.12, 0, radius * (0.5 if high else 0.75)), "glass", 3.5))
    if high:
        strut = bar(
            (-length * 0.13, radius * 0.9, -radius * 0.6),
            (-length * 0.13, half * 0.5, z + half * 0.02),
            0.1,
            0.05,
            "paint",
        )
        parts += mirrored([strut], 1)
    parts += mirrored(_gear(-length * 0.1, radius * 1.7, -radius * 0.6, -radius * 2.1, 0.22), 1)
    return parts + _gear(-length * 0.38, 0, -radius * 0.5, -radius * 2.1, 0.18)


def _biplane(rng: Rng) -> Parts:
    """Two wings joined by struts, radial engine, open cockpit."""
    length, radius = rng.uniform(6, 7), rng.uniform(0.5, 0.6)
    half, gap, chord = rng.uniform(3.8, 4.6), rng.uniform(1.3, 1.6), rng.uniform(1.1, 1.35)
    parts = [_fuselage(length, radius, 0.1, 0.4, 0.35, "paint")]
    x, low = -length * 0.3, -radius * 0.7
    for z, dx in ((low, 0.15), (low + gap + 0.3, -0.15)):
        parts += mirrored(
            [_wing((x + dx, 0, z), (x + dx, half, z + 0.15), (chord, chord * 0.9), "accent")], 1
        )
    for y in (half * 0.25, half * 0.75):
        for dx in (0.25, chord * 0.75):
            parts += mirrored(
                [rod((x + dx, y, low), (x + dx, y, low + gap + 0.35), 0.035, "wood")], 1
            )
    parts.append(disc(radius * 1.08, 0.5, (-length * 0.46, 0, -radius * 0.1), 0, "metal"))
    parts += _propeller(1.15, (-length * 0.51, 0, -radius * 0.1), 2)
    parts += _tail(length, 1.4, 0.95, radius * 0.25, "low", 0.4)
    parts.append(pillow((0.7, 0.5, 0.2), (0.05, 0, radius * 0.95), "dark", 3))
    return parts + mirrored(_gear(x + 0.4, 0.8, low, -radius * 2.4, 0.32), 1)


def _fighter(rng: Rng) -> Parts:
    """Delta or swept wing jet with a bubble canopy and one or two fins."""
    length, radius = rng.uniform(14, 18), rng.uniform(0.75, 0.95)
    half = length * rng.uniform(0.26, 0.34)
    delta = rng.random() < 0.5
    parts = [_fuselage(length, radius, 0.38, 0.9, 0.0, "paint")]
    root = (-length * (0.15 if delta else 0.08), radius * 0.4, 0.0)
    chord = length * (0.5 if delta else 0.33)
    tip = (root[0] + chord * (0.82 if delta else 0.6), half, 0.0)
    parts += mirrored([_wing(root, tip, (chord, length * 0.06), "paint", 0.05)], 1)
    parts += _tail(
        length,
        half * (0.3 if delta else 0.6),
        length * 0.15,
        radius * 0.3,
        "twin" if rng.random() < 0.5 else "low",
        1.0,
    )
    parts.append(
        pillow(
            (length * 0.2, radius * 1.0, radius * 1.2),
            (-length * 0.2, 0, radius * 0.75),
            "glass",
            2.2,
        )
    )
    inlet = pillow(
        (length * 0.45, radius * 0.8, radius * 1.1),
        (length * 0.05, radius * 0.95, -0.1),
        "paint",
        8,
    )
    missile = rod(
        (root[0] + chord * 0.5, half * 0.6, -0.5),
        (root[0] + chord * 0.85, half * 0.6, -0.5),
        0.14,
        "metal",
    )
    parts += mirrored([inlet, missile], 1)
    return [*parts, disc(radius * 0.75, 0.6, (length * 0.5, 0, 0), 0, "dark")]


def _turboprop(rng: Rng) -> Parts:
    """High or low wing with two or four propellers: feeder or transport."""
    length, radius = rng.uniform(18, 26), rng.uniform(1.3, 1.7)
    half, z = length * rng.uniform(0.46, 0.55), radius * (0.85 if rng.random() < 0.7 else -0.6)
    parts = [_fuselage(length, radius, 0.14, 0.6, 0.8, "paint")]
    chord, x = length * 0.13, -length * 0.1
    parts += mirrored(
        [_wing((x, 0, z), (x + chord * 0.3, half, z + half * 0.04), (chord, chord * 0.5), "paint")],
        1,
    )
    for share in (0.33,) if rng.random() < 0.5 else (0.28, 0.55):
        at = (x - chord * 0.75, half * share, z - radius * 0.05)
        nacelle = pillow(
            (chord * 1.7, radius * 0.62, radius * 0.7),
            (x, half * share, z - radius * 0.1),
            "accent",
            2.6,
        )
        parts += mirrored([nacelle, *_propeller(radius * 1.15, at, 4)], 1)
    parts += _tail(
        length, half * 0.36, length * 0.2, radius * 0.6, "t" if rng.random() < 0.5 else "low", 0.7
    )
    parts += _cabin_windows(length, radius, 0.2, 0.65, int(rng.integers(8, 15)))
    parts.append(
        pillow(
            (radius * 0.6, radius * 1.2, radius * 0.4),
            (-length * 0.44, 0, radius * 0.35),
            "glass",
            4,
        )
    )
    parts += mirrored(
        _gear(0.02 * length, radius * 1.1, -radius * 0.6, -radius * 1.9, radius * 0.3), 1
    )
    return parts + _gear(-length * 0.36, 0, -radius * 0.6, -radius * 1.9, radius * 0.22)


def _glider(rng: Rng) -> Parts:
    """Sailplane: very long thin wings, slender tail boom."""
    length, radius = rng.uniform(6.5, 7.5), rng.uniform(0.42, 0.5)
    half = rng.uniform(6.5, 8.5)
    parts = [_fuselage(length, radius, 0.2, 0.34, 0.5, "paint")]
    parts += mirrored(
        [_wing((-1.1, 0, 0.25), (-0.8, half, 0.25 + half * 0.06), (0.95, 0.35), "paint")], 1
    )
    parts += _tail(length, 1.4, 1.2, radius * 0.5, "t", 0.4)
    return [
        *parts,
        pillow((1.8, 0.66, 0.6), (-2.2, 0, 0.22), "glass", 2.3),
        disc(0.16, 0.1, (-1.0, 0, -0.45), 1, "rubber"),
    ]


def airplane(rng: Rng, style: int) -> Parts:
    """Airplane: airliner, light aircraft, biplane, fighter, turboprop or glider."""
    kinds = (
        lambda: _airliner(rng, 2),
        lambda: _light(rng, True),
        lambda: _airliner(rng, 4),
        lambda: _fighter(rng),
        lambda: _airliner(rng, 3),
        lambda: _light(rng, False),
        lambda: _turboprop(rng),
        lambda: _biplane(rng),
        lambda: _glider(rng),
    )
    return kinds[style % len(kinds)]()


# --- bicycles ----------------------------------------------------------------------------------


def _bike_wheel(rng: Rng, radius: float, tyre: float, spokes: int) -> Parts:
    parts = [ring(radius - tyre, tyre, (0, 0, 0), 1, "rubber", 40)]
    parts.append(ring(radius - 2.1 * tyre, 0.011, (0, 0, 0), 1, "chrome", 40))
    parts.append(disc(0.025, 0.08, (0, 0, 0), 1, "chrome"))
    for k in range(spokes):
        a = 2 * np.pi * k / spokes
        rim = np.array([np.cos(a), 0, np.sin(a)]) * (radius - 2.1 * tyre)
        parts.append(tube([(0, 0.03 * (-1) ** k, 0), rim], 0.0028, "chrome", sides=4))
    return parts


def _handlebar(rng: Rng, kind: str, at: Array) -> Parts:
    """Drop, flat, riser or swept handlebar at the stem."""
    half = {"drop": 0.21, "flat": 0.32, "rise": 0.33, "swept": 0.29}[kind]
    if kind == "drop":
        path = spline(
            [
                (0, 0, 0),
                (0, half * 0.8, 0),
                (-0.08, half, 0),
                (-0.11, half, -0.06),
                (-0.06, half, -0.13),
                (0.03, half, -0.13),
            ],
            26,
        )
    elif kind == "flat":
        path = np.array([(0, 0, 0), (0.0, half * 0.5, 0), (0.03, half, 0)])
    elif kind == "rise":
        path = spline([(0, 0, 0), (0, 0.08, 0), (0.02, 0.18, 0.16), (0.06, half, 0.17)], 16)
    else:
        path = spline(
            [(0, 0, 0), (-0.06, 0.1, 0.05), (0.03, half * 0.95, 0.09), (0.2, half, 0.07)], 20
        )
    grip = tube(path[-3:], 0.018, "rubber")
    return shift(mirrored([tube(path, 0.012, "chrome"), grip], 1), at)


def _saddle(at: Array, wide: float) -> Parts:
    path = spline([(-0.15, 0, -0.005), (0.0, 0, 0), (0.13, 0, 0.015)], 9)
    width = spline([(-0.15, 0.25), (0.0, 0.5), (0.08, 1.0), (0.13, 0.85)], 9)[:, 1]
    return shift([sweep(path, squircle(0.05, wide, 3), "leather", scale=width, up=(0, 0, 1))], at)


def _drive(rng: Rng, crank: Array, hub: Array) -> Parts:
    """Chain ring, chain, cranks and pedals."""
    y, big, small = -0.05, rng.uniform(0.075, 0.1), 0.035
    parts = [
        ring(big, 0.006, crank + [0, y, 0], 1, "metal"),
        disc(big * 0.35, 0.01, crank + [0, y, 0], 1, "metal"),
    ]
    parts.append(disc(small, 0.02, hub + [0, y, 0], 1, "metal"))
    for s in (1, -1):
        parts.append(rod(crank + [0, y, s * big], hub + [0, y, s * small], 0.005, "dark"))
    angle = rng.uniform(0, 2 * np.pi)
    for s in (1, -1):
        end = crank + np.array([np.cos(angle), 0, np.sin(angle)]) * 0.17 * s + [0, s * 0.08, 0]
        parts.append(bar(crank + [0, s * 0.07, 0], end, 0.025, 0.015, "metal"))
        parts.append(box((0.09, 0.09, 0.02), end + [0, s * 0.05, 0], "dark"))
    return parts


def _fender(centre: Array, radius: float, start: float, stop: float) -> Part:
    t = np.radians(np.linspace(start, stop, 18))
    path = np.stack([np.cos(t), 0 * t, np.sin(t)], -1) * (radius + 0.02) + centre
    return sweep(path, rectangle(0.006, 0.05), "paint", up=(np.cos(t[0]), 0, np.sin(t[0])))


@dataclass(frozen=True)
class _BikePlan:
    """Wheel radius, tyre, base, frame height, bar, and the way the frame is drawn."""

    wheel: float
    tyre: float
    base: float
    seat: float
    bar: str
    frame: str


_BIKES = {
    "road": _BikePlan(0.34, 0.013, 1.0, 0.92, "drop", "diamond"),
    "mountain": _BikePlan(0.35, 0.028, 1.1, 0.86, "flat", "sloping"),
    "city": _BikePlan(0.35, 0.02, 1.1, 0.88, "swept", "step"),
    "bmx": _BikePlan(0.26, 0.027, 0.93, 0.6, "rise", "sloping"),
    "cruiser": _BikePlan(0.33, 0.03, 1.15, 0.78, "rise", "curved"),
    "folding": _BikePlan(0.21, 0.02, 1.0, 0.86, "flat", "beam"),
    "tandem": _BikePlan(0.34, 0.016, 1.75, 0.92, "drop", "tandem"),
}


def _frame(
    b: _BikePlan, head: Array, crown: Array, crank: Array, seat: Array, rear: Array
) -> Parts:
    """Frame tubes between head, crank, seat cluster and rear hub."""
    r = 0.018 if b.frame != "beam" else 0.028
    down, upright = rod(crown, crank, r, "paint"), rod(crank, seat, r * 0.9, "paint")
    if b.frame == "curved":
        middle = (head + seat) / 2 + [0, 0, 0.07]
        tops = [
            tube(spline([head, middle, seat], 14), r, "paint"),
            tube(
                spline([crown, (crown + seat) / 2 - [0, 0, 0.02], seat - [0, 0, 0.12]], 14),
                r * 0.8,
                "paint",
            ),
        ]
    elif b.frame == "step":
        tops = [
            tube(
                spline([head, (head + crank) / 2 + [0.02, 0, 0.06], seat * 0.4 + crank * 0.6], 12),
                r,
                "paint",
            )
        ]
    elif b.frame == "beam":
        tops = []
    else:
        end = seat if b.frame == "diamond" else seat * 0.8 + crank * 0.2
        tops = [rod(head, end, r, "paint")]
    stays = []
    for target, thin in ((crank, 0.011), (seat * 0.9 + crank * 0.1, 0.009)):
        stays.append(rod(target + [0, 0.02, 0], rear + [0, 0.06, 0], thin, "paint"))
    return [down, upright, *tops, *mirrored(stays, 1)]


def _safety(rng: Rng, kind: str) -> Parts:
    """Bicycle with two equal wheels."""
    b = _BIKES[kind]
    scale = rng.uniform(0.93, 1.07)
    wheel, base = b.wheel * rng.uniform(0.96, 1.04), b.base * scale
    front, rear = np.array([-base / 2, 0, wheel]), np.array([base / 2, 0, wheel])
    crank = np.array([base / 2 - 0.43 * scale, 0, 0.27])
    seat = crank + np.array([0.27, 0, 1]) * (b.seat - 0.4) * scale
    head = front + np.array([0.3, 0, 1]) * (b.seat * 0.98 - wheel) * scale
    crown = front + np.array([0.3, 0, 1]) * (wheel + 0.08)
    spin = _bike_wheel(rng, wheel, b.tyre * rng.uniform(0.9, 1.2), 2 * int(rng.integers(9, 15)))
    parts = shift(spin, front) + shift(spin, rear) + _frame(b, head, crown, crank, seat, rear)
    fork = [
        rod(crown + [0, 0.045, 0], front + [0, 0.05, 0], 0.013, "paint"),
        rod(crown, crown + [0, 0.045, 0], 0.014, "paint"),
    ]
    parts += mirrored(fork, 1) + [rod(crown, head + [0.02, 0, 0.06], 0.02, "paint")]
    perch = seat + np.array([0.27, 0, 1]) * rng.uniform(0.08, 0.16)
    parts += [
        rod(seat, perch, 0.013, "chrome"),
        *_saddle(perch + [0, 0, 0.02], rng.uniform(0.14, 0.2)),
    ]
    stem = head + np.array([0.0, 0, rng.uniform(0.06, 0.13)])
    parts += [rod(head, stem, 0.013, "chrome"), *_handlebar(rng, b.bar, stem + [-0.05, 0, 0])]
    parts += _drive(rng, crank, rear)
    if kind == "tandem":
        middle = crank - [0.72, 0, 0]
        post = middle + np.array([0.27, 0, 1]) * (b.seat - 0.35)
        parts += [
            rod(middle, post, 0.018, "paint"),
            rod(middle, crank, 0.02, "paint"),
            *_saddle(post + [0, 0, 0.1], 0.15),
        ]
        parts += [rod(post, post + [0, 0, 0.09], 0.012, "chrome"), *_drive(rng, middle, crank)]
    return parts + _bike_extras(rng, kind, front, rear, head, seat, wheel)


def _bike_extras(
    rng: Rng, kind: str, front: Array, rear: Array, head: Array, seat: Array, wheel: float
) -> Parts:
    """Fenders, carrier and basket."""
    parts: Parts = []
    if kind in ("city", "cruiser"):
        parts += [_fender(front, wheel, 10, 150), _fender(rear, wheel, 0, 140)]
    if kind in ("city", "folding") or rng.random() < 0.25:
        z = rear[2] + wheel + 0.06
        rails = [
            bar((seat[0] + 0.05, y, z), (rear[0] + 0.18, y, z), 0.012, 0.012, "metal")
            for y in (-0.06, 0, 0.06)
        ]
        leg = [rod((rear[0] + 0.12, 0.06, z), rear + [0, 0.06, 0], 0.006, "metal")]
        parts += rails + mirrored(leg, 1)
    if kind == "city" and rng.random() < 0.7:
        parts += _basket(head + [-0.22, 0, 0.02])
    return parts


def _basket(at: Array) -> Parts:
    outline = squircle(0.26, 0.36, 6, 28)
    parts: Parts = []
    for z, s in ((-0.2, 0.8), (-0.13, 0.86), (-0.06, 0.94), (0.0, 1.0)):
        parts.append(
            tube(
                np.column_stack([outline * s, np.full(28, z)]), 0.007, "wood", sides=6, closed=True
            )
        )
    for p in outline:
        parts.append(
            tube([(p[0], p[1], 0), (p[0] * 0.8, p[1] * 0.8, -0.2)], 0.004, "wood", sides=4)
        )
    return shift([*parts, box((0.18, 0.25, 0.01), (0, 0, -0.2), "wood")], at)


def _penny(rng: Rng) -> Parts:
    """Penny-farthing: pedals on a giant front wheel."""
    big, small = rng.uniform(0.62, 0.72), rng.uniform(0.2, 0.26)
    front, rear = np.array([-0.3, 0, big]), np.array([0.5, 0, small])
    parts = shift(_bike_wheel(rng, big, 0.014, 36), front) + shift(
        _bike_wheel(rng, small, 0.013, 16), rear
    )
    head = front + [0.03, 0, big + 0.12]
    spine = spline(
        [
            head,
            front + [0.42, 0, big * 0.75],
            front + [0.66, 0, 0.0],
            rear + [0.0, 0, small + 0.03],
        ],
        22,
    )
    parts += [
        tube(spine, 0.018, "paint"),
        *mirrored([rod(head, front + [0, 0.06, 0], 0.012, "paint")], 1),
    ]
    parts += mirrored([rod(spine[-1], rear + [0, 0.05, 0], 0.01, "paint")], 1)
    parts += _handlebar(rng, "swept", head) + _saddle(head + [0.28, 0, 0.02], 0.2)
    parts.append(rod(spine[6], head + [0.28, 0, 0.0], 0.01, "chrome"))
    for s in (1, -1):
        end = front + [0.0, s * 0.08, s * 0.15]
        parts += [
            bar(front + [0, s * 0.07, 0], end, 0.02, 0.015, "metal"),
            box((0.09, 0.09, 0.02), end + [0, s * 0.05, 0], "dark"),
        ]
    return parts


def bicycle(rng: Rng, style: int) -> Parts:
    """Bicycle: seven kinds with equal wheels, and the penny-farthing."""
    kinds = [*_BIKES, "penny"]
    kind = kinds[style % len(kinds)]
    return _penny(rng) if kind == "penny" else _safety(rng, kind)
