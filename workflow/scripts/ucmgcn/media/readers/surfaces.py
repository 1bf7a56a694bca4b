"""What a reader makes of a mesh file, and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions

# A geometry with faces, and the transform to the file's world axes, y up: shape (4, 4).
Surface = tuple[trimesh.Trimesh, Floats]

# Attribute of a textured geometry's vertices: colours (n, 4) uint8 that multiply the texture's.
TINT = "tint"

# Called with the file, what it may refer to, and whether materials and textures are wanted. It
# may raise any exception on a damaged file, a `FormatError` if it knows what is wrong. No surface
# means that the file has no faces.
Reader = Callable[[Path, Companions, bool], list[Surface]]


class FormatError(ValueError):
    """A file does not follow its format; the message completes "it cannot be read as PLY: "."""


def shape_of(vertices: Floats, faces: Ints) -> Surface:
    """Return triangles without colours as a surface."""
    return trimesh.Trimesh(vertices, faces, process=False), np.eye(4)


def only_points(count: int) -> ItemError:
    """Return the reason for rejecting a file without faces."""
    return ItemError(f"it has no faces ({count} points only)" if count else "it has no faces")
