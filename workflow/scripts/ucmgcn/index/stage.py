"""The index stage: freeze the trained state for searches; see `ucmgcn.index.file`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ucmgcn.core.arrays import Ints
from ucmgcn.datasets.manifest import read_items
from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.files.shards import open_shard
from ucmgcn.graph.attach import Frozen
from ucmgcn.graph.file import load_graph, read_nodes
from ucmgcn.graph.space import FeatureSpace
from ucmgcn.index.file import Facts, IndexedModels, Model, write_index
from ucmgcn.settings import Settings
from ucmgcn.train.freeze import freeze_propagation, load_frozen


@dataclass(frozen=True)
class IndexInputs:
    """Inputs of the stage: a manifest, the graph, the network of one seed, encoder and shards.

    `checkpoint` is empty where nothing was trained, because there are no photos.
    """

    models: Path
    graph: Path
    nodes: Path
    checkpoint: Sequence[Path]
    encoder: Path
    views: Sequence[Path]
    view_features: Sequence[Path]


def build_index(
    inputs: IndexInputs, out: Path, settings: Settings, facts: Mapping[str, Any]
) -> None:
    """Write the index of one seed to `out`, in a subfolder of the data set's results.

    Parameters
    ----------
    settings
        That the network was trained with.
    facts
        The fields of `Facts` that are no files.

    Raises
    ------
    UserError
        If a file that the stage reads is damaged.
    """
    nodes = read_nodes(inputs.nodes)
    items = {item.id: item for item in read_items(inputs.models)}
    models = [Model(id, items[id].category, Path(items[id].path)) for id in nodes.models]
    views = nodes.view_features
    pooled = {"max": views.max(axis=1), "mean": views.mean(axis=1)}
    write_index(
        out,
        _facts(inputs, out.parents[1], facts),
        IndexedModels(models, _shards(inputs.views, nodes.models), pooled),
        nodes.photos,
        nodes.cameras,
        dict(_methods(inputs, nodes.space, settings)),
    )


def _methods(
    inputs: IndexInputs, space: FeatureSpace, settings: Settings
) -> Iterator[tuple[str, Frozen]]:
    """Yield the frozen states: of the network, if one was trained, and of propagation."""
    for checkpoint in inputs.checkpoint:
        yield "ucm-gcn", load_frozen(inputs.graph, inputs.nodes, checkpoint, settings)
    yield "propagation", freeze_propagation(load_graph(inputs.graph), space, settings)


def _facts(inputs: IndexInputs, home: Path, others: Mapping[str, Any]) -> Facts:
    def relative(paths: Sequence[Path]) -> list[str]:
        return [str(path.relative_to(home)) for path in paths]

    (encoder,) = relative([inputs.encoder])
    described = OnnxEncoder(inputs.encoder).describe()
    return Facts(
        encoder=encoder,
        views=relative(inputs.views),
        view_features=relative(inputs.view_features),
        adapted=described.get("adapted_sha256", ""),
        **others,
    )


def _shards(views: Sequence[Path], models: Sequence[str]) -> Ints:
    """Find the number of the shard that holds the views of each model."""
    number: dict[str, int] = {}
    for i, path in enumerate(views):
        with open_shard(path, "views") as shard:
            number |= dict.fromkeys(shard.ids, i)
    return np.array([number[id] for id in models], dtype=np.int64)
