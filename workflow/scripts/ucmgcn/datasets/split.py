"""Which photos are for training and which are queries."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ucmgcn.datasets.manifest import Item


def stratified(items: Sequence[Item], train_share: float, seed: int) -> list[Item]:
    """Split items within each category: the share of each that comes first is ``train``.

    The order is that of a hash of seed and id, so that an item that comes or goes changes the side
    of at most one other item of its category.

    Parameters
    ----------
    train_share
        0 to 1; rounded to whole items in each category.
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
    """Take all items as one set."""
    return [replace(item, split="") for item in items]


def _draw(seed: int, id: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{id}".encode()).digest()
