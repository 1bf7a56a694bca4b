"""Time and memory of training, part by part, at MI3DOR's size or another.

Features are random around one centre per category, with photos shifted against views; the graph is
built outside the measured time. Each part prints wall time, CPU time over all threads, and peak
resident memory, which includes what the libraries and earlier parts still hold; with --whole also
that of the seed's training processes.

    python benchmarks/train_scale.py
    python benchmarks/train_scale.py --space centred
    python benchmarks/train_scale.py --whole
    python benchmarks/train_scale.py --models 40000 --photos 40000 --epochs 2 --sampled
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from measuring import Measured, Row, measured, record

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from ucmgcn.graph.attach import embed_queries
from ucmgcn.graph.build import fit_nodes, link
from ucmgcn.graph.file import load_graph, read_nodes, save_graph, write_nodes
from ucmgcn.graph.flat_graph import flatten
from ucmgcn.graph.heterograph import Nodes
from ucmgcn.graph.propagation import propagated
from ucmgcn.media.cameras import icosahedron
from ucmgcn.settings import GraphConfig, PropagationConfig, Settings, TrainConfig
from ucmgcn.train.stage import Files, train_seed
from ucmgcn.train.training import Training


@click.command()
@click.option("--photos", default=10_500, show_default=True)
@click.option("--models", default=3_848, show_default=True)
@click.option("--features", default=1_280, show_default=True, help="dimensions of the encoder")
@click.option("--categories", default=21, show_default=True)
@click.option("--space", default="pca-whitened", show_default=True, help="graph.space")
@click.option("--epochs", default=20, show_default=True)
@click.option("--sampled", is_flag=True, help="mini-batches at any size of the graph")
@click.option("--whole", is_flag=True, help="one seed like the pipeline: all photos, and 3 folds")
@click.option("--threads", default=2, show_default=True, help="with --whole: processes")
@click.option("--device", default="cpu", show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(
    photos: int,
    models: int,
    features: int,
    categories: int,
    space: str,
    epochs: int,
    sampled: bool,
    whole: bool,
    threads: int,
    device: str,
    seed: int,
) -> None:
    """Measure one training."""
    torch.set_num_threads(threads)
    config = TrainConfig(epochs=epochs)
    if sampled:
        config = replace(config, full_batch_nodes=0)
    settings = Settings(GraphConfig(space=space), PropagationConfig(), config, seed, device)
    size = f"{photos + models * (len(icosahedron()) + 1):,} nodes, {space}"
    with tempfile.TemporaryDirectory() as folder:
        graph, nodes = build(Path(folder), photos, models, features, categories, settings)
        if whole:
            files = Files(*(Path(folder) / name for name in ("seed.pt", "history.csv", "rows.h5")))
            with measured("one seed, both protocols") as one:
                train_seed(graph, nodes, files, settings, processes=threads)
            rows = [whole_training(one, size)]
        else:
            rows = measure_parts(graph, nodes, settings, config, size)
    record(f"{Path(__file__).stem}-{'whole' if whole else space}", rows)


def whole_training(one: Measured, size: str) -> Row:
    """Make the row of all configured seeds, trained one after the other with all processes."""
    seeds = len(TrainConfig().seeds)
    minutes = seeds * one.seconds / 60
    reached = f"{seeds} x {one.seconds:.0f} s, peak {one.peak:.1f} GiB"
    return Row(f"train: the default, {size}", "", reached, "10 min", minutes < 10)


def measure_parts(
    graph: Path, nodes: Path, settings: Settings, config: TrainConfig, size: str
) -> list[Row]:
    """Train once on all photos, and embed every photo as if it were new."""
    with measured("read"):
        loaded, known = load_graph(graph), read_nodes(nodes)
    with measured("flatten"):
        flat = flatten(loaded, config.per_relation, torch.device(settings.device))
    print(f"{len(flat.features)} nodes of {flat.features.shape[1]} features")
    with measured("propagation, rebuilding"):
        propagated(flat, settings.propagation)
    with measured("the same, and targets"):
        training = Training(flat, settings, config, Path("none"), "")
    for part in (1, config.epochs - 1):
        with measured(f"{part} epochs") as epochs:
            for epoch in range(part):
                training._epoch(epoch)
    with measured("freeze"):
        frozen = training.freeze(known.space)
    with measured("inductive embedding"):
        embed_queries(frozen, known.photo_features)
    seconds, peak = epochs.seconds / part, epochs.peak
    return [
        Row(f"train: an epoch, {size}", "", f"{seconds:.2f} s", "5 s", seconds < 5),
        Row(f"train: peak, {size}", "", f"{peak:.1f} GiB", "6 GiB", peak < 6),
    ]


def build(
    folder: Path, photos: int, models: int, features: int, categories: int, settings: Settings
) -> tuple[Path, Path]:
    """Write a graph and its nodes with random features."""
    generator = np.random.default_rng(settings.seed)
    centres = generator.normal(size=(categories, features)).astype(np.float32)
    shift = generator.normal(size=features).astype(np.float32)
    cameras = icosahedron()
    views = scattered(generator, centres, (models, len(cameras)))
    nodes: Nodes = fit_nodes(
        [f"{i:07d}" for i in range(photos)],
        [f"{i:07d}" for i in range(models)],
        scattered(generator, centres, (photos,)) + shift,
        views,
        cameras,
        settings.graph,
    )
    save_graph(folder / "graph.h5", link(nodes, settings.graph))
    write_nodes(folder / "nodes.h5", nodes)
    return folder / "graph.h5", folder / "nodes.h5"


def scattered(
    generator: np.random.Generator, centres: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Draw rows around the centres, of shape (*shape, d); item i has category i mod c."""
    item = np.arange(shape[0]) % len(centres)
    rows = 4.0 * generator.standard_normal((*shape, centres.shape[1]), dtype=np.float32)
    rows += centres[item].reshape(shape[0], *[1] * (len(shape) - 1), -1)
    return rows


if __name__ == "__main__":
    main()
