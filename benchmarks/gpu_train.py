"""Training at MI3DOR's size, full-batch and sampled, GPU against CPU; called by gpu.sh.

Both devices train without dropout, whose random numbers differ between them, so that their losses
can be compared.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import click
import dgl
import numpy as np
import torch
from gpu_measuring import DEVICE, Row, forget_peak, one_time, peak, save, times
from train_scale import build

from ucmgcn.core.devices import Device
from ucmgcn.graph.file import load_graph
from ucmgcn.graph.flat_graph import flatten
from ucmgcn.settings import GraphConfig, PropagationConfig, Settings, TrainConfig
from ucmgcn.train.training import Training

FULL = TrainConfig(dropout=0.0)
SAMPLED = replace(FULL, full_batch_nodes=0)


@dataclass(frozen=True)
class Run:
    """One training: the losses of its epochs, the seconds of the median one, GiB, and the nodes."""

    losses: list[float]
    epoch: float
    gib: float
    nodes: int


@click.command(help=__doc__)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--photos", default=21_000, show_default=True)
@click.option("--models", default=7_690, show_default=True)
@click.option("--features", default=1_280, show_default=True)
@click.option("--epochs", default=4, show_default=True)
def main(out: Path, photos: int, models: int, features: int, epochs: int) -> None:
    settings = Settings(GraphConfig(), PropagationConfig(), FULL, 0, "cpu")
    rows, facts = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        path, _ = build(Path(scratch), photos, models, features, 21, settings)
        graph = load_graph(path)
    for name, config in (("full-batch", FULL), ("sampled", SAMPLED)):
        runs = [train(graph, config, device, epochs) for device in (DEVICE, "cpu")]
        rows.append(compare(name, *runs))
        facts[name] = {"gpu": vars(runs[0]), "cpu": vars(runs[1])}
        save(out, rows, **facts)


def train(graph: dgl.DGLGraph, config: TrainConfig, device: Device, epochs: int) -> Run:
    """Train for some epochs; the first is not timed."""
    forget_peak()
    settings = Settings(GraphConfig(), PropagationConfig(), config, 0, device)
    flat = flatten(graph, config.per_relation, torch.device(device))
    training = Training(flat, settings, config, Path("none"), "")
    losses: list[float] = []
    taken = [
        one_time(lambda seed=epoch: losses.append(training._epoch(seed)["loss"]))
        for epoch in range(epochs)
    ]
    return Run(losses, statistics.median(taken[1:]), peak(), len(flat.features))


def compare(name: str, gpu: Run, cpu: Run) -> Row:
    """Make the row of one way of training."""
    ours, theirs = np.array(gpu.losses), np.array(cpu.losses)
    off = float(np.abs(ours / theirs - 1).max())
    return Row(
        f"training, {name}, {gpu.nodes:,} nodes",
        f"{gpu.epoch:.3f} s an epoch, {gpu.gib:.2f} GiB, {gpu.nodes / gpu.gib:,.0f} nodes a GiB",
        f"{cpu.epoch:.2f} s an epoch",
        times(gpu.epoch, cpu.epoch),
        f"losses of {len(ours)} epochs to {off:.1e}" + ("" if off < 1e-3 else " (wanted 1e-3)"),
    )


if __name__ == "__main__":
    main()
