"""Training of an encoder's last blocks by a contrastive loss on the graph's targets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ucmgcn.adapt.maps import Half, Maps
from ucmgcn.adapt.pointwise import with_products
from ucmgcn.adapt.targets import Targets
from ucmgcn.core.arrays import Ints
from ucmgcn.core.devices import Device
from ucmgcn.core.progress import track
from ucmgcn.features.encoders.halves import Tail
from ucmgcn.files.digest import is_intact, sealed_path
from ucmgcn.settings import AdaptConfig
from ucmgcn.train.losses import info_nce

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lesson:
    """What a training reads.

    Attributes
    ----------
    photos, views
        Maps of the n photos and m models of the targets.
    targets
        Who is like whom.
    number
        Which round it is, from 0.
    """

    photos: Maps
    views: Maps
    targets: Targets
    number: int = 0


class Batch(NamedTuple):
    """Rows of a step: those of photos first.

    Attributes
    ----------
    maps
        Shape (b, values).
    photos
        How many rows are photos'.
    nodes
        Whose row it is, shape (b,); model j is node n + j.
    """

    maps: Half
    photos: int
    nodes: Ints


def draw_batch(lesson: Lesson, config: AdaptConfig, generator: np.random.Generator) -> Batch:
    """Draw photos with all their looks, and models with two views each.

    A model that the photo is linked to is drawn for each photo; others fill the batch up.
    """
    targets = lesson.targets
    n, m = targets.photos, targets.models
    photos = generator.choice(n, min(config.photos, n), replace=False) if n else np.arange(0)
    linked = {targets.model_of(int(photo), generator) for photo in photos} - {None}
    others = generator.choice(m, min(m, max(1, config.models - len(linked))), replace=False)
    models = np.array(sorted({*linked, *others.tolist()}))
    looks = lesson.photos.rows if n else 0
    one, other = _two(generator, lesson.views.rows, len(models))
    parts = [lesson.photos.read(photos, np.full(len(photos), look)) for look in range(looks)]
    parts += [lesson.views.read(models, one), lesson.views.read(models, other)]
    nodes = [photos] * looks + [n + models] * 2
    return Batch(np.concatenate(parts), looks * len(photos), np.concatenate(nodes))


def _two(generator: np.random.Generator, views: int, models: int) -> tuple[Ints, Ints]:
    """Draw two views of each model, different ones if it has several."""
    one = generator.integers(0, views, models)
    step = generator.integers(1, views, models) if views > 1 else 0
    return one, (one + step) % views


class Adaptation:
    """Trains a tail in place; resumes from a checkpoint after an interruption.

    Parameters
    ----------
    tail, first
        What is trained, and the pre-trained weights, which it is pulled towards.
    config
        Settings.
    device
        Where it is computed. On a CPU the same seed gives the same numbers.
    unfinished, key
        Folder of a checkpoint of each round, from which an interrupted training resumes, and the
        digest of inputs and settings by which it recognises its own.
    """

    def __init__(
        self,
        tail: Tail,
        first: Tail,
        config: AdaptConfig,
        device: Device,
        unfinished: Path,
        key: str,
    ) -> None:
        self.tail, self.config, self.device = tail.to(device), config, device
        self._fast = with_products(self.tail) if device == "cpu" else self.tail
        self.start = [weight.detach().clone().to(device) for weight in first.parameters()]
        self.unfinished, self.key = unfinished, key

    def run(self, lesson: Lesson) -> list[float]:
        """Train for one round; return the loss of each step."""
        optimiser = torch.optim.Adam(self.tail.requires_grad_().parameters(), self.config.lr)
        losses = self._resume(optimiser, lesson.number)
        for step in track(self._steps(len(losses)), "adapting", self.config.steps, "step"):
            # Each step has a seed of its own, so that resuming needs no random state.
            generator = np.random.default_rng([self.config.seed, lesson.number, step])
            losses.append(self._step(draw_batch(lesson, self.config, generator), lesson, optimiser))
            if (step + 1) % self.config.checkpoint_every == 0:
                self._save(optimiser, lesson.number, losses)
        self._save(optimiser, lesson.number, losses)
        self.tail.requires_grad_(False)
        return losses

    def _steps(self, done: int) -> Iterator[int]:
        return iter(range(done, self.config.steps))

    def _step(self, batch: Batch, lesson: Lesson, optimiser: torch.optim.Optimizer) -> float:
        rows = self._embed(batch, lesson.targets)
        weights = torch.from_numpy(lesson.targets.among(batch.nodes)).fill_diagonal_(0)
        pairs = weights.nonzero().T
        pull = sum(
            ((weight - start) ** 2).sum()
            for weight, start in zip(self.tail.parameters(), self.start, strict=True)
        )
        likeness = weights[pairs[0], pairs[1]].to(self.device)
        loss = info_nce(rows, pairs.to(self.device), likeness, self.config.temperature)
        optimiser.zero_grad()
        torch.autograd.backward(loss + self.config.pull * pull)
        optimiser.step()
        return float(loss.detach())

    def _embed(self, batch: Batch, targets: Targets) -> Tensor:
        """Describe the maps; centre each modality where its mean was before training."""
        maps = torch.from_numpy(batch.maps).to(self.device).float()
        features = F.normalize(self._fast(maps), dim=1)
        means = [
            torch.from_numpy(mean).to(self.device)
            for mean in (targets.photo_mean, targets.view_mean)
        ]
        photos, views = features[: batch.photos], features[batch.photos :]
        return torch.cat([photos - means[0], views - means[1]])

    def _checkpoint(self, number: int) -> Path:
        return self.unfinished / f"round-{number}.pt"

    def _save(self, optimiser: torch.optim.Optimizer, number: int, losses: list[float]) -> None:
        state = {
            "key": self.key,
            "losses": losses,
            "tail": self.tail.state_dict(),
            "optimiser": optimiser.state_dict(),
        }
        with sealed_path(self._checkpoint(number)) as unready:
            torch.save(state, unready)

    def _resume(self, optimiser: torch.optim.Optimizer, number: int) -> list[float]:
        """Take over an earlier checkpoint of a round; return its losses."""
        path = self._checkpoint(number)
        if not is_intact(path):
            return []  # the round starts from scratch
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        if state["key"] != self.key:
            logger.info("%s has other settings or inputs: starting from scratch", path)
            return []
        self.tail.load_state_dict(state["tail"])
        optimiser.load_state_dict(state["optimiser"])
        logger.info("resuming round %d after step %d", number + 1, len(state["losses"]))
        return list(state["losses"])
