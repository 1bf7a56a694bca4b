"""A COLLADA document: its elements by id, and its arrays of numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.media.readers.surfaces import FormatError
from ucmgcn.media.readers.text import floats, integers, plain

DECLARATION = re.compile(rb"<\?xml[^>]*encoding=[\"']([\w.-]+)")
XML = re.compile(r"^\ufeff?\s*<\?xml[^>]*\?>")
BARE_AMPERSAND = re.compile(r"&(?!#?\w+;)")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class Document:
    """A COLLADA file, 1.4 or 1.5; names are without their namespace.

    Parameters
    ----------
    data
        The file's content.

    Raises
    ------
    FormatError
        If it is not a COLLADA file.
    """

    def __init__(self, data: bytes) -> None:
        self.root = _parsed(data)
        self._by_id: dict[str, Element] = {}
        for element in self.root.iter():
            if isinstance(element.tag, str):
                element.tag = element.tag.rpartition("}")[2]
            if name := element.get("id"):
                self._by_id.setdefault(name, element)
        if self.root.tag != "COLLADA":
            raise FormatError(f"its root element is {self.root.tag!r}")

    def find(self, url: str | None, kind: str = "") -> Element | None:
        """Return what a url of this document, such as "#chair", refers to."""
        name = (url or "").strip().removeprefix("#")
        found = self._by_id.get(name)
        found = self._by_id.get(unquote(name)) if found is None else found
        return found if found is None or kind in ("", found.tag) else None

    def text(self, path: str) -> str:
        """Return the text of the element on a path from the root; empty if it is missing."""
        return (self.root.findtext(path) or "").strip()

    def source(self, url: str | None) -> Floats | None:
        """Return a source as a table, shape (count, parameters), or None if it is missing."""
        source = self.find(url, "source")
        if source is None:
            return None
        accessor = source.find("technique_common/accessor")
        array = self._array(source, accessor)
        if array is None:
            return None
        values = numbers(array.text)
        attributes = {} if accessor is None else accessor.attrib
        names = [p.get("name") or "" for p in source.iterfind("technique_common/accessor/param")]
        stride = max(_whole(attributes.get("stride"), len(names) or 3), 1)
        offset = _whole(attributes.get("offset"), 0)
        rows = values[offset : offset + (len(values) - offset) // stride * stride]
        # Only named parameters count, but one may be a whole matrix.
        used = [i for i, name in enumerate(names) if name] if len(names) == stride else []
        used = used or list(range(stride))
        return rows.reshape(-1, stride)[:, used]

    def names(self, url: str | None) -> list[str]:
        """Return a source of names."""
        source = self.find(url, "source")
        array = None if source is None else source.find("Name_array")
        array = source.find("IDREF_array") if source is not None and array is None else array
        return [] if array is None else (array.text or "").split()

    def _array(self, source: Element, accessor: Element | None) -> Element | None:
        named = None if accessor is None else self.find(accessor.get("source"))
        if named is not None and named.tag.endswith("_array"):
            return named
        found = source.find("float_array")
        return source.find("int_array") if found is None else found


def numbers(text: str | None) -> Floats:
    """Return the numbers of an element's text, shape (n,)."""
    values: Floats = floats(_line(text), "an array").values
    return values


def indices(text: str | None) -> Ints:
    """Return the whole numbers of an element's text, shape (n,)."""
    values: Ints = integers(_line(text), "a list of indices").values
    return values


def _line(text: str | None) -> bytes:
    words = plain((text or "").encode()).replace(b"\n", b" ").strip()
    return words + b"\n" if words else b""


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.strip().isdecimal() else default


def _parsed(data: bytes) -> Element:
    try:
        return _tree(data)
    except (ParseError, LookupError, ValueError) as error:
        # Programs write bare ampersands, control characters, encodings that the parser does not
        # know, and others than they declare.
        declared = DECLARATION.search(data[:200])
        encoding = declared[1].decode() if declared else "utf-8"
        text = XML.sub("", _decoded(data, encoding))
        mended = CONTROL.sub("", BARE_AMPERSAND.sub("&amp;", text))
        try:
            return _tree(mended)
        except (ParseError, ValueError):
            raise FormatError(f"it is not well-formed XML ({error})") from None


def _tree(text: bytes | str) -> Element:
    try:
        tree: Any = defusedxml.ElementTree.fromstring(text)
        return tree  # type: ignore[no-any-return]
    except DefusedXmlException:
        raise FormatError("it declares XML entities, which no 3D program writes") from None


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def children(element: Element | None, *names: str) -> Iterator[Element]:
    """Yield the direct children with one of these names, in order."""
    for child in () if element is None else element:
        if child.tag in names:
            yield child
