"""Companions of a mesh: its material, texture and buffer files."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ucmgcn.core.errors import ItemError
from ucmgcn.core.worker import Arrays, Task, Worker
from ucmgcn.media.companions import Companions
from ucmgcn.media.meshes import read_surfaces
from ucmgcn.media.photos import start_no_programs
from ucmgcn.settings import Limits

logger = logging.getLogger(__name__)

TASK = "ucmgcn.search.companions:companions_task"


def companions(mesh: Path) -> list[Path]:
    """List the materials, textures and buffers of a mesh, relative to its folder.

    The mesh is read in a child process, see `ucmgcn.core.worker`.
    """
    with Worker(TASK, {}, Limits()) as find:
        try:
            names = find(str(mesh)).arrays[0]
        # Rendering reports what is wrong with the mesh.
        except ItemError as error:
            logger.debug("%s: %s", mesh, error)
            return []
    return [Path(name) for name in json.loads(names.tobytes())]


@contextmanager
def companions_task() -> Iterator[Task]:
    """Yield the function that a worker process runs: names of companions, as JSON in an array."""
    start_no_programs()

    def find(path: str) -> Arrays:
        mesh = Path(path)
        found = _asked_for(mesh)
        names = sorted(str(other.relative_to(mesh.parent.resolve())) for other in found)
        return [np.frombuffer(json.dumps(names).encode(), np.uint8)]

    yield find


def _asked_for(mesh: Path) -> set[Path]:
    asked = Companions(mesh, colours=True)
    try:
        read_surfaces(mesh, textures=True, companions=asked)
    # As above; files requested before the failure count.
    except ItemError as error:
        logger.debug("%s: %s", mesh, error)
    return asked.found
