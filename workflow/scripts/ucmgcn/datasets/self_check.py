"""The self-check of all meshes as one table, `tables/models.csv`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
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
TINY = 1e-12


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
    """Say of each model whether it seems to stand otherwise than most of its category.

    It must look so by itself, and its proportions must be nearer to the others' once it is turned.
    """
    categories = frame["id"].str.rpartition("/")[0] if len(frame) else frame["id"]
    told = pd.Series("", index=frame.index)
    for category, members in frame.groupby(categories):
        usual = members["up_axis"].mode()[0]
        others = members["up_axis"] != usual
        if len(members) < ENOUGH or others.mean() > 1 - AGREED:
            continue
        shapes = _proportions(members)
        middle = shapes[~others].median()
        for i, axis in members.loc[others, "up_axis"].items():
            turned = shapes.loc[i].rename({axis: usual, usual: axis})
            if not (shapes.loc[i] - middle).abs().sum() <= (turned - middle).abs().sum():
                told[i] = (
                    f"its up axis looks like {axis}, and {usual} for most of "
                    f"{category or 'the set'}"
                )
    return told.tolist()


def _proportions(members: pd.DataFrame) -> pd.DataFrame:
    """Logarithms of the extents, whatever the size; columns x, y and z."""
    extent = members[[f"extent_{axis}" for axis in "xyz"]].astype(float).clip(lower=TINY)
    extent = pd.DataFrame(np.log(extent.to_numpy()), members.index, list("xyz"))
    return extent.sub(extent.mean(axis=1), axis=0)
