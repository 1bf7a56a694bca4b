"""The reader of each mesh format."""

from __future__ import annotations

from ucmgcn.media.readers import dae, gltf, obj, off, ply, stl
from ucmgcn.media.readers.surfaces import Reader

READERS: dict[str, Reader] = {
    ".obj": obj.read,
    ".off": off.read,
    ".ply": ply.read,
    ".stl": stl.read,
    ".glb": gltf.read,
    ".gltf": gltf.read,
    ".dae": dae.read,
}
