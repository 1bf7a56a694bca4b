"""Procedural, tileable textures, and the materials of the demo photos."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import fft

from ucmgcn.core.arrays import Floats

Rng = np.random.Generator
Pattern = Callable[[Rng], Floats]
SIZE = 256


@dataclass(frozen=True)
class Surface:
    """How a finish looks in one photo.

    Attributes
    ----------
    texture : (SIZE, SIZE, 3) uint8
        sRGB, tileable.
    tile : float
        Side of one tile as a fraction of the subject's size.
    roughness, metallic, glow : float
        Parameters of the metallic-roughness model; ``glow`` is the emission.
    """

    texture: npt.NDArray[np.uint8]
    tile: float
    roughness: float
    metallic: float = 0.0
    glow: float = 0.0


def noise(rng: Rng, fall: float = 1.0, stretch: float = 1.0, size: int = SIZE) -> Floats:
    """Tileable noise in [0, 1] with spectrum 1 / f**fall, stretched along the rows' axis.

    Parameters
    ----------
    rng : numpy.random.Generator
    fall : float
        0 is white noise, 2 is clouds.
    stretch : float
        Ratio of a feature's height to its width.
    size : int
        Pixels per side.
    """
    white = rng.standard_normal((size, size), dtype=np.float32)
    field = fft.irfft2(fft.rfft2(white) * _spectrum(fall, stretch, size), s=white.shape)
    unit: Floats = np.clip(0.5 + 0.22 * field / field.std(), 0, 1)
    return unit


def _spectrum(fall: float, stretch: float, size: int) -> npt.NDArray[np.float32]:
    """Amplitudes (size, size // 2 + 1) of a power law with zero mean."""
    fy = fft.fftfreq(size)[:, None] * stretch
    fx = fft.rfftfreq(size)[None]
    amplitude: Floats = np.maximum(np.hypot(fx, fy), 1.0 / size) ** -fall
    amplitude[0, 0] = 0.0
    return amplitude.astype(np.float32)


def hsv(hue: float, saturation: float, value: float) -> Floats:
    """Colour (3,) in sRGB."""
    return np.array(colorsys.hsv_to_rgb(hue % 1, np.clip(saturation, 0, 1), np.clip(value, 0, 1)))


def any_colour(rng: Rng) -> Floats:
    """Everyday colour: mostly greyish or earthy, sometimes vivid."""
    kind = rng.random()
    if kind < 0.4:
        return hsv(rng.uniform(0.03, 0.17), rng.uniform(0, 0.18), rng.uniform(0.2, 0.97))
    if kind < 0.8:
        hue = rng.choice([0.02, 0.07, 0.1, 0.13, 0.3, 0.55, 0.6]) + rng.normal(0, 0.02)
        return hsv(hue, rng.uniform(0.2, 0.6), rng.uniform(0.25, 0.9))
    return hsv(rng.random(), rng.uniform(0.45, 0.8), rng.uniform(0.35, 0.9))


def companion(rng: Rng, colour: Floats) -> Floats:
    """Second colour of a pattern: usually a lighter or darker shade of the first."""
    if rng.random() < 0.3:
        return any_colour(rng)
    return np.clip(colour * rng.uniform(0.45, 1.5) + rng.normal(0, 0.04, 3), 0.03, 0.97)


def mix(a: Floats, b: Floats, weight: Floats) -> Floats:
    """Blend two colours (3,) or images by a field (h, w)."""
    return a * (1 - weight[..., None]) + b * weight[..., None]


def _grid() -> tuple[Floats, Floats]:
    t = np.arange(SIZE) / SIZE
    return np.meshgrid(t, t)


def wood(rng: Rng) -> Floats:
    """Long grain along the rows' axis."""
    dark = hsv(rng.uniform(0.04, 0.09), rng.uniform(0.4, 0.75), rng.uniform(0.18, 0.6))
    light = np.clip(dark * rng.uniform(1.25, 1.7) + 0.05, 0, 1)
    x, _ = _grid()
    bands = 0.5 + 0.5 * np.sin(2 * np.pi * (int(rng.integers(3, 8)) * x + 2.5 * noise(rng, 1.6, 9)))
    return mix(mix(dark, light, bands), dark * 0.7, 0.55 * noise(rng, 0.6, 25) ** 2)


def boards(rng: Rng) -> Floats:
    """Floor boards or parquet: strips of varying wood with dark joints."""
    base, strips = wood(rng), int(rng.integers(3, 7))
    image, edges = base.copy(), np.linspace(0, SIZE, strips + 1).astype(int)
    for a, b in pairwise(edges):
        image[:, a:b] = np.roll(base, int(rng.integers(SIZE)), axis=0)[:, a:b] * rng.uniform(
            0.75, 1.1
        )
        image[:, a : a + 2] *= 0.35
        y = int(rng.integers(SIZE - 2))
        image[y : y + 2, a:b] *= 0.4
    return image


def plain(rng: Rng) -> Floats:
    """One colour, barely uneven."""
    return any_colour(rng) * (0.93 + 0.12 * noise(rng, 1.2)[..., None])


def pale(rng: Rng) -> Floats:
    """White or pastel glaze or paint."""
    colour = hsv(rng.random(), rng.uniform(0, 0.14), rng.uniform(0.75, 0.97))
    return colour * (0.95 + 0.08 * noise(rng, 1.4)[..., None])


def grey(rng: Rng) -> Floats:
    """Brushed metal."""
    colour = hsv(rng.choice([0.1, 0.6]), rng.uniform(0, 0.15), rng.uniform(0.5, 0.85))
    return colour * (0.8 + 0.3 * noise(rng, 0.5, 20)[..., None])


def gold(rng: Rng) -> Floats:
    """Brass or copper."""
    colour = hsv(rng.uniform(0.04, 0.13), rng.uniform(0.4, 0.7), rng.uniform(0.6, 0.85))
    return colour * (0.85 + 0.2 * noise(rng, 0.8, 6)[..., None])


def black(rng: Rng) -> Floats:
    """Black plastic, rubber or lacquer."""
    return hsv(rng.random(), 0.15, rng.uniform(0.04, 0.16)) * (
        0.8 + 0.4 * noise(rng, 0.8)[..., None]
    )


def stripes(rng: Rng) -> Floats:
    """Horizontal or vertical stripes of two to four colours."""
    x, y = _grid()
    count, first = int(rng.integers(2, 10)), any_colour(rng)
    colours = [first, *(companion(rng, first) for _ in range(int(rng.integers(1, 4))))]
    index = ((x if rng.random() < 0.5 else y) * count * len(colours)).astype(int) % len(colours)
    image: Floats = np.array(colours)[index]
    return image


def checks(rng: Rng) -> Floats:
    """Gingham or tartan."""
    x, y = _grid()
    n, a = int(rng.integers(2, 8)), any_colour(rng)
    b = companion(rng, a)
    fx, fy = (x * n % 1 < rng.uniform(0.3, 0.6)), (y * n % 1 < rng.uniform(0.3, 0.6))
    return mix(a, b, 0.5 * fx + 0.5 * fy)


def dots(rng: Rng) -> Floats:
    """Polka dots or blossoms."""
    x, y = _grid()
    n, petals = int(rng.integers(3, 8)), int(rng.choice([0, 0, 5, 6]))
    u, v = x * n % 1 - 0.5, (y * n + 0.5 * (np.floor(x * n) % 2)) % 1 - 0.5
    reach = rng.uniform(0.2, 0.38) * (1 + 0.3 * np.cos(petals * np.arctan2(v, u)))
    ground = any_colour(rng)
    return mix(ground, companion(rng, ground), (np.hypot(u, v) < reach).astype(float))


def blotches(rng: Rng) -> Floats:
    """Camouflage-like or marbled areas of three colours."""
    field = noise(rng, rng.uniform(1.4, 2.2))
    ground = any_colour(rng)
    first = mix(ground, companion(rng, ground), (field > 0.5).astype(float))
    third = np.broadcast_to(companion(rng, ground), first.shape)
    return mix(first, third, (noise(rng, 1.8) > 0.62).astype(float))


def _woven(pattern: Pattern) -> Pattern:
    """Add the relief of a weave to a pattern."""

    def texture(rng: Rng) -> Floats:
        x, y = _grid()
        n = int(rng.integers(24, 50))
        relief = 0.82 + 0.18 * np.sin(2 * np.pi * n * x) * np.sin(2 * np.pi * n * y)
        return pattern(rng) * (relief * (0.85 + 0.3 * noise(rng, 0.7)))[..., None]

    return texture


def leather(rng: Rng) -> Floats:
    """Brown, black, red or cream hide."""
    hue, s, v = [(0.06, 0.6, 0.35), (0.05, 0.2, 0.1), (0.0, 0.7, 0.4), (0.1, 0.25, 0.8)][
        int(rng.integers(4))
    ]
    return hsv(hue, s, v * rng.uniform(0.8, 1.2)) * (0.75 + 0.5 * noise(rng, 1.0)[..., None])


def marble(rng: Rng) -> Floats:
    """Veined stone."""
    veins = np.exp(-40 * np.abs(noise(rng, 1.8) - 0.5))
    base = hsv(rng.random(), rng.uniform(0, 0.15), rng.choice([0.15, 0.85, 0.92]))
    return mix(
        base * (0.9 + 0.15 * noise(rng, 1.5)[..., None]),
        hsv(0.1, 0.2, rng.uniform(0.3, 0.7)),
        0.6 * veins,
    )


def bricks(rng: Rng) -> Floats:
    """Brickwork in running bond with mortar."""
    x, y = _grid()
    rows, across = 8, 4
    row = np.floor(y * rows).astype(int)
    u = x * across + 0.5 * (row % 2)
    shade = rng.uniform(0.65, 1.1, (rows, across))[row, np.floor(u).astype(int) % across]
    colour = hsv(rng.uniform(0.0, 0.09), rng.uniform(0.15, 0.65), rng.uniform(0.4, 0.8))
    joint = ((u % 1 < 0.05) | (y * rows % 1 < 0.1)).astype(float)
    image = mix(colour * shade[..., None], np.full(3, rng.uniform(0.45, 0.8)), joint)
    return image * (0.75 + 0.4 * noise(rng, 0.8)[..., None])


def tiles(rng: Rng) -> Floats:
    """Square tiles, plain, two-coloured or mosaic, with grout."""
    x, y = _grid()
    n = int(rng.choice([2, 4, 8, 12]))
    i, j = np.floor(x * n).astype(int), np.floor(y * n).astype(int)
    first = any_colour(rng)
    others = int(rng.choice([0, 0, 1, 4]))
    palette = np.array([first, *(companion(rng, first) for _ in range(others))])
    index = (i + j) % 2 if len(palette) == 2 else rng.integers(len(palette), size=(n, n))[j, i]
    joint = ((x * n % 1 < 0.06) | (y * n % 1 < 0.06)).astype(float)
    glazed = palette[index] * (0.85 + 0.25 * noise(rng, 1.3)[..., None])
    return mix(glazed, np.full(3, rng.uniform(0.3, 0.85)), joint)


def carpet(rng: Rng) -> Floats:
    """Rug: a busy pattern under coarse pile."""
    pattern = (dots, checks, blotches, stripes, tiles)[int(rng.integers(5))](rng)
    return pattern * (0.6 + 0.6 * noise(rng, 0.3)[..., None])


def plaster(rng: Rng) -> Floats:
    """Painted wall."""
    hue = rng.choice([0.05, 0.1, 0.12, 0.3, 0.58]) + rng.normal(0, 0.02)
    colour = hsv(hue, rng.uniform(0, 0.3), rng.uniform(0.5, 0.92))
    return colour * (0.86 + 0.2 * noise(rng, 1.5)[..., None])


def wallpaper(rng: Rng) -> Floats:
    """Faded stripes, blossoms or checks."""
    pattern = (stripes, dots, checks)[int(rng.integers(3))](rng)
    tone = np.broadcast_to(
        hsv(rng.choice([0.05, 0.11, 0.3, 0.58]), 0.2, rng.uniform(0.5, 0.9)), pattern.shape
    )
    return mix(tone, pattern, np.full((SIZE, SIZE), rng.uniform(0.15, 0.6)))


def stone(rng: Rng) -> Floats:
    """Concrete, gravel or asphalt, with stains."""
    value = rng.uniform(0.22, 0.7)
    grain = 0.7 + 0.6 * noise(rng, rng.uniform(0.0, 0.6))
    return (
        hsv(rng.uniform(0.05, 0.65), 0.08, value)
        * (grain * (0.75 + 0.5 * noise(rng, 1.8)))[..., None]
    )


def foliage(rng: Rng) -> Floats:
    """Leaves or grass: dark gaps among lit tips."""
    green = hsv(rng.uniform(0.18, 0.3), rng.uniform(0.3, 0.52), rng.uniform(0.35, 0.6))
    lit = noise(rng, 0.45) ** 1.6
    return mix(green * 0.3, np.clip(green * 1.35, 0, 1), lit) * (
        0.7 + 0.5 * noise(rng, 1.6)[..., None]
    )


def sand(rng: Rng) -> Floats:
    """Sand, dry earth or snow."""
    colour = hsv(rng.uniform(0.07, 0.13), rng.choice([0.05, 0.2, 0.3]), rng.uniform(0.6, 0.9))
    return colour * ((0.75 + 0.3 * noise(rng, 1.6)) * (0.85 + 0.3 * noise(rng, 0.3)))[..., None]


def cobbles(rng: Rng) -> Floats:
    """Setts of uneven tone."""
    x, y = _grid()
    n = 10
    j = np.floor(y * n).astype(int)
    u = x * n + 0.5 * (j % 2)
    tone = rng.uniform(0.5, 1.1, (n, n))[j, np.floor(u).astype(int) % n]
    edge = np.minimum(1, 5 * (0.5 - np.maximum(np.abs(u % 1 - 0.5), np.abs(y * n % 1 - 0.5))))
    shade = tone * (0.25 + 0.75 * edge) * (0.7 + 0.5 * noise(rng, 0.6))
    colour: Floats = hsv(0.1, 0.12, rng.uniform(0.4, 0.65)) * shade[..., None]
    return colour


def poster(rng: Rng) -> Floats:
    """Painting, book cover or label: blocks, discs and lines of text."""
    image = mix(any_colour(rng), any_colour(rng), noise(rng, rng.uniform(1.2, 2.4)))
    x, y = _grid()
    for _ in range(int(rng.integers(2, 8))):
        cx, cy, w, h = rng.uniform(0, 1, 2).tolist() + rng.uniform(0.05, 0.3, 2).tolist()
        round_ = np.hypot((x - cx) / w, (y - cy) / h) < 1
        square = (np.abs(x - cx) < w) & (np.abs(y - cy) < h)
        image[round_ if rng.random() < 0.5 else square] = any_colour(rng)
    if rng.random() < 0.6:
        ink = (
            (noise(rng, 0.2) > 0.5)
            & (y * 16 % 1 < 0.5)
            & (np.abs(x - 0.5) < 0.35)
            & (y > rng.random())
        )
        image[ink] = any_colour(rng) * 0.4
    return image


def spines(rng: Rng) -> Floats:
    """Row of book spines."""
    image, x = np.zeros((SIZE, SIZE, 3)), 0
    while x < SIZE:
        w = int(rng.integers(8, 26))
        image[:, x : x + w] = any_colour(rng)
        y = int(rng.integers(20, 200))
        image[y : y + int(rng.integers(6, 40)), x + 2 : x + w - 2] = any_colour(rng)
        image[:, x : x + 1] *= 0.3
        x += w
    return image


def facade(rng: Rng) -> Floats:
    """House front: a grid of windows on brick, stone or plaster."""
    image = (bricks, stone, plaster)[int(rng.integers(3))](rng).copy()
    nx, ny = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    for i in range(nx):
        for j in range(ny):
            x, y = int((i + 0.28) * SIZE / nx), int((j + 0.2) * SIZE / ny)
            w, h = int(0.45 * SIZE / nx), int(0.55 * SIZE / ny)
            image[y - 3 : y + h + 3, x - 3 : x + w + 3] = rng.uniform(0.6, 0.95)
            image[y : y + h, x : x + w] = hsv(0.58, 0.3, rng.uniform(0.1, 0.6))
    return image


@dataclass(frozen=True)
class Finish:
    """Ranges of one finish: patterns, tile, roughness, metallic and glow."""

    patterns: tuple[Pattern, ...]
    tile: tuple[float, float]
    roughness: tuple[float, float]
    metallic: float = 0.0
    glow: tuple[float, float] = (0.0, 0.0)


_FABRIC = tuple(map(_woven, (plain, plain, plain, stripes, checks, dots, blotches)))
_PRINT = (pale, pale, plain, plain, plain, stripes, dots, poster)

FINISHES: dict[str, Finish] = {
    "wood": Finish((wood,), (0.25, 0.7), (0.35, 0.8)),
    "darkwood": Finish((wood, black), (0.2, 0.5), (0.4, 0.8)),
    "metal": Finish((grey, grey, black, gold, plain), (0.3, 0.8), (0.3, 0.6), 0.35),
    "chrome": Finish((grey,), (0.3, 0.8), (0.2, 0.4), 0.4),
    "steel": Finish((grey, plain, black), (0.5, 1.0), (0.2, 0.5), 0.35),
    "foil": Finish((gold, plain, black, grey), (0.2, 0.5), (0.25, 0.5), 0.3),
    "fabric": Finish(_FABRIC, (0.15, 0.6), (0.8, 1.0)),
    "accent": Finish((*_FABRIC, plain), (0.15, 0.5), (0.5, 1.0)),
    "leather": Finish((leather,), (0.3, 0.7), (0.35, 0.6)),
    "plastic": Finish((plain, black, pale), (0.4, 0.8), (0.3, 0.6)),
    "paint": Finish((plain, plain, plain, pale, grey, black), (0.6, 1.2), (0.2, 0.45), 0.05),
    "ceramic": Finish(_PRINT, (0.3, 1.0), (0.15, 0.5)),
    "shade": Finish((pale, pale, *_FABRIC), (0.3, 0.7), (0.7, 1.0), 0.0, (0.0, 0.75)),
    "glass": Finish((black,), (0.6, 1.0), (0.1, 0.2), 0.1),
    "glasstop": Finish((pale, black), (0.6, 1.0), (0.1, 0.25)),
    "bottle": Finish((plain, plain, black, gold), (0.8, 1.5), (0.1, 0.3)),
    "clear": Finish((pale,), (0.8, 1.5), (0.1, 0.3)),
    "milk": Finish((pale,), (0.8, 1.5), (0.1, 0.3)),
    "label": Finish((poster, pale, stripes, blotches), (0.3, 0.6), (0.5, 0.9)),
    "paper": Finish((poster, pale), (0.2, 0.5), (0.7, 1.0)),
    "drink": Finish((leather,), (0.5, 1.0), (0.1, 0.3)),
    "rubber": Finish((black,), (0.3, 0.6), (0.7, 1.0)),
    "dark": Finish((black,), (0.3, 0.6), (0.4, 0.8)),
    "lamp": Finish((pale,), (0.5, 1.0), (0.2, 0.5), 0.0, (0.2, 0.95)),
    "taillight": Finish(
        (lambda rng: hsv(0.0, 0.9, 0.7) * (0.9 + 0.2 * noise(rng)[..., None]),),
        (0.3, 0.5),
        (0.2, 0.4),
    ),
    "marble": Finish((marble,), (0.6, 1.2), (0.2, 0.4)),
    "pale": Finish((pale,), (0.5, 1.0), (0.3, 0.7)),
    "sky": Finish((pale, blotches), (1.0, 3.0), (0.8, 1.0), 0.0, (0.5, 1.0)),
    "floor": Finish((boards, boards, tiles, carpet, marble, stone, wood), (0.6, 1.6), (0.35, 0.9)),
    "wall": Finish(
        (plaster, plaster, wallpaper, wallpaper, bricks, tiles, boards), (0.4, 1.6), (0.7, 1.0)
    ),
    "tabletop": Finish(
        (wood, boards, marble, plain, checks, tiles, stone), (1.0, 3.0), (0.25, 0.8)
    ),
    "rug": Finish((carpet,), (0.4, 1.2), (0.9, 1.0)),
    "ground": Finish((stone, stone, foliage, sand, cobbles, bricks, tiles), (0.5, 1.6), (0.8, 1.0)),
    "kerb": Finish((stone,), (0.3, 0.8), (0.8, 1.0)),
    "foliage": Finish((foliage,), (0.3, 0.8), (0.8, 1.0)),
    "picture": Finish((poster, blotches, poster), (0.5, 1.0), (0.3, 0.8)),
    "books": Finish((spines,), (0.5, 0.9), (0.5, 0.9)),
    "facade": Finish((facade, bricks), (1.0, 2.5), (0.7, 1.0)),
    "clutter": Finish((plain, poster, stripes, pale, black, wood, dots), (0.2, 0.8), (0.2, 0.9)),
}


def surface(rng: Rng, finish: str) -> Surface:
    """Draw a random surface of a finish."""
    f = FINISHES[finish]
    image = f.patterns[int(rng.integers(len(f.patterns)))](rng)
    texture = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    roughness, tile = rng.uniform(*f.roughness), rng.uniform(*f.tile)
    return Surface(texture, tile, roughness, f.metallic, rng.uniform(*f.glow))
