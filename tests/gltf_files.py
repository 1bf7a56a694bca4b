"""Small glTF files of every kind, built from their arrays."""

from __future__ import annotations

import base64
import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

# A tetrahedron that no rotation or mirror maps onto itself.
CORNERS = np.array([[0, 0, 0], [3, 0, 0], [0, 2, 0], [0, 0, 1]], "<f4")
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], "<u2")
UV = np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]], "<f4")
COMPONENTS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


class Gltf:
    """A file under construction; `json` is open to any change."""

    def __init__(self, **entries: Any) -> None:
        self.data = b""
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "bufferViews": [],
            "accessors": [],
            "meshes": [],
            "nodes": [{"mesh": 0}],
            "scenes": [{"nodes": [0]}],
            "scene": 0,
            **entries,
        }

    def view(self, content: bytes, **entries: Any) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        place = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content), **entries}
        self.json["bufferViews"].append(place)
        self.data += content
        return len(self.json["bufferViews"]) - 1

    def array(self, values: np.ndarray, **entries: Any) -> int:
        values = np.ascontiguousarray(values)
        width = values.size // max(1, len(values))
        accessor = {
            "bufferView": self.view(values.tobytes()),
            "componentType": COMPONENTS[values.dtype.str[1:]],
            "count": len(values),
            "type": TYPES[width],
            **entries,
        }
        self.json["accessors"].append(accessor)
        return len(self.json["accessors"]) - 1

    def add_primitive(self, **attributes: int) -> dict[str, Any]:
        """Add the tetrahedron to the first mesh; return its primitive."""
        attributes.setdefault("POSITION", self.array(CORNERS))
        primitive = {"attributes": attributes, "indices": self.array(FACES.ravel())}
        if not self.json["meshes"]:
            self.json["meshes"].append({"primitives": []})
        self.json["meshes"][0]["primitives"].append(primitive)
        return primitive

    def add_picture(self, content: bytes, kind: str = "image/png") -> int:
        images = self.json.setdefault("images", [])
        images.append({"bufferView": self.view(content), "mimeType": kind})
        return len(images) - 1

    def glb(self) -> bytes:
        data = self.data + b"\0" * (-len(self.data) % 4)
        text = json.dumps({**self.json, "buffers": [{"byteLength": len(data)}]}).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(data), b"BIN\0") + data
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def text(self, uri: str | None = None) -> str:
        inline = "data:application/octet-stream;base64," + base64.b64encode(self.data).decode()
        buffer = {"byteLength": len(self.data), "uri": uri or inline}
        return json.dumps({**self.json, "buffers": [buffer]})

    def write(self, folder: Path, name: str = "x.glb") -> Path:
        path = folder / name
        path.write_bytes(self.glb())
        return path


def picture(colour: tuple[int, ...] = (220, 40, 40), kind: str = "PNG") -> bytes:
    packed = io.BytesIO()
    mode = "RGBA" if len(colour) == 4 else "RGB"
    Image.new(mode, (16, 16), colour).save(packed, kind)
    return packed.getvalue()
