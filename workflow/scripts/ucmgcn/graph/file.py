"""Files of the cross-media graph: its edges and features, and the nodes to build it from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import dgl
import h5py
import torch

from ucmgcn.files.digest import broken, intact, sealed_path
from ucmgcn.graph.edges import Edges
from ucmgcn.graph.heterograph import Nodes, make_heterograph
from ucmgcn.graph.space import FeatureSpace


def save_graph(path: Path, graph: dgl.DGLGraph) -> None:
    """Write a graph to an HDF5 file, with checksums.

    DGL's loader trusts its own file format; this format holds only arrays.
    """
    with sealed_path(path) as partial, h5py.File(partial, "w", libver="latest") as file:
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
        with h5py.File(intact(path), "r") as file:
            features = {kind: file[f"nodes/{kind}"][:] for kind in json.loads(file.attrs["nodes"])}
            edges = {
                (start, link, end): Edges(
                    *(file[f"edges/{start} {link} {end}/{name}"][:] for name in EDGE_ARRAYS)
                )
                for start, link, end in json.loads(file.attrs["edges"])
            }
        return make_heterograph(edges, features)
    except (dgl.DGLError, OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise broken(path, f"not a graph of this version: {error}") from error


EDGE_ARRAYS = ("sources", "destinations", "weights")


SPACE_ARRAYS = ("photo_mean", "view_mean", "model_mean", "projection")


NODE_ARRAYS = ("photo_features", "view_features", "cameras")


def write_nodes(path: Path, nodes: Nodes) -> None:
    """Write ids, features and feature space to an HDF5 file."""
    text = h5py.string_dtype()
    with sealed_path(path) as partial, h5py.File(partial, "w") as file:
        file.create_dataset("photo", data=nodes.photos, dtype=text)
        file.create_dataset("model", data=nodes.models, dtype=text)
        for owner, names in ((nodes, NODE_ARRAYS), (nodes.space, SPACE_ARRAYS)):
            for name in names:
                file.create_dataset(name, data=getattr(owner, name))
        file.attrs.update(coverage=nodes.space.coverage, radius=nodes.space.radius)


def read_nodes(path: Path) -> Nodes:
    """Read the nodes that `write_nodes` wrote.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    try:
        with h5py.File(intact(path), "r") as file:
            ids = [[str(i) for i in file[kind].asstr()[:]] for kind in ("photo", "model")]
            space = replace(
                FeatureSpace(*(file[name][:] for name in SPACE_ARRAYS)),
                coverage=float(file.attrs["coverage"]),
                radius=float(file.attrs["radius"]),
            )
            photos, views, cameras = (file[name][:] for name in NODE_ARRAYS)
            return Nodes(ids[0], ids[1], photos, views, cameras, space)
    except (OSError, KeyError) as error:
        raise broken(path, error) from error
