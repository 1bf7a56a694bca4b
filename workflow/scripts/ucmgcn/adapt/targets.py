"""Targets: who is like whom, by the graph; no label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from ucmgcn.core.arrays import Features, Floats, Ints
from ucmgcn.core.devices import Device
from ucmgcn.graph.build import fit_nodes, link
from ucmgcn.graph.flat_graph import flatten
from ucmgcn.graph.knn import neighbourhood
from ucmgcn.graph.neighbour_search import Searcher
from ucmgcn.graph.propagation import linked_neighbours, propagated
from ucmgcn.graph.space import fit_space
from ucmgcn.settings import GraphConfig, PropagationConfig, TrainConfig
from ucmgcn.train.matching import balanced_neighbourhoods


@dataclass(frozen=True)
class Targets:
    """Who is like whom.

    Attributes
    ----------
    links
        Weights from 0 to 1 of the n photos and m models, in this order: sparse, symmetric, CSR of
        shape (n + m, n + m), a few dozen in each row.
    photos
        n.
    photo_mean, view_mean
        Means of the L2-normalised features of each modality, shape (d,).
    """

    links: sparse.csr_matrix
    photos: int
    photo_mean: Features
    view_mean: Features

    @property
    def models(self) -> int:
        """Number of models m."""
        return int(self.links.shape[0]) - self.photos

    def model_of(self, photo: int, generator: np.random.Generator) -> int | None:
        """Draw a model that a photo is linked to, by the weights; None if there is none."""
        row = slice(*self.links.indptr[photo : photo + 2])
        ends, weights = self.links.indices[row], self.links.data[row].astype(np.float64)
        across = (ends >= self.photos) & (weights > 0)
        if not across.any():
            return None
        share = weights[across] / weights[across].sum()
        return int(generator.choice(ends[across], p=share)) - self.photos

    def among(self, nodes: Ints) -> Features:
        """Weights between nodes (b,), which may repeat, to (b, b); 1 between equal nodes."""
        once, place = np.unique(nodes, return_inverse=True)
        weights = self.links[once][:, once].toarray()
        np.fill_diagonal(weights, 1)
        return np.asarray(weights[np.ix_(place, place)], dtype=np.float32)


@dataclass(frozen=True)
class GraphSettings:
    """How the graph is built, propagated over and matched: the settings of later stages."""

    graph: GraphConfig
    propagation: PropagationConfig
    train: TrainConfig


def make_targets(
    photos: Features, views: Features, cameras: Floats, settings: GraphSettings, device: Device
) -> Targets:
    """Build the graph, propagate over it, and link the neighbours that it finds.

    Links lead to the nearest of the same modality, and across to those of the balanced transport,
    as the pseudo-labels of the network do (`ucmgcn.train.training`).

    Parameters
    ----------
    photos, views
        Features, shapes (n, d) and (m, v, d).
    cameras
        Unit positions of the views' cameras, shape (v, 3); empty if unknown.
    """
    n, m = len(photos), len(views)
    graph, propagation, train = settings.graph, settings.propagation, settings.train
    nodes = fit_nodes([""] * n, [""] * m, photos, views, cameras, graph)
    on = torch.device(device)
    flat = flatten(link(nodes, graph, Searcher(graph.knn, device)), False, on)
    spread = propagated(flat, propagation)
    if n:
        unit, k = spread.cpu().numpy(), neighbourhood(propagation.neighbours, min(n, m))
        plan = train.transport_entropy, train.transport_balance
        edges = balanced_neighbourhoods(unit[:n], unit[n:], k, *plan, on)
    else:
        edges = linked_neighbours(spread, n, propagation)
    pairs = (edges.weights, (edges.sources, edges.destinations))
    space = fit_space(photos, views, "centred", 0, 0)
    return Targets(
        sparse.csr_matrix(pairs, shape=(n + m, n + m)), n, space.photo_mean, space.view_mean
    )
