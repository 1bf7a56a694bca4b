from __future__ import annotations

import numpy as np
import pytest

from ucmgcn.evaluate.assess import RetrievalTask, assess
from ucmgcn.evaluate.instances import hits, recall, recall_intervals
from ucmgcn.evaluate.ranking import EmbeddingScorer


def brute_force(scores: np.ndarray, instances: list[str], models: list[str], depth: int) -> float:
    found = []
    for row, wanted in zip(scores, instances, strict=True):
        if wanted in models:
            order = sorted(range(len(models)), key=lambda i: (-row[i], i))
            found.append(wanted in [models[i] for i in order[:depth]])
    return sum(found) / len(found)


@pytest.mark.parametrize("labelled", [True, False])
def test_recall_agrees_with_counting(labelled: bool) -> None:
    rng = np.random.default_rng(3)
    models, queries = [f"m{i}" for i in range(30)], [f"q{i}" for i in range(80)]
    # A fifth of the photos show no known model, or one that is not in the gallery.
    instances = [str(rng.choice([*models, *models, *models, "", "elsewhere"])) for _ in queries]
    q, m = rng.normal(size=(80, 6)), rng.normal(size=(30, 6))
    labels = ["a" if labelled else ""]
    task = RetrievalTask(queries, models, labels * 80, labels * 30, instances)
    run = assess(EmbeddingScorer(q, m), task, top=10)
    q, m = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (q, m))
    got = recall(run, task)
    for depth in (1, 5, 10):
        expected = brute_force((q @ m.T).astype(np.float32), instances, models, depth)
        assert got[f"R@{depth}"] == pytest.approx(expected)
    ends = recall_intervals([run, run], task, 200, 0)
    for name, value in got.items():
        assert ends[f"{name}_lo"] <= value <= ends[f"{name}_hi"]


def test_hits_are_averaged_over_the_seeds() -> None:
    task = RetrievalTask(["q"], ["a", "b"], [""], [""] * 2, ["b"])
    near = assess(EmbeddingScorer(np.array([[1.0, 0]]), np.array([[0.0, 1], [1, 0]])), task)
    far = assess(EmbeddingScorer(np.array([[1.0, 0]]), np.array([[1.0, 0], [0, 1]])), task)
    np.testing.assert_allclose(hits([near, far], task), [[0.5, 1, 1]])


def test_without_known_models_there_is_no_recall() -> None:
    task = RetrievalTask(["q"], ["a"], ["x"], ["x"])
    run = assess(EmbeddingScorer(np.ones((1, 2)), np.ones((1, 2))), task)
    assert recall(run, task) == {} and recall_intervals([run], task, 10, 0) == {}
