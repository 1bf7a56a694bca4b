"""Guitars: upright, the strings face -y."""

from __future__ import annotations

import numpy as np

from ucmgcn.demo.solids import (
    Part,
    Parts,
    Rng,
    bar,
    box,
    disc,
    loft,
    mirrored,
    pillow,
    rectangle,
    rod,
    rotation,
    spline,
    squircle,
    sweep,
    torus,
    tube,
)

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
        torus(hole * 1.15, 0.003, (0, front, length * 0.66), 1, "darkwood"),
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
