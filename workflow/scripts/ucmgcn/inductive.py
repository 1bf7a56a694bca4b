"""Attach a query photo to a frozen graph, alone, and embed it by one forward pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from ucmgcn.gcn import UCMGCN
from ucmgcn.graph import PHOTO_LIKE, SHOWN, EdgeType
from ucmgcn.knn import top_k
from ucmgcn.propagation import FlatGraph
from ucmgcn.spaces import Features, FeatureSpace


@dataclass(frozen=True)
class Frozen:
    """A graph and what was computed on it, none of which a query can change.

    Attributes
    ----------
    space
        Feature space of the graph.
    flat
        The graph, of n photos, m models with v views each; features of d dimensions.
    spread
        What propagation made of photos and models, unit vectors, shape (n + m, d); or (n + m, 0),
        where labels made the network better than it.
    learned
        What the network made of them, unit vectors, shape (n + m, d'); d' = 0 for the control.
    network, states
        The trained network, and what each of its message passings received from the graph's
        nodes; None and empty for the control.
    k, view_k, threshold
        Nearest photos and views that a query is attached to, and the least cosine of a view.
    teleport
        Share of the query's own features in what propagates to it.
    """

    space: FeatureSpace
    flat: FlatGraph
    spread: Features
    learned: Features
    network: UCMGCN | None
    states: list[Tensor]
    k: int
    view_k: int
    threshold: float
    teleport: float

    @property
    def known(self) -> Features:
        """Embeddings of the graph's photos, unit vectors, shape (n, d + d')."""
        return joined(self.spread[: self.flat.photos], self.learned[: self.flat.photos])

    @property
    def gallery(self) -> Features:
        """Embeddings of the models, unit vectors, shape (m, d + d')."""
        return joined(self.spread[self.flat.photos :], self.learned[self.flat.photos :])


@dataclass(frozen=True)
class _Links:
    """Weighted edges from k nodes of the graph to each query, shapes (q, k)."""

    nodes: Tensor
    weights: Tensor

    def gather(self, rows: Tensor) -> Tensor:
        """Sum the rows of the linked nodes by weight: (nodes, d) to (q, d)."""
        return torch.einsum("qk,qkd->qd", self.weights, rows[self.nodes])


def embed_queries(frozen: Frozen, features: Features) -> Features:
    """Embed query photos, each attached alone to its nearest photos and views.

    Parameters
    ----------
    features
        Of the encoder, shape (q, D), float32. Row i of the result depends on row i only.

    Returns
    -------
    Features
        Unit vectors, shape (q, d + d'), to compare with `Frozen.gallery`.
    """
    own = torch.from_numpy(frozen.space.photos(features)).to(frozen.flat.features.device)
    links = _attach(frozen, own)
    spread = _unit(_spread(frozen, links, own))[:, : frozen.spread.shape[1]]
    return joined(spread, _learned(frozen, links, own))


def _learned(frozen: Frozen, links: dict[EdgeType, _Links], own: Tensor) -> Features:
    """Pass the queries through the network, beside the recorded states of the graph."""
    if frozen.network is None:
        return np.zeros((len(own), 0), dtype=np.float32)
    normalised = _normalised(frozen.flat, links)
    states = iter(frozen.states)

    def aggregate(_: Tensor) -> list[Tensor]:
        state = next(states)
        return [
            torch.stack(
                [links.gather(state) for kind, links in normalised.items() if kind in group]
                or [torch.zeros(len(own), state.shape[1], device=own.device)]
            ).sum(0)
            for group in frozen.flat.kinds
        ]

    with torch.no_grad():
        return _unit(frozen.network(own, aggregate))


def embed_query(frozen: Frozen, feature: Features) -> Features:
    """Embed one photo: features of the encoder (D,) to a unit vector (d + d',)."""
    return np.asarray(embed_queries(frozen, feature[None])[0])


def record(network: UCMGCN, flat: FlatGraph) -> tuple[Tensor, list[Tensor]]:
    """Embed the graph's nodes, and keep what each message passing received, for queries."""
    states: list[Tensor] = []

    def aggregate(hidden: Tensor) -> list[Tensor]:
        states.append(hidden)
        return flat.adjacency(hidden)

    network.eval()
    with torch.no_grad():
        return network(flat.features, aggregate), states


def joined(spread: Features, learned: Features) -> Features:
    """Put unit vectors of the same nodes side by side; a cosine becomes the mean of two."""
    blocks = [block for block in (spread, learned) if block.shape[1]]
    return np.asarray(np.hstack(blocks) / np.sqrt(len(blocks)), dtype=np.float32)


def _attach(frozen: Frozen, own: Tensor) -> dict[EdgeType, _Links]:
    """Link queries to their nearest photos and views, weighted by the cosine clipped at 0."""
    flat, queries = frozen.flat, own.cpu().numpy()
    rows = flat.features.cpu().numpy()
    n, end = flat.photos, len(rows) - flat.models
    links = {}
    views, cosine = top_k(queries, rows[n:end], frozen.view_k)
    links[SHOWN] = _links(views + n, np.where(cosine > frozen.threshold, cosine, 0), own)
    if any(PHOTO_LIKE in group for group in flat.kinds):
        links[PHOTO_LIKE] = _links(*top_k(queries, rows[:n], frozen.k), own)
    return links


def _links(nodes: npt.NDArray[np.int64], weights: Features, like: Tensor) -> _Links:
    clipped = torch.from_numpy(weights).clamp_min(0)
    return _Links(torch.from_numpy(nodes).to(like.device), clipped.to(like.device))


def _normalised(flat: FlatGraph, links: dict[EdgeType, _Links]) -> dict[EdgeType, _Links]:
    """Divide by the roots of both ends' degrees, the graph's own being those without queries."""
    degree = torch.cat([part.weights for part in links.values()], dim=1).sum(1, keepdim=True)
    return {
        kind: _Links(
            part.nodes,
            part.weights * (degree * flat.adjacency.degree[part.nodes]).clamp_min(1e-12).rsqrt(),
        )
        for kind, part in links.items()
    }


def _spread(frozen: Frozen, links: dict[EdgeType, _Links], own: Tensor) -> Tensor:
    """One step of propagation to the queries, from photos and from the models of views."""
    n, m = frozen.flat.photos, frozen.flat.models
    views = (len(frozen.flat.features) - n - m) // m
    if not frozen.spread.shape[1]:
        return own
    rows = torch.from_numpy(frozen.spread).to(own.device)
    total = torch.zeros_like(own)
    for part in links.values():
        ends = torch.where(part.nodes < n, part.nodes, n + (part.nodes - n) // views)
        total = total + _Links(ends, part.weights).gather(rows)
    return (1 - frozen.teleport) * F.normalize(total, dim=1) + frozen.teleport * own


def _unit(rows: Tensor) -> Features:
    return np.asarray(F.normalize(rows, dim=1).cpu().numpy())
