"""The categories of the demo set, and how the i-th instance of one is generated."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Literal

import numpy as np

from ucmgcn.demo.shapes import airplane, bicycle, bottle, car, chair, guitar, lamp, mug, sofa, table
from ucmgcn.demo.solids import Parts

ItemKind = Literal["model", "photo"]
Builder = Callable[[np.random.Generator, int], Parts]

CATEGORIES: dict[str, Builder] = {
    "airplane": airplane.airplane,
    "bicycle": bicycle.bicycle,
    "bottle": bottle.bottle,
    "car": car.car,
    "chair": chair.chair,
    "guitar": guitar.guitar,
    "lamp": lamp.lamp,
    "mug": mug.mug,
    "sofa": sofa.sofa,
    "table": table.table,
}


def generator(seed: int, category: str, index: int, role: str) -> np.random.Generator:
    """Random generator of one instance, which depends only on these four values."""
    words = [seed, zlib.crc32(category.encode()), index, zlib.crc32(role.encode())]
    return np.random.default_rng(words)


def instance(seed: int, category: str, index: int, role: ItemKind) -> Parts:
    """Parts of the ``index``-th object of a category, for the gallery or for a photo.

    The index cycles through the category's structural styles, with different starts for gallery
    and photos. All proportions are random.
    """
    start = int(generator(seed, category, -1 % 2**32, role).integers(1000))
    return CATEGORIES[category](generator(seed, category, index, role), start + index)
