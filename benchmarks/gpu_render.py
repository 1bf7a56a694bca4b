"""Views a second through EGL, on the GPU against Mesa's llvmpipe; called by gpu.sh.

    python benchmarks/gpu_render.py MODELS --out gpu.json
    python benchmarks/gpu_render.py MODELS --save reference.npz

Where the machine has no Mesa, `--reference` takes the views of llvmpipe from a file that `--save`
made on another, with its speed there.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import platform
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import click
import numpy as np
from gpu_measuring import Row, save, times

from ucmgcn.core.arrays import Images
from ucmgcn.media.formats import MESH_SUFFIXES
from ucmgcn.media.meshes import load_mesh
from ucmgcn.render.renderer import Renderer
from ucmgcn.render.stage import positions_of
from ucmgcn.settings import RenderConfig

CONFIG = RenderConfig()
CORES = len(os.sched_getaffinity(0))
VISIBLE = 8  # grey levels that an eye sees
START: list[Barrier] = []


@dataclass(frozen=True)
class Drawn:
    """What processes drew at the same time: views a second, all together, and each mesh's views."""

    renderer: str
    machine: str
    processes: int
    rate: float
    names: list[str]
    views: Images


@click.command(help=__doc__)
@click.argument("models", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path))
@click.option("--save", "kept", type=click.Path(path_type=Path))
@click.option("--reference", type=click.Path(path_type=Path))
@click.option("--meshes", default=30, show_default=True)
@click.option("--seconds", default=4.0, show_default=True)
def main(
    models: Path, out: Path | None, kept: Path | None, reference: Path | None, meshes: int,
    seconds: float,
) -> None:  # fmt: skip
    found = sorted(path for path in models.rglob("*") if path.suffix in MESH_SUFFIXES)
    paths = found[:: max(1, len(found) // meshes)][:meshes]
    if kept:
        keep(draw(paths, 0, CORES, seconds), kept)
    if out:
        software = draw(paths, 0, CORES, seconds)
        if "llvmpipe" not in software.renderer and reference and reference.exists():
            software = kept_before(reference)
        rows, rates = [], {}
        for count in sorted({1, min(4, CORES), CORES}):
            run = draw(paths, 1, count, seconds)
            rows.append(compare(run, software))
            rates[f"rate_{count}"] = run.rate
            save(out, rows, **rates, software=software.renderer, software_rate=software.rate)


def draw(paths: Sequence[Path], gpus: int, processes: int, seconds: float) -> Drawn:
    """Draw the meshes again and again for some seconds, in processes that start together."""
    context = mp.get_context("spawn")
    barrier = context.Barrier(processes)
    with ProcessPoolExecutor(processes, context, start_with, (barrier,)) as pool:
        jobs = [pool.submit(work, paths, gpus, seconds) for _ in range(processes)]
        done = [job.result() for job in jobs]
    renderer, _, views = done[0]
    machine = f"{CORES} cores, {cpu_model()}"
    names = [path.name for path in paths]
    return Drawn(renderer, machine, processes, sum(rate for _, rate, _ in done), names, views)


def start_with(barrier: Barrier) -> None:
    """Give a process the barrier at which all wait for each other."""
    START.append(barrier)


def work(paths: Sequence[Path], gpus: int, seconds: float) -> tuple[str, float, Images]:
    """Draw in this process; return the renderer's name, views a second, and the views."""
    meshes = [load_mesh(path) for path in paths]
    positions = positions_of(CONFIG)
    with Renderer(CONFIG, 1, gpus) as renderer:
        from OpenGL.GL import GL_RENDERER, glGetString

        name = glGetString(GL_RENDERER).decode()
        views = np.stack([renderer.render(mesh, positions) for mesh in meshes])
        START[0].wait(60)
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            renderer.render(meshes[count % len(meshes)], positions)
            count += 1
        rate = count * CONFIG.views / (time.perf_counter() - start)
    return name, rate, views


def keep(drawn: Drawn, path: Path) -> None:
    """Write what was drawn to a file."""
    np.savez_compressed(path, **vars(drawn))


def kept_before(path: Path) -> Drawn:
    """Read what `keep` wrote."""
    with np.load(path) as file:
        plain: dict[str, Any] = {name: file[name].tolist() for name in file if name != "views"}
        return Drawn(**plain, views=file["views"])


def shared(mine: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of the meshes that both drew."""
    return [(place, theirs.index(name)) for place, name in enumerate(mine) if name in theirs]


def cpu_model() -> str:
    """Name the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def compare(gpu: Drawn, cpu: Drawn) -> Row:
    """Make the row of a number of processes."""
    mine, theirs = zip(*shared(gpu.names, cpu.names), strict=True)
    off = np.abs(gpu.views[list(mine)].astype(np.int16) - cpu.views[list(theirs)])
    return Row(
        f"rendering, {gpu.processes} processes, {gpu.renderer}",
        f"{gpu.rate:,.0f} views/s",
        f"{cpu.rate:,.0f} views/s, {cpu.processes} processes, {cpu.renderer}, {cpu.machine}",
        times(1 / gpu.rate, 1 / cpu.rate),
        f"{off.mean():.3f} of 255 grey levels on average, "
        f"{100 * (off.max(axis=-1) > VISIBLE).mean():.3f} % of the pixels by more than {VISIBLE}",
    )


if __name__ == "__main__":
    main()
