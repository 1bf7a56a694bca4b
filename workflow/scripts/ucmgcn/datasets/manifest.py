"""The manifest stage: list the models and the photos without opening them.

The layout depends on the kind of data set, see `ucmgcn.datasets.dataset`. A plain folder is read as
`DIR/<category>/<id>.<ext>`, at any depth below the category. Files directly in the folder have an
empty category. An item's id is its path below the folder without the extension, so that it does
not depend on other files.

pandas is imported where it is used, because planning and listing a shard's files do not need it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from operator import attrgetter
from pathlib import Path

from ucmgcn.core.errors import UserError
from ucmgcn.files.digest import intact, sealed_path
from ucmgcn.files.shards import Rejection
from ucmgcn.media.formats import MESH_SUFFIXES, PHOTO_SUFFIXES, RICHEST_FIRST, TEXTURE_SUFFIXES

SHOWN = 3  # rejections that an error quotes
SUFFIXES = {"models": frozenset(MESH_SUFFIXES), "images": PHOTO_SUFFIXES}
# Files that a mesh refers to (materials, textures, buffers), and notes that lie beside data.
COMPANIONS = frozenset({".mtl", ".bin", ".txt", ".md", ".csv", ".json", ".xml", ".html", ".pdf"})
COMPANION_SUFFIXES = {
    "models": COMPANIONS | PHOTO_SUFFIXES | TEXTURE_SUFFIXES,
    "images": COMPANIONS,
}


@dataclass(frozen=True)
class Item:
    """A model or a photo; `size` in bytes and `mtime_ns` show whether its file has changed.

    Attributes
    ----------
    split
        ``"train"``: context only; ``"test"``: query or gallery; empty: both.
    model_id
        For a photo: the exact model that it shows; empty if unknown.
    extra
        Additional columns, as pairs of name and value.
    """

    id: str
    path: str
    category: str
    split: str
    size: int
    mtime_ns: int
    model_id: str = ""
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def state(self) -> tuple[str, str, int, int]:
        """If this changes, the file has to be read again."""
        return self.id, self.path, self.size, self.mtime_ns


COLUMNS = tuple(f.name for f in fields(Item) if f.name not in ("model_id", "extra"))
ALL_OF_IT = attrgetter(*(f.name for f in fields(Item)))


def scan(root: Path, role: str) -> tuple[list[Item], list[Rejection]]:
    """List the usable files below `root`, sorted by id, and the rejected ones.

    Hidden files and folders (a leading dot) are not part of the data set and are skipped.

    Parameters
    ----------
    root
        The folder of models or photos.
    role
        ``"models"`` or ``"images"``; decides which extensions count.

    Raises
    ------
    UserError
        If `root` is not a folder, holds no usable file, or holds two photos with the same id. Of
        models with the same id, which are one model in several formats, the richest is used.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(
            f"{role}: there is no folder {root}. Name it with --config {role}=DIR or in config.yaml"
            f"{or_without(role)}"
        )
    items: list[Item] = []
    rejected: list[Rejection] = []
    others: Counter[str] = Counter()
    unread: list[Rejection] = []
    # Paths are strings here: pathlib took half of the time to list 100,000 files.
    for path in _walk(root, role, unread):
        stem, suffix = os.path.splitext(path)  # noqa: PTH122
        suffix = suffix.lower()
        info, reason = _look_at(path, root)
        if suffix in SUFFIXES[role] and info:
            items.append(_item(path, stem, root, info))
            continue
        others[suffix] += 1
        if reason or suffix not in COMPANION_SUFFIXES[role]:
            reason = reason or f"its extension {suffix or '(none)'} is not one of {_known(role)}"
            rejected.append(Rejection(path, "manifest", reason))
    rejected += unread
    if not items:
        raise UserError(_nothing(root, role, others, rejected))
    if role == "models":
        items = _richest(items, rejected)
    check_unique(items, role)
    return sorted(items, key=lambda item: item.id), sorted(rejected, key=astuple)


def listing_digest(items: Iterable[Item], rejected: Iterable[Rejection]) -> str:
    """Digest of the manifest's content; a parameter of the manifest rule."""
    digest = hashlib.sha256()
    # Not `astuple`: its deep copies took seconds for 100,000 items.
    for row in [*map(ALL_OF_IT, items), *map(astuple, rejected)]:
        digest.update(f"{row}\n".encode(errors="replace"))
    return digest.hexdigest()[:16]


def shard_of(id: str, n_shards: int) -> int:
    """Shard of an item: a hash of its id alone, so that it never moves."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big") % n_shards


def shard_digests(items: Iterable[Item], n_shards: int) -> list[str]:
    """Digest of each shard's members: their ids, paths, sizes and mtimes.

    It is a parameter of the rules that read the shard. So a file that is added, removed or changed
    reruns the jobs of its own shard only.
    """
    digests = [hashlib.sha256() for _ in range(n_shards)]
    for item in sorted(items, key=lambda item: item.id):
        digests[shard_of(item.id, n_shards)].update(f"{item.state}\n".encode())
    return [digest.hexdigest()[:16] for digest in digests]


def write_items(path: Path, items: Sequence[Item]) -> None:
    """Write items as a CSV file: the columns of `Item`, then the additional ones.

    The column ``model_id`` is omitted if no item has one.
    """
    columns = [*COLUMNS, "model_id"] if any(item.model_id for item in items) else COLUMNS
    import pandas as pd

    rows = [{k: getattr(item, k) for k in columns} | dict(item.extra) for item in items]
    names = dict.fromkeys([*columns, *(name for row in rows for name in row)])
    with sealed_path(path) as partial:
        pd.DataFrame(rows, columns=list(names)).fillna("").to_csv(partial, index=False)


def read_items(path: Path) -> list[Item]:
    """Read a file of `write_items` without its additional columns; ``NA`` stays text."""
    import pandas as pd

    text = dict.fromkeys(("id", "path", "category", "split", "model_id"), str)
    known = [*COLUMNS, "model_id"]
    frame = pd.read_csv(
        intact(path), dtype=text, keep_default_na=False, usecols=lambda n: n in known
    )
    present = [name for name in known if name in frame]
    return [Item(*row) for row in frame[present].itertuples(index=False, name=None)]


def write_rejected(path: Path, rejected: Iterable[Rejection]) -> None:
    """Write rejections as a sorted CSV file with the columns path, stage and reason.

    Bytes of a file name that are not valid text are written as backslash escapes.
    """
    import pandas as pd

    rows = sorted({tuple(map(_as_text, astuple(r))) for r in rejected})
    with sealed_path(path) as partial:
        pd.DataFrame(rows, columns=["path", "stage", "reason"]).to_csv(partial, index=False)


def read_rejected(path: Path) -> list[Rejection]:
    """Read a file of `write_rejected`."""
    import pandas as pd

    frame = pd.read_csv(intact(path), dtype=str, keep_default_na=False)
    return [Rejection(*row) for row in frame.itertuples(index=False, name=None)]


def _richest(items: Iterable[Item], rejected: list[Rejection]) -> list[Item]:
    """Keep one file of each model that lies there in several formats; reject the others."""
    first: dict[str, Item] = {}
    for item in sorted(items, key=_poverty):
        kept = first.setdefault(item.id, item)
        if kept is not item:
            reason = f"{Path(kept.path).name} beside it is used, the same model in a richer format"
            rejected.append(Rejection(item.path, "manifest", reason))
    return list(first.values())


def _poverty(item: Item) -> tuple[int, str]:
    return RICHEST_FIRST.index(Path(item.path).suffix.lower()), item.path


def _walk(root: Path, role: str, unread: list[Rejection]) -> Iterator[str]:
    """Yield every file below `root` once; links to folders are followed, cycles are cut.

    Folders that cannot be listed, links that lead outside, and links to what is read under its own
    name are added to `unread`.
    """
    seen: set[tuple[int, int]] = set()

    def note(error: OSError) -> None:
        unread.append(_unread(error, root, role))

    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=note):
        info = Path(folder).stat()
        if (info.st_dev, info.st_ino) in seen:
            subfolders.clear()
            continue
        if not _inside(Path(folder), root):
            subfolders.clear()
            unread.append(Rejection(folder, "manifest", _outside(root)))
            continue
        seen.add((info.st_dev, info.st_ino))
        within = "" if folder == os.curdir else str(Path(folder))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        subfolders[:] = [n for n in subfolders if not _is_twice(Path(within, n), root, unread)]
        named = sorted(name for name in files if not name.startswith("."))
        yield from (os.path.join(within, name) for name in named)  # noqa: PTH118


def _is_twice(folder: Path, root: Path, unread: list[Rejection]) -> bool:
    """Whether a folder is a link to one that is read anyway; then it is added to `unread`."""
    if not folder.is_symlink() or not _inside(folder, root):
        return False
    below = folder.resolve().relative_to(root.resolve())
    if any(part.startswith(".") for part in below.parts):
        return False
    reason = f"it is a link to {root / below}, which is read under its own name"
    unread.append(Rejection(str(folder), "manifest", reason))
    return True


def _outside(root: Path) -> str:
    return f"it is a link that leads outside {root}"


def _unread(error: OSError, root: Path, role: str) -> Rejection:
    """Reject a folder that cannot be listed; UserError if it is the root."""
    if Path(error.filename) == root:
        raise UserError(f"{role}: the folder {root} cannot be read ({error.strerror})")
    return Rejection(error.filename, "manifest", f"the folder cannot be read ({error.strerror})")


def _inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def unusable(path: Path, root: Path) -> str:
    """Say why a file cannot be used, without opening it; empty if it can.

    Parameters
    ----------
    root
        Folder that links must not lead out of.
    """
    return _look_at(str(path), root)[1]


def _look_at(path: str, root: Path) -> tuple[os.stat_result | None, str]:
    """Return the file's stat result, or None and the reason why it cannot be used."""
    try:
        info = os.lstat(path)
        is_link = stat.S_ISLNK(info.st_mode)
        if is_link:
            info = Path(path).stat()
    except ValueError:
        return None, "its name holds a null character"
    except OSError as error:
        return None, f"it cannot be read ({error.strerror})"
    if not stat.S_ISREG(info.st_mode):
        return None, "it is not a regular file"
    if is_link and not _inside(Path(path), root):
        return None, _outside(root)
    if info.st_size == 0:
        return None, "the file is empty"
    return (info, "") if _is_text(path) else (None, "its name is not valid text")


def _as_text(value: str) -> str:
    return value.encode(errors="backslashreplace").decode()


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _item(path: str, stem: str, root: Path, info: os.stat_result) -> Item:
    """Item of a file below `root`; `stem` is its path without the extension."""
    id = stem.removeprefix(f"{root}{os.sep}").replace(os.sep, "/")
    category, below, _ = id.partition("/")
    return Item(id, path, category if below else "", "", info.st_size, info.st_mtime_ns)


def check_unique(items: Sequence[Item], role: str) -> None:
    """Check that no two items have the same id.

    Raises
    ------
    UserError
        If two have; the message names both files.
    """
    first: dict[str, Item] = {}
    for item in items:
        other = first.setdefault(item.id, item)
        if other is not item:
            raise UserError(
                f"{role}: two files have the id {item.id}: {other.path} and {item.path}. "
                f"Rename or remove one of them"
            )


def or_without(role: str) -> str:
    """Say, after how a missing folder of this role is mended, that photos may be left out."""
    return ", or leave out images to build a library without photos" if role == "images" else ""


def _known(role: str) -> str:
    return " ".join(sorted(SUFFIXES[role]))


def _nothing(root: Path, role: str, others: Counter[str], rejected: Sequence[Rejection]) -> str:
    found = ", ".join(f"{n} {suffix or 'without extension'}" for suffix, n in others.most_common(3))
    return (
        f"{role}: {root} holds no file of a known kind ({_known(role)}); "
        f"found there: {found or 'nothing'}. Name the right folder{or_without(role)}"
        + "".join(f"\n{row.path}: {row.reason}" for row in rejected[:SHOWN])
    )
