"""The container of glTF: its JSON, and the arrays in its buffers.

Source: Khronos Group, "glTF 2.0 Specification" (ISO/IEC 12113:2022), sections 3.6 and 4.4.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
import numpy.typing as npt

from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.readers.gltf_meshopt import MESHOPT, decode_meshopt
from ucmgcn.media.readers.surfaces import FormatError

# What JSON of another structure than the format's leads to.
BROKEN = (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError)

Values = npt.NDArray[Any]
Entry = dict[str, Any]

MAGIC = b"glTF"
CHUNK_JSON, CHUNK_BINARY = 0x4E4F534A, 0x004E4942
COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


class GltfFile:
    """An open glTF or GLB file; arrays are decoded when they are asked for.

    Parameters
    ----------
    content
        The file's content, JSON or binary.
    companions
        Finds its buffers and pictures.

    Raises
    ------
    FormatError
        If it is no glTF 2.0 file.
    """

    def __init__(self, content: bytes, companions: Companions) -> None:
        self.companions = companions
        text, self._binary = _unpack(content)
        try:
            self.json = json.loads(text.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise FormatError(f"its JSON is damaged ({error})") from None
        _check_version(self.json)
        self._buffers: dict[int, bytes | memoryview] = {}
        self._views: dict[int, memoryview] = {}
        self._arrays: dict[int, Values] = {}

    def entry(self, kind: str, index: object) -> Entry:
        """Return an entry of a top-level list such as ``"accessors"``.

        Raises
        ------
        ItemError
            If the file has no such entry.
        """
        entries = self.json.get(kind, [])
        if not isinstance(index, int) or not 0 <= index < len(entries):
            raise ItemError(f"it refers to number {index} of its {kind}, but has {len(entries)}")
        found: Entry = entries[index]
        return found

    def array(self, index: int) -> Values:
        """Return the values of an accessor, shape (n, width), normalised integers as floats."""
        if index not in self._arrays:
            accessor = self.entry("accessors", index)
            values = self._stored(accessor, f"its accessor {index}")
            if "sparse" in accessor:
                values = self._with_sparse(values, accessor, index)
            self._arrays[index] = as_floats(values) if accessor.get("normalized") else values
        return self._arrays[index]

    def view(self, index: int) -> memoryview:
        """Return the bytes of a buffer view."""
        if index not in self._views:
            view = self.entry("bufferViews", index)
            packed = next((e for n, e in extensions(view).items() if n in MESHOPT), None)
            if packed is None or self._has_data(view["buffer"]):
                self._views[index] = self._slice(view)
            else:
                self._views[index] = decode_meshopt(self._slice(packed), packed)
        return self._views[index]

    def data(self, uri: str) -> bytes:
        """Return what a URI holds or names.

        Raises
        ------
        OSError, ValueError
            If it names a file that cannot be read.
        """
        if uri[:5].lower() == "data:":
            head, _, body = uri.partition(",")
            return _from_base64(body) if head.endswith(";base64") else unquote_to_bytes(body)
        return self.companions.get(uri)

    def _has_data(self, index: int) -> bool:
        """Whether a buffer is there uncompressed, which meshopt leaves to the exporter."""
        buffers = self.json.get("buffers", [])
        named = 0 <= index < len(buffers) and "uri" in buffers[index]
        return named or (index == 0 and self._binary is not None)

    def _slice(self, view: Entry) -> memoryview:
        start, length = view.get("byteOffset", 0), view["byteLength"]
        content = memoryview(self._buffer(view["buffer"]))
        if start < 0 or length < 0 or start + length > len(content):
            raise ItemError(
                f"its buffer {view['buffer']} ends after {len(content)} bytes, but it refers to "
                f"bytes up to {start + length}: the file is cut short or damaged"
            )
        return content[start : start + length]

    def _buffer(self, index: int) -> bytes | memoryview:
        if index not in self._buffers:
            self._buffers[index] = self._read_buffer(self.entry("buffers", index), index)
        return self._buffers[index]

    def _read_buffer(self, buffer: Entry, index: int) -> bytes | memoryview:
        if "uri" not in buffer:
            if index or self._binary is None:
                raise FormatError(f"its buffer {index} is missing: the file holds no data for it")
            return self._binary
        try:
            return self.data(buffer["uri"])
        except OSError as error:
            name = unquote(buffer["uri"])[:100]
            raise FormatError(
                f"its buffer {name} cannot be read ({error.strerror or 'there is no such file'}); "
                f"put it beside the file"
            ) from None
        except ValueError as error:
            raise FormatError(f"its buffer {buffer['uri'][:100]} is not read: {error}") from None

    def _stored(self, accessor: Entry, name: str) -> Values:
        dtype, width = np.dtype(_component(accessor)), _width(accessor)
        count = accessor["count"]
        if "bufferView" not in accessor:
            return np.zeros((count, width), dtype)
        content = self.view(accessor["bufferView"])
        stride = self.entry("bufferViews", accessor["bufferView"]).get("byteStride")
        shape, start = (count, width), accessor.get("byteOffset", 0)
        return _strided(content, dtype, shape, start, stride or dtype.itemsize * width, name)

    def _with_sparse(self, values: Values, accessor: Entry, index: int) -> Values:
        sparse, name = accessor["sparse"], f"the sparse part of its accessor {index}"
        count = {"count": sparse["count"]}
        places = self._stored({"type": "SCALAR", **count, **sparse["indices"]}, name)[:, 0]
        like = {key: accessor[key] for key in ("type", "componentType")}
        changed = self._stored({**like, **count, **sparse["values"]}, name)
        if len(places) and int(places.max()) >= len(values):
            raise ItemError(f"{name} replaces value {places.max()} of {len(values)}")
        values = values.copy()
        values[places] = changed
        return values


def extensions(entry: Entry) -> Entry:
    """Return the extensions of an entry."""
    found: Entry = entry.get("extensions") or {}
    return found


def as_floats(values: Values) -> Values:
    """Convert normalised integers to floats of at most 1 (glTF 2.0, section 3.11)."""
    if values.dtype.kind == "f":
        return values
    return np.maximum(values.astype(np.float64) / np.iinfo(values.dtype).max, -1.0)


def _unpack(content: bytes) -> tuple[bytes, memoryview | None]:
    """Return the JSON of a file and, of a GLB, its binary chunk."""
    if content[:4] != MAGIC:
        return content, None
    if len(content) < 20:
        raise FormatError("it is cut short: it ends within its header")
    (version,) = struct.unpack_from("<I", content, 4)
    if version != 2:
        raise FormatError(_old(f"binary version {version}"))
    found: dict[int, memoryview] = {}
    start = 12
    while start + 8 <= len(content):
        size, kind = struct.unpack_from("<II", content, start)
        found.setdefault(kind, memoryview(content)[start + 8 : start + 8 + size])
        start += 8 + size
    if CHUNK_JSON not in found:
        raise FormatError("it is a GLB file without the chunk that describes it (JSON)")
    if start > len(content):
        raise FormatError(f"it is cut short: it ends at byte {len(content)} of {start}")
    return bytes(found[CHUNK_JSON]), found.get(CHUNK_BINARY)


def _check_version(parsed: object) -> None:
    if not isinstance(parsed, dict) or not isinstance(parsed.get("asset"), dict):
        raise FormatError("it is JSON but no glTF file: it lacks the entry asset")
    version = str(parsed["asset"].get("version", "2.0"))
    if not version.startswith("2."):
        raise FormatError(_old(f"version {version}"))


def _old(version: str) -> str:
    return f"it is glTF of {version}, and only version 2 is read; export it again as glTF 2.0"


def _from_base64(body: str) -> bytes:
    try:
        return base64.b64decode(unquote(body) if "%" in body else body)
    except binascii.Error as error:
        raise ItemError(f"the data that it embeds is damaged ({error})") from None


def _component(accessor: Entry) -> str:
    kind = accessor["componentType"]
    if kind not in COMPONENTS:
        raise ItemError(f"its values have the component type {kind}, which glTF 2.0 does not know")
    return COMPONENTS[kind]


def _width(accessor: Entry) -> int:
    kind = accessor["type"]
    if kind not in WIDTHS:
        raise ItemError(f"its values have the type {kind!r}, which glTF 2.0 does not know")
    return WIDTHS[kind]


def _strided(
    content: bytes | memoryview,
    dtype: npt.DTypeLike,
    shape: tuple[int, int],
    start: int,
    stride: int,
    name: str,
) -> Values:
    item = np.dtype(dtype).itemsize
    end = start + (shape[0] - 1) * stride + shape[1] * item if shape[0] else start
    if min(start, shape[0], stride) < 0 or end > len(content):
        raise ItemError(f"{name} reaches to byte {end} of a buffer view of {len(content)} bytes")
    return np.ndarray(shape, dtype, content, start, (stride, item))
