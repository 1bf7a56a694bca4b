"""Buffer views of glTF that meshoptimizer compresses: the extension EXT_meshopt_compression.

The package that decodes them is the extra `meshopt`: pip compiles it, so it needs a C++ compiler.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ucmgcn.core.errors import ItemError

EXT, KHR = "EXT_meshopt_compression", "KHR_meshopt_compression"
MESHOPT = (EXT, KHR)
MISSING = (
    f"it uses meshopt compression ({EXT}), which is decoded only with the package meshoptimizer: "
    f"pip install 'ucmgcn[meshopt]', or decompress it with `gltf-transform copy IN OUT`"
)
FILTERS = {
    "OCTAHEDRAL": "decode_filter_oct",
    "QUATERNION": "decode_filter_quat",
    "EXPONENTIAL": "decode_filter_exp",
}


def decode_meshopt(content: memoryview, how: Mapping[str, Any]) -> memoryview:
    """Decode a buffer view.

    Parameters
    ----------
    content
        The compressed bytes.
    how
        The extension's entry: count, byteStride, mode and filter.

    Raises
    ------
    ItemError
        If the package is not installed, or the content is damaged.
    """
    try:
        library = importlib.import_module("meshoptimizer")
    except ImportError:
        raise ItemError(MISSING) from None
    count, stride, mode = how["count"], how["byteStride"], how["mode"]
    name = how.get("filter", "NONE")
    try:
        if mode == "ATTRIBUTES":
            values = library.decode_vertex_buffer(
                count, stride, content, np.dtype((np.void, stride))
            )
        elif mode == "TRIANGLES":
            values = library.decode_index_buffer(count, 4, content).astype(f"<u{stride}")
        else:
            values = library.decode_index_sequence(count, 4, content).astype(f"<u{stride}")
        if name != "NONE":
            values = getattr(library, FILTERS[name])(values, count, stride)
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise ItemError(f"its meshopt compression ({EXT}) is damaged or newer: {error}") from None
    return memoryview(values.tobytes())
