from __future__ import annotations

import numpy as np
from scipy import sparse

from ucmgcn.adapt.targets import GraphSettings, Targets, make_targets
from ucmgcn.media.cameras import icosahedron
from ucmgcn.settings import GraphConfig, PropagationConfig, TrainConfig

SETTINGS = GraphSettings(GraphConfig(k=4, dims=8), PropagationConfig(), TrainConfig())


def clustered(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    centres = 4 * np.eye(2, 16)
    photos = centres[np.arange(n) % 2] + generator.normal(size=(n, 16))
    views = centres[np.arange(m) % 2][:, None] + generator.normal(size=(m, 12, 16))
    return photos.astype(np.float32), views.astype(np.float32)


def test_targets_link_items_of_one_cluster_sparsely_and_both_ways() -> None:
    n, m = 60, 40
    targets = make_targets(*clustered(n, m), icosahedron(), SETTINGS, "cpu")
    links = targets.links
    assert sparse.issparse(links) and links.shape == (n + m, n + m)
    assert (abs(links - links.T) > 1e-6).nnz == 0
    assert links.nnz < 0.3 * (n + m) ** 2
    rows, columns = links.nonzero()
    cluster = np.concatenate([np.arange(n) % 2, np.arange(m) % 2])
    weight = np.asarray(links[rows, columns]).ravel()
    assert weight[cluster[rows] == cluster[columns]].sum() > 0.95 * weight.sum()
    assert (targets.photos, targets.models) == (n, m)


def test_the_means_are_those_of_the_normalised_features() -> None:
    photos, views = clustered(20, 10)
    targets = make_targets(photos, views, icosahedron(), SETTINGS, "cpu")
    unit = photos / np.linalg.norm(photos, axis=1, keepdims=True)
    np.testing.assert_allclose(targets.photo_mean, unit.mean(axis=0), atol=1e-5)


def links(rows: list[list[float]]) -> Targets:
    zero = np.zeros(1, np.float32)
    return Targets(sparse.csr_matrix(np.array(rows, np.float32)), 1, zero, zero)


def test_a_model_is_drawn_by_the_weights_of_its_links() -> None:
    targets = links([[0, 0.75, 0.25], [0.75, 0, 0], [0.25, 0, 0]])
    generator = np.random.default_rng(0)
    drawn = [targets.model_of(0, generator) for _ in range(2000)]
    assert set(drawn) == {0, 1}
    np.testing.assert_allclose(np.mean(drawn), 0.25, atol=0.03)
    assert links([[0.5, 0], [0, 0]]).model_of(0, generator) is None


def test_weights_among_repeated_nodes() -> None:
    targets = links([[0, 0.5], [0.5, 0]])
    among = targets.among(np.array([0, 0, 1]))
    np.testing.assert_allclose(among, [[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]])
