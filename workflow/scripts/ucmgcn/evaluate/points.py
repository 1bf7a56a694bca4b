"""The points stage: sample points on the normalised shapes of models, for a challenge's score.

It runs only for data sets whose models name a normalised shape (manifest column `NORMALISED`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ucmgcn.core.arrays import Floats
from ucmgcn.core.errors import ItemError
from ucmgcn.core.progress import track
from ucmgcn.core.worker import Task, Worker
from ucmgcn.datasets.manifest import Item
from ucmgcn.datasets.source import NORMALISED
from ucmgcn.files.shards import ShardWriter
from ucmgcn.settings import Limits

logger = logging.getLogger(__name__)

N_POINTS = 400


def sample_shard(
    rows: Sequence[Item],
    out: Path,
    provenance: Mapping[str, Any],
    limits: Limits = Limits(),  # noqa: B008
) -> None:
    """Sample points on the normalised shapes of models; unreadable shapes are rejected.

    Parameters
    ----------
    rows
        Models that name their shape in the extra column `NORMALISED`.
    out
        A shard of kind ``"points"``: ``points`` f4 (n, 400, 3).
    provenance
        Stored in the shard.
    limits
        Limits of time and memory for each shape.
    """
    with (
        Worker("ucmgcn.evaluate.points:points_task", {}, limits) as draw,
        ShardWriter(out, "points", provenance, "points", (N_POINTS, 3), np.float32) as writer,
    ):
        for row in track(rows, "points", len(rows), "model"):
            path = dict(row.extra)[NORMALISED]
            try:
                (points,), warnings = draw(path)
                writer.add(row.id, points)
                writer.warn(row.id, warnings)
            except ItemError as error:
                logger.warning("%s has no points: %s", path, error)
                writer.reject(path, str(error))


@contextmanager
def points_task() -> Iterator[Task]:
    """Yield the function that a worker process runs on each shape file."""
    yield lambda path: [sample(Path(path)).astype(np.float32)]


def sample(path: Path, n_points: int = N_POINTS, seed: int = 0) -> Floats:
    """Sample points uniformly on a mesh's surface, shape (n_points, 3), in the file's own scale.

    Raises
    ------
    ItemError
        If the file holds no surface.
    """
    # Imported here: only the worker process needs trimesh.
    import trimesh

    from ucmgcn.media.meshes import load_shape

    shape = trimesh.Trimesh(*load_shape(path), process=False)
    points, _ = trimesh.sample.sample_surface(shape, n_points, seed=seed)
    return np.asarray(points, dtype=np.float64)
