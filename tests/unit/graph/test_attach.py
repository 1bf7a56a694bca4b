from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from frozen_graph import BESIDE, MODELS, PHOTOS, TELEPORT, VIEW_K, VIEWS, K, trained

from ucmgcn.graph import attach
from ucmgcn.graph.attach import embed_model, embed_queries, embed_query, joined, photo_reach
from ucmgcn.graph.build import make_graph
from ucmgcn.graph.edge_types import EdgeType
from ucmgcn.graph.flat_graph import FlatGraph
from ucmgcn.graph.space import fit_space, normalise
from ucmgcn.media.cameras import icosahedron
from ucmgcn.settings import GraphConfig
from ucmgcn.train.gcn import UCMGCN

GENERATOR = np.random.default_rng(1)
Edge = tuple[EdgeType, int, int, float]


def forward(flat: FlatGraph, network: UCMGCN, own: np.ndarray, edges: list[Edge]) -> np.ndarray:
    """Slow reference in torch: the whole graph, with edges to the new nodes only."""
    size, new = len(flat.features), len(own)
    degree = np.concatenate([flat.adjacency.degree.numpy(), np.zeros(new, dtype=np.float32)])
    for _, _, destination, weight in edges:
        degree[destination] += weight
    matrices = {kind: np.zeros((new, size + new)) for kind, *_ in edges}
    for kind, source, destination, weight in edges:
        scale = np.sqrt(degree[source] * degree[destination])
        matrices[kind][destination - size, source] += weight / scale

    def aggregate(hidden: torch.Tensor) -> list[torch.Tensor]:
        old = flat.adjacency(hidden[:size])
        return [
            torch.cat([sums, torch.tensor(matrix, dtype=torch.float32) @ hidden])
            for sums, matrix in zip(old, map(group, flat.kinds), strict=True)
        ]

    def group(kinds: list[EdgeType]) -> np.ndarray:
        none = np.zeros((new, size + new))
        return sum((matrices[kind] for kind in kinds if kind in matrices), start=none)

    with torch.no_grad():
        features = torch.from_numpy(np.vstack([flat.features.numpy(), own]))
        return normalise(network(features, aggregate)[-1].numpy())


def nearest(rows: np.ndarray, own: np.ndarray, k: int) -> list[tuple[int, float]]:
    cosine = rows @ own
    return [(int(i), max(float(cosine[i]), 0.0)) for i in np.argsort(-cosine)[:k]]


@pytest.mark.parametrize("per_relation", [False, True])
def test_a_photo_is_embedded_as_on_a_graph_with_edges_to_it_only(per_relation) -> None:
    state, flat, network = trained(per_relation)
    query = GENERATOR.normal(size=6).astype(np.float32)
    own = state.space.photos(query[None])
    rows, n, size = state.features, len(PHOTOS), len(state.features)
    alike, shown = ("photo", "like", "photo"), ("view", "shown-by", "photo")
    edges = [(alike, i, size, w) for i, w in nearest(rows[:n], own[0], K)]
    edges += [(shown, n + i, size, w) for i, w in nearest(rows[n:-MODELS], own[0], VIEW_K)]
    actual = embed_queries(state, query[None])[0]
    expected = forward(flat, network, own, edges)
    np.testing.assert_allclose(actual[6:] * np.sqrt(2), expected, atol=1e-5)
    spread = sum(w * state.spread[i] for _, i, _, w in edges[:K])
    spread = spread + sum(w * state.spread[n + (i - n) // 12] for _, i, _, w in edges[K:])
    spread = normalise((1 - TELEPORT) * normalise(spread) + TELEPORT * own[0])
    np.testing.assert_allclose(actual[:6] * np.sqrt(2), spread, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("structure", ["constant", "mean", "cosine"])
@pytest.mark.parametrize("per_relation", [False, True])
def test_a_model_is_embedded_as_on_a_graph_with_edges_to_it_only(
    per_relation, structure, pooling
) -> None:
    changes = {"structure": structure, "model_pooling": pooling}
    state, flat, network = trained(per_relation, **changes)
    features = GENERATOR.normal(size=(12, 6)).astype(np.float32)
    own = state.space.views(features)
    own = np.vstack([own, state.space.models(features[None])])
    rows, n, size = state.features, len(PHOTOS), len(state.features)
    edges = []
    for photo in range(n):
        chosen = nearest(rows[n:-MODELS], rows[photo], VIEW_K)
        for view in range(12):
            if (cosine := float(own[view] @ rows[photo])) > chosen[-1][1]:
                edges.append((("photo", "shows", "view"), photo, size + view, cosine))
    alike = ("model", "like", "model")
    models = nearest(rows[-MODELS:], own[-1], K)
    edges += [(alike, size - MODELS + i, size + 12, w) for i, w in models]
    for view in range(12):
        part = {"constant": 1.0, "mean": 1 / 12, "cosine": max(float(own[view] @ own[-1]), 0)}
        weight = part[structure]
        edges.append((("view", "of", "model"), size + view, size + 12, weight))
        edges.append((("model", "has", "view"), size + 12, size + view, weight))
    for i, j in np.concatenate([BESIDE, BESIDE[:, ::-1]]):
        edges.append((("view", "beside", "view"), size + i, size + j, 1.0))
    assert sum(kind[1] == "shows" for kind, *_ in edges) > 3
    actual, views = embed_model(state, features, BESIDE, photo_reach(state))
    np.testing.assert_allclose(
        actual[6:] * np.sqrt(2), forward(flat, network, own, edges), atol=1e-5
    )
    np.testing.assert_array_equal(views, own[:-1])


SHOWN = ("view", "shown-by", "photo")
SIMILARITIES = ["cosine", "mutual", "threshold", "csls"]


@pytest.mark.parametrize(("photos", "view_k"), [(60, 3), (20, 30), (7, 4)])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_photo_attached_to_the_others_has_the_edges_to_views_of_training(
    similarity: str, photos: int, view_k: int
) -> None:
    """Each photo in turn: as a node beside all others, and attached to the graph without it."""
    config = GraphConfig(k=K, view_k=view_k, similarity=similarity, threshold=0.7)
    space = fit_space(PHOTOS, VIEWS, "centred", 6, 0.5)
    rows = space.photos(GENERATOR.normal(size=(photos, 6)).astype(np.float32))
    views, models = space.views(VIEWS), space.models(VIEWS)
    everyone = make_graph(rows, views, models, icosahedron(), config)
    sources, destinations = (ends.numpy() for ends in everyone.edges(etype=SHOWN))
    weights = everyone.edges[SHOWN].data["weight"].numpy()
    state = trained(False)[0]
    for photo in range(photos):
        others = np.delete(rows, photo, axis=0)
        features = np.vstack([others, views.reshape(-1, 6), models])
        alone = replace(state, config=config, features=features, photos=photos - 1)
        found = attach._attach_photo(alone, rows[photo], features[:-MODELS] @ rows[photo])[SHOWN]
        kept, mine = found.weights > 0, destinations == photo
        attached = dict(zip(found.sources[kept] - photos + 1, found.weights[kept], strict=True))
        trained_on = dict(zip(sources[mine], weights[mine], strict=True))
        assert attached == pytest.approx(trained_on, abs=1e-6)
    if photos == 60:  # few enough neighbours that these rules drop some
        assert (len(sources) < photos * view_k) == (similarity in ("mutual", "threshold"))


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_model_attached_to_the_others_has_the_photos_of_training_among_its_own(
    similarity: str,
) -> None:
    """As a node it may have fewer: its views displace each other."""
    config = GraphConfig(k=K, view_k=VIEW_K, similarity=similarity, threshold=0.1)
    space = fit_space(PHOTOS, VIEWS, "centred", 6, 0.5)
    rows, views, models = space.photos(PHOTOS), space.views(VIEWS), space.models(VIEWS)
    everyone = make_graph(rows, views, models, icosahedron(), config)
    sources, destinations = (ends.numpy() for ends in everyone.edges(etype=SHOWN))
    features = np.vstack([rows, views[:-1].reshape(-1, 6), models[:-1]])
    state = replace(trained(False)[0], config=config, features=features, models=MODELS - 1)
    nodes = np.vstack([views[-1], models[-1:]])
    found = attach._attach_model(state, nodes, BESIDE, photo_reach(state))[
        ("photo", "shows", "view")
    ]
    first = 12 * (MODELS - 1)
    own = sources >= first
    expected = set(zip(destinations[own], sources[own] - first, strict=True))
    attached = set(zip(found.sources, found.destinations, strict=True))
    assert expected <= attached
    if similarity == "mutual":
        order = np.argsort(-(views[-1] @ rows.T), axis=1)[:, :VIEW_K]
        assert all(photo in order[view] for photo, view in attached)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_photo_has_the_same_bytes_alone_and_among_others(similarity: str) -> None:
    state, _, _ = trained(False, similarity=similarity)
    queries = GENERATOR.normal(size=(300, 6)).astype(np.float32)
    together = embed_queries(state, queries)
    assert all(
        (embed_query(state, q) == row).all() for q, row in zip(queries, together, strict=True)
    )
    np.testing.assert_array_equal(embed_queries(state, queries[7::3]), together[7::3])
    assert embed_queries(state, queries[:0]).shape == (0, 10)


def test_ties_of_equal_views_go_by_index() -> None:
    state, _, _ = trained(False)
    same = replace(state, features=np.repeat(state.features[:1], len(state.features), axis=0))
    assert np.isfinite(embed_queries(same, PHOTOS[:2])).all()


def test_a_photo_of_the_graph_lands_near_its_own_node() -> None:
    state, _, _ = trained(False)
    again = embed_queries(state, PHOTOS)
    assert np.mean((again @ state.known.T).argmax(1) == np.arange(20)) > 0.6


def test_a_model_of_the_graph_lands_near_its_own_node() -> None:
    state, _, _ = trained(False)
    reach = photo_reach(state)
    again = np.stack([embed_model(state, views, BESIDE, reach)[0] for views in VIEWS])
    assert np.mean((again @ state.gallery.T).argmax(1) == np.arange(MODELS)) > 0.6


@pytest.mark.parametrize("residual", [0.0, 0.3])
def test_the_joined_cosine_is_the_mean_of_its_parts(residual: float) -> None:
    a, b, c = (normalise(GENERATOR.normal(size=(5, 3)).astype(np.float32)) for _ in range(3))
    rows = joined(a, b, c, residual)
    expected = (1 - residual) * (a @ a.T + b @ b.T) / 2 + residual * c @ c.T
    np.testing.assert_allclose(rows @ rows.T, expected, atol=1e-6)
    alone = joined(a, a[:, :0], c, residual)
    expected = (1 - residual) * a @ a.T + residual * c @ c.T
    np.testing.assert_allclose(alone @ alone.T, expected, atol=1e-6)
    assert rows.shape == (5, 9 if residual else 6)


@pytest.mark.parametrize("residual", [0.0, 0.3])
@pytest.mark.parametrize("trust", [0.0, 0.2, 0.5, 1.0])
def test_trust_weighs_what_was_learned_against_what_was_propagated(
    trust: float, residual: float
) -> None:
    a, b, c = (normalise(GENERATOR.normal(size=(5, 3)).astype(np.float32)) for _ in range(3))
    rows = joined(a, b, c, residual, trust)
    graph = (1 - trust) * a @ a.T + trust * b @ b.T
    np.testing.assert_allclose(
        rows @ rows.T, (1 - residual) * graph + residual * c @ c.T, atol=1e-6
    )
    for parts, only in (((a, b[:, :0]), a), ((a[:, :0], b), b)):  # trust weighs nothing
        alone = joined(*parts, c, residual, trust)
        expected = (1 - residual) * only @ only.T + residual * c @ c.T
        np.testing.assert_allclose(alone @ alone.T, expected, atol=1e-6)


@pytest.mark.parametrize("coverage", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("least", [0.0, 0.5])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_a_photo_may_have_any_share_of_own_features(
    coverage: float, least: float, share: float
) -> None:
    """Its products with the gallery are the weighted means of the parts' cosines."""
    state = trained(False)[0]
    space = replace(state.space, coverage=coverage)
    state = replace(state, space=space, residual=least, gated=True)
    spread, learned = state.spread[:3], state.learned[:3]
    own = state.space.photos(PHOTOS[:3])
    n, trust = len(PHOTOS), coverage**2 / (1 + coverage**2)
    graph = (1 - trust) * spread @ state.spread[n:].T + trust * learned @ state.learned[n:].T
    expected = (1 - share) * graph + share * own @ state.features[-MODELS:].T
    found = state.asked(spread, learned, own, share) @ state.gallery.T
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_own_features_count_more_for_a_photo_that_is_less_familiar() -> None:
    state = replace(trained(False)[0], gated=True)
    rows = state.space.photos(PHOTOS)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    nearness = -np.sort(-cosines, axis=1)[:, :5].mean(axis=1)
    typical, far = np.median(nearness), np.quantile(nearness, 0.05)
    assert state.acquaintance == pytest.approx((typical, far), abs=1e-6)
    shares = [state.own_share(x) for x in np.linspace(1, -1, 50)]
    assert shares == sorted(shares) and shares[0] == 0.3 and shares[-1] == pytest.approx(0.6)
    assert state.own_share(float(typical + far) / 2) == pytest.approx(0.45, abs=1e-5)
    half = replace(state, residual=0.5)
    assert half.own_share(1.0) == 0.5 and half.own_share(-1.0) == pytest.approx(0.6)
    assert replace(half, gated=False).own_share(-1.0) == 0.5


def test_among_few_photos_none_is_familiar_or_strange() -> None:
    state = trained(False)[0]
    few = replace(state, gated=True, photos=5)
    assert few.acquaintance is None
    assert few.own_share(1.0) == few.own_share(-1.0) == pytest.approx(0.45)


def test_a_strange_photo_is_embedded_with_more_of_its_own_features() -> None:
    state = replace(trained(False)[0], gated=True)
    query = GENERATOR.normal(size=(1, 6)).astype(np.float32)
    own = state.space.photos(query)
    nearness = float(np.sort((own @ state.features[: len(PHOTOS)].T)[0])[-5:].mean())
    plain = replace(state, gated=False, residual=0.0)
    share = state.own_share(nearness)
    expected = (1 - share) * embed_queries(plain, query) @ plain.gallery.T
    expected = expected + share * own @ state.features[-MODELS:].T
    found = embed_queries(state, query) @ state.gallery.T
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_own_features_are_a_share_of_every_embedding() -> None:
    state, _, _ = trained(False)
    half = replace(state, residual=0.5)
    reach = photo_reach(state)
    new_model = embed_model(half, VIEWS[0], BESIDE, reach)[0]
    pairs = [
        (state.known, half.known, state.space.photos(PHOTOS)),
        (state.gallery, half.gallery, state.space.models(VIEWS)),
        (embed_queries(state, PHOTOS), embed_queries(half, PHOTOS), state.space.photos(PHOTOS)),
        (
            embed_model(state, VIEWS[0], BESIDE, reach)[0][None],
            new_model[None],
            state.space.models(VIEWS[:1]),
        ),
    ]
    for without, with_own, own in pairs:
        expected = np.hstack([without, own]) / np.sqrt(2)
        np.testing.assert_allclose(with_own, expected, atol=1e-6)


def test_a_photo_is_attached_to_a_graph_without_photos() -> None:
    """It is as far as can be from any photo, and the gate knows nothing of what is usual."""
    state = trained(False)[0]
    features, n = state.features[len(PHOTOS) :], len(PHOTOS)
    alone = replace(
        state, features=features, photos=0, spread=state.spread[n:], degree=state.degree[n:],
        learned=state.learned[:, :0][n:], network=None, states=[], gated=True,
    )  # fmt: skip
    found = embed_queries(alone, PHOTOS[:2]) @ alone.gallery.T
    assert found.shape == (2, MODELS) and np.isfinite(found).all() and np.abs(found).max() <= 1
