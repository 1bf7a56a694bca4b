from __future__ import annotations

import numpy as np
import pytest
import torch

from ucmgcn.cameras import icosahedron
from ucmgcn.config import GraphConfig
from ucmgcn.gcn import UCMGCN
from ucmgcn.graph import make_graph
from ucmgcn.inductive import Frozen, embed_queries, joined, record
from ucmgcn.propagation import flatten
from ucmgcn.spaces import fit_space, normalise

GENERATOR = np.random.default_rng(0)
PHOTOS = GENERATOR.normal(size=(20, 6)).astype(np.float32)
VIEWS = GENERATOR.normal(size=(8, 12, 6)).astype(np.float32)
K, VIEW_K, TELEPORT = 3, 4, 0.1


def frozen(per_relation: bool) -> Frozen:
    space = fit_space(PHOTOS, VIEWS.reshape(-1, 6), "centred", 6, 0.5)
    graph = make_graph(
        space.photos(PHOTOS), space.views(VIEWS), icosahedron(), GraphConfig(k=K, view_k=VIEW_K)
    )
    flat = flatten(graph, per_relation, torch.device("cpu"))
    torch.manual_seed(0)
    network = UCMGCN(6, 5, 4, 2, len(flat.kinds), 0.0, 1, TELEPORT)
    rows, states = record(network, flat)
    learned = normalise(flat.ends(rows).numpy())
    spread = normalise(flat.ends(flat.features).numpy())
    return Frozen(space, flat, spread, learned, network, states, K, VIEW_K, 0.0, TELEPORT)


@pytest.mark.parametrize("per_relation", [False, True])
def test_it_is_the_forward_pass_of_a_graph_whose_edges_lead_to_the_query_only(
    per_relation: bool,
) -> None:
    state = frozen(per_relation)
    query = GENERATOR.normal(size=6).astype(np.float32)
    own = state.space.photos(query[None])[0]
    n, total = 20, len(state.flat.features)
    rows = state.flat.features.numpy()
    weights = {}
    for kind, first, last, k in (("photo", 0, n, K), ("view", n, total - 8, VIEW_K)):
        cosine = rows[first:last] @ own
        best = np.argsort(-cosine)[:k]
        weights[kind] = np.zeros(total, dtype=np.float32)
        weights[kind][first + best] = np.maximum(cosine[best], 0)
    degree = sum(w.sum() for w in weights.values())
    scale = 1 / np.sqrt(degree * state.flat.adjacency.degree.numpy())
    scaled = {kind: torch.from_numpy((w * scale).astype(np.float32)) for kind, w in weights.items()}

    def aggregate(hidden: torch.Tensor) -> list[torch.Tensor]:
        graph = state.flat.adjacency(hidden[:-1])
        out = []
        for kinds, sums in zip(state.flat.kinds, graph, strict=True):
            sources = [kind[0] for kind in kinds if kind[2] == "photo"]
            last = sum((scaled[s] @ hidden[:-1] for s in sources), start=0 * hidden[-1])
            out.append(torch.cat([sums, last[None]]))
        return out

    with torch.no_grad():
        features = torch.from_numpy(np.vstack([rows, own]))
        expected = normalise(state.network(features, aggregate)[-1].numpy())
    actual = embed_queries(state, query[None])[0]
    np.testing.assert_allclose(actual[6:] * np.sqrt(2), expected, atol=1e-5)


def test_a_photo_of_the_graph_lands_near_its_own_node() -> None:
    state = frozen(False)
    again = embed_queries(state, PHOTOS)
    assert np.mean((again @ state.known.T).argmax(1) == np.arange(20)) > 0.6


def test_the_joined_cosine_is_the_mean_of_both() -> None:
    a, b = (normalise(GENERATOR.normal(size=(5, 3)).astype(np.float32)) for _ in range(2))
    both = joined(a, b)
    np.testing.assert_allclose(both @ both.T, (a @ a.T + b @ b.T) / 2, atol=1e-6)
    np.testing.assert_array_equal(joined(a, a[:, :0]), a)
