"""Nearest neighbours at any size: exact if that takes seconds, else with a faiss index.

Exact search costs n m d multiply-adds for n queries and m gallery vectors. Beyond `EXACT_WORK` an
inverted file (IVF) searches only the clusters nearest to a query. If queries far outnumber the
gallery, a graph of the gallery (HNSW) is used, which is slower to build but faster to query. One
sample of the queries sets the search effort, another measures the recall. A GPU searches exactly.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ucmgcn.core.arrays import Features, Ints
from ucmgcn.core.devices import Device
from ucmgcn.graph.knn import top_k
from ucmgcn.settings import KnnIndex

EXACT_WORK = 2_000_000_000_000  # multiply-adds: about half a minute of two cores
HNSW_RATIO = 50  # queries per gallery vector from which HNSW's slow build pays off
TARGET_RECALL = 0.95
SAMPLE = 512  # queries that set the effort, and as many others that measure the recall
# faiss's guidelines recommend 4 sqrt(m) lists, trained on 64 points each.
LISTS_PER_ROOT = 4
POINTS_PER_LIST = 64
HNSW_LINKS = 32
HNSW_BUILD_EFFORT = 80

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Search:
    """How neighbours were searched.

    Attributes
    ----------
    index
        ``"flat"`` is exact.
    recall
        Share of the true neighbours found, on a sample of the queries.
    """

    index: KnnIndex
    recall: float = 1.0


@dataclass(frozen=True)
class Searcher:
    """Searches nearest neighbours, and records the index and recall of each search.

    Parameters
    ----------
    index
        ``"auto"`` chooses by size, see `choose_index`.
    device
        A GPU searches exactly at any size, unless an index is named.

    Attributes
    ----------
    used
        Index and recall of each search, by name.
    """

    index: KnnIndex = "auto"
    device: Device = "cpu"
    used: dict[str, Search] = field(default_factory=dict)

    def __call__(
        self, name: str, queries: Features, gallery: Features, k: int, *, exclude_self: bool = False
    ) -> tuple[Ints, Features]:
        """Find the k gallery vectors of highest inner product with each query.

        Parameters
        ----------
        name
            Name of this search in `used`.
        queries, gallery, k, exclude_self
            As in `ucmgcn.graph.knn.top_k`.

        Returns
        -------
        indices, similarities
            Shapes (n, k'), best first. If an approximate index finds fewer, -1 and the lowest
            number fill the row.
        """
        index = self._choose(len(queries), *gallery.shape)
        k = max(0, min(k, len(gallery) - exclude_self))
        if index == "flat" or not k or not len(queries):
            self.used[name] = Search("flat")
            return self._exact(queries, gallery, k, exclude_self)
        found, similarities, self.used[name] = _approximate(
            queries, gallery, k, exclude_self, index
        )
        logger.info("%s: %s", name, self.used[name])
        return found, similarities

    def _choose(self, queries: int, gallery: int, dims: int) -> KnnIndex:
        if self.index == "auto" and self.device == "cuda":
            return "flat"
        return choose_index(queries, gallery, dims) if self.index == "auto" else self.index

    def _exact(
        self, queries: Features, gallery: Features, k: int, exclude_self: bool
    ) -> tuple[Ints, Features]:
        if self.device == "cpu":
            return top_k(queries, gallery, k, exclude_self=exclude_self)
        from ucmgcn.graph.knn_torch import top_k_torch

        return top_k_torch(queries, gallery, k, self.device, exclude_self=exclude_self)


def choose_index(queries: int, gallery: int, dims: int) -> KnnIndex:
    """Choose the index for n queries and m gallery vectors of d dimensions."""
    if queries * gallery * dims <= EXACT_WORK:
        return "flat"
    return "hnsw" if queries >= HNSW_RATIO * gallery else "ivf"


def _approximate(
    queries: Features, gallery: Features, k: int, exclude_self: bool, index: KnnIndex
) -> tuple[Ints, Features, Search]:
    built = _ivf(gallery) if index == "ivf" else _hnsw(gallery)
    wanted = k + exclude_self
    order = np.random.default_rng(0).permutation(len(queries))
    tuning, held_out = order[:SAMPLE], order[SAMPLE : 2 * SAMPLE]
    _set_effort(built, index, queries[tuning], gallery, wanted)
    similarities, found = built.search(queries, wanted)
    measured = held_out if len(held_out) else tuning
    recall = _recall(found[measured], top_k(queries[measured], gallery, wanted)[0])
    if exclude_self:
        found, similarities = _without_self(found, similarities)
    return found, similarities, Search(index, round(recall, 4))


def _ivf(gallery: Features) -> Any:
    """Cluster the gallery, and file each vector under its cluster."""
    import faiss

    m, d = gallery.shape
    lists = max(1, min(int(LISTS_PER_ROOT * m**0.5), m // 2))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1
    index.cp.max_points_per_centroid = POINTS_PER_LIST
    points = np.random.default_rng(0).permutation(m)[: POINTS_PER_LIST * lists]
    index.train(gallery[np.sort(points)])
    index.add(gallery)
    return index


def _hnsw(gallery: Features) -> Any:
    """Build the graph of the gallery; on one core, since the order of insertion decides it."""
    import faiss

    index = faiss.IndexHNSWFlat(gallery.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = HNSW_BUILD_EFFORT
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        index.add(gallery)
    finally:
        faiss.omp_set_num_threads(threads)
    return index


def _set_effort(built: Any, index: KnnIndex, sample: Features, gallery: Features, k: int) -> None:
    """Double the search effort until the recall on a sample reaches `TARGET_RECALL`."""
    truth, _ = top_k(sample, gallery, k)
    effort, most = (8, built.nlist) if index == "ivf" else (max(32, k), len(gallery))
    while True:
        if index == "ivf":
            built.nprobe = effort
        else:
            built.hnsw.efSearch = effort
        if effort >= most or _recall(built.search(sample, k)[1], truth) >= TARGET_RECALL:
            return
        effort = min(2 * effort, most)


def _recall(found: Ints, truth: Ints) -> float:
    hits = (found[:, :, None] == truth[:, None, :]).any(axis=1)
    return float(hits.mean())


def _without_self(found: Ints, similarities: Features) -> tuple[Ints, Features]:
    """Drop query i from its neighbours, or the last neighbour if it is not among them."""
    drop = found == np.arange(len(found))[:, None]
    drop[~drop.any(axis=1), -1] = True
    shape = len(found), found.shape[1] - 1
    return found[~drop].reshape(shape), similarities[~drop].reshape(shape)
