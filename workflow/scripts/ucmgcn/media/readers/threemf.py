"""Read 3MF with trimesh; its z axis is up (3MF Core Specification, section 2.3)."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import trimesh

from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.readers.extras import import_extra
from ucmgcn.media.readers.surfaces import Surface

TO_Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Return the objects of the build; see `Reader`."""
    import_extra("lxml", "lxml", "3MF")
    if not zipfile.is_zipfile(path):
        raise ItemError("it is no 3MF file: it is damaged, cut short or no ZIP archive")
    with path.open("rb") as file:
        scene = trimesh.load_scene(file, file_type="3mf", process=False)
    placed = [scene.graph[node] for node in scene.graph.nodes_geometry]
    return [
        (scene.geometry[name], TO_Y_UP @ transform)
        for transform, name in placed
        if isinstance(scene.geometry[name], trimesh.Trimesh) and len(scene.geometry[name].faces)
    ]
