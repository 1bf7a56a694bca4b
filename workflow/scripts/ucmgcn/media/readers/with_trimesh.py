"""Read a mesh with trimesh. A scene becomes its geometries, each with the transform of its node."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import trimesh
import trimesh.visual
from PIL import Image

from ucmgcn.core.arrays import Floats
from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.mesh_warnings import BAD_TEXTURE, NOT_DRAWN, heed_collada, warn_of
from ucmgcn.media.photos import as_texture
from ucmgcn.media.readers.surfaces import Surface

# Attributes of trimesh's SimpleMaterial, then PBRMaterial, that hold images.
TEXTURE_SLOTS = (
    "image", "baseColorTexture", "emissiveTexture", "normalTexture", "occlusionTexture",
    "metallicRoughnessTexture",
)  # fmt: skip

# Rotations from a COLLADA file's up axis to y (COLLADA 1.5, table of <up_axis>).
TO_Y_UP = {
    b"X": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    b"Y": np.eye(3),
    b"Z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Return every instance of a triangle geometry; see `Reader`."""
    scene = _load_scene(path, companions, textures)
    surfaces = _surfaces(scene, _up_turn(path))
    points = sum(len(getattr(g, "vertices", ())) for g in scene.geometry.values())
    if points and not surfaces:
        raise ItemError(f"it has no faces ({points} points only)")
    return surfaces


def _load_scene(path: Path, companions: Companions, textures: bool) -> trimesh.Scene:
    collada = heed_collada() if path.suffix.lower() == ".dae" else nullcontext()
    with path.open("rb") as file, collada:
        scene = trimesh.load_scene(
            file,
            file_type=path.suffix.lower()[1:],
            resolver=companions,
            process=False,
            skip_materials=not textures,
        )
    if textures:
        _decode_textures(scene)
        _drop_stand_ins(scene, path, companions)
    return scene


def _decode_textures(scene: trimesh.Scene) -> None:
    """Decode the images of all materials, which trimesh only opens; drop damaged ones."""
    decoded: dict[int, Image.Image | None] = {}
    for geometry in scene.geometry.values():
        material = getattr(getattr(geometry, "visual", None), "material", None)
        for slot in TEXTURE_SLOTS:
            image = getattr(material, slot, None)
            if isinstance(image, Image.Image):
                if id(image) not in decoded:
                    decoded[id(image)] = _decoded(image)
                setattr(material, slot, decoded[id(image)])


def _decoded(image: Image.Image) -> Image.Image | None:
    try:
        return as_texture(image)
    except MemoryError:
        raise
    # Likewise, decoders raise any exception on a damaged file.
    except Exception as error:
        warn_of(BAD_TEXTURE, f"{image.info.get('file_path', image.format)}: {error}")
        return None


def _drop_stand_ins(scene: trimesh.Scene, path: Path, companions: Companions) -> None:
    """Remove the grey placeholder that trimesh uses for an undefined material of an OBJ file."""
    if path.suffix.lower() != ".obj":
        return
    bare = [
        geometry
        for geometry in scene.geometry.values()
        if hasattr(getattr(geometry, "visual", None), "material")
        # Materials from an MTL file have a name; the placeholder does not.
        and not hasattr(geometry.visual.material, "_name")
    ]
    for geometry in bare:
        geometry.visual = trimesh.visual.ColorVisuals(geometry)
    if bare and b"usemtl" in path.read_bytes():
        companions.heard.warn_of_material()


def _surfaces(scene: trimesh.Scene, turn: Floats) -> list[Surface]:
    """Return every instance of a triangle geometry, with its transform."""
    found: list[Surface] = []
    others: set[str] = set()
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        geometry = scene.geometry[name]
        if isinstance(geometry, trimesh.Trimesh) and len(geometry.faces):
            found.append((geometry, turn @ transform))
        elif len(getattr(geometry, "vertices", ())):
            others.add(str(name))
    if found and others:
        warn_of(NOT_DRAWN, ", ".join(sorted(others)))
    return found


def _up_turn(path: Path) -> Floats:
    turn = np.eye(4)
    if path.suffix.lower() == ".dae":
        named = re.search(rb"<up_axis>\s*([XYZ])_UP", path.read_bytes())
        turn[:3, :3] = TO_Y_UP[named[1] if named else b"Y"]
    return turn
