"""What a reader makes of a mesh file, and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trimesh

from ucmgcn.core.arrays import Floats
from ucmgcn.media.companions import Companions

# A geometry with faces, and the transform to the file's world axes, y up: shape (4, 4).
Surface = tuple[trimesh.Trimesh, Floats]

# Called with the file, what it may refer to, and whether materials and textures are wanted. It
# may raise any exception on a damaged file; an ItemError's message is the reason as the user
# sees it. No surface means that the file has no faces.
Reader = Callable[[Path, Companions, bool], list[Surface]]
