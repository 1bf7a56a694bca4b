"""The manifest stage: list the models and the photos, without opening one of them.

A folder is read as `DIR/<category>/<id>.<ext>`, at any depth below the category, or flat; files
that lie directly in the folder have the empty category. An item's id is its path below the folder
without the extension, so that it stays the same whatever else comes or goes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

import pandas as pd

from ucmgcn.errors import UserError
from ucmgcn.store import Rejection, atomic_path

logger = logging.getLogger(__name__)

MESH_SUFFIXES = frozenset({".obj", ".off", ".ply", ".stl", ".glb", ".gltf", ".dae"})
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"}
)
SUFFIXES = {"models": MESH_SUFFIXES, "images": PHOTO_SUFFIXES}
# Material, texture and buffer files that a mesh refers to, and the notes people keep beside data.
COMPANIONS = frozenset({".mtl", ".bin", ".txt", ".md", ".csv", ".json", ".xml", ".html", ".pdf"})
COMPANION_SUFFIXES = {
    "models": COMPANIONS | PHOTO_SUFFIXES | {".tga", ".dds", ".hdr", ".exr", ".ktx2"},
    "images": COMPANIONS,
}


@dataclass(frozen=True)
class Item:
    """A model or a photo; `size` in bytes and `mtime_ns` tell when its file was changed."""

    id: str
    path: str
    category: str
    split: str
    size: int
    mtime_ns: int


def scan(root: Path, role: str) -> tuple[list[Item], list[Rejection]]:
    """List the usable files below `root`, sorted by id, and those that are left out.

    Hidden files and folders (a leading dot) are not part of the data set and are passed over.

    Parameters
    ----------
    root
        The folder of models or of photos.
    role
        ``"models"`` or ``"images"``; decides which extensions count.

    Raises
    ------
    UserError
        If `root` is no folder, holds no usable file, or holds two files with one id.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(
            f"{role}: there is no folder {root}. Name it with --config {role}=DIR or in config.yaml"
        )
    items: list[Item] = []
    rejected: list[Rejection] = []
    others: Counter[str] = Counter()
    for path in _walk(root):
        suffix = path.suffix.lower()
        reason = _unusable(path, root)
        if suffix in SUFFIXES[role] and not reason:
            items.append(_item(path, root))
        elif reason or suffix not in COMPANION_SUFFIXES[role]:
            reason = reason or f"its extension {suffix or '(none)'} is not one of {_known(role)}"
            rejected.append(Rejection(str(path), "manifest", reason))
            others[suffix] += 1
        else:
            others[suffix] += 1
    if not items:
        raise UserError(_nothing(root, role, others))
    _check_unique(items, role)
    return sorted(items, key=lambda item: item.id), sorted(rejected, key=astuple)


def listing_digest(*roots: Path) -> str:
    """Digest of the names, sizes and times of all files below the folders.

    The manifest rule has it as a parameter, so that a file that comes, goes or changes reruns it.

    Raises
    ------
    UserError
        If one of the roots is not a folder.
    """
    digest = hashlib.sha256()
    for root in roots:
        if not Path(root).is_dir():
            raise UserError(f"there is no folder {root}; name your own with --config, see README")
        for path in sorted(_walk(Path(root))):
            info = path.lstat()
            digest.update(f"{path}\0{info.st_size}\0{info.st_mtime_ns}\n".encode(errors="replace"))
    return digest.hexdigest()[:16]


def shard_of(id: str, n_shards: int) -> int:
    """Shard that an item belongs to: a hash of its id alone, so it never moves."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big") % n_shards


def shard_digests(items: Iterable[Item], n_shards: int) -> list[str]:
    """Digest of each shard's members: their names, sizes and times.

    The rules that read one shard have its digest as a parameter. So a file that comes, goes or
    changes reruns the jobs of its own shard, and no other.
    """
    digests = [hashlib.sha256() for _ in range(n_shards)]
    for item in sorted(items, key=lambda item: item.id):
        digests[shard_of(item.id, n_shards)].update(f"{astuple(item)}\n".encode())
    return [digest.hexdigest()[:16] for digest in digests]


def shard_members(root: Path, role: str, shard: int, n_shards: int) -> list[Item]:
    """List the usable files of one shard, sorted by id; see `scan`."""
    return [item for item in scan(root, role)[0] if shard_of(item.id, n_shards) == shard]


def write_manifest(models: Path, images: Path, out: Path) -> None:
    """List both folders, and write `models.csv`, `images.csv` and `rejected.csv`.

    Raises
    ------
    UserError
        As `scan`.
    """
    rejected: list[Rejection] = []
    for role, root in (("models", models), ("images", images)):
        items, left_out = scan(root, role)
        rejected += left_out
        logger.info("%s: %d files in %s, %d left out", role, len(items), root, len(left_out))
        write_items(out / f"{role}.csv", items)
    write_rejected(out / "rejected.csv", rejected)


def write_items(path: Path, items: Iterable[Item]) -> None:
    """Write items as a CSV file with the columns of `Item`."""
    columns = [field.name for field in fields(Item)]
    with atomic_path(path) as partial:
        pd.DataFrame([asdict(item) for item in items], columns=columns).to_csv(partial, index=False)


def read_items(path: Path) -> list[Item]:
    """Read what `write_items` wrote; further columns do not matter, and ``NA`` stays text."""
    text = dict.fromkeys(("id", "path", "category", "split"), str)
    columns = [field.name for field in fields(Item)]
    frame = pd.read_csv(path, dtype=text, keep_default_na=False, usecols=columns)[columns]
    return [Item(*row) for row in frame.itertuples(index=False, name=None)]


def write_rejected(path: Path, rejected: Iterable[Rejection]) -> None:
    """Write rejections as a CSV file with the columns path, stage, reason, sorted."""
    rows = sorted({astuple(r) for r in rejected})
    with atomic_path(path) as partial:
        pd.DataFrame(rows, columns=["path", "stage", "reason"]).to_csv(partial, index=False)


def read_rejected(path: Path) -> list[Rejection]:
    """Read what `write_rejected` wrote."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return [Rejection(*row) for row in frame.itertuples(index=False, name=None)]


def _walk(root: Path) -> Iterator[Path]:
    """Yield every file below `root` once, following links to folders but never in a circle."""
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        info = Path(folder).stat()
        if (info.st_dev, info.st_ino) in seen or not _inside(Path(folder), root):
            subfolders.clear()
            continue
        seen.add((info.st_dev, info.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))


def _inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def _unusable(path: Path, root: Path) -> str:
    """Why a file cannot be used at all, judged from outside; empty if it can."""
    try:
        info = path.stat()
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if not stat.S_ISREG(info.st_mode):
        return "it is not a regular file"
    if path.is_symlink() and not _inside(path, root):
        return f"it is a link that leads outside {root}"
    if info.st_size == 0:
        return "the file is empty"
    return "" if _is_text(path) else "its name is not valid text"


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _item(path: Path, root: Path) -> Item:
    relative = path.relative_to(root)
    category = relative.parts[0] if len(relative.parts) > 1 else ""
    info = path.stat()
    id = relative.with_suffix("").as_posix()
    return Item(id, str(path), category, "", info.st_size, info.st_mtime_ns)


def _check_unique(items: Sequence[Item], role: str) -> None:
    first: dict[str, Item] = {}
    for item in items:
        other = first.setdefault(item.id, item)
        if other is not item:
            raise UserError(
                f"{role}: two files have the id {item.id}: {other.path} and {item.path}. "
                f"Rename or remove one of them"
            )


def _known(role: str) -> str:
    return " ".join(sorted(SUFFIXES[role]))


def _nothing(root: Path, role: str, others: Counter[str]) -> str:
    found = ", ".join(f"{n} {suffix or 'without extension'}" for suffix, n in others.most_common(3))
    return (
        f"{role}: {root} holds no file of a known kind ({_known(role)}); "
        f"found there: {found or 'nothing'}. Is it the right folder?"
    )
