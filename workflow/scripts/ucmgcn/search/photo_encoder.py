"""Encode the photo of a search; files are read in a child process."""

from __future__ import annotations

import io
import logging
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from PIL import Image, ImageOps

from ucmgcn.core.arrays import Features, Images
from ucmgcn.core.errors import ItemError
from ucmgcn.core.worker import Workers
from ucmgcn.features.encoders.encoder import Encoder
from ucmgcn.features.looks import averaged
from ucmgcn.features.stage import load_settings
from ucmgcn.media.photos import as_texture
from ucmgcn.settings import Limits, Resize

logger = logging.getLogger(__name__)

# A file, a file's content, a picture of Pillow, or RGB values of shape (h, w, 3).
Photo = str | PathLike[str] | bytes | Image.Image | Images

# Of one photo; one of 64 million pixels takes some seconds and 2 GiB.
TASK = "ucmgcn.media.photos:photo_task"
LIMITS = Limits(seconds=60.0, memory=4096)


class PhotoEncoder:
    """Computes the encoder's features of single photos; several threads may call it.

    Parameters
    ----------
    encoder
        That of the run.
    resize
        How a photo becomes a square; an adapted encoder has its own looks at a photo.
    """

    def __init__(self, encoder: Encoder, resize: Resize) -> None:
        self._encoder = encoder
        settings = load_settings(encoder, resize, encoder.describe().get("looks", []))
        stack = ExitStack()
        self._read = stack.enter_context(Workers(1, TASK, settings, LIMITS))
        weakref.finalize(self, stack.close)

    def __call__(self, photo: Photo) -> Features:
        """Compute the features (D,) of a photo.

        Raises
        ------
        ItemError
            If it cannot be read as a photo; the message is the reason.
        TypeError
            If it is of no type that a photo can have.
        """
        with _as_file(photo) as path:
            images, warnings = self._read(str(path))
        for warning in warnings:
            logger.warning("the photo: %s (%s)", warning.what, warning.detail)
        n = len(self._encoder.inputs)
        looks = [images[i : i + n] for i in range(0, len(images), n)]
        arrays = [np.stack(same) for same in zip(*looks, strict=True)]
        return np.asarray(averaged(self._encoder.encode(*arrays)[None])[0])


@contextmanager
def _as_file(photo: Photo) -> Iterator[Path]:
    """Yield the file of a photo; anything else is written to a temporary file."""
    if isinstance(photo, str | PathLike):
        path = Path(photo)
        _check_file(path)
        yield path
        return
    with NamedTemporaryFile() as file:
        file.write(_content(photo))
        file.flush()
        yield Path(file.name)


def _check_file(path: Path) -> None:
    try:
        if path.is_file():
            return
        reason = "it is not a regular file" if path.exists() else "there is no such file"
    except OSError as error:  # a folder that may not be looked into, a name that is too long
        reason = f"it cannot be read ({error.strerror})"
    raise ItemError(reason)


def _content(photo: bytes | Image.Image | Images) -> bytes:
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, Image.Image):
        return _png(photo)
    if isinstance(photo, np.ndarray):
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or not photo.size:
            raise ItemError(
                f"an array must be uint8 of shape (h, w, 3), RGB from 0 to 255; this one is "
                f"{photo.dtype} of shape {photo.shape}"
            )
        return _png(Image.fromarray(np.ascontiguousarray(photo)))
    raise TypeError(
        f"a photo is a path, bytes, an image of Pillow or an array, not {type(photo).__name__}"
    )


def _png(image: Image.Image) -> bytes:
    """Encode a picture losslessly, upright and with 8 bits a channel, as its file would be read.

    Raises
    ------
    ItemError
        If it cannot be decoded: Pillow decodes a file on the first access to its pixels.
    """
    buffer = io.BytesIO()
    try:
        as_texture(ImageOps.exif_transpose(image)).save(buffer, "PNG", compress_level=1)
    except MemoryError:
        raise
    # Pillow's decoders raise nearly every type of error on damaged files.
    except Exception as error:
        raise ItemError(f"it cannot be decoded: {error}") from error
    return buffer.getvalue()
