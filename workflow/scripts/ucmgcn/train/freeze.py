"""Freeze a trained network, or propagation, with its graph, so that new items can be attached."""

from __future__ import annotations

import pickle
from pathlib import Path

import dgl
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ucmgcn.core.arrays import Features
from ucmgcn.files.digest import broken, intact
from ucmgcn.graph.attach import Frozen, FrozenNetwork, Layer
from ucmgcn.graph.file import load_graph, read_nodes
from ucmgcn.graph.flat_graph import FlatGraph, flatten
from ucmgcn.graph.propagation import propagated
from ucmgcn.graph.space import FeatureSpace
from ucmgcn.settings import Settings
from ucmgcn.train.gcn import UCMGCN, make_network


def load_frozen(graph: Path, nodes: Path, checkpoint: Path, settings: Settings) -> Frozen:
    """Read a trained network with its graph, to embed new photos with `attach.embed_queries`.

    Raises
    ------
    UserError
        If the checkpoint is damaged or was trained with other settings.
    """
    assert settings.train is not None
    device = torch.device(settings.device)
    flat = flatten(load_graph(graph), settings.train.per_relation, device)
    network = make_network(flat, settings.propagation, settings.train)
    try:
        network.load_state_dict(
            torch.load(intact(checkpoint), map_location=device, weights_only=True)
        )
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise broken(checkpoint, f"or trained with other settings: {error}") from error
    spread = propagated(flat, settings.propagation).cpu().numpy()
    return freeze_network(flat, read_nodes(nodes).space, spread, settings, network)


def freeze_propagation(graph: dgl.DGLGraph, space: FeatureSpace, settings: Settings) -> Frozen:
    """Propagate over a graph without learned weights, to embed new photos."""
    flat = flatten(graph, False, torch.device(settings.device))
    unit = propagated(flat, settings.propagation).cpu().numpy()
    return frozen(flat, space, unit, settings)


def freeze_network(
    flat: FlatGraph, space: FeatureSpace, spread: Features, settings: Settings, network: UCMGCN
) -> Frozen:
    """Freeze a trained network with its graph and its embeddings.

    Parameters
    ----------
    spread
        Photos and models after propagation, unit vectors, shape (photos + models, d).
    """
    rows, states = record(network, flat)
    if settings.train is not None and settings.train.supervision == "source":
        spread = spread[:, :0]  # trained with labels, the network is better without propagation
    learned = F.normalize(flat.ends(rows), dim=1).cpu().numpy()
    return frozen(
        flat, space, spread, settings, learned, weights_of(network, len(flat.kinds)), states
    )


def frozen(
    flat: FlatGraph,
    space: FeatureSpace,
    spread: Features,
    settings: Settings,
    learned: Features | None = None,
    network: FrozenNetwork | None = None,
    states: list[Features] | None = None,
) -> Frozen:
    """Gather the frozen state to which new photos and models are attached."""
    return Frozen(
        space=space,
        config=settings.graph,
        features=flat.features.cpu().numpy(),
        degree=flat.adjacency.degree.cpu().numpy(),
        kinds=flat.kinds,
        photos=flat.photos,
        models=flat.models,
        spread=spread,
        learned=np.zeros((len(spread), 0), np.float32) if learned is None else learned,
        network=network,
        states=states or [],
        teleport=settings.propagation.teleport,
        residual=settings.propagation.own_share,
        gated=settings.gated,
    )


def record(network: UCMGCN, flat: FlatGraph) -> tuple[Tensor, list[Features]]:
    """Embed the graph's nodes; keep the node states before each message passing, for new nodes."""
    states: list[Features] = []

    def aggregate(hidden: Tensor) -> list[Tensor]:
        states.append(hidden.cpu().numpy())
        return flat.adjacency(hidden)

    network.eval()
    with torch.no_grad():
        return network(flat.features, aggregate), states


def weights_of(network: UCMGCN, relations: int) -> FrozenNetwork:
    """Extract the weights of a trained network with this number of edge groups."""
    state = {name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()}
    layers = [
        Layer(
            state[f"layers.{i}.own.weight"],
            state[f"layers.{i}.own.bias"],
            [state[f"layers.{i}.relations.{r}.weight"] for r in range(relations)],
        )
        for i in range(len(network.layers))
    ]
    return FrozenNetwork(layers, network.hops, network.teleport)
