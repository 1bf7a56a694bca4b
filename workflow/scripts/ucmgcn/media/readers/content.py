"""Tell a file's format by its first bytes, whatever its name says."""

from __future__ import annotations

import re
from pathlib import Path

HEADS: tuple[tuple[bytes, str], ...] = (
    (rb"glTF", "binary glTF (.glb)"),
    (rb'\s*\{[\s\S]*"asset"', "glTF (.gltf)"),
    (rb"ply\s", "PLY (.ply)"),
    (rb"\s*(ST)?C?N?OFF\s", "OFF (.off)"),
    (rb"\s*solid\b[^\n\0]*\s+facet\b", "STL (.stl)"),
    (rb"(\xef\xbb\xbf)?\s*<\?xml[\s\S]*<COLLADA\b", "COLLADA (.dae)"),
    (rb"(?:#.*\s+|mtllib .*\s+|o .*\s+|g .*\s+)*v +[-+.\d]+ +[-+.\d]+ ", "OBJ (.obj)"),
    (rb"Kaydara FBX Binary", "FBX"),
    (rb"BLENDER", "a Blender project"),
    (rb"ISO-10303-21;", "STEP"),
    (rb"PK\x03\x04", "a ZIP archive; unpack it"),
    (rb"\x1f\x8b", "compressed (gzip); unpack it"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "a picture"),
    (rb"version https://git-lfs", "a placeholder of Git LFS; fetch the file itself"),
    (rb"\s*<(!DOCTYPE )?html", "a web page, perhaps that of a failed download"),
)
HEAD = 2048


def content_of(path: Path) -> str:
    """Return what a file's first bytes say it is; empty if they say nothing."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return next((what for pattern, what in HEADS if re.match(pattern, head, re.IGNORECASE)), "")
