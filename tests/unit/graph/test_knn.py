from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucmgcn.graph import knn
from ucmgcn.graph.knn import neighbourhood, top_k
from ucmgcn.graph.space import normalise


def vectors(n: int, seed: int) -> np.ndarray:
    return normalise(np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32))


@pytest.mark.parametrize("k", [1, 3, 20, 50])
def test_top_k_agrees_with_a_full_sort(k: int) -> None:
    queries, gallery = vectors(17, 0), vectors(20, 1)
    found, cosine = top_k(queries, gallery, k)
    scores = queries @ gallery.T
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(cosine, np.take_along_axis(scores, expected, 1), atol=1e-6)


@given(
    st.integers(1, 40), st.integers(1, 400), st.integers(0, 30), st.booleans(), st.integers(0, 99)
)
def test_ties_and_chunks_agree_with_a_stable_sort(n, m, k, own, seed) -> None:
    # Small integers: the products are exact, and most of them tie.
    rng = np.random.default_rng(seed)
    gallery = rng.integers(-1, 2, size=(m, 3)).astype(np.float32)
    queries = gallery[:n] if own else rng.integers(-1, 2, size=(n, 3)).astype(np.float32)
    scores = queries @ gallery.T
    if own:
        np.fill_diagonal(scores, -np.inf)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knn, "CHUNK", 150)
        patch.setattr(knn, "BLOCK_VALUES", 1500)
        patch.setattr(knn, "SMALL", 1000)
        found, cosine = top_k(queries, gallery, k, exclude_self=own)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, : min(k, m - own)]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(cosine, np.take_along_axis(scores, expected, 1))


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = vectors(31, 2)
    whole = top_k(rows, rows, 4, exclude_self=True)
    monkeypatch.setattr(knn, "BLOCK_VALUES", 100)
    parts = top_k(rows, rows, 4, exclude_self=True)
    np.testing.assert_array_equal(whole[0], parts[0])
    assert not (whole[0] == np.arange(31)[:, None]).any()


def test_ties_go_to_the_first() -> None:
    gallery = np.ones((6, 1), dtype=np.float32)
    found, _ = top_k(gallery[:2], gallery, 6)
    np.testing.assert_array_equal(found, [range(6), range(6)])


def test_a_lone_vector_has_no_neighbour() -> None:
    assert top_k(vectors(1, 0), vectors(1, 0), 3, exclude_self=True)[0].shape == (1, 0)


@pytest.mark.parametrize(("items", "expected"), [(4, 3), (100, 5), (300, 15), (10_000, 15)])
def test_a_neighbourhood_is_small_in_a_small_set(items: int, expected: int) -> None:
    assert neighbourhood(15, items) == expected
