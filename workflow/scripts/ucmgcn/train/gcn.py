"""The graph convolutional network that embeds photos, views and models."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from ucmgcn.graph.flat_graph import FlatGraph
from ucmgcn.graph.message_passing import Aggregate, diffuse
from ucmgcn.settings import PropagationConfig, TrainConfig


class GraphConvolution(nn.Module):
    """H' = sum_r A_r H W_r + H W_0: one matrix for each group of edges, and one for the node.

    With a single group this is the layer of Kipf & Welling (ICLR 2017) with separate self-loop
    weights; with one group per relation, that of Schlichtkrull et al. (ESWC 2018).
    """

    def __init__(self, inputs: int, outputs: int, relations: int) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.relations = nn.ModuleList(
            nn.Linear(inputs, outputs, bias=False) for _ in range(relations)
        )

    def forward(self, features: Tensor, aggregate: Aggregate) -> Tensor:
        """Map features (n, inputs) to (m, outputs).

        `aggregate` returns A_r H of each group for the first m nodes: all nodes, or the
        destinations of a block.
        """
        messages = aggregate(features)
        out: Tensor = self.own(features[: len(messages[0])])
        for linear, message in zip(self.relations, messages, strict=True):
            out = out + linear(message)
        return out


class UCMGCN(nn.Module):
    """Graph convolutions, then personalised propagation (APPNP) of their output.

    Parameters
    ----------
    sizes
        Width of the node features, then of the output of each graph convolution; the last is the
        width of the embedding.
    relations
        Number of edge groups with relation-specific weights.
    dropout
        Dropout rate on the input of each layer.
    hops, teleport
        Steps and teleport probability of the propagation; 0 hops leave it out.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        relations: int,
        dropout: float,
        hops: int,
        teleport: float,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            GraphConvolution(a, b, relations) for a, b in itertools.pairwise(sizes)
        )
        self.dropout, self.hops, self.teleport = dropout, hops, teleport

    def forward(self, features: Tensor, aggregate: Aggregate) -> Tensor:
        """Embed all nodes or those of the last block: (n, inputs) to (m, outputs), unnormalised."""
        hidden = features * features.shape[1] ** 0.5  # unit vectors to entries of unit variance
        for i, layer in enumerate(self.layers):
            hidden = F.relu(hidden) if i else hidden
            hidden = layer(F.dropout(hidden, self.dropout, self.training), aggregate)
        return diffuse(hidden, aggregate, self.hops, self.teleport)


def make_network(flat: FlatGraph, propagation: PropagationConfig, config: TrainConfig) -> UCMGCN:
    """Make a network with random weights for a graph, on the graph's device."""
    return UCMGCN(
        sizes=[flat.features.shape[1], *[config.hidden] * (config.layers - 1), config.dims],
        relations=len(flat.kinds),
        dropout=config.dropout,
        hops=config.hops,
        teleport=propagation.teleport,
    ).to(flat.features.device)
