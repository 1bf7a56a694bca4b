"""Open photo files by their content: with Pillow, and its plugins for HEIC and JPEG XL."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from ucmgcn.core.errors import ItemError
from ucmgcn.media.extras import import_extra
from ucmgcn.media.formats import PILLOW_FORMATS

HEAD = 64 * 2**10  # bytes in which the size of a JPEG XL picture is found
JXL_STREAM, JXL_CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a"
HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
# Widths per height that a JPEG XL header names by number (ISO/IEC 18181-1, table of ratios).
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def open_photo(file: Path | IO[bytes], max_pixels: int) -> Image.Image:
    """Open a photo; as always with Pillow, most formats are decoded later.

    Parameters
    ----------
    file
        The file, or its content.
    max_pixels
        Limit for JPEG XL, which is decoded at once.

    Raises
    ------
    ItemError
        If it is a JPEG XL picture of more pixels, or a damaged one, or a damaged HEIC file.
    Exception
        Any exception that Pillow and its plugins raise on damaged files.
    """
    head = _head(file)
    if _is_jxl(head):
        check_pixels(jxl_size(head), max_pixels)
        return _open_jxl(file)
    if _is_heif(head):
        return _open_heif(file)
    return Image.open(file, formats=PILLOW_FORMATS)


def photo_size(file: IO[bytes]) -> tuple[int, int]:
    """Return the width and height that a photo declares, without decoding it; see `open_photo`."""
    head = _head(file)
    if _is_jxl(head):
        return jxl_size(head)
    with open_photo(file, 0) as image:
        return image.size


def check_pixels(size: tuple[int, int], most: int) -> None:
    """Check a number of pixels.

    Raises
    ------
    ItemError
        If it is above the limit.
    """
    width, height = size
    if width * height > most:
        raise ItemError(
            f"it is too large: {width}x{height} pixels, at most {most / 1e6:g} million are read; "
            f"scale it down"
        )


def jxl_size(head: bytes) -> tuple[int, int]:
    """Read width and height from the first bytes of a JPEG XL file.

    Source: ISO/IEC 18181-1, SizeHeader; ISO/IEC 18181-2 for the container's boxes.

    Raises
    ------
    ValueError
        If it is no JPEG XL file.
    """
    bits = _Bits(_codestream(head))
    small = bits.take(1)
    height = _jxl_length(bits, small)
    ratio = bits.take(3)
    if ratio:
        across, down = RATIOS[ratio - 1]
        return height * across // down, height
    return _jxl_length(bits, small), height


class _Bits:
    """Bits of a stream, the least significant first."""

    def __init__(self, content: bytes) -> None:
        self._value = int.from_bytes(content[:16], "little")

    def take(self, count: int) -> int:
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken


def _jxl_length(bits: _Bits, small: int) -> int:
    if small:
        return 8 * (bits.take(5) + 1)
    return bits.take((9, 13, 18, 30)[bits.take(2)]) + 1


def _codestream(head: bytes) -> bytes:
    if head.startswith(JXL_STREAM):
        return head[2:]
    start = 0
    while start + 8 <= len(head):
        length, kind = int.from_bytes(head[start : start + 4], "big"), head[start + 4 : start + 8]
        if kind in (b"jxlc", b"jxlp"):
            skipped = start + (16 if length == 1 else 8) + (4 if kind == b"jxlp" else 0)
            if head[skipped : skipped + 2] == JXL_STREAM:
                return head[skipped + 2 :]
        if length < 8:
            break
        start += length
    raise ValueError("its JPEG XL header is damaged")


def _open_jxl(file: Path | IO[bytes]) -> Image.Image:
    plugin = import_extra("pillow_jxl.JpegXLImagePlugin", "pillow-jxl-plugin", "JPEG XL")
    plugin.DECODE_THREADS = 0  # there is a worker per core
    try:
        image = Image.open(file, formats=["JXL"])
    except Exception as error:  # the plugin's own errors, of several types
        raise ItemError("it is a JPEG XL file that is damaged or cut short") from error
    if not image.jpeg:  # type: ignore[attr-defined]
        # The decoder has turned the pixels; only a repacked JPEG is as the camera stored it.
        image.info.pop("exif", None)
    return image


def _open_heif(file: Path | IO[bytes]) -> Image.Image:
    import pillow_heif

    pillow_heif.register_heif_opener()
    try:
        return Image.open(file, formats=["HEIF"])
    except UnidentifiedImageError:
        raise ItemError("it is a HEIC file that is damaged or cut short") from None


def _head(file: Path | IO[bytes]) -> bytes:
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return opened.read(HEAD)
    start = file.tell()
    head = file.read(HEAD)
    file.seek(start)
    return head


def _is_jxl(head: bytes) -> bool:
    return head.startswith((JXL_STREAM, JXL_CONTAINER))


def _is_heif(head: bytes) -> bool:
    """Whether a file says that it is HEIF; Pillow itself reads AVIF, which looks alike."""
    if head[4:8] != b"ftyp":
        return False
    length = int.from_bytes(head[:4], "big")
    brands = {head[i : i + 4] for i in (8, *range(16, min(length, len(head)), 4))}
    return head[8:12] in HEIF_BRANDS and not brands & {b"avif", b"avis"}


def whole_jpeg(file: Path | IO[bytes]) -> IO[bytes]:
    """Return the content of a JPEG that is cut short, with an end: what is missing decodes grey."""
    if isinstance(file, Path):
        return io.BytesIO(file.read_bytes() + b"\xff\xd9")
    file.seek(0)
    return io.BytesIO(file.read() + b"\xff\xd9")
