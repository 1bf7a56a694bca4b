"""A small set of photos and models in clusters, and its graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ucmgcn.datasets.roles import Roles
from ucmgcn.files.shards import ShardWriter
from ucmgcn.graph.stage import build_graph
from ucmgcn.media.cameras import icosahedron
from ucmgcn.settings import GraphConfig, PropagationConfig, Settings, TrainConfig

PHOTOS, MODELS, VIEWS, SIZE = 48, 30, 12, 16
GRAPH = GraphConfig(k=4, dims=8)
TRAIN = TrainConfig(epochs=6, hidden=16, dims=8, folds=2, checkpoint_every=2)
SETTINGS = Settings(GRAPH, PropagationConfig(), TRAIN, 0, "cpu")
SOURCE = replace(SETTINGS, train=replace(TRAIN, supervision="source", epochs=30))
LABELS = {f"{i:03d}": "abc"[i % 3] for i in range(0, PHOTOS, 2)}
ROLES = Roles(dict.fromkeys(LABELS, "labelled"), LABELS)


def build(folder: Path, n: int, m: int, graph: GraphConfig, categories: int = 3) -> Path:
    """Build the graph of n photos and m models in this number of clusters."""
    generator = np.random.default_rng(0)
    centres = 3 * np.eye(3, SIZE)
    photos = centres[np.arange(n) % categories] + generator.normal(size=(n, SIZE)) + 1
    views = generator.normal(size=(m, VIEWS, SIZE)) + centres[np.arange(m) % categories][:, None]
    for name, rows, extra in (
        ("image-features", photos, {}),
        ("view-features", views, {"cameras": icosahedron()}),
    ):
        path = folder / f"{name}.h5"
        with ShardWriter(path, name, {}, "features", rows.shape[1:], "f4", extra=extra) as writer:
            writer.add_many([f"{i:03d}" for i in range(len(rows))], rows.astype(np.float32))
    build_graph(
        [folder / "image-features.h5"], [folder / "view-features.h5"],
        folder / "graph.h5", folder / "graph.json", folder / "nodes.h5", graph,
    )  # fmt: skip
    return folder
