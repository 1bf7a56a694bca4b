# ruff: noqa: RUF005 (vertices are NumPy arrays: plus adds them and does not join lists)
"""Sofas: the back is at +y."""

from __future__ import annotations

import numpy as np

from ucmgcn.demo.solids import (
    Parts,
    Rng,
    bar,
    box,
    circle,
    disc,
    loft,
    mirrored,
    pick,
    pillow,
    rod,
    rotation,
    shift,
    spline,
    squircle,
    sweep,
    turn,
)


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
    splay, finish = rng.uniform(0, 0.04), pick(rng, "wood", "chrome")
    feet = [rod((x + splay, y + splay, 0), (x, y, 0.14), r * 0.6, finish, r)]
    feet.append(rod((x + splay, -y - splay, 0), (x, -y, 0.14), r * 0.6, finish, r))
    return mirrored(feet, 0)


def _cushions(rng: Rng, count: int, inner: float, d: float, seat: float, pad: str) -> Parts:
    unit, power = inner / count, rng.uniform(5, 9)
    x = (np.arange(count) - (count - 1) / 2) * unit
    return [pillow((unit * 0.99, d * 0.82, 0.17), (t, -d * 0.08, seat), pad, power) for t in x]


def _sofa_back(
    kind: int, count: int, inner: float, y: float, seat: float, top: float, pad: str
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
    pad = pick(rng, "fabric", "fabric", "leather")
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
    parts += _sofa_back(back, count, inner, d / 2 - 0.1, seat + 0.05, top, pad)
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
