from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from ucmgcn.evaluate import metrics
from ucmgcn.evaluate.metrics import FLAVOURS, METRICS, retrieval, summarise

HAND = np.array([[1, 0, 1, 0, 0, 0], [0, 1, 0, 1, 1, 0]], dtype=bool)
# MI3DOR's test split has 21 categories, 3,848 models and 500 queries per category. We found no
# public source of its class sizes, so these are made up: they grow geometrically, with a steepness
# fitted to the known ceiling of AUC, .887. Of the values tested below, only AUC's ceiling depends
# on the sizes, so for AUC the test shows only that such sizes exist. The ceilings of NN, FT, ST,
# DCG, ANMRR and mAP are the same for any sizes; F's follows from the totals if each category has at
# least 20 models.
STEPS = np.exp(np.linspace(0.0, 1.717, 21))
MI3DOR_SIZES = np.floor(STEPS / STEPS.sum() * 3848).astype(int)
MI3DOR_SIZES[-1] += 3848 - MI3DOR_SIZES.sum()


def slow_official(relevance: list[list[int]], largest: int) -> dict[str, float]:
    """The definitions as plain loops."""
    n, g = len(relevance), len(relevance[0])
    at = lambda q, k: relevance[q][k - 1] if 1 <= k <= g else 0  # noqa: E731
    c = [sum(row) for row in relevance]
    first, second, dcg, anmrr, ap, mpeg = [], [], [], [], [], []
    for q in range(n):
        first.append(sum(at(q, k) for k in range(1, c[q] + 1)) / c[q])
        second.append(sum(at(q, k) for k in range(1, min(2 * c[q] - 1, g) + 1)) / c[q])
        gain = at(q, 1) + sum(at(q, k) / math.log2(k) for k in range(2, c[q] + 1))
        dcg.append(gain / (1 + sum(1 / math.log2(k) for k in range(2, c[q] + 1))))
        s = min(4 * c[q], 2 * largest)
        ranks = [k if at(q, k) else s + 1 for k in range(1, c[q] + 1)]
        anmrr.append((sum(ranks) / c[q] - c[q] / 2 - 0.5) / (s - c[q] / 2 + 0.5))
        found = [k for k in range(1, g + 1) if at(q, k)]
        ap.append(sum((i + 1) / k for i, k in enumerate(found)) / c[q])
        s = min(4 * c[q], 2 * max(c))
        average = sum(k if k <= s else 1.25 * s for k in found) / c[q]
        mpeg.append((average - 0.5 - c[q] / 2) / (1.25 * s - 0.5 * (1 + c[q])))
    return {
        "NN": sum(row[0] for row in relevance) / n,
        "FT": sum(first) / n,
        "ST": sum(second) / n,
        "F": slow_f(relevance, c),
        "DCG": sum(dcg) / n,
        "ANMRR": sum(anmrr) / n,
        "AUC": slow_area(relevance, c),
        "mAP": sum(ap) / n,
        "ANMRR_MPEG7": sum(mpeg) / n,
    }


def slow_f(relevance: list[list[int]], c: list[int]) -> float:
    hits = sum(sum(row[:20]) for row in relevance)
    if hits == 0:
        return 0.0
    return 2 / (1 / (hits / (20 * len(relevance))) + 1 / (hits / sum(c)))


def slow_area(relevance: list[list[int]], c: list[int]) -> float:
    points = []
    for depth in range(1, len(relevance[0]) + 1):
        hits = sum(sum(row[:depth]) for row in relevance)
        points.append((hits / sum(c), hits / (depth * len(relevance))))
    return sum((r1 - r0) * (p0 + p1) / 2 for (r0, p0), (r1, p1) in itertools.pairwise(points))


def slow_legacy(relevance: list[list[int]], group: list[int]) -> dict[str, float]:
    """The published evaluator: zero-based rows, category by category, then the mean."""
    parts = []
    for category in sorted(set(group)):
        rows = [[*row, 0] for row, g in zip(relevance, group, strict=True) if g == category]
        n, c = len(rows), sum(rows[0])
        dcg, anmrr = [], []
        for row in rows:
            gain, ideal = float(row[1]), 1.0
            for k in range(2, c):
                gain, ideal = gain + row[k] / math.log2(k), ideal + 1 / math.log2(k)
            dcg.append(gain / ideal)
            s = min(4 * c, 2 * c)
            ranks = [k + 1 if row[k] else s + 1 for k in range(c)]
            anmrr.append((sum(ranks) / c - (c / 2 - 0.5)) / (s - c / 2 + 0.5))
        plain = [row[:-1] for row in rows]
        micro = slow_official(plain, c)
        area = slow_area(plain, [c] * n)
        parts.append(
            {k: micro[k] for k in ("NN", "FT", "ST", "F")}
            | {"DCG": sum(dcg) / n, "ANMRR": sum(anmrr) / n, "AUC": area, "mAP": area}
        )
    return {k: sum(p[k] for p in parts) / len(parts) for k in METRICS}


@st.composite
def rankings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Labels of a gallery, ranked differently for each query; one category has no query."""
    g = draw(st.integers(1, 45))
    k = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.integers(k, size=g)
    queried = rng.permutation(np.unique(labels))[: draw(st.integers(1, k))]
    group = rng.choice(queried, size=draw(st.integers(1, 6)))
    relevance = np.stack([rng.permutation(labels) == c for c in group])
    return relevance, np.unique(group, return_inverse=True)[1], int(np.bincount(labels).max())


def test_hand_vector():
    got = summarise(retrieval(HAND, largest=3))
    expected = {
        "NN": 0.5,
        "FT": 0.416667,
        "ST": 1.0,
        "DCG": 0.4400469,
        "ANMRR": 0.5606061,
        "F": 0.2222222,
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, abs=5e-7), name


@settings(max_examples=1500, deadline=None)
@given(rankings())
def test_official_against_brute_force(case):
    relevance, group, largest = case
    got = summarise(retrieval(relevance, group=group, largest=largest))
    assert got == pytest.approx(slow_official(relevance.astype(int).tolist(), largest), abs=1e-12)


@settings(max_examples=1000, deadline=None)
@given(rankings())
def test_legacy_against_brute_force(case):
    relevance, group, largest = case
    found = retrieval(relevance, group=group, largest=largest, flavour="legacy")
    got = summarise(found, "legacy")
    expected = slow_legacy(relevance.astype(int).tolist(), group.tolist())
    assert {name: got[name] for name in METRICS} == pytest.approx(expected, abs=1e-12)


@settings(max_examples=300, deadline=None)
@given(rankings())
def test_map_against_scikit_learn(case):
    relevance, _, _ = case
    scores = -np.arange(relevance.shape[1])
    expected = np.mean([average_precision_score(row, scores) for row in relevance])
    assert summarise(retrieval(relevance))["mAP"] == pytest.approx(expected, abs=1e-12)


def _mi3dor(order: str) -> metrics.Retrieval:
    """Under a fixed order, all 500 queries of a category are alike, so one stands for them."""
    labels = np.repeat(np.arange(21), MI3DOR_SIZES)
    rng = np.random.default_rng(3)
    rows = []
    for c in np.repeat(np.arange(21), 10 if order == "random" else 1):
        hit = labels == c
        rows.append(rng.permutation(hit) if order == "random" else np.sort(hit))
    relevance = np.stack(rows)
    return retrieval(
        relevance[:, ::-1] if order == "perfect" else relevance, largest=MI3DOR_SIZES[-1]
    )


def test_perfect_ranking_at_mi3dor_sizes():
    assert (len(MI3DOR_SIZES), MI3DOR_SIZES.sum()) == (21, 3848)
    got = summarise(_mi3dor("perfect"))
    for name in ("NN", "FT", "ST", "DCG", "mAP"):
        assert got[name] == pytest.approx(1.0), name
    assert got["ANMRR"] == pytest.approx(0.0)
    assert got["ANMRR_MPEG7"] == pytest.approx(0.0)
    # F's ceiling follows from the totals if every C >= 20.
    assert got["F"] == pytest.approx(0.1968, abs=5e-5)
    assert got["AUC"] == pytest.approx(0.887, abs=5e-4)


def test_reversed_ranking_at_mi3dor_sizes():
    got = summarise(_mi3dor("reversed"))
    for name in ("NN", "FT", "ST", "F", "DCG"):
        assert got[name] == 0.0, name
    assert got["ANMRR"] == pytest.approx(1.0)
    assert got["ANMRR_MPEG7"] == pytest.approx(1.0)


def test_random_ranking_at_mi3dor_sizes():
    got = summarise(_mi3dor("random"))
    expected = {"NN": 0.048, "FT": 0.047, "ST": 0.094, "F": 0.009, "DCG": 0.047, "ANMRR": 0.953}
    for name, value in {**expected, "AUC": 0.047}.items():
        assert got[name] == pytest.approx(value, abs=0.035 if name == "NN" else 0.006), name


@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(max_examples=200, deadline=None)
@given(case=rankings())
def test_ceilings_are_those_of_a_perfect_ranking(flavour, case):
    relevance, group, largest = case
    best = -np.sort(-relevance.astype(int), axis=1) > 0
    expected = retrieval(best, group=group, largest=largest, flavour=flavour)
    got = metrics.perfect_retrieval(
        relevance.sum(axis=1),
        group,
        n_models=relevance.shape[1],
        largest=largest,
        flavour=flavour,
    )
    assert summarise(got, flavour) == pytest.approx(summarise(expected, flavour), abs=1e-12)


def test_one_relevant_model_in_a_gallery_of_one():
    got = summarise(retrieval(np.ones((3, 1), dtype=bool)))
    assert got["AUC"] == 0.0
    assert all(got[name] == 1.0 for name in ("NN", "FT", "ST", "DCG", "mAP"))
    assert got["F"] == pytest.approx(2 / 21)
    assert got["ANMRR"] == got["ANMRR_MPEG7"] == 0.0


def test_a_query_without_a_relevant_model_is_refused():
    with pytest.raises(ValueError, match="at least one relevant model"):
        retrieval(np.array([[True, False], [False, False]]))
    with pytest.raises(ValueError, match="no query"):
        summarise(retrieval(HAND).of_group(1))


def test_legacy_differs_from_official_where_it_should():
    official = summarise(retrieval(HAND, group=np.array([0, 1]), largest=3))
    found = retrieval(HAND, group=np.array([0, 1]), largest=3, flavour="legacy")
    legacy = summarise(found, "legacy")
    assert legacy["mAP"] == legacy["AUC"] != official["AUC"]
    assert legacy["DCG"] != official["DCG"]
    assert legacy["ANMRR"] > official["ANMRR"]


def test_instance_recall_counts_ranks_within_depth():
    got = metrics.instance_recall(np.array([1, 5, 6, 11]))
    assert got == {"R@1": 0.25, "R@5": 0.5, "R@10": 0.75}
