"""The models of the page, by key and as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ucmgcn.index.file import Model
from ucmgcn.search.hits import Hit
from ucmgcn.search.library import Library


@dataclass(frozen=True)
class Catalogue:
    """An opened library, its models by their keys, and their categories."""

    library: Library
    models: Mapping[str, Model]
    categories: Sequence[str]

    @classmethod
    def of(cls, library: Library) -> Self:
        """List the models of a library."""
        models = {key_of(model.id): model for model in library.models}
        return cls(library, models, library.categories)


def key_of(id: str) -> str:
    """Key of a model in URLs, whatever characters its id has."""
    return hashlib.sha256(id.encode(errors="surrogateescape")).hexdigest()[:16]


def described(id: str, category: str, path: Path) -> dict[str, Any]:
    """Describe a model in JSON."""
    address = f"/models/{key_of(id)}"
    return {
        "model": id,
        "category": category,
        "path": str(path),
        "mesh": f"{address}/mesh",
        "similar": f"{address}/similar",
    }


def described_hit(hit: Hit) -> dict[str, Any]:
    """Describe a hit in JSON."""
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "likeness": hit.likeness,
        **described(hit.model, hit.category, hit.path),
        "view": f"/models/{key_of(hit.model)}/views/{hit.view}.webp",
    }
