"""Propagation without learned weights: a baseline, and the source of pseudo-labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ucmgcn.graph.edges import Edges, neighbourhoods
from ucmgcn.graph.flat_graph import FlatGraph
from ucmgcn.graph.knn import neighbourhood
from ucmgcn.graph.message_passing import Adjacency, diffuse, normalised_adjacency
from ucmgcn.settings import PropagationConfig


def propagated(flat: FlatGraph, config: PropagationConfig) -> Tensor:
    """Propagate the features; each round rebuilds the graph from the result, and propagates again.

    Rebuilt graphs hold photos and models only. Returns their unit vectors, shape
    (photos + models, d).
    """
    own = flat.ends(flat.features)
    spread = flat.ends(diffuse(flat.features, flat.adjacency, config.hops, config.teleport))
    for _ in range(config.rounds):
        pairs = rebuilt_adjacency(linked_neighbours(spread, flat.photos, config), own)
        spread = diffuse(own, pairs, config.hops, config.teleport)
    return F.normalize(spread, dim=1)


def rebuilt_adjacency(edges: Edges, like: Tensor) -> Adjacency:
    """Normalise edges among the nodes that are the rows of `like`, on its device."""
    parts = (edges.sources, edges.destinations, edges.weights)
    sources, destinations, weights = (torch.from_numpy(part) for part in parts)
    return normalised_adjacency([(sources, destinations, weights)], len(like), like.device)


def linked_neighbours(rows: Tensor, photos: int, config: PropagationConfig) -> Edges:
    """Link photos (the first `photos` rows) and models (the other rows) to their neighbours."""
    unit = F.normalize(rows, dim=1).cpu().numpy()
    models = len(unit) - photos
    k = neighbourhood(config.neighbours, min(photos, models) or models)
    return neighbourhoods(unit[:photos], unit[photos:], k)
