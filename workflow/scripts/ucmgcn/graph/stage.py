"""The graph stage: from feature shards to the files of the cross-media graph."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ucmgcn.core.devices import Device
from ucmgcn.core.errors import UserError
from ucmgcn.core.strict_json import to_json
from ucmgcn.datasets.manifest import or_without
from ucmgcn.datasets.rejected import quote_rejected
from ucmgcn.files.digest import sealed_path
from ucmgcn.files.shards import Rejection, open_shard, read_shards
from ucmgcn.graph.build import fit_nodes, link
from ucmgcn.graph.file import save_graph, write_nodes
from ucmgcn.graph.fit import describe_fit
from ucmgcn.graph.heterograph import count
from ucmgcn.graph.neighbour_search import Searcher
from ucmgcn.settings import GraphConfig

logger = logging.getLogger(__name__)


def build_graph(
    image_shards: Sequence[Path],
    view_shards: Sequence[Path],
    out_graph: Path,
    out_json: Path,
    out_nodes: Path,
    config: GraphConfig,
    device: Device = "cpu",
) -> None:
    """Build the cross-media graph from feature shards; no label is read or written.

    Parameters
    ----------
    image_shards, view_shards
        Shards of kind ``"image-features"`` and ``"view-features"``, in any order: nodes are
        sorted by id. Without image shards the graph is that of the models alone.
    out_graph
        HDF5: unit feature vectors and weighted edges, see `load_graph`.
    out_json
        JSON: number of nodes and edges of each type, how photos and models fit (`describe_fit`; its
        warnings are also logged), index and recall of each neighbour search, and the settings.
    out_nodes
        HDF5: ids, features and the fitted feature space, see `read_nodes`.
    device
        Device of the neighbour search.

    Raises
    ------
    UserError
        If no photo or no model is left, or if their features have different sizes.
    """
    model_ids, views, no_models = read_shards(view_shards, "view-features")
    _check_left("model", "models", model_ids, no_models)
    if image_shards:
        photo_ids, photos, no_photos = read_shards(image_shards, "image-features")
        _check_left("photo", "images", photo_ids, no_photos)
        _check_sizes(photos.shape[-1], views.shape[-1])
    else:
        photo_ids, photos = [], views[:0, 0]
    nodes = fit_nodes(photo_ids, model_ids, photos, views, _cameras(view_shards), config)
    search = Searcher(config.knn, device)
    graph = link(nodes, config, search)
    save_graph(out_graph, graph)
    write_nodes(out_nodes, nodes)
    searches = {name: dataclasses.asdict(used) for name, used in search.used.items()}
    fit = describe_fit(len(photo_ids), nodes.space, config)
    for text in fit["warnings"]:
        logger.warning("%s", text)
    settings = dataclasses.asdict(config)
    summary = {**count(graph), "fit": fit, "searches": searches, "config": settings}
    with sealed_path(out_json) as path:
        path.write_text(to_json(summary), encoding="utf-8")


def _check_left(what: str, key: str, ids: Sequence[str], rejected: Sequence[Rejection]) -> None:
    """Say why where nothing is left; `key` is that of the folder in the config."""
    if ids:
        return
    raise UserError(
        f"graph: no {what} is left{quote_rejected(rejected)}. "
        f"Point `{key}` in the config at a folder that holds some{or_without(key)}"
    )


def _check_sizes(photo_dim: int, view_dim: int) -> None:
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
