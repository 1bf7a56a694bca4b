"""The render stage: the views of each mesh of a shard."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ucmgcn.core.arrays import Floats, Images
from ucmgcn.core.errors import ItemError
from ucmgcn.core.progress import track
from ucmgcn.core.worker import Task, Worker
from ucmgcn.files.reuse import open_earlier, origin_of
from ucmgcn.files.shards import views_writer
from ucmgcn.media.cameras import camera_positions
from ucmgcn.media.photos import start_no_programs
from ucmgcn.render.renderer import Renderer
from ucmgcn.settings import Limits, RenderConfig

logger = logging.getLogger(__name__)


class Row(Protocol):
    """The part of a manifest row that rendering needs."""

    @property
    def id(self) -> str:
        """The item's id."""

    @property
    def path(self) -> str:
        """Where the mesh file lies."""


def render_shard(
    rows: Sequence[Row],
    out: Path,
    config: RenderConfig,
    provenance: Mapping[str, Any],
    threads: int = 1,
    gpus: int = 1,
    limits: Limits = Limits(),  # noqa: B008
) -> None:
    """Render the models of one shard into `out`; record the others as rejected.

    A worker process reads and draws the meshes, see `ucmgcn.core.worker`. Views that `out` already
    holds are kept if their mesh file and the provenance are unchanged.

    Parameters
    ----------
    rows
        The models, in the order of the shard.
    out
        A shard of kind ``"views"``: ``images`` u8 (n, views, size, size, 3) and ``cameras``
        (views, 3).
    config
        How to render.
    provenance
        Everything that would make views stale, besides the mesh files; stored in the shard.
    threads, gpus
        As in `Renderer`.
    limits
        Limits of time and memory for each mesh.

    Raises
    ------
    UserError
        If no OpenGL context can be opened.
    """
    settings = {"config": asdict(config), "threads": threads, "gpus": gpus}
    with (
        open_earlier(out, "views") as earlier,
        Worker("ucmgcn.render.stage:views_task", settings, limits) as render,
        views_writer(out, provenance, positions_of(config), config.size) as writer,
    ):
        for row in track(rows, "render", len(rows), "model"):
            try:
                origin = origin_of(provenance, Path(row.path))
                views, warnings = earlier.find(row.id, origin), earlier.warnings(row.id)
                note = earlier.note(row.id)
                if views is None:
                    (views, checked), warnings = render(str(row.path))
                    note = checked.tobytes().decode()
                writer.add(row.id, views, origin)
                writer.warn(row.id, warnings)
                writer.note(row.id, note)
            except ItemError as error:
                logger.warning("%s is left out: %s", row.path, error)
                writer.reject(str(row.path), str(error))


@contextmanager
def views_task(config: Mapping[str, Any], threads: int, gpus: int = 1) -> Iterator[Task]:
    """Yield the function that a worker process (`ucmgcn.core.worker`) runs on each mesh file.

    It returns the views, and the self-check as JSON (see `ucmgcn.media.self_check`).

    Parameters
    ----------
    config
        Fields of a `RenderConfig`.
    threads, gpus
        As in `Renderer`.
    """
    from ucmgcn.media.meshes import load_mesh
    from ucmgcn.media.self_check import check_mesh

    settings = RenderConfig(**config)
    positions = positions_of(settings)
    start_no_programs()
    with Renderer(settings, threads, gpus) as renderer:

        def draw(path: str) -> list[Images]:
            mesh = load_mesh(Path(path), textures=settings.textures is True)
            gc.collect()  # meshes and their visuals form reference cycles, gigabytes if large
            checked = json.dumps(check_mesh(Path(path), mesh)).encode()
            return [renderer.render(mesh, positions), np.frombuffer(checked, np.uint8)]

        yield draw


def positions_of(config: RenderConfig) -> Floats:
    """Return the unit camera positions, shape (views, 3)."""
    return camera_positions(config.cameras, config.views, config.elevation)
