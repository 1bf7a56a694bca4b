"""Meshes of any format as binary glTF, for the 3D view: converted on demand, cached in memory."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import anyio
import anyio.to_process
import numpy as np
import trimesh
from anyio import BrokenWorkerProcess
from cachetools import LRUCache
from trimesh.exchange.gltf import export_glb
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from ucmgcn.core.errors import ItemError
from ucmgcn.media.meshes import Mesh, load_mesh
from ucmgcn.media.photos import start_no_programs
from ucmgcn.media.readers.surfaces import TINT
from ucmgcn.web.limits import Gate, ServerLimits

WORKER_BYTES = 6 * 2**30
# A middle grey as of the rendered views; glTF's factors are linear, 0.4 is sRGB 0.67.
GREY = (0.4, 0.4, 0.4, 1.0)


def to_glb(path: Path) -> bytes:
    """Convert a mesh, fitted into the unit sphere, with its colours and textures.

    Raises
    ------
    ItemError
        If the file holds no surface that can be shown; the message says why.
    """
    scene = trimesh.Scene()
    for part in _load(path).parts:
        scene.add_geometry(_coloured(part))
    return bytes(export_glb(scene))  # type: ignore[no-untyped-call]


def _load(path: Path) -> Mesh:
    try:
        return load_mesh(path, textures=True)
    except ItemError:
        # A broken texture must not hide the shape, which is what the search compares.
        mesh = load_mesh(path)
        part = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
        return Mesh(mesh.vertices, mesh.faces, (part,))


def _coloured(part: trimesh.Trimesh) -> trimesh.Trimesh:
    """Give a part colours that glTF has: grey where there are none, colours by vertex."""
    visual: Any = part.visual
    if not visual.defined:
        grey = PBRMaterial(baseColorFactor=GREY, metallicFactor=0.0, roughnessFactor=0.75)  # type: ignore[no-untyped-call]
        part.visual = TextureVisuals(material=grey)  # type: ignore[no-untyped-call]
        return part
    if TINT in part.vertex_attributes:
        visual.vertex_attributes["color"] = part.vertex_attributes.pop(TINT)
    if visual.kind != "face":
        return part
    corners = np.arange(3 * len(part.faces)).reshape(-1, 3)
    colours = visual.face_colors.repeat(3, axis=0)
    vertices = part.triangles.reshape(-1, 3)
    return trimesh.Trimesh(vertices, corners, vertex_colors=colours, process=False)


def _convert(path: Path) -> bytes:
    """Convert in a child process, with limited memory."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (WORKER_BYTES, hard))
    start_no_programs()
    try:
        return to_glb(path)
    except MemoryError:
        raise ItemError("it needs too much memory to be shown in 3D") from None


class GlbCache:
    """Converted meshes; one at a time is converted, in a process that is killed when it is late.

    Not by `ucmgcn.core.worker.Worker`, which blocks a thread until its item is done: at Ctrl-C the
    server would wait for it, up to the 30 seconds of a conversion.
    """

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._gate = Gate(1, limits)
        self._kept: LRUCache[tuple[str, int, int], bytes | str] = LRUCache(
            limits.mesh_cache_bytes, _size
        )

    async def get(self, path: Path, client: str = "") -> bytes:
        """Convert a mesh for a client, or take it from the cache; a changed file anew.

        Raises
        ------
        ItemError
            If it cannot be shown: damaged, too large, or it takes too long.
        HTTPException
            503 if too many conversions wait.
        """
        key = _version(path)
        kept = self._kept.get(key)
        if kept is None:
            async with self._gate.enter(client):
                kept = self._kept.get(key)
                if kept is None:
                    kept = self._kept[key] = await self._result(path)
        if isinstance(kept, str):
            raise ItemError(kept)
        return kept

    async def _result(self, path: Path) -> bytes | str:
        """Convert a mesh, or say why it cannot be shown."""
        seconds = self._limits.mesh_seconds
        try:
            with anyio.fail_after(seconds):
                glb = await anyio.to_process.run_sync(_convert, path, cancellable=True)
        except ItemError as error:
            return str(error)
        except TimeoutError:
            return f"converting it for the 3D view took more than {seconds:g} seconds"
        except BrokenWorkerProcess:
            return "it could not be converted for the 3D view: the converter ended"
        if len(glb) > self._limits.mesh_bytes:
            return f"it is too large to be shown in 3D ({len(glb) / 1e6:.0f} MB)"
        return glb


def _version(path: Path) -> tuple[str, int, int]:
    try:
        info = path.stat()
    except OSError as error:
        raise ItemError(f"its file cannot be read: {error.strerror}") from error
    return str(path), info.st_size, info.st_mtime_ns


def _size(kept: bytes | str) -> int:
    return len(kept) + 1000
