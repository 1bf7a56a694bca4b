"""Models that come as rendered views: read the images into shards like those of rendering.

The images of a model are sorted by the number at the end of their names, not as text: view 10
follows view 9. Their camera positions are unknown; a ring is assumed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ucmgcn.core.errors import ItemError
from ucmgcn.core.item_warnings import ItemWarning
from ucmgcn.core.progress import track
from ucmgcn.core.worker import Answer, Worker
from ucmgcn.datasets.kinds.mi3dor import view_files
from ucmgcn.datasets.manifest import Item
from ucmgcn.files.shards import views_writer
from ucmgcn.media.cameras import camera_positions
from ucmgcn.settings import Limits

logger = logging.getLogger(__name__)


def read_views_shard(
    rows: Sequence[Item],
    out: Path,
    views: int,
    size: int,
    elevation: float,
    provenance: Mapping[str, Any],
    limits: Limits = Limits(),  # noqa: B008
) -> None:
    """Read the views of the models of one shard; models that lack views are rejected.

    Parameters
    ----------
    rows
        Models whose path is a folder of images.
    out
        A shard of kind ``"views"``: ``images`` u8 (n, views, size, size, 3) and ``cameras``
        (views, 3).
    views
        Number of views to take of each model, evenly spaced in their order.
    size
        Width and height in pixels; images of another size are padded to a square and scaled.
    elevation
        Elevation of the camera ring above the horizon, degrees.
    provenance
        Stored in the shard.
    limits
        Limits of time and memory for each image.
    """
    cameras = camera_positions("ring", views, elevation)
    settings = {"inputs": [(size, "bilinear")], "resize": "pad"}
    with (
        Worker("ucmgcn.media.photos:photo_task", settings, limits) as load,
        views_writer(out, provenance, cameras, size) as writer,
    ):
        for row in track(rows, "given views", len(rows), "model"):
            try:
                pictures, warnings = read_views(Path(row.path), views, load)
                writer.add(row.id, pictures)
                writer.warn(row.id, warnings)
            except ItemError as error:
                logger.warning("%s is left out: %s", row.path, error)
                writer.reject(row.path, str(error))


def read_views(
    folder: Path, views: int, load: Callable[[str], Answer]
) -> tuple[npt.NDArray[np.uint8], list[ItemWarning]]:
    """Read views of a model, shape (views, size, size, 3), and the warnings about them.

    Parameters
    ----------
    folder
        Folder with the images.
    views
        Number of images to take.
    load
        Maps the path of an image to one array (size, size, 3), such as a `Worker`.

    Raises
    ------
    ItemError
        If there are too few images, or one cannot be read.
    """
    answers = [_picture(path, load) for path in choose(view_files(folder), views)]
    warnings = [warning for answer in answers for warning in answer.warnings]
    return np.stack([answer.arrays[0] for answer in answers]), warnings


def choose(paths: Sequence[Path], views: int) -> list[Path]:
    """Choose `views` of the paths, evenly spaced, starting with the first.

    Raises
    ------
    ItemError
        If there are fewer.
    """
    if len(paths) < views:
        raise ItemError(f"it has {len(paths)} views, but {views} are asked for (data.views)")
    return [paths[i * len(paths) // views] for i in range(views)]


def _picture(path: Path, load: Callable[[str], Answer]) -> Answer:
    try:
        answer = load(str(path))
    except ItemError as error:
        raise ItemError(f"{path.name}: {error}") from error
    named = [replace(w, detail=f"{path.name}: {w.detail}") for w in answer.warnings]
    return Answer(answer.arrays, named)
