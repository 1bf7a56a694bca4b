"""Photos: read any image file as the square RGB array that an encoder takes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import EpsImagePlugin, Image, ImageOps, UnidentifiedImageError

from ucmgcn.core.arrays import Images
from ucmgcn.core.errors import ItemError
from ucmgcn.core.item_warnings import warn_item
from ucmgcn.core.worker import Task
from ucmgcn.media.formats import PHOTO_FORMATS
from ucmgcn.media.photo_files import check_pixels, open_photo, whole_jpeg
from ucmgcn.settings import Resize

# Formats with several frames. Not JPEG: a phone's second image is a gain map.
SEVERAL = ("GIF", "PNG", "TIFF", "WEBP", "AVIF", "HEIF")
DAMAGED = "photo damaged in part, used"
SAVE_AGAIN = "open it in an image editor and save it again"
MOST_MISSING = 0.25  # share of the rows of a JPEG that is used all the same
MISSING_GREY = 128  # the value that libjpeg gives to what is not in the file
MAX_PIXELS = 64_000_000
MIN_SIDE = 8
MOST_16_BITS = 65535
WHITE = (255, 255, 255)
# Bilinear by default, as in the training of EfficientNet-Lite (resize_method in TensorFlow's
# efficientnet/main.py); an encoder may ask for another filter.
Resample = Literal["bilinear", "bicubic"]


def load_photo(
    path: Path | IO[bytes],
    size: int,
    resize: Resize = "crop",
    max_pixels: int = MAX_PIXELS,
    resample: Resample = "bilinear",
) -> Images:
    """Read a photo as a square RGB array.

    The EXIF orientation is applied. Transparent images are composited on white, the background of
    the rendered views. 16-bit and floating-point images are scaled to 8 bits. Of an animation, the
    first frame is used. Scaling is anti-aliased.

    Parameters
    ----------
    path
        The file, or its content as a binary stream.
    size
        Side of the square, in pixels.
    resize
        How a rectangle becomes a square, see `to_square`.
    max_pixels
        Largest number of decoded pixels. A large JPEG counts after the reduction by 2, 4 or 8
        that its decoder does for free.
    resample
        Resampling filter.

    Returns
    -------
    Images
        RGB array of shape (size, size, 3), uint8.

    Raises
    ------
    ItemError
        If the file cannot be read as a photo; the message is the reason.
    """
    try:
        image = _decode(path, size, max_pixels)
    except (ItemError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise ItemError(f"it is no image of a known format ({', '.join(PHOTO_FORMATS)})") from None
    # Pillow's decoders raise nearly every type of error on damaged files.
    except Exception as error:
        raise ItemError(f"it cannot be decoded: {_reason(error)}") from error
    return np.asarray(to_square(image, size, resize, resample))


@contextmanager
def photo_task(
    inputs: Sequence[tuple[int, Resample]], resize: Resize, looks: Sequence[Resize] = ()
) -> Iterator[Task]:
    """Yield the function that a worker process runs on each photo.

    Parameters
    ----------
    inputs
        Size and filter of each array to make from a photo.
    resize
        How a rectangle becomes a square, see `to_square`.
    looks
        Several such ways, instead of one: the arrays of the first come first.
    """
    ways = looks or (resize,)

    def load(path: str) -> list[Images]:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            photos = [
                load_photo(Path(path), size, way, resample=r) for way in ways for size, r in inputs
            ]
        for message in dict.fromkeys(str(w.message) for w in said if w.category is UserWarning):
            warn_item(DAMAGED, message, SAVE_AGAIN)
        return photos

    yield load


def as_texture(image: Image.Image) -> Image.Image:
    """Decode an image of any mode to 8-bit RGB, or RGBA if it has transparency.

    Raises
    ------
    Exception
        Any exception that Pillow's decoders raise on damaged files.
    """
    image.load()
    if image.mode in ("RGB", "RGBA"):
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    return _to_rgb(image)


def start_no_programs() -> None:
    """Keep Pillow in this process from running Ghostscript on PostScript files.

    Pillow opens a mesh's textures by content, whatever their names. This is Pillow's own switch
    (its handbook, "EPS"): PostScript files then fail to load; other formats are not affected.
    """
    EpsImagePlugin.gs_binary = False


def to_square(
    image: Image.Image, size: int, resize: Resize, resample: Resample = "bilinear"
) -> Image.Image:
    """Scale an RGB image to a square.

    Parameters
    ----------
    image
        An RGB image.
    size
        Side of the square, in pixels.
    resize
        ``"crop"`` takes the largest centred square, as in the training of the encoders, which
        are most accurate that way. ``"pad"`` adds white on the short side, and ``"squash"`` changes
        the aspect ratio; both keep the ends of a long photo.
    resample
        Resampling filter.
    """
    method = Image.Resampling[resample.upper()]
    if resize not in get_args(Resize):
        raise ValueError(f"resize is {resize!r}, not one of {get_args(Resize)}")
    if resize == "crop":
        return ImageOps.fit(image, (size, size), method)
    if resize == "pad":
        return ImageOps.pad(image, (size, size), method, color=WHITE)
    return image.resize((size, size), method)


def _decode(path: Path | IO[bytes], size: int, max_pixels: int) -> Image.Image:
    if isinstance(path, Path) and path.exists() and not path.is_file() and not path.is_dir():
        raise ItemError("it is not a regular file")
    with open_photo(path, max_pixels) as image:
        # Twice the size leaves the resampling filter enough detail.
        image.draft(None, (2 * size, 2 * size))
        _check_size(image, max_pixels)
        try:
            image.load()
        except OSError as error:
            if image.format not in ("JPEG", "MPO") or "truncated" not in str(error):
                raise
            return _upright(_completed(path, size))
        if image.format in SEVERAL and getattr(image, "is_animated", False):
            warn_item("holds several pictures, the first is used", f"{image.n_frames} pictures")  # type: ignore[attr-defined]
        return _upright(image)


def _upright(image: Image.Image) -> Image.Image:
    ImageOps.exif_transpose(image, in_place=True)
    return _to_rgb(image)


def _completed(path: Path | IO[bytes], size: int) -> Image.Image:
    """Decode a JPEG that lacks its last bytes, if most of it is there."""
    image = Image.open(whole_jpeg(path), formats=["JPEG"])
    image.draft(None, (2 * size, 2 * size))
    image.load()
    pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
    there = np.flatnonzero((np.abs(pixels - MISSING_GREY) > 1).any(axis=(1, 2)))
    missing = 1 - (there[-1] + 1) / len(pixels) if len(there) else 1.0
    if missing > MOST_MISSING:
        raise ItemError(f"it cannot be decoded: it is truncated, and lacks {missing:.0%} of it")
    warn_item(DAMAGED, f"it is cut short, and lacks {missing:.1%} of its rows", SAVE_AGAIN)
    return image


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise ItemError(f"it is too small: {width}x{height} pixels, the least is {MIN_SIDE}")
    check_pixels(image.size, max_pixels)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _to_8_bits(image).convert("RGB")
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit values by their full range, and others by the range of the image."""
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise ItemError("it has values that are not finite")
    if image.mode != "F" and low >= 0 and high <= MOST_16_BITS:
        # By a table: 64 million pixels take a tenth of the time, and of the memory.
        levels = _scaled(np.arange(MOST_16_BITS + 1), 0.0, MOST_16_BITS)
        return Image.fromarray(levels[values]).copy()
    return Image.fromarray(_scaled(values, low, high)).copy()


def _scaled(values: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.uint8]:
    """Scale values from low..high to 0..255."""
    scale = 255 / max(high - low, np.finfo(float).tiny)
    return np.rint((values.astype(np.float64) - low) * scale).astype(np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", image.size, (*WHITE, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
