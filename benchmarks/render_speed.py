"""Views per second of the render stage, against plain use of pyrender with the same cameras.

    python benchmarks/render_speed.py MODELS [--processes N] [--limit N] [--repeats N]

MODELS is a folder of meshes. Reading the meshes counts, starting the processes does not. There is
one process per core, each with one renderer. The ways take turns, `repeats` times; the best of each
counts. CPU time is given too: other load on the machine disturbs it less.

- plain: `trimesh.load`, `Mesh.from_trimesh(smooth=False)`, one `OffscreenRenderer`, and one call of
  `render()` per view, under a headlight, which reads colour and depth.
- ours: `load_mesh` and `Renderer.render`, with the stage's defaults.
- stage: the same, and writing the compressed shard.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import trimesh
from measuring import Row, processor_time, record

from ucmgcn.media import cameras
from ucmgcn.media.formats import MESH_SUFFIXES
from ucmgcn.media.meshes import load_mesh
from ucmgcn.render import gl
from ucmgcn.render.renderer import Renderer
from ucmgcn.render.stage import positions_of, render_shard
from ucmgcn.settings import RenderConfig

CONFIG = RenderConfig()
Images = np.ndarray[Any, np.dtype[np.uint8]]
Ready = Callable[[], None]
Way = Callable[[Sequence[Path], Ready], None]


def plain(paths: Sequence[Path], ready: Ready) -> None:
    """Render one view per call."""
    for _ in plain_views(paths, ready):
        pass


def plain_views(paths: Sequence[Path], ready: Ready = lambda: None) -> Iterator[Images]:
    """Render meshes one view per call; yield the views (views, size, size, 3) of each."""
    gl.select_platform()
    os.environ["LP_NUM_THREADS"] = "1"
    import pyrender

    renderer = pyrender.OffscreenRenderer(CONFIG.size, CONFIG.size)
    camera = pyrender.PerspectiveCamera(np.radians(CONFIG.fov), aspectRatio=1.0)
    poses = plain_poses()
    ready()
    for path in paths:
        scene = pyrender.Scene(bg_color=[1.0, 1.0, 1.0, 1.0], ambient_light=[0.3, 0.3, 0.3])
        scene.add(pyrender.Mesh.from_trimesh(plain_mesh(path), smooth=False))
        eye, light = scene.add(camera), scene.add(pyrender.DirectionalLight(intensity=3.0))
        views = []
        for pose in poses:
            scene.set_pose(eye, pose)
            scene.set_pose(light, pose)
            views.append(renderer.render(scene)[0])
        yield np.stack(views)


def plain_poses() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return camera poses that fit the bounding sphere, shape (views, 4, 4)."""
    rotations = cameras.look_at(positions_of(CONFIG))
    slope = np.tan(np.radians(CONFIG.fov) / 2) * CONFIG.fill
    poses = np.tile(np.eye(4), (len(rotations), 1, 1))
    poses[:, :3, :3] = rotations.transpose(0, 2, 1)
    poses[:, :3, 3] = rotations[:, 2] * np.hypot(1, slope) / slope
    return poses


def plain_mesh(path: Path) -> trimesh.Trimesh:
    """Load a mesh and fit it into the unit sphere."""
    mesh = trimesh.load(path, force="mesh", process=False, skip_materials=True)
    vertices = mesh.vertices - mesh.bounds.mean(axis=0)
    mesh.vertices = vertices / np.linalg.norm(vertices, axis=1).max()
    return mesh


def ours(paths: Sequence[Path], ready: Ready) -> None:
    """Render all views of a mesh in one pass."""
    with Renderer(CONFIG) as renderer:
        ready()
        for path in paths:
            renderer.render(load_mesh(path), positions_of(CONFIG))


def stage(paths: Sequence[Path], ready: Ready) -> None:
    """Render and write, as the pipeline does; opening the context counts here."""
    ready()
    rows = [SimpleNamespace(id=str(path), path=str(path)) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        render_shard(rows, Path(folder) / "shard.h5", CONFIG, {})


def work(way: Way, paths: Sequence[Path], start: Barrier, cpu: Synchronized[float]) -> None:
    """Run a way in this process; add its CPU time since the start to `cpu`."""
    begin = 0.0

    def ready() -> None:
        nonlocal begin
        start.wait()
        begin = processor_time()

    way(paths, ready)
    with cpu.get_lock():
        cpu.value += processor_time() - begin


def seconds(way: Way, paths: Sequence[Path], processes: int) -> tuple[float, float]:
    """Measure wall and CPU time from the moment that all processes are ready."""
    context = mp.get_context("spawn")
    start, cpu = context.Barrier(processes + 1), context.Value("d", 0.0)
    workers = [
        context.Process(target=work, args=(way, paths[i::processes], start, cpu))
        for i in range(processes)
    ]
    for worker in workers:
        worker.start()
    start.wait()
    begin = time.perf_counter()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise click.ClickException(f"{way.__name__} failed")
    return time.perf_counter() - begin, cpu.value


@click.command()
@click.argument("models", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--processes", default=len(os.sched_getaffinity(0)), show_default=True)
@click.option("--limit", default=0, help="Maximum number of meshes, evenly chosen; 0 takes all.")
@click.option("--repeats", default=3, show_default=True)
def main(models: Path, processes: int, limit: int, repeats: int) -> None:
    """Compare the ways on the meshes of a folder."""
    paths = sorted(p for p in models.rglob("*") if p.suffix.lower() in MESH_SUFFIXES)
    if limit and limit < len(paths):
        paths = [paths[i * len(paths) // limit] for i in range(limit)]
    ways: list[Way] = [plain, ours, stage]
    times: dict[str, list[tuple[float, float]]] = {way.__name__: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            times[way.__name__].append(seconds(way, paths, processes))
    best = {
        name: [min(column) for column in zip(*taken, strict=True)] for name, taken in times.items()
    }
    click.echo(
        f"{len(paths)} meshes, {CONFIG.views} views of {CONFIG.size} px, {processes} processes"
    )
    for name, (wall, cpu) in best.items():
        rate, cost = len(paths) * CONFIG.views / wall, 1000 * cpu / len(paths)
        gain, saving = best["plain"][0] / wall, best["plain"][1] / cpu
        click.echo(
            f"{name:6} {rate:6.1f} views/s (x{gain:.2f}), {cost:6.1f} CPU ms a mesh (x{saving:.2f})"
        )
    record(Path(__file__).stem, [row(best, name) for name in ("ours", "stage")])


def row(best: dict[str, list[float]], name: str) -> Row:
    """Make the row of a way's views/s against the plain way's."""
    wall, busy = (a / b for a, b in zip(best["plain"], best[name], strict=True))
    part = "render" if name == "ours" else "render, and write the shard"
    against = "pyrender, a view a call, as many processes as cores"
    return Row(part, against, f"{wall:.2f}x, by processor time {busy:.2f}x", "2.5x", wall >= 2.5)


if __name__ == "__main__":
    main()
