"""The cross-media graph: photos, views and models, and the weighted edges between them."""

from __future__ import annotations

import dgl
import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Features, Ints
from ucmgcn.graph.alignment import align
from ucmgcn.graph.edge_types import (
    BESIDE,
    HAS,
    MODEL_LIKE,
    OF,
    PHOTO_LIKE,
    SHOWN,
    SHOWS,
)
from ucmgcn.graph.edges import Edges, neighbour_edges, weighted
from ucmgcn.graph.heterograph import Nodes, make_heterograph
from ucmgcn.graph.knn import CSLS_NEIGHBOURS, neighbourhood
from ucmgcn.graph.neighbour_search import Searcher
from ucmgcn.graph.space import fit_space
from ucmgcn.media.cameras import neighbours
from ucmgcn.settings import GraphConfig


def fit_nodes(
    photo_ids: list[str],
    model_ids: list[str],
    photos: Features,
    views: Features,
    cameras: npt.NDArray[np.float64],
    config: GraphConfig,
) -> Nodes:
    """Fit the feature space on photos (n, d) and views (m, v, d)."""
    aligned = align(photos, views) if config.alignment == "matched" else None
    parts = config.space, config.dims, config.exponent, config.model_pooling
    space = fit_space(photos, views, *parts, aligned)
    return Nodes(photo_ids, model_ids, photos, views, cameras, space)


def link(nodes: Nodes, config: GraphConfig, search: Searcher | None = None) -> dgl.DGLGraph:
    """Link nodes in their feature space; see `make_graph`."""
    space = nodes.space
    photos, views = space.photos(nodes.photo_features), space.views(nodes.view_features)
    models = space.models(nodes.view_features, views)
    return make_graph(photos, views, models, nodes.cameras, config, search)


def refit(nodes: Nodes, held_out: npt.NDArray[np.bool_], config: GraphConfig) -> Nodes:
    """Leave out the photos of a mask (n,), and refit the feature space without them."""
    ids = [id for id, out in zip(nodes.photos, held_out, strict=True) if not out]
    photos = nodes.photo_features[~held_out]
    return fit_nodes(ids, nodes.models, photos, nodes.view_features, nodes.cameras, config)


def make_graph(
    photos: Features,
    views: Features,
    models: Features,
    cameras: npt.NDArray[np.float64],
    config: GraphConfig,
    search: Searcher | None = None,
) -> dgl.DGLGraph:
    """Link photos, views and models.

    Parameters
    ----------
    photos, views, models
        Unit vectors in the common space, shapes (n, d), (m, v, d) and (m, d), float32.
    cameras
        Unit positions of the views' cameras, shape (v, 3); empty if unknown, which leaves out the
        edges between views.
    search
        Neighbour search; None takes the configured one, on the CPU.

    Returns
    -------
    DGLGraph
        Node types photo (n), view (m v) and model (m) with ``feature``; edges in both directions
        with ``weight`` >= 0.
    """
    search = search or Searcher(config.knn)
    flat = views.reshape(-1, views.shape[-1])
    shown = photo_view_edges(photos, flat, config, search)
    parts = view_model_edges(views, models, config.structure)
    edges = {SHOWS: shown, SHOWN: shown.reversed(), OF: parts, HAS: parts.reversed()}
    if config.view_view and len(cameras):
        edges[BESIDE] = view_view_edges(len(models), cameras)
    if config.same_kind:
        for kind, rows in ((PHOTO_LIKE, photos), (MODEL_LIKE, models)):
            k = neighbourhood(config.k, len(rows))
            edges[kind] = neighbour_edges(rows, k, search, " ".join(kind))
    features = {"photo": photos, "view": flat, "model": models}
    return make_heterograph(edges, features)


def photo_view_edges(
    photos: Features, views: Features, config: GraphConfig, search: Searcher | None = None
) -> Edges:
    """Link each photo to its most similar views (S), weighted by the cosine clipped at 0.

    Parameters
    ----------
    photos, views
        Unit vectors, shapes (n, d) and (m, d).
    search
        Neighbour search; None takes the configured one, on the CPU.
    """
    search = search or Searcher(config.knn)
    if config.similarity == "csls" and len(photos):
        found = _top_k_csls(photos, views, config.view_k, search)
    else:
        found, _ = search(" ".join(SHOWS), photos, views, config.view_k)
    edges = weighted(found, photos, views)
    keep = edges.weights > (config.threshold if config.similarity == "threshold" else 0)
    if config.similarity == "mutual":
        back, _ = search(" ".join(SHOWN), views, photos, config.view_k)
        keep &= (back[edges.destinations] == edges.sources[:, None]).any(axis=1)
    return Edges(edges.sources[keep], edges.destinations[keep], edges.weights[keep])


def view_model_edges(views: Features, models: Features, structure: str) -> Edges:
    """Link each view to its model (b); views (m, v, d), models (m, d)."""
    m, v = views.shape[:2]
    if structure == "cosine":
        weights = np.maximum(np.einsum("mvd,md->mv", views, models), 0).ravel()
    else:
        weights = np.full(m * v, 1 / v if structure == "mean" else 1.0)
    return Edges(np.arange(m * v), np.repeat(np.arange(m), v), weights.astype(np.float32))


def view_view_edges(models: int, cameras: npt.NDArray[np.float64]) -> Edges:
    """Link the neighbouring views of each model in both directions, with weight 1."""
    pairs = neighbours(cameras)
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    all_pairs = (np.arange(models)[:, None, None] * len(cameras) + pairs).reshape(-1, 2)
    return Edges(all_pairs[:, 0], all_pairs[:, 1], np.ones(len(all_pairs), dtype=np.float32))


def _top_k_csls(queries: Features, gallery: Features, k: int, search: Searcher) -> Ints:
    """Rank by CSLS (Conneau et al., ICLR 2018), which corrects the cosine for hubness.

    The score is 2 cos - (mean cosine of the gallery item to its nearest queries). The query's own
    term is left out: it is the same for all its neighbours.
    """
    hubness = search("hubness", gallery, queries, CSLS_NEIGHBOURS)[1].mean(axis=1)
    ones = np.ones((len(queries), 1), dtype=np.float32)
    lifted = np.hstack([2 * queries, ones]), np.hstack([gallery, -hubness[:, None]])
    return search(" ".join(SHOWS), *lifted, k)[0]
