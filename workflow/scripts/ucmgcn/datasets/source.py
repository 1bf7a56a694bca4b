"""Where a data set lies, and how its kinds give what they find."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.manifest import Item, unusable
from ucmgcn.files.shards import Rejection
from ucmgcn.settings import Kind, Split

Found = tuple[list[Item], list[Rejection]]

# Column of the models with the shape by which a challenge compares them.
NORMALISED = "normalised"


@dataclass(frozen=True)
class Source:
    """A data set of a kind, as it is configured.

    Attributes
    ----------
    kind
        The layout of the files, see the modules of `ucmgcn.datasets.dataset`.
    models, images
        Folders of the models and of the photos; for ``"manifest"`` the two CSV files.
    split
        ``"given"`` takes the split of the data, ``"none"`` takes all as one set, and
        ``"stratified"`` draws the photos' split.
    train_share, seed
        Of a stratified split: share of the photos of each category that are for training.
    label
        Column that holds the categories: ``"category"``, or another that the kind gives.
    unpacked
        Folder that the archives of ``"sweethome3d"`` are unpacked into.
    """

    kind: Kind
    models: Path
    images: Path
    split: Split = "given"
    train_share: float = 0.5
    seed: int = 0
    label: str = "category"
    unpacked: Path = Path("resources/sweethome3d")

    @property
    def files(self) -> Source:
        """The same files, whatever their split and their categories."""
        return Source(self.kind, self.models, self.images, "none", unpacked=self.unpacked)

    @property
    def shown_split(self) -> str:
        """What the tables say of the split."""
        return f"stratified, seed {self.seed}" if self.split == "stratified" else self.split


def read_source(plain: Mapping[str, Any]) -> Source:
    """Build a source from plain values, paths as text."""
    paths = {key: Path(plain[key]) for key in ("models", "images", "unpacked")}
    return Source(**{**plain, **paths})


class Collector:
    """Gathers the usable files of one role below a folder, and rejects the others.

    Parameters
    ----------
    root
        Neither names nor links may lead out of this folder.
    anywhere
        Names may lead anywhere: the user wrote them.
    """

    def __init__(self, root: Path, *, anywhere: bool = False) -> None:
        self.root, self._anywhere = root, anywhere
        self.items: list[Item] = []
        self.rejected: list[Rejection] = []

    def add(
        self,
        id: str,
        path: Path,
        category: str,
        split: str = "",
        model_id: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Take a file as an item, or say why it cannot be used."""
        if reason := self._leads_out(path) or unusable(path, self.root):
            self.reject(path, reason)
            return
        info = path.stat()
        columns = tuple((extra or {}).items())
        self.items.append(
            Item(id, str(path), category, split, info.st_size, info.st_mtime_ns, model_id, columns)
        )

    def _leads_out(self, path: Path) -> str:
        if self._anywhere:
            return ""
        inside = path.is_relative_to(self.root) and ".." not in path.relative_to(self.root).parts
        return "" if inside else f"its name leads out of {self.root}"

    def reject(self, path: Path, reason: str) -> None:
        """Leave a file out."""
        self.rejected.append(Rejection(str(path), "manifest", reason))

    @property
    def found(self) -> Found:
        """What was gathered."""
        return self.items, self.rejected


def folder(root: Path, key: str, layout: str, origin: str) -> Path:
    """Return a folder that a data set needs.

    Raises
    ------
    UserError
        If it is not there: says what is missing, where it was looked for and where people get it.
    """
    if not root.is_dir():
        raise missing(root, key, layout, origin)
    return root


def missing(path: Path, key: str, layout: str, origin: str) -> UserError:
    """Say that something of a data set is not where it was looked for."""
    return UserError(
        f"{key}: there is no {path}. It should hold {layout}. Name it with --config {key}=PATH; "
        f"{origin}"
    )


def subfolders(root: Path) -> list[Path]:
    """Folders directly below `root`, sorted by name; hidden ones are passed over."""
    with os.scandir(root) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    return [root / name for name in names]


def files(root: Path, suffixes: Iterable[str]) -> list[Path]:
    """Files with one of the suffixes (lower case) directly below `root`, sorted by name."""
    wanted = frozenset(suffixes)
    with os.scandir(root) as entries:
        names = sorted(e.name for e in entries if not e.name.startswith("."))
    return [root / name for name in names if Path(name).suffix.lower() in wanted]
