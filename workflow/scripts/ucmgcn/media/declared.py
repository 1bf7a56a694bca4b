"""What a mesh file says that it holds, found without its reader; for the self-check.

Counts are those of the file's own words: the faces of OBJ, OFF and PLY may be polygons, of which
the readers make several triangles each.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD = 2**16  # bytes in which a header ends
RECORD = 50  # bytes of a triangle of binary STL


@dataclass(frozen=True)
class Declared:
    """What a file declares; None where its format does not say.

    Attributes
    ----------
    vertices, faces, parts, materials, textures
        Numbers of each.
    extensions
        Names of the extensions that it uses.
    """

    vertices: int | None = None
    faces: int | None = None
    parts: int | None = None
    materials: int | None = None
    textures: int | None = None
    extensions: str = ""


def declared(path: Path) -> Declared:
    """Return what a mesh file declares; nothing if it is damaged or its format is silent."""
    count = COUNTS.get(path.suffix.lower())
    try:
        return count(path) if count else Declared()
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error):
        return Declared()  # its reader says what is wrong with it


def _of_gltf(path: Path) -> Declared:
    parsed = json.loads(_gltf_text(path))
    primitives = [p for mesh in parsed.get("meshes", []) for p in mesh["primitives"]]
    accessors = parsed.get("accessors", [])
    places = {p["attributes"]["POSITION"] for p in primitives if "POSITION" in p["attributes"]}
    return Declared(
        vertices=sum(accessors[i]["count"] for i in places),
        faces=sum(_gltf_faces(p, accessors) for p in primitives),
        parts=len(primitives),
        materials=len(parsed.get("materials", [])),
        textures=len(parsed.get("textures", [])),
        extensions=" ".join(sorted(map(str, parsed.get("extensionsUsed", [])))),
    )


def _gltf_text(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(20)
        if head[:4] == b"glTF":
            return file.read(struct.unpack_from("<I", head, 12)[0])
        return (head + file.read()).removeprefix(b"\xef\xbb\xbf")


def _gltf_faces(primitive: dict[str, Any], accessors: list[dict[str, Any]]) -> int:
    mode = primitive.get("mode", 4)
    corners = primitive.get("indices", primitive["attributes"].get("POSITION"))
    if corners is None or mode not in (4, 5, 6):
        return 0
    count: int = accessors[corners]["count"]
    return count // 3 if mode == 4 else max(0, count - 2)


def _of_obj(path: Path) -> Declared:
    content = b"\n" + path.read_bytes()
    return Declared(
        vertices=_lines(content, b"v"),
        faces=_lines(content, b"f"),
        parts=_lines(content, b"o") or None,
        materials=len(set(re.findall(rb"\nusemtl[ \t]+([^\r\n]*)", content))),
    )


def _lines(content: bytes, word: bytes) -> int:
    """Count the lines that begin with a word; 0 also if the file ends its lines by CR alone."""
    return content.count(b"\n" + word + b" ") + content.count(b"\n" + word + b"\t")


def _of_off(path: Path) -> Declared:
    words = _words(path)
    numbers = [word for word in words if word.isdigit()]
    vertices, faces = map(int, numbers[:2])
    return Declared(vertices, faces)


def _words(path: Path) -> list[str]:
    """Return the first words of a text file, without comments."""
    with path.open("rb") as file:
        text = file.read(HEAD).decode("latin-1")
    lines = (line.partition("#")[0] for line in text.splitlines()[:50])
    words: Iterable[str] = (word for line in lines for word in line.split())
    # The keyword may be glued to the first number.
    return [re.sub(r"^[A-Za-z]+(?=\d)", "", word) for word in words][:5]


def _of_ply(path: Path) -> Declared:
    with path.open("rb") as file:
        head = file.read(HEAD).partition(b"end_header")[0]
    found = dict(re.findall(rb"element[ \t]+(\w+)[ \t]+(\d+)", head))
    faces = int(found[b"face"]) if b"face" in found else None
    textures = len(re.findall(rb"comment[ \t]+TextureFile", head, re.IGNORECASE))
    return Declared(int(found[b"vertex"]), faces, textures=textures)


def _of_stl(path: Path) -> Declared:
    with path.open("rb") as file:
        head = file.read(84)
    faces = int(struct.unpack_from("<I", head, 80)[0])
    is_binary = 84 + RECORD * faces == path.stat().st_size
    return Declared(faces=faces if is_binary else path.read_bytes().lower().count(b"endfacet"))


COUNTS: dict[str, Callable[[Path], Declared]] = {
    ".glb": _of_gltf,
    ".gltf": _of_gltf,
    ".obj": _of_obj,
    ".off": _of_off,
    ".ply": _of_ply,
    ".stl": _of_stl,
}
