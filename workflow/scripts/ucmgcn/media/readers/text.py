"""Text of mesh files: line ends, lines of numbers, names in unknown encodings.

Everything works on arrays of bytes, because files have millions of lines.
"""

from __future__ import annotations

import codecs
import os
import re
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.media.readers.surfaces import FormatError

NEWLINE, SPACE = b"\n "
LOWER = 0x20  # the bit by which ASCII's small letters differ from its capitals
ENCODINGS = ("utf-8", "gb18030", "cp932", "cp1252", "latin-1")
# What C libraries print for numbers that are not finite.
NOT_FINITE = re.compile(rb"(?<![^\s])[-+]?(?:\d\.#[a-zA-Z]+\w*|nan\([^)\s]*\))", re.IGNORECASE)
# Not the # of 1.#QNAN.
COMMENT = re.compile(rb"(?<!\.)#[^\n]*")
WORD = re.compile(rb"\S+")
FORTRAN = re.compile(rb"(?<=[\d.])[dD](?=[-+]?\d)")


class Rows(NamedTuple):
    """Numbers of lines of text.

    Attributes
    ----------
    values
        All numbers, line after line.
    counts
        Numbers of each line.
    """

    values: npt.NDArray[Any]
    counts: Ints

    def columns(self, count: int) -> npt.NDArray[Any]:
        """Return the first numbers of each line, which must have at least `count`."""
        if not len(self.counts):
            return np.empty((0, count))
        if (self.counts == self.counts[:1]).all():
            table: npt.NDArray[Any] = self.values.reshape(len(self.counts), -1)
            return table[:, :count]
        starts = np.cumsum(self.counts) - self.counts
        table = self.values[starts[:, None] + np.arange(count)]
        return table


class Lines:
    """The lines of a text by their keyword.

    Parameters
    ----------
    text
        As from `plain`; lines do not begin with spaces.
    """

    def __init__(self, text: bytes) -> None:
        self._bytes = np.frombuffer(text + b"\n", np.uint8).copy()
        ends = np.flatnonzero(self._bytes == NEWLINE)
        self._starts = np.concatenate([[0], ends[:-1] + 1])
        self._lengths = ends + 1 - self._starts

    def having(self, keyword: bytes) -> Ints:
        """Return the numbers of the lines that begin with a keyword, in any case, and a space."""
        lines = np.flatnonzero(self._lengths > len(keyword) + 1)
        for place, byte in enumerate(keyword):
            lines = lines[self._bytes[self._starts[lines] + place] | LOWER == byte]
        followed: Ints = lines[self._bytes[self._starts[lines] + len(keyword)] == SPACE]
        return followed

    def rests(self, lines: Ints, keyword: bytes) -> list[bytes]:
        """Return the texts of lines behind their keyword, without spaces around them."""
        starts = self._starts[lines]
        ends = starts + self._lengths[lines]
        return [
            self._bytes[a + len(keyword) : b].tobytes().strip()
            for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
        ]

    def numbers(self, lines: Ints, keyword: bytes) -> bytes:
        """Return lines as one text, without their keyword and without comments."""
        for place in range(len(keyword)):
            self._bytes[self._starts[lines] + place] = SPACE
        chosen = np.zeros(len(self._starts), dtype=bool)
        chosen[lines] = True
        text = self._bytes[np.repeat(chosen, self._lengths)].tobytes()
        return COMMENT.sub(b"", text) if b"#" in text else text


def plain(data: bytes) -> bytes:
    """Return a text in an encoding that keeps ASCII, with newlines and spaces only.

    Bytes that are not ASCII stay as they are; `spellings` decodes them.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode()
    data = data.replace(codecs.BOM_UTF8, b"")  # also where files were joined
    data = data.rstrip(b"\0\x1a")  # what DOS programs write at the end
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for space in (b"\t", b"\v", b"\f"):
        data = data.replace(space, b" ")
    return data


def spellings(name: bytes) -> list[str]:
    """Return what a name may be, the likeliest first: its encoding is not known."""
    if name.isascii():
        return [name.decode()]
    found = []
    for encoding in ENCODINGS:
        with suppress(UnicodeDecodeError):
            found.append(name.decode(encoding))
    return list(dict.fromkeys([*found, os.fsdecode(name)]))


def floats(text: bytes, what: str) -> Rows:
    """Read lines of numbers, also with decimal commas or Fortran's exponents.

    Parameters
    ----------
    text
        Lines that end with a newline.
    what
        What they are, for the message.

    Raises
    ------
    FormatError
        If a word is not a number.
    """
    if b"," in text:
        text = _without_commas(text)
    try:
        return _rows(text, np.float64)
    except ValueError:
        return _rows_or_reason(FORTRAN.sub(b"e", NOT_FINITE.sub(b"nan", text)), np.float64, what)


def integers(text: bytes, what: str) -> Rows:
    """Read lines of integers; see `floats`."""
    text = text.replace(b",", b" ")
    return _rows_or_reason(text, np.int64, what)


def lenient_floats(text: bytes, what: str) -> tuple[Rows, FormatError | None]:
    """Read lines of numbers; words that are none become NaN.

    Returns
    -------
    The numbers, and the error that `floats` would raise.
    """
    try:
        return floats(text, what), None
    except FormatError as error:
        return floats(WORD.sub(_number_or_nan, text), what), error


def _number_or_nan(word: re.Match[bytes]) -> bytes:
    try:
        float(word[0])
    except ValueError:
        return b"nan"
    return word[0]


def _without_commas(text: bytes) -> bytes:
    """Make decimal commas points, and commas that separate numbers spaces."""
    first = text.lstrip().split(b"\n", 1)[0]
    separates = b", " in text or b"." in first or len(first.split()) == 1
    return text.replace(b",", b" " if separates else b".")


def _rows_or_reason(text: bytes, dtype: type, what: str) -> Rows:
    try:
        return _rows(text, dtype)
    except ValueError:
        for line in text.split(b"\n"):
            for word in line.split():
                try:
                    dtype(word)
                except (ValueError, OverflowError):
                    shown = word[:40].decode("ascii", "backslashreplace")
                    raise FormatError(f"{what} holds {shown!r}, which is not a number") from None
        raise FormatError(f"{what} holds text that is not numbers") from None


def words(text: bytes) -> tuple[Ints, Ints]:
    """Return where the words of a text begin, and the number of words in each line."""
    letters = np.frombuffer(text, np.uint8)
    spaces = letters <= SPACE
    begins = ~spaces
    begins[1:] &= spaces[:-1]
    ends = np.flatnonzero(letters == NEWLINE)
    lines = np.concatenate([[0], ends[:-1] + 1])
    return np.flatnonzero(begins), np.add.reduceat(begins, lines, dtype=np.int64)


def _rows(text: bytes, dtype: type) -> Rows:
    if text.isspace() or not text:
        return Rows(np.empty(0, dtype), np.zeros(text.count(b"\n"), np.int64))
    starts, counts = words(text)
    values: npt.NDArray[Any] = np.fromstring(text, sep=" ", dtype=dtype)
    if len(values) != len(starts):
        raise ValueError("text that is not numbers")
    return Rows(values, counts)


def as_points(rows: Rows, what: str) -> Floats:
    """Return the first three numbers of each line, shape (n, 3).

    Raises
    ------
    FormatError
        If a line has fewer.
    """
    if len(rows.counts) and rows.counts.min() < 3:
        raise FormatError(f"its {what} do not have three values each")
    return np.ascontiguousarray(rows.columns(3), dtype=np.float64)
