"""Two further protocols, which ask what a method makes of photos unlike those it was made of.

========  =========================================================================================
protocol  photos that the library is made of; queries
========  =========================================================================================
open      all but those of one category; that category's, one by one, as in `inductive`. So for
          each category
skewed-n  those of n categories; the same, as in `transductive`. So for each of several draws
========  =========================================================================================

The library holds all models. Labels choose only who is left out: no training sees one for that.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ucmgcn.core.arrays import Mask
from ucmgcn.files.digest import intact
from ucmgcn.train.protocols import Fold

SIZES = (1, 2, 4)
DRAWS = 4

logger = logging.getLogger(__name__)


def measured_categories(photos: Sequence[str], images: Path, models: Path) -> list[str]:
    """Return the category of each photo, empty where no model under test has it.

    Parameters
    ----------
    photos
        Ids of the photos.
    images, models
        Manifests.
    """
    parts = (
        pd.read_csv(intact(path), dtype=str, keep_default_na=False) for path in (images, models)
    )
    shown, gallery = parts
    known = {*gallery.loc[gallery["split"] != "train", "category"]} - {""}
    category = dict(zip(shown["id"], shown["category"], strict=True))
    labels = [category.get(photo, "") for photo in photos]
    return [label if label in known else "" for label in labels]


def probes_of(
    categories: Sequence[str], context: Mask, wanted: Collection[str]
) -> dict[str, list[Fold]]:
    """List the folds of the probes, by name: ``open``, and ``skewed-n/draw``.

    Parameters
    ----------
    categories
        Category of each of n photos; empty if it is not to be asked.
    context
        Mask of the photos that are no queries, shape (n,).
    wanted
        ``"open"``, ``"skewed"`` or both.

    Returns
    -------
    Folds by the name of the probe. It is empty without categories; of the skewed ones those are
    left out that would take all categories.
    """
    labels = np.array(categories, dtype=str)
    names = sorted({*labels[~context]} - {""})
    if not names:
        logger.warning("photos have no labels that models have: no rows %s", ", ".join(wanted))
        return {}
    found: dict[str, list[Fold]] = {}
    if "open" in wanted:
        found["open"] = [
            Fold(f"open-{i}", labels == name, labels == name) for i, name in enumerate(names)
        ]
    for size in SIZES if "skewed" in wanted else ():
        if size >= len(names):
            logger.warning("photos have %d categories: no row skewed-%d", len(names), size)
            continue
        for draw in range(DRAWS):
            inside = np.isin(labels, drawn(names, size, draw))
            found[f"skewed-{size}/{draw}"] = [Fold(f"skewed-{size}-{draw}", ~inside, inside)]
    return found


def drawn(names: Sequence[str], size: int, draw: int) -> list[str]:
    """Draw categories; those of a smaller size are among those of a larger one."""
    order = np.random.default_rng(draw).permutation(len(names))
    return [names[i] for i in order[:size]]
