"""The cross-media graph: photos, views and models, and the weighted edges between them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import dgl
import h5py
import numpy as np
import numpy.typing as npt
import torch

from ucmgcn.cameras import neighbours
from ucmgcn.config import GraphConfig
from ucmgcn.devices import Device
from ucmgcn.edge_types import (
    BESIDE,
    HAS,
    MODEL_LIKE,
    NODE_TYPES,
    OF,
    PHOTO_LIKE,
    SHOWN,
    SHOWS,
    EdgeType,
)
from ucmgcn.errors import UserError
from ucmgcn.knn import neighbourhood
from ucmgcn.neighbour_search import Searcher
from ucmgcn.spaces import Features, FeatureSpace, fit_space
from ucmgcn.store import atomic_path, open_shard, read_shards

Indices = npt.NDArray[np.int64]
CSLS_NEIGHBOURS = 10
BLOCK_VALUES = 2**20  # of the ends of edges whose cosine is computed at a time: they stay in cache


@dataclasses.dataclass(frozen=True)
class Edges:
    """Weighted edges from sources to destinations, each of shape (e,)."""

    sources: Indices
    destinations: Indices
    weights: Features

    def reversed(self) -> Edges:
        """Return the same edges the other way round."""
        return Edges(self.destinations, self.sources, self.weights)


@dataclasses.dataclass(frozen=True)
class Nodes:
    """What the graph is made of: ids and features of the encoder, in the graph's order.

    Attributes
    ----------
    photos, models
        Ids of n photos and m models.
    photo_features, view_features
        Shapes (n, d) and (m, v, d), float32.
    cameras
        Unit positions of the views' cameras, shape (v, 3); empty where they are not known.
    space
        The feature space that was fitted on all of them.
    """

    photos: list[str]
    models: list[str]
    photo_features: Features
    view_features: Features
    cameras: npt.NDArray[np.float64]
    space: FeatureSpace


def build_graph(
    image_shards: Sequence[Path],
    view_shards: Sequence[Path],
    out_graph: Path,
    out_json: Path,
    out_nodes: Path,
    config: GraphConfig,
    device: Device = "cpu",
) -> None:
    """Build the cross-media graph of feature shards; no label is read or written.

    Parameters
    ----------
    image_shards, view_shards
        Shards of kind ``"image-features"`` and ``"view-features"``, in any order: nodes are
        sorted by id.
    out_graph
        HDF5: unit feature vectors and weighted edges, see `load_graph`.
    out_json
        Number of nodes and edges of each type, how neighbours were searched and what share of them
        was found, and the settings.
    out_nodes
        HDF5: ids, features and the fitted feature space, see `read_nodes`.
    device
        Where neighbours are searched.

    Raises
    ------
    UserError
        If there is no photo or no model left, or if their features have different sizes.
    """
    photo_ids, photos, _ = read_shards(image_shards, "image-features")
    model_ids, views, _ = read_shards(view_shards, "view-features")
    _check(len(photo_ids), len(model_ids), photos.shape[-1], views.shape[-1])
    nodes = fit_nodes(photo_ids, model_ids, photos, views, _cameras(view_shards), config)
    search = Searcher(config.knn, device)
    graph = link(nodes, config, search)
    save_graph(out_graph, graph)
    write_nodes(out_nodes, nodes)
    searches = {name: dataclasses.asdict(used) for name, used in search.used.items()}
    summary = {**count(graph), "searches": searches, "config": dataclasses.asdict(config)}
    with atomic_path(out_json) as path:
        path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def fit_nodes(
    photo_ids: list[str],
    model_ids: list[str],
    photos: Features,
    views: Features,
    cameras: npt.NDArray[np.float64],
    config: GraphConfig,
) -> Nodes:
    """Fit the feature space on photos (n, d) and views (m, v, d)."""
    space = fit_space(
        photos, views, config.space, config.dims, config.exponent, config.model_pooling
    )
    return Nodes(photo_ids, model_ids, photos, views, cameras, space)


def link(nodes: Nodes, config: GraphConfig, search: Searcher | None = None) -> dgl.DGLGraph:
    """Make the graph of some nodes in their feature space; see `make_graph`."""
    space = nodes.space
    photos, views = space.photos(nodes.photo_features), space.views(nodes.view_features)
    models = space.models(nodes.view_features, views)
    return make_graph(photos, views, models, nodes.cameras, config, search)


def refit(nodes: Nodes, held_out: npt.NDArray[np.bool_], config: GraphConfig) -> Nodes:
    """Leave out photos, by a mask of shape (n,), and fit the space without them."""
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
        Unit positions of the views' cameras, shape (v, 3); empty where they are not known, which
        leaves out the edges between views.
    search
        Finds the neighbours; None takes what the configuration says, on the CPU.

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
    return _heterograph(edges, features)


def photo_view_edges(
    photos: Features, views: Features, config: GraphConfig, search: Searcher | None = None
) -> Edges:
    """Link each photo to its most similar views (S), weighted by the cosine clipped at 0.

    Parameters
    ----------
    photos, views
        Unit vectors, shapes (n, d) and (m, d).
    search
        Finds the neighbours; None takes what the configuration says, on the CPU.
    """
    search = search or Searcher(config.knn)
    if config.similarity == "csls":
        found = _top_k_csls(photos, views, config.view_k, search)
    else:
        found, _ = search(" ".join(SHOWS), photos, views, config.view_k)
    edges = _weighted(found, photos, views)
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


def neighbour_edges(
    vectors: Features, k: int, search: Searcher | None = None, name: str = "neighbours"
) -> Edges:
    """Link each vector to its k nearest others, in both directions.

    Parameters
    ----------
    vectors
        Unit vectors, shape (n, d). Weights are cosines clipped at 0; no pair is linked twice.
    search, name
        Finds the neighbours, under this name; None searches on the CPU.
    """
    found, _ = (search or Searcher())(name, vectors, vectors, k, exclude_self=True)
    return symmetric(_weighted(found, vectors, vectors), len(vectors))


def symmetric(edges: Edges, n: int) -> Edges:
    """Return the edges among n nodes in both directions, each ordered pair once, sorted."""
    keys = np.concatenate(
        [edges.sources * n + edges.destinations, edges.destinations * n + edges.sources]
    )
    keys, first = np.unique(keys, return_index=True)
    return Edges(keys // n, keys % n, np.tile(edges.weights, 2)[first])


def count(graph: dgl.DGLGraph) -> dict[str, dict[str, int]]:
    """Count the nodes and the edges of each type."""
    return {
        "nodes": {kind: graph.num_nodes(kind) for kind in NODE_TYPES},
        "edges": {" ".join(kind): graph.num_edges(kind) for kind in graph.canonical_etypes},
    }


def save_graph(path: Path, graph: dgl.DGLGraph) -> None:
    """Write a graph to an HDF5 file, each block with a checksum.

    DGL's own format is read by code that trusts it; this one holds arrays, and nothing else.
    """
    with atomic_path(path) as partial, h5py.File(partial, "w", libver="latest") as file:
        file.attrs["edges"] = json.dumps(graph.canonical_etypes)
        file.attrs["nodes"] = json.dumps(graph.ntypes)
        for kind in graph.ntypes:
            _write_array(file, f"nodes/{kind}", graph.nodes[kind].data["feature"])
        for kind in graph.canonical_etypes:
            arrays = *graph.edges(etype=kind), graph.edges[kind].data["weight"]
            for name, array in zip(EDGE_ARRAYS, arrays, strict=True):
                _write_array(file, f"edges/{' '.join(kind)}/{name}", array)


def _write_array(file: h5py.File, name: str, array: torch.Tensor) -> None:
    file.create_dataset(name, data=array.cpu().numpy(), fletcher32=bool(array.numel()) or None)


def load_graph(path: Path) -> dgl.DGLGraph:
    """Read the graph that `save_graph` wrote.

    Raises
    ------
    UserError
        If the file is not a graph, or is damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            features = {kind: file[f"nodes/{kind}"][:] for kind in json.loads(file.attrs["nodes"])}
            edges = {
                (start, link, end): Edges(
                    *(file[f"edges/{start} {link} {end}/{name}"][:] for name in EDGE_ARRAYS)
                )
                for start, link, end in json.loads(file.attrs["edges"])
            }
        return _heterograph(edges, features)
    except (dgl.DGLError, OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is damaged or not a graph of this version ({error}). Delete it and run "
            f"snakemake again"
        ) from error


EDGE_ARRAYS = ("sources", "destinations", "weights")
SPACE_ARRAYS = ("photo_mean", "view_mean", "model_mean", "projection")
NODE_ARRAYS = ("photo_features", "view_features", "cameras")


def write_nodes(path: Path, nodes: Nodes) -> None:
    """Write ids, features and feature space to an HDF5 file."""
    text = h5py.string_dtype()
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        file.create_dataset("photo", data=nodes.photos, dtype=text)
        file.create_dataset("model", data=nodes.models, dtype=text)
        for owner, names in ((nodes, NODE_ARRAYS), (nodes.space, SPACE_ARRAYS)):
            for name in names:
                file.create_dataset(name, data=getattr(owner, name))


def read_nodes(path: Path) -> Nodes:
    """Read what `write_nodes` wrote.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            ids = [[str(i) for i in file[kind].asstr()[:]] for kind in ("photo", "model")]
            space = FeatureSpace(*(file[name][:] for name in SPACE_ARRAYS))
            photos, views, cameras = (file[name][:] for name in NODE_ARRAYS)
            return Nodes(ids[0], ids[1], photos, views, cameras, space)
    except (OSError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}). Delete it and run again") from error


def _check(photos: int, models: int, photo_dim: int, view_dim: int) -> None:
    for left, what, where in ((photos, "photo", "images"), (models, "model", "models")):
        if not left:
            raise UserError(
                f"graph: no {what} is left; `snakemake rejected` lists the reasons in "
                f"tables/rejected.csv. Or point `{where}` in the config at a folder that holds some"
            )
    if photo_dim != view_dim:
        raise UserError(
            f"graph: photos have {photo_dim} features and views {view_dim}. "
            f"Describe both with the same encoder: delete the features and run again"
        )


def _cameras(view_shards: Iterable[Path]) -> npt.NDArray[np.float64]:
    with open_shard(next(iter(view_shards)), "view-features") as shard:
        try:
            return shard.extra("cameras")
        except KeyError:
            return np.empty((0, 3))


def _weighted(found: Indices, queries: Features, gallery: Features) -> Edges:
    # An index that is not exact marks by -1 what it did not find.
    rows, columns = np.nonzero(found >= 0)
    destinations = found[rows, columns]
    cosine = np.empty(len(rows), dtype=np.float32)
    size = max(1, BLOCK_VALUES // queries.shape[1])
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        cosine[part] = np.einsum("ed,ed->e", queries[rows[part]], gallery[destinations[part]])
    return Edges(rows, destinations, np.maximum(cosine, 0))


def _top_k_csls(queries: Features, gallery: Features, k: int, search: Searcher) -> Indices:
    """Rank by 2 cos - (mean cosine of the gallery item's nearest queries), Conneau et al., 2018.

    The query's own term of CSLS is the same for all its neighbours, and left out.
    """
    hubness = search("hubness", gallery, queries, CSLS_NEIGHBOURS)[1].mean(axis=1)
    ones = np.ones((len(queries), 1), dtype=np.float32)
    lifted = np.hstack([2 * queries, ones]), np.hstack([gallery, -hubness[:, None]])
    return search(" ".join(SHOWS), *lifted, k)[0]


def _heterograph(edges: Mapping[EdgeType, Edges], features: Mapping[str, Features]) -> dgl.DGLGraph:
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
