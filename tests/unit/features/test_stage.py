from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.features.encoders.open import open_encoder
from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.features.encoders.torch_encoder import export_onnx
from ucmgcn.features.stage import _in_parallel, extract_image_features, extract_view_features
from ucmgcn.files.shards import ShardWriter, open_shard
from ucmgcn.media.photos import load_photo
from ucmgcn.settings import FeaturesConfig

# The tracing exporter is deprecated, but works with the pinned torch, see export_onnx.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*TorchScript-based ONNX export.*:DeprecationWarning",
    "ignore:The feature will be removed:DeprecationWarning",
    "ignore:Constant folding:UserWarning",
)

CONFIG = FeaturesConfig()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    path = tmp_path_factory.mktemp("onnx") / "lite0.onnx"
    export_onnx(encoder_spec(CONFIG), path)
    return OnnxEncoder(path, batch=3)


@pytest.fixture
def rows(tmp_path: Path) -> list[tuple[str, Path]]:
    rng = np.random.default_rng(1)
    found = []
    for i in range(8):
        path = tmp_path / f"{i}.png"
        Image.fromarray(rng.integers(0, 256, (12, 9 + i, 3), dtype=np.uint8)).save(path)
        found.append((f"photo/{7 - i}", path))
    return found


def read(path: Path, kind: str) -> tuple[list[str], np.ndarray]:
    with open_shard(path, kind) as shard:
        return shard.ids, shard.array[:]


@pytest.mark.parametrize("threads", [1, 3])
def test_photos_one_by_one_give_the_same_shard(
    tmp_path: Path, encoder: OnnxEncoder, rows: list[tuple[str, Path]], threads: int
) -> None:
    out = tmp_path / "out.h5"
    extract_image_features(rows, out, encoder, CONFIG, {"dataset": "x"}, threads)
    ids, features = read(out, "image-features")
    assert ids == [id for id, _ in rows]
    assert features.dtype == np.float32
    alone = [encoder.encode(load_photo(path, 224, CONFIG.resize)[None])[0] for _, path in rows]
    np.testing.assert_allclose(features, alone, atol=1e-5)


def test_the_shard_records_its_provenance(
    tmp_path: Path, encoder: OnnxEncoder, rows: list[tuple[str, Path]]
) -> None:
    extract_image_features(rows, tmp_path / "out.h5", encoder, CONFIG, {"dataset": "x"})
    with open_shard(tmp_path / "out.h5", "image-features") as shard:
        assert shard.provenance["dataset"] == "x"
        assert shard.provenance["resize"] == CONFIG.resize
        assert shard.provenance["encoder"] == encoder.describe()


def test_unreadable_photos_are_rejected_and_the_others_go_on(
    tmp_path: Path, encoder: OnnxEncoder, rows: list[tuple[str, Path]]
) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    bad = [("bad/text", tmp_path / "text.jpg"), ("bad/none", tmp_path / "none.jpg")]
    mixed = [bad[0], *rows[:2], bad[1], *rows[2:]]
    extract_image_features(mixed, tmp_path / "out.h5", encoder, CONFIG, {}, threads=2)
    with open_shard(tmp_path / "out.h5", "image-features") as shard:
        assert shard.ids == [id for id, _ in rows]
        assert [Path(r.path).name for r in shard.rejected] == ["text.jpg", "none.jpg"]
        assert "no image of a known format" in shard.rejected[0].reason
        assert "No such file" in shard.rejected[1].reason


def test_flaws_of_a_usable_photo_are_warnings(tmp_path: Path, encoder: OnnxEncoder) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    cut = exif.tobytes()[:-6]
    frames[0].save(tmp_path / "cut.jpg", exif=cut)
    frames[0].save(tmp_path / "whole.jpg")
    rows = [(name, tmp_path / name) for name in ("moving.gif", "cut.jpg", "whole.jpg")]
    for _ in range(2):  # encoded, then reused from the earlier shard
        extract_image_features(rows, tmp_path / "out.h5", encoder, CONFIG, {})
        with open_shard(tmp_path / "out.h5", "image-features") as shard:
            assert len(shard) == 3
            said = {id: [w.what for w in found] for id, found in shard.warnings.items() if found}
        assert said == {
            "moving.gif": ["holds several pictures, the first is used"],
            "cut.jpg": ["photo damaged in part, used"],
        }


def test_a_shard_may_be_empty_or_all_unreadable(tmp_path: Path, encoder: OnnxEncoder) -> None:
    for rows in ([("x", tmp_path / "none.jpg")], []):
        extract_image_features(rows, tmp_path / "out.h5", encoder, CONFIG, {})
        ids, features = read(tmp_path / "out.h5", "image-features")
        assert ids == [] and features.shape == (0, 1280)


def write_views(path: Path, views: np.ndarray) -> np.ndarray:
    cameras = np.eye(3, dtype=np.float32)[: views.shape[1]]
    with ShardWriter(
        path, "views", {}, "views", views.shape[1:], "u1", extra={"cameras": cameras}
    ) as writer:
        writer.add_many([f"model/{i}" for i in range(len(views))], views)
    return cameras


def test_views_keep_their_order_ids_and_cameras(tmp_path: Path, encoder: OnnxEncoder) -> None:
    views = np.random.default_rng(2).integers(0, 256, (3, 2, 224, 224, 3), dtype=np.uint8)
    cameras = write_views(tmp_path / "views.h5", views)
    extract_view_features(
        tmp_path / "views.h5", tmp_path / "out.h5", encoder, CONFIG, {}, threads=2
    )
    with open_shard(tmp_path / "out.h5", "view-features") as shard:
        assert shard.ids == ["model/0", "model/1", "model/2"]
        np.testing.assert_array_equal(shard.extra("cameras"), cameras)
        for model, features in zip(views, shard.array[:], strict=True):
            np.testing.assert_allclose(features, encoder.encode(model), atol=1e-5)


def test_views_of_another_size_are_scaled(tmp_path: Path, encoder: OnnxEncoder) -> None:
    large = np.full((1, 1, 300, 300, 3), 255, np.uint8)
    large[:, :, 60:240, 60:240] = 90
    write_views(tmp_path / "views.h5", large)
    extract_view_features(tmp_path / "views.h5", tmp_path / "out.h5", encoder, CONFIG, {})
    _, features = read(tmp_path / "out.h5", "view-features")
    scaled = Image.fromarray(large[0, 0]).resize((224, 224), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(features[0], encoder.encode(np.asarray(scaled)[None]), atol=1e-5)


def test_a_fusion_gets_photos_and_views_in_each_of_its_sizes(tmp_path: Path) -> None:
    config = FeaturesConfig("efficientnet-lite0+efficientnet-lite2", resize="squash")
    export_onnx(encoder_spec(config), tmp_path / "fusion.onnx")
    encoder = OnnxEncoder(tmp_path / "fusion.onnx")
    picture = np.random.default_rng(3).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    picture = picture.repeat(60, axis=0).repeat(60, axis=1)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    write_views(tmp_path / "views.h5", picture[None, None])
    extract_image_features([("x", tmp_path / "photo.png")], tmp_path / "i.h5", encoder, config, {})
    extract_view_features(tmp_path / "views.h5", tmp_path / "v.h5", encoder, config, {})
    _, of_photo = read(tmp_path / "i.h5", "image-features")
    _, of_view = read(tmp_path / "v.h5", "view-features")
    inputs = [np.asarray(Image.fromarray(picture).resize((s, s), 2))[None] for s in (224, 260)]
    np.testing.assert_allclose(of_photo, encoder.encode(*inputs), atol=1e-5)
    np.testing.assert_allclose(of_view[0], of_photo, atol=1e-5)


def test_features_that_are_not_finite_are_a_user_error(
    tmp_path: Path, rows: list[tuple[str, Path]]
) -> None:
    lite0 = encoder_spec(CONFIG)
    weights = torch.load(lite0.local_file(lite0.members[0]), weights_only=True)
    weights["_fc.bias"][7] = torch.nan
    torch.save(weights, tmp_path / "nan.pth")
    config = FeaturesConfig(output="logits", weights=str(tmp_path / "nan.pth"))
    export_onnx(encoder_spec(config), tmp_path / "nan.onnx")
    broken = open_encoder(encoder_spec(config), "cpu", tmp_path / "nan.onnx", config.batch)
    with pytest.raises(UserError, match=r"photo/7: .*not finite.*features\.weights"):
        extract_image_features(rows, tmp_path / "out.h5", broken, config, {})
    assert not (tmp_path / "out.h5").exists()


def test_a_parallel_map_keeps_the_order_is_bounded_and_passes_on_errors() -> None:
    running, most, lock = 0, 0, threading.Lock()
    taken: list[int] = []

    def items() -> Iterator[int]:
        for i in range(40):
            taken.append(i)
            yield i

    def square(i: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.001 * (i % 3))
        with lock:
            running -= 1
        if i == 30:
            raise ValueError("thirty")
        return i * i

    results = _in_parallel(square, items(), threads=4)
    assert next(results) == 0
    assert len(taken) <= 8
    with pytest.raises(ValueError, match="thirty"):
        for expected in range(1, 41):
            assert next(results) == expected**2
    assert most == 4
    assert len(taken) <= 38
