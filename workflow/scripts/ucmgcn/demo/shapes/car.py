# ruff: noqa: RUF005 (vertices are NumPy arrays: plus adds them and does not join lists)
"""Cars: the nose points towards -x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ucmgcn.core.arrays import Floats
from ucmgcn.demo.solids import (
    Part,
    Parts,
    Rng,
    bar,
    box,
    disc,
    lathe,
    loft,
    mirrored,
    pillow,
    rectangle,
    rod,
    shift,
    spline,
    squircle,
    sweep,
    torus,
    tube,
    turn,
)


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


def _cabin_ring(c: _CarPlan, level: float, inset: float = 0.0) -> Floats:
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
        torus(rim, 0.016, (0, -w / 2, 0), 1, "chrome"),
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


def arc_xz(radius: float, x: float, y: float, z: float) -> Floats:
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
