"""Collect the rejections and the warnings of all stages in two tables."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ucmgcn.core.item_warnings import ItemWarning
from ucmgcn.datasets.manifest import read_rejected, write_rejected
from ucmgcn.files.digest import sealed_path
from ucmgcn.files.shards import STAGES, Rejection, open_shard

logger = logging.getLogger(__name__)

COLUMNS = ["id", "stage", "what", "detail", "mend"]
SHOWN = 3  # rejections that a message quotes
# What each stage reads.
NOUNS = {"render": "models", "features": "photos", "points": "shapes"}


@dataclass
class _Found:
    """Rejections and warnings in the shards of one kind."""

    kind: str
    items: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    warnings: list[tuple[str, ItemWarning]] = field(default_factory=list)


def gather_rejected(
    manifest: Path,
    shards: Mapping[str, Iterable[Path]],
    out: Path,
    warned: Path,
) -> None:
    """Write `rejected.csv` and `warnings.csv`, and log how many items have each warning.

    Parameters
    ----------
    manifest
        Rejections of the manifest stage.
    shards
        Shards by kind: ``views``, ``image-features``, ``points``.
    out
        Table of the rejected files, with columns path, stage, reason.
    warned
        Table of the warnings about items that are used, with columns id, stage, what, detail, mend.
    """
    found = [_read(kind, paths) for kind, paths in shards.items()]
    rejected = read_rejected(manifest) + [row for part in found for row in part.rejected]
    if rejected:
        logger.warning("%d files were rejected; see %s", len(rejected), out)
    for part in found:
        rows = [(id, warning.what) for id, warning in part.warnings]
        for line in summarise_warnings(rows, part.items, STAGES[part.kind]):
            logger.warning("%s; see %s", line, warned)
    write_rejected(out, rejected)
    _write_warnings(warned, found)


def summarise_warnings(rows: Iterable[tuple[str, str]], items: int, stage: str) -> list[str]:
    """Count the items per warning, the most frequent warning first.

    Parameters
    ----------
    rows
        Pairs of item id and warning.
    items
        Number of items.
    stage
        The stage that reads the items.

    Returns
    -------
    list of str
        Lines such as ``"37 of 820 models: texture not found, drawn without"``.
    """
    having: dict[str, set[str]] = {}
    for id, what in rows:
        having.setdefault(what, set()).add(id)
    ordered = sorted(having.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return [f"{len(ids)} of {items} {NOUNS[stage]}: {what}" for what, ids in ordered]


def quote_rejected(rejected: Sequence[Rejection]) -> str:
    """Count rejections for an error message, quote the first, and say how to list all of them."""
    if not rejected:
        return ""
    first = "; ".join(f"{each.path}: {each.reason}" for each in rejected[:SHOWN])
    # A name of a file may hold line breaks.
    text = f", {len(rejected)} rejected: {' '.join(first.split())}"
    return text + ("; `snakemake rejected` lists all of them" if len(rejected) > SHOWN else "")


def _read(kind: str, paths: Iterable[Path]) -> _Found:
    found = _Found(kind)
    for path in paths:
        with open_shard(path, kind) as shard:
            found.items += len(shard)
            found.rejected += shard.rejected
            found.warnings += ((id, w) for id, ws in shard.warnings.items() for w in ws)
    return found


def _write_warnings(path: Path, found: Iterable[_Found]) -> None:
    rows = sorted(
        (id, STAGES[part.kind], w.what, w.detail, w.mend)
        for part in found
        for id, w in part.warnings
    )
    with sealed_path(path) as partial:
        pd.DataFrame(rows, columns=COLUMNS).to_csv(partial, index=False)
