"""Rows of feature shards in a requested order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ucmgcn.core.arrays import Descriptors, Ints
from ucmgcn.core.errors import UserError
from ucmgcn.files.shards import open_shard

MODELS_PER_READ = 256


def read_rows(
    paths: Sequence[Path],
    kind: str,
    ids: Sequence[str],
    reduce: Callable[[Descriptors], Descriptors] | None = None,
) -> Descriptors:
    """Read items from shards in the order of `ids`, one shard at a time.

    Parameters
    ----------
    reduce
        Applied to blocks of items, for example to pool over views.

    Raises
    ------
    UserError
        If the shards hold none of the ids.
    """
    position = {id: i for i, id in enumerate(ids)}
    rows: Descriptors | None = None
    for path in paths:
        with open_shard(path, kind) as shard:
            for places, items in _wanted(shard.ids, shard.array, position):
                part = reduce(items) if reduce else items
                if rows is None:
                    rows = np.empty((len(ids), *part.shape[1:]), dtype=part.dtype)
                rows[places] = part
    if rows is None:
        raise UserError(f"evaluate: the {kind} shards hold none of the requested items")
    return rows


@dataclass(frozen=True)
class ShardViews:
    """View descriptors on disk, read a few models at a time."""

    paths: Sequence[Path]
    models: Sequence[str]

    @property
    def n_models(self) -> int:
        """Number of models in the gallery."""
        return len(self.models)

    def chunks(self) -> Iterator[tuple[Ints, Descriptors]]:
        """Yield gallery positions (c,) with their view descriptors (c, views, d)."""
        position = {id: i for i, id in enumerate(self.models)}
        for path in self.paths:
            with open_shard(path, "view-features") as shard:
                yield from _wanted(shard.ids, shard.array, position)


def _wanted(
    ids: Sequence[str], array: h5py.Dataset, position: Mapping[str, int]
) -> Iterator[tuple[Ints, Descriptors]]:
    """Yield positions and items of a shard, `MODELS_PER_READ` items at a time."""
    for start in range(0, len(ids), MODELS_PER_READ):
        part = ids[start : start + MODELS_PER_READ]
        rows = [i for i, id in enumerate(part) if id in position]
        if rows:
            places = np.array([position[part[i]] for i in rows], dtype=np.int64)
            yield places, array[start : start + len(part)][rows]
