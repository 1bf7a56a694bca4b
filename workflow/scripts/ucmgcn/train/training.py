"""The training of one network on one graph."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ucmgcn.core.arrays import Features
from ucmgcn.files.digest import is_intact, sealed_path
from ucmgcn.graph.attach import Frozen
from ucmgcn.graph.flat_graph import FlatGraph
from ucmgcn.graph.propagation import propagated
from ucmgcn.graph.space import FeatureSpace
from ucmgcn.settings import Settings, TrainConfig
from ucmgcn.train import losses
from ucmgcn.train.freeze import freeze_network
from ucmgcn.train.gcn import make_network
from ucmgcn.train.matching import target_edges
from ucmgcn.train.sampling import Batch, MiniBatches, Targets, whole_graph

logger = logging.getLogger(__name__)

LABEL_TEMPERATURE = 0.3


class Training:
    """Trains one network on one graph; resumes from a checkpoint after an interruption."""

    def __init__(
        self,
        flat: FlatGraph,
        settings: Settings,
        config: TrainConfig,
        checkpoint: Path,
        key: str,
        trust: float = 1.0,
    ) -> None:
        self.flat, self.settings, self.config = flat, settings, config
        self.checkpoint, self.key = checkpoint, key
        self.spread: Features = propagated(flat, settings.propagation).cpu().numpy()
        self.targets = self._targets(trust)
        self.sampler = self._sampler()
        torch.manual_seed(settings.seed)
        self.network = make_network(flat, settings.propagation, config)
        self.optimiser = torch.optim.Adam(
            self.network.parameters(), config.lr, weight_decay=config.weight_decay
        )
        self.history: list[dict[str, float]] = []
        self.classes: Tensor | None = None

    def supervise(self, classes: npt.NDArray[np.int64]) -> None:
        """Also learn from labels: numbers of the photos' categories (n,), -1 if unknown."""
        self.classes = torch.from_numpy(classes).to(self.flat.features.device)
        prototypes = torch.randn(int(classes.max()) + 1, self.config.dims)
        self.prototypes = nn.Parameter(prototypes.to(self.flat.features.device))
        self.optimiser.add_param_group({"params": [self.prototypes]})

    def drop_edges(self) -> None:
        """Pass no messages, which makes the network an MLP; its targets stay."""
        self.flat = self.flat.without_edges()
        self.sampler = self._sampler()

    def run(self) -> None:
        """Train up to the last epoch, from the checkpoint if there is one."""
        self._resume()
        for epoch in range(len(self.history), self.config.epochs):
            # Each epoch has a seed of its own, so that resuming needs no random state.
            seed = self.settings.seed * 1_000_003 + epoch
            self.history.append({"epoch": epoch + 1, **self._epoch(seed)})
            if (epoch + 1) % self.config.checkpoint_every == 0:
                self._save()

    def freeze(self, space: FeatureSpace) -> Frozen:
        """Freeze the trained network with its graph."""
        return freeze_network(self.flat, space, self.spread, self.settings, self.network)

    def _targets(self, trust: float) -> Targets:
        device = self.flat.features.device
        edges = target_edges(self.spread, self.flat.photos, self.settings, trust, device)
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
        """Train on every photo and model once; return the mean losses of the steps."""
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
        with sealed_path(self.checkpoint) as unready:
            torch.save(state, unready)

    def _resume(self) -> None:
        if not is_intact(self.checkpoint):
            return  # the training starts from scratch
        state: dict[str, Any] = torch.load(
            self.checkpoint, map_location=self.flat.features.device, weights_only=True
        )
        if state["key"] != self.key:
            logger.info("%s has other settings or inputs: starting from scratch", self.checkpoint)
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.history = state["history"]
        if self.classes is not None:
            self.prototypes.data.copy_(state["prototypes"])
        logger.info("resuming after epoch %d", len(self.history))
