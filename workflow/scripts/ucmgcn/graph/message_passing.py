"""Message passing: weighted sums over the edges of a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dgl
import torch
from torch import Tensor

Aggregate = Callable[[Tensor], list[Tensor]]


def pass_messages(graph: dgl.DGLGraph, weight: Tensor, features: Tensor) -> Tensor:
    """Sum over each node's incoming edges: out_v = sum_(u->v) weight_uv features_u.

    Parameters
    ----------
    graph
        Homogeneous DGL graph of n nodes, or a block of n sources, of which the first m are the
        destinations; it may be on another device than the features.
    weight
        Weight of each edge in the graph's order, shape (e,), float32, on the features' device.
    features
        Shape (n, d), float32.

    Returns
    -------
    Tensor
        Shape (n, d), or (m, d) for a block. DGL's kernel computes it if the graph is on the
        features' device, else torch's sparse product; both give the same numbers.
    """
    if graph.device == features.device:
        summed: Tensor = dgl.ops.u_mul_e_sum(graph, features, weight[:, None])
        return summed
    product: Tensor = torch.sparse.mm(sparse_matrix(graph, weight), features)
    return product


def sparse_matrix(graph: dgl.DGLGraph, weight: Tensor) -> Tensor:
    """Return the weighted edges as a CSR matrix on the weights' device, row = destination."""
    offsets, sources, edges = (part.to(weight.device) for part in graph.adj_tensors("csc"))
    shape = (graph.num_dst_nodes(), graph.num_src_nodes())
    return torch.sparse_csr_tensor(offsets, sources, weight[edges], shape)


@dataclass(frozen=True)
class Adjacency:
    """Symmetrically normalised edges among n nodes, in groups for relation-specific weights.

    Attributes
    ----------
    relations
        For each group, a graph of all n nodes and the normalised weights of its edges.
    degree
        Sum of each node's edge weights before normalisation, shape (n,).
    """

    relations: Sequence[tuple[dgl.DGLGraph, Tensor]]
    degree: Tensor

    def __call__(self, features: Tensor) -> list[Tensor]:
        """Pass messages within each group: one sum (n, d) per group."""
        return [pass_messages(graph, weight, features) for graph, weight in self.relations]

    def dropped(self, rate: float) -> Adjacency:
        """Drop edges at random; scale up the others, so that sums keep their expectation."""
        dropped = [(g, torch.nn.functional.dropout(w, rate)) for g, w in self.relations]
        return Adjacency(dropped, self.degree)


def diffuse(features: Tensor, aggregate: Aggregate, hops: int, teleport: float) -> Tensor:
    """Personalised propagation: H <- (1 - teleport) A H + teleport H_0, `hops` times.

    APPNP of Gasteiger et al. (ICLR 2019). Shapes (n, d) in and out; groups of edges are summed.
    If a step returns only the first nodes, as a block does, so does the result.
    """
    hidden = features
    for _ in range(hops):
        received = torch.stack(aggregate(hidden)).sum(0)
        hidden = (1 - teleport) * received + teleport * features[: len(received)]
    return hidden


def normalised_adjacency(
    groups: Sequence[tuple[Tensor, Tensor, Tensor]], n: int, device: torch.device
) -> Adjacency:
    """Divide each edge's weight by the square roots of its ends' degrees (Kipf & Welling, 2017).

    Parameters
    ----------
    groups
        Sources, destinations and weights of the edges of each group, shape (e,); every edge
        must occur in both directions.
    n
        Number of nodes.
    device
        Device of the weights. The graphs stay on the CPU unless DGL supports this device.
    """
    degree = torch.zeros(n)
    for _, destinations, weights in groups:
        degree.index_add_(0, destinations, weights)
    scale = degree.clamp_min(1e-12).rsqrt()
    relations = [
        (_on(dgl.graph((s, d), num_nodes=n), device), (w * scale[s] * scale[d]).to(device))
        for s, d, w in groups
    ]
    return Adjacency(relations, degree.to(device))


def _on(graph: dgl.DGLGraph, device: torch.device) -> dgl.DGLGraph:
    try:
        return graph.to(device)
    except dgl.DGLError:
        return graph  # DGL was built without CUDA: torch passes the messages
