from __future__ import annotations

import numpy as np
import pytest

from ucmgcn.core.errors import UserError
from ucmgcn.evaluate.baselines import (
    BASELINES,
    PROTOCOL_OF,
    AlphaQueryExpansion,
    ArrayViews,
    BaselineInputs,
    KReciprocal,
    build_baseline,
)
from ucmgcn.evaluate.ranking import Measure

N, G, VIEWS, D = 23, 31, 4, 12


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(5, D))
    queries = centres[rng.integers(5, size=N)] + rng.normal(size=(N, D))
    views = centres[rng.integers(5, size=G)][:, None] + rng.normal(size=(G, VIEWS, D))
    return queries.astype(np.float32), views.astype(np.float32)


def inputs(queries: np.ndarray, views: np.ndarray) -> BaselineInputs:
    pooled = {"max": views.max(axis=1), "mean": views.mean(axis=1)}
    return BaselineInputs(queries, pooled.__getitem__, ArrayViews(views, chunk_size=7))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


@pytest.mark.parametrize(
    ("name", "similarity"),
    [
        ("max-pool", lambda q, views: cosine(q, views.max(axis=0))),
        ("mean-pool", lambda q, views: cosine(q, views.mean(axis=0))),
        ("max-view", lambda q, views: max(cosine(q, v) for v in views)),
    ],
)
def test_pooled_baselines_against_a_loop(data, name, similarity):
    queries, views = data
    expected = [[similarity(q, v) for v in views] for q in queries]
    got = build_baseline(name, inputs(*data)).scores(slice(0, N))
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_alpha_query_expansion_against_a_loop(data):
    queries, views = data
    models = views.max(axis=1)
    unit = [m / np.linalg.norm(m) for m in models.astype(np.float64)]
    expected = []
    for q in queries:
        similarity = [cosine(q, m) for m in models]
        nearest = sorted(range(G), key=lambda j: -similarity[j])[:6]
        expanded = q.astype(np.float64) / np.linalg.norm(q)
        for j in nearest:
            expanded = expanded + max(similarity[j], 0.0) ** 2.0 * unit[j]
        expected.append([cosine(expanded, m) for m in unit])
    got = AlphaQueryExpansion(queries, models, k=6, alpha=2.0).scores(slice(0, N))
    np.testing.assert_allclose(got, expected, atol=1e-5)


def slow_k_reciprocal(queries, models, k1, k2, weight):
    """The equations of the paper on dense matrices."""
    rows = np.concatenate([queries, models]).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    n = len(rows)
    original = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    original /= original.max(axis=1, keepdims=True)
    order = np.argsort(original, axis=1, kind="stable")

    def reciprocal(i, k):
        return {j for j in order[i, : k + 1] if i in order[j, : k + 1]}

    v = np.zeros((n, n))
    for i in range(n):
        members = reciprocal(i, k1)
        expanded = set(members)
        for j in members:
            candidates = reciprocal(j, round(k1 / 2))
            if len(candidates & members) > 2 / 3 * len(candidates):
                expanded |= candidates
        for j in expanded:
            v[i, j] = np.exp(-original[i, j])
        v[i] /= v[i].sum()
    v = np.stack([v[order[i, :k2]].mean(axis=0) for i in range(n)])
    nq = len(queries)
    smaller = np.minimum(v[:nq, None], v[None, nq:]).sum(axis=2)
    larger = np.maximum(v[:nq, None], v[None, nq:]).sum(axis=2)
    return (1 - weight) * (1 - smaller / larger) + weight * original[:nq, nq:]


@pytest.mark.parametrize(("k1", "k2"), [(8, 3), (20, 6), (4, 1), (200, 6)])
def test_k_reciprocal_against_dense_equations(data, k1, k2):
    queries, views = data
    models = views.max(axis=1)
    expected = slow_k_reciprocal(queries, models, k1, k2, 0.3)
    scorer = KReciprocal(queries, models, k1=k1, k2=k2)
    got = np.concatenate([scorer.scores(slice(0, 9)), scorer.scores(slice(9, N))])
    np.testing.assert_allclose(got, -expected, atol=1e-5)


@pytest.mark.parametrize("name", BASELINES)
def test_only_transductive_baselines_depend_on_other_queries(data, name):
    queries, views = data
    whole = build_baseline(name, inputs(queries, views)).scores(slice(0, N))
    alone = np.concatenate(
        [build_baseline(name, inputs(queries[[i]], views)).scores(slice(0, 1)) for i in range(N)]
    )
    assert np.array_equal(whole, alone) == (PROTOCOL_OF[name] == "inductive")


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("measure", [Measure("euclidean"), Measure(official_preprocess=True)])
def test_baselines_work_under_every_measure(data, name, measure):
    plain = build_baseline(name, inputs(*data)).scores(slice(0, N))
    other = build_baseline(name, inputs(*data), measure, threads=2).scores(slice(0, N))
    assert other.shape == (N, G) and np.isfinite(other).all()
    assert not np.allclose(plain, other)


def test_a_gallery_of_one_model_works(data):
    queries, views = data
    for name in BASELINES:
        scores = build_baseline(name, inputs(queries, views[:1])).scores(slice(0, N))
        assert scores.shape == (N, 1) and np.isfinite(scores).all()


def test_an_unknown_baseline_is_a_user_error(data):
    with pytest.raises(UserError, match=r"'min-pool'.*max-pool"):
        build_baseline("min-pool", inputs(*data))
