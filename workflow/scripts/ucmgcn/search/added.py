"""Models added to the library of a finished run, searchable before the next run; see `add`."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from ucmgcn.core.arrays import Features
from ucmgcn.files.shards import open_shard
from ucmgcn.index.file import Facts, Model

logger = logging.getLogger(__name__)

FOLDER = "added"


@dataclass(frozen=True)
class Added:
    """A model that was added.

    Attributes
    ----------
    model
        Its id and category, and its mesh, relative to the folder of the run.
    digest
        Of the mesh as it was described.
    features
        The encoder's features of its views, shape (v, D).
    views, view_features
        The shards that hold it alone.
    """

    model: Model
    digest: str
    features: Features
    views: Path
    view_features: Path


def read_added(facts: Facts, known: set[str], root: Path, home: Path) -> list[Added]:
    """Read the models that were added, sorted by id.

    Left out are those that a run has indexed since, and those whose mesh has been removed.

    Parameters
    ----------
    known
        Ids of the models in the index.
    """
    found = [_read(path.parent, facts) for path in sorted((home / FOLDER).glob("*/features.h5"))]
    wanted = [
        added
        for added in found
        if added and added.model.id not in known and (root / added.model.path).is_file()
    ]
    return sorted(wanted, key=lambda added: added.model.id)


def _read(folder: Path, facts: Facts) -> Added | None:
    with open_shard(folder / "features.h5", "view-features") as shard:
        if shard.provenance["like"] != settings_of(facts):
            logger.warning("%s was added with other settings: add it again", shard.ids[0])
            return None
        id, category, path = shard.provenance["model"]
        model = Model(id, category, Path(path))
        digest = shard.provenance["digest"]
        return Added(model, digest, shard.array[0], folder / "views.h5", folder / "features.h5")


def folder_of(home: Path, id: str) -> Path:
    """Folder of an added model below the data set's results."""
    return home / FOLDER / hashlib.sha256(id.encode()).hexdigest()[:16]


def settings_of(facts: Facts) -> dict[str, object]:
    """Settings that views and their features depend on."""
    return {"render": facts.render, "features": facts.features}


def digest_of(mesh: Path) -> str:
    """SHA-256 of a mesh's file."""
    with mesh.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
