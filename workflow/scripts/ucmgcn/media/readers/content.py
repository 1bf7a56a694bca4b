"""Tell a file's format by its first bytes, whatever its name says."""

from __future__ import annotations

import re
from pathlib import Path

# Pattern, what it says, and the extensions that such files rightly have.
HEADS: tuple[tuple[bytes, str, tuple[str, ...]], ...] = (
    (rb"glTF", "binary glTF (.glb)", (".glb", ".gltf")),
    (rb'\s*\{[\s\S]*"asset"', "glTF (.gltf)", (".gltf", ".glb")),
    (rb"ply\s", "PLY (.ply)", (".ply",)),
    (rb"\s*(ST)?C?N?OFF\s", "OFF (.off)", (".off",)),
    (rb"\s*solid\b[^\n\0]*\s+facet\b", "STL (.stl)", (".stl",)),
    (rb"(\xef\xbb\xbf)?\s*<\?xml[\s\S]*<COLLADA\b", "COLLADA (.dae)", (".dae",)),
    (
        rb"(?:#.*\s+|mtllib .*\s+|o .*\s+|g .*\s+)*v +[-+.\d]+ +[-+.\d]+ ",
        "OBJ (.obj)",
        (".obj",),
    ),
    (rb"Kaydara FBX Binary", "FBX (.fbx)", (".fbx",)),
    (rb"#usda|PXR-USDC", "USD (.usd)", (".usd", ".usda", ".usdc")),
    (rb"ISO-10303-21;", "STEP (.step)", (".step", ".stp")),
    (rb"BLENDER", "a Blender project", ()),
    (rb"PK\x03\x04", "a ZIP archive; unpack it", (".3mf", ".usdz")),
    (rb"\x1f\x8b", "compressed (gzip); unpack it", ()),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "a picture", ()),
    (rb"version https://git-lfs", "a placeholder of Git LFS; fetch the file itself", ()),
    (rb"\s*<(!DOCTYPE )?html", "a web page, perhaps that of a failed download", ()),
)
HEAD = 2048


def other_format(path: Path) -> str:
    """Return what a file's first bytes say it is; empty if nothing, or what its name says."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    for pattern, what, suffixes in HEADS:
        if re.match(pattern, head, re.IGNORECASE):
            return "" if path.suffix.lower() in suffixes else what
    return ""
