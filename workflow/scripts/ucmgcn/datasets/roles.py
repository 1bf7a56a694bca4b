"""Which photos are queries, and whose labels may be used; models never have one.

`train` and `evaluate` both ask here, so that they agree. A photo is either *context*, which may be
a node of every graph and be trained on and is never a query, or it is a query. Context are the
photos of the split ``train`` and, with `supervision: source`, those whose label is used.
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

IN_TRAINING_SPLIT = "of the split train: context, no query"
LABEL_USED = "its label was used in training: context, no query"


@dataclass(frozen=True)
class Roles:
    """Who is what in one run.

    Attributes
    ----------
    context
        Why a photo is no query, by its id. All other photos are queries.
    labels
        Category of each photo whose label may be used; all of them are context.
    """

    context: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def mask(self, photos: Sequence[str]) -> Mask:
        """Tell which photos are context, shape (n,)."""
        return np.array([photo in self.context for photo in photos], dtype=bool)


def read_roles(images: Path, supervision: str, seed: int) -> Roles:
    """Share out the photos of a manifest; see `share_out`."""
    return share_out(pd.read_csv(images, dtype=str, keep_default_na=False), supervision, seed)


def share_out(photos: pd.DataFrame, supervision: str, seed: int) -> Roles:
    """Decide which photos are context and whose labels may be used.

    Parameters
    ----------
    photos
        Columns id, category and split. Photos of the split ``train`` are context, all others
        queries; a set in which none is ``train`` has one split.
    supervision
        ``"none"``: no label is used. ``"source"``: those of the split ``train`` or, where there
        is one split, those of the half of each category that `labelled_half` chooses.
    seed
        Decides which half.
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
    """Choose half of the photos of each category, rounded down, whose labels may be used.

    Parameters
    ----------
    labels
        Category of each photo id; photos whose category is empty are never chosen.
    seed
        Decides which half.
    """
    generator = np.random.default_rng(seed)
    chosen: dict[str, str] = {}
    for category in sorted(set(labels.values()) - {""}):
        ids = sorted(id for id, label in labels.items() if label == category)
        half = generator.permutation(len(ids))[: len(ids) // 2]
        chosen |= {ids[i]: category for i in half}
    return chosen


def classes_of(photos: Sequence[str], labels: Mapping[str, str]) -> npt.NDArray[np.int64]:
    """Number the categories of labelled photos; -1 where there is no label. Shape (n,).

    Raises
    ------
    UserError
        If fewer than two categories have a labelled photo.
    """
    known = [labels.get(photo, "") for photo in photos]
    number = {category: i for i, category in enumerate(sorted({*known} - {""}))}
    if len(number) < 2:
        raise UserError(
            "train: supervision: source needs labelled photos of at least 2 categories, but has "
            f"{len(number)}. Sort the photos into a folder a category, or set supervision: none"
        )
    return np.array([number.get(label, -1) for label in known], dtype=np.int64)
