"""Read glTF 2.0, as JSON or binary (GLB).

The shape is that of the default scene at rest: sparse and quantised accessors, strips and fans,
default morph weights, skins in their pose, instances. Animations are not played.

Source: Khronos Group, "glTF 2.0 Specification" (ISO/IEC 12113:2022).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh

from ucmgcn.core.arrays import Floats
from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.mesh_warnings import BAD_COLOURS, BAD_TEXELS, NOT_DRAWN, warn_of
from ucmgcn.media.readers.gltf_draco import DRACO, decode_draco
from ucmgcn.media.readers.gltf_file import BROKEN, Entry, GltfFile, as_floats, extensions
from ucmgcn.media.readers.gltf_materials import Materials
from ucmgcn.media.readers.gltf_meshopt import MESHOPT
from ucmgcn.media.readers.gltf_nodes import Nodes, skinned
from ucmgcn.media.readers.surfaces import FormatError, Surface

Attributes = dict[str, npt.NDArray[Any]]
Triangles = npt.NDArray[np.int64]

TRIANGLES, STRIP, FAN = 4, 5, 6
OF_SHAPE, OF_LOOKS = ("POSITION", "JOINTS_", "WEIGHTS_"), ("TEXCOORD_", "COLOR_0")
# Extensions that a file may require: those that are read, and those that leave the shape as it is.
READ = frozenset(
    {
        DRACO,
        *MESHOPT,
        "EXT_mesh_gpu_instancing",
        "KHR_mesh_quantization",
        "KHR_node_visibility",
        "MSFT_lod",
    }
)
LOOKS = (
    "KHR_materials_", "KHR_technique", "KHR_texture_", "KHR_lights_", "KHR_animation_", "KHR_xmp",
    "KHR_audio", "EXT_texture_", "EXT_lights_", "EXT_materials_", "MSFT_texture_",
    "ADOBE_materials_",
    "AGI_articulations", "EXT_mesh_features", "EXT_structural_metadata", "KHR_physics", "KHR_node_",
    "KHR_interactivity", "OMI_",
)  # fmt: skip


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Return every primitive of the default scene that has faces; see `Reader`."""
    return parse(path.read_bytes(), companions, textures)


def parse(content: bytes, companions: Companions, textures: bool) -> list[Surface]:
    """Return the surfaces of a file's content; see `read`.

    Raises
    ------
    ItemError
        If the file is damaged, or requires an extension that could change the shape.
    """
    try:
        file = GltfFile(content, companions)
        _check_extensions(file)
        return _Scene(file, textures).surfaces()
    except FormatError:
        raise
    except RecursionError:
        raise ItemError("its JSON is nested too deeply") from None
    except BROKEN as error:
        what = f"the entry {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        problem = "is missing" if isinstance(error, KeyError) else "(an entry of the wrong type)"
        raise ItemError(f"its JSON is not glTF 2.0: {what[:150]} {problem}") from error


def _check_extensions(file: GltfFile) -> None:
    required = [str(name) for name in file.json.get("extensionsRequired", [])]
    unknown = [name for name in required if name not in READ and not name.startswith(LOOKS)]
    if unknown:
        raise ItemError(
            f"it requires the extension {', '.join(unknown)}, which is not known here and could "
            f"change its shape; export it again without"
        )


class _Scene:
    """The surfaces of the default scene."""

    def __init__(self, file: GltfFile, textures: bool) -> None:
        self._file, self._nodes = file, Nodes(file)
        self._materials = Materials(file) if textures else None
        self._plain: dict[int, list[trimesh.Trimesh]] = {}
        self._points = False

    def surfaces(self) -> list[Surface]:
        found = [
            (geometry, transform)
            for index in self._nodes.shown
            for geometry in self._geometries(index)
            for transform in self._nodes.transforms(index)
        ]
        if not found:
            raise ItemError(self._why_nothing())
        if self._points:
            warn_of(NOT_DRAWN)
        return found

    def _why_nothing(self) -> str:
        if self._points:
            return "it has no faces (points or lines only)"
        count = len(self._file.json.get("meshes", []))
        return f"its default scene shows none of its {count} meshes" if count else "it has no mesh"

    def _geometries(self, index: int) -> list[trimesh.Trimesh]:
        node = self._file.entry("nodes", index)
        mesh = self._file.entry("meshes", node["mesh"])
        weights: list[float] = node.get("weights") or mesh.get("weights") or []
        if "skin" in node or "weights" in node:
            joints = self._joints(node)
            return self._primitives(mesh, weights, joints)
        if node["mesh"] not in self._plain:
            self._plain[node["mesh"]] = self._primitives(mesh, weights, None)
        return self._plain[node["mesh"]]

    def _joints(self, node: Entry) -> Floats | None:
        if "skin" not in node:
            return None
        return self._nodes.joints(self._file.entry("skins", node["skin"]))

    def _primitives(
        self, mesh: Entry, weights: list[float], joints: Floats | None
    ) -> list[trimesh.Trimesh]:
        found = []
        for primitive in mesh["primitives"]:
            if primitive.get("mode", TRIANGLES) not in (TRIANGLES, STRIP, FAN):
                self._points = True
                continue
            geometry = self._primitive(primitive, weights, joints)
            if geometry is not None:
                found.append(geometry)
        return found

    def _primitive(
        self, primitive: Entry, weights: list[float], joints: Floats | None
    ) -> trimesh.Trimesh | None:
        attributes, faces = self._content(primitive)
        if not len(faces):
            return None
        positions = attributes["POSITION"].astype(np.float64)
        for weight, target in zip(weights, primitive.get("targets", []), strict=False):
            if weight and "POSITION" in target:
                positions = positions + weight * self._file.array(target["POSITION"])
        if joints is not None:
            positions = skinned(positions, attributes, joints)
        attributes["POSITION"] = positions
        attributes, faces = _used(attributes, faces)
        geometry = trimesh.Trimesh(attributes.pop("POSITION"), faces, process=False)
        if self._materials:
            self._materials.paint(geometry, attributes, primitive.get("material"))
        return geometry

    def _content(self, primitive: Entry) -> tuple[Attributes, Triangles]:
        draco = extensions(primitive).get(DRACO)
        named = primitive["attributes"]
        if "POSITION" not in named:
            return {}, np.empty((0, 3), np.int64)
        wanted = [key for key in named if key.startswith(OF_SHAPE)]
        if draco:
            content, packed = bytes(self._file.view(draco["bufferView"])), draco["attributes"]
            coloured = [key for key in named if self._materials and key.startswith(OF_LOOKS)]
            asked = {k: packed[k] for k in (*wanted, *coloured) if k in packed}
            values, faces = decode_draco(content, asked)
            values = self._normalised(values, named)
        else:
            values, faces = {}, None
        values |= {key: self._file.array(named[key]) for key in wanted if key not in values}
        count = len(values["POSITION"])
        values |= self._looks(named, values, count)
        if faces is None:
            corners = _corners(self._file, primitive, count)
            faces = _triangles(corners, primitive.get("mode", TRIANGLES))
        return values, faces

    def _looks(self, named: Entry, known: Attributes, count: int) -> Attributes:
        """Return colours and texture coordinates; what is wrong with them becomes a warning."""
        found: Attributes = {}
        keys = [key for key in named if self._materials and key.startswith(OF_LOOKS)]
        for key in keys:
            try:
                found[key] = known[key] if key in known else self._file.array(named[key])
                if len(found[key]) < count:
                    raise ItemError(f"it has {len(found[key])} values for {count} vertices")
            except (ItemError, *BROKEN) as error:
                found.pop(key, None)
                warn_of(BAD_COLOURS if key == "COLOR_0" else BAD_TEXELS, f"{key}: {error}")
        return found

    def _normalised(self, values: Attributes, named: Entry) -> Attributes:
        """Decode what the accessors of decoded attributes say is normalised."""
        integers = {
            key for key in values if self._file.entry("accessors", named[key]).get("normalized")
        }
        return {key: as_floats(v) if key in integers else v for key, v in values.items()}


def _corners(file: GltfFile, primitive: Entry, count: int) -> Triangles:
    if "indices" not in primitive:
        return np.arange(count)
    corners = file.array(primitive["indices"])[:, 0].astype(np.int64)
    if len(corners) and corners.max() >= count:
        raise ItemError(f"a face refers to vertex {corners.max()}, but there are {count}")
    return corners


def _triangles(corners: Triangles, mode: int) -> Triangles:
    """Return the triangles of a list, a strip or a fan, shape (m, 3) (glTF 2.0, 3.7.2.1)."""
    if mode == TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if len(corners) < 3:
        return np.empty((0, 3), np.int64)
    if mode == FAN:
        first = np.full(len(corners) - 2, corners[0])
        return np.stack([first, corners[1:-1], corners[2:]], axis=1)
    faces = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
    faces[1::2] = faces[1::2, ::-1]
    return faces


def _used(attributes: Attributes, faces: Triangles) -> tuple[Attributes, Triangles]:
    """Drop the vertices of other primitives, where several share one array."""
    if faces.size >= len(attributes["POSITION"]):
        return attributes, faces
    kept, places = np.unique(faces, return_inverse=True)
    return {k: v[kept] for k, v in attributes.items()}, places.reshape(-1, 3)
