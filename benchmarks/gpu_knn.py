"""Exact nearest neighbours at MI3DOR's size, on the GPU against all cores; called by gpu.sh."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from gpu_measuring import DEVICE, Row, save, seconds, times

from ucmgcn.graph.knn import top_k
from ucmgcn.graph.knn_torch import top_k_torch
from ucmgcn.graph.space import normalise

K = 10


@click.command(help=__doc__)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--photos", default=21_000, show_default=True)
@click.option("--views", default=7_690 * 12, show_default=True)
@click.option("--dims", default=128, show_default=True)
def main(out: Path, photos: int, views: int, dims: int) -> None:
    generator = np.random.default_rng(0)
    queries, gallery = (
        normalise(generator.standard_normal((n, dims), dtype=np.float32)) for n in (photos, views)
    )
    gpu = seconds(lambda: top_k_torch(queries, gallery, K, DEVICE))
    cpu = seconds(lambda: top_k(queries, gallery, K), 1)
    ours, theirs = top_k_torch(queries, gallery, K, DEVICE), top_k(queries, gallery, K)
    same = float((ours[0] == theirs[0]).mean())
    off = float(np.abs(ours[1] - theirs[1]).max())
    row = Row(
        f"exact {K} nearest, {photos:,} x {views:,}, {dims} dimensions",
        f"{gpu:.3f} s",
        f"{cpu:.2f} s",
        times(gpu, cpu),
        f"{100 * same:.3f} % of the neighbours alike, similarities to {off:.1e}",
    )
    save(out, [row], gpu_seconds=gpu, cpu_seconds=cpu, alike=same, greatest_difference=off)


if __name__ == "__main__":
    main()
