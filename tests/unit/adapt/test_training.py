from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy import sparse

from ucmgcn.adapt.maps import Maps
from ucmgcn.adapt.pointwise import Pointwise, with_products
from ucmgcn.adapt.targets import Targets
from ucmgcn.adapt.training import Adaptation, Lesson, draw_batch
from ucmgcn.features.encoders.halves import split
from ucmgcn.features.encoders.spec import EncoderSpec
from ucmgcn.features.encoders.torch_encoder import Fusion
from ucmgcn.files.shards import ShardWriter
from ucmgcn.settings import AdaptConfig

SIZE, PHOTOS, MODELS, VIEWS = 192 * 9, 6, 5, 3
CONFIG = AdaptConfig(rounds=1, steps=1, photos=4, models=3, pull=0.0)


@pytest.fixture
def lesson(tmp_path):
    generator = np.random.default_rng(0)
    for name, kind, shape in (
        ("p", "image-maps", (PHOTOS, 2, SIZE)),
        ("v", "view-maps", (MODELS, VIEWS, SIZE)),
    ):
        with ShardWriter(tmp_path / f"{name}.h5", kind, {}, "maps", shape[1:], "f2") as writer:
            rows = generator.normal(size=shape).astype("f2")
            writer.add_many([str(i) for i in range(shape[0])], rows)
    weights = np.triu(generator.random((PHOTOS + MODELS,) * 2), 1)
    weights[weights < 0.5] = 0
    links = sparse.csr_matrix((weights + weights.T).astype(np.float32))
    means = generator.normal(size=(2, 1280)).astype(np.float32) / 100
    with (
        Maps([tmp_path / "p.h5"], "image-maps", [str(i) for i in range(PHOTOS)]) as photos,
        Maps([tmp_path / "v.h5"], "view-maps", [str(i) for i in range(MODELS)]) as views,
    ):
        yield Lesson(photos, views, Targets(links, PHOTOS, means[0], means[1]))


def test_a_batch_holds_all_looks_of_its_photos_and_two_views_of_its_models(lesson) -> None:
    batch = draw_batch(lesson, CONFIG, np.random.default_rng(0))
    photos, models = batch.nodes[: batch.photos], batch.nodes[batch.photos :]
    assert batch.photos == 2 * CONFIG.photos and set(np.bincount(photos)) <= {0, 2}
    assert set(np.bincount(models)) <= {0, 2} and min(models) >= PHOTOS
    assert len(set(models)) >= CONFIG.models
    assert len(batch.maps) == len(batch.nodes)
    half = len(models) // 2
    assert not np.array_equal(batch.maps[batch.photos :][:half], batch.maps[batch.photos :][half:])


def test_the_first_loss_is_that_of_the_formula(lesson, tmp_path) -> None:
    tail = split(Fusion(EncoderSpec("efficientnet-lite0@96")).eval(), 1).tail
    training = Adaptation(copy.deepcopy(tail), tail, CONFIG, "cpu", tmp_path / "unfinished", "")
    batch = draw_batch(lesson, CONFIG, np.random.default_rng([CONFIG.seed, 0, 0]))
    with torch.no_grad():
        rows = tail(torch.from_numpy(batch.maps).float()).double().numpy()

    def unit(x: np.ndarray) -> np.ndarray:
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    targets, k = lesson.targets, batch.photos
    centred = np.concatenate(
        [unit(rows[:k]) - targets.photo_mean, unit(rows[k:]) - targets.view_mean]
    )
    scores = unit(centred) @ unit(centred).T / CONFIG.temperature
    losses = []
    for a, one in enumerate(batch.nodes):
        others = [b for b in range(len(rows)) if b != a]
        total = np.log(np.exp(scores[a, others]).sum())
        likeness = {
            b: 1.0 if batch.nodes[b] == one else targets.links[one, batch.nodes[b]] for b in others
        }
        whole = sum(likeness.values())
        losses.append(sum(w * (total - scores[a, b]) for b, w in likeness.items()) / whole)
    assert training.run(lesson) == pytest.approx([np.mean(losses)], rel=1e-4)


def test_products_compute_what_convolutions_do_with_the_same_weights() -> None:
    tail = split(Fusion(EncoderSpec("efficientnet-lite0@96")).eval(), 2).tail
    fast = with_products(tail)
    maps = torch.randn((3, SIZE), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(fast(maps), tail(maps), atol=1e-4, rtol=1e-4)
    # Expansion and projection of each block, and the head.
    assert sum(isinstance(part, Pointwise) for part in fast.modules()) == 5
    assert not any(isinstance(part, Pointwise) for part in tail.modules())
    pairs = zip(fast.parameters(), tail.parameters(), strict=True)
    assert all(one is other for one, other in pairs)


def test_a_strong_pull_keeps_the_weights(lesson, tmp_path) -> None:
    tail = split(Fusion(EncoderSpec("efficientnet-lite0@96")).eval(), 1).tail
    moved = []
    for pull in (0.0, 1e4):
        config = AdaptConfig(rounds=1, steps=3, photos=4, models=3, pull=pull)
        learner = copy.deepcopy(tail)
        Adaptation(learner, tail, config, "cpu", tmp_path / f"{pull}", "").run(lesson)
        pairs = zip(learner.parameters(), tail.parameters(), strict=True)
        moved.append(float(sum(((a - b) ** 2).sum() for a, b in pairs)))
    assert 0 < moved[1] < moved[0]
