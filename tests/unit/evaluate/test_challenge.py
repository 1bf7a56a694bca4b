from __future__ import annotations

from pathlib import Path

import layouts
import numpy as np
import pytest

from ucmgcn.datasets.dataset import shard_members
from ucmgcn.datasets.source import Source
from ucmgcn.evaluate.assess import RetrievalTask, assess
from ucmgcn.evaluate.challenge import Shapes, Tally, challenge_row, f_scores, read_points, tally
from ucmgcn.evaluate.points import sample, sample_shard
from ucmgcn.evaluate.ranking import EmbeddingScorer
from ucmgcn.files.shards import open_shard


def brute_force(found: np.ndarray, true: np.ndarray, radius: float) -> float:
    distances = np.sqrt(((found[:, None] - true[None]) ** 2).sum(axis=2))
    precision = (distances.min(axis=1) <= radius).mean()
    recall = (distances.min(axis=0) <= radius).mean()
    return 200 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3, 5.0])
def test_f_scores_agree_with_all_pairs_of_points(shift: float) -> None:
    rng = np.random.default_rng(1)
    found, true = rng.uniform(size=(90, 3)) + shift, rng.uniform(size=(70, 3))
    expected = [brute_force(found, true, radius) for radius in (0.2, 0.04)]
    assert f_scores(found, true) == pytest.approx(expected)


def test_the_score_of_the_public_baseline() -> None:
    # Printed with the challenge's baseline: top1_acc, mean_f_score, score.
    public = Tally(0.5750211582638133, 65.05269981001194, 0.0, 1, 0)
    assert public.score == pytest.approx(60.14482022065204)


def test_the_first_five_count_and_shapes_without_points_score_zero() -> None:
    models = [f"m{i}" for i in range(7)]
    task = RetrievalTask(["q", "unknown"], models, ["", ""], [""] * 7, ["m0", ""])
    run = assess(EmbeddingScorer(np.eye(2, 7), np.eye(7)), task, top=10)
    cloud = np.random.default_rng(0).uniform(size=(50, 3))
    shapes = Shapes({"m0": cloud, "m1": cloud, "m2": cloud + 9, "m3": cloud + 9})
    result = tally(run, task, shapes)
    assert result is not None and (result.top1, result.n_queries) == (1.0, 1)
    assert result.f == pytest.approx(200 / 5)  # m0 and m1 are alike, m2, m3 are not, m4 has none
    assert challenge_row([run, run], task, shapes)["score"] == pytest.approx(65 + 0.35 * 40)
    lost = tally(run, task, Shapes({"m1": cloud}))
    assert lost is None


def test_points_lie_on_the_surface_and_are_deterministic(tmp_path: Path) -> None:
    path = layouts.mesh(tmp_path / "bed.obj", "bed", 0)
    points = sample(path)
    assert points.shape == (400, 3)
    np.testing.assert_allclose(np.abs(points / [1, 0.5, 1.5]).max(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(points, sample(path))


def test_a_shard_holds_its_models_and_rejects_files_without_a_surface(tmp_path: Path) -> None:
    root = layouts.three_d_future(tmp_path)
    source = Source("3d-future", root / "model", root / "photos")
    (root / "model" / "bed-0001" / "normalized_model.obj").write_text("v 0 0 0\n")
    shards = [tmp_path / f"{shard}.h5" for shard in range(2)]
    for shard, path in enumerate(shards):
        sample_shard(shard_members(source, "models", shard, 2), path, {})
    points = read_points(shards)
    assert len(points) == 8 and "bed-0001" not in points
    alone = sample(root / "model" / "bed-0000" / "normalized_model.obj")
    np.testing.assert_allclose(points["bed-0000"], alone, rtol=1e-6)
    rejected = []
    for path in shards:
        with open_shard(path, "points") as shard:
            rejected += list(shard.rejected)
    assert [(r.stage, "no faces" in r.reason) for r in rejected] == [("points", True)]
