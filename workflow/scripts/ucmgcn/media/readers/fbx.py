"""Read FBX with ufbx: the scene at rest, skins in their pose, turned so that y is up."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.readers.extras import import_extra
from ucmgcn.media.readers.paint import Material, Part, painted
from ucmgcn.media.readers.polygons import triangulate
from ucmgcn.media.readers.surfaces import Surface
from ucmgcn.media.readers.textures import decode_texture, find_texture


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Return the parts of every visible mesh, one a material; see `Reader`."""
    ufbx = import_extra("ufbx", "ufbx", "FBX")
    try:
        scene = ufbx.load_memory(
            path.read_bytes(),
            target_axes=ufbx.axes_right_handed_y_up,
            evaluate_skinning=True,
            load_external_files=False,
            ignore_embedded=not textures,
        )
    except ufbx.UfbxError as error:
        reason = " ".join(str(error).split())[:150]
        raise ItemError(f"its FBX is damaged, or of a version before 6.1: {reason}") from None
    return [
        (_colour(part, material, companions) if textures else part.shape, transform)
        for node in _elements(scene.nodes)
        if node.mesh is not None and node.visible
        for part, material, transform in _parts(node, textures)
    ]


def _elements(found: Any) -> Iterator[Any]:
    """Yield a list's elements, each with a reference of its own.

    ufbx 0.0.5 hands out an element of a list without taking a reference; the second look at one
    would free it while the scene still holds it.
    """
    for i in range(len(found)):
        element = found[i]
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(element))
        yield element


def _parts(node: Any, textures: bool) -> Iterator[tuple[Part, Any, Floats]]:
    # Arrays are copied: ufbx frees its own with the scene.
    mesh = node.mesh
    positions = np.array(mesh.skinned_position.values, dtype=np.float64).reshape(-1, 3)
    corners = np.array(mesh.skinned_position.indices, dtype=np.int64)
    spans = np.array(mesh.faces, dtype=np.int64).reshape(-1, 2)
    found = triangulate(positions, corners, spans[:, 1])
    materials = list(_elements(node.materials)) if textures else []
    of_faces = np.array(mesh.face_material, dtype=np.int64)
    if not len(of_faces) or len(materials) < 2:
        of_faces = np.zeros(len(spans), np.int64)
    transform = _matrix(node.geometry_to_world) if mesh.skinned_is_local else np.eye(4)
    for number in np.unique(of_faces[found.polygons]):
        chosen = found.corners[of_faces[found.polygons] == number]
        material = materials[number] if number < len(materials) else None
        yield _part(mesh, positions, corners, chosen, textures), material, transform


def _part(mesh: Any, positions: Floats, corners: Ints, chosen: Ints, textures: bool) -> Part:
    uv, colours = (_values(each, 2 + 2 * i) for i, each in enumerate(_layers(mesh, textures)))
    if uv is None and colours is None:
        return Part(trimesh.Trimesh(positions, corners[chosen], process=False))
    flat = chosen.ravel()
    shape = trimesh.Trimesh(
        positions[corners[flat]], np.arange(len(flat)).reshape(-1, 3), process=False
    )
    return Part(shape, *(None if each is None else each[flat] for each in (uv, colours)))


def _layers(mesh: Any, textures: bool) -> tuple[Any, Any]:
    return (mesh.vertex_uv, mesh.vertex_color) if textures else (None, None)


def _values(layer: Any, width: int) -> Floats | None:
    """Return an attribute's value at each corner, None if the mesh has none."""
    if layer is None or not layer.exists:
        return None
    values = np.array(layer.values, dtype=np.float64).reshape(-1, width)
    return values[np.array(layer.indices, dtype=np.int64)]


def _colour(part: Part, material: Any, companions: Companions) -> trimesh.Trimesh:
    if material is None:
        return painted(part, None)
    diffuse = material.fbx.diffuse_color
    value = diffuse.value_vec4
    colour = (value.x, value.y, value.z) if diffuse.has_value else None
    return painted(part, Material(material.name, colour, _picture(diffuse.texture, companions)))


def _picture(texture: Any, companions: Companions) -> Any:
    if texture is None:
        return None
    if len(texture.content):
        return decode_texture(bytes(texture.content), texture.name or "embedded")
    names = [name for name in (texture.relative_filename, texture.filename) if name]
    return find_texture(companions, names) if names else None


def _matrix(columns: Any) -> Floats:
    matrix = np.eye(4)
    for i, column in enumerate((columns.c0, columns.c1, columns.c2, columns.c3)):
        matrix[:3, i] = column.x, column.y, column.z
    return matrix
