"""Take over what an earlier version of a shard holds and what is still true, item by item.

A shard is rebuilt when one of its files comes, goes or changes. Each item carries a digest of all
that it was made of; an item whose digest is still the same is copied instead of made again.
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
    """The items of an earlier version of a shard; none if there is no such version.

    Attributes
    ----------
    taken
        Rows that have been found.
    """

    def __init__(self, shard: Shard | None = None) -> None:
        self._shard = shard
        self.taken: set[int] = set()
        origins = zip(shard.ids, shard.origins, strict=True) if shard else ()
        self._rows = {(id, origin): i for i, (id, origin) in enumerate(origins) if origin}

    def find(self, id: str, origin: str) -> npt.NDArray[Any] | None:
        """Return an item that was made of the same, or None."""
        row = self._rows.get((id, origin))
        if self._shard is None or row is None:
            return None
        try:
            item: npt.NDArray[Any] = self._shard.array[row]
        except OSError:
            # Damaged on the disk; it is made again.
            return None
        self.taken.add(row)
        return item

    def warnings(self, id: str) -> list[ItemWarning]:
        """What was to be said about an item that has been found."""
        return self._shard.warnings.get(id, []) if self._shard else []


@contextmanager
def open_earlier(path: Path, kind: str) -> Iterator[Earlier]:
    """Open what lies where a shard will be written; it stays readable until the end."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(open_shard(path, kind)) if Path(path).exists() else None
        except UserError:
            found = None
        earlier = Earlier(found)
        yield earlier
        logger.info("%s: %d items taken over as they were", path, len(earlier.taken))


def origin_of(made_by: Mapping[str, Any], source: Path | str) -> str:
    """Digest of what an item is made of.

    Parameters
    ----------
    made_by
        Everything else that would change the item; JSON-serialisable.
    source
        The item's file, known by its name, size and time; or the origin of what it is made from.

    Returns
    -------
    str
        Empty, which equals none, where the source is an empty origin or a file that is not there.
    """
    if isinstance(source, Path):
        try:
            info = source.stat()
        except OSError:
            return ""
        source = f"{source} {info.st_size} {info.st_mtime_ns}"
    text = json.dumps([dict(made_by), source], sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32] if source else ""
