from __future__ import annotations

import numpy as np
import pytest

from ucmgcn.evaluate.assess import RetrievalTask, assess, ceilings, confusion
from ucmgcn.evaluate.metrics import FLAVOURS, retrieval, summarise
from ucmgcn.evaluate.ranking import EmbeddingScorer


@pytest.fixture(scope="module")
def embeddings() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 6)), np.round(rng.normal(size=(47, 6)))


@pytest.fixture(scope="module")
def task() -> RetrievalTask:
    rng = np.random.default_rng(1)
    queries = rng.choice(["cat", "dog", "NA", "0", "unicorn", ""], size=60).tolist()
    models = rng.choice(["cat", "dog", "NA", "0", "unseen", ""], size=47).tolist()
    names = [f"m{i}" for i in range(47)]
    instances = [f"m{i}" for i in rng.integers(0, 60, size=60)]
    return RetrievalTask([f"q{i}" for i in range(60)], names, queries, models, instances)


def order_of(queries: np.ndarray, models: np.ndarray) -> np.ndarray:
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, models)]
    return np.argsort(-np.round(unit[0] @ unit[1].T, 7), axis=1, kind="stable")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_metrics_agree_with_the_whole_relevance_matrix(embeddings, task, flavour):
    order = order_of(*embeddings)
    keep = [i for i, c in enumerate(task.query_labels) if c and c in task.model_labels]
    relevance = np.array(
        [[task.model_labels[j] == task.query_labels[i] for j in order[i]] for i in keep]
    )
    group = np.unique([task.query_labels[i] for i in keep], return_inverse=True)[1]
    largest = max(task.model_labels.count(c) for c in set(task.model_labels) - {""})
    expected = retrieval(relevance, group=group, largest=largest, flavour=flavour)
    for block_size, threads in ((None, 1), (1, 2), (17, 2)):
        got = assess(
            EmbeddingScorer(*embeddings),
            task,
            flavour=flavour,
            block_size=block_size,
            threads=threads,
        )
        assert got.retrieval is not None
        assert summarise(got.retrieval, flavour) == pytest.approx(
            summarise(expected, flavour), abs=1e-12
        )


def test_pooling_all_categories_gives_the_same_official_numbers(embeddings, task):
    scorer = EmbeddingScorer(*embeddings)
    pooled = assess(scorer, task, by_category=False).retrieval
    split = assess(scorer, task).retrieval
    assert pooled is not None and split is not None
    assert pooled.found.shape == (1, 47)
    assert summarise(pooled) == pytest.approx(summarise(split))


def test_instances_are_found_at_their_rank(embeddings, task):
    order = order_of(*embeddings)
    got = assess(EmbeddingScorer(*embeddings), task).target
    assert task.instances is not None
    for i, name in enumerate(task.instances):
        expected = order[i].tolist().index(int(name[1:])) + 1 if name in task.models else 0
        assert got[i] == expected


def test_queries_without_a_model_are_left_out_and_listed(task):
    reasons = {label: reason for _, label, reason in task.left_out}
    assert reasons == {"": "unlabelled", "unicorn": "no model of this category"}
    assert len(task.left_out) == sum(c in ("", "unicorn") for c in task.query_labels)


def test_confusion_shares_the_first_ten_places(embeddings, task):
    result = assess(EmbeddingScorer(*embeddings), task, top=10)
    got = confusion(result, task)
    order = order_of(*embeddings)
    for row, category in zip(got, task.categories, strict=True):
        queries = [i for i, c in enumerate(task.query_labels) if c == category]
        labels = [task.model_labels[j] for i in queries for j in order[i, :10]]
        for share, other in zip(row, [*task.categories, ""], strict=True):
            assert share == pytest.approx(labels.count(other) / max(len(labels), 1))


def test_without_labels_there_is_a_ranking_but_no_metric(embeddings):
    queries, models = embeddings
    task = RetrievalTask(
        [f"q{i}" for i in range(60)], [f"m{i}" for i in range(47)], [""] * 60, [""] * 47
    )
    got = assess(EmbeddingScorer(queries, models), task, top=5)
    assert got.retrieval is None
    assert np.array_equal(got.top, order_of(queries, models)[:, :5])


def test_the_perfect_ranking_reaches_the_ceilings(task):
    labels = sorted(set(task.model_labels) - {""})
    codes = {c: np.eye(len(labels) + 2)[i] for i, c in enumerate(labels)}
    other = np.eye(len(labels) + 2)[-1]
    best = EmbeddingScorer(
        np.stack([codes.get(c, other) for c in task.query_labels]),
        np.stack([codes.get(c, np.eye(len(labels) + 2)[-2]) for c in task.model_labels]),
    )
    found = assess(best, task).retrieval
    assert found is not None
    assert summarise(found) == pytest.approx(ceilings(task))


def test_scorer_and_task_must_have_the_same_shape(embeddings, task):
    with pytest.raises(ValueError, match="47"):
        assess(EmbeddingScorer(embeddings[0], embeddings[1][:9]), task)
