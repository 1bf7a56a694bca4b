"""Models added to a finished run, as they are stored until the next run.

Each has its own folder below `results/<dataset>/added`, with a shard of its views and a shard of
their features; `ucmgcn.search.add` writes them.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from ucmgcn.core.arrays import Features
from ucmgcn.files.digest import ADDED
from ucmgcn.files.shards import open_shard
from ucmgcn.index.file import Facts, Model

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Addition:
    """A model that was added.

    Attributes
    ----------
    model
        Its id and category, and its mesh, relative to the folder of the run.
    digest
        SHA-256 of the mesh that was encoded.
    features
        The encoder's features of its views, shape (v, D).
    views, view_features
        Its shards.
    """

    model: Model
    digest: str
    features: Features
    views: Path
    view_features: Path


def read_additions(facts: Facts, known: set[str], root: Path, home: Path) -> list[Addition]:
    """Read the models that were added, sorted by id.

    Those that a run has indexed since are skipped, and those whose mesh was removed.

    Parameters
    ----------
    known
        Ids of the models in the index.
    root
        Folder of the run.
    home
        The data set's results.
    """
    found = [_read(path.parent, facts) for path in feature_files(home)]
    wanted = [
        addition
        for addition in found
        if addition and addition.model.id not in known and (root / addition.model.path).is_file()
    ]
    return sorted(wanted, key=lambda addition: addition.model.id)


def feature_files(home: Path) -> list[Path]:
    """List the feature shards of the additions, sorted; each is written last."""
    return sorted((home / ADDED).glob("*/features.h5"))


def addition_folder(home: Path, id: str) -> Path:
    """Folder of an added model below the data set's results."""
    return home / ADDED / hashlib.sha256(id.encode()).hexdigest()[:16]


def settings_of(facts: Facts) -> dict[str, object]:
    """Settings that views and their features depend on."""
    adapted = {"adapted": facts.adapted} if facts.adapted else {}
    return {"render": facts.render, "features": facts.features, **adapted}


def _read(folder: Path, facts: Facts) -> Addition | None:
    with open_shard(folder / "features.h5", "view-features") as shard:
        if shard.provenance["like"] != settings_of(facts):
            logger.warning("%s was added with other settings: add it again", shard.ids[0])
            return None
        id, category, path = shard.provenance["model"]
        return Addition(
            Model(id, category, Path(path)),
            shard.provenance["digest"],
            shard.array[0],
            folder / "views.h5",
            folder / "features.h5",
        )
