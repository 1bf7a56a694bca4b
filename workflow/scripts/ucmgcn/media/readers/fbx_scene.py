"""Copy out of ufbx what a scene holds, and leave nothing of ufbx behind.

ufbx 0.0.5 counts references to its elements (nodes, meshes, materials, textures) wrongly: what
hands one out takes none, so that the element is freed while the scene holds it. And a scene that
the garbage collector finds before it is freed, or after, ends the process. So `_held` takes the
missing references, the scene is freed by hand, and the collector waits meanwhile.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.media.extras import import_extra


@dataclass(frozen=True)
class FbxMaterial:
    """A material.

    Attributes
    ----------
    colour
        Diffuse, RGB from 0 to 1; None if the file gives none.
    texture
        Name of the texture.
    content
        The texture's file, if it is embedded.
    files
        Otherwise the names of the file.
    """

    name: str
    colour: tuple[float, float, float] | None
    texture: str = ""
    content: bytes = b""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class FbxMesh:
    """A mesh where a node shows it.

    Attributes
    ----------
    transform
        To the world, y up, shape (4, 4).
    positions
        Shape (n, 3).
    corners
        Indices into `positions`, polygon after polygon, shape (k,).
    counts
        Corners of each polygon, shape (m,).
    of_faces
        The material of each polygon, shape (m,); empty without.
    uv, colours
        At each corner, shape (k, 2) and (k, 4); None without.
    """

    transform: Floats
    positions: Floats
    corners: Ints
    counts: Ints
    of_faces: Ints
    uv: Floats | None = None
    colours: Floats | None = None
    materials: list[FbxMaterial] = field(default_factory=list)


def read_scene(content: bytes, textures: bool) -> list[FbxMesh]:
    """Read the visible meshes.

    Parameters
    ----------
    content
        The file's content.
    textures
        Read materials, texture coordinates and colours too.

    Raises
    ------
    ValueError
        If the file is damaged; says how.
    ItemError
        If ufbx is not installed.
    """
    ufbx = import_extra("ufbx", "ufbx", "FBX")
    with _collector_waits():
        meshes, problem = _copied(ufbx, content, textures)
    if problem:
        raise ValueError(" ".join(problem.split())[:150])
    return meshes


@contextmanager
def _collector_waits() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _copied(ufbx: Any, content: bytes, textures: bool) -> tuple[list[FbxMesh], str]:
    """Return the meshes, or what is wrong: an exception would hold elements by its frames."""
    try:
        scene = ufbx.load_memory(
            content,
            target_axes=ufbx.axes_right_handed_y_up,
            evaluate_skinning=True,
            load_external_files=False,
            ignore_embedded=not textures,
        )
    except ufbx.UfbxError as error:
        return [], str(error)
    try:
        return _meshes(scene, textures), ""
    except Exception as error:
        return [], f"{type(error).__name__}: {error}"
    finally:
        scene.free()


def _meshes(scene: Any, textures: bool) -> list[FbxMesh]:
    known: dict[int, FbxMaterial] = {}
    found = []
    for node in _elements(scene.nodes):
        mesh = _held(node.mesh)
        if mesh is not None and node.visible:
            materials = [_material(m, known) for m in _elements(node.materials)] if textures else []
            found.append(_mesh(node, mesh, materials, textures))
    return found


def _elements(found: Any) -> Iterator[Any]:
    for i in range(len(found)):
        yield _held(found[i])


def _held(element: Any) -> Any:
    """Take the reference that ufbx forgets: at each item of a list, and each attribute once."""
    if element is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(element))
    return element


def _mesh(node: Any, mesh: Any, materials: list[FbxMaterial], textures: bool) -> FbxMesh:
    local = mesh.skinned_is_local
    return FbxMesh(
        transform=_matrix(node.geometry_to_world) if local else np.eye(4),
        positions=np.array(mesh.skinned_position.values, dtype=np.float64).reshape(-1, 3),
        corners=np.array(mesh.skinned_position.indices, dtype=np.int64),
        counts=np.array(mesh.faces, dtype=np.int64).reshape(-1, 2)[:, 1],
        of_faces=np.array(mesh.face_material, dtype=np.int64),
        uv=_values(mesh.vertex_uv, 2) if textures else None,
        colours=_values(mesh.vertex_color, 4) if textures else None,
        materials=materials,
    )


def _values(layer: Any, width: int) -> Floats | None:
    """Return an attribute's value at each corner, None if the mesh has none."""
    if not layer.exists:
        return None
    values = np.array(layer.values, dtype=np.float64).reshape(-1, width)
    return values[np.array(layer.indices, dtype=np.int64)]


def _material(material: Any, known: dict[int, FbxMaterial]) -> FbxMaterial:
    number = material.element_id
    if number not in known:
        diffuse = material.fbx.diffuse_color
        value, texture = diffuse.value_vec4, _held(diffuse.texture)
        colour = (value.x, value.y, value.z) if diffuse.has_value else None
        known[number] = FbxMaterial(material.name, colour, **_texture(texture))
    return known[number]


def _texture(texture: Any) -> dict[str, Any]:
    if texture is None:
        return {}
    names = tuple(name for name in (texture.relative_filename, texture.filename) if name)
    return {"texture": texture.name, "content": bytes(texture.content), "files": names}


def _matrix(columns: Any) -> Floats:
    matrix = np.eye(4)
    for i, column in enumerate((columns.c0, columns.c1, columns.c2, columns.c3)):
        matrix[:3, i] = column.x, column.y, column.z
    return matrix
