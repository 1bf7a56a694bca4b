from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from ucmgcn.adapt import stage, training
from ucmgcn.adapt.judge import Signs
from ucmgcn.adapt.stage import AdaptFiles, AdaptSettings, adapt_encoder
from ucmgcn.adapt.targets import GraphSettings
from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.halves import split
from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.features.encoders.spec import EncoderSpec
from ucmgcn.features.encoders.torch_encoder import Fusion
from ucmgcn.files.shards import ShardWriter, open_shard, read_shards
from ucmgcn.media.cameras import ring
from ucmgcn.settings import AdaptConfig, GraphConfig, PropagationConfig, TrainConfig

LITE0 = EncoderSpec("efficientnet-lite0@96")  # its maps are of 3 x 3 pixels
SIZE, VIEWS = 192 * 9, 3
CONFIG = AdaptConfig(rounds=1, steps=4, photos=12, models=8, own=0.0, checkpoint_every=2, lr=5e-5)
GRAPH = GraphSettings(GraphConfig(k=4, dims=8), PropagationConfig(), TrainConfig())
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def write_maps(folder: Path, photos: int = 12, models: int = 8, shards: int = 2) -> AdaptFiles:
    """Write maps of photos and models of two clusters, in shards, in no order."""
    generator = np.random.default_rng(0)
    centres = 2 * generator.normal(size=(2, SIZE))
    paths: dict[str, list[Path]] = {}
    for kind, n, rows in (("image-maps", photos, 2), ("view-maps", models, VIEWS)):
        paths[kind] = [folder / kind / f"shard-{i:03d}.h5" for i in range(shards)]
        extra = {"cameras": ring(VIEWS, 30.0)} if kind == "view-maps" else {}
        for number, path in enumerate(paths[kind]):
            with ShardWriter(
                path, kind, {"a": 1}, "maps", (rows, SIZE), "f2", extra=extra
            ) as writer:
                for i in range(n - 1, -1, -1):
                    if i % shards == number:
                        noise = generator.normal(size=(rows, SIZE))
                        writer.add(f"{i:03d}", (centres[i % 2] + noise).astype("f2"), f"o{i}")
                writer.reject(f"bad-{number}", "it is bad")
    return AdaptFiles(
        paths["image-maps"],
        paths["view-maps"],
        folder / "weights.safetensors",
        folder / "tail.onnx",
        folder / "encoder.onnx",
        folder / "adapt.json",
        [folder / "images" / path.name for path in paths["image-maps"]],
        [folder / "views" / path.name for path in paths["view-maps"]],
    )


def adapt(files: AdaptFiles, **changes: object) -> dict:
    adapt_encoder(files, LITE0, AdaptSettings(replace(CONFIG, **changes), GRAPH))
    return json.loads(files.summary.read_text())


def features_of(files: AdaptFiles) -> tuple[np.ndarray, np.ndarray]:
    images = read_shards(files.images, "image-features")[1]
    return images, read_shards(files.views, "view-features")[1]


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> AdaptFiles:
    files = write_maps(tmp_path_factory.mktemp("adapted"))
    adapt(files)
    return files


def test_it_learns_and_says_so(adapted) -> None:
    summary = json.loads(adapted.summary.read_text())
    (losses,) = summary["losses"]
    assert len(losses) == CONFIG.steps and losses[-1] < losses[0]
    assert summary["adapted"] and not summary["reasons"]
    assert (summary["photos"], summary["models"]) == (12, 8)
    assert not adapted.unfinished.exists()


def test_its_shards_hold_the_same_items_as_the_maps(adapted) -> None:
    for maps, made, kinds, shape in (
        (adapted.image_maps, adapted.images, ("image-maps", "image-features"), (1280,)),
        (adapted.view_maps, adapted.views, ("view-maps", "view-features"), (VIEWS, 1280)),
    ):
        for one, other in zip(maps, made, strict=True):
            with open_shard(one, kinds[0]) as before, open_shard(other, kinds[1]) as after:
                assert after.ids == before.ids and after.rejected == before.rejected
                assert after.array.shape == (len(before), *shape)
                assert after.provenance["encoder"]["looks"] == ["crop", "pad"]
                assert all(after.origins) and after.origins != before.origins
    with open_shard(adapted.views[0], "view-features") as shard:
        np.testing.assert_array_equal(shard.extra("cameras"), ring(VIEWS, 30.0))


def test_the_exports_compute_the_features_of_the_shards(adapted) -> None:
    import onnxruntime

    tail = onnxruntime.InferenceSession(str(adapted.tail))
    _, maps, _ = read_shards(adapted.view_maps, "view-maps")
    (found,) = tail.run(None, {"maps": maps.reshape(-1, SIZE).astype("f4")})
    views = features_of(adapted)[1]
    np.testing.assert_allclose(found, views.reshape(-1, 1280), atol=1e-3)
    halves = split(Fusion(LITE0).eval(), 1)
    with safe_open(adapted.weights, "pt") as weights:
        halves.tail.load_state_dict({name: weights.get_tensor(name) for name in weights.keys()})  # noqa: SIM118
    images = np.random.default_rng(1).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = halves.tail(halves.trunk(torch.from_numpy(images))).numpy()
    encoder = OnnxEncoder(adapted.encoder)
    np.testing.assert_allclose(encoder.encode(images), expected, atol=1e-3)
    assert encoder.dim == 1280 and len(encoder.describe()["adapted_sha256"]) == 64


def test_the_same_seed_gives_the_same_numbers(adapted, tmp_path) -> None:
    again, other = write_maps(tmp_path / "again"), write_maps(tmp_path / "other")
    adapt(again)
    adapt(other, seed=1)
    for one, two, three in zip(*map(features_of, (adapted, again, other)), strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)


def test_a_killed_training_resumes_to_the_same_numbers(tmp_path, monkeypatch) -> None:
    whole, killed = write_maps(tmp_path / "whole"), write_maps(tmp_path / "killed")
    adapt(whole, rounds=2)
    steps = 0
    drawn = training.draw_batch

    def kill(*given):
        nonlocal steps
        steps += 1
        if steps == CONFIG.steps + 4:  # in the second round, after its first checkpoint
            raise KeyboardInterrupt
        return drawn(*given)

    monkeypatch.setattr(training, "draw_batch", kill)
    with pytest.raises(KeyboardInterrupt):
        adapt(killed, rounds=2)
    monkeypatch.setattr(training, "draw_batch", drawn)
    assert sorted(path.name for path in killed.unfinished.glob("[!.]*")) == [
        "round-0.pt",
        "round-1.pt",
    ]
    monkeypatch.setattr(training, "draw_batch", lambda *given: counted.append(1) or drawn(*given))
    counted: list[int] = []
    adapt(killed, rounds=2)
    assert len(counted) == 2
    for one, two in zip(features_of(whole), features_of(killed), strict=True):
        np.testing.assert_array_equal(one, two)
    assert whole.summary.read_text() == killed.summary.read_text()


def test_a_checkpoint_of_other_maps_is_not_taken(tmp_path, monkeypatch) -> None:
    files = write_maps(tmp_path)
    monkeypatch.setattr(stage.shutil, "rmtree", lambda *_, **__: None)
    first = adapt(files, steps=2)["losses"]
    assert list(files.unfinished.iterdir())
    assert adapt(files, steps=2, seed=1)["losses"] != first


def test_features_that_got_worse_are_not_used(tmp_path, monkeypatch, caplog) -> None:
    files = write_maps(tmp_path)
    found = iter([Signs(None, np.full(9, each), None) for each in (0.8, 0.5)])
    monkeypatch.setattr(stage, "signs", lambda *_: next(found))
    summary = adapt(files)
    assert not summary["adapted"]
    assert summary["reasons"] == ["looks fell from 0.800 to 0.500"]
    assert "the features stay those of the encoder as it comes: looks fell" in caplog.text
    halves = split(Fusion(LITE0).eval(), 1)
    _, maps, _ = read_shards(files.view_maps, "view-maps")
    with torch.no_grad():
        expected = halves.tail(torch.from_numpy(maps.reshape(-1, SIZE)).float())
    views = features_of(files)[1]
    np.testing.assert_allclose(views.reshape(-1, 1280), expected.numpy(), atol=1e-4)


def test_a_share_of_untouched_features_averages_the_cosines(adapted, tmp_path) -> None:
    mixed, first = write_maps(tmp_path / "mixed"), write_maps(tmp_path / "first")
    adapt(mixed, own=0.25)
    adapt(first, own=1.0)

    def cosines(files: AdaptFiles) -> np.ndarray:
        rows = features_of(files)[1].reshape(-1, features_of(files)[1].shape[-1])
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit @ unit.T

    expected = 0.75 * cosines(adapted) + 0.25 * cosines(first)
    np.testing.assert_allclose(cosines(mixed), expected, atol=1e-4)
    assert OnnxEncoder(mixed.encoder).dim == 2560


@pytest.mark.parametrize(("photos", "models"), [(0, 6), (1, 6), (2, 2)])
def test_few_photos_or_none_are_enough(tmp_path, photos, models) -> None:
    files = write_maps(tmp_path, photos, models)
    adapt(files, steps=1)
    assert [len(rows) for rows in features_of(files)] == [photos, models]


def test_a_sample_bounds_what_the_graph_is_built_of(tmp_path) -> None:
    files = write_maps(tmp_path)
    summary = adapt(files, steps=1, sample=5)
    assert (summary["photos"], summary["models"]) == (5, 5)
    assert [len(rows) for rows in features_of(files)] == [12, 8]


def test_a_single_model_is_a_mistake(tmp_path) -> None:
    with pytest.raises(UserError, match=r"adapt: 1 models are left.*Set adapt\.rounds: 0"):
        adapt(write_maps(tmp_path, photos=2, models=1))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_learns_the_same(adapted, tmp_path) -> None:
    files = write_maps(tmp_path)
    adapt_encoder(files, LITE0, AdaptSettings(CONFIG, GRAPH, "cuda"))
    here, there = (json.loads(each.summary.read_text())["losses"] for each in (adapted, files))
    np.testing.assert_allclose(there, here, rtol=0.02)


def test_photos_that_do_not_teach_change_nothing_but_are_described(tmp_path) -> None:
    some, few = write_maps(tmp_path / "some"), write_maps(tmp_path / "few", photos=6)
    teachers = [f"{i:03d}" for i in range(6)]
    # The order of the noise differs between the sets: the maps of the first are cut instead.
    for source, target in zip(some.image_maps, few.image_maps, strict=True):
        with open_shard(source, "image-maps") as shard:
            kept = [i for i, id in enumerate(shard.ids) if id in teachers]
            with ShardWriter(target, "image-maps", {}, "maps", (2, SIZE), "f2") as writer:
                writer.add_many([shard.ids[i] for i in kept], shard.array[:][kept])
    for source, target in zip(some.view_maps, few.view_maps, strict=True):
        target.write_bytes(source.read_bytes())
    settings = AdaptSettings(CONFIG, GRAPH)
    adapt_encoder(some, LITE0, settings, teachers)
    adapt_encoder(few, LITE0, settings)
    (all_photos, views), (photos, same) = features_of(some), features_of(few)
    np.testing.assert_array_equal(views, same)
    assert len(all_photos) == 12
    np.testing.assert_allclose(all_photos[:6], photos, atol=1e-5)


def test_damaged_maps_are_a_mistake(tmp_path) -> None:
    files = write_maps(tmp_path)
    files.view_maps[0].write_bytes(b"nothing")
    with pytest.raises(UserError, match="is damaged"):
        adapt(files)
