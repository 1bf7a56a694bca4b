"""Labels of photos, for runs with `supervision: source`; models never have one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ucmgcn.errors import UserError


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
