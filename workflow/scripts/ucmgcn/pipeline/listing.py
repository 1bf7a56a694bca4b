"""What the data set holds, as parameters that decide which jobs run again.

The Snakefile asks for it each time it is read. For the demo set the names, the seed and the code
count, which are known before the set is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ucmgcn.datasets.dataset import divide, list_items
from ucmgcn.datasets.manifest import Item, listing_digest, shard_digests
from ucmgcn.demo.build import demo_files
from ucmgcn.pipeline.config import Config
from ucmgcn.pipeline.provenance import code_digest

DEMO = Path("resources/demo")


@dataclass(frozen=True)
class Listing:
    """Digests of all files, of each shard's models and images, and of what training is told."""

    files: str
    models: list[str]
    images: list[str]
    roles: str


def list_data(config: Config) -> Listing:
    """List the data of a configuration.

    Raises
    ------
    UserError
        As `ucmgcn.datasets.dataset.list_items`.
    """
    if config.uses_demo:
        return _demo(config)
    models, no_models = list_items(config.source, "models")
    images, no_images = list_items(config.source, "images")
    return Listing(
        listing_digest([*models, *images], [*no_models, *no_images]),
        shard_digests(models, config.shards.models),
        shard_digests(images, config.shards.images),
        roles_digest(images, config.train.supervision),
    )


def roles_digest(photos: Iterable[Item], supervision: str) -> str:
    """Digest of what training is told of the photos, besides their features: split and labels.

    The rules that train have it as a parameter. Without a split and without labels it is empty: a
    category that changes retrains nothing.
    """
    told = [
        (photo.id, photo.split, photo.category if supervision != "none" else "")
        for photo in photos
        if photo.split or supervision != "none"
    ]
    return hashlib.sha256(repr(sorted(told)).encode()).hexdigest()[:16] if told else ""


def _demo(config: Config) -> Listing:
    demo = config.demo
    names = demo_files(DEMO, demo.models_per_category, demo.photos_per_category)
    content = f"seed {demo.seed}, code {code_digest('demo.build:build_demo')}"
    items: dict[str, list[Item]] = {"models": [], "images": []}
    for name in map(PurePosixPath, names):
        role, *parts = name.with_suffix("").parts
        items.get(role, []).append(Item("/".join(parts), content, parts[0], "", 0, 0))
    photos = divide(items["images"], config.source, "images")
    return Listing(
        hashlib.sha256("\n".join([content, *names]).encode()).hexdigest()[:16],
        shard_digests(items["models"], config.shards.models),
        shard_digests(items["images"], config.shards.images),
        roles_digest(photos, config.train.supervision),
    )
