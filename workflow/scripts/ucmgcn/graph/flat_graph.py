"""The heterograph flattened for message passing: one set of nodes, normalised edges."""

from __future__ import annotations

from dataclasses import dataclass, replace

import dgl
import numpy as np
import torch
from torch import Tensor

from ucmgcn.graph.edge_types import NODE_TYPES, EdgeType
from ucmgcn.graph.message_passing import Adjacency, normalised_adjacency


@dataclass(frozen=True)
class FlatGraph:
    """The heterograph as one set of nodes: photos, then views, then models.

    Attributes
    ----------
    features
        Unit vectors of all nodes, shape (n, d), float32.
    adjacency
        Normalised edges, in one group or in one per relation.
    kinds
        Edge types of each group of the adjacency.
    photos, models
        Number of nodes of these types.
    """

    features: Tensor
    adjacency: Adjacency
    kinds: list[list[EdgeType]]
    photos: int
    models: int

    def ends(self, rows: Tensor) -> Tensor:
        """Keep the rows of photos and models, shape (photos + models, d)."""
        return torch.cat([rows[: self.photos], rows[len(rows) - self.models :]])

    def without_edges(self) -> FlatGraph:
        """Return the same nodes without an edge."""
        nodes, device = len(self.features), self.features.device
        none = torch.empty(0, dtype=torch.int64)
        edgeless = normalised_adjacency(
            [(none, none, torch.empty(0)) for _ in self.kinds], nodes, device
        )
        return replace(self, adjacency=edgeless)


def flatten(graph: dgl.DGLGraph, per_relation: bool, device: torch.device) -> FlatGraph:
    """Number all nodes of the heterograph in one sequence, and normalise its edges."""
    sizes = [graph.num_nodes(kind) for kind in NODE_TYPES]
    start = dict(zip(NODE_TYPES, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
    groups: list[tuple[Tensor, Tensor, Tensor]] = []
    for kind in graph.canonical_etypes:
        sources, destinations = graph.edges(etype=kind)
        weight = graph.edges[kind].data["weight"]
        groups.append((sources + start[kind[0]], destinations + start[kind[2]], weight))
    kinds = [[kind] for kind in graph.canonical_etypes]
    if not per_relation:
        sources, destinations, weights = (torch.cat(p) for p in zip(*groups, strict=True))
        groups, kinds = [(sources, destinations, weights)], [graph.canonical_etypes]
    features = torch.cat([graph.nodes[kind].data["feature"] for kind in NODE_TYPES]).to(device)
    adjacency = normalised_adjacency(groups, sum(sizes), device)
    return FlatGraph(features, adjacency, kinds, sizes[0], sizes[2])
