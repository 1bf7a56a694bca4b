"""Read 3MF with the 3MF Consortium's library: what its build places, turned so that y is up.

Source: 3MF Core Specification 1.3; its z axis is up (section 2.3).
"""

from __future__ import annotations

import ctypes
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.extras import import_extra
from ucmgcn.media.mesh_warnings import BAD_TEXTURE, warn_of
from ucmgcn.media.readers.paint import coloured
from ucmgcn.media.readers.surfaces import Surface

TO_Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
PLAIN = (0.7, 0.7, 0.7)  # of triangles without a colour beside some with


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Return the objects of the build, without those that only support others; see `Reader`."""
    lib = import_extra("lib3mf", "lib3mf", "3MF")
    if not zipfile.is_zipfile(path):
        raise ItemError("it is no 3MF file: it is damaged, cut short or no ZIP archive")
    model = lib.get_wrapper().CreateModel()
    try:
        model.QueryReader("3mf").ReadFromFile(str(path))
        shown = list(_shown(lib, model))
        shapes = {o.GetUniqueResourceID(): o for o, _ in shown}
        made = {n: _shape(lib, model, shape, textures) for n, shape in shapes.items()}
    except lib.Lib3MF.ELib3MFException as error:
        raise ItemError(f"its 3MF is damaged: {' '.join(str(error).split())[:150]}") from None
    return [(made[o.GetUniqueResourceID()], TO_Y_UP @ place) for o, place in shown]


def _shown(lib: Any, model: Any) -> Iterator[tuple[Any, Floats]]:
    items = model.GetBuildItems()
    while items.MoveNext():
        item = items.GetCurrent()
        place = _matrix(item.GetObjectTransform()) if item.HasObjectTransform() else np.eye(4)
        yield from _meshes(lib, item.GetObjectResource(), place)


def _meshes(lib: Any, found: Any, place: Floats) -> Iterator[tuple[Any, Floats]]:
    """Yield the meshes of an object and of its components, with their transforms."""
    kinds = lib.Lib3MF.ObjectType
    if found.GetType() in (kinds.Support, kinds.SolidSupport):
        return
    if found.IsMeshObject():
        yield found, place
    elif found.IsComponentsObject():
        for number in range(found.GetComponentCount()):
            part = found.GetComponent(number)
            moved = place @ _matrix(part.GetTransform()) if part.HasTransform() else place
            yield from _meshes(lib, part.GetObjectResource(), moved)


def _matrix(transform: Any) -> Floats:
    matrix = np.eye(4)
    matrix[:3] = np.array(transform.Fields, dtype=np.float64).T  # 3MF multiplies rows by it
    return matrix


def _shape(lib: Any, model: Any, found: Any, textures: bool) -> trimesh.Trimesh:
    vertices = _table(lib.Position, found.GetVertices(), "<f4", 3).astype(np.float64)
    faces = _table(lib.Triangle, found.GetTriangleIndices(), "<u4", 3).astype(np.int64)
    colours = _colours(lib, model, found) if textures and len(faces) else None
    if colours is None:
        return trimesh.Trimesh(vertices, faces, process=False)
    corners = np.arange(faces.size).reshape(-1, 3)
    return coloured(trimesh.Trimesh(vertices[faces.ravel()], corners, process=False), colours, None)


def _table(kind: Any, rows: list[Any], dtype: str, width: int) -> Any:
    """Return C structures as the rows of an array."""
    packed = (kind * len(rows))(*rows)
    return np.frombuffer(ctypes.string_at(packed, ctypes.sizeof(packed)), dtype).reshape(-1, width)


def _colours(lib: Any, model: Any, found: Any) -> Floats | None:
    """Return the colour of each triangle's corners, shape (3 m, 3); None without any."""
    of = _table(lib.TriangleProperties, found.GetAllTriangleProperties(), "<u4", 4).astype(np.int64)
    whole, part, given = found.GetObjectLevelProperty()
    if given:
        of[of[:, 0] == 0] = whole, part, part, part
    colours = np.tile(np.array(PLAIN), (len(of), 3, 1))
    groups = [number for number in np.unique(of[:, 0]) if number]
    known = [_group(lib, model, number) for number in groups]
    for number, colour_of in zip(groups, known, strict=True):
        if colour_of is not None:
            rows = of[:, 0] == number
            wanted, places = np.unique(of[rows, 1:], return_inverse=True)
            palette = np.array([colour_of(int(each)) for each in wanted])
            colours[rows] = palette[places.reshape(-1, 3)]
    return colours.reshape(-1, 3) if any(known) else None


def _group(lib: Any, model: Any, number: int) -> Callable[[int], Ints] | None:
    """Return the function that gives the colours of a group of materials or colours."""
    kind, kinds = model.GetPropertyTypeByID(int(number)), lib.Lib3MF.PropertyType
    if kind == kinds.BaseMaterial:
        materials = model.GetBaseMaterialGroupByID(int(number))
        return lambda one: _rgb(materials.GetDisplayColor(one))
    if kind == kinds.Colors:
        group = model.GetColorGroupByID(int(number))
        return lambda one: _rgb(group.GetColor(one))
    warn_of(BAD_TEXTURE, "textures and mixtures of 3MF are not read")
    return None


def _rgb(colour: Any) -> Any:
    return np.array([colour.Red, colour.Green, colour.Blue]) / 255
