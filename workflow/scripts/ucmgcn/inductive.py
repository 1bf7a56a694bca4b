"""Attach a query photo to a frozen graph, alone, and embed it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ucmgcn.graph import Edges
from ucmgcn.knn import top_k
from ucmgcn.spaces import Features, normalise


@dataclass(frozen=True)
class Frozen:
    """A graph with its embeddings, none of which a query can change.

    Attributes
    ----------
    photos
        Features of the graph's photos, unit vectors, shape (n, d).
    views
        Features of the views, shape (m, v, d).
    spread
        What propagation made of photos and models, shape (n + m, d), unit vectors.
    learned
        What the network made of them, shape (n + m, d'), unit vectors; d' = 0 for the control.
    k, view_k
        Nearest photos and views that a query is attached to.
    teleport
        Share of the query's own features in what it takes from them.
    """

    photos: Features
    views: Features
    spread: Features
    learned: Features
    k: int
    view_k: int
    teleport: float

    @property
    def gallery(self) -> Features:
        """Embeddings of the models, unit vectors, shape (m, d + d')."""
        n = len(self.photos)
        return joined(self.spread[n:], self.learned[n:])


def embed_queries(frozen: Frozen, features: Features) -> Features:
    """Embed queries, each attached alone to its nearest photos and views.

    Parameters
    ----------
    features
        Unit vectors in the space of the graph, shape (q, d), float32. Row i of the result
        depends on row i only.

    Returns
    -------
    Features
        Unit vectors, shape (q, d + d').
    """
    edges = _attach(frozen, features)
    spread = (1 - frozen.teleport) * _mean(edges, frozen.spread, len(features))
    spread = normalise(spread + frozen.teleport * features)
    return joined(spread, normalise(_mean(edges, frozen.learned, len(features))))


def embed_query(frozen: Frozen, feature: Features) -> Features:
    """Embed one photo: (d,) in the space of the graph to (d + d',)."""
    return embed_queries(frozen, feature[None])[0]


def joined(spread: Features, learned: Features) -> Features:
    """Put both embeddings of the same nodes side by side, as unit vectors."""
    return normalise(np.concatenate([spread, learned], axis=1))


def _attach(frozen: Frozen, features: Features) -> Edges:
    """Link queries to photos (node i) and to the models of views (node n + j)."""
    n, (m, v, d) = len(frozen.photos), frozen.views.shape
    photos, alike = top_k(features, frozen.photos, frozen.k)
    views, shown = top_k(features, frozen.views.reshape(m * v, d), frozen.view_k)
    destinations = np.concatenate([photos, n + views // v], axis=1)
    weights = np.maximum(np.concatenate([alike, shown], axis=1), 0)
    sources = np.repeat(np.arange(len(features)), destinations.shape[1])
    return Edges(sources, destinations.ravel(), weights.ravel())


def _mean(edges: Edges, rows: Features, queries: int) -> Features:
    total = np.zeros((queries, rows.shape[1]), dtype=np.float32)
    np.add.at(total, edges.sources, edges.weights[:, None] * rows[edges.destinations])
    weight = np.bincount(edges.sources, edges.weights, queries)[:, None]
    return np.asarray(total / np.maximum(weight, 1e-12), dtype=np.float32)
