"""The cross-media graph in memory: its nodes, and DGL's heterograph."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import dgl
import numpy as np
import numpy.typing as npt
import torch

from ucmgcn.core.arrays import Features
from ucmgcn.graph.edge_types import NODE_TYPES, EdgeType
from ucmgcn.graph.edges import Edges
from ucmgcn.graph.space import FeatureSpace


@dataclasses.dataclass(frozen=True)
class Nodes:
    """The nodes of the graph, in its order: ids, encoder features and their feature space.

    Attributes
    ----------
    photos, models
        Ids of n photos and m models.
    photo_features, view_features
        Shapes (n, d) and (m, v, d), float32.
    cameras
        Unit positions of the views' cameras, shape (v, 3); empty if unknown.
    space
        The feature space fitted on these photos and views.
    """

    photos: list[str]
    models: list[str]
    photo_features: Features
    view_features: Features
    cameras: npt.NDArray[np.float64]
    space: FeatureSpace


def count(graph: dgl.DGLGraph) -> dict[str, dict[str, int]]:
    """Count the nodes and the edges of each type."""
    return {
        "nodes": {kind: graph.num_nodes(kind) for kind in NODE_TYPES},
        "edges": {" ".join(kind): graph.num_edges(kind) for kind in graph.canonical_etypes},
    }


def make_heterograph(
    edges: Mapping[EdgeType, Edges], features: Mapping[str, Features]
) -> dgl.DGLGraph:
    """Make DGL's heterograph: edges with ``weight``, nodes with ``feature``."""
    graph = dgl.heterograph(
        {
            kind: (torch.from_numpy(e.sources), torch.from_numpy(e.destinations))
            for kind, e in edges.items()
        },
        num_nodes_dict={kind: len(rows) for kind, rows in features.items()},
    )
    for kind, rows in features.items():
        graph.nodes[kind].data["feature"] = torch.from_numpy(np.ascontiguousarray(rows))
    for edge_type, e in edges.items():
        graph.edges[edge_type].data["weight"] = torch.from_numpy(e.weights)
    return graph
