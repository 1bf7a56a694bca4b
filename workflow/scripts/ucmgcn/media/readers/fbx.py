"""Read FBX with ufbx: the scene at rest, skins in their pose, turned so that y is up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import trimesh

from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.readers.fbx_scene import FbxMaterial, FbxMesh, read_scene
from ucmgcn.media.readers.paint import Material, Part, painted
from ucmgcn.media.readers.polygons import triangulate
from ucmgcn.media.readers.surfaces import Surface
from ucmgcn.media.readers.textures import decode_texture, find_texture


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Return the parts of every visible mesh, one a material; see `Reader`."""
    try:
        meshes = read_scene(path.read_bytes(), textures)
    except ValueError as error:
        raise ItemError(f"its FBX is damaged, or of a version before 6.1: {error}") from None
    return [
        (_colour(part, material, companions) if textures else part.shape, mesh.transform)
        for mesh in meshes
        for part, material in _parts(mesh)
    ]


def _parts(mesh: FbxMesh) -> Iterator[tuple[Part, FbxMaterial | None]]:
    found = triangulate(mesh.positions, mesh.corners, mesh.counts)
    of_faces = mesh.of_faces
    if len(of_faces) != len(mesh.counts) or len(mesh.materials) < 2:
        of_faces = np.zeros(len(mesh.counts), np.int64)
    for number in np.unique(of_faces[found.polygons]):
        chosen = found.corners[of_faces[found.polygons] == number]
        material = mesh.materials[number] if number < len(mesh.materials) else None
        yield _part(mesh, chosen), material


def _part(mesh: FbxMesh, chosen: np.ndarray) -> Part:
    if mesh.uv is None and mesh.colours is None:
        return Part(trimesh.Trimesh(mesh.positions, mesh.corners[chosen], process=False))
    flat = chosen.ravel()
    shape = trimesh.Trimesh(
        mesh.positions[mesh.corners[flat]], np.arange(len(flat)).reshape(-1, 3), process=False
    )
    return Part(shape, *(None if v is None else v[flat] for v in (mesh.uv, mesh.colours)))


def _colour(part: Part, material: FbxMaterial | None, companions: Companions) -> trimesh.Trimesh:
    if material is None:
        return painted(part, None)
    image = None
    if material.content:
        image = decode_texture(material.content, material.texture or "embedded")
    elif material.files:
        image = find_texture(companions, material.files)
    return painted(part, Material(material.name, material.colour, image))
