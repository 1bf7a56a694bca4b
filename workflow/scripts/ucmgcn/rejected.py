"""Gather what every stage left out into one table."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from ucmgcn.manifest import read_rejected, write_rejected
from ucmgcn.store import open_shard

logger = logging.getLogger(__name__)


def gather_rejected(
    manifest: Path,
    view_shards: Iterable[Path],
    image_shards: Iterable[Path],
    out: Path,
    point_shards: Iterable[Path] = (),
) -> None:
    """Write `rejected.csv`: path, stage and reason of every file left out by any stage."""
    rejected = read_rejected(manifest)
    stages = {"views": view_shards, "image-features": image_shards, "points": point_shards}
    for kind, shards in stages.items():
        for path in shards:
            with open_shard(path, kind) as shard:
                rejected += shard.rejected
    if rejected:
        logger.warning("%d files were left out; %s says which and why", len(rejected), out)
    write_rejected(out, rejected)
