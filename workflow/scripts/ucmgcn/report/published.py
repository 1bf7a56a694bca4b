"""Published results on a data set, beside those measured here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ucmgcn.report import scores


@dataclass(frozen=True)
class Published:
    """Published results on one kind of data set.

    Attributes
    ----------
    columns
        Names of the metrics.
    rows
        Name of each method, and its values.
    note
        What a reader must know to compare the results.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]
    note: str


MI3DOR = Published(
    ("NN", "FT", "ST", "F", "DCG", "ANMRR"),
    (
        ("DINOv2-B, 42 views, no training", (0.830, 0.629, 0.753, 0.153, 0.668, 0.354)),
        ("CLIP+DINOv2+ULIP-2, no training", (0.884, 0.692, 0.832, 0.162, 0.728, 0.293)),
        ("MA, trained with labelled photos", (0.797, 0.670, 0.813, 0.156, 0.700, 0.311)),
    ),
    "The published results come from the benchmark's official evaluator, on the test split. All "
    "photos of MI3DOR come from ImageNet, so an encoder trained on ImageNet, as ours is by "
    "default, may have seen the queries.",
)
CHALLENGE = Published(
    ("top1", "F", "score"),
    (("public baseline", (0.575, 65.05, 60.14)),),
    "The score of the 2020 challenge is 0.65 · 100 · top1 + 0.35 · F, where F is the mean F-score "
    "of the first five shapes against the true one. Like the challenge's evaluator, F compares "
    "squared distances with 0.04. The baseline was measured on the challenge's own test photos.",
)


def published(
    config: Mapping[str, Any], metrics: pd.DataFrame, challenge: Sequence[Path]
) -> dict[str, Any] | None:
    """Lay out a table of published results and our own; None if no published ones are known.

    Parameters
    ----------
    config
        The configuration; its ``kind`` and ``split`` decide.
    metrics
        `metrics.csv`.
    challenge
        Path of `challenge.csv`, if there is one.
    """
    if challenge:
        return _table(CHALLENGE, scores.read_table(challenge[0]))
    if config.get("kind") == "mi3dor" and config.get("split") == "given":
        return _table(MI3DOR, metrics)
    return None


def _table(known: Published, ours: pd.DataFrame) -> dict[str, Any]:
    rows = [
        {"name": f"{row.method} ({row.protocol})", "values": [row[c] for c in known.columns]}
        for _, row in ours.iterrows()
    ]
    others = [{"name": name, "values": list(values)} for name, values in known.rows]
    return {"columns": known.columns, "ours": rows, "others": others, "note": known.note}
