"""Materials of USD: the diffuse colour or texture of a preview surface, or else display colours.

Source: Pixar, "UsdPreviewSurface Specification".
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh
from PIL import Image

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.media.companions import Companions
from ucmgcn.media.extras import import_extra
from ucmgcn.media.mesh_warnings import BAD_TEXTURE, warn_of
from ucmgcn.media.readers.paint import Material, Part, coloured, painted
from ucmgcn.media.readers.textures import decode_texture, find_texture


class Materials:
    """Reads the materials of a stage; each texture is read once.

    Parameters
    ----------
    path
        The stage's file.
    companions
        Finds textures.
    """

    def __init__(self, path: Path, companions: Companions) -> None:
        self._path, self._companions = path.resolve(), companions
        self._shade = import_extra("pxr.UsdShade", "usd-core", "USD")
        self._geom = import_extra("pxr.UsdGeom", "usd-core", "USD")
        self._pictures: dict[str, Image.Image | None] = {}

    def groups(self, prim: Any, polygons: int) -> Iterator[tuple[npt.NDArray[np.bool_], Any]]:
        """Yield the polygons of each material of a mesh, and what binds the material."""
        rest = np.ones(polygons, dtype=bool)
        for subset in self._shade.MaterialBindingAPI(prim).GetMaterialBindSubsets():
            chosen = np.zeros(polygons, dtype=bool)
            places = np.array(subset.GetIndicesAttr().Get() or (), dtype=np.int64)
            chosen[places[(places >= 0) & (places < polygons)]] = True
            chosen &= rest
            rest &= ~chosen
            if chosen.any():
                yield chosen, subset.GetPrim()
        if rest.any():
            yield rest, prim

    def paint(self, mesh: Any, binder: Any, points: Floats, chosen: Ints, corners: Ints) -> Any:
        """Return triangles with their colours.

        Parameters
        ----------
        mesh, binder
            The prims of the mesh and of what binds the material.
        points
            Shape (n, 3).
        chosen
            The corners of the triangles, shape (m, 3).
        corners
            The point of each corner.
        """
        shape = trimesh.Trimesh(points, corners[chosen], process=False)
        bound = self._shade.MaterialBindingAPI(binder).ComputeBoundMaterial()[0]
        shader = bound.ComputeSurfaceSource()[0] if bound else None
        given = shader.GetInput("diffuseColor") if shader else None
        if given and given.HasConnectedSource():
            return self._textured(mesh, given, shape, chosen, corners)
        value = given.Get() if given else None
        if value is not None:
            return painted(Part(shape), Material(str(bound.GetPath()), tuple(map(float, value))))
        return _displayed(self._geom.Mesh(mesh).GetDisplayColorAttr().Get(), shape, len(points))

    def _textured(
        self, mesh: Any, given: Any, shape: trimesh.Trimesh, chosen: Ints, corners: Ints
    ) -> trimesh.Trimesh:
        texture = self._shade.Shader(given.GetConnectedSource()[0].GetPrim())
        file = texture.GetInput("file")
        asset = file.Get() if file else None
        picture = self._picture(asset) if asset is not None else None
        uv = self._uv(mesh, texture, corners) if picture is not None else None
        name = str(texture.GetPath())
        if uv is None:
            return painted(Part(shape), Material(name, image=picture))
        flat = chosen.ravel()
        alone = trimesh.Trimesh(
            np.asarray(shape.vertices)[corners[flat]],
            np.arange(len(flat)).reshape(-1, 3),
            process=False,
        )
        return painted(Part(alone, uv[flat]), Material(name, image=picture))

    def _uv(self, mesh: Any, texture: Any, corners: Ints) -> Floats | None:
        """Return the texture coordinates of each corner, shape (k, 2)."""
        reader = texture.GetInput("st")
        source = reader.GetConnectedSource() if reader else None
        named = source and self._shade.Shader(source[0].GetPrim()).GetInput("varname")
        names = [str(named.Get())] if named and named.Get() else []
        primvars = self._geom.PrimvarsAPI(mesh)
        for name in (*names, "st", "UVMap", "st0", "map1"):
            found = primvars.FindPrimvarWithInheritance(name)
            if not found or not found.HasValue():
                continue
            values = np.array(found.ComputeFlattened(), dtype=np.float64).reshape(-1, 2)
            if len(values) == len(corners):
                return values
            if found.GetInterpolation() in ("vertex", "varying") and len(values) > corners.max():
                return values[corners]
        return None

    def _picture(self, asset: Any) -> Image.Image | None:
        if asset.path not in self._pictures:
            self._pictures[asset.path] = self._decoded(asset)
        return self._pictures[asset.path]

    def _decoded(self, asset: Any) -> Image.Image | None:
        package, _, inner = str(asset.resolvedPath).partition("[")
        if not inner:
            return find_texture(self._companions, [asset.path])
        if Path(package) != self._path:
            warn_of(BAD_TEXTURE, f"{asset.path}: it lies in another package")
            return None
        try:
            content = zipfile.ZipFile(package).read(inner.rstrip("]"))
        except (KeyError, zipfile.BadZipFile, OSError, RuntimeError) as error:
            warn_of(BAD_TEXTURE, f"{asset.path}: {error}")
            return None
        return decode_texture(content, asset.path)


def _displayed(colours: Any, shape: trimesh.Trimesh, count: int) -> trimesh.Trimesh:
    """Colour a geometry by its display colour, one for all or one a point."""
    display = np.array(colours or (), dtype=np.float64).reshape(-1, 3)
    if len(display) == 1:
        return painted(Part(shape), Material("displayColor", tuple(map(float, display[0]))))
    return coloured(shape, display, None) if len(display) == count else shape
