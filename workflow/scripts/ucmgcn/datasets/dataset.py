"""The kinds of data sets; each has a module that lists the models and the photos.

The stages after the manifest read its rows and do not know the kind. A kind may provide two extras:
models that come as rendered views (their path is a folder, see `ucmgcn.render.given_views`), and
the exact model that a photo shows (column ``model_id``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from types import ModuleType
from typing import Literal

from ucmgcn.core.errors import UserError
from ucmgcn.core.printable import is_plain
from ucmgcn.datasets.kinds import (
    csv_lists,
    folder,
    mi3dor,
    modelnet,
    shapenet,
    sweethome3d,
    three_d_future,
)
from ucmgcn.datasets.manifest import (
    Item,
    check_unique,
    or_without,
    shard_of,
    write_items,
    write_rejected,
)
from ucmgcn.datasets.source import Found, Source
from ucmgcn.datasets.split import stratified, undivided
from ucmgcn.files.shards import Rejection
from ucmgcn.settings import Kind, Split

__all__ = [
    "INSTANCE_LEVEL",
    "Kind",
    "Role",
    "Source",
    "Split",
    "divide",
    "list_items",
    "shard_members",
    "where_to_get",
    "write_dataset",
]

logger = logging.getLogger(__name__)

Role = Literal["models", "images"]

KINDS: dict[Kind, ModuleType] = {
    "folder": folder,
    "mi3dor": mi3dor,
    "3d-future": three_d_future,
    "modelnet": modelnet,
    "shapenet": shapenet,
    "manifest": csv_lists,
    "sweethome3d": sweethome3d,
}
# Kinds whose photos show the exact models of the gallery, including their colours.
INSTANCE_LEVEL: frozenset[Kind] = frozenset({"3d-future", "sweethome3d"})


def list_items(source: Source, role: Role) -> Found:
    """List the models or the photos of a data set, sorted by id, and the rejected files.

    There are no photos if the source has no place for them.

    Raises
    ------
    UserError
        If a part of the data set is missing, none of its files can be used, or two items have the
        same id. The message says what is missing, where it was expected and where to get it.
    """
    if getattr(source, role) is None:
        return [], []
    read: Callable[[Source], Found] = getattr(KINDS[source.kind], role)
    items, rejected = _plainly_named(*read(source))
    if not items:
        first = f"; the first of {len(rejected)}: {rejected[0].path}: {rejected[0].reason}"
        raise UserError(
            f"{role}: nothing in {getattr(source, role)} can be used as {source.kind}"
            f"{first if rejected else ''}. Name another place{or_without(role)}"
        )
    check_unique(items, role)
    items = divide(_label(items, source.label, role), source, role)
    return sorted(items, key=lambda item: item.id), sorted(rejected, key=astuple)


def where_to_get(kind: Kind, role: Role) -> str:
    """Say where to get the models or photos of a kind; empty if they are the user's own."""
    module = KINDS[kind]
    own = getattr(module, role) is getattr(folder, role)
    return "" if own else f"; {module.ORIGIN}"


def shard_members(source: Source, role: Role, shard: int, n_shards: int) -> list[Item]:
    """List the models or photos of one shard, sorted by id; see `list_items`."""
    items, _ = list_items(source, role)
    return [item for item in items if shard_of(item.id, n_shards) == shard]


def write_dataset(source: Source, out: Path) -> None:
    """List a data set, and write `models.csv`, `images.csv` and `rejected.csv` into `out`.

    Raises
    ------
    UserError
        As `list_items`.
    """
    models, no_models = list_items(source, "models")
    images, no_images = list_items(source, "images")
    for role, items, left_out in (("models", models, no_models), ("images", images, no_images)):
        if place := getattr(source, role):
            logger.info("%s: %d in %s, %d rejected", role, len(items), place, len(left_out))
        else:
            logger.info("no photos: a library of models alone, without training and metrics")
    _check_instances(models, images)
    write_items(out / "models.csv", models)
    write_items(out / "images.csv", images)
    write_rejected(out / "rejected.csv", [*no_models, *no_images])


def _plainly_named(items: Sequence[Item], rejected: Sequence[Rejection]) -> Found:
    """Reject items whose category is no plain text: tables and pages have it in a line."""
    odd = {name for name in {item.category for item in items} if not is_plain(name)}
    reason = "its category holds a line break or another control character; rename it"
    unfit = [Rejection(item.path, "manifest", reason) for item in items if item.category in odd]
    return [item for item in items if item.category not in odd], [*rejected, *unfit]


def _label(items: Sequence[Item], label: str, role: Role) -> list[Item]:
    """Take the categories from column `label`."""
    if label == "category":
        return list(items)
    columns = {name for item in items for name, _ in item.extra}
    if label not in columns:
        known = ", ".join(sorted({"category", *columns}))
        raise UserError(
            f"config: data.label: {role} have no column {label!r}; known columns: {known}"
        )
    return [replace(item, category=dict(item.extra).get(label, "")) for item in items]


def divide(items: Sequence[Item], source: Source, role: Role) -> list[Item]:
    """Apply the configured split. A drawn split divides the photos; the gallery stays whole."""
    if source.split == "given":
        return list(items)
    if source.split == "stratified" and role == "images":
        return stratified(items, source.train_share, source.seed)
    return undivided(items)


def _check_instances(models: Sequence[Item], images: Sequence[Item]) -> None:
    known = {model.id for model in models}
    lost = [image for image in images if image.model_id and image.model_id not in known]
    if lost:
        logger.warning(
            "%d of %d photos show a model that is not in the gallery, first %s (model_id %s)",
            len(lost),
            len(images),
            lost[0].id,
            lost[0].model_id,
        )
