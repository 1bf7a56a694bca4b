from __future__ import annotations

import numpy as np
import pytest

from ucmgcn import knn
from ucmgcn.knn import neighbourhood, top_k
from ucmgcn.spaces import normalise


def vectors(n: int, seed: int) -> np.ndarray:
    return normalise(np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32))


@pytest.mark.parametrize("k", [1, 3, 20, 50])
def test_it_agrees_with_a_full_sort(k: int) -> None:
    queries, gallery = vectors(17, 0), vectors(20, 1)
    found, cosine = top_k(queries, gallery, k)
    scores = queries @ gallery.T
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(cosine, np.take_along_axis(scores, expected, 1), atol=1e-6)


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
