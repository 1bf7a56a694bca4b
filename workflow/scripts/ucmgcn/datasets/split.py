"""Splits of the photos into training photos and queries."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ucmgcn.datasets.manifest import Item


def stratified(items: Sequence[Item], train_share: float, seed: int) -> list[Item]:
    """Split items into ``train`` and ``test`` within each category.

    Items are ordered by a hash of seed and id, and the first share becomes ``train``. So adding or
    removing an item moves at most one other item of its category.

    Parameters
    ----------
    train_share
        Share of ``train``, 0 to 1; rounded to whole items in each category.
    """
    members: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        members[item.category].append(item)
    train: set[str] = set()
    for group in members.values():
        ordered = sorted(group, key=lambda item: _draw(seed, item.id))
        train.update(item.id for item in ordered[: round(train_share * len(group))])
    return [replace(item, split="train" if item.id in train else "test") for item in items]


def undivided(items: Sequence[Item]) -> list[Item]:
    """Treat all items as one set."""
    return [replace(item, split="") for item in items]


def _draw(seed: int, id: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{id}".encode()).digest()
