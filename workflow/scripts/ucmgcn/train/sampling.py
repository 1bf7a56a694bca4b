"""The batch of a training step: the whole graph, or a mini-batch of sampled neighbourhoods."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dgl
import torch
from torch import Tensor
from torch.nn import functional as F

from ucmgcn.graph.flat_graph import FlatGraph
from ucmgcn.graph.message_passing import Adjacency, Aggregate, pass_messages

ALL_NEIGHBOURS = -1


@dataclass(frozen=True)
class Batch:
    """The photos and models of one training step, and the inputs of their embeddings.

    Attributes
    ----------
    features
        Features of all nodes that send messages, shape (n, d).
    aggregate
        Passes messages; each call serves the next layer.
    ends
        Numbers of the photos and models, shape (e,), ascending: photo i of the graph is i, model j
        is the graph's number of photos + j.
    rows
        Their rows in the network's output, shape (e,).
    photos
        Number of photos among them.
    pairs, weights
        Target neighbours among them, in both directions, shapes (2, p) and (p,); pairs are indices
        into `ends`.
    """

    features: Tensor
    aggregate: Aggregate
    ends: Tensor
    rows: Tensor
    photos: int
    pairs: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Targets:
    """Pseudo-labels: neighbouring photos and models, pairs (2, p) both ways, and weights (p,).

    Photo i is node i, model j is node photos + j.
    """

    pairs: Tensor
    weights: Tensor


def whole_graph(flat: FlatGraph, targets: Targets, edge_dropout: float) -> Batch:
    """Put all nodes into one batch, and drop a share of the edges."""
    adjacency = flat.adjacency.dropped(edge_dropout) if edge_dropout else flat.adjacency
    ends = torch.arange(flat.photos + flat.models, device=flat.features.device)
    rows = _nodes_of(ends, flat)
    pairs, weights = targets.pairs, targets.weights
    return Batch(flat.features, adjacency, ends, rows, flat.photos, pairs, weights)


class MiniBatches:
    """Mini-batches by neighbour sampling (Hamilton, Ying & Leskovec, NeurIPS 2017), with DGL.

    The photos and models are shuffled and cut into batches of anchors. Each anchor brings along one
    of its target neighbours, drawn by weight, so that it has a positive. All target pairs within
    the batch count; its other members are the negatives. For each layer, `fanout` in-edges of a
    node are drawn uniformly, without replacement. Their weights are scaled by (degree / drawn), so
    that sums keep their expectation. A batch of all nodes and all neighbours is equal to the whole
    graph.

    Parameters
    ----------
    size
        Maximum number of anchors in a batch.
    fanout
        Number of edges drawn for each node and layer, or `ALL_NEIGHBOURS`.
    layers
        Number of message passings in the network.
    """

    def __init__(
        self, flat: FlatGraph, targets: Targets, size: int, fanout: int, layers: int
    ) -> None:
        self.flat, self.size = flat, size
        self.graph = merged(flat.adjacency)
        self.degrees = self.graph.in_degrees()
        self.sampler = dgl.dataloading.NeighborSampler([fanout] * layers, fused=False)
        anchors, positives = targets.pairs.cpu()
        self.targets = dgl.graph((anchors, positives), num_nodes=flat.photos + flat.models)
        self.targets.edata["weight"] = targets.weights.cpu()

    def __len__(self) -> int:
        """Return the number of batches of at most `size` anchors."""
        ends: int = self.targets.num_nodes()
        return math.ceil(ends / self.size)

    def epoch(self, seed: int, edge_dropout: float) -> Iterator[Batch]:
        """Yield batches of nearly equal size; every photo and model is an anchor once.

        Batches depend on the seed only, not on the number of threads.
        """
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(self.targets.num_nodes(), generator=generator)
        for number, anchors in enumerate(order.tensor_split(len(self))):
            with _reproducible(seed + number):
                batch = self._sample(anchors, edge_dropout)
            yield batch

    def _sample(self, anchors: Tensor, edge_dropout: float) -> Batch:
        drawn = dgl.sampling.sample_neighbors(
            self.targets, anchors, 1, edge_dir="out", prob="weight"
        )
        ends = torch.unique(torch.cat([anchors, drawn.edges()[1]]))
        within = dgl.node_subgraph(self.targets, ends)
        inputs, _, blocks = self.sampler.sample_blocks(self.graph, _nodes_of(ends, self.flat))
        device = self.flat.features.device
        return Batch(
            features=self.flat.features[inputs.to(device)],
            aggregate=self._through(blocks, edge_dropout),
            ends=ends.to(device),
            rows=torch.arange(len(ends), device=device),
            photos=int((ends < self.flat.photos).sum()),
            pairs=torch.stack(within.edges()).to(device),
            weights=within.edata["weight"].to(device),
        )

    def _through(self, blocks: Sequence[Any], edge_dropout: float) -> Aggregate:
        remaining = iter(blocks)
        device, groups = self.flat.features.device, len(self.flat.kinds)

        def aggregate(hidden: Tensor) -> list[Tensor]:
            block = next(remaining)
            weight = F.dropout(self._weights(block), edge_dropout)
            group = block.edata["group"]
            kinds = (weight * (group == kind) for kind in range(groups))
            parts = kinds if groups > 1 else iter([weight])
            return [pass_messages(block, part.to(device), hidden) for part in parts]

        return aggregate

    def _weights(self, block: Any) -> Tensor:
        growth = self.degrees[block.dstdata[dgl.NID]] / block.in_degrees()
        weights: Tensor = block.edata["weight"] * growth[block.edges()[1]]
        return weights


def merged(adjacency: Adjacency) -> dgl.DGLGraph:
    """Merge the groups of edges into one graph on the CPU, with ``weight`` and ``group``."""
    parts = [(*graph.cpu().edges(), weight.cpu()) for graph, weight in adjacency.relations]
    sources, destinations, weights = (torch.cat(part) for part in zip(*parts, strict=True))
    graph = dgl.graph((sources, destinations), num_nodes=len(adjacency.degree))
    graph.edata["weight"] = weights
    counts = torch.tensor([len(weight) for *_, weight in parts])
    graph.edata["group"] = torch.arange(len(parts)).repeat_interleave(counts)
    return graph


def _nodes_of(ends: Tensor, flat: FlatGraph) -> Tensor:
    """Map photos and models to the flat graph's nodes: photos, then views, then models."""
    views = len(flat.features) - flat.photos - flat.models
    return torch.where(ends < flat.photos, ends, ends + views)


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Seed DGL's sampler and run it on one thread: each thread has a generator of its own."""
    threads = dgl.utils.get_num_threads()
    dgl.utils.set_num_threads(1)
    dgl.seed(seed)
    try:
        yield
    finally:
        dgl.utils.set_num_threads(threads)
