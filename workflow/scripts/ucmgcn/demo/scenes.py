# ruff: noqa: RUF005 (vertices are NumPy arrays: plus adds them and does not join lists)
"""Scenes of the demo photos: rooms, table tops, streets and the sky.

Lengths are in units of the subject's size. The subject stands on z = 0 around the origin, and the
camera looks roughly along +y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from ucmgcn.core.arrays import Floats
from ucmgcn.demo.solids import (
    Part,
    Parts,
    ball,
    bounds,
    box,
    disc,
    lathe,
    loft,
    pillow,
    rod,
    rotation,
    shift,
    slab,
    spline,
    squircle,
    turn,
)
from ucmgcn.demo.textures import any_colour, hsv, mix, noise

Rng = np.random.Generator
Maker = Callable[[Rng, float], Parts]
REACH = 7.0


@dataclass(frozen=True)
class Setting:
    """Surroundings of a photo.

    Attributes
    ----------
    parts : list of Part
        Floor, walls and fixed objects around the subject.
    backdrop : str
        What is visible without geometry: "indoors", "outdoors" or "sky".
    things : list of list of Part
        Objects that may be removed if they hide the subject.
    corner : bool
        Whether there is a wall at +x too, so that the camera must look from -x.
    """

    parts: Parts
    backdrop: str
    things: list[Parts] = field(default_factory=list)
    corner: bool = False

    def seen_past(self, eye: Floats, target: Floats) -> Parts:
        """All parts except the things between the camera and the centre of the subject."""
        kept = [thing for thing in self.things if not _between(bounds(thing), eye, target)]
        return self.parts + [part for thing in kept for part in thing]


def _between(extent: Floats, eye: Floats, target: Floats) -> bool:
    """Whether the line of sight passes through a box (2, 3) with a margin."""
    samples = eye + np.linspace(0, 0.9, 60)[:, None] * (target - eye)
    margin = 0.12
    inside = (samples > extent[0] - margin) & (samples < extent[1] + margin)
    return bool(inside.all(axis=1).any())


def _around(rng: Rng, near: float, far: float, front: float = 0.08) -> tuple[float, float]:
    """Position beside or behind the subject, rarely in front of it."""
    angle = np.radians(rng.uniform(15, 165) if rng.random() > front else rng.uniform(190, 350))
    r = rng.uniform(near, far) * (1.0 if angle < np.pi else 0.8)
    return float(r * np.cos(angle)), float(r * np.sin(angle))


def _carton(rng: Rng, size: float) -> Parts:
    w, d, h = rng.uniform(0.4, 1.0, 3) * size
    return turn([box((w, d, h), (0, 0, h / 2), "clutter")], rng.uniform(0, 90))


def _books(rng: Rng, size: float) -> Parts:
    parts, z = [], 0.0
    for k in range(int(rng.integers(1, 6))):
        h = rng.uniform(0.06, 0.16) * size
        book = box(
            (size * rng.uniform(0.6, 0.8), size * rng.uniform(0.45, 0.6), h),
            (0, 0, z + h / 2),
            ("clutter", "picture", "paper")[k % 3],
        )
        parts += turn([book], rng.uniform(-25, 25))
        z += h
    return parts


def _ball(rng: Rng, size: float) -> Parts:
    r = size * rng.uniform(0.25, 0.45)
    return [ball(r, (0, 0, r), "clutter")]


def _pot(rng: Rng, size: float) -> Parts:
    """Potted plant: blades or a bush."""
    r, h = size * rng.uniform(0.2, 0.3), size * rng.uniform(0.3, 0.5)
    parts = [lathe([(0, 0), (r * 0.7, 0), (r, h), (r * 0.9, h), (0, h * 0.95)], "ceramic", 20)]
    if rng.random() < 0.5:
        bush = [
            pillow(
                [r * q for q in rng.uniform(1.2, 2.4, 3)],
                (*rng.uniform(-r, r, 2), h + rng.uniform(0.5, 2) * r),
                "foliage",
                2,
            )
            for _ in range(4)
        ]
        return parts + bush
    for _ in range(9):
        reach, tall = rng.uniform(0.5, 1.6) * r, h + rng.uniform(1.0, 3.0) * r
        curve = spline(
            [
                (0, 0, h * 0.9),
                (reach * 0.4, 0, tall),
                (reach * 1.3, 0, tall * rng.uniform(0.75, 1.0)),
            ],
            8,
        )
        blade = np.stack([curve + [0, s * r * 0.12, 0] for s in (-1, 1)], 1)
        wide = np.concatenate([blade, blade[:, ::-1] + [0, 0, 0.004]], 1)
        parts += turn([loft(wide, "foliage")], rng.uniform(0, 360))
    return parts


def _jar(rng: Rng, size: float) -> Parts:
    """Vase, jar or bowl: a solid of revolution."""
    h, r = size * rng.uniform(0.3, 1.0), size * rng.uniform(0.2, 0.4)
    radii = rng.uniform(0.4, 1.0, 5) * r
    return [
        lathe(
            [(0, 0), *spline(np.column_stack([radii, np.linspace(0, h, 5)]), 20), (0, h)],
            "clutter",
            24,
        )
    ]


def _post(rng: Rng, size: float) -> Parts:
    h = size * rng.uniform(1.2, 2.5)
    return [
        rod((0, 0, 0), (0, 0, h), 0.05 * size, "clutter"),
        box((0.5 * size, 0.03, 0.4 * size), (0, -0.03, h), "picture"),
    ]


def _tree(rng: Rng, size: float) -> Parts:
    h = size * rng.uniform(1.2, 2.4)
    parts = [rod((0, 0, 0), (0, 0, h), 0.08 * size, "wood", 0.04 * size)]
    for _ in range(7):
        at = rng.normal(0, 0.35 * size, 3) + [0, 0, h]
        parts.append(pillow(size * rng.uniform(0.5, 1.0, 3), at, "foliage", 2.2))
    return parts


def _hedge(rng: Rng, size: float) -> Parts:
    return [
        pillow(
            (size * rng.uniform(1, 4), size * 0.5, size * rng.uniform(0.5, 1.2)),
            (0, 0, size * 0.3),
            "foliage",
            5,
        )
    ]


def _bin(rng: Rng, size: float) -> Parts:
    r, h = 0.25 * size, size * rng.uniform(0.5, 0.8)
    return [
        lathe([(0, 0), (r * 0.8, 0), (r, h), (0, h)], "clutter", 24),
        disc(r * 1.1, 0.05 * size, (0, 0, h), 2, "dark"),
    ]


def _cone(rng: Rng, size: float) -> Parts:
    return [
        lathe(
            [(0, 0.03), (0.17 * size, 0.03), (0.03 * size, 0.5 * size), (0, 0.5 * size)],
            "taillight",
            20,
        ),
        box((0.4 * size, 0.4 * size, 0.03), (0, 0, 0.015), "dark"),
    ]


def _scatter(
    rng: Rng,
    kinds: tuple[Maker, ...],
    count: int,
    size: tuple[float, float],
    reach: tuple[float, float],
) -> list[Parts]:
    """Things of random kinds and sizes around the subject, within a range of distances."""
    things: list[Parts] = []
    for _ in range(count):
        thing = kinds[int(rng.integers(len(kinds)))](rng, rng.uniform(*size))
        x, y = _around(rng, *reach)
        things.append(shift(turn(thing, rng.uniform(0, 360)), (x, y, 0)))
    return things


def _plane(finish: str, level: float = 0.0, reach: float = REACH) -> Part:
    return box((2 * reach, 2 * reach, 0.05), (0, 0, level - 0.025), finish)


def _wall(rng: Rng, y: float, floor: float = 0.0) -> Parts:
    """Wall at y, with skirting, pictures, and perhaps a window or shelves."""
    parts = [box((2 * REACH, 0.05, 6.0), (0, y + 0.025, floor + 3.0), "wall")]
    parts.append(
        box((2 * REACH, 0.03, rng.uniform(0.05, 0.14)), (0, y - 0.01, floor + 0.04), "pale")
    )
    for _ in range(int(rng.integers(0, 5))):
        w, h = rng.uniform(0.25, 0.9, 2)
        x, z = rng.uniform(-1.8, 1.8), floor + rng.uniform(0.7, 1.7)
        parts += [
            box((w + 0.06, 0.03, h + 0.06), (x, y - 0.015, z), "wood"),
            box((w, 0.03, h), (x, y - 0.025, z), "picture"),
        ]
    extra = rng.random()
    if extra < 0.3:
        parts += _window(rng, y, floor)
    elif extra < 0.6:
        parts += _shelf(rng, y, floor)
    return parts


def _window(rng: Rng, y: float, floor: float) -> Parts:
    x, z, w, h = rng.uniform(-1.5, 1.5), floor + 1.2, rng.uniform(0.7, 1.3), rng.uniform(0.9, 1.4)
    parts = [box((w, 0.03, h), (x, y - 0.01, z), "sky")]
    parts += [box((0.05, 0.05, h), (x + s * w / 2, y - 0.02, z), "pale") for s in (-1, 0, 1)]
    parts += [box((w, 0.05, 0.05), (x, y - 0.02, z + s * h / 2), "pale") for s in (-1, 0, 1)]
    for s in (-1, 1):
        t = np.linspace(0, 1, 40)
        front = np.stack(
            [x + s * (w * 0.5 + 0.35 * t), y - 0.1 + 0.03 * np.sin(t * 40), np.zeros(40)], -1
        )
        outline = np.concatenate([front, front[::-1] + [0, 0.02, 0]])
        parts.append(
            loft(np.stack([outline + [0, 0, floor + 0.1], outline + [0, 0, z + h * 0.65]]), "rug")
        )
    return parts


def _shelf(rng: Rng, y: float, floor: float) -> Parts:
    """Bookcase against the wall."""
    x, w, h = rng.uniform(-1.6, 1.6), rng.uniform(0.7, 1.4), rng.uniform(1.0, 2.0)
    parts = [box((w, 0.02, h), (x, y - 0.02, floor + h / 2), "wood")]
    parts += [
        box((0.04, 0.3, h), (x + s * w / 2, y - 0.16, floor + h / 2), "wood") for s in (-1, 1)
    ]
    for z in np.arange(0.05, h, 0.36):
        parts.append(box((w, 0.3, 0.03), (x, y - 0.16, floor + z), "wood"))
        if z + 0.3 < h:
            full = w * rng.uniform(0.4, 0.95)
            parts.append(
                box(
                    (full, 0.2, rng.uniform(0.2, 0.29)),
                    (x - (w - full) / 2, y - 0.16, floor + z + 0.14),
                    "books",
                )
            )
    return parts


def room(rng: Rng, floor: float = 0.0) -> Setting:
    """Furnished room, seen towards one wall or a corner."""
    parts = [_plane("floor", floor), *_wall(rng, rng.uniform(0.8, 2.2), floor)]
    corner = rng.random() < 0.45
    if corner:
        parts += turn(_wall(rng, rng.uniform(1.2, 2.2), floor), -90)
    if rng.random() < 0.5:
        edge = squircle(rng.uniform(1.5, 3), rng.uniform(1.2, 2.2), rng.choice([2.0, 30.0]), 40)
        rug = slab(edge, 0.002, 0.012, "rug")
        parts += shift(turn([rug], rng.uniform(-30, 30)), (*rng.uniform(-0.4, 0.4, 2), floor))
    kinds = (_carton, _books, _ball, _pot, _pot, _jar, _bin)
    things = _scatter(rng, kinds, int(rng.integers(1, 6)), (0.25, 0.7), (0.75, 1.7))
    standing = [shift(thing, (0, 0, floor)) for thing in things]
    return Setting(parts, "indoors", standing, corner)


def tabletop(rng: Rng) -> Setting:
    """Small things on a table, in front of a wall or a blurred room."""
    far = rng.uniform(1.0, 4.0)
    top = slab(squircle(2 * REACH, 2 * far, rng.choice([3.0, 40.0]), 60), -0.1, 0, "tabletop")
    parts = [top]
    if rng.random() < 0.55:
        parts += _wall(rng, far + rng.uniform(0.0, 1.5), -1.0)
    if rng.random() < 0.3:
        mat = slab(squircle(1.8, 1.4, rng.choice([2.0, 12.0]), 40), 0.0, 0.015, "rug")
        parts += turn([mat], rng.uniform(-40, 40))
    kinds = (_carton, _books, _books, _ball, _jar, _jar, _pot)
    things = _scatter(rng, kinds, int(rng.integers(3, 9)), (0.3, 1.1), (0.8, 2.2))
    return Setting(parts, "indoors", things)


def street(rng: Rng) -> Setting:
    """Street, yard or park."""
    parts = [_plane("ground", 0.0, 12.0)]
    if rng.random() < 0.55:
        y = rng.uniform(0.8, 3.0)
        tall = rng.uniform(0.5, 3.0)
        finish = str(rng.choice(["facade", "wall", "foliage"]))
        parts.append(box((24, 0.2, tall), (rng.uniform(-4, 4), y, tall / 2), finish))
        parts.append(box((24, 0.5, 0.05), (0, y - 0.3, 0.025), "kerb"))
    else:
        for _ in range(int(rng.integers(1, 4))):
            w, h = rng.uniform(1, 4), rng.uniform(1, 4)
            parts.append(box((w, 1, h), (rng.uniform(-6, 6), rng.uniform(5, 10), h / 2), "facade"))
    kinds = (_tree, _hedge, _post, _bin, _cone, _carton, _tree)
    things = _scatter(rng, kinds, int(rng.integers(3, 8)), (0.3, 1.0), (0.85, 2.6))
    return Setting(parts, "outdoors", things)


def airfield(rng: Rng) -> Setting:
    """Apron with distant buildings."""
    parts = [_plane("ground", 0.0, 14.0)]
    for _ in range(int(rng.integers(1, 5))):
        w, h = rng.uniform(0.5, 2.5), rng.uniform(0.15, 0.6)
        finish = str(rng.choice(["facade", "clutter"]))
        parts.append(box((w, 0.6, h), (rng.uniform(-4, 4), rng.uniform(1.2, 5), h / 2), finish))
    things = _scatter(rng, (_carton, _cone, _bin, _tree), 4, (0.08, 0.25), (0.7, 2.0))
    return Setting(parts, "outdoors", things)


def laid(rng: Rng, extent: Floats) -> Parts:
    """Up to two small things on top of a table with these bounds (2, 3)."""
    reach = 0.35 * np.minimum(extent[1, :2] - extent[0, :2], 1.0)
    parts: Parts = []
    for _ in range(int(rng.integers(0, 3))):
        make = (_books, _jar, _pot, _ball, _carton)[int(rng.integers(5))]
        x, y = rng.uniform(-reach, reach)
        parts += shift(make(rng, rng.uniform(0.08, 0.2)), (x, y, extent[1, 2]))
    return parts


def sky(rng: Rng) -> Setting:
    """Sky without any geometry."""
    return Setting([], "sky")


def _clouds(rng: Rng, h: int, w: int) -> Floats:
    """Sky from pale horizon to deeper zenith, with clouds; (h, w, 3)."""
    n = max(h, w)
    vapour = noise(rng, rng.uniform(1.5, 2.0), rng.uniform(0.6, 1.6), n)[:h, :w]
    cover = np.clip(3 * (vapour - rng.uniform(0.35, 0.75)), 0, 1)
    zenith = hsv(rng.uniform(0.54, 0.62), rng.uniform(0.15, 0.7), rng.uniform(0.6, 0.98))
    sunset = rng.random() < 0.2
    horizon = hsv(
        rng.uniform(0.04, 0.12), rng.uniform(0.2, 0.45) if sunset else 0.05, rng.uniform(0.8, 1.0)
    )
    ramp = np.broadcast_to(np.linspace(0, 1, h)[:, None] ** 0.8, (h, w))
    return mix(mix(zenith, horizon, ramp), np.full(3, rng.uniform(0.7, 1.0)), cover)


def _outdoors(rng: Rng, h: int, w: int, horizon: float) -> Floats:
    """Sky, hills or trees on the horizon (a row), and haze below."""
    image = _clouds(rng, h, w)
    rows = np.arange(h)[:, None]
    for depth in (1.0, 0.6):
        ridge = noise(rng, 1.5, size=max(h, w))[0, :w]
        line = horizon - depth * h * 0.22 * ridge
        tone = hsv(rng.uniform(0.15, 0.4), rng.uniform(0.1, 0.45), rng.uniform(0.25, 0.6))
        other = hsv(rng.uniform(0.07, 0.16), rng.uniform(0.1, 0.4), rng.uniform(0.3, 0.7))
        land = mix(tone, other, noise(rng, 1.3, size=max(h, w))[:h, :w])
        image = np.where((rows > line)[..., None], land, image)
    return image


def _indoors(rng: Rng, h: int, w: int) -> Floats:
    """Out-of-focus room: blocks, furniture-like bars and lights."""
    image = mix(any_colour(rng), any_colour(rng), noise(rng, 2.0, size=max(h, w))[:h, :w])
    for _ in range(int(rng.integers(10, 30))):
        y, x = int(rng.integers(h)), int(rng.integers(w))
        dy, dx = (int(rng.integers(8, s // 2)) for s in (h, w))
        image[y : y + dy, x : x + dx] = any_colour(rng) * 0.6 + 0.2
    image = ndimage.gaussian_filter(image, (h / rng.uniform(25, 80),) * 2 + (0,))
    rows, columns = np.mgrid[:h, :w]
    for _ in range(int(rng.integers(0, 9))):
        cy, cx, r = rng.uniform(0, h), rng.uniform(0, w), rng.uniform(0.015, 0.06) * h
        spot = np.clip(r + 1 - np.hypot(rows - cy, columns - cx), 0, 1) * rng.uniform(0.3, 0.9)
        image = mix(image, hsv(rng.uniform(0.05, 0.17), 0.3, 1.0), spot)
    return image


def backdrop(rng: Rng, kind: str, h: int, w: int, horizon: float) -> Floats:
    """Painted background (h, w, 3) in [0, 1]; ``horizon`` is a row, perhaps outside the image."""
    if kind == "indoors":
        return _indoors(rng, h, w)
    if kind == "sky" and rng.random() < 0.6:
        return _clouds(rng, h, w)
    return _outdoors(rng, h, w, horizon)


def leaning(rng: Rng, parts: Parts) -> Parts:
    """Lay or lean an upright thing: against a wall, flat, or on a stand."""
    way = rng.random()
    if way < 0.25:
        return turn(turn(parts, -90, 0), rng.uniform(0, 360))
    tilt = rotation(-rng.uniform(3, 18), 0) @ rotation(rng.uniform(-12, 12), 1)
    return [p.map(tilt) for p in parts]
