"""The train stage: one seed of UCM-GCN, without a label, and its embeddings of both protocols.

The protocol `transductive` trains once, with all photos as nodes. For `inductive` the photos are
split into folds by the seed: for each fold the feature space is fitted, the graph built and the
network trained with the photos of the other folds only; then all is frozen, and the fold's photos
are attached one by one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dgl
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ucmgcn import losses
from ucmgcn.config import GraphConfig, PropagationConfig, TrainConfig
from ucmgcn.embeddings import Rows, beside, in_block, write_embeddings
from ucmgcn.errors import UserError
from ucmgcn.gcn import UCMGCN
from ucmgcn.graph import Edges, Nodes, link, load_graph, read_nodes, refit
from ucmgcn.inductive import Frozen, embed_queries, record
from ucmgcn.knn import neighbourhood
from ucmgcn.matching import balanced_neighbourhoods
from ucmgcn.propagation import FlatGraph, flatten, rebuild
from ucmgcn.spaces import FeatureSpace
from ucmgcn.store import atomic_path
from ucmgcn.supervision import classes_of

logger = logging.getLogger(__name__)

LABEL_TEMPERATURE = 0.3


@dataclass(frozen=True)
class Settings:
    """All that a training depends on besides the graph; `train` is None for the control."""

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


Mask = npt.NDArray[np.bool_]
Learn = Callable[[dgl.DGLGraph, FeatureSpace, Mask, str], Frozen]


def train_seed(
    graph: Path,
    nodes: Path,
    files: Files,
    settings: Settings,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Train one seed, and write its checkpoint, history and embeddings.

    A training that was interrupted goes on from the last checkpoint beside `files.checkpoint`,
    and ends with the same numbers as one that was not.

    Parameters
    ----------
    graph, nodes
        What `build_graph` wrote.
    labels
        With `supervision: source`, the category of each photo whose label may be used, such as
        `supervision.labelled_half` chooses. These photos are no queries then: all others are,
        and the inductive protocol trains once, with the labelled photos.

    Raises
    ------
    UserError
        If the graph or its nodes cannot be read, or labels are missing.
    """
    config = settings.train
    assert config is not None
    loaded, known = load_graph(graph), read_nodes(nodes)
    work = files.checkpoint.parent / "unfinished"
    key = _digest(graph, nodes, settings, labels)
    source = config.supervision == "source"
    classes = classes_of(known.photos, labels or {}) if source else None
    labelled = None if classes is None else classes >= 0
    runs: dict[str, Training] = {}

    def learn(part: dgl.DGLGraph, space: FeatureSpace, kept: Mask, name: str) -> Frozen:
        flat = flatten(part, config.per_relation, torch.device(settings.device))
        training = runs[name] = Training(flat, settings, config, work / f"{name}.pt", key)
        if classes is not None:
            training.supervise(classes[kept])
        training.run()
        return training.freeze(space)

    rows = both_protocols(loaded, known, learn, config.folds, settings, labelled)
    with atomic_path(files.checkpoint) as partial:
        torch.save(runs["all"].network.state_dict(), partial)
    histories = [pd.DataFrame(run.history).assign(part=name) for name, run in runs.items()]
    with atomic_path(files.history) as partial:
        pd.concat(histories).to_csv(partial, index=False, float_format="%.6f")
    write_embeddings(files.embeddings, known.photos, known.models, rows, labelled)
    shutil.rmtree(work, ignore_errors=True)


def propagate(graph: Path, nodes: Path, out: Path, settings: Settings, folds: int) -> None:
    """Write the embeddings of the control: the same graph, rounds and folds, no learned weight."""
    known = read_nodes(nodes)

    def spread(part: dgl.DGLGraph, space: FeatureSpace, _: Mask, __: str) -> Frozen:
        flat = flatten(part, False, torch.device(settings.device))
        unit = rebuild(flat, settings.propagation)[1].cpu().numpy()
        return frozen(flat, space, unit, settings)

    rows = both_protocols(load_graph(graph), known, spread, folds, settings)
    write_embeddings(out, known.photos, known.models, rows)


def both_protocols(
    graph: dgl.DGLGraph,
    nodes: Nodes,
    learn: Learn,
    folds: int,
    settings: Settings,
    labelled: Mask | None = None,
) -> dict[str, tuple[Rows, Rows]]:
    """Embed photos and models under both protocols.

    Parameters
    ----------
    learn
        Called with a graph, its feature space, the mask of the photos that it holds and a name;
        gives a frozen state.
    labelled
        Mask of photos that are no queries; the only fold holds out all others.
    """
    n = len(nodes.photos)
    everything = learn(graph, nodes.space, np.ones(n, dtype=bool), "all")
    galleries: list[Rows] = []
    masks = list(fold_masks(n, folds, settings.seed)) if labelled is None else [~labelled]
    answers: list[tuple[Mask, Rows]] = []
    for fold, held_out in enumerate(masks):
        context = refit(nodes, held_out, settings.graph)
        state = learn(link(context, settings.graph), context.space, ~held_out, f"fold-{fold}")
        galleries.append(state.gallery)
        asked = held_out if labelled is None else np.ones(n, dtype=bool)
        answers.append((asked, embed_queries(state, nodes.photo_features[asked])))
    widths = [gallery.shape[1] for gallery in galleries]
    queries = np.zeros((n, sum(widths)), dtype=np.float32)
    for fold, (asked, rows) in enumerate(answers):
        queries[asked] = in_block(rows, fold, widths)
    return {
        "transductive": (everything.known, everything.gallery),
        "inductive": (queries, beside(galleries)),
    }


def fold_masks(n: int, folds: int, seed: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Split n photos at random: for each fold a mask of shape (n,) of the photos held out."""
    fold = np.random.default_rng(seed).permutation(np.arange(n) % min(folds, n))
    for number in range(min(folds, n)):
        yield fold == number


def make_network(flat: FlatGraph, propagation: PropagationConfig, config: TrainConfig) -> UCMGCN:
    """Make the network for a graph, on its device, with random weights."""
    return UCMGCN(
        inputs=flat.features.shape[1],
        hidden=config.hidden,
        outputs=config.dims,
        layers=config.layers,
        relations=len(flat.kinds),
        dropout=config.dropout,
        hops=config.hops,
        teleport=propagation.teleport,
    ).to(flat.features.device)


def load_frozen(graph: Path, nodes: Path, checkpoint: Path, settings: Settings) -> Frozen:
    """Read a trained network with its graph, to embed new photos; see `inductive.embed_query`.

    Raises
    ------
    UserError
        If the checkpoint is damaged or of other settings than these.
    """
    assert settings.train is not None
    device = torch.device(settings.device)
    flat = flatten(load_graph(graph), settings.train.per_relation, device)
    network = make_network(flat, settings.propagation, settings.train)
    try:
        network.load_state_dict(torch.load(checkpoint, map_location=device, weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise UserError(
            f"{checkpoint} is damaged or of other settings ({error}). Delete it and train again"
        ) from error
    spread = rebuild(flat, settings.propagation)[1].cpu().numpy()
    return _freeze(flat, read_nodes(nodes).space, spread, settings, network)


def _freeze(
    flat: FlatGraph, space: FeatureSpace, spread: Rows, settings: Settings, network: UCMGCN
) -> Frozen:
    rows, states = record(network, flat)
    if settings.train is not None and settings.train.supervision == "source":
        spread = spread[:, :0]  # labels make the network better than what it is joined with
    learned = F.normalize(flat.ends(rows), dim=1).cpu().numpy()
    return frozen(flat, space, spread, settings, learned, network, states)


def frozen(
    flat: FlatGraph,
    space: FeatureSpace,
    spread: Rows,
    settings: Settings,
    learned: Rows | None = None,
    network: UCMGCN | None = None,
    states: list[Tensor] | None = None,
) -> Frozen:
    """Gather what new photos are attached to."""
    graph = settings.graph
    return Frozen(
        space=space,
        flat=flat,
        spread=spread,
        learned=np.zeros((len(spread), 0), np.float32) if learned is None else learned,
        network=network,
        states=states or [],
        k=neighbourhood(graph.k, flat.photos),
        view_k=graph.view_k,
        threshold=graph.threshold if graph.similarity == "threshold" else 0.0,
        teleport=settings.propagation.teleport,
    )


class Training:
    """One network, trained on one graph; it can be interrupted between epochs."""

    def __init__(
        self, flat: FlatGraph, settings: Settings, config: TrainConfig, checkpoint: Path, key: str
    ) -> None:
        self.flat, self.settings, self.config = flat, settings, config
        self.checkpoint, self.key = checkpoint, key
        edges, spread = rebuild(flat, settings.propagation)
        self.spread: Rows = spread.cpu().numpy()
        self.pairs, self.weights = self._targets(edges)
        torch.manual_seed(settings.seed)
        self.network = make_network(flat, settings.propagation, config)
        self.optimiser = torch.optim.Adam(
            self.network.parameters(), config.lr, weight_decay=config.weight_decay
        )
        self.history: list[dict[str, float]] = []
        self.classes: Tensor | None = None

    def supervise(self, classes: npt.NDArray[np.int64]) -> None:
        """Learn from labels too: numbers of the photos' categories (n,), -1 where unknown."""
        self.classes = torch.from_numpy(classes).to(self.flat.features.device)
        prototypes = torch.randn(int(classes.max()) + 1, self.config.dims)
        self.prototypes = nn.Parameter(prototypes.to(self.flat.features.device))
        self.optimiser.add_param_group({"params": [self.prototypes]})

    def run(self) -> None:
        """Train to the last epoch, from the checkpoint if there is one."""
        self._resume()
        for epoch in range(len(self.history), self.config.epochs):
            torch.manual_seed(self.settings.seed * 1_000_003 + epoch)  # so resuming needs no state
            self.history.append({"epoch": epoch + 1, **self._step()})
            if (epoch + 1) % self.config.checkpoint_every == 0:
                self._save()

    def freeze(self, space: FeatureSpace) -> Frozen:
        """Embed the nodes with the trained network."""
        return _freeze(self.flat, space, self.spread, self.settings, self.network)

    def _targets(self, edges: Edges) -> tuple[Tensor, Tensor]:
        device, config = self.flat.features.device, self.config
        if config.matching == "transport":
            photos, models = np.split(self.spread, [self.flat.photos])
            k = neighbourhood(self.settings.propagation.neighbours, min(len(photos), len(models)))
            edges = balanced_neighbourhoods(photos, models, k, config.transport_entropy, device)
        pairs = torch.from_numpy(np.stack([edges.sources, edges.destinations]))
        return pairs.to(device), torch.from_numpy(edges.weights).to(device)

    def _step(self) -> dict[str, float]:
        self.network.train()
        adjacency = self.flat.adjacency
        if self.config.edge_dropout:
            adjacency = adjacency.dropped(self.config.edge_dropout)
        embeddings = self.flat.ends(self.network(self.flat.features, adjacency))
        discrimination, correlation = self._losses(embeddings)
        loss = discrimination + self.config.correlation_weight * correlation
        if self.classes is not None:
            loss = loss + self.config.label_weight * losses.label_cross_entropy(
                embeddings[: self.flat.photos],
                self.classes,
                self.prototypes,
                LABEL_TEMPERATURE,
            )
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        self.optimiser.step()
        parts = {"loss": loss, "discrimination": discrimination, "correlation": correlation}
        return {name: float(value.detach()) for name, value in parts.items()}

    def _losses(self, z: Tensor) -> tuple[Tensor, Tensor]:
        config, pairs, weights = self.config, self.pairs, self.weights
        if config.discrimination == "spectral":
            discrimination = losses.spectral_contrastive(z, pairs, weights)
        else:
            discrimination = losses.info_nce(z, pairs, weights, config.temperature)
        if config.correlation == "coral":
            return discrimination, losses.coral(z[: self.flat.photos], z[self.flat.photos :])
        if config.correlation == "agreement":
            return discrimination, losses.agreement(z, pairs, weights)
        return discrimination, torch.zeros((), device=z.device)

    def _save(self) -> None:
        state = {
            "key": self.key,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "history": self.history,
            "prototypes": None if self.classes is None else self.prototypes.detach(),
        }
        with atomic_path(self.checkpoint) as partial:
            torch.save(state, partial)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state: dict[str, Any] = torch.load(self.checkpoint, weights_only=True)
        if state["key"] != self.key:
            logger.info("%s is of other settings: training starts anew", self.checkpoint)
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.history = state["history"]
        if self.classes is not None:
            self.prototypes.data.copy_(state["prototypes"])
        logger.info("going on from epoch %d", len(self.history))


def _digest(graph: Path, nodes: Path, settings: Settings, labels: Mapping[str, str] | None) -> str:
    facts = [asdict(settings), dict(labels or {})]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for path in (graph, nodes):
        digest.update(path.read_bytes())
    return digest.hexdigest()
