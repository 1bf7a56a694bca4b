"""Uploaded photos: received within limits, and checked before they are decoded."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

import anyio
from PIL import Image, UnidentifiedImageError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from ucmgcn.media.photo_files import photo_size
from ucmgcn.web.limits import ServerLimits

# One field for a file of the device, one for its camera; and a few short texts.
MAX_FILES, MAX_FIELDS, MAX_TEXT = 2, 8, 4096


@asynccontextmanager
async def read_form(request: Request, limits: ServerLimits) -> AsyncIterator[FormData]:
    """Receive a form; files above 1 MB are spooled to the disk until it is closed.

    Raises
    ------
    HTTPException
        408 if it does not arrive in time, 413 if it is too large, 400 if it is malformed.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:15]) > limits.upload_bytes:
        raise _too_large(limits)
    bounded = Request(request.scope, _bounded(request.receive, limits))
    try:
        with anyio.fail_after(limits.upload_seconds):
            form = await bounded.form(
                max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_TEXT
            )
    except TimeoutError:
        seconds = f"{limits.upload_seconds:g}"
        raise HTTPException(408, f"The upload took more than {seconds} seconds.") from None
    try:
        yield form
    finally:
        await form.close()


def _bounded(receive: Receive, limits: ServerLimits) -> Receive:
    """Count the bytes received: the declared length may be wrong or missing."""
    total = 0

    async def receive_bounded() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limits.upload_bytes:
            raise _too_large(limits)
        return message

    return receive_bounded


def photo_of(form: FormData) -> UploadFile:
    """Find the photo of a form.

    Raises
    ------
    HTTPException
        400 if there is none.
    """
    for part in form.getlist("photo"):
        if isinstance(part, UploadFile) and part.size:
            return part
    raise HTTPException(400, "There is no photo. Send it as the form field “photo”.")


def check_photo(file: IO[bytes], limits: ServerLimits) -> None:
    """Read a photo's header: its type by content, whatever its name says, and its size.

    Raises
    ------
    HTTPException
        415 if it is no image, 422 if it is a damaged one, 413 if it has too many pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            width, height = photo_size(file)
    except UnidentifiedImageError:
        raise HTTPException(415, f"This is no photo. {known_formats()}") from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(limits) from None
    # Pillow's header readers raise nearly every type of error on damaged files.
    except Exception:
        raise HTTPException(422, "The photo is damaged and cannot be read.") from None
    if width * height > limits.pixels:
        raise _too_many_pixels(limits)


def known_formats() -> str:
    """Name the formats that can be read."""
    return "JPEG, PNG, WebP, HEIC, AVIF, JPEG XL, TIFF, GIF and BMP can be read."


def _too_large(limits: ServerLimits) -> HTTPException:
    return HTTPException(413, f"The upload is larger than {limits.upload_bytes / 2**20:.3g} MB.")


def _too_many_pixels(limits: ServerLimits) -> HTTPException:
    most = f"{limits.pixels / 1e6:g}"
    return HTTPException(413, f"The photo has more than {most} million pixels. Scale it down.")
