"""The reader of each mesh format."""

from __future__ import annotations

from ucmgcn.media.readers import with_trimesh
from ucmgcn.media.readers.surfaces import Reader

READERS: dict[str, Reader] = {
    ".obj": with_trimesh.read,
    ".off": with_trimesh.read,
    ".ply": with_trimesh.read,
    ".stl": with_trimesh.read,
    ".glb": with_trimesh.read,
    ".gltf": with_trimesh.read,
    ".dae": with_trimesh.read,
}
