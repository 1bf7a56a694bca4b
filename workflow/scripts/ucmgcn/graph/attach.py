"""Attach a new photo or model alone to a frozen graph, and embed it with one forward pass.

This module is pure numpy: a search must not wait seconds for torch and DGL to load. Each item is
computed by itself, because the rounding of a matrix product depends on its number of rows. Products
over many items only preselect neighbours, whose cosines are then computed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Features, Ints
from ucmgcn.graph.edge_types import BESIDE, HAS, MODEL_LIKE, OF, PHOTO_LIKE, SHOWN, SHOWS, EdgeType
from ucmgcn.graph.knn import CSLS_NEIGHBOURS, neighbourhood, top_k
from ucmgcn.graph.space import FeatureSpace, normalise
from ucmgcn.settings import GraphConfig

# Exceeds the rounding errors of float32 products, and of scores of twice their size, so that no
# nearest item is missed.
ROUNDING = 1e-4
QUERIES_PER_BLOCK = 128
NEAREST_PHOTOS = 5  # the nearest photos that say how familiar a photo is
PROBES = 2000  # photos that say what is usual
OWN_SHARES = 0.3, 0.6  # share of own features: of a familiar photo, and of an unfamiliar one
GALLERY_SHARE = 0.5  # any but 0 does: a query's weights make up for it


@dataclass(frozen=True)
class Layer:
    """Weights of a graph convolution: matrices (outputs, inputs), bias (outputs,)."""

    own: Features
    bias: Features
    relations: list[Features]


@dataclass(frozen=True)
class FrozenNetwork:
    """A trained `ucmgcn.train.gcn.UCMGCN` without dropout."""

    layers: list[Layer]
    hops: int
    teleport: float

    def __call__(
        self, features: Features, aggregate: Callable[[Features], list[Features]]
    ) -> Features:
        """Embed nodes like `UCMGCN.forward`: (u, inputs) to (u, outputs), not normalised."""
        hidden = features * np.float32(features.shape[1] ** 0.5)
        for i, layer in enumerate(self.layers):
            hidden = np.maximum(hidden, 0) if i else hidden
            messages = zip(layer.relations, aggregate(hidden), strict=True)
            hidden = hidden @ layer.own.T + layer.bias + sum(m @ w.T for w, m in messages)
        first = hidden
        for _ in range(self.hops):
            hidden = (1 - self.teleport) * sum(aggregate(hidden)) + self.teleport * first
        return np.asarray(hidden, dtype=np.float32)


@dataclass(frozen=True)
class Frozen:
    """A graph, and everything computed on it; new items change none of it.

    Attributes
    ----------
    space
        Feature space of the graph.
    config
        How the graph was built.
    features
        Unit vectors of all nodes: n photos, v views of each of m models, m models, shape (N, d).
    degree
        Sum of the weights of each node's edges, shape (N,).
    kinds
        Groups of edge types that share weights in the network.
    photos, models
        n and m.
    spread
        Photos and models after propagation, unit vectors, shape (n + m, d); (n + m, 0) if the
        network learned from labels and is better alone.
    learned
        Photos and models embedded by the network, unit vectors, shape (n + m, d'); d' = 0 for the
        propagation baseline.
    network, states
        The trained network, and the graph's node states that each of its message passings reads,
        shapes (N, width); None and empty for the propagation baseline.
    teleport
        Teleport probability of the propagation: the share of an item's own features.
    residual
        Share of an item's own features in its embedding, see `joined`; unless it is 0, they are d
        of the embedding's columns.
    gated
        Whether the own features of a new photo weigh more, the less it is like the graph's photos,
        see `own_share`.
    """

    space: FeatureSpace
    config: GraphConfig
    features: Features
    degree: Features
    kinds: list[list[EdgeType]]
    photos: int
    models: int
    spread: Features
    learned: Features
    network: FrozenNetwork | None
    states: list[Features]
    teleport: float
    residual: float
    gated: bool = False

    @property
    def known(self) -> Features:
        """Embeddings of the graph's photos, unit vectors, shape (n, e), e = d + d' (+ d)."""
        n = self.photos
        return self.asked(self.spread[:n], self.learned[:n], self.features[:n], self.residual)

    @property
    def gallery(self) -> Features:
        """Embeddings of the models, unit vectors, shape (m, e)."""
        own = self.features[len(self.features) - self.models :]
        blocks = self.spread[self.photos :], self.learned[self.photos :]
        return joined(*blocks, own, self.gallery_residual, self.space.learned_share)

    @property
    def gallery_residual(self) -> float:
        """Share of a model's own features in its embedding."""
        return max(self.residual, GALLERY_SHARE) if self.gated else self.residual

    def asked(
        self, spread: Features, learned: Features, own: Features, residual: float
    ) -> Features:
        """Join unit vectors of photos, so that products with the gallery average their cosines.

        Shapes (n, d), (n, d'), (n, d) to (n, e). The weights are those of `joined`; if the gallery
        was joined with another share of own features, the result is not of unit length.
        """
        has = spread.shape[1] > 0, learned.shape[1] > 0
        wanted = _weights(*has, residual, self.space.learned_share)
        held = _weights(*has, self.gallery_residual, self.space.learned_share)
        parts = zip((spread, learned, own), wanted, held, strict=True)
        kept = [part * np.float32(want / np.sqrt(hold)) for part, want, hold in parts if hold]
        return np.asarray(np.hstack(kept), dtype=np.float32)

    @cached_property
    def acquaintance(self) -> tuple[float, float] | None:
        """How near photos are to their nearest: the median, and what all but a 20th exceed.

        None if there are too few photos to tell.
        """
        if self.photos <= NEAREST_PHOTOS:
            return None
        rows = self.features[: self.photos]
        chosen = rows[:: max(1, self.photos // PROBES)]
        # The nearest photo of each is itself.
        nearness = top_k(chosen, rows, NEAREST_PHOTOS + 1)[1][:, 1:].mean(axis=1)
        return float(np.median(nearness)), float(np.quantile(nearness, 0.05))

    def own_share(self, nearness: float) -> float:
        """Return the share of own features for a photo of this mean cosine to its nearest photos.

        A photo of a kind that the graph's photos lack is attached to photos of other kinds, which
        draw it to their models. So its own features count more, from the least share, where it is
        as near as most photos are to each other, to the largest, where it is as far as the
        farthest twentieth.
        """
        if not self.gated:
            return self.residual
        least, largest = OWN_SHARES
        strange = 0.5
        if self.acquaintance is not None:
            typical, far = self.acquaintance
            strange = float(np.clip((typical - nearness) / max(typical - far, 1e-6), 0, 1))
        return max(self.residual, least + (largest - least) * strange)

    @cached_property
    def crowd(self) -> Features:
        """Cosines of each view to its nearest photos, best first, shape (m v, k).

        `similarity: mutual` and `csls` go by them; they are computed when first asked for.
        """
        ends = self.features[: self.photos], self.views.reshape(-1, self.features.shape[1])
        mutual = self.config.similarity == "mutual"
        return top_k(ends[1], ends[0], self.config.view_k if mutual else CSLS_NEIGHBOURS)[1]

    @property
    def views(self) -> Features:
        """Features of the views, shape (m, v, d)."""
        flat = self.features[self.photos : len(self.features) - self.models]
        return flat.reshape(self.models, -1, flat.shape[1])


@dataclass(frozen=True)
class _Links:
    """Weighted edges to the new nodes, each of shape (e,); new node i is source N + i."""

    sources: Ints
    destinations: Ints
    weights: Features

    def gather(self, old: Features, new: Features) -> Features:
        """Sum the weighted rows of the sources: the graph's (N, d) and new (u, d) to (u, d)."""
        rows = np.empty((len(self.sources), new.shape[1]), dtype=np.float32)
        inside = self.sources >= len(old)
        rows[inside] = new[self.sources[inside] - len(old)]
        rows[~inside] = old[self.sources[~inside]]
        out = np.zeros_like(new)
        np.add.at(out, self.destinations, self.weights[:, None] * rows)
        return out


_Attached = Mapping[EdgeType, _Links]
Score = Callable[[Features, Ints | slice], Features]


def embed_queries(frozen: Frozen, features: Features) -> Features:
    """Embed query photos, each attached alone to its nearest photos and views.

    Parameters
    ----------
    features
        Encoder features, shape (q, D), float32. Row i of the result depends on row i only, to the
        last bit.

    Returns
    -------
    Features
        Shape (q, e): their products with `Frozen.gallery` are weighted means of cosines.
    """
    ends = frozen.features[: len(frozen.features) - frozen.models]
    rows = np.empty((len(features), frozen.gallery.shape[1]), dtype=np.float32)
    own = [frozen.space.photos(feature[None]) for feature in features]
    for start in range(0, len(own), QUERIES_PER_BLOCK):
        block = own[start : start + QUERIES_PER_BLOCK]
        rough = np.vstack(block) @ ends.T
        for i, (row, cosine) in enumerate(zip(block, rough, strict=True), start):
            near = _nearest(row[0], ends[: frozen.photos], cosine[: frozen.photos], NEAREST_PHOTOS)
            share = frozen.own_share(float(near[1].mean()) if len(near[1]) else -1.0)
            links = _attach_photo(frozen, row[0], cosine)
            rows[i] = frozen.asked(*_embed(frozen, links, row), row, share)[0]
    return rows


def embed_query(frozen: Frozen, feature: Features) -> Features:
    """Embed one photo: encoder features (D,) to a unit vector (e,)."""
    return np.asarray(embed_queries(frozen, feature[None])[0])


def embed_model(
    frozen: Frozen, views: Features, beside: Ints, reach: Features
) -> tuple[Features, Features]:
    """Embed one new model, attached alone to the photos near its views and to its nearest models.

    Parameters
    ----------
    views
        Encoder features of its views, shape (v, D), float32.
    beside
        Pairs of views whose cameras are neighbours, shape (e, 2), see `cameras.neighbours`.
    reach
        For each photo of the graph, its cosine to the farthest view linked to it, shape (n,), see
        `photo_reach`: nearer views of the new model are linked to the photo.

    Returns
    -------
    embedding, own
        Unit vectors of the model, (e,), and of its views in the feature space, (v, d).
    """
    own = frozen.space.views(views)
    nodes = np.vstack([own, frozen.space.models(views[None])])
    links = _attach_model(frozen, nodes, beside, reach)
    parts = *_embed(frozen, links, nodes), nodes[-1:]
    return joined(*parts, frozen.gallery_residual, frozen.space.learned_share)[0], own


def photo_reach(frozen: Frozen) -> Features:
    """Find each graph photo's score of the farthest view linked to it, shape (n,).

    The score is the cosine or, with `similarity: csls`, what CSLS makes of it.
    """
    queries = frozen.features[: frozen.photos]
    views = frozen.views.reshape(-1, frozen.features.shape[1])
    if frozen.config.similarity == "csls":
        hubness = frozen.crowd.mean(axis=1, keepdims=True)
        queries = np.hstack([2 * queries, np.ones((len(queries), 1), dtype=np.float32)])
        views = np.hstack([views, -hubness])
    _, scores = top_k(queries, views, frozen.config.view_k)
    return np.asarray(scores[:, -1])


def joined(
    spread: Features, learned: Features, own: Features, residual: float, share: float = 0.5
) -> Features:
    """Concatenate unit vectors of the same nodes, scaled so that their cosines are averaged.

    The cosine of two results is (1 - residual) times the mean of the cosines of `spread` and
    `learned`, weighted (1 - share) : share, plus residual times the cosine of `own`. `spread` or
    `learned` without columns is left out. The network learns from photos matched to models, which
    misleads where photos show only a part of the gallery: then its share is low.
    """
    weights = _weights(spread.shape[1] > 0, learned.shape[1] > 0, residual, share)
    parts = zip((spread, learned, own), weights, strict=True)
    kept = [part * np.float32(np.sqrt(weight)) for part, weight in parts if weight]
    return np.asarray(np.hstack(kept), dtype=np.float32)


def _weights(spread: bool, learned: bool, residual: float, share: float) -> tuple[float, ...]:
    """Return the weights of spread, learned and own features, whose sum is 1."""
    share = share if spread and learned else float(learned)
    return (1 - residual) * (1 - share), (1 - residual) * share, residual


def _embed(frozen: Frozen, links: _Attached, own: Features) -> tuple[Features, Features]:
    """Embed the last of the new nodes: features (u, d) to (1, d) spread and (1, d') learned."""
    spread = normalise(_spread(frozen, links, own))[:, : frozen.spread.shape[1]]
    return spread, _learned(frozen, links, own)[-1:]


def _learned(frozen: Frozen, links: _Attached, own: Features) -> Features:
    """Run the network on the new nodes, with the recorded states of the graph's nodes."""
    if frozen.network is None:
        return np.zeros((len(own), 0), dtype=np.float32)
    scaled = _normalised(frozen, links, len(own))
    states = iter(frozen.states)

    def aggregate(hidden: Features) -> list[Features]:
        state = next(states)
        return [_gather(scaled, group, state, hidden) for group in frozen.kinds]

    return normalise(frozen.network(own, aggregate))


def _gather(
    links: _Attached, group: Sequence[EdgeType], state: Features, hidden: Features
) -> Features:
    out = np.zeros_like(hidden)
    for kind in group:
        if kind in links:
            out += links[kind].gather(state, hidden)
    return out


def _attach_photo(frozen: Frozen, own: Features, rough: Features) -> _Attached:
    """Link a photo to its nearest views and photos, weighted by the cosine clipped at 0.

    `own` are its features (d,), `rough` their cosines to all photos and views (n + m v,). Its edges
    to views are those that it has where it is a node beside the graph's photos, whatever the
    `similarity`. Its edges to photos are those to its own nearest: where it is a node, photos that
    have it among theirs add some.
    """
    n, rows, config = frozen.photos, frozen.features, frozen.config
    score = _csls(frozen.crowd) if config.similarity == "csls" else None
    views, cosine = _nearest(own, rows[n : len(rough)], rough[n:], config.view_k, score)
    keep = cosine > _least(frozen)
    if config.similarity == "mutual":
        keep &= _is_near(frozen.crowd[views], cosine, config.view_k)
    links = {SHOWN: _to_one(views + n, np.where(keep, cosine, 0))}
    if frozen.config.same_kind and n:
        k = neighbourhood(frozen.config.k, n)
        links[PHOTO_LIKE] = _to_one(*_nearest(own, rows[:n], rough[:n], k))
    return links


def _attach_model(frozen: Frozen, nodes: Features, beside: Ints, reach: Features) -> _Attached:
    """Link the views of a model, and the model itself, (v + 1, d), by the graph's rules."""
    size, v = len(frozen.features), len(nodes) - 1
    ones = np.ones(v, dtype=np.float32)
    parts = {"constant": ones, "mean": ones / v, "cosine": np.maximum(nodes[:-1] @ nodes[-1], 0)}
    weights, views = parts[frozen.config.structure], np.arange(v)
    links = {
        SHOWS: _shown_by(frozen, nodes[:-1], reach),
        OF: _Links(size + views, np.full(v, v), weights),
        HAS: _Links(np.full(v, size + v), views, weights),
    }
    if frozen.config.view_view and len(beside):
        pairs = np.concatenate([beside, beside[:, ::-1]])
        links[BESIDE] = _Links(size + pairs[:, 0], pairs[:, 1], np.ones(len(pairs), np.float32))
    if frozen.config.same_kind:
        k, first = neighbourhood(frozen.config.k, frozen.models), size - frozen.models
        models = frozen.features[first:]
        found, cosine = _nearest(nodes[-1], models, models @ nodes[-1], k)
        links[MODEL_LIKE] = _to_one(found + first, cosine, v)
    return links


def _shown_by(frozen: Frozen, views: Features, reach: Features) -> _Links:
    """Link views (v, d) to the photos to which they are nearer than a view already linked."""
    n, config = frozen.photos, frozen.config
    cosine = np.stack([frozen.features[:n] @ view for view in views])
    score, keep = cosine, cosine > _least(frozen)
    if config.similarity == "csls":
        nearest = -np.sort(-cosine, axis=1)[:, :CSLS_NEIGHBOURS]
        score = 2 * cosine - nearest.sum(axis=1, keepdims=True) / max(1, nearest.shape[1])
    elif config.similarity == "mutual":
        keep &= cosine >= -np.sort(-cosine, axis=1)[:, : config.view_k][:, -1:]
    found, photos = np.nonzero(keep & (score > reach))
    return _Links(photos, found, cosine[found, photos])


def _csls(crowd: Features) -> Score:
    """Score views by CSLS for a photo that is among their photos itself."""

    def score(cosine: Features, views: Ints | slice) -> Features:
        near, new = crowd[views], cosine[:, None]
        if near.shape[1] == CSLS_NEIGHBOURS:
            near, new = near[:, :-1], np.maximum(near[:, -1:], new)
        return np.asarray(2 * cosine - np.hstack([near, new]).mean(axis=1))

    return score


def _is_near(crowd: Features, cosine: Features, k: int) -> npt.NDArray[np.bool_]:
    """Whether a photo is among the k nearest of views, given its cosines (v,)."""
    if crowd.shape[1] < k:
        return np.ones(len(cosine), dtype=bool)
    return np.asarray(cosine >= crowd[:, k - 1])


def _least(frozen: Frozen) -> float:
    """Return the cosine that a photo-view edge must exceed."""
    config = frozen.config
    return config.threshold if config.similarity == "threshold" else 0.0


def _to_one(sources: Ints, weights: Features, destination: int = 0) -> _Links:
    clipped = np.maximum(weights, 0).astype(np.float32)
    return _Links(sources, np.full(len(sources), destination), clipped)


def _nearest(
    query: Features, rows: Features, rough: Features, k: int, score: Score | None = None
) -> tuple[Ints, Features]:
    """Find the k unit vectors of (m, d) nearest to one (d,), best first, ties by index.

    `rough` are their cosines (m,), up to the rounding of a matrix product of any shape. `score`
    makes of cosines, and of the numbers of their rows, what is ranked.
    """
    if not len(rows):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    k, score = min(k, len(rows)), score or (lambda cosine, _: cosine)
    ranked = score(rough, slice(None))
    least = np.partition(ranked, len(ranked) - k)[len(ranked) - k] - ROUNDING
    candidates = np.flatnonzero(ranked >= least)
    # Sum each row by itself, in an order that depends on its length only.
    cosine = (rows[candidates].astype(np.float64) * query).sum(axis=1).astype(np.float32)
    best = np.argsort(-score(cosine, candidates), kind="stable")[:k]
    return candidates[best], cosine[best]


def _normalised(frozen: Frozen, links: _Attached, new: int) -> _Attached:
    """Divide weights by the square roots of both ends' degrees, the graph's without new nodes."""
    own = np.zeros(new, dtype=np.float32)
    for part in links.values():
        np.add.at(own, part.destinations, part.weights)
    degree = np.concatenate([frozen.degree, own])
    return {
        kind: _Links(
            part.sources,
            part.destinations,
            part.weights
            / np.sqrt(np.maximum(own[part.destinations] * degree[part.sources], 1e-12)),
        )
        for kind, part in links.items()
    }


def _spread(frozen: Frozen, links: _Attached, own: Features) -> Features:
    """Take one step of propagation from photos and models to the last new node, shape (1, d)."""
    target = own[-1:]
    if not frozen.spread.shape[1]:
        return target
    n, m = frozen.photos, frozen.models
    views = (len(frozen.features) - n - m) // m
    total = np.zeros(own.shape[1], dtype=np.float32)
    for part in links.values():
        outside = part.sources < len(frozen.features)
        sources = part.sources[outside]
        owners = np.where(sources >= n + m * views, sources - m * views, n + (sources - n) // views)
        ends = np.where(sources < n, sources, owners)
        total += part.weights[outside] @ frozen.spread[ends]
    share = np.float32(frozen.teleport)
    return (1 - share) * normalise(total[None]) + share * target
