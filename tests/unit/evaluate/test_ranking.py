from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.distance import cdist

from ucmgcn.core.blocks import block_slices, map_blocks
from ucmgcn.evaluate.ranking import EmbeddingScorer, FoldScorer, Measure, rank_scores, top_models

# Few distinct values, so that ties are everywhere; both zeros are among them.
TIED = st.sampled_from([-1.5, -0.0, 0.0, 0.25, 1.0])
SCORES = arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 30)), elements=TIED)


@settings(max_examples=500, deadline=None)
@given(SCORES, st.integers(0, 2**32 - 1), st.integers(0, 35))
def test_ranks_against_a_stable_sort(scores, seed, top):
    rng = np.random.default_rng(seed)
    b, g = scores.shape
    relevant = [np.flatnonzero(rng.random(g) < 0.4) for _ in range(b)]
    targets = rng.integers(-1, g, size=b)
    got = rank_scores(scores, relevant, targets, top)
    expected, start = [sorted(range(g), key=lambda j, row=row: (-row[j], j)) for row in scores], 0
    for i, order in enumerate(expected):
        ranks = got.ranks[start : start + len(relevant[i])]
        start += len(relevant[i])
        assert ranks.tolist() == sorted(order.index(j) + 1 for j in relevant[i])
        assert got.target[i] == (order.index(targets[i]) + 1 if targets[i] >= 0 else 0)
        assert got.top[i].tolist() == order[:top]
        assert np.array_equal(got.top_scores[i], scores[i, order[:top]])
    assert got.n_relevant.tolist() == [len(r) for r in relevant]


def test_cosine_and_euclidean_against_scipy():
    rng = np.random.default_rng(0)
    queries, models = rng.normal(size=(7, 5)), rng.normal(size=(9, 5))
    every = slice(0, 7)
    cosine = EmbeddingScorer(queries, models).scores(every)
    np.testing.assert_allclose(cosine, 1 - cdist(queries, models, "cosine"), atol=1e-6)
    euclidean = EmbeddingScorer(queries, models, Measure("euclidean")).scores(every)
    np.testing.assert_allclose(euclidean, -cdist(queries, models), rtol=1e-6)


def test_official_preprocessing_clips_normalises_and_ranks_by_euclidean():
    rng = np.random.default_rng(1)
    queries, models = rng.normal(size=(6, 4)), rng.normal(size=(11, 4))
    models[3] = -1.0  # clipped to a zero row, which stays zero
    clipped = [np.maximum(x, 0) for x in (queries, models)]
    unit = [x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300) for x in clipped]
    got = EmbeddingScorer(queries, models, Measure(official_preprocess=True)).scores(slice(0, 6))
    np.testing.assert_allclose(got, -cdist(*unit), atol=1e-6)
    assert not np.array_equal(
        top_models(got, 11), top_models(EmbeddingScorer(queries, models).scores(slice(0, 6)), 11)
    )


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_models_with_equal_descriptors_tie_and_keep_the_gallery_order(distance):
    rng = np.random.default_rng(2)
    models = np.repeat(rng.normal(size=(40, 33)).astype(np.float32), 3, axis=0)
    queries = np.concatenate([models[:5], rng.normal(size=(20, 33)).astype(np.float32)])
    scorer = EmbeddingScorer(queries, models, Measure(distance))
    for block_size in (1, 2, 7, 25):
        for block in block_slices(25, 120, block_size):
            top = top_models(scorer.scores(block), 120).reshape(-1, 40, 3)
            assert (np.diff(top, axis=2) == 1).all()


def test_neither_blocks_nor_threads_change_a_score():
    rng = np.random.default_rng(3)
    queries, models = rng.normal(size=(150, 64)), rng.normal(size=(211, 64))
    scorer = EmbeddingScorer(queries, models)
    whole = scorer.scores(slice(0, 150))
    for size, threads in ((1, 2), (13, 1), (64, 3)):
        parts = map_blocks(scorer.scores, block_slices(150, 211, size), threads)
        assert np.array_equal(np.concatenate(list(parts)), whole)


def test_blocks_cover_the_queries_and_bound_the_scores():
    blocks = block_slices(100_000, 100_000)
    assert [b.start for b in blocks[1:]] == [b.stop for b in blocks[:-1]]
    assert (blocks[0].start, blocks[-1].stop) == (0, 100_000)
    assert max(b.stop - b.start for b in blocks) * 100_000 <= 8_000_000


def test_a_query_is_compared_with_the_gallery_of_its_own_fold():
    generator = np.random.default_rng(0)
    widths = [3, 5]
    galleries = [generator.normal(size=(7, width)) for width in widths]
    queries = np.zeros((6, 8))
    for i, fold in enumerate([1, 0, 0, 1, 1, 0]):
        queries[i, 3 * fold : 3 + 5 * fold] = generator.normal(size=widths[fold])
    scorer = FoldScorer(queries, np.hstack(galleries), widths, Measure())
    first = EmbeddingScorer(queries[[1, 2, 5], :3], galleries[0]).scores(slice(0, 3))
    second = EmbeddingScorer(queries[[0, 3, 4], 3:], galleries[1]).scores(slice(0, 3))
    expected = np.stack([second[0], first[0], first[1], second[1], second[2], first[2]])
    np.testing.assert_array_equal(scorer.scores(slice(0, 6)), expected)
    np.testing.assert_array_equal(scorer.scores(slice(2, 4)), expected[2:4])
    changed = [galleries[0], galleries[1] * 3 + 1]
    other = FoldScorer(queries, np.hstack(changed), widths, Measure()).scores(slice(0, 6))
    np.testing.assert_array_equal(other[[1, 2, 5]], expected[[1, 2, 5]])
