"""Weighted edges, and edges between nearest neighbours."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ucmgcn.core.arrays import Features, Ints
from ucmgcn.graph.knn import top_k
from ucmgcn.graph.neighbour_search import Searcher

BLOCK_VALUES = 2**20  # feature values of the edges of a block, so that it stays in cache


@dataclasses.dataclass(frozen=True)
class Edges:
    """Weighted edges from sources to destinations, each of shape (e,)."""

    sources: Ints
    destinations: Ints
    weights: Features

    def reversed(self) -> Edges:
        """Return the edges with sources and destinations swapped."""
        return Edges(self.destinations, self.sources, self.weights)

    def shifted(self, sources: int, destinations: int) -> Edges:
        """Return the edges with offsets added to their node numbers."""
        return Edges(self.sources + sources, self.destinations + destinations, self.weights)


def neighbour_edges(
    vectors: Features, k: int, search: Searcher | None = None, name: str = "neighbours"
) -> Edges:
    """Link each vector to its k nearest others, in both directions.

    Parameters
    ----------
    vectors
        Unit vectors, shape (n, d). Weights are cosines clipped at 0; no pair is linked twice.
    search, name
        Neighbour search, and the name that it records; None searches on the CPU.
    """
    found, _ = (search or Searcher())(name, vectors, vectors, k, exclude_self=True)
    return symmetric(weighted(found, vectors, vectors), len(vectors))


def symmetric(edges: Edges, n: int) -> Edges:
    """Return the edges among n nodes in both directions, each ordered pair once, sorted."""
    keys = np.concatenate(
        [edges.sources * n + edges.destinations, edges.destinations * n + edges.sources]
    )
    keys, first = np.unique(keys, return_index=True)
    return Edges(keys // n, keys % n, np.tile(edges.weights, 2)[first])


def weighted(found: Ints, queries: Features, gallery: Features) -> Edges:
    """Link queries to the neighbours found, weighted by the cosine clipped at 0.

    Parameters
    ----------
    found
        Rows of the gallery, shape (n, k); -1 where an approximate index found none.
    queries, gallery
        Unit vectors, shapes (n, d) and (m, d).
    """
    rows, columns = np.nonzero(found >= 0)
    destinations = found[rows, columns]
    cosine = np.empty(len(rows), dtype=np.float32)
    size = max(1, BLOCK_VALUES // queries.shape[1])
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        cosine[part] = np.einsum("ed,ed->e", queries[rows[part]], gallery[destinations[part]])
    return Edges(rows, destinations, np.maximum(cosine, 0))


def neighbourhoods(photos: Features, models: Features, k: int) -> Edges:
    """Link photos and models to their k nearest photos and k nearest models, in both directions.

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
    """Join photo-model edges, both ways, with the k nearest among photos and among models.

    In `across`, edges lead from photo i to model j; photo i becomes node i, model j node n + j.
    """
    n = len(photos)
    across = across.shifted(0, n)
    alike = [neighbour_edges(photos, k), neighbour_edges(models, k).shifted(n, n)]
    return _joined([*alike, across, across.reversed()])


def _pairs(queries: Features, gallery: Features, k: int) -> np.ndarray:
    found, _ = top_k(queries, gallery, k)
    return np.stack([np.repeat(np.arange(len(found)), found.shape[1]), found.ravel()], axis=1)


def _joined(parts: Sequence[Edges]) -> Edges:
    fields = ("sources", "destinations", "weights")
    return Edges(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))
