"""The self-check of all meshes as one table, `tables/models.csv`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ucmgcn.files.digest import sealed_path
from ucmgcn.files.shards import open_shard

logger = logging.getLogger(__name__)

COLUMNS = (
    "id", "suspicious", "declared_vertices", "drawn_vertices", "declared_faces", "drawn_faces",
    "declared_parts", "drawn_parts", "declared_materials", "declared_textures", "drawn_textures",
    "extensions", "extent_x", "extent_y", "extent_z", "up_axis", "watertight",
)  # fmt: skip
# The up axis is compared in categories of so many models, of which so many agree.
ENOUGH = 5
AGREED = 0.7


def gather_models(shards: Iterable[Path], out: Path) -> None:
    """Write one row for each rendered model, sorted by id, with what looks wrong about it.

    Parameters
    ----------
    shards
        Shards of kind ``"views"``.
    out
        The table: what each file declares beside what was drawn, extent, up axis as it looks,
        watertightness. It has no rows if the models came as views.
    """
    rows = []
    for path in shards:
        with open_shard(path, "views") as shard:
            rows += [{"id": id, **json.loads(text)} for id, text in shard.notes.items() if text]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("id", ignore_index=True)
    frame["suspicious"] = [*map(_joined, frame["suspicious"], _turned(frame))]
    suspicious = int((frame["suspicious"] != "").sum())
    if suspicious:
        logger.warning("%d of %d models look suspicious; see %s", suspicious, len(frame), out)
    counts = [name for name in COLUMNS if name.startswith(("declared", "drawn"))]
    with sealed_path(out) as partial:
        frame.astype(dict.fromkeys(counts, "Int64")).to_csv(partial, index=False)


def _joined(*reasons: str) -> str:
    return "; ".join(reason for reason in reasons if reason)


def _turned(frame: pd.DataFrame) -> list[str]:
    """Say of each model whether it seems to stand otherwise than most of its category."""
    categories = frame["id"].str.rpartition("/")[0] if len(frame) else frame["id"]
    usual = {
        category: axes.mode()[0]
        for category, axes in frame.groupby(categories)["up_axis"]
        if len(axes) >= ENOUGH and (axes == axes.mode()[0]).mean() >= AGREED
    }
    return [
        f"its up axis looks like {axis}, and {usual[category]} for most of {category or 'the set'}"
        if axis != usual.get(category, axis)
        else ""
        for category, axis in zip(categories, frame["up_axis"], strict=True)
    ]
