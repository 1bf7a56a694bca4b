"""Shards: HDF5 files with items, ids, provenance, rejections and warnings.

A shard is written under a temporary name and renamed, so that an existing file is complete. Shards
are checked on writing and on opening: a digest covers everything but the items, and each block of
items has a checksum that is verified on reading.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import numpy.typing as npt

from ucmgcn.core.errors import UserError
from ucmgcn.core.item_warnings import ItemWarning
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.digest import broken, readable

SCHEMA_VERSION = 1
COMPRESSION = {"views": "lzf"}  # fast, and images with a plain background compress well
CHUNK_BYTES = 256 * 1024
READ_BYTES = 64 * 2**20
STAGES = {
    "views": "render",
    "image-features": "features",
    "view-features": "features",
    "image-maps": "features",
    "view-maps": "features",
    "points": "points",
}


@dataclass(frozen=True)
class Rejection:
    """A rejected file: its path, the stage that rejected it, and the reason."""

    path: str
    stage: str
    reason: str


class ShardWriter:
    """Write a shard item by item, so that one item at a time is in memory.

    Parameters
    ----------
    path
        The file to write; it appears only if the context exits without an error.
    kind
        What the shard holds, such as ``"views"``; checked on opening.
    provenance
        Everything that makes the shard stale when it changes; JSON-serialisable.
    array
        Name of the main dataset, of shape (n, *item_shape).
    item_shape, dtype
        Shape and dtype of one item. Floating-point items must be finite.
    extra
        Small arrays shared by all items, such as the camera positions.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        provenance: Mapping[str, Any],
        array: str,
        item_shape: tuple[int, ...],
        dtype: npt.DTypeLike,
        *,
        extra: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> None:
        self._path, self._kind, self._array_name = Path(path), kind, array
        self._provenance = dict(provenance)
        self._item_shape, self._dtype = item_shape, np.dtype(dtype)
        self._extra = dict(extra or {})
        self._ids: list[str] = []
        self._origins: list[str] = []
        self._rejected: list[Rejection] = []
        self._warnings: list[tuple[str, ...]] = []
        self._notes: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        partial = self._stack.enter_context(atomic_path(self._path))
        self._file = self._stack.enter_context(h5py.File(partial, "w", libver="latest"))
        self._array = self._file.create_dataset(
            self._array_name,
            shape=(0, *self._item_shape),
            maxshape=(None, *self._item_shape),
            chunks=_chunk_shape(self._item_shape, self._dtype.itemsize),
            dtype=self._dtype,
            compression=COMPRESSION.get(self._kind),
            fletcher32=True,
        )
        return self

    def add(self, id: str, item: npt.NDArray[Any], origin: str = "") -> None:
        """Append one item of the declared shape."""
        self.add_many([id], item[None], [origin])

    def add_many(
        self, ids: Iterable[str], items: npt.NDArray[Any], origins: Iterable[str] | None = None
    ) -> None:
        """Append items of shape (b, *item_shape) with b ids and b origins (see `reuse`)."""
        ids = list(ids)
        if items.shape != (len(ids), *self._item_shape):
            raise ValueError(f"{len(ids)} ids, items {items.shape}, item shape {self._item_shape}")
        if self._dtype.kind == "f" and not np.isfinite(items).all():
            bad = next(i for i, x in zip(ids, items, strict=True) if not np.isfinite(x).all())
            raise ValueError(f"{self._path}: item {bad} has values that are not finite")
        start = len(self._ids)
        self._array.resize(start + len(ids), axis=0)
        self._array[start:] = items
        self._ids += ids
        self._origins += [""] * len(ids) if origins is None else origins

    def reject(self, path: str, reason: str) -> None:
        """Record that an item is rejected, and why."""
        self._rejected.append(Rejection(path, STAGES[self._kind], reason))

    def pass_on(self, rejections: Iterable[Rejection]) -> None:
        """Record what an earlier stage has left out."""
        self._rejected += rejections

    def warn(self, id: str, warnings: Iterable[ItemWarning]) -> None:
        """Record the warnings about an item that is used."""
        self._warnings += [(id, *astuple(warning)) for warning in warnings]

    def note(self, id: str, text: str) -> None:
        """Record what was found out about an item, as JSON."""
        self._notes.append((id, text))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._finish()

    def _finish(self) -> None:
        if len(set(self._ids)) != len(self._ids):
            raise ValueError(f"{self._path}: an id occurs twice")
        text = h5py.string_dtype()
        self._file.create_dataset("id", data=self._ids, dtype=text, shape=(len(self._ids),))
        self._file.create_dataset("origin", data=self._origins, dtype=text, shape=len(self._ids))
        rejected = [astuple(r) for r in self._rejected]
        self._file.create_dataset("rejected", data=rejected, dtype=text, shape=(len(rejected), 3))
        shape = (len(self._warnings), 1 + len(fields(ItemWarning)))
        self._file.create_dataset("warnings", data=self._warnings, dtype=text, shape=shape)
        notes = (len(self._notes), 2)
        self._file.create_dataset("notes", data=self._notes, dtype=text, shape=notes)
        for name, value in self._extra.items():
            self._file.create_dataset(name, data=value)
        self._file.attrs.update(
            schema=SCHEMA_VERSION,
            kind=self._kind,
            array=self._array_name,
            provenance=json.dumps(self._provenance, sort_keys=True),
        )
        self._file.attrs["digest"] = _digest(self._file)


def views_writer(
    out: Path, provenance: Mapping[str, Any], cameras: npt.NDArray[np.float64], size: int
) -> ShardWriter:
    """Open a shard of kind ``"views"``: items of shape (views, size, size, 3), uint8.

    `cameras` are the positions of the cameras, shape (views, 3).
    """
    shape, extra = (len(cameras), size, size, 3), {"cameras": cameras}
    return ShardWriter(out, "views", provenance, "images", shape, np.uint8, extra=extra)


class Shard:
    """An open shard; the main array is read lazily."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path, self._file = path, file
        self.ids: list[str] = [str(i) for i in file["id"].asstr()[:]]
        # Shards of earlier releases have no origins.
        origins = file["origin"].asstr()[:] if "origin" in file else [""] * len(self.ids)
        self.origins: list[str] = [str(origin) for origin in origins]
        self.array: h5py.Dataset = file[str(file.attrs["array"])]
        self.provenance: dict[str, Any] = json.loads(str(file.attrs["provenance"]))
        self.rejected = [Rejection(*map(str, row)) for row in file["rejected"].asstr()[:]]
        # Nor do they have warnings.
        rows = file["warnings"].asstr()[:] if "warnings" in file else ()
        self.warnings: dict[str, list[ItemWarning]] = {}
        for id, *texts in rows:
            self.warnings.setdefault(str(id), []).append(ItemWarning(*map(str, texts)))
        rows = file["notes"].asstr()[:] if "notes" in file else ()
        self.notes: dict[str, str] = {str(id): str(text) for id, text in rows}

    def extra(self, name: str) -> npt.NDArray[Any]:
        """Return a small array shared by all items."""
        return np.asarray(self._file[name])

    def __len__(self) -> int:
        return len(self.ids)


@contextmanager
def open_shard(path: Path, kind: str) -> Iterator[Shard]:
    """Open a shard, and check that it is intact and of the given kind.

    Raises
    ------
    UserError
        If the file is not an intact shard of this kind and version; the message says how to
        rebuild it.
    """
    path = readable(path)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _broken(path, str(error)) from error
    with file:
        try:
            _check(file, kind)
            shard = Shard(path, file)
            if shard.array.shape[0] != len(shard.ids):
                raise KeyError(f"{shard.array.shape[0]} items but {len(shard.ids)} ids")
        except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise _broken(path, str(error)) from error
        try:
            yield shard
        except OSError as error:
            if "read data" not in str(error):  # not an error of HDF5
                raise
            raise _broken(path, str(error)) from error


def read_shards(
    paths: Iterable[Path], kind: str
) -> tuple[list[str], npt.NDArray[Any], list[Rejection]]:
    """Read all items of all shards into memory, sorted by id.

    Returns
    -------
    ids
        The n ids in ascending order.
    items
        Items in the order of the ids, shape (n, *item_shape).
    rejected
        What the shards' stage left out, and those before it.
    """
    paths = list(paths)
    ids: list[str] = []
    rejected: list[Rejection] = []
    shape: tuple[int, ...] = ()
    dtype = np.dtype(np.float32)
    for path in paths:
        with open_shard(path, kind) as shard:
            ids += shard.ids
            rejected += shard.rejected
            shape, dtype = shard.array.shape[1:], shard.array.dtype
    order = sorted(range(len(ids)), key=ids.__getitem__)
    items = np.empty((len(ids), *shape), dtype)
    place = np.empty(len(ids), dtype=np.int64)
    place[order] = np.arange(len(ids))
    start = 0
    for path in paths:
        with open_shard(path, kind) as shard:
            for part in _blocks(shard.array):
                items[place[start : start + len(part)]] = part
                start += len(part)
    return [ids[i] for i in order], items, rejected


def _blocks(array: h5py.Dataset) -> Iterator[npt.NDArray[Any]]:
    """Read an array in blocks, so that only the result and one block are in memory."""
    size = max(1, READ_BYTES // max(1, int(np.prod(array.shape[1:])) * array.dtype.itemsize))
    return (array[i : i + size] for i in range(0, len(array), size))


def _check(file: h5py.File, kind: str) -> None:
    if file.attrs["schema"] != SCHEMA_VERSION:
        raise ValueError(f"schema version {file.attrs['schema']}, expected {SCHEMA_VERSION}")
    if file.attrs["kind"] != kind:
        raise ValueError(f"holds {file.attrs['kind']}, expected {kind}")
    # Shards of earlier releases have no digest.
    if file.attrs.get("digest", "") not in ("", _digest(file)):
        raise ValueError("its checksum is wrong")


def _digest(file: h5py.File) -> str:
    """Digest of everything in a shard except its items."""
    array = str(file.attrs["array"])
    digest = hashlib.sha256(f"{file[array].shape} {file[array].dtype}".encode())
    for name in ("schema", "kind", "array", "provenance"):
        digest.update(f"\0{name}\0{file.attrs[name]}".encode())
    for name in sorted(set(file) - {array}):
        values = file[name][()]
        content = values.tobytes() if values.dtype != object else b"\0".join(values.ravel())
        digest.update(f"\0{name}\0{values.shape}\0".encode() + content)
    return digest.hexdigest()


def _broken(path: Path, why: str) -> UserError:
    return broken(path, f"or not a shard of this version: {why}")


def _chunk_shape(item_shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    size = int(np.prod(item_shape)) * itemsize
    if size > CHUNK_BYTES and len(item_shape) > 1:
        return (1, 1, *item_shape[1:])
    return (max(1, CHUNK_BYTES // max(size, 1)), *item_shape)
