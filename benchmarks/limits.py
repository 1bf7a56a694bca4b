"""What limits the renderer and the encoder: time of a view by step, and share of the peak.

    python benchmarks/limits.py render MODELS [--meshes 60]
    python benchmarks/limits.py encoder

`render` times the steps of rendering a mesh on one core: reading it, uploading it to OpenGL, and
drawing it. At 16 px hardly any pixel is shaded. A speck at full size costs what the frame alone
costs: clearing, scaling down and reading back. The rest is shading. `encoder` compares the
encoder's FLOP/s with the machine's fastest float32 matrix product.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from ucmgcn.media.formats import MESH_SUFFIXES
from ucmgcn.media.meshes import Mesh, load_mesh
from ucmgcn.render.renderer import SUPERSAMPLING, Renderer
from ucmgcn.render.stage import positions_of
from ucmgcn.settings import RenderConfig

SMALLEST = 16  # px
REPEATS = 3


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.argument("models", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--meshes", default=60, show_default=True, help="number, evenly chosen")
def render(models: Path, meshes: int) -> None:
    """Break down the time of rendering."""
    paths = sorted(p for p in models.rglob("*") if p.suffix.lower() in MESH_SUFFIXES)
    paths = [paths[i * len(paths) // meshes] for i in range(meshes)]
    start = time.process_time()
    loaded = [load_mesh(path) for path in paths]
    reading = time.process_time() - start
    config = RenderConfig()
    full, covered = drawing(loaded, config)
    bare, _ = drawing(loaded, replace(config, size=SMALLEST))
    specks = [speck()] * meshes
    frame = drawing(specks, config)[0] - drawing(specks, replace(config, size=SMALLEST))[0]
    shading, views = full - bare - frame, meshes * config.views
    parts = {"reading": reading, "vertices and calls": bare, "frame": frame, "shading": shading}
    print(f"{meshes} meshes of {np.median([len(m.faces) for m in loaded]):.0f} faces (median)")
    print(
        "ms per view on one core:", {name: round(1000 * s / views, 2) for name, s in parts.items()}
    )
    drawn = round(config.size * SUPERSAMPLING) ** 2
    print(
        f"{drawn:,} pixels drawn per view, {100 * covered:.0f} % of them shaded: "
        f"{drawn * covered * views / shading / 1e6:.0f} million shaded pixels per second"
    )


def speck() -> Mesh:
    """Make a tetrahedron that covers a few pixels of each view."""
    vertices = 0.02 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
    return Mesh(vertices, np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]))


def drawing(meshes: list[Mesh], config: RenderConfig) -> tuple[float, float]:
    """Return the CPU time of drawing loaded meshes, and the share of pixels that they cover."""
    with Renderer(config) as renderer:
        renderer.render(meshes[0], positions_of(config))
        start = time.process_time()
        views = [renderer.render(mesh, positions_of(config)) for mesh in meshes]
        seconds = time.process_time() - start
    return seconds, float(np.mean([(view != 255).any(axis=-1).mean() for view in views]))


@main.command()
@click.option("--threads", default=os.cpu_count(), show_default=True)
def encoder(threads: int) -> None:
    """Compare the encoder's FLOP/s with the machine's peak."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
    from ucmgcn.features.encoders.spec import EncoderSpec
    from ucmgcn.features.encoders.torch_encoder import Fusion, export_onnx

    network = Fusion(EncoderSpec()).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(*network.example(1))
    flops = counter.get_total_flops()
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / "encoder.onnx"
        export_onnx(EncoderSpec(), onnx)
        session = OnnxEncoder(onnx)
    images = np.random.default_rng(0).integers(256, size=(session.batch, 224, 224, 3), dtype="u1")
    batches = [images] * 16 * threads

    def encode() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(session.encode, batches))

    torch.set_num_threads(threads)
    square = torch.ones(2048, 2048)
    peak = 2 * 2048**3 / best(lambda: square @ square) / 1e9
    rate = len(batches) * session.batch / best(encode)
    print(f"{flops / 1e9:.2f} GFLOP per image; peak {peak:.0f} GFLOP/s on {threads} cores")
    print(
        f"{rate:.0f} images/s = {rate * flops / 1e9:.0f} GFLOP/s, "
        f"{100 * rate * flops / 1e9 / peak:.0f} % of the peak"
    )


def best(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several calls."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[1:])


if __name__ == "__main__":
    main()
