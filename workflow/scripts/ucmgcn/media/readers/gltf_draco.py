"""Geometry of glTF that Draco compresses: the extension KHR_draco_mesh_compression."""

from __future__ import annotations

from typing import Any

import DracoPy
import numpy as np
import numpy.typing as npt

from ucmgcn.core.errors import ItemError

DRACO = "KHR_draco_mesh_compression"


def decode_draco(
    content: bytes, names: dict[str, int]
) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.int64]]:
    """Decode the attributes and the faces of a primitive.

    Parameters
    ----------
    content
        The compressed buffer view.
    names
        Draco's id of each attribute.

    Raises
    ------
    ItemError
        If the content is damaged, or lacks an attribute.
    """
    try:
        mesh = DracoPy.decode(content)
    except Exception as error:  # its C++ exceptions come as several types
        raise ItemError(f"its Draco compression ({DRACO}) is damaged: {error}") from None
    if not hasattr(mesh, "faces"):
        raise ItemError(f"its Draco compression ({DRACO}) holds points and no faces")
    known = {each["unique_id"]: np.asarray(each["data"]) for each in mesh.attributes}
    missing = [name for name, number in names.items() if number not in known]
    if missing:
        raise ItemError(f"its Draco compression ({DRACO}) lacks {', '.join(missing)}")
    values = {name: known[number] for name, number in names.items()}
    return values, np.asarray(mesh.faces, dtype=np.int64).reshape(-1, 3)
