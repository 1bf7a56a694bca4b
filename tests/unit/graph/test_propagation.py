from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ucmgcn.graph.build import make_graph
from ucmgcn.graph.edge_types import NODE_TYPES
from ucmgcn.graph.edges import neighbourhoods
from ucmgcn.graph.flat_graph import FlatGraph, flatten
from ucmgcn.graph.propagation import linked_neighbours, propagated
from ucmgcn.graph.space import normalise
from ucmgcn.media.cameras import icosahedron
from ucmgcn.settings import GraphConfig, PropagationConfig

CPU = torch.device("cpu")


def clusters(photos: int = 60, models: int = 24, seed: int = 0) -> FlatGraph:
    generator = np.random.default_rng(seed)
    centres = 1.4 * np.eye(3, 8)
    rows = centres[np.arange(photos) % 3] + generator.normal(size=(photos, 8))
    views = centres[np.arange(models) % 3][:, None] + generator.normal(size=(models, 12, 8))
    unit = normalise(views.astype(np.float32))
    graph = make_graph(
        normalise(rows.astype(np.float32)),
        unit,
        normalise(unit.mean(axis=1)),
        icosahedron(),
        GraphConfig(k=5),
    )
    return flatten(graph, False, CPU)


def first_tier(flat: FlatGraph, rows: torch.Tensor) -> float:
    """Share of a photo's category among its 8 nearest models; each category has 8 models."""
    best = (rows[: flat.photos] @ rows[flat.photos :].T).topk(8).indices
    return float((best % 3 == torch.arange(flat.photos)[:, None] % 3).float().mean())


def test_models_alone_have_as_many_neighbours_as_their_number_allows() -> None:
    rows = torch.from_numpy(normalise(np.random.default_rng(0).normal(size=(100, 8))))
    edges = linked_neighbours(rows, 0, PropagationConfig())
    degree = np.bincount(edges.sources, minlength=100)
    assert degree.min() == 5  # a twentieth of the models, not the least of 3
    assert propagated(clusters(photos=0), PropagationConfig()).shape == (24, 8)


@pytest.mark.parametrize("per_relation", [False, True])
def test_the_flat_graph_has_the_edges_of_the_heterograph(per_relation: bool) -> None:
    generator = np.random.default_rng(1)
    photos = normalise(generator.normal(size=(9, 4)).astype(np.float32))
    views = normalise(generator.normal(size=(5, 12, 4)).astype(np.float32))
    models = normalise(views.mean(axis=1))
    graph = make_graph(photos, views, models, icosahedron(), GraphConfig(k=2))
    flat = flatten(graph, per_relation, CPU)
    sizes = dict(zip(NODE_TYPES, (9, 60, 5), strict=True))
    start = {"photo": 0, "view": 9, "model": 69}
    dense = np.zeros((74, 74), dtype=np.float32)
    for kind in graph.canonical_etypes:
        a, b = (x.numpy() for x in graph.edges(etype=kind))
        weights = graph.edges[kind].data["weight"].numpy()
        np.add.at(dense, (b + start[kind[2]], a + start[kind[0]]), weights)
    root = 1 / np.sqrt(dense.sum(1))
    expected = root[:, None] * dense * root @ flat.features.numpy()
    actual = torch.stack(flat.adjacency(flat.features)).sum(0)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert len(flat.kinds) == (len(graph.canonical_etypes) if per_relation else 1)
    assert flat.ends(flat.features).shape == (sizes["photo"] + sizes["model"], 4)


def test_neighbourhoods_link_the_nearest_of_both_kinds() -> None:
    generator = np.random.default_rng(2)
    photos = normalise(generator.normal(size=(12, 4)).astype(np.float32))
    models = normalise(generator.normal(size=(7, 4)).astype(np.float32))
    rows = np.vstack([photos, models])
    cosine = rows @ rows.T
    np.fill_diagonal(cosine, -np.inf)
    expected = set()
    for i in range(19):
        for group in (range(12), range(12, 19)):
            best = sorted((j for j in group if j != i), key=lambda j: -cosine[i, j])[:2]
            expected |= {(i, j) for j in best} | {(j, i) for j in best}
    edges = neighbourhoods(photos, models, 2)
    assert set(zip(edges.sources.tolist(), edges.destinations.tolist(), strict=True)) == expected
    assert len(edges.sources) == len(expected)


def test_propagation_and_rebuilding_bring_photos_nearer_to_models_of_their_category() -> None:
    flat = clusters()
    raw = first_tier(flat, flat.ends(flat.features))
    spread = propagated(flat, PropagationConfig(rounds=0))
    rebuilt = propagated(flat, PropagationConfig(rounds=1))
    assert raw < first_tier(flat, spread) < first_tier(flat, rebuilt)
    torch.testing.assert_close(rebuilt.norm(dim=1), torch.ones(len(rebuilt)))


def test_a_round_propagates_the_features_over_the_rebuilt_graph() -> None:
    flat, config = clusters(seed=3), PropagationConfig(neighbours=3)
    edges = linked_neighbours(propagated(flat, replace(config, rounds=0)), flat.photos, config)
    own = flat.ends(flat.features).numpy()
    dense = np.zeros((len(own), len(own)), dtype=np.float32)
    dense[edges.destinations, edges.sources] = edges.weights
    root = 1 / np.sqrt(dense.sum(1))
    rows = own
    for _ in range(config.hops):
        rows = 0.95 * (root[:, None] * dense * root) @ rows + 0.05 * own
    np.testing.assert_allclose(propagated(flat, config).numpy(), normalise(rows), atol=1e-5)
