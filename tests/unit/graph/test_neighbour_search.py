from __future__ import annotations

import numpy as np
import pytest
import torch

from ucmgcn.graph import neighbour_search
from ucmgcn.graph.knn import top_k
from ucmgcn.graph.knn_torch import top_k_torch
from ucmgcn.graph.neighbour_search import Search, Searcher, choose_index
from ucmgcn.graph.space import normalise


def clustered(n: int, seed: int, dims: int = 16) -> np.ndarray:
    centres = np.random.default_rng(99).normal(size=(40, dims))
    rng = np.random.default_rng(seed)
    rows = centres[rng.integers(40, size=n)] + 0.4 * rng.normal(size=(n, dims))
    return normalise(rows.astype(np.float32))


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([len({*a} & {*b}) / len(b) for a, b in zip(found, truth, strict=True)]))


@pytest.mark.parametrize(
    ("queries", "gallery", "dims", "expected"),
    [
        (1_139, 6_468, 128, "flat"),
        (10_500, 46_176, 1_280, "flat"),
        (100_000, 1_000_000, 128, "ivf"),
        (40_000_000, 50_000, 128, "hnsw"),
    ],
)
def test_the_index_is_chosen_by_size(queries, gallery, dims, expected) -> None:
    assert choose_index(queries, gallery, dims) == expected


def test_auto_is_exact_for_a_small_set() -> None:
    queries, gallery = clustered(50, 0), clustered(300, 1)
    search = Searcher()
    found, cosine = search("a", queries, gallery, 4)
    expected = top_k(queries, gallery, 4)
    np.testing.assert_array_equal(found, expected[0])
    np.testing.assert_array_equal(cosine, expected[1])
    assert search.used == {"a": Search("flat", 1.0)}


@pytest.mark.parametrize("index", ["ivf", "hnsw"])
def test_an_index_reports_its_recall(index) -> None:
    queries, gallery = clustered(2_000, 0), clustered(5_000, 1)
    search = Searcher(index)
    found, cosine = search("a", queries, gallery, 10)
    true = recall(found, top_k(queries, gallery, 10)[0])
    assert true >= 0.9
    assert search.used["a"].index == index
    assert search.used["a"].recall == pytest.approx(true, abs=0.03)
    shown = np.einsum("qd,qkd->qk", queries, gallery[found])
    np.testing.assert_allclose(cosine, shown, atol=1e-5)
    assert (np.diff(cosine, axis=1) <= 0).all()


@pytest.mark.parametrize("index", ["ivf", "hnsw"])
def test_an_index_is_deterministic_and_never_returns_the_item_itself(index) -> None:
    rows = clustered(3_000, 2)
    one, two = (Searcher(index)("a", rows, rows, 5, exclude_self=True)[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == (3_000, 5)
    assert not (one == np.arange(3_000)[:, None]).any()


@pytest.mark.parametrize("index", ["ivf", "hnsw"])
@pytest.mark.parametrize("items", [1, 2, 3, 7])
def test_an_index_of_few_items_finds_them_all(index, items) -> None:
    rows = clustered(items, 3)
    found, _ = Searcher(index)("a", rows, rows, 10, exclude_self=True)
    assert [sorted(row) for row in found.tolist()] == [
        [j for j in range(items) if j != i] for i in range(items)
    ]


def test_the_effort_grows_until_the_recall_is_reached(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    # The worst case: no clusters.
    spread = normalise(rng.normal(size=(4_000, 32)).astype(np.float32))
    low, high = Searcher("ivf"), Searcher("ivf")
    monkeypatch.setattr(neighbour_search, "TARGET_RECALL", 0.3)
    low("a", spread[:1_500], spread, 10)
    monkeypatch.setattr(neighbour_search, "TARGET_RECALL", 0.99)
    high("a", spread[:1_500], spread, 10)
    assert 0.25 < low.used["a"].recall < high.used["a"].recall
    assert high.used["a"].recall > 0.98


@pytest.mark.parametrize("exclude_self", [False, True])
def test_the_gpu_code_agrees_with_the_cpu_code(exclude_self, monkeypatch) -> None:
    monkeypatch.setattr("ucmgcn.graph.knn_torch.CPU_SCORES", 10_000)
    rows = clustered(500, 4)
    ours = top_k_torch(rows, rows, 7, "cpu", exclude_self=exclude_self)
    expected = top_k(rows, rows, 7, exclude_self=exclude_self)
    np.testing.assert_allclose(ours[1], expected[1], atol=1e-6)
    assert recall(ours[0], expected[0]) > 0.999


def test_the_gpu_code_orders_ties_by_index() -> None:
    gallery = np.ones((6, 2), dtype=np.float32)
    found, _ = top_k_torch(gallery[:2], gallery, 6, "cpu")
    np.testing.assert_array_equal(found, [range(6), range(6)])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_finds_the_same() -> None:
    queries, gallery = clustered(3_000, 5, 64), clustered(20_000, 6, 64)
    search = Searcher(device="cuda")
    found, cosine = search("a", queries, gallery, 10)
    expected = top_k(queries, gallery, 10)
    np.testing.assert_allclose(cosine, expected[1], atol=1e-3)
    assert recall(found, expected[0]) > 0.999
    assert search.used["a"].index == "flat"
