"""Images embedded in HTML pages."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image


def data_uri(image: npt.NDArray[np.uint8], side: int) -> str:
    """Encode an RGB image (h, w, 3) as a WebP data URI, scaled down to at most `side` pixels."""
    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    picture.save(packed, "WEBP", quality=78, method=4)
    return "data:image/webp;base64," + base64.b64encode(packed.getvalue()).decode()
