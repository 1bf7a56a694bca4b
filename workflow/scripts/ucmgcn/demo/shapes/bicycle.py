# ruff: noqa: RUF005 (vertices are NumPy arrays: plus adds them and does not join lists)
"""Bicycles: the front wheel is at -x."""

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
    mirrored,
    rectangle,
    rod,
    shift,
    spline,
    squircle,
    sweep,
    torus,
    tube,
)


def _bike_wheel(rng: Rng, radius: float, tyre: float, spokes: int) -> Parts:
    parts = [torus(radius - tyre, tyre, (0, 0, 0), 1, "rubber", 40)]
    parts.append(torus(radius - 2.1 * tyre, 0.011, (0, 0, 0), 1, "chrome", 40))
    parts.append(disc(0.025, 0.08, (0, 0, 0), 1, "chrome"))
    for k in range(spokes):
        a = 2 * np.pi * k / spokes
        rim = np.array([np.cos(a), 0, np.sin(a)]) * (radius - 2.1 * tyre)
        parts.append(tube([(0, 0.03 * (-1) ** k, 0), rim], 0.0028, "chrome", sides=4))
    return parts


def _handlebar(rng: Rng, kind: str, at: Floats) -> Parts:
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


def _saddle(at: Floats, wide: float) -> Parts:
    path = spline([(-0.15, 0, -0.005), (0.0, 0, 0), (0.13, 0, 0.015)], 9)
    width = spline([(-0.15, 0.25), (0.0, 0.5), (0.08, 1.0), (0.13, 0.85)], 9)[:, 1]
    return shift([sweep(path, squircle(0.05, wide, 3), "leather", scale=width, up=(0, 0, 1))], at)


def _drive(rng: Rng, crank: Floats, hub: Floats) -> Parts:
    """Chain ring, chain, cranks and pedals."""
    y, big, small = -0.05, rng.uniform(0.075, 0.1), 0.035
    parts = [
        torus(big, 0.006, crank + [0, y, 0], 1, "metal"),
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


def _fender(centre: Floats, radius: float, start: float, stop: float) -> Part:
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
    b: _BikePlan, head: Floats, crown: Floats, crank: Floats, seat: Floats, rear: Floats
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
    rng: Rng, kind: str, front: Floats, rear: Floats, head: Floats, seat: Floats, wheel: float
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


def _basket(at: Floats) -> Parts:
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
