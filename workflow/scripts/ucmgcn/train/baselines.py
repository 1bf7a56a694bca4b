"""Baselines on the network's own ground: its feature space, its graph, its targets, its labels.

=================  ================================================================================
baseline           embedding of a photo or model
=================  ================================================================================
mean-pool-centred  its features, centred as in the graph's space but not whitened; no graph
propagation        y: the features x of the graph's space, propagated over the graph
diffusion          t: the features x, propagated over the network's targets; no learned weight
diffusion-joined   y and t side by side, as ucm-gcn has y and the network's output
mlp                y and the output of the network trained without an edge
ridge              class scores by ridge regression on x and y; needs labelled photos
=================  ================================================================================

All answer under both protocols, on the folds of the network with the same seed. Where the network's
embedding has a share of own features, so have those with y or t.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import Ridge

from ucmgcn.core.arrays import Features
from ucmgcn.datasets.roles import Roles, classes_of
from ucmgcn.graph.attach import Frozen, embed_queries, joined
from ucmgcn.graph.file import read_nodes
from ucmgcn.graph.flat_graph import FlatGraph, flatten
from ucmgcn.graph.heterograph import Nodes
from ucmgcn.graph.knn import neighbourhood
from ucmgcn.graph.message_passing import diffuse
from ucmgcn.graph.propagation import propagated, rebuilt_adjacency
from ucmgcn.graph.space import normalise
from ucmgcn.settings import Settings, TrainConfig
from ucmgcn.train.freeze import frozen, weights_of
from ucmgcn.train.matching import potentials, shown_shares, target_edges
from ucmgcn.train.protocols import Fold, FoldEmbeddings, ground_of
from ucmgcn.train.training import Training

RIDGE_PENALTY = 1.0
MODELS_PER_BLOCK = 256


@dataclass(frozen=True)
class Ground:
    """What the baselines of one fold share: its graph, propagated, and the photos to embed.

    Attributes
    ----------
    nodes
        The fold's photos and all models, in the fold's feature space.
    flat
        Their graph.
    asked
        Encoder features of the photos to embed, shape (q, D); None if they are the fold's own.
    labels
        Labels that may be used, by photo.
    """

    nodes: Nodes
    flat: FlatGraph
    asked: Features | None
    settings: Settings
    labels: dict[str, str]

    @property
    def train(self) -> TrainConfig:
        """Settings of the network."""
        assert self.settings.train is not None
        return self.settings.train

    @cached_property
    def state(self) -> Frozen:
        """The propagated graph, without a share of own features."""
        spread = propagated(self.flat, self.settings.propagation).cpu().numpy()
        whole = frozen(self.flat, self.nodes.space, spread, self.settings)
        return replace(whole, residual=0.0, gated=False)

    @cached_property
    def ends(self) -> Features:
        """Features of the fold's photos, then of the models, unit vectors, shape (n + m, d)."""
        return self.flat.ends(self.flat.features).cpu().numpy()

    @cached_property
    def own(self) -> FoldEmbeddings:
        """X of the photos to embed and of the models."""
        if self.asked is None:
            return self.sides(self.ends)
        # One by one: rounding must not make a photo's answer depend on the others.
        rows = [self.nodes.space.photos(feature[None]) for feature in self.asked]
        return FoldEmbeddings(np.vstack(rows), self.ends[self.flat.photos :])

    @cached_property
    def spread(self) -> FoldEmbeddings:
        """Y of the photos to embed and of the models."""
        if self.asked is None:
            return self.sides(self.state.spread)
        return FoldEmbeddings(embed_queries(self.state, self.asked), self.state.gallery)

    @cached_property
    def diffused(self) -> FoldEmbeddings:
        """T of the photos to embed and of the models."""
        config, device = self.settings.propagation, self.flat.features.device
        trust = self.nodes.space.trust
        edges = target_edges(self.state.spread, self.flat.photos, self.settings, trust, device)
        own = torch.from_numpy(self.ends).to(device)
        adjacency = rebuilt_adjacency(edges, own)
        rows = normalise(diffuse(own, adjacency, config.hops, config.teleport).cpu().numpy())
        if self.asked is None:
            return self.sides(rows)
        return FoldEmbeddings(self._attached(rows), rows[self.flat.photos :])

    def sides(self, rows: Features) -> FoldEmbeddings:
        """Split the rows of the fold's photos and of the models."""
        return FoldEmbeddings(rows[: self.flat.photos], rows[self.flat.photos :])

    def joined(self, *parts: FoldEmbeddings) -> FoldEmbeddings:
        """Join one or two embeddings, and the share of own features, see `attach.joined`."""
        residual, own = self.settings.propagation.own_share, self.own
        share = self.nodes.space.learned_share
        nothing = FoldEmbeddings(own.photos[:, :0], own.models[:, :0])
        first, second = (*parts, nothing)[:2]
        return FoldEmbeddings(
            joined(first.photos, second.photos, own.photos, residual, share),
            joined(first.models, second.models, own.models, residual, share),
        )

    def _attached(self, rows: Features) -> Features:
        """Take one step of diffusion to each photo to embed, from its targets' rows (n + m, d).

        Its targets follow from its propagated features, as those of the fold's photos do: its
        nearest photos, and the models with the most mass in its row of the transport plan. That row
        needs only the models' potentials, so the photo changes nothing.
        """
        photos, models = self.sides(self.state.spread).photos, self.state.gallery
        k = neighbourhood(self.settings.propagation.neighbours, min(len(photos), len(models)))
        share = np.float32(self.settings.propagation.teleport)
        found = np.empty_like(self.own.photos)
        for i, (own, spread) in enumerate(zip(self.own.photos, self.spread.photos, strict=True)):
            across = self._mass(models @ spread)
            alike = np.maximum(photos @ spread, 0)
            total = (
                _heaviest(alike, k) @ rows[: len(photos)]
                + _heaviest(across, k) @ rows[len(photos) :]
            )
            found[i] = (1 - share) * normalise(total) + share * own
        return normalise(found)

    def _mass(self, cosine: Features) -> Features:
        """Mass of a photo's links to the models, relative to the heaviest; cosines (m,)."""
        if self._columns is None:
            return np.maximum(cosine, 0)
        score = cosine / self.train.transport_entropy + self._columns
        return np.asarray(np.exp(score - score.max()), dtype=np.float32)

    @cached_property
    def _columns(self) -> Features | None:
        """Potentials of the models (m,), None without a transport plan."""
        if self.train.matching == "nearest" or not self.flat.photos:
            return None
        photos, models = (
            torch.from_numpy(part) for part in np.split(self.state.spread, [self.flat.photos])
        )
        epsilon, balance = self.train.transport_entropy, self.train.transport_balance
        shares = shown_shares(photos, models, epsilon, self.nodes.space.trust)
        return np.asarray(potentials(photos, models, epsilon, balance, shares)[1][0].numpy())


def _heaviest(weights: Features, k: int) -> Features:
    """Set all but the k largest of (m,) to zero."""
    if len(weights) <= k:
        return weights
    return np.where(weights >= np.partition(weights, -k)[-k], weights, 0).astype(np.float32)


def centred(ground: Ground) -> FoldEmbeddings:
    """Pool features that are centred per modality; whitening helps a graph, but not a ranking."""
    nodes, none = ground.nodes, np.zeros((0, 0), dtype=np.float32)
    space = replace(nodes.space, model_mean=none.ravel(), projection=none)
    asked = nodes.photo_features if ground.asked is None else ground.asked
    views = nodes.view_features
    parts = (views[i : i + MODELS_PER_BLOCK] for i in range(0, len(views), MODELS_PER_BLOCK))
    return FoldEmbeddings(space.photos(asked), np.vstack([space.models(part) for part in parts]))


def propagation(ground: Ground) -> FoldEmbeddings:
    """Propagate over the graph; own features have the share that they have beside the network."""
    config = ground.settings.propagation
    state = replace(ground.state, residual=config.own_share, gated=config.familiarity)
    asked = state.known if ground.asked is None else embed_queries(state, ground.asked)
    return FoldEmbeddings(asked, state.gallery)


def mlp(ground: Ground) -> FoldEmbeddings:
    """Train the network without an edge: the same losses, targets, labels and epochs."""
    config = replace(ground.train, checkpoint_every=ground.train.epochs + 1)
    trust = ground.nodes.space.trust
    training = Training(ground.flat, ground.settings, config, Path("none"), "", trust)
    training.drop_edges()
    supervised = config.supervision == "source"
    if supervised:
        training.supervise(classes_of(ground.nodes.photos, ground.labels))
    training.run()
    network = weights_of(training.network, 0)

    def embed(rows: Features) -> Features:
        found = [network(row[None], lambda _: []) for row in rows]
        return normalise(np.vstack([np.zeros((0, config.dims), np.float32), *found]))

    learned = FoldEmbeddings(embed(ground.own.photos), embed(ground.own.models))
    return ground.joined(learned) if supervised else ground.joined(ground.spread, learned)


def ridge(ground: Ground) -> FoldEmbeddings:
    """Score classes by ridge regression from x and y, learned from the labelled photos."""
    classes = classes_of(ground.nodes.photos, ground.labels)
    known = classes >= 0
    inputs = np.hstack([ground.ends, ground.state.spread])[: ground.flat.photos][known]
    model = Ridge(RIDGE_PENALTY).fit(inputs, np.eye(classes.max() + 1)[classes[known]])

    def scores(own: Features, spread: Features) -> Features:
        rows = np.hstack([own, spread])
        found = [row @ model.coef_.T + model.intercept_ for row in rows]
        return normalise(np.vstack(found).astype(np.float32))

    return FoldEmbeddings(
        scores(ground.own.photos, ground.spread.photos),
        scores(ground.own.models, ground.spread.models),
    )


EMBED: dict[str, Callable[[Ground], FoldEmbeddings]] = {
    "mean-pool-centred": centred,
    "propagation": propagation,
    "diffusion": lambda ground: ground.joined(ground.diffused),
    "diffusion-joined": lambda ground: ground.joined(ground.spread, ground.diffused),
    "mlp": mlp,
    "ridge": ridge,
}


def embed_baselines(
    graph: Path,
    nodes: Path,
    settings: Settings,
    roles: Roles,
    methods: Collection[str],
    part: Fold,
) -> dict[str, FoldEmbeddings]:
    """Embed the queries of one fold and the models by each of the methods."""
    ground = _ground(graph, read_nodes(nodes), settings, roles, part)
    return {method: EMBED[method](ground) for method in methods}


def _ground(graph: Path, nodes: Nodes, settings: Settings, roles: Roles, part: Fold) -> Ground:
    assert settings.train is not None
    known, linked = ground_of(graph, nodes, part, settings.graph)
    flat = flatten(linked, settings.train.per_relation, torch.device(settings.device))
    asked = nodes.photo_features[part.asked] if part.attached else None
    return Ground(known, flat, asked, settings, dict(roles.labels))
