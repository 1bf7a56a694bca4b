"""The elements of a PLY file: header, fixed and variable rows, text and binary.

Source: Turk, "The PLY Polygon File Format", 1994.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.media.readers.surfaces import FormatError
from ucmgcn.media.readers.text import floats, plain

END = re.compile(rb"end_header[ \t]*(\r\n|\n|\r)")
TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2",
    "ushort": "u2", "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8", "long": "i8", "int64": "i8",
    "ulong": "u8", "uint64": "u8",
}  # fmt: skip
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}


class Property(NamedTuple):
    """A property; a list has a type for its length too."""

    name: str
    type: np.dtype[Any]
    length: np.dtype[Any] | None = None


class Lists(NamedTuple):
    """Values of a list property, row after row, and the number in each row."""

    values: npt.NDArray[Any]
    counts: Ints


@dataclass
class Element:
    """An element with its rows.

    Attributes
    ----------
    scalars
        Property: one value a row.
    lists
        List property: its values.
    """

    name: str
    count: int
    properties: list[Property] = field(default_factory=list)
    scalars: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    lists: dict[str, Lists] = field(default_factory=dict)

    def table(self, *names: str) -> Floats | None:
        """Return scalar properties as columns, shape (count, names), or None if one lacks."""
        if not all(name in self.scalars for name in names):
            return None
        return np.stack([self.scalars[name].astype(np.float64) for name in names], axis=1)


class Ply(NamedTuple):
    """Elements by name, and the comments."""

    elements: dict[str, Element]
    comments: list[str]


def read_ply(data: bytes) -> Ply:
    """Read all elements.

    Raises
    ------
    FormatError
        If the file does not follow the format.
    """
    end = END.search(data)
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:3].lower() != b"ply" or not end:
        raise FormatError("it has no PLY header")
    order, elements, comments = _header(plain(data[: end.start()]).decode("utf-8", "replace"))
    body = data[end.end() :]
    if order:
        _read_all(elements, body)
    else:
        _read_text(elements, plain(body))
    return Ply({element.name: element for element in elements}, comments)


def _read_all(elements: list[Element], body: bytes) -> int:
    start = 0
    for element in elements:
        start = _read(element, body, start)
    return start


def _read_text(elements: list[Element], text: bytes) -> None:
    """Read numbers in text as if they were stored as doubles."""
    for element in elements:
        element.properties = [_as_doubles(p) for p in element.properties]
    body = floats(text + b"\n", "it").values.tobytes()
    try:
        rest = len(body) - _read_all(elements, body)
    except FormatError:
        rest = -1
    if rest:
        # Lines hold more values than the header says (MeshLab writes such): only those count.
        _read_all(elements, _declared_values(elements, text))


def _declared_values(elements: list[Element], text: bytes) -> bytes:
    """Return of each row, a line, the values that its properties take."""
    lines = (line for line in text.split(b"\n") if line.strip())
    found = []
    for element in elements:
        for _ in range(element.count):
            row = floats(next(lines, b"") + b"\n", "it").values
            taken = 0
            for kind in element.properties:
                if taken >= len(row):
                    raise _short(element)
                taken += 1 if kind.length is None else 1 + max(0, int(row[taken]))
            if taken > len(row):
                raise _short(element)
            found.append(row[:taken])
    return np.concatenate(found).tobytes() if found else b""


def _header(text: str) -> tuple[str, list[Element], list[str]]:
    kind, elements, comments = "", [], []
    for line in text.split("\n"):
        match line.split():
            case ["format", word, *_]:
                kind = word
            case ["comment" | "obj_info", *_]:
                comments.append(line.strip().partition(" ")[2].strip())
            case ["element", name, count, *_]:
                elements.append(Element(name, _whole(count)))
            case ["property", *words] if elements:
                elements[-1].properties.append(_property(words, ORDERS.get(kind, "")))
    if kind not in ORDERS:
        raise FormatError(f"its format {kind!r} is not one of {', '.join(ORDERS)}")
    return ORDERS[kind], elements, comments


def _whole(count: str) -> int:
    if not count.isdecimal():
        raise FormatError(f"it declares {count!r} rows of an element")
    return int(count)


def _property(words: list[str], order: str) -> Property:
    try:
        match words:
            case ["list", length, type_, name, *_]:
                return Property(
                    name, np.dtype(order + TYPES[type_]), np.dtype(order + TYPES[length])
                )
            case [type_, name, *_]:
                return Property(name, np.dtype(order + TYPES[type_]))
    except KeyError as error:
        raise FormatError(f"its header has the unknown type {error}") from None
    raise FormatError(f"its header has a property without a name: {' '.join(words)!r}")


def _as_doubles(kind: Property) -> Property:
    double = np.dtype("<f8")
    return Property(kind.name, double, kind.length and double)


def _read(element: Element, body: bytes, start: int) -> int:
    """Read the rows of an element from a place on; return the place behind them."""
    if not element.count:
        for kind in element.properties:
            _store(element, kind, np.empty(0, kind.type), np.empty(0, np.int64))
        return start
    lengths = _first_lengths(element, body, start)
    row = np.dtype([(f"f{n}", *f) for n, f in enumerate(_fields(element, lengths))])
    end = start + element.count * row.itemsize
    if end <= len(body):
        rows = np.frombuffer(body, row, element.count, start)
        if _fixed(element, rows, lengths):
            return end
    if not lengths:
        raise _short(element)
    return _read_variable(element, body, start)


def _short(element: Element) -> FormatError:
    return FormatError(f"it declares {element.count} rows of {element.name!r}, but holds fewer")


def _first_lengths(element: Element, body: bytes, start: int) -> list[int]:
    """Return the lengths of the lists in the first row."""
    found = []
    for kind in element.properties:
        if kind.length is not None:
            length = _length(kind, element, body, start)
            start += kind.length.itemsize + length * kind.type.itemsize
            found.append(length)
        else:
            start += kind.type.itemsize
    return found


def _length(kind: Property, element: Element, body: bytes, at: int) -> int:
    assert kind.length is not None
    if at + kind.length.itemsize > len(body):
        raise _short(element)
    length = np.frombuffer(body, kind.length, 1, at)[0]
    if not 0 <= length <= len(body):
        raise FormatError(f"a list of {kind.name!r} has {length} values")
    return int(length)


def _fields(element: Element, lengths: list[int]) -> list[tuple[Any, ...]]:
    fields: list[tuple[Any, ...]] = []
    left = iter(lengths)
    for kind in element.properties:
        if kind.length is not None:
            fields += [(kind.length,), (kind.type, (next(left),))]
        else:
            fields.append((kind.type,))
    return fields


def _fixed(element: Element, rows: npt.NDArray[Any], lengths: list[int]) -> bool:
    """Take the values of rows of equal length; False if they are not."""
    columns = iter(rows.dtype.names or ())
    left = iter(lengths)
    taken = []
    for kind in element.properties:
        column = rows[next(columns)]
        if kind.length is None:
            taken.append((kind, column, np.empty(0, np.int64)))
            continue
        length = next(left)
        if (column != length).any():
            return False
        values = rows[next(columns)].reshape(-1)
        taken.append((kind, values, np.full(element.count, length, np.int64)))
    for what in taken:
        _store(element, *what)
    return True


def _store(element: Element, kind: Property, values: npt.NDArray[Any], counts: Ints) -> None:
    if kind.length is None:
        element.scalars[kind.name] = values
    else:
        element.lists[kind.name] = Lists(values, counts)


def _read_variable(element: Element, body: bytes, start: int) -> int:
    """Read rows of different lengths: find where each value lies, then take all at once."""
    steps = [
        (kind.type.itemsize, 0 if kind.length is None else kind.length.itemsize)
        for kind in element.properties
    ]
    places: list[list[int]] = [[] for _ in steps]
    counts: list[list[int]] = [[] for _ in steps]
    at, last = start, len(body)
    for _ in range(element.count):
        for number, (size, length_size) in enumerate(steps):
            if length_size == 1:
                if at >= last:
                    raise _short(element)
                length = body[at]
            elif length_size:
                length = _length(element.properties[number], element, body, at)
            else:
                length = 1
            places[number].append(at + length_size)
            counts[number].append(length)
            at += length_size + length * size
        if at > last:
            raise _short(element)
    letters = np.frombuffer(body, np.uint8)
    for number, kind in enumerate(element.properties):
        sizes = np.array(counts[number], np.int64)
        _store(element, kind, _gathered(letters, np.array(places[number]), sizes, kind.type), sizes)
    return at


def _gathered(
    letters: npt.NDArray[np.uint8], places: Ints, counts: Ints, kind: np.dtype[Any]
) -> npt.NDArray[Any]:
    """Take the values that begin at places, so many at each."""
    before = np.cumsum(counts) - counts
    starts = np.repeat(places - before * kind.itemsize, counts)
    starts += np.arange(len(starts)) * kind.itemsize
    return letters[starts[:, None] + np.arange(kind.itemsize)].view(kind).reshape(-1)
