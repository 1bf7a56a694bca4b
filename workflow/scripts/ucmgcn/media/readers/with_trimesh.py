"""Read a mesh with trimesh. A scene becomes its geometries, each with the transform of its node."""

from __future__ import annotations

from pathlib import Path

import trimesh
import trimesh.visual
from PIL import Image

from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.mesh_warnings import BAD_TEXTURE, NOT_DRAWN, warn_of
from ucmgcn.media.photos import as_texture
from ucmgcn.media.readers.surfaces import Surface

# Attributes of trimesh's SimpleMaterial, then PBRMaterial, that hold images.
TEXTURE_SLOTS = (
    "image", "baseColorTexture", "emissiveTexture", "normalTexture", "occlusionTexture",
    "metallicRoughnessTexture",
)  # fmt: skip


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Return every instance of a triangle geometry; see `Reader`."""
    scene = _load_scene(path, companions, textures)
    surfaces = _surfaces(scene)
    points = sum(len(getattr(g, "vertices", ())) for g in scene.geometry.values())
    if points and not surfaces:
        raise ItemError(f"it has no faces ({points} points only)")
    return surfaces


def _load_scene(path: Path, companions: Companions, textures: bool) -> trimesh.Scene:
    with path.open("rb") as file:
        scene = trimesh.load_scene(
            file,
            file_type=path.suffix.lower()[1:],
            resolver=companions,
            process=False,
            skip_materials=not textures,
        )
    if textures:
        _decode_textures(scene)
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


def _surfaces(scene: trimesh.Scene) -> list[Surface]:
    """Return every instance of a triangle geometry, with its transform."""
    found: list[Surface] = []
    others: set[str] = set()
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        geometry = scene.geometry[name]
        if isinstance(geometry, trimesh.Trimesh) and len(geometry.faces):
            found.append((geometry, transform))
        elif len(getattr(geometry, "vertices", ())):
            others.add(str(name))
    if found and others:
        warn_of(NOT_DRAWN, ", ".join(sorted(others)))
    return found
