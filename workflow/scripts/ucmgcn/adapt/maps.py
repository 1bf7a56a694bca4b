"""Feature maps before the last blocks, read from shards a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Features, Ints
from ucmgcn.features.stage import Product
from ucmgcn.files.shards import Shard, open_shard
from ucmgcn.settings import Resize

BLOCK = 1024  # maps in memory at a time
Half = npt.NDArray[np.float16]


def maps_product(looks: Sequence[Resize]) -> Product:
    """Name what the shards of maps hold: half-precision rows, one for each look or view."""
    return Product("image-maps", "view-maps", "maps", "f2", tuple(looks))


class Maps:
    """Maps of some items, on disk; a context manager.

    Parameters
    ----------
    paths
        Shards of the kind ``"image-maps"`` or ``"view-maps"``.
    kind
        Which of the two.
    ids
        The items, each in one of the shards; item i is the i-th of them.
    """

    def __init__(self, paths: Sequence[Path], kind: str, ids: Sequence[str]) -> None:
        self._paths, self._kind, self._ids = paths, kind, ids

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        number = {id: i for i, id in enumerate(self._ids)}
        self._places: list[tuple[Shard, int]] = [None] * len(self._ids)  # type: ignore[list-item]
        for path in self._paths:
            shard = self._stack.enter_context(open_shard(path, self._kind))
            for row, id in enumerate(shard.ids):
                if id in number:
                    self._places[number[id]] = shard, row
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def rows(self) -> int:
        """Rows of each item: looks at a photo, or views of a model."""
        return int(self._places[0][0].array.shape[1]) if self._places else 0

    def read(self, items: Ints, rows: Ints) -> Half:
        """Read a row of each item, shapes (b,) and (b,), to (b, values)."""
        places = [self._places[item] for item in items]
        found = [shard.array[i, row] for (shard, i), row in zip(places, rows, strict=True)]
        return np.stack(found)

    def all(self, describe: Callable[[Half], Features], items: Ints | None = None) -> Features:
        """Describe all items, or some: maps (b, rows, values) to features (n, rows, dim).

        A few are read at a time. Without an item the shape is (0, 1, 1).
        """
        size = max(1, BLOCK // max(1, self.rows))
        wanted = range(len(self)) if items is None else items.tolist()
        places = [self._places[item] for item in wanted]
        parts = [
            describe(np.stack([shard.array[i] for shard, i in places[start : start + size]]))
            for start in range(0, len(places), size)
        ]
        return np.concatenate(parts) if parts else np.empty((0, 1, 1), np.float32)


@dataclass(frozen=True)
class Sample:
    """Ids of the photos and of the models that the graph is built of, sorted."""

    photos: list[str]
    models: list[str]


def draw_sample(photos: Sequence[str], models: Sequence[str], most: int, seed: int) -> Sample:
    """Draw at most so many photos and models; all of them if there are no more."""

    def draw(ids: Sequence[str]) -> list[str]:
        known = sorted(ids)
        if len(known) <= most:
            return known
        kept = np.random.default_rng(seed).choice(len(known), most, replace=False)
        return [known[i] for i in np.sort(kept)]

    return Sample(draw(photos), draw(models))
