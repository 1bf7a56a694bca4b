"""What lies in the data folders, as parameters that decide which jobs run again.

The Snakefile asks for it each time it is read. For the demo set the names, the seed and the code
count, which are known before the set is made.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ucmgcn.config import Config
from ucmgcn.demo.build import demo_files
from ucmgcn.manifest import Item, listing_digest, scan, shard_digests
from ucmgcn.provenance import code_digest

DEMO = Path("resources/demo")


@dataclass(frozen=True)
class Listing:
    """Digests of all files, and of the members of each shard of models and of images."""

    files: str
    models: list[str]
    images: list[str]


def list_data(config: Config) -> Listing:
    """List the data of a configuration.

    Raises
    ------
    UserError
        If a folder is missing, holds nothing of use, or two of its files have one id.
    """
    if config.uses_demo:
        return _demo(config)
    models, images = Path(config.models), Path(config.images)
    return Listing(
        listing_digest(models, images),
        shard_digests(scan(models, "models")[0], config.shards.models),
        shard_digests(scan(images, "images")[0], config.shards.images),
    )


def _demo(config: Config) -> Listing:
    demo = config.demo
    names = demo_files(DEMO, demo.models_per_category, demo.photos_per_category)
    content = f"seed {demo.seed}, code {code_digest('demo.build')}"
    items: dict[str, list[Item]] = {"models": [], "images": []}
    for name in map(PurePosixPath, names):
        role, *parts = name.with_suffix("").parts
        items.get(role, []).append(Item("/".join(parts), content, "", "", 0, 0))
    return Listing(
        hashlib.sha256("\n".join([content, *names]).encode()).hexdigest()[:16],
        shard_digests(items["models"], config.shards.models),
        shard_digests(items["images"], config.shards.images),
    )
