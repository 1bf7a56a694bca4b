"""The train stage: one seed of UCM-GCN, and its embeddings under both protocols."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import shutil
from dataclasses import asdict, dataclass
from functools import partial
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
from ucmgcn.embeddings import Rows, write_embeddings
from ucmgcn.errors import UserError
from ucmgcn.gcn import UCMGCN
from ucmgcn.graph import load_graph, read_nodes
from ucmgcn.inductive import Frozen, Layer, Network
from ucmgcn.knn import neighbourhood
from ucmgcn.matching import balanced_neighbourhoods
from ucmgcn.processes import map_processes
from ucmgcn.propagation import FlatGraph, flatten, linked_neighbours, propagated
from ucmgcn.protocols import Answer, Part, answer, both_protocols, parts_of
from ucmgcn.sampling import Batch, MiniBatches, Targets, whole_graph
from ucmgcn.spaces import FeatureSpace
from ucmgcn.store import atomic_path
from ucmgcn.supervision import Mask, Roles, classes_of

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

    @property
    def unfinished(self) -> Path:
        """Folder of the checkpoints from which an interrupted training goes on."""
        return self.checkpoint.parent / "unfinished"


def train_seed(
    graph: Path,
    nodes: Path,
    files: Files,
    settings: Settings,
    roles: Roles | None = None,
    processes: int = 1,
) -> None:
    """Train one seed, and write its checkpoint, history and embeddings.

    A training that was interrupted goes on from the last checkpoint beside `files.checkpoint`,
    and ends with the same numbers as one that was not.

    Parameters
    ----------
    graph, nodes
        What `build_graph` wrote.
    roles
        Which photos are context, and whose labels may be used; by default all are queries.
    processes
        How many of the seed's trainings run side by side, each on one core, on which the numbers
        do not depend. Each holds its own graph. A GPU is given one at a time.

    Raises
    ------
    UserError
        If the graph or its nodes cannot be read, or labels are missing.
    """
    assert settings.train is not None
    known, roles = read_nodes(nodes), roles or Roles()
    context = roles.mask(known.photos)
    parts = parts_of(known.photos, context, settings.train.folds, settings.seed)
    key = _digest(graph, nodes, settings, roles)
    train = partial(train_part, graph, nodes, files, settings, roles, key)
    answers, histories = zip(
        *map_processes(train, parts, processes if settings.device == "cpu" else 1), strict=True
    )
    with atomic_path(files.history) as unready:
        pd.concat(histories).to_csv(unready, index=False, float_format="%.6f")
    embedded = both_protocols(parts, answers)
    write_embeddings(files.embeddings, known.photos, known.models, embedded, context)
    shutil.rmtree(files.unfinished, ignore_errors=True)


def train_part(
    graph: Path,
    nodes: Path,
    files: Files,
    settings: Settings,
    roles: Roles,
    key: str,
    part: Part,
) -> tuple[Answer, pd.DataFrame]:
    """Train one network of a seed; return its embeddings and the losses of its epochs.

    The checkpoint of the one that is trained on everything is written. Parameters are those of
    `train_seed`; `key` tells an earlier training of other settings.
    """
    config, known = settings.train, read_nodes(nodes)
    assert config is not None
    classes = classes_of(known.photos, roles.labels) if config.supervision == "source" else None
    histories: list[pd.DataFrame] = []

    def learn(linked: dgl.DGLGraph, space: FeatureSpace, kept: Mask, name: str) -> Frozen:
        flat = flatten(linked, config.per_relation, torch.device(settings.device))
        training = Training(flat, settings, config, files.unfinished / f"{name}.pt", key)
        if classes is not None:
            training.supervise(classes[kept])
        training.run()
        if name == "all":
            with atomic_path(files.checkpoint) as unready:
                torch.save(training.network.state_dict(), unready)
        histories.append(pd.DataFrame(training.history).assign(part=name))
        return training.freeze(space)

    return answer(graph, known, part, learn, settings.graph), histories[0]


def propagate(
    graph: Path,
    nodes: Path,
    out: Path,
    settings: Settings,
    folds: int,
    roles: Roles | None = None,
) -> None:
    """Write the embeddings of the control: the same graph, rounds and folds, no learned weight."""
    known = read_nodes(nodes)
    context = (roles or Roles()).mask(known.photos)

    def spread(linked: dgl.DGLGraph, space: FeatureSpace, _: Mask, __: str) -> Frozen:
        return freeze_propagation(linked, space, settings)

    parts = parts_of(known.photos, context, folds, settings.seed)
    answers = [answer(graph, known, part, spread, settings.graph) for part in parts]
    embedded = both_protocols(parts, answers)
    write_embeddings(out, known.photos, known.models, embedded, context)


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
    spread = propagated(flat, settings.propagation).cpu().numpy()
    return _freeze(flat, read_nodes(nodes).space, spread, settings, network)


def freeze_propagation(graph: dgl.DGLGraph, space: FeatureSpace, settings: Settings) -> Frozen:
    """Propagate over a graph without learned weights, to embed new photos."""
    flat = flatten(graph, False, torch.device(settings.device))
    unit = propagated(flat, settings.propagation).cpu().numpy()
    return frozen(flat, space, unit, settings)


def _freeze(
    flat: FlatGraph, space: FeatureSpace, spread: Rows, settings: Settings, network: UCMGCN
) -> Frozen:
    rows, states = record(network, flat)
    if settings.train is not None and settings.train.supervision == "source":
        spread = spread[:, :0]  # labels make the network better than what it is joined with
    learned = F.normalize(flat.ends(rows), dim=1).cpu().numpy()
    return frozen(
        flat, space, spread, settings, learned, weights_of(network, len(flat.kinds)), states
    )


def frozen(
    flat: FlatGraph,
    space: FeatureSpace,
    spread: Rows,
    settings: Settings,
    learned: Rows | None = None,
    network: Network | None = None,
    states: list[Rows] | None = None,
) -> Frozen:
    """Gather what new photos and models are attached to."""
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
    )


def record(network: UCMGCN, flat: FlatGraph) -> tuple[Tensor, list[Rows]]:
    """Embed the graph's nodes, and keep what each message passing received, for new nodes."""
    states: list[Rows] = []

    def aggregate(hidden: Tensor) -> list[Tensor]:
        states.append(hidden.cpu().numpy())
        return flat.adjacency(hidden)

    network.eval()
    with torch.no_grad():
        return network(flat.features, aggregate), states


def weights_of(network: UCMGCN, relations: int) -> Network:
    """Take the weights out of a trained network with so many groups of edges."""
    state = {name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()}
    layers = [
        Layer(
            state[f"layers.{i}.own.weight"],
            state[f"layers.{i}.own.bias"],
            [state[f"layers.{i}.relations.{r}.weight"] for r in range(relations)],
        )
        for i in range(len(network.layers))
    ]
    return Network(layers, network.hops, network.teleport)


class Training:
    """One network, trained on one graph; it can be interrupted between epochs."""

    def __init__(
        self, flat: FlatGraph, settings: Settings, config: TrainConfig, checkpoint: Path, key: str
    ) -> None:
        self.flat, self.settings, self.config = flat, settings, config
        self.checkpoint, self.key = checkpoint, key
        spread = propagated(flat, settings.propagation)
        self.spread: Rows = spread.cpu().numpy()
        self.targets = self._targets(spread)
        self.sampler = self._sampler()
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
            seed = self.settings.seed * 1_000_003 + epoch  # so resuming needs no state
            self.history.append({"epoch": epoch + 1, **self._epoch(seed)})
            if (epoch + 1) % self.config.checkpoint_every == 0:
                self._save()

    def freeze(self, space: FeatureSpace) -> Frozen:
        """Embed the nodes with the trained network."""
        return _freeze(self.flat, space, self.spread, self.settings, self.network)

    def _targets(self, spread: Tensor) -> Targets:
        device, config = self.flat.features.device, self.config
        if config.matching == "transport" and self.flat.photos:
            photos, models = np.split(self.spread, [self.flat.photos])
            k = neighbourhood(self.settings.propagation.neighbours, min(len(photos), len(models)))
            plan = config.transport_entropy, config.transport_balance
            edges = balanced_neighbourhoods(photos, models, k, *plan, device)
        else:
            edges = linked_neighbours(spread, self.flat.photos, self.settings.propagation)
        pairs = torch.from_numpy(np.stack([edges.sources, edges.destinations]))
        return Targets(pairs.to(device), torch.from_numpy(edges.weights).to(device))

    def _sampler(self) -> MiniBatches | None:
        config, nodes = self.config, len(self.flat.features)
        if nodes <= config.full_batch_nodes:
            return None
        layers = config.layers + config.hops
        sampler = MiniBatches(self.flat, self.targets, config.batch, config.fanout, layers)
        logger.info("%d nodes: %d mini-batches an epoch", nodes, len(sampler))
        return sampler

    def _epoch(self, seed: int) -> dict[str, float]:
        """See every photo and model once; return the mean losses of the steps."""
        torch.manual_seed(seed)
        self.network.train()
        rate = self.config.edge_dropout
        if self.sampler is None:
            return self._step(whole_graph(self.flat, self.targets, rate))
        steps = [self._step(batch) for batch in self.sampler.epoch(seed, rate)]
        return {name: sum(step[name] for step in steps) / len(steps) for name in steps[0]}

    def _step(self, batch: Batch) -> dict[str, float]:
        embeddings = self.network(batch.features, batch.aggregate)[batch.rows]
        discrimination, correlation = self._losses(embeddings, batch)
        loss = discrimination + self.config.correlation_weight * correlation
        if self.classes is not None:
            loss = loss + self.config.label_weight * losses.label_cross_entropy(
                embeddings[: batch.photos],
                self.classes[batch.ends[: batch.photos]],
                self.prototypes,
                LABEL_TEMPERATURE,
            )
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        self.optimiser.step()
        parts = {"loss": loss, "discrimination": discrimination, "correlation": correlation}
        return {name: float(value.detach()) for name, value in parts.items()}

    def _losses(self, z: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        config, pairs, weights = self.config, batch.pairs, batch.weights
        if config.discrimination == "spectral":
            discrimination = losses.spectral_contrastive(z, pairs, weights)
        else:
            discrimination = losses.info_nce(z, pairs, weights, config.temperature)
        if config.correlation == "coral":
            return discrimination, losses.coral(z[: batch.photos], z[batch.photos :])
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
        with atomic_path(self.checkpoint) as unready:
            torch.save(state, unready)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state: dict[str, Any] = torch.load(
            self.checkpoint, map_location=self.flat.features.device, weights_only=True
        )
        if state["key"] != self.key:
            logger.info("%s is of other settings: training starts anew", self.checkpoint)
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.history = state["history"]
        if self.classes is not None:
            self.prototypes.data.copy_(state["prototypes"])
        logger.info("going on from epoch %d", len(self.history))


def _digest(graph: Path, nodes: Path, settings: Settings, roles: Roles) -> str:
    facts = [asdict(settings), asdict(roles)]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for path in (graph, nodes):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
