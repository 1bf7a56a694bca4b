"""The models that look suspicious in the self-check, each with a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ucmgcn.files.digest import intact
from ucmgcn.files.shards import open_shard
from ucmgcn.media.pictures import data_uri

SIDE = 96
MOST = 60


@dataclass(frozen=True)
class Suspicious:
    """A model, why it looks suspicious, and one of its views as a data URI."""

    id: str
    reasons: str
    picture: str


def find_suspicious(table: Path, shards: Sequence[Path]) -> tuple[list[Suspicious], int, int]:
    """Read the models that look suspicious, the first of them with a picture.

    Parameters
    ----------
    table
        The self-check, see `ucmgcn.datasets.self_check`.
    shards
        The views.

    Returns
    -------
    The first ones, sorted by id; the number of all suspicious models; that of all checked ones.
    """
    frame = pd.read_csv(intact(table), dtype=str, keep_default_na=False)
    rows = frame[frame["suspicious"] != ""]
    shown = dict(rows[["id", "suspicious"]].head(MOST).itertuples(index=False, name=None))
    pictures: dict[str, str] = {}
    for path in shards:
        with open_shard(path, "views") as shard:
            for row, id in enumerate(shard.ids):
                if id in shown:
                    # The polyhedra's first cameras look from above, the middle ones from the side.
                    view = shard.array[row, shard.array.shape[1] // 2]
                    pictures[id] = data_uri(view, SIDE)
    found = [Suspicious(id, why, pictures.get(id, "")) for id, why in shown.items()]
    return found, len(rows), len(frame)
