"""The reader of each mesh format."""

from __future__ import annotations

from ucmgcn.media.readers import dae, obj, off, ply, stl, with_trimesh
from ucmgcn.media.readers.surfaces import Reader

READERS: dict[str, Reader] = {
    ".obj": obj.read,
    ".off": off.read,
    ".ply": ply.read,
    ".stl": stl.read,
    ".glb": with_trimesh.read,
    ".gltf": with_trimesh.read,
    ".dae": dae.read,
}
