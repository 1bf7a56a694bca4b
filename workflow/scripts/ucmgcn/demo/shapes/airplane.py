"""Airplanes: the nose points towards -x."""

from __future__ import annotations

import numpy as np

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
    rod,
    shift,
    spline,
    turn,
)


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
