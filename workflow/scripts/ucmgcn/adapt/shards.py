"""Shards of features, computed from shards of maps: of the same kinds as the features stage's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ucmgcn.adapt.encoder import Describer
from ucmgcn.adapt.maps import Half
from ucmgcn.core.arrays import Features
from ucmgcn.features.looks import averaged
from ucmgcn.files.reuse import origin_of
from ucmgcn.files.shards import Shard, ShardWriter, open_shard

ROWS = 1024  # maps in memory at a time


def describe_photos(maps: Path, out: Path, describe: Describer, facts: Mapping[str, Any]) -> None:
    """Write the features of photos, as a shard of kind ``"image-features"``.

    Parameters
    ----------
    maps
        Shard of kind ``"image-maps"``, n items of shape (looks, values).
    out
        The shard to write: n vectors (dim,), float32, with the same ids, rejections and warnings.
        Several looks are averaged, L2-normalised.
    facts
        Provenance of the tail, besides that of the maps.
    """
    with open_shard(maps, "image-maps") as shard:
        write = _writer(out, "image-features", shard, facts)
        write(lambda rows: averaged(describe(rows)))


def describe_views(maps: Path, out: Path, describe: Describer, facts: Mapping[str, Any]) -> None:
    """Write the features of views, as a shard of kind ``"view-features"``; see `describe_photos`.

    Items have the shape (views, dim); the cameras are kept.
    """
    with open_shard(maps, "view-maps") as shard:
        cameras = {"cameras": shard.extra("cameras")}
        write = _writer(out, "view-features", shard, facts, cameras)
        write(describe)


def _writer(
    out: Path,
    kind: str,
    maps: Shard,
    facts: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
) -> Callable[[Callable[[Half], Features]], None]:
    made_by = {**maps.provenance, **facts}

    def write(compute: Callable[[Half], Features]) -> None:
        width = compute(np.zeros((1, *maps.array.shape[1:]), np.float16)).shape[1:]
        with ShardWriter(out, kind, made_by, "features", width, "f4", extra=extra) as writer:
            writer.pass_on(maps.rejected)
            for part in _parts(maps):
                origins = [origin_of(made_by, origin) for origin in maps.origins[part]]
                writer.add_many(maps.ids[part], compute(maps.array[part]), origins)
            for id, warnings in maps.warnings.items():
                writer.warn(id, warnings)

    return write


def _parts(maps: Shard) -> Iterator[slice]:
    size = max(1, ROWS // maps.array.shape[1])
    return (slice(i, i + size) for i in range(0, len(maps), size))


def ids_of(paths: Sequence[Path], kind: str) -> list[str]:
    """List the ids of all shards."""
    ids: list[str] = []
    for path in paths:
        with open_shard(path, kind) as shard:
            ids += shard.ids
    return ids
