"""Models that come as rendered views: read the pictures into the shards that rendering makes.

The pictures of a model are ordered by the number at the end of their names, not as text, so that
view 10 follows view 9. Where the cameras stood is not said; they are taken as a ring.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ucmgcn.cameras import camera_positions
from ucmgcn.errors import ItemError
from ucmgcn.limits import Limits
from ucmgcn.manifest import Item
from ucmgcn.progress import track
from ucmgcn.store import views_writer
from ucmgcn.worker import Task, Worker

logger = logging.getLogger(__name__)

VIEW_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


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
        Models whose path is a folder of pictures.
    out
        A shard of kind ``"views"``: ``images`` u8 (n, views, size, size, 3) and ``cameras``
        (views, 3).
    views
        How many of each model's views are taken, evenly spaced in their order.
    size
        Width and height in pixels; other pictures are padded to a square and scaled.
    elevation
        Of the ring of cameras above the horizon, degrees.
    provenance
        Kept in the shard.
    limits
        Of time and memory for each picture.
    """
    cameras = camera_positions("ring", views, elevation)
    settings = {"inputs": [(size, "bilinear")], "resize": "pad"}
    with (
        Worker("ucmgcn.images:photo_task", settings, limits) as load,
        views_writer(out, provenance, cameras, size) as writer,
    ):
        for row in track(rows, "given views", len(rows), "model"):
            try:
                writer.add(row.id, read_views(Path(row.path), views, load))
            except ItemError as error:
                logger.warning("%s is left out: %s", row.path, error)
                writer.reject(row.path, str(error))


def read_views(folder: Path, views: int, load: Task) -> npt.NDArray[np.uint8]:
    """Read some views of a model, shape (views, size, size, 3).

    Parameters
    ----------
    folder
        Holds the pictures.
    views
        How many of them are taken.
    load
        Gives a list of one array (size, size, 3) for the path of a picture.

    Raises
    ------
    ItemError
        If there are too few, or one cannot be read.
    """
    return np.stack([_picture(path, load) for path in choose(view_files(folder), views)])


def view_files(folder: Path) -> list[Path]:
    """Pictures of a folder in the order of the last number of their names."""
    paths = (p for p in folder.iterdir() if p.suffix.lower() in VIEW_SUFFIXES)
    return sorted((p for p in paths if not p.name.startswith(".")), key=_number)


def choose(paths: Sequence[Path], views: int) -> list[Path]:
    """Take `views` of the paths, evenly spaced from the first on.

    Raises
    ------
    ItemError
        If there are fewer.
    """
    if len(paths) < views:
        raise ItemError(f"it has {len(paths)} views, but {views} are asked for (data.views)")
    return [paths[i * len(paths) // views] for i in range(views)]


def _picture(path: Path, load: Task) -> npt.NDArray[np.uint8]:
    try:
        (picture,) = load(str(path))
        return picture
    except ItemError as error:
        raise ItemError(f"{path.name}: {error}") from error


def _number(path: Path) -> tuple[int, str]:
    digits = re.findall(r"\d+", path.stem)
    return (int(digits[-1]) if digits else 0, path.name)
