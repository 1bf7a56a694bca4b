"""Propagation without learned weights: the baseline, and the teacher of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dgl
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ucmgcn.core.arrays import Features
from ucmgcn.graph.build import neighbour_edges
from ucmgcn.graph.edge_types import NODE_TYPES, EdgeType
from ucmgcn.graph.heterograph import Edges
from ucmgcn.graph.knn import neighbourhood, top_k
from ucmgcn.graph.message_passing import Adjacency, diffuse, normalised_adjacency
from ucmgcn.settings import PropagationConfig


@dataclass(frozen=True)
class FlatGraph:
    """The heterograph as one set of nodes: photos, then views, then models.

    Attributes
    ----------
    features
        Unit vectors of all nodes, shape (n, d), float32.
    adjacency
        Normalised edges, in one group or in one for each relation.
    kinds
        Edge types of each group of the adjacency.
    photos, models
        Number of nodes of these kinds.
    """

    features: Tensor
    adjacency: Adjacency
    kinds: list[list[EdgeType]]
    photos: int
    models: int

    def ends(self, rows: Tensor) -> Tensor:
        """Keep the rows of photos and models, shape (photos + models, d)."""
        return torch.cat([rows[: self.photos], rows[len(rows) - self.models :]])


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


def neighbourhoods(photos: Features, models: Features, k: int) -> Edges:
    """Link photos and models to their k nearest of both kinds, in both directions.

    Parameters
    ----------
    photos, models
        Unit vectors, shapes (n, d) and (m, d). Photo i is node i, model j is node n + j.
    """
    forth, back = _pairs(photos, models, k), _pairs(models, photos, k)
    pairs = np.unique(np.concatenate([forth, back[:, ::-1]]), axis=0)
    weights = np.maximum(np.einsum("ed,ed->e", photos[pairs[:, 0]], models[pairs[:, 1]]), 0)
    return linked(photos, models, k, Edges(pairs[:, 0], pairs[:, 1], weights.astype(np.float32)))


def linked(photos: Features, models: Features, k: int, across: Edges) -> Edges:
    """Join edges from photo i to model j, both ways, with the k nearest of each kind.

    Photo i becomes node i, model j node n + j.
    """
    n = len(photos)
    across = _shift(across, 0, n)
    alike = [neighbour_edges(photos, k), _shift(neighbour_edges(models, k), n, n)]
    return _join([*alike, across, across.reversed()])


def propagated(flat: FlatGraph, config: PropagationConfig) -> Tensor:
    """Propagate, rebuild the graph of photos and models from the result, propagate on that.

    Gives unit vectors of photos and models, shape (photos + models, d).
    """
    own = flat.ends(flat.features)
    spread = flat.ends(diffuse(flat.features, flat.adjacency, config.hops, config.teleport))
    for _ in range(config.rounds):
        pairs = rebuilt_adjacency(linked_neighbours(spread, flat.photos, config), own)
        spread = diffuse(own, pairs, config.hops, config.teleport)
    return F.normalize(spread, dim=1)


def rebuilt_adjacency(edges: Edges, like: Tensor) -> Adjacency:
    """Normalise edges among as many nodes as `like` has rows, on its device."""
    parts = (edges.sources, edges.destinations, edges.weights)
    sources, destinations, weights = (torch.from_numpy(part) for part in parts)
    return normalised_adjacency([(sources, destinations, weights)], len(like), like.device)


def linked_neighbours(rows: Tensor, photos: int, config: PropagationConfig) -> Edges:
    """Link the first `photos` rows and the others, the models, to their nearest of both kinds."""
    unit = F.normalize(rows, dim=1).cpu().numpy()
    k = neighbourhood(config.neighbours, min(photos, len(unit) - photos))
    return neighbourhoods(unit[:photos], unit[photos:], k)


def _pairs(queries: Features, gallery: Features, k: int) -> np.ndarray:
    found, _ = top_k(queries, gallery, k)
    return np.stack([np.repeat(np.arange(len(found)), found.shape[1]), found.ravel()], axis=1)


def _shift(edges: Edges, sources: int, destinations: int) -> Edges:
    return Edges(edges.sources + sources, edges.destinations + destinations, edges.weights)


def _join(parts: Sequence[Edges]) -> Edges:
    fields = ("sources", "destinations", "weights")
    return Edges(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))
