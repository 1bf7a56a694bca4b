"""Textures: decode the pictures that materials name."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, UnidentifiedImageError

from ucmgcn.media.companions import Companions
from ucmgcn.media.mesh_warnings import BAD_TEXTURE, INVISIBLE, warn_of
from ucmgcn.media.photos import as_texture

# First bytes of formats that Pillow does not read.
UNSUPPORTED = {
    b"\xabKTX 20": "it is KTX2 (Basis Universal)",
    b"\xabKTX 11": "it is KTX",
    b"#?RADIANCE": "it is Radiance HDR",
    b"\x76\x2f\x31\x01": "it is OpenEXR",
}


def find_texture(companions: Companions, names: Sequence[str]) -> Image.Image | None:
    """Read the picture that a material names; what is wrong with it becomes a warning.

    Parameters
    ----------
    names
        The name, in each spelling that it may have.
    """
    try:
        content = companions.get_any(names)
    except (OSError, ValueError):
        return None  # `Companions` has recorded it
    return decode_texture(content, names[0])


def decode_texture(content: bytes, name: str) -> Image.Image | None:
    """Decode a picture of any mode to RGB or RGBA; what is wrong with it becomes a warning.

    An alpha channel that is zero throughout is dropped: programs write such when they have no
    transparency to store, and nothing would be seen.
    """
    for head, what in UNSUPPORTED.items():
        if content.startswith(head):
            warn_of(BAD_TEXTURE, f"{name}: {what}, which is not read")
            return None
    try:
        image = as_texture(Image.open(io.BytesIO(content)))
    except MemoryError:
        raise
    except UnidentifiedImageError:  # its message holds a memory address
        warn_of(BAD_TEXTURE, f"{name}: it is no picture of a known format")
        return None
    # Decoders raise any exception on a damaged file.
    except Exception as error:
        warn_of(BAD_TEXTURE, f"{name}: {error}")
        return None
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        warn_of(INVISIBLE, name)
        return image.convert("RGB")
    return image
