"""Views per second of the render stage, beside the plain use of pyrender on the same cameras.

    python benchmarks/render_speed.py MODELS [--processes N] [--limit N] [--repeats N]

MODELS is a folder of meshes. Reading the meshes is counted, starting the processes is not. As many
processes run as there are cores, each with one renderer. The ways take turns, `repeats` times; the
best of each counts, which other work on the machine disturbs least.

- plain: `trimesh.load`, `Mesh.from_trimesh(smooth=False)`, one `OffscreenRenderer` and a call of
  `render()` per view, under a headlight, which reads colour and depth.
- ours: `load_mesh` and `Renderer.render`, with the stage's defaults.
- stage: the same, and writing the compressed shard.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import trimesh
from ucmgcn import cameras, gl
from ucmgcn.meshes import SUFFIXES, load_mesh
from ucmgcn.render import RenderConfig, Renderer, render_shard

CONFIG = RenderConfig()
Way = Callable[[Sequence[Path], Barrier], None]


def plain(paths: Sequence[Path], start: Barrier) -> None:
    """Render one view per call."""
    gl.select_platform()
    os.environ["LP_NUM_THREADS"] = "1"
    import pyrender

    renderer = pyrender.OffscreenRenderer(CONFIG.size, CONFIG.size)
    camera = pyrender.PerspectiveCamera(np.radians(CONFIG.fov), aspectRatio=1.0)
    poses = plain_poses()
    start.wait()
    for path in paths:
        scene = pyrender.Scene(bg_color=[1.0, 1.0, 1.0, 1.0], ambient_light=[0.3, 0.3, 0.3])
        scene.add(pyrender.Mesh.from_trimesh(plain_mesh(path), smooth=False))
        eye, light = scene.add(camera), scene.add(pyrender.DirectionalLight(intensity=3.0))
        for pose in poses:
            scene.set_pose(eye, pose)
            scene.set_pose(light, pose)
            renderer.render(scene)


def plain_poses() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Poses on the bounding sphere's distance, shape (views, 4, 4)."""
    rotations = cameras.look_at(CONFIG.positions())
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


def ours(paths: Sequence[Path], start: Barrier) -> None:
    """Render all views of a mesh in one pass."""
    with Renderer(CONFIG) as renderer:
        start.wait()
        for path in paths:
            renderer.render(load_mesh(path), CONFIG.positions())


def stage(paths: Sequence[Path], start: Barrier) -> None:
    """Render and write, as the pipeline does; opening the context is counted here."""
    start.wait()
    rows = [SimpleNamespace(id=str(path), path=str(path)) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        render_shard(rows, Path(folder) / "shard.h5", CONFIG, {})


def seconds(way: Way, paths: Sequence[Path], processes: int) -> float:
    """Wall time from the moment that all processes are ready."""
    context = mp.get_context("spawn")
    start = context.Barrier(processes + 1)
    workers = [
        context.Process(target=way, args=(paths[i::processes], start)) for i in range(processes)
    ]
    for worker in workers:
        worker.start()
    start.wait()
    begin = time.perf_counter()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise click.ClickException(f"{way.__name__} failed")
    return time.perf_counter() - begin


@click.command()
@click.argument("models", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--processes", default=len(os.sched_getaffinity(0)), show_default=True)
@click.option("--limit", default=0, help="At most this many meshes, evenly chosen; 0 takes all.")
@click.option("--repeats", default=3, show_default=True)
def main(models: Path, processes: int, limit: int, repeats: int) -> None:
    """Compare the ways on the meshes of a folder."""
    paths = sorted(p for p in models.rglob("*") if p.suffix.lower() in SUFFIXES)
    if limit and limit < len(paths):
        paths = [paths[i * len(paths) // limit] for i in range(limit)]
    ways: list[Way] = [plain, ours, stage]
    times: dict[str, list[float]] = {way.__name__: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            times[way.__name__].append(seconds(way, paths, processes))
    base = min(times["plain"])
    click.echo(
        f"{len(paths)} meshes, {CONFIG.views} views of {CONFIG.size} px, {processes} processes"
    )
    for name, taken in times.items():
        best = min(taken)
        rate = len(paths) * CONFIG.views / best
        spread = ", ".join(f"{t:.1f}" for t in taken)
        click.echo(f"{name:6} {rate:7.1f} views/s  x{base / best:.2f}  (seconds: {spread})")


if __name__ == "__main__":
    main()
