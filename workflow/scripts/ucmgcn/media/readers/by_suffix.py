"""The reader of each mesh format."""

from __future__ import annotations

from ucmgcn.media.readers import dae, fbx, gltf, obj, off, ply, step, stl, threemf, usd
from ucmgcn.media.readers.surfaces import Reader

READERS: dict[str, Reader] = {
    ".obj": obj.read,
    ".off": off.read,
    ".ply": ply.read,
    ".stl": stl.read,
    ".glb": gltf.read,
    ".gltf": gltf.read,
    ".dae": dae.read,
    ".fbx": fbx.read,
    ".usd": usd.read,
    ".usda": usd.read,
    ".usdc": usd.read,
    ".usdz": usd.read,
    ".3mf": threemf.read,
    ".step": step.read,
    ".stp": step.read,
}
