"""Read USD and USDZ with Pixar's library: the meshes of the default scene, turned so that y is up.

Layers may refer to others. All that a file refers to is looked at before it is opened, so that
nothing outside its folder is read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from ucmgcn.core.arrays import Floats
from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.extras import import_extra
from ucmgcn.media.mesh_warnings import NOT_DRAWN, warn_of
from ucmgcn.media.readers.polygons import triangulate
from ucmgcn.media.readers.surfaces import Surface
from ucmgcn.media.readers.usd_materials import Materials

TO_Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
SHAPES = ("Cube", "Sphere", "Cylinder", "Cone", "Capsule", "BasisCurves", "NurbsPatch", "Points")


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Return the visible meshes; see `Reader`."""
    usd = import_extra("pxr.Usd", "usd-core", "USD")
    sdf, geom = (
        import_extra("pxr.Sdf", "usd-core", "USD"),
        import_extra("pxr.UsdGeom", "usd-core", "USD"),
    )
    tf = import_extra("pxr.Tf", "usd-core", "USD")
    try:
        _check_layers(sdf, path.resolve(), companions)
        stage = usd.Stage.Open(str(path.resolve()))
    except tf.ErrorException as error:
        raise ItemError("it is damaged or no USD file") from error
    turn = TO_Y_UP if geom.GetStageUpAxis(stage) == "Z" else np.eye(4)
    materials = Materials(path, companions) if textures else None
    return [
        (shape, turn @ transform)
        for prim, transform in _meshes(usd, geom, stage)
        for shape in _shapes(geom, prim, materials)
    ]


def _check_layers(sdf: Any, path: Path, companions: Companions) -> None:
    """Refuse a file that refers to layers outside its folder."""
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        place = waiting.pop()
        if place in seen or not place.is_file():
            continue
        seen.add(place)
        for layer, folder in _layers(sdf, place):
            for name in layer.GetCompositionAssetDependencies():
                other = (folder / name.partition("[")[0]).resolve()
                if not other.is_relative_to(path.parent):
                    raise ItemError(f"it refers to {name[:100]}, which is outside its folder")
                waiting.append(other)
                if other.is_file():
                    companions.found.add(other)


def _layers(sdf: Any, place: Path) -> Iterator[tuple[Any, Path]]:
    """Yield the layers of a file, each with the folder that its names start from."""
    names = [str(place)]
    if place.suffix.lower() == ".usdz":
        if not zipfile.is_zipfile(place):
            raise ItemError("it is no USDZ file: it is damaged, cut short or no ZIP archive")
        inside = zipfile.ZipFile(place).namelist()
        names += [f"{place}[{n}]" for n in inside if n.lower().endswith((".usd", ".usda", ".usdc"))]
    for name in names:
        layer = sdf.Layer.OpenAsAnonymous(name)
        if layer is None:
            raise ItemError("it is damaged or no USD file")
        _check_prims(sdf, layer)
        yield layer, place.parent


def _check_prims(sdf: Any, layer: Any) -> None:
    """Refuse a layer with prims that cannot be looked up, or with values in other files.

    To ask a layer of the first kind for its references would crash. Those to the files of value
    clips are not among them.
    """
    paths: list[Any] = []
    layer.Traverse(sdf.Path.absoluteRootPath, paths.append)
    for path in paths:
        prim = layer.GetPrimAtPath(path) if path.IsPrimPath() else None
        if path.isEmpty or (path.IsPrimPath() and not prim):
            raise ItemError("it is damaged: it lists a part that it lacks")
        if prim and prim.HasInfo("clips"):
            raise ItemError("it takes values from value clips, which are not read; flatten it")


def _meshes(usd: Any, geom: Any, stage: Any) -> Iterator[tuple[Any, Floats]]:
    cache, others = geom.XformCache(), set()
    for prim in usd.PrimRange(stage.GetPseudoRoot(), usd.TraverseInstanceProxies()):
        kind = prim.GetTypeName()
        if kind == "PointInstancer":
            raise ItemError("it places copies by a PointInstancer, which is not read; bake them")
        if kind in SHAPES:
            others.add(str(kind))
        if kind == "Mesh" and _is_shown(geom, prim):
            yield prim, np.array(cache.GetLocalToWorldTransform(prim)).T
    if others:
        warn_of(NOT_DRAWN, ", ".join(sorted(others)))


def _is_shown(geom: Any, prim: Any) -> bool:
    shape = geom.Imageable(prim)
    shown = shape.ComputeVisibility() != geom.Tokens.invisible
    return bool(shown and shape.ComputePurpose() in (geom.Tokens.default_, geom.Tokens.render))


def _shapes(geom: Any, prim: Any, materials: Materials | None) -> Iterator[trimesh.Trimesh]:
    """Yield the triangles of a mesh, those of each material apart if there are any to paint."""
    mesh = geom.Mesh(prim)
    points = np.array(_value(mesh.GetPointsAttr()), dtype=np.float64).reshape(-1, 3)
    corners = np.array(_value(mesh.GetFaceVertexIndicesAttr()), dtype=np.int64)
    counts = np.array(_value(mesh.GetFaceVertexCountsAttr()), dtype=np.int64)
    if counts.sum() != len(corners) or (counts < 0).any():
        raise ItemError(f"its mesh {prim.GetPath()} has {len(corners)} corners of {counts.sum()}")
    found = triangulate(points, corners, counts)
    if materials is None:
        yield trimesh.Trimesh(points, corners[found.corners], process=False)
        return
    for polygons, binder in materials.groups(prim, len(counts)):
        chosen = found.corners[polygons[found.polygons]]
        if len(chosen):
            yield materials.paint(prim, binder, points, chosen, corners)


def _value(attribute: Any) -> Any:
    """Return an attribute's value, or that at its first time; nothing if it has none."""
    value = attribute.Get()
    if value is None and attribute.GetTimeSamples():
        value = attribute.Get(attribute.GetTimeSamples()[0])
    return [] if value is None else value
