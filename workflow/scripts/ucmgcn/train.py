"""The train stage: one seed of UCM-GCN, without a label, and its embeddings of both protocols.

The protocol `transductive` trains once, with all photos as nodes. For `inductive` the photos are
split into folds by the seed: for each fold the network is trained with the photos of the other
folds only, frozen, and the fold's photos are attached one by one.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dgl
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from ucmgcn import losses
from ucmgcn.config import GraphConfig, PropagationConfig, TrainConfig
from ucmgcn.embeddings import Rows, beside, in_block, write_embeddings
from ucmgcn.gcn import UCMGCN
from ucmgcn.graph import load_graph, read_nodes
from ucmgcn.inductive import Frozen, embed_queries
from ucmgcn.propagation import flatten, rebuild, rebuilt_adjacency
from ucmgcn.store import atomic_path

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """All that a training depends on besides the graph."""

    graph: GraphConfig
    propagation: PropagationConfig
    train: TrainConfig | None
    seed: int
    device: str


@dataclass(frozen=True)
class Files:
    """What the stage writes."""

    checkpoint: Path
    history: Path
    embeddings: Path


def train_seed(graph: Path, nodes: Path, files: Files, settings: Settings) -> None:
    """Train one seed, and write its checkpoint, history and embeddings.

    A training that was interrupted goes on from the last checkpoint beside `files.checkpoint`,
    and ends with the same numbers as one that was not.

    Raises
    ------
    UserError
        If the graph or its nodes cannot be read.
    """
    loaded, names = load_graph(graph), read_nodes(nodes)
    work = files.checkpoint.parent / "unfinished"
    histories: list[pd.DataFrame] = []

    def learn(part: dgl.DGLGraph, name: str) -> Frozen:
        key = _digest(graph, nodes, settings, name)
        frozen, history, state = _learn(part, settings, work / f"{name}.pt", key)
        histories.append(history.assign(part=name))
        if name == "all":
            with atomic_path(files.checkpoint) as partial:
                torch.save(state, partial)
        return frozen

    folds = settings.train.folds if settings.train else 4
    rows = both_protocols(loaded, learn, folds, settings.seed)
    write_embeddings(files.embeddings, names.photos, names.models, rows)
    with atomic_path(files.history) as partial_csv:
        pd.concat(histories).to_csv(partial_csv, index=False, float_format="%.6f")
    for leftover in work.glob("*.pt"):
        leftover.unlink()
    if work.exists():
        work.rmdir()


def propagate(graph: Path, nodes: Path, out: Path, settings: Settings, folds: int) -> None:
    """Write the embeddings of the control: the same graph, rounds and folds, no learned weight."""
    names = read_nodes(nodes)

    def spread(part: dgl.DGLGraph, name: str) -> Frozen:
        return freeze(part, settings, None)

    rows = both_protocols(load_graph(graph), spread, folds, settings.seed)
    write_embeddings(out, names.photos, names.models, rows)


def both_protocols(
    graph: dgl.DGLGraph, learn: Any, folds: int, seed: int
) -> dict[str, tuple[Rows, Rows]]:
    """Embed photos and models under both protocols; `learn(graph, name)` gives a frozen state."""
    n = graph.num_nodes("photo")
    everything = learn(graph, "all")
    photos = embeddings_of_known(everything)
    features = graph.nodes["photo"].data["feature"].numpy()
    galleries, queries = [], None
    parts = list(fold_masks(n, folds, seed))
    for fold, held_out in enumerate(parts):
        frozen = learn(without_photos(graph, held_out), f"fold-{fold}")
        galleries.append(frozen.gallery)
        block = in_block(embed_queries(frozen, features[held_out]), fold, len(parts))
        queries = np.zeros((n, block.shape[1]), np.float32) if queries is None else queries
        queries[held_out] = block
    assert queries is not None
    return {
        "transductive": (photos, everything.gallery),
        "inductive": (queries, beside(galleries)),
    }


def fold_masks(n: int, folds: int, seed: int) -> Iterator[np.ndarray]:
    """Split n photos at random: for each fold a mask of shape (n,) of the photos held out."""
    fold = np.random.default_rng(seed).permutation(np.arange(n) % min(folds, n))
    for number in range(min(folds, n)):
        yield fold == number


def without_photos(graph: dgl.DGLGraph, held_out: np.ndarray) -> dgl.DGLGraph:
    """Take photos and their edges out of the graph."""
    return dgl.remove_nodes(graph, torch.from_numpy(np.flatnonzero(held_out)), ntype="photo")


def embeddings_of_known(frozen: Frozen) -> Rows:
    """Embeddings of the photos that are nodes of the graph, unit vectors."""
    from ucmgcn.inductive import joined

    n = len(frozen.photos)
    return joined(frozen.spread[:n], frozen.learned[:n])


def freeze(graph: dgl.DGLGraph, settings: Settings, learned: Rows | None) -> Frozen:
    """Gather what new photos are attached to."""
    flat = flatten(graph, False, torch.device("cpu"))
    spread = rebuild(flat, settings.propagation)[1].numpy()
    views = graph.nodes["view"].data["feature"].numpy()
    if learned is None:
        learned = np.zeros((len(spread), 0), np.float32)
    return Frozen(
        photos=graph.nodes["photo"].data["feature"].numpy(),
        views=views.reshape(graph.num_nodes("model"), -1, views.shape[1]),
        spread=spread,
        learned=learned,
        k=settings.graph.k,
        view_k=settings.graph.view_k,
        teleport=settings.propagation.teleport,
    )


def _learn(
    graph: dgl.DGLGraph, settings: Settings, path: Path, key: str
) -> tuple[Frozen, pd.DataFrame, dict[str, Any]]:
    config = settings.train
    assert config is not None
    device = torch.device(settings.device)
    flat = flatten(graph, False, device)
    edges, _ = rebuild(flat, settings.propagation)
    own = flat.ends(flat.features)
    adjacency = rebuilt_adjacency(edges, own)
    torch.manual_seed(settings.seed)
    network = UCMGCN(
        own.shape[1], config.hidden, config.dims, config.layers, 1, config.dropout,
        config.hops, settings.propagation.teleport,
    ).to(device)  # fmt: skip
    optimiser = torch.optim.Adam(network.parameters(), config.lr, weight_decay=config.weight_decay)
    pairs = torch.from_numpy(np.stack([edges.sources, edges.destinations])).to(device)
    weights = torch.from_numpy(edges.weights).to(device)
    inputs = own / own.std()
    epoch, history = _resume(path, key, network, optimiser)
    while epoch < config.epochs:
        network.train()
        z = network(inputs, adjacency)
        parts = _losses(z, pairs, weights, flat.photos, config)
        loss = parts["discrimination"] + config.correlation_weight * parts["correlation"]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        epoch += 1
        history.append(
            {"epoch": epoch, **{k: v.item() for k, v in parts.items()}, "loss": loss.item()}
        )
        if epoch % config.checkpoint_every == 0 and epoch < config.epochs:
            _checkpoint(path, key, network, optimiser, epoch, history)
    network.eval()
    with torch.no_grad():
        learned = F.normalize(network(inputs, adjacency), dim=1).cpu().numpy()
    return freeze(graph, settings, learned), pd.DataFrame(history), network.state_dict()


def _losses(
    z: Tensor, pairs: Tensor, weights: Tensor, photos: int, config: TrainConfig
) -> dict[str, Tensor]:
    if config.discrimination == "spectral":
        discrimination = losses.spectral_contrastive(z, pairs, weights)
    else:
        discrimination = losses.info_nce(z, pairs, weights, config.temperature)
    correlation = torch.zeros((), device=z.device)
    if config.correlation == "coral":
        correlation = losses.coral(z[:photos], z[photos:])
    elif config.correlation == "agreement":
        correlation = losses.agreement(z, pairs, weights)
    return {"discrimination": discrimination, "correlation": correlation}


def _checkpoint(
    path: Path, key: str, network: Any, optimiser: Any, epoch: int, history: Any
) -> None:
    state = {
        "key": key,
        "epoch": epoch,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "generator": torch.get_rng_state(),
        "history": history,
    }
    with atomic_path(path) as partial:
        torch.save(state, partial)


def _resume(
    path: Path, key: str, network: Any, optimiser: Any
) -> tuple[int, list[dict[str, float]]]:
    if not path.exists():
        return 0, []
    state = torch.load(path, weights_only=True)
    if state["key"] != key:
        return 0, []
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["generator"])
    logger.info("going on from epoch %d", state["epoch"])
    return state["epoch"], state["history"]


def _digest(graph: Path, nodes: Path, settings: Settings, part: str) -> str:
    digest = hashlib.sha256(json.dumps([asdict(settings), part], sort_keys=True).encode())
    for path in (graph, nodes):
        digest.update(path.read_bytes())
    return digest.hexdigest()
