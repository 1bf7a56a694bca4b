"""Roles of the photos: query or context, and whose labels may be used.

`train` and `evaluate` share this module, so that they agree. A *context* photo may be trained on
and may be a node of every graph, but is never a query; all other photos are queries. The photos of
the split ``train`` are context, and with `supervision: source` so are those whose label is used.
Labels of models are never used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ucmgcn.core.arrays import Mask
from ucmgcn.core.errors import UserError
from ucmgcn.files.digest import intact

IN_TRAINING_SPLIT = "of the split train: context, no query"
LABEL_USED = "its label was used in training: context, no query"


@dataclass(frozen=True)
class Roles:
    """Roles of the photos in one run.

    Attributes
    ----------
    context
        Context photos: the reason why each is not a query, by id. All others are queries.
    labels
        Category of each photo whose label may be used, by id; all of them are context.
    """

    context: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def mask(self, photos: Sequence[str]) -> Mask:
        """Mask of the context photos, shape (n,)."""
        return np.array([photo in self.context for photo in photos], dtype=bool)


def read_roles(images: Path, supervision: str, seed: int) -> Roles:
    """Assign roles to the photos of a manifest; see `share_out`."""
    return share_out(
        pd.read_csv(intact(images), dtype=str, keep_default_na=False), supervision, seed
    )


def share_out(photos: pd.DataFrame, supervision: str, seed: int) -> Roles:
    """Assign roles to photos: context or query, and whose labels may be used.

    Parameters
    ----------
    photos
        Columns id, category and split. Photos of the split ``train`` are context, the others are
        queries.
    supervision
        ``"none"``: no label is used. ``"source"``: the labels of the split ``train`` are used or,
        if no photo is in it, those of the half that `labelled_half` draws.
    seed
        Seed of `labelled_half`.
    """
    training = photos["split"] == "train"
    context = dict.fromkeys(photos.loc[training, "id"], IN_TRAINING_SPLIT)
    if supervision == "none":
        return Roles(context)
    known = photos[training] if context else photos
    labels = dict(zip(known["id"], known["category"], strict=True))
    used = {k: v for k, v in labels.items() if v} if context else labelled_half(labels, seed)
    return Roles(context | dict.fromkeys(used, LABEL_USED), used)


def labelled_half(labels: Mapping[str, str], seed: int) -> dict[str, str]:
    """Draw half of the photos of each category, rounded down, whose labels may be used.

    Parameters
    ----------
    labels
        Category by photo id; photos with an empty category are never drawn.
    seed
        Seed of the draw.
    """
    generator = np.random.default_rng(seed)
    chosen: dict[str, str] = {}
    for category in sorted(set(labels.values()) - {""}):
        ids = sorted(id for id, label in labels.items() if label == category)
        half = generator.permutation(len(ids))[: len(ids) // 2]
        chosen |= {ids[i]: category for i in half}
    return chosen


def classes_of(photos: Sequence[str], labels: Mapping[str, str]) -> npt.NDArray[np.int64]:
    """Return the class index of each photo, -1 without a label; shape (n,).

    Raises
    ------
    UserError
        If fewer than two categories have labelled photos.
    """
    known = [labels.get(photo, "") for photo in photos]
    number = {category: i for i, category in enumerate(sorted({*known} - {""}))}
    if len(number) < 2:
        raise UserError(
            "train: supervision: source needs labelled photos of at least 2 categories, but has "
            f"{len(number)}. Put the photos in one folder per category, or set supervision: none"
        )
    return np.array([number.get(label, -1) for label in known], dtype=np.int64)
