"""Location and layout of a data set, and helpers of the kinds that list it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.manifest import Item, or_without, unusable
from ucmgcn.files.shards import Rejection
from ucmgcn.settings import Kind, Split

Found = tuple[list[Item], list[Rejection]]

# Column of the models: the normalised shape by which the 3D-FUTURE challenge compares them.
NORMALISED = "normalised"


@dataclass(frozen=True)
class Source:
    """A configured data set.

    Attributes
    ----------
    kind
        Layout of the files, see `ucmgcn.datasets.kinds`.
    models, images
        Folders of the models and of the photos; for ``"manifest"`` the two CSV files. `images` is
        None if there are no photos.
    split
        ``"given"`` keeps the split of the data, ``"none"`` makes it one set, and ``"stratified"``
        draws a split of the photos.
    train_share, seed
        For a stratified split: share of training photos in each category, and seed of the draw.
    label
        Column that holds the category: ``"category"``, or another column of the kind.
    unpacked
        Folder that the archives of ``"sweethome3d"`` are unpacked into.
    """

    kind: Kind
    models: Path
    images: Path | None
    split: Split = "given"
    train_share: float = 0.5
    seed: int = 0
    label: str = "category"
    unpacked: Path = Path("resources/sweethome3d")

    @property
    def files(self) -> Source:
        """The same files as one set, with the default label column."""
        return Source(self.kind, self.models, self.images, "none", unpacked=self.unpacked)

    @property
    def photos(self) -> Path:
        """Place of the photos, for those who list them."""
        assert self.images is not None
        return self.images

    @property
    def shown_split(self) -> str:
        """Description of the split for the tables."""
        return f"stratified, seed {self.seed}" if self.split == "stratified" else self.split


def read_source(plain: Mapping[str, Any]) -> Source:
    """Build a source from plain values, with paths as strings."""
    places = {key: plain[key] for key in ("models", "images", "unpacked")}
    paths = {key: None if place is None else Path(place) for key, place in places.items()}
    return Source(**{**plain, **paths})


class Collector:
    """Collects the usable files of one role below a folder, and rejects the others.

    Parameters
    ----------
    root
        Neither names nor links may lead out of this folder.
    anywhere
        Names may lead anywhere, because the user wrote them.
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
        """Add a file as an item, or reject it if it cannot be used."""
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
        """Record that a file is rejected, and why."""
        self.rejected.append(Rejection(str(path), "manifest", reason))

    @property
    def found(self) -> Found:
        """The items and the rejections."""
        return self.items, self.rejected


def folder(root: Path, key: str, layout: str, origin: str) -> Path:
    """Return a folder that a data set needs.

    Raises
    ------
    UserError
        If it is missing: says what is missing, where it was expected and where to get it.
    """
    if not root.is_dir():
        raise missing(root, key, layout, origin)
    return root


def missing(path: Path, key: str, layout: str, origin: str) -> UserError:
    """Error for a missing part of a data set."""
    return UserError(
        f"{key}: there is no {path}. It should hold {layout}. Name it with --config {key}=PATH"
        f"{or_without(key)}; {origin}"
    )


def subfolders(root: Path) -> list[Path]:
    """Folders directly below `root`, sorted by name, without hidden ones."""
    with os.scandir(root) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    return [root / name for name in names]


def files(root: Path, suffixes: Iterable[str]) -> list[Path]:
    """Files with one of the suffixes (lower case) directly below `root`, sorted by name."""
    wanted = frozenset(suffixes)
    with os.scandir(root) as entries:
        names = sorted(e.name for e in entries if not e.name.startswith("."))
    return [root / name for name in names if Path(name).suffix.lower() in wanted]
