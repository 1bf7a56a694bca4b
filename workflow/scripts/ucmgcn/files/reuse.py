"""Reuse items of a shard's earlier version that are still valid.

A shard is rebuilt when one of its files is added, removed or changed. Each item carries a digest
of its inputs, its origin. An item whose origin is unchanged is copied instead of recomputed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ucmgcn.core.errors import UserError
from ucmgcn.core.item_warnings import ItemWarning
from ucmgcn.files.shards import Shard, open_shard

logger = logging.getLogger(__name__)


class Earlier:
    """The items of a shard's earlier version; empty if there is none.

    Attributes
    ----------
    taken
        Rows that `find` has returned.
    """

    def __init__(self, shard: Shard | None = None) -> None:
        self._shard = shard
        self.taken: set[int] = set()
        origins = zip(shard.ids, shard.origins, strict=True) if shard else ()
        self._rows = {(id, origin): i for i, (id, origin) in enumerate(origins) if origin}

    def find(self, id: str, origin: str) -> npt.NDArray[Any] | None:
        """Return the item with this id and origin, or None."""
        row = self._rows.get((id, origin))
        if self._shard is None or row is None:
            return None
        try:
            item: npt.NDArray[Any] = self._shard.array[row]
        except OSError:
            # Damaged on disk, so it is recomputed.
            return None
        self.taken.add(row)
        return item

    def warnings(self, id: str) -> list[ItemWarning]:
        """Warnings recorded with an item that `find` has returned."""
        return self._shard.warnings.get(id, []) if self._shard else []

    def note(self, id: str) -> str:
        """Return what was noted of an item that `find` has returned."""
        return self._shard.notes.get(id, "") if self._shard else ""


@contextmanager
def open_earlier(path: Path, kind: str) -> Iterator[Earlier]:
    """Open the earlier version at the path of a new shard; it stays readable inside the context."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(open_shard(path, kind)) if Path(path).exists() else None
        except UserError:
            found = None
        earlier = Earlier(found)
        yield earlier
        logger.info("%s: %d items reused", path, len(earlier.taken))


def origin_of(made_by: Mapping[str, Any], source: Path | str) -> str:
    """Digest of everything that an item depends on.

    Parameters
    ----------
    made_by
        Everything besides the source that would change the item; JSON-serialisable.
    source
        The item's file, identified by its path, size and mtime; or the origin of its source item.

    Returns
    -------
    str
        Empty, which matches no origin, if the file is missing or the source's origin is empty.
    """
    if isinstance(source, Path):
        try:
            info = source.stat()
        except OSError:
            return ""
        source = f"{source} {info.st_size} {info.st_mtime_ns}"
    text = json.dumps([dict(made_by), source], sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32] if source else ""
